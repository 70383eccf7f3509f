/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of an assessment: what replay says goes to claims on the bill, what was settled to paths, owners and resources. */
#include "cli/assess.h"
#include "cli/claims.h"

#define OTHERS "(others)"
#define NANOS 1000000000

int assess_sums_init(struct assess_sums *s)
{
	return weir_map_new(&s->index);
}

void assess_sums_fini(struct assess_sums *s)
{
	for (size_t i = 0; i < s->count; i++)
		free((char *)s->rows[i].key);
	free(s->rows);
	weir_map_free(s->index, NULL);
	*s = (struct assess_sums){0};
}

static int sum_new(struct assess_sums *s, const char *key, uintptr_t *ret)
{
	size_t n = s->count;
	char *copy;
	int r;

	if (!(n & (n - 1))) { /* the capacity is the next power of two */
		struct assess_sum *rows = reallocarray(s->rows, n ? 2 * n : 1, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		s->rows = rows;
	}
	copy = strdup(key);
	r = copy ? weir_map_put(s->index, key, strlen(key), (void *)(n + 1), NULL) : -ENOMEM;
	if (r) {
		free(copy);
		return r;
	}
	s->rows[s->count++] = (struct assess_sum){.key = copy};
	*ret = n + 1;
	return 0;
}

int assess_sum_of(struct assess_sums *s, const char *key, struct assess_sum **ret)
{
	uintptr_t at = (uintptr_t)weir_map_find(s->index, key, strlen(key));
	int r = 0;

	if (!at && s->count >= ASSESS_KEYS_MAX) {
		key = OTHERS;
		at = (uintptr_t)weir_map_find(s->index, key, strlen(key));
	}
	if (!at)
		r = sum_new(s, key, &at);
	if (!r)
		*ret = &s->rows[at - 1];
	return r;
}

void assess_owner(const struct weir_traffic *t, char *buf, size_t size)
{
	char addr[46];

	if (*t->workload && *t->namespace)
		snprintf(buf, size, "%s/%s", t->namespace, t->workload);
	else if (*t->workload || *t->node)
		snprintf(buf, size, "%s", *t->workload ? t->workload : t->node);
	else
		snprintf(buf, size, "%s", weir_addr_text(&t->local, addr));
}

static int charge_add(struct assess *a, struct claims *claims, const struct weir_replay_charge *c)
{
	bool resource = c->row == WEIR_REPLAY_RESOURCE;
	struct assess_sum *owner, *path;
	struct weir_traffic t;
	char name[300];
	int64_t nanos = (int64_t)((__int128)c->nanos * a->settle.rate / NANOS);
	int r;

	if (!resource)
		weir_traffic_get(a->traffic, c->row, &t);
	if (resource)
		snprintf(name, sizeof(name), "%s %s", c->resource_meter, c->resource);
	else
		assess_owner(&t, name, sizeof(name));
	r = assess_sum_of(&a->paths, weir_path_name(c->path), &path);
	if (!r)
		r = assess_sum_of(&a->owners, name, &owner);
	if (r)
		return r;
	if (!resource && c->once) {
		owner->bytes += c->bytes;
		path->bytes += c->bytes;
		a->free_bytes += c->free ? c->bytes : 0;
		a->unpriced_bytes += !c->meter && !c->free ? c->bytes : 0;
	}
	owner->measured += nanos;
	path->measured += nanos;
	return claims_add(claims, c, resource ? NULL : &t, owner->key, nanos);
}

int assess_claim(struct assess *a)
{
	auto_claims *claims = NULL;
	int r = claims_new(&a->settle, a->topology, &claims);

	for (size_t i = 0; !r && i < weir_replay_count(a->replay); i++) {
		const struct weir_replay_charge *c = weir_replay_at(a->replay, i);

		if (c->month == a->month)
			r = charge_add(a, claims, c);
	}
	return r ? r : claims_give(claims);
}

int assess_line(const struct weir_bill_line *l, void *arg)
{
	struct assess *a = arg;
	struct weir_bill_line line = *l;
	struct assess_sum *sum;
	char none[200];
	int r;

	snprintf(none, sizeof(none), "(%.150s, no resource)", *l->service ? l->service : "no service");
	r = assess_sum_of(&a->resources, *l->resource ? l->resource : none, &sum);
	if (r)
		return r;
	line.id = sum - a->resources.rows;
	r = assess_billed_bytes(a, &line);
	return r ? r : settle_add_line(&a->settle, &line);
}

static void parts_add(struct assess_meter *m, int64_t billed, const struct weir_parts *p)
{
	m->billed += billed;
	m->parts.measured += p->measured;
	m->parts.adjusted += p->adjusted;
	m->parts.unattributed += p->unattributed;
	for (int i = 0; i < WEIR_ADJUSTMENTS; i++)
		m->parts.reasons[i] += p->reasons[i];
}

static int meter_of(struct assess *a, const struct weir_settled *s, struct assess_meter **ret)
{
	char name[sizeof(a->meters[0].name)];

	snprintf(name, sizeof(name), *s->meter ? "%s" : "(%s)", *s->meter ? s->meter : weir_rest_name(s->line->rest));
	for (size_t i = 0; i < a->meter_count; i++)
		if (!strcmp(a->meters[i].name, name)) {
			*ret = &a->meters[i];
			return 0;
		}
	if (a->meter_count == ASSESS_METERS_MAX)
		return weir_err_set(a->err, -E2BIG, "more than %u meters", ASSESS_METERS_MAX);
	*ret = &a->meters[a->meter_count++];
	memcpy((*ret)->name, name, sizeof(name));
	return 0;
}

int assess_hear(const struct weir_settled *s, void *arg)
{
	struct assess *a = arg;
	int64_t billed = s->line ? s->line->billed : 0;
	struct assess_meter *m = NULL;
	struct assess_sum *resource;
	int r;

	if (s->line && !*s->meter && s->line->rest == WEIR_REST_NOT_NETWORK) {
		a->elsewhere += billed;
		return 0;
	}
	r = meter_of(a, s, &m);
	if (r)
		return r;
	parts_add(m, billed, &s->parts);
	parts_add(&a->total, billed, &s->parts);
	if (!s->line)
		return 0;
	resource = &a->resources.rows[s->line->id];
	resource->billed += billed;
	resource->share += s->parts.measured + s->parts.adjusted;
	resource->unattributed += s->parts.unattributed;
	return 0;
}

int assess_share(struct assess *a)
{
	size_t n;
	const struct weir_settlement_claim *c = weir_settlement_claims(a->settle.settlement, &n);
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		struct assess_sum *owner, *path;

		r = assess_sum_of(&a->owners, c[i].team, &owner);
		if (!r)
			r = assess_sum_of(&a->paths, c[i].path, &path);
		if (r)
			break;
		owner->share += c[i].measured + c[i].adjusted;
		path->share += c[i].measured + c[i].adjusted;
	}
	return r;
}
