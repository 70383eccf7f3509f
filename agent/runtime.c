/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/runtime.h"

#include "lib/base/log.h"

void runtime_init(struct runtime *r, uint64_t every_ns)
{
	*r = (struct runtime){.every_ns = every_ns, .fd = -1};
}

void runtime_fini(struct runtime *r)
{
	weir_closep(&r->fd);
	r->fd = -1;
}

/* A packet passes a socket's program, an interface's, or both: the more of them ran, the more packets. */
uint64_t runtime_packet_ps(const struct probe_run *from, const struct probe_run *to)
{
	uint64_t sockets = to->sockets - from->sockets, interfaces = to->interfaces - from->interfaces;
	uint64_t packets = WEIR_MAX(sockets, interfaces);

	if (!packets || to->ns <= from->ns || to->ns - from->ns > UINT64_MAX / 1000)
		return 0;
	return (to->ns - from->ns) * 1000 / packets;
}

/* Only root may ask; where `sysctl kernel.bpf_stats_enabled` is on, there is something to read all the same. */
static void begin(struct runtime *r, struct probe *p)
{
	r->fd = probe_measure();
	if (r->fd < 0 && !r->complained) {
		r->complained = true;
		weir_log(WEIR_LOG_INFO,
			 "time per packet cannot be measured (%s); sysctl kernel.bpf_stats_enabled=1 does it",
			 strerror(-r->fd));
	}
	r->measuring = probe_runs(p, &r->began) == 0;
	if (!r->measuring)
		runtime_fini(r);
}

void runtime_window(struct runtime *r, struct probe *p, uint64_t now_ns)
{
	struct probe_run now;
	uint64_t ps;

	if (r->measuring) {
		ps = probe_runs(p, &now) == 0 ? runtime_packet_ps(&r->began, &now) : 0;
		if (ps)
			r->packet_ps = ps;
		r->measuring = false;
		runtime_fini(r);
	} else if (r->every_ns && now_ns >= r->next_ns) {
		r->next_ns = now_ns + r->every_ns;
		begin(r, p);
	}
}
