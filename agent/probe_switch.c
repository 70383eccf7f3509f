/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generation of policy tables: built in the slot that is not in force, then switched by one store of
 * weir_ctl.active. Any failure before the store leaves the running generation as it is.
 */
#include "agent/probe_priv.h"

#include <linux/bpf.h>

#include <bpf/bpf.h>

static int new_map(enum bpf_map_type type, uint32_t key, uint32_t value, size_t entries, uint32_t flags)
{
	DECLARE_LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	int fd = bpf_map_create(type, "weir_inner", key, value, entries ? entries : 1, &opts);

	return fd < 0 ? -errno : fd;
}

static int new_array(const void *values, uint32_t size, size_t n)
{
	weir_auto_close int fd = new_map(BPF_MAP_TYPE_ARRAY, 4, size, n, BPF_F_INNER_MAP);

	for (uint32_t i = 0; fd >= 0 && i < n; i++)
		if (bpf_map_update_elem(fd, &i, (const char *)values + (size_t)i * size, BPF_ANY))
			return -errno;
	return weir_take_fd(&fd);
}

static int new_decisions(const struct weir_tables *t)
{
	weir_auto_close int fd = new_map(BPF_MAP_TYPE_HASH, sizeof(*t->keys), sizeof(*t->decisions),
					 t->decision_count, BPF_F_NO_PREALLOC);

	for (size_t i = 0; fd >= 0 && i < t->decision_count; i++)
		if (bpf_map_update_elem(fd, &t->keys[i], &t->decisions[i], BPF_ANY))
			return -errno;
	return weir_take_fd(&fd);
}

static int new_prefixes(const struct weir_tables *t)
{
	weir_auto_close int fd = new_map(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct weir_lpm_key), 4,
					 t->prefix_count, BPF_F_NO_PREALLOC);

	for (size_t i = 0; fd >= 0 && i < t->prefix_count; i++) {
		struct weir_lpm_key k = {.prefixlen = t->prefixes[i].len};

		memcpy(k.addr, t->prefixes[i].addr.b, sizeof(k.addr));
		if (bpf_map_update_elem(fd, &k, &t->peer_classes[i], BPF_ANY))
			return -errno;
	}
	return weir_take_fd(&fd);
}

static int new_subjects(const struct probe *p, const uint32_t *subject_of, size_t n)
{
	weir_auto_close int fd = new_map(BPF_MAP_TYPE_ARRAY, 4, 4, p->ctl->workloads, BPF_F_INNER_MAP);

	for (uint32_t i = 0; fd >= 0 && i < n && i < p->ctl->workloads; i++)
		if (subject_of[i] && bpf_map_update_elem(fd, &i, &subject_of[i], BPF_ANY))
			return -errno;
	return weir_take_fd(&fd);
}

static int check_sizes(const struct probe *p, const struct weir_tables *t, struct weir_err *err)
{
	const struct {
		const char *name;
		size_t have, max;
	} sizes[] = {
		{"prefixes", t->prefix_count, p->max_prefixes},
		{"decisions", t->decision_count, p->max_decisions},
		{"ranges", t->range_count, p->max_ranges},
		{"failsafe entries", t->failsafe_count, WEIR_MAX_FAILSAFE},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(sizes); i++)
		if (sizes[i].have > sizes[i].max)
			return weir_err_set(err, -E2BIG, "%zu %s, this node's limit is %zu; raise bpf.%s",
					    sizes[i].have, sizes[i].name, sizes[i].max, sizes[i].name);
	return 0;
}

static int build_table(const struct probe *p, const struct weir_tables *t, enum probe_table table,
		       const uint32_t *subject_of, size_t n)
{
	switch (table) {
	case PROBE_DECISIONS:
		return new_decisions(t);
	case PROBE_PREFIXES:
		return new_prefixes(t);
	case PROBE_RANGES:
		return new_array(t->ranges, sizeof(*t->ranges), t->range_count);
	case PROBE_LIMITS:
		return new_array(t->limits, sizeof(*t->limits), t->limit_count);
	case PROBE_FAILSAFE:
		return new_array(t->failsafe, sizeof(*t->failsafe), t->failsafe_count);
	case PROBE_SUBJECTS:
		return new_subjects(p, subject_of, n);
	case PROBE_TABLES:
		break;
	}
	return -EINVAL;
}

int probe_switch(struct probe *p, const struct weir_tables *t, const uint32_t *subject_of, size_t n,
		 struct weir_err *err)
{
	uint64_t active = p->ctl->active, generation = (active >> 1) + 1;
	uint32_t slot = !(active & 1);
	int r = check_sizes(p, t, err);

	if (r)
		return r;
	for (enum probe_table i = 0; i < PROBE_TABLES; i++) {
		weir_auto_close int fd = build_table(p, t, i, subject_of, n);

		if (fd < 0)
			return weir_err_set(err, fd, "building policy table %d: %s", (int)i, strerror(-fd));
		if (bpf_map_update_elem(p->outer_fd[i], &slot, &fd, BPF_ANY))
			return weir_err_set(err, -errno, "installing policy table %d: %s", (int)i,
					    strerror(errno));
	}
	__atomic_store_n(&p->ctl->active, generation << 1 | slot, __ATOMIC_SEQ_CST);
	return 0;
}

/* The inner map of the slot in force. */
static int active_fd(const struct probe *p, enum probe_table table)
{
	uint32_t slot = p->ctl->active & 1, id = 0;
	int fd;

	if (!p->ctl->active)
		return -ENOENT;
	if (bpf_map_lookup_elem(p->outer_fd[table], &slot, &id))
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

int probe_set_subject(struct probe *p, uint32_t workload, uint32_t subject)
{
	weir_auto_close int fd = active_fd(p, PROBE_SUBJECTS);

	if (fd < 0)
		return fd;
	if (bpf_map_update_elem(fd, &workload, &subject, BPF_ANY))
		return -errno;
	/* Same slot, next generation: verdicts cached in rows become stale. */
	__atomic_fetch_add(&p->ctl->active, 2, __ATOMIC_SEQ_CST);
	return 0;
}

static int read_array(const struct probe *p, enum probe_table table, uint32_t size, void **ret, size_t *ret_n)
{
	weir_auto_close int fd = active_fd(p, table);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	weir_auto_free char *all = NULL;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	all = calloc(info.max_entries, size);
	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < info.max_entries; i++)
		if (bpf_map_lookup_elem(fd, &i, all + (size_t)i * size))
			return -errno;
	*ret = weir_take_ptr(all);
	*ret_n = info.max_entries;
	return 0;
}

/* The order of weir_tables_build: subject, peer class, direction, protocol. */
static int cmp_keys(const void *a, const void *b)
{
	const struct weir_decision_key *x = a, *y = b;

	if (x->subject != y->subject)
		return x->subject < y->subject ? -1 : 1;
	if (x->peer_class != y->peer_class)
		return x->peer_class < y->peer_class ? -1 : 1;
	return x->dir != y->dir ? x->dir - y->dir : x->proto - y->proto;
}

struct pair {
	struct weir_decision_key key;
	struct weir_decision value;
};

struct prefix_pair {
	struct weir_prefix prefix;
	uint32_t class;
};

static int cmp_prefix_pairs(const void *a, const void *b)
{
	return weir_prefix_cmp(&((const struct prefix_pair *)a)->prefix,
			       &((const struct prefix_pair *)b)->prefix);
}

static int read_decisions(const struct probe *p, struct weir_tables *t)
{
	weir_auto_close int fd = active_fd(p, PROBE_DECISIONS);
	weir_auto_free struct pair *all = calloc(p->max_decisions, sizeof(*all));
	struct weir_decision_key key, *prev = NULL;
	size_t n = 0;

	if (fd < 0)
		return fd;
	t->keys = calloc(p->max_decisions, sizeof(*t->keys));
	t->decisions = calloc(p->max_decisions, sizeof(*t->decisions));
	if (!all || !t->keys || !t->decisions)
		return -ENOMEM;
	while (n < p->max_decisions && !bpf_map_get_next_key(fd, prev, &all[n].key)) {
		key = all[n].key;
		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &all[n].value))
			return -errno;
		n++;
	}
	qsort(all, n, sizeof(*all), cmp_keys);
	for (size_t i = 0; i < n; i++) {
		t->keys[i] = all[i].key;
		t->decisions[i] = all[i].value;
	}
	t->decision_count = n;
	return 0;
}

static int read_prefixes(const struct probe *p, struct weir_tables *t)
{
	weir_auto_close int fd = active_fd(p, PROBE_PREFIXES);
	weir_auto_free struct prefix_pair *all = calloc(p->max_prefixes, sizeof(*all));
	struct weir_lpm_key key, *prev = NULL, next;
	size_t n = 0;

	if (fd < 0)
		return fd;
	t->prefixes = calloc(p->max_prefixes, sizeof(*t->prefixes));
	t->peer_classes = calloc(p->max_prefixes, sizeof(*t->peer_classes));
	if (!all || !t->prefixes || !t->peer_classes)
		return -ENOMEM;
	while (n < p->max_prefixes && !bpf_map_get_next_key(fd, prev, &next)) {
		key = next;
		prev = &key;
		memcpy(all[n].prefix.addr.b, key.addr, sizeof(key.addr));
		all[n].prefix.len = key.prefixlen;
		if (bpf_map_lookup_elem(fd, &key, &all[n].class))
			return -errno;
		n++;
	}
	qsort(all, n, sizeof(*all), cmp_prefix_pairs);
	for (size_t i = 0; i < n; i++) {
		t->prefixes[i] = all[i].prefix;
		t->peer_classes[i] = all[i].class;
	}
	t->prefix_count = n;
	return 0;
}

/* An array map has at least one entry: an all-zero one stands for none. */
static size_t without_filler(const void *values, uint32_t size, size_t n)
{
	static const char zero[64];

	return n == 1 && size <= sizeof(zero) && !memcmp(values, zero, size) ? 0 : n;
}

int probe_digest(struct probe *p, uint8_t ret[WEIR_SHA256_LEN])
{
	struct weir_tables *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	if (!(r = read_decisions(p, t)) && !(r = read_prefixes(p, t)) &&
	    !(r = read_array(p, PROBE_RANGES, sizeof(*t->ranges), (void **)&t->ranges, &t->range_count)) &&
	    !(r = read_array(p, PROBE_LIMITS, sizeof(*t->limits), (void **)&t->limits, &t->limit_count)) &&
	    !(r = read_array(p, PROBE_FAILSAFE, sizeof(*t->failsafe), (void **)&t->failsafe,
			     &t->failsafe_count))) {
		t->limit_count = without_filler(t->limits, sizeof(*t->limits), t->limit_count);
		t->failsafe_count = without_filler(t->failsafe, sizeof(*t->failsafe), t->failsafe_count);
		r = weir_tables_digest(t, ret);
	}
	weir_tables_free(t);
	return r;
}
