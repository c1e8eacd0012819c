// SPDX-License-Identifier: MIT
// Exchanges as commands that send their requests again, for bash and curl.
#include "bits.h"
#include "export.h"
#include "heads.h"
#include "shell_quote.h"
#include "utf8.h"

enum {
    INLINE_MAX = 32 * 1024, // bytes of a body within the command; Linux takes 128 KiB a word
    BASE64_COLUMNS = 76,
};

struct curl {
    const struct record_exchange *x;
    struct slice body;
    struct buf text; // the command so far
    bool is_head, piped;
    bool ok;
};

static void put(struct curl *c, struct slice s)
{
    c->ok = c->ok && buf_append(&c->text, s.p, s.len);
}

static void put_word(struct curl *c, struct slice word)
{
    c->ok = c->ok && shell_quote(&c->text, word);
}

// On a line of its own: an option and, unless it is empty, its value.
static void put_option(struct curl *c, struct slice option, struct slice value)
{
    put(c, SLICE(" \\\n  "));
    put(c, option);
    put(c, SLICE(" "));
    put_word(c, value);
}

// Written into a comment, where a line feed would end it.
static void put_comment(struct curl *c, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        put(c, s.p[i] >= ' ' && s.p[i] <= '~' ? slice_of(s.p + i, 1) : SLICE("?"));
}

static void put_redacted(struct curl *c)
{
    struct slice lines = c->x->request_head;
    struct slice name;
    struct slice value;
    bool first = true;
    while (record_next_field(&lines, &name, &value)) {
        if (!slice_eq(value, SLICE("[redacted]")))
            continue;
        put(c, first ? SLICE("# redacted, to be put in again: ") : SLICE(", "));
        put_comment(c, name);
        first = false;
    }
    if (!first)
        put(c, SLICE("\n"));
}

static void put_comments(struct curl *c)
{
    char text[96];
    const struct record_exchange *x = c->x;
    const struct record_body *b = &x->body[RECORD_REQUEST];
    put(c, SLICE("# "));
    put_comment(c, slice_str(x->id));
    put(c, SLICE(" "));
    put_comment(c, slice_str(timestamp(x->began_ns, text)));
    if (x->status) {
        (void)snprintf(text, sizeof(text), " was answered %u", x->status);
        put(c, slice_str(text));
    }
    put(c, SLICE("\n"));
    if (x->flags & RECORD_REDACTED)
        put_redacted(c);
    if (b->kept < b->bytes && !(x->flags & RECORD_UPGRADED)) {
        (void)snprintf(text, sizeof(text), "# only %llu of %llu bytes of the body were kept\n",
                       (unsigned long long)b->kept, (unsigned long long)b->bytes);
        put(c, slice_str(text));
    }
    if (b->trailers.len > 0)
        put(c, SLICE("# it had trailers, which curl cannot send\n"));
}

// Whether curl passes the target on as it is within a URL.
static bool is_plain_target(struct slice target)
{
    for (size_t i = 0; i < target.len; i++)
        if (target.p[i] <= ' ' || target.p[i] > '~' || strchr("\\#\"<>^`{|}", target.p[i]))
            return false;
    return target.len > 0 && target.p[0] == '/';
}

static void put_url(struct curl *c)
{
    const struct record_exchange *x = c->x;
    struct buf url = {0};
    struct slice host = x->host.len > 0 ? x->host : x->upstream;
    struct slice scheme = x->scheme.len > 0 ? x->scheme : SLICE("http");
    bool plain = is_plain_target(x->target);
    c->ok = c->ok && buf_append(&url, scheme.p, scheme.len) && buf_append(&url, "://", 3) &&
            buf_append(&url, host.p, host.len);
    c->ok =
        c->ok && (plain ? buf_append(&url, x->target.p, x->target.len) : buf_append(&url, "/", 1));
    put(c, SLICE(" "));
    put_word(c, buf_slice(&url));
    if (!plain)
        put_option(c, SLICE("--request-target"), x->target);
    buf_free(&url);
}

static void put_header(struct curl *c, struct slice name, struct slice value)
{
    struct buf line = {0};
    // "Name;" is how curl is told of an empty one; "Name:" would take it out.
    c->ok = c->ok && buf_append(&line, name.p, name.len) &&
            buf_append(&line, value.len > 0 ? ": " : ";", value.len > 0 ? 2 : 1) &&
            buf_append(&line, value.p, value.len);
    put_option(c, SLICE("-H"), buf_slice(&line));
    buf_free(&line);
}

// Fields that curl makes by itself for the body that it sends.
static bool is_framing(struct slice name)
{
    return slice_ieq(name, SLICE("content-length")) ||
           slice_ieq(name, SLICE("transfer-encoding")) || slice_ieq(name, SLICE("trailer")) ||
           slice_ieq(name, SLICE("expect"));
}

static void put_headers(struct curl *c)
{
    struct slice lines = c->x->request_head;
    struct slice name;
    struct slice value;
    if (!has_field(c->x->request_head, SLICE("host")))
        put_header(c, SLICE("Host"), c->x->host);
    while (record_next_field(&lines, &name, &value))
        if (!is_framing(name))
            put_header(c, name, value);
    // What it would add of its own.
    if (!has_field(c->x->request_head, SLICE("user-agent")))
        put_option(c, SLICE("-H"), SLICE("User-Agent:"));
    if (!has_field(c->x->request_head, SLICE("accept")))
        put_option(c, SLICE("-H"), SLICE("Accept:"));
}

static void put_body(struct curl *c)
{
    bool announced = has_field(c->x->request_head, SLICE("content-length")) ||
                     has_field(c->x->request_head, SLICE("transfer-encoding"));
    if (c->is_head || (c->body.len == 0 && !announced))
        return;
    if (!has_field(c->x->request_head, SLICE("content-type")))
        put_option(c, SLICE("-H"), SLICE("Content-Type:"));
    put_option(c, SLICE("-H"), SLICE("Expect:"));
    if (c->piped)
        put_option(c, SLICE("--data-binary"), SLICE("@-"));
    else
        put_option(c, SLICE("--data-raw"), c->body);
}

static void put_command(struct curl *c)
{
    struct slice method = c->x->method;
    c->is_head = slice_eq(method, SLICE("HEAD"));
    c->piped = !c->is_head && (c->body.len > INLINE_MAX || !utf8_is_readable(c->body));
    if (c->is_head && c->body.len > 0)
        put(c, SLICE("# it had a body, which curl cannot send with HEAD\n"));
    if (c->piped)
        put(c, SLICE("base64 -d <<'BODY' | "));
    put(c, SLICE("curl --http1.1 --globoff --path-as-is"));
    if (c->is_head)
        put(c, SLICE(" --head"));
    else if (!slice_eq(method, SLICE("GET")) || c->body.len > 0) {
        put(c, SLICE(" -X "));
        put_word(c, method);
    }
    put_url(c);
    put_headers(c);
    put_body(c);
    put(c, SLICE("\n"));
}

bool export_curl(struct export *e, const struct record_exchange *x)
{
    struct curl c = {.x = x, .ok = true};
    bool upgraded = x->flags & RECORD_UPGRADED;
    if (!upgraded && !record_reader_body(e->reader, x->seq, RECORD_REQUEST, &c.body))
        return false;
    put_comments(&c);
    if (upgraded)
        put(&c, SLICE("# it became another protocol, which curl cannot repeat\n"));
    else
        put_command(&c);
    if (c.ok)
        write_slice(e->out, buf_slice(&c.text));
    if (c.ok && c.piped) {
        write_base64(e->out, c.body, BASE64_COLUMNS);
        (void)fputs("BODY\n", e->out);
    }
    (void)fputc('\n', e->out);
    e->count++;
    buf_free(&c.text);
    return c.ok;
}
