// SPDX-License-Identifier: MIT
#include "acme.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include "common/base/log.h"
#include "common/base/private_file.h"
#include "common/io/certificate.h"
#include "common/io/tls_dir.h"

static void path_of(char out[static PRIVATE_PATH_MAX], const char *dir, const char *host,
                    const char *ending)
{
    (void)snprintf(out, PRIVATE_PATH_MAX, "%s/%s.%s", dir, host, ending);
}

// The authority as the note beside a certificate names it; empty: lego's own choice.
static const char *authority_of(const struct acme *a)
{
    return a->config->directory ? a->config->directory : "";
}

static void authority_path(char out[static PRIVATE_PATH_MAX], const struct acme *a,
                           const char *host)
{
    (void)snprintf(out, PRIVATE_PATH_MAX, "%s/.%s.authority", a->certificates, host);
}

// The name that the certificate of an order must have: one without the wildcard is from a time when
// none was asked for.
static const char *telling_name(const struct acme_order *o)
{
    return o->wildcard[0] ? o->wildcard : o->host;
}

// Whether the published certificate of a host is of the authority that is asked now. Another one
// stays in force until the new one has come.
static bool is_of_authority(const struct acme *a, const char *host)
{
    char path[PRIVATE_PATH_MAX];
    char url[ACME_URL_MAX];
    authority_path(path, a, host);
    size_t len = certificate_read_note(path, url, sizeof(url));
    return slice_eq(slice_of(url, len), slice_str(authority_of(a)));
}

// Reads the life of the certificate that is published for an order.
static void read_published(const struct acme *a, struct acme_order *o)
{
    char chain[PRIVATE_PATH_MAX];
    char key[PRIVATE_PATH_MAX];
    char why[TLS_WHY_MAX];
    struct certificate_life life = {0};
    path_of(chain, a->certificates, o->host, "crt");
    path_of(key, a->certificates, o->host, "key");
    if (is_of_authority(a, o->host))
        (void)certificate_read(chain, key, telling_name(o), &life, why);
    o->from_s = life.from_s;
    o->until_s = life.until_s;
}

enum published {
    PUBLISHED,
    NOTHING_NEW,
    CANNOT_WRITE
};

// Copies what lego has fetched, if it is whole, new, and has not ended. The key goes first: between
// the two the old pair is what the relay has in memory, and a relay that starts then copies again.
// The reason of a failure is in `why`.
static enum published publish(struct acme *a, struct acme_order *o, char why[static TLS_WHY_MAX])
{
    char from[2][PRIVATE_PATH_MAX];
    char to[2][PRIVATE_PATH_MAX];
    char note[PRIVATE_PATH_MAX];
    char dir[ACME_DIR_MAX + sizeof("/certificates")];
    struct certificate_life life;
    (void)snprintf(dir, sizeof(dir), "%s/certificates", a->state);
    path_of(from[0], dir, o->host, "key");
    path_of(from[1], dir, o->host, "crt");
    path_of(to[0], a->certificates, o->host, "key");
    path_of(to[1], a->certificates, o->host, "crt");
    authority_path(note, a, o->host);
    if (!certificate_read(from[1], from[0], telling_name(o), &life, why))
        return NOTHING_NEW;
    bool same = certificate_same(from[1], to[1]) && certificate_same(from[0], to[0]);
    if (same || life.until_s <= wall_clock_ns() / 1000000000) {
        (void)snprintf(why, TLS_WHY_MAX, "lego has fetched no new one");
        return NOTHING_NEW;
    }
    int error = certificate_copy(from[0], to[0]);
    if (!error)
        error = certificate_copy(from[1], to[1]);
    if (!error)
        error =
            private_write(note, authority_of(a), strlen(authority_of(a)), PRIVATE_REPLACE, NULL);
    if (error)
        (void)snprintf(why, TLS_WHY_MAX, "it has come, but cannot be written to %.200s: %s",
                       a->certificates, strerror(error));
    read_published(a, o);
    return error ? CANNOT_WRITE : PUBLISHED;
}

// Removes certificates that nobody orders any more: they would be shown until they end, and behind.
static void remove_others(const struct acme *a)
{
    struct tls_dir found;
    if (tls_dir_list(a->certificates, &found))
        return;
    for (size_t i = 0; i < found.count; i++) {
        const char *name = strrchr(found.pairs[i].chain_file, '/');
        name = name ? name + 1 : found.pairs[i].chain_file;
        size_t len = strlen(name) < 4 ? 0 : strlen(name) - 4; // ".crt"
        bool ordered = false;
        for (size_t k = 0; k < a->count; k++)
            ordered = ordered ||
                      (strncmp(a->orders[k].host, name, len) == 0 && a->orders[k].host[len] == 0);
        if (ordered)
            continue;
        log_info("acme: %.*s is not ordered any more: its certificate is removed", (int)len, name);
        certificate_remove(found.pairs[i].chain_file);
        certificate_remove(found.pairs[i].key_file);
    }
    tls_dir_free(&found);
}

static void log_success(const struct acme_order *o)
{
    char text[ACME_TEXT_MAX];
    char until[LOG_TIME_MAX];
    acme_order_text(o, text);
    log_time_text(o->until_s * 1000000000, until);
    log_info("acme: a certificate for %s has come, valid until %s", text, until);
}

static void fail(struct acme *a, struct acme_order *o, const char *why)
{
    char text[ACME_TEXT_MAX];
    uint32_t wait = acme_wait_s(++o->failures);
    o->next_ms = loop_now_ms(a->loop) + (uint64_t)wait * 1000;
    acme_order_text(o, text);
    log_warn("acme: no certificate for %s: %s; next attempt in %u min, or on SIGHUP%s", text, why,
             (unsigned)(wait / 60),
             o->until_s ? "" : ". Until it comes, https handshakes for it fail");
}

static void succeed(struct acme *a, struct acme_order *o)
{
    o->failures = 0;
    o->next_ms = loop_now_ms(a->loop) + (uint64_t)ACME_AGAIN_S * 1000;
    log_success(o);
    a->changed(a->ctx);
}

static void look_on(struct timeout *t);

static void on_line(struct child *c, const char *line)
{
    struct acme *a = container_of(c, struct acme, child);
    const char *text = acme_line_text(line);
    log_debug("acme: %s", text);
    if (acme_line_tells(text, a->said))
        (void)snprintf(a->said, sizeof(a->said), "%s", text);
}

// An authority that has lost its accounts, or another one at the same address, never takes lego's:
// the next attempt registers a new one. The old one is kept beside.
static void forget_account(const struct acme *a)
{
    char from[ACME_DIR_MAX + sizeof("/accounts")];
    char to[sizeof(from) + 24];
    (void)snprintf(from, sizeof(from), "%s/accounts", a->state);
    (void)snprintf(to, sizeof(to), "%s-%lld", from, (long long)(wall_clock_ns() / 1000000000));
    if (private_move(from, to) == 0)
        log_warn("acme: the authority does not know our account: the next attempt makes another "
                 "one; the old one is in %s",
                 to);
}

static const char *why_failed(const struct acme *a, int status)
{
    if (status == 127)
        return "lego is not there: apt install lego";
    if (status < 0 && !a->said[0])
        return "lego took too long, or was killed";
    return a->said[0] ? a->said : "lego failed and said nothing";
}

static void on_ended(struct child *c, int status)
{
    struct acme *a = container_of(c, struct acme, child);
    struct acme_order *o = a->running;
    char why[TLS_WHY_MAX];
    a->running = NULL;
    if (publish(a, o, why) == PUBLISHED) {
        succeed(a, o);
    } else {
        if (strstr(a->said, "accountDoesNotExist"))
            forget_account(a);
        fail(a, o, status == 0 ? why : why_failed(a, status));
    }
    look_on(&a->look);
}

static const struct child_events events = {on_line, on_ended};

// NULL, or why nothing can be ordered now.
static const char *why_not_now(const struct acme *a)
{
    struct statvfs disk;
    if (statvfs(a->data, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < ACME_FREE_BYTES)
        return "the disk of the state directory is full";
    return NULL;
}

static void order(struct acme *a, struct acme_order *o)
{
    const char *args[ACME_ARGS_MAX];
    const struct acme_paths paths = {a->state, a->webroot};
    char text[ACME_TEXT_MAX];
    char unwritten[TLS_WHY_MAX];
    // Of an earlier attempt, which could not write what had come: authorities count orders.
    enum published before = publish(a, o, unwritten);
    if (before == PUBLISHED) {
        succeed(a, o);
        return;
    }
    if (before == CANNOT_WRITE) {
        fail(a, o, unwritten);
        return;
    }
    const char *why = why_not_now(a);
    a->said[0] = 0;
    a->running = o;
    acme_order_text(o, text);
    acme_command(a->config, o, &paths, args);
    int error = why ? 0 : child_start(&a->child, a->loop, args, ACME_LIMIT_MS);
    if (!why && error)
        why = uv_strerror(error);
    if (!why) {
        log_info("acme: ordering a certificate for %s", text);
        return;
    }
    a->running = NULL;
    fail(a, o, why);
}

static void look_on(struct timeout *t)
{
    struct acme *a = container_of(t, struct acme, look);
    int64_t now_s = wall_clock_ns() / 1000000000;
    for (size_t i = 0; i < a->count && !a->running && !a->child.started; i++)
        if (acme_is_due(&a->orders[i], now_s) && a->orders[i].next_ms <= loop_now_ms(a->loop))
            order(a, &a->orders[i]);
    timeout_start(a->loop, &a->look, ACME_LOOK_MS, look_on);
}

static bool make_directory(char out[static ACME_DIR_MAX], const char *data, const char *name,
                           char why[static PRIVATE_WHY_MAX])
{
    struct private_dir dir;
    (void)snprintf(out, ACME_DIR_MAX, "%s/%s", data, name);
    return private_dir(out, PRIVATE_MAKE, &dir, why) == 0;
}

const char *acme_begin(struct acme *a)
{
    static char why[PRIVATE_WHY_MAX];
    char ignored[TLS_WHY_MAX];
    const char *mistake = NULL;
    a->child.events = &events;
    if (!a->config->on)
        return NULL;
    a->count = acme_plan(a->config, a->domain, a->orders, &mistake);
    if (a->count == 0)
        return mistake;
    if (!make_directory(a->state, a->data, "acme", why) ||
        !make_directory(a->certificates, a->data, "certificates", why) ||
        !make_directory(a->webroot, a->data, "acme-challenge", why))
        return why;
    for (size_t i = 0; i < a->count; i++) {
        read_published(a, &a->orders[i]);
        (void)publish(a, &a->orders[i], ignored);
    }
    remove_others(a);
    return NULL;
}

void acme_start(struct acme *a)
{
    if (a->config->on)
        look_on(&a->look);
}

void acme_hurry(struct acme *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->orders[i].failures > 0)
            a->orders[i].next_ms = 0;
    acme_start(a);
}

void acme_stop(struct acme *a)
{
    timeout_stop(&a->look);
    a->count = 0; // orders nothing more
    child_stop(&a->child);
}

void acme_end(struct acme *a)
{
    timeout_stop(&a->look);
    child_abandon(&a->child);
}
