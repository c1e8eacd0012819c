// SPDX-License-Identifier: MIT
// The file of names under attack: whatever lies there, the relay starts, holds names for owners
// that a line says, for gone-time and not for longer, and destroys nothing.
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "server/name_store.h"
#include "tests/support/chance.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

enum {
    NS = 1000000000, // in a second
    TEXT_MAX = 4096,
    GONE_S = 60
};

struct fixture {
    char dir[64], path[96];
    struct loop loop;
    struct routes routes;
    struct name_store store;
};

static int64_t now_s(void)
{
    return wall_clock_ns() / 1000000000;
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.dir = "/tmp/adit-names-XXXXXX"};
    log_init("test", LOG_ERROR);
    assert_non_null(mkdtemp(f.dir));
    (void)snprintf(f.path, sizeof(f.path), "%s/names", f.dir);
    *state = &f;
    return 0;
}

static void remove_all(const char *dir)
{
    char path[400];
    DIR *list = opendir(dir);
    assert_non_null(list);
    for (struct dirent *e = readdir(list); e; e = readdir(list)) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.' && unlink(path))
            assert_int_equal(rmdir(path), 0);
    }
    (void)closedir(list);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    remove_all(f->dir);
    return rmdir(f->dir);
}

static void open_store(struct fixture *f)
{
    assert_int_equal(loop_init(&f->loop), 0);
    f->loop.limits.gone_ms = GONE_S * 1000;
    f->loop.limits.tunnels = 16;
    routes_init(&f->routes, &f->loop, 1);
    name_store_open(&f->store, &f->routes, f->dir);
}

static void close_store(struct fixture *f)
{
    name_store_close(&f->store);
    routes_deinit(&f->routes);
    loop_run_once(&f->loop);
    loop_deinit(&f->loop);
}

static void put(const struct fixture *f, const void *bytes, size_t len)
{
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(close(fd), 0);
}

static void put_text(const struct fixture *f, const char *text)
{
    put(f, text, strlen(text));
}

static size_t get(const struct fixture *f, char text[static TEXT_MAX])
{
    int fd = open(f->path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, TEXT_MAX - 1);
    if (fd >= 0)
        assert_int_equal(close(fd), 0);
    assert_true(n >= 0);
    text[n] = 0;
    return (size_t)n;
}

// Turns the loop until the store has written what there is.
static void let_write(struct fixture *f)
{
    while (f->store.busy || (uv_is_active((uv_handle_t *)&f->store.delay) && f->store.soon))
        (void)uv_run(&f->loop.uv, UV_RUN_ONCE);
}

static void leave(struct fixture *f, const char *name, const char *owner)
{
    struct route *r = routes_find(&f->routes, name);
    const struct route_holder holder = {.owner = owner};
    r = r ? r : routes_add(&f->routes, name, &holder);
    assert_true(routes_give(r, &holder));
    routes_agent_left(r, true);
}

static bool is_held(const struct fixture *f, const char *name, const char *owner)
{
    const struct route *r = routes_find(&f->routes, name);
    return r && r->reserved && !r->agent && timeout_runs(&r->gone) && strcmp(r->owner, owner) == 0;
}

// What holds whatever the file was.
static void check_sound(const struct fixture *f)
{
    char name[NAME_MAX_BYTES + 1];
    size_t count = 0;
    assert_true(f->routes.count <= f->loop.limits.tunnels);
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        for (const struct route *r = f->routes.buckets[i]; r; r = r->next, count++) {
            assert_true(name_normalise(slice_str(r->name), name));
            assert_string_equal(name, r->name);
            assert_int_equal(strspn(r->owner, "0123456789abcdef"), ROUTE_OWNER_DIGITS);
            assert_true(is_held(f, r->name, r->owner));
            assert_true(r->gone_s <= now_s());
            assert_true(r->gone.at_ms <= loop_now_ms(&f->loop) + GONE_S * 1000 + LOOP_TICK_MS);
        }
    assert_int_equal(count, f->routes.count);
}

static void a_file_cut_at_any_byte_holds_what_was_whole(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "adit names 1 0000000000000000000\n";
    char whole[TEXT_MAX];
    int64_t now = now_s();
    size_t first =
        (size_t)snprintf(whole, sizeof(whole), "adit names 1 %019" PRId64 "\n", now * NS);
    size_t len =
        first + (size_t)snprintf(whole + first, sizeof(whole) - first,
                                 "here one " A "\ngone two " B " %" PRId64 "\nfree one\n", now - 1);
    assert_int_equal(first, sizeof(text) - 1);
    size_t one = first + 9 + 64 + 1;
    size_t two = one + (size_t)snprintf(NULL, 0, "gone two " B " %" PRId64 "\n", now - 1);
    for (size_t cut = 0; cut <= len; cut++) {
        put(f, whole, cut);
        open_store(f);
        check_sound(f);
        assert_int_equal(is_held(f, "one", A), cut >= one && cut < len);
        assert_int_equal(is_held(f, "two", B), cut >= two);
        close_store(f);
        remove_all(f->dir);
    }
}

// One change of many kinds to a text of `*len` bytes.
static void corrupt(struct chance *c, char *text, size_t *len)
{
    static char rest[TEXT_MAX];
    static const char *const pieces[] = {"\r",
                                         "\n",
                                         "",
                                         " ",
                                         "here one " B "\n",
                                         "gone one " B " 99999999999\n",
                                         "free one\n",
                                         "here ONE " A "\n",
                                         "here -x " A "\n",
                                         "adit names 2\n",
                                         "gone one " A " 0\n",
                                         "\xff\xfe",
                                         "gone x " A " 18446744073709551615\n",
                                         "here  " A "\n",
                                         "here one " A " 1\n"};
    size_t at = chance_below(c, *len + 1);
    size_t n = chance_below(c, 40);
    const char *piece = pieces[chance_below(c, sizeof(pieces) / sizeof(pieces[0]))];
    size_t added = piece[0] ? strlen(piece) : 1; // a zero
    n = n < *len - at ? n : *len - at;
    switch (chance_below(c, 4)) {
    case 0: // a byte is another
        if (at < *len)
            text[at] = (char)chance_below(c, 256);
        return;
    case 1: // some are missing
        memcpy(rest, text + at + n, *len - at - n);
        memcpy(text + at, rest, *len - at - n);
        *len -= n;
        return;
    case 2: // the end is
        *len = at;
        return;
    default: // something is added
        if (*len + added > TEXT_MAX)
            return;
        memcpy(rest, text + at, *len - at);
        memcpy(text + at, piece, added);
        memcpy(text + at + added, rest, *len - at);
        *len += added;
    }
}

static void a_corrupt_file_gives_a_name_to_nobody_that_no_line_has(void **state)
{
    struct fixture *f = *state;
    for (uint64_t seed = 0; seed < 1500; seed++) {
        struct chance c = chance_of_seed(seed);
        char text[TEXT_MAX];
        char aside[128];
        struct stat st;
        size_t len = (size_t)snprintf(text, sizeof(text),
                                      "adit names 1 %019" PRId64 "\nhere one " A "\nhere two " B
                                      "\ngone three " A " %" PRId64 "\nfree two\nhere two " A "\n",
                                      now_s() * NS, now_s() - 3);
        for (uint32_t i = chance_below(&c, 4) + 1; i > 0; i--)
            corrupt(&c, text, &len);
        put(f, text, len);
        open_store(f);
        check_sound(f);
        for (size_t i = 0; i < ROUTE_BUCKETS; i++)
            for (const struct route *r = f->routes.buckets[i]; r; r = r->next) {
                char line[200];
                int n = snprintf(line, sizeof(line), "%s %s", r->name, r->owner);
                assert_non_null(memmem(text, len, line, (size_t)n));
            }
        close_store(f);
        // It is still there as it was, in its place or put aside.
        (void)snprintf(aside, sizeof(aside), "%s.damaged", f->path);
        assert_int_equal(lstat(f->path, &st) ? lstat(aside, &st) : 0, 0);
        assert_int_equal(st.st_size, len);
        remove_all(f->dir);
    }
}

static void times_past_to_come_and_impossible_hold_no_name_for_longer(void **state)
{
    struct fixture *f = *state;
    const int64_t now = now_s();
    const struct {
        int64_t written, gone; // 0 and more; -1 of `gone`: it is here
        bool held;
    } cases[] = {
        {now, now - GONE_S - 5, false},
        {now, now - 1, true},
        {now, 0, false},
        {now, 1, false},
        {now, now + 86400, true},
        {now, INT64_MAX, true},
        {now, -1, true},
        {now - 3600 + 30, -1, true},
        {now - 3600, -1, false},
        {0, -1, false},
        {now + 86400, -1, true},
        {INT64_MAX, -1, true},
        {0, now - 1, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TEXT_MAX];
        char gone[32] = "";
        if (cases[i].gone >= 0)
            (void)snprintf(gone, sizeof(gone), " %" PRId64, cases[i].gone);
        (void)snprintf(text, sizeof(text), "adit names 1 %019" PRId64 "\n%s x " A "%s\n",
                       cases[i].written < INT64_MAX / NS ? cases[i].written * NS : INT64_MAX,
                       cases[i].gone < 0 ? "here" : "gone", gone);
        put_text(f, text);
        open_store(f);
        check_sound(f);
        assert_int_equal(is_held(f, "x", A), cases[i].held);
        close_store(f);
        remove_all(f->dir);
    }
}

// Else a relay that begins anew again and again would hold it for ever.
static void a_name_that_was_held_once_is_not_held_anew_by_each_start(void **state)
{
    struct fixture *f = *state;
    char text[TEXT_MAX];
    long long gone = 0;
    put_text(f, "adit names 1\nhere x " A "\ngone y " A " 9999999999\n");
    open_store(f);
    assert_true(is_held(f, "x", A) && is_held(f, "y", A));
    let_write(f);
    close_store(f);
    (void)get(f, text);
    assert_null(strstr(text, "here"));
    assert_int_equal(sscanf(strstr(text, "gone x"), "gone x " A " %lld", &gone), 1);
    assert_true(gone <= now_s() && gone > now_s() - 30);
    assert_int_equal(sscanf(strstr(text, "gone y"), "gone y " A " %lld", &gone), 1);
    assert_true(gone <= now_s());
}

static void put_lines(struct fixture *f, size_t count)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    (void)fputs("adit names 1\nhere x " A "\n", file);
    for (size_t i = 1; i < count; i++)
        (void)fputs("free a\n", file);
    assert_int_equal(fclose(file), 0);
}

static void put_lock(const struct fixture *f, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/names.lock", f->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

// Name x was A's, then B's: whoever puts the file of before into its place gives it to neither.
static void an_older_copy_holds_no_name_however_young_it_is(void **state)
{
    struct fixture *f = *state;
    char text[TEXT_MAX];
    open_store(f);
    leave(f, "x", A);
    let_write(f);
    size_t len = get(f, text);
    leave(f, "x", B);
    let_write(f);
    close_store(f);
    open_store(f);
    assert_true(is_held(f, "x", B)); // as it was left
    close_store(f);
    put(f, text, len);
    open_store(f);
    assert_int_equal(f->routes.count, 0);
    leave(f, "x", B);
    let_write(f);
    close_store(f);
    open_store(f);
    assert_true(is_held(f, "x", B));
    close_store(f);
}

static void a_lock_says_what_is_older_and_else_nothing(void **state)
{
    static const struct {
        const char *lock, *first;
        bool held;
    } cases[] = {
        {"0000000000000000000\n", "adit names 1", true},
        {"", "adit names 1", true},
        {"nonsense\n", "adit names 1", true},
        {"9999999999999999999\n", "adit names 1", true}, // it is no number of ours
        {"0000000000000000001\n", "adit names 1", false},
        {"9223372036854775807\n", "adit names 1 9223372036854775807", true},
        {"9223372036854775807\n", "adit names 1 9223372036854775806", false},
        {"1764436403000000000\n", "adit names 1 9223372036854775807", true},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TEXT_MAX];
        put_lock(f, cases[i].lock);
        (void)snprintf(text, sizeof(text), "%s\nhere x " A "\n", cases[i].first);
        put_text(f, text);
        for (int start = 0; start < 2; start++) {
            open_store(f);
            check_sound(f);
            assert_int_equal(is_held(f, "x", A), cases[i].held);
            let_write(f);
            close_store(f);
        }
        remove_all(f->dir);
    }
}

// It tells a file that the relay keeps from an old copy.
static void the_time_in_the_file_is_kept_up_to_date(void **state)
{
    struct fixture *f = *state;
    uv_timer_t *delay = &f->store.delay;
    char before[TEXT_MAX];
    char after[TEXT_MAX];
    open_store(f);
    assert_false(uv_is_active((uv_handle_t *)delay)); // there is nothing to keep
    leave(f, "x", A);
    let_write(f);
    (void)get(f, before);
    assert_true(uv_is_active((uv_handle_t *)delay));
    assert_true(uv_timer_get_due_in(delay) <= NAME_STORE_ALIVE_MS);
    FILE *file = fopen(f->path, "r+");
    (void)fputs("adit names 1 0000000000000000007\n", file);
    assert_int_equal(fclose(file), 0);
    (void)uv_timer_stop(delay);
    delay->timer_cb(delay);
    let_write(f);
    (void)get(f, after);
    assert_int_equal(strlen(before), strlen(after));
    assert_string_equal(strchr(before, '\n'), strchr(after, '\n'));
    assert_true(strcmp(before, after) <= 0); // and not 7
    assert_true(uv_is_active((uv_handle_t *)delay));
    close_store(f);
}

static void a_flooded_file_is_put_aside(void **state)
{
    struct fixture *f = *state;
    const size_t most = 2 * (2 * (size_t)NAME_STORE_NAMES + NAME_STORE_SLACK);
    for (int more = -1; more <= 1; more++) {
        put_lines(f, more < 0 ? most - 1 : most + (size_t)more);
        open_store(f);
        assert_int_equal(is_held(f, "x", A), more <= 0);
        close_store(f);
        remove_all(f->dir);
    }
}

static void a_line_without_end_takes_no_memory(void **state)
{
    struct fixture *f = *state;
    enum {
        LENGTH = 3 << 20
    };
    char *text = malloc(LENGTH);
    assert_non_null(text);
    for (int zero = 0; zero < 2; zero++) {
        static const char begin[] = "adit names 1\nhere x " A "\n";
        memset(text, zero ? 0 : 'x', LENGTH);
        memcpy(text, begin, sizeof(begin) - 1);
        put(f, text, LENGTH);
        open_store(f);
        assert_int_equal(is_held(f, "x", A), zero); // zeros are a power failure's
        close_store(f);
        remove_all(f->dir);
    }
    free(text);
}

static void lines_that_we_do_not_write_are_damage(void **state)
{
    static const char *const lines[] = {"here x " A "\r\n",
                                        "here x " A " \n",
                                        " here x " A "\n",
                                        "here x  " A "\n",
                                        "HERE x " A "\n",
                                        "here X " A "\n",
                                        "here x- " A "\n",
                                        "here x " A " 1\n",
                                        "gone x " A " -1\n",
                                        "gone x " A "\n",
                                        "gone x " A " +1\n",
                                        "gone x " A " 1 \n",
                                        "gone x " A " 99999999999999999999\n",
                                        "free x " A "\n",
                                        "free \n",
                                        "free\n",
                                        "\n",
                                        "gone x " A " 9223372036854775808\n",
                                        "here x aaaa\n",
                                        "here x " A "a\n"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[TEXT_MAX];
        (void)snprintf(text, sizeof(text), "adit names 1\nhere y " A "\n%s", lines[i]);
        put_text(f, text);
        open_store(f);
        assert_int_equal(f->routes.count, 0);
        close_store(f);
        remove_all(f->dir);
    }
}

static void make_link(const char *from, const char *to)
{
    assert_int_equal(symlink(from, to), 0);
}

static void make_second_name(const char *from, const char *to)
{
    assert_int_equal(link(from, to), 0);
}

static void make_pipe(const char *from, const char *to)
{
    (void)from;
    assert_int_equal(mkfifo(to, 0600), 0);
}

static void make_directory(const char *from, const char *to)
{
    (void)from;
    assert_int_equal(mkdir(to, 0700), 0);
}

static void make_open_to_the_group(const char *from, const char *to)
{
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(chmod(to, 0660), 0);
}

static void make_open_to_all(const char *from, const char *to)
{
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(chmod(to, 0602), 0);
}

static void what_others_could_have_put_there_is_not_believed(void **state)
{
    void (*const kinds[])(const char *, const char *) = {
        make_link,      make_second_name,       make_pipe,
        make_directory, make_open_to_the_group, make_open_to_all};
    struct fixture *f = *state;
    char elsewhere[128];
    char text[TEXT_MAX];
    struct stat st;
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", f->dir);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        put_text(f, "adit names 1\nhere x " A "\n");
        assert_int_equal(rename(f->path, elsewhere), 0);
        kinds[i](elsewhere, f->path);
        open_store(f);
        assert_int_equal(f->routes.count, 0);
        leave(f, "mine", B);
        let_write(f);
        (void)get(f, text);
        assert_non_null(strstr(text, "gone mine " B));
        assert_int_equal(lstat(f->path, &st), 0);
        assert_true(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600 && st.st_nlink == 1);
        close_store(f);
        remove_all(f->dir);
    }
}

// Its name is not taken from a file that was put aside before.
static void what_was_put_aside_is_never_overwritten(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        put_text(f, "damaged");
        open_store(f);
        close_store(f);
        (void)uv_sleep(2); // they are told apart by ms
    }
    size_t count = 0;
    DIR *list = opendir(f->dir);
    for (struct dirent *e = readdir(list); e; e = readdir(list))
        count += strncmp(e->d_name, "names.damaged", 13) == 0;
    (void)closedir(list);
    assert_int_equal(count, 3);
}

static void a_file_put_in_its_place_while_the_relay_runs_is_not_added_to(void **state)
{
    static const char old[] = "adit names 1\nhere x " B "\n";
    struct fixture *f = *state;
    char text[TEXT_MAX];
    char copy[128];
    (void)snprintf(copy, sizeof(copy), "%s/copy", f->dir);
    open_store(f);
    leave(f, "x", A);
    let_write(f);
    put_text(f, old); // the same file, with other contents
    leave(f, "y", A);
    let_write(f);
    (void)get(f, text);
    assert_true(strstr(text, "gone x " A) && strstr(text, "gone y " A) && !strstr(text, B));
    FILE *file = fopen(copy, "w");
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(copy, 0600), 0);
    assert_int_equal(rename(copy, f->path), 0); // another file, with the same
    leave(f, "z", A);
    let_write(f);
    (void)get(f, text);
    assert_true(strstr(text, "gone x " A) && strstr(text, "gone z " A));
    close_store(f);
}

static void of_two_relays_only_one_writes_also_when_the_lock_was_replaced(void **state)
{
    struct fixture *f = *state;
    struct fixture second = *f;
    char lock[128];
    char text[TEXT_MAX];
    (void)snprintf(lock, sizeof(lock), "%s/names.lock", f->dir);
    open_store(f);
    leave(f, "x", A);
    let_write(f);
    open_store(&second);
    assert_null(second.store.routes); // it keeps none
    assert_int_equal(second.routes.count, 0);
    close_store(&second);
    assert_int_equal(unlink(lock), 0);
    open_store(&second);
    assert_non_null(second.store.routes);
    assert_true(is_held(&second, "x", A));
    let_write(&second);
    leave(f, "mine", B); // the first one has lost its lock
    close_store(f);      // and does not write
    (void)get(f, text);
    assert_true(strstr(text, "gone x " A) && !strstr(text, "mine"));
    leave(&second, "x", B);
    close_store(&second);
    (void)get(f, text);
    assert_non_null(strstr(text, "gone x " B));
}

static void what_killed_writers_left_is_deleted_and_nothing_else(void **state)
{
    static const char *const names[] = {"names.0123456789abcdef.new", "names.new",
                                        "names.0123456789abcdeg.new", "names.0123456789abcdef.new2",
                                        "owner.key.0123456789abcdef.new"};
    struct fixture *f = *state;
    char path[160];
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
        assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    }
    open_store(f);
    close_store(f);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
        assert_int_equal(access(path, F_OK) == 0, i > 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_cut_at_any_byte_holds_what_was_whole),
        TEST(a_corrupt_file_gives_a_name_to_nobody_that_no_line_has),
        TEST(times_past_to_come_and_impossible_hold_no_name_for_longer),
        TEST(a_name_that_was_held_once_is_not_held_anew_by_each_start),
        TEST(an_older_copy_holds_no_name_however_young_it_is),
        TEST(a_lock_says_what_is_older_and_else_nothing),
        TEST(the_time_in_the_file_is_kept_up_to_date),
        TEST(a_flooded_file_is_put_aside),
        TEST(a_line_without_end_takes_no_memory),
        TEST(lines_that_we_do_not_write_are_damage),
        TEST(what_others_could_have_put_there_is_not_believed),
        TEST(what_was_put_aside_is_never_overwritten),
        TEST(a_file_put_in_its_place_while_the_relay_runs_is_not_added_to),
        TEST(of_two_relays_only_one_writes_also_when_the_lock_was_replaced),
        TEST(what_killed_writers_left_is_deleted_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
