/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/ingest.h"

#include "aggregator/store_health.h"
#include "aggregator/store_shadow.h"

#define NS_S 1000000000ull
/* A node's clock may run ahead by so much; a window beyond it is booked at the time of arrival. */
#define AHEAD_S 60
/* Older than any retention worth having: a clock that was never set. Booked at the time of arrival. */
#define BEHIND_S (400ull * 86400)
/* Sums of counters must stay below 2^63 in the store. */
#define COUNT_MAX (1ull << 56)
/* The same of flows, a sum over all rules and nodes. */
#define FLOWS_MAX (1ull << 40)

enum ingest_result ingest_decide(uint64_t known_epoch, uint64_t last, uint64_t epoch, uint64_t sequence,
				 uint64_t first_kept)
{
	if (epoch < known_epoch)
		return INGEST_FENCED;
	if (epoch > known_epoch) {
		/* What came before it may have gone to another store. */
		if (!first_kept)
			return INGEST_COMMITTED;
		last = 0;
	}
	if (sequence <= last)
		return INGEST_DUPLICATE;
	return sequence == last + 1 || sequence == first_kept ? INGEST_COMMITTED : INGEST_GAP;
}

const char *ingest_check(const struct weir_summary *s)
{
	if (!s->epoch || s->epoch >= 1ull << 63)
		return "epoch: out of range";
	if (!s->sequence || s->sequence >= 1ull << 63)
		return "sequence: out of range";
	/* One window covers all the time for which an agent was away, or by which its clock stepped. */
	if (!s->length_ns || s->length_ns > BEHIND_S * NS_S || s->start_ns >= 1ull << 62)
		return "length_ns: out of range";
	for (size_t i = 0; i < s->row_count; i++) {
		const struct weir_sum_row *r = &s->rows[i];

		if (r->workload >= s->workload_count)
			return "rows.workload: no such workload";
		if (r->dir >= WEIR_DIRS || r->verdict >= WEIR_VERDICTS)
			return "rows: direction or verdict out of range";
		if (r->bytes > COUNT_MAX || r->packets > COUNT_MAX)
			return "rows: bytes or packets out of range";
		if (r->tcp.rtt_us > COUNT_MAX || r->tcp.samples > COUNT_MAX || r->tcp.retrans > COUNT_MAX)
			return "rows: round trips or retransmits out of range";
	}
	for (size_t i = 0; i < s->identity_count; i++)
		if (s->identity[i].bytes >= 1ull << 63 || s->identity[i].packets >= 1ull << 63)
			return "identity: bytes or packets out of range";
	for (size_t i = 0; i < s->drop_count; i++)
		if (s->drops[i].bytes >= 1ull << 63 || s->drops[i].packets >= 1ull << 63)
			return "drops: bytes or packets out of range";
	for (size_t i = 0; i < s->health_count; i++)
		for (size_t k = 0; k < WEIR_H_COUNTS; k++)
			if (s->health[i].workload >= s->workload_count || s->health[i].n[k] > COUNT_MAX)
				return "health: workload or count out of range";
	for (size_t i = 0; i < s->disagreement_count; i++)
		if (s->disagreements[i].denied > FLOWS_MAX || s->disagreements[i].accepted > FLOWS_MAX ||
		    s->disagreements[i].limited > FLOWS_MAX)
			return "disagreements: flows out of range";
	return NULL;
}

static uint64_t booked_s(const struct weir_summary *s, uint64_t now_ns)
{
	uint64_t t = s->start_ns / NS_S, now_s = now_ns / NS_S;

	if (t > now_s + AHEAD_S || t + BEHIND_S < now_s)
		return now_s;
	return t;
}

/* State of one summary under way. */
struct apply {
	struct store *store;
	const struct ingest_pricing *pricing;
	struct cost_batch *batch;
	const struct weir_summary *sum;
	const int64_t *workloads;
	int64_t node;
	uint64_t time_s, gaps;
	struct weir_route route; /* of the last row; both directions of a flow stand side by side */
};

/* Folded rows have no addresses: their path is unknown, and so stands in the ledger. */
static void route_of(const struct apply *a, const struct weir_sum_row *row, struct weir_route *ret)
{
	*ret = (struct weir_route){.service = "", .region = "", .zone = "",
				   .peer_domain = a->sum->domain};
	if (!row->folded && a->pricing->topology)
		weir_topology_route_at(a->pricing->topology, a->sum->domain, &row->local, &row->peer, a->time_s, ret);
}

static bool same_local(const struct weir_sum_row *a, const struct weir_sum_row *b)
{
	return a->folded == b->folded && !memcmp(&a->local, &b->local, sizeof(a->local));
}

static bool same_ends(const struct weir_sum_row *a, const struct weir_sum_row *b)
{
	return same_local(a, b) && !memcmp(&a->peer, &b->peer, sizeof(a->peer));
}

/* False: it only says how TCP fared in what was counted before. */
static bool moved(const struct weir_sum_row *row)
{
	return row->bytes || row->packets;
}

/* `before`: what became of the row before this one; NULL = this is the first. */
static int apply_row(struct apply *a, const struct weir_sum_row *row, const struct store_flow *before,
		     struct store_flow *ret)
{
	struct store_flow f = {
		.key = {a->node, a->sum->epoch, a->sum->sequence, (uint32_t)(row - a->sum->rows)},
		.time_s = a->time_s,
		.workload = a->workloads[row->workload],
		.proto = row->proto,
		.dir = row->dir,
		.verdict = row->verdict,
		.opened = row->init_local,
		.port = row->init_local ? row->peer_port : row->local_port,
		.bytes = row->bytes,
		.packets = row->packets,
	};
	bool named = strcmp(a->sum->workloads[row->workload].kind, "unidentified") != 0;
	const struct weir_route *route = &a->route;
	struct weir_route answered;
	int r = 0;

	if (before && same_ends(row, row - 1)) {
		f.local = before->local;
		f.peer = before->peer;
	} else {
		route_of(a, row, &a->route);
		if (before && same_local(row, row - 1))
			f.local = before->local;
		else
			r = store_address(a->store, a->sum->domain, row->folded ? NULL : &row->local, &f.local);
		if (!r)
			r = store_address(a->store, a->route.peer_domain, row->folded ? NULL : &row->peer, &f.peer);
	}
	if (a->route.front && !row->init_local) {
		weir_route_answered(&a->route, &answered);
		route = &answered;
	}
	f.path = (uint8_t)route->path;
	if (!r && f.local && named && !(before && before->local == f.local && before->workload == f.workload))
		r = store_holder(a->store, f.local, f.workload, a->node, a->time_s);
	if (!r && moved(row))
		r = cost_charge(a->batch, a->pricing->prices, route, &f);
	*ret = f;
	return r;
}

static int by_path(const void *pa, const void *pb)
{
	const struct store_path_health *a = pa, *b = pb;

	if (a->workload != b->workload)
		return a->workload < b->workload ? -1 : 1;
	return a->path - b->path;
}

/* The rows' TCP health, summed by workload and path. */
static int apply_path_health(struct apply *a, const struct store_flow *flows)
{
	const struct weir_summary *sum = a->sum;
	weir_auto_free struct store_path_health *list = NULL;
	size_t n = 0, last = 0;

	for (size_t i = 0; i < sum->row_count; i++)
		n += weir_sum_tcp_any(&sum->rows[i].tcp);
	if (!n) /* as in most windows */
		return 0;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < sum->row_count; i++)
		if (weir_sum_tcp_any(&sum->rows[i].tcp))
			list[n++] = (struct store_path_health){flows[i].key, flows[i].time_s, flows[i].workload, flows[i].path,
							       sum->rows[i].tcp};
	qsort(list, n, sizeof(*list), by_path);
	for (size_t i = 1; i < n; i++) {
		if (by_path(&list[last], &list[i]))
			list[++last] = list[i];
		else
			weir_sum_tcp_add(&list[last].tcp, &list[i].tcp);
	}
	return store_path_health_add(a->store, list, last + 1);
}

/* Those that counted packets, in front. */
static size_t keep_moved(const struct weir_summary *sum, struct store_flow *flows)
{
	size_t n = 0;

	for (size_t i = 0; i < sum->row_count; i++)
		if (moved(&sum->rows[i]))
			flows[n++] = flows[i];
	return n;
}

static int apply_summary(struct apply *a, uint64_t now_ns)
{
	const struct weir_summary *sum = a->sum;
	weir_auto_free int64_t *ids = calloc(sum->workload_count + 1, sizeof(*ids));
	weir_auto_free struct store_flow *flows = calloc(sum->row_count + 1, sizeof(*flows));
	int r = 0;

	if (!ids || !flows)
		return -ENOMEM;
	a->workloads = ids;
	for (size_t i = 0; !r && i < sum->workload_count; i++)
		r = store_workload(a->store, a->node, sum->domain, &sum->workloads[i], &ids[i]);
	for (size_t i = 0; !r && i < sum->row_count; i++)
		r = apply_row(a, &sum->rows[i], i ? &flows[i - 1] : NULL, &flows[i]);
	if (!r)
		r = apply_path_health(a, flows);
	if (!r)
		r = store_flows_add(a->store, flows, keep_moved(sum, flows));
	/* A summary has all lines that there are: those of interfaces that vanished end. */
	if (!r && sum->identity_count)
		r = store_identity_begin(a->store, a->node);
	for (size_t i = 0; !r && i < sum->identity_count; i++)
		r = store_identity(a->store, a->node, &sum->identity[i]);
	for (size_t i = 0; !r && i < sum->drop_count; i++)
		r = store_drop(a->store, a->node, &sum->drops[i]);
	for (size_t i = 0; !r && i < sum->health_count; i++)
		r = store_health_add(a->store, a->node, ids[sum->health[i].workload], a->time_s,
				     &sum->health[i]);
	if (!r)
		r = store_shadow(a->store, a->node, sum, a->time_s);
	if (!r)
		r = store_boot(a->store, a->node, sum, a->time_s);
	return r ? r : store_agent_summary(a->store, a->node, sum, a->gaps, now_ns);
}

/* Sequences that a summary passes over; of another epoch before this one nothing is known. */
static uint64_t passed_over(const struct store_agent *a, const struct weir_summary *s)
{
	if (a->epoch == s->epoch)
		return s->sequence - a->last_sequence - 1;
	return s->first_kept ? s->sequence - 1 : 0;
}

static int apply_item(struct store *s, const struct ingest_pricing *pricing, struct cost_batch *batch,
		      struct ingest_item *it, uint64_t now_ns)
{
	struct apply a = {.store = s, .pricing = pricing, .batch = batch, .sum = it->summary,
			  .time_s = booked_s(it->summary, now_ns)};
	struct store_agent agent = {0};
	int r;

	it->reason = ingest_check(it->summary);
	if (it->reason) {
		it->result = INGEST_INVALID;
		return 0;
	}
	r = store_agent_get(s, it->node, &agent);
	if (r == -ENOENT)
		r = store_node(s, it->node, &agent.node);
	if (r)
		return r;
	it->result = ingest_decide(agent.epoch, agent.last_sequence, it->summary->epoch,
				   it->summary->sequence, it->summary->first_kept);
	it->epoch = WEIR_MAX(agent.epoch, it->summary->epoch);
	it->committed = it->epoch == agent.epoch ? agent.last_sequence : 0;
	if (it->result != INGEST_COMMITTED)
		return 0;
	a.gaps = passed_over(&agent, it->summary);
	it->epoch = it->summary->epoch;
	it->committed = it->summary->sequence;
	a.node = agent.node;
	r = agent.epoch != it->summary->epoch ? store_health_gone(s, agent.node) : 0;
	return r ? r : apply_summary(&a, now_ns);
}

static int commit_once(struct store *s, const struct ingest_pricing *pricing,
		       struct ingest_item *items, size_t n, uint64_t now_ns)
{
	weir_cleanup(cost_batch_freep) struct cost_batch *batch = NULL;
	int r = cost_batch_new(&batch);

	if (!r)
		r = store_begin(s);
	if (r)
		return r;
	for (size_t i = 0; !r && i < n; i++)
		r = apply_item(s, pricing, batch, &items[i], now_ns);
	if (!r)
		r = cost_settle(batch, s);
	if (!r)
		r = store_commit(s);
	if (r)
		store_rollback(s);
	return r;
}

int ingest_commit(struct store *s, const struct ingest_pricing *pricing, struct ingest_item *items,
		  size_t n, uint64_t now_ns)
{
	int r = commit_once(s, pricing, items, n, now_ns), first = 0;

	if (!r)
		return 0;
	/* One summary that the store cannot take must not hold up those that came with it. */
	for (size_t i = 0; i < n; i++) {
		int one = n > 1 ? commit_once(s, pricing, &items[i], 1, now_ns) : r;

		if (one) {
			items[i].result = INGEST_FAILED;
			first = first ? first : one;
		}
	}
	return first;
}
