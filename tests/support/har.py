# SPDX-License-Identifier: MIT
"""Reads HTTP archives as other programs do: HAR 1.2, and the further demands of the importers of
Chrome's and Firefox's tools, har-validator, httpsnippet and har-to-k6.

Every test that makes an archive loads it here.
"""
import base64
import datetime
import json
import re
import urllib.parse

# The required and the optional members of each object.
NUMBER = (int, float)
MEMBERS = {
    "log": ({"version": str, "creator": "creator", "entries": ["entry"],
             "pages": ["page"]},  # Firefox requires it
            {"browser": "creator", "comment": str}),
    "creator": ({"name": str, "version": str}, {"comment": str}),
    "page": ({"id": str, "title": str, "startedDateTime": str, "pageTimings": "pageTimings"},
             {"comment": str}),
    "pageTimings": ({}, {"onContentLoad": NUMBER, "onLoad": NUMBER, "comment": str}),
    "entry": ({"startedDateTime": str, "time": NUMBER, "request": "request", "pageref": str,
               "response": "response", "cache": dict, "timings": "timings"},
              {"serverIPAddress": str, "connection": str, "comment": str}),
    "request": ({"method": str, "url": str, "httpVersion": str, "cookies": ["cookie"],
                 "headers": ["pair"], "queryString": ["pair"], "headersSize": int,
                 "bodySize": int}, {"postData": "postData", "comment": str}),
    "response": ({"status": int, "statusText": str, "httpVersion": str, "cookies": ["cookie"],
                  "headers": ["pair"], "content": "content", "redirectURL": str,
                  "headersSize": int, "bodySize": int}, {"comment": str}),
    "cookie": ({"name": str, "value": str}, {"path": str, "domain": str, "expires": str,
                                             "httpOnly": bool, "secure": bool, "comment": str}),
    "pair": ({"name": str, "value": str}, {"comment": str}),
    # Chrome requires text; "encoding" is not in HAR here, but many readers know it
    "postData": ({"mimeType": str, "params": ["pair"], "text": str},
                 {"encoding": str, "comment": str}),
    "content": ({"size": int, "mimeType": str}, {"compression": int, "text": str,
                                                 "encoding": str, "comment": str}),
    # Firefox adds all the timings up
    "timings": ({"send": NUMBER, "wait": NUMBER, "receive": NUMBER, "blocked": NUMBER,
                 "dns": NUMBER, "connect": NUMBER, "ssl": NUMBER}, {"comment": str}),
}
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)")
# RFC 3986, as JSON schemas' format "uri" has it.
URL = re.compile(r"https?://([\w.~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.v]+\])(:\d*)?"
                 r"(/([\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)"
                 r"(\?([\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?", re.A)


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


def check(kind, value):
    if isinstance(kind, list):
        assert isinstance(value, list)
        for element in value:
            check(kind[0], element)
    elif isinstance(kind, str):
        must, may = MEMBERS[kind]
        own = {name for name in value if not name.startswith("_")}
        assert set(must) <= own <= set(must) | set(may), (kind, own)
        for name in own:
            check({**must, **may}[name], value[name])
    else:
        assert isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)


def check_date(text):
    assert DATE.fullmatch(text), text
    assert datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo


def is_unescaped(text):
    """Readers unescape the text once more, so every percent sign must begin an escape."""
    return not re.search("%(?!25)", text)


def check_request(request):
    assert request["method"] and URL.fullmatch(request["url"]), request["url"]
    assert all(field["name"] for field in request["headers"] + request["cookies"])
    # readers would add pairs that are not in the URL
    query = urllib.parse.urlsplit(request["url"]).query
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    assert len(pairs) == len([p for p in request["queryString"] if p["name"] or p["value"]])
    for pair, (name, value) in zip(request["queryString"], pairs):
        told = urllib.parse.unquote(pair["value"], "latin-1")
        for mine, theirs in ((pair["name"], name), (told, value)):
            assert theirs in (mine, mine.encode().decode("latin-1")), (pair, name, value)
        assert is_unescaped(pair["value"]), pair
    assert request["bodySize"] >= 0 and request["headersSize"] >= -1
    post = request.get("postData")
    assert bool(post) == (request["bodySize"] > 0)
    if not post:
        return
    assert post["mimeType"]
    assert all(is_unescaped(pair[part]) for pair in post["params"] for part in pair)
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data")
    assert not post["params"] or post["mimeType"].split(";")[0].strip().lower() in kinds
    if post.get("encoding") == "base64":
        base64.b64decode(post["text"], validate=True)


def check_response(response):
    assert 0 <= response["status"] <= 999
    assert response["bodySize"] >= 0 and response["headersSize"] >= -1
    assert all(field["name"] for field in response["headers"] + response["cookies"])
    content = response["content"]
    assert content["size"] >= 0 and content["mimeType"]
    assert content.get("encoding") in (None, "base64")
    if "text" in content and "comment" not in content:
        data = (base64.b64decode(content["text"], validate=True)
                if "encoding" in content else content["text"].encode())
        assert len(data) == content["size"]
        assert content["size"] - content.get("compression", 0) == response["bodySize"]


def check_timings(entry):
    timings = entry["timings"]
    assert all(timings[name] >= 0 for name in ("send", "wait", "receive", "blocked"))
    assert all(part >= 0 or part == -1 for part in timings.values())
    parts = sum(part for name, part in timings.items() if part != -1 and name != "ssl")
    assert abs(parts - entry["time"]) < 1e-5, entry


def check_messages(entry):
    if "_webSocketMessages" not in entry:
        assert "_resourceType" not in entry
        return
    # bytes after a 101 are no body
    assert entry["request"]["bodySize"] == entry["response"]["bodySize"] == 0
    assert "postData" not in entry["request"] and entry["response"]["content"]["size"] == 0
    assert entry["timings"]["send"] == 0
    for message in entry["_webSocketMessages"]:
        assert set(message) == {"type", "time", "opcode", "data"}
        assert message["type"] in ("send", "receive") and isinstance(message["data"], str)
        assert isinstance(message["time"], NUMBER) and isinstance(message["opcode"], int)
        if message["opcode"] != 1:
            base64.b64decode(message["data"])


def load(text):
    """Checks an archive by the rules of every importer. Returns its entries."""
    archive = json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    assert set(archive) == {"log"} and archive["log"]["version"] == "1.2"
    log = archive["log"]
    check("log", log)
    pages = [page["id"] for page in log["pages"]]
    assert len(pages) == len(set(pages)) and all(pages)
    for page in log["pages"]:
        check_date(page["startedDateTime"])
    for entry in log["entries"]:
        assert entry["pageref"] in pages
        check_date(entry["startedDateTime"])
        check_request(entry["request"])
        check_response(entry["response"])
        check_timings(entry)
        check_messages(entry)
    return log["entries"]
