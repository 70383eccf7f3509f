/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The verdict of a connection under one generation. Runs at a flow's first packet and at
 * the first one after a policy change; otherwise the row's verdict is used.
 */
#ifndef WEIR_BPF_POLICY_H
#define WEIR_BPF_POLICY_H

struct weir_outcome {
	__u32 verdict;
	__u32 rule;
	__u32 limit;	  /* index + 1 */
	__u32 limit_id;	  /* that survives generations; 0 = none */
	__u32 peer_class;
};

#define WEIR_TABLE(map, active, cap, i)                                   \
	({                                                                \
		__u32 _at = WEIR_A_SLOT(active) * (cap) + (i);            \
		(i) < (cap) ? bpf_map_lookup_elem(&(map), &_at) : NULL;   \
	})

/* Binary search among the spans lo .. hi - 1, of which the first begins at or before the address. */
static __always_inline __u32 weir_span4_class(__u32 addr, __u64 active, __u32 lo, __u32 hi)
{
	struct weir_span4 *s;

	for (int i = 0; i < 22 && hi - lo > 1; i++) {
		__u32 mid = (lo + hi) / 2;

		s = WEIR_TABLE(weir_spans4, active, weir_cap_spans, mid);
		if (s && s->start <= addr)
			lo = mid;
		else
			hi = mid;
	}
	s = WEIR_TABLE(weir_spans4, active, weir_cap_spans, lo);
	return s ? s->class : 0;
}

static __always_inline __u32 weir_span6_class(__u64 ahi, __u64 alo, __u64 active, __u32 lo, __u32 hi)
{
	struct weir_span6 *s;

	for (int i = 0; i < 22 && hi - lo > 1; i++) {
		__u32 mid = (lo + hi) / 2;

		s = WEIR_TABLE(weir_spans6, active, weir_cap_spans, mid);
		if (s && (s->start_hi < ahi || (s->start_hi == ahi && s->start_lo <= alo)))
			lo = mid;
		else
			hi = mid;
	}
	s = WEIR_TABLE(weir_spans6, active, weir_cap_spans, lo);
	return s ? s->class : 0;
}

/* Not static: the verifier proves each of these once, not at every call. addr in network order. */
__noinline int weir_class4(__u32 addr_be, __u64 active)
{
	__u32 addr = bpf_ntohl(addr_be), top = addr >> 16;
	struct weir_root *lo, *hi;

	lo = WEIR_TABLE(weir_roots, active, (__u32)WEIR_ROOTS, top);
	top++;
	hi = WEIR_TABLE(weir_roots, active, (__u32)WEIR_ROOTS, top);
	return lo && hi ? weir_span4_class(addr, active, lo->span4, hi->span4 + 1) : 0;
}

__noinline int weir_class6(__u64 hi_be, __u64 lo_be, __u64 active)
{
	__u64 ahi = bpf_be64_to_cpu(hi_be), alo = bpf_be64_to_cpu(lo_be);
	__u32 top = ahi >> 48;
	struct weir_root *lo, *hi;

	lo = WEIR_TABLE(weir_roots, active, (__u32)WEIR_ROOTS, top);
	top++;
	hi = WEIR_TABLE(weir_roots, active, (__u32)WEIR_ROOTS, top);
	return lo && hi ? weir_span6_class(ahi, alo, active, lo->span6, hi->span6 + 1) : 0;
}

/* peer: 16 bytes, IPv4 as ::ffff:a.b.c.d. */
static __always_inline __u32 weir_peer_class(const __u8 *peer, __u64 active)
{
	const __u64 *a = (const __u64 *)peer;

	if (!(active & (WEIR_A_BUNDLE | WEIR_A_CANDIDATE)))
		return 0;
	if (!a[0] && (__u32)a[1] == bpf_htonl(0xffff))
		return weir_class4(a[1] >> 32, active);
	return weir_class6(a[0], a[1], active);
}

static __always_inline __u64 weir_mask(__u32 bits)
{
	return bits >= 64 ? ~0ull : bits ? ~0ull << (64 - bits) : 0;
}

/* Both halves of two addresses, as on the wire. */
static __always_inline bool weir_halves_equal(__u64 a_hi, __u64 a_lo, __u64 b_hi, __u64 b_lo, __u32 bits)
{
	return !(((a_hi ^ b_hi) & bpf_cpu_to_be64(weir_mask(bits))) |
		 ((a_lo ^ b_lo) & bpf_cpu_to_be64(weir_mask(bits > 64 ? bits - 64 : 0))));
}

static __always_inline bool weir_bits_equal(const __u8 *a, const __u8 *b, __u32 bits)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return weir_halves_equal(x[0], x[1], y[0], y[1], bits);
}

/* A connection, as a decision sees it. */
struct weir_ask {
	__u8 peer[16]; /* IPv4 as ::ffff:a.b.c.d */
	__u32 workload;
	__u16 port;    /* of the service, host order */
	__u8 dir;      /* in which the connection was opened */
	__u8 proto;    /* weir_proto */
};

__noinline int weir_failsafe_covers(const struct weir_ask *q, __u64 active)
{
	if (!q)
		return 0;
	for (__u32 i = 0; i < WEIR_MAX_FAILSAFE; i++) {
		struct weir_failsafe *f = WEIR_TABLE(weir_failsafe, active, (__u32)WEIR_MAX_FAILSAFE, i);

		if (!f || !f->used)
			break;
		if (f->dir == q->dir && f->proto == q->proto && q->port >= f->lo && q->port <= f->hi &&
		    weir_bits_equal(f->prefix, q->peer, f->prefixlen))
			return 1;
	}
	return 0;
}

static __always_inline struct weir_range *weir_find_range(const struct weir_decision *d, __u64 active,
							  __u16 port)
{
	__u32 lo = d->first, hi = d->first + d->count;

	/* Binary search for the last range whose lo <= port; 11 steps cover WEIR_MAX_RANGES. */
	for (int i = 0; i < 11 && hi - lo > 1; i++) {
		__u32 mid = (lo + hi) / 2;
		struct weir_range *r = WEIR_TABLE(weir_ranges, active, weir_cap_ranges, mid);

		if (r && r->lo <= port)
			lo = mid;
		else
			hi = mid;
	}
	return WEIR_TABLE(weir_ranges, active, weir_cap_ranges, lo);
}

/* A class that these tables do not know is that of any other peer. */
static __always_inline struct weir_decision *weir_find_decision(__u32 subject, __u32 peer, __u8 dir, __u8 proto,
								 __u64 active)
{
	__u32 slot = WEIR_A_SLOT(active);
	struct weir_table_sizes *n = bpf_map_lookup_elem(&weir_sizes, &slot);
	__u64 at;

	if (!n)
		return NULL;
	at = WEIR_DECISION_AT(subject, n->peer_classes, peer < n->peer_classes ? peer : 0, dir, proto);
	return at < n->decisions ? WEIR_TABLE(weir_decisions, active, weir_cap_decisions, (__u32)at) : NULL;
}

/* Verdict of a connection in the tables of active's half: ACCEPT, DENY or WOULD_DENY. */
__noinline int weir_decide(const struct weir_ask *q, __u64 active, struct weir_outcome *ret)
{
	struct weir_decision *d;
	struct weir_limit *l;
	struct weir_range *r;
	struct weir_subject_class *subject;

	if (!q || !ret)
		return 0;
	ret->verdict = WEIR_V_ACCEPT;
	ret->rule = WEIR_NO_RULE;
	ret->limit = ret->limit_id = 0;
	ret->peer_class = weir_peer_class(q->peer, active);
	subject = WEIR_TABLE(weir_subjects, active, weir_cap_subjects, q->workload);
	d = weir_find_decision(subject ? subject->class : 0, ret->peer_class, q->dir, q->proto, active);
	r = d ? weir_find_range(d, active, q->port) : NULL;
	if (!r) {
		weir_drop(WEIR_D_NO_DECISION, 0, 1);
		return 0;
	}
	ret->limit = r->limit;
	l = r->limit ? WEIR_TABLE(weir_limits, active, weir_cap_limits, r->limit - 1) : NULL;
	ret->limit_id = l ? l->id + 1 : 0;
	/* What failsafe saves would not be denied by an audited rule either. */
	if (r->verdict != WEIR_V_ACCEPT && weir_failsafe_covers(q, active))
		return 0;
	ret->verdict = r->verdict;
	ret->rule = r->rule;
	return 0;
}

/* Counts once per flow and generation where the candidate would decide otherwise than `is`. */
__noinline int weir_shadow(const struct weir_ask *q, __u64 active, const struct weir_outcome *is)
{
	struct weir_outcome o = {};
	struct weir_disagree *d;
	bool denied, denies;
	__u32 i;

	if (!q || !is)
		return 0;
	weir_decide(q, active ^ 1, &o);
	denied = is->verdict == WEIR_V_DENY;
	denies = o.verdict == WEIR_V_DENY;
	if (denied == denies && is->limit_id == o.limit_id)
		return 0;
	i = o.rule < weir_cap_rules - 1 ? o.rule : weir_cap_rules - 1;
	d = bpf_map_lookup_elem(&weir_disagree, &i);
	if (d)
		__sync_fetch_and_add(denies && !denied ? &d->denied : denied && !denies ? &d->accepted : &d->limited, 1);
	return 0;
}

#endif
