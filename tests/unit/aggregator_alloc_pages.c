/* SPDX-License-Identifier: Apache-2.0 */
/* An allocation of hours is the sum of each hour's, owner by owner: answers may be cut at any hour. */
#include "tests/lib/paid_fixture.h"
#include "tests/lib/test.h"

#include <time.h>

static const struct {
	const char *node, *namespace, *name, *team, *local;
} who[] = {{"n1", "shop", "web", "shop", "10.7.1.11"}, {"n2", "data", "db", "", "10.7.2.12"}, {"n1", "ingress-nginx", "nginx", "", "10.7.1.33"}};

static int random_windows(struct paid *w, unsigned int *seed, int n)
{
	static const char *const peers[] = {"10.7.1.11", "10.7.2.12", "10.7.1.33", "203.0.113.9", NULL};
	int r = 0;

	for (int i = 0; !r && i < n; i++) {
		struct paid_row rows[6];
		size_t k = 1 + (size_t)rand_r(seed) % 6, from = (size_t)rand_r(seed) % WEIR_ARRAY_SIZE(who);

		for (size_t j = 0; j < k; j++)
			rows[j] = (struct paid_row){peers[rand_r(seed) % 5], rand_r(seed) & 1, rand_r(seed) & 1, (uint64_t)rand_r(seed) * 7};
		r = paid_window(w, who[from].node, who[from].namespace, who[from].name, who[from].team, who[from].local,
				(uint64_t)(rand_r(seed) % 7200), rows, k);
	}
	return r;
}

static json_t *answer(struct paid *w, uint64_t from_s, uint64_t to_s, const char *payer)
{
	struct weir_err err = {{0}};
	char from[24], to[24];

	snprintf(from, sizeof(from), "%llu", (unsigned long long)from_s);
	snprintf(to, sizeof(to), "%llu", (unsigned long long)to_s);
	return PAID_ASK(w, api_allocation, &err, {"by", "workload"}, {"payer", payer}, {"from", from}, {"to", to});
}

/* nanos and bytes of each owner, those of o added to sums */
static void add_owners(const json_t *o, json_t *sums)
{
	static const char *const fields[] = {"nanos", "direct_nanos", "proxy_nanos", "shared_nanos", "bytes"};
	const json_t *v;
	size_t i;

	json_array_foreach (json_object_get(o, "items"), i, v)
		for (size_t f = 0; f < WEIR_ARRAY_SIZE(fields); f++) {
			char key[256];

			snprintf(key, sizeof(key), "%s %s %s", json_string_value(json_object_get(v, "owner")),
				 json_string_value(json_object_get(v, "kind")), fields[f]);
			json_object_set_new(sums, key, json_integer(json_integer_value(json_object_get(sums, key)) +
								     json_integer_value(json_object_get(v, fields[f]))));
		}
}

TEST(an_answer_may_be_cut_at_any_hour)
{
	static const char *const payers[] = {"sender", "receiver", "initiator"};
	int rounds = getenv("WEIR_LONG") ? 200 : 12, several = 0;
	unsigned int seed = (unsigned int)time(NULL);

	printf("# seed %u\n", seed);
	for (int i = 0; i < rounds && !test_st->failed; i++) {
		struct ingest_pricing pricing;
		struct hours_done done;
		auto_paid w;

		paid_new(&w);
		pricing = paid_pricing(&w);
		CHECK(!random_windows(&w, &seed, 25), "%s", store_error(w.sv.store));
		CHECK(!store_hours_set(w.sv.store, PAID_HOUR) && !hours_charge(w.sv.store, &pricing, PAID_HOUR + 7200, &done) &&
		      !hours_charge(w.sv.store, &pricing, PAID_HOUR + 7200, &done) && !done.more);
		api_auto_json json_t *whole = answer(&w, PAID_HOUR, PAID_HOUR + 7200, payers[i % 3]);
		api_auto_json json_t *first = answer(&w, PAID_HOUR, PAID_HOUR + 3600, payers[i % 3]);
		api_auto_json json_t *second = answer(&w, PAID_HOUR + 3600, PAID_HOUR + 7200, payers[i % 3]);
		api_auto_json json_t *all = json_object(), *parts = json_object();

		add_owners(whole, all);
		add_owners(first, parts);
		add_owners(second, parts);
		several += json_object_size(all) >= 10; /* owners, most of the time: a proxy's uses may be one's alone */
		CHECK(json_object_size(all) >= 5 && json_equal(all, parts), "round %d, %s: %zu and %zu sums", i, payers[i % 3],
		      json_object_size(all), json_object_size(parts));
	}
	CHECK(several > rounds / 2, "%d of %d answers have several owners", several, rounds);
}

TEST_MAIN(T(an_answer_may_be_cut_at_any_hour))
