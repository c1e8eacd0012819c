// SPDX-License-Identifier: MIT
// Heads that are received: their memory, their fields one by one, their limits.
#include <stdlib.h>
#include "mux_internal.h"

enum {
    FIELD_EXTRA = 4 // of a field line of HTTP/1.1, beside name and value
};

// Without a scratch the mux keeps its memory.
static bool reserve_head(struct mux *m)
{
    struct mux_scratch *scratch = m->scratch;
    if (!m->head && scratch) {
        m->head = scratch->head;
        scratch->head = NULL;
    }
    if (!m->text && scratch) {
        m->text = scratch->text;
        scratch->text = NULL;
    }
    if (!m->head)
        m->head = malloc(sizeof(*m->head));
    if (!m->text)
        m->text = malloc(MUX_HEAD_MAX);
    return m->head && m->text;
}

void mux_head_release(struct mux *m)
{
    struct mux_scratch *scratch = m->scratch;
    if (!scratch || m->head_open)
        return;
    if (!scratch->head) {
        scratch->head = m->head;
        m->head = NULL;
    }
    if (!scratch->text) {
        scratch->text = m->text;
        m->text = NULL;
    }
    free(m->head);
    free(m->text);
    m->head = NULL;
    m->text = NULL;
}

void mux_scratch_free(struct mux_scratch *scratch)
{
    free(scratch->head);
    free(scratch->text);
    *scratch = (struct mux_scratch){0};
}

bool mux_is_in_head(const struct mux *m)
{
    return m->head_open || (m->role == MUX_SERVER && m->last_id == 0 && m->frame_left > 0);
}

bool mux_head_begin(struct mux *m)
{
    m->text_len = m->head_size = 0;
    m->head_cut = m->head_fields = false;
    if (!reserve_head(m))
        return false;
    head_init(m->head);
    return true;
}

static struct slice text_add(struct mux *m, struct slice bytes)
{
    char *at = m->text + m->text_len;
    if (bytes.len > 0)
        memcpy(at, bytes.p, bytes.len);
    m->text_len += bytes.len;
    return slice_of(at, bytes.len);
}

static bool take_status(struct slice value, struct http_head *head)
{
    uint64_t status = 0;
    if (value.len != 3 || !slice_to_u64(value, &status) || status < 100)
        return false;
    head->status = (uint16_t)status;
    return true;
}

static bool take_pseudo(bool is_public, struct slice name, struct slice value,
                        struct http_head *head)
{
    struct slice *to = NULL;
    if (slice_eq(name, SLICE(":status")))
        return head->status == 0 && take_status(value, head);
    if (slice_eq(name, SLICE(":method")))
        to = &head->method;
    else if (slice_eq(name, SLICE(":scheme")))
        to = &head->scheme;
    else if (slice_eq(name, SLICE(":authority")))
        to = &head->authority;
    else if (slice_eq(name, SLICE(":path")))
        to = &head->target;
    else if (is_public && slice_eq(name, SLICE(":protocol")))
        to = &head->upgrade;
    if (!to || to->p)
        return false;
    *to = value;
    return true;
}

// Adds a field to the head being received. False when the head is malformed or has too many.
static bool take_field(struct mux *m, struct slice name, struct slice value)
{
    const struct slice upgrade_name = m->profile->upgrade_field;
    struct http_head *head = m->head;
    const bool is_public = m->profile->is_public;
    if (name.p[0] == ':')
        return !(is_public && m->head_fields) && take_pseudo(is_public, name, value, head);
    m->head_fields = true;
    if (upgrade_name.len == 0 || !slice_eq(name, upgrade_name))
        return head_add(head, name, value);
    if (head->upgrade.p)
        return false;
    head->upgrade = value;
    return true;
}

// Whether a public head with this field exceeds a limit. Crumbs of Cookie become one field.
static bool is_over(struct mux *m, struct slice name, struct slice value)
{
    const size_t most = m->limits.head_bytes;
    m->head_size += name.len + value.len + FIELD_EXTRA;
    return (most > 0 && m->head_size > most) || m->head->field_count == MESSAGE_FIELDS_CAP;
}

int mux_head_add(struct mux *m, struct slice name, struct slice value)
{
    if (m->head_broken || m->head_cut) // a few bytes of HPACK may expand to millions of fields
        return flood_budget_spend(&m->flood_budget, 1) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    const bool over = m->profile->is_public && is_over(m, name, value);
    if (over || name.len == 0 || name.len + value.len > MUX_HEAD_MAX - m->text_len) {
        m->head_cut = over;
        m->head_broken = !over;
        return 0;
    }
    struct slice kept = text_add(m, name);
    m->head_broken = !take_field(m, kept, text_add(m, value));
    return 0;
}

// Joins the crumbs to one field at the place of the first (RFC 9113 §8.2.3).
static void join_cookies(struct mux *m)
{
    struct http_head *head = m->head;
    struct field *first = NULL;
    size_t count = 0;
    size_t total = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!slice_eq(head->fields[i].name, SLICE("cookie")))
            continue;
        total += head->fields[i].value.len + 2;
        count++;
    }
    if (count < 2)
        return;
    if (total > MUX_HEAD_MAX - m->text_len) {
        m->head_cut = true;
        return;
    }
    size_t kept = 0;
    const size_t start = m->text_len;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field f = head->fields[i];
        const bool crumb = slice_eq(f.name, SLICE("cookie"));
        if (crumb && first)
            (void)text_add(m, SLICE("; "));
        if (crumb)
            (void)text_add(m, f.value);
        if (!crumb || !first)
            head->fields[kept++] = f;
        if (crumb && !first)
            first = &head->fields[kept - 1];
    }
    first->value = slice_of(m->text + start, m->text_len - start);
    head->field_count = kept;
}

void mux_head_finish(struct mux *m)
{
    const size_t most = m->limits.head_fields;
    if (!m->profile->is_public)
        return;
    join_cookies(m);
    if (most > 0 && m->head->field_count > most)
        m->head_cut = true;
}
