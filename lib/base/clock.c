/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of the clocks, which cannot fail: the clock ids are constants the kernel knows. And times as text. */
#include "lib/base/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts = {0};

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * WEIR_NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t weir_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

uint64_t weir_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t weir_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t weir_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

char *weir_time_text(uint64_t wall_ns, char *buf)
{
	time_t s = (time_t)(wall_ns / WEIR_NS_PER_S);
	struct tm tm;

	/* 2^64 ns end in the year 2554: four digits always suffice. */
	gmtime_r(&s, &tm);
	strftime(buf, 21, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

uint32_t weir_time_month(uint64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return 0;
	return (uint32_t)(tm.tm_year + 1900) * 100 + (uint32_t)tm.tm_mon + 1;
}

int weir_time_day(const char *s, uint64_t *ret_s)
{
	struct tm tm = {0};
	/* strptime() takes a month of one digit, or with a blank. */
	const char *end = strspn(s, "0123456789-") == 10 ? strptime(s, "%Y-%m-%d", &tm) : NULL;
	int day = tm.tm_mday;
	time_t t;

	if (!end || *end)
		return -EINVAL;
	/* It takes 30 February too, and timegm() makes it 2 March. */
	t = timegm(&tm);
	if (t < 0 || tm.tm_mday != day)
		return -EINVAL;
	*ret_s = (uint64_t)t;
	return 0;
}
