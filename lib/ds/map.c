/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries stand in one array in insertion order; the index holds entry numbers + 1 (0 = empty) and
 * is probed linearly. A removed entry stays in both as a tombstone (key NULL) until the array is full,
 * when both are rebuilt without tombstones. The index has twice as many slots as the array, so at
 * least half of it is always empty and a probe always ends.
 *
 * Keys may come from the network, so the hash is SipHash-2-4 (Aumasson, Bernstein 2012) with a
 * random key per map: nobody outside can choose colliding keys.
 */
#include "lib/ds/map.h"

#include <sys/random.h>

#define MAP_CAP_MIN 8u
#define MAP_CAP_MAX (1u << 30)

struct map_entry {
	void *key; /* NULL = removed */
	size_t len;
	uint64_t hash;
	void *value;
};

struct weir_map {
	struct map_entry *entries;
	uint32_t *index; /* 2 * cap slots */
	uint32_t cap;	 /* power of two */
	uint32_t used;	 /* entries in use or removed */
	uint32_t live;
	uint64_t seed[2];
};

static inline uint64_t rotl(uint64_t x, int n)
{
	return (x << n) | (x >> (64 - n));
}

static inline __attribute__((always_inline)) void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t map_hash(const struct weir_map *m, const void *key, size_t len)
{
	uint64_t v[4] = {
		m->seed[0] ^ 0x736f6d6570736575ull,
		m->seed[1] ^ 0x646f72616e646f6dull,
		m->seed[0] ^ 0x6c7967656e657261ull,
		m->seed[1] ^ 0x7465646279746573ull,
	};
	const uint8_t *p = key;
	uint64_t w;

	for (size_t left = len;; left -= 8, p += 8) {
		if (left >= 8) {
			memcpy(&w, p, 8); /* of known length: one load */
		} else {
			w = (uint64_t)len << 56;
			memcpy(&w, p, left);
		}
		v[3] ^= w;
		sip_round(v);
		sip_round(v);
		v[0] ^= w;
		if (left < 8)
			break;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int weir_map_key(char *key, size_t size, size_t *len, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t one = strlen(texts[i]) + 1;

		if (one > size - *len)
			return -E2BIG;
		memcpy(key + *len, texts[i], one);
		*len += one;
	}
	return 0;
}

int weir_map_new(struct weir_map **ret)
{
	weir_auto_free struct weir_map *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	if (getrandom(m->seed, sizeof(m->seed), 0) != (ssize_t)sizeof(m->seed))
		return -EIO;
	*ret = weir_take_ptr(m);
	return 0;
}

void weir_map_free(struct weir_map *m, void (*free_value)(void *))
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->used; i++) {
		if (!m->entries[i].key)
			continue;
		free(m->entries[i].key);
		if (free_value)
			free_value(m->entries[i].value);
	}
	free(m->entries);
	free(m->index);
	free(m);
}

size_t weir_map_count(const struct weir_map *m)
{
	return m->live;
}

static void index_add(uint32_t *index, uint32_t slots, uint64_t hash, uint32_t entry)
{
	uint32_t slot = (uint32_t)hash & (slots - 1);

	while (index[slot])
		slot = (slot + 1) & (slots - 1);
	index[slot] = entry + 1;
}

/* Makes room for one more entry: drops tombstones, doubles when more than half is live. */
static int map_rebuild(struct weir_map *m)
{
	weir_auto_free struct map_entry *entries = NULL;
	weir_auto_free uint32_t *index = NULL;
	uint32_t cap = WEIR_MAX(m->cap, MAP_CAP_MIN);
	uint32_t used = 0;

	if (m->live > cap / 2)
		cap *= 2;
	if (cap > MAP_CAP_MAX)
		return -ENOMEM;
	entries = calloc(cap, sizeof(*entries));
	index = calloc(2 * (size_t)cap, sizeof(*index));
	if (!entries || !index)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->used; i++) {
		if (!m->entries[i].key)
			continue;
		index_add(index, 2 * cap, m->entries[i].hash, used);
		entries[used++] = m->entries[i];
	}
	free(m->entries);
	free(m->index);
	m->entries = weir_take_ptr(entries);
	m->index = weir_take_ptr(index);
	m->cap = cap;
	m->used = used;
	return 0;
}

static struct map_entry *map_entry_find(const struct weir_map *m, const void *key, size_t len,
					uint64_t hash)
{
	uint32_t mask, slot;

	if (!m->cap)
		return NULL;
	mask = 2 * m->cap - 1;
	for (slot = (uint32_t)hash & mask; m->index[slot]; slot = (slot + 1) & mask) {
		struct map_entry *e = &m->entries[m->index[slot] - 1];

		if (e->key && e->hash == hash && e->len == len &&
		    (!len || memcmp(e->key, key, len) == 0))
			return e;
	}
	return NULL;
}

int weir_map_put(struct weir_map *m, const void *key, size_t len, void *value, void **ret_old)
{
	uint64_t hash = map_hash(m, key, len);
	struct map_entry *e = map_entry_find(m, key, len, hash);
	void *copy;

	if (e) {
		if (ret_old)
			*ret_old = e->value;
		e->value = value;
		return 0;
	}
	if (m->used == m->cap && map_rebuild(m))
		return -ENOMEM;
	copy = malloc(len + 1); /* never NULL for an empty key */
	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, key, len);
	((char *)copy)[len] = '\0';
	index_add(m->index, 2 * m->cap, hash, m->used);
	m->entries[m->used++] = (struct map_entry){copy, len, hash, value};
	m->live++;
	if (ret_old)
		*ret_old = NULL;
	return 0;
}

void *weir_map_find(const struct weir_map *m, const void *key, size_t len)
{
	struct map_entry *e = map_entry_find(m, key, len, map_hash(m, key, len));

	return e ? e->value : NULL;
}

void *weir_map_take(struct weir_map *m, const void *key, size_t len)
{
	struct map_entry *e = map_entry_find(m, key, len, map_hash(m, key, len));
	void *value;

	if (!e)
		return NULL;
	value = e->value;
	free(e->key);
	*e = (struct map_entry){0};
	m->live--;
	return value;
}

bool weir_map_next(const struct weir_map *m, size_t *pos, const void **ret_key, size_t *ret_len,
		   void **ret_value)
{
	while (*pos < m->used) {
		const struct map_entry *e = &m->entries[(*pos)++];

		if (!e->key)
			continue;
		if (ret_key)
			*ret_key = e->key;
		if (ret_len)
			*ret_len = e->len;
		if (ret_value)
			*ret_value = e->value;
		return true;
	}
	return false;
}
