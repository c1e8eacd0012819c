// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include "common/address.h"
#include "common/inspect/inspect.h"
#include "common/log.h"
#include "common/options.h"
#include "common/process.h"
#include "common/record/record_options.h"
#include "common/state.h"
#include "relay.h"

static const char help[] =
    "aditd, the relay of adit: gives local services public URLs.\n"
    "\n"
    "  aditd                                         on this machine only: "
    "http://NAME.localhost:7080\n"
    "  aditd --domain example.com --listen :80 --token-file /etc/adit/token\n"
    "                                                for everyone: http://NAME.example.com\n"
    "  aditd --domain example.com --listen 127.0.0.1:7080 --token-file F --public-url "
    "https://example.com\n"
    "                                                behind a TLS proxy: https://NAME.example.com\n"
    "\n"
    "  aditd requests|show|stats|diff|verify|export|delete …\n"
    "                                                reads the record of what passed (aditd "
    "requests --help)\n"
    "\n"
    "  --listen ADDR:PORT   where visitors and agents connect; may be repeated (default: "
    "127.0.0.1:7080 and [::1]:7080)\n"
    "  --domain DOMAIN      tunnels are NAME.DOMAIN (default: localhost)\n"
    "  --token-file FILE    agents must show the token in this file; needed unless only loopback "
    "can reach the relay\n"
    "  --public-url URL     scheme and port of the URLs that agents print, when a proxy stands "
    "before the relay\n"
    "  --data DIR           where state is kept (default: "
    "$XDG_STATE_HOME/adit/relay)\n" OPTIONS_RECORD_HELP
    "  --limit NAME=VALUE   one of the limits below; may be repeated\n"
    "  --verbose            log more\n"
    "  --version, --help\n"
    "\n"
    "Ends cleanly on SIGINT and SIGTERM. On SIGHUP it reads the token file again, for agents that "
    "come later.\n"
    "Exit status: 0, 1 failure, 2 usage.\n"
    "\n"
    "Limits, and what they are when nothing is said:\n";

static bool is_domain(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > 190 || text[0] == '.' || text[0] == '-' || text[len - 1] == '.')
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len;
}

static bool take_public_url(struct relay_config *c, const char *url)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    if (!tls && strncmp(url, "http://", 7) != 0)
        return false;
    const char *host = url + (tls ? 8 : 7);
    const char *colon = strchr(host, ':');
    uint64_t port = tls ? 443 : 80;
    size_t len = strcspn(host, ":/");
    if (len == 0 || host[strcspn(host, "/?#@")] != 0)
        return false;
    if (colon && (!slice_to_u64(slice_str(colon + 1), &port) || port == 0 || port > 65535))
        return false;
    (void)snprintf(c->scheme, sizeof(c->scheme), "%s", tls ? "https" : "http");
    c->public_port = (uint16_t)port;
    return true;
}

struct command {
    struct options options;
    struct relay_config config;
    const char *token_file;
    char dir[STATE_PATH_MAX]; // of state
};

static void take_listen(struct command *cmd, const char *value)
{
    struct relay_config *c = &cmd->config;
    struct sockaddr_storage addr;
    if (c->listen_count == LIMIT_LISTENERS)
        options_wrong(&cmd->options, "too many --listen: ", value);
    else if (strlen(value) >= sizeof(c->listen[0]) || !address_parse(value, &addr))
        options_wrong(&cmd->options, "--listen is not an ADDR:PORT: ", value);
    else
        (void)snprintf(c->listen[c->listen_count++], sizeof(c->listen[0]), "%s", value);
}

static void take_option(struct options *o, int option, const char *value)
{
    struct command *cmd = container_of(o, struct command, options);
    struct relay_config *c = &cmd->config;
    switch (option) {
    case 'l': take_listen(cmd, value); return;
    case 'd':
        if (!is_domain(value))
            options_wrong(o, "--domain is not a domain name: ", value);
        (void)snprintf(c->domain, sizeof(c->domain), "%s", value);
        return;
    case 't': cmd->token_file = value; return;
    case 'p':
        if (!take_public_url(c, value))
            options_wrong(o, "--public-url is not like https://example.com: ", value);
        return;
    case 'R':
    case 'X':
    case 'N': record_options_take(o, &c->record, option, value); return;
    case 'V':
        (void)printf("aditd %s\n", ADIT_VERSION);
        o->exit_status = 0;
        return;
    }
}

static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
                                      {"domain", required_argument, NULL, 'd'},
                                      {"token-file", required_argument, NULL, 't'},
                                      {"public-url", required_argument, NULL, 'p'},
                                      {"version", no_argument, NULL, 'V'},
                                      OPTIONS_RECORD,
                                      OPTIONS_COMMON};

static void parse(struct command *cmd, int argc, char **argv)
{
    struct options *o = &cmd->options;
    int next = options_parse(o, argc, argv);
    if (o->exit_status < 0 && next < argc)
        options_wrong(o, "a word is neither a command nor an option nor its value",
                      options_is_word(argv[next]) ? argv[next] : "");
    cmd->config.data = o->data;
    cmd->config.token_file = cmd->token_file;
    cmd->config.limits = o->limits;
}

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "aditd: %s%s\n", what, why);
    return EXIT_FAILURE;
}

static int run(struct relay *r, struct command *cmd)
{
    char *dir = cmd->dir;
    const char *why = cmd->token_file ? secret_read_file(cmd->token_file, cmd->config.token) : NULL;
    if (why) {
        return fail("the file given with --token-file ", why); // it may be the token that was typed
    }
    why = state_dir(cmd->config.data, "relay", dir);
    if (why) {
        (void)fprintf(stderr,
                      "aditd: cannot use the state directory %s: %s. Choose one with --data DIR\n",
                      dir, why);
        return EXIT_FAILURE;
    }
    cmd->config.record.dir = dir;
    cmd->config.record.program = "aditd";
    why = relay_start(r, &cmd->config);
    if (!why)
        relay_run(r);
    int status = why ? fail("", why) : EXIT_SUCCESS;
    relay_stop(r);
    return status;
}

int main(int argc, char **argv)
{
    struct command cmd = {
        .options = {.program = "aditd",
                    .help = help,
                    .limits_of = LIMITS_OF_RELAY,
                    .known = known,
                    .take = take_option},
        .config = {.domain = "localhost", .scheme = "http"},
    };
    if (!process_fill_streams())
        return EXIT_FAILURE;
    signals_ignore();
    inspect_command *inspect = argc > 1 ? inspect_find(argv[1]) : NULL;
    if (inspect)
        return inspect(&(struct inspect_program){"aditd", "relay"}, argc - 1, argv + 1);
    parse(&cmd, argc, argv);
    if (cmd.options.exit_status >= 0)
        return cmd.options.exit_status;
    process_raise_files();
    if (!process_has_files("aditd", PROCESS_FILES_SERVE))
        return EXIT_FAILURE;
    log_init("aditd", cmd.options.verbose ? LOG_DEBUG : LOG_INFO);
    struct relay *r = calloc(1, sizeof(*r));
    if (!r)
        return fail("out of memory", "");
    int status = run(r, &cmd);
    free(r);
    return status;
}
