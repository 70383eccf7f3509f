/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates of one workload beside the most that one of its group usually has: runaway egress, floods, retry storms. A rate must
 * be over its bar in a bucket, and have been well on the way in the one before: it may have begun in its middle.
 */
#include <inttypes.h>
#include <netinet/in.h>

#include "lib/model/pattern_impl.h"

#define HOLD 6		    /* buckets below the bar */
#define HISTORY 6	    /* buckets of past that a usual needs */
#define MEAN_BUCKETS 60	    /* of the usual cost */
#define LIMIT_HEADROOM 1.25 /* a proposed limit lets pass more than was ever usual */
#define LIMIT_LEAST_BPS 8000
#define SYN_BITS 600	    /* a SYN of 60 bytes, and what repeats it */
#define HEADERS_V4 64	    /* a segment without data, options included */
#define HEADERS_V6 84
#define HANDSHAKES 100	    /* bytes of a packet, mean: most of a flow's packets open connections, some of which may succeed */

/* Of one rate in this bucket. */
struct over {
	enum pattern_rate rate;
	double value, usual, bar; /* per bucket */
	double first; /* how far from the usual to the bar the bucket before must have been */
};

/* Whether it is told, or goes on to be: in the second bucket of a run, and in each behind that. */
static bool goes_on(const struct weir_patterns *p, struct pattern_workload *w, struct over *o)
{
	struct pattern_run *run = &w->hot[o->rate];
	bool followed = run->at + 1 == p->bucket && (double)run->ratio >= o->first;

	run->told = run->told && run->over + HOLD >= p->bucket;
	if (run->told) {
		o->bar = run->bar;
		o->usual = run->usual;
	}
	run->since = followed || run->told ? run->since : p->bucket;
	run->at = p->bucket;
	run->ratio = (float)((o->value - o->usual) / (o->bar - o->usual));
	if (run->ratio >= 1)
		run->over = p->bucket;
	return (followed || run->told) && run->ratio >= 1;
}

/* It is told: what was usual is kept, and what a limit must leave. bytes: of a bucket. */
static void keep(struct pattern_workload *w, const struct over *o, double bytes)
{
	struct pattern_run *run = &w->hot[o->rate];

	if (run->told)
		return;
	run->told = true;
	run->bar = o->bar;
	run->usual = o->usual;
	run->limit_bps = WEIR_MAX((uint64_t)(bytes * LIMIT_HEADROOM * 8 / WEIR_PATTERN_BUCKET_S), (uint64_t)64000); /* less is a denial that hangs */
}

static double usual_of(const struct weir_patterns *p, struct usual *u)
{
	usual_advance(u, p->bucket);
	return (double)usual_top(u);
}

/* Bytes of the flow that the rate is about; packets for floods. */
static double part_of(const struct weir_patterns *p, const struct pattern_flow *f, enum pattern_rate rate);

/* The flow that has most of the rate, and what share; NULL: none has any. */
static const struct pattern_flow *largest(const struct weir_patterns *p, const struct pattern_workload *w, enum pattern_rate rate,
					  double *ret_share, double *ret_port_share)
{
	const struct pattern_flow *best = NULL;
	double most = 0, sum = 0, port = 0;

	for (uint32_t i = w->head; i; i = p->flows[i - 1].next) {
		double part = part_of(p, &p->flows[i - 1], rate);

		sum += part;
		if (part > most) {
			most = part;
			best = &p->flows[i - 1];
		}
	}
	for (uint32_t i = w->head; i && best; i = p->flows[i - 1].next)
		if (p->flows[i - 1].port == best->port && p->flows[i - 1].proto == best->proto)
			port += part_of(p, &p->flows[i - 1], rate);
	*ret_share = sum > 0 ? most / sum : 0;
	*ret_port_share = sum > 0 ? port / sum : 0;
	return best;
}

/* Packets that carry nothing: unanswered, or handshakes alone. Of the direction that opened, or of ICMP. */
static uint64_t hollow(const struct pattern_flow *f, enum weir_dir dir)
{
	uint64_t headers = pattern_is_v4(&f->peer) ? HEADERS_V4 : HEADERS_V6, n = f->packets[dir] + f->denied[dir];
	bool icmp = f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6;

	if (f->opened != (dir == WEIR_EGRESS) && !icmp)
		return 0;
	/* Data over TCP is answered, or there would be no more of it; one acknowledgement for 64 KiB of segments, where they are merged. */
	if (f->proto == IPPROTO_TCP && f->bytes[dir] > HANDSHAKES * f->packets[dir])
		return 0;
	if (icmp || (double)f->packets[!dir] <= pattern_param(WEIR_FINDING_FLOOD, FLOOD_UNANSWERED) * (double)n)
		return n;
	return f->bytes[dir] <= headers * f->packets[dir] && 2 * f->bytes[!dir] <= 3 * f->bytes[dir] ? n : 0;
}

static double part_of(const struct weir_patterns *p, const struct pattern_flow *f, enum pattern_rate rate)
{
	switch (rate) {
	case RATE_EGRESS:
		return f->path < WEIR_PATTERN_PATHS && p->ways[f->path] == WAY_BILLED ? (double)f->bytes[WEIR_EGRESS] : 0;
	case RATE_FLOOD_IN: return (double)hollow(f, WEIR_INGRESS);
	case RATE_FLOOD_OUT: return (double)hollow(f, WEIR_EGRESS);
	default: return f->opened && f->proto == IPPROTO_TCP && f->bytes[WEIR_EGRESS] <= HANDSHAKES * f->packets[WEIR_EGRESS] ? (double)(f->packets[WEIR_EGRESS] + f->denied[WEIR_EGRESS]) : 0;
	}
}

static void since(const struct weir_patterns *p, const struct pattern_run *run, struct weir_finding *f)
{
	f->since_s = p->time_s - (uint64_t)(p->bucket - run->since) * WEIR_PATTERN_BUCKET_S;
}

static uint64_t tag_of(const struct pattern_workload *w, unsigned int kind)
{
	return pattern_hash(kind, &w->id, sizeof(w->id));
}

/* "5.10 MB/s", "4.2 kB/s" */
static const char *rate_text(double bytes_per_s, char buf[32])
{
	bool large = bytes_per_s >= 1e4;

	snprintf(buf, 32, large ? "%.2f MB/s" : "%.1f kB/s", bytes_per_s / (large ? 1e6 : 1e3));
	return buf;
}

static void tell_runaway(struct weir_patterns *p, struct pattern_workload *w, const struct over *o)
{
	double share, unused, rate = o->value / WEIR_PATTERN_BUCKET_S, usual = o->usual / WEIR_PATTERN_BUCKET_S;
	const struct pattern_flow *f = largest(p, w, RATE_EGRESS, &share, &unused);
	struct weir_finding found;
	char peer[64], is[32], was[32];

	pattern_begin(p, WEIR_FINDING_RUNAWAY_EGRESS, w->who, &found);
	since(p, &w->hot[o->rate], &found);
	found.opened = true;
	found.dir = WEIR_EGRESS;
	if (f) {
		pattern_with(&found, p, f);
		found.has_peer = share >= pattern_param(found.kind, RUNAWAY_ONE_PEER);
		if (!found.has_peer)
			found.port = found.proto = 0, *found.peer_name = '\0';
	}
	found.action = f ? WEIR_ACTION_POLICY : WEIR_ACTION_NONE;
	found.limit_bps = w->hot[o->rate].limit_bps;
	found.observed = rate;
	found.expected = usual;
	found.score = pattern_score(o->value, o->bar);
	found.nanos_per_hour = WEIR_MAX((int64_t)(((double)w->nanos - (double)w->group->nanos) * PATTERN_HOUR), (int64_t)0);
	weir_finding_text(found.unit, sizeof(found.unit), "bytes/s");
	snprintf(found.sentence, sizeof(found.sentence),
		 "%.100s sends %s over path %s, where one of its kind sent %s at most; %s%s gets %.0f %% of it, and it costs %.2f %s an hour more than usual.",
		 found.subject.name, rate_text(rate, is), *found.path ? found.path : "unknown", rate_text(usual, was), found.has_peer ? "" : "the largest peer, ",
		 f ? weir_addr_text(&f->peer, peer) : "unknown", share * 100, (double)found.nanos_per_hour / 1e9, p->opts.currency);
	pattern_found(p, tag_of(w, 1), &found, HOLD);
}

/* The mean cost of a bucket; the first ones count alike, as nothing else is known. */
static void learn_cost(struct pattern_group *g, int64_t nanos)
{
	if (g->nanos_buckets < MEAN_BUCKETS)
		g->nanos_buckets++;
	g->nanos += ((float)nanos - g->nanos) / (float)g->nanos_buckets;
}

/* Bytes of a bucket from which on it is worth a word: by what its bytes cost, or in themselves. */
static double worth(const struct weir_patterns *p, const struct pattern_workload *w)
{
	double bytes = (double)p->opts.runaway_bytes_per_s * WEIR_PATTERN_BUCKET_S;
	double per_hour = ((double)w->nanos - (double)w->group->nanos) * PATTERN_HOUR;

	return per_hour > 0 ? WEIR_MIN(bytes, (double)w->egress * (double)p->opts.runaway_nanos_per_hour / per_hour) : bytes;
}

static void runaway(struct weir_patterns *p, struct pattern_workload *w)
{
	struct usual *u = &w->group->usual[RATE_EGRESS];
	struct over o = {.rate = RATE_EGRESS, .value = (double)w->egress, .usual = usual_of(p, u),
			 .first = pattern_param(WEIR_FINDING_RUNAWAY_EGRESS, RUNAWAY_FIRST)};
	bool old = usual_history(u, p->bucket) >= (uint32_t)pattern_param(WEIR_FINDING_RUNAWAY_EGRESS, RUNAWAY_HISTORY);

	o.bar = WEIR_MAX(o.usual * pattern_param(WEIR_FINDING_RUNAWAY_EGRESS, RUNAWAY_TIMES), WEIR_MAX(worth(p, w), o.usual + 1));
	usual_note(u, p->bucket, (float)w->egress);
	if (goes_on(p, w, &o) && old) {
		keep(w, &o, o.usual);
		tell_runaway(p, w, &o);
	} else if ((double)w->hot[RATE_EGRESS].ratio < o.first) {
		learn_cost(w->group, w->nanos);
	}
}

static void tell_flood(struct weir_patterns *p, struct pattern_workload *w, const struct over *o)
{
	bool in = o->rate == RATE_FLOOD_IN;
	double share, port_share, rate = o->value / WEIR_PATTERN_BUCKET_S;
	const struct pattern_flow *f = largest(p, w, o->rate, &share, &port_share);
	struct weir_finding found;
	char peer[64];

	pattern_begin(p, WEIR_FINDING_FLOOD, w->who, &found);
	since(p, &w->hot[o->rate], &found);
	found.opened = !in;
	if (f) {
		bool one = share >= pattern_param(found.kind, FLOOD_ONE_PEER);

		pattern_with(&found, p, f);
		found.has_peer = one;
		found.opened = !in;
		if (!one)
			*found.peer_name = *found.path = '\0';
		if (!one && port_share < pattern_param(found.kind, FLOOD_ONE_PEER))
			found.port = 0;
		found.limit_bps = one ? 0 : w->hot[o->rate].limit_bps;
	}
	found.dir = in ? WEIR_INGRESS : WEIR_EGRESS;
	found.action = f ? WEIR_ACTION_POLICY : WEIR_ACTION_NONE;
	found.observed = rate;
	found.expected = o->usual / WEIR_PATTERN_BUCKET_S;
	found.score = pattern_score(o->value, o->bar);
	weir_finding_text(found.unit, sizeof(found.unit), "packets/s");
	snprintf(found.sentence, sizeof(found.sentence),
		 "%.100s %s %.0f packets/s that carry nothing, where %.0f were the most so far; %.0f %% of them %s %s, %.0f %% at port %u.",
		 found.subject.name, in ? "gets" : "sends", rate, found.expected, share * 100, in ? "from" : "to",
		 f ? weir_addr_text(&f->peer, peer) : "folded peers", port_share * 100, f ? f->port : 0);
	pattern_found(p, tag_of(w, 2 + in), &found, HOLD);
}

static void flood(struct weir_patterns *p, struct pattern_workload *w, enum pattern_rate rate)
{
	enum weir_dir dir = rate == RATE_FLOOD_IN ? WEIR_INGRESS : WEIR_EGRESS;
	struct usual *u = &w->group->usual[rate];
	struct over o = {.rate = rate, .value = (double)w->hollow[dir], .usual = usual_of(p, u), .first = 0.2};

	o.bar = WEIR_MAX(o.usual * pattern_param(WEIR_FINDING_FLOOD, FLOOD_TIMES),
			 pattern_param(WEIR_FINDING_FLOOD, FLOOD_PACKETS) * WEIR_PATTERN_BUCKET_S);
	usual_note(u, p->bucket, (float)o.value);
	if (goes_on(p, w, &o) && usual_history(u, p->bucket) >= HISTORY) {
		keep(w, &o, usual_of(p, &w->group->usual_bytes[dir]));
		tell_flood(p, w, &o);
	}
}

static void tell_retries(struct weir_patterns *p, struct pattern_workload *w, const struct over *o, const struct pattern_flow *f,
			 double share)
{
	double rate = o->value / WEIR_PATTERN_BUCKET_S;
	struct weir_finding found;
	char peer[64];
	bool dead;

	pattern_begin(p, WEIR_FINDING_RETRY_STORM, w->who, &found);
	since(p, &w->hot[o->rate], &found);
	pattern_with(&found, p, f);
	/* A limit of bytes slows what still gets through too: it is proposed where next to nothing does. */
	dead = (double)w->failures >= pattern_param(found.kind, RETRY_DEAD) * o->value;
	found.action = dead ? WEIR_ACTION_POLICY : WEIR_ACTION_CHANGE;
	found.limit_bps = dead ? WEIR_MAX((uint64_t)(2 * o->usual / WEIR_PATTERN_BUCKET_S * SYN_BITS), (uint64_t)LIMIT_LEAST_BPS) : 0;
	found.observed = rate;
	found.expected = o->usual / WEIR_PATTERN_BUCKET_S;
	found.score = pattern_score(o->value, o->bar);
	weir_finding_text(found.unit, sizeof(found.unit), "attempts/s");
	snprintf(found.sentence, sizeof(found.sentence),
		 "%.100s tries %.0f connections/s, where %.1f were the most so far, and %.0f %% fail; %.0f %% of what fails goes to %s at port %u: mend that, and let the caller back off.",
		 found.subject.name, rate, found.expected, 100 * WEIR_MIN((double)w->failures / (double)w->attempts, 1.0), share * 100,
		 weir_addr_text(&f->peer, peer), f->port);
	pattern_found(p, tag_of(w, 4), &found, HOLD);
}

static void retries(struct weir_patterns *p, struct pattern_workload *w)
{
	struct usual *u = &w->group->usual[RATE_ATTEMPTS];
	struct over o = {.rate = RATE_ATTEMPTS, .value = (double)w->attempts, .usual = usual_of(p, u), .first = 0.2};
	const struct pattern_flow *f;
	double share = 0, unused;

	o.bar = WEIR_MAX(o.usual * pattern_param(WEIR_FINDING_RETRY_STORM, RETRY_TIMES),
			 pattern_param(WEIR_FINDING_RETRY_STORM, RETRY_ATTEMPTS) * WEIR_PATTERN_BUCKET_S);
	usual_note(u, p->bucket, (float)o.value);
	if (!goes_on(p, w, &o) || usual_history(u, p->bucket) < HISTORY ||
	    (double)w->failures < pattern_param(WEIR_FINDING_RETRY_STORM, RETRY_FAILED) * o.value)
		return;
	f = largest(p, w, RATE_ATTEMPTS, &share, &unused);
	if (!f || share < pattern_param(WEIR_FINDING_RETRY_STORM, RETRY_ONE_PEER))
		return;
	keep(w, &o, 0);
	tell_retries(p, w, &o, f, share);
}

static void sum_hollow(struct weir_patterns *p, struct pattern_workload *w)
{
	for (uint32_t i = w->head; i; i = p->flows[i - 1].next)
		for (int dir = 0; dir < WEIR_DIRS; dir++)
			w->hollow[dir] += hollow(&p->flows[i - 1], (enum weir_dir)dir);
	/* What was folded has no peer; as much back as forth, and more than headers, is a conversation. */
	for (int dir = 0; dir < WEIR_DIRS; dir++)
		if (w->folded_bytes[dir] <= HEADERS_V4 * w->folded_packets[dir] && 2 * w->folded_bytes[!dir] <= 3 * w->folded_bytes[dir])
			w->hollow[dir] += w->folded_packets[dir];
}

void pattern_rates(struct weir_patterns *p, struct pattern_workload *w)
{
	sum_hollow(p, w);
	usual_note(&w->group->usual_bytes[WEIR_INGRESS], p->bucket, (float)w->bytes[WEIR_INGRESS]);
	usual_note(&w->group->usual_bytes[WEIR_EGRESS], p->bucket, (float)w->bytes[WEIR_EGRESS]);
	runaway(p, w);
	flood(p, w, RATE_FLOOD_IN);
	flood(p, w, RATE_FLOOD_OUT);
	retries(p, w);
}
