// SPDX-License-Identifier: MIT
// How often a test tries a property: Valgrind slows programs down thirty times, and does not need
// every trial to see uninitialised memory and leaks.
#pragma once
#include <stddef.h>
#include <stdint.h>

// A number of trials, a step between them or a size: `usual`, or the other one under Valgrind,
// where the variable ADIT_VALGRIND is 1.
size_t trials(size_t usual, size_t under_valgrind);

// A number that the environment sets, a seed or a number of them; `otherwise` when it does not. A
// failed CHECK if it is no number.
uint64_t trials_setting(const char *name, uint64_t otherwise);
