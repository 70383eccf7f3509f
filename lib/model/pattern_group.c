/* SPDX-License-Identifier: Apache-2.0 */
/* Whose rows they are: workloads by the caller's number, groups by what stays when a replica or a release goes. */
#include <jansson.h>

#include "lib/ds/label.h"
#include "lib/model/pattern_impl.h"

#define WORKLOAD_IDLE PATTERN_HOUR	/* buckets without a row: its group remembers */
#define GROUP_IDLE (48 * PATTERN_HOUR)	/* a job of each night is still known on the next but one */

static void json_freep(json_t **j)
{
	json_decref(*j);
}

static uint64_t hash_text(uint64_t h, const char *s)
{
	return pattern_hash(h, s ? s : "", s ? strlen(s) + 1 : 1);
}

/* Of labels in any order; 0: there are none. */
static uint64_t hash_labels(const char *labels)
{
	weir_cleanup(json_freep) json_t *o = labels && *labels ? json_loads(labels, 0, NULL) : NULL;
	uint64_t sum = 0;
	const char *k;
	json_t *v;

	json_object_foreach(o, k, v)
		if (json_is_string(v) && !weir_label_passes(k))
			sum += hash_text(hash_text(1, k), json_string_value(v));
	return sum;
}

static uint64_t group_key(const struct weir_pattern_who *who)
{
	uint64_t h = hash_text(hash_text(2, who->domain), who->namespace), labels = hash_labels(who->labels);

	return labels ? pattern_hash(h, &labels, sizeof(labels)) : hash_text(h ^ 3, who->name);
}

/* Gives way: the group seen longest ago that nobody is in. */
static void forget_group(struct weir_patterns *p)
{
	struct pattern_group *oldest = NULL;
	size_t pos = 0, len;
	const void *key;
	void *v;

	while (weir_map_next(p->groups, &pos, &key, &len, &v)) {
		struct pattern_group *g = v;

		if (!g->workloads && g->seen != p->bucket && (!oldest || g->seen < oldest->seen))
			oldest = g;
	}
	if (!oldest)
		return;
	p->stats.evicted++;
	free(weir_map_take(p->groups, &oldest->key, sizeof(oldest->key)));
}

struct pattern_group *pattern_group(struct weir_patterns *p, const struct weir_pattern_who *who)
{
	struct pattern_workload *w = weir_map_find(p->workloads, &who->id, sizeof(who->id));
	uint64_t key = w ? 0 : group_key(who);
	struct pattern_group *g = w ? w->group : weir_map_find(p->groups, &key, sizeof(key));

	if (g)
		return g;
	if (weir_map_count(p->groups) >= 2 * p->opts.max_workloads)
		forget_group(p);
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->key = key;
	g->born_s = p->time_s;
	g->seen = p->bucket;
	if (weir_map_put(p->groups, &key, sizeof(key), g, NULL)) {
		free(g);
		return NULL;
	}
	return g;
}

/* Removes those without a row for so long; how many there were. */
static size_t forget_workloads(struct weir_patterns *p, uint32_t idle)
{
	size_t pos = 0, len, gone = 0, room = weir_map_count(p->workloads);
	weir_auto_free int64_t *ids = calloc(room + 1, sizeof(*ids));
	const void *key;
	void *v;

	while (ids && weir_map_next(p->workloads, &pos, &key, &len, &v)) {
		struct pattern_workload *w = v;

		if (w->seen + idle < p->bucket)
			ids[gone++] = w->id;
	}
	for (size_t i = 0; i < gone; i++) {
		struct pattern_workload *w = weir_map_take(p->workloads, &ids[i], sizeof(ids[i]));

		w->group->workloads--;
		free(w);
	}
	return gone;
}

struct pattern_workload *pattern_workload(struct weir_patterns *p, const struct weir_pattern_who *who)
{
	struct pattern_workload *w = weir_map_find(p->workloads, &who->id, sizeof(who->id));

	if (w)
		return w;
	/* One that is full of workloads that all speak takes more: their rows are there anyhow, and bounded. */
	if (weir_map_count(p->workloads) >= p->opts.max_workloads)
		p->stats.evicted += forget_workloads(p, 1);
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->id = who->id;
	w->group = pattern_group(p, who);
	if (!w->group || weir_map_put(p->workloads, &w->id, sizeof(w->id), w, NULL)) {
		free(w);
		return NULL;
	}
	w->group->workloads++;
	return w;
}

void pattern_sweep(struct weir_patterns *p)
{
	size_t pos = 0, len, gone = 0, room = weir_map_count(p->groups);
	weir_auto_free uint64_t *keys = calloc(room + 1, sizeof(*keys));
	const void *key;
	void *v;

	forget_workloads(p, WORKLOAD_IDLE);
	while (keys && weir_map_next(p->groups, &pos, &key, &len, &v)) {
		struct pattern_group *g = v;

		if (!g->workloads && g->seen + GROUP_IDLE < p->bucket)
			keys[gone++] = g->key;
	}
	for (size_t i = 0; i < gone; i++)
		free(weir_map_take(p->groups, &keys[i], sizeof(keys[i])));
}
