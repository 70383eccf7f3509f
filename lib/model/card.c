/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/card.h"

#include <inttypes.h>
#include <math.h>

#include "lib/base/clock.h"

#define WIDTH 100
#define INDENT 12

int weir_json_text(struct weir_buf *b, const char *s)
{
	int r = weir_buf_add(b, "\"", 1);

	for (; *s && !r; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			r = weir_buf_addf(b, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			r = weir_buf_addf(b, "\\u%04x", c);
		else
			r = weir_buf_add(b, s, 1);
	}
	return r ? r : weir_buf_add(b, "\"", 1);
}

int weir_json_number(struct weir_buf *b, double v)
{
	return isfinite(v) ? weir_buf_addf(b, "%.10g", v) : weir_buf_addf(b, "null");
}

static const char *time_of(int64_t s, char buf[32])
{
	return s > 0 ? weir_time_text((uint64_t)s * WEIR_NS_PER_S, buf) : "unknown";
}

/* Words behind a title, in lines of WIDTH that begin under each other. */
static int put_lines(struct weir_buf *b, const char *title, const char *text)
{
	int r = weir_buf_addf(b, "%-*s", INDENT, title);
	size_t at = INDENT;

	while (*text && !r) {
		size_t word = strcspn(text, " ");

		if (at > INDENT && at + 1 + word > WIDTH) {
			r = weir_buf_addf(b, "\n%*s", INDENT, "");
			at = INDENT;
		} else if (at > INDENT) {
			r = weir_buf_add(b, " ", 1);
			at++;
		}
		r = r || !word ? r : weir_buf_add(b, text, word);
		at += word;
		text += word;
		text += strspn(text, " ");
	}
	return r ? r : weir_buf_add(b, "\n", 1);
}

static int put_number_list(struct weir_buf *b, const char *title, const struct weir_model_numbers *n)
{
	int r = 0;

	for (uint32_t i = 0; i < n->count && !r; i++)
		if (isfinite(n->item[i].value))
			r = weir_buf_addf(b, "%-*s%-24s %.6g\n", INDENT, i ? "" : title, n->item[i].name, n->item[i].value);
	return r;
}

static const char *cell(double v, const char *format, double times, char buf[32])
{
	if (!isfinite(v))
		return "-";
	snprintf(buf, 32, !strcmp(format, "%") ? "%.1f%%" : "%.3f", v * times);
	return buf;
}

static int put_slices(struct weir_buf *b, const struct weir_model_slices *l)
{
	int r = l->count ? weir_buf_addf(b, "\n%-10s %-32s %8s %9s %9s %9s %9s\n", "slice", "", "count", "error", "before", "MSIS", "covered") : 0;

	for (uint32_t i = 0; i < l->count && !r; i++) {
		const struct weir_model_slice *s = &l->item[i];
		char error[32], before[32], msis[32], covered[32];

		r = weir_buf_addf(b, "%-10s %-32s %8" PRIu64 " %9s %9s %9s %9s\n", s->kind, s->label, s->count, cell(s->error, "", 1, error),
				  cell(s->before, "", 1, before), cell(s->msis, "", 1, msis), cell(s->covered, "%", 100, covered));
	}
	return r;
}

/* What an error is depends on what a model does. */
static const char *error_means(const struct weir_model *m)
{
	return m->ops->predict ? "error is MASE: misses on held-back values in units of the usual difference to a season before, so 1 is as good as repeating "
				 "the last season; MSIS is of the interval, covered the share of values inside it." :
				 "error is the mean share of calm held-back rows that look as strange as an anomaly planted among them, so 0.5 is no better than chance; "
				 "covered is the share of held-back rows without an alarm.";
}

static int put_decision(struct weir_buf *b, const struct weir_shelf_decision *d)
{
	char time[32], line[WEIR_SHELF_WHY_MAX + 160];

	if (!d)
		return put_lines(b, "decided", "not known any more");
	snprintf(line, sizeof(line), "%s, %s (%s): %s", time_of(d->time_s, time), weir_shelf_verdict_name(d->verdict), d->reason, d->why);
	return put_lines(b, "decided", line);
}

int weir_card_text(const struct weir_card *c, struct weir_buf *b)
{
	const struct weir_model_meta *m = &c->model->meta;
	char from[32], to[32], line[256];
	int r = weir_buf_addf(b, "%-*s%s\n%-*s%s, version %u, %s\n%-*s%s\n", INDENT, "use", c->use, INDENT, "model", m->name, m->version, c->state, INDENT,
			      "hash", c->hash);

	r = r ? r : put_lines(b, "purpose", c->model->ops->about);
	snprintf(line, sizeof(line), "%s to %s, %" PRIu64 " series, %" PRIu64 " values, seed %" PRIu64, time_of(m->from_s, from), time_of(m->to_s, to), m->series,
		 m->points, m->seed);
	r = r ? r : put_lines(b, "data", line);
	r = r ? r : put_decision(b, c->decision);
	r = r ? r : put_number_list(b, "scores", &m->scores);
	r = r ? r : put_number_list(b, "parameters", &m->params);
	r = r ? r : put_lines(b, "meaning", error_means(c->model));
	r = r ? r : put_lines(b, "limits", c->model->ops->limits);
	return r ? r : put_slices(b, &m->slices);
}

static int json_numbers(struct weir_buf *b, const char *name, const struct weir_model_numbers *n)
{
	int r = weir_buf_addf(b, ",\"%s\":[", name);

	for (uint32_t i = 0; i < n->count && !r; i++) {
		r = weir_buf_addf(b, "%s{\"name\":", i ? "," : "");
		r = r ? r : weir_json_text(b, n->item[i].name);
		r = r ? r : weir_buf_addf(b, ",\"value\":");
		r = r ? r : weir_json_number(b, n->item[i].value);
		r = r ? r : weir_buf_add(b, "}", 1);
	}
	return r ? r : weir_buf_add(b, "]", 1);
}

static int json_slice(struct weir_buf *b, const struct weir_model_slice *s)
{
	const struct {
		const char *name;
		double value;
	} numbers[] = {{"error", s->error}, {"before", s->before}, {"msis", s->msis}, {"covered", s->covered}};
	int r = weir_buf_addf(b, "{\"kind\":");

	r = r ? r : weir_json_text(b, s->kind);
	r = r ? r : weir_buf_addf(b, ",\"label\":");
	r = r ? r : weir_json_text(b, s->label);
	r = r ? r : weir_buf_addf(b, ",\"count\":%" PRIu64, s->count);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(numbers) && !r; i++) {
		r = weir_buf_addf(b, ",\"%s\":", numbers[i].name);
		r = r ? r : weir_json_number(b, numbers[i].value);
	}
	return r ? r : weir_buf_add(b, "}", 1);
}

static int json_pair(struct weir_buf *b, const char *before, const char *name, const char *value)
{
	int r = weir_buf_addf(b, "%s\"%s\":", before, name);

	return r ? r : weir_json_text(b, value);
}

static int json_decision(struct weir_buf *b, const struct weir_shelf_decision *d)
{
	int r;

	if (!d)
		return weir_buf_addf(b, ",\"decision\":null");
	r = weir_buf_addf(b, ",\"decision\":{\"time_s\":%" PRId64, d->time_s);
	r = r ? r : json_pair(b, ",", "verdict", weir_shelf_verdict_name(d->verdict));
	r = r ? r : json_pair(b, ",", "reason", d->reason);
	r = r ? r : json_pair(b, ",", "why", d->why);
	return r ? r : weir_buf_add(b, "}", 1);
}

int weir_card_json(const struct weir_card *c, struct weir_buf *b)
{
	const struct weir_model_meta *m = &c->model->meta;
	int r = json_pair(b, "{", "use", c->use);

	r = r ? r : json_pair(b, ",", "hash", c->hash);
	r = r ? r : json_pair(b, ",", "state", c->state);
	r = r ? r : json_pair(b, ",", "model", m->name);
	r = r ? r : json_pair(b, ",", "purpose", c->model->ops->about);
	r = r ? r : json_pair(b, ",", "limits", c->model->ops->limits);
	r = r ? r : json_pair(b, ",", "meaning", error_means(c->model));
	r = r ? r : weir_buf_addf(b, ",\"version\":%u,\"from_s\":%" PRId64 ",\"to_s\":%" PRId64 ",\"series\":%" PRIu64 ",\"points\":%" PRIu64 ",\"seed\":\"%" PRIu64 "\"",
				  m->version, m->from_s, m->to_s, m->series, m->points, m->seed);
	r = r ? r : json_decision(b, c->decision);
	r = r ? r : json_numbers(b, "scores", &m->scores);
	r = r ? r : json_numbers(b, "params", &m->params);
	r = r ? r : weir_buf_addf(b, ",\"slices\":[");
	for (uint32_t i = 0; i < m->slices.count && !r; i++) {
		r = i ? weir_buf_add(b, ",", 1) : 0;
		r = r ? r : json_slice(b, &m->slices.item[i]);
	}
	return r ? r : weir_buf_addf(b, "]}");
}
