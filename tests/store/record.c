/* SPDX-License-Identifier: Apache-2.0 */
/* record FILE: a new store with what tests/lib/recorded.h has, and on the output what queries answer about it. */
#include "tests/lib/recorded.h"

static int recorded_commit(struct store *s, const struct priced *r, const char *node, const struct weir_summary *sum,
			   uint64_t now_ns)
{
	const struct ingest_pricing pricing = {r->topology, r->prices};
	struct ingest_item it = {.node = node, .summary = sum};
	int e = ingest_commit(s, &pricing, &it, 1, now_ns);

	return e ? e : it.result == INGEST_COMMITTED ? 0 : -EBADMSG;
}

int main(int argc, char **argv)
{
	struct priced world = {0};
	struct weir_err err = {{0}};
	struct store *s = NULL;
	int r = argc == 2 ? recorded_load(&world, &err) : -EINVAL;

	if (!r)
		r = store_open(argv[1], &s, &err);
	if (!r)
		r = recorded_fill(s, &world);
	if (!r)
		r = recorded_answers(s, stdout);
	if (r)
		fprintf(stderr, "record: %s: %s\n", err.text, strerror(-r));
	store_close(s);
	priced_free(&world);
	return r != 0;
}
