/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of rules to tables in the kernel, for tests of the loaded program. */
#ifndef WEIR_TEST_POLICY_FIXTURE_H
#define WEIR_TEST_POLICY_FIXTURE_H

#include "lib/ds/buf.h"
#include "tests/lib/probe_fixture.h"

/* A policy for every workload with these egress rules, such as "  - action: deny". */
static inline int fixture_apply(struct fixture *f, const char *egress, struct weir_err *err)
{
	static const char topology_text[] =
		"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
		"  domain: aws/1/vpc\n  provider: aws\n  account: '1'\n"
		"  zones:\n  - {id: z1, region: r1}\n  prefixes: [10.7.0.0/16]\n  subnets:\n"
		"  - {name: a, cidrs: [10.7.1.0/24], zone: z1, routes: [{to: 0.0.0.0/0, via: igw}]}\n";
	const uint32_t subject_of[2] = {0};
	weir_auto_free char *text =
		weir_strf("apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\nspec:\n"
			  "  tier: baseline\n  priority: 1\n  subject: {}\n  egress:\n%s\n", egress);
	struct weir_ydoc *topology_doc = NULL, *policy_doc = NULL;
	struct weir_policy_set *set = NULL;
	struct weir_topology *topology = NULL;
	struct weir_bundle *bundle = NULL;
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_tables *t = NULL;
	int r;

	weir_topology_new(&topology);
	weir_policy_set_new(&set);
	if (!(r = weir_ydoc_parse(topology_text, strlen(topology_text), "topology", &topology_doc, err)) &&
	    !(r = weir_topology_add(topology, weir_ydoc_root(topology_doc, 0), err)) &&
	    !(r = weir_topology_seal(topology, err)) &&
	    !(r = weir_ydoc_parse(text, strlen(text), "policy", &policy_doc, err)) &&
	    !(r = weir_policy_set_add(set, weir_ydoc_root(policy_doc, 0), err)) &&
	    !(r = weir_policy_set_seal(set, err)) &&
	    !(r = weir_bundle_compile(set, topology, "aws/1/vpc/a", NULL, 0, &bytes, err)) &&
	    !(r = weir_bundle_parse(bytes.data, bytes.len, &bundle, err)) &&
	    !(r = weir_tables_build(bundle, NULL, 0, &t, err)))
		r = probe_switch(f->probe, t, subject_of, 2, err);
	weir_tables_free(t);
	weir_bundle_free(bundle);
	weir_policy_set_free(set);
	weir_topology_free(topology);
	weir_ydoc_free(policy_doc);
	weir_ydoc_free(topology_doc);
	return r;
}

#endif
