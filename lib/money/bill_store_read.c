/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of stored bills, one by one. */
#include "lib/money/bill_store_impl.h"

#define LINES                                                                                                             \
	"SELECT l.id,b.account,i.provider,CASE WHEN i.sub_account<>'' THEN i.sub_account ELSE b.account END,i.service,i.sku," \
	"i.meter,i.usage_type,i.region,i.resource,i.category,i.class,i.network,i.unit,i.currency,l.start,l.\"end\",l.quantity," \
	"l.quantity_nanos,l.list,l.contracted,l.effective,l.billed " BILLS_LINES_OF
enum at { AT_ID, AT_TEXTS, AT_FROM = 15, AT_TO, AT_QUANTITY, AT_NANOS, AT_COSTS };

static void read_line(sqlite3_stmt *st, struct weir_bill_line *l)
{
	const char **const texts[] = {
		&l->bill_account, &l->provider, &l->account, &l->service, &l->sku, &l->meter, &l->usage_type, &l->region,
		&l->resource, &l->category, &l->class, &l->network, &l->unit, &l->currency,
	};
	_Static_assert(WEIR_ARRAY_SIZE(texts) == AT_FROM - AT_TEXTS, "one each");

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++)
		*texts[i] = bills_text(st, AT_TEXTS + (int)i);
	l->id = sqlite3_column_int64(st, AT_ID);
	l->from_s = sqlite3_column_int64(st, AT_FROM);
	l->to_s = sqlite3_column_int64(st, AT_TO);
	l->has_quantity = sqlite3_column_type(st, AT_QUANTITY) != SQLITE_NULL;
	l->quantity = (struct weir_bill_quantity){sqlite3_column_int64(st, AT_QUANTITY), sqlite3_column_int(st, AT_NANOS)};
	for (int c = 0; c < WEIR_BILL_COSTS; c++) {
		l->has_cost[c] = sqlite3_column_type(st, AT_COSTS + c) != SQLITE_NULL;
		l->nanos[c] = sqlite3_column_int64(st, AT_COSTS + c);
	}
}

int weir_bills_lines(struct weir_bills *b, const struct weir_bill_query *q, int (*fn)(const struct weir_bill_line *l, void *arg),
		     void *arg, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int code, r = bills_prepare(b, LINES, &st, err);
	bool any = false;

	if (!r)
		bills_bind(st, q);
	while (!r && (code = sqlite3_step(st)) != SQLITE_DONE) {
		struct weir_bill_line l;

		if (code != SQLITE_ROW)
			return bills_fail(b, code, err);
		any = true;
		read_line(st, &l);
		r = fn(&l, arg);
	}
	if (!r && !any)
		return weir_err_set(err, -ENOENT, "%s: holds no such bill; weirctl bill list names what it holds", b->path);
	return r;
}

int weir_bills_line_place(struct weir_bills *b, int64_t id, char **ret, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int code, r = bills_prepare(b,
				    "SELECT f.name,l.line FROM line l JOIN bill b ON b.id=l.bill JOIN file f ON f.id=b.file WHERE l.id=?",
				    &st, err);

	if (r)
		return r;
	sqlite3_bind_int64(st, 1, id);
	code = sqlite3_step(st);
	if (code != SQLITE_ROW)
		return bills_fail(b, code, err);
	*ret = weir_strf("%s:%lld", bills_text(st, 0), (long long)sqlite3_column_int64(st, 1));
	return *ret ? 0 : -ENOMEM;
}
