/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate.h"

/* A bundle that changes more prefixes than this is built anew. */
#define CHANGED_MAX 256

struct gate {
	struct probe *probe;
	struct ident *ident;
	struct weir_bundle *bundle;
	struct weir_tables_sum sum;	 /* of the tables in force */
	uint8_t digest[WEIR_SHA256_LEN]; /* of sum */
	uint32_t *subject_of;		 /* by workload index, as the kernel has it */
	size_t count;
};

struct build {
	struct weir_tables *tables;
	uint32_t *subject_of;
	size_t count;
};

static void build_fini(struct build *b)
{
	weir_tables_free(b->tables);
	free(b->subject_of);
}

int gate_new(struct probe *p, struct ident *id, struct gate **ret)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->probe = p;
	g->ident = id;
	*ret = g;
	return 0;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	weir_bundle_free(g->bundle);
	free(g->subject_of);
	free(g);
}

bool gate_open(const struct gate *g)
{
	return g->bundle;
}

/* Index 0 and workloads without a name are class 0, "unidentified". */
static int build(const struct gate *g, const struct weir_bundle *bundle, struct build *ret,
		 struct weir_err *err)
{
	size_t n = ident_limit(g->ident), named = 0;
	weir_auto_free struct weir_subject *subjects = calloc(n, sizeof(*subjects));
	weir_auto_free uint32_t *index = calloc(n, sizeof(*index));
	weir_cleanup(build_fini) struct build b = {.count = n};
	int r;

	b.subject_of = calloc(n, sizeof(*b.subject_of));
	if (!subjects || !index || !b.subject_of)
		return -ENOMEM;
	for (uint32_t i = 1; i < n; i++) {
		if (ident_subject(g->ident, i, &subjects[named]))
			index[named++] = i;
	}
	r = weir_tables_build(bundle, subjects, named, &b.tables, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < named; i++)
		b.subject_of[index[i]] = b.tables->class_of[i];
	*ret = b;
	b = (struct build){0};
	return 0;
}

static void in_force(struct gate *g, struct build *b)
{
	g->sum = b->tables->sum;
	memcpy(g->digest, b->tables->digest, sizeof(g->digest));
	free(g->subject_of);
	g->subject_of = weir_take_ptr(b->subject_of);
	g->count = b->count;
}

static void take_bundle(struct gate *g, struct weir_bundle *bundle)
{
	if (g->bundle != bundle)
		weir_bundle_free(g->bundle);
	g->bundle = bundle;
}

/* What a bundle changes that differs in a few prefixes, in the kernel's tables; it is in force then. */
static int update(struct gate *g, const struct weir_bundle *bundle)
{
	struct weir_prefix changed[CHANGED_MAX];
	size_t n;
	int r = g->bundle ? weir_bundle_diff(g->bundle, bundle, changed, CHANGED_MAX, &n) : -ENOENT;

	if (r == 0)
		r = probe_update(g->probe, bundle, changed, n, &g->sum);
	return r < 0 ? r : weir_sum_digest(&g->sum, g->digest);
}

/* All of what the kernel now holds, read back. */
static bool holds(struct gate *g)
{
	uint8_t held[WEIR_SHA256_LEN];

	return probe_settle(g->probe) == 0 && probe_digest(g->probe, held) == 0 &&
	       !memcmp(held, g->digest, sizeof(held));
}

int gate_apply(struct gate *g, struct weir_bundle *bundle, struct weir_err *err)
{
	weir_cleanup(build_fini) struct build b = {0};
	int r;

	if (update(g, bundle) == 0 && holds(g)) {
		take_bundle(g, bundle);
		return 0;
	}
	r = build(g, bundle, &b, err);
	if (r == 0)
		r = probe_switch(g->probe, b.tables, b.subject_of, b.count, err);
	if (r < 0)
		return weir_err_set(err, r, "tables: %s", strerror(-r));
	take_bundle(g, bundle);
	in_force(g, &b);
	(void)probe_settle(g->probe); /* else the next bundle is built anew */
	return 0;
}

static int set_subjects(struct gate *g, const struct build *b, struct weir_err *err)
{
	for (uint32_t i = 1; i < b->count; i++) {
		int r;

		if (i < g->count && g->subject_of[i] == b->subject_of[i])
			continue;
		/* Index unknown before: the kernel has 0 for it. */
		if (i >= g->count && b->subject_of[i] == 0 && g->count)
			continue;
		r = probe_set_subject(g->probe, i, b->subject_of[i]);
		if (r < 0)
			return weir_err_set(err, r, "subject of workload %u: %s", i, strerror(-r));
	}
	return 0;
}

int gate_adopt(struct gate *g, struct weir_bundle *bundle, struct weir_err *err)
{
	weir_cleanup(build_fini) struct build b = {0};
	uint8_t held[WEIR_SHA256_LEN];
	int r = build(g, bundle, &b, err);

	if (r < 0)
		return r;
	if (probe_digest(g->probe, held) < 0 || memcmp(held, b.tables->digest, sizeof(held)))
		r = probe_switch(g->probe, b.tables, b.subject_of, b.count, err);
	else
		r = set_subjects(g, &b, err);
	if (r < 0)
		return weir_err_set(err, r, "tables: %s", strerror(-r));
	take_bundle(g, bundle);
	in_force(g, &b);
	(void)probe_settle(g->probe); /* else the next bundle is built anew */
	return 0;
}

/* Classes that workloads have already must not have been numbered anew. */
static bool same_classes(const struct gate *g, const struct build *b)
{
	if (memcmp(g->digest, b->tables->digest, sizeof(g->digest)))
		return false;
	for (size_t i = 0; i < WEIR_MIN(g->count, b->count); i++) {
		if (g->subject_of[i] && b->subject_of[i] && g->subject_of[i] != b->subject_of[i])
			return false;
	}
	return true;
}

int gate_names(struct gate *g, struct weir_err *err)
{
	weir_cleanup(build_fini) struct build b = {0};
	int r;

	if (!g->bundle)
		return 0;
	r = build(g, g->bundle, &b, err);
	if (r == 0)
		r = same_classes(g, &b)
			    ? set_subjects(g, &b, err)
			    : probe_switch(g->probe, b.tables, b.subject_of, b.count, err);
	if (r < 0)
		return weir_err_set(err, r, "tables: %s", strerror(-r));
	in_force(g, &b);
	(void)probe_settle(g->probe); /* else the next bundle is built anew */
	return 0;
}
