// SPDX-License-Identifier: MIT
#include "digest.h"

#if defined(ADIT_XXH_X86DISPATCH)
#include <xxh_x86dispatch.h> // the functions below by AVX2 or AVX-512 where the processor has them
#else
#include <xxhash.h>
#endif

void digest_deinit(struct digest *d)
{
    if (d->state)
        (void)XXH3_freeState(d->state);
    d->state = NULL;
}

static void put(uint8_t out[static DIGEST_BYTES], XXH128_hash_t hash)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    memcpy(out, canonical.digest, DIGEST_BYTES);
}

void digest_add(struct digest *d, struct slice piece, bool all)
{
    if (all && !d->state && !d->lost) {
        put(d->value, XXH3_128bits(piece.p, piece.len));
        d->whole = true;
        return;
    }
    if (!d->state && !d->lost) {
        d->state = XXH3_createState();
        d->lost = !d->state || XXH3_128bits_reset(d->state) == XXH_ERROR;
    }
    d->whole = false;
    if (!d->lost)
        d->lost = XXH3_128bits_update(d->state, piece.p, piece.len) == XXH_ERROR;
}

// XXH3_128bits("", 0), a constant because most requests have no body.
static const uint8_t digest_of_empty[DIGEST_BYTES] = {
    0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8, 0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};

bool digest_value(const struct digest *d, uint8_t out[static DIGEST_BYTES])
{
    if (d->lost)
        return false;
    if (d->whole)
        memcpy(out, d->value, DIGEST_BYTES);
    else if (d->state)
        put(out, XXH3_128bits_digest(d->state));
    else
        memcpy(out, digest_of_empty, DIGEST_BYTES);
    return true;
}
