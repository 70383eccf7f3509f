/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which candidates go together: greedy, then what another set would save. Networks that no candidate joins are searched
 * one by one, with their own traffic, summed by month; what counts is asked of all of them, by day.
 */
#include "lib/money/rules_impl.h"

#define REPLAYS_MAX 20000u /* of a search; some ms each */

#define BARRED INT64_MIN

struct known { /* of a candidate */
	bool mine, in; /* it is of the networks that are searched, and chosen */
	int64_t alone; /* what it would save without any other; BARRED: it does not fit, or loses prices */
	int64_t gain;  /* the same beside those that were chosen at: */
	size_t at;     /* 0: never asked */
};

struct search {
	struct weir_savings *s;
	const struct weir_traffic_set *traffic;
	struct rules_priced base;
	struct rules_set set; /* chosen */
	struct known *known;
	size_t now; /* counts changes of the set, from 1 */
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
	x->s->replays++;
	if (x->s->in.progress)
		x->s->in.progress(x->s->replays, x->s->in.arg);
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
	return x->known[i].mine && !x->known[i].in && !x->s->drafts[i]->pub.held && x->s->drafts[i]->edit_count;
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
	x->known[i].in = true;
	x->value = value;
	x->now++;
}

static int ask(struct search *x, size_t i)
{
	struct known *k = &x->known[i];
	int64_t value;
	int r = value_with(x, i, &value);

	if (r < 0 && r != -EINVAL)
		return r;
	k->gain = r == 0 ? value - x->value : BARRED;
	k->at = x->now;
	if (!x->set.count)
		k->alone = k->gain;
	return 0;
}

/* The one that saved most when it was asked last; what was never asked goes first. SIZE_MAX: none is left. */
static size_t most_promising(const struct search *x)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < x->s->draft_count; i++) {
		if (!may(x, i))
			continue;
		if (!x->known[i].at)
			return i;
		if (best == SIZE_MAX || x->known[i].gain > x->known[best].gain)
			best = i;
	}
	return best;
}

/* All that was asked before the last change is asked again; true: there was something. */
static bool forget_old(struct search *x)
{
	bool any = false;

	for (size_t i = 0; i < x->s->draft_count; i++)
		if (may(x, i) && x->known[i].at != x->now) {
			x->known[i].at = 0;
			any = true;
		}
	return any;
}

/*
 * The best next one, again and again. Mostly one saves less the more others are chosen, so that who is first by what it
 * saved earlier, and still is when it is asked again, is the best (Minoux 1978); at the end all are asked again.
 */
static int grow(struct search *x)
{
	while (x->budget) {
		size_t best = most_promising(x);
		int r;

		if (best == SIZE_MAX)
			return 0;
		if (!x->known[best].at || (x->known[best].gain >= x->floor && x->known[best].at != x->now)) {
			r = ask(x, best);
			if (r < 0)
				return r;
		} else if (x->known[best].gain >= x->floor) {
			take(x, best, x->value + x->known[best].gain);
		} else if (!forget_old(x)) {
			return 0;
		}
	}
	return 0;
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
	x->known[x->set.members[k]].in = false;
	x->now++;
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

/* One chosen for one left that would save something alone, if that saves more. */
static int exchange(struct search *x, struct rules_set *room, bool *ret)
{
	*ret = false;
	for (size_t k = 0; k < x->set.count; k++) {
		for (size_t i = 0; i < x->s->draft_count; i++) {
			int64_t value;
			int r;

			if (!may(x, i) || x->known[i].alone < x->floor || !x->budget)
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

static void empty(struct search *x)
{
	for (size_t k = 0; k < x->set.count; k++)
		x->known[x->set.members[k]].in = false;
	x->set.count = 0;
	x->now++;
}

/* A way that the chosen ones bar: with it, what still goes with it, and what then goes best. True: that saves more. */
static int force(struct search *x, size_t i, struct rules_set *room, bool *ret)
{
	struct rules_set old = {.members = room->members, .count = x->set.count};
	int64_t value = 0, before = x->value;
	int r = 0;

	*ret = false;
	memcpy(old.members, x->set.members, old.count * sizeof(*old.members));
	empty(x);
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
	empty(x);
	for (size_t k = 0; k < old.count; k++)
		take(x, old.members[k], before);
	return 0;
}

static int force_each(struct search *x, struct rules_set *room, bool *ret)
{
	int r = 0;

	*ret = false;
	for (size_t i = 0; r == 0 && !*ret && x->budget && i < x->s->draft_count; i++) {
		if (!may(x, i) || x->known[i].alone == BARRED)
			continue;
		r = ask(x, i);
		if (r == 0 && x->known[i].gain == BARRED)
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
	empty(x);
	x->value = 0;
	for (size_t i = 0; i < x->s->draft_count; i++)
		x->known[i] = (struct known){.mine = false};
	for (size_t i = 0; i < n; i++)
		x->known[all[i]].mine = true;
	/* What saves only together with another is left out: nobody could say what each one does. */
	return grow(x);
}

/* The networks of one part of the candidates; what is chosen goes behind `chosen`. */
static int search_part(struct weir_savings *s, const struct rules_parts *parts, uint32_t part, int64_t floor,
		       struct rules_set *chosen)
{
	weir_auto_free size_t *members = calloc(s->draft_count + 1, sizeof(*members));
	weir_auto_free struct known *known = calloc(s->draft_count + 1, sizeof(*known));
	weir_auto_traffic struct weir_traffic_set *traffic = NULL;
	struct search x = {.s = s, .set = {.members = members}, .known = known, .now = 1, .floor = floor, .budget = REPLAYS_MAX};
	int r = members && known ? rules_part_traffic(s, parts, part, &traffic) : -ENOMEM;

	if (r == 0 && !weir_traffic_count(traffic))
		return 0;
	for (size_t i = 0; r == 0 && i < s->draft_count; i++)
		known[i].mine = parts->of_draft[i] == part;
	if (r == 0)
		r = look_at_traffic(&x, traffic);
	if (r == 0)
		r = search_set(&x);
	x.budget = REPLAYS_MAX;
	if (r == 0)
		r = order(&x);
	for (size_t i = 0; r == 0 && i < x.set.count; i++)
		chosen->members[chosen->count++] = x.set.members[i];
	return r;
}

/* The last word, of all networks and by day: nobody is in the set for nothing. */
static int confirm(struct weir_savings *s, int64_t floor, struct rules_set *chosen)
{
	weir_auto_free size_t *members = calloc(s->draft_count + 1, sizeof(*members));
	weir_auto_free struct known *known = calloc(s->draft_count + 1, sizeof(*known));
	struct search x = {.s = s, .set = *chosen, .known = known, .now = 1, .floor = floor, .budget = REPLAYS_MAX};
	struct rules_set room = {.members = members};
	bool again = true;
	int r = members && known ? look_at_traffic(&x, s->days) : -ENOMEM;

	s->cost = x.base.nanos;
	if (r == 0 && x.set.count)
		r = worth(&x, &x.set, &x.value);
	while (r == 0 && again)
		r = shrink(&x, &room, &again);
	chosen->count = x.set.count;
	return r;
}

int weir_savings_choose(struct weir_savings *s, struct weir_err *err)
{
	weir_cleanup(rules_parts_fini) struct rules_parts parts = {0};
	weir_auto_free size_t *members = calloc(s->draft_count + 1, sizeof(*members));
	struct rules_set chosen = {.members = members};
	int64_t floor = WEIR_MAX((int64_t)((__int128)s->in.floor_nanos * (__int128)s->hours / RULES_MONTH_H), 1);
	int r = members ? rules_parts_of(s, &parts) : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < parts.count; i++)
		r = search_part(s, &parts, i, floor, &chosen);
	if (r == 0)
		r = confirm(s, floor, &chosen);
	return r < 0 ? weir_err_set(err, r, "savings: %s", strerror(-r)) : rules_account(s, &chosen, floor, err);
}
