/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces: which are followed, by name pattern, and which programs belong at each. An interface has
 * a slot in weir_ifs, which outlives the agent as its links do. One that vanishes keeps slot and name
 * until its last counts were spooled, or until another takes its index or its name: an index or a name
 * that is used again never inherits counts.
 */
#include "agent/probe_priv.h"

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

static int copy_patterns(const char *const *v, char ***ret)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	*ret = calloc(n + 1, sizeof(**ret));
	for (size_t i = 0; *ret && i < n; i++)
		if (!((*ret)[i] = strdup(v[i])))
			return -ENOMEM;
	return *ret ? 0 : -ENOMEM;
}

static void free_patterns(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

int probe_keep_patterns(struct probe *p, const struct probe_conf *c)
{
	int r;

	if ((r = copy_patterns(c->interfaces, &p->patterns)) || (r = copy_patterns(c->inside, &p->inside)))
		return r;
	return copy_patterns(c->local, &p->local);
}

void probe_free_patterns(struct probe *p)
{
	free_patterns(p->patterns);
	free_patterns(p->inside);
	free_patterns(p->local);
}

static bool matches(char *const *patterns, const char *name)
{
	for (size_t i = 0; patterns[i]; i++)
		if (!fnmatch(patterns[i], name, 0))
			return true;
	return false;
}

static uint32_t wanted_flags(const struct probe *p, const char *name)
{
	uint32_t flags = p->on & PROBE_OBSERVER ? WEIR_IF_OBSERVED : 0;

	if ((p->on & PROBE_GATEWAY) && !matches(p->local, name))
		flags |= WEIR_IF_LEG | (matches(p->inside, name) ? WEIR_IF_INSIDE : 0);
	return flags;
}

static struct weir_if *find(const struct probe *p, uint32_t ifindex)
{
	for (uint32_t i = 0; ifindex && i < WEIR_IF_PROBES; i++) {
		struct weir_if *f = &p->ifs[(ifindex + i) % WEIR_IF_SLOTS];

		if (f->ifindex == ifindex)
			return f;
	}
	return NULL;
}

static struct probe_if *state_of(struct probe *p, const struct weir_if *f)
{
	return &p->if_state[f - p->ifs];
}

unsigned int probe_arp_type(const char *name)
{
	weir_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {0};

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	return fd < 0 || ioctl(fd, SIOCGIFHWADDR, &req) ? ARPHRD_ETHER : req.ifr_hwaddr.sa_family;
}

static bool has_link_header(const char *name)
{
	unsigned int type = probe_arp_type(name);

	return type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
}

bool probe_tc_prog(const struct probe *p, uint32_t ifindex, bool out, enum probe_prog *ret_prog)
{
	const struct weir_if *f = find(p, ifindex);
	enum probe_prog ether, l3;

	if (!f)
		return false;
	if (out && (f->flags & WEIR_IF_LEG))
		ether = PROBE_GW_OUT, l3 = PROBE_GW_OUT_L3;
	else if (f->flags & WEIR_IF_OBSERVED)
		ether = out ? PROBE_TC_OUT : PROBE_TC_IN, l3 = out ? PROBE_TC_OUT_L3 : PROBE_TC_IN_L3;
	else
		return false;
	if (ret_prog)
		*ret_prog = has_link_header(f->name) ? ether : l3;
	return true;
}

static void link_name(char name[32], uint32_t ifindex, bool out)
{
	snprintf(name, 32, "tc%u%s", ifindex, out ? "out" : "in");
}

static int attach_tc(struct probe *p, uint32_t ifindex, bool out)
{
	enum probe_prog prog;
	char name[32];
	int r;

	link_name(name, ifindex, out);
	if (!probe_tc_prog(p, ifindex, out, &prog)) {
		probe_clsact_remove(ifindex, out);
		return probe_unlink(p, name);
	}
	/* Ahead of all: the observer must see what others end or take away. */
	if (ladder_has(&p->ladder, RUNG_TCX))
		return probe_link(p, name, p->prog_fd[prog], (int)ifindex,
				  out ? PROBE_TCX_EGRESS : PROBE_TCX_INGRESS, PROBE_BPF_F_BEFORE);
	r = probe_clsact(ifindex, p->prog_fd[prog], out);
	/* clsact or its classifier is not in this kernel: no interface will have it. */
	if (r == -ENOENT || r == -EOPNOTSUPP)
		p->ladder.said[RUNG_TC] = r;
	return r;
}

/* A pin that stays is found by the next agent, and its link is dead. */
static void unlink_all(const struct probe *p, uint32_t ifindex)
{
	char name[32];

	for (int out = 0; out < 2; out++) {
		link_name(name, ifindex, out);
		(void)probe_unlink(p, name);
	}
	snprintf(name, sizeof(name), "xdp%u", ifindex);
	(void)probe_unlink(p, name);
}

static int attach(struct probe *p, const struct weir_if *f, struct weir_err *err)
{
	int r = attach_tc(p, f->ifindex, false);

	if (!r)
		r = attach_tc(p, f->ifindex, true);
	if (r)
		return weir_err_set(err, r, "observing %s: %s", f->name, strerror(-r));
	if (f->flags & WEIR_IF_OBSERVED)
		probe_add_hook(p, ladder_has(&p->ladder, RUNG_TCX) ? "tcx" : "clsact");
	if (f->flags & WEIR_IF_LEG)
		probe_add_hook(p, "gateway");
	return p->on & PROBE_XDP ? probe_attach_xdp(p, f->ifindex, f->name, err) : 0;
}

/* The slot is free again: nothing of the interface is left. */
static void leave(struct probe *p, struct weir_if *f)
{
	struct weir_if old = *f;

	unlink_all(p, old.ifindex);
	__atomic_store_n(&f->ifindex, 0, __ATOMIC_RELEASE);
	memset(f->name, 0, sizeof(f->name));
	*state_of(p, f) = (struct probe_if){0};
	probe_lay_ways(p);
	if (p->if_fn)
		p->if_fn(false, old.ifindex, old.name, p->if_arg);
}

/* Every term is zero before the interface's first packet. */
static int zero_terms(const struct probe *p, uint32_t slot)
{
	int cpus = libbpf_num_possible_cpus();
	weir_auto_free struct weir_if_terms *zero = cpus > 0 ? calloc((size_t)cpus, sizeof(*zero)) : NULL;

	if (!zero)
		return cpus < 0 ? cpus : -ENOMEM;
	return bpf_map_update_elem(p->terms_fd, &slot, zero, BPF_ANY) ? -errno : 0;
}

static int take_slot(struct probe *p, uint32_t ifindex, const char *name, struct weir_if **ret)
{
	for (uint32_t i = 0; i < WEIR_IF_PROBES; i++) {
		uint32_t slot = (ifindex + i) % WEIR_IF_SLOTS;
		struct weir_if *f = &p->ifs[slot];
		int r;

		if (f->ifindex)
			continue;
		if ((r = zero_terms(p, slot)))
			return r;
		f->flags = wanted_flags(p, name);
		snprintf(f->name, sizeof(f->name), "%s", name);
		__atomic_store_n(&f->ifindex, ifindex, __ATOMIC_RELEASE);
		*ret = f;
		return 0;
	}
	return -ENOSPC;
}

static int join(struct probe *p, uint32_t ifindex, const char *name, struct weir_err *err)
{
	bool counting = __atomic_load_n(&p->ctl->counting, __ATOMIC_RELAXED);
	struct weir_if *f;
	int r = take_slot(p, ifindex, name, &f);

	if (r)
		return weir_err_set(err, r, "%s: %s", name,
				    r == -ENOSPC ? "too many interfaces; narrow bpf.interfaces" : strerror(-r));
	if ((r = attach(p, f, err))) {
		/* Gone before we came: the kernel's news of that follow. */
		leave(p, f);
		return r == -ENODEV ? 0 : r;
	}
	*state_of(p, f) = (struct probe_if){.seen = true, .joined = counting};
	probe_lay_ways(p);
	if (counting && p->if_fn)
		p->if_fn(true, ifindex, name, p->if_arg);
	return 0;
}

/* A name that a vanished interface had: its counts end where the new one's begin. */
static void leave_namesake(struct probe *p, const char *name)
{
	for (size_t i = 0; i < WEIR_IF_SLOTS; i++)
		if (p->ifs[i].ifindex && p->if_state[i].gone && !strcmp(p->ifs[i].name, name))
			leave(p, &p->ifs[i]);
}

static int appeared(struct probe *p, uint32_t ifindex, const char *name, struct weir_err *err)
{
	struct weir_if *f = find(p, ifindex);

	if (f && !state_of(p, f)->gone && !strcmp(f->name, name)) {
		state_of(p, f)->seen = true;
		return 0;
	}
	if (f) /* another interface has its index now, or it has another name */
		leave(p, f);
	if (!matches(p->patterns, name) || !ladder_has(&p->ladder, RUNG_TC))
		return 0;
	leave_namesake(p, name);
	return join(p, ifindex, name, err);
}

static void vanished(struct probe *p, struct weir_if *f)
{
	unlink_all(p, f->ifindex);
	state_of(p, f)->gone = true;
}

int probe_interface(struct probe *p, const struct iface_news *n, struct weir_err *err)
{
	struct weir_if *f = find(p, n->ifindex);

	if (!n->gone)
		return appeared(p, n->ifindex, n->name, err);
	if (f)
		vanished(p, f);
	return 0;
}

/* A program that the last agent attached is still there: nothing took the interface away since. */
static bool has_hook(const struct probe *p, const struct weir_if *f)
{
	char link[32];

	for (int out = 0; out < 2; out++) {
		link_name(link, f->ifindex, out);
		if (probe_has_link(p, link) || probe_has_clsact(f->ifindex, out))
			return true;
	}
	snprintf(link, sizeof(link), "xdp%u", f->ifindex);
	return probe_has_link(p, link);
}

/* Slots of the last agent: kept when the interface is still the same one. */
static void adopt(struct probe *p, struct weir_if *f, struct weir_err *err)
{
	char name[IF_NAMESIZE] = "";

	if (!if_indextoname(f->ifindex, name) || strcmp(name, f->name) || !matches(p->patterns, name) ||
	    !has_hook(p, f)) {
		leave(p, f);
		return;
	}
	f->flags = wanted_flags(p, name);
	if (attach(p, f, err))
		leave(p, f);
}

void probe_adopt_interfaces(struct probe *p, struct weir_err *err)
{
	for (size_t i = 0; i < WEIR_IF_SLOTS; i++)
		if (p->ifs[i].ifindex)
			adopt(p, &p->ifs[i], err);
	probe_lay_ways(p);
}

int probe_interfaces(struct probe *p, struct weir_err *err)
{
	struct if_nameindex *all = if_nameindex();
	int r = 0;

	if (!all)
		return -errno;
	for (size_t i = 0; i < WEIR_IF_SLOTS; i++)
		p->if_state[i].seen = false;
	for (const struct if_nameindex *n = all; n->if_index; n++) {
		int one = appeared(p, n->if_index, n->if_name, err);

		r = r ? r : one;
	}
	if_freenameindex(all);
	for (size_t i = 0; i < WEIR_IF_SLOTS; i++)
		if (p->ifs[i].ifindex && !p->if_state[i].seen)
			vanished(p, &p->ifs[i]);
	return r;
}

void probe_follow(struct probe *p, probe_if_fn fn, void *arg)
{
	p->if_fn = fn;
	p->if_arg = arg;
	for (size_t i = 0; i < WEIR_IF_SLOTS; i++)
		if (p->ifs[i].ifindex && p->if_state[i].joined)
			fn(true, p->ifs[i].ifindex, p->ifs[i].name, arg);
}

bool probe_follows(const struct probe *p, const char *name)
{
	for (size_t i = 0; i < WEIR_IF_SLOTS; i++)
		if (p->ifs[i].ifindex && !p->if_state[i].joined && !strcmp(p->ifs[i].name, name))
			return true;
	return false;
}

void probe_forget_gone(struct probe *p)
{
	for (size_t i = 0; i < WEIR_IF_SLOTS; i++)
		if (p->ifs[i].ifindex && p->if_state[i].gone)
			leave(p, &p->ifs[i]);
}

const char *probe_ifname(const struct probe *p, uint32_t ifindex)
{
	const struct weir_if *f = find(p, ifindex);

	return f ? f->name : "";
}

static int sum_terms(const struct probe *p, uint32_t slot, struct weir_if_terms *ret)
{
	int cpus = libbpf_num_possible_cpus();
	weir_auto_free struct weir_if_terms *all = cpus > 0 ? calloc((size_t)cpus, sizeof(*all)) : NULL;

	if (!all)
		return cpus < 0 ? cpus : -ENOMEM;
	if (bpf_map_lookup_elem(p->terms_fd, &slot, all))
		return -errno;
	for (int c = 1; c < cpus; c++) {
		for (int i = 0; i < WEIR_DIRS * WEIR_TERMS; i++) {
			all[0].of[i / WEIR_TERMS][i % WEIR_TERMS].bytes +=
				all[c].of[i / WEIR_TERMS][i % WEIR_TERMS].bytes;
			all[0].of[i / WEIR_TERMS][i % WEIR_TERMS].packets +=
				all[c].of[i / WEIR_TERMS][i % WEIR_TERMS].packets;
		}
	}
	*ret = all[0];
	return 0;
}

int probe_each_term(struct probe *p,
		    int (*fn)(const char *ifname, const struct weir_term_key *k, const struct weir_count *c,
			      void *arg),
		    void *arg)
{
	int r = 0;

	for (uint32_t slot = 0; !r && slot < WEIR_IF_SLOTS; slot++) {
		struct weir_term_key k = {.ifindex = p->ifs[slot].ifindex};
		struct weir_if_terms t;

		if (!k.ifindex)
			continue;
		r = sum_terms(p, slot, &t);
		for (unsigned int n = 0; !r && n < WEIR_DIRS * WEIR_TERMS; n++) {
			k.dir = n / WEIR_TERMS;
			k.term = n % WEIR_TERMS;
			if (k.term != WEIR_T_INTERFACE || (p->ifs[slot].flags & WEIR_IF_OBSERVED))
				r = fn(p->ifs[slot].name, &k, &t.of[k.dir][k.term], arg);
		}
	}
	return r;
}
