/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of policies to tables, and to a loaded data plane: compiled for RANDOM_CLASS. */
#ifndef WEIR_TEST_BUNDLE_FIXTURE_H
#define WEIR_TEST_BUNDLE_FIXTURE_H

#include "lib/ds/buf.h"
#include "tests/lib/probe_fixture.h"
#include "tests/lib/random_policy.h"

/* Of one text. */
struct compiled {
	struct weir_bundle *bundle;
	struct weir_tables *tables;
};

static inline void compiled_fini(struct compiled *c)
{
	weir_tables_free(c->tables);
	weir_bundle_free(c->bundle);
	*c = (struct compiled){0};
}
#define auto_compiled weir_cleanup(compiled_fini) struct compiled

static inline int bundle_fixture_set(const char *text, struct weir_policy_set *set, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	int r = weir_ydoc_parse(text, strlen(text), "policy", &doc, err);

	for (size_t i = 0; !r && i < weir_ydoc_count(doc); i++)
		r = weir_policy_set_add(set, weir_ydoc_root(doc, i), err);
	return r ? r : weir_policy_set_seal(set, err);
}

/* Whatever *ret held is gone, also after a failure. */
static inline int bundle_fixture_compile(const char *text, const struct weir_failsafe *safe,
					 size_t safe_count, const struct weir_subject *subjects,
					 size_t subject_count, struct compiled *ret, struct weir_err *err)
{
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_topology *topology = NULL;
	struct weir_policy_set *set = NULL;
	int r = random_topology(&topology, err);

	compiled_fini(ret);
	if (!r)
		r = weir_policy_set_new(&set);
	if (!r)
		r = bundle_fixture_set(text, set, err);
	if (!r)
		r = weir_bundle_compile(set, topology, RANDOM_CLASS, safe, safe_count, &bytes, err);
	if (!r)
		r = weir_bundle_parse(bytes.data, bytes.len, &ret->bundle, err);
	if (!r)
		r = weir_tables_build(ret->bundle, subjects, subject_count, &ret->tables, err);
	weir_policy_set_free(set);
	weir_topology_free(topology);
	return r;
}

/* In force. Workload index 1 is a subject with the label app: x; all others are unidentified. */
static inline int bundle_fixture_switch(struct fixture *f, const char *text, const struct weir_failsafe *safe,
					size_t safe_count, struct weir_err *err)
{
	static const struct weir_label app = {"app", "x"};
	const struct weir_subject subject = {.namespace = "n", .name = "s", .labels = &app, .label_count = 1};
	auto_compiled c = {0};
	uint32_t subject_of[2] = {0};
	int r = bundle_fixture_compile(text, safe, safe_count, &subject, 1, &c, err);

	if (r)
		return r;
	subject_of[1] = c.tables->class_of[0];
	return probe_switch(f->probe, c.tables, subject_of, WEIR_ARRAY_SIZE(subject_of), err);
}

/* A policy for every workload with these lines below its tier, such as "  egress: [{action: deny}]". */
static inline int bundle_fixture_rules(struct fixture *f, const char *rules, struct weir_err *err)
{
	weir_auto_free char *text =
		weir_strf("apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\n"
			  "spec:\n  tier: admin\n%s", rules);

	return text ? bundle_fixture_switch(f, text, NULL, 0, err) : -ENOMEM;
}

#endif
