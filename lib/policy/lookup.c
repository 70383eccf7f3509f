/* SPDX-License-Identifier: Apache-2.0 */
/* What the BPF program does with the tables, in C: span, decision, range, failsafe. */
#include "lib/policy/bundle.h"

static uint64_t be64(const uint8_t *b)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | b[i];
	return n;
}

static uint32_t class4(const struct weir_tables *t, uint32_t addr)
{
	size_t lo = t->roots[addr >> 16].span4, hi = t->roots[(addr >> 16) + 1].span4 + 1;

	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;

		if (t->spans4[mid].start <= addr)
			lo = mid;
		else
			hi = mid;
	}
	return t->spans4[lo].class;
}

static uint32_t peer_class(const struct weir_tables *t, const struct weir_addr *a)
{
	uint64_t ahi = be64(a->b), alo = be64(a->b + 8);
	size_t lo = t->roots[ahi >> 48].span6, hi = t->roots[(ahi >> 48) + 1].span6 + 1;

	if (!ahi && alo >> 32 == 0xffff)
		return class4(t, (uint32_t)alo);
	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;
		const struct weir_span6 *s = &t->spans6[mid];

		if (s->start_hi < ahi || (s->start_hi == ahi && s->start_lo <= alo))
			lo = mid;
		else
			hi = mid;
	}
	return t->spans6[lo].class;
}

static bool is_failsafe(const struct weir_tables *t, const struct weir_conn *c)
{
	for (size_t i = 0; i < t->failsafe_count; i++) {
		const struct weir_failsafe *f = &t->failsafe[i];
		struct weir_prefix p = {.len = f->prefixlen};

		memcpy(p.addr.b, f->prefix, sizeof(p.addr.b));
		if (f->used && f->dir == c->dir && f->proto == c->proto && c->port >= f->lo &&
		    c->port <= f->hi && weir_prefix_covers(&p, &c->peer))
			return true;
	}
	return false;
}

static const struct weir_range *find_range(const struct weir_range *r, uint32_t count,
					   uint16_t port)
{
	uint32_t lo = 0, hi = count;

	while (hi - lo > 1) {
		uint32_t mid = (lo + hi) / 2;

		if (r[mid].lo <= port)
			lo = mid;
		else
			hi = mid;
	}
	return r + lo;
}

void weir_tables_lookup(const struct weir_tables *t, uint32_t subject_class,
			const struct weir_conn *c, struct weir_decision_ref *ret)
{
	uint32_t peer = peer_class(t, &c->peer);
	uint64_t at = WEIR_DECISION_AT(subject_class, t->peer_classes, peer < t->peer_classes ? peer : 0,
				       c->dir, c->proto);
	const struct weir_range *range;
	const struct weir_decision *d;

	*ret = (struct weir_decision_ref){.verdict = WEIR_V_ACCEPT, .rule = WEIR_NO_RULE};
	if (at >= t->decision_count)
		return; /* class of another generation: the kernel lets pass and counts it */
	d = &t->decisions[at];
	range = find_range(t->ranges + d->first, d->count, c->port);
	ret->limit = range->limit;
	if (range->verdict != WEIR_V_ACCEPT && is_failsafe(t, c))
		return;
	ret->verdict = range->verdict;
	ret->rule = range->rule;
}
