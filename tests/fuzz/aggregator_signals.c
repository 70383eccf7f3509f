/* SPDX-License-Identifier: Apache-2.0 */
/* A line of EVE or of a log, or an answer of a Prometheus: what comes of it is bounded, printable and of its time. */
#include "aggregator/signals_impl.h"
#include "tests/fuzz/fuzz.h"

#include "lib/base/log.h"

#include <math.h>

#define AT_S 1795500000ull

static void printable(const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	MUST(n < size);
	for (size_t i = 0; i < n; i++)
		MUST((unsigned char)s[i] >= 0x20 && s[i] != 0x7f);
}

static void event_check(const struct signals_event *e)
{
	printable(e->text, sizeof(e->text));
	printable(e->type, sizeof(e->type));
	printable(e->proto, sizeof(e->proto));
	printable(e->namespace, sizeof(e->namespace));
	printable(e->workload, sizeof(e->workload));
	MUST(*e->text && *e->type && e->severity < SIGNALS_SEVERITIES && !*e->source);
}

static void lines(const char *text, size_t len)
{
	static struct signals_log_spec spec;
	const char *wrong;
	struct signals_event e;
	enum signals_drop why = SIGNALS_DROPS;

	if (!spec.name)
		MUST(!signals_log_spec("app=/x:time=t,text=a.b,level=l,address=src_ip,peer=c,namespace=n,workload=w,pod=p.q", &spec, &wrong));
	if (!signals_eve_parse(text, len, &e, &why))
		event_check(&e);
	else
		MUST(why < SIGNALS_DROPS);
	why = SIGNALS_DROPS;
	if (!signals_log_parse(&spec, text, len, &e, &why))
		event_check(&e);
	else
		MUST(why < SIGNALS_DROPS);
}

static int on_match(const struct signals_match *m, void *arg)
{
	(void)arg;
	MUST(m->series && !isnan(m->mean) && *m->text);
	return 0;
}

static void answer(const char *text, size_t len)
{
	const struct signals_asked asked = {"q", 60, AT_S - 600, AT_S};
	const struct signals_subject subject = {"shop", "cart", NULL, NULL};
	struct signals_source *src;
	struct signals s;
	char why[SIGNALS_ERROR_MAX] = "";
	int r;

	MUST(!signals_init(&s) && !signals_add_source(&s, &signals_prometheus, "q", 1, "up", &src));
	r = signals_matrix(src, &asked, text, len, why);
	MUST(r == 0 || (r == -EBADMSG && *why));
	MUST(signals_series(&s) <= SIGNALS_SERIES_MAX);
	for (size_t i = 0; i < signals_series(&s); i++) {
		const struct signals_series *x = signals_series_at(&s, i);

		printable(x->labels, SIGNALS_LABELS_MAX + 1);
		MUST(x->n <= 11 && (!x->n || (x->start_s >= AT_S - 600 && x->start_s % 60 == 0)));
		for (size_t k = 0; k < x->n; k++)
			MUST(!isinf(x->values[k]));
	}
	MUST(!signals_join(&s, &subject, AT_S - 100, AT_S, SIGNALS_JOIN_MAX, on_match, NULL, NULL));
	signals_matrix_error(text, len, why);
	printable(why, sizeof(why));
	signals_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_log_init("fuzz", WEIR_LOG_ERR);
	if (len > SIGNALS_LINE_MAX)
		return 0;
	lines((const char *)data, len);
	answer((const char *)data, len);
	return 0;
}
