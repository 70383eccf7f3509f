/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules share: rows of traffic with the way that each takes now, sums of them by what a rule is about, drafts of
 * candidates, and the writers of changes. An error of memory sticks to the savings and is looked at once.
 */
#ifndef WEIR_MONEY_RULES_IMPL_H
#define WEIR_MONEY_RULES_IMPL_H

#include <jansson.h>

#include "lib/ds/buf.h"
#include "lib/ds/map.h"
#include "lib/money/model.h"
#include "lib/money/rules.h"

#define RULES_MONTH_H 730u
#define RULES_DAY_S 86400u

struct rules_row { /* of traffic, by the last version of the topology */
	struct weir_traffic t;
	struct weir_route route;
	const struct topo_domain *domain;
	const struct topo_subnet *subnet;
	uint32_t hop; /* NAT gateway or endpoint on the way; TOPO_NONE */
};

struct rules_draft { /* a candidate while it is made; pub.edits and pub.files are set when it is done */
	struct weir_candidate pub;
	struct weir_edit *edits;
	size_t edit_count;
	struct weir_saving_file *files;
	size_t file_count;
};

struct weir_savings {
	struct weir_savings_in in;
	struct weir_topology *now;     /* the last version of each domain, for all times */
	struct weir_traffic_set *days, *months; /* the traffic, summed */
	struct rules_row *rows;
	size_t row_count;
	uint64_t first_s, last_s, hours, seen_hours;
	struct rules_draft **drafts;
	size_t draft_count, dropped; /* dropped: found behind the maximum */
	size_t replays;
	struct weir_proposed *chosen, total;
	size_t chosen_count;
	int64_t cost;
	char **strings;
	size_t string_count;
	struct weir_edit nobody; /* what is written where there was no memory */
	int r; /* the first error; what follows it does nothing */
};

/* What rows have in common; the key tells tallies apart. */
struct rules_tally {
	char *key;
	size_t sample;	   /* a row of it */
	uint64_t rows;
	uint64_t bytes[2]; /* by direction */
	uint64_t hop[2];   /* of them through a gateway in another zone */
	uint32_t *subnets; /* of the workloads, in the order in which they were seen */
	size_t subnet_count;
	size_t *members; /* the rows */
	size_t member_count;
};
struct rules_tallies {
	struct weir_savings *s;
	struct weir_map *by_key;
	struct rules_tally **list;
	size_t count;
};
void rules_tallies_fini(struct rules_tallies *t);
/* Adds row i to the tally of the key; NULL without memory. */
struct rules_tally *rules_tally(struct rules_tallies *t, size_t i, const char *fmt, ...) WEIR_PRINTF(3, 4);
static inline uint64_t rules_bytes(const struct rules_tally *t)
{
	return t->bytes[0] + t->bytes[1];
}

/* Text that lives as long as the savings; "" without memory. */
const char *rules_text(struct weir_savings *s, const char *fmt, ...) WEIR_PRINTF(2, 3);
/* A draft whose id is that of rule and key; NULL when there is no memory or room, or one with this id. */
struct rules_draft *rules_draft(struct weir_savings *s, const char *rule, const char *key);
/* A zeroed edit of its kind; never NULL: without memory it is s->nobody. */
struct weir_edit *rules_edit(struct weir_savings *s, struct rules_draft *d, enum weir_edit_kind kind);
void rules_file(struct weir_savings *s, struct rules_draft *d, enum weir_saving_format format, const char *text);
/* The first guard that holds a draft back stays. */
void rules_hold(struct weir_savings *s, struct rules_draft *d, const char *fmt, ...) WEIR_PRINTF(3, 4);

/* What bytes of a route pay in a leg, at the price of the last hour; 0 where it has none of that kind. */
int64_t rules_leg(const struct weir_savings *s, const struct weir_route *r, unsigned int dir, enum weir_leg leg,
		  uint64_t bytes);
/* Both directions of a tally in a leg of a route. */
int64_t rules_legs(const struct weir_savings *s, const struct weir_route *r, const uint64_t bytes[2], enum weir_leg leg);
/* What `count` of a resource cost in the span; 0 when nobody knows its price. */
int64_t rules_hours(const struct weir_savings *s, const struct topo_domain *d, const char *region, const char *meter,
		    uint64_t count);

/* Where the topology leads. */
const struct topo_route *rules_route(const struct weir_savings *s, const struct topo_subnet *subnet,
				     const struct weir_addr *peer); /* NULL: none */
/* Ranges that rows of a tally were seen in, each in each subnet once, lead by via and gateway. */
void rules_edit_ranges(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y, const char *via,
		       const char *gateway);
bool rules_measured(const struct weir_savings *s, const struct topo_subnet *subnet); /* a row is of it */
static inline void rules_json_freep(json_t **j)
{
	json_decref(*j);
}
/* The subnet of a zone (NULL = any) with a way to the internet by itself; NULL. */
const struct topo_subnet *rules_public_subnet(const struct weir_savings *s, const struct topo_domain *d, const char *zone);
/* Of rule_endpoint.c: is it a service that R02 knows; all endpoints of it in the domain, as edits (how many) and change. */
bool rules_endpoint_offered(const char *service);
/* A public address of a service in a region; false when its ranges are not known. */
bool rules_public_address(const struct weir_topology *t, const char *service, const char *region, struct weir_addr *ret);
uint32_t rules_edit_endpoints_gone(struct weir_savings *s, struct rules_draft *d, const struct topo_domain *domain,
				   const char *service);
void rules_change_endpoints_gone(struct weir_savings *s, struct rules_draft *d, const struct topo_domain *domain,
				 const char *region, const char *service);
bool rules_is(const char *const *names, const char *name); /* names ends with NULL */

/* Replays (rules_replay.c). */
struct rules_priced {
	int64_t nanos;
	uint64_t unpriced_bytes, unpriced_things;
};
struct rules_set { /* of candidates, by their numbers */
	size_t *members;
	size_t count;
};
struct rules_world { /* what a replay needs while it is looked at */
	struct weir_topology *t;
	struct weir_traffic_set *own; /* NULL: the traffic as it was */
	const struct weir_traffic_set *traffic;
	struct weir_replay *replay;
};
void rules_world_fini(struct rules_world *w);
/* Traffic through the topology of now with the edits of a set; what they cost besides. -EINVAL: they do not fit. */
int rules_world(const struct weir_savings *s, const struct weir_traffic_set *traffic, const struct rules_set *set,
		struct rules_world *ret, int64_t *ret_extra);
void rules_priced(const struct weir_replay *r, struct rules_priced *ret);
bool rules_loses_prices(const struct rules_priced *before, const struct rules_priced *after);
/* Costs of a replay by day of the span, of which there are rules_days(); hourly things, and extra, cost each hour alike. */
static inline size_t rules_days(uint64_t first_s, uint64_t last_s)
{
	return (size_t)(last_s / RULES_DAY_S - first_s / RULES_DAY_S) + 1;
}
int rules_by_day(const struct weir_replay *replay, const struct weir_traffic_set *traffic, uint64_t first_s, uint64_t last_s,
		 int64_t extra, int64_t *days);
/* A copy in which one version of each domain holds at all times: the last, which is what a change would change; or that of
 * a time, and of a domain that was not there the last. */
int rules_versions_at(const struct weir_topology *t, uint64_t time_s, struct weir_topology **ret, struct weir_err *err);
int rules_last_versions(const struct weir_topology *t, struct weir_topology **ret, struct weir_err *err);
/* Puts down what each of the chosen saves behind those before it, and leaves out who saves less (rules_account.c). */
int rules_account(struct weir_savings *s, struct rules_set *chosen, int64_t floor, struct weir_err *err);

/* Candidates of which none edits a network of another part's (rules_parts.c). */
struct rules_parts {
	uint32_t *of_domain, *of_draft; /* the part's number; of a draft that is held TOPO_NONE */
	size_t count;
};
void rules_parts_fini(struct rules_parts *p);
int rules_parts_of(const struct weir_savings *s, struct rules_parts *ret);
/* The part's own traffic, by month. */
int rules_part_traffic(const struct weir_savings *s, const struct rules_parts *parts, uint32_t part,
		       struct weir_traffic_set **ret);

/* One finder for each kind of thing; each asks for its rules by id. */
void rules_find_gateways(struct weir_savings *s);  /* rule_gateway.c: R01, R27, R28 */
void rules_find_endpoints(struct weir_savings *s); /* rule_endpoint.c: R02, R03 */
void rules_find_nat(struct weir_savings *s);	   /* rule_nat.c: R04, R05 */
void rules_find_ipv6(struct weir_savings *s);	   /* rule_ipv6.c: R17 */
void rules_find_idle(struct weir_savings *s);	   /* rule_idle.c: R06 */
void rules_find_balancers(struct weir_savings *s); /* rule_balancer.c: R08 */
void rules_find_peerings(struct weir_savings *s);  /* rule_peering.c: R09 */
void rules_find_local(struct weir_savings *s);	   /* rule_local.c: R07, R23 */
void rules_find_moves(struct weir_savings *s);	   /* rule_move.c: R12 */

/*
 * Kubernetes' and our own YAML (rule_yaml.c). A scalar is quoted where a reader would take it for something else; a comment
 * has no line breaks. A text that our own strict parser refuses is our mistake: -EINVAL sticks.
 */
const char *rules_scalar(struct weir_savings *s, const char *text);
const char *rules_comment(struct weir_savings *s, const char *text);
const char *rules_lower(struct weir_savings *s, const char *text);
void rules_yaml(struct weir_savings *s, struct rules_draft *d, enum weir_saving_format format, const char *text);
json_t *rules_label_map(const char *labels); /* an object, the caller's; NULL when they are none */
/* "app: shop, tier: web" of the workload's labels that stay from one release to the next; "" when it has none. */
const char *rules_labels(struct weir_savings *s, const char *labels);

/*
 * Terraform as JSON (rule_terraform.c). A reference is an id where the topology's name is one, else an expression over a
 * data source by what the topology knows, which is put into the document.
 */
struct rules_tf {
	struct weir_savings *s;
	const struct topo_domain *d;
	struct rules_draft *draft; /* its id is in all labels: files of several changes lie in one module */
	json_t *root;
};
bool rules_is_id(const char *name, const char *kind); /* "vpc-0123abcd" is one of "vpc-" */
void rules_tf_init(struct rules_tf *tf, struct weir_savings *s, struct rules_draft *draft, const struct topo_domain *d);
/* Takes body; label is made a name. Returns "type.label". */
const char *rules_tf_put(struct rules_tf *tf, const char *block, const char *type, const char *label, json_t *body);
void rules_tf_import(struct rules_tf *tf, const char *to, const char *id);
const char *rules_tf_vpc(struct rules_tf *tf, const struct topo_domain *d);
const char *rules_tf_subnet(struct rules_tf *tf, const struct topo_subnet *subnet);
const char *rules_tf_table(struct rules_tf *tf, const struct topo_subnet *subnet);
const char *rules_tf_nat(struct rules_tf *tf, const struct topo_hop *nat);
const char *rules_tf_nat_data(struct rules_tf *tf, const struct topo_hop *nat); /* always a data source */
/* A route of the table of each subnet to `to`, by attribute = gateway; one that is there is
 * taken over. */
void rules_tf_routes(struct rules_tf *tf, const uint32_t *subnets, size_t n, const struct weir_prefix *to,
		     const char *attribute, const char *gateway, bool replaces);
/* What no resource can say: the provider's own command, once. */
void rules_tf_command(struct rules_tf *tf, const char *label, const char *command);
/* Route tables of subnets, each once; the caller's. */
json_t *rules_tf_tables(struct rules_tf *tf, const uint32_t *subnets, size_t n);
const char *rules_tf_cidr(struct rules_tf *tf, const struct topo_subnet *subnet); /* its first of IPv4; "" */
const char *rules_tf_net_cidr(struct rules_tf *tf, const struct topo_domain *d);
const char *rules_tf_net(struct rules_tf *tf, const struct topo_domain *d);	   /* the last part of its name */
/* Puts the document into the draft and forgets it. */
void rules_tf_done(struct rules_tf *tf);

#endif
