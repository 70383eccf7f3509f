/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_live.h"

#include "aggregator/select.h"
#include "lib/base/clock.h"

/* Two minutes are read from rows of ten seconds, by their key; more from where each row is folded to. */
#define FINE_S 120

const char *live_measure_name(enum live_measure m)
{
	static const char *const names[LIVE_MEASURES] = {"bytes", "cost", "denies", "rtt", "retransmits"};

	return names[m];
}

const char *live_measure_unit(enum live_measure m)
{
	static const char *const units[LIVE_MEASURES] = {"bytes", "nanos", "packets", "us", "segments"};

	return units[m];
}

const char *live_way_name(uint32_t way)
{
	return way < WEIR_PATHS ? weir_path_name((enum weir_path)way) : "unknown";
}

struct reading {
	struct store *s;
	uint64_t from_s, to_s;
	const char *table, *bucket; /* of a kind: what is behind its name, and what its buckets become */
	int (*fn)(const struct query_live *q, void *arg);
	void *arg;
};

static int tell(const struct reading *rd, enum live_measure m, const struct select *q, double sum, double weight)
{
	const struct query_live v = {.measure = m, .time_s = select_number(q, 0), .workload = (int64_t)select_number(q, 1),
				     .way = (uint32_t)select_number(q, 2), .sum = sum, .weight = weight};

	return sum != 0 || weight != 0 ? rd->fn(&v, rd->arg) : 0;
}

static int read_flows(const struct reading *rd)
{
	auto_select struct select q = {.s = rd->s};
	char sql[512];
	int r;

	/* Verdicts that stop: WEIR_V_DENY, WEIR_V_LIMITED. */
	snprintf(sql, sizeof(sql),
		 "SELECT %s AS step,workload,path,SUM(CASE WHEN verdict IN (2,3) THEN 0 ELSE bytes END),"
		 "SUM(CASE WHEN verdict IN (2,3) THEN packets ELSE 0 END) FROM flow_%s WHERE bucket>=? AND bucket<? "
		 "GROUP BY step,workload,path",
		 rd->bucket, rd->table);
	r = select_begin(&q, sql, "uu", rd->from_s, rd->to_s);
	while (!r && (r = select_next(&q)) == 1) {
		r = tell(rd, LIVE_BYTES, &q, (double)select_number(&q, 3), 0);
		if (!r)
			r = tell(rd, LIVE_DENIES, &q, (double)select_number(&q, 4), 0);
	}
	return r;
}

static int read_costs(const struct reading *rd)
{
	auto_select struct select q = {.s = rd->s};
	char sql[512];
	int r;

	snprintf(sql, sizeof(sql),
		 "SELECT %s AS step,l.workload,l.path,SUM(l.nanos) FROM ledger_%s l JOIN workload w ON w.id=l.workload "
		 "WHERE l.bucket>=? AND l.bucket<? AND w.kind<>'" STORE_RESOURCE "' GROUP BY step,l.workload,l.path",
		 rd->bucket, rd->table);
	r = select_begin(&q, sql, "uu", rd->from_s, rd->to_s);
	while (!r && (r = select_next(&q)) == 1)
		r = tell(rd, LIVE_COST, &q, (double)sqlite3_column_int64(q.st, 3), 0);
	return r;
}

static int read_health(const struct reading *rd)
{
	auto_select struct select q = {.s = rd->s};
	char sql[256];
	int r;

	snprintf(sql, sizeof(sql),
		 "SELECT %s AS step,workload,path,SUM(rtt_us),SUM(samples),SUM(retrans) FROM path_health_%s "
		 "WHERE bucket>=? AND bucket<? GROUP BY step,workload,path",
		 rd->bucket, rd->table);
	r = select_begin(&q, sql, "uu", rd->from_s, rd->to_s);
	while (!r && (r = select_next(&q)) == 1) {
		r = tell(rd, LIVE_RTT, &q, (double)select_number(&q, 3), (double)select_number(&q, 4));
		if (!r)
			r = tell(rd, LIVE_RETRANS, &q, (double)select_number(&q, 5), 0);
	}
	return r;
}

int query_live(struct store *s, uint64_t from_s, uint64_t to_s, enum store_res step,
	       int (*fn)(const struct query_live *q, void *arg), void *arg)
{
	struct reading rd = {.s = s, .from_s = from_s, .to_s = to_s, .table = query_suffix[step], .bucket = "bucket", .fn = fn, .arg = arg};
	int r;

	if (step == STORE_1M && to_s - from_s <= FINE_S) {
		rd.table = "10s";
		rd.bucket = "bucket-bucket%60";
	}
	r = read_flows(&rd);
	if (!r)
		r = read_costs(&rd);
	return r ? r : read_health(&rd);
}

int query_told_until(struct store *s, uint64_t since_s, uint64_t now_s, uint64_t *ret_s)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, "SELECT MIN(window_end_ns) FROM agent WHERE window_end_ns>=?", "u", since_s * WEIR_NS_PER_S);

	if (!r)
		r = select_next(&q);
	if (r < 0)
		return r;
	*ret_s = r && select_number(&q, 0) ? select_number(&q, 0) / WEIR_NS_PER_S : now_s;
	return 0;
}

int query_live_who(struct store *s, int64_t workload, int (*fn)(const struct query_live_who *w, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	struct query_live_who w;
	int r = select_begin(&q, "SELECT w.domain,w.namespace,w.name,w.kind,w.team,w.labels,n.name FROM workload w "
			     "JOIN node n ON n.id=w.node WHERE w.id=?",
			     "i", workload);

	if (!r)
		r = select_next(&q);
	if (r != 1)
		return r ? r : -ENOENT;
	w = (struct query_live_who){select_text(&q, 0), select_text(&q, 1), select_text(&q, 2), select_text(&q, 3),
				    select_text(&q, 4), select_text(&q, 5), select_text(&q, 6)};
	return fn(&w, arg);
}
