// SPDX-License-Identifier: MIT
// The bounds of a folder that is served: requests at a time, and the length of a listing.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/folder.h"
#include "common/outbound/files_listing.h"
#include "tests/support/sample_inbound.h"

static void on_request(void *ctx, struct exchange *x, struct http_head *head,
                       const struct body_framing *framing)
{
    outbound_forward(&((struct files *)ctx)->outbound, NULL, x, head, framing);
}

// The status of a CONNECT, which a folder refuses, while so many requests run.
static unsigned status_beside(struct files *f, size_t running)
{
    const struct inbound_handler handler = {.request = on_request, .ctx = f};
    struct sample_inbound in;
    f->running = running;
    assert_true(sample_inbound_open(&in, &handler, "x:1", NULL));
    unsigned status = in.status;
    sample_inbound_free(&in);
    loop_run_once(f->loop);
    assert_int_equal(f->running, running);
    return status;
}

static void requests_at_a_time_are_bounded(void **state)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    struct files f;
    (void)state;
    assert_non_null(loop);
    assert_int_equal(loop_init(loop), 0);
    files_init(&f, loop, -1, "file:///x");
    assert_int_equal(status_beside(&f, 0), 405);
    assert_int_equal(status_beside(&f, FILES_RUNNING_MAX - 1), 405);
    assert_int_equal(status_beside(&f, FILES_RUNNING_MAX), 503);
    files_deinit(&f);
    loop_deinit(loop);
    free(loop);
}

static void make(int folder, size_t number)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "f%05zu", number);
    int fd = openat(folder, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

// Whether the page has this text.
static bool lists(int folder, const char *text)
{
    static const struct files_path top = {.is_folder = true};
    struct buf page = {0};
    assert_int_equal(files_listing(folder, &top, &page), 0);
    assert_true(buf_len(&page) < FILES_LISTING_BYTES);
    bool found = memmem(buf_at(&page), buf_len(&page), text, strlen(text)) != NULL;
    buf_free(&page);
    return found;
}

static void a_long_listing_says_that_there_is_more(void **state)
{
    char path[] = "/tmp/adit-unit-files-XXXXXX";
    const char *why = NULL;
    (void)state;
    assert_non_null(mkdtemp(path));
    int folder = folder_open(path, &why);
    assert_true(folder >= 0);
    for (size_t i = 0; i < FILES_LISTED_MAX - 1; i++)
        make(folder, i);
    assert_false(lists(folder, "There are more"));
    make(folder, FILES_LISTED_MAX - 1);
    assert_false(lists(folder, "There are more"));
    assert_true(lists(folder, ">f09999<"));
    make(folder, FILES_LISTED_MAX);
    assert_true(lists(folder, "There are more"));
    folder_close(folder);
    for (size_t i = 0; i <= FILES_LISTED_MAX; i++) {
        char name[sizeof(path) + 16];
        (void)snprintf(name, sizeof(name), "%s/f%05zu", path, i);
        assert_int_equal(unlink(name), 0);
    }
    assert_int_equal(rmdir(path), 0);
}

// Nothing but regular files and folders is opened, and nothing outside.
static void only_what_lies_in_the_folder_is_opened(void **state)
{
    char path[] = "/tmp/adit-unit-files-XXXXXX";
    const char *why = NULL;
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(path));
    int folder = folder_open(path, &why);
    assert_true(folder >= 0);
    make(folder, 1);
    assert_int_equal(symlinkat("f00001", folder, "in"), 0);
    assert_int_equal(symlinkat("/dev/null", folder, "device"), 0);
    assert_int_equal(symlinkat("..", folder, "out"), 0);
    assert_int_equal(mkfifoat(folder, "fifo", 0600), 0);
    static const char *const opened[] = {"", "f00001", "in"};
    for (size_t i = 0; i < sizeof(opened) / sizeof(opened[0]); i++) {
        int fd = folder_open_beneath(folder, opened[i], &st);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    static const char *const refused[] = {"..",    "../",    "/",    "out",
                                          "out/x", "device", "fifo", "none"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_int_equal(folder_open_beneath(folder, refused[i], &st), -ENOENT);
    static const char *const names[] = {"f00001", "in", "device", "out", "fifo"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(unlinkat(folder, names[i], 0), 0);
    folder_close(folder);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(folder_open(path, &why), -1);
    assert_string_equal(why, "No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_at_a_time_are_bounded),
        cmocka_unit_test(a_long_listing_says_that_there_is_more),
        cmocka_unit_test(only_what_lies_in_the_folder_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
