/* SPDX-License-Identifier: Apache-2.0 */
/* A command of weirctl in this process. */
#ifndef WEIR_TEST_CLI_FIXTURE_H
#define WEIR_TEST_CLI_FIXTURE_H

#include "cli/cli.h"

#define CLI_NOW_S 1793491200

/* c says the rest; *ret_out is what it printed, also when it failed, and the caller's. */
static inline int cli_fixture_run(struct cli c, int argc, char **argv, char **ret_out, struct weir_err *err)
{
	size_t len = 0;
	int r;

	*ret_out = NULL;
	c.now_s = CLI_NOW_S;
	c.out = open_memstream(ret_out, &len);
	if (!c.out)
		abort();
	*err = (struct weir_err){0};
	r = cli_run(&c, argc, argv, err);
	fclose(c.out);
	return r;
}

#endif
