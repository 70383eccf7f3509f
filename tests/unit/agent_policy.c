/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node refuses, by name, while packets go on being decided by what is in force; what it remembers when
 * its state directory goes back in time, and when its kernel forgets; and how it takes a bundle back.
 */
#include "tests/lib/push_fixture.h"
#include "tests/lib/test.h"

#define DENY_10 "  - {action: deny, to: [{cidr: 198.18.0.10/32}]}\n  - {action: accept}\n"
#define DENY_11 "  - {action: deny, to: [{cidr: 198.18.0.11/32}]}\n  - {action: accept}\n"
#define DENY_MORE "  - {action: deny, to: [{cidr: 198.18.0.11/32}, {cidr: 198.18.0.12/32}]}\n  - {action: accept}\n"

/* Packets go by DENY_10 (10), DENY_11 (11), nothing at all (0), or something else (-1). */
static int denied(struct node *n)
{
	int ten = node_passes(n, 10), eleven = node_passes(n, 11);

	return ten == 1 && eleven == 1 ? 0 : ten == 0 && eleven == 1 ? 10 : ten == 1 && eleven == 0 ? 11 : -1;
}

struct said {
	uint64_t serial, refused;
	char reason[64];
};

static struct said poll_said(struct node *n)
{
	struct weir_msg *m = node_poll(n);
	struct said s = {m->policy_sync.applied_serial, m->policy_sync.refused_serial, ""};

	(void)weir_strcpy(s.reason, sizeof(s.reason), m->policy_sync.refused_reason);
	weir_msg_free(m);
	return s;
}

/* The push comes in force, and the aggregator hears of it. */
static bool comes_in_force(struct node *n, uint64_t serial, const char *rules)
{
	auto_push p = {0};
	struct said s;

	push_make(n, serial, rules, &p);
	push_send(n, &p);
	s = poll_said(n);
	node_answer(n);
	return s.serial == serial && !s.refused;
}

static char seen[160];

/* The push is refused for this reason; serial 5 stays, in the kernel too. */
static bool refused(struct node *n, struct push *p, const char *want)
{
	struct said s;

	push_send(n, p);
	s = poll_said(n);
	node_answer(n);
	snprintf(seen, sizeof(seen), "serial %d refused as '%s', want %s; in force %d, packets go by %d", (int)s.refused,
		 s.reason, want, (int)s.serial, denied(n));
	return s.refused == p->serial && !strcmp(s.reason, want) && s.serial == 5 && denied(n) == 10;
}
#define REFUSED(n, p, want) CHECK(refused(n, p, want), "%s", seen)

static void tampered(struct node *n, struct push *p, struct test_state *test_st)
{
	char *serial = memmem(p->manifest.data, p->manifest.len, "serial 9", 8);

	serial[7] = '8'; /* a replay dressed up */
	p->serial = 8;
	REFUSED(n, p, "tampered");
	serial[7] = '9';
	p->serial = 9;
	p->bundle.data[p->bundle.len / 2] ^= 1;
	REFUSED(n, p, "tampered");
	p->bundle.data[p->bundle.len / 2] ^= 1;
}

static void signatures(struct node *n, struct push *p, struct test_state *test_st)
{

	p->sig_count = 0;
	REFUSED(n, p, "unsigned");
	push_sign(n, p, 2);
	push_sign(n, p, 2);
	REFUSED(n, p, "unsigned");
	p->sig_count = 0;
	push_sign(n, p, 0);
	REFUSED(n, p, "stripped");
	push_sign(n, p, 0);
	REFUSED(n, p, "stripped");
	push_sign(n, p, 2);
	REFUSED(n, p, "stripped");
}

static void times_and_sizes(struct node *n, struct push *p, struct test_state *test_st)
{
	struct push q = *p;

	q.manifest = (struct weir_buf){0};
	q.not_after_s = q.not_before_s + 5;
	push_seal(n, &q);
	REFUSED(n, &q, "expired");
	q.not_before_s += 900, q.not_after_s += 900;
	push_seal(n, &q);
	REFUSED(n, &q, "not-yet-valid");
	weir_buf_fini(&q.manifest);
	n->conf.max_bundle = p->bundle.len - 1;
	REFUSED(n, p, "oversized");
	n->conf.max_bundle = 65536;
	n->conf.class = (char *)RANDOM_DOMAIN "/b";
	REFUSED(n, p, "wrong-class");
	n->conf.class = (char *)RANDOM_CLASS;
}

static void swap_bundles(struct push *a, struct push *b)
{
	struct weir_buf bundle = a->bundle;

	a->bundle = b->bundle;
	b->bundle = bundle;
}

TEST(each_is_refused_by_name_and_packets_go_by_the_running_one)
{
	struct node n;
	auto_push p = {0}, other = {0};
	struct weir_err err = {{0}};

	CHECK(node_open(&n, &err) == 0, "%s", err.text);
	CHECK(denied(&n) == 0);
	CHECK(comes_in_force(&n, 3, DENY_11) && denied(&n) == 11, "%d", denied(&n));
	CHECK(comes_in_force(&n, 5, DENY_10) && denied(&n) == 10, "%d", denied(&n));
	push_make(&n, 9, DENY_11, &p);
	signatures(&n, &p, test_st);
	push_seal(&n, &p);
	tampered(&n, &p, test_st);
	times_and_sizes(&n, &p, test_st);
	push_make(&n, 9, DENY_MORE, &other);
	swap_bundles(&p, &other);
	REFUSED(&n, &p, "mixed");
	swap_bundles(&p, &other);
	p.key_epoch = 1;
	push_seal(&n, &p);
	REFUSED(&n, &p, "future-key-epoch");
	p.sig_count = 0;
	push_sign(&n, &p, 2);
	REFUSED(&n, &p, "future-key-epoch");
	p.key_epoch = 0, p.serial = 4;
	push_seal(&n, &p);
	REFUSED(&n, &p, "older");
	p.serial = 9;
	push_seal(&n, &p);
	p.serial = 10;
	REFUSED(&n, &p, "malformed");
	p.serial = 9, p.shadow = true; /* signed to be enforced */
	REFUSED(&n, &p, "malformed");
	p.shadow = false;
	push_send(&n, &p);
	CHECK(poll_said(&n).serial == 9 && denied(&n) == 11, "the same push, whole: %d", denied(&n));
	node_close(&n);
}

/* The state directory is what it was when serial 3 was in force. */
TEST(a_restored_state_directory_brings_nothing_back)
{
	struct node n;
	auto_push three = {0}, five = {0}, false_five = {0};
	struct weir_err err = {{0}};

	CHECK(node_open(&n, &err) == 0, "%s", err.text);
	CHECK(comes_in_force(&n, 3, DENY_11));
	push_make(&n, 3, DENY_11, &three);
	CHECK(node_shell("cp -a %s %s.backup", n.state, n.state) == 0);
	push_make(&n, 5, DENY_10, &five);
	push_send(&n, &five);
	node_poll_answered(&n);
	REFUSED(&n, &three, "replayed");
	node_stop(&n);
	CHECK(node_shell("rm -rf %s && cp -a %s.backup %s", n.state, n.state, n.state) == 0);
	CHECK(node_start(&n, &err) == 0, "%s", err.text);
	CHECK(denied(&n) == 10, "the kernel's tables stay: %d", denied(&n));
	CHECK(!strcmp(poll_said(&n).reason, "replayed"), "%s", poll_said(&n).reason);
	push_send(&n, &three);
	CHECK(poll_said(&n).serial == 0 && denied(&n) == 10, "%d", denied(&n));
	push_make(&n, 5, DENY_11, &false_five);
	push_send(&n, &false_five);
	CHECK(!strcmp(poll_said(&n).reason, "older"), "another one of the same serial: '%s'", poll_said(&n).reason);
	push_send(&n, &five);
	CHECK(poll_said(&n).serial == 5, "the one that was in force comes again");
	REFUSED(&n, &three, "replayed");
	node_close(&n);
}

TEST(marks_on_disk_outlive_the_kernel)
{
	struct node n;
	auto_push p = {0};
	struct weir_err err = {{0}};

	CHECK(node_open(&n, &err) == 0, "%s", err.text);
	n.conf.key_epoch = 1;
	push_make(&n, 5, DENY_10, &p);
	p.key_epoch = 1;
	push_seal(&n, &p);
	push_send(&n, &p);
	CHECK(poll_said(&n).serial == 5);
	node_answer(&n);
	CHECK(node_reboot(&n, &err) == 0, "%s", err.text);
	CHECK(poll_said(&n).serial == 5 && denied(&n) == 10, "taken up from the disk: %d", denied(&n));
	p.key_epoch = 0, p.serial = 6;
	push_seal(&n, &p);
	REFUSED(&n, &p, "older"); /* of approvers whose time is over */
	CHECK(node_shell("rm %s/bundle/current", n.state) == 0);
	CHECK(node_reboot(&n, &err) == 0, "%s", err.text);
	CHECK(denied(&n) == 0, "%d", denied(&n));
	p.key_epoch = 1, p.serial = 4;
	push_seal(&n, &p);
	push_send(&n, &p);
	CHECK(!strcmp(poll_said(&n).reason, "older"), "'%s'", poll_said(&n).reason);
	p.key_epoch = 0, p.serial = 7;
	push_seal(&n, &p);
	push_send(&n, &p);
	CHECK(!strcmp(poll_said(&n).reason, "older"), "'%s'", poll_said(&n).reason);
	CHECK(poll_said(&n).serial == 0);
	node_close(&n);
}

/* DENY_10 is in force as 5, confirmed; then 7, DENY_11, comes and nobody hears of it. */
static bool open_unconfirmed(struct node *n, uint64_t confirm_ms, struct push *seven, struct weir_err *err)
{
	if (node_open(n, err) || !comes_in_force(n, 5, DENY_10))
		return false;
	push_make(n, 7, DENY_11, seven);
	seven->confirm_ms = confirm_ms;
	push_seal(n, seven);
	push_send(n, seven);
	return poll_said(n).serial == 7 && denied(n) == 11;
}

static bool is_back(struct node *n)
{
	struct weir_msg *m = node_poll(n);
	const struct weir_policy_sync *s = &m->policy_sync;
	int packets = denied(n);
	bool r = s->applied_serial == 5 && s->refused_serial == 7 && !strcmp(s->refused_reason, "unconfirmed") &&
		 s->undone_from == 7 && s->undone_to == 5 && s->undone_why == WEIR_UNDO_UNCONFIRMED && s->undone_ns &&
		 !s->unconfirmed_serial && packets == 10;

	snprintf(seen, sizeof(seen), "in force %d, refused %d '%s', undone %d -> %d, packets go by %d",
		 (int)s->applied_serial, (int)s->refused_serial, s->refused_reason, (int)s->undone_from,
		 (int)s->undone_to, packets);
	weir_msg_free(m);
	return r;
}

TEST(what_is_not_confirmed_is_taken_back_and_does_not_return)
{
	struct node n;
	auto_push seven = {0};
	struct weir_err err = {{0}};

	CHECK(open_unconfirmed(&n, 200, &seven, &err), "%s", err.text);
	node_run_ms(&n, 100);
	CHECK(denied(&n) == 11, "before its time: %d", denied(&n));
	node_run_ms(&n, 200);
	CHECK(is_back(&n), "%s", seen);
	node_answer(&n); /* an answer that comes too late confirms nothing */
	CHECK(is_back(&n), "%s", seen);
	push_send(&n, &seven);
	CHECK(is_back(&n), "sent again: %s", seen);
	CHECK(node_restart(&n, &err) == 0, "%s", err.text);
	CHECK(is_back(&n), "restarted: %s", seen);
	push_send(&n, &seven);
	CHECK(is_back(&n), "restarted and sent again: %s", seen);
	CHECK(node_reboot(&n, &err) == 0, "%s", err.text);
	push_send(&n, &seven);
	CHECK(is_back(&n), "booted and sent again: %s", seen);
	CHECK(comes_in_force(&n, 8, DENY_11) && denied(&n) == 11, "a higher serial: %d", denied(&n));
	node_run_ms(&n, 300);
	CHECK(denied(&n) == 11 && poll_said(&n).serial == 8, "stays: %d", denied(&n));
	node_close(&n);
}

TEST(an_answer_confirms)
{
	struct node n;
	auto_push seven = {0};
	struct weir_err err = {{0}};
	struct weir_msg *m;

	CHECK(open_unconfirmed(&n, 300, &seven, &err), "%s", err.text);
	m = node_poll(&n);
	CHECK(m->policy_sync.unconfirmed_serial == 7);
	weir_msg_free(m);
	node_answer(&n);
	m = node_poll(&n);
	CHECK(!m->policy_sync.unconfirmed_serial);
	weir_msg_free(m);
	node_run_ms(&n, 500);
	CHECK(denied(&n) == 11, "%d", denied(&n));
	CHECK(node_reboot(&n, &err) == 0 && denied(&n) == 11, "it is on disk: %d %s", denied(&n), err.text);
	node_close(&n);
}

/* The agent is killed while the bundle is not confirmed. */
TEST(a_returning_agent_keeps_the_deadline)
{
	struct node n;
	auto_push seven = {0};
	struct weir_err err = {{0}};

	CHECK(open_unconfirmed(&n, 20000, &seven, &err), "%s", err.text);
	CHECK(node_restart(&n, &err) == 0, "%s", err.text);
	CHECK(denied(&n) == 11 && poll_said(&n).serial == 7, "its time is not over: %d", denied(&n));
	probe_marks(n.f.probe)->confirm_until_ns = weir_boot_ns() + 300000000;
	CHECK(node_restart(&n, &err) == 0, "%s", err.text);
	node_run_ms(&n, 500);
	CHECK(is_back(&n), "%s", seen);
	node_close(&n);
}

TEST(a_late_agent_goes_back_at_once)
{
	struct node n;
	auto_push seven = {0};
	struct weir_err err = {{0}};

	CHECK(open_unconfirmed(&n, 20000, &seven, &err), "%s", err.text);
	probe_marks(n.f.probe)->confirm_until_ns = weir_boot_ns();
	CHECK(node_restart(&n, &err) == 0 && is_back(&n), "%s", seen);
	node_close(&n);
	CHECK(open_unconfirmed(&n, 20000, &seven, &err), "%s", err.text);
	CHECK(node_reboot(&n, &err) == 0 && is_back(&n), "booted: %s", seen);
	node_close(&n);
	/* Killed between the files and the marks of a confirmation. */
	CHECK(open_unconfirmed(&n, 20000, &seven, &err), "%s", err.text);
	CHECK(node_shell("mv %s/bundle/pending %s/bundle/current", n.state, n.state) == 0);
	CHECK(node_restart(&n, &err) == 0 && denied(&n) == 11 && !probe_marks(n.f.probe)->pending, "%d", denied(&n));
	node_close(&n);
}

TEST(before_the_first_bundle_there_is_none)
{
	struct node n;
	auto_push one = {0};
	struct weir_err err = {{0}};

	CHECK(node_open(&n, &err) == 0, "%s", err.text);
	push_make(&n, 1, DENY_11, &one);
	one.confirm_ms = 100;
	push_seal(&n, &one);
	push_send(&n, &one);
	CHECK(denied(&n) == 11, "%d", denied(&n));
	node_run_ms(&n, 200);
	CHECK(denied(&n) == 0 && poll_said(&n).serial == 0 && !strcmp(poll_said(&n).reason, "unconfirmed"), "%d '%s'",
	      denied(&n), poll_said(&n).reason);
	push_send(&n, &one);
	CHECK(denied(&n) == 0 && !strcmp(poll_said(&n).reason, "unconfirmed"), "sent again: %d", denied(&n));
	CHECK(comes_in_force(&n, 2, DENY_10) && denied(&n) == 10, "%d", denied(&n));
	node_close(&n);
}

TEST_MAIN(T_ROOT(each_is_refused_by_name_and_packets_go_by_the_running_one),
	  T_ROOT(a_restored_state_directory_brings_nothing_back), T_ROOT(marks_on_disk_outlive_the_kernel),
	  T_ROOT(what_is_not_confirmed_is_taken_back_and_does_not_return), T_ROOT(an_answer_confirms),
	  T_ROOT(a_returning_agent_keeps_the_deadline), T_ROOT(a_late_agent_goes_back_at_once),
	  T_ROOT(before_the_first_bundle_there_is_none))
