// SPDX-License-Identifier: MIT
// What a command says on stderr when it has found nothing.
#pragma once
#include "command.h"

// What was looked for, what there is, and what to do.
void inspect_found_nothing(const struct inspect_call *call, struct record_reader *r);
// Nothing yet: it goes on and waits.
void inspect_waits(const struct inspect_call *call);
