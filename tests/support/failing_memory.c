// SPDX-License-Identifier: MIT
#include "failing_memory.h"
#include <limits.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static _Thread_local struct {
    bool armed, failed;
    unsigned made, first, count;
} memory;

static bool runs_out(void)
{
    if (!memory.armed)
        return false;
    memory.made++;
    bool fails = memory.made >= memory.first && memory.made - memory.first < memory.count;
    memory.failed = memory.failed || fails;
    return fails;
}

void *__wrap_malloc(size_t size)
{
    return runs_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return runs_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return runs_out() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return runs_out() ? NULL : __real_strdup(text);
}

void failing_memory_begin(unsigned first, unsigned count)
{
    memory.made = 0;
    memory.failed = false;
    memory.first = first;
    memory.count = first ? count : 0;
    memory.armed = true;
}

unsigned failing_memory_end(void)
{
    memory.armed = false;
    return memory.made;
}

void failing_memory_pause(void)
{
    memory.armed = false;
}

void failing_memory_resume(void)
{
    memory.armed = true;
}

bool failing_memory_has_failed(void)
{
    return memory.failed;
}

unsigned failing_memory_each(void (*trial)(void *ctx), void *ctx)
{
    static const unsigned counts[] = {1, UINT_MAX};
    unsigned made = 0;
    for (int i = 0; i < 2; i++) {
        unsigned first = 0;
        do {
            failing_memory_begin(++first, counts[i]);
            trial(ctx);
            made = failing_memory_end();
        } while (failing_memory_has_failed());
    }
    return made;
}
