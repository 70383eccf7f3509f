/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching: every hook is a pinned link (clsact where TCX is absent). A link that is found is kept
 * and gets the new program by one update, so there is exactly one program of ours per hook at any
 * time and no packet passes between two.
 */
#include "agent/probe_priv.h"

#include <dirent.h>
#include <fcntl.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define PROBE_TC_HANDLE 0x77656972 /* "weir" */
#define PROBE_TC_PRIORITY 49000

int probe_add_hook(struct probe *p, const char *name)
{
	size_t used = strlen(p->hooks);

	if (!strstr(p->hooks, name))
		snprintf(p->hooks + used, sizeof(p->hooks) - used, "%s%s", used ? " " : "", name);
	return 0;
}

/* True when the link's interface is gone; what bpf_link_info says of TCX and XDP begins alike. */
static bool is_dead(int fd)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) || !info.xdp.ifindex;
}

bool probe_has_link(const struct probe *p, const char *name)
{
	weir_auto_free char *path = weir_strf("%s/links/%s", p->pin_dir, name);
	weir_auto_close int fd = path ? bpf_obj_get(path) : -1;

	return fd >= 0 && !is_dead(fd);
}

int probe_link(struct probe *p, const char *name, int prog_fd, int target, enum bpf_attach_type type,
	       uint32_t flags)
{
	DECLARE_LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	weir_auto_free char *path = weir_strf("%s/links/%s", p->pin_dir, name);
	weir_auto_close int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		if (probe_link_at(fd, target) && !bpf_link_update(fd, prog_fd, NULL))
			return 0;
		unlink(path); /* its cgroup or interface is gone, or not ours any more */
		close(weir_take_fd(&fd));
	}
	fd = bpf_link_create(prog_fd, target, type, &opts);
	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

/* Detached first: the kernel ends a link that is only unpinned some time later, and refuses to attach
 * the same program again until then. */
int probe_unlink(const struct probe *p, const char *name)
{
	weir_auto_free char *path = weir_strf("%s/links/%s", p->pin_dir, name);
	weir_auto_close int fd = path ? bpf_obj_get(path) : -1;

	if (!path)
		return -ENOMEM;
	if (fd >= 0)
		(void)bpf_link_detach(fd); /* tracing links cannot: they end when unpinned */
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int probe_attach_cgroup(struct probe *p, const char *root, struct weir_err *err)
{
	static const struct {
		const char *name;
		enum probe_prog prog;
		enum bpf_attach_type type;
	} hooks[] = {
		{"sockops", PROBE_SOCKOPS, BPF_CGROUP_SOCK_OPS},
		{"ingress", PROBE_INGRESS, BPF_CGROUP_INET_INGRESS},
		{"egress", PROBE_EGRESS, BPF_CGROUP_INET_EGRESS},
	};
	weir_auto_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t zero = 0;

	if (fd < 0)
		return weir_err_set(err, -errno, "bpf.cgroup_root: %s: %s", root, strerror(errno));
	if (bpf_map_update_elem(p->root_fd, &zero, &fd, BPF_ANY))
		return weir_err_set(err, -errno, "bpf.cgroup_root: %s is no cgroup v2 directory", root);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hooks); i++) {
		int r = probe_check_neighbours(fd, hooks[i].name, hooks[i].type, err);

		if (r)
			return r;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hooks); i++) {
		int r = probe_link(p, hooks[i].name, p->prog_fd[hooks[i].prog], fd, hooks[i].type, 0);

		if (r)
			return weir_err_set(err, r, "attaching %s to %s: %s", hooks[i].name, root, strerror(-r));
	}
	probe_add_hook(p, "cgroup_skb sockops");
	return 0;
}

int probe_link_tracing(const struct probe *p, const char *name, int prog_fd)
{
	weir_auto_free char *path = weir_strf("%s/links/%s", p->pin_dir, name);
	weir_auto_close int fd = -1;

	if (!path)
		return -ENOMEM;
	if (prog_fd < 0)
		return -ENOTSUP;
	fd = bpf_obj_get(path);
	if (fd >= 0)
		return 0;
	fd = bpf_raw_tracepoint_open(NULL, prog_fd);
	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

/* The kernel calls them in the order in which they came; the second counts what the first did not. */
int probe_attach_kfree(struct probe *p)
{
	weir_auto_free char *first = weir_strf("%s/links/kfree", p->pin_dir);
	int r = first && !access(first, F_OK) ? 0 : probe_unlink(p, "kfree2");

	if (!r)
		r = probe_link_tracing(p, "kfree", p->prog_fd[PROBE_KFREE]);
	return r ? r : probe_link_tracing(p, "kfree2", p->prog_fd[PROBE_KFREE2]);
}

int probe_clsact(uint32_t ifindex, int prog_fd, bool out)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = PROBE_TC_HANDLE, .priority = PROBE_TC_PRIORITY,
			    .prog_fd = prog_fd, .flags = BPF_TC_F_REPLACE);
	int r = bpf_tc_hook_create(&hook);

	if (r && r != -EEXIST)
		return r;
	hook.attach_point = out ? BPF_TC_EGRESS : BPF_TC_INGRESS;
	return bpf_tc_attach(&hook, &opts);
}

bool probe_has_clsact(uint32_t ifindex, bool out)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
			    .attach_point = out ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = PROBE_TC_HANDLE, .priority = PROBE_TC_PRIORITY);

	return !bpf_tc_query(&hook, &opts);
}

/* Where no filter of ours is, libbpf complains on stderr; probe_open() and detaching have silenced it. */
void probe_clsact_remove(uint32_t ifindex, bool out)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
			    .attach_point = out ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = PROBE_TC_HANDLE, .priority = PROBE_TC_PRIORITY);

	(void)bpf_tc_detach(&hook, &opts);
}

static void detach_clsact(void)
{
	struct if_nameindex *all = if_nameindex();

	libbpf_set_print(NULL);
	for (const struct if_nameindex *n = all; n && n->if_index; n++) {
		probe_clsact_remove(n->if_index, false);
		probe_clsact_remove(n->if_index, true);
	}
	if (all)
		if_freenameindex(all);
}

/* A link of a hook that this node's settings turned off, or of an interface that is gone. */
static bool is_stray(const struct probe *p, const char *name)
{
	unsigned int ifindex;
	char way[8];

	if (!strcmp(name, "ingress") || !strcmp(name, "egress") || !strcmp(name, "sockops"))
		return !(p->on & PROBE_CGROUP);
	if (!strcmp(name, "kfree") || !strcmp(name, "kfree2"))
		return !(p->on & PROBE_OBSERVER);
	if (!strcmp(name, "kfree_skb")) /* of a build whose one program leaves no marks */
		return true;
	if (sscanf(name, "tc%u%7s", &ifindex, way) == 2)
		return !probe_tc_prog(p, ifindex, !strcmp(way, "out"), NULL);
	if (sscanf(name, "xdp%u", &ifindex) == 1)
		return !(p->on & PROBE_XDP) || !*probe_ifname(p, ifindex);
	return false;
}

int probe_remove_strays(struct probe *p)
{
	weir_auto_free char *path = weir_strf("%s/links", p->pin_dir);
	DIR *d = path ? opendir(path) : NULL;
	struct dirent *e;
	int r = 0;

	if (!d)
		return path ? -errno : -ENOMEM;
	while ((e = readdir(d))) {
		int one = is_stray(p, e->d_name) ? probe_unlink(p, e->d_name) : 0;

		r = r ? r : one;
	}
	closedir(d);
	return r;
}

static int remove_pins(const char *path, bool is_dir)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.' && unlinkat(dirfd(d), e->d_name, 0) && errno != EISDIR && errno != EPERM)
			r = -errno;
	}
	closedir(d);
	if (is_dir && rmdir(path))
		r = -errno;
	return r;
}

int probe_hold_pins(struct probe *p)
{
	weir_auto_close int fd = open(p->pin_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *path = weir_strf("/proc/self/fd/%d", fd);

	if (fd < 0 || !path) {
		free(path);
		return fd < 0 ? -errno : -ENOMEM;
	}
	free(p->pin_dir);
	p->pin_dir = path;
	p->pins = weir_take_fd(&fd);
	return 0;
}

int probe_detach(const char *pin_dir, struct weir_err *err)
{
	weir_auto_free char *links = weir_strf("%s/links", pin_dir);
	int r;

	if (!links)
		return -ENOMEM;
	if (access(pin_dir, F_OK))
		return weir_err_set(err, -ENOENT, "%s: nothing is pinned there", pin_dir);
	(void)probe_release_pacing(pin_dir); /* pins of another ABI have none that is ours to know */
	r = remove_pins(links, true);
	if (!r)
		r = remove_pins(pin_dir, true);
	detach_clsact();
	return r ? weir_err_set(err, r, "%s: %s", pin_dir, strerror(-r)) : 0;
}
