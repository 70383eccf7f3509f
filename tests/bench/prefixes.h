/* SPDX-License-Identifier: Apache-2.0 */
/* A million prefixes, for whom needs them in force. */
#ifndef WEIR_BENCH_PREFIXES_H
#define WEIR_BENCH_PREFIXES_H

#include "tests/bench/world.h"

/* The same numbers on every run. */
uint32_t prefixes_scramble(uint32_t i);
/* First address of the i-th of WORLD_PREFIXES, a /24, host order. */
uint32_t prefixes_at(uint32_t i);
/* Puts them in force in a big world; and the class of the i-th. */
int prefixes_load(struct world *w, struct weir_err *err);
uint32_t prefixes_class(const struct world *w, uint32_t i);

#endif
