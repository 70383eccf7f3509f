/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_score.h"

#include "aggregator/text.h"
#include "lib/model/drift.h"

#include <inttypes.h>
#include <math.h>

#define MINUTE_S 60u
#define CALM 10		/* minutes after which an anomaly is over */
#define AGAIN_S 300	/* while it lasts it is told again so often */
#define DRIFT_S 86400	/* of a series a drift is told once a day */
/* From this share of a finding's score on what lasts is still the same. */
#define LASTS 0.5
#define HEADROOM 1.5 /* a proposed limit lets pass so much more than usual */

/*
 * A value that is rare need not be worth a line: by how much it must differ from what was expected, as a share of the
 * larger of both, and at least; nobody acts on less than 10 MB or 600 packets an hour, or on 5 ms.
 */
static const struct {
	double share, least;
	const char *text; /* of a value: "bytes a minute" */
	const char *unit; /* of a finding's numbers */
} worth[LIVE_MEASURES] = {
	[LIVE_BYTES] = {0.5, 1e6, "bytes a minute", "bytes/min"},
	[LIVE_COST] = {0.5, 1e5, "a minute", "nanos"},
	[LIVE_DENIES] = {0.5, 60, "packets a minute denied", "packets/min"},
	[LIVE_RTT] = {0.33, 5000, "us of round trip", "us"},
	[LIVE_RETRANS] = {0.5, 60, "segments a minute sent again", "segments/min"},
};

struct scoring {
	struct live_set *set;
	struct live_series *s;
	size_t at; /* minute of those that are read */
	int (*fn)(const struct weir_finding *f, void *arg);
	void *arg;
};

/* What was expected by the component that says most and expects a value; NaN: none did. */
static double expected_of(const struct weir_detect_part *parts)
{
	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++)
		if (isfinite(parts[i].expected) && !*parts[i].unit)
			return parts[i].expected;
	return NAN;
}

static bool is_worth(enum live_measure m, double value, double expected)
{
	double off = fabs(value - expected);

	return isfinite(expected) && off >= worth[m].least && off >= worth[m].share * fmax(value, expected);
}

/* What is above the usual, in money an hour: of cost itself, of bytes by what they cost in the same minute. */
static int64_t money(const struct scoring *sc, double value, double expected)
{
	const struct live_series *s = sc->s, *cost = s->measure == LIVE_COST ? s : live_set_beside(sc->set, s, LIVE_COST);

	if ((s->measure != LIVE_BYTES && s->measure != LIVE_COST) || !cost || value <= expected)
		return 0;
	return (int64_t)(60 * (s->measure == LIVE_COST ? value - expected : cost->sum[sc->at] * (value - expected) / value));
}

static void fill_subject(const struct live_series *s, struct weir_finding *f)
{
	const struct live_owner *o = s->owner;

	weir_finding_text(f->subject.domain, sizeof(f->subject.domain), o->domain);
	weir_finding_text(f->subject.namespace, sizeof(f->subject.namespace), o->namespace);
	weir_finding_text(f->subject.name, sizeof(f->subject.name), o->name);
	weir_finding_text(f->subject.team, sizeof(f->subject.team), o->team);
	weir_finding_text(f->subject.labels, sizeof(f->subject.labels), o->labels);
	weir_finding_text(f->path, sizeof(f->path), live_way_name(s->way));
	weir_finding_text(f->series, sizeof(f->series), live_measure_name(s->measure));
	weir_finding_text(f->unit, sizeof(f->unit), worth[s->measure].unit);
	/* Of what the workload sends, whoever began; the same each time, as they are of what names the event. */
	f->opened = true;
	f->dir = WEIR_EGRESS;
}

static void value_text(enum live_measure m, double v, char *ret, size_t size)
{
	char amount[TEXT_MONEY_MAX];

	if (m == LIVE_COST)
		snprintf(ret, size, "%s", text_money((int64_t)v, amount));
	else
		snprintf(ret, size, "%.6g", v);
}

static void make(const struct scoring *sc, double value, struct weir_finding *f)
{
	const struct live_series *s = sc->s;
	struct weir_detect_part parts[WEIR_DETECT_COMPONENTS];
	char why[WEIR_DETECT_SENTENCE_MAX], is[48], was[48];

	weir_detect_explain(s->detect, parts);
	weir_detect_sentence(s->detect, why);
	fill_subject(s, f);
	f->kind = WEIR_FINDING_SERIES;
	f->observed = value;
	f->expected = expected_of(parts);
	f->nanos_per_hour = money(sc, value, f->expected);
	/* Bytes that cost, above what is usual, on a way that a policy can name: hold them to what was usual. */
	if (s->measure == LIVE_BYTES && f->nanos_per_hour > 0) {
		f->action = WEIR_ACTION_POLICY;
		f->limit_bps = (uint64_t)(HEADROOM * fmax(f->expected, 0) * 8 / MINUTE_S);
	}
	value_text(s->measure, value, is, sizeof(is));
	value_text(s->measure, f->expected, was, sizeof(was));
	snprintf(f->sentence, sizeof(f->sentence), "%s%s%s, %s: %s %s where %s was expected; %.240s", s->owner->namespace,
		 *s->owner->namespace ? "/" : "", s->owner->name, f->path, is, worth[s->measure].text, was, why);
}

static int tell(const struct live_series *s, struct weir_finding *f, int (*fn)(const struct weir_finding *f, void *arg), void *arg)
{
	f->since_s = s->event.since_s;
	f->last_s = s->event.last_s;
	f->score = s->event.peak;
	f->ended = !s->event.open;
	return fn(f, arg);
}

/* An anomaly begins, goes on, or has been calm for long enough. */
static int follow(const struct scoring *sc, uint64_t end_s, double value, double score)
{
	struct live_event *e = &sc->s->event;
	struct weir_detect_part parts[WEIR_DETECT_COMPONENTS];
	struct weir_finding f = {0};
	double strange;

	if (!e->open && score < weir_detect_alarm())
		return 0;
	strange = weir_detect_explain(sc->s->detect, parts);
	if (!is_worth(sc->s->measure, value, expected_of(parts)) || strange < LASTS * weir_detect_alarm()) {
		if (!e->open || ++e->calm < CALM)
			return 0;
		e->open = false;
		make(sc, value, &f);
		return tell(sc->s, &f, sc->fn, sc->arg);
	}
	if (!e->open)
		*e = (struct live_event){.open = true, .since_s = end_s - MINUTE_S, .drift_s = e->drift_s};
	else if (strange <= e->peak && end_s < e->last_s + AGAIN_S) {
		e->calm = 0;
		return 0;
	}
	e->calm = 0;
	e->last_s = end_s;
	e->peak = fmax(e->peak, fmax(score, strange));
	make(sc, value, &f);
	return tell(sc->s, &f, sc->fn, sc->arg);
}

static int follow_drift(const struct scoring *sc, uint64_t end_s, double value)
{
	char why[WEIR_DETECT_SENTENCE_MAX];
	struct weir_finding f = {.kind = WEIR_FINDING_DRIFT, .since_s = end_s - MINUTE_S, .last_s = end_s, .score = 0.5, .ended = true};

	if (!weir_detect_drift(sc->s->detect, why) || fabs(value) < worth[sc->s->measure].least || sc->s->event.drift_s + DRIFT_S > end_s)
		return 0;
	sc->s->event.drift_s = end_s;
	fill_subject(sc->s, &f);
	f.observed = value;
	f.expected = NAN;
	snprintf(f.sentence, sizeof(f.sentence), "%s%s%s, %s, %s: %.240s", sc->s->owner->namespace, *sc->s->owner->namespace ? "/" : "",
		 sc->s->owner->name, f.path, f.series, why);
	return sc->fn(&f, sc->arg);
}

static double value_of(const struct live_series *s, const struct live_minutes *m, size_t i)
{
	bool told = m->sum[i] != 0 || m->weight[i] != 0;

	if (s->measure == LIVE_RTT)
		return m->weight[i] > 0 ? m->sum[i] / m->weight[i] : NAN;
	return told || !m->partial ? m->sum[i] : NAN;
}

int live_score(struct live_set *set, struct live_series *s, const struct live_minutes *m, uint64_t *ret_points,
	       int (*fn)(const struct weir_finding *f, void *arg), void *arg)
{
	struct scoring sc = {.set = set, .s = s, .fn = fn, .arg = arg};
	int r = 0;

	for (size_t i = 0; !r && i < m->count; i++) {
		uint64_t at_s = m->from_s + i * MINUTE_S;
		bool told = m->sum[i] != 0 || m->weight[i] != 0;

		sc.at = i;
		s->value = value_of(s, m, i);
		if (told)
			s->seen_s = WEIR_MAX(s->seen_s, at_s + MINUTE_S);
		if (s->seen_s + LIVE_QUIET_S <= at_s) {
			weir_detect_free(weir_take_ptr(s->detect));
			s->event.open = false;
			continue;
		}
		/* What was not there yet was not 0. */
		if (!s->detect && !told)
			continue;
		if (!s->detect)
			r = weir_detect_new(&s->detect);
		if (r || !isfinite(s->value))
			continue;
		++*ret_points;
		r = follow(&sc, at_s + MINUTE_S, s->value, weir_detect_step(s->detect, (int64_t)at_s, s->value));
		if (!r)
			r = follow_drift(&sc, at_s + MINUTE_S, s->value);
	}
	return r;
}
