/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   apiVersion: weir.dev/v1alpha1
 *   kind: Budget
 *   metadata: {name: payments-internet}   # a-z, 0-9 and -
 *   spec:
 *     scope: {team: payments, path: internet}   # team, namespace, workload, node, path, meter, labels: {KEY: VALUE};
 *                                               # what is given must hold together; {}: everything
 *     amount: "1200.00"
 *     currency: USD            # that of the price books
 *     period: month            # default; quarter, year: of UTC's calendar
 *     thresholds: [50%, {name: close, at: 80%}, 100%]   # 50%, 80%, 100% is the default; 100% must be one of them
 *                                               # {at: 100%, on: forecast}: said when the period is forecast to cost that much,
 *                                               # with 90 % certainty (its lower bound of 80 % is above)
 *     notify: [finops]         # webhooks by the names that the aggregator's settings give them
 *     at_limit: notify         # default; propose: write the policy that would hold the cost, and apply nothing
 *     proposal: limit          # default; deny: of at_limit: propose
 */
#include "lib/money/budget.h"

#include "lib/money/topology.h"

#include <ctype.h>
#include <time.h>

struct weir_budget_set {
	struct weir_budget *items[WEIR_BUDGETS_MAX];
	const char *where[WEIR_BUDGETS_MAX]; /* "file:line:col path: ..." of its currency, ours */
	size_t count;
};

static const char *const dims[WEIR_BUDGET_DIMS] = {"team", "namespace", "workload", "node", "path", "meter"};
static const char *const periods[] = {"month", "quarter", "year", NULL};

const char *weir_budget_dim_name(enum weir_budget_dim d)
{
	return dims[d];
}

const char *weir_budget_period_name(enum weir_budget_period p)
{
	return periods[p];
}

static void budget_freep(struct weir_budget **b)
{
	weir_budget_free(*b);
}

int weir_budget_set_new(struct weir_budget_set **ret)
{
	struct weir_budget_set *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

void weir_budget_set_free(struct weir_budget_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		weir_budget_free(s->items[i]);
		free((char *)s->where[i]);
	}
	free(s);
}

/* Goes into other documents and onto terminals. */
static int read_value(struct weir_y *y, char **ret, struct weir_err *err)
{
	const char *text;
	int r = weir_y_str(y, &text, err);

	if (r)
		return r;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return weir_y_err(y, err, "has a control character");
	if (strlen(text) >= WEIR_BUDGET_VALUE)
		return weir_y_err(y, err, "is longer than %d bytes", WEIR_BUDGET_VALUE - 1);
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* It stands in URLs, file names and metrics. */
static int read_name(struct weir_y *y, char *ret, size_t size, struct weir_err *err)
{
	const char *text;
	int r = weir_y_str(y, &text, err);
	size_t len = r ? 0 : strlen(text);

	if (r)
		return r;
	if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != len || len >= size)
		return weir_y_err(y, err, "'%.80s' is no name: at most %zu of a-z, 0-9 and -", text, size - 1);
	memcpy(ret, text, len + 1);
	return 0;
}

static int read_labels(struct weir_y *y, struct weir_budget *b, struct weir_err *err)
{
	int r = weir_y_map(y, err);

	if (!r && (!weir_y_count(y) || weir_y_count(y) > WEIR_BUDGET_LABELS))
		return weir_y_err(y, err, "must have 1 to %d labels", WEIR_BUDGET_LABELS);
	for (size_t i = 0; !r && i < weir_y_count(y); i++) {
		struct weir_budget_label *l = &b->labels[b->label_count];
		const char *key = weir_y_key(y, i);

		r = read_value(weir_y_find(y, key), &l->value, err);
		if (r)
			return r;
		b->label_count++;
		l->key = strdup(key);
		if (!l->key)
			return -ENOMEM;
	}
	return r;
}

static int read_scope(struct weir_y *y, struct weir_budget *b, struct weir_err *err)
{
	struct weir_y *labels;
	enum weir_path path;
	int r = weir_y_map(y, err);

	for (size_t i = 0; !r && i < WEIR_BUDGET_DIMS; i++) {
		struct weir_y *value = weir_y_find(y, dims[i]);

		if (value)
			r = read_value(value, &b->scope[i], err);
		if (!r && value && i == WEIR_BUDGET_PATH && weir_path_parse(b->scope[i], &path))
			return weir_y_err(value, err, "unknown path '%s'; for example internet, nat, cross-zone", b->scope[i]);
	}
	if (r)
		return r;
	labels = weir_y_find(y, "labels");
	r = labels ? read_labels(labels, b, err) : 0;
	return r ? r : weir_y_end(y, err);
}

/* "80%", "12.5%": digits, at most four decimals. */
static int read_percent(struct weir_y *y, uint32_t *ret, struct weir_err *err)
{
	const char *text, *p;
	uint64_t v = 0;
	int decimals = -1, r = weir_y_str(y, &text, err);

	if (r)
		return r;
	for (p = text; (isdigit((unsigned char)*p) || (*p == '.' && decimals < 0 && p > text)) && v < 1000000000 && decimals < 4; p++) {
		if (*p != '.')
			v = v * 10 + (uint64_t)(*p - '0');
		decimals += *p == '.' || decimals >= 0;
	}
	for (int i = WEIR_MAX(decimals, 0); i < 4; i++)
		v *= 10;
	if (p == text || strcmp(p, "%") != 0 || decimals == 0 || !v || v > 10u * WEIR_BUDGET_WHOLE)
		return weir_y_err(y, err, "'%.40s' is no share of the amount; write 80%% or 12.5%%, at most 1000%%", text);
	*ret = (uint32_t)v;
	return 0;
}

static void percent_text(uint32_t ppm, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%u.%04u", ppm / 10000, ppm % 10000);

	while (buf[n - 1] == '0')
		n--;
	n -= buf[n - 1] == '.';
	snprintf(buf + n, size - (size_t)n, "%%");
}

/* "80%", "forecast 100%" */
static void share_text(const struct weir_budget_threshold *t, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s", t->forecast ? "forecast " : "");

	percent_text(t->ppm, buf + n, size - (size_t)n);
}

static int read_threshold(struct weir_y *y, struct weir_budget *b, struct weir_err *err)
{
	static const char *const kinds[] = {"spent", "forecast", NULL};
	struct weir_budget_threshold *t = &b->thresholds[b->threshold_count];
	struct weir_y *at = y, *name = NULL, *on = NULL;
	unsigned int kind = 0;
	int r = 0;

	if (weir_y_kind(y) == WEIR_Y_MAP) {
		name = weir_y_find(y, "name");
		on = weir_y_find(y, "on");
		r = weir_y_get(y, "at", &at, err);
		if (!r && on)
			r = weir_y_enum(on, kinds, &kind, err);
		if (!r)
			r = weir_y_end(y, err);
	}
	if (!r)
		r = read_percent(at, &t->ppm, err);
	if (r)
		return r;
	t->forecast = kind == 1;
	share_text(t, t->name, sizeof(t->name));
	if (name)
		r = read_name(name, t->name, sizeof(t->name), err);
	for (size_t i = 0; !r && i < b->threshold_count; i++)
		if ((b->thresholds[i].forecast == t->forecast && b->thresholds[i].ppm >= t->ppm) || !strcmp(b->thresholds[i].name, t->name))
			return weir_y_err(y, err, "thresholds rise, and each has a name of its own");
	b->threshold_count++;
	return r;
}

static int read_thresholds(struct weir_y *y, struct weir_budget *b, struct weir_err *err)
{
	bool whole = false;
	int r = weir_y_seq(y, err);

	if (!r && weir_y_count(y) > WEIR_BUDGET_THRESHOLDS)
		return weir_y_err(y, err, "more than %d thresholds", WEIR_BUDGET_THRESHOLDS);
	for (size_t i = 0; !r && i < weir_y_count(y); i++) {
		r = read_threshold(weir_y_item(y, i), b, err);
		whole |= !r && b->thresholds[i].ppm == WEIR_BUDGET_WHOLE && !b->thresholds[i].forecast;
	}
	/* What happens at 100 % is never silent. */
	if (!r && !whole)
		return weir_y_err(y, err, "100%% must be one of the thresholds on what is spent");
	return r;
}

static void default_thresholds(struct weir_budget *b)
{
	static const uint32_t ppm[] = {500000, 800000, WEIR_BUDGET_WHOLE};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(ppm); i++) {
		b->thresholds[i].ppm = ppm[i];
		percent_text(ppm[i], b->thresholds[i].name, sizeof(b->thresholds[i].name));
	}
	b->threshold_count = WEIR_ARRAY_SIZE(ppm);
}

static int read_hooks(struct weir_y *y, struct weir_budget *b, struct weir_err *err)
{
	int r = weir_y_seq(y, err);

	if (!r && weir_y_count(y) > WEIR_BUDGET_HOOKS)
		return weir_y_err(y, err, "more than %d webhooks", WEIR_BUDGET_HOOKS);
	for (size_t i = 0; !r && i < weir_y_count(y); i++) {
		r = read_name(weir_y_item(y, i), b->hooks[i], sizeof(b->hooks[i]), err);
		for (size_t k = 0; !r && k < i; k++)
			if (!strcmp(b->hooks[k], b->hooks[i]))
				return weir_y_err(weir_y_item(y, i), err, "'%s' is there already", b->hooks[i]);
		b->hook_count++;
	}
	return r;
}

static int read_money(struct weir_y *spec, struct weir_budget *b, struct weir_err *err)
{
	struct weir_y *amount, *currency, *period;
	unsigned int p = WEIR_BUDGET_MONTH;
	const char *text;
	int r = weir_y_get(spec, "amount", &amount, err);

	if (!r)
		r = weir_y_nanos(amount, &b->nanos, err);
	if (!r && b->nanos <= 0)
		return weir_y_err(amount, err, "must be above 0");
	if (!r)
		r = weir_y_get(spec, "currency", &currency, err);
	if (!r)
		r = weir_y_str(currency, &text, err);
	if (r)
		return r;
	if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3 || text[3])
		return weir_y_err(currency, err, "'%.20s' is no currency; write USD or EUR", text);
	memcpy(b->currency, text, 4);
	period = weir_y_find(spec, "period");
	r = period ? weir_y_enum(period, periods, &p, err) : 0;
	b->period = (enum weir_budget_period)p;
	return r;
}

/* A proposal must have a subject that policies know. */
static int check_subject(struct weir_y *y, const struct weir_budget *b, struct weir_err *err)
{
	if (b->scope[WEIR_BUDGET_NODE])
		return weir_y_err(y, err, "no policy is of one node alone: leave scope.node out, or write at_limit: notify");
	if (b->scope[WEIR_BUDGET_WORKLOAD] && !b->label_count && !b->scope[WEIR_BUDGET_NAMESPACE])
		return weir_y_err(y, err, "policies select by namespace and labels: give one of them beside scope.workload");
	if (b->deny && !b->scope[WEIR_BUDGET_TEAM] && !b->scope[WEIR_BUDGET_NAMESPACE] && !b->label_count && !b->scope[WEIR_BUDGET_PATH])
		return weir_y_err(y, err, "to deny everything to everybody is no proposal: narrow the scope, or write proposal: limit");
	return 0;
}

static int read_limit(struct weir_y *spec, struct weir_budget *b, struct weir_err *err)
{
	static const char *const kinds[] = {"notify", "propose", NULL}, *const proposals[] = {"limit", "deny", NULL};
	struct weir_y *at = weir_y_find(spec, "at_limit"), *proposal = weir_y_find(spec, "proposal");
	unsigned int kind = WEIR_BUDGET_NOTIFY, deny = 0;
	int r = 0;

	if (at && weir_y_kind(at) == WEIR_Y_MAP && weir_y_find(at, "policy"))
		return weir_y_err(at, err,
				  "a signed policy cannot come in force by itself at 100%%: bundles have no condition; write propose, "
				  "and approve what is proposed");
	if (at)
		r = weir_y_enum(at, kinds, &kind, err);
	if (!r && proposal)
		r = weir_y_enum(proposal, proposals, &deny, err);
	if (!r && proposal && kind != WEIR_BUDGET_PROPOSE)
		return weir_y_err(proposal, err, "needs at_limit: propose");
	b->at_limit = (enum weir_budget_limit)kind;
	b->deny = deny == 1;
	return r || kind != WEIR_BUDGET_PROPOSE ? r : check_subject(at, b, err);
}

static int read_spec(struct weir_y *spec, struct weir_budget *b, struct weir_err *err)
{
	struct weir_y *scope, *thresholds, *hooks;
	int r = weir_y_get(spec, "scope", &scope, err);

	if (!r)
		r = read_scope(scope, b, err);
	if (!r)
		r = read_money(spec, b, err);
	thresholds = weir_y_find(spec, "thresholds");
	hooks = weir_y_find(spec, "notify");
	if (!r && thresholds)
		r = read_thresholds(thresholds, b, err);
	else
		default_thresholds(b);
	if (!r && hooks)
		r = read_hooks(hooks, b, err);
	if (!r)
		r = read_limit(spec, b, err);
	return r ? r : weir_y_end(spec, err);
}

/* Room for it, by name. */
static void put(struct weir_budget_set *s, struct weir_budget *b, char *where)
{
	size_t at = s->count++;

	for (; at && strcmp(s->items[at - 1]->name, b->name) > 0; at--) {
		s->items[at] = s->items[at - 1];
		s->where[at] = s->where[at - 1];
	}
	s->items[at] = b;
	s->where[at] = where;
}

int weir_budget_set_add(struct weir_budget_set *s, struct weir_y *doc, struct weir_err *err)
{
	weir_cleanup(budget_freep) struct weir_budget *b = calloc(1, sizeof(*b));
	struct weir_y *metadata = weir_y_find(doc, "metadata"), *spec;
	struct weir_err place = {{0}};
	char *where;
	int r = b ? weir_y_head(doc, "Budget", &spec, err) : -ENOMEM;

	if (!r)
		r = read_name(weir_y_find(metadata, "name"), b->name, sizeof(b->name), err);
	if (!r && weir_budget_find(s, b->name))
		return weir_y_err(metadata, err, "there is a budget '%s' already", b->name);
	if (!r && s->count == WEIR_BUDGETS_MAX)
		return weir_y_err(metadata, err, "more than %d budgets", WEIR_BUDGETS_MAX);
	if (!r)
		r = read_spec(spec, b, err);
	if (r)
		return r;
	weir_y_err(weir_y_find(spec, "currency"), &place, "%s", "");
	where = strdup(place.text);
	if (!where)
		return -ENOMEM;
	put(s, weir_take_ptr(b), where);
	return 0;
}

int weir_budget_set_seal(const struct weir_budget_set *s, const char *currency, struct weir_err *err)
{
	for (size_t i = 0; *currency && i < s->count; i++)
		if (strcmp(s->items[i]->currency, currency) != 0)
			return weir_err_set(err, -EINVAL, "%s'%s': the price books are in %s", s->where[i], s->items[i]->currency,
					    currency);
	return 0;
}

size_t weir_budget_count(const struct weir_budget_set *s)
{
	return s->count;
}

const struct weir_budget *weir_budget_at(const struct weir_budget_set *s, size_t i)
{
	return s->items[i];
}

const struct weir_budget *weir_budget_find(const struct weir_budget_set *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->items[i]->name, name))
			return s->items[i];
	return NULL;
}

void weir_budget_bounds(enum weir_budget_period p, uint64_t now_s, uint64_t *ret_from_s, uint64_t *ret_to_s)
{
	static const int months[] = {1, 3, 12};
	time_t t = (time_t)now_s;
	struct tm tm = {0}, from = {.tm_mday = 1}, to = {.tm_mday = 1};

	gmtime_r(&t, &tm);
	from.tm_year = to.tm_year = tm.tm_year;
	from.tm_mon = tm.tm_mon - tm.tm_mon % months[p];
	to.tm_mon = from.tm_mon + months[p]; /* timegm() carries it into the year */
	*ret_from_s = (uint64_t)timegm(&from);
	*ret_to_s = (uint64_t)timegm(&to);
}

char *weir_budget_scope(const struct weir_budget *b, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; i < WEIR_BUDGET_DIMS; i++)
		if (b->scope[i] && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s=%s", used ? " " : "", dims[i], b->scope[i]);
	for (size_t i = 0; i < b->label_count && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%slabel:%s=%s", used ? " " : "", b->labels[i].key,
					 b->labels[i].value);
	if (!used)
		snprintf(buf, size, "everything");
	return buf;
}

/* FNV-1a: the scope may be longer than what is stored. */
uint64_t weir_budget_measure(const struct weir_budget *b)
{
	char text[(WEIR_BUDGET_DIMS + 2 * WEIR_BUDGET_LABELS) * (WEIR_BUDGET_VALUE + 16)];
	uint64_t h = 14695981039346656037u;

	for (const char *p = weir_budget_scope(b, text, sizeof(text)); *p; p++)
		h = (h ^ (uint8_t)*p) * 1099511628211u;
	return (h ^ (uint8_t)b->period) * 1099511628211u;
}

char *weir_budget_said(const struct weir_budget *b, size_t threshold, char buf[WEIR_BUDGET_SAID])
{
	char share[32];

	share_text(&b->thresholds[threshold], share, sizeof(share));
	snprintf(buf, WEIR_BUDGET_SAID, "%s of %lld nano%s a %s, measure %016llx", share, (long long)b->nanos, b->currency,
		 periods[b->period], (unsigned long long)weir_budget_measure(b));
	return buf;
}
