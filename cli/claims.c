/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/claims.h"

#include "lib/ds/grow.h"
#include "lib/ds/map.h"

/* Without padding: it is hashed. */
struct claim_key {
	const struct weir_meter *meter;
	const char *account, *region;
	uint64_t team, path;
	int64_t from_s;
};
struct claim {
	struct claim_key key;
	uint64_t bytes;
	int64_t nanos;
};
struct claims {
	struct settle *s;
	const struct weir_topology *topology;
	struct weir_map *index, *teams; /* index in rows, and in names, plus one */
	struct claim *rows;
	char **names;
	size_t count, cap, name_count;
	int64_t step;
};

int claims_new(struct settle *s, const struct weir_topology *t, struct claims **ret)
{
	auto_claims *c = calloc(1, sizeof(*c));
	int r = c ? weir_map_new(&c->index) : -ENOMEM;

	if (!r)
		r = weir_map_new(&c->teams);
	if (r)
		return r;
	c->s = s;
	c->topology = t;
	c->step = weir_settlement_step(s->settlement);
	*ret = weir_take_ptr(c);
	return 0;
}

void claims_free(struct claims *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->name_count; i++)
		free(c->names[i]);
	weir_map_free(c->index, NULL);
	weir_map_free(c->teams, NULL);
	free(c->names);
	free(c->rows);
	free(c);
}

static int team_number(struct claims *c, const char *team, uint64_t *ret)
{
	uintptr_t at = (uintptr_t)weir_map_find(c->teams, team, strlen(team));
	char **names, *copy;
	int r;

	if (!at) {
		names = reallocarray(c->names, c->name_count + 1, sizeof(*names));
		if (!names)
			return -ENOMEM;
		c->names = names;
		copy = strdup(team);
		at = c->name_count + 1;
		r = copy ? weir_map_put(c->teams, team, strlen(team), (void *)at, NULL) : -ENOMEM;
		if (r) {
			free(copy);
			return r;
		}
		c->names[c->name_count++] = copy;
	}
	*ret = at - 1;
	return 0;
}

static const char *account_of(const struct weir_topology *t, const char *domain)
{
	const struct weir_subnet *s;
	const char *class;

	for (size_t i = 0; (class = weir_topology_class(t, i)); i++) {
		s = weir_topology_class_subnet(t, class);
		if (!strcmp(s->domain, domain))
			return s->account;
	}
	return "";
}

static int key_of(struct claims *c, const struct weir_replay_charge *charge, const struct weir_traffic *row, const char *team,
		  struct claim_key *ret)
{
	const struct weir_subnet *subnet = row ? weir_topology_subnet(c->topology, row->domain, &row->local) : NULL;

	memset(ret, 0, sizeof(*ret));
	ret->meter = charge->meter;
	ret->path = charge->path;
	ret->account = row ? (subnet ? subnet->account : "") : account_of(c->topology, charge->resource_domain);
	ret->region = subnet ? subnet->region : charge->meter->region;
	ret->from_s = c->s->from_s;
	if (row && c->step)
		ret->from_s += ((int64_t)row->hour_s - c->s->from_s) / c->step * c->step;
	return team_number(c, team, &ret->team);
}

int claims_add(struct claims *c, const struct weir_replay_charge *charge, const struct weir_traffic *row, const char *team,
	       int64_t nanos)
{
	struct claim_key key;
	uintptr_t at;
	int r;

	if (!charge->meter)
		return 0;
	r = key_of(c, charge, row, team, &key);
	if (r)
		return r;
	at = (uintptr_t)weir_map_find(c->index, &key, sizeof(key));
	if (!at) {
		at = c->count + 1;
		r = c->count == CLAIMS_MAX ?
			    weir_err_set(c->s->err, -E2BIG, "more than %u kinds of measured bytes", CLAIMS_MAX) :
			    weir_grow(&c->rows, c->count, &c->cap, sizeof(*c->rows));
		if (!r)
			r = weir_map_put(c->index, &key, sizeof(key), (void *)at, NULL);
		if (r)
			return r;
		c->rows[c->count++] = (struct claim){.key = key};
	}
	c->rows[at - 1].bytes += charge->bytes;
	c->rows[at - 1].nanos += nanos;
	return 0;
}

int claims_give(struct claims *c)
{
	struct settle *s = c->s;
	int r = 0;

	for (size_t i = 0; !r && i < c->count; i++) {
		const struct claim_key *k = &c->rows[i].key;
		bool month = !c->step || k->meter->by_hour;
		struct weir_settlement_claim claim = {
			.meter = weir_charges_meter(s->charges, k->meter->name), .name = k->meter->name,
			.account = weir_settlement_account(k->account), .region = k->region, .team = c->names[k->team],
			.path = weir_path_name((enum weir_path)k->path), .from_s = k->from_s,
			.to_s = month ? s->to_s : WEIR_MIN(k->from_s + c->step, s->to_s), .bytes = c->rows[i].bytes,
			.by_hour = k->meter->by_hour, .measured = c->rows[i].nanos,
		};

		r = settle_add_claim(s, &claim);
	}
	return r;
}
