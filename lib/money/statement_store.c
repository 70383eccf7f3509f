/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements in the file of bills:
 *
 * statement_keep   the month before which what is booked may be removed; only grows
 * statement_line   what a statement says; its texts are those of the line, team '' = unattributed
 * statement_bill   which versions of which bills it is of
 * statement_price  which prices were measured by
 * statement_claim  what was measured, where it was asked for: a correction is dealt from the same again
 * statement_head   the statement itself, written last: what has a head is sealed
 *
 * Triggers keep all of it from being changed, added to or removed too early, by whatever tool.
 */
#include "lib/money/bill_store_impl.h"
#include "lib/money/statement.h"

#include <time.h>

#define CLOSED "SELECT RAISE(ABORT,'a closed statement never changes');"
#define KEPT "SELECT RAISE(ABORT,'a statement is kept for 13 months');"
#define SEALED "EXISTS(SELECT 1 FROM statement_head h WHERE h.id=NEW.statement)"
#define BOOKED "(SELECT booked FROM statement_head h WHERE h.id=OLD.statement)>=(SELECT since FROM statement_keep)"
#define PART(name, columns)                                                                                   \
	"CREATE TABLE statement_" name "(statement INTEGER NOT NULL," columns ");"                            \
	"CREATE INDEX statement_" name "_of ON statement_" name "(statement);"                                \
	"CREATE TRIGGER statement_" name "_changed BEFORE UPDATE ON statement_" name " BEGIN " CLOSED " END;" \
	"CREATE TRIGGER statement_" name "_added BEFORE INSERT ON statement_" name " WHEN " SEALED " BEGIN " CLOSED " END;" \
	"CREATE TRIGGER statement_" name "_removed BEFORE DELETE ON statement_" name " WHEN " BOOKED " BEGIN " KEPT " END;"

const char bills_statement_tables[] =
	"CREATE TABLE statement_head(id INTEGER PRIMARY KEY,account TEXT NOT NULL,period INTEGER NOT NULL,"
	"period_end INTEGER NOT NULL,version INTEGER NOT NULL,booked INTEGER NOT NULL,currency TEXT NOT NULL,"
	"measured_in TEXT NOT NULL,payer TEXT NOT NULL,rate INTEGER NOT NULL,closed INTEGER NOT NULL,invoice INTEGER NOT NULL,"
	"total INTEGER NOT NULL,unattributed INTEGER NOT NULL,teams INTEGER NOT NULL,UNIQUE(account,period,version));"
	"CREATE TABLE statement_keep(since INTEGER NOT NULL);INSERT INTO statement_keep VALUES(0);"
	"CREATE TRIGGER statement_keep_back BEFORE UPDATE ON statement_keep WHEN NEW.since<OLD.since BEGIN " KEPT " END;"
	"CREATE TRIGGER statement_head_changed BEFORE UPDATE ON statement_head BEGIN " CLOSED " END;"
	"CREATE TRIGGER statement_head_removed BEFORE DELETE ON statement_head WHEN OLD.booked>=(SELECT since FROM statement_keep) "
	"BEGIN " KEPT " END;"
	PART("line", "team TEXT NOT NULL,account TEXT NOT NULL,service TEXT NOT NULL,meter TEXT NOT NULL,path TEXT NOT NULL,"
		     "reason TEXT NOT NULL,bytes INTEGER NOT NULL,measured INTEGER NOT NULL,adjusted INTEGER NOT NULL,"
		     "total INTEGER NOT NULL")
	PART("bill", "account TEXT NOT NULL,version INTEGER NOT NULL,sha256 BLOB NOT NULL")
	PART("price", "meter TEXT NOT NULL,region TEXT NOT NULL,layer TEXT NOT NULL,source TEXT NOT NULL,confidence TEXT NOT NULL")
	PART("claim", "meter TEXT NOT NULL,name TEXT NOT NULL,account TEXT NOT NULL,region TEXT NOT NULL,team TEXT NOT NULL,"
		      "path TEXT NOT NULL,start INTEGER NOT NULL,\"end\" INTEGER NOT NULL,bytes INTEGER NOT NULL,"
		      "by_hour INTEGER NOT NULL,measured INTEGER NOT NULL");

#define OLD_ONES "SELECT id FROM statement_head WHERE account=?1 AND period=?2"
/* The newest bills of a month: account ?1 or all, period ?2 up to ?3. */
#define NEWEST                                                                                               \
	"FROM bill b JOIN file f ON f.id=b.file WHERE (?1='' OR b.account=?1) AND b.period>=?2 AND b.period<?3 " \
	"AND b.version=(SELECT MAX(version) FROM bill n WHERE n.account=b.account AND n.period=b.period)"

/* The first column of the only row of an answer; a parameter that it does not have is left out. */
static int ask(struct weir_bills *b, const char *sql, const struct weir_statement_head *h, int64_t third, int64_t *ret,
	       struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int code, r = bills_prepare(b, sql, &st, err);

	if (r)
		return r;
	sqlite3_bind_text(st, 1, h->account, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, h->period_s);
	sqlite3_bind_int64(st, 3, third);
	code = sqlite3_step(st);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? 0 : bills_fail(b, code, err);
	*ret = sqlite3_column_int64(st, 0);
	return 0;
}

static int64_t month_at(int64_t time_s, int months)
{
	time_t t = (time_t)time_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	tm = (struct tm){.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + months, .tm_mday = 1};
	return (int64_t)timegm(&tm);
}

static int check(struct weir_bills *b, struct weir_statement_head *h, struct weir_err *err)
{
	int64_t bills = 0, others = 0, last = 0, newer = 0, open = 0, end = h->period_s + (int64_t)27 * 86400;
	int r = ask(b, "SELECT COUNT(*) " NEWEST, h, end, &bills, err);

	if (!r)
		r = ask(b, "SELECT COUNT(*) FROM statement_head WHERE period=?2 AND account<>?1 AND (account='' OR ?1='')", h, 1,
			&others, err);
	if (!r)
		r = ask(b, "SELECT IFNULL(MAX(version),0) FROM statement_head WHERE account=?1 AND period=?2", h, 1, &last, err);
	if (!r)
		r = ask(b, "SELECT COUNT(*) " NEWEST " AND NOT EXISTS(SELECT 1 FROM statement_bill s WHERE s.account=b.account "
			   "AND s.version=b.version AND s.statement IN (" OLD_ONES "))", h, end, &newer, err);
	if (!r)
		r = ask(b, "SELECT IFNULL(MAX(period),0) FROM statement_head WHERE account=?1 AND period>=?2", h, 1, &open, err);
	if (r)
		return r;
	if (!bills)
		return weir_err_set(err, -ENOENT, "%s: holds no bill of that month; weirctl bill list names what it holds", b->path);
	if (others)
		return weir_err_set(err, -EINVAL, "the month is closed %s: close it so again",
				    *h->account ? "for all accounts together" : "account by account");
	if (last && !newer)
		return weir_err_set(err, -EINVAL, "the month is closed (version %lld) and no newer bill of it has been imported since",
				    (long long)last);
	h->version = (uint64_t)last + 1;
	h->booked_s = last ? month_at(open, 1) : h->period_s;
	return 0;
}

int weir_statement_begin(struct weir_bills *b, struct weir_statement_head *h, struct weir_err *err)
{
	int r;

	if ((int64_t)h->closed_s < h->period_end_s)
		return weir_err_set(err, -EINVAL, "the month is not over: it can be closed when its bill is final");
	r = store_db_exec(b->db, b->path, "BEGIN IMMEDIATE", err);
	if (r)
		return r;
	r = check(b, h, err);
	if (r)
		weir_statement_abort(b);
	return r;
}

void weir_statement_abort(struct weir_bills *b)
{
	if (!sqlite3_get_autocommit(b->db))
		sqlite3_exec(b->db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_exec(b->db, "DROP TABLE IF EXISTS temp.statement_draft", NULL, NULL, NULL);
}

static int step(struct weir_bills *b, sqlite3_stmt *st, struct weir_err *err)
{
	int code = sqlite3_step(st);

	sqlite3_reset(st);
	return code == SQLITE_DONE ? 0 : bills_fail(b, code, err);
}

static void bind_texts(sqlite3_stmt *st, int first, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sqlite3_bind_text(st, first + (int)i, texts[i], -1, SQLITE_STATIC);
}

static void bind_numbers(sqlite3_stmt *st, int first, const int64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sqlite3_bind_int64(st, first + (int)i, numbers[i]);
}

static int draft_write(struct weir_bills *b, const struct weir_statement *s, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int r = store_db_exec(b->db, b->path, "DROP TABLE IF EXISTS temp.statement_draft; CREATE TEMP TABLE statement_draft(team,account,"
					      "service,meter,path,reason,bytes,measured,adjusted,total)", err);

	if (!r)
		r = bills_prepare(b, "INSERT INTO temp.statement_draft VALUES(?,?,?,?,?,?,?,?,?,?)", &st, err);
	for (size_t i = 0; !r && i < weir_statement_count(s); i++) {
		const struct weir_statement_line l = weir_statement_at(s, i);

		bind_texts(st, 1, (const char *const[]){l.team, l.account, l.service, l.meter, l.path, l.reason}, 6);
		bind_numbers(st, 7, (const int64_t[]){l.bytes, l.measured, l.adjusted, l.total}, 4);
		r = step(b, st, err);
	}
	return r;
}

#define LINE_KEY "team,account,service,meter,path,reason"
/* What the draft says more than all versions before it: of the first, everything. */
#define CORRECT                                                                                              \
	"INSERT INTO statement_line SELECT ?4," LINE_KEY ",SUM(bytes),SUM(measured),SUM(adjusted),SUM(total) FROM (" \
	"SELECT " LINE_KEY ",bytes,measured,adjusted,total FROM temp.statement_draft UNION ALL "             \
	"SELECT " LINE_KEY ",-bytes,-measured,-adjusted,-total FROM statement_line WHERE statement IN (" OLD_ONES ")) " \
	"GROUP BY " LINE_KEY " HAVING SUM(bytes)<>0 OR SUM(measured)<>0 OR SUM(adjusted)<>0 OR SUM(total)<>0"

/* One statement of account ?1, period ?2, end of its bills' periods ?3, and the new one's number ?4. */
static int write_by(struct weir_bills *b, const char *sql, const struct weir_statement_head *h, int64_t id, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int r = bills_prepare(b, sql, &st, err);

	if (r)
		return r;
	sqlite3_bind_text(st, 1, h->account, -1, SQLITE_STATIC);
	bind_numbers(st, 2, (const int64_t[]){h->period_s, h->period_s + (int64_t)27 * 86400, id}, 3);
	return step(b, st, err);
}

static int inputs_write(struct weir_bills *b, const struct weir_statement_close *c, int64_t id, struct weir_err *err)
{
	bills_auto_stmt *price = NULL, *claim = NULL;
	int r = bills_prepare(b, "INSERT INTO statement_price VALUES(?,?,?,?,?,?)", &price, err);

	if (!r)
		r = bills_prepare(b, "INSERT INTO statement_claim VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", &claim, err);
	for (size_t i = 0; !r && i < c->price_count; i++) {
		const struct weir_statement_price *p = &c->prices[i];

		sqlite3_bind_int64(price, 1, id);
		bind_texts(price, 2, (const char *const[]){p->meter, p->region, p->layer, p->source, p->confidence}, 5);
		r = step(b, price, err);
	}
	for (size_t i = 0; !r && c->claims && i < c->claim_count; i++) {
		const struct weir_settlement_claim *k = &c->claims[i];

		sqlite3_bind_int64(claim, 1, id);
		bind_texts(claim, 2, (const char *const[]){k->meter, k->name, k->account, k->region, k->team, k->path}, 6);
		bind_numbers(claim, 8, (const int64_t[]){k->from_s, k->to_s, (int64_t)k->bytes, k->by_hour, k->measured}, 5);
		r = step(b, claim, err);
	}
	return r;
}

/* The statement's own sums, and those of all versions against the bills themselves. */
static int sums_check(struct weir_bills *b, struct weir_statement_head *h, int64_t id, struct weir_err *err)
{
	int64_t all = 0;
	int r = ask(b, "SELECT IFNULL(SUM(total),0) FROM statement_line WHERE statement=?3", h, id, &h->total, err);

	if (!r)
		r = ask(b, "SELECT IFNULL(SUM(total),0) FROM statement_line WHERE statement=?3 AND team=''", h, id,
			&h->unattributed, err);
	if (!r)
		r = ask(b, "SELECT COUNT(DISTINCT team) FROM statement_line WHERE statement=?3 AND team<>''", h, id,
			(int64_t *)&h->teams, err);
	if (!r)
		r = ask(b, "SELECT IFNULL(SUM(total),0) FROM statement_line WHERE statement=?3 OR statement IN (" OLD_ONES ")", h, id, &all,
			err);
	if (!r)
		r = ask(b, "SELECT IFNULL(SUM(l.billed),0) FROM bill b CROSS JOIN file f ON f.id=b.file CROSS JOIN line l ON l.id BETWEEN "
			   "f.first AND f.last AND l.bill=b.id WHERE b.id IN (SELECT b.id " NEWEST ")", h,
			h->period_s + (int64_t)27 * 86400, &h->invoice, err);
	if (!r && all != h->invoice)
		return weir_err_set(err, -EUCLEAN, "what was settled is not the bill: %lld and %lld nano-units; nothing is closed",
				    (long long)all, (long long)h->invoice);
	return r;
}

static int head_write(struct weir_bills *b, const struct weir_statement_head *h, int64_t id, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int r = bills_prepare(b, "INSERT INTO statement_head VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", &st, err);

	if (r)
		return r;
	sqlite3_bind_int64(st, 1, id);
	bind_texts(st, 2, &h->account, 1);
	bind_numbers(st, 3, (const int64_t[]){h->period_s, h->period_end_s, (int64_t)h->version, h->booked_s}, 4);
	bind_texts(st, 7, (const char *const[]){h->currency, h->measured_in, h->payer}, 3);
	bind_numbers(st, 10, (const int64_t[]){h->rate, (int64_t)h->closed_s, h->invoice, h->total, h->unattributed, (int64_t)h->teams}, 6);
	return step(b, st, err);
}

/* Parts before their head: without one nothing keeps them. */
static int old_remove(struct weir_bills *b, const struct weir_statement_head *h, void (*removed)(int64_t period_s, void *arg),
		      void *arg, struct weir_err *err)
{
	static const char *const parts[] = {"line", "bill", "price", "claim"};
	int64_t since = month_at((int64_t)h->closed_s, -WEIR_STATEMENT_MONTHS);
	bills_auto_stmt *st = NULL;
	char sql[160];
	int code = SQLITE_ROW, r;

	snprintf(sql, sizeof(sql), "UPDATE statement_keep SET since=MAX(since,%lld)", (long long)since);
	r = store_db_exec(b->db, b->path, sql, err);
	if (!r)
		r = bills_prepare(b, "SELECT DISTINCT period FROM statement_head WHERE booked<(SELECT since FROM statement_keep) ORDER BY 1",
				  &st, err);
	while (!r && (code = sqlite3_step(st)) == SQLITE_ROW)
		if (removed)
			removed(sqlite3_column_int64(st, 0), arg);
	if (!r && code != SQLITE_DONE)
		return bills_fail(b, code, err);
	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(parts); i++) {
		snprintf(sql, sizeof(sql), "DELETE FROM statement_%s WHERE statement IN (SELECT id FROM statement_head WHERE "
					   "booked<(SELECT since FROM statement_keep))", parts[i]);
		r = store_db_exec(b->db, b->path, sql, err);
	}
	return r ? r : store_db_exec(b->db, b->path, "DELETE FROM statement_head WHERE booked<(SELECT since FROM statement_keep)", err);
}

static int freeze(struct weir_bills *b, struct weir_statement_close *c, const struct weir_statement *s,
		  void (*removed)(int64_t period_s, void *arg), void *arg, struct weir_err *err)
{
	struct weir_statement_head *h = &c->head;
	int64_t id = 0;
	int r = draft_write(b, s, err);

	if (!r)
		r = ask(b, "SELECT IFNULL(MAX(id),0)+1 FROM statement_head", h, 1, &id, err);
	if (!r)
		r = write_by(b, CORRECT, h, id, err);
	if (!r)
		r = write_by(b, "INSERT INTO statement_bill SELECT ?4,b.account,b.version,f.sha256 " NEWEST, h, id, err);
	if (!r)
		r = inputs_write(b, c, id, err);
	if (!r)
		r = sums_check(b, h, id, err);
	if (!r)
		r = head_write(b, h, id, err);
	if (!r)
		r = old_remove(b, h, removed, arg, err);
	return r ? r : store_db_exec(b->db, b->path, "COMMIT; DROP TABLE IF EXISTS temp.statement_draft", err);
}

int weir_statement_freeze(struct weir_bills *b, struct weir_statement_close *c, const struct weir_statement *s,
			  void (*removed)(int64_t period_s, void *arg), void *arg, struct weir_err *err)
{
	int r = freeze(b, c, s, removed, arg, err);

	if (r)
		weir_statement_abort(b);
	return r;
}
