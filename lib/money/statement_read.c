/* SPDX-License-Identifier: Apache-2.0 */
/* What statements say, as it was frozen. */
#include "lib/money/bill_store_impl.h"
#include "lib/money/statement.h"

/* Calls row for each row of an answer to account ?1, period ?2, version ?3 and, where it is asked for, team ?4. */
static int each(struct weir_bills *b, const char *sql, const struct weir_statement_head *h, const char *team,
		int (*row)(sqlite3_stmt *st, void *arg), void *arg, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int code, r = bills_prepare(b, sql, &st, err);

	if (r)
		return r;
	if (h) {
		sqlite3_bind_text(st, 1, h->account, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 2, h->period_s);
		sqlite3_bind_int64(st, 3, (int64_t)h->version);
	}
	if (team)
		sqlite3_bind_text(st, 4, team, -1, SQLITE_STATIC);
	while (!r && (code = sqlite3_step(st)) != SQLITE_DONE) {
		if (code != SQLITE_ROW)
			return bills_fail(b, code, err);
		r = row(st, arg);
	}
	return r;
}
#define OF "(SELECT id FROM statement_head WHERE account=?1 AND period=?2 AND version=?3)"

struct heads {
	int (*fn)(const struct weir_statement_head *h, void *arg);
	void *arg;
};

static int head_row(sqlite3_stmt *st, void *arg)
{
	const struct heads *to = arg;
	const struct weir_statement_head h = {
		.account = bills_text(st, 0), .period_s = sqlite3_column_int64(st, 1), .period_end_s = sqlite3_column_int64(st, 2),
		.version = (uint64_t)sqlite3_column_int64(st, 3), .booked_s = sqlite3_column_int64(st, 4), .currency = bills_text(st, 5),
		.measured_in = bills_text(st, 6), .rate = sqlite3_column_int64(st, 7),
		.closed_s = (uint64_t)sqlite3_column_int64(st, 8), .invoice = sqlite3_column_int64(st, 9),
		.total = sqlite3_column_int64(st, 10), .unattributed = sqlite3_column_int64(st, 11),
		.teams = (uint64_t)sqlite3_column_int64(st, 12), .payer = bills_text(st, 13),
	};

	return to->fn(&h, to->arg);
}

int weir_statement_heads(struct weir_bills *b, int (*fn)(const struct weir_statement_head *h, void *arg), void *arg,
			 struct weir_err *err)
{
	struct heads to = {fn, arg};

	return each(b, "SELECT account,period,period_end,version,booked,currency,measured_in,rate,closed,invoice,total,unattributed,teams,payer "
		       "FROM statement_head ORDER BY period,account,version", NULL, NULL, head_row, &to, err);
}

struct lines {
	int (*fn)(const struct weir_statement_line *l, void *arg);
	void *arg;
};

static int line_row(sqlite3_stmt *st, void *arg)
{
	const struct lines *to = arg;
	const struct weir_statement_line l = {
		.team = bills_text(st, 0), .account = bills_text(st, 1), .service = bills_text(st, 2), .meter = bills_text(st, 3),
		.path = bills_text(st, 4), .reason = bills_text(st, 5), .bytes = sqlite3_column_int64(st, 6),
		.measured = sqlite3_column_int64(st, 7), .adjusted = sqlite3_column_int64(st, 8), .total = sqlite3_column_int64(st, 9),
	};

	return to->fn(&l, to->arg);
}

#define LINES "SELECT team,account,service,meter,path,reason,bytes,measured,adjusted,total FROM statement_line WHERE statement=" OF
int weir_statement_lines(struct weir_bills *b, const struct weir_statement_head *h, const char *team,
			 int (*fn)(const struct weir_statement_line *l, void *arg), void *arg, struct weir_err *err)
{
	struct lines to = {fn, arg};

	return each(b, team ? LINES " AND team=?4 ORDER BY ABS(total) DESC,1,2,3,4,5,6" : LINES " ORDER BY 1,ABS(total) DESC,2,3,4,5,6", h,
		    team, line_row, &to, err);
}

struct of_bills {
	int (*fn)(const char *account, uint64_t version, const char *sha256, void *arg);
	void *arg;
};

static int bill_row(sqlite3_stmt *st, void *arg)
{
	const struct of_bills *to = arg;

	return to->fn(bills_text(st, 0), (uint64_t)sqlite3_column_int64(st, 1), bills_text(st, 2), to->arg);
}

int weir_statement_bills(struct weir_bills *b, const struct weir_statement_head *h,
			 int (*fn)(const char *account, uint64_t version, const char *sha256, void *arg), void *arg,
			 struct weir_err *err)
{
	struct of_bills to = {fn, arg};

	return each(b, "SELECT account,version,lower(hex(sha256)) FROM statement_bill WHERE statement=" OF " ORDER BY 1,2", h, NULL,
		    bill_row, &to, err);
}

struct prices {
	int (*fn)(const struct weir_statement_price *p, void *arg);
	void *arg;
};

static int price_row(sqlite3_stmt *st, void *arg)
{
	const struct prices *to = arg;
	const struct weir_statement_price p = {
		.meter = bills_text(st, 0), .region = bills_text(st, 1), .layer = bills_text(st, 2), .source = bills_text(st, 3),
		.confidence = bills_text(st, 4),
	};

	return to->fn(&p, to->arg);
}

int weir_statement_prices(struct weir_bills *b, const struct weir_statement_head *h,
			  int (*fn)(const struct weir_statement_price *p, void *arg), void *arg, struct weir_err *err)
{
	struct prices to = {fn, arg};

	return each(b, "SELECT meter,region,layer,source,confidence FROM statement_price WHERE statement=" OF " ORDER BY 1,2", h, NULL,
		    price_row, &to, err);
}

struct claims {
	int (*fn)(const struct weir_settlement_claim *c, void *arg);
	void *arg;
};

static int claim_row(sqlite3_stmt *st, void *arg)
{
	const struct claims *to = arg;
	const struct weir_settlement_claim c = {
		.meter = bills_text(st, 0), .name = bills_text(st, 1), .account = bills_text(st, 2), .region = bills_text(st, 3),
		.team = bills_text(st, 4), .path = bills_text(st, 5), .from_s = sqlite3_column_int64(st, 6),
		.to_s = sqlite3_column_int64(st, 7), .bytes = (uint64_t)sqlite3_column_int64(st, 8),
		.by_hour = sqlite3_column_int(st, 9) != 0, .measured = sqlite3_column_int64(st, 10),
	};

	return to->fn(&c, to->arg);
}

/* Of the last version that asked for it. */
int weir_statement_claims(struct weir_bills *b, const char *account, int64_t period_s,
			  int (*fn)(const struct weir_settlement_claim *c, void *arg), void *arg, struct weir_err *err)
{
	const struct weir_statement_head h = {.account = account, .period_s = period_s};
	struct claims to = {fn, arg};

	return each(b, "SELECT meter,name,account,region,team,path,start,\"end\",bytes,by_hour,measured FROM statement_claim WHERE statement="
		       "(SELECT MAX(c.statement) FROM statement_claim c JOIN statement_head h ON h.id=c.statement "
		       "WHERE h.account=?1 AND h.period=?2 AND ?3=0) ORDER BY rowid", &h, NULL, claim_row, &to, err);
}
