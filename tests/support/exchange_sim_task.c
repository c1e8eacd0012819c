// SPDX-License-Identifier: MIT
// Chooses requests and their responses, and prints their heads.
#include <stdarg.h>
#include <stdio.h>
#include "check.h"
#include "exchange_sim_internal.h"

// Mostly small, sometimes more than all that may wait on the way.
static uint64_t some_total(void)
{
    static const uint32_t bounds[] = {1, 50, 50, 3000, 3000, 20000, 100000, 400000};
    uint32_t which = chance_below(sim.chance, 40);
    return chance_below(sim.chance, bounds[which < 32 ? which / 6 : which < 38 ? 6 : 7]);
}

size_t sim_task_number(const struct sim_task *t)
{
    return (size_t)(t - sim.tasks);
}

static struct sim_body some_body(const struct sim_task *t, enum body_kind kind, unsigned part)
{
    return (struct sim_body){.kind = kind,
                             .key = 4 * sim_task_number(t) + part,
                             .total = kind == BODY_NONE ? 0 : some_total(),
                             .trailers = kind == BODY_CHUNKED && sim_maybe(3)};
}

static void plan_request_fault(struct sim_task *t)
{
    struct sim_body *body = &t->body[INBOUND];
    if (!sim_maybe(12))
        return;
    t->request_fault =
        (enum sim_request_fault)(REQUEST_BAD_HEAD + chance_below(sim.chance, REQUEST_UNFINISHED));
    if (t->request_fault == REQUEST_BAD_CHUNK && (body->kind != BODY_CHUNKED || body->total == 0))
        t->request_fault = REQUEST_UNFINISHED;
    if (t->request_fault == REQUEST_UNFINISHED && body->kind != BODY_NONE && body->total == 0)
        t->request_fault = REQUEST_BAD_HEAD;
    t->excused = true;
}

static void plan_request(struct sim_task *t)
{
    static const char *const methods[] = {"GET",  "GET",  "GET",  "GET", "GET", "HEAD",
                                          "POST", "POST", "POST", "PUT", "PUT", "DELETE"};
    t->method = methods[sim.early ? 5 + chance_below(sim.chance, 4) : chance_below(sim.chance, 12)];
    bool has_body = t->method[0] == 'P' || sim_maybe(16);
    enum body_kind kind = !has_body ? BODY_NONE : sim_maybe(2) ? BODY_LENGTH : BODY_CHUNKED;
    t->is_10 = sim_maybe(8);
    t->keeps_10 = t->is_10 && sim_maybe(2);
    t->closes = sim_maybe(12);
    if (t->is_10 && kind == BODY_CHUNKED)
        kind = BODY_LENGTH;
    t->body[INBOUND] = some_body(t, kind, 0);
    t->expects = kind != BODY_NONE && !t->is_10 && sim_maybe(5);
    t->offers = !t->is_10 && sim_maybe(6);
    t->pads = sim_maybe(6);
    plan_request_fault(t);
}

bool sim_task_response_has_body(const struct sim_task *t)
{
    bool none = t->status == 204 || t->status == 304 || t->status == 101;
    return !none && strcmp(t->method, "HEAD") != 0;
}

static void plan_response_fault(struct sim_task *t)
{
    struct sim_body *body = &t->body[OUTBOUND];
    if (!sim_maybe(8))
        return;
    bool has_body = sim_task_response_has_body(t) && body->total > 0;
    t->response_fault =
        (enum sim_response_fault)(RESPONSE_NONE + chance_below(sim.chance, RESPONSE_SILENT));
    bool in_body = t->response_fault == RESPONSE_BAD_CHUNK ||
                   t->response_fault == RESPONSE_CUT_BY_FIN ||
                   t->response_fault == RESPONSE_CUT_BY_RST;
    if (in_body && !has_body)
        t->response_fault = RESPONSE_NONE;
    if (t->response_fault == RESPONSE_BAD_CHUNK && body->kind != BODY_CHUNKED)
        t->response_fault = RESPONSE_CUT_BY_RST;
    if (t->response_fault == RESPONSE_CUT_BY_FIN && body->kind == BODY_UNTIL_CLOSE)
        t->response_fault = RESPONSE_CUT_BY_RST;
    t->cut_at = body->total ? chance_below(sim.chance, body->total) : 0;
    t->excused = true;
}

static void plan_upgrade(struct sim_task *t)
{
    t->accepts = t->offers && t->body[INBOUND].kind != BODY_CHUNKED && sim_maybe(2);
    if (!t->accepts)
        return;
    t->status = 101;
    t->moment = AT_END;
    t->response_is_10 = t->origin_closes = false;
    t->stream[INBOUND] = some_body(t, BODY_TUNNEL, 2);
    t->stream[OUTBOUND] = some_body(t, BODY_TUNNEL, 3);
    if (sim_maybe(2))
        t->speaks_last[chance_below(sim.chance, 2)] = true;
}

static void plan_response(struct sim_task *t)
{
    static const uint16_t statuses[] = {200, 200, 200, 200, 201, 404, 500, 204, 304};
    static const enum body_kind kinds[] = {BODY_LENGTH, BODY_LENGTH, BODY_CHUNKED, BODY_CHUNKED,
                                           BODY_UNTIL_CLOSE};
    t->status = statuses[chance_below(sim.chance, 9)];
    enum body_kind kind = kinds[chance_below(sim.chance, 5)];
    t->response_is_10 = sim_maybe(12);
    if (t->response_is_10 && kind == BODY_CHUNKED)
        kind = BODY_UNTIL_CLOSE;
    t->body[OUTBOUND] = some_body(t, kind, 1);
    t->origin_closes = t->response_is_10 || kind == BODY_UNTIL_CLOSE || sim_maybe(8);
    if (t->body[INBOUND].kind != BODY_NONE && sim_maybe(sim.early ? 1 : 5))
        t->moment = sim_maybe(2) ? AT_HEAD : AT_HALF;
    const struct sim_body *request = &t->body[INBOUND];
    bool has_rest = request->kind == BODY_CHUNKED || request->total > 0;
    t->ignores = t->moment != AT_END && has_rest && sim_maybe(sim.early ? 1 : 3);
    t->interims = sim_maybe(8) ? 1 + chance_below(sim.chance, 3) : 0;
    plan_upgrade(t);
    t->says_keeps = !t->accepts && sim_maybe(2);
    if (t->expects && t->moment == AT_HALF)
        t->moment = AT_END;
    t->ignores = t->ignores && t->moment != AT_END;
    if (t->expects && t->moment == AT_END && t->interims == 0)
        t->interims = 1;
    if (!t->accepts)
        plan_response_fault(t);
}

void sim_task_plan(struct sim_task *t)
{
    *t = (struct sim_task){.method = ""};
    plan_request(t);
    plan_response(t);
    sim_tell(t,
             "%s HTTP/1.%d, body %d of %llu%s%s%s, fault %d; response %u, body %d of %llu%s%s, "
             "moment %d, interims %u, fault %d",
             t->method, !t->is_10, t->body[INBOUND].kind,
             (unsigned long long)t->body[INBOUND].total, t->closes ? ", closes" : "",
             t->expects ? ", expects" : "", t->offers ? ", offers" : "", t->request_fault,
             t->status, t->body[OUTBOUND].kind, (unsigned long long)t->body[OUTBOUND].total,
             t->response_is_10 ? ", 1.0" : "", t->origin_closes ? ", closes" : "", t->moment,
             t->interims, t->response_fault);
}

struct sim_task *sim_task_of(struct slice target)
{
    uint64_t number = 0;
    CHECK(target.len > 1 && slice_to_u64(slice_of(target.p + 1, target.len - 1), &number));
    CHECK(number < sim.task_count);
    return &sim.tasks[number];
}

__attribute__((format(printf, 3, 4))) static void add(char *out, size_t *len, const char *format,
                                                      ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out + *len, SIM_HEAD_MAX - *len, format, args);
    va_end(args);
    CHECK(n >= 0 && *len + (size_t)n < SIM_HEAD_MAX);
    *len += (size_t)n;
}

static void add_framing(const struct sim_body *body, char *out, size_t *len)
{
    if (body->kind == BODY_LENGTH)
        add(out, len, "Content-Length: %llu\r\n", (unsigned long long)body->total);
    else if (body->kind == BODY_CHUNKED)
        add(out, len, "Transfer-Encoding: chunked\r\n");
}

size_t sim_task_request(const struct sim_task *t, char out[static SIM_HEAD_MAX])
{
    size_t len = 0;
    add(out, &len, "%s /%zu HTTP/1.%d\r\nHost%s: sim\r\n", t->method, sim_task_number(t), !t->is_10,
        t->request_fault == REQUEST_BAD_HEAD ? " " : "");
    if (t->request_fault == REQUEST_BAD_CODING)
        add(out, &len, "Transfer-Encoding: gzip\r\n");
    else
        add_framing(&t->body[INBOUND], out, &len);
    bool names = t->closes || t->keeps_10 || t->offers;
    if (names)
        add(out, &len, "Connection: %s%s%s\r\n",
            t->closes     ? "close"
            : t->keeps_10 ? "keep-alive"
                          : "",
            t->offers && t->closes ? ", " : "", t->offers ? "upgrade" : "");
    if (t->offers)
        add(out, &len, "Upgrade: sim\r\n");
    if (t->expects)
        add(out, &len, "Expect: 100-continue\r\n");
    if (t->pads)
        add(out, &len, "X-Pad: %0500d\r\n", 0);
    add(out, &len, "\r\n");
    return len;
}

size_t sim_task_response(const struct sim_task *t, char out[static SIM_HEAD_MAX])
{
    size_t len = 0;
    add(out, &len, "HTTP/1.%d %s%u Told\r\nX-Sim: %zu\r\n", !t->response_is_10,
        t->response_fault == RESPONSE_BAD_HEAD ? "x" : "", t->status, sim_task_number(t));
    if (t->status == 101)
        add(out, &len, "Connection: upgrade\r\nUpgrade: sim\r\n");
    else if (t->status != 204 && t->status != 304)
        add_framing(&t->body[OUTBOUND], out, &len);
    if (t->origin_closes)
        add(out, &len, "Connection: close\r\n");
    else if (t->says_keeps)
        add(out, &len, "Connection: keep-alive\r\n");
    add(out, &len, "\r\n");
    return len;
}

bool sim_task_is_repeatable(const struct sim_task *t)
{
    const struct sim_body *body = &t->body[INBOUND];
    bool has_body = body->kind == BODY_CHUNKED || body->total > 0;
    return strcmp(t->method, "POST") != 0 && !has_body && !t->offers;
}

bool sim_task_is_excused(const struct sim_task *t)
{
    return t->excused || sim.lenient || fake_system_has_failed() ||
           (sim.origin_closes_idle && !sim_task_is_repeatable(t));
}
