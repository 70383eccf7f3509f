/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's chain: every edit breaks it at its line; a torn tail is cut, never more. */
#include "aggregator/audit.h"
#include "lib/os/chain.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"

#include <sys/syscall.h>

struct log {
	char path[64];
	char *data;
	size_t len;
};

/* 0, or -EBADMSG with the number of the first line that breaks the chain. */
static int audit_verify(const char *data, size_t len, uint64_t *ret_bad)
{
	struct weir_chain c = {0};

	for (const char *nl, *at = data; at < data + len; at = nl + 1) {
		nl = memchr(at, '\n', len - (size_t)(at - data));
		if (!nl || weir_chain_step(&c, at, (size_t)(nl - at))) {
			*ret_bad = c.seq + 1;
			return -EBADMSG;
		}
	}
	return 0;
}

/* Three entries in a fresh file, and its bytes. */
static int make(struct log *l)
{
	struct weir_err err = {0};
	struct audit *a = NULL;
	int fd, r;

	strcpy(l->path, "/tmp/weir-audit-XXXXXX");
	fd = mkstemp(l->path);
	if (fd < 0)
		return -errno;
	close(fd);
	r = audit_open(l->path, 1, &a, &err);
	if (!r)
		r = audit_add(a, 2, "pushed", "node", "n1", "serial", "7", NULL);
	if (!r)
		r = audit_add(a, 3, "applied", "node", "n1\",\"prev\":\"x", "serial", "7", NULL);
	if (!r)
		r = audit_add(a, 4, "refused", "node", "n2", "text", "line\nbreak", NULL);
	audit_close(a);
	return r ? r : weir_file_read(l->path, 1 << 20, &l->data, &l->len);
}

static void drop(struct log *l)
{
	unlink(l->path);
	free(l->data);
}

static size_t line_start(const struct log *l, int n)
{
	const char *p = l->data;

	while (n--)
		p = strchr(p, '\n') + 1;
	return (size_t)(p - l->data);
}

TEST(an_untouched_log_verifies)
{
	struct log l = {0};
	uint64_t bad = 0;

	CHECK(!make(&l));
	CHECK(!audit_verify(l.data, l.len, &bad), "line %d", (int)bad);
	drop(&l);
}

TEST(a_changed_byte_is_found_at_its_line)
{
	struct log l = {0};
	uint64_t bad = 0;
	char *serial;

	CHECK(!make(&l));
	serial = strstr(l.data + line_start(&l, 1), "\"serial\":\"7\"");
	serial[10] = '8';
	CHECK(audit_verify(l.data, l.len, &bad) == -EBADMSG);
	CHECK(bad == 2, "line %d", (int)bad);
	drop(&l);
}

TEST(a_removed_line_is_found)
{
	struct log l = {0};
	uint64_t bad = 0;
	size_t from, to;

	CHECK(!make(&l));
	from = line_start(&l, 1);
	to = line_start(&l, 2);
	memmove(l.data + from, l.data + to, l.len - to);
	CHECK(audit_verify(l.data, l.len - (to - from), &bad) == -EBADMSG);
	CHECK(bad == 2, "line %d", (int)bad);
	drop(&l);
}

TEST(a_rewritten_entry_with_a_fresh_hash_breaks_the_next)
{
	struct log l = {0}, other = {0};
	uint64_t bad = 0;
	struct weir_err err = {0};
	struct audit *a = NULL;
	weir_auto_free char *forged = NULL;

	CHECK(!make(&l));
	strcpy(other.path, "/tmp/weir-audit-other-XXXXXX");
	close(mkstemp(other.path));
	CHECK(!audit_open(other.path, 1, &a, &err), "%s", err.text);
	CHECK(!audit_add(a, 2, "pushed", "node", "n1", "serial", "8", NULL));
	audit_close(a);
	CHECK(!weir_file_read(other.path, 1 << 20, &other.data, &other.len));
	forged = weir_strf("%s%s", other.data, l.data + line_start(&l, 1));
	CHECK(audit_verify(forged, strlen(forged), &bad) == -EBADMSG);
	CHECK(bad == 2, "line %d", (int)bad);
	drop(&l);
	drop(&other);
}

TEST(open_refuses_an_edited_log)
{
	struct log l = {0};
	struct weir_err err = {0};
	struct audit *a = NULL;
	char want[96];

	CHECK(!make(&l));
	*strchr(l.data, '7') = '8';
	CHECK(!weir_file_write(l.path, l.data, l.len, 0600));
	CHECK(audit_open(l.path, 5, &a, &err) == -EBADMSG);
	snprintf(want, sizeof(want), "%s:1: ", l.path);
	CHECK(!strncmp(err.text, want, strlen(want)), "%s", err.text);
	drop(&l);
}

static int last_event(const char *line, void *arg)
{
	snprintf(arg, 256, "%s", line);
	return 0;
}

TEST(a_torn_tail_is_cut_and_noted)
{
	struct log l = {0};
	struct weir_err err = {0};
	struct audit *a = NULL;
	char last[256] = "";

	CHECK(!make(&l));
	CHECK(!weir_file_write(l.path, l.data, l.len - 10, 0600));
	CHECK(!audit_open(l.path, 5, &a, &err), "%s", err.text);
	CHECK(audit_count(a) == 3, "%d entries", (int)audit_count(a));
	CHECK(!audit_tail(a, 1, last_event, last));
	CHECK(strstr(last, "\"log-repaired\"") != NULL, "%s", last);
	audit_close(a);
	drop(&l);
}

static int count_lines(const char *line, void *arg)
{
	(void)line;
	++*(int *)arg;
	return 0;
}

TEST(tail_gives_as_many_as_asked)
{
	struct log l = {0};
	struct weir_err err = {0};
	struct audit *a = NULL;
	int two = 0, all = 0;

	CHECK(!make(&l));
	CHECK(!audit_open(l.path, 5, &a, &err), "%s", err.text);
	CHECK(!audit_tail(a, 2, count_lines, &two));
	CHECK(two == 2, "%d", two);
	CHECK(!audit_tail(a, 100, count_lines, &all));
	CHECK(all == 3, "%d", all);
	audit_close(a);
	drop(&l);
}

static int syncs;
static bool disk_broken;

int fdatasync(int fd) /* in the place of the C library's */
{
	syncs++;
	if (disk_broken) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

TEST(a_turn_is_one_sync_and_all_or_nothing)
{
	struct log l = {0};
	struct weir_err err = {{0}};
	struct weir_chain_head head = {0};
	struct weir_key *key = NULL;
	struct audit *a = NULL;
	uint64_t bad = 0;

	CHECK(!make(&l) && !audit_open(l.path, 5, &a, &err) && !weir_key_new(&key), "%s", err.text);
	syncs = 0;
	audit_hold(a);
	for (int i = 0; i < 100; i++)
		CHECK(!audit_add(a, 6, "applied", "node", "n1", NULL));
	CHECK(syncs == 0 && !audit_release(a) && syncs == 1 && audit_count(a) == 103, "%d", syncs);
	audit_hold(a);
	CHECK(!audit_add(a, 7, "applied", "node", "n2", NULL) && !audit_head(a, key, &head) && syncs == 2 && head.seq == 104,
	      "a witness is told what is on disk");
	disk_broken = true;
	CHECK(!audit_add(a, 8, "pushed", "node", "n1", NULL) && !audit_add(a, 8, "pushed", "node", "n2", NULL));
	CHECK(audit_release(a) == -EIO && audit_count(a) == 104, "%d", (int)audit_count(a));
	CHECK(audit_add(a, 9, "pushed", "node", "n1", NULL) == -EIO && audit_count(a) == 104);
	disk_broken = false;
	CHECK(!audit_add(a, 10, "pushed", "node", "n1", NULL) && audit_count(a) == 105 && !audit_holds(a, &head));
	audit_close(a);
	free(l.data);
	CHECK(!weir_file_read(l.path, 1 << 20, &l.data, &l.len) && !audit_verify(l.data, l.len, &bad), "line %d", (int)bad);
	weir_key_free(key);
	drop(&l);
}

TEST_MAIN(T(a_turn_is_one_sync_and_all_or_nothing), T(an_untouched_log_verifies), T(a_changed_byte_is_found_at_its_line),
	  T(a_removed_line_is_found), T(a_rewritten_entry_with_a_fresh_hash_breaks_the_next),
	  T(open_refuses_an_edited_log), T(a_torn_tail_is_cut_and_noted),
	  T(tail_gives_as_many_as_asked))
