/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/detect_impl.h"

const struct detect_tuning detect_tuning = {
	.weight = {0.9, 1, 0.8, 1.2, 0.85, 1.15, 0.6},
	.rest_decay = 0.9968543,   /* halves in 220 values */
	.rest_over = 1.16,
	.onset_least = 2.6,
	.onset_decay = 0.99942255, /* halves in 1200 */
	.onset_weight = 0.083,
	.tail_grow = 1.0001733,	   /* doubles in 4000 */
	.max_decay = 0.99982673,   /* halves in 4000 */
	.beyond = 3,
	.grid = 2.57,
	.escape = 0.5,
	.surprise = 4.4,
	.forget = 0.01,
	.lstm_forget = 0.005,
	.resonance = 0.85,
	.block = 6,
	.few = 15,
	.many = 150,
	.least = 0.003,
	.alarm = 0.28,
};
