/* SPDX-License-Identifier: Apache-2.0 */
/* What the writers of an import share: the network that is being written, and how texts stand in YAML. */
#ifndef WEIR_MONEY_IMPORT_WRITER_H
#define WEIR_MONEY_IMPORT_WRITER_H

#include "lib/money/import_net.h"
#include "lib/money/topology.h"

struct import_writer {
	struct weir_import *m;
	FILE *f;
	const char *net;
	const json_t *facts; /* of the network */
	const char **subnets, **nats, **endpoints, **balancers; /* ids of all networks, in order */
};

static inline void import_json_freep(json_t **j)
{
	json_decref(*j);
}

void import_quoted(FILE *f, const char *s);
bool import_of_net(const struct import_writer *w, const json_t *f);
char *import_subnet_name(const struct import_writer *w, const char *id); /* the caller's */
const char **import_sorted(const json_t *strings);			  /* NULL-terminated; free() the array */
void import_write_balancer(struct import_writer *w, const char *id, const char *kind);

#endif
