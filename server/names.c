// SPDX-License-Identifier: MIT
#include "names.h"
#include <stdio.h>
#include "common/base/secret.h"

bool name_normalise(struct slice name, char out[static NAME_MAX_BYTES + 1])
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES || name.p[0] == '-' ||
        name.p[name.len - 1] == '-')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
        out[i] = c;
    }
    out[name.len] = 0;
    return true;
}

bool name_random(char out[static NAME_MAX_BYTES + 1])
{
    static const char *const first[16] = {"amber", "brisk", "calm",  "clear", "deep",  "early",
                                          "even",  "fair",  "grand", "keen",  "light", "mild",
                                          "plain", "quiet", "rapid", "steady"};
    static const char *const second[16] = {
        "anchor",  "bridge",  "canyon", "copper", "delta", "ember", "fern",   "gallery",
        "harbour", "lantern", "meadow", "quarry", "ridge", "shaft", "tunnel", "willow"};
    unsigned char r[5];
    if (!secret_random(r, sizeof(r)))
        return false;
    (void)snprintf(out, NAME_MAX_BYTES + 1, "%s-%s-%02x%02x%02x%02x", first[r[0] >> 4],
                   second[r[0] & 15], r[1], r[2], r[3], r[4]);
    return true;
}
