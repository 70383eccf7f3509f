/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl bill reconcile: a month's bill beside what was measured, so that the parts of each line sum to it. */
#include "cli/settle.h"

#include <inttypes.h>

#include "cli/prices.h"
#include "cli/residual.h"

#define METERS_MAX 512u
#define TEAMS_MAX 4096u

/* Lines without a meter are one by the reason why nobody is seen to cause them. */
struct meter {
	char name[96];
	int64_t billed, quantity;
	uint64_t lines;
	struct weir_parts parts;
};
struct team {
	const char *name;
	int64_t measured, adjusted;
};
struct reconcile {
	struct meter meters[METERS_MAX];
	struct team teams[TEAMS_MAX];
	size_t meter_count, team_count;
	int64_t rests[WEIR_RESTS];
	json_t *lines; /* NULL: nobody wants them */
	uint64_t limit, line_count;
	struct settle *settle;
};

static void reconcile_freep(struct reconcile **r)
{
	if (*r)
		json_decref((*r)->lines);
	free(*r);
}

static int meter_of(struct reconcile *r, const struct weir_settled *s, struct meter **ret)
{
	char name[sizeof(r->meters[0].name)];

	if (*s->meter)
		snprintf(name, sizeof(name), "%s", s->meter);
	else
		snprintf(name, sizeof(name), "(%s)", weir_rest_name(s->line->rest));
	for (size_t i = 0; i < r->meter_count; i++)
		if (!strcmp(r->meters[i].name, name)) {
			*ret = &r->meters[i];
			return 0;
		}
	if (r->meter_count == METERS_MAX)
		return weir_err_set(r->settle->err, -E2BIG, "more than %u meters", METERS_MAX);
	*ret = &r->meters[r->meter_count++];
	memcpy((*ret)->name, name, sizeof(name));
	return 0;
}

static void parts_add(struct weir_parts *to, const struct weir_parts *p)
{
	to->measured += p->measured;
	to->adjusted += p->adjusted;
	to->unattributed += p->unattributed;
	for (int i = 0; i < WEIR_ADJUSTMENTS; i++)
		to->reasons[i] += p->reasons[i];
}

static int put(json_t *o, const char *name, int64_t nanos)
{
	return json_object_set_new(o, name, json_integer(nanos)) ? -ENOMEM : 0;
}

/* Adds billed and its parts. */
static int put_parts(json_t *o, int64_t billed, const struct weir_parts *p)
{
	char field[40];
	int r = put(o, "billed_nanos", billed);

	if (!r)
		r = put(o, "measured_nanos", p->measured);
	for (int i = 0; !r && i < WEIR_ADJUSTMENTS; i++) {
		snprintf(field, sizeof(field), "%s_nanos", weir_adjustment_name(i));
		r = put(o, field, p->reasons[i]);
	}
	if (!r)
		r = put(o, "unattributed_nanos", p->unattributed);
	/* The quality of what was measured: how much of what is billed nobody was seen to cause. */
	if (!r && billed && json_object_set_new(o, "residual", json_real((double)p->unattributed / (double)billed)))
		r = -ENOMEM;
	return r;
}

/* A share of a line is of a claim; a team may have many. */
static json_t *shares_json(const struct weir_settled *s)
{
	json_t *shares = json_object();

	for (size_t i = 0; shares && i < s->share_count; i++) {
		const char *team = s->shares[i].claim->team;
		json_int_t nanos = s->shares[i].measured + s->shares[i].adjusted + json_integer_value(json_object_get(shares, team));

		if (json_object_set_new(shares, team, json_integer(nanos))) {
			json_decref(shares);
			return NULL;
		}
	}
	return shares;
}

static int add_line(struct reconcile *r, const struct weir_settled *s)
{
	weir_auto_free char *place = NULL;
	char from[PRICES_TEXT], to[PRICES_TEXT];
	json_t *o;
	int e = weir_bills_line_place(r->settle->bills, s->line->id, &place, r->settle->err);

	if (e)
		return e;
	o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I}", "line", place, "account", s->line->account, "region", s->line->region,
		      "meter", s->meter, "rest", weir_rest_name(s->line->rest), "from", prices_day((uint64_t)s->line->from_s, from),
		      "to", prices_day((uint64_t)s->line->to_s, to), "quantity", (json_int_t)s->line->quantity);
	e = o ? put_parts(o, s->line->billed, &s->parts) : -ENOMEM;
	if (!e && json_object_set_new(o, "shares_nanos", shares_json(s)))
		e = -ENOMEM;
	if (!e && json_array_append(r->lines, o))
		e = -ENOMEM;
	json_decref(o);
	return e;
}

static int hear(const struct weir_settled *s, void *arg)
{
	struct reconcile *r = arg;
	struct meter *m = NULL;
	int e = meter_of(r, s, &m);

	if (e)
		return e;
	parts_add(&m->parts, &s->parts);
	if (!s->line)
		return 0;
	m->lines++;
	if (__builtin_add_overflow(m->billed, s->line->billed, &m->billed))
		return weir_err_set(r->settle->err, -ERANGE, "%s: billed more than fits; choose with --account", m->name);
	r->rests[s->line->rest] += s->parts.unattributed;
	if (!r->lines || r->line_count++ >= r->limit)
		return 0;
	return add_line(r, s);
}

static int teams_sum(struct reconcile *r)
{
	size_t n;
	const struct weir_settlement_claim *c = weir_settlement_claims(r->settle->settlement, &n);

	for (size_t i = 0; i < n; i++) {
		size_t t = 0;

		while (t < r->team_count && strcmp(r->teams[t].name, c[i].team) != 0)
			t++;
		if (t == TEAMS_MAX)
			return weir_err_set(r->settle->err, -E2BIG, "more than %u teams", TEAMS_MAX);
		if (t == r->team_count)
			r->teams[r->team_count++].name = c[i].team;
		r->teams[t].measured += c[i].measured;
		r->teams[t].adjusted += c[i].adjusted;
	}
	return 0;
}

static int by_share(const void *a, const void *b)
{
	const struct team *x = a, *y = b;
	int64_t p = x->measured + x->adjusted, q = y->measured + y->adjusted;

	return p != q ? (p < q) - (p > q) : strcmp(x->name, y->name);
}

static int teams_json(struct reconcile *r, int64_t unattributed, json_t *teams)
{
	qsort(r->teams, r->team_count, sizeof(r->teams[0]), by_share);
	for (size_t i = 0; i <= r->team_count; i++) {
		const struct team *t = &r->teams[i];
		json_t *o = i == r->team_count ?
				    json_pack("{s:s,s:i,s:i,s:I}", "team", "unattributed", "measured_nanos", 0, "adjusted_nanos", 0,
					      "share_nanos", (json_int_t)unattributed) :
				    json_pack("{s:s,s:I,s:I,s:I}", "team", t->name, "measured_nanos", (json_int_t)t->measured,
					      "adjusted_nanos", (json_int_t)t->adjusted, "share_nanos",
					      (json_int_t)(t->measured + t->adjusted));

		if (json_array_append_new(teams, o))
			return -ENOMEM;
	}
	return 0;
}

static int rests_json(const struct reconcile *r, json_t *rests)
{
	for (int i = 0; i < WEIR_RESTS; i++)
		if (r->rests[i] && json_array_append_new(rests, json_pack("{s:s,s:I}", "reason", weir_rest_name(i), "unattributed_nanos",
									  (json_int_t)r->rests[i])))
			return -ENOMEM;
	return 0;
}

static int by_billed(const void *a, const void *b)
{
	const struct meter *x = a, *y = b;

	return x->billed != y->billed ? (x->billed < y->billed) - (x->billed > y->billed) : strcmp(x->name, y->name);
}

static int meters_json(struct reconcile *r, json_t *items, int64_t *ret_billed, struct weir_parts *ret)
{
	qsort(r->meters, r->meter_count, sizeof(r->meters[0]), by_billed);
	for (size_t i = 0; i < r->meter_count; i++) {
		const struct meter *m = &r->meters[i];
		json_t *o = json_pack("{s:s,s:I}", "meter", m->name, "lines", (json_int_t)m->lines);
		int e = o ? put_parts(o, m->billed, &m->parts) : -ENOMEM;

		if (!e && json_array_append(items, o))
			e = -ENOMEM;
		json_decref(o);
		if (e)
			return e;
		parts_add(ret, &m->parts);
		*ret_billed += m->billed;
	}
	return 0;
}

/* {currency, items: by meter, teams, unattributed: by reason, total, and lines where wanted} */
static int answer(struct reconcile *r, json_t **ret)
{
	view_auto_json json_t *items = json_array(), *teams = json_array(), *rests = json_array();
	view_auto_json json_t *total = json_pack("{s:s,s:I}", "meter", "total", "lines", (json_int_t)0);
	struct weir_parts all = {0};
	int64_t billed = 0, lines = 0;
	json_t *root;
	int e = items && teams && rests && total ? meters_json(r, items, &billed, &all) : -ENOMEM;

	for (size_t i = 0; i < r->meter_count; i++)
		lines += (int64_t)r->meters[i].lines;
	if (!e)
		e = put(total, "lines", lines);
	if (!e)
		e = put_parts(total, billed, &all);
	if (!e)
		e = teams_json(r, all.unattributed, teams);
	if (!e)
		e = rests_json(r, rests);
	if (e)
		return e;
	root = json_pack("{s:s,s:O,s:O,s:O,s:O}", "currency", r->settle->currency, "items", items, "teams", teams, "unattributed", rests,
			 "total", total);
	if (!root || (r->lines && json_object_set(root, "lines", r->lines))) {
		json_decref(root);
		return -ENOMEM;
	}
	*ret = root;
	return 0;
}

static int print_list(const struct cli *c, const json_t *root, const char *name, const struct view_column *columns,
		      const json_t *total, struct weir_err *err)
{
	view_auto_json json_t *list = json_pack("{s:O}", "items", json_object_get(root, name));

	return list ? view_items(c, list, columns, total, err) : -ENOMEM;
}

#define PARTS                                                                                                             \
	{"billed_nanos", "billed"}, {"measured_nanos", "measured"}, {"discount_nanos", "discount"}, {"tier_nanos", "tier"}, \
		{"over-measured_nanos", "over-measured"}, {"rounding_nanos", "rounding"}, {"unattributed_nanos", "unattributed"}

static int print(const struct cli *c, const struct reconcile *r, const json_t *root, struct weir_err *err)
{
	static const struct view_column lines[] = {
		{"line", "line"}, {"account", "account"}, {"region", "region"}, {"meter", "meter"}, {"from", "from"}, PARTS, {"rest", "because"}, {0},
	};
	static const struct view_column meters[] = {{"meter", "meter"}, PARTS, {"residual", "residual"}, {0}};
	static const struct view_column rests[] = {{"reason", "because"}, {"unattributed_nanos", "unattributed"}, {0}};
	static const struct view_column teams[] = {
		{"team", "team"}, {"measured_nanos", "measured"}, {"adjusted_nanos", "adjusted"}, {"share_nanos", "share"}, {0},
	};
	int e = 0;

	if (r->lines) {
		e = print_list(c, root, "lines", lines, NULL, err);
		if (r->line_count > r->limit)
			fprintf(c->out, "... and %" PRIu64 " more lines (--limit)\n", r->line_count - r->limit);
		fprintf(c->out, "\n");
	}
	if (!e)
		e = print_list(c, root, "items", meters, json_object_get(root, "total"), err);
	fprintf(c->out, "\n");
	if (!e)
		e = print_list(c, root, "unattributed", rests, NULL, err);
	fprintf(c->out, "\n");
	return e ? e : print_list(c, root, "teams", teams, NULL, err);
}

int cmd_bill_reconcile(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	struct settle_question q = {.bills = BILLS_DEFAULT};
	const char *metrics = NULL;
	bool lines = false;
	uint64_t limit = 100;
	const struct args_opt opts[] = {
		{"--period", ARGS_STR, &q.period}, {"--lines", ARGS_FLAG, &lines}, {"--limit", ARGS_U64, &limit},
		{"--metrics", ARGS_STR, &metrics}, SETTLE_OPTIONS(q),
	};
	weir_cleanup(reconcile_freep) struct reconcile *r = calloc(1, sizeof(*r));
	auto_settle settle = {0};
	view_auto_json json_t *root = NULL;
	int e = r ? args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err) : -ENOMEM;

	if (!e)
		e = args_check_limit(limit, err);
	if (e)
		return e;
	r->settle = &settle;
	r->limit = limit;
	r->lines = lines ? json_array() : NULL;
	e = settle_open(&settle, c, &q, hear, r, err);
	if (!e)
		e = settle_run(&settle);
	if (!e)
		e = teams_sum(r);
	if (!e)
		e = answer(r, &root);
	if (!e && metrics)
		e = residual_write(metrics, root, q.period, err);
	if (e)
		return e;
	if (!c->json)
		return print(c, r, root, err);
	prices_print_json(c, root);
	return 0;
}
