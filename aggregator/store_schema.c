/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema, as migrations (user_version = how many have run; all that lack in one transaction), and the SQL
 * of every statement that writes. A released migration is never edited: add another.
 */
#include "aggregator/store_impl.h"
#include "lib/os/store_file.h"

#define FLOW_SUM                                                                                  \
	"ON CONFLICT(" FLOW_KEY ") DO UPDATE SET bytes=bytes+excluded.bytes,packets=packets+excluded.packets"
#define FLOW_TABLE(n)                                                                             \
	"CREATE TABLE flow_" n "(bucket INTEGER NOT NULL,node INTEGER NOT NULL,"                  \
	"workload INTEGER NOT NULL,local INTEGER NOT NULL,peer INTEGER NOT NULL,"                 \
	"path INTEGER NOT NULL,proto INTEGER NOT NULL,port INTEGER NOT NULL,"                     \
	"opened INTEGER NOT NULL,dir INTEGER NOT NULL,verdict INTEGER NOT NULL,"                  \
	"bytes INTEGER NOT NULL,packets INTEGER NOT NULL,PRIMARY KEY(" FLOW_KEY ")) WITHOUT ROWID;"
#define FLOW_ROW "(?,?,?,?,?,?,?,?,?,?,?,?,?)"
#define FLOW_ADD(n, rows) "INSERT INTO flow_" n "(" FLOW_KEY ",bytes,packets) VALUES" rows " " FLOW_SUM
/* As many as STORE_ROWS says. */
#define FOUR(row) row "," row "," row "," row
#define ROWS(row) FOUR(row) "," FOUR(row) "," FOUR(row) "," FOUR(row)
_Static_assert(STORE_ROWS == 16, "of ROWS");

#define LEDGER_SUM                                                                                \
	"ON CONFLICT(" LEDGER_KEY ") DO UPDATE SET bytes=bytes+excluded.bytes,"                   \
	"once=once+excluded.once,nanos=nanos+excluded.nanos"
#define LEDGER_TABLE(n)                                                                           \
	"CREATE TABLE ledger_" n "(bucket INTEGER NOT NULL,workload INTEGER NOT NULL,"            \
	"path INTEGER NOT NULL,meter TEXT NOT NULL,pool TEXT NOT NULL,month INTEGER NOT NULL,"    \
	"bytes INTEGER NOT NULL,once INTEGER NOT NULL,nanos INTEGER NOT NULL,"                    \
	"PRIMARY KEY(" LEDGER_KEY ")) WITHOUT ROWID;"
#define LEDGER_ROW "(?,?,?,?,?,?,?,?,?)"
#define LEDGER_ADD(n, rows) "INSERT INTO ledger_" n "(" LEDGER_KEY ",bytes,once,nanos) VALUES" rows " " LEDGER_SUM

#define HEALTH_SUM                                                                                \
	"ON CONFLICT(" HEALTH_KEY ") DO UPDATE SET counts=health_sum(counts,excluded.counts)"
#define HEALTH_TABLE(n)                                                                           \
	"CREATE TABLE health_" n "(bucket INTEGER NOT NULL,workload INTEGER NOT NULL,"            \
	"scope INTEGER NOT NULL,class INTEGER NOT NULL,counts BLOB NOT NULL,"                     \
	"PRIMARY KEY(" HEALTH_KEY ")) WITHOUT ROWID;"
#define HEALTH_GET(n) \
	"SELECT counts FROM health_" n " WHERE bucket=? AND workload=? AND scope=? AND class=?"
#define HEALTH_PUT(n) "INSERT OR REPLACE INTO health_" n "(" HEALTH_KEY ",counts) VALUES(?,?,?,?,?)"

#define PATH_HEALTH_SUM                                                                           \
	"ON CONFLICT(" PATH_HEALTH_KEY ") DO UPDATE SET rtt_us=rtt_us+excluded.rtt_us,"           \
	"samples=samples+excluded.samples,retrans=retrans+excluded.retrans"
#define PATH_HEALTH_TABLE(n)                                                                      \
	"CREATE TABLE path_health_" n "(bucket INTEGER NOT NULL,workload INTEGER NOT NULL,"       \
	"path INTEGER NOT NULL,rtt_us INTEGER NOT NULL,samples INTEGER NOT NULL,"                 \
	"retrans INTEGER NOT NULL,PRIMARY KEY(" PATH_HEALTH_KEY ")) WITHOUT ROWID;"

/* How far hours are folded into days, as the key of the last row; and days with the hours that are not yet. */
#define FOLDED(kind, key, zeros)                                                                  \
	"CREATE TABLE folded_" kind " AS SELECT " key " FROM " kind "_1h WHERE 0;"                \
	"INSERT INTO folded_" kind " VALUES(" zeros ");"
#define DAYS(kind, key, rest)                                                                     \
	"CREATE VIEW " kind "_days AS SELECT bucket," rest " FROM " kind "_1d UNION ALL "         \
	"SELECT bucket-bucket%86400," rest " FROM " kind "_1h WHERE (" key ")>(SELECT " key " FROM folded_" kind ");"
/* A row of a bucket that is folded already (mark) goes into the next resolution, of so many seconds, as well;
 * parameters as of a row of that bucket. */
#define LATE(kind, to, seconds, mark, key, values, rest, all)                                     \
	"INSERT INTO " kind "_" to "(" key "," values ") SELECT ?1-?1%" seconds "," rest          \
	" FROM folded_" kind mark " WHERE (" all ")<=(" key ") "
#define FLOW_LATE(to, seconds, mark)                                                              \
	LATE("flow", to, seconds, mark, FLOW_KEY, "bytes,packets",                                \
	     "?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13", "?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11")     \
	FLOW_SUM
#define LEDGER_LATE(to, seconds, mark)                                                            \
	LATE("ledger", to, seconds, mark, LEDGER_KEY, "bytes,once,nanos", "?2,?3,?4,?5,?6,?7,?8,?9", \
	     "?1,?2,?3,?4,?5,?6") LEDGER_SUM

#define PATH_HEALTH_LATE(to, seconds, mark)                                                       \
	LATE("path_health", to, seconds, mark, PATH_HEALTH_KEY, "rtt_us,samples,retrans",         \
	     "?2,?3,?4,?5,?6", "?1,?2,?3") PATH_HEALTH_SUM

/* Minutes and hours are folded too. What stands in them already, and what comes in the rest of this hour, was and
 * is written at once: the marks say so. MANY is beyond all keys of a bucket. */
#define MANY "9223372036854775807"
#define HOUR_OF(kind)                                                                             \
	"(SELECT IFNULL(MAX(b)-MAX(b)%3600,0) FROM (SELECT MAX(bucket) AS b FROM " kind "_10s UNION ALL " \
	"SELECT MAX(bucket) FROM " kind "_1m UNION ALL SELECT MAX(bucket) FROM " kind "_1h))"
#define FOLDED_FINE(kind, key, many)                                                              \
	"CREATE TABLE folded_" kind "_1m AS SELECT " key " FROM " kind "_10s WHERE 0;"            \
	"INSERT INTO folded_" kind "_1m VALUES(" HOUR_OF(kind) "+3590," MANY many ");"            \
	"CREATE TABLE folded_" kind "_1h AS SELECT " key " FROM " kind "_1m WHERE 0;"             \
	"INSERT INTO folded_" kind "_1h VALUES(" HOUR_OF(kind) "+3540," MANY many ");"
#define ABOVE(kind, from, mark, seconds, key, rest)                                               \
	" UNION ALL SELECT bucket-bucket%" seconds "," rest " FROM " kind "_" from " WHERE (" key \
	")>(SELECT " key " FROM folded_" kind mark ")"
/* Each resolution with what is not folded into it yet. */
#define WHOLE(kind, key, rest)                                                                    \
	"CREATE VIEW " kind "_minutes AS SELECT bucket," rest " FROM " kind "_1m"                 \
	ABOVE(kind, "10s", "_1m", "60", key, rest) ";"                                            \
	"CREATE VIEW " kind "_hours AS SELECT bucket," rest " FROM " kind "_1h"                   \
	ABOVE(kind, "1m", "_1h", "3600", key, rest) ABOVE(kind, "10s", "_1m", "3600", key, rest) ";" \
	"DROP VIEW " kind "_days;"                                                                \
	"CREATE VIEW " kind "_days AS SELECT bucket," rest " FROM " kind "_1d"                    \
	ABOVE(kind, "1h", "", "86400", key, rest) ABOVE(kind, "1m", "_1h", "86400", key, rest)    \
	ABOVE(kind, "10s", "_1m", "86400", key, rest) ";"

static const char *const migrations[] = {
	/* 1: a node is a name; what its agent last said stands beside it */
	"CREATE TABLE node(id INTEGER PRIMARY KEY,name TEXT NOT NULL UNIQUE,"
	"domain TEXT NOT NULL DEFAULT '',class TEXT NOT NULL DEFAULT '');"
	"CREATE TABLE agent(node INTEGER PRIMARY KEY,boot BLOB,epoch INTEGER NOT NULL DEFAULT 0,"
	"last_sequence INTEGER NOT NULL DEFAULT 0,last_seen_ns INTEGER NOT NULL DEFAULT 0,"
	"window_end_ns INTEGER NOT NULL DEFAULT 0,version TEXT NOT NULL DEFAULT '',"
	"kernel TEXT NOT NULL DEFAULT '',hooks TEXT NOT NULL DEFAULT '',"
	"mode INTEGER NOT NULL DEFAULT 0,serial INTEGER NOT NULL DEFAULT 0,digest BLOB,"
	"applied_ns INTEGER NOT NULL DEFAULT 0,refused_serial INTEGER NOT NULL DEFAULT 0,"
	"refused_reason TEXT NOT NULL DEFAULT '',refused_text TEXT NOT NULL DEFAULT '',"
	"bytes_in INTEGER NOT NULL DEFAULT 0,bytes_out INTEGER NOT NULL DEFAULT 0,"
	"packets_in INTEGER NOT NULL DEFAULT 0,packets_out INTEGER NOT NULL DEFAULT 0,"
	"flow_rows_used INTEGER NOT NULL DEFAULT 0,flow_rows INTEGER NOT NULL DEFAULT 0,"
	"spool_bytes INTEGER NOT NULL DEFAULT 0,spool_max INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE identity(node INTEGER NOT NULL,interface TEXT NOT NULL,dir INTEGER NOT NULL,"
	"term INTEGER NOT NULL,bytes INTEGER NOT NULL,packets INTEGER NOT NULL,"
	"PRIMARY KEY(node,interface,dir,term)) WITHOUT ROWID;"
	"CREATE TABLE dropped(node INTEGER NOT NULL,reason INTEGER NOT NULL,bytes INTEGER NOT NULL,"
	"packets INTEGER NOT NULL,PRIMARY KEY(node,reason)) WITHOUT ROWID;"
	"CREATE TABLE workload(id INTEGER PRIMARY KEY,node INTEGER NOT NULL,domain TEXT NOT NULL,"
	"namespace TEXT NOT NULL,name TEXT NOT NULL,kind TEXT NOT NULL,team TEXT NOT NULL,"
	"labels TEXT NOT NULL,cgroup TEXT NOT NULL,"
	"UNIQUE(node,domain,namespace,name,kind,labels));"
	/* address 0 is what folded rows have: none */
	"CREATE TABLE address(id INTEGER PRIMARY KEY,domain TEXT NOT NULL,address BLOB NOT NULL,"
	"UNIQUE(domain,address));"
	"INSERT INTO address VALUES(0,'',x'');"
	"CREATE TABLE holder(address INTEGER NOT NULL,since INTEGER NOT NULL,until INTEGER,"
	"workload INTEGER NOT NULL,node INTEGER NOT NULL,PRIMARY KEY(address,since)) WITHOUT ROWID;"
	FLOW_TABLE("10s") FLOW_TABLE("1m") FLOW_TABLE("1h")
	"CREATE TABLE usage(pool TEXT NOT NULL,meter TEXT NOT NULL,month INTEGER NOT NULL,"
	"bytes INTEGER NOT NULL,PRIMARY KEY(pool,meter,month)) WITHOUT ROWID;"
	LEDGER_TABLE("10s") LEDGER_TABLE("1m") LEDGER_TABLE("1h"),
	/* 2: when enforcement ends without an agent, and for how long it had ended already */
	"ALTER TABLE agent ADD COLUMN lease_until_ns INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN lapsed_s INTEGER NOT NULL DEFAULT 0;",
	/* 3: TCP health: what each row of a node said last, and by time */
	"CREATE TABLE health(node INTEGER NOT NULL,workload_index INTEGER NOT NULL,class INTEGER NOT NULL,"
	"scope INTEGER NOT NULL,since_ns INTEGER NOT NULL,workload INTEGER NOT NULL,"
	"seen_s INTEGER NOT NULL,gone INTEGER NOT NULL DEFAULT 0,counts BLOB NOT NULL,"
	"PRIMARY KEY(node,workload_index,class,scope,since_ns)) WITHOUT ROWID;"
	HEALTH_TABLE("10s") HEALTH_TABLE("1m") HEALTH_TABLE("1h"),
	/* 4: which ended leases and lapses were said already */
	"ALTER TABLE agent ADD COLUMN lease_noted_ns INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN lapse_noted_s INTEGER NOT NULL DEFAULT 0;",
	/* 5: candidates: which one a node evaluates, which ones it did, and what they would do otherwise */
	"ALTER TABLE agent ADD COLUMN candidate INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE candidate(node INTEGER NOT NULL,serial INTEGER NOT NULL,since_s INTEGER NOT NULL,"
	"seen_s INTEGER NOT NULL,print INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(node,serial)) WITHOUT ROWID;"
	"CREATE TABLE disagreement(node INTEGER NOT NULL,serial INTEGER NOT NULL,rule TEXT NOT NULL,"
	"denied INTEGER NOT NULL,accepted INTEGER NOT NULL,limited INTEGER NOT NULL,"
	"PRIMARY KEY(node,serial,rule)) WITHOUT ROWID;",
	/* 6: what is stored of each boot of a node, and what it counted; all that came before is taken for whole */
	"CREATE TABLE boot(node INTEGER NOT NULL,boot BLOB NOT NULL,since_s INTEGER NOT NULL,"
	"seen_s INTEGER NOT NULL,stored_bytes_in INTEGER NOT NULL,stored_bytes_out INTEGER NOT NULL,"
	"stored_packets_in INTEGER NOT NULL,stored_packets_out INTEGER NOT NULL,"
	"bytes_in INTEGER NOT NULL,bytes_out INTEGER NOT NULL,packets_in INTEGER NOT NULL,"
	"packets_out INTEGER NOT NULL,PRIMARY KEY(node,boot)) WITHOUT ROWID;"
	"INSERT INTO boot SELECT node,boot,window_end_ns/1000000000,window_end_ns/1000000000,bytes_in,"
	"bytes_out,packets_in,packets_out,bytes_in,bytes_out,packets_in,packets_out FROM agent "
	"WHERE boot IS NOT NULL;",
	/* 7: days */
	FLOW_TABLE("1d") LEDGER_TABLE("1d") HEALTH_TABLE("1d")
	FOLDED("flow", FLOW_KEY, "0,0,0,0,0,0,0,0,0,0,0") FOLDED("ledger", LEDGER_KEY, "0,0,0,'','',0")
	FOLDED("health", HEALTH_KEY, "0,0,0,0")
	DAYS("flow", FLOW_KEY, FLOW_REST ",bytes,packets") DAYS("ledger", LEDGER_KEY, LEDGER_REST ",bytes,once,nanos")
	DAYS("health", HEALTH_KEY, HEALTH_REST ",counts"),
	/* 8: the keys of a node, and the heads of the audit log that nodes have seen */
	"CREATE TABLE keys(node INTEGER PRIMARY KEY,key BLOB,cert_expires_s INTEGER NOT NULL DEFAULT 0,"
	"broken INTEGER NOT NULL DEFAULT 0,refused TEXT NOT NULL DEFAULT '',refused_s INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE witness(node INTEGER PRIMARY KEY,sequence INTEGER NOT NULL,hash BLOB NOT NULL,"
	"signature BLOB NOT NULL);",
	/* 9: whose signatures a node trusts, and the last bundle that it took back */
	"ALTER TABLE agent ADD COLUMN key_epoch INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN undone_from INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN undone_to INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN undone_ns INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN undone_why INTEGER NOT NULL DEFAULT 0;"
	/* operators' orders, as they were signed */
	"CREATE TABLE emergency(number INTEGER PRIMARY KEY,text BLOB NOT NULL,key BLOB NOT NULL,sig BLOB NOT NULL);",
	/* 10: what is seen of an agent, and when a loss last grew */
	"ALTER TABLE agent ADD COLUMN gaps INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN folded_bytes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN folded_rows INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN skew_ns INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN skew_error_ns INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN window_ns INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN packet_ps INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN drifts INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN threshold INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE agent ADD COLUMN approvers INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE boot ADD COLUMN lost_s INTEGER NOT NULL DEFAULT 0;",
	/* 11: minutes and hours of flows and of the ledger are folded */
	FOLDED_FINE("flow", FLOW_KEY, ",0,0,0,0,0,0,0,0,0") FOLDED_FINE("ledger", LEDGER_KEY, ",0,'','',0")
	WHOLE("flow", FLOW_KEY, FLOW_REST ",bytes,packets") WHOLE("ledger", LEDGER_KEY, LEDGER_REST ",bytes,once,nanos"),
	/* 12: up to when hourly resources are charged */
	"CREATE TABLE hours(id INTEGER PRIMARY KEY CHECK(id=1),charged_s INTEGER NOT NULL);",
	/* 13: what was said of budgets, and to whom it is still to be said */
	"CREATE TABLE budget_alert(budget TEXT NOT NULL,from_s INTEGER NOT NULL,threshold TEXT NOT NULL,"
	"event INTEGER NOT NULL,time_s INTEGER NOT NULL,nanos INTEGER NOT NULL,said TEXT NOT NULL,"
	"PRIMARY KEY(budget,from_s,threshold)) WITHOUT ROWID;"
	"CREATE TABLE budget_notice(id INTEGER PRIMARY KEY,budget TEXT NOT NULL,from_s INTEGER NOT NULL,"
	"threshold TEXT NOT NULL,webhook TEXT NOT NULL,body TEXT NOT NULL,time_s INTEGER NOT NULL,"
	"next_s INTEGER NOT NULL,sent_s INTEGER NOT NULL DEFAULT 0,attempts INTEGER NOT NULL DEFAULT 0,"
	"given_up INTEGER NOT NULL DEFAULT 0,error TEXT NOT NULL DEFAULT '');"
	"CREATE INDEX budget_notice_due ON budget_notice(next_s) WHERE sent_s=0 AND given_up=0;"
	"CREATE INDEX budget_notice_of ON budget_notice(budget,from_s);",
	/* 14: what models found; body: all of it as JSON */
	"CREATE TABLE finding(id INTEGER PRIMARY KEY,key TEXT NOT NULL,kind TEXT NOT NULL,namespace TEXT NOT NULL,"
	"workload TEXT NOT NULL,team TEXT NOT NULL,since_s INTEGER NOT NULL,last_s INTEGER NOT NULL,"
	"ended_s INTEGER NOT NULL DEFAULT 0,score REAL NOT NULL,nanos_per_hour INTEGER NOT NULL,body TEXT NOT NULL);"
	"CREATE INDEX finding_key ON finding(key,last_s);"
	"CREATE INDEX finding_last ON finding(last_s);"
	"CREATE INDEX finding_open ON finding(last_s) WHERE ended_s=0;",
	/* 15: round trips and segments sent again by path */
	PATH_HEALTH_TABLE("10s") PATH_HEALTH_TABLE("1m") PATH_HEALTH_TABLE("1h") PATH_HEALTH_TABLE("1d")
	FOLDED("path_health", PATH_HEALTH_KEY, "0,0,0") DAYS("path_health", PATH_HEALTH_KEY, PATH_HEALTH_REST ",rtt_us,samples,retrans")
	FOLDED_FINE("path_health", PATH_HEALTH_KEY, ",0")
	WHOLE("path_health", PATH_HEALTH_KEY, PATH_HEALTH_REST ",rtt_us,samples,retrans"),
};

_Static_assert(WEIR_ARRAY_SIZE(migrations) == WEIR_STORE_SCHEMA, "tools know the number");

const char *const store_sql[ST_STATEMENTS] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_NODE_GET] = "SELECT id FROM node WHERE name=?",
	[ST_NODE_ADD] = "INSERT INTO node(name) VALUES(?)",
	[ST_NODE_FACTS] = "UPDATE node SET domain=?2,class=?3 WHERE id=?1",
	[ST_AGENT_GET] = "SELECT n.id,a.epoch,a.last_sequence FROM node n JOIN agent a ON a.node=n.id "
			 "WHERE n.name=?",
	[ST_AGENT_HELLO] = "INSERT INTO agent(node,version,kernel,hooks) VALUES(?,?,?,?) "
			   "ON CONFLICT(node) DO UPDATE SET version=excluded.version,"
			   "kernel=excluded.kernel,hooks=excluded.hooks",
	[ST_AGENT_SUMMARY] =
		"INSERT INTO agent(node,boot,epoch,last_sequence,last_seen_ns,window_end_ns,mode,"
		"bytes_in,bytes_out,packets_in,packets_out,flow_rows_used,flow_rows,spool_bytes,"
		"spool_max,lease_until_ns,lapsed_s,gaps,folded_bytes,folded_rows,skew_ns,skew_error_ns,"
		"window_ns,packet_ps) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
		"ON CONFLICT(node) DO UPDATE SET boot=excluded.boot,epoch=excluded.epoch,last_sequence=excluded.last_sequence,"
		"last_seen_ns=excluded.last_seen_ns,window_end_ns=excluded.window_end_ns,"
		"mode=excluded.mode,bytes_in=excluded.bytes_in,bytes_out=excluded.bytes_out,"
		"packets_in=excluded.packets_in,packets_out=excluded.packets_out,"
		"flow_rows_used=excluded.flow_rows_used,flow_rows=excluded.flow_rows,"
		"spool_bytes=excluded.spool_bytes,spool_max=excluded.spool_max,"
		"lease_until_ns=excluded.lease_until_ns,lapsed_s=excluded.lapsed_s,"
		"gaps=gaps+excluded.gaps,folded_bytes=folded_bytes+excluded.folded_bytes,"
		"folded_rows=folded_rows+excluded.folded_rows,skew_ns=excluded.skew_ns,"
		"skew_error_ns=excluded.skew_error_ns,window_ns=excluded.window_ns,packet_ps=excluded.packet_ps",
	[ST_AGENT_POLICY] =
		"INSERT INTO agent(node,last_seen_ns,mode,serial,digest,applied_ns,refused_serial,"
		"refused_reason,refused_text,candidate,key_epoch,undone_from,undone_to,undone_ns,undone_why,"
		"drifts,threshold,approvers) "
		"VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(node) DO UPDATE SET "
		"last_seen_ns=excluded.last_seen_ns,mode=excluded.mode,serial=excluded.serial,"
		"digest=excluded.digest,applied_ns=excluded.applied_ns,"
		"refused_serial=excluded.refused_serial,refused_reason=excluded.refused_reason,"
		"refused_text=excluded.refused_text,candidate=excluded.candidate,"
		"key_epoch=excluded.key_epoch,undone_from=excluded.undone_from,"
		"undone_to=excluded.undone_to,undone_ns=excluded.undone_ns,undone_why=excluded.undone_why,"
		"drifts=excluded.drifts,threshold=excluded.threshold,approvers=excluded.approvers",
	[ST_WITNESS_PUT] = "INSERT OR REPLACE INTO witness(node,sequence,hash,signature) VALUES(?,?,?,?)",
	[ST_ALERT_PUT] = "INSERT OR REPLACE INTO budget_alert(budget,from_s,threshold,event,time_s,nanos,said) VALUES(?,?,?,?,?,?,?)",
	[ST_ALERT_DROP] = "DELETE FROM budget_alert WHERE budget=? AND from_s=? AND threshold=?",
	[ST_ALERT_FORGET] = "DELETE FROM budget_alert WHERE time_s<?",
	[ST_NOTICE_ADD] = "INSERT INTO budget_notice(budget,from_s,threshold,webhook,body,time_s,next_s) VALUES(?,?,?,?,?,?,?)",
	[ST_NOTICE_SENT] = "UPDATE budget_notice SET sent_s=?2,error='' WHERE id=?1",
	[ST_NOTICE_FAILED] = "UPDATE budget_notice SET attempts=attempts+1,next_s=?2,given_up=?3,error=?4 WHERE id=?1",
	[ST_FINDING_GET] = "SELECT id,since_s FROM finding WHERE key=? AND last_s>=? ORDER BY last_s DESC LIMIT 1",
	[ST_FINDING_ADD] = "INSERT INTO finding(key,kind,namespace,workload,team,since_s,last_s,ended_s,score,nanos_per_hour,body) "
			   "VALUES(?,?,?,?,?,?,?,?,?/1e6,?,?) RETURNING id",
	[ST_FINDING_AGAIN] = "UPDATE finding SET last_s=MAX(last_s,?2),ended_s=?3,score=MAX(score,?4/1e6),"
			     "nanos_per_hour=MAX(nanos_per_hour,?5),body=?6 WHERE id=?1",
	[ST_FINDING_END] = "UPDATE finding SET ended_s=last_s WHERE ended_s=0 AND last_s<?",
	[ST_FINDING_FORGET] = "DELETE FROM finding WHERE last_s<?",
	[ST_NOTICE_FORGET] = "DELETE FROM budget_notice WHERE time_s<?",
	[ST_KEYS_GET] = "SELECT k.key,k.cert_expires_s,k.broken,k.refused,k.refused_s FROM node n "
			"JOIN keys k ON k.node=n.id WHERE n.name=?",
	[ST_KEYS_CERTIFICATE] = "INSERT INTO keys(node,cert_expires_s,broken) VALUES(?,?,?) ON CONFLICT(node) "
				"DO UPDATE SET cert_expires_s=excluded.cert_expires_s,broken=excluded.broken",
	[ST_KEYS_IDENTITY] = "INSERT INTO keys(node,key) VALUES(?,?) ON CONFLICT(node) DO UPDATE SET "
			     "key=excluded.key,refused='',refused_s=0",
	[ST_KEYS_REFUSED] = "INSERT INTO keys(node,refused,refused_s) VALUES(?,?,?) ON CONFLICT(node) DO UPDATE "
			    "SET refused=excluded.refused,refused_s=excluded.refused_s",
	[ST_AGENTS_SINCE] = "SELECT count(*) FROM agent WHERE last_seen_ns>?",
	[ST_AGENT_REPORTED] = "SELECT a.serial,a.refused_serial,a.mode,a.digest,a.refused_reason,"
			      "a.refused_text,a.candidate,a.key_epoch,a.undone_ns,a.undone_from,a.drifts,"
			      "a.threshold,a.approvers FROM node n JOIN agent a ON a.node=n.id WHERE n.name=?",
	[ST_LEASE_ENDED] = "SELECT a.node,n.name,a.lease_until_ns FROM agent a JOIN node n ON n.id=a.node "
			   "WHERE a.lease_until_ns>0 AND a.lease_until_ns<? AND "
			   "a.lease_noted_ns<>a.lease_until_ns LIMIT 1",
	[ST_LEASE_NOTED] = "UPDATE agent SET lease_noted_ns=?2 WHERE node=?1",
	[ST_LAPSE] = "SELECT a.node,n.name,a.lapsed_s,a.lapse_noted_s FROM agent a JOIN node n ON "
		     "n.id=a.node WHERE a.lapsed_s<>a.lapse_noted_s LIMIT 1",
	[ST_LAPSE_NOTED] = "UPDATE agent SET lapse_noted_s=?2 WHERE node=?1",
	[ST_IDENTITY_END] = "DELETE FROM identity WHERE node=?",
	[ST_IDENTITY] = "INSERT OR REPLACE INTO identity VALUES(?,?,?,?,?,?)",
	[ST_DROP] = "INSERT OR REPLACE INTO dropped VALUES(?,?,?,?)",
	[ST_BOOT] = "INSERT INTO boot VALUES(?1,?2,?3,?3,?4,?5,?6,?7,?8,?9,?10,?11,"
		    "CASE WHEN ?4+?5=?8+?9 THEN 0 ELSE ?3 END) ON CONFLICT(node,boot) DO UPDATE SET "
		    /* What is new of the counts and not of the rows. */
		    "lost_s=CASE WHEN excluded.bytes_in+excluded.bytes_out-bytes_in-bytes_out="
		    "excluded.stored_bytes_in+excluded.stored_bytes_out THEN lost_s ELSE excluded.seen_s END,"
		    "seen_s=excluded.seen_s,stored_bytes_in=stored_bytes_in+excluded.stored_bytes_in,"
		    "stored_bytes_out=stored_bytes_out+excluded.stored_bytes_out,"
		    "stored_packets_in=stored_packets_in+excluded.stored_packets_in,"
		    "stored_packets_out=stored_packets_out+excluded.stored_packets_out,"
		    "bytes_in=excluded.bytes_in,bytes_out=excluded.bytes_out,"
		    "packets_in=excluded.packets_in,packets_out=excluded.packets_out",
	[ST_WORKLOAD_GET] = "SELECT id FROM workload WHERE node=? AND domain=? AND namespace=? AND "
			    "name=? AND kind=? AND labels=?",
	[ST_WORKLOAD_ADD] = "INSERT INTO workload(node,domain,namespace,name,kind,labels,team,cgroup) "
			    "VALUES(?,?,?,?,?,?,?,?)",
	[ST_ADDRESS_GET] = "SELECT id FROM address WHERE domain=? AND address=?",
	[ST_ADDRESS_ADD] = "INSERT INTO address(domain,address) VALUES(?,?)",
	[ST_HOLDER_CURRENT] = "SELECT workload,since,node FROM holder WHERE address=? "
			      "ORDER BY since DESC LIMIT 1",
	[ST_HOLDER_FORMER] = "SELECT 1 FROM holder WHERE address=? AND workload=? LIMIT 1",
	[ST_HOLDER_CLOSE] = "UPDATE holder SET until=?3 WHERE address=?1 AND since=?2",
	[ST_HOLDER_OPEN] = "INSERT OR REPLACE INTO holder(address,since,workload,node) VALUES(?,?,?,?)",
	[ST_HOLDER_AT] = "SELECT workload FROM holder WHERE address=?1 AND since<=?2 AND "
			 "(until IS NULL OR until>?2) ORDER BY since DESC LIMIT 1",
	[ST_FLOW_10S] = FLOW_ADD("10s", FLOW_ROW),
	[ST_FLOWS_10S] = FLOW_ADD("10s", ROWS(FLOW_ROW)),
	[ST_FLOW_LATE_1M] = FLOW_LATE("1m", "60", "_1m"),
	[ST_FLOW_LATE_1H] = FLOW_LATE("1h", "3600", "_1h"),
	[ST_FLOW_LATE_1D] = FLOW_LATE("1d", "86400", ""),
	[ST_USAGE_GET] = "SELECT bytes FROM usage WHERE pool=? AND meter=? AND month=?",
	[ST_USAGE_ADD] = "INSERT INTO usage VALUES(?,?,?,?) ON CONFLICT(pool,meter,month) "
			 "DO UPDATE SET bytes=bytes+excluded.bytes",
	[ST_HOURS_GET] = "SELECT charged_s FROM hours",
	[ST_HOURS_SET] = "INSERT OR REPLACE INTO hours VALUES(1,?)",
	[ST_LEDGER_10S] = LEDGER_ADD("10s", LEDGER_ROW),
	[ST_CHARGES_10S] = LEDGER_ADD("10s", ROWS(LEDGER_ROW)),
	[ST_LEDGER_LATE_1M] = LEDGER_LATE("1m", "60", "_1m"),
	[ST_LEDGER_LATE_1H] = LEDGER_LATE("1h", "3600", "_1h"),
	[ST_LEDGER_LATE_1D] = LEDGER_LATE("1d", "86400", ""),
	[ST_HEALTH_LAST] = "SELECT counts FROM health WHERE node=? AND workload_index=? AND class=? AND "
			   "scope=? AND since_ns=?",
	[ST_HEALTH_SET] = "INSERT OR REPLACE INTO health(node,workload_index,class,scope,since_ns,workload,"
			  "seen_s,counts) VALUES(?,?,?,?,?,?,?,?)",
	[ST_HEALTH_GONE] = "UPDATE health SET gone=1 WHERE node=?",
	[ST_CANDIDATE_GET] = "SELECT print FROM candidate WHERE node=? AND serial=?",
	[ST_CANDIDATE_SEEN] = "INSERT INTO candidate(node,serial,since_s,seen_s,print) VALUES(?1,?2,?3,?3,?4) "
			      "ON CONFLICT(node,serial) DO UPDATE SET seen_s=excluded.seen_s,print=excluded.print",
	[ST_CANDIDATE_OLDEST] = "SELECT serial FROM candidate WHERE node=?1 ORDER BY seen_s DESC,serial DESC "
				"LIMIT 1 OFFSET ?2",
	[ST_CANDIDATE_FORGET] = "DELETE FROM candidate WHERE node=? AND serial=?",
	[ST_DISAGREEMENT_CLEAR] = "DELETE FROM disagreement WHERE node=? AND serial=?",
	[ST_DISAGREEMENT_ADD] = "INSERT INTO disagreement VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(node,serial,rule) "
				"DO UPDATE SET denied=denied+excluded.denied,accepted=accepted+excluded.accepted,"
				"limited=limited+excluded.limited",
	[ST_ORDER_ADD] = "INSERT INTO emergency VALUES(?,?,?,?)",
	[ST_ORDER_LAST] = "SELECT text,key,sig FROM emergency ORDER BY number DESC LIMIT 1",
	[ST_HEALTH_GET_10S] = HEALTH_GET("10s"),
	[ST_HEALTH_GET_1M] = HEALTH_GET("1m"),
	[ST_HEALTH_GET_1H] = HEALTH_GET("1h"),
	[ST_HEALTH_PUT_10S] = HEALTH_PUT("10s"),
	[ST_HEALTH_PUT_1M] = HEALTH_PUT("1m"),
	[ST_HEALTH_PUT_1H] = HEALTH_PUT("1h"),
	[ST_PATH_HEALTH_10S] = "INSERT INTO path_health_10s(" PATH_HEALTH_KEY ",rtt_us,samples,retrans) VALUES(?,?,?,?,?,?) "
			       PATH_HEALTH_SUM,
	[ST_PATH_HEALTH_LATE_1M] = PATH_HEALTH_LATE("1m", "60", "_1m"),
	[ST_PATH_HEALTH_LATE_1H] = PATH_HEALTH_LATE("1h", "3600", "_1h"),
	[ST_PATH_HEALTH_LATE_1D] = PATH_HEALTH_LATE("1d", "86400", ""),
	[ST_HEALTH_LATE] = LATE("health", "1d", "86400", "", HEALTH_KEY, "counts", "?2,?3,?4,?5", "?1,?2,?3,?4") HEALTH_SUM,
};

static int number(struct store *s, const char *sql, int *ret)
{
	sqlite3_stmt *st = NULL;
	int r = 0, code = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	else
		r = store_fail(s, code);
	sqlite3_finalize(st);
	return r;
}

int store_check(struct store *s, struct weir_err *err)
{
	int version = 0, tables = 0, newest = (int)WEIR_ARRAY_SIZE(migrations);
	int r = number(s, "PRAGMA user_version", &version);

	if (!r)
		r = number(s, "SELECT COUNT(*) FROM sqlite_master", &tables);
	if (r)
		return r;
	if (version > newest)
		return weir_err_set(err, -EPROTONOSUPPORT,
				    "the store has schema %d and this program knows up to %d: run the newer "
				    "weir-aggregator, or restore a backup made before it ran (weirctl store restore)",
				    version, newest);
	if (version < 1 && tables)
		return weir_err_set(err, -EINVAL, "is a database, but no store of weir: name another file");
	return 0;
}

int store_migrate(struct store *s)
{
	int version = 0, newest = (int)WEIR_ARRAY_SIZE(migrations);
	int r = number(s, "PRAGMA user_version", &version);
	char set[48];

	if (r || version == newest)
		return r;
	r = store_exec(s, "BEGIN IMMEDIATE");
	for (; !r && version < newest; version++)
		r = store_exec(s, migrations[version]);
	snprintf(set, sizeof(set), "PRAGMA user_version=%d; COMMIT", newest);
	if (!r)
		r = store_exec(s, set);
	if (r)
		store_rollback(s);
	return r;
}
