/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns the bundle in force, and the candidate beside it, into kernel tables for the workloads of this
 * node, and keeps them in step when a workload gets its name later. A failure leaves the running
 * generation as it is.
 */
#ifndef WEIR_AGENT_GATE_H
#define WEIR_AGENT_GATE_H

#include "agent/ident.h"
#include "agent/probe.h"

struct gate;
int gate_new(struct probe *p, struct ident *id, struct gate **ret);
void gate_free(struct gate *g);
/* Takes the bundle when it returns 0. The candidate's tables go: gate_shadow_again() puts them back. */
int gate_apply(struct gate *g, struct weir_bundle *bundle, struct weir_err *err);
/* The same, but tables that the kernel already holds stay: after a restart of the agent. */
int gate_adopt(struct gate *g, struct weir_bundle *bundle, struct weir_err *err);
/* Workloads got names: same tables = only their subject class is set, else build and switch. */
int gate_names(struct gate *g, struct weir_err *err);
/* No bundle is in force any more, as before the first one. */
void gate_close(struct gate *g);
bool gate_open(const struct gate *g); /* a bundle is in force */
/* 0: the kernel holds what was put there; 1: it did not, and does again; < 0: it does not. The candidate's
 * tables go as in gate_apply() when it was mended. */
int gate_mend(struct gate *g, struct weir_err *err);

/*
 * Evaluates the bundle beside what is in force; takes it when it returns 0. What the kernel has counted
 * so far is taken for this bundle's: gate_shadow_end() stands between two candidates.
 */
int gate_shadow(struct gate *g, struct weir_bundle *bundle, struct weir_err *err);
int gate_shadow_again(struct gate *g, struct weir_err *err);
int gate_shadow_end(struct gate *g);
const struct weir_bundle *gate_candidate(const struct gate *g); /* NULL = none */

#endif
