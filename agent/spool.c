/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of segments (segment.c), numbered upwards, one open for appending; every append is
 * durable (fdatasync) before it returns. `acked` is a text file "epoch sequence\n".
 *
 *  - Within an epoch sequences have no gaps, across segments too; epochs rise; a segment has one
 * epoch.
 *  - Segments that are acknowledged whole are removed, but never the one with the last record: its
 *    payload says what the counters of this boot stand for.
 *  - Full: the oldest segments are rewritten with each record folded (totals kept, detail lost).
 * Full even then: append refuses with -ENOSPC, and the caller's next record covers a longer time.
 *  - What does not fit is never deleted: torn bytes at the end are cut, foreign files and segments
 *    behind a damaged one are renamed to NAME.bad, and the note says so.
 */
#include "agent/spool.h"

#include <fcntl.h>
#include <inttypes.h>

#include "agent/segment.h"
#include "lib/os/file.h"

#define SEGMENTS_MAX 65536

struct spool {
	struct spool_conf conf;
	struct segment_crc crc;
	int dir, fd; /* fd: of the newest segment, -1 = none open for appending */
	struct segment *segs;
	size_t count, cap;
	uint64_t acked_epoch, acked_sequence;
	uint64_t at_number, at; /* where the first unacknowledged record was last found */
	char *acked_path;
};

void spool_free(struct spool *s)
{
	if (!s)
		return;
	weir_closep(&s->fd);
	weir_closep(&s->dir);
	free(s->segs);
	free(s->acked_path);
	free((char *)s->conf.dir);
	free(s);
}

static void spool_freep(struct spool **s)
{
	spool_free(*s);
}

static int open_segment(const struct spool *s, uint64_t number, int flags)
{
	char name[24];
	int fd = openat(s->dir, segment_name(number, name), flags | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : fd;
}

static int push(struct spool *s, const struct segment *seg)
{
	struct segment *grown;

	if (s->count == s->cap) {
		grown = realloc(s->segs, (s->cap + 16) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->segs = grown;
		s->cap += 16;
	}
	s->segs[s->count++] = *seg;
	return 0;
}

static void drop(struct spool *s, size_t i)
{
	char name[24];

	unlinkat(s->dir, segment_name(s->segs[i].number, name), 0);
	memmove(&s->segs[i], &s->segs[i + 1], (s->count - i - 1) * sizeof(*s->segs));
	s->count--;
}

static int set_aside(struct spool *s, const char *name, const char *why, struct weir_err *note)
{
	char bad[300];

	snprintf(bad, sizeof(bad), "%s.bad", name);
	if (renameat(s->dir, name, s->dir, bad) < 0)
		return -errno;
	weir_err_set(note, 0, "spool: %s: %s; set aside as %s", name, why, bad);
	return 0;
}

static bool follows(const struct spool *s, const struct segment *seg)
{
	const struct segment *prev = s->count ? &s->segs[s->count - 1] : NULL;

	if (!prev || seg->epoch > prev->epoch)
		return true;
	return seg->epoch == prev->epoch && seg->first == prev->last + 1;
}

static int cut(int fd, const char *name, const struct segment *seg, uint64_t bad,
	       struct weir_err *note)
{
	if (ftruncate(fd, (off_t)seg->size) < 0 || fdatasync(fd) < 0)
		return -errno;
	weir_err_set(note, 0,
		     "spool: %s: cut %" PRIu64 " bytes of a torn or damaged record behind %" PRIu64
		     " of epoch %" PRIu64,
		     name, bad, seg->last, seg->epoch);
	return 0;
}

/* *damaged: a record was bad, so nothing behind it has its place any more. */
static int load_one(struct spool *s, const char *name, bool *damaged, struct weir_err *note,
		    struct weir_err *err)
{
	weir_auto_close int fd = -1;
	struct segment seg = {0};
	uint64_t number, bad = 0;
	int r;

	if (!segment_number(name, &number))
		return set_aside(s, name, "not a name of ours", note);
	fd = open_segment(s, number, O_RDWR);
	if (fd < 0)
		return fd;
	r = segment_open(fd, &s->crc, &seg);
	if (r == -EPROTO)
		return weir_err_set(err, r, "%s/%s: written by another version of weir-agent",
				    s->conf.dir, name);
	if (r == -ENODATA || r == -EILSEQ || (r == 0 && seg.number != number))
		return set_aside(s, name, "not a spool segment", note);
	if (r < 0)
		return r;
	if (*damaged)
		return set_aside(s, name, "stands behind a damaged record", note);
	r = segment_scan(fd, &s->crc, SPOOL_RECORD_MAX, &seg, &bad);
	if (r < 0)
		return r;
	if (seg.last && !follows(s, &seg))
		return set_aside(s, name, "its sequence does not follow", note);
	if (bad) {
		*damaged = true;
		r = cut(fd, name, &seg, bad, note);
		if (r < 0)
			return r;
	}
	if (!seg.last)
		return unlinkat(s->dir, name, 0) < 0 ? -errno : 0;
	return push(s, &seg);
}

static int load_acked(struct spool *s)
{
	weir_auto_free char *text = NULL;
	size_t len;
	int r = weir_file_read(s->acked_path, 64, &text, &len);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	/* A damaged file means that records are sent again: the aggregator knows them. */
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &s->acked_epoch, &s->acked_sequence) != 2)
		s->acked_epoch = s->acked_sequence = 0;
	return 0;
}

static int load(struct spool *s, struct weir_err *note, struct weir_err *err)
{
	weir_auto_strv char **names = NULL;
	bool damaged = false;
	int r = weir_dir_list(s->dir, ".seg", SEGMENTS_MAX, &names);

	for (size_t i = 0; r == 0 && names[i]; i++)
		r = load_one(s, names[i], &damaged, note, err);
	return r < 0 ? r : load_acked(s);
}

int spool_open(const struct spool_conf *conf, struct spool **ret, struct weir_err *note,
	       struct weir_err *err)
{
	weir_cleanup(spool_freep) struct spool *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->dir = s->fd = -1;
	s->conf = *conf;
	s->conf.dir = strdup(conf->dir);
	s->acked_path = weir_strf("%s/acked", conf->dir);
	if (!s->conf.dir || !s->acked_path)
		return -ENOMEM;
	segment_crc_init(&s->crc);
	r = weir_mkdir_p(conf->dir, 0700);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s", conf->dir, strerror(-r));
	s->dir = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return weir_err_set(err, -errno, "%s: %s", conf->dir, strerror(errno));
	r = load(s, note, err);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s", conf->dir, strerror(-r));
	*ret = weir_take_ptr(s);
	return 0;
}

void spool_last(const struct spool *s, uint64_t *ret_epoch, uint64_t *ret_sequence)
{
	*ret_epoch = s->count ? s->segs[s->count - 1].epoch : 0;
	*ret_sequence = s->count ? s->segs[s->count - 1].last : 0;
}

uint64_t spool_bytes(const struct spool *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->count; i++)
		sum += s->segs[i].size;
	return sum;
}

int spool_read_last(struct spool *s, struct weir_buf *ret)
{
	weir_auto_close int fd = -1;
	const struct segment *seg;
	uint64_t seq;
	size_t len;

	if (!s->count)
		return -ENOENT;
	seg = &s->segs[s->count - 1];
	fd = open_segment(s, seg->number, O_RDONLY);
	if (fd < 0)
		return fd;
	return segment_read(fd, &s->crc, seg, seg->last_at, SPOOL_RECORD_MAX, &seq, &len, ret);
}

static bool is_acked(const struct spool *s, uint64_t epoch, uint64_t sequence)
{
	return epoch < s->acked_epoch || (epoch == s->acked_epoch && sequence <= s->acked_sequence);
}

int spool_next(struct spool *s, uint64_t *ret_epoch, uint64_t *ret_sequence, struct weir_buf *ret)
{
	weir_auto_close int fd = -1;
	const struct segment *seg = NULL;
	uint64_t seq;
	size_t len;
	int r;

	for (size_t i = 0; i < s->count && !seg; i++) {
		if (!is_acked(s, s->segs[i].epoch, s->segs[i].last))
			seg = &s->segs[i];
	}
	if (!seg)
		return -ENOENT;
	fd = open_segment(s, seg->number, O_RDONLY);
	if (fd < 0)
		return fd;
	if (s->at_number != seg->number) {
		s->at_number = seg->number;
		s->at = SEGMENT_HEADER;
	}
	for (;;) {
		r = segment_read(fd, &s->crc, seg, s->at, SPOOL_RECORD_MAX, &seq, &len, NULL);
		if (r < 0)
			return r;
		if (!is_acked(s, seg->epoch, seq))
			break;
		s->at += SEGMENT_RECORD + len;
	}
	r = segment_read(fd, &s->crc, seg, s->at, SPOOL_RECORD_MAX, &seq, &len, ret);
	if (r < 0)
		return r;
	*ret_epoch = seg->epoch;
	*ret_sequence = seq;
	return 0;
}

static void drop_acked(struct spool *s)
{
	while (s->count > 1 && is_acked(s, s->segs[0].epoch, s->segs[0].last))
		drop(s, 0);
}

static int note_acked(struct spool *s, uint64_t epoch, uint64_t sequence)
{
	char text[64];
	int r;

	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n", epoch, sequence);
	r = weir_file_write(s->acked_path, text, strlen(text), 0600);
	if (r < 0)
		return r;
	s->acked_epoch = epoch;
	s->acked_sequence = sequence;
	return 0;
}

int spool_ack(struct spool *s, uint64_t epoch, uint64_t sequence)
{
	int r = is_acked(s, epoch, sequence) ? 0 : note_acked(s, epoch, sequence);

	if (r == 0)
		drop_acked(s);
	return r;
}

int spool_rewind(struct spool *s, uint64_t epoch, uint64_t sequence)
{
	if (!is_acked(s, epoch, sequence) || (epoch == s->acked_epoch && sequence == s->acked_sequence))
		return 0;
	s->at_number = 0;
	return note_acked(s, epoch, sequence);
}

uint64_t spool_first(const struct spool *s, uint64_t epoch)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->segs[i].epoch == epoch)
			return s->segs[i].first;
	return 0;
}

/* Rewrites segment i with its records folded, under a temporary name until it is complete. */
static int fold_segment(struct spool *s, size_t i)
{
	weir_auto_close int in = -1, out = -1;
	struct segment *seg = &s->segs[i];
	struct segment copy = {
		.number = seg->number, .epoch = seg->epoch, .size = SEGMENT_HEADER, .folded = true};
	uint64_t at = SEGMENT_HEADER, seq;
	char name[24];
	size_t len;
	int r;

	in = open_segment(s, seg->number, O_RDONLY);
	out = openat(s->dir, "fold.tmp", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (in < 0 || out < 0)
		return in < 0 ? in : -errno;
	r = segment_create(out, &s->crc, &copy);
	while (r == 0 && at < seg->size) {
		weir_auto_buf struct weir_buf data = {0}, small = {0};

		r = segment_read(in, &s->crc, seg, at, SPOOL_RECORD_MAX, &seq, &len, &data);
		if (r == 0)
			r = s->conf.fold(data.data, data.len, &small);
		if (r == 0)
			r = segment_append(out, &s->crc, &copy, seq, small.data, small.len);
		at += SEGMENT_RECORD + len;
	}
	if (r == 0 && (fdatasync(out) < 0 ||
		       renameat(s->dir, "fold.tmp", s->dir, segment_name(seg->number, name)) < 0 ||
		       fsync(s->dir) < 0))
		r = -errno;
	if (r < 0)
		return r;
	*seg = copy;
	s->at_number = 0; /* offsets changed */
	return 0;
}

static int make_room(struct spool *s, uint64_t need)
{
	for (size_t i = 0; i < s->count && spool_bytes(s) + need > s->conf.max; i++) {
		int r;

		if (s->segs[i].folded || (i + 1 == s->count && s->fd >= 0))
			continue;
		r = fold_segment(s, i);
		if (r < 0)
			return r;
	}
	return spool_bytes(s) + need > s->conf.max ? -ENOSPC : 0;
}

static int new_segment(struct spool *s, uint64_t epoch)
{
	weir_auto_close int fd = -1;
	struct segment seg = {.epoch = epoch, .size = SEGMENT_HEADER};
	int r;

	if (s->count >= SEGMENTS_MAX)
		return -ENOSPC;
	seg.number = s->count ? s->segs[s->count - 1].number + 1 : 1;
	fd = open_segment(s, seg.number, O_RDWR | O_CREAT | O_TRUNC);
	if (fd < 0)
		return fd;
	r = segment_create(fd, &s->crc, &seg);
	if (r < 0 || fsync(s->dir) < 0)
		return r < 0 ? r : -errno;
	r = push(s, &seg);
	if (r < 0)
		return r;
	weir_closep(&s->fd);
	s->fd = weir_take_fd(&fd);
	return 0;
}

int spool_append(struct spool *s, uint64_t epoch, uint64_t sequence, const void *data, size_t len)
{
	struct segment *seg = s->count ? &s->segs[s->count - 1] : NULL;
	struct segment before;
	int r;

	if (len > SPOOL_RECORD_MAX)
		return -EMSGSIZE;
	if (s->fd >= 0 && (!seg || seg->epoch != epoch || seg->size >= s->conf.segment)) {
		weir_closep(&s->fd);
		s->fd = -1;
	}
	r = make_room(s, SEGMENT_HEADER + SEGMENT_RECORD + len);
	if (r == 0 && s->fd < 0)
		r = new_segment(s, epoch);
	if (r < 0)
		return r;
	seg = &s->segs[s->count - 1];
	before = *seg;
	r = segment_append(s->fd, &s->crc, seg, sequence, data, len);
	if (r == 0 && fdatasync(s->fd) < 0)
		r = -errno;
	if (r < 0) {
		/* A record that the caller believes absent must not come back at the next start. */
		*seg = before;
		if (ftruncate(s->fd, (off_t)before.size) == 0 && fdatasync(s->fd) == 0 &&
		    before.last)
			return r;
		if (!before.last)
			drop(s, s->count - 1);
		weir_closep(&s->fd);
		s->fd = -1;
		return r;
	}
	drop_acked(s);
	return 0;
}
