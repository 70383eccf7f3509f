/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of others at the cgroup hooks. Ours are attached as one of several (links always are); what
 * stands in the way of that is found before the first program is attached, and named.
 */
#include "agent/probe_priv.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#define MAX_ATTACHED 64 /* the kernel's own limit */

/* "nb_out_a (id 17)" */
static void program_name(uint32_t id, char *buf, size_t len)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	weir_auto_close int fd = bpf_prog_get_fd_by_id(id);

	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && *info.name)
		snprintf(buf, len, "%s (id %u)", info.name, id);
	else
		snprintf(buf, len, "program %u", id);
}

static void directory_name(int fd, char *buf, size_t len)
{
	char self[32];
	ssize_t n;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, buf, len - 1);
	buf[n < 0 ? 0 : n] = '\0';
}

/* One cgroup of the chain. 1 = no cgroup v2 directory any more. */
static int check_one(int fd, bool ours, enum bpf_attach_type type, const char *hook, struct weir_err *err)
{
	uint32_t flags = 0, n = MAX_ATTACHED, ids[MAX_ATTACHED];
	char program[64], dir[256];

	if (bpf_prog_query(fd, type, 0, &flags, ids, &n))
		return 1;
	if (!n || flags & BPF_F_ALLOW_MULTI)
		return 0;
	program_name(ids[0], program, sizeof(program));
	directory_name(fd, dir, sizeof(dir));
	if (!ours && flags & BPF_F_ALLOW_OVERRIDE)
		return weir_err_set(err, -EBUSY,
				    "%s: %s at %s may be overridden below, attaching here would silence it; "
				    "have it attached with BPF_F_ALLOW_MULTI",
				    hook, program, dir);
	return weir_err_set(err, -EBUSY,
			    "%s: %s holds %s for itself; have it attached with BPF_F_ALLOW_MULTI, or name another "
			    "bpf.cgroup_root",
			    hook, program, dir);
}

int probe_check_neighbours(int cgroup, const char *hook, enum bpf_attach_type type, struct weir_err *err)
{
	weir_auto_close int fd = dup(cgroup);
	bool ours = true;
	int r = 0;

	while (fd >= 0 && !(r = check_one(fd, ours, type, hook, err))) {
		int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(fd);
		fd = up;
		ours = false;
	}
	return r < 0 ? r : 0;
}

bool probe_link_at(int link, int cgroup)
{
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	struct stat st;

	if (bpf_obj_get_info_by_fd(link, &info, &size) || info.type != BPF_LINK_TYPE_CGROUP || fstat(cgroup, &st))
		return true;
	return info.cgroup.cgroup_id == st.st_ino;
}
