/* SPDX-License-Identifier: Apache-2.0 */
/* What adding flows to hours and taking rows from them share. */
#ifndef WEIR_FLOWLOG_HOURS_H
#define WEIR_FLOWLOG_HOURS_H

#include "lib/ds/map.h"
#include "lib/money/flowlog.h"

#define FLOW_NOWHERE (UINT32_MAX - 1) /* as a domain: in no subnet that we know */
#define FLOW_NAMES_MAX (1u << 22)     /* interfaces, owners, addresses that are remembered */

struct flow_candidates {
	struct weir_addr addr[2];
	bool begun, may[2];
};
struct flow_observer {
	struct flow_candidates own[2]; /* IPv6, IPv4 */
};
struct flow_at {
	struct weir_addr addr;
	uint32_t domain;
};
struct weir_flow_hours {
	const struct weir_topology *topology;
	const char **domains; /* each once */
	size_t domain_count;
	struct weir_seen *rows; /* dir may be WEIR_FLOW_SIDELESS: local is src, peer dst */
	size_t row_count;
	struct weir_map *index; /* of rows */
	struct flow_observer *observers;
	size_t observer_count;
	struct weir_map *observer_index, *hints;
	struct weir_map *homes;	   /* the domain that a record names -> domain + 1 */
	struct weir_map *places;   /* (hint, address) -> domain + 1 */
	struct weir_map *gateways; /* flow_at: addresses of interfaces that forward */
	struct weir_flow_owner *owners;
	size_t owner_count;
	struct weir_map *owner_index, *owner_of; /* the latter by flow_at */
	struct weir_flow_hours_stats stats;
};
struct flow_adding {
	struct weir_flow_hours *h;
	const struct weir_flow *f;
	uint32_t observer;
};

int flow_owner_fill(struct weir_flow_owner *o, const struct weir_flow_owner *from);
/* Numbers of things by their text, from 1. -E2BIG behind FLOW_NAMES_MAX. */
int flow_number_of(struct weir_map *m, const void *key, size_t len, uint32_t *ret);
/* The domain of an address, and of the interface itself where the record names it; FLOW_NOWHERE. */
int flow_place(struct weir_flow_hours *h, const struct weir_flow *f, const struct weir_addr *a, uint32_t *ret);
int flow_home(struct weir_flow_hours *h, const struct weir_flow *f, uint32_t *ret);
uint32_t flow_domain_named(const struct weir_flow_hours *h, const char *name);
int flow_row_add(struct weir_flow_hours *h, const struct weir_seen *s);

#endif
