# SPDX-License-Identifier: MIT
"""Why a strict reader rejects a message as HTTP/1.1, and adit's answer to such a request.

code -> (status, section, sentence). The status is that of a request; a response is a 502, or is cut
when its head has been passed on. Without a section the fault is against a limit of adit.
"""

FAULTS = {
    # the first line
    "first-byte": (400, "RFC 9112 §3", "The first byte cannot begin a method."),
    "method": (400, "RFC 9110 §9.1", "The method is missing, or is not a token."),
    "empty-lines": (400, "RFC 9112 §2.2",
                    "Two or more empty lines before the request line. At least one should be "
                    "ignored, and adit ignores one."),
    "line-spaces": (400, "RFC 9112 §3",
                    "The words of the request line are not separated by single spaces. A recipient "
                    "may be "
                    "lenient here, and the RFC warns that this lets requests be smuggled."),
    "line-control": (400, "RFC 9112 §3", "There is a control character in the request line."),
    "http-0.9": (400, "RFC 9112 §2.3",
                 "The request line has no version: HTTP/0.9, which has been obsolete since 1996."),
    "version-syntax": (400, "RFC 9112 §2.3",
                       "The version is not HTTP/ DIGIT . DIGIT, in capitals."),
    "version-major": (505, "RFC 9110 §15.6.6", "The version is not HTTP/1.x."),
    "target-fragment": (400, "RFC 9112 §3.2", "The target has a fragment, which a request must not "
                                              "send."),
    "target-form": (400, "RFC 9112 §3.2",
                    "The target has none of the forms that an origin server accepts."),
    "target-authority": (400, "RFC 9110 §4.2",
                         "The authority of the absolute-form is not a host, or has user "
                         "information."),
    "connect": (501, "RFC 9110 §9.3.6",
                "CONNECT asks for a proxy, which a tunnel's public side is not."),
    # lines and fields
    "bare-lf": (400, "RFC 9112 §2.2",
                "A line ends with a bare LF. A recipient may take that for a line's end; if the "
                "next hop does not, the two see different fields."),
    "bare-cr": (400, "RFC 9112 §2.2",
                "A CR without LF: it is invalid, or must be replaced by a space."),
    "nul": (400, "RFC 9110 §5.5", "A NUL is invalid, or must be replaced by a space."),
    "no-colon": (400, "RFC 9112 §5", "A field line without a colon."),
    "no-name": (400, "RFC 9110 §5.1", "A field without a name."),
    "space-before-colon": (400, "RFC 9112 §5.1",
                           "White space before the colon: a server must refuse it with a 400."),
    "space-before-fields": (400, "RFC 9112 §2.2",
                            "White space before the first field: it must be refused, or the line "
                            "dropped."),
    "name-not-token": (400, "RFC 9110 §5.1", "A field name is not a token."),
    "obs-fold": (400, "RFC 9112 §5.2",
                 "A folded line: a server must refuse it, or replace the fold by spaces."),
    "value-control": (400, "RFC 9110 §5.5", "There is a control character in a field value."),
    "head-too-large": (431, "",
                       "The head has more than 32 KiB, or that of a response more than 64 KiB."),
    "target-too-long": (414, "", "The request line alone has more than 32 KiB."),
    "too-many-fields": (431, "", "The head or the trailer section has more than 100 fields, or that of a "
                        "response more than 1,000."),
    # Host
    "host-missing": (400, "RFC 9112 §3.2", "HTTP/1.1 without Host must be refused with a 400."),
    "host-twice": (400, "RFC 9112 §3.2", "More than one Host must be refused with a 400."),
    "host-invalid": (400, "RFC 9112 §3.2", "A Host that is not a host must be refused with a 400."),
    "host-empty": (400, "RFC 9110 §4.2.1", "An http URI with an empty host is invalid."),
    # the framing of the body
    "length-invalid": (400, "RFC 9112 §6.3", "Content-Length is not a number."),
    "length-list": (400, "RFC 9112 §6.3",
                    "Content-Length is a list. Equal numbers may be taken for one; adit does not "
                    "guess at framing."),
    "length-twice": (400, "RFC 9112 §6.3",
                     "More than one Content-Length. Equal ones may be taken for one; adit does not "
                     "guess at framing."),
    "length-huge": (400, "RFC 9110 §8.6", "Content-Length does not fit in 63 bits."),
    "length-and-coding": (400, "RFC 9112 §6.1",
                          "Content-Length beside Transfer-Encoding: an attempt at smuggling, which "
                          "a server may "
                          "refuse, or take by the coding alone and close the connection."),
    "coding-unknown": (501, "RFC 9112 §6.1",
                       "A transfer coding other than chunked, and chunked is not the last."),
    "coding-before-chunked": (501, "RFC 9112 §6.1",
                              "A transfer coding that is not understood should be answered with "
                              "501."),
    "coding-syntax": (400, "RFC 9112 §6.1", "Transfer-Encoding is not a list of codings."),
    "coding-empty": (400, "RFC 9110 §5.6.1",
                     "An empty element in Transfer-Encoding. A recipient should ignore a few of "
                     "them in a list, and no sender may send them; adit refuses them where the "
                     "framing depends on the list."),
    "coding-in-1.0": (501, "RFC 9112 §6.1",
                      "Transfer-Encoding in HTTP/1.0, which has none: its framing is faulty "
                      "whatever it says."),
    "chunked-twice": (400, "RFC 9112 §6.1", "Chunked may be applied once only."),
    "chunked-inside": (400, "RFC 9112 §6.3",
                       "Chunked is not the last coding: where the body ends cannot be known."),
    "chunked-parameters": (400, "RFC 9112 §7.1",
                           "Chunked has no parameters; a recipient should treat them as an error."),
    # chunks
    "chunk-size": (400, "RFC 9112 §7.1", "A chunk's size is not a hexadecimal number."),
    "chunk-huge": (400, "RFC 9112 §7.1",
                   "A chunk's size does not fit in 63 bits, or has more than 16 digits."),
    "chunk-extension": (400, "RFC 9112 §7.1.1",
                        "The bytes after a chunk's size are not a chunk extension."),
    "chunk-line-long": (400, "", "The line of a chunk's size has more than 256 bytes."),
    "chunk-end": (400, "RFC 9112 §7.1",
                  "A chunk's data are not followed by CRLF: its size is wrong, or others read it "
                  "differently."),
    "bare-lf-in-chunk": (400, "RFC 9112 §2.2",
                         "The line of a chunk's size ends with a bare LF. The RFC lets a lone LF "
                         "end a line in heads only; in chunks it would let a body be read in two "
                         "ways."),
    # responses
    "status-line": (502, "RFC 9112 §4", "The bytes do not begin with HTTP/."),
    "status": (502, "RFC 9112 §4", "The status is not three digits, or below 100."),
    "reason-control": (502, "RFC 9112 §4", "There is a control character in the reason phrase."),
    "coding-without-body": (502, "RFC 9112 §6.1",
                            "Transfer-Encoding in a 101 or 204, which has no body."),
    "switch-to-nothing": (502, "RFC 9110 §15.2.2",
                          "A 101 that does not say to which protocol it switches."),
    "switch-unasked": (502, "RFC 9110 §7.8", "A 101 to a protocol that the request did not offer."),
    "interim-flood": (502, "", "More than 64 responses before the final one."),
}


def status_of(code):
    return FAULTS[code][0]
