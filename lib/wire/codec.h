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
#define WEIR_DIFFERENCE_TCP 4 /* numbers of a row in Difference.tcp */
#define WEIR_COUNT_MAX ((uint64_t)INT64_MAX) /* what a database integer holds */

#define WEIR_HEALTH_COUNTS_MAX 64 /* room for those of newer nodes, which are ignored */

/* Sets "field: what is wrong" and returns -EBADMSG. */
#define weir_bad(err, fmt, ...) weir_err_set(err, -EBADMSG, fmt, ##__VA_ARGS__)

/* A message of a type from bytes, in a new arena that is large enough for the plain structs too. */
int weir_unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t len, struct weir_arena **ret_arena,
		void **ret, struct weir_err *err);

/* Checks pb and fills ret, whose pointers lie in a (pb's own memory included). kept: so many workloads come before
 * those of pb in what indexes of workloads mean. */
int weir_summary_check(const Weir__V1__Summary *pb, size_t kept, struct weir_arena *a, struct weir_summary *ret,
		       struct weir_err *err);
/* Builds pb in a. -E2BIG when a count exceeds what a receiver takes. */
int weir_summary_build(const struct weir_summary *s, struct weir_arena *a, Weir__V1__Summary **ret);

int weir_summary_build_head(const struct weir_summary *s, struct weir_arena *a, Weir__V1__Summary *pb);

/* difference.c: what both directions of a Difference share. */
#define WEIR_HEAD_SCALARS 24
uint64_t weir_head_get(const Weir__V1__Summary *pb, size_t i);
void weir_head_set(Weir__V1__Summary *pb, size_t i, uint64_t v);
/* What all rows of a window add to the totals. */
struct weir_sums {
	uint64_t bytes[WEIR_DIRS], packets[WEIR_DIRS];
};
void weir_sums_add(struct weir_sums *s, uint32_t dir, uint64_t bytes, uint64_t packets);
/* The scalars that are expected of the summary after ref. */
int weir_head_foretell(const struct weir_summary *ref, const struct weir_sums *sums, struct weir_arena *a,
		       Weir__V1__Summary *ret);
/* Bytes of a row, by its packets. */
uint64_t weir_row_foretell(const struct weir_sum_row *ref, uint64_t packets);

bool weir_reference_fits(const struct weir_summary *s);

/* pack_difference.c: -ENOENT when s is of another boot, epoch or domain, or has other lines of identity. */
int weir_difference_build(const struct weir_summary *s, const struct weir_msg *ref, struct weir_arena *a,
			  Weir__V1__Summary **ret);
/* unpack_difference.c: pb has one. Its scalars are filled in. -ESTALE: to something other than ref. */
int weir_difference_check(Weir__V1__Summary *pb, const struct weir_msg *ref, struct weir_arena *a,
			  struct weir_summary *ret, struct weir_err *err);

/* health.c: the list of TCP health, for the two above. */
int weir_health_check(const Weir__V1__Summary *pb, size_t workloads, struct weir_arena *a, struct weir_summary *ret,
		      struct weir_err *err);
int weir_health_build(const struct weir_summary *s, struct weir_arena *a, Weir__V1__Summary *pb);

#endif
