/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The packets that parse.h does not read in place. Out of line and not static, so that the verifier
 * proves each once and the common path stays small. Reads by copy: headers need not be linear.
 */
#ifndef WEIR_PARSE_RARE_H
#define WEIR_PARSE_RARE_H

#define WEIR_TAGS 2	   /* VLAN tags in the frame: QinQ */
#define WEIR_EXT_HEADERS 8 /* IPv6 extension headers followed */
#define WEIR_READ_MAX 1024 /* no header that is read lies beyond */
#define WEIR_GSO_BY_FRAGS 0xffff

enum weir_ip6_header {
	WEIR_IP6_HOP = 0,
	WEIR_IP6_ROUTING = 43,
	WEIR_IP6_FRAGMENT = 44,
	WEIR_IP6_AUTH = 51,
	WEIR_IP6_OPTIONS = 60,
};
#define WEIR_IP6_JUMBO 0xc2 /* option type */

/* Where headers are read from; one of the two is NULL, and the compiler knows which. */
struct weir_source {
	struct __sk_buff *skb;
	struct xdp_md *xdp;
};

static __always_inline int weir_read(struct weir_source s, __u32 off, void *to, __u32 len)
{
	void *data, *end;

	if (off > WEIR_READ_MAX)
		return -1;
	if (s.skb)
		return bpf_skb_load_bytes(s.skb, off, to, len);
	data = (void *)(long)s.xdp->data + off;
	end = (void *)(long)s.xdp->data_end;
	if (data + len > end)
		return -1;
	__builtin_memcpy(to, data, len);
	return 0;
}

static __always_inline int weir_unparsed(struct weir_packet *p, __u8 reason)
{
	p->reason = reason + 1;
	return -1;
}

/* The L3 headers at p->l3. room: bytes from there on. Sets addresses, proto, fragment, l4, bytes. */
static __always_inline int weir_rare_v4(struct weir_source s, __u32 room, __u32 gso, struct weir_packet *p)
{
	struct weir_v4 h;
	__u16 frag;

	if (weir_read(s, p->l3, &h, sizeof(h)))
		return weir_unparsed(p, WEIR_D_TRUNCATED);
	p->l4 = (h.vihl & 15) * 4;
	p->bytes = bpf_ntohs(h.len);
	if (!p->bytes && gso)
		p->bytes = room; /* BIG TCP */
	if (h.vihl >> 4 != 4 || p->l4 < sizeof(h) || p->bytes < p->l4)
		return weir_unparsed(p, WEIR_D_BAD_HEADER);
	if (p->bytes > room)
		return weir_unparsed(p, WEIR_D_TRUNCATED);
	weir_map4(p->src, h.src);
	weir_map4(p->dst, h.dst);
	frag = bpf_ntohs(h.frag);
	p->frag = (frag & 0x3fff) != 0;
	p->frag_later = (frag & 0x1fff) != 0;
	p->frag_id = p->frag ? h.id : 0;
	p->proto = h.proto;
	return 0;
}

struct weir_ext {
	__u8 next, len, type, more;
	__be32 value;
};

/* Length of extension header e of type next; 0: it is none. */
static __always_inline __u32 weir_ext_len(const struct weir_ext *e, __u8 next)
{
	switch (next) {
	case WEIR_IP6_FRAGMENT:
		return sizeof(*e);
	case WEIR_IP6_AUTH:
		return (e->len + 2) * 4;
	case WEIR_IP6_HOP:
	case WEIR_IP6_ROUTING:
	case WEIR_IP6_OPTIONS:
		return (e->len + 1) * 8;
	}
	return 0;
}

/* Follows extension headers from p->l4 on; returns how many bytes of them the wire never carries. */
static __always_inline __u32 weir_rare_ext(struct weir_source s, __u8 next, __u32 gso, struct weir_packet *p)
{
	struct weir_ext e = {};
	__u32 len, unwired = 0;
	int i;

	for (i = 0; i < WEIR_EXT_HEADERS; i++) {
		if (!weir_ext_len(&e, next) || weir_read(s, p->l3 + p->l4, &e, sizeof(e)))
			break;
		len = weir_ext_len(&e, next);
		if (next == WEIR_IP6_HOP && e.type == WEIR_IP6_JUMBO && p->bytes == sizeof(struct weir_v6)) {
			p->bytes += bpf_ntohl(e.value);
			if (gso) /* BIG TCP: put in by the kernel, taken out before the wire */
				unwired = len;
		}
		if (next == WEIR_IP6_FRAGMENT) {
			__u16 at = (__u16)e.type << 8 | e.more;

			p->frag = (at & 0xfff9) != 0; /* an atomic fragment is none */
			p->frag_later = (at & 0xfff8) != 0;
			p->frag_id = e.value;
		}
		p->l4 += len;
		next = e.next;
		if (p->frag_later)
			break;
	}
	p->proto = next;
	if (weir_ext_len(&e, next) && !p->frag_later)
		p->reason = (i == WEIR_EXT_HEADERS ? WEIR_D_EXTENSIONS : WEIR_D_TRANSPORT) + 1;
	return unwired;
}

static __always_inline int weir_rare_v6(struct weir_source s, __u32 room, __u32 gso, struct weir_packet *p,
					__u32 *unwired)
{
	__be16 h[4];

	/* Addresses go where they belong at once: the stack is short. */
	if (weir_read(s, p->l3, h, sizeof(h)) || weir_read(s, p->l3 + sizeof(h), p->src, 32))
		return weir_unparsed(p, WEIR_D_TRUNCATED);
	if ((*(__u8 *)h & 0xf0) != 0x60)
		return weir_unparsed(p, WEIR_D_BAD_HEADER);
	p->v6 = 1;
	p->l4 = sizeof(struct weir_v6);
	p->bytes = bpf_ntohs(h[2]) + sizeof(struct weir_v6);
	*unwired = weir_rare_ext(s, *(__u8 *)(h + 3), gso, p);
	if (!h[2] && gso)
		p->bytes = room; /* BIG TCP, with or without the jumbo option */
	if (p->bytes > room)
		return weir_unparsed(p, WEIR_D_TRUNCATED);
	return 0;
}

/* Length of the transport header of proto at off, of which len bytes are there; 0 = unknown. */
static __always_inline __u32 weir_l4_len(struct weir_source s, __u32 off, __u32 len, __u8 proto,
					 struct weir_l4 *ret)
{
	__u32 doff;

	switch (proto) {
	case IPPROTO_TCP:
		if (len < WEIR_L4_TCP || weir_read(s, off, ret, WEIR_L4_TCP))
			return 0;
		doff = (ret->doff >> 4) * 4;
		return doff < 20 ? 20 : doff;
	case IPPROTO_SCTP:
		return len < 12 || weir_read(s, off, ret, 4) ? 0 : 12;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return len < WEIR_UDP_LEN || weir_read(s, off, ret, 4) ? 0 : WEIR_UDP_LEN;
	}
	return 0;
}

#define WEIR_PORT_VXLAN 4789
#define WEIR_PORT_VXLAN_LINUX 8472
#define WEIR_PORT_GENEVE 6081

/* Carries packets of others, by its outer header. */
static __always_inline bool weir_is_tunnel_port(__be16 port)
{
	return port == bpf_htons(WEIR_PORT_VXLAN) || port == bpf_htons(WEIR_PORT_VXLAN_LINUX) ||
	       port == bpf_htons(WEIR_PORT_GENEVE);
}

static __always_inline bool weir_is_tunnel(const struct weir_packet *p)
{
	return p->proto == IPPROTO_IPIP || p->proto == IPPROTO_IPV6 || p->proto == IPPROTO_GRE ||
	       (p->proto == IPPROTO_UDP && weir_is_tunnel_port(p->dport));
}

static __always_inline bool weir_has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP || proto == IPPROTO_UDPLITE;
}

/* Ports; returns the length of the transport header, 0 where unknown. off: where it begins. */
static __always_inline __u32 weir_rare_l4(struct weir_source s, __u32 off, struct weir_packet *p)
{
	struct weir_l4 h = {};
	__u32 len;

	if (p->frag_later || !weir_has_ports(p->proto))
		return 0;
	len = weir_l4_len(s, off, p->bytes - p->l4, p->proto, &h);
	if (!len)
		p->reason = WEIR_D_TRANSPORT + 1;
	p->sport = h.sport;
	p->dport = h.dport;
	p->tcp_flags = h.flags;
	return len;
}

static __always_inline bool weir_icmp_is_error(const struct weir_packet *p, __u8 type)
{
	if (p->proto == IPPROTO_ICMPV6)
		return type && type < 128;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* The packet quoted at off becomes p's flow, turned round, when its source is who is told. */
static __always_inline void weir_quoted(struct weir_packet *p, const void *src, const void *dst, __u8 proto)
{
	const __u64 *a = src, *b = (const __u64 *)p->dst;

	if (a[0] != b[0] || a[1] != b[1])
		return;
	__builtin_memcpy(p->src, dst, 16);
	p->error = weir_proto_class(proto) + 1;
	p->error_proto = proto;
}

static __always_inline bool weir_is_icmp(const struct weir_packet *p)
{
	return p->proto == (p->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) && !p->frag_later;
}

/* An ICMP error names the flow in its payload. */
__noinline int weir_parse_error(struct __sk_buff *skb, struct weir_packet *p)
{
	__u32 off;
	__u8 type, src[16] __attribute__((aligned(8))), dst[16] __attribute__((aligned(8)));
	struct weir_v6 h6;
	struct weir_v4 h4;
	__be16 ports[2];
	__u32 len;

	if (!p)
		return 0;
	off = p->l3 + p->l4;
	if (bpf_skb_load_bytes(skb, off, &type, 1) || !weir_icmp_is_error(p, type))
		return 0;
	off += 8;
	if (p->v6) {
		if (bpf_skb_load_bytes(skb, off, &h6, sizeof(h6)) || (*(__u8 *)&h6 & 0xf0) != 0x60)
			return 0;
		__builtin_memcpy(src, h6.src, 16);
		__builtin_memcpy(dst, h6.dst, 16);
		len = sizeof(h6);
		weir_quoted(p, src, dst, h6.next);
	} else {
		if (bpf_skb_load_bytes(skb, off, &h4, sizeof(h4)) || h4.vihl >> 4 != 4)
			return 0;
		weir_map4(src, h4.src);
		weir_map4(dst, h4.dst);
		len = (h4.vihl & 15) * 4;
		weir_quoted(p, src, dst, h4.proto);
		if (h4.frag & bpf_htons(0x1fff))
			return 0;
	}
	if (!p->error || !weir_has_ports(p->error_proto) || bpf_skb_load_bytes(skb, off + len, ports, sizeof(ports)))
		return 0;
	p->sport = ports[1];
	p->dport = ports[0];
	return 0;
}

/* Bytes between the outer L3 header at off and the packet inside, and what that packet is. */
static __always_inline __u32 weir_tunnel_len(struct weir_source s, __u32 off, const struct weir_packet *p,
					     __be16 *inner)
{
	__u8 h[16] = {};
	__u32 len;

	*inner = bpf_htons(WEIR_ETH_BRIDGED);
	switch (p->proto) {
	case IPPROTO_IPIP:
		*inner = bpf_htons(WEIR_ETH_IP);
		return 0;
	case IPPROTO_IPV6:
		*inner = bpf_htons(WEIR_ETH_IPV6);
		return 0;
	case IPPROTO_GRE:
		if (weir_read(s, off, h, 4))
			return 0;
		*inner = *(__be16 *)(h + 2);
		return 4 + (h[0] & 0x80 ? 4 : 0) + (h[0] & 0x20 ? 4 : 0) + (h[0] & 0x10 ? 4 : 0);
	}
	if (weir_read(s, off, h, sizeof(h)))
		return 0;
	len = WEIR_UDP_LEN + 8; /* VXLAN */
	if (p->dport == bpf_htons(WEIR_PORT_GENEVE)) {
		*inner = *(__be16 *)(h + WEIR_UDP_LEN + 2);
		len += (h[WEIR_UDP_LEN] & 0x3f) * 4;
	}
	return len;
}

/* All headers of a segment from off on, behind the outer L3 header; 0: not a tunnel that is known. */
static __always_inline __u32 weir_inner_len(struct weir_source s, __u32 off, const struct weir_packet *p)
{
	struct weir_l4 l4 = {};
	__be16 inner;
	__u32 len = weir_tunnel_len(s, off, p, &inner), l4len;
	__u8 h[20], proto, eth[2];

	if (inner == bpf_htons(WEIR_ETH_BRIDGED)) {
		if (weir_read(s, off + len + 12, eth, sizeof(eth)))
			return 0;
		inner = *(__be16 *)eth;
		len += WEIR_ETH_LEN;
	}
	if (weir_read(s, off + len, h, sizeof(h)))
		return 0;
	if (inner == bpf_htons(WEIR_ETH_IP)) {
		len += (h[0] & 15) * 4;
		proto = h[9];
	} else if (inner == bpf_htons(WEIR_ETH_IPV6)) {
		len += sizeof(struct weir_v6);
		proto = h[6];
	} else {
		return 0;
	}
	l4len = weir_l4_len(s, off + len, WEIR_READ_MAX, proto, &l4);
	return l4len ? len + l4len : 0;
}

/* A super-packet becomes segments; hdr = headers of each. */
static __always_inline void weir_rare_segments(struct weir_packet *p, __u32 total, __u32 hdr, __u32 gso,
					       __u32 segs)
{
	if (!hdr || total <= hdr)
		return;
	p->packets = gso == WEIR_GSO_BY_FRAGS ? segs : (total - hdr + gso - 1) / gso;
	if (!p->packets)
		p->packets = 1;
	p->bytes = total + (p->packets - 1) * hdr;
}

/* Finds the network header behind VLAN tags, then reads it. proto: of what is at off. */
static __always_inline int weir_rare_l3(struct weir_source s, __be16 proto, __u32 off, __u32 len, __u32 gso,
					struct weir_packet *p, __u32 *unwired)
{
	__be16 tag[2];

	p->l3 = off;
	for (int i = 0; i < WEIR_TAGS; i++) {
		if (proto != bpf_htons(WEIR_ETH_VLAN) && proto != bpf_htons(WEIR_ETH_QINQ))
			break;
		if (weir_read(s, p->l3, tag, sizeof(tag)))
			return weir_unparsed(p, WEIR_D_TRUNCATED);
		proto = tag[1];
		p->l3 += sizeof(tag);
	}
	p->packets = 1;
	p->bytes = len > p->l3 ? len - p->l3 : 0;
	if (proto == bpf_htons(WEIR_ETH_IP))
		return weir_rare_v4(s, p->bytes, gso, p);
	if (proto == bpf_htons(WEIR_ETH_IPV6))
		return weir_rare_v6(s, p->bytes, gso, p, unwired);
	return weir_unparsed(p, WEIR_D_NOT_IP);
}

/* p is zeroed. See weir_parse(). */
__noinline int weir_parse_rare(struct __sk_buff *skb, __u32 l2, struct weir_packet *p)
{
	struct weir_source s = {.skb = skb};
	__u32 gso = skb->gso_size, unwired = 0, hdr, off, l3len;

	if (!p)
		return -1;
	if (weir_rare_l3(s, skb->protocol, l2, skb->len, gso, p, &unwired))
		return -1;
	l3len = p->l4;
	off = p->l3 + l3len;
	hdr = weir_rare_l4(s, off, p);
	if (gso && weir_is_tunnel(p))
		hdr = weir_inner_len(s, off, p) ?: hdr;
	p->l4 = l3len - unwired;
	p->bytes -= unwired;
	if (gso && hdr)
		weir_rare_segments(p, skb->len - p->l3 - unwired, p->l4 + hdr, gso, skb->gso_segs);
	return 0;
}

__noinline int weir_parse_xdp_rare(struct xdp_md *ctx, struct weir_packet *p)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct weir_source s = {.xdp = ctx};
	__u32 unwired = 0;
	__be16 proto;

	if (!p)
		return -1;
	if (data + WEIR_ETH_LEN > end)
		return weir_unparsed(p, WEIR_D_TRUNCATED);
	proto = *(__be16 *)(data + 12);
	if (weir_rare_l3(s, proto, WEIR_ETH_LEN, end - data, 0, p, &unwired))
		return -1;
	weir_rare_l4(s, p->l3 + p->l4, p);
	return 0;
}

#endif
