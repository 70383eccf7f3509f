/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few prefixes changed: both halves of the tables are the same while nothing happens, so it is enough to
 * change these prefixes' spans in the half that is not in force and to switch. What takes long, the
 * grace period and making the halves equal again, comes after the switch.
 */
#include "agent/probe_priv.h"

int probe_quiet(struct probe *p)
{
	int r = p->quiet ? 0 : probe_grace(p);

	p->quiet |= !r;
	return r;
}

static void copy(void *table, uint32_t from, uint32_t to, size_t cap, size_t count, size_t size)
{
	char *base = table;

	memcpy(base + to * cap * size, base + from * cap * size, count * size);
}
#define COPY(p, from, table, cap, count)                                                            \
	copy((p)->tables.table, (from), !(from), (cap), (count), sizeof(*(p)->tables.table))

static void mirror(struct probe *p)
{
	uint32_t from = WEIR_A_SLOT(p->ctl->active);
	const struct weir_table_sizes *n = &p->tables.sizes[from];

	COPY(p, from, decisions, p->max.decisions, n->decisions);
	COPY(p, from, ranges, p->max.ranges, n->ranges);
	COPY(p, from, limits, PROBE_MAX_LIMITS, n->limits);
	COPY(p, from, failsafe, WEIR_MAX_FAILSAFE, WEIR_MAX_FAILSAFE);
	COPY(p, from, spans4, p->max.spans, n->spans4);
	COPY(p, from, spans6, p->max.spans, n->spans6);
	COPY(p, from, roots, WEIR_ROOTS, WEIR_ROOTS);
	memcpy(p->early + !from * (size_t)p->early_words, p->early + from * (size_t)p->early_words,
	       p->early_words * sizeof(*p->early));
	p->tables.sizes[!from] = *n;
}

int probe_settle(struct probe *p)
{
	uint64_t bits = probe_active_bits(p);
	int r;

	if (p->mirrored || !(bits & WEIR_A_BUNDLE) || (bits & WEIR_A_CANDIDATE))
		return 0;
	r = probe_quiet(p);
	if (r || !probe_sizes_fit(p, &p->tables.sizes[WEIR_A_SLOT(bits)]))
		return r ? r : -EBADMSG;
	mirror(p);
	p->mirrored = true;
	return 0;
}

int probe_update(struct probe *p, const struct weir_bundle *b, const struct weir_prefix *changed, size_t n,
		 struct weir_tables_sum *sum)
{
	uint32_t slot = !WEIR_A_SLOT(p->ctl->active);
	struct weir_table_sizes *sizes = &p->tables.sizes[slot];
	struct weir_root *roots = p->tables.roots + (size_t)slot * WEIR_ROOTS;
	struct weir_spread v4 = {.spans4 = p->tables.spans4 + (size_t)slot * p->max.spans, .roots = roots,
				 .used = sizes->spans4, .cap = p->max.spans};
	struct weir_spread v6 = {.spans6 = p->tables.spans6 + (size_t)slot * p->max.spans, .roots = roots,
				 .used = sizes->spans6, .cap = p->max.spans};
	struct weir_tables_sum after = *sum;
	int r = 0;

	if (!p->mirrored)
		return -EAGAIN;
	p->mirrored = false;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = weir_bundle_respan(b, &changed[i], &v4, &v6, &after);
	if (r == 0 && WEIR_MAX(after.spans4.count, after.spans6.count) / 2 > p->max.prefixes)
		r = -ENOSPC;
	if (r < 0)
		return r;
	sizes->spans4 = (uint32_t)v4.used;
	sizes->spans6 = (uint32_t)v6.used;
	COPY(p, !slot, subjects, p->ctl->workloads, p->ctl->workloads);
	*sum = after;
	probe_make_active(p, probe_active_bits(p) ^ 1);
	return 0;
}
