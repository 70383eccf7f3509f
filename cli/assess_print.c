/* SPDX-License-Identifier: Apache-2.0 */
/* An assessment as JSON, and as what people read. */
#include <inttypes.h>

#include "cli/assess.h"
#include "cli/prices.h"
#include "cli/table.h"

static int put(json_t *o, const char *name, int64_t value)
{
	return json_object_set_new(o, name, json_integer(value)) ? -ENOMEM : 0;
}

static int by_share(const void *pa, const void *pb)
{
	const struct assess_sum *a = pa, *b = pb;
	int64_t x = a->billed ? a->billed : a->share ? a->share : a->measured, y = b->billed ? b->billed : b->share ? b->share : b->measured;

	if (x != y)
		return (x < y) - (x > y);
	return a->bytes != b->bytes ? (a->bytes < b->bytes) - (a->bytes > b->bytes) : strcmp(a->key, b->key);
}

/* The first of each table; what is behind them is one more line. */
static int sums_json(const struct assess *a, struct assess_sums *s, const char *name, bool billed, json_t *items)
{
	struct assess_sum rest = {.key = "(others)"};
	size_t shown = 0;

	qsort(s->rows, s->count, sizeof(s->rows[0]), by_share);
	for (size_t i = 0; i <= s->count; i++) {
		const struct assess_sum *m = i == s->count ? &rest : &s->rows[i];
		bool nothing = billed ? !m->billed && !m->share && !m->unattributed : !m->bytes && !m->measured && !m->share;
		json_t *o;

		if (nothing)
			continue;
		if (i < s->count && shown == a->q.limit) {
			rest.bytes += m->bytes;
			rest.measured += m->measured;
			rest.share += m->share;
			rest.billed += m->billed;
			rest.unattributed += m->unattributed;
			continue;
		}
		shown++;
		o = billed ? json_pack("{s:s,s:I,s:I,s:I}", name, m->key, "billed_nanos", (json_int_t)m->billed, "explained_nanos",
				       (json_int_t)m->share, "unattributed_nanos", (json_int_t)m->unattributed) :
			     json_pack("{s:s,s:I,s:I,s:I}", name, m->key, "bytes", (json_int_t)m->bytes, "measured_nanos",
				       (json_int_t)m->measured, "share_nanos", (json_int_t)m->share);
		if (json_array_append_new(items, o))
			return -ENOMEM;
	}
	return 0;
}

static json_t *meter_json(const struct assess_meter *m)
{
	json_t *o = json_pack("{s:s}", "meter", m->name);
	int r = o ? put(o, "billed_nanos", m->billed) : -ENOMEM;

	if (!r)
		r = put(o, "measured_nanos", m->parts.measured);
	if (!r)
		r = put(o, "adjusted_nanos", m->parts.adjusted);
	for (int i = 0; !r && i < WEIR_ADJUSTMENTS; i++) {
		char name[40];

		snprintf(name, sizeof(name), "%s_nanos", weir_adjustment_name(i));
		r = put(o, name, m->parts.reasons[i]);
	}
	if (!r)
		r = put(o, "unattributed_nanos", m->parts.unattributed);
	if (!r && m->billed)
		r = json_object_set_new(o, "residual", json_real((double)m->parts.unattributed / (double)m->billed));
	if (r) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int by_billed(const void *pa, const void *pb)
{
	const struct assess_meter *a = pa, *b = pb;

	return a->billed != b->billed ? (a->billed < b->billed) - (a->billed > b->billed) : strcmp(a->name, b->name);
}

static int meters_json(struct assess *a, json_t *items)
{
	qsort(a->meters, a->meter_count, sizeof(a->meters[0]), by_billed);
	for (size_t i = 0; i < a->meter_count; i++)
		if (json_array_append_new(items, meter_json(&a->meters[i])))
			return -ENOMEM;
	return 0;
}

static json_t *logs_json(const struct assess *a)
{
	const struct weir_flowlog_stats *s = &a->logs;
	const struct weir_flow_hours_stats *h = weir_flow_hours_stats(a->hours);
	const struct {
		const char *name;
		uint64_t value;
	} fields[] = {
		{"files", s->files}, {"foreign_files", s->foreign_files}, {"bad_rows", s->bad_rows}, {"foreign_rows", s->foreign_rows},
		{"rejected_rows", s->rejected}, {"empty_windows", s->no_data}, {"skipped_windows", s->skipped},
		{"longest_window_s", s->longest_s}, {"sampled_rows", s->sampled_rows}, {"sampled_bytes", s->sampled_bytes},
		{"logged_bytes", s->bytes}, {"counted_rows", h->rows}, {"counted_bytes", h->bytes}, {"seen_twice_bytes", h->seen_twice_bytes},
		{"gateway_bytes", h->gateway_bytes}, {"other_end_bytes", h->other_end_bytes}, {"passing_bytes", h->passing_bytes},
		{"unplaced_bytes", h->unplaced_bytes}, {"agreed_bytes", h->agreed_bytes}, {"differing_bytes", h->differing_bytes},
		{"unranged_bytes", h->unranged_bytes}, {"agent_rows", a->agent_rows}, {"unpriced_bytes", a->unpriced_bytes},
		{"free_bytes", a->free_bytes}, {"hours", a->hours_with_rows},
		{"month_hours", (uint64_t)(a->settle.to_s - a->settle.from_s) / 3600}, {"topology_notes", a->notes},
	};
	json_t *o = json_object(), *rows = json_object();
	int r = o && rows ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(fields); i++)
		r = put(o, fields[i].name, (int64_t)fields[i].value);
	for (int i = 0; !r && i < WEIR_FLOWLOG_FORMATS; i++)
		r = put(rows, weir_flowlog_format_name(i), (int64_t)s->rows[i]);
	if (!r)
		r = json_object_set(o, "rows", rows) ? -ENOMEM : 0;
	json_decref(rows);
	if (r) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* {currency, from, to, logs, paths, owners, resources, meters, total, savings, elsewhere_nanos} */
int assess_json(struct assess *a, json_t **ret)
{
	view_auto_json json_t *paths = json_array(), *owners = json_array(), *resources = json_array(), *meters = json_array();
	view_auto_json json_t *logs = logs_json(a), *total = NULL, *savings = NULL;
	json_t *root;
	int r = paths && owners && resources && meters && logs ? 0 : -ENOMEM;

	if (!r)
		r = sums_json(a, &a->paths, "path", false, paths);
	if (!r)
		r = sums_json(a, &a->owners, "owner", false, owners);
	if (!r)
		r = sums_json(a, &a->resources, "resource", true, resources);
	if (!r)
		r = meters_json(a, meters);
	if (!r)
		r = assess_savings_json(a, &savings);
	snprintf(a->total.name, sizeof(a->total.name), "total");
	total = meter_json(&a->total);
	if (r || !total)
		return r ? r : -ENOMEM;
	root = json_pack("{s:s,s:I,s:I,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:I,s:I,s:I}", "currency", a->settle.currency, "from", (json_int_t)a->settle.from_s,
			 "to", (json_int_t)a->settle.to_s, "logs", logs, "paths", paths, "owners", owners, "resources", resources,
			 "meters", meters, "total", total, "savings", savings, "elsewhere_nanos", (json_int_t)a->elsewhere, "bill_rows", (json_int_t)a->bill.rows,
			 "bill_bad_rows", (json_int_t)a->bill.bad_rows);
	if (!root)
		return -ENOMEM;
	*ret = root;
	return 0;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_rows(const struct assess *a)
{
	const struct weir_flowlog_stats *s = &a->logs;
	FILE *f = a->c->out;
	const char *between = "";

	fprintf(f, "flow logs   %" PRIu64 " files: ", s->files);
	for (int i = 0; i < WEIR_FLOWLOG_FORMATS; i++)
		if (s->rows[i]) {
			fprintf(f, "%s%" PRIu64 " rows of %s", between, s->rows[i], weir_flowlog_format_name(i));
			between = ", ";
		}
	fprintf(f, "%s%" PRIu64 " bad rows, %" PRIu64 " files passed over\n", *between ? "; " : "", s->bad_rows, s->foreign_files);
	fprintf(f, "windows     up to %" PRIu64 " s; %" PRIu64 " without traffic, %" PRIu64 " that the provider skipped%s\n", s->longest_s,
		s->no_data, s->skipped, s->skipped ? ": what passed in them is missing" : "");
	if (s->sampled_rows)
		fprintf(f, "sampling    %.1f %% of the bytes are estimates: GCP looks at about 1 packet in 30 and scales up, and keeps the share "
			   "of records that flow_sampling says\n", percent(s->sampled_bytes, s->bytes));
	else
		fputs("sampling    none: these clouds log every packet\n", f);
	fprintf(f, "hours       %" PRIu64 " of the month's %" PRId64 "; tiers and free allowances as behind what the bill has besides\n",
		a->hours_with_rows, (a->settle.to_s - a->settle.from_s) / 3600);
}

static void print_counted(const struct assess *a)
{
	const struct weir_flow_hours_stats *h = weir_flow_hours_stats(a->hours);
	char one[HUMAN_MAX], two[HUMAN_MAX], three[HUMAN_MAX];
	FILE *f = a->c->out;

	fprintf(f, "counted     %s, of each end once; not again the %s that others saw too, and %s of gateways' own interfaces\n",
		human_bytes(h->bytes, one), human_bytes(h->seen_twice_bytes, two), human_bytes(h->gateway_bytes, three));
	if (h->other_end_bytes || h->passing_bytes)
		fprintf(f, "            of it %s seen from the other end alone, %s on the way alone\n", human_bytes(h->other_end_bytes, one),
			human_bytes(h->passing_bytes, two));
	if (h->unplaced_bytes)
		fprintf(f, "            of it %s in no subnet of the topology: path unknown\n", human_bytes(h->unplaced_bytes, one));
	if (a->unpriced_bytes)
		fprintf(f, "unpriced    %s: their path is unknown, or no price book has a meter for it\n", human_bytes(a->unpriced_bytes, one));
	if (h->agreed_bytes + h->differing_bytes)
		fprintf(f, "paths       AWS's traffic-path says the same of %.1f %% of the bytes that have one%s%s\n",
			percent(h->agreed_bytes, h->agreed_bytes + h->differing_bytes), h->differing_bytes ? "; not of " : "", h->differing);
	if (h->unranged_bytes)
		fprintf(f, "services    %s are of services that no range names: give the provider's file with --ranges\n",
			human_bytes(h->unranged_bytes, one));
	if (a->agent_rows)
		fprintf(f, "agents      %" PRIu64 " rows of --traffic go before the logs of their addresses\n", a->agent_rows);
}

static int print_list(const struct assess *a, const json_t *root, const char *name, const char *title, const struct view_column *columns,
		      const json_t *total)
{
	view_auto_json json_t *list = json_pack("{s:O}", "items", json_object_get(root, name));

	fprintf(a->c->out, "\n%s (%s)\n", title, a->settle.currency);
	return list ? view_items(a->c, list, columns, total, a->err) : -ENOMEM;
}

int assess_print(struct assess *a, const json_t *root)
{
	static const struct view_column paths[] = {{"path", "path"}, {"bytes", "bytes"}, {"measured_nanos", "by the price books"},
						   {"share_nanos", "of the bill"}, {0}};
	static const struct view_column owners[] = {{"owner", "owner"}, {"bytes", "bytes"}, {"measured_nanos", "by the price books"},
						    {"share_nanos", "of the bill"}, {0}};
	static const struct view_column resources[] = {{"resource", "resource"}, {"billed_nanos", "billed"}, {"explained_nanos", "explained"},
						       {"unattributed_nanos", "unattributed"}, {0}};
	static const struct view_column meters[] = {{"meter", "meter"}, {"billed_nanos", "billed"}, {"measured_nanos", "measured"},
						    {"adjusted_nanos", "adjusted"}, {"unattributed_nanos", "unattributed"},
						    {"residual", "residual"}, {0}};
	char from[PRICES_TEXT], to[PRICES_TEXT], money[HUMAN_MAX];
	int r;

	fprintf(a->c->out, "bill        %s to %s: %" PRIu64 " rows, %" PRIu64 " bad; %s of it for other things than the network\n",
		prices_day((uint64_t)a->settle.from_s, from), prices_day((uint64_t)a->settle.to_s, to), a->bill.rows, a->bill.bad_rows,
		human_money(a->elsewhere, a->settle.currency, money));
	print_rows(a);
	print_counted(a);
	r = print_list(a, root, "paths", "What it costs, by path", paths, NULL);
	if (!r)
		r = print_list(a, root, "owners", "By owner", owners, NULL);
	if (!r)
		r = print_list(a, root, "resources", "By resource of the bill's network lines", resources, NULL);
	if (!r)
		r = print_list(a, root, "meters", "What of the bill's network lines is explained", meters, json_object_get(root, "total"));
	return r ? r : assess_savings_print(a, json_object_get(root, "savings"));
}
