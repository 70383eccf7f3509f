/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl statement close: freezes a month's bill, settled with what was measured of it. */
#include "cli/settle.h"

#include <inttypes.h>

#include "cli/prices.h"
#include "cli/statement.h"
#include "lib/ds/map.h"

#define PRICES_MAX 4096u

char *statement_month(int64_t time_s, char buf[PRICES_TEXT])
{
	prices_day((uint64_t)time_s, buf);
	buf[7] = '\0';
	return buf;
}

json_t *statement_head_json(const struct weir_statement_head *h)
{
	char period[PRICES_TEXT], booked[PRICES_TEXT], closed[32], invoice[48], total[48], rest[48];
	json_t *o = json_pack("{s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "period", statement_month(h->period_s, period),
			      "account", *h->account ? h->account : "all", "version", (json_int_t)h->version, "kind",
			      h->version > 1 ? "correction" : "statement", "booked", statement_month(h->booked_s, booked), "currency",
			      h->currency, "invoice", weir_bill_amount(h->invoice, invoice), "total", weir_bill_amount(h->total, total),
			      "unattributed", weir_bill_amount(h->unattributed, rest), "teams", (json_int_t)h->teams, "invoice_nanos",
			      (json_int_t)h->invoice, "total_nanos", (json_int_t)h->total, "unattributed_nanos",
			      (json_int_t)h->unattributed);

	if (!o || json_object_set_new(o, "closed", json_string(weir_time_text(h->closed_s * WEIR_NS_PER_S, closed)))) {
		json_decref(o);
		return NULL;
	}
	if (*h->payer)
		json_object_set_new(o, "payer", json_string(h->payer));
	if (strcmp(h->measured_in, h->currency) != 0 && *h->measured_in) {
		json_object_set_new(o, "measured_in", json_string(h->measured_in));
		json_object_set_new(o, "rate", json_string(weir_bill_amount(h->rate, total)));
	}
	return o;
}

/* The prices by which what was measured was measured, one for each meter and region. */
struct prices {
	struct weir_statement_price rows[PRICES_MAX];
	size_t count;
};

static const struct weir_meter *price_of(const struct weir_pricebook *b, const struct weir_settlement_claim *c)
{
	const struct weir_meter *m;

	for (size_t i = 0; (m = weir_pricebook_at(b, i)); i++)
		if (!strcmp(m->name, c->name) && (!*c->region || !strcmp(c->region, m->region)) && (uint64_t)c->from_s >= m->valid_from &&
		    (uint64_t)c->from_s < m->valid_to)
			return weir_meter_effective(m, c->account, (uint64_t)c->from_s);
	return NULL;
}

static void prices_find(const struct settle *s, struct prices *to)
{
	size_t n;
	const struct weir_settlement_claim *c = weir_settlement_claims(s->settlement, &n);

	for (size_t i = 0; i < n && to->count < PRICES_MAX; i++) {
		const struct weir_meter *m;
		size_t at = 0;

		while (at < to->count && (strcmp(to->rows[at].meter, c[i].name) != 0 || strcmp(to->rows[at].region, c[i].region) != 0))
			at++;
		m = at == to->count ? price_of(s->book, &c[i]) : NULL;
		if (m)
			to->rows[to->count++] = (struct weir_statement_price){
				.meter = c[i].name, .region = c[i].region, .layer = weir_price_layer_name(m->layer), .source = m->source,
				.confidence = weir_confidence_name(m->confidence)};
	}
}

static int add_frozen(const struct weir_settlement_claim *c, void *arg)
{
	struct settle *s = arg;

	return weir_settlement_claim(s->settlement, c, s->err);
}

struct removed {
	char months[256];
};

static void note_removed(int64_t period_s, void *arg)
{
	struct removed *r = arg;
	char month[PRICES_TEXT];
	size_t used = strlen(r->months);

	snprintf(r->months + used, sizeof(r->months) - used, "%s%s", used ? ", " : "", statement_month(period_s, month));
}

static int print(const struct cli *c, const struct weir_statement_head *h, const struct removed *removed)
{
	char month[PRICES_TEXT], booked[PRICES_TEXT], invoice[48], teams[48], rest[48], total[48];

	if (c->json) {
		view_auto_json json_t *o = statement_head_json(h);

		if (!o || json_object_set_new(o, "removed", json_string(removed->months)))
			return -ENOMEM;
		prices_print_json(c, o);
		return 0;
	}
	fprintf(c->out, "%s is closed, version %" PRIu64 ": ", statement_month(h->period_s, month), h->version);
	if (h->version == 1)
		fprintf(c->out, "invoice %s %s = teams %s + unattributed %s\n", weir_bill_amount(h->invoice, invoice), h->currency,
			weir_bill_amount((__int128)h->total - h->unattributed, teams), weir_bill_amount(h->unattributed, rest));
	else
		fprintf(c->out, "corrections of %s %s, booked in %s: the invoice is %s\n", weir_bill_amount(h->total, total), h->currency,
			statement_month(h->booked_s, booked), weir_bill_amount(h->invoice, invoice));
	if (*removed->months)
		fprintf(c->out, "removed, for it is older than %d months: %s\n", WEIR_STATEMENT_MONTHS, removed->months);
	return 0;
}

/* Between begin and freeze: the bill, and what was measured of it, anew or as it was frozen. */
static int settle_all(struct settle *s, bool ask)
{
	int r = settle_bill(s);

	if (!r)
		r = ask ? settle_measured(s)
			: weir_statement_claims(s->bills, s->q->account ? s->q->account : "", s->from_s, add_frozen, s, s->err);
	return r ? r : weir_settlement_run(s->settlement, s->err);
}

static int close_month(struct settle *s, const struct weir_statement *statement, bool ask, struct weir_statement_close *close,
		       struct removed *removed)
{
	weir_auto_free struct prices *prices = calloc(1, sizeof(*prices));
	int r = prices ? weir_statement_begin(s->bills, &close->head, s->err) : -ENOMEM;

	if (r)
		return r;
	ask |= close->head.version == 1;
	r = settle_all(s, ask);
	if (r) {
		weir_statement_abort(s->bills);
		return r;
	}
	prices_find(s, prices);
	close->head.currency = s->currency;
	close->head.measured_in = s->measured_in;
	close->head.rate = s->rate;
	close->head.payer = ask && s->q->payer ? s->q->payer : "";
	close->prices = prices->rows;
	close->price_count = prices->count;
	close->claims = weir_settlement_claims(s->settlement, &close->claim_count);
	if (!ask)
		close->claims = NULL;
	r = weir_statement_freeze(s->bills, close, statement, note_removed, removed, s->err);
	close->prices = NULL;
	return r;
}

int cmd_statement_close(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	struct settle_question q = {.bills = BILLS_DEFAULT};
	const char *operands[2] = {NULL};
	bool remeasure = false;
	const struct args_opt opts[] = {{"--remeasure", ARGS_FLAG, &remeasure}, SETTLE_OPTIONS(q)};
	weir_cleanup(weir_statement_freep) struct weir_statement *statement = NULL;
	struct weir_statement_close close = {.head = {.account = "", .closed_s = c->now_s}};
	struct removed removed = {{0}};
	auto_settle settle = {0};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "MONTH", operands, 1, 1, err);

	if (r)
		return r;
	q.period = operands[0];
	r = weir_statement_new(&statement);
	if (!r)
		r = settle_open(&settle, c, &q, weir_statement_hear, statement, err);
	if (r)
		return r;
	close.head.account = q.account ? q.account : "";
	close.head.period_s = settle.from_s;
	close.head.period_end_s = settle.to_s;
	r = close_month(&settle, statement, remeasure || q.measured[0] || q.traffic[0], &close, &removed);
	return r ? r : print(c, &close.head, &removed);
}
