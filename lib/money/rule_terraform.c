/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes as Terraform JSON, one root module's file each: what is new is a resource, what exists is a data source found by
 * what the topology knows of it, and a route that exists is taken over by an import block (Terraform 1.6). A topology that
 * was imported from the provider has ids for names, and needs no data sources.
 */
#include <ctype.h>

#include "lib/money/rules_impl.h"

void rules_tf_init(struct rules_tf *tf, struct weir_savings *s, struct rules_draft *draft, const struct topo_domain *d)
{
	*tf = (struct rules_tf){.s = s, .d = d, .draft = draft, .root = json_object()};
	if (!tf->root)
		s->r = -ENOMEM;
}

/* "weir_R01-0123abcd_" and letters, digits, "_" and "-". */
static const char *label_of(struct rules_tf *tf, const char *text)
{
	char label[128];
	size_t n = 0;

	for (; text[n] && n < sizeof(label) - 1; n++)
		label[n] = isalnum((unsigned char)text[n]) || text[n] == '-' ? text[n] : '_';
	label[n] = 0;
	return rules_text(tf->s, "weir_%s_%s", tf->draft->pub.id, label);
}

/* A name of the topology inside a document whose texts are templates. */
static const char *literal(struct weir_savings *s, const char *text)
{
	size_t n = 0, len = strlen(text);
	weir_auto_free char *out = malloc(2 * len + 1);

	for (const char *p = text; out && *p; p++) {
		if ((*p == '$' || *p == '%') && p[1] == '{')
			out[n++] = *p;
		out[n++] = *p;
	}
	if (out)
		out[n] = 0;
	return rules_text(s, "%s", out ? out : "");
}

bool rules_is_id(const char *name, const char *kind)
{
	size_t n = strlen(kind);

	return !strncmp(name, kind, n) && strlen(name) >= n + 8 && strspn(name + n, "0123456789abcdef") == strlen(name + n);
}

static json_t *object_at(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (v)
		return v;
	v = json_object();
	json_object_set_new(o, key, v);
	return v;
}

const char *rules_tf_put(struct rules_tf *tf, const char *block, const char *type, const char *label, json_t *body)
{
	const char *name = label_of(tf, label);

	if (!body || json_object_set_new(object_at(object_at(tf->root, block), type), name, body) < 0)
		tf->s->r = -ENOMEM;
	return rules_text(tf->s, "%s.%s", type, name);
}

void rules_tf_import(struct rules_tf *tf, const char *to, const char *id)
{
	json_t *list = json_object_get(tf->root, "import");

	if (!list) {
		list = json_array();
		json_object_set_new(tf->root, "import", list);
		json_object_set_new(tf->root, "terraform", json_pack("{s:s}", "required_version", ">= 1.6.0"));
	}
	if (json_array_append_new(list, json_pack("{s:s, s:s}", "to", to, "id", id)) < 0)
		tf->s->r = -ENOMEM;
}

struct first {
	uint32_t value;
	bool any;
	struct weir_prefix found;
	bool is_found;
};

static int take_first(const struct weir_prefix *p, uint32_t value, void *arg)
{
	struct first *f = arg;

	if (f->is_found || (!f->any && value != f->value) || p->len < 96 || !weir_addr_is_v4(&p->addr))
		return 0;
	f->found = *p;
	f->is_found = true;
	return 0;
}

/* The first IPv4 prefix of a value, or of all; "" when there is none. */
static const char *first_prefix(struct weir_savings *s, const struct weir_lpm *lpm, uint32_t value, bool any)
{
	struct first f = {.value = value, .any = any};
	char text[50];

	weir_lpm_each(lpm, take_first, &f);
	return f.is_found ? rules_text(s, "%s", weir_prefix_text(&f.found, text)) : "";
}

const char *rules_tf_cidr(struct rules_tf *tf, const struct topo_subnet *subnet)
{
	const struct weir_topology *t = tf->s->now;

	return first_prefix(tf->s, t->domains[subnet->domain].subnets, (uint32_t)(subnet - t->subnets), false);
}

const char *rules_tf_net_cidr(struct rules_tf *tf, const struct topo_domain *d)
{
	return first_prefix(tf->s, d->prefixes, 0, true);
}

const char *rules_tf_net(struct rules_tf *tf, const struct topo_domain *d)
{
	const char *last = strrchr(d->name, '/');

	return literal(tf->s, last ? last + 1 : d->name);
}

static json_t *filter(const char *name, const char *value)
{
	return json_pack("{s:s, s:[s]}", "name", name, "values", value);
}

const char *rules_tf_vpc(struct rules_tf *tf, const struct topo_domain *d)
{
	const char *name = rules_tf_net(tf, d), *data;

	if (rules_is_id(name, "vpc-"))
		return name;
	data = rules_tf_put(tf, "data", "aws_vpc", name,
			    json_pack("{s:[o, o]}", "filter", filter("owner-id", d->account),
				      filter("cidr-block-association.cidr-block", rules_tf_net_cidr(tf, d))));
	return rules_text(tf->s, "${data.%s.id}", data);
}

const char *rules_tf_subnet(struct rules_tf *tf, const struct topo_subnet *subnet)
{
	const struct topo_domain *d = &tf->s->now->domains[subnet->domain];
	const char *data;

	if (rules_is_id(subnet->pub.name, "subnet-"))
		return subnet->pub.name;
	data = rules_tf_put(tf, "data", "aws_subnet", subnet->pub.name,
			    json_pack("{s:s, s:s}", "vpc_id", rules_tf_vpc(tf, d), "cidr_block", rules_tf_cidr(tf, subnet)));
	return rules_text(tf->s, "${data.%s.id}", data);
}

const char *rules_tf_table(struct rules_tf *tf, const struct topo_subnet *subnet)
{
	const char *data;

	if (*subnet->table)
		return literal(tf->s, subnet->table);
	data = rules_tf_put(tf, "data", "aws_route_table", subnet->pub.name,
			    json_pack("{s:s}", "subnet_id", rules_tf_subnet(tf, subnet)));
	return rules_text(tf->s, "${data.%s.id}", data);
}

const char *rules_tf_nat_data(struct rules_tf *tf, const struct topo_hop *nat)
{
	const struct topo_domain *d = &tf->s->now->domains[nat->domain];
	json_t *by = rules_is_id(nat->name, "nat-") ? json_pack("{s:s}", "id", nat->name) :
		     json_pack("{s:s, s:[o]}", "vpc_id", rules_tf_vpc(tf, d), "filter",
			       filter("tag:Name", literal(tf->s, nat->name)));

	return rules_tf_put(tf, "data", "aws_nat_gateway", nat->name, by);
}

const char *rules_tf_nat(struct rules_tf *tf, const struct topo_hop *nat)
{
	return rules_is_id(nat->name, "nat-") ? nat->name : rules_text(tf->s, "${data.%s.id}", rules_tf_nat_data(tf, nat));
}

json_t *rules_tf_tables(struct rules_tf *tf, const uint32_t *subnets, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		const char *table = rules_tf_table(tf, &tf->s->now->subnets[subnets[i]]);
		size_t k = 0;

		while (k < json_array_size(list) && strcmp(json_string_value(json_array_get(list, k)), table) != 0)
			k++;
		if (k == json_array_size(list))
			json_array_append_new(list, json_string(table));
	}
	if (!list)
		tf->s->r = -ENOMEM;
	return list;
}

void rules_tf_routes(struct rules_tf *tf, const uint32_t *subnets, size_t n, const struct weir_prefix *to,
		     const char *attribute, const char *gateway, bool replaces)
{
	json_t *tables = rules_tf_tables(tf, subnets, n), *v;
	const char *route;
	char text[50];
	size_t i;

	weir_prefix_text(to, text);
	json_array_foreach(tables, i, v) {
		const char *table = json_string_value(v), *cidr = strchr(text, ':') ? "destination_ipv6_cidr_block" :
									"destination_cidr_block";
		const char *label = rules_text(tf->s, "%s_%s_%zu", attribute, text, i + 1);

		route = rules_tf_put(tf, "resource", "aws_route", label,
				     json_pack("{s:s, s:s, s:s}", "route_table_id", table, cidr, text, attribute, gateway));
		if (replaces)
			rules_tf_import(tf, route, rules_text(tf->s, "%s_%s", table, text));
	}
	json_decref(tables);
}

void rules_tf_command(struct rules_tf *tf, const char *label, const char *command)
{
	rules_tf_put(tf, "resource", "terraform_data", label,
		     json_pack("{s:[{s:{s:s}}]}", "provisioner", "local-exec", "command", command));
}

void rules_tf_done(struct rules_tf *tf)
{
	weir_cleanup(rules_json_freep) json_t *root = json_object();
	weir_auto_free char *text = NULL;

	const char *then = json_object_get(tf->root, "import") ?
		" What it imports is destroyed with this file, unless terraform state rm forgets it first; where Terraform has it "
		"already, make the change there." :
		json_object_get(json_object_get(tf->root, "resource"), "terraform_data") ?
		" Apply it once, then delete this file." : "";

	json_object_set_new(root, "//", json_string(rules_text(tf->s, "weir %s: %s. Account %s.%s", tf->draft->pub.id,
							      literal(tf->s, tf->draft->pub.what), tf->d->account, then)));
	if (!root || json_object_update(root, tf->root) < 0)
		tf->s->r = -ENOMEM;
	text = json_dumps(root, JSON_INDENT(2));
	if (text)
		rules_file(tf->s, tf->draft, WEIR_SAVING_TERRAFORM, rules_text(tf->s, "%s\n", text));
	else
		tf->s->r = -ENOMEM;
	json_decref(tf->root);
	tf->root = NULL;
}
