/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CheckDistinctCount keeps each value of the first column (a group) and each pair with one of the second. Both are
 * bounded; beyond the bound nothing new is taken, and what could then be wrong is not claimed.
 */
#include "lib/money/focus_check_impl.h"

struct group {
	uint64_t count;
	uint64_t first_line, last_new_line; /* of the row that began it, and of its last new value */
};

struct focus_distinct {
	struct weir_map *groups, *pairs;
	size_t max, bytes;
	bool full;
};

void focus_distinct_free(struct focus_distinct *d)
{
	if (!d)
		return;
	weir_map_free(d->groups, free);
	weir_map_free(d->pairs, NULL);
	free(d);
}

int focus_distinct_new(size_t max, struct focus_distinct **ret)
{
	struct focus_distinct *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->max = max;
	if (weir_map_new(&d->groups) || weir_map_new(&d->pairs)) {
		focus_distinct_free(d);
		return -ENOMEM;
	}
	*ret = d;
	return 0;
}

static bool has_room(struct focus_distinct *d, size_t bytes)
{
	if (d->full || weir_map_count(d->groups) + weir_map_count(d->pairs) >= d->max ||
	    d->bytes + bytes > WEIR_FOCUS_DISTINCT_BYTES)
		d->full = true;
	else
		d->bytes += bytes;
	return !d->full;
}

static int add_pair(struct focus_distinct *d, struct group *g, const struct weir_csv_field *a,
		    const struct weir_csv_field *b, uint64_t line)
{
	size_t len = sizeof(a->len) + a->len + b->len;
	weir_auto_free char *key = malloc(len);

	if (!key)
		return -ENOMEM;
	/* With its length, or "a","bc" would be "ab","c". */
	memcpy(key, &a->len, sizeof(a->len));
	memcpy(key + sizeof(a->len), a->text, a->len);
	memcpy(key + sizeof(a->len) + a->len, b->text, b->len);
	if (weir_map_find(d->pairs, key, len) || !has_room(d, len))
		return 0;
	g->count++;
	g->last_new_line = line;
	return weir_map_put(d->pairs, key, len, d, NULL);
}

int focus_distinct_add(struct focus_distinct *d, const struct weir_csv_field *a, const struct weir_csv_field *b,
		       uint64_t line)
{
	struct group *g = weir_map_find(d->groups, a->text, a->len);
	int r;

	if (!g) {
		if (!has_room(d, a->len + sizeof(*g)))
			return 0;
		g = calloc(1, sizeof(*g));
		if (!g)
			return -ENOMEM;
		g->first_line = line;
		r = weir_map_put(d->groups, a->text, a->len, g, NULL);
		if (r) {
			free(g);
			return r;
		}
	}
	return b ? add_pair(d, g, a, b, line) : 0;
}

void focus_distinct_judge(const struct focus_distinct *d, uint64_t expected, struct weir_focus_result *result)
{
	size_t pos = 0, len;
	const void *key;
	void *value;

	while (weir_map_next(d->groups, &pos, &key, &len, &value)) {
		const struct group *g = value;
		uint64_t line = g->count > expected ? g->last_new_line : g->first_line;

		/* Too few may only mean that there was no room. */
		if (g->count == expected || (d->full && g->count < expected))
			continue;
		if (!result->rows++ || line < result->first_line) {
			result->first_line = line;
			focus_show(key, len, result->value);
		}
	}
	if (result->rows) {
		result->status = WEIR_FOCUS_FAIL;
	} else if (d->full) {
		result->status = WEIR_FOCUS_SKIP;
		snprintf(result->reason, sizeof(result->reason),
			 "more than %zu distinct values, or %zu MiB of them: not counted to the end", d->max,
			 WEIR_FOCUS_DISTINCT_BYTES >> 20);
	}
}
