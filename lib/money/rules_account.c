/* SPDX-License-Identifier: Apache-2.0 */
/* What each of the chosen saves, a month, with an interval: days of a replay without it minus days with it. */
#include "lib/money/rules_impl.h"

int rules_by_day(const struct weir_replay *replay, const struct weir_traffic_set *traffic, uint64_t first_s, uint64_t last_s,
		 int64_t extra, int64_t *days)
{
	size_t n = rules_days(first_s, last_s);
	weir_auto_free uint64_t *hours = calloc(n, sizeof(*hours));
	weir_auto_free int64_t *part = calloc(n, sizeof(*part));
	uint64_t first_day = first_s / RULES_DAY_S;
	int64_t things = extra;

	if (!hours || !part)
		return -ENOMEM;
	memset(days, 0, n * sizeof(*days));
	for (size_t i = 0; i < weir_replay_count(replay); i++) {
		const struct weir_replay_charge *c = weir_replay_at(replay, i);
		struct weir_traffic t;

		if (c->row == WEIR_REPLAY_RESOURCE) {
			things += c->nanos;
			continue;
		}
		weir_traffic_get(traffic, c->row, &t);
		days[t.hour_s / RULES_DAY_S - first_day] += c->nanos;
	}
	for (uint64_t h = first_s; h <= last_s; h += 3600)
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
	if (s->seen_hours >= 28 * 24)
		return WEIR_LEVEL_HIGH;
	return s->seen_hours >= 14 * 24 ? WEIR_LEVEL_MEDIUM : WEIR_LEVEL_LOW;
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
static int account(struct weir_savings *s, const struct rules_set *chosen)
{
	size_t n = rules_days(s->first_s, s->last_s);
	weir_auto_free int64_t *first = calloc(n, sizeof(int64_t)), *before = calloc(n, sizeof(int64_t));
	weir_auto_free int64_t *after = calloc(n, sizeof(int64_t)), *room = calloc(n, sizeof(int64_t));
	int r = 0;

	free(s->chosen);
	s->chosen_count = 0;
	s->chosen = calloc(chosen->count + 1, sizeof(*s->chosen));
	if (!first || !before || !after || !room || !s->chosen)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i <= chosen->count; i++) {
		weir_cleanup(rules_world_fini) struct rules_world w = {0};
		const struct rules_set set = {.members = chosen->members, .count = i};
		int64_t extra;

		r = rules_world(s, s->days, &set, &w, &extra);
		if (r == 0)
			r = rules_by_day(w.replay, w.traffic, s->first_s, s->last_s, extra, after);
		if (r < 0)
			return r;
		if (i) {
			s->chosen[i - 1].candidate = &s->drafts[chosen->members[i - 1]]->pub;
			propose(s, before, after, n, room, &s->chosen[i - 1]);
			s->chosen_count = i;
		} else {
			memcpy(first, after, n * sizeof(*first));
		}
		memcpy(before, after, n * sizeof(*before));
	}
	propose(s, first, after, n, room, &s->total);
	return 0;
}

static int by_saving(const void *a, const void *b)
{
	const struct weir_proposed *x = a, *y = b;

	if (x->span_nanos != y->span_nanos)
		return x->span_nanos < y->span_nanos ? 1 : -1;
	return strcmp(x->candidate->id, y->candidate->id);
}

int rules_account(struct weir_savings *s, struct rules_set *chosen, int64_t floor, struct weir_err *err)
{
	size_t i;
	int r;

	for (;;) {
		r = account(s, chosen);
		for (i = 0; r == 0 && i < s->chosen_count && s->chosen[i].span_nanos >= floor; i++)
			;
		if (r < 0)
			return weir_err_set(err, r, "savings: %s", strerror(-r));
		if (i == s->chosen_count)
			break;
		memmove(&chosen->members[i], &chosen->members[i + 1], (chosen->count - i - 1) * sizeof(*chosen->members));
		chosen->count--;
	}
	qsort(s->chosen, s->chosen_count, sizeof(*s->chosen), by_saving);
	return 0;
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
