/* SPDX-License-Identifier: Apache-2.0 */
/* A workload's labels, up to the first line's end, and an Allocation document behind it: whatever they say, nothing is lost. */
#include "lib/money/alloc.h"
#include "tests/fuzz/fuzz.h"

#define HOUR_S 1795500000ull

static int add(struct weir_alloc *a, const char *labels, const char *name, const char *peer, bool sent)
{
	const struct weir_traffic t = {.hour_s = HOUR_S, .domain = "aws/1/vpc", .dir = sent, .opened = true, .bytes = 1000, .node = "n",
				       .namespace = "shop", .workload = name, .kind = "pod", .team = "shop", .labels = labels,
				       .peer_namespace = "shop", .peer_workload = peer, .peer_team = "shop"};

	return weir_alloc_row(a, &t, "nat-a");
}

static void allocate(const struct weir_allocation *rules, const char *labels)
{
	weir_auto_alloc struct weir_alloc *a = NULL;
	char buf[WEIR_ALLOC_KEY_MAX];
	int64_t sum = 0;

	MUST(!weir_alloc_new(rules, weir_allocation_payer(rules), &a));
	MUST(!add(a, labels, "web", "db", true) && !add(a, "", "db", "web", false) && !add(a, labels, "web", "", true));
	for (size_t i = 0; i < 3; i++)
		weir_alloc_charge(a, i, 1000003 + (int64_t)i, 7);
	MUST(!weir_alloc_hour(a, HOUR_S, "aws/1/vpc", "nat-a", "", 45000001));
	MUST(!weir_alloc_hour(a, HOUR_S + 3600, "aws/1/vpc", "nat-a", "", 45000001));
	MUST(!weir_alloc_settle(a));
	for (size_t i = 0; i < weir_alloc_count(a); i++) {
		const struct weir_alloc_share *s = weir_alloc_at(a, i);

		sum += s->nanos;
		for (enum weir_alloc_by by = WEIR_ALLOC_TEAM; by <= WEIR_ALLOC_LABEL; by++)
			MUST(strlen(weir_alloc_key(s, by, "team", buf)) < 4096);
	}
	MUST(sum == weir_alloc_total(a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_free char *text = malloc(len + 1);
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_allocation *rules = NULL;
	struct weir_err err = {0};
	char labels[4096];
	size_t line;
	int r;

	MUST(text && !weir_allocation_new(&rules));
	memcpy(text, data, len);
	text[len] = '\0';
	line = strcspn(text, "\n");
	snprintf(labels, sizeof(labels), "%.*s", (int)WEIR_MIN(line, sizeof(labels) - 1), text);
	line += line < len;
	r = weir_ydoc_parse(text + line, len - line, "a.yaml", &doc, &err);
	for (size_t i = 0; !r && i < weir_ydoc_count(doc); i++)
		r = weir_allocation_add(rules, weir_ydoc_root(doc, i), &err);
	MUST(!r || *err.text);
	if (!r)
		allocate(rules, labels);
	weir_allocation_free(rules);
	return 0;
}
