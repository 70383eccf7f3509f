/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network would be with a change: a list of edits, applied to a topology gives another one (the first stays as it
 * is) and to recorded traffic other rows. Rules propose such lists, replay proves them.
 */
#ifndef WEIR_MONEY_CHANGE_H
#define WEIR_MONEY_CHANGE_H

#include "lib/money/traffic.h"

enum weir_edit_kind {
	WEIR_EDIT_ROUTE,	 /* in subnet (NULL: all of the domain) a route to `to` or `service` by `via` and gateway; replaces one to the same */
	WEIR_EDIT_ROUTE_REMOVE,
	WEIR_EDIT_NAT,		 /* a NAT gateway: name, zone */
	WEIR_EDIT_NAT_REMOVE,
	WEIR_EDIT_ENDPOINT,	 /* an interface endpoint: name, service, one zone or "" */
	WEIR_EDIT_ENDPOINT_REMOVE,
	WEIR_EDIT_BALANCER_REMOVE,
	WEIR_EDIT_BALANCER_CROSS_ZONE, /* of a load balancer: on or off */
	WEIR_EDIT_LOCAL,	 /* traffic: `ppm` of cross-zone bytes of workload to peer workload stay in the zone */
	WEIR_EDIT_SCALE,	 /* traffic: bytes of workload to service or peer workload become ppm millionths (compression) */
	WEIR_EDIT_ADDRESS,	 /* traffic: peers at public address `to` of ours are reached at private address `address` */
	WEIR_EDIT_MOVE,		 /* traffic: workload's address becomes one of subnet (another zone or region) */
};
struct weir_edit {
	enum weir_edit_kind kind;
	const char *domain, *subnet, *name, *zone, *service, *via, *gateway, *target; /* as in a Topology document; "" or NULL */
	struct weir_prefix to;
	struct weir_addr address;
	const char *workload_namespace, *workload, *peer_namespace, *peer_workload;
	uint32_t ppm;
	bool on;
};

/* A sealed copy with the edits; -EINVAL with the edit that does not fit. */
int weir_change_topology(const struct weir_topology *t, const struct weir_edit *edits, size_t n,
			 struct weir_topology **ret, struct weir_err *err);
/* A copy of the rows with the edits of traffic. */
int weir_change_traffic(const struct weir_topology *t, const struct weir_traffic_set *s, const struct weir_edit *edits,
			size_t n, struct weir_traffic_set **ret);

#endif
