/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of Prometheus's HTTP API (v1, query_range): a matrix is series, each of labels and of pairs [time, "value"]. */
#include "aggregator/signals_impl.h"

#include <math.h>

/* Of the answer and its data, and two for each series; commas and brackets: two for a point, and the labels. */
#define OBJECTS_MAX (4 * (size_t)SIGNALS_SERIES_MAX + 64)
#define VALUES_MAX(points) ((3 * (size_t)(points) + 64) * SIGNALS_SERIES_MAX)
#define VALUE_MAX 64

/* NaN is missing; so is an infinity, which no model and no mean survives. */
static int value_of(const json_t *v, double *ret, bool *ret_infinite)
{
	const char *s = json_string_value(v);
	char *end;
	double d;

	if (!s || !*s || strlen(s) > VALUE_MAX || strspn(s, "0123456789+-.eEInfNa") != strlen(s))
		return -EINVAL;
	d = strtod(s, &end);
	if (*end)
		return -EINVAL;
	*ret_infinite = isinf(d);
	*ret = isfinite(d) ? d : NAN;
	return 0;
}

static int point(struct signals_source *src, const struct signals_asked *a, struct signals_kept_series *k, const json_t *pair)
{
	double t = json_number_value(json_array_get(pair, 0)), v;
	bool infinite = false;
	uint64_t at = isfinite(t) && t >= 0 && t < 1e11 ? (uint64_t)(t + 0.5) : 0;

	src->about.read++;
	if (json_array_size(pair) != 2 || at < a->from_s || at > a->to_s || (at - a->from_s) % a->step_s || value_of(json_array_get(pair, 1), &v, &infinite)) {
		signals_dropped(src, SIGNALS_BAD_VALUE);
		return 0;
	}
	if (infinite)
		signals_dropped(src, SIGNALS_NOT_FINITE);
	else
		src->about.taken++;
	return signals_set_put(k, at, v);
}

static int one_series(struct signals_source *src, const struct signals_asked *a, const json_t *o)
{
	const json_t *labels = json_object_get(o, "metric"), *values = json_object_get(o, "values");
	struct signals_kept_series *k = NULL;
	enum signals_drop why = SIGNALS_BAD_VALUE;
	int r = 0;

	if (json_is_object(labels) && json_is_array(values)) /* native histograms have no values */
		r = signals_set_find(&src->signals->set, a->query, a->step_s, labels, &k, &why);
	if (!r && !k)
		signals_dropped(src, why);
	for (size_t i = 0; !r && k && i < json_array_size(values); i++)
		r = point(src, a, k, json_array_get(values, i));
	return r;
}

static int refuse(struct signals_source *src, char why[SIGNALS_ERROR_MAX], const char *text)
{
	signals_dropped(src, SIGNALS_BAD_ANSWER);
	snprintf(why, SIGNALS_ERROR_MAX, "%s", text);
	return -EBADMSG;
}

int signals_matrix(struct signals_source *src, const struct signals_asked *a, const char *body, size_t len, char why[SIGNALS_ERROR_MAX])
{
	const json_t *data, *result;
	json_t *root;
	int r = 0;

	if (!signals_json_light(body, len, OBJECTS_MAX, VALUES_MAX((a->to_s - a->from_s) / a->step_s + 1)))
		return refuse(src, why, "the answer has more values than 1000 series: let the query sum");
	root = signals_object(body, len);
	data = json_object_get(root, "data");
	result = json_object_get(data, "result");
	if (strcmp(signals_string(root, "status"), "success") || strcmp(signals_string(data, "resultType"), "matrix") || !json_is_array(result))
		r = refuse(src, why, "the answer is no matrix of Prometheus: does signals.prometheus lead to one?");
	for (size_t i = 0; !r && i < json_array_size(result); i++)
		r = one_series(src, a, json_array_get(result, i));
	json_decref(root);
	if (r == -ENOMEM)
		snprintf(why, SIGNALS_ERROR_MAX, "%s", strerror(ENOMEM));
	return r;
}

void signals_matrix_error(const char *body, size_t len, char why[SIGNALS_ERROR_MAX])
{
	json_t *root = signals_json_light(body, len, 64, 256) ? signals_object(body, len) : NULL;

	signals_printable(why, SIGNALS_ERROR_MAX, signals_string(root, "error"));
	json_decref(root);
}
