/* SPDX-License-Identifier: Apache-2.0 */
/* TCP health in a Summary, both ways. The histogram travels from its first to its last used bucket. */
#include "lib/wire/codec.h"

static int build_row(const struct weir_sum_health *h, struct weir_arena *a, Weir__V1__Health *o)
{
	weir__v1__health__init(o);
	o->count = weir_arena_array(a, WEIR_H_COUNTS, sizeof(*o->count));
	o->rtt = weir_arena_array(a, h->rtt_count, sizeof(*o->rtt));
	if (!o->count || !o->rtt)
		return -ENOMEM;
	o->workload = h->workload;
	o->index = h->index;
	o->peer_class = h->peer_class;
	o->scope = h->scope;
	o->since_ns = h->since_ns;
	o->n_count = WEIR_H_COUNTS;
	memcpy(o->count, h->n, sizeof(h->n));
	o->rtt_first = h->rtt_first;
	o->n_rtt = h->rtt_count;
	if (h->rtt_count)
		memcpy(o->rtt, h->rtt, h->rtt_count * sizeof(*h->rtt));
	return 0;
}

int weir_health_build(const struct weir_summary *s, struct weir_arena *a, Weir__V1__Summary *pb)
{
	Weir__V1__Health *rows;
	int r = 0;

	if (s->health_count > WEIR_SUMMARY_HEALTH_MAX)
		return -E2BIG;
	rows = weir_arena_array(a, s->health_count, sizeof(*rows));
	pb->health = weir_arena_array(a, s->health_count, sizeof(*pb->health));
	if (!rows || !pb->health)
		return -ENOMEM;
	pb->n_health = s->health_count;
	for (size_t i = 0; !r && i < s->health_count; i++) {
		pb->health[i] = &rows[i];
		r = build_row(&s->health[i], a, &rows[i]);
	}
	return r;
}

static const char *wrong_field(size_t workloads, const Weir__V1__Health *h)
{
	if (h->workload >= workloads)
		return "workload";
	if (h->scope >= WEIR_SCOPES)
		return "scope";
	if (!h->since_ns || h->since_ns > WEIR_COUNT_MAX)
		return "since_ns";
	if (h->n_count > WEIR_HEALTH_COUNTS_MAX)
		return "count";
	for (size_t i = 0; i < h->n_count; i++)
		if (h->count[i] > WEIR_COUNT_MAX)
			return "count";
	if (h->rtt_first >= WEIR_RTT_BUCKETS || h->n_rtt > WEIR_RTT_BUCKETS - h->rtt_first)
		return "rtt_first";
	for (size_t i = 0; i < h->n_rtt; i++)
		if (h->rtt[i] > WEIR_COUNT_MAX)
			return "rtt";
	return NULL;
}

int weir_health_check(const Weir__V1__Summary *pb, size_t workloads, struct weir_arena *a,
		      struct weir_summary *ret, struct weir_err *err)
{
	ret->health = weir_arena_array(a, pb->n_health, sizeof(*ret->health));
	if (!ret->health)
		return -ENOMEM;
	ret->health_count = pb->n_health;
	for (size_t i = 0; i < pb->n_health; i++) {
		const Weir__V1__Health *h = pb->health[i];
		struct weir_sum_health *o = &ret->health[i];
		const char *field = wrong_field(workloads, h);

		if (field)
			return weir_bad(err, "summary.health[%zu].%s: out of range", i, field);
		*o = (struct weir_sum_health){
			.workload = h->workload,
			.index = h->index,
			.peer_class = h->peer_class,
			.scope = h->scope,
			.since_ns = h->since_ns,
			.rtt = h->rtt,
			.rtt_first = h->rtt_first,
			.rtt_count = (uint32_t)h->n_rtt,
		};
		for (size_t k = 0; k < WEIR_MIN(h->n_count, (size_t)WEIR_H_COUNTS); k++)
			o->n[k] = h->count[k];
	}
	return 0;
}
