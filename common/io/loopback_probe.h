// SPDX-License-Identifier: MIT
// Asks the kernel's list of sockets whether a local service listens. No connection is made: a
// service may handle one at a time, or exit after the first.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Whether a socket listens on the port of `host`, which is localhost or a loopback address. False
// also for any other host, and when the list cannot be read.
bool loopback_probe(const char *host, uint16_t port);
