// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include "client/agent.h"
#include "command_state_dir.h"
#include "commands.h"
#include "common/base/log.h"
#include "common/base/output.h"
#include "common/base/owner.h"
#include "common/base/process.h"
#include "common/base/state.h"
#include "common/record/write/record_options.h"
#include "foreign_options.h"
#include "relay_choice.h"

static const char help[] =
    "adit http: gives a local HTTP service a public URL.\n"
    "\n"
    "  adit http 8080                      the service on port 8080 of this machine\n"
    "  adit http 8080 --url myapp          ask for the name myapp\n"
    "  adit http 192.168.1.5:3000 --host-header rewrite\n"
    "  adit http 8080 --relay https://example.com --token-file ~/.config/adit/token\n"
    "  adit config set relay https://example.com\n"
    "                                      use this relay from now on, without --relay\n"
    "\n"
    "The service is a PORT of this machine, HOST:PORT or http://HOST[:PORT]. Put an IPv6 address\n"
    "into brackets: [::1]:80. localhost is 127.0.0.1 or ::1, whichever answers.\n"
    "\n"
    "  --url NAME           the name to ask for, or a whole URL like https://myapp.example.com\n"
    "                       (default: a random name); adit ends if the URL is not under the\n"
    "                       relay's domain\n"
    "  --domain, --hostname, --subdomain, --name NAME\n"
    "                       other names of --url\n"
    "  --relay URL          the relay: http:// or https://HOST[:PORT], HOST (a name with a dot, "
    "by\n"
    "                       https), HOST:PORT or PORT (default: ADIT_RELAY of the environment,\n"
    "                       else the relay in adit.yml, else http://localhost:7080)\n"
    "  --relay-ca FILE      trust the authorities in this file (PEM) for an https relay, instead "
    "of\n"
    "                       the system's\n"
    "  --token-file FILE    a file whose first line is the relay's token (default: ADIT_TOKEN of\n"
    "                       the environment)\n"
    "  --host-header preserve|rewrite|VALUE\n"
    "                       the Host that the service sees: the visitor's (default), the\n"
    "                       service's own address, or VALUE\n" SERVICE_KEEPALIVE_HELP
    "  --print-bodies       show heads and bodies of every exchange, up to 16 KiB of "
    "each\n" OPTIONS_RECORD_HELP "  --inspect=false      the same as --record none\n"
    "  --relay-record all|heads|none\n"
    "                       what the relay may record of this tunnel, if it records at all\n"
    "                       (default: all)\n"
    "  --data DIR           the directory of the record and other state (default:\n"
    "                       $XDG_STATE_HOME/adit/agent)\n"
    "  --limit NAME=VALUE   one of the limits below; may be repeated\n"
    "  --verbose            also log connections to the relay and the service\n"
    "  --help               also -h\n"
    "\n"
    "adit reaches the relay through the HTTP proxy that https_proxy, http_proxy (if the relay is\n"
    "http://) or all_proxy names, as curl does. It uses none for a relay on this machine, or one\n"
    "that no_proxy exempts.\n"
    "\n"
    "adit prints the URL, then a line for each exchange. When the connection to the relay breaks,\n"
    "adit connects again and takes its name back. It keeps trying when the relay is full. Once it\n"
    "has had its name, it also keeps trying when the relay wants another token, and reads the\n"
    "token file again each time.\n"
    "\n"
    "On SIGUSR1 adit prints how often each path was requested, and how long that took. SIGINT,\n"
    "SIGTERM and SIGHUP end it cleanly.\n"
    "\n"
    "Exit status: 0 success, 1 refused or failed, 2 wrong usage.\n"
    "\n"
    "Limits and their defaults:\n";

struct command {
    struct options options;
    struct agent_config config;
    const char *relay; // the value of --relay, or NULL
    const char *token_file;
};

static int fail(const char *problem, const char *why)
{
    output_line(stderr, "adit: %s%s", problem, why);
    return EXIT_FAILURE;
}

static void take_relay(struct command *cmd, const char *value)
{
    char message[DESTINATION_MESSAGE_MAX];
    const char *why = destination_parse(value, DESTINATION_RELAY, &cmd->config.relay.at);
    cmd->relay = value;
    if (!why)
        return;
    destination_explain(message, "--relay", why, value);
    options_wrong(&cmd->options, message, "");
}

// Chooses the relay. Messages also say where it is named, if that is not on the command line.
static bool choose_relay(struct command *cmd)
{
    char why[CONFIG_WHY_MAX];
    char url[DESTINATION_URL_MAX];
    struct relay_choice choice;
    struct agent_config *c = &cmd->config;
    if (!relay_choose(&choice, cmd->relay, why)) {
        (void)fail("", why);
        return false;
    }
    c->relay.at = choice.at;
    destination_url(&choice.at, url);
    (void)snprintf(c->relay_url, sizeof(c->relay_url), "%s%s%s%s", url,
                   choice.from ? " (from " : "", choice.from ? choice.from : "",
                   choice.from ? ")" : "");
    return true;
}

static void take_service(struct command *cmd, const char *value)
{
    char message[DESTINATION_MESSAGE_MAX];
    const char *why = service_take_url(&cmd->config.bindings[0].service, value);
    if (!why)
        return;
    destination_explain(message, "the service", why, value);
    options_wrong(&cmd->options, message, "");
}

static void take_relay_record(struct command *cmd, const char *value)
{
    struct recorder_config level;
    if (!recorder_set_level(&level, value))
        options_wrong(&cmd->options, "--relay-record is not all, heads or none: ", value);
    else
        (void)snprintf(cmd->config.relay_record, sizeof(cmd->config.relay_record), "%s", value);
}

static void take_name(struct command *cmd, const char *value)
{
    char text[OPTIONS_SHOWN_MAX];
    const char *why = public_name_take(&cmd->config.bindings[0].wanted, value);
    if (!why)
        return;
    (void)snprintf(text, sizeof(text), "%s: %s", cmd->options.given, why);
    options_wrong(&cmd->options, text, strchr(value, '@') ? "" : value);
}

// ngrok's --inspect; without a value it is true.
static void take_inspect(struct command *cmd, const char *value)
{
    bool off = value && strcmp(value, "false") == 0;
    if (off)
        (void)recorder_set_level(&cmd->config.record, "none");
    else if (value && strcmp(value, "true") != 0)
        options_wrong(&cmd->options, "--inspect is true or false: ", value);
}

static void take_option(struct options *o, int option, const char *value)
{
    struct command *cmd = container_of(o, struct command, options);
    switch (option) {
    case 'u': take_name(cmd, value); return;
    case 'I': take_inspect(cmd, value); return;
    case 'r': take_relay(cmd, value); return;
    case 'A': cmd->config.relay.ca_file = value; return;
    case 't': cmd->token_file = value; return;
    case 'H':
        if (!service_take_host(&cmd->config.bindings[0].service, value))
            options_wrong(o, "--host-header is not preserve, rewrite or a host: ", value);
        return;
    case 'K':
        if (!service_take_keepalive(&cmd->config.bindings[0].service, value))
            options_wrong(o,
                          "--upstream-keepalive is on, off or a time like 30s, from 100ms to "
                          "24h: ",
                          value);
        return;
    case 'B': cmd->config.print_bodies = true; return;
    case 'Q': take_relay_record(cmd, value); return;
    case 'R':
    case 'X':
    case 'N': record_options_take(o, &cmd->config.record, option, value); return;
    }
}

static const struct option known[] = {{"url", required_argument, NULL, 'u'},
                                      {"domain", required_argument, NULL, 'u'},
                                      {"hostname", required_argument, NULL, 'u'},
                                      {"subdomain", required_argument, NULL, 'u'},
                                      {"name", required_argument, NULL, 'u'},
                                      {"inspect", optional_argument, NULL, 'I'},
                                      {"relay", required_argument, NULL, 'r'},
                                      {"relay-ca", required_argument, NULL, 'A'},
                                      {"token-file", required_argument, NULL, 't'},
                                      {"host-header", required_argument, NULL, 'H'},
                                      {"upstream-keepalive", required_argument, NULL, 'K'},
                                      {"print-bodies", no_argument, NULL, 'B'},
                                      {"relay-record", required_argument, NULL, 'Q'},
                                      OPTIONS_RECORD,
                                      OPTIONS_COMMON};

static void parse(struct command *cmd, int argc, char **argv)
{
    struct options *o = &cmd->options;
    int next = options_parse(o, argc, argv);
    cmd->config.limits = o->limits;
    if (o->exit_status >= 0)
        return;
    if (next == argc)
        options_wrong(o, "say which service: a PORT, HOST:PORT or URL, as in adit http 8080", "");
    else if (next + 1 < argc)
        options_wrong(o,
                      "give one service, and after it only options: start another adit http for "
                      "another port",
                      "");
    else
        take_service(cmd, argv[next]);
}

static int take_token(struct command *cmd)
{
    char *token = cmd->config.relay.token;
    const char *env = getenv("ADIT_TOKEN");
    if (cmd->token_file) {
        const char *why = secret_read_file(cmd->token_file, token);
        if (!why)
            return 0;
        return fail("the file given with --token-file ", why); // no path: the token may stand there
    }
    if (!env || !*env)
        return 0;
    if (!secret_is_valid(env))
        return fail("ADIT_TOKEN does not hold a token: 16 to 255 visible characters", "");
    (void)snprintf(token, SECRET_MAX, "%s", env);
    return 0;
}

static bool check_ca(const struct link_target *relay)
{
    char why[LINK_CA_WHY_MAX];
    if (!relay->ca_file)
        return true;
    if (!relay->at.tls) {
        (void)fail("--relay-ca is for a relay that speaks https, as in --relay https://",
                   relay->at.host);
        return false;
    }
    bool ok = link_check_ca(relay->ca_file, why);
    if (!ok)
        (void)fail("the file given with --relay-ca cannot be used: ", why);
    return ok;
}

// Finds the HTTP proxy on the way to the relay. Its URL is not shown: it may hold a password.
static bool choose_proxy(struct link_target *relay)
{
    const char *why = relay_proxy_choose(&relay->proxy, &relay->at);
    if (why)
        output_line(stderr,
                    "adit: the proxy in %s cannot be used: %s; or exempt the relay by no_proxy=%s",
                    relay->proxy.variable, why, relay->at.host);
    return !why;
}

// Sets our owner value for this relay; no other relay sees the same (docs/protocol.md §2).
static bool take_owner(struct agent_config *c, const char *dir)
{
    struct owner_keys keys;
    owner_value hash;
    char why[OWNER_WHY_MAX];
    if (!owner_keys_read(dir, &keys, why)) {
        (void)fail("cannot use the owner key in the state directory: ", why);
        return false;
    }
    const char *host = c->relay.at.host;
    bool ok = owner_for_relay(keys.key, host, c->owner);
    if (ok && keys.previous[0])
        ok = secret_sha256_hex(keys.previous, OWNER_DIGITS, hash) &&
             owner_proof(hash, host, c->before);
    secret_wipe((char *)&keys, sizeof(keys));
    if (!ok)
        (void)fail("cannot use the owner key: OpenSSL has no HMAC-SHA-256", "");
    return ok;
}

int command_http(int argc, char **argv)
{
    char dir[STATE_PATH_MAX];
    struct command cmd = {
        .options = {.program = "adit http",
                    .help = help,
                    .limits_of = LIMITS_OF_AGENT,
                    .known = known,
                    .advice = foreign_options_http,
                    .take = take_option},
        .config = {.binding_count = 1},
    };
    parse(&cmd, argc, argv);
    if (cmd.options.exit_status >= 0)
        return cmd.options.exit_status;
    if (!process_has_files("adit http", PROCESS_FILES_SERVE))
        return EXIT_FAILURE;
    log_init("adit", cmd.options.verbose ? LOG_DEBUG : LOG_INFO);
    if (!choose_relay(&cmd))
        return EXIT_FAILURE;
    int status = take_token(&cmd);
    if (status)
        return status;
    if (!check_ca(&cmd.config.relay) || !choose_proxy(&cmd.config.relay))
        return EXIT_FAILURE;
    if (!command_state_dir(cmd.options.data, dir))
        return EXIT_FAILURE;
    if (!take_owner(&cmd.config, dir))
        return EXIT_FAILURE;
    cmd.config.token_file = cmd.token_file;
    cmd.config.data = cmd.options.data;
    cmd.config.record.dir = dir;
    cmd.config.record.program = "adit http";
    cmd.config.record.visitor_is_forwarded = true;
    status = agent_run(&cmd.config);
    secret_wipe((char *)&cmd.config.relay, sizeof(cmd.config.relay));
    return status;
}
