// SPDX-License-Identifier: MIT
#include "export.h"
#include "json_exchange.h"

bool export_jsonl(struct export *e, const struct record_exchange *x)
{
    const struct json_exchange j = {e->reader, JSON_EXCHANGE_WHOLE, .decode = true};
    struct json_writer w = {.out = e->out};
    bool ok = json_exchange(&w, NULL, &j, x);
    json_end_line(&w);
    e->count++;
    return ok;
}
