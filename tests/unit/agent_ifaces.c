/* SPDX-License-Identifier: Apache-2.0 */
/* News of interfaces: built messages, hostile ones, and the kernel's own. */
#include "agent/ifaces.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/lib/test.h"

struct heard {
	struct iface_news news[16];
	size_t count;
	int answer;
};

static int hear(const struct iface_news *n, void *arg)
{
	struct heard *h = arg;

	if (h->count < WEIR_ARRAY_SIZE(h->news))
		h->news[h->count++] = *n;
	return h->answer;
}

/* One link message with a name that is not terminated, as attributes need not be. */
static size_t build(char *at, uint16_t type, uint8_t family, int ifindex, const char *name)
{
	struct nlmsghdr *h = (struct nlmsghdr *)at;
	struct ifinfomsg *info = NLMSG_DATA(h);
	struct rtattr *a;

	h->nlmsg_len = NLMSG_LENGTH(sizeof(*info));
	memset(h, 0, NLMSG_SPACE(sizeof(*info)) + 64);
	h->nlmsg_len = (uint32_t)(NLMSG_SPACE(sizeof(*info)) + RTA_LENGTH(strlen(name)));
	h->nlmsg_type = type;
	info->ifi_family = family;
	info->ifi_index = ifindex;
	a = IFLA_RTA(info);
	a->rta_type = IFLA_IFNAME;
	a->rta_len = (unsigned short)RTA_LENGTH(strlen(name));
	memcpy(RTA_DATA(a), name, strlen(name));
	return NLMSG_ALIGN(h->nlmsg_len);
}

TEST(messages_become_news)
{
	_Alignas(8) char data[1024] = {0};
	struct heard h = {0};
	size_t len = build(data, RTM_NEWLINK, AF_UNSPEC, 7, "eth7");

	len += build(data + len, RTM_DELLINK, AF_BRIDGE, 8, "port8");
	len += build(data + len, RTM_DELLINK, AF_UNSPEC, 9, "eth9");
	len += build(data + len, RTM_NEWROUTE, AF_UNSPEC, 10, "eth10");
	len += build(data + len, RTM_NEWLINK, AF_UNSPEC, 11, "a-name-far-longer-than-any-can-be");
	CHECK(ifaces_parse(data, len, hear, &h) == 0, "refused");
	CHECK(h.count == 3, "%zu pieces of news", h.count);
	CHECK(h.news[0].ifindex == 7 && !h.news[0].gone && !strcmp(h.news[0].name, "eth7"), "new");
	CHECK(h.news[1].ifindex == 9 && h.news[1].gone && !strcmp(h.news[1].name, "eth9"),
	      "a port that left its bridge was taken for an interface that is gone");
	CHECK(strlen(h.news[2].name) == IF_NAMESIZE - 1, "name of %zu", strlen(h.news[2].name));
}

TEST(a_refusal_ends_the_reading)
{
	_Alignas(8) char data[512] = {0};
	struct heard h = {.answer = -EIO};
	size_t len = build(data, RTM_NEWLINK, AF_UNSPEC, 7, "eth7");

	len += build(data + len, RTM_NEWLINK, AF_UNSPEC, 8, "eth8");
	CHECK(ifaces_parse(data, len, hear, &h) == -EIO && h.count == 1, "%zu", h.count);
}

TEST(hostile_bytes_are_survived)
{
	unsigned int seed = (unsigned int)time(NULL);
	_Alignas(8) char data[512];

	printf("# seed %u\n", seed);
	for (int i = 0; i < 20000; i++) {
		struct heard h = {0};
		size_t len;
		char *exact;

		memset(data, 0, sizeof(data));
		len = build(data, RTM_NEWLINK, AF_UNSPEC, 7, "eth7");
		len += build(data + len, RTM_DELLINK, AF_UNSPEC, 8, "eth8");
		for (int k = rand_r(&seed) % 8; k > 0; k--)
			data[(size_t)rand_r(&seed) % len] = (char)rand_r(&seed);
		len = (size_t)rand_r(&seed) % (len + 1);
		exact = malloc(len + !len); /* so that a sanitizer sees one byte too far */
		memcpy(exact, data, len);
		ifaces_parse(exact, len, hear, &h);
		free(exact);
	}
	CHECK(true, "unreachable");
}

static bool heard_of(const struct heard *h, const char *name, bool gone)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->news[i].gone == gone && !strcmp(h->news[i].name, name))
			return true;
	return false;
}

static bool wait_for(int fd, struct heard *h, const char *name, bool gone)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (!heard_of(h, name, gone)) {
		if (poll(&p, 1, 5000) <= 0 || ifaces_read(fd, hear, h))
			return false;
	}
	return true;
}

TEST(the_kernel_tells)
{
	struct heard h = {0};
	int fd = -1;

	if (unshare(CLONE_NEWNET)) {
		SKIP("no network namespace of its own");
		return;
	}
	CHECK(ifaces_open(&fd) == 0, "open");
	CHECK(system("ip link add weirt0 type veth peer name weirt1") == 0, "no veth");
	CHECK(wait_for(fd, &h, "weirt0", false) && wait_for(fd, &h, "weirt1", false), "not told of new ones");
	CHECK(system("ip link del weirt0") == 0, "no veth");
	CHECK(wait_for(fd, &h, "weirt0", true) && wait_for(fd, &h, "weirt1", true), "not told of their end");
	close(fd);
}

TEST_MAIN(T(messages_become_news), T(a_refusal_ends_the_reading), T(hostile_bytes_are_survived),
	  T_ROOT(the_kernel_tells))
