/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/classes.h"

void weir_classes_init(struct weir_classes *c, size_t rules)
{
	*c = (struct weir_classes){.words = rules / 64 + 1};
}

void weir_classes_fini(struct weir_classes *c)
{
	free(c->sets);
	free(c->hashes);
	free(c->index);
}

static void index_class(struct weir_classes *c, uint32_t class)
{
	uint32_t slot = (uint32_t)c->hashes[class] & (c->slots - 1);

	while (c->index[slot])
		slot = (slot + 1) & (c->slots - 1);
	c->index[slot] = class + 1;
}

static int grow(struct weir_classes *c)
{
	uint32_t room = c->room ? 2 * c->room : 64;
	uint64_t *sets = reallocarray(c->sets, room, c->words * sizeof(*sets)), *hashes;
	uint32_t *index;

	if (!sets)
		return -ENOMEM;
	c->sets = sets;
	hashes = reallocarray(c->hashes, room, sizeof(*hashes));
	if (!hashes)
		return -ENOMEM;
	c->hashes = hashes;
	index = calloc(room, 2 * sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(c->index);
	c->index = index;
	c->slots = 2 * room;
	c->room = room;
	for (uint32_t i = 0; i < c->count; i++)
		index_class(c, i);
	return 0;
}

int weir_classes_number(struct weir_classes *c, const uint64_t *bits, uint64_t hash, uint32_t *ret)
{
	size_t bytes = c->words * sizeof(*bits);
	int r;

	for (uint32_t slot = (uint32_t)hash; c->slots; slot++) {
		uint32_t known = c->index[slot & (c->slots - 1)];

		if (!known)
			break;
		if (c->hashes[known - 1] == hash && !memcmp(c->sets + (known - 1) * c->words, bits, bytes)) {
			*ret = known - 1;
			return 0;
		}
	}
	if (c->count == WEIR_PEER_CLASSES_MAX)
		return -E2BIG;
	r = c->count == c->room ? grow(c) : 0;
	if (r < 0)
		return r;
	memcpy(c->sets + c->count * c->words, bits, bytes);
	c->hashes[c->count] = hash;
	index_class(c, c->count);
	*ret = c->count++;
	return 0;
}

static int by_set(const void *pa, const void *pb, void *arg)
{
	const struct weir_classes *c = arg;
	const uint64_t *a = c->sets + *(const uint32_t *)pa * c->words;
	const uint64_t *b = c->sets + *(const uint32_t *)pb * c->words;

	for (size_t i = 0; i < c->words; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

/* Calls fn for each (rule, class), classes ascending. */
static void each_pair(const struct weir_classes *c, const uint32_t *order,
		      void (*fn)(struct weir_bundle *b, uint32_t rule, uint32_t class), struct weir_bundle *b)
{
	for (uint32_t i = 0; i < c->count; i++)
		for (size_t w = 0; w < c->words; w++)
			for (uint64_t left = c->sets[order[i] * c->words + w]; left; left &= left - 1)
				fn(b, (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left), i);
}

static void count_pair(struct weir_bundle *b, uint32_t rule, uint32_t class)
{
	(void)class;
	b->rules[rule].peer_count++;
	b->peer_count++;
}

static void put_pair(struct weir_bundle *b, uint32_t rule, uint32_t class)
{
	struct weir_b_rule *r = &b->rules[rule];

	b->peers[r->peer_first + r->peer_count++] = class;
}

int weir_classes_renumber(const struct weir_classes *c, struct weir_bundle *b)
{
	weir_auto_free uint32_t *order = calloc(c->count, sizeof(*order));
	weir_auto_free uint32_t *number = calloc(c->count, sizeof(*number));
	uint32_t at = 0;

	if (!order || !number)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->count; i++)
		order[i] = i;
	qsort_r(order, c->count, sizeof(*order), by_set, (void *)c);
	for (uint32_t i = 0; i < c->count; i++)
		number[order[i]] = i;
	for (size_t i = 0; i < b->prefix_count; i++)
		b->prefixes[i].class = number[b->prefixes[i].class];
	b->peer_classes = c->count;
	each_pair(c, order, count_pair, b);
	b->peers = calloc(b->peer_count + 1, sizeof(*b->peers));
	if (!b->peers)
		return -ENOMEM;
	for (size_t i = 0; i < b->rule_count; i++) {
		b->rules[i].peer_first = at;
		at += b->rules[i].peer_count;
		b->rules[i].peer_count = 0;
	}
	each_pair(c, order, put_pair, b);
	return 0;
}
