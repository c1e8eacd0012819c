// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "commands.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/secret.h"
#include "common/inspect/text.h"
#include "common/io/signals.h"
#include "replay_internal.h"

static const char help[] =
    "@ replay: sends recorded requests again, to the service that they went to.\n"
    "\n"
    "  @ replay last\n"
    "  @ replay gb7c5x gb7c5z --times 3\n"
    "  @ replay gb7c5x --path /v2/orders -H 'X-Debug: 1' --drop-header cookie\n"
    "  @ replay gb7c5y -y -X PUT -d @order.json\n"
    "  @ replay gb7c5y --body-file order.json --to http://localhost:5001\n"
    "\n"
    "The service gets the request as it got it the first time, with the X-Forwarded-\n"
    "fields that the relay or @ proxy added. Host is the one that the visitor sent,\n"
    "whatever --host-header said. Fields whose values were redacted are left out and\n"
    "named on standard error: set them with --header. A target with a redacted value\n"
    "is not sent unless --path replaces it.\n"
    "\n"
    "Each replay is recorded too, with a new id ('@ requests replayed' lists them).\n"
    "Differences from the first answer are printed as by diff, except Date and the\n"
    "fields of the connection; '@ diff' compares everything. The record of a replay\n"
    "keeps no credentials, no cookies and nothing that was redacted in the first\n"
    "exchange, and no bodies if the first kept none.\n"
    "\n"
    "  --to URL             another service: PORT, HOST:PORT, http://HOST[:PORT],\n"
    "                       https://HOST[:PORT], unix:/PATH or file:///FOLDER; put an\n"
    "                       IPv6 address into brackets\n"
    "  --upstream-protocol http1|http2\n"
    "                       what the service speaks (default: http1)\n"
    "  --upstream-ca, --upstream-tls-verify-cas FILE\n"
    "                       the certificate authorities (PEM) to trust for https://\n"
    "                       (default: the system's)\n"
    "  --upstream-tls-verify=false\n"
    "                       accept any certificate of the service\n"
    "  -X, --method METHOD  another method\n"
    "  --path PATH          another path and query\n"
    "  -H, --header 'NAME: VALUE'\n"
    "                       set a field; may be repeated. @FILE reads such lines\n"
    "                       from a file, so that secrets need not be typed\n"
    "  --drop-header NAME   leave a field out; may be repeated\n"
    "  -d TEXT              another body; the recorded Content-Encoding is dropped,\n"
    "                       the method stays. -d @FILE is --body-file FILE\n"
    "  --body-file FILE     another body, from a file; - is standard input\n"
    "  -n, --times N        send it N times, one after the other (default: 1, at\n"
    "                       most 10000)\n"
    "  -y, --yes            do not ask before sending a method that is not\n"
    "                       idempotent, like POST\n"
    "  --json               print one JSON object per line for each replay\n"
    "                       (docs/json.md)\n";

static const char statuses[] =
    "Exit status: 0 the service answered every request, 1 it did not, or a request was\n"
    "not sent, 2 wrong usage.\n";

// Reads a line of standard input. Returns its first character.
static int read_answer(void)
{
    int first = getchar();
    for (int c = first; c != '\n' && c != EOF; c = getchar())
        continue;
    return first;
}

// Asks before a method that is not idempotent. False: not confirmed, and stderr says so.
static bool confirm(struct replay *p, const struct replay_request *r, const char *id)
{
    struct slice method = r->request.head.method;
    if (p->yes || method_is_idempotent(method))
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        (void)replay_fail(p, id,
                          "it may change something each time it is sent; give --yes to send it");
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
    (void)replay_fail(p, id, "it was not sent");
    return false;
}

// Takes --to, else the service of the record. False: there is neither.
static bool choose_service(struct replay *p, const struct record_exchange *x, struct service *s)
{
    char text[SERVICE_URL_MAX];
    *s = p->to;
    bool known = x->upstream.len > 0 && x->upstream.len < sizeof(text);
    (void)snprintf(text, sizeof(text), "%.*s", known ? (int)x->upstream.len : 0, x->upstream.p);
    return p->has_to || !service_take_url(s, text);
}

static int send_all(struct replay *p, const struct compare_input *first,
                    const struct replay_request *r)
{
    int status = INSPECT_OK;
    for (unsigned i = 0; i < p->times && !p->output_closed && !p->sender.stopped; i++) {
        struct replay_inbound_result result;
        if (!replay_send(&p->sender, &first->x, r, &result))
            return inspect_fail(&p->call, "out of memory", "");
        if (!replay_print(p, first, &result) || !replay_is_answered(&result))
            status = INSPECT_FAILED;
    }
    return status;
}

// The same, until SIGINT, SIGTERM or SIGHUP: a replay that is running is then aborted and recorded.
static int send_until_signal(struct replay *p, const struct compare_input *first,
                             const struct replay_request *r)
{
    struct signals_blocked signals;
    if (!signals_block(&signals))
        return inspect_fail(&p->call, "cannot wait for signals", "");
    p->sender.signals = signals.fd;
    int status = send_all(p, first, r);
    p->sender.stopped = p->sender.stopped || signals_pending(&signals);
    signals_unblock(&signals);
    return p->sender.stopped ? replay_fail(p, first->x.id, "it was stopped") : status;
}

// Sends the request `times` times, to the service that `sender` has got.
static int send_to_service(struct replay *p, const struct compare_input *first,
                           const struct replay_request *r)
{
    char why[SERVICE_WHY_MAX];
    const char *wrong = service_contradiction(&p->sender.service);
    if (wrong)
        return replay_fail(p, first->x.id, wrong);
    int status = service_open(&p->sender.service, why) ? send_until_signal(p, first, r)
                                                       : replay_fail(p, first->x.id, why);
    service_close(&p->sender.service);
    return status;
}

static int replay_loaded(struct replay *p, const struct compare_input *first)
{
    char why[REPLAY_WHY_MAX];
    struct replay_request *r = malloc(sizeof(*r));
    int status = INSPECT_FAILED;
    if (!r)
        return inspect_fail(&p->call, "out of memory", "");
    if (!replay_request_make(r, p->reader, &first->x, &p->changes, why))
        (void)replay_fail(p, first->x.id, why);
    else if (!choose_service(p, &first->x, &p->sender.service))
        (void)replay_fail(p, first->x.id,
                          "the record does not say to which service it went: give --to URL");
    else
        status = INSPECT_OK;
    record_reader_end(p->reader); // hold no snapshot while requests are sent
    if (status == INSPECT_OK && !confirm(p, r, first->x.id))
        status = INSPECT_FAILED;
    if (status == INSPECT_OK) {
        replay_print_omitted(p, r, first->x.id);
        r->request.replay_of = first->x.id;
        status = send_to_service(p, first, r);
    }
    replay_request_free(r);
    free(r);
    return status;
}

// `text` is an id, or the beginning or end of one, or "last".
static int replay_one(struct replay *p, const char *text)
{
    char why[RECORD_WHY_MAX];
    struct record_exchange x;
    struct compare_input first = {0};
    if (record_reader_find(p->reader, text, &x, why) <= 0)
        return inspect_not_found(&p->call, why);
    int status = compare_load(&first, p->reader, &x)
                     ? replay_loaded(p, &first)
                     : replay_fail(p, first.x.id, "the record is damaged, or memory ran out");
    compare_unload(&first);
    return status;
}

static int run(struct replay *p)
{
    uint64_t seed = 0;
    if (!replay_read_body(p))
        return inspect_fail(&p->call,
                            "the file given with --body-file cannot be read: ", strerror(errno));
    if (!inspect_directory(&p->call, p->dir) || !(p->reader = inspect_open(&p->call)))
        return INSPECT_FAILED;
    if (!secret_random(&seed, sizeof(seed)))
        return inspect_fail(&p->call, "the system gives no random bytes", "");
    exchange_ids_init(&p->sender.ids, seed);
    p->sender.dir = p->dir;
    int status = INSPECT_OK;
    for (int i = 0; i < p->call.argc && !p->output_closed && !p->sender.stopped; i++)
        if (replay_one(p, p->call.argv[i]) != INSPECT_OK)
            status = INSPECT_FAILED;
    return p->output_closed ? INSPECT_FAILED : inspect_end(&p->call, status);
}

static const struct option known[] = {
    {"to", required_argument, NULL, 't'},
    {"upstream-protocol", required_argument, NULL, 'O'},
    {"upstream-ca", required_argument, NULL, 'C'},
    {"upstream-tls-verify-cas", required_argument, NULL, 'C'},
    {"upstream-tls-verify", optional_argument, NULL, 'V'},
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

static const struct inspect_spec spec = {help, known, replay_take_option, statuses};
static const struct inspect_program program = {"adit", "agent"};

// Options of curl.
static const struct option_advice advice[] = {
    {"v", "it means the version only without a command; adit show ID shows everything"},
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

int command_replay(int argc, char **argv)
{
    struct replay p = {.call = {.program = &program, .advice = advice}, .times = 1};
    p.call.ctx = &p;
    log_init("adit", LOG_INFO);
    int status = INSPECT_USAGE;
    bool begun = inspect_begin(&p.call, &spec, argc, argv) && replay_check_data(&p);
    signals_ignore(); // SIGPIPE: the service may close first
    if (!begun)
        status = p.call.exit_status;
    else if (p.call.argc == 0)
        inspect_usage(&p.call, "say which: an ID, its beginning or its end, or last", "");
    else
        status = process_has_files("adit replay", PROCESS_FILES_SERVE) ? run(&p) : INSPECT_FAILED;
    record_reader_close(p.reader);
    replay_free_files(&p);
    return status;
}
