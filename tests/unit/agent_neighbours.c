/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A good neighbour: programs of others at the same hooks (tests/bpf/neighbours.bpf.c) decide the same
 * about the same packets, in the same order, before weir is attached, under it, through an upgrade, the
 * death of its agent and its return, and after its removal. Own cgroup, own network namespace.
 */
#include "neighbours.skel.h"
#include "tests/lib/neighbour_stages.h"

static uint64_t lo_counted(struct hood *h, enum weir_term term)
{
	return fixture_term(&h->f, if_nametoindex("lo"), WEIR_INGRESS, term).packets;
}

static uint64_t lo_received(void)
{
	unsigned long packets = 0;
	char line[256];
	FILE *f = fopen("/proc/thread-self/net/dev", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, " lo: %*u %lu", &packets);
	if (f)
		fclose(f);
	return packets;
}

/* Whatever others end, take away or drop behind it, the observer counts what the device does, and a packet
 * that they drop has a name. */
static void sees_the_wire(struct test_state *test_st, struct hood *h)
{
	uint64_t packets = lo_received(), seen = lo_counted(h, WEIR_T_INTERFACE);
	uint64_t dropped = lo_counted(h, WEIR_T_DROPPED_IN);
	struct outcome got;

	hood_run(h, &got);
	seen = lo_counted(h, WEIR_T_INTERFACE) - seen;
	dropped = lo_counted(h, WEIR_T_DROPPED_IN) - dropped;
	packets = lo_received() - packets;
	CHECK(packets >= NB_PORTS, "only %lu packets", (unsigned long)packets);
	CHECK(seen == packets, "the device received %lu, the observer saw %lu", (unsigned long)packets,
	      (unsigned long)seen);
	if (strstr(probe_hooks(h->f.probe), "kfree_skb"))
		CHECK(dropped == 1, "%lu named as dropped", (unsigned long)dropped);
}

/* Everything is denied by us; others accept what they accept. After the removal only theirs counts. */
static void under_denial(struct test_state *test_st, const struct scene *s)
{
	struct outcome want, got;
	struct hood h = {0};
	struct order order;

	if (!hood_enter(test_st, &h))
		return;
	if (hood_baseline(test_st, &h, s, &want, &order) && hood_start(test_st, &h, s)) {
		probe_ctl(h.f.probe)->default_deny = 1;
		probe_set_mode(h.f.probe, WEIR_MODE_ENFORCE);
		hood_run(&h, &got);
		for (size_t i = 0; i < NB_PORTS; i++)
			CHECK(!got.delivered[i], "port %zu delivered under our denial", NB_FIRST_PORT + i);
		CHECK(!got.tcp, "a connection came about under our denial");
		hood_detach(test_st, &h);
		hood_same(test_st, &h, "detached", false, &want, &order);
	}
	hood_close(&h);
}

static uint64_t counted(struct probe *p, uint16_t port)
{
	uint64_t packets = 0;
	const struct rows rows = probe_rows(p);

	for (size_t i = 0; i < rows.count; i++) {
		const struct weir_row *r = rows_at(&rows, i);

		if (r->proto == IPPROTO_UDP && (r->lport_be == htons(port) || r->rport_be == htons(port)))
			packets += r->packets;
	}
	return packets;
}

static pid_t upgrade_again_and_again(struct hood *h, int n)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	for (int i = 0; i < n; i++) {
		struct weir_err err = {{0}};
		struct probe *p = NULL;

		if (fixture_probe(&h->f, hood_interfaces(), &p, &err))
			_exit(1);
		probe_close(p);
	}
	_exit(0);
}

static void upgrades_under_traffic(struct test_state *test_st, const struct scene *s, int upgrades)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(NB_FREE), .sin_addr.s_addr = inet_addr("127.0.0.1")};
	weir_auto_close int fd = -1;
	uint64_t sent = 0, looks = 0, wrong = 0, lost = 0, before;
	int status = 0;
	struct outcome want;
	struct order order, now;
	struct hood h = {0};
	pid_t pid;

	if (!hood_enter(test_st, &h))
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (hood_baseline(test_st, &h, s, &want, &order) && hood_start(test_st, &h, s) &&
	    !connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		before = counted(h.f.probe, NB_FREE);
		pid = upgrade_again_and_again(&h, upgrades);
		while (!waitpid(pid, &status, WNOHANG)) {
			hood_readable(h.sentinel, 1); /* leave the machine to the other side */
			for (int i = 0; i < 50; i++, sent++)
				lost += send(fd, "x", 1, 0) != 1 || !hood_readable(h.receiver[0], 1000) ||
					hood_count(h.receiver[0]) != 1;
			hood_order(&h, &now);
			wrong += !hood_one_each(&now) || memcmp(now.ids, order.ids, sizeof(now.ids));
			looks++;
		}
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "an upgrade failed");
		CHECK(looks >= (uint64_t)upgrades && !wrong, "%lu of %lu looks found another state", (unsigned long)wrong,
		      (unsigned long)looks);
		CHECK(!lost, "%lu of %lu packets lost", (unsigned long)lost, (unsigned long)sent);
		CHECK(counted(h.f.probe, NB_FREE) - before == 2 * sent, "%lu packets sent, %lu counted out and in",
		      (unsigned long)sent, (unsigned long)(counted(h.f.probe, NB_FREE) - before));
		printf("# %lu packets, %lu looks\n", (unsigned long)sent, (unsigned long)looks);
	}
	hood_close(&h);
}

/* With a foreign program attached so, the agent refuses to start, in one sentence that names it. */
static void refused(struct test_state *test_st, uint32_t flags, bool below, const char *must_say)
{
	struct weir_err err = {{0}};
	struct outcome before, after;
	struct probe *p = NULL;
	struct hood h = {0};
	struct order now;
	int r;

	if (!hood_enter(test_st, &h))
		return;
	CHECK(!hood_attach_as(&h, h.nb->progs.nb_out_a, HOOD_ROOT, BPF_CGROUP_INET_EGRESS, flags));
	hood_run(&h, &before);
	if (below)
		snprintf(h.f.cgroup, sizeof(h.f.cgroup), "%s", h.leaf);
	r = fixture_probe(&h.f, hood_interfaces(), &p, &err);
	CHECK(r == -EBUSY, "%d: %s", r, err.text);
	CHECK(strstr(err.text, "nb_out_a") && strstr(err.text, must_say) && !strchr(err.text, '\n'), "%s", err.text);
	hood_order(&h, &now);
	CHECK(hood_none(&now), "half attached");
	hood_run(&h, &after);
	CHECK(!memcmp(&before, &after, sizeof(after)) && !after.delivered[NB_DENY_OUT_A - NB_FIRST_PORT] &&
	      after.delivered[0], "its verdicts changed");
	if (below)
		*strrchr(h.f.cgroup, '/') = '\0';
	hood_close(&h);
}

TEST(an_exclusive_program_is_named_and_left_alone)
{
	refused(test_st, 0, false, "for itself");
}

TEST(an_exclusive_program_above_is_named_and_left_alone)
{
	refused(test_st, 0, true, "for itself");
}

TEST(a_program_that_would_fall_silent_is_named)
{
	refused(test_st, BPF_F_ALLOW_OVERRIDE, true, "would silence it");
}

/* Two at our cgroup, one by a link and one by the older call, and one below, where our packets come from. */
static int at_cgroup(struct hood *h)
{
	return hood_attach(h, h->nb->progs.nb_out_a, HOOD_ROOT, BPF_CGROUP_INET_EGRESS) ||
	       hood_attach(h, h->nb->progs.nb_in, HOOD_ROOT, BPF_CGROUP_INET_INGRESS);
}

static int at_cgroup_later(struct hood *h)
{
	return hood_link(h, h->nb->progs.nb_out_b, HOOD_ROOT, BPF_CGROUP_INET_EGRESS) ||
	       hood_attach(h, h->nb->progs.nb_address_out, HOOD_LEAF, BPF_CGROUP_INET_EGRESS);
}

TEST(cgroup_programs_keep_verdict_and_order)
{
	static const struct opinion want[] = {
		{NB_FREE, true}, {NB_DENY_OUT_A, false}, {NB_DENY_OUT_B, false}, {NB_DENY_IN, false}, {0}};
	static const struct scene s = {at_cgroup, at_cgroup_later, want, NULL};

	hood_live_through(test_st, &s);
}

/* As systemd attaches IPAddressDeny=: egress and ingress of a unit's cgroup, BPF_F_ALLOW_MULTI. */
static int deny_address(struct hood *h)
{
	return hood_deny_address(h, "127.0.0.1") ||
	       hood_attach(h, h->nb->progs.nb_address_out, HOOD_LEAF, BPF_CGROUP_INET_EGRESS);
}

TEST(an_address_denied_by_systemd_stays_denied)
{
	static const struct opinion want[] = {{NB_FREE, false}, {NB_DENY_IN, false}, {0}};
	static const struct scene s = {deny_address, NULL, want, NULL};

	hood_live_through(test_st, &s);
}

static int connect_and_sockops(struct hood *h)
{
	return hood_attach(h, h->nb->progs.nb_connect4, HOOD_ROOT, BPF_CGROUP_INET4_CONNECT) ||
	       hood_attach(h, h->nb->progs.nb_sockops, HOOD_ROOT, BPF_CGROUP_SOCK_OPS);
}

TEST(connect4_rewrites_and_denies_and_sockops_is_called_back)
{
	static const struct opinion want[] = {{NB_FREE, true}, {NB_CONNECT_REWRITE, false}, {NB_CONNECT_TO, true},
					      {NB_CONNECT_DENY, false}, {0}};
	static const struct scene s = {connect_and_sockops, NULL, want, NULL};

	hood_live_through(test_st, &s);
}

TEST(connect4_and_sockops_that_come_later_too)
{
	static const struct opinion want[] = {{NB_CONNECT_TO, true}, {NB_CONNECT_DENY, false}, {0}};
	static const struct scene s = {NULL, connect_and_sockops, want, NULL};

	hood_live_through(test_st, &s);
}

static const struct opinion tc_in[] = {
	{NB_FREE, true}, {NB_TC_PASS, true}, {NB_TC_DROP, false}, {NB_TC_REDIRECT, false}, {0}};

static int tcx_in(struct hood *h)
{
	return hood_tcx(h, h->nb->progs.nb_tc_act, HOOD_TCX_INGRESS, 0);
}

static int tcx_in_witness(struct hood *h)
{
	return hood_tcx(h, h->nb->progs.nb_tc_witness, HOOD_TCX_INGRESS, 0);
}

static int tcx_in_first(struct hood *h)
{
	return hood_tcx(h, h->nb->progs.nb_tc_act, HOOD_TCX_INGRESS, HOOD_BEFORE);
}

static int tcx_out(struct hood *h)
{
	return hood_tcx(h, h->nb->progs.nb_tc_act, HOOD_TCX_EGRESS, 0) ||
	       hood_tcx(h, h->nb->progs.nb_tc_witness, HOOD_TCX_EGRESS, 0);
}

static int tcx_out_first(struct hood *h)
{
	return hood_tcx(h, h->nb->progs.nb_tc_act, HOOD_TCX_EGRESS, HOOD_BEFORE);
}

static int tcx_out_witness(struct hood *h)
{
	return hood_tcx(h, h->nb->progs.nb_tc_witness, HOOD_TCX_EGRESS, 0);
}

/* Theirs was there first, and ends packets: ours sees them all the same, as the device does. */
TEST(tcx_ingress_behind_ours_keeps_pass_next_drop_redirect)
{
	static const struct scene s = {tcx_in, tcx_in_witness, tc_in, sees_the_wire};

	hood_live_through(test_st, &s);
}

TEST(tcx_ingress_ahead_of_ours_keeps_pass_next_drop_redirect)
{
	static const struct scene s = {tcx_in_witness, tcx_in_first, tc_in, NULL};

	hood_live_through(test_st, &s);
}

TEST(tcx_egress_behind_ours_keeps_pass_next_drop_redirect)
{
	static const struct scene s = {tcx_out, NULL, tc_in, NULL};

	hood_live_through(test_st, &s);
}

TEST(tcx_egress_ahead_of_ours_keeps_pass_next_drop_redirect)
{
	static const struct scene s = {tcx_out_witness, tcx_out_first, tc_in, NULL};

	hood_live_through(test_st, &s);
}

static int clsact_both(struct hood *h)
{
	return hood_clsact(h, h->nb->progs.nb_tc_act, BPF_TC_INGRESS, 1) ||
	       hood_clsact(h, h->nb->progs.nb_tc_witness, BPF_TC_INGRESS, 2);
}

static int clsact_out(struct hood *h)
{
	return hood_clsact(h, h->nb->progs.nb_tc_act, BPF_TC_EGRESS, 1) ||
	       hood_clsact(h, h->nb->progs.nb_tc_witness, BPF_TC_EGRESS, 2);
}

TEST(clsact_filters_keep_their_verdicts)
{
	static const struct scene in = {clsact_both, NULL, tc_in, sees_the_wire};
	static const struct scene out = {NULL, clsact_out, tc_in, NULL};

	hood_live_through(test_st, &in);
	hood_live_through(test_st, &out);
}

static int nftables(struct hood *h)
{
	return hood_nft(h, "table ip nb { chain out { type filter hook output priority 0; policy accept; "
			   "udp dport 7010 drop; }; chain in { type filter hook input priority 0; policy accept; "
			   "udp dport 7011 drop; }; }");
}

TEST(nftables_rules_keep_their_verdicts)
{
	static const struct opinion want[] = {{NB_FREE, true}, {NB_NFT_DROP_OUT, false}, {NB_NFT_DROP_IN, false}, {0}};
	static const struct scene s = {nftables, NULL, want, NULL};

	if (system("nft --version >/dev/null 2>&1")) {
		SKIP("nft is not installed");
		return;
	}
	hood_live_through(test_st, &s);
}

TEST(their_accept_does_not_lift_our_denial)
{
	static const struct scene s = {at_cgroup, at_cgroup_later, NULL, NULL};

	under_denial(test_st, &s);
}

/* Upgrades under traffic: each look finds one program of ours, each packet is counted once. */
TEST(one_program_of_ours_per_hook_at_any_time)
{
	static const struct scene s = {at_cgroup, at_cgroup_later, NULL, NULL};

	upgrades_under_traffic(test_st, &s, getenv("WEIR_LONG") ? 100 : 4);
}

TEST_MAIN(T_ROOT(cgroup_programs_keep_verdict_and_order),
	  T_ROOT(an_address_denied_by_systemd_stays_denied),
	  T_ROOT(connect4_rewrites_and_denies_and_sockops_is_called_back),
	  T_ROOT(connect4_and_sockops_that_come_later_too),
	  T_ROOT(tcx_ingress_behind_ours_keeps_pass_next_drop_redirect),
	  T_ROOT(tcx_ingress_ahead_of_ours_keeps_pass_next_drop_redirect),
	  T_ROOT(tcx_egress_behind_ours_keeps_pass_next_drop_redirect),
	  T_ROOT(tcx_egress_ahead_of_ours_keeps_pass_next_drop_redirect),
	  T_ROOT(clsact_filters_keep_their_verdicts), T_ROOT(nftables_rules_keep_their_verdicts),
	  T_ROOT(their_accept_does_not_lift_our_denial),
	  T_ROOT(one_program_of_ours_per_hook_at_any_time),
	  T_ROOT(an_exclusive_program_is_named_and_left_alone),
	  T_ROOT(an_exclusive_program_above_is_named_and_left_alone),
	  T_ROOT(a_program_that_would_fall_silent_is_named))
