// SPDX-License-Identifier: MIT
#include "foreign_options.h"

#define VERBOSE "it means the version only without a command; to log more: --verbose"
#define LOG     "the log goes to standard error: append 2> FILE; --verbose logs more"
#define FIELDS  "adit adds and removes no fields; adit replay changes those of a recorded request"
#define VISITORS \
    "adit admits every visitor: check them in the service, or in a proxy in front of it"
#define NONE   "adit has no such option: let the service do it"
#define POLICY "there are no traffic policies yet"
#define SCHEME "the relay chooses the scheme of all its URLs (aditd --public-url)"
#define PAGE   "there is no web page: adit requests lists exchanges, adit show ID shows one"

const struct option_advice foreign_options_http[] = {
    {"v", VERBOSE},
    {"p", "the port is a word of its own: adit http 8080"},
    {"port", "the port is a word of its own: adit http 8080"},
    {"local-host", "host and port are one word: adit http HOST:PORT"},
    {"authtoken", "a token never stands on a command line, where others see it: put it into a "
                  "file, --token-file FILE, or into the environment, ADIT_TOKEN"},
    {"region", "a relay is where you run it: --relay URL chooses one"},
    {"server-addr", "that is --relay URL"},
    {"config", "there is one configuration file: adit config path names it"},
    {"log", LOG},
    {"log-format", LOG},
    {"log-level", LOG},
    {"scheme", SCHEME},
    {"schemes", SCHEME},
    {"bind-tls", SCHEME},
    {"web-addr", PAGE},
    {"print-requests", "each request gets a line; --print-bodies shows all of it"},
    {"metadata", "a tunnel has a name and no other description"},
    {"description", "a tunnel has a name and no other description"},
    {"binding", "every tunnel is public"},
    {"traffic-policy-file", POLICY},
    {"traffic-policy-url", POLICY},
    {"traffic-policy", POLICY},
    {"policy-file", POLICY},
    {"pooling-enabled", "a name belongs to one agent: sharing its load is not supported yet"},
    {"load-balance", "a name belongs to one agent: sharing its load is not supported yet"},
    {"basic-auth", VISITORS},
    {"auth", VISITORS},
    {"oauth", VISITORS},
    {"oauth-allow-email", VISITORS},
    {"oauth-allow-domain", VISITORS},
    {"oidc", VISITORS},
    {"saml", VISITORS},
    {"mutual-tls-cas", VISITORS},
    {"cidr-allow", VISITORS},
    {"cidr-deny", VISITORS},
    {"ua-filter-allow", VISITORS},
    {"ua-filter-deny", VISITORS},
    {"verify-webhook", NONE},
    {"verify-webhook-secret", NONE},
    {"circuit-breaker", NONE},
    {"compression", NONE},
    {"websocket-tcp-converter", NONE},
    {"request-header-add", FIELDS},
    {"request-header-remove", FIELDS},
    {"response-header-add", FIELDS},
    {"response-header-remove", FIELDS},
    {"local-https", "the service is https://HOST:PORT then"},
    {"local-ca", "that is --upstream-ca FILE"},
    {"allow-invalid-cert", "that is --upstream-tls-verify=false"},
    {"app-protocol", "that is --upstream-protocol http1 or http2"},
    {"crt", "TLS ends at the relay, or at the proxy in front of it"},
    {"key", "TLS ends at the relay, or at the proxy in front of it"},
    {NULL, NULL},
};

const struct option_advice foreign_options_proxy[] = {
    {"v", VERBOSE},
    {"p", "that is --port PORT"},
    {"listen", "that is --port PORT, and --host ADDR for another address than this machine's own"},
    {"relay", "adit proxy needs no relay; adit http has one"},
    {"domain", "adit proxy has a port and no name; adit http has one"},
    {"name", "adit proxy has a port and no name; adit http has one"},
    {"log", LOG},
    {"inspect", "that is --record none, or --record all"},
    {"web-addr", PAGE},
    {"target", "that is --url URL"},
    {NULL, NULL},
};
