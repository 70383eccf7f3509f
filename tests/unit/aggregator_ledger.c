/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger in pages, and as rows of FOCUS: those of the same traffic replayed, and what it sums to. */
#include "aggregator/api.h"
#include "aggregator/ingest.h"
#include "lib/base/clock.h"
#include "lib/money/focus_export.h"
#include "lib/money/place.h"
#include "lib/money/replay.h"
#include "tests/lib/priced.h"
#include "tests/lib/test.h"
#include "tests/lib/traffic_fixture.h"

#define NOW_S 1795500000ull /* 2026-11-24T06:00:00Z */
#define NOVEMBER 1793491200ull
#define DAY 86400ull
#define NS 1000000000ull
#define WORKLOADS 5

static const char prices_text[] =
	"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n  provider: aws\n  currency: USD\n"
	"  region: us-east-1\n  source: list\n  meters:\n"
	"  - {name: internet-out, paths: [internet], directions: [egress], unit: GiB, pool: organisation-region,"
	" free: {amount: 3GiB, pool: organisation}, tiers: [{from: 0GiB, price: \"0.09\"}, {from: 20GiB, price: \"0.085\"}]}\n"
	"  - {name: internet-in, paths: [internet], directions: [ingress], unit: GiB, price: \"0\"}\n"
	"  - {name: cross-zone, paths: [cross-zone], directions: [ingress, egress], unit: GiB, price: \"0.01\"}\n";

struct world {
	struct service sv;
	struct priced priced;
	struct weir_traffic_set *set;
	uint64_t sequence;
	const char *const (*params)[2];
};

static const char *param(const struct api_call *c, const char *name)
{
	const struct world *w = (const struct world *)c->sv;

	for (const char *const(*p)[2] = w->params; (*p)[0]; p++)
		if (!strcmp((*p)[0], name))
			return (*p)[1];
	return NULL;
}

static void world_fini(struct world *w)
{
	weir_traffic_free(w->set);
	store_close(w->sv.store);
	gitops_free(w->sv.gitops);
	priced_free(&w->priced);
}
#define auto_world weir_cleanup(world_fini) struct world

static void random_row(struct weir_sum_row *row, struct weir_traffic *t, const char *workload)
{
	static const char *const locals[] = {"10.1.1.5", "10.1.2.6"}, *const peers[] = {"203.0.113.7", "10.1.2.9", "10.1.1.77"};
	const char *local = locals[rand() % 2], *peer = peers[rand() % 3];

	*row = (struct weir_sum_row){.proto = 6, .dir = (uint8_t)(rand() & 1), .init_local = true, .peer_port = 443,
				     .verdict = WEIR_V_ACCEPT, .packets = 1, .rule = WEIR_NO_RULE,
				     .bytes = (uint64_t)rand() >> (rand() % 20), .interface = "eth0"};
	*t = traffic_row("aws/vpc", local, peer, row->dir, row->bytes);
	t->workload = workload;
	t->team = "shop"; /* no label: the namespace */
	t->labels = "{}";
	row->local = t->local;
	row->peer = t->peer;
}

static int commit(struct world *w)
{
	char name[16];
	struct weir_sum_workload web = {.name = name, .namespace = "shop", .kind = "pod", .cgroup = "/web"};
	uint64_t at_s = NOVEMBER + (uint64_t)rand() % (NOW_S - NOVEMBER);
	struct weir_sum_row rows[8];
	struct weir_summary s = {.epoch = 1, .sequence = ++w->sequence, .start_ns = at_s * NS, .length_ns = 2 * NS, .windows = 1,
				 .domain = "aws/vpc", .workloads = &web, .workload_count = 1, .rows = rows,
				 .row_count = 1 + (size_t)rand() % 8};
	const struct ingest_pricing pricing = {w->priced.topology, w->priced.prices};
	struct ingest_item it = {.node = "n1", .summary = &s};
	int r = 0;

	snprintf(name, sizeof(name), "web-%d", rand() % WORKLOADS);
	for (size_t i = 0; i < s.row_count && !r; i++) {
		struct weir_traffic t;

		random_row(&rows[i], &t, name);
		t.hour_s = at_s / 3600 * 3600;
		r = weir_traffic_add(w->set, &t);
	}
	return r ? r : ingest_commit(w->sv.store, &pricing, &it, 1, NOW_S * NS);
}

static int world_new(struct world *w, unsigned int seed, struct weir_err *err)
{
	static const uint64_t days[STORE_RESOLUTIONS] = {30, 30, 400, 1830};
	int r = store_open(":memory:", &w->sv.store, err);

	srand(seed);
	for (int i = 0; i < STORE_RESOLUTIONS; i++)
		w->sv.config.retain_ns[i] = days[i] * DAY * NS;
	r = r ? r : gitops_new("/nonexistent", &w->sv.gitops);
	r = r ? r : priced_load(&w->priced, prices_text, err);
	r = r ? r : weir_traffic_new(&w->set);
	for (int i = 0; i < 80 && !r; i++)
		r = commit(w);
	return r;
}

static json_t *ask(struct world *w, uint64_t from_s, uint64_t to_s, const char *by, const char *limit, json_int_t after,
		   struct weir_err *err)
{
	weir_auto_free char *from = weir_strf("%llu", (unsigned long long)from_s), *to = weir_strf("%llu", (unsigned long long)to_s);
	weir_auto_free char *last = weir_strf("%lld", (long long)after);
	const char *const params[][2] = {{"from", from}, {"to", to}, {"by", by}, {"limit", limit}, {"after", last}, {NULL, NULL}};
	struct api_call c = {.sv = &w->sv, .now_ns = NOW_S * NS, .param = param};
	json_t *o = NULL;

	w->params = params;
	if (api_ledger(&c, &o))
		*err = c.err;
	return o;
}

static json_int_t number(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

static int add_total(const struct query_cost *q, void *arg)
{
	int64_t *sums = arg;

	sums[0] += q->nanos;
	sums[1] += (int64_t)q->bytes;
	return 0;
}

/* Every page ends with a workload; all of them are the ledger. */
TEST(ledger_pages_are_the_ledger)
{
	static const enum query_dim by[] = {QUERY_METER};
	const struct query_range all = {0, INT64_MAX, STORE_10S};
	static const struct {
		const char *by, *limit;
		size_t pages;
	} asked[] = {{"all", "1", WORKLOADS}, {"day", "10000", 1}, {"hour", "1", WORKLOADS}, {"day", "40", 0}};
	unsigned int seed = (unsigned int)getpid();
	auto_world w = {0};
	int64_t total[2] = {0};
	struct weir_err err = {0};

	printf("# seed %u\n", seed);
	CHECK(!world_new(&w, seed, &err) && !query_cost(w.sv.store, by, 1, &all, add_total, total), "%s", err.text);
	for (size_t k = 0; k < WEIR_ARRAY_SIZE(asked); k++) {
		int64_t nanos = 0, bytes = 0;
		json_int_t next = 0;
		size_t pages = 0;

		do {
			api_auto_json json_t *o = ask(&w, NOVEMBER, NOVEMBER + 30 * DAY, asked[k].by, asked[k].limit, next, &err);
			const json_t *item;
			size_t i;

			CHECK(o, "%s", err.text);
			json_array_foreach (json_object_get(o, "items"), i, item) {
				nanos += number(item, "nanos");
				bytes += number(item, "moved_bytes");
				CHECK(number(item, "time_s") % 3600 == 0 && number(item, "month") == 202611, "an item");
			}
			next = number(o, "next");
			pages++;
		} while (next && pages < 1000);
		CHECK(nanos == total[0] && bytes == total[1], "%s: %lld and %lld, %lld and %lld in pages", asked[k].by,
		      (long long)total[0], (long long)total[1], (long long)nanos, (long long)bytes);
		CHECK(asked[k].pages ? pages == asked[k].pages : pages > 1, "%s: %zu pages", asked[k].by, pages);
	}
}

TEST(ledger_refuses_steps_that_are_not_kept)
{
	auto_world w = {0};
	struct weir_err err = {0}, other = {0}, odd = {0};

	CHECK(!world_new(&w, 1, &err), "%s", err.text);
	w.sv.config.retain_ns[STORE_1H] = DAY * NS;
	w.sv.config.retain_ns[STORE_1M] = w.sv.config.retain_ns[STORE_10S] = DAY * NS;
	CHECK(!ask(&w, NOVEMBER, NOVEMBER + DAY, "hour", "9", 0, &err) && strstr(err.text, "is not kept"), "%s", err.text);
	CHECK(!ask(&w, NOVEMBER, NOVEMBER + DAY, "week", "9", 0, &other) && strstr(other.text, "hour, day or all"), "%s", other.text);
	CHECK(!ask(&w, NOVEMBER + 5, NOVEMBER + DAY, "day", "9", 0, &odd), "no begin of any bucket");
}

/* What costs by the hour is on no node, and has no bytes. */
TEST(ledger_has_resources)
{
	static const struct weir_sum_workload nat = {.name = "nat-a", .namespace = "aws/vpc", .kind = STORE_RESOURCE, .cgroup = ""};
	struct store_charge c = {.key = {.epoch = 1, .sequence = 1}, .time_s = NOVEMBER + 3590, .path = WEIR_PATH_NAT,
				 .meter = "nat-gateway-hour", .pool = "111111111111/us-east-1", .month = 202611, .nanos = 45000000};
	auto_world w = {0};
	struct weir_err err = {0};
	api_auto_json json_t *o = NULL;
	const json_t *item;

	CHECK(!world_new(&w, 1, &err) && !store_node(w.sv.store, "", &c.key.node) &&
		      !store_workload(w.sv.store, c.key.node, "aws/vpc", &nat, &c.workload) && !store_charges_add(w.sv.store, &c, 1),
	      "%s", err.text);
	o = ask(&w, NOVEMBER, NOVEMBER + 3600, "hour", "10000", c.workload - 1, &err);
	item = json_array_get(json_object_get(o, "items"), 0);
	CHECK(json_array_size(json_object_get(o, "items")) == 1 && number(item, "nanos") == 45000000 && !number(item, "bytes") &&
		      !strcmp(json_string_value(json_object_get(item, "kind")), "resource") &&
		      !strcmp(json_string_value(json_object_get(item, "workload")), "nat-a") &&
		      !strcmp(json_string_value(json_object_get(item, "namespace")), "aws/vpc"),
	      "%s", err.text);
}

/* --- as FOCUS --- */

static int sink(const void *data, size_t len, void *arg)
{
	return weir_buf_add(arg, data, len);
}

static struct weir_focus_charge charge_of(const json_t *item, const struct weir_place *p, bool charged)
{
	struct weir_focus_charge c = {
		.from_s = (uint64_t)number(item, "time_s"), .month = (uint32_t)number(item, "month"), .provider = "aws",
		.region = p->region, .account = p->account, .meter = json_string_value(json_object_get(item, "meter")),
		.domain = json_string_value(json_object_get(item, "domain")),
		.namespace = json_string_value(json_object_get(item, "namespace")),
		.workload = json_string_value(json_object_get(item, "workload")),
		.kind = json_string_value(json_object_get(item, "kind")), .team = json_string_value(json_object_get(item, "team")),
		.labels = json_string_value(json_object_get(item, "labels")), .bytes = (uint64_t)number(item, "bytes"),
		.charged = charged, .nanos = number(item, "nanos")};

	c.to_s = c.from_s + DAY;
	(void)weir_path_parse(json_string_value(json_object_get(item, "path")), &c.path);
	return c;
}

static int from_ledger(struct world *w, bool charged, struct weir_buf *ret, struct weir_focus_export_stats *stats,
		       struct weir_err *err)
{
	const struct weir_focus_export_options o = {.version = WEIR_FOCUS_1_3, .book = w->priced.prices};
	weir_auto_focus_export struct weir_focus_export *x = NULL;
	int r = weir_focus_export_new(&o, sink, ret, &x);

	for (uint64_t day = NOVEMBER; !r && day < NOW_S; day += DAY) {
		api_auto_json json_t *page = ask(w, day, day + DAY, "day", "10000", 0, err);
		const json_t *item;
		size_t i;

		json_array_foreach (json_object_get(page, "items"), i, item) {
			const char *meter = json_string_value(json_object_get(item, "meter"));
			struct weir_place p = {"", ""};
			struct weir_focus_charge c;

			if (!r && strcmp(meter, "none") != 0 && strcmp(meter, "unpriced") != 0)
				r = weir_place_find(w->priced.topology, w->priced.prices, "aws/vpc", "", meter,
						    json_string_value(json_object_get(item, "pool")), day, &p);
			c = charge_of(item, &p, charged);
			r = r ? r : weir_focus_export_add(x, &c, err);
		}
	}
	return r ? r : weir_focus_export_end(x, stats, err);
}

static int from_replay(struct world *w, struct weir_buf *ret, struct weir_focus_export_stats *stats, int64_t *total,
		       struct weir_err *err)
{
	const struct weir_focus_export_options o = {.version = WEIR_FOCUS_1_3, .book = w->priced.prices};
	weir_auto_focus_export struct weir_focus_export *x = NULL;
	weir_auto_replay struct weir_replay *replay = NULL;
	int r = weir_replay_run(w->priced.topology, w->priced.prices, w->set, NULL, 0, &replay);

	r = r ? r : weir_focus_export_new(&o, sink, ret, &x);
	*total = r ? 0 : weir_replay_total(replay);
	for (uint64_t day = NOVEMBER; !r && day < NOW_S; day += DAY)
		for (size_t i = 0; !r && i < weir_replay_count(replay); i++) {
			const struct weir_replay_charge *g = weir_replay_at(replay, i);
			struct weir_focus_charge c = {.from_s = day, .to_s = day + DAY, .month = 202611, .path = g->path, .bytes = g->bytes};
			struct weir_traffic t;

			weir_traffic_get(w->set, g->row, &t);
			if (t.hour_s < day || t.hour_s >= day + DAY)
				continue;
			c.provider = "aws";
			c.region = "us-east-1";
			c.account = "111111111111";
			c.meter = g->meter ? g->meter->name : g->free ? "none" : "unpriced";
			c.domain = t.domain;
			c.namespace = t.namespace;
			c.workload = t.workload;
			c.kind = t.kind;
			c.team = t.team;
			c.labels = t.labels;
			r = weir_focus_export_add(x, &c, err);
		}
	return r ? r : weir_focus_export_end(x, stats, err);
}

TEST(ledger_and_replay_give_the_same_rows)
{
	static const enum query_dim by[] = {QUERY_METER};
	const struct query_range all = {0, INT64_MAX, STORE_10S};
	unsigned int seed = (unsigned int)getpid();
	int rounds = getenv("WEIR_LONG") ? 60 : 4;

	printf("# seed %u\n", seed);
	for (int i = 0; i < rounds; i++) {
		auto_world w = {0};
		weir_auto_buf struct weir_buf ledger = {0}, replay = {0}, charged = {0};
		struct weir_focus_export_stats a = {0}, b = {0}, c = {0};
		int64_t total[2] = {0}, played = 0;
		struct weir_err err = {0};

		CHECK(!world_new(&w, seed + (unsigned int)i, &err) && !query_cost(w.sv.store, by, 1, &all, add_total, total), "%s",
		      err.text);
		CHECK(!from_ledger(&w, false, &ledger, &a, &err) && !from_replay(&w, &replay, &b, &played, &err) &&
			      !from_ledger(&w, true, &charged, &c, &err),
		      "%s", err.text);
		CHECK(ledger.len && ledger.len == replay.len && !memcmp(ledger.data, replay.data, ledger.len), "two files");
		CHECK(a.billed == total[0] && b.billed == played && c.billed == total[0] && c.contracted == a.contracted &&
			      a.unpriced_bytes == b.unpriced_bytes,
		      "seed %u: %lld, the ledger has %lld", seed, (long long)c.billed, (long long)total[0]);
	}
}

TEST_MAIN(T(ledger_pages_are_the_ledger), T(ledger_refuses_steps_that_are_not_kept), T(ledger_has_resources),
	  T(ledger_and_replay_give_the_same_rows))
