/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/bill.h"
#include "lib/money/csv.h"

#include <zlib.h>

#include "tests/lib/focus_fixture.h"
#include "tests/lib/test.h"

/* All records as one text: fields in <>, quoted ones in [], each record behind its line. */
static int dump(const void *data, size_t len, char *ret, size_t size, struct weir_err *err)
{
	struct focus_file f = focus_file(data, len);
	weir_auto_csv struct weir_csv *c = NULL;
	const struct weir_csv_field *fields;
	size_t count, used = 0;
	int r = weir_csv_open(f.path, &c, err);

	*ret = '\0';
	close(f.fd);
	while (!r && (r = weir_csv_next(c, &fields, &count, err)) == 1) {
		used += (size_t)snprintf(ret + used, size - used, "%d", (int)weir_csv_line(c));
		for (size_t i = 0; i < count && used < size; i++)
			used += (size_t)snprintf(ret + used, size - used, fields[i].quoted ? "[%.*s]" : "<%.*s>",
						 (int)fields[i].len, fields[i].text);
		r = 0;
	}
	return r;
}

static const struct {
	const char *name, *text, *records;
} good[] = {
	{"plain", "a,b\n1,2\n", "1<a><b>2<1><2>"},
	{"no newline at the end", "a,b\n1,2", "1<a><b>2<1><2>"},
	{"carriage returns", "a,b\r\n1,2\r\n", "1<a><b>2<1><2>"},
	{"a carriage return alone is a character", "a\rb,c\n", "1<a\rb><c>"},
	{"quotes hold commas, newlines and quotes", "\"a,1\",\"b\nc\",\"d\"\"e\"\nx,y,z\n",
	 "1[a,1][b\nc][d\"e]3<x><y><z>"},
	{"nothing is not quoted", "a,,\"\",b,\n", "1<a><>[]<b><>"},
	{"empty lines are skipped", "\na\n\r\n\nb\n", "2<a>5<b>"},
	{"a quoted nothing alone is a record", "\"\"\n", "1[]"},
	{"a byte-order mark",
	 "\xef\xbb\xbf"
	 "a,b\n",
	 "1<a><b>"},
	{"a quote inside is a character", "5\" disk,b\n", "1<5\" disk><b>"},
	{"nothing at all", "", ""},
};

TEST(csv_records)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(good); i++) {
		struct weir_err err = {0};
		char said[256];
		int r = dump(good[i].text, strlen(good[i].text), said, sizeof(said), &err);

		CHECK(r == 0 && !strcmp(said, good[i].records), "%s: %d %s: %s", good[i].name, r, err.text, said);
	}
}

TEST(csv_says_where_it_is_broken)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"a\n\"b\nc\n", ":2: the record is longer than a row may be (1 MiB), or has a quote that is not closed"},
		{"a\nb\n\"c\"d,e\n", ":3: field 1 has text behind its closing quote"},
	};
	char said[256];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		struct weir_err err = {0};
		int r = dump(bad[i].text, strlen(bad[i].text), said, sizeof(said), &err);

		CHECK(r == -EINVAL && strstr(err.text, bad[i].says), "%d: %s", r, err.text);
	}
}

TEST(csv_is_bounded)
{
	size_t len = WEIR_BILL_FIELD_MAX + 2, many = 20;
	weir_auto_free char *text = malloc(many * len), *said = malloc(2 * many * len);
	struct weir_err err = {0};

	memset(text, 'x', many * len);
	CHECK(dump(text, len, said, 2 * many * len, &err) == -EINVAL && strstr(err.text, "field 1 is longer than a field"), "%s",
	      err.text);
	for (size_t i = 1; i < many; i++)
		text[i * (len - 3)] = ',';
	err = (struct weir_err){0};
	CHECK(dump(text, many * len, said, 2 * many * len, &err) == -EINVAL &&
		      strstr(err.text, "the record is longer than a row may be"),
	      "%s", err.text);
	memset(text, ',', WEIR_BILL_COLUMNS_MAX);
	err = (struct weir_err){0};
	CHECK(dump(text, WEIR_BILL_COLUMNS_MAX, said, 2 * many * len, &err) == -EINVAL &&
		      strstr(err.text, "is one column more than a bill may have"),
	      "%s", err.text);
	CHECK(dump(text, WEIR_BILL_COLUMNS_MAX - 1, said, 2 * many * len, &err) == 0, "as many as there may be");
}

static size_t zip(const void *data, size_t len, unsigned char *ret, size_t size)
{
	z_stream z = {.next_in = (unsigned char *)data,
		      .avail_in = (unsigned int)len,
		      .next_out = ret,
		      .avail_out = (unsigned int)size};

	/* 16: with the head and foot of gzip. */
	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return z.total_out;
}

TEST(csv_of_gzip)
{
	weir_auto_free char *text = malloc(300000), *said = malloc(600000);
	weir_auto_free unsigned char *zipped = malloc(300000);
	struct weir_err err = {0};
	size_t len = 0, packed;

	for (int i = 0; i < 20000; i++)
		len += (size_t)sprintf(text + len, "%d,x\n", i);
	packed = zip(text, len, zipped, 300000);
	CHECK(dump(zipped, packed, said, 600000, &err) == 0 && strstr(said, "20000<19999><x>"), "%s", err.text);
	CHECK(dump(zipped, packed / 2, said, 600000, &err) < 0 &&
		      strstr(err.text, "the gzip stream is torn or damaged"),
	      "%s", err.text);
	err = (struct weir_err){0};
	zipped[packed / 2] ^= 0xff;
	zipped[packed / 2 + 1] ^= 0xff;
	CHECK(dump(zipped, packed, said, 600000, &err) < 0 && *err.text, "a damaged stream");
}

TEST(csv_that_is_not_there)
{
	struct weir_csv *c = NULL;
	struct weir_err err = {0};

	CHECK(weir_csv_open("/nowhere/a.csv", &c, &err) == -ENOENT &&
		      strstr(err.text, "/nowhere/a.csv: No such file"),
	      "%s", err.text);
}

TEST_MAIN(T(csv_records), T(csv_says_where_it_is_broken), T(csv_is_bounded), T(csv_of_gzip),
	  T(csv_that_is_not_there))
