// SPDX-License-Identifier: MIT
// Requests as curl commands for any POSIX shell, in a script or pasted at a prompt.
//
// A shell, a line editor or a terminal must not obey anything in a command: it is visible ASCII in
// short lines (shell_quote.h), and any other body comes in base64 through a pipe. Curl reads that
// from standard input, not from /dev/fd/N, which ksh cannot open: its pipes are sockets. Comments
// have only letters, digits and marks without a meaning in a command, since zsh at its prompt runs
// comments.
#include "common/base/printable.h"
#include "export.h"
#include "export_request.h"
#include "recorded.h"
#include "shell_quote.h"
#include "text.h"
#include "write.h"

enum {
    PASTED_BODY_MAX = 1000, // bytes of a body that people still read in a command
    BASE64_COLUMNS = 76,
};

struct curl {
    const struct record_exchange *x;
    struct export_request request;
    struct slice body;
    struct buf text; // the command so far
    bool piped, has_data, is_head;
    bool is_empty_upload; // an empty chunked body, after Expect: 100-continue
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

// Appends an option and its value, on a line of their own.
static void put_option(struct curl *c, struct slice option, struct slice value)
{
    put(c, SLICE(" \\\n  "));
    put(c, option);
    put(c, SLICE(" "));
    put_word(c, value);
}

// Appends untrusted text to a comment, with _ for each character that may mean something.
static void put_comment(struct curl *c, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char l = ascii_lower(s.p[i]);
        bool inert = (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || (l && strchr("-_.:", l));
        put(c, inert ? slice_of(s.p + i, 1) : SLICE("_"));
    }
}

// Appends the names of field lines; with `redacted` only of those whose values were redacted.
static void put_names(struct curl *c, struct slice lines, bool redacted)
{
    struct slice name;
    struct slice value;
    bool first = true;
    while (record_next_field(&lines, &name, &value)) {
        if (redacted && !record_is_redacted(c->x, value))
            continue;
        put(c, first ? SLICE(" ") : SLICE(", "));
        put_comment(c, name);
        first = false;
    }
    put(c, SLICE("\n"));
}

static bool has_redacted(const struct record_exchange *x)
{
    struct slice lines = x->request_head;
    struct slice name;
    struct slice value;
    while (record_next_field(&lines, &name, &value))
        if (record_is_redacted(x, value))
            return true;
    return false;
}

static void put_title(struct curl *c)
{
    char text[96];
    const struct record_exchange *x = c->x;
    put(c, SLICE("# "));
    put_comment(c, slice_str(x->id));
    put(c, SLICE(" "));
    put_comment(c, slice_str(text_utc_time(x->began_ns, text)));
    if (x->status) {
        (void)snprintf(text, sizeof(text), " was answered %u", x->status);
        put(c, slice_str(text));
    }
    put(c, SLICE("\n"));
}

// Appends comments on what the command cannot send, or sends in another form.
static void put_comments(struct curl *c)
{
    const struct record_exchange *x = c->x;
    const struct http_head *head = &c->request.head;
    const struct field *host = head_find(head, SLICE("host"));
    if (has_redacted(x)) {
        put(c, SLICE("# redacted, to be put in again:"));
        put_names(c, x->request_head, true);
    }
    if (x->body[RECORD_REQUEST].trailers.len > 0) {
        put(c, SLICE("# it had trailers, which curl cannot send\n# their names:"));
        put_names(c, x->body[RECORD_REQUEST].trailers, false);
    }
    if (host && (host != head->fields || !slice_eq(host->name, SLICE("Host"))))
        put(c, SLICE("# Host stood elsewhere or was spelt otherwise than curl does by itself: an "
                     "empty Host: lets it\n"));
    if (c->is_head && c->has_data)
        put(c, SLICE("# HEAD with a body: curl waits in vain for one in the answer\n"));
    if (c->request.lacks_via)
        put(c, SLICE("# the service also got a Via of the proxy, whose id is not in the record\n"));
    if (c->request.may_rewrite_host)
        put(c, SLICE("# Host is what the visitor asked for, whatever --host-header said\n"));
}

// Whether every version of curl sends this target unchanged when it is part of the URL. Some change
// the case of %xx.
static bool is_plain_target(struct slice target)
{
    for (size_t i = 0; i < target.len; i++)
        if (target.p[i] <= ' ' || target.p[i] > '~' || strchr("%\\#\"<>^`{|}", target.p[i]))
            return false;
    return target.len > 0 && target.p[0] == '/';
}

static bool can_be_pasted(struct slice s)
{
    return s.len <= PASTED_BODY_MAX && printable_ascii_len(s) == s.len;
}

static void put_url(struct curl *c)
{
    const struct http_head *head = &c->request.head;
    struct buf url = {0};
    // --upload-file appends the name of the file to a path that ends with a slash.
    bool plain = is_plain_target(head->target) && !c->is_empty_upload;
    struct slice start = c->request.https ? SLICE("https://") : SLICE("http://");
    c->ok = c->ok && buf_append(&url, start.p, start.len) &&
            buf_append(&url, head->authority.p, head->authority.len) &&
            (plain ? buf_append(&url, head->target.p, head->target.len) : buf_append(&url, "/", 1));
    put(c, SLICE(" "));
    put_word(c, buf_slice(&url));
    if (!plain)
        put_option(c, SLICE("--request-target"), head->target);
    buf_free(&url);
}

// Appends a field as -H takes it: "Name;" sends an empty field, "Name:" would remove one.
static bool append_field(struct buf *out, const struct field *f)
{
    return buf_append(out, f->name.p, f->name.len) &&
           buf_append(out, f->value.len > 0 ? ": " : ";", f->value.len > 0 ? 2 : 1) &&
           buf_append(out, f->value.p, f->value.len);
}

static void put_fields(struct curl *c)
{
    const struct http_head *head = &c->request.head;
    for (size_t i = 0; i < head->field_count; i++) {
        struct buf line = {0};
        c->ok = c->ok && append_field(&line, &head->fields[i]);
        put_option(c, SLICE("-H"), buf_slice(&line));
        buf_free(&line);
    }
}

// Removes a field that curl adds by itself and the request lacks.
static void remove_default(struct curl *c, struct slice name, struct slice option)
{
    if (!head_find(&c->request.head, name))
        put_option(c, SLICE("-H"), option);
}

static void put_headers(struct curl *c)
{
    const struct http_head *head = &c->request.head;
    const struct field *host = head_find(head, SLICE("host"));
    // Curl moves the first Host that it is given to the front and spells it "Host". After an empty
    // one it treats the next like any other field.
    if (!host || host != head->fields || !slice_eq(host->name, SLICE("Host")))
        put_option(c, SLICE("-H"), SLICE("Host:"));
    put_fields(c);
    remove_default(c, SLICE("user-agent"), SLICE("User-Agent:"));
    remove_default(c, SLICE("accept"), SLICE("Accept:"));
    if (!c->has_data)
        return;
    remove_default(c, SLICE("content-type"), SLICE("Content-Type:"));
    remove_default(c, SLICE("expect"), SLICE("Expect:"));
    if (c->piped)
        put_option(c, SLICE("--data-binary"), SLICE("@-"));
    else if (c->is_empty_upload)
        put_option(c, SLICE("--upload-file"), SLICE("/dev/null"));
    else
        put_option(c, SLICE("--data-raw"), c->body);
}

static void put_command(struct curl *c)
{
    struct slice method = c->request.head.method;
    if (c->piped)
        put(c, SLICE("base64 -d <<'END_OF_BODY' | "));
    put(c, c->request.head.minor_version == 0 ? SLICE("curl -q --http1.0 --globoff --path-as-is")
                                              : SLICE("curl -q --http1.1 --globoff --path-as-is"));
    if (c->is_head && !c->has_data) {
        put(c, SLICE(" --head"));
    } else if (!slice_eq(method, SLICE("GET")) || c->has_data) {
        put(c, SLICE(" -X "));
        put_word(c, method);
    }
    if (c->is_head && c->has_data)
        put(c, SLICE(" --max-time 10"));
    if (c->request.socket.len > 0)
        put_option(c, SLICE("--unix-socket"), c->request.socket);
    put_url(c);
    put_headers(c);
    put(c, SLICE("\n"));
}

// END_OF_BODY cannot be a line of base64, which has no underscores.
static void write_body(struct export *e, const struct curl *c)
{
    if (!c->piped)
        return;
    write_base64(e->out, c->body, BASE64_COLUMNS);
    (void)fputs("END_OF_BODY\n", e->out);
}

// Whether the body is complete; else appends a comment on what is missing.
static bool has_whole_body(struct curl *c)
{
    char text[120];
    const struct record_body *b = &c->x->body[RECORD_REQUEST];
    if (b->kept < b->bytes)
        (void)snprintf(text, sizeof(text), "# only %llu of %llu bytes of the body were kept\n",
                       (unsigned long long)b->kept, (unsigned long long)b->bytes);
    else if (!(c->x->flags & RECORD_REQUEST_WHOLE))
        (void)snprintf(text, sizeof(text), "# its body did not come whole\n");
    else
        return true;
    put(c, slice_str(text));
    put(c, SLICE("# so there is no command that would send the same\n"));
    return false;
}

// Whether the target is complete; else appends a comment on what was redacted.
static bool has_whole_target(struct curl *c)
{
    struct slice rest = c->x->target;
    struct slice name;
    bool first = true;
    if (!record_is_redacted(c->x, rest))
        return true;
    put(c, SLICE("# redacted in its target:"));
    for (; record_next_redacted(&rest, &name); first = false) {
        put(c, first ? SLICE(" ") : SLICE(", "));
        put_comment(c, name.len > 0 ? name : SLICE("path"));
    }
    put(c, SLICE("\n# so there is no command: give the whole target with --path\n"));
    return false;
}

static bool make(struct curl *c, struct export *e)
{
    const struct record_exchange *x = c->x;
    const char *objection = export_request_make(
        &c->request, x, e->to_service ? EXPORT_AS_SERVICE_GOT : EXPORT_AS_VISITOR_SENT);
    put_title(c);
    if (objection) {
        put(c, SLICE("# "));
        put(c, slice_str(objection));
        put(c, SLICE("\n"));
        return true;
    }
    if (!has_whole_target(c) || !has_whole_body(c))
        return true;
    if (!record_reader_body(e->reader, x->seq, RECORD_REQUEST, &c->body))
        return false;
    c->is_head = slice_eq(c->request.head.method, SLICE("HEAD"));
    c->has_data = c->body.len > 0 || c->request.chunked;
    c->piped = !can_be_pasted(c->body);
    // With empty --data curl does not send the last chunk after it waited for 100 (Continue).
    c->is_empty_upload =
        c->has_data && c->body.len == 0 && head_find(&c->request.head, SLICE("expect"));
    put_comments(c);
    put_command(c);
    return c->ok;
}

bool export_curl(struct export *e, const struct record_exchange *x)
{
    struct record_exchange other = *x;
    struct curl c = {.x = e->path ? &other : x, .ok = true};
    if (e->path)
        other.target = slice_str(e->path);
    bool ok = make(&c, e);
    if (ok) {
        write_slice(e->out, buf_slice(&c.text));
        write_body(e, &c);
        (void)fputc('\n', e->out);
        e->count++;
    }
    export_request_free(&c.request);
    buf_free(&c.text);
    return ok;
}
