// SPDX-License-Identifier: MIT
#include "answer.h"
#include <stdio.h>
#include <time.h>
#include "common/base/date.h"
#include "proto/http/http1.h"

static const struct row {
    uint16_t status;
    const char *reason, *code, *text;
} rows[] = {
    [ANSWER_BAD_REQUEST] =
        {400, "Bad Request", "ADIT-BAD-REQUEST",
         "The request is not valid HTTP. Check its request line, Host, Content-Length and fields."},
    [ANSWER_NO_TUNNEL] = {404, "Not Found", "ADIT-NO-TUNNEL",
                          "No tunnel has this name. Start one with: adit http PORT --url NAME"},
    [ANSWER_NOT_FOUND] =
        {404, "Not Found", "ADIT-NOT-FOUND",
         "This is the relay itself and it has no such page. A tunnel's URL begins with its name."},
    [ANSWER_HEAD_TOO_LARGE] = {431, "Request Header Fields Too Large", "ADIT-HEAD-TOO-LARGE",
                               "The request's head is over the limit, 32 KiB and 100 fields "
                               "unless the relay says otherwise. Send less, smaller cookies for "
                               "example."},
    [ANSWER_BODY_TOO_LARGE] =
        {413, "Content Too Large", "ADIT-BODY-TOO-LARGE",
         "The request's body is over the limit of this relay. Send less at a time."},
    [ANSWER_URI_TOO_LONG] = {414, "URI Too Long", "ADIT-URI-TOO-LONG",
                             "The request's target is over the limit of the head, 32 KiB unless "
                             "the relay says otherwise. Send long things in a body."},
    [ANSWER_MISDIRECTED] =
        {421, "Misdirected Request", "ADIT-MISDIRECTED",
         "This relay does not serve that host. Check the URL and where its name points."},
    [ANSWER_FORBIDDEN] = {403, "Forbidden", "ADIT-FORBIDDEN",
                          "A web page may not open tunnels. Use the adit command."},
    [ANSWER_UNAUTHORIZED] =
        {401, "Unauthorized", "ADIT-UNAUTHORIZED",
         "The relay wants a valid token. Pass it with --token-file or ADIT_TOKEN."},
    [ANSWER_UPGRADE_REQUIRED] =
        {426, "Upgrade Required", "ADIT-UPGRADE-REQUIRED",
         "This is where agents connect, by a WebSocket with the subprotocol adit.v1."},
    [ANSWER_REQUEST_TIMEOUT] = {408, "Request Timeout", "ADIT-REQUEST-TIMEOUT",
                                "The request did not arrive in time. Send it again."},
    [ANSWER_NOT_IMPLEMENTED] =
        {501, "Not Implemented", "ADIT-NOT-IMPLEMENTED",
         "The request uses CONNECT or a transfer coding that is not served. Use chunked."},
    [ANSWER_VERSION] = {505, "HTTP Version Not Supported", "ADIT-HTTP-VERSION",
                        "Only HTTP/1.0 and HTTP/1.1 are spoken here. Ask again with HTTP/1.1."},
    [ANSWER_AGENT_GONE] = {503, "Service Unavailable", "ADIT-AGENT-GONE",
                           "The agent of this tunnel is not connected now. Try again in a moment, "
                           "or start adit again."},
    [ANSWER_AGENT_LOST] =
        {502, "Bad Gateway", "ADIT-AGENT-LOST",
         "The agent was lost before the service answered. The request may have been carried out."},
    [ANSWER_BUSY] = {503, "Service Unavailable", "ADIT-TOO-MANY-STREAMS",
                     "Too many requests run through this tunnel at once. Try again in a moment."},
    [ANSWER_TOO_MANY] = {429, "Too Many Requests", "ADIT-TOO-MANY-REQUESTS",
                         "There are too many connections or requests from your address. "
                         "Close some, or try again in a moment."},
    [ANSWER_SLOWED] = {429, "Too Many Requests", "ADIT-TOO-MANY-REQUESTS",
                       "Too many wrong tokens came from your address. Wait a moment, then try "
                       "again with the right one."},
    [ANSWER_RELAY_FULL] = {503, "Service Unavailable", "ADIT-RELAY-FULL",
                           "The relay has reached its limit of visitors. Try again in a moment."},
    [ANSWER_UPSTREAM_REFUSED] =
        {502, "Bad Gateway", "ADIT-UPSTREAM-REFUSED",
         "Nothing listens where requests are forwarded to. Start the local service and try again."},
    [ANSWER_UPSTREAM_UNREACHABLE] =
        {502, "Bad Gateway", "ADIT-UPSTREAM-UNREACHABLE",
         "The local service cannot be reached. Check the address that adit was given."},
    [ANSWER_UPSTREAM_CLOSED] =
        {502, "Bad Gateway", "ADIT-UPSTREAM-CLOSED",
         "The local service closed the connection before it answered. Look at its log."},
    [ANSWER_UPSTREAM_INVALID] =
        {502, "Bad Gateway", "ADIT-UPSTREAM-INVALID",
         "The local service's answer is not valid HTTP. Is it an HTTP service?"},
    [ANSWER_UPSTREAM_TOO_LARGE] = {502, "Bad Gateway", "ADIT-UPSTREAM-INVALID",
                                   "The head of the local service's answer is over a limit."},
    [ANSWER_UPSTREAM_TIMEOUT] =
        {504, "Gateway Timeout", "ADIT-UPSTREAM-TIMEOUT",
         "adit could not connect to the local service in time, or got no answer in time. Is it "
         "overloaded?"},
    [ANSWER_UPSTREAM_TLS] =
        {502, "Bad Gateway", "ADIT-UPSTREAM-TLS",
         "adit does not accept the local service's certificate, or TLS with it failed otherwise. "
         "Give adit --upstream-ca FILE or --upstream-tls-verify=false."},
    [ANSWER_FILE_NOT_FOUND] = {404, "Not Found", "ADIT-FILE-NOT-FOUND",
                               "There is no such file. Check the path of the URL."},
    [ANSWER_FILE_FORBIDDEN] = {403, "Forbidden", "ADIT-FILE-FORBIDDEN",
                               "adit may not read this file. Check its permissions."},
    [ANSWER_FILE_METHOD] = {405, "Method Not Allowed", "ADIT-FILE-METHOD",
                            "These are files, to be read by GET and HEAD."},
    [ANSWER_LOOP] = {508, "Loop Detected", "ADIT-LOOP",
                     "The request came back to a hop that had already forwarded it. Forward to "
                     "something else."},
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == ANSWERS, "every answer has its row");

// Whether an Accept value lists this media type, by prefix. The order and q-values are ignored: the
// three forms have a fixed preference.
static bool lists(struct slice accept, struct slice type)
{
    struct slice element;
    while (slice_next_element(&accept, &element)) {
        struct slice head = slice_of(element.p, element.len < type.len ? element.len : type.len);
        if (slice_ieq(head, type))
            return true;
    }
    return false;
}

enum answer_form answer_form_of(const struct http_head *request)
{
    const struct field *accept = head_find(request, SLICE("accept"));
    if (!accept)
        return ANSWER_TEXT;
    if (lists(accept->value, SLICE("text/html")))
        return ANSWER_HTML;
    return lists(accept->value, SLICE("application/json")) ? ANSWER_JSON : ANSWER_TEXT;
}

uint16_t answer_status(enum answer a)
{
    return rows[a].status;
}

const char *answer_code(enum answer a)
{
    return rows[a].code;
}

enum answer answer_of_http1(int error)
{
    switch ((enum http1_error)error) {
    case HTTP1_E_HEAD_TOO_LARGE:
    case HTTP1_E_TOO_MANY_FIELDS: return ANSWER_HEAD_TOO_LARGE;
    case HTTP1_E_TARGET: return ANSWER_URI_TOO_LONG;
    case HTTP1_E_VERSION: return ANSWER_VERSION;
    case HTTP1_E_CODING:
    case HTTP1_E_METHOD: return ANSWER_NOT_IMPLEMENTED;
    case HTTP1_E_SYNTAX:
    case HTTP1_E_HOST:
    case HTTP1_E_LENGTH:
    case HTTP1_E_CHUNK: return ANSWER_BAD_REQUEST;
    }
    return ANSWER_BAD_REQUEST;
}

struct slice answer_date(char out[static ANSWER_DATE_MAX])
{
    struct date now = {0};
    struct slice text = date_text(&now, time(NULL));
    memcpy(out, text.p, text.len);
    return slice_of(out, text.len);
}

// A character escaped for the form; '?' unless it is printable ASCII.
static const char *escaped(char c, enum answer_form form, char plain[static 2])
{
    plain[0] = c >= 0x20 && c < 0x7f ? c : '?';
    plain[1] = 0;
    if (form == ANSWER_JSON)
        return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : plain;
    if (form == ANSWER_TEXT)
        return plain;
    return c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : plain;
}

enum {
    DETAIL_MAX = ANSWER_DETAIL_MAX * 6 + 40 // "&quot;" for each character, and the words around
};

// Writes the detail with the words or markup around it; an empty string when there is none.
static void write_detail(const struct answer_words *words, char out[static DETAIL_MAX])
{
    static const struct {
        const char *before, *behind;
    } around[] = {
        [ANSWER_TEXT] = {"What was wrong: ", ".\n"},
        [ANSWER_JSON] = {",\"detail\":\"", "\""},
        [ANSWER_HTML] = {"<p>What was wrong: ", ".</p>\n"},
    };
    size_t len = 0;
    char plain[2];
    out[0] = 0;
    if (!words->detail[0])
        return;
    len = (size_t)snprintf(out, DETAIL_MAX, "%s", around[words->form].before);
    for (size_t i = 0; words->detail[i] && i < ANSWER_DETAIL_MAX; i++)
        len += (size_t)snprintf(out + len, DETAIL_MAX - len, "%s",
                                escaped(words->detail[i], words->form, plain));
    (void)snprintf(out + len, DETAIL_MAX - len, "%s", around[words->form].behind);
}

static int write_body(const struct answer_words *words, char *out, size_t cap)
{
    const struct row *r = &rows[words->answer];
    char detail[DETAIL_MAX];
    write_detail(words, detail);
    switch (words->form) {
    case ANSWER_TEXT:
        return snprintf(out, cap, "%u %s (%s)\n%s\n%s", r->status, r->reason, r->code, r->text,
                        detail);
    case ANSWER_JSON:
        return snprintf(out, cap,
                        "{\"error\":{\"code\":\"%s\",\"status\":%u,\"message\":\"%s\"%s}}\n",
                        r->code, r->status, r->text, detail);
    case ANSWER_HTML:
        return snprintf(
            out, cap,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width\">\n<title>%u %s</title>\n"
            "<style>body{font:16px/1.5 system-ui,sans-serif;margin:15vh "
            "auto;max-width:36em;padding:0 1em;"
            "color:#222;background:#fff}h1{font-size:1.4em}code{color:#777}</style>\n"
            "<h1>%u %s</h1>\n<p>%s</p>\n%s<p><code>%s</code></p>\n</html>\n",
            r->status, r->reason, r->status, r->reason, r->text, detail, r->code);
    }
    return 0;
}

void answer_make(const struct answer_words *words, char text[static ANSWER_TEXT_MAX],
                 struct http_head *head, struct slice *body)
{
    static const char *const types[] = {
        [ANSWER_TEXT] = "text/plain; charset=utf-8",
        [ANSWER_HTML] = "text/html; charset=utf-8",
        [ANSWER_JSON] = "application/json",
    };
    enum {
        DIGITS = 8,
        BODY = DIGITS + ANSWER_DATE_MAX
    };
    const struct row *r = &rows[words->answer];
    int len = write_body(words, text + BODY, ANSWER_TEXT_MAX - BODY);
    *body = slice_of(text + BODY, (size_t)len);
    int digits = snprintf(text, DIGITS, "%d", len);
    // snprintf ends each with a NUL in its own part of `text`, before the body.
    head_init(head);
    head->status = r->status;
    head->reason = slice_str(r->reason);
    (void)head_add(head, SLICE("Date"), answer_date(text + DIGITS));
    (void)head_add(head, SLICE("Content-Type"), slice_str(types[words->form]));
    (void)head_add(head, SLICE("Content-Length"), slice_of(text, (size_t)digits));
    (void)head_add(head, SLICE("Cache-Control"), SLICE("no-store"));
    (void)head_add(head, SLICE("X-Content-Type-Options"), SLICE("nosniff"));
    (void)head_add(head, SLICE("Adit-Error"), slice_str(r->code));
    if (r->status == 405)
        (void)head_add(head, SLICE("Allow"), SLICE("GET, HEAD"));
    if (r->status == 426)
        head->upgrade = SLICE("websocket");
    if (r->status == 503 || r->status == 429)
        (void)head_add(head, SLICE("Retry-After"),
                       words->answer == ANSWER_SLOWED ? SLICE("3") : SLICE("2"));
}
