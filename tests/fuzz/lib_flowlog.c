/* SPDX-License-Identifier: Apache-2.0 */
/* A flow log of any cloud, plain or gzip: flows are whole or told, counts are right, and hours give no byte that no flow had. */
#include "lib/money/flowlog.h"
#include "tests/fuzz/fuzz.h"

/* A bomb inflates without end; what is looked for shows before. */
#define FLOWS_MAX 20000

static const char east[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
	"  domain: aws/111111111111/vpc-east\n  provider: aws\n  account: '111111111111'\n"
	"  zones: [{id: use1-az1, region: us-east-1}]\n  prefixes: [10.0.0.0/8]\n  nat: [{name: nat}]\n  subnets:\n"
	"  - {name: a, cidrs: [10.7.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: 'nat:nat'}]}\n"
	"  - {name: b, cidrs: [10.7.0.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n";

static struct weir_topology *topology(void)
{
	static struct weir_topology *t;
	struct weir_ydoc *d = NULL;
	struct weir_err err = {0};

	if (t)
		return t;
	MUST(!weir_topology_new(&t) && !weir_ydoc_parse(east, strlen(east), "east", &d, &err));
	MUST(!weir_topology_add(t, weir_ydoc_root(d, 0), &err) && !weir_topology_seal(t, &err));
	weir_ydoc_free(d);
	return t;
}

static void hear(const struct weir_flowlog_bad *bad, void *arg)
{
	MUST(bad->field && *bad->reason);
	++*(uint64_t *)arg;
}

static void flow_check(const struct weir_flow *f)
{
	const char *texts[] = {f->provider, f->account, f->network, f->observer, f->src_service, f->dst_service, f->self.node,
			       f->self.workload, f->self.kind, f->self.namespace, f->other.node, f->other.workload};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++)
		MUST(texts[i] && strlen(texts[i]) <= ((size_t)1 << 20));
	MUST(f->end_s >= f->start_s && f->bytes <= INT64_MAX && f->format < WEIR_FLOWLOG_FORMATS && f->side <= WEIR_FLOW_SIDELESS);
}

static int row_check(const struct weir_traffic *t, void *arg)
{
	MUST(t->dir <= 1 && t->path < WEIR_PATHS && t->hour_s % 3600 == 0 && t->workload && t->peer_workload);
	++*(uint64_t *)arg;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_file f = fuzz_file(data, len);
	struct weir_flow_hours *h = NULL;
	struct weir_flowlog *l = NULL;
	const struct weir_flow *flow;
	uint64_t bad = 0, flows = 0, rows = 0;
	struct weir_flowlog_how how = {.bad = hear, .arg = &bad};
	struct weir_err err = {0};
	int r;

	MUST(lseek(f.fd, 0, SEEK_SET) == 0 && !weir_flow_hours_new(topology(), &h));
	r = weir_flowlog_open_fd(f.fd, "input", &how, &l, &err);
	MUST((r == 0) == (l != NULL) && (r == 0 || *err.text));
	while (l && (r = weir_flowlog_next(l, &flow, &err)) == 1 && flows < FLOWS_MAX) {
		flow_check(flow);
		MUST(weir_flow_hours_add(h, flow) == 0);
		flows++;
	}
	MUST(!l || (weir_flowlog_stats(l)->bad_rows == bad && (r >= 0 || *err.text)));
	MUST(weir_flow_hours_end(h, row_check, &rows) == 0 && rows == weir_flow_hours_stats(h)->rows && rows <= 2 * flows);
	weir_flowlog_close(l);
	weir_flow_hours_free(h);
	return 0;
}
