/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of others that explain what weir finds: series that a Prometheus is asked for, events of files that are
 * followed (Suricata's EVE, logs of JSON lines). All in memory, bounded, and what was left out is counted by reason;
 * docs/seen.md says what is kept, and of files what is read again after a restart.
 */
#ifndef AGGREGATOR_SIGNALS_H
#define AGGREGATOR_SIGNALS_H

#include "aggregator/config.h"
#include "lib/ds/lpm.h"
#include "lib/os/loop.h"

#define SIGNALS_SOURCES_MAX 97 /* 64 queries, EVE, 32 logs */
#define SIGNALS_SERIES_MAX 1000
#define SIGNALS_POINTS_MAX 1440 /* the newest of a series */
/* Of each of two rings: what is routine (severity info) never pushes out what is not. */
#define SIGNALS_EVENTS_MAX 10000
#define SIGNALS_NAME_MAX 64
#define SIGNALS_TEXT_MAX 256
#define SIGNALS_ERROR_MAX 256

enum signals_severity { SIGNALS_INFO, SIGNALS_LOW, SIGNALS_MEDIUM, SIGNALS_HIGH, SIGNALS_SEVERITIES };
const char *signals_severity_name(enum signals_severity v); /* "info", "low", "medium", "high" */

/* Why something that came is not here, or not whole. */
enum signals_drop {
	SIGNALS_TOO_LONG,     /* a line of more than 64 KiB, a label set of more than 1 KiB */
	SIGNALS_NOT_JSON,     /* a line that is no JSON object */
	SIGNALS_NO_TIME,      /* no time, or none that can be read */
	SIGNALS_TIME_AHEAD,   /* more than 5 minutes ahead of this clock */
	SIGNALS_NO_TEXT,      /* an event that says nothing */
	SIGNALS_NO_TRAFFIC,   /* of EVE: what has no addresses, as the engine's own counts */
	SIGNALS_TORN,	      /* the end of a file without an end of line, when the file was exchanged */
	SIGNALS_LOST_FILE,    /* what is behind the last line read of a file that was cut or is gone */
	SIGNALS_EVICTED,      /* an event that newer ones pushed out */
	SIGNALS_BAD_ANSWER,   /* an answer that is no matrix */
	SIGNALS_BAD_VALUE,    /* a point whose time or value is none, or not of the grid that was asked for */
	SIGNALS_NOT_FINITE,   /* a point of plus or minus infinity: it is missing */
	SIGNALS_SERIES_LIMIT, /* a series beyond SIGNALS_SERIES_MAX */
	SIGNALS_DROPS
};
const char *signals_drop_name(enum signals_drop d); /* "too-long" */

enum signals_state {
	SIGNALS_WAITS,	/* nothing came yet: the file is not there, the first answer is on its way */
	SIGNALS_WORKS,
	SIGNALS_FAILS	/* the last attempt did: see error */
};
const char *signals_state_name(enum signals_state s); /* "waits", "works", "fails" */

struct signals_about {
	char name[SIGNALS_NAME_MAX]; /* "eve", or the NAME of a query or a log */
	const char *kind;	     /* "prometheus", "eve", "log" */
	const char *what;	     /* the query, or the path */
	enum signals_state state;
	char error[SIGNALS_ERROR_MAX]; /* of the last failure, "" = there was none; it stays when all works again */
	uint64_t error_s, ok_s;	       /* of the last failure, the last success; 0 = none */
	uint64_t read;		       /* points or lines that came */
	uint64_t taken;		       /* of them, kept when they came */
	uint64_t failures;
	uint64_t dropped[SIGNALS_DROPS];
	uint64_t behind_bytes; /* of a file: not read yet */
};

struct signals_series {
	const char *query;	/* the NAME of its query */
	const char *name;	/* __name__, else the query's NAME */
	const char *labels;	/* {a="b",c="d"}, in the order of the names, without __name__ */
	const char *namespace;	/* "" = no such label; so below */
	const char *workload;	/* of workload, deployment, statefulset, daemonset, pod, job: the first that there is */
	const char *instance;
	bool has_address;
	struct weir_addr address; /* of instance, without its port */
	uint32_t step_s;
	uint64_t start_s;     /* of values[0], a multiple of step_s */
	size_t n;	      /* at most SIGNALS_POINTS_MAX */
	const double *values; /* step_s apart; NaN = missing */
};

struct signals_event {
	uint64_t time_s;
	char source[SIGNALS_NAME_MAX]; /* name of signals_about */
	char type[24];		       /* EVE's event_type; "log" */
	enum signals_severity severity;
	char text[SIGNALS_TEXT_MAX]; /* one line, printable UTF-8 */
	bool has_src, has_dst;
	struct weir_addr src, dst;
	uint16_t src_port, dst_port; /* 0 = none */
	char proto[16];		     /* "" = not told */
	char namespace[64], workload[128]; /* "" = not told */
};

struct service;
struct signals;
/* By the settings of sv. Without any it is there and empty. Failures of sources are theirs; see signals_about(). */
int signals_new(struct service *sv, struct weir_loop *loop, struct signals **ret);
void signals_free(struct signals *s); /* keeps the files' positions */

size_t signals_sources(const struct signals *s);
const struct signals_about *signals_about(const struct signals *s, size_t i);
/* What is lent lives until the loop runs again. */
size_t signals_series(const struct signals *s);
const struct signals_series *signals_series_at(const struct signals *s, size_t i);
/* Of time_s from_s to to_s, both included, in no order. A value of fn other than 0 ends it and is returned. */
typedef int (*signals_event_fn)(const struct signals_event *e, void *arg);
int signals_events(const struct signals *s, uint64_t from_s, uint64_t to_s, signals_event_fn fn, void *arg);
/* The newest, newest first: fills ret of max, returns how many. */
size_t signals_newest(const struct signals *s, size_t max, const struct signals_event **ret);
size_t signals_kept(const struct signals *s); /* events */

/* signals_join.c: what belongs to a finding. */
#define SIGNALS_NEAR_S 60 /* so long before and after it counts */
#define SIGNALS_JOIN_MAX 32

/* In the order in which they come. */
enum signals_relation {
	SIGNALS_SAME_PAIR, /* peer and local address */
	SIGNALS_SAME_PEER,
	SIGNALS_SAME_LOCAL,
	SIGNALS_SAME_WORKLOAD, /* namespace and workload; the workload alone where either side has no namespace */
	SIGNALS_SAME_NAMESPACE /* what names no workload */
};

struct signals_subject {
	const char *namespace, *workload;	/* NULL or "" = not known */
	const struct weir_addr *peer, *local;	/* NULL = not known */
};

struct signals_match {
	enum signals_relation relation;
	const struct signals_event *event;   /* or NULL, and then */
	const struct signals_series *series; /* which had a value then */
	double mean, before;		     /* of its values then, and in the hour before that; NaN = there was none */
	char text[96];			     /* "same peer, 14 s before"; "same workload: 42 while it lasted, 11 in the hour before" */
};
typedef int (*signals_match_fn)(const struct signals_match *m, void *arg);
/*
 * For a finding that lasted from from_s to to_s: the nearest relation first, of one relation events before series, the more
 * severe first, then the nearer in time. At most max (SIGNALS_JOIN_MAX) come; *ret_all is how many there are. Pure; linear
 * in what is kept, some 1 ms where that is all that can be.
 */
int signals_join(const struct signals *s, const struct signals_subject *subject, uint64_t from_s, uint64_t to_s, size_t max,
		 signals_match_fn fn, void *arg, size_t *ret_all);

/* The settings: one line in err, "PATH: signals.queries: entry 2: ...", -EINVAL. */
int signals_check(const struct config *c, const char *path, struct weir_err *err);

#endif
