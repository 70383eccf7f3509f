/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_coverage.h"

#include "aggregator/select.h"

#define SQL_MAX 512

int query_labelled(struct store *s, const struct query_range *r, int (*fn)(const struct query_labelled *q, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	char sql[SQL_MAX];
	int e;

	snprintf(sql, sizeof(sql),
		 "SELECT n.name,w.namespace,w.name,w.kind,w.labels,l.bytes,l.nanos FROM (SELECT workload,SUM(once) AS bytes,"
		 "SUM(nanos) AS nanos FROM ledger_%s WHERE bucket>=? AND bucket<? GROUP BY workload) l "
		 "JOIN workload w ON w.id=l.workload JOIN node n ON n.id=w.node ORDER BY l.workload",
		 query_suffix[r->res]);
	e = select_begin(&q, sql, "uu", r->from_s - r->from_s % store_bucket_s(r->res), r->to_s);
	while (!e && (e = select_next(&q)) == 1) {
		const struct query_labelled l = {
			.node = select_text(&q, 0),
			.namespace = select_text(&q, 1),
			.workload = select_text(&q, 2),
			.kind = select_text(&q, 3),
			.labels = select_text(&q, 4),
			.bytes = select_number(&q, 5),
			.nanos = sqlite3_column_int64(q.st, 6),
		};

		e = fn(&l, arg);
	}
	return e;
}
