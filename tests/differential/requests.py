# SPDX-License-Identifier: MIT
"""Generated visitors: a request drawn from a grammar, one or more of its parts spoiled, and perhaps
requests before and behind it."""
import random

from . import drafts, strict
from .drafts import Draft, Field
from .lanes import HOST, SENTINEL, Input

METHODS = [b"GET"] * 8 + [b"HEAD", b"POST", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"]
KINDS = {}  # name -> (weight, function)


def kind(name, weight=10):
    def note(function):
        KINDS[name] = (weight, function)
        return function
    return note


def request(rng, target):
    method = rng.choice(METHODS)
    path = target + rng.choice([b"", b"/", b"?a=b", b"/%41%20", b"//x", b"/a/b;c=d?e=f&g",
                                b"/~!$'()*,@"])
    fields = [Field(*f) for f in rng.sample(drafts.ORDINARY, rng.randint(0, 4))]
    draft = Draft([method, b" ", path, b" ", b"HTTP/1.1", b"\r\n"], fields)
    draft.add(rng, Field(b"Host", HOST))
    if method in (b"POST", b"PUT", b"PATCH") or rng.random() < 0.1:
        if rng.random() < 0.5:
            draft.be_counted(rng, drafts.body(rng))
        else:
            draft.be_chunked(rng, drafts.body(rng))
    return draft


def counted(rng, draft):
    draft.be_counted(rng, drafts.body(rng))
    return draft.find(b"content-length")


def chunked(rng, draft):
    draft.be_chunked(rng, drafts.body(rng))
    return draft.find(b"transfer-encoding")


@kind("plain", 20)
def plain(rng, draft):
    pass


LENGTHS = [b"-1", b"+%d", b"-%d", b"0x%d", b"%d %d", b"%da", b"", b"%de0", b"9" * 20, b"9" * 40,
           b"18446744073709551616", b"9223372036854775808", b"9223372036854775807", b"%d,", b",%d",
           b"%d, %d", b"%d,%d", b"%d, 1%d", b"%d;", b"'%d'", b'"%d"', b"%d.0", b"\x0b%d", b"%d\x0b",
           b"0%d", b"000000000000000000000%d", b"%d\t", b"\t%d", b" %d ", b"%d\xa0", b"\xc2\xb2",
           b"%d#", b"%d_0", b"0%d0", b"1%d", b"1", b"0", b"0b1", b"%d\x00", b"*", b"%d\r",
           b"\xef\xbc\x95"]


@kind("length", 14)
def length(rng, draft):
    field = counted(rng, draft)
    pattern = rng.choice(LENGTHS)
    field.value = pattern.replace(b"%d", b"%d" % len(draft.plain))


@kind("several lengths")
def lengths(rng, draft):
    field = counted(rng, draft)
    other = rng.choice([field.value, b"0", b"1", b"", b"0" + field.value, b"x", b"-1", b"300"])
    more = Field(drafts.random_case(rng, b"content-length"), other)
    draft.fields.insert(rng.randint(0, len(draft.fields)), more)
    if rng.random() < 0.2:
        draft.add(rng, Field(b"Content-Length", field.value))


CODINGS = [b"xchunked", b"chunked, chunked", b"gzip", b"gzip, chunked", b"chunked, gzip",
           b"identity",
           b"chunked, identity", b"identity, chunked", b"\x0bchunked", b"chunked\x0b",
           b"\x0cchunked",
           b'"chunked"', b"'chunked'", b"cow", b"chunked;q=1", b"chunked ; a=b", b"", b",",
           b"chunked,",
           b",chunked", b", chunked", b"chunked ,", b"chunked,,", b"chunkedchunked", b"[chunked]",
           b"chunked\x00", b"CHUNKED", b"Chunked", b"chunKed", b"chunked ", b"\tchunked",
           b"chunked\t",
           b"chunked\xa0", b"\xa0chunked", b"chu nked", b"chunked\r", b"chunk", b"x-chunked",
           b"tchunked",
           b"gzip;a=b, chunked", b"deflate", b"compress, gzip, chunked", b"trailers", b"chunked:",
           b"\xffchunked", b"chunked, cow", b"cow, chunked", b"chunked;", b"chunked;a",
           b"chunked\x7f",
           b"gzip, deflate", b"chunked/1.0", b"ch\xc3\xbcnked", b"chun\xe2\x84\xaaed", b"0",
           b"chunked=1"]


@kind("coding", 18)
def coding(rng, draft):
    field = chunked(rng, draft)
    field.value = rng.choice(CODINGS)
    field.name = rng.choice([field.name, field.name, drafts.random_case(rng, field.name)])
    if rng.random() < 0.2:
        field.colon = rng.choice([b":", b":\t", b":  \t "])


@kind("several codings")
def codings(rng, draft):
    field = chunked(rng, draft)
    other = rng.choice([b"chunked", b"identity", b"gzip", b"cow", b"", b"x", b"chunked, chunked"])
    draft.add(rng, Field(drafts.random_case(rng, field.name), other))


@kind("length and coding", 16)
def length_and_coding(rng, draft):
    data = drafts.body(rng)
    draft.be_chunked(rng, data)
    total = len(b"".join(c.text() for c in draft.chunks)) + 2
    value = rng.choice([0, 1, 3, 4, 5, len(data), total, total, total + 20])
    draft.add(rng,
              Field(rng.choice([b"Content-Length", b"content-length", b"Content-length"]),
                    b"%d" % value))
    if rng.random() < 0.3:
        draft.find(b"transfer-encoding").value = rng.choice(CODINGS)
    if rng.random() < 0.3:
        spoil_name(rng, draft.find(rng.choice([b"transfer-encoding", b"content-length"])))


def spoil_name(rng, field):
    if not field:
        return
    how = rng.randrange(10)
    if how < 3:
        field.colon = rng.choice([b" : ", b"\t:", b" :", b"\x0b:", b"\x00:", b"  :", b"\xa0:",
                                  b"\r:"])
    elif how < 5:
        field.name = rng.choice([b" ", b"\t", b"\x00", b"\x0b", b"\xa0", b"\xef\xbb\xbf",
                                 b"\r"]) + field.name
    elif how < 6:
        field.name = field.name.replace(b"-",
                                        rng.choice([b"_", b" ", b"", b"--", b"\xad", b".",
                                                    b"\x00"]))
    elif how < 8:
        at = rng.randrange(len(field.name))
        field.name = field.name[:at] + rng.choice([b"\x00", b"\x7f", b"\xff", b"\"", b"(", b"@",
                                                   b"/"]) + field.name[at:]
    elif how < 9:
        field.name = rng.choice([b"X", b"x-", b"\"", b"("]) + field.name
    else:
        field.colon = rng.choice([b"", b"=", b"::", b" ", b";", b":\x00", b":\x0b"])


@kind("framing name", 14)
def framing_name(rng, draft):
    spoil_name(rng, rng.choice([counted, chunked])(rng, draft))


@kind("field name", 14)
def field_name(rng, draft):
    draft.add(rng, Field(b"X-Name", b"value"))
    spoil_name(rng, draft.any_field(rng))


@kind("fold", 14)
def fold(rng, draft):
    rng.choice([counted, chunked, plain, plain])(rng, draft)
    draft.add(rng, Field(b"X-Folded", b"first, second"))
    field = draft.any_field(rng)
    space = rng.choice([b" ", b"\t", b"  ", b" \t "])
    how = rng.randrange(5)
    if how == 0:
        field.value = b"\r\n" + space + field.value
    elif how == 1:
        field.value += b"\r\n" + space
    elif how == 2:
        field.value = drafts.insert(rng, field.value, b"\r\n" + space)
    elif how == 3:
        field.value += b"\r\n" + space + b"Transfer-Encoding: chunked"
    else:
        draft.any_field(rng)
        draft.fields[0].name = space + draft.fields[0].name


LINE_ENDS = [b"\n", b"\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r", b"\n\n", b"", b"\x0b\n",
             b"\x85", b" \r\n",
             b"\t\r\n", b"\x00\r\n", b"\r \n", b"\n\r\n", b"\xe2\x80\xa8"]


@kind("line end", 20)
def line_end(rng, draft):
    rng.choice([counted, chunked, plain])(rng, draft)
    end = rng.choice(LINE_ENDS)
    how = rng.randrange(6)
    if how == 0:
        draft.line[-1] = end
    elif how < 4:
        draft.any_field(rng).end = end
    elif how == 4:
        draft.end = end
    else:
        draft.line[-1] = draft.end = end
        for field in draft.fields:
            field.end = end


@kind("line break in a value", 10)
def value_break(rng, draft):
    draft.add(rng, Field(b"X-Value", b"value"))
    field = draft.any_field(rng)
    what = rng.choice([b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r"])
    field.value = drafts.insert(rng, field.value, what + rng.choice(
        [b"", b"Transfer-Encoding: chunked", b"Content-Length: 3", b"X: y", b" ",
         b"Host: e.localhost"]))


@kind("control", 20)
def control(rng, draft):
    draft.add(rng, Field(b"X-Control", b"some value"))
    what = bytes([rng.choice(drafts.CONTROLS)])
    field = draft.any_field(rng)
    how = rng.randrange(8)
    if how < 4:
        field.value = drafts.insert(rng, field.value, what)
    elif how < 5:
        field.name = drafts.insert(rng, field.name, what)
    elif how < 7:
        draft.line[2] = drafts.insert(rng, draft.line[2], what)
    else:
        at = rng.randrange(6)
        draft.line[at] = drafts.insert(rng, draft.line[at], what)


@kind("high byte", 14)
def high_byte(rng, draft):
    draft.add(rng, Field(b"X-High", b"some value"))
    what = rng.choice([bytes([rng.choice(drafts.HIGH)]), b"\xc3\xa4", b"\xe2\x82\xac",
                       b"\xf0\x9f\x98\x80", b"\xc0\xaf",
                       b"\xed\xa0\x80", b"\xff\xfe"])
    field = rng.choice([f for f in draft.fields if f.name.lower() != b"host"])
    how = rng.randrange(8)
    if how < 4:
        field.value = drafts.insert(rng, field.value, what)
    elif how < 5:
        field.name = drafts.insert(rng, field.name, what)
    elif how < 7:
        draft.line[2] += what
    else:
        draft.line[0] = drafts.insert(rng, draft.line[0], what)


HOSTS = [b"", b"d.localhost x", b"d.localhost, d.localhost", b"user@d.localhost", b"d.localhost/x",
         b"http://d.localhost", b"d.localhost:abc", b"d.localhost:-1", b"d.localhost\x00",
         b"d.localhost\\x",
         b"[::1", b"[::1]", b"[::1]:80", b"[::g]", b"[v1.x]", b"[1:2:3:4:5:6:7:8]", b"[::1%25lo]",
         b"d.localhost?x",
         b"d.localhost#x", b"\xff.localhost", b"d.localhost:", b"d.localhost:80",
         b"d.localhost:65535",
         b"d.localhost:65536", b"d.localhost:080", b"D.LOCALHOST", b"d.localhost.", b"d..localhost",
         b".localhost",
         b"localhost", b"127.0.0.1", b"127.0.0.1:80", b"e.localhost", b"d.d.localhost",
         b"example.com", b"d%2elocalhost",
         b"d.localhost%00", b"d_.localhost", b"-d.localhost", b"d.localhost:80:80",
         b"d.localhost d.localhost",
         b"\td.localhost\t", b"d.localhost;x", b"'d.localhost'", b"\"d.localhost\"",
         b"d.local host", b"*", b":80", b":",
         b"d.localhost|x", b"d.localhost^", b"d.localhost`", b"{d}.localhost", b"%",
         b"%zz.localhost", b"a" * 300,
         b"xn--bcher-kva.localhost", b"d.localhost@evil", b"1", b"0x7f.1", b"[::ffff:1.2.3.4]",
         b"[::1]x", b"d.localhost[1]"]


@kind("host", 24)
def host(rng, draft):
    field = draft.find(b"host") or Field(b"Host", HOST)
    how = rng.randrange(10)
    if how < 6:
        field.value = rng.choice(HOSTS)
    elif how == 6:
        draft.drop(b"host")
    elif how == 7:
        draft.add(rng, Field(drafts.random_case(rng, b"host"), rng.choice([HOST, *HOSTS])))
    elif how == 8:
        spoil_name(rng, field)
    else:
        field.name = drafts.random_case(rng, b"host")


AUTHORITIES = [HOST] * 6 + HOSTS


@kind("absolute-form", 20)
def absolute_form(rng, draft):
    scheme = rng.choice([b"http://"] * 6 + [b"https://", b"HTTP://", b"hTTp://", b"ftp://",
                                            b"ws://", b"http:/", b"http:",
                                            b"//", b"http:///", b"file://", b"http:\\\\", b"://",
                                            b"unix:", b"a://"])
    path = rng.choice([draft.line[2], draft.line[2], b"", b"/", b"?q=1", b"/?q", b"#f", b"\\x",
                       b"*", b"//"])
    draft.line[2] = scheme + rng.choice(AUTHORITIES) + path
    draft.line[0] = rng.choice([draft.line[0], b"OPTIONS"])
    field = draft.find(b"host")
    how = rng.randrange(5)
    if how == 0 and field:
        field.value = rng.choice(HOSTS)
    elif how == 1:
        draft.drop(b"host")


TARGETS = [b"*", b"", b"x", b"/#f", b"/a#b?c", b"/a b", b"/\xc3\xa4", b"/\xff", b"?", b"?a=b",
           b"/%", b"/%zz", b"/%00",
           b"/%0d%0a", b"/%2e%2e/", b"/..", b"/../..", b"/a/../../b", b"/./a", b"//",
           b"//e.localhost/x", b"/a//b", b"/\\",
           b"/\\..\\", b"/{a}", b"/a|b", b"/<a>", b"/\"a\"", b"/^", b"/`", b"/[1]", b"/a?b?c",
           b"/a?b#", b"/;a", b"/:a",
           b"/@", b"*/", b"/*", b"**", b"d.localhost", b"d.localhost:80", b":80",
           b"/" + b"a" * 3000, b"/" + b"%41" * 900,
           b"/a?" + b"b" * 7000, b"..", b"./a", b"mailto:x", b"/http://e.localhost/", b"/\t",
           b"/a\tb", b"/\x7f", b"/\x01",
           b"/a%20b", b"/%c3%a4", b"/%u0041", b"/a&b=c", b"/.", b"/...", b"/%2f%2f", b"/a%00b",
           b"/_adit/health",
           b"/_adit/v1/tunnel", b"urn:x", b"/%25%32%65"]


@kind("target", 20)
def odd_target(rng, draft):
    draft.line[2] = rng.choice(TARGETS)
    draft.line[0] = rng.choice([draft.line[0], draft.line[0], b"OPTIONS", b"GET"])


ODD_METHODS = [b"get", b"Get", b"gET", b"FOO", b"M-SEARCH", b"X" * 40, b"X" * 300, b"G@T", b"",
               b"GET,", b"GE T", b"GET\x00",
               b"\x00GET", b"!#$%&'*+-.^_`|~", b"PRI", b"TRACE", b"CONNECT", b"connect",
               b"PROPFIND", b"MKCOL", b"LOCK",
               b"REPORT", b"QUERY", b"PURGE", b"1", b"G\xc3\x84T", b"GET:", b"GET/", b"\"GET\"",
               b"(GET)", b"get_it", b"LINK",
               b"HEADX", b"head", b"_", b"-", b"PoSt", b"OPTIONS", b"DELETE", b"GET\x7f",
               b"\x16\x03\x01"]


@kind("method", 16)
def odd_method(rng, draft):
    draft.line[0] = rng.choice(ODD_METHODS)


VERSIONS = [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/2", b"HTTP/0.9", b"HTTP/3.0",
            b"http/1.1", b"Http/1.1",
            b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/",
            b"HTTP", b"", b"HTTP/1,1",
            b"HTTP/1.1.1", b"HTTPS/1.1", b"HTTP/a.b", b"HTTP 1.1", b"HTTP/1.1 ", b" HTTP/1.1",
            b"HTTP/1.1\t", b"HTTP/ 1.1",
            b"HTTP/+1.1", b"HTTP/-1.1", b"HTTP/1.-1", b"XTTP/1.1", b"HTTP\\1.1", b"HTTP/9.9",
            b"HTTP/1.1x", b"ICY", b"HTTP/1.1\x00",
            b"HTTP/4294967297.1", b"HTTP/1.1;", b"RTSP/1.0", b"HTTP/\xc2\xb9.1"]


@kind("version", 16)
def odd_version(rng, draft):
    draft.line[4] = rng.choice(VERSIONS)


@kind("request line", 14)
def line_spaces(rng, draft):
    at = rng.choice([1, 3, 3, 1, 0, 5])
    gap = rng.choice([b"  ", b"\t", b"", b" \t", b"\x0b", b"\x0c", b"\xa0", b"\r", b"\x00",
                      b"\x1c"])
    draft.line[at] = gap if at in (1, 3) else gap + draft.line[at]
    if rng.random() < 0.2:
        draft.line[3:5] = [b"", b""]


@kind("HTTP/1.0", 16)
def http_10(rng, draft):
    draft.line[4] = b"HTTP/1.0"
    if rng.random() < 0.6:
        draft.add(rng,
                  Field(b"Connection",
                        rng.choice([b"keep-alive", b"Keep-Alive, x", b"close", b"keep-alive, close",
                                                         b"upgrade", b"Keep-alive"])))
    if rng.random() < 0.2:
        draft.drop(b"host")
    how = rng.randrange(6)
    if how == 0:
        chunked(rng, draft)
    elif how == 1:
        draft.add(rng, Field(b"Expect", b"100-continue"))
    elif how == 2:
        draft.add(rng, Field(b"Upgrade", b"websocket"))
    elif how == 3:
        counted(rng, draft)


SIZES = [b"G", b"-%x", b"+%x", b"0x%x", b" %x", b"%x ", b"%x\t", b"\t%x", b"", b"%x%x", b"0%x",
         b"00000000%x", b"1%x",
         b"000000000000000%x", b"0000000000000000%x", b"00000000000000000000%x",
         b"10000000000000005", b"fffffffffffffffff",
         b"ffffffffffffffff", b"7fffffffffffffff", b"8000000000000000", b"7ffffffffffffff0",
         b"ffffffff", b"100000000", b"%xh", b"%x\x00", b"\x00%x",
         b"%x.0", b"%x,", b"%x=", b"%x\x0b", b"%xg", b"'%x'", b"0", b"00", b"-0", b"1", b"%X",
         b"%x\r", b"%x\xa0", b"\xc2\xb2", b"%x_"]


@kind("chunk size", 24)
def chunk_size(rng, draft):
    chunked(rng, draft)
    chunk = rng.choice(draft.chunks)
    pattern = rng.choice(SIZES)
    size = len(chunk.data)
    chunk.size = pattern.replace(b"%x", b"%x" % size).replace(b"%X", b"%X" % size)


EXTENSIONS = [b";a", b";a=b", b";a=\"b\"", b"; a = b", b" ;a", b"\t;\ta", b";", b";;", b";a;",
              b";=b", b";a=", b";a=\"b", b";a=b\"",
              b";a=\"b;c\\\"d\"", b";a=\"\\\"", b";a b", b" a", b"a", b";a=b c", b";a=\x00",
              b";a=\x0b", b";a=\"\x01\"", b";a=\xff",
              b";a=\"\xff\"", b";\xff", b";a=\"\r\n\"", b";a\nb", b";a\rb", b";a\r\rb",
              b";" + b"a" * 200, b";" + b"a" * 250, b";" + b"a" * 252,
              b";" + b"a" * 253, b";" + b"a" * 260, b";a=" + b"b" * 5000, b";a;b;c=d;e=\"f\"",
              b";a ", b";a\t", b"; ", b";a=b ", b";a=\"b\" ",
              b";a=\"b\"c", b";@", b";a=(", b";a=b;", b"\x00;a", b",a", b"\xa0;a", b"\n", b"\r",
              b";a\n", b";a=\"\n\"", b";chunked"]


@kind("chunk extension", 20)
def chunk_extension(rng, draft):
    chunked(rng, draft)
    rng.choice(draft.chunks).extension = rng.choice(EXTENSIONS)


@kind("chunk end", 20)
def chunk_end(rng, draft):
    draft.be_chunked(rng, drafts.body(rng))
    end = rng.choice([*LINE_ENDS, b"X", b"XX\r\n", b"\r\n\r\n", b"\rX", b"  ", b";\r\n"])
    chunk = rng.choice(draft.chunks)
    how = rng.randrange(8)
    if how < 3:
        chunk.line_end = end
    elif how < 6:
        chunk.end = end
    elif how < 7:
        draft.trailers_end = end
    else:
        for each in draft.chunks:
            each.line_end = each.end = end


TRAILERS = [(b"X-Trailer", b"1"), (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked"),
            (b"Host", b"e.localhost"),
            (b"Trailer", b"x"), (b"Connection", b"close"), (b"Connection", b"x-trailer"),
            (b"Authorization", b"x"),
            (b"Content-Type", b"a/b"), (b"X-High", b"\xff"), (b"adit-bind", b"1"),
            (b"x-checksum", b"abc"), (b"Via", b"1.1 x"),
            (b"X-Forwarded-For", b"1.2.3.4"), (b"Set-Cookie", b"a=b"), (b"TE", b"trailers"),
            (b"Expect", b"100-continue"),
            (b"Upgrade", b"h2c"), (b"ETag", b'"x"'), (b"X_Under", b"1"), (b"X-Empty", b""),
            (b"Cookie", b"a=b"),
            (b"Cache-Control", b"no-store"), (b"Max-Forwards", b"0"), (b"Range", b"bytes=0-1"),
            (b"Content-Encoding", b"gzip")]


@kind("trailer", 26)
def trailer(rng, draft):
    chunked(rng, draft)
    draft.trailers = [Field(*rng.choice(TRAILERS)) for _ in range(rng.randint(1, 4))]
    field = rng.choice(draft.trailers)
    how = rng.randrange(10)
    if how == 0:
        spoil_name(rng, field)
    elif how == 1:
        field.end = rng.choice(LINE_ENDS)
    elif how == 2:
        field.value = drafts.insert(rng, field.value, bytes([rng.choice(drafts.CONTROLS)]))
    elif how == 3:
        field.value += b"\r\n folded"
    elif how == 4 and rng.random() < 0.3:
        size = rng.choice([7000, 20000, 32000, strict.HEAD_BYTES - 10, strict.HEAD_BYTES, 40000])
        draft.trailers.append(Field(b"X-Big", b"x" * size))
    elif how == 5 and rng.random() < 0.3:
        count = rng.choice([98, 99, 100, 101, 120, 200])
        draft.trailers = [Field(b"X-%d" % i, b"1") for i in range(count)]
    if rng.random() < 0.1:
        draft.add(rng, Field(b"Connection", rng.choice([b"x-trailer", b"X-Checksum, etag"])))


@kind("large head", 6)
def large_head(rng, draft):
    size = rng.choice([1000, 7000, 8000, 9000, 16000, 20000, 30000, 32000, 40000, 70000, 0, 0, 0,
                       0])
    if size == 0:  # about the limit
        size = strict.HEAD_BYTES + rng.choice([-2, -1, 0, 1, 2]) - len(draft.head()) - 9
    if rng.random() < 0.7:
        draft.add(rng, Field(b"X-Big", b"x" * size))
    elif rng.random() < 0.5:
        draft.line[2] += b"?" + b"x" * size
    else:
        draft.add(rng, *(Field(b"X-%d" % i, b"y" * 300) for i in range(min(90, size // 300))))


@kind("many fields", 6)
def many_fields(rng, draft):
    count = rng.choice([50, 90, 95, 99, 100, 101, 102, 110, 128, 200]) - len(draft.fields)
    draft.add(rng, *(Field(b"X-%d" % i, b"1") for i in range(max(0, count))))


OPTIONS = [b"close", b"keep-alive", b"x-listed", b"X-Listed, close", b"host", b"content-length",
           b"transfer-encoding", b"te", b"upgrade",
           b"cookie, x-listed", b"x-forwarded-for", b"via", b"connection", b"keep-alive, x-listed",
           b",,x-listed,,", b"x listed",
           b"Close", b"closed", b"close;q=1", b"\"close\"", b"", b",", b"close, keep-alive",
           b"x-listed,x-listed", b"adit-bind", b"forwarded",
           b"content-type", b"authorization", b"origin", b"x-other\xff", b"date, x-listed",
           b"http2-settings", b"expect", b"trailer"]


@kind("connection", 20)
def connection(rng, draft):
    draft.add(rng, Field(b"X-Listed", b"hop"))
    for _ in range(rng.randint(1, 2)):
        draft.add(rng, Field(drafts.random_case(rng, b"connection"), rng.choice(OPTIONS)))
    if rng.random() < 0.3:
        counted(rng, draft)


HOP = [(b"TE", b"trailers"), (b"TE", b"gzip, trailers;q=0.5"), (b"TE", b"gzip"),
       (b"Keep-Alive", b"timeout=5"),
       (b"Proxy-Connection", b"keep-alive"), (b"Proxy-Connection", b"close"),
       (b"Proxy-Authorization", b"x"), (b"Forwarded", b"for=evil"),
       (b"X-Forwarded-For", b"1.2.3.4"), (b"X-Forwarded-Host", b"evil"),
       (b"X-Forwarded-Proto", b"https"), (b"Via", b"1.1 other"),
       (b"Via", b"1.1 adit-0000000000000000"), (b"adit-bind", b"7"),
       (b"Adit-Upgrade", b"websocket"), (b"ADIT-ERROR", b"x"), (b"Trailer", b"x"),
       (b"HTTP2-Settings", b"AAMAAABk"), (b"Max-Forwards", b"0"), (b"Max-Forwards", b"3"),
       (b"X-Real-IP", b"1.2.3.4"), (b"Proxy", b"http://evil"),
       (b"TE", b""), (b"TE", b"trailers, deflate;q=0.5"), (b"X-Accel-Redirect", b"/x"),
       (b"adit-", b"x"), (b"adit", b"x")]


HOPS = [b"0", b"0", b"1", b"00", b"01", b"10", b"255", b"-1", b"+1", b"", b"x", b"1, 2", b"1.0",
        b"18446744073709551615", b"18446744073709551616"]


@kind("hop fields", 16)
def hop_fields(rng, draft):
    draft.add(rng, *(Field(*rng.choice(HOP)) for _ in range(rng.randint(1, 3))))
    if rng.random() < 0.3:
        draft.line[0] = rng.choice([b"OPTIONS", b"TRACE"])
        if rng.random() < 0.5:
            draft.add(rng, Field(b"Max-Forwards", rng.choice(HOPS)))


@kind("expect", 12)
def expect(rng, draft):
    rng.choice([counted, chunked, plain])(rng, draft)
    value = rng.choice([b"100-continue", b"100-Continue", b"100-continue, x", b"x", b"", b"200-ok",
                        b"100-continue;a=b", b"100"])
    draft.add(rng, Field(b"Expect", value))
    if rng.random() < 0.3:  # answered before the body is read
        (draft.find(b"host") or Field(b"", b"")).value = rng.choice([b"e.localhost", b"localhost"])
        size = draft.find(b"content-length")
        if size and rng.random() < 0.3:
            size.value = rng.choice([b"65535", b"65536", b"65537", b"100000"])


UPGRADES = [b"websocket", b"h2c", b"h2c, websocket", b"websocket, h2c", b"x", b"", b"TLS/1.0",
            b"HTTP/2.0", b"h2c-14", b"H2C", b"h2", b",",
            b"websocket,websocket", b"foo/1, bar", b"h2c,", b"\xff"]


@kind("upgrade", 16)
def upgrade(rng, draft):
    draft.add(rng, Field(b"Upgrade", rng.choice(UPGRADES)))
    if rng.random() < 0.85:
        draft.add(rng,
                  Field(b"Connection",
                        rng.choice([b"upgrade", b"Upgrade", b"keep-alive, Upgrade",
                                    b"upgrade, close", b"upgrade, http2-settings",
                                                         b"UPGRADE, te"])))
    if rng.random() < 0.3:
        draft.add(rng, Field(b"HTTP2-Settings", b"AAMAAABkAAQAAP__"))
    if rng.random() < 0.2:
        draft.add(rng, Field(b"Upgrade", b"another"))
    if rng.random() < 0.3:
        draft.add(rng, Field(b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
                  Field(b"Sec-WebSocket-Version", b"13"))
    if rng.random() < 0.3:
        rng.choice([counted, chunked])(rng, draft)


@kind("connect", 6)
def connect(rng, draft):
    draft.line[0] = b"CONNECT"
    draft.line[2] = rng.choice([b"d.localhost:80", b"d.localhost", b"/", b"*",
                                b"http://d.localhost/", b"127.0.0.1:80", b"[::1]:80"])


@kind("empty lines", 10)
def empty_lines(rng, draft):
    draft.before = rng.choice([b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\r\n \r\n", b"\t\r\n",
                               b"\x00", b"\r\r\n", b"\n\r\n", b"\r\n\n", b"\r\n" * 5,
                               b"0\r\n\r\n", b"X", b"\xef\xbb\xbf", b" \r\n"])


@kind("body length", 12)
def body_length(rng, draft):
    field = counted(rng, draft)
    field.value = b"%d" % max(0, len(draft.plain) + rng.choice([-5, -2, -1, 1, 2, 5, 20]))


NOT_HTTP = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n",
            b"EHLO x\r\n", b"\x00\x00\x00\x00", b"SSH-2.0-x\r\n",
            b"GET /\r\n", b"GET\r\n\r\n", b"\r\n\r\n\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"<html>", b"\x80\x80\x01\x03\x01",
            b"{}\r\n\r\n",
            b"* OK\r\n", b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
            b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"]


@kind("not HTTP", 4)
def not_http(rng, draft):
    text = rng.choice(NOT_HTTP) if rng.random() < 0.7 else rng.randbytes(rng.randint(1, 60))
    draft.text_is = text + rng.choice([b"", b"\r\n\r\n"])


@kind("bytes", 40)
def spoiled(rng, draft):
    draft.text_is = drafts.spoil_bytes(rng, draft.text())


@kind("two at once", 40)
def two(rng, draft):
    names = [name for name in KINDS if name not in ("two at once", "plain", "not HTTP", "bytes",
                                                    "large head")]
    for name in rng.sample(names, 2):
        KINDS[name][1](rng, draft)


def smuggled(number, rng):
    """A request that must not come through as one of its own, since it is part of another."""
    line = rng.choice([b"GET /%d/second HTTP/1.1\r\n",
                       b"POST /%d/second HTTP/1.1\r\nContent-Length: 0\r\n"])
    return line % number + b"Host: d.localhost\r\n\r\n"


def generate(seed, number):
    """The visitor of this number."""
    rng = random.Random(f"adit request {seed} {number}")
    names = list(KINDS)
    name = rng.choices(names, [KINDS[n][0] for n in names])[0]
    draft = request(rng, b"/%d" % number)
    KINDS[name][1](rng, draft)
    data = draft.text()
    if rng.random() < 0.15:
        data = request(rng, b"/%d/first" % number).text() + data
    if rng.random() < 0.4:
        data += smuggled(number, rng)
    data += SENTINEL
    cuts = rng.randint(1, 3) if rng.random() < 0.15 else 0
    pieces = sorted(rng.sample(range(1, len(data)), cuts))
    return Input(number, name, data, pieces=tuple(pieces))
