// SPDX-License-Identifier: MIT
// The record that a command reads: its directory, opening it, its filter, its losses.
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include "command.h"
#include "common/io/loop.h"
#include "text.h"

bool inspect_directory(struct inspect_call *call, char out[static STATE_PATH_MAX])
{
    char why[PRIVATE_WHY_MAX];
    char text[STATE_PATH_MAX + 64];
    if (state_dir_existing(call->data, call->program->state, out, why))
        return true;
    (void)snprintf(text, sizeof(text), "cannot use the state directory %s: ", out);
    call->exit_status = inspect_fail(call, text, why);
    return false;
}

static void print_how_to_start(const struct inspect_call *call, const char *dir)
{
    bool relay = strcmp(call->program->name, "aditd") == 0;
    (void)inspect_fail(call, "there is no record yet in ", dir);
    (void)fprintf(stderr,
                  "%s writes one while it runs: start it with\n  %s%s%s\n"
                  "or say with --data DIR where the record is.\n",
                  relay ? "The relay" : "The agent", relay ? "aditd" : "adit http 8080",
                  call->data ? " --data " : "", call->data ? "DIR" : "");
}

struct record_reader *inspect_open(struct inspect_call *call)
{
    const char *dir = call->directory;
    char path[STATE_PATH_MAX + 16];
    char why[RECORD_WHY_MAX];
    if (!inspect_directory(call, call->directory))
        return NULL;
    call->is_behind = !inspect_wait_for_writers(call, dir);
    record_path(dir, path);
    call->exit_status = INSPECT_FAILED;
    if (access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR)) {
        print_how_to_start(call, dir);
        return NULL;
    }
    struct record_reader *r = record_reader_open(dir, why);
    if (!r)
        (void)inspect_fail(call, "", why);
    else
        call->exit_status = -1;
    if (r && call->decodes_all)
        record_reader_decode_all(r);
    return r;
}

void inspect_close(const struct inspect_call *call, struct record_reader *r)
{
    struct record_cut cut = {0};
    if (r)
        record_reader_cut(r, &cut);
    record_reader_close(r);
    if (cut.exchanges == 0)
        return;
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  "%s %s: of %" PRIu64
                  " exchange%s not all was decoded or searched, because it is far larger when "
                  "decoded; --decode-all decodes all of it:",
                  call->program->name, call->name, cut.exchanges, text_plural(cut.exchanges));
    for (size_t i = 0; i < sizeof(cut.ids) / sizeof(cut.ids[0]) && cut.ids[i][0]; i++) {
        (void)fputc(' ', stderr);
        write_safe(stderr, slice_str(cut.ids[i]));
    }
    (void)fputs(cut.exchanges > 3 ? " …\n" : "\n", stderr);
}

static struct filter *parse(struct inspect_call *call, const char *text)
{
    char name[64];
    struct filter_mistake mistake = {0};
    struct filter *f = filter_new(slice_str(text), wall_clock_ns(), &mistake);
    if (f)
        return f;
    (void)snprintf(name, sizeof(name), "%s %s", call->program->name, call->name);
    filter_explain(stderr, name, slice_str(text), &mistake);
    call->exit_status = INSPECT_USAGE;
    return NULL;
}

// Joins the words from `first` on with spaces. False: they do not fit.
static bool join_words(const struct inspect_call *call, int first,
                       char text[static FILTER_TEXT_MAX + 1])
{
    size_t len = 0;
    text[0] = 0;
    for (int i = first; i < call->argc; i++) {
        size_t n = strlen(call->argv[i]);
        if (n + 1 > FILTER_TEXT_MAX + 1 - len)
            return false;
        if (i > first)
            text[len++] = ' ';
        memcpy(text + len, call->argv[i], n + 1);
        len += n;
    }
    return true;
}

struct filter *inspect_filter(struct inspect_call *call, int first)
{
    char words[FILTER_TEXT_MAX + 1];
    bool fits = join_words(call, first, words) && !call->flags.too_long;
    bool both = call->flags.len > 0 && call->argc > first;
    int len = snprintf(call->filter, sizeof(call->filter), both ? "%s (%s)" : "%s%s",
                       call->flags.text, words);
    if (!fits || len < 0 || (size_t)len >= sizeof(call->filter)) {
        inspect_usage(call, "this filter is too long", "");
        return NULL;
    }
    // Words and options are parsed alone first, so that a mistake is shown in the text as typed.
    const char *const texts[] = {words, call->flags.text, call->filter};
    struct filter *f = NULL;
    for (size_t i = both ? 0 : 2; i < 3; i++) {
        filter_free(f);
        if (!(f = parse(call, texts[i])))
            break;
    }
    return f;
}

void inspect_losses(const struct inspect_call *call, struct record_reader *r)
{
    struct record_losses losses;
    char size[TEXT_NUMBER_MAX];
    if (record_reader_losses(r, &losses))
        return;
    (void)fflush(stdout);
    if (losses.shed > 0 || losses.shed_bytes > 0)
        (void)fprintf(stderr,
                      "%s %s: the record is not complete: %" PRIu64
                      " exchanges and %s of bodies came faster than they could be kept\n",
                      call->program->name, call->name, losses.shed,
                      text_size(losses.shed_bytes, size));
    if (losses.trouble.len == 0)
        return;
    (void)fprintf(stderr, "%s %s: the record could not always be written: ", call->program->name,
                  call->name);
    write_safe(stderr, losses.trouble);
    (void)fputc('\n', stderr);
}

// Puts when the oldest or the newest exchange began into `out`. False: all were deleted meanwhile.
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

static void print_record_empty(const struct inspect_call *call)
{
    bool relay = strcmp(call->program->name, "aditd") == 0;
    (void)fprintf(stderr, "%s %s: nothing is recorded here yet: start %s and open %s\n",
                  call->program->name, call->name, relay ? "aditd" : "adit http 8080",
                  relay ? "the URL of a tunnel" : "its URL");
}

void inspect_no_match(const struct inspect_call *call, struct record_reader *r)
{
    char first[TEXT_TIME_MAX];
    char last[TEXT_TIME_MAX];
    uint64_t bytes;
    uint64_t count = 0;
    (void)fflush(stdout);
    if (record_reader_size(r, &bytes, &count) || count == 0 || !began(r, true, first) ||
        !began(r, false, last)) {
        print_record_empty(call);
        return;
    }
    (void)fprintf(stderr, "%s %s: nothing matches ", call->program->name, call->name);
    write_safe(stderr, slice_str(call->filter));
    (void)fprintf(stderr, " among the %" PRIu64 " exchange%s here, ", count, text_plural(count));
    (void)fprintf(stderr, count > 1 ? "from %s to %s" : "of %s", first, last);
    (void)fprintf(stderr, "; %s requests, without a filter, lists them\n", call->program->name);
}

void inspect_waiting(const struct inspect_call *call)
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
    (void)fputs("; waiting for one; Ctrl-C ends this\n", stderr);
}
