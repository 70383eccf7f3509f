/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl cost with a comparison and a trend, and the line that a trend is. */
#include "cli/spark.h"
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"

TEST(a_trend_is_by_its_largest_number)
{
	static const int64_t v[] = {0, 1, 350, 700, -5}, none[] = {0, 0};
	char buf[SPARK_TEXT];

	CHECK(!strcmp(spark_text(v, 5, true, buf), "▁▂▅█▁"), "printed %s", buf);
	CHECK(!strcmp(spark_text(v, 5, false, buf), "_.=#_"), "printed %s", buf);
	CHECK(!strcmp(spark_text(none, 2, true, buf), "▁▁"), "printed %s", buf);
	CHECK(!*spark_text(v, 0, true, buf), "printed %s", buf);
}

TEST(a_trend_of_anything_fits)
{
	int64_t v[SPARK_MAX + 9];
	char buf[SPARK_TEXT];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(v); i++)
		v[i] = INT64_MAX;
	CHECK(strlen(spark_text(v, WEIR_ARRAY_SIZE(v), true, buf)) == SPARK_TEXT - 1, "%zu bytes", strlen(buf));
	v[0] = INT64_MIN;
	CHECK(spark_text(v, 2, false, buf) && !strcmp(buf, "_#"), "printed %s", buf);
}

#define COST                                                                                                             \
	"{\"currency\":\"USD\",\"from\":1793404800,\"to\":1793491260,\"bucket_s\":60,\"total\":{\"bytes\":7,"             \
	"\"nanos\":1500000000,\"amount\":\"1.50\",\"before_nanos\":1250000000,\"change_nanos\":250000000,"                \
	"\"series\":[1000000000,500000000]},\"items\":["                                                                  \
	"{\"team\":\"a\",\"bytes\":5,\"nanos\":1400000000,\"amount\":\"1.40\",\"before_nanos\":1000000000,"               \
	"\"change_nanos\":400000000,\"series\":[900000000,500000000]},"                                                   \
	"{\"team\":\"b\",\"bytes\":2,\"nanos\":100000000,\"amount\":\"0.10\",\"before_nanos\":0,"                         \
	"\"change_nanos\":100000000,\"series\":[100000000,0]},"                                                           \
	"{\"team\":\"c\",\"bytes\":0,\"nanos\":0,\"amount\":\"0.00\",\"before_nanos\":250000000,"                         \
	"\"change_nanos\":-250000000,\"series\":[0,0]}],"                                                                 \
	"\"against\":{\"from\":1793318400,\"to\":1793404800},\"slots\":{\"from\":1793404800,\"step_s\":43200,\"count\":2}}"

TEST(a_comparison_is_three_columns)
{
	struct answer a = {.status = "200 OK", .body = COST};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "--by", "team", "--since", "1d", "--compare"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/cost?by=team&from=1793404800&compare=1 HTTP/1.1"), "%s", a.request);
	CHECK(strstr(out, "team   bytes  cost USD    before     change  %\n"
			  "a        5 B  1.400000  1.000000   0.400000  +40.0%\n"
			  "b        2 B  0.100000  0.000000   0.100000  new\n"
			  "c        0 B  0.000000  0.250000  -0.250000  ended\n"
			  "total    7 B  1.500000  1.250000   0.250000  +20.0%\n") == out,
	      "printed:\n%s", out);
	CHECK(strstr(out, "\nbefore: 2026-10-30T00:00:00Z to 2026-10-31T00:00:00Z\n"), "which range:\n%s", out);
}

TEST(a_trend_is_a_column_in_what_the_terminal_shows)
{
	struct answer a = {.status = "200 OK", .body = COST}, b = a;
	weir_auto_free char *plain = NULL, *blocks = NULL;
	char *argv[] = {"cost", "--by=team", "--from=2026-10-31", "--trend"};
	struct weir_err err;

	CHECK(!ask(&a, 4, argv, &plain, &err), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/cost?by=team&from=1793404800&series=24 HTTP/1.1"), "%s", a.request);
	CHECK(strstr(plain, "a        5 B  1.400000  #=\n"
			    "b        2 B  0.100000  #_\n"
			    "c        0 B  0.000000  __\n"
			    "total    7 B  1.500000  #=\n"),
	      "printed:\n%s", plain);
	CHECK(strstr(plain, "trend: from 2026-10-31T00:00:00Z, each 12h00m\n"), "printed:\n%s", plain);
	b.blocks = true;
	CHECK(!ask(&b, 4, argv, &blocks, &err), "%s", err.text);
	CHECK(strstr(blocks, "1.400000  █▅\n"), "printed:\n%s", blocks);
}

TEST(numbers_are_in_json)
{
	struct answer a = {.status = "200 OK", .body = COST};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "--compare", "--trend", "--json"), "%s", err.text);
	CHECK(!strcmp(out, COST "\n"), "printed:\n%s", out);
}

TEST_MAIN(T(a_trend_is_by_its_largest_number), T(a_trend_of_anything_fits), T(a_comparison_is_three_columns),
	  T(a_trend_is_a_column_in_what_the_terminal_shows), T(numbers_are_in_json))
