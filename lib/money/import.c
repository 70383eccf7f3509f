/* SPDX-License-Identifier: Apache-2.0 */
/* Files of an import: what kind each is, and the facts that they are read into. */
#include <stdarg.h>

#include "lib/money/import_plan.h"

static const char *const from_names[] = {"terraform", "aws", "azure"};

const char *weir_import_from_name(enum weir_import_from f)
{
	return (unsigned int)f < WEIR_IMPORT_FROMS ? from_names[f] : "";
}

static void json_freep(json_t **j)
{
	json_decref(*j);
}

int weir_import_new(enum weir_import_from from, void (*note)(const char *line, void *arg), void *arg,
		    struct weir_import **ret)
{
	struct weir_import *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->from = from;
	m->note = note;
	m->arg = arg;
	for (size_t i = 0; i < FACT_KINDS; i++) {
		m->facts[i] = json_object();
		if (!m->facts[i]) {
			weir_import_free(m);
			return -ENOMEM;
		}
	}
	*ret = m;
	return 0;
}

void weir_import_free(struct weir_import *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < FACT_KINDS; i++)
		json_decref(m->facts[i]);
	free(m);
}

void import_note(const struct weir_import *m, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!m->note)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?'; /* texts are from outside */
	m->note(line, m->arg);
}

json_t *import_fact(struct weir_import *m, enum fact_kind kind, const char *id)
{
	json_t *o = json_object_get(m->facts[kind], id);

	if (!o) {
		json_object_set_new(m->facts[kind], id, json_object());
		o = json_object_get(m->facts[kind], id);
	}
	return o;
}

const json_t *import_find(const struct weir_import *m, enum fact_kind kind, const char *id)
{
	return json_object_get(m->facts[kind], id);
}

static int cmp_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **import_ids(const struct weir_import *m, enum fact_kind kind)
{
	size_t n = 0;
	const char **ids = calloc(json_object_size(m->facts[kind]) + 1, sizeof(*ids)), *key;
	json_t *value;

	if (!ids)
		return NULL;
	json_object_foreach(m->facts[kind], key, value)
		ids[n++] = key;
	qsort(ids, n, sizeof(*ids), cmp_text);
	return ids;
}

const json_t *import_get(const json_t *o, const char *one, const char *other)
{
	const json_t *v = json_object_get(o, one);

	if (!v && other)
		v = json_object_get(o, other);
	return json_is_null(v) ? NULL : v;
}

const char *import_text(const json_t *o, const char *one, const char *other)
{
	const char *s = json_string_value(import_get(o, one, other));

	return s ? s : "";
}

bool import_true(const json_t *o, const char *one, const char *other)
{
	return json_is_true(import_get(o, one, other)) || !strcasecmp(import_text(o, one, other), "true");
}

void import_set(json_t *fact, const char *key, const char *s)
{
	if (*s)
		json_object_set_new(fact, key, json_string(s));
}

static json_t *list_of(json_t *fact, const char *key)
{
	json_t *list = json_object_get(fact, key);

	if (!list) {
		json_object_set_new(fact, key, json_array());
		list = json_object_get(fact, key);
	}
	return list;
}

void import_put(json_t *fact, const char *key, const char *s)
{
	json_t *list = list_of(fact, key), *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (!strcmp(json_string_value(v), s))
			return;
	if (*s)
		json_array_append_new(list, json_string(s));
}

void import_put_all(json_t *fact, const char *key, const json_t *strings)
{
	json_t *v;
	size_t i;

	json_array_foreach(strings, i, v)
		if (json_is_string(v))
			import_put(fact, key, json_string_value(v));
}

void import_node(json_t *fact, const char *subnet, const char *address)
{
	json_t *list = list_of(fact, "nodes"), *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (!strcmp(import_str(v, "address"), address))
			return;
	json_array_append_new(list, json_pack("{s:s, s:s}", "subnet", subnet, "address", address));
}

void import_route(json_t *table, const char *to, const char *id)
{
	json_array_append_new(list_of(table, "routes"), json_pack("{s:s, s:s}", "to", to, "id", id));
}

const char *import_str(const json_t *fact, const char *key)
{
	const char *s = json_string_value(json_object_get(fact, key));

	return s ? s : "";
}

static const struct import_row *row_find(const struct import_row *rows, const char *name)
{
	for (; rows->name; rows++)
		if (!strcmp(rows->name, name))
			return rows;
	return NULL;
}

/* Kinds of resources that make paths, but none that this builds: said, so that a person adds them. */
static bool makes_paths(const char *type)
{
	static const char *const begins[] = {
		"aws_dx_", "aws_vpn_", "aws_customer_gateway", "aws_ec2_transit_gateway", "aws_ec2_carrier_gateway",
		"aws_ec2_local_gateway", "aws_globalaccelerator_", "aws_networkfirewall_", "aws_networkmanager_",
		"aws_cloudfront_distribution", "aws_vpclattice_", "aws_vpc_", "aws_lb_", "aws_nat_gateway_",
		"aws_route_table_", "azurerm_virtual_network_", "azurerm_subnet_", "azurerm_lb_", "azurerm_private_link_",
		"azurerm_private_endpoint_", "azurerm_firewall", "azurerm_express_route_",
		"azurerm_application_gateway", "azurerm_cdn_", "azurerm_frontdoor", "azurerm_virtual_hub",
		"azurerm_virtual_wan", "azurerm_vpn_", "google_compute_vpn_", "google_compute_ha_vpn_",
		"google_compute_interconnect_", "google_compute_external_vpn_", "google_network_connectivity_",
		"google_compute_network_", "google_compute_router_", "google_compute_service_attachment", "google_service_networking_", "google_vpc_access_",
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(begins); i++)
		if (!strncmp(type, begins[i], strlen(begins[i])))
			return true;
	return false;
}

static bool is_data(const json_t *resource)
{
	return !strcmp(import_text(resource, "mode", NULL), "data");
}

static void read_resource(struct weir_import *m, const json_t *resource)
{
	static const struct import_row *const tables[] = {import_aws_types, import_azure_types, import_google_types};
	const char *type = import_text(resource, "type", NULL);
	const json_t *values = json_object_get(resource, "values");
	const struct import_row *row = NULL;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(tables) && !row; i++)
		row = row_find(tables[i], type);
	if (row && row->fn && json_is_object(values))
		row->fn(m, values);
	else if (!row && makes_paths(type) && !is_data(resource))
		import_note(m, "%s: %s: resources of type %s are not placed: add their paths by hand", m->file,
			    import_text(resource, "address", NULL), type);
}

/* All that the module has, or what was only looked up. */
static void read_module(struct weir_import *m, const json_t *module, bool data_alone, unsigned int depth)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(module, "resources"), i, v)
		if (!data_alone || is_data(v))
			read_resource(m, v);
	if (depth == 32)
		import_note(m, "%s: modules deeper than 32 are not read", m->file);
	else
		json_array_foreach(json_object_get(module, "child_modules"), i, v)
			read_module(m, v, data_alone, depth + 1);
}

static const json_t *root_module(const json_t *values)
{
	return json_object_get(values, "root_module");
}

/* A state, or what a plan makes of one; what was looked up stands in the plan's prior state. */
static int read_terraform(struct weir_import *m, json_t *root, struct weir_err *err)
{
	const json_t *values = json_object_get(root, "planned_values");
	const json_t *prior = json_object_get(json_object_get(root, "prior_state"), "values");
	int r = 0;

	if (!json_is_string(json_object_get(root, "format_version")))
		return weir_err_set(err, -EINVAL, "%s: not what terraform show -json prints", m->file);
	if (json_is_object(values)) {
		r = import_plan_resolve(m, root);
		read_module(m, root_module(prior), true, 0);
	} else {
		values = json_object_get(root, "values");
	}
	if (!json_is_object(root_module(values)))
		import_note(m, "%s: holds no resources", m->file);
	read_module(m, root_module(values), false, 0);
	return r;
}

static int read_prior(struct weir_import *m, const json_t *root, struct weir_err *err)
{
	if (!json_is_string(json_object_get(root, "format_version")) || !json_is_object(json_object_get(root, "planned_values")))
		return weir_err_set(err, -EINVAL, "%s: not a plan as terraform show -json prints it", m->file);
	read_module(m, root_module(json_object_get(json_object_get(root, "prior_state"), "values")), false, 0);
	return 0;
}

static int read_aws(struct weir_import *m, json_t *root, struct weir_err *err)
{
	const char *key;
	json_t *list, *v;
	size_t i, known = 0;

	if (!json_is_object(root))
		return weir_err_set(err, -EINVAL, "%s: not what aws describe-* prints", m->file);
	json_object_foreach(root, key, list) {
		const struct import_row *row = row_find(import_aws_lists, key);

		if (!row && json_is_array(list))
			import_note(m, "%s: nothing known of %s: not placed", m->file, key);
		known += row != NULL;
		json_array_foreach(row && row->fn ? list : NULL, i, v)
			row->fn(m, v);
	}
	if (!known)
		import_note(m, "%s: no list of resources in it", m->file);
	return 0;
}

static int read_azure(struct weir_import *m, const json_t *root, struct weir_err *err)
{
	json_t *v;
	size_t i;

	if (json_is_object(root) && json_is_array(json_object_get(root, "value")))
		root = json_object_get(root, "value");
	if (!json_is_array(root))
		return weir_err_set(err, -EINVAL, "%s: not what az network ... list prints", m->file);
	json_array_foreach(root, i, v)
		import_azure_resource(m, v);
	return 0;
}

static int parse(struct weir_import *m, const char *name, const char *data, size_t len, json_t **ret, struct weir_err *err)
{
	json_error_t why;

	m->file = name;
	*ret = json_loadb(data, len, 0, &why);
	return *ret ? 0 : weir_err_set(err, -EINVAL, "%s:%d:%d .: %s", name, why.line, why.column, why.text);
}

int weir_import_add_prior(struct weir_import *m, const char *name, const char *data, size_t len, struct weir_err *err)
{
	weir_cleanup(json_freep) json_t *root = NULL;
	int r = parse(m, name, data, len, &root, err);

	return r ? r : read_prior(m, root, err);
}

static int add_from(struct weir_import *m, enum weir_import_from from, json_t *root, struct weir_err *err)
{
	if (from == WEIR_IMPORT_TERRAFORM)
		return read_terraform(m, root, err);
	return from == WEIR_IMPORT_AWS ? read_aws(m, root, err) : read_azure(m, root, err);
}

int weir_import_add(struct weir_import *m, const char *name, const char *data, size_t len, struct weir_err *err)
{
	weir_cleanup(json_freep) json_t *root = NULL;
	int r = parse(m, name, data, len, &root, err);

	return r ? r : add_from(m, m->from, root, err);
}

int weir_import_add_any(struct weir_import *m, const char *name, const char *data, size_t len, struct weir_err *err)
{
	weir_cleanup(json_freep) json_t *root = NULL;
	enum weir_import_from from = WEIR_IMPORT_AWS;
	int r = parse(m, name, data, len, &root, err);

	if (r)
		return r;
	if (json_is_string(json_object_get(root, "format_version")))
		from = WEIR_IMPORT_TERRAFORM;
	else if (json_is_array(root) || json_is_array(json_object_get(root, "value")))
		from = WEIR_IMPORT_AZURE;
	return add_from(m, from, root, err);
}
