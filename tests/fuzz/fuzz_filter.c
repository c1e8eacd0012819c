// SPDX-License-Identifier: MIT
// Input: a filter, a zero, and a body. A mistake lies within the text. A valid filter gives the
// same result each time, the opposite under NOT, and matches only within its bounds; a pattern
// matches where regexec does.
#include <regex.h>
#include <stdlib.h>
#include "common/record/filter/filter_internal.h"
#include "tests/support/check.h"

enum {
    BODY_MAX = 4096 // bytes of a body that regexec searches too
};

static const int64_t now_ns = 1795608000 * INT64_C(1000000000);

static struct slice give_body(void *ctx, enum record_side side)
{
    return side == RECORD_REQUEST ? *(struct slice *)ctx : SLICE("{\"bill\":\n [1, 2]}");
}

static struct record_exchange finished(void)
{
    return (struct record_exchange){
        .id = "0123456789abcdef",
        .began_ns = 1795600000 * INT64_C(1000000000),
        .program = SLICE("adit http"),
        .tunnel = SLICE("web"),
        .visitor = SLICE("192.0.2.7"),
        .protocol = SLICE("HTTP/1.1"),
        .method = SLICE("POST"),
        .scheme = SLICE("http"),
        .host = SLICE("web.localhost:7080"),
        .target = SLICE("/api/v1?id=5"),
        .upstream = SLICE("127.0.0.1:3000"),
        .request_head = SLICE("Host: web.localhost:7080\r\nAccept: a\r\nAccept:b \r\nX\r\n"),
        .response_head = SLICE("Content-Type: application/json\r\n"),
        .status = 502,
        .outcome = SLICE("upstream gone"),
        .error = SLICE("ADIT-UPSTREAM-GONE"),
        .flags = RECORD_SHED | RECORD_UPGRADED,
        .body = {{.bytes = 14, .stalled_ns = 5}, {.bytes = 1500, .trailers = SLICE("T: 1\r\n")}},
        .duration_ns = 250000000,
    };
}

static const struct record_exchange running = {.id = "", .began_ns = 1, .duration_ns = -1};

static void check_explanation(struct slice text, const struct filter_mistake *m)
{
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    CHECK(f);
    CHECK(m->at <= text.len && m->len <= text.len - m->at);
    CHECK(m->message[0] && strnlen(m->message, sizeof(m->message)) < sizeof(m->message));
    filter_explain(f, "adit", text, m);
    (void)fclose(f);
    size_t lines = 0;
    for (size_t i = 0; i < len; i++) {
        CHECK((unsigned char)out[i] >= ' ' || out[i] == '\n');
        CHECK(out[i] != 0x7f);
        lines += out[i] == '\n';
    }
    CHECK(lines == 3);
    const char *carets = memchr(out, '\n', len);
    CHECK(carets &&
          strspn(carets + 1, " ") + strspn(strchr(carets, '^'), "^") == strcspn(carets + 1, "\n"));
    free(out);
}

static void check_answer(const struct filter *f, const struct filter *contrary,
                         const struct filter_subject *s)
{
    struct filter_bounds b = filter_bounds(f);
    bool answer = filter_match(f, s);
    CHECK(filter_match(f, s) == answer);
    CHECK(!contrary || filter_match(contrary, s) != answer);
    if (!answer)
        return;
    CHECK(b.since_ns <= s->x->began_ns && s->x->began_ns <= b.until_ns);
    CHECK(strncmp(s->x->id, b.id.len > 0 ? b.id.p : "", b.id.len) == 0);
}

static struct filter *contrary_of(struct slice text)
{
    struct filter_mistake m;
    char around[FILTER_TEXT_MAX];
    if (text.len > sizeof(around) - 16)
        return NULL;
    int len = snprintf(around, sizeof(around), "not (%.*s)", (int)text.len, text.p);
    return filter_new(slice_of(around, (size_t)len), now_ns, &m);
}

static void check_filter(struct slice text, struct slice body)
{
    struct filter_mistake m;
    struct filter *f = filter_new(text, now_ns, &m);
    if (!f) {
        check_explanation(text, &m);
        return;
    }
    struct filter *contrary = contrary_of(text);
    struct record_exchange x = finished();
    check_answer(f, contrary, &(struct filter_subject){&x, give_body, &body});
    check_answer(f, contrary, &(struct filter_subject){&running, give_body, &body});
    filter_free(contrary);
    filter_free(f);
}

static void check_pattern(struct slice text, struct slice body, bool without_case)
{
    char why[FILTER_WHY_MAX];
    size_t states = FILTER_STATES_MAX;
    char *source = calloc(1, text.len + body.len + 2);
    char *copy = source + text.len + 1; // AddressSanitizer expects a terminating zero
    regex_t regex;
    regmatch_t range = {.rm_eo = (regoff_t)body.len};
    CHECK(source);
    memcpy(source, text.p, text.len);
    memcpy(copy, body.p, body.len);
    struct filter_pattern *p =
        filter_pattern_new(slice_of(source, text.len), without_case, &states, why);
    if (p) {
        CHECK(regcomp(&regex, source,
                      REG_EXTENDED | REG_NEWLINE | REG_NOSUB | (without_case ? REG_ICASE : 0)) ==
              0);
        CHECK((regexec(&regex, copy, 1, &range, REG_STARTEND) == 0) ==
              filter_pattern_found(p, body));
        regfree(&regex);
    }
    filter_pattern_free(p);
    free(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *all = (const char *)data;
    size_t len = strnlen(size > 0 ? all : "", size);
    struct slice text = slice_of(all, len);
    struct slice body = len < size ? slice_of(all + len + 1, size - len - 1) : SLICE("a body");
    struct filter_mistake m;

    check_filter(text, body);
    if (len < size && size % 2) // a zero is part of no filter
        CHECK(!filter_new(slice_of(all, size), now_ns, &m));
    if (len == 0 || body.len > BODY_MAX || len > FILTER_TEXT_MAX)
        return 0;
    check_pattern(text, body, false);
    check_pattern(text, body, true);
    return 0;
}
