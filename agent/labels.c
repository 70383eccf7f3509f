/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/labels.h"

#include <fnmatch.h>

struct labels {
	struct labels_rule *rules;
	size_t count;
};

static void rule_fini(struct labels_rule *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free((char *)r->labels[i].key);
		free((char *)r->labels[i].value);
	}
	free(r->labels);
	free(r->match);
	free(r->namespace);
}

void labels_free(struct labels *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++)
		rule_fini(&l->rules[i]);
	free(l->rules);
	free(l);
}

static void labels_freep(struct labels **l)
{
	labels_free(*l);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct weir_label *)a)->key, ((const struct weir_label *)b)->key);
}

static int get_labels(struct weir_y *y, struct labels_rule *r, struct weir_err *err)
{
	int e = weir_y_map(y, err);

	if (e < 0)
		return e;
	if (weir_y_count(y) > LABELS_MAX_PER_RULE)
		return weir_y_err(y, err, "at most %d labels", LABELS_MAX_PER_RULE);
	r->labels = calloc(weir_y_count(y) + 1, sizeof(*r->labels));
	if (!r->labels)
		return -ENOMEM;
	for (size_t i = 0; i < weir_y_count(y); i++) {
		const char *value;

		e = weir_y_str(weir_y_item(y, i), &value, err);
		if (e < 0)
			return e;
		r->labels[i].key = strdup(weir_y_key(y, i));
		r->labels[i].value = strdup(value);
		r->count = i + 1;
		if (!r->labels[i].key || !r->labels[i].value)
			return -ENOMEM;
	}
	qsort(r->labels, r->count, sizeof(*r->labels), by_key);
	return 0;
}

static int get_rule(struct weir_y *y, struct labels_rule *r, struct weir_err *err)
{
	const char *match, *ns = "";
	struct weir_y *v;
	int e = weir_y_map(y, err);

	if (e == 0)
		e = weir_y_get(y, "match", &v, err);
	if (e == 0)
		e = weir_y_str(v, &match, err);
	if (e < 0)
		return e;
	v = weir_y_find(y, "namespace");
	if (v)
		e = weir_y_str(v, &ns, err);
	if (e < 0)
		return e;
	r->match = strdup(match);
	r->namespace = strdup(ns);
	if (!r->match || !r->namespace)
		return -ENOMEM;
	v = weir_y_find(y, "labels");
	if (v)
		e = get_labels(v, r, err);
	return e < 0 ? e : weir_y_end(y, err);
}

static int want(struct weir_y *root, const char *key, const char *value, struct weir_err *err)
{
	struct weir_y *y;
	const char *s;
	int e = weir_y_get(root, key, &y, err);

	if (e == 0)
		e = weir_y_str(y, &s, err);
	if (e == 0 && strcmp(s, value))
		e = weir_y_err(y, err, "\"%s\" is not known here; want \"%s\"", s, value);
	return e;
}

static int get_file(struct weir_y *root, struct labels *l, struct weir_err *err)
{
	struct weir_y *seq;
	int e = weir_y_map(root, err);

	if (e == 0)
		e = want(root, "apiVersion", "weir.dev/v1alpha1", err);
	if (e == 0)
		e = want(root, "kind", "Labels", err);
	if (e == 0)
		e = weir_y_get(root, "workloads", &seq, err);
	if (e == 0)
		e = weir_y_seq(seq, err);
	if (e < 0)
		return e;
	if (weir_y_count(seq) > LABELS_MAX_RULES)
		return weir_y_err(seq, err, "at most %d workloads", LABELS_MAX_RULES);
	l->rules = calloc(weir_y_count(seq) + 1, sizeof(*l->rules));
	if (!l->rules)
		return -ENOMEM;
	for (size_t i = 0; i < weir_y_count(seq); i++) {
		l->count = i + 1;
		e = get_rule(weir_y_item(seq, i), &l->rules[i], err);
		if (e < 0)
			return e;
	}
	return weir_y_end(root, err);
}

int labels_load(const char *path, struct labels **ret, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	weir_cleanup(labels_freep) struct labels *l = calloc(1, sizeof(*l));
	int e;

	if (!l)
		return -ENOMEM;
	e = weir_ydoc_load(path, &doc, err);
	if (e < 0)
		return e;
	if (weir_ydoc_count(doc) != 1)
		return weir_err_set(err, -EINVAL, "%s:1:1 : want one document of kind Labels",
				    path);
	e = get_file(weir_ydoc_root(doc, 0), l, err);
	if (e < 0)
		return e;
	*ret = weir_take_ptr(l);
	return 0;
}

const struct labels_rule *labels_find(const struct labels *l, const char *path)
{
	for (size_t i = 0; l && i < l->count; i++) {
		if (!fnmatch(l->rules[i].match, path, 0))
			return &l->rules[i];
	}
	return NULL;
}
