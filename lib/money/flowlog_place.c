/* SPDX-License-Identifier: Apache-2.0 */
/* Whose an address in a flow log is: of the network that the record names, else by the topology's subnets. */
#include "lib/money/flowlog_hours.h"

int flow_number_of(struct weir_map *m, const void *key, size_t len, uint32_t *ret)
{
	uintptr_t n = (uintptr_t)weir_map_find(m, key, len);
	int r = 0;

	if (!n) {
		n = weir_map_count(m) + 1;
		if (n > FLOW_NAMES_MAX)
			return -E2BIG;
		r = weir_map_put(m, key, len, (void *)n, NULL);
	}
	if (!r)
		*ret = (uint32_t)n;
	return r;
}

static bool begins(const char *s, const char *with, char behind)
{
	size_t n = strlen(with);

	return !strncmp(s, with, n) && s[n] == behind;
}

/* Whether a record of an interface names this domain. A VPC's id is unique, and its subnets may be shared with the account
 * that the interface is of; others' networks have names. */
static bool is_named(const char *domain, const struct weir_flow *f)
{
	size_t provider = strlen(f->provider), account = strlen(f->account);
	const char *network = strrchr(domain, '/');

	if (!*f->network || !network || strcmp(network + 1, f->network) != 0 || !begins(domain, f->provider, '/'))
		return false;
	return !strcmp(f->provider, "aws") || (begins(domain + provider + 1, f->account, '/') && domain + provider + 1 + account == network);
}

/* The domain that the record names, else the one whose subnets hold the address, of its account when there are several. */
static uint32_t look_up(const struct weir_flow_hours *h, const struct weir_flow *f, const struct weir_addr *a)
{
	uint32_t any = FLOW_NOWHERE, of_account = FLOW_NOWHERE;
	size_t n = 0, of_account_n = 0;

	for (uint32_t i = 0; i < h->domain_count; i++) {
		const struct weir_subnet *s = begins(h->domains[i], f->provider, '/') ?
						      weir_topology_subnet(h->topology, h->domains[i], a) : NULL;

		if (!s)
			continue;
		if (is_named(h->domains[i], f))
			return i;
		any = i;
		n++;
		if (*f->account && !strcmp(s->account, f->account)) {
			of_account = i;
			of_account_n++;
		}
	}
	return n == 1 ? any : of_account_n == 1 ? of_account : FLOW_NOWHERE;
}

int flow_home(struct weir_flow_hours *h, const struct weir_flow *f, uint32_t *ret)
{
	char name[800];
	int len = snprintf(name, sizeof(name), "%s/%.255s/%.255s", f->provider, f->account, f->network), r = 0;
	uintptr_t known = (uintptr_t)weir_map_find(h->homes, name, (size_t)len);

	if (!known) {
		uint32_t i = 0;

		while (i < h->domain_count && !is_named(h->domains[i], f))
			i++;
		known = (uintptr_t)(i < h->domain_count ? i : FLOW_NOWHERE) + 1;
		if (weir_map_count(h->homes) < FLOW_NAMES_MAX)
			r = weir_map_put(h->homes, name, (size_t)len, (void *)known, NULL);
	}
	*ret = (uint32_t)(known - 1);
	return r;
}

int flow_place(struct weir_flow_hours *h, const struct weir_flow *f, const struct weir_addr *a, uint32_t *ret)
{
	struct {
		uint32_t hint;
		struct weir_addr a;
	} key = {.a = *a};
	char hint[800];
	int len = snprintf(hint, sizeof(hint), "%s/%.255s/%.255s", f->provider, f->account, f->network);
	int r = flow_number_of(h->hints, hint, (size_t)len, &key.hint);
	uintptr_t known = r ? 0 : (uintptr_t)weir_map_find(h->places, &key, sizeof(key));

	if (r)
		return r;
	if (!known) {
		known = (uintptr_t)look_up(h, f, a) + 1;
		if (weir_map_count(h->places) < FLOW_NAMES_MAX)
			r = weir_map_put(h->places, &key, sizeof(key), (void *)known, NULL);
	}
	*ret = (uint32_t)(known - 1);
	return r;
}

uint32_t flow_domain_named(const struct weir_flow_hours *h, const char *name)
{
	for (uint32_t i = 0; *name && i < h->domain_count; i++)
		if (!strcmp(h->domains[i], name))
			return i;
	return FLOW_NOWHERE;
}
