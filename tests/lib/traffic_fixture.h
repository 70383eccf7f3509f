/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded traffic of a test: short rows of addresses and bytes. */
#ifndef WEIR_TEST_TRAFFIC_FIXTURE_H
#define WEIR_TEST_TRAFFIC_FIXTURE_H

#include "bpf/abi/weir_abi.h"
#include "lib/money/traffic.h"

#define TRAFFIC_HOUR_S 1795500000ull /* 2026-11-24T06:00:00Z */
#define GIB 1073741824ull

/* An agent's row of an hour, opened by the workload. */
static inline struct weir_traffic traffic_row(const char *domain, const char *local, const char *peer, int dir,
					      uint64_t bytes)
{
	struct weir_traffic t = {.hour_s = TRAFFIC_HOUR_S, .domain = domain, .dir = (uint8_t)dir, .proto = 6,
				 .opened = true, .port = 443, .bytes = bytes, .packets = bytes / 1000 + 1, .node = "n1",
				 .namespace = "shop", .workload = "web", .kind = "pod", .team = "shop",
				 .labels = "{\"team\":\"shop\"}"};

	t.folded = !peer;
	weir_addr_parse(local, &t.local);
	if (peer)
		weir_addr_parse(peer, &t.peer);
	return t;
}

static inline int traffic_add(struct weir_traffic_set *s, const char *domain, const char *local, const char *peer, int dir,
			      uint64_t bytes)
{
	const struct weir_traffic t = traffic_row(domain, local, peer, dir, bytes);

	return weir_traffic_add(s, &t);
}

#endif
