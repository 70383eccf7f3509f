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

/* Order is that of the names in topology_balancer.c. */
enum weir_lb_kind { WEIR_LB_ALB, WEIR_LB_NLB, WEIR_LB_CLB, WEIR_LB_AZURE, WEIR_LB_GCP, WEIR_LB_KINDS };
const char *weir_lb_kind_name(enum weir_lb_kind k); /* "alb", "azure-lb" */

struct weir_balancer {
	const char *name;
	const char *owner; /* team, "" = nobody said */
	enum weir_lb_kind kind;
	bool internet;	  /* its clients are on the internet */
	bool cross_zone;  /* a node sends to targets of other zones too */
	bool passthrough; /* targets see the address of the client, not that of a node */
};

/* What the topology says about a byte between a workload's address and a peer. Strings live as long
 * as the topology; "" where unknown. */
struct weir_route {
	enum weir_path path;
	bool cross_zone_hop; /* the NAT gateway, endpoint or load balancer on the way is in another zone */
	bool behind;	     /* of path lb: the workload is a target; otherwise it is a client */
	/* Of path tgw to a public peer: how the network behind the transit gateway sends it on, nat or
	 * unknown. An unknown way has a price that nobody knows. */
	bool onward;
	enum weir_path onward_path;
	bool front_hop;	     /* what cross_zone_hop becomes behind front */
	const char *service; /* "aws/s3" or "" */
	const char *region;  /* of the peer */
	const char *zone;    /* of the peer */
	const char *peer_domain; /* domain that holds the peer's address; "" = public */
	const struct weir_subnet *local; /* NULL: the workload's address is in no known subnet */
	const struct weir_balancer *balancer; /* of path lb */
	/* A public peer that opened the connection came through this one, which shows its targets
	 * the clients' own addresses; NULL = there is none. See weir_route_answered(). */
	const struct weir_balancer *front;
};
/* The route of a connection that the peer opened: r itself, unless it came through r->front. */
void weir_route_answered(const struct weir_route *r, struct weir_route *ret);

/* Why a route is what it is: what was matched. Strings live as long as the topology; "" = nothing. */
struct weir_route_reason {
	const struct weir_subnet *local, *peer; /* NULL: in no known subnet of the domain */
	const char *domain_file;		/* whose version of the domain held */
	const char *via;			/* of the subnet's route: "nat"; "" = no route was asked or fits */
	const char *to_service;			/* the route leads to a service; else to the prefix: */
	struct weir_prefix to;
	const char *target;		 /* domain behind a peering or transit gateway */
	const char *gateway, *gateway_zone; /* NAT gateway or endpoint */
	const char *range_service, *range_region; /* the provider's range that holds the peer */
	struct weir_prefix range;
};

int weir_topology_new(struct weir_topology **ret);
/* Adds one parsed `kind: Topology` document; may be called for many. Errors name file:line:col. */
int weir_topology_add(struct weir_topology *t, struct weir_y *doc, struct weir_err *err);
/* Files of providers' IP ranges that documents name, relative to the root of their repository; each is
 * to be given to weir_topology_add_ranges() before the seal, which refuses when one is missing. */
size_t weir_topology_range_files(const struct weir_topology *t);
const char *weir_topology_range_file(const struct weir_topology *t, size_t i);
/* AWS ip-ranges.json, GCP cloud.json or Azure ServiceTags, plain or gzip, told apart by content. A prefix
 * that several services name is the most specific one's (ranges.c). name is used in messages. */
int weir_topology_add_ranges(struct weir_topology *t, const char *name, const void *data, size_t len,
			     struct weir_err *err);
#define WEIR_RANGES_MAX (64u << 20) /* bytes of one such file, also when unpacked */
/* Checks references between documents and builds the lookup tables; call once, after the last add. */
int weir_topology_seal(struct weir_topology *t, struct weir_err *err);
void weir_topology_free(struct weir_topology *t);

/* NULL when the domain is unknown or no subnet of it holds the address. */
const struct weir_subnet *weir_topology_subnet(const struct weir_topology *t, const char *domain,
					       const struct weir_addr *a);
/* By the version of the domain that held at the time. */
void weir_topology_route_at(const struct weir_topology *t, const char *domain,
			    const struct weir_addr *local, const struct weir_addr *peer,
			    uint64_t time_s, struct weir_route *ret);
#define WEIR_TOPOLOGY_LATEST UINT64_MAX /* as a time: the version of a domain that begins last */
/* By the last version, which is also what nodes enforce. */
void weir_topology_route(const struct weir_topology *t, const char *domain,
			 const struct weir_addr *local, const struct weir_addr *peer,
			 struct weir_route *ret);
void weir_topology_reason(const struct weir_topology *t, const char *domain,
			  const struct weir_addr *local, const struct weir_addr *peer,
			  uint64_t time_s, struct weir_route_reason *ret);
/* Domains by name, in the order of the documents; NULL behind the last. A version is one of its own. */
const char *weir_topology_domain(const struct weir_topology *t, size_t i);

/* A node class is "<domain>/<subnet name>": all nodes of a subnet see the same paths. Classes and their
 * tables are of the last version of each domain: a bundle must not depend on the clock. */
size_t weir_topology_class_count(const struct weir_topology *t);
const char *weir_topology_class(const struct weir_topology *t, size_t i); /* sorted bytewise */
const struct weir_subnet *weir_topology_class_subnet(const struct weir_topology *t, const char *class); /* or NULL */
/* Visits disjoint-by-longest-match prefixes that partition what the class sees: every boundary at
 * which path, service, region or zone of a peer may change, in weir_prefix_cmp order, ::/0 (mapped
 * IPv4 default included as ::ffff:0:0/96) first. */
int weir_topology_each(const struct weir_topology *t, const char *class,
		       int (*fn)(const struct weir_prefix *p, const struct weir_route *r, void *arg),
		       void *arg);

#endif
