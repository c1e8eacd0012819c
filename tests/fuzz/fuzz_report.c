// SPDX-License-Identifier: MIT
// Reports: a parsed report is written as the same bytes.
#include "proto/tunnel/report.h"
#include "tests/support/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice left = slice_of((const char *)data, size);
    struct report r;
    uint8_t again[REPORT_MAX];
    for (int n = 0; left.len > 0 && (n = report_read(left, &r)) > 0; left.p += n) {
        CHECK((size_t)n <= left.len && exchange_id_is_valid(slice_str(r.id)));
        CHECK(report_write(&r, again) == (size_t)n && memcmp(again, left.p, (size_t)n) == 0);
        left.len -= (size_t)n;
        const uint64_t times[] = {r.sent_on_ns, r.connect_ns, r.answered_ns, r.duration_ns};
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
            CHECK(times[i] <= REPORT_VALUE_MAX || times[i] == REPORT_NONE);
        CHECK(r.body[0].bytes <= REPORT_VALUE_MAX && r.body[1].bytes <= REPORT_VALUE_MAX);
        CHECK(r.outcome < REPORT_OUTCOMES);
    }
    return 0;
}
