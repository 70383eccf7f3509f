/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured of a month, from recorded traffic: replayed through topology and prices of the policy repository. */
#include "cli/claims.h"
#include "lib/base/clock.h"
#include "lib/money/replay.h"

#define NANOS 1000000000

static void traffic_freep(struct weir_traffic_set **t)
{
	weir_traffic_free(*t);
}

/* Whose it is: a resource has no workload, but its name. */
static const char *owner_of(const struct settle *s, const struct weir_replay_charge *c, const struct weir_traffic *row, char *buf,
			    size_t size)
{
	const char *who = row ? row->team : "";

	if (s->q->by_workload && row)
		who = *row->workload ? row->workload : row->node;
	else if (s->q->by_workload)
		who = c->resource;
	if (!s->q->by_workload || !row || !*row->namespace)
		return *who ? who : SETTLE_NO_TEAM;
	snprintf(buf, size, "%s/%s", row->namespace, who);
	return buf;
}

static int give(struct settle *s, const struct weir_traffic_set *t, const struct weir_replay *replay)
{
	uint32_t month = weir_time_month((uint64_t)s->from_s);
	auto_claims *claims = NULL;
	int r = claims_new(s, s->repo->topology, &claims);

	for (size_t i = 0; !r && i < weir_replay_count(replay); i++) {
		const struct weir_replay_charge *c = weir_replay_at(replay, i);
		int64_t nanos = (int64_t)((__int128)c->nanos * s->rate / NANOS);
		bool resource = c->row == WEIR_REPLAY_RESOURCE;
		struct weir_traffic row;
		char owner[512];

		if (c->month != month)
			continue;
		if (!resource)
			weir_traffic_get(t, c->row, &row);
		r = claims_add(claims, c, resource ? NULL : &row,
			       owner_of(s, c, resource ? NULL : &row, owner, sizeof(owner)), nanos);
	}
	return r ? r : claims_give(claims);
}

int settle_traffic(struct settle *s)
{
	weir_cleanup(traffic_freep) struct weir_traffic_set *t = NULL;
	weir_auto_replay struct weir_replay *replay = NULL;
	int r = weir_traffic_new(&t);

	if (!r && !s->repo)
		return weir_err_set(s->err, -EINVAL, "--traffic needs a topology: name a policy repository with --dir");
	for (size_t i = 0; !r && s->q->traffic[i]; i++)
		r = weir_traffic_read(t, s->q->traffic[i], s->err);
	if (!r)
		r = settle_currency(s, weir_pricebook_currency(s->book));
	if (!r)
		r = weir_replay_run(s->repo->topology, s->book, t, NULL, 0, &replay);
	return r ? r : give(s, t, replay);
}
