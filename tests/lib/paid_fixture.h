/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store of what the example repository's networks moved and paid, and questions to the API about it. web is on node n1 in
 * use1-az1, db on n2 in use1-az2 (policies/topology/vpc-east.yaml).
 */
#ifndef WEIR_TEST_PAID_FIXTURE_H
#define WEIR_TEST_PAID_FIXTURE_H

#include "aggregator/api.h"
#include "aggregator/hours.h"
#include "tests/lib/store_fixture.h"

#define PAID_DOMAIN "aws/111111111111/vpc-east"
#define PAID_HOUR (NOW_S - NOW_S % 3600)
#define GIB 1073741824ull

struct paid {
	struct service sv;
	const char *const (*params)[2]; /* ended by a NULL name */
	uint64_t sequence;
};

static inline const char *paid_param(const struct api_call *c, const char *name)
{
	const struct paid *w = (const struct paid *)c->sv;

	for (const char *const(*p)[2] = w->params; (*p)[0]; p++)
		if (!strcmp((*p)[0], name))
			return (*p)[1];
	return NULL;
}

static inline void paid_new(struct paid *w)
{
	static const uint64_t days[STORE_RESOLUTIONS] = {1, 7, 400, 1830};

	*w = (struct paid){.sv.store = open_store()};
	for (int i = 0; i < STORE_RESOLUTIONS; i++)
		w->sv.config.retain_ns[i] = days[i] * 86400 * NS;
	if (gitops_new("policies", &w->sv.gitops))
		abort();
	gitops_poll(w->sv.gitops);
	if (!gitops_repo(w->sv.gitops))
		fprintf(stderr, "policies: %s\n", gitops_error(w->sv.gitops));
}

static inline void paid_fini(struct paid *w)
{
	store_close(w->sv.store);
	gitops_free(w->sv.gitops);
}
#define auto_paid weir_cleanup(paid_fini) struct paid

static inline struct ingest_pricing paid_pricing(const struct paid *w)
{
	const struct weir_repo *repo = gitops_repo(w->sv.gitops);

	return (struct ingest_pricing){repo->topology, repo->prices};
}

struct paid_row {
	const char *peer;
	int dir;
	bool opened;
	uint64_t bytes;
};

/* A window of one workload, `at` seconds behind PAID_HOUR. team "" = it has no such label. */
static inline int paid_window(struct paid *w, const char *node, const char *namespace, const char *name, const char *team,
			      const char *local, uint64_t at, const struct paid_row *rows, size_t n)
{
	struct weir_sum_label labels[] = {{"tier", "back"}, {"team", team}};
	struct weir_sum_workload self = {.name = name, .namespace = namespace, .kind = "pod", .cgroup = "/kubepods/pod1", .labels = labels,
					 .label_count = *team ? 2 : 1};
	struct weir_sum_row sum_rows[16] = {0};
	struct weir_summary s = {.epoch = 1, .sequence = ++w->sequence, .start_ns = (PAID_HOUR + at) * NS, .length_ns = 2 * NS,
				 .windows = 1, .first_kept = w->sequence, .domain = PAID_DOMAIN, .workloads = &self,
				 .workload_count = 1, .rows = sum_rows, .row_count = n};
	const struct ingest_pricing pricing = paid_pricing(w);
	struct ingest_item it = {.node = node, .summary = &s};
	int r;

	for (size_t i = 0; i < n; i++) {
		sum_rows[i] = (struct weir_sum_row){.proto = 6, .dir = (uint8_t)rows[i].dir, .verdict = WEIR_V_ACCEPT,
						    .init_local = rows[i].opened, .local_port = 5432, .peer_port = 443,
						    .bytes = rows[i].bytes, .packets = 1, .rule = WEIR_NO_RULE, .interface = "eth0"};
		weir_addr_parse(local, &sum_rows[i].local);
		sum_rows[i].folded = !rows[i].peer;
		if (rows[i].peer)
			weir_addr_parse(rows[i].peer, &sum_rows[i].peer);
	}
	r = ingest_commit(w->sv.store, &pricing, &it, 1, (PAID_HOUR + at + 3) * NS);
	return r ? r : it.result == INGEST_COMMITTED ? 0 : -EBADMSG;
}

static inline json_t *paid_ask(struct paid *w, api_fn fn, const char *const (*params)[2], struct weir_err *ret_err)
{
	struct api_call c = {.sv = &w->sv, .now_ns = (PAID_HOUR + 7200) * NS, .param = paid_param};
	json_t *o = NULL;

	w->params = params;
	if (fn(&c, &o) && ret_err)
		*ret_err = c.err;
	return o;
}
#define PAID_ASK(w, fn, err, ...)                                                         \
	({                                                                                \
		const char *const _p[][2] = {__VA_ARGS__, {NULL, NULL}};                  \
		paid_ask(w, fn, _p, err);                                                 \
	})

#endif
