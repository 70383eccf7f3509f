/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl prices on the books that ship, and on books of a test's own. */
#include <jansson.h>

#include "lib/os/file.h"
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#define GIB 1073741824ULL
#define WORDS_MAX 24

static int run(bool json, const char *line, char **ret_out, struct weir_err *err)
{
	weir_auto_free char *copy = strdup(line);
	char *argv[WORDS_MAX], *save = NULL;
	int argc = 0;

	for (char *p = strtok_r(copy, " ", &save); p && argc < WORDS_MAX; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	return cli_fixture_run((struct cli){.json = json}, argc, argv, ret_out, err);
}

#define HEAD(kind) "---\napiVersion: weir.dev/v1alpha1\nkind: " kind "\nmetadata: {name: n}\nspec:\n  provider: aws\n"
static const char books[] =
	HEAD("PriceBook") "  currency: USD\n  region: r\n  source: the list\n  confidence: medium\n  meters:\n"
	"  - name: out\n    paths: [internet]\n    directions: [egress]\n    unit: GiB\n"
	"    free: {amount: 10GiB}\n    tiers: [{from: 0GiB, price: '0.09'}, {from: 100GiB, price: '0.05'}]\n"
	"  resources:\n  - {name: gateway-hour, unit: hour, price: '0.045'}\n"
	HEAD("PriceContract") "  accounts: ['1']\n  source: the contract\n  confidence: high\n  terms: [{discount: 10%}]\n"
	HEAD("PriceCalibration") "  month: 2026-11\n  source: the bill\n  rates:\n"
	"  - {meter: out, region: r, account: '1', price: '0.04', sku: X-Out-Bytes}\n";

/* A directory with one file of that text; removed by the test. */
static void dir_make(char dir[32], const char *text)
{
	weir_auto_free char *path = NULL;

	strcpy(dir, "/tmp/weir-prices-XXXXXX");
	if (!mkdtemp(dir))
		abort();
	path = weir_strf("%s/b.yaml", dir);
	if (weir_file_write(path, text, strlen(text), 0600))
		abort();
}

static void dir_remove(const char *dir)
{
	weir_auto_free char *path = weir_strf("%s/b.yaml", dir);

	unlink(path);
	rmdir(dir);
}

TEST(show_lists_what_is_asked_for)
{
	weir_auto_free char *out = NULL, *json = NULL, *none = NULL;
	struct weir_err err;
	json_t *o;

	CHECK(!run(false, "prices show --dir policies --provider aws --region eu-west-1 --meter internet-out", &out, &err),
	      "%s", err.text);
	CHECK(!strncmp(out, "provider  region     meter         layer  unit  price ", 54), "%s", out);
	CHECK(strstr(out, "\naws       eu-west-1  internet-out  list   GiB   0.09, 0.085 from 10240 GiB, 0.07 from 51200 GiB, "
			  "0.05 from 153600 GiB  100 GiB per organisation  organisation-region  2024-08-09 to now  high "),
	      "%s", out);
	CHECK(!run(true, "prices show --dir policies --meter nat-processing", &json, &err), "%s", err.text);
	o = json_loads(json, 0, NULL);
	/* us-east-1 and eu-west-1, Azure's 61 regions and Google's 42. */
	CHECK(json_array_size(json_object_get(o, "items")) == 105, "%zu", json_array_size(json_object_get(o, "items")));
	json_decref(o);
	CHECK(run(false, "prices show --dir policies --region us-esat-1", &none, &err) == -EINVAL, "found");
}

TEST(a_meter_of_several_paths_is_shown_once)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;
	const char *first;

	CHECK(!run(false, "prices show --dir policies --region us-east-1 --meter cross-region-out", &out, &err), "%s",
	      err.text);
	first = strstr(out, " cross-region-out ");
	CHECK(first && !strstr(first + 1, " cross-region-out "), "%s", out);
}

/* 40 GiB behind 80, of which 3 are free: 17 x 0.09 and 20 x 0.05. */
TEST(explain_sums_its_parts_in_each_layer)
{
	static const struct {
		const char *words, *applied;
		int64_t nanos;
		size_t layers;
	} rows[] = {
		{"--account 1 --at 2026-10-31", "contract", 2277000000, 2},
		{"--account 1 --at 2026-11-30T23:59:59Z", "calibrated", 1600000000, 3},
		{"--account 2 --at 2026-11-01", "list", 2530000000, 1},
		{"--account 1 --at 2026-12-01", "contract", 2277000000, 2},
	};
	struct weir_err err;
	char dir[32];

	dir_make(dir, books);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		weir_auto_free char *out = NULL, *line = NULL;
		json_t *o, *layer, *part;
		size_t l, p;

		line = weir_strf("prices explain --dir %s --provider aws --region r --meter out --bytes %llu --used %llu "
				 "--free-used %llu %s", dir, 40 * GIB, 80 * GIB, 7 * GIB, rows[i].words);
		CHECK(!run(true, line, &out, &err), "%s", err.text);
		o = json_loads(out, 0, NULL);
		CHECK(json_integer_value(json_object_get(o, "nanos")) == rows[i].nanos, "row %zu: %s", i, out);
		CHECK(!strcmp(json_string_value(json_object_get(o, "applied")), rows[i].applied), "row %zu: %s", i, out);
		CHECK(json_array_size(json_object_get(o, "layers")) == rows[i].layers, "row %zu: %s", i, out);
		json_array_foreach(json_object_get(o, "layers"), l, layer) {
			json_int_t sum = 0, bytes = 0;

			json_array_foreach(json_object_get(layer, "parts"), p, part) {
				sum += json_integer_value(json_object_get(part, "nanos"));
				bytes += json_integer_value(json_object_get(part, "bytes"));
			}
			CHECK(sum == json_integer_value(json_object_get(layer, "nanos")), "row %zu: %s", i, out);
			CHECK(bytes == (json_int_t)(40 * GIB), "row %zu: %s", i, out);
		}
		json_decref(o);
	}
	dir_remove(dir);
}

TEST(explain_says_what_it_rests_on)
{
	weir_auto_free char *out = NULL, *line = NULL, *hours = NULL, *hours_line = NULL;
	struct weir_err err;
	char dir[32];

	dir_make(dir, books);
	line = weir_strf("prices explain --dir %s --provider aws --region r --meter out --bytes %llu --used %llu --account 1 "
			 "--at 2026-11-15", dir, 120 * GIB + 1, 0ULL);
	CHECK(!run(false, line, &out, &err), "%s", err.text);
	CHECK(strstr(out, "list: the list, confidence medium\n"), "%s", out);
	CHECK(strstr(out, "contract: the contract, confidence high\n"), "%s", out);
	CHECK(strstr(out, "calibrated (applied): the bill, confidence unstated, from 2026-11-01, until 2026-12-01, sku "
			  "X-Out-Bytes\n"), "%s", out);
	CHECK(strstr(out, "free: 10 GiB a month per account-region, of which 0 GiB were used\n"), "%s", out);
	CHECK(strstr(out, "\nlist          0 GiB          10 GiB     free  0.000000000\n"), "%s", out);
	CHECK(strstr(out, "\nlist         10 GiB          90 GiB     0.09  8.100000000\n"), "%s", out);
	CHECK(strstr(out, "\nlist        100 GiB   21474836481 B     0.05  1.000000000\n"), "%s", out);
	CHECK(strstr(out, "\n4.800000000 USD\n"), "%s", out);
	hours_line = weir_strf("prices explain --dir %s --provider aws --region r --meter gateway-hour --hours 730", dir);
	CHECK(!run(false, hours_line, &hours, &err), "%s", err.text);
	CHECK(strstr(hours, "\n32.850000000 USD\n"), "%s", hours);
	dir_remove(dir);
}

TEST(explain_refuses_what_it_cannot_price)
{
	static const char *const rows[][2] = {
		{"prices explain --provider aws --region us-east-1", "--provider, --region and --meter are needed"},
		{"prices explain --provider aws --region us-east-1 --meter m", "--bytes or --hours is needed, and not both"},
		{"prices explain --provider aws --region us-east-1 --meter m --bytes 1 --hours 1", "not both"},
		{"prices explain --dir policies --provider aws --region us-esat-1 --meter m --bytes 1",
		 "no price book has aws in region 'us-esat-1'"},
		{"prices explain --dir policies --provider aws --region us-east-1 --meter m --bytes 1",
		 "us-east-1 has no price of 'm' on 2026-11-01; meters of us-east-1: local, cross-zone,"},
		{"prices explain --dir policies --provider aws --region us-east-1 --meter nat-gateway-hour --bytes 1",
		 "nat-gateway-hour costs by the hour: --hours"},
		{"prices explain --dir policies --provider aws --region us-east-1 --meter internet-out --hours 1",
		 "internet-out costs by the GiB: --bytes"},
		{"prices explain --dir policies --provider aws --region eu-west-1 --meter internet-out --bytes 1 --at 2024-08-08",
		 "has no price of 'internet-out' on 2024-08-08"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err;

		CHECK(run(false, rows[i][0], &out, &err) == -EINVAL && strstr(err.text, rows[i][1]), "%s: %s", rows[i][0],
		      err.text);
	}
}

TEST(check_says_all_and_by_its_status)
{
	static const struct {
		const char *text;
		int status;
		size_t errors, gaps;
		const char *says;
	} rows[] = {
		{"  - {name: a, unit: hour, price: '1'}\n", 0, 0, 0, "\"ok\":true"},
		{"  - {name: a, unit: hour, price: '1', valid_to: 2026-01-01}\n"
		 "  - {name: a, unit: hour, price: '2', valid_from: 2026-02-01}\n",
		 CLI_NOT_WELL, 0, 1, "/b.yaml:12:1 spec.resources: meter 'a' of r has no price for 31 days before this one"},
		{"  - {name: a, unit: hour, price: '1'}\n  - {name: a, unit: hour, price: '2'}\n", CLI_INVALID, 1, 0,
		 "/b.yaml:12:1 spec.resources: meter 'a' has two prices at the same time in r"},
		{"  - {name: a, unit: GiB, tiers: [{from: 0GiB, price: '1'}, {from: 0GiB, price: '2'}]}\n", CLI_INVALID, 1, 0,
		 ".tiers[1].from: tiers must ascend"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		weir_auto_free char *out = NULL, *text = NULL, *line = NULL;
		struct weir_err err;
		char dir[32];
		json_t *o;

		text = weir_strf(HEAD("PriceBook") "  currency: USD\n  region: r\n  source: s\n  resources:\n%s", rows[i].text);
		dir_make(dir, text);
		line = weir_strf("prices check %s", dir);
		CHECK(run(true, line, &out, &err) == rows[i].status, "row %zu: %s", i, out);
		o = json_loads(out, 0, NULL);
		CHECK(json_array_size(json_object_get(o, "errors")) == rows[i].errors, "row %zu: %s", i, out);
		CHECK(json_array_size(json_object_get(o, "gaps")) == rows[i].gaps, "row %zu: %s", i, out);
		CHECK(strstr(out, rows[i].says), "row %zu: %s", i, out);
		json_decref(o);
		dir_remove(dir);
	}
}

TEST(what_ships_is_clean)
{
	weir_auto_free char *out = NULL, *inner = NULL, *none = NULL;
	struct weir_err err;

	CHECK(!run(false, "prices check policies", &out, &err) && !strncmp(out, "policies: ok, ", 14), "%s", err.text);
	CHECK(!run(false, "prices check policies/prices", &inner, &err), "%s", err.text);
	CHECK(run(true, "prices check /nonexistent", &none, &err) == CLI_INVALID, "nothing is fine");
	CHECK(strstr(none, "/nonexistent: cannot read price books: No such file"), "%s", none);
}

TEST_MAIN(T(show_lists_what_is_asked_for), T(a_meter_of_several_paths_is_shown_once),
	  T(explain_sums_its_parts_in_each_layer), T(explain_says_what_it_rests_on), T(explain_refuses_what_it_cannot_price),
	  T(check_says_all_and_by_its_status), T(what_ships_is_clean))
