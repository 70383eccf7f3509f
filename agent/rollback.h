/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-agent --rollback: root returns the node to the last confirmed bundle, whether its agent runs or not and
 * whether the aggregator lives or not. A running agent is asked by a file and answers by another; without one
 * the command does it itself. Either way it is on disk before the command ends, and reported when the
 * aggregator is heard of.
 */
#ifndef WEIR_AGENT_ROLLBACK_H
#define WEIR_AGENT_ROLLBACK_H

#include "agent/config.h"

/* In <state_dir>/bundle. */
#define ROLLBACK_REQUEST "rollback"
#define ROLLBACK_ANSWER "rollback.answer"
#define ROLLBACK_DONE "done: "
#define ROLLBACK_TEXT_MAX 200

/* Takes what c holds. 0: text says what was done; else what was not. */
int rollback(struct config *c, const char *path, char text[ROLLBACK_TEXT_MAX], struct weir_err *err);

#endif
