/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/shell.h"

#include <stdarg.h>

int shell(struct weir_err *err, const char *fmt, ...)
{
	weir_auto_free char *command = NULL, *all = NULL;
	char line[256] = "", last[256] = "no output";
	va_list ap;
	FILE *f;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&command, fmt, ap);
	va_end(ap);
	if (r < 0) {
		command = NULL;
		return -ENOMEM;
	}
	if (!(all = weir_strf("{ %s\n} 2>&1", command)) || !(f = popen(all, "re")))
		return -ENOMEM;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (*line)
			memcpy(last, line, sizeof(last));
	}
	return pclose(f) ? weir_err_set(err, -EIO, "%s (%.60s)", last, command) : 0;
}

bool shell_has(const char *program)
{
	return !shell(NULL, "PATH=$PATH:/usr/sbin:/sbin command -v %s", program);
}
