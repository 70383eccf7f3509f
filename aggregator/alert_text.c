/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/alerts.h"

#include "aggregator/text.h"
#include "lib/base/clock.h"

#include <inttypes.h>

static int put(struct weir_buf *b, const char *name, const char *value)
{
	int r = weir_buf_addf(b, "%s\"%s\":", b->len > 1 && b->data[b->len - 1] != '{' ? "," : "", name);

	return r ? r : text_json(b, value);
}

static int put_money(struct weir_buf *b, const char *name, int64_t nanos)
{
	char amount[TEXT_MONEY_MAX];

	return put(b, name, text_money(nanos, amount));
}

static int put_time(struct weir_buf *b, const char *name, uint64_t time_s)
{
	char text[32];

	return put(b, name, weir_time_text(time_s * WEIR_NS_PER_S, text));
}

/* Of a threshold on the forecast. */
static char *foretold(const struct alert_text *t)
{
	static const char *const how[] = {"", "will reach", "will, by its new amount, reach", "will, by its new amount, not reach"};
	const struct weir_budget *budget = t->kept->budget;
	const struct weir_budget_view *v = &t->kept->view;
	char end[TEXT_MONEY_MAX], low[TEXT_MONEY_MAX], high[TEXT_MONEY_MAX], amount[TEXT_MONEY_MAX], spent[TEXT_MONEY_MAX], scope[256];
	char outlook[WEIR_BUDGET_OUTLOOK];
	const char *period = weir_budget_period_name(budget->period);

	return weir_strf("Budget %s (%s) %s %s: this %s is forecast to cost %s (80 %%: %s to %s) of %s %s, %s are spent; it %s.", budget->name,
			 weir_budget_scope(budget, scope, sizeof(scope)), how[t->news], budget->thresholds[t->threshold].name, period,
			 text_money(v->forecast.nanos, end), text_money(v->forecast.lower_nanos, low), text_money(v->forecast.upper_nanos, high),
			 text_money(budget->nanos, amount), budget->currency, text_money(v->nanos, spent), weir_budget_outlook(budget, v, outlook));
}

/* A sentence, in the field that chat servers show. */
static int put_sentence(const struct alert_text *t, struct weir_buf *b)
{
	static const char *const how[] = {"", "has reached", "has, by its new amount, reached", "has, by its new amount, not reached"};
	const struct weir_budget *budget = t->kept->budget;
	const struct weir_budget_view *v = &t->kept->view;
	char spent[TEXT_MONEY_MAX], amount[TEXT_MONEY_MAX], scope[256];
	weir_auto_free char *text = budget->thresholds[t->threshold].forecast ? foretold(t) :
				    weir_strf("Budget %s (%s) %s %s: %s of %s %s are spent in this %s%s.", budget->name,
					      weir_budget_scope(budget, scope, sizeof(scope)), how[t->news],
					      budget->thresholds[t->threshold].name, text_money(v->nanos, spent),
					      text_money(budget->nanos, amount), budget->currency,
					      weir_budget_period_name(budget->period),
					      t->proposal ? "; a policy is proposed, and not in force" : "");

	return text ? put(b, "text", text) : -ENOMEM;
}

static int put_forecast(const struct weir_budget *budget, const struct weir_budget_view *v, struct weir_buf *b)
{
	const struct weir_budget_forecast *f = &v->forecast;
	char outlook[WEIR_BUDGET_OUTLOOK];
	int r = put_money(b, "forecast", f->nanos);

	if (!r)
		r = put_money(b, "forecast_lower", f->lower_nanos);
	if (!r)
		r = put_money(b, "forecast_upper", f->upper_nanos);
	if (!r && f->passes_s)
		r = put_time(b, "exceeds", f->passes_s);
	if (!r && f->early_s)
		r = put_time(b, "exceeds_early", f->early_s);
	if (!r && f->late_s)
		r = put_time(b, "exceeds_late", f->late_s);
	return r ? r : put(b, "outlook", weir_budget_outlook(budget, v, outlook));
}

static int put_numbers(const struct alert_text *t, struct weir_buf *b)
{
	const struct weir_budget *budget = t->kept->budget;
	const struct weir_budget_view *v = &t->kept->view;
	int r = put(b, "currency", budget->currency);

	if (!r)
		r = put_money(b, "amount", budget->nanos);
	if (!r)
		r = put_money(b, "spent", v->nanos);
	if (!r)
		r = weir_buf_addf(b, ",\"percent\":%.4f", (double)v->ppm / 1e4);
	if (!r)
		r = put_money(b, "per_day", v->day_nanos);
	if (!r && v->projected)
		r = put_money(b, "projected_linear", v->end_nanos);
	if (!r && v->forecast.at_s)
		r = put_forecast(budget, v, b);
	return r;
}

int alert_text(const struct alert_text *t, struct weir_buf *b)
{
	const struct weir_budget *budget = t->kept->budget;
	const struct weir_budget_threshold *threshold = &budget->thresholds[t->threshold];
	char scope[1024];
	int r = weir_buf_add(b, "{", 1);

	if (!r)
		r = put(b, "id", t->id);
	if (!r)
		r = put(b, "event", weir_budget_news_name(t->news));
	if (!r)
		r = put(b, "budget", budget->name);
	if (!r)
		r = put(b, "scope", weir_budget_scope(budget, scope, sizeof(scope)));
	if (!r)
		r = put(b, "period", weir_budget_period_name(budget->period));
	if (!r)
		r = put_time(b, "from", t->kept->view.from_s);
	if (!r)
		r = put_time(b, "to", t->kept->view.to_s);
	if (!r)
		r = put_time(b, "time", t->now_s);
	if (!r)
		r = put(b, "threshold", threshold->name);
	if (!r)
		r = weir_buf_addf(b, ",\"threshold_percent\":%.4f", (double)threshold->ppm / 1e4);
	if (!r)
		r = put(b, "on", threshold->forecast ? "forecast" : "spent");
	if (!r)
		r = put_numbers(t, b);
	if (!r)
		r = put_sentence(t, b);
	if (!r && t->proposal)
		r = put(b, "proposal", t->proposal);
	return r ? r : weir_buf_add(b, "}", 1);
}
