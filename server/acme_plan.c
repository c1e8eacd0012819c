// SPDX-License-Identifier: MIT
#include "acme_plan.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

// Whether the wildcard of the domain covers a host: one label more (RFC 9525 §6.3).
static bool is_covered(const char *host, const char *domain)
{
    const char *dot = strchr(host, '.');
    return dot && strcasecmp(dot + 1, domain) == 0;
}

static bool is_ordered(const struct acme_order *orders, size_t count, const char *host)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(orders[i].host, host) == 0)
            return true;
    return false;
}

static bool is_below(const char *host, const char *domain)
{
    size_t len = strlen(host);
    size_t domain_len = strlen(domain);
    return len > domain_len + 1 && host[len - domain_len - 1] == '.' &&
           strcasecmp(host + len - domain_len, domain) == 0;
}

// A host name of letters, digits and hyphens (RFC 1123 §2.1).
static bool is_host(const char *host)
{
    size_t len = strlen(host);
    return len > 0 && len < ACME_HOST_MAX && host[0] != '.' && host[0] != '-' &&
           host[len - 1] != '.' && !strstr(host, "..") &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len;
}

static const char *add_name(struct acme_order *o, const char *name, const char *domain)
{
    int len = strchr(name, '.') ? snprintf(o->host, sizeof(o->host), "%s", name)
                                : snprintf(o->host, sizeof(o->host), "%s.%s", name, domain);
    if (len < 0 || (size_t)len >= sizeof(o->host) || !is_host(o->host))
        return "--acme-name: one of them is not a name of letters, digits and hyphens";
    if (strcasecmp(o->host, domain) != 0 && !is_below(o->host, domain))
        return "--acme-name: one of them is not below the domain: the relay would never serve it";
    for (char *c = o->host; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);
    return NULL;
}

size_t acme_plan(const struct acme_config *c, const char *domain,
                 struct acme_order orders[static ACME_ORDERS_MAX], const char **why)
{
    size_t count = 0;
    *why = NULL;
    orders[count] = (struct acme_order){0};
    (void)snprintf(orders[0].host, sizeof(orders[0].host), "%s", domain);
    if (c->dns)
        (void)snprintf(orders[0].wildcard, sizeof(orders[0].wildcard), "*.%s", domain);
    count++;
    for (size_t i = 0; i < c->name_count; i++) {
        orders[count] = (struct acme_order){0};
        *why = add_name(&orders[count], c->names[i], domain);
        if (*why)
            return 0;
        bool covered = c->dns && is_covered(orders[count].host, domain);
        if (!covered && !is_ordered(orders, count, orders[count].host))
            count++;
    }
    return count;
}

bool acme_is_due(const struct acme_order *o, int64_t now_s)
{
    return o->until_s == 0 || o->until_s - now_s < (o->until_s - o->from_s) / ACME_RENEW_PART;
}

uint32_t acme_wait_s(unsigned failures)
{
    uint32_t wait = ACME_RETRY_S;
    for (unsigned i = 1; i < failures && wait < ACME_RETRY_MAX_S; i++)
        wait *= 2;
    return wait < ACME_RETRY_MAX_S ? wait : ACME_RETRY_MAX_S;
}

static void add(const char **args, const char *option, const char *value)
{
    while (*args)
        args++;
    *args++ = option;
    *args++ = value;
    if (value)
        *args = NULL;
}

// Always `run`: it takes a new certificate whether or not there is one, and needs no old files.
void acme_command(const struct acme_config *c, const struct acme_order *o,
                  const struct acme_paths *paths, const char *args[static ACME_ARGS_MAX])
{
    args[0] = NULL;
    add(args, "lego", "--accept-tos");
    add(args, "--path", paths->state);
    add(args, "--email", c->email ? c->email : "");
    if (c->directory)
        add(args, "--server", c->directory);
    if (c->dns) {
        add(args, "--dns", c->dns);
    } else {
        add(args, "--http", NULL);
        add(args, "--http.webroot", paths->webroot);
    }
    if (c->dns && c->resolver) {
        add(args, "--dns.disable-cp", NULL);
        add(args, "--dns.resolvers", c->resolver);
    }
    add(args, "--domains", o->host);
    if (o->wildcard[0])
        add(args, "--domains", o->wildcard);
    add(args, "run", NULL);
}

const char *acme_line_text(const char *line)
{
    size_t date = strlen("2026/12/01 00:52:06 ");
    bool dated = strlen(line) > date && line[4] == '/' && line[7] == '/' && line[13] == ':';
    line += dated ? date : 0;
    static const char *const levels[] = {"[INFO] ", "[WARN] "};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strncmp(line, levels[i], strlen(levels[i])) == 0)
            line += strlen(levels[i]);
    return line + strspn(line, " \t?");
}

// A line about an error says more than one about progress, and a later one more than an earlier.
// Retries are no failure yet.
bool acme_line_tells(const char *line, const char *before)
{
    bool error = strstr(line, "error") && !strstr(line, "retry due to");
    bool had = strstr(before, "error");
    return !strstr(line, "retry due to") && (error || !had);
}

void acme_order_text(const struct acme_order *o, char out[static ACME_TEXT_MAX])
{
    (void)snprintf(out, ACME_TEXT_MAX, "%s%s%s", o->host, o->wildcard[0] ? ", " : "", o->wildcard);
}
