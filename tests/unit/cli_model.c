/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl model forecast: what it reads, prints and refuses. */
#include <jansson.h>
#include <math.h>

#include "cli/model_csv.h"
#include "lib/model/random.h"
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#define WORDS_MAX 24

/* Runs `model forecast OPTIONS` on a file of that text; *ret_out is the caller's. */
static int run(const char *text, const char *options, bool json, char **ret_out, struct weir_err *err)
{
	weir_auto_free char *line = NULL;
	char path[] = "/tmp/weir-model-XXXXXX", *argv[WORDS_MAX], *save = NULL;
	int fd = mkstemp(path), argc = 0, r;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd))
		abort();
	line = weir_strf("model forecast --train %s %s", path, options);
	for (char *p = strtok_r(line, " ", &save); p && argc < WORDS_MAX; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	r = cli_fixture_run((struct cli){.socket = "/nonexistent/weir.sock", .json = json}, argc, argv, ret_out, err);
	unlink(path);
	return r;
}

/* A day of four steps, six days. */
#define WAVE "10,20,30,20,10,20,30,20,10,20,30,20,10,20,30,20,10,20,30,20,10,20,30,20"

TEST(forecasts_have_the_layout_of_m4)
{
	weir_auto_free char *out = NULL, *plain = NULL;
	struct weir_err err;

	CHECK(!run("V1,V2,V3\n\"H1\"," WAVE ",,\nH2," WAVE "\n", "--horizon 4 --season 4 --interval 90 --model snaive", false, &out, &err), "%s", err.text);
	CHECK(!strcmp(out, "V1,V2,V3,V4,V5,V6,V7,V8,V9,V10,V11,V12,V13\nH1,10,20,30,20,10,20,30,20,10,20,30,20\n"
			   "H2,10,20,30,20,10,20,30,20,10,20,30,20\n"), "printed %s", out);
	CHECK(!run("a," WAVE ",NA,20\r\n", "--horizon 3 --season 4 --model snaive", false, &plain, &err), "%s", err.text);
	CHECK(!strcmp(plain, "a,30,20,10\n"), "printed %s", plain);
}

TEST(what_is_no_number_is_named_by_its_line)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"a,1,2\nb,1,x2\n", ":2: field 3: 'x2' is no number"},
		{"a,1,2\nb,1,inf\n", ":2: field 3: 'inf' is no number"},
		{"a,1,2\n\nb\n", ":3: no values behind the id"},
		{"V1,V2\n", ": no series in it"},
		{"", ": no series in it"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err;

		CHECK(run(cases[i].text, "--horizon 2", false, &out, &err) == -EINVAL, "case %zu", i);
		CHECK(strstr(err.text, cases[i].says) && !*out, "case %zu says %s", i, err.text);
	}
}

/* Parts as printed: %.17g of each, so that what sums in the model sums here. */
TEST(json_says_what_a_forecast_is_made_of)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;
	json_t *all, *item, *parts, *part;
	const char *name;

	CHECK(!run("a," WAVE "\n", "--horizon 4 --season 4 --start 2026-11-01 --step 6h --holidays 2026-11-03,2026-11-07", true, &out, &err), "%s", err.text);
	all = json_loads(out, 0, NULL);
	item = json_array_get(json_object_get(all, "items"), 0);
	parts = json_object_get(item, "parts");
	CHECK(json_object_size(parts) == 5 && !strcmp(json_string_value(json_object_get(item, "id")), "a"), "%s", out);
	for (size_t h = 0; h < 4; h++) {
		double sum = 0, mean = json_real_value(json_array_get(json_object_get(item, "mean"), h));

		json_object_foreach(parts, name, part)
			sum += json_real_value(json_array_get(part, h));
		CHECK(sum == mean && fabs(mean - (h % 2 ? 20 : h ? 30 : 10)) < 3, "step %zu: %g, parts %g", h, mean, sum);
	}
	json_decref(all);
}

TEST(a_model_that_does_not_forecast_is_refused)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(run("a," WAVE "\n", "--horizon 4 --model no-such", false, &out, &err) == -EINVAL && strstr(err.text, "no model 'no-such'"), "%s", err.text);
}

TEST(a_holiday_is_a_date)
{
	static const char *const bad[] = {"2026-11-3", "1793664000", "2026-11-03T00:00:00Z", "2026-02-30", "2026-11-07,2026-11-03", "2026-11-03,2026-11-03"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		weir_auto_free char *out = NULL, *options = weir_strf("--horizon 4 --start 2026-11-01 --step 6h --holidays %s", bad[i]);
		struct weir_err err;

		CHECK(run("a," WAVE "\n", options, false, &out, &err) == -EINVAL && strstr(err.text, "is not one of at most 1024 dates that ascend"),
		      "%s: %s", bad[i], err.text);
	}
}

/* Most are read without strtod(), which must not be seen: to the bit. */
TEST(a_number_is_what_strtod_makes_of_it)
{
	static const char *const odd[] = {"-0", "5.", ".5", "-.5", "999999999999999", "1000000000000001", "0.000000000000001", "1e3", "+7",
					  "123456789.123456789", "000000000000000000012", "0x10"};
	static const char *const bad[] = {".", "-", "--1", "1.2.3", "1-2", "", "12a"};
	struct weir_random r = weir_random_of(41);
	struct weir_err err;
	char text[32], *field[] = {text};
	const struct model_csv c = {.name = "x", .field = field, .fields = 1};

	for (size_t i = 0; i < 20000; i++) {
		double v, wanted;

		if (i < WEIR_ARRAY_SIZE(odd))
			snprintf(text, sizeof(text), "%s", odd[i]);
		else
			snprintf(text, sizeof(text), "%.*f", (int)weir_random_below(&r, 13), exp(20 * weir_random_unit(&r) - 5) - 1);
		wanted = strtod(text, NULL);
		CHECK(!model_csv_number(&c, 0, &v, &err) && !memcmp(&v, &wanted, sizeof(v)), "%s: %.17g", text, v);
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		double v = 3;
		int no;

		snprintf(text, sizeof(text), "%s", bad[i]);
		no = model_csv_number(&c, 0, &v, &err);
		CHECK(*text ? no == -EINVAL && v == 3 : !no && isnan(v), "'%s': %g", text, v);
	}
}

TEST_MAIN(T(a_number_is_what_strtod_makes_of_it), T(forecasts_have_the_layout_of_m4), T(what_is_no_number_is_named_by_its_line), T(json_says_what_a_forecast_is_made_of),
	  T(a_model_that_does_not_forecast_is_refused), T(a_holiday_is_a_date))
