/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/privacy.h"

#include "lib/ds/map.h"

int weir_privacy_truncation(const char *text, struct weir_privacy *ret, struct weir_err *err)
{
	unsigned int bits4, bits6;
	char behind;

	if (sscanf(text, "%3u,%3u%c", &bits4, &bits6, &behind) != 2 || bits4 > 32 || bits6 > 128)
		return weir_err_set(err, -EINVAL, "'%.20s' is no pair of prefix lengths such as 24,48 (IPv4, IPv6)", text);
	ret->keep4 = (uint8_t)bits4;
	ret->keep6 = (uint8_t)bits6;
	return 0;
}

int weir_privacy_name(struct weir_pseudonym *p, struct weir_addr *a)
{
	size_t first = weir_addr_is_v4(a) ? 12 : 0;

	return weir_pseudonym_addr(p, a->b + first, sizeof(a->b) - first);
}

static bool is_of(const struct weir_privacy *p, const struct weir_traffic *t)
{
	if (!p->domains || !p->domains[0])
		return true;
	for (const char *const *d = p->domains; *d; d++)
		if (!strcmp(*d, t->domain))
			return true;
	return false;
}

static void cut(const struct weir_privacy *p, struct weir_addr *a)
{
	size_t bits = weir_addr_is_v4(a) ? 96u + p->keep4 : p->keep6;

	for (size_t i = 0; i < sizeof(a->b); i++)
		if (8 * i + 8 > bits)
			a->b[i] &= 8 * i >= bits ? 0 : (uint8_t)(0xff << (8 * i + 8 - bits));
}

/* A peer of which nobody knows that it is one of ours. */
static bool is_stranger(const struct weir_traffic *t)
{
	return !t->folded && !*t->peer_workload;
}

struct counting {
	struct weir_map *pairs, *peers; /* seen; how many */
};

static int count(struct counting *c, const struct weir_traffic *t)
{
	weir_auto_free char *pair = NULL;
	char peer[46];
	size_t len;
	uintptr_t n;

	weir_addr_text(&t->peer, peer);
	pair = weir_strf("%s %s/%s/%s", peer, t->namespace, t->workload, *t->workload ? "" : t->node);
	if (!pair)
		return -ENOMEM;
	len = strlen(pair);
	if (weir_map_find(c->pairs, pair, len))
		return 0;
	n = (uintptr_t)weir_map_find(c->peers, peer, strlen(peer)) + 1;
	return weir_map_put(c->pairs, pair, len, (void *)1, NULL) ?: weir_map_put(c->peers, peer, strlen(peer), (void *)n, NULL);
}

static bool too_few(const struct weir_privacy *p, const struct counting *c, const struct weir_traffic *t)
{
	char peer[46];

	weir_addr_text(&t->peer, peer);
	return (uintptr_t)weir_map_find(c->peers, peer, strlen(peer)) < p->least;
}

static int add(const struct weir_privacy *p, const struct counting *c, struct weir_traffic *t, struct weir_traffic_set *to)
{
	int r = 0;

	if (is_of(p, t)) {
		if (p->least > 1 && is_stranger(t) && too_few(p, c, t)) {
			t->folded = true;
			t->peer = (struct weir_addr){{0}};
		}
		if (p->pseudonyms && !t->folded)
			r = weir_privacy_name(p->pseudonyms, &t->peer);
		if (!r && p->pseudonyms)
			r = weir_privacy_name(p->pseudonyms, &t->local);
	}
	return r ? r : weir_traffic_add(to, t);
}

static void cut_row(const struct weir_privacy *p, const struct weir_traffic_set *s, size_t i, struct weir_traffic *ret)
{
	weir_traffic_get(s, i, ret);
	if (is_of(p, ret) && is_stranger(ret))
		cut(p, &ret->peer);
}

int weir_privacy_apply(const struct weir_privacy *p, const struct weir_traffic_set *s, struct weir_traffic_set **ret)
{
	struct counting c = {NULL};
	struct weir_traffic_set *to = NULL;
	struct weir_traffic t;
	int r = weir_map_new(&c.pairs) ?: weir_map_new(&c.peers);

	if (!r)
		r = weir_traffic_new(&to);
	for (size_t i = 0; !r && p->least > 1 && i < weir_traffic_count(s); i++) {
		cut_row(p, s, i, &t);
		if (is_of(p, &t) && is_stranger(&t))
			r = count(&c, &t);
	}
	for (size_t i = 0; !r && i < weir_traffic_count(s); i++) {
		cut_row(p, s, i, &t);
		r = add(p, &c, &t, to);
	}
	weir_map_free(c.pairs, NULL);
	weir_map_free(c.peers, NULL);
	if (r)
		weir_traffic_free(to);
	else
		*ret = to;
	return r;
}
