/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: the parser, and every getter on every node. */
#include "lib/conf/yaml.h"
#include "tests/fuzz/fuzz.h"

static void read_scalar(struct weir_y *y)
{
	static const char *const names[] = {"enforce", "audit", NULL};
	struct weir_err err = {0};
	struct weir_prefix prefix;
	struct weir_addr addr;
	const char *text;
	uint64_t number;
	unsigned int n;
	int64_t nanos;
	bool yes;

	(void)weir_y_str(y, &text, &err);
	(void)weir_y_u64(y, 1, UINT64_MAX, &number, &err);
	(void)weir_y_bool(y, &yes, &err);
	(void)weir_y_enum(y, names, &n, &err);
	(void)weir_y_rate(y, &number, &err);
	(void)weir_y_size(y, &number, &err);
	(void)weir_y_duration(y, &number, &err);
	(void)weir_y_prefix(y, &prefix, &err);
	(void)weir_y_addr(y, &addr, &err);
	(void)weir_y_nanos(y, &nanos, &err);
	(void)weir_y_time(y, &number, &err);
}

static void read_node(struct weir_y *y)
{
	struct weir_err err = {0};

	if (weir_y_kind(y) == WEIR_Y_SCALAR)
		return read_scalar(y);
	for (size_t i = 0; i < weir_y_count(y); i++)
		read_node(weir_y_item(y, i));
	if (weir_y_kind(y) == WEIR_Y_MAP)
		(void)weir_y_end(y, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_err err = {0};
	struct weir_y *spec;

	if (weir_ydoc_parse((const char *)data, len, "input.yaml", &doc, &err)) {
		MUST(*err.text);
		return 0;
	}
	for (size_t i = 0; i < weir_ydoc_count(doc); i++) {
		(void)weir_y_head(weir_ydoc_root(doc, i), "FlowPolicy", &spec, &err);
		read_node(weir_ydoc_root(doc, i));
	}
	return 0;
}
