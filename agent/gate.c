/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate.h"

/* A bundle that changes more prefixes than this is built anew. */
#define CHANGED_MAX 256

/* A bundle, and the tables made of it for the workloads of this node. */
struct side {
	struct weir_bundle *bundle;
	struct weir_tables_sum sum;	 /* of the tables that the kernel holds */
	uint8_t digest[WEIR_SHA256_LEN]; /* of sum */
	uint32_t *subject_of;		 /* by workload index, as the kernel has it */
	size_t count;
};

struct gate {
	struct probe *probe;
	struct ident *ident;
	struct side in_force, candidate;
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

static void side_fini(struct side *s)
{
	weir_bundle_free(s->bundle);
	free(s->subject_of);
	*s = (struct side){0};
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
	side_fini(&g->in_force);
	side_fini(&g->candidate);
	free(g);
}

bool gate_open(const struct gate *g)
{
	return g->in_force.bundle;
}

void gate_close(struct gate *g)
{
	side_fini(&g->in_force);
	probe_no_bundle(g->probe);
}

const struct weir_bundle *gate_candidate(const struct gate *g)
{
	return g->candidate.bundle;
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

static int failed(int r, const char *what, struct weir_err *err)
{
	return weir_err_set(err, r, "%s: %s", what, strerror(-r));
}

static void side_takes(struct side *s, struct weir_bundle *bundle)
{
	if (s->bundle != bundle)
		weir_bundle_free(s->bundle);
	s->bundle = bundle;
}

/* The kernel holds what b says. */
static void side_holds(struct side *s, struct weir_bundle *bundle, struct build *b)
{
	side_takes(s, bundle);
	s->sum = b->tables->sum;
	memcpy(s->digest, b->tables->digest, sizeof(s->digest));
	free(s->subject_of);
	s->subject_of = weir_take_ptr(b->subject_of);
	s->count = b->count;
}

/* Classes that workloads have already must not have been numbered anew. */
static bool same_classes(const struct side *s, const struct build *b)
{
	if (memcmp(s->digest, b->tables->digest, sizeof(s->digest)))
		return false;
	for (size_t i = 0; i < WEIR_MIN(s->count, b->count); i++) {
		if (s->subject_of[i] && b->subject_of[i] && s->subject_of[i] != b->subject_of[i])
			return false;
	}
	return true;
}

/* All of what the kernel now holds, read back. */
static bool kernel_holds(int (*digest)(struct probe *p, uint8_t ret[WEIR_SHA256_LEN]), struct probe *p,
			 const uint8_t want[WEIR_SHA256_LEN])
{
	uint8_t held[WEIR_SHA256_LEN];

	return digest(p, held) == 0 && !memcmp(held, want, sizeof(held));
}

/* What a bundle changes that differs in a few prefixes, in the kernel's tables; it is in force then. */
static int update(struct gate *g, const struct weir_bundle *bundle)
{
	struct weir_prefix changed[CHANGED_MAX];
	struct side *s = &g->in_force;
	size_t n;
	int r = s->bundle ? weir_bundle_diff(s->bundle, bundle, changed, CHANGED_MAX, &n) : -ENOENT;

	if (r == 0)
		r = probe_update(g->probe, bundle, changed, n, &s->sum);
	return r < 0 ? r : weir_sum_digest(&s->sum, s->digest);
}

/* A switch to tables that were built; what follows may be an update of them. */
static void now_in_force(struct gate *g, struct weir_bundle *bundle, struct build *b)
{
	side_holds(&g->in_force, bundle, b);
	(void)probe_settle(g->probe); /* else the next bundle is built anew */
}

int gate_apply(struct gate *g, struct weir_bundle *bundle, struct weir_err *err)
{
	weir_cleanup(build_fini) struct build b = {0};
	int r;

	if (update(g, bundle) == 0 && probe_settle(g->probe) == 0 &&
	    kernel_holds(probe_digest, g->probe, g->in_force.digest)) {
		side_takes(&g->in_force, bundle);
		return 0;
	}
	r = build(g, bundle, &b, err);
	if (r == 0)
		r = probe_switch(g->probe, b.tables, b.subject_of, b.count, err);
	if (r < 0)
		return failed(r, "tables", err);
	now_in_force(g, bundle, &b);
	return 0;
}

int gate_mend(struct gate *g, struct weir_err *err)
{
	weir_cleanup(build_fini) struct build b = {0};
	int r;

	if (!gate_open(g) || kernel_holds(probe_digest, g->probe, g->in_force.digest))
		return 0;
	r = build(g, g->in_force.bundle, &b, err);
	if (r == 0)
		r = probe_switch(g->probe, b.tables, b.subject_of, b.count, err);
	if (r < 0)
		return failed(r, "tables", err);
	now_in_force(g, g->in_force.bundle, &b);
	return kernel_holds(probe_digest, g->probe, g->in_force.digest) ? 1 :
		weir_err_set(err, -EIO, "the kernel does not hold the tables that were put there");
}

int gate_adopt(struct gate *g, struct weir_bundle *bundle, struct weir_err *err)
{
	weir_cleanup(build_fini) struct build b = {0};
	int r = build(g, bundle, &b, err);

	if (r < 0)
		return r;
	if (kernel_holds(probe_digest, g->probe, b.tables->digest))
		probe_set_subjects(g->probe, b.subject_of, NULL, b.count);
	else
		r = probe_switch(g->probe, b.tables, b.subject_of, b.count, err);
	if (r < 0)
		return failed(r, "tables", err);
	now_in_force(g, bundle, &b);
	return 0;
}

int gate_shadow(struct gate *g, struct weir_bundle *bundle, struct weir_err *err)
{
	weir_cleanup(build_fini) struct build b = {0};
	int r = build(g, bundle, &b, err);

	if (r == 0 && kernel_holds(probe_candidate_digest, g->probe, b.tables->digest))
		probe_set_subjects(g->probe, NULL, b.subject_of, b.count);
	else if (r == 0)
		r = probe_candidate(g->probe, b.tables, b.subject_of, b.count, err);
	if (r < 0)
		return failed(r, "candidate's tables", err);
	side_holds(&g->candidate, bundle, &b);
	return 0;
}

int gate_shadow_again(struct gate *g, struct weir_err *err)
{
	return g->candidate.bundle ? gate_shadow(g, g->candidate.bundle, err) : 0;
}

int gate_shadow_end(struct gate *g)
{
	side_fini(&g->candidate);
	return probe_no_candidate(g->probe);
}

/* The candidate's tables for the names of now; *ret_same: the kernel's need no other classes. */
static int build_candidate(const struct gate *g, struct build *ret, bool *ret_same, struct weir_err *err)
{
	int r = g->candidate.bundle ? build(g, g->candidate.bundle, ret, err) : 0;

	if (r == 0)
		*ret_same = !ret->tables || (same_classes(&g->candidate, ret) && probe_has_candidate(g->probe));
	return r;
}

static int name_candidate(struct gate *g, struct build *b, bool same, struct weir_err *err)
{
	int r = same ? 0 : probe_candidate(g->probe, b->tables, b->subject_of, b->count, err);

	if (r == 0)
		side_holds(&g->candidate, g->candidate.bundle, b);
	return r;
}

int gate_names(struct gate *g, struct weir_err *err)
{
	weir_cleanup(build_fini) struct build b = {0}, c = {0};
	bool same = true, same_candidate = true;
	int r = g->in_force.bundle ? build(g, g->in_force.bundle, &b, err) : 0;

	if (r == 0)
		r = build_candidate(g, &c, &same_candidate, err);
	if (r < 0)
		return failed(r, "tables", err);
	if (b.tables)
		same = same_classes(&g->in_force, &b);
	if (same)
		probe_set_subjects(g->probe, b.subject_of, same_candidate ? c.subject_of : NULL,
				   WEIR_MAX(b.count, c.count));
	else
		r = probe_switch(g->probe, b.tables, b.subject_of, b.count, err);
	if (r == 0 && b.tables)
		side_holds(&g->in_force, g->in_force.bundle, &b);
	/* A switch takes the half in which the candidate's tables lie. */
	if (r == 0 && c.tables)
		r = name_candidate(g, &c, same && same_candidate, err);
	if (r == 0)
		(void)probe_settle(g->probe);
	return r < 0 ? failed(r, "tables", err) : 0;
}
