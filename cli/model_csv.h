/* SPDX-License-Identifier: Apache-2.0 */
/* What weirctl model reads: CSV of numbers from a file or, "-", standard input; a record is a line. */
#ifndef WEIR_CLI_MODEL_CSV_H
#define WEIR_CLI_MODEL_CSV_H

#include "lib/model/series.h"

#define MODEL_LINE_MAX ((size_t)32 << 20) /* bytes */

struct model_csv {
	FILE *f;
	const char *name; /* in messages */
	uint64_t line;	  /* of the last record, from 1 */
	char *text;
	size_t size;
	char **field; /* point into text; blanks around and quotes are taken off */
	size_t fields, room;
};

int model_csv_open(struct model_csv *c, const char *path, struct weir_err *err);
void model_csv_close(struct model_csv *c);
#define model_auto_csv weir_cleanup(model_csv_close) struct model_csv
/* The next line that is not empty: 1, 0 at the end, -errno with "file:line: ..." in err. */
int model_csv_next(struct model_csv *c, struct weir_err *err);
/* Field i as a number; an empty one, NA or NaN is NaN. -EINVAL with the line and the field in err. */
int model_csv_number(const struct model_csv *c, size_t i, double *ret, struct weir_err *err);

/* A set of series in M4's layout: id, values; what is empty at the end of a line is no value. */
struct model_set {
	struct weir_series *series;
	size_t count, room;
	bool header; /* the file had one */
};

int model_set_read(const char *path, struct model_set *ret, struct weir_err *err);
void model_set_fini(struct model_set *s);
#define model_auto_set weir_cleanup(model_set_fini) struct model_set

#endif
