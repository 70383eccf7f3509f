/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent and a flow log both saw is taken from the agent. */
#include "lib/money/replay_impl.h"

/* Without padding. Texts of a set are one pointer each. */
struct seen_key {
	const char *domain;
	struct weir_addr local;
	uint64_t hour_s;
};

static bool has_logs(const struct weir_traffic_set *s)
{
	for (size_t i = 0; i < weir_traffic_count(s); i++) {
		struct weir_traffic t;

		weir_traffic_get(s, i, &t);
		if (t.source == WEIR_TRAFFIC_FLOW_LOG)
			return true;
	}
	return false;
}

int replay_seen_new(const struct weir_traffic_set *s, struct weir_map **ret)
{
	struct weir_map *seen;
	int r;

	*ret = NULL;
	if (!has_logs(s))
		return 0;
	r = weir_map_new(&seen);
	if (r)
		return r;
	for (size_t i = 0; i < weir_traffic_count(s) && !r; i++) {
		struct weir_traffic t;

		weir_traffic_get(s, i, &t);
		if (t.source == WEIR_TRAFFIC_AGENT && !t.folded) {
			const struct seen_key key = {t.domain, t.local, t.hour_s};

			r = weir_map_put(seen, &key, sizeof(key), seen, NULL);
		}
	}
	if (r)
		weir_map_free(seen, NULL);
	else
		*ret = seen;
	return r;
}

bool replay_seen(const struct weir_map *seen, const struct weir_traffic *t)
{
	const struct seen_key key = {t->domain, t->local, t->hour_s};

	return seen && t->source == WEIR_TRAFFIC_FLOW_LOG && !t->folded && weir_map_find(seen, &key, sizeof(key));
}
