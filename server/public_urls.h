// SPDX-License-Identifier: MIT
// The public URLs of names.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The strings must outlive it.
struct public_urls {
    const char *scheme; // "http" or "https"
    const char *domain; // lower case
    uint16_t port;
};

// Writes the URL of a name, without the scheme's own port; cut off behind `cap` bytes.
void public_urls_write(const struct public_urls *u, const char *name, char *out, size_t cap);
