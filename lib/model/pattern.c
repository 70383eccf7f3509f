/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns: a bucket's rows become flows, flows and workloads are shown to the families. */
#include <netinet/in.h>

#include "lib/model/pattern_impl.h"

#define WORKLOADS_MAX 20000
#define FLOWS_MAX ((size_t)1000000)
#define PAIRS_MAX ((size_t)65536)
#define FINDINGS_MAX 1000

uint64_t pattern_hash(uint64_t seed, const void *data, size_t len)
{
	const uint8_t *b = data;
	uint64_t h = (seed ^ 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull, v;

	h ^= h >> 32; /* else seed and first word would be one number */
	for (; len >= 8; b += 8, len -= 8) {
		memcpy(&v, b, 8);
		h = (h ^ v) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	for (v = 0; len; len--)
		v = v << 8 | *b++;
	h = (h ^ v) * 0xc4ceb9fe1a85ec53ull;
	h ^= h >> 29;
	h *= 0x9fb21c651e98df25ull;
	return h ^ h >> 32;
}

bool pattern_is_v4(const struct weir_addr *a)
{
	return weir_addr_is_v4(a);
}

/* Where bytes cost by volume; what passes between zones is another pattern's. */
static enum pattern_way way_of(const char *path)
{
	static const char *const billed[] = {"internet", "nat",	     "cdn", "cross-region", "peering", "tgw",
					     "vpn",	 "endpoint", "lb",  "direct",	    NULL};

	if (path && !strcmp(path, "cross-zone"))
		return WAY_ZONE;
	for (size_t i = 0; path && billed[i]; i++)
		if (!strcmp(path, billed[i]))
			return WAY_BILLED;
	return WAY_FREE;
}

static void set_defaults(struct weir_patterns_opts *o)
{
	o->max_workloads = o->max_workloads ? o->max_workloads : WORKLOADS_MAX;
	o->max_flows = o->max_flows ? o->max_flows : FLOWS_MAX;
	o->max_pairs = o->max_pairs ? o->max_pairs : PAIRS_MAX;
	o->max_findings = o->max_findings ? o->max_findings : FINDINGS_MAX;
	o->runaway_nanos_per_hour = o->runaway_nanos_per_hour ? o->runaway_nanos_per_hour : 500000000;
	o->runaway_bytes_per_s = o->runaway_bytes_per_s ? o->runaway_bytes_per_s : 2000000;
	o->zone_nanos_per_month = o->zone_nanos_per_month ? o->zone_nanos_per_month : 10000000000;
	o->currency = o->currency ? o->currency : "units";
}

static void patterns_freep(struct weir_patterns **p)
{
	weir_patterns_free(*p);
}

static int make_tables(struct weir_patterns *p)
{
	int r = weir_map_new(&p->workloads);

	r = r ? r : weir_map_new(&p->groups);
	r = r ? r : weir_map_new(&p->findings);
	r = r ? r : pattern_scan_init(p);
	r = r ? r : pattern_peer_init(p);
	return r ? r : pattern_zone_init(p);
}

int weir_patterns_new(const struct weir_patterns_opts *opts, struct weir_patterns **ret)
{
	weir_cleanup(patterns_freep) struct weir_patterns *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->opts = *opts;
	set_defaults(&p->opts);
	if ((p->opts.max_pairs & (p->opts.max_pairs - 1)) || p->opts.max_pairs < CACHE_WAYS || p->opts.max_flows >= 1u << 30 ||
	    strlen(p->opts.currency) > 8 || p->opts.runaway_nanos_per_hour < 0 || p->opts.zone_nanos_per_month < 0)
		return -EINVAL;
	for (size_t i = 0; i < WEIR_PATTERN_PATHS; i++)
		p->ways[i] = way_of(p->opts.paths[i]);
	r = make_tables(p);
	if (r)
		return r;
	*ret = weir_take_ptr(p);
	return 0;
}

void weir_patterns_free(struct weir_patterns *p)
{
	if (!p)
		return;
	weir_map_free(p->workloads, free);
	weir_map_free(p->groups, free);
	weir_map_free(p->findings, pattern_finding_free);
	free(p->flows);
	free(p->index);
	free(p->active);
	free(p->ports.at);
	free(p->peers.at);
	free(p->pairs.at);
	free(p->popular.at);
	free(p->zones.at);
	free(p);
}

/* Room for n flows at most half full, all empty. */
static int clear_index(struct weir_patterns *p, size_t n)
{
	size_t want = 1024;

	while (want < 2 * WEIR_MIN(n, p->opts.max_flows))
		want *= 2;
	if (want > p->index_size) {
		uint32_t *more = reallocarray(p->index, want, sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->index = more;
		p->index_size = want;
	}
	memset(p->index, 0, p->index_size * sizeof(*p->index));
	p->flow_count = p->active_count = p->candidate_count = 0;
	return 0;
}

static bool same_flow(const struct pattern_flow *f, const struct pattern_workload *w, const struct weir_pattern_row *r)
{
	return f->w == w && f->port == r->port && f->proto == r->proto && f->opened == r->opened &&
	       !memcmp(&f->peer, &r->peer, sizeof(r->peer));
}

static int grow_flows(struct weir_patterns *p)
{
	size_t cap = p->flow_cap ? WEIR_MIN(2 * p->flow_cap, p->opts.max_flows) : WEIR_MIN((size_t)1024, p->opts.max_flows);
	struct pattern_flow *more = reallocarray(p->flows, cap, sizeof(*more));

	if (!more)
		return -ENOMEM;
	p->flows = more;
	p->flow_cap = cap;
	return 0;
}

/* The flow of a row; NULL: there are too many (*ret_r 0), or no memory. */
static struct pattern_flow *flow_of(struct weir_patterns *p, struct pattern_workload *w, const struct weir_pattern_row *r,
				    int *ret_r)
{
	uint64_t salt = (uint64_t)(uintptr_t)w ^ (uint64_t)r->port << 48 ^ (uint64_t)r->proto << 40 ^ (uint64_t)r->opened << 39;
	size_t at = pattern_hash(salt, &r->peer, sizeof(r->peer)) & (p->index_size - 1);
	struct pattern_flow *f;

	for (; p->index[at]; at = (at + 1) & (p->index_size - 1))
		if (same_flow(&p->flows[p->index[at] - 1], w, r))
			return &p->flows[p->index[at] - 1];
	*ret_r = 0;
	if (p->flow_count == p->opts.max_flows)
		return NULL;
	if (p->flow_count == p->flow_cap && (*ret_r = grow_flows(p)))
		return NULL;
	f = &p->flows[p->flow_count++];
	*f = (struct pattern_flow){.w = w, .peer = r->peer, .port = r->port, .proto = r->proto, .path = r->path,
				   .opened = r->opened, .is_public = r->is_public, .peer_who = r->peer_who, .next = w->head};
	w->head = p->index[at] = (uint32_t)p->flow_count;
	return f;
}

static bool passed(uint8_t verdict)
{
	return verdict != WEIR_V_DENY && verdict != WEIR_V_LIMITED;
}

static int add_row(struct weir_patterns *p, struct pattern_workload *w, const struct weir_pattern_row *r)
{
	bool billed = r->path < WEIR_PATTERN_PATHS && p->ways[r->path] == WAY_BILLED;
	struct pattern_flow *f;
	int e = 0;

	if (passed(r->verdict)) {
		w->bytes[r->dir] += r->bytes;
		if (billed && r->dir == WEIR_EGRESS) {
			w->egress += r->bytes;
			w->nanos += r->nanos;
		}
		if (!r->has_peer) {
			w->folded_packets[r->dir] += r->packets;
			w->folded_bytes[r->dir] += r->bytes;
		}
	}
	if (!r->has_peer)
		return 0;
	f = flow_of(p, w, r, &e);
	if (!f) {
		p->stats.unjoined++;
		return e;
	}
	if (passed(r->verdict)) {
		f->bytes[r->dir] += r->bytes;
		f->packets[r->dir] += r->packets;
		f->nanos += r->nanos;
	} else {
		f->denied[r->dir] += r->packets;
	}
	return 0;
}

static struct pattern_workload *active_workload(struct weir_patterns *p, const struct weir_pattern_who *who)
{
	struct pattern_workload *w = pattern_workload(p, who);

	if (!w || w->seen == p->bucket)
		return w;
	if (p->active_count == p->active_cap) {
		size_t cap = p->active_cap ? 2 * p->active_cap : 256;
		struct pattern_workload **more = reallocarray(p->active, cap, sizeof(struct pattern_workload *));

		if (!more)
			return NULL;
		p->active = more;
		p->active_cap = cap;
	}
	p->active[p->active_count++] = w;
	*w = (struct pattern_workload){.id = w->id, .group = w->group, .who = who, .seen = p->bucket,
				       .hot = {w->hot[0], w->hot[1], w->hot[2], w->hot[3]}};
	w->group->seen = p->bucket;
	return w;
}

static int join(struct weir_patterns *p, const struct weir_pattern_row *rows, size_t n)
{
	const struct weir_pattern_who *last = NULL;
	struct pattern_workload *w = NULL;
	int r = clear_index(p, n);

	for (size_t i = 0; i < n && !r; i++) {
		if (!rows[i].who || rows[i].dir >= WEIR_DIRS || rows[i].verdict >= WEIR_VERDICTS)
			return -EINVAL;
		if (rows[i].who != last) {
			last = rows[i].who;
			w = active_workload(p, last);
		}
		r = w ? add_row(p, w, &rows[i]) : -ENOMEM;
	}
	return r;
}

static int add_health(struct weir_patterns *p, const struct weir_pattern_health *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint64_t *c = h[i].n;
		struct pattern_workload *w;

		if (!h[i].who)
			return -EINVAL;
		w = active_workload(p, h[i].who);
		if (!w)
			return -ENOMEM;
		w->attempts += c[WEIR_H_CONNECTIONS] + c[WEIR_H_REFUSED] + c[WEIR_H_TIMEOUTS] + c[WEIR_H_FAILED];
		w->failures += c[WEIR_H_REFUSED] + c[WEIR_H_TIMEOUTS] + c[WEIR_H_FAILED] + c[WEIR_H_RESETS_IN];
	}
	return 0;
}

void pattern_candidate(struct weir_patterns *p, enum weir_finding_kind kind, struct cache_slot *slot, uint32_t flow)
{
	if (slot->asked != p->bucket) {
		slot->asked = p->bucket;
		slot->kinds = 0;
	}
	if ((slot->kinds & 1u << kind) || p->candidate_count == PATTERN_CANDIDATES)
		return;
	slot->kinds |= 1u << kind;
	p->candidates[p->candidate_count++] = (struct pattern_candidate){kind, slot, slot->tag, flow};
}

static void judge(struct weir_patterns *p)
{
	for (size_t i = 0; i < p->candidate_count; i++) {
		const struct pattern_candidate *c = &p->candidates[i];

		if (c->slot->tag != c->tag)
			continue;
		if (c->kind == WEIR_FINDING_PORT_SCAN || c->kind == WEIR_FINDING_HORIZONTAL_SCAN)
			pattern_scan_judge(p, c);
		else if (c->kind == WEIR_FINDING_CROSS_ZONE)
			pattern_zone_judge(p, c);
		else
			pattern_peer_judge(p, c);
	}
	for (size_t i = 0; i < p->active_count; i++)
		pattern_rates(p, p->active[i]);
}

int weir_patterns_window(struct weir_patterns *p, uint64_t time_s, const struct weir_pattern_row *rows, size_t n,
			 const struct weir_pattern_health *h, size_t hn, weir_finding_fn fn, void *arg)
{
	uint64_t bucket = time_s / WEIR_PATTERN_BUCKET_S;
	int r;

	if (bucket <= p->bucket || bucket > UINT32_MAX / 2)
		return -EINVAL;
	p->bucket = (uint32_t)bucket;
	p->time_s = bucket * WEIR_PATTERN_BUCKET_S;
	p->fn = fn;
	p->arg = arg;
	p->told = 0;
	if (p->bucket % 60 == 0) {
		pattern_peer_sweep(p);
		pattern_sweep(p);
	}
	r = join(p, rows, n);
	r = r ? r : add_health(p, h, hn);
	if (r)
		return r;
	for (uint32_t i = 0; i < p->flow_count; i++) {
		pattern_scan_flow(p, i);
		pattern_peer_flow(p, i);
		pattern_zone_flow(p, i);
	}
	judge(p);
	pattern_end(p);
	return p->told;
}

int weir_patterns_learn(struct weir_patterns *p, uint64_t time_s, const struct weir_pattern_row *rows, size_t n)
{
	uint64_t bucket = time_s / WEIR_PATTERN_BUCKET_S;

	if (bucket < p->bucket || !bucket || bucket > UINT32_MAX / 2)
		return -EINVAL;
	p->bucket = (uint32_t)bucket;
	p->time_s = bucket * WEIR_PATTERN_BUCKET_S;
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].who)
			return -EINVAL;
		if (rows[i].has_peer && rows[i].opened && rows[i].is_public)
			pattern_peer_learn(p, &rows[i]);
		else if (!pattern_group(p, rows[i].who))
			return -ENOMEM;
	}
	return 0;
}

void weir_patterns_stats(const struct weir_patterns *p, struct weir_patterns_stats *ret)
{
	const struct cache *caches[] = {&p->ports, &p->peers, &p->pairs, &p->popular, &p->zones};

	*ret = p->stats;
	ret->workloads = weir_map_count(p->workloads);
	ret->groups = weir_map_count(p->groups);
	ret->findings = weir_map_count(p->findings);
	ret->bytes = sizeof(*p) + p->flow_cap * sizeof(*p->flows) + p->index_size * sizeof(*p->index) +
		     ret->workloads * sizeof(struct pattern_workload) + ret->groups * sizeof(struct pattern_group) +
		     ret->findings * sizeof(struct weir_finding);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(caches); i++)
		ret->bytes += caches[i]->sets * CACHE_WAYS * caches[i]->size;
}
