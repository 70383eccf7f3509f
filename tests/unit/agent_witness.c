/* SPDX-License-Identifier: Apache-2.0 */
/* What a node keeps of the aggregator's audit log, and when it gives that up for something newer. */
#include "agent/witness.h"
#include "lib/base/log.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"

static char dir[] = "/tmp/weir-witness-XXXXXX";

static struct weir_chain_head head(uint64_t seq, uint8_t which)
{
	struct weir_chain_head h = {.seq = seq};

	memset(h.hash, which, sizeof(h.hash));
	memset(h.sig, 7, sizeof(h.sig));
	return h;
}

/* The sequence in a file of the state directory; 0 = there is none. */
static uint64_t kept(const char *name)
{
	weir_auto_free char *path = weir_strf("%s/%s", dir, name), *text = NULL;
	struct weir_chain_head h;
	size_t len;

	return weir_file_read(path, 4096, &text, &len) || weir_chain_head_parse(text, &h) ? 0 : h.seq;
}

static void see(struct witness *w, uint64_t seq, uint8_t which)
{
	const struct weir_chain_head h = head(seq, which);

	witness_see(w, &h);
}

static void remove_all(void)
{
	weir_auto_free char *command = weir_strf("rm -rf '%s'", dir);

	if (system(command))
		abort();
}

TEST(the_highest_is_kept_over_a_restart)
{
	struct witness *w = NULL;

	CHECK(mkdtemp(dir) != NULL);
	atexit(remove_all);
	weir_log_init("test", WEIR_LOG_ERR);
	CHECK(!witness_open(dir, true, &w) && !witness_highest(w)->seq);
	see(w, 5, 1);
	CHECK(witness_highest(w)->seq == 5 && kept("witness") == 5, "the first one needs no telling");
	witness_told(w);
	see(w, 6, 1);
	CHECK(kept("witness") == 6);
	witness_free(w);
	w = NULL;
	CHECK(!witness_open(dir, true, &w) && witness_highest(w)->seq == 6);
	witness_free(w);
}

TEST(what_is_held_is_told_before_it_is_given_up)
{
	struct witness *w = NULL;

	CHECK(!witness_open(dir, true, &w));
	see(w, 9, 2);
	CHECK(witness_highest(w)->seq == 6, "a log that was cut may have grown since");
	witness_told(w);
	see(w, 9, 2);
	CHECK(witness_highest(w)->seq == 9);
	witness_untold(w);
	see(w, 10, 2);
	CHECK(witness_highest(w)->seq == 9, "in each session");
	witness_free(w);
	w = NULL;
	CHECK(!witness_open(dir, false, &w));
	see(w, 11, 2);
	CHECK(witness_highest(w)->seq == 11, "with nobody to tell");
	witness_free(w);
}

TEST(a_log_that_went_back_is_evidence)
{
	struct witness *w = NULL;

	CHECK(!witness_open(dir, true, &w) && !kept("witness.before"));
	witness_told(w);
	see(w, 4, 2);
	CHECK(kept("witness.before") == 11 && witness_highest(w)->seq == 11);
	see(w, 20, 3);
	CHECK(kept("witness") == 20 && kept("witness.before") == 11, "it stays when the log goes on");
	see(w, 20, 4);
	CHECK(kept("witness.before") == 11, "so does the first of several");
	witness_free(w);
}

TEST(a_foreign_file_is_set_aside)
{
	weir_auto_free char *path = weir_strf("%s/witness", dir);
	struct witness *w = NULL;

	CHECK(!weir_file_write(path, "hello", 5, 0600) && !witness_open(dir, true, &w) && !witness_highest(w)->seq);
	see(w, 3, 1);
	CHECK(kept("witness") == 3);
	witness_free(w);
}

TEST_MAIN(T(the_highest_is_kept_over_a_restart), T(what_is_held_is_told_before_it_is_given_up),
	  T(a_log_that_went_back_is_evidence), T(a_foreign_file_is_set_aside))
