/* SPDX-License-Identifier: Apache-2.0 */
/* One record's values, by the table of columns, into one row. */
#include "lib/money/bill_impl.h"

#define NANOS_PER_UNIT 1000000000

/* Where a row goes wrong: the column and why. */
struct fault {
	const char *column, *reason;
};

bool bill_absent(const struct weir_csv_field *v)
{
	if (!v->text || !v->len)
		return true;
	return v->len == 4 && (!memcmp(v->text, "NULL", 4) || !memcmp(v->text, "null", 4));
}

struct weir_csv_field *bill_find(struct weir_bill_reader *b, enum bill_kind kind, unsigned int which, const char **ret_name)
{
	const uint16_t *choice = b->choice[bill_target(kind, which)];

	for (size_t i = 0; i < BILL_CHOICES; i++) {
		struct weir_csv_field *v = choice[i] ? &b->rec.values[choice[i] - 1] : NULL;

		if (!v)
			continue;
		if (ret_name)
			*ret_name = b->slots[choice[i] - 1].name;
		if (!bill_absent(v))
			return v;
	}
	return NULL;
}

static struct weir_csv_field *other(struct weir_bill_reader *b, enum bill_other which, const char **ret_name)
{
	return bill_find(b, BILL_OTHER, which, ret_name);
}

/* For the message: what a row must have, by the table's first name when the file has no such column. */
static const char *name_of(const struct weir_bill_reader *b, enum bill_kind kind, unsigned int which, const char *found)
{
	for (size_t i = 0; !found && i < b->format->column_count; i++)
		if (b->format->columns[i].kind == kind && b->format->columns[i].which == which)
			return b->format->columns[i].name;
	return found ? found : "";
}

static int fault_at(struct weir_bill_reader *b, struct fault *f, const char *column, const char *text, const char *what)
{
	f->column = column;
	snprintf(b->reason, sizeof(b->reason), "'%.60s' %s", text, what);
	f->reason = b->reason;
	return -EINVAL;
}

static int decimal(struct weir_bill_reader *b, const char *column, const char *text, size_t len, uint64_t multiple,
		   __int128 *ret, bool *ret_rounded, struct fault *f)
{
	int r;

	for (; len && *text == ' '; text++)
		len--;
	while (len && text[len - 1] == ' ')
		len--;
	r = weir_bill_decimal(text, len, multiple, ret, ret_rounded);
	return r ? fault_at(b, f, column, text, r == -ERANGE ? "is out of range" : "is no number") : 0;
}

static int amount(struct weir_bill_reader *b, const char *column, const char *text, size_t len, int64_t *ret,
		  struct fault *f)
{
	__int128 v = 0;
	bool rounded = false;
	int r = decimal(b, column, text, len, 1, &v, &rounded, f);

	b->stats.rounded_costs += rounded;
	if (!r && (v > INT64_MAX || v < -INT64_MAX))
		return fault_at(b, f, column, text, "is out of range");
	if (!r)
		*ret = (int64_t)v;
	return r;
}

/* 0 where the value is absent. */
static int other_amount(struct weir_bill_reader *b, enum bill_other which, bool *ret_there, int64_t *ret, struct fault *f)
{
	const char *name = "";
	const struct weir_csv_field *v = other(b, which, &name);

	*ret_there = v != NULL;
	*ret = 0;
	return v ? amount(b, name, v->text, v->len, ret, f) : 0;
}

static int texts_make(struct weir_bill_reader *b, struct fault *f)
{
	struct weir_bill_row *row = &b->row;

	for (unsigned int t = 0; t < WEIR_BILL_TEXTS; t++) {
		const struct weir_csv_field *v = bill_find(b, BILL_TEXT, t, NULL);

		row->text[t] = v ? v->text : "";
	}
	if (*b->format->provider)
		row->text[WEIR_BILL_PROVIDER] = b->format->provider;
	if (!*row->text[WEIR_BILL_ACCOUNT] || !*row->text[WEIR_BILL_CURRENCY]) {
		unsigned int t = *row->text[WEIR_BILL_ACCOUNT] ? WEIR_BILL_CURRENCY : WEIR_BILL_ACCOUNT;
		const char *name = NULL;

		bill_find(b, BILL_TEXT, t, &name);
		f->column = name_of(b, BILL_TEXT, t, name);
		f->reason = "is absent";
		return -EINVAL;
	}
	return 0;
}

static int times_make(struct weir_bill_reader *b, bool *has, struct fault *f)
{
	for (unsigned int t = 0; t < WEIR_BILL_TIMES; t++) {
		const char *name = NULL;
		const struct weir_csv_field *v = bill_find(b, BILL_TIME, t, &name);

		has[t] = v != NULL;
		if (v && weir_bill_time(v->text, &b->row.time_s[t]))
			return fault_at(b, f, name, v->text, "is no time");
		if (!v && t == WEIR_BILL_CHARGE_START) {
			f->column = name_of(b, BILL_TIME, t, name);
			f->reason = "is absent";
			return -EINVAL;
		}
	}
	return 0;
}

/* "202409": GCP's month of the invoice. */
static int invoice_month(struct weir_bill_reader *b, bool *has, struct fault *f)
{
	const char *name = NULL;
	const struct weir_csv_field *v = other(b, BILL_INVOICE_MONTH, &name);
	char date[16];

	if (!v)
		return 0;
	snprintf(date, sizeof(date), "%.4s-%.2s-01", v->text, v->len == 6 ? v->text + 4 : "");
	if (weir_bill_time(date, &b->row.time_s[WEIR_BILL_PERIOD_START]))
		return fault_at(b, f, name, v->text, "is no month as 202409");
	has[WEIR_BILL_PERIOD_START] = true;
	return 0;
}

/* What is not said: a day's charge ends with it, a period is the month of the charge. */
static int periods_make(struct weir_bill_reader *b, struct fault *f)
{
	int64_t *t = b->row.time_s;
	bool has[WEIR_BILL_TIMES];
	int r = times_make(b, has, f);

	if (!r)
		r = invoice_month(b, has, f);
	if (r)
		return r;
	if (!has[WEIR_BILL_CHARGE_END])
		t[WEIR_BILL_CHARGE_END] = t[WEIR_BILL_CHARGE_START] + 86400;
	if (!has[WEIR_BILL_PERIOD_START])
		t[WEIR_BILL_PERIOD_START] = bill_month_start(t[WEIR_BILL_CHARGE_START], 0);
	/* Azure's last day is the last of the period, not the first behind it. */
	if (!has[WEIR_BILL_PERIOD_END] || t[WEIR_BILL_PERIOD_END] <= t[WEIR_BILL_PERIOD_START] ||
	    b->stats.format == WEIR_BILL_AZURE)
		t[WEIR_BILL_PERIOD_END] = bill_month_start(t[WEIR_BILL_PERIOD_START], 1);
	return 0;
}

static int quantity_make(struct weir_bill_reader *b, struct fault *f)
{
	const char *name = "";
	const struct weir_csv_field *v = other(b, BILL_QUANTITY, &name), *u = other(b, BILL_UNIT, NULL);
	struct weir_bill_row *row = &b->row;
	struct bill_unit unit = {.block = 1, .name = ""};
	uint64_t multiple;
	bool blocks = !v, rounded = false;
	__int128 n = 0;
	int r;

	if (!v) {
		v = other(b, BILL_BLOCKS, &name);
		u = other(b, BILL_BLOCK_UNIT, NULL);
	}
	if (u)
		unit = bill_unit_of(u->text, row->text[WEIR_BILL_PROVIDER]);
	row->text[WEIR_BILL_UNIT] = unit.multiple ? "Bytes" : unit.name;
	row->has_quantity = v != NULL;
	row->quantity = (struct weir_bill_quantity){0};
	if (!v)
		return 0;
	if (__builtin_mul_overflow(blocks ? unit.block : 1, unit.multiple ? unit.multiple : 1, &multiple))
		return fault_at(b, f, name, u->text, "is a unit too large");
	r = decimal(b, name, v->text, v->len, multiple, &n, &rounded, f);
	b->stats.rounded_quantities += rounded;
	if (r)
		return r;
	if (n / NANOS_PER_UNIT > INT64_MAX || n / NANOS_PER_UNIT < -INT64_MAX)
		return fault_at(b, f, name, v->text, "is out of range");
	row->quantity.whole = (int64_t)(n / NANOS_PER_UNIT);
	row->quantity.nanos = (int32_t)(n % NANOS_PER_UNIT);
	return 0;
}

struct credits {
	struct weir_bill_reader *b;
	struct fault *f;
	int64_t sum;
};

static int credit_add(const char *path, size_t len, char *text, size_t text_len, void *arg)
{
	struct credits *c = arg;
	int64_t nanos = 0;
	int r;

	if (!text || len != 6 || memcmp(path, "amount", 6) != 0)
		return 0;
	r = amount(c->b, "credits", text, text_len, &nanos, c->f);
	if (!r && __builtin_add_overflow(c->sum, nanos, &c->sum))
		return fault_at(c->b, c->f, "credits", "sum", "is out of range");
	return r;
}

/* GCP: the invoice sums the cost and its credits, which are negative. */
static int credits_make(struct weir_bill_reader *b, int64_t *ret, struct fault *f)
{
	struct credits c = {.b = b, .f = f};
	struct weir_csv_field *v = other(b, BILL_CREDITS, NULL);
	bool there;
	int r = other_amount(b, BILL_CREDIT, &there, &c.sum, f);

	if (r || !v || there) {
		*ret = c.sum;
		return r;
	}
	/* The walk changes its text, which is an extra too. */
	b->scratch.len = 0;
	r = weir_buf_add(&b->scratch, v->text, v->len);
	if (!r)
		r = bill_json_members((char *)b->scratch.data, v->len, credit_add, &c);
	if (r == -EINVAL && !f->reason)
		r = fault_at(b, f, "credits", v->text, "is no JSON of credits");
	*ret = c.sum;
	return r;
}

/* What of a fee nobody used: the parts of a reservation's, or the whole less what was used of a plan's. */
static int fee_rest(struct weir_bill_reader *b, enum bill_effective how, int64_t *ret, struct fault *f)
{
	const uint16_t *choice = b->choice[bill_target(BILL_OTHER, BILL_RI_UNUSED)];
	int64_t total = 0, used = 0;
	bool any = false, there;
	int r = 0;

	for (size_t i = 0; how == BILL_EFF_RI_FEE && !r && i < BILL_CHOICES; i++) {
		const struct weir_csv_field *v = choice[i] ? &b->rec.values[choice[i] - 1] : NULL;

		if (!v || bill_absent(v))
			continue;
		any = true;
		r = amount(b, b->slots[choice[i] - 1].name, v->text, v->len, &used, f);
		if (!r && __builtin_add_overflow(total, used, &total))
			return fault_at(b, f, b->slots[choice[i] - 1].name, v->text, "is out of range");
	}
	if (how == BILL_EFF_SP_FEE) {
		r = other_amount(b, BILL_SP_TOTAL, &any, &total, f);
		if (!r)
			r = other_amount(b, BILL_SP_USED, &there, &used, f);
		if (!r && __builtin_sub_overflow(total, used, &total))
			return fault_at(b, f, "savingsplan", "commitment", "is out of range");
	}
	if (!r && any)
		*ret = total;
	return r;
}

static int effective_make(struct weir_bill_reader *b, enum bill_effective how, struct fault *f)
{
	int64_t *effective = &b->row.nanos[WEIR_BILL_EFFECTIVE], v;
	bool plans = b->choice[bill_target(BILL_OTHER, BILL_SP_COST)][0] != 0, there = false;
	int r = 0;

	*effective = b->row.nanos[WEIR_BILL_BILLED];
	switch (how) {
	case BILL_EFF_RI:
	case BILL_EFF_SP:
		r = other_amount(b, how == BILL_EFF_RI ? BILL_RI_COST : BILL_SP_COST, &there, &v, f);
		if (!r && there)
			*effective = v;
		return r;
	case BILL_EFF_RI_FEE:
	case BILL_EFF_SP_FEE:
		return fee_rest(b, how, effective, f);
	case BILL_EFF_ZERO:
		/* Without the plans' columns the effective cost is the billed one throughout, or the sums would differ. */
		if (plans)
			*effective = 0;
		return 0;
	case BILL_EFF_BILLED:
		return 0;
	}
	return 0;
}

static int costs_make(struct weir_bill_reader *b, struct fault *f)
{
	const struct weir_csv_field *type = other(b, BILL_TYPE, NULL);
	const struct bill_type *t = type ? bill_type_find(b->stats.format, type->text) : NULL;
	struct weir_bill_row *row = &b->row;
	int64_t credits = 0;
	int r = 0;

	for (unsigned int c = 0; !r && c < WEIR_BILL_COSTS; c++) {
		const char *name = NULL;
		const struct weir_csv_field *v = bill_find(b, BILL_COST, c, &name);

		row->nanos[c] = 0;
		row->has_cost[c] = v != NULL;
		if (v)
			r = amount(b, name, v->text, v->len, &row->nanos[c], f);
		if (r || v || c != WEIR_BILL_BILLED)
			continue;
		f->column = name_of(b, BILL_COST, c, name);
		f->reason = "is absent";
		r = -EINVAL;
	}
	if (r || b->stats.format == WEIR_BILL_FOCUS)
		return r;
	row->text[WEIR_BILL_CATEGORY] = t ? t->category : type ? type->text : "Usage";
	row->text[WEIR_BILL_CLASS] = t ? t->class : "";
	if (b->stats.format == WEIR_BILL_GCP) {
		r = credits_make(b, &credits, f);
		if (!r && __builtin_add_overflow(row->nanos[WEIR_BILL_BILLED], credits, &row->nanos[WEIR_BILL_BILLED]))
			return fault_at(b, f, "credits", "sum", "is out of range");
	}
	row->has_cost[WEIR_BILL_EFFECTIVE] = true;
	return r ? r : effective_make(b, t ? t->effective : BILL_EFF_BILLED, f);
}

static void extras_make(struct weir_bill_reader *b)
{
	struct weir_bill_row *row = &b->row;

	row->extras = b->extras;
	row->extra_count = 0;
	for (size_t i = 0; i < b->other_count; i++) {
		const struct weir_csv_field *v = &b->rec.values[b->others[i]];

		if (!bill_absent(v))
			b->extras[row->extra_count++] = (struct weir_bill_extra){b->slots[b->others[i]].name, v->text};
	}
}

int bill_row_make(struct weir_bill_reader *b, const char **ret_column, const char **ret_reason)
{
	struct fault f = {.column = ""};
	int r;

	b->row.line = b->rec.line;
	extras_make(b);
	r = texts_make(b, &f);
	if (!r)
		r = periods_make(b, &f);
	if (!r)
		r = quantity_make(b, &f);
	if (!r)
		r = costs_make(b, &f);
	if (!r)
		r = bill_tags_make(b);
	if (!r)
		r = bill_product_make(b);
	if (r == -EINVAL) {
		*ret_column = f.column;
		*ret_reason = f.reason ? f.reason : "cannot be read";
	}
	return r;
}
