/* SPDX-License-Identifier: Apache-2.0 */
/* One write(2) per line, so that lines of several processes on one pipe do not mix. */
#include "lib/base/log.h"

#include <stdarg.h>

static const struct {
	const char *name;
	int priority; /* syslog priority, which systemd reads from the "<n>" prefix */
} log_levels[] = {
	[WEIR_LOG_ERR] = {"error", 3},
	[WEIR_LOG_WARN] = {"warning", 4},
	[WEIR_LOG_INFO] = {"info", 6},
	[WEIR_LOG_DEBUG] = {"debug", 7},
};

/* The one state of the process that logging needs: set once by main(). */
static struct {
	const char *program;
	enum weir_log_level max;
	bool journal;
} log_to = {.program = "weir", .max = WEIR_LOG_INFO};

void weir_log_init(const char *program, enum weir_log_level max)
{
	log_to.program = program;
	log_to.max = max;
	log_to.journal = getenv("JOURNAL_STREAM") != NULL;
}

/* Text may come from outside: a control character must not start a line or move a terminal. */
static void log_clean(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

static void log_put(enum weir_log_level level, int r, const char *fmt, va_list ap)
{
	int saved_errno = errno;
	char text[1024], line[1280], why[160] = "";
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	log_clean(text);
	if (r)
		snprintf(why, sizeof(why), ": %s", strerror(r < 0 ? -r : r));
	if (log_to.journal)
		n = snprintf(line, sizeof(line), "<%d>%.64s: %s%s\n", log_levels[level].priority,
			     log_to.program, text, why);
	else
		n = snprintf(line, sizeof(line), "%.64s: %s: %s%s\n", log_to.program,
			     log_levels[level].name, text, why);
	/* Nothing can be said about a log that cannot be written. */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		errno = saved_errno;
	errno = saved_errno;
}

void weir_log(enum weir_log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_to.max)
		return;
	va_start(ap, fmt);
	log_put(level, 0, fmt, ap);
	va_end(ap);
}

int weir_log_err(int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_put(WEIR_LOG_ERR, r, fmt, ap);
	va_end(ap);
	return r;
}
