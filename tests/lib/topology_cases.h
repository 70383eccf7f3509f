/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of labelled paths against a topology: tests/topology/aws.cases says how a row is written. */
#ifndef WEIR_TEST_TOPOLOGY_CASES_H
#define WEIR_TEST_TOPOLOGY_CASES_H

#include "tests/lib/topology_fixture.h"

#define CASES_NOW_S 1793491200ull /* 2026-11-01 */

struct cases {
	struct topology_fixture world;
	const char *file;
	uint64_t time_s;
	int count, failed;
	/* Looks at the case in a way of its own; may be NULL. out and in are meters_text(). */
	bool (*also)(const struct cases *c, const char *domain, const struct weir_addr *local, const struct weir_addr *peer,
		     bool answered, const char *out, const char *in);
};

static inline char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && end[-1] == ' ')
		*--end = 0;
	return s + strspn(s, " ");
}

/* The names of the meters; "-" none, "?" unpriced. */
static inline void meters_text(const struct cases *c, const struct weir_route *r, unsigned int dir, char *buf, size_t size)
{
	const struct weir_meter *m[WEIR_MAX_METERS];
	int n = weir_pricebook_meters(c->world.prices, r, dir, c->time_s, m);

	snprintf(buf, size, "%s", n < 0 ? "?" : n == 0 ? "-" : "");
	for (int i = 0; i < n; i++)
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", i ? " " : "", m[i]->name);
}

static inline void check_case(struct cases *c, char *const *col)
{
	char local[64], arrow[4], peer[64], out[256], in[256];
	struct weir_addr l, p;
	struct weir_route r, answered;
	bool good;

	if (sscanf(col[2], "%63s %3s %63s", local, arrow, peer) != 3 || weir_addr_parse(local, &l) < 0 ||
	    weir_addr_parse(peer, &p) < 0 || (strcmp(arrow, "->") && strcmp(arrow, "<-"))) {
		printf("# %s: %s: '%s' is not ADDR -> ADDR\n", c->file, col[0], col[2]);
		c->failed++;
		return;
	}
	weir_topology_route_at(c->world.topology, col[1], &l, &p, c->time_s, &r);
	if (arrow[0] == '<') {
		weir_route_answered(&r, &answered);
		r = answered;
	}
	meters_text(c, &r, 1, out, sizeof(out));
	meters_text(c, &r, 0, in, sizeof(in));
	good = !strcmp(weir_path_name(r.path), col[3]) && !strcmp(out, col[4]) && !strcmp(in, col[5]);
	printf("# case %s: %s: %s, out %s, in %s%s\n", c->file, col[0], weir_path_name(r.path), out, in,
	       good ? "" : ": WRONG");
	if (good && c->also)
		good = c->also(c, col[1], &l, &p, arrow[0] == '<', out, in);
	c->count++;
	c->failed += !good;
}

static inline int read_directive(struct cases *c, const char *line, struct weir_err *err)
{
	char word[16], value[256];
	struct tm tm = {0};

	if (sscanf(line, "%%%15s %255s", word, value) != 2)
		return weir_err_set(err, -EINVAL, "%s: %s", c->file, line);
	if (!strcmp(word, "prices"))
		return topology_fixture_prices(&c->world, value, err);
	if (strcmp(word, "at") || !strptime(value, "%Y-%m-%d", &tm))
		return weir_err_set(err, -EINVAL, "%s: %s", c->file, line);
	c->time_s = (uint64_t)timegm(&tm);
	return 0;
}

static inline int read_rows(struct cases *c, char *rows, struct weir_err *err)
{
	char *next = rows, *line;

	while ((line = strsep(&next, "\n"))) {
		char *col[6] = {NULL}, *rest = line;
		size_t n = 0;
		int r;

		if (!*line || *line == '#')
			continue;
		if (*line == '%') {
			r = read_directive(c, line, err);
			if (r < 0)
				return r;
			continue;
		}
		while (rest && n < 6)
			col[n++] = trim(strsep(&rest, "|"));
		if (n != 6 || rest)
			return weir_err_set(err, -EINVAL, "%s: not six columns: %s", c->file, line);
		check_case(c, col);
	}
	return 0;
}

#endif
