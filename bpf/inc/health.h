/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TCP health: connections, failures, resets, retransmits and round-trip times per workload and kind
 * of peer. Nothing here runs per packet: sockops calls at the handshake, once per round trip, at a
 * retransmit and at the end; tracepoints add resets, and stand in for the callbacks of sockets that
 * are older than weir; two iterators take those over and settle idle ones.
 */
#ifndef WEIR_BPF_HEALTH_H
#define WEIR_BPF_HEALTH_H

#include "bpf/inc/flow_health.h"
#include "bpf/inc/rtt.h"
#include "bpf/inc/scope.h"

#define WEIR_ECONNRESET 104
#define WEIR_ETIMEDOUT 110
#define WEIR_ECONNREFUSED 111
#define WEIR_SOL_TCP 6
#define WEIR_TCP_BPF_CB_FLAGS 1008 /* TCP_BPF_SOCK_OPS_CB_FLAGS, of newer kernels */
#define WEIR_CALLBACKS \
	(BPF_SOCK_OPS_RTT_CB_FLAG | BPF_SOCK_OPS_RETRANS_CB_FLAG | BPF_SOCK_OPS_STATE_CB_FLAG)
#define WEIR_CGROUP_DEPTH 32

const volatile __u64 weir_root_id = 0; /* cgroup id of the root that weir is attached to */

/* Tracing programs have no coarse clock; only a round trip's callback is often enough to need it. */

/* Nearly a kilobyte: too large for the stack. */
static const struct weir_health weir_no_health;

static __always_inline __u64 weir_sock_cgroup(struct sock *sk)
{
	struct cgroup *c = sk->sk_cgrp_data.cgroup;

	return c ? c->kn->id : 0;
}

static __always_inline bool weir_below_root(struct sock *sk)
{
	struct cgroup *c = sk->sk_cgrp_data.cgroup;
	struct cgroup_subsys_state *up;

	for (int i = 0; i < WEIR_CGROUP_DEPTH && c; i++) {
		if (c->kn->id == weir_root_id)
			return true;
		up = c->self.parent;
		if (!up)
			break;
		c = up->cgroup;
	}
	return false;
}

static __always_inline void weir_peer_of(struct sock *sk, __u8 *peer)
{
	__u64 *a = (__u64 *)peer;

	if (sk->__sk_common.skc_family == AF_INET6) {
		a[0] = *(__u64 *)&sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[0];
		a[1] = *(__u64 *)&sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[2];
	} else {
		a[0] = 0;
		a[1] = bpf_cpu_to_be64(0xffffull << 32 | bpf_ntohl(sk->__sk_common.skc_daddr));
	}
}

/* The row of a key, made when it is missing; the overflow row, and the key becomes its, when there is
 * no room. NULL only while the agent has not made that one yet. */
static __always_inline struct weir_health *weir_health_row(struct weir_health_key *k)
{
	struct weir_health *h = bpf_map_lookup_elem(&weir_health, k);

	if (h)
		return h;
	bpf_map_update_elem(&weir_health, k, &weir_no_health, BPF_NOEXIST);
	h = bpf_map_lookup_elem(&weir_health, k);
	if (h) {
		__sync_val_compare_and_swap(&h->since_ns, 0, bpf_ktime_get_ns());
		return h;
	}
	weir_drop(WEIR_D_NO_HEALTH, 0, 1);
	k->workload = k->scope = 0;
	k->peer_class = WEIR_HEALTH_OVERFLOW;
	return bpf_map_lookup_elem(&weir_health, k);
}

static __always_inline void weir_tally(struct weir_health *h, __u32 what, __u64 n)
{
	if (n)
		__sync_fetch_and_add(&h->n[what], n);
}

static __always_inline void weir_settle_retrans(struct weir_health *h, struct weir_sock *ws,
						struct tcp_sock *tp)
{
	__u32 now = tp->total_retrans, more = now - __sync_lock_test_and_set(&ws->retrans, now);

	if (!more)
		return;
	weir_tally(h, WEIR_H_RETRANS, (__s64)(__s32)more);
	weir_flow_tell(ws, tp, 0, 0, more);
}

/* Adds what the socket did since it was last looked at. */
static __always_inline void weir_settle(struct weir_health *h, struct weir_sock *ws, struct tcp_sock *tp)
{
	__u64 out = tp->bytes_sent, in = tp->bytes_received;
	__u64 now_ms = bpf_ktime_get_ns() / 1000000;
	__u32 segs = tp->segs_out;

	weir_settle_retrans(h, ws, tp);
	weir_tally(h, WEIR_H_SEGS_OUT,
		   (__s64)(__s32)(segs - __sync_lock_test_and_set(&ws->segs_out, segs)));
	weir_tally(h, WEIR_H_BYTES_OUT, out - __sync_lock_test_and_set(&ws->bytes_out, out));
	weir_tally(h, WEIR_H_BYTES_IN, in - __sync_lock_test_and_set(&ws->bytes_in, in));
	if (ws->health & WEIR_SOCK_OPEN)
		weir_tally(h, WEIR_H_DURATION_MS,
			   now_ms - __sync_lock_test_and_set(&ws->charged_ms, now_ms));
}

static __always_inline void weir_sample(struct weir_health *h, struct weir_sock *ws, struct tcp_sock *tp)
{
	__u32 us = tp->srtt_us >> 3, i = weir_rtt_bucket(us);

	if (!tp->srtt_us || i >= WEIR_RTT_BUCKETS)
		return;
	ws->sampled_s = bpf_ktime_get_ns() / 1000000000;
	__sync_fetch_and_add(&h->rtt[i], 1);
	weir_tally(h, WEIR_H_RTT_US, us);
	weir_flow_tell(ws, tp, us, 1, 0);
}

static __always_inline void weir_health_key(struct weir_sock *ws, struct sock *sk)
{
	struct weir_health_key k = {};
	__u8 peer[16] __attribute__((aligned(8)));

	weir_peer_of(sk, peer);
	k.workload = weir_index_of(weir_sock_cgroup(sk));
	k.peer_class = weir_peer_class(peer, *(volatile __u64 *)&weir_ctl.active);
	k.scope = weir_scope_of(peer);
	ws->key = k;
}

/* The row that the socket counts in; its key follows it into the overflow row. */
static __always_inline struct weir_health *weir_health_of(struct weir_sock *ws)
{
	struct weir_health_key k = ws->key;
	struct weir_health *h = weir_health_row(&k);

	if (k.peer_class != ws->key.peer_class)
		ws->key = k;
	return h;
}

/* A connect begins: whatever this socket was before (connect after disconnect) is over. */
static __always_inline void weir_health_connect(struct weir_sock *ws, struct tcp_sock *tp)
{
	weir_health_key(ws, (struct sock *)tp);
	ws->retrans = tp->total_retrans;
	ws->segs_out = tp->segs_out;
	ws->bytes_out = tp->bytes_sent;
	ws->bytes_in = tp->bytes_received;
	ws->sampled_s = 0;
	ws->health = WEIR_SOCK_KNOWN;
}

static __always_inline void weir_health_open(struct weir_health *h, struct weir_sock *ws,
					     struct tcp_sock *tp)
{
	if (__sync_fetch_and_or(&ws->health, WEIR_SOCK_OPEN) & WEIR_SOCK_OPEN)
		return;
	ws->charged_ms = bpf_ktime_get_ns() / 1000000;
	weir_tally(h, WEIR_H_CONNECTIONS, 1);
	weir_settle(h, ws, tp);
	weir_sample(h, ws, tp);
}

static __always_inline void weir_health_close(struct weir_health *h, struct weir_sock *ws,
					      struct tcp_sock *tp, int old)
{
	int err = ((struct sock *)tp)->sk_err;

	weir_settle(h, ws, tp);
	if (__sync_fetch_and_or(&ws->health, WEIR_SOCK_CLOSED) & WEIR_SOCK_CLOSED)
		return;
	if (ws->health & WEIR_SOCK_OPEN)
		weir_tally(h, WEIR_H_CLOSED, 1);
	else if (old == BPF_TCP_SYN_SENT)
		weir_tally(h, err == WEIR_ECONNREFUSED ? WEIR_H_REFUSED :
			      err == WEIR_ETIMEDOUT    ? WEIR_H_TIMEOUTS :
							 WEIR_H_FAILED, 1);
}

static __always_inline struct weir_sock *weir_sock_of(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	struct weir_sock *ws;
	bool first = ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB ||
		     ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB;

	ws = bpf_sk_storage_get(&weir_socks, sk, NULL, first ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (!ws)
		return NULL;
	/* One sample a second: the other round trips end here. */
	if (ops->op == BPF_SOCK_OPS_RTT_CB && ws->sampled_s == bpf_ktime_get_ns() / 1000000000)
		return NULL;
	if (ops->op == BPF_SOCK_OPS_STATE_CB && ops->args[1] != BPF_TCP_CLOSE)
		return NULL;
	return ws;
}

/* The concern of health in the sockops program; weir_sockops() calls it for every event. */
static __always_inline void weir_health_event(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	struct weir_health *h;
	struct weir_sock *ws;
	struct tcp_sock *tp;
	int op = ops->op;

	if (!sk || (op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB &&
		    op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && op != BPF_SOCK_OPS_RTT_CB &&
		    op != BPF_SOCK_OPS_RETRANS_CB && op != BPF_SOCK_OPS_STATE_CB))
		return;
	ws = weir_sock_of(ops, sk);
	tp = ws ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (!tp || !ws)
		return;
	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		weir_health_connect(ws, tp);
	else if (op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && !(ws->health & WEIR_SOCK_KNOWN))
		weir_health_key(ws, (struct sock *)tp);
	if (op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		__sync_fetch_and_or(&ws->health, WEIR_SOCK_KNOWN);
	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB || op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
		bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | WEIR_CALLBACKS);
		__sync_fetch_and_and(&ws->health, ~WEIR_SOCK_POLLED);
	}
	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB || (ws->health & (WEIR_SOCK_CLOSED | WEIR_SOCK_POLLED)))
		return;
	h = weir_health_of(ws);
	if (!h)
		return;
	if (op == BPF_SOCK_OPS_RETRANS_CB)
		weir_settle_retrans(h, ws, tp);
	else if (op == BPF_SOCK_OPS_STATE_CB)
		weir_health_close(h, ws, tp, ops->args[0]);
	else if (op != BPF_SOCK_OPS_RTT_CB)
		weir_health_open(h, ws, tp);
	else if (ws->health & WEIR_SOCK_OPEN) {
		weir_settle(h, ws, tp);
		weir_sample(h, ws, tp);
	}
}

static __always_inline int weir_reset(struct sock *sk, __u32 what)
{
	struct weir_sock *ws = sk ? bpf_sk_storage_get(&weir_socks, sk, NULL, 0) : NULL;
	struct weir_health *h;

	if (!ws || !(ws->health & WEIR_SOCK_OPEN))
		return 0;
	h = weir_health_of(ws);
	if (h)
		weir_tally(h, what, 1);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int weir_reset_in(__u64 *ctx)
{
	return weir_reset((struct sock *)ctx[0], WEIR_H_RESETS_IN);
}

SEC("tp_btf/tcp_send_reset")
int weir_reset_out(__u64 *ctx)
{
	return weir_reset((struct sock *)ctx[0], WEIR_H_RESETS_OUT);
}

/* Storage of a socket that has no callbacks, NULL = none of those. */
static __always_inline struct weir_sock *weir_polled(struct sock *sk)
{
	struct weir_sock *ws = sk ? bpf_sk_storage_get(&weir_socks, sk, NULL, 0) : NULL;

	return ws && (ws->health & (WEIR_SOCK_POLLED | WEIR_SOCK_CLOSED)) == WEIR_SOCK_POLLED ? ws : NULL;
}

SEC("tp_btf/inet_sock_set_state")
int weir_set_state(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct weir_sock *ws = weir_polled(sk);
	int old = ctx[1], new = ctx[2];
	struct weir_health *h;
	struct tcp_sock *tp;

	if (!ws || (new != BPF_TCP_ESTABLISHED && new != BPF_TCP_CLOSE))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	h = weir_health_of(ws);
	if (!tp || !h)
		return 0;
	if (new == BPF_TCP_ESTABLISHED)
		weir_health_open(h, ws, tp);
	else
		weir_health_close(h, ws, tp, old);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int weir_retransmit(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct weir_sock *ws = weir_polled(sk);
	struct weir_health *h;
	struct tcp_sock *tp;

	if (!ws)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	h = weir_health_of(ws);
	if (tp && h)
		weir_settle_retrans(h, ws, tp);
	return 0;
}

/* A socket older than weir: its counters begin at what it says of itself. NULL: not one of ours. */
static __always_inline struct weir_sock *weir_take_over(struct tcp_sock *tp)
{
	struct sock *sk = (struct sock *)tp;
	__u8 state = sk->__sk_common.skc_state;
	struct weir_sock *ws;

	if (state == BPF_TCP_CLOSE || state == BPF_TCP_LISTEN || !weir_below_root(sk))
		return NULL;
	ws = bpf_sk_storage_get(&weir_socks, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!ws)
		return NULL;
	/* As for a flow whose first packet weir did not see: the smaller port is the service's. */
	ws->init_local = state == BPF_TCP_SYN_SENT ||
			 bpf_ntohs(sk->__sk_common.skc_dport) < sk->__sk_common.skc_num;
	ws->established = state == BPF_TCP_ESTABLISHED;
	weir_health_key(ws, sk);
	__sync_fetch_and_or(&ws->health, WEIR_SOCK_KNOWN | WEIR_SOCK_POLLED);
	return ws;
}

/* One socket of a pass: taken over when it is new to weir, settled when it is not. True: taken. */
static __always_inline bool weir_visit(struct tcp_sock *tp)
{
	struct weir_sock *ws = bpf_sk_storage_get(&weir_socks, tp, NULL, 0);
	bool fresh = !ws || !(ws->health & WEIR_SOCK_KNOWN), active;
	struct weir_health *h;
	__u8 state;

	if (fresh)
		ws = weir_take_over(tp);
	h = ws && !(ws->health & WEIR_SOCK_CLOSED) ? weir_health_of(ws) : NULL;
	if (!ws || !h)
		return false;
	state = ((struct sock *)tp)->__sk_common.skc_state;
	if (fresh && state != BPF_TCP_SYN_SENT && state != BPF_TCP_SYN_RECV)
		weir_health_open(h, ws, tp);
	if (fresh || !(ws->health & WEIR_SOCK_OPEN))
		return fresh;
	active = (ws->health & WEIR_SOCK_POLLED) && ws->segs_out != tp->segs_out;
	weir_settle(h, ws, tp);
	if (active)
		weir_sample(h, ws, tp);
	return false;
}

/* Asks for callbacks of a socket that has none, or lost them to another program. */
static __always_inline void weir_call_back(struct tcp_sock *tp)
{
	struct weir_sock *ws = bpf_sk_storage_get(&weir_socks, tp, NULL, 0);
	int flags = tp->bpf_sock_ops_cb_flags;

	if (!ws || (ws->health & (WEIR_SOCK_KNOWN | WEIR_SOCK_CLOSED)) != WEIR_SOCK_KNOWN ||
	    (flags & WEIR_CALLBACKS) == WEIR_CALLBACKS)
		return;
	flags |= WEIR_CALLBACKS;
	if (!bpf_setsockopt(tp, WEIR_SOL_TCP, WEIR_TCP_BPF_CB_FLAGS, &flags, sizeof(flags)))
		__sync_fetch_and_and(&ws->health, ~WEIR_SOCK_POLLED);
}

/* Every TCP socket of the agent's network namespace, each under its lock. Writes a byte for each one
 * that was taken over. */
SEC("iter/tcp")
int weir_pass_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct tcp_sock *tp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	char taken = 't';

	if (!tp)
		return 0;
	if (weir_visit(tp))
		bpf_seq_write(ctx->meta->seq, &taken, sizeof(taken));
	weir_call_back(tp);
	return 0;
}

/* Every socket that a process holds, whatever its network namespace: those of pods. */
SEC("iter/task_file")
int weir_pass_file(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct socket *socket = file ? bpf_sock_from_file(file) : NULL;
	struct sock *sk = socket ? socket->sk : NULL;
	struct tcp_sock *tp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	char taken = 't';

	if (tp && weir_visit(tp))
		bpf_seq_write(ctx->meta->seq, &taken, sizeof(taken));
	return 0;
}

#endif
