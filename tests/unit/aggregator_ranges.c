/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/cost of ranges: beside the range before, and in slots of time, out of what the ledger holds. */
#include "aggregator/api_cost.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

#define DAY 86400ull

struct world {
	struct service sv;
	const char *const (*params)[2]; /* ended by a NULL name */
};

static const char *param(const struct api_call *c, const char *name)
{
	const struct world *w = (const struct world *)c->sv;

	for (const char *const(*p)[2] = w->params; (*p)[0]; p++)
		if (!strcmp((*p)[0], name))
			return (*p)[1];
	return NULL;
}

/* What workload `id` of a team paid at that time. */
static void pay(struct store *s, const char *team, int64_t nanos, uint64_t time_s)
{
	static uint64_t sequence;
	struct weir_sum_label label = {"team", team};
	const struct weir_sum_workload w = {.name = team, .namespace = "n", .kind = "pod", .cgroup = "/", .labels = &label, .label_count = 1};
	struct store_charge c = {.key = {.node = 1, .epoch = 1, .sequence = ++sequence}, .time_s = time_s, .path = WEIR_PATH_NAT,
				 .meter = "nat", .pool = "p", .month = 202611, .bytes = 10, .once = 10, .nanos = nanos};
	int64_t node;

	if (store_node(s, "n1", &node) || store_workload(s, node, "d", &w, &c.workload) || store_charges_add(s, &c, 1))
		fprintf(stderr, "%s\n", store_error(s));
}

static void world_new(struct world *w)
{
	static const uint64_t days[STORE_RESOLUTIONS] = {1, 7, 400, 1830};

	*w = (struct world){.sv.store = open_store()};
	for (int i = 0; i < STORE_RESOLUTIONS; i++)
		w->sv.config.retain_ns[i] = days[i] * DAY * NS;
	if (gitops_new("/nonexistent", &w->sv.gitops))
		abort();
}

static void world_fini(struct world *w)
{
	store_close(w->sv.store);
	gitops_free(w->sv.gitops);
}
#define auto_world weir_cleanup(world_fini) struct world

static json_t *ask(struct world *w, const char *const (*params)[2], struct weir_err *ret_err)
{
	struct api_call c = {.sv = &w->sv, .now_ns = NOW_S * NS, .param = param};
	json_t *o = NULL;

	w->params = params;
	if (api_cost(&c, &o) && ret_err)
		*ret_err = c.err;
	return o;
}
#define ASK(w, err, ...)                                                                  \
	({                                                                                \
		static const char *const _p[][2] = {__VA_ARGS__, {NULL, NULL}};           \
		ask(w, _p, err);                                                          \
	})

static json_int_t number(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

static const json_t *item(const json_t *o, const char *team)
{
	const json_t *items = json_object_get(o, "items");

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *at = json_array_get(items, i);

		if (!strcmp(json_string_value(json_object_get(at, "team")), team))
			return at;
	}
	return NULL;
}

/* NOW_S is 1795500000, a whole minute. The last hour costs 5 + 2 + 30, the one before 4 + 8. */
static void fill(struct store *s)
{
	pay(s, "grows", 5, NOW_S - 100);
	pay(s, "grows", 2, NOW_S - 3600);
	pay(s, "grows", 4, NOW_S - 3610);
	pay(s, "comes", 30, NOW_S - 10);
	pay(s, "goes", 8, NOW_S - 7200);
	pay(s, "goes", 1000, NOW_S - 7210); /* before both */
}

TEST(a_range_is_beside_the_one_before)
{
	auto_world w;
	api_auto_json json_t *o = NULL;
	const json_t *total, *against;

	world_new(&w);
	fill(w.sv.store);
	o = ASK(&w, NULL, {"by", "team"}, {"from", "1795496400"}, {"compare", "1"});
	total = json_object_get(o, "total");
	against = json_object_get(o, "against");
	CHECK(number(o, "bucket_s") == 10 && number(against, "from") == NOW_S - 7200 && number(against, "to") == NOW_S - 3600, "%lld to %lld",
	      number(against, "from"), number(against, "to"));
	CHECK(number(item(o, "grows"), "nanos") == 7 && number(item(o, "grows"), "before_nanos") == 4);
	CHECK(number(item(o, "grows"), "change_nanos") == 3, "what came is above nothing: %lld", number(item(o, "grows"), "change_nanos"));
	CHECK(number(item(o, "comes"), "change_nanos") == 30 && number(item(o, "comes"), "before_nanos") == 0);
	CHECK(number(item(o, "goes"), "nanos") == 0 && number(item(o, "goes"), "change_nanos") == -8, "what ended is a line");
	CHECK(number(item(o, "goes"), "bytes") == 0, "which moved nothing");
	CHECK(number(total, "nanos") == 37 && number(total, "before_nanos") == 12 && number(total, "change_nanos") == 25);
	CHECK(number(total, "bytes") == 30, "bytes are those of the range: %lld", number(total, "bytes"));
}

TEST(a_series_sums_to_the_cost)
{
	auto_world w;
	api_auto_json json_t *o = NULL;
	const json_t *total, *slots, *series;
	json_int_t sum = 0;

	world_new(&w);
	fill(w.sv.store);
	o = ASK(&w, NULL, {"by", "team"}, {"from", "1795496400"}, {"series", "6"});
	slots = json_object_get(o, "slots");
	total = json_object_get(o, "total");
	CHECK(number(slots, "from") == NOW_S - 3600 && number(slots, "step_s") == 600 && number(slots, "count") == 6, "%lld from %lld",
	      number(slots, "step_s"), number(slots, "from"));
	series = json_object_get(item(o, "grows"), "series");
	CHECK(json_integer_value(json_array_get(series, 0)) == 2 && json_integer_value(json_array_get(series, 5)) == 5);
	series = json_object_get(total, "series");
	CHECK(json_array_size(series) == 6, "%zu", json_array_size(series));
	for (size_t i = 0; i < 6; i++)
		sum += json_integer_value(json_array_get(series, i));
	CHECK(sum == 37 && number(total, "nanos") == 37, "%lld", sum);
	CHECK(!json_object_get(total, "before_nanos") && !json_object_get(o, "against"), "nothing that was not asked for");
}

TEST(both_ranges_have_buckets_of_one_size)
{
	auto_world w;
	api_auto_json json_t *o = NULL;

	world_new(&w);
	fill(w.sv.store);
	/* Four days are minutes, eight days are not kept so finely: hours. */
	o = ASK(&w, NULL, {"by", "team"}, {"from", "1795154400"}, {"compare", "1"});
	CHECK(number(o, "bucket_s") == 3600, "%lld", number(o, "bucket_s"));
	CHECK(number(json_object_get(o, "against"), "to") == 1795154400 && number(json_object_get(o, "against"), "from") == 1794808800);
}

TEST(the_range_before_is_as_long)
{
	uint64_t from;

	api_cost_before(7200, 10800, 99999, 60, &from);
	CHECK(from == 3600, "%llu", (unsigned long long)from);
	api_cost_before(7210, 10800, 99999, 60, &from);
	CHECK(from == 3600, "it begins with a whole bucket: %llu", (unsigned long long)from);
	api_cost_before(7200, 10801, 99999, 60, &from);
	CHECK(from == 3540, "and a bucket that is begun counts in full: %llu", (unsigned long long)from);
	api_cost_before(7200, 20000, 10829, 60, &from);
	CHECK(from == 3600, "but not the one that is being filled: %llu", (unsigned long long)from);
	api_cost_before(7200, 20000, 10830, 60, &from);
	CHECK(from == 3540, "unless it is nearly: %llu", (unsigned long long)from);
	api_cost_before(60, 3660, 9999, 60, &from);
	CHECK(from == 0, "nothing is before 1970");
}

TEST(slots_are_of_whole_buckets)
{
	uint64_t step;
	uint32_t n;

	api_cost_slots(0, 3600, 10, 24, &step, &n);
	CHECK(step == 150 && n == 24, "%llu %u", (unsigned long long)step, n);
	api_cost_slots(0, 86400, 3600, 200, &step, &n);
	CHECK(step == 3600 && n == 24, "no finer than a bucket: %llu %u", (unsigned long long)step, n);
	api_cost_slots(5, 5, 10, 24, &step, &n);
	CHECK(step == 10 && n == 1, "%llu %u", (unsigned long long)step, n);
	api_cost_slots(0, 1000, 10, 24, &step, &n);
	CHECK(step == 50 && n == 20, "%llu %u", (unsigned long long)step, n);
}

TEST(what_is_asked_is_checked)
{
	auto_world w;
	struct weir_err err = {0};

	world_new(&w);
	CHECK(!ASK(&w, &err, {"series", "201"}) && strstr(err.text, "series: must be a number of 0 to 200"), "%s", err.text);
	CHECK(!ASK(&w, &err, {"compare", "yes"}) && strstr(err.text, "compare: must be"), "%s", err.text);
}

TEST_MAIN(T(a_range_is_beside_the_one_before), T(a_series_sums_to_the_cost), T(both_ranges_have_buckets_of_one_size),
	  T(the_range_before_is_as_long), T(slots_are_of_whole_buckets), T(what_is_asked_is_checked))
