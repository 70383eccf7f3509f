/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is said of one agent, by itself (its own /metrics) and by the aggregator (/metrics, the API): one
 * struct and one table of metrics, so that both say the same under the same names.
 */
#ifndef WEIR_FACTS_H
#define WEIR_FACTS_H

#include "lib/ds/metrics.h"
#include "lib/wire/msg.h"

/* Interface and direction pairs that are shown of one agent; the rest is one line, interface "others". */
#define WEIR_FACTS_LINES 64

struct weir_fact_unexplained { const char *interface; uint32_t dir; int64_t bytes; };

struct weir_facts {
	const char *node, *domain, *class, *version, *kernel, *hooks; /* never NULL */
	uint32_t mode;
	uint64_t epoch, sequence; /* of the last summary: made by the agent, or stored by the aggregator */
	uint64_t window_ns;	  /* length; 0 = not said */
	uint64_t lag_ns;	  /* behind now: the end of the last window that was acknowledged or stored */
	uint64_t bytes[WEIR_DIRS];
	int64_t skew_ns;		    /* node's clock less the aggregator's */
	uint64_t skew_error_ns;		    /* at most so far off; 0 = not measured */
	uint64_t spool_bytes, spool_max, flow_rows_used, flow_rows;
	uint64_t packet_ps; /* all of weir's programs on one packet's way; 0 = not measured */
	uint64_t serial, applied_ns, refused_serial;
	uint8_t digest[32]; /* of the tables that the kernel holds */
	bool has_digest;
	uint64_t drifts; /* times that the kernel held other tables than were put there */
	uint64_t threshold, approvers; /* of trust */
	uint64_t cert_expires_s; /* 0 = not known */
	uint64_t lease_until_ns, lapsed_s; /* 0 = enforcement never ends by itself */
	const struct weir_fact_unexplained *unexplained;
	size_t unexplained_count;
	const struct weir_sum_drop *drops;
	size_t drop_count;
	/* What only the aggregator knows. */
	bool connected;
	uint64_t connected_since_ns, last_seen_ns; /* 0 = not */
	uint64_t folded_bytes, folded_rows; /* without addresses and ports: detail that was given up */
	uint64_t gaps;				   /* summaries that are gone for good */
	int64_t lost_bytes, lost_packets;	   /* counted by the node and not stored */
	uint64_t wanted_serial;
};

enum weir_facts_from { WEIR_FACTS_AGENT, WEIR_FACTS_AGGREGATOR };
void weir_facts_write(struct weir_metrics *m, const struct weir_facts *facts, size_t n,
		      enum weir_facts_from from);

const char *weir_mode_name(uint32_t mode);	/* "?" when unknown */
const char *weir_dir_name(uint32_t dir);
/* Of identity terms: one for each weir_term and the two sums. */
const char *weir_term_name(uint32_t term);
/* Of what was not fully accounted: one for each weir_drop. */
const char *weir_drop_name(uint32_t reason);

#endif
