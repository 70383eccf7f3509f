/* SPDX-License-Identifier: Apache-2.0 */
/* The durable queue of summaries between kernel and aggregator; the format stands in spool.c. */
#ifndef WEIR_AGENT_SPOOL_H
#define WEIR_AGENT_SPOOL_H

#include "lib/ds/buf.h"

struct spool_conf {
	const char *dir;
	uint64_t max;	  /* bytes of all segments */
	uint64_t segment; /* a new file beyond this; at most max / 4 */
	/* Makes a record smaller without changing its totals; *ret is appended to. */
	int (*fold)(const void *data, size_t len, struct weir_buf *ret);
};

#define SPOOL_RECORD_MAX (1u << 20)

struct spool;
/* What had to be cut or set aside goes to note (empty = nothing): not an error. */
int spool_open(const struct spool_conf *conf, struct spool **ret, struct weir_err *note,
	       struct weir_err *err);
void spool_free(struct spool *s);
/* The last durable record; 0 and 0 when there never was one. */
void spool_last(const struct spool *s, uint64_t *ret_epoch, uint64_t *ret_sequence);
/* Its payload; -ENOENT. It is kept even when acknowledged. */
int spool_read_last(struct spool *s, struct weir_buf *ret);
/* Durable when it returns 0. -ENOSPC: full even after folding all old records; nothing was written.
 */
int spool_append(struct spool *s, uint64_t epoch, uint64_t sequence, const void *data, size_t len);
/* The oldest record that is not acknowledged; -ENOENT when there is none. */
int spool_next(struct spool *s, uint64_t *ret_epoch, uint64_t *ret_sequence, struct weir_buf *ret);
/* All records up to this one are the aggregator's now; files that hold nothing else are removed. */
int spool_ack(struct spool *s, uint64_t epoch, uint64_t sequence);
/* The aggregator has less than it acknowledged (an older copy of its store): what is still here is sent again. */
int spool_rewind(struct spool *s, uint64_t epoch, uint64_t sequence);
/* The oldest record of an epoch that is still here; 0 = none. */
uint64_t spool_first(const struct spool *s, uint64_t epoch);
uint64_t spool_bytes(const struct spool *s);

#endif
