/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of recorded traffic. Texts are kept once and rows hold their numbers; a row without bytes and packets is its own
 * key, found by an index of row numbers with at least half of its slots empty.
 */
#include "lib/money/traffic.h"

#include "lib/ds/map.h"
#include "lib/money/traffic_impl.h"

/* Without padding: its bytes are compared and hashed. */
struct key {
	uint64_t hour_s;
	struct weir_addr local, peer;
	uint32_t texts[TRAFFIC_TEXTS];
	uint16_t port;
	uint8_t folded, path, dir, proto, opened, source;
};
_Static_assert(sizeof(struct key) == 88, "no padding");

struct row {
	struct key key;
	uint64_t bytes, packets;
};

struct weir_traffic_set {
	struct row *rows;
	size_t count, cap;
	uint32_t *index; /* row + 1; 0 = empty */
	size_t slots;	 /* power of two */
	struct weir_map *by_text; /* number + 1 */
	char **texts;
	size_t text_count;
	uint64_t first_s, last_s;
};

int weir_traffic_new(struct weir_traffic_set **ret)
{
	struct weir_traffic_set *s = calloc(1, sizeof(*s));
	int r = s ? weir_map_new(&s->by_text) : -ENOMEM;

	if (r) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void weir_traffic_free(struct weir_traffic_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->text_count; i++)
		free(s->texts[i]);
	weir_map_free(s->by_text, NULL);
	free(s->texts);
	free(s->index);
	free(s->rows);
	free(s);
}

static int keep_text(struct weir_traffic_set *s, const char *text, size_t len)
{
	char **more = s->texts, *copy;
	int r;

	if ((s->text_count & (s->text_count - 1)) == 0) {
		more = reallocarray(s->texts, s->text_count ? 2 * s->text_count : 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->texts = more;
	}
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	r = weir_map_put(s->by_text, text, len, (void *)(uintptr_t)(s->text_count + 1), NULL);
	if (r) {
		free(copy);
		return r;
	}
	s->texts[s->text_count++] = copy;
	return 0;
}

static int intern(struct weir_traffic_set *s, const char *text, uint32_t *ret)
{
	size_t len = text ? strlen(text) : 0;
	uintptr_t at;
	int r;

	if (len > WEIR_TRAFFIC_TEXT_MAX)
		return -ENAMETOOLONG;
	at = (uintptr_t)weir_map_find(s->by_text, text ? text : "", len);
	if (!at) {
		r = keep_text(s, text ? text : "", len);
		if (r)
			return r;
		at = s->text_count;
	}
	*ret = (uint32_t)(at - 1);
	return 0;
}

/* Rows come from our own store and files, so an outsider cannot choose what collides by much. */
static uint64_t hash(const struct key *k)
{
	uint64_t h = 0x9e3779b97f4a7c15ull, w;

	for (size_t i = 0; i < sizeof(*k); i += sizeof(w)) {
		memcpy(&w, (const char *)k + i, sizeof(w));
		h = (h ^ w) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	return h;
}

/* The slot of the key, or the empty one where it belongs. */
static uint32_t *slot_of(const struct weir_traffic_set *s, const struct key *k)
{
	size_t i = hash(k) & (s->slots - 1);

	while (s->index[i] && memcmp(&s->rows[s->index[i] - 1].key, k, sizeof(*k)) != 0)
		i = (i + 1) & (s->slots - 1);
	return &s->index[i];
}

static int make_room(struct weir_traffic_set *s)
{
	size_t cap = s->cap ? 2 * s->cap : 64;
	uint32_t *index;
	struct row *rows;

	if (s->count < s->cap)
		return 0;
	rows = reallocarray(s->rows, cap, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	s->rows = rows;
	index = calloc(2 * cap, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(s->index);
	s->index = index;
	s->slots = 2 * cap;
	s->cap = cap;
	for (size_t i = 0; i < s->count; i++)
		*slot_of(s, &rows[i].key) = (uint32_t)i + 1;
	return 0;
}

static int key_of(struct weir_traffic_set *s, const struct weir_traffic *t, struct key *ret)
{
	*ret = (struct key){.hour_s = t->hour_s, .local = t->local, .peer = t->peer, .port = t->port,
			    .folded = t->folded, .path = (uint8_t)t->path, .dir = t->dir, .proto = t->proto,
			    .opened = t->opened, .source = (uint8_t)t->source};
	int r = 0;

	for (size_t i = 0; i < TRAFFIC_TEXTS && !r; i++)
		r = intern(s, *traffic_text((struct weir_traffic *)t, i), &ret->texts[i]);
	return r;
}

int weir_traffic_add(struct weir_traffic_set *s, const struct weir_traffic *t)
{
	struct row *row;
	struct key key;
	uint32_t *slot;
	int r = key_of(s, t, &key);

	if (!r)
		r = t->hour_s % 3600 || t->hour_s > WEIR_TRAFFIC_HOUR_MAX || t->bytes > WEIR_TRAFFIC_BYTES_MAX ||
				    t->packets > WEIR_TRAFFIC_BYTES_MAX ? -ERANGE : 0;
	if (!r)
		r = make_room(s);
	if (r)
		return r;
	slot = slot_of(s, &key);
	if (!*slot) {
		if (s->count == WEIR_TRAFFIC_MAX)
			return -E2BIG;
		if (!s->count || t->hour_s < s->first_s)
			s->first_s = t->hour_s;
		s->last_s = WEIR_MAX(s->last_s, t->hour_s);
		s->rows[s->count] = (struct row){.key = key};
		*slot = (uint32_t)++s->count;
	}
	row = &s->rows[*slot - 1];
	if (row->bytes + t->bytes > WEIR_TRAFFIC_BYTES_MAX || row->packets + t->packets > WEIR_TRAFFIC_BYTES_MAX)
		return -ERANGE;
	row->bytes += t->bytes;
	row->packets += t->packets;
	return 0;
}

size_t weir_traffic_count(const struct weir_traffic_set *s)
{
	return s->count;
}

void weir_traffic_get(const struct weir_traffic_set *s, size_t i, struct weir_traffic *ret)
{
	const struct row *row = &s->rows[i];
	const struct key *k = &row->key;

	*ret = (struct weir_traffic){.hour_s = k->hour_s, .local = k->local, .peer = k->peer, .folded = k->folded,
				     .path = (enum weir_path)k->path, .dir = k->dir, .proto = k->proto,
				     .opened = k->opened, .port = k->port, .bytes = row->bytes, .packets = row->packets,
				     .source = (enum weir_traffic_source)k->source};
	for (size_t n = 0; n < TRAFFIC_TEXTS; n++)
		*traffic_text(ret, n) = s->texts[k->texts[n]];
}

void weir_traffic_span(const struct weir_traffic_set *s, uint64_t *ret_first_s, uint64_t *ret_last_s)
{
	*ret_first_s = s->count ? s->first_s : 0;
	*ret_last_s = s->last_s;
}
