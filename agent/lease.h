/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The orphan lease: without an agent for agent.lease, enforcement ends by itself. The kernel compares
 * weir_ctl.lease_until_s with its coarse clock at every packet; the agent only moves it on. All times
 * are of CLOCK_MONOTONIC, which stands still during suspend like the kernel's coarse clock.
 */
#ifndef WEIR_AGENT_LEASE_H
#define WEIR_AGENT_LEASE_H

#include "bpf/abi/weir_abi.h"
#include "lib/base/base.h"

/* For how many seconds enforcement has been over by itself; 0 = it is not. */
uint64_t lease_over_s(const struct weir_ctl *ctl, uint64_t now_s);
/*
 * From now on enforcement lives for lease_ns, and less than a second more, for the kernel knows whole
 * seconds; 0 = until --detach. Returns what lease_over_s() gave before and adds it to weir_ctl.lapsed_s.
 */
uint64_t lease_renew(struct weir_ctl *ctl, uint64_t lease_ns, uint64_t now_ns);
/* Wall clock at which enforcement ends unless an agent renews the lease before; 0 = never, or there is
 * none in observe. */
uint64_t lease_until_ns(const struct weir_ctl *ctl, uint64_t now_ns, uint64_t wall_ns);

#endif
