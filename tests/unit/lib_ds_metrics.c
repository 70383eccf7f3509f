/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics as text. The expected texts are written by hand after the OpenMetrics 1.0 and the Prometheus format. */
#include "lib/ds/metrics.h"
#include "tests/lib/test.h"

static void write_some(struct weir_metrics *m, struct weir_buf *b, bool classic)
{
	static const double bounds[] = {0.01, 1};
	static const uint64_t counts[] = {2, 0, 1};

	weir_metrics_begin(m, b, classic);
	weir_family(m, WEIR_INFO, "x", "", "What it is.");
	weir_sample_u64(m, WEIR_LABELS({"version", "1"}), 1);
	weir_family(m, WEIR_COUNTER, "x_sent_bytes", "bytes", "All\nof it, \\ and \"more\".");
	weir_sample_u64(m, WEIR_LABELS({"node", "a\\b\"c\nd"}, {"dir", "out"}), UINT64_MAX);
	weir_family(m, WEIR_GAUGE, "x_skew_seconds", "seconds", "Off.");
	weir_sample(m, NULL, -0.25);
	weir_sample_i64(m, WEIR_LABELS({"k", ""}), INT64_MIN);
	weir_family(m, WEIR_HISTOGRAM, "x_took_seconds", "seconds", "Time.");
	weir_sample_histogram(m, bounds, counts, 2, 3.5);
}

TEST(openmetrics_text)
{
	weir_auto_buf struct weir_buf b = {0};
	struct weir_metrics m;

	write_some(&m, &b, false);
	CHECK(weir_metrics_end(&m) == 0);
	CHECK(!strcmp((char *)b.data, "# TYPE x info\n"
				      "# HELP x What it is.\n"
				      "x_info{version=\"1\"} 1\n"
				      "# TYPE x_sent_bytes counter\n"
				      "# UNIT x_sent_bytes bytes\n"
				      "# HELP x_sent_bytes All\\nof it, \\\\ and \"more\".\n"
				      "x_sent_bytes_total{node=\"a\\\\b\\\"c\\nd\",dir=\"out\"} 18446744073709551615\n"
				      "# TYPE x_skew_seconds gauge\n"
				      "# UNIT x_skew_seconds seconds\n"
				      "# HELP x_skew_seconds Off.\n"
				      "x_skew_seconds -0.25\n"
				      "x_skew_seconds{k=\"\"} -9223372036854775808\n"
				      "# TYPE x_took_seconds histogram\n"
				      "# UNIT x_took_seconds seconds\n"
				      "# HELP x_took_seconds Time.\n"
				      "x_took_seconds_bucket{le=\"0.01\"} 2\n"
				      "x_took_seconds_bucket{le=\"1\"} 2\n"
				      "x_took_seconds_bucket{le=\"+Inf\"} 3\n"
				      "x_took_seconds_count 3\n"
				      "x_took_seconds_sum 3.5\n"
				      "# EOF\n"),
	      "written:\n%s", b.data);
}

/* There the family has the sample's name, there is no unit, and no end. */
TEST(classic_text)
{
	weir_auto_buf struct weir_buf b = {0};
	struct weir_metrics m;

	write_some(&m, &b, true);
	CHECK(weir_metrics_end(&m) == 0);
	CHECK(strstr((char *)b.data, "# TYPE x_info gauge\n# HELP x_info What it is.\nx_info{version=\"1\"} 1\n"));
	CHECK(strstr((char *)b.data, "# TYPE x_sent_bytes_total counter\n# HELP x_sent_bytes_total All"));
	CHECK(!strstr((char *)b.data, "# UNIT") && !strstr((char *)b.data, "# EOF"));
}

TEST(names_that_break_the_rules_are_refused)
{
	static const struct {
		const char *name, *unit, *label;
	} bad[] = {{"", "", "k"},	  {"1x", "", "k"},	 {"x y", "", "k"},   {"x_total", "", "k"}, {"x_info", "", "k"},
		   {"x", "bytes", "k"},	  {"xbytes", "bytes", "k"}, {"x", "", "a:b"}, {"x", "", ""},	    {"x", "", "9"}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		weir_auto_buf struct weir_buf b = {0};
		struct weir_metrics m;

		weir_metrics_begin(&m, &b, false);
		weir_family(&m, WEIR_GAUGE, bad[i].name, bad[i].unit, "");
		weir_sample_u64(&m, WEIR_LABELS({bad[i].label, "v"}), 1);
		CHECK(weir_metrics_end(&m) == -EINVAL, "%zu: '%s' '%s' '%s'", i, bad[i].name, bad[i].unit, bad[i].label);
	}
}

TEST(a_full_buffer_is_said)
{
	weir_auto_buf struct weir_buf b = {.max = 40};
	struct weir_metrics m;

	write_some(&m, &b, false);
	CHECK(weir_metrics_end(&m) == -EFBIG);
}

TEST_MAIN(T(openmetrics_text), T(classic_text), T(names_that_break_the_rules_are_refused), T(a_full_buffer_is_said))
