/* SPDX-License-Identifier: Apache-2.0 */
/* What costs by the hour, given to the teams whose bytes went through it: as weirctl cost --payer gives it. */
#include "cli/alloc.h"
#include "cli/export.h"

#define SHARES_MAX 1000000u

void export_shares_fini(struct export_shares *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->rows[i].via);
		free(s->rows[i].team);
		free(s->rows[i].how);
	}
	free(s->rows);
	*s = (struct export_shares){0};
}

int export_shares_add(struct export_shares *s, const char *via, const char *team, const char *how, int64_t nanos)
{
	size_t cap = s->cap ? 2 * s->cap : 64;
	struct export_share row;

	if (nanos <= 0)
		return 0;
	if (s->n == s->cap) {
		void *p = cap > SHARES_MAX ? NULL : reallocarray(s->rows, cap, sizeof(row));

		if (!p)
			return cap > SHARES_MAX ? -E2BIG : -ENOMEM;
		s->rows = p;
		s->cap = cap;
	}
	row = (struct export_share){strdup(via), strdup(team), strdup(how), (uint64_t)nanos};
	s->rows[s->n++] = row;
	return row.via && row.team && row.how ? 0 : -ENOMEM;
}

static const char *text(const json_t *o, const char *field)
{
	const char *s = json_string_value(json_object_get(o, field));

	return s ? s : "";
}

int export_shares_fetch(const struct export_source *s, uint64_t from_s, uint64_t to_s, struct export_shares *ret)
{
	view_auto_json json_t *root = NULL;
	const json_t *item;
	size_t i;
	int r = alloc_fetch(s->c, "team", s->payer, from_s, to_s, &root, s->err);

	json_array_foreach (json_object_get(root, "shares"), i, item)
		/* What a proxy passed on is of bytes: their rows say who sent them. */
		if (!r && strncmp(text(item, "how"), "proxy", 5) != 0)
			r = export_shares_add(ret, text(item, "via"), text(item, "owner"), text(item, "how"),
					      json_integer_value(json_object_get(item, "nanos")));
	return r;
}

int export_shares_give(const struct export_source *s, const struct export_shares *shares, const struct weir_focus_charge *whole)
{
	weir_auto_free uint64_t *weights = calloc(shares->n + 1, sizeof(*weights));
	weir_auto_free int64_t *nanos = calloc(shares->n + 1, sizeof(*nanos));
	uint64_t sum = 0;
	int r = 0;

	if (!weights || !nanos)
		return -ENOMEM;
	for (size_t i = 0; i < shares->n; i++)
		if (!strcmp(shares->rows[i].via, whole->resource))
			sum += weights[i] = shares->rows[i].nanos;
	if (!sum || !whole->charged)
		return weir_focus_export_add(s->x, whole, s->err);
	weir_split(whole->nanos, weights, shares->n, nanos);
	for (size_t i = 0; !r && i < shares->n; i++) {
		struct weir_focus_charge c = *whole;

		if (!weights[i])
			continue;
		c.team = shares->rows[i].team;
		c.how = shares->rows[i].how;
		c.nanos = nanos[i];
		r = weir_focus_export_add(s->x, &c, s->err);
	}
	return r;
}
