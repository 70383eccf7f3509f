/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a set of candidates is worth: replay of all its edits at once. A set whose edits do not fit each other, or that
 * leaves more bytes or things without a price than there were, is worth nothing: what has no price must not look like a
 * saving.
 */
#include "lib/money/rules_impl.h"

void rules_priced(const struct weir_replay *r, struct rules_priced *ret)
{
	*ret = (struct rules_priced){.nanos = weir_replay_total(r)};
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
bool rules_loses_prices(const struct rules_priced *before, const struct rules_priced *after)
{
	return after->unpriced_bytes > before->unpriced_bytes || after->unpriced_things > before->unpriced_things;
}

void rules_world_fini(struct rules_world *w)
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
			const struct weir_edit *edits, size_t n, struct rules_world *ret, struct weir_err *err)
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

int rules_world(const struct weir_savings *s, const struct weir_traffic_set *traffic, const struct rules_set *set,
		    struct rules_world *ret, int64_t *ret_extra)
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

int weir_savings_replay(const struct weir_savings_in *in, const struct weir_edit *edits, size_t n, int64_t *ret_nanos,
			struct weir_err *err)
{
	weir_cleanup(rules_world_fini) struct rules_world w = {0};
	weir_auto_replay struct weir_replay *now = NULL;
	struct rules_priced before, after;
	int r = weir_replay_run(in->topology, in->book, in->traffic, in->before, in->before_count, &now);

	if (r < 0)
		return weir_err_set(err, r, "replay: %s", strerror(-r));
	r = replay_edits(in->topology, in, in->traffic, edits, n, &w, err);
	if (r < 0)
		return r;
	rules_priced(now, &before);
	rules_priced(w.replay, &after);
	if (rules_loses_prices(&before, &after))
		return weir_err_set(err, -EINVAL, "%llu bytes and %llu things have no price afterwards",
				    (unsigned long long)after.unpriced_bytes, (unsigned long long)after.unpriced_things);
	*ret_nanos = before.nanos - after.nanos;
	return 0;
}
