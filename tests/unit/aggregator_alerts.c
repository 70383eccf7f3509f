/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of budgets is said once, whatever ends in between; webhooks are told until they take it, and not led on. */
#include "aggregator/alerts.h"
#include "aggregator/store_budget.h"
#include "aggregator/webhook.h"
#include "lib/base/clock.h"
#include "lib/os/file.h"
#include "tests/lib/charge_fixture.h"
#include "tests/lib/priced.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/socket.h>

#define GUARD_NS (20 * NS)

/* A server of one connection at a time, whose answers are chosen. */
struct hook {
	pthread_t thread;
	int fd;
	char url[64];
	const char *status; /* "200 OK"; read by the server at each request */
	int requests;
	char last[8192];
};

static void *serve(void *arg)
{
	struct hook *h = arg;

	for (;;) {
		char head[256];
		size_t len = 0, want = SIZE_MAX;
		int fd = accept(h->fd, NULL, NULL), n;

		if (fd < 0)
			return NULL;
		while (len < want && len + 1 < sizeof(h->last) && (n = (int)read(fd, h->last + len, sizeof(h->last) - 1 - len)) > 0) {
			const char *end, *size;

			len += (size_t)n;
			h->last[len] = '\0';
			end = strstr(h->last, "\r\n\r\n");
			size = strstr(h->last, "Content-Length: ");
			if (end && size)
				want = (size_t)(end + 4 - h->last) + strtoul(size + 16, NULL, 10);
		}
		__atomic_add_fetch(&h->requests, 1, __ATOMIC_SEQ_CST);
		n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			     __atomic_load_n(&h->status, __ATOMIC_SEQ_CST));
		if (write(fd, head, (size_t)n) != n)
			fprintf(stderr, "the peer is gone\n");
		close(fd);
	}
}

static void hook_start(struct hook *h)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	h->status = "200 OK";
	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->fd < 0 || bind(h->fd, (struct sockaddr *)&at, len) || listen(h->fd, 8) || getsockname(h->fd, (struct sockaddr *)&at, &len) ||
	    pthread_create(&h->thread, NULL, serve, h))
		abort();
	snprintf(h->url, sizeof(h->url), "http://127.0.0.1:%u/x?key=secret", ntohs(at.sin_port));
}

static int requests(const struct hook *h)
{
	return __atomic_load_n(&h->requests, __ATOMIC_SEQ_CST);
}

struct world {
	char dir[64];
	struct service sv;
	struct weir_loop *loop;
	struct alerts *alerts;
	struct hook hook;
	char entry[96];
	char *webhooks[2];
	uint64_t now_s;
};

static int put(const struct world *w, const char *name, const char *text)
{
	weir_auto_free char *path = weir_strf("%s/%s", w->dir, name);

	return weir_file_write(path, text, strlen(text), 0644);
}

static void budget_is(struct world *w, const char *amount)
{
	weir_auto_free char *text = weir_strf("apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: b}\nspec:\n"
					      "  scope: {team: shop}\n  amount: \"%s\"\n  currency: USD\n  notify: [ops]\n  at_limit: propose\n",
					      amount);

	if (put(w, "budgets/b.yaml", text))
		abort();
	gitops_poll(w->sv.gitops);
}

/* Another process over the same store. */
static void restart(struct world *w)
{
	alerts_free(w->alerts);
	weir_loop_free(w->loop);
	w->loop = NULL;
	w->alerts = NULL;
	if (weir_loop_new(&w->loop, NULL, NULL) || alerts_new(&w->sv, w->loop, &w->alerts))
		abort();
	w->sv.alerts = w->alerts;
}

static void world_new(struct world *w)
{
	struct weir_err err = {{0}};
	weir_auto_free char *path = NULL;

	*w = (struct world){.now_s = NOW_S};
	strcpy(w->dir, "/tmp/weir-alerts-XXXXXX");
	if (!mkdtemp(w->dir))
		abort();
	hook_start(&w->hook);
	snprintf(w->entry, sizeof(w->entry), "ops=%s", w->hook.url);
	w->webhooks[0] = w->entry;
	w->sv.config.notify_webhooks = w->webhooks;
	w->sv.config.notify_ca = (char *)"";
	path = weir_strf("%s/budgets", w->dir);
	weir_mkdir_p(path, 0755);
	free(path);
	path = weir_strf("%s/topology", w->dir);
	weir_mkdir_p(path, 0755);
	free(path);
	path = weir_strf("%s/audit.log", w->dir);
	w->sv.store = open_store();
	if (put(w, "weir.yaml", "apiVersion: weir.dev/v1alpha1\nkind: Settings\nspec:\n  approvers: []\n  threshold: 1\n  validity: 365d\n") ||
	    put(w, "topology/t.yaml", priced_topology) || audit_open(path, NOW_S * NS, &w->sv.audit, &err) || gitops_new(w->dir, &w->sv.gitops)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	budget_is(w, "100");
	if (!gitops_repo(w->sv.gitops))
		fprintf(stderr, "%s\n", gitops_error(w->sv.gitops));
	restart(w);
}

static void world_fini(struct world *w)
{
	weir_auto_free char *line = weir_strf("rm -rf %s", w->dir);

	alerts_free(w->alerts);
	weir_loop_free(w->loop);
	gitops_free(w->sv.gitops);
	audit_close(w->sv.audit);
	store_close(w->sv.store);
	shutdown(w->hook.fd, SHUT_RDWR);
	pthread_join(w->hook.thread, NULL);
	close(w->hook.fd);
	if (system(line))
		fprintf(stderr, "%s stays\n", w->dir);
}
#define auto_world weir_cleanup(world_fini) struct world

static void spend(struct world *w, int64_t units)
{
	const struct charged c = {.team = "shop", .path = WEIR_PATH_NAT, .bytes = 1ull << 30, .nanos = units * 1000000000, .time_s = w->now_s};

	if (charge_committed(w->sv.store, &c))
		abort();
}

struct until {
	struct world *w;
	uint64_t end_ns;
	uint64_t done; /* answers that are waited for, good and bad */
};

static int on_look(uint32_t events, void *arg)
{
	const struct until *u = arg;
	const struct alerts_stats *st = alerts_stats(u->w->alerts);

	(void)events;
	if (st->sent + st->failed >= u->done)
		return 1;
	return weir_monotonic_ns() < u->end_ns ? 0 : -ETIME;
}

/* One evaluation, and the loop until so many answers more came; 1 = they did. */
static int run(struct world *w, uint64_t answers)
{
	const struct alerts_stats *st = alerts_stats(w->alerts);
	struct until u = {w, weir_monotonic_ns() + GUARD_NS, st->sent + st->failed + answers};
	struct weir_source *look = NULL;
	int r;

	alerts_run(w->alerts, w->now_s * NS);
	if (weir_loop_timer(w->loop, 1000000, 1000000, on_look, &u, &look))
		return -ENOMEM;
	r = weir_loop_run(w->loop);
	weir_source_free(look);
	return r;
}

static json_t *body(const struct world *w)
{
	const char *at = strstr(w->hook.last, "\r\n\r\n");

	return at ? json_loads(at + 4, 0, NULL) : NULL;
}

static const char *text(const json_t *o, const char *field)
{
	const char *s = json_string_value(json_object_get(o, field));

	return s ? s : "";
}

static void json_freep(json_t **j)
{
	json_decref(*j);
}

TEST(a_threshold_is_told_once)
{
	weir_cleanup(json_freep) json_t *o = NULL;
	auto_world w;

	world_new(&w);
	spend(&w, 49);
	CHECK(run(&w, 0) == 1 && !requests(&w.hook), "49 %%");
	spend(&w, 1);
	CHECK(run(&w, 1) == 1 && requests(&w.hook) == 1, "50 %%: %d", requests(&w.hook));
	o = body(&w);
	CHECK(!strcmp(text(o, "event"), "crossed") && !strcmp(text(o, "threshold"), "50%") && !strcmp(text(o, "spent"), "50.00"), "%s", w.hook.last);
	CHECK(strstr(text(o, "text"), "Budget b (team=shop) has reached 50%: 50.00 of 100.00 USD") && !json_object_get(o, "proposal"), "%s",
	      text(o, "text"));
	CHECK(strstr(w.hook.last, "POST /x?key=secret HTTP/1.1") && strstr(w.hook.last, "Idempotency-Key: weir-"), "%s", w.hook.last);
	w.now_s += 3;
	spend(&w, 1);
	CHECK(run(&w, 0) == 1 && run(&w, 0) == 1 && requests(&w.hook) == 1, "not again: %d", requests(&w.hook));
	restart(&w);
	w.now_s += 3;
	CHECK(run(&w, 0) == 1 && requests(&w.hook) == 1 && !alerts_stats(w.alerts)->said[WEIR_BUDGET_CROSSED], "nor by the next process");
}

TEST(thresholds_crossed_at_once_are_told_each)
{
	auto_world w;

	world_new(&w);
	spend(&w, 120);
	CHECK(run(&w, 3) == 1 && requests(&w.hook) == 3 && alerts_stats(w.alerts)->said[WEIR_BUDGET_CROSSED] == 3, "%d", requests(&w.hook));
	CHECK(audit_count(w.sv.audit) == 3, "each is on record: %d", (int)audit_count(w.sv.audit));
}

TEST(at_100_percent_a_policy_is_proposed_in_the_notice)
{
	weir_cleanup(json_freep) json_t *o = NULL;
	auto_world w;

	world_new(&w);
	spend(&w, 80);
	CHECK(run(&w, 2) == 1);
	spend(&w, 20);
	w.now_s += 3;
	CHECK(run(&w, 1) == 1 && requests(&w.hook) == 3, "%d", requests(&w.hook));
	o = body(&w);
	CHECK(!strcmp(text(o, "threshold"), "100%") && strstr(text(o, "proposal"), "kind: FlowPolicy") &&
		      strstr(text(o, "proposal"), "to: [{path: nat}]"), "%s", w.hook.last);
	CHECK(strstr(text(o, "text"), "a policy is proposed, and not in force"), "%s", text(o, "text"));
}

TEST(another_amount_is_told_again)
{
	weir_cleanup(json_freep) json_t *restated = NULL, *withdrawn = NULL;
	auto_world w;

	world_new(&w);
	spend(&w, 60);
	CHECK(run(&w, 1) == 1 && requests(&w.hook) == 1);
	budget_is(&w, "110");
	w.now_s += 3;
	CHECK(run(&w, 1) == 1 && requests(&w.hook) == 2, "%d", requests(&w.hook));
	restated = body(&w);
	CHECK(!strcmp(text(restated, "event"), "restated") && !strcmp(text(restated, "amount"), "110.00"), "%s", w.hook.last);
	budget_is(&w, "1000");
	w.now_s += 3;
	CHECK(run(&w, 1) == 1 && requests(&w.hook) == 3, "%d", requests(&w.hook));
	withdrawn = body(&w);
	CHECK(!strcmp(text(withdrawn, "event"), "withdrawn") && strstr(text(withdrawn, "text"), "by its new amount, not reached"), "%s",
	      w.hook.last);
	w.now_s += 3;
	CHECK(run(&w, 0) == 1 && requests(&w.hook) == 3, "once too");
	spend(&w, 440);
	CHECK(run(&w, 1) == 1 && requests(&w.hook) == 4, "and when it is reached it is news");
}

static uint32_t attempts;
static uint64_t next_s;

static int look(const struct store_notice *n, void *arg)
{
	*(const char **)arg = n->given_up ? "given up" : n->sent_s ? "sent" : "waits";
	attempts = n->attempts;
	next_s = n->next_s;
	return 0;
}

static const char *notice(const struct world *w, uint64_t from_s)
{
	const char *state = "none";

	store_notices(w->sv.store, "b", from_s, look, &state);
	return state;
}

#define NOVEMBER 1793491200ull /* NOW_S is in it */

TEST(a_webhook_that_fails_is_asked_again_and_given_up)
{
	char failing[64];
	auto_world w;

	world_new(&w);
	__atomic_store_n(&w.hook.status, "500 No", __ATOMIC_SEQ_CST);
	spend(&w, 50);
	CHECK(run(&w, 1) == 1 && requests(&w.hook) == 1 && !strcmp(notice(&w, NOVEMBER), "waits"), "%s", notice(&w, NOVEMBER));
	CHECK(next_s == w.now_s + 5, "%d s", (int)(next_s - w.now_s));
	w.now_s += 4;
	CHECK(run(&w, 0) == 1 && requests(&w.hook) == 1, "not before its time");
	restart(&w);
	w.now_s += 1;
	CHECK(run(&w, 1) == 1 && requests(&w.hook) == 2 && next_s && notice(&w, NOVEMBER) && next_s == w.now_s + 10, "%d s",
	      (int)(next_s - w.now_s));
	CHECK(!store_notices_failing(w.sv.store, NOW_S, failing, sizeof(failing)) && !*failing, "twice is no problem yet: %s", failing);
	for (int i = 2; i < ALERTS_ATTEMPTS; i++) {
		notice(&w, NOVEMBER);
		w.now_s = next_s;
		CHECK(run(&w, 1) == 1 && requests(&w.hook) == i + 1, "attempt %d: %d", i + 1, requests(&w.hook));
	}
	CHECK(!strcmp(notice(&w, NOVEMBER), "given up") && attempts == ALERTS_ATTEMPTS && alerts_stats(w.alerts)->given_up == 1);
	CHECK(!store_notices_failing(w.sv.store, NOW_S, failing, sizeof(failing)) && !strcmp(failing, "ops"), "%s", failing);
	CHECK(!store_notices_failing(w.sv.store, w.now_s + 1, failing, sizeof(failing)) && !*failing, "for a day: %s", failing);
	w.now_s += 86400;
	CHECK(run(&w, 0) == 1 && requests(&w.hook) == ALERTS_ATTEMPTS, "for good");
}

TEST(a_webhook_that_comes_back_is_told)
{
	auto_world w;

	world_new(&w);
	__atomic_store_n(&w.hook.status, "503 Later", __ATOMIC_SEQ_CST);
	spend(&w, 50);
	CHECK(run(&w, 1) == 1);
	__atomic_store_n(&w.hook.status, "204 Thanks", __ATOMIC_SEQ_CST);
	w.now_s += 5;
	CHECK(run(&w, 1) == 1 && !strcmp(notice(&w, NOVEMBER), "sent") && requests(&w.hook) == 2, "%s", notice(&w, NOVEMBER));
}

TEST(a_redirect_is_not_followed)
{
	auto_world w;
	weir_auto_free char *status = NULL;

	world_new(&w);
	status = weir_strf("307 There\r\nLocation: %s", w.hook.url);
	__atomic_store_n(&w.hook.status, status, __ATOMIC_SEQ_CST);
	spend(&w, 50);
	CHECK(run(&w, 1) == 1 && requests(&w.hook) == 1 && !strcmp(notice(&w, NOVEMBER), "waits"), "%d", requests(&w.hook));
	__atomic_store_n(&w.hook.status, "200 OK", __ATOMIC_SEQ_CST);
}

TEST(a_name_without_a_webhook_is_a_failure)
{
	auto_world w;

	world_new(&w);
	w.webhooks[0] = NULL;
	spend(&w, 50);
	CHECK(run(&w, 1) == 1 && !requests(&w.hook) && !strcmp(notice(&w, NOVEMBER), "waits") && attempts == 1, "%s", notice(&w, NOVEMBER));
}

TEST(settings_of_webhooks_are_checked)
{
	char *const list[] = {(char *)"a=https://h/x", (char *)"ab=http://[::1]:9/?q=1=2", NULL};

	CHECK(!alerts_check_webhook("ops=https://example.test/hook") && !alerts_check_webhook("a-1=http://h"));
	CHECK(alerts_check_webhook("https://example.test/hook") && alerts_check_webhook("=https://h") && alerts_check_webhook("Ops=https://h"));
	CHECK(alerts_check_webhook("ops=ftp://h") && alerts_check_webhook("ops=file:///etc/passwd") && alerts_check_webhook("ops=https://"));
	CHECK(alerts_check_webhook("ops=https://h/ x") && alerts_check_webhook("ops=https://h/\r\nX: y"));
	CHECK(!strcmp(alerts_url(list, "ab"), "http://[::1]:9/?q=1=2") && !strcmp(alerts_url(list, "a"), "https://h/x") && !alerts_url(list, "abc"));
}

TEST_MAIN(T(a_threshold_is_told_once), T(thresholds_crossed_at_once_are_told_each), T(at_100_percent_a_policy_is_proposed_in_the_notice),
	  T(another_amount_is_told_again), T(a_webhook_that_fails_is_asked_again_and_given_up), T(a_webhook_that_comes_back_is_told),
	  T(a_redirect_is_not_followed), T(a_name_without_a_webhook_is_a_failure), T(settings_of_webhooks_are_checked))
