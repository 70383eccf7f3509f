/* SPDX-License-Identifier: Apache-2.0 */
/* What models say of the traffic, as answers: the parts that need no running aggregator. */
#ifndef AGGREGATOR_API_LIVE_H
#define AGGREGATOR_API_LIVE_H

#include "aggregator/api.h"
#include "aggregator/live_watch.h"
#include "aggregator/store_finding.h"

/* An answer holds so many items at most: one has up to 200 numbers, or a proposal. */
#define API_LIVE_ITEMS 1000

/* The parameters of c on v; v NULL: nothing is forecast yet. */
int api_forecast_of(struct api_call *c, const struct live_view *v, json_t **ret);
/* A finding as it is kept, with since when, for how long and how much so far. -EBADMSG: what is kept of it is no JSON. */
int api_finding(const struct store_finding *f, uint64_t now_s, json_t **ret);

#endif
