/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store_finding.h"

#include "aggregator/select.h"

/* Whole numbers are what is bound: millionths. */
static int64_t score_of(const struct store_finding *f)
{
	return (int64_t)(f->score * 1e6);
}

int store_finding_put(struct store *s, const struct store_finding *f, int64_t *ret_id, bool *ret_new)
{
	uint64_t same_s = f->since_s - WEIR_MIN(f->since_s, (uint64_t)STORE_FINDING_SAME_S);
	int64_t id;
	int r = store_id(s, ST_FINDING_GET, &id, "tu", f->key, same_s);

	if (!r) {
		*ret_new = false;
		*ret_id = id;
		return store_run(s, ST_FINDING_AGAIN, "iuuiit", id, f->last_s, f->ended_s, score_of(f), f->nanos_per_hour, f->body);
	}
	if (r != -ENOENT)
		return r;
	r = store_id(s, ST_FINDING_ADD, &id, "tttttuuuiit", f->key, f->kind, f->namespace, f->workload, f->team, f->since_s, f->last_s,
		     f->ended_s, score_of(f), f->nanos_per_hour, f->body);
	if (r)
		return r;
	*ret_new = true;
	*ret_id = id;
	return 0;
}

int store_findings_end(struct store *s, uint64_t before_s)
{
	return store_run(s, ST_FINDING_END, "u", before_s);
}

int store_findings_forget(struct store *s, uint64_t before_s)
{
	return store_run(s, ST_FINDING_FORGET, "u", before_s);
}

int store_findings(struct store *s, const struct store_finding_filter *by, int (*fn)(const struct store_finding *f, void *arg),
		   void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q,
			     "SELECT id,key,kind,namespace,workload,team,since_s,last_s,ended_s,score,nanos_per_hour,body FROM finding "
			     "WHERE last_s>=?1 AND (ended_s=0 OR NOT ?2) AND (?3='' OR kind=?3) AND (?4='' OR namespace=?4) "
			     "AND (?5='' OR workload=?5) AND (?6='' OR team=?6) AND (?7=0 OR id=?7) "
			     "ORDER BY ended_s<>0,nanos_per_hour DESC,last_s DESC,id DESC LIMIT ?8",
			     "udttttii", by->since_s, (int)by->open, by->kind ? by->kind : "", by->namespace ? by->namespace : "",
			     by->workload ? by->workload : "", by->team ? by->team : "", by->id, (int64_t)by->limit);

	while (!r && (r = select_next(&q)) == 1) {
		const struct store_finding f = {
			.id = (int64_t)select_number(&q, 0),
			.key = select_text(&q, 1),
			.kind = select_text(&q, 2),
			.namespace = select_text(&q, 3),
			.workload = select_text(&q, 4),
			.team = select_text(&q, 5),
			.since_s = select_number(&q, 6),
			.last_s = select_number(&q, 7),
			.ended_s = select_number(&q, 8),
			.score = sqlite3_column_double(q.st, 9),
			.nanos_per_hour = sqlite3_column_int64(q.st, 10),
			.body = select_text(&q, 11),
		};

		r = fn(&f, arg);
	}
	return r;
}

/* Of the body; NULL where it has none. */
#define OF(member) "CASE WHEN json_valid(body) THEN json_extract(body,'$." member "') END"
#define DEAREST "COUNT(*) AS n,MAX(nanos_per_hour) AS most FROM finding WHERE ended_s=0 GROUP BY namespace,workload," OF("path")

int store_findings_open(struct store *s, int (*fn)(const char *kind, uint64_t count, int64_t nanos_per_hour, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, "SELECT kind,SUM(n),SUM(most) FROM (SELECT kind," DEAREST "," OF("peer") ",kind) GROUP BY kind ORDER BY kind", "");

	while (!r && (r = select_next(&q)) == 1)
		r = fn(select_text(&q, 0), select_number(&q, 1), sqlite3_column_int64(q.st, 2), arg);
	return r;
}

int store_findings_sum(struct store *s, uint64_t *ret_count, int64_t *ret_nanos_per_hour)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, "SELECT IFNULL(SUM(n),0),IFNULL(SUM(most),0) FROM (SELECT " DEAREST ")", "");

	if (!r)
		r = select_next(&q);
	if (r < 0)
		return r;
	*ret_count = select_number(&q, 0);
	*ret_nanos_per_hour = sqlite3_column_int64(q.st, 1);
	return 0;
}
