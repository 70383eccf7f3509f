/* SPDX-License-Identifier: Apache-2.0 */
/* Stores of older versions, as they wrote them: what queries answered then they answer after the migration. */
#include "aggregator/store_impl.h"
#include "lib/os/store_file.h"
#include "tests/lib/recorded.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/stored.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <sys/resource.h>

static const char *const versions[] = {"v1", "v6", "v7", "v10", "v11", "v12", "v13"};
#define SUM "SELECT SUM(nanos)+SUM(bytes) FROM ledger_1h"

static int recorded_commit(struct store *s, const struct priced *r, const char *node, const struct weir_summary *sum,
			   uint64_t now_ns)
{
	const struct ingest_pricing pricing = {r->topology, r->prices};
	struct ingest_item it = {.node = node, .summary = sum};
	int e = ingest_commit(s, &pricing, &it, 1, now_ns);

	return e ? e : it.result == INGEST_COMMITTED ? 0 : -EBADMSG;
}

static char *answers(struct store *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r = f ? recorded_answers(s, f) : -ENOMEM;

	if (f)
		fclose(f);
	if (!r)
		return text;
	free(text);
	return NULL;
}

static void first_difference(const char *name, const char *got, const char *want)
{
	while (*got && *got == *want)
		got++, want++;
	printf("# %s: got '%.120s'\n# want '%.120s'\n", name, got, want);
}

TEST(an_older_store_answers_as_before)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(versions); i++) {
		weir_auto_free char *want = NULL, *got = NULL, *from = weir_strf("tests/store/%s.txt", versions[i]);
		auto_store *s = NULL;
		auto_scratch t = {0};
		struct weir_err err = {{0}};
		size_t len;

		CHECK(!scratch_new(&t) && !stored_load(versions[i], t.store), "%s", versions[i]);
		CHECK(!weir_file_read(from, 1 << 20, &want, &len), "%s", from);
		CHECK(!store_open(t.store, &s, &err), "%s: %s", versions[i], err.text);
		got = s ? answers(s) : NULL;
		CHECK(got && want && len > 1000 && !strcmp(got, want), "%s", versions[i]);
		if (got && want && strcmp(got, want))
			first_difference(versions[i], got, want);
	}
}

static int add_nanos(const struct query_cost *c, void *arg)
{
	*(int64_t *)arg += c->nanos;
	return 0;
}

static int64_t money(struct store *s, enum store_res res)
{
	static const enum query_dim dims[] = {QUERY_TEAM};
	const struct query_range all = {0, INT64_MAX, res};
	int64_t sum = 0;

	return query_cost(s, dims, 1, &all, add_nanos, &sum) ? -1 : sum;
}

/* Agents go on with the sequence after the last; history becomes days. */
TEST(a_migrated_store_goes_on)
{
	static const uint64_t keep[STORE_RESOLUTIONS] = {86400, 7 * 86400, 400 * 86400, 1830 * 86400};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(versions); i++) {
		struct priced world = {0};
		struct weir_err err = {{0}};
		auto_store *s = NULL;
		auto_scratch t = {0};
		int64_t before;

		CHECK(!scratch_new(&t) && !stored_load(versions[i], t.store) && !recorded_load(&world, &err), "%s", err.text);
		CHECK(!store_open(t.store, &s, &err), "%s", err.text);
		before = money(s, STORE_1H);
		CHECK(before > 0 && money(s, STORE_1D) == before, "%lld", (long long)money(s, STORE_1D));
		CHECK(!recorded_window(s, &world, 1, 6, 86500), "%s", store_error(s));
		CHECK(recorded_window(s, &world, 1, 6, 86500) == -EBADMSG, "the same again");
		CHECK(money(s, STORE_1H) > before);
		CHECK(!retain_all(s, RECORDED_S + 3 * 86400, keep), "%s", store_error(s));
		CHECK(s->folded_s[STORE_LEDGER][STORE_1D] > RECORDED_S && money(s, STORE_1D) == money(s, STORE_1H), "%lld",
		      (long long)money(s, STORE_1D));
		priced_free(&world);
	}
}

TEST(a_newer_store_and_a_strange_file_are_refused)
{
	struct weir_err err = {{0}};
	auto_store *s = NULL;
	auto_scratch t = {0};

	CHECK(!scratch_new(&t) && !stored_load("v6", t.store));
	CHECK(!stored_sql(t.store, "PRAGMA user_version=99"));
	CHECK(store_open(t.store, &s, &err) == -EPROTONOSUPPORT);
	CHECK(strstr(err.text, "has schema 99 and this program knows up to"), "%s", err.text);
	CHECK(stored_number(t.store, "PRAGMA user_version") == 99, "left as it was");
	err = (struct weir_err){{0}};
	CHECK(!stored_sql(t.copy, "CREATE TABLE t(a)"));
	CHECK(store_open(t.copy, &s, &err) == -EINVAL && strstr(err.text, "no store of weir"), "%s", err.text);
	CHECK(stored_number(t.copy, "SELECT COUNT(*) FROM sqlite_master") == 1, "left as it was");
}

/* The version that programs and tools agree on. */
TEST(the_schema_has_a_number)
{
	auto_store *s = NULL;
	struct weir_err err = {{0}};
	auto_scratch t = {0};

	CHECK(!scratch_new(&t) && !store_open(t.store, &s, &err), "%s", err.text);
	CHECK(stored_number(t.store, "PRAGMA user_version") == WEIR_STORE_SCHEMA);
}

static int left; /* statements until this process is killed */

static int strike(unsigned int mask, void *arg, void *p, void *x)
{
	(void)mask;
	(void)arg;
	(void)p;
	(void)x;
	if (!left--)
		raise(SIGKILL);
	return 0;
}

static int trace(sqlite3 *db, const char **text, const struct sqlite3_api_routines *api)
{
	(void)text;
	(void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, strike, NULL);
}

/* Opens the store in a process that dies at its n'th statement; true: it came to its end. */
static bool open_and_die(const char *path, int n)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		struct store *s = NULL;

		left = n;
		sqlite3_auto_extension((void (*)(void))trace);
		_exit(store_open(path, &s, NULL) ? 1 : 0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

TEST(killed_at_any_statement_the_old_or_the_new_store_is_whole)
{
	auto_scratch t = {0};
	int64_t sum;
	int n = 0, old = 0, renewed = 0;

	CHECK(!scratch_new(&t) && !stored_load("v1", t.copy));
	sum = stored_number(t.copy, SUM);
	for (bool ended = false; !ended && n < 500; n++) {
		int64_t version;
		char line[512];

		snprintf(line, sizeof(line), "rm -f '%s'* && cp '%s' '%s'", t.store, t.copy, t.store);
		CHECK(!system(line));
		ended = open_and_die(t.store, n);
		version = stored_number(t.store, "PRAGMA user_version");
		old += version == 1;
		renewed += version == WEIR_STORE_SCHEMA;
		CHECK((version == 1 || version == WEIR_STORE_SCHEMA) && stored_whole(t.store), "statement %d: schema %d", n,
		      (int)version);
		CHECK(stored_number(t.store, SUM) == sum, "statement %d", n);
	}
	CHECK(old > 20 && renewed >= 1 && n < 500, "%d deaths, %d before the commit, %d after", n, old, renewed);
}

static int open_with_little_room(const char *path, rlim_t room)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		const struct rlimit limit = {room, room};
		struct weir_err err = {{0}};
		struct store *s = NULL;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		store_open(path, &s, &err);
		_exit(s ? 0 : strstr(err.text, "stays as it was") ? 2 : 1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A limit to the size of files stands for the disk; the log's index (-shm) is 32 KiB. */
TEST(without_room_the_old_store_stays)
{
	auto_scratch t = {0};
	int64_t sum;
	int said;

	CHECK(!scratch_new(&t) && !stored_load("v1", t.store));
	CHECK(!stored_sql(t.store, "PRAGMA journal_mode=WAL"));
	sum = stored_number(t.store, SUM);
	said = open_with_little_room(t.store, 40960);
	CHECK(said == 2, "%d", said);
	CHECK(stored_number(t.store, "PRAGMA user_version") == 1 && stored_whole(t.store));
	CHECK(stored_number(t.store, SUM) == sum);
	CHECK(!open_with_little_room(t.store, RLIM_INFINITY), "later there is room");
	CHECK(stored_number(t.store, "PRAGMA user_version") == WEIR_STORE_SCHEMA && stored_number(t.store, SUM) == sum);
}

TEST_MAIN(T(an_older_store_answers_as_before), T(a_migrated_store_goes_on), T(a_newer_store_and_a_strange_file_are_refused),
	  T(the_schema_has_a_number), T(killed_at_any_statement_the_old_or_the_new_store_is_whole),
	  T(without_room_the_old_store_stays))
