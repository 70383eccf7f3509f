/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From a packet to addresses, ports and wire bytes. Works at every skb hook: reads relative to the
 * network header. A super-packet (GSO, GRO) counts as the segments that the wire carries, each with
 * its own headers.
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#define WEIR_ETH_IP 0x0800
#define WEIR_ETH_IPV6 0x86dd
#define WEIR_EXT_HEADERS 6

struct weir_packet {
	__u8 src[16], dst[16]; /* IPv4 mapped */
	__be16 sport, dport;
	__u8 proto;
	__u8 v6;
	__u8 frag_later;  /* not the first fragment: no ports */
	__u8 frag;	  /* a fragment at all */
	__u8 tcp_flags;
	__u32 l4;	  /* offset of the transport header from the network header */
	__u32 bytes;	  /* L3 on the wire, all segments */
	__u32 packets;
};

struct weir_v4 {
	__u8 vihl, tos;
	__be16 len, id, frag;
	__u8 ttl, proto;
	__be16 sum;
	__u8 src[4], dst[4];
};
struct weir_v6 {
	__be32 flow;
	__be16 len;
	__u8 next, hops;
	__u8 src[16], dst[16];
};

static __always_inline int weir_load(struct __sk_buff *skb, __u32 off, void *to, __u32 len)
{
	return bpf_skb_load_bytes_relative(skb, off, to, len, BPF_HDR_START_NET);
}

static __always_inline void weir_map4(__u8 *to, const __u8 *v4)
{
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, v4, 4);
}

/* Returns the L3 length that the header states, 0 on a bad header. */
static __always_inline __u32 weir_parse_v4(struct __sk_buff *skb, struct weir_packet *p)
{
	struct weir_v4 h;
	__u16 frag;

	if (weir_load(skb, 0, &h, sizeof(h)) || h.vihl >> 4 != 4 || (h.vihl & 15) < 5)
		return 0;
	weir_map4(p->src, h.src);
	weir_map4(p->dst, h.dst);
	frag = bpf_ntohs(h.frag);
	p->frag = (frag & 0x3fff) != 0;
	p->frag_later = (frag & 0x1fff) != 0;
	p->proto = h.proto;
	p->l4 = (h.vihl & 15) * 4;
	return bpf_ntohs(h.len) ?: skb->len; /* BIG TCP states 0 */
}

static __always_inline __u32 weir_parse_v6(struct __sk_buff *skb, struct weir_packet *p)
{
	struct weir_v6 h;
	__u8 next, ext[4];

	if (weir_load(skb, 0, &h, sizeof(h)))
		return 0;
	p->v6 = 1;
	__builtin_memcpy(p->src, h.src, 16);
	__builtin_memcpy(p->dst, h.dst, 16);
	p->l4 = sizeof(h);
	next = h.next;
	for (int i = 0; i < WEIR_EXT_HEADERS; i++) {
		if (next != 0 && next != 43 && next != 44 && next != 51 && next != 60)
			break;
		if (weir_load(skb, p->l4, ext, sizeof(ext)))
			break;
		if (next == 44) {
			p->frag = 1;
			p->frag_later = (ext[2] | (ext[3] & 0xf8)) != 0;
			p->l4 += 8;
		} else {
			p->l4 += next == 51 ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
		}
		next = ext[0];
		if (p->frag_later)
			break;
	}
	p->proto = next;
	return h.len ? bpf_ntohs(h.len) + sizeof(h) : skb->len;
}

/* Transport header length, 0 where unknown; fills ports. */
static __always_inline __u32 weir_parse_l4(struct __sk_buff *skb, struct weir_packet *p)
{
	__be16 ports[2];
	__u8 doff_flags[2];

	if (p->frag_later ||
	    (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP && p->proto != IPPROTO_SCTP &&
	     p->proto != IPPROTO_UDPLITE))
		return 0;
	if (weir_load(skb, p->l4, ports, sizeof(ports)))
		return 0;
	p->sport = ports[0];
	p->dport = ports[1];
	if (p->proto != IPPROTO_TCP)
		return 8;
	if (weir_load(skb, p->l4 + 12, doff_flags, sizeof(doff_flags)))
		return 0;
	p->tcp_flags = doff_flags[1];
	return (doff_flags[0] >> 4) * 4;
}

/* l2 = bytes in front of the network header that skb->len includes. 0, or -1 when it is not IP. */
static __always_inline int weir_parse(struct __sk_buff *skb, __u32 l2, struct weir_packet *p)
{
	__u32 l3, l4hdr, gso = skb->gso_size, hdr;

	__builtin_memset(p, 0, sizeof(*p));
	if (skb->protocol == bpf_htons(WEIR_ETH_IP))
		l3 = weir_parse_v4(skb, p);
	else if (skb->protocol == bpf_htons(WEIR_ETH_IPV6))
		l3 = weir_parse_v6(skb, p);
	else
		return -1;
	if (!l3)
		return -1;
	l4hdr = weir_parse_l4(skb, p);
	p->bytes = l3;
	p->packets = 1;
	hdr = p->l4 + l4hdr;
	if (gso && l4hdr && skb->len > l2 + hdr) {
		l3 = skb->len - l2;
		p->packets = (l3 - hdr + gso - 1) / gso;
		p->bytes = l3 + (p->packets - 1) * hdr;
	}
	return 0;
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

#endif
