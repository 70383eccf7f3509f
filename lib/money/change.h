/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network would be with a change: a list of edits, applied to a topology gives another one (the first stays as it
 * is) and to recorded traffic other rows. Rules propose such lists, replay proves them.
 */
#ifndef WEIR_MONEY_CHANGE_H
#define WEIR_MONEY_CHANGE_H

#include "lib/money/traffic.h"

enum weir_edit_kind {
	/* in subnet (NULL: all of the domain) a route to `service`, else to `to`, by `via` ("nat", "endpoint", "peering", as
	 * in a document), with gateway, the name of a NAT gateway or endpoint, or target, a domain. Replaces one to the same. */
	WEIR_EDIT_ROUTE,
	WEIR_EDIT_ROUTE_REMOVE,	 /* the same; no subnet may be without it, unless NULL means all */
	WEIR_EDIT_NAT,		 /* a NAT gateway: name, zone */
	WEIR_EDIT_NAT_REMOVE,	 /* no route may be left by it */
	WEIR_EDIT_ENDPOINT,	 /* an interface endpoint: name, service, one zone or "" */
	WEIR_EDIT_ENDPOINT_REMOVE,
	WEIR_EDIT_BALANCER_REMOVE,
	/* of a load balancer: on, or off: then what a target got of a node in another zone comes from one of its own zone */
	WEIR_EDIT_BALANCER_CROSS_ZONE,
	/* traffic of domain (NULL: of all): `ppm` of cross-zone bytes between workload and peer workload stay in the zone */
	WEIR_EDIT_LOCAL,
	/* traffic: bytes between workload and service, or peer workload, become ppm millionths, in both directions */
	WEIR_EDIT_SCALE,
	/* traffic of domain (NULL: of all): peers at a public address in `to`, of ours, are reached at private address `address` */
	WEIR_EDIT_ADDRESS,
	/* traffic of domain `target` (NULL: of all): workload's addresses become others of subnet of domain (another zone or
	 * region), in its own rows and its peers' */
	WEIR_EDIT_MOVE,
	WEIR_EDITS,
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

#define WEIR_EDITS_MAX 4096u
const char *weir_edit_name(enum weir_edit_kind k); /* "route-remove" */
/* Of traffic; others are of the topology. WEIR_EDIT_BALANCER_CROSS_ZONE off is of both. */
bool weir_edit_is_traffic(const struct weir_edit *e);

/*
 * A copy with the edits, which are made in their order. It reads texts, ranges and tables of t: free it first. Edits of
 * traffic are looked at and change nothing. An edit must fit the last version of its domain, and is made in those older
 * ones too where it fits; an edit of a domain that is not there does not fit. -EINVAL: "edit 2 (nat-remove): what is wrong".
 */
int weir_change_topology(const struct weir_topology *t, const struct weir_edit *edits, size_t n,
			 struct weir_topology **ret, struct weir_err *err);
/*
 * A copy of the rows with the edits of traffic, in their order; t says what a row's path is before the change. A workload
 * that an edit does not name is any. A flow that both ends recorded is changed in the rows of both. -EINVAL for a subnet that is not there.
 */
int weir_change_traffic(const struct weir_topology *t, const struct weir_traffic_set *s, const struct weir_edit *edits,
			size_t n, struct weir_traffic_set **ret);

#endif
