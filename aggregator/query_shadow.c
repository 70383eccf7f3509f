/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_shadow.h"

#include "aggregator/select.h"

static struct query_shadow_flows flows_at(const struct select *q, int i)
{
	return (struct query_shadow_flows){.denied = select_number(q, i), .accepted = select_number(q, i + 1),
					   .limited = select_number(q, i + 2)};
}

int query_shadow_nodes(struct store *s, uint64_t serial,
		       int (*fn)(const struct query_shadow_node *n, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int e = select_begin(&q,
			     "SELECT n.name,n.class,CASE WHEN a.refused_serial=?1 THEN a.refused_reason ELSE '' END,"
			     "a.mode,a.candidate,COALESCE(c.since_s,0),COALESCE(c.seen_s,0),"
			     "COALESCE(SUM(d.denied),0),COALESCE(SUM(d.accepted),0),COALESCE(SUM(d.limited),0) "
			     "FROM agent a JOIN node n ON n.id=a.node "
			     "LEFT JOIN candidate c ON c.node=n.id AND c.serial=?1 "
			     "LEFT JOIN disagreement d ON d.node=n.id AND d.serial=?1 GROUP BY n.id ORDER BY n.name",
			     "u", serial);

	while (!e && (e = select_next(&q)) == 1) {
		struct query_shadow_node n = {
			.node = select_text(&q, 0),
			.class = select_text(&q, 1),
			.refused_reason = select_text(&q, 2),
			.mode = (uint32_t)select_number(&q, 3),
			.candidate = select_number(&q, 4),
			.since_s = select_number(&q, 5),
			.seen_s = select_number(&q, 6),
			.flows = flows_at(&q, 7),
		};

		e = fn(&n, arg);
	}
	return e;
}

int query_shadow_rules(struct store *s, uint64_t serial, uint64_t limit,
		       int (*fn)(const struct query_shadow_rule *d, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int e = select_begin(&q,
			     "SELECT n.name,d.rule,d.denied,d.accepted,d.limited FROM disagreement d "
			     "JOIN node n ON n.id=d.node WHERE d.serial=? "
			     "ORDER BY d.denied+d.accepted+d.limited DESC,n.name,d.rule LIMIT ?",
			     "uu", serial, limit);

	while (!e && (e = select_next(&q)) == 1) {
		struct query_shadow_rule d = {.node = select_text(&q, 0), .rule = select_text(&q, 1),
					      .flows = flows_at(&q, 2)};

		e = fn(&d, arg);
	}
	return e;
}

int query_shadow_last(struct store *s, uint64_t *ret)
{
	auto_select struct select q = {.s = s};
	int e = select_begin(&q, "SELECT COALESCE(MAX(serial),0) FROM candidate", "");

	if (!e)
		e = select_next(&q);
	if (e < 0)
		return e;
	*ret = select_number(&q, 0);
	return 0;
}
