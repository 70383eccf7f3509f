/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease.h"

#include "lib/base/clock.h"

uint64_t lease_over_s(const struct weir_ctl *ctl, uint64_t now_s)
{
	uint64_t until = __atomic_load_n(&ctl->lease_until_s, __ATOMIC_RELAXED);

	/* In observe there was nothing that could end. */
	if (!until || now_s <= until || ctl->mode == WEIR_MODE_OBSERVE)
		return 0;
	return now_s - until;
}

uint64_t lease_renew(struct weir_ctl *ctl, uint64_t lease_ns, uint64_t now_ns)
{
	uint64_t over = lease_over_s(ctl, now_ns / WEIR_NS_PER_S);
	uint64_t until = lease_ns ? (now_ns + lease_ns + WEIR_NS_PER_S - 1) / WEIR_NS_PER_S : 0;

	ctl->lapsed_s += over;
	__atomic_store_n(&ctl->lease_until_s, until, __ATOMIC_RELEASE);
	return over;
}

uint64_t lease_until_ns(const struct weir_ctl *ctl, uint64_t now_ns, uint64_t wall_ns)
{
	uint64_t until = __atomic_load_n(&ctl->lease_until_s, __ATOMIC_RELAXED) * WEIR_NS_PER_S;

	return until && ctl->mode != WEIR_MODE_OBSERVE ? wall_ns + until - now_ns : 0;
}
