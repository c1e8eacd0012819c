// SPDX-License-Identifier: MIT
#include "nothing.h"
#include <inttypes.h>
#include "text.h"

// When the oldest or the newest one began. False: there is none any more.
static bool began(struct record_reader *r, bool oldest, char out[static TEXT_TIME_MAX])
{
    struct record_exchange x;
    const struct record_query query = {.oldest_first = oldest};
    bool found = record_reader_query(r, &query) == 0 && record_reader_next(r, &x) == 1;
    if (found)
        (void)text_local_time(x.began_ns, out);
    record_reader_end(r);
    return found;
}

static void say_empty(const struct inspect_call *call)
{
    bool relay = strcmp(call->program->name, "aditd") == 0;
    (void)fprintf(stderr, "%s %s: nothing is recorded here yet: start %s and open %s\n",
                  call->program->name, call->name, relay ? "aditd" : "adit http 8080",
                  relay ? "the URL of a tunnel" : "its URL");
}

void inspect_found_nothing(const struct inspect_call *call, struct record_reader *r)
{
    char first[TEXT_TIME_MAX];
    char last[TEXT_TIME_MAX];
    uint64_t bytes;
    uint64_t count = 0;
    (void)fflush(stdout);
    if (record_reader_size(r, &bytes, &count) || count == 0 || !began(r, true, first) ||
        !began(r, false, last)) {
        say_empty(call);
        return;
    }
    (void)fprintf(stderr, "%s %s: nothing matches ", call->program->name, call->name);
    write_safe(stderr, slice_str(call->filter));
    (void)fprintf(stderr, " among the %" PRIu64 " exchange%s here, ", count, text_plural(count));
    (void)fprintf(stderr, count > 1 ? "from %s to %s" : "of %s", first, last);
    (void)fprintf(stderr, "; %s requests, without a filter, lists them\n", call->program->name);
}

void inspect_waits(const struct inspect_call *call)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s %s: ", call->program->name, call->name);
    if (call->filter[0]) {
        (void)fputs("nothing matches ", stderr);
        write_safe(stderr, slice_str(call->filter));
        (void)fputs(" yet", stderr);
    } else {
        (void)fputs("nothing is recorded here yet", stderr);
    }
    (void)fputs("; waiting, until Ctrl-C\n", stderr);
}
