/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The row table: find, claim by compare-and-swap, count. A row's key never changes while it is LIVE;
 * counters only grow. When no slot is free the packet is counted in a total, and when that fails in a
 * spill row, so that no byte is ever lost to a full table.
 */
#ifndef WEIR_ROWS_H
#define WEIR_ROWS_H

const volatile __u32 weir_flow_mask = 0;  /* flow_rows - 1 */
const volatile __u32 weir_total_mask = 0; /* total_rows - 1 */

static __always_inline __u32 weir_hash(const struct weir_row *k)
{
	const __u64 *a = (const __u64 *)k->local, *b = (const __u64 *)k->remote;
	__u64 h = a[0] ^ (a[1] * 0x9e3779b97f4a7c15ull);

	h = (h ^ b[0]) * 0xff51afd7ed558ccdull;
	h = (h ^ (h >> 33) ^ b[1]) * 0xc4ceb9fe1a85ec53ull;
	h ^= ((__u64)k->lport_be << 48) | ((__u64)k->rport_be << 32) | k->workload;
	h = (h ^ (h >> 29)) * 0x9e3779b97f4a7c15ull;
	h ^= ((__u64)k->ifindex << 16) | (k->proto << 8) | k->dir;
	h = (h ^ (h >> 32)) * 0xff51afd7ed558ccdull;
	return h >> 32;
}

/* Same flow whatever the verdict. */
static __always_inline bool weir_same(const struct weir_row *r, const struct weir_row *k)
{
	const __u64 *ra = (const __u64 *)r->local, *ka = (const __u64 *)k->local;
	const __u64 *rb = (const __u64 *)r->remote, *kb = (const __u64 *)k->remote;

	return r->workload == k->workload && ra[0] == ka[0] && ra[1] == ka[1] && rb[0] == kb[0] &&
	       rb[1] == kb[1] && r->lport_be == k->lport_be && r->rport_be == k->rport_be &&
	       r->proto == k->proto && r->dir == k->dir && r->ifindex == k->ifindex;
}

static __always_inline struct weir_row *weir_row_at(__u32 i)
{
	return bpf_map_lookup_elem(&weir_rows, &i);
}

/* The row whose verdict is in force (not a rate drop's) at this generation; NULL. */
static __always_inline struct weir_row *weir_find_current(const struct weir_row *k, __u32 hash)
{
	for (__u32 i = 0; i < WEIR_PROBES; i++) {
		struct weir_row *r = weir_row_at((hash + i) & weir_flow_mask);

		if (r && r->state == WEIR_ROW_LIVE && r->gen == k->gen &&
		    r->verdict != WEIR_V_LIMITED && r->verdict != WEIR_V_WOULD_LIMIT && weir_same(r, k))
			return r;
	}
	return NULL;
}

/* Any row of the flow, whatever verdict and generation; NULL. */
static __always_inline struct weir_row *weir_find_any(const struct weir_row *k, __u32 hash)
{
	for (__u32 i = 0; i < WEIR_PROBES; i++) {
		struct weir_row *r = weir_row_at((hash + i) & weir_flow_mask);

		if (r && r->state == WEIR_ROW_LIVE && weir_same(r, k))
			return r;
	}
	return NULL;
}

static __always_inline bool weir_claim(struct weir_row *r, const struct weir_row *k)
{
	if (__sync_val_compare_and_swap(&r->state, WEIR_ROW_FREE, WEIR_ROW_CLAIMED) != WEIR_ROW_FREE)
		return false;
	/* All but the state and the counters, which are zero in a free row and may only grow. */
	__builtin_memcpy((__u8 *)r + 4, (const __u8 *)k + 4, offsetof(struct weir_row, bytes) - 4);
	__sync_lock_test_and_set(&r->state, WEIR_ROW_LIVE);
	return true;
}

static __always_inline struct weir_row *weir_find_or_claim(const struct weir_row *k, __u32 hash)
{
	for (__u32 i = 0; i < WEIR_PROBES; i++) {
		struct weir_row *r = weir_row_at((hash + i) & weir_flow_mask);

		if (!r)
			break;
		if (r->state == WEIR_ROW_LIVE && r->verdict == k->verdict && weir_same(r, k)) {
			r->gen = k->gen;
			r->rule = k->rule;
			r->limit = k->limit;
			return r;
		}
		if (r->state == WEIR_ROW_FREE && weir_claim(r, k))
			return r;
	}
	return NULL;
}

/* k becomes the key of a total: detail is cut, workload, class, direction, verdict, interface stay. */
static __always_inline struct weir_row *weir_find_total(struct weir_row *k)
{
	__u32 first = weir_flow_mask + 1, hash;

	__builtin_memset(k->local, 0, sizeof(k->local));
	__builtin_memset(k->remote, 0, sizeof(k->remote));
	k->lport_be = k->rport_be = 0;
	k->proto = 0;
	k->flags = (k->flags & WEIR_ROW_F_INIT_LOCAL) | WEIR_ROW_F_TOTAL;
	hash = weir_hash(k) + k->peer_class * 31 + k->verdict;
	for (__u32 i = 0; i < WEIR_TOTAL_PROBES; i++) {
		struct weir_row *r = weir_row_at(first + ((hash + i) & weir_total_mask));

		if (!r)
			break;
		if (r->state == WEIR_ROW_LIVE && r->verdict == k->verdict &&
		    r->peer_class == k->peer_class && weir_same(r, k))
			return r;
		if (r->state == WEIR_ROW_FREE && weir_claim(r, k))
			return r;
	}
	return NULL;
}

static __always_inline void weir_row_add(struct weir_row *r, const struct weir_packet *p, __u32 now_s)
{
	__sync_fetch_and_add(&r->bytes, p->bytes);
	__sync_fetch_and_add(&r->packets, p->packets);
	if (r->seen_s != now_s)
		r->seen_s = now_s;
}

/* Counts the packet under k (with verdict); k may be cut to a total on the way. */
__noinline int weir_count_slow(struct weir_row *k, const struct weir_packet *p)
{
	struct weir_row *r;

	if (!k || !p)
		return 0;
	r = weir_find_total(k);
	if (r) {
		weir_drop(WEIR_D_FOLDED, p->bytes, p->packets);
	} else {
		weir_drop(WEIR_D_SPILLED, p->bytes, p->packets);
		r = weir_row_at(weir_flow_mask + weir_total_mask + 2 + k->dir * WEIR_VERDICTS + k->verdict);
	}
	if (r)
		weir_row_add(r, p, k->seen_s);
	return 0;
}

#endif
