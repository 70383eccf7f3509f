/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as people write them, compiled for a small world, and from the bundle to kernel tables. */
#include "lib/policy/bundle.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/random_policy.h"

static struct weir_topology *world(void)
{
	static struct weir_topology *t;
	struct weir_err err = {0};

	if (!t)
		MUST(random_topology(&t, &err) == 0);
	return t;
}

static void build(const struct weir_policy_set *set)
{
	static const struct weir_label label = {"app", "x"};
	static const struct weir_subject subjects[] = {{"data", "n", &label, 1}, {"", "", NULL, 0}};
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_bundle *bundle = NULL;
	struct weir_tables *tables = NULL;
	struct weir_err err = {0};

	if (weir_bundle_compile(set, world(), RANDOM_CLASS, NULL, 0, &bytes, &err))
		return;
	/* What the compiler writes, the agent reads. */
	MUST(weir_bundle_parse(bytes.data, bytes.len, &bundle, &err) == 0);
	(void)weir_tables_build(bundle, subjects, WEIR_ARRAY_SIZE(subjects), &tables, &err);
	weir_tables_free(tables);
	weir_bundle_free(bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_policy_set *set = NULL;
	struct weir_err err = {0};
	int r;

	world();
	MUST(weir_policy_set_new(&set) == 0);
	MUST(weir_policy_set_list(set, "blocked", "blocked.txt", "192.0.2.0/24\n", 13, &err) == 0);
	r = weir_ydoc_parse((const char *)data, len, "input.yaml", &doc, &err);
	for (size_t i = 0; !r && i < weir_ydoc_count(doc); i++)
		r = weir_policy_set_add(set, weir_ydoc_root(doc, i), &err);
	if (!r)
		r = weir_policy_set_seal(set, &err);
	if (!r)
		build(set);
	MUST(!r || *err.text);
	weir_policy_set_free(set);
	return 0;
}
