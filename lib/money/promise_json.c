/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A promise as a file:
 *
 *   {"format": "weir-promise-1", "id": "R01-0123abcd", "rule": "R01", "what": "...", "currency": "USD",
 *    "saved_s": 1793491200, "from_s": 1790899200, "to_s": 1793491200,           evidence, Unix time
 *    "month_nanos": 984192000000, "low_nanos": ..., "high_nanos": ...,          what was promised, of 730 hours
 *    "extra_month_nanos": 0, "hour_nanos": 0,                                   promise.h
 *    "edits": [{"kind": "route", "domain": "aws/1/vpc-1", "subnet": "a", "service": "aws/s3", ...}],
 *    "undo":  [...],                                                            what brings back what was
 *    "crossings": [{"domain": ..., "balancer": ..., "workload": ..., "ppm": 666667}]}
 *
 * An edit has the fields of struct weir_edit that are not empty; to and address are texts. Unknown fields are passed over.
 */
#include "lib/money/promise_impl.h"

#define TEXTS 12
static const char *const edit_texts[TEXTS] = {"domain", "subnet", "name", "zone", "service", "via", "gateway", "target",
					      "workload_namespace", "workload", "peer_namespace", "peer_workload"};

static const char **edit_text(struct weir_edit *e, size_t i)
{
	const char **const at[TEXTS] = {&e->domain, &e->subnet, &e->name, &e->zone, &e->service, &e->via, &e->gateway, &e->target,
					&e->workload_namespace, &e->workload, &e->peer_namespace, &e->peer_workload};

	return at[i];
}

static json_t *edits_json(const struct weir_edit *edits, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		struct weir_edit e = edits[i];
		json_t *o = json_pack("{s:s}", "kind", weir_edit_name(e.kind));
		char text[50];

		for (size_t k = 0; k < TEXTS; k++)
			if (*edit_text(&e, k) && **edit_text(&e, k))
				json_object_set_new(o, edit_texts[k], json_string(*edit_text(&e, k)));
		if (!e.service || !*e.service)
			json_object_set_new(o, "to", json_string(weir_prefix_text(&e.to, text)));
		if (e.kind == WEIR_EDIT_ADDRESS)
			json_object_set_new(o, "address", json_string(weir_addr_text(&e.address, text)));
		json_object_set_new(o, "ppm", json_integer(e.ppm));
		json_object_set_new(o, "on", json_boolean(e.on));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *crossings_json(const struct weir_promise *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->crossing_count; i++) {
		const struct weir_crossing *c = &p->crossings[i];

		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I}", "domain", c->domain, "balancer", c->balancer,
						      "workload_namespace", c->workload_namespace, "workload", c->workload,
						      "peer_namespace", c->peer_namespace, "peer_workload", c->peer_workload, "ppm",
						      (json_int_t)c->ppm));
	}
	return list;
}

char *weir_promise_text(const struct weir_promise *p)
{
	weir_cleanup(rules_json_freep) json_t *root = json_pack(
		"{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "format", "weir-promise-1", "id", p->id, "rule",
		p->rule, "what", p->what, "currency", p->currency, "saved_s", (json_int_t)p->saved_s, "from_s",
		(json_int_t)p->from_s, "to_s", (json_int_t)p->to_s, "month_nanos", (json_int_t)p->month_nanos, "low_nanos",
		(json_int_t)p->low_nanos, "high_nanos", (json_int_t)p->high_nanos, "extra_month_nanos",
		(json_int_t)p->extra_month_nanos, "hour_nanos", (json_int_t)p->hour_nanos, "edits",
		edits_json(p->edits, p->edit_count), "undo", edits_json(p->undo, p->undo_count), "crossings", crossings_json(p));

	return root ? json_dumps(root, JSON_INDENT(1)) : NULL;
}

struct reading {
	struct weir_promise *p;
	const char *name;
	struct weir_err *err;
	int r;
};

static int bad(struct reading *x, const char *field)
{
	return x->r = weir_err_set(x->err, x->r == -ENOMEM ? -ENOMEM : -EINVAL, "%s: %s: is not what weirctl recommend --save wrote",
				   x->name, field);
}

static const char *text_of(struct reading *x, const json_t *o, const char *field)
{
	const json_t *v = json_object_get(o, field);

	if (v && !json_is_string(v))
		bad(x, field);
	return promise_string(x->p, json_string_value(v), &x->r);
}

static int64_t number_of(struct reading *x, const json_t *o, const char *field, int64_t min)
{
	const json_t *v = json_object_get(o, field);

	if (!json_is_integer(v) || json_integer_value(v) < min)
		bad(x, field);
	return json_integer_value(v);
}

static void read_edit(struct reading *x, const json_t *o, struct weir_edit *e)
{
	const char *kind = json_string_value(json_object_get(o, "kind")), *to = json_string_value(json_object_get(o, "to"));
	const char *address = json_string_value(json_object_get(o, "address"));
	unsigned int k = 0;

	while (k < WEIR_EDITS && (!kind || strcmp(weir_edit_name(k), kind) != 0))
		k++;
	if (k == WEIR_EDITS || (to && weir_prefix_parse(to, &e->to) < 0) || (address && weir_addr_parse(address, &e->address) < 0)) {
		bad(x, "edits");
		return;
	}
	e->kind = k;
	for (size_t i = 0; i < TEXTS; i++)
		*edit_text(e, i) = text_of(x, o, edit_texts[i]);
	e->ppm = (uint32_t)WEIR_MIN(number_of(x, o, "ppm", 0), UINT32_MAX);
	e->on = json_is_true(json_object_get(o, "on"));
}

static void read_edits(struct reading *x, const json_t *root, const char *field, struct weir_edit **list, size_t *count)
{
	const json_t *seq = json_object_get(root, field), *o;
	size_t i;

	if (!json_is_array(seq) || json_array_size(seq) > PROMISE_EDITS_MAX)
		bad(x, field);
	json_array_foreach(seq, i, o) {
		struct weir_edit *e = x->r ? NULL : promise_edit(list, count);

		if (!e) {
			x->r = x->r ? x->r : -ENOMEM;
			return;
		}
		read_edit(x, o, e);
	}
}

static void read_crossings(struct reading *x, const json_t *root)
{
	const json_t *seq = json_object_get(root, "crossings"), *o;
	size_t i;

	if (!json_is_array(seq) || json_array_size(seq) > PROMISE_EDITS_MAX)
		bad(x, "crossings");
	json_array_foreach(seq, i, o) {
		struct weir_crossing *c = x->r ? NULL : topo_grow(&x->p->crossings, &x->p->crossing_count, sizeof(*c));

		if (!c) {
			x->r = x->r ? x->r : -ENOMEM;
			return;
		}
		c->domain = text_of(x, o, "domain");
		c->balancer = text_of(x, o, "balancer");
		c->workload_namespace = text_of(x, o, "workload_namespace");
		c->workload = text_of(x, o, "workload");
		c->peer_namespace = text_of(x, o, "peer_namespace");
		c->peer_workload = text_of(x, o, "peer_workload");
		c->ppm = (uint32_t)WEIR_MIN(number_of(x, o, "ppm", 0), 1000000);
	}
}

int weir_promise_parse(const char *text, size_t len, const char *name, struct weir_promise **ret, struct weir_err *err)
{
	weir_auto_promise struct weir_promise *p = calloc(1, sizeof(*p));
	struct reading x = {.p = p, .name = name, .err = err};
	json_error_t why;
	weir_cleanup(rules_json_freep) json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	const char *format = json_string_value(json_object_get(root, "format"));

	if (!p)
		return -ENOMEM;
	if (!root)
		return weir_err_set(err, -EINVAL, "%s:%d: %s", name, why.line, why.text);
	if (!format || strcmp(format, "weir-promise-1") != 0)
		return bad(&x, "format");
	p->id = text_of(&x, root, "id");
	p->rule = text_of(&x, root, "rule");
	p->what = text_of(&x, root, "what");
	p->currency = text_of(&x, root, "currency");
	p->saved_s = (uint64_t)number_of(&x, root, "saved_s", 0);
	p->from_s = (uint64_t)number_of(&x, root, "from_s", 0);
	p->to_s = (uint64_t)number_of(&x, root, "to_s", 0);
	p->month_nanos = number_of(&x, root, "month_nanos", INT64_MIN);
	p->low_nanos = number_of(&x, root, "low_nanos", INT64_MIN);
	p->high_nanos = number_of(&x, root, "high_nanos", INT64_MIN);
	p->extra_month_nanos = number_of(&x, root, "extra_month_nanos", INT64_MIN);
	p->hour_nanos = number_of(&x, root, "hour_nanos", 0);
	read_edits(&x, root, "edits", &p->edits, &p->edit_count);
	read_edits(&x, root, "undo", &p->undo, &p->undo_count);
	read_crossings(&x, root);
	if (x.r == 0)
		*ret = weir_take_ptr(p);
	return x.r;
}
