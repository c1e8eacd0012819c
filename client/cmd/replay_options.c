// SPDX-License-Identifier: MIT
// The options of `adit replay`: changes to the request, and files that hold them.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "common/base/secret.h"
#include "proto/http/chars.h"
#include "replay_internal.h"

enum {
    TIMES_MAX = 10000,
    BODY_FILE_MAX = 256 << 20, // bytes
    FIELD_FILE_MAX = 64 << 10,
    READ_FIRST = 64 << 10,
};

// Reads to the end. NULL: `errno` says why, EFBIG beyond `most` bytes. A zero byte follows the
// content.
static char *read_stream(FILE *file, size_t most, size_t *len)
{
    size_t cap = READ_FIRST;
    char *bytes = malloc(cap + 1);
    while (bytes && !feof(file) && !ferror(file) && *len <= most) {
        *len += fread(bytes + *len, 1, cap - *len, file);
        if (*len < cap)
            continue;
        cap *= 2;
        char *more = realloc(bytes, cap + 1);
        if (!more)
            free(bytes);
        bytes = more;
    }
    if (bytes && !ferror(file) && *len <= most) {
        bytes[*len] = 0;
        return bytes;
    }
    int error = bytes && *len > most ? EFBIG : errno;
    free(bytes);
    errno = error;
    return NULL;
}

// The same for a path; "-" is standard input.
static char *read_file(const char *path, size_t most, size_t *len)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "re");
    *len = 0;
    if (!file)
        return NULL;
    char *bytes = read_stream(file, most, len);
    int error = errno;
    if (!is_input)
        (void)fclose(file);
    errno = error;
    return bytes;
}

// --header @FILE: one "NAME: VALUE" per line, ended by LF or CR LF; blank lines are skipped.
static void take_field_file(struct replay *p, const char *path)
{
    char text[200];
    if (p->fields) {
        inspect_usage(&p->call, "--header @FILE may be given once", "");
        return;
    }
    p->fields = read_file(path, FIELD_FILE_MAX, &p->fields_len);
    if (!p->fields) {
        (void)snprintf(text, sizeof(text), "the file given with --header @FILE cannot be read: %s",
                       strerror(errno));
        inspect_usage(&p->call, text, "");
        return;
    }
    char *last = p->fields + p->fields_len;
    for (char *line = p->fields, *end = NULL; line < last; line = end + 1) {
        end = memchr(line, '\n', (size_t)(last - line));
        end = end ? end : last;
        bool cr = end > line && end[-1] == '\r';
        end[cr ? -1 : 0] = 0;
        if (*line && !replay_set_field(&p->changes, line))
            inspect_usage(&p->call, "--header @FILE: a line is no field that may be set: ", path);
    }
}

static void take_to(struct replay *p, const char *value)
{
    char message[DESTINATION_MESSAGE_MAX];
    const char *why = service_take_url(&p->to, value);
    p->has_to = true;
    if (!why)
        return;
    destination_explain(message, "--to", why, value);
    inspect_usage(&p->call, message, "");
}

static bool is_target(const char *text)
{
    return text[0] == '/' && chars_are(slice_str(text), CHAR_TARGET);
}

static void take_drop_header(struct replay *p, const char *value)
{
    char shown[OPTIONS_SHOWN_MAX];
    if (!replay_drop_field(&p->changes, value))
        inspect_usage(&p->call, "--drop-header is not the name of a field that may be left out: ",
                      options_redact_name(value, shown));
}

static void take_method(struct replay *p, const char *value)
{
    if (!*value || !chars_are(slice_str(value), CHAR_TOKEN) || strcmp(value, "CONNECT") == 0)
        inspect_usage(&p->call, "--method is not a method: ", value);
    p->changes.method = value;
}

static void take_header(struct replay *p, const char *value)
{
    char shown[OPTIONS_SHOWN_MAX];
    if (value[0] == '@')
        take_field_file(p, value + 1);
    else if (!strchr(value, ':'))
        inspect_usage(&p->call,
                      "--header takes 'NAME: VALUE', and there is no colon in what it got", "");
    else if (!replay_set_field(&p->changes, value))
        inspect_usage(&p->call, "--header is not 'NAME: VALUE', or a field that may not be set: ",
                      options_redact_field(value, shown));
}

// The body is `text`, or the content of `file` if that is not NULL. The last option counts.
static void take_body(struct replay *p, const char *text, const char *file)
{
    p->body_file = file;
    p->changes.has_body = !file;
    p->changes.body = file ? (struct slice){0} : slice_str(text);
}

bool replay_check_data(struct replay *p)
{
    struct stat st;
    const char *data = p->call.data ? p->call.data : "";
    bool is_like_body = (*data && strchr("@{[\"<", *data)) || strpbrk(data, "=&\n");
    if (!is_like_body || (stat(data, &st) == 0 && S_ISDIR(st.st_mode)))
        return true;
    inspect_usage(&p->call,
                  "--data is the directory of the record, and there is none of this name; another "
                  "body is -d TEXT or -d @FILE",
                  "");
    return false;
}

void replay_take_option(struct inspect_call *call, int option, const char *value)
{
    struct replay *p = call->ctx;
    switch (option) {
    case 't': take_to(p, value); return;
    case 'C': p->to.ca_file = value; return;
    case 'V':
        if (!service_take_verify(&p->to, value))
            inspect_usage(call, "--upstream-tls-verify is true or false: ", value);
        return;
    case 'O':
        if (!service_take_protocol(&p->to, value))
            inspect_usage(call, "--upstream-protocol is http1 or http2: ", value);
        return;
    case 'm': take_method(p, value); return;
    case 'p':
        if (!is_target(value))
            inspect_usage(call, "--path does not begin with /, or has spaces or a #: ", value);
        p->changes.path = value;
        return;
    case 'H': take_header(p, value); return;
    case 'd': take_drop_header(p, value); return;
    case 'b': take_body(p, NULL, value); return;
    case 'B': take_body(p, value, value[0] == '@' ? value + 1 : NULL); return;
    case 'n':
        p->times = (unsigned)inspect_number(call, "--times", value, (uint64_t[]){1, TIMES_MAX});
        return;
    case 'y': p->yes = true; return;
    case 'j': p->json = true; return;
    }
}

bool replay_read_body(struct replay *p)
{
    size_t len = 0;
    if (!p->body_file)
        return true;
    p->body = read_file(p->body_file, BODY_FILE_MAX, &len);
    if (!p->body)
        return false;
    p->changes.has_body = true;
    p->changes.body = slice_of(p->body, len);
    return true;
}

void replay_free_files(struct replay *p)
{
    free(p->body);
    if (p->fields)
        secret_wipe(p->fields, p->fields_len);
    free(p->fields);
    p->body = p->fields = NULL;
}
