/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl export focus: what was measured as rows of FOCUS, from the aggregator's ledger or from recorded traffic. */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <zlib.h>

#include "cli/args.h"
#include "cli/bill.h"
#include "cli/export.h"
#include "cli/prices.h"
#include "cli/table.h"
#include "lib/base/clock.h"
#include "lib/money/allocation.h"
#include "lib/money/bill.h"
#include "lib/policy/repo.h"

#define STEPS_MAX 100000 /* periods of one export: eleven years of hours */

/* A file that takes its name once it is whole, plain or gzip by its name; or the command's own output. */
struct output {
	const char *path;
	char *temp;
	gzFile z; /* plain files too: "T" is no compression */
	FILE *out;
};

static void output_fini(struct output *o)
{
	if (o->z)
		gzclose(o->z);
	if (o->temp)
		unlink(o->temp);
	free(o->temp);
}

static bool is_gzip(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && !strcmp(path + len - 3, ".gz");
}

static int output_open(struct output *o, const char *path, FILE *out, struct weir_err *err)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	o->out = out;
	o->path = path;
	if (!path)
		return 0;
	o->temp = weir_strf("%s.XXXXXX", path);
	if (!o->temp)
		return -ENOMEM;
	fd = mkostemp(o->temp, O_CLOEXEC);
	if (fd < 0) {
		int r = -errno;

		free(o->temp);
		o->temp = NULL;
		return weir_err_set(err, r, "%s: %s", path, strerror(-r));
	}
	fchmod(fd, 0666 & ~mask);
	o->z = gzdopen(fd, is_gzip(path) ? "wb" : "wbT");
	if (o->z)
		return 0;
	close(fd);
	return -ENOMEM;
}

static int output_write(const void *data, size_t len, void *arg)
{
	struct output *o = arg;

	if (!o->z)
		return fwrite(data, 1, len, o->out) == len ? 0 : -EIO;
	return gzwrite(o->z, data, (unsigned int)len) == (int)len ? 0 : -EIO;
}

static int output_close(struct output *o, struct weir_err *err)
{
	int code;

	if (!o->z)
		return fflush(o->out) ? -EIO : 0;
	code = gzclose(weir_take_ptr(o->z));
	if (code != Z_OK || rename(o->temp, o->path)) {
		int r = code == Z_OK ? -errno : -EIO;

		return weir_err_set(err, r, "%s: %s", o->path, strerror(-r));
	}
	free(o->temp);
	o->temp = NULL;
	return 0;
}

uint64_t export_month_start(uint64_t time_s)
{
	uint32_t month = weir_time_month(time_s);
	char day[16];
	int64_t t = 0;

	snprintf(day, sizeof(day), "%04u-%02u-01", month / 100 % 10000, month % 100);
	(void)weir_bill_time(day, &t);
	return (uint64_t)t;
}

struct wishes {
	const char *period, *version, *by, *dir, *output, *prefix, *payer;
	const char *traffic[ARGS_LIST_MAX + 1];
	uint64_t from_s, to_s;
};

static int read_range(const struct cli *c, struct wishes *w, struct export_source *s, struct weir_err *err)
{
	const char *by = w->by ? w->by : "day";
	int64_t from, to;
	int r = 0;

	if (strcmp(by, "day") != 0 && strcmp(by, "hour") != 0)
		return weir_err_set(err, -EINVAL, "--by: '%s' is neither day nor hour", by);
	s->step_s = *by == 'h' ? 3600 : 86400;
	if (!w->period == !w->from_s)
		return weir_err_set(err, -EINVAL, "--period MONTH or --from DATE is needed, and not both");
	if (w->period) {
		r = bill_period(w->period, &from, &to, err);
		if (r)
			return r;
		w->from_s = (uint64_t)from;
		w->to_s = (uint64_t)to;
	}
	s->from_s = w->from_s;
	s->to_s = w->to_s ? w->to_s : c->now_s;
	s->to_s += (s->step_s - s->to_s % s->step_s) % s->step_s;
	if (s->from_s % s->step_s)
		return weir_err_set(err, -EINVAL, "--from: must be the begin of a%s in UTC", *by == 'h' ? "n hour" : " day");
	if (s->from_s >= s->to_s || (s->to_s - s->from_s) / s->step_s > STEPS_MAX)
		return weir_err_set(err, -EINVAL, "--from must be before --to (or before now), by at most %d periods", STEPS_MAX);
	return 0;
}

static void complain(const char *line, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

static void repo_freep(struct weir_repo **r)
{
	weir_repo_free(*r);
}

static int print_json(const struct cli *c, const struct wishes *w, const struct weir_focus_export_stats *st)
{
	view_auto_json json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "file", w->output, "focus_version", w->version,
					     "rows", (json_int_t)st->rows, "origins", (json_int_t)st->origins, "billed_nanos",
					     (json_int_t)st->billed, "contracted_nanos", (json_int_t)st->contracted, "free_bytes",
					     (json_int_t)st->free_bytes, "unpriced_bytes", (json_int_t)st->unpriced_bytes,
					     "differing_origins", (json_int_t)st->differing);

	if (!o)
		return -ENOMEM;
	prices_print_json(c, o);
	return 0;
}

/* What is no row is said: on stderr where rows go to the output. */
static int print_stats(const struct cli *c, const struct wishes *w, const char *currency, const struct weir_focus_export_stats *st)
{
	FILE *f = w->output ? c->out : stderr;
	char amount[PRICES_TEXT], bytes[HUMAN_MAX];

	if (c->json)
		return print_json(c, w, st);
	fprintf(f, "FOCUS %s, %" PRIu64 " rows of %" PRIu64 " charges: %s %s%s%s\n", w->version, st->rows, st->origins,
		prices_nanos((int64_t)st->billed, amount), currency, w->output ? " in " : "", w->output ? w->output : "");
	if (st->unpriced_bytes)
		fprintf(f, "not in it: %s that have no price\n", human_bytes(st->unpriced_bytes, bytes));
	if (st->differing)
		fprintf(f, "%" PRIu64 " charges were made otherwise than the price books say now: BilledCost is what was charged\n",
			st->differing);
	return 0;
}

static int export_rows(const struct cli *c, struct wishes *w, struct export_source *s, struct weir_focus_export_stats *ret,
		       struct weir_err *err)
{
	struct weir_focus_export_options o = {.book = s->repo->prices, .account_prefix = w->prefix};
	weir_auto_focus_export struct weir_focus_export *x = NULL;
	weir_cleanup(output_fini) struct output out = {0};
	int r = export_version(w->version, &o.version, err);

	if (!r)
		r = output_open(&out, w->output, c->out, err);
	if (!r)
		r = weir_focus_export_new(&o, output_write, &out, &x);
	s->x = x;
	if (!r)
		r = w->traffic[0] ? export_from_traffic(s, w->traffic) : export_from_ledger(s);
	if (!r)
		r = weir_focus_export_end(x, ret, err);
	return r ? r : output_close(&out, err);
}

int cmd_export_focus(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	struct wishes w = {.version = "1.2", .prefix = ""};
	const struct args_opt opts[] = {
		{"--period", ARGS_STR, &w.period}, {"--from", ARGS_TIME, &w.from_s},   {"--to", ARGS_TIME, &w.to_s},
		{"--version", ARGS_STR, &w.version}, {"--by", ARGS_STR, &w.by},	       {"--dir", ARGS_STR, &w.dir},
		{"--traffic", ARGS_LIST, w.traffic}, {"--output", ARGS_STR, &w.output}, {"--account-prefix", ARGS_STR, &w.prefix},
		{"--share-hours", ARGS_STR, &w.payer},
	};
	weir_cleanup(repo_freep) struct weir_repo *repo = NULL;
	struct export_source s = {.c = c, .err = err};
	struct weir_focus_export_stats stats;
	enum weir_payer payer;
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = read_range(c, &w, &s, err);
	if (!r && w.payer && weir_payer_parse(w.payer, &payer))
		r = weir_err_set(err, -EINVAL, "--share-hours: '%.32s' is none of sender, receiver, initiator", w.payer);
	if (!r && c->json && !w.output)
		r = weir_err_set(err, -EINVAL, "--json is about the file of --output");
	if (!r)
		r = weir_repo_load(w.dir ? w.dir : PRICES_REPOSITORY, &repo, err, complain, NULL);
	if (r)
		return r;
	s.repo = repo;
	s.payer = w.payer;
	r = export_rows(c, &w, &s, &stats, err);
	return r ? r : print_stats(c, &w, weir_pricebook_currency(repo->prices), &stats);
}
