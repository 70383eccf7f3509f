/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scans: distinct targets that did not answer, counted in bitmaps (linear counting: Whang, Vander-Zanden, Taylor 1990).
 *
 *   peers  by (workload, peer, who opened): ports that failed; made at the first failure
 *   ports  by (workload, port, protocol): hosts that failed without having answered within the last hour
 */
#include <netinet/in.h>

#include "lib/model/pattern_impl.h"

#define FAILED_WORDS 8 /* of 64 bits */
#define KNOWN_WORDS 16
#define KNOWN_S 1800   /* what answered is known for that long, twice at most */
#define TRIES_MAX 8    /* packets of one target in a bucket: more is a conversation */
#define HOLD 12	       /* buckets without a new failure */

struct targets { /* of one epoch each, the present one first */
	uint64_t failed[2][FAILED_WORDS];
	uint32_t answered[2];
	uint32_t epoch, failed_at; /* bucket of the last failure */
	uint32_t since_s;
};

struct peer_entry {
	struct cache_slot slot;
	struct targets t;
	uint16_t good[WEIR_FINDING_SPARED];
	uint8_t good_count;
};

struct port_entry {
	struct cache_slot slot;
	struct targets t;
	uint64_t group; /* of the workload */
	uint64_t known[2][KNOWN_WORDS];
	uint32_t known_epoch;
	uint16_t port;
	uint8_t good_count, common; /* leading bits that all failed hosts have in common */
	struct weir_addr first, good[WEIR_FINDING_SPARED];
};

int pattern_scan_init(struct weir_patterns *p)
{
	int r = cache_init(&p->peers, sizeof(struct peer_entry), p->opts.max_pairs / 4);

	return r ? r : cache_init(&p->ports, sizeof(struct port_entry), p->opts.max_pairs / 2);
}

static void turn(struct targets *t, uint64_t time_s)
{
	uint32_t epoch = (uint32_t)(time_s / (uint64_t)pattern_param(WEIR_FINDING_PORT_SCAN, SCAN_MEMORY));

	if (epoch == t->epoch)
		return;
	if (epoch == t->epoch + 1)
		memcpy(t->failed[1], t->failed[0], sizeof(t->failed[0]));
	else
		memset(t->failed[1], 0, sizeof(t->failed[1]));
	t->answered[1] = epoch == t->epoch + 1 ? t->answered[0] : 0;
	memset(t->failed[0], 0, sizeof(t->failed[0]));
	t->answered[0] = 0;
	t->epoch = epoch;
}

static unsigned int set_bits(const uint64_t *v, const uint64_t *w, size_t n)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < n; i++)
		bits += (unsigned int)__builtin_popcountll(v[i] | (w ? w[i] : 0));
	return bits;
}

static double targets_count(const struct targets *t)
{
	double m = FAILED_WORDS * 64, set = set_bits(t->failed[0], t->failed[1], FAILED_WORDS);

	return set < m ? -m * log(1 - set / m) : m * log(m);
}

static bool put_bit(uint64_t *v, size_t words, uint64_t hash)
{
	uint64_t bit = hash & (words * 64 - 1), *word = &v[bit / 64], mask = 1ull << bit % 64;
	bool was = *word & mask;

	*word |= mask;
	return was;
}

static bool has_bit(const uint64_t *v, size_t words, uint64_t hash)
{
	uint64_t bit = hash & (words * 64 - 1);

	return v[bit / 64] & 1ull << bit % 64;
}

/* An RST is 40 bytes (60 with IPv6), a SYN-ACK has options; of other protocols any answer is one. */
bool pattern_failed(const struct pattern_flow *f)
{
	int out = f->opened ? WEIR_EGRESS : WEIR_INGRESS, in = !out;
	uint64_t refusal = pattern_is_v4(&f->peer) ? 40 : 60;

	if (!f->packets[out])
		return f->denied[out] != 0;
	if (!f->packets[in])
		return true;
	return f->proto == IPPROTO_TCP && f->bytes[in] <= refusal * f->packets[in];
}

/* Whether something was said: an open port that a scan finds answers once, and is left at once. */
static bool conversed(const struct pattern_flow *f)
{
	int out = f->opened ? WEIR_EGRESS : WEIR_INGRESS;

	return f->proto != IPPROTO_TCP || (f->packets[out] > 2 && f->packets[!out] > 1);
}

static bool is_try(const struct pattern_flow *f)
{
	int out = f->opened ? WEIR_EGRESS : WEIR_INGRESS;

	return f->packets[out] + f->denied[out] <= TRIES_MAX;
}

static void note_port(struct weir_patterns *p, const struct pattern_flow *f, uint32_t flow, bool failed)
{
	uint64_t key = pattern_hash((uint64_t)f->w->id << 1 | f->opened, &f->peer, sizeof(f->peer)), bit;
	struct peer_entry *e = failed ? cache_get(&p->peers, key, p->bucket, &p->stats.evicted) : cache_find(&p->peers, key);

	if (!e)
		return;
	turn(&e->t, p->time_s);
	if (!failed) {
		bool known = false;

		e->t.answered[0]++;
		for (unsigned int i = 0; i < e->good_count; i++)
			known |= e->good[i] == f->port;
		if (!known && e->good_count < WEIR_FINDING_SPARED)
			e->good[e->good_count++] = f->port;
		return;
	}
	bit = pattern_hash(f->proto, &f->port, sizeof(f->port));
	if (!put_bit(e->t.failed[0], FAILED_WORDS, bit) || e->t.failed_at != p->bucket) {
		e->t.failed_at = p->bucket;
		e->t.since_s = e->t.since_s ? e->t.since_s : (uint32_t)p->time_s;
		pattern_candidate(p, WEIR_FINDING_PORT_SCAN, &e->slot, flow);
	}
}

static void turn_known(struct port_entry *e, uint64_t time_s)
{
	uint32_t epoch = (uint32_t)(time_s / KNOWN_S);

	if (epoch == e->known_epoch)
		return;
	if (epoch == e->known_epoch + 1)
		memcpy(e->known[1], e->known[0], sizeof(e->known[0]));
	else
		memset(e->known[1], 0, sizeof(e->known[1]));
	memset(e->known[0], 0, sizeof(e->known[0]));
	e->known_epoch = epoch;
}

static void note_good(struct port_entry *e, const struct weir_addr *peer)
{
	for (unsigned int i = 0; i < e->good_count; i++)
		if (!memcmp(&e->good[i], peer, sizeof(*peer)))
			return;
	if (e->good_count < WEIR_FINDING_SPARED)
		e->good[e->good_count++] = *peer;
}

/* A prefix begins where its host bits are zero; one of both families is everything. */
static struct weir_prefix prefix_of(const struct weir_addr *a, unsigned int len)
{
	struct weir_prefix p = {.addr = *a, .len = (uint8_t)len};

	for (unsigned int i = len; i < 128; i++)
		p.addr.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return p;
}

static uint8_t common_bits(const struct weir_addr *a, const struct weir_addr *b)
{
	unsigned int n = 0;

	while (n < 128 && !((a->b[n / 8] ^ b->b[n / 8]) & 0x80 >> n % 8))
		n++;
	return (uint8_t)n;
}

static void note_host(struct weir_patterns *p, const struct pattern_flow *f, uint32_t flow, bool failed)
{
	uint64_t key = pattern_hash((uint64_t)f->proto << 16 | f->port, &f->w->id, sizeof(f->w->id));
	uint64_t bit = pattern_hash(7, &f->peer, sizeof(f->peer));
	struct port_entry *e = cache_get(&p->ports, key, p->bucket, &p->stats.evicted);
	bool known;

	e->group = f->w->group->key;
	e->port = f->port;
	turn(&e->t, p->time_s);
	turn_known(e, p->time_s);
	known = has_bit(e->known[0], KNOWN_WORDS, bit) || has_bit(e->known[1], KNOWN_WORDS, bit);
	if (!failed) {
		put_bit(e->known[0], KNOWN_WORDS, bit);
		e->t.answered[0] += !known;
		note_good(e, &f->peer);
		e->slot.weight = WEIR_MIN(e->slot.weight + 1, PATTERN_HOUR);
		return;
	}
	if (known)
		return;
	if (!set_bits(e->t.failed[0], e->t.failed[1], FAILED_WORDS)) {
		e->first = f->peer;
		e->common = 128;
		e->t.since_s = (uint32_t)p->time_s;
	}
	e->common = WEIR_MIN(e->common, common_bits(&e->first, &f->peer));
	put_bit(e->t.failed[0], FAILED_WORDS, bit);
	e->t.failed_at = p->bucket;
	pattern_candidate(p, WEIR_FINDING_HORIZONTAL_SCAN, &e->slot, flow);
}

void pattern_scan_flow(struct weir_patterns *p, uint32_t flow)
{
	const struct pattern_flow *f = &p->flows[flow];
	bool failed = pattern_failed(f);

	if (failed ? !is_try(f) : !conversed(f))
		return;
	if (f->port)
		note_port(p, f, flow, failed);
	if (f->opened)
		note_host(p, f, flow, failed);
}

/* A policy is for the whole group: ports of the peer at which one of it had an answer within the hour. */
static void spare_ports(const struct weir_patterns *p, const struct pattern_flow *f, const struct peer_entry *e,
			struct weir_finding *ret)
{
	for (unsigned int i = 0; i < e->good_count; i++)
		ret->spared_ports[ret->spared_port_count++] = e->good[i];
	for (size_t i = 0; f->opened && i < p->ports.sets * CACHE_WAYS; i++) {
		const struct port_entry *k = (const void *)cache_at(&p->ports, i);
		bool same = false;

		for (unsigned int g = 0; k->slot.tag && k->group == f->w->group->key && g < k->good_count; g++)
			same |= !memcmp(&k->good[g], &f->peer, sizeof(f->peer));
		for (size_t g = 0; same && g < ret->spared_port_count; g++)
			same = ret->spared_ports[g] != k->port;
		if (same && ret->spared_port_count < WEIR_FINDING_SPARED)
			ret->spared_ports[ret->spared_port_count++] = k->port;
	}
}

/* Hosts of the prefix that one of the group had an answer of at the port; false: there are too many to name. */
static bool spare_hosts(const struct weir_patterns *p, const struct pattern_flow *f, struct weir_finding *ret)
{
	for (size_t i = 0; i < p->ports.sets * CACHE_WAYS; i++) {
		const struct port_entry *k = (const void *)cache_at(&p->ports, i);

		if (!k->slot.tag || k->group != f->w->group->key || k->port != f->port)
			continue;
		for (unsigned int g = 0; g < k->good_count; g++) {
			bool in = weir_prefix_covers(&ret->peer, &k->good[g]);

			for (size_t s = 0; in && s < ret->spared_count; s++)
				in = memcmp(&ret->spared[s], &k->good[g], sizeof(k->good[g])) != 0;
			if (in && ret->spared_count == WEIR_FINDING_SPARED)
				return false;
			if (in)
				ret->spared[ret->spared_count++] = k->good[g];
		}
	}
	return true;
}

/* A scan goes on behind what it has tried: its network, where no more of it is in use than can be spared, else what it tried. */
static void name_hosts(const struct weir_patterns *p, const struct pattern_flow *f, const struct port_entry *e, struct weir_finding *ret)
{
	unsigned int network = pattern_is_v4(&e->first) ? 112 : 48;

	ret->peer = prefix_of(&e->first, WEIR_MIN(e->common, network));
	if (spare_hosts(p, f, ret))
		return;
	ret->spared_count = 0;
	ret->peer = prefix_of(&e->first, e->common);
	(void)spare_hosts(p, f, ret);
}

static void judge_ports(struct weir_patterns *p, const struct pattern_candidate *c)
{
	const struct pattern_flow *f = &p->flows[c->flow];
	const struct peer_entry *e = (const void *)c->slot;
	double failed = targets_count(&e->t), answered = e->t.answered[0] + e->t.answered[1];
	double bar = pattern_param(c->kind, SCAN_TARGETS);
	struct weir_finding found;
	char peer[64];

	/* What is answered is counted in each bucket, what fails once: the share is of the tries of a bucket. */
	if (failed < bar || failed < pattern_param(c->kind, SCAN_SHARE) * (failed + WEIR_MIN(answered, (double)e->good_count)))
		return;
	pattern_begin(p, c->kind, f->w->who, &found);
	pattern_with(&found, p, f);
	found.action = WEIR_ACTION_POLICY;
	found.since_s = e->t.since_s;
	found.port = 0;
	found.dir = f->opened ? WEIR_EGRESS : WEIR_INGRESS;
	spare_ports(p, f, e, &found);
	found.observed = failed;
	found.expected = bar;
	found.score = pattern_score(failed, bar);
	weir_finding_text(found.unit, sizeof(found.unit), "ports");
	if (f->opened)
		snprintf(found.sentence, sizeof(found.sentence),
			 "%.100s tried about %.0f ports of %.100s that did not answer within %.0f minutes; %.0f is the bar.",
			 found.subject.name, failed, weir_addr_text(&f->peer, peer), 2 * pattern_param(c->kind, SCAN_MEMORY) / 60, bar);
	else
		snprintf(found.sentence, sizeof(found.sentence),
			 "%.100s tried about %.0f ports of %.100s that did not answer within %.0f minutes; %.0f is the bar.",
			 weir_addr_text(&f->peer, peer), failed, found.subject.name, 2 * pattern_param(c->kind, SCAN_MEMORY) / 60, bar);
	pattern_found(p, c->tag, &found, HOLD);
}

static void judge_hosts(struct weir_patterns *p, const struct pattern_candidate *c)
{
	const struct pattern_flow *f = &p->flows[c->flow];
	const struct port_entry *e = (const void *)c->slot;
	double failed = targets_count(&e->t), answered = e->t.answered[0] + e->t.answered[1];
	struct weir_prefix tried = prefix_of(&e->first, e->common);
	double bar = pattern_param(c->kind, SCAN_TARGETS);
	struct weir_finding found;
	char where[64];

	if (failed < bar || failed < pattern_param(c->kind, SCAN_SHARE) * (failed + answered))
		return;
	pattern_begin(p, c->kind, f->w->who, &found);
	pattern_with(&found, p, f);
	found.action = WEIR_ACTION_POLICY;
	found.since_s = e->t.since_s;
	*found.peer_name = '\0';
	name_hosts(p, f, e, &found);
	found.observed = failed;
	found.expected = bar;
	found.score = pattern_score(failed, bar);
	weir_finding_text(found.unit, sizeof(found.unit), "hosts");
	snprintf(found.sentence, sizeof(found.sentence),
		 "%.100s tried about %.0f hosts of %s at port %u that did not answer within %.0f minutes; %.0f is the bar.",
		 found.subject.name, failed, weir_prefix_text(&tried, where), f->port,
		 2 * pattern_param(c->kind, SCAN_MEMORY) / 60, bar);
	pattern_found(p, c->tag, &found, HOLD);
}

void pattern_scan_judge(struct weir_patterns *p, const struct pattern_candidate *c)
{
	if (c->kind == WEIR_FINDING_PORT_SCAN)
		judge_ports(p, c);
	else
		judge_hosts(p, c);
}
