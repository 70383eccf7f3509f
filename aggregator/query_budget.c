/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_budget.h"

#include "aggregator/select.h"
#include "aggregator/text.h"

static void read_who(const struct select *q, struct query_charged *c)
{
	*c = (struct query_charged){
		.workload = (int64_t)select_number(q, 0),
		.team = select_text(q, 1),
		.namespace = select_text(q, 2),
		.name = select_text(q, 3),
		.node = select_text(q, 4),
		.labels = select_text(q, 5),
		.meter = "",
	};
}

int query_charged(struct store *s, uint64_t from_s, uint64_t to_s, int (*fn)(const struct query_charged *c, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	struct query_charged c;
	int r = select_begin(&q,
			     "SELECT l.workload,w.team,w.namespace,w.name,n.name,w.labels,l.path,l.meter,l.once,l.bytes,l.nanos FROM "
			     "(SELECT workload,path,meter,SUM(once) AS once,SUM(bytes) AS bytes,SUM(nanos) AS nanos FROM ledger_days WHERE bucket>=? AND bucket<? "
			     "GROUP BY workload,path,meter) l JOIN workload w ON w.id=l.workload JOIN node n ON n.id=w.node",
			     "uu", from_s, to_s);

	while (!r && (r = select_next(&q)) == 1) {
		read_who(&q, &c);
		c.path = (uint8_t)select_number(&q, 6);
		c.meter = select_text(&q, 7);
		c.moved = select_number(&q, 8);
		c.metered = select_number(&q, 9);
		c.nanos = (int64_t)select_number(&q, 10);
		r = fn(&c, arg);
	}
	return r;
}

int query_charged_hours(struct store *s, uint64_t from_s, uint64_t to_s, int (*fn)(const struct store_charged *c, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, "SELECT bucket,workload,path,meter,nanos FROM ledger_hours WHERE bucket>=? AND bucket<?", "uu", from_s, to_s);

	while (!r && (r = select_next(&q)) == 1)
		r = fn(&(struct store_charged){select_number(&q, 0), (int64_t)select_number(&q, 1), (uint8_t)select_number(&q, 2),
					       select_text(&q, 3), (int64_t)select_number(&q, 4)},
		       arg);
	return r;
}

int query_workload(struct store *s, int64_t id, int (*fn)(const struct query_charged *c, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	struct query_charged c;
	int r = select_begin(&q,
			     "SELECT w.id,w.team,w.namespace,w.name,n.name,w.labels FROM workload w JOIN node n ON n.id=w.node "
			     "WHERE w.id=?",
			     "i", id);

	if (!r)
		r = select_next(&q);
	if (r != 1)
		return r ? r : -ENOENT;
	read_who(&q, &c);
	return fn(&c, arg);
}

/* A quote inside a text is escaped, so that key and value with theirs stand nowhere else. */
bool query_has_label(const char *labels, const char *key, const char *value)
{
	weir_auto_buf struct weir_buf b = {0};

	return !text_json(&b, key) && !weir_buf_add(&b, ":", 1) && !text_json(&b, value) && strstr(labels, (const char *)b.data);
}
