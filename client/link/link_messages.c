// SPDX-License-Identifier: MIT
#include "link_messages.h"
#include <stdio.h>
#include <string.h>
#include "proto/http/authority.h"
#include "proto/tunnel/tunnel.h"

struct status_row {
    unsigned first, last; // statuses
    const char *code;     // the relay's adit-error; NULL: any, or none
    const char *text;
};

// The first row that matches counts. A relay's own answers have a code (docs/protocol.md §8); an
// answer without one comes from a proxy before the relay, or from another server.
static const struct status_row status_rows[] = {
    {403, 403, NULL,
     "a proxy in front of the relay forbids it: it must pass WebSockets to /_adit/v1/tunnel"},
    {404, 404, "ADIT-NO-TUNNEL",
     "this is the address of a tunnel: give --relay the relay's own, without the name"},
    {421, 421, NULL, "it does not serve this host: give --relay the relay's own domain"},
    {426, 426, "ADIT-UPGRADE-REQUIRED",
     "a proxy in front of the relay does not pass WebSockets on, or the relay is of another "
     "version"},
    {429, 429, NULL,
     "too many connections, or too many wrong tokens, come from this address; it lets this agent "
     "in when there are fewer"},
    {503, 503, "ADIT-RELAY-FULL",
     "it has as many visitors as it takes, and lets this agent in when there are fewer; its "
     "operator can raise --limit visitors"},
    {503, 503, "ADIT-AGENT-GONE",
     "this is the address of a tunnel: give --relay the relay's own, without the name"},
    {300, 399, NULL, "it redirects: give --relay the URL that it redirects to, perhaps https://"},
    {400, 400, NULL, "is it an adit relay, and does it speak http:// or https://?"},
    {502, 504, NULL, "a proxy answers for the relay, but does not reach it: is the relay running?"},
    {0, 999, NULL, "is it an adit relay?"},
};

bool link_message_is_due(struct last_link_message *last, const char *text, uint64_t now_ms)
{
    bool same = strcmp(last->text, text) == 0;
    if (same && now_ms - last->sent_ms < LINK_MESSAGE_REPEAT_MS)
        return false;
    (void)snprintf(last->text, sizeof(last->text), "%s", text);
    last->sent_ms = now_ms;
    return true;
}

void link_message_reset(struct last_link_message *last)
{
    last->text[0] = 0;
}

static const char *status_advice(const struct link_failure *failure)
{
    size_t i = 0;
    while (i + 1 < sizeof(status_rows) / sizeof(status_rows[0]) &&
           (failure->status < status_rows[i].first || failure->status > status_rows[i].last ||
            (status_rows[i].code && strcmp(status_rows[i].code, failure->code) != 0)))
        i++;
    return status_rows[i].text;
}

struct error_row {
    int error;
    const char *text;
};

// Advice on a failed connect(), to the relay or to the proxy on the way.
static const struct error_row error_rows[] = {
    {UV_ENETUNREACH, "this machine has no route to it: is its network up?"},
    {UV_ENETDOWN, "the network of this machine is down"},
    {UV_EHOSTUNREACH, "its network can be reached, but the machine itself cannot: is it up?"},
    {UV_EHOSTDOWN, "its network can be reached, but the machine itself cannot: is it up?"},
    {UV_EADDRNOTAVAIL,
     "this machine has no address to reach it from (no IPv6?), or no free port is left"},
    {UV_EAFNOSUPPORT, "this machine has no addresses of that family"},
    {UV_EACCES, "a firewall or a route of this machine forbids it"},
    {UV_EPERM, "a firewall of this machine forbids it"},
    {UV_EINVAL, "a route of this machine drops packets to it"},
    {UV_ETIMEDOUT, "check the address and the port; a firewall may drop packets to it"},
    {UV_ECONNRESET, "something on the way resets connections"},
    {UV_EMFILE, "this program may not open more files: raise the limit with ulimit -n, or with "
                "LimitNOFILE= in its unit"},
    {UV_ENFILE, "this machine cannot open more files"},
    {UV_ENOMEM, "this machine is short of memory"},
    {UV_ENOBUFS, "this machine is short of memory"},
    {UV_EAGAIN, "this machine is short of a resource that a connection needs"},
    {UV_EAI_AGAIN, "its name cannot be resolved now: is the network up?"},
    {UV_EAI_NONAME, "there is no such name: check it"},
    {UV_EAI_NODATA, "that name has no address: check it"},
};

static const char *error_advice(int error)
{
    for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++)
        if (error_rows[i].error == error)
            return error_rows[i].text;
    return NULL;
}

// "ADDRESS: why", or why alone.
static const char *reason(const struct link_failure *failure, char *text, size_t cap)
{
    (void)snprintf(text, cap, "%s%s%s", failure->address, failure->address[0] ? ": " : "",
                   failure->text);
    return text;
}

static void proxy_text(char out[static LINK_MESSAGE_MAX], const struct link_target *relay,
                       const struct link_failure *failure)
{
    const struct relay_proxy *p = &relay->proxy;
    char why[200];
    const char *advice = error_advice(failure->error);
    char at[AUTHORITY_MAX];
    (void)authority_text(relay->at.host, relay->at.port, at);
    if (failure->status == 407)
        (void)snprintf(out, LINK_MESSAGE_MAX,
                       "the proxy %s answered with 407: it %s. Put them into %s as "
                       "http://USER:PASSWORD@HOST:PORT",
                       p->url,
                       p->authorization[0] ? "does not accept this user and password"
                                           : "needs a user and password",
                       p->variable);
    else if (failure->status)
        (void)snprintf(
            out, LINK_MESSAGE_MAX, "the proxy %s answered with %u: it does not connect to %s%s",
            p->url, failure->status, at,
            failure->status < 500 ? ", which it must allow; or exempt the relay by no_proxy"
                                  : "; is the relay running, and known to the proxy?");
    else
        (void)snprintf(out, LINK_MESSAGE_MAX,
                       "cannot reach the relay through the proxy %s (%s), which %s names; %s",
                       p->url, reason(failure, why, sizeof(why)), p->variable,
                       advice ? advice : "is it an HTTP proxy, and is it running?");
}

// The agent's own Unix socket failed; the relay is not to blame.
static void no_unix_socket_text(char out[static LINK_MESSAGE_MAX], const char *url,
                                const struct link_failure *failure)
{
    bool forbidden = failure->error == UV_EAFNOSUPPORT || failure->error == UV_EACCES ||
                     failure->error == UV_EPERM;
    const char *advice = forbidden ? NULL : error_advice(failure->error);
    (void)snprintf(
        out, LINK_MESSAGE_MAX,
        "cannot reach the relay %s: the agent needs a Unix socket of its own for it (%s); "
        "%s",
        url, failure->text,
        advice ? advice
               : "allow them: in a systemd unit, RestrictAddressFamilies= must name AF_UNIX");
}

// Advice on an error that is not in error_rows.
static const char *relay_advice(const struct link_target *relay, int error)
{
    if (error == UV_ECONNREFUSED && destination_is_loopback(relay->at.host))
        return "is it running? Start one here with aditd, or name another one with --relay URL";
    if (error == UV_ECONNREFUSED)
        return "is it running, and is that its port?";
    return relay->at.tls ? "check the address, and that it speaks https"
                         : "check the address, and that it is running";
}

static void unreachable_text(char out[static LINK_MESSAGE_MAX], const struct link_target *relay,
                             const char *where, const struct link_failure *failure)
{
    char why[200];
    const char *advice = error_advice(failure->error);
    if (!advice)
        advice = relay_advice(relay, failure->error);
    (void)snprintf(out, LINK_MESSAGE_MAX, "cannot reach the relay %s (%s); %s", where,
                   reason(failure, why, sizeof(why)), advice);
}

// A failure of the relay, or of another server in its place. `where` is the relay's URL, and the
// proxy on the way to it.
static void relay_text(char out[static LINK_MESSAGE_MAX], const struct link_target *relay,
                       const char *where, const struct link_failure *failure)
{
    char at[AUTHORITY_MAX];
    (void)authority_text(relay->at.host, relay->at.port, at);
    if (failure->bad_certificate)
        (void)snprintf(
            out, LINK_MESSAGE_MAX,
            "cannot trust the relay %s: its certificate is not accepted (%s). Give the relay one "
            "that is valid for %s, or pass --relay-ca FILE with the certificate of the authority "
            "that signed it",
            where, failure->text, relay->at.host);
    else if (failure->location[0])
        (void)snprintf(out, LINK_MESSAGE_MAX,
                       "%s answered with %u: it redirects to %s. If that is the relay, say --relay "
                       "%s%s",
                       where, failure->status, failure->location, failure->location,
                       relay->asks ? ". The token was not sent" : "");
    else if (failure->status)
        (void)snprintf(out, LINK_MESSAGE_MAX, "%s answered with %u%s%s: %s", where, failure->status,
                       failure->code[0] ? " " : "", failure->code, status_advice(failure));
    else if (failure->not_tls)
        (void)snprintf(out, LINK_MESSAGE_MAX,
                       "the server at %s does not speak TLS: give --relay http://%s if "
                       "that is the relay itself, or the port of the TLS proxy in front of it",
                       where, at);
    else if (failure->handshake_sent)
        (void)snprintf(out, LINK_MESSAGE_MAX,
                       "the server at %s accepts the connection, but does not answer in HTTP (%s): "
                       "%s",
                       where, failure->text,
                       relay->at.tls
                           ? "is it an adit relay?"
                           : "if it speaks TLS give --relay https://..., else the relay's "
                             "own port");
    else
        unreachable_text(out, relay, where, failure);
}

static void attempt_text(char out[static LINK_MESSAGE_MAX], const struct link_target *relay,
                         const char *url, const struct link_failure *failure)
{
    char where[2 * DESTINATION_URL_MAX + 32];
    const struct relay_proxy *p = &relay->proxy;
    (void)snprintf(where, sizeof(where), "%s%s%s", url, p->used ? " through the proxy " : "",
                   p->used ? p->url : "");
    if (failure->at_proxy)
        proxy_text(out, relay, failure);
    else if (failure->no_unix_socket)
        no_unix_socket_text(out, url, failure);
    else
        relay_text(out, relay, where, failure);
}

void link_message_gone(char out[static LINK_MESSAGE_MAX], const char *url, const char *why)
{
    (void)snprintf(out, LINK_MESSAGE_MAX, "the relay %s has gone (%s); connecting again", url, why);
}

void link_message_lost(char out[static LINK_MESSAGE_MAX], const char *url, int error,
                       const char *detail)
{
    static const char peer[] = "the peer "; // here: "it", the relay
    const char *why = tunnel_strerror(error);
    bool is_peer = strncmp(why, peer, sizeof(peer) - 1) == 0;
    (void)snprintf(out, LINK_MESSAGE_MAX,
                   "the tunnel to the relay %s is lost: %s%s%s%s%s; connecting again", url,
                   is_peer ? "it " : "", why + (is_peer ? sizeof(peer) - 1 : 0),
                   error == TUNNEL_E_SILENT ? " (the network is down, or this machine slept)" : "",
                   detail[0] ? ": " : "", detail);
}

void link_message_failed(char out[static LINK_MESSAGE_MAX], const struct link_target *relay,
                         const char *url, const struct link_failure *failure)
{
    attempt_text(out, relay, url, failure);
    size_t len = strlen(out);
    bool is_question = len > 0 && out[len - 1] == '?';
    (void)snprintf(out + len, LINK_MESSAGE_MAX - len, "%s Trying again", is_question ? "" : ".");
}
