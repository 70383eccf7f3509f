/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query.h"

#include "aggregator/select.h"

#define SQL_MAX 2048
/* Dropped by a verdict: WEIR_V_DENY, WEIR_V_LIMITED. */
#define DROPPED "f.verdict IN (2,3)"

const char *const query_dim_names[QUERY_DIMS + 1] = {"workload", "namespace", "team",
						     "path",	 "meter",     "node", "class", NULL};

const char *const query_suffix[STORE_RESOLUTIONS] = {"10s", "minutes", "hours", "days"};

enum store_res query_resolution(uint64_t from_s, uint64_t now_s,
				const uint64_t retain_s[STORE_RESOLUTIONS])
{
	/* Spans up to which a resolution gives an answer at once: some thousand buckets. */
	static const uint64_t span_s[STORE_RESOLUTIONS] = {6 * 3600, 7 * 86400, 100 * 86400, UINT64_MAX};
	uint64_t span = now_s > from_s ? now_s - from_s : 0;
	enum store_res longest = STORE_1D;

	for (enum store_res i = 0; i < STORE_RESOLUTIONS; i++)
		if (span <= span_s[i] && span <= retain_s[i])
			return i;
	for (enum store_res i = STORE_1D; i-- > 0;)
		if (retain_s[i] > retain_s[longest])
			longest = i;
	return longest;
}

static uint64_t first_bucket(const struct query_range *r)
{
	return r->from_s - r->from_s % store_bucket_s(r->res);
}

/* Who held the peer's address when the bucket ended, by name; f.bucket and f.peer are in scope. */
#define PEER_HOLDER                                                                              \
	"(SELECT hw.name FROM holder h JOIN workload hw ON hw.id=h.workload WHERE h.address=f.peer " \
	"AND h.since<f.bucket+%u AND (h.until IS NULL OR h.until>f.bucket) "                       \
	"ORDER BY h.since DESC LIMIT 1)"

int query_flows(struct store *s, const struct query_range *r, uint32_t limit,
		int (*fn)(const struct query_flow *f, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	char sql[SQL_MAX];
	int e;

	snprintf(sql, sizeof(sql),
		 "SELECT f.bucket,n.name,w.name,w.namespace,w.team,la.address,pa.address,f.port,f.opened,"
		 "f.proto,f.dir,f.verdict,f.path,f.bytes,f.packets," PEER_HOLDER
		 " FROM (SELECT " FLOW_KEY ",SUM(bytes) AS bytes,SUM(packets) AS packets FROM flow_%s "
		 "WHERE bucket>=? AND bucket<? GROUP BY " FLOW_KEY ") f "
		 "JOIN node n ON n.id=f.node JOIN workload w ON w.id=f.workload "
		 "JOIN address la ON la.id=f.local JOIN address pa ON pa.id=f.peer "
		 "ORDER BY f.bucket DESC,f.bytes DESC LIMIT ?",
		 store_bucket_s(r->res), query_suffix[r->res]);
	e = select_begin(&q, sql, "uui", first_bucket(r), r->to_s, (int64_t)limit);
	while (!e && (e = select_next(&q)) == 1) {
		struct query_flow f = {
			.time_s = select_number(&q, 0),
			.node = select_text(&q, 1),
			.workload = select_text(&q, 2),
			.namespace = select_text(&q, 3),
			.team = select_text(&q, 4),
			.port = (uint32_t)select_number(&q, 7),
			.opened = select_number(&q, 8) != 0,
			.proto = (uint32_t)select_number(&q, 9),
			.dir = (uint32_t)select_number(&q, 10),
			.verdict = (uint32_t)select_number(&q, 11),
			.path = (uint32_t)select_number(&q, 12),
			.bytes = select_number(&q, 13),
			.packets = select_number(&q, 14),
			.peer_workload = select_text(&q, 15),
		};
		bool known = select_address(&q, 5, &f.local);

		f.folded = !select_address(&q, 6, &f.peer) || !known;
		e = fn(&f, arg);
	}
	return e;
}

/* What a row is named by: eight columns in the order of read_top(). */
static void top_keys(enum query_by by, enum store_res res, char *buf, size_t size)
{
	switch (by) {
	case QUERY_BY_WORKLOAD:
		snprintf(buf, size, "n.name,w.name,w.namespace,w.team,'','',x'',0");
		break;
	case QUERY_BY_PEER:
		snprintf(buf, size, "'','','','',pa.domain," PEER_HOLDER ",pa.address,0",
			 store_bucket_s(res));
		break;
	case QUERY_BY_PATH:
		snprintf(buf, size, "'','','','','','',x'',f.path");
		break;
	}
}

static void read_top(const struct select *q, struct query_top *t)
{
	*t = (struct query_top){
		.node = select_text(q, 0),
		.workload = select_text(q, 1),
		.namespace = select_text(q, 2),
		.team = select_text(q, 3),
		.peer_domain = select_text(q, 4),
		.peer_workload = select_text(q, 5),
		.path = (uint32_t)select_number(q, 7),
		.bytes_in = select_number(q, 8),
		.bytes_out = select_number(q, 9),
		.packets = select_number(q, 10),
		.dropped_bytes = select_number(q, 11),
	};
	t->folded = !select_address(q, 6, &t->peer);
}

int query_top(struct store *s, enum query_by by, const struct query_range *r, uint32_t limit,
	      int (*fn)(const struct query_top *t, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	char sql[SQL_MAX], keys[SQL_MAX / 2];
	struct query_top t;
	int e;

	top_keys(by, r->res, keys, sizeof(keys));
	snprintf(sql, sizeof(sql),
		 "SELECT %s,SUM(CASE WHEN f.dir=0 AND NOT " DROPPED " THEN f.bytes ELSE 0 END) AS bin,"
		 "SUM(CASE WHEN f.dir=1 AND NOT " DROPPED " THEN f.bytes ELSE 0 END) AS bout,"
		 "SUM(CASE WHEN " DROPPED " THEN 0 ELSE f.packets END),"
		 "SUM(CASE WHEN " DROPPED " THEN f.bytes ELSE 0 END) AS dropped "
		 "FROM flow_%s f JOIN node n ON n.id=f.node JOIN workload w ON w.id=f.workload "
		 "JOIN address pa ON pa.id=f.peer WHERE f.bucket>=? AND f.bucket<? "
		 "GROUP BY 1,2,3,4,5,6,7,8 ORDER BY bin+bout DESC,dropped DESC,1,2,3,4,5,7,8 LIMIT ?",
		 keys, query_suffix[r->res]);
	e = select_begin(&q, sql, "uui", first_bucket(r), r->to_s, (int64_t)limit);
	while (!e && (e = select_next(&q)) == 1) {
		read_top(&q, &t);
		e = fn(&t, arg);
	}
	return e;
}

static const char *const dim_columns[QUERY_DIMS] = {
	[QUERY_WORKLOAD] = "w.name", [QUERY_NAMESPACE] = "w.namespace", [QUERY_TEAM] = "w.team",
	[QUERY_PATH] = "l.path",     [QUERY_METER] = "l.meter",	   [QUERY_NODE] = "n.name",
	[QUERY_CLASS] = "CASE n.class WHEN '' THEN w.domain ELSE n.class END", /* what is on no node has a domain alone */
};

static void read_cost(const struct select *q, const enum query_dim *dims, size_t n,
		      struct query_cost *c)
{
	for (size_t i = 0; i < n; i++)
		c->keys[i] = dims[i] == QUERY_PATH ? weir_path_name((enum weir_path)select_number(q, (int)i)) :
						     select_text(q, (int)i);
	c->metered_bytes = select_number(q, (int)n);
	c->bytes = select_number(q, (int)n + 1);
	c->nanos = sqlite3_column_int64(q->st, (int)n + 2);
	c->slot = (uint32_t)select_number(q, (int)n + 3);
}

int query_cost_series(struct store *s, const enum query_dim *dims, size_t n, const struct query_range *r, uint64_t step_s,
		      int (*fn)(const struct query_cost *c, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	char sql[SQL_MAX], keys[256] = "";
	struct query_cost c = {0};
	int e;

	for (size_t i = 0; i < n; i++) {
		size_t used = strlen(keys);

		snprintf(keys + used, sizeof(keys) - used, "%s%s", i ? "," : "", dim_columns[dims[i]]);
	}
	snprintf(sql, sizeof(sql),
		 "SELECT %s,SUM(l.bytes),SUM(l.once),SUM(l.nanos) AS nanos,(l.bucket-?1)/?3 AS slot FROM ledger_%s l "
		 "JOIN workload w ON w.id=l.workload JOIN node n ON n.id=w.node "
		 "WHERE l.bucket>=?1 AND l.bucket<?2 GROUP BY %s,slot ORDER BY nanos DESC,%s,slot",
		 keys, query_suffix[r->res], keys, keys);
	e = select_begin(&q, sql, "uuu", first_bucket(r), r->to_s, step_s);
	while (!e && (e = select_next(&q)) == 1) {
		read_cost(&q, dims, n, &c);
		e = fn(&c, arg);
	}
	return e;
}

int query_cost(struct store *s, const enum query_dim *dims, size_t n, const struct query_range *r,
	       int (*fn)(const struct query_cost *c, void *arg), void *arg)
{
	return query_cost_series(s, dims, n, r, INT64_MAX, fn, arg);
}

int query_priced(struct store *s, uint64_t from_s,
		 int (*fn)(uint32_t path, bool priced, uint64_t bytes, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int e = select_begin(&q,
			     "SELECT path,meter<>'unpriced',SUM(once) AS moved FROM ledger_hours WHERE bucket>=? "
			     "GROUP BY 1,2 HAVING moved>0 ORDER BY 1,2",
			     "u", from_s - from_s % store_bucket_s(STORE_1H));

	while (!e && (e = select_next(&q)) == 1)
		e = fn((uint32_t)select_number(&q, 0), select_number(&q, 1) != 0, select_number(&q, 2), arg);
	return e;
}

static void read_agent(const struct select *q, struct query_agent *a)
{
	*a = (struct query_agent){
		.id = sqlite3_column_int64(q->st, 0),
		.node = select_text(q, 1),
		.domain = select_text(q, 2),
		.class = select_text(q, 3),
		.version = select_text(q, 4),
		.kernel = select_text(q, 5),
		.hooks = select_text(q, 6),
		.refused_reason = select_text(q, 7),
		.refused_text = select_text(q, 8),
		.epoch = select_number(q, 9),
		.sequence = select_number(q, 10),
		.last_seen_ns = select_number(q, 11),
		.window_end_ns = select_number(q, 12),
		.serial = select_number(q, 13),
		.applied_ns = select_number(q, 14),
		.refused_serial = select_number(q, 15),
		.flow_rows_used = select_number(q, 16),
		.flow_rows = select_number(q, 17),
		.spool_bytes = select_number(q, 18),
		.spool_max = select_number(q, 19),
		.bytes_in = select_number(q, 20),
		.bytes_out = select_number(q, 21),
		.mode = (uint32_t)select_number(q, 22),
		.unexplained_bytes = select_number(q, 24),
		.lease_until_ns = select_number(q, 25),
		.lapsed_s = select_number(q, 26),
		.lost_bytes = sqlite3_column_int64(q->st, 27),
		.lost_packets = sqlite3_column_int64(q->st, 28),
		.key_epoch = select_number(q, 29),
		.undone_from = select_number(q, 30),
		.undone_to = select_number(q, 31),
		.undone_ns = select_number(q, 32),
		.undone_why = (uint32_t)select_number(q, 33),
		.lost_s = select_number(q, 34),
		.gaps = select_number(q, 35),
		.folded_bytes = select_number(q, 36),
		.folded_rows = select_number(q, 37),
		.skew_ns = sqlite3_column_int64(q->st, 38),
		.skew_error_ns = select_number(q, 39),
		.window_ns = select_number(q, 40),
		.packet_ps = select_number(q, 41),
		.drifts = select_number(q, 42),
		.threshold = select_number(q, 43),
		.approvers = select_number(q, 44),
	};
	if (sqlite3_column_bytes(q->st, 23) == 32)
		a->digest = sqlite3_column_blob(q->st, 23);
}

int query_agents(struct store *s, int (*fn)(const struct query_agent *a, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	struct query_agent a;
	int e = select_begin(&q,
			     "SELECT n.id,n.name,n.domain,n.class,a.version,a.kernel,a.hooks,"
			     "a.refused_reason,a.refused_text,a.epoch,a.last_sequence,a.last_seen_ns,"
			     "a.window_end_ns,a.serial,a.applied_ns,a.refused_serial,a.flow_rows_used,"
			     "a.flow_rows,a.spool_bytes,a.spool_max,a.bytes_in,a.bytes_out,a.mode,"
			     "a.digest,(SELECT COALESCE(SUM(ABS(i.bytes)),0) FROM identity i WHERE "
			     "i.node=n.id AND i.term=101),a.lease_until_ns,a.lapsed_s,"
			     "COALESCE(l.bytes,0),COALESCE(l.packets,0),"
			     "a.key_epoch,a.undone_from,a.undone_to,a.undone_ns,a.undone_why,"
			     "COALESCE(l.lost_s,0),a.gaps,"
			     "a.folded_bytes,a.folded_rows,a.skew_ns,a.skew_error_ns,a.window_ns,a.packet_ps,"
			     "a.drifts,a.threshold,a.approvers "
			     "FROM agent a JOIN node n ON n.id=a.node LEFT JOIN (SELECT node,"
			     "SUM(bytes_in+bytes_out-stored_bytes_in-stored_bytes_out) AS bytes,"
			     "SUM(packets_in+packets_out-stored_packets_in-stored_packets_out) AS packets,"
			     "MAX(lost_s) AS lost_s FROM boot GROUP BY node) l ON l.node=n.id ORDER BY n.name",
			     "");

	while (!e && (e = select_next(&q)) == 1) {
		read_agent(&q, &a);
		e = fn(&a, arg);
	}
	return e;
}

int query_identity(struct store *s, int64_t node,
		   int (*fn)(const struct query_identity *i, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int e = select_begin(&q,
			     "SELECT interface,dir,term,bytes,packets FROM identity WHERE node=? "
			     "ORDER BY interface,dir,term",
			     "i", node);

	while (!e && (e = select_next(&q)) == 1) {
		struct query_identity i = {
			.interface = select_text(&q, 0),
			.dir = (uint32_t)select_number(&q, 1),
			.term = (uint32_t)select_number(&q, 2),
			.bytes = sqlite3_column_int64(q.st, 3),
			.packets = select_number(&q, 4),
		};

		e = fn(&i, arg);
	}
	return e;
}

int query_drops(struct store *s, int64_t node,
		int (*fn)(uint32_t reason, uint64_t bytes, uint64_t packets, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int e = select_begin(&q, "SELECT reason,bytes,packets FROM dropped WHERE node=? ORDER BY reason",
			     "i", node);

	while (!e && (e = select_next(&q)) == 1)
		e = fn((uint32_t)select_number(&q, 0), select_number(&q, 1), select_number(&q, 2), arg);
	return e;
}
