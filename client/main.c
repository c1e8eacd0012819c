// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "common/inspect/inspect.h"
#include "common/options.h"
#include "common/output.h"
#include "common/process.h"
#include "common/signals.h"

static const char help[] =
    "adit: gives a local service a public URL, through a relay that you can host yourself.\n"
    "\n"
    "  adit http 8080                  forward a public URL to port 8080 of this machine\n"
    "  adit http 8080 --url myapp      … with the name myapp\n"
    "  adit proxy --port 9090 --url http://localhost:5000 --print-bodies\n"
    "                                  show all that passes to and from a service\n"
    "\n"
    "Commands:\n"
    "  http PORT|HOST:PORT             expose an HTTP service (adit http --help)\n"
    "  proxy --url URL                 watch what is said to one, without a relay (adit proxy "
    "--help)\n"
    "  requests [FILTER]               list recorded exchanges; --follow goes on\n"
    "  show ID|last                    show one\n"
    "  stats [FILTER]                  how often and how long, by path, host, status, method\n"
    "  diff ID ID                      how two differ\n"
    "  verify ID|last                  whether both ends of the tunnel saw the same bytes\n"
    "  export [FILTER]                 as HAR, curl commands or JSON\n"
    "  replay ID|last                  send one to the service again\n"
    "  delete FILTER|--all             delete some\n"
    "  --version, --help\n"
    "\n"
    "The relay is aditd; without --relay it is expected on http://localhost:7080.\n";

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"http", command_http},
    {"proxy", command_proxy},
    {"replay", command_replay},
};

bool command_state_dir(const char *data, char dir[static STATE_PATH_MAX])
{
    char why[PRIVATE_WHY_MAX];
    bool ok = state_dir(data, "agent", dir, why);
    if (!ok)
        output_line(stderr,
                    "adit: cannot use the state directory %s: %s. Choose one with --data DIR", dir,
                    why);
    return ok;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (!process_fill_streams() || !output_begin())
        return EXIT_FAILURE;
    signals_ignore();
    process_raise_files();
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    inspect_command *inspect = inspect_find(name);
    if (inspect)
        return inspect(&(struct inspect_program){"adit", "agent"}, argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0) {
        (void)printf("adit %s\n", ADIT_VERSION);
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        (void)fputs(help, stdout);
        return 0;
    }
    bool is_shown = name[0] != '-' && options_is_word(name);
    if (name[0])
        (void)fprintf(stderr, "adit: %s%s%s\n\n",
                      name[0] == '-' ? "options stand behind a command" : "no such command",
                      is_shown ? ": " : "", is_shown ? name : "");
    (void)fputs(help, stderr);
    return EXIT_USAGE;
}
