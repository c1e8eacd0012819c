// SPDX-License-Identifier: MIT
// A control message: a parsed message is well-formed and is written and parsed to itself.
#include "proto/tunnel/control.h"
#include "tests/support/check.h"

enum {
    JSON_CAP = 4096
};

static void check_text(const char *text, size_t size)
{
    size_t len = strnlen(text, size);
    CHECK(len < size);
    for (size_t i = 0; i < len; i++)
        CHECK((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

// Members that are shown, stored or compared have their form.
static void check_forms(const struct control_message *h)
{
    CHECK(is_ascii(h->software) && is_ascii(h->features) && is_ascii(h->record));
    CHECK(!h->code[0] || strncmp(h->code, "ADIT-", 5) == 0);
    CHECK(!h->url[0] || (strncmp(h->url, "http", 4) == 0 && is_ascii(h->url) &&
                         !strpbrk(h->url, " $`;&|<>()'\"\\@?#")));
    if (h->type == CONTROL_BOUND)
        CHECK(strspn(h->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(h->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_message h;
    struct control_message back;
    char json[JSON_CAP];
    char again[JSON_CAP];

    if (control_parse(slice_of((const char *)data, size), &h))
        return 0;
    check_text(h.software, sizeof(h.software));
    check_text(h.owner, sizeof(h.owner));
    check_text(h.before, sizeof(h.before));
    check_text(h.name, sizeof(h.name));
    check_text(h.url, sizeof(h.url));
    check_text(h.code, sizeof(h.code));
    check_text(h.message, sizeof(h.message));
    check_forms(&h);
    int len = control_write(json, sizeof(json), &h);
    CHECK(len > 0 && control_parse(slice_of(json, (size_t)len), &back) == 0);
    CHECK(back.type == h.type && back.version == h.version && back.id == h.id);
    CHECK(control_write(again, sizeof(again), &back) == len &&
          memcmp(json, again, (size_t)len) == 0);
    return 0;
}
