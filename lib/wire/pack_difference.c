/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary into a Difference. A new field of Row or Workload must go into the keys: what is kept is what is equal in
 * all but the counts.
 */
#include "lib/ds/map.h"
#include "lib/wire/codec.h"
#include "lib/wire/row_key.h"

static int workload_key(const struct weir_sum_workload *w, struct weir_buf *ret)
{
	const char *texts[] = {w->name, w->namespace, w->kind, w->cgroup};
	int r = weir_buf_add(ret, &w->cgroup_id, sizeof(w->cgroup_id));

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(texts); i++)
		r = weir_buf_add(ret, texts[i], strlen(texts[i]) + 1);
	for (size_t i = 0; !r && i < w->label_count; i++) {
		r = weir_buf_add(ret, w->labels[i].key, strlen(w->labels[i].key) + 1);
		if (!r)
			r = weir_buf_add(ret, w->labels[i].value, strlen(w->labels[i].value) + 1);
	}
	return r;
}

static void map_freep(struct weir_map **m)
{
	weir_map_free(*m, NULL);
}
#define auto_map weir_cleanup(map_freep) struct weir_map

/* Appends the gaps of the items that are kept (now[i] of count is not 0). */
static uint32_t *gaps(const uint32_t *now, size_t count, struct weir_arena *a, size_t *ret_n)
{
	uint32_t *out = weir_arena_array(a, count, sizeof(*out)), skipped = 0;
	size_t n = 0;

	for (size_t i = 0; out && i < count; i++) {
		if (now[i]) {
			out[n++] = skipped;
			skipped = 0;
		} else {
			skipped++;
		}
	}
	*ret_n = n;
	return out;
}

/* A summary on its way into a difference. */
struct split {
	const struct weir_summary *s, *ref;
	struct weir_arena *arena;
	uint32_t *old;	  /* of each workload: position in ref + 1, 0 = new */
	uint32_t *at;	  /* of each workload: position on the other side */
	struct weir_summary rest; /* what ref does not have */
	Weir__V1__Difference *d;
};

static int split_workloads(struct split *x)
{
	const struct weir_summary *s = x->s, *ref = x->ref;
	uint32_t *now = weir_arena_array(x->arena, ref->workload_count, sizeof(*now));
	uint32_t *place = weir_arena_array(x->arena, ref->workload_count, sizeof(*place));
	auto_map *map = NULL;
	int r = weir_map_new(&map);

	x->old = weir_arena_array(x->arena, s->workload_count, sizeof(*x->old));
	x->at = weir_arena_array(x->arena, s->workload_count, sizeof(*x->at));
	x->rest.workloads = weir_arena_array(x->arena, s->workload_count, sizeof(*s->workloads));
	x->rest.workload_count = 0;
	if (!now || !place || !x->old || !x->at || !x->rest.workloads)
		return -ENOMEM;
	for (size_t i = 0; !r && i < ref->workload_count; i++) {
		weir_auto_buf struct weir_buf k = {0};

		r = workload_key(&ref->workloads[i], &k);
		if (!r)
			r = weir_map_put(map, k.data, k.len, (void *)(uintptr_t)(i + 1), NULL);
	}
	for (size_t i = 0; !r && i < s->workload_count; i++) {
		weir_auto_buf struct weir_buf k = {0};

		r = workload_key(&s->workloads[i], &k);
		x->old[i] = r ? 0 : (uint32_t)(uintptr_t)weir_map_take(map, k.data, k.len);
		if (x->old[i])
			now[x->old[i] - 1] = 1;
		else
			x->rest.workloads[x->rest.workload_count++] = s->workloads[i];
	}
	x->d->workloads = gaps(now, ref->workload_count, x->arena, &x->d->n_workloads);
	if (r || !x->d->workloads)
		return r ? r : -ENOMEM;
	for (size_t i = 0, n = 0; i < ref->workload_count; i++)
		place[i] = now[i] ? (uint32_t)n++ : 0;
	for (size_t i = 0, n = x->d->n_workloads; i < s->workload_count; i++)
		x->at[i] = x->old[i] ? place[x->old[i] - 1] : (uint32_t)n++;
	return 0;
}

/* Of the kept rows that have any; now: as in split_counts(). */
static int split_tcp(struct split *x, const uint32_t *now)
{
	Weir__V1__Difference *d = x->d;
	uint64_t skipped = 0;

	d->tcp = weir_arena_array(x->arena, d->n_rows, WEIR_DIFFERENCE_TCP * sizeof(*d->tcp));
	if (!d->tcp)
		return -ENOMEM;
	for (size_t i = 0; i < x->ref->row_count; i++) {
		const struct weir_sum_tcp *t = now[i] ? &x->s->rows[now[i] - 1].tcp : NULL;

		if (!t)
			continue;
		if (!weir_sum_tcp_any(t)) {
			skipped++;
			continue;
		}
		memcpy(&d->tcp[d->n_tcp], (const uint64_t[]){skipped, t->rtt_us, t->samples, t->retrans},
		       WEIR_DIFFERENCE_TCP * sizeof(*d->tcp));
		d->n_tcp += WEIR_DIFFERENCE_TCP;
		skipped = 0;
	}
	return 0;
}

/* The counts of the kept rows, in the reference's order. now: of each of its rows, position in s + 1. */
static int split_counts(struct split *x, const uint32_t *now)
{
	Weir__V1__Difference *d = x->d;
	size_t n = 0;

	d->rows = gaps(now, x->ref->row_count, x->arena, &d->n_rows);
	d->packets = weir_arena_array(x->arena, d->n_rows, sizeof(*d->packets));
	d->bytes = weir_arena_array(x->arena, d->n_rows, sizeof(*d->bytes));
	if (!d->rows || !d->packets || !d->bytes)
		return -ENOMEM;
	for (size_t i = 0; i < x->ref->row_count; i++) {
		const struct weir_sum_row *row = now[i] ? &x->s->rows[now[i] - 1] : NULL;

		if (!row)
			continue;
		d->packets[n] = row->packets;
		d->bytes[n++] = (int64_t)(row->bytes - weir_row_foretell(&x->ref->rows[i], row->packets));
	}
	d->n_packets = d->n_bytes = n;
	return split_tcp(x, now);
}

static int split_rows(struct split *x)
{
	const struct weir_summary *s = x->s, *ref = x->ref;
	uint32_t *now = weir_arena_array(x->arena, ref->row_count, sizeof(*now));
	auto_map *map = NULL;
	struct weir_row_key k;
	int r = weir_map_new(&map);

	x->rest.rows = weir_arena_array(x->arena, s->row_count, sizeof(*s->rows));
	x->rest.row_count = 0;
	if (!now || !x->rest.rows)
		return -ENOMEM;
	for (size_t i = 0; !r && i < ref->row_count; i++)
		if (weir_row_key(&ref->rows[i], ref->rows[i].workload, &k))
			r = weir_map_put(map, &k, sizeof(k), (void *)(uintptr_t)(i + 1), NULL);
	for (size_t i = 0; !r && i < s->row_count; i++) {
		const struct weir_sum_row *row = &s->rows[i];
		uint32_t was = x->old[row->workload];
		uintptr_t at = was && weir_row_key(row, was - 1, &k) ? (uintptr_t)weir_map_take(map, &k, sizeof(k)) : 0;

		if (at) {
			now[at - 1] = (uint32_t)i + 1;
			continue;
		}
		x->rest.rows[x->rest.row_count] = *row;
		x->rest.rows[x->rest.row_count++].workload = x->at[row->workload];
	}
	return r ? r : split_counts(x, now);
}

static int split_identity(struct split *x)
{
	Weir__V1__Difference *d = x->d;

	d->identity = weir_arena_array(x->arena, x->s->identity_count, 3 * sizeof(*d->identity));
	if (!d->identity)
		return -ENOMEM;
	for (size_t i = 0; i < x->s->identity_count; i++) {
		const struct weir_sum_identity *now = &x->s->identity[i], *was = &x->ref->identity[i];

		d->identity[d->n_identity++] = (int64_t)(now->bytes - was->bytes);
		d->identity[d->n_identity++] = (int64_t)(now->packets - was->packets);
		d->identity[d->n_identity++] = (int64_t)((uint64_t)now->signed_bytes - (uint64_t)was->signed_bytes);
	}
	x->rest.identity_count = 0;
	return 0;
}

static int split_health(struct split *x)
{
	struct weir_sum_health *h = weir_arena_array(x->arena, x->s->health_count, sizeof(*h));

	if (!h)
		return -ENOMEM;
	for (size_t i = 0; i < x->s->health_count; i++) {
		h[i] = x->s->health[i];
		h[i].workload = x->at[h[i].workload];
	}
	x->rest.health = h;
	return 0;
}

static int split_head(struct split *x, Weir__V1__Summary *pb)
{
	Weir__V1__Difference *d = x->d;
	Weir__V1__Summary was;
	struct weir_sums sums = {0};
	int r;

	for (size_t i = 0; i < x->s->row_count; i++)
		weir_sums_add(&sums, x->s->rows[i].dir, x->s->rows[i].bytes, x->s->rows[i].packets);
	d->head = weir_arena_array(x->arena, WEIR_HEAD_SCALARS, sizeof(*d->head));
	r = d->head ? weir_head_foretell(x->ref, &sums, x->arena, &was) : -ENOMEM;
	if (r)
		return r;
	for (size_t i = 0; i < WEIR_HEAD_SCALARS; i++) {
		d->head[i] = (int64_t)(weir_head_get(pb, i) - weir_head_get(&was, i));
		weir_head_set(pb, i, 0);
		if (d->head[i])
			d->n_head = i + 1;
	}
	pb->epoch = 0;
	pb->boot_id.len = 0;
	pb->domain = (char *)"";
	return 0;
}

static bool comparable(const struct weir_summary *s, const struct weir_summary *ref)
{
	if (memcmp(s->boot_id, ref->boot_id, sizeof(s->boot_id)) || s->epoch != ref->epoch ||
	    strcmp(s->domain, ref->domain) || s->identity_count != ref->identity_count)
		return false;
	for (size_t i = 0; i < s->identity_count; i++) {
		const struct weir_sum_identity *a = &s->identity[i], *b = &ref->identity[i];

		if (a->dir != b->dir || a->term != b->term || strcmp(a->interface, b->interface))
			return false;
	}
	return true;
}

int weir_difference_build(const struct weir_summary *s, const struct weir_msg *ref, struct weir_arena *a,
			  Weir__V1__Summary **ret)
{
	struct split x = {.s = s, .ref = &ref->summary, .arena = a, .rest = *s};
	Weir__V1__Summary *pb = NULL;
	int r;

	if (!comparable(s, x.ref))
		return -ENOENT;
	x.d = weir_arena_alloc(a, sizeof(*x.d));
	if (!x.d)
		return -ENOMEM;
	weir__v1__difference__init(x.d);
	x.d->reference = ref->z_id;
	r = split_workloads(&x);
	if (!r)
		r = split_rows(&x);
	if (!r)
		r = split_identity(&x);
	if (!r)
		r = split_health(&x);
	if (!r)
		r = weir_summary_build(&x.rest, a, &pb);
	if (!r)
		r = split_head(&x, pb);
	if (r)
		return r;
	pb->difference = x.d;
	*ret = pb;
	return 0;
}
