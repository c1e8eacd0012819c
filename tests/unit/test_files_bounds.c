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
#include "common/outbound/files_internal.h"
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

// Names that are long, and six times as long in a page.
static void a_page_keeps_to_its_bytes(void **state)
{
    enum {
        NAMES = 2000,
        NAME_BYTES = 240
    };
    static const struct files_path top = {.is_folder = true};
    char path[] = "/tmp/adit-unit-files-XXXXXX";
    const char *why = NULL;
    char name[NAME_BYTES + 16];
    struct buf page = {0};
    (void)state;
    assert_non_null(mkdtemp(path));
    int folder = folder_open(path, &why);
    assert_true(folder >= 0);
    memset(name, '"', NAME_BYTES);
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name + NAME_BYTES, 16, "%d", i);
        int fd = openat(folder, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    assert_int_equal(files_listing(folder, &top, &page), 0);
    assert_in_range(page.cap, FILES_LISTING_BYTES / 2 + 1, FILES_LISTING_BYTES);
    assert_non_null(memmem(buf_at(&page), buf_len(&page), "There are more", 14));
    assert_memory_equal(buf_at(&page) + buf_len(&page) - 8, "</html>\n", 8);
    buf_free(&page);
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name + NAME_BYTES, 16, "%d", i);
        assert_int_equal(unlinkat(folder, name, 0), 0);
    }
    folder_close(folder);
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

// Takes a piece and grants credit for it at once: no thread may have the piece meanwhile.
static void take_and_credit(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    const struct files_request *r =
        container_of(e->x->endpoint[OUTBOUND], struct files_request, endpoint);
    assert_true(buf_append(&sample_inbound_of(e)->got, bytes, len));
    exchange_credit(e, len);
    assert_false(r->works);
}

static void on_get(void *ctx, struct exchange *x, struct http_head *head,
                   const struct body_framing *framing)
{
    struct files *f = ctx;
    head->method = SLICE("GET");
    head->target = f->lists ? SLICE("/") : SLICE("/f00001");
    outbound_forward(&f->outbound, NULL, x, head, framing);
}

static void get(struct files *f, struct sample_inbound *in)
{
    static const struct exchange_ops ops = {
        .head = sample_inbound_head,
        .data = take_and_credit,
        .finish = sample_inbound_finish,
        .unwanted = sample_inbound_unwanted,
        .credit = sample_inbound_credit,
        .closed = sample_inbound_closed,
    };
    const struct inbound_handler handler = {.request = on_get, .ctx = f};
    assert_true(sample_inbound_open(in, &handler, "x:1", NULL));
    if (!f->lists)
        in->endpoint.ops = &ops;
}

static void wait_for(struct files *f, struct sample_inbound *in, unsigned status)
{
    while (!in->ended && !in->closed)
        loop_run_once(f->loop);
    assert_int_equal(in->status, status);
    sample_inbound_free(in);
    loop_run_once(f->loop);
}

static void with_folder(void (*test)(struct files *f))
{
    char path[] = "/tmp/adit-unit-files-XXXXXX";
    const char *why = NULL;
    struct loop *loop = calloc(1, sizeof(*loop));
    struct files f;
    assert_non_null(loop);
    assert_non_null(mkdtemp(path));
    assert_int_equal(loop_init(loop), 0);
    files_init(&f, loop, folder_open(path, &why), "file:///x");
    f.path = path;
    make(f.folder, 1);
    test(&f);
    assert_int_equal(f.running, 0);
    assert_int_equal(f.making, 0);
    assert_int_equal(unlinkat(f.folder, "f00001", 0), 0);
    files_deinit(&f);
    folder_close(f.folder);
    loop_deinit(loop);
    free(loop);
    assert_int_equal(rmdir(path), 0);
}

static void get_beside_pages(struct files *f)
{
    static const struct {
        size_t bytes;
        unsigned status;
    } beside[] = {
        {0, 200},
        {FILES_PAGES_MAX - FILES_LISTING_BYTES, 200},
        {FILES_PAGES_MAX - FILES_LISTING_BYTES + 1, 503},
        {FILES_PAGES_MAX, 503},
    };
    struct sample_inbound in[2 * FILES_MAKING_MAX + 1];
    f->lists = true;
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        f->page_bytes = beside[i].bytes;
        get(f, &in[0]);
        wait_for(f, &in[0], beside[i].status);
        assert_int_equal(f->page_bytes, beside[i].bytes); // given back
    }
    f->page_bytes = 0; // more than are made at a time: the others wait
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
        get(f, &in[i]);
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
        wait_for(f, &in[i], 200);
    assert_int_equal(f->page_bytes, 0);
}

static void listings_are_bounded_together(void **state)
{
    (void)state;
    with_folder(get_beside_pages);
}

static void get_pieces(struct files *f)
{
    struct sample_inbound in;
    int fd = openat(f->folder, "f00001", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 4 * (off_t)FILES_PIECE_BYTES), 0);
    (void)close(fd);
    get(f, &in);
    wait_for(f, &in, 200);
}

static void a_piece_is_lent_until_it_is_taken(void **state)
{
    (void)state;
    with_folder(get_pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_at_a_time_are_bounded),
        cmocka_unit_test(listings_are_bounded_together),
        cmocka_unit_test(a_piece_is_lent_until_it_is_taken),
        cmocka_unit_test(a_long_listing_says_that_there_is_more),
        cmocka_unit_test(a_page_keeps_to_its_bytes),
        cmocka_unit_test(only_what_lies_in_the_folder_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
