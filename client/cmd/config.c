// SPDX-License-Identifier: MIT
// adit config: shows and changes adit.yml, which has one key so far.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "common/base/help.h"
#include "common/base/nearest.h"
#include "common/base/output.h"
#include "relay_choice.h"

static const char help[] =
    "adit config: shows and changes adit.yml, so that options need not be typed.\n"
    "\n"
    "  adit config                             show where the file is, and the relay\n"
    "                                          in use\n"
    "  adit config set relay https://example.com\n"
    "                                          use this relay from now on\n"
    "  adit config get relay                   print the relay in the file\n"
    "  adit config unset relay                 remove it from the file\n"
    "  adit config path                        print where the file is\n"
    "  adit config check                       check the file\n"
    "\n"
    "The file is $XDG_CONFIG_HOME/adit/adit.yml, else ~/.config/adit/adit.yml, with\n"
    "mode 0600. Only the relay in it is changed (docs/configuration.md). --relay and\n"
    "ADIT_RELAY take precedence over it. It holds no tokens: use --token-file or\n"
    "ADIT_TOKEN.\n"
    "\n"
    "  --help               also -h\n"
    "\n"
    "Exit status: 0 success, 1 failure, or no relay or file, 2 wrong usage.\n";

static int fail(const char *why)
{
    output_line(stderr, "adit config: %s", why);
    return EXIT_FAILURE;
}

static int usage(const char *text)
{
    output_line(stderr, "adit config: %s", text);
    (void)fputs("Try: adit config --help\n", stderr);
    return EXIT_USAGE;
}

static int printed(int status)
{
    return options_printed("adit config", status);
}

// Reads and parses the file. False: an error was printed.
static bool read_file(struct config_file *f, struct config_document *d)
{
    char why[CONFIG_WHY_MAX];
    struct config_mistake mistake;
    bool ok = config_file_read(f, why);
    if (ok && !config_read(config_file_text(f), d, &mistake)) {
        config_file_explain(f, &mistake, why);
        ok = false;
    }
    if (!ok)
        (void)fail(why);
    return ok;
}

// The same, and checks the values.
static bool check_file(struct config_file *f, struct config_document *d)
{
    char why[CONFIG_WHY_MAX];
    struct config_mistake mistake;
    if (!read_file(f, d))
        return false;
    if (config_check_relay(d, &mistake))
        return true;
    config_file_explain(f, &mistake, why);
    (void)fail(why);
    return false;
}

static int show(struct config_file *f, const char *value)
{
    char why[CONFIG_WHY_MAX];
    char url[DESTINATION_URL_MAX];
    struct relay_choice choice;
    struct config_document d;
    (void)value;
    if (!check_file(f, &d))
        return EXIT_FAILURE;
    if (!relay_choose(&choice, NULL, why))
        return fail(why);
    destination_url(&choice.at, url);
    output_line(stdout, "file   %s%s", f->path[0] ? f->path : "none: HOME is not set",
                f->path[0] && !f->exists ? " (not there yet)" : "");
    output_line(stdout, "relay  %s (from %s)", url, choice.from ? choice.from : "the default");
    return printed(0);
}

static int path(struct config_file *f, const char *value)
{
    char at[PRIVATE_PATH_MAX];
    (void)f;
    (void)value;
    if (!config_file_path(at))
        return fail("neither XDG_CONFIG_HOME nor HOME says where adit.yml is");
    output_line(stdout, "%s", at);
    return printed(0);
}

static int get(struct config_file *f, const char *value)
{
    struct config_document d;
    (void)value;
    if (!check_file(f, &d))
        return EXIT_FAILURE;
    if (!d.has_relay)
        return EXIT_FAILURE;
    output_line(stdout, "%s", d.relay);
    return printed(0);
}

static int check(struct config_file *f, const char *value)
{
    struct config_document d;
    (void)value;
    if (!check_file(f, &d))
        return EXIT_FAILURE;
    relay_print_notes(f, &d);
    if (!f->exists)
        return fail("there is no file yet: adit config set relay URL creates it");
    output_line(stdout, "%s is in order%s", f->path,
                d.notes ? ", except for the keys that are not known" : "");
    return printed(0);
}

static int edit(struct config_file *f, const char *url)
{
    char why[CONFIG_WHY_MAX];
    struct config_mistake mistake;
    struct buf text = {0};
    if (!config_file_read(f, why))
        return fail(why);
    bool ok = config_edit_relay(config_file_text(f), url, &text, &mistake);
    if (!ok)
        config_file_explain(f, &mistake, why);
    else if (url || f->exists)
        ok = config_file_write(text.bytes ? slice_of(buf_at(&text), buf_len(&text)) : SLICE(""),
                               why);
    buf_free(&text);
    return ok ? EXIT_SUCCESS : fail(why);
}

static int set(struct config_file *f, const char *value)
{
    struct destination at;
    char text[DESTINATION_MESSAGE_MAX];
    char url[DESTINATION_URL_MAX];
    const char *variable = getenv(RELAY_VARIABLE);
    const char *why = destination_parse(value, DESTINATION_RELAY, &at);
    if (why) {
        destination_explain(text, "relay", why, value);
        options_redact_tokens(text);
        return usage(text);
    }
    destination_url(&at, url);
    int status = edit(f, url);
    if (status == 0)
        output_line(stdout, "relay  %s", url);
    if (status == 0 && variable && *variable)
        output_line(stderr, "adit config: %s is set, and takes precedence over it", RELAY_VARIABLE);
    return status ? status : printed(0);
}

static int unset(struct config_file *f, const char *value)
{
    (void)value;
    return edit(f, NULL);
}

static const struct action {
    const char *name;
    int words; // that follow it: the key, and the value
    int (*run)(struct config_file *f, const char *value);
} actions[] = {
    {"show", 0, show}, {"path", 0, path},   {"check", 0, check},
    {"get", 1, get},   {"unset", 1, unset}, {"set", 2, set},
};

enum {
    ACTIONS = sizeof(actions) / sizeof(actions[0])
};

// Refuses a word: with advice if it is one of ngrok's, else with the nearest of ours.
static int unknown(const char *word)
{
    static const struct option_advice rows[] = {
        {"add-authtoken", "no token is kept in adit.yml: put it into a file and say --token-file "
                          "FILE, or set ADIT_TOKEN"},
        {"add-api-key", "adit has no such key"},
        {"add-connect-url", "that is adit config set relay URL"},
        {"add-server-addr", "that is adit config set relay URL"},
        {"edit", "adit config path prints which file to edit, adit config check checks it"},
        {"upgrade", "adit.yml has version 3, the only one there is"},
        {"relay", "say adit config set relay URL, or adit config get relay"},
        {"list", "that is adit config show"},
        {NULL, NULL},
    };
    char text[OPTIONS_MESSAGE_MAX];
    const char *other = name_nearest(actions, ACTIONS, sizeof(*actions), word);
    bool shown = options_is_word(word);
    for (const struct option_advice *a = rows; a->name; a++)
        if (strcmp(a->name, word) == 0) {
            (void)snprintf(text, sizeof(text), "%s: %s", word, a->text);
            return usage(text);
        }
    (void)snprintf(text, sizeof(text), "there is no such action%s%s%s%s%s", shown ? ": " : "",
                   shown ? word : "", other ? ". Did you mean adit config " : "",
                   other ? other : "", other ? "?" : "");
    return usage(text);
}

static int run(int words, char **word)
{
    char text[OPTIONS_MESSAGE_MAX];
    struct config_file f = {0};
    const struct action *a = actions; // show
    while (words > 0 && a < actions + ACTIONS && strcmp(a->name, word[0]) != 0)
        a++;
    if (a == actions + ACTIONS)
        return unknown(word[0]);
    if (words > 1 && a->words > 0 && strcmp(word[1], "relay") != 0)
        return usage("adit.yml has one key so far: relay");
    if (words > 0 && words - 1 != a->words) {
        (void)snprintf(text, sizeof(text), "write adit config %s%s%s", a->name,
                       a->words > 0 ? " relay" : "", a->words > 1 ? " URL" : "");
        return usage(text);
    }
    int status = a->run(&f, a->words == 2 ? word[2] : NULL);
    config_file_free(&f);
    return status;
}

int command_config(int argc, char **argv)
{
    static const struct option known[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct options_walk w;
    char text[OPTIONS_SHOWN_MAX];
    options_begin(&w, argc, argv, known);
    int option = options_next(&w);
    if (option == 'h') {
        struct help h;
        help_begin(&h, stdout, NULL);
        help_text(&h, help);
        help_end(&h);
        return printed(0);
    }
    if (option != OPTIONS_END) {
        options_mistake(&w, option, text);
        return usage(text);
    }
    return run(w.words, argv + options_first_word(&w));
}
