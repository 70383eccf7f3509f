/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/runtime.h"

#include <time.h>

#include "lib/base/clock.h"
#include "lib/os/privilege.h"

/* A packet passes a socket's program, an interface's, or both: the more of them ran, the more packets. */
uint64_t runtime_packet_ps(const struct probe_run *from, const struct probe_run *to)
{
	uint64_t sockets = to->sockets - from->sockets, interfaces = to->interfaces - from->interfaces;
	uint64_t packets = WEIR_MAX(sockets, interfaces);

	if (to->sockets < from->sockets || to->interfaces < from->interfaces)
		return 0; /* the programs are others */
	if (!packets || to->ns <= from->ns || to->ns - from->ns > UINT64_MAX / 1000)
		return 0;
	return (to->ns - from->ns) * 1000 / packets;
}

void runtime_window(struct runtime *r, const struct probe *p)
{
	struct probe_run now;
	uint64_t ps;

	if (probe_runs(p, &now))
		return;
	ps = r->known ? runtime_packet_ps(&r->last, &now) : 0;
	if (ps)
		r->packet_ps = ps;
	r->last = now;
	r->known = true;
}

int runtime_measure(uint64_t length_ns, struct weir_err *err)
{
	struct timespec left = {.tv_sec = (time_t)(length_ns / WEIR_NS_PER_S), .tv_nsec = (long)(length_ns % WEIR_NS_PER_S)};
	weir_auto_close int fd = probe_measure();

	if (fd < 0)
		return weir_err_set(err, fd, "the kernel does not measure for us (%s): run it as root, with CAP_SYS_ADMIN",
				    strerror(-fd));
	(void)weir_caps_keep(0);
	while (nanosleep(&left, &left) && errno == EINTR)
		;
	return 0;
}
