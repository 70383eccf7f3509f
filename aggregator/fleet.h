/* SPDX-License-Identifier: Apache-2.0 */
/* All agents at one moment: what the store has of them and what their sessions say. One read for all views. */
#ifndef AGGREGATOR_FLEET_H
#define AGGREGATOR_FLEET_H

#include "aggregator/query.h"
#include "aggregator/service.h"
#include "lib/wire/facts.h"

struct fleet_agent {
	struct weir_facts facts; /* its texts and lists are this one's */
	int64_t id;
	const char *refused_reason, *refused_text;
	const char *session_refused; /* why it was last refused, "" = it was let in since */
	bool keys_broken;	     /* a file of its keys holds what it cannot use */
	uint64_t lost_s;	    /* when the loss last grew; 0 = never */
	uint64_t unexplained_bytes; /* sum of magnitudes */
	uint64_t window_end_ns;
	uint64_t key_epoch, undone_from, undone_to, undone_ns; /* whose signatures it trusts; what it last took back */
	uint32_t undone_why;				       /* weir_undo */
	bool expected; /* it has a key in nodes.dir */
};

struct fleet {
	struct fleet_agent *agents; /* by name */
	size_t count;
	uint64_t now_ns;
};

/* detail: with the lists of unexplained bytes and of drops. */
int fleet_read(const struct service *sv, uint64_t now_ns, bool detail, struct fleet *ret);
void fleet_fini(struct fleet *f);
/* A bundle was taken back, and none above it is in force. */
bool fleet_took_back(const struct fleet_agent *a);
#define auto_fleet weir_cleanup(fleet_fini) struct fleet

#endif
