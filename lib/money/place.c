/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/place.h"

#include "lib/money/model.h"

/* How well a subnet fits, from 0: not at all. */
static int fit(const struct topo_subnet *s, const struct weir_pricebook *b, const char *class, const char *meter,
	       const char *pool, uint64_t time_s)
{
	size_t len = strcspn(s->pub.domain, "/");
	const struct weir_meter *list;
	char provider[64], buf[256];
	bool same;

	if (len >= sizeof(provider))
		return 0;
	memcpy(provider, s->pub.domain, len);
	provider[len] = '\0';
	list = weir_pricebook_find(b, provider, s->pub.region, meter, time_s);
	if (!list)
		return 0;
	same = !strcmp(weir_meter_pool(weir_meter_effective(list, s->pub.account, time_s), s->pub.account, buf, sizeof(buf)), pool);
	return 1 + !strcmp(s->class, class) + 2 * same;
}

int weir_place_find(const struct weir_topology *t, const struct weir_pricebook *b, const char *domain, const char *class,
		    const char *meter, const char *pool, uint64_t time_s, struct weir_place *ret)
{
	const struct topo_subnet *best = NULL;
	int most = 0;

	for (size_t i = 0; i < t->subnet_count; i++) {
		const struct topo_subnet *s = &t->subnets[i];
		int f = strcmp(s->pub.domain, domain) ? 0 : fit(s, b, class, meter, pool, time_s);

		if (f > most) {
			most = f;
			best = s;
		}
	}
	if (!best)
		return -ENOENT;
	*ret = (struct weir_place){best->pub.region, best->pub.account};
	return 0;
}
