// SPDX-License-Identifier: MIT
#include "relay_choice.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/output.h"

static bool take(struct relay_choice *c, const char *place, const char *text,
                 char why[static CONFIG_WHY_MAX])
{
    const char *mistake = destination_parse(text, DESTINATION_RELAY, &c->at);
    if (mistake)
        destination_explain(why, place, mistake, text);
    return !mistake;
}

// A key of ngrok's configuration that a user may rely on gets advice of its own.
static const char *note_on(const char *key)
{
    static const struct {
        const char *key, *text;
    } rows[] = {
        {"authtoken", "adit takes no token from here: say --token-file FILE, or set ADIT_TOKEN"},
        {"connect_url", "adit's key for the relay is agent.relay"},
        {"endpoints", "adit does not start tunnels from here yet"},
        {"tunnels", "adit does not start tunnels from here yet"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].key, key) == 0)
            return rows[i].text;
    return "this version does not know this key and ignores it";
}

void relay_print_notes(const struct config_file *f, const struct config_document *d)
{
    size_t shown = d->notes < CONFIG_NOTES_MAX ? d->notes : CONFIG_NOTES_MAX;
    for (size_t i = 0; i < shown; i++) {
        const struct config_note *n = &d->note[i];
        output_line(stderr, "adit: %s:%u:%u: %s: %s", f->path, n->place.line, n->place.column,
                    n->key, note_on(n->key));
    }
    if (d->notes > shown)
        output_line(stderr, "adit: %s: and %zu more such keys", f->path, d->notes - shown);
}

static bool take_file(struct relay_choice *c, struct config_file *f,
                      char why[static CONFIG_WHY_MAX])
{
    struct config_document d;
    struct config_mistake mistake;
    if (!config_file_read(f, why))
        return false;
    if (!config_read(config_file_text(f), &d, &mistake) || !config_check_relay(&d, &mistake)) {
        config_file_explain(f, &mistake, why);
        return false;
    }
    relay_print_notes(f, &d);
    c->from = d.has_relay ? "adit.yml" : NULL;
    return take(c, "adit.yml", d.has_relay ? d.relay : RELAY_DEFAULT, why);
}

bool relay_choose(struct relay_choice *c, const char *option, char why[static CONFIG_WHY_MAX])
{
    const char *variable = getenv(RELAY_VARIABLE);
    struct config_file f;
    *c = (struct relay_choice){0};
    if (option)
        return take(c, "--relay", option, why);
    if (variable && *variable) {
        c->from = RELAY_VARIABLE;
        return take(c, RELAY_VARIABLE, variable, why);
    }
    bool ok = take_file(c, &f, why);
    config_file_free(&f);
    return ok;
}
