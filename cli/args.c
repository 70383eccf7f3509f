/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include "lib/base/clock.h"

#include <ctype.h>
#include <time.h>

int args_u64(const char *s, uint64_t *ret)
{
	char *end;
	unsigned long long v;

	/* strtoull() takes signs and blanks: "-1" would become 2^64 - 1. */
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *end)
		return -EINVAL;
	*ret = v;
	return 0;
}

int args_duration(const char *s, uint64_t *ret_s)
{
	static const struct {
		char unit;
		uint64_t s;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t len = strlen(s);
	char digits[24];
	uint64_t v;

	if (len < 2 || len > sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, len - 1);
	digits[len - 1] = '\0';
	if (args_u64(digits, &v))
		return -EINVAL;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(units); i++) {
		if (s[len - 1] != units[i].unit)
			continue;
		if (v > UINT32_MAX / units[i].s)
			return -EINVAL;
		*ret_s = v * units[i].s;
		return 0;
	}
	return -EINVAL;
}

int args_time(const char *s, uint64_t *ret_s)
{
	char day[11] = "";
	struct tm tm = {0};
	const char *end;
	uint64_t day_s;

	if (!args_u64(s, ret_s))
		return 0;
	strncat(day, s, sizeof(day) - 1);
	if (weir_time_day(day, &day_s))
		return -EINVAL;
	s += strlen(day);
	end = *s ? strptime(s, "T%H:%M:%SZ", &tm) : s;
	if (!end || *end)
		return -EINVAL;
	*ret_s = day_s + (uint64_t)(tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
	return 0;
}

static int opt_list_add(const char **list, const char *value)
{
	for (size_t i = 0; i < ARGS_LIST_MAX; i++) {
		if (list[i])
			continue;
		list[i] = value;
		list[i + 1] = NULL;
		return 0;
	}
	return -E2BIG;
}

static int opt_set(const struct args_opt *o, const char *value, struct weir_err *err)
{
	int r = 0;

	switch (o->kind) {
	case ARGS_FLAG:
		*(bool *)o->dest = true;
		return 0;
	case ARGS_STR:
		*(const char **)o->dest = value;
		return *value ? 0 : weir_err_set(err, -EINVAL, "%s: the value is empty", o->name);
	case ARGS_LIST:
		if (opt_list_add(o->dest, value))
			return weir_err_set(err, -EINVAL, "%s: given more than %d times", o->name,
					    ARGS_LIST_MAX);
		return 0;
	case ARGS_U64:
		r = args_u64(value, o->dest);
		return r ? weir_err_set(err, r, "%s: '%s' is not a number", o->name, value) : 0;
	case ARGS_DURATION:
		r = args_duration(value, o->dest);
		return r ? weir_err_set(err, r,
					"%s: '%s' is not a duration; write 90s, 10m, 1h or 7d",
					o->name, value)
			 : 0;
	case ARGS_TIME:
		r = args_time(value, o->dest);
		return r ? weir_err_set(err, r,
					"%s: '%s' is not a time; write 2026-11-01, "
					"2026-11-01T00:00:00Z or Unix seconds",
					o->name, value)
			 : 0;
	}
	return -EINVAL;
}

static const struct args_opt *opt_find(const struct args_opt *opts, size_t n, const char *arg,
				       const char **ret_value)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(opts[i].name);

		if (strncmp(arg, opts[i].name, len))
			continue;
		if (arg[len] && arg[len] != '=')
			continue;
		*ret_value = arg[len] ? arg + len + 1 : NULL;
		return &opts[i];
	}
	return NULL;
}

/* Handles argv[*i] and, when it needs one, the value behind it. */
static int opt_take(const struct args_opt *opts, size_t n, int argc, char **argv, int *i,
		    struct weir_err *err)
{
	const char *value = NULL;
	const struct args_opt *o = opt_find(opts, n, argv[*i], &value);

	if (!o)
		return weir_err_set(err, -EINVAL, "unknown option '%s'; see weirctl help",
				    argv[*i]);
	if (o->kind == ARGS_FLAG && value)
		return weir_err_set(err, -EINVAL, "%s takes no value", o->name);
	if (o->kind != ARGS_FLAG && !value) {
		if (*i + 1 >= argc)
			return weir_err_set(err, -EINVAL, "%s needs a value", o->name);
		value = argv[++*i];
	}
	return opt_set(o, value, err);
}

int args_parse(const struct args_opt *opts, size_t n, int argc, char **argv, const char *what,
	       const char **operands, size_t min, size_t max, struct weir_err *err)
{
	bool only_operands = false;
	size_t found = 0;
	int r;

	for (int i = 0; i < argc; i++) {
		if (!only_operands && !strcmp(argv[i], "--")) {
			only_operands = true;
			continue;
		}
		if (!only_operands && argv[i][0] == '-') {
			r = opt_take(opts, n, argc, argv, &i, err);
			if (r)
				return r;
			continue;
		}
		if (found == max)
			return weir_err_set(err, -EINVAL, "unexpected argument '%s'%s%s", argv[i],
					    max ? "; expected only: " : "", max ? what : "");
		operands[found++] = argv[i];
	}
	if (found < min)
		return weir_err_set(err, -EINVAL, "missing argument; expected: %s", what);
	return 0;
}

int args_check_limit(uint64_t limit, struct weir_err *err)
{
	if (!limit || limit > ARGS_ITEMS_MAX)
		return weir_err_set(err, -EINVAL, "--limit must be 1 to %d", ARGS_ITEMS_MAX);
	return 0;
}
