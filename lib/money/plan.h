/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan costs: recorded traffic through the network before and after, as one month of 730 hours.
 *
 * The recorded hours (h of them) are taken for a month: each row's bytes times 730/h, at the prices and by the versions of the
 * last recorded hour, in one pool and month, so that tiers and allowances are those of a whole month wherever the span lay.
 * Hourly resources of each network are charged 730 hours.
 *
 * The interval is that of next month's difference, when its days are like the recorded ones: with s the standard deviation
 * of the whole days' parts of the difference (24 hours from the first on), each as if all days were like it, and D their
 * number: difference +- t(D - 1) * s * sqrt(1/D + 24/730), t Student's quantile for 95 % in the middle. Days are taken as
 * independent, so a trend is in the deviation and not followed. Below two days there is none. Resources do not vary.
 */
#ifndef WEIR_PLAN_H
#define WEIR_PLAN_H

#include "lib/money/price.h"
#include "lib/money/traffic.h"

#define WEIR_PLAN_HOURS 730u
#define WEIR_PLAN_DAYS_MAX 400u

struct weir_plan_line { /* of a month, in nanos */
	char *key;
	int64_t before, after;
	bool interval; /* low and high are of the difference */
	int64_t low, high;
};
struct weir_plan_resource { /* that is in one of both alone */
	char *domain, *name, *meter;
	uint32_t count;
	bool added, priced;
	int64_t nanos; /* a month; below 0 = it goes */
};
struct weir_plan_cost {
	uint64_t hours, first_s, last_s; /* that were recorded */
	uint64_t days;			 /* whole ones */
	uint64_t rows, rows_here;	 /* rows, and those of a subnet of the network before */
	struct weir_plan_line total;	 /* key NULL */
	struct weir_plan_line *paths;	 /* the largest change first */
	size_t path_count;
	struct weir_plan_line *teams; /* "" = of none; WEIR_PLAN_SHARED: hourly resources without an owner */
	size_t team_count;
	struct weir_plan_resource *resources;
	size_t resource_count;
	uint64_t unpriced[2]; /* bytes a month, before and after, that no price is known for */
};
#define WEIR_PLAN_SHARED "(shared)"

/*
 * What weir_plan_networks() says of networks by names that one of them does not have (endpoints whose addresses are gone) is
 * looked up here too. -ENODATA: the set is empty; -ERANGE: more than WEIR_PLAN_DAYS_MAX days, or bytes beyond what a month may have.
 */
int weir_plan_cost(const struct weir_topology *before, const struct weir_topology *after, const struct weir_pricebook *b,
		   const struct weir_traffic_set *s, struct weir_plan_cost **ret);
void weir_plan_cost_free(struct weir_plan_cost *c);

/*
 * The networks before and after a plan as terraform show -json prints it (file plan), together with what other tools say of
 * what the plan leaves alone (files others, ended by NULL: terraform show -json of other states, aws ... describe-*): the documents of topology_dir (a
 * policy repository, or a directory of Topology documents; NULL = none), with those domains that the plan's prior state or its
 * outcome have in place of documents of the same name. note gets one line for what cannot be placed or compared.
 * -EINVAL with a line.
 */
int weir_plan_networks(const char *plan, const char *const *others, const char *topology_dir,
		       void (*note)(const char *line, void *arg), void *arg, struct weir_topology **ret_before,
		       struct weir_topology **ret_after, struct weir_err *err);

#endif
