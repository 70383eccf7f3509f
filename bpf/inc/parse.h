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

/*
 * What a hit needs of a packet: little enough to stay in registers. Whose it is comes first, so that its row is
 * on its way from memory while the rest is read.
 */
struct weir_brief {
	__u64 src[2], dst[2]; /* IPv4: [0] only, the address in its low 32 bits, as on the wire */
	union {
		__be16 ports_be[2]; /* source, destination */
		__u32 ports;
	};
	__u8 proto, tcp_flags;
	__u8 doff; /* of TCP: its header's length in words */
	__u32 bytes, packets; /* see weir_packet */
};

static __always_inline bool weir_brief_v4(const struct weir_v4 *h, const void *end, struct weir_brief *b)
{
	if ((const void *)(h + 1) > end || h->vihl != 0x45 || h->frag & bpf_htons(0x3fff))
		return false;
	b->src[0] = h->src;
	b->dst[0] = h->dst;
	b->src[1] = b->dst[1] = 0;
	b->proto = h->proto;
	return true;
}

static __always_inline bool weir_brief_v6(const struct weir_v6 *h, const void *end, struct weir_brief *b)
{
	if ((const void *)(h + 1) > end || (*(const __u8 *)h & 0xf0) != 0x60 || !h->len)
		return false;
	__builtin_memcpy(b->src, h->src, sizeof(b->src));
	__builtin_memcpy(b->dst, h->dst, sizeof(b->dst));
	b->proto = h->next;
	return true;
}

/* Whose packet the one at `at` is: TCP and UDP without anything unusual. `v6` is a constant at every call.
 * False: not for here. */
static __always_inline bool weir_brief_who(const void *at, const void *end, bool v6, struct weir_brief *b)
{
	const struct weir_l4 *l4 = at + (v6 ? sizeof(struct weir_v6) : sizeof(struct weir_v4));

	if (!(v6 ? weir_brief_v6(at, end, b) : weir_brief_v4(at, end, b)))
		return false;
	b->tcp_flags = b->doff = 0;
	if (b->proto == IPPROTO_TCP) {
		/* Read here: kernels up to 6.1 have forgotten by weir_brief_size() that it is TCP that is so long. */
		if ((const void *)l4 + WEIR_L4_TCP > end)
			return false;
		b->doff = l4->doff >> 4;
		b->tcp_flags = l4->flags;
	} else if (b->proto != IPPROTO_UDP || (const void *)l4 + WEIR_UDP_LEN > end) {
		return false;
	}
	b->ports = *(const __u32 *)&l4->sport;
	return true;
}

/*
 * How much of it, after weir_brief_who(). room: bytes from `at` on; gso: payload of a segment, 0 = no
 * super-packet. False: not for here, or its lengths contradict each other.
 */
static __always_inline bool weir_brief_size(const void *at, __u32 room, __u32 gso, bool v6, struct weir_brief *b)
{
	const __u32 l3len = v6 ? sizeof(struct weir_v6) : sizeof(struct weir_v4);
	__u32 hdr = l3len + (b->proto == IPPROTO_TCP ? b->doff * 4 : WEIR_UDP_LEN);

	b->bytes = v6 ? bpf_ntohs(((const struct weir_v6 *)at)->len) + l3len :
			bpf_ntohs(((const struct weir_v4 *)at)->len);
	if (b->bytes > room || b->bytes < hdr || hdr == l3len)
		return false;
	b->packets = 1;
	if (!gso)
		return true;
	if (b->proto != IPPROTO_TCP || hdr < l3len + 20)
		return false;
	if (room > hdr) {
		b->packets = (room - hdr + gso - 1) / gso;
		b->bytes = room + (b->packets - 1) * hdr;
	}
	return true;
}

static __always_inline void weir_unbrief(const struct weir_brief *b, bool v6, __u32 l3, struct weir_packet *p)
{
	if (v6) {
		__builtin_memcpy(p->src, b->src, sizeof(p->src));
		__builtin_memcpy(p->dst, b->dst, sizeof(p->dst));
	} else {
		weir_map4(p->src, b->src[0]);
		weir_map4(p->dst, b->dst[0]);
	}
	p->sport = b->ports_be[0];
	p->dport = b->ports_be[1];
	p->proto = b->proto;
	p->v6 = v6;
	p->tcp_flags = b->tcp_flags;
	p->frag = p->frag_later = p->error = p->error_proto = p->reason = 0;
	p->l4 = v6 ? sizeof(struct weir_v6) : sizeof(struct weir_v4);
	p->bytes = b->bytes;
	p->packets = b->packets;
	p->frag_id = 0;
	p->l3 = l3;
}

/* TCP and UDP without anything unusual; the callers of this alone keep p in registers. */
static __always_inline bool weir_parse_fast(const struct __sk_buff *skb, __u32 l2, struct weir_packet *p)
{
	const void *at = (const void *)(long)skb->data + l2, *end = (const void *)(long)skb->data_end;
	struct weir_brief b;

	if (skb->protocol == bpf_htons(WEIR_ETH_IP)) {
		if (!weir_brief_who(at, end, false, &b) || !weir_brief_size(at, skb->len - l2, skb->gso_size, false, &b))
			return false;
		weir_unbrief(&b, false, l2, p);
		return true;
	}
	if (skb->protocol != bpf_htons(WEIR_ETH_IPV6) || !weir_brief_who(at, end, true, &b) ||
	    !weir_brief_size(at, skb->len - l2, skb->gso_size, true, &b))
		return false;
	weir_unbrief(&b, true, l2, p);
	return true;
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
	struct weir_brief b;
	__be16 proto = 0;

	if (at <= end)
		proto = *(const __be16 *)(at - 2);
	if (proto == bpf_htons(WEIR_ETH_IP) && weir_brief_who(at, end, false, &b) &&
	    weir_brief_size(at, end - at, 0, false, &b)) {
		weir_unbrief(&b, false, WEIR_ETH_LEN, p);
		return 0;
	}
	if (proto == bpf_htons(WEIR_ETH_IPV6) && weir_brief_who(at, end, true, &b) &&
	    weir_brief_size(at, end - at, 0, true, &b)) {
		weir_unbrief(&b, true, WEIR_ETH_LEN, p);
		return 0;
	}
	__builtin_memset(p, 0, sizeof(*p));
	return weir_parse_xdp_rare(ctx, p);
}

#endif
