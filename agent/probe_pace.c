/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking pacing back. Sockets restore themselves at their next round trips when no limit holds them
 * any more; what must not wait for that is removal. The program that does it is pinned as a file:
 * reading the file restores every socket of the reader's network namespace.
 */
#include "agent/probe_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#define RELEASE "links/release"

int probe_attach_release(struct probe *p)
{
	weir_auto_free char *path = weir_strf("%s/" RELEASE, p->pin_dir);
	weir_auto_close int fd = -1;

	if (!path)
		return -ENOMEM;
	if (p->prog_fd[PROBE_RELEASE] < 0)
		return -ENOTSUP;
	unlink(path); /* of an earlier agent: the program is this one's */
	fd = bpf_link_create(p->prog_fd[PROBE_RELEASE], 0, BPF_TRACE_ITER, NULL);
	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

/* From here on no packet is evaluated and sockops only restores. Pins of another ABI are left alone. */
static int end_enforcement(const char *pin_dir)
{
	weir_auto_free char *path = weir_strf("%s/weir_ctl", pin_dir);
	weir_auto_close int fd = -1;
	struct weir_ctl ctl;
	uint32_t zero = 0;

	if (!path)
		return -ENOMEM;
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_map_lookup_elem(fd, &zero, &ctl))
		return -errno;
	if (ctl.abi_version != WEIR_ABI_VERSION)
		return -EPROTO;
	ctl.mode = WEIR_MODE_OBSERVE;
	ctl.active = WEIR_A_MAKE(WEIR_A_GEN(ctl.active) + 1, 0);
	return bpf_map_update_elem(fd, &zero, &ctl, BPF_ANY) ? -errno : 0;
}

static int release_here(const char *path)
{
	weir_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[256];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		;
	return n < 0 ? -errno : 0;
}

/* The network namespaces that processes live in, each once. */
struct spaces {
	ino_t *seen;
	size_t count;
};

static bool is_new(struct spaces *s, ino_t ino)
{
	ino_t *grown;

	for (size_t i = 0; i < s->count; i++)
		if (s->seen[i] == ino)
			return false;
	grown = reallocarray(s->seen, s->count + 1, sizeof(*grown));
	if (!grown)
		return true;
	s->seen = grown;
	s->seen[s->count++] = ino;
	return true;
}

static void release_in(const char *pid, struct spaces *s, const char *path)
{
	weir_auto_free char *ns = weir_strf("/proc/%s/ns/net", pid);
	weir_auto_close int fd = ns ? open(ns, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;

	/* What cannot be entered is left to the sockets' own round trips. */
	if (fd >= 0 && !fstat(fd, &st) && is_new(s, st.st_ino) && !setns(fd, CLONE_NEWNET))
		(void)release_here(path);
}

int probe_release_pacing(const char *pin_dir)
{
	weir_auto_free char *path = weir_strf("%s/" RELEASE, pin_dir);
	weir_auto_close int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct spaces s = {0};
	struct dirent *e;
	DIR *proc;
	int r;

	if (!path)
		return -ENOMEM;
	r = end_enforcement(pin_dir);
	if (r || access(path, F_OK)) /* no such pins, or a kernel without iterators */
		return r;
	r = release_here(path);
	proc = opendir("/proc");
	while (proc && (e = readdir(proc)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			release_in(e->d_name, &s, path);
	if (proc)
		closedir(proc);
	free(s.seen);
	if (home >= 0 && setns(home, CLONE_NEWNET))
		return -errno;
	return r;
}
