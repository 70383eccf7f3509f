/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle + subjects -> the decision tables of the kernel.
 *
 * Subjects become classes: those selected by the same policies. For each (subject class, peer
 * class, direction, protocol) the rules that can match are walked once per interval between port
 * boundaries; the first that matches decides (rule numbers are in that order), pass skips to the
 * next tier. Every combination has its place, so a miss in the kernel is a fault; equal lists of
 * ranges are stored once.
 */
#include "lib/ds/map.h"
#include "lib/policy/model.h"
#include "lib/policy/spread.h"

#define MAX_DECISIONS (1u << 22) /* as many as bpf.decisions can be */
#define PORTS 65536u

struct builder {
	const struct weir_bundle *b;
	struct weir_tables *t;
	struct weir_map *classes; /* policies that select (bits) -> subject class */
	struct weir_map *slices;  /* ranges as bytes -> first + 1 */
	uint32_t *naming, *naming_first; /* see index_peers */
	/* scratch, all ascending: rules for any peer, for the peer at hand, of these for the protocol */
	uint32_t *any, *peer_rules, *rules;
	size_t any_count, peer_rule_count, rule_count;
	uint32_t *cuts; /* scratch: first ports of intervals */
	size_t cut_count, cut_cap;
	struct weir_range *ranges; /* scratch */
	size_t range_count;
};

static void builder_fini(struct builder *x)
{
	weir_tables_free(x->t);
	weir_map_free(x->classes, NULL);
	weir_map_free(x->slices, NULL);
	free(x->naming);
	free(x->naming_first);
	free(x->any);
	free(x->peer_rules);
	free(x->rules);
	free(x->cuts);
	free(x->ranges);
}

void weir_tables_free(struct weir_tables *t)
{
	if (!t)
		return;
	free(t->class_of);
	free(t->decisions);
	free(t->ranges);
	free(t->limits);
	free(t->spans4);
	free(t->spans6);
	free(t->roots);
	free(t->failsafe);
	free(t);
}

static const char *text(const struct weir_bundle *b, uint32_t s)
{
	return b->strings + s;
}

static bool selects(const struct weir_bundle *b, const struct weir_b_policy *p,
		    const struct weir_subject *s)
{
	if (p->namespace != WEIR_B_NONE &&
	    strcmp(text(b, p->namespace), s->namespace ? s->namespace : ""))
		return false;
	for (uint32_t i = 0; i < p->label_count; i++) {
		const struct weir_b_label *want = &b->labels[p->label_first + i];
		bool found = false;

		for (size_t k = 0; k < s->label_count && !found; k++)
			found = !strcmp(s->labels[k].key, text(b, want->key)) &&
				!strcmp(s->labels[k].value, text(b, want->value));
		if (!found)
			return false;
	}
	return true;
}

/* The class of a subject; `fixed` keeps class 0 for the unidentified, whoever looks like them. */
static int class_subject(struct builder *x, const struct weir_subject *s, bool fixed, uint32_t *ret)
{
	size_t len = x->b->policy_count / 8 + 2;
	weir_auto_free uint8_t *bits = calloc(1, len);
	uintptr_t known;
	int r;

	if (!bits)
		return -ENOMEM;
	bits[len - 1] = fixed;
	for (size_t i = 0; i < x->b->policy_count; i++)
		if (selects(x->b, &x->b->policies[i], s))
			bits[i / 8] |= (uint8_t)(1 << i % 8);
	known = (uintptr_t)weir_map_find(x->classes, bits, len);
	if (!known) {
		known = weir_map_count(x->classes) + 1;
		r = weir_map_put(x->classes, bits, len, (void *)known, NULL);
		if (r < 0)
			return r;
	}
	*ret = (uint32_t)(known - 1);
	return 0;
}

static bool holds_port(const struct weir_bundle *b, const struct weir_b_rule *r, uint8_t proto,
		       uint32_t port)
{
	if (r->port_count == 0)
		return true;
	for (uint32_t i = 0; i < r->port_count; i++) {
		const struct weir_b_port *p = &b->ports[r->port_first + i];

		if (p->proto == proto && port >= p->lo && port <= p->hi)
			return true;
	}
	return false;
}

static int add_cut(struct builder *x, uint32_t port)
{
	if (x->cut_count == x->cut_cap) {
		size_t cap = x->cut_cap ? x->cut_cap * 2 : 64;
		uint32_t *grown = reallocarray(x->cuts, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		x->cuts = grown;
		x->cut_cap = cap;
	}
	x->cuts[x->cut_count++] = port;
	return 0;
}

/* For each peer class the rules that name it, ascending: the lists of the rules, turned round. */
static int index_peers(struct builder *x)
{
	const struct weir_bundle *b = x->b;

	x->naming_first = calloc(b->peer_classes + 2ul, sizeof(*x->naming_first));
	x->naming = calloc(b->peer_count + 1, sizeof(*x->naming));
	if (!x->naming_first || !x->naming)
		return -ENOMEM;
	for (size_t i = 0; i < b->rule_count; i++)
		for (uint32_t k = 0; !b->rules[i].any_peer && k < b->rules[i].peer_count; k++)
			x->naming_first[b->peers[b->rules[i].peer_first + k] + 2]++;
	for (size_t c = 2; c < b->peer_classes + 2ul; c++)
		x->naming_first[c] += x->naming_first[c - 1];
	for (uint32_t i = 0; i < b->rule_count; i++)
		for (uint32_t k = 0; !b->rules[i].any_peer && k < b->rules[i].peer_count; k++)
			x->naming[x->naming_first[b->peers[b->rules[i].peer_first + k] + 1]++] = i;
	return 0;
}

static bool governs(const struct builder *x, const uint8_t *bits, uint32_t rule, uint8_t dir)
{
	const struct weir_b_rule *r = &x->b->rules[rule];

	return r->dir == dir && bits[r->policy / 8] & (1 << r->policy % 8);
}

/* Rules for any peer, of the subject and direction at hand. */
static void list_any(struct builder *x, const uint8_t *bits, uint8_t dir)
{
	x->any_count = 0;
	for (uint32_t i = 0; i < x->b->rule_count; i++)
		if (x->b->rules[i].any_peer && governs(x, bits, i, dir))
			x->any[x->any_count++] = i;
}

/* All rules for a peer class: those for any peer and those that name it, merged in ascending order. */
static void list_rules(struct builder *x, const uint8_t *bits, uint8_t dir, uint32_t class)
{
	uint32_t at = x->naming_first[class], end = x->naming_first[class + 1];

	x->peer_rule_count = 0;
	for (size_t k = 0; k <= x->any_count; k++) {
		uint32_t until = k < x->any_count ? x->any[k] : UINT32_MAX;

		for (; at < end && x->naming[at] < until; at++)
			if (governs(x, bits, x->naming[at], dir))
				x->peer_rules[x->peer_rule_count++] = x->naming[at];
		if (k < x->any_count)
			x->peer_rules[x->peer_rule_count++] = until;
	}
}

/* Of those, what can match whatever the port, and the ports at which something may change. */
static int narrow(struct builder *x, uint8_t proto)
{
	const struct weir_bundle *b = x->b;
	int r;

	x->rule_count = x->cut_count = 0;
	r = add_cut(x, 0);
	for (size_t i = 0; i < x->peer_rule_count; i++) {
		const struct weir_b_rule *rule = &b->rules[x->peer_rules[i]];
		bool any = rule->port_count == 0;

		for (uint32_t p = 0; r == 0 && p < rule->port_count; p++) {
			const struct weir_b_port *port = &b->ports[rule->port_first + p];

			if (port->proto != proto)
				continue;
			any = true;
			r = add_cut(x, port->lo);
			if (r == 0 && port->hi + 1u < PORTS)
				r = add_cut(x, port->hi + 1u);
		}
		if (any)
			x->rules[x->rule_count++] = x->peer_rules[i];
	}
	return r;
}

/* The first rule that decides for this port; WEIR_NO_RULE: none. */
static uint32_t first_match(const struct builder *x, uint8_t proto, uint32_t port, bool with_audit)
{
	const struct weir_bundle *b = x->b;
	int passed = -1; /* rules up to this tier have nothing more to say */

	for (size_t i = 0; i < x->rule_count; i++) {
		const struct weir_b_rule *rule = &b->rules[x->rules[i]];
		const struct weir_b_policy *p = &b->policies[rule->policy];

		if (p->tier <= passed || (p->audit && !with_audit) ||
		    !holds_port(b, rule, proto, port))
			continue;
		if (rule->action != WEIR_ACT_PASS)
			return x->rules[i];
		passed = p->tier;
	}
	return WEIR_NO_RULE;
}

static struct weir_range decide(const struct builder *x, uint8_t proto, uint32_t port)
{
	uint32_t real = first_match(x, proto, port, false);
	uint32_t would = first_match(x, proto, port, true);
	const struct weir_b_rule *rules = x->b->rules;
	struct weir_range d = {.verdict = WEIR_V_ACCEPT, .rule = real};

	if (real != WEIR_NO_RULE) {
		d.limit = rules[real].limit;
		if (rules[real].action == WEIR_ACT_DENY)
			d.verdict = WEIR_V_DENY;
	}
	if (d.verdict == WEIR_V_ACCEPT && would != WEIR_NO_RULE &&
	    rules[would].action == WEIR_ACT_DENY) {
		d.verdict = WEIR_V_WOULD_DENY;
		d.rule = would;
	}
	return d;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Ranges of one key into x->ranges: adjacent equal intervals are one. */
static int make_ranges(struct builder *x, uint8_t proto)
{
	qsort(x->cuts, x->cut_count, sizeof(*x->cuts), by_value);
	x->range_count = 0;
	for (size_t i = 0; i < x->cut_count; i++) {
		struct weir_range d, *last = &x->ranges[x->range_count - !!x->range_count];

		if (i && x->cuts[i] == x->cuts[i - 1])
			continue;
		d = decide(x, proto, x->cuts[i]);
		if (x->range_count && last->verdict == d.verdict && last->rule == d.rule &&
		    last->limit == d.limit)
			continue;
		if (x->range_count == WEIR_MAX_RANGES)
			return -E2BIG;
		if (x->range_count)
			last->hi = (uint16_t)(x->cuts[i] - 1);
		d.lo = (uint16_t)x->cuts[i];
		d.hi = UINT16_MAX;
		x->ranges[x->range_count++] = d;
	}
	return 0;
}

static int store_ranges(struct builder *x, struct weir_decision *ret)
{
	struct weir_tables *t = x->t;
	size_t bytes = x->range_count * sizeof(*x->ranges);
	uintptr_t first = (uintptr_t)weir_map_find(x->slices, x->ranges, bytes);
	struct weir_range *grown;
	int r;

	ret->count = (uint32_t)x->range_count;
	if (first) {
		ret->first = (uint32_t)(first - 1);
		return 0;
	}
	grown = reallocarray(t->ranges, t->range_count + x->range_count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->ranges = grown;
	memcpy(grown + t->range_count, x->ranges, bytes);
	r = weir_map_put(x->slices, x->ranges, bytes, (void *)(uintptr_t)(t->range_count + 1),
			 NULL);
	if (r < 0)
		return r;
	ret->first = (uint32_t)t->range_count;
	t->range_count += x->range_count;
	return 0;
}

/* The decisions of a subject class and direction, for each peer class and protocol. */
static int build_dir(struct builder *x, const uint8_t *bits, uint32_t subject, uint8_t dir)
{
	struct weir_tables *t = x->t;
	int r = 0;

	list_any(x, bits, dir);
	for (uint32_t peer = 0; r == 0 && peer < t->peer_classes; peer++) {
		list_rules(x, bits, dir, peer);
		for (uint8_t proto = 0; r == 0 && proto < WEIR_PROTOS; proto++) {
			r = narrow(x, proto);
			if (r == 0)
				r = make_ranges(x, proto);
			if (r == 0)
				r = store_ranges(x, &t->decisions[WEIR_DECISION_AT(
							    subject, t->peer_classes, peer, dir, proto)]);
		}
	}
	return r;
}

static int build_decisions(struct builder *x, struct weir_err *err)
{
	size_t total = weir_map_count(x->classes) * x->b->peer_classes * WEIR_DIRS * WEIR_PROTOS;
	const void *bits;
	size_t pos = 0, len;
	void *value;
	int r = 0;

	if (total > MAX_DECISIONS)
		return weir_err_set(err, -E2BIG,
				    "%zu decisions, more than %u: %zu subject classes, %u peer "
				    "classes",
				    total, MAX_DECISIONS, weir_map_count(x->classes),
				    x->b->peer_classes);
	x->t->peer_classes = x->b->peer_classes;
	x->t->decision_count = total;
	x->t->decisions = calloc(total, sizeof(*x->t->decisions));
	if (!x->t->decisions)
		return -ENOMEM;
	while (r == 0 && weir_map_next(x->classes, &pos, &bits, &len, &value))
		for (uint8_t dir = 0; r == 0 && dir < WEIR_DIRS; dir++)
			r = build_dir(x, bits, (uint32_t)((uintptr_t)value - 1), dir);
	if (r == -E2BIG)
		weir_err_set(err, r, "more than %d port ranges for one subject and peer",
			     WEIR_MAX_RANGES);
	return r;
}

static void *copy(const void *items, size_t count, size_t size)
{
	void *out = calloc(count + 1, size);

	return out && count ? memcpy(out, items, count * size) : out;
}

static int copy_lists(struct weir_tables *t, const struct weir_bundle *b)
{
	t->limits = copy(b->limits, b->limit_count, sizeof(*b->limits));
	t->failsafe = copy(b->failsafe, b->failsafe_count, sizeof(*b->failsafe));
	if (!t->limits || !t->failsafe)
		return -ENOMEM;
	t->limit_count = b->limit_count;
	t->failsafe_count = b->failsafe_count;
	return weir_spans_build(b->prefixes, b->prefix_count, t);
}

/* Counts go first, so that no two lists can trade bytes. All structs are without hidden padding. */
static int sum_rules(const struct weir_tables *t, uint8_t ret[WEIR_SHA256_LEN])
{
	weir_auto_sha256 *h = NULL;
	const struct {
		const void *data;
		uint64_t count;
		size_t size;
	} parts[] = {
		{&t->peer_classes, 1, sizeof(t->peer_classes)},
		{t->decisions, t->decision_count, sizeof(*t->decisions)},
		{t->ranges, t->range_count, sizeof(*t->ranges)},
		{t->limits, t->limit_count, sizeof(*t->limits)},
		{t->failsafe, t->failsafe_count, sizeof(*t->failsafe)},
	};
	int r = weir_sha256_new(&h);

	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(parts); i++) {
		r = weir_sha256_add(h, &parts[i].count, sizeof(parts[i].count));
		if (r == 0 && parts[i].count)
			r = weir_sha256_add(h, parts[i].data, parts[i].count * parts[i].size);
	}
	return r < 0 ? r : weir_sha256_end(h, ret);
}

int weir_tables_sum(const struct weir_tables *t, struct weir_tables_sum *ret)
{
	const struct weir_spread v4 = {.spans4 = t->spans4, .roots = t->roots, .used = t->span4_count};
	const struct weir_spread v6 = {.spans6 = t->spans6, .roots = t->roots, .used = t->span6_count};
	struct weir_tables_sum sum = {0};
	int r = sum_rules(t, sum.rules);

	if (r == 0)
		r = weir_spread_sum(&v4, &sum.spans4);
	if (r == 0)
		r = weir_spread_sum(&v6, &sum.spans6);
	if (r == 0)
		*ret = sum;
	return r;
}

int weir_sum_digest(const struct weir_tables_sum *s, uint8_t ret[WEIR_SHA256_LEN])
{
	return weir_sha256(s, sizeof(*s), ret);
}

int weir_tables_digest(const struct weir_tables *t, uint8_t ret[WEIR_SHA256_LEN])
{
	struct weir_tables_sum sum;
	int r = weir_tables_sum(t, &sum);

	return r < 0 ? r : weir_sum_digest(&sum, ret);
}

static int builder_init(struct builder *x, size_t subjects)
{
	int r = weir_map_new(&x->classes);

	if (r == 0)
		r = weir_map_new(&x->slices);
	x->t = calloc(1, sizeof(*x->t));
	x->any = calloc(x->b->rule_count + 1, sizeof(*x->any));
	x->peer_rules = calloc(x->b->rule_count + 1, sizeof(*x->peer_rules));
	x->rules = calloc(x->b->rule_count + 1, sizeof(*x->rules));
	x->ranges = calloc(WEIR_MAX_RANGES, sizeof(*x->ranges));
	if (r < 0 || !x->t || !x->any || !x->peer_rules || !x->rules || !x->ranges)
		return -ENOMEM;
	r = index_peers(x);
	if (r < 0)
		return r;
	x->t->class_of = calloc(subjects + 1, sizeof(*x->t->class_of));
	x->t->subject_count = subjects;
	return x->t->class_of ? 0 : -ENOMEM;
}

int weir_tables_build(const struct weir_bundle *b, const struct weir_subject *subjects, size_t n,
		      struct weir_tables **ret, struct weir_err *err)
{
	weir_cleanup(builder_fini) struct builder x = {.b = b};
	static const struct weir_subject unidentified = {.namespace = "", .name = ""};
	uint32_t zero;
	int r = builder_init(&x, n);

	if (r == 0)
		r = class_subject(&x, &unidentified, true, &zero);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = class_subject(&x, &subjects[i], false, &x.t->class_of[i]);
	if (r == 0)
		r = build_decisions(&x, err);
	if (r == 0)
		r = copy_lists(x.t, b);
	if (r == 0)
		r = weir_tables_sum(x.t, &x.t->sum);
	if (r == 0)
		r = weir_sum_digest(&x.t->sum, x.t->digest);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(x.t);
	return 0;
}
