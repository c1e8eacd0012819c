// SPDX-License-Identifier: MIT
// The service that a command forwards to, from its command line: an HTTP server over TCP, TLS or a
// Unix socket, or a folder of files.
#pragma once
#include "common/exchange/host_rewrite.h"
#include "common/io/tls_client.h"
#include "common/outbound/files.h"
#include "common/outbound/h2_upstream.h"
#include "common/outbound/upstream.h"

enum {
    SERVICE_URL_MAX = 300,  // what the record keeps of it
    SERVICE_PATH_MAX = 256, // of a folder, with the final zero
    SERVICE_WHY_MAX = 640,
    SERVICE_IDLE_MIN_MS = 100
};

struct service {
    struct dial_target target;     // of an HTTP server
    bool https;                    // target.tls is set by service_open
    bool http2;                    // it speaks HTTP/2, else HTTP/1.1
    char folder[SERVICE_PATH_MAX]; // of files; empty: it is an HTTP server
    bool lists;                    // folders without an index.html are listed
    const char *ca_file;           // authorities to trust; NULL: the system's
    bool verifies_nothing;         // any certificate will do
    bool replaces_host;
    char host[280];         // that replaces it; empty: the service's own
    bool has_idle;          // idle_ms was given
    uint32_t idle_ms;       // how long idle connections are kept; 0: not at all
    unsigned proxy_version; // of the PROXY protocol, 1 or 2; 0: not spoken
    int folder_fd;          // of service_open, if `folder` is set
};

// The outbound to a service. Embedded.
struct service_outbound {
    struct outbound *outbound; // of one of these
    struct upstream upstream;
    struct h2_upstream h2;
    struct files files;
    char name[SERVICE_URL_MAX]; // of the folder, for the record
};

// Parses a service: PORT, HOST:PORT, http:// or https://HOST[:PORT], unix:/PATH or file:///FOLDER.
// Returns NULL, or what is wrong, for destination_explain.
const char *service_take_url(struct service *s, const char *url);
// Parses --host-header: "preserve", "rewrite" or a host. False when it is none of them.
bool service_take_host(struct service *s, const char *value);
// Parses --upstream-keepalive: "on", "off" or a time. False when it is none of them.
bool service_take_keepalive(struct service *s, const char *value);
// Parses --upstream-proxy-protocol: "1" or "2". False when it is neither.
bool service_take_proxy_protocol(struct service *s, const char *value);
// Parses --upstream-tls-verify: "true" or "false"; NULL is true. False when it is neither.
bool service_take_verify(struct service *s, const char *value);
// Parses --upstream-protocol: "http1" or "http2". False when it is neither.
bool service_take_protocol(struct service *s, const char *value);
// Returns which of the options contradicts the service, as a sentence; NULL: none.
const char *service_contradiction(const struct service *s);
// Writes the service as a URL: "http://HOST:PORT", "unix:/PATH", "file:///FOLDER".
void service_url(const struct service *s, char out[static SERVICE_URL_MAX]);

// Prepares for connections: TLS and the file of authorities, or the folder. To be undone by
// service_close even if it fails. False: `why` says why.
bool service_open(struct service *s, char why[static SERVICE_WHY_MAX]);
// After the last connection has ended.
void service_close(struct service *s);

// Initialises the outbound to an opened service (service_deinit).
void service_init(const struct service *s, struct service_outbound *o, struct loop *l);
void service_deinit(struct service_outbound *o);
// The Host by which the service knows itself.
const char *service_authority(const struct service_outbound *o);
// Adds to a chain the filter that replaces Host, if the command line wants that. `s` and `o`
// outlive the chain.
void service_add_filter(const struct service *s, const struct service_outbound *o,
                        struct host_rewrite *f, struct filter_chain *c);
