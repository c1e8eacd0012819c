// SPDX-License-Identifier: MIT
// Whether a service is there, told by the kernel's list of what listens: no connection is made that
// a service would have to accept, which may serve one at a time, or one in all.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Whether something listens on the port of `host`, which is localhost or an address of loopback.
// False as well when the list cannot be read, and for any other host.
bool loopback_probe(const char *host, uint16_t port);
