/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store_charged.h"

#include "aggregator/store_impl.h"
#include "lib/ds/map.h"

#define METER_MAX 128

/* Without padding but at its end: its bytes, up to the meter's terminator, are the map's key. */
struct key {
	uint64_t hour_s;
	int64_t workload, path;
	char meter[METER_MAX];
};

struct sum {
	int64_t committed, pending; /* of the transaction under way */
};

struct store_noted {
	struct weir_map *by_key; /* index in sums, plus one */
	struct sum *sums;
	uint32_t *touched; /* by the transaction under way */
	size_t count, touched_count;
	bool lost; /* until all was taken */
};

static int noted_new(struct store_noted **ret)
{
	struct store_noted *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->sums = calloc(STORE_CHARGED_MAX, sizeof(*n->sums));
	n->touched = calloc(STORE_CHARGED_MAX, sizeof(*n->touched));
	if (!n->sums || !n->touched || weir_map_new(&n->by_key)) {
		noted_free(n);
		return -ENOMEM;
	}
	*ret = n;
	return 0;
}

void noted_free(struct store_noted *n)
{
	if (!n)
		return;
	if (n->by_key)
		weir_map_free(n->by_key, NULL);
	free(n->sums);
	free(n->touched);
	free(n);
}

int store_charged_begin(struct store *s)
{
	return s->noted ? 0 : noted_new(&s->noted);
}

static struct sum *sum_of(struct store_noted *n, const struct key *key, size_t len)
{
	uintptr_t at = (uintptr_t)weir_map_find(n->by_key, key, len);

	if (at)
		return &n->sums[at - 1];
	if (n->count == STORE_CHARGED_MAX || weir_map_put(n->by_key, key, len, (void *)(uintptr_t)(n->count + 1), NULL))
		return NULL;
	n->sums[n->count] = (struct sum){0};
	return &n->sums[n->count++];
}

void noted_add(struct store_noted *n, const struct store_charge *c)
{
	struct key key = {.hour_s = c->time_s - c->time_s % 3600, .workload = c->workload, .path = c->path};
	struct sum *sum;

	if (!c->nanos || n->lost)
		return;
	sum = weir_strcpy(key.meter, sizeof(key.meter), c->meter) ? NULL :
								     sum_of(n, &key, offsetof(struct key, meter) + strlen(key.meter) + 1);
	if (!sum) {
		n->lost = true;
		return;
	}
	if (!sum->pending)
		n->touched[n->touched_count++] = (uint32_t)(sum - n->sums);
	sum->pending += c->nanos;
	if (!sum->pending) /* a credit of the same size: it would be noted twice */
		n->lost = true;
}

void noted_end(struct store_noted *n, bool committed)
{
	for (size_t i = 0; i < n->touched_count; i++) {
		struct sum *sum = &n->sums[n->touched[i]];

		sum->committed += committed ? sum->pending : 0;
		sum->pending = 0;
	}
	n->touched_count = 0;
}

static void tell(const struct store_noted *n, void (*fn)(const struct store_charged *c, void *arg), void *arg)
{
	size_t pos = 0, len;
	const void *at;
	void *index;
	struct key key;

	while (weir_map_next(n->by_key, &pos, &at, &len, &index)) {
		int64_t nanos = n->sums[(uintptr_t)index - 1].committed;

		memcpy(&key, at, len);
		if (nanos)
			fn(&(struct store_charged){key.hour_s, key.workload, (uint8_t)key.path, key.meter, nanos}, arg);
	}
}

bool store_charged_take(struct store *s, void (*fn)(const struct store_charged *c, void *arg), void *arg)
{
	struct store_noted *n = s->noted;
	struct weir_map *empty = NULL;
	bool whole;

	if (!n || weir_map_new(&empty)) /* without memory it stays for the next time */
		return true;
	whole = !n->lost;
	if (whole)
		tell(n, fn, arg);
	weir_map_free(n->by_key, NULL);
	n->by_key = empty;
	n->count = 0;
	n->lost = false;
	return whole;
}
