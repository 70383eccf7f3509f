/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl bill reconcile: a month's bill beside what was measured, so that the parts sum to the bill. */
#include "cli/args.h"
#include "cli/bill.h"
#include "cli/prices.h"
#include "lib/money/bill_store.h"
#include "lib/money/reconcile.h"

#include <inttypes.h>

#define USAGES_MAX 100000
#define METERS_MAX 512u
#define TEAMS_MAX 4096u
#define CLAIMS_MAX 65536u
#define NOT_METERED "(no meter)" /* of the bill, that no price book names */

struct meter {
	const char *name; /* owned */
	__int128 billed, list, bytes;
};
struct claim_of {
	uint32_t meter, team;
	struct weir_claim claim;
};
struct reconcile {
	const struct weir_pricebook *book;
	char currency[16];
	struct meter meters[METERS_MAX];
	char *teams[TEAMS_MAX];
	struct claim_of claims[CLAIMS_MAX];
	size_t meter_count, team_count, claim_count, usages;
	struct weir_err *err;
};

static void reconcile_freep(struct reconcile **rc)
{
	struct reconcile *r = *rc;

	for (size_t i = 0; r && i < r->meter_count; i++)
		free((char *)r->meters[i].name);
	for (size_t i = 0; r && i < r->team_count; i++)
		free(r->teams[i]);
	free(r);
}

static int meter_of(struct reconcile *r, const char *name, uint32_t *ret)
{
	char *copy;

	for (size_t i = 0; i < r->meter_count; i++)
		if (!strcmp(r->meters[i].name, name)) {
			*ret = (uint32_t)i;
			return 0;
		}
	copy = r->meter_count < METERS_MAX ? strdup(name) : NULL;
	if (!copy)
		return r->meter_count < METERS_MAX ? -ENOMEM : weir_err_set(r->err, -EINVAL, "more than %u meters", METERS_MAX);
	*ret = (uint32_t)r->meter_count;
	r->meters[r->meter_count++] = (struct meter){.name = copy};
	return 0;
}

static int team_of(struct reconcile *r, const char *name, uint32_t *ret)
{
	for (size_t i = 0; i < r->team_count; i++)
		if (!strcmp(r->teams[i], name)) {
			*ret = (uint32_t)i;
			return 0;
		}
	if (r->team_count == TEAMS_MAX)
		return weir_err_set(r->err, -EINVAL, "more than %u teams", TEAMS_MAX);
	r->teams[r->team_count] = strdup(name);
	if (!r->teams[r->team_count])
		return -ENOMEM;
	*ret = (uint32_t)r->team_count++;
	return 0;
}

/* The meter with the longest pattern that fits. */
static const char *meter_named(const struct weir_pricebook *b, const char *usage)
{
	const struct weir_meter *m, *best = NULL;

	for (size_t i = 0; (m = weir_pricebook_at(b, i)); i++)
		if (*m->sku && (!best || strlen(m->sku) > strlen(best->sku)) && weir_sku_matches(m->sku, usage))
			best = m;
	return best ? best->name : NOT_METERED;
}

static int add_usage(const struct weir_bill_sum *s, void *arg)
{
	struct reconcile *r = arg;
	uint32_t at;
	int e;

	if (*r->currency && strcmp(r->currency, s->currency) != 0)
		return weir_err_set(r->err, -EINVAL, "the bill has charges in %s and in %s: choose one with --account", r->currency,
				    s->currency);
	if (++r->usages == USAGES_MAX)
		return weir_err_set(r->err, -EINVAL, "the bill has more than %d kinds of usage", USAGES_MAX);
	(void)weir_strcpy(r->currency, sizeof(r->currency), s->currency);
	e = meter_of(r, meter_named(r->book, s->key), &at);
	if (e)
		return e;
	r->meters[at].billed += s->nanos[WEIR_BILL_BILLED];
	r->meters[at].list += s->nanos[WEIR_BILL_LIST];
	r->meters[at].bytes += s->bytes;
	return 0;
}

/* An item of weirctl cost --by team,meter --json. */
static int add_measured(struct reconcile *r, const json_t *item)
{
	const char *team = json_string_value(json_object_get(item, "team")), *meter = json_string_value(json_object_get(item, "meter"));
	json_int_t bytes = json_integer_value(json_object_get(item, "bytes")), nanos = json_integer_value(json_object_get(item, "nanos"));
	struct claim_of *c = &r->claims[r->claim_count];
	int e;

	if (!team || !meter || bytes < 0 || nanos < 0 || !json_is_integer(json_object_get(item, "nanos")))
		return weir_err_set(r->err, -EINVAL, "measured: an item without team, meter, bytes and nanos; it must be by team,meter");
	if (!bytes || !nanos) /* free, or unpriced: no line of a bill has it */
		return 0;
	if (r->claim_count == CLAIMS_MAX)
		return weir_err_set(r->err, -EINVAL, "measured: more than %u items", CLAIMS_MAX);
	c->claim = (struct weir_claim){.bytes = (uint64_t)bytes, .measured = nanos};
	e = meter_of(r, meter, &c->meter);
	if (!e)
		e = team_of(r, *team ? team : "(no team)", &c->team);
	r->claim_count += !e;
	return e;
}

static int read_measured(const struct cli *c, const char *file, uint64_t from, uint64_t to, struct reconcile *r)
{
	struct cli quiet = *c;
	view_auto_json json_t *root = NULL;
	const char *currency;
	json_error_t je;
	json_t *item;
	size_t i;
	int e = 0;

	quiet.json = false;
	if (file && !(root = json_load_file(file, 0, &je)))
		return weir_err_set(r->err, -EINVAL, "%s:%d: %s", file, je.line, je.text);
	if (!file)
		e = view_fetch_made(&quiet, weir_strf("/api/v1/cost?by=team,meter&from=%" PRIu64 "&to=%" PRIu64, from, to), &root,
				    r->err);
	if (e)
		return e;
	currency = json_string_value(json_object_get(root, "currency"));
	if (json_array_size(json_object_get(root, "items")) && (!currency || strcmp(currency, r->currency) != 0))
		return weir_err_set(r->err, -EINVAL, "measured in %s, billed in %s", currency ? currency : "nothing", r->currency);
	json_array_foreach (json_object_get(root, "items"), i, item)
		if ((e = add_measured(r, item)))
			return e;
	return 0;
}

static int put(json_t *o, const char *name, int64_t nanos)
{
	return json_object_set_new(o, name, json_integer(nanos)) ? -ENOMEM : 0;
}

static json_t *parts_json(const char *name, const char *value, int64_t billed, const struct weir_parts *p)
{
	json_t *o = json_pack("{s:s}", name, value);
	char field[40];
	int r = o ? put(o, "billed_nanos", billed) : -ENOMEM;

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
	if (r) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static void parts_add(struct weir_parts *to, const struct weir_parts *p)
{
	to->measured += p->measured;
	to->adjusted += p->adjusted;
	to->unattributed += p->unattributed;
	for (int i = 0; i < WEIR_ADJUSTMENTS; i++)
		to->reasons[i] += p->reasons[i];
}

/* One meter: its line, and the claims of teams, whose shares go to theirs. */
static int settle(struct reconcile *r, uint32_t meter, int64_t shares[][2], struct weir_parts *ret)
{
	const struct meter *m = &r->meters[meter];
	weir_auto_free struct weir_claim *claims = calloc(r->claim_count + 1, sizeof(*claims));
	struct weir_line line = {.billed = (int64_t)m->billed, .list = (int64_t)m->list, .has_list = m->list != 0,
				 .bytes = (uint64_t)(m->bytes / 1000000000)};
	size_t n = 0;
	int e;

	if (!claims)
		return -ENOMEM;
	if (m->billed > INT64_MAX / 4 || m->billed < INT64_MIN / 4 || m->bytes < 0)
		return weir_err_set(r->err, -ERANGE, "meter %s: billed more than fits, or bytes below 0", m->name);
	if (!strcmp(m->name, NOT_METERED))
		line.bytes = 0;
	for (size_t i = 0; i < r->claim_count; i++)
		if (r->claims[i].meter == meter)
			claims[n++] = r->claims[i].claim;
	e = weir_reconcile(&line, claims, n, ret);
	n = 0;
	for (size_t i = 0; !e && i < r->claim_count; i++)
		if (r->claims[i].meter == meter) {
			shares[r->claims[i].team][0] += claims[n].measured;
			shares[r->claims[i].team][1] += claims[n++].adjusted;
		}
	return e;
}

static int teams_json(const struct reconcile *r, int64_t shares[][2], int64_t unattributed, json_t *teams)
{
	for (size_t i = 0; i <= r->team_count; i++) {
		bool rest = i == r->team_count;
		json_t *o = json_pack("{s:s,s:I,s:I,s:I}", "team", rest ? "unattributed" : r->teams[i], "measured_nanos",
				      (json_int_t)(rest ? 0 : shares[i][0]), "adjusted_nanos", (json_int_t)(rest ? 0 : shares[i][1]),
				      "share_nanos", (json_int_t)(rest ? unattributed : shares[i][0] + shares[i][1]));

		if (json_array_append_new(teams, o))
			return -ENOMEM;
	}
	return 0;
}

/* {currency, items: by meter, teams, total} */
static int reconcile(struct reconcile *r, json_t **ret)
{
	view_auto_json json_t *items = json_array(), *teams = json_array(), *total = NULL, *root = NULL;
	weir_auto_free int64_t (*shares)[2] = calloc(r->team_count + 1, sizeof(*shares));
	struct weir_parts all = {0};
	int64_t billed = 0;
	int e = items && teams && shares ? 0 : -ENOMEM;

	for (uint32_t i = 0; !e && i < r->meter_count; i++) {
		struct weir_parts p;

		e = settle(r, i, shares, &p);
		if (e)
			break;
		billed += (int64_t)r->meters[i].billed;
		parts_add(&all, &p);
		if (json_array_append_new(items, parts_json("meter", r->meters[i].name, (int64_t)r->meters[i].billed, &p)))
			e = -ENOMEM;
	}
	if (!e)
		e = teams_json(r, shares, all.unattributed, teams);
	if (!e && !(total = parts_json("meter", "total", billed, &all)))
		e = -ENOMEM;
	if (!e)
		root = json_pack("{s:s,s:O,s:O,s:O}", "currency", r->currency, "items", items, "teams", teams, "total", total);
	if (e || !root)
		return e ? e : -ENOMEM;
	*ret = weir_take_ptr(root);
	return 0;
}

static int print(const struct cli *c, const json_t *root, struct weir_err *err)
{
	static const struct view_column meters[] = {
		{"meter", "meter"}, {"billed_nanos", "billed"}, {"measured_nanos", "measured"}, {"discount_nanos", "discount"},
		{"tier_nanos", "tier"}, {"over-measured_nanos", "over-measured"}, {"rounding_nanos", "rounding"},
		{"unattributed_nanos", "unattributed"}, {"residual", "residual"}, {0},
	};
	static const struct view_column teams[] = {
		{"team", "team"}, {"measured_nanos", "measured"}, {"adjusted_nanos", "adjusted"}, {"share_nanos", "share"}, {0},
	};
	view_auto_json json_t *second = json_pack("{s:O}", "items", json_object_get(root, "teams"));
	int r = second ? view_items(c, root, meters, json_object_get(root, "total"), err) : -ENOMEM;

	if (r)
		return r;
	fprintf(c->out, "\n");
	return view_items(c, second, teams, NULL, err);
}

int cmd_bill_reconcile(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	const char *path = BILLS_DEFAULT, *period = NULL, *dir = NULL, *measured = NULL;
	struct weir_bill_query q = {.by = "usage", .limit = USAGES_MAX};
	const struct args_opt opts[] = {
		{"--bills", ARGS_STR, &path}, {"--period", ARGS_STR, &period}, {"--account", ARGS_STR, &q.account},
		{"--dir", ARGS_STR, &dir},    {"--measured", ARGS_STR, &measured},
	};
	weir_cleanup(reconcile_freep) struct reconcile *rc = calloc(1, sizeof(*rc));
	prices_auto_book struct weir_pricebook *book = NULL;
	weir_auto_bills struct weir_bills *bills = NULL;
	view_auto_json json_t *root = NULL;
	int64_t to;
	int r = rc ? args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err) : -ENOMEM;

	if (!r)
		r = bill_period(period ? period : "", &q.period_start_s, &to, err);
	if (!r)
		r = prices_load(dir, &book, prices_complain, NULL);
	if (!r)
		r = weir_bills_open(path, false, &bills, err);
	if (r)
		return r;
	rc->book = book;
	rc->err = err;
	r = weir_bills_sums(bills, &q, add_usage, rc, err);
	if (!r)
		r = read_measured(c, measured, (uint64_t)q.period_start_s, (uint64_t)to, rc);
	if (!r)
		r = reconcile(rc, &root);
	if (r)
		return r;
	if (!c->json)
		return print(c, root, err);
	prices_print_json(c, root);
	return 0;
}
