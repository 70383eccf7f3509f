/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: one loop that joins all modules. Holds timers and signals, decides nothing. */
#ifndef WEIR_AGENT_MANAGER_H
#define WEIR_AGENT_MANAGER_H

#include "agent/rollback.h"

struct manager;
/* Takes the contents of c. path is read again on SIGHUP. */
int manager_new(struct config *c, const char *path, struct manager **ret, struct weir_err *err);
void manager_free(struct manager *m);
/* Until SIGTERM or SIGINT (0) or a failure that cannot be outlived. Pins stay either way. */
int manager_run(struct manager *m);
/* Instead: root takes back the bundle in force. */
int manager_rollback(struct manager *m, char text[ROLLBACK_TEXT_MAX]);

#endif
