/* SPDX-License-Identifier: Apache-2.0 */
/* Sums up what a settlement says, by team and what its bytes were charged for. */
#include "lib/money/statement.h"

#include "lib/ds/map.h"

#define KEY_MAX 2048
#define TEXTS 6

struct entry {
	char *key; /* six texts, each ended */
	struct weir_statement_line sums;
};
struct weir_statement {
	struct weir_map *by_key; /* index plus one */
	struct entry *entries;
	size_t count, cap;
};

int weir_statement_new(struct weir_statement **ret)
{
	struct weir_statement *s = calloc(1, sizeof(*s));
	int r = s ? weir_map_new(&s->by_key) : -ENOMEM;

	if (r) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void weir_statement_free(struct weir_statement *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		free(s->entries[i].key);
	free(s->entries);
	weir_map_free(s->by_key, NULL);
	free(s);
}

static int entry_add(struct weir_statement *s, const char *key, size_t len)
{
	if (s->count == WEIR_STATEMENT_LINES_MAX)
		return -E2BIG;
	if (s->count == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 256;
		struct entry *entries = reallocarray(s->entries, cap, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		s->entries = entries;
		s->cap = cap;
	}
	s->entries[s->count] = (struct entry){.key = malloc(len)};
	if (!s->entries[s->count].key)
		return -ENOMEM;
	memcpy(s->entries[s->count].key, key, len);
	s->count++;
	return weir_map_put(s->by_key, key, len, (void *)(uintptr_t)s->count, NULL);
}

static int add(struct weir_statement *s, const struct weir_statement_line *l)
{
	const char *const texts[TEXTS] = {l->team, l->account, l->service, l->meter, l->path, l->reason};
	struct weir_statement_line *sums;
	char key[KEY_MAX];
	size_t len = 0, at;

	if (weir_map_key(key, sizeof(key), &len, texts, TEXTS))
		return -E2BIG;
	at = (size_t)(uintptr_t)weir_map_find(s->by_key, key, len);
	if (!at) {
		int r = entry_add(s, key, len);

		if (r)
			return r;
		at = s->count;
	}
	sums = &s->entries[at - 1].sums;
	if (__builtin_add_overflow(sums->bytes, l->bytes, &sums->bytes) ||
	    __builtin_add_overflow(sums->measured, l->measured, &sums->measured) ||
	    __builtin_add_overflow(sums->adjusted, l->adjusted, &sums->adjusted) ||
	    __builtin_add_overflow(sums->total, l->total, &sums->total))
		return -ERANGE;
	return 0;
}

int weir_statement_hear(const struct weir_settled *settled, void *statement)
{
	const struct weir_settlement_line *line = settled->line;
	int r = 0;

	for (size_t i = 0; !r && i < settled->share_count; i++) {
		const struct weir_settled_share *share = &settled->shares[i];
		const struct weir_statement_line l = {
			.team = share->claim->team, .account = line ? line->account : share->claim->account,
			.service = line ? line->service : "", .meter = share->claim->name, .path = share->claim->path, .reason = "",
			.bytes = share->claim->by_hour ? 0 : (int64_t)share->bytes, .measured = share->measured, .adjusted = share->adjusted,
			.total = share->measured + share->adjusted,
		};

		r = add(statement, &l);
	}
	if (!r && line && settled->parts.unattributed) {
		const struct weir_statement_line rest = {
			.team = "", .account = line->account, .service = line->service, .meter = line->meter, .path = "",
			.reason = weir_rest_name(line->rest), .total = settled->parts.unattributed,
		};

		r = add(statement, &rest);
	}
	return r;
}

size_t weir_statement_count(const struct weir_statement *s)
{
	return s->count;
}

struct weir_statement_line weir_statement_at(const struct weir_statement *s, size_t i)
{
	struct weir_statement_line l = s->entries[i].sums;
	const char **const texts[TEXTS] = {&l.team, &l.account, &l.service, &l.meter, &l.path, &l.reason};
	const char *p = s->entries[i].key;

	for (size_t t = 0; t < TEXTS; t++) {
		*texts[t] = p;
		p += strlen(p) + 1;
	}
	return l;
}
