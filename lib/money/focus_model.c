/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/focus_model.h"

#include <stdarg.h>

#include "lib/money/focus_model_impl.h"
#include "lib/os/file.h"

static void rule_fini(struct weir_focus_rule *r)
{
	free(r->id);
	free(r->keyword);
	free(r->reference);
	free(r->text);
	free(r->parents);
	free(r->depends);
	focus_expr_free(r->requirement);
	focus_expr_free(r->condition);
	focus_expr_free(r->published_requirement);
	focus_expr_free(r->published_condition);
}

void weir_focus_model_free(struct weir_focus_model *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->rule_count; i++)
		rule_fini(&m->rules[i]);
	for (size_t i = 0; i < m->column_count; i++)
		free(m->columns[i]);
	for (size_t i = 0; i < m->criterion_count; i++)
		free(m->criteria[i]);
	free(m->rules);
	free(m->columns);
	free(m->criteria);
	free(m->order);
	free(m->version);
	free(m->dataset);
	free(m);
}

int focus_bad(const struct focus_load *l, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return weir_err_set(l->err, -EINVAL, "%s: %s%s%s", l->name, l->rule ? l->rule : "", l->rule ? ": " : "",
			    text);
}

int focus_string(const struct focus_load *l, const json_t *o, const char *key, size_t max, char **ret)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v))
		return focus_bad(l, "%s is missing, or no text", key);
	if (!json_string_length(v) || json_string_length(v) > max ||
	    strlen(json_string_value(v)) != json_string_length(v))
		return focus_bad(l, "%s must have 1 to %zu bytes", key, max);
	*ret = strdup(json_string_value(v));
	return *ret ? 0 : -ENOMEM;
}

static int load_keyword(const struct focus_load *l, const json_t *criteria, struct weir_focus_rule *rule)
{
	static const struct {
		const char *name;
		enum weir_focus_level level;
	} keywords[] = {
		{"MUST", WEIR_FOCUS_MUST},
		{"MUST NOT", WEIR_FOCUS_MUST},
		{"REQUIRED", WEIR_FOCUS_MUST},
		{"SHALL", WEIR_FOCUS_MUST},
		{"SHALL NOT", WEIR_FOCUS_MUST},
		{"SHOULD", WEIR_FOCUS_SHOULD},
		{"SHOULD NOT", WEIR_FOCUS_SHOULD},
		{"RECOMMENDED", WEIR_FOCUS_SHOULD},
		{"NOT RECOMMENDED", WEIR_FOCUS_SHOULD},
		{"MAY", WEIR_FOCUS_MAY},
		{"OPTIONAL", WEIR_FOCUS_MAY},
	};
	int r = focus_string(l, criteria, "Keyword", WEIR_FOCUS_NAME_MAX, &rule->keyword);

	if (r)
		return r;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(keywords); i++) {
		if (strcmp(rule->keyword, keywords[i].name) != 0)
			continue;
		rule->level = keywords[i].level;
		return 0;
	}
	return focus_bad(l, "unknown Keyword %s", rule->keyword);
}

static int load_criteria(const struct focus_load *l, const json_t *list, struct weir_focus_rule *rule)
{
	struct weir_err err = {0};

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		uint64_t bit = 0;

		if (!name || !*name || strchr(name, ',') || weir_focus_criteria(l->m, name, &bit, &err))
			return focus_bad(l, "ApplicabilityCriteria: %.60s is none of the model's",
					 name ? name : "(no text)");
		rule->criteria |= bit;
	}
	return 0;
}

static int load_depends(const struct focus_load *l, const json_t *list, struct weir_focus_rule *rule)
{
	size_t n = json_array_size(list);

	if (!n)
		return 0;
	rule->depends = calloc(n, sizeof(*rule->depends));
	if (!rule->depends)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *id = json_string_value(json_array_get(list, i));
		size_t at = id ? (size_t)weir_map_find(l->rules, id, strlen(id)) : 0;

		if (!at)
			return focus_bad(l, "depends on rule %.60s, which is not there", id ? id : "(no text)");
		rule->depends[rule->depend_count++] = at - 1;
	}
	return 0;
}

/* What is published goes beside what is in force; it may be malformed, that being its defect. */
static int load_corrected(struct focus_load *l, struct weir_focus_rule *rule, const json_t *requirement,
			  const json_t *condition)
{
	const struct weir_focus_defect *d = rule->defect;
	struct weir_err *err = l->err, ignored = {0};
	int r;

	r = d->requirement ? focus_expr_text(l, d->requirement, &rule->requirement)
			   : focus_expr_load(l, requirement, &rule->requirement);
	if (!r)
		r = d->condition ? focus_expr_text(l, d->condition, &rule->condition)
				 : focus_condition_load(l, condition, &rule->condition);
	if (r)
		return r;
	l->err = &ignored;
	r = focus_expr_load(l, requirement, &rule->published_requirement);
	if (!r)
		r = focus_condition_load(l, condition, &rule->published_condition);
	l->err = err;
	if (r == -EINVAL) {
		focus_expr_free(weir_take_ptr(rule->published_requirement));
		r = 0;
	}
	return r;
}

static int load_rule(struct focus_load *l, const char *id, const json_t *o, struct weir_focus_rule *rule)
{
	const json_t *v = json_object_get(o, "ValidationCriteria"), *type = json_object_get(o, "Type");
	const json_t *requirement = json_object_get(v, "Requirement"), *condition = json_object_get(v, "Condition");
	int r;

	if (!json_is_object(v))
		return focus_bad(l, "ValidationCriteria is missing");
	rule->dynamic = json_is_string(type) && !strcmp(json_string_value(type), "Dynamic");
	r = focus_string(l, o, "Reference", WEIR_FOCUS_NAME_MAX, &rule->reference);
	if (!r)
		r = focus_string(l, v, "MustSatisfy", WEIR_FOCUS_TEXT_MAX, &rule->text);
	if (!r)
		r = load_keyword(l, v, rule);
	if (!r)
		r = load_criteria(l, json_object_get(o, "ApplicabilityCriteria"), rule);
	if (!r)
		r = load_depends(l, json_object_get(v, "Dependencies"), rule);
	if (r || rule->dynamic)
		return r;
	rule->defect = weir_focus_defect_find(l->m->version, id);
	if (rule->defect) {
		r = load_corrected(l, rule, requirement, condition);
	} else {
		r = focus_expr_load(l, requirement, &rule->requirement);
		if (!r)
			r = focus_condition_load(l, condition, &rule->condition);
	}
	return r || rule->requirement ? r : focus_bad(l, "a static rule without a Requirement");
}

static int load_rules(struct focus_load *l, json_t *rules)
{
	struct weir_focus_model *m = l->m;
	size_t n = json_object_size(rules), i = 0;
	const char *id;
	json_t *o;
	int r = 0;

	if (!n || n > WEIR_FOCUS_RULES_MAX)
		return focus_bad(l, "ModelRules must be 1 to %d rules", WEIR_FOCUS_RULES_MAX);
	m->rules = calloc(n, sizeof(*m->rules));
	if (!m->rules)
		return -ENOMEM;
	json_object_foreach (rules, id, o) {
		if (!*id || strlen(id) > WEIR_FOCUS_NAME_MAX)
			return focus_bad(l, "a rule's id must have 1 to %d bytes", WEIR_FOCUS_NAME_MAX);
		m->rules[m->rule_count].id = strdup(id);
		if (!m->rules[m->rule_count].id)
			return -ENOMEM;
		m->rule_count++;
		r = weir_map_put(l->rules, id, strlen(id), (void *)m->rule_count, NULL);
		if (r)
			return r;
	}
	json_object_foreach (rules, id, o) {
		l->rule = id;
		r = load_rule(l, id, o, &m->rules[i++]);
		if (r)
			return r;
	}
	l->rule = NULL;
	return 0;
}

static int add_parents(struct weir_focus_model *m, const struct weir_focus_expr *e, size_t parent)
{
	struct weir_focus_rule *child;
	size_t *parents;
	int r = 0;

	for (size_t i = 0; !r && i < e->item_count; i++)
		r = add_parents(m, &e->items[i], parent);
	if (r || e->fn != WEIR_FOCUS_MODEL_RULE)
		return r;
	child = &m->rules[e->rule];
	parents = realloc(child->parents, (child->parent_count + 1) * sizeof(*parents));
	if (!parents)
		return -ENOMEM;
	child->parents = parents;
	child->parents[child->parent_count++] = parent;
	return 0;
}

static void release_children(const struct weir_focus_expr *e, size_t *waiting, struct weir_focus_model *m,
			     size_t *placed)
{
	for (size_t i = 0; i < e->item_count; i++)
		release_children(&e->items[i], waiting, m, placed);
	if (e->fn == WEIR_FOCUS_MODEL_RULE && !--waiting[e->rule])
		m->order[(*placed)++] = e->rule;
}

/* Kahn's order; a rule that never comes to stand is part of a circle. */
static int order_rules(struct focus_load *l)
{
	struct weir_focus_model *m = l->m;
	weir_auto_free size_t *waiting = calloc(m->rule_count, sizeof(*waiting));
	size_t placed = 0;
	int r = 0;

	m->order = calloc(m->rule_count, sizeof(*m->order));
	if (!waiting || !m->order)
		return -ENOMEM;
	for (size_t i = 0; !r && i < m->rule_count; i++)
		if (m->rules[i].requirement)
			r = add_parents(m, m->rules[i].requirement, i);
	if (r)
		return r;
	for (size_t i = 0; i < m->rule_count; i++) {
		waiting[i] = m->rules[i].parent_count;
		if (!waiting[i])
			m->order[placed++] = i;
	}
	for (size_t i = 0; i < placed; i++)
		if (m->rules[m->order[i]].requirement)
			release_children(m->rules[m->order[i]].requirement, waiting, m, &placed);
	for (size_t i = 0; placed < m->rule_count && i < m->rule_count; i++)
		if (waiting[i])
			return focus_bad(l, "rule %s refers to itself through other rules", m->rules[i].id);
	return 0;
}

static int load_head(struct focus_load *l, const json_t *root)
{
	json_t *criteria = json_object_get(root, "ApplicabilityCriteria");
	json_t *datasets = json_object_get(root, "ModelDatasets");
	struct weir_focus_model *m = l->m;
	const char *name;
	json_t *o;
	int r;

	r = focus_string(l, json_object_get(root, "Details"), "FOCUSVersion", WEIR_FOCUS_NAME_MAX, &m->version);
	if (r)
		return r;
	if (json_object_size(criteria) > WEIR_FOCUS_CRITERIA_MAX)
		return focus_bad(l, "more than %d ApplicabilityCriteria", WEIR_FOCUS_CRITERIA_MAX);
	m->criteria = calloc(WEIR_FOCUS_CRITERIA_MAX, sizeof(*m->criteria));
	m->columns = calloc(WEIR_FOCUS_COLUMNS_MAX, sizeof(*m->columns));
	m->dataset = strdup(json_object_iter(datasets) ? json_object_iter_key(json_object_iter(datasets)) : "");
	if (!m->criteria || !m->columns || !m->dataset)
		return -ENOMEM;
	json_object_foreach (criteria, name, o) {
		m->criteria[m->criterion_count] = strdup(name);
		if (!m->criteria[m->criterion_count])
			return -ENOMEM;
		m->criterion_count++;
	}
	return 0;
}

int weir_focus_model_parse(const char *text, size_t len, const char *name, struct weir_focus_model **ret,
			   struct weir_err *err)
{
	weir_auto_focus_model struct weir_focus_model *m = calloc(1, sizeof(*m));
	struct focus_load l = {.m = m, .name = name, .err = err};
	json_error_t where;
	json_t *root;
	int r = -ENOMEM;

	if (!m)
		return -ENOMEM;
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (!root)
		return weir_err_set(err, -EINVAL, "%s:%d: %s", name, where.line, where.text);
	if (!weir_map_new(&l.rules) && !weir_map_new(&l.columns))
		r = json_is_object(root) ? load_head(&l, root) : focus_bad(&l, "no JSON object");
	if (!r)
		r = load_rules(&l, json_object_get(root, "ModelRules"));
	if (!r)
		r = order_rules(&l);
	json_decref(root);
	weir_map_free(l.rules, NULL);
	weir_map_free(l.columns, NULL);
	if (!r)
		*ret = weir_take_ptr(m);
	return r;
}

int weir_focus_model_load(const char *path, struct weir_focus_model **ret, struct weir_err *err)
{
	weir_auto_free char *text = NULL;
	size_t len;
	int r = weir_file_read(path, WEIR_FOCUS_FILE_MAX, &text, &len);

	if (r == -EFBIG)
		return weir_err_set(err, r, "%s: more than %zu MiB", path, WEIR_FOCUS_FILE_MAX >> 20);
	if (r)
		return weir_err_set(err, r, "%s: %s", path, strerror(-r));
	return weir_focus_model_parse(text, len, path, ret, err);
}

int weir_focus_criteria(const struct weir_focus_model *m, const char *list, uint64_t *ret, struct weir_err *err)
{
	uint64_t bits = 0;

	if (list && !strcmp(list, "all")) {
		*ret = UINT64_MAX;
		return 0;
	}
	while (list && *list) {
		size_t len = strcspn(list, ","), i;

		for (i = 0; i < m->criterion_count; i++)
			if (strlen(m->criteria[i]) == len && !strncmp(m->criteria[i], list, len))
				break;
		if (i == m->criterion_count)
			return weir_err_set(err, -EINVAL, "'%.*s' is no applicability criterion of this model",
					    (int)WEIR_MIN(len, 80), list);
		bits |= (uint64_t)1 << i;
		list += len + (list[len] == ',');
	}
	*ret = bits;
	return 0;
}

bool weir_focus_is_composite(const struct weir_focus_rule *r)
{
	const struct weir_focus_expr *e = r->requirement;

	if (!e)
		return false;
	if (e->fn != WEIR_FOCUS_AND && e->fn != WEIR_FOCUS_OR)
		return e->fn == WEIR_FOCUS_MODEL_RULE;
	for (size_t i = 0; i < e->item_count; i++)
		if (e->items[i].fn != WEIR_FOCUS_MODEL_RULE)
			return false;
	return true;
}
