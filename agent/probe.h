/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only module that knows libbpf: loads, attaches, pins and adopts the programs and maps, and gives
 * the rest of the agent plain views of them. Pins live in <pin_dir>: counting and enforcement go on
 * while no agent runs; probe_open() adopts what it finds (same ABI version) and attaches what is missing.
 */
#ifndef WEIR_AGENT_PROBE_H
#define WEIR_AGENT_PROBE_H

#include "agent/ifaces.h"
#include "agent/rows.h"
#include "lib/base/base.h"
#include "lib/policy/bundle.h"

/* Hooks, each on or off per node. */
enum probe_hook {
	PROBE_CGROUP = 1,   /* cgroup_skb and sockops: counts and enforces at sockets */
	PROBE_OBSERVER = 2, /* tc and kfree_skb: the truth of an interface, counts only */
	PROBE_GATEWAY = 4,  /* tc egress: counts and enforces what passes from leg to leg */
	PROBE_XDP = 8,	    /* drops early what no subject may exchange packets with */
};

struct probe_conf {
	uint32_t hooks; /* probe_hook; 0 = PROBE_CGROUP | PROBE_OBSERVER */
	const char *cgroup_root; /* "" = mount point of cgroup v2 */
	const char *pin_dir;	 /* "/sys/fs/bpf/weir" */
	/* NULL-terminated fnmatch patterns: of interfaces to follow; of those among them that lead a
	 * gateway inside; of those whose far end is on this node, hence never legs of a gateway. */
	const char *const *interfaces, *const *inside, *const *local;
	uint32_t flow_rows, flow_rows6, total_rows; /* powers of two; flows of IPv4, of IPv6 */
	uint32_t workloads;	 /* capacity */
	uint32_t nat_rows;	 /* translations of virtual addresses */
	uint32_t prefixes, decisions, ranges; /* capacities of one generation */
	uint32_t health_rows;	 /* TCP health, per workload and kind of peer */
	uint32_t flow_health_rows; /* of flows, a power of two */
};

struct probe;
int probe_open(const struct probe_conf *conf, struct probe **ret, struct weir_err *err);
/* Leaves all pins and links: the kernel goes on. */
void probe_close(struct probe *p);
/* From now on pins are reached through an open directory: systemd keeps the way to /sys/fs/bpf to root. */
int probe_hold_pins(struct probe *p);
/* Removes every link, pin, map and pacing of pin_dir; needs no running agent. Connections survive. */
int probe_detach(const char *pin_dir, struct weir_err *err);
/* `weir-agent --probe`: one line per rung: "yes" or "refused", name, errno, what is used instead. An error
 * with its sentence when weir cannot run on this kernel. */
int probe_report(FILE *f, struct weir_err *err);
/* Calls fn for each thing that this kernel refuses, with the errno and what is used instead. */
void probe_each_refused(const struct probe *p, void (*fn)(const char *text));
/* Hooks in use, "cgroup_skb sockops tcx kfree_skb"; valid while p lives. */
const char *probe_hooks(const struct probe *p);
/* Looks at all interfaces anew: follows those that appeared, gives up those that vanished. */
int probe_interfaces(struct probe *p, struct weir_err *err);
/* The same for one, of which the kernel has news. */
int probe_interface(struct probe *p, const struct iface_news *n, struct weir_err *err);
/* fn is told of each interface that joins while counting goes on (what rows hold of it so far its
 * observer did not see), those that joined before this call included, and of each that has left: its
 * terms are gone and its index means nothing any more. */
typedef void (*probe_if_fn)(bool joined, uint32_t ifindex, const char *name, void *arg);
void probe_follow(struct probe *p, probe_if_fn fn, void *arg);
/* An interface of this name is followed, and was so already when the last agent ended. */
bool probe_follows(const struct probe *p, const char *name);
/* What counts of vanished interfaces came to was spooled: they leave. */
void probe_forget_gone(struct probe *p);

/* Runs of the programs on a packet's way and their time, cumulative, of the times when the kernel measured. */
struct probe_run {
	uint64_t ns, sockets, interfaces, early;
};
int probe_runs(const struct probe *p, struct probe_run *ret);
/* A descriptor; the kernel measures until it is closed. -EPERM: that takes CAP_SYS_ADMIN. */
int probe_measure(void);

/* Plain memory shared with the kernel. */
struct rows probe_rows(const struct probe *p);
struct weir_base *probe_bases(struct probe *p); /* parallel to rows */
struct weir_flow_health *probe_flow_health(struct probe *p, size_t *ret_count); /* a power of two */
struct weir_spooled *probe_spooled(struct probe *p);
struct weir_ctl *probe_ctl(struct probe *p);
struct weir_marks *probe_marks(struct probe *p);
/* After it returns no BPF program still uses what it read before the call. */
int probe_grace(struct probe *p);

/* Calls fn for each known (cgroup id, workload index). */
int probe_each_workload(struct probe *p, int (*fn)(uint64_t cgroup, struct weir_workload w, void *arg), void *arg);
/*
 * The workload index of a cgroup, given out now if it has none. -ENOSPC: idle cgroups have taken their
 * share; it gets one with its first packet.
 */
int probe_index_cgroup(struct probe *p, uint64_t cgroup, struct weir_workload *ret);
int probe_forget_cgroup(struct probe *p, uint64_t cgroup);
/* Cumulative identity terms; name is the interface's. */
int probe_each_term(struct probe *p,
		    int (*fn)(const char *ifname, const struct weir_term_key *k, const struct weir_count *c, void *arg),
		    void *arg);
/* Name of an observed interface, "" for 0 or unknown. */
const char *probe_ifname(const struct probe *p, uint32_t ifindex);
/* Translations that the socket hook learned; fn may forget the one it is given. */
int probe_nat_find(struct probe *p, const struct weir_nat_key *k, struct weir_nat *ret);
int probe_nat_put(struct probe *p, const struct weir_nat_key *k, const struct weir_nat *n);
int probe_nat_forget(struct probe *p, const struct weir_nat_key *k);
int probe_each_nat(struct probe *p, int (*fn)(const struct weir_nat_key *k, const struct weir_nat *n, void *arg),
		   void *arg);
int probe_drops(struct probe *p, struct weir_count ret[WEIR_DROPS]);

/*
 * Visits every TCP socket: takes over those older than weir, settles idle ones. *ret_taken: how many
 * were taken over. Costs about a microsecond per socket and open file. -ENOTSUP: no iterators here.
 */
int probe_health_pass(struct probe *p, size_t *ret_taken);
/* All health rows at once; room for probe_health_max() of each. Cumulative: reading is idempotent. */
uint32_t probe_health_max(const struct probe *p);
int probe_health_read(struct probe *p, struct weir_health_key *keys, struct weir_health *rows,
		      size_t *ret_count);
int probe_health_delete(struct probe *p, const struct weir_health_key *k);

/* Also when only default_deny changed: what rows have cached becomes stale. */
void probe_set_mode(struct probe *p, enum weir_mode mode);
/* Builds the tables beside the old ones and switches by one store. subject_of[i] = subject class of
 * workload index i. On any failure the running generation stays. */
int probe_switch(struct probe *p, const struct weir_tables *t, const uint32_t *subject_of, size_t n,
		 struct weir_err *err);
/*
 * The same for a bundle that differs from the one in force in a few prefixes: writes their spans into the
 * other half and switches. sum: of the tables in force, becomes that of the new ones. Needs
 * probe_settle() after the last switch; -EAGAIN, -E2BIG or -ENOSPC: nothing has changed, use probe_switch().
 */
int probe_update(struct probe *p, const struct weir_bundle *b, const struct weir_prefix *changed, size_t n,
		 struct weir_tables_sum *sum);
/* After a switch: when no packet reads the other half any more, makes it the same as the one in force, so
 * that the next switch need not wait. Leaves a candidate alone. */
int probe_settle(struct probe *p);
/* What was switched to is not in force any more, and nothing is in its place. */
void probe_no_bundle(struct probe *p);
/*
 * Shadow: from now on each flow is also decided by these tables, once per generation; what they would
 * do otherwise is counted per rule, verdicts stay. Counts go on when tables of the same bundle are put
 * there anew. The tables go with the next switch, the counts stay.
 */
int probe_candidate(struct probe *p, const struct weir_tables *t, const uint32_t *subject_of, size_t n,
		    struct weir_err *err);
bool probe_has_candidate(const struct probe *p);
/* Ends it, and forgets the counts. An error means that some packet may still count. */
int probe_no_candidate(struct probe *p);
/* By rule of the candidate's bundle, the last of PROBE_MAX_RULES: no rule. */
#define PROBE_MAX_RULES 16385
const struct weir_disagree *probe_disagreements(const struct probe *p);
/* Workloads got their names after the switch: sets the subject classes, by workload index, of what is in
 * force and of the candidate, both as of one generation. NULL: as they are. */
void probe_set_subjects(struct probe *p, const uint32_t *in_force, const uint32_t *candidate, size_t n);
/* Digest of what the kernel's active tables really hold, comparable to weir_tables.digest.
 * -ENOENT: no generation is active. */
int probe_digest(struct probe *p, uint8_t ret[WEIR_SHA256_LEN]);
/* The same of the candidate's. -ENOENT: the kernel has none. */
int probe_candidate_digest(struct probe *p, uint8_t ret[WEIR_SHA256_LEN]);

#endif
