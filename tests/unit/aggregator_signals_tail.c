/* SPDX-License-Identifier: Apache-2.0 */
/* A followed file: each line once and whole, through rotation of both kinds, restarts, and what a writer may do to it. */
#include "aggregator/signals_tail.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define LINE_MAX_TEST 64

struct box {
	char dir[64], path[96], other[96];
	struct tail *tail;
	char seen[4096]; /* lines, each with a blank behind it */
	size_t count, too_long, torn, lost;
};

static void on_line(void *arg, enum tail_what what, const char *line, size_t len)
{
	struct box *b = arg;

	if (what == TAIL_TOO_LONG)
		b->too_long++;
	else if (what == TAIL_LOST)
		b->lost++;
	else if (what == TAIL_TORN)
		b->torn++;
	else
		b->count++;
	if (line && strlen(b->seen) + len + 2 < sizeof(b->seen))
		snprintf(b->seen + strlen(b->seen), len + 2, "%.*s ", (int)len, line);
}

static void start_from(struct box *b, const struct tail_place *from, size_t count)
{
	tail_free(b->tail);
	if (tail_new(b->path, LINE_MAX_TEST, from, count, on_line, b, &b->tail))
		abort();
	*b->seen = '\0';
	b->count = b->too_long = b->torn = b->lost = 0;
}

static void start(struct box *b, const struct tail_place *from)
{
	start_from(b, from, from != NULL);
}

static void box_new(struct box *b)
{
	*b = (struct box){.dir = "/tmp/weir-tail-XXXXXX"};
	if (!mkdtemp(b->dir))
		abort();
	snprintf(b->path, sizeof(b->path), "%s/eve.json", b->dir);
	snprintf(b->other, sizeof(b->other), "%s/eve.json.1", b->dir);
	start(b, NULL);
}

static void box_free(struct box *b)
{
	weir_auto_free char *gone = weir_strf("rm -r '%s'", b->dir);

	tail_free(b->tail);
	if (system(gone))
		abort();
}

static void put(const char *path, int flags, const char *text)
{
	weir_auto_close int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
}

static void append(const struct box *b, const char *text)
{
	put(b->path, O_APPEND, text);
}

static int look(struct box *b)
{
	size_t budget = (size_t)1 << 20;

	return tail_read(b->tail, &budget);
}

/* What came since the last time. */
static const char *came(struct box *b)
{
	static char was[sizeof(b->seen)];

	look(b);
	memcpy(was, b->seen, sizeof(was));
	*b->seen = '\0';
	return was;
}

#define CAME(b, want)                                             \
	do {                                                      \
		const char *_got = came(b);                       \
		CHECK(!strcmp(_got, want), "'%s', not '%s'", _got, want); \
	} while (0)

TEST(a_file_that_is_there_is_read_from_its_end)
{
	struct box b;

	box_new(&b);
	append(&b, "old\nund");
	CAME(&b, "");
	append(&b, "er way\nnew\n");
	CAME(&b, "under way new ");
	append(&b, "\n\r\nlast");
	CAME(&b, "\r ");
	append(&b, "\n");
	CAME(&b, "last ");
	CAME(&b, "");
	box_free(&b);
}

TEST(a_file_that_comes_later_is_read_from_its_start)
{
	struct box b;

	box_new(&b);
	CHECK(look(&b) == -ENOENT, "it is not there");
	append(&b, "first\n");
	CAME(&b, "first ");
	box_free(&b);
}

TEST(a_rotation_by_rename)
{
	struct box b;

	box_new(&b);
	append(&b, "a\n");
	came(&b);
	append(&b, "b\n");
	rename(b.path, b.other);
	put(b.other, O_APPEND, "c\n");
	CAME(&b, "b c ");
	put(b.path, 0, ""); /* made for a writer that has not opened it */
	put(b.other, O_APPEND, "d\n");
	CAME(&b, "d ");
	put(b.other, O_APPEND, "e\ntorn");
	append(&b, "f\ng\n");
	CAME(&b, "e torn f g ");
	CHECK(b.torn == 1 && !b.lost, "%zu torn, %zu lost", b.torn, b.lost);
	unlink(b.other);
	rename(b.path, b.other); /* twice within one look */
	append(&b, "h\n");
	CAME(&b, "h ");
	box_free(&b);
}

TEST(a_rotation_by_copy_and_cut)
{
	struct box b;

	box_new(&b);
	append(&b, "");
	came(&b);
	append(&b, "a\nb\n");
	CAME(&b, "a b ");
	append(&b, "c\n");
	put(b.other, 0, "a\nb\nc\nd\n"); /* the copy has what nobody read */
	put(b.path, O_TRUNC, "e\n");
	CAME(&b, "c d e ");
	CHECK(!b.lost, "%zu lost", b.lost);
	unlink(b.other);
	put(b.path, O_TRUNC, ""); /* no copy: who knows */
	came(&b);
	CHECK(b.lost == 1, "%zu lost", b.lost);
	append(&b, "f\n");
	CAME(&b, "f ");
	/* Cut and longer than before, all between two looks. */
	put(b.path, O_TRUNC, "g\nh\ni\nj\nk\n");
	CAME(&b, "g h i j k ");
	box_free(&b);
}

TEST(a_writer_that_knows_only_its_own_offset_leaves_zeros)
{
	struct box b;
	weir_auto_close int fd = -1;

	box_new(&b);
	append(&b, "");
	came(&b);
	append(&b, "a\n");
	CAME(&b, "a ");
	if (truncate(b.path, 0) || (fd = open(b.path, O_WRONLY)) < 0 || pwrite(fd, "b\nc\n", 4, 3000) != 4)
		abort();
	CAME(&b, "b c ");
	CHECK(!b.too_long, "zeros are no line");
	box_free(&b);
}

TEST(lines_have_a_limit)
{
	struct box b;
	char line[3 * LINE_MAX_TEST];

	box_new(&b);
	append(&b, "");
	came(&b);
	memset(line, 'x', sizeof(line));
	line[LINE_MAX_TEST] = '\0';
	append(&b, line);
	append(&b, "\n");
	look(&b);
	CHECK(b.count == 1 && strlen(b.seen) == LINE_MAX_TEST + 1, "just so long");
	line[LINE_MAX_TEST] = 'x';
	line[sizeof(line) - 1] = '\0';
	append(&b, line);
	look(&b);
	append(&b, line);
	append(&b, "\nshort\n");
	*b.seen = '\0';
	CAME(&b, "short ");
	CHECK(b.too_long == 1 && b.count == 2, "once: %zu, %zu", b.too_long, b.count);
	box_free(&b);
}

TEST(a_look_has_a_budget)
{
	struct box b;
	size_t budget = 5;

	box_new(&b);
	append(&b, "");
	came(&b);
	append(&b, "aa\nbb\ncc\n");
	CHECK(!tail_read(b.tail, &budget) && !budget && !strcmp(b.seen, "aa "), "%s", b.seen);
	CHECK(tail_behind(b.tail) == 4, "%llu behind", (unsigned long long)tail_behind(b.tail));
	*b.seen = '\0';
	CAME(&b, "bb cc ");
	CHECK(!tail_behind(b.tail), "all is read");
	box_free(&b);
}

TEST(what_is_no_file_is_refused)
{
	struct box b;

	box_new(&b);
	CHECK(!mkdir(b.path, 0755) && look(&b) == -EMEDIUMTYPE, "a directory");
	rmdir(b.path);
	CHECK(!mkfifo(b.path, 0644) && look(&b) == -EMEDIUMTYPE, "a pipe, which nobody waits for");
	unlink(b.path);
	CHECK(!symlink(b.path, b.path) && look(&b) == -ELOOP, "a link to itself");
	unlink(b.path);
	append(&b, "a\n");
	CAME(&b, "a ");
	unlink(b.path);
	CHECK(!mkfifo(b.path, 0644) && look(&b) == -EMEDIUMTYPE, "a pipe in its place");
	box_free(&b);
}

static struct tail_place place(const struct box *b)
{
	struct tail_place at = {0};

	if (!tail_place(b->tail, &at))
		abort();
	return at;
}

TEST(a_restart_goes_on_where_it_was)
{
	struct box b;
	struct tail_place at;

	box_new(&b);
	append(&b, "");
	came(&b);
	append(&b, "a\nb\nhal");
	CAME(&b, "a b ");
	at = place(&b);
	append(&b, "f\nc\n");
	start(&b, &at);
	CAME(&b, "half c ");
	CHECK(!b.lost, "%zu lost", b.lost);
	box_free(&b);
}

TEST(a_restart_finds_a_rotated_file)
{
	struct box b;
	struct tail_place at;

	box_new(&b);
	append(&b, "");
	came(&b);
	append(&b, "a\nb\n");
	came(&b);
	at = place(&b);
	append(&b, "c\n");
	rename(b.path, b.other);
	append(&b, "d\n");
	start(&b, &at);
	CAME(&b, "c d ");
	CHECK(!b.lost, "%zu lost", b.lost);
	start(&b, &at);
	unlink(b.path);
	CHECK(look(&b) == -ENOENT && !*b.seen, "its writer comes later");
	append(&b, "e\n");
	CAME(&b, "c e ");
	start(&b, &at);
	unlink(b.other);
	CAME(&b, "e ");
	CHECK(b.lost == 1, "%zu lost", b.lost);
	box_free(&b);
}

/* Ten minutes are read again: files that were rotated meanwhile are read one after the other, as far as they are there. */
TEST(a_restart_reads_what_was_rotated_meanwhile)
{
	struct tail_place at[4];
	weir_auto_free char *older = NULL;
	struct box b;

	box_new(&b);
	older = weir_strf("%s.2", b.other);
	append(&b, "");
	came(&b);
	for (int i = 0; i < 3; i++) {
		if (i) {
			rename(b.other, older);
			rename(b.path, b.other);
		}
		append(&b, (const char *[]){"a\n", "c\n", "e\n"}[i]);
		look(&b);
		at[i] = place(&b);
		append(&b, (const char *[]){"b\n", "d\n", "f\n"}[i]);
		look(&b);
	}
	at[3] = place(&b);
	append(&b, "g\n");
	start_from(&b, at, 4);
	CAME(&b, "b c d e f g ");
	CHECK(!b.lost, "%zu lost", b.lost);
	CAME(&b, "");
	unlink(older);
	start_from(&b, at, 4);
	CAME(&b, "c d e f g ");
	CHECK(!b.lost, "%zu lost", b.lost);
	box_free(&b);
}

/* File systems give the number of a removed file to the next one. */
TEST(a_restart_is_not_misled_by_an_inode_that_is_used_again)
{
	struct box b;
	struct stat was, is;
	struct tail_place at;

	box_new(&b);
	append(&b, "");
	came(&b);
	append(&b, "a\nb\n");
	came(&b);
	at = place(&b);
	stat(b.path, &was);
	tail_free(b.tail);
	b.tail = NULL;
	/* Another file of the same number: cut and written anew is the same to whoever looks later. */
	put(b.path, O_TRUNC, "x\ny\nz\n");
	stat(b.path, &is);
	CHECK(was.st_ino == is.st_ino, "the scene: the same number");
	start(&b, &at);
	CAME(&b, "x y z ");
	CHECK(b.lost == 1, "%zu lost", b.lost);
	box_free(&b);
}

/* Appends, rotates and restarts in a random order, and counts: each line comes once, in order. */
TEST(whatever_the_order_each_line_comes_once)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct tail_place at = {0};
	struct box b;
	int next = 0, heard = 0;

	printf("# seed %u\n", seed);
	srand(seed);
	box_new(&b);
	append(&b, "");
	came(&b);
	for (int turn = 0; turn < 2000; turn++) {
		char line[32];
		int what = rand() % 10;

		if (what < 6) {
			snprintf(line, sizeof(line), "%d\n", next++);
			if (rand() % 3) {
				append(&b, line);
			} else { /* in two writes */
				char half[2] = {*line};

				append(&b, half);
				if (rand() % 2)
					look(&b);
				append(&b, line + 1);
			}
		} else if (what == 6 && next && access(b.path, F_OK) == 0) {
			look(&b); /* two rotations between two looks are known to lose */
			rename(b.path, b.other);
		} else if (what == 7) {
			look(&b);
			if (tail_place(b.tail, &at)) {
				char kept[sizeof(b.seen)];

				memcpy(kept, b.seen, sizeof(kept));
				start(&b, &at);
				memcpy(b.seen, kept, sizeof(kept));
			}
		} else {
			look(&b);
		}
		if (strlen(b.seen) > sizeof(b.seen) / 2 || turn == 1999) {
			look(&b);
			for (char *save = NULL, *s = strtok_r(b.seen, " ", &save); s; s = strtok_r(NULL, " ", &save), heard++)
				CHECK(atoi(s) == heard, "%s, not %d", s, heard);
			*b.seen = '\0';
		}
	}
	append(&b, "end\n"); /* a file that was rotated and has no successor yet is read, too */
	look(&b);
	CHECK(heard == next, "%d of %d", heard, next);
	CHECK(next > 900, "the scene: %d lines", next);
	box_free(&b);
}

TEST_MAIN(T(a_file_that_is_there_is_read_from_its_end), T(a_file_that_comes_later_is_read_from_its_start), T(a_rotation_by_rename),
	  T(a_rotation_by_copy_and_cut), T(a_writer_that_knows_only_its_own_offset_leaves_zeros), T(lines_have_a_limit), T(a_look_has_a_budget),
	  T(what_is_no_file_is_refused), T(a_restart_goes_on_where_it_was), T(a_restart_finds_a_rotated_file), T(a_restart_reads_what_was_rotated_meanwhile),
	  T(a_restart_is_not_misled_by_an_inode_that_is_used_again), T(whatever_the_order_each_line_comes_once))
