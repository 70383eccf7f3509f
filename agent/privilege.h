/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent gives up once it is attached. */
#ifndef WEIR_AGENT_PRIVILEGE_H
#define WEIR_AGENT_PRIVILEGE_H

#include "agent/config.h"
#include "agent/probe.h"

/* Becomes agent.user, keeps three capabilities and the system calls that it needs; before any thread is
 * started. What the system refuses is said in one line, and the next best is taken; fails only where files
 * were half handed over. conf_path is read again on SIGHUP. */
int privilege_drop(const struct config *c, const char *conf_path, struct probe *p, struct weir_err *err);

#endif
