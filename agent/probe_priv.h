/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the probe share; nobody else includes this. */
#ifndef WEIR_AGENT_PROBE_PRIV_H
#define WEIR_AGENT_PROBE_PRIV_H

#include <net/if.h>

#include <linux/bpf.h>

#include "agent/probe.h"
#include "agent/probe_ladder.h"

/* Programs by number, so that attaching is a table. */
enum probe_prog {
	PROBE_INGRESS,
	PROBE_EGRESS,
	PROBE_SOCKOPS,
	PROBE_TC_IN,
	PROBE_TC_OUT,
	PROBE_TC_IN_L3,
	PROBE_TC_OUT_L3,
	PROBE_KFREE,
	PROBE_RESET_IN,
	PROBE_RESET_OUT,
	PROBE_SET_STATE,
	PROBE_RETRANSMIT,
	PROBE_PASS_TCP,
	PROBE_PASS_FILE,
	PROBE_RELEASE,
	PROBE_PROGS,
};

/* A generation's tables in the kernel's memory, both halves each; names as in bpf/inc/maps.h. */
struct probe_tables {
	struct weir_table_sizes *sizes;
	struct weir_decision *decisions;
	struct weir_range *ranges;
	struct weir_limit *limits;
	struct weir_failsafe *failsafe;
	struct weir_subject_class *subjects;
	struct weir_root *roots;
	struct weir_span4 *spans4;
	struct weir_span6 *spans6;
	struct weir_disagree *disagree;
};
#define PROBE_MAX_LIMITS 4096
#define PROBE_MAX_RULES 16385 /* of a bundle, and one for "no rule" */

struct probe_if {
	uint32_t ifindex;
	char name[IF_NAMESIZE];
	bool present;
};
#define PROBE_MAX_IF 160 /* times 24 terms fits the terms map */

struct probe {
	struct weir_bpf *skel;
	char *pin_dir;
	char **patterns;
	int prog_fd[PROBE_PROGS]; /* owned by skel; -1 = not loaded */
	int workloads_fd, terms_fd, drops_fd, nat_fd, root_fd, health_fd;
	uint32_t health_rows;
	int pass_link[2]; /* of the iterators, kept while the agent runs; -1 = refused */
	struct rows rows;
	struct weir_base *bases;
	struct weir_spooled *spooled;
	struct weir_ctl *ctl;
	uint64_t *cgroups; /* by workload index */
	struct probe_tables tables;
	bool quiet;    /* no packet reads the half that is not in force */
	bool mirrored; /* and it is the same as the other one */
	struct {
		uint32_t prefixes, decisions, ranges, spans; /* of one half */
	} max;
	struct probe_if ifs[PROBE_MAX_IF];
	size_t if_count;
	struct ladder ladder; /* what this kernel gives and what is used of it */
	char hooks[128];
};

/* probe_pace.c */
int probe_attach_release(struct probe *p); /* -ENOTSUP: no socket iterators */
/* Ends enforcement under these pins and gives every socket back the pacing that it had. */
int probe_release_pacing(const char *pin_dir);

/* probe_attach.c */
int probe_attach_cgroup(struct probe *p, const char *root, struct weir_err *err);
int probe_attach_kfree(struct probe *p);
/* probe_health.c */
int probe_prepare_health(struct probe *p); /* before the first socket can call */
void probe_attach_health(struct probe *p);

int probe_add_hook(struct probe *p, const char *name);

/* probe_switch.c */
uint64_t probe_active_bits(const struct probe *p);
/* One store: what every packet from now on goes by. */
void probe_make_active(struct probe *p, uint64_t bits);
bool probe_sizes_fit(const struct probe *p, const struct weir_table_sizes *n);
/* probe_update.c */
/* Waits until no packet reads the half that is not in force. */
int probe_quiet(struct probe *p);

/* probe_neighbours.c */
/* -EBUSY: a program of somebody else, here or above, would refuse ours or fall silent because of it. */
int probe_check_neighbours(int cgroup, const char *hook, enum bpf_attach_type type, struct weir_err *err);
/* Whether a pinned link hangs on this cgroup; true for links of other kinds. */
bool probe_link_at(int link, int cgroup);

#endif
