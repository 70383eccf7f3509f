/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shipped agent as a process, with the default window of 2 s, while 100,000 flows are active in each
 * window: its CPU time and its memory. The last summary must hold exactly the packets that were sent.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/spool.h"
#include "lib/base/clock.h"
#include "lib/os/file.h"
#include "lib/wire/msg.h"
#include "tests/bench/server.h"
#include "tests/bench/shell.h"
#include "tests/bench/world.h"

#define FLOWS 100000u
#define PORT 443
#define BATCH 500u
#define WINDOW_NS (2 * WEIR_NS_PER_S)
#define WARM 3	   /* windows until every flow has its row and the heap its size */
#define MEASURED 5 /* windows */

struct agent {
	pid_t pid;
	char dir[64];
	char *cgroup, *pins, *home;
	uint64_t sent;
	int sock;
};

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

static int write_config(const struct agent *a)
{
	weir_auto_free char *path = weir_strf("%s/agent.yaml", a->dir);
	weir_auto_fclose FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		return -errno;
	fprintf(f,
		"node: {name: bench}\nagent: {state_dir: %s/state}\n"
		"bpf: {cgroup_root: %s, pin_dir: %s, interfaces: [lo], flow_rows: 262144}\n",
		a->dir, a->cgroup, a->pins);
	return 0;
}

/* The agent beside this program: build/bench/bench -> build/weir-agent. */
static int agent_path(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 32);

	for (int up = 0; n > 0 && up < 2; n--)
		up += path[n - 1] == '/';
	if (n <= 0)
		return -ENOENT;
	strcpy(path + n, "/weir-agent");
	return access(path, X_OK) ? -errno : 0;
}

static int spawn(struct agent *a, struct weir_err *err)
{
	char path[512], config[128], log[128];
	int r = agent_path(path, sizeof(path));
	cpu_set_t any;
	int fd;

	if (r)
		return weir_err_set(err, r, "%s: %s", path, strerror(-r));
	snprintf(config, sizeof(config), "%s/agent.yaml", a->dir);
	snprintf(log, sizeof(log), "%s/log", a->dir);
	a->pid = fork();
	if (a->pid)
		return a->pid < 0 ? -errno : 0;
	memset(&any, 0xff, sizeof(any));
	sched_setaffinity(0, sizeof(any), &any);
	fd = open(log, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(1);
	execl(path, path, "-c", config, NULL);
	_exit(1);
}

static int wait_for(const char *path, pid_t pid)
{
	for (int i = 0; i < 500; i++) {
		if (!access(path, F_OK))
			return 0;
		if (waitpid(pid, NULL, WNOHANG))
			return -ECHILD;
		usleep(20000);
	}
	return -ETIMEDOUT;
}

static int agent_open(struct agent *a, struct weir_err *err)
{
	weir_auto_free char *mount = NULL, *spool = NULL;
	int r = weir_cgroup2_mount(&mount);

	*a = (struct agent){.sock = -1, .dir = "/tmp/weir-bench-XXXXXX"};
	if (r || !mkdtemp(a->dir))
		return r ? r : -errno;
	a->cgroup = weir_strf("%s/weir-bench-%d", mount, getpid());
	a->pins = weir_strf("/sys/fs/bpf/weir-bench-%d", getpid());
	spool = weir_strf("%s/state/spool", a->dir); /* made after all hooks are attached */
	if (!a->cgroup || !a->pins || !spool || (r = world_own_cgroup(&a->home)))
		return r ? r : -ENOMEM;
	if (mkdir(a->cgroup, 0755) && errno != EEXIST)
		return -errno;
	if ((r = write_config(a)) || (r = spawn(a, err)))
		return r;
	if ((r = wait_for(spool, a->pid)))
		return weir_err_set(err, r, "the agent did not start, see %s/log", a->dir);
	if ((r = world_enter(a->cgroup)))
		return r;
	a->sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return a->sock < 0 ? -errno : 0;
}

static int agent_stop(struct agent *a)
{
	int status = 0;

	if (a->pid <= 0)
		return 0;
	kill(a->pid, SIGTERM);
	waitpid(a->pid, &status, 0);
	a->pid = 0;
	return status ? -ECHILD : 0;
}

static void agent_close(struct agent *a)
{
	struct weir_err err = {{0}};

	agent_stop(a);
	if (a->sock >= 0)
		close(a->sock);
	if (a->home)
		world_enter(a->home);
	if (a->pins)
		probe_detach(a->pins, &err);
	if (a->cgroup)
		rmdir(a->cgroup);
	shell(NULL, "rm -rf %s", a->dir);
	free(a->cgroup);
	free(a->pins);
	free(a->home);
}

/* One datagram on each flow, spread over a window. */
static int one_window(struct agent *a)
{
	struct sockaddr_in to[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iov = {.iov_base = "x", .iov_len = 1};
	uint64_t began = weir_monotonic_ns();

	for (uint32_t i = 0; i < FLOWS; i += BATCH) {
		uint64_t due = began + WINDOW_NS / FLOWS * i;
		struct timespec at = {.tv_sec = (time_t)(due / WEIR_NS_PER_S), .tv_nsec = (long)(due % WEIR_NS_PER_S)};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		for (uint32_t k = 0; k < BATCH; k++) {
			/* Neighbours in time are not neighbours in the address. */
			uint32_t flow = (uint32_t)((uint64_t)(i + k) * 48271 % FLOWS);

			to[k] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT),
						     .sin_addr.s_addr = htonl(0x7f010000 + flow)};
			msgs[k] = (struct mmsghdr){.msg_hdr = {.msg_name = &to[k], .msg_namelen = sizeof(to[k]),
							       .msg_iov = &iov, .msg_iovlen = 1}};
		}
		if (sendmmsg(a->sock, msgs, BATCH, 0) != (int)BATCH)
			return -errno;
	}
	a->sent += FLOWS;
	return 0;
}

uint64_t bench_process_ns(int pid)
{
	weir_auto_free char *path = weir_strf("/proc/%d/task", pid);
	DIR *d = path ? opendir(path) : NULL;
	uint64_t sum = 0, ns;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		weir_auto_free char *stat = weir_strf("%s/%s/schedstat", path, e->d_name);
		weir_auto_fclose FILE *f = stat && e->d_name[0] != '.' ? fopen(stat, "re") : NULL;

		if (f && fscanf(f, "%" SCNu64, &ns) == 1)
			sum += ns;
	}
	if (d)
		closedir(d);
	return sum;
}

/* Resident kilobytes of every mapping but BPF maps. */
static uint64_t resident_kb(pid_t pid)
{
	weir_auto_free char *path = weir_strf("/proc/%d/smaps", pid);
	weir_auto_fclose FILE *f = path ? fopen(path, "re") : NULL;
	uint64_t sum = 0, kb;
	char line[512];
	bool map = false;

	while (f && fgets(line, sizeof(line), f)) {
		if (strchr("0123456789abcdef", line[0]))
			map = strstr(line, "bpf-map") != NULL;
		else if (!map && sscanf(line, "Rss: %" SCNu64, &kb) == 1)
			sum += kb;
	}
	return sum;
}

static int check_last(const struct agent *a, struct weir_err *err)
{
	weir_auto_free char *dir = weir_strf("%s/state/spool", a->dir);
	const struct spool_conf conf = {.dir = dir, .max = 256 << 20, .segment = 4 << 20};
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	weir_auto_buf struct weir_buf b = {0};
	struct weir_err note = {{0}};
	struct spool *spool = NULL;
	int r = spool_open(&conf, &spool, &note, err);

	if (!r)
		r = spool_read_last(spool, &b);
	spool_free(spool);
	if (!r)
		r = weir_summary_unpack(b.data, b.len, &m, err);
	if (r)
		return weir_err_set(err, r, "the agent's last summary: %s", strerror(-r));
	if (m->summary.total_packets[WEIR_EGRESS] != a->sent || m->summary.flow_rows_used < FLOWS / 100 * 99)
		return weir_err_set(err, -EPROTO, "%" PRIu64 " packets sent, %" PRIu64 " in the last summary, %u rows",
				    a->sent, m->summary.total_packets[WEIR_EGRESS], m->summary.flow_rows_used);
	return 0;
}

static int run(struct agent *a, double *ret_percent, double *ret_mb, struct weir_err *err)
{
	uint64_t cpu, wall, kb = 0;
	int r = agent_open(a, err);

	for (int i = 0; !r && i < WARM; i++)
		r = one_window(a);
	if (r)
		return r;
	cpu = bench_process_ns(a->pid);
	wall = weir_monotonic_ns();
	for (int i = 0; !r && i < MEASURED; i++) {
		uint64_t now;

		r = one_window(a);
		now = resident_kb(a->pid);
		kb = WEIR_MAX(kb, now);
	}
	*ret_percent = (double)(bench_process_ns(a->pid) - cpu) / (double)(weir_monotonic_ns() - wall) * 100;
	*ret_mb = (double)kb / 1024;
	if (!r)
		usleep(WINDOW_NS / 1000 * 3 / 2); /* what was sent last is in the record that ends next */
	if (!r && (r = agent_stop(a)))
		weir_err_set(err, r, "the agent ended badly, see %s/log", a->dir);
	return r ? r : check_last(a, err);
}

/* Both figures come from one run; whichever is asked for first makes it. */
static int measure(struct bench *b, double *ret_percent, double *ret_mb)
{
	static double percent, mb;
	static bool done;
	weir_cleanup(server_close) struct server server = {.fd = -1};
	struct agent a = {.sock = -1};
	int r = 0;

	world_close(&b->world);
	if (!done) {
		weir_auto_free char *home = NULL;

		r = world_own_cgroup(&home);
		if (!r)
			r = server_open(&server, home, PORT);
		if (!r)
			r = run(&a, &percent, &mb, &b->err);
		agent_close(&a);
	}
	done = !r;
	*ret_percent = percent;
	*ret_mb = mb;
	return r;
}

int bench_agent_cpu(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	double mb;

	(void)c;
	*ret = (struct bench_result){.baseline = NAN};
	return measure(b, &ret->value, &mb);
}

int bench_agent_rss(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	double percent;

	(void)c;
	*ret = (struct bench_result){.baseline = NAN};
	return measure(b, &percent, &ret->value);
}
