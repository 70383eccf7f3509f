/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conntrack.h"

#include <linux/filter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "lib/ds/map.h"

/* A window's worth of messages; more than that costs a read of the whole table. */
#define BUFFER (4 << 20)
#define ATTRS (NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)))

/* Of what began before we listened, the kernel does not tell the end: found by reading the table again. */
#define TABLE_EVERY 32 /* windows */

struct entry {
	struct weir_nat nat;
	uint32_t table; /* reading of the whole table that it was last heard at or after */
	uint32_t round; /* in which it was new */
	bool silent;	/* known from a table, not from a message */
};

struct conntrack {
	int fd;
	struct weir_map *known; /* weir_nat_key -> struct entry */
	struct weir_map *ended; /* keys, since the last call */
	size_t max;
	uint64_t refused;
	uint32_t table, calls;
	uint32_t round, newest; /* of all entries */
	bool reading, silent;
};

/* Only what has a translated destination wakes us: the rest is dropped before it is copied. */
static int set_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_IMM, ATTRS),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_STATUS),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, NLA_HDRLEN),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IPS_DST_NAT, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	const struct sock_fprog program = {.len = WEIR_ARRAY_SIZE(code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

static int open_socket(int *ret)
{
	weir_auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	struct sockaddr_nl self = {.nl_family = AF_NETLINK};
	int size = BUFFER;

	if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)))
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)))
		return -errno;
	*ret = weir_take_fd(&fd);
	return 0;
}

static int listen_to(int fd)
{
	const int groups[] = {NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])))
			return -errno;
	return 0;
}

/* Attribute of a type among those of [data, data + len); NULL. */
static const struct nlattr *find_attr(const void *data, size_t len, uint16_t type)
{
	const char *p = data;

	while (len >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)p;
		size_t step = NLA_ALIGN(a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > len)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if (step > len)
			return NULL;
		p += step;
		len -= step;
	}
	return NULL;
}

static const struct nlattr *inside(const struct nlattr *a, uint16_t type)
{
	return a ? find_attr((const char *)a + NLA_HDRLEN, a->nla_len - NLA_HDRLEN, type) : NULL;
}

static bool copy_attr(const struct nlattr *a, void *ret, size_t len)
{
	if (!a || a->nla_len < NLA_HDRLEN + len)
		return false;
	memcpy(ret, (const char *)a + NLA_HDRLEN, len);
	return true;
}

static bool get_address(const struct nlattr *tuple, uint16_t v4, uint16_t v6, uint8_t ret[16])
{
	const struct nlattr *ip = inside(tuple, CTA_TUPLE_IP);

	memcpy(ret, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	return copy_attr(inside(ip, v4), ret + 12, 4) || copy_attr(inside(ip, v6), ret, 16);
}

static bool get_port(const struct nlattr *tuple, uint16_t type, uint16_t *ret_be)
{
	return copy_attr(inside(inside(tuple, CTA_TUPLE_PROTO), type), ret_be, sizeof(*ret_be));
}

int conntrack_parse(const void *message, size_t len, struct weir_nat_key *ret_key, struct weir_nat *ret,
		    bool *ret_ended)
{
	const struct nlmsghdr *h = message;
	const struct nlattr *orig, *reply;
	struct weir_nat_key k = {0};
	struct weir_nat n = {0};
	uint32_t status = 0;
	const char *attrs = (const char *)message + ATTRS;

	if (len < ATTRS || h->nlmsg_len < ATTRS || h->nlmsg_len > len)
		return 0;
	len = h->nlmsg_len - ATTRS;
	orig = find_attr(attrs, len, CTA_TUPLE_ORIG);
	reply = find_attr(attrs, len, CTA_TUPLE_REPLY);
	if (!copy_attr(find_attr(attrs, len, CTA_STATUS), &status, sizeof(status)) ||
	    !(be32toh(status) & IPS_DST_NAT) || !get_address(orig, CTA_IP_V4_SRC, CTA_IP_V6_SRC, k.local) ||
	    !get_address(orig, CTA_IP_V4_DST, CTA_IP_V6_DST, k.remote) ||
	    !get_address(reply, CTA_IP_V4_SRC, CTA_IP_V6_SRC, n.backend) ||
	    !copy_attr(inside(inside(orig, CTA_TUPLE_PROTO), CTA_PROTO_NUM), &k.proto, 1) ||
	    !get_port(orig, CTA_PROTO_SRC_PORT, &k.lport_be) || !get_port(orig, CTA_PROTO_DST_PORT, &k.rport_be) ||
	    !get_port(reply, CTA_PROTO_SRC_PORT, &n.port_be))
		return 0;
	*ret_key = k;
	*ret = n;
	*ret_ended = (h->nlmsg_type & 0xff) == IPCTNL_MSG_CT_DELETE;
	return 1;
}

static int keep(struct conntrack *c, const struct weir_nat_key *k, const struct weir_nat *n)
{
	struct entry *e = weir_map_find(c->known, k, sizeof(*k));
	int r;

	/* Not ended after all: the same ports again. */
	(void)weir_map_take(c->ended, k, sizeof(*k));
	if (e && !memcmp(&e->nat, n, sizeof(*n))) {
		e->table = c->table;
		return 0;
	}
	c->newest = c->round;
	if (e) {
		e->nat = *n;
		e->table = c->table;
		e->round = c->round;
		return 0;
	}
	if (weir_map_count(c->known) >= c->max) {
		c->refused++;
		return 0;
	}
	e = malloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct entry){.nat = *n, .table = c->table, .round = c->round, .silent = c->reading};
	c->silent |= c->reading;
	r = weir_map_put(c->known, k, sizeof(*k), e, NULL);
	if (r < 0)
		free(e);
	return r;
}

/* All messages of one datagram. 1: the answer to a dump is complete. */
static int take(struct conntrack *c, const char *data, size_t len)
{
	int r = 0;

	while (r == 0 && len >= NLMSG_HDRLEN) {
		const struct nlmsghdr *h = (const void *)data;
		size_t step = NLMSG_ALIGN(h->nlmsg_len);
		struct weir_nat_key k;
		struct weir_nat n;
		bool ended;

		if (h->nlmsg_len < NLMSG_HDRLEN || h->nlmsg_len > len)
			return 0;
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (h->nlmsg_type >> 8 == NFNL_SUBSYS_CTNETLINK && conntrack_parse(data, len, &k, &n, &ended))
			r = ended ? weir_map_put(c->ended, &k, sizeof(k), c, NULL) : keep(c, &k, &n);
		if (step >= len)
			break;
		data += step;
		len -= step;
	}
	return r;
}

/* Until nothing is left, or a dump is complete. -ENOBUFS: messages were lost. */
static int receive(struct conntrack *c, int fd)
{
	char data[16384] __attribute__((aligned(8)));

	for (;;) {
		ssize_t n = recv(fd, data, sizeof(data), 0);
		int r = n < 0 ? -errno : take(c, data, (size_t)n);

		if (r == -EINTR)
			continue;
		if (r)
			return r == 1 || r == -EAGAIN ? 0 : r;
	}
}

/* What the table just read does not have any more. */
static int end_unheard(struct conntrack *c)
{
	const void *key;
	size_t pos = 0, len;
	void *value;
	int r = 0;

	c->silent = false;
	while (r == 0 && weir_map_next(c->known, &pos, &key, &len, &value)) {
		const struct entry *e = value;

		if (e->table != c->table)
			r = weir_map_put(c->ended, key, len, c, NULL);
		else
			c->silent |= e->silent;
	}
	return r;
}

/* The whole table, on a socket of its own: without the filter, which would look at first messages only. */
static int read_table(struct conntrack *c)
{
	const struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} ask = {.h = {.nlmsg_len = sizeof(ask),
		       .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	weir_auto_close int fd = -1;
	int r = open_socket(&fd);

	if (r < 0)
		return r;
	if (send(fd, &ask, sizeof(ask), 0) < 0)
		return -errno;
	c->table++;
	c->calls = 0;
	c->reading = true;
	r = receive(c, fd);
	c->reading = false;
	return r < 0 ? r : end_unheard(c);
}

int conntrack_forget(struct conntrack *c)
{
	struct weir_map *fresh = NULL;
	const void *key;
	size_t pos = 0, len;
	void *value;
	int r;

	c->calls++;
	if (!weir_map_count(c->ended))
		return 0;
	while (weir_map_next(c->ended, &pos, &key, &len, &value))
		free(weir_map_take(c->known, key, len));
	r = weir_map_new(&fresh);
	if (r < 0)
		return r;
	weir_map_free(c->ended, NULL);
	c->ended = fresh;
	return 0;
}

int conntrack_read(struct conntrack *c)
{
	int r = receive(c, c->fd);

	if (r == -ENOBUFS || (r == 0 && c->silent && c->calls >= TABLE_EVERY))
		r = read_table(c);
	return r;
}

bool conntrack_find(const struct conntrack *c, const struct weir_nat_key *key, struct weir_nat *ret)
{
	struct weir_nat_key k = *key;
	const struct entry *e;

	k.workload = 0;
	e = weir_map_find(c->known, &k, sizeof(k));
	if (e)
		*ret = e->nat;
	return e;
}

static bool is_new(const struct conntrack *c, uint32_t round)
{
	return c->round - round < 2;
}

bool conntrack_has_new(const struct conntrack *c)
{
	return weir_map_count(c->known) && is_new(c, c->newest);
}

bool conntrack_find_new(const struct conntrack *c, const struct weir_nat_key *key, struct weir_nat *ret)
{
	struct weir_nat_key k = *key;
	const struct entry *e;

	k.workload = 0;
	e = weir_map_find(c->known, &k, sizeof(k));
	if (!e || !is_new(c, e->round))
		return false;
	*ret = e->nat;
	return true;
}

void conntrack_next_round(struct conntrack *c)
{
	c->round++;
}

size_t conntrack_count(const struct conntrack *c)
{
	return weir_map_count(c->known);
}

uint64_t conntrack_refused(const struct conntrack *c)
{
	return c->refused;
}

void conntrack_free(struct conntrack *c)
{
	if (!c)
		return;
	weir_map_free(c->known, free);
	weir_map_free(c->ended, NULL);
	weir_closep(&c->fd);
	free(c);
}

static void conntrack_freep(struct conntrack **c)
{
	conntrack_free(*c);
}

int conntrack_new(size_t max, struct conntrack **ret)
{
	weir_cleanup(conntrack_freep) struct conntrack *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->fd = -1;
	c->max = max;
	if ((r = weir_map_new(&c->known)) || (r = weir_map_new(&c->ended)) ||
	    (r = open_socket(&c->fd)) || (r = set_filter(c->fd)) || (r = listen_to(c->fd)))
		return r;
	/* First listen, then read: what begins in between is heard twice, not missed. */
	r = read_table(c);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(c);
	return 0;
}
