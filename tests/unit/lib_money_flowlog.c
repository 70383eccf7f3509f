/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of flow logs: what each format says, what is bad and where, and the providers' own samples of $WEIR_DATA. */
#include "lib/money/flowlog.h"
#include "tests/lib/test.h"

#include <sys/mman.h>
#include <zlib.h>

#define HEAD5 "version srcaddr dstaddr srcport dstport protocol start end packets bytes action tcp-flags flow-direction log-status\n"

struct heard {
	char said[2048];
	size_t n;
};

static void hear(const struct weir_flowlog_bad *bad, void *arg)
{
	struct heard *h = arg;
	size_t used = strlen(h->said);

	h->n++;
	snprintf(h->said + used, sizeof(h->said) - used, "%s:%llu %s %s;", bad->file, (unsigned long long)bad->line, bad->field,
		 bad->reason);
}

static int memory(const void *data, size_t len)
{
	int fd = memfd_create("flowlog", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

static int open_text(const char *text, bool strict, struct heard *h, struct weir_flowlog **ret, struct weir_err *err)
{
	struct weir_flowlog_how how = {.strict = strict, .bad = hear, .arg = h};

	*h = (struct heard){0};
	*err = (struct weir_err){0};
	return weir_flowlog_open_fd(memory(text, strlen(text)), "f", &how, ret, err);
}

/* Flows as "src>dst:bytes/side" in their order. */
static int read_all(struct weir_flowlog *l, char *buf, size_t size, struct weir_err *err)
{
	const struct weir_flow *f;
	int r;

	*buf = 0;
	while ((r = weir_flowlog_next(l, &f, err)) == 1) {
		char a[46], b[46];
		size_t used = strlen(buf);

		snprintf(buf + used, size - used, "%s>%s:%llu%c ", weir_addr_text(&f->src, a), weir_addr_text(&f->dst, b),
			 (unsigned long long)f->bytes, "ie?"[f->side]);
	}
	return r;
}

TEST(the_default_format_needs_no_header)
{
	weir_auto_flowlog struct weir_flowlog *l = NULL;
	struct weir_err err;
	struct heard h;
	char said[512];
	int r = open_text("2 111111111111 eni-a 10.0.0.1 10.0.0.2 40000 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
			  "2 111111111111 eni-a - - - - - - - 1431280876 1431280934 - NODATA\n"
			  "2 111111111111 eni-a - - - - - - - 1431280876 1431280934 - SKIPDATA\n"
			  "2 111111111111 eni-a 10.0.0.1 10.0.0.2 40000 23 6 20 4249 1418530010 1418530070 REJECT OK\n"
			  "2 111111111111 eni-a 2001:db8::1 2001:db8::2 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK\n",
			  false, &h, &l, &err);

	CHECK(r == 0 && read_all(l, said, sizeof(said), &err) == 0, "%s", err.text);
	CHECK(!strcmp(said, "10.0.0.1>10.0.0.2:4249? 2001:db8::1>2001:db8::2:8855? "), "%s", said);
	CHECK(weir_flowlog_stats(l)->rows[WEIR_FLOWLOG_AWS] == 5 && weir_flowlog_stats(l)->no_data == 1);
	CHECK(weir_flowlog_stats(l)->skipped == 1 && weir_flowlog_stats(l)->rejected == 1 && h.n == 0, "%s", h.said);
	CHECK(weir_flowlog_stats(l)->bytes == 4249 + 8855 && weir_flowlog_stats(l)->longest_s == 112);
}

/* As an export of CloudWatch Logs has it. */
TEST(a_time_may_stand_before_each_line)
{
	weir_auto_flowlog struct weir_flowlog *l = NULL;
	struct weir_err err;
	struct heard h;
	char said[256];
	int r = open_text("2026-11-01T00:02:03.000Z 2 1 eni-a 10.0.0.1 10.0.0.2 1 22 6 1 7 1793491260 1793491320 ACCEPT OK\n"
			  "2026-11-01T00:02:03.000Z 2 1 eni-a - - - - - - - 1793491260 1793491320 - NODATA\n"
			  "2026-11-01T00:03:03.000Z 2 1 eni-a 10.0.0.2 10.0.0.1 22 1 6 1 9 1793491320 1793491380 ACCEPT OK\n", false, &h, &l, &err);

	CHECK(r == 0 && read_all(l, said, sizeof(said), &err) == 0, "%s", err.text);
	CHECK(!strcmp(said, "10.0.0.1>10.0.0.2:7? 10.0.0.2>10.0.0.1:9? ") && h.n == 0 && weir_flowlog_stats(l)->no_data == 1, "%s", said);
}

/* Any order, unknown fields, underscores, and a header again where files were joined. */
TEST(fields_are_taken_by_the_header)
{
	weir_auto_flowlog struct weir_flowlog *l = NULL;
	struct weir_err err;
	struct heard h;
	char said[512];
	int r = open_text("bytes dstaddr new-field srcaddr start interface-id\n5 10.0.0.2 x 10.0.0.1 1793491260 eni-1\n"
			  "start pkt_dstaddr pkt_srcaddr bytes srcaddr dstaddr instance-id\n1793491260 10.0.0.9 10.0.0.8 6 10.0.0.1 10.0.0.2 i-1\n",
			  false, &h, &l, &err);

	CHECK(r == 0 && read_all(l, said, sizeof(said), &err) == 0, "%s", err.text);
	CHECK(!strcmp(said, "10.0.0.1>10.0.0.2:5? 10.0.0.8>10.0.0.9:6e "), "%s: the interface's own side has another address", said);
	CHECK(h.n == 0, "%s", h.said);
}

TEST(what_an_aws_row_says)
{
	weir_auto_flowlog struct weir_flowlog *l = NULL;
	const struct weir_flow *f = NULL;
	struct weir_err err;
	struct heard h;
	int r = open_text("account-id vpc-id interface-id instance-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol "
			  "packets bytes start end tcp-flags pkt-dst-aws-service traffic-path flow-direction ecs-cluster-name "
			  "ecs-service-name\n"
			  "1 vpc-1 eni-1 i-1 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5 40000 443 6 3 300 1793491260 1793491320 2 S3 8 "
			  "egress prod shop\n"
			  "1 vpc-1 eni-1 - 203.0.113.5 10.0.1.5 203.0.113.5 10.0.1.5 443 40000 6 3 300 1793491260 1793491320 18 - - "
			  "ingress - -\n", false, &h, &l, &err);

	CHECK(r == 0 && weir_flowlog_next(l, &f, &err) == 1, "%s", err.text);
	if (!f)
		return;
	CHECK(!strcmp(f->account, "1") && !strcmp(f->network, "vpc-1") && !strcmp(f->observer, "eni-1") && f->traffic_path == 8);
	CHECK(memcmp(&f->dst, &f->at_dst, 16) && !memcmp(&f->src, &f->at_src, 16), "packets' addresses are kept beside");
	CHECK(f->start_s == 1793491260 && f->end_s == 1793491320 && f->packets == 3 && f->proto == 6 && !f->sampled);
	CHECK(f->opener == WEIR_FLOW_BY_SRC && f->side == WEIR_FLOW_EGRESS && !strcmp(f->dst_service, "S3"));
	CHECK(!strcmp(f->self.workload, "shop") && !strcmp(f->self.namespace, "prod") && !strcmp(f->self.kind, "ecs"));
	CHECK(weir_flowlog_next(l, &f, &err) == 1 && f->opener == WEIR_FLOW_BY_DST && f->side == WEIR_FLOW_INGRESS);
	CHECK(!strcmp(f->self.workload, "eni-1") && !strcmp(f->self.kind, "interface"), "%s", f->self.workload);
}

TEST(bad_rows_are_told_and_the_rest_goes_on)
{
	static const struct {
		const char *row, *says;
	} cases[] = {
		{"5 10.0.0.1 10.0.0.999 1 2 6 1793491260 1793491320 1 5 ACCEPT 2 egress OK", "f:2 dstaddr is no address;"},
		{"5 10.0.0.1 10.0.0.2 70000 2 6 1793491260 1793491320 1 5 ACCEPT 2 egress OK", "f:2 srcport is no such number"},
		{"5 10.0.0.1 10.0.0.2 1 2 6 1793491260 1793491320 1 -5 ACCEPT 2 egress OK", "f:2 bytes is no such number"},
		{"5 10.0.0.1 10.0.0.2 1 2 6 1793491260 1793491320 1 - ACCEPT 2 egress OK", "f:2 bytes is no such number"},
		{"5 10.0.0.1 10.0.0.2 1 2 6 17 1793491320 1 5 ACCEPT 2 egress OK", "f:2 start is no such number or time"},
		{"5 10.0.0.1 10.0.0.2 1 2 6 1793491260 1793491250 1 5 ACCEPT 2 egress OK", "f:2 end is no such number or time"},
		{"5 10.0.0.1 10.0.0.2 1 2 6 1793491260 1793491320 1 5 ALLOW 2 egress OK", "f:2 action is neither"},
		{"5 10.0.0.1 10.0.0.2 1 2 6 1793491260 1793491320 1 5 ACCEPT 2 out OK", "f:2 flow-direction is neither"},
		{"5 10.0.0.1 10.0.0.2 1 2 6 1793491260 1793491320 1 5 ACCEPT 2 egress BAD", "f:2 log-status is none of"},
		{"5 10.0.0.1 10.0.0.2 1 2 6", "f:2  has fewer fields"},
		{"5 10.0.0.1 10.0.0.2 1 2 6 1793491260 1793491320 1 5 ACCEPT 2 egress OK x", "f:2  has more fields"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		weir_auto_free char *text = weir_strf(HEAD5 "%s\n5 10.0.0.1 10.0.0.2 1 2 6 1793491260 1793491320 1 7 ACCEPT 2 egress OK\n",
						      cases[i].row);

		for (int strict = 0; strict < 2; strict++) {
			weir_auto_flowlog struct weir_flowlog *l = NULL;
			struct weir_err err;
			struct heard h;
			char said[256];
			int r = open_text(text, strict, &h, &l, &err);

			CHECK(r == 0, "%s", err.text);
			r = read_all(l, said, sizeof(said), &err);
			CHECK(h.n == 1 && strstr(h.said, cases[i].says), "%s: %s", cases[i].row, h.said);
			CHECK(weir_flowlog_stats(l)->bad_rows == 1);
			CHECK(strict ? r == -EBADMSG && !*said && *err.text : r == 0 && !strcmp(said, "10.0.0.1>10.0.0.2:7e "), "%d %s",
			      r, said);
		}
	}
}

TEST(what_is_no_flow_log_is_refused)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "no flow log"},
		{"hello world\n", "no flow log"},
		{"{\"a\":1}", "no flow log of Azure or GCP"},
		{"{\"a\":", "no flow log of Azure or GCP"},
		{"PAR1....", "Parquet is not read"},
		{"version srcaddr dstaddr start end\n", "the header has no bytes"},
		{"version srcaddr dstaddr bytes\n", "the header has no start"},
		{"version dstaddr start bytes\n", "the header has no srcaddr"},
		{"version srcaddr dstaddr start bytes\n", "the header has no interface-id, instance-id or flow-direction"},
		{"2026-11-01 2 1 eni-a 10.0.0.1 10.0.0.2 1 2 6 1 1 1793491260 1793491320 ACCEPT\n", "no flow log"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_flowlog *l = NULL;
		struct weir_err err;
		struct heard h;

		CHECK(open_text(cases[i].text, false, &h, &l, &err) == -EINVAL && !l && strstr(err.text, cases[i].says), "%s: %s",
		      cases[i].text, err.text);
	}
}

/* Both ways of a connection; B has no counts, C and E count since the last tuple; what was denied did not pass. */
TEST(azure_tuples_are_two_flows)
{
	weir_auto_flowlog struct weir_flowlog *nsg = NULL, *vnet = NULL;
	struct weir_flowlog_how how = {0};
	struct weir_err err = {0};
	const struct weir_flow *f;
	char said[512];

	CHECK(weir_flowlog_open("tests/flowlogs/azure/nsg.json", &how, &nsg, &err) == 0, "%s", err.text);
	CHECK(weir_flowlog_next(nsg, &f, &err) == 1 && f->start_s == 1793491255 && f->proto == 6 && f->opener == WEIR_FLOW_BY_SRC);
	CHECK(!strcmp(f->account, "aaaa-bbbb") && !strcmp(f->self.workload, "002248034CC3"), "%s %s", f->account, f->self.workload);
	CHECK(read_all(nsg, said, sizeof(said), &err) == 0 &&
	      !strcmp(said, "198.18.9.9>10.9.1.6:90000i 10.9.1.6>198.18.9.9:100e 198.18.9.9>10.9.1.6:200i "), "%s", said);
	CHECK(weir_flowlog_stats(nsg)->rows[WEIR_FLOWLOG_AZURE_NSG] == 4 && weir_flowlog_stats(nsg)->rejected == 1);
	CHECK(weir_flowlog_open("tests/flowlogs/azure/vnet.json", &how, &vnet, &err) == 0, "%s", err.text);
	CHECK(weir_flowlog_next(vnet, &f, &err) == 1 && f->start_s == 1793491252 && !strcmp(f->network, "vnet1") && f->dst_port == 443);
	CHECK(read_all(vnet, said, sizeof(said), &err) == 0 &&
	      !strcmp(said, "10.9.1.6>10.9.2.6:1580i 10.9.2.6>198.18.9.9:70e 198.18.9.9>10.9.2.6:500i "), "%s", said);
	CHECK(weir_flowlog_stats(vnet)->rows[WEIR_FLOWLOG_AZURE_VNET] == 4 && weir_flowlog_stats(vnet)->rejected == 1);
}

#define AZURE(tuple) "{\"records\":[{\"macAddress\":\"m\",\"flowRecords\":{\"flows\":[{\"flowGroups\":[{\"flowTuples\":[\n\"" tuple \
	"\",\n\"1793491252606,10.9.2.6,10.9.1.6,23956,443,6,O,E,NX,3,767,0,0\"]}]}]}}]}"
TEST(bad_tuples_are_told)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{AZURE("x,10.9.2.6,10.9.1.6,23956,443,6,O,E,NX,3,767,2,1580"), "f:2 flowTuples does not begin with a time"},
		{AZURE("1793491252606,10.9.2.6,10.9.1,23956,443,6,O,E,NX,3,767,2,1580"), "has no address"},
		{AZURE("1793491252606,10.9.2.6,10.9.1.6,,443,6,O,E,NX,3,767,2,1580"), "has no port"},
		{AZURE("1793491252606,10.9.2.6,10.9.1.6,1,443,T,O,E,NX,3,767,2,1580"), "has no protocol number"},
		{AZURE("1793491252606,10.9.2.6,10.9.1.6,1,443,6,X,E,NX,3,767,2,1580"), "is neither I nor O"},
		{AZURE("1793491252606,10.9.2.6,10.9.1.6,1,443,6,O,E,NX,3,767,2,-1"), "has no number of packets or bytes"},
		{AZURE("1793491252606,10.9.2.6,10.9.1.6,1,443,6,O,E"), "has not the 13 fields"},
		{AZURE("1,2,3,4,5,6,7,8,9,10,11,12,13,14"), "has not the 13 fields"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		weir_auto_flowlog struct weir_flowlog *l = NULL;
		struct weir_err err;
		struct heard h;
		char said[256];

		CHECK(open_text(cases[i].text, false, &h, &l, &err) == 0 && read_all(l, said, sizeof(said), &err) == 0, "%s", err.text);
		CHECK(h.n == 1 && strstr(h.said, cases[i].says), "%s: %s", cases[i].text, h.said);
		CHECK(!strcmp(said, "10.9.2.6>10.9.1.6:767e "), "%s", said);
	}
}

TEST(google_entries_are_read_by_line)
{
	struct heard h = {0};
	struct weir_flowlog_how how = {.bad = hear, .arg = &h};
	weir_auto_flowlog struct weir_flowlog *l = NULL;
	struct weir_err err = {0};
	const struct weir_flow *f;
	char said[512];

	CHECK(weir_flowlog_open("tests/flowlogs/gcp/flows.ndjson", &how, &l, &err) == 0, "%s", err.text);
	CHECK(weir_flowlog_next(l, &f, &err) == 1 && f->start_s == 1793491260 && f->end_s == 1793491270 && f->sampled);
	CHECK(!strcmp(f->account, "p1") && !strcmp(f->network, "v") && !strcmp(f->self.node, "web") && !strcmp(f->other.node, "db"));
	CHECK(weir_flowlog_next(l, &f, &err) == 1 && f->side == WEIR_FLOW_INGRESS && !strcmp(f->self.node, "db"));
	CHECK(weir_flowlog_next(l, &f, &err) == 1 && !strcmp(f->self.workload, "shop") && !strcmp(f->self.namespace, "shop") &&
	      !strcmp(f->self.kind, "DEPLOYMENT") && !*f->other.node, "%s", f->self.workload);
	CHECK(read_all(l, said, sizeof(said), &err) == 0 && !strcmp(said, "10.10.0.4>198.18.9.9:7e "), "%s", said);
	CHECK(weir_flowlog_stats(l)->rows[WEIR_FLOWLOG_GCP] == 4 && weir_flowlog_stats(l)->foreign_rows == 1);
	CHECK(weir_flowlog_stats(l)->bad_rows == 2 && strstr(h.said, ":5 jsonPayload.bytes_sent is missing") && strstr(h.said, "is no JSON"),
	      "%s", h.said);
	CHECK(weir_flowlog_stats(l)->sampled_rows == 4 && weir_flowlog_stats(l)->sampled_bytes == 261007, "%llu",
	      (unsigned long long)weir_flowlog_stats(l)->sampled_bytes);
}

/* An array of entries, over several lines: what is behind a fault is lost, and said to be. */
TEST(a_broken_array_ends_the_file)
{
	weir_auto_flowlog struct weir_flowlog *l = NULL;
	struct weir_err err;
	struct heard h;
	char said[256];
	int r = open_text("[{\"jsonPayload\": {\"bytes_sent\": 9, \"reporter\": \"SRC\", \"start_time\": \"2026-11-01T00:00:00Z\",\n"
			  "\"connection\": {\"src_ip\": \"10.0.0.1\", \"dest_ip\": \"10.0.0.2\", \"protocol\": 6}}},\n{]", false, &h, &l,
			  &err);

	CHECK(r == 0, "%s", err.text);
	r = read_all(l, said, sizeof(said), &err);
	CHECK(r == -EBADMSG && strstr(err.text, "f:3: no JSON from here on") && !strcmp(said, "10.0.0.1>10.0.0.2:9e "), "%d %s %s", r,
	      err.text, said);
}

TEST(gzip_is_seen_by_its_content)
{
	char plain[8192] = HEAD5, path[] = "/tmp/weir-flowlog-XXXXXX", said[256] = "";
	weir_auto_flowlog struct weir_flowlog *l = NULL, *torn = NULL;
	struct weir_flowlog_how how = {0};
	struct weir_err err = {0};
	int fd = mkstemp(path), r = 0;
	uint64_t n = 0;
	const struct weir_flow *f;
	gzFile z;

	for (int i = 0; i < 60; i++)
		sprintf(plain + strlen(plain), "5 10.0.%d.1 10.0.0.2 1 2 6 1793491260 1793491320 1 %d ACCEPT 2 egress OK\n", i, i * 7919 % 997);
	z = gzdopen(dup(fd), "wb");
	CHECK(gzwrite(z, plain, (unsigned int)strlen(plain)) > 0 && gzclose(z) == Z_OK);
	CHECK(weir_flowlog_open(path, &how, &l, &err) == 0, "%s", err.text);
	while ((r = weir_flowlog_next(l, &f, &err)) == 1)
		n++;
	CHECK(r == 0 && n == 60, "%d %llu", r, (unsigned long long)n);
	CHECK(ftruncate(fd, lseek(fd, 0, SEEK_END) - 12) == 0);
	r = weir_flowlog_open(path, &how, &torn, &err);
	if (!r)
		r = read_all(torn, said, 1, &err);
	CHECK(r == -EBADMSG && strstr(err.text, "gzip stream is torn"), "%d %s", r, err.text);
	close(fd);
	unlink(path);
}

/* As the provider prints them in its documentation: $WEIR_DATA/finops/flowlogs, five rows are flows that passed. */
TEST(the_providers_own_samples)
{
	static const struct {
		const char *file;
		enum weir_flowlog_format format;
		uint64_t rows, flows, bytes;
	} samples[] = {
		{"aws-vpc-flow-logs-v2.log", WEIR_FLOWLOG_AWS, 7, 3, 4249 + 336 + 8855},
		{"aws-vpc-flow-logs-v3-tcpflags.log", WEIR_FLOWLOG_AWS, 6, 6, 568 + 376 + 100701 + 632 + 63388 + 23294588},
		{"aws-vpc-flow-logs-v5.log", WEIR_FLOWLOG_AWS, 2, 2, 15044 + 471},
		{"azure-nsg-flow-log-v2.json", WEIR_FLOWLOG_AZURE_NSG, 5, 6, 1784 + 123631 + 866 + 123079 + 1946 + 123247},
		{"azure-vnet-flow-log-v4.json", WEIR_FLOWLOG_AZURE_VNET, 5, 6, 767 + 1580 + 705 + 4569 + 2217 + 32466},
		{"gcp-vpc-flow-log.json", WEIR_FLOWLOG_GCP, 1, 1, 126},
	};
	const char *data = getenv("WEIR_DATA") ? getenv("WEIR_DATA") : "../shared/data";

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		weir_auto_free char *path = weir_strf("%s/finops/flowlogs/%s", data, samples[i].file);
		weir_auto_flowlog struct weir_flowlog *l = NULL;
		struct weir_flowlog_how how = {.strict = true};
		struct weir_err err = {0};
		const struct weir_flow *f;
		uint64_t flows = 0;
		int r;

		if (access(path, R_OK)) {
			SKIP("no flow logs in $WEIR_DATA");
			return;
		}
		r = weir_flowlog_open(path, &how, &l, &err);
		while (!r && (r = weir_flowlog_next(l, &f, &err)) == 1) {
			flows++;
			r = 0;
		}
		CHECK(r == 0, "%s", err.text);
		CHECK(l && weir_flowlog_stats(l)->rows[samples[i].format] == samples[i].rows, "%s", path);
		CHECK(l && flows == samples[i].flows && weir_flowlog_stats(l)->bytes == samples[i].bytes, "%s: %llu flows, %llu bytes", path,
		      (unsigned long long)flows, (unsigned long long)weir_flowlog_stats(l)->bytes);
	}
}

TEST_MAIN(T(the_default_format_needs_no_header), T(a_time_may_stand_before_each_line), T(fields_are_taken_by_the_header), T(what_an_aws_row_says),
	  T(bad_rows_are_told_and_the_rest_goes_on), T(what_is_no_flow_log_is_refused), T(azure_tuples_are_two_flows),
	  T(bad_tuples_are_told), T(google_entries_are_read_by_line), T(a_broken_array_ends_the_file),
	  T(gzip_is_seen_by_its_content), T(the_providers_own_samples))
