// SPDX-License-Identifier: MIT
// The inbound of public HTTP/1.1: one visitor's connection, which carries one exchange after the
// other (RFC 9112 §9). These functions are for the handler of an edge_set (edge_set.h).
#pragma once
#include "common/exchange/exchange.h"
#include "common/io/conn.h"

struct client_address;
struct edge;

struct exchange_endpoint *edge_endpoint(struct edge *e);
// The client of the current request, as an address and as text without port: the connection's peer,
// or the client that a trusted proxy names.
const struct client_address *edge_client(const struct edge *e);
struct slice edge_visitor(const struct edge *e);
// The visitor's scheme by a trusted proxy's fields; `otherwise` when they name none.
const char *edge_scheme(const struct edge *e, const char *otherwise);
// Takes the connection from the edge, which ends; bytes behind the head stay in conn_in. The
// exchange is discarded, and the head's slices become invalid. The connection leaves admission and
// counts in `taken` of the set until it is gone.
struct conn *edge_take(struct edge *e);
