/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/balance.h"

static struct balance_line *line(struct balance *b, const char *interface, uint8_t dir)
{
	struct balance_line *l;

	dir = dir == WEIR_EGRESS;
	for (size_t i = 0; i < b->count; i++) {
		if (b->lines[i].dir == dir && !strcmp(b->lines[i].interface, interface))
			return &b->lines[i];
	}
	if (b->count + WEIR_DIRS > WEIR_ARRAY_SIZE(b->lines) && *interface)
		return line(b, "", dir);
	l = &b->lines[b->count++];
	memset(l, 0, sizeof(*l));
	(void)weir_strcpy(l->interface, sizeof(l->interface), interface);
	l->dir = dir;
	return l;
}

static void add(struct weir_count *c, uint64_t bytes, uint64_t packets)
{
	c->bytes += bytes;
	c->packets += packets;
}

bool balance_counts(const struct weir_row *row)
{
	return row->dir != WEIR_EGRESS ||
	       (row->verdict != WEIR_V_DENY && row->verdict != WEIR_V_LIMITED);
}

void balance_begin(struct balance *b)
{
	for (size_t i = 0; i < b->count; i++) {
		memset(b->lines[i].terms, 0, sizeof(b->lines[i].terms));
		b->lines[i].sockets = b->lines[i].spooled;
		b->lines[i].observed = false;
	}
}

void balance_commit(struct balance *b)
{
	for (size_t i = 0; i < b->count; i++)
		b->lines[i].spooled = b->lines[i].sockets;
}

void balance_term(struct balance *b, const char *interface, const struct weir_term_key *k,
		  const struct weir_count *c)
{
	struct balance_line *l;

	if (k->term >= WEIR_TERMS)
		return;
	l = line(b, interface, k->dir);
	l->observed |= k->term == WEIR_T_INTERFACE;
	add(&l->terms[k->term], c->bytes, c->packets);
}

void balance_row(struct balance *b, const char *interface, const struct weir_row *row,
		 uint64_t bytes, uint64_t packets)
{
	if (balance_counts(row))
		add(&line(b, interface, row->dir)->sockets, bytes, packets);
}

static void end_line(struct balance *b, size_t i)
{
	struct balance_line ended = b->lines[i];

	b->lines[i] = b->lines[--b->count];
	add(&line(b, "", ended.dir)->spooled, ended.spooled.bytes, ended.spooled.packets);
}

void balance_leave(struct balance *b, const char *interface)
{
	for (size_t i = b->count; i-- > 0;)
		if (*interface && !strcmp(b->lines[i].interface, interface))
			end_line(b, i);
}

/* Modulo 2^64 on purpose: the rows bring these counts with the window that is under way. */
void balance_join(struct balance *b, const char *interface, uint8_t dir, uint64_t bytes, uint64_t packets)
{
	add(&line(b, interface, dir)->spooled, -bytes, -packets);
	add(&line(b, "", dir)->spooled, bytes, packets);
}

void balance_keep(struct balance *b, bool (*keep)(const char *interface, void *arg), void *arg)
{
	for (size_t i = b->count; i-- > 0;)
		if (*b->lines[i].interface && !keep(b->lines[i].interface, arg))
			end_line(b, i);
}

uint64_t balance_save(const struct balance *b, struct weir_line to[WEIR_LINES])
{
	for (size_t i = 0; i < b->count; i++) {
		to[i] = (struct weir_line){.dir = b->lines[i].dir, .sockets = b->lines[i].sockets};
		(void)weir_strcpy(to[i].interface, sizeof(to[i].interface), b->lines[i].interface);
	}
	return b->count;
}

void balance_load(struct balance *b, const struct weir_line from[WEIR_LINES], uint64_t count)
{
	for (size_t i = 0; i < WEIR_MIN(count, (uint64_t)WEIR_LINES); i++)
		line(b, from[i].interface, (uint8_t)from[i].dir)->spooled = from[i].sockets;
}

static int64_t unexplained(const struct balance_line *l)
{
	uint64_t v = l->terms[WEIR_T_INTERFACE].bytes - l->sockets.bytes;

	for (int t = WEIR_T_TIME_WAIT; t <= WEIR_T_DROPPED_IN; t++)
		v -= l->terms[t].bytes;
	return (int64_t)(v + l->terms[WEIR_T_DROPPED_OUT].bytes);
}

/* A packet that was under way when counting began can be taken back without having been counted: a
 * sum below zero for that moment is nothing to report. */
static uint64_t at_least_zero(uint64_t v)
{
	return (int64_t)v < 0 ? 0 : v;
}

int balance_lines(const struct balance *b, struct weir_sum_identity **ret, size_t *ret_count)
{
	struct weir_sum_identity *out = calloc(b->count * (WEIR_TERMS + 2) + 1, sizeof(*out));
	size_t n = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < b->count; i++) {
		const struct balance_line *l = &b->lines[i];
		struct weir_sum_identity id = {.interface = l->interface, .dir = l->dir};

		for (uint32_t t = 0; t < WEIR_TERMS && *l->interface; t++) {
			id.term = t;
			id.bytes = at_least_zero(l->terms[t].bytes);
			id.packets = at_least_zero(l->terms[t].packets);
			if (id.packets || t == WEIR_T_INTERFACE)
				out[n++] = id;
		}
		id.term = WEIR_TERM_SOCKETS;
		id.bytes = at_least_zero(l->sockets.bytes);
		id.packets = at_least_zero(l->sockets.packets);
		out[n++] = id;
		if (!l->observed)
			continue;
		id.term = WEIR_TERM_UNEXPLAINED;
		id.signed_bytes = unexplained(l);
		id.bytes = id.packets = 0;
		out[n++] = id;
	}
	*ret = out;
	*ret_count = n;
	return 0;
}
