/* SPDX-License-Identifier: Apache-2.0 */
/* A policy text in force in a loaded data plane: compiled for one subnet, subjects as given. */
#ifndef WEIR_TEST_BUNDLE_FIXTURE_H
#define WEIR_TEST_BUNDLE_FIXTURE_H

#include "lib/ds/buf.h"
#include "tests/lib/probe_fixture.h"

static const char bundle_fixture_topology[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
	"  domain: aws/1/vpc\n  provider: aws\n  account: '1'\n"
	"  zones:\n  - {id: use1-az1, region: us-east-1}\n"
	"  prefixes: [10.7.0.0/16, 'fd07:1::/32']\n  nat:\n  - {name: nat-a, zone: use1-az1}\n"
	"  subnets:\n  - name: a\n    cidrs: [10.7.1.0/24, 'fd07:1:1::/64']\n    zone: use1-az1\n"
	"    routes: [{to: 0.0.0.0/0, via: 'nat:nat-a'}, {to: '::/0', via: igw}]\n";

static inline int bundle_fixture_set(const char *text, struct weir_policy_set *set, struct weir_err *err)
{
	struct weir_ydoc *doc = NULL;
	int r = weir_ydoc_parse(text, strlen(text), "policy", &doc, err);

	for (size_t i = 0; !r && i < weir_ydoc_count(doc); i++)
		r = weir_policy_set_add(set, weir_ydoc_root(doc, i), err);
	weir_ydoc_free(doc);
	return r ? r : weir_policy_set_seal(set, err);
}

static inline int bundle_fixture_plan(struct weir_topology *t, struct weir_err *err)
{
	struct weir_ydoc *doc = NULL;
	int r = weir_ydoc_parse(bundle_fixture_topology, strlen(bundle_fixture_topology), "topology", &doc, err);

	if (!r)
		r = weir_topology_add(t, weir_ydoc_root(doc, 0), err);
	weir_ydoc_free(doc);
	return r ? r : weir_topology_seal(t, err);
}

/* Workload index 1 is a subject with the label app: x; all others are unidentified. */
static inline int bundle_fixture_switch(struct fixture *f, const char *text, const struct weir_failsafe *safe,
					size_t safe_count, struct weir_err *err)
{
	static const struct weir_label app = {"app", "x"};
	const struct weir_subject subject = {.namespace = "n", .name = "s", .labels = &app, .label_count = 1};
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_policy_set *set = NULL;
	struct weir_topology *plan = NULL;
	struct weir_bundle *bundle = NULL;
	struct weir_tables *t = NULL;
	uint32_t subject_of[2] = {0};
	int r = weir_policy_set_new(&set);

	if (!r)
		r = weir_topology_new(&plan);
	if (!r && !(r = bundle_fixture_plan(plan, err)) && !(r = bundle_fixture_set(text, set, err)) &&
	    !(r = weir_bundle_compile(set, plan, "aws/1/vpc/a", safe, safe_count, &bytes, err)) &&
	    !(r = weir_bundle_parse(bytes.data, bytes.len, &bundle, err)) &&
	    !(r = weir_tables_build(bundle, &subject, 1, &t, err))) {
		subject_of[1] = t->class_of[0];
		r = probe_switch(f->probe, t, subject_of, WEIR_ARRAY_SIZE(subject_of), err);
	}
	weir_tables_free(t);
	weir_bundle_free(bundle);
	weir_topology_free(plan);
	weir_policy_set_free(set);
	return r;
}

#endif
