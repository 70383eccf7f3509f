/* SPDX-License-Identifier: Apache-2.0 */
/* R06: load balancers and endpoints that nothing passed. */
#include "lib/money/rules_impl.h"

static const char *const hour_meters[WEIR_LB_KINDS] = {
	[WEIR_LB_ALB] = "alb-hour",  [WEIR_LB_NLB] = "nlb-hour",	     [WEIR_LB_CLB] = "clb-hour",
	[WEIR_LB_AZURE] = "lb-hour", [WEIR_LB_GCP] = "forwarding-rule-hour",
};

static bool passed(const struct weir_savings *s, const struct weir_balancer *b)
{
	for (size_t i = 0; i < s->row_count; i++)
		if ((s->rows[i].route.balancer == b || s->rows[i].route.front == b) && s->rows[i].t.bytes)
			return true;
	return false;
}

static void change_balancer(struct weir_savings *s, struct rules_draft *d, const struct topo_domain *domain,
			    const struct weir_balancer *b, const char *region)
{
	struct rules_tf tf;
	const char *data;

	rules_tf_init(&tf, s, d, domain);
	if (b->kind == WEIR_LB_CLB) {
		data = rules_tf_put(&tf, "data", "aws_elb", b->name, json_pack("{s:s}", "name", b->name));
		rules_tf_command(&tf, b->name, rules_text(s, "aws elb delete-load-balancer --region %s --load-balancer-name "
							  "'${data.%s.name}'", region, data));
	} else {
		data = rules_tf_put(&tf, "data", "aws_lb", b->name, json_pack("{s:s}", "name", b->name));
		rules_tf_command(&tf, b->name, rules_text(s, "aws elbv2 delete-load-balancer --region %s --load-balancer-arn "
							  "${data.%s.arn}", region, data));
	}
	rules_tf_done(&tf);
}

static void propose_balancer(struct weir_savings *s, const struct topo_balancer *b)
{
	const struct weir_topology *t = s->now;
	const struct topo_domain *domain = &t->domains[b->domain];
	struct rules_draft *d = rules_draft(s, "R06", rules_text(s, "%s lb %s", domain->name, b->pub.name));
	const char *region = domain->subnet_count ? t->subnets[domain->first_subnet].pub.region : "";
	struct weir_edit *e;

	if (!d)
		return;
	e = rules_edit(s, d, WEIR_EDIT_BALANCER_REMOVE);
	e->domain = domain->name;
	e->name = b->pub.name;
	d->pub.what = rules_text(s, "load balancer %s (%s) of %s, which nothing passes", b->pub.name,
				 weir_lb_kind_name(b->pub.kind), domain->name);
	d->pub.note = "Names that point to it stop resolving.";
	d->pub.formula_nanos = rules_hours(s, domain, region, hour_meters[b->pub.kind], 1);
	for (size_t i = 0; i < b->subnet_count; i++)
		if (!rules_measured(s, &t->subnets[b->subnets[i]]))
			rules_hold(s, d, "subnet %s has targets of it, and nothing is measured there",
				   t->subnets[b->subnets[i]].pub.name);
	if (!b->subnet_count)
		rules_hold(s, d, "its targets are not known");
	change_balancer(s, d, domain, &b->pub, region);
}

static bool used(const struct weir_savings *s, const struct topo_domain *d, const char *service)
{
	for (size_t i = 0; i < s->row_count; i++) {
		const struct rules_row *row = &s->rows[i];

		if (row->domain == d && row->route.path == WEIR_PATH_ENDPOINT && !strcmp(row->route.service, service) &&
		    row->t.bytes)
			return true;
	}
	return false;
}

/* All endpoints of a service in a domain. The zone of each must have been looked at. */
static void propose_endpoints(struct weir_savings *s, const struct topo_domain *domain, const char *service)
{
	const struct weir_topology *t = s->now;
	const char *region = domain->subnet_count ? t->subnets[domain->first_subnet].pub.region : "";
	struct rules_draft *d = rules_draft(s, "R06", rules_text(s, "%s endpoint %s", domain->name, service));
	uint32_t n;

	if (!d)
		return;
	n = rules_edit_endpoints_gone(s, d, domain, service);
	d->pub.what = rules_text(s, "%u endpoint%s of %s in %s, which nothing passes", n, n == 1 ? "" : "s", service,
				 domain->name);
	d->pub.note = "The service's private name resolves to its public addresses again.";
	d->pub.formula_nanos = rules_hours(s, domain, region, "endpoint-hour", n);
	for (size_t i = 0; i < domain->subnet_count; i++) {
		const struct topo_subnet *subnet = &t->subnets[domain->first_subnet + i];

		if (!rules_measured(s, subnet))
			rules_hold(s, d, "nothing is measured in subnet %s", subnet->pub.name);
	}
	rules_change_endpoints_gone(s, d, domain, region, service);
}

void rules_find_idle(struct weir_savings *s)
{
	const struct weir_topology *t = s->now;

	for (size_t i = 0; i < t->balancer_count && s->r == 0; i++) {
		const struct topo_balancer *b = &t->balancers[i];

		if (t->domains[b->domain].latest && b->pub.kind <= WEIR_LB_CLB && !passed(s, &b->pub))
			propose_balancer(s, b);
	}
	for (size_t i = 0; i < t->hop_count && s->r == 0; i++) {
		const struct topo_domain *d = &t->domains[t->hops[i].domain];

		if (d->latest && t->hops[i].balancer == TOPO_NONE && rules_endpoint_offered(t->hops[i].service) &&
		    !strcmp(d->provider, "aws") && !used(s, d, t->hops[i].service))
			propose_endpoints(s, d, t->hops[i].service);
	}
}
