/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, in nanoseconds. Decisions take time as an argument; only event loops call these. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <stdint.h>

#define WEIR_NS_PER_S 1000000000ull

uint64_t weir_wall_ns(void);	  /* CLOCK_REALTIME */
uint64_t weir_monotonic_ns(void); /* CLOCK_MONOTONIC */
uint64_t weir_cpu_ns(void);	  /* processor time that this thread has used */
uint64_t weir_boot_ns(void);	  /* CLOCK_BOOTTIME, what seen_s of a row counts */

/* "2026-11-24T00:23:53Z" into buf of at least 21 bytes; returns buf. */
char *weir_time_text(uint64_t wall_ns, char *buf);
/* The month of a Unix time in UTC: 202611. */
uint32_t weir_time_month(uint64_t time_s);
/* The Unix time at which a day of UTC begins: "2026-12-25", every digit, from 1970 on. -EINVAL */
int weir_time_day(const char *s, uint64_t *ret_s);

#endif
