/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The topology as its loader fills it and its classifier reads it. Tables are arrays and the tries
 * hold indices into them. Route 0 is "no route": it stands at ::ffff:0:0/96 of each subnet's
 * trie, so that an IPv6 default route never carries IPv4.
 */
#ifndef WEIR_MONEY_MODEL_H
#define WEIR_MONEY_MODEL_H

#include "lib/money/topology.h"

#define TOPO_MAX_DOMAINS 4096
#define TOPO_NONE UINT32_MAX

enum topo_via {
	TOPO_VIA_NONE,
	TOPO_VIA_LOCAL,
	TOPO_VIA_IGW,
	TOPO_VIA_NAT,
	TOPO_VIA_PEERING,
	TOPO_VIA_TGW,
	TOPO_VIA_VPN,
	TOPO_VIA_DIRECT,
	TOPO_VIA_ENDPOINT,
	TOPO_VIA_GATEWAY_ENDPOINT,
};

struct topo_hop { /* a NAT gateway, an endpoint, or a node of a load balancer */
	uint32_t domain;
	const char *name;
	const char *zone;    /* "" = serves every zone */
	const char *service; /* endpoints */
	uint32_t balancer;   /* whose node it is; TOPO_NONE */
	uint32_t next;	     /* node of another load balancer at the same prefix; TOPO_NONE */
	struct weir_prefix at; /* of a node; of a NAT gateway its own address, "::" = not known */
	bool outside;	     /* of the domain's prefixes: a provider's proxy */
	bool anywhere;	     /* in its subnet: the address is not known, so only targets can mean it */
};

struct topo_balancer {
	struct weir_balancer pub;
	uint32_t domain;
	struct weir_lpm *targets;
	uint32_t first_node, node_count; /* in hops */
	uint32_t *subnets;		 /* that hold targets, known after the seal */
	size_t subnet_count;
};

struct topo_zone {
	const char *id, *region;
};

struct topo_route {
	enum topo_via via;
	struct weir_prefix to;
	const char *to_service; /* or the service whose ranges in the subnet's region it takes */
	uint32_t hop;		/* NAT or endpoint; TOPO_NONE */
	const char *target;	/* domain behind a peering or transit gateway; NULL */
	uint32_t target_domain; /* its index, known after the seal; TOPO_NONE */
	const char *unresolved; /* the message for the seal, written while the line is known */
	uint32_t subnet;	/* that owns it */
};

struct topo_subnet {
	struct weir_subnet pub;
	const char *class;
	const char *table; /* the provider's id of its route table; "" = not known */
	uint32_t domain;
	struct weir_lpm *routes;
	uint32_t front; /* first load balancer that shows its targets here the clients' addresses; TOPO_NONE */
};

struct topo_range {
	struct weir_prefix prefix;
	const char *service, *region;
	uint8_t rank; /* how specific the service is: ranges.c */
};

struct topo_domain {
	const char *name, *provider, *account, *where;
	struct weir_lpm *prefixes;  /* what the domain holds */
	struct weir_lpm *subnets;   /* -> subnets */
	struct weir_lpm *endpoints; /* addresses of endpoints and nodes -> hops */
	struct weir_lpm *onprem;
	struct topo_zone *zones;
	size_t zone_count;
	size_t first_subnet, subnet_count; /* in the topology's */
	uint64_t valid_from, valid_to; /* Unix seconds, half open */
	bool latest;		       /* of the versions of this domain */
	bool outside;		       /* endpoints has addresses that prefixes does not hold */
};

struct weir_topology {
	struct topo_domain *domains;
	size_t domain_count;
	struct topo_subnet *subnets;
	size_t subnet_count;
	struct topo_hop *hops;
	size_t hop_count;
	struct topo_route *routes;
	size_t route_count;
	struct topo_range *ranges;
	size_t range_count;
	struct weir_lpm *range_lpm;
	struct topo_balancer *balancers;
	size_t balancer_count;
	const char **range_files;
	size_t range_file_count, range_files_added;
	uint32_t *classes; /* subnets of latest domains, sorted by class */
	size_t class_count;
	char **strings;
	size_t string_count;
	bool sealed;
	/* Of a changed copy (change.c): whose texts, ranges and tables it reads. It owns its arrays, and the tries of
	 * routes and endpoints that are not those of the base. What a change removes stays as a row: a hop and a load
	 * balancer of domain TOPO_NONE, a route of TOPO_VIA_NONE. */
	const struct weir_topology *base;
};

/* A copy that lives as long as the topology; NULL on failure. */
const char *topo_string(struct weir_topology *t, const char *s);
/* Grows an array by one zeroed row; rows move, so keep indices, not pointers. NULL on failure. */
void *topo_grow(void *array_p, size_t *count, size_t row_size);
#define topo_add_row(array_p, count_p)                                                             \
	((__typeof__(*(array_p)))topo_grow(array_p, count_p, sizeof(**(array_p))))
/* The version that held at the time; NULL. */
const struct topo_domain *topo_domain_at(const struct weir_topology *t, const char *name,
					 uint64_t time_s);
/* The domain behind a peering or transit gateway; NULL = none, or none at that time. */
const struct topo_domain *topo_target(const struct weir_topology *t, const struct topo_route *rt,
				      uint64_t time_s);
struct topo_from {
	const struct topo_domain *d; /* NULL = unknown */
	const struct topo_subnet *s; /* NULL = in none */
	const struct weir_addr *local; /* NULL = any of the subnet */
	uint64_t time_s;
};
/* Classifies all bytes to the prefix that no longer boundary takes away. */
void topo_route_prefix(const struct weir_topology *t, const struct topo_from *from,
		       const struct weir_prefix *peer, struct weir_route *ret);
/* The same for a peer that is a node (topology_balancer.c); false: for this workload it is none. */
bool topo_route_balancer(const struct weir_topology *t, const struct topo_from *from, uint32_t hop,
			 struct weir_route *ret);
/* Sets ret->front for a public peer. */
void topo_set_front(const struct weir_topology *t, const struct topo_from *from,
		    struct weir_route *ret);
/* Reads spec.load_balancers of the domain, behind its subnets. */
int topo_add_balancers(struct weir_topology *t, uint32_t domain, struct weir_y *seq,
		       struct weir_err *err);
/* Which subnets hold targets. */
int topo_seal_balancers(struct weir_topology *t);
void topo_balancer_fini(struct topo_balancer *b);
/* "nat" */
const char *topo_via_name(enum topo_via via);
bool topo_via_parse(const char *name, enum topo_via *ret);
/* Puts the ranges of a service route into its subnet's trie. */
int topo_expand_service(struct weir_topology *t, uint32_t route);
/* Puts a range where no more specific service's range covers it; of two equal ones the first stays. */
int topo_put_range(struct weir_topology *t, const struct topo_range *range);
/* Adds the boundaries that hold for every domain (loopback, link-local, private ranges). */
int topo_fixed_boundaries(struct weir_lpm *b);
/* Reads spec.subnets of the domain (topology_subnet.c). */
int topo_add_subnets(struct weir_topology *t, uint32_t domain, struct weir_y *seq,
		     struct weir_err *err);
/* ::/0 or 0.0.0.0/0 */
static inline bool topo_is_all(const struct weir_prefix *p)
{
	return p->len == 0 || (p->len == 96 && weir_addr_is_v4(&p->addr));
}
/* A list of prefixes into a trie, value 0; refuses duplicates and prefixes over both families. */
int topo_add_prefixes(struct weir_lpm *lpm, struct weir_y *seq, struct weir_err *err);
int topo_read_prefix(struct weir_y *y, struct weir_prefix *ret, struct weir_err *err);
/* The text of an optional key, kept in the topology; def (may be "") when absent. */
int topo_read_string(struct weir_topology *t, struct weir_y *y, const char *key, const char *def,
		     const char **ret, struct weir_err *err);
/* Region of a zone id of the domain; NULL. */
const char *topo_region(const struct topo_domain *d, const char *zone);

#endif
