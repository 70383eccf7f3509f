/* SPDX-License-Identifier: Apache-2.0 */
/* As `WEIR_LONG=1 make eval ONLY=pool` chooses them, from round numbers and by no test value: tests/eval/pool/choose.c. */
#include "lib/model/pool.h"

const struct weir_pool_caution weir_pool_caution = {
	.newest = 0.5,
	.loses = -0.4,
	.loses_ramp = 0.4,
	.worse = -0.3,
	.worse_ramp = 1.2,
	.follows = {[WEIR_MEMBER_SNAIVE] = 0.8, [WEIR_MEMBER_ETS] = 0.2 / 3, [WEIR_MEMBER_THETA] = 0.2 / 3, [WEIR_MEMBER_MSTL] = 0.2 / 3},
};
