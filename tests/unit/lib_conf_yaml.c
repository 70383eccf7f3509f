/* SPDX-License-Identifier: Apache-2.0 */
/* Strict YAML: every refusal is one line with its place; typed readers are exact or refuse. */
#include "lib/conf/yaml.h"
#include "tests/lib/test.h"

static int parse(const char *text, struct weir_ydoc **ret, struct weir_err *err)
{
	return weir_ydoc_parse(text, strlen(text), "f.yaml", ret, err);
}

struct refusal {
	const char *text, *message;
};

TEST(refusals_name_line_and_column)
{
	static const struct refusal rows[] = {
		{"a: &x 1\n", "f.yaml:1:4 .: anchors are not allowed; write the value out"},
		{"b:\n  a: *x\n", "f.yaml:2:6 b: aliases are not allowed; write the value out"},
		{"a: !!str 1\n", "f.yaml:1:4 .: tags are not allowed"},
		{"a: ! x\n", "f.yaml:1:4 .: tags are not allowed"},
		{"a: !x [1]\n", "f.yaml:1:4 .: tags are not allowed"},
		{"a: &x [1]\n", "f.yaml:1:4 .: anchors are not allowed; write the value out"},
		{"<<: {a: 1}\n", "f.yaml:1:1 .: merge keys are not allowed"},
		{"a:\n  b: 1\n  c: 2\n  b: 3\n",
		 "f.yaml:4:3 a: key 'b' stands twice; first on line 2"},
		{"a: {? [x] : 1}\n", "f.yaml:1:7 a: a key must be plain text, not a list or map"},
		{"a: \"x\\0y\"\n", "f.yaml:1:4 .: text contains a NUL character"},
		{"\"\": 1\n", "f.yaml:1:1 .: a key is empty"},
		{"%TAG ! tag:x,2026:\n---\na: 1\n", "f.yaml:1:1 .: tag directives are not allowed"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		weir_auto_ydoc struct weir_ydoc *d = NULL;
		struct weir_err err = {0};
		int r = parse(rows[i].text, &d, &err);

		CHECK(r == -EINVAL, "%s gave %d", rows[i].text, r);
		CHECK(!strcmp(err.text, rows[i].message), "got '%s', want '%s'", err.text,
		      rows[i].message);
		CHECK(d == NULL, "document set on failure");
	}
}

TEST(syntax_errors_name_line_and_column)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_err err = {0};

	CHECK(parse("a: 1\nb: [1, 2\nc: 3\n", &d, &err) == -EINVAL, "accepted");
	CHECK(!strncmp(err.text, "f.yaml:3:", 9) && strstr(err.text, "not valid YAML"), "%s",
	      err.text);
	CHECK(!strchr(err.text, '\n'), "more than one line");
}

TEST(bytes_that_are_not_utf8_are_refused)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_err err = {0};

	CHECK(parse("a: 1\nb: \xff\n", &d, &err) == -EINVAL, "accepted");
	CHECK(!strncmp(err.text, "f.yaml:2:4 ", 11), "%s", err.text);
}

static void nest(char *buf, size_t depth)
{
	memset(buf, '[', depth);
	memset(buf + depth, ']', depth);
	buf[2 * depth] = '\0';
}

TEST(depth_is_bounded)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL, *deep = NULL;
	struct weir_err err = {0};
	char text[256];

	nest(text, 32);
	CHECK(parse(text, &d, &err) == 0, "32 levels refused: %s", err.text);
	nest(text, 33);
	CHECK(parse(text, &deep, &err) == -EINVAL, "33 levels accepted");
	CHECK(!strncmp(err.text, "f.yaml:1:33 ", 12), "%s", err.text);
}

TEST(size_is_bounded)
{
	size_t len = 1024 * 1024 + 1;
	weir_auto_free char *text = malloc(len + 1);
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_err err = {0};

	memset(text, ' ', len);
	text[0] = '#';
	CHECK(weir_ydoc_parse(text, len, "f.yaml", &d, &err) == -EINVAL, "accepted");
	CHECK(!strcmp(err.text, "f.yaml:1:1 .: file is larger than 1 MiB"), "%s", err.text);
}

TEST(count_of_values_is_bounded)
{
	size_t n = 100001;
	weir_auto_free char *text = malloc(2 * n + 3);
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_err err = {0};

	text[0] = '[';
	for (size_t i = 0; i < n; i++)
		memcpy(text + 1 + 2 * i, "1,", 2);
	memcpy(text + 1 + 2 * n, "]", 2);
	CHECK(parse(text, &d, &err) == -EINVAL, "accepted");
	CHECK(strstr(err.text, "more than 100000 values"), "%s", err.text);
}

TEST(unknown_field_names_the_known_ones)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_err err = {0};
	struct weir_y *spec;

	CHECK(parse("spec:\n  one: 1\n  tow: 2\n", &d, &err) == 0, "%s", err.text);
	spec = weir_y_find(weir_ydoc_root(d, 0), "spec");
	weir_y_find(spec, "one");
	weir_y_find(spec, "two");
	CHECK(weir_y_end(weir_ydoc_root(d, 0), &err) == 0, "%s", err.text);
	CHECK(weir_y_end(spec, &err) == -EINVAL, "accepted");
	CHECK(!strcmp(err.text, "f.yaml:3:3 spec: unknown field 'tow'; known: one, two"), "%s",
	      err.text);
}

TEST(messages_carry_the_path)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_err err = {0}, missing = {0};
	struct weir_y *y, *none;
	uint64_t v;

	CHECK(parse("a:\n- b: [1, x]\n", &d, &err) == 0, "%s", err.text);
	y = weir_y_item(weir_y_find(weir_ydoc_root(d, 0), "a"), 0);
	CHECK(weir_y_get(y, "c", &none, &missing) == -EINVAL, "found");
	CHECK(!strcmp(missing.text, "f.yaml:2:3 a[0]: 'c' is missing"), "%s", missing.text);
	y = weir_y_item(weir_y_find(y, "b"), 1);
	CHECK(weir_y_u64(y, 0, 9, &v, &err) == -EINVAL, "accepted");
	CHECK(!strcmp(err.text, "f.yaml:2:10 a[0].b[1]: 'x' is not a whole number"), "%s",
	      err.text);
}

TEST(several_documents)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL, *empty = NULL;
	struct weir_err err = {0};
	const char *s = "";

	CHECK(parse("a: 1\n---\n# c\nb: y\n", &d, &err) == 0, "%s", err.text);
	CHECK(weir_ydoc_count(d) == 2, "%zu", weir_ydoc_count(d));
	CHECK(weir_y_str(weir_y_find(weir_ydoc_root(d, 1), "b"), &s, &err) == 0 && !strcmp(s, "y"),
	      "%s", s);
	CHECK(weir_y_line(weir_ydoc_root(d, 1)) == 4, "%u", weir_y_line(weir_ydoc_root(d, 1)));
	CHECK(parse("# nothing\n", &empty, &err) == 0 && weir_ydoc_count(empty) == 0, "not empty");
}

typedef int reader(struct weir_y *y, uint64_t *ret, struct weir_err *err);

static int read_nanos(struct weir_y *y, uint64_t *ret, struct weir_err *err)
{
	int64_t v;
	int r = weir_y_nanos(y, &v, err);

	if (r == 0)
		*ret = (uint64_t)v;
	return r;
}

static int read_u64(struct weir_y *y, uint64_t *ret, struct weir_err *err)
{
	return weir_y_u64(y, 1, 100, ret, err);
}

static int read_bool(struct weir_y *y, uint64_t *ret, struct weir_err *err)
{
	bool v;
	int r = weir_y_bool(y, &v, err);

	if (r == 0)
		*ret = v;
	return r;
}

struct value {
	reader *fn;
	const char *text;
	int r;
	uint64_t want;
};

static const struct value values[] = {
	{weir_y_rate, "200Mbit", 0, 200000000},
	{weir_y_rate, "1.5Gbit", 0, 1500000000},
	{weir_y_rate, "64kbit", 0, 64000},
	{weir_y_rate, "800bit", 0, 800},
	{weir_y_rate, "200", -EINVAL, 0},
	{weir_y_rate, "0.5bit", -EINVAL, 0},
	{weir_y_rate, "1mbit", -EINVAL, 0},
	{weir_y_rate, "-1Mbit", -EINVAL, 0},
	{weir_y_rate, "1 Mbit", -EINVAL, 0},
	{weir_y_rate, "18446744Tbit", 0, 18446744000000000000ULL},
	{weir_y_rate, "18446745Tbit", -EINVAL, 0},
	{weir_y_size, "4MiB", 0, 4194304},
	{weir_y_size, "64KiB", 0, 65536},
	{weir_y_size, "1GiB", 0, 1073741824},
	{weir_y_size, "1500B", 0, 1500},
	{weir_y_size, "1kB", 0, 1000},
	{weir_y_size, "0.5KiB", 0, 512},
	{weir_y_size, "1GB", 0, 1000000000},
	{weir_y_size, "1024", -EINVAL, 0},
	{weir_y_size, "1KB", -EINVAL, 0},
	{weir_y_size, "16777215TiB", 0, 16777215ULL << 40},
	{weir_y_size, "16777216TiB", -EINVAL, 0},
	{weir_y_duration, "200ms", 0, 200000000},
	{weir_y_duration, "2s", 0, 2000000000},
	{weir_y_duration, "10m", 0, 600000000000},
	{weir_y_duration, "24h", 0, 86400000000000},
	{weir_y_duration, "7d", 0, 604800000000000},
	{weir_y_duration, "1.5h", 0, 5400000000000},
	{weir_y_duration, "5", -EINVAL, 0},
	{weir_y_duration, "5 m", -EINVAL, 0},
	{weir_y_duration, "5min", -EINVAL, 0},
	{read_nanos, "0.045", 0, 45000000},
	{read_nanos, "0.000000001", 0, 1},
	{read_nanos, "0.0000000001", -EINVAL, 0},
	{read_nanos, "-1.5", 0, (uint64_t)-1500000000},
	{read_nanos, "9223372036.854775807", 0, INT64_MAX},
	{read_nanos, "9223372036.854775808", -EINVAL, 0},
	{read_nanos, ".5", -EINVAL, 0},
	{read_nanos, "5.", -EINVAL, 0},
	{read_nanos, "1e3", -EINVAL, 0},
	{weir_y_time, "1970-01-01", 0, 0},
	{weir_y_time, "2026-11-01", 0, 1793491200},	      /* date -ud 2026-11-01 +%s */
	{weir_y_time, "2024-02-29T23:59:59Z", 0, 1709251199}, /* date -ud ... +%s */
	{weir_y_time, "2026-02-29", -EINVAL, 0},
	{weir_y_time, "2026-11-01T24:00:00Z", -EINVAL, 0},
	{weir_y_time, "2026-11-01T00:00:00", -EINVAL, 0},
	{weir_y_time, "2026-1-1", -EINVAL, 0},
	{read_u64, "1", 0, 1},
	{read_u64, "100", 0, 100},
	{read_u64, "101", -EINVAL, 0},
	{read_u64, "0", -EINVAL, 0},
	{read_u64, "+1", -EINVAL, 0},
	{read_u64, "010", -EINVAL, 0},
	{read_u64, "18446744073709551616", -EINVAL, 0},
	{read_bool, "true", 0, 1},
	{read_bool, "false", 0, 0},
	{read_bool, "yes", -EINVAL, 0},
	{read_bool, "True", -EINVAL, 0},
};

TEST(scalars_are_exact_or_refused)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(values); i++) {
		const struct value *v = &values[i];
		weir_auto_ydoc struct weir_ydoc *d = NULL;
		weir_auto_free char *text = weir_strf("k: \"%s\"\n", v->text);
		struct weir_err err = {0};
		uint64_t got = 0;
		int r;

		CHECK(parse(text, &d, &err) == 0, "%s", err.text);
		r = v->fn(weir_y_find(weir_ydoc_root(d, 0), "k"), &got, &err);
		CHECK(r == v->r && got == v->want, "row %zu '%s': %d, %llu, %s", i, v->text, r,
		      (unsigned long long)got, err.text);
		CHECK(r == 0 || !strncmp(err.text, "f.yaml:1:4 k: ", 14), "place: %s", err.text);
	}
}

TEST(empty_value_is_refused)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_err err = {0};
	const char *s;

	CHECK(parse("a:\n", &d, &err) == 0, "%s", err.text);
	CHECK(weir_y_str(weir_y_find(weir_ydoc_root(d, 0), "a"), &s, &err) == -EINVAL, "accepted");
	CHECK(strstr(err.text, " a: is empty"), "%s", err.text);
}

TEST_MAIN(T(refusals_name_line_and_column), T(syntax_errors_name_line_and_column),
	  T(bytes_that_are_not_utf8_are_refused), T(depth_is_bounded), T(size_is_bounded),
	  T(count_of_values_is_bounded), T(unknown_field_names_the_known_ones),
	  T(messages_carry_the_path), T(several_documents), T(scalars_are_exact_or_refused),
	  T(empty_value_is_refused))
