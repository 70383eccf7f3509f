/* SPDX-License-Identifier: Apache-2.0 */
/* An hour of what several use. */
#include "lib/money/alloc_impl.h"

struct sharing {
	struct weir_alloc *a;
	const struct alloc_hour *h;
	const struct alloc_use *users;
	size_t n;
	const char *via;
	uint64_t *weights;
	int64_t *parts;
};

static const char *team_of(const struct sharing *s, size_t i)
{
	return s->a->parties[s->users[i].party].team;
}

/* By bytes over the users of a team (NULL: all); a team that did not use it has it as such. */
static int by_bytes(const struct sharing *s, const char *team, enum weir_alloc_how how, int64_t nanos)
{
	uint64_t sum = 0;
	uint32_t party;
	int r = 0;

	for (size_t i = 0; i < s->n; i++) {
		s->weights[i] = !team || !strcmp(team, team_of(s, i)) ? s->users[i].bytes : 0;
		sum += s->weights[i];
	}
	if (!sum) {
		r = alloc_team(s->a, team ? team : "", &party);
		return r ? r : alloc_land(s->a, party, s->h->hour_s, how, s->via, nanos, 0);
	}
	weir_split(nanos, s->weights, s->n, s->parts);
	for (size_t i = 0; !r && i < s->n; i++)
		if (s->parts[i])
			r = alloc_land(s->a, s->users[i].party, s->h->hour_s, how, s->via, s->parts[i], 0);
	return r;
}

static int by_name(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;

	return strcmp(*a, *b);
}

static int by_ratio(const struct sharing *s, const struct weir_ratio_part *parts, size_t n, enum weir_alloc_how how)
{
	weir_auto_free uint64_t *weights = calloc(n + 1, sizeof(*weights));
	weir_auto_free int64_t *nanos = calloc(n + 1, sizeof(*nanos));
	int r = weights && nanos ? 0 : -ENOMEM;

	if (r)
		return r;
	for (size_t i = 0; i < n; i++)
		weights[i] = parts[i].weight;
	weir_split(s->h->nanos, weights, n, nanos);
	for (size_t i = 0; !r && i < n; i++)
		if (nanos[i])
			r = by_bytes(s, parts[i].team, how, nanos[i]);
	return r;
}

/* Each team once, by name: ties of the split are always the same ones'. */
static int evenly(const struct sharing *s)
{
	weir_auto_free const char **teams = calloc(s->n + 1, sizeof(*teams));
	weir_auto_free struct weir_ratio_part *parts = calloc(s->n + 1, sizeof(*parts));
	size_t n = 0;

	if (!teams || !parts)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		teams[i] = team_of(s, i);
	qsort(teams, s->n, sizeof(*teams), by_name);
	for (size_t i = 0; i < s->n; i++)
		if (!n || strcmp(parts[n - 1].team, teams[i]))
			parts[n++] = (struct weir_ratio_part){teams[i], 1};
	return by_ratio(s, parts, n, WEIR_ALLOC_EVEN);
}

static int idle(const struct sharing *s)
{
	const struct alloc_resource *res = &s->a->resources[s->h->resource];
	uint32_t party;
	/* Domain and name stand for it; no rule gives them a team. */
	int r = alloc_idle(s->a, res, &party);

	return r ? r : alloc_land(s->a, party, s->h->hour_s, WEIR_ALLOC_IDLE, s->via, s->h->nanos, 0);
}

static int share(const struct sharing *s)
{
	const struct alloc_resource *res = &s->a->resources[s->h->resource];
	const struct weir_shared_rule *rule = weir_allocation_shared(s->a->rules, res->domain, res->name);
	uint32_t party;
	int r;

	if (!rule && *s->h->owner) {
		r = alloc_team(s->a, s->h->owner, &party);
		return r ? r : alloc_land(s->a, party, s->h->hour_s, WEIR_ALLOC_OWNER, s->via, s->h->nanos, 0);
	}
	if (rule && rule->by == WEIR_SHARED_CUSTOM)
		return by_ratio(s, rule->parts, rule->part_count, WEIR_ALLOC_CUSTOM);
	if (!s->n)
		return idle(s);
	if (rule && rule->by == WEIR_SHARED_EVEN)
		return evenly(s);
	return by_bytes(s, NULL, WEIR_ALLOC_BYTES, s->h->nanos);
}

int alloc_share_hour(struct weir_alloc *a, const struct alloc_hour *h)
{
	struct sharing s = {.a = a, .h = h, .via = a->resources[h->resource].via};
	weir_auto_free uint64_t *weights = NULL;
	weir_auto_free int64_t *parts = NULL;

	s.users = alloc_uses_of(&a->uses, h->resource, h->hour_s, &s.n);
	s.weights = weights = calloc(s.n + 1, sizeof(*weights));
	s.parts = parts = calloc(s.n + 1, sizeof(*parts));
	return weights && parts ? share(&s) : -ENOMEM;
}
