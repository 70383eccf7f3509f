/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl prices calibrate: what a month's bill teaches about prices, as a document for the policy repository. */
#include "cli/args.h"
#include "cli/bill.h"
#include "cli/prices.h"
#include "lib/money/calibration.h"

#include <ctype.h>
#include <inttypes.h>

struct calibrate {
	const struct weir_pricebook *book;
	struct weir_charges *charges;
	struct weir_calibration *calibration;
	const char *period;
	FILE *out;
	char provider[64]; /* of the document that is being written */
	size_t rates;
	char currency[16];
	struct weir_err *err;
};

static void calibrate_fini(struct calibrate *k)
{
	weir_charges_free(k->charges);
	weir_calibration_free(k->calibration);
}

static int add_line(const struct weir_bill_line *l, void *arg)
{
	struct calibrate *k = arg;
	struct weir_charge charge;
	int r = weir_charges_of(k->charges, l, &charge);

	if (r || !charge.list)
		return r;
	if (strcmp(l->currency, weir_pricebook_currency(k->book)) != 0)
		return weir_err_set(k->err, -EINVAL, "the bill has charges in %s, prices are in %s: choose others with --account", l->currency,
				    weir_pricebook_currency(k->book));
	(void)weir_strcpy(k->currency, sizeof(k->currency), l->currency);
	r = weir_calibration_line(k->calibration, &charge, l->account, l->nanos[WEIR_BILL_BILLED]);
	return r == -E2BIG ? weir_err_set(k->err, r, "more than %u rates; choose with --account", WEIR_CALIBRATION_RATES_MAX) : r;
}

/* Text for a double-quoted scalar; a bill's account may be anything. */
static void quote(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			fprintf(f, "\\%c", *text);
		else
			fputc(iscntrl((unsigned char)*text) ? '?' : *text, f);
	fputc('"', f);
}

static int write_rate(const struct weir_rate *r, void *arg)
{
	struct calibrate *k = arg;
	char price[PRICES_TEXT];

	if (r->why != WEIR_RATE_OK) {
		bool placed = r->why != WEIR_RATE_NO_REGION;

		fprintf(stderr, "%s%s%s%s%s: %s: no rate\n", r->meter->name, placed ? " in " : "", placed ? r->meter->region : "",
			*r->account ? " of " : "", r->account, weir_rate_why(r->why));
		return 0;
	}
	if (strcmp(k->provider, r->meter->provider) != 0) {
		fprintf(k->out, "%sapiVersion: weir.dev/v1alpha1\nkind: PriceCalibration\nmetadata: {name: %s-%s}\nspec:\n  provider: %s\n"
				"  month: %s\n  confidence: high\n  source: bill of %s\n  rates:\n",
			k->rates ? "---\n" : "", r->meter->provider, k->period, r->meter->provider, k->period, k->period);
		(void)weir_strcpy(k->provider, sizeof(k->provider), r->meter->provider);
	}
	fprintf(k->out, "  - {meter: %s, region: %s", r->meter->name, r->meter->region);
	if (*r->account) {
		fprintf(k->out, ", account: ");
		quote(k->out, r->account);
	}
	fprintf(k->out, ", sku: ");
	quote(k->out, r->meter->sku);
	fprintf(k->out, ", price: \"%s\"}\n", prices_price(r->nanos_per_unit, price));
	k->rates++;
	return 0;
}

static int write_all(struct calibrate *k, const struct cli *c, const char *out)
{
	weir_auto_fclose FILE *file = out ? fopen(out, "wxe") : NULL;
	int r;

	if (out && !file)
		return weir_err_set(k->err, -errno, "%s: cannot be made: %s", out, strerror(errno));
	k->out = file ? file : c->out;
	r = weir_calibration_each(k->calibration, write_rate, k);
	if (!r && (fflush(k->out) || ferror(k->out)))
		r = weir_err_set(k->err, -EIO, "%s: cannot be written", out ? out : "output");
	if (!r && !k->rates) {
		if (out)
			unlink(out);
		return weir_err_set(k->err, -ENOENT, "the bill of %s teaches no rate", k->period);
	}
	return r;
}

int cmd_prices_calibrate(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	const char *path = BILLS_DEFAULT, *dir = NULL, *out = NULL;
	struct weir_bill_query q = {0};
	bool by_account = false;
	weir_cleanup(calibrate_fini) struct calibrate k = {.period = "", .err = err};
	const struct args_opt opts[] = {
		{"--bills", ARGS_STR, &path}, {"--period", ARGS_STR, &k.period}, {"--account", ARGS_STR, &q.account},
		{"--dir", ARGS_STR, &dir},    {"--out", ARGS_STR, &out},	 {"--by-account", ARGS_FLAG, &by_account},
	};
	prices_auto_book struct weir_pricebook *book = NULL;
	weir_auto_bills struct weir_bills *bills = NULL;
	int64_t to;
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = bill_period(k.period, &q.period_start_s, &to, err);
	if (!r)
		r = prices_load(dir, &book, prices_complain, NULL);
	if (!r)
		r = weir_bills_open(path, false, &bills, err);
	if (r)
		return r;
	k.book = book;
	r = weir_charges_new(book, &k.charges);
	if (!r)
		r = weir_calibration_new(book, by_account, &k.calibration);
	if (!r)
		r = weir_bills_lines(bills, &q, add_line, &k, err);
	return r ? r : write_all(&k, c, out);
}
