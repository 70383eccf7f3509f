/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes metrics as text: OpenMetrics 1.0, or the older Prometheus text format for readers that do not ask
 * for it (classic). Families come one after the other, all samples of one together. A failure (memory, or a
 * name that breaks the rules) is kept and returned by weir_metrics_end().
 */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include "lib/ds/buf.h"

#define WEIR_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define WEIR_CLASSIC_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum weir_metric_type { WEIR_GAUGE, WEIR_COUNTER, WEIR_INFO, WEIR_HISTOGRAM };

/* A name and its value, UTF-8; a list ends with {0}. At most WEIR_METRIC_LABELS. */
struct weir_metric_label {
	const char *name, *value;
};
#define WEIR_METRIC_LABELS 8
#define WEIR_LABELS(...) ((const struct weir_metric_label[]){__VA_ARGS__, {0}})

struct weir_metrics {
	struct weir_buf *out;
	bool classic;
	int failed;
	enum weir_metric_type type;
	char name[96]; /* of the family under way, without a sample's suffix */
};

/* Of an Accept header, or NULL: readers that do not name the newer format get the one that everybody knows; a
 * person, who names none, gets the newer. */
bool weir_metrics_classic(const char *accept);
void weir_metrics_begin(struct weir_metrics *m, struct weir_buf *out, bool classic);
/* name without "_total" or "_info"; when it has a unit it ends with that: "bytes", "seconds". unit "" = none. */
void weir_family(struct weir_metrics *m, enum weir_metric_type type, const char *name, const char *unit,
		 const char *help);
void weir_sample_u64(struct weir_metrics *m, const struct weir_metric_label *labels, uint64_t v);
void weir_sample_i64(struct weir_metrics *m, const struct weir_metric_label *labels, int64_t v);
void weir_sample(struct weir_metrics *m, const struct weir_metric_label *labels, double v);
/* counts[i]: observations of at most bounds[i], not cumulative; counts[n]: beyond all. */
void weir_sample_histogram(struct weir_metrics *m, const double *bounds, const uint64_t *counts, size_t n,
			   double sum);
/* The first failure. */
int weir_metrics_end(struct weir_metrics *m);

#endif
