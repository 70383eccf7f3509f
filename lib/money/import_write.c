/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the documents of an import, and has the strict parser read them before anybody else does. */
#include <ctype.h>

#include "lib/money/import_writer.h"
#include "lib/money/topology.h"

/* Plain where every YAML reader takes it for a text. */
void import_quoted(FILE *f, const char *s)
{
	bool plain = isalpha((unsigned char)*s) || (isdigit((unsigned char)*s) && strpbrk(s, "./-"));

	for (const char *p = s; *p && plain; p++)
		plain = isalnum((unsigned char)*p) || strchr("._/-", *p);
	if (plain) {
		fputs(s, f);
		return;
	}
	fputc('"', f);
	for (const char *p = s; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', f);
		fputc((unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p, f);
	}
	fputc('"', f);
}

static void comment(FILE *f, const char *s)
{
	if (!s || !*s)
		return;
	fputs(" # ", f);
	for (; *s; s++)
		fputc((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s, f);
}

bool import_of_net(const struct import_writer *w, const json_t *f)
{
	return !strcmp(import_str(f, "net"), w->net);
}

/* Names of Google's subnets are unique in a region, not in a network. */
char *import_subnet_name(const struct import_writer *w, const char *id)
{
	const json_t *f = import_find(w->m, FACT_SUBNET, id);

	for (size_t i = 0; w->subnets[i]; i++) {
		const json_t *o = import_find(w->m, FACT_SUBNET, w->subnets[i]);

		if (strcmp(w->subnets[i], id) && import_of_net(w, o) && !strcmp(import_str(o, "name"), import_str(f, "name")))
			return weir_strf("%s-%s", import_str(f, "name"), import_str(f, "region"));
	}
	return strdup(import_str(f, "name"));
}

static int cmp_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **import_sorted(const json_t *strings)
{
	size_t i, n = json_array_size(strings);
	const char **list = calloc(n + 1, sizeof(*list));
	json_t *v;

	if (!list)
		return NULL;
	json_array_foreach(strings, i, v)
		list[i] = json_string_value(v);
	qsort(list, n, sizeof(*list), cmp_text);
	return list;
}

static void write_list(FILE *f, const json_t *strings)
{
	weir_auto_free const char **list = import_sorted(strings);

	fputc('[', f);
	for (size_t i = 0; list && list[i]; i++) {
		if (i)
			fputs(", ", f);
		import_quoted(f, list[i]);
	}
	fputs("]\n", f);
}

static void write_zones(struct import_writer *w)
{
	weir_cleanup(import_json_freep) json_t *zones = json_object();
	weir_auto_free const char **ids = calloc(json_object_size(w->m->facts[FACT_SUBNET]) + 1, sizeof(*ids));
	size_t n = 0;

	for (size_t i = 0; ids && w->subnets[i]; i++) {
		const json_t *f = import_find(w->m, FACT_SUBNET, w->subnets[i]);
		char zone[64], region[64];

		if (!import_of_net(w, f))
			continue;
		import_place(w->m, f, zone, region);
		if (!*zone || json_object_get(zones, zone))
			continue;
		json_object_set_new(zones, zone, json_string(region));
		ids[n++] = json_object_iter_key(json_object_iter_at(zones, zone));
	}
	if (!n)
		return;
	qsort(ids, n, sizeof(*ids), cmp_text);
	fputs("  zones:\n", w->f);
	for (size_t i = 0; i < n; i++) {
		fputs("  - {id: ", w->f);
		import_quoted(w->f, ids[i]);
		fputs(", region: ", w->f);
		import_quoted(w->f, import_str(zones, ids[i]));
		fputs("}\n", w->f);
	}
}

static bool nat_here(const struct import_writer *w, const json_t *f)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(f, "nets"), i, v)
		if (!strcmp(json_string_value(v), w->net))
			return true;
	return import_of_net(w, f);
}

static void write_nat(struct import_writer *w)
{
	const char *title = "  nat:\n";

	for (size_t i = 0; w->nats[i]; i++) {
		const json_t *f = import_find(w->m, FACT_NAT, w->nats[i]);
		const json_t *subnet = import_find(w->m, FACT_SUBNET, import_str(f, "subnet"));
		char zone[64] = "", region[64];

		if (!nat_here(w, f) || !*import_str(f, "name"))
			continue;
		if (subnet)
			import_place(w->m, subnet, zone, region);
		else if (!strcmp(import_str(w->facts, "provider"), "aws"))
			import_note(w->m, "%s: its subnet is not in the input, so that its zone is not known", w->nats[i]);
		fprintf(w->f, "%s  - {name: ", title);
		import_quoted(w->f, import_str(f, "name"));
		if (*zone) {
			fputs(", zone: ", w->f);
			import_quoted(w->f, zone);
		}
		if (import_holds(json_object_get(w->facts, "cidrs"), import_str(f, "address"))) {
			fputs(", address: ", w->f);
			import_quoted(w->f, import_str(f, "address"));
		}
		fputs("}\n", w->f);
		title = "";
	}
}

static void write_endpoint(struct import_writer *w, const char *id, const json_t *f, const char *subnet, size_t number)
{
	const json_t *nodes = json_object_get(f, "nodes");
	weir_cleanup(import_json_freep) json_t *own = json_object();
	weir_auto_free const char **addresses = NULL;
	char zone[64], region[64];
	const char *name = import_str(f, "name"), *comma = "";
	json_t *v;
	size_t i;

	import_place(w->m, import_find(w->m, FACT_SUBNET, subnet), zone, region);
	fputs("  - {name: ", w->f);
	name = *name ? name : id;
	if (number) {
		weir_auto_free char *next = weir_strf("%s-%zu", name, number + 1);

		import_quoted(w->f, next ? next : name);
	} else {
		import_quoted(w->f, name);
	}
	fputs(", service: ", w->f);
	import_quoted(w->f, import_str(f, "service"));
	if (*zone) {
		fputs(", zone: ", w->f);
		import_quoted(w->f, zone);
	}
	fputs(", addresses: [", w->f);
	json_array_foreach(nodes, i, v)
		if (!strcmp(import_str(v, "subnet"), subnet) &&
		    import_holds(json_object_get(w->facts, "cidrs"), import_str(v, "address")))
			import_put(own, "nodes", import_str(v, "address"));
	addresses = import_sorted(json_object_get(own, "nodes"));
	for (i = 0; addresses && addresses[i]; i++) {
		fputs(comma, w->f);
		import_quoted(w->f, addresses[i]);
		comma = ", ";
	}
	fputs("]}\n", w->f);
	if (!*comma && !*import_str(f, "planned"))
		import_note(w->m, "endpoint %s: its address in subnet %s is not in the input: bytes to it look like others "
				  "inside the network", id, subnet);
}

static void write_endpoints(struct import_writer *w)
{
	const char *title = "  endpoints:\n";

	for (size_t i = 0; w->endpoints[i]; i++) {
		const json_t *f = import_find(w->m, FACT_ENDPOINT, w->endpoints[i]);
		weir_auto_free const char **subnets = import_sorted(json_object_get(f, "subnets"));

		if (!import_of_net(w, f) || !strcmp(import_str(f, "type"), "Gateway"))
			continue;
		if (subnets && !subnets[0])
			import_note(w->m, "endpoint %s: it is in no subnet", w->endpoints[i]);
		for (size_t k = 0; subnets && subnets[k]; k++) {
			fputs(title, w->f);
			title = "";
			write_endpoint(w, w->endpoints[i], f, subnets[k], k);
		}
	}
}

/* What the network does not hold would be refused with all the rest. */
static void write_cidrs(struct import_writer *w, const json_t *subnet, const char *name)
{
	weir_cleanup(import_json_freep) json_t *held = json_object();
	json_t *v;
	size_t i;

	json_object_set_new(held, "cidrs", json_array());
	json_array_foreach(json_object_get(subnet, "cidrs"), i, v) {
		if (import_holds(json_object_get(w->facts, "cidrs"), json_string_value(v)))
			import_put(held, "cidrs", json_string_value(v));
		else
			import_note(w->m, "subnet %s: %s is outside the prefixes of its network", name, json_string_value(v));
	}
	write_list(w->f, json_object_get(held, "cidrs"));
}

static int write_subnet(struct import_writer *w, const char *id)
{
	weir_cleanup(import_ways_fini) struct import_ways ways = {0};
	const json_t *f = import_find(w->m, FACT_SUBNET, id);
	weir_auto_free char *name = import_subnet_name(w, id);
	char zone[64], region[64];
	int r = name ? import_ways_of(w->m, w->net, id, &ways) : -ENOMEM;

	if (r < 0)
		return r;
	import_place(w->m, f, zone, region);
	fputs("  - name: ", w->f);
	import_quoted(w->f, name);
	comment(w->f, import_str(f, "label"));
	fputs("\n    cidrs: ", w->f);
	write_cidrs(w, f, name);
	fputs(*zone ? "    zone: " : "    region: ", w->f);
	import_quoted(w->f, *zone ? zone : region);
	if (!*zone) {
		import_note(w->m, "subnet %s: its zone is not known: paths inside the region are unknown; split it by zone, or "
				  "write one", name);
		comment(w->f, "of no known zone");
	}
	fputc('\n', w->f);
	if (!strcmp(import_str(w->facts, "provider"), "aws") && *import_table(w->m, w->net, id)) {
		fputs("    route_table: ", w->f);
		import_quoted(w->f, import_table(w->m, w->net, id));
		fputc('\n', w->f);
	}
	if (ways.count)
		fputs("    routes:\n", w->f);
	for (size_t i = 0; i < ways.count; i++) {
		fputs("    - {to: ", w->f);
		import_quoted(w->f, ways.rows[i].to);
		fputs(", via: ", w->f);
		import_quoted(w->f, ways.rows[i].via);
		fputc('}', w->f);
		comment(w->f, ways.rows[i].why);
		fputc('\n', w->f);
	}
	return 0;
}

static int write_net(struct import_writer *w)
{
	weir_auto_free char *domain = import_domain(w->m, w->net);
	const char *title = "  load_balancers:\n";
	int r = 0;

	if (!domain)
		return -ENOMEM;
	fputs("apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: ", w->f);
	import_quoted(w->f, import_str(w->facts, "name"));
	fputs("}", w->f);
	comment(w->f, import_str(w->facts, "label"));
	fputs("\nspec:\n  domain: ", w->f);
	import_quoted(w->f, domain);
	fprintf(w->f, "\n  provider: %s\n  account: ", import_str(w->facts, "provider"));
	import_quoted(w->f, *import_str(w->facts, "account") ? import_str(w->facts, "account") : "unknown");
	fputc('\n', w->f);
	write_zones(w);
	fputs("  prefixes: ", w->f);
	write_list(w->f, json_object_get(w->facts, "cidrs"));
	write_nat(w);
	write_endpoints(w);
	fputs("  subnets:\n", w->f);
	for (size_t i = 0; w->subnets[i] && r == 0; i++)
		if (import_of_net(w, import_find(w->m, FACT_SUBNET, w->subnets[i])))
			r = write_subnet(w, w->subnets[i]);
	for (size_t i = 0; w->balancers[i] && r == 0; i++) {
		const json_t *f = import_find(w->m, FACT_BALANCER, w->balancers[i]);

		if (!import_of_net(w, f))
			continue;
		fputs(title, w->f);
		title = "";
		import_write_balancer(w, w->balancers[i], import_str(f, "kind"));
	}
	return r;
}

/* Google's networks have no prefixes of their own: those of their subnets. What belongs to no network that
 * is written is said; a network without subnets is forgotten, so that no route leads there. */
static int complete(struct weir_import *m)
{
	static const struct {
		enum fact_kind kind;
		const char *what;
	} owned[] = {{FACT_SUBNET, "subnet"}, {FACT_NAT, "NAT gateway"}, {FACT_ENDPOINT, "endpoint"},
		     {FACT_BALANCER, "load balancer"}};
	weir_auto_free const char **nets = import_ids(m, FACT_NET);

	for (size_t k = 0; nets && k < WEIR_ARRAY_SIZE(owned); k++) {
		weir_auto_free const char **ids = import_ids(m, owned[k].kind);

		for (size_t i = 0; ids && ids[i]; i++) {
			const json_t *f = import_find(m, owned[k].kind, ids[i]);
			const char *id = import_str(f, "net");
			const json_t *net = import_find(m, FACT_NET, id);

			if (!*import_str(net, "provider") && !json_array_size(json_object_get(f, "nets")))
				import_note(m, "%s %s: its network is not in the input", owned[k].what, ids[i]);
			else if (owned[k].kind == FACT_SUBNET)
				json_object_set_new(import_fact(m, FACT_NET, id), "used", json_true());
			if (owned[k].kind == FACT_SUBNET && !strcmp(import_str(net, "provider"), "gcp"))
				import_put_all(import_fact(m, FACT_NET, id), "cidrs", json_object_get(f, "cidrs"));
		}
	}
	for (size_t i = 0; nets && nets[i]; i++) {
		if (json_is_true(json_object_get(import_find(m, FACT_NET, nets[i]), "used")))
			continue;
		import_note(m, "network %s: none of its subnets is in the input: not written", nets[i]);
		json_object_del(m->facts[FACT_NET], nets[i]);
	}
	return nets ? 0 : -ENOMEM;
}

static int write_all(struct import_writer *w)
{
	weir_auto_free const char **nets = import_ids(w->m, FACT_NET);
	const char *between = "# SPDX-License-Identifier: Apache-2.0\n";
	int r = nets ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && nets[i]; i++) {
		w->net = nets[i];
		w->facts = import_find(w->m, FACT_NET, nets[i]);
		fputs(between, w->f);
		between = "---\n";
		r = write_net(w);
	}
	return r == 0 && *between == '#' ? -ENODATA : r;
}

/* What was written must load: otherwise it is our fault, and said as the parser says it. */
static int read_back(const char *text, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_topology *t = NULL;
	int r = weir_ydoc_parse(text, strlen(text), "imported", &d, err);

	if (r == 0)
		r = weir_topology_new(&t);
	for (size_t i = 0; r == 0 && i < weir_ydoc_count(d); i++)
		r = weir_topology_add(t, weir_ydoc_root(d, i), err);
	if (r == 0)
		r = weir_topology_seal(t, err);
	weir_topology_free(t);
	return r;
}

int weir_import_write(struct weir_import *m, char **ret, struct weir_err *err)
{
	weir_auto_free char *text = NULL;
	size_t len = 0;
	int r;

	import_settle(m);
	r = complete(m);
	if (r == 0) {
		weir_auto_free const char **subnets = import_ids(m, FACT_SUBNET), **nats = import_ids(m, FACT_NAT);
		weir_auto_free const char **endpoints = import_ids(m, FACT_ENDPOINT), **lbs = import_ids(m, FACT_BALANCER);
		struct import_writer w = {.m = m, .subnets = subnets, .nats = nats, .endpoints = endpoints, .balancers = lbs};

		if (!subnets || !nats || !endpoints || !lbs)
			return -ENOMEM;
		w.f = open_memstream(&text, &len);
		if (!w.f)
			return -ENOMEM;
		r = write_all(&w);
		if (fclose(w.f) && r == 0)
			r = -ENOMEM;
	}
	if (r == -ENODATA)
		return weir_err_set(err, r, "no network in these files");
	if (r == 0)
		r = read_back(text, err);
	if (r == 0)
		*ret = weir_take_ptr(text);
	return r;
}
