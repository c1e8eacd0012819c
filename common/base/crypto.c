// SPDX-License-Identifier: MIT
#include "crypto.h"
#include <openssl/evp.h>

bool crypto_sha1(struct slice text, uint8_t out[static CRYPTO_SHA1_BYTES])
{
    return EVP_Digest(text.p, text.len, out, NULL, EVP_sha1(), NULL) == 1;
}

size_t crypto_base64(struct slice bytes, char *out)
{
    return (size_t)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)bytes.p,
                                   (int)bytes.len);
}
