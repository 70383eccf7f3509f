/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The row tables: find, claim by compare-and-swap, count. A row's key never changes while it is LIVE;
 * counters only grow. When no slot is free the packet is counted in a total, and when that fails in a
 * spill row, so that no byte is ever lost to a full table.
 *
 * A row's slot follows from addresses, ports, protocol, direction and interface. Whose it is is not
 * hashed: a hit compares the packet's cgroup with that of the row's workload, one array read instead
 * of a hash lookup per packet.
 */
#ifndef WEIR_ROWS_H
#define WEIR_ROWS_H

const volatile __u32 weir_flow_mask = 0;  /* flow_rows - 1 */
const volatile __u32 weir_flow6_mask = 0; /* flow_rows6 - 1 */
const volatile __u32 weir_total_mask = 0; /* total_rows - 1 */

/* `v6` is a constant at every call below: each family gets code of its own, on its own table. */

enum weir_opener { WEIR_OPENER_UNKNOWN, WEIR_OPENER_LOCAL, WEIR_OPENER_PEER };
/* A socket of the agent's network namespace (or this is not known yet), of another's; no socket at all. */
enum weir_place { WEIR_AT_SOCKET, WEIR_AT_FOREIGN, WEIR_ON_PASSAGE };

/* What identifies a flow of one direction; local and remote as the workload sees them. */
struct weir_tuple {
	__u64 local[2], remote[2]; /* IPv4: [0] only, the address in its low 32 bits, as on the wire */
	__u64 cgroup;
	__u64 active; /* weir_ctl.active as it is for this packet */
	union {
		struct {
			__be16 lport_be, rport_be;
		};
		__u32 ports; /* both, as in a row */
	};
	union {
		struct {
			__u8 proto, dir;
		};
		__u16 way; /* both, as in a row */
	};
	__u8 opener; /* weir_opener, as far as the packet alone tells */
	__u8 place;  /* weir_place */
	__u32 ifindex;
	__u32 hash;
};

static __always_inline __u64 weir_mix(__u64 h, __u64 v)
{
	h = (h ^ v) * 0xff51afd7ed558ccdull;
	return h ^ (h >> 32);
}

/* The last bytes of an address are its upper bits here: bring them down. */
static __always_inline __u64 weir_fold(__u64 v)
{
	return v ^ (v >> 32);
}

/*
 * Multiply-add: the products are computed side by side, and the upper half of their sum is taken. What
 * differs most between flows (ports, direction) stands in the lower bits, which reach all of it.
 */
static __always_inline __u32 weir_hash(const struct weir_tuple *t, bool v6)
{
	__u64 rest = t->ports | (__u64)t->dir << 32 | (__u64)(t->ifindex & 0x3fffff) << 33 |
		     (__u64)t->proto << 55;
	__u64 h = rest * 0xff51afd7ed558ccdull;

	if (v6)
		h += weir_fold(t->local[0]) * 0x9e3779b97f4a7c15ull + weir_fold(t->local[1]) * 0xc4ceb9fe1a85ec53ull +
		     weir_fold(t->remote[0]) * 0xd6e8feb86659fd93ull + weir_fold(t->remote[1]) * 0xa0761d6478bd642full;
	else
		h += t->local[0] * 0x9e3779b97f4a7c15ull + t->remote[0] * 0xd6e8feb86659fd93ull;
	return h >> 32;
}

static __always_inline __u64 weir_cgroup_of(__u32 workload)
{
	__u64 *id = bpf_map_lookup_elem(&weir_cgroups, &workload);

	return id ? *id : ~0ull;
}

/* Several fields of a row at once: they stand side by side in a tuple too. */
#define WEIR_ROW_PORTS(r) (*(const __u32 *)&(r)->lport_be)
#define WEIR_ROW_WAY(r) (*(const __u16 *)&(r)->proto)

/* Same ports and interface of a live row, whatever the verdict. The caller compared the addresses. */
static __always_inline bool weir_same(const struct weir_row *r, const struct weir_tuple *t)
{
	return WEIR_ROW_PORTS(r) == t->ports && WEIR_ROW_WAY(r) == t->way && r->state == WEIR_ROW_LIVE &&
	       r->ifindex == t->ifindex;
}

static __always_inline bool weir_of_cgroup(const struct weir_row *r, const struct weir_tuple *t)
{
	return weir_cgroup_of(r->workload) == t->cgroup;
}

static __always_inline struct weir_row4 *weir_row4_at(__u32 i)
{
	return bpf_map_lookup_elem(&weir_rows4, &i);
}

/* The row in slot i of the flow's table; *ret_same: it is this flow's and live, of whichever workload. */
static __always_inline struct weir_row *weir_slot(const struct weir_tuple *t, bool v6, __u32 i,
						   bool *ret_same)
{
	*ret_same = false;
	if (v6) {
		struct weir_row6 *r;

		i &= weir_flow6_mask;
		r = bpf_map_lookup_elem(&weir_rows6, &i);
		if (!r)
			return NULL;
		*ret_same = *(__u64 *)r->remote == t->remote[0] && *(__u64 *)(r->remote + 8) == t->remote[1] &&
			    *(__u64 *)r->local == t->local[0] && *(__u64 *)(r->local + 8) == t->local[1] &&
			    weir_same(&r->h, t);
		return &r->h;
	} else {
		struct weir_row4 *r = weir_row4_at(i & weir_flow_mask);

		if (!r)
			return NULL;
		*ret_same = *(__u32 *)r->remote == (__u32)t->remote[0] && *(__u32 *)r->local == (__u32)t->local[0] &&
			    weir_same(&r->h, t);
		return &r->h;
	}
}

/* The row whose verdict is in force (not a rate drop's) at this generation; NULL. */
static __always_inline struct weir_row *weir_find_current(const struct weir_tuple *t, bool v6)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < WEIR_PROBES; i++) {
		bool same;
		struct weir_row *r = weir_slot(t, v6, t->hash + i, &same);

		if (r && same && weir_of_cgroup(r, t) && r->gen == WEIR_A_GEN(t->active) && r->verdict != WEIR_V_LIMITED && r->verdict != WEIR_V_WOULD_LIMIT)
			return r;
	}
	return NULL;
}

/*
 * The same for a packet that needs nothing but to be counted. A row of a rate drop has a limit, as has every
 * row of its flow of that generation: what is found first is enough. known: the workload's index is, else its
 * cgroup tells.
 */
static __always_inline struct weir_row *weir_hit_at(const struct weir_tuple *t, __u32 i, bool v6, bool known,
						     __u32 workload)
{
	bool same;
	struct weir_row *r = weir_slot(t, v6, t->hash + i, &same);

	if (!same || r->gen != WEIR_A_GEN(t->active) || (known ? r->workload != workload : !weir_of_cgroup(r, t)))
		return NULL;
	return r;
}

/* Out of line and with a tuple of its own, so that the first look needs neither loop nor stack. */
static __noinline struct weir_row *weir_hit_on(const struct weir_tuple *t, bool v6, bool known, __u32 workload)
{
	struct weir_row *r = NULL;

#pragma clang loop unroll(disable)
	for (__u32 i = 1; !r && i < WEIR_PROBES; i++)
		r = v6 ? weir_hit_at(t, i, true, known, workload) : weir_hit_at(t, i, false, known, workload);
	return r;
}

/* NULL: the long way. */
static __always_inline struct weir_row *weir_find_hit(const struct weir_tuple *t, bool v6, bool known, __u32 workload)
{
	struct weir_row *r = weir_hit_at(t, 0, v6, known, workload);

	if (!r) {
		struct weir_tuple copy = *t;

		r = weir_hit_on(&copy, v6, known, workload);
	}
	return r && !r->limit ? r : NULL;
}

/* Any row of the flow, whatever verdict and generation; NULL. */
static __always_inline struct weir_row *weir_find_any(const struct weir_tuple *t, bool v6)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < WEIR_PROBES; i++) {
		bool same;
		struct weir_row *r = weir_slot(t, v6, t->hash + i, &same);

		if (r && same && weir_of_cgroup(r, t))
			return r;
	}
	return NULL;
}

/* All but the state and the counters, which are zero in a free row and may only grow. */
static __always_inline bool weir_claim_head(struct weir_row *r, const struct weir_row *k)
{
	if (__sync_val_compare_and_swap(&r->state, WEIR_ROW_FREE, WEIR_ROW_CLAIMED) != WEIR_ROW_FREE)
		return false;
	/* Words, because a copy of bytes is made byte by byte. */
	for (__u32 i = 1; i < offsetof(struct weir_row, bytes) / 4; i++)
		((__u32 *)r)[i] = ((const __u32 *)k)[i];
	return true;
}

static __always_inline bool weir_claim(struct weir_row *r, const struct weir_row *k, const struct weir_tuple *t,
				       bool v6)
{
	if (!weir_claim_head(r, k))
		return false;
	if (v6) {
		struct weir_row6 *r6 = (struct weir_row6 *)r;

		*(__u64 *)r6->local = t->local[0];
		*(__u64 *)(r6->local + 8) = t->local[1];
		*(__u64 *)r6->remote = t->remote[0];
		*(__u64 *)(r6->remote + 8) = t->remote[1];
	} else {
		struct weir_row4 *r4 = (struct weir_row4 *)r;

		*(__u32 *)r4->local = t->local[0];
		*(__u32 *)r4->remote = t->remote[0];
	}
	__sync_lock_test_and_set(&r->state, WEIR_ROW_LIVE);
	return true;
}

/* Brings a row to the key's generation. One CPU at a time: of two that came under different generations
 * at once, the row would keep the number of one and the rule and limit of the other. */
static __always_inline void weir_renew(struct weir_row *r, const struct weir_row *k)
{
	__u32 was = *(volatile __u32 *)&r->gen;

	if (was == k->gen || was == WEIR_GEN_BUSY ||
	    __sync_val_compare_and_swap(&r->gen, was, WEIR_GEN_BUSY) != was)
		return;
	r->rule = k->rule;
	r->limit = k->limit;
	r->peer_class = k->peer_class;
	/* Last: who finds the new generation finds what belongs to it. */
	__sync_lock_test_and_set(&r->gen, k->gen);
}

/* The flow's row of this verdict, brought to the key's generation; a new one if there is none; NULL
 * when all slots are taken. */
static __always_inline struct weir_row *weir_find_or_claim(const struct weir_row *k, const struct weir_tuple *t,
							    bool v6)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < WEIR_PROBES; i++) {
		bool same;
		struct weir_row *r = weir_slot(t, v6, t->hash + i, &same);

		if (!r)
			break;
		if (same && weir_of_cgroup(r, t) && r->verdict == k->verdict) {
			weir_renew(r, k);
			return r;
		}
		if (r->state == WEIR_ROW_FREE && weir_claim(r, k, t, v6))
			return r;
	}
	return NULL;
}

static __always_inline bool weir_same_total(const struct weir_row *r, const struct weir_row *k)
{
	return r->state == WEIR_ROW_LIVE && r->verdict == k->verdict && r->peer_class == k->peer_class &&
	       r->workload == k->workload && r->dir == k->dir && r->ifindex == k->ifindex &&
	       r->flags == k->flags;
}

/* Detail is cut from k: workload, class, direction, verdict, interface and who opened it stay. */
static __always_inline struct weir_row *weir_find_total(struct weir_row *k)
{
	__u32 first = weir_flow_mask + 1, hash;

	k->lport_be = k->rport_be = 0;
	k->proto = 0;
	k->flags = (k->flags & (WEIR_ROW_F_INIT_LOCAL | WEIR_ROW_F_FOREIGN)) | WEIR_ROW_F_TOTAL;
	hash = weir_mix(((__u64)k->workload << 32 | k->peer_class) * 0x9e3779b97f4a7c15ull,
			((__u64)k->ifindex << 16) | (k->verdict << 8) | (k->flags << 1) | k->dir);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < WEIR_TOTAL_PROBES; i++) {
		struct weir_row4 *r = weir_row4_at(first + ((hash + i) & weir_total_mask));

		if (!r)
			break;
		if (weir_same_total(&r->h, k))
			return &r->h;
		if (r->h.state == WEIR_ROW_FREE && weir_claim_head(&r->h, k)) {
			*(__u64 *)r->local = 0;
			__sync_lock_test_and_set(&r->h.state, WEIR_ROW_LIVE);
			return &r->h;
		}
	}
	return NULL;
}

static __always_inline void weir_row_add(struct weir_row *r, __u32 bytes, __u32 packets)
{
	__sync_fetch_and_add(&r->bytes, bytes);
	__sync_fetch_and_add(&r->packets, packets);
}

/* Counts the packet in a total of the row that found no slot; k is cut to it. */
__noinline int weir_count_total(struct weir_row *k, const struct weir_packet *p)
{
	struct weir_row *r;
	__u8 dir, verdict;

	if (!k || !p)
		return 0;
	dir = k->dir;
	verdict = k->verdict;
	r = weir_find_total(k);
	if (r) {
		weir_drop(WEIR_D_FOLDED, p->bytes, p->packets);
	} else {
		struct weir_row4 *spill = weir_row4_at(weir_flow_mask + weir_total_mask + 2 + dir * WEIR_VERDICTS + verdict);

		weir_drop(WEIR_D_SPILLED, p->bytes, p->packets);
		r = spill ? &spill->h : NULL;
	}
	if (r)
		weir_row_add(r, p->bytes, p->packets);
	return 0;
}

#endif
