/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topology documents. The whole schema, by example:
 *
 *   apiVersion: weir.dev/v1alpha1
 *   kind: Topology
 *   metadata: {name: east}
 *   spec:
 *     domain: aws/111111111111/vpc-east      # where an address is unique; begins with the provider
 *     provider: aws
 *     account: "111111111111"
 *     zones:                                 # zone ids, not the account's shuffled zone names
 *     - {id: use1-az1, region: us-east-1}
 *     prefixes: [10.7.0.0/16, "fd07:1::/32"] # everything the domain holds
 *     nat:                                   # optional; no zone = a region's, in every zone
 *     - {name: nat-a, zone: use1-az1, address: 10.7.0.9} # optional: its own, inside; what flow logs say of it is others'
 *     endpoints:                             # optional; addresses optional; no zone = all zones
 *     - {name: logs, service: aws/logs, zone: use1-az1, addresses: [10.7.1.200]}
 *     subnets:
 *     - name: east-a
 *       cidrs: [10.7.1.0/24, "fd07:1:1::/64"]
 *       zone: use1-az1                       # region may be added and must then agree
 *       route_table: rtb-0123456789abcdef0   # optional, the provider's id: proposed changes name it
 *       routes:                              # longest prefix wins; the domain's own are local
 *       - {to: 0.0.0.0/0, via: "nat:nat-a"}
 *       - {to: aws/s3, via: "gateway-endpoint:aws/s3"}
 *     onprem: [192.168.0.0/16]               # optional: without a route of the subnet, path onprem
 *     load_balancers:                        # optional
 *     - name: web
 *       kind: alb                            # alb, nlb, clb, azure-lb, gcp-lb
 *       scheme: internet-facing              # or internal
 *       cross_zone: true                     # a node sends to targets of other zones too; default true
 *       passthrough: false                   # true: targets see the clients' addresses; default false
 *       owner: shop                          # optional
 *       nodes:                               # where its own addresses are; several may share a prefix
 *       - {subnet: edge-a, addresses: [10.7.1.20]}
 *       - {subnet: edge-b}                   # not known: anywhere in it, for its targets
 *       targets: [east-a, 10.7.2.11]         # subnets, prefixes, addresses
 *     ranges:                                # optional: services' prefixes, for all domains and times
 *     - {prefix: 52.216.0.0/15, service: aws/s3, region: us-east-1}
 *     range_files: [ranges/aws.json.gz]      # optional: a provider's own, relative to the repository
 *     valid_from: 2026-01-01                 # optional, inclusive; valid_to is exclusive. Versions of a
 *     valid_to: 2026-07-01                   # domain are documents whose times do not overlap
 *
 * via: local, igw, egress-only, nat:NAME, peering:DOMAIN, tgw, tgw:DOMAIN, vpn, direct, endpoint:NAME,
 * gateway-endpoint:SERVICE. `to` is a prefix or a service, whose ranges in the subnet's own region
 * are meant. A subnet whose zone nobody knows (a region's, of Google's and Azure's kind) has a region
 * instead: from and to it a path inside the region is unknown. A public peer behind tgw:DOMAIN
 * is reached by that domain's NAT gateway, behind tgw alone nobody knows how. A document without `domain` holds only
 * ranges. A node without a subnet may lie outside the prefixes: a provider's own proxies.
 */
#include "lib/money/model.h"

static void *fail_free(struct weir_topology *t)
{
	weir_topology_free(t);
	return NULL;
}

static struct weir_topology *topology_alloc(void)
{
	struct weir_topology *t = calloc(1, sizeof(*t));

	if (!t || weir_lpm_new(&t->range_lpm) < 0)
		return fail_free(t);
	if (!topo_add_row(&t->routes, &t->route_count)) /* route 0: none */
		return fail_free(t);
	t->routes[0].hop = t->routes[0].target_domain = TOPO_NONE;
	return t;
}

int weir_topology_new(struct weir_topology **ret)
{
	struct weir_topology *t = topology_alloc();

	if (!t)
		return -ENOMEM;
	*ret = t;
	return 0;
}

static void free_tables(struct weir_topology *t)
{
	for (size_t i = 0; i < t->domain_count; i++) {
		weir_lpm_free(t->domains[i].prefixes);
		weir_lpm_free(t->domains[i].subnets);
		weir_lpm_free(t->domains[i].endpoints);
		weir_lpm_free(t->domains[i].onprem);
		free(t->domains[i].zones);
	}
	for (size_t i = 0; i < t->balancer_count; i++)
		topo_balancer_fini(&t->balancers[i]);
	for (size_t i = 0; i < t->subnet_count; i++)
		weir_lpm_free(t->subnets[i].routes);
	weir_lpm_free(t->range_lpm);
	free(t->ranges);
	free(t->range_files);
}

/* A changed copy has the base's but for what the change has made anew. */
static void free_changed(struct weir_topology *t)
{
	for (size_t i = 0; i < t->domain_count; i++)
		if (t->domains[i].endpoints != t->base->domains[i].endpoints)
			weir_lpm_free(t->domains[i].endpoints);
	for (size_t i = 0; i < t->subnet_count; i++)
		if (t->subnets[i].routes != t->base->subnets[i].routes)
			weir_lpm_free(t->subnets[i].routes);
}

void weir_topology_free(struct weir_topology *t)
{
	if (!t)
		return;
	if (t->base)
		free_changed(t);
	else
		free_tables(t);
	for (size_t i = 0; i < t->string_count; i++)
		free(t->strings[i]);
	free(t->domains);
	free(t->subnets);
	free(t->hops);
	free(t->routes);
	free(t->balancers);
	free(t->classes);
	free(t->strings);
	free(t);
}

void *topo_grow(void *array_p, size_t *count, size_t row_size)
{
	void **array = array_p;
	size_t n = *count;

	/* Capacity is the next power of two, so it need not be stored. */
	if ((n & (n - 1)) == 0) {
		void *more = reallocarray(*array, n ? n * 2 : 1, row_size);

		if (!more)
			return NULL;
		*array = more;
	}
	*count = n + 1;
	return memset((char *)*array + n * row_size, 0, row_size);
}

const char *topo_string(struct weir_topology *t, const char *s)
{
	char *copy = strdup(s), **slot;

	if (!copy)
		return NULL;
	slot = topo_grow(&t->strings, &t->string_count, sizeof(*slot));
	if (!slot) {
		free(copy);
		return NULL;
	}
	*slot = copy;
	return copy;
}

const struct topo_domain *topo_domain_at(const struct weir_topology *t, const char *name,
					 uint64_t time_s)
{
	for (size_t i = 0; i < t->domain_count; i++) {
		const struct topo_domain *d = &t->domains[i];

		if ((time_s == WEIR_TOPOLOGY_LATEST ? d->latest : time_s >= d->valid_from && time_s < d->valid_to) &&
		    !strcmp(d->name, name))
			return d;
	}
	return NULL;
}

const struct topo_domain *topo_target(const struct weir_topology *t, const struct topo_route *rt,
				      uint64_t time_s)
{
	const struct topo_domain *d;

	if (rt->target_domain == TOPO_NONE)
		return NULL;
	d = &t->domains[rt->target_domain];
	if (time_s >= d->valid_from && time_s < d->valid_to)
		return d;
	return topo_domain_at(t, rt->target, time_s);
}

const char *weir_topology_domain(const struct weir_topology *t, size_t i)
{
	return i < t->domain_count ? t->domains[i].name : NULL;
}

size_t weir_topology_range_files(const struct weir_topology *t)
{
	return t->range_file_count;
}

const char *weir_topology_range_file(const struct weir_topology *t, size_t i)
{
	return i < t->range_file_count ? t->range_files[i] : NULL;
}

const char *topo_region(const struct topo_domain *d, const char *zone)
{
	for (size_t i = 0; i < d->zone_count; i++)
		if (!strcmp(d->zones[i].id, zone))
			return d->zones[i].region;
	return NULL;
}

/* A service route becomes one prefix per range of the service in the subnet's region. A route that
 * names a prefix wins over a service's range of the same length. */
int topo_expand_service(struct weir_topology *t, uint32_t route)
{
	const struct topo_route *rt = &t->routes[route];
	const struct topo_subnet *s = &t->subnets[rt->subnet];
	int r = 0;

	for (size_t i = 0; i < t->range_count && r == 0; i++) {
		const struct topo_range *range = &t->ranges[i];
		uint32_t old;

		if (strcmp(range->service, rt->to_service) || strcmp(range->region, s->pub.region))
			continue;
		old = weir_lpm_find_prefix(s->routes, &range->prefix);
		if (old != WEIR_LPM_NONE && t->routes[old].to.len == range->prefix.len &&
		    !t->routes[old].to_service && old != 0)
			continue;
		r = weir_lpm_put(s->routes, &range->prefix, route);
	}
	return r;
}

static int resolve_routes(struct weir_topology *t, struct weir_err *err)
{
	int r = 0;

	for (uint32_t i = 1; i < t->route_count && r == 0; i++) {
		struct topo_route *rt = &t->routes[i];

		if (rt->target) {
			const struct topo_domain *d = topo_domain_at(t, rt->target, WEIR_TOPOLOGY_LATEST);

			if (!d)
				return weir_err_set(err, -EINVAL, "%s", rt->unresolved);
			rt->target_domain = (uint32_t)(d - t->domains);
		}
		if (rt->to_service)
			r = topo_expand_service(t, i);
	}
	return r;
}

static int cmp_class(const void *a, const void *b, void *arg)
{
	const struct weir_topology *t = arg;

	return strcmp(t->subnets[*(const uint32_t *)a].class,
		      t->subnets[*(const uint32_t *)b].class);
}

int weir_topology_seal(struct weir_topology *t, struct weir_err *err)
{
	uint32_t *classes;
	int r;

	if (t->range_files_added < t->range_file_count)
		return weir_err_set(err, -EINVAL, "topology: range file '%.100s' was not read",
				    t->range_files[t->range_files_added]);
	r = resolve_routes(t, err);
	if (r == 0)
		r = topo_seal_balancers(t);
	if (r < 0)
		return weir_err_set(err, r, "topology: %s", strerror(-r));
	classes = calloc(t->subnet_count + 1, sizeof(*classes));
	if (!classes)
		return weir_err_set(err, -ENOMEM, "topology: out of memory");
	t->class_count = 0;
	for (uint32_t i = 0; i < t->subnet_count; i++)
		if (t->domains[t->subnets[i].domain].latest)
			classes[t->class_count++] = i;
	qsort_r(classes, t->class_count, sizeof(*classes), cmp_class, t);
	free(t->classes);
	t->classes = classes;
	t->sealed = true;
	return 0;
}

size_t weir_topology_class_count(const struct weir_topology *t)
{
	return t->sealed ? t->class_count : 0;
}

const char *weir_topology_class(const struct weir_topology *t, size_t i)
{
	return i < weir_topology_class_count(t) ? t->subnets[t->classes[i]].class : NULL;
}

const struct weir_subnet *weir_topology_class_subnet(const struct weir_topology *t, const char *class)
{
	for (size_t i = 0; i < weir_topology_class_count(t); i++)
		if (!strcmp(t->subnets[t->classes[i]].class, class))
			return &t->subnets[t->classes[i]].pub;
	return NULL;
}
