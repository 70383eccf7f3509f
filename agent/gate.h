/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns the bundle in force into kernel tables for the workloads of this node, and keeps the two in
 * step when a workload gets its name later. A failure leaves the running generation as it is.
 */
#ifndef WEIR_AGENT_GATE_H
#define WEIR_AGENT_GATE_H

#include "agent/ident.h"
#include "agent/probe.h"

struct gate;
int gate_new(struct probe *p, struct ident *id, struct gate **ret);
void gate_free(struct gate *g);
/* Takes the bundle when it returns 0. */
int gate_apply(struct gate *g, struct weir_bundle *bundle, struct weir_err *err);
/* The same, but tables that the kernel already holds stay: after a restart of the agent. */
int gate_adopt(struct gate *g, struct weir_bundle *bundle, struct weir_err *err);
/* Workloads got names: same tables = only their subject class is set, else build and switch. */
int gate_names(struct gate *g, struct weir_err *err);
bool gate_open(const struct gate *g); /* a bundle is in force */

#endif
