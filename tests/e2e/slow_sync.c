/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded: a disk that takes SLOW_SYNC_MS to make anything durable, and says so once on standard error. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int slow(const char *name, int fd)
{
	static int said;
	const char *ms = getenv("SLOW_SYNC_MS");
	int (*sync_fd)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

	if (!said++)
		fprintf(stderr, "slow_sync: %s ms\n", ms ? ms : "0");
	usleep((useconds_t)(ms ? atoi(ms) : 0) * 1000);
	return sync_fd ? sync_fd(fd) : -1;
}

int fsync(int fd)
{
	return slow("fsync", fd);
}

int fdatasync(int fd)
{
	return slow("fdatasync", fd);
}
