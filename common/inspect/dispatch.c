// SPDX-License-Identifier: MIT
#include "dispatch.h"
#include <stdlib.h>
#include "common/base/destination.h"
#include "common/base/help.h"
#include "common/base/nearest.h"
#include "common/base/options.h"
#include "common/base/output.h"
#include "common/base/version.h"

enum {
    SUGGESTION_MAX = 400
};

static const char *const help_words[] = {"help", "--help", "-h", NULL};
static const char *const version_words[] = {"version", "--version", "-v", "-V", NULL};

static const struct dispatch_own *find_own(const struct dispatch *d, const char *name)
{
    const struct dispatch_own *c = d->commands;
    while (c && c->name && strcmp(c->name, name) != 0)
        c++;
    return c && c->name ? c : NULL;
}

static bool is_command(const struct dispatch *d, const char *name)
{
    return find_own(d, name) || inspect_find(name);
}

static int run_command(const struct dispatch *d, int argc, char **argv)
{
    const struct dispatch_own *own = find_own(d, argv[0]);
    return own ? own->run(argc, argv) : inspect_find(argv[0])(&d->program, argc, argv);
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

static int usage(const struct dispatch *d, const char *text)
{
    output_line(stderr, "%s: %s", d->program.name, text);
    output_line(stderr, "Try: %s help", d->program.name);
    return EXIT_USAGE;
}

static int print_version(const struct dispatch *d, int argc, char **argv)
{
    bool json = argc == 3 && strcmp(argv[2], "--json") == 0;
    if (argc > 2 && !json)
        return usage(d, "version takes --json and nothing else");
    if (json)
        (void)printf("{\"program\":\"%s\",\"version\":\"%s\"}\n", d->program.name, adit_version());
    else
        (void)printf("%s %s\n", d->program.name, adit_version());
    return options_printed(d->program.name, 0);
}

static int print_help(const struct dispatch *d, int status)
{
    char name[16];
    char option[] = "--help";
    (void)snprintf(name, sizeof(name), "%s", d->program.name);
    if (d->bare) // its help also has the limits
        return d->bare(2, (char *[]){name, option, NULL});
    struct help h;
    help_begin(&h, stdout, NULL);
    help_text(&h, d->help);
    help_end(&h);
    return options_printed(d->program.name, status);
}

// Puts a sentence with the command that `word` may have meant into `out`, or "".
static void suggest(const struct dispatch *d, const char *word, char out[static SUGGESTION_MAX])
{
    const char *names[DISPATCH_COMMANDS_MAX];
    struct destination service;
    size_t count = inspect_names(names, DISPATCH_COMMANDS_MAX);
    for (const struct dispatch_own *c = d->commands; c && c->name; c++)
        if (count < DISPATCH_COMMANDS_MAX)
            names[count++] = c->name;
    const char *other = name_nearest(names, count, sizeof(*names), word);
    out[0] = 0;
    if (other)
        (void)snprintf(out, SUGGESTION_MAX, ". Did you mean %s %s?", d->program.name, other);
    else if (find_own(d, "http") && !destination_parse(word, DESTINATION_SERVICE, &service))
        (void)snprintf(out, SUGGESTION_MAX, ". To expose a service: %s http %s%s:%u",
                       d->program.name, service.tls ? "https://" : "", service.host,
                       (unsigned)service.port);
}

static int unknown_command(const struct dispatch *d, const char *word)
{
    char other[SUGGESTION_MAX];
    char text[OPTIONS_MESSAGE_MAX];
    const struct option_advice *a = d->advice;
    bool is_shown = options_is_word(word);
    while (a && a->name && strcmp(a->name, word) != 0)
        a++;
    suggest(d, word, other);
    if (a && a->name)
        (void)snprintf(text, sizeof(text), "%s: %s", word, a->text);
    else
        (void)snprintf(text, sizeof(text), "no such command%s%s%s", is_shown ? ": " : "",
                       is_shown ? word : "", other);
    options_redact_tokens(text);
    return usage(d, text);
}

// The first word is an option, and the program does nothing without a command.
static int misplaced_option(const struct dispatch *d, int argc, char **argv)
{
    static const struct option none[] = {{NULL, 0, NULL, 0}};
    char text[OPTIONS_MESSAGE_MAX];
    struct options_walk w;
    options_begin(&w, argc, argv, none);
    const char *command = NULL;
    for (int i = 2; i < argc && !command; i++)
        command = is_command(d, argv[i]) ? argv[i] : NULL;
    (void)options_next(&w);
    if (command)
        (void)snprintf(text, sizeof(text), "options stand after the command: %s %s %s",
                       d->program.name, command, w.name);
    else
        (void)snprintf(text, sizeof(text), "a command stands first, as in %s %s; %s is none",
                       d->program.name, find_own(d, "http") ? "http 8080" : "requests", w.name);
    return usage(d, text);
}

static int help_on(const struct dispatch *d, int argc, char **argv)
{
    char option[] = "--help";
    if (argc > 3)
        return usage(d, "help takes one command at a time");
    if (argc < 3 || is_one_of(argv[2], help_words) || is_one_of(argv[2], version_words))
        return print_help(d, 0);
    if (!is_command(d, argv[2]))
        return unknown_command(d, argv[2]);
    return run_command(d, 2, (char *[]){argv[2], option, NULL});
}

int dispatch_run(const struct dispatch *d, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (argc < 2)
        return d->bare ? d->bare(argc, argv) : print_help(d, EXIT_USAGE);
    if (is_one_of(word, help_words))
        return help_on(d, argc, argv);
    if (is_one_of(word, version_words))
        return print_version(d, argc, argv);
    if (is_command(d, word) && argc == 3 && strcmp(argv[2], "help") == 0)
        return help_on(d, argc, (char *[]){argv[0], argv[2], argv[1], NULL});
    if (is_command(d, word))
        return run_command(d, argc - 1, argv + 1);
    if (word[0] != '-')
        return unknown_command(d, word);
    return d->bare ? d->bare(argc, argv) : misplaced_option(d, argc, argv);
}
