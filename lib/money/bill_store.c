/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bills' file: its schema, as migrations (user_version = how many have run; a released one is never edited), its
 * versions, and sums over them. Importing is bill_import.c.
 *
 * file  one import: the bytes' hash, and which lines came with it (first..last, none of them of another file)
 * bill  one version of an account's billing period
 * item  what many lines have in common: all texts, the kind of network transfer, the names of extra columns. Not unique:
 *       an item that the importer has forgotten meanwhile is written anew
 * line  one row of the bill: amounts in nano-units, quantity + quantity_nanos / 10^9 of the item's unit, and the values
 *       of the extra columns as a JSON list
 * statement_*  what is frozen of a closed month (statement_store.c)
 */
#include "lib/money/bill_store_impl.h"

#include <fcntl.h>

#define APPLICATION 0x77624c4c /* "wbLL": tells the file from other databases */
#define TEXT(name) name " TEXT NOT NULL,"

static const char *const migrations[WEIR_BILLS_SCHEMA] = {
	"CREATE TABLE file(id INTEGER PRIMARY KEY,sha256 BLOB NOT NULL UNIQUE,name TEXT NOT NULL,format TEXT NOT NULL,"
	"imported INTEGER NOT NULL,bytes INTEGER NOT NULL,rows INTEGER NOT NULL,bad_rows INTEGER NOT NULL,"
	"rounded INTEGER NOT NULL,first INTEGER NOT NULL,last INTEGER NOT NULL);"
	"CREATE TABLE bill(id INTEGER PRIMARY KEY,file INTEGER NOT NULL,provider TEXT NOT NULL,account TEXT NOT NULL,"
	"period INTEGER NOT NULL,period_end INTEGER NOT NULL,version INTEGER NOT NULL,rows INTEGER NOT NULL,"
	"UNIQUE(account,period,version));"
	"CREATE TABLE item(id INTEGER PRIMARY KEY," TEXT("provider") TEXT("sub_account") TEXT("sub_account_name")
	TEXT("service") TEXT("service_category") TEXT("sku") TEXT("meter") TEXT("usage_type") TEXT("operation")
	TEXT("region") TEXT("zone") TEXT("resource") TEXT("category") TEXT("class") TEXT("description") TEXT("unit")
	TEXT("currency") TEXT("tags") TEXT("network") "extra_names TEXT NOT NULL);"
	"CREATE TABLE line(id INTEGER PRIMARY KEY,bill INTEGER NOT NULL,item INTEGER NOT NULL,line INTEGER NOT NULL,"
	"start INTEGER NOT NULL,\"end\" INTEGER NOT NULL,quantity INTEGER,quantity_nanos INTEGER,list INTEGER,"
	"contracted INTEGER,effective INTEGER,billed INTEGER NOT NULL,extra TEXT);",
	/* 2: statements */
	bills_statement_tables,
};

void weir_bills_close(struct weir_bills *b)
{
	if (!b)
		return;
	sqlite3_close(b->db);
	free(b->path);
	free(b);
}

int bills_fail(struct weir_bills *b, int code, struct weir_err *err)
{
	int r = store_db_errno(code);

	return weir_err_set(err, r == -EUCLEAN ? -EINVAL : r, "%s: %s%s", b->path, sqlite3_errmsg(b->db),
			    r == -EBUSY ? "; another import runs" : "");
}

int bills_prepare(struct weir_bills *b, const char *sql, sqlite3_stmt **ret, struct weir_err *err)
{
	int code = sqlite3_prepare_v2(b->db, sql, -1, ret, NULL);

	return code == SQLITE_OK ? 0 : bills_fail(b, code, err);
}

static int migrate(struct weir_bills *b, struct weir_err *err)
{
	int64_t version = 0;
	char set[96];
	int r = store_db_exec(b->db, b->path, "BEGIN IMMEDIATE", err);

	if (!r)
		r = store_db_number(b->db, b->path, "PRAGMA user_version", &version, err);
	for (int64_t i = version; !r && i < WEIR_BILLS_SCHEMA; i++)
		r = store_db_exec(b->db, b->path, migrations[i], err);
	snprintf(set, sizeof(set), "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", APPLICATION, WEIR_BILLS_SCHEMA);
	if (!r)
		r = store_db_exec(b->db, b->path, set, err);
	if (r && !sqlite3_get_autocommit(b->db))
		sqlite3_exec(b->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* Is it ours, and not of a newer weir? */
static int check(struct weir_bills *b, struct weir_err *err)
{
	int64_t application = 0, version = 0, tables = 0;
	int r = store_db_number(b->db, b->path, "PRAGMA application_id", &application, err);

	if (!r)
		r = store_db_number(b->db, b->path, "PRAGMA user_version", &version, err);
	if (!r)
		r = store_db_number(b->db, b->path, "SELECT COUNT(*) FROM sqlite_schema", &tables, err);
	if (r)
		return r;
	if (tables && application != APPLICATION)
		return weir_err_set(err, -EINVAL, "%s: is no file of bills, but another database", b->path);
	if (version > WEIR_BILLS_SCHEMA)
		return weir_err_set(err, -EINVAL, "%s: is of schema %d, newer than this weirctl's %d; use the one that wrote it",
				    b->path, (int)version, WEIR_BILLS_SCHEMA);
	return version == WEIR_BILLS_SCHEMA ? 0 : migrate(b, err);
}

int weir_bills_open(const char *path, bool create, struct weir_bills **ret, struct weir_err *err)
{
	weir_auto_bills struct weir_bills *b = calloc(1, sizeof(*b));
	int r, fd;

	if (!b)
		return -ENOMEM;
	b->path = strdup(path);
	if (!b->path)
		return -ENOMEM;
	if (create) { /* costs are not everybody's business */
		fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		if (fd < 0)
			return weir_err_set(err, -errno, "%s: cannot create: %s", path, strerror(errno));
		close(fd);
	}
	r = store_db_open(path, true, &b->db, err);
	/* A rollback journal: an import only appends, so that few pages are written twice. 4 MiB of pages are enough. */
	if (!r)
		r = store_db_exec(b->db, path,
				  "PRAGMA page_size=8192; PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;"
				  "PRAGMA cache_size=-4096; PRAGMA temp_store=FILE",
				  err);
	if (!r)
		r = check(b, err);
	if (r)
		return r;
	*ret = weir_take_ptr(b);
	return 0;
}

int weir_bills_list(struct weir_bills *b, int (*fn)(const struct weir_bill_version *v, void *arg), void *arg,
		    struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int code, r = bills_prepare(b,
				    "SELECT b.account,b.provider,f.format,f.name,b.period,b.period_end,b.version,f.imported,"
				    "b.rows,f.bad_rows,lower(hex(f.sha256)) FROM bill b JOIN file f ON f.id=b.file "
				    "ORDER BY b.account,b.period,b.version",
				    &st, err);

	while (!r && (code = sqlite3_step(st)) != SQLITE_DONE) {
		struct weir_bill_version v;

		if (code != SQLITE_ROW)
			return bills_fail(b, code, err);
		v = (struct weir_bill_version){
			.account = bills_text(st, 0), .provider = bills_text(st, 1), .format = bills_text(st, 2), .file = bills_text(st, 3),
			.period_start_s = sqlite3_column_int64(st, 4), .period_end_s = sqlite3_column_int64(st, 5),
			.version = (uint64_t)sqlite3_column_int64(st, 6), .imported_s = (uint64_t)sqlite3_column_int64(st, 7),
			.rows = (uint64_t)sqlite3_column_int64(st, 8), .bad_rows = (uint64_t)sqlite3_column_int64(st, 9),
			.sha256 = bills_text(st, 10),
		};
		r = fn(&v, arg);
	}
	return r;
}

/* A bill's sku is its usage type or meter where it names no SKU; an account the billed one where it names no other. */
const char *const weir_bills_by[] = {
	"service", "sku", "region", "resource", "account", "network", "category", "usage", NULL,
};
static const char *const by_sql[] = {
	"i.service",
	"CASE WHEN i.sku<>'' THEN i.sku WHEN i.usage_type<>'' THEN i.usage_type ELSE i.meter END",
	"i.region",
	"i.resource",
	"CASE WHEN i.sub_account<>'' THEN i.sub_account ELSE b.account END",
	"i.network",
	"i.category",
	/* What prices know by a pattern (sku of a price book): AWS names the usage, others the meter or the SKU. */
	"CASE WHEN i.usage_type<>'' THEN i.usage_type WHEN i.meter<>'' THEN i.meter ELSE i.sku END",
};

/* In two parts, which cannot overflow where the sum of nano-units can. */
#define UNITS(x) "SUM(" x "/1000000000),SUM(" x "%1000000000)"
#define SUMS                                                                                                \
	"SELECT %s AS k,i.currency,COUNT(*)," UNITS("l.list") "," UNITS("l.contracted") "," UNITS("l.effective") "," \
	UNITS("l.billed") ",SUM(CASE i.unit WHEN 'Bytes' THEN l.quantity END),"                             \
	"SUM(CASE i.unit WHEN 'Bytes' THEN l.quantity_nanos END) "                                          \
	BILLS_LINES_OF " GROUP BY k,i.currency ORDER BY SUM(l.billed/1000000000)+SUM(l.billed%1000000000)/1000000000 DESC," \
	"SUM(l.billed%1000000000) DESC,k LIMIT ?5"

static __int128 parts(sqlite3_stmt *st, int column)
{
	return (__int128)sqlite3_column_int64(st, column) * 1000000000 + sqlite3_column_int64(st, column + 1);
}

void bills_bind(sqlite3_stmt *st, const struct weir_bill_query *q)
{
	sqlite3_bind_text(st, 1, q->account ? q->account : "", -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(st, 2, q->period_start_s);
	sqlite3_bind_int64(st, 3, q->period_start_s + (int64_t)27 * 86400); /* periods begin within a month */
	sqlite3_bind_int64(st, 4, (int64_t)q->version);
}

static int sums_prepare(struct weir_bills *b, const struct weir_bill_query *q, sqlite3_stmt **ret, struct weir_err *err)
{
	static const char sums[] = SUMS;
	weir_auto_free char *sql = NULL;
	size_t by = 0;
	int r;

	while (weir_bills_by[by] && strcmp(weir_bills_by[by], q->by) != 0)
		by++;
	if (!weir_bills_by[by])
		return weir_err_set(err, -EINVAL, "bills cannot be shown by '%s'", q->by);
	sql = malloc(sizeof(sums) + strlen(by_sql[by]));
	if (!sql)
		return -ENOMEM;
	sprintf(sql, "SELECT %s%s", by_sql[by], strchr(sums, '%') + 2);
	r = bills_prepare(b, sql, ret, err);
	if (r)
		return r;
	bills_bind(*ret, q);
	sqlite3_bind_int64(*ret, 5, (int64_t)q->limit);
	return 0;
}

int weir_bills_sums(struct weir_bills *b, const struct weir_bill_query *q, int (*fn)(const struct weir_bill_sum *s, void *arg),
		    void *arg, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int code, r = sums_prepare(b, q, &st, err);
	bool any = false;

	while (!r && (code = sqlite3_step(st)) != SQLITE_DONE) {
		struct weir_bill_sum s;

		if (code != SQLITE_ROW)
			return bills_fail(b, code, err);
		any = true;
		s = (struct weir_bill_sum){
			.key = bills_text(st, 0),
			.currency = bills_text(st, 1),
			.rows = (uint64_t)sqlite3_column_int64(st, 2),
			.bytes = parts(st, 3 + 2 * WEIR_BILL_COSTS),
		};
		for (int c = 0; c < WEIR_BILL_COSTS; c++)
			s.nanos[c] = parts(st, 3 + 2 * c);
		r = fn(&s, arg);
	}
	if (!r && !any)
		return weir_err_set(err, -ENOENT, "%s: holds no such bill; weirctl bill list names what it holds", b->path);
	return r;
}

char *weir_bill_amount(__int128 nanos, char buf[48])
{
	unsigned __int128 v = nanos < 0 ? -(unsigned __int128)nanos : (unsigned __int128)nanos;
	unsigned __int128 whole = v / 1000000000;
	char digits[48];
	size_t n = sizeof(digits) - 1;

	digits[n] = '\0';
	do
		digits[--n] = (char)('0' + (int)(whole % 10));
	while ((whole /= 10));
	snprintf(buf, 48, "%s%.36s.%09u", nanos < 0 ? "-" : "", digits + n, (unsigned int)(v % 1000000000));
	return buf;
}
