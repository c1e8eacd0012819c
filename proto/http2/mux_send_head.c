// SPDX-License-Identifier: MIT
// Heads and trailers that are sent.
#include <stdlib.h>
#include "mux_internal.h"

enum {
    FIELD_OVERHEAD = 32, // RFC 7541 §4.1
    INDEXED_MAX = 512,   // longest spelling worth an entry in HPACK's table
};

static nghttp2_nv nv_of(struct slice name, struct slice value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.len,
                        value.len, NGHTTP2_NV_FLAG_NONE};
}

static size_t nv_spelling(struct mux *m, nghttp2_nv *nv, const struct http_head *head)
{
    const struct mux_profile *profile = m->profile;
    if (!m->peer.spelling || !profile->spelling)
        return 0;
    struct slice value = profile->spelling(head, &m->spelling);
    if (value.len == 0)
        return 0;
    *nv = nv_of(profile->spelling_field, value);
    if (value.len > INDEXED_MAX)
        nv->flags = NGHTTP2_NV_FLAG_NO_INDEX;
    return 1;
}

// Makes room in m->nva for a head, what the mux adds to it, and a mux_beside.
static bool nv_reserve(struct mux *m, const struct http_head *head)
{
    size_t need = head->field_count + MUX_FIELDS_OWN + MUX_BESIDE_MAX;
    if (need <= m->nv_cap)
        return true;
    nghttp2_nv *nva = realloc(m->nva, 2 * need * sizeof(*nva));
    if (!nva)
        return false;
    m->nva = nva;
    m->nv_cap = 2 * need;
    return true;
}

static nghttp2_nv nv_field(const struct mux *m, const struct field *f)
{
    nghttp2_nv nv = nv_of(f->name, f->value);
    if (m->profile->is_unique && m->profile->is_unique(f->name))
        nv.flags = NGHTTP2_NV_FLAG_NO_INDEX;
    return nv;
}

// Appends the fields of a head to the `n` that are there. Returns the new count.
static size_t nv_fields(struct mux *m, size_t n, const struct http_head *head, struct slice upgrade)
{
    const struct mux_profile *profile = m->profile;
    nghttp2_nv *nva = m->nva;
    n += nv_spelling(m, nva + n, head);
    if (upgrade.len > 0 && profile->upgrade_field.len > 0)
        nva[n++] = nv_of(profile->upgrade_field, upgrade);
    for (size_t i = 0; i < head->field_count; i++)
        nva[n++] = nv_field(m, &head->fields[i]);
    return n;
}

static size_t max_fields(const struct mux *m)
{
    return m->peer.fields ? MESSAGE_FIELDS_CAP : MESSAGE_FIELDS_DEFAULT;
}

size_t mux_head_size(const nghttp2_nv *nva, size_t count)
{
    size_t size = count * FIELD_OVERHEAD;
    for (size_t i = 0; i < count; i++)
        size += nva[i].namelen + nva[i].valuelen;
    return size;
}

// The size of the head in m->nva, or 0 when the peer does not accept it: nghttp2 would drop it
// silently.
static size_t size_for_peer(const struct mux *m, const struct http_head *head, size_t count)
{
    const nghttp2_nv *nva = m->nva;
    if (head->field_count > max_fields(m))
        return 0;
    for (size_t i = 0; i < count; i++)
        if (nva[i].namelen > MUX_FIELD_MAX || nva[i].valuelen > MUX_FIELD_MAX)
            return 0;
    size_t size = mux_head_size(nva, count);
    return size <= MUX_HEAD_MAX + count * FIELD_OVERHEAD ? size : 0;
}

static size_t nv_request(struct mux *m, const struct http_head *head)
{
    nghttp2_nv *nva = m->nva;
    size_t n = 0;
    nva[n++] = nv_of(SLICE(":method"), head->method);
    nva[n++] = nv_of(SLICE(":scheme"), head->scheme.len ? head->scheme : SLICE("http"));
    nva[n++] = nv_of(SLICE(":authority"), head->authority);
    nva[n++] = nv_of(SLICE(":path"), head->target);
    return nv_fields(m, n, head, head->upgrade);
}

bool mux_submit_trailers(struct mux_stream *s)
{
    struct mux *m = s->mux;
    struct http_head head;
    head_init(&head);
    head.field_count = s->trailers->count;
    memcpy(head.fields, s->trailers->fields, s->trailers->count * sizeof(struct field));
    if (!nv_reserve(m, &head))
        return false;
    size_t count = nv_fields(m, 0, &head, head.upgrade);
    if (nghttp2_submit_trailer(m->session, s->id, m->nva, count))
        return false;
    m->heads += mux_head_size(m->nva, count);
    return true;
}

// Keeps what the response is checked by. False: out of memory.
static bool keep_request(struct mux_stream *s, const struct http_head *head)
{
    size_t len = s->mux->profile->upgrade_field.len > 0 ? head->upgrade.len : 0;
    s->to_head = slice_eq(head->method, SLICE("HEAD"));
    if (len == 0)
        return true;
    s->offer = malloc(len + 1);
    if (!s->offer)
        return false;
    memcpy(s->offer, head->upgrade.p, len);
    s->offer[len] = 0;
    return true;
}

struct mux_stream *mux_open(struct mux *m, const struct http_head *head, bool end, void *user)
{
    static const struct mux_beside nothing;
    return mux_open_beside(m, head, &nothing, end, user);
}

struct mux_stream *mux_open_beside(struct mux *m, const struct http_head *head,
                                   const struct mux_beside *beside, bool end, void *user)
{
    const struct mux_limits *limits = &m->limits;
    if (m->dead || m->draining || mux_ids_exhausted(m) || mux_is_full(m) ||
        m->unread >= limits->unread || m->heads >= limits->heads)
        return NULL;
    if (head->field_count + beside->count > max_fields(m) || !nv_reserve(m, head))
        return NULL;
    size_t count = nv_request(m, head);
    for (size_t i = 0; i < beside->count; i++)
        m->nva[count++] = nv_field(m, &beside->fields[i]);
    size_t size = size_for_peer(m, head, count);
    struct mux_stream *s = size > 0 ? mux_stream_new(m, 0, user) : NULL;
    if (!s)
        return NULL;
    s->head_sent = true;
    s->finished = end;
    if (keep_request(s, head))
        s->id = nghttp2_submit_request(m->session, NULL, m->nva, count, end ? NULL : &m->body, s);
    if (s->id <= 0) {
        mux_stream_free(s);
        return NULL;
    }
    m->heads += size;
    return s;
}

static int respond_final(struct mux_stream *s, size_t count, bool end)
{
    struct mux *m = s->mux;
    s->head_sent = true;
    s->finished = end;
    return nghttp2_submit_response(m->session, s->id, m->nva, count, end ? NULL : &m->body);
}

static int respond_interim(struct mux_stream *s, size_t count)
{
    struct mux *m = s->mux;
    return nghttp2_submit_headers(m->session, NGHTTP2_FLAG_NONE, s->id, NULL, m->nva, count, NULL);
}

int mux_respond(struct mux_stream *s, const struct http_head *head, bool end)
{
    return mux_respond_dated(s, head, (struct slice){0}, end);
}

int mux_respond_dated(struct mux_stream *s, const struct http_head *head, struct slice date,
                      bool end)
{
    struct mux *m = s->mux;
    const struct mux_status sent = m->profile->status(head);
    const char status[3] = {(char)('0' + sent.status / 100), (char)('0' + sent.status / 10 % 10),
                            (char)('0' + sent.status % 10)};
    if (s->closed || s->head_sent || sent.status == 101)
        return MUX_E_PROTOCOL;
    if (!nv_reserve(m, head))
        return MUX_E_MEMORY;
    m->nva[0] = nv_of(SLICE(":status"), slice_of(status, sizeof(status)));
    size_t count = nv_fields(m, 1, head, sent.upgrade);
    if (date.len > 0 && head->field_count < max_fields(m))
        m->nva[count++] = nv_of(SLICE("date"), date);
    size_t size = size_for_peer(m, head, count);
    if (size == 0)
        return MUX_E_HEAD;
    if (sent.status < 200 && m->heads >= m->limits.heads)
        return MUX_E_FULL;
    if (sent.status < 200 ? respond_interim(s, count) : respond_final(s, count, end))
        return MUX_E_MEMORY;
    m->heads += size;
    return 0;
}

static struct mux_trailers *copy_trailers(const struct http_head *trailers)
{
    size_t count = trailers->field_count;
    size_t text = 0;
    for (size_t i = 0; i < count; i++)
        text += trailers->fields[i].name.len + trailers->fields[i].value.len;
    struct mux_trailers *copy = malloc(sizeof(*copy) + count * sizeof(struct field) + text);
    if (!copy)
        return NULL;
    char *at = (char *)(copy->fields + count);
    copy->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct field *from = &trailers->fields[i];
        struct field *to = &copy->fields[i];
        to->name = slice_of(at, from->name.len);
        memcpy(at, from->name.p, from->name.len);
        at += from->name.len;
        to->value = slice_of(at, from->value.len);
        memcpy(at, from->value.p, from->value.len);
        at += from->value.len;
    }
    return copy;
}

int mux_keep_trailers(struct mux_stream *s, const struct http_head *trailers)
{
    if (!nv_reserve(s->mux, trailers))
        return MUX_E_MEMORY;
    size_t count = nv_fields(s->mux, 0, trailers, trailers->upgrade);
    if (size_for_peer(s->mux, trailers, count) == 0)
        return MUX_E_HEAD;
    s->trailers = copy_trailers(trailers);
    return s->trailers ? 0 : MUX_E_MEMORY;
}
