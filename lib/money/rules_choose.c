/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which candidates go together. A set is worth what replay says of all its edits at once; a set whose edits do not fit
 * each other, or that leaves more bytes or things without a price than there were, is worth nothing: what has no price
 * must not look like a saving.
 */
#include "lib/money/rules_impl.h"

#define REPLAYS_MAX 20000u /* of a search; some ms each */

struct priced {
	int64_t nanos;
	uint64_t unpriced_bytes, unpriced_things;
};

struct set {
	size_t *members;
	size_t count;
};

static void price_of(const struct weir_replay *r, struct priced *ret)
{
	*ret = (struct priced){.nanos = weir_replay_total(r)};
	for (size_t i = 0; i < weir_replay_count(r); i++) {
		const struct weir_replay_charge *c = weir_replay_at(r, i);

		if (c->meter || c->free)
			continue;
		if (c->row == WEIR_REPLAY_RESOURCE)
			ret->unpriced_things++;
		else
			ret->unpriced_bytes += c->bytes;
	}
}

/* More than there were are without a price. */
static bool loses_prices(const struct priced *before, const struct priced *after)
{
	return after->unpriced_bytes > before->unpriced_bytes || after->unpriced_things > before->unpriced_things;
}

/* What a replay needs while it is looked at. */
struct world {
	struct weir_topology *t;
	struct weir_traffic_set *own; /* NULL: the traffic as it was */
	const struct weir_traffic_set *traffic;
	struct weir_replay *replay;
};

static void world_fini(struct world *w)
{
	weir_replay_free(w->replay);
	weir_traffic_free(w->own);
	weir_topology_free(w->t);
}

static bool is_route(const struct weir_edit *e)
{
	return e->kind == WEIR_EDIT_ROUTE || e->kind == WEIR_EDIT_ROUTE_REMOVE;
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* Two changes of one route: which of them holds would depend on who is applied last. */
static bool contradict(const struct weir_edit *edits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = is_route(&edits[i]) ? i + 1 : n; k < n; k++)
			if (is_route(&edits[k]) && same_text(edits[i].domain, edits[k].domain) &&
			    same_text(edits[i].subnet, edits[k].subnet) && same_text(edits[i].service, edits[k].service) &&
			    !weir_prefix_cmp(&edits[i].to, &edits[k].to))
				return true;
	return false;
}

static int replay_edits(const struct weir_topology *t, const struct weir_savings_in *in, const struct weir_traffic_set *traffic,
			const struct weir_edit *edits, size_t n, struct world *ret, struct weir_err *err)
{
	bool moves = false;
	int r = contradict(edits, n) ? weir_err_set(err, -EINVAL, "two edits say where one route leads") :
				       weir_change_topology(t, edits, n, &ret->t, err);

	for (size_t i = 0; i < n; i++)
		moves |= weir_edit_is_traffic(&edits[i]);
	if (r == 0 && moves)
		r = weir_change_traffic(t, traffic, edits, n, &ret->own);
	ret->traffic = ret->own ? ret->own : traffic;
	if (r == 0)
		r = weir_replay_run(ret->t, in->book, ret->traffic, in->before, in->before_count, &ret->replay);
	return r < 0 ? weir_err_set(err, r, "replay: %s", strerror(-r)) : 0;
}

static int world_of(const struct weir_savings *s, const struct weir_traffic_set *traffic, const struct set *set,
		    struct world *ret, int64_t *ret_extra)
{
	weir_auto_free struct weir_edit *edits = NULL;
	struct weir_err err = {0};
	size_t n = 0;

	*ret_extra = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct rules_draft *d = s->drafts[set->members[i]];
		struct weir_edit *more = reallocarray(edits, n + d->edit_count + 1, sizeof(*edits));

		if (!more)
			return -ENOMEM;
		edits = more;
		memcpy(edits + n, d->edits, d->edit_count * sizeof(*edits));
		n += d->edit_count;
		*ret_extra += d->pub.extra_nanos;
	}
	return replay_edits(s->now, &s->in, traffic, edits, n, ret, &err);
}

struct search {
	struct weir_savings *s;
	const struct weir_traffic_set *traffic; /* by month while it is searched, at the end by day */
	struct priced base;
	struct set set; /* chosen */
	bool *in;	/* by candidate */
	int64_t value;
	int64_t floor; /* of the span */
	size_t budget; /* of replays; at 0 what is chosen stays */
};

static int look_at_traffic(struct search *x, const struct weir_traffic_set *traffic)
{
	weir_cleanup(world_fini) struct world w = {0};
	const struct set none = {.count = 0};
	int64_t extra;
	int r;

	x->traffic = traffic;
	r = world_of(x->s, traffic, &none, &w, &extra);
	if (r == 0)
		price_of(w.replay, &x->base);
	return r;
}

/* -EINVAL: the members do not go together. */
static int worth(struct search *x, const struct set *set, int64_t *ret)
{
	weir_cleanup(world_fini) struct world w = {0};
	struct priced after;
	int64_t extra;
	int r = world_of(x->s, x->traffic, set, &w, &extra);

	x->budget -= x->budget > 0;
	if (r < 0)
		return r;
	price_of(w.replay, &after);
	if (loses_prices(&x->base, &after))
		return -EINVAL;
	*ret = x->base.nanos - after.nanos - extra;
	return 0;
}

static bool may(const struct search *x, size_t i)
{
	return !x->in[i] && !x->s->drafts[i]->pub.held && x->s->drafts[i]->edit_count;
}

static int value_with(struct search *x, size_t i, int64_t *ret)
{
	struct set set = {.members = x->set.members, .count = x->set.count + 1};

	set.members[x->set.count] = i; /* behind the chosen ones; there is room for all */
	return worth(x, &set, ret);
}

static void take(struct search *x, size_t i, int64_t value)
{
	x->set.members[x->set.count++] = i;
	x->in[i] = true;
	x->value = value;
}

/* The best next one, again and again. */
static int grow(struct search *x)
{
	for (;;) {
		size_t best = SIZE_MAX;
		int64_t most = x->value + x->floor - 1, value;

		for (size_t i = 0; i < x->s->draft_count; i++) {
			int r = may(x, i) ? value_with(x, i, &value) : -EINVAL;

			if (r < 0 && r != -EINVAL)
				return r;
			if (r == 0 && value > most) {
				most = value;
				best = i;
			}
		}
		if (best == SIZE_MAX || !x->budget)
			return 0;
		take(x, best, most);
	}
}

/* Without the k-th; *ret_set has room for all. */
static void without(const struct search *x, size_t k, struct set *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < x->set.count; i++)
		if (i != k)
			ret->members[ret->count++] = x->set.members[i];
}

static void drop(struct search *x, size_t k, int64_t value)
{
	x->in[x->set.members[k]] = false;
	memmove(&x->set.members[k], &x->set.members[k + 1], (x->set.count - k - 1) * sizeof(*x->set.members));
	x->set.count--;
	x->value = value;
}

/* What saves nothing beside all others goes. True: one went. */
static int shrink(struct search *x, struct set *room, bool *ret)
{
	*ret = false;
	for (size_t k = 0; k < x->set.count; k++) {
		int64_t value;
		int r;

		without(x, k, room);
		r = worth(x, room, &value);
		if (r < 0 && r != -EINVAL)
			return r;
		if (r == 0 && value > x->value - x->floor) {
			drop(x, k, value);
			*ret = true;
			return 0;
		}
	}
	return 0;
}

/* One chosen for one left, if that saves more. */
static int exchange(struct search *x, struct set *room, bool *ret)
{
	*ret = false;
	for (size_t k = 0; k < x->set.count; k++) {
		for (size_t i = 0; i < x->s->draft_count; i++) {
			int64_t value;
			int r;

			if (!may(x, i))
				continue;
			without(x, k, room);
			room->members[room->count++] = i;
			r = worth(x, room, &value);
			if (r < 0 && r != -EINVAL)
				return r;
			if (r == 0 && value >= x->value + x->floor) {
				drop(x, k, value);
				take(x, i, value);
				*ret = true;
				return 0;
			}
		}
	}
	return 0;
}

/* A way that the chosen ones bar: with it, what still goes with it, and what then goes best. True: that saves more. */
static int force(struct search *x, size_t i, struct set *room, bool *ret)
{
	struct set old = {.members = room->members, .count = x->set.count};
	int64_t value = 0, before = x->value;
	int r = 0;

	*ret = false;
	memcpy(old.members, x->set.members, old.count * sizeof(*old.members));
	memset(x->in, 0, x->s->draft_count * sizeof(*x->in));
	x->set.count = 0;
	take(x, i, 0);
	r = worth(x, &x->set, &x->value);
	for (size_t k = 0; r == 0 && k < old.count; k++) {
		int fits = value_with(x, old.members[k], &value);

		if (fits == 0)
			take(x, old.members[k], value);
		else if (fits != -EINVAL)
			r = fits;
	}
	if (r == 0)
		r = grow(x);
	*ret = r == 0 && x->value >= before + x->floor;
	if (*ret || (r < 0 && r != -EINVAL))
		return r;
	memset(x->in, 0, x->s->draft_count * sizeof(*x->in));
	x->set.count = 0;
	for (size_t k = 0; k < old.count; k++)
		take(x, old.members[k], before);
	return 0;
}

static int force_each(struct search *x, struct set *room, bool *ret)
{
	int r = 0;

	*ret = false;
	for (size_t i = 0; r == 0 && !*ret && x->budget && i < x->s->draft_count; i++) {
		int64_t value;

		if (may(x, i) && value_with(x, i, &value) == -EINVAL)
			r = force(x, i, room, ret);
	}
	return r;
}

static int search_set(struct search *x)
{
	weir_auto_free size_t *members = calloc(x->s->draft_count + 1, sizeof(*members));
	struct set room = {.members = members};
	bool again = true;
	int r = members ? grow(x) : -ENOMEM;

	while (r == 0 && again && x->budget) {
		bool went = true;

		while (r == 0 && went)
			r = shrink(x, &room, &went);
		if (r == 0)
			r = exchange(x, &room, &again);
		if (r == 0 && !again)
			r = force_each(x, &room, &again);
		if (r == 0)
			r = grow(x);
	}
	if (r == 0)
		r = look_at_traffic(x, x->s->days);
	if (r == 0 && x->set.count)
		r = worth(x, &x->set, &x->value);
	for (again = true; r == 0 && again;) /* the last word: nobody is in the set for nothing */
		r = shrink(x, &room, &again);
	return r;
}

/* Costs of a replay by day of the span; hourly things cost each day alike. */
static int by_day(const struct weir_savings *s, const struct world *w, int64_t extra, int64_t *days, size_t n)
{
	weir_auto_free uint64_t *hours = calloc(n, sizeof(*hours));
	weir_auto_free int64_t *part = calloc(n, sizeof(*part));
	uint64_t first_day = s->first_s / RULES_DAY_S;
	int64_t things = extra;

	if (!hours || !part)
		return -ENOMEM;
	memset(days, 0, n * sizeof(*days));
	for (size_t i = 0; i < weir_replay_count(w->replay); i++) {
		const struct weir_replay_charge *c = weir_replay_at(w->replay, i);
		struct weir_traffic t;

		if (c->row == WEIR_REPLAY_RESOURCE) {
			things += c->nanos;
			continue;
		}
		weir_traffic_get(w->traffic, c->row, &t);
		days[t.hour_s / RULES_DAY_S - first_day] += c->nanos;
	}
	for (uint64_t h = s->first_s; h <= s->last_s; h += 3600)
		hours[h / RULES_DAY_S - first_day]++;
	weir_split(things, hours, n, part);
	for (size_t i = 0; i < n; i++)
		days[i] += part[i];
	return 0;
}

static int64_t a_month(const struct weir_savings *s, int64_t nanos)
{
	return (int64_t)((__int128)nanos * RULES_MONTH_H / (__int128)s->hours);
}

static enum weir_level confidence(const struct weir_savings *s)
{
	if (s->hours >= 28 * 24)
		return WEIR_LEVEL_HIGH;
	return s->hours >= 14 * 24 ? WEIR_LEVEL_MEDIUM : WEIR_LEVEL_LOW;
}

static void propose(const struct weir_savings *s, const int64_t *before, const int64_t *after, size_t n, int64_t *room,
		    struct weir_proposed *ret)
{
	int64_t low, high;

	ret->span_nanos = 0;
	for (size_t i = 0; i < n; i++) {
		room[i] = before[i] - after[i];
		ret->span_nanos += room[i];
	}
	weir_saving_interval(room, n, &low, &high);
	ret->month_nanos = a_month(s, ret->span_nanos);
	ret->low_nanos = a_month(s, low);
	ret->high_nanos = a_month(s, high);
	ret->confidence = confidence(s);
}

/* Each behind those chosen before it, so that all of them sum to the whole. */
static int account(struct search *x, struct weir_err *err)
{
	struct weir_savings *s = x->s;
	size_t n = (size_t)(s->last_s / RULES_DAY_S - s->first_s / RULES_DAY_S) + 1;
	weir_auto_free int64_t *first = calloc(n, sizeof(int64_t)), *before = calloc(n, sizeof(int64_t));
	weir_auto_free int64_t *after = calloc(n, sizeof(int64_t)), *room = calloc(n, sizeof(int64_t));
	int r = 0;

	s->chosen = calloc(x->set.count + 1, sizeof(*s->chosen));
	if (!first || !before || !after || !room || !s->chosen)
		return weir_err_set(err, -ENOMEM, "savings: out of memory");
	for (size_t i = 0; r == 0 && i <= x->set.count; i++) {
		weir_cleanup(world_fini) struct world w = {0};
		const struct set set = {.members = x->set.members, .count = i};
		int64_t extra;

		r = world_of(s, s->days, &set, &w, &extra);
		if (r == 0)
			r = by_day(s, &w, extra, after, n);
		if (r < 0)
			break;
		if (i) {
			s->chosen[i - 1].candidate = &s->drafts[x->set.members[i - 1]]->pub;
			propose(s, before, after, n, room, &s->chosen[i - 1]);
			s->chosen_count = i;
		} else {
			memcpy(first, after, n * sizeof(*first));
		}
		memcpy(before, after, n * sizeof(*before));
	}
	if (r < 0)
		return weir_err_set(err, r, "savings: %s", strerror(-r));
	propose(s, first, after, n, room, &s->total);
	return 0;
}

/* In an order in which each saves something where it stands: the best of the set first. */
static int order(struct search *x)
{
	weir_auto_free size_t *all = calloc(x->set.count + 1, sizeof(*all));
	size_t n = x->set.count;

	if (!all)
		return -ENOMEM;
	memcpy(all, x->set.members, n * sizeof(*all));
	x->set.count = 0;
	x->value = 0;
	while (n) {
		size_t best = SIZE_MAX;
		int64_t most = x->value + x->floor - 1, value;

		for (size_t i = 0; i < n; i++) {
			int r = value_with(x, all[i], &value);

			if (r < 0 && r != -EINVAL)
				return r;
			if (r == 0 && value > most) {
				most = value;
				best = i;
			}
		}
		if (best == SIZE_MAX)
			return 0; /* the rest saves only together, and nobody could say what each one does */
		take(x, all[best], most);
		all[best] = all[--n];
	}
	return 0;
}

int weir_savings_choose(struct weir_savings *s, struct weir_err *err)
{
	weir_auto_free size_t *members = calloc(s->draft_count + 1, sizeof(*members));
	weir_auto_free bool *in = calloc(s->draft_count + 1, sizeof(*in));
	struct search x = {.s = s, .set = {.members = members}, .in = in, .budget = REPLAYS_MAX};
	int r = members && in ? 0 : -ENOMEM;

	free(s->chosen);
	s->chosen = NULL;
	s->chosen_count = 0;
	x.floor = WEIR_MAX((int64_t)((__int128)s->in.floor_nanos * (__int128)s->hours / RULES_MONTH_H), 1);
	if (r == 0)
		r = look_at_traffic(&x, s->months);
	if (r == 0)
		r = search_set(&x);
	s->cost = x.base.nanos;
	if (r == 0)
		r = order(&x);
	return r < 0 ? weir_err_set(err, r, "savings: %s", strerror(-r)) : account(&x, err);
}

size_t weir_savings_count(const struct weir_savings *s)
{
	return s->chosen_count;
}

const struct weir_proposed *weir_savings_at(const struct weir_savings *s, size_t i)
{
	return &s->chosen[i];
}

const struct weir_proposed *weir_savings_total(const struct weir_savings *s)
{
	return &s->total;
}

int64_t weir_savings_cost(const struct weir_savings *s)
{
	return s->cost;
}

int weir_savings_replay(const struct weir_savings_in *in, const struct weir_edit *edits, size_t n, int64_t *ret_nanos,
			struct weir_err *err)
{
	weir_cleanup(world_fini) struct world w = {0};
	weir_auto_replay struct weir_replay *now = NULL;
	struct priced before, after;
	int r = weir_replay_run(in->topology, in->book, in->traffic, in->before, in->before_count, &now);

	if (r < 0)
		return weir_err_set(err, r, "replay: %s", strerror(-r));
	r = replay_edits(in->topology, in, in->traffic, edits, n, &w, err);
	if (r < 0)
		return r;
	price_of(now, &before);
	price_of(w.replay, &after);
	if (loses_prices(&before, &after))
		return weir_err_set(err, -EINVAL, "%llu bytes and %llu things have no price afterwards",
				    (unsigned long long)after.unpriced_bytes, (unsigned long long)after.unpriced_things);
	*ret_nanos = before.nanos - after.nanos;
	return 0;
}
