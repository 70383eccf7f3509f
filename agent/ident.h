/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a workload index is: cgroup id -> path -> name, kind, namespace, labels. Paths are learnt by
 * walking the cgroup root and kept up to date by inotify, so that a cgroup that lives shorter than
 * a window keeps its name. Names of removed cgroups stay until no row refers to them.
 */
#ifndef WEIR_AGENT_IDENT_H
#define WEIR_AGENT_IDENT_H

#include "agent/labels.h"
#include "lib/wire/msg.h"

#define IDENT_PATHS_MAX 65536

struct ident;
/* root: cgroup v2 directory, "" = its mount point. labels: file, "" = none. */
int ident_new(const char *root, const char *labels, uint32_t capacity, struct ident **ret,
	      struct weir_err *err);
void ident_free(struct ident *id);
/* What this node forwards is a workload too: gateway/<node>, without a cgroup of its own. */
int ident_set_node(struct ident *id, const char *node);
/* Reads the labels file again and renames all workloads; on failure the old labels stay. */
int ident_reload(struct ident *id, const char *labels, struct weir_err *err);

int ident_fd(const struct ident *id); /* readable: call ident_events */
void ident_events(struct ident *id);

/* For probe_each_workload(): remembers that index stands for this cgroup. */
int ident_note(uint64_t cgroup, struct weir_workload w, void *ident);
/*
 * Asks index() once for each cgroup that is there, so that a workload has its name, and policy its
 * subject, before the first packet; what index() refuses is noted when packets come.
 */
void ident_offer(struct ident *id, int (*index)(uint64_t cgroup, struct weir_workload *ret, void *arg),
		 void *arg);
/* Names what was noted since; walks the root at most once. True when a name is new or changed. */
bool ident_resolve(struct ident *id);
/* The same for names alone: the next ident_resolve() tells of what is new here. */
void ident_refresh(struct ident *id);

/* Never NULL; index 0 and unknown ones are "unidentified". Valid until ident_sweep or ident_reload.
 */
const struct weir_sum_workload *ident_who(uint32_t workload, void *ident);
/* What policies select by; false when the workload has no name (yet). */
bool ident_subject(const struct ident *id, uint32_t workload, struct weir_subject *ret);
uint32_t ident_limit(const struct ident *id); /* highest known index + 1 */

/* Forgets removed cgroups whose index is not marked in used (of ident_limit() entries); forget is
 * called for each that had an index. */
void ident_sweep(struct ident *id, const bool *used, void (*forget)(uint64_t cgroup, void *arg),
		 void *arg);

#endif
