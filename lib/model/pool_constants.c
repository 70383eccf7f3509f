/* SPDX-License-Identifier: Apache-2.0 */
/* As `WEIR_LONG=1 make eval ONLY=pool` chooses them, by no test value: tests/eval/pool/choose.c. */
#include "lib/model/pool.h"

const struct weir_pool_constants weir_pool_constants = {
	.counts = {[WEIR_MEMBER_LINEAR] = 1.5, [WEIR_MEMBER_SNAIVE] = 2, [WEIR_MEMBER_ETS] = 1, [WEIR_MEMBER_THETA] = 1,
		   [WEIR_MEMBER_ARIMA] = 2, [WEIR_MEMBER_MSTL] = 0.25, [WEIR_MEMBER_PROPHET] = 2, [WEIR_MEMBER_CYCLE] = 1,
		   [WEIR_MEMBER_LSTM] = 0.5},
	.power = 5,
	.recent = 0.8,
	.same = 4,
	.near = 2,
	.newest = 2,
	.loses = -0.4,
	.loses_ramp = 0.4,
	.worse = 0,
	.worse_ramp = 0.8,
	.follows = {[WEIR_MEMBER_SNAIVE] = 0.25, [WEIR_MEMBER_ETS] = 0.25, [WEIR_MEMBER_THETA] = 0.25, [WEIR_MEMBER_MSTL] = 0.25},
};
