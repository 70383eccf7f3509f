/* SPDX-License-Identifier: Apache-2.0 */
/* The running aggregator: makes the parts, puts them on one loop, ends them in order. */
#ifndef AGGREGATOR_MANAGER_H
#define AGGREGATOR_MANAGER_H

#include "aggregator/config.h"

/* Takes over config. Runs until SIGTERM or SIGINT (returns 0) or a failure. SIGHUP looks at the policy
 * repository at once. */
int manager_run(struct config *config, struct weir_err *err);

#endif
