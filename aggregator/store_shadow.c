/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/store_shadow.h"

#include "aggregator/store_impl.h"

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull; /* FNV-1a */
	return h;
}

/* Of a list that changes rarely and comes with each window: the same print, nothing to write. */
static uint64_t fingerprint(const struct weir_summary *sum)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < sum->disagreement_count; i++) {
		const struct weir_sum_disagreement *d = &sum->disagreements[i];
		const uint64_t n[] = {d->denied, d->accepted, d->limited};

		h = mix(h, d->rule, strlen(d->rule) + 1);
		h = mix(h, n, sizeof(n));
	}
	return h >> 1; /* the database's integers are signed */
}

static int replace(struct store *s, int64_t node, const struct weir_summary *sum)
{
	int r = store_run(s, ST_DISAGREEMENT_CLEAR, "iu", node, sum->candidate_serial);

	for (size_t i = 0; !r && i < sum->disagreement_count; i++) {
		const struct weir_sum_disagreement *d = &sum->disagreements[i];

		r = store_run(s, ST_DISAGREEMENT_ADD, "iutuuu", node, sum->candidate_serial, d->rule, d->denied,
			      d->accepted, d->limited);
	}
	return r;
}

static int forget_oldest(struct store *s, int64_t node)
{
	int64_t serial;
	int r = store_id(s, ST_CANDIDATE_OLDEST, &serial, "ii", node, (int64_t)STORE_CANDIDATES);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = store_run(s, ST_DISAGREEMENT_CLEAR, "ii", node, serial);
	return r ? r : store_run(s, ST_CANDIDATE_FORGET, "ii", node, serial);
}

int store_shadow(struct store *s, int64_t node, const struct weir_summary *sum, uint64_t time_s)
{
	uint64_t now = fingerprint(sum);
	int64_t had = 0;
	bool fresh, same;
	int r;

	if (!sum->candidate_serial)
		return 0;
	r = store_id(s, ST_CANDIDATE_GET, &had, "iu", node, sum->candidate_serial);
	if (r && r != -ENOENT)
		return r;
	fresh = r == -ENOENT;
	same = !fresh && (uint64_t)had == now;
	r = store_run(s, ST_CANDIDATE_SEEN, "iuuu", node, sum->candidate_serial, time_s, now);
	if (!r && !same)
		r = replace(s, node, sum);
	return r || !fresh ? r : forget_oldest(s, node);
}
