/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl: the terminal's side of weir. */
#include "cli/cli.h"
#include "lib/base/clock.h"

#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>

/* Asked of the locale alone: nothing here depends on one. */
static bool locale_is_utf8(void)
{
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool is = l && !strcmp(nl_langinfo_l(CODESET, l), "UTF-8");

	if (l)
		freelocale(l);
	return is;
}

static size_t terminal_width(void)
{
	struct winsize w;

	return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) ? w.ws_col : 0;
}

int main(int argc, char **argv)
{
	struct weir_err err = {0};
	struct cli c = {
		.socket = CLI_SOCKET,
		.out = stdout,
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
		.blocks = isatty(STDOUT_FILENO) && locale_is_utf8(),
		.width = terminal_width(),
		.now_s = weir_wall_ns() / WEIR_NS_PER_S,
	};
	int r = cli_run(&c, argc - 1, argv + 1, &err);

	if (!r && (fflush(stdout) || ferror(stdout)))
		r = weir_err_set(&err, -EIO, "cannot write the output");
	if (!r)
		return 0;
	if (r == CLI_INVALID)
		return 2;
	if (r == CLI_NOT_WELL)
		return 1;
	fprintf(stderr, "weirctl: %s\n", *err.text ? err.text : strerror(-r));
	return r == -EINVAL ? 2 : 1;
}
