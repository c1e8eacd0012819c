// SPDX-License-Identifier: MIT
#include "child.h"
#include <signal.h>
#include <stdio.h>
#include "common/base/printable.h"

// Sets limits and takes rights away, then becomes the program in "$@". As root, whose programs get
// every capability of the bounding set, that too is emptied.
static const char prelude[] =
    "exec 2>&1; unset ADIT_TOKEN root; umask 077; ulimit -c 0; ulimit -n \"$1\"; ulimit -f \"$2\"; "
    "ulimit -t \"$3\"; "
    "shift 3; "
    "[ \"$(id -u)\" != 0 ] || root='--bounding-set=-all --securebits=+noroot'; "
    "exec setpriv --no-new-privs --inh-caps=-all --ambient-caps=-all $root --pdeathsig=TERM -- "
    "\"$@\"";

static void tell_line(struct child *c)
{
    size_t len = c->line_len;
    c->line_len = 0;
    if (len > 0 && c->line[len - 1] == '\r')
        len--;
    if (len >= CHILD_LINE_MAX)
        len = CHILD_LINE_MAX - 1;
    printable_sanitize_line(c->line, len);
    c->line[len] = 0;
    if (len > 0 && !c->silent)
        c->events->line(c, c->line);
}

static void take_output(struct child *c, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && c->printed < CHILD_OUTPUT_MAX; i++, c->printed++) {
        if (bytes[i] == '\n')
            tell_line(c);
        else if (c->line_len < CHILD_LINE_MAX - 1)
            c->line[c->line_len++] = bytes[i];
    }
}

// A handle is closed. The last one ends the child.
static void on_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    if (--c->open > 0)
        return;
    timeout_stop(&c->limit);
    tell_line(c);
    c->started = false;
    if (!c->silent)
        c->events->ended(c, c->stopped || c->signal ? -1 : (int)c->status);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct child *c = handle->data;
    (void)wanted;
    *buf = uv_buf_init(c->loop->read_buffer, LIMIT_READ_BYTES);
}

static void on_output(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct child *c = stream->data;
    if (len > 0)
        take_output(c, buf->base, (size_t)len);
    else if (len < 0)
        uv_close((uv_handle_t *)stream, on_closed);
}

static void kill_group(const struct child *c, int number)
{
    (void)kill(-c->process.pid, number);
}

static void close_output(struct child *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->output))
        uv_close((uv_handle_t *)&c->output, on_closed);
}

static void on_drained(struct timeout *t)
{
    close_output(container_of(t, struct child, limit));
}

// Its own children may hold the output open: no more than CHILD_DRAIN_MS are waited for that.
static void on_exit_of_child(uv_process_t *process, int64_t status, int number)
{
    struct child *c = process->data;
    c->status = status;
    c->signal = number;
    uv_close((uv_handle_t *)process, on_closed);
    timeout_stop(&c->limit);
    if (!uv_is_closing((uv_handle_t *)&c->output))
        timeout_start(c->loop, &c->limit, CHILD_DRAIN_MS, on_drained);
}

static void on_killed(struct timeout *t)
{
    kill_group(container_of(t, struct child, limit), SIGKILL);
}

static void on_limit(struct timeout *t)
{
    child_stop(container_of(t, struct child, limit));
}

void child_stop(struct child *c)
{
    if (!c->started || c->stopped || uv_is_closing((uv_handle_t *)&c->process))
        return;
    c->stopped = true;
    kill_group(c, SIGTERM);
    timeout_start(c->loop, &c->limit, CHILD_KILL_MS, on_killed);
}

void child_abandon(struct child *c)
{
    if (!c->started)
        return;
    c->silent = true;
    timeout_stop(&c->limit);
    if (!uv_is_closing((uv_handle_t *)&c->process)) {
        kill_group(c, SIGKILL);
        uv_close((uv_handle_t *)&c->process, on_closed);
    }
    close_output(c);
}

static int spawn(struct child *c, const char *const *args)
{
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->output},
        {.flags = UV_IGNORE}, // the shell sends it where the output goes
    };
    const uv_process_options_t options = {
        .exit_cb = on_exit_of_child,
        .file = "/bin/sh",
        .args = (char **)(uintptr_t)args,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = sizeof(stdio) / sizeof(stdio[0]),
        .stdio = stdio,
    };
    return uv_spawn(&c->loop->uv, &c->process, &options);
}

// The shell's command line, which ends in `argv`.
struct command_line {
    const char *args[CHILD_ARGS_MAX + 8];
    char numbers[3][12];
};

static int write_command_line(struct command_line *line, const char *const *argv)
{
    static const int limits[] = {CHILD_FILES_MAX, CHILD_FILE_KIB * 2, CHILD_PROCESSOR_SECONDS};
    static const char *const shell[] = {"sh", "-c", prelude, "aditd-child"};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(shell) / sizeof(shell[0]); i++)
        line->args[n++] = shell[i];
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        (void)snprintf(line->numbers[i], sizeof(line->numbers[i]), "%d", limits[i]);
        line->args[n++] = line->numbers[i];
    }
    for (size_t i = 0; argv[i]; i++) {
        if (i == CHILD_ARGS_MAX)
            return UV_E2BIG;
        line->args[n++] = argv[i];
    }
    line->args[n] = NULL;
    return 0;
}

int child_start(struct child *c, struct loop *l, const char *const *argv, uint32_t limit_ms)
{
    const struct child_events *events = c->events;
    struct command_line line;
    int error = write_command_line(&line, argv);
    *c = (struct child){.events = events, .loop = l};
    if (!error)
        error = uv_pipe_init(&l->uv, &c->output, 0);
    if (error)
        return error;
    c->output.data = c->process.data = c;
    error = spawn(c, line.args);
    c->started = true;
    c->open = 2;
    if (error) {
        c->silent = true;
        uv_close((uv_handle_t *)&c->process, on_closed);
        uv_close((uv_handle_t *)&c->output, on_closed);
        return error;
    }
    (void)uv_read_start((uv_stream_t *)&c->output, on_alloc, on_output);
    timeout_start(l, &c->limit, limit_ms, on_limit);
    return 0;
}
