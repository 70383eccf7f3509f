/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf of models over the API: lists, cards, and the order to roll back, which is audited. */
#include "aggregator/api.h"
#include "aggregator/models.h"
#include "lib/model/train.h"
#include "tests/lib/model_fixture.h"
#include "tests/lib/test.h"

#define USE "forecast-cost-hourly"
#define NOW_NS (1800000000ull * 1000000000ull)

static const char *params[2][2];

static const char *param(const struct api_call *c, const char *name)
{
	(void)c;
	for (size_t i = 0; i < 2; i++)
		if (params[i][0] && !strcmp(params[i][0], name))
			return params[i][1];
	return NULL;
}

/* A shelf beside the store of an aggregator, with a champion and the one before. */
struct world {
	struct shelf_dir dir;
	struct service sv;
	char store[96], audit[96];
};

static void train_one(struct world *w, const char *name, size_t n)
{
	const struct weir_recipe recipe = {.name = name};
	auto_model_set set;
	struct weir_train_result t;
	struct weir_err err = {{0}};
	struct weir_train task = {.use = USE, .candidates = &recipe, .candidate_count = 1, .opts = {.horizon = 24, .coverage = 0.95, .seed = 1}, .holdback = 7 * 24,
				  .now_s = 1800000000, .reason = "schedule"};

	model_set_init(&set, 16, n, 0.1, 3);
	task.data = &set.data;
	if (weir_train_forecast(w->sv.shelf, &task, &t, &err)) {
		printf("# %s\n", err.text);
		abort();
	}
}

static void world_init(struct world *w)
{
	struct weir_err err = {{0}};

	*w = (struct world){.dir = shelf_dir_new()};
	snprintf(w->store, sizeof(w->store), "%s/weir.db", w->dir.path);
	snprintf(w->audit, sizeof(w->audit), "%s/audit.log", w->dir.path);
	w->sv.config.store_path = w->store;
	w->sv.config.models_dir = (char *)"";
	if (models_open(&w->sv, &err) || audit_open(w->audit, NOW_NS, &w->sv.audit, &err)) {
		printf("# %s\n", err.text);
		abort();
	}
	train_one(w, "snaive", 24 * 27);
	train_one(w, "mstl", 24 * 28);
}

static void world_fini(struct world *w)
{
	weir_shelf_close(w->sv.shelf);
	audit_close(w->sv.audit);
	shelf_dir_fini(&w->dir);
}
#define auto_world weir_cleanup(world_fini) struct world

static int call(struct world *w, const char *path, const char *use, const char *hash, const char *body, json_t **ret, struct weir_err *err)
{
	struct api_call c = {.sv = &w->sv, .now_ns = NOW_NS, .param = param, .body = body, .body_len = body ? strlen(body) : 0};
	int r;

	params[0][0] = use ? "use" : NULL;
	params[0][1] = use;
	params[1][0] = hash ? "hash" : NULL;
	params[1][1] = hash;
	*ret = NULL;
	r = api_find(path, body != NULL)(&c, ret);
	*err = c.err;
	return r;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

TEST(models_are_listed_beside_the_store_with_what_was_decided)
{
	auto_world w;
	api_auto_json json_t *all = NULL, *one = NULL, *none = NULL;
	const json_t *items;
	struct weir_err err;
	char path[512];

	world_init(&w);
	CHECK(shelf_dir_files(&w.dir, "models", USE, path) == 1, "models.dir is not beside the store");
	CHECK(!call(&w, "/api/v1/models", NULL, NULL, NULL, &all, &err), "%s", err.text);
	items = json_object_get(all, "items");
	CHECK(json_array_size(items) == 2 && !json_object_get(all, "decisions"));
	CHECK(!strcmp(text_of(json_array_get(items, 0), "state"), "champion") && !strcmp(text_of(json_array_get(items, 0), "model"), "mstl"));
	CHECK(!strcmp(text_of(json_array_get(items, 1), "state"), "previous") && !strcmp(text_of(json_array_get(items, 1), "use"), USE));
	CHECK(!call(&w, "/api/v1/models", USE, NULL, NULL, &one, &err) && json_array_size(json_object_get(one, "decisions")) == 2, "%s", err.text);
	CHECK(!strcmp(text_of(json_array_get(json_object_get(one, "decisions"), 0), "verdict"), "replaced"), "the newest is not the first");
	CHECK(call(&w, "/api/v1/models", "other", NULL, NULL, &none, &err) == -EINVAL && strstr(err.text, "no use 'other'"), "%s", err.text);
}

TEST(a_card_is_of_the_champion_or_of_the_model_that_is_named)
{
	auto_world w;
	api_auto_json json_t *all = NULL, *card = NULL, *other = NULL, *none = NULL;
	struct weir_err err;
	char begin[13];

	world_init(&w);
	CHECK(!call(&w, "/api/v1/models", NULL, NULL, NULL, &all, &err));
	snprintf(begin, sizeof(begin), "%s", text_of(json_array_get(json_object_get(all, "items"), 1), "hash"));
	CHECK(!call(&w, "/api/v1/models/card", USE, NULL, NULL, &card, &err) && !strcmp(text_of(card, "model"), "mstl"), "%s", err.text);
	CHECK(strstr(text_of(card, "text"), "a decomposition by several seasons") && !strcmp(text_of(json_object_get(card, "decision"), "verdict"), "replaced"));
	CHECK(!call(&w, "/api/v1/models/card", USE, begin, NULL, &other, &err) && !strcmp(text_of(other, "model"), "snaive"), "%s", err.text);
	CHECK(!strcmp(text_of(other, "state"), "previous") && strlen(text_of(other, "hash")) == 64);
	CHECK(call(&w, "/api/v1/models/card", USE, "12345", NULL, &none, &err) == -EINVAL && strstr(err.text, "there is no model '12345'"), "%s", err.text);
	CHECK(call(&w, "/api/v1/models/card", "other", NULL, NULL, &none, &err) == -EINVAL && strstr(err.text, "no champion"), "%s", err.text);
	CHECK(call(&w, "/api/v1/models/card", NULL, NULL, NULL, &none, &err) == -EINVAL && strstr(err.text, "use: "), "%s", err.text);
}

static int find_entry(const char *line, void *arg)
{
	unsigned int *found = arg;

	*found += strstr(line, "\"event\":\"model-rolled-back\"") && strstr(line, "\"use\":\"" USE "\"") && strstr(line, "\"by\":\"unknown\"");
	return 0;
}

TEST(a_rollback_is_done_once_and_audited)
{
	static const char *const bad[] = {"", "{}", "use", "{\"use\": 7}", "{\"use\": \"other\"}"};
	auto_world w;
	api_auto_json json_t *done = NULL, *none = NULL;
	weir_auto_model m = {0};
	struct weir_err err;
	unsigned int found = 0;

	world_init(&w);
	CHECK(!call(&w, "/api/v1/models/rollback", NULL, NULL, "{\"use\": \"" USE "\"}", &done, &err), "%s", err.text);
	CHECK(!strcmp(text_of(done, "verdict"), "rolled-back") && strlen(text_of(done, "champion")) == 64);
	CHECK(!weir_shelf_champion(w.sv.shelf, USE, &m, &err) && !strcmp(m.meta.name, "snaive"), "%s", err.text);
	CHECK(call(&w, "/api/v1/models/rollback", NULL, NULL, "{\"use\": \"" USE "\"}", &none, &err) == -EINVAL && strstr(err.text, "to go back to"), "%s", err.text);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		CHECK(call(&w, "/api/v1/models/rollback", NULL, NULL, bad[i], &none, &err) == -EINVAL && *err.text, "'%s': %s", bad[i], err.text);
	CHECK(!audit_tail(w.sv.audit, 10, find_entry, &found) && found == 1, "%u entries", found);
	CHECK(!api_find("/api/v1/models/rollback", false), "a GET rolls back");
}

TEST_MAIN(T(models_are_listed_beside_the_store_with_what_was_decided), T(a_card_is_of_the_champion_or_of_the_model_that_is_named),
	  T(a_rollback_is_done_once_and_audited))
