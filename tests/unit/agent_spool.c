/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "agent/segment.h"
#include "agent/spool.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"

/* A fold that keeps the first 4 bytes: as folding does, it makes records smaller and keeps
 * something. */
static int fold4(const void *data, size_t len, struct weir_buf *ret)
{
	return weir_buf_add(ret, data, WEIR_MIN(len, 4u));
}

struct fix {
	char dir[64];
	struct spool_conf conf;
	struct spool *s;
	struct weir_err note, err;
};

static int reopen(struct fix *f)
{
	spool_free(f->s);
	f->s = NULL;
	f->note = f->err = (struct weir_err){0};
	return spool_open(&f->conf, &f->s, &f->note, &f->err);
}

static int setup(struct fix *f, uint64_t max, uint64_t segment)
{
	*f = (struct fix){.dir = "/tmp/weir-spool-XXXXXX"};
	if (!mkdtemp(f->dir))
		return -errno;
	f->conf = (struct spool_conf){.dir = f->dir, .max = max, .segment = segment, .fold = fold4};
	return reopen(f);
}

static void teardown(struct fix *f)
{
	weir_auto_free char *cmd = weir_strf("rm -rf %s", f->dir);

	spool_free(f->s);
	if (cmd && system(cmd))
		printf("# cannot remove %s\n", f->dir);
}

static int put(struct fix *f, uint64_t epoch, uint64_t seq, size_t len)
{
	weir_auto_free char *data = calloc(1, len);

	snprintf(data, len, "%03u", (unsigned int)(seq % 1000));
	return spool_append(f->s, epoch, seq, data, len);
}

static char *path_of(const struct fix *f, uint64_t number, char *buf, size_t size)
{
	char name[24];

	snprintf(buf, size, "%s/%s", f->dir, segment_name(number, name));
	return buf;
}

static uint64_t last(const struct fix *f)
{
	uint64_t e, s;

	spool_last(f->s, &e, &s);
	return s;
}

/* Sequence of the oldest unacknowledged record; checks that its payload is its own. 0 = none. */
static uint64_t next(struct fix *f)
{
	weir_auto_buf struct weir_buf b = {0};
	uint64_t e, s;

	if (spool_next(f->s, &e, &s, &b) < 0)
		return 0;
	return strtoull((char *)b.data, NULL, 10) == s % 1000 ? s : 0;
}

TEST(crc_is_crc32c)
{
	struct segment_crc c;

	segment_crc_init(&c);
	/* The check value of CRC-32C (RFC 3720, and every CRC catalogue). */
	CHECK(segment_crc(&c, "123456789", 9, 0) == 0xe3069283u, "");
}

TEST(records_come_back_in_order)
{
	struct fix f;
	int bad = 0;

	CHECK(setup(&f, 1 << 20, 2000) == 0, "%s", f.err.text);
	for (uint64_t i = 1; i <= 50; i++)
		bad += put(&f, 1, i, 200) != 0;
	CHECK(!bad, "%d appends failed", bad);
	CHECK(reopen(&f) == 0, "%s", f.err.text);
	CHECK(!*f.note.text, "%s", f.note.text);
	for (uint64_t i = 1; i <= 50; i++) {
		bad += next(&f) != i;
		bad += spool_ack(f.s, 1, i) != 0;
	}
	CHECK(!bad, "%d records out of order", bad);
	CHECK(next(&f) == 0, "something is left");
	CHECK(last(&f) == 50, "the last record is kept, got %d", (int)last(&f));
	CHECK(reopen(&f) == 0 && next(&f) == 0, "acknowledged records came back");
	CHECK(last(&f) == 50, "%d", (int)last(&f));
	teardown(&f);
}

TEST(torn_tail_is_cut_and_reported)
{
	struct fix f;
	char p[128];
	struct stat st;

	CHECK(setup(&f, 1 << 20, 1 << 16) == 0, "%s", f.err.text);
	for (uint64_t i = 1; i <= 3; i++)
		CHECK(put(&f, 1, i, 100) == 0, "append");
	CHECK(stat(path_of(&f, 1, p, sizeof(p)), &st) == 0, "stat");
	for (off_t cut = 1; cut < 116; cut += 23) {
		CHECK(truncate(p, st.st_size - cut) == 0, "truncate");
		CHECK(reopen(&f) == 0, "%s", f.err.text);
		CHECK(last(&f) == 2, "cut %d: %d", (int)cut, (int)last(&f));
		CHECK(strstr(f.note.text, "cut"), "not reported: %s", f.note.text);
		CHECK(put(&f, 1, 3, 100) == 0, "append after the cut");
		CHECK(reopen(&f) == 0 && last(&f) == 3, "the new record is not there");
		/* The record went into a new file: take it away for the next round. */
		CHECK(stat(path_of(&f, 2, p, sizeof(p)), &st) == 0, "a new segment");
		CHECK(unlink(p) == 0, "unlink");
		CHECK(reopen(&f) == 0, "%s", f.err.text);
		CHECK(put(&f, 1, 3, 100) == 0 && stat(path_of(&f, 2, p, sizeof(p)), &st) == 0,
		      "again");
	}
	teardown(&f);
}

TEST(every_bit_flip_is_found)
{
	struct fix f;
	char p[128];
	int missed = 0;

	CHECK(setup(&f, 1 << 20, 1 << 16) == 0, "%s", f.err.text);
	for (uint64_t i = 1; i <= 3; i++)
		CHECK(put(&f, 1, i, 40) == 0, "append");
	path_of(&f, 1, p, sizeof(p));
	for (int at = 0; at < 56; at++) {
		weir_auto_free char *data = NULL;
		size_t len;

		CHECK(weir_file_read(p, 1 << 16, &data, &len) == 0, "read");
		data[SEGMENT_HEADER + 56 + at] ^= (char)(1 << at % 8);
		CHECK(weir_file_write(p, data, len, 0600) == 0, "write");
		CHECK(reopen(&f) == 0, "%s", f.err.text);
		missed += last(&f) != 1 || !*f.note.text;
		data[SEGMENT_HEADER + 56 + at] ^= (char)(1 << at % 8);
		CHECK(weir_file_write(p, data, len, 0600) == 0, "write");
	}
	CHECK(!missed, "%d flips not found", missed);
	teardown(&f);
}

TEST(damage_in_an_old_segment_sets_later_ones_aside)
{
	struct fix f;
	char p[128], bad[140];
	int fd;

	CHECK(setup(&f, 1 << 20, 300) == 0, "%s", f.err.text);
	for (uint64_t i = 1; i <= 9; i++)
		CHECK(put(&f, 1, i, 100) == 0, "append");
	fd = open(path_of(&f, 1, p, sizeof(p)), O_WRONLY);
	CHECK(pwrite(fd, "X", 1, SEGMENT_HEADER + 16 + 50) == 1, "pwrite");
	close(fd);
	CHECK(reopen(&f) == 0, "%s", f.err.text);
	CHECK(last(&f) == 0, "%d", (int)last(&f));
	snprintf(bad, sizeof(bad), "%s.bad", path_of(&f, 2, p, sizeof(p)));
	CHECK(access(bad, F_OK) == 0, "the second segment was not kept as %s", bad);
	teardown(&f);
}

TEST(foreign_file_is_set_aside)
{
	struct fix f;
	char p[128], bad[140];

	CHECK(setup(&f, 1 << 20, 1 << 16) == 0, "%s", f.err.text);
	CHECK(put(&f, 1, 1, 100) == 0, "append");
	path_of(&f, 7, p, sizeof(p));
	CHECK(weir_file_write(p, "GIF89a, not ours, but long enough for a whole header", 52,
			      0600) == 0,
	      "");
	CHECK(reopen(&f) == 0, "%s", f.err.text);
	CHECK(last(&f) == 1, "%d", (int)last(&f));
	CHECK(strstr(f.note.text, "not a spool segment"), "%s", f.note.text);
	snprintf(bad, sizeof(bad), "%s.bad", p);
	CHECK(access(bad, F_OK) == 0, "it was not kept");
	teardown(&f);
}

TEST(full_folds_then_refuses_and_recovers)
{
	struct fix f;
	uint64_t i;
	int r = 0;

	CHECK(setup(&f, 16384, 2048) == 0, "%s", f.err.text);
	for (i = 1; i < 100000; i++) {
		r = put(&f, 1, i, 500);
		if (r < 0)
			break;
		if (spool_bytes(f.s) > f.conf.max)
			break;
	}
	CHECK(r == -ENOSPC, "%d after %d records", r, (int)i);
	/* Unfolded, 16384 bytes hold 31 records of 516; folded ones take 20. */
	CHECK(i > 100, "folding made no room: %d records", (int)i);
	CHECK(spool_bytes(f.s) <= f.conf.max, "%d bytes", (int)spool_bytes(f.s));
	CHECK(last(&f) == i - 1, "the refused record left a trace");
	CHECK(reopen(&f) == 0 && !*f.note.text, "%s%s", f.err.text, f.note.text);
	for (uint64_t k = 1; k < i; k++) {
		if (next(&f) != k || spool_ack(f.s, 1, k) < 0)
			r = -EBADMSG;
	}
	CHECK(r == -ENOSPC, "records were lost or changed by folding");
	CHECK(put(&f, 1, i, 500) == 0, "no room after everything was acknowledged");
	teardown(&f);
}

TEST(epochs_follow_each_other)
{
	struct fix f;
	uint64_t e, s;

	CHECK(setup(&f, 1 << 20, 1 << 16) == 0, "%s", f.err.text);
	CHECK(put(&f, 1, 1, 50) == 0 && put(&f, 1, 2, 50) == 0 && put(&f, 2, 1, 50) == 0, "append");
	CHECK(reopen(&f) == 0, "%s", f.err.text);
	spool_last(f.s, &e, &s);
	CHECK(e == 2 && s == 1, "%d:%d", (int)e, (int)s);
	CHECK(spool_ack(f.s, 1, 2) == 0, "ack");
	CHECK(next(&f) == 1, "the new epoch comes after the old one");
	CHECK(spool_ack(f.s, 2, 1) == 0 && next(&f) == 0, "all acknowledged");
	teardown(&f);
}

TEST(what_is_still_here_is_sent_again)
{
	struct fix f;

	CHECK(setup(&f, 1 << 20, 2048) == 0, "%s", f.err.text);
	for (uint64_t i = 1; i <= 10; i++)
		CHECK(put(&f, 1, i, 500) == 0, "append");
	CHECK(spool_first(f.s, 1) == 1 && spool_first(f.s, 2) == 0, "%d", (int)spool_first(f.s, 1));
	CHECK(spool_ack(f.s, 1, 10) == 0 && next(&f) == 0, "all acknowledged");
	CHECK(spool_first(f.s, 1) > 1 && spool_first(f.s, 1) <= 10, "%d", (int)spool_first(f.s, 1));
	CHECK(spool_rewind(f.s, 1, 10) == 0 && next(&f) == 0, "nothing is missing");
	CHECK(spool_rewind(f.s, 1, 12) == 0 && next(&f) == 0, "more than was sent");
	CHECK(spool_rewind(f.s, 1, 3) == 0 && next(&f) == spool_first(f.s, 1), "%d", (int)next(&f));
	CHECK(reopen(&f) == 0 && next(&f) == spool_first(f.s, 1), "kept over a restart");
	CHECK(spool_ack(f.s, 1, 9) == 0 && next(&f) == 10, "%d", (int)next(&f));
	teardown(&f);
}

TEST_MAIN(T(crc_is_crc32c), T(records_come_back_in_order), T(torn_tail_is_cut_and_reported),
	  T(every_bit_flip_is_found), T(damage_in_an_old_segment_sets_later_ones_aside),
	  T(foreign_file_is_set_aside), T(full_folds_then_refuses_and_recovers),
	  T(epochs_follow_each_other), T(what_is_still_here_is_sent_again))
