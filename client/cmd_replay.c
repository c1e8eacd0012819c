// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "commands.h"
#include "common/inspect/command.h"
#include "common/inspect/compare.h"
#include "common/inspect/emit.h"
#include "common/inspect/text.h"
#include "common/log.h"
#include "common/record/recorder.h"
#include "common/secret.h"
#include "proto/chars.h"
#include "replay_request.h"
#include "service.h"

enum {
    TIMES_MAX = 10000,
    BODY_FILE_MAX = 256 << 20, // bytes
    FIELD_FILE_MAX = 64 << 10
};

static const char help[] =
    "@ replay: sends recorded requests again, to the service that they went to.\n"
    "\n"
    "  @ replay last\n"
    "  @ replay 01jdq4 01jdq7 --times 3\n"
    "  @ replay 01jdq4 --path /v2/orders --header 'X-Debug: 1' --drop-header cookie\n"
    "  @ replay 01jdq4 --body-file order.json --to http://localhost:5001\n"
    "\n"
    "  --to URL             another service: http://HOST:PORT, HOST:PORT or PORT\n"
    "  --method METHOD      another method\n"
    "  --path PATH          another path and query\n"
    "  --header 'NAME: V'   sets a field, may be repeated; @FILE reads such lines, for secrets\n"
    "  --drop-header NAME   leaves a field out; may be repeated\n"
    "  --body-file FILE     another body; - is standard input\n"
    "  --times N            that often, one after the other (default: 1, at most 10000)\n"
    "  --yes                do not ask before a method that is not idempotent, like POST\n"
    "  --json               one object a line for each\n"
    "\n"
    "Each replay is recorded too, with a new id. In what it differs from the first is printed as\n"
    "by diff. Fields whose values were redacted are left out, which is said: give them by "
    "--header.\n"
    "The service's Host is what the visitor's was.\n";

static const char statuses[] =
    "Exit status: 0 every request was answered by the service, 1 one was not, 2 usage.\n";

struct replay {
    struct inspect_call call;
    struct replay_changes changes;
    struct service to;
    bool has_to, yes, json;
    unsigned times;
    const char *body_file;
    char *body, *fields; // read from files
    char dir[STATE_PATH_MAX];
    struct record_reader *reader;
    struct exchange_ids ids;
};

static char *read_file(const char *path, size_t most, size_t *len)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "re");
    size_t cap = 64 * 1024;
    char *bytes = file ? malloc(cap + 1) : NULL;
    *len = 0;
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
    bool bad = !bytes || ferror(file) || *len > most;
    if (*len > most)
        errno = EFBIG;
    if (file && !is_input)
        (void)fclose(file);
    if (bad) {
        free(bytes);
        return NULL;
    }
    bytes[*len] = 0;
    return bytes;
}

static void take_field_file(struct replay *p, const char *path)
{
    size_t len = 0;
    char *text = p->fields ? NULL : read_file(path, FIELD_FILE_MAX, &len);
    if (!text) {
        inspect_usage(&p->call, p->fields ? "--header @FILE may be given once: " : strerror(errno),
                      p->fields ? path : "");
        return;
    }
    p->fields = text;
    for (char *line = text, *end = NULL; line < text + len; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + len - line));
        end = end ? end : text + len;
        bool cr = end > line && end[-1] == '\r';
        end[cr ? -1 : 0] = 0;
        if (*line && !replay_set_field(&p->changes, line))
            inspect_usage(&p->call, "a line is no field that can be set in ", path);
    }
}

static void take_to(struct replay *p, const char *value)
{
    const char *why = service_take_url(&p->to, value);
    p->has_to = true;
    if (why)
        inspect_usage(&p->call, why, value);
}

static bool is_target(const char *text)
{
    return text[0] == '/' && chars_are(slice_str(text), CHAR_TARGET);
}

static void take_drop(struct replay *p, const char *value)
{
    struct replay_changes *c = &p->changes;
    if (c->drop_count == REPLAY_FIELDS_MAX || !*value || !chars_are(slice_str(value), CHAR_TOKEN))
        inspect_usage(&p->call, "--drop-header is not the name of a field: ", value);
    else
        c->drop[c->drop_count++] = value;
}

static void take_header(struct replay *p, const char *value)
{
    if (value[0] == '@')
        take_field_file(p, value + 1);
    else if (!replay_set_field(&p->changes, value))
        inspect_usage(&p->call,
                      "--header is not 'NAME: VALUE', or one that is not to be set: ", value);
}

static void take_option(struct inspect_call *call, int option, const char *value)
{
    struct replay *p = call->ctx;
    switch (option) {
    case 't': take_to(p, value); return;
    case 'm':
        if (!*value || !chars_are(slice_str(value), CHAR_TOKEN))
            inspect_usage(call, "--method is not a method: ", value);
        p->changes.method = value;
        return;
    case 'p':
        if (!is_target(value))
            inspect_usage(call, "--path does not begin with /, or has spaces or a #: ", value);
        p->changes.path = value;
        return;
    case 'H': take_header(p, value); return;
    case 'd': take_drop(p, value); return;
    case 'b': p->body_file = value; return;
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

// Whether a request that may do something each time shall be sent.
static bool is_wanted(struct replay *p, const struct replay_request *r, const char *id)
{
    struct slice method = r->request.head.method;
    char answer[8] = "";
    if (p->yes || is_idempotent(method))
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        (void)inspect_fail(&p->call, "it may do something each time it is sent; say --yes: ", id);
        return false;
    }
    (void)fprintf(stderr, "Send the %.*s %s again, %u times? [y/N] ", (int)method.len, method.p, id,
                  p->times);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

// One exchange on a loop of its own, recorded.
static bool send_once(struct replay *p, const struct dial_target *target,
                      const struct player_request *request, struct player_result *result)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    struct upstream upstream;
    const struct recorder_config record = {.dir = p->dir, .program = "adit replay"};
    bool ok = loop && loop_init(loop) == 0;
    if (!ok) {
        free(loop);
        return false;
    }
    loop->limits = limits_default;
    upstream_init(&upstream, loop, target);
    struct recorder *recorder = recorder_new(loop, &record);
    ok = recorder && player_run(&upstream, recorder_observer(recorder), &p->ids, request, result);
    recorder_free(recorder);
    upstream_deinit(&upstream);
    loop_run_once(loop);
    conn_close_all(loop);
    loop_deinit(loop);
    free(loop);
    return ok;
}

static bool is_answered(const struct player_result *r)
{
    return r->status && !r->refused && r->why == EXCHANGE_COMPLETE;
}

static void print_result(const char *id, const struct player_result *r)
{
    char size[TEXT_NUMBER_MAX];
    char duration[TEXT_NUMBER_MAX];
    (void)printf("%s replayed as %s: ", id, r->id);
    if (r->status)
        (void)printf("%u ", r->status);
    (void)printf("%s %s", text_size(r->bytes, size),
                 text_duration((int64_t)r->duration_ns, duration));
    if (r->refused)
        (void)printf("  %s", answer_code(r->answer));
    else if (r->why != EXCHANGE_COMPLETE)
        (void)printf("  (%s)", exchange_whystr(r->why));
    (void)putchar('\n');
}

static void emit_result(const char *id, const struct player_result *r, bool same)
{
    struct emit e = {.out = stdout};
    emit_open(&e, NULL, '{');
    emit_string(&e, "replay_of", slice_str(id));
    emit_string(&e, "id", slice_str(r->id));
    emit_count(&e, "status", r->status);
    emit_count(&e, "response_bytes", r->bytes);
    emit_count(&e, "duration_ns", r->duration_ns);
    emit_string(&e, "outcome", slice_str(exchange_whystr(r->why)));
    if (r->refused)
        emit_string(&e, "error", slice_str(answer_code(r->answer)));
    emit_bool(&e, "same", same);
    emit_close(&e, '}');
    (void)putchar('\n');
}

static void nothing(void *ctx, const struct difference *d)
{
    (void)ctx;
    (void)d;
}

static void tell(struct replay *p, const struct compared *first, const struct player_result *result)
{
    char why[RECORD_WHY_MAX];
    struct record_exchange x;
    struct compared again = {0};
    // What the reader of before has seen is from before.
    struct record_reader *reader = record_reader_open(p->dir, why);
    bool found = reader && record_reader_find(reader, result->id, &x, why) > 0 &&
                 compared_load(&again, reader, &x);
    if (p->json) {
        emit_result(first->x.id, result, found && compare_exchanges(first, &again, nothing, NULL));
    } else {
        print_result(first->x.id, result);
        if (!found)
            (void)inspect_fail(&p->call, "it is not in the record: ", why);
        else if (compare_print(stdout, first, &again))
            (void)puts("the same");
    }
    compared_free(&again);
    record_reader_close(reader);
    (void)fflush(stdout);
}

static bool target_of(struct replay *p, const struct record_exchange *x, struct dial_target *target)
{
    char text[300];
    if (p->has_to) {
        *target = p->to.target;
        return true;
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)x->upstream.len, x->upstream.p);
    return x->upstream.len > 0 && x->upstream.len < sizeof(text) && dial_parse(text, target);
}

static int send_all(struct replay *p, const struct compared *first, const struct replay_request *r,
                    const struct dial_target *target)
{
    int status = INSPECT_OK;
    for (unsigned i = 0; i < p->times; i++) {
        struct player_result result;
        if (!send_once(p, target, &r->request, &result))
            return inspect_fail(&p->call, "out of memory", "");
        if (!is_answered(&result))
            status = INSPECT_FAILED;
        tell(p, first, &result);
    }
    return status;
}

static int replay_one(struct replay *p, const char *text)
{
    char why[RECORD_WHY_MAX];
    struct record_exchange x;
    struct compared first = {0};
    struct replay_request r = {0};
    struct dial_target target = {0};
    int status = INSPECT_FAILED;
    if (record_reader_find(p->reader, text, &x, why) <= 0)
        return inspect_fail(&p->call, "", why);
    if (!compared_load(&first, p->reader, &x)) {
        (void)inspect_fail(&p->call,
                           "it cannot be read: the record is damaged, or memory is out: ", text);
        goto cleanup;
    }
    if (!target_of(p, &first.x, &target)) {
        (void)inspect_fail(&p->call, "no service is known that it went to; say --to URL: ", text);
        goto cleanup;
    }
    if (!replay_request_make(&r, p->reader, &first.x, &p->changes, why)) {
        (void)inspect_fail(&p->call, "", why);
        goto cleanup;
    }
    if (!is_wanted(p, &r, first.x.id))
        goto cleanup;
    if (r.redacted > 0)
        (void)fprintf(
            stderr, "%s %s: %zu fields of %s were redacted and are left out; --header sets them\n",
            p->call.program->name, p->call.name, r.redacted, first.x.id);
    r.request.replay_of = first.x.id;
    status = send_all(p, &first, &r, &target);
cleanup:
    replay_request_free(&r);
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
            return inspect_fail(&p->call, p->body_file, strerror(errno));
        p->changes.has_body = true;
        p->changes.body = slice_of(p->body, len);
    }
    if (!inspect_directory(&p->call, p->dir) || !(p->reader = inspect_open(&p->call)))
        return INSPECT_FAILED;
    if (!secret_random(&seed, sizeof(seed)))
        return inspect_fail(&p->call, "the system gives no randomness", "");
    exchange_ids_init(&p->ids, seed);
    int status = INSPECT_OK;
    for (int i = 0; i < p->call.argc; i++)
        if (replay_one(p, p->call.argv[i]) != INSPECT_OK)
            status = INSPECT_FAILED;
    return inspect_end(&p->call, status);
}

int command_replay(int argc, char **argv)
{
    static const struct option options[] = {
        {"to", required_argument, NULL, 't'},
        {"method", required_argument, NULL, 'm'},
        {"path", required_argument, NULL, 'p'},
        {"header", required_argument, NULL, 'H'},
        {"drop-header", required_argument, NULL, 'd'},
        {"body-file", required_argument, NULL, 'b'},
        {"times", required_argument, NULL, 'n'},
        {"yes", no_argument, NULL, 'y'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    static const struct inspect_spec spec = {help, options, take_option, statuses};
    static const struct inspect_program program = {"adit", "agent"};
    struct replay p = {.call.program = &program, .times = 1};
    p.call.ctx = &p;
    log_init("adit", LOG_INFO);
    int status = INSPECT_USAGE;
    if (!inspect_begin(&p.call, &spec, argc, argv))
        status = p.call.exit_status;
    else if (p.call.argc == 0)
        inspect_usage(&p.call, "say which: an ID, the beginning of one, or last", "");
    else
        status = run(&p);
    record_reader_close(p.reader);
    free(p.body);
    if (p.fields)
        secret_wipe(p.fields, strlen(p.fields));
    free(p.fields);
    return status;
}
