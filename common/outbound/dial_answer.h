// SPDX-License-Identifier: MIT
// The answer to a visitor when a service cannot be reached.
#pragma once
#include "common/exchange/answer.h"
#include "common/io/dial.h"

// Of a dial that failed with a libuv error. Writes what exactly was wrong.
enum answer dial_answer(const struct dial_target *target, int error,
                        char detail[static ANSWER_DETAIL_MAX]);
