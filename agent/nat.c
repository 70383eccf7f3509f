/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/nat.h"

#include <arpa/inet.h>

#include "agent/conntrack.h"
#include "lib/base/log.h"
#include "lib/ds/map.h"

/* From the packet out that teaches a translation to the first one back; WEIR_TICK, about seconds. */
#define NAT_KEEP 60

struct nat {
	struct probe *probe;
	struct conntrack *conntrack; /* NULL: this kernel has none */
	uint64_t refused;
	bool failing;
};

int nat_new(struct probe *p, size_t max, struct nat **ret)
{
	struct nat *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->probe = p;
	r = conntrack_new(max, &n->conntrack);
	if (r < 0)
		weir_log(WEIR_LOG_INFO, "no connection tracking (%s): behind virtual addresses that this host "
					"translates for others, backends stay unknown", strerror(-r));
	*ret = n;
	return 0;
}

void nat_free(struct nat *n)
{
	if (!n)
		return;
	conntrack_free(n->conntrack);
	free(n);
}

static void key_of(const struct weir_row *row, struct weir_nat_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	rows_addresses(row, ret->local, ret->remote);
	ret->workload = row->workload;
	ret->lport_be = row->lport_be;
	ret->rport_be = row->rport_be;
	ret->proto = row->proto;
}

/* The row's other end turns out to be virtual: its next packet is decided by the backend. */
static void translate(struct nat *n, struct weir_row *row, const struct weir_nat_key *k, struct weir_nat *to)
{
	if (probe_nat_put(n->probe, k, to)) {
		n->refused++;
		return;
	}
	__atomic_fetch_or(&row->flags, WEIR_ROW_F_NAT, __ATOMIC_RELAXED);
	__atomic_store_n(&row->gen, 0, __ATOMIC_RELEASE);
}

void nat_follow(struct nat *n, const struct rows *rows, uint32_t now)
{
	int r = n->conntrack ? conntrack_read(n->conntrack) : 0;

	if (r < 0 && !n->failing)
		weir_log_err(r, "connection tracking cannot be read; new virtual addresses stay unresolved");
	n->failing = r < 0;
	if (!n->conntrack || !conntrack_has_new(n->conntrack))
		return;
	for (size_t i = 0; i < rows->count; i++) {
		struct weir_row *row = rows_at(rows, i);
		struct weir_nat_key k;
		struct weir_nat to;

		if (__atomic_load_n(&row->state, __ATOMIC_ACQUIRE) != WEIR_ROW_LIVE || !row->rport_be)
			continue;
		key_of(row, &k);
		if (!conntrack_find_new(n->conntrack, &k, &to))
			continue;
		to.seen = now;
		translate(n, row, &k, &to);
	}
	conntrack_next_round(n->conntrack);
}

void nat_window(struct nat *n)
{
	if (n->conntrack && conntrack_forget(n->conntrack) < 0)
		weir_log(WEIR_LOG_WARN, "no memory: translations that ended are kept");
}

static bool find(const struct nat *n, const struct weir_row *row, struct weir_nat *ret)
{
	bool learned = row->flags & WEIR_ROW_F_NAT;
	struct weir_nat_key k;

	if (!learned && (!n->conntrack || !conntrack_count(n->conntrack)))
		return false;
	key_of(row, &k);
	if (learned && !probe_nat_find(n->probe, &k, ret))
		return true;
	return n->conntrack && conntrack_find(n->conntrack, &k, ret);
}

void nat_peer(const struct nat *n, const struct weir_row *row, struct weir_addr *peer, uint16_t *port)
{
	struct weir_nat to;

	if (!find(n, row, &to))
		return;
	memcpy(peer->b, to.backend, sizeof(peer->b));
	*port = ntohs(to.port_be);
}

uint64_t nat_refused(const struct nat *n)
{
	return n->refused + (n->conntrack ? conntrack_refused(n->conntrack) : 0);
}

struct sweep {
	struct probe *probe;
	struct weir_map *used;
	uint32_t now;
};

static void sweep_fini(struct sweep *s)
{
	weir_map_free(s->used, NULL);
}

static int consider(const struct weir_nat_key *k, const struct weir_nat *n, void *arg)
{
	struct sweep *s = arg;

	/* Signed: it may have been learned since `now` was read. */
	if ((int32_t)(s->now - n->seen) <= NAT_KEEP || weir_map_find(s->used, k, sizeof(*k)))
		return 0;
	return probe_nat_forget(s->probe, k);
}

int nat_sweep(struct nat *n, const struct rows *rows, uint32_t now)
{
	weir_cleanup(sweep_fini) struct sweep s = {.probe = n->probe, .now = now};
	int r = weir_map_new(&s.used);

	for (size_t i = 0; r == 0 && i < rows->count; i++) {
		const struct weir_row *row = rows_at(rows, i);
		struct weir_nat_key k;

		if (__atomic_load_n(&row->state, __ATOMIC_ACQUIRE) == WEIR_ROW_FREE || !(row->flags & WEIR_ROW_F_NAT))
			continue;
		key_of(row, &k);
		r = weir_map_put(s.used, &k, sizeof(k), n, NULL);
	}
	return r < 0 ? r : probe_each_nat(n->probe, consider, &s);
}
