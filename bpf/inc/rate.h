/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Rates. A limit holds the packets of the directions it names, in one bucket per node, workload or
 * flow and direction. The bucket is a GCRA: one theoretical arrival time, moved by compare-and-swap,
 * so that no CPU waits and no credit is given twice. Only limited packets read the fine clock.
 *
 * A paced limit is the same bucket with sockets that know their share: see pace.h. Here each packet
 * tells the bucket that its socket is active, and the socket which bucket it draws from.
 */
#ifndef WEIR_RATE_H
#define WEIR_RATE_H

#define WEIR_MS 1000000ull
#define WEIR_ONE 65536u
#define WEIR_TURN_MIN (125 * WEIR_MS)
#define WEIR_TURN_MAX (4000 * WEIR_MS)
#define WEIR_TURN_SEGMENTS 3 /* per socket: a TCP sends two at a time at most shares that are small */

/* The limit (index + 1) if it holds packets of this direction, else 0. */
static __always_inline __u32 weir_limit_for(__u32 limit, __u8 dir, __u64 active)
{
	struct weir_limit *l = limit ? WEIR_TABLE(weir_limits, active, weir_cap_limits, limit - 1) : NULL;

	return l && l->dirs & (1 << dir) ? limit : 0;
}

static __always_inline __u64 weir_cost_ns(__u64 bytes, __u64 ns_per_byte_q20)
{
	return (bytes * ns_per_byte_q20) >> 20;
}

static const struct weir_bucket weir_new_bucket = {
	.spare_q16 = WEIR_ONE, .trim_q16 = WEIR_ONE, .segment = 1500};

static __always_inline struct weir_bucket *weir_bucket_of(const struct weir_bucket_key *key)
{
	struct weir_bucket *b = bpf_map_lookup_elem(&weir_buckets, key);

	if (b)
		return b;
	bpf_map_update_elem(&weir_buckets, key, &weir_new_bucket, BPF_NOEXIST);
	return bpf_map_lookup_elem(&weir_buckets, key);
}

/* True: the packet conforms. */
static __always_inline bool weir_conforms(struct weir_bucket *b, const struct weir_limit *l, __u64 now,
					  __u32 bytes)
{
	__u64 cost = weir_cost_ns(bytes, l->ns_per_byte_q20), old, base;

	for (int i = 0; i < 16; i++) {
		old = *(volatile __u64 *)&b->tat;
		base = old > now ? old : now;
		if (base - now > l->burst_ns)
			return false;
		if (__sync_val_compare_and_swap(&b->tat, old, base + cost) == old)
			return true;
	}
	return false; /* 16 other CPUs took the credit first */
}

static __always_inline __u32 weir_bucket_sockets(const struct weir_bucket *b)
{
	__u32 n = b->active > b->active_last ? b->active : b->active_last;

	return n ? n : 1;
}

/*
 * What sockets may send next. `ahead` is the credit that was used before its time, or left: the share
 * is less, or more, until it is gone, so that the sum meets the rate whatever each socket makes of its
 * share. `spare`, from one to the number of sockets, gives to busy sockets what idle ones leave.
 */
static __always_inline void weir_trim(struct weir_bucket *b, const struct weir_limit *l, __u64 spent, __u64 turn,
				      __u32 sockets)
{
	__u64 offered = weir_cost_ns(__sync_lock_test_and_set(&b->offered, 0), l->ns_per_byte_q20);
	__u64 dropped = weir_cost_ns(__sync_lock_test_and_set(&b->dropped, 0), l->ns_per_byte_q20);
	__s64 low = l->burst_ns / 2 < 2 * turn ? l->burst_ns / 2 : 2 * turn, high = 2 * turn;
	__s64 ahead = b->ahead + (__s64)(offered - dropped) - (__s64)spent;
	__u64 spare = b->spare_q16;

	ahead = ahead < -low ? -low : ahead > high ? high : ahead;
	if (dropped && offered > spent)
		spare = spare * spent / offered;
	else if (ahead == -low)
		spare += spare / 8;
	else if (ahead > 0)
		spare -= (spare - WEIR_ONE) / 8;
	spare = spare < WEIR_ONE ? WEIR_ONE : spare > (__u64)sockets * WEIR_ONE ? sockets * WEIR_ONE : spare;
	b->ahead = ahead;
	b->spare_q16 = spare;
	b->trim_q16 = spare * (__u64)(4 * (__s64)turn - ahead) / (4 * turn);
}

/* Ends the turn when its time is up; one CPU does. */
static __always_inline void weir_turn(struct weir_bucket *b, const struct weir_limit *l, __u64 now)
{
	__u64 since = *(volatile __u64 *)&b->since, spent = now - since, turn;
	__u32 sockets = weir_bucket_sockets(b);

	turn = weir_cost_ns((__u64)sockets * b->segment * WEIR_TURN_SEGMENTS, l->ns_per_byte_q20);
	turn = turn < WEIR_TURN_MIN ? WEIR_TURN_MIN : turn > WEIR_TURN_MAX ? WEIR_TURN_MAX : turn;
	if (since > now || spent < turn || __sync_val_compare_and_swap(&b->since, since, now) != since)
		return;
	if (spent < 4 * turn) {
		weir_trim(b, l, spent, turn, sockets);
		b->active_last = b->active;
	} else { /* it was idle */
		b->offered = b->dropped = b->ahead = b->active_last = 0;
		b->spare_q16 = b->trim_q16 = WEIR_ONE;
	}
	b->active = 0;
	__sync_fetch_and_add(&b->turn, 1);
}

/* Bucket and socket of a packet under a paced limit learn of each other. */
static __always_inline void weir_draw(struct __sk_buff *skb, const struct weir_row *k, const struct weir_limit *l,
				      const struct weir_bucket_key *key, struct weir_bucket *b)
{
	struct bpf_sock *sk = skb->sk;
	struct weir_sock *ws;

	b->ns_per_byte_q20 = l->ns_per_byte_q20;
	sk = sk && k->proto == IPPROTO_TCP ? bpf_sk_fullsock(sk) : NULL;
	ws = sk ? bpf_sk_storage_get(&weir_socks, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE) : NULL;
	if (!ws)
		return;
	if (!ws->gen && !ws->health) /* older than weir */
		ws->init_local = !!(k->flags & WEIR_ROW_F_INIT_LOCAL);
	if (!ws->gen || ws->bucket.id != key->id || ws->bucket.workload != key->workload ||
	    ws->bucket.flow != key->flow) {
		ws->bucket = *key;
		ws->turn = b->turn - 1;
	}
	ws->gen = k->gen;
	ws->v6 = !!(k->flags & WEIR_ROW_F_V6);
	if (ws->turn != b->turn) {
		ws->turn = b->turn;
		__sync_fetch_and_add(&b->active, 1);
	}
}

/* Not static: proved once. 1: the packet is within its rate. k->limit is not 0. */
__noinline int weir_rate(struct __sk_buff *skb, const struct weir_row *k, const struct weir_tuple *t, __u32 bytes)
{
	struct weir_bucket_key key = {};
	struct weir_bucket *b;
	struct weir_limit *l;
	__u64 now;

	if (!k || !t)
		return 1;
	l = WEIR_TABLE(weir_limits, t->active, weir_cap_limits, k->limit - 1);
	if (!l)
		return 1;
	key.id = l->id;
	key.workload = l->per == WEIR_PER_NODE ? 0 : k->workload;
	if (l->per == WEIR_PER_FLOW)
		key.flow = (__u64)t->hash << 33 | (__u64)k->lport_be << 17 | k->rport_be << 1;
	key.flow |= k->dir;
	b = weir_bucket_of(&key);
	if (!b) {
		weir_drop(WEIR_D_NO_BUCKET, bytes, 1);
		return 1;
	}
	now = bpf_ktime_get_ns();
	if (l->mode == WEIR_PACE) {
		weir_turn(b, l, now);
		__sync_fetch_and_add(&b->offered, bytes);
		weir_draw(skb, k, l, &key, b);
	}
	if (weir_conforms(b, l, now, bytes))
		return 1;
	__sync_fetch_and_add(&b->dropped, bytes);
	return 0;
}

static __always_inline __u8 weir_limited(struct __sk_buff *skb, const struct weir_row *k,
					 const struct weir_tuple *t, __u32 bytes)
{
	if (weir_rate(skb, k, t, bytes))
		return k->verdict;
	return WEIR_A_MODE(t->active) == WEIR_MODE_ENFORCE ? WEIR_V_LIMITED : WEIR_V_WOULD_LIMIT;
}

/*
 * What the kernel is told. An egress packet over its rate is dropped as by a full queue (2, congestion):
 * TCP keeps the segment and slows down without a retransmission, and a UDP sender sees no error.
 */
static __always_inline int weir_answer(__u8 verdict, __u8 dir)
{
	if (verdict == WEIR_V_LIMITED)
		return dir == WEIR_EGRESS ? 2 : 0;
	return verdict != WEIR_V_DENY;
}

#endif
