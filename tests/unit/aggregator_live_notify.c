/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears of a finding, and when. */
#include "aggregator/live_notify.h"
#include "tests/lib/test.h"

#define NOW_S 1795500000ull /* 2026-11-24T06:00:00Z */

static void settings(struct config *c, char **hooks, const char *quiet, const char *least, const char *wake)
{
	*c = (struct config){.notify_findings = hooks, .notify_quiet = (char *)quiet, .notify_least = (char *)least, .notify_wake = (char *)wake};
}

/* 2026-11-24T00:00:00Z */
#define DAY_S (NOW_S - 6 * 3600)
#define AT(h, m) (DAY_S + (h) * 3600 + (m) * 60)

TEST(at_night_only_what_cannot_wait_is_told)
{
	static const struct {
		uint64_t now_s;
		int64_t nanos;
		uint64_t when_s;
	} cases[] = {
		{AT(21, 59), 1000000000, AT(21, 59)}, {AT(22, 0), 1000000000, AT(31, 30)}, {AT(23, 59), 1000000000, AT(31, 30)},
		{AT(24, 0), 1000000000, AT(31, 30)},  {AT(31, 29), 1000000000, AT(31, 30)}, {AT(31, 30), 1000000000, AT(31, 30)},
		{AT(23, 0), 5000000000, AT(23, 0)},   {AT(23, 0), 4999999999, AT(31, 30)},  {AT(12, 0), 499999999, 0},
	};
	char *hooks[] = {(char *)"ops", NULL};
	struct weir_err err = {{0}};
	struct config c;

	settings(&c, hooks, "22:00-07:30", "0.5", "5");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		const struct weir_finding f = {.kind = WEIR_FINDING_RUNAWAY_EGRESS, .nanos_per_hour = cases[i].nanos};
		struct live_notify n = {0};
		uint64_t when_s;

		CHECK(!live_notify_init(&n, &c, &err), "%s", err.text);
		when_s = live_notify_when(&n, &f, cases[i].now_s);
		CHECK(when_s == cases[i].when_s, "%zu: %lld minutes of the day", i, ((long long)when_s - (long long)DAY_S) / 60);
	}
}

TEST(threats_are_told_whatever_they_cost_and_drift_never)
{
	char *hooks[] = {(char *)"ops", NULL};
	struct live_notify n = {0};
	struct weir_err err = {{0}};
	struct config c;

	settings(&c, hooks, "", "0.5", "");
	CHECK(!live_notify_init(&n, &c, &err), "%s", err.text);
	for (int k = 0; k < WEIR_FINDING_KINDS; k++) {
		const struct weir_finding cheap = {.kind = (enum weir_finding_kind)k}, dear = {.kind = (enum weir_finding_kind)k, .nanos_per_hour = 1000000000};
		bool threat = k <= WEIR_FINDING_BEACON;

		CHECK((live_notify_when(&n, &cheap, NOW_S) == NOW_S) == threat, "%s for nothing", weir_finding_kind_name((enum weir_finding_kind)k));
		CHECK((live_notify_when(&n, &dear, NOW_S) == NOW_S) == (k != WEIR_FINDING_DRIFT), "%s", weir_finding_kind_name((enum weir_finding_kind)k));
	}
	n.hooks = NULL;
	CHECK(!live_notify_when(&n, &(struct weir_finding){.kind = WEIR_FINDING_FLOOD}, NOW_S), "nobody is to be told");
}

TEST(so_many_are_told_in_an_hour)
{
	const struct weir_finding f = {.kind = WEIR_FINDING_FLOOD};
	char *hooks[] = {(char *)"ops", NULL};
	struct live_notify n = {0};
	struct weir_err err = {{0}};
	struct config c;
	size_t told = 0;

	settings(&c, hooks, "", "", "");
	CHECK(!live_notify_init(&n, &c, &err), "%s", err.text);
	for (uint64_t i = 0; i < 50; i++)
		told += live_notify_when(&n, &f, NOW_S + i) != 0;
	CHECK(told == LIVE_NOTIFY_MAX && n.held == 50 - LIVE_NOTIFY_MAX, "%zu told, %llu held", told, (unsigned long long)n.held);
	CHECK(live_notify_when(&n, &f, NOW_S + 3600) && n.held == 50 - LIVE_NOTIFY_MAX, "the next hour anew");
}

TEST(settings_that_say_nothing_are_refused)
{
	static const struct {
		const char *quiet, *least, *wake, *says;
	} cases[] = {
		{"22-07", "", "", "notify.quiet: '22-07': write HH:MM-HH:MM"}, {"24:00-07:00", "", "", "notify.quiet"}, {"22:00-07:60", "", "", "notify.quiet"},
		{"22:00 07:00", "", "", "notify.quiet"},  {"", "much", "", "notify.least: 'much'"},   {"", "", "1e9", "notify.wake: '1e9'"},
	};
	struct config c;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};
		struct live_notify n = {0};

		settings(&c, NULL, cases[i].quiet, cases[i].least, cases[i].wake);
		CHECK(live_notify_init(&n, &c, &err) == -EINVAL && strstr(err.text, cases[i].says), "%zu: %s", i, err.text);
	}
}

TEST_MAIN(T(at_night_only_what_cannot_wait_is_told), T(threats_are_told_whatever_they_cost_and_drift_never), T(so_many_are_told_in_an_hour),
	  T(settings_that_say_nothing_are_refused))
