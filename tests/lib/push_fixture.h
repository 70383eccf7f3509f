/* SPDX-License-Identifier: Apache-2.0 */
/* A node's policy over the real data plane, and bundles for it: what an aggregator would send, good or not. */
#ifndef WEIR_TEST_PUSH_FIXTURE_H
#define WEIR_TEST_PUSH_FIXTURE_H

#include <stdarg.h>

#include "agent/config.h"
#include "agent/policy.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "tests/lib/bundle_fixture.h"

#define PUSH_APPROVERS 3 /* the third is a stranger */

struct node {
	struct fixture f; /* one for all nodes of a process: loading takes longer than all else */
	char state[64];
	struct weir_key *keys[PUSH_APPROVERS];
	uint8_t pubs[PUSH_APPROVERS][WEIR_KEY_LEN];
	struct config conf;
	struct weir_loop *loop;
	struct weir_source *alarm;
	struct ident *ident;
	struct gate *gate;
	struct policy *policy;
};

/* What a push says; the bundle is what `rules` compile to. */
struct push {
	uint64_t serial, not_before_s, not_after_s, key_epoch, confirm_ms;
	bool shadow;
	struct weir_buf manifest, bundle;
	struct weir_push_sig sigs[WEIR_MAX_SIGNERS];
	size_t sig_count;
};

static inline void push_fini(struct push *p)
{
	weir_buf_fini(&p->manifest);
	weir_buf_fini(&p->bundle);
}
#define auto_push weir_cleanup(push_fini) struct push

static inline int push_bundle(const char *rules, const char *class, struct weir_buf *ret, struct weir_err *err)
{
	weir_auto_free char *text = weir_strf("apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\n"
					      "spec:\n  tier: admin\n  egress:\n%s", rules);
	struct weir_topology *topology = NULL;
	struct weir_policy_set *set = NULL;
	int r = text ? random_topology(&topology, err) : -ENOMEM;

	if (!r)
		r = weir_policy_set_new(&set);
	if (!r)
		r = bundle_fixture_set(text, set, err);
	if (!r)
		r = weir_bundle_compile(set, topology, class, NULL, 0, ret, err);
	weir_policy_set_free(set);
	weir_topology_free(topology);
	return r;
}

static inline void push_sign(const struct node *n, struct push *p, int key)
{
	struct weir_push_sig *s = &p->sigs[p->sig_count++];

	memcpy(s->key, n->pubs[key], sizeof(s->key));
	if (weir_key_sign(n->keys[key], p->manifest.data, p->manifest.len, s->sig))
		abort();
}

/* The manifest of what p says, signed by both approvers. */
static inline void push_seal(const struct node *n, struct push *p)
{
	struct weir_class_ref class = {.name = RANDOM_CLASS, .bytes = p->bundle.len};
	struct weir_manifest m = {.serial = p->serial, .not_before_s = p->not_before_s, .not_after_s = p->not_after_s,
				  .key_epoch = p->key_epoch, .confirm_ms = p->confirm_ms, .shadow = p->shadow,
				  .classes = &class, .class_count = 1};

	weir_buf_fini(&p->manifest);
	p->manifest = (struct weir_buf){0};
	if (weir_sha256(p->bundle.data, p->bundle.len, class.digest) || weir_manifest_text(&m, &p->manifest))
		abort();
	p->sig_count = 0;
	push_sign(n, p, 0);
	push_sign(n, p, 1);
}

static inline void push_make(const struct node *n, uint64_t serial, const char *rules, struct push *ret)
{
	uint64_t now_s = weir_wall_ns() / WEIR_NS_PER_S;
	struct weir_err err = {{0}};

	push_fini(ret);
	*ret = (struct push){.serial = serial, .not_before_s = now_s - 10, .not_after_s = now_s + 1000};
	if (push_bundle(rules, RANDOM_CLASS, &ret->bundle, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	push_seal(n, ret);
}

static inline int push_send(struct node *n, struct push *p)
{
	struct weir_msg m = {.kind = WEIR_MSG_POLICY_PUSH};

	m.policy_push = (struct weir_policy_push){
		.change = true, .serial = p->serial, .shadow = p->shadow,
		.manifest = p->manifest.data, .manifest_len = p->manifest.len,
		.sigs = p->sigs, .sig_count = p->sig_count,
		.bundle = p->bundle.data, .bundle_len = p->bundle.len,
	};
	return policy_reply(n->policy, &m);
}

/* What the node says in its next poll. */
static inline struct weir_msg *node_poll(struct node *n)
{
	static const uint8_t token[WEIR_TOKEN_LEN];
	weir_auto_buf struct weir_buf b = {0};
	struct weir_err err = {{0}};
	struct weir_msg *m = NULL;

	if (policy_request(n->policy, token, &b) || weir_request_unpack(b.data, b.len, b.len, &m, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return m;
}

/* The aggregator answers the poll, with nothing new. */
static inline void node_answer(struct node *n)
{
	const struct weir_msg m = {.kind = WEIR_MSG_POLICY_PUSH};

	(void)policy_reply(n->policy, &m);
}

static inline void node_poll_answered(struct node *n)
{
	weir_msg_free(node_poll(n));
	node_answer(n);
}

static inline int node_on_alarm(uint32_t events, void *arg)
{
	(void)events;
	weir_loop_stop(((struct node *)arg)->loop, 0);
	return 0;
}

/* The node's loop runs for so long. */
static inline void node_run_ms(struct node *n, uint64_t ms)
{
	if (weir_source_rearm(n->alarm, ms * 1000000, 0) || weir_loop_run(n->loop))
		abort();
}

/* The kernel remembers nothing. */
static inline void node_forget(struct node *n)
{
	memset(probe_marks(n->f.probe), 0, sizeof(struct weir_marks));
	probe_ctl(n->f.probe)->serial_high = 0;
	probe_no_bundle(n->f.probe);
}

static struct fixture node_loaded;

static inline void node_unload(void)
{
	fixture_close(&node_loaded);
}

static inline int node_load(struct node *n, struct weir_err *err)
{
	int r = 0;

	node_loaded.small = true;
	if (!node_loaded.probe)
		r = fixture_open(&node_loaded, err) ?: atexit(node_unload);
	n->f = node_loaded;
	if (!r)
		node_forget(n);
	return r;
}

static inline int node_start(struct node *n, struct weir_err *err)
{
	static const struct weir_hello self = {.node = "n"};
	int r = weir_loop_new(&n->loop, NULL, NULL);

	if (!r)
		r = weir_loop_timer(n->loop, 0, 0, node_on_alarm, n, &n->alarm);
	if (!r)
		r = ident_new(n->f.cgroup, "", 16, &n->ident, err);
	if (!r)
		r = gate_new(n->f.probe, n->ident, &n->gate);
	if (!r)
		probe_set_mode(n->f.probe, WEIR_MODE_ENFORCE);
	return r ? r : policy_new(n->loop, &n->conf, &self, NULL, n->f.probe, n->gate, &n->policy, err);
}

/* As a killed agent does: what is not written by now is lost. The kernel's side stays, as it would. */
static inline void node_stop(struct node *n)
{
	policy_free(weir_take_ptr(n->policy));
	gate_free(weir_take_ptr(n->gate));
	ident_free(weir_take_ptr(n->ident));
	weir_source_free(weir_take_ptr(n->alarm));
	weir_loop_free(weir_take_ptr(n->loop));
}

static inline int node_restart(struct node *n, struct weir_err *err)
{
	node_stop(n);
	return node_start(n, err);
}

static inline int node_reboot(struct node *n, struct weir_err *err)
{
	node_stop(n);
	node_forget(n);
	return node_start(n, err);
}

static inline int WEIR_PRINTF(1, 2) node_shell(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

/* Two of two approvers are needed. */
static inline int node_open(struct node *n, struct weir_err *err)
{
	*n = (struct node){0};
	weir_log_init("test", WEIR_LOG_ERR);
	strcpy(n->state, "/dev/shm/weir-node-XXXXXX");
	if (!mkdtemp(n->state))
		return -errno;
	for (int i = 0; i < PUSH_APPROVERS; i++)
		if (weir_key_new(&n->keys[i]) || weir_key_public(n->keys[i], n->pubs[i]))
			return -ENOMEM;
	n->conf = (struct config){.state_dir = n->state, .class = (char *)RANDOM_CLASS, .control = (char *)"",
				  .keys = n->pubs, .key_count = 2, .threshold = 2, .max_bundle = 65536};
	return node_load(n, err) ?: node_start(n, err);
}

static inline void node_close(struct node *n)
{
	node_stop(n);
	if (node_shell("rm -rf %s %s.*", n->state, n->state))
		abort();
	for (int i = 0; i < PUSH_APPROVERS; i++)
		weir_key_free(n->keys[i]);
}

/* Whether a packet of a workload's to 198.18.0.last passes, as the loaded program decides; -1 = it did not run. */
static inline int node_passes(struct node *n, uint8_t last)
{
	static uint16_t port = 20000;
	uint8_t pkt[14 + 100] = {[12] = 0x08, [14] = 0x45, [22] = 64, [23] = IPPROTO_UDP,
				 [26] = 10, 7, 1, 11, 198, 18, 0, last};
	uint16_t client = htons(port++), service = htons(5000), len = htons(100);

	memcpy(pkt + 16, &len, 2);
	memcpy(pkt + 34, &client, 2);
	memcpy(pkt + 36, &service, 2);
	return fixture_run(&n->f, WEIR_EGRESS, pkt, sizeof(pkt));
}

#endif
