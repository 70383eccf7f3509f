/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topology: where an address is and which path a byte takes from a workload's subnet to a peer.
 * Loaded from `kind: Topology` files (one domain each or more), immutable afterwards; no clock, no I/O.
 *
 * An address is unique only inside a domain. Addresses that no domain's prefixes hold are public
 * (domain ""): their service and region come from provider ranges.
 */
#ifndef WEIR_TOPOLOGY_H
#define WEIR_TOPOLOGY_H

#include "lib/conf/yaml.h"
#include "lib/ds/lpm.h"

/* Order is stable: stored in the database and on the wire. */
enum weir_path {
	WEIR_PATH_UNKNOWN = 0,
	WEIR_PATH_SAME_HOST,
	WEIR_PATH_SAME_ZONE,
	WEIR_PATH_CROSS_ZONE,
	WEIR_PATH_CROSS_REGION,
	WEIR_PATH_INTERNET,
	WEIR_PATH_NAT,
	WEIR_PATH_LB,
	WEIR_PATH_ENDPOINT,
	WEIR_PATH_GATEWAY_ENDPOINT,
	WEIR_PATH_PEERING,
	WEIR_PATH_TGW,
	WEIR_PATH_VPN,
	WEIR_PATH_DIRECT,
	WEIR_PATH_CDN,
	WEIR_PATH_ONPREM,
	WEIR_PATHS,
};
const char *weir_path_name(enum weir_path p); /* "cross-zone" */
int weir_path_parse(const char *s, enum weir_path *ret);

struct weir_topology;

struct weir_subnet {
	const char *domain;	/* "aws/111111111111/vpc-1": provider, account, VPC or cluster */
	const char *name;	/* unique inside the domain */
	const char *region;	/* "us-east-1" */
	const char *zone;	/* zone id, "use1-az1" */
	const char *account;
};

/* What the topology says about a byte between a workload's address and a peer. Strings live as long
 * as the topology; "" where unknown. */
struct weir_route {
	enum weir_path path;
	bool cross_zone_hop; /* the NAT gateway or endpoint on the way is in another zone */
	const char *service; /* "aws/s3" or "" */
	const char *region;  /* of the peer */
	const char *zone;    /* of the peer */
	const char *peer_domain; /* domain that holds the peer's address; "" = public */
	const struct weir_subnet *local; /* NULL: the workload's address is in no known subnet */
};

int weir_topology_new(struct weir_topology **ret);
/* Adds one parsed `kind: Topology` document; may be called for many. Errors name file:line:col. */
int weir_topology_add(struct weir_topology *t, struct weir_y *doc, struct weir_err *err);
/* Checks references between documents and builds the lookup tables; call once, after the last add. */
int weir_topology_seal(struct weir_topology *t, struct weir_err *err);
void weir_topology_free(struct weir_topology *t);

/* NULL when the domain is unknown or no subnet of it holds the address. */
const struct weir_subnet *weir_topology_subnet(const struct weir_topology *t, const char *domain,
					       const struct weir_addr *a);
void weir_topology_route(const struct weir_topology *t, const char *domain,
			 const struct weir_addr *local, const struct weir_addr *peer,
			 struct weir_route *ret);

/* A node class is "<domain>/<subnet name>": all nodes of a subnet see the same paths. */
size_t weir_topology_class_count(const struct weir_topology *t);
const char *weir_topology_class(const struct weir_topology *t, size_t i); /* sorted bytewise */
/* Visits disjoint-by-longest-match prefixes that partition what the class sees: every boundary at
 * which path, service, region or zone of a peer may change, in weir_prefix_cmp order, ::/0 (mapped
 * IPv4 default included as ::ffff:0:0/96) first. */
int weir_topology_each(const struct weir_topology *t, const char *class,
		       int (*fn)(const struct weir_prefix *p, const struct weir_route *r, void *arg),
		       void *arg);

#endif
