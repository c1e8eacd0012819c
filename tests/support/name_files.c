// SPDX-License-Identifier: MIT
#include "name_files.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"

static int64_t now_s(void)
{
    return wall_clock_ns() / 1000000000;
}

int name_files_setup(void **state)
{
    static struct name_files f;
    f = (struct name_files){.dir = "/tmp/adit-names-XXXXXX"};
    log_init("test", LOG_ERROR);
    assert_non_null(mkdtemp(f.dir));
    (void)snprintf(f.path, sizeof(f.path), "%s/names", f.dir);
    *state = &f;
    return 0;
}

void name_files_clear(const struct name_files *f)
{
    char path[400];
    DIR *list = opendir(f->dir);
    assert_non_null(list);
    for (struct dirent *e = readdir(list); e; e = readdir(list)) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name);
        if (e->d_name[0] != '.' && unlink(path))
            assert_int_equal(rmdir(path), 0);
    }
    (void)closedir(list);
}

int name_files_teardown(void **state)
{
    struct name_files *f = *state;
    name_files_clear(f);
    return rmdir(f->dir);
}

void name_files_open(struct name_files *f)
{
    assert_int_equal(loop_init(&f->loop), 0);
    f->loop.limits.gone_ms = NAME_FILES_GONE_S * 1000;
    f->loop.limits.tunnels = 16;
    routes_init(&f->routes, &f->loop, 1);
    name_store_open(&f->store, &f->routes, f->dir);
}

void name_files_close(struct name_files *f)
{
    name_store_close(&f->store);
    routes_deinit(&f->routes);
    loop_run_once(&f->loop);
    loop_deinit(&f->loop);
}

void name_files_put(const struct name_files *f, const void *bytes, size_t len)
{
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(close(fd), 0);
}

void name_files_put_text(const struct name_files *f, const char *text)
{
    name_files_put(f, text, strlen(text));
}

size_t name_files_get(const struct name_files *f, char text[static NAME_FILES_TEXT_MAX])
{
    int fd = open(f->path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, NAME_FILES_TEXT_MAX - 1);
    if (fd >= 0)
        assert_int_equal(close(fd), 0);
    assert_true(n >= 0);
    text[n] = 0;
    return (size_t)n;
}

void name_files_settle(struct name_files *f)
{
    while (f->store.busy || (uv_is_active((uv_handle_t *)&f->store.timer) && f->store.soon))
        (void)uv_run(&f->loop.uv, UV_RUN_ONCE);
}

void name_files_leave(struct name_files *f, const char *name, const char *owner)
{
    struct route *r = routes_find(&f->routes, name);
    const struct route_holder holder = {.owner = owner};
    r = r ? r : routes_add(&f->routes, name, &holder);
    assert_true(routes_give(r, &holder));
    routes_agent_left(r, true);
}

bool name_files_holds(const struct name_files *f, const char *name, const char *owner)
{
    const struct route *r = routes_find(&f->routes, name);
    return r && r->reserved && !r->agent && timeout_runs(&r->gone) && strcmp(r->owner, owner) == 0;
}

void name_files_check(const struct name_files *f)
{
    char name[NAME_MAX_BYTES + 1];
    size_t count = 0;
    assert_true(f->routes.count <= f->loop.limits.tunnels);
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        for (const struct route *r = f->routes.buckets[i]; r; r = r->next, count++) {
            assert_true(name_normalise(slice_str(r->name), name));
            assert_string_equal(name, r->name);
            assert_int_equal(strspn(r->owner, "0123456789abcdef"), ROUTE_OWNER_DIGITS);
            assert_true(name_files_holds(f, r->name, r->owner));
            assert_true(r->gone_s <= now_s());
            assert_true(r->gone.at_ms <=
                        loop_now_ms(&f->loop) + NAME_FILES_GONE_S * 1000 + LOOP_TICK_MS);
        }
    assert_int_equal(count, f->routes.count);
}
