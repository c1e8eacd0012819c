// SPDX-License-Identifier: MIT
// Requests to a folder: each is opened by a thread, then read by threads a piece at a time, for
// which the visitor has credit.
#include <errno.h>
#include <stdlib.h>
#include "common/base/folder.h"
#include "files_internal.h"

static struct files_request *files_request_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct files_request, endpoint);
}

// Sets the request's share of the bytes that all listings may have.
static void set_page_bytes(struct files_request *r, size_t bytes)
{
    r->files->page_bytes += bytes - r->page_bytes;
    r->page_bytes = bytes;
}

static void on_free(struct loop_task *task)
{
    struct files_request *r = container_of(task, struct files_request, free_task);
    folder_close(r->fd);
    free(r->request);
    free(r->piece);
    buf_free(&r->page);
    free(r);
}

// The only way a request ends, once it is detached from its exchange.
static void end(struct files_request *r)
{
    if (!r->closed)
        r->files->running--;
    r->closed = true;
    if (r->works)
        return;
    if (r->waits)
        list_remove(&r->files->waiting, &r->in_waiting);
    r->waits = false;
    set_page_bytes(r, 0);
    r->free_task.run = on_free;
    loop_queue(r->files->loop, &r->free_task);
}

static void refuse(struct files_request *r, enum answer answer)
{
    exchange_refuse(&r->endpoint, answer, EXCHANGE_REFUSED);
    end(r);
}

// Hands the request to a thread.
static void start_work(struct files_request *r, uv_work_cb run, uv_after_work_cb done)
{
    r->works = uv_queue_work(&r->files->loop->uv, &r->work, run, done) == 0;
    if (!r->works)
        refuse(r, ANSWER_BUSY);
}

static void finish(struct files_request *r)
{
    exchange_finish(&r->endpoint, NULL);
    if (!r->endpoint.x) // whole, and `closed` has been called
        return;
    exchange_detach(&r->endpoint);
    end(r);
}

static void send_more(struct files_request *r);

static void on_read(uv_work_t *work)
{
    struct files_request *r = container_of(work, struct files_request, work);
    ssize_t n = folder_read(r->fd, r->piece, r->asked, r->range.first);
    r->error = n < 0 ? (int)n : 0;
    r->got = n < 0 ? 0 : (size_t)n;
}

static void on_piece(uv_work_t *work, int status)
{
    struct files_request *r = container_of(work, struct files_request, work);
    (void)status;
    r->works = false;
    if (r->closed) {
        end(r);
        return;
    }
    if (r->got == 0) { // cut short: a response of the right length would hide that
        exchange_set_detail(&r->endpoint, r->error ? "the file cannot be read any more"
                                                   : "the file became shorter while it was sent");
        exchange_abort(&r->endpoint, EXCHANGE_UPSTREAM_GONE);
        end(r);
        return;
    }
    r->range.first += r->got;
    r->sends = true; // a thread that reads the next piece would overwrite this one
    exchange_data(&r->endpoint, r->piece, r->got);
    r->sends = false;
    send_more(r);
}

// The bytes that may be sent at once.
static size_t next_len(const struct files_request *r)
{
    int64_t credit = exchange_may_send(&r->endpoint);
    uint64_t left = r->range.end - r->range.first;
    uint64_t len = left < FILES_PIECE_BYTES ? left : FILES_PIECE_BYTES;
    return credit <= 0 ? 0 : (uint64_t)credit < len ? (size_t)credit : (size_t)len;
}

static void send_page(struct files_request *r)
{
    r->sends = true;
    while (r->endpoint.x && next_len(r) > 0) {
        size_t len = next_len(r);
        const char *at = buf_at(&r->page) + r->range.first;
        r->range.first += len;
        exchange_data(&r->endpoint, at, len);
    }
    r->sends = false;
}

// Sends what there is credit for, in order: the page from memory, or the next piece of the file.
static void send_more(struct files_request *r)
{
    if (r->closed || r->works || !r->endpoint.x)
        return;
    if (r->found == FILES_FOUND_PAGE)
        send_page(r);
    if (!r->endpoint.x)
        return;
    if (r->range.first == r->range.end) {
        finish(r);
        return;
    }
    r->asked = next_len(r);
    if (r->asked == 0 || r->found == FILES_FOUND_PAGE)
        return;
    r->piece = r->piece ? r->piece : malloc(FILES_PIECE_BYTES);
    if (r->piece)
        start_work(r, on_read, on_piece);
    else
        refuse(r, ANSWER_BUSY);
}

static enum answer answer_of(int error)
{
    switch (-error) {
    case EACCES:
    case EPERM: return ANSWER_FILE_FORBIDDEN;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN: return ANSWER_BUSY;
    default: return ANSWER_FILE_NOT_FOUND;
    }
}

// Answers with what was found, or with why nothing was.
static void respond(struct files_request *r)
{
    if (r->found == FILES_FOUND_NONE) {
        refuse(r, answer_of(r->error));
    } else if (r->found == FILES_FOUND_NO_INDEX) {
        exchange_set_detail(&r->endpoint, "the folder has no index.html (--file-listing lists it)");
        refuse(r, ANSWER_FILE_NOT_FOUND);
    } else {
        (void)files_send_head(r);
        r->answered = true;
        if (!r->endpoint.x && !r->closed) // refused
            end(r);
        send_more(r);
    }
}

static void on_list(uv_work_t *work)
{
    files_list(container_of(work, struct files_request, work));
}

static void on_listed(uv_work_t *work, int status);

// Has a thread make the listing, or lets it wait for its turn. Room for the longest page is taken
// beforehand, as several may be ready before the loop sees any.
static void make_page(struct files_request *r)
{
    struct files *f = r->files;
    r->waits = f->making == FILES_MAKING_MAX;
    if (r->waits) {
        list_append(&f->waiting, &r->in_waiting);
        return;
    }
    if (f->page_bytes + FILES_LISTING_BYTES > FILES_PAGES_MAX) {
        refuse(r, ANSWER_BUSY);
        return;
    }
    set_page_bytes(r, FILES_LISTING_BYTES);
    start_work(r, on_list, on_listed);
    f->making += r->works;
}

static void make_next(struct files *f)
{
    while (f->making < FILES_MAKING_MAX && f->waiting.first) {
        struct list_link *link = list_take_first(&f->waiting);
        make_page(LIST_ITEM(link, struct files_request, in_waiting));
    }
}

static void on_listed(uv_work_t *work, int status)
{
    struct files_request *r = container_of(work, struct files_request, work);
    struct files *f = r->files;
    (void)status;
    r->works = false;
    f->making--;
    set_page_bytes(r, r->page.cap);
    if (r->closed)
        end(r);
    else
        respond(r);
    make_next(f);
}

static void on_open(uv_work_t *work)
{
    files_open(container_of(work, struct files_request, work));
}

static void on_opened(uv_work_t *work, int status)
{
    struct files_request *r = container_of(work, struct files_request, work);
    (void)status;
    r->works = false;
    if (r->closed) {
        end(r);
        return;
    }
    r->endpoint.x->facts.connect_ns = uv_hrtime() - r->opened_ns;
    if (r->found == FILES_FOUND_PAGE)
        make_page(r);
    else
        respond(r);
}

static void endpoint_head(struct exchange_endpoint *endpoint, const struct http_head *head,
                          const struct body_framing *framing)
{
    struct files_request *r = files_request_of(endpoint);
    (void)framing;
    r->opened_ns = uv_hrtime();
    r->asks_head = endpoint->x->asks_head;
    if (!slice_eq(head->method, SLICE("GET")) && !slice_eq(head->method, SLICE("HEAD")))
        refuse(r, ANSWER_FILE_METHOD);
    else if (!files_path_read(head->target, &r->path))
        refuse(r, ANSWER_FILE_NOT_FOUND);
    else if (!(r->request = head_copy_new(head)))
        refuse(r, ANSWER_BUSY);
    else
        start_work(r, on_open, on_opened);
}

// A request's body has no effect.
static void endpoint_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len)
{
    (void)bytes;
    exchange_credit(endpoint, len);
}

static void endpoint_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers)
{
    (void)endpoint;
    (void)trailers;
}

static void endpoint_credit(struct exchange_endpoint *endpoint, size_t len)
{
    struct files_request *r = files_request_of(endpoint);
    (void)len;
    if (r->answered && !r->sends)
        send_more(r);
}

static void endpoint_closed(struct exchange_endpoint *endpoint, const struct exchange *x,
                            enum exchange_outcome why)
{
    (void)x;
    (void)why;
    end(files_request_of(endpoint));
}

static bool attach(struct outbound *o, struct exchange *x, enum answer *why)
{
    static const struct exchange_ops ops = {
        .head = endpoint_head,
        .data = endpoint_data,
        .finish = endpoint_finish,
        .credit = endpoint_credit,
        .closed = endpoint_closed,
    };
    struct files *f = container_of(o, struct files, outbound);
    struct files_request *r = f->running < FILES_RUNNING_MAX ? calloc(1, sizeof(*r)) : NULL;
    *why = ANSWER_BUSY;
    if (!r)
        return false;
    r->endpoint.ops = &ops;
    r->files = f;
    r->fd = -1;
    f->running++;
    x->facts.upstream = f->name;
    exchange_attach(x, &r->endpoint);
    return true;
}

void files_init(struct files *f, struct loop *l, int folder, const char *name)
{
    static const struct outbound_ops ops = {attach};
    *f = (struct files){.outbound.ops = &ops, .loop = l, .folder = folder, .name = name};
}

void files_deinit(struct files *f)
{
    outbound_end(&f->outbound, ANSWER_UPSTREAM_UNREACHABLE);
}
