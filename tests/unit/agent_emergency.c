/* SPDX-License-Identifier: Apache-2.0 */
/* Back to the bundle that was confirmed before, by an operator's order or by root; and never forward by itself. */
#include "lib/os/file.h"
#include "lib/policy/order.h"
#include "tests/lib/push_fixture.h"
#include "tests/lib/test.h"

#define DENY(n) "  - {action: deny, to: [{cidr: 198.18.0." n "/32}]}\n  - {action: accept}\n"
#define OPERATOR 2 /* of the node's keys: no approver */

static uint8_t operators[1][WEIR_KEY_LEN];

/* The last octet of the one of three peers that is denied; 0 = none of them. */
static int denied(struct node *n)
{
	int found = 0;

	for (uint8_t last = 10; last < 13; last++)
		if (node_passes(n, last) == 0)
			found = last;
	return found;
}

static bool comes_in_force(struct node *n, uint64_t serial, const char *rules)
{
	auto_push p = {0};
	struct weir_msg *m;
	bool r;

	push_make(n, serial, rules, &p);
	push_send(n, &p);
	m = node_poll(n);
	r = m->policy_sync.applied_serial == serial;
	weir_msg_free(m);
	node_answer(n);
	return r;
}

/* 5, 7 and 9 were in force and confirmed, in this order. */
static bool open_node(struct node *n, struct weir_err *err)
{
	if (node_open(n, err))
		return false;
	memcpy(operators[0], n->pubs[OPERATOR], WEIR_KEY_LEN);
	n->conf.operator_keys = operators;
	n->conf.operator_count = 1;
	return comes_in_force(n, 5, DENY("10")) && comes_in_force(n, 7, DENY("11")) && comes_in_force(n, 9, DENY("12"));
}

/* What the node says after an order that `key` signed. */
static struct weir_msg *order(struct node *n, int key, uint64_t serial, uint64_t number, const char *change)
{
	const struct weir_order o = {serial, number, weir_wall_ns() / WEIR_NS_PER_S + 100};
	struct weir_msg m = {.kind = WEIR_MSG_POLICY_PUSH};
	weir_auto_buf struct weir_buf b = {0};
	char *at;

	if (weir_order_text(&o, &b) || weir_key_sign(n->keys[key], b.data, b.len, m.policy_push.order_sig.sig))
		abort();
	memcpy(m.policy_push.order_sig.key, n->pubs[key], WEIR_KEY_LEN);
	at = change ? memmem(b.data, b.len, change, strlen(change)) : NULL;
	if (at)
		at[strlen(change) - 1]++;
	m.policy_push.order = b.data;
	m.policy_push.order_len = b.len;
	weir_msg_free(node_poll(n));
	(void)policy_reply(n->policy, &m);
	return node_poll(n);
}

static char seen[200];

static bool is_at(struct node *n, struct weir_msg *m, uint64_t serial, int packets, const char *order_refused)
{
	const struct weir_policy_sync *s = &m->policy_sync;
	int now = denied(n);
	bool r = s->applied_serial == serial && now == packets &&
		 !strncmp(s->order_refused, order_refused, strlen(order_refused)) && !*s->order_refused == !*order_refused;

	snprintf(seen, sizeof(seen), "in force %d, packets go by %d, order %d '%s', refused %d %s, undone %d -> %d (%u)",
		 (int)s->applied_serial, now, (int)s->have_order, s->order_refused, (int)s->refused_serial,
		 s->refused_reason, (int)s->undone_from, (int)s->undone_to, s->undone_why);
	weir_msg_free(m);
	return r;
}
#define IS_AT(m, serial, packets, refused) CHECK(is_at(&n, m, serial, packets, refused), "%s", seen)

TEST(one_operator_takes_a_bundle_back)
{
	struct node n;
	auto_push nine = {0};
	struct weir_msg *m;
	struct weir_err err = {{0}};

	CHECK(open_node(&n, &err) && denied(&n) == 12, "%s", err.text);
	IS_AT(order(&n, 0, 9, 100, NULL), 9, 12, "unsigned"); /* an approver is no operator */
	IS_AT(order(&n, OPERATOR, 8, 100, "take-back 8"), 9, 12, "tampered");
	IS_AT(order(&n, OPERATOR, 7, 100, NULL), 9, 12, ""); /* of a bundle that is not in force */
	IS_AT(order(&n, OPERATOR, 9, 100, NULL), 9, 12, "replayed");
	m = order(&n, OPERATOR, 9, 101, NULL);
	CHECK(m->policy_sync.undone_from == 9 && m->policy_sync.undone_to == 7 &&
	      m->policy_sync.undone_why == WEIR_UNDO_OPERATOR && m->policy_sync.have_order == 101 &&
	      m->policy_sync.refused_serial == 9 && !strcmp(m->policy_sync.refused_reason, "rolled-back"));
	IS_AT(m, 7, 11, "");
	push_make(&n, 9, DENY("12"), &nine);
	push_send(&n, &nine);
	IS_AT(node_poll(&n), 7, 11, "");
	IS_AT(order(&n, OPERATOR, 9, 101, NULL), 7, 11, "replayed");
	IS_AT(order(&n, OPERATOR, 9, 102, NULL), 7, 11, "");
	IS_AT(order(&n, OPERATOR, 7, 103, NULL), 7, 11, "failed"); /* there is none before */
	CHECK(node_restart(&n, &err) == 0, "%s", err.text);
	push_send(&n, &nine);
	IS_AT(node_poll(&n), 7, 11, "");
	IS_AT(order(&n, OPERATOR, 9, 102, NULL), 7, 11, "replayed");
	CHECK(node_reboot(&n, &err) == 0, "%s", err.text);
	push_send(&n, &nine);
	IS_AT(node_poll(&n), 7, 11, "");
	IS_AT(order(&n, OPERATOR, 9, 102, NULL), 7, 11, "replayed");
	CHECK(comes_in_force(&n, 10, DENY("12")));
	IS_AT(node_poll(&n), 10, 12, "replayed");
	node_close(&n);
}

TEST(an_order_holds_for_what_has_not_come_yet)
{
	struct node n;
	auto_push eleven = {0};
	struct weir_err err = {{0}};

	CHECK(open_node(&n, &err), "%s", err.text);
	IS_AT(order(&n, OPERATOR, 11, 100, NULL), 9, 12, "");
	push_make(&n, 11, DENY("10"), &eleven);
	push_send(&n, &eleven);
	IS_AT(node_poll(&n), 9, 12, "");
	CHECK(comes_in_force(&n, 12, DENY("10")) && denied(&n) == 10);
	node_close(&n);
}

/* The running agent finds the file that weir-agent --rollback makes. */
TEST(root_takes_a_bundle_back)
{
	struct node n;
	weir_auto_free char *answer = NULL, *said = NULL;
	struct weir_err err = {{0}};
	size_t len;

	CHECK(open_node(&n, &err), "%s", err.text);
	answer = weir_strf("%s/bundle/" ROLLBACK_ANSWER, n.state);
	CHECK(node_shell("touch %s/bundle/" ROLLBACK_REQUEST, n.state) == 0);
	node_run_ms(&n, 100);
	CHECK(weir_file_read(answer, 1000, &said, &len) == 0);
	CHECK(said && !strcmp(said, ROLLBACK_DONE "bundle 9 is taken back, 7 is in force"), "%s", said);
	IS_AT(node_poll(&n), 7, 11, "");
	CHECK(node_shell("test ! -e %s/bundle/" ROLLBACK_REQUEST, n.state) == 0);
	free(weir_take_ptr(said));
	CHECK(node_shell("touch %s/bundle/" ROLLBACK_REQUEST, n.state) == 0);
	CHECK(node_restart(&n, &err) == 0, "%s", err.text); /* it came while no agent ran */
	CHECK(weir_file_read(answer, 1000, &said, &len) == 0);
	CHECK(said && strstr(said, "bundle 7 stays"), "%s", said);
	IS_AT(node_poll(&n), 7, 11, "");
	node_close(&n);
}

/* An unconfirmed bundle goes to the confirmed one, not to the one before that. */
TEST(an_unconfirmed_one_goes_first)
{
	struct node n;
	auto_push eleven = {0};
	struct weir_err err = {{0}};
	char text[ROLLBACK_TEXT_MAX];

	CHECK(open_node(&n, &err), "%s", err.text);
	push_make(&n, 11, DENY("10"), &eleven);
	push_send(&n, &eleven);
	CHECK(denied(&n) == 10);
	CHECK(policy_rollback(n.policy, text) == 0, "%s", text);
	IS_AT(node_poll(&n), 9, 12, "");
	/* Killed when the marks said so and the file did not yet. */
	CHECK(policy_rollback(n.policy, text) == 0, "%s", text);
	CHECK(node_shell("cd %s/bundle && mv current previous", n.state) == 0);
	CHECK(node_restart(&n, &err) == 0, "%s", err.text);
	IS_AT(node_poll(&n), 7, 11, "");
	node_close(&n);
}

TEST_MAIN(T_ROOT(one_operator_takes_a_bundle_back), T_ROOT(an_order_holds_for_what_has_not_come_yet),
	  T_ROOT(root_takes_a_bundle_back), T_ROOT(an_unconfirmed_one_goes_first))
