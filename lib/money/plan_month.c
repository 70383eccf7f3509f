/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded hours as one month at one time, by days. */
#include "lib/money/plan_impl.h"
#include "lib/money/replay_impl.h"

#define HOUR_S 3600u

/* A row of the month: its day is its node's text, its port, protocol and workload are no part of a price. */
static int add_row(struct weir_traffic_set *to, const struct weir_traffic *from, uint64_t first_s, uint64_t last_s)
{
	char day[16];
	struct weir_traffic t = {.hour_s = last_s, .domain = from->domain, .local = from->local, .peer = from->peer,
				 .folded = from->folded, .path = from->path, .dir = from->dir, .opened = from->opened,
				 .bytes = from->bytes, .source = WEIR_TRAFFIC_AGENT, .node = day, .team = from->team};

	snprintf(day, sizeof(day), "%u", (unsigned int)((from->hour_s - first_s) / (24 * HOUR_S)));
	return weir_traffic_add(to, &t);
}

static int collapse(const struct weir_traffic_set *s, uint64_t first_s, uint64_t last_s, struct weir_traffic_set **ret)
{
	weir_auto_traffic struct weir_traffic_set *to = NULL;
	struct weir_map *seen;
	int r = weir_traffic_new(&to);

	if (r)
		return r;
	r = replay_seen_new(s, &seen);
	for (size_t i = 0; i < weir_traffic_count(s) && !r; i++) {
		struct weir_traffic t;

		weir_traffic_get(s, i, &t);
		if (!replay_seen(seen, &t))
			r = add_row(to, &t, first_s, last_s);
	}
	weir_map_free(seen, NULL);
	if (!r)
		*ret = weir_take_ptr(to);
	return r;
}

unsigned int plan_day(const struct weir_traffic *t)
{
	return (unsigned int)strtoul(t->node, NULL, 10);
}

int plan_month(const struct weir_traffic_set *s, struct weir_traffic_set **ret)
{
	weir_auto_traffic struct weir_traffic_set *raw = NULL, *to = NULL;
	uint64_t first_s, last_s, hours;
	int r;

	weir_traffic_span(s, &first_s, &last_s);
	hours = (last_s - first_s) / HOUR_S + 1;
	if (!weir_traffic_count(s))
		return -ENODATA;
	if (hours > 24 * WEIR_PLAN_DAYS_MAX)
		return -ERANGE;
	r = collapse(s, first_s, last_s, &raw);
	if (!r)
		r = weir_traffic_new(&to);
	for (size_t i = 0; !r && i < weir_traffic_count(raw); i++) {
		unsigned __int128 bytes;
		struct weir_traffic t;

		weir_traffic_get(raw, i, &t);
		bytes = (unsigned __int128)t.bytes * WEIR_PLAN_HOURS / hours;
		if (bytes > WEIR_TRAFFIC_BYTES_MAX)
			return -ERANGE;
		t.bytes = (uint64_t)bytes;
		r = weir_traffic_add(to, &t);
	}
	if (!r)
		*ret = weir_take_ptr(to);
	return r;
}
