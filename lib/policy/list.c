/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of prefixes, which rules name: `to: [{list: blocked}]` is lists/blocked.txt of the repository.
 *
 *   # what follows is for people
 *   203.0.113.0/24
 *   2001:db8::/32   # one prefix or address a line, in any order; one that is there twice counts once
 */
#include <ctype.h>

#include "lib/policy/bundle.h"
#include "lib/policy/model.h"

void weir_list_free(struct weir_list *l)
{
	if (!l)
		return;
	free(l->name);
	free(l->prefixes);
	free(l);
}

static void list_freep(struct weir_list **l)
{
	weir_list_free(*l);
}

struct weir_list *weir_list_find(const struct weir_policy_set *s, const char *name)
{
	for (size_t i = 0; i < s->list_count; i++)
		if (strcmp(s->lists[i]->name, name) == 0)
			return s->lists[i];
	return NULL;
}

static int order(const void *a, const void *b)
{
	return weir_prefix_cmp(a, b);
}

static void sort(struct weir_list *l)
{
	size_t kept = 0;

	if (l->count)
		qsort(l->prefixes, l->count, sizeof(*l->prefixes), order);
	for (size_t i = 0; i < l->count; i++) {
		const struct weir_prefix *p = &l->prefixes[i];

		if (kept && weir_prefix_cmp(&l->prefixes[kept - 1], p) == 0)
			continue;
		l->prefixes[kept++] = *p;
		l->lengths[p->len / 64] |= 1ull << p->len % 64;
	}
	l->count = kept;
}

/* What of a line is a prefix: without blanks around it and without what is for people. */
static void trim(const char **from, const char **to)
{
	const char *note = memchr(*from, '#', (size_t)(*to - *from));

	*to = note ? note : *to;
	while (*from < *to && isspace((unsigned char)**from))
		(*from)++;
	while (*from < *to && isspace((unsigned char)(*to)[-1]))
		(*to)--;
}

static int add_line(struct weir_list *l, size_t *room, const char *from, const char *to)
{
	char text[64];

	if ((size_t)(to - from) >= sizeof(text) || memchr(from, 0, (size_t)(to - from)))
		return -EINVAL;
	if (l->count == *room) {
		struct weir_prefix *grown;

		*room = *room ? *room * 2 : 1024;
		grown = reallocarray(l->prefixes, *room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		l->prefixes = grown;
	}
	memcpy(text, from, (size_t)(to - from));
	text[to - from] = '\0';
	if (weir_prefix_parse(text, &l->prefixes[l->count]) < 0)
		return -EINVAL;
	l->count++;
	return 0;
}

static int parse(struct weir_list *l, size_t max, const char *shown, const char *text, size_t len,
		 struct weir_err *err)
{
	const char *end = text + len, *line = text, *next;
	size_t room = 0;

	for (unsigned int number = 1; line < end; line = next, number++) {
		const char *from = line, *to = memchr(line, '\n', (size_t)(end - line));
		int r;

		next = to ? to + 1 : end;
		to = to ? to : end;
		trim(&from, &to);
		if (from == to)
			continue;
		if (l->count == max)
			return weir_err_set(err, -EINVAL, "%s:%u:%d more than %u prefixes in all lists", shown,
					    number, (int)(from - line) + 1, WEIR_BUNDLE_PREFIXES_MAX);
		r = add_line(l, &room, from, to);
		if (r == -EINVAL)
			return weir_err_set(err, r,
					    "%s:%u:%d '%.*s' is no prefix; write 203.0.113.0/24 or "
					    "2001:db8::/32, host bits zero",
					    shown, number, (int)(from - line) + 1,
					    (int)WEIR_MIN(to - from, (ptrdiff_t)64), from);
		if (r < 0)
			return r;
	}
	return 0;
}

int weir_policy_set_list(struct weir_policy_set *s, const char *name, const char *shown, const char *text,
			 size_t len, struct weir_err *err)
{
	weir_cleanup(list_freep) struct weir_list *l = calloc(1, sizeof(*l));
	size_t max = WEIR_BUNDLE_PREFIXES_MAX;
	struct weir_list **slot;
	int r;

	if (!l)
		return -ENOMEM;
	if (strlen(name) >= WEIR_NAME_MAX)
		return weir_err_set(err, -EINVAL, "%s:1:1 the name of a list has at most %d characters", shown,
				    WEIR_NAME_MAX - 1);
	l->name = strdup(name);
	if (!l->name)
		return -ENOMEM;
	for (size_t i = 0; i < s->list_count; i++)
		max -= s->lists[i]->count;
	r = parse(l, max, shown, text, len, err);
	if (r < 0)
		return r;
	sort(l);
	slot = weir_grow(&s->lists, s->list_count, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = weir_take_ptr(l);
	s->list_count++;
	return 0;
}

static bool holds(const struct weir_list *l, const struct weir_prefix *want)
{
	return bsearch(want, l->prefixes, l->count, sizeof(*want), order) != NULL;
}

/* For each length that occurs: is the address, cut to it, in the list? */
bool weir_list_holds(const struct weir_list *l, const struct weir_addr *a)
{
	bool v4 = weir_addr_is_v4(a);
	struct weir_prefix p = {.addr = *a, .len = 128};

	for (;; p.len--) {
		if ((l->lengths[p.len / 64] & 1ull << p.len % 64) && holds(l, &p))
			return true;
		if (p.len == (v4 ? 96 : 0))
			return false;
		p.addr.b[(p.len - 1) / 8] &= (uint8_t)~(0x80u >> (p.len - 1) % 8);
	}
}
