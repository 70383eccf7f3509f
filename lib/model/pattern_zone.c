/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-zone chatter: of two groups of one namespace or team, who calls and who is called at which port, means of bytes and
 * cost that fade over an hour. Both ends' rows go into the same entry: each end pays for what it sends.
 */
#include "lib/model/pattern_impl.h"

#define FADES 0.99722606f /* e^(-10/3600): a bucket of an hour */
#define MONTH_BUCKETS (30 * 86400.0 / WEIR_PATTERN_BUCKET_S)
#define HOLD PATTERN_HOUR

struct zone_pair {
	struct cache_slot slot;
	uint64_t born_s;
	uint32_t at;
	float active, nanos, cross, same; /* faded sums: buckets with bytes across zones, and of bytes */
	bool counted;			  /* this bucket is in active */
};

int pattern_zone_init(struct weir_patterns *p)
{
	return cache_init(&p->zones, sizeof(struct zone_pair), p->opts.max_pairs / 4);
}

static bool same_text(const char *a, const char *b)
{
	return a && b && *a && !strcmp(a, b);
}

static bool belong_together(const struct weir_pattern_who *a, const struct weir_pattern_who *b)
{
	bool domain = (!a->domain && !b->domain) || (a->domain && b->domain && !strcmp(a->domain, b->domain));

	return (domain && same_text(a->namespace, b->namespace)) || same_text(a->team, b->team);
}

static void fade(struct zone_pair *e, uint32_t bucket)
{
	float f;

	if (e->at == bucket)
		return;
	f = powf(FADES, (float)(bucket - e->at));
	e->active *= f;
	e->nanos *= f;
	e->cross *= f;
	e->same *= f;
	e->at = bucket;
	e->counted = false;
}

/* Buckets since it began, faded alike. */
static double weight(const struct weir_patterns *p, const struct zone_pair *e)
{
	double n = (double)(p->time_s - e->born_s) / WEIR_PATTERN_BUCKET_S + 1;

	return (1 - pow((double)FADES, n)) / (1 - (double)FADES);
}

void pattern_zone_flow(struct weir_patterns *p, uint32_t flow)
{
	const struct pattern_flow *f = &p->flows[flow];
	uint64_t bytes = f->bytes[0] + f->bytes[1], key[2];
	bool cross = f->path < WEIR_PATTERN_PATHS && p->ways[f->path] == WAY_ZONE;
	const struct pattern_group *peer;
	struct zone_pair *e;

	if (!f->peer_who || f->is_public || !bytes || (!cross && p->ways[f->path % WEIR_PATTERN_PATHS] != WAY_FREE) ||
	    !belong_together(f->w->who, f->peer_who))
		return;
	peer = pattern_group(p, f->peer_who);
	if (!peer || peer == f->w->group)
		return;
	key[0] = f->opened ? f->w->group->key : peer->key;
	key[1] = f->opened ? peer->key : f->w->group->key;
	key[0] = pattern_hash(f->port, key, sizeof(key));
	e = cross ? cache_get(&p->zones, key[0], p->bucket, &p->stats.evicted) : cache_find(&p->zones, key[0]);
	if (!e)
		return;
	e->born_s = e->born_s ? e->born_s : p->time_s;
	fade(e, p->bucket);
	if (!cross) {
		e->same += (float)bytes;
		return;
	}
	e->active += !e->counted;
	e->counted = true;
	e->cross += (float)bytes;
	e->nanos += (float)f->nanos;
	if (p->time_s - e->born_s >= (uint64_t)pattern_param(WEIR_FINDING_CROSS_ZONE, ZONE_AGE))
		pattern_candidate(p, WEIR_FINDING_CROSS_ZONE, &e->slot, flow);
}

/* The caller's namespace stands for both: the Service is the called one's. */
static void turn_around(struct weir_finding *f, const struct weir_patterns *p, const struct pattern_flow *flow)
{
	const struct weir_pattern_who *server = flow->opened ? flow->peer_who : flow->w->who;
	const struct weir_pattern_who *client = flow->opened ? flow->w->who : flow->peer_who;

	pattern_begin(p, WEIR_FINDING_CROSS_ZONE, client, f);
	snprintf(f->peer_name, sizeof(f->peer_name), "%s/%s", server->namespace ? server->namespace : "", server->name ? server->name : "");
	f->port = flow->port;
	f->proto = flow->proto;
	f->opened = true;
	f->dir = WEIR_EGRESS;
	weir_finding_text(f->path, sizeof(f->path), "cross-zone");
}

void pattern_zone_judge(struct weir_patterns *p, const struct pattern_candidate *c)
{
	const struct pattern_flow *f = &p->flows[c->flow];
	const struct zone_pair *e = (const void *)c->slot;
	double w = weight(p, e), month = (double)e->nanos / w * MONTH_BUCKETS, bar = (double)p->opts.zone_nanos_per_month;
	double share = (double)(e->same / (e->same + e->cross));
	struct weir_finding found;

	if (month < bar || share < pattern_param(c->kind, ZONE_SAME) || (double)e->active / w < pattern_param(c->kind, ZONE_ACTIVE))
		return;
	turn_around(&found, p, f);
	found.since_s = e->born_s;
	found.action = WEIR_ACTION_CHANGE;
	found.observed = (double)e->cross / w / WEIR_PATTERN_BUCKET_S;
	found.expected = 0;
	found.score = pattern_score(month, bar);
	found.nanos_per_hour = (int64_t)((double)e->nanos / w * PATTERN_HOUR);
	weir_finding_text(found.unit, sizeof(found.unit), "bytes/s");
	snprintf(found.sentence, sizeof(found.sentence),
		 "%.100s and %.100s exchange %.2f MB/s across zones at port %u, %.2f %s a month, although %.0f %% of their bytes stay in the zone: members are there.",
		 found.subject.name, found.peer_name, found.observed / 1e6, f->port, month / 1e9, p->opts.currency, share * 100);
	pattern_found(p, c->tag, &found, HOLD);
}
