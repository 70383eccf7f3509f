/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl prices explain: what an amount costs, tier by tier, in each layer of prices. */
#include "cli/prices.h"

#include <inttypes.h>

#include "cli/args.h"
#include "cli/table.h"

#define NONE UINT64_MAX

struct explain {
	const char *provider, *region, *meter, *account, *dir;
	uint64_t bytes, hours, used, free_used, at_s;
};

/* What of the amount one tier holds. */
struct part {
	bool is_free;
	uint64_t from, to; /* of the month's usage */
	int64_t nanos_per_unit, nanos;
};

/* Free bytes are the first. At most one part more than tiers; ret has room for so many. Their costs are
 * differences of one cumulative cost, so that they sum to the whole to the nano-unit. */
static size_t parts_of(const struct weir_meter *m, const struct explain *e, struct part *ret)
{
	uint64_t is_free, from = e->used, end = e->used + e->bytes;
	size_t n = 0;

	weir_meter_charge(m, e->used, e->free_used, e->bytes, &is_free);
	if (is_free)
		ret[n++] = (struct part){true, from, from + is_free, 0, 0};
	from += is_free;
	for (size_t i = 0; i < m->tier_count && from < end; i++) {
		uint64_t edge = i + 1 < m->tier_count ? m->tiers[i + 1].from_bytes : UINT64_MAX;
		uint64_t to = WEIR_MIN(edge, end);

		if (to <= from)
			continue;
		ret[n++] = (struct part){false, from, to, m->tiers[i].nanos_per_unit, weir_meter_between(m, from, to)};
		from = to;
	}
	return n;
}

static int64_t cost_of(const struct weir_meter *m, const struct explain *e)
{
	return weir_meter_charge(m, e->used, e->free_used, e->bytes, NULL);
}

static json_t *layer_json(const struct weir_meter *m, const struct explain *e, bool applied)
{
	weir_auto_free struct part *parts = calloc(m->tier_count + 1, sizeof(*parts));
	json_t *o = prices_json(m, true), *list = json_array();
	size_t n = parts ? parts_of(m, e, parts) : 0;

	if (!parts || !o || !list) {
		json_decref(o);
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:b,s:I,s:I,s:I,s:I}", "free", parts[i].is_free, "from_bytes",
						      (json_int_t)parts[i].from, "bytes",
						      (json_int_t)(parts[i].to - parts[i].from), "nanos_per_unit",
						      (json_int_t)parts[i].nanos_per_unit, "nanos",
						      (json_int_t)parts[i].nanos));
	json_object_set_new(o, "applied", json_boolean(applied));
	json_object_set_new(o, "nanos", json_integer(cost_of(m, e)));
	json_object_set_new(o, "parts", list);
	return o;
}

static int print_json(const struct cli *c, const struct weir_pricebook *b, const struct weir_meter *list,
		      const struct explain *e)
{
	const struct weir_meter *pays = weir_meter_effective(list, e->account, e->at_s);
	view_auto_json json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s,s:I}", "provider", e->provider,
					     "region", e->region, "meter", e->meter, "currency",
					     weir_pricebook_currency(b), "at_s", (json_int_t)e->at_s, "bytes",
					     (json_int_t)e->bytes, "used_bytes", (json_int_t)e->used, "free_used_bytes",
					     (json_int_t)e->free_used, "applied", weir_price_layer_name(pays->layer),
					     "nanos", (json_int_t)cost_of(pays, e));
	view_auto_json json_t *layers = json_array();

	for (int l = 0; l < WEIR_PRICE_LAYERS; l++) {
		const struct weir_meter *m = weir_meter_layer(list, (enum weir_price_layer)l, e->account, e->at_s);

		if (m && json_array_append_new(layers, layer_json(m, e, m == pays)))
			return -ENOMEM;
	}
	if (!o || json_object_set(o, "layers", layers))
		return -ENOMEM;
	prices_print_json(c, o);
	return 0;
}

static int add_row(struct table *t, const char *const cells[5])
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < 5; i++)
		r = table_cell(t, cells[i]);
	return r;
}

static int add_layer(struct table *t, const struct weir_meter *m, const struct explain *e, bool applied)
{
	weir_auto_free struct part *parts = calloc(m->tier_count + 1, sizeof(*parts));
	char from[PRICES_TEXT], amount[PRICES_TEXT], price[PRICES_TEXT], nanos[PRICES_TEXT];
	const char *name = weir_price_layer_name(m->layer);
	size_t n = parts ? parts_of(m, e, parts) : 0;
	int r = parts ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_row(t, (const char *const[]){
				       name, prices_units(m, parts[i].from, from),
				       prices_units(m, parts[i].to - parts[i].from, amount),
				       parts[i].is_free ? "free" : prices_price(parts[i].nanos_per_unit, price),
				       prices_nanos(parts[i].nanos, nanos)});
	if (r == 0)
		r = add_row(t, (const char *const[]){name, "all", prices_units(m, e->bytes, amount),
						     applied ? "applied" : "", prices_nanos(cost_of(m, e), nanos)});
	return r;
}

static void print_entry(const struct cli *c, const struct weir_meter *m, bool applied)
{
	char from[PRICES_TEXT], to[PRICES_TEXT];

	prices_day(m->valid_from, from);
	prices_day(m->valid_to, to);
	fprintf(c->out, "%s%s: %s, confidence %s%s%s%s%s%s%s\n", weir_price_layer_name(m->layer),
		applied ? " (applied)" : "", m->source, weir_confidence_name(m->confidence), *from ? ", from " : "",
		from, *to ? ", until " : "", to, *m->sku ? ", sku " : "", m->sku);
}

static int print_text(const struct cli *c, const struct weir_pricebook *b, const struct weir_meter *list,
		      const struct explain *e)
{
	static const char *const titles[] = {"layer", "from", "amount", "price", "cost"};
	const struct weir_meter *pays = weir_meter_effective(list, e->account, e->at_s);
	char day[PRICES_TEXT], text[PRICES_TEXT], used[PRICES_TEXT];
	table_auto struct table *t = NULL;
	int r = table_new(&t);

	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(titles); i++)
		r = table_column(t, titles[i], i > 0);
	fprintf(c->out, "%s in %s %s, %s: %s behind %s of the month, per %s\n", e->meter, e->provider, e->region,
		prices_day(e->at_s, day), prices_units(list, e->bytes, text), prices_units(list, e->used, used), list->unit);
	for (int l = 0; l < WEIR_PRICE_LAYERS && r == 0; l++) {
		const struct weir_meter *m = weir_meter_layer(list, (enum weir_price_layer)l, e->account, e->at_s);

		if (!m)
			continue;
		print_entry(c, m, m == pays);
		r = add_layer(t, m, e, m == pays);
	}
	if (list->free_bytes && r == 0)
		fprintf(c->out, "free: %s a month per %s, of which %s were used\n",
			prices_units(list, list->free_bytes, text), weir_meter_free_pool_scope(list),
			prices_units(list, WEIR_MIN(e->free_used, list->free_bytes), used));
	fputc('\n', c->out);
	if (r == 0)
		r = table_print(t, c->out, c->colour);
	if (r == 0)
		fprintf(c->out, "\n%s %s\n", prices_nanos(cost_of(pays, e), text), weir_pricebook_currency(b));
	return r;
}

/* Names what would have been found. */
static int unknown_meter(const struct weir_pricebook *b, const struct explain *e, struct weir_err *err)
{
	char known[320] = "", day[PRICES_TEXT];
	const struct weir_meter *m;

	for (size_t i = 0; (m = weir_pricebook_at(b, i)); i++) {
		size_t used = strlen(known);

		if (strcmp(m->provider, e->provider) || strcmp(m->region, e->region) ||
		    used + strlen(m->name) + 3 > sizeof(known) || strstr(known, m->name))
			continue;
		snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", m->name);
	}
	if (!*known)
		return weir_err_set(err, -EINVAL, "no price book has %s in region '%s'", e->provider, e->region);
	return weir_err_set(err, -EINVAL, "%s has no price of '%s' on %s; meters of %s: %s", e->region, e->meter,
			    prices_day(e->at_s, day), e->region, known);
}

static int check_amounts(struct explain *e, struct weir_err *err)
{
	if (!e->provider || !e->region || !e->meter)
		return weir_err_set(err, -EINVAL, "--provider, --region and --meter are needed");
	if ((e->bytes == NONE) == (e->hours == NONE))
		return weir_err_set(err, -EINVAL, "--bytes or --hours is needed, and not both");
	if (e->hours != NONE && e->hours > UINT32_MAX)
		return weir_err_set(err, -EINVAL, "--hours is at most %u", UINT32_MAX);
	if (e->bytes != NONE && (e->bytes > INT64_MAX || e->used > INT64_MAX))
		return weir_err_set(err, -EINVAL, "--bytes and --used are at most %" PRId64, INT64_MAX);
	if (e->free_used == NONE)
		e->free_used = e->used;
	return 0;
}

int cmd_prices_explain(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	prices_auto_book struct weir_pricebook *b = NULL;
	struct explain e = {.account = "", .bytes = NONE, .hours = NONE, .free_used = NONE, .at_s = c->now_s};
	const struct args_opt opts[] = {
		{"--provider", ARGS_STR, &e.provider}, {"--region", ARGS_STR, &e.region},
		{"--meter", ARGS_STR, &e.meter},       {"--account", ARGS_STR, &e.account},
		{"--bytes", ARGS_U64, &e.bytes},       {"--hours", ARGS_U64, &e.hours},
		{"--used", ARGS_U64, &e.used},	       {"--free-used", ARGS_U64, &e.free_used},
		{"--at", ARGS_TIME, &e.at_s},	       {"--dir", ARGS_STR, &e.dir},
	};
	const struct weir_meter *list;
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r == 0)
		r = check_amounts(&e, err);
	if (r == 0)
		r = prices_load(e.dir, &b, prices_complain, NULL);
	if (r)
		return r;
	list = weir_pricebook_find(b, e.provider, e.region, e.meter, e.at_s);
	if (!list)
		return unknown_meter(b, &e, err);
	if (list->by_hour != (e.hours != NONE))
		return weir_err_set(err, -EINVAL, "%s costs by the %s: %s", e.meter, list->unit,
				    list->by_hour ? "--hours" : "--bytes");
	if (e.hours != NONE)
		e.bytes = e.hours * list->unit_bytes;
	return c->json ? print_json(c, b, list, &e) : print_text(c, b, list, &e);
}
