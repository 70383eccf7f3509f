/* SPDX-License-Identifier: Apache-2.0 */
/* Joins what several files say of one thing, when all are read. */
#include "lib/ds/lpm.h"
#include "lib/money/import_net.h"

char *import_domain(const struct weir_import *m, const char *net)
{
	const json_t *f = import_find(m, FACT_NET, net);
	const char *account = import_str(f, "account");

	return weir_strf("%s/%s/%s", import_str(f, "provider"), *account ? account : "unknown", import_str(f, "name"));
}

void import_place(const struct weir_import *m, const json_t *subnet, char zone[64], char region[64])
{
	const char *name = import_str(subnet, "zone_name");
	const json_t *z = import_find(m, FACT_ZONE, name), *net = import_find(m, FACT_NET, import_str(subnet, "net"));
	const char *id = import_str(subnet, "zone");

	snprintf(zone, 64, "%s", *id ? id : import_str(z, "id"));
	snprintf(region, 64, "%s", import_str(z, "region"));
	if (!*region && *name) /* us-east-1a, and us-west-2-lax-1a is of no region that a letter less names */
		snprintf(region, 64, "%.*s", (int)strlen(name) - 1, name);
	if (!*region)
		snprintf(region, 64, "%s", *import_str(subnet, "region") ? import_str(subnet, "region") :
			 import_str(net, "region"));
	/* Azure charges nothing between its zones, and its subnets have none: the region stands for one. */
	if (!*zone && !strcmp(import_str(net, "provider"), "azure"))
		snprintf(zone, 64, "%s", region);
}

bool import_holds(const json_t *cidrs, const char *prefix)
{
	struct weir_prefix p, outer;
	json_t *v;
	size_t i;

	if (weir_prefix_parse(prefix, &p) < 0)
		return false;
	json_array_foreach(cidrs, i, v)
		if (weir_prefix_parse(json_string_value(v), &outer) == 0 && p.len >= outer.len &&
		    weir_prefix_covers(&outer, &p.addr))
			return true;
	return false;
}

static bool ends_with(const char *id, const char *tail)
{
	size_t n = strlen(id), len = strlen(tail);

	return n >= len && !strcmp(id + n - len, tail) && (n == len || id[n - len - 1] == '/');
}

static void settle_interfaces(struct weir_import *m)
{
	weir_auto_free const char **ids = import_ids(m, FACT_INTERFACE), **lbs = import_ids(m, FACT_BALANCER);

	for (size_t i = 0; ids && lbs && ids[i]; i++) {
		const json_t *f = import_find(m, FACT_INTERFACE, ids[i]);
		size_t k = 0;

		while (lbs[k] && !ends_with(lbs[k], import_str(f, "of")))
			k++;
		if (lbs[k])
			import_node(import_fact(m, FACT_BALANCER, lbs[k]), import_str(f, "subnet"), import_str(f, "address"));
		else
			import_note(m, "interface %s: load balancer '%s' is not in the input", ids[i], import_str(f, "of"));
	}
}

/* describe-target-health does not say whose targets it lists: its file's name does, or there is one group. */
static void settle_health(struct weir_import *m)
{
	weir_auto_free const char **files = import_ids(m, FACT_HEALTH), **groups = import_ids(m, FACT_GROUP);

	for (size_t i = 0; files && groups && files[i]; i++) {
		const char *found = groups[0] && !groups[1] ? groups[0] : NULL;
		size_t longest = 0;

		for (size_t k = 0; groups[k]; k++) {
			const char *name = import_str(import_find(m, FACT_GROUP, groups[k]), "name");

			if (*name && strlen(name) > longest && strstr(files[i], name)) {
				longest = strlen(name);
				found = groups[k];
			}
		}
		if (found)
			import_put_all(import_fact(m, FACT_GROUP, found), "targets",
				       json_object_get(import_find(m, FACT_HEALTH, files[i]), "targets"));
		else
			import_note(m, "%s: whose targets these are is not said: put the target group's name into the file's",
				    files[i]);
	}
}

static void settle_groups(struct weir_import *m)
{
	weir_auto_free const char **ids = import_ids(m, FACT_GROUP);

	for (size_t i = 0; ids && ids[i]; i++) {
		const json_t *f = import_find(m, FACT_GROUP, ids[i]);
		const char *type = import_str(f, "type"), *preserve = import_str(f, "preserve");
		json_t *v;
		size_t k;

		if (!strcmp(type, "lambda") || !strcmp(type, "alb")) {
			import_note(m, "target group %s: targets of type %s are not placed", import_str(f, "name"), type);
			continue;
		}
		json_array_foreach(json_object_get(f, "balancers"), k, v) {
			json_t *lb = import_fact(m, FACT_BALANCER, json_string_value(v));

			import_put_all(lb, "targets", json_object_get(f, "targets"));
			if (!strcmp(import_str(lb, "kind"), "nlb") &&
			    (!strcmp(preserve, "true") || (!*preserve && strcmp(type, "ip") != 0)))
				import_set(lb, "passthrough", "true");
		}
	}
}

/* Machines and interfaces become their addresses, and say in which network the load balancer is. */
static void settle_targets(struct weir_import *m, json_t *lb)
{
	json_t *old = json_incref(json_object_get(lb, "targets")), *v;
	size_t i;

	json_object_set_new(lb, "targets", json_array());
	json_array_foreach(old, i, v) {
		const char *id = json_string_value(v);
		const json_t *f = import_find(m, FACT_INSTANCE, id);
		struct weir_prefix p;

		if (weir_prefix_parse(id, &p) == 0) {
			import_put(lb, "targets", id);
		} else if (f) {
			import_put_all(lb, "targets", json_object_get(f, "addresses"));
			if (!*import_str(lb, "net"))
				import_set(lb, "net", import_str(f, "net"));
		} else {
			import_note(m, "load balancer %s: the address of target %s is not in the input",
				    import_str(lb, "name"), id);
		}
	}
	json_decref(old);
}

static void settle_nets(struct weir_import *m, enum fact_kind kind)
{
	weir_auto_free const char **ids = import_ids(m, kind);

	for (size_t i = 0; ids && ids[i]; i++) {
		json_t *f = import_fact(m, kind, ids[i]);
		const char *subnet = import_str(f, "subnet");

		if (!*subnet)
			subnet = json_string_value(json_array_get(json_object_get(f, "subnets"), 0));
		if (subnet && !*import_str(f, "net"))
			import_set(f, "net", import_str(import_find(m, FACT_SUBNET, subnet), "net"));
	}
}

/* A gateway that only its subnets name is of their network. */
static void settle_nat(struct weir_import *m)
{
	weir_auto_free const char **ids = import_ids(m, FACT_SUBNET);

	for (size_t i = 0; ids && ids[i]; i++) {
		const json_t *f = import_find(m, FACT_SUBNET, ids[i]);
		const char *nat = import_str(f, "nat");

		if (*nat && import_find(m, FACT_NAT, nat))
			import_put(import_fact(m, FACT_NAT, nat), "nets", import_str(f, "net"));
	}
}

void import_settle(struct weir_import *m)
{
	weir_auto_free const char **lbs = NULL;

	settle_interfaces(m);
	settle_health(m);
	settle_groups(m);
	lbs = import_ids(m, FACT_BALANCER);
	for (size_t i = 0; lbs && lbs[i]; i++)
		settle_targets(m, import_fact(m, FACT_BALANCER, lbs[i]));
	settle_nets(m, FACT_NAT);
	settle_nets(m, FACT_BALANCER);
	settle_nets(m, FACT_ENDPOINT);
	settle_nat(m);
}
