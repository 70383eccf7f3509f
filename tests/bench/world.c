/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/world.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "lib/ds/buf.h"
#include "lib/os/file.h"
#include "tests/bench/shell.h"

#define INSIDE "bench0"
#define OUTSIDE "bench1"
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

/* Allow, deny and a rate; the measured flows are accepted by the rules of "clients". */
static const char *const policies[] = {
	"metadata: {name: nobody}\nspec:\n  tier: admin\n  priority: 5\n  mode: enforce\n  subject: {}\n"
	"  egress:\n  - action: deny\n    to: [{cidr: " WORLD_DENIED "}]\n"
	"  ingress:\n  - action: deny\n    from: [{cidr: " WORLD_DENIED "}]\n",
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

static int read_policy(struct weir_policy_set *set, const char *text, struct weir_err *err)
{
	weir_auto_free char *all = weir_strf("apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\n%s", text);

	return all ? add_text(all, "bench.yaml", add_policy, set, err) : -ENOMEM;
}

/* One network and one port a rule: as many peer classes as rules. */
static int read_many(struct weir_policy_set *set, struct weir_err *err)
{
	int r = 0;

	for (int i = 0; !r && i < 100; i++) {
		weir_auto_buf struct weir_buf b = {0};

		weir_buf_addf(&b, "metadata: {name: many-%d}\nspec:\n  tier: admin\n  priority: %d\n"
				  "  mode: enforce\n  subject: {labels: {app: bench}}\n  egress:\n", i, 100 + i);
		for (int k = 0; k < 100; k++)
			weir_buf_addf(&b, "  - action: %s\n    to: [{cidr: 100.%d.%d.0/24}]\n"
					  "    ports: [{protocol: UDP, port: %d}]\n",
				      k & 1 ? "deny" : "accept", i, k, 1000 + k);
		r = weir_buf_add(&b, "", 1);
		if (!r)
			r = read_policy(set, (const char *)b.data, err);
	}
	return r;
}

static int read_policies(struct weir_policy_set *set, bool big, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(policies); i++)
		r = read_policy(set, policies[i], err);
	if (!r && big)
		r = read_many(set, err);
	return r ? r : weir_policy_set_seal(set, err);
}

int world_switch(struct world *w, struct weir_err *err)
{
	return probe_switch(w->probe, w->tables, w->subject_of, w->subjects, err);
}

int world_load(struct world *w, const struct weir_bundle *b, struct weir_err *err)
{
	static const struct weir_label app = {"app", "bench"};
	const struct weir_subject subject = {.namespace = "n", .name = "s", .labels = &app, .label_count = 1};
	struct weir_tables *t;
	int r = weir_tables_build(b, &subject, 1, &t, err);

	if (r)
		return r;
	weir_tables_free(w->tables);
	w->tables = t;
	w->subject_of[w->subjects - 1] = t->class_of[0];
	return world_switch(w, err);
}

/* The workload that is measured: the bench's cgroup, or what a gateway forwards. */
static int find_workload(struct world *w, struct weir_workload *ret)
{
	uint64_t id = WEIR_GATEWAY_CGROUP;
	int r = w->want.hooks & PROBE_GATEWAY ? 0 : weir_cgroup_id(w->cgroup, &id);

	return r ? r : probe_index_cgroup(w->probe, id, ret);
}

/* The workload gets its subject; then compile, build, switch. */
static int apply(struct world *w, const struct weir_policy_set *set, struct weir_err *err)
{
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_workload workload;
	int r;

	if ((r = find_workload(w, &workload)))
		return weir_err_set(err, r, "%s: no workload index", w->cgroup);
	w->subjects = workload.index + 1;
	w->subject_of = calloc(w->subjects, sizeof(*w->subject_of));
	if (!w->subject_of)
		return -ENOMEM;
	r = weir_bundle_compile(set, w->topology, CLASS, NULL, 0, &bytes, err);
	if (!r)
		r = weir_bundle_parse(bytes.data, bytes.len, &w->bundle, err);
	return r ? r : world_load(w, w->bundle, err);
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

static int open_legs(struct world *w, struct weir_err *err)
{
	int r;

	if (!(w->want.hooks & (PROBE_GATEWAY | PROBE_XDP)))
		return 0;
	r = shell(err, "ip link add " INSIDE " type veth peer name " OUTSIDE " && ip link set " INSIDE " up && "
		       "ip link set " OUTSIDE " up");
	w->inside = if_nametoindex(INSIDE);
	w->outside = if_nametoindex(OUTSIDE);
	return r;
}

static int open_probe(struct world *w, struct weir_err *err)
{
	const char *interfaces[] = {"lo", "bench*", NULL}, *inside[] = {INSIDE, NULL}, *local[] = {"lo", NULL};
	weir_auto_free char *mount = NULL;
	int r = weir_cgroup2_mount(&mount);

	if (r)
		return weir_err_set(err, r, "no cgroup v2 is mounted");
	w->cgroup = weir_strf("%s/weir-bench-%d", mount, getpid());
	w->pins = weir_strf("/sys/fs/bpf/weir-bench-%d", getpid());
	if (!w->cgroup || !w->pins || (r = world_own_cgroup(&w->home)))
		return r ? r : -ENOMEM;
	if (mkdir(w->cgroup, 0755) && errno != EEXIST)
		return weir_err_set(err, -errno, "%s: %s", w->cgroup, strerror(errno));
	if ((r = open_legs(w, err)))
		return r;
	struct probe_conf c = {.hooks = w->want.hooks, .cgroup_root = w->cgroup, .pin_dir = w->pins,
			       .interfaces = interfaces, .inside = inside, .local = local,
			       .flow_rows = w->want.flow_rows, .flow_rows6 = 1024, .total_rows = 4096,
			       .workloads = 8192, .prefixes = w->want.big ? WORLD_PREFIXES : 65536,
			       .decisions = w->want.big ? 1u << 20 : 65536, .ranges = 131072,
			       .flow_health_rows = 16384};
	if ((r = probe_open(&c, &w->probe, err)))
		return r;
	if ((r = world_enter(w->cgroup)))
		return weir_err_set(err, r, "%s: %s", w->cgroup, strerror(-r));
	return 0;
}

static int world_open(const struct world_want *want, struct world **ret, struct weir_err *err)
{
	struct world *w = calloc(1, sizeof(*w));
	struct weir_policy_set *set = NULL;
	int r = w ? weir_topology_new(&w->topology) : -ENOMEM;

	if (!r) {
		w->want = *want;
		r = add_text(topology_text, "topology.yaml", add_topology, w->topology, err);
	}
	if (!r)
		r = weir_topology_seal(w->topology, err);
	if (!r)
		r = weir_policy_set_new(&set);
	if (!r)
		r = read_policies(set, want->big, err);
	if (!r)
		r = open_probe(w, err);
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

int world_get_as(struct bench *b, const struct world_want *want)
{
	const struct world_want *have = b->world ? &b->world->want : NULL;

	if (have && have->flow_rows == want->flow_rows && have->hooks == want->hooks && have->big == want->big)
		return 0;
	world_close(&b->world);
	return world_open(want, &b->world, &b->err);
}

int world_get(struct bench *b, uint32_t flow_rows)
{
	struct world_want want = {.flow_rows = flow_rows};

	return world_get_as(b, &want);
}

int world_get_big(struct bench *b, uint32_t flow_rows)
{
	struct world_want want = {.flow_rows = flow_rows, .big = true};

	return world_get_as(b, &want);
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
	if (x->inside)
		shell(NULL, "ip link del " INSIDE);
	weir_topology_free(x->topology);
	weir_bundle_free(x->bundle);
	weir_tables_free(x->tables);
	free(x->subject_of);
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

struct found_term {
	struct weir_term_key key;
	uint64_t packets;
};

static int find_term(const char *ifname, const struct weir_term_key *k, const struct weir_count *c, void *arg)
{
	struct found_term *f = arg;

	(void)ifname;
	if (k->ifindex == f->key.ifindex && k->dir == f->key.dir && k->term == f->key.term)
		f->packets = c->packets;
	return 0;
}

uint64_t world_term(struct world *w, uint32_t ifindex, enum weir_dir dir, enum weir_term term)
{
	struct found_term f = {{.ifindex = ifindex, .dir = dir, .term = term}, UINT64_MAX};

	return probe_each_term(w->probe, find_term, &f) ? UINT64_MAX : f.packets;
}
