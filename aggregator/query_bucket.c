/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_bucket.h"

#include "aggregator/select.h"

/* What verdicts let pass: not WEIR_V_DENY, WEIR_V_LIMITED. */
#define PASSED "verdict NOT IN (2,3)"
/* To the internet and through a CDN what leaves costs (WEIR_PATH_INTERNET, WEIR_PATH_CDN): then it is shared by that. */
#define SHARED "SUM(CASE WHEN " PASSED " AND (dir=%d OR path NOT IN (%d,%d)) THEN bytes ELSE 0 END)"

static void read_flow(const struct select *q, struct query_bucket_flow *f)
{
	*f = (struct query_bucket_flow){
		.workload = (int64_t)select_number(q, 0),
		.path = (uint8_t)select_number(q, 1),
		.proto = (uint8_t)select_number(q, 2),
		.port = (uint16_t)select_number(q, 3),
		.opened = select_number(q, 4) != 0,
		.dir = (uint8_t)select_number(q, 5),
		.verdict = (uint8_t)select_number(q, 6),
		.bytes = select_number(q, 7),
		.packets = select_number(q, 8),
		.is_public = !*select_text(q, 10),
		.peer_workload = (int64_t)select_number(q, 11),
		.way_nanos = sqlite3_column_int64(q->st, 12),
		.way_bytes = select_number(q, 13),
	};
	f->has_peer = select_address(q, 9, &f->peer);
}

int query_bucket_flows(struct store *s, enum store_res res, uint64_t from_s, uint64_t to_s, uint32_t limit,
		       int (*fn)(const struct query_bucket_flow *f, void *arg), void *arg, bool *ret_more)
{
	auto_select struct select q = {.s = s};
	struct query_bucket_flow f;
	uint32_t n = 0;
	char sql[2048];
	int r;

	snprintf(sql, sizeof(sql),
		 "WITH f AS (SELECT workload,path,proto,port,opened,dir,verdict,peer,SUM(bytes) AS bytes,SUM(packets) AS packets "
		 "FROM flow_%s WHERE bucket>=?1 AND bucket<?2 GROUP BY workload,path,proto,port,opened,dir,verdict,peer "
		 "ORDER BY 9 DESC LIMIT ?3),"
		 "c AS (SELECT workload,path,SUM(nanos) AS nanos FROM ledger_%s WHERE bucket>=?1 AND bucket<?2 GROUP BY workload,path),"
		 "b AS (SELECT workload,path," SHARED " AS bytes FROM f GROUP BY workload,path) "
		 "SELECT f.workload,f.path,f.proto,f.port,f.opened,f.dir,f.verdict,f.bytes,f.packets,a.address,a.domain,"
		 "(SELECT h.workload FROM holder h WHERE h.address=f.peer AND h.since<?2 AND (h.until IS NULL OR h.until>?1) "
		 "ORDER BY h.since DESC LIMIT 1),c.nanos,b.bytes FROM f JOIN address a ON a.id=f.peer "
		 "LEFT JOIN c ON c.workload=f.workload AND c.path=f.path LEFT JOIN b ON b.workload=f.workload AND b.path=f.path",
		 query_suffix[res], query_suffix[res], WEIR_EGRESS, WEIR_PATH_INTERNET, WEIR_PATH_CDN);
	r = select_begin(&q, sql, "uui", from_s, to_s, (int64_t)limit + 1);
	while (!r && (r = select_next(&q)) == 1) {
		if (n++ == limit)
			break;
		read_flow(&q, &f);
		r = fn(&f, arg);
	}
	*ret_more = n > limit;
	return r < 0 ? r : 0;
}

int query_bucket_health(struct store *s, uint64_t time_s,
			int (*fn)(int64_t workload, uint8_t scope, const struct store_health *h, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, "SELECT workload,scope,counts FROM health_10s WHERE bucket=?", "u", time_s);

	while (!r && (r = select_next(&q)) == 1) {
		struct store_health h;

		r = 0;
		if (store_health_unpack(sqlite3_column_blob(q.st, 2), (size_t)sqlite3_column_bytes(q.st, 2), &h))
			r = fn((int64_t)select_number(&q, 0), (uint8_t)select_number(&q, 1), &h, arg);
	}
	return r;
}
