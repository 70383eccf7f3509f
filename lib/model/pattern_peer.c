/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is spoken to on the internet. A pair is a group and a public peer, port and protocol that it opened a connection to:
 * since when, how much lately (exfiltration), and at which intervals (beacon; mean and deviation after Welford 1962).
 * A table of peers knows by how many groups each is called.
 */
#include <netinet/in.h>

#include "lib/model/pattern_impl.h"

#define EPOCH_S 600
#define EXFIL_HOLD 60	 /* buckets */
#define SETTLED 16	 /* events; each is worth ten minutes of being remembered */
#define PERIOD_LEAST_S 20 /* what is there in each bucket has no interval */
#define LONG_EVENT 6	 /* buckets: a transfer, no call home */
#define QUANTUM 16.7	 /* s^2: variance of the difference of two times known to 10 s */
#define PEER_HALVES 0.9931f /* of an epoch of 600 s: half in 16 h */

struct pair {
	struct cache_slot slot;
	uint64_t born_s, group;
	bool novel; /* the group had been known for long when it began */
	bool told;
	uint32_t epoch;
	float bytes[2][2]; /* of the present and the last epoch, by weir_dir */
	float due;	   /* what becomes usual when one more epoch is over: nothing is its own excuse */
	uint32_t begin, last; /* buckets of the event at hand: active ones side by side */
	uint32_t events, intervals, long_events, gaps;
	float event_bytes;
	double mean, square;	       /* of intervals, s */
	double size_mean, size_square; /* of events, bytes */
};

struct popular {
	struct cache_slot slot;
	uint64_t groups; /* bits by hash */
};

int pattern_peer_init(struct weir_patterns *p)
{
	int r = cache_init(&p->pairs, sizeof(struct pair), p->opts.max_pairs);

	return r ? r : cache_init(&p->popular, sizeof(struct popular), p->opts.max_pairs);
}

static struct popular *popular_of(struct weir_patterns *p, const struct weir_addr *peer, uint16_t port, const struct pattern_group *g)
{
	struct popular *e = cache_get(&p->popular, pattern_hash(port, peer, sizeof(*peer)), p->bucket, &p->stats.evicted);

	e->groups |= 1ull << (g->key & 63);
	return e;
}

static struct pair *pair_of(struct weir_patterns *p, const struct pattern_group *g, const struct weir_addr *peer, uint16_t port,
			    uint8_t proto)
{
	uint64_t tag = pattern_hash(g->key ^ (uint64_t)proto << 16 ^ port, peer, sizeof(*peer));
	struct pair *e = cache_get(&p->pairs, tag, p->bucket, &p->stats.evicted);

	if (!e->born_s) {
		e->born_s = p->time_s;
		e->group = g->key;
		e->epoch = (uint32_t)(p->time_s / EPOCH_S);
		e->novel = g->born_s + (uint64_t)pattern_param(WEIR_FINDING_EXFILTRATION, EXFIL_NOVEL) <= p->time_s;
	}
	return e;
}

/* The most that one peer is usually sent, half of it after 16 hours. */
static float peer_top(const struct weir_patterns *p, struct pattern_group *g)
{
	uint32_t epoch = (uint32_t)(p->time_s / EPOCH_S);

	g->peer_at = g->peer_at ? g->peer_at : epoch;
	for (; g->peer_at < epoch && g->peer_top > 1; g->peer_at++)
		g->peer_top *= PEER_HALVES;
	g->peer_at = epoch;
	return g->peer_top;
}

static void turn(const struct weir_patterns *p, struct pair *e, struct pattern_group *g)
{
	uint32_t epoch = (uint32_t)(p->time_s / EPOCH_S);

	if (epoch == e->epoch)
		return;
	if (!e->told)
		g->peer_top = WEIR_MAX(peer_top(p, g), e->due);
	e->due = e->told ? 0 : e->bytes[0][WEIR_EGRESS] + e->bytes[1][WEIR_EGRESS];
	for (int dir = 0; dir < WEIR_DIRS; dir++) {
		e->bytes[1][dir] = epoch == e->epoch + 1 ? e->bytes[0][dir] : 0;
		e->bytes[0][dir] = 0;
	}
	e->epoch = epoch;
	e->told = false;
}

/* What a peer got is usual from now on, also when it is never spoken to again. */
void pattern_peer_sweep(struct weir_patterns *p)
{
	for (size_t i = 0; i < p->pairs.sets * CACHE_WAYS; i++) {
		struct pair *e = (void *)cache_at(&p->pairs, i);
		struct pattern_group *g = e->slot.tag && e->due + e->bytes[0][WEIR_EGRESS] + e->bytes[1][WEIR_EGRESS] > 0 ?
						  weir_map_find(p->groups, &e->group, sizeof(e->group)) : NULL;

		if (g)
			turn(p, e, g);
	}
}

static void welford(double *mean, double *square, uint32_t n, double v)
{
	double d = v - *mean;

	*mean += d / n;
	*square += d * (v - *mean);
}

/* An event is over, and how long after its begin the next one begins. */
static void event_ends(struct pair *e, uint32_t bucket)
{
	double interval = (double)(bucket - e->begin) * WEIR_PATTERN_BUCKET_S;

	welford(&e->size_mean, &e->size_square, ++e->events, (double)e->event_bytes);
	e->long_events += e->last - e->begin >= LONG_EVENT;
	e->slot.weight = WEIR_MIN(e->events, SETTLED) * (EPOCH_S / WEIR_PATTERN_BUCKET_S);
	/* One that was missed is no interval of twice the length, unless there are many. */
	if (e->intervals >= 4 && interval > 1.7 * e->mean && e->gaps * 4 < e->intervals) {
		e->gaps++;
		return;
	}
	welford(&e->mean, &e->square, ++e->intervals, interval);
}

static void note_event(struct weir_patterns *p, struct pair *e, const struct pattern_flow *f, uint32_t flow)
{
	if (e->begin && p->bucket > e->last + 1) {
		event_ends(e, p->bucket);
		e->begin = 0;
		if (e->novel && e->intervals >= pattern_param(WEIR_FINDING_BEACON, BEACON_INTERVALS))
			pattern_candidate(p, WEIR_FINDING_BEACON, &e->slot, flow);
	}
	if (!e->begin) {
		e->begin = p->bucket;
		e->event_bytes = 0;
	}
	e->last = p->bucket;
	e->event_bytes += (float)f->bytes[WEIR_EGRESS];
}

void pattern_peer_flow(struct weir_patterns *p, uint32_t flow)
{
	const struct pattern_flow *f = &p->flows[flow];
	struct pattern_group *g = f->w->group;
	struct pair *e;

	if (!f->opened || !f->is_public || !f->packets[WEIR_EGRESS])
		return;
	e = pair_of(p, g, &f->peer, f->port, f->proto);
	popular_of(p, &f->peer, f->port, g);
	turn(p, e, g);
	for (int dir = 0; dir < WEIR_DIRS; dir++)
		e->bytes[0][dir] += (float)f->bytes[dir];
	note_event(p, e, f, flow);
	if (e->novel && (double)(e->bytes[0][WEIR_EGRESS] + e->bytes[1][WEIR_EGRESS]) >= pattern_param(WEIR_FINDING_EXFILTRATION, EXFIL_BYTES))
		pattern_candidate(p, WEIR_FINDING_EXFILTRATION, &e->slot, flow);
}

void pattern_peer_learn(struct weir_patterns *p, const struct weir_pattern_row *row)
{
	struct pattern_group *g = pattern_group(p, row->who);

	if (!g)
		return;
	pair_of(p, g, &row->peer, row->port, row->proto);
	popular_of(p, &row->peer, row->port, g);
}

static void judge_exfiltration(struct weir_patterns *p, const struct pattern_candidate *c)
{
	const struct pattern_flow *f = &p->flows[c->flow];
	struct pair *e = (void *)c->slot;
	double out = (double)(e->bytes[0][WEIR_EGRESS] + e->bytes[1][WEIR_EGRESS]);
	double in = (double)(e->bytes[0][WEIR_INGRESS] + e->bytes[1][WEIR_INGRESS]), usual = (double)peer_top(p, f->w->group);
	double bar = WEIR_MAX(pattern_param(c->kind, EXFIL_BYTES), usual * pattern_param(c->kind, EXFIL_TIMES));
	struct weir_finding found;
	char peer[64];

	if (out < bar || out < pattern_param(c->kind, EXFIL_LOPSIDED) * in)
		return;
	e->told = true;
	pattern_begin(p, c->kind, f->w->who, &found);
	pattern_with(&found, p, f);
	found.since_s = WEIR_MAX(e->born_s, ((uint64_t)e->epoch - 1) * EPOCH_S);
	found.action = WEIR_ACTION_POLICY;
	found.observed = out;
	found.expected = usual;
	found.score = pattern_score(out, bar);
	found.nanos_per_hour = f->nanos * PATTERN_HOUR;
	weir_finding_text(found.unit, sizeof(found.unit), "bytes");
	snprintf(found.sentence, sizeof(found.sentence),
		 "%.100s sent %.1f MB to %s at port %u, which it did not speak to before, and got %.2f MB; no single peer got more than %.1f MB in as long a time.",
		 found.subject.name, out / 1e6, weir_addr_text(&f->peer, peer), f->port, in / 1e6, usual / 1e6);
	pattern_found(p, c->tag, &found, EXFIL_HOLD);
}

static bool is_beacon(struct weir_patterns *p, const struct pair *e, const struct pattern_flow *f, double *ret_spread)
{
	double variance = WEIR_MAX(e->square / e->intervals - QUANTUM, 0.0), spread = sqrt(variance) / e->mean;
	double sizes = sqrt(e->size_square / e->events) / WEIR_MAX(e->size_mean, 1.0);

	*ret_spread = spread;
	if (f->proto == IPPROTO_UDP && (f->port == 123 || f->port == 53))
		return false; /* clocks and names are asked for at intervals by everybody */
	if (__builtin_popcountll(popular_of(p, &f->peer, f->port, f->w->group)->groups) >= (int)pattern_param(WEIR_FINDING_BEACON, BEACON_POPULAR))
		return false;
	return e->mean >= PERIOD_LEAST_S && spread <= pattern_param(WEIR_FINDING_BEACON, BEACON_SPREAD) &&
	       e->size_mean <= pattern_param(WEIR_FINDING_BEACON, BEACON_BYTES) &&
	       sizes <= pattern_param(WEIR_FINDING_BEACON, BEACON_SIZE_SPREAD) && e->long_events * 4 <= e->events &&
	       e->gaps * 4 <= e->intervals;
}

static void judge_beacon(struct weir_patterns *p, const struct pattern_candidate *c)
{
	const struct pattern_flow *f = &p->flows[c->flow];
	const struct pair *e = (const void *)c->slot;
	struct weir_finding found;
	double spread;
	char peer[64];

	if (!is_beacon(p, e, f, &spread))
		return;
	pattern_begin(p, c->kind, f->w->who, &found);
	pattern_with(&found, p, f);
	found.since_s = e->born_s;
	found.action = WEIR_ACTION_POLICY;
	found.observed = spread;
	found.expected = 1;
	found.score = pattern_score(pattern_param(c->kind, BEACON_SPREAD), WEIR_MAX(spread, 0.01));
	weir_finding_text(found.unit, sizeof(found.unit), "deviation / mean");
	snprintf(found.sentence, sizeof(found.sentence),
		 "%.100s has sent %.0f bytes to %s at port %u every %.0f s, %u times, with a spread of %.0f %% of the interval (chance: 100 %%); nobody else calls it.",
		 found.subject.name, e->size_mean, weir_addr_text(&f->peer, peer), f->port, e->mean, e->events, spread * 100);
	pattern_found(p, c->tag, &found, (uint32_t)(3 * e->mean / WEIR_PATTERN_BUCKET_S) + 6);
}

void pattern_peer_judge(struct weir_patterns *p, const struct pattern_candidate *c)
{
	if (c->kind == WEIR_FINDING_EXFILTRATION)
		judge_exfiltration(p, c);
	else
		judge_beacon(p, c);
}
