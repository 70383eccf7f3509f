/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl model anomaly: a series from standard input, scored as it comes, in the layout of the Numenta Anomaly Benchmark. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/model_csv.h"
#include "lib/model/detect.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

static void detect_freep(struct weir_detect **d)
{
	weir_detect_free(*d);
}

/* "2014-04-01 00:00:00", with T and a fraction too, or Unix seconds. */
static int time_of(const struct model_csv *in, int64_t *ret, struct weir_err *err)
{
	const char *s = in->field[0], *end = NULL;
	struct tm tm = {0};
	char *number;

	end = strptime(s, "%Y-%m-%d", &tm);
	if (end && (*end == ' ' || *end == 'T'))
		end = strptime(end + 1, "%H:%M:%S", &tm);
	if (end && *end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (end && (!*end || !strcmp(end, "Z"))) {
		*ret = timegm(&tm);
		return 0;
	}
	*ret = strtoll(s, &number, 10);
	if (number != s && !*number && *ret >= 0)
		return 0;
	return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": '%.40s' is no time, as 2014-04-01 00:00:00 or Unix seconds", in->name,
			    in->line, s);
}

static bool is_header(const struct model_csv *in)
{
	return in->line == 1 && in->fields >= 2 && !strcmp(in->field[0], "timestamp") && !strcmp(in->field[1], "value");
}

static int score_line(const struct cli *c, const struct model_csv *in, struct weir_detect *d, bool explain,
		      struct weir_err *err)
{
	char why[WEIR_DETECT_SENTENCE_MAX] = "", drift[WEIR_DETECT_SENTENCE_MAX] = "";
	int64_t time_s;
	double v, score;
	int r;

	if (in->fields != 2)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": %zu fields; a line is timestamp,value", in->name, in->line,
				    in->fields);
	if ((r = time_of(in, &time_s, err)) || (r = model_csv_number(in, 1, &v, err)))
		return r;
	score = weir_detect_step(d, time_s, v);
	if (explain && score >= weir_detect_alarm())
		weir_detect_sentence(d, why);
	if (explain && isfinite(v))
		weir_detect_drift(d, drift);
	fprintf(c->out, "%s,%s,%.6f", in->field[0], in->field[1], score);
	if (explain)
		fprintf(c->out, ",\"%s%s%s\"", why, *why && *drift ? "; " : "", drift);
	return fputc('\n', c->out) == EOF ? weir_err_set(err, -EIO, "cannot write") : 0;
}

int cmd_model_anomaly(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	bool explain = false;
	const struct args_opt opts[] = {{"--explain", ARGS_FLAG, &explain}};
	weir_cleanup(detect_freep) struct weir_detect *d = NULL;
	model_auto_csv in = {0};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r || (r = weir_detect_new(&d)) || (r = model_csv_open(&in, "-", err)))
		return r;
	while ((r = model_csv_next(&in, err)) > 0) {
		if (is_header(&in))
			r = fprintf(c->out, "timestamp,value,anomaly_score%s\n", explain ? ",why" : "") < 0 ? -EIO : 0;
		else
			r = score_line(c, &in, d, explain, err);
		if (r)
			return r;
	}
	return r;
}
