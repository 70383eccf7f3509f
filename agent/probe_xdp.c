/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Early drop: which peers no subject of this node may exchange a packet with, as the bits that the XDP
 * program reads, and attaching that program: in the driver, else in the kernel's generic path.
 */
#include "agent/probe_priv.h"

#include <linux/if_link.h>
#include <net/if_arp.h>

#include "agent/early.h"
#include "lib/base/log.h"

/* A driver's own hook costs least; where it has none, or refuses this device, the generic one. */
int probe_attach_xdp(struct probe *p, uint32_t ifindex, const char *name, struct weir_err *err)
{
	static const struct {
		uint32_t flags;
		const char *hook;
	} ladder[] = {{XDP_FLAGS_DRV_MODE, "xdp"}, {XDP_FLAGS_SKB_MODE, "xdp-generic"}};
	char link[32];
	int r = 0;

	if (!ladder_has(&p->ladder, RUNG_XDP) || probe_arp_type(name) != ARPHRD_ETHER)
		return 0; /* loopback and devices without a link header: sockets alone enforce */
	snprintf(link, sizeof(link), "xdp%u", ifindex);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ladder); i++) {
		int one = probe_link(p, link, p->prog_fd[PROBE_XDP_IN], (int)ifindex, BPF_XDP,
				     ladder[i].flags);

		if (!one)
			return probe_add_hook(p, ladder[i].hook);
		r = r ? r : one;
	}
	/* It only drops early what is dropped later anyway: not a reason to leave the interface alone. */
	weir_log(WEIR_LOG_WARN, "%s: no early drop: %s; denied packets are dropped at sockets", name,
		 r == -EBUSY ? "another XDP program is there" : strerror(-r));
	return r == -ENODEV ? weir_err_set(err, r, "%s: %s", name, strerror(-r)) : 0;
}

int probe_fill_early(struct probe *p, uint32_t slot, const struct weir_tables *t)
{
	return early_denied(t, p->early + (size_t)slot * p->early_words, p->early_words);
}
