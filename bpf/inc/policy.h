/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The verdict of a connection under one generation, and rates. Runs at a flow's first packet and at
 * the first one after a policy change; otherwise the row's verdict is used.
 */
#ifndef WEIR_BPF_POLICY_H
#define WEIR_BPF_POLICY_H

struct weir_outcome {
	__u8 verdict;
	__u32 rule;
	__u32 limit;
};

static __always_inline void *weir_table(void *outer, __u64 active, __u32 key)
{
	__u32 slot = active & 1;
	void *inner = bpf_map_lookup_elem(outer, &slot);

	return inner ? bpf_map_lookup_elem(inner, &key) : NULL;
}

static __always_inline __u32 weir_peer_class(const __u8 *peer, __u64 active)
{
	struct weir_lpm_key k = {.prefixlen = 128};
	__u32 slot = active & 1, *class;
	void *inner = bpf_map_lookup_elem(&weir_prefixes, &slot);

	if (!inner || !active)
		return 0;
	__builtin_memcpy(k.addr, peer, sizeof(k.addr));
	class = bpf_map_lookup_elem(inner, &k);
	return class ? *class : 0;
}

static __always_inline __u64 weir_mask(__u32 bits)
{
	return bits >= 64 ? ~0ull : bits ? ~0ull << (64 - bits) : 0;
}

static __always_inline bool weir_bits_equal(const __u8 *a, const __u8 *b, __u32 bits)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return !(((x[0] ^ y[0]) & bpf_cpu_to_be64(weir_mask(bits))) |
		 ((x[1] ^ y[1]) & bpf_cpu_to_be64(weir_mask(bits > 64 ? bits - 64 : 0))));
}

__noinline int weir_failsafe_covers(const struct weir_row *k, __u64 active, __u32 dir_port)
{
	__u8 dir = dir_port >> 16, proto;
	__u16 port = dir_port;

	if (!k)
		return 0;
	proto = weir_proto_class(k->proto);
	for (__u32 i = 0; i < WEIR_MAX_FAILSAFE; i++) {
		struct weir_failsafe *f = weir_table(&weir_failsafe, active, i);

		if (!f || !f->used)
			break;
		if (f->dir == dir && f->proto == proto && port >= f->lo && port <= f->hi &&
		    weir_bits_equal(f->prefix, k->remote, f->prefixlen))
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
		struct weir_range *r = weir_table(&weir_ranges, active, mid);

		if (r && r->lo <= port)
			lo = mid;
		else
			hi = mid;
	}
	return weir_table(&weir_ranges, active, lo);
}

/* Not static: the verifier proves each of these once, not at every call. */
/* k: the row key with peer_class and INIT_LOCAL set. ret is ACCEPT, DENY or WOULD_DENY. */
__noinline int weir_decide(const struct weir_row *k, __u64 active, struct weir_outcome *ret)
{
	struct weir_decision_key key = {};
	__u32 *subject, slot = active & 1;
	struct weir_decision *d;
	struct weir_range *r;
	void *inner;
	__u16 port;

	if (!k || !ret)
		return 0;
	subject = weir_table(&weir_subjects, active, k->workload);
	inner = bpf_map_lookup_elem(&weir_decisions, &slot);
	key.subject = subject ? *subject : 0;
	key.peer_class = k->peer_class;
	key.dir = k->flags & WEIR_ROW_F_INIT_LOCAL ? WEIR_EGRESS : WEIR_INGRESS;
	key.proto = weir_proto_class(k->proto);
	port = bpf_ntohs(key.dir == WEIR_EGRESS ? k->rport_be : k->lport_be);
	ret->verdict = WEIR_V_ACCEPT;
	ret->rule = WEIR_NO_RULE;
	ret->limit = 0;
	if (!inner)
		return 0;
	d = bpf_map_lookup_elem(inner, &key);
	if (!d) {
		key.peer_class = 0;
		d = bpf_map_lookup_elem(inner, &key);
	}
	r = d ? weir_find_range(d, active, port) : NULL;
	if (!r) {
		weir_drop(WEIR_D_NO_DECISION, 0, 1);
		return 0;
	}
	ret->verdict = r->verdict;
	ret->rule = r->rule;
	ret->limit = r->limit;
	if (r->verdict == WEIR_V_DENY &&
	    weir_failsafe_covers(k, active, ((__u32)key.dir << 16) | port)) {
		ret->verdict = WEIR_V_ACCEPT;
		ret->rule = WEIR_NO_RULE;
		ret->limit = 0;
	}
	return 0;
}

/* GCRA: one theoretical arrival time, moved by compare-and-swap. True: the packet conforms. */
__noinline int weir_conforms(__u64 active, __u32 limit, __u32 workload, __u32 bytes)
{
	struct weir_limit *l = weir_table(&weir_limits, active, limit - 1);
	struct weir_bucket_key key = {};
	__u64 *tat, now, old, base, zero = 0;

	if (!l)
		return 1;
	key.id = l->id;
	key.workload = l->per == WEIR_PER_WORKLOAD ? workload : 0;
	tat = bpf_map_lookup_elem(&weir_buckets, &key);
	if (!tat) {
		bpf_map_update_elem(&weir_buckets, &key, &zero, BPF_NOEXIST);
		tat = bpf_map_lookup_elem(&weir_buckets, &key);
		if (!tat) {
			weir_drop(WEIR_D_NO_BUCKET, bytes, 1);
			return 1;
		}
	}
	now = bpf_ktime_get_ns();
	for (int i = 0; i < 16; i++) {
		old = *(volatile __u64 *)tat;
		base = old > now ? old : now;
		if (base - now > l->burst_ns)
			return 0;
		if (__sync_val_compare_and_swap(tat, old, base + (((__u64)bytes * l->ns_per_byte_q20) >> 20)) ==
		    old)
			return 1;
	}
	return 0; /* 16 other CPUs took the credit first */
}

#endif
