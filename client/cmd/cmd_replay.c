// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "client/service.h"
#include "commands.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/secret.h"
#include "common/inspect/command.h"
#include "common/inspect/compare_json.h"
#include "common/inspect/exchange_json.h"
#include "common/inspect/text.h"
#include "common/io/signals.h"
#include "proto/http/chars.h"
#include "replay_send.h"

enum {
    TIMES_MAX = 10000,
    BODY_FILE_MAX = 256 << 20, // bytes
    FIELD_FILE_MAX = 64 << 10,
    READ_FIRST = 64 << 10,
};

static const char help[] =
    "@ replay: sends recorded requests again, to the service that they went to.\n"
    "\n"
    "  @ replay last\n"
    "  @ replay gb7c5x gb7c5z --times 3\n"
    "  @ replay gb7c5x --path /v2/orders -H 'X-Debug: 1' --drop-header cookie\n"
    "  @ replay gb7c5y -y -X PUT -d @order.json\n"
    "  @ replay gb7c5y --body-file order.json --to http://localhost:5001\n"
    "\n"
    "  --to URL             another service: http://HOST[:PORT], HOST:PORT or PORT;\n"
    "                       an IPv6 address in brackets\n"
    "  -X, --method METHOD  another method\n"
    "  --path PATH          another path and query\n"
    "  -H, --header 'NAME: VALUE'\n"
    "                       sets a field, may be repeated; @FILE reads such lines,\n"
    "                       for secrets\n"
    "  --drop-header NAME   leaves a field out; may be repeated\n"
    "  -d TEXT              another body, without the first one's Content-Encoding;\n"
    "                       -d @FILE is --body-file FILE. The method stays\n"
    "  --body-file FILE     the same out of a file; - is standard input\n"
    "  -n, --times N        that often, one after the other (default: 1, at most\n"
    "                       10000)\n"
    "  -y, --yes            do not ask before a method that is not idempotent, like\n"
    "                       POST\n"
    "  --json               one JSON object a line for each (docs/json.md)\n"
    "\n"
    "The service gets what it got the first time: also the X-Forwarded- fields that\n"
    "the relay or @ proxy had set, and as Host the one that the visitor asked for,\n"
    "whatever --host-header said. Fields whose values were redacted are left out,\n"
    "which is said: give them by --header. Where a value of the target was, it is\n"
    "not sent without --path.\n"
    "\n"
    "Each replay is recorded too, with a new id ('@ requests replayed' lists them).\n"
    "In what the answer differs from the first is printed as by diff, but for Date\n"
    "and the fields of the connection; '@ diff' compares all. Of a replay the record\n"
    "keeps neither credentials and cookies nor what was redacted in the first, and\n"
    "no bodies where none were kept.\n";

static const char statuses[] = "Exit status: 0 the service answered every request, 1 it did not, "
                               "or one was not sent, 2 usage.\n";

struct replay {
    struct inspect_call call;
    struct replay_changes changes;
    struct service to;
    bool has_to, yes, json;
    bool unread; // nobody reads our output any more
    unsigned times;
    const char *body_file;
    char *body, *fields; // read from files
    size_t fields_len;
    char dir[STATE_PATH_MAX];
    struct record_reader *reader;
    struct replay_sender sender;
};

// All that is left of a file, or NULL: `errno` says what went wrong.
static char *read_all(FILE *file, size_t most, size_t *len)
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

static char *read_file(const char *path, size_t most, size_t *len)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "re");
    *len = 0;
    if (!file)
        return NULL;
    char *bytes = read_all(file, most, len);
    int error = errno;
    if (!is_input)
        (void)fclose(file);
    errno = error;
    return bytes;
}

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

static void take_drop(struct replay *p, const char *value)
{
    char shown[OPTIONS_SHOWN_MAX];
    if (!replay_drop_field(&p->changes, value))
        inspect_usage(&p->call, "--drop-header is not the name of a field that may be left out: ",
                      options_shown_name(value, shown));
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
                      options_shown_field(value, shown));
}

// Another body: a text, or a file of it. The last one counts.
static void take_body(struct replay *p, const char *text, const char *file)
{
    p->body_file = file;
    p->changes.has_body = !file;
    p->changes.body = file ? (struct slice){0} : slice_str(text);
}

// With curl --data is a body; here it is a directory, as of every command. False: it is plainly
// a body, which was told.
static bool may_be_directory(struct replay *p)
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

static void take_option(struct inspect_call *call, int option, const char *value)
{
    struct replay *p = call->ctx;
    switch (option) {
    case 't': take_to(p, value); return;
    case 'm': take_method(p, value); return;
    case 'p':
        if (!is_target(value))
            inspect_usage(call, "--path does not begin with /, or has spaces or a #: ", value);
        p->changes.path = value;
        return;
    case 'H': take_header(p, value); return;
    case 'd': take_drop(p, value); return;
    case 'b': take_body(p, NULL, value); return;
    case 'B': take_body(p, value, value[0] == '@' ? value + 1 : NULL); return;
    case 'n':
        p->times = (unsigned)inspect_number(call, "--times", value, (uint64_t[]){1, TIMES_MAX});
        return;
    case 'y': p->yes = true; return;
    case 'j': p->json = true; return;
    }
}

// RFC 9110 §9.2.2.
static bool is_idempotent(struct slice method)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (slice_eq(method, slice_str(methods[i])))
            return true;
    return false;
}

// Says what became of one exchange instead of its being sent.
static int fail(const struct replay *p, const char *id, const char *why)
{
    char text[EXCHANGE_ID_LEN + 4];
    (void)snprintf(text, sizeof(text), "%s: ", id);
    return inspect_fail(&p->call, text, why);
}

// The first character of the next line of the input.
static int read_answer(void)
{
    int first = getchar();
    for (int c = first; c != '\n' && c != EOF; c = getchar())
        continue;
    return first;
}

// Whether a request that may do something each time shall be sent.
static bool is_wanted(struct replay *p, const struct replay_request *r, const char *id)
{
    struct slice method = r->request.head.method;
    if (p->yes || is_idempotent(method))
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        (void)fail(p, id, "it may do something each time it is sent; say --yes to send it");
        return false;
    }
    (void)fflush(stdout);
    (void)fputs("Send ", stderr);
    write_safe(stderr, method);
    (void)fputc(' ', stderr);
    write_safe(stderr, r->request.head.target);
    if (p->times > 1)
        (void)fprintf(stderr, " again, %u times? [y/N] ", p->times);
    else
        (void)fputs(" again? [y/N] ", stderr);
    int answer = read_answer();
    if (answer == 'y' || answer == 'Y')
        return true;
    (void)fail(p, id, "it was not sent");
    return false;
}

static void say_what_is_left_out(const struct replay *p, const struct replay_request *r,
                                 const char *id)
{
    if (r->left_out == 0)
        return;
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s %s: ", p->call.program->name, p->call.name);
    write_safe(stderr, slice_str(id));
    (void)fputs(": left out, since the record has no value: ", stderr);
    for (size_t i = 0; i < r->left_out; i++) {
        (void)fputs(i ? ", " : "", stderr);
        write_safe(stderr, slice_str(r->secret[i]));
    }
    (void)fputs("; --header sets it\n", stderr);
}

static bool is_answered(const struct replay_inbound_result *r)
{
    return r->status && !r->refused && r->why == EXCHANGE_COMPLETE;
}

static void print_result(const char *id, const struct replay_inbound_result *r, const char *verdict)
{
    char size[TEXT_NUMBER_MAX];
    char duration[TEXT_NUMBER_MAX];
    write_safe(stdout, slice_str(id));
    (void)printf(" replayed as %s: ", r->id);
    if (r->refused)
        (void)printf("%s after ", answer_code(r->answer));
    else if (r->status)
        (void)printf("%u, %s, ", r->status, text_size(r->bytes, size));
    else
        (void)fputs("no answer after ", stdout);
    (void)fputs(text_duration((int64_t)r->duration_ns, duration), stdout);
    if (!r->refused && r->why != EXCHANGE_COMPLETE)
        (void)printf(" (%s)", exchange_outcome_text(r->why));
    (void)fputs(r->detail[0] ? ": " : "", stdout);
    write_safe(stdout, slice_str(r->detail));
    (void)printf("%s\n", verdict);
}

// `again` is NULL when the record does not have it.
static void emit_result(const struct compared *first, const struct compared *again,
                        const struct replay_inbound_result *r)
{
    struct emit e = {.out = stdout};
    emit_open(&e, NULL, '{');
    emit_string(&e, "id", slice_str(r->id));
    emit_string(&e, "replay_of", slice_str(first->x.id));
    emit_bool(&e, "answered", is_answered(r));
    if (again) {
        exchange_json_summary(&e, "exchange", &again->x);
        (void)compare_json_answers(&e, first, again);
    } else {
        emit_null(&e, "exchange");
        emit_null(&e, "differences");
        emit_null(&e, "same");
    }
    emit_close(&e, '}');
    emit_end(&e);
}

static void nothing(void *ctx, const struct difference *d)
{
    (void)ctx;
    (void)d;
}

static void tell_difference(const struct compared *first, const struct compared *again,
                            const struct replay_inbound_result *result)
{
    bool same = compare_answers(first, again, nothing, NULL);
    print_result(first->x.id, result, same ? ", the same answer" : ", another answer:");
    if (!same)
        (void)compare_print_answers(stdout, first, again);
}

// Whether it is in the record.
static bool tell(struct replay *p, const struct compared *first,
                 const struct replay_inbound_result *result)
{
    char why[RECORD_WHY_MAX] = "";
    struct record_exchange x;
    struct compared again = {0};
    // What the reader of before has seen is from before.
    struct record_reader *reader = record_reader_open(p->dir, why);
    bool found = reader && record_reader_find(reader, result->id, &x, why) > 0;
    if (found && !compared_load(&again, reader, &x)) {
        found = false;
        (void)snprintf(why, sizeof(why), "the record is damaged, or memory is out");
    }
    if (p->json)
        emit_result(first, found ? &again : NULL, result);
    else if (found)
        tell_difference(first, &again, result);
    else
        print_result(first->x.id, result, "");
    if (!found)
        (void)fail(p, result->id, why);
    compared_free(&again);
    record_reader_close(reader);
    p->unread = fflush(stdout) != 0 && errno == EPIPE;
    return found;
}

static bool target_of(struct replay *p, const struct record_exchange *x, struct dial_target *target)
{
    char text[300];
    struct service recorded = {.target = p->to.target};
    bool known = x->upstream.len > 0 && x->upstream.len < sizeof(text);
    (void)snprintf(text, sizeof(text), "%.*s", known ? (int)x->upstream.len : 0, x->upstream.p);
    if (!p->has_to && service_take_url(&recorded, text))
        return false;
    *target = recorded.target;
    return true;
}

static int send_all(struct replay *p, const struct compared *first, const struct replay_request *r)
{
    int status = INSPECT_OK;
    for (unsigned i = 0; i < p->times && !p->unread && !p->sender.stopped; i++) {
        struct replay_inbound_result result;
        if (!replay_send(&p->sender, &first->x, r, &result))
            return inspect_fail(&p->call, "out of memory", "");
        if (!tell(p, first, &result) || !is_answered(&result))
            status = INSPECT_FAILED;
    }
    return status;
}

// The same, until somebody says that it is to end: what was begun is then broken off and written.
static int send_until(struct replay *p, const struct compared *first,
                      const struct replay_request *r)
{
    struct signals_held signals;
    if (!signals_hold(&signals))
        return inspect_fail(&p->call, "cannot wait for signals", "");
    p->sender.signals = signals.fd;
    int status = send_all(p, first, r);
    p->sender.stopped = p->sender.stopped || signals_waits(&signals);
    signals_release(&signals);
    return p->sender.stopped ? fail(p, first->x.id, "it was stopped") : status;
}

// Replays an exchange that has been found and loaded.
static int replay_loaded(struct replay *p, const struct compared *first)
{
    char why[REPLAY_WHY_MAX];
    struct replay_request *r = malloc(sizeof(*r));
    int status = INSPECT_FAILED;
    if (!r)
        return inspect_fail(&p->call, "out of memory", "");
    if (!replay_request_make(r, p->reader, &first->x, &p->changes, why))
        (void)fail(p, first->x.id, why);
    else if (!target_of(p, &first->x, &p->sender.target))
        (void)fail(p, first->x.id, "no service is known that it went to: say --to URL");
    else
        status = INSPECT_OK;
    record_reader_end(p->reader); // it is a while until the next one
    if (status == INSPECT_OK && !is_wanted(p, r, first->x.id))
        status = INSPECT_FAILED;
    if (status == INSPECT_OK) {
        say_what_is_left_out(p, r, first->x.id);
        r->request.replay_of = first->x.id;
        status = send_until(p, first, r);
    }
    replay_request_free(r);
    free(r);
    return status;
}

static int replay_one(struct replay *p, const char *text)
{
    char why[RECORD_WHY_MAX];
    struct record_exchange x;
    struct compared first = {0};
    if (record_reader_find(p->reader, text, &x, why) <= 0)
        return inspect_not_found(&p->call, why);
    int status = compared_load(&first, p->reader, &x)
                     ? replay_loaded(p, &first)
                     : fail(p, first.x.id, "the record is damaged, or memory is out");
    compared_free(&first);
    return status;
}

static int run(struct replay *p)
{
    uint64_t seed = 0;
    size_t len = 0;
    if (p->body_file) {
        p->body = read_file(p->body_file, BODY_FILE_MAX, &len);
        if (!p->body)
            return inspect_fail(
                &p->call, "the file given with --body-file cannot be read: ", strerror(errno));
        p->changes.has_body = true;
        p->changes.body = slice_of(p->body, len);
    }
    if (!inspect_directory(&p->call, p->dir) || !(p->reader = inspect_open(&p->call)))
        return INSPECT_FAILED;
    if (!secret_random(&seed, sizeof(seed)))
        return inspect_fail(&p->call, "the system gives no randomness", "");
    exchange_ids_init(&p->sender.ids, seed);
    p->sender.dir = p->dir;
    int status = INSPECT_OK;
    for (int i = 0; i < p->call.argc && !p->unread && !p->sender.stopped; i++)
        if (replay_one(p, p->call.argv[i]) != INSPECT_OK)
            status = INSPECT_FAILED;
    return p->unread ? INSPECT_FAILED : inspect_end(&p->call, status);
}

int command_replay(int argc, char **argv)
{
    static const struct option options[] = {
        {"to", required_argument, NULL, 't'},
        {"method", required_argument, NULL, 'm'},
        {"X", required_argument, NULL, 'm'},
        {"path", required_argument, NULL, 'p'},
        {"header", required_argument, NULL, 'H'},
        {"H", required_argument, NULL, 'H'},
        {"drop-header", required_argument, NULL, 'd'},
        {"body-file", required_argument, NULL, 'b'},
        {"d", required_argument, NULL, 'B'},
        {"times", required_argument, NULL, 'n'},
        {"n", required_argument, NULL, 'n'},
        {"yes", no_argument, NULL, 'y'},
        {"y", no_argument, NULL, 'y'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take_option, statuses};
    static const struct inspect_program program = {"adit", "agent"};
    static const struct option_advice advice[] = {
        {"v", "it is the version only where no command stands before it; adit show ID shows all"},
        {"o", "the answer is recorded: adit show ID --body response > FILE"},
        {"output", "the answer is recorded: adit show ID --body response > FILE"},
        {"request", "that is -X METHOD"},
        {"url", "that is --to URL for the service, and --path PATH"},
        {"data-raw", "that is -d TEXT"},
        {"data-binary", "that is -d @FILE"},
        {"data-ascii", "that is -d TEXT, or -d @FILE"},
        {"data-urlencode", "that is -d TEXT, encoded already"},
        {"form", "that is -d @FILE, a body that is a form already, and -H 'Content-Type: ...'"},
        {"F", "that is -d @FILE, a body that is a form already, and -H 'Content-Type: ...'"},
        {"user", "that is -H 'Authorization: ...', or -H @FILE for what nobody should see"},
        {"u", "that is -H 'Authorization: ...', or -H @FILE for what nobody should see"},
        {"cookie", "that is -H 'Cookie: ...', or -H @FILE for what nobody should see"},
        {"b", "that is -H 'Cookie: ...', or -H @FILE for what nobody should see"},
        {NULL, NULL},
    };
    struct replay p = {.call = {.program = &program, .advice = advice}, .times = 1};
    p.call.ctx = &p;
    log_init("adit", LOG_INFO);
    int status = INSPECT_USAGE;
    bool begun = inspect_begin(&p.call, &spec, argc, argv) && may_be_directory(&p);
    signals_ignore(); // a service that leaves early does not end us
    if (!begun)
        status = p.call.exit_status;
    else if (p.call.argc == 0)
        inspect_usage(&p.call, "say which: an ID, its beginning or its end, or last", "");
    else
        status = process_has_files("adit replay", PROCESS_FILES_SERVE) ? run(&p) : INSPECT_FAILED;
    record_reader_close(p.reader);
    free(p.body);
    if (p.fields)
        secret_wipe(p.fields, p.fields_len);
    free(p.fields);
    return status;
}
