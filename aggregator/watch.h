/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers what the checks go by from the running aggregator. */
#ifndef AGGREGATOR_WATCH_H
#define AGGREGATOR_WATCH_H

#include "aggregator/checks.h"

struct watch;
int watch_new(struct watch **ret);
void watch_free(struct watch *w);
/* The problems of now; their nodes live as long as the fleet. Room for CHECKS_PROBLEMS. */
int watch_run(struct watch *w, const struct service *sv, const struct fleet *fleet, struct problem *ret,
	      size_t *ret_count);

#endif
