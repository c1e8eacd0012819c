// SPDX-License-Identifier: MIT
// The length of messages that say why a TLS context cannot be made.
#pragma once

enum {
    TLS_WHY_MAX = 640
};
