/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_explain.h"

#include "aggregator/select.h"

#define HOUR_S 3600u
#define PASSED "verdict NOT IN (2,3)" /* not WEIR_V_DENY, WEIR_V_LIMITED */
/* Who held the peer's address last in the hour. */
#define HOLDER                                                                                     \
	"(SELECT h.workload FROM holder h WHERE h.address=f.peer AND h.since<?1+3600 AND "               \
	"(h.until IS NULL OR h.until>?1) ORDER BY h.since DESC LIMIT 1)"
#define FLOWS(from)                                                                                \
	"SELECT f.path,f.proto,f.port,f.opened,f.dir,f.bytes,f.packets,la.address,pa.address,hw.namespace,hw.name,hw.team,la.domain " \
	"FROM (SELECT local,peer,path,proto,port,opened,dir,SUM(bytes) AS bytes,SUM(packets) AS packets FROM " from  \
	" WHERE bucket=?1 AND node=?2 AND workload=?3 AND " PASSED " GROUP BY 1,2,3,4,5,6,7) f "           \
	"JOIN address la ON la.id=f.local JOIN address pa ON pa.id=f.peer LEFT JOIN workload hw ON hw.id=" HOLDER \
	" ORDER BY f.local,f.peer,f.path,f.proto,f.port,f.opened,f.dir"
#define CHARGES(from)                                                                              \
	"SELECT path,meter,pool,month,SUM(bytes),SUM(once),SUM(nanos) FROM " from                          \
	" WHERE bucket=?1 AND workload=?2 GROUP BY 1,2,3,4 ORDER BY 1,2,3,4"

int query_identities(struct store *s, const char *namespace, const char *name,
		     int (*fn)(const struct query_identity_of *i, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q,
			     "SELECT w.id,w.node,n.name,w.domain,w.kind,w.team,w.labels,w.cgroup FROM workload w "
			     "JOIN node n ON n.id=w.node WHERE w.namespace=? AND w.name=? ORDER BY w.id",
			     "tt", namespace, name);

	while (!r && (r = select_next(&q)) == 1) {
		const struct query_identity_of i = {
			.workload = sqlite3_column_int64(q.st, 0), .node = sqlite3_column_int64(q.st, 1),
			.node_name = select_text(&q, 2), .domain = select_text(&q, 3), .kind = select_text(&q, 4),
			.team = select_text(&q, 5), .labels = select_text(&q, 6), .cgroup = select_text(&q, 7),
		};

		r = fn(&i, arg);
	}
	return r;
}

int query_held(struct store *s, int64_t workload, uint64_t from_s, uint64_t to_s,
	       int (*fn)(const struct weir_addr *a, uint64_t since_s, uint64_t until_s, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	struct weir_addr a;
	int r = select_begin(&q,
			     "SELECT a.address,h.since,IFNULL(h.until,0) FROM holder h JOIN address a ON a.id=h.address "
			     "WHERE h.workload=? AND h.since<? AND (h.until IS NULL OR h.until>?) ORDER BY h.since,a.address",
			     "iuu", workload, to_s, from_s);

	while (!r && (r = select_next(&q)) == 1)
		r = select_address(&q, 0, &a) ? fn(&a, select_number(&q, 1), select_number(&q, 2), arg) : 0;
	return r;
}

static bool folded(const struct store *s, enum store_kind k, uint64_t hour_s)
{
	uint64_t whole_s = s->folded_s[k][STORE_1H];

	return hour_s < whole_s - whole_s % HOUR_S;
}

int query_hour_flows(struct store *s, const struct query_identity_of *i, uint64_t hour_s,
		     int (*fn)(const struct weir_traffic *t, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, folded(s, STORE_FLOW, hour_s) ? FLOWS("flow_1h") : FLOWS("flow_hours"), "uii", hour_s, i->node,
			     i->workload);

	while (!r && (r = select_next(&q)) == 1) {
		struct weir_traffic t = {
			.hour_s = hour_s, .path = (enum weir_path)select_number(&q, 0), .proto = (uint8_t)select_number(&q, 1),
			.port = (uint16_t)select_number(&q, 2), .opened = select_number(&q, 3) != 0,
			.dir = (uint8_t)select_number(&q, 4), .bytes = select_number(&q, 5), .packets = select_number(&q, 6),
			.peer_namespace = select_text(&q, 9), .peer_workload = select_text(&q, 10), .peer_team = select_text(&q, 11),
			.domain = i->domain, .node = "", .namespace = "", .workload = "", .kind = "", .team = "", .labels = "",
		};
		bool local = select_address(&q, 7, &t.local), peer = select_address(&q, 8, &t.peer);

		t.folded = !local || !peer;
		r = fn(&t, arg);
	}
	return r;
}

int query_hour_charges(struct store *s, const struct query_identity_of *i, uint64_t hour_s,
		       int (*fn)(const struct query_charge *q, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, folded(s, STORE_LEDGER, hour_s) ? CHARGES("ledger_1h") : CHARGES("ledger_hours"), "ui", hour_s,
			     i->workload);

	while (!r && (r = select_next(&q)) == 1) {
		const struct query_charge c = {
			.hour_s = hour_s, .path = (uint32_t)select_number(&q, 0), .meter = select_text(&q, 1),
			.pool = select_text(&q, 2), .month = (uint32_t)select_number(&q, 3), .bytes = select_number(&q, 4),
			.once = select_number(&q, 5), .nanos = sqlite3_column_int64(q.st, 6), .node = "", .domain = i->domain,
			.namespace = "", .workload = "", .kind = i->kind, .team = "", .labels = "",
		};

		r = fn(&c, arg);
	}
	return r;
}
