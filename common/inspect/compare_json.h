// SPDX-License-Identifier: MIT
// Differences as JSON: the members `differences` and `same` of an object (docs/json.md).
#pragma once
#include "compare.h"
#include "json_writer.h"

// Of two exchanges. True: there is no difference.
bool compare_json(struct json_writer *w, const struct compare_input *a,
                  const struct compare_input *b);
// Of two answers, as compare_answers has it.
bool compare_json_answers(struct json_writer *w, const struct compare_input *a,
                          const struct compare_input *b);
