/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destination translations that this network namespace makes for others: a pod's packets get their DNAT
 * behind the pod's own namespace (kube-proxy in PREROUTING), where no socket hook sees it. The kernel's
 * connection tracking tells of each, by netlink.
 */
#ifndef WEIR_AGENT_CONNTRACK_H
#define WEIR_AGENT_CONNTRACK_H

#include "bpf/abi/weir_abi.h"
#include "lib/base/base.h"

struct conntrack;
/* max: translations kept; more are counted and not kept. -errno: this kernel has no connection tracking. */
int conntrack_new(size_t max, struct conntrack **ret);
void conntrack_free(struct conntrack *c);
/* Takes in what began and ended. Lost messages are made good by reading the whole table. */
int conntrack_read(struct conntrack *c);
/* Once per window, before the rows are read: forgets what ended before the last call, so that the last
 * bytes of a connection still find it. */
int conntrack_forget(struct conntrack *c);
/* Whether anything is new in this round or was in the last; conntrack_next_round begins another. Twice, so
 * that what is done about it may be undone once by a packet that is just being decided. */
bool conntrack_has_new(const struct conntrack *c);
bool conntrack_find_new(const struct conntrack *c, const struct weir_nat_key *key, struct weir_nat *ret);
void conntrack_next_round(struct conntrack *c);
/* key->workload is not looked at. */
bool conntrack_find(const struct conntrack *c, const struct weir_nat_key *key, struct weir_nat *ret);
size_t conntrack_count(const struct conntrack *c);
/* Translations that found no room. */
uint64_t conntrack_refused(const struct conntrack *c);

/* One message of the kernel: 1 = a destination translation (*ret_ended: it ended), 0 = something else.
 * Apart, so that hostile bytes can be tried on it. */
int conntrack_parse(const void *message, size_t len, struct weir_nat_key *ret_key, struct weir_nat *ret,
		    bool *ret_ended);

#endif
