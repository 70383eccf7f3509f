/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ds/metrics.h"

#include <inttypes.h>
#include <math.h>

static const struct {
	const char *openmetrics, *classic, *suffix;
} types[] = {
	[WEIR_GAUGE] = {"gauge", "gauge", ""},
	[WEIR_COUNTER] = {"counter", "counter", "_total"},
	[WEIR_INFO] = {"info", "gauge", "_info"},
	[WEIR_HISTOGRAM] = {"histogram", "histogram", ""},
};

static void note(struct weir_metrics *m, int r)
{
	if (r < 0 && !m->failed)
		m->failed = r;
}

/* In a label's value three characters must be escaped, in a help text the quote may stay as it is. */
static void put_escaped(struct weir_metrics *m, const char *s, bool quote)
{
	const char *from = s;

	for (;; s++) {
		bool hit = *s == '\\' || *s == '\n' || (quote && *s == '"');

		if (*s && !hit)
			continue;
		note(m, weir_buf_add(m->out, from, (size_t)(s - from)));
		if (!*s)
			return;
		note(m, weir_buf_addf(m->out, "\\%c", *s == '\n' ? 'n' : *s));
		from = s + 1;
	}
}

static bool name_ok(const char *s, bool colon)
{
	static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789:";
	size_t n = strlen(s), ok = strspn(s, known);

	return n && ok == n && !(*s >= '0' && *s <= '9') && (colon || !strchr(s, ':'));
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && s[n - k - 1] == '_' && !strcmp(s + n - k, end);
}

bool weir_metrics_classic(const char *accept)
{
	return accept && !strstr(accept, "application/openmetrics-text") && strstr(accept, "text/plain");
}

void weir_metrics_begin(struct weir_metrics *m, struct weir_buf *out, bool classic)
{
	*m = (struct weir_metrics){.out = out, .classic = classic};
}

void weir_family(struct weir_metrics *m, enum weir_metric_type type, const char *name, const char *unit,
		 const char *help)
{
	const char *suffix = m->classic ? types[type].suffix : "";

	if (!name_ok(name, true) || (*unit && !ends_with(name, unit)) || ends_with(name, "total") ||
	    ends_with(name, "info") || weir_strcpy(m->name, sizeof(m->name), name))
		note(m, -EINVAL);
	m->type = type;
	note(m, weir_buf_addf(m->out, "# TYPE %s%s %s\n", name, suffix,
			      m->classic ? types[type].classic : types[type].openmetrics));
	if (*unit && !m->classic)
		note(m, weir_buf_addf(m->out, "# UNIT %s %s\n", name, unit));
	note(m, weir_buf_addf(m->out, "# HELP %s%s ", name, suffix));
	put_escaped(m, help, false);
	note(m, weir_buf_add(m->out, "\n", 1));
}

/* The sample's name and labels; le of a histogram's bucket comes last. */
static void put_name(struct weir_metrics *m, const char *suffix, const struct weir_metric_label *labels, const char *le)
{
	char sep = '{';
	size_t n = 0;

	note(m, weir_buf_addf(m->out, "%s%s", m->name, suffix));
	for (; labels && labels->name; labels++) {
		if (!name_ok(labels->name, false) || ++n > WEIR_METRIC_LABELS)
			note(m, -EINVAL);
		note(m, weir_buf_addf(m->out, "%c%s=\"", sep, labels->name));
		put_escaped(m, labels->value, true);
		note(m, weir_buf_add(m->out, "\"", 1));
		sep = ',';
	}
	if (le)
		note(m, weir_buf_addf(m->out, "%cle=\"%s\"", sep, le));
	if (le || sep == ',')
		note(m, weir_buf_add(m->out, "}", 1));
	note(m, weir_buf_add(m->out, " ", 1));
}

void weir_sample_u64(struct weir_metrics *m, const struct weir_metric_label *labels, uint64_t v)
{
	put_name(m, types[m->type].suffix, labels, NULL);
	note(m, weir_buf_addf(m->out, "%" PRIu64 "\n", v));
}

void weir_sample_i64(struct weir_metrics *m, const struct weir_metric_label *labels, int64_t v)
{
	put_name(m, types[m->type].suffix, labels, NULL);
	note(m, weir_buf_addf(m->out, "%" PRId64 "\n", v));
}

static void put_double(struct weir_metrics *m, double v)
{
	if (isnan(v))
		note(m, weir_buf_addf(m->out, "NaN\n"));
	else if (isinf(v))
		note(m, weir_buf_addf(m->out, "%sInf\n", v < 0 ? "-" : "+"));
	else
		note(m, weir_buf_addf(m->out, "%.12g\n", v));
}

void weir_sample(struct weir_metrics *m, const struct weir_metric_label *labels, double v)
{
	put_name(m, types[m->type].suffix, labels, NULL);
	put_double(m, v);
}

void weir_sample_histogram(struct weir_metrics *m, const double *bounds, const uint64_t *counts, size_t n,
			   double sum)
{
	uint64_t so_far = 0;
	char le[32];

	for (size_t i = 0; i <= n; i++) {
		so_far += counts[i];
		if (i < n)
			snprintf(le, sizeof(le), "%.6g", bounds[i]);
		put_name(m, "_bucket", NULL, i < n ? le : "+Inf");
		note(m, weir_buf_addf(m->out, "%" PRIu64 "\n", so_far));
	}
	put_name(m, "_count", NULL, NULL);
	note(m, weir_buf_addf(m->out, "%" PRIu64 "\n", so_far));
	put_name(m, "_sum", NULL, NULL);
	put_double(m, sum);
}

int weir_metrics_end(struct weir_metrics *m)
{
	if (!m->classic)
		note(m, weir_buf_addf(m->out, "# EOF\n"));
	return m->failed;
}
