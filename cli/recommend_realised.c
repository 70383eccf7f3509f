/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl recommend --save and --realised: what was promised of a change, and what it saved since it landed. */
#include <inttypes.h>

#include "cli/recommend.h"
#include "cli/table.h"
#include "lib/base/clock.h"
#include "lib/money/promise.h"
#include "lib/os/file.h"

#define PROMISE_MAX (16u << 20) /* bytes of a file */

int recommend_save(const struct recommend *r, struct weir_err *err)
{
	weir_auto_promise struct weir_promise *p = NULL;
	weir_auto_free char *text = NULL;
	size_t i = 0;
	int e;

	while (i < weir_savings_count(r->savings) && strcmp(weir_savings_at(r->savings, i)->candidate->id, r->show) != 0)
		i++;
	if (i == weir_savings_count(r->savings))
		return weir_err_set(err, -EINVAL, "--save: '%.40s' is not proposed, so that nothing is promised of it", r->show);
	e = weir_promise_of(r->savings, i, r->c->now_s, &p);
	text = e ? NULL : weir_promise_text(p);
	if (!text)
		return weir_err_set(err, -ENOMEM, "out of memory");
	e = weir_file_write(r->save, text, strlen(text), 0644);
	return e < 0 ? weir_err_set(err, e, "--save: %s: %s", r->save, strerror(-e)) : 0;
}

static int load(const struct recommend *r, struct weir_promise **ret, struct weir_err *err)
{
	weir_auto_free char *text = NULL;
	size_t len;
	int e = weir_file_read(r->realised, PROMISE_MAX, &text, &len);

	if (e < 0)
		return weir_err_set(err, e, "--realised: %s: %s", r->realised, strerror(-e));
	return weir_promise_parse(text, len, r->realised, ret, err);
}

static int print_json(const struct recommend *r, const struct weir_promise *p, const struct weir_realised *x)
{
	view_auto_json json_t *o = json_pack(
		"{s:s,s:s,s:s,s:I,s:I,s:b,s:{s:I,s:I,s:I},s:{s:I,s:I,s:I},s:I,s:I,s:I}", "id", p->id, "what", p->what, "currency",
		p->currency, "landed_s", (json_int_t)r->landed_s, "hours", (json_int_t)x->hours, "assumed", x->assumed, "promised",
		"month_nanos", (json_int_t)p->month_nanos, "low_nanos", (json_int_t)p->low_nanos, "high_nanos",
		(json_int_t)p->high_nanos, "realised", "month_nanos", (json_int_t)x->month_nanos, "low_nanos",
		(json_int_t)x->low_nanos, "high_nanos", (json_int_t)x->high_nanos, "actual_nanos", (json_int_t)x->actual_nanos,
		"without_nanos", (json_int_t)x->without_nanos, "saved_nanos", (json_int_t)x->saved_nanos);

	if (!o)
		return -ENOMEM;
	prices_print_json(r->c, o);
	return 0;
}

static void print_text(const struct recommend *r, const struct weir_promise *p, const struct weir_realised *x)
{
	char a[HUMAN_MAX], b[HUMAN_MAX], c[HUMAN_MAX], span[HUMAN_MAX], day[PRICES_TEXT];
	FILE *f = r->c->out;

	fprintf(f, "%s  %s\n", p->id, p->what);
	fprintf(f, "promised   %s %s a month (%s to %s), from %s of traffic\n", recommend_money(p->month_nanos, a), p->currency,
		recommend_money(p->low_nanos, b), recommend_money(p->high_nanos, c), human_seconds(p->to_s - p->from_s, span));
	fprintf(f, "landed     %s; %s of traffic since then\n", prices_day(r->landed_s, day), human_seconds(x->hours * 3600, span));
	fprintf(f, "cost       %s %s as it is, %s as it would be without\n", recommend_money(x->actual_nanos, a), p->currency,
		recommend_money(x->without_nanos, b));
	fprintf(f, "realised   %s %s a month (%s to %s)", recommend_money(x->month_nanos, a), p->currency,
		recommend_money(x->low_nanos, b), recommend_money(x->high_nanos, c));
	if (p->month_nanos > 0)
		fprintf(f, ", %.0f %% of what was promised", (double)x->month_nanos * 100 / (double)p->month_nanos);
	fputc('\n', f);
	if (x->assumed)
		fprintf(f, "note       the topology does not have the change yet: it is taken for made\n");
}

int recommend_realised(const struct recommend *r, struct weir_err *err)
{
	weir_auto_promise struct weir_promise *p = NULL;
	const struct weir_savings_in in = recommend_in(r);
	struct weir_realised x;
	int e = load(r, &p, err);

	if (!e)
		e = weir_promise_realised(p, &in, r->landed_s, &x, err);
	if (e)
		return e;
	if (r->c->json)
		return print_json(r, p, &x) ? weir_err_set(err, -ENOMEM, "out of memory") : 0;
	print_text(r, p, &x);
	return 0;
}
