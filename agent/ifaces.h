/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's news of interfaces (rtnetlink), as they come. Knows no BPF. */
#ifndef WEIR_AGENT_IFACES_H
#define WEIR_AGENT_IFACES_H

#include <net/if.h>

#include "lib/base/base.h"

struct iface_news {
	uint32_t ifindex;
	bool gone; /* else: it is there, new or changed */
	char name[IF_NAMESIZE];
};

/* A non-blocking socket that is told of every interface of this network namespace from now on. */
int ifaces_open(int *ret_fd);
/* Calls fn for each piece of news until there is none or fn fails. -ENOBUFS: news were lost, look at
 * all interfaces anew. */
int ifaces_read(int fd, int (*fn)(const struct iface_news *n, void *arg), void *arg);
/* The messages of one datagram; what is no news of a link is skipped. -EBADMSG: cut short. */
int ifaces_parse(const void *data, size_t len, int (*fn)(const struct iface_news *n, void *arg), void *arg);

#endif
