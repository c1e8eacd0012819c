// SPDX-License-Identifier: MIT
#include "outage.h"
#include <stdio.h>

struct row {
    unsigned first, last; // statuses
    const char *code;     // the relay's own, or NULL: whoever answered
    const char *text;
};

// The first row that fits. What a relay says itself has a code (docs/protocol.md §8); without one
// it was something before it, or something else altogether.
static const struct row rows[] = {
    {403, 403, NULL,
     "what stands before the relay forbids it: it must let WebSockets to /_adit/v1/tunnel through"},
    {404, 404, "ADIT-NO-TUNNEL",
     "this is the address of a tunnel: give --relay the relay's own, without the name"},
    {421, 421, NULL, "it does not serve this host: give --relay the relay's own domain"},
    {426, 426, "ADIT-UPGRADE-REQUIRED",
     "what stands before the relay does not pass WebSockets on, or the relay is of another "
     "version"},
    {429, 429, NULL, "too many agents wait to be let in, or have tunnels; it will do so later"},
    {503, 503, "ADIT-AGENT-GONE",
     "this is the address of a tunnel: give --relay the relay's own, without the name"},
    {300, 399, NULL, "it leads elsewhere: give --relay the URL that it leads to, https:// perhaps"},
    {400, 400, NULL, "is it an adit relay, and is it http:// or https:// that it speaks?"},
    {502, 504, NULL,
     "something answers for the relay, but the relay itself is not there: start it"},
    {0, 999, NULL, "is it an adit relay?"},
};

static const char *advice(const struct link_end *end)
{
    size_t i = 0;
    while (i + 1 < sizeof(rows) / sizeof(rows[0]) &&
           (end->status < rows[i].first || end->status > rows[i].last ||
            (rows[i].code && strcmp(rows[i].code, end->code) != 0)))
        i++;
    return rows[i].text;
}

void outage_text(char out[static OUTAGE_TEXT_MAX], const struct link_target *relay, const char *url,
                 const struct link_end *end)
{
    bool v6 = strchr(relay->host, ':') != NULL;
    if (end->was_up)
        (void)snprintf(out, OUTAGE_TEXT_MAX, "the relay %s has gone; connecting again", url);
    else if (end->certificate)
        (void)snprintf(
            out, OUTAGE_TEXT_MAX,
            "cannot trust the relay %s: its certificate is not accepted (%s). Give it one "
            "that is valid for %s, or put the authority that signed it into a file and "
            "that into SSL_CERT_FILE. Trying again",
            url, end->text, relay->host);
    else if (end->status)
        (void)snprintf(out, OUTAGE_TEXT_MAX, "%s answered with %u%s%s: %s. Trying again", url,
                       end->status, end->code[0] ? " " : "", end->code, advice(end));
    else if (end->no_tls)
        (void)snprintf(out, OUTAGE_TEXT_MAX,
                       "what listens at %s does not speak TLS: give --relay http://%s%s%s:%u if "
                       "that is the relay itself, or the port of the TLS proxy before it. Trying "
                       "again",
                       url, v6 ? "[" : "", relay->host, v6 ? "]" : "", relay->port);
    else if (end->asked)
        (void)snprintf(out, OUTAGE_TEXT_MAX,
                       "what listens at %s takes the connection, but does not answer in HTTP (%s): "
                       "%s. Trying again",
                       url, end->text,
                       relay->tls ? "is it an adit relay?"
                                  : "if it speaks TLS give --relay https://..., else the relay's "
                                    "own port");
    else
        (void)snprintf(out, OUTAGE_TEXT_MAX, "cannot reach the relay %s (%s); %s. Trying again",
                       url, end->text,
                       relay->tls ? "check the address, and that it speaks https"
                                  : "is it running? On this machine it is started with: aditd");
}
