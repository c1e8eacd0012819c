// SPDX-License-Identifier: MIT
#include "exchange_json.h"
#include "export.h"

bool export_jsonl(struct export *e, const struct record_exchange *x)
{
    const struct exchange_json j = {e->reader, EXCHANGE_JSON_WHOLE, .decode = true};
    struct emit emit = {.out = e->out};
    bool ok = exchange_json(&emit, NULL, &j, x);
    emit_end(&emit);
    e->count++;
    return ok;
}
