/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that are virtual addresses are reported as the backend that really answers. Two sources: what the
 * socket hook learned (DNAT in the socket's own network namespace; such rows carry WEIR_ROW_F_NAT), and
 * connection tracking of this namespace (DNAT that it makes for pods).
 */
#ifndef WEIR_AGENT_NAT_H
#define WEIR_AGENT_NAT_H

#include "agent/probe.h"
#include "lib/ds/lpm.h"

struct nat;
int nat_new(struct probe *p, size_t max, struct nat **ret);
void nat_free(struct nat *n);
/* Several times a second: what connection tracking has new is put where the kernel decides by it, and the
 * rows concerned are decided anew. O(rows) when there is something new. */
void nat_follow(struct nat *n, const struct rows *rows, uint32_t now);
/* Once per window, before rows are read. */
void nat_window(struct nat *n);
/* A virtual peer of the row becomes the backend; any other stays. */
void nat_peer(const struct nat *n, const struct weir_row *row, struct weir_addr *peer, uint16_t *port);
/* Removes what the socket hook learned and no row needs any more. O(rows + translations). */
int nat_sweep(struct nat *n, const struct rows *rows, uint32_t now);
/* Translations that connection tracking told of and that found no room. */
uint64_t nat_refused(const struct nat *n);

#endif
