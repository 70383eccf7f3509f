/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Pacing: each TCP socket that draws from a paced bucket gets the kernel's own pacing at its share,
 * rate * trim / active sockets, less what its headers take, so that L3 bytes meet the rate and
 * nothing is dropped. Done at each round trip: a changed rate or number of sockets reaches a running
 * connection with its next acknowledged segment. An application's own lower setting stays.
 */
#ifndef WEIR_PACE_H
#define WEIR_PACE_H

#define WEIR_SOL_SOCKET 1
#define WEIR_SO_MAX_PACING_RATE 47
#define WEIR_NO_PACING 0xffffffffu
#define WEIR_NO_CLAMP 0x7fffffffu

/* Payload bytes per second of one socket; WEIR_NO_PACING when more than the kernel's word holds. */
static __always_inline __u32 weir_share(struct bpf_sock *sk, const struct weir_sock *ws,
					struct weir_bucket *b)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u64 rate, mss;

	if (!tp || !b->ns_per_byte_q20)
		return WEIR_NO_PACING;
	rate = (1000000000ull << 20) / b->ns_per_byte_q20;
	rate = rate / weir_bucket_sockets(b) * b->trim_q16 / WEIR_ONE;
	mss = tp->mss_cache | 1;
	b->segment = mss + tp->tcp_header_len + (ws->v6 ? 40 : 20);
	rate = rate * mss / b->segment;
	return rate >= WEIR_NO_PACING ? WEIR_NO_PACING : rate < 1 ? 1 : rate;
}

/*
 * The window holds what the share needs for two round trips and 10 ms of it more, two segments at
 * least. Pacing alone would not do: over a short path TCP sends its whole window at once, which at a
 * small share is a burst of seconds.
 */
static __always_inline __u32 weir_clamp(struct bpf_sock_ops *ops, struct bpf_sock *sk, __u32 rate)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u64 us = 10000 + (ops->srtt_us >> 2), segments;

	if (!tp || rate == WEIR_NO_PACING)
		return WEIR_NO_CLAMP;
	segments = rate * us / 1000000 / (tp->mss_cache | 1);
	return segments < 2 ? 2 : segments;
}

static __always_inline bool weir_differs(__u32 a, __u32 b, __u32 part)
{
	return a > b + b / part || a < b - b / part;
}

static __always_inline void weir_set_pacing(struct bpf_sock_ops *ops, struct weir_sock *ws, __u32 rate,
					    __u32 clamp)
{
	__u32 set;

	if (!ws->pacing && bpf_getsockopt(ops, WEIR_SOL_SOCKET, WEIR_SO_MAX_PACING_RATE, &ws->own, sizeof(ws->own)))
		ws->own = WEIR_NO_PACING; /* before 6.1 a program cannot ask */
	set = rate > ws->own ? ws->own : rate;
	if (weir_differs(rate, ws->pacing, 256) &&
	    !bpf_setsockopt(ops, WEIR_SOL_SOCKET, WEIR_SO_MAX_PACING_RATE, &set, sizeof(set)))
		ws->pacing = rate;
	if (weir_differs(clamp, ws->clamp, 4) &&
	    !bpf_setsockopt(ops, WEIR_SOL_TCP, TCP_BPF_SNDCWND_CLAMP, &clamp, sizeof(clamp)))
		ws->clamp = clamp;
}

/* Gives the socket back what it had. ctx: of sockops, or the socket itself in an iterator. */
static __always_inline void weir_restore(void *ctx, struct weir_sock *ws)
{
	__u32 own = ws->own, clamp = WEIR_NO_CLAMP;

	if (ws->pacing)
		bpf_setsockopt(ctx, WEIR_SOL_SOCKET, WEIR_SO_MAX_PACING_RATE, &own, sizeof(own));
	if (ws->clamp)
		bpf_setsockopt(ctx, WEIR_SOL_TCP, TCP_BPF_SNDCWND_CLAMP, &clamp, sizeof(clamp));
	ws->pacing = ws->clamp = ws->gen = 0;
	ws->stale = 0;
}

/* The socket draws from no paced bucket any more. The first sight may only be early: a segment of
 * the new generation is under way, and the second sight comes after it was sent. */
static __always_inline void weir_unpace(struct bpf_sock_ops *ops, struct weir_sock *ws)
{
	if (ws->stale)
		weir_restore(ops, ws);
	else
		ws->stale = 1;
}

/* The concern of pacing in the sockops program; health.h asks for the callback of each round trip. */
static __always_inline void weir_pace_event(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	__u32 rate;
	struct weir_bucket *b;
	struct weir_sock *ws;
	__u64 active;

	if (!sk || (ops->op != BPF_SOCK_OPS_RTT_CB && ops->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB))
		return;
	ws = bpf_sk_storage_get(&weir_socks, sk, NULL, 0);
	if (!ws || !ws->gen)
		return;
	active = weir_active();
	b = bpf_map_lookup_elem(&weir_buckets, &ws->bucket);
	if (ws->gen != WEIR_A_GEN(active) || WEIR_A_MODE(active) != WEIR_MODE_ENFORCE || !b) {
		weir_unpace(ops, ws);
		return;
	}
	ws->stale = 0;
	rate = weir_share(sk, ws, b);
	weir_set_pacing(ops, ws, rate, weir_clamp(ops, sk, rate));
}

/* Pinned; reading it restores every socket of the reader's network namespace, the idle ones too. */
SEC("iter/tcp")
int weir_release(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct tcp_sock *tp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	struct weir_sock *ws = tp ? bpf_sk_storage_get(&weir_socks, tp, NULL, 0) : NULL;

	if (ws && (ws->pacing || ws->clamp))
		weir_restore(tp, ws);
	return 0;
}

#endif
