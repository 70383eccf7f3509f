/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded traffic: what a workload moved to or from one peer in one hour. The store has it, cloud flow logs give it,
 * a file holds it (CSV, plain or gzip; traffic_file.c describes the columns). It is what a replay meters again.
 */
#ifndef WEIR_MONEY_TRAFFIC_H
#define WEIR_MONEY_TRAFFIC_H

#include "lib/money/topology.h"

enum weir_traffic_source { WEIR_TRAFFIC_AGENT, WEIR_TRAFFIC_FLOW_LOG };

struct weir_traffic {
	uint64_t hour_s; /* Unix time of the hour's start */
	const char *domain; /* where both addresses mean something */
	struct weir_addr local, peer;
	bool folded; /* the peer's address was not kept: its path is what was stored */
	enum weir_path path; /* as it was classified then */
	uint8_t dir;	     /* weir_dir of the workload */
	uint8_t proto;
	bool opened; /* the workload opened the connection: port is the peer's, else its own */
	uint16_t port; /* service port; 0 = not known */
	uint64_t bytes, packets; /* L3, of what was not dropped */
	enum weir_traffic_source source;
	/* Whose; "" = not known. */
	const char *node, *namespace, *workload, *kind, *team, *labels; /* labels: a JSON object of texts, as the store has them */
	const char *peer_namespace, *peer_workload, *peer_team; /* who held the peer's address in that hour */
};

/* Many rows, their texts interned; the order is that of adding. */
struct weir_traffic_set;
#define WEIR_TRAFFIC_MAX (16u << 20) /* rows of a set; 112 bytes and 8 of index each */
#define WEIR_TRAFFIC_BYTES_MAX (1ull << 56) /* of a row, and packets */
#define WEIR_TRAFFIC_HOUR_MAX (1ull << 34) /* in the year 2514 */
#define WEIR_TRAFFIC_TEXT_MAX 4095u /* bytes of a text */
int weir_traffic_new(struct weir_traffic_set **ret);
void weir_traffic_free(struct weir_traffic_set *s);
static inline void weir_traffic_freep(struct weir_traffic_set **s)
{
	weir_traffic_free(*s);
}
#define weir_auto_traffic weir_cleanup(weir_traffic_freep)
/*
 * Copies; a NULL text is "". Rows that differ in bytes and packets alone become one. -E2BIG behind WEIR_TRAFFIC_MAX,
 * -ERANGE when bytes or packets get above their maximum or hour_s is no hour's start or above its own, -ENAMETOOLONG for a text.
 */
int weir_traffic_add(struct weir_traffic_set *s, const struct weir_traffic *row);
size_t weir_traffic_count(const struct weir_traffic_set *s);
void weir_traffic_get(const struct weir_traffic_set *s, size_t i, struct weir_traffic *ret); /* texts live as long as s */
/* First and last hour (both included); 0, 0 when it is empty. */
void weir_traffic_span(const struct weir_traffic_set *s, uint64_t *ret_first_s, uint64_t *ret_last_s);
/* Appends a file of rows, plain or gzip (traffic_file.c); an error is "file:line: column: what". */
int weir_traffic_read(struct weir_traffic_set *s, const char *path, struct weir_err *err);
/* The header line, and one row as a line of such a file; both end in a newline. */
const char *weir_traffic_header(void);
struct weir_buf;
int weir_traffic_line(const struct weir_traffic *row, struct weir_buf *ret);

#endif
