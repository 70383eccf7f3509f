/* SPDX-License-Identifier: Apache-2.0 */
/* By what shares are shown, and which resource bytes pass. */
#include "lib/money/alloc.h"

int weir_alloc_by_parse(const char *s, enum weir_alloc_by *ret, const char **ret_label)
{
	static const char *const names[] = {"team", "namespace", "workload", "cost-centre"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++)
		if (!strcmp(s, names[i])) {
			*ret = (enum weir_alloc_by)i;
			*ret_label = "";
			return 0;
		}
	if (strncmp(s, "label:", 6) || !s[6] || strlen(s + 6) >= WEIR_LABEL_MAX)
		return -EINVAL;
	*ret = WEIR_ALLOC_LABEL;
	*ret_label = s + 6;
	return 0;
}

const char *weir_alloc_key(const struct weir_alloc_share *s, enum weir_alloc_by by, const char *label,
			   char buf[WEIR_ALLOC_KEY_MAX])
{
	const char *value;

	_Static_assert(WEIR_ALLOC_KEY_MAX >= WEIR_LABEL_MAX, "of a label");
	switch (by) {
	case WEIR_ALLOC_TEAM:
		return s->team;
	case WEIR_ALLOC_NAMESPACE:
		return s->namespace;
	case WEIR_ALLOC_CENTRE:
		return s->cost_centre;
	case WEIR_ALLOC_LABEL:
		value = weir_label_find(s->labels, label, buf);
		return value ? value : "";
	default:
		if (!*s->workload || !*s->namespace)
			return s->workload;
		snprintf(buf, WEIR_ALLOC_KEY_MAX, "%s/%s", s->namespace, s->workload);
		return buf;
	}
}

static bool by_gateway(enum weir_path p)
{
	return p == WEIR_PATH_NAT || p == WEIR_PATH_ENDPOINT;
}

const char *weir_alloc_resource(const struct weir_topology *t, const struct weir_traffic *row)
{
	struct weir_route_reason why;
	struct weir_route route, answered;

	if (row->folded)
		return "";
	weir_topology_route_at(t, row->domain, &row->local, &row->peer, row->hour_s, &route);
	if (route.front && !row->opened) {
		weir_route_answered(&route, &answered);
		route = answered;
	}
	if (route.path == WEIR_PATH_LB)
		return route.balancer ? route.balancer->name : "";
	if (route.path == WEIR_PATH_TGW || route.path == WEIR_PATH_VPN)
		return route.path == WEIR_PATH_TGW ? "tgw" : "vpn";
	if (!by_gateway(route.path))
		return "";
	weir_topology_reason(t, row->domain, &row->local, &row->peer, row->hour_s, &why);
	return why.gateway ? why.gateway : "";
}
