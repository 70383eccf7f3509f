/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as terraform show -json prints it. What is to be made has no id yet, and what refers to it says nothing in
 * `planned_values`; the plan's `configuration` says which resource each expression refers to. Here such resources get an id
 * made of their kind and address, and what refers to them gets that. References through variables and outputs of modules
 * are followed; those through locals are not in a plan, and which one of several instances is meant by `[expression]` is
 * known only where both sides have the same index.
 */
#include "lib/ds/map.h"
#include "lib/money/import_plan.h"

#define DEPTH_MAX 32
#define ADDRESS_MAX 512

/* How ids of a kind begin, where the rest of the import looks at that. */
static const char *const prefixes[][2] = {
	{"aws_nat_gateway", "nat-"}, {"aws_internet_gateway", "igw-"}, {"aws_egress_only_internet_gateway", "eigw-"},
	{"aws_vpc_endpoint", "vpce-"}, {"aws_vpc_peering_connection", "pcx-"}, {"aws_ec2_transit_gateway", "tgw-"},
	{"aws_vpn_gateway", "vgw-"}, {"aws_vpc", "vpc-"}, {"aws_subnet", "subnet-"}, {"aws_route_table", "rtb-"},
};

/* Attributes that are lists, when nothing of them is known yet. */
static const char *const lists[] = {"route_table_ids", "subnet_ids", "subnets", "load_balancer_arns"};

struct resource {
	const char *address; /* "module.a[0].aws_subnet.b[1]" */
	const char *type, *name;
	json_t *values;
	const json_t *unknown; /* of its change; NULL = everything is known */
	const json_t *config;  /* its block; NULL */
	struct scope *scope;
};

/* An instance of a module: references in it are to its own resources. */
struct scope {
	char address[ADDRESS_MAX]; /* "module.a[0]", "" = the root */
	const json_t *config;	   /* the module's */
	const json_t *call;	   /* what its caller says of it; NULL = the root */
	struct scope *up;
};

struct plan {
	struct weir_import *m;
	struct resource *resources;
	size_t count;
	struct scope **scopes;
	size_t scope_count;
	struct weir_map *changes; /* address -> after_unknown */
	int r;
};

static bool is_list(const char *attribute)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(lists); i++)
		if (!strcmp(lists[i], attribute))
			return true;
	return false;
}

static struct scope *add_scope(struct plan *p, struct scope *up, const char *address)
{
	struct scope *s = calloc(1, sizeof(*s)), **more = reallocarray(p->scopes, p->scope_count + 1, sizeof(*more));
	const char *last = address, *next;
	char name[128];

	if (more)
		p->scopes = more;
	if (!s || !more) {
		free(s);
		return NULL;
	}
	snprintf(s->address, sizeof(s->address), "%s", address);
	while ((next = strstr(last, "module.")))
		last = next + strlen("module.");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(last, "["), last);
	s->up = up;
	s->call = up ? json_object_get(json_object_get(up->config, "module_calls"), name) : NULL;
	s->config = up ? json_object_get(s->call, "module") : NULL;
	return p->scopes[p->scope_count++] = s;
}

static const json_t *config_of(const struct scope *s, const char *type, const char *name)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(s->config, "resources"), i, v)
		if (!strcmp(import_text(v, "type", NULL), type) && !strcmp(import_text(v, "name", NULL), name))
			return v;
	return NULL;
}

static int add_resource(struct plan *p, struct scope *s, const json_t *o)
{
	const char *address = import_text(o, "address", NULL);
	struct resource *more = reallocarray(p->resources, p->count + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	p->resources = more;
	more[p->count] = (struct resource){.address = address, .type = import_text(o, "type", NULL),
					   .name = import_text(o, "name", NULL), .values = json_object_get(o, "values"),
					   .unknown = weir_map_find(p->changes, address, strlen(address)), .scope = s};
	more[p->count].config = config_of(s, more[p->count].type, more[p->count].name);
	p->count += json_is_object(more[p->count].values);
	return 0;
}

static int add_module(struct plan *p, struct scope *s, const json_t *module, unsigned int depth)
{
	json_t *v;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(module, "resources"), i, v)
		if (!r)
			r = add_resource(p, s, v);
	if (depth == DEPTH_MAX)
		return r;
	json_array_foreach(json_object_get(module, "child_modules"), i, v) {
		struct scope *below = r ? NULL : add_scope(p, s, import_text(v, "address", NULL));

		if (!r)
			r = below ? add_module(p, below, v, depth + 1) : -ENOMEM;
	}
	return r;
}

/* What is made has no id; it gets one that says where it comes from. */
static void name_new(const struct resource *res)
{
	const char *prefix = "plan-";
	weir_auto_free char *id = NULL;

	if (*import_text(res->values, "id", NULL))
		return;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(prefixes); i++)
		if (!strcmp(prefixes[i][0], res->type))
			prefix = prefixes[i][1];
	id = weir_strf("%s%s", prefix, res->address);
	import_set(res->values, "id", id ? id : "");
	import_set(res->values, "weir_new", "true");
	if (!*import_text(res->values, "arn", NULL))
		import_set(res->values, "arn", id ? id : "");
}

/* "b[1]" of "module.a.aws_x.b[1]" -> "[1]"; "" = it is the only one. */
static const char *index_of(const char *address, const struct scope *s)
{
	size_t len = strlen(s->address);
	const char *own = strncmp(address, s->address, len) ? address : address + len, *at = strchr(own, '[');

	return at ? at : "";
}

struct finding {
	const struct plan *p;
	const struct resource *of; /* that refers */
	json_t *found;		   /* ids, each once */
	bool unclear;
};

static void found(struct finding *f, const char *id)
{
	json_t *v;
	size_t i;

	json_array_foreach(f->found, i, v)
		if (!strcmp(json_string_value(v), id))
			return;
	if (*id)
		json_array_append_new(f->found, json_string(id));
}

/* "aws_x.y[0].id": the resources it means in the scope, and which of their values. */
static void find_resource(struct finding *f, const struct scope *s, const char *ref, bool all)
{
	const char *dot = strchr(ref, '.'), *end = dot ? dot + 1 + strcspn(dot + 1, ".[") : ref, *index = *end == '[' ? end : "";
	const char *behind = *index ? strchr(index, ']') : NULL, *attribute;
	size_t index_len = behind ? (size_t)(behind + 1 - index) : 0, matches = 0;
	const struct resource *only = NULL;

	attribute = index_len ? behind + 1 : end;
	for (size_t i = 0; dot && i < f->p->count; i++) {
		const struct resource *r = &f->p->resources[i];
		const char *own = index_of(r->address, r->scope);

		if (r->scope != s || strncmp(r->type, ref, (size_t)(dot - ref)) || r->type[dot - ref] ||
		    strncmp(r->name, dot + 1, (size_t)(end - dot - 1)) || r->name[end - dot - 1])
			continue;
		if (index_len && (strlen(own) != index_len || strncmp(own, index, index_len) != 0))
			continue;
		/* Of several the one with the index of who refers. */
		if (!index_len && !all && *own && strcmp(own, index_of(f->of->address, f->of->scope)) != 0 && ++matches)
			continue;
		only = r;
		found(f, *attribute == '.' && *import_text(r->values, attribute + 1, NULL) ?
				 import_text(r->values, attribute + 1, NULL) : import_text(r->values, "id", NULL));
	}
	f->unclear |= !only && matches;
}

static void find_expression(struct finding *f, const struct scope *s, const json_t *expression, bool all, unsigned int depth);

/* "module.NAME.OUTPUT" and "module.NAME[0].OUTPUT": the output's expression, in each instance that is meant. */
static void find_output(struct finding *f, const struct scope *s, const char *ref, bool all, unsigned int depth)
{
	const char *name = ref + strlen("module."), *end = name + strcspn(name, ".["), *output = strrchr(ref, '.');

	output = *end == '.' ? end : strchr(end, ']') ? strchr(end, ']') + 1 : end;
	if (*output != '.')
		return;
	for (size_t i = 0; i < f->p->scope_count; i++) {
		const struct scope *below = f->p->scopes[i];
		size_t at = *s->address ? strlen(s->address) + 1 : 0;
		char key[128];

		if (below->up != s || strncmp(below->address + at, ref, (size_t)((*end == '[' ? output : end) - ref)) != 0)
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(output + 1, ".["), output + 1);
		find_expression(f, below, json_object_get(json_object_get(json_object_get(below->config, "outputs"), key), "expression"),
				all, depth + 1);
	}
}

static void find_reference(struct finding *f, const struct scope *s, const char *ref, bool all, unsigned int depth)
{
	char key[128];

	if (!strncmp(ref, "var.", 4)) {
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(ref + 4, ".["), ref + 4);
		if (s->up)
			find_expression(f, s->up, json_object_get(json_object_get(s->call, "expressions"), key), all, depth + 1);
	} else if (!strncmp(ref, "module.", 7)) {
		find_output(f, s, ref, all, depth);
	} else if (!strncmp(ref, "local.", 6)) {
		f->unclear = true;
	} else if (strncmp(ref, "each.", 5) && strncmp(ref, "count.", 6) && strncmp(ref, "data.", 5) && strncmp(ref, "path.", 5)) {
		find_resource(f, s, ref, all);
	}
}

/* Of "a.b.id", "a.b" the first says more: what begins another one is left out. */
static bool begins_another(const json_t *refs, const char *ref)
{
	size_t i, len = strlen(ref);
	json_t *v;

	json_array_foreach(refs, i, v) {
		const char *s = json_string_value(v);

		if (s && !strncmp(s, ref, len) && (s[len] == '.' || s[len] == '['))
			return true;
	}
	return false;
}

static void find_expression(struct finding *f, const struct scope *s, const json_t *expression, bool all, unsigned int depth)
{
	const json_t *refs = json_object_get(expression, "references");
	json_t *v;
	size_t i;

	json_array_foreach(depth < DEPTH_MAX ? refs : NULL, i, v)
		if (json_is_string(v) && !begins_another(refs, json_string_value(v)))
			find_reference(f, s, json_string_value(v), all, depth);
}

/* An attribute of which nothing, or not all, is known. */
static void resolve_attribute(const struct plan *p, const struct resource *res, json_t *values, const char *key,
			      const json_t *expression)
{
	bool all = is_list(key) || json_is_array(json_object_get(values, key));
	struct finding f = {.p = p, .of = res, .found = json_array()};
	json_t *list;

	find_expression(&f, res->scope, expression, all, 0);
	if (f.unclear && !json_array_size(f.found))
		import_note(p->m, "%s: %s: %s is known after apply, and the plan does not say of which resource it is", p->m->file,
			    res->address, key);
	if (all) {
		list = json_array();
		json_array_extend(list, json_object_get(values, key));
		json_object_set_new(values, key, list);
		import_put_all(values, key, f.found);
	} else if (json_array_size(f.found)) {
		json_object_set(values, key, json_array_get(f.found, 0));
	}
	json_decref(f.found);
}

static void resolve(const struct plan *p, const struct resource *res, json_t *values, const json_t *unknown,
		    const json_t *expressions, unsigned int depth);

/* The block of the configuration that an element is made of: by the prefix that both say, else by its place. */
static const json_t *block_of(const json_t *blocks, const json_t *element, size_t i, size_t n)
{
	static const char *const keys[] = {"cidr_block", "ipv6_cidr_block", "destination_prefix_list_id", "subnet_id"};
	json_t *v;
	size_t k;

	json_array_foreach(blocks, k, v)
		for (size_t j = 0; j < WEIR_ARRAY_SIZE(keys); j++) {
			const char *said = import_text(json_object_get(v, keys[j]), "constant_value", NULL);

			if (*said && !strcmp(said, import_text(element, keys[j], NULL)))
				return v;
		}
	return json_array_size(blocks) == n ? json_array_get(blocks, i) : NULL;
}

/* Blocks of which nothing is known are made of the configuration alone. */
static void make_blocks(const struct plan *p, const struct resource *res, json_t *values, const char *key, const json_t *blocks)
{
	json_t *list = json_array(), *block, *expression;
	const char *name;
	size_t i;

	json_array_foreach(blocks, i, block) {
		json_t *o = json_object();

		json_object_foreach((json_t *)block, name, expression) {
			if (json_object_get(expression, "constant_value"))
				json_object_set(o, name, json_object_get(expression, "constant_value"));
			else
				resolve_attribute(p, res, o, name, expression);
		}
		json_array_append_new(list, o);
	}
	json_object_set_new(values, key, list);
}

static bool any_unknown(const json_t *v)
{
	json_t *e;
	size_t i;

	json_array_foreach(v, i, e)
		if (json_is_true(e))
			return true;
	return json_is_true(v);
}

static void resolve(const struct plan *p, const struct resource *res, json_t *values, const json_t *unknown,
		    const json_t *expressions, unsigned int depth)
{
	const char *key;
	json_t *what, *element;
	size_t i;

	json_object_foreach((json_t *)unknown, key, what) {
		const json_t *expression = json_object_get(expressions, key), *list = json_object_get(values, key);

		if (any_unknown(what) && json_is_array(expression))
			make_blocks(p, res, values, key, expression);
		else if (any_unknown(what))
			resolve_attribute(p, res, values, key, expression);
		else if (json_is_array(what) && depth < DEPTH_MAX)
			json_array_foreach(what, i, element)
				if (json_is_object(element) && json_is_object(json_array_get(list, i)))
					resolve(p, res, json_array_get(list, i), element,
						block_of(expression, json_array_get(list, i), i, json_array_size(list)), depth + 1);
	}
}

static int read_changes(struct plan *p, const json_t *root)
{
	json_t *v;
	size_t i;
	int r = weir_map_new(&p->changes);

	json_array_foreach(json_object_get(root, "resource_changes"), i, v) {
		const char *address = import_text(v, "address", NULL);

		if (!r && *address)
			r = weir_map_put(p->changes, address, strlen(address),
					 json_object_get(json_object_get(v, "change"), "after_unknown"), NULL);
	}
	return r;
}

int import_plan_resolve(struct weir_import *m, json_t *root)
{
	struct plan p = {.m = m};
	struct scope *top = add_scope(&p, NULL, "");
	int r = top ? read_changes(&p, root) : -ENOMEM;

	if (!r) {
		top->config = json_object_get(json_object_get(root, "configuration"), "root_module");
		r = add_module(&p, top, json_object_get(json_object_get(root, "planned_values"), "root_module"), 0);
	}
	for (size_t i = 0; i < p.count && !r; i++)
		name_new(&p.resources[i]);
	for (size_t i = 0; i < p.count && !r; i++)
		resolve(&p, &p.resources[i], p.resources[i].values, p.resources[i].unknown,
			json_object_get(p.resources[i].config, "expressions"), 0);
	weir_map_free(p.changes, NULL);
	for (size_t i = 0; i < p.scope_count; i++)
		free(p.scopes[i]);
	free(p.scopes);
	free(p.resources);
	return r;
}
