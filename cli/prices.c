/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl prices show and check: price books as they stand in a directory. */
#include "cli/prices.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/args.h"
#include "cli/table.h"

char *prices_nanos(int64_t nanos, char buf[PRICES_TEXT])
{
	uint64_t v = nanos < 0 ? -(uint64_t)nanos : (uint64_t)nanos;

	snprintf(buf, PRICES_TEXT, "%s%" PRIu64 ".%09" PRIu64, nanos < 0 ? "-" : "", v / 1000000000, v % 1000000000);
	return buf;
}

char *prices_price(int64_t nanos, char buf[PRICES_TEXT])
{
	char *end = prices_nanos(nanos, buf) + strlen(buf);

	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		end[-1] = '\0';
	return buf;
}

char *prices_units(const struct weir_meter *m, uint64_t bytes, char buf[PRICES_TEXT])
{
	if (bytes % m->unit_bytes)
		snprintf(buf, PRICES_TEXT, "%" PRIu64 " %s", bytes, m->by_hour ? "s" : "B");
	else
		snprintf(buf, PRICES_TEXT, "%" PRIu64 " %s", bytes / m->unit_bytes, m->unit);
	return buf;
}

char *prices_day(uint64_t time_s, char buf[PRICES_TEXT])
{
	time_t t = (time_t)time_s;
	struct tm tm;

	*buf = '\0';
	if (time_s && time_s != UINT64_MAX && gmtime_r(&t, &tm))
		strftime(buf, PRICES_TEXT, time_s % 86400 ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d", &tm);
	return buf;
}

void prices_print_json(const struct cli *c, const json_t *root)
{
	json_dumpf(root, c->out, JSON_COMPACT);
	fputc('\n', c->out);
}

static json_t *tiers_json(const struct weir_meter *m)
{
	json_t *tiers = json_array();

	for (size_t i = 0; i < m->tier_count; i++)
		json_array_append_new(tiers, json_pack("{s:I,s:I}", "from_bytes", (json_int_t)m->tiers[i].from_bytes,
						       "nanos_per_unit", (json_int_t)m->tiers[i].nanos_per_unit));
	return tiers;
}

static json_t *accounts_json(const struct weir_meter *m)
{
	json_t *accounts = json_array();

	for (size_t i = 0; weir_meter_account(m, i); i++)
		json_array_append_new(accounts, json_string(weir_meter_account(m, i)));
	return accounts;
}

json_t *prices_json(const struct weir_meter *m, bool tiers)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:o,s:s,s:s,s:s}", "provider", m->provider, "region", m->region,
			      "meter", m->name, "layer", weir_price_layer_name(m->layer), "unit", m->unit, "unit_bytes",
			      (json_int_t)m->unit_bytes, "accounts", accounts_json(m), "sku", m->sku, "source",
			      m->source, "confidence", weir_confidence_name(m->confidence));

	if (!o)
		return NULL;
	json_object_set_new(o, "pool", json_string(weir_meter_pool_scope(m)));
	if (m->free_bytes) {
		json_object_set_new(o, "free_bytes", json_integer((json_int_t)m->free_bytes));
		json_object_set_new(o, "free_pool", json_string(weir_meter_free_pool_scope(m)));
	}
	if (m->valid_from)
		json_object_set_new(o, "valid_from_s", json_integer((json_int_t)m->valid_from));
	if (m->valid_to != UINT64_MAX)
		json_object_set_new(o, "valid_to_s", json_integer((json_int_t)m->valid_to));
	if (tiers)
		json_object_set_new(o, "tiers", tiers_json(m));
	return o;
}

void prices_complain(enum weir_problem kind, const char *line, void *arg)
{
	(void)arg;
	if (kind == WEIR_PROBLEM_ERROR)
		fprintf(stderr, "%s\n", line);
}

struct telling {
	void (*fn)(enum weir_problem kind, const char *line, void *arg);
	void *arg;
};

static void on_load_error(const char *line, void *arg)
{
	const struct telling *t = arg;

	t->fn(WEIR_PROBLEM_ERROR, line, t->arg);
}

int prices_load(const char *dir, struct weir_pricebook **ret,
		void (*fn)(enum weir_problem kind, const char *line, void *arg), void *arg)
{
	prices_auto_book struct weir_pricebook *b = NULL;
	weir_auto_free char *inner = weir_strf("%s/prices", dir ? dir : PRICES_REPOSITORY);
	struct telling t = {fn, arg};
	struct stat st;
	int r;

	if (!inner)
		return -ENOMEM;
	r = weir_pricebook_new(&b);
	if (r == 0)
		r = weir_pricebook_load_dir(b, !dir || (!stat(inner, &st) && S_ISDIR(st.st_mode)) ? inner : dir,
					    on_load_error, &t);
	/* References between documents make sense only when each was read. */
	if (r == 0)
		r = weir_pricebook_check(b, fn, arg);
	if (r < 0)
		return r == -ENOMEM ? r : CLI_INVALID;
	*ret = weir_take_ptr(b);
	return 0;
}

struct show {
	const char *provider, *region, *meter, *dir;
};

static bool wanted(const struct show *s, const struct weir_meter *m)
{
	return (!s->provider || !strcmp(s->provider, m->provider)) && (!s->region || !strcmp(s->region, m->region)) &&
	       (!s->meter || !strcmp(s->meter, m->name));
}

/* A meter that stands twice at the same time, for paths of other conditions, has one price. */
static bool shown_before(const struct weir_pricebook *b, size_t at)
{
	const struct weir_meter *m = weir_pricebook_at(b, at);

	while (at--) {
		const struct weir_meter *other = weir_pricebook_at(b, at);

		if (strcmp(other->provider, m->provider) || strcmp(other->region, m->region))
			return false;
		if (!strcmp(other->name, m->name) && other->valid_from == m->valid_from &&
		    other->valid_to == m->valid_to)
			return true;
	}
	return false;
}

static char *tiers_text(const struct weir_meter *m)
{
	weir_auto_free char *text = NULL;
	char price[PRICES_TEXT], from[PRICES_TEXT];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < m->tier_count; i++) {
		fprintf(f, "%s%s", i ? ", " : "", prices_price(m->tiers[i].nanos_per_unit, price));
		if (i)
			fprintf(f, " from %s", prices_units(m, m->tiers[i].from_bytes, from));
	}
	return fclose(f) ? NULL : weir_take_ptr(text);
}

static char *valid_text(const struct weir_meter *m)
{
	char from[PRICES_TEXT], to[PRICES_TEXT];

	prices_day(m->valid_from, from);
	prices_day(m->valid_to, to);
	return weir_strf("%s%s%s", from, *from || *to ? " to " : "always", *to ? to : *from ? "now" : "");
}

static int table_row(struct table *t, const struct weir_meter *m)
{
	weir_auto_free char *tiers = tiers_text(m), *valid = valid_text(m);
	char is_free[2 * PRICES_TEXT] = "", units[PRICES_TEXT];

	if (m->free_bytes)
		snprintf(is_free, sizeof(is_free), "%s per %s", prices_units(m, m->free_bytes, units),
			 weir_meter_free_pool_scope(m));
	const char *cells[] = {m->provider, m->region, m->name, weir_price_layer_name(m->layer), m->unit, tiers,
			       is_free, m->tier_count > 1 ? weir_meter_pool_scope(m) : "", valid,
			       weir_confidence_name(m->confidence), m->source};
	int r = tiers && valid ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(cells); i++)
		r = table_cell(t, cells[i]);
	return r;
}

static int show_rows(const struct weir_pricebook *b, const struct show *s, struct table *t, json_t *items,
		     size_t *ret_count)
{
	const struct weir_meter *list;
	int r = 0;

	for (size_t i = 0; r == 0 && (list = weir_pricebook_at(b, i)); i++) {
		if (!wanted(s, list) || shown_before(b, i))
			continue;
		for (const struct weir_meter *m = list; r == 0 && m; m = weir_meter_over(m)) {
			r = items ? json_array_append_new(items, prices_json(m, true)) : table_row(t, m);
			++*ret_count;
		}
	}
	return r;
}

int cmd_prices_show(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	static const char *const titles[] = {"provider", "region",  "meter", "layer",	   "unit",  "price",
					     "free",	 "tiers per", "valid", "confidence", "source"};
	prices_auto_book struct weir_pricebook *b = NULL;
	table_auto struct table *t = NULL;
	struct show s = {0};
	const struct args_opt opts[] = {
		{"--provider", ARGS_STR, &s.provider},
		{"--region", ARGS_STR, &s.region},
		{"--meter", ARGS_STR, &s.meter},
		{"--dir", ARGS_STR, &s.dir},
	};
	view_auto_json json_t *items = c->json ? json_array() : NULL;
	size_t count = 0;
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r == 0)
		r = prices_load(s.dir, &b, prices_complain, NULL);
	if (r == 0)
		r = table_new(&t);
	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(titles); i++)
		r = table_column(t, titles[i], false);
	if (r == 0)
		r = show_rows(b, &s, t, items, &count);
	if (r)
		return r;
	if (!count)
		return weir_err_set(err, -EINVAL, "no price book has such a price; see weirctl prices show");
	if (c->json) {
		view_auto_json json_t *o =
			json_pack("{s:s,s:O}", "currency", weir_pricebook_currency(b), "items", items);

		prices_print_json(c, o);
		return 0;
	}
	return table_print(t, c->out, c->colour);
}

struct check {
	const struct cli *c;
	json_t *lines[2]; /* by enum weir_problem */
};

static void on_problem(enum weir_problem kind, const char *line, void *arg)
{
	struct check *k = arg;

	json_array_append_new(k->lines[kind], json_string(line));
	if (!k->c->json)
		fprintf(stderr, "%s\n", line);
}

int cmd_prices_check(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	prices_auto_book struct weir_pricebook *b = NULL;
	view_auto_json json_t *errors = json_array(), *gaps = json_array();
	struct check k = {c, {errors, gaps}};
	const char *dir = NULL;
	size_t n = 0;
	int r = args_parse(NULL, 0, argc, argv, "[DIR]", &dir, 0, 1, err);

	if (r == 0)
		r = prices_load(dir, &b, on_problem, &k);
	if (r < 0)
		return r;
	while (b && weir_pricebook_at(b, n))
		n++;
	if (c->json) {
		view_auto_json json_t *o = json_pack("{s:b,s:O,s:O,s:I}", "ok", !r && !json_array_size(gaps), "errors",
						     errors, "gaps", gaps, "prices", (json_int_t)n);

		prices_print_json(c, o);
	} else if (!r && !json_array_size(gaps)) {
		fprintf(c->out, "%s: ok, %zu prices\n", dir ? dir : PRICES_REPOSITORY, n);
	}
	return r ? r : json_array_size(gaps) ? CLI_NOT_WELL : 0;
}
