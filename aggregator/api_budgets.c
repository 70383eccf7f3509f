/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets: what is spent of each, what was said of it and to whom, and what is proposed. */
#include "aggregator/alerts.h"
#include "aggregator/api.h"
#include "aggregator/store_budget.h"

#define NS_S 1000000000ull

/* The highest threshold that is reached: of what is spent, else of the forecast. */
static const char *state_of(const struct budget_kept *k)
{
	const char *name = NULL, *ahead = "ok";

	for (size_t i = 0; i < k->budget->threshold_count; i++) {
		const struct weir_budget_threshold *t = &k->budget->thresholds[i];

		if (!(k->view.crossed >> i & 1))
			continue;
		if (t->forecast)
			ahead = t->name;
		else
			name = t->ppm == WEIR_BUDGET_WHOLE ? "over" : t->name;
	}
	return name ? name : ahead;
}

static json_t *time_or_null(uint64_t time_s)
{
	return time_s ? json_integer((json_int_t)time_s) : json_null();
}

/* Adds what is foretold, as fields; without a forecast they are not there. */
static json_t *with_forecast(json_t *o, const struct budget_kept *k)
{
	const struct weir_budget_forecast *f = &k->view.forecast;
	char outlook[WEIR_BUDGET_OUTLOOK];
	json_t *more;

	if (!o || !f->at_s)
		return o;
	more = json_pack("{s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:I,s:I,s:s,s:s}", "forecast_nanos", (json_int_t)f->nanos, "forecast_lower_nanos",
			 (json_int_t)f->lower_nanos, "forecast_upper_nanos", (json_int_t)f->upper_nanos, "forecast_lower95_nanos",
			 (json_int_t)f->lower95_nanos, "forecast_upper95_nanos", (json_int_t)f->upper95_nanos, "exceeds_s",
			 time_or_null(f->passes_s), "exceeds_early_s", time_or_null(f->early_s), "exceeds_late_s", time_or_null(f->late_s),
			 "forecast_at_s", (json_int_t)f->at_s, "forecast_days", (json_int_t)f->days, "forecast_by",
			 f->rough ? "mean of few days" : "pool", "outlook", weir_budget_outlook(k->budget, &k->view, outlook));
	if (!more || json_object_update(o, more)) {
		json_decref(o);
		o = NULL;
	}
	json_decref(more);
	return o;
}

static json_t *budget_object(const struct budget_kept *k)
{
	static const char *const limits[] = {"notify", "propose"};
	const struct weir_budget_view *v = &k->view;
	const struct weir_budget *b = k->budget;
	char scope[1024];

	return with_forecast(json_pack("{s:s,s:s,s:s,s:I,s:I,s:s,s:I,s:I,s:f,s:I,s:o,s:s,s:s}", "name", b->name, "scope",
			 weir_budget_scope(b, scope, sizeof(scope)), "period", weir_budget_period_name(b->period), "from_s",
			 (json_int_t)v->from_s, "to_s", (json_int_t)v->to_s, "currency", b->currency, "amount_nanos",
			 (json_int_t)b->nanos, "spent_nanos", (json_int_t)v->nanos, "percent", (double)v->ppm / 1e4, "day_nanos",
			 (json_int_t)v->day_nanos, "projected_nanos", v->projected ? json_integer(v->end_nanos) : json_null(),
			 "state", state_of(k), "at_limit", limits[b->at_limit]), k);
}

struct said {
	const struct budget_kept *k;
	json_t *list;
};

static int add_alert(const struct store_alert *a, void *arg)
{
	const struct said *s = arg;
	json_t *o = json_pack("{s:s,s:s,s:I,s:I}", "threshold", a->threshold, "event", weir_budget_news_name(a->event), "time_s",
			      (json_int_t)a->time_s, "spent_nanos", (json_int_t)a->nanos);

	return json_array_append_new(s->list, o) ? -ENOMEM : 0;
}

static int add_notice(const struct store_notice *n, void *arg)
{
	const struct said *s = arg;
	json_t *o = json_pack("{s:s,s:s,s:I,s:s,s:I,s:i,s:I,s:s}", "webhook", n->webhook, "threshold", n->threshold, "time_s",
			      (json_int_t)n->time_s, "state", n->sent_s ? "sent" : n->given_up ? "given up" : "waits", "sent_s",
			      (json_int_t)n->sent_s, "attempts_failed", (int)n->attempts, "next_s",
			      (json_int_t)(n->sent_s || n->given_up ? 0 : n->next_s), "error", n->error);

	return json_array_append_new(s->list, o) ? -ENOMEM : 0;
}

static int put_thresholds(const struct weir_budget *b, const struct weir_budget_view *v, json_t *o)
{
	json_t *list = json_array();
	int r = json_object_set_new(o, "thresholds", list) ? -ENOMEM : 0;

	for (size_t i = 0; !r && i < b->threshold_count; i++)
		r = json_array_append_new(list, json_pack("{s:s,s:f,s:s,s:b}", "name", b->thresholds[i].name, "percent",
							  (double)b->thresholds[i].ppm / 1e4, "on",
							  b->thresholds[i].forecast ? "forecast" : "spent", "reached", v->crossed >> i & 1)) ?
			    -ENOMEM :
			    0;
	return r;
}

static int put_proposal(struct api_call *c, struct budgets *b, const struct budget_kept *k, json_t *o)
{
	weir_auto_buf struct weir_buf text = {0};
	int r;

	if (k->budget->at_limit != WEIR_BUDGET_PROPOSE)
		return weir_err_set(&c->err, -EINVAL, "budget %s proposes nothing: its at_limit is notify", k->budget->name);
	r = alerts_proposal(b, k, c->now_ns / NS_S, &text);
	if (r == -ENODATA)
		return weir_err_set(&c->err, -EINVAL, "budget %s: nothing is spent yet, so there is no rate to propose", k->budget->name);
	if (r)
		return api_store_failed(c, r);
	return json_object_set_new(o, "proposal", json_string((const char *)text.data)) ? -ENOMEM : 0;
}

static int one_budget(struct api_call *c, struct budgets *b, const char *name, json_t **ret)
{
	const struct budget_kept *k = budgets_find(b, name);
	api_auto_json json_t *o = k ? budget_object(k) : NULL, *alerts = json_array(), *notices = json_array();
	struct said said = {k, alerts}, sent = {k, notices};
	uint64_t proposal = 0;
	int r;

	if (!k)
		return weir_err_set(&c->err, -EINVAL, "name: there is no budget '%.64s' in force", name);
	r = api_u64(c, "proposal", 0, 0, 1, &proposal);
	if (r)
		return r;
	r = store_alerts(c->sv->store, name, k->view.from_s, add_alert, &said);
	if (!r)
		r = store_notices(c->sv->store, name, k->view.from_s, add_notice, &sent);
	if (r)
		return api_store_failed(c, r);
	r = o ? put_thresholds(k->budget, &k->view, o) : -ENOMEM;
	if (!r && proposal)
		r = put_proposal(c, b, k, o);
	if (!r && (json_object_set(o, "alerts", alerts) || json_object_set(o, "notices", notices)))
		r = -ENOMEM;
	if (!r)
		*ret = weir_take_ptr(o);
	return r;
}

/* ?name=BUDGET&proposal=1: one with all that is known of it; else all. */
int api_budgets(struct api_call *c, json_t **ret)
{
	const char *name = c->param(c, "name");
	api_auto_json json_t *items = json_array();
	struct budgets *b;
	int r = alerts_budgets(c->sv->alerts, c->now_ns, &b);

	if (r)
		return api_store_failed(c, r);
	if (name)
		return one_budget(c, b, name, ret);
	for (size_t i = 0; i < budgets_count(b); i++)
		if (json_array_append_new(items, budget_object(budgets_at(b, i))))
			return -ENOMEM;
	return api_items(weir_take_ptr(items), ret);
}
