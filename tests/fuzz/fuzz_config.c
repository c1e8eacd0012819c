// SPDX-License-Identifier: MIT
// The text of adit.yml: parsing ends for any input; a value that can be set is then the one parsed,
// and can be unset again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/document.h"

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

#define URL "https://r.example:8443"

static struct slice text_of(const struct buf *b)
{
    return b->bytes ? slice_of(buf_at(b), buf_len(b)) : SLICE("");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(size ? (const char *)data : "", size);
    struct config_document d;
    struct config_document after;
    struct config_mistake m;
    struct buf set = {0};
    struct buf unset = {0};

    bool sound = config_read(text, &d, &m);
    CHECK(sound || m.text[0]);
    if (sound)
        (void)config_check_relay(&d, &m);
    if (config_edit_relay(text, URL, &set, &m)) {
        CHECK(sound);
        CHECK(config_read(text_of(&set), &after, &m) && after.has_relay);
        CHECK(strcmp(after.relay, URL) == 0 && after.notes == d.notes);
        if (config_edit_relay(text_of(&set), NULL, &unset, &m))
            CHECK(config_read(text_of(&unset), &after, &m) && !after.has_relay);
    }
    buf_free(&set);
    buf_free(&unset);
    return 0;
}
