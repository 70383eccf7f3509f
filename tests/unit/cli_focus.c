/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl export focus: of recorded traffic, of the ledger, plain and gzip; and back through import bill. */
#include "lib/ds/buf.h"
#include "lib/money/csv.h"
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"

#include <sys/stat.h>

/* One GiB of a pod through a NAT gateway in another zone, by the price books of this repository, and an hour of the gateway. */
static const char traffic[] =
	"hour,domain,local,peer,direction,bytes,namespace,workload,kind,team\n"
	"2026-11-02T10:00:00Z,aws/111111111111/vpc-east,10.7.2.11,198.18.0.9,egress,1073741824,shop,checkout,pod,payments\n";

struct files {
	char dir[32], traffic[64], plain[64], gzip[64], bills[64];
};

static void files_fini(struct files *f)
{
	unlink(f->traffic);
	unlink(f->plain);
	unlink(f->gzip);
	unlink(f->bills);
	rmdir(f->dir);
}

static struct files files_new(void)
{
	struct files f = {.dir = "/tmp/weir-focus-XXXXXX"};
	FILE *t;

	if (!mkdtemp(f.dir))
		abort();
	snprintf(f.traffic, sizeof(f.traffic), "%s/t.csv", f.dir);
	snprintf(f.plain, sizeof(f.plain), "%s/o.csv", f.dir);
	snprintf(f.gzip, sizeof(f.gzip), "%s/o.csv.gz", f.dir);
	snprintf(f.bills, sizeof(f.bills), "%s/bills.db", f.dir);
	t = fopen(f.traffic, "w");
	if (!t || fputs(traffic, t) < 0 || fclose(t))
		abort();
	return f;
}
#define auto_files weir_cleanup(files_fini) struct files

#define RUN(out, err, ...)                                                                                \
	({                                                                                                \
		char *_argv[] = {__VA_ARGS__};                                                            \
		cli_fixture_run((struct cli){.now_s = 1796000000}, WEIR_ARRAY_SIZE(_argv), _argv, out, err); \
	})
#define OF_TRAFFIC(f) "export", "focus", "--period", "2026-11", "--dir", "policies", "--traffic", (f)->traffic

/* All fields of a file, one behind the other. */
static void read_all(struct test_state *test_st, const char *path, struct weir_buf *ret)
{
	weir_auto_csv struct weir_csv *csv = NULL;
	const struct weir_csv_field *f;
	struct weir_err err = {0};
	size_t n;
	int r = weir_csv_open(path, &csv, &err);

	while (!r && (r = weir_csv_next(csv, &f, &n, &err)) == 1) {
		for (size_t i = 0; i < n; i++)
			weir_buf_addf(ret, "%s|", f[i].text);
		weir_buf_addf(ret, "\n");
		r = 0;
	}
	CHECK(!r, "%s", err.text);
}

TEST(focus_of_traffic_plain_and_gzip)
{
	weir_auto_free char *out = NULL, *said = NULL, *packed = NULL;
	weir_auto_buf struct weir_buf plain = {0}, gzip = {0};
	struct weir_err err = {0};
	auto_files f = files_new();
	struct stat st;
	FILE *z;

	CHECK(!RUN(&out, &err, OF_TRAFFIC(&f), "--version", "1.3"), "%s", err.text);
	CHECK(!RUN(&said, &err, OF_TRAFFIC(&f), "--version", "1.3", "--output", f.plain), "%s", err.text);
	CHECK(!RUN(&packed, &err, OF_TRAFFIC(&f), "--version", "1.3", "--output", f.gzip), "%s", err.text);
	/* By hand: 0.045 processing, 0.01 between zones, nothing of the first 100 GiB; 0.045 the gateway's hour. */
	CHECK(strstr(said, "FOCUS 1.3, 4 rows of 4 charges: 0.100000000 USD in ") == said, "%s", said);
	read_all(test_st, f.plain, &plain);
	read_all(test_st, f.gzip, &gzip);
	CHECK(plain.len > 1000 && plain.len == gzip.len && !memcmp(plain.data, gzip.data, plain.len), "two files");
	CHECK(!stat(f.plain, &st) && (size_t)st.st_size == strlen(out), "what is printed is the file");
	z = fopen(f.gzip, "r");
	CHECK(z && fgetc(z) == 0x1f && fgetc(z) == 0x8b, "gzip by its first bytes");
	if (z)
		fclose(z);
}

TEST(focus_comes_back_by_import_bill)
{
	weir_auto_free char *out = NULL, *imported = NULL, *shown = NULL;
	struct weir_err err = {0};
	auto_files f = files_new();

	CHECK(!RUN(&out, &err, OF_TRAFFIC(&f), "--account-prefix", "acct-", "--output", f.gzip), "%s", err.text);
	CHECK(!RUN(&imported, &err, "import", "bill", "--bills", f.bills, f.gzip), "%s", err.text);
	CHECK(!RUN(&shown, &err, "bill", "show", "--bills", f.bills, "--period", "2026-11", "--by", "account"), "%s", err.text);
	CHECK(strstr(shown, "acct-111111111111") && strstr(shown, "0.1"), "%s", shown);
}

#define ROW(workload, kind, ns, meter, bytes, nanos)                                                                        \
	"{\"time_s\":1793491200,\"domain\":\"aws/111111111111/vpc-east\",\"class\":\"aws/111111111111/vpc-east/east-a\","        \
	"\"namespace\":\"" ns "\",\"workload\":\"" workload "\",\"kind\":\"" kind "\",\"team\":\"payments\","                  \
	"\"labels\":\"{}\",\"path\":\"nat\",\"meter\":\"" meter "\",\"pool\":\"111111111111/us-east-1\",\"month\":202611,"        \
	"\"bytes\":" bytes ",\"moved_bytes\":" bytes ",\"nanos\":" nanos "}"
#define LEDGER                                                                                                              \
	"{\"currency\":\"USD\",\"next\":0,\"items\":[" ROW("checkout", "pod", "shop", "nat-processing", "1073741824", "45000000") "," \
	ROW("checkout", "pod", "shop", "none", "77", "0") "," ROW("checkout", "pod", "shop", "unpriced", "2048", "0") ","          \
	ROW("nat-a", "resource", "aws/111111111111/vpc-east", "nat-gateway-hour", "0", "90000000") "]}"

TEST(focus_of_the_ledger)
{
	struct answer a = {.status = "200 OK", .body = LEDGER};
	weir_auto_buf struct weir_buf text = {0};
	weir_auto_free char *out = NULL;
	struct weir_err err = {0};
	auto_files f = files_new();

	CHECK(!ASK(&a, &out, &err, "export", "focus", "--from", "2026-10-01", "--to", "2026-10-02", "--dir", "policies", "--output",
		   f.plain),
	      "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/ledger?from=1790812800&to=1790899200&by=day&after=0 HTTP/1.1"), "%s", a.request);
	CHECK(strstr(out, "FOCUS 1.2, 2 rows of 2 charges: 0.135000000 USD in ") == out && strstr(out, "not in it: 2.00 KiB that have no price\n"),
	      "%s", out);
	read_all(test_st, f.plain, &text);
	/* Two hours, of what they cost. */
	CHECK(strstr((char *)text.data, "|7200.0|Seconds|0.09|0.045|0.09|") && strstr((char *)text.data, "aws/111111111111/vpc-east/nat-a|"),
	      "%s", (char *)text.data);
}

#define ALLOCATED                                                                                                           \
	"{\"currency\":\"USD\",\"total\":{},\"items\":[],\"proxies\":[],\"shares\":["                                            \
	"{\"owner\":\"payments\",\"kind\":\"owner\",\"how\":\"shared by bytes\",\"via\":\"aws/111111111111/vpc-east/nat-a\","     \
	"\"bytes\":0,\"nanos\":60000001},"                                                                               \
	"{\"owner\":\"payments\",\"kind\":\"owner\",\"how\":\"proxy\",\"via\":\"aws/111111111111/vpc-east/nat-a\",\"bytes\":7,"   \
	"\"nanos\":5},"                                                                                                  \
	"{\"owner\":\"\",\"kind\":\"idle\",\"how\":\"idle\",\"via\":\"aws/111111111111/vpc-east/nat-a\",\"bytes\":0,"             \
	"\"nanos\":29999999}]}"

/* Two hours of a gateway: a third of it was nobody's. */
TEST(focus_of_the_ledger_with_hours_shared)
{
	struct answer a = {.status = "200 OK", .body = ALLOCATED, .then = LEDGER};
	weir_auto_buf struct weir_buf text = {0};
	weir_auto_free char *out = NULL, *checked = NULL;
	struct weir_err err = {0};
	auto_files f = files_new();

	CHECK(!ASK(&a, &out, &err, "export", "focus", "--from", "2026-10-01", "--to", "2026-10-02", "--dir", "policies", "--output",
		   f.plain, "--share-hours", "sender", "--version", "1.3"),
	      "%s", err.text);
	CHECK(!strcmp(a.first, "GET /api/v1/allocation?by=team&from=1790812800&to=1790899200&payer=sender HTTP/1.1"), "%s", a.first);
	CHECK(!strncmp(a.request, "GET /api/v1/ledger?", 19), "%s", a.request);
	CHECK(strstr(out, "FOCUS 1.3, 3 rows of 2 charges: 0.135000000 USD in ") == out, "%s", out);
	read_all(test_st, f.plain, &text);
	CHECK(strstr((char *)text.data, "\"x_How\":\"shared by bytes\"}]}|weir/shared-hours|team/payments|payments|") &&
		      strstr((char *)text.data, "|0.060000001|") && strstr((char *)text.data, "\"x_How\":\"idle\"}]}|weir/shared-hours|||") &&
		      strstr((char *)text.data, "|0.029999999|"),
	      "%s", (char *)text.data);
	CHECK(!RUN(&checked, &err, "export", "check", "--version", "1.3", f.plain), "%s", checked);
}

/* The gateway's hour falls to the teams by their bytes through it: a GiB and three. */
TEST(focus_of_traffic_with_hours_shared)
{
	weir_auto_free char *said = NULL, *checked = NULL;
	weir_auto_buf struct weir_buf text = {0};
	struct weir_err err = {0};
	auto_files f = files_new();
	FILE *t = fopen(f.traffic, "a");

	CHECK(t && fprintf(t, "2026-11-02T10:00:00Z,aws/111111111111/vpc-east,10.7.2.12,198.18.0.9,egress,3221225472,shop,backup,pod,"
			      "storage\n") > 0 && !fclose(t), "the file");
	CHECK(!RUN(&said, &err, OF_TRAFFIC(&f), "--version", "1.3", "--share-hours", "sender", "--output", f.plain), "%s", err.text);
	read_all(test_st, f.plain, &text);
	/* 0.045 USD. */
	CHECK(strstr((char *)text.data, "|weir/shared-hours|team/payments|payments|{\"team\":\"payments\"}||0.01125|") &&
		      strstr((char *)text.data, "|weir/shared-hours|team/storage|storage|{\"team\":\"storage\"}||0.03375|"),
	      "%s", (char *)text.data);
	CHECK(!RUN(&checked, &err, "export", "check", "--version", "1.3", f.plain), "%s", checked);
}

TEST(focus_refuses)
{
	char *o[7] = {0};
	struct weir_err err[7] = {0};
	auto_files f = files_new();
	struct stat st;

	CHECK(RUN(&o[0], &err[0], "export", "focus", "--period", "2026-11", "--from", "2026-11-01") == -EINVAL &&
		      strstr(err[0].text, "not both"), "%s", err[0].text);
	CHECK(RUN(&o[1], &err[1], OF_TRAFFIC(&f), "--version", "1.4") == -EINVAL && strstr(err[1].text, "neither 1.2 nor 1.3"), "%s",
	      err[1].text);
	CHECK(RUN(&o[2], &err[2], OF_TRAFFIC(&f), "--by", "week") == -EINVAL && strstr(err[2].text, "neither day nor hour"), "%s",
	      err[2].text);
	CHECK(RUN(&o[3], &err[3], "export", "focus", "--from", "2026-11-01T01:00:00Z") == -EINVAL && strstr(err[3].text, "begin of a day"),
	      "%s", err[3].text);
	CHECK(RUN(&o[4], &err[4], OF_TRAFFIC(&f), "--output", "/nowhere/x.csv") == -ENOENT && strstr(err[4].text, "/nowhere/x.csv"),
	      "%s", err[4].text);
	CHECK(RUN(&o[6], &err[6], OF_TRAFFIC(&f), "--share-hours", "all") == -EINVAL && strstr(err[6].text, "none of sender"), "%s",
	      err[6].text);
	/* What fails leaves no file. */
	CHECK(RUN(&o[5], &err[5], OF_TRAFFIC(&f), "--traffic", "policies", "--output", f.plain) && stat(f.plain, &st), "%s", err[5].text);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(o); i++)
		free(o[i]);
}

TEST_MAIN(T(focus_of_traffic_plain_and_gzip), T(focus_comes_back_by_import_bill), T(focus_of_the_ledger),
	  T(focus_of_the_ledger_with_hours_shared), T(focus_of_traffic_with_hours_shared), T(focus_refuses))
