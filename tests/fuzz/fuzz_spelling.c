// SPDX-License-Identifier: MIT
// The spelling of a head: parts end with 0x1e, first the value of adit-case (empty: none), then
// names; a leading "!" makes it a request. Names change only in the case of their letters, and the
// resulting spelling travels completely.
#include <stdlib.h>
#include "proto/http/fields.h"
#include "proto/tunnel/spelling.h"
#include "tests/support/check.h"

static struct slice next_part(struct slice *in)
{
    const char *end = in->len > 0 ? memchr(in->p, 0x1e, in->len) : NULL;
    size_t len = end ? (size_t)(end - in->p) : in->len;
    struct slice part = slice_of(in->p, len);
    *in = end ? slice_of(end + 1, in->len - len - 1) : slice_of(in->p + len, 0);
    return part;
}

static void take_head(struct slice in, struct http_head *head)
{
    head_init(head);
    head->status = 200;
    if (in.len > 0 && in.p[0] == '!') {
        head->status = 0;
        head->method = SLICE("GET");
        head->target = SLICE("/");
        head->authority = SLICE("a");
        in = slice_of(in.p + 1, in.len - 1);
    }
    struct slice value = next_part(&in);
    if (value.len > 0)
        (void)head_add(head, SLICE("adit-case"), value);
    while (in.len > 0 && head_add(head, next_part(&in), SLICE("")))
        continue;
}

static void lower(struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++)
        for (size_t k = 0; k < head->fields[i].name.len; k++) {
            char *at = (char *)(uintptr_t)head->fields[i].name.p + k;
            *at = ascii_lower(*at);
        }
}

static struct slice host_of(const struct http_head *head)
{
    return head->host_name.len > 0 ? head->host_name : SLICE("Host");
}

// Sends the spelling once more; `names` holds a copy of it.
static void check_again(struct http_head *spelled, const char *names)
{
    static char value[SPELLING_MAX];
    struct slice host = host_of(spelled);
    size_t room = spelling_bound(spelled);
    size_t len = room > 0 ? spelling_write(spelled, value) : 0;
    CHECK(room <= SPELLING_MAX && len <= room && (room == 0 || len > 0));
    if (spelled->field_count == MESSAGE_FIELDS_CAP)
        return;
    lower(spelled);
    spelled->host_name = (struct slice){0};
    if (len > 0)
        CHECK(head_add(spelled, SLICE("adit-case"), slice_of(value, len)));
    CHECK(spelling_apply(spelled));
    if (len > SPELLING_MAX / 2)
        return; // names beyond SPELLING_MAX may have the default
    CHECK(slice_eq(host, host_of(spelled)));
    for (size_t i = 0; i < spelled->field_count; names += spelled->fields[i++].name.len) {
        struct slice name = spelled->fields[i].name;
        bool ours = name.len >= 5 && slice_ieq(slice_of(name.p, 5), SLICE("adit-"));
        CHECK(ours || memcmp(name.p, names, name.len) == 0); // private fields have no spelling
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    char *text = malloc(size + 1);
    char *names = malloc(size + 1);
    CHECK(text && names);
    memcpy(text, data, size);
    take_head(slice_of(text, size), &head);
    bool sound = fields_check(&head) == 0 && spelling_apply(&head);
    char *at = names;
    for (size_t i = 0; sound && i < head.field_count; i++) {
        struct slice name = head.fields[i].name;
        size_t offset = (size_t)(name.p - text);
        CHECK(slice_ieq(name, slice_of((const char *)data + offset, name.len)));
        memcpy(at, name.p, name.len);
        at += name.len;
    }
    if (sound) {
        CHECK(slice_ieq(host_of(&head), SLICE("host")));
        check_again(&head, names);
    }
    free(names);
    free(text);
    return 0;
}
