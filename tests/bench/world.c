/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/world.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "lib/ds/buf.h"
#include "lib/os/file.h"

#define CLASS "aws/1/vpc/a"

static const char topology_text[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
	"  domain: aws/1/vpc\n  provider: aws\n  account: '1'\n"
	"  zones:\n  - {id: use1-az1, region: us-east-1}\n  - {id: use1-az2, region: us-east-1}\n"
	"  prefixes: [10.7.0.0/16]\n"
	"  subnets:\n  - name: a\n    cidrs: [10.7.1.0/24]\n    zone: use1-az1\n"
	"    routes: [{to: 0.0.0.0/0, via: igw}]\n"
	"  - name: b\n    cidrs: [10.7.2.0/24]\n    zone: use1-az2\n"
	"    routes: [{to: 0.0.0.0/0, via: igw}]\n";

/* Allow, deny and a rate; the measured flows are accepted by the second policy's rules. */
static const char *const policies[] = {
	"metadata: {name: no-way}\nspec:\n  tier: admin\n  priority: 10\n  mode: enforce\n"
	"  subject: {labels: {app: bench}}\n"
	"  egress:\n  - action: deny\n    to: [{cidr: 203.0.113.0/24}, {cidr: 192.0.2.0/24}]\n"
	"  ingress:\n  - action: deny\n    from: [{cidr: 203.0.113.0/24}]\n",
	"metadata: {name: clients}\nspec:\n  tier: admin\n  priority: 20\n  mode: enforce\n"
	"  subject: {labels: {app: bench}}\n"
	"  egress:\n  - action: accept\n    to: [{cidr: 198.18.0.0/15}, {cidr: 10.64.0.0/10},\n"
	"      {cidr: 127.0.0.0/8}]\n"
	"    ports: [{protocol: TCP, port: 443}, {protocol: UDP, port: 443}]\n"
	"  ingress:\n  - action: accept\n    from: [{cidr: 10.64.0.0/10}]\n"
	"    ports: [{protocol: TCP, port: 443}, {protocol: UDP, port: 443}]\n",
	"metadata: {name: bulk}\nspec:\n  tier: admin\n  priority: 30\n  mode: enforce\n"
	"  subject: {labels: {app: bench}}\n"
	"  egress:\n  - action: accept\n    to: [{cidr: 198.51.100.0/24}]\n"
	"    ports: [{protocol: TCP, port: 8443}]\n"
	"    limit: {rate: 200Mbit, burst: 4MiB, mode: police, per: workload}\n",
	"metadata: {name: policed}\nspec:\n  tier: admin\n  priority: 40\n  mode: enforce\n"
	"  subject: {labels: {app: bench}}\n"
	"  egress:\n  - action: accept\n    ports: [{protocol: UDP, port: 5001}]\n"
	"    limit: {rate: 10Mbit, burst: 256KiB, mode: police, per: workload}\n"
	"  ingress:\n  - action: accept\n    ports: [{protocol: UDP, port: 5002}]\n"
	"    limit: {rate: 10Mbit, burst: 256KiB, mode: police, per: workload}\n",
	"metadata: {name: rest}\nspec:\n  tier: baseline\n  priority: 10\n  mode: audit\n"
	"  subject: {labels: {app: bench}}\n  egress:\n  - action: deny\n    to: [{path: internet}]\n",
};

static int add_text(const char *text, const char *name, int (*add)(void *to, struct weir_y *doc, struct weir_err *),
		    void *to, struct weir_err *err)
{
	struct weir_ydoc *doc = NULL;
	int r = weir_ydoc_parse(text, strlen(text), name, &doc, err);

	if (!r)
		r = add(to, weir_ydoc_root(doc, 0), err);
	weir_ydoc_free(doc);
	return r;
}

static int add_policy(void *to, struct weir_y *doc, struct weir_err *err)
{
	return weir_policy_set_add(to, doc, err);
}

static int add_topology(void *to, struct weir_y *doc, struct weir_err *err)
{
	return weir_topology_add(to, doc, err);
}

static int read_policies(struct weir_policy_set *set, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(policies); i++) {
		weir_auto_free char *text = weir_strf("apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\n%s",
						      policies[i]);

		r = text ? add_text(text, "bench.yaml", add_policy, set, err) : -ENOMEM;
	}
	return r ? r : weir_policy_set_seal(set, err);
}

/* The bench's cgroup gets its workload index and its subject; then compile, build, switch. */
static int apply(struct world *w, const struct weir_policy_set *set, struct weir_err *err)
{
	static const struct weir_label app = {"app", "bench"};
	const struct weir_subject subject = {.namespace = "n", .name = "s", .labels = &app, .label_count = 1};
	weir_auto_buf struct weir_buf bytes = {0};
	weir_auto_free uint32_t *subject_of = NULL;
	struct weir_bundle *bundle = NULL;
	struct weir_workload workload;
	struct weir_tables *t = NULL;
	uint64_t id;
	int r;

	if ((r = weir_cgroup_id(w->cgroup, &id)) || (r = probe_index_cgroup(w->probe, id, &workload)))
		return weir_err_set(err, r, "%s: no workload index", w->cgroup);
	subject_of = calloc(workload.index + 1, sizeof(*subject_of));
	if (!subject_of)
		return -ENOMEM;
	r = weir_bundle_compile(set, w->topology, CLASS, NULL, 0, &bytes, err);
	if (!r)
		r = weir_bundle_parse(bytes.data, bytes.len, &bundle, err);
	if (!r)
		r = weir_tables_build(bundle, &subject, 1, &t, err);
	if (!r) {
		subject_of[workload.index] = t->class_of[0];
		r = probe_switch(w->probe, t, subject_of, workload.index + 1, err);
	}
	weir_tables_free(t);
	weir_bundle_free(bundle);
	return r;
}

int world_enter(const char *cgroup)
{
	weir_auto_free char *path = weir_strf("%s/cgroup.procs", cgroup);
	weir_auto_close int fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	return fd >= 0 && write(fd, "0", 1) == 1 ? 0 : -errno;
}

int world_own_cgroup(char **ret)
{
	weir_auto_free char *mount = NULL;
	weir_auto_fclose FILE *f = fopen("/proc/self/cgroup", "re");
	char line[4096];
	int r = weir_cgroup2_mount(&mount);

	while (!r && f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "0::", 3)) {
			*ret = weir_strf("%s%s", mount, line + 3);
			return *ret ? 0 : -ENOMEM;
		}
	}
	return r ? r : -ENOENT;
}

static int open_probe(struct world *w, uint32_t flow_rows, struct weir_err *err)
{
	const char *interfaces[] = {"lo", "bench*", NULL};
	weir_auto_free char *mount = NULL;
	int r = weir_cgroup2_mount(&mount);

	if (r)
		return weir_err_set(err, r, "no cgroup v2 is mounted");
	w->flow_rows = flow_rows;
	w->cgroup = weir_strf("%s/weir-bench-%d", mount, getpid());
	w->pins = weir_strf("/sys/fs/bpf/weir-bench-%d", getpid());
	if (!w->cgroup || !w->pins || (r = world_own_cgroup(&w->home)))
		return r ? r : -ENOMEM;
	if (mkdir(w->cgroup, 0755) && errno != EEXIST)
		return weir_err_set(err, -errno, "%s: %s", w->cgroup, strerror(errno));
	struct probe_conf c = {.cgroup_root = w->cgroup, .pin_dir = w->pins, .interfaces = interfaces,
			       .flow_rows = flow_rows, .flow_rows6 = 1024, .total_rows = 4096, .workloads = 8192,
			       .prefixes = 65536, .decisions = 65536, .ranges = 131072};
	if ((r = probe_open(&c, &w->probe, err)))
		return r;
	if ((r = world_enter(w->cgroup)))
		return weir_err_set(err, r, "%s: %s", w->cgroup, strerror(-r));
	return 0;
}

static int world_open(uint32_t flow_rows, struct world **ret, struct weir_err *err)
{
	struct world *w = calloc(1, sizeof(*w));
	struct weir_policy_set *set = NULL;
	int r = w ? weir_topology_new(&w->topology) : -ENOMEM;

	if (!r)
		r = add_text(topology_text, "topology.yaml", add_topology, w->topology, err);
	if (!r)
		r = weir_topology_seal(w->topology, err);
	if (!r)
		r = weir_policy_set_new(&set);
	if (!r)
		r = read_policies(set, err);
	if (!r)
		r = open_probe(w, flow_rows, err);
	if (!r)
		r = apply(w, set, err);
	weir_policy_set_free(set);
	if (r) {
		world_close(&w);
		return r;
	}
	probe_set_mode(w->probe, WEIR_MODE_ENFORCE);
	*ret = w;
	return 0;
}

int world_get(struct bench *b, uint32_t flow_rows)
{
	if (b->world && b->world->flow_rows == flow_rows)
		return 0;
	world_close(&b->world);
	return world_open(flow_rows, &b->world, &b->err);
}

void world_close(struct world **w)
{
	struct world *x = *w;
	struct weir_err err = {{0}};

	if (!x)
		return;
	if (x->home)
		world_enter(x->home);
	probe_close(x->probe);
	if (x->pins)
		probe_detach(x->pins, &err);
	if (x->cgroup)
		rmdir(x->cgroup);
	weir_topology_free(x->topology);
	free(x->cgroup);
	free(x->pins);
	free(x->home);
	free(x);
	*w = NULL;
}

uint64_t world_packets(struct world *w, enum weir_dir dir, uint8_t proto)
{
	uint64_t sum = 0;
	const struct rows rows = probe_rows(w->probe);

	for (size_t i = 0; i < rows.count; i++) {
		const struct weir_row *r = rows_at(&rows, i);

		if (r->dir == dir && (!proto || r->proto == proto))
			sum += __atomic_load_n(&r->packets, __ATOMIC_RELAXED);
	}
	return sum;
}

uint64_t world_degraded(struct world *w)
{
	struct weir_count drops[WEIR_DROPS];
	uint64_t sum = 0;

	if (probe_drops(w->probe, drops))
		return UINT64_MAX;
	for (size_t i = 0; i < WEIR_DROPS; i++)
		sum += drops[i].packets;
	return sum;
}

uint64_t world_observed(struct world *w, uint32_t ifindex, enum weir_dir dir)
{
	struct weir_term_key k = {.ifindex = ifindex, .dir = dir, .term = WEIR_T_INTERFACE};
	struct weir_count c;

	return bpf_map_lookup_elem(w->probe->terms_fd, &k, &c) ? UINT64_MAX : c.packets;
}
