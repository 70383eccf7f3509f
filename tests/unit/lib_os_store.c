/* SPDX-License-Identifier: Apache-2.0 */
/* The store as a file: copies are of one moment, whole or not there; nothing takes a store's place unchecked. */
#include "lib/os/store_file.h"
#include "tests/lib/stored.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define SUM "SELECT SUM(bytes) FROM flow_1h"
#define GROW "UPDATE flow_1h SET bytes=bytes+1"

/* A store in use: WAL, some megabytes. */
static int make_store(const struct scratch *t)
{
	int r = stored_load("v6", t->store);

	return r ? r :
		   stored_sql(t->store, "PRAGMA journal_mode=WAL; CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION "
					"ALL SELECT i+1 FROM n WHERE i<4000) SELECT i,randomblob(1000) AS b FROM n;");
}

static size_t files_in(const char *dir)
{
	weir_auto_free char *line = weir_strf("ls -A '%s' | wc -l", dir);
	FILE *f = popen(line, "r");
	int n = -1;

	if (f && fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		pclose(f);
	return (size_t)n;
}

struct writer {
	const char *path;
	uint64_t calls, done, total;
};

/* The aggregator writes while the copy is made. */
static void write_on(uint64_t done, uint64_t total, void *arg)
{
	struct writer *w = arg;

	w->calls++;
	w->done = done;
	w->total = total;
	if (stored_sql(w->path, GROW))
		w->calls = 0;
}

TEST(a_backup_is_of_one_moment)
{
	struct weir_store_copy copy = {0};
	struct weir_err err = {{0}};
	auto_scratch t = {0};
	struct writer w = {.path = t.store};
	struct stat st;
	int64_t sum;

	CHECK(!scratch_new(&t) && !make_store(&t));
	sum = stored_number(t.store, SUM);
	CHECK(!weir_store_backup(t.store, t.copy, false, write_on, &w, &copy, &err), "%s", err.text);
	CHECK(w.calls >= 2 && w.done == w.total && w.total == copy.bytes, "%d calls", (int)w.calls);
	CHECK(stored_number(t.store, SUM) > sum, "somebody wrote");
	CHECK(stored_number(t.copy, SUM) == sum && stored_whole(t.copy), "%lld", (long long)stored_number(t.copy, SUM));
	CHECK(copy.schema == 6 && !stat(t.copy, &st) && (uint64_t)st.st_size == copy.bytes && (st.st_mode & 0777) == 0600);
}

TEST(nothing_is_replaced_unasked)
{
	struct weir_store_copy copy;
	struct weir_err err = {{0}};
	auto_scratch t = {0};

	CHECK(!scratch_new(&t) && !make_store(&t) && !weir_file_write(t.copy, "mine", 4, 0600));
	CHECK(weir_store_backup(t.store, t.copy, false, NULL, NULL, &copy, &err) == -EEXIST);
	CHECK(strstr(err.text, "--force"), "%s", err.text);
	CHECK(stored_number(t.copy, SUM) == -1, "it was touched");
	CHECK(!weir_store_backup(t.store, t.copy, true, NULL, NULL, &copy, &err));
	CHECK(stored_number(t.copy, SUM) > 0);
}

/* In a process of its own, whose files may not grow beyond `room`. */
static int backup_with_little_room(const char *store, const char *file, rlim_t room)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		const struct rlimit limit = {room, room};
		struct weir_store_copy copy;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(weir_store_backup(store, file, false, NULL, NULL, &copy, NULL) ? 1 : 0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(a_backup_that_cannot_be_written_leaves_nothing)
{
	auto_scratch t = {0}, to = {0};

	CHECK(!scratch_new(&t) && !scratch_new(&to) && !make_store(&t));
	CHECK(backup_with_little_room(t.store, to.copy, 1 << 20) == 1);
	CHECK(files_in(to.dir) == 0, "%zu files", files_in(to.dir));
	CHECK(backup_with_little_room(t.store, to.copy, RLIM_INFINITY) == 0);
}

TEST(a_backup_without_room_is_refused_before_it_begins)
{
	struct weir_store_copy copy;
	struct weir_err err = {{0}};
	auto_scratch t = {0}, small = {0};

	CHECK(!scratch_new(&t) && !scratch_new(&small) && !make_store(&t));
	CHECK(!mount("tmpfs", small.dir, "tmpfs", 0, "size=3m"));
	CHECK(weir_store_backup(t.store, small.copy, false, NULL, NULL, &copy, &err) == -ENOSPC);
	CHECK(strstr(err.text, "needs 5 MiB and there are "), "%s", err.text);
	CHECK(files_in(small.dir) == 0);
	umount(small.dir);
}

static int flip(const char *path, off_t at)
{
	weir_auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char page[4096];

	if (fd < 0 || pread(fd, page, sizeof(page), at) != sizeof(page))
		return -EIO;
	for (size_t i = 0; i < sizeof(page); i++)
		page[i] ^= 0x5a;
	return pwrite(fd, page, sizeof(page), at) == sizeof(page) ? 0 : -EIO;
}

TEST(only_a_whole_store_of_a_known_schema_is_restored)
{
	static const struct {
		const char *sql, *says;
	} cases[] = {
		{NULL, "damaged"},
		{"PRAGMA user_version=99", "has schema 99 and this program knows up to "},
		{"PRAGMA user_version=0", "no store of weir"},
		{"DROP TABLE usage", "no store of weir"},
	};
	struct weir_store_copy copy;
	auto_scratch t = {0};
	int64_t sum;

	CHECK(!scratch_new(&t) && !make_store(&t));
	sum = stored_number(t.store, SUM);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};

		CHECK(!weir_store_backup(t.store, t.copy, true, NULL, NULL, &copy, &err), "%s", err.text);
		CHECK(cases[i].sql ? !stored_sql(t.copy, cases[i].sql) : !flip(t.copy, 4096 * 8));
		CHECK(weir_store_restore(t.copy, t.store, 5, NULL, NULL, &copy, &err) == -EINVAL, "case %zu", i);
		CHECK(strstr(err.text, cases[i].says) && !strchr(err.text, '\n'), "%s", err.text);
		CHECK(stored_number(t.store, SUM) == sum && files_in(t.dir) == 2, "case %zu", i);
	}
	CHECK(!weir_file_write(t.copy, "this is no database at all", 26, 0600));
	CHECK(weir_store_restore(t.copy, t.store, 5, NULL, NULL, &copy, NULL) == -EINVAL);
}

TEST(a_restored_store_is_the_backup_and_the_old_one_is_kept)
{
	struct stat st;
	struct weir_store_copy copy = {0};
	struct weir_err err = {{0}};
	auto_scratch t = {0};
	int64_t sum;

	CHECK(!scratch_new(&t) && !make_store(&t));
	sum = stored_number(t.store, SUM);
	CHECK(!weir_store_backup(t.store, t.copy, false, NULL, NULL, &copy, &err), "%s", err.text);
	CHECK(!stored_sql(t.store, GROW));
	CHECK(!weir_store_restore(t.copy, t.store, 7, NULL, NULL, &copy, &err), "%s", err.text);
	CHECK(stored_number(t.store, SUM) == sum && stored_whole(t.store));
	CHECK(stored_number(t.store, "PRAGMA auto_vacuum") == 2, "free pages can be given back");
	CHECK(strstr(copy.aside, "weir.db.replaced-7") && stored_number(copy.aside, SUM) > sum && stored_whole(copy.aside), "%s",
	      copy.aside);
	CHECK(files_in(t.dir) == 3, "%zu", files_in(t.dir));
	CHECK(!stat(t.store, &st) && (uint64_t)st.st_size == copy.bytes, "%d", (int)copy.bytes);
	CHECK(weir_store_restore(t.copy, t.store, 7, NULL, NULL, &copy, &err) == -EEXIST, "that name is taken");
	CHECK(!unlink(t.store) && !weir_store_restore(t.copy, t.store, 8, NULL, NULL, &copy, &err) && !*copy.aside,
	      "there was none");
	err = (struct weir_err){{0}};
	CHECK(!weir_store_backup(t.store, t.copy, true, NULL, NULL, &copy, &err) &&
		      !weir_store_restore(t.copy, t.store, 9, NULL, NULL, &copy, &err), "once more: %s", err.text);
	CHECK(stored_number(t.store, SUM) == sum && stored_whole(t.store));
}

TEST(a_damaged_store_can_be_replaced)
{
	struct weir_store_copy copy = {0};
	struct weir_err err = {{0}};
	auto_scratch t = {0};

	CHECK(!scratch_new(&t) && !make_store(&t));
	CHECK(!weir_store_backup(t.store, t.copy, false, NULL, NULL, &copy, &err), "%s", err.text);
	CHECK(!flip(t.store, 0));
	CHECK(!weir_store_restore(t.copy, t.store, 7, NULL, NULL, &copy, &err), "%s", err.text);
	CHECK(stored_number(t.store, SUM) > 0 && !access(copy.aside, F_OK));
}

static void die(uint64_t done, uint64_t total, void *arg)
{
	(void)arg;
	if (done && done <= total)
		raise(SIGKILL);
}

/* Holds the store open, says so, and waits. */
static pid_t holder(const char *path)
{
	int pipes[2];
	char c;
	pid_t child;

	if (pipe(pipes))
		return -1;
	child = fork();
	if (!child) {
		sqlite3 *db = NULL;

		sqlite3_open(path, &db);
		sqlite3_exec(db, SUM, NULL, NULL, NULL);
		if (write(pipes[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	if (read(pipes[0], &c, 1) != 1)
		child = -1;
	close(pipes[0]);
	close(pipes[1]);
	return child;
}

TEST(a_store_in_use_is_not_replaced_but_can_be_copied)
{
	struct weir_store_copy copy = {0};
	struct weir_err err = {{0}};
	auto_scratch t = {0};
	int64_t sum;
	pid_t child;

	CHECK(!scratch_new(&t) && !make_store(&t));
	child = holder(t.store);
	CHECK(!weir_store_backup(t.store, t.copy, false, NULL, NULL, &copy, &err), "%s", err.text);
	sum = stored_number(t.store, SUM);
	CHECK(!stored_sql(t.store, GROW));
	CHECK(weir_store_restore(t.copy, t.store, 7, NULL, NULL, &copy, &err) == -EBUSY);
	CHECK(strstr(err.text, "stop the aggregator"), "%s", err.text);
	CHECK(stored_number(t.store, SUM) > sum);
	CHECK(child > 0 && !kill(child, SIGKILL) && waitpid(child, NULL, 0) == child);
	CHECK(!weir_store_restore(t.copy, t.store, 7, NULL, NULL, &copy, NULL));
	CHECK(stored_number(t.store, SUM) == sum);
}

TEST(a_restore_that_is_killed_changes_nothing)
{
	auto_scratch t = {0};
	struct weir_store_copy copy = {0};
	int64_t sum;
	int status = 0;
	pid_t child;

	CHECK(!scratch_new(&t) && !make_store(&t));
	CHECK(!weir_store_backup(t.store, t.copy, false, NULL, NULL, &copy, NULL) && !stored_sql(t.store, GROW));
	sum = stored_number(t.store, SUM);
	child = fork();
	if (!child)
		_exit(weir_store_restore(t.copy, t.store, 7, die, NULL, &copy, NULL) != 0);
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "it was not in the middle");
	CHECK(stored_number(t.store, SUM) == sum && stored_whole(t.store));
}

TEST(info_counts)
{
	struct weir_store_info info = {0};
	struct weir_err err = {{0}};
	auto_scratch t = {0};
	uint64_t bytes = 0;

	CHECK(!scratch_new(&t) && !make_store(&t));
	CHECK(!weir_store_info(t.store, &info, &err), "%s", err.text);
	CHECK(info.schema == 6 && info.bytes > 4000000);
	CHECK(!strcmp(info.tables[2].kind, "flow") && !strcmp(info.tables[2].rollup, "1h"));
	CHECK(info.tables[2].rows == (uint64_t)stored_number(t.store, "SELECT COUNT(*) FROM flow_1h"));
	CHECK(info.tables[2].oldest_s == 1795500000 - 1795500000 % 3600 && info.tables[2].newest_s > info.tables[2].oldest_s);
	CHECK(info.tables[3].rows == 0, "a schema without days");
	for (size_t i = 0; i < WEIR_STORE_TABLES; i++)
		bytes += info.tables[i].bytes;
	CHECK(bytes == 0 || bytes == info.bytes - info.free_bytes, "%llu of %llu", (unsigned long long)bytes,
	      (unsigned long long)info.bytes);
}

TEST_MAIN(T(a_backup_is_of_one_moment), T(nothing_is_replaced_unasked), T(a_backup_that_cannot_be_written_leaves_nothing),
	  T_ROOT(a_backup_without_room_is_refused_before_it_begins), T(only_a_whole_store_of_a_known_schema_is_restored),
	  T(a_restored_store_is_the_backup_and_the_old_one_is_kept), T(a_damaged_store_can_be_replaced),
	  T(a_store_in_use_is_not_replaced_but_can_be_copied), T(a_restore_that_is_killed_changes_nothing), T(info_counts))
