/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/alerts.h"

#include "aggregator/outlook.h"
#include "aggregator/store_budget.h"
#include "aggregator/webhook.h"
#include "lib/base/log.h"

#include <inttypes.h>

#define NS_S 1000000000ull
/* 5 s, doubled each time, at most an hour. */
#define BACKOFF_S 5u
#define BACKOFF_MAX_S 3600u

struct flight { /* a notice under way */
	int64_t id; /* 0: none */
	uint32_t attempts;
	char budget[WEIR_BUDGET_NAME], webhook[WEIR_BUDGET_TEXT];
};

struct alerts {
	struct service *sv;
	struct budgets *budgets;
	struct outlook *outlook; /* NULL: there is no worker */
	struct webhooks *webhooks;
	struct flight flights[WEBHOOK_MAX];
	struct alerts_stats stats;
	uint64_t now_ns; /* of the last run: an answer comes a little later */
};

int alerts_new(struct service *sv, struct weir_loop *loop, struct alerts **ret)
{
	struct alerts *a = calloc(1, sizeof(*a));
	int r = a ? budgets_new(sv->store, &a->budgets) : -ENOMEM;

	if (!r && sv->worker)
		r = outlook_new(sv->worker, sv->config.store_path, &a->outlook);
	if (!r)
		r = webhooks_new(loop, sv->config.notify_ca, &a->webhooks);
	if (r) {
		alerts_free(a);
		return r;
	}
	a->sv = sv;
	*ret = a;
	return 0;
}

void alerts_free(struct alerts *a)
{
	if (!a)
		return;
	webhooks_free(a->webhooks);
	outlook_free(a->outlook);
	budgets_free(a->budgets);
	free(a);
}

const struct alerts_stats *alerts_stats(const struct alerts *a)
{
	return &a->stats;
}

int alerts_budgets(struct alerts *a, uint64_t now_ns, struct budgets **ret)
{
	static const uint8_t none[32];
	const struct weir_repo *repo = gitops_repo(a->sv->gitops);
	int r = budgets_update(a->budgets, repo ? repo->budgets : NULL, repo ? repo->source : none, now_ns / NS_S);

	if (r)
		return r;
	if (a->outlook)
		outlook_apply(a->outlook, a->budgets);
	*ret = a->budgets;
	return 0;
}

int alerts_proposal(struct budgets *b, const struct budget_kept *k, uint64_t now_s, struct weir_buf *ret)
{
	struct weir_budget_way way;
	int r = k->budget->at_limit == WEIR_BUDGET_PROPOSE ? budgets_way(b, k, &way) : -ENODATA;

	return r ? r : weir_budget_propose(k->budget, &k->view, &way, now_s, ret);
}

static size_t name_length(const char *entry)
{
	size_t n = strspn(entry, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n && n < WEIR_BUDGET_TEXT && entry[n] == '=' ? n : 0;
}

const char *alerts_url(char *const *webhooks, const char *name)
{
	for (; webhooks && *webhooks; webhooks++) {
		size_t n = name_length(*webhooks);

		if (n && strlen(name) == n && !strncmp(*webhooks, name, n))
			return *webhooks + n + 1;
	}
	return NULL;
}

const char *alerts_check_webhook(const char *entry)
{
	size_t n = name_length(entry);

	return n ? webhook_check_url(entry + n + 1) : "write NAME=URL, the name of a-z, 0-9 and -";
}

/* What is said and to whom, in one transaction. */
static int store_news(struct alerts *a, const struct budget_kept *k, size_t t, enum weir_budget_news news, const char *said,
		      const char *body, uint64_t now_s)
{
	const struct weir_budget *b = k->budget;
	const struct store_alert alert = {b->name, b->thresholds[t].name, said, k->view.from_s, news, now_s, k->view.nanos};
	struct store *s = a->sv->store;
	int r = store_begin(s);

	if (r)
		return r;
	r = news == WEIR_BUDGET_WITHDRAWN ? store_alert_drop(s, &alert) : store_alert_put(s, &alert);
	for (size_t i = 0; !r && i < b->hook_count; i++)
		r = store_notice_add(s, &(struct store_notice){.budget = b->name, .threshold = alert.threshold, .webhook = b->hooks[i],
							       .body = body, .from_s = alert.from_s, .time_s = now_s,
							       .next_s = now_s});
	if (!r)
		r = store_commit(s);
	if (r)
		store_rollback(s);
	return r;
}

static void record(struct alerts *a, const struct budget_kept *k, size_t t, enum weir_budget_news news, uint64_t now_ns)
{
	const struct weir_budget *b = k->budget;
	char spent[24], amount[24];

	snprintf(spent, sizeof(spent), "%" PRId64, k->view.nanos);
	snprintf(amount, sizeof(amount), "%" PRId64, b->nanos);
	weir_log(WEIR_LOG_WARN, "budget %s: threshold %s %s: %.2f %% spent", b->name, b->thresholds[t].name, weir_budget_news_name(news),
		 (double)k->view.ppm / 1e4);
	service_audited(audit_add(a->sv->audit, now_ns, "budget", "budget", b->name, "event", weir_budget_news_name(news), "threshold",
				  b->thresholds[t].name, "spent_nanos", spent, "amount_nanos", amount, "currency", b->currency, NULL));
	a->stats.said[news]++;
}

static int say(struct alerts *a, struct budget_kept *k, size_t t, enum weir_budget_news news, uint64_t now_ns)
{
	weir_auto_buf struct weir_buf proposal = {0}, body = {0};
	const struct weir_budget *b = k->budget;
	uint64_t now_s = now_ns / NS_S;
	bool propose = news != WEIR_BUDGET_WITHDRAWN && b->thresholds[t].ppm >= WEIR_BUDGET_WHOLE && !b->thresholds[t].forecast;
	char said[WEIR_BUDGET_SAID], id[2 * WEIR_BUDGET_NAME + 64];
	struct alert_text text = {.kept = k, .threshold = t, .news = news, .now_s = now_s, .id = id};
	int r = propose ? alerts_proposal(a->budgets, k, now_s, &proposal) : -ENODATA;

	if (r && r != -ENODATA)
		return r;
	text.proposal = r ? NULL : (const char *)proposal.data;
	snprintf(id, sizeof(id), "%s/%" PRIu64 "/%s/%s/%" PRIu64, b->name, k->view.from_s, b->thresholds[t].name,
		 weir_budget_news_name(news), now_s);
	r = alert_text(&text, &body);
	if (!r)
		r = store_news(a, k, t, news, weir_budget_said(b, t, said), (const char *)body.data, now_s);
	if (r)
		return r;
	snprintf(k->said[t], sizeof(k->said[t]), "%s", news == WEIR_BUDGET_WITHDRAWN ? "" : said);
	record(a, k, t, news, now_ns);
	return 0;
}

static int say_all(struct alerts *a, uint64_t now_ns)
{
	int r = 0;

	for (size_t i = 0; !r && i < budgets_count(a->budgets); i++) {
		struct budget_kept *k = budgets_at(a->budgets, i);

		for (size_t t = 0; !r && t < k->budget->threshold_count; t++) {
			enum weir_budget_news news = weir_budget_news(k->budget, &k->view, t, *k->said[t] ? k->said[t] : NULL);

			r = news ? say(a, k, t, news, now_ns) : 0;
		}
	}
	return r;
}

static struct flight *flight_of(struct alerts *a, int64_t id)
{
	for (size_t i = 0; i < WEBHOOK_MAX; i++)
		if (a->flights[i].id == id)
			return &a->flights[i];
	return NULL;
}

/* What stands before a notice's subject: a finding says itself what it is. */
static const char *kind_of(const char *subject)
{
	return strncmp(subject, STORE_NOTICE_FINDING, strlen(STORE_NOTICE_FINDING)) ? "budget " : "";
}

static void failed(struct alerts *a, int64_t id, uint32_t attempts, const char *budget, const char *webhook, const char *why)
{
	uint64_t now_s = a->now_ns / NS_S, wait = WEIR_MIN((uint64_t)BACKOFF_S << WEIR_MIN(attempts, 16u), (uint64_t)BACKOFF_MAX_S);
	bool give_up = attempts + 1 >= ALERTS_ATTEMPTS;
	int r = store_notice_failed(a->sv->store, id, now_s + (give_up ? 0 : wait), give_up, why);

	a->stats.failed++;
	weir_log(give_up ? WEIR_LOG_ERR : WEIR_LOG_WARN, "%s%s: webhook %s: %s; %s", kind_of(budget), budget, webhook, why,
		 give_up ? "given up" : "it is tried again");
	if (give_up) {
		a->stats.given_up++;
		service_audited(audit_add(a->sv->audit, a->now_ns, "notice-lost", "subject", budget, "webhook", webhook, "reason", why,
					  NULL));
	}
	if (r)
		weir_log_err(r, "store: notices cannot be written: %s", store_error(a->sv->store));
}

static void on_answer(void *arg, int64_t id, int r, const char *why)
{
	struct alerts *a = arg;
	struct flight *f = flight_of(a, id), was;

	if (!f)
		return;
	was = *f;
	f->id = 0;
	if (r) {
		failed(a, id, was.attempts, was.budget, was.webhook, why);
		return;
	}
	a->stats.sent++;
	weir_log(WEIR_LOG_INFO, "%s%s: webhook %s was told", kind_of(was.budget), was.budget, was.webhook);
	r = store_notice_sent(a->sv->store, id, a->now_ns / NS_S);
	if (r)
		weir_log_err(r, "store: notices cannot be written: %s", store_error(a->sv->store));
}

struct due {
	struct alerts *a;
	struct store_notice notices[2 * WEBHOOK_MAX];
	char *texts[2 * WEBHOOK_MAX][3]; /* budget, webhook, body: ours */
	size_t count;
};

static int add_due(const struct store_notice *n, void *arg)
{
	struct due *d = arg;
	char **text = d->texts[d->count];

	if (flight_of(d->a, n->id))
		return 0;
	text[0] = strdup(n->budget);
	text[1] = strdup(n->webhook);
	text[2] = strdup(n->body);
	d->notices[d->count++] = *n;
	return text[0] && text[1] && text[2] ? 0 : -ENOMEM;
}

static void due_fini(struct due *d)
{
	for (size_t i = 0; i < d->count; i++)
		for (int k = 0; k < 3; k++)
			free(d->texts[i][k]);
}

static void send_one(struct alerts *a, const struct store_notice *n, char *const *text)
{
	const char *url = alerts_url(a->sv->config.notify_webhooks, text[1]);
	struct flight *f = flight_of(a, 0);
	char key[48];
	int r;

	if (!url) {
		failed(a, n->id, n->attempts, text[0], text[1], "notify.webhooks has none of that name");
		return;
	}
	if (!f || !webhooks_free_slots(a->webhooks))
		return;
	*f = (struct flight){.id = n->id, .attempts = n->attempts};
	snprintf(f->budget, sizeof(f->budget), "%s", text[0]);
	snprintf(f->webhook, sizeof(f->webhook), "%s", text[1]);
	snprintf(key, sizeof(key), "weir-%" PRIu64 "-%" PRId64, n->time_s, n->id);
	r = webhook_post(a->webhooks, url, key, text[2], n->id, on_answer, a);
	if (r) {
		f->id = 0;
		failed(a, n->id, n->attempts, text[0], text[1], strerror(-r));
	}
}

static int send_due(struct alerts *a)
{
	weir_cleanup(due_fini) struct due d = {.a = a};
	int r = store_notices_due(a->sv->store, a->now_ns / NS_S, 2 * WEBHOOK_MAX, add_due, &d);

	for (size_t i = 0; !r && i < d.count; i++)
		send_one(a, &d.notices[i], d.texts[i]);
	return r;
}

void alerts_run(struct alerts *a, uint64_t now_ns)
{
	struct budgets *b;
	int r = alerts_budgets(a, now_ns, &b);

	a->now_ns = now_ns;
	if (!r && a->outlook)
		outlook_run(a->outlook, b, now_ns / NS_S);
	if (!r)
		r = say_all(a, now_ns);
	if (!r)
		r = send_due(a);
	if (r)
		weir_log_err(r, "budgets cannot be looked at: %s", store_error(a->sv->store));
}
