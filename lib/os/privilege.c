/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/privilege.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define TREE_FDS 16
#define CAP_MAX 64

static int caps_get(struct __user_cap_data_struct ret[2])
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &h, ret) ? -errno : 0;
}

static int caps_set(uint64_t effective, uint64_t permitted)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct d[2] = {
		{.effective = (uint32_t)effective, .permitted = (uint32_t)permitted},
		{.effective = (uint32_t)(effective >> 32), .permitted = (uint32_t)(permitted >> 32)},
	};

	return syscall(SYS_capset, &h, d) ? -errno : 0;
}

uint64_t weir_caps_permitted(void)
{
	struct __user_cap_data_struct d[2] = {{0}};

	return caps_get(d) ? 0 : d[0].permitted | (uint64_t)d[1].permitted << 32;
}

int weir_user_find(const char *name, struct weir_user *ret)
{
	struct weir_user u = {0};
	char buf[4096], *end;
	struct passwd pw, *found = NULL;
	unsigned long id = strtoul(name, &end, 10);

	if (weir_strcpy(u.name, sizeof(u.name), name))
		return -ENAMETOOLONG;
	if (*name && !*end) {
		u.uid = u.gid = (uid_t)id;
	} else {
		int r = getpwnam_r(name, &pw, buf, sizeof(buf), &found);

		if (r || !found)
			return -(r ? r : ENOENT);
		u.uid = found->pw_uid;
		u.gid = found->pw_gid;
		u.listed = true;
	}
	*ret = u;
	return 0;
}

static int take_groups(const struct weir_user *u)
{
	int r = u->listed ? initgroups(u->name, u->gid) : setgroups(0, NULL);

	return r ? -errno : 0;
}

/* With the effective ids alone, from which there is a way back. */
int weir_user_reads(const struct weir_user *u, const char *path)
{
	gid_t groups[256];
	int n = getgroups(WEIR_ARRAY_SIZE(groups), groups), r;
	gid_t gid = getegid();

	if (n < 0)
		return -errno;
	r = take_groups(u);
	if (!r && !setegid(u->gid) && !seteuid(u->uid))
		r = faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) ? -errno : 0;
	else
		r = r ? r : -errno;
	/* Who could not come back would be somebody whom nobody meant. */
	if (seteuid(0) || setegid(gid) || setgroups((size_t)n, groups))
		abort();
	return r;
}

int weir_user_become(const struct weir_user *u)
{
	uint64_t permitted = weir_caps_permitted();
	gid_t groups[256], gid = getgid();
	int n = getgroups(WEIR_ARRAY_SIZE(groups), groups), r;

	if (n < 0)
		return -errno;
	r = take_groups(u);
	if (r)
		return r;
	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(u->gid, u->gid, u->gid) || setresuid(u->uid, u->uid, u->uid)) {
		r = -errno;
		if (setresgid(gid, gid, gid) || setgroups((size_t)n, groups) || prctl(PR_SET_KEEPCAPS, 0))
			abort();
		return r;
	}
	(void)prctl(PR_SET_KEEPCAPS, 0);
	return caps_set(permitted, permitted);
}

/* What nftw(3) calls knows no argument. */
static const struct weir_user *heir;

static int give(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return lchown(path, heir->uid, heir->gid) ? -errno : 0;
}

int weir_tree_give(const char *path, const struct weir_user *u)
{
	int r;

	heir = u;
	r = nftw(path, give, TREE_FDS, FTW_PHYS);
	return r == -1 ? -errno : r;
}

int weir_caps_keep(uint64_t keep)
{
	bool narrowed = true;
	int r;

	for (unsigned long cap = 0; cap < CAP_MAX && prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_READ, cap) == 1 && prctl(PR_CAPBSET_DROP, cap))
			narrowed = false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	/* What is not inheritable any more is not ambient either. */
	keep &= weir_caps_permitted();
	r = caps_set(keep, keep);
	return r ? r : !narrowed;
}

char *weir_caps_text(uint64_t caps, char *buf, size_t size)
{
	static const struct {
		int cap;
		const char *name;
	} names[] = {
		{CAP_BPF, "BPF"},
		{CAP_NET_ADMIN, "NET_ADMIN"},
		{CAP_PERFMON, "PERFMON"},
	};
	size_t n = 0;

	snprintf(buf, size, "none");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names) && n < size; i++) {
		if (caps >> names[i].cap & 1)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", names[i].name);
		caps &= ~(1ull << names[i].cap);
	}
	for (int cap = 0; cap < CAP_MAX && n < size; cap++)
		if (caps >> cap & 1)
			n += (size_t)snprintf(buf + n, size - n, "%s%d", n ? " " : "", cap);
	return buf;
}
