/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/plan.h"

#include <math.h>

#include "lib/ds/map.h"
#include "lib/money/model.h"
#include "lib/money/plan_impl.h"
#include "lib/money/replay.h"
#include "lib/money/resource.h"

#define MONTH_S (WEIR_PLAN_HOURS * 3600ull)

/* A line while it is summed: what each day adds to the difference. */
struct sum {
	struct weir_plan_line line;
	int64_t *days;
};

struct sums {
	struct weir_map *by_key; /* struct sum */
	size_t days;		 /* also those that are not whole */
};

static void sum_free(void *p)
{
	struct sum *s = p;

	free(s->line.key);
	free(s->days);
	free(s);
}

static struct sum *sum_new(const char *key, size_t days)
{
	struct sum *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->line.key = strdup(key);
	s->days = calloc(days + 1, sizeof(*s->days));
	if (s->line.key && s->days)
		return s;
	sum_free(s);
	return NULL;
}

/* The line of a key, made when it is not there; NULL = no memory. */
static struct sum *sum_of(struct sums *sums, const char *key)
{
	struct sum *s = weir_map_find(sums->by_key, key, strlen(key));

	if (s)
		return s;
	s = sum_new(key, sums->days);
	if (s && weir_map_put(sums->by_key, key, strlen(key), s, NULL)) {
		sum_free(s);
		return NULL;
	}
	return s;
}

struct pricing {
	struct sums paths, teams;
	struct sum *total;
	struct weir_plan_cost *c;
	bool after;
};

/* day: SIZE_MAX = of none, an hourly resource. */
static void add(const struct pricing *p, struct sum *s, int64_t nanos, size_t day)
{
	*(p->after ? &s->line.after : &s->line.before) += nanos;
	if (day != SIZE_MAX)
		s->days[day] += p->after ? nanos : -nanos;
}

static int add_cost(struct pricing *p, const char *path, const char *team, int64_t nanos, size_t day)
{
	struct sum *by_path = sum_of(&p->paths, path), *by_team = sum_of(&p->teams, team);

	if (!by_path || !by_team)
		return -ENOMEM;
	add(p, by_path, nanos, day);
	add(p, by_team, nanos, day);
	add(p, p->total, nanos, day);
	return 0;
}

static int price_traffic(struct pricing *p, const struct weir_topology *t, const struct weir_pricebook *b,
			 const struct weir_traffic_set *s)
{
	weir_auto_replay struct weir_replay *replay = NULL;
	int r = weir_replay_run(t, b, s, NULL, 0, &replay);

	for (size_t i = 0; !r && i < weir_replay_count(replay); i++) {
		const struct weir_replay_charge *c = weir_replay_at(replay, i);
		struct weir_traffic row;

		if (c->row == WEIR_REPLAY_RESOURCE)
			continue;
		weir_traffic_get(s, c->row, &row);
		if (!c->meter && !c->free)
			p->c->unpriced[p->after] += c->bytes;
		r = add_cost(p, weir_path_name(c->path), row.team, c->nanos, plan_day(&row));
	}
	return r;
}

static int64_t month_of(const struct weir_resource *r)
{
	return r->meter ? weir_meter_cost(r->meter, MONTH_S * r->count) : 0;
}

static int price_resource(const struct weir_resource *r, void *arg)
{
	return add_cost(arg, weir_path_name(r->path), *r->owner ? r->owner : WEIR_PLAN_SHARED, month_of(r), SIZE_MAX);
}

/* Which of one network are not in the other. */
struct comparing {
	const struct weir_resource *one;
	bool found;
	const struct weir_topology *other;
	const struct weir_pricebook *b;
	uint64_t time_s;
	struct weir_plan_cost *c;
	bool added;
};

static int compare(const struct weir_resource *r, void *arg)
{
	struct comparing *x = arg;

	x->found |= !strcmp(r->domain, x->one->domain) && !strcmp(r->name, x->one->name) &&
		    !strcmp(r->meter_name, x->one->meter_name) && r->count == x->one->count;
	return 0;
}

static int note_resource(const struct weir_resource *r, void *arg)
{
	struct comparing *x = arg;
	struct weir_plan_resource *row;

	x->one = r;
	x->found = false;
	weir_resource_each(x->other, x->b, x->time_s, compare, x);
	if (x->found)
		return 0;
	row = topo_add_row(&x->c->resources, &x->c->resource_count);
	if (!row)
		return -ENOMEM;
	*row = (struct weir_plan_resource){.domain = strdup(r->domain), .name = strdup(r->name), .meter = strdup(r->meter_name),
					   .count = r->count, .added = x->added, .priced = r->meter != NULL,
					   .nanos = x->added ? month_of(r) : -month_of(r)};
	return row->domain && row->name && row->meter ? 0 : -ENOMEM;
}

static int64_t size_of(int64_t n)
{
	return n < 0 ? -n : n;
}

static int cmp_line(const void *x, const void *y)
{
	const struct weir_plan_line *a = x, *b = y;
	int64_t change_a = size_of(a->after - a->before), change_b = size_of(b->after - b->before);

	if (change_a != change_b)
		return change_a > change_b ? -1 : 1;
	if (a->after != b->after)
		return a->after > b->after ? -1 : 1;
	return strcmp(a->key, b->key);
}

static void end_line(const struct weir_plan_cost *c, struct sum *s)
{
	s->line.interval = plan_interval(s->days, c->days, c->hours, s->line.after - s->line.before, &s->line.low, &s->line.high);
}

static int end_sums(const struct weir_plan_cost *c, struct sums *sums, struct weir_plan_line **ret, size_t *ret_count)
{
	size_t n = weir_map_count(sums->by_key), pos = 0, len;
	const void *key;
	void *value;

	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	while (weir_map_next(sums->by_key, &pos, &key, &len, &value)) {
		struct sum *s = value;

		end_line(c, s);
		(*ret)[*ret_count] = s->line;
		(*ret)[(*ret_count)++].key = weir_take_ptr(s->line.key);
	}
	qsort(*ret, n, sizeof(**ret), cmp_line);
	return 0;
}

static int price_one(struct pricing *p, bool after, const struct weir_topology *t, const struct weir_pricebook *b,
		     const struct weir_traffic_set *s)
{
	int r;

	p->after = after;
	r = price_traffic(p, t, b, s);
	return r ? r : weir_resource_each(t, b, p->c->last_s, price_resource, p);
}

static void count_rows(const struct weir_topology *t, const struct weir_traffic_set *s, struct weir_plan_cost *c)
{
	for (size_t i = 0; i < weir_traffic_count(s); i++) {
		struct weir_traffic row;

		weir_traffic_get(s, i, &row);
		c->rows++;
		c->rows_here += !row.folded && weir_topology_subnet(t, row.domain, &row.local);
	}
}

static int note_resources(const struct weir_topology *before, const struct weir_topology *after, const struct weir_pricebook *b,
			  struct weir_plan_cost *c)
{
	struct comparing gone = {.other = after, .b = b, .time_s = c->last_s, .c = c};
	struct comparing added = {.other = before, .b = b, .time_s = c->last_s, .c = c, .added = true};
	int r = weir_resource_each(before, b, c->last_s, note_resource, &gone);

	return r ? r : weir_resource_each(after, b, c->last_s, note_resource, &added);
}

static int price_both(const struct weir_topology *before, const struct weir_topology *after, const struct weir_pricebook *b,
		      const struct weir_traffic_set *month, struct weir_plan_cost *c)
{
	weir_auto_traffic struct weir_traffic_set *moved = NULL;
	struct pricing p = {.c = c, .paths.days = (c->hours + 23) / 24};
	int r = plan_readdress(before, after, month, &moved);

	p.teams.days = p.paths.days;
	p.total = sum_new("", p.paths.days);
	if (!r)
		r = p.total ? weir_map_new(&p.paths.by_key) : -ENOMEM;
	if (!r)
		r = weir_map_new(&p.teams.by_key);
	if (!r)
		r = price_one(&p, false, before, b, month);
	if (!r)
		r = price_one(&p, true, after, b, moved ? moved : month);
	if (!r)
		r = end_sums(c, &p.paths, &c->paths, &c->path_count);
	if (!r)
		r = end_sums(c, &p.teams, &c->teams, &c->team_count);
	if (!r) {
		end_line(c, p.total);
		c->total = p.total->line;
		c->total.key = NULL;
	}
	if (p.total)
		sum_free(p.total);
	weir_map_free(p.paths.by_key, sum_free);
	weir_map_free(p.teams.by_key, sum_free);
	return r;
}

static void cost_freep(struct weir_plan_cost **c)
{
	weir_plan_cost_free(*c);
}

int weir_plan_cost(const struct weir_topology *before, const struct weir_topology *after, const struct weir_pricebook *b,
		   const struct weir_traffic_set *s, struct weir_plan_cost **ret)
{
	weir_cleanup(cost_freep) struct weir_plan_cost *c = calloc(1, sizeof(*c));
	weir_auto_traffic struct weir_traffic_set *month = NULL;
	int r = c ? plan_month(s, &month) : -ENOMEM;

	if (r)
		return r;
	weir_traffic_span(s, &c->first_s, &c->last_s);
	c->hours = (c->last_s - c->first_s) / 3600 + 1;
	c->days = c->hours / 24;
	count_rows(before, s, c);
	r = price_both(before, after, b, month, c);
	if (!r)
		r = note_resources(before, after, b, c);
	if (!r)
		*ret = weir_take_ptr(c);
	return r;
}

static void free_lines(struct weir_plan_line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(lines[i].key);
	free(lines);
}

void weir_plan_cost_free(struct weir_plan_cost *c)
{
	if (!c)
		return;
	free_lines(c->paths, c->path_count);
	free_lines(c->teams, c->team_count);
	for (size_t i = 0; i < c->resource_count; i++) {
		free(c->resources[i].domain);
		free(c->resources[i].name);
		free(c->resources[i].meter);
	}
	free(c->resources);
	free(c);
}

/* Student's t, the middle 95 %, by degrees of freedom; behind the last that of the normal distribution is near enough (1 %). */
static double quantile(size_t freedom)
{
	static const double t[] = {0,	   12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
				   2.2010, 2.1788,  2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796,
				   2.0739, 2.0687,  2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423};

	if (freedom < WEIR_ARRAY_SIZE(t))
		return t[freedom];
	return freedom < 60 ? 2.0211 : freedom < 120 ? 2.0003 : 1.96;
}

bool plan_interval(const int64_t *days, size_t n, uint64_t hours, int64_t difference, int64_t *ret_low, int64_t *ret_high)
{
	double mean = 0, sum = 0, half;

	if (n < 2)
		return false;
	for (size_t i = 0; i < n; i++)
		mean += (double)days[i] * (double)hours / 24 / (double)n;
	for (size_t i = 0; i < n; i++) {
		double d = (double)days[i] * (double)hours / 24 - mean;

		sum += d * d;
	}
	half = quantile(n - 1) * sqrt(sum / (double)(n - 1)) * sqrt(1 / (double)n + 24.0 / WEIR_PLAN_HOURS);
	half = half < (double)(INT64_MAX / 4) ? half : (double)(INT64_MAX / 4);
	*ret_low = difference - (int64_t)llround(half);
	*ret_high = difference + (int64_t)llround(half);
	return true;
}
