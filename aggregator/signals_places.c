/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: a line "weir-signals 1", then one for each place, the oldest of a path first: when (Unix time), offset, length and
 * hash of the file's head, path. Losing it costs nothing but what was written while no aggregator ran, so that it need not be newer than it is: an
 * older place is read again into an empty memory.
 */
#include "aggregator/signals_impl.h"

#include "aggregator/signals_tail.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/file.h"

#include <inttypes.h>

#define HEADER "weir-signals 1\n"
#define FILE_MAX ((size_t)1 << 20)
#define NOTES (SIGNALS_AGAIN_S / 60 + 3) /* one a minute, and the last place */
_Static_assert(NOTES <= TAIL_FROM_MAX, "all of them can be gone on from");
#define SAVE_NS (10 * WEIR_NS_PER_S)
#define ENTRIES_MAX (SIGNALS_LOGS_MAX + 1)

struct entry {
	char *path;
	bool used; /* somebody asked for it: others are not written again */
	size_t count;
	struct tail_place notes[NOTES]; /* the oldest first; the last is where reading is */
};

struct signals_places {
	char *file; /* NULL: nowhere */
	struct entry entries[ENTRIES_MAX];
	size_t count;
	struct weir_buf written;
	uint64_t saved_ns;
	bool urgent; /* a file was exchanged: who dies now would not find it again */
	bool told;   /* that it cannot be written */
};

void signals_places_free(struct signals_places *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		free(p->entries[i].path);
	weir_buf_fini(&p->written);
	free(p->file);
	free(p);
}

static struct entry *find(struct signals_places *p, const char *path, size_t len)
{
	struct entry *e = &p->entries[p->count];

	for (size_t i = 0; i < p->count; i++)
		if (strlen(p->entries[i].path) == len && !memcmp(p->entries[i].path, path, len))
			return &p->entries[i];
	if (p->count == ENTRIES_MAX)
		return NULL;
	*e = (struct entry){.path = strndup(path, len)};
	if (!e->path)
		return NULL;
	p->count++;
	return e;
}

/* A line that is not one of ours leaves its file without a place: it is then read from its end. */
static void load_line(struct signals_places *p, const char *line, size_t len)
{
	struct tail_place at = {.file = 0};
	struct entry *e;
	int used = 0;

	if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu32 " %" SCNx64 " %n", &at.time_s, &at.offset, &at.head_len, &at.head, &used) != 4 ||
	    (size_t)used >= len || at.offset > INT64_MAX || at.head_len > TAIL_HEAD_MAX || at.head_len > at.offset)
		return;
	e = find(p, line + used, len - (size_t)used);
	if (e && e->count < NOTES)
		e->notes[e->count++] = at;
}

static void load(struct signals_places *p)
{
	weir_auto_free char *text = NULL;
	size_t len;
	int r = weir_file_read(p->file, FILE_MAX, &text, &len);

	if (r == -ENOENT)
		return;
	if (r || strncmp(text, HEADER, strlen(HEADER))) {
		weir_log(WEIR_LOG_WARN, "signals: %s: %s; files are read from their ends", p->file,
			 r ? strerror(-r) : "does not say where files were read to");
		return;
	}
	for (char *line = text + strlen(HEADER); *line;) {
		size_t n = strcspn(line, "\n");
		bool more = line[n] == '\n';

		line[n] = '\0';
		load_line(p, line, n);
		line += n + more;
	}
}

int signals_places_open(const struct config *c, struct signals_places **ret)
{
	struct signals_places *p = calloc(1, sizeof(*p));
	const char *named = c->signals_state ? c->signals_state : "";
	int r = p ? 0 : -ENOMEM;

	if (!r && (*named || c->store_path)) {
		p->file = *named ? strdup(named) : weir_strf("%s.signals", c->store_path);
		r = p->file ? 0 : -ENOMEM;
	}
	if (r) {
		signals_places_free(p);
		return r;
	}
	if (p->file)
		load(p);
	*ret = p;
	return 0;
}

const struct tail_place *signals_places_of(struct signals_places *p, const char *path, size_t *ret_count)
{
	struct entry *e = find(p, path, strlen(path));

	*ret_count = e ? e->count : 0;
	if (e)
		e->used = true;
	return e ? e->notes : NULL;
}

/* The newest that is old enough, or the oldest. */
static size_t from_where(const struct entry *e, uint64_t now_s)
{
	size_t i = 0;

	while (i + 1 < e->count && e->notes[i + 1].time_s + SIGNALS_AGAIN_S <= now_s)
		i++;
	return i;
}

static void drop(struct entry *e, size_t n)
{
	memmove(e->notes, e->notes + n, (e->count - n) * sizeof(*e->notes));
	e->count -= n;
}

void signals_places_note(struct signals_places *p, const char *path, const struct tail_place *at, uint64_t now_s)
{
	struct entry *e = find(p, path, strlen(path));
	bool other;

	if (!e)
		return;
	/* A clock that went back must not leave places that never get old. */
	while (e->count && e->notes[e->count - 1].time_s > now_s)
		e->count--;
	/* The last of a file stays, and so does one of each minute; else the last moves on. */
	other = !e->count || e->notes[e->count - 1].file != at->file || (at->head_len && !e->notes[e->count - 1].head_len);
	p->urgent |= other;
	if (e->count > 1 && !other && e->notes[e->count - 1].time_s < e->notes[e->count - 2].time_s + 60)
		e->count--;
	drop(e, from_where(e, now_s));
	if (e->count == NOTES)
		drop(e, 1);
	e->notes[e->count] = *at;
	e->notes[e->count++].time_s = now_s;
}

static int text(const struct signals_places *p, uint64_t now_s, struct weir_buf *b)
{
	int r = weir_buf_addf(b, HEADER);

	for (size_t i = 0; !r && i < p->count; i++) {
		const struct entry *e = &p->entries[i];

		for (size_t k = from_where(e, now_s); !r && e->used && k < e->count; k++) {
			const struct tail_place *at = &e->notes[k];

			r = weir_buf_addf(b, "%" PRIu64 " %" PRIu64 " %" PRIu32 " %016" PRIx64 " %s\n", at->time_s, at->offset, at->head_len,
					  at->head, e->path);
		}
	}
	return r;
}

void signals_places_save(struct signals_places *p, uint64_t now_ns, bool at_once)
{
	weir_auto_buf struct weir_buf b = {0};
	int r;

	if (!p->file || (!at_once && !p->urgent && now_ns - p->saved_ns < SAVE_NS))
		return;
	p->saved_ns = now_ns;
	p->urgent = false;
	r = text(p, now_ns / WEIR_NS_PER_S, &b);
	if (!r && (b.len == strlen(HEADER) || (b.len == p->written.len && !memcmp(b.data, p->written.data, b.len))))
		return;
	if (!r)
		r = weir_file_write(p->file, b.data, b.len, 0600);
	if (r && !p->told)
		weir_log_err(r, "signals: %s: cannot keep where files were read to; after a restart they are read from their ends", p->file);
	p->told = r != 0;
	if (!r) {
		weir_buf_fini(&p->written);
		p->written = b;
		b = (struct weir_buf){0};
	}
}
