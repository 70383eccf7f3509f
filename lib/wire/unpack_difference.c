/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary from a Difference and what it refers to. The scalars are put into the protobuf form, so that all bounds
 * are checked where those of any summary are; the lists are joined behind that.
 */
#include "lib/wire/codec.h"

/* More than what fits can need. */
#define REFERENCE_MAX ((size_t)1 << 20)

/* Strings of the reference, copied; rows share few of them, mostly with the row before. */
struct copy {
	struct weir_arena *arena;
	const char *last_from, *last_to;
};

static const char *copy_text(struct copy *c, const char *s)
{
	size_t size;
	char *to;

	if (c->last_from == s)
		return c->last_to;
	size = strlen(s) + 1;
	to = weir_arena_alloc(c->arena, size);
	if (to)
		memcpy(to, s, size);
	c->last_from = s;
	c->last_to = to;
	return to;
}

/* Positions in a list of `of` items, from gaps. */
static int positions(const uint32_t *gaps, size_t n, size_t of, const char *field, struct weir_arena *a,
		     size_t **ret, struct weir_err *err)
{
	size_t at = 0, *out;

	if (n > of)
		return weir_bad(err, "difference.%s: %zu, the reference has %zu", field, n, of);
	out = weir_arena_array(a, n, sizeof(*out));
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (gaps[i] >= of - at)
			return weir_bad(err, "difference.%s[%zu]: behind the end", field, i);
		at += gaps[i];
		out[i] = at++;
	}
	*ret = out;
	return 0;
}

/* What the reference gives to the summary. */
struct kept {
	struct weir_sum_workload *workloads;
	struct weir_sum_row *rows;
	struct weir_sums sums; /* of all rows, new ones included */
};

static int keep_workload(const struct weir_sum_workload *from, struct copy *c, struct weir_sum_workload *to)
{
	*to = (struct weir_sum_workload){
		.name = copy_text(c, from->name),
		.namespace = copy_text(c, from->namespace),
		.kind = copy_text(c, from->kind),
		.cgroup = copy_text(c, from->cgroup),
		.labels = weir_arena_array(c->arena, from->label_count, sizeof(*to->labels)),
		.label_count = from->label_count,
		.cgroup_id = from->cgroup_id,
	};
	if (!to->name || !to->namespace || !to->kind || !to->cgroup || !to->labels)
		return -ENOMEM;
	for (size_t i = 0; i < from->label_count; i++) {
		to->labels[i].key = copy_text(c, from->labels[i].key);
		to->labels[i].value = copy_text(c, from->labels[i].value);
		if (!to->labels[i].key || !to->labels[i].value)
			return -ENOMEM;
	}
	return 0;
}

/* place: of each workload of ref, its position among the kept ones + 1. */
static int keep_workloads(const Weir__V1__Difference *d, const struct weir_summary *ref, struct copy *c,
			  struct kept *k, uint32_t *place, struct weir_err *err)
{
	size_t *at;
	int r = positions(d->workloads, d->n_workloads, ref->workload_count, "workloads", c->arena, &at, err);

	if (r)
		return r;
	k->workloads = weir_arena_array(c->arena, d->n_workloads, sizeof(*k->workloads));
	if (!k->workloads)
		return -ENOMEM;
	for (size_t i = 0; !r && i < d->n_workloads; i++) {
		r = keep_workload(&ref->workloads[at[i]], c, &k->workloads[i]);
		place[at[i]] = (uint32_t)i + 1;
	}
	return r;
}

/* TCP health of the kept rows that have any. */
static int keep_tcp(const Weir__V1__Difference *d, struct kept *k, struct weir_err *err)
{
	size_t at = 0;

	if (d->n_tcp % WEIR_DIFFERENCE_TCP)
		return weir_bad(err, "difference.tcp: not four numbers for each row");
	for (size_t i = 0; i < d->n_tcp; i += WEIR_DIFFERENCE_TCP, at++) {
		const uint64_t *n = &d->tcp[i];

		if (n[0] >= d->n_rows - at)
			return weir_bad(err, "difference.tcp[%zu]: behind the end", i);
		at += n[0];
		if (n[1] > WEIR_COUNT_MAX || n[2] > WEIR_COUNT_MAX || n[3] > WEIR_COUNT_MAX)
			return weir_bad(err, "difference.tcp[%zu]: out of range", i);
		k->rows[at].tcp = (struct weir_sum_tcp){n[1], n[2], n[3]};
	}
	return 0;
}

static int keep_rows(const Weir__V1__Difference *d, const struct weir_summary *ref, struct copy *c,
		     struct kept *k, const uint32_t *place, struct weir_err *err)
{
	size_t *at;
	int r = positions(d->rows, d->n_rows, ref->row_count, "rows", c->arena, &at, err);

	if (r)
		return r;
	if (d->n_packets != d->n_rows || d->n_bytes != d->n_rows)
		return weir_bad(err, "difference.rows: %zu, packets of %zu, bytes of %zu", d->n_rows, d->n_packets,
				d->n_bytes);
	k->rows = weir_arena_array(c->arena, d->n_rows, sizeof(*k->rows));
	if (!k->rows)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct weir_sum_row *from = &ref->rows[at[i]];
		struct weir_sum_row *to = &k->rows[i];

		*to = *from;
		if (!place[from->workload])
			return weir_bad(err, "difference.rows[%zu]: of a workload that is not kept", i);
		to->workload = place[from->workload] - 1;
		to->interface = copy_text(c, from->interface);
		to->tcp = (struct weir_sum_tcp){0};
		to->packets = d->packets[i];
		to->bytes = weir_row_foretell(from, to->packets) + (uint64_t)d->bytes[i];
		if (!to->interface)
			return -ENOMEM;
		if (to->packets > WEIR_COUNT_MAX || to->bytes > WEIR_COUNT_MAX)
			return weir_bad(err, "difference.rows[%zu]: bytes or packets out of range", i);
		weir_sums_add(&k->sums, to->dir, to->bytes, to->packets);
	}
	return keep_tcp(d, k, err);
}

static int join_identity(const Weir__V1__Summary *pb, const struct weir_summary *ref, struct copy *c,
			 struct weir_summary *ret, struct weir_err *err)
{
	const Weir__V1__Difference *d = pb->difference;

	if (pb->n_identity || d->n_identity != 3 * ref->identity_count)
		return weir_bad(err, "difference.identity: not three numbers for each line");
	ret->identity_count = ref->identity_count;
	ret->identity = weir_arena_array(c->arena, ret->identity_count, sizeof(*ret->identity));
	if (!ret->identity)
		return -ENOMEM;
	for (size_t i = 0; i < ret->identity_count; i++) {
		const struct weir_sum_identity *from = &ref->identity[i];
		struct weir_sum_identity *to = &ret->identity[i];
		const int64_t *grew = &d->identity[3 * i];

		*to = *from;
		to->interface = copy_text(c, from->interface);
		to->bytes += (uint64_t)grew[0];
		to->packets += (uint64_t)grew[1];
		to->signed_bytes = (int64_t)((uint64_t)from->signed_bytes + (uint64_t)grew[2]);
		if (!to->interface)
			return -ENOMEM;
		if (to->bytes > WEIR_COUNT_MAX || to->packets > WEIR_COUNT_MAX)
			return weir_bad(err, "difference.identity[%zu]: out of range", 3 * i);
	}
	return 0;
}

/* The scalars where those of any summary stand. */
static int fill_head(Weir__V1__Summary *pb, const struct weir_summary *ref, const struct kept *k,
		     struct copy *c)
{
	const Weir__V1__Difference *d = pb->difference;
	Weir__V1__Summary was;
	int r = weir_head_foretell(ref, &k->sums, c->arena, &was);

	if (r)
		return r;
	for (size_t i = 0; i < WEIR_HEAD_SCALARS; i++)
		weir_head_set(pb, i, weir_head_get(&was, i) + (i < d->n_head ? (uint64_t)d->head[i] : 0));
	pb->epoch = was.epoch;
	pb->boot_id = was.boot_id;
	pb->domain = (char *)copy_text(c, ref->domain);
	return pb->domain ? 0 : -ENOMEM;
}

/* Kept items, then the new ones. */
static void *join(const void *kept, size_t n_kept, const void *fresh, size_t n_fresh, size_t size,
		  struct weir_arena *a)
{
	uint8_t *out = weir_arena_array(a, n_kept + n_fresh, size);

	if (out && n_kept)
		memcpy(out, kept, n_kept * size);
	if (out && n_fresh)
		memcpy(out + n_kept * size, fresh, n_fresh * size);
	return out;
}

static int join_lists(const Weir__V1__Difference *d, const struct kept *k, struct weir_arena *a,
		      struct weir_summary *ret, struct weir_err *err)
{
	struct weir_sum_workload *workloads;
	struct weir_sum_row *rows;

	if (d->n_rows + ret->row_count > WEIR_SUMMARY_ROWS_MAX ||
	    d->n_workloads + ret->workload_count > WEIR_SUMMARY_WORKLOADS_MAX)
		return weir_bad(err, "difference: %zu rows and %zu workloads", d->n_rows + ret->row_count,
				d->n_workloads + ret->workload_count);
	workloads = join(k->workloads, d->n_workloads, ret->workloads, ret->workload_count, sizeof(*workloads), a);
	rows = join(k->rows, d->n_rows, ret->rows, ret->row_count, sizeof(*rows), a);
	if (!workloads || !rows)
		return -ENOMEM;
	ret->workloads = workloads;
	ret->workload_count += d->n_workloads;
	ret->rows = rows;
	ret->row_count += d->n_rows;
	return 0;
}

int weir_difference_check(Weir__V1__Summary *pb, const struct weir_msg *ref, struct weir_arena *a,
			  struct weir_summary *ret, struct weir_err *err)
{
	const Weir__V1__Difference *d = pb->difference;
	struct copy c = {.arena = a};
	struct kept k = {0};
	uint32_t *place;
	int r;

	if (!ref || d->reference != ref->z_id)
		return weir_err_set(err, -ESTALE, "difference.reference: not the last one that was acknowledged");
	place = weir_arena_array(a, ref->summary.workload_count, sizeof(*place));
	r = place ? keep_workloads(d, &ref->summary, &c, &k, place, err) : -ENOMEM;
	if (!r)
		r = keep_rows(d, &ref->summary, &c, &k, place, err);
	for (size_t i = 0; !r && i < pb->n_rows; i++)
		weir_sums_add(&k.sums, pb->rows[i]->dir, pb->rows[i]->bytes, pb->rows[i]->packets);
	if (!r)
		r = fill_head(pb, &ref->summary, &k, &c);
	if (!r)
		r = weir_summary_check(pb, d->n_workloads, a, ret, err);
	if (!r)
		r = join_lists(d, &k, a, ret, err);
	return r ? r : join_identity(pb, &ref->summary, &c, ret, err);
}

static int copy_lists(const struct weir_summary *from, struct copy *c, struct weir_summary *to)
{
	int r = 0;

	to->workloads = weir_arena_array(c->arena, from->workload_count, sizeof(*to->workloads));
	to->rows = join(from->rows, from->row_count, NULL, 0, sizeof(*to->rows), c->arena);
	to->identity = join(from->identity, from->identity_count, NULL, 0, sizeof(*to->identity), c->arena);
	to->domain = copy_text(c, from->domain);
	if (!to->workloads || !to->rows || !to->identity || !to->domain)
		return -ENOMEM;
	for (size_t i = 0; !r && i < from->workload_count; i++)
		r = keep_workload(&from->workloads[i], c, &to->workloads[i]);
	for (size_t i = 0; !r && i < from->row_count; i++)
		r = (to->rows[i].interface = copy_text(c, from->rows[i].interface)) ? 0 : -ENOMEM;
	for (size_t i = 0; !r && i < from->identity_count; i++)
		r = (to->identity[i].interface = copy_text(c, from->identity[i].interface)) ? 0 : -ENOMEM;
	return r;
}

struct weir_msg *weir_summary_refer(const struct weir_msg *m)
{
	weir_auto_arena struct weir_arena *a = NULL;
	struct copy c = {0};
	struct weir_msg *ret;

	if (!m->deflated || !weir_reference_fits(&m->summary) || weir_arena_new(REFERENCE_MAX, &a))
		return NULL;
	c.arena = a;
	ret = weir_arena_alloc(a, sizeof(*ret));
	if (!ret)
		return NULL;
	*ret = *m;
	/* What no difference is to. */
	ret->summary.drops = NULL;
	ret->summary.disagreements = NULL;
	ret->summary.health = NULL;
	ret->summary.drop_count = ret->summary.disagreement_count = ret->summary.health_count = 0;
	if (copy_lists(&m->summary, &c, &ret->summary))
		return NULL;
	ret->arena = weir_take_ptr(a);
	return ret;
}
