// SPDX-License-Identifier: MIT
#include "tls_source.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tls_store.h"

enum {
    DAY_S = 24 * 60 * 60,
    YOUNG_S = 2, // a file's times may be as coarse: it may change again and look the same
    NAMES_MAX = TLS_NAME_MAX + 32,
};

void tls_tell(const struct tls_teller *to, bool trouble, const char *format, ...)
{
    char line[TLS_LINE_MAX];
    va_list args;
    if (!to->told)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    to->told(to->ctx, trouble, line);
}

bool tls_source_init(struct tls_source *s, const struct tls_pair_files *files, uint32_t rank)
{
    *s = (struct tls_source){
        .files = {.chain_file = strdup(files->chain_file), .key_file = strdup(files->key_file)},
        .rank = rank};
    if (s->files.chain_file && s->files.key_file)
        return true;
    tls_source_deinit(s);
    return false;
}

void tls_source_deinit(struct tls_source *s)
{
    free((char *)(uintptr_t)s->files.chain_file);
    free((char *)(uintptr_t)s->files.key_file);
    tls_cert_free(s->cert);
    tls_cert_free(s->fresh);
    *s = (struct tls_source){0};
}

// Fills in the stamp of a file; all 0 of one that is not there. Returns whether it has a past.
static bool take_stamp(const char *path, int64_t now_s, struct tls_stamp *stamp)
{
    struct stat st;
    memset(stamp, 0, sizeof(*stamp));
    if (stat(path, &st))
        return true;
    stamp->device = st.st_dev;
    stamp->inode = st.st_ino;
    stamp->size = st.st_size;
    stamp->modified = st.st_mtim;
    stamp->changed = st.st_ctim;
    return st.st_ctim.tv_sec < now_s - YOUNG_S;
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_same(const struct tls_stamp *a, const struct tls_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           is_same_time(a->modified, b->modified) && is_same_time(a->changed, b->changed);
}

// Notes what the files are like. Returns whether they may have changed since the last time.
static bool take_stamps(struct tls_source *s, int64_t now_s)
{
    struct tls_stamp now[2];
    bool chain_settled = take_stamp(s->files.chain_file, now_s, &now[0]);
    bool key_settled = take_stamp(s->files.key_file, now_s, &now[1]);
    bool changed =
        !s->settled || !is_same(&now[0], &s->stamps[0]) || !is_same(&now[1], &s->stamps[1]);
    s->settled = chain_settled && key_settled;
    memcpy(s->stamps, now, sizeof(now));
    return changed;
}

bool tls_source_look(struct tls_source *s, SSL_CTX *context, bool all, int64_t now_s,
                     char why[static TLS_WHY_MAX])
{
    bool changed = take_stamps(s, now_s);
    if (!changed && !all && (s->failures == 0 || s->told_failure))
        return true;
    // Behind a failure that was told, people hear of the end of it.
    const struct tls_cert *known = s->told_failure ? NULL : s->cert;
    struct tls_cert *c = tls_cert_read(context, &s->files, known, why);
    if (!c)
        return false;
    s->failures = 0;
    if (c == known)
        return true;
    tls_cert_free(s->fresh);
    s->fresh = c;
    return true;
}

// "a.example.com and 2 more"
static const char *names_of(const struct tls_cert *c, char out[static NAMES_MAX])
{
    if (c->name_count == 0)
        return "no host";
    int n = snprintf(out, NAMES_MAX, "%s", c->names[0]);
    if (c->name_count > 1)
        (void)snprintf(out + n, NAMES_MAX - (size_t)n, " and %zu more", c->name_count - 1);
    return out;
}

static const char *date_of(int64_t second, char out[static 32])
{
    time_t at = (time_t)second;
    struct tm tm;
    if (!gmtime_r(&at, &tm) || strftime(out, 32, "%Y-%m-%d", &tm) == 0)
        return "a date beyond reckoning";
    return out;
}

void tls_source_settle(struct tls_source *s, const struct tls_teller *to)
{
    char names[NAMES_MAX];
    char date[32];
    if (!s->fresh)
        return;
    tls_cert_free(s->cert);
    s->cert = s->fresh;
    s->fresh = NULL;
    s->told_failure = false;
    s->told_flaws = false;
    s->told_expiry_s = 0;
    tls_tell(to, false, "certificate for %s in %s is in use from now on, until %s",
             names_of(s->cert, names), s->files.chain_file, date_of(s->cert->ends_s, date));
}

void tls_source_fail(struct tls_source *s, const char *why, bool at_once,
                     const struct tls_teller *to)
{
    if (s->failures < TLS_LOOKS)
        s->failures++;
    if (!to->told || (!at_once && (s->failures < TLS_LOOKS || s->told_failure)))
        return;
    s->told_failure = true;
    tls_tell(to, true, "%s%s", why,
             s->cert ? ": the certificate read before stays in use" : ": not used");
}

static void tell_flaws(struct tls_source *s, const struct tls_teller *to)
{
    s->told_flaws = true;
    if (s->cert->key_seen_by_all)
        tls_tell(to, true, "key file %s: everyone on this machine can read it: chmod o= it",
                 s->files.key_file);
    if (s->cert->name_count == 0)
        tls_tell(to, true, "certificate in %s names no host (subjectAltName): clients refuse it",
                 s->files.chain_file);
}

// How long before its end a certificate's end is told.
static int64_t notice_s(const struct tls_cert *c)
{
    int64_t third = (c->ends_s - c->begins_s) / 3;
    return third < (int64_t)TLS_EXPIRY_DAYS * DAY_S ? third : (int64_t)TLS_EXPIRY_DAYS * DAY_S;
}

static void tell_expiry(struct tls_source *s, const struct tls_teller *to)
{
    const struct tls_cert *c = s->cert;
    int64_t left = c->ends_s - to->now_s;
    char names[NAMES_MAX];
    char date[32];
    s->told_expiry_s = to->now_s;
    (void)names_of(c, names);
    const char *file = s->files.chain_file;
    if (to->now_s < c->begins_s)
        tls_tell(to, true, "certificate for %s in %s is not valid before %s: clients refuse it",
                 names_of(c, names), file, date_of(c->begins_s, date));
    else if (left < 0)
        tls_tell(to, true, "certificate for %s in %s has ended on %s: clients refuse it",
                 names_of(c, names), file, date_of(c->ends_s, date));
    else if (left < DAY_S)
        tls_tell(to, true, "certificate for %s in %s ends in less than a day", names_of(c, names),
                 file);
    else
        tls_tell(to, true, "certificate for %s in %s ends in %d day%s", names_of(c, names), file,
                 (int)(left / DAY_S), left < (int64_t)2 * DAY_S ? "" : "s");
}

void tls_source_remind(struct tls_source *s, const struct tls_teller *to)
{
    const struct tls_cert *c = s->cert;
    if (!to->told || !c)
        return;
    if (!s->told_flaws)
        tell_flaws(s, to);
    bool due = s->told_expiry_s == 0 || to->now_s - s->told_expiry_s >= DAY_S;
    bool wrong = to->now_s < c->begins_s || c->ends_s - to->now_s <= notice_s(c);
    if (due && wrong)
        tell_expiry(s, to);
}
