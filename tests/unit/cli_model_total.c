/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl model total: what it reads, prints and refuses. */
#include <jansson.h>
#include <math.h>

#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#define WORDS_MAX 24

/* Runs `model total OPTIONS` on a line of n hours of 2 each, and another of 10 hours; *ret_out is the caller's. */
static int run(size_t n, const char *options, bool json, char **ret_out, struct weir_err *err)
{
	char path[] = "/tmp/weir-total-XXXXXX", *argv[WORDS_MAX], *save = NULL;
	weir_auto_free char *line = NULL;
	int fd = mkstemp(path), argc = 0, r;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		abort();
	fputs("team", f);
	for (size_t i = 0; i < n; i++)
		fputs(",2", f);
	fputs("\nnew,1,1,1,1,1,1,1,1,1,1\n", f);
	fclose(f);
	line = weir_strf("model total --train %s %s", path, options);
	for (char *p = strtok_r(line, " ", &save); p && argc < WORDS_MAX; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	r = cli_fixture_run((struct cli){.socket = "/nonexistent/weir.sock", .json = json}, argc, argv, ret_out, err);
	unlink(path);
	return r;
}

TEST(a_row_says_what_a_total_is_and_rests_on)
{
	weir_auto_free char *out = NULL, *plain = NULL;
	struct weir_err err;
	char basis[8];
	unsigned int days, crosses, early, late;
	double mean, lower, upper, lower95, upper95;

	CHECK(!run(480, "--hours 240 --elapsed 10 --amount 121", false, &out, &err), "%s", err.text);
	CHECK(!strncmp(out, "id,basis,days,mean,lower80,upper80,lower95,upper95,crosses_h,early_h,late_h\n", 74), "%s", out);
	CHECK(sscanf(strchr(out, '\n'), "\nteam,%7[a-z],%u,%lf,%lf,%lf,%lf,%lf,%u,%u,%u\n", basis, &days, &mean, &lower, &upper, &lower95,
		     &upper95, &crosses, &early, &late) == 10, "%s", out);
	CHECK(!strcmp(basis, "mean") && days == 20 && fabs(mean - 500) < 1 && crosses >= 51 && crosses <= 52 && early < 51 && late > 52, "%s", out);
	CHECK(20 < lower95 && lower95 < lower && lower < mean && mean < upper && upper < upper95, "%s", out);
	CHECK(strstr(out, "\nnew,none,0,10,10,10,10,10,,,\n"), "%s", out);
	CHECK(!run(480, "--hours 240", false, &plain, &err) && strstr(plain, "\nnew,none,0,0,0,0,0,0\n"), "%s", plain);
}

TEST(json_says_the_same)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;
	json_t *root, *items;

	CHECK(!run(960, "--hours 100 --amount 1e9 --start 2026-09-01", true, &out, &err), "%s", err.text);
	root = json_loads(out, 0, NULL);
	items = json_object_get(root, "items");
	CHECK(json_array_size(items) == 2 && !strcmp(json_string_value(json_object_get(json_array_get(items, 0), "basis")), "pool"), "%s", out);
	CHECK(fabs(json_number_value(json_object_get(json_array_get(items, 0), "mean")) - 200) < 1, "%s", out);
	CHECK(json_is_null(json_object_get(json_array_get(items, 0), "early_h")), "%s", out);
	json_decref(root);
}

TEST(what_is_asked_wrongly_is_said)
{
	static const struct {
		const char *options, *says;
	} cases[] = {
		{"--elapsed 1", "--hours must be 1 to 8784"},
		{"--hours 8785", "--hours must be 1 to 8784"},
		{"--hours 10 --elapsed 11", "--elapsed: series 'new' has but 10 hours"},
		{"--hours 10 --amount x", "--amount: 'x' is no number above 0"},
		{"--hours 10 --amount 0", "--amount: '0' is no number above 0"},
		{"--hours 10 --amount nan", "--amount: 'nan' is no number above 0"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err;

		CHECK(run(48, cases[i].options, false, &out, &err) == -EINVAL && strstr(err.text, cases[i].says), "case %zu says %s", i, err.text);
	}
}

TEST_MAIN(T(a_row_says_what_a_total_is_and_rests_on), T(json_says_the_same), T(what_is_asked_wrongly_is_said))
