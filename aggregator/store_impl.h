/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the store only: statements, prepared once and kept. */
#ifndef AGGREGATOR_STORE_IMPL_H
#define AGGREGATOR_STORE_IMPL_H

#include "aggregator/store.h"

#include <sqlite3.h>
#include <stdarg.h>

/* What names a row of a rollup, in the order of its primary key. */
#define FLOW_REST "node,workload,local,peer,path,proto,port,opened,dir,verdict"
#define FLOW_KEY "bucket," FLOW_REST
#define LEDGER_REST "workload,path,meter,pool,month"
#define LEDGER_KEY "bucket," LEDGER_REST
#define HEALTH_REST "workload,scope,class"
#define HEALTH_KEY "bucket," HEALTH_REST
#define PATH_HEALTH_REST "workload,path"
#define PATH_HEALTH_KEY "bucket," PATH_HEALTH_REST

/* Kinds of rollups. The first resolution of each is written as rows come, the others are folded from the one before
 * when their time is over; of health all but days are written. */
enum store_kind { STORE_FLOW, STORE_LEDGER, STORE_HEALTH, STORE_PATH_HEALTH, STORE_KINDS };
#define STORE_HEALTH_WRITTEN STORE_1D

enum store_stmt {
	ST_BEGIN, ST_COMMIT, ST_ROLLBACK,
	ST_NODE_GET, ST_NODE_ADD, ST_NODE_FACTS,
	ST_AGENT_GET, ST_AGENT_HELLO, ST_AGENT_SUMMARY, ST_AGENT_POLICY, ST_AGENT_REPORTED, ST_AGENTS_SINCE,
	ST_LEASE_ENDED, ST_LEASE_NOTED, ST_LAPSE, ST_LAPSE_NOTED,
	ST_IDENTITY_END,
	ST_IDENTITY, ST_DROP, ST_BOOT,
	ST_WORKLOAD_GET, ST_WORKLOAD_ADD, ST_ADDRESS_GET, ST_ADDRESS_ADD,
	ST_HOLDER_CURRENT, ST_HOLDER_FORMER, ST_HOLDER_CLOSE, ST_HOLDER_OPEN, ST_HOLDER_AT,
	ST_FLOW_10S, ST_FLOWS_10S, ST_FLOW_LATE_1M, ST_FLOW_LATE_1H, ST_FLOW_LATE_1D,
	ST_USAGE_GET, ST_USAGE_ADD, ST_HOURS_GET, ST_HOURS_SET,
	ST_LEDGER_10S, ST_CHARGES_10S, ST_LEDGER_LATE_1M, ST_LEDGER_LATE_1H, ST_LEDGER_LATE_1D,
	ST_HEALTH_LAST, ST_HEALTH_SET, ST_HEALTH_GONE,
	ST_CANDIDATE_GET, ST_CANDIDATE_SEEN, ST_CANDIDATE_OLDEST, ST_CANDIDATE_FORGET,
	ST_DISAGREEMENT_CLEAR, ST_DISAGREEMENT_ADD,
	ST_ORDER_ADD, ST_ORDER_LAST,
	ST_HEALTH_GET_10S, ST_HEALTH_GET_1M, ST_HEALTH_GET_1H,
	ST_HEALTH_PUT_10S, ST_HEALTH_PUT_1M, ST_HEALTH_PUT_1H, ST_HEALTH_LATE,
	ST_PATH_HEALTH_10S, ST_PATH_HEALTH_LATE_1M, ST_PATH_HEALTH_LATE_1H, ST_PATH_HEALTH_LATE_1D,
	ST_KEYS_GET, ST_KEYS_CERTIFICATE, ST_KEYS_IDENTITY, ST_KEYS_REFUSED,
	ST_WITNESS_PUT,
	ST_ALERT_PUT, ST_ALERT_DROP, ST_ALERT_FORGET,
	ST_NOTICE_ADD, ST_NOTICE_SENT, ST_NOTICE_FAILED, ST_NOTICE_FORGET,
	ST_FINDING_GET, ST_FINDING_ADD, ST_FINDING_AGAIN, ST_FINDING_END, ST_FINDING_FORGET,
	ST_STATEMENTS,
};

/* Rows of ST_FLOWS_10S and ST_CHARGES_10S: in a statement of many each costs a fifth less. */
#define STORE_ROWS 16

struct store {
	sqlite3 *db;
	sqlite3_stmt *stmt[ST_STATEMENTS];
	/* By what they are folded into: buckets up to here (the last one perhaps in part) are. What comes late goes there
	 * too. */
	uint64_t folded_s[STORE_KINDS][STORE_RESOLUTIONS];
	int64_t swept[3]; /* where store_retain() goes on */
	struct store_noted *noted; /* charges (store_charged.c); NULL = nobody asks for them */
	struct store_known *known; /* of addresses (store_names.c); NULL = nothing yet */
	char error[256];
};

/*
 * Binds arguments by a letter each: i int64_t, u uint64_t (below 2^63), d int, t const char *,
 * a const struct weir_addr *, n NULL, x bytes (const void *, int length).
 */
int store_bind(struct store *s, sqlite3_stmt *st, const char *types, va_list ap);
/* Runs a statement that gives no row. */
int store_run(struct store *s, enum store_stmt id, const char *types, ...);
/* The prepared statement, kept. */
int store_prepare(struct store *s, enum store_stmt id, sqlite3_stmt **ret);
/* First row's statement to read columns from, then store_done(). -ENOENT when there is no row. */
int store_row(struct store *s, enum store_stmt id, sqlite3_stmt **ret, const char *types, ...);
void store_done(sqlite3_stmt *st);
/* First column of the first row. */
int store_id(struct store *s, enum store_stmt id, int64_t *ret, const char *types, ...);
/* Notes the database's message; returns the errno for an SQLite result code. */
int store_fail(struct store *s, int code);
int store_exec(struct store *s, const char *sql);

/* What is known may not be in the tables. */
void known_forget(struct store_known **known);
/* A charge of the transaction under way, and its end. */
void noted_add(struct store_noted *n, const struct store_charge *c);
void noted_end(struct store_noted *n, bool committed);
void noted_free(struct store_noted *n);
/* For folded_s. */
int store_folded(struct store *s, uint64_t ret[STORE_KINDS][STORE_RESOLUTIONS]);
/* health_sum(a, b) of two blobs. */
int store_health_function(struct store *s);

/* store_schema.c */
extern const char *const store_sql[ST_STATEMENTS];
/* Refuses what is no store, and one of a newer schema; changes nothing. */
int store_check(struct store *s, struct weir_err *err);
/* To the newest schema, in one transaction: on any failure the file stays as it was. */
int store_migrate(struct store *s);

#endif
