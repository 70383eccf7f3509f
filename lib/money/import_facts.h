/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found in the files, whatever the provider: objects by kind and id, so that what one file says of
 * a thing and what another says meet in any order. Only import_write.c makes paths of it.
 */
#ifndef WEIR_MONEY_IMPORT_FACTS_H
#define WEIR_MONEY_IMPORT_FACTS_H

#include <jansson.h>

#include "lib/money/import.h"

enum fact_kind {
	FACT_ZONE,	 /* by name: id, region */
	FACT_NET,	 /* provider, account, name, label, cidrs[] */
	FACT_SUBNET,	 /* net, name, label, cidrs[], zone, zone_name, region, services[], nat, table */
	FACT_TABLE,	 /* net, main, subnets[], routes[{to, id}] */
	FACT_NAT,	 /* net, subnet, name, region */
	FACT_ENDPOINT,	 /* net, service, type, tables[], subnets[], nodes[{subnet, address}], planned: to be made, for its service's names */
	FACT_PEERING,	 /* a, b, cidrs[] (of b) */
	FACT_ATTACHMENT, /* tgw, net */
	FACT_GATEWAY,	 /* net, type: vpn or direct */
	FACT_ONPREM,	 /* cidrs[] */
	FACT_BALANCER,	 /* net, name, kind, internet, cross, subnets[], nodes[{subnet, address}], groups[], targets[] */
	FACT_GROUP,	 /* name, type, preserve, balancers[], targets[] */
	FACT_INSTANCE,	 /* addresses[], net */
	FACT_INTERFACE,	 /* of, subnet, address: a load balancer's node */
	FACT_HEALTH,	 /* by file: targets[] of a group that the file does not name */
	FACT_KINDS,
};

struct weir_import {
	enum weir_import_from from;
	void (*note)(const char *line, void *arg);
	void *arg;
	const char *file; /* being read */
	json_t *facts[FACT_KINDS];
};

void import_note(const struct weir_import *m, const char *fmt, ...) WEIR_PRINTF(2, 3);
/* Finds or makes. */
json_t *import_fact(struct weir_import *m, enum fact_kind kind, const char *id);
const json_t *import_find(const struct weir_import *m, enum fact_kind kind, const char *id); /* NULL */
/* Ids of a kind in bytewise order; NULL-terminated, free() the array alone. NULL = no memory. */
const char **import_ids(const struct weir_import *m, enum fact_kind kind);

/* The value under either name: providers' tools write VpcId, Terraform vpc_id. NULL when absent or null. */
const json_t *import_get(const json_t *o, const char *one, const char *other);
const char *import_text(const json_t *o, const char *one, const char *other); /* "" when absent */
bool import_true(const json_t *o, const char *one, const char *other);
/* Nothing happens for "" . */
void import_set(json_t *fact, const char *key, const char *s);
void import_put(json_t *fact, const char *key, const char *s); /* appends to a list unless it is there */
void import_put_all(json_t *fact, const char *key, const json_t *strings);
void import_node(json_t *fact, const char *subnet, const char *address);
void import_route(json_t *table, const char *to, const char *id);
const char *import_str(const json_t *fact, const char *key); /* "" when absent */

typedef void (*import_fn)(struct weir_import *m, const json_t *o);
struct import_row {
	const char *name; /* type of a resource, or key of a list; NULL = end */
	import_fn fn;	  /* NULL: known, and nothing in it makes a path */
};
extern const struct import_row import_aws_lists[];
extern const struct import_row import_aws_types[];
extern const struct import_row import_azure_types[];
extern const struct import_row import_google_types[];
/* One resource of `az ... list`, told by its type. */
void import_azure_resource(struct weir_import *m, const json_t *o);

#endif
