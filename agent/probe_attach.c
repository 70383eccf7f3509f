/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching: every hook is a pinned link (clsact where TCX is absent). A link that is found is kept
 * and gets the new program by one update, so there is exactly one program of ours per hook at any
 * time and no packet passes between two.
 */
#include "agent/probe_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* linux/bpf.h of the minimum distribution is older than TCX. */
#define PROBE_TCX_INGRESS ((enum bpf_attach_type)46)
#define PROBE_TCX_EGRESS ((enum bpf_attach_type)47)
#define PROBE_BPF_F_BEFORE (1u << 3)
#define PROBE_TC_HANDLE 0x77656972 /* "weir" */
#define PROBE_TC_PRIORITY 49000

int probe_add_hook(struct probe *p, const char *name)
{
	size_t used = strlen(p->hooks);

	snprintf(p->hooks + used, sizeof(p->hooks) - used, "%s%s", used ? " " : "", name);
	return 0;
}

/* Adopts the link pinned under name, or makes and pins it. */
static int link_hook(struct probe *p, const char *name, int prog_fd, int target, enum bpf_attach_type type)
{
	weir_auto_free char *path = weir_strf("%s/links/%s", p->pin_dir, name);
	bool tcx = type == PROBE_TCX_INGRESS || type == PROBE_TCX_EGRESS;
	/* Ahead of all: the observer must see what others end or take away, and never has an opinion. */
	DECLARE_LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = tcx ? PROBE_BPF_F_BEFORE : 0);
	weir_auto_close int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		if ((tcx || probe_link_at(fd, target)) && !bpf_link_update(fd, prog_fd, NULL))
			return 0;
		unlink(path); /* its cgroup or interface is gone, or not ours any more */
		close(weir_take_fd(&fd));
	}
	fd = bpf_link_create(prog_fd, target, type, &opts);
	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) ? -errno : 0;
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
		int r = link_hook(p, hooks[i].name, p->prog_fd[hooks[i].prog], fd, hooks[i].type);

		if (r)
			return weir_err_set(err, r, "attaching %s to %s: %s", hooks[i].name, root, strerror(-r));
	}
	probe_add_hook(p, "cgroup_skb sockops");
	return 0;
}

/* Tracing links cannot change their program: one that is found stays. */
int probe_attach_kfree(struct probe *p)
{
	weir_auto_free char *path = weir_strf("%s/links/kfree_skb", p->pin_dir);
	weir_auto_close int fd = -1;

	if (!path || p->prog_fd[PROBE_KFREE] < 0)
		return -ENOTSUP;
	fd = bpf_obj_get(path);
	if (fd >= 0)
		return 0;
	fd = bpf_raw_tracepoint_open(NULL, p->prog_fd[PROBE_KFREE]);
	if (fd < 0)
		return -errno;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

static bool has_ethernet_header(const char *name)
{
	weir_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {0};

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &req))
		return true;
	return req.ifr_hwaddr.sa_family == ARPHRD_ETHER || req.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
}

static int attach_clsact(uint32_t ifindex, int prog_fd, enum bpf_tc_attach_point point)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = PROBE_TC_HANDLE, .priority = PROBE_TC_PRIORITY,
			    .prog_fd = prog_fd, .flags = BPF_TC_F_REPLACE);
	int r = bpf_tc_hook_create(&hook);

	if (r && r != -EEXIST)
		return r;
	hook.attach_point = point;
	return bpf_tc_attach(&hook, &opts);
}

static int attach_one(struct probe *p, const struct probe_if *i, bool out)
{
	bool ether = has_ethernet_header(i->name);
	int prog = p->prog_fd[out ? (ether ? PROBE_TC_OUT : PROBE_TC_OUT_L3) :
				    (ether ? PROBE_TC_IN : PROBE_TC_IN_L3)];
	char name[32];
	int r;

	snprintf(name, sizeof(name), "tc%u%s", i->ifindex, out ? "out" : "in");
	if (ladder_has(&p->ladder, RUNG_TCX))
		return link_hook(p, name, prog, (int)i->ifindex, out ? PROBE_TCX_EGRESS : PROBE_TCX_INGRESS);
	r = attach_clsact(i->ifindex, prog, out ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	/* clsact or its classifier is not in this kernel: no interface will have it. */
	if (r == -ENOENT || r == -EOPNOTSUPP)
		p->ladder.said[RUNG_TC] = r;
	return r;
}

/* Every term of the interface exists before its first packet: the fast path never inserts. */
static int make_terms(struct probe *p, uint32_t ifindex)
{
	struct weir_term_key k = {.ifindex = ifindex};
	struct weir_count zero = {0};

	for (k.dir = 0; k.dir < WEIR_DIRS; k.dir++)
		for (k.term = 0; k.term < WEIR_TERMS; k.term++)
			if (bpf_map_update_elem(p->terms_fd, &k, &zero, BPF_NOEXIST) && errno != EEXIST)
				return -errno;
	return 0;
}

static bool wanted(const struct probe *p, const char *name)
{
	for (size_t i = 0; ladder_has(&p->ladder, RUNG_TC) && p->patterns[i]; i++)
		if (!fnmatch(p->patterns[i], name, 0))
			return true;
	return false;
}

static struct probe_if *find_if(struct probe *p, uint32_t ifindex)
{
	for (size_t i = 0; i < p->if_count; i++)
		if (p->ifs[i].ifindex == ifindex)
			return &p->ifs[i];
	return NULL;
}

static int observe(struct probe *p, uint32_t ifindex, const char *name, struct weir_err *err)
{
	struct probe_if *i;
	int r;

	if (p->if_count == PROBE_MAX_IF)
		return weir_err_set(err, -ENOSPC, "%s: more than %d interfaces; narrow bpf.interfaces", name,
				    PROBE_MAX_IF);
	i = &p->ifs[p->if_count];
	*i = (struct probe_if){.ifindex = ifindex, .present = true};
	snprintf(i->name, sizeof(i->name), "%s", name);
	if ((r = make_terms(p, ifindex)) || (r = attach_one(p, i, false)) || (r = attach_one(p, i, true)))
		return weir_err_set(err, r, "observing %s: %s", name, strerror(-r));
	if (!p->if_count++)
		probe_add_hook(p, ladder_has(&p->ladder, RUNG_TCX) ? "tcx" : "clsact");
	return 0;
}

int probe_interfaces(struct probe *p, struct weir_err *err)
{
	struct if_nameindex *all = if_nameindex();
	int r = 0;

	if (!all)
		return -errno;
	for (size_t i = 0; i < p->if_count; i++)
		p->ifs[i].present = false;
	for (const struct if_nameindex *n = all; n->if_index; n++) {
		struct probe_if *known = find_if(p, n->if_index);

		if (known)
			known->present = true;
		else if (wanted(p, n->if_name) && !r)
			r = observe(p, n->if_index, n->if_name, err);
	}
	if_freenameindex(all);
	return r;
}

const char *probe_ifname(const struct probe *p, uint32_t ifindex)
{
	for (size_t i = 0; ifindex && i < p->if_count; i++)
		if (p->ifs[i].ifindex == ifindex)
			return p->ifs[i].name;
	return "";
}

static void detach_clsact_one(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = PROBE_TC_HANDLE, .priority = PROBE_TC_PRIORITY);

	bpf_tc_detach(&hook, &opts);
}

/* Asks every interface; where no filter of ours is, libbpf would complain on stderr. */
static void detach_clsact(void)
{
	struct if_nameindex *all = if_nameindex();

	libbpf_set_print(NULL);
	for (const struct if_nameindex *n = all; n && n->if_index; n++) {
		detach_clsact_one(n->if_index, BPF_TC_INGRESS);
		detach_clsact_one(n->if_index, BPF_TC_EGRESS);
	}
	if (all)
		if_freenameindex(all);
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
