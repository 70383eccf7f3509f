/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of providers: imports of each kind, what a plan begins with, and range files, plain and packed. */
#include "lib/money/import.h"
#include "lib/money/topology.h"
#include "tests/fuzz/fuzz.h"

static void on_note(const char *line, void *arg)
{
	(void)arg;
	for (const char *p = line; *p; p++)
		MUST((unsigned char)*p >= ' '); /* it goes to a terminal */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct weir_topology *t = NULL;
	struct weir_err none = {0};

	for (unsigned int from = 0; from <= WEIR_IMPORT_FROMS; from++) {
		bool prior = from == WEIR_IMPORT_FROMS;
		struct weir_import *m = NULL;
		struct weir_err err = {0};
		char *text = NULL;
		int r;

		MUST(weir_import_new(prior ? WEIR_IMPORT_TERRAFORM : from, on_note, NULL, &m) == 0);
		if (prior)
			r = weir_import_add_prior(m, "input.json", (const char *)data, len, &err);
		else
			r = weir_import_add(m, "input.json", (const char *)data, len, &err);
		MUST(r == 0 || err.text[0]);
		if (r == 0 && weir_import_write(m, &text, &err) == 0)
			MUST(strstr(text, "kind: Topology"));
		free(text);
		weir_import_free(m);
	}
	MUST(weir_topology_new(&t) == 0);
	if (weir_topology_add_ranges(t, "input.json", data, len, &none) == 0)
		MUST(weir_topology_seal(t, &none) == 0);
	else
		MUST(none.text[0]);
	weir_topology_free(t);
	return 0;
}
