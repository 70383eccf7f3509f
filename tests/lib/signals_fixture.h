/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that no file and no peer fills, at a time of their own. */
#ifndef WEIR_TEST_SIGNALS_FIXTURE_H
#define WEIR_TEST_SIGNALS_FIXTURE_H

#include "aggregator/signals_impl.h"
#include "lib/base/clock.h"

#define NOW_S 1795500000ull /* 2026-11-24T06:00:00Z */

static inline struct weir_addr addr(const char *text)
{
	struct weir_addr a = {0};

	if (weir_addr_parse(text, &a))
		abort();
	return a;
}

static inline bool is(const struct weir_addr *a, const char *text)
{
	struct weir_addr b = addr(text);

	return !memcmp(a, &b, sizeof(b));
}

/* Signals without files and peers, and a source to put them by. */
static inline struct signals_source *source(struct signals *s)
{
	struct signals_source *src;

	if (signals_init(s) || signals_add_source(s, &signals_eve, "eve", 3, "/eve.json", &src))
		abort();
	s->now_ns = NOW_S * WEIR_NS_PER_S;
	return src;
}

#endif
