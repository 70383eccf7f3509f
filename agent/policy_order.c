/* SPDX-License-Identifier: Apache-2.0 */
/* Emergencies: an operator's order that the aggregator passes on, and root's request on the node. */
#include "agent/policy_priv.h"

#include <inttypes.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "agent/rollback.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/file.h"
#include "lib/policy/order.h"

static int refuse_order(struct policy *p, const char *reason, const char *text)
{
	p->order_refused = (struct weir_err){0};
	weir_err_set(&p->order_refused, 0, "%s: %s", reason, text);
	weir_log(WEIR_LOG_ERR, "policy: order refused (%s): %s", reason, text);
	return 0;
}

int policy_order(struct policy *p, const struct weir_policy_push *push)
{
	struct weir_marks *w = p->marks.at;
	struct weir_signature sig;
	struct weir_order o = {0};
	struct weir_err err = {0};
	int r;

	memcpy(sig.key, push->order_sig.key, sizeof(sig.key));
	memcpy(sig.sig, push->order_sig.sig, sizeof(sig.sig));
	/* Whoever wrote it: the aggregator is told that this one was had. */
	if (weir_order_parse(push->order, push->order_len, &o, &err) < 0)
		return weir_log_err(-EPROTO, "control: an order that is none: %s", err.text);
	p->have_order = o.number;
	r = weir_order_verify((const uint8_t(*)[WEIR_KEY_LEN])p->conf->operator_keys, p->conf->operator_count,
			      push->order, push->order_len, &sig, w->order, weir_wall_ns() / WEIR_NS_PER_S, &o, &err);
	if (r)
		return refuse_order(p, r > 0 ? weir_refusal_name((enum weir_refusal)r) : "failed", err.text);
	p->order_refused = (struct weir_err){0};
	if (p->serial == o.serial && policy_take_back(p, WEIR_UNDO_OPERATOR) < 0)
		return refuse_order(p, "failed", "there is no bundle to go back to");
	w->order = o.number;
	if (p->serial < o.serial)
		policy_never_again(p, o.serial);
	else
		policy_save_marks(p);
	return 0;
}

int policy_rollback(struct policy *p, char text[ROLLBACK_TEXT_MAX])
{
	uint64_t from = p->marks.at->pending ? (uint64_t)p->marks.at->pending : p->serial;
	int r = policy_take_back(p, WEIR_UNDO_ROOT);

	if (r == 0)
		snprintf(text, ROLLBACK_TEXT_MAX, ROLLBACK_DONE "bundle %" PRIu64 " is taken back, %" PRIu64 " is in force",
			 from, p->serial);
	else
		snprintf(text, ROLLBACK_TEXT_MAX, "bundle %" PRIu64 " stays: there is none to go back to: %s", from,
			 strerror(-r));
	return r;
}

static void answer_request(struct policy *p)
{
	char text[ROLLBACK_TEXT_MAX];
	int r;

	if (access(p->request, F_OK) < 0)
		return;
	(void)policy_rollback(p, text);
	r = weir_file_write(p->answer, text, strlen(text), 0600);
	if (r < 0)
		weir_log_err(r, "%s: cannot be written", p->answer);
	if (unlink(p->request) < 0)
		weir_log_err(-errno, "%s: cannot be removed", p->request);
}

static int on_request(uint32_t events, void *arg)
{
	struct policy *p = arg;
	char news[4096];

	(void)events;
	while (read(p->requests, news, sizeof(news)) > 0)
		;
	answer_request(p);
	return 0;
}

int policy_orders_start(struct policy *p, struct weir_loop *loop, const char *dir)
{
	p->request = weir_strf("%s/" ROLLBACK_REQUEST, dir);
	p->answer = weir_strf("%s/" ROLLBACK_ANSWER, dir);
	if (!p->request || !p->answer)
		return -ENOMEM;
	p->requests = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->requests < 0 || inotify_add_watch(p->requests, dir, IN_CREATE | IN_MOVED_TO) < 0)
		return -errno;
	answer_request(p);
	return weir_loop_fd(loop, p->requests, EPOLLIN, on_request, p, &p->asked);
}
