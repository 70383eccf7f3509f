/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which candidates go together: greedy, then what another set would save. While it is searched, traffic is that of months;
 * what counts is asked of days.
 */
#include "lib/money/rules_impl.h"

#define REPLAYS_MAX 20000u /* of a search; some ms each */

struct search {
	struct weir_savings *s;
	const struct weir_traffic_set *traffic; /* by month while it is searched, at the end by day */
	struct rules_priced base;
	struct rules_set set; /* chosen */
	bool *in;	/* by candidate */
	int64_t value;
	int64_t floor; /* of the span */
	size_t budget; /* of replays; at 0 what is chosen stays */
};

static int look_at_traffic(struct search *x, const struct weir_traffic_set *traffic)
{
	weir_cleanup(rules_world_fini) struct rules_world w = {0};
	const struct rules_set none = {.count = 0};
	int64_t extra;
	int r;

	x->traffic = traffic;
	r = rules_world(x->s, traffic, &none, &w, &extra);
	if (r == 0)
		rules_priced(w.replay, &x->base);
	return r;
}

/* -EINVAL: the members do not go together. */
static int worth(struct search *x, const struct rules_set *set, int64_t *ret)
{
	weir_cleanup(rules_world_fini) struct rules_world w = {0};
	struct rules_priced after;
	int64_t extra;
	int r = rules_world(x->s, x->traffic, set, &w, &extra);

	x->budget -= x->budget > 0;
	if (r < 0)
		return r;
	rules_priced(w.replay, &after);
	if (rules_loses_prices(&x->base, &after))
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
	struct rules_set set = {.members = x->set.members, .count = x->set.count + 1};

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
static void without(const struct search *x, size_t k, struct rules_set *ret)
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
static int shrink(struct search *x, struct rules_set *room, bool *ret)
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
static int exchange(struct search *x, struct rules_set *room, bool *ret)
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
static int force(struct search *x, size_t i, struct rules_set *room, bool *ret)
{
	struct rules_set old = {.members = room->members, .count = x->set.count};
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

static int force_each(struct search *x, struct rules_set *room, bool *ret)
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
	struct rules_set room = {.members = members};
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
	return r < 0 ? weir_err_set(err, r, "savings: %s", strerror(-r)) : rules_account(s, &x.set, err);
}
