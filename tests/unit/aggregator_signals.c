/* SPDX-License-Identifier: Apache-2.0 */
/* What others say of traffic: lines of Suricata and of logs, answers of Prometheus. */
#include "tests/lib/signals_fixture.h"
#include "tests/lib/test.h"

#include <math.h>

static int eve(const char *line, struct signals_event *e, enum signals_drop *why)
{
	*why = SIGNALS_DROPS;
	return signals_eve_parse(line, strlen(line), e, why);
}

TEST(an_alert_of_suricata)
{
	struct signals_event e;
	enum signals_drop why;

	CHECK(!eve("{\"timestamp\":\"2026-11-24T07:00:05.251547+0100\",\"flow_id\":12,\"event_type\":\"alert\",\"src_ip\":\"10.7.1.11\","
		   "\"src_port\":40001,\"dest_ip\":\"198.18.0.10\",\"dest_port\":443,\"proto\":\"TCP\",\"alert\":{\"action\":\"allowed\","
		   "\"signature_id\":2013028,\"signature\":\"ET POLICY curl\\u202e user\\nagent\",\"category\":\"Policy\",\"severity\":2}}", &e, &why), "%d", why);
	CHECK(e.time_s == NOW_S + 5, "the zone: %llu", (unsigned long long)e.time_s);
	CHECK(e.has_src && is(&e.src, "10.7.1.11") && e.src_port == 40001 && e.has_dst && is(&e.dst, "198.18.0.10") && e.dst_port == 443, "ends");
	CHECK(!strcmp(e.proto, "TCP") && !strcmp(e.type, "alert") && e.severity == SIGNALS_MEDIUM, "%s %s %d", e.proto, e.type, e.severity);
	CHECK(!strcmp(e.text, "ET POLICY curl? user agent [Policy] sid 2013028, allowed"), "one printable line: %s", e.text);
}

TEST(each_type_of_eve_says_what_it_has)
{
	static const struct {
		const char *rest, *text;
		enum signals_severity severity;
	} cases[] = {
		{"\"alert\",\"alert\":{\"signature\":\"a\",\"severity\":1}", "a", SIGNALS_HIGH},
		{"\"alert\",\"alert\":{\"signature\":\"a\",\"severity\":3}", "a", SIGNALS_LOW},
		{"\"alert\",\"alert\":{\"signature\":\"a\",\"severity\":255}", "a", SIGNALS_LOW},
		{"\"alert\"", "alert", SIGNALS_LOW},
		{"\"anomaly\",\"anomaly\":{\"type\":\"stream\",\"event\":\"stream.pkt_invalid_ack\"}", "anomaly stream: stream.pkt_invalid_ack", SIGNALS_LOW},
		{"\"flow\",\"flow\":{\"bytes_toserver\":98,\"bytes_toclient\":7,\"state\":\"new\",\"reason\":\"timeout\"}",
		 "flow new, timeout: bytes to server 98, to client 7", SIGNALS_INFO},
		{"\"dns\",\"dns\":{\"type\":\"query\",\"rrname\":\"a.example\",\"rrtype\":\"A\"}", "dns query A a.example", SIGNALS_INFO},
		{"\"dns\",\"dns\":{\"type\":\"response\",\"rcode\":\"NXDOMAIN\",\"queries\":[{\"rrname\":\"b.example\",\"rrtype\":\"AAAA\"}]}",
		 "dns response AAAA b.example: NXDOMAIN", SIGNALS_INFO},
		{"\"tls\",\"tls\":{\"sni\":\"c.example\",\"version\":\"TLS 1.3\"}", "tls TLS 1.3 to c.example", SIGNALS_INFO},
		{"\"http\",\"http\":{\"hostname\":\"d.example\",\"url\":\"/x\",\"http_method\":\"GET\",\"status\":404}", "http GET d.example/x: 404", SIGNALS_INFO},
		{"\"fileinfo\",\"fileinfo\":{\"filename\":\"/f\",\"size\":5}", "file /f, bytes 5", SIGNALS_INFO},
		{"\"ssh\",\"ssh\":{}", "ssh", SIGNALS_INFO},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *line = weir_strf("{\"timestamp\":\"2026-11-24T06:00:00Z\",\"src_ip\":\"::1\",\"event_type\":%s}", cases[i].rest);
		struct signals_event e;
		enum signals_drop why;

		if (eve(line, &e, &why)) {
			CHECK(0, "%s: %s", cases[i].rest, signals_drop_name(why));
			continue;
		}
		CHECK(!strcmp(e.text, cases[i].text) && e.severity == cases[i].severity, "%s, %d", e.text, e.severity);
	}
}

TEST(what_is_no_event_says_why)
{
#define AT "\"timestamp\":\"2026-11-24T06:00:00+0000\","
	static const struct {
		const char *line;
		enum signals_drop why;
	} cases[] = {
		{"", SIGNALS_NOT_JSON},
		{"{", SIGNALS_NOT_JSON},
		{"[1]", SIGNALS_NOT_JSON},
		{"\x80\xff{}", SIGNALS_NOT_JSON},
		{"{\"a\":\"\xff\"}", SIGNALS_NOT_JSON},
		{"{} {}", SIGNALS_NOT_JSON},
		{"{}", SIGNALS_NO_TIME},
		{"{\"timestamp\":1795500000}", SIGNALS_NO_TIME},
		{"{\"timestamp\":\"2026-11-24T06:00:00\"}", SIGNALS_NO_TIME}, /* no zone */
		{"{\"timestamp\":\"2026-13-24T06:00:00Z\"}", SIGNALS_NO_TIME},
		{"{\"timestamp\":\"2026-11-24T06:00:00Z and more\"}", SIGNALS_NO_TIME},
		{"{" AT "\"src_ip\":\"::1\"}", SIGNALS_NO_TEXT},
		{"{" AT "\"src_ip\":\"::1\",\"event_type\":{}}", SIGNALS_NO_TEXT},
		{"{" AT "\"event_type\":\"stats\",\"stats\":{}}", SIGNALS_NO_TRAFFIC},
		{"{" AT "\"event_type\":\"flow\",\"src_ip\":\"nowhere\",\"dest_ip\":7}", SIGNALS_NO_TRAFFIC},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct signals_event e;
		enum signals_drop why;

		CHECK(eve(cases[i].line, &e, &why) == -EBADMSG && why == cases[i].why, "%s: %s", cases[i].line, signals_drop_name(why));
	}
}

TEST(deep_json_is_a_line_left_out)
{
	size_t n = SIGNALS_LINE_MAX;
	weir_auto_free char *line = malloc(n);
	struct signals_event e;
	enum signals_drop why;

	memset(line, '[', n);
	CHECK(signals_eve_parse(line, n, &e, &why) == -EBADMSG && why == SIGNALS_NOT_JSON, "%s", signals_drop_name(why));
	for (size_t i = 0; i + 5 <= n; i += 5)
		memcpy(line + i, "{\"a\":", 5);
	CHECK(signals_eve_parse(line, n, &e, &why) == -EBADMSG && why == SIGNALS_NOT_JSON, "%s", signals_drop_name(why));
}

TEST(times_of_many_kinds)
{
	static const struct {
		const char *text;
		bool zoneless;
		uint64_t s; /* 0: refused */
	} cases[] = {
		{"2026-11-24T06:00:00Z", false, NOW_S}, {"2026-11-24 06:00:00", true, NOW_S}, {"2026-11-24T06:00:00,123", true, NOW_S},
		{"2026-11-24t06:00:00.999999999z", false, NOW_S}, {"2026-11-24T11:30:00+05:30", false, NOW_S},
		{"2026-11-24T01:00:00-0500", false, NOW_S}, {"2026-11-24T07:00:00+01", false, NOW_S}, {"2026-11-24T06:00:00", false, 0},
		{"2026-11-24T06:00:00+0", false, 0}, {"2026-11-24T06:00:00+2400", false, 0}, {"2026-11-24T06:00:00.Z", false, 0},
		{"1969-12-31T23:59:59Z", false, 0}, {"2026-11-24", true, 0}, {"", true, 0}, {"2026-11-24T24:00:00Z", false, 0},
		{"1970-01-01T00:00:00+0100", false, 0},
	};
	uint64_t s;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		s = 0;
		CHECK((signals_time_text(cases[i].text, cases[i].zoneless, &s) == 0) == (cases[i].s != 0) && s == cases[i].s, "%s: %llu", cases[i].text,
		      (unsigned long long)s);
	}
	CHECK(!signals_time_number(1795500000.75, &s) && s == NOW_S, "s");
	CHECK(!signals_time_number(1795500000750.0, &s) && s == NOW_S, "ms");
	CHECK(!signals_time_number(1795500000750000.0, &s) && s == NOW_S, "us");
	CHECK(!signals_time_number(1795500000750000000.0, &s) && s == NOW_S, "ns");
	CHECK(signals_time_number(-1, &s) && signals_time_number(0, &s) && signals_time_number(NAN, &s) && signals_time_number(1e300, &s), "none");
}

TEST(texts_steer_nothing)
{
	char buf[16];

	signals_printable(buf, sizeof(buf), "a\x1b[31m\xc2\x9b""b\r\nc\x7f");
	CHECK(!strcmp(buf, "a?[31m?b  c?"), "%s", buf);
	signals_printable(buf, sizeof(buf), "0123456789abcd\xc3\xa9");
	CHECK(!strcmp(buf, "0123456789abcd"), "no half character: %s", buf);
	signals_printable(buf, sizeof(buf), "\xc3\xa9\xe2\x80\xae\xf0\x9f\x92\xa9\xe2\x82");
	CHECK(!strcmp(buf, "\xc3\xa9?\xf0\x9f\x92\xa9??"), "%s", buf);
}

static int spec(const char *entry, struct signals_log_spec *l, const char **wrong)
{
	*wrong = "";
	return signals_log_spec(entry, l, wrong);
}

TEST(a_log_is_read_as_the_settings_say)
{
	struct signals_log_spec l;
	const char *wrong;
	struct signals_event e;
	enum signals_drop why = SIGNALS_DROPS;
	static const char line[] =
		"{\"ts\":1795500000.5,\"log.level\":\"WARNING\",\"msg\":\"pool is empty\",\"net\":{\"peer\":{\"ip\":\"[2001:db8::7]:5432\"}},"
		"\"client\":\"10.7.1.11:40000\",\"k8s\":{\"ns\":\"shop\",\"pod\":\"cart-7d9-x2\"}}";

	CHECK(!spec("app=/var/log/a:b.json:time=ts,text=msg,level=log.level,address=client,peer=net.peer.ip,namespace=k8s.ns,pod=k8s.pod", &l, &wrong),
	      "%s", wrong);
	CHECK(!strcmp(l.name, "app") && !strcmp(l.path, "/var/log/a:b.json"), "%s %s", l.name, l.path);
	CHECK(!signals_log_parse(&l, line, strlen(line), &e, &why), "%s", signals_drop_name(why));
	CHECK(e.time_s == NOW_S && e.severity == SIGNALS_MEDIUM && !strcmp(e.text, "pool is empty") && !strcmp(e.type, "log"), "%s", e.text);
	CHECK(e.has_src && is(&e.src, "10.7.1.11") && e.src_port == 40000 && e.has_dst && is(&e.dst, "2001:db8::7") && e.dst_port == 5432, "ends");
	CHECK(!strcmp(e.namespace, "shop") && !strcmp(e.workload, "cart-7d9-x2"), "%s %s", e.namespace, e.workload);
	CHECK(signals_log_parse(&l, "{\"ts\":\"soon\",\"msg\":\"x\"}", 23, &e, &why) && why == SIGNALS_NO_TIME, "%s", signals_drop_name(why));
	CHECK(signals_log_parse(&l, "{\"ts\":1795500000,\"msg\":[]}", 26, &e, &why) && why == SIGNALS_NO_TEXT, "%s", signals_drop_name(why));
	signals_log_spec_fini(&l);
}

TEST(levels_of_many_libraries)
{
	static const struct {
		const char *level;
		enum signals_severity severity;
	} cases[] = {
		{"\"ERROR\"", SIGNALS_HIGH}, {"\"critical\"", SIGNALS_HIGH}, {"\"Warn\"", SIGNALS_MEDIUM}, {"\"notice\"", SIGNALS_LOW},
		{"\"info\"", SIGNALS_INFO}, {"3", SIGNALS_HIGH}, {"4", SIGNALS_MEDIUM}, {"5", SIGNALS_LOW}, {"6", SIGNALS_INFO},
		{"30", SIGNALS_INFO}, {"40", SIGNALS_MEDIUM}, {"60", SIGNALS_HIGH}, {"-1", SIGNALS_INFO}, {"null", SIGNALS_INFO}, {"{}", SIGNALS_INFO},
	};
	struct signals_log_spec l;
	const char *wrong;

	CHECK(!spec("a=/x:time=t,text=m,level=l", &l, &wrong), "%s", wrong);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *line = weir_strf("{\"t\":\"1795500000\",\"m\":\"x\",\"l\":%s}", cases[i].level);
		struct signals_event e;
		enum signals_drop why;

		CHECK(!signals_log_parse(&l, line, strlen(line), &e, &why) && e.severity == cases[i].severity, "%s: %d", cases[i].level, e.severity);
	}
	signals_log_spec_fini(&l);
}

TEST(an_entry_that_is_wrong_says_how)
{
	static const struct {
		const char *entry, *says;
	} cases[] = {
		{"/var/log/a", "write NAME=PATH"}, {"a=/x", "write NAME=PATH"}, {"A=/x:time=t,text=m", "write NAME=PATH"},
		{"a=x:time=t,text=m", "begin with /"}, {"a=/x:time=t", "which fields are time and text"},
		{"a=/x:time=t,text=m,when=z", "none of time"}, {"a=/x:time=t,text=m,time=z", "named twice"}, {"a=/x:time=,text=m", "no name in the log"},
		{"a=/x:time=a.b.c.d.e.f.g.h.i,text=m", "more than 8 parts"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct signals_log_spec l = {0};
		const char *wrong;

		CHECK(spec(cases[i].entry, &l, &wrong) == -EINVAL && strstr(wrong, cases[i].says), "%s: %s", cases[i].entry, wrong);
	}
}

TEST(what_is_routine_pushes_out_no_alert)
{
	struct signals s;
	struct signals_source *src = source(&s);
	struct signals_event e = {.time_s = NOW_S, .severity = SIGNALS_HIGH, .text = "alert"};
	const struct signals_event *newest[3];

	signals_put(src, &e);
	e = (struct signals_event){.severity = SIGNALS_INFO, .text = "flow"};
	for (size_t i = 0; i < SIGNALS_EVENTS_MAX + 7; i++) {
		e.time_s = NOW_S - 20000 + i;
		signals_put(src, &e);
	}
	CHECK(signals_kept(&s) == SIGNALS_EVENTS_MAX + 1 && src->about.dropped[SIGNALS_EVICTED] == 7, "%zu kept", signals_kept(&s));
	CHECK(signals_newest(&s, 3, newest) == 3 && newest[0]->severity == SIGNALS_HIGH && newest[1]->time_s > newest[2]->time_s, "newest first");
	CHECK(!strcmp(newest[0]->source, "eve"), "%s", newest[0]->source);
	e.time_s = NOW_S + SIGNALS_AHEAD_S + 1;
	signals_put(src, &e);
	CHECK(src->about.dropped[SIGNALS_TIME_AHEAD] == 1 && src->about.taken == SIGNALS_EVENTS_MAX + 8, "what is to come is left out");
	signals_fini(&s);
}

static const struct signals_asked asked = {"q", 60, NOW_S - 600, NOW_S};

static int matrix(struct signals_source *src, const char *body, char why[SIGNALS_ERROR_MAX])
{
	*why = '\0';
	return signals_matrix(src, &asked, body, strlen(body), why);
}

#define MATRIX(result) "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[" result "]}}"

TEST(a_matrix_is_series_on_a_grid)
{
	struct signals s;
	struct signals_source *src = source(&s);
	char why[SIGNALS_ERROR_MAX];
	const struct signals_series *a, *b;

	CHECK(!matrix(src, MATRIX("{\"metric\":{\"__name__\":\"up\",\"pod\":\"cart-0\",\"namespace\":\"shop\",\"instance\":\"10.7.1.11:9100\"},"
				  "\"values\":[[1795499400,\"1\"],[1795499460.0,\"NaN\"],[1795499580,\"2.5e3\"],[1795499640,\"+Inf\"],"
				  "[1795499641,\"3\"],[1795499700,\"x\"],[1795499760,4],[99,\"1\"],[],7]},"
				  "{\"metric\":{\"exported_namespace\":\"own\",\"namespace\":\"scrape\",\"job\":\"j\\\"\\\\\"},\"values\":[]},"
				  "{\"metric\":{},\"histograms\":[]},{},3"), why), "%s", why);
	CHECK(signals_series(&s) == 2, "%zu series", signals_series(&s));
	a = signals_series_at(&s, 0);
	b = signals_series_at(&s, 1);
	CHECK(!strcmp(a->query, "q") && !strcmp(a->name, "up") && !strcmp(a->labels, "{instance=\"10.7.1.11:9100\",namespace=\"shop\",pod=\"cart-0\"}"),
	      "%s%s", a->name, a->labels);
	CHECK(!strcmp(a->namespace, "shop") && !strcmp(a->workload, "cart-0") && a->has_address && is(&a->address, "10.7.1.11"), "%s", a->workload);
	CHECK(a->start_s == NOW_S - 600 && a->step_s == 60 && a->n == 5 && a->values[0] == 1 && isnan(a->values[1]) && isnan(a->values[2]) &&
		      a->values[3] == 2500 && isnan(a->values[4]), "%zu values", a->n);
	CHECK(!strcmp(b->name, "q") && !strcmp(b->namespace, "own") && !strcmp(b->workload, "j\"\\") && !b->n, "%s", b->namespace);
	CHECK(!strcmp(b->labels, "{exported_namespace=\"own\",job=\"j\\\"\\\\\",namespace=\"scrape\"}"), "%s", b->labels);
	CHECK(src->about.dropped[SIGNALS_NOT_FINITE] == 1 && src->about.dropped[SIGNALS_BAD_VALUE] == 6 + 3, "%llu bad",
	      (unsigned long long)src->about.dropped[SIGNALS_BAD_VALUE]);
	CHECK(!matrix(src, MATRIX("{\"metric\":{\"namespace\":\"shop\",\"instance\":\"10.7.1.11:9100\",\"__name__\":\"up\",\"pod\":\"cart-0\"},"
				  "\"values\":[[1795500000,\"9\"]]}"), why), "%s", why);
	CHECK(signals_series(&s) == 2 && signals_series_at(&s, 0)->n == 11 && signals_series_at(&s, 0)->values[10] == 9, "the same series goes on");
	signals_fini(&s);
}

TEST(an_answer_that_is_no_matrix_is_refused)
{
	static const char *const bodies[] = {
		"", "no such page", "{}", "[]", "{\"status\":\"success\"}", "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
		"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":{}}}", "{\"status\":\"error\",\"error\":\"bad\"}",
	};
	struct signals s;
	struct signals_source *src = source(&s);
	char why[SIGNALS_ERROR_MAX];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bodies); i++)
		CHECK(matrix(src, bodies[i], why) == -EBADMSG && *why, "%s", bodies[i]);
	CHECK(src->about.dropped[SIGNALS_BAD_ANSWER] == WEIR_ARRAY_SIZE(bodies), "each is counted");
	signals_matrix_error("{\"status\":\"error\",\"error\":\"parse\\u0007 error\"}", 46, why);
	CHECK(!strcmp(why, "parse? error"), "%s", why);
	signals_fini(&s);
}

/* A text of a few megabytes must not become hundreds in memory. */
TEST(an_answer_of_too_many_values_is_not_parsed)
{
	static const char *const parts[] = {"{},", "[],", "1,", "\"\","};
	struct signals s;
	struct signals_source *src = source(&s);
	char why[SIGNALS_ERROR_MAX];

	for (size_t k = 0; k < WEIR_ARRAY_SIZE(parts); k++) {
		size_t n = strlen(parts[k]), len = ((size_t)4 << 20) / n * n;
		weir_auto_free char *body = malloc(len);

		for (size_t i = 0; i < len; i += n)
			memcpy(body + i, parts[k], n);
		*why = '\0';
		CHECK(signals_matrix(src, &asked, body, len, why) == -EBADMSG && strstr(why, "let the query sum"), "%s: %s", parts[k], why);
	}
	CHECK(signals_json_light("{\"a\":\"{{{[[[,,,\\\"{\"}", 20, 1, 1), "what is in texts is none");
	CHECK(!signals_json_light("{\"a\":{}}", 8, 1, 9) && !signals_json_light("[1,2]", 5, 1, 1), "counted");
	signals_fini(&s);
}

TEST_MAIN(T(an_alert_of_suricata), T(each_type_of_eve_says_what_it_has), T(what_is_no_event_says_why), T(deep_json_is_a_line_left_out),
	  T(times_of_many_kinds), T(texts_steer_nothing), T(a_log_is_read_as_the_settings_say), T(levels_of_many_libraries),
	  T(an_entry_that_is_wrong_says_how), T(what_is_routine_pushes_out_no_alert), T(a_matrix_is_series_on_a_grid),
	  T(an_answer_that_is_no_matrix_is_refused), T(an_answer_of_too_many_values_is_not_parsed))
