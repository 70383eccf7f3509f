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
	PROBE_GW_OUT,
	PROBE_GW_OUT_L3,
	PROBE_XDP_IN,
	PROBE_KFREE,
	PROBE_KFREE2,
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

/* Of a slot of weir_ifs, what only this process knows. */
struct probe_if {
	bool seen;   /* by the last look at all interfaces */
	bool gone;   /* its name stays until its last counts were spooled */
	bool joined; /* while counting went on: rows may hold counts that the observer does not */
};

/* One bit for each peer class that so many prefixes can name. */
#define PROBE_EARLY_WORDS(prefixes) ((prefixes) / 64 + 1)

struct probe {
	struct weir_bpf *skel;
	char *pin_dir;
	int pins; /* that directory, once held; else -1 */
	uint32_t on; /* PROBE_CGROUP .. PROBE_XDP */
	uint32_t gateway; /* index of the gateway's workload; 0 = no gateway */
	char **patterns, **inside, **local;
	int prog_fd[PROBE_PROGS]; /* owned by skel; -1 = not loaded */
	int workloads_fd, terms_fd, drops_fd, nat_fd, root_fd, health_fd;
	uint32_t health_rows;
	int pass_link[2]; /* of the iterators, kept while the agent runs; -1 = refused */
	struct rows rows;
	struct weir_base *bases;
	struct weir_flow_health *flow_health;
	size_t flow_health_count;
	struct weir_spooled *spooled;
	struct weir_marks *marks;
	struct weir_ctl *ctl;
	uint64_t *cgroups; /* by workload index */
	struct probe_tables tables;
	bool quiet;    /* no packet reads the half that is not in force */
	bool mirrored; /* and it is the same as the other one */
	struct {
		uint32_t prefixes, decisions, ranges, spans; /* of one half */
	} max;
	struct weir_if *ifs; /* WEIR_IF_SLOTS, shared with the kernel */
	struct weir_way *ways; /* WEIR_WAYS, shared with the kernel */
	struct probe_if if_state[WEIR_IF_SLOTS];
	uint64_t *early;     /* two halves of early_words, shared with the kernel */
	size_t early_words;
	probe_if_fn if_fn;
	void *if_arg;
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
/* Adopts the link pinned under name, or makes and pins it. */
int probe_link(struct probe *p, const char *name, int prog_fd, int target, enum bpf_attach_type type,
	       uint32_t flags);
/* True when a link is pinned under name and its interface is still there. */
bool probe_has_link(const struct probe *p, const char *name);
int probe_unlink(const struct probe *p, const char *name);
/* Pins a tracepoint's link; one that is found stays: such links cannot change their program. */
int probe_link_tracing(const struct probe *p, const char *name, int prog_fd);
int probe_clsact(uint32_t ifindex, int prog_fd, bool out);
bool probe_has_clsact(uint32_t ifindex, bool out);
void probe_clsact_remove(uint32_t ifindex, bool out);
/* Removes links that the settings, or interfaces that vanished while no agent ran, left behind. */
int probe_remove_strays(struct probe *p);

/* probe_ifaces.c */
int probe_keep_patterns(struct probe *p, const struct probe_conf *c);
void probe_free_patterns(struct probe *p);
/* The program that belongs at an interface's tc hook; false: none. ret_prog may be NULL. */
bool probe_tc_prog(const struct probe *p, uint32_t ifindex, bool out, enum probe_prog *ret_prog);
unsigned int probe_arp_type(const char *name); /* ARPHRD_* */
void probe_adopt_interfaces(struct probe *p, struct weir_err *err);

/* probe_ways.c */
/* The passages from leg to leg as the interfaces are now. Waits for a grace period when one has ended. */
void probe_lay_ways(struct probe *p);

/* probe_xdp.c */
int probe_attach_xdp(struct probe *p, uint32_t ifindex, const char *name, struct weir_err *err);
/* Before the half `slot` of the tables comes into force. */
int probe_fill_early(struct probe *p, uint32_t slot, const struct weir_tables *t);

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
