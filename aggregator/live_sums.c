/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_sums.h"

#include "lib/ds/map.h"

#include <math.h>

#define KEY_MAX 32768 /* six texts of a message at their longest */
#define NOWHERE UINT32_MAX

/* A line before it is known whether it is shown. */
struct group {
	const struct live_shown *first;
	double day, past; /* of those with a forecast; of the last day */
	size_t forecast, at;
};

struct groups {
	struct group *list;
	size_t count;
	uint32_t *of;	 /* of an item of the view: its group, NOWHERE = it does not match */
	uint32_t *place; /* of a group: its line, NOWHERE = hidden */
};

static void groups_fini(struct groups *g)
{
	free(g->list);
	free(g->of);
	free(g->place);
}

const char *live_by_name(enum live_by by)
{
	static const char *const names[LIVE_BYS] = {"series", "workload", "namespace", "team"};

	return names[by];
}

static bool is_text(const char *asked, const char *has)
{
	return !asked || !strcmp(asked, has);
}

static bool matches(const struct live_shown *s, const struct live_ask *a)
{
	const char *const *text = s->owner->text;

	return s->measure == a->measure && is_text(a->namespace, text[LIVE_NAMESPACE]) && is_text(a->workload, text[LIVE_NAME]) &&
	       is_text(a->team, text[LIVE_TEAM]) && is_text(a->path, live_way_name(s->way));
}

static int key_of(const struct live_shown *s, enum live_by by, char key[KEY_MAX], size_t *ret_len)
{
	const char *const *text = s->owner->text;
	const char *const of[LIVE_BYS][6] = {
		[LIVE_BY_SERIES] = {text[LIVE_DOMAIN], text[LIVE_NAMESPACE], text[LIVE_NAME], text[LIVE_KIND], text[LIVE_TEAM],
				    live_way_name(s->way)},
		[LIVE_BY_WORKLOAD] = {text[LIVE_DOMAIN], text[LIVE_NAMESPACE], text[LIVE_NAME]},
		[LIVE_BY_NAMESPACE] = {text[LIVE_NAMESPACE]},
		[LIVE_BY_TEAM] = {text[LIVE_TEAM]},
	};
	size_t n = 0;

	while (n < WEIR_ARRAY_SIZE(of[by]) && of[by][n])
		n++;
	*ret_len = 0;
	return weir_map_key(key, KEY_MAX, ret_len, of[by], n);
}

static double day_of(const float *v)
{
	double sum = 0;

	for (size_t h = 0; h < LIVE_DAY; h++)
		sum += (double)v[h];
	return sum;
}

static double past_day(const struct live_shown *s)
{
	double sum = 0;

	for (size_t h = LIVE_AHEAD - LIVE_DAY; h < LIVE_AHEAD; h++)
		sum += isfinite(s->past[h]) ? (double)s->past[h] : 0;
	return sum;
}

static int group_items(const struct live_view *v, const struct live_ask *ask, struct weir_map *by_key, struct groups *g)
{
	char key[KEY_MAX];
	size_t len;

	for (size_t i = 0; i < v->count; i++) {
		const struct live_shown *s = &v->items[i];
		struct group *found;
		int r;

		g->of[i] = NOWHERE;
		if (!matches(s, ask))
			continue;
		r = key_of(s, ask->by, key, &len);
		if (r)
			return r;
		found = weir_map_find(by_key, key, len);
		if (!found) {
			found = &g->list[g->count];
			*found = (struct group){.first = s, .at = g->count++};
			r = weir_map_put(by_key, key, len, found, NULL);
			if (r)
				return r;
		}
		g->of[i] = (uint32_t)found->at;
		found->past += past_day(s);
		if (s->forecast) {
			found->forecast++;
			found->day += day_of(s->mean);
		}
	}
	return 0;
}

static int by_most(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (!x->forecast != !y->forecast)
		return !x->forecast - !y->forecast;
	if (x->forecast && x->day != y->day)
		return x->day < y->day ? 1 : -1;
	if (x->past != y->past)
		return x->past < y->past ? 1 : -1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void line_begin(struct live_line *l, const struct live_shown *first)
{
	*l = (struct live_line){.first = first};
	for (size_t h = 0; h < LIVE_AHEAD; h++)
		l->past[h] = NAN;
}

static void line_add(struct live_line *l, const struct live_shown *s)
{
	l->hours = l->series ? WEIR_MIN(l->hours, s->hours) : s->hours;
	l->series++;
	l->learning += !s->forecast;
	for (size_t h = 0; h < LIVE_AHEAD; h++) {
		if (isfinite(s->past[h]))
			l->past[h] = isnan(l->past[h]) ? (double)s->past[h] : l->past[h] + (double)s->past[h];
		if (!s->forecast)
			continue;
		l->mean[h] += (double)s->mean[h];
		l->lower[h] += (double)s->lower[h];
		l->upper[h] += (double)s->upper[h];
	}
}

static void line_end(struct live_line *l, enum live_measure m)
{
	double of = m == LIVE_RTT ? LIVE_DAY : 1;

	for (size_t h = 0; h < LIVE_DAY; h++) {
		l->day += l->mean[h] / of;
		l->day_lower += l->lower[h] / of;
		l->day_upper += l->upper[h] / of;
	}
}

static int make_lines(const struct live_view *v, const struct live_ask *ask, struct groups *g, struct live_line **ret, size_t *ret_count,
		      struct live_line *total)
{
	size_t n = WEIR_MIN(g->count, ask->limit);
	struct live_line *lines = calloc(n + 1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	qsort(g->list, g->count, sizeof(*g->list), by_most);
	for (size_t i = 0; i < g->count; i++) {
		g->place[g->list[i].at] = i < n ? (uint32_t)i : NOWHERE;
		if (i < n)
			line_begin(&lines[i], g->list[i].first);
	}
	line_begin(total, g->count ? g->list[0].first : NULL);
	for (size_t i = 0; i < v->count; i++) {
		if (g->of[i] == NOWHERE)
			continue;
		line_add(total, &v->items[i]);
		if (g->place[g->of[i]] != NOWHERE)
			line_add(&lines[g->place[g->of[i]]], &v->items[i]);
	}
	for (size_t i = 0; i < n; i++)
		line_end(&lines[i], ask->measure);
	line_end(total, ask->measure);
	*ret = lines;
	*ret_count = n;
	return 0;
}

int live_sums(const struct live_view *v, const struct live_ask *ask, struct live_line **ret, size_t *ret_count, size_t *ret_hidden,
	      struct live_line *ret_total)
{
	weir_cleanup(groups_fini) struct groups g = {.list = calloc(v->count + 1, sizeof(*g.list)),
						     .of = calloc(v->count + 1, sizeof(*g.of)),
						     .place = calloc(v->count + 1, sizeof(*g.place))};
	struct weir_map *by_key = NULL;
	int r = g.list && g.of && g.place ? weir_map_new(&by_key) : -ENOMEM;

	if (!r)
		r = group_items(v, ask, by_key, &g);
	weir_map_free(by_key, NULL);
	if (!r)
		r = make_lines(v, ask, &g, ret, ret_count, ret_total);
	if (!r)
		*ret_hidden = g.count - *ret_count;
	return r;
}
