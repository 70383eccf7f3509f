/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ifaces.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

/* A burst of some thousand interfaces before the kernel has to drop news. */
#define RECEIVE_BUFFER (1 << 20)
#define DATAGRAM 32768

int ifaces_open(int *ret_fd)
{
	weir_auto_close int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int size = RECEIVE_BUFFER;

	if (fd < 0)
		return -errno;
	/* A smaller buffer only means more looking anew. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	*ret_fd = weir_take_fd(&fd);
	return 0;
}

/* False: no news of a link. A port that leaves a bridge is told as DELLINK of family AF_BRIDGE while
 * the interface stays. */
static bool read_link(const struct nlmsghdr *h, struct iface_news *ret)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const struct rtattr *a;
	unsigned int len;

	if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) ||
	    h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->ifi_family != AF_UNSPEC ||
	    info->ifi_index <= 0)
		return false;
	*ret = (struct iface_news){.ifindex = (uint32_t)info->ifi_index,
				   .gone = h->nlmsg_type == RTM_DELLINK};
	len = h->nlmsg_len - (unsigned int)NLMSG_LENGTH(sizeof(*info));
	for (a = IFLA_RTA(info); RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if (a->rta_type == IFLA_IFNAME)
			memcpy(ret->name, RTA_DATA(a),
			       strnlen(RTA_DATA(a), WEIR_MIN(sizeof(ret->name) - 1, RTA_PAYLOAD(a))));
	}
	return *ret->name;
}

int ifaces_parse(const void *data, size_t len, int (*fn)(const struct iface_news *n, void *arg), void *arg)
{
	const struct nlmsghdr *h = data;
	struct iface_news n;

	while (len >= sizeof(*h)) {
		size_t step = NLMSG_ALIGN(h->nlmsg_len);

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
			return -EBADMSG;
		if (read_link(h, &n)) {
			int r = fn(&n, arg);

			if (r)
				return r;
		}
		if (step >= len)
			break;
		h = (const void *)((const char *)h + step);
		len -= step;
	}
	return 0;
}

int ifaces_read(int fd, int (*fn)(const struct iface_news *n, void *arg), void *arg)
{
	_Alignas(struct nlmsghdr) char data[DATAGRAM];

	for (;;) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), MSG_TRUNC, (struct sockaddr *)&from, &from_len);
		int r;

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (from.nl_pid) /* not the kernel */
			continue;
		if ((size_t)n > sizeof(data))
			return -ENOBUFS;
		r = ifaces_parse(data, (size_t)n, fn, arg);
		if (r)
			return r;
	}
}
