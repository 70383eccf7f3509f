/* SPDX-License-Identifier: Apache-2.0 */
/* What answers about cost share: lines by the values of their dimensions, ranges of the same length, slots of time. */
#ifndef AGGREGATOR_API_COST_H
#define AGGREGATOR_API_COST_H

#include "aggregator/api.h"

#define API_COST_KEY 1024
/* The values of n dimensions one behind the other, each with its terminator; its length, 0 = longer than any. */
size_t api_cost_key(const struct query_cost *q, size_t n, char key[API_COST_KEY]);

/* Where the range of as many buckets begins that ends where the first bucket of from_s does. A range that reaches
 * beyond now ends now. */
void api_cost_before(uint64_t from_s, uint64_t to_s, uint64_t now_s, uint64_t bucket_s, uint64_t *ret_from_s);
/* At most so many slots of whole buckets that cover the range. */
void api_cost_slots(uint64_t from_s, uint64_t end_s, uint64_t bucket_s, uint32_t most, uint64_t *ret_step_s, uint32_t *ret_n);

#endif
