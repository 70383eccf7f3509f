/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/health.h"

#include "lib/base/clock.h"

/* A pass may cost a thousandth of one CPU. */
#define PASS_SHARE 1000

void health_free(struct health *h)
{
	if (!h)
		return;
	weir_map_free(h->sent, NULL);
	free(h->keys);
	free(h->rows);
	free(h->out);
	free(h->out_row);
	free(h);
}

static void health_freep(struct health **h)
{
	health_free(*h);
}

int health_new(uint32_t max_rows, uint64_t pass_ns, struct health **ret)
{
	weir_cleanup(health_freep) struct health *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->max = max_rows;
	h->pass_ns = pass_ns;
	h->due = true;
	h->keys = calloc(max_rows, sizeof(*h->keys));
	h->rows = calloc(max_rows, sizeof(*h->rows));
	h->out = calloc(HEALTH_PER_RECORD, sizeof(*h->out));
	h->out_row = calloc(HEALTH_PER_RECORD, sizeof(*h->out_row));
	if (!h->keys || !h->rows || !h->out || !h->out_row)
		return -ENOMEM;
	r = weir_map_new(&h->sent);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(h);
	return 0;
}

int health_pass(struct health *h, struct probe *p, uint64_t now_ns, size_t *ret_taken)
{
	uint64_t before = weir_cpu_ns(), cost;
	int r;

	*ret_taken = 0;
	if (now_ns >= h->next_report_ns) {
		h->due = true;
		h->next_report_ns = now_ns + h->pass_ns;
	}
	if (now_ns < h->next_pass_ns)
		return 0;
	r = probe_health_pass(p, ret_taken);
	cost = weir_cpu_ns() - before;
	h->next_pass_ns = now_ns + WEIR_MAX(h->pass_ns, cost * PASS_SHARE);
	return r;
}

/* A difference that another CPU has not completed yet shows as a number just below zero. */
static void settle_sign(struct weir_health *row)
{
	for (size_t i = 0; i < WEIR_H_COUNTS; i++)
		if (row->n[i] > INT64_MAX)
			row->n[i] = 0;
}

int health_read(struct health *h, struct probe *p)
{
	size_t n = 0;
	int r = probe_health_read(p, h->keys, h->rows, &n);

	h->count = r < 0 ? 0 : n;
	for (size_t i = 0; i < h->count; i++)
		settle_sign(&h->rows[i]);
	return r;
}

/* Grows with every count of the row, and when its workload gets its name; never 0. */
static uintptr_t weigh(const struct weir_health *row, bool named)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < WEIR_H_COUNTS; i++)
		sum += row->n[i];
	for (size_t i = 0; i < WEIR_RTT_BUCKETS; i++)
		sum += row->rtt[i];
	return (uintptr_t)(sum << 2 | 2 | named);
}

static bool empty(const struct weir_health *row)
{
	return weigh(row, false) == 2 || !row->since_ns;
}

static bool was_sent(const struct health *h, size_t i, bool named)
{
	return (uintptr_t)weir_map_find(h->sent, &h->keys[i], sizeof(h->keys[i])) ==
	       weigh(&h->rows[i], named);
}

static void fill_row(const struct weir_health_key *k, const struct weir_health *row, uint32_t workload,
		     struct weir_sum_health *o)
{
	uint32_t first = 0, end = WEIR_RTT_BUCKETS;

	while (first < end && !row->rtt[first])
		first++;
	while (end > first && !row->rtt[end - 1])
		end--;
	*o = (struct weir_sum_health){
		.workload = workload,
		.index = k->workload,
		.peer_class = k->peer_class,
		.scope = k->scope,
		.since_ns = row->since_ns,
		.rtt = (const uint64_t *)&row->rtt[first],
		.rtt_first = first < end ? first : 0,
		.rtt_count = end - first,
	};
	memcpy(o->n, row->n, sizeof(o->n));
}

/* Position of w among the workloads; 0, the unidentified one, where there is no room. */
static int place(struct weir_map *index, const struct weir_sum_workload *w,
		 struct weir_sum_workload **workloads, size_t *count, uint32_t *ret)
{
	uintptr_t at = (uintptr_t)weir_map_find(index, &w->cgroup_id, sizeof(w->cgroup_id));
	struct weir_sum_workload *grown;

	if (!w->cgroup_id || (!at && *count >= WEIR_SUMMARY_WORKLOADS_MAX)) {
		*ret = 0;
		return 0;
	}
	if (at) {
		*ret = (uint32_t)(at - 1);
		return 0;
	}
	grown = reallocarray(*workloads, *count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*workloads = grown;
	grown[*count] = *w;
	*ret = (uint32_t)(*count)++;
	return weir_map_put(index, &w->cgroup_id, sizeof(w->cgroup_id), (void *)(uintptr_t)*count, NULL);
}

static void map_freep(struct weir_map **m)
{
	weir_map_free(*m, NULL);
}

int health_fill(struct health *h, const struct weir_sum_workload *(*who)(uint32_t workload, void *arg),
		void *arg, struct weir_sum_workload **workloads, size_t *count, struct weir_summary *s)
{
	weir_cleanup(map_freep) struct weir_map *index = NULL;
	int r = weir_map_new(&index);

	for (size_t i = 0; r == 0 && i < *count; i++)
		r = weir_map_put(index, &(*workloads)[i].cgroup_id, sizeof(uint64_t),
				 (void *)(uintptr_t)(i + 1), NULL);
	h->out_count = 0;
	for (size_t k = 0; h->due && r == 0 && k < h->count && h->out_count < HEALTH_PER_RECORD; k++) {
		size_t i = (h->next + k) % h->count;
		const struct weir_sum_workload *w = who(h->keys[i].workload, arg);
		uint32_t at = 0;

		if (empty(&h->rows[i]) || was_sent(h, i, w->cgroup_id != 0))
			continue;
		r = place(index, w, workloads, count, &at);
		fill_row(&h->keys[i], &h->rows[i], at, &h->out[h->out_count]);
		h->out_row[h->out_count++] = i;
	}
	s->workloads = *workloads;
	s->workload_count = *count;
	s->health = h->out;
	s->health_count = h->out_count;
	return r;
}

int health_sent(struct health *h)
{
	int r = 0;

	for (size_t k = 0; r == 0 && k < h->out_count; k++) {
		size_t i = h->out_row[k];

		r = weir_map_put(h->sent, &h->keys[i], sizeof(h->keys[i]),
				 (void *)weigh(&h->rows[i], h->out[k].workload != 0), NULL);
		h->next = i + 1;
	}
	h->due &= h->out_count == HEALTH_PER_RECORD;
	h->out_count = 0;
	return r;
}

void health_mark(const struct health *h, bool *used, uint32_t limit)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct weir_health *row = &h->rows[i];
		uint32_t workload = h->keys[i].workload;
		bool open = row->n[WEIR_H_CONNECTIONS] > row->n[WEIR_H_CLOSED];

		if (workload < limit && !empty(row) &&
		    (open || !(was_sent(h, i, true) || was_sent(h, i, false))))
			used[workload] = true;
	}
}

void health_forget(struct health *h, struct probe *p, uint32_t workload)
{
	for (size_t i = 0; i < h->count; i++) {
		/* What cannot be deleted now stays, and is sent no more unless it grows. */
		if (h->keys[i].workload == workload && workload &&
		    probe_health_delete(p, &h->keys[i]) == 0)
			(void)weir_map_take(h->sent, &h->keys[i], sizeof(h->keys[i]));
	}
}
