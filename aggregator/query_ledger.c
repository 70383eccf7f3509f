/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query.h"
#include "aggregator/select.h"

#define SQL_MAX 1024

static void read_row(const struct select *q, uint64_t from_s, struct query_ledger *l)
{
	*l = (struct query_ledger){
		.workload_id = sqlite3_column_int64(q->st, 0),
		.time_s = WEIR_MAX(select_number(q, 1), from_s),
		.path = (uint32_t)select_number(q, 2),
		.meter = select_text(q, 3),
		.pool = select_text(q, 4),
		.month = (uint32_t)select_number(q, 5),
		.bytes = select_number(q, 6),
		.once = select_number(q, 7),
		.nanos = sqlite3_column_int64(q->st, 8),
		.domain = select_text(q, 9),
		.namespace = select_text(q, 10),
		.workload = select_text(q, 11),
		.kind = select_text(q, 12),
		.team = select_text(q, 13),
		.labels = select_text(q, 14),
		.class = select_text(q, 15),
	};
}

int query_ledger(struct store *s, const struct query_range *r, uint64_t step_s, int64_t after,
		 int (*fn)(const struct query_ledger *l, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	struct query_ledger l;
	char sql[SQL_MAX];
	int e;

	snprintf(sql, sizeof(sql),
		 "SELECT l.workload,l.step,l.path,l.meter,l.pool,l.month,l.bytes,l.once,l.nanos,"
		 "w.domain,w.namespace,w.name,w.kind,w.team,w.labels,n.class FROM "
		 "(SELECT workload,bucket-bucket%%?1 AS step,path,meter,pool,month,SUM(bytes) AS bytes,SUM(once) AS once,"
		 "SUM(nanos) AS nanos FROM ledger_%s WHERE bucket>=?2 AND bucket<?3 AND workload>?4 "
		 "GROUP BY 1,2,3,4,5,6) l JOIN workload w ON w.id=l.workload JOIN node n ON n.id=w.node "
		 "ORDER BY 1,2,3,4,5,6",
		 query_suffix[r->res]);
	/* A step beyond all time is one that begins with it. */
	e = select_begin(&q, sql, "uuui", step_s ? step_s : (uint64_t)1 << 40, r->from_s, r->to_s, after);
	while (!e && (e = select_next(&q)) == 1) {
		read_row(&q, r->from_s, &l);
		e = fn(&l, arg);
	}
	return e;
}
