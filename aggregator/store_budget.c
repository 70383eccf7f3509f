/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store_budget.h"

#include "aggregator/select.h"

int store_alert_put(struct store *s, const struct store_alert *a)
{
	return store_run(s, ST_ALERT_PUT, "tutduit", a->budget, a->from_s, a->threshold, (int)a->event, a->time_s, a->nanos, a->said);
}

int store_alert_drop(struct store *s, const struct store_alert *a)
{
	return store_run(s, ST_ALERT_DROP, "tut", a->budget, a->from_s, a->threshold);
}

int store_alerts(struct store *s, const char *budget, uint64_t from_s, int (*fn)(const struct store_alert *a, void *arg),
		 void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q,
			     "SELECT threshold,event,time_s,nanos,said FROM budget_alert WHERE budget=? AND from_s=? "
			     "ORDER BY time_s,threshold",
			     "tu", budget, from_s);

	while (!r && (r = select_next(&q)) == 1) {
		struct store_alert a = {
			.budget = budget,
			.from_s = from_s,
			.threshold = select_text(&q, 0),
			.event = (uint32_t)select_number(&q, 1),
			.time_s = select_number(&q, 2),
			.nanos = (int64_t)select_number(&q, 3),
			.said = select_text(&q, 4),
		};

		r = fn(&a, arg);
	}
	return r;
}

int store_notice_add(struct store *s, const struct store_notice *n)
{
	return store_run(s, ST_NOTICE_ADD, "tutttuu", n->budget, n->from_s, n->threshold, n->webhook, n->body, n->time_s, n->next_s);
}

#define NOTICE "SELECT id,budget,from_s,threshold,webhook,body,time_s,next_s,sent_s,attempts,given_up,error FROM budget_notice "

static int each_notice(struct select *q, int (*fn)(const struct store_notice *n, void *arg), void *arg)
{
	int r = 0;

	while (!r && (r = select_next(q)) == 1) {
		struct store_notice n = {
			.id = (int64_t)select_number(q, 0),
			.budget = select_text(q, 1),
			.from_s = select_number(q, 2),
			.threshold = select_text(q, 3),
			.webhook = select_text(q, 4),
			.body = select_text(q, 5),
			.time_s = select_number(q, 6),
			.next_s = select_number(q, 7),
			.sent_s = select_number(q, 8),
			.attempts = (uint32_t)select_number(q, 9),
			.given_up = select_number(q, 10) != 0,
			.error = select_text(q, 11),
		};

		r = fn(&n, arg);
	}
	return r;
}

int store_notices_due(struct store *s, uint64_t now_s, uint32_t limit, int (*fn)(const struct store_notice *n, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, NOTICE "WHERE sent_s=0 AND given_up=0 AND next_s<=? ORDER BY next_s,id LIMIT ?", "ui", now_s,
			     (int64_t)limit);

	return r ? r : each_notice(&q, fn, arg);
}

int store_notices(struct store *s, const char *budget, uint64_t from_s, int (*fn)(const struct store_notice *n, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, NOTICE "WHERE budget=? AND from_s=? ORDER BY id", "tu", budget, from_s);

	return r ? r : each_notice(&q, fn, arg);
}

int store_notice_sent(struct store *s, int64_t id, uint64_t now_s)
{
	return store_run(s, ST_NOTICE_SENT, "iu", id, now_s);
}

int store_notice_failed(struct store *s, int64_t id, uint64_t next_s, bool give_up, const char *error)
{
	return store_run(s, ST_NOTICE_FAILED, "iudt", id, next_s, (int)give_up, error);
}

int store_notices_waiting(struct store *s, uint64_t *ret)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, "SELECT COUNT(*) FROM budget_notice WHERE sent_s=0 AND given_up=0", "");

	if (!r)
		r = select_next(&q);
	if (r != 1)
		return r ? r : -EIO;
	*ret = select_number(&q, 0);
	return 0;
}

int store_notices_failing(struct store *s, uint64_t since_s, char *buf, size_t size)
{
	auto_select struct select q = {.s = s};
	size_t used = 0;
	int r = select_begin(&q,
			     "SELECT DISTINCT webhook FROM budget_notice WHERE sent_s=0 AND attempts>=3 AND next_s>=? ORDER BY webhook",
			     "u", since_s);

	*buf = '\0';
	while (!r && (r = select_next(&q)) == 1) {
		if (used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " " : "", select_text(&q, 0));
		r = 0;
	}
	return r;
}

int store_budget_forget(struct store *s, uint64_t before_s)
{
	int r = store_run(s, ST_ALERT_FORGET, "u", before_s);

	return r ? r : store_run(s, ST_NOTICE_FORGET, "u", before_s);
}
