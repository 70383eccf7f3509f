/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cells of a row. An origin's rows have all dimensions of it; what is of the workload alone stands in the Allocated
 * columns in 1.3, and in Resource and Tags in 1.2, which has nothing else for it. Columns that do not apply to charges of
 * networks alone (commitments, reservations, other pricing currencies, invoices) are left out, as the model allows.
 */
#include "lib/money/focus_export_impl.h"

#include <inttypes.h>
#include <time.h>

#define COL(name) WEIR_FOCUS_COL_##name
#define METHOD "weir/measured-bytes"
#define METHOD_HOURS "weir/shared-hours"

void focus_writer_fini(struct focus_writer *w)
{
	weir_buf_fini(&w->text);
	weir_buf_fini(&w->line);
}

static bool is_written(const struct focus_writer *w, enum weir_focus_col c)
{
	const struct weir_focus_column *col = weir_focus_column(c);

	return col->written && col->since <= w->version;
}

static int quoted(struct weir_buf *line, const char *text)
{
	int r;

	if (!strpbrk(text, "\",\r\n"))
		return weir_buf_add(line, text, strlen(text));
	r = weir_buf_add(line, "\"", 1);
	for (; !r && *text; text++)
		r = weir_buf_add(line, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
	return r ? r : weir_buf_add(line, "\"", 1);
}

static int write_line(struct focus_writer *w, bool head)
{
	bool first = true;
	int r = 0;

	w->line.len = 0;
	for (enum weir_focus_col c = 0; !r && c < WEIR_FOCUS_COLS_ALL; c++) {
		if (!is_written(w, c))
			continue;
		if (!first)
			r = weir_buf_add(&w->line, ",", 1);
		first = false;
		if (!r && head)
			r = quoted(&w->line, weir_focus_column(c)->name);
		else if (!r && w->set[c])
			r = quoted(&w->line, (const char *)w->text.data + w->at[c]);
	}
	return r ? r : weir_buf_add(&w->line, "\n", 1);
}

int focus_write_head(struct focus_writer *w)
{
	return write_line(w, true);
}

/* First and last second of a month, 202611. */
static int set_month(struct focus_writer *w, uint32_t month)
{
	int r = focus_set(w, COL(BILLING_PERIOD_START), "%04u-%02u-01T00:00:00Z", month / 100, month % 100);

	return r ? r
		 : focus_set(w, COL(BILLING_PERIOD_END), "%04u-%02u-01T00:00:00Z", month / 100 + month % 100 / 12,
			     month % 100 % 12 + 1);
}

static int set_accounts(struct focus_writer *w, const struct focus_origin *o)
{
	const char *account = o->first->account, *prefix = w->account_prefix;
	char payer[256];
	int r;

	/* A pool is of who pays: "<account or organisation>/<scope>". */
	snprintf(payer, sizeof(payer), "%.*s", (int)strcspn(o->pool, "/"), o->pool);
	r = focus_set_text(w, COL(BILLING_ACCOUNT_ID), prefix, *payer ? payer : "unknown");
	if (!r)
		r = focus_set_text(w, COL(BILLING_ACCOUNT_NAME), prefix, *payer ? payer : "unknown");
	if (!r)
		r = focus_set_text(w, COL(SUB_ACCOUNT_ID), prefix, account);
	return r ? r : focus_set_text(w, COL(SUB_ACCOUNT_NAME), prefix, account);
}

static int set_provider(struct focus_writer *w, const struct weir_focus_charge *g)
{
	static const enum weir_focus_col names[] = {COL(PROVIDER_NAME), COL(PUBLISHER_NAME), COL(INVOICE_ISSUER_NAME),
						    COL(SERVICE_PROVIDER_NAME), COL(HOST_PROVIDER_NAME)};
	struct focus_service s = focus_service_of(g->provider, g->meter);
	int r = 0;

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(names); i++)
		r = focus_set_text(w, names[i], "", focus_provider(g->provider));
	if (!r)
		r = focus_set(w, COL(SERVICE_CATEGORY), "Networking");
	if (!r)
		r = focus_set(w, COL(SERVICE_NAME), "%s", s.service);
	if (!r)
		r = focus_set(w, COL(SERVICE_SUBCATEGORY), "%s", s.subcategory);
	if (!r)
		r = focus_set_text(w, COL(REGION_ID), "", g->region);
	return r ? r : focus_set_text(w, COL(REGION_NAME), "", g->region);
}

/* "beyond 10240 GiB of the month", "free allowance of the month", "" in the first tier. */
static void tier_text(const struct focus_origin *o, char *buf, size_t size)
{
	const struct weir_meter *m = o->meter;

	if (!o->piece->tier)
		snprintf(buf, size, ", free allowance of the month");
	else if (o->piece->tier_from)
		snprintf(buf, size, ", beyond %" PRIu64 " %s of the month", o->piece->tier_from / m->unit_bytes, m->unit);
	else
		*buf = '\0';
}

static int set_charge(struct focus_writer *w, const struct focus_origin *o)
{
	const struct weir_focus_charge *g = o->first;
	char tier[80];
	int r = focus_set_time(w, COL(CHARGE_PERIOD_START), g->from_s);

	tier_text(o, tier, sizeof(tier));
	if (!r)
		r = focus_set_time(w, COL(CHARGE_PERIOD_END), g->to_s);
	if (!r)
		r = set_month(w, g->month);
	if (!r)
		r = focus_set(w, COL(CHARGE_CATEGORY), "Usage");
	if (!r)
		r = focus_set(w, COL(CHARGE_FREQUENCY), "Usage-Based");
	if (!r)
		r = focus_set(w, COL(CHARGE_DESCRIPTION), "%s in %s%s", o->meter->name, g->region, tier);
	return r ? r : focus_set(w, COL(BILLING_CURRENCY), "%s", w->currency);
}

/* One list price of one time has one id: the meter's place, the day from which it holds, its tier. */
static int sku_id(const struct focus_origin *o, char *buf, size_t size)
{
	const struct weir_meter *l = o->meter->list;
	time_t from = (time_t)l->valid_from;
	char day[16];
	struct tm tm;
	int n;

	gmtime_r(&from, &tm);
	if (!l->valid_from)
		snprintf(day, sizeof(day), "always");
	else
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	n = snprintf(buf, size, "%s/%s/%s/%s/%u", l->provider, l->region, l->name, day, o->piece->tier);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* What the provider's bill calls it, where the book's pattern says so whole: of "*NatGateway-Bytes" NatGateway-Bytes. */
static void sku_meter(const struct weir_meter *l, char *buf, size_t size)
{
	const char *p = l->sku + strspn(l->sku, "*-");
	size_t len = strcspn(p, "|");

	while (len && p[len - 1] == '*')
		len--;
	if (!len || memchr(p, '*', len) || len >= size)
		snprintf(buf, size, "%s", l->name);
	else
		snprintf(buf, size, "%.*s", (int)len, p);
}

static int set_sku(struct focus_writer *w, const struct focus_origin *o)
{
	const struct weir_meter *l = o->meter->list;
	char id[512], from[FOCUS_NUMBER_MAX], meter[256];
	int r = sku_id(o, id, sizeof(id));

	sku_meter(l, meter, sizeof(meter));
	if (!r)
		r = focus_set(w, COL(SKU_ID), "%s/%s/%s", l->provider, l->region, l->name);
	if (!r)
		r = focus_set_text(w, COL(SKU_METER), "", meter);
	if (!r)
		r = focus_set(w, COL(SKU_PRICE_ID), "%s", id);
	if (!r)
		r = focus_set(w, COL(SKU_PRICE_DETAILS), "{\"x_Tier\":\"%u\",\"x_TierFrom\":\"%s\"}", o->piece->tier,
			      focus_number(o->piece->tier_from, l->unit_bytes, from));
	if (!r)
		r = focus_set(w, COL(PRICING_CATEGORY), "Standard");
	if (!r)
		r = focus_set(w, COL(PRICING_UNIT), "%s", o->meter->by_hour ? "Hours" : o->meter->unit);
	if (!r)
		r = focus_set_money(w, COL(LIST_UNIT_PRICE), o->piece->list_nanos);
	return r ? r : focus_set_money(w, COL(CONTRACTED_UNIT_PRICE), o->piece->contracted_nanos);
}

static int set_amounts(struct focus_writer *w, const struct focus_origin *o, const struct focus_share *s)
{
	char number[FOCUS_NUMBER_MAX];
	int r = focus_set(w, COL(PRICING_QUANTITY), "%s", focus_number(s->quantity, o->quantity_unit, number));

	if (!r)
		r = focus_set(w, COL(CONSUMED_QUANTITY), "%" PRIu64 ".0", s->bytes);
	if (!r)
		r = focus_set(w, COL(CONSUMED_UNIT), "%s", o->meter->by_hour ? "Seconds" : "B");
	if (!r)
		r = focus_set_money(w, COL(LIST_COST), s->list);
	if (!r)
		r = focus_set_money(w, COL(CONTRACTED_COST), s->contracted);
	if (!r)
		r = focus_set_money(w, COL(EFFECTIVE_COST), s->billed);
	return r ? r : focus_set_money(w, COL(BILLED_COST), s->billed);
}

/* "<domain>/<namespace>/<workload>"; nothing where nobody knows who it was. */
static int set_workload(struct focus_writer *w, enum weir_focus_col id, enum weir_focus_col name,
			const struct weir_focus_charge *g)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s/%s/%s", g->domain, g->namespace, g->workload);

	if (!*g->workload)
		return 0;
	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	n = focus_set_text(w, id, "", text);
	return n ? n : focus_set_text(w, name, "", g->workload);
}

/* A workload, or the team that a share of a resource fell to. */
static int set_whose(struct focus_writer *w, const struct weir_focus_charge *g)
{
	char text[512];

	if (*g->workload || !*g->how || !*g->team)
		return set_workload(w, COL(ALLOCATED_RESOURCE_ID), COL(ALLOCATED_RESOURCE_NAME), g);
	if ((size_t)snprintf(text, sizeof(text), "team/%s", g->team) >= sizeof(text))
		return -ENAMETOOLONG;
	return focus_set_text(w, COL(ALLOCATED_RESOURCE_ID), "", text) ?:
	       focus_set_text(w, COL(ALLOCATED_RESOURCE_NAME), "", g->team);
}

static int set_resource(struct focus_writer *w, const struct weir_focus_charge *g)
{
	int r;

	if (!*g->resource)
		return 0;
	r = focus_set_text(w, COL(RESOURCE_ID), "", g->resource);
	if (!r)
		r = focus_set_text(w, COL(RESOURCE_NAME), "", g->resource);
	return r ? r : focus_set(w, COL(RESOURCE_TYPE), "%s", focus_service_of(g->provider, g->meter).service);
}

static int set_owner(struct focus_writer *w, const struct weir_focus_charge *g)
{
	int r = set_resource(w, g);

	if (!r && !*g->resource)
		r = set_workload(w, COL(RESOURCE_ID), COL(RESOURCE_NAME), g);
	if (!r && !*g->resource && *g->workload)
		r = focus_set_text(w, COL(RESOURCE_TYPE), "", *g->kind ? g->kind : "Workload");
	return r ? r : focus_set_tags(w, COL(TAGS), g);
}

/* Who says so: the bytes' counter, or the topology that a resource exists. */
static const char *evidence(const struct weir_focus_charge *g)
{
	return *g->resource ? "topology" : g->flow_log ? "flow-log" : "agent";
}

static int set_ratio(struct focus_writer *w, const struct focus_origin *o, const struct focus_share *s)
{
	uint64_t one = 1;

	for (int i = 0; i < WEIR_FOCUS_RATIO_DIGITS; i++)
		one *= 10;
	return focus_set(w, COL(ALLOCATED_METHOD_DETAILS),
			 "{\"Elements\":[{\"AllocatedRatio\":%" PRIu64 ".%0*" PRIu64
			 ",\"UsageUnit\":\"%s\",\"UsageQuantity\":%" PRIu64 ",\"%s\":\"%s\"}]}",
			 s->ratio / one, WEIR_FOCUS_RATIO_DIGITS, s->ratio % one, o->meter->by_hour ? "Seconds" : "B", s->bytes,
			 *s->charge->how ? "x_How" : "x_Source", *s->charge->how ? s->charge->how : evidence(s->charge));
}

/* What the rows of one origin must sum to, so that a reader of the file can prove it. */
static int set_origin(struct focus_writer *w, const struct focus_origin *o)
{
	char sku[512], list[FOCUS_NUMBER_MAX + 1], contracted[FOCUS_NUMBER_MAX + 1], billed[FOCUS_NUMBER_MAX + 1];
	char quantity[FOCUS_NUMBER_MAX], consumed[32];
	weir_auto_free char *id = NULL;
	int r = sku_id(o, sku, sizeof(sku));

	if (r)
		return r;
	id = weir_strf("%s %s %" PRIu64 "%s%s", sku, o->first->account, o->first->from_s, *o->first->resource ? " " : "",
		       o->first->resource);
	snprintf(consumed, sizeof(consumed), "%" PRIu64 ".0", o->piece->bytes);
	focus_money(o->billed, billed);
	return id ? focus_set_json(w, COL(X_ORIGIN_CHARGE),
				   json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "Id", id, "BilledCost", billed, "ContractedCost",
					     focus_money(o->contracted, contracted), "EffectiveCost", billed, "ListCost",
					     focus_money(o->list, list), "PricingQuantity",
					     focus_number(o->quantity, o->quantity_unit, quantity), "ConsumedQuantity", consumed))
		  : -ENOMEM;
}

static int set_allocated(struct focus_writer *w, const struct focus_origin *o, const struct focus_share *s)
{
	const struct weir_focus_charge *g = s->charge;
	int r = set_resource(w, g);

	if (!r)
		r = focus_set(w, COL(ALLOCATED_METHOD_ID), "%s", o->meter->by_hour ? METHOD_HOURS : METHOD);
	if (!r)
		r = set_ratio(w, o, s);
	if (!r)
		r = set_whose(w, g);
	if (!r)
		r = focus_set_tags(w, COL(ALLOCATED_TAGS), g);
	return r ? r : set_origin(w, o);
}

static int set_custom(struct focus_writer *w, const struct focus_origin *o, const struct weir_focus_charge *g)
{
	int r = focus_set_text(w, COL(X_NAMESPACE), "", g->namespace);

	if (!r)
		r = focus_set_text(w, COL(X_TEAM), "", g->team);
	if (!r)
		r = focus_set_text(w, COL(X_WORKLOAD), "", g->workload);
	if (!r)
		r = focus_set_text(w, COL(X_PATH_CLASS), "", weir_path_name(g->path));
	if (!r)
		r = focus_set(w, COL(X_EVIDENCE), "%s", evidence(g));
	if (!r)
		r = focus_set(w, COL(X_PRICE_LAYER), "%s", weir_price_layer_name(o->meter->layer));
	return r ? r : focus_set_text(w, COL(X_PRICE_SOURCE), "", o->meter->source);
}

int focus_write_row(struct focus_writer *w, const struct focus_origin *o, const struct focus_share *s)
{
	int r;

	w->text.len = 0;
	memset(w->set, 0, sizeof(w->set));
	r = set_accounts(w, o);
	if (!r)
		r = set_provider(w, o->first);
	if (!r)
		r = set_charge(w, o);
	if (!r)
		r = set_sku(w, o);
	if (!r)
		r = set_amounts(w, o, s);
	if (!r)
		r = w->version >= WEIR_FOCUS_1_3 && !o->whole ? set_allocated(w, o, s) : set_owner(w, s->charge);
	if (!r)
		r = set_custom(w, o, s->charge);
	return r ? r : write_line(w, false);
}
