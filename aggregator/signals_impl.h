/* SPDX-License-Identifier: Apache-2.0 */
/* What the files signals_*.c share. Sources are made of a table of kinds (signals.c); each puts in events or series. */
#ifndef AGGREGATOR_SIGNALS_IMPL_H
#define AGGREGATOR_SIGNALS_IMPL_H

#include "aggregator/curl_loop.h"
#include "aggregator/signals.h"
#include "lib/ds/map.h"

#include <jansson.h>

#define SIGNALS_QUERIES_MAX 64
#define SIGNALS_LOGS_MAX 32
#define SIGNALS_LINE_MAX ((size_t)64 << 10)
#define SIGNALS_LABELS_MAX 1024
#define SIGNALS_AHEAD_S 300

struct signals_source {
	struct signals *signals;
	const struct signals_kind *kind;
	struct signals_about about;
	void *own;			     /* of its kind */
	uint64_t said_ns[SIGNALS_DROPS + 1]; /* when the log last said it; the last: of a failure */
	uint64_t unsaid[SIGNALS_DROPS + 1];
};

/* A kind of sources. */
struct signals_kind {
	const char *name;
	/* Adds its sources by signals_add_source(). */
	int (*add)(struct signals *s, const struct config *c);
	/* Some times a second. budget: bytes that may still be read this time, of all sources together. */
	void (*run)(struct signals_source *src, uint64_t now_ns, size_t *budget);
	void (*free)(struct signals_source *src); /* own; it may be NULL */
	bool at_once; /* is read as the program starts: what comes behind that is told from what was there */
};
extern const struct signals_kind signals_prometheus, signals_eve, signals_log;

struct signals_ring {
	struct signals_event *events; /* SIGNALS_EVENTS_MAX, when there was one */
	size_t count, next;
};

struct signals_set { /* signals_series.c */
	struct signals_kept_series **list;
	size_t count, cap;
	struct weir_map *by_key; /* query, NUL, labels */
};

struct signals {
	struct signals_source *sources;
	size_t count, first; /* first: whose turn it is to read first */
	struct signals_ring rings[2]; /* routine, and not */
	struct signals_set set;
	struct weir_loop *loop;
	struct weir_source *timer;
	struct curl_loop *curl; /* NULL: no Prometheus */
	struct signals_places *places;
	uint64_t now_ns;
};

/* signals.c */
int signals_init(struct signals *s);
void signals_fini(struct signals *s);
/* what: lives as long as the settings. */
int signals_add_source(struct signals *s, const struct signals_kind *kind, const char *name, size_t len, const char *what,
		       struct signals_source **ret);
void signals_run(struct signals *s, uint64_t now_ns);
/* Counts, and says it in the log at most once a minute for each source and reason. */
void signals_dropped(struct signals_source *src, enum signals_drop d);
void signals_failed(struct signals_source *src, uint64_t now_ns, const char *fmt, ...) WEIR_PRINTF(3, 4);
void signals_worked(struct signals_source *src, uint64_t now_ns);
/* Takes a copy, with the source's name; not when it is of the time to come. */
void signals_put(struct signals_source *src, const struct signals_event *e);
/* "NAME=..." -> the length of NAME (a-z, 0-9 and -), 0 = it does not begin so. */
size_t signals_name_length(const char *entry);

/* signals_text.c: texts of others. */
/* Cut to size at a character; what cannot be printed, or would steer a terminal or the direction of writing, is '?'. */
void signals_printable(char *dst, size_t size, const char *src);
/* ISO 8601 with T or a blank, with or without fraction; a zone as Z, +01:00, +0100 or +01, none is UTC if zoneless. -EINVAL. */
int signals_time_text(const char *s, bool zoneless, uint64_t *ret_s);
/* Unix time in s, ms, us or ns, told apart by its size. -EINVAL. */
int signals_time_number(double v, uint64_t *ret_s);
/* A line as an object: NULL = it is none. The caller's. */
json_t *signals_object(const char *line, size_t len);
/* Whether a text of JSON has at most so many objects, and values in all: parsing costs memory by them, not by bytes. */
bool signals_json_light(const char *text, size_t len, size_t objects, size_t values);
/* "" when there is none. */
const char *signals_string(const json_t *object, const char *key);
/* A port as number or text. */
uint16_t signals_port(const json_t *v);

/* "10.0.0.1", "10.0.0.1:443", "[2001:db8::1]:443", "2001:db8::1"; no port is 0. */
bool signals_address(const char *s, struct weir_addr *ret, uint16_t *ret_port);

/* Both: 0, or -EBADMSG and why not. Pure. source, and what the line does not tell, are left empty. */
int signals_eve_parse(const char *line, size_t len, struct signals_event *ret, enum signals_drop *ret_why);
/* Which field of a line is what: dotted paths; NULL = none. */
enum signals_field { SIGNALS_F_TIME, SIGNALS_F_TEXT, SIGNALS_F_LEVEL, SIGNALS_F_ADDRESS, SIGNALS_F_PEER, SIGNALS_F_NAMESPACE,
		     SIGNALS_F_WORKLOAD, SIGNALS_F_POD, SIGNALS_FIELDS };
struct signals_log_spec {
	char *name, *path;
	char *fields[SIGNALS_FIELDS];
};
/* "NAME=PATH:time=FIELD,text=FIELD,...": *ret_wrong says what is wrong, -EINVAL; or -ENOMEM. */
int signals_log_spec(const char *entry, struct signals_log_spec *ret, const char **ret_wrong);
void signals_log_spec_fini(struct signals_log_spec *l);
int signals_log_parse(const struct signals_log_spec *spec, const char *line, size_t len, struct signals_event *ret,
		      enum signals_drop *ret_why);

/* signals_series.c */
struct signals_kept_series {
	struct signals_series view;
	char *text;
	uint8_t *key;
	size_t key_len;
	double *values;
	size_t cap;
};
int signals_set_init(struct signals_set *set);
void signals_set_fini(struct signals_set *set);
/* labels: an object of texts. *ret NULL and *ret_why: it cannot be kept. */
int signals_set_find(struct signals_set *set, const char *query, uint32_t step_s, const json_t *labels,
		     struct signals_kept_series **ret, enum signals_drop *ret_why);
/* A point at a multiple of step_s: older than what is kept is left out, one that is there is replaced. */
int signals_set_put(struct signals_kept_series *k, uint64_t time_s, double v);
/* Removes the series without any value at or behind time_s. */
void signals_set_drop(struct signals_set *set, const char *query, uint64_t time_s);

/* signals_prometheus.c: signals_check() of what it needs */
int signals_check_prometheus(const struct config *c, const char *path, struct weir_err *err);

/* signals_matrix.c: an answer to a range query, in steps from from_s to to_s. -EBADMSG and one line in why. */
struct signals_asked {
	const char *query;
	uint32_t step_s;
	uint64_t from_s, to_s;
};
int signals_matrix(struct signals_source *src, const struct signals_asked *a, const char *body, size_t len, char why[SIGNALS_ERROR_MAX]);
/* What an answer says went wrong; "" = nothing that can be read. */
void signals_matrix_error(const char *body, size_t len, char why[SIGNALS_ERROR_MAX]);

#endif
