/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/server.h"

#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/bench/world.h"

static int bound(int type, uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) || (type == SOCK_STREAM && listen(fd, 1024))) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

/* Everything it opens ends with the process. */
static int serve(int ctl, const char *cgroup, uint16_t port)
{
	struct rlimit files;
	struct pollfd p[2] = {{.fd = ctl, .events = POLLIN}, {.events = POLLIN}};
	int r = world_enter(cgroup);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (!r && (r = bound(SOCK_DGRAM, port)) >= 0)
		r = p[1].fd = bound(SOCK_STREAM, port);
	if (r < 0 || write(ctl, "r", 1) != 1)
		return 1;
	while (poll(p, 2, -1) > 0 && !p[0].revents)
		if (p[1].revents)
			accept4(p[1].fd, NULL, NULL, SOCK_CLOEXEC);
	return 0;
}

int server_open(struct server *s, const char *cgroup, uint16_t port)
{
	int fds[2];
	char ready;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	s->pid = fork();
	if (!s->pid) {
		close(fds[0]);
		_exit(serve(fds[1], cgroup, port));
	}
	close(fds[1]);
	s->fd = fds[0];
	return s->pid > 0 && read(s->fd, &ready, 1) == 1 ? 0 : -ECHILD;
}

void server_close(struct server *s)
{
	if (s->fd >= 0)
		close(s->fd);
	if (s->pid > 0)
		waitpid(s->pid, NULL, 0);
	*s = (struct server){.fd = -1};
}
