/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded traffic: the set, and its file there and back. */
#include <zlib.h>

#include "lib/ds/buf.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"
#include "tests/lib/traffic_fixture.h"

TEST(equal_rows_become_one)
{
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	struct weir_traffic t = traffic_row("aws/1/a", "10.0.0.1", "10.0.0.2", WEIR_EGRESS, 1000), got;
	char team[] = "shop"; /* another pointer, the same text */

	CHECK(weir_traffic_new(&s) == 0, "new");
	CHECK(weir_traffic_add(s, &t) == 0, "first");
	t.bytes = 24;
	t.packets = 5;
	t.team = team;
	CHECK(weir_traffic_add(s, &t) == 0 && weir_traffic_count(s) == 1, "%zu rows", weir_traffic_count(s));
	weir_traffic_get(s, 0, &got);
	CHECK(got.bytes == 1024 && got.packets == 7, "%llu bytes, %llu packets", (unsigned long long)got.bytes,
	      (unsigned long long)got.packets);
	team[0] = 'x';
	CHECK(!strcmp(got.team, "shop"), "the text is a copy: %s", got.team);
}

TEST(what_differs_stays_apart)
{
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	const struct weir_traffic base = traffic_row("aws/1/a", "10.0.0.1", "10.0.0.2", WEIR_EGRESS, 1);
	struct weir_traffic rows[18];
	size_t n = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		rows[i] = base;
	n++;
	rows[n++].hour_s += 3600;
	rows[n++].domain = "aws/1/b";
	rows[n++].local.b[15]++;
	rows[n++].peer.b[15]++;
	rows[n++].folded = true;
	rows[n++].path = WEIR_PATH_NAT;
	rows[n++].dir = WEIR_INGRESS;
	rows[n++].proto = 17;
	rows[n++].opened = false;
	rows[n++].port = 80;
	rows[n++].source = WEIR_TRAFFIC_FLOW_LOG;
	rows[n++].node = "n2";
	rows[n++].workload = "api";
	rows[n++].labels = "";
	rows[n++].peer_namespace = "x";
	rows[n++].peer_workload = "x";
	rows[n++].peer_team = "x";
	CHECK(weir_traffic_new(&s) == 0, "new");
	for (size_t i = 0; i < n; i++)
		CHECK(weir_traffic_add(s, &rows[i]) == 0 && weir_traffic_count(s) == i + 1, "row %zu became another's", i);
}

TEST(many_rows_are_found_again)
{
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	struct weir_traffic t = traffic_row("aws/1/a", "10.0.0.1", "10.0.0.2", WEIR_EGRESS, 3), got;
	uint64_t first_s, last_s;

	CHECK(weir_traffic_new(&s) == 0, "new");
	for (int round = 0; round < 2; round++)
		for (unsigned int i = 0; i < 20000; i++) {
			t.peer.b[14] = (uint8_t)(i >> 8);
			t.peer.b[15] = (uint8_t)i;
			t.hour_s = TRAFFIC_HOUR_S + 3600 * (i % 7);
			weir_traffic_add(s, &t);
		}
	CHECK(weir_traffic_count(s) == 20000, "%zu rows", weir_traffic_count(s));
	for (size_t i = 0; i < 20000; i++) {
		weir_traffic_get(s, i, &got);
		if (got.bytes != 6 || got.peer.b[15] != (uint8_t)i)
			CHECK(0, "row %zu: %llu bytes", i, (unsigned long long)got.bytes);
	}
	weir_traffic_span(s, &first_s, &last_s);
	CHECK(first_s == TRAFFIC_HOUR_S && last_s == TRAFFIC_HOUR_S + 6 * 3600, "the span");
}

TEST(what_no_row_may_be)
{
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	const struct weir_traffic base = traffic_row("aws/1/a", "10.0.0.1", "10.0.0.2", WEIR_EGRESS, WEIR_TRAFFIC_BYTES_MAX);
	struct weir_traffic t = base;
	weir_auto_free char *text = calloc(1, WEIR_TRAFFIC_TEXT_MAX + 2);
	uint64_t first_s = 1, last_s = 1;

	CHECK(weir_traffic_new(&s) == 0, "new");
	weir_traffic_span(s, &first_s, &last_s);
	CHECK(first_s == 0 && last_s == 0, "the span of nothing");
	t.hour_s++;
	CHECK(weir_traffic_add(s, &t) == -ERANGE, "no hour's start");
	t.hour_s = (WEIR_TRAFFIC_HOUR_MAX / 3600 + 1) * 3600;
	CHECK(weir_traffic_add(s, &t) == -ERANGE, "an hour that cannot be written");
	t = base;
	t.bytes++;
	CHECK(weir_traffic_add(s, &t) == -ERANGE, "bytes above the maximum");
	memset(text, 'a', WEIR_TRAFFIC_TEXT_MAX + 1);
	t = base;
	t.labels = text;
	CHECK(weir_traffic_add(s, &t) == -ENAMETOOLONG, "a long text");
	CHECK(weir_traffic_add(s, &base) == 0 && weir_traffic_add(s, &base) == -ERANGE, "a sum above the maximum");
}

struct file {
	char dir[32], path[64];
};

static void file_make(struct file *f, const void *data, size_t len)
{
	FILE *out;

	snprintf(f->dir, sizeof(f->dir), "/tmp/weir-traffic-XXXXXX");
	if (!mkdtemp(f->dir))
		abort();
	snprintf(f->path, sizeof(f->path), "%s/t.csv", f->dir);
	out = fopen(f->path, "w");
	if (!out || fwrite(data, 1, len, out) != len || fclose(out))
		abort();
}

static void file_end(struct file *f)
{
	unlink(f->path);
	rmdir(f->dir);
}

static bool same(const struct weir_traffic *a, const struct weir_traffic *b)
{
	const char *x[] = {a->domain, a->node, a->namespace, a->workload, a->kind, a->team, a->labels, a->peer_namespace,
			   a->peer_workload, a->peer_team};
	const char *y[] = {b->domain, b->node, b->namespace, b->workload, b->kind, b->team, b->labels, b->peer_namespace,
			   b->peer_workload, b->peer_team};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(x); i++)
		if (strcmp(x[i] ? x[i] : "", y[i] ? y[i] : "") != 0)
			return false;
	return a->hour_s == b->hour_s && !memcmp(&a->local, &b->local, 16) && !memcmp(&a->peer, &b->peer, 16) &&
	       a->folded == b->folded && a->path == b->path && a->dir == b->dir && a->proto == b->proto &&
	       a->opened == b->opened && a->port == b->port && a->bytes == b->bytes && a->packets == b->packets &&
	       a->source == b->source;
}

static const char *const odd[] = {"", "a,b", "say \"x\"", "two\nlines", "\"", "ümlaut", "a=b,c=d", " "};

static void check_round_trip(struct test_state *test_st, bool gzip)
{
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	weir_auto_buf struct weir_buf b = {0};
	struct weir_traffic rows[64];
	struct weir_err err = {0};
	struct file f;
	unsigned char packed[65536];

	weir_buf_addf(&b, "%s", weir_traffic_header());
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		rows[i] = traffic_row("aws/1/a", "10.0.0.1", i % 5 ? i % 2 ? "2001:db8::7" : "10.0.0.2" : NULL, i % 2,
				      i * 1000003);
		rows[i].hour_s += 3600 * i;
		rows[i].path = (enum weir_path)(i % WEIR_PATHS);
		rows[i].opened = i % 3 == 0;
		rows[i].source = i % 7 ? WEIR_TRAFFIC_AGENT : WEIR_TRAFFIC_FLOW_LOG;
		rows[i].team = odd[i % WEIR_ARRAY_SIZE(odd)];
		rows[i].peer_workload = odd[i / 8 % WEIR_ARRAY_SIZE(odd)];
		if (rows[i].folded && i % 2)
			memset(&rows[i].local, 0, 16);
		CHECK(weir_traffic_line(&rows[i], &b) == 0, "line %zu", i);
	}
	if (gzip) {
		z_stream z = {.next_in = b.data, .avail_in = (unsigned int)b.len, .next_out = packed, .avail_out = sizeof(packed)};

		deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
		CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END, "deflate");
		file_make(&f, packed, z.total_out);
		deflateEnd(&z);
	} else {
		file_make(&f, b.data, b.len);
	}
	CHECK(weir_traffic_new(&s) == 0 && weir_traffic_read(s, f.path, &err) == 0, "%s", err.text);
	CHECK(weir_traffic_count(s) == WEIR_ARRAY_SIZE(rows), "%zu rows", weir_traffic_count(s));
	for (size_t i = 0; i < weir_traffic_count(s); i++) {
		struct weir_traffic got;

		weir_traffic_get(s, i, &got);
		CHECK(same(&got, &rows[i]), "row %zu came back another one", i);
	}
	file_end(&f);
}

TEST(a_file_there_and_back)
{
	check_round_trip(test_st, false);
}

TEST(a_packed_file_there_and_back)
{
	check_round_trip(test_st, true);
}

#define LEAST "hour,domain,local,peer,direction,bytes\n"
#define GOOD "2026-11-24T06:00:00Z,aws/1/a,10.0.0.1,10.0.0.2,egress,"

TEST(columns_by_name_in_any_order)
{
	static const char text[] = "bytes,later,peer,local,direction,domain,hour\n"
				   "7,what comes,10.0.0.2,10.0.0.1,ingress,aws/1/a,2026-11-24T06:00:00Z\n";
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	struct weir_traffic got = {0};
	struct weir_err err = {0};
	struct file f;

	file_make(&f, text, strlen(text));
	CHECK(weir_traffic_new(&s) == 0 && weir_traffic_read(s, f.path, &err) == 0, "%s", err.text);
	if (weir_traffic_count(s) == 1)
		weir_traffic_get(s, 0, &got);
	CHECK(got.bytes == 7 && got.dir == WEIR_INGRESS && got.opened && got.hour_s == TRAFFIC_HOUR_S && !got.folded,
	      "the row and its defaults");
	file_end(&f);
}

TEST(a_bad_file_is_told_by_line_and_column)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", "t.csv: empty"},
		{"hour,domain,local,direction\n", "t.csv:1: no column bytes"},
		{"hour,hour,domain,local,direction,bytes\n", "t.csv:1: column hour stands twice"},
		{LEAST GOOD "1\n" GOOD "x\n", "t.csv:3: bytes: 'x' is no whole number"},
		{LEAST GOOD "\n", "t.csv:2: bytes: '' is no whole number"},
		{LEAST GOOD "72057594037927937\n", "t.csv:2: bytes:"},
		{LEAST GOOD "1,2\n", "t.csv:2: 7 fields, the header has 6"},
		{LEAST "2026-11-24T06:30:00Z,a,10.0.0.1,,egress,1\n", "t.csv:2: hour: '2026-11-24T06:30:00Z' is not the start"},
		{LEAST "4054-11-24T06:00:00Z,a,10.0.0.1,,egress,1\n", "t.csv:2: hour: '4054-11-24T06:00:00Z' is not the start"},
		{LEAST "2026-11-24T06:00:00Z,a,10.0.0.256,,egress,1\n", "t.csv:2: local: '10.0.0.256' is no address"},
		{LEAST "2026-11-24T06:00:00Z,a,10.0.0.1,x,egress,1\n", "t.csv:2: peer: 'x' is no address"},
		{LEAST "2026-11-24T06:00:00Z,a,,10.0.0.1,egress,1\n", "t.csv:2: local: empty, and the peer is not"},
		{LEAST "2026-11-24T06:00:00Z,a,10.0.0.1,,out,1\n", "t.csv:2: direction: 'out' is neither egress nor ingress"},
		{LEAST GOOD "72057594037927936\n" GOOD "1\n", "t.csv:3: bytes: equal rows sum to more"},
		{"path," LEAST "far," GOOD "1\n", "t.csv:2: path: 'far' is no path"},
		{"port," LEAST "65536," GOOD "1\n", "t.csv:2: port:"},
		{"source," LEAST "me," GOOD "1\n", "t.csv:2: source: 'me' is neither agent nor flow-log"},
		{"opened," LEAST "me," GOOD "1\n", "t.csv:2: opened: 'me' is neither local nor peer"},
		{"protocol," LEAST "tcp," GOOD "1\n", "t.csv:2: protocol: 'tcp'"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		weir_auto_traffic struct weir_traffic_set *s = NULL;
		struct weir_err err = {0};
		struct file f;
		int r;

		file_make(&f, rows[i].text, strlen(rows[i].text));
		weir_traffic_new(&s);
		r = weir_traffic_read(s, f.path, &err);
		CHECK(r < 0 && strstr(err.text, rows[i].want), "row %zu: %d %s", i, r, err.text);
		file_end(&f);
	}
}

TEST_MAIN(T(equal_rows_become_one), T(what_differs_stays_apart), T(many_rows_are_found_again), T(what_no_row_may_be),
	  T(a_file_there_and_back), T(a_packed_file_there_and_back), T(columns_by_name_in_any_order),
	  T(a_bad_file_is_told_by_line_and_column))
