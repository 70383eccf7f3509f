/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generation of policy tables: written into the half that is not in force, then switched by one
 * store of weir_ctl.active. A grace period before the first store into that half makes sure that no
 * packet still reads what it held before. Any failure leaves the running generation as it is.
 */
#include "agent/probe_priv.h"

uint64_t probe_active_bits(const struct probe *p)
{
	return p->ctl->active & UINT32_MAX;
}

/* Every change is a generation of its own; 31 bits, see WEIR_GEN_LEASE_OVER. */
void probe_make_active(struct probe *p, uint64_t bits)
{
	bool moved = (bits ^ p->ctl->active) & (1 | WEIR_A_CANDIDATE);
	uint32_t gen = (WEIR_A_GEN(p->ctl->active) + 1) & ~WEIR_GEN_LEASE_OVER;

	__atomic_store_n(&p->ctl->active, WEIR_A_MAKE(gen ? gen : 1, bits), __ATOMIC_SEQ_CST);
	p->quiet &= !moved;
}

void probe_set_mode(struct probe *p, enum weir_mode mode)
{
	uint64_t bits = (probe_active_bits(p) & ~(uint64_t)6) | (uint64_t)mode << 1;

	p->ctl->mode = mode;
	probe_make_active(p, bits);
}

bool probe_has_candidate(const struct probe *p)
{
	return probe_active_bits(p) & WEIR_A_CANDIDATE;
}

static int check_sizes(const struct probe *p, const struct weir_tables *t, struct weir_err *err)
{
	const struct {
		const char *name;
		size_t have, max;
	} sizes[] = {
		{"prefixes", WEIR_MAX(t->sum.spans4.count, t->sum.spans6.count) / 2, p->max.prefixes},
		{"decisions", t->decision_count, p->max.decisions},
		{"ranges", t->range_count, p->max.ranges},
		{"limits", t->limit_count, PROBE_MAX_LIMITS},
		{"failsafe entries", t->failsafe_count, WEIR_MAX_FAILSAFE},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(sizes); i++)
		if (sizes[i].have > sizes[i].max)
			return weir_err_set(err, -E2BIG, "%zu %s, this node's limit is %zu; raise bpf.%s",
					    sizes[i].have, sizes[i].name, sizes[i].max, sizes[i].name);
	return 0;
}

/* Where a half of each table lies in the kernel's memory, and what goes there. */
struct part {
	void *to;
	const void *from;
	size_t count, size;
};
#define PART(p, slot, table, cap, values, n)                                                      \
	{(p)->tables.table + (size_t)(slot) * (cap), (values), (n), sizeof(*(p)->tables.table)}

#define PROBE_PARTS 7
static void parts_of(const struct probe *p, const struct weir_tables *t, uint32_t slot,
		     struct part ret[PROBE_PARTS])
{
	const struct part parts[PROBE_PARTS] = {
		PART(p, slot, decisions, p->max.decisions, t->decisions, t->decision_count),
		PART(p, slot, ranges, p->max.ranges, t->ranges, t->range_count),
		PART(p, slot, limits, PROBE_MAX_LIMITS, t->limits, t->limit_count),
		PART(p, slot, failsafe, WEIR_MAX_FAILSAFE, t->failsafe, t->failsafe_count),
		PART(p, slot, spans4, p->max.spans, t->spans4, t->span4_count),
		PART(p, slot, spans6, p->max.spans, t->spans6, t->span6_count),
		PART(p, slot, roots, WEIR_ROOTS, t->roots, WEIR_ROOTS),
	};

	memcpy(ret, parts, sizeof(parts));
}

static void fill(struct probe *p, const struct weir_tables *t, uint32_t slot, const uint32_t *subject_of,
		 size_t n)
{
	struct weir_subject_class *subjects = p->tables.subjects + (size_t)slot * p->ctl->workloads;
	struct part parts[PROBE_PARTS];

	parts_of(p, t, slot, parts);
	for (size_t i = 0; i < PROBE_PARTS; i++)
		if (parts[i].count)
			memcpy(parts[i].to, parts[i].from, parts[i].count * parts[i].size);
	if (t->failsafe_count < WEIR_MAX_FAILSAFE)
		p->tables.failsafe[slot * WEIR_MAX_FAILSAFE + t->failsafe_count].used = 0;
	for (size_t i = 0; i < p->ctl->workloads; i++)
		subjects[i].class = i < n ? subject_of[i] : 0;
	p->tables.sizes[slot] = (struct weir_table_sizes){
		.decisions = (uint32_t)t->decision_count,
		.peer_classes = t->peer_classes,
		.spans4 = (uint32_t)t->span4_count,
		.spans6 = (uint32_t)t->span6_count,
		.failsafe = (uint32_t)t->failsafe_count,
		.ranges = (uint32_t)t->range_count,
		.limits = (uint32_t)t->limit_count,
	};
}

static int fill_idle(struct probe *p, const struct weir_tables *t, const uint32_t *subject_of, size_t n,
		     struct weir_err *err)
{
	int r = check_sizes(p, t, err);

	if (r)
		return r;
	if (probe_has_candidate(p))
		probe_make_active(p, probe_active_bits(p) & ~(uint64_t)WEIR_A_CANDIDATE);
	p->mirrored = false;
	r = probe_quiet(p);
	if (r)
		return weir_err_set(err, r, "no grace period: %s", strerror(-r));
	r = probe_fill_early(p, !WEIR_A_SLOT(p->ctl->active), t);
	if (r)
		return weir_err_set(err, r, "peers to drop early: %s", strerror(-r));
	fill(p, t, !WEIR_A_SLOT(p->ctl->active), subject_of, n);
	return 0;
}

int probe_switch(struct probe *p, const struct weir_tables *t, const uint32_t *subject_of, size_t n,
		 struct weir_err *err)
{
	int r = fill_idle(p, t, subject_of, n, err);

	if (!r)
		probe_make_active(p, (probe_active_bits(p) ^ 1) | WEIR_A_BUNDLE);
	return r;
}

void probe_no_bundle(struct probe *p)
{
	probe_make_active(p, probe_active_bits(p) & ~(uint64_t)WEIR_A_BUNDLE);
}

int probe_candidate(struct probe *p, const struct weir_tables *t, const uint32_t *subject_of, size_t n,
		    struct weir_err *err)
{
	int r = fill_idle(p, t, subject_of, n, err);

	if (!r)
		probe_make_active(p, probe_active_bits(p) | WEIR_A_CANDIDATE);
	return r;
}

int probe_no_candidate(struct probe *p)
{
	int r = 0;

	if (probe_has_candidate(p)) {
		probe_make_active(p, probe_active_bits(p) & ~(uint64_t)WEIR_A_CANDIDATE);
		r = probe_quiet(p); /* a packet under way may still count */
	}
	memset(p->tables.disagree, 0, PROBE_MAX_RULES * sizeof(*p->tables.disagree));
	return r;
}

const struct weir_disagree *probe_disagreements(const struct probe *p)
{
	return p->tables.disagree;
}

static bool set_half(struct probe *p, uint32_t slot, const uint32_t *subject_of, size_t n)
{
	struct weir_subject_class *held = p->tables.subjects + (size_t)slot * p->ctl->workloads;
	bool changed = false;

	for (size_t i = 0; i < WEIR_MIN(n, (size_t)p->ctl->workloads); i++) {
		changed |= held[i].class != subject_of[i];
		held[i].class = subject_of[i];
	}
	return changed;
}

void probe_set_subjects(struct probe *p, const uint32_t *in_force, const uint32_t *candidate, size_t n)
{
	uint32_t slot = WEIR_A_SLOT(p->ctl->active);
	bool changed = false;

	if (in_force && (probe_active_bits(p) & WEIR_A_BUNDLE))
		changed |= set_half(p, slot, in_force, n);
	if (candidate && probe_has_candidate(p))
		changed |= set_half(p, !slot, candidate, n);
	if (changed)
		probe_make_active(p, probe_active_bits(p)); /* verdicts cached in rows become stale */
}

bool probe_sizes_fit(const struct probe *p, const struct weir_table_sizes *n)
{
	return n->decisions <= p->max.decisions && n->ranges <= p->max.ranges && n->limits <= PROBE_MAX_LIMITS &&
	       n->failsafe <= WEIR_MAX_FAILSAFE && n->spans4 <= p->max.spans && n->spans6 <= p->max.spans;
}

/* bit: that says whether the half holds anything. */
static int held_digest(struct probe *p, uint32_t slot, uint64_t bit, uint8_t ret[WEIR_SHA256_LEN])
{
	const struct weir_table_sizes *n = &p->tables.sizes[slot];
	const struct weir_tables held = {
		.decisions = p->tables.decisions + (size_t)slot * p->max.decisions,
		.decision_count = n->decisions,
		.peer_classes = n->peer_classes,
		.ranges = p->tables.ranges + (size_t)slot * p->max.ranges,
		.range_count = n->ranges,
		.limits = p->tables.limits + (size_t)slot * PROBE_MAX_LIMITS,
		.limit_count = n->limits,
		.failsafe = p->tables.failsafe + (size_t)slot * WEIR_MAX_FAILSAFE,
		.failsafe_count = n->failsafe,
		.spans4 = p->tables.spans4 + (size_t)slot * p->max.spans,
		.span4_count = n->spans4,
		.spans6 = p->tables.spans6 + (size_t)slot * p->max.spans,
		.span6_count = n->spans6,
		.roots = p->tables.roots + (size_t)slot * WEIR_ROOTS,
	};

	if (!(probe_active_bits(p) & bit))
		return -ENOENT;
	if (!probe_sizes_fit(p, n))
		return -EBADMSG;
	return weir_tables_digest(&held, ret);
}

int probe_digest(struct probe *p, uint8_t ret[WEIR_SHA256_LEN])
{
	return held_digest(p, WEIR_A_SLOT(p->ctl->active), WEIR_A_BUNDLE, ret);
}

int probe_candidate_digest(struct probe *p, uint8_t ret[WEIR_SHA256_LEN])
{
	return held_digest(p, !WEIR_A_SLOT(p->ctl->active), WEIR_A_CANDIDATE, ret);
}
