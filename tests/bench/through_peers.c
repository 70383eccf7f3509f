/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fnmatch.h>
#include <signal.h>

#include <bpf/bpf.h>

#include "tests/bench/peers.h"
#include "tests/bench/shell.h"
#include "tests/bench/through.h"
#include "tests/bench/world.h"

static int begin_nothing(struct bench *b, const struct through_peer *p)
{
	(void)b, (void)p;
	return 0;
}

static void end_nothing(struct bench *b)
{
	(void)b;
}

static bool matches(const char *name, const char *patterns)
{
	weir_auto_free char *all = strdup(patterns);
	char *save = NULL;

	for (char *t = all ? strtok_r(all, " ", &save) : NULL; t; t = strtok_r(NULL, " ", &save))
		if (!fnmatch(t, name, 0))
			return true;
	return false;
}

/* A hook's program is exchanged for an empty one, or taken off where no empty one fits. */
static void blank(const char *links, const char *name, const struct peers *p)
{
	weir_auto_free char *path = weir_strf("%s/%s", links, name);
	weir_auto_close int link = path ? bpf_obj_get(path) : -1;
	enum peer_prog prog = !strcmp(name, "egress") ? PEER_CG_EMPTY : !strcmp(name, "ingress") ? PEER_CG_IN :
							!strncmp(name, "tc", 2) ? PEER_TC_EMPTY : PEER_PROGS;

	if (link >= 0 && (!p || prog == PEER_PROGS || bpf_link_update(link, p->fd[prog], NULL)))
		unlink(path);
}

/* p->arg: patterns of links that are taken off; with a leading "=" they get empty programs. */
static int begin_weir(struct bench *b, const struct through_peer *p)
{
	weir_cleanup(peers_close) struct peers empty = {.skel = NULL};
	weir_auto_free char *links = NULL;
	bool blanked = p->arg && *p->arg == '=';
	int r = world_get(b, 65536);
	struct dirent *e;
	DIR *d;

	if (r || !p->arg)
		return r;
	if (blanked && (r = peers_open(&empty, 1, &b->err)))
		return r;
	links = weir_strf("%s/links", b->world->pins);
	if (!links || !(d = opendir(links)))
		return -errno;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && matches(e->d_name, p->arg + blanked))
			blank(links, e->d_name, blanked ? &empty : NULL);
	closedir(d);
	b->world->uncounted = true;
	usleep(100000); /* the kernel ends links on its own time */
	return 0;
}

static void end_weir(struct bench *b)
{
	world_close(&b->world);
}

/* The world's policy as nft rules, and a counter for each flow. */
static int begin_nft(struct bench *b, const struct through_peer *p)
{
	(void)p;
	return shell(&b->err,
		     "nft -f - <<'EOF'\n"
		     "table ip bench {\n"
		     " set denied { type ipv4_addr; flags interval; elements = { 203.0.113.0/24, 192.0.2.0/24 } }\n"
		     " set clients { type ipv4_addr; flags interval; elements = { 198.18.0.0/15, 10.64.0.0/10 } }\n"
		     " set flows { type ipv4_addr . inet_service . ipv4_addr . inet_service; size 65536; "
		     "flags dynamic; counter; }\n"
		     " chain account { meta l4proto { tcp, udp } add @flows { ip saddr . th sport . ip daddr . th dport }; }\n"
		     " chain out { type filter hook output priority 0; policy accept; jump account\n"
		     "  ip daddr @denied counter drop\n"
		     "  ip daddr @clients meta l4proto { tcp, udp } th dport 443 counter accept\n"
		     "  ip daddr 198.51.100.0/24 tcp dport 8443 limit rate over 25000000 bytes/second drop\n"
		     "  udp dport 5001 limit rate over 1250000 bytes/second burst 262144 bytes drop\n }\n"
		     " chain in { type filter hook input priority 0; policy accept; jump account\n"
		     "  ip saddr @denied counter drop\n"
		     "  udp dport 5002 limit rate over 1250000 bytes/second burst 262144 bytes drop\n }\n"
		     "}\nEOF");
}

static void end_nft(struct bench *b)
{
	(void)b;
	shell(NULL, "nft delete table ip bench");
}

static pid_t softflowd_pid;
static uint64_t softflowd_ns, softflowd_packets, began_at;

static int begin_softflowd(struct bench *b, const struct through_peer *p)
{
	weir_auto_fclose FILE *f = NULL;
	int r = shell(&b->err, "command -v softflowd && softflowd -i bench0 -n 127.0.0.1:2055 -m 65536 "
			       "-p /tmp/weir-bench-%d.pid -c /tmp/weir-bench-%d.ctl", getpid(), getpid());
	weir_auto_free char *path = weir_strf("/tmp/weir-bench-%d.pid", getpid());

	(void)p;
	began_at = b->sent;
	for (int i = 0; !r && path && i < 100 && !(f = fopen(path, "re")); i++)
		usleep(20000);
	if (!r && (!f || fscanf(f, "%d", &softflowd_pid) != 1))
		r = weir_err_set(&b->err, -ENOENT, "softflowd wrote no process id");
	return r;
}

static void end_softflowd(struct bench *b)
{
	if (!softflowd_pid)
		return;
	softflowd_ns += bench_process_ns(softflowd_pid);
	softflowd_packets += b->sent - began_at;
	kill(softflowd_pid, SIGKILL);
	softflowd_pid = 0;
	shell(NULL, "rm -f /tmp/weir-bench-%d.pid /tmp/weir-bench-%d.ctl", getpid(), getpid());
	if (softflowd_packets)
		printf("# softflowd's own process: %.0f ns a datagram\n", (double)softflowd_ns / (double)softflowd_packets);
}

struct through_peer through_peers[THROUGH_PEERS] = {
	[THROUGH_NOTHING] = {.name = "nothing", .begin = begin_nothing, .end = end_nothing},
	[THROUGH_WEIR] = {.name = "weir", .begin = begin_weir, .end = end_weir},
	[THROUGH_NFT] = {.name = "nft", .begin = begin_nft, .end = end_nft, .optional = true},
	[THROUGH_SOFTFLOWD] = {.name = "softflowd", .begin = begin_softflowd, .end = end_softflowd,
			       .optional = true},
};

#define TRACING "kfree_skb reset_in reset_out set_state retransmit"
struct through_peer through_steps[] = {
	{.name = "nothing", .begin = begin_nothing, .end = end_nothing},
	{.name = "weir", .begin = begin_weir, .end = end_weir},
	{.name = "without the observer", .begin = begin_weir, .end = end_weir, .arg = "tc*"},
	{.name = "without cgroup_skb", .begin = begin_weir, .end = end_weir, .arg = "ingress egress"},
	{.name = "without sockops", .begin = begin_weir, .end = end_weir, .arg = "sockops"},
	{.name = "without tracing", .begin = begin_weir, .end = end_weir, .arg = TRACING},
	{.name = "empty programs", .begin = begin_weir, .end = end_weir, .arg = "=*"},
	{.name = "no link at all", .begin = begin_weir, .end = end_weir, .arg = "*"},
};
const size_t through_step_count = WEIR_ARRAY_SIZE(through_steps);
