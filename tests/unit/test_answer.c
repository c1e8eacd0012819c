// SPDX-License-Identifier: MIT
// Our own answers: form, escaping and fields; and the answer to each error of a parser.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/exchange/answer.h"
#include "proto/http/http1.h"

static bool contains(struct slice text, const char *part)
{
    return memmem(text.p, text.len, part, strlen(part));
}

static enum answer_form form_for(const char *accept)
{
    struct http_head request = {.method = SLICE("GET"), .target = SLICE("/")};
    if (accept)
        assert_true(head_add(&request, SLICE("Accept"), slice_str(accept)));
    return answer_form_of(&request);
}

static void the_form_follows_accept(void **state)
{
    (void)state;
    assert_int_equal(form_for(NULL), ANSWER_TEXT);
    assert_int_equal(form_for("*/*"), ANSWER_TEXT);
    assert_int_equal(form_for("application/json"), ANSWER_JSON);
    assert_int_equal(form_for("image/png, APPLICATION/JSON;q=0.5"), ANSWER_JSON);
    assert_int_equal(form_for("text/html,application/xhtml+xml,*/*;q=0.8"), ANSWER_HTML);
    assert_int_equal(form_for("application/json, text/html"), ANSWER_HTML);
    assert_int_equal(form_for("text/htm"), ANSWER_TEXT);
    assert_int_equal(form_for(""), ANSWER_TEXT);
}

static void an_answer_in_every_form_has_status_code_and_length(void **state)
{
    static const char *const types[] = {
        [ANSWER_TEXT] = "text/plain; charset=utf-8",
        [ANSWER_HTML] = "text/html; charset=utf-8",
        [ANSWER_JSON] = "application/json",
    };
    char text[ANSWER_TEXT_MAX];
    char detail[ANSWER_DETAIL_MAX + 1];
    struct http_head head;
    struct slice body;
    (void)state;
    memset(detail, '"', ANSWER_DETAIL_MAX); // the longest in every form
    detail[ANSWER_DETAIL_MAX] = 0;
    for (int a = 0; a < ANSWERS; a++) {
        for (int form = ANSWER_TEXT; form <= ANSWER_JSON; form++) {
            const struct answer_words words = {(enum answer)a, (enum answer_form)form, detail};
            uint64_t length = 0;
            answer_make(&words, text, &head, &body);
            assert_int_equal(head.status, answer_status((enum answer)a));
            assert_true(body.len > 0 && body.p + body.len < text + sizeof(text));
            assert_int_equal(body.p[body.len - 1], '\n'); // nothing was cut off
            assert_true(slice_to_u64(head_find(&head, SLICE("content-length"))->value, &length));
            assert_int_equal(length, body.len);
            assert_true(
                slice_eq(head_find(&head, SLICE("content-type"))->value, slice_str(types[form])));
            assert_true(slice_eq(head_find(&head, SLICE("adit-error"))->value,
                                 slice_str(answer_code((enum answer)a))));
            assert_true(contains(body, answer_code((enum answer)a)));
            assert_non_null(head_find(&head, SLICE("date")));
        }
    }
}

// Every answer is whole in every form, without a detail and with one of any length; what is over
// the limit is cut off.
static void a_detail_of_any_length_leaves_an_answer_whole(void **state)
{
    static const size_t lengths[] = {0, 1, ANSWER_DETAIL_MAX - 1, ANSWER_DETAIL_MAX, 1000};
    static const char *const ends[] = {
        [ANSWER_TEXT] = "\n", [ANSWER_HTML] = "</html>\n", [ANSWER_JSON] = "}}\n"};
    static char text[ANSWER_TEXT_MAX];
    char detail[1001];
    struct http_head head;
    struct slice body;
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) * ANSWERS * 3; i++) {
        size_t length = lengths[i / 3 / ANSWERS];
        size_t shown = length < ANSWER_DETAIL_MAX ? length : ANSWER_DETAIL_MAX;
        const struct answer_words words = {(enum answer)(i / 3 % ANSWERS),
                                           (enum answer_form)(i % 3), detail};
        uint64_t said = 0;
        size_t marks = 0;
        memset(detail, '#', length); // in no other part of any answer but a color
        detail[length] = 0;
        answer_make(&words, text, &head, &body);
        assert_true(slice_to_u64(head_find(&head, SLICE("content-length"))->value, &said));
        assert_int_equal(said, body.len);
        assert_int_equal(strlen(body.p), body.len);
        const char *end = ends[words.form];
        assert_memory_equal(body.p + body.len - strlen(end), end, strlen(end));
        for (size_t at = 0; at < body.len; at++)
            marks += body.p[at] == '#';
        assert_int_equal(marks, shown + (words.form == ANSWER_HTML ? 3 : 0));
    }
}

// Our own words need no escapes in any form.
static void the_words_of_an_answer_are_plain(void **state)
{
    char text[ANSWER_TEXT_MAX];
    struct http_head head;
    struct slice body;
    (void)state;
    for (int a = 0; a < ANSWERS; a++) {
        const struct answer_words words = {(enum answer)a, ANSWER_TEXT, ""};
        answer_make(&words, text, &head, &body);
        for (size_t i = 0; i < body.len; i++)
            if (!strchr("\n", body.p[i]) &&
                (body.p[i] < 0x20 || body.p[i] > 0x7e || strchr("<>&\"\\", body.p[i])))
                fail_msg("%s", text);
        assert_memory_equal(answer_code((enum answer)a), "ADIT-", 5);
    }
}

static void a_detail_is_escaped_in_its_form(void **state)
{
    static const struct {
        enum answer_form form;
        const char *escaped;
    } cases[] = {
        {ANSWER_TEXT, "What was wrong: <a>&\"\\?.\n"},
        {ANSWER_HTML, "<p>What was wrong: &lt;a&gt;&amp;&quot;\\?.</p>\n"},
        {ANSWER_JSON, ",\"detail\":\"<a>&\\\"\\\\?\""},
    };
    char text[ANSWER_TEXT_MAX];
    struct http_head head;
    struct slice body;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct answer_words words = {ANSWER_BAD_REQUEST, cases[i].form, "<a>&\"\\\n"};
        const struct answer_words none = {ANSWER_BAD_REQUEST, cases[i].form, ""};
        answer_make(&words, text, &head, &body);
        assert_true(contains(body, cases[i].escaped));
        answer_make(&none, text, &head, &body);
        assert_false(contains(body, "What was wrong") || contains(body, "detail"));
    }
}

static void only_answers_to_come_again_have_retry_after(void **state)
{
    char text[ANSWER_TEXT_MAX];
    struct http_head head;
    struct slice body;
    (void)state;
    for (int a = 0; a < ANSWERS; a++) {
        const struct answer_words words = {(enum answer)a, ANSWER_TEXT, ""};
        answer_make(&words, text, &head, &body);
        assert_int_equal(head_find(&head, SLICE("retry-after")) != NULL,
                         head.status == 503 || head.status == 429);
        assert_int_equal(head.upgrade.len > 0, head.status == 426);
    }
}

static void errors_of_the_parser_have_their_answers(void **state)
{
    static const struct {
        enum http1_error error;
        uint16_t status;
    } cases[] = {
        {HTTP1_E_SYNTAX, 400},          {HTTP1_E_HOST, 400},   {HTTP1_E_LENGTH, 400},
        {HTTP1_E_CHUNK, 400},           {HTTP1_E_TARGET, 414}, {HTTP1_E_HEAD_TOO_LARGE, 431},
        {HTTP1_E_TOO_MANY_FIELDS, 431}, {HTTP1_E_CODING, 501}, {HTTP1_E_METHOD, 501},
        {HTTP1_E_VERSION, 505},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(answer_status(answer_of_http1(cases[i].error)), cases[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_follows_accept),
        cmocka_unit_test(an_answer_in_every_form_has_status_code_and_length),
        cmocka_unit_test(a_detail_of_any_length_leaves_an_answer_whole),
        cmocka_unit_test(the_words_of_an_answer_are_plain),
        cmocka_unit_test(a_detail_is_escaped_in_its_form),
        cmocka_unit_test(only_answers_to_come_again_have_retry_after),
        cmocka_unit_test(errors_of_the_parser_have_their_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
