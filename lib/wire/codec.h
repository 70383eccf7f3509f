/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that pack and unpack messages. Internal to lib/wire. */
#ifndef WEIR_WIRE_CODEC_H
#define WEIR_WIRE_CODEC_H

#include "lib/wire/arena.h"
#include "lib/wire/msg.h"
#include "lib/wire/text.h"
#include "weir.pb-c.h"

#define WEIR_SUMMARY_DROPS_MAX 64
#define WEIR_WORKLOAD_LABELS_MAX 64
#define WEIR_PUSH_SIGS_MAX 16
#define WEIR_COUNT_MAX ((uint64_t)INT64_MAX) /* what a database integer holds */

#define WEIR_HEALTH_COUNTS_MAX 64 /* room for those of newer nodes, which are ignored */

/* Sets "field: what is wrong" and returns -EBADMSG. */
#define weir_bad(err, fmt, ...) weir_err_set(err, -EBADMSG, fmt, ##__VA_ARGS__)

/* Checks pb and fills ret, whose pointers lie in a (pb's own memory included). */
int weir_summary_check(const Weir__V1__Summary *pb, struct weir_arena *a, struct weir_summary *ret,
		       struct weir_err *err);
/* Builds pb in a. -E2BIG when a count exceeds what a receiver takes. */
int weir_summary_build(const struct weir_summary *s, struct weir_arena *a, Weir__V1__Summary **ret);

/* health.c: the list of TCP health, for the two above. */
int weir_health_check(const Weir__V1__Summary *pb, struct weir_arena *a, struct weir_summary *ret,
		      struct weir_err *err);
int weir_health_build(const struct weir_summary *s, struct weir_arena *a, Weir__V1__Summary *pb);

#endif
