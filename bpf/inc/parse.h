/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From a packet to addresses, ports and wire bytes, at every skb hook and in XDP.
 *
 * TCP and UDP without options, fragments and extension headers are read here, by direct packet access:
 * a handful of loads. All else (options, extension headers, fragments, VLAN tags in the frame, ICMP
 * errors, headers outside the linear part, UDP GSO, tunnels under GSO, BIG TCP) goes out of line to
 * parse_rare.h. Both give the same answer; which one gave it cannot be seen.
 *
 * Bytes are L3 bytes as on the wire: link header and VLAN tags (in the frame or in skb->vlan_tci)
 * never count, and a super-packet counts as the segments that it becomes, each with its own headers.
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#define WEIR_ETH_IP 0x0800
#define WEIR_ETH_IPV6 0x86dd
#define WEIR_ETH_VLAN 0x8100
#define WEIR_ETH_QINQ 0x88a8
#define WEIR_ETH_BRIDGED 0x6558 /* an Ethernet frame inside GRE or Geneve */
#define WEIR_ETH_LEN 14

struct weir_packet {
	__u8 src[16] __attribute__((aligned(8))); /* IPv4 mapped */
	__u8 dst[16] __attribute__((aligned(8)));
	__be16 sport, dport; /* 0 where the protocol has none, or the packet lacks them */
	__u8 proto;	     /* of the packet on the wire */
	__u8 v6;
	__u8 frag;	     /* a fragment at all */
	__u8 frag_later;     /* not the first fragment: ports only after weir_parse_detail() */
	__u8 tcp_flags;
	/* An ICMP error stands for the packet that it answers: addresses and ports above are that
	 * packet's, turned round; error_proto is its protocol, error its weir_proto + 1. */
	__u8 error;
	__u8 error_proto;
	__u8 reason;	     /* weir_drop + 1 of what is missing; 0: nothing is */
	__u32 l4;	     /* L3 header bytes on the wire, extension headers included */
	__u32 bytes;	     /* L3 on the wire, all segments */
	__u32 packets;	     /* segments */
	__u32 frag_id;	     /* identification of a fragment */
	__u32 l3;	     /* offset of the network header from skb->data */
};

struct weir_v4 {
	__u8 vihl, tos;
	__be16 len, id, frag;
	__u8 ttl, proto;
	__be16 sum;
	__be32 src, dst;
};
struct weir_v6 {
	__be32 flow;
	__be16 len;
	__u8 next, hops;
	__be32 src[4], dst[4];
};
/* What is looked at of a transport header. */
struct weir_l4 {
	__be16 sport, dport;
	__be32 seq, ack;
	__u8 doff, flags;
};
#define WEIR_L4_TCP 14 /* bytes of it that TCP has and that are read */
#define WEIR_UDP_LEN 8

static __always_inline void weir_map4(__u8 *to, __be32 v4)
{
	*(__u64 *)to = 0;
	((__be32 *)to)[2] = bpf_htonl(0xffff);
	((__be32 *)to)[3] = v4;
}

static __always_inline __u8 weir_proto_class(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return WEIR_P_TCP;
	case IPPROTO_UDP:
		return WEIR_P_UDP;
	case IPPROTO_SCTP:
		return WEIR_P_SCTP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return WEIR_P_ICMP;
	}
	return WEIR_P_OTHER;
}

#include "bpf/inc/parse_rare.h"

/* Ports of TCP or UDP at l4; returns the transport header's length, 0: not for here. */
static __always_inline __u32 weir_fast_l4(const struct weir_l4 *l4, const void *end, __u8 proto,
					  struct weir_packet *p)
{
	__u32 len = WEIR_UDP_LEN;

	if (proto == IPPROTO_TCP) {
		if ((const void *)l4 + WEIR_L4_TCP > end)
			return 0;
		len = (l4->doff >> 4) * 4;
		p->tcp_flags = l4->flags;
	} else if (proto == IPPROTO_UDP) {
		if ((const void *)l4 + WEIR_UDP_LEN > end)
			return 0;
		p->tcp_flags = 0;
	} else {
		return 0;
	}
	p->proto = proto;
	p->sport = l4->sport;
	p->dport = l4->dport;
	return len;
}

static __always_inline __u32 weir_fast_v4(const struct weir_v4 *h, const void *end, struct weir_packet *p)
{
	if ((const void *)(h + 1) > end || h->vihl != 0x45 || h->frag & bpf_htons(0x3fff))
		return 0;
	weir_map4(p->src, h->src);
	weir_map4(p->dst, h->dst);
	p->v6 = 0;
	p->l4 = sizeof(*h);
	p->bytes = bpf_ntohs(h->len);
	return weir_fast_l4((const void *)(h + 1), end, h->proto, p);
}

static __always_inline __u32 weir_fast_v6(const struct weir_v6 *h, const void *end, struct weir_packet *p)
{
	if ((const void *)(h + 1) > end || (*(const __u8 *)h & 0xf0) != 0x60 || !h->len)
		return 0;
	__builtin_memcpy(p->src, h->src, 16);
	__builtin_memcpy(p->dst, h->dst, 16);
	p->v6 = 1;
	p->l4 = sizeof(*h);
	p->bytes = bpf_ntohs(h->len) + sizeof(*h);
	return weir_fast_l4((const void *)(h + 1), end, h->next, p);
}

/* The rest of a packet that the fast way could read. False: its lengths contradict each other. */
static __always_inline bool weir_fast_done(struct weir_packet *p, __u32 l3, __u32 room, __u32 l4len)
{
	if (p->bytes > room || p->bytes < p->l4 + l4len || !l4len)
		return false;
	p->frag = p->frag_later = p->error = p->error_proto = p->reason = 0;
	p->packets = 1;
	p->frag_id = 0;
	p->l3 = l3;
	return true;
}

/* TCP and UDP without anything unusual; the callers of this alone keep p in registers. */
static __always_inline bool weir_parse_fast(const struct __sk_buff *skb, __u32 l2, struct weir_packet *p)
{
	const void *at = (const void *)(long)skb->data + l2, *end = (const void *)(long)skb->data_end;
	__u32 room = skb->len - l2, gso = skb->gso_size, l4len = 0, hdr;

	if (skb->protocol == bpf_htons(WEIR_ETH_IP))
		l4len = weir_fast_v4(at, end, p);
	else if (skb->protocol == bpf_htons(WEIR_ETH_IPV6))
		l4len = weir_fast_v6(at, end, p);
	if (!l4len || !weir_fast_done(p, l2, room, l4len))
		return false;
	if (!gso)
		return true;
	hdr = p->l4 + l4len;
	if (p->proto == IPPROTO_TCP && l4len < 20)
		return false;
	if (p->proto == IPPROTO_TCP && room > hdr) {
		p->packets = (room - hdr + gso - 1) / gso;
		p->bytes = room + (p->packets - 1) * hdr;
	}
	return p->proto == IPPROTO_TCP;
}

/*
 * l2 = bytes in front of the network header at skb->data: 14 at tc of an Ethernet device, else 0. Tags
 * in the frame are found. 0; or -1 when the packet is no IP packet that can be counted, and p->reason
 * says why.
 */
static __always_inline int weir_parse(struct __sk_buff *skb, __u32 l2, struct weir_packet *p)
{
	if (weir_parse_fast(skb, l2, p))
		return 0;
	__builtin_memset(p, 0, sizeof(*p));
	if (weir_parse_rare(skb, l2, p))
		return -1;
	if (weir_is_icmp(p))
		weir_parse_error(skb, p);
	return 0;
}

/* The same for XDP, by the sender's header alone: what an ICMP error quotes is not looked at. */
static __always_inline int weir_parse_xdp(struct xdp_md *ctx, struct weir_packet *p)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	const void *at = data + WEIR_ETH_LEN;
	__u32 l4len = 0;
	__be16 proto = 0;

	if (at <= end)
		proto = *(const __be16 *)(at - 2);
	if (proto == bpf_htons(WEIR_ETH_IP))
		l4len = weir_fast_v4(at, end, p);
	else if (proto == bpf_htons(WEIR_ETH_IPV6))
		l4len = weir_fast_v6(at, end, p);
	if (l4len && weir_fast_done(p, WEIR_ETH_LEN, end - at, l4len))
		return 0;
	__builtin_memset(p, 0, sizeof(*p));
	return weir_parse_xdp_rare(ctx, p);
}

#endif
