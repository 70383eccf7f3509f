/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include "cli/http.h"
#include "cli/table.h"
#include "lib/base/clock.h"

#include <inttypes.h>

#define CELL_MAX 512

typedef void (*format_fn)(const json_t *v, uint64_t now_s, char *buf);

static void format_bytes(const json_t *v, uint64_t now_s, char *buf)
{
	json_int_t n = json_integer_value(v);
	char human[HUMAN_MAX];

	(void)now_s;
	/* unexplained_bytes is signed */
	snprintf(buf, CELL_MAX, "%s%s", n < 0 ? "-" : "",
		 human_bytes(n < 0 ? -(uint64_t)n : (uint64_t)n, human));
}

static void format_seconds(const json_t *v, uint64_t now_s, char *buf)
{
	char human[HUMAN_MAX];

	(void)now_s;
	/* A lag is judged by its tenths. */
	if (json_is_real(v) && json_real_value(v) < 60)
		snprintf(buf, CELL_MAX, "%.1fs", json_real_value(v));
	else
		snprintf(buf, CELL_MAX, "%s", human_seconds((uint64_t)json_number_value(v), human));
}

static void format_time(const json_t *v, uint64_t now_s, char *buf)
{
	uint64_t s = (uint64_t)json_number_value(v);
	char text[32];

	(void)now_s;
	snprintf(buf, CELL_MAX, "%s", s ? weir_time_text(s * WEIR_NS_PER_S, text) : "-");
}

static void format_time_ns(const json_t *v, uint64_t now_s, char *buf)
{
	uint64_t ns = (uint64_t)json_integer_value(v);
	char text[32];

	(void)now_s;
	snprintf(buf, CELL_MAX, "%s", ns ? weir_time_text(ns, text) : "-");
}

static void format_age(const json_t *v, uint64_t now_s, char *buf)
{
	uint64_t s = (uint64_t)json_number_value(v);
	char human[HUMAN_MAX];

	if (!s)
		snprintf(buf, CELL_MAX, "never");
	else
		snprintf(buf, CELL_MAX, "%s ago", human_seconds(now_s > s ? now_s - s : 0, human));
}

/* Enforcement ends at a time unless it is renewed before; 0 = it never ends by itself. */
static void format_lease(const json_t *v, uint64_t now_s, char *buf)
{
	uint64_t s = (uint64_t)json_number_value(v);
	char human[HUMAN_MAX];

	if (!s)
		snprintf(buf, CELL_MAX, "-");
	else if (s >= now_s)
		snprintf(buf, CELL_MAX, "%s left", human_seconds(s - now_s, human));
	else
		snprintf(buf, CELL_MAX, "ended %s ago", human_seconds(now_s - s, human));
}

/* Since then; 0 = it is not. */
static void format_connected(const json_t *v, uint64_t now_s, char *buf)
{
	uint64_t s = (uint64_t)json_number_value(v);
	char human[HUMAN_MAX];

	if (!s)
		snprintf(buf, CELL_MAX, "no");
	else
		snprintf(buf, CELL_MAX, "%s", human_seconds(now_s > s ? now_s - s : 0, human));
}

/* A clock's difference: small ones matter as well. */
static void format_offset(const json_t *v, uint64_t now_s, char *buf)
{
	double s = json_number_value(v), size = s < 0 ? -s : s;
	const char *sign = s < 0 ? "-" : "+";
	char human[HUMAN_MAX];

	(void)now_s;
	if (size < 1)
		snprintf(buf, CELL_MAX, "%s%.1fms", sign, size * 1e3);
	else if (size < 60)
		snprintf(buf, CELL_MAX, "%s%.1fs", sign, size);
	else
		snprintf(buf, CELL_MAX, "%s%s", sign, human_seconds((uint64_t)size, human));
}

static void format_fill(const json_t *v, uint64_t now_s, char *buf)
{
	(void)now_s;
	snprintf(buf, CELL_MAX, "%.0f%%", json_number_value(v) * 100);
}

static void format_number(const json_t *v, uint64_t now_s, char *buf)
{
	(void)now_s;
	snprintf(buf, CELL_MAX, "%.0f", json_number_value(v));
}

static void format_money(const json_t *v, uint64_t now_s, char *buf)
{
	(void)now_s;
	human_money(json_integer_value(v), "", buf);
}

/* Fields whose number means more than a number. All others print as they are. */
static const struct {
	const char *field; /* "_X" is of all names that end so */
	format_fn fn;
} formats[] = {
	{"_nanos", format_money},      {"residual", format_fill},
	{"bytes", format_bytes},       {"unexplained_bytes", format_bytes},
	{"lost_bytes", format_bytes},
	{"spool_bytes", format_bytes}, {"store_bytes", format_bytes},
	{"free_bytes", format_bytes},  {"oldest_s", format_time},
	{"newest_s", format_time},     {"retain_s", format_seconds},
	{"from_s", format_time},       {"to_s", format_time},
	{"sent_s", format_time},       {"next_s", format_time},
	{"lag_s", format_seconds},     {"uptime_s", format_seconds},
	{"last_seen_s", format_age},   {"time_s", format_time},
	{"ok_s", format_age},	       {"last_s", format_time},
	{"behind_bytes", format_bytes},
	{"lease_until_s", format_lease},
	{"time_ns", format_time_ns},   {"applied_ns", format_time_ns},
	{"applied_s", format_time},    {"started_s", format_time},
	{"not_after_s", format_time},  {"nanos", format_money},
	{"since_s", format_time},      {"cert_expires_s", format_time},
	     {"since_age_s", format_age},
	{"connected_since_s", format_connected},
	{"folded_bytes", format_bytes}, {"spool_max", format_bytes},
	{"clock_skew_s", format_offset}, {"clock_error_s", format_offset},
	{"spool_fill", format_fill},   {"table_fill", format_fill},
	{"ns_per_packet", format_number}, {"lapsed_s", format_seconds},
};

/* An object inside a cell: "serial=7 class=a/b". */
static void format_object(const json_t *object, char *buf)
{
	size_t used = 0;
	const char *key;
	json_t *v;

	*buf = '\0';
	json_object_foreach ((json_t *)object, key, v) {
		const char *gap = used ? " " : "";
		int n = 0;

		if (json_is_string(v))
			n = snprintf(buf + used, CELL_MAX - used, "%s%s=%s", gap, key,
				     json_string_value(v));
		else if (json_is_integer(v))
			n = snprintf(buf + used, CELL_MAX - used, "%s%s=%" JSON_INTEGER_FORMAT, gap,
				     key, json_integer_value(v));
		if (n < 0 || used + (size_t)n >= CELL_MAX)
			return;
		used += (size_t)n;
	}
}

static bool is_named(const char *field, const char *name)
{
	size_t len = strlen(field), end = strlen(name);

	return !strcmp(field, name) || (*name == '_' && len > end && !strcmp(field + len - end, name));
}

static void format_value(const char *field, const json_t *v, uint64_t now_s, char *buf)
{
	if (json_is_number(v)) {
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(formats); i++) {
			if (is_named(field, formats[i].field)) {
				formats[i].fn(v, now_s, buf);
				return;
			}
		}
	}
	if (json_is_string(v))
		snprintf(buf, CELL_MAX, "%s", *json_string_value(v) ? json_string_value(v) : "-");
	else if (json_is_integer(v))
		snprintf(buf, CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		snprintf(buf, CELL_MAX, "%.3f", json_real_value(v));
	else if (json_is_boolean(v))
		snprintf(buf, CELL_MAX, "%s", json_is_true(v) ? "yes" : "no");
	else if (json_object_size(v))
		format_object(v, buf);
	else
		snprintf(buf, CELL_MAX, "-");
}

static void print_body(const struct cli *c, const struct weir_buf *body)
{
	fwrite(body->data, 1, body->len, c->out);
	if (!body->len || body->data[body->len - 1] != '\n')
		fputc('\n', c->out);
}

static int parse(const struct cli *c, const struct weir_buf *body, json_t **ret, struct weir_err *err)
{
	json_t *root = json_loadb((const char *)body->data, body->len, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(root)) {
		json_decref(root);
		return weir_err_set(err, -EBADMSG,
				    "%s: the aggregator's answer is not a JSON object", c->socket);
	}
	*ret = root;
	return 0;
}

int view_fetch(const struct cli *c, const char *path, json_t **ret, struct weir_err *err)
{
	weir_auto_buf struct weir_buf body = {0};
	int r = http_get(c->socket, path, &body, err);

	if (r || !c->json)
		return r ? r : parse(c, &body, ret, err);
	print_body(c, &body);
	*ret = NULL;
	return 0;
}

int view_fetch_parsed(const struct cli *c, const char *path, json_t **ret, struct weir_err *err)
{
	weir_auto_buf struct weir_buf body = {0};
	int r = http_get(c->socket, path, &body, err);

	if (!r)
		r = parse(c, &body, ret, err);
	if (!r && c->json)
		print_body(c, &body);
	return r;
}

int view_fetch_made(const struct cli *c, char *path, json_t **ret, struct weir_err *err)
{
	int r = path ? view_fetch(c, path, ret, err) : -ENOMEM;

	free(path);
	return r;
}

/* `amount` repeats `nanos` as text; a table shows the money once. */
static bool is_shown(const char *field, const json_t *v)
{
	return !json_is_object(v) && !json_is_array(v) && strcmp(field, "amount") != 0;
}

static int columns_from_item(const json_t *item, struct view_column *columns)
{
	size_t n = 0;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)item, key, value) {
		if (n == TABLE_COLUMNS_MAX)
			break;
		if (is_shown(key, value))
			columns[n++] =
				(struct view_column){key, strcmp(key, "nanos") ? key : "cost"};
	}
	return n ? 0 : -EBADMSG;
}

static int add_row(struct table *t, const struct view_column *columns, const json_t *item,
		   uint64_t now_s)
{
	char cell[CELL_MAX];
	int r = 0;

	for (; columns->field && !r; columns++) {
		format_value(columns->field, json_object_get(item, columns->field), now_s, cell);
		r = table_cell(t, cell);
	}
	return r;
}

static int add_columns(struct table *t, const struct view_column *columns, const json_t *first)
{
	int r = 0;

	for (; columns->field && !r; columns++)
		r = table_column(t, columns->title,
				 json_is_number(json_object_get(first, columns->field)));
	return r;
}

int view_items(const struct cli *c, const json_t *root, const struct view_column *columns,
	       const json_t *total, struct weir_err *err)
{
	struct view_column own[TABLE_COLUMNS_MAX + 1] = {0};
	const json_t *items = json_object_get(root, "items");
	const json_t *first = json_array_get(items, 0);
	table_auto struct table *t = NULL;
	int r = table_new(&t);

	if (!json_is_array(items))
		return weir_err_set(err, -EBADMSG, "the aggregator's answer has no list of items");
	if (!first) {
		fputs("nothing to show\n", c->out);
		return 0;
	}
	if (!r && !columns) {
		r = columns_from_item(first, own);
		columns = own;
	}
	if (!r)
		r = add_columns(t, columns, first);
	for (size_t i = 0; i < json_array_size(items) && !r; i++)
		r = add_row(t, columns, json_array_get(items, i), c->now_s);
	if (!r && total)
		r = add_row(t, columns, total, c->now_s);
	if (!r)
		r = table_print(t, c->out, c->colour);
	return r ? weir_err_set(err, r, "cannot show the list") : 0;
}

/* The same care as in tables: nothing from outside steers the terminal. */
static void print_field(const struct cli *c, const char *title, int width, char *cell)
{
	for (char *p = cell; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	fprintf(c->out, "%-*s %s\n", WEIR_MAX(width, 1), title, cell);
}

int view_fields(const struct cli *c, const json_t *object, const struct view_column *columns, struct weir_err *err)
{
	char cell[CELL_MAX];

	if (!json_is_object(object))
		return weir_err_set(err, -EBADMSG, "the aggregator's answer is not an object");
	for (; columns->field; columns++) {
		format_value(columns->field, json_object_get(object, columns->field), c->now_s, cell);
		print_field(c, columns->title, 18, cell);
	}
	return 0;
}

static void print_fields(const struct cli *c, const json_t *object, const char *prefix)
{
	char cell[CELL_MAX];
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		int width = 24 - (int)strlen(prefix);

		if (json_is_object(value)) {
			print_fields(c, value, key);
			continue;
		}
		if (!is_shown(key, value))
			continue;
		format_value(key, value, c->now_s, cell);
		fprintf(c->out, "%s%s", prefix, *prefix ? "." : "");
		print_field(c, key, width, cell);
	}
}

int view_object(const struct cli *c, const json_t *object, struct weir_err *err)
{
	if (!json_is_object(object))
		return weir_err_set(err, -EBADMSG, "the aggregator's answer is not an object");
	print_fields(c, object, "");
	return 0;
}

int view_list(const struct cli *c, const json_t *root, const char *list, const struct view_column *columns, struct weir_err *err)
{
	view_auto_json json_t *items = json_pack("{s:O}", "items", json_object_get(root, list));

	if (!items)
		return weir_err_set(err, -EBADMSG, "the aggregator's answer has no list of %s", list);
	if (!json_array_size(json_object_get(root, list)))
		return 0;
	fputc('\n', c->out);
	return view_items(c, items, columns, NULL, err);
}
