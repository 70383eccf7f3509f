/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_charges.h"

#include "aggregator/select.h"

#define ROWS                                                                                               \
	"SELECT l.bucket,l.path,l.meter,l.pool,l.month,SUM(l.bytes),SUM(l.once),SUM(l.nanos),n.name,w.domain,"       \
	"w.namespace,w.name,w.kind,w.team,w.labels FROM ledger_hours l JOIN workload w ON w.id=l.workload "        \
	"JOIN node n ON n.id=w.node WHERE l.bucket>=?1 AND l.bucket<?2 "                                        \
	"GROUP BY l.bucket,l.workload,l.path,l.meter,l.pool,l.month ORDER BY l.bucket,l.workload,l.path,l.meter,l.pool,l.month"

int query_charges(struct store *s, uint64_t from_s, uint64_t to_s, int (*fn)(const struct query_charge *q, void *arg),
		  void *arg)
{
	auto_select struct select q = {.s = s};
	uint64_t from = from_s - from_s % store_bucket_s(STORE_1H);
	int r = select_begin(&q, ROWS, "uu", from, to_s);

	while (!r && (r = select_next(&q)) == 1) {
		const struct query_charge c = {
			.hour_s = select_number(&q, 0),
			.path = (uint32_t)select_number(&q, 1),
			.meter = select_text(&q, 2),
			.pool = select_text(&q, 3),
			.month = (uint32_t)select_number(&q, 4),
			.bytes = select_number(&q, 5),
			.once = select_number(&q, 6),
			.nanos = sqlite3_column_int64(q.st, 7),
			.node = select_text(&q, 8),
			.domain = select_text(&q, 9),
			.namespace = select_text(&q, 10),
			.workload = select_text(&q, 11),
			.kind = select_text(&q, 12),
			.team = select_text(&q, 13),
			.labels = select_text(&q, 14),
		};

		r = fn(&c, arg);
	}
	return r;
}

int query_pools(struct store *s, uint64_t from_s, uint64_t to_s,
		int (*fn)(const char *pool, const char *meter, uint32_t month, uint64_t bytes, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q,
			     "SELECT pool,meter,month,SUM(bytes) FROM ledger_hours WHERE bucket>=? AND bucket<? AND pool<>'' "
			     "GROUP BY 1,2,3 ORDER BY 1,2,3",
			     "uu", from_s, to_s);

	while (!r && (r = select_next(&q)) == 1)
		r = fn(select_text(&q, 0), select_text(&q, 1), (uint32_t)select_number(&q, 2), select_number(&q, 3), arg);
	return r;
}
