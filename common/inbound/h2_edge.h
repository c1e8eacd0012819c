// SPDX-License-Identifier: MIT
// Visitors' HTTP/2 connections (RFC 9113), made of edges that turn out to be such.
#pragma once
#include "visit.h"

enum h2_recognised {
    H2_NO,
    H2_PERHAPS, // the bytes begin the preface
    H2_YES,     // by ALPN, or by the whole preface (RFC 9113 §3.3)
};

// Whether a new connection that has received bytes is one of HTTP/2.
enum h2_recognised h2_edge_recognises(const struct conn *c);
// Takes over a new connection, its place and its visitor. False when out of memory: nothing has
// changed.
bool h2_edge_begin(struct conn *c, const struct visitor *visitor, const struct visit *visit);
// Ends all of a set: their visitors get a GOAWAY.
void h2_edges_close(struct edge_set *set);
