/* SPDX-License-Identifier: Apache-2.0 */
/* The map of translations: find, walk, forget. */
#include "agent/probe_priv.h"

#include <bpf/bpf.h>

int probe_nat_find(struct probe *p, const struct weir_nat_key *k, struct weir_nat *ret)
{
	return bpf_map_lookup_elem(p->nat_fd, k, ret) ? -errno : 0;
}

int probe_nat_put(struct probe *p, const struct weir_nat_key *k, const struct weir_nat *n)
{
	return bpf_map_update_elem(p->nat_fd, k, n, BPF_ANY) ? -errno : 0;
}

int probe_nat_forget(struct probe *p, const struct weir_nat_key *k)
{
	return bpf_map_delete_elem(p->nat_fd, k) && errno != ENOENT ? -errno : 0;
}

/* The next key is read before fn may remove this one. */
int probe_each_nat(struct probe *p, int (*fn)(const struct weir_nat_key *k, const struct weir_nat *n, void *arg),
		   void *arg)
{
	struct weir_nat_key key, next;
	bool more = !bpf_map_get_next_key(p->nat_fd, NULL, &next);
	struct weir_nat n;
	int r = 0;

	while (more && !r) {
		key = next;
		more = !bpf_map_get_next_key(p->nat_fd, &key, &next);
		if (!bpf_map_lookup_elem(p->nat_fd, &key, &n))
			r = fn(&key, &n, arg);
	}
	return r;
}
