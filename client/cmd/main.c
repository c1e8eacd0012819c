// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include "commands.h"
#include "common/base/output.h"
#include "common/base/process.h"
#include "common/inspect/dispatch.h"
#include "common/io/signals.h"

static const char help[] =
    "adit: gives a local service a public URL, through a relay that you can host\n"
    "yourself.\n"
    "\n"
    "  adit http 8080                a public URL for port 8080 of this machine\n"
    "  adit http 8080 --url myapp    the same, with the name myapp\n"
    "  adit requests --follow        show exchanges as they pass\n"
    "  adit show last                show the newest exchange\n"
    "  adit proxy --port 9090 --url http://localhost:5000 --print-bodies\n"
    "                                show what passes to and from a service,\n"
    "                                without a relay\n"
    "\n"
    "Commands:\n"
    "  http PORT|HOST:PORT           expose an HTTP service\n"
    "  proxy --url URL               watch an HTTP service, without a relay\n"
    "  requests [FILTER]             list recorded exchanges; --follow shows new\n"
    "                                ones as they pass\n"
    "  show ID|last                  show an exchange\n"
    "  stats [FILTER]                count exchanges and their times, by path, host,\n"
    "                                status or method\n"
    "  diff ID ID                    compare two exchanges\n"
    "  verify ID|last                check that both ends of the tunnel saw the same\n"
    "                                bytes\n"
    "  export [FILTER]               export as HAR, curl commands or JSON\n"
    "  replay ID|last                send a request to the service again\n"
    "  delete FILTER|--all           delete exchanges from the record\n"
    "  config                        show or change adit.yml, which names the relay\n"
    "  help [COMMAND]                also --help, -h\n"
    "  version                       also --version, -v\n"
    "\n"
    "The relay is another program, aditd. --relay names the one to use, else\n"
    "ADIT_RELAY in the environment, else what 'adit config set relay URL' wrote,\n"
    "else it is http://localhost:7080.\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong usage. Without a command, adit\n"
    "prints this text and ends with 2.\n";

static const struct dispatch_own commands[] = {
    {"http", command_http},
    {"proxy", command_proxy},
    {"replay", command_replay},
    {"config", command_config},
    {NULL, NULL},
};

// Commands of ngrok and other tools that people may type.
static const struct option_advice foreign_commands[] = {
    {"tcp", "adit has tunnels for HTTP only, WebSockets included: adit http PORT"},
    {"tls", "adit has tunnels for HTTP only; TLS ends at the relay: adit http PORT"},
    {"start", "adit.yml holds no tunnels yet: start adit http PORT for each"},
    {"authtoken", "a token is kept in a file: adit http PORT --token-file FILE"},
    {"update", "adit does not update itself: install a newer version over this one"},
    {"service", "adit does not install itself as a service: write a unit that runs adit http"},
    {"diagnose", "there is no such command; adit http explains why it cannot connect"},
    {"api", "there is no such interface; adit requests --json and adit show ID --json print JSON"},
    {"completion", "there are no completions for shells yet"},
    {"status", "there is no such command; adit requests lists exchanges"},
    {"inspect", "adit requests lists exchanges, adit show ID shows one"},
    {"logs", "adit requests lists exchanges; adit requests --follow shows new ones"},
    {"log", "adit requests lists exchanges; adit requests --follow shows new ones"},
    {"tail", "adit requests --follow shows exchanges as they pass"},
    {"list", "adit requests lists exchanges"},
    {"ls", "adit requests lists exchanges"},
    {"history", "adit requests lists exchanges"},
    {"tunnel", "adit http PORT opens one"},
    {"relay", "the relay is another program: aditd"},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    static const struct dispatch dispatch = {
        .program = {"adit", "agent"},
        .help = help,
        .commands = commands,
        .advice = foreign_commands,
    };
    if (!process_fill_streams() || !output_begin())
        return EXIT_FAILURE;
    signals_ignore();
    process_raise_files();
    return dispatch_run(&dispatch, argc, argv);
}
