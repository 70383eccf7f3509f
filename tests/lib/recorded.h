/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small fleet in a store, and all that queries answer about it, as text. Compiled by this tree's tests and,
 * by tests/store/record, with the code of older commits: only what all of them have is used here. How a summary
 * comes into the store differs: recorded_commit() is of who includes this.
 */
#ifndef WEIR_TEST_RECORDED_H
#define WEIR_TEST_RECORDED_H

#include "aggregator/ingest.h"
#include "aggregator/query.h"
#include "tests/lib/priced.h"

#define RECORDED_S 1795500000ull /* 2026-11-24 */
#define RECORDED_NS 1000000000ull

static const char recorded_prices[] =
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceBook\n"
	"metadata: {name: p}\n"
	"spec:\n"
	"  provider: aws\n"
	"  currency: USD\n"
	"  region: us-east-1\n"
	"  meters:\n"
	"  - {name: internet-out, paths: [internet], directions: [egress], unit: GiB, pool: account, source: list,\n"
	"     tiers: [{from: 0GiB, price: \"0\"}, {from: 1GiB, price: \"0.09\"}]}\n"
	"  - {name: cross-zone, paths: [cross-zone], directions: [ingress, egress], unit: GiB, source: list,\n"
	"     tiers: [{from: 0GiB, price: \"0.01\"}]}\n";

/* Into the store and its rollups, priced. -EBADMSG: it was not taken. */
static int recorded_commit(struct store *s, const struct priced *r, const char *node, const struct weir_summary *sum,
			   uint64_t now_ns);

static inline int recorded_load(struct priced *ret, struct weir_err *err)
{
	return priced_load(ret, recorded_prices, err);
}

/* The sequence'th window of node n1 or n2 (from 1), `at` seconds after RECORDED_S. */
static inline int recorded_window(struct store *s, const struct priced *r, int node, uint64_t sequence, uint64_t at)
{
	static const char *const peers[] = {"203.0.113.7", "10.1.2.9", "10.1.1.77", "2001:db8::7"};
	struct weir_sum_label team = {"team", node == 1 ? "shop" : "data"};
	struct weir_sum_workload w[] = {
		{.name = "web", .namespace = "front", .kind = "pod", .cgroup = "/web", .labels = &team, .label_count = 1},
		{.name = "batch", .namespace = "back", .kind = "unit", .cgroup = "/batch"},
	};
	struct weir_sum_identity lines[] = {{.interface = "eth0", .dir = WEIR_EGRESS, .term = 100, .bytes = sequence * 99}};
	struct weir_sum_row rows[8] = {{0}};
	struct weir_summary sum = {.boot_id = {(uint8_t)node}, .epoch = 5, .sequence = sequence,
				   .start_ns = (RECORDED_S + at) * RECORDED_NS, .length_ns = 2 * RECORDED_NS, .windows = 1,
				   .domain = "aws/vpc", .workloads = w, .workload_count = 2, .rows = rows, .row_count = 8,
				   .identity = lines, .identity_count = 1, .flow_rows_used = 8, .flow_rows = 4096};

	for (size_t i = 0; i < 8; i++) {
		rows[i] = (struct weir_sum_row){.workload = i & 1, .proto = 6, .dir = i & 2 ? WEIR_INGRESS : WEIR_EGRESS,
						.verdict = i == 7 ? WEIR_V_DENY : WEIR_V_ACCEPT, .init_local = true,
						.local_port = 40000, .peer_port = 443, .bytes = (i + 1) * 123456789 + at + (uint64_t)node,
						.packets = i + 1, .rule = WEIR_NO_RULE, .interface = "eth0", .folded = i == 6};
		weir_addr_parse(i & 1 ? "10.1.1.6" : "10.1.1.5", &rows[i].local);
		weir_addr_parse(peers[(i >> 1) & 3], &rows[i].peer);
		for (uint64_t k = 0; k < sequence; k++)
			sum.total_bytes[rows[i].dir] += rows[i].bytes;
		sum.total_packets[rows[i].dir] += sequence * rows[i].packets;
	}
	return recorded_commit(s, r, node == 1 ? "n1" : "n2", &sum, (RECORDED_S + at + 3) * RECORDED_NS);
}

/* Windows of three hours on two days. */
static inline int recorded_fill(struct store *s, const struct priced *r)
{
	static const uint64_t at[] = {0, 12, 70, 7200, 86400};
	int e = 0;

	for (int node = 1; !e && node <= 2; node++)
		for (size_t i = 0; !e && i < WEIR_ARRAY_SIZE(at); i++)
			e = recorded_window(s, r, node, i + 1, at[i]);
	return e;
}

static inline int recorded_flow(const struct query_flow *f, void *arg)
{
	char local[46], peer[46];

	fprintf(arg, "flow %llu %s %s %s %s %s %s %s:%u %u %u %u %u %llu %llu %s\n", (unsigned long long)f->time_s, f->node,
		f->workload, f->namespace, f->team, f->folded ? "" : weir_addr_text(&f->local, local),
		f->folded ? "" : weir_addr_text(&f->peer, peer), f->opened ? "opened" : "", f->port, f->proto, f->dir,
		f->verdict, f->path, (unsigned long long)f->bytes, (unsigned long long)f->packets, f->peer_workload);
	return 0;
}

static inline int recorded_top(const struct query_top *t, void *arg)
{
	fprintf(arg, "top %s %s %s %s %u %llu %llu %llu %llu\n", t->node, t->workload, t->team, t->peer_domain, t->path,
		(unsigned long long)t->bytes_in, (unsigned long long)t->bytes_out, (unsigned long long)t->packets,
		(unsigned long long)t->dropped_bytes);
	return 0;
}

static inline int recorded_cost(const struct query_cost *c, void *arg)
{
	fprintf(arg, "cost %s %s %s %s %s %s %llu %llu %lld\n", c->keys[0], c->keys[1], c->keys[2], c->keys[3], c->keys[4],
		c->keys[5], (unsigned long long)c->metered_bytes, (unsigned long long)c->bytes, (long long)c->nanos);
	return 0;
}

static inline int recorded_agent(const struct query_agent *a, void *arg)
{
	fprintf(arg, "agent %s epoch %llu sequence %llu window %llu bytes %llu %llu rows %llu of %llu\n", a->node,
		(unsigned long long)a->epoch, (unsigned long long)a->sequence, (unsigned long long)a->window_end_ns,
		(unsigned long long)a->bytes_in, (unsigned long long)a->bytes_out, (unsigned long long)a->flow_rows_used,
		(unsigned long long)a->flow_rows);
	return 0;
}

static inline int recorded_line(const struct query_identity *i, void *arg)
{
	fprintf(arg, "identity %s %u %u %lld\n", i->interface, i->dir, i->term, (long long)i->bytes);
	return 0;
}

static inline int recorded_answers(struct store *s, FILE *f)
{
	static const enum query_dim dims[] = {QUERY_WORKLOAD, QUERY_NAMESPACE, QUERY_TEAM, QUERY_PATH, QUERY_METER, QUERY_NODE};
	int e = query_agents(s, recorded_agent, f);

	for (int64_t node = 1; !e && node <= 2; node++)
		e = query_identity(s, node, recorded_line, f);
	for (enum store_res res = STORE_10S; !e && res <= STORE_1H; res++) {
		const struct query_range range = {RECORDED_S - 3600, RECORDED_S + 2 * 86400, res};

		e = query_flows(s, &range, 1000, recorded_flow, f);
		for (enum query_by by = QUERY_BY_WORKLOAD; !e && by <= QUERY_BY_PATH; by++)
			e = query_top(s, by, &range, 1000, recorded_top, f);
		if (!e)
			e = query_cost(s, dims, WEIR_ARRAY_SIZE(dims), &range, recorded_cost, f);
	}
	return e;
}

#endif
