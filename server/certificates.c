// SPDX-License-Identifier: MIT
#include "certificates.h"
#include <stdio.h>
#include "common/base/address.h"
#include "common/base/log.h"
#include "common/base/output.h"

#define PROTOCOLS "h2,http/1.1"

static void told(void *ctx, bool trouble, const char *line)
{
    (void)ctx;
    if (trouble)
        log_warn("certificates: %s", line);
    else
        log_info("certificates: %s", line);
}

static void on_look(struct timeout *t)
{
    struct certificates *c = container_of(t, struct certificates, look);
    tls_server_tick(c->tls, loop_now_ms(c->loop));
    tls_server_reload(c->tls, false, told, c);
    timeout_start(c->loop, &c->look, LIMIT_TLS_LOOK_MS, on_look);
}

static bool has_plain_listener(const struct relay_config *config)
{
    bool plain = config->listen_count == 0;
    for (size_t i = 0; i < config->listen_count; i++) {
        struct sockaddr_storage addr;
        plain = plain || (address_parse(config->listen[i].at, &addr) &&
                          !relay_is_tls(config, config->listen[i].protocol, address_port(&addr)));
    }
    return plain;
}

// Warns of a domain whose visitors would all be refused.
static void check_domain(const struct certificates *c, const struct relay_config *config)
{
    const char *domain = config->domain;
    char name[sizeof(config->domain) + 8];
    if (config->acme.on) {
        if (!config->acme.dns)
            log_warn("certificates: none is for *.%s: pass --acme-name NAME for each tunnel, or "
                     "--acme-dns PROVIDER for all; others are answered with 421",
                     domain);
        if (!config->acme.dns && !has_plain_listener(config))
            log_warn("acme: no listener is without TLS: the authority comes to port 80, which must "
                     "lead to one, as in --listen :80");
        return; // acme tells of those to come
    }
    (void)snprintf(name, sizeof(name), "name.%s", domain);
    if (!tls_server_covers(c->tls, domain))
        log_warn("certificates: none is for %s itself, where agents connect", domain);
    if (!tls_server_covers(c->tls, name))
        log_warn("certificates: none is for *.%s: tunnels without a certificate of their own "
                 "are answered with 421",
                 domain);
}

const char *certificates_begin(struct certificates *c, const struct relay_config *config,
                               const char *dir)
{
    const struct tls_server_options options = {.pairs = config->pairs,
                                               .pair_count = config->chain_count,
                                               .dir = config->tls_dir,
                                               .dev_dir = config->dev_tls ? dir : NULL,
                                               .dev_domain = config->domain,
                                               .may_be_empty = config->acme.on,
                                               .alpn = PROTOCOLS};
    if (!relay_has_tls(config))
        return NULL;
    c->tls = tls_server_new(&options, loop_now_ms(c->loop), c->why);
    if (!c->tls)
        return c->why;
    tls_server_reload(c->tls, false, told, c);
    if (!config->dev_tls)
        check_domain(c, config);
    timeout_start(c->loop, &c->look, LIMIT_TLS_LOOK_MS, on_look);
    return NULL;
}

void certificates_reload(struct certificates *c)
{
    if (c->tls)
        tls_server_reload(c->tls, true, told, c);
}

void certificates_look(struct certificates *c)
{
    if (c->tls)
        tls_server_reload(c->tls, false, told, c);
}

void certificates_stop(struct certificates *c)
{
    timeout_stop(&c->look);
}

void certificates_free(struct certificates *c)
{
    tls_server_free(c->tls);
    c->tls = NULL;
}

void certificates_explain(const char *dir, const char *domain, uint16_t port)
{
    output_line(stdout, "aditd: the authority of --dev-tls is %s/dev-ca.pem. Trust it by", dir);
    output_line(stdout, "  curl --cacert %s/dev-ca.pem https://NAME.%s:%u/", dir, domain,
                (unsigned)port);
    output_line(stdout, "  adit http PORT --relay https://%s:%u --relay-ca %s/dev-ca.pem", domain,
                (unsigned)port, dir);
    output_line(stdout,
                "  sudo cp %s/dev-ca.pem /usr/local/share/ca-certificates/adit-dev.crt && "
                "sudo update-ca-certificates",
                dir);
    output_line(stdout, "  Firefox: Settings, Certificates, View, Authorities, Import. Chromium: "
                        "chrome://certificate-manager, Custom, Import");
}
