// SPDX-License-Identifier: MIT
#include "options.h"
#include <stdio.h>

void options_wrong(struct options *o, const char *text, const char *what)
{
    if (o->exit_status >= 0)
        return;
    (void)fprintf(stderr, "%s: %s%s\nTry: %s --help\n", o->program, text, what, o->program);
    o->exit_status = EXIT_USAGE;
}

static void take_limit(struct options *o, const char *value)
{
    char message[LIMITS_MESSAGE_MAX];
    if (limits_set(&o->limits, o->limits_of, value, message))
        options_wrong(o, message, "");
}

static void print_help(struct options *o)
{
    (void)fputs(o->help, stdout);
    limits_print(stdout, o->limits_of);
    o->exit_status = 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
    int option;
    o->exit_status = -1;
    o->limits = limits_default;
    opterr = 0;
    while (o->exit_status < 0 && (option = getopt_long(argc, argv, ":h", o->known, NULL)) != -1) {
        o->word = argv[optind - 1];
        switch (option) {
        case 'D': o->data = optarg; break;
        case 'L': take_limit(o, optarg); break;
        case 'v': o->verbose = true; break;
        case 'h': print_help(o); break;
        case ':': options_wrong(o, "this option needs a value: ", o->word); break;
        case '?': options_wrong(o, "unknown option: ", o->word); break;
        default: o->take(o, option, optarg); break;
        }
    }
    return optind;
}
