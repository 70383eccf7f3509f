/* SPDX-License-Identifier: Apache-2.0 */
/* The orphan lease: arithmetic of its renewal, and the loaded program that stops enforcing behind it. */
#include "tests/lib/test.h"

#include <arpa/inet.h>

#include "agent/lease.h"
#include "lib/base/clock.h"
#include "tests/lib/bundle_fixture.h"

#define S WEIR_NS_PER_S

TEST(a_renewal_says_for_how_long_it_was_over)
{
	struct weir_ctl ctl = {.mode = WEIR_MODE_ENFORCE};

	CHECK(lease_renew(&ctl, 5 * S, 100 * S) == 0 && ctl.lease_until_s == 105, "%lu",
	      (unsigned long)ctl.lease_until_s);
	CHECK(lease_over_s(&ctl, 105) == 0, "over too early");
	CHECK(lease_over_s(&ctl, 117) == 12, "%lu", (unsigned long)lease_over_s(&ctl, 117));
	CHECK(lease_renew(&ctl, 5 * S, 117 * S) == 12, "the renewal does not say so");
	CHECK(ctl.lapsed_s == 12 && ctl.lease_until_s == 122, "%lu", (unsigned long)ctl.lapsed_s);
	CHECK(lease_renew(&ctl, S / 2, 118 * S) == 0 && ctl.lease_until_s == 119, "half a second is rounded up");
	CHECK(lease_renew(&ctl, 5 * S, 118 * S + 1) == 0 && ctl.lease_until_s == 124, "it never ends early");
	CHECK(lease_renew(&ctl, 0, 119 * S) == 0 && ctl.lease_until_s == 0, "0 is no lease");
	CHECK(lease_over_s(&ctl, 1u << 30) == 0 && ctl.lapsed_s == 12, "without a lease nothing ends");
}

TEST(in_observe_nothing_can_end)
{
	struct weir_ctl ctl = {.mode = WEIR_MODE_OBSERVE, .lease_until_s = 10};

	CHECK(lease_over_s(&ctl, 50) == 0, "over");
	CHECK(lease_until_ns(&ctl, 5 * S, 1000 * S) == 0, "an end is reported");
	ctl.mode = WEIR_MODE_SHADOW;
	CHECK(lease_over_s(&ctl, 50) == 40, "shadow evaluates, so it can end");
	CHECK(lease_until_ns(&ctl, 5 * S, 1000 * S) == 1005 * S, "in wall clock time");
	CHECK(lease_until_ns(&ctl, 50 * S, 1000 * S) == 960 * S, "in the past");
}

/* 10.7.1.11:port -> 198.18.0.10:443, a SYN of 60 bytes. */
static int send_syn(struct fixture *f, uint16_t port)
{
	uint8_t pkt[74] = {[12] = 0x08, [14] = 0x45, [17] = 60, [22] = 64, [23] = 6, [26] = 10, [27] = 7,
			   [28] = 1, [29] = 11, [30] = 198, [31] = 18, [33] = 10, [46] = 0xa0, [47] = 2};
	uint16_t sport = htons(port), dport = htons(443);

	memcpy(pkt + 34, &sport, 2);
	memcpy(pkt + 36, &dport, 2);
	return fixture_run(f, WEIR_EGRESS, pkt, sizeof(pkt));
}

/* How many of n packets of one flow pass. */
static int passed(struct fixture *f, uint16_t port, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += send_syn(f, port) == 1;
	return sum;
}

static void set_lease(struct fixture *f, bool over)
{
	uint64_t now_s = weir_monotonic_ns() / S;

	__atomic_store_n(&probe_ctl(f->probe)->lease_until_s, over ? now_s - 2 : now_s + 3600, __ATOMIC_RELEASE);
}

static void denied_until_over(struct test_state *test_st, struct fixture *f, const char *what, uint16_t port)
{
	set_lease(f, false);
	CHECK(passed(f, port, 3) == 0, "%s: %d pass under the lease", what, passed(f, port, 3));
	set_lease(f, true);
	CHECK(passed(f, port, 3) == 3, "%s: the flow that was denied is still denied", what);
	CHECK(passed(f, port + 1, 3) == 3, "%s: a new flow is denied", what);
	set_lease(f, false);
	CHECK(passed(f, port, 3) == 0, "%s: after a renewal the old flow is not denied", what);
	CHECK(passed(f, port + 1, 3) == 0, "%s: after a renewal a flow that began without is not denied", what);
	probe_ctl(f->probe)->lease_until_s = 0;
	CHECK(passed(f, port, 3) == 0, "%s: 0 is not \"never ends\"", what);
}

TEST(verdicts_end_with_the_lease_and_come_back)
{
	struct fixture f = {0};
	struct weir_err err = {{0}};

	CHECK(!fixture_open(&f, &err), "%s", err.text);
	if (f.probe) {
		probe_set_mode(f.probe, WEIR_MODE_ENFORCE);
		probe_ctl(f.probe)->default_deny = 1;
		denied_until_over(test_st, &f, "fail-closed", 1000);
		CHECK(!bundle_fixture_rules(&f, "  egress: [{action: deny}]", &err), "%s", err.text);
		denied_until_over(test_st, &f, "denied by a rule", 2000);
	}
	fixture_close(&f);
}

TEST(limits_end_with_the_lease)
{
	static const char limited[] =
		"  egress: [{action: accept, limit: {rate: 8kbit, burst: 1500B, mode: police, per: node}}]";
	struct fixture f = {0};
	struct weir_err err = {{0}};

	CHECK(!fixture_open(&f, &err), "%s", err.text);
	if (f.probe) {
		probe_set_mode(f.probe, WEIR_MODE_ENFORCE);
		CHECK(!bundle_fixture_rules(&f, limited, &err), "%s", err.text);
		set_lease(&f, false);
		CHECK(passed(&f, 3000, 200) < 100, "%d of 200 pass", passed(&f, 3000, 200));
		set_lease(&f, true);
		CHECK(passed(&f, 3000, 200) == 200, "the limit outlives the lease");
		set_lease(&f, false);
		CHECK(passed(&f, 3000, 200) < 100, "the limit does not come back");
	}
	fixture_close(&f);
}

TEST_MAIN(T(a_renewal_says_for_how_long_it_was_over), T(in_observe_nothing_can_end),
	  T_ROOT(verdicts_end_with_the_lease_and_come_back), T_ROOT(limits_end_with_the_lease))
