// SPDX-License-Identifier: MIT
// Differences between two exchanges as lines for people, or as JSON. Each function returns true
// when there is none.
#pragma once
#include <stdio.h>
#include "compare.h"
#include "json_writer.h"

// All differences, a paragraph for each part; nothing is written when there is none.
bool compare_print(FILE *out, const struct compare_input *a, const struct compare_input *b);
// The same of the answers alone, as compare_answers defines them.
bool compare_print_answers(FILE *out, const struct compare_input *a, const struct compare_input *b);
// The members `differences` and `same` of an object (docs/json.md).
bool compare_json(struct json_writer *w, const struct compare_input *a,
                  const struct compare_input *b);
// The same of the answers alone.
bool compare_json_answers(struct json_writer *w, const struct compare_input *a,
                          const struct compare_input *b);
