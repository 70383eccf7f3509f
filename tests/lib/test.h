/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test is a program: TEST(name) { ... CHECK(cond, "format", ...) ... } and TEST_MAIN(name, ...).
 * It prints one line "ok NAME" / "not ok NAME" / "skip NAME: reason" per test and exits 1 when any
 * failed; tests/run counts the lines.
 */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct test_state {
	int failed;
	const char *skipped;
};
#define TEST(name) static void name(struct test_state *test_st)
#define CHECK(cond, ...)                                                        \
	do {                                                                    \
		if (!(cond)) {                                                  \
			printf("# %s:%d: %s:", __FILE__, __LINE__, #cond);      \
			printf(" " __VA_ARGS__);                                \
			printf("\n");                                           \
			test_st->failed++;                                      \
		}                                                               \
	} while (0)
#define SKIP(reason) ((void)(test_st->skipped = (reason)))

struct test_case {
	const char *name;
	void (*fn)(struct test_state *);
	int root; /* skipped when anybody else runs it */
};

static inline int test_main(const struct test_case *cases, size_t n)
{
	int bad = 0;

	for (size_t i = 0; i < n; i++) {
		struct test_state st = {0};

		if (cases[i].root && geteuid())
			st.skipped = "needs root";
		else
			cases[i].fn(&st);
		if (st.failed)
			printf("not ok %s\n", cases[i].name);
		else if (st.skipped)
			printf("skip %s: %s\n", cases[i].name, st.skipped);
		else
			printf("ok %s\n", cases[i].name);
		fflush(stdout);
		bad += st.failed != 0;
	}
	return bad != 0;
}
/* TEST_MAIN(T(a), T(b), T_ROOT(what_only_root_can_do)) */
#define T(fn) {#fn, fn, 0}
#define T_ROOT(fn) {#fn, fn, 1}
#define TEST_MAIN(...)                                                          \
	int main(void)                                                          \
	{                                                                       \
		static const struct test_case cases[] = {__VA_ARGS__};          \
		return test_main(cases, sizeof(cases) / sizeof(cases[0]));      \
	}

#endif
