/* SPDX-License-Identifier: Apache-2.0 */
/* Real connections on loopback, in a network namespace and a cgroup of their own, under a probe; one is older than it. */
#ifndef WEIR_TEST_HEALTH_FIXTURE_H
#define WEIR_TEST_HEALTH_FIXTURE_H

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/health.h"
#include "lib/base/clock.h"
#include "tests/lib/probe_fixture.h"
#include "tests/lib/test.h"

struct scene {
	struct fixture x;
	char *home; /* the cgroup this process came from */
	int listener, old, old_peer;
	uint16_t port;
};

static inline int write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	int r = f && fputs(text, f) >= 0 ? 0 : -1;

	return f && fclose(f) == 0 ? r : -1;
}

static inline int enter(const char *cgroup)
{
	char path[512], pid[16];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	snprintf(pid, sizeof(pid), "%d", getpid());
	return write_text(path, pid);
}

static inline struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline int dial(uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int serve(uint16_t *ret_port)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		return -1;
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static inline int loopback_up(void)
{
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	weir_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &req);
}

/* Sends n bytes through and reads them at the other end. */
static inline int move(int from, int to, size_t n)
{
	static char buf[1 << 16];

	for (size_t done = 0; done < n;) {
		size_t part = WEIR_MIN(n - done, sizeof(buf));

		if (send(from, buf, part, MSG_NOSIGNAL) != (ssize_t)part ||
		    recv(to, buf, part, MSG_WAITALL) != (ssize_t)part)
			return -1;
		done += part;
	}
	return 0;
}

/* The old connection is made before weir is loaded. The cgroup exists first: a socket keeps its own. */
static inline int scene_open(struct scene *s, struct weir_err *err)
{
	weir_auto_free char *mount = NULL, *own = NULL;
	size_t len;

	s->listener = s->old = s->old_peer = -1;
	if (unshare(CLONE_NEWNET) || loopback_up() || weir_cgroup2_mount(&mount) ||
	    weir_file_read("/proc/self/cgroup", 65536, &own, &len))
		return weir_err_set(err, -EIO, "no namespace of its own");
	for (char *line = own, *end; line && *line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		if (!strncmp(line, "0::", 3))
			s->home = weir_strf("%s%s", mount, line + 3);
	}
	snprintf(s->x.cgroup, sizeof(s->x.cgroup), "%s/weir-test-%d", mount, getpid());
	mkdir(s->x.cgroup, 0755);
	if (!s->home || enter(s->x.cgroup))
		return weir_err_set(err, -EIO, "no cgroup of its own");
	s->listener = serve(&s->port);
	s->old = dial(s->port);
	s->old_peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (s->old_peer < 0 || move(s->old, s->old_peer, 100000))
		return weir_err_set(err, -EIO, "no connection");
	return fixture_open(&s->x, err);
}

static inline bool scene_begin(struct test_state *test_st, struct scene *s)
{
	struct weir_err err = {{0}};

	CHECK(!scene_open(s, &err), "%s", err.text);
	return s->x.probe;
}

static inline bool scene_iterates(struct test_state *test_st, const struct scene *s)
{
	if (strstr(probe_hooks(s->x.probe), "tcp_iter"))
		return true;
	SKIP("this kernel has no socket iterators");
	return false;
}

static inline void scene_close(struct scene *s)
{
	weir_closep(&s->old);
	weir_closep(&s->old_peer);
	weir_closep(&s->listener);
	if (s->home)
		enter(s->home);
	free(s->home);
	if (s->x.probe)
		fixture_close(&s->x);
	else
		rmdir(s->x.cgroup);
}
#define auto_scene weir_cleanup(scene_close) struct scene

/* Sum over the rows; the overflow row included. */
static inline struct weir_health totals(struct scene *s)
{
	struct weir_health_key keys[8];
	struct weir_health rows[8], sum = {0};
	size_t n = 0;

	probe_health_read(s->x.probe, keys, rows, &n);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < WEIR_H_COUNTS; k++)
			sum.n[k] += rows[i].n[k];
		for (size_t k = 0; k < WEIR_RTT_BUCKETS; k++)
			sum.rtt[k] += rows[i].rtt[k];
	}
	return sum;
}

static uint64_t samples(const struct weir_health *h)
{
	uint64_t n = 0;

	for (size_t k = 0; k < WEIR_RTT_BUCKETS; k++)
		n += h->rtt[k];
	return n;
}

/* What the kernel does after a call returned (a FIN's answer) needs a moment. */
static inline bool until(struct scene *s, enum weir_health_count what, uint64_t want)
{
	uint64_t end = weir_boot_ns() + 5 * WEIR_NS_PER_S;

	while (weir_boot_ns() < end) {
		if (totals(s).n[what] == want)
			return true;
		poll(NULL, 0, 5);
	}
	return false;
}

#endif
