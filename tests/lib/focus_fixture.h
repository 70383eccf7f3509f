/* SPDX-License-Identifier: Apache-2.0 */
/* Small requirements models and CSV files in memory, and the check over them. */
#ifndef WEIR_TEST_FOCUS_FIXTURE_H
#define WEIR_TEST_FOCUS_FIXTURE_H

#include <sys/mman.h>

#include "lib/money/focus_check.h"

/* A model of the rules given, of a FOCUS version that has no known defects, with two criteria. */
#define FOCUS_MODEL(rules)                                                                                         \
	"{\"Details\":{\"FOCUSVersion\":\"test\"},\"ApplicabilityCriteria\":{\"CAN_A\":{},\"CAN_B\":{}},"          \
	"\"ModelDatasets\":{\"CostAndUsage\":{}},\"ModelRules\":{" rules "}}"
#define FOCUS_RULE_OF(id, type, keyword, criteria, condition, requirement)                                         \
	"\"" id "\":{\"Reference\":\"ref\",\"Type\":\"" type "\",\"ApplicabilityCriteria\":[" criteria             \
	"],\"ValidationCriteria\":{\"MustSatisfy\":\"" id " is kept\",\"Keyword\":\"" keyword                      \
	"\",\"Condition\":{" condition "},\"Requirement\":{" requirement "},\"Dependencies\":[]}}"
#define FOCUS_RULE(id, keyword, condition, requirement)                                                            \
	FOCUS_RULE_OF(id, "Static", keyword, "", condition, requirement)

struct focus_file {
	int fd;
	char path[40];
};

static inline struct focus_file focus_file(const void *data, size_t len)
{
	struct focus_file f = {.fd = memfd_create("input", MFD_CLOEXEC)};

	if (f.fd < 0 || write(f.fd, data, len) != (ssize_t)len)
		abort();
	snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.fd);
	return f;
}

/* 0 with a report, else -errno with err. */
static inline int focus_run(const struct weir_focus_model *m, const struct weir_focus_options *o, const void *csv,
			    size_t len, struct weir_focus_report **ret, struct weir_err *err)
{
	struct focus_file f = focus_file(csv, len);
	weir_auto_csv struct weir_csv *c = NULL;
	int r = weir_csv_open(f.path, &c, err);

	close(f.fd);
	return r ? r : weir_focus_check(m, o, c, ret, err);
}

/* By its id; NULL when there is none. */
static inline const struct weir_focus_result *focus_result(const struct weir_focus_model *m,
							   const struct weir_focus_report *r, const char *id)
{
	for (size_t i = 0; i < m->rule_count; i++)
		if (!strcmp(m->rules[i].id, id))
			return &r->results[i];
	return NULL;
}

#endif
