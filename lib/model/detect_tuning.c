/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/detect_impl.h"

const struct detect_tuning detect_tuning = {
	.weight = {1.1, 1.0, 1.0, 1.5, 0.2, 1.3},
	.rest_decay = 0.99717, /* halves in 245 values */
	.rest_over = 1.2,
	.onset_least = 4,
	.onset_decay = 0.99930709, /* halves in 1000 */
	.onset_weight = 0.1,
	.tail_grow = 1.00014,
	.max_decay = 0.99986,
	.beyond = 5.3,
	.grid = 1.36,
	.escape = 0.65,
	.surprise = 4.2,
	.forget = 0.009,
	.resonance = 0.8,
	.block = 9,
	.few = 15.6,
	.many = 276,
	.least = 0.00064,
	.alarm = 0.415,
};
