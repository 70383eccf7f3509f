/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what takes precedence over list prices. A contract, signed by people:
 *
 *   apiVersion: weir.dev/v1alpha1
 *   kind: PriceContract
 *   metadata: {name: edp-2026}
 *   spec:
 *     provider: aws
 *     organisation: acme                # optional: pools of scope organisation are over its accounts
 *     accounts: ["111111111111"]        # optional: whose bytes; needed with organisation
 *     valid_from: 2026-01-01            # and valid_to, also of a term; optional
 *     source: agreement of 2025-12-20   # and confidence, also of a term
 *     terms:
 *     - {discount: 9%}                  # of every tier of every meter
 *     - {meters: [internet-out], regions: [us-east-1], discount: 22.5%}
 *     - {meters: [nat-processing], price: "0.031"}    # per unit of the list, for all tiers
 *
 * and rates learnt from a month's bill, written by weirctl prices calibrate:
 *
 *   kind: PriceCalibration
 *   metadata: {name: aws-2026-10}
 *   spec:
 *     provider: aws
 *     month: 2026-10
 *     source: CUR of October 2026       # and confidence, also of a rate
 *     rates:
 *     - {meter: internet-out, region: us-east-1, sku: USE1-DataTransfer-Out-Bytes, price: "0.0731"}
 *     - {meter: internet-out, region: us-east-1, account: "222222222222", price: "0.08"}
 *
 * A term takes a discount or a price. It leaves free allowances and pools as they are. A calibrated rate is
 * what a unit cost in that month with tiers and allowance in it, so it has neither.
 */
#include "lib/money/book.h"

#include <time.h>

/* What was read without an error; y is where it stands. */
static int rule_add(struct weir_pricebook *b, struct weir_y *y, const struct book_rule *from, struct weir_err *err)
{
	struct book_rule **rules, *rule;
	char where[512];

	if (b->rule_count == BOOK_MAX_RULES)
		return weir_y_err(y, err, "more than %d terms and calibrated rates", BOOK_MAX_RULES);
	rules = reallocarray(b->rules, b->rule_count + 1, sizeof(*rules));
	if (rules)
		b->rules = rules;
	rule = book_alloc(b, sizeof(*rule));
	if (!rules || !rule)
		return -ENOMEM;
	*rule = *from;
	snprintf(where, sizeof(where), "%s:%u:1 spec.%s", weir_y_file(y), weir_y_line(y),
		 from->layer == WEIR_PRICE_CONTRACT ? "terms" : "rates");
	rule->where = book_string(b, where);
	if (!rule->where)
		return -ENOMEM;
	b->rules[b->rule_count++] = rule;
	return 0;
}

/* "22.5%" with up to 4 decimals, in parts of a million. */
static int read_discount(struct weir_y *y, uint64_t *ret, struct weir_err *err)
{
	uint64_t v = 0, unit = 10000;
	bool point = false, digit = false;
	const char *s, *p;
	int r = weir_y_str(y, &s, err);

	if (r < 0)
		return r;
	for (p = s; *p && *p != '%' && v <= 1000000; p++) {
		if (*p == '.' && digit && !point) {
			point = true;
			continue;
		}
		if (*p < '0' || *p > '9' || (point && unit == 1))
			break;
		unit /= point ? 10 : 1;
		v = point ? v + (uint64_t)(*p - '0') * unit : v * 10 + (uint64_t)(*p - '0') * 10000;
		digit = true;
	}
	if (!digit || strcmp(p, "%") || v > 1000000)
		return weir_y_err(y, err, "'%.60s' is no discount such as 22.5%%, from 0%% to 100%%", s);
	*ret = v;
	return 0;
}

static int read_common(struct weir_pricebook *b, struct weir_y *y, struct book_rule *rule, struct weir_err *err)
{
	int r = book_read_string(b, y, "source", &rule->source, err);

	return r < 0 ? r : book_read_confidence(y, &rule->confidence, err);
}

static int need_source(struct weir_y *y, const struct book_rule *rule, struct weir_err *err)
{
	return rule->source ? 0 : weir_y_err(y, err, "needs a source: where the price stands");
}

static int add_term(struct weir_pricebook *b, struct weir_y *y, const struct book_rule *contract, struct weir_err *err)
{
	struct weir_y *discount, *price;
	struct book_rule rule = *contract;
	int r = weir_y_map(y, err);

	if (r == 0)
		r = read_common(b, y, &rule, err);
	if (r == 0)
		r = book_read_list(b, y, "meters", NULL, &rule.meters, err);
	if (r == 0)
		r = book_read_list(b, y, "regions", NULL, &rule.regions, err);
	if (r == 0)
		r = book_read_validity(y, &rule.valid_from, &rule.valid_to, err);
	if (r < 0)
		return r;
	discount = weir_y_find(y, "discount");
	price = weir_y_find(y, "price");
	if (!discount == !price)
		return weir_y_err(y, err, "needs a discount or a price, and not both");
	if (price && !rule.meters.count)
		return weir_y_err(price, err, "a price is of meters: name them");
	rule.fixed = price;
	r = price ? book_read_price(price, &rule.nanos_per_unit, err)
		  : read_discount(discount, &rule.discount_ppm, err);
	if (r == 0)
		r = need_source(y, &rule, err);
	if (r == 0)
		r = weir_y_end(y, err);
	return r < 0 ? r : rule_add(b, y, &rule, err);
}

static int add_members(struct weir_pricebook *b, struct weir_y *spec, const struct book_rule *contract,
		       struct weir_err *err)
{
	struct weir_y *y = weir_y_find(spec, "organisation");
	const char *organisation = NULL;
	struct book_member *members;
	int r = book_read_string(b, spec, "organisation", &organisation, err);

	if (r < 0 || !y)
		return r;
	if (!contract->accounts.count)
		return weir_y_err(y, err, "an organisation needs accounts");
	members = reallocarray(b->members, b->member_count + contract->accounts.count, sizeof(*members));
	if (!members)
		return -ENOMEM;
	b->members = members;
	for (size_t i = 0; i < contract->accounts.count; i++) {
		const char *account = contract->accounts.items[i];

		for (size_t k = 0; k < b->member_count; k++)
			if (!strcmp(members[k].provider, contract->provider) && !strcmp(members[k].account, account) &&
			    strcmp(members[k].organisation, organisation))
				return weir_y_err(y, err, "account %.60s is in organisation '%.60s' too", account,
						  members[k].organisation);
		members[b->member_count++] = (struct book_member){contract->provider, account, organisation};
	}
	return 0;
}

int book_add_contract(struct weir_pricebook *b, struct weir_y *spec, struct weir_err *err)
{
	struct book_rule contract = {.layer = WEIR_PRICE_CONTRACT, .valid_to = UINT64_MAX, .sku = ""};
	struct weir_y *terms = NULL;
	int r;

	r = book_need_string(b, spec, "provider", &contract.provider, err);
	if (r == 0)
		r = read_common(b, spec, &contract, err);
	if (r == 0)
		r = book_read_list(b, spec, "accounts", NULL, &contract.accounts, err);
	if (r == 0)
		r = add_members(b, spec, &contract, err);
	if (r == 0)
		r = book_read_validity(spec, &contract.valid_from, &contract.valid_to, err);
	if (r == 0)
		r = weir_y_get(spec, "terms", &terms, err);
	if (r == 0)
		r = weir_y_seq(terms, err);
	for (size_t i = 0; r == 0 && i < weir_y_count(terms); i++)
		r = add_term(b, weir_y_item(terms, i), &contract, err);
	return r < 0 ? r : weir_y_end(spec, err);
}

/* "2026-10": from its first second to the next month's. */
static int read_month(struct weir_y *spec, struct book_rule *rule, struct weir_err *err)
{
	struct tm tm = {.tm_mday = 1};
	struct weir_y *y;
	const char *s, *end;
	int r = weir_y_get(spec, "month", &y, err);

	if (r == 0)
		r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	/* strptime() takes a month of one digit, or with a blank. */
	end = strspn(s, "0123456789-") == 7 ? strptime(s, "%Y-%m", &tm) : NULL;
	if (!end || *end || end != s + 7 || tm.tm_year < 70)
		return weir_y_err(y, err, "'%.60s' is no month such as 2026-10", s);
	rule->valid_from = (uint64_t)timegm(&tm);
	tm.tm_mon++;
	rule->valid_to = (uint64_t)timegm(&tm);
	return 0;
}

static int need_one(struct weir_pricebook *b, struct weir_y *y, const char *key, struct book_list *ret,
		    struct weir_err *err)
{
	*ret = (struct book_list){book_alloc(b, sizeof(*ret->items)), 1};
	return ret->items ? book_need_string(b, y, key, ret->items, err) : -ENOMEM;
}

static int add_rate(struct weir_pricebook *b, struct weir_y *y, const struct book_rule *month, struct weir_err *err)
{
	struct book_rule rule = *month;
	struct weir_y *price = NULL;
	int r = weir_y_map(y, err);

	if (r == 0)
		r = need_one(b, y, "meter", &rule.meters, err);
	if (r == 0)
		r = need_one(b, y, "region", &rule.regions, err);
	if (r == 0 && weir_y_find(y, "account"))
		r = need_one(b, y, "account", &rule.accounts, err);
	if (r == 0)
		r = book_read_string(b, y, "sku", &rule.sku, err);
	if (r == 0)
		r = read_common(b, y, &rule, err);
	if (r == 0)
		r = weir_y_get(y, "price", &price, err);
	if (r == 0)
		r = book_read_price(price, &rule.nanos_per_unit, err);
	if (r == 0)
		r = need_source(y, &rule, err);
	if (r == 0)
		r = weir_y_end(y, err);
	return r < 0 ? r : rule_add(b, y, &rule, err);
}

int book_add_calibration(struct weir_pricebook *b, struct weir_y *spec, struct weir_err *err)
{
	struct book_rule month = {.layer = WEIR_PRICE_CALIBRATED, .fixed = true, .sku = ""};
	struct weir_y *rates = NULL;
	int r;

	r = book_need_string(b, spec, "provider", &month.provider, err);
	if (r == 0)
		r = read_month(spec, &month, err);
	if (r == 0)
		r = read_common(b, spec, &month, err);
	if (r == 0)
		r = weir_y_get(spec, "rates", &rates, err);
	if (r == 0)
		r = weir_y_seq(rates, err);
	for (size_t i = 0; r == 0 && i < weir_y_count(rates); i++)
		r = add_rate(b, weir_y_item(rates, i), &month, err);
	return r < 0 ? r : weir_y_end(spec, err);
}
