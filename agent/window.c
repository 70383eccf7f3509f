/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/window.h"

#include <arpa/inet.h>

#include "lib/ds/map.h"
#include "lib/wire/row_key.h"

struct acc {
	struct weir_map *index; /* key -> position + 1 */
	struct weir_row_key last; /* of row last_at - 1: what is folded comes in long runs of one key */
	uintptr_t last_at;
	struct weir_sum_row *rows;
	size_t count, cap;
};

static void acc_fini(struct acc *a)
{
	weir_map_free(a->index, NULL);
	free(a->rows);
}

static int acc_add(struct acc *a, const struct weir_sum_row *r)
{
	struct weir_row_key k;
	uintptr_t at;
	int e = a->index ? 0 : weir_map_new(&a->index);

	if (e < 0)
		return e;
	(void)weir_row_key(r, r->workload, &k);
	at = a->last_at && !memcmp(&k, &a->last, sizeof(k)) ? a->last_at :
							       (uintptr_t)weir_map_find(a->index, &k, sizeof(k));
	if (at) {
		if (at != a->last_at)
			a->last = k;
		a->last_at = at;
		a->rows[at - 1].bytes += r->bytes;
		a->rows[at - 1].packets += r->packets;
		weir_sum_tcp_add(&a->rows[at - 1].tcp, &r->tcp);
		return 0;
	}
	if (a->count == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 256;
		struct weir_sum_row *grown = reallocarray(a->rows, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		a->rows = grown;
		a->cap = cap;
	}
	e = weir_map_put(a->index, &k, sizeof(k), (void *)(uintptr_t)(a->count + 1), NULL);
	if (e < 0)
		return e;
	a->rows[a->count++] = *r;
	return 0;
}

static struct weir_sum_row folded(const struct weir_sum_row *r)
{
	return (struct weir_sum_row){
		.workload = r->workload,
		.folded = true,
		.peer_class = r->peer_class,
		.dir = r->dir,
		.verdict = r->verdict,
		.bytes = r->bytes,
		.packets = r->packets,
		.tcp = r->tcp,
		.rule = WEIR_NO_RULE,
		.interface = "",
	};
}

static struct weir_sum_row detailed(const struct weir_row *row, uint32_t detail, const struct window_names *names)
{
	struct weir_sum_row r = {
		.peer_class = row->peer_class,
		.proto = row->proto,
		.dir = row->dir,
		.verdict = row->verdict,
		.init_local = row->flags & WEIR_ROW_F_INIT_LOCAL,
		.local_port = ntohs(row->lport_be),
		.peer_port = ntohs(row->rport_be),
		.rule = row->rule,
		.interface = names->ifname(rows_ifindex(row), names->arg),
	};

	rows_addresses(row, r.local.b, r.peer.b);
	names->peer(row, &r.peer, &r.peer_port, names->arg);
	if (detail == CONFIG_SERVICE) {
		if (r.init_local)
			r.local_port = 0;
		else
			r.peer_port = 0;
	}
	return r;
}

/* Position of a workload in the summary; 0 is the unidentified one. */
struct interned {
	struct weir_map *index;
	struct window *w;
	const struct window_names *names;
};

static void interned_fini(struct interned *in)
{
	weir_map_free(in->index, NULL);
}

static int intern(struct interned *in, uint32_t workload, uint32_t *ret)
{
	struct window *w = in->w;
	uintptr_t at = (uintptr_t)weir_map_find(in->index, &workload, sizeof(workload));
	struct weir_sum_workload *grown;
	int r;

	if (!at && w->workload_count >= WEIR_SUMMARY_WORKLOADS_MAX)
		at = 1;
	if (at) {
		*ret = (uint32_t)(at - 1);
		return 0;
	}
	if (!(w->workload_count & (w->workload_count - 1))) {
		grown = reallocarray(w->workloads, w->workload_count ? w->workload_count * 2 : 1,
				     sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		w->workloads = grown;
	}
	r = weir_map_put(in->index, &workload, sizeof(workload),
			 (void *)(uintptr_t)(w->workload_count + 1), NULL);
	if (r < 0)
		return r;
	w->workloads[w->workload_count] = *in->names->who(workload, in->names->arg);
	*ret = (uint32_t)w->workload_count++;
	return 0;
}

#define BY(field)              \
	if (a->field != b->field) \
		return a->field < b->field ? -1 : 1

/* Largest first; ties by a fixed order, so that equal input gives equal bytes. */
static int by_bytes(const void *pa, const void *pb)
{
	const struct weir_sum_row *a = pa, *b = pb;
	int r;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	if ((r = memcmp(&a->local, &b->local, sizeof(a->local))) ||
	    (r = memcmp(&a->peer, &b->peer, sizeof(a->peer))))
		return r;
	BY(workload);
	BY(peer_class);
	BY(rule);
	BY(local_port);
	BY(peer_port);
	BY(proto);
	BY(dir);
	BY(verdict);
	BY(init_local);
	BY(folded);
	return strcmp(a->interface, b->interface);
}

static void swap(struct weir_sum_row *a, struct weir_sum_row *b)
{
	struct weir_sum_row was = *a;

	*a = *b;
	*b = was;
}

/* Puts the k that come first by by_bytes() in front, in any order: Hoare's selection. No two rows of a
 * summary are equal. */
static void select_first(struct weir_sum_row *v, size_t n, size_t k)
{
	while (n > 1 && k && k < n) {
		struct weir_sum_row pivot = v[n / 2];
		size_t i = 0, j = n - 1;

		for (;;) {
			while (by_bytes(&v[i], &pivot) < 0)
				i++;
			while (by_bytes(&pivot, &v[j]) < 0)
				j--;
			if (i >= j)
				break;
			swap(&v[i++], &v[j--]);
		}
		/* [0, i) come no later than the pivot, [i, n) no earlier; where both met it is in its place. */
		if (k <= i) {
			n = i;
		} else {
			i += i == j;
			v += i;
			n -= i;
			k -= i;
		}
	}
}

/* Keeps the max largest, folds the rest; rows move to the caller. */
static int keep_largest(struct acc *a, size_t max, struct weir_sum_row **ret, size_t *ret_count)
{
	weir_cleanup(acc_fini) struct acc out = {0};
	int r = 0;

	if (a->count) {
		select_first(a->rows, a->count, max);
		qsort(a->rows, WEIR_MIN(a->count, max), sizeof(*a->rows), by_bytes);
	}
	for (size_t i = 0; i < a->count && r == 0; i++) {
		struct weir_sum_row f = folded(&a->rows[i]);

		r = acc_add(&out, i < max ? &a->rows[i] : &f);
	}
	if (r == 0 && out.count > WEIR_SUMMARY_ROWS_MAX)
		r = -E2BIG;
	if (r < 0)
		return r;
	/* What was folded came in no order. */
	if (out.count > max)
		qsort(out.rows + max, out.count - max, sizeof(*out.rows), by_bytes);
	*ret = weir_take_ptr(out.rows);
	*ret_count = out.count;
	return 0;
}

static int add_all(const struct window_conf *conf, const struct rows *rows,
		   const struct drain_delta *deltas, size_t n, struct interned *in, struct acc *a)
{
	uint32_t unused;
	int r = intern(in, 0, &unused);

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct weir_row *row = rows_at(rows, deltas[i].row);
		struct weir_sum_row d = detailed(row, conf->detail, in->names);

		if ((row->flags & WEIR_ROW_F_TOTAL) || conf->detail == CONFIG_TOTAL)
			d = folded(&d);
		d.bytes = deltas[i].bytes;
		d.packets = deltas[i].packets;
		d.tcp = (struct weir_sum_tcp){deltas[i].health.rtt_us, deltas[i].health.samples, deltas[i].health.retrans};
		r = intern(in, row->workload, &d.workload);
		if (r == 0)
			r = acc_add(a, &d);
	}
	return r;
}

int window_build(const struct window_conf *conf, const struct rows *rows,
		 const struct drain_delta *deltas, size_t n, const struct window_names *names,
		 struct window *ret)
{
	weir_cleanup(acc_fini) struct acc a = {0};
	weir_cleanup(window_fini) struct window w = {0};
	weir_cleanup(interned_fini) struct interned in = {.w = &w, .names = names};
	int r = weir_map_new(&in.index);

	if (r == 0)
		r = add_all(conf, rows, deltas, n, &in, &a);
	if (r == 0)
		r = keep_largest(&a, conf->max_rows, &w.rows, &w.row_count);
	if (r < 0)
		return r;
	*ret = w;
	w = (struct window){0};
	return 0;
}

void window_fini(struct window *w)
{
	free(w->workloads);
	free(w->rows);
}

int window_fold(const struct weir_sum_row *rows, size_t n, struct weir_sum_row **ret_rows,
		size_t *ret_count)
{
	weir_cleanup(acc_fini) struct acc a = {0};

	for (size_t i = 0; i < n; i++) {
		struct weir_sum_row f = folded(&rows[i]);
		int r = acc_add(&a, &f);

		if (r < 0)
			return r;
	}
	*ret_rows = weir_take_ptr(a.rows);
	*ret_count = a.count;
	return 0;
}
