// SPDX-License-Identifier: MIT
#include "options.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "help.h"
#include "output.h"
#include "printable.h"

void options_wrong(struct options *o, const char *text, const char *value)
{
    char shown[OPTIONS_SHOWN_MAX];
    char message[OPTIONS_MESSAGE_MAX];
    if (o->exit_status >= 0)
        return;
    (void)snprintf(message, sizeof(message), "%s%s", text, options_redact(value, shown));
    options_redact_tokens(message);
    size_t len = strlen(message);
    if (len > 2 && strcmp(message + len - 2, ": ") == 0) // the value was left out altogether
        message[len - 2] = 0;
    printable_sanitize_line(message, strlen(message)); // it repeats typed text
    (void)fprintf(stderr, "%s: %s\nTry: %s --help\n", o->program, message, o->program);
    o->exit_status = EXIT_USAGE;
}

int options_printed(const char *program, int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno != EPIPE) // a reader that left early is no failure to tell
        output_line(stderr, "%s: cannot write to the standard output%s%s", program,
                    errno ? ": " : "", errno ? strerror(errno) : "");
    return EXIT_FAILURE;
}

static void take_limit(struct options *o, const char *value)
{
    char message[LIMITS_MESSAGE_MAX];
    if (limits_set(&o->limits, o->limits_of, value, message))
        options_wrong(o, message, "");
}

static void print_help(struct options *o)
{
    struct help h;
    help_begin(&h, stdout, NULL);
    help_text(&h, o->help);
    if (o->help_more)
        help_text(&h, o->help_more);
    help_end(&h);
    limits_print(stdout, o->limits_of);
    o->exit_status = options_printed(o->program, 0);
}

static void refuse(struct options *o, const struct options_walk *w, int refused)
{
    char text[OPTIONS_SHOWN_MAX];
    options_mistake(w, refused, text);
    options_wrong(o, text, "");
}

int options_parse(struct options *o, int argc, char **argv)
{
    struct options_walk w;
    int option = 0;
    o->exit_status = -1;
    o->limits = limits_default;
    options_begin(&w, argc, argv, o->known);
    o->given = w.name;
    w.advice = o->advice;
    while (o->exit_status < 0 && (option = options_next(&w)) != OPTIONS_END) {
        switch (option) {
        case 'D': o->data = w.value; break;
        case 'L': take_limit(o, w.value); break;
        case 'v': o->verbose = true; break;
        case 'h': print_help(o); break;
        case OPTIONS_NO_VALUE:
        case OPTIONS_NOT_ITS_VALUE:
        case OPTIONS_UNKNOWN: refuse(o, &w, option); break;
        default: o->take(o, option, w.value); break;
        }
    }
    o->given = NULL; // points into `w`
    return options_first_word(&w);
}
