// SPDX-License-Identifier: MIT
#include "client/proxy.h"
#include <stdio.h>
#include <stdlib.h>
#include "command_state_dir.h"
#include "commands.h"
#include "common/base/address.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/record/write/record_options.h"
#include "foreign_options.h"
#include "proto/bytes.h"
#include "service_options.h"

enum {
    DEFAULT_PORT = 9090
};

static const char help[] =
    "adit proxy: shows what passes between a local HTTP service and its clients.\n"
    "\n"
    "  adit proxy --port 9090 --url http://localhost:5000\n"
    "  adit proxy --port 9090 --url http://localhost:5000 --print-bodies\n"
    "  adit proxy 5000                     the same service, on the default port\n"
    "\n"
    "Open http://localhost:9090 instead of the service. No relay is needed.\n"
    "\n"
    "  --url URL            the service: PORT, HOST:PORT, http://HOST[:PORT],\n"
    "                       https://HOST[:PORT], a Unix socket, unix:/PATH, or a folder of files,\n"
    "                       file:///PATH. The word --url may be left out\n"
    "  --port PORT          the port to listen on; 0 takes a free one (default: 9090)\n"
    "  --host ADDR          the address to listen on (default: 127.0.0.1 and ::1, which only\n"
    "                       this machine reaches)\n"
    "  --trusted-proxy CIDR\n"
    "                       a proxy in front of this one. Its X-Forwarded-For,\n"
    "                       X-Forwarded-Proto and Forwarded are believed. An address, a range\n"
    "                       like 10.0.0.0/8, or loopback; may be repeated\n"
    "  --proxy-protocol     connections of a trusted proxy begin with a PROXY protocol header,\n"
    "                       version 1 or 2, which names the client; without it they are closed\n"
    "  --print-bodies       show heads and bodies of every exchange, up to 16 KiB of each\n"
    "  --host-header preserve|rewrite|VALUE\n"
    "                       the Host that the service sees: the client's (default), the\n"
    "                       service's own address, or VALUE\n" SERVICE_KEEPALIVE_HELP
        SERVICE_PROXY_PROTOCOL_HELP SERVICE_TLS_HELP OPTIONS_RECORD_HELP
    "  --data DIR           the directory of the record and other state (default:\n"
    "                       $XDG_STATE_HOME/adit/agent)\n"
    "  --limit NAME=VALUE   one of the limits below; may be repeated\n"
    "  --verbose            also log connections to the service\n"
    "  --help               also -h\n"
    "\n"
    "adit prints a line for each exchange. On SIGUSR1 and at its end it prints how often each "
    "path\n"
    "was requested, and how long that took. SIGINT, SIGTERM and SIGHUP end it cleanly.\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong usage.\n"
    "\n"
    "Limits and their defaults:\n";

struct command {
    struct options options;
    struct proxy_config config;
    bool has_url;
};

static void take_service(struct command *cmd, const char *place, const char *value)
{
    const char *why = service_take_url(&cmd->config.service, value);
    cmd->has_url = true;
    if (!why)
        return;
    char message[DESTINATION_MESSAGE_MAX];
    destination_explain(message, place, why, value);
    options_wrong(&cmd->options, message, "");
}

static void take_port(struct command *cmd, const char *value)
{
    uint64_t port = 0;
    if (!slice_to_u64(slice_str(value), &port) || port > UINT16_MAX)
        options_wrong(&cmd->options,
                      "--port is not a number from 0 to 65535 (0 takes a free one; the address is "
                      "--host): ",
                      value);
    cmd->config.port = (uint16_t)port;
}

static void take_host(struct command *cmd, const char *value)
{
    struct sockaddr_storage addr;
    if (!*value || !address_parse_host(value, 0, &addr))
        options_wrong(&cmd->options,
                      "--host is not an address like 192.168.1.5, ::1 or 0.0.0.0: ", value);
    cmd->config.host = strcmp(value, "localhost") == 0 ? NULL : value;
}

static void take_trusted(struct command *cmd, const char *value)
{
    char text[DESTINATION_MESSAGE_MAX];
    const char *why = trusted_proxies_add(&cmd->config.trusted, value);
    if (!why)
        return;
    (void)snprintf(text, sizeof(text), "--trusted-proxy: %s", why);
    options_wrong(&cmd->options, text, value);
}

static void take_option(struct options *o, int option, const char *value)
{
    struct command *cmd = container_of(o, struct command, options);
    if (service_options_take(o, &cmd->config.service, option, value))
        return;
    switch (option) {
    case 'u': take_service(cmd, "--url", value); return;
    case 'p': take_port(cmd, value); return;
    case 'a': take_host(cmd, value); return;
    case 'P': cmd->config.proxy_protocol = true; return;
    case 'T': take_trusted(cmd, value); return;
    case 'B': cmd->config.print_bodies = true; return;
    case 'R':
    case 'X':
    case 'N': record_options_take(o, &cmd->config.record, option, value); return;
    }
}

static const struct option known[] = {{"url", required_argument, NULL, 'u'},
                                      {"port", required_argument, NULL, 'p'},
                                      {"host", required_argument, NULL, 'a'},
                                      SERVICE_OPTIONS,
                                      {"trusted-proxy", required_argument, NULL, 'T'},
                                      {"proxy-protocol", no_argument, NULL, 'P'},
                                      {"print-bodies", no_argument, NULL, 'B'},
                                      OPTIONS_RECORD,
                                      OPTIONS_COMMON};

static void parse(struct command *cmd, int argc, char **argv)
{
    struct options *o = &cmd->options;
    int next = options_parse(o, argc, argv);
    cmd->config.limits = o->limits;
    if (o->exit_status >= 0)
        return;
    if (next < argc && !cmd->has_url)
        take_service(cmd, "the service", argv[next++]);
    if (next < argc)
        options_wrong(o, "give one service; another word is neither an option nor its value", "");
    else if (!cmd->has_url)
        options_wrong(o, "say which service: adit proxy --url http://localhost:PORT", "");
    else if (cmd->config.proxy_protocol && cmd->config.trusted.count == 0)
        options_wrong(o, TRUSTED_PROXIES_MISSING, "");
    const char *wrong = service_contradiction(&cmd->config.service);
    if (o->exit_status < 0 && wrong)
        options_wrong(o, wrong, "");
}

int command_proxy(int argc, char **argv)
{
    char dir[STATE_PATH_MAX];
    struct command cmd = {
        .options = {.program = "adit proxy",
                    .help = help,
                    .limits_of = LIMITS_OF_PROXY,
                    .known = known,
                    .advice = foreign_options_proxy,
                    .take = take_option},
        .config = {.port = DEFAULT_PORT},
    };
    parse(&cmd, argc, argv);
    if (cmd.options.exit_status >= 0)
        return cmd.options.exit_status;
    if (!process_has_files("adit proxy", PROCESS_FILES_SERVE))
        return EXIT_FAILURE;
    log_init("adit", cmd.options.verbose ? LOG_DEBUG : LOG_INFO);
    if (!command_state_dir(cmd.options.data, dir))
        return EXIT_FAILURE;
    cmd.config.data = cmd.options.data;
    cmd.config.record.dir = dir;
    cmd.config.record.program = "adit proxy";
    char why[SERVICE_WHY_MAX];
    int status = EXIT_FAILURE;
    if (service_open(&cmd.config.service, why))
        status = proxy_run(&cmd.config);
    else
        log_error("%s", why);
    service_close(&cmd.config.service);
    return status;
}
