/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/detect_impl.h"

const struct detect_tuning detect_tuning = {
	.weight = {0.213, 2, 0.532, 1.06, 1.3, 2},
	.rest_decay = 0.9984323,	/* halves in 442 values */
	.rest_over = 1.2,
	.onset_least = 2.5,
	.onset_decay = 0.99963429, /* halves in 1895 */
	.onset_weight = 0.1,
	.tail_grow = 1.00016712,	/* doubles in 4148 */
	.max_decay = 0.99981946, /* halves in 3839 */
	.beyond = 4.82,
	.grid = 2.07,
	.escape = 0.241,
	.surprise = 4.2,
	.forget = 0.0135,
	.resonance = 0.872,
	.block = 9,
	.few = 19.9,
	.many = 132,
	.least = 0.00162,
	.alarm = 0.36,
};
