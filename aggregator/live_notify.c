/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_notify.h"

#include "aggregator/alerts.h"
#include "lib/conf/yaml.h"

#define DAY_MINUTES 1440u

static bool minute_of(const char *s, unsigned int *ret)
{
	unsigned int h, m;
	int used = 0;

	if (sscanf(s, "%2u:%2u%n", &h, &m, &used) != 2 || used != 5 || h > 23 || m > 59)
		return false;
	*ret = h * 60 + m;
	return true;
}

static int parse_quiet(const char *s, struct live_notify *n, struct weir_err *err)
{
	char from[6] = "", to[6] = "";

	n->quiet_from = n->quiet_to = 0;
	if (!*s)
		return 0;
	if (strlen(s) == 11 && s[5] == '-') {
		memcpy(from, s, 5);
		memcpy(to, s + 6, 5);
	}
	if (!minute_of(from, &n->quiet_from) || !minute_of(to, &n->quiet_to))
		return weir_err_set(err, -EINVAL, "notify.quiet: '%s': write HH:MM-HH:MM, in UTC, or nothing", s);
	return 0;
}

static int parse_amount(const char *key, const char *s, int64_t none, int64_t *ret, struct weir_err *err)
{
	*ret = none;
	if (!*s || !weir_nanos_parse(s, ret))
		return 0;
	return weir_err_set(err, -EINVAL, "%s: '%s': write an amount of money an hour, as 0.50", key, s);
}

int live_notify_init(struct live_notify *n, const struct config *c, struct weir_err *err)
{
	int r = parse_quiet(c->notify_quiet, n, err);

	n->hooks = c->notify_findings;
	if (!r)
		r = parse_amount("notify.least", c->notify_least, 0, &n->least_nanos, err);
	return r ? r : parse_amount("notify.wake", c->notify_wake, INT64_MAX, &n->wake_nanos, err);
}

int live_notify_check(const struct config *c, const char *path, struct weir_err *err)
{
	struct weir_err why = {{0}};
	struct live_notify n = {0};

	if (live_notify_init(&n, c, &why))
		return weir_err_set(err, -EINVAL, "%s: %s", path, why.text);
	for (char *const *hook = c->notify_findings; hook && *hook; hook++)
		if (!alerts_url(c->notify_webhooks, *hook))
			return weir_err_set(err, -EINVAL, "%s: notify.findings: notify.webhooks has no '%.60s'", path, *hook);
	return 0;
}

static bool is_threat(enum weir_finding_kind k)
{
	return k == WEIR_FINDING_PORT_SCAN || k == WEIR_FINDING_HORIZONTAL_SCAN || k == WEIR_FINDING_FLOOD ||
	       k == WEIR_FINDING_EXFILTRATION || k == WEIR_FINDING_BEACON;
}

/* Minutes until the quiet hours are over; 0: it is not quiet. */
static unsigned int quiet_for(const struct live_notify *n, uint64_t now_s)
{
	unsigned int at = (unsigned int)(now_s / 60 % DAY_MINUTES), since = (at + DAY_MINUTES - n->quiet_from) % DAY_MINUTES;
	unsigned int length = (n->quiet_to + DAY_MINUTES - n->quiet_from) % DAY_MINUTES;

	return since < length ? length - since : 0;
}

uint64_t live_notify_when(struct live_notify *n, const struct weir_finding *f, uint64_t now_s)
{
	unsigned int quiet = quiet_for(n, now_s);

	if (!n->hooks || !*n->hooks || f->kind == WEIR_FINDING_DRIFT || (!is_threat(f->kind) && f->nanos_per_hour < n->least_nanos))
		return 0;
	if (now_s >= n->hour_s + 3600) {
		n->hour_s = now_s;
		n->told = 0;
	}
	if (n->told == LIVE_NOTIFY_MAX) {
		n->held++;
		return 0;
	}
	n->told++;
	return quiet && f->nanos_per_hour < n->wake_nanos ? now_s - now_s % 60 + (uint64_t)quiet * 60 : now_s;
}
