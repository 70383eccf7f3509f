/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model_csv.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>

int model_csv_open(struct model_csv *c, const char *path, struct weir_err *err)
{
	bool standard = !strcmp(path, "-");

	*c = (struct model_csv){.name = standard ? "standard input" : path};
	c->f = standard ? stdin : fopen(path, "re");
	return c->f ? 0 : weir_err_set(err, -EINVAL, "%s: cannot read: %s", path, strerror(errno));
}

void model_csv_close(struct model_csv *c)
{
	if (c->f && c->f != stdin)
		fclose(c->f);
	free(c->text);
	free(c->field);
	*c = (struct model_csv){0};
}

/* Reads a line of bounded length into text: getline() would take what it gets. */
static int read_line(struct model_csv *c, struct weir_err *err)
{
	size_t len = 0;
	int ch;

	c->line++;
	while ((ch = getc_unlocked(c->f)) != EOF && ch != '\n') {
		if (len + 2 > c->size) {
			size_t size = c->size ? 2 * c->size : 4096;
			char *more = size <= 2 * MODEL_LINE_MAX ? realloc(c->text, size) : NULL;

			if (!more)
				return weir_err_set(err, -EFBIG, "%s:%" PRIu64 ": the line has more than %zu bytes", c->name,
						    c->line, MODEL_LINE_MAX);
			c->text = more;
			c->size = size;
		}
		c->text[len++] = (char)ch;
	}
	if (ferror(c->f))
		return weir_err_set(err, -EIO, "%s: cannot read on", c->name);
	if (!len)
		return ch == EOF ? 0 : 1;
	if (memchr(c->text, 0, len))
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": a byte 0 is in the line; this is no CSV", c->name, c->line);
	c->text[len] = '\0';
	return 1;
}

static char *strip(char *s)
{
	char *end = s + strlen(s);

	while (isspace((unsigned char)*s))
		s++;
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	if (end - s >= 2 && *s == '"' && end[-1] == '"') {
		s++;
		end--;
	}
	*end = '\0';
	return s;
}

static int split(struct model_csv *c)
{
	char *save = c->text;

	for (c->fields = 0; save;) {
		char *comma = strchr(save, ',');

		if (c->fields == c->room) {
			size_t room = c->room ? 2 * c->room : 256;
			char **more = realloc(c->field, room * sizeof(*more));

			if (!more)
				return -ENOMEM;
			c->field = more;
			c->room = room;
		}
		if (comma)
			*comma++ = '\0';
		c->field[c->fields++] = strip(save);
		save = comma;
	}
	return 1;
}

int model_csv_next(struct model_csv *c, struct weir_err *err)
{
	do {
		int r;

		if (c->text)
			*c->text = '\0';
		r = read_line(c, err);
		if (r <= 0)
			return r;
	} while (!c->text || !c->text[strspn(c->text, " \t\r")]);
	return split(c);
}

/* Digits and a point, so few that their number and the power of ten are exact: what strtod() says, in a fraction of its time. */
static bool is_plain(const char *s, double *ret)
{
	static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	bool minus = *s == '-', point = false;
	size_t digits = 0, behind = 0;
	int64_t n = 0;

	for (s += minus; *s; s++) {
		if (*s == '.' && !point) {
			point = true;
			continue;
		}
		if (*s < '0' || *s > '9' || ++digits >= WEIR_ARRAY_SIZE(tens))
			return false;
		n = n * 10 + (*s - '0');
		behind += point;
	}
	if (!digits)
		return false;
	*ret = (double)n / tens[behind] * (minus ? -1 : 1);
	return true;
}

int model_csv_number(const struct model_csv *c, size_t i, double *ret, struct weir_err *err)
{
	const char *s = c->field[i];
	char *end;
	double v;

	if (is_plain(s, ret))
		return 0;
	if (!*s || !strcasecmp(s, "na") || !strcasecmp(s, "nan")) {
		*ret = NAN;
		return 0;
	}
	v = strtod(s, &end);
	if (*end || isspace((unsigned char)*s) || !isfinite(v) || fabs(v) > 1e100)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": field %zu: '%.32s' is no number", c->name, c->line, i + 1, s);
	*ret = v;
	return 0;
}

void model_set_fini(struct model_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		weir_series_fini(&s->series[i]);
	free(s->series);
	*s = (struct model_set){0};
}

/* A first line whose second field is a text: names of columns. */
static bool is_header(const struct model_csv *c)
{
	const char *s = c->fields > 1 ? c->field[1] : "";
	char *end;

	strtod(s, &end);
	return *s && *end && strcasecmp(s, "na");
}

static int grow(struct model_set *s)
{
	size_t room = s->room ? 2 * s->room : 64;
	struct weir_series *more;

	if (s->count < s->room)
		return 0;
	more = realloc(s->series, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->series = more;
	s->room = room;
	return 0;
}

static int add_series(struct model_set *s, const struct model_csv *c, struct weir_err *err)
{
	struct weir_series *to;
	size_t n = c->fields;
	int r;

	while (n > 1 && !*c->field[n - 1])
		n--;
	if (n < 2)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": no values behind the id", c->name, c->line);
	if (strlen(c->field[0]) >= WEIR_SERIES_ID_MAX)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": the id has more than %d bytes", c->name, c->line,
				    WEIR_SERIES_ID_MAX - 1);
	if (s->count == WEIR_SERIES_MAX || n - 1 > WEIR_SERIES_POINTS_MAX)
		return weir_err_set(err, -E2BIG, "%s:%" PRIu64 ": at most %zu series of %zu values", c->name, c->line,
				    WEIR_SERIES_MAX, WEIR_SERIES_POINTS_MAX);
	if ((r = grow(s)) || (r = weir_series_init(&s->series[s->count], c->field[0], n - 1)))
		return r;
	to = &s->series[s->count++];
	for (size_t i = 1; i < n; i++)
		if ((r = model_csv_number(c, i, &to->v[i - 1], err)))
			return r;
	return 0;
}

int model_set_read(const char *path, struct model_set *ret, struct weir_err *err)
{
	model_auto_csv c = {0};
	model_auto_set s = {0};
	int r = model_csv_open(&c, path, err);

	if (r)
		return r;
	while ((r = model_csv_next(&c, err)) > 0) {
		if (c.line == 1 && is_header(&c)) {
			s.header = true;
			continue;
		}
		r = add_series(&s, &c, err);
		if (r)
			return r;
	}
	if (r)
		return r;
	if (!s.count)
		return weir_err_set(err, -EINVAL, "%s: no series in it; a line is an id and its values", c.name);
	*ret = s;
	s = (struct model_set){0};
	return 0;
}
