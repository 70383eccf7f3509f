/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the load balancers of an import. */
#include "lib/money/import_writer.h"

/* Nodes of one subnet; "" = of none. Without addresses they are anywhere in it. */
static void write_node(struct import_writer *w, const json_t *lb, const char *subnet)
{
	const json_t *f = import_find(w->m, FACT_SUBNET, subnet), *cidrs = json_object_get(f, "cidrs");
	weir_auto_free char *name = f ? import_subnet_name(w, subnet) : NULL;
	weir_cleanup(import_json_freep) json_t *own = json_object();
	weir_auto_free const char **addresses = NULL;
	const char *comma = "";
	json_t *v;
	size_t i;

	if (*subnet && (!f || !import_of_net(w, f))) {
		import_note(w->m, "load balancer %s: its subnet %s is not in the input", import_str(lb, "name"), subnet);
		return;
	}
	fputs("    - {", w->f);
	if (f) {
		fputs("subnet: ", w->f);
		import_quoted(w->f, name ? name : "");
	}
	json_array_foreach(json_object_get(lb, "nodes"), i, v)
		if (!strcmp(import_str(v, "subnet"), subnet) && (!f || import_holds(cidrs, import_str(v, "address"))))
			import_put(own, "nodes", import_str(v, "address"));
	addresses = import_sorted(json_object_get(own, "nodes"));
	for (i = 0; addresses && addresses[i]; i++) {
		fputs(*comma ? ", " : f ? ", addresses: [" : "addresses: [", w->f);
		import_quoted(w->f, addresses[i]);
		comma = ",";
	}
	fputs(*comma ? "]}\n" : "}\n", w->f);
	if (!*comma && f)
		import_note(w->m, "load balancer %s: its address in subnet %s is not in the input: for its targets it is "
				  "anywhere there", import_str(lb, "name"), name ? name : subnet);
}

static void write_targets(struct import_writer *w, const json_t *lb)
{
	weir_auto_free const char **targets = import_sorted(json_object_get(lb, "targets"));
	const char *comma = "";

	fputs("    targets: [", w->f);
	for (size_t i = 0; targets && targets[i]; i++) {
		if (!import_holds(json_object_get(w->facts, "cidrs"), targets[i])) {
			import_note(w->m, "load balancer %s: target %s is outside the network", import_str(lb, "name"), targets[i]);
			continue;
		}
		fputs(comma, w->f);
		import_quoted(w->f, targets[i]);
		comma = ", ";
	}
	fputs("]\n", w->f);
	if (!*comma)
		import_note(w->m, "load balancer %s: no targets in the input: add subnets or addresses by hand",
			    import_str(lb, "name"));
}

/* An ALB and a classic load balancer may share a name. */
static char *balancer_name(const struct import_writer *w, const char *id, const json_t *f)
{
	for (size_t i = 0; w->balancers[i] && strcmp(w->balancers[i], id); i++) {
		const json_t *o = import_find(w->m, FACT_BALANCER, w->balancers[i]);

		if (import_of_net(w, o) && !strcmp(import_str(o, "name"), import_str(f, "name")))
			return weir_strf("%s-%s-%zu", import_str(f, "name"), import_str(f, "kind"), i + 1);
	}
	return strdup(import_str(f, "name"));
}

void import_write_balancer(struct import_writer *w, const char *id, const char *kind)
{
	const json_t *f = import_find(w->m, FACT_BALANCER, id);
	weir_cleanup(import_json_freep) json_t *places = json_object();
	weir_auto_free const char **subnets = NULL;
	weir_auto_free char *name = NULL;
	json_t *v;
	size_t i;

	json_object_set_new(places, "subnets", json_array());
	import_put_all(places, "subnets", json_object_get(f, "subnets"));
	json_array_foreach(json_object_get(f, "nodes"), i, v)
		import_put(places, "subnets", import_str(v, "subnet"));
	subnets = import_sorted(json_object_get(places, "subnets"));
	name = balancer_name(w, id, f);
	fputs("  - name: ", w->f);
	import_quoted(w->f, name ? name : id);
	fprintf(w->f, "\n    kind: %s\n    scheme: %s\n", kind, *import_str(f, "internet") ? "internet-facing" : "internal");
	if (!strcmp(import_str(f, "cross"), "false"))
		fputs("    cross_zone: false\n", w->f);
	if (*import_str(f, "passthrough"))
		fputs("    passthrough: true\n", w->f);
	if (*import_str(f, "passthrough") && !strcmp(kind, "nlb") && !*import_str(f, "cross"))
		import_note(w->m, "load balancer %s: whether it sends to other zones is not in the input: taken for yes", name);
	fputs(subnets && (subnets[0] || json_array_size(json_object_get(f, "nodes"))) ? "    nodes:\n" : "    nodes: []\n",
	      w->f);
	for (size_t k = 0; subnets && subnets[k]; k++)
		write_node(w, f, subnets[k]);
	if (json_array_size(json_object_get(f, "nodes")) && subnets && !subnets[0])
		write_node(w, f, "");
	write_targets(w, f);
}
