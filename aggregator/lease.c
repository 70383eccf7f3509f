/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes whose orphan lease ran out: no agent is there to say that enforcement ended, so it is said here,
 * in the log and in the audit log, and again when an agent that returned reports for how long.
 */
#include "aggregator/service.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <inttypes.h>

/* Of one sweep; the next comes soon. */
#define MOST 100

static int note_ended(struct service *sv, uint64_t now_ns)
{
	char node[WEIR_NODE_MAX], when[32];
	uint64_t until_ns;
	int r = store_lease_ended(sv->store, now_ns, node, &until_ns);

	if (r)
		return r;
	weir_time_text(until_ns, when);
	weir_log(WEIR_LOG_WARN,
		 "%s: no agent renewed its lease, enforcement there ended at %s (unless one did and cannot be heard)",
		 node, when);
	service_audited(audit_add(sv->audit, now_ns, "lease-ended", "node", node, "at", when, NULL));
	return 0;
}

static int note_resumed(struct service *sv, uint64_t now_ns)
{
	char node[WEIR_NODE_MAX], seconds[24];
	uint64_t lapsed_s;
	int r = store_lapse_ended(sv->store, node, &lapsed_s);

	if (r)
		return r;
	snprintf(seconds, sizeof(seconds), "%" PRIu64, lapsed_s);
	weir_log(WEIR_LOG_WARN, "%s: enforces again after %s s without, because no agent renewed its lease", node,
		 seconds);
	service_audited(audit_add(sv->audit, now_ns, "lease-resumed", "node", node, "seconds_without", seconds,
				  NULL));
	return 0;
}

void leases_sweep(struct service *sv, uint64_t now_ns)
{
	int r = 0;

	for (int i = 0; !r && i < MOST; i++)
		r = note_ended(sv, now_ns);
	if (r == -ENOENT)
		r = 0;
	for (int i = 0; !r && i < MOST; i++)
		r = note_resumed(sv, now_ns);
	if (r && r != -ENOENT)
		weir_log_err(r, "store: leases cannot be read: %s", store_error(sv->store));
}
