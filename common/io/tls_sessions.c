// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tls_internal.h"

static void remove_at(struct tls_sessions *s, size_t at)
{
    free(s->list[at].name);
    SSL_SESSION_free(s->list[at].session);
    s->count--;
    memmove(&s->list[at], &s->list[at + 1], (s->count - at) * sizeof(s->list[0]));
}

// Makes room for one more of this name: without the oldest one of the name, or of all.
static void make_room(struct tls_sessions *s, const char *name)
{
    size_t of_name = 0;
    size_t oldest = 0;
    for (size_t i = s->count; i-- > 0;) {
        if (strcmp(s->list[i].name, name) != 0)
            continue;
        of_name++;
        oldest = i;
    }
    if (of_name >= TLS_SESSIONS_OF_NAME)
        remove_at(s, oldest);
    else if (s->count == TLS_SESSIONS)
        remove_at(s, 0);
}

bool tls_sessions_put(struct tls_sessions *s, const char *name, SSL_SESSION *session)
{
    char *copy = strdup(name);
    if (!copy)
        return false;
    make_room(s, name);
    s->list[s->count++] = (struct tls_session){.name = copy, .session = session};
    return true;
}

static bool is_usable(const SSL_SESSION *session)
{
    return SSL_SESSION_is_resumable(session) &&
           (long)time(NULL) - SSL_SESSION_get_time(session) < SSL_SESSION_get_timeout(session);
}

SSL_SESSION *tls_sessions_take(struct tls_sessions *s, const char *name)
{
    for (size_t i = s->count; i-- > 0;) {
        SSL_SESSION *session = s->list[i].session;
        if (strcmp(s->list[i].name, name) != 0)
            continue;
        bool usable = is_usable(session);
        if (usable)
            (void)SSL_SESSION_up_ref(session);
        if (!usable || SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
            remove_at(s, i);
        if (usable)
            return session;
    }
    return NULL;
}

void tls_sessions_renew(struct tls_sessions *s, const char *name, SSL_SESSION *session)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].session == session)
            return;
    if (SSL_SESSION_up_ref(session) && !tls_sessions_put(s, name, session))
        SSL_SESSION_free(session);
}

void tls_sessions_deinit(struct tls_sessions *s)
{
    while (s->count > 0)
        remove_at(s, s->count - 1);
}
