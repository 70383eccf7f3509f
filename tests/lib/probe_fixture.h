/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real data plane for a unit test: its own cgroup, pin directory and small tables, gone afterwards.
 * Packets go in through BPF_PROG_RUN.
 */
#ifndef WEIR_TEST_PROBE_FIXTURE_H
#define WEIR_TEST_PROBE_FIXTURE_H

#include <arpa/inet.h>
#include <sys/stat.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "agent/probe_priv.h"
#include "lib/os/file.h"

struct fixture {
	struct probe *probe;
	char cgroup[256], pins[64];
	uint32_t prefixes; /* room for so many, and for 2^19 decisions; 0 = for few */
	bool small; /* policy tables for next to nothing: loads in a fraction of the time */
	uint32_t hooks; /* enum probe_hook; 0 = what a node has by default */
	const char *const *inside, *const *local;
};

/* Names and makes the cgroup; nothing is loaded yet. */
static inline int fixture_place(struct fixture *f, struct weir_err *err)
{
	weir_auto_free char *mount = NULL;
	int r = weir_cgroup2_mount(&mount);

	if (r)
		return weir_err_set(err, r, "no cgroup v2");
	snprintf(f->cgroup, sizeof(f->cgroup), "%s/weir-test-%d", mount, getpid());
	snprintf(f->pins, sizeof(f->pins), "/sys/fs/bpf/weir-test-%d", getpid());
	mkdir(f->cgroup, 0755);
	return 0;
}

static inline int fixture_probe_rows(const struct fixture *f, const char *const *interfaces, uint32_t flow_rows,
				     struct probe **ret, struct weir_err *err)
{
	struct probe_conf c = {.cgroup_root = f->cgroup, .pin_dir = f->pins, .interfaces = interfaces,
			       .hooks = f->hooks, .inside = f->inside, .local = f->local,
			       .flow_rows = flow_rows, .flow_rows6 = flow_rows, .total_rows = 64, .workloads = 16,
			       .nat_rows = 4, .prefixes = 4096, .decisions = 65536, .ranges = 65536, .health_rows = 8,
			       .flow_health_rows = 16};

	if (f->prefixes) {
		c.prefixes = f->prefixes;
		c.decisions = 1u << 19;
	}
	if (f->small)
		c.prefixes = 16, c.decisions = c.ranges = 128;
	return probe_open(&c, ret, err);
}

/* Loads and attaches, or takes over what stands at this place. */
static inline int fixture_probe(const struct fixture *f, const char *const *interfaces, struct probe **ret,
				struct weir_err *err)
{
	return fixture_probe_rows(f, interfaces, 64, ret, err);
}

static inline int fixture_open_rows(struct fixture *f, uint32_t flow_rows, struct weir_err *err)
{
	const char *none[] = {NULL};
	int r = fixture_place(f, err);

	return r ? r : fixture_probe_rows(f, none, flow_rows, &f->probe, err);
}

static inline int fixture_open(struct fixture *f, struct weir_err *err)
{
	return fixture_open_rows(f, 64, err);
}

static inline void fixture_close(struct fixture *f)
{
	struct weir_err err = {{0}};

	probe_close(f->probe);
	probe_detach(f->pins, &err);
	rmdir(f->cgroup);
}

/* The program's answer; -1 when the kernel refused to run it. ctx may be NULL. */
static inline int fixture_run_prog(int fd, struct __sk_buff *ctx, const void *pkt, size_t len)
{
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt, .data_size_in = (uint32_t)len,
			    .ctx_in = ctx, .ctx_size_in = ctx ? sizeof(*ctx) : 0, .repeat = 1);

	return bpf_prog_test_run_opts(fd, &opts) ? -1 : (int)opts.retval;
}

/* What the kernel is told of a frame at the socket hook: 1 pass, 0 drop, 2 drop by congestion (egress);
 * -1 refused to run. */
static inline int fixture_answer(struct fixture *f, enum weir_dir dir, const void *pkt, size_t len)
{
	return fixture_run_prog(f->probe->prog_fd[dir == WEIR_EGRESS ? PROBE_EGRESS : PROBE_INGRESS], NULL,
				pkt, len);
}

/* A frame through the socket hook: 1 pass, 0 drop, -1 refused by the kernel. */
static inline int fixture_run(struct fixture *f, enum weir_dir dir, const void *pkt, size_t len)
{
	int answer = fixture_answer(f, dir, pkt, len);

	return answer == 2 ? 0 : answer;
}

/* Bytes written as "4500003c"; returns how many. */
static inline size_t fixture_hex(const char *hex, uint8_t *to)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned int byte = 0;

		sscanf(hex + 2 * i, "%2x", &byte);
		to[i] = (uint8_t)byte;
	}
	return n;
}

/* What was not accounted in full, for a reason. */
static inline struct weir_count fixture_dropped(struct fixture *f, enum weir_drop reason)
{
	struct weir_count drops[WEIR_DROPS] = {{0}};

	probe_drops(f->probe, drops);
	return drops[reason];
}

#define FIXTURE_ANY UINT32_MAX /* an interface, a direction */

struct fixture_term {
	uint32_t ifindex, dir, term;
	struct weir_count sum;
};

static inline int fixture_add_term(const char *ifname, const struct weir_term_key *k,
				   const struct weir_count *c, void *arg)
{
	struct fixture_term *t = arg;
	bool here = t->ifindex == FIXTURE_ANY || t->ifindex == k->ifindex;

	(void)ifname;
	if (here && (t->dir == FIXTURE_ANY || t->dir == k->dir) && t->term == k->term) {
		t->sum.bytes += c->bytes;
		t->sum.packets += c->packets;
	}
	return 0;
}

/* What interfaces count as a term. */
static inline struct weir_count fixture_term(struct fixture *f, uint32_t ifindex, uint32_t dir,
					     enum weir_term term)
{
	struct fixture_term t = {.ifindex = ifindex, .dir = dir, .term = term};

	probe_each_term(f->probe, fixture_add_term, &t);
	return t.sum;
}

/* A live row, whatever its layout: what tests ask of one. */
struct fixture_row {
	struct weir_addr local, remote;
	uint16_t lport, rport;
	uint8_t proto, dir, verdict, flags;
	uint32_t workload, rule, limit;
	uint64_t bytes, packets;
};

/* Calls fn for each live row outside the spill region. */
static inline void fixture_each_row(struct fixture *f, void (*fn)(const struct fixture_row *r, void *arg), void *arg)
{
	const struct rows rows = probe_rows(f->probe);

	for (size_t i = 0; i < rows.count; i++) {
		const struct weir_row *r = rows_at(&rows, i);
		struct fixture_row out;

		if (i >= rows.count4 - WEIR_SPILL_ROWS && i < rows.count4)
			continue;
		if (__atomic_load_n(&r->state, __ATOMIC_ACQUIRE) != WEIR_ROW_LIVE)
			continue;
		out = (struct fixture_row){.lport = ntohs(r->lport_be), .rport = ntohs(r->rport_be),
					   .proto = r->proto, .dir = r->dir, .verdict = r->verdict,
					   .flags = r->flags, .workload = r->workload, .rule = r->rule,
					   .limit = r->limit, .bytes = r->bytes, .packets = r->packets};
		rows_addresses(r, out.local.b, out.remote.b);
		fn(&out, arg);
	}
}

struct fixture_rows {
	struct fixture_row *rows;
	size_t max, count;
};

static inline void fixture_collect(const struct fixture_row *r, void *arg)
{
	struct fixture_rows *all = arg;

	if (all->count < all->max)
		all->rows[all->count] = *r;
	all->count++;
}

/* At most max of them; returns how many there are. */
static inline size_t fixture_rows(struct fixture *f, struct fixture_row *ret, size_t max)
{
	struct fixture_rows all = {.rows = ret, .max = max};

	fixture_each_row(f, fixture_collect, &all);
	return all.count;
}

/* Forgets all flows and totals; spill rows stay, their counts go. */
static inline void fixture_clear(struct fixture *f)
{
	const struct rows rows = probe_rows(f->probe);

	memset(rows.v4, 0, (rows.count4 - WEIR_SPILL_ROWS) * sizeof(*rows.v4));
	memset(rows.v6, 0, (rows.count - rows.count4) * sizeof(*rows.v6));
	for (size_t i = rows.count4 - WEIR_SPILL_ROWS; i < rows.count4; i++)
		rows.v4[i].h.bytes = rows.v4[i].h.packets = 0;
}

#endif
