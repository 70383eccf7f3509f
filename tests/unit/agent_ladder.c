/* SPDX-License-Identifier: Apache-2.0 */
/* The capability ladder: which refusals end the start, with which sentence, and which do not. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/probe_ladder.h"
#include "tests/lib/test.h"

TEST(what_is_needed_and_refused_is_one_sentence)
{
	static const enum rung needed[] = {RUNG_BTF,	 RUNG_SKB_IN, RUNG_SKB_OUT, RUNG_SOCKOPS,
					   RUNG_CMPXCHG, RUNG_CLOCK,  RUNG_STORAGE, RUNG_MMAP};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(needed); i++) {
		struct ladder l = {.said = {[RUNG_TCX] = -EINVAL}};
		struct weir_err err = {0};

		l.said[needed[i]] = -EINVAL;
		CHECK(ladder_check(&l, &err) == -EINVAL, "%s", ladder_name(needed[i]));
		CHECK(strstr(err.text, ladder_name(needed[i])) && strstr(err.text, "5.15 or newer"), "%s", err.text);
		CHECK(!strchr(err.text, '\n'), "%s", err.text);
	}
}

TEST(the_rest_has_a_next_best)
{
	struct ladder l = {0};
	struct weir_err err = {0};

	for (enum rung i = RUNG_TC; i < RUNGS; i++) {
		weir_auto_free char *text = NULL;

		l.said[i] = -ENOENT;
		text = ladder_refusal(&l, i);
		CHECK(text && strstr(text, "errno 2 ") && strstr(text, "; instead: "), "%s", text);
		CHECK(text && !strstr(text, "cannot run"), "%s", text);
	}
	CHECK(ladder_check(&l, &err) == 0, "%s", err.text);
	l.said[RUNG_TC] = 0;
	CHECK(!ladder_refusal(&l, RUNG_TC), "what is given is not refused");
}

TEST(a_lack_of_rights_is_not_blamed_on_the_kernel)
{
	struct ladder l = {.said = {[RUNG_SKB_IN] = -EPERM}};
	struct weir_err err = {0};

	CHECK(ladder_check(&l, &err) == -EPERM, "%s", err.text);
	CHECK(strstr(err.text, "run as root") && !strstr(err.text, "5.15"), "%s", err.text);
}

/* The kernel itself, asked by somebody without rights: in a child, as they do not come back. */
TEST(without_rights_the_kernel_is_asked_and_refuses)
{
	struct ladder l;
	pid_t child;
	int status;

	ladder_ask(&l);
	CHECK(ladder_has(&l, RUNG_SKB_IN) && ladder_has(&l, RUNG_CMPXCHG), "root is refused: %d %d",
	      l.said[RUNG_SKB_IN], l.said[RUNG_CMPXCHG]);
	child = fork();
	if (!child) {
		if (setuid(65534))
			_exit(2);
		ladder_ask(&l);
		_exit(ladder_check(&l, NULL) != -EPERM);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0, "status %d", status);
}

TEST_MAIN(T(what_is_needed_and_refused_is_one_sentence), T(the_rest_has_a_next_best),
	  T(a_lack_of_rights_is_not_blamed_on_the_kernel),
	  T_ROOT(without_rights_the_kernel_is_asked_and_refuses))
