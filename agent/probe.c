/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading: sizes and knobs into the skeleton, maps pinned or adopted, memory mapped. The only file
 * that knows the skeleton.
 *
 * Must stay true: counters and their bases (what was spooled of them) are pinned together, so both
 * survive a killed agent and both vanish at reboot.
 */
#include "agent/probe_priv.h"

#include <assert.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "lib/os/file.h"
#include "weir.skel.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* The first thing that libbpf complained about in an attempt to load: it names the program or the map. */
static char complaint[160];

static int libbpf_note(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && !*complaint) {
		vsnprintf(complaint, sizeof(complaint), fmt, ap);
		complaint[strcspn(complaint, "\n")] = '\0';
	}
	return 0;
}

static int netns_cookie(uint64_t *ret)
{
	weir_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret);

	if (fd < 0)
		return -errno;
	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &len) ? -errno : 0;
}

/* A prefix makes at most two spans, and one lies before the first; in slots. */
static uint32_t probe_spans(const struct probe_conf *c)
{
	return (uint32_t)weir_span_slots(2ul * c->prefixes + 2);
}

/* NULL: the map lives as long as the programs that use it. Variables are maps with names of their own. */
static const char *pin_name(const char *map)
{
	if (!strncmp(map, "weir_", 5) && !strchr(map, '.') && strcmp(map, "weir_judged"))
		return map;
	return !strcmp(map, ".data.ctl") ? "weir_ctl" : !strcmp(map, ".data.ifs") ? "weir_ifs" : NULL;
}

/* Entries of each map whose size is configured. */
static int set_entries(struct weir_bpf *skel, const struct probe_conf *c)
{
	uint32_t rows4 = c->flow_rows + c->total_rows + WEIR_SPILL_ROWS, spans = probe_spans(c);
	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
		{skel->maps.weir_rows4, rows4},
		{skel->maps.weir_rows6, c->flow_rows6},
		{skel->maps.weir_bases, rows4 + c->flow_rows6},
		{skel->maps.weir_flow_health, c->flow_health_rows},
		{skel->maps.weir_workloads, c->workloads},
		{skel->maps.weir_cgroups, c->workloads},
		{skel->maps.weir_sizes, 2},
		{skel->maps.weir_decisions, 2 * c->decisions},
		{skel->maps.weir_ranges, 2 * c->ranges},
		{skel->maps.weir_limits, 2 * PROBE_MAX_LIMITS},
		{skel->maps.weir_failsafe, 2 * WEIR_MAX_FAILSAFE},
		{skel->maps.weir_nat, WEIR_MAX(c->nat_rows, 1u)},
		{skel->maps.weir_subjects, 2 * c->workloads},
		{skel->maps.weir_roots, 2 * WEIR_ROOTS},
		{skel->maps.weir_spans4, 2 * spans},
		{skel->maps.weir_spans6, 2 * spans},
		{skel->maps.weir_disagree, PROBE_MAX_RULES},
		{skel->maps.weir_early, 2 * PROBE_EARLY_WORDS(c->prefixes)},
		{skel->maps.weir_health, WEIR_MAX(c->health_rows, 1u)},
	};
	int r = 0;

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(sizes); i++)
		r = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);
	return r;
}

static int set_sizes(struct weir_bpf *skel, const struct probe_conf *c, const char *pin_dir)
{
	struct bpf_map *m;
	int r = set_entries(skel, c);

	skel->rodata->weir_rows4_count = c->flow_rows + c->total_rows + WEIR_SPILL_ROWS;
	skel->rodata->weir_flow_health_mask = c->flow_health_rows - 1;
	skel->rodata->weir_flow_mask = c->flow_rows - 1;
	skel->rodata->weir_flow6_mask = c->flow_rows6 - 1;
	skel->rodata->weir_total_mask = c->total_rows - 1;
	skel->rodata->weir_early_words = PROBE_EARLY_WORDS(c->prefixes);
	skel->rodata->weir_cap_decisions = c->decisions;
	skel->rodata->weir_cap_ranges = c->ranges;
	skel->rodata->weir_cap_limits = PROBE_MAX_LIMITS;
	skel->rodata->weir_cap_subjects = c->workloads;
	skel->rodata->weir_cap_spans = probe_spans(c);
	skel->rodata->weir_cap_rules = PROBE_MAX_RULES;
	if (r)
		return r;
	bpf_object__for_each_map(m, skel->obj) {
		weir_auto_free char *path = NULL;

		if (!pin_name(bpf_map__name(m)))
			continue;
		path = weir_strf("%s/%s", pin_dir, pin_name(bpf_map__name(m)));
		if (!path)
			return -ENOMEM;
		if ((r = bpf_map__set_pin_path(m, path)))
			return r;
	}
	return 0;
}

/* What an attempt to load leaves out. */
#define WITHOUT_COOKIE 1 /* no namespace check at skb hooks */
#define WITHOUT_PASSES 2 /* no socket iterators */
#define WITHOUT_TRACING 4
#define WITHOUT_ALL 7

static void choose_programs(struct weir_bpf *skel, int without, const struct ladder *l)
{
	bool tracing = !(without & WITHOUT_TRACING), passes = tracing && !(without & WITHOUT_PASSES);
	bool kfree = tracing && ladder_has(l, RUNG_KFREE), rx = ladder_has(l, RUNG_KFREE_RX);
	bool health = tracing && ladder_has(l, RUNG_TCP_TRACE);

	bpf_program__set_autoload(skel->progs.weir_kfree_rx, kfree && rx);
	bpf_program__set_autoload(skel->progs.weir_kfree_rx2, kfree && rx);
	bpf_program__set_autoload(skel->progs.weir_kfree, kfree && !rx);
	bpf_program__set_autoload(skel->progs.weir_kfree2, kfree && !rx);
	bpf_program__set_autoload(skel->progs.weir_reset_in, health);
	bpf_program__set_autoload(skel->progs.weir_reset_out, health);
	bpf_program__set_autoload(skel->progs.weir_set_state, health);
	bpf_program__set_autoload(skel->progs.weir_retransmit, health);
	bpf_program__set_autoload(skel->progs.weir_pass_tcp, passes);
	bpf_program__set_autoload(skel->progs.weir_pass_file, passes);
	bpf_program__set_autoload(skel->progs.weir_release, passes);
}

/* What the settings turn off, or the kernel lacks, need not pass the verifier. */
static void choose_hooks(struct weir_bpf *skel, const struct probe_conf *c, const struct ladder *l)
{
	bool gateway = c->hooks & PROBE_GATEWAY, cast = ladder_has(l, RUNG_CAST);
	uint32_t flags = bpf_program__flags(skel->progs.weir_xdp);

	bpf_program__set_autoload(skel->progs.weir_gw_out, gateway && !cast);
	bpf_program__set_autoload(skel->progs.weir_gw_out_l3, gateway && !cast);
	bpf_program__set_autoload(skel->progs.weir_gw_cast, gateway && cast);
	bpf_program__set_autoload(skel->progs.weir_gw_cast_l3, gateway && cast);
	bpf_program__set_autoload(skel->progs.weir_xdp, (c->hooks & PROBE_XDP) && ladder_has(l, RUNG_XDP));
	if (!ladder_has(l, RUNG_XDP_FRAGS))
		bpf_program__set_flags(skel->progs.weir_xdp, flags & ~LADDER_XDP_HAS_FRAGS);
}

/* One attempt to open and load. */
static int try_load(const struct probe_conf *c, uint64_t root, uint64_t cookie, int without,
		    const struct ladder *l, struct weir_bpf **ret)
{
	struct weir_bpf *skel = weir_bpf__open();
	int r;

	if (!skel)
		return -errno;
	skel->rodata->weir_own_netns = without & WITHOUT_COOKIE ? 0 : cookie;
	skel->rodata->weir_trace_netns = cookie;
	skel->rodata->weir_stack_size = WEIR_MAX(16384, sysconf(_SC_PAGESIZE)); /* THREAD_SIZE of x86-64 and arm64 */
	skel->rodata->weir_root_id = root;
	choose_programs(skel, without, l);
	*complaint = '\0';
	choose_hooks(skel, c, l);
	r = set_sizes(skel, c, c->pin_dir);
	if (!r)
		r = weir_bpf__load(skel);
	if (r) {
		weir_bpf__destroy(skel);
		return r;
	}
	*ret = skel;
	return 0;
}

/* A program may be refused where the least of its type is not: what was left out then counts as refused. */
static void note_refused(struct ladder *l, int without, int r)
{
	static const struct {
		int without;
		enum rung rung;
	} left_out[] = {
		{WITHOUT_COOKIE, RUNG_NETNS},	{WITHOUT_PASSES, RUNG_TCP_ITER},  {WITHOUT_TRACING, RUNG_KFREE},
		{WITHOUT_TRACING, RUNG_KFREE_RX}, {WITHOUT_TRACING, RUNG_TCP_TRACE}, {WITHOUT_TRACING, RUNG_TCP_ITER},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(left_out); i++)
		if (without & left_out[i].without && ladder_has(l, left_out[i].rung))
			l->said[left_out[i].rung] = r;
}

/* Best first: without what the kernel said to lack, then without more. */
static int load(struct probe *p, const struct probe_conf *c, const char *root)
{
	int without, lacks = (ladder_has(&p->ladder, RUNG_NETNS) ? 0 : WITHOUT_COOKIE) |
			     (ladder_has(&p->ladder, RUNG_TCP_ITER) ? 0 : WITHOUT_PASSES);
	uint64_t cookie = 0, root_id;
	int r = weir_cgroup_id(root, &root_id), last = 0;

	if (r)
		return r;
	netns_cookie(&cookie);
	for (without = lacks;; without = (without + 1) | lacks) {
		r = try_load(c, root_id, cookie, without, &p->ladder, &p->skel);
		if (!r || without == WITHOUT_ALL)
			break;
		last = r;
	}
	if (!r && last)
		note_refused(&p->ladder, without, last);
	return r;
}

/* The whole of an mmapable map. */
static int map_memory(const struct bpf_map *m, void *ret)
{
	size_t len = (size_t)bpf_map__max_entries(m) * bpf_map__value_size(m), page = sysconf(_SC_PAGESIZE);
	void *mem;

	/* The kernel rounds elements up to 8 bytes: of any other size they would not be an array of C. */
	assert(bpf_map__value_size(m) % 8 == 0);
	mem = mmap(NULL, (len + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_map__fd(m), 0);

	if (mem == MAP_FAILED)
		return -errno;
	*(void **)ret = mem;
	return 0;
}

static int map_all(struct probe *p, const struct probe_conf *c)
{
	struct weir_bpf *s = p->skel;
	struct probe_tables *t = &p->tables;
	const struct {
		const struct bpf_map *map;
		void *ret;
	} maps[] = {
		{s->maps.weir_rows4, &p->rows.v4},     {s->maps.weir_rows6, &p->rows.v6},
		{s->maps.weir_bases, &p->bases},       {s->maps.weir_spooled, &p->spooled},
		{s->maps.weir_marks, &p->marks},	       {s->maps.weir_flow_health, &p->flow_health},
		{s->maps.data_ctl, &p->ctl},	       {s->maps.weir_cgroups, &p->cgroups},
		{s->maps.data_ifs, &p->ifs},	       {s->maps.weir_early, &p->early},
		{s->maps.data_ways, &p->ways},
		{s->maps.weir_sizes, &t->sizes},
		{s->maps.weir_decisions, &t->decisions}, {s->maps.weir_ranges, &t->ranges},
		{s->maps.weir_limits, &t->limits},     {s->maps.weir_failsafe, &t->failsafe},
		{s->maps.weir_subjects, &t->subjects}, {s->maps.weir_roots, &t->roots},
		{s->maps.weir_spans4, &t->spans4},
		{s->maps.weir_spans6, &t->spans6},     {s->maps.weir_disagree, &t->disagree},
	};
	int r = 0;

	p->flow_health_count = bpf_map__max_entries(s->maps.weir_flow_health);
	p->rows.flows4 = c->flow_rows;
	p->rows.count4 = bpf_map__max_entries(s->maps.weir_rows4);
	p->rows.count = p->rows.count4 + bpf_map__max_entries(s->maps.weir_rows6);
	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(maps); i++)
		r = map_memory(maps[i].map, maps[i].ret);
	return r;
}

static void take_fds(struct probe *p)
{
	struct weir_bpf *s = p->skel;
	bool cast = ladder_has(&p->ladder, RUNG_CAST), rx = bpf_program__fd(s->progs.weir_kfree_rx) >= 0;

	p->prog_fd[PROBE_INGRESS] = bpf_program__fd(s->progs.weir_ingress);
	p->prog_fd[PROBE_EGRESS] = bpf_program__fd(s->progs.weir_egress);
	p->prog_fd[PROBE_SOCKOPS] = bpf_program__fd(s->progs.weir_sockops);
	p->prog_fd[PROBE_TC_IN] = bpf_program__fd(s->progs.weir_tc_in);
	p->prog_fd[PROBE_TC_OUT] = bpf_program__fd(s->progs.weir_tc_out);
	p->prog_fd[PROBE_TC_IN_L3] = bpf_program__fd(s->progs.weir_tc_in_l3);
	p->prog_fd[PROBE_TC_OUT_L3] = bpf_program__fd(s->progs.weir_tc_out_l3);
	p->prog_fd[PROBE_GW_OUT] = bpf_program__fd(cast ? s->progs.weir_gw_cast : s->progs.weir_gw_out);
	p->prog_fd[PROBE_GW_OUT_L3] = bpf_program__fd(cast ? s->progs.weir_gw_cast_l3 : s->progs.weir_gw_out_l3);
	p->prog_fd[PROBE_XDP_IN] = bpf_program__fd(s->progs.weir_xdp);
	p->prog_fd[PROBE_KFREE] = bpf_program__fd(rx ? s->progs.weir_kfree_rx : s->progs.weir_kfree);
	p->prog_fd[PROBE_KFREE2] = bpf_program__fd(rx ? s->progs.weir_kfree_rx2 : s->progs.weir_kfree2);
	p->prog_fd[PROBE_RESET_IN] = bpf_program__fd(s->progs.weir_reset_in);
	p->prog_fd[PROBE_RESET_OUT] = bpf_program__fd(s->progs.weir_reset_out);
	p->prog_fd[PROBE_SET_STATE] = bpf_program__fd(s->progs.weir_set_state);
	p->prog_fd[PROBE_RETRANSMIT] = bpf_program__fd(s->progs.weir_retransmit);
	p->prog_fd[PROBE_PASS_TCP] = bpf_program__fd(s->progs.weir_pass_tcp);
	p->prog_fd[PROBE_PASS_FILE] = bpf_program__fd(s->progs.weir_pass_file);
	p->prog_fd[PROBE_RELEASE] = bpf_program__fd(s->progs.weir_release);
	p->workloads_fd = bpf_map__fd(s->maps.weir_workloads);
	p->terms_fd = bpf_map__fd(s->maps.weir_terms);
	p->drops_fd = bpf_map__fd(s->maps.weir_drops);
	p->nat_fd = bpf_map__fd(s->maps.weir_nat);
	p->root_fd = bpf_map__fd(s->maps.weir_root);
	p->health_fd = bpf_map__fd(s->maps.weir_health);
	p->health_rows = bpf_map__max_entries(s->maps.weir_health);
}

/* Fresh pins get their sizes and spill rows; adopted ones must be of this ABI and size. */
static int adopt(struct probe *p, const struct probe_conf *c, struct weir_err *err)
{
	size_t first = (size_t)c->flow_rows + c->total_rows;

	if (p->ctl->abi_version && p->ctl->abi_version != WEIR_ABI_VERSION)
		return weir_err_set(err, -EPROTO,
				    "%s: pins of ABI %u, this agent speaks %u; run weir-agent --detach first",
				    p->pin_dir, p->ctl->abi_version, WEIR_ABI_VERSION);
	if (p->ctl->abi_version)
		return 0;
	for (size_t i = 0; i < WEIR_SPILL_ROWS; i++) {
		struct weir_row *row = rows_at(&p->rows, first + i);

		row->workload = 0;
		row->dir = i / WEIR_VERDICTS;
		row->verdict = i % WEIR_VERDICTS;
		row->flags = WEIR_ROW_F_TOTAL;
		row->rule = WEIR_NO_RULE;
		__atomic_store_n(&row->state, WEIR_ROW_LIVE, __ATOMIC_RELEASE);
	}
	p->spooled->rows_fp = p->rows.count;
	p->ctl->flow_rows = c->flow_rows;
	p->ctl->flow_rows6 = c->flow_rows6;
	p->ctl->total_rows = c->total_rows;
	p->ctl->workloads = c->workloads;
	p->ctl->active = WEIR_A_MAKE(1, 0);
	__atomic_store_n(&p->ctl->abi_version, WEIR_ABI_VERSION, __ATOMIC_RELEASE);
	return 0;
}

static int check_conf(const struct probe_conf *c, struct weir_err *err)
{
	if (!c->flow_rows || c->flow_rows & (c->flow_rows - 1))
		return weir_err_set(err, -EINVAL, "bpf.flow_rows: %u is no power of two", c->flow_rows);
	if (!c->flow_rows6 || c->flow_rows6 & (c->flow_rows6 - 1))
		return weir_err_set(err, -EINVAL, "bpf.flow_rows6: %u is no power of two", c->flow_rows6);
	if (!c->total_rows || c->total_rows & (c->total_rows - 1))
		return weir_err_set(err, -EINVAL, "bpf.total_rows: %u is no power of two", c->total_rows);
	if (!c->flow_health_rows || c->flow_health_rows & (c->flow_health_rows - 1))
		return weir_err_set(err, -EINVAL, "bpf.flow_health_rows: %u is no power of two", c->flow_health_rows);
	return 0;
}

/* Where there is nothing to hang an observer on, sockets are counted all the same. */
static int observe_interfaces(struct probe *p, struct weir_err *err)
{
	struct weir_err why = {0};
	int r = probe_interfaces(p, &why);

	if (r && ladder_has(&p->ladder, RUNG_TC))
		return weir_err_set(err, r, "%s", *why.text ? why.text : strerror(-r));
	return 0;
}

static void attach_kfree(struct probe *p)
{
	int r = probe_attach_kfree(p);

	if (!r)
		probe_add_hook(p, "kfree_skb");
	else if (ladder_has(&p->ladder, RUNG_KFREE))
		p->ladder.said[RUNG_KFREE] = r;
}

/* What the settings turned off goes before what they turned on comes: no packet meets both. */
static int attach_all(struct probe *p, const char *root, struct weir_err *err)
{
	struct weir_workload gateway = {0};
	int r = 0;

	if ((p->on & PROBE_GATEWAY) && (r = probe_index_cgroup(p, WEIR_GATEWAY_CGROUP, &gateway)))
		return weir_err_set(err, r, "no workload index is left for the gateway; raise bpf.workloads");
	p->gateway = gateway.index;
	probe_adopt_interfaces(p, err);
	if ((r = probe_remove_strays(p)))
		return weir_err_set(err, r, "%s/links: %s", p->pin_dir, strerror(-r));
	if ((p->on & PROBE_CGROUP) && (r = probe_attach_cgroup(p, root, err)))
		return r;
	if (p->on & PROBE_OBSERVER)
		attach_kfree(p);
	if (p->on & PROBE_CGROUP) {
		probe_attach_health(p);
		probe_attach_release(p);
	}
	return observe_interfaces(p, err);
}

static int open_all(struct probe *p, const struct probe_conf *c, const char *root, struct weir_err *err)
{
	weir_auto_free char *links = weir_strf("%s/links", c->pin_dir);
	int r;

	if (!links || !(p->pin_dir = strdup(c->pin_dir)))
		return -ENOMEM;
	if ((r = probe_keep_patterns(p, c)))
		return r;
	if ((r = weir_mkdir_p(links, 0700)))
		return weir_err_set(err, r, "%s: %s; is bpffs mounted?", links, strerror(-r));
	if ((r = load(p, c, root)))
		return weir_err_set(err, r,
				    "loading BPF: %s (%s); pins of other table sizes need weir-agent --detach, "
				    "see weir-agent --probe",
				    strerror(-r), *complaint ? complaint : "libbpf says nothing");
	take_fds(p);
	if ((r = map_all(p, c)))
		return weir_err_set(err, r, "mapping BPF tables: %s", strerror(-r));
	if ((r = adopt(p, c, err)))
		return r;
	if ((r = probe_prepare_health(p)))
		return weir_err_set(err, r, "TCP health: %s", strerror(-r));
	if ((r = attach_all(p, root, err)))
		return r;
	__atomic_store_n(&p->ctl->counting, 1, __ATOMIC_SEQ_CST);
	return 0;
}

int probe_open(const struct probe_conf *c, struct probe **ret, struct weir_err *err)
{
	weir_auto_free char *mount = NULL;
	struct ladder ladder;
	struct probe *p;
	int r = check_conf(c, err);

	if (r)
		return r;
	libbpf_set_print(libbpf_note);
	ladder_ask(&ladder);
	if ((r = ladder_check(&ladder, err)))
		return r;
	if (!*c->cgroup_root && (r = weir_cgroup2_mount(&mount)))
		return weir_err_set(err, r, "bpf.cgroup_root: no cgroup v2 mount found; mount one or name it");
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->ladder = ladder;
	p->on = c->hooks ? c->hooks : PROBE_CGROUP | PROBE_OBSERVER;
	p->early_words = PROBE_EARLY_WORDS(c->prefixes);
	p->max.prefixes = c->prefixes;
	p->max.decisions = c->decisions;
	p->max.ranges = c->ranges;
	p->max.spans = probe_spans(c);
	for (size_t i = 0; i < PROBE_PROGS; i++)
		p->prog_fd[i] = -1;
	p->pass_link[0] = p->pass_link[1] = p->pins = -1;
	r = open_all(p, c, mount ? mount : c->cgroup_root, err);
	if (r) {
		probe_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	weir_closep(&p->pass_link[0]);
	weir_closep(&p->pass_link[1]);
	weir_closep(&p->pins);
	if (p->skel)
		weir_bpf__destroy(p->skel); /* pins and links stay; mappings end with the process */
	probe_free_patterns(p);
	free(p->pin_dir);
	free(p);
}

void probe_each_refused(const struct probe *p, void (*fn)(const char *text))
{
	for (enum rung i = 0; i < RUNGS; i++) {
		weir_auto_free char *text = ladder_refusal(&p->ladder, i);

		if (text)
			fn(text);
	}
}

const char *probe_hooks(const struct probe *p)
{
	return p->hooks;
}
