# SPDX-License-Identifier: MIT
"""Field values and sizes at their limits pass, and so does content that only the ends interpret."""
import gzip

import bodies
import harness
import pytest
import wire

HIGH = "".join(map(chr, range(0x80, 0x100)))
TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
REQUEST_LIMIT = 32 * 1024
RESPONSE_LIMIT = 64 * 1024


def seen_by_the_service(tunnel, fields):
    answer = tunnel.fetch("GET", "/echo", fields)
    return wire.Fields((name.lower(), value) for name, value in answer.json()["fields"])


def seen_by_the_visitor(tunnel, fields):
    tunnel.origin.on("/told", lambda exchange: exchange.reply("x", 200, fields))
    return wire.Fields((name.lower(), value)
                       for name, value in tunnel.fetch("GET", "/told").fields)


BOTH_WAYS = pytest.mark.parametrize("way", [seen_by_the_service, seen_by_the_visitor],
                                    ids=["request", "response"])


@BOTH_WAYS
def test_every_byte_that_may_be_in_a_value_passes(tunnel, way):
    printable = "".join(map(chr, range(0x21, 0x7f)))
    sent = [("x-high", HIGH), ("x-print", printable), ("x-inside", "a \t b\tc"), ("x-utf8",
            "h\xc3\xa4\xe2\x82\xac"), ("x-one", "\xff"), ("x-lead", "\x80\xa0 \xa0")]
    seen = way(tunnel, sent)
    assert [pair for pair in seen if pair in sent] == sent


@BOTH_WAYS
def test_space_around_a_value_is_not_part_of_it(tunnel, way):
    seen = way(tunnel, [("X-Space", " \t a b \t "), ("X-Empty", " \t "), ("X-None", "")])
    assert seen.all("x-space") == ["a b"]
    assert seen.all("x-empty") == seen.all("x-none") == [""]


@BOTH_WAYS
def test_every_character_of_a_token_may_be_in_a_name(tunnel, way):
    names = [TOKEN, *TOKEN[:15], "x" * 5000]
    seen = way(tunnel, [(name, str(number)) for number, name in enumerate(names)])
    for number, name in enumerate(names):
        assert seen.all(name) == [str(number)]


@BOTH_WAYS
def test_repeated_fields_stay_apart_and_in_order(tunnel, way):
    sent = [(f"x-{'abc'[n % 3]}", str(n)) for n in range(60)]
    sent += [("set-cookie", f"c{n}=v; Path=/, x") for n in range(20)]
    seen = way(tunnel, sent)
    for name in ("x-a", "x-b", "x-c", "set-cookie"):
        assert seen.all(name) == [value for key, value in sent if key == name]


SERVERS_OWN = [
    ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Server", "odd/1.0 (\xe9)"), ("Via", "1.0 inner"),
    ("Content-Type", "text/html;;charset = \"x\\\"y\" ; a"), ("ETag", 'W/"\xff"'),
    ("Last-Modified", "Sunday, 06-Nov-94 08:49:37 GMT"), ("Vary", "*"), ("Age", "007"),
    ("Cache-Control", "no-cache=\"a, b\", max-age=-1"), ("Expires", "0"), ("Allow", ""),
    ("Content-Language", "mi, en"), ("Location", "http://localhost:8080/\xe4?a=b#c"),
    ("WWW-Authenticate", "Newauth realm=\"a, b\", Basic realm=\"x\""), ("Trailer", "X-None"),
    ("Strict-Transport-Security", "max-age=1"), ("Link", "<//x>; rel=\"a b\""), ("X-Forwarded-For",
     "1.2.3.4"), ("Forwarded", "for=x"), ("Retry-After", "1"), ("Content-Encoding", "unknown"),
    ("Accept-Ranges", "none"), ("Content-Length-X", "5"), ("Connections", "x"), ("Upgrade-X", "x")]


def test_fields_about_the_service_are_not_touched(tunnel):
    sent = [(name.lower(), value) for name, value in SERVERS_OWN]
    seen = seen_by_the_visitor(tunnel, sent)
    assert [pair for pair in seen if pair[0] != "content-length"] == sent


def test_nothing_is_added_to_an_answer_but_its_framing_and_a_date(tunnel):
    seen = seen_by_the_visitor(tunnel, [("X-Only", "1")])
    assert seen.pop()[0] == "date"  # RFC 9110 §6.6.1; see test_date
    assert seen == [("x-only", "1"), ("content-length", "1")]


VISITORS_OWN = [
    ("accept", "text/html;q=0.1,,*/*"), ("accept-encoding", "gzip;q=0, br, x-odd"),
    ("authorization", "Bearer a.b-c~+/=="), ("proxy-authorization", "Basic eA=="),
    ("cookie", "a=1; a=2; $Version=1"), ("origin", "null"), ("referer", "http://x/\xff#f"),
    ("range", "bytes=0-0,-1"), ("if-range", '"x"'), ("if-none-match", 'W/"a", "b"'),
    ("max-forwards", "10"), ("user-agent", "(odd \xe9"), ("x_mine", "6.6.6.6"),
    ("content-type", "multipart/form-data; boundary=\"a b\""), ("priority", "u=1, i"),
    ("date", "yesterday"), ("from", "x@y"), ("upgrade-insecure-requests", "1"), ("dnt", "1")]


def test_preferences_of_a_visitor_are_not_touched(tunnel):
    seen = seen_by_the_service(tunnel, VISITORS_OWN)
    assert [pair for pair in seen if pair in VISITORS_OWN] == VISITORS_OWN


def test_our_own_fields_are_exactly_the_documented_ones(tunnel):
    names = [name for name, _ in seen_by_the_service(tunnel, [("x-mine", "1")])]
    assert sorted(names) == ["forwarded", "host", "via", "x-forwarded-for", "x-forwarded-host",
                             "x-forwarded-proto", "x-mine"]
    assert names[0] == "host"  # RFC 9112 §3.2: a sender should put it first


def test_a_visitor_by_ipv6_is_named_as_rfc_7239_says(tmp_path):
    with harness.Relay(tmp_path, "--listen", "[::1]:0") as relay, harness.Tunnel(
            tmp_path, relay=relay) as tunnel:
        port = int(relay.wait_for(r"listening on http://\[::1\]:(\d+)$")[1])
        with harness.Client(("::1", port), tunnel.host) as visitor:
            fields = wire.Fields(map(tuple, visitor.fetch("GET", "/echo").json()["fields"]))
    assert fields.all("x-forwarded-for") == ["::1"]
    assert 'for="[::1]"' in fields.get("forwarded")


# Sizes. Bytes from 0x80 on do not become shorter on their way through HTTP/2.

@pytest.mark.parametrize("size", [REQUEST_LIMIT - 1, REQUEST_LIMIT])
def test_one_field_may_be_all_of_a_request_head(tunnel, size):
    with tunnel.visit() as visitor:
        value = "\xe9" * (size - len(visitor.head("GET", "/echo", [("X-Large", "")])))
        fields = visitor.fetch("GET", "/echo", [("X-Large", value)]).json()["fields"]
        assert ["x-large", value] in [[name.lower(), text] for name, text in fields]
        assert visitor.fetch("GET", "/").body == b"hello"


def response_head(size, count):
    """A whole answer whose head has this many bytes, in `count` large fields."""
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
    room = size - len(start) - 2 - count * len(b"X-00: \r\n")
    values = [b"\xe9" * (room // count + (number < room % count)) for number in range(count)]
    head = start + b"".join(b"X-%02d: %s\r\n" % pair for pair in enumerate(values)) + b"\r\n"
    assert len(head) == size
    return head + b"ok", [value.decode("latin-1") for value in values]


@pytest.mark.parametrize("count", [1, 2, 10, 99])
@pytest.mark.parametrize("size", [RESPONSE_LIMIT - 1, RESPONSE_LIMIT])
def test_a_response_head_up_to_the_limit_passes_in_fields_of_any_size(tunnel, size, count):
    text, values = response_head(size, count)
    tunnel.origin.on("/large", lambda exchange: exchange.wire.send(text))
    with tunnel.visit() as visitor:
        for _ in range(2):
            answer = visitor.fetch("GET", "/large")
            assert (answer.status, answer.body) == (200, b"ok")
            assert [value for name, value in answer.fields if name.lower().startswith("x-")] == values


@pytest.mark.parametrize("count", [1, 10])
def test_a_response_head_over_the_limit_is_a_502_and_no_more(tunnel, count):
    text, _ = response_head(RESPONSE_LIMIT + 1, count)
    tunnel.origin.on("/too-large", lambda exchange: exchange.wire.send(text))
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", "/too-large")
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-INVALID")
        assert visitor.fetch("GET", "/").body == b"hello"


def test_an_interim_head_may_be_as_large_as_a_final_one(tunnel):
    value = "\xe9" * 60_000

    def handler(exchange):
        exchange.head(103, [("X-Large", value)])
        exchange.reply("x", 200, [("X-Large", value)])

    tunnel.origin.on("/hint", handler)
    answer = tunnel.fetch("GET", "/hint")
    assert [head.fields.all("x-large") for head in (*answer.interim, answer)] == [[value], [value]]


# Content.

@pytest.mark.parametrize("coding", ["gzip", "x-odd", "gzip, br"])
@pytest.mark.parametrize("asked", [[], [("Accept-Encoding", "identity")],
                                   [("Accept-Encoding", "gzip")]], ids=["none", "identity", "gzip"])
def test_coded_content_stays_as_it_is(tunnel, coding, asked):
    packed = gzip.compress(bodies.make(1, 50_000), mtime=0)
    tunnel.origin.on("/gzip", lambda exchange: exchange.reply(
        packed, 200, [("Content-Encoding", coding), ("Content-Type", "text/html")]))
    answer = tunnel.fetch("GET", "/gzip", asked)
    assert answer.body == packed
    assert answer.fields.all("content-encoding") == [coding]
    assert answer.get("content-length") == str(len(packed))


def test_coded_content_of_a_request_stays_as_it_is(tunnel):
    packed = gzip.compress(b"x" * 100_000, mtime=0)
    seen = tunnel.fetch("POST", "/echo", [("Content-Encoding", "gzip")], body=packed).json()
    assert (seen["size"], seen["sha256"]) == (len(packed), bodies.sha256(packed))


def test_ranges_are_asked_and_answered_as_they_are(tunnel):
    part = (b"--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10\r\n\r\nx\r\n"
            b"--b\r\nContent-Range: bytes 9-9/10\r\n\r\ny\r\n--b--\r\n")
    kind = [("Content-Type", "multipart/byteranges; boundary=b")]

    def handler(exchange):
        tunnel.origin.tell((exchange.request.get("range"), exchange.request.get("if-range")))
        exchange.reply(part, 206, kind)

    tunnel.origin.on("/range", handler)
    answer = tunnel.fetch("GET", "/range", [("Range", "bytes=0-0,9-9"), ("If-Range", '"e"')])
    assert tunnel.origin.told() == ("bytes=0-0,9-9", '"e"')
    assert (answer.status, answer.body, answer.get("content-type")) == (206, part, kind[0][1])


@pytest.mark.parametrize("status, fields", [
    (206, [("Content-Range", "bytes 0-4/*")]), (416, [("Content-Range", "bytes */10")]),
    (205, []), (300, []), (407, [("Proxy-Authenticate", "Basic")]), (999, [])])
def test_a_body_passes_with_any_status_that_has_one(tunnel, status, fields):
    tunnel.origin.on("/status", lambda exchange: exchange.reply("", status, fields))
    with tunnel.visit() as visitor:
        for _ in range(2):
            answer = visitor.fetch("GET", "/status")
            assert (answer.status, answer.get("content-length"), answer.body) == (status, "0", b"")
            assert [pair[1] for pair in fields] == [answer.get(name) for name, _ in fields]


@pytest.mark.parametrize("framing", [b"Content-Length: 12345\r\n",
                                     b"Transfer-Encoding: chunked\r\n", b""],
                         ids=["length", "chunked", "none"])
@pytest.mark.parametrize("status", [200, 206, 304, 404, 500])
def test_head_of_any_framing_and_status_leaves_the_connections_usable(tunnel, status, framing):
    text = b"HTTP/1.1 %d Told\r\nETag: \"x\"\r\n%s\r\n" % (status, framing)
    tunnel.origin.on("/head", lambda exchange: exchange.wire.send(text))
    with tunnel.visit() as visitor:
        for _ in range(3):
            visitor.request("HEAD", "/head")
            head = visitor.response_head()
            assert (head.status, head.get("etag")) == (status, '"x"')
            if b"12345" in framing:
                assert head.get("content-length") == "12345"
        assert visitor.fetch("GET", "/").body == b"hello"
