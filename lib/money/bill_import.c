/* SPDX-License-Identifier: Apache-2.0 */
/* One file of a bill into the store, in one transaction, in constant memory. */
#include "lib/money/bill_store_impl.h"
#include "lib/os/crypto.h"

#include <fcntl.h>
#include <sys/stat.h>

#define ITEM_KEY_MAX 4096  /* longer ones are not held */
#define BILLS_MAX 4096	   /* accounts and periods of one file */
#define PROGRESS_ROWS 8192 /* between two calls */

/* The names of extras within their keys are those of one reader. */
static void items_forget(struct bills_import *m)
{
	for (size_t i = 0; m->items && i < (size_t)BILLS_SETS * BILLS_WAYS; i++) {
		struct bills_item *item = &m->items[i / BILLS_WAYS][i % BILLS_WAYS];

		free(item->key);
		*item = (struct bills_item){0};
	}
}

static void import_fini(struct bills_import *m)
{
	items_forget(m);
	free(m->items);
	weir_map_free(m->by_bill, free);
	free(m->last_account);
	for (size_t i = 0; i < BILLS_LINES; i++)
		free(m->lines[i].extra);
	free(m->key);
	sqlite3_finalize(m->one);
	sqlite3_finalize(m->many);
	sqlite3_finalize(m->item_in);
}

/* --- items --- */
/* The texts of the row, each with its end, and the names of its extras: as pointers, since they are the reader's. */
static int key_make(struct bills_import *m, const struct weir_bill_row *row)
{
	size_t lens[WEIR_BILL_TEXTS], want = row->extra_count * sizeof(uintptr_t);
	char *out;
	int r;

	for (unsigned int t = 0; t < WEIR_BILL_TEXTS; t++) {
		lens[t] = t == WEIR_BILL_ACCOUNT ? 0 : strlen(row->text[t]) + 1; /* the account is the bill's */
		want += lens[t];
	}
	r = bills_room(&m->key, &m->key_cap, want);
	if (r)
		return r;
	out = m->key;
	for (unsigned int t = 0; t < WEIR_BILL_TEXTS; t++) {
		memcpy(out, row->text[t], lens[t]);
		out += lens[t];
	}
	for (size_t i = 0; i < row->extra_count; i++) {
		uintptr_t name = (uintptr_t)row->extras[i].name;

		memcpy(out, &name, sizeof(name));
		out += sizeof(name);
	}
	m->key_len = want;
	return 0;
}

/* Two sums side by side: one multiplication need not wait for the other. */
static uint64_t hash(const char *p, size_t len)
{
	uint64_t a = len, b = 0, v[2];

	for (; len >= sizeof(v); p += sizeof(v), len -= sizeof(v)) {
		memcpy(v, p, sizeof(v));
		a = (a ^ v[0]) * 0x9e3779b97f4a7c15ULL;
		b = (b ^ v[1]) * 0xc2b2ae3d27d4eb4fULL;
		a ^= a >> 32;
		b ^= b >> 32;
	}
	v[0] = v[1] = 0;
	memcpy(v, p, len);
	a = (a ^ v[0] ^ b) * 0x9e3779b97f4a7c15ULL;
	a = (a ^ a >> 32 ^ v[1]) * 0xc2b2ae3d27d4eb4fULL;
	return a ^ a >> 29;
}

static int item_write(struct bills_import *m, const struct weir_bill_row *row, const struct bills_item *item, struct weir_err *err)
{
	weir_auto_free char *names = NULL;
	size_t cap = 0, len;
	int at = 0, r = row->extra_count ? bills_list(&names, &cap, row, true, &len) : 0;

	if (r)
		return r;
	sqlite3_bind_int64(m->item_in, ++at, item->id);
	for (unsigned int t = 0; t < WEIR_BILL_TEXTS; t++)
		if (t != WEIR_BILL_ACCOUNT)
			sqlite3_bind_text(m->item_in, ++at, row->text[t], -1, SQLITE_STATIC);
	sqlite3_bind_text(m->item_in, ++at, item->network ? item->network : "", -1, SQLITE_STATIC);
	sqlite3_bind_text(m->item_in, ++at, names ? names : "", -1, SQLITE_STATIC);
	r = bills_step(m, m->item_in, err);
	sqlite3_clear_bindings(m->item_in);
	return r;
}

/* Brings it to the front. */
static bool item_held(struct bills_item *set, const char *key, size_t len)
{
	for (size_t i = 0; i < BILLS_WAYS && set[i].key; i++) {
		struct bills_item found = set[i];

		if (found.len != len || memcmp(found.key, key, len) != 0)
			continue;
		memmove(set + 1, set, i * sizeof(*set));
		set[0] = found;
		return true;
	}
	return false;
}

static int item_find(struct bills_import *m, const struct weir_bill_row *row, struct bills_item *ret, struct weir_err *err)
{
	struct bills_item *set, made = {0};
	int r = key_make(m, row);

	if (r)
		return r;
	set = m->items[hash(m->key, m->key_len) % BILLS_SETS];
	if (item_held(set, m->key, m->key_len)) {
		*ret = set[0];
		return 0;
	}
	made.network = weir_bill_network(row);
	made.id = m->next_item++;
	r = m->bills ? item_write(m, row, &made, err) : 0;
	if (r)
		return r;
	*ret = made;
	if (m->key_len > ITEM_KEY_MAX)
		return 0;
	made.key = malloc(m->key_len);
	if (!made.key)
		return -ENOMEM;
	memcpy(made.key, m->key, m->key_len);
	made.len = m->key_len;
	free(set[BILLS_WAYS - 1].key);
	memmove(set + 1, set, (BILLS_WAYS - 1) * sizeof(*set));
	set[0] = made;
	return 0;
}

/* --- versions --- */
static int version_make(struct bills_import *m, const struct weir_bill_row *row, struct bills_version *bill, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int64_t period = row->time_s[WEIR_BILL_PERIOD_START];
	int code, r = bills_prepare(m->bills,
				    "INSERT INTO bill(file,provider,account,period,period_end,version,rows) VALUES(?1,?2,?3,?4,?5,"
				    "(SELECT IFNULL(MAX(version),0)+1 FROM bill WHERE account=?3 AND period=?4),0) "
				    "RETURNING id,version",
				    &st, err);

	if (r)
		return r;
	sqlite3_bind_int64(st, 1, m->file);
	sqlite3_bind_text(st, 2, row->text[WEIR_BILL_PROVIDER], -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, row->text[WEIR_BILL_ACCOUNT], -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, period);
	sqlite3_bind_int64(st, 5, row->time_s[WEIR_BILL_PERIOD_END]);
	code = sqlite3_step(st);
	if (code != SQLITE_ROW)
		return bills_fail(m->bills, code, err);
	bill->id = sqlite3_column_int64(st, 0);
	m->done->version = WEIR_MAX(m->done->version, (uint64_t)sqlite3_column_int64(st, 1));
	while (sqlite3_step(st) == SQLITE_ROW)
		;
	return 0;
}

static int version_find(struct bills_import *m, const struct weir_bill_row *row, struct weir_err *err)
{
	const char *account = row->text[WEIR_BILL_ACCOUNT];
	int64_t period = row->time_s[WEIR_BILL_PERIOD_START];
	weir_auto_free struct bills_version *bill = NULL;
	struct bills_version *found;
	size_t len = strlen(account) + 1;
	int r;

	if (m->last && m->last_period == period && !strcmp(m->last_account, account))
		return 0;
	r = bills_room(&m->key, &m->key_cap, len + sizeof(period));
	if (r)
		return r;
	memcpy(m->key, account, len);
	memcpy(m->key + len, &period, sizeof(period));
	len += sizeof(period);
	found = weir_map_find(m->by_bill, m->key, len);
	if (!found) {
		if (weir_map_count(m->by_bill) == BILLS_MAX)
			return weir_err_set(err, -E2BIG, "more than %d accounts and billing periods in one file", BILLS_MAX);
		bill = calloc(1, sizeof(*bill));
		r = bill ? 0 : -ENOMEM;
		if (!r && m->bills)
			r = version_make(m, row, bill, err);
		if (!r)
			r = weir_map_put(m->by_bill, m->key, len, bill, NULL);
		if (r)
			return r;
		found = weir_take_ptr(bill);
	}
	free(m->last_account);
	m->last_account = strdup(account);
	m->last_period = period;
	m->last = m->last_account ? found : NULL;
	return m->last ? 0 : -ENOMEM;
}

static int bills_end(struct bills_import *m, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int r = bills_prepare(m->bills, "UPDATE bill SET rows=?2 WHERE id=?1", &st, err);
	size_t pos = 0, len;
	const void *key;
	void *bill;

	while (!r && weir_map_next(m->by_bill, &pos, &key, &len, &bill)) {
		sqlite3_bind_int64(st, 1, ((struct bills_version *)bill)->id);
		sqlite3_bind_int64(st, 2, (int64_t)((struct bills_version *)bill)->rows);
		r = bills_step(m, st, err);
	}
	return r;
}

/* --- totals --- */
static struct weir_bill_total *total_find(struct weir_bill_imported *done, const char *currency, const char *network)
{
	struct weir_bill_total *t;

	for (size_t i = 0; i < done->total_count; i++)
		if (!strcmp(done->totals[i].network, network) &&
		    !strncmp(done->totals[i].currency, currency, sizeof(t->currency) - 1))
			return &done->totals[i];
	if (done->total_count == WEIR_BILL_TOTALS_MAX)
		return NULL;
	t = &done->totals[done->total_count++];
	*t = (struct weir_bill_total){0};
	snprintf(t->currency, sizeof(t->currency), "%s", currency);
	snprintf(t->network, sizeof(t->network), "%s", network);
	return t;
}

static int total_add(struct bills_import *m, const struct weir_bill_row *row, const char *network, struct weir_err *err)
{
	struct weir_bill_total *t = total_find(m->done, row->text[WEIR_BILL_CURRENCY], network);

	if (!t)
		return weir_err_set(err, -E2BIG, "more currencies than a bill may have");
	t->rows++;
	for (size_t c = 0; c < WEIR_BILL_COSTS; c++)
		t->nanos[c] += row->nanos[c];
	if (*network && !strcmp(row->text[WEIR_BILL_UNIT], "Bytes"))
		t->bytes += (__int128)row->quantity.whole * 1000000000 + row->quantity.nanos;
	return 0;
}

static int row_add(struct bills_import *m, const struct weir_bill_row *row, struct weir_err *err)
{
	struct bills_item item;
	int r = version_find(m, row, err);

	if (!r)
		r = item_find(m, row, &item, err);
	if (!r)
		r = total_add(m, row, "", err);
	if (!r && item.network)
		r = total_add(m, row, item.network, err);
	if (r)
		return r;
	m->last->rows++;
	return m->bills ? bills_line_add(m, row, &item, err) : 0;
}

/* --- the file --- */
/* Is this the hash of a file that was imported? Its name then. */
static int known(struct weir_bills *b, const uint8_t sha256[32], struct weir_bill_imported *done, struct weir_err *err)
{
	bills_auto_stmt *st = NULL;
	int code, r = bills_prepare(b, "SELECT name FROM file WHERE sha256=?1", &st, err);

	if (r)
		return r;
	sqlite3_bind_blob(st, 1, sha256, 32, SQLITE_STATIC);
	code = sqlite3_step(st);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? 0 : bills_fail(b, code, err);
	done->known = true;
	snprintf(done->file_name, sizeof(done->file_name), "%s", (const char *)sqlite3_column_text(st, 0));
	return 0;
}

static int file_hash(int fd, uint8_t ret[32])
{
	weir_auto_free uint8_t *buf = malloc((size_t)1 << 17);
	struct weir_sha256 *h = NULL;
	int r = buf ? weir_sha256_new(&h) : -ENOMEM;
	ssize_t n = 1;

	while (!r && n > 0) {
		n = read(fd, buf, (size_t)1 << 17);
		r = n < 0 ? -errno : weir_sha256_add(h, buf, (size_t)n);
	}
	if (!r)
		r = weir_sha256_end(h, ret);
	weir_sha256_free(h);
	return r;
}

/* Hashing a file before it is read is worth it only where one of its size was imported. */
static int known_before(struct weir_bills *b, const char *path, struct weir_bill_imported *done, struct weir_err *err)
{
	weir_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	bills_auto_stmt *st = NULL;
	struct stat s;
	int r;

	if (fd < 0 || fstat(fd, &s))
		return weir_err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	if (!S_ISREG(s.st_mode))
		return weir_err_set(err, -EINVAL, "%s: is no file", path);
	r = bills_prepare(b, "SELECT 1 FROM file WHERE bytes=?1 LIMIT 1", &st, err);
	if (r)
		return r;
	sqlite3_bind_int64(st, 1, s.st_size);
	if (sqlite3_step(st) != SQLITE_ROW)
		return 0;
	sqlite3_reset(st);
	r = file_hash(fd, done->sha256);
	if (r)
		return weir_err_set(err, r, "%s: cannot read: %s", path, strerror(-r));
	return known(b, done->sha256, done, err);
}

static int store_begin(struct bills_import *m, struct weir_err *err)
{
	sqlite3 *db = m->bills->db;
	const char *path = m->bills->path;
	int r = store_db_exec(db, path, "BEGIN IMMEDIATE", err);

	if (!r)
		r = store_db_number(db, path, "SELECT IFNULL(MAX(id),0)+1 FROM file", &m->file, err);
	if (!r)
		r = store_db_number(db, path, "SELECT IFNULL(MAX(id),0)+1 FROM item", &m->next_item, err);
	if (!r)
		r = store_db_number(db, path, "SELECT IFNULL(MAX(id),0)+1 FROM line", &m->next_line, err);
	m->first_line = m->next_line;
	if (!r)
		r = bills_lines_prepare(m, err);
	if (!r)
		r = bills_prepare(m->bills, "INSERT INTO item VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", &m->item_in, err);
	return r;
}

static int store_end(struct bills_import *m, const char *name, struct weir_err *err)
{
	const struct weir_bill_stats *s = &m->done->stats;
	bills_auto_stmt *st = NULL;
	int r = bills_end(m, err);

	if (!r)
		r = bills_prepare(m->bills, "INSERT INTO file VALUES(?,?,?,?,?,?,?,?,?,?,?)", &st, err);
	if (r)
		return r;
	sqlite3_bind_int64(st, 1, m->file);
	sqlite3_bind_blob(st, 2, m->done->sha256, 32, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, weir_bill_format_name(s->format), -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 5, (int64_t)m->how->now_s);
	sqlite3_bind_int64(st, 6, (int64_t)s->bytes_read);
	sqlite3_bind_int64(st, 7, (int64_t)s->rows);
	sqlite3_bind_int64(st, 8, (int64_t)s->bad_rows);
	sqlite3_bind_int64(st, 9, (int64_t)s->rounded_costs);
	sqlite3_bind_int64(st, 10, m->first_line);
	sqlite3_bind_int64(st, 11, m->next_line - 1);
	r = bills_step(m, st, err);
	return r ? r : store_db_exec(m->bills->db, m->bills->path, "COMMIT", err);
}

static void bad_row(const struct weir_bill_bad *bad, void *arg)
{
	struct bills_import *m = arg;

	/* In strict mode the first is the last: nobody needs those behind it. */
	if (m->how->bad && !(m->how->strict && m->bad))
		m->how->bad(bad, m->how->arg);
	m->bad = true;
}

static int rows_read(struct bills_import *m, struct weir_bill_reader *reader, struct weir_err *err)
{
	const struct weir_bill_row *row;
	uint64_t seen = 0;
	int r;

	while ((r = weir_bill_next(reader, &row, err)) > 0) {
		if (m->bad && m->how->strict)
			break;
		r = row_add(m, row, err);
		if (r)
			return r;
		if (++seen % PROGRESS_ROWS == 0 && m->how->progress)
			m->how->progress(weir_bill_stats(reader), m->how->arg);
	}
	if (r >= 0 && m->bad && m->how->strict)
		return weir_err_set(err, -EBADMSG, "%s: has a row that is bad: nothing of it is imported", m->path);
	return r;
}

static void stats_add(struct weir_bill_stats *sum, const struct weir_bill_stats *s)
{
	sum->format = s->format;
	sum->json = s->json;
	sum->gzip = s->gzip;
	sum->bytes_read += s->bytes_read;
	sum->bytes_total += s->bytes_total;
	sum->rows += s->rows;
	sum->bad_rows += s->bad_rows;
	sum->rounded_costs += s->rounded_costs;
	sum->rounded_quantities += s->rounded_quantities;
	sum->odd_tags += s->odd_tags;
	sum->odd_text += s->odd_text;
}

static int part_read(struct bills_import *m, const char *path, uint8_t ret_hash[WEIR_SHA256_LEN], struct weir_err *err)
{
	weir_auto_bill struct weir_bill_reader *reader = NULL;
	int r = weir_bill_open(path, bad_row, m, &reader, err);

	m->path = path;
	if (!r)
		r = rows_read(m, reader, err);
	if (reader)
		stats_add(&m->done->stats, weir_bill_stats(reader));
	if (!r)
		r = weir_bill_sha256(reader, ret_hash);
	items_forget(m);
	return r;
}

static int import(struct bills_import *m, const char *const *paths, size_t n, struct weir_err *err)
{
	weir_auto_free uint8_t *hashes = calloc(n, WEIR_SHA256_LEN);
	weir_auto_free char *name = n > 1 ? weir_strf("%s and %zu more", paths[0], n - 1) : strdup(paths[0]);
	int r = hashes && name ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < n; i++)
		r = part_read(m, paths[i], hashes + i * WEIR_SHA256_LEN, err);
	if (!r && m->bills)
		r = bills_lines_flush(m, err);
	if (!r && n > 1)
		r = weir_sha256(hashes, n * WEIR_SHA256_LEN, m->done->sha256);
	else if (!r)
		memcpy(m->done->sha256, hashes, WEIR_SHA256_LEN);
	m->done->bills = weir_map_count(m->by_bill);
	if (r || !m->bills)
		return r;
	r = known(m->bills, m->done->sha256, m->done, err);
	return r || m->done->known ? r : store_end(m, name, err);
}

int weir_bills_import(struct weir_bills *bills, const char *const *paths, size_t n, const struct weir_bill_import *how,
		      struct weir_bill_imported *ret, struct weir_err *err)
{
	struct bills_import m = {.bills = bills, .how = how, .done = ret, .next_item = 1};
	int r = 0;

	*ret = (struct weir_bill_imported){0};
	if (bills && n == 1)
		r = known_before(bills, paths[0], ret, err);
	if (r || ret->known)
		return r;
	m.items = calloc(BILLS_SETS, sizeof(*m.items));
	r = m.items ? weir_map_new(&m.by_bill) : -ENOMEM;
	if (!r && bills)
		r = store_begin(&m, err);
	if (!r)
		r = import(&m, paths, n, err);
	import_fini(&m);
	if (bills && !sqlite3_get_autocommit(bills->db))
		sqlite3_exec(bills->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}
