// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/output.h"
#include "common/base/process.h"
#include "common/base/secret.h"
#include "common/base/state.h"
#include "common/base/version.h"
#include "common/inspect/dispatch.h"
#include "common/io/signals.h"
#include "common/record/write/record_options.h"
#include "relay.h"

static const char help[] =
    "aditd, the relay of adit: gives local services public URLs.\n"
    "\n"
    "  aditd                       on this machine only: http://NAME.localhost:7080\n"
    "  aditd --domain example.com --token-file /etc/adit/token \\\n"
    "      --tls-cert fullchain.pem --tls-key privkey.pem\n"
    "                              for everyone: https://NAME.example.com\n"
    "  aditd --domain example.com --token-file /etc/adit/token \\\n"
    "      --acme --acme-email you@example.com\n"
    "                              the same, with certificates that renew themselves\n"
    "  aditd --dev-tls             on this machine only: https://NAME.localhost:7443\n"
    "  aditd --domain example.com --listen 127.0.0.1:7080 --token-file F \\\n"
    "      --public-url https://example.com --trusted-proxy loopback\n"
    "                              behind a TLS proxy: https://NAME.example.com\n"
    "  aditd requests --follow     show what passes\n"
    "\n"
    "Without a command aditd is the relay. Commands read its record (aditd help requests):\n"
    "  requests, show, stats, diff, verify, export, delete\n"
    "  help [COMMAND], version     also --help, -h and --version, -v\n"
    "\n"
    "  --listen ADDR:PORT   where visitors and agents connect; may be repeated (default:\n"
    "                       127.0.0.1:7080 and [::1]:7080; with certificates :443 and :80; with\n"
    "                       --dev-tls ports 7443 and 7080 of 127.0.0.1 and [::1]). With\n"
    "                       certificates, all ports but 80 and 7080 speak TLS; http://ADDR:PORT\n"
    "                       and https://ADDR:PORT say otherwise\n"
    "  --tls-cert FILE      a certificate with its chain, in PEM; may be repeated: visitors get "
    "the\n"
    "                       one of the name that they ask for, else the first\n"
    "  --tls-key FILE       its private key; once for each --tls-cert\n"
    "  --tls-dir DIR        a directory of such pairs, as certbot, uacme and lego write them\n"
    "  --acme               get certificates from an authority and renew them, by lego (apt "
    "install\n"
    "                       lego): for the domain, and for each --acme-name\n"
    "  --acme-email ADDR    the address of the account at the authority\n"
    "  --acme-name NAME     also NAME.DOMAIN; may be repeated\n"
    "  --acme-dns PROVIDER  by a record in DNS: one certificate for DOMAIN and *.DOMAIN. lego's "
    "name\n"
    "                       of the provider, whose credentials are in the environment (lego\n"
    "                       dnshelp)\n"
    "  --acme-dns-resolver HOST:PORT\n"
    "                       where to see whether the record is there (default: the domain's own\n"
    "                       servers)\n"
    "  --acme-directory URL\n"
    "                       another authority (default: Let's Encrypt)\n"
    "  --dev-tls            make certificates by an authority of our own, to be trusted by hand\n";

static const char help_more[] =
    "  --domain DOMAIN      tunnels are NAME.DOMAIN (default: localhost)\n"
    "  --token-file FILE    agents must show the token in this file; required unless only "
    "loopback\n"
    "                       can reach the relay\n"
    "  --public-url URL     scheme and port of the URLs that agents print, if a proxy stands in\n"
    "                       front of the relay\n"
    "  --reserved-names FILE|none\n"
    "                       names that no agent gets, one per line; `default` adds the built-in\n"
    "                       ones (default: www, mail, admin, wpad and the like, unless the domain\n"
    "                       is localhost)\n"
    "  --trusted-proxy CIDR\n"
    "                       a proxy in front of the relay. Its X-Forwarded-For,\n"
    "                       X-Forwarded-Proto and Forwarded are believed. An address, a range\n"
    "                       like 10.0.0.0/8, or loopback; may be repeated\n"
    "  --proxy-protocol     connections of a trusted proxy begin with a PROXY protocol header,\n"
    "                       version 1 or 2, which names the visitor; without it they are closed\n"
    "  --data DIR           the directory of the record and other state (default:\n"
    "                       $XDG_STATE_HOME/adit/relay)\n" OPTIONS_RECORD_HELP
    "  --limit NAME=VALUE   one of the limits below; may be repeated\n"
    "  --verbose            also log each exchange, and each connection that gets no tunnel\n"
    "  --version            also -v\n"
    "  --help               also -h\n"
    "\n"
    "With certificates, plain listeners redirect to https, and answer ACME's HTTP challenges from\n"
    "DIR/acme-challenge of the state directory.\n"
    "\n"
    "SIGINT and SIGTERM end aditd cleanly. On SIGHUP it reads the token file and the certificates\n"
    "again; agents that connect later need the new token. Changed certificates are also noticed\n"
    "without it, within seconds.\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong usage.\n"
    "\n"
    "Limits and their defaults:\n";

// Options that no letter is left for.
enum {
    OPTION_ACME = 256,
    OPTION_ACME_EMAIL,
    OPTION_ACME_NAME,
    OPTION_ACME_DNS,
    OPTION_ACME_RESOLVER,
    OPTION_ACME_DIRECTORY,
};

struct command {
    struct options options;
    struct relay_config config;
    const char *token_file;
    const char *reserved_names; // a file, or `none`, or NULL
    char dir[STATE_PATH_MAX];   // of state
};

// Reports advice on an option's value; `why` NULL: the value is right.
static void report(struct options *o, const char *option, const char *why, const char *value)
{
    char text[RELAY_ADVICE_MAX];
    if (!why)
        return;
    (void)snprintf(text, sizeof(text), "%s: %s", option, why);
    options_wrong(o, text, value);
}

static void take_option(struct options *o, int option, const char *value)
{
    struct command *cmd = container_of(o, struct command, options);
    struct relay_config *c = &cmd->config;
    switch (option) {
    case 'l': report(o, "--listen", relay_take_listen(c, value), value); return;
    case 'd': report(o, "--domain", relay_take_domain(c, value), value); return;
    case 't': cmd->token_file = value; return;
    case 'r': cmd->reserved_names = value; return;
    case 'c': report(o, "--tls-cert", relay_take_chain(c, value), value); return;
    case 'k': report(o, "--tls-key", relay_take_key(c, value), value); return;
    case 'S': c->tls_dir = value; return;
    case 'G': c->dev_tls = true; return;
    case OPTION_ACME: c->acme.on = true; return;
    case OPTION_ACME_EMAIL: c->acme.email = value; return;
    case OPTION_ACME_NAME: report(o, "--acme-name", relay_take_acme_name(c, value), value); return;
    case OPTION_ACME_DNS: c->acme.dns = value; return;
    case OPTION_ACME_RESOLVER: c->acme.resolver = value; return;
    case OPTION_ACME_DIRECTORY: c->acme.directory = value; return;
    case 'p': report(o, "--public-url", relay_take_public_url(c, value), value); return;
    case 'T': report(o, "--trusted-proxy", trusted_proxies_add(&c->trusted, value), value); return;
    case 'P': c->proxy_protocol = true; return;
    case 'R':
    case 'X':
    case 'N': record_options_take(o, &c->record, option, value); return;
    case 'V':
        (void)printf("aditd %s\n", adit_version());
        o->exit_status = options_printed("aditd", 0);
        return;
    }
}

static const struct option known[] = {
    {"listen", required_argument, NULL, 'l'},
    {"domain", required_argument, NULL, 'd'},
    {"token-file", required_argument, NULL, 't'},
    {"public-url", required_argument, NULL, 'p'},
    {"reserved-names", required_argument, NULL, 'r'},
    {"tls-cert", required_argument, NULL, 'c'},
    {"tls-key", required_argument, NULL, 'k'},
    {"tls-dir", required_argument, NULL, 'S'},
    {"dev-tls", no_argument, NULL, 'G'},
    {"trusted-proxy", required_argument, NULL, 'T'},
    {"proxy-protocol", no_argument, NULL, 'P'},
    {"acme", no_argument, NULL, OPTION_ACME},
    {"acme-email", required_argument, NULL, OPTION_ACME_EMAIL},
    {"acme-name", required_argument, NULL, OPTION_ACME_NAME},
    {"acme-dns", required_argument, NULL, OPTION_ACME_DNS},
    {"acme-dns-resolver", required_argument, NULL, OPTION_ACME_RESOLVER},
    {"acme-directory", required_argument, NULL, OPTION_ACME_DIRECTORY},
    {"version", no_argument, NULL, 'V'},
    OPTIONS_RECORD,
    OPTIONS_COMMON};

// Advice for options that other relays and servers have.
static const struct option_advice other_options[] = {
    {"v", "it prints the version, and stands alone; to log more: --verbose"},
    {"p", "the port is part of --listen: --listen 127.0.0.1:PORT, or :PORT for all"},
    {"port", "the port is part of --listen: --listen 127.0.0.1:PORT, or :PORT for all"},
    {"host", "the address is part of --listen: --listen ADDR:PORT"},
    {"bind", "that is --listen ADDR:PORT"},
    {"authtoken", "a token never stands on a command line: put it into a file, --token-file FILE"},
    {"config", "the relay has no configuration file, only options"},
    {"log", "the log goes to standard error; append 2> FILE to the command"},
    {"relay", "this is the relay; --relay is an option of adit http"},
    {NULL, NULL},
};

// Refuses a word behind the options.
static void refuse_word(struct options *o, const char *word)
{
    char text[RELAY_ADVICE_MAX];
    if (inspect_find(word)) {
        (void)snprintf(text, sizeof(text), "the command stands first: aditd %s ...", word);
        options_wrong(o, text, "");
    } else {
        options_wrong(o, "a word is neither a command nor an option nor its value: ",
                      options_is_word(word) ? word : "");
    }
}

static void parse(struct command *cmd, int argc, char **argv)
{
    struct options *o = &cmd->options;
    char text[RELAY_ADVICE_MAX];
    int next = options_parse(o, argc, argv);
    if (o->exit_status < 0 && next < argc)
        refuse_word(o, argv[next]);
    const char *why = relay_check_public_url(&cmd->config, text);
    if (!why)
        why = relay_check_tls(&cmd->config);
    if (o->exit_status < 0 && why)
        options_wrong(o, why, "");
    else if (o->exit_status < 0 && cmd->config.proxy_protocol && cmd->config.trusted.count == 0)
        options_wrong(o, TRUSTED_PROXIES_MISSING, "");
    cmd->config.data = o->data;
    cmd->config.token_file = cmd->token_file;
    cmd->config.limits = o->limits;
}

static int fail(const char *subject, const char *why)
{
    log_error("%s%s", subject, why);
    return EXIT_FAILURE;
}

// Sets the reserved names by the option. Returns NULL, or the mistake in the file.
static const char *take_reserved_names(struct command *cmd,
                                       char message[static RESERVED_MESSAGE_MAX])
{
    struct reserved_names *reserved = &cmd->config.reserved;
    if (!cmd->reserved_names)
        reserved->built_in = !relay_is_local(&cmd->config);
    else if (strcmp(cmd->reserved_names, "none") != 0)
        return reserved_names_read(reserved, cmd->reserved_names, message);
    return NULL;
}

static int run(struct command *cmd)
{
    char message[RESERVED_MESSAGE_MAX];
    char *dir = cmd->dir;
    char not_ours[PRIVATE_WHY_MAX];
    const char *why = cmd->token_file ? secret_read_file(cmd->token_file, cmd->config.token) : NULL;
    if (why) // without the path, which may be the token itself, typed by mistake
        return fail("the file given with --token-file ", why);
    why = take_reserved_names(cmd, message);
    if (why)
        return fail("the file given with --reserved-names: ", why);
    if (!state_dir(cmd->config.data, "relay", dir, not_ours)) {
        log_error("cannot use the state directory %s: %s. Choose one with --data DIR", dir,
                  not_ours);
        return EXIT_FAILURE;
    }
    cmd->config.record.dir = dir;
    cmd->config.record.program = "aditd";
    int status = relay_run(&cmd->config);
    reserved_names_free(&cmd->config.reserved);
    return status;
}

// Runs the relay.
static int serve(int argc, char **argv)
{
    struct command cmd = {
        .options = {.program = "aditd",
                    .help = help,
                    .help_more = help_more,
                    .limits_of = LIMITS_OF_RELAY,
                    .known = known,
                    .advice = other_options,
                    .take = take_option},
        .config = {.domain = "localhost", .scheme = "http"},
    };
    parse(&cmd, argc, argv);
    if (cmd.options.exit_status >= 0)
        return cmd.options.exit_status;
    process_raise_files();
    if (!process_has_files("aditd", PROCESS_FILES_SERVE))
        return EXIT_FAILURE;
    log_init_service("aditd", cmd.options.verbose ? LOG_DEBUG : LOG_INFO);
    int status = run(&cmd);
    secret_wipe(cmd.config.token, sizeof(cmd.config.token));
    return status;
}

// Advice for commands that belong to adit, or that people look for.
static const struct option_advice other_commands[] = {
    {"http", "that is a command of adit, the agent: adit http PORT"},
    {"proxy", "that is a command of adit: adit proxy --url URL"},
    {"replay", "that is a command of adit, which knows the service: adit replay ID"},
    {"config", "the relay has no configuration file, only options: aditd help"},
    {"token", "the relay has one token, in a file: aditd --token-file FILE"},
    {"start", "there is no such command: aditd alone starts the relay"},
    {"serve", "there is no such command: aditd alone starts the relay"},
    {"run", "there is no such command: aditd alone starts the relay"},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    static const struct dispatch dispatch = {
        .program = {"aditd", "relay"},
        .help = help,
        .advice = other_commands,
        .bare = serve,
    };
    if (!process_fill_streams() || !output_begin())
        return EXIT_FAILURE;
    signals_ignore();
    return dispatch_run(&dispatch, argc, argv);
}
