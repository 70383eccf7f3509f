/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces that come, go, change their name or take another's index: which are followed, what stays. */
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <sched.h>

#include "tests/lib/probe_fixture.h"

struct story {
	char text[256]; /* "+name" joined, "-name" left, in order */
	uint32_t last_index;
};

static void tell(bool joined, uint32_t ifindex, const char *name, void *arg)
{
	struct story *s = arg;
	size_t used = strlen(s->text);

	snprintf(s->text + used, sizeof(s->text) - used, "%c%s ", joined ? '+' : '-', name);
	s->last_index = ifindex;
}

static bool sh(const char *command)
{
	return system(command) == 0;
}

/* Three datagrams. */
static void send_some(const char *to)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(9)};
	weir_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, to, &addr.sin_addr);
	for (int i = 0; i < 3; i++)
		(void)!sendto(fd, "weir", 4, 0, (struct sockaddr *)&addr, sizeof(addr));
}

static bool pinned(const struct fixture *f, const char *link)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/links/%s", f->pins, link);
	return !access(path, F_OK);
}

/* News as the agent gets them. */
static void news(struct fixture *f, uint32_t ifindex, const char *name, bool gone, struct weir_err *err)
{
	struct iface_news n = {.ifindex = ifindex, .gone = gone};

	snprintf(n.name, sizeof(n.name), "%s", name);
	(void)probe_interface(f->probe, &n, err);
}

static uint64_t seen(struct fixture *f)
{
	return fixture_term(f, FIXTURE_ANY, FIXTURE_ANY, WEIR_T_INTERFACE).packets;
}

static int scene(struct fixture *f, uint32_t hooks, const char *const *interfaces, struct weir_err *err)
{
	static const char *const local[] = {"weirl*", NULL};
	int r;

	if (unshare(CLONE_NEWNET) || !sh("ip link set lo up"))
		return weir_err_set(err, -errno, "no network namespace of its own");
	f->hooks = hooks;
	f->local = local;
	r = fixture_place(f, err);
	return r ? r : fixture_probe(f, interfaces, &f->probe, err);
}

static const char *const ours[] = {"weirx*", "weirl*", NULL};

TEST(comes_and_goes)
{
	struct fixture f = {0};
	struct weir_err err = {{0}};
	struct story s = {{0}, 0};

	CHECK(!scene(&f, 0, ours, &err), "%s", err.text);
	if (f.probe) {
		probe_follow(f.probe, tell, &s);
		CHECK(sh("ip link add weirx0 index 70 type veth peer name other0 index 71"), "no veth");
		news(&f, 71, "other0", false, &err);
		CHECK(!pinned(&f, "tc71in") && !*s.text, "another name is followed");
		news(&f, 70, "weirx0", false, &err);
		news(&f, 70, "weirx0", false, &err);
		CHECK(!strcmp(s.text, "+weirx0 "), "told: %s", s.text);
		CHECK(pinned(&f, "tc70in") && pinned(&f, "tc70out"), "not attached");
		CHECK(!strcmp(probe_ifname(f.probe, 70), "weirx0"), "no name");
		CHECK(sh("ip link del weirx0"), "no veth");
		news(&f, 70, "weirx0", true, &err);
		CHECK(!pinned(&f, "tc70in") && !pinned(&f, "tc70out"), "pins of a vanished interface");
		CHECK(!strcmp(probe_ifname(f.probe, 70), "weirx0"), "its last counts have no name");
		CHECK(!strcmp(s.text, "+weirx0 "), "it left before its last counts were spooled");
		probe_forget_gone(f.probe);
		CHECK(!strcmp(s.text, "+weirx0 -weirx0 "), "told: %s", s.text);
		CHECK(!*probe_ifname(f.probe, 70), "it still has a name");
	}
	CHECK(!*err.text, "%s", err.text);
	fixture_close(&f);
}

TEST(an_index_or_a_name_that_is_used_again_inherits_nothing)
{
	struct fixture f = {0};
	struct weir_err err = {{0}};
	struct story s = {{0}, 0};

	CHECK(!scene(&f, 0, ours, &err), "%s", err.text);
	if (f.probe) {
		probe_follow(f.probe, tell, &s);
		CHECK(sh("ip link add weirx0 index 70 type veth peer name other0 index 71 &&"
			 "ip link set weirx0 up && ip link set other0 up && ip addr add 192.0.2.1/24 dev weirx0 &&"
			 "ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:01 dev weirx0 nud permanent"),
		      "no veth");
		news(&f, 70, "weirx0", false, &err);
		send_some("192.0.2.2");
		CHECK(seen(&f) >= 3, "%lu packets seen", (unsigned long)seen(&f));
		/* The other end takes the index, and no news of the first one's end came yet. */
		CHECK(sh("ip link del weirx0 && ip link add weirx1 index 70 type veth peer name other1 index 71"),
		      "no veth");
		news(&f, 70, "weirx1", false, &err);
		CHECK(!strcmp(s.text, "+weirx0 -weirx0 +weirx1 "), "told: %s", s.text);
		CHECK(seen(&f) == 0, "counts of the old one under the new one's name");
		CHECK(pinned(&f, "tc70in"), "the new one is not attached");
		/* The name comes back with another index before the old one's counts were spooled. */
		CHECK(sh("ip link del weirx1 && ip link add weirx1 index 80 type veth peer name other1 index 81"),
		      "no veth");
		news(&f, 70, "weirx1", true, &err);
		news(&f, 80, "weirx1", false, &err);
		CHECK(!strcmp(s.text, "+weirx0 -weirx0 +weirx1 -weirx1 +weirx1 "), "told: %s", s.text);
		CHECK(s.last_index == 80 && !*probe_ifname(f.probe, 70), "the old index still has its name");
		/* A new name is a new interface. */
		CHECK(sh("ip link set weirx1 name weirx9"), "rename");
		news(&f, 80, "weirx9", false, &err);
		CHECK(strstr(s.text, "-weirx1 +weirx9 "), "told: %s", s.text);
		CHECK(sh("ip link set weirx9 name plain"), "rename");
		news(&f, 80, "plain", false, &err);
		CHECK(strstr(s.text, "-weirx9 ") && !pinned(&f, "tc80in"), "an unwanted name is followed");
	}
	CHECK(!*err.text, "%s", err.text);
	fixture_close(&f);
}

/* What happened while no agent ran. */
TEST(the_next_agent_adopts_what_is_still_the_same)
{
	struct fixture f = {0};
	struct weir_err err = {{0}};
	struct story s = {{0}, 0};

	CHECK(!scene(&f, 0, ours, &err), "%s", err.text);
	CHECK(sh("ip link add weirx0 index 70 type veth peer name weirx1 index 71 &&"
		 "ip link add weirx2 index 72 type veth peer name weirx3 index 73"), "no veth");
	if (f.probe) {
		CHECK(!probe_interfaces(f.probe, &err), "%s", err.text);
		CHECK(pinned(&f, "tc70in") && pinned(&f, "tc73in"), "not attached");
		probe_close(f.probe);
		f.probe = NULL;
		/* 72 and 73 vanish; 73 comes back under the same name. */
		CHECK(sh("ip link del weirx2 && ip link add weirx3 index 73 type veth peer name other3 index 74"),
		      "no veth");
		CHECK(!fixture_probe(&f, ours, &f.probe, &err), "%s", err.text);
	}
	if (f.probe) {
		probe_follow(f.probe, tell, &s);
		CHECK(!strcmp(s.text, "+weirx3 "), "joined: %s, want the one that was made anew alone", s.text);
		CHECK(!pinned(&f, "tc72in"), "a pin of an interface that vanished");
		CHECK(pinned(&f, "tc70in") && pinned(&f, "tc73in"), "not attached");
	}
	CHECK(!*err.text, "%s", err.text);
	fixture_close(&f);
}

TEST(hooks_are_turned_on_and_off)
{
	struct fixture f = {0};
	struct weir_err err = {{0}};

	CHECK(!scene(&f, PROBE_CGROUP | PROBE_OBSERVER | PROBE_GATEWAY | PROBE_XDP, ours, &err), "%s", err.text);
	CHECK(sh("ip link add weirx0 index 70 type veth peer name weirl1 index 71 &&"
		 "ip link add weirx2 index 72 type bridge"), "no interfaces");
	if (f.probe) {
		CHECK(!probe_interfaces(f.probe, &err), "%s", err.text);
		CHECK(strstr(probe_hooks(f.probe), "gateway") && strstr(probe_hooks(f.probe), "xdp xdp-generic"),
		      "hooks: %s", probe_hooks(f.probe));
		CHECK(pinned(&f, "tc70in") && pinned(&f, "tc70out") && pinned(&f, "xdp70") &&
		      pinned(&f, "xdp72") && pinned(&f, "egress"), "not attached");
		CHECK(sh("ip -d link show weirx0 | grep -q 'xdp[^g]' && ip -d link show weirx2 | grep -q xdpgeneric"),
		      "XDP is not in the driver of the one and in the generic path of the other");
		CHECK(f.probe->ifs[70].flags == (WEIR_IF_OBSERVED | WEIR_IF_LEG), "flags %u", f.probe->ifs[70].flags);
		CHECK(f.probe->ifs[71].flags == WEIR_IF_OBSERVED, "a local interface is a leg");
		probe_close(f.probe);
		f.probe = NULL;
		f.hooks = PROBE_GATEWAY;
		CHECK(!fixture_probe(&f, ours, &f.probe, &err), "%s", err.text);
	}
	if (f.probe) {
		CHECK(!pinned(&f, "tc70in") && pinned(&f, "tc70out"), "observer off, gateway on");
		CHECK(!pinned(&f, "xdp70") && !sh("ip -d link show weirx0 | grep -q xdp"), "xdp is still there");
		CHECK(!pinned(&f, "egress") && !pinned(&f, "sockops") && !pinned(&f, "kfree_skb"),
		      "cgroup hooks are still there");
		CHECK(!strcmp(probe_hooks(f.probe), "gateway"), "hooks: %s", probe_hooks(f.probe));
	}
	CHECK(!*err.text, "%s", err.text);
	fixture_close(&f);
}

TEST_MAIN(T_ROOT(comes_and_goes), T_ROOT(an_index_or_a_name_that_is_used_again_inherits_nothing),
	  T_ROOT(the_next_agent_adopts_what_is_still_the_same), T_ROOT(hooks_are_turned_on_and_off))
