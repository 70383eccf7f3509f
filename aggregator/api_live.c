/* SPDX-License-Identifier: Apache-2.0 */
/* What models say of the traffic: what is ahead, and what is odd in it. */
#include "aggregator/api_live.h"

#include "aggregator/live.h"
#include "aggregator/live_sums.h"
#include "aggregator/text.h"

#include <math.h>

#define NS_S 1000000000ull
#define HOUR_S 3600
#define DEFAULT_ITEMS 20
#define DEFAULT_SINCE_S (7 * 86400)
#define SINCE_MAX_S (10ull * 366 * 86400)

/* Takes values. */
static int put(json_t *o, const char *name, json_t *value)
{
	return json_object_set_new(o, name, value) ? -ENOMEM : 0;
}

/* A name that was cut within a character is shown without that. */
static json_t *text(const char *s)
{
	weir_auto_buf struct weir_buf clean = {0};
	json_t *v = json_string(s);

	return v || text_json(&clean, s) ? v : json_loadb((const char *)clean.data, clean.len, JSON_DECODE_ANY, NULL);
}

static json_t *number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *numbers(const double *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++)
		if (json_array_append_new(list, number(v[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static int64_t whole(double v)
{
	return v >= 9.2e18 ? INT64_MAX : v <= -9.2e18 ? INT64_MIN : (int64_t)llround(v);
}

static json_t *next_day(const struct live_line *l, enum live_measure m)
{
	api_auto_json json_t *o = json_object();
	int r = o ? put(o, "mean", number(l->day)) : -ENOMEM;

	r = r ? r : put(o, "lower", number(l->day_lower));
	r = r ? r : put(o, "upper", number(l->day_upper));
	if (!r && m == LIVE_COST && isfinite(l->day))
		r = api_money(o, whole(l->day));
	return r ? NULL : weir_take_ptr(o);
}

static int put_hours(const struct live_line *l, enum live_measure m, json_t *o)
{
	bool known = l->series > l->learning;
	int r = put(o, "past", numbers(l->past, LIVE_AHEAD));

	r = r ? r : put(o, "mean", known ? numbers(l->mean, LIVE_AHEAD) : json_null());
	r = r ? r : put(o, "lower", known ? numbers(l->lower, LIVE_AHEAD) : json_null());
	r = r ? r : put(o, "upper", known ? numbers(l->upper, LIVE_AHEAD) : json_null());
	return r ? r : put(o, "next_24h", known ? next_day(l, m) : json_null());
}

static int put_keys(const struct live_line *l, const struct live_ask *ask, json_t *o)
{
	const char *const *is = l->first->owner->text;
	enum live_by by = ask->by;
	bool workload = by == LIVE_BY_SERIES || by == LIVE_BY_WORKLOAD;
	int r = workload ? put(o, "domain", text(is[LIVE_DOMAIN])) : 0;

	if (!r && (workload || by == LIVE_BY_NAMESPACE))
		r = put(o, "namespace", text(is[LIVE_NAMESPACE]));
	if (!r && workload)
		r = put(o, "workload", text(is[LIVE_NAME]));
	if (!r && by == LIVE_BY_SERIES)
		r = put(o, "kind", text(is[LIVE_KIND]));
	if (!r && (by == LIVE_BY_SERIES || by == LIVE_BY_TEAM))
		r = put(o, "team", text(is[LIVE_TEAM]));
	if (!r && by == LIVE_BY_SERIES)
		r = put(o, "path", text(live_way_name(l->first->way)));
	return r;
}

static json_t *line_value(const struct live_line *l, const struct live_ask *ask, const char *model, bool keys)
{
	api_auto_json json_t *o = json_object();
	bool learning = l->series == l->learning;
	int r = !o ? -ENOMEM : keys ? put_keys(l, ask, o) : 0;

	r = r ? r : put(o, "state", json_string(learning ? "learning" : "forecast"));
	r = r ? r : put(o, "model", learning ? json_null() : json_string(model));
	r = r ? r : put(o, "hours", json_integer((json_int_t)l->hours));
	r = r ? r : put(o, "series", json_integer((json_int_t)l->series));
	r = r ? r : put(o, "learning", json_integer((json_int_t)l->learning));
	r = r ? r : put_hours(l, ask->measure, o);
	return r ? NULL : weir_take_ptr(o);
}

static int read_measure(struct api_call *c, enum live_measure *ret)
{
	const char *s = c->param(c, "measure");

	for (int m = 0; m < LIVE_MEASURES; m++)
		if (!strcmp(s ? s : "cost", live_measure_name((enum live_measure)m))) {
			*ret = (enum live_measure)m;
			return 0;
		}
	return weir_err_set(&c->err, -EINVAL, "measure: '%.40s' is none of bytes, cost, denies, rtt, retransmits", s);
}

static int read_by(struct api_call *c, enum live_by *ret)
{
	const char *s = c->param(c, "by");

	for (int b = 0; b < LIVE_BYS; b++)
		if (!strcmp(s ? s : "series", live_by_name((enum live_by)b))) {
			*ret = (enum live_by)b;
			return 0;
		}
	return weir_err_set(&c->err, -EINVAL, "by: '%.40s' is none of series, workload, namespace, team", s);
}

static int read_ask(struct api_call *c, struct live_ask *ret)
{
	struct live_ask a = {.namespace = c->param(c, "namespace"), .workload = c->param(c, "workload"), .team = c->param(c, "team"),
			     .path = c->param(c, "path")};
	uint64_t limit;
	int r = read_measure(c, &a.measure);

	r = r ? r : read_by(c, &a.by);
	r = r ? r : api_u64(c, "limit", DEFAULT_ITEMS, 1, API_LIVE_ITEMS, &limit);
	if (r)
		return r;
	if (a.measure == LIVE_RTT && a.by != LIVE_BY_SERIES)
		return weir_err_set(&c->err, -EINVAL, "by: round trips do not sum; ask by=series");
	a.limit = limit;
	*ret = a;
	return 0;
}

static int put_head(struct api_call *c, const struct live_ask *a, const struct live_line *total, json_t *o)
{
	int r = put(o, "measure", json_string(live_measure_name(a->measure)));

	r = r ? r : put(o, "unit", json_string(live_measure_unit(a->measure)));
	r = r ? r : put(o, "by", json_string(live_by_name(a->by)));
	if (!r && a->measure == LIVE_COST)
		r = put(o, "currency", json_string(api_currency(c->sv)));
	r = r ? r : put(o, "from_s", total->first ? json_integer((json_int_t)total->first->from_s) : json_null());
	r = r ? r : put(o, "step_s", json_integer(HOUR_S));
	r = r ? r : put(o, "coverage", json_real(0.95));
	/* An hour of a series has its model's bounds; of sums, over hours too, the bounds are summed. */
	r = r ? r : put(o, "hour_bounds", json_string(a->by == LIVE_BY_SERIES ? "model" : "sum"));
	return r ? r : put(o, "next_24h_bounds", json_string(a->measure == LIVE_RTT ? "mean" : "sum"));
}

int api_forecast_of(struct api_call *c, const struct live_view *v, json_t **ret)
{
	static const struct live_view nothing;
	weir_auto_free struct live_line *lines = NULL;
	api_auto_json json_t *items = json_array(), *o = json_object();
	struct live_line total;
	struct live_ask ask;
	size_t n = 0, hidden = 0;
	int r = items && o ? read_ask(c, &ask) : -ENOMEM;

	v = v ? v : &nothing;
	r = r ? r : live_sums(v, &ask, &lines, &n, &hidden, &total);
	r = r ? r : put_head(c, &ask, &total, o);
	for (size_t i = 0; !r && i < n; i++)
		r = json_array_append_new(items, line_value(&lines[i], &ask, v->model[ask.measure], true)) ? -ENOMEM : 0;
	if (!r && json_object_set(o, "items", items))
		r = -ENOMEM;
	r = r ? r : put(o, "hidden", json_integer((json_int_t)hidden));
	if (!r && total.first && ask.measure != LIVE_RTT)
		r = put(o, "total", line_value(&total, &ask, v->model[ask.measure], false));
	if (!r)
		*ret = weir_take_ptr(o);
	return r;
}

/* ?measure=&by=&namespace=&workload=&team=&path=&limit=: see docs/seen.md */
int api_forecast(struct api_call *c, json_t **ret)
{
	const struct live_view *v = live_view(c->sv->live);
	api_auto_json json_t *o = NULL;
	int r = api_forecast_of(c, v, &o);

	r = r ? r : put(o, "models", json_string(!c->sv->live ? "off" : v ? "on" : "starting"));
	if (!r)
		*ret = weir_take_ptr(o);
	return r;
}

/* What it cost if all of it was as dear as the dearest told of: at most. */
static int64_t so_far(int64_t nanos_per_hour, uint64_t seconds)
{
	__int128 v = (__int128)nanos_per_hour * (__int128)seconds / HOUR_S;

	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

int api_finding(const struct store_finding *f, uint64_t now_s, json_t **ret)
{
	api_auto_json json_t *o = json_loads(f->body, JSON_REJECT_DUPLICATES, NULL);
	uint64_t end_s = f->ended_s ? f->ended_s : WEIR_MAX(now_s, f->last_s), seconds = end_s - WEIR_MIN(end_s, f->since_s);
	int r = json_is_object(o) ? 0 : -EBADMSG;

	r = r ? r : put(o, "id", json_integer(f->id));
	r = r ? r : put(o, "state", json_string(f->ended_s ? "ended" : "open"));
	r = r ? r : put(o, "since_s", json_integer((json_int_t)f->since_s));
	r = r ? r : put(o, "last_s", json_integer((json_int_t)f->last_s));
	r = r ? r : put(o, "ended_s", f->ended_s ? json_integer((json_int_t)f->ended_s) : json_null());
	r = r ? r : put(o, "seconds", json_integer((json_int_t)seconds));
	r = r ? r : put(o, "score", json_real(f->score));
	r = r ? r : put(o, "nanos_per_hour", json_integer(f->nanos_per_hour));
	r = r ? r : api_money(o, so_far(f->nanos_per_hour, seconds));
	if (!r)
		*ret = weir_take_ptr(o);
	return r;
}

struct listing {
	json_t *items;
	uint64_t now_s, limit;
	bool more;
};

static int add_finding(const struct store_finding *f, void *arg)
{
	struct listing *l = arg;
	json_t *o;
	int r;

	if (json_array_size(l->items) == l->limit) {
		l->more = true;
		return 0;
	}
	r = api_finding(f, l->now_s, &o);
	return r ? r : json_array_append_new(l->items, o) ? -ENOMEM : 0;
}

static int read_kind(struct api_call *c, const char **ret)
{
	char known[512] = "";
	enum weir_finding_kind k;

	*ret = c->param(c, "kind");
	if (!*ret || !weir_finding_kind_parse(*ret, &k))
		return 0;
	for (int i = 0; i < WEIR_FINDING_KINDS; i++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "",
			 weir_finding_kind_name((enum weir_finding_kind)i));
	return weir_err_set(&c->err, -EINVAL, "kind: '%.40s' is none of %s", *ret, known);
}

static int read_filter(struct api_call *c, struct store_finding_filter *f)
{
	uint64_t since_s, open, id, limit;
	uint64_t now_s = c->now_ns / NS_S;
	int r = api_u64(c, "since", DEFAULT_SINCE_S, 1, SINCE_MAX_S, &since_s);

	r = r ? r : api_u64(c, "open", 0, 0, 1, &open);
	r = r ? r : api_u64(c, "id", 0, 1, INT64_MAX, &id);
	r = r ? r : api_u64(c, "limit", DEFAULT_ITEMS, 1, API_LIVE_ITEMS, &limit);
	r = r ? r : read_kind(c, &f->kind);
	if (r)
		return r;
	f->namespace = c->param(c, "namespace");
	f->workload = c->param(c, "workload");
	f->team = c->param(c, "team");
	f->open = open;
	f->id = (int64_t)id;
	/* What is asked for by its number is told however old. What goes on is told however old, too. */
	f->since_s = id || open ? 0 : now_s - WEIR_MIN(now_s, since_s);
	f->limit = (uint32_t)limit + 1;
	return 0;
}

/* ?id=N, or ?open=1&since=SECONDS&kind=&namespace=&workload=&team=&limit= */
int api_anomalies(struct api_call *c, json_t **ret)
{
	api_auto_json json_t *items = json_array(), *o = json_object();
	struct listing l = {.items = items, .now_s = c->now_ns / NS_S};
	struct store_finding_filter by = {0};
	int64_t nanos = 0;
	uint64_t open = 0;
	char amount[TEXT_MONEY_MAX];
	int r = items && o ? read_filter(c, &by) : -ENOMEM;

	if (r)
		return r;
	l.limit = by.limit - 1;
	r = store_findings(c->sv->store, &by, add_finding, &l);
	r = r ? r : store_findings_sum(c->sv->store, &open, &nanos);
	if (r)
		return r == -EBADMSG ? weir_err_set(&c->err, r, "the store has a finding that cannot be read") : api_store_failed(c, r);
	if (by.id && !json_array_size(items))
		return weir_err_set(&c->err, -EINVAL, "there is no finding %lld (any more)", (long long)by.id);
	r = json_object_set(o, "items", items) ? -ENOMEM : 0;
	r = r ? r : put(o, "more", json_boolean(l.more));
	r = r ? r : put(o, "currency", json_string(api_currency(c->sv)));
	r = r ? r : put(o, "open", json_integer((json_int_t)open));
	r = r ? r : put(o, "open_nanos_per_hour", json_integer(nanos));
	r = r ? r : put(o, "open_cost_per_hour", json_string(text_money(nanos, amount)));
	if (!r)
		*ret = weir_take_ptr(o);
	return r;
}
