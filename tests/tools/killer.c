/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills an agent (SIGKILL) in a chosen phase of a drain, and says from what it left in which phase
 * it really was: killer PID PIN_DIR SPOOL_DIR read|append|commit|MILLISECONDS
 *
 *   read    as soon as a row is read into the half of the next sequence (agent/drain.c)
 *   append  as soon as the spool's files grow
 *   commit  as soon as the kernel's sequence grows
 *   N       N milliseconds from now
 *
 * The first three wait for a commit of this very agent before, so that what an earlier one left half
 * done is not taken for its work. Prints one line "PHASE kernel=SEQUENCE spool=SEQUENCE ahead=ROWS":
 *
 *   read      rows were read that no durable record has: they are read again
 *   appended  the spool is one record ahead of the kernel: the next agent commits it
 *   between   neither
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "agent/segment.h"
#include "agent/spool.h"
#include "bpf/abi/weir_abi.h"
#include "lib/base/base.h"
#include "lib/base/clock.h"

#define PATIENCE_NS (20 * WEIR_NS_PER_S)

struct scene {
	pid_t pid;
	const char *spool_dir;
	const struct weir_spooled *spooled;
	const struct weir_base *bases;
	size_t count;
	uint64_t until_ns, sequence, spool_size;
};

static const void *map_view(const char *dir, const char *name, size_t value, size_t *ret_count)
{
	weir_auto_free char *path = weir_strf("%s/%s", dir, name);
	weir_auto_close int fd = path ? bpf_obj_get(path) : -1;
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	void *at;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || info.value_size != value)
		return NULL;
	at = mmap(NULL, value * info.max_entries, PROT_READ, MAP_SHARED, fd, 0);
	if (ret_count)
		*ret_count = info.max_entries;
	return at == MAP_FAILED ? NULL : at;
}

/* Rows whose half for the next sequence is ahead of what the committed one says. */
static size_t ahead(const struct scene *s, bool count)
{
	unsigned int half = __atomic_load_n(&s->spooled->sequence, __ATOMIC_ACQUIRE) & 1;
	size_t n = 0;

	for (size_t i = 0; i < s->count && (count || !n); i++)
		n += __atomic_load_n(&s->bases[i].bytes[!half], __ATOMIC_RELAXED) >
		     __atomic_load_n(&s->bases[i].bytes[half], __ATOMIC_RELAXED);
	return n;
}

static void visit_segments(const struct scene *s, void (*fn)(int dir, const char *name, uint64_t *value), uint64_t *value)
{
	DIR *d = opendir(s->spool_dir);
	uint64_t number;
	struct dirent *e;

	*value = 0;
	while (d && (e = readdir(d))) {
		if (segment_number(e->d_name, &number))
			fn(dirfd(d), e->d_name, value);
	}
	if (d)
		closedir(d);
}

static void add_size(int dir, const char *name, uint64_t *size)
{
	struct stat st;

	*size += fstatat(dir, name, &st, 0) ? 0 : (uint64_t)st.st_size;
}

/* One without a record (the agent was killed when it had just begun it) says nothing. */
static void find_last(int dir, const char *name, uint64_t *sequence)
{
	weir_auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct segment_crc crc;
	struct segment seg = {0};
	uint64_t bad;

	segment_crc_init(&crc);
	if (fd >= 0 && !segment_open(fd, &crc, &seg) && !segment_scan(fd, &crc, SPOOL_RECORD_MAX, &seg, &bad))
		*sequence = WEIR_MAX(*sequence, seg.last);
}

static bool committed(const struct scene *s)
{
	return __atomic_load_n(&s->spooled->sequence, __ATOMIC_ACQUIRE) != s->sequence;
}

static bool read_began(const struct scene *s)
{
	return ahead(s, false) > 0;
}

static bool appended(const struct scene *s)
{
	uint64_t size;

	visit_segments(s, add_size, &size);
	return size > s->spool_size;
}

static bool await(struct scene *s, bool (*happened)(const struct scene *))
{
	s->sequence = s->spooled->sequence;
	visit_segments(s, add_size, &s->spool_size);
	while (!happened(s)) {
		if (weir_monotonic_ns() > s->until_ns)
			return false;
	}
	return true;
}

/* A process file descriptor says when the last thread is gone too, and the agent's lock with it. */
static int strike(const struct scene *s)
{
	weir_auto_close int fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	struct pollfd end = {.fd = fd, .events = POLLIN};

	if (fd < 0 || kill(s->pid, SIGKILL))
		return -errno;
	return poll(&end, 1, (int)(PATIENCE_NS / 1000000)) == 1 ? 0 : -ETIMEDOUT;
}

static int report(const struct scene *s)
{
	uint64_t kernel = s->spooled->sequence, spool;
	size_t rows = ahead(s, true);

	visit_segments(s, find_last, &spool);
	printf("%s kernel=%" PRIu64 " spool=%" PRIu64 " ahead=%zu\n",
	       spool == kernel + 1 ? "appended" : rows ? "read" : "between", kernel, spool, rows);
	return spool == kernel || spool == kernel + 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*happened)(const struct scene *);
	} phases[] = {{"read", read_began}, {"append", appended}, {"commit", committed}};
	struct scene s = {.until_ns = weir_monotonic_ns() + PATIENCE_NS};
	bool (*happened)(const struct scene *) = NULL;
	int r;

	if (argc != 5) {
		fprintf(stderr, "usage: killer PID PIN_DIR SPOOL_DIR read|append|commit|MILLISECONDS\n");
		return 2;
	}
	s.pid = atoi(argv[1]);
	s.spool_dir = argv[3];
	s.spooled = map_view(argv[2], "weir_spooled", sizeof(*s.spooled), NULL);
	s.bases = map_view(argv[2], "weir_bases", sizeof(*s.bases), &s.count);
	if (s.pid <= 1 || !s.spooled || !s.bases) {
		fprintf(stderr, "killer: no such process, or nothing pinned in %s\n", argv[2]);
		return 1;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(phases); i++) {
		if (!strcmp(argv[4], phases[i].name))
			happened = phases[i].happened;
	}
	if (!happened)
		usleep((useconds_t)atoi(argv[4]) * 1000);
	else if (!await(&s, committed) || !await(&s, happened))
		fprintf(stderr, "killer: the agent never came to %s\n", argv[4]);
	r = strike(&s);
	if (r < 0) {
		fprintf(stderr, "killer: %d: %s\n", s.pid, strerror(-r));
		return 1;
	}
	return report(&s);
}
