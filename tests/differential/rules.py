# SPDX-License-Identifier: MIT
"""Why adit and a peer differ. A difference that no rule explains fails the test.

First come the differences about bytes that the strict reader does not take: adit refuses them, and
LENIENT says what the peer does instead. Then those about requests and responses that are sound, one
Rule each. A rule's text is what docs/differential.md says.
"""
import dataclasses
import re
import typing

from . import model, odd, services, strict
from .faults import FAULTS


@dataclasses.dataclass
class Rule:
    name: str
    direction: str
    peers: tuple
    facet: str  # a regular expression for the whole facet
    text: str
    when: typing.Callable = lambda each, difference: True
    events: tuple = ("request", "response", "response with bytes behind")


RESPONSES = ("response", "response with bytes behind", "incomplete")
BOTH = ("nginx", "haproxy")
NGINX, HAPROXY = ("nginx",), ("haproxy",)

# Faults of requests that a peer lets pass: it "mends" them (forwards a sound one) or "passes" them.
# nginx drops the trailers of requests and hardly looks at them.
DROPS_TRAILERS = "drops trailers without checking them"
COPIES_TRAILERS = "copies trailers as they are"
LENIENT = {
    "nginx": {
        "mends": {
            "bare-cr": "skips CRs before the request line and before an LF",
            "bare-lf": "takes LF for the end of a line",
            "bare-lf-in-chunk": "takes LF for the end of the line",
            "chunk-end": "takes LF for the end of the line",
            "chunk-extension": "skips whatever stands there",
            "chunk-huge": "takes any number of leading zeros",
            "chunk-line-long": "has no such limit",
            "empty-lines": "skips all empty lines",
            "first-byte": "skips LFs before the request line",
            "head-too-large": DROPS_TRAILERS,
            "line-spaces": "skips spaces",
            "name-not-token": "drops the field",
            "no-colon": "drops the field",
            "no-name": "drops the field",
            "nul": DROPS_TRAILERS,
            "obs-fold": DROPS_TRAILERS,
            "space-before-colon": DROPS_TRAILERS,
            "space-before-fields": DROPS_TRAILERS,
            "target-authority": "does not mind a port over 65535",
            "target-form": "takes any scheme",
            "too-many-fields": "does not count fields",
            "value-control": DROPS_TRAILERS,
            "version-syntax": "takes HTTP/1.01 and spaces after the version"},
        "passes": {
            "host-invalid": "looks only for what it needs itself",
            "host-missing": "speaks HTTP/1.1 to the service also for a visitor of HTTP/1.0 "
                            "without Host",
            "target-fragment": "passes the target as it came",
            "value-control": "passes controls other than NUL, CR and LF on"}},
    "haproxy": {
        "mends": {
            "bare-lf": "takes LF for the end of a line",
            "bare-lf-in-chunk": "takes LF for the end of the line",
            "chunk-end": "takes LF for the end of the line",
            "chunk-extension": "skips whatever stands there",
            "chunk-huge": "takes any number of leading zeros",
            "chunk-line-long": "has no such limit",
            "empty-lines": "skips all empty lines",
            "first-byte": "skips LFs before the request line",
            "host-twice": "takes equal ones for one",
            "length-and-coding": "takes the coding and drops Content-Length",
            "length-list": "takes equal numbers for one",
            "length-twice": "takes equal ones for one",
            "line-spaces": "skips spaces and tabs",
            "obs-fold": "replaces the fold by spaces",
            "value-control": "trims vertical tab and form feed",
            "version-major": "takes HTTP/2.0 and later for HTTP/1.1",
            "version-syntax": "skips white space before it"},
        "passes": {
            "bare-cr": COPIES_TRAILERS,
            "coding-empty": "ignores empty elements, and passes them on",
            "coding-in-1.0": "passes it on when the connection is not kept",
            "connect": "is a proxy and forwards it",
            "host-empty": "passes it on",
            "host-invalid": "passes it on",
            "host-missing": "passes the request on without Host",
            "length-huge": "takes 64 bits",
            "line-control": "passes it on",
            "name-not-token": COPIES_TRAILERS,
            "no-colon": COPIES_TRAILERS,
            "no-name": COPIES_TRAILERS,
            "nul": "passes NUL on in values",
            "obs-fold": COPIES_TRAILERS,
            "space-before-colon": COPIES_TRAILERS,
            "space-before-fields": COPIES_TRAILERS,
            "target-authority": "passes it on",
            "target-form": "passes it on",
            "value-control": "passes controls other than CR and LF on in values",
            "version-major": "passes it on"}},
}

# The same of responses: a peer that finds one at fault answers with 502 as adit does, or cuts it.
LENIENT_RESPONSES = {
    "nginx": "reads a service's head leniently, takes what has no status line for a response of "
             "HTTP/0.9, and goes by "
             "what it understands of the framing",
    "haproxy": "takes what is mended easily (folds, LF, equal lengths, a coding beside a length, "
               "spaces), and passes controls on in values",
}


def own(facet):
    return re.fullmatch(r"own (400|414|431|501|505) \| (.*)", facet)


def explain_fault(direction, peer, event, facet):
    """A sentence, or None. Only for inputs that adit refused."""
    if direction == "response":
        return explain_bad_response(peer, event, facet)
    refused = own(facet)
    if not refused:
        return None
    theirs = refused[2]
    if re.fullmatch(r"own [45]\d\d|closed", theirs):
        return "Both refuse, with another status or without a word."
    if theirs == "waits":
        return "adit refuses at once; the peer waits for more."
    lenient = LENIENT[peer]
    if theirs == "no HTTP/1.1" and peer == "nginx":
        return "nginx takes a request line without a version for HTTP/0.9."
    if theirs == "no HTTP/1.1" and event == "version-major":
        return "haproxy takes the preface of HTTP/2 and answers in HTTP/2."
    if theirs == "forwarded" and event in lenient["mends"]:
        return f"{peer} {lenient['mends'][event]}."
    passed = theirs.removeprefix("forwarded, ")
    if passed in lenient["passes"] and (passed == event or event in {**lenient["mends"],
        **lenient["passes"]}):
        return f"{peer} {lenient['passes'][passed]}."
    return None


def explain_bad_response(peer, event, facet):
    if re.fullmatch(r"(own 502|cut|nothing) \| (own 502|cut|nothing)", facet):
        return "Both end it: with a 502, by cutting the body short, or without a word."
    if facet.startswith("interim "):
        return "Both refuse; 1xx responses before it were passed on at once or held back."
    if re.match(r"(own 502|cut|nothing) \| ", facet) and event in FAULTS:
        return f"{peer} {LENIENT_RESPONSES[peer]}."
    return None


def head_bytes(each):
    return max(len(head) for head in each.data.split(b"\r\n\r\n"))


def is_odd_for_nginx(each, difference):
    """Targets that nginx refuses, since it normalises the path to find its location."""
    request = difference.request
    path = request.target.partition(b"?")[0]
    depth = 0
    for part in re.split(rb"/+", re.sub(rb"%2[eE]", b".", re.sub(rb"%2[fF]", b"/", path)))[1:]:
        depth += -1 if part == b".." else 0 if part in (b"", b".") else 1
        if depth < 0:
            return True
    return bool(re.search(rb"%(?![0-9A-Fa-f]{2})|%00", path)) or request.target.startswith(b"?")


def interim(each):
    """The number of 1xx responses that the service sends first."""
    return len(services.reading_of(each).interim)


def lowers_hops(each, difference):
    return model.hops_left(difference.request) is not None


def ends_hops(each, difference):
    return model.hops_left(difference.request) == 0 and \
        model.place(difference.request.host) == "tunnel"


def broke_off_head(each, difference):
    """Whether the bytes end with a HEAD request whose body is broken."""
    seen, _ = strict.read_requests(each.data)
    return bool(seen) and seen[-1].method == b"HEAD" and bool(seen[-1].fault)


RULES = [
    # requests: what adit is
    Rule("hops-end", "request", BOTH, r"own (200|501) \| .*",
         "Max-Forwards limits how far OPTIONS and TRACE go: adit answers a 0 itself (RFC "
         "9110 §7.6.2: must not forward). nginx and haproxy do not look.", ends_hops,
         ("request", "incomplete", *FAULTS)),
    Rule("hops", "request", BOTH, r"~max-forwards",
         "adit lowers the Max-Forwards of OPTIONS and TRACE (RFC 9110 §7.6.2: must). nginx and "
         "haproxy do not.", lowers_hops),
    Rule("route", "request", BOTH, r"own (404|421|200|403|426) \| .*",
         "adit serves many names on one port and forwards only those that have a tunnel: its own "
         "host answers itself, an unknown "
         "name is 404, a host elsewhere 421 (RFC 9110 §7.4). The peers are set up to forward every "
         "host.",
         events=("request", "incomplete", *FAULTS)),
    Rule("hop-by-hop", "request", BOTH, r"[+~](http2-settings|keep-alive|proxy-connection|te)",
         "Fields of one hop end at adit (RFC 9110 §7.6.1); the peer drops only Connection, "
         "Keep-Alive, TE and Upgrade, and not all of these."),
    Rule("connection-listed", "request", BOTH, r"\+[a-z0-9-]+",
         "The fields that Connection lists belong to one hop and are dropped (RFC 9110 §7.6.1: "
         "must). nginx and haproxy do not look.",
         lambda each,
         d: any(n in each.data.lower() for n in (b"x-listed",
                                                 )) and b"connection" in each.data.lower()),
    Rule("private", "request", BOTH, r"\+adit-.*",
         "Fields that begin with `adit-` are adit's own: nobody outside may set them "
         "(docs/protocol.md §4.1)."),
    # requests: what nginx does
    Rule("nginx-names", "request", NGINX, r"-.*[^a-z0-9-].*",
         "nginx drops fields whose name has anything but letters, digits and hyphens "
         "(`underscores_in_headers`, "
         "`ignore_invalid_headers`). RFC 9110 §5.1 lets a name be any token, and adit passes it."),
    Rule("nginx-expect", "request", NGINX, r"-expect|interim",
         "nginx answers `Expect: 100-continue` itself and drops it; adit passes it on, and the 100 "
         "is the service's own (RFC 9110 §10.1.1)."),
    Rule("nginx-te", "request", NGINX, r"-te",
         "adit keeps `TE: trailers`, since it passes trailers on (RFC 9110 §10.1.4); nginx drops "
         "TE."),
    Rule("nginx-trailers", "request", NGINX, r"no trailers",
         "nginx drops the trailers of a request. adit passes them, except fields that must not be "
         "trailers (RFC 9110 §6.5.1)."),
    Rule("nginx-framing", "request", NGINX, r"framing chunked \| length",
         "nginx reads a short chunked body to its end and sends it with Content-Length; adit "
         "streams it as it comes. Both are right (RFC 9112 §6.1)."),
    Rule("upgrade", "request", BOTH, r"upgrade",
         "adit passes the offer of an upgrade on, without h2c, and not with a chunked body or in "
         "HTTP/1.0 (RFC 9110 §7.8). nginx does not "
         "unless it is configured, haproxy passes h2c as well."),
    Rule("nginx-method", "request", NGINX, r"forwarded \| own 400",
         "nginx accepts only methods of capitals, `_` and `-`. A method is any token (RFC 9110 "
         "§9.1), and adit passes it.",
         lambda each, d: not re.fullmatch(rb"[A-Z_-]+", d.request.method)),
    Rule("nginx-trace", "request", NGINX, r"forwarded \| own 405",
         "nginx refuses TRACE. adit passes it, and leaves it to the service.",
         lambda each, d: d.request.method == b"TRACE"),
    Rule("nginx-target", "request", NGINX, r"forwarded \| own 400",
         "nginx decodes the path to find its location, and refuses `..` beyond the root, %00, and "
         "a % without two digits. adit has no locations and passes "
         "the target as it came.", is_odd_for_nginx),
    Rule("nginx-host", "request", NGINX, r"forwarded \| own 400",
         "nginx is stricter about the authority of an absolute-form or the host's name: adit takes "
         "what RFC 3986 §3.2.2 does.",
         lambda each,
         d: "absolute-form" in d.request.liberties or not re.fullmatch(rb"[A-Za-z0-9.:\[\]-]+",
             d.request.host)),
    Rule("nginx-host-value", "request", NGINX, r"host",
         "With an absolute-form the Host that came is replaced by the target's authority (RFC 9112 "
         "§3.2.2: must). This nginx is configured to pass $http_host.",
         lambda each, d: "absolute-form" in d.request.liberties),
    Rule("nginx-options", "request", NGINX, r"target",
         "OPTIONS with an absolute-form that has no path means `*` (RFC 9112 §3.2.4). nginx sends "
         "`/`.",
         lambda each, d: d.request.method == b"OPTIONS"),
    Rule("nginx-limits", "request", NGINX, r"forwarded \| own (400|414)",
         "nginx takes lines up to 8 KiB and heads up to 32 KiB; adit takes any head up to 32 KiB.",
         lambda each, d: head_bytes(each) > 7000),
    Rule("nginx-tab", "request", NGINX, r"forwarded \| own (400|501)",
         "White space around a field value is no part of it (RFC 9110 §5.5). nginx trims spaces "
         "but not tabs, so it reads a length or coding with a tab differently.",
         lambda each, d: b"\t" in each.data),
    Rule("nginx-close", "request", NGINX, r"forwarded \| closed",
         "nginx looks for `close` anywhere in Connection, and finds it in `closed`. adit compares "
         "options (RFC 9110 §7.6.1).",
         lambda each, d: re.search(rb"close[a-z;\"=]|\"close", each.data.lower())),
    Rule("nginx-expect-twice", "request", NGINX, r"forwarded \| own 400",
         "nginx takes one Expect only. The field is a list (RFC 9110 §10.1.1), so more are fine "
         "(§5.3), and adit passes all or none.",
         lambda each, d: len(d.request.all(b"expect")) > 1),
    Rule("twins", "request", BOTH, r"\+(content[^a-z0-9-]length|transfer[^a-z0-9-]encoding)",
         "Servers that make variables of fields read `_` and the like as a hyphen (CGI, WSGI). "
         "adit drops what they could take for a field that frames or routes a message; haproxy passes "
         "it, and nginx drops the names with `_`."),
    Rule("claims", "request", BOTH, r"\+(proxy|remote-[a-z]+|x-(real|client)-ip|"
         r"x-(forwarded|original|remote)-[a-z-]+)",
         "adit drops the fields in which only a proxy in front of it could describe a visitor "
         "(X-Real-IP and the like), and Proxy, which CGI turns into HTTP_PROXY."),
    # requests: what haproxy does
    Rule("haproxy-expect", "request", HAPROXY, r"\+expect",
         "HTTP/1.0 has no Expect: a recipient must ignore a 100-continue there (RFC 9110 §10.1.1). adit "
         "drops it, since it speaks HTTP/1.1 to the service; haproxy passes it.",
         lambda each, d: d.request.minor == 0),
    Rule("haproxy-head", "request", HAPROXY, r"closed \| no HTTP/1\.1",
         "haproxy refuses a HEAD with a broken body by an answer with a body, which the answer to "
         "a HEAD must not have (RFC 9110 §9.3.2).", broke_off_head, tuple(FAULTS)),
    Rule("haproxy-trailers", "request", HAPROXY, r"trailers",
         "haproxy passes all trailers. adit drops those that would change framing, routing or who "
         "is believed (RFC 9110 §6.5.1)."),
    Rule("haproxy-version", "request", HAPROXY, r"version",
         "haproxy forwards an HTTP/1.0 request as HTTP/1.0; adit speaks HTTP/1.1 to the service "
         "(RFC 9110 §2.5: must send its own version)."),
    Rule("haproxy-target", "request", HAPROXY, r"forwarded \| own 400",
         "haproxy refuses bytes from 0x80 up in a target, which RFC 3986 does not allow. They have "
         "one meaning only, and browsers send them; nginx and adit pass them.",
         lambda each, d: re.search(rb"[\x80-\xff]", d.request.target)),
    Rule("haproxy-authority", "request", HAPROXY, r"forwarded \| own 400",
         "haproxy wants Host and the authority of an absolute-form to be equal. A server must "
         "ignore Host then (RFC 9112 §3.2.2), and so does adit.",
         lambda each, d: "absolute-form" in d.request.liberties),
    Rule("haproxy-payload", "request", HAPROXY, r"forwarded \| own 413",
         "haproxy refuses a body of GET, HEAD or DELETE in HTTP/1.0; its length is known, and adit "
         "passes it.",
         lambda each, d: d.request.minor == 0 and d.request.method in (b"GET", b"HEAD", b"DELETE")),
    Rule("haproxy-websocket", "request", HAPROXY, r"forwarded \| own 400",
         "haproxy checks the handshake of a WebSocket itself; adit leaves that to the service.",
         lambda each, d: b"websocket" in b",".join(d.request.all(b"upgrade")).lower()),
    Rule("haproxy-limits", "request", HAPROXY, r"forwarded \| (own 400|closed)",
         "haproxy takes heads of 15 KiB by default; adit of 32 KiB.",
         lambda each, d: head_bytes(each) > 15000),
    Rule("haproxy-pri", "request", HAPROXY, r"forwarded \| own 400",
         "PRI is reserved for the preface of HTTP/2 (RFC 9113 §11.6), and haproxy refuses it. In "
         "an HTTP/1.1 request it is a method like others.",
         lambda each, d: d.request.method == b"PRI"),
    Rule("haproxy-host-value", "request", HAPROXY, r"host",
         "adit leaves the host as the visitor sent it; haproxy drops a port that is the scheme's "
         "own.",
         lambda each, d: "absolute-form" in d.request.liberties or b":" in d.request.host),
    Rule("early", "request", BOTH, r"waits \| own 400",
         "The head or chunk is not complete yet. The peer refuses what it has seen so far, adit "
         "when it is complete.", events=("incomplete",)),
    Rule("target-star", "request", NGINX, r"forwarded \| own 400",
         "nginx takes no `*`, the target of OPTIONS for a server as a whole (RFC 9112 §3.2.4).",
         lambda each, d: d.request.target == b"*"),
    Rule("haproxy-trailer", "request", HAPROXY, r"forwarded \| own 400",
         "haproxy refuses some trailers, such as an invalid Content-Length. adit drops a field "
         "that must not be a trailer without reading it.",
         lambda each, d: bool(d.request.trailers)),
    # responses
    Rule("interim", "response", NGINX, r".*",
         "nginx 1.22 knows no 1xx from a service but 101: it takes the first for the final "
         "response, and the rest for its body. adit passes "
         "them on (RFC 9110 §15.2: must).", lambda each, d: interim(each) > 0, RESPONSES),
    Rule("interim-1.0", "response", BOTH, r"interim none \| passed",
         "An HTTP/1.0 visitor does not know 1xx and gets none from adit (RFC 9110 §15.2); haproxy "
         "sends them.",
         lambda each, d: b" HTTP/1.0\r\n" in each.data or d.event == "incomplete", RESPONSES),
    Rule("odd", "response", BOTH, r".*",
         "The response is odd, but can mean one thing only: bare LF at line ends, empty lines "
         "before it, folds, space before a colon or around the status, a colon behind the status, "
         "equal lengths, a coding or length of what has no body. adit passes it in a clean form; "
         "the peer refuses it, passes it as it came, or takes it for something else.",
         lambda each, d: services.reading_of(each).liberties & odd.ODD,
         RESPONSES + tuple(FAULTS)),
    Rule("reason", "response", BOTH, r"reason",
         "A reason phrase is for people (RFC 9112 §4). HTTP/2 has none, so adit sends the standard "
         "one, or none.", events=RESPONSES),
    Rule("broken-off-early", "response", BOTH,
         r"(own 502|cut|nothing) \| (own 502|cut|nothing|waits)",
         "The service broke off. Whether that is a 502 or a body cut short depends on what had "
         "been passed on by then.", events=("incomplete",)),
    Rule("broken-off", "response", BOTH, r"(own 502|cut|nothing) \| passed.*",
         "The service broke off, and the peer shows its visitor a response that looks complete: it "
         "takes an RST for an end, or sends an HTTP/1.0 visitor what there is and closes. "
         "adit ends such a response by a reset, or without the last chunk (RFC 9112 §8).",
         events=("incomplete",)),
    Rule("accel", "response", NGINX, r".*",
         "A service can redirect nginx with X-Accel-Redirect: nginx gets the answer from "
         "elsewhere.",
         lambda each, d: b"x-accel-redirect" in each.response.lower(), RESPONSES),
    Rule("accel-fields", "response", NGINX, r"-x-(accel-.*|pad)",
         "nginx obeys, and drops, X-Accel-… fields. To adit they are fields like others.",
         events=RESPONSES),
    Rule("private", "response", BOTH, r"\+adit-.*",
         "Fields that begin with `adit-` are adit's own, and a service may not set them.",
         events=RESPONSES),
    Rule("hop-by-hop", "response", BOTH,
         r"[+~](http2-settings|keep-alive|proxy-connection|te|upgrade)",
         "Fields of one hop end at adit (RFC 9110 §7.6.1).", events=RESPONSES),
    Rule("connection-listed", "response", BOTH, r"[+~][a-z0-9-]+",
         "The fields that Connection lists are dropped (RFC 9110 §7.6.1: must). nginx and haproxy "
         "do not look.",
         lambda each, d: b"connection" in each.response.lower(), RESPONSES),
    Rule("nginx-names", "response", NGINX, r"-.*[^a-z0-9-].*",
         "nginx drops fields whose name has more than letters, digits, hyphens and underscores. "
         "RFC 9110 §5.1 lets a name be any token.",
         events=RESPONSES),
    Rule("nginx-twice", "response", NGINX, r"~.*",
         "nginx keeps one of a field that it expects once. adit passes all of them in their order.",
         lambda each, d: any(len(d.request.all(n)) > 1 for n, _ in d.request.fields), RESPONSES),
    Rule("nginx-trailers", "response", NGINX, r"no trailers",
         "nginx drops the trailers of a response. adit passes them, except fields that must not be "
         "trailers (RFC 9110 §6.5.1).", events=RESPONSES),
    Rule("haproxy-trailers", "response", HAPROXY, r"trailers",
         "haproxy passes all trailers. adit drops those that would change framing, routing or who "
         "is believed (RFC 9110 §6.5.1).", events=RESPONSES),
    Rule("until-close", "response", HAPROXY, r"kept \| closed",
         "A body that ends with the service's connection ends haproxy's as well. adit sends it "
         "chunked and keeps the visitor's (RFC 9112 §6.3).",
         lambda each, d: d.request is not None and d.request.framing == "close", RESPONSES),
    Rule("limits", "response", BOTH, r"passed \| (own 502|cut|nothing)",
         "The peer takes smaller heads and trailers: nginx 4 KiB a head by default, haproxy 15 KiB "
         "and 101 fields. adit takes 64 KiB and 1,000 fields.",
         lambda each, d: len(each.response) > 3900 or each.response.count(b"\r\n") > 90, RESPONSES),
    Rule("behind", "response", BOTH, r"passed \| (own 502|passed, with bytes behind)",
         "Bytes follow the response that nobody asked for. adit drops them and does not use the "
         "connection again (RFC 9112 §9.2).",
         events=("response with bytes behind",)),
    Rule("tab", "response", NGINX, r"passed \| waits",
         "White space around a field value is no part of it (RFC 9110 §5.5). nginx trims spaces "
         "but not tabs, so a length with a tab is not a number to it, and it waits for the end.",
         lambda each, d: b"\t" in each.response, RESPONSES),
    Rule("switch", "response", HAPROXY, r"passed \| own 502",
         "haproxy wants `Connection: upgrade` in a 101 and, for a WebSocket, the right key. adit "
         "wants an Upgrade, and leaves the rest to the two ends.",
         lambda each, d: d.request.status == 101, RESPONSES),
    Rule("haproxy-trailer", "response", HAPROXY, r"passed \| own 502",
         "haproxy refuses some trailers, such as a second Transfer-Encoding. adit drops a field "
         "that must not be a trailer without reading it.",
         lambda each, d: bool(d.request.trailers), RESPONSES),
    Rule("reset-behind", "response", BOTH, r"passed \| (cut|own 502|nothing)",
         "The service reset the connection behind a complete response, and the peer forgets what "
         "it has not read. adit has it whole.",
         lambda each, d: each.end == "reset", RESPONSES),
    Rule("closed-behind", "response", BOTH, r"kept \| closed",
         "The service ended the connection right behind its response. adit keeps the visitor's; "
         "the peer ends that as well.",
         lambda each, d: each.end != "keep", RESPONSES),
]


def explain(direction, peer, each, difference, facet):
    """(what it is counted under, the explanation), or None."""
    if difference.event in FAULTS:
        text = explain_fault(direction, peer, difference.event, facet)
        if text:
            return difference.event, text
    for rule in RULES:
        if rule.direction == direction and peer in rule.peers and difference.event in rule.events \
                and re.fullmatch(rule.facet, facet, re.S) and rule.when(each, difference):
            return rule.name, rule.text
    return None
