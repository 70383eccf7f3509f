/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the settings signals.*. */
#include "aggregator/signals_impl.h"

static const char *path_wrong(const char *path)
{
	if (*path && *path != '/')
		return "a path must begin with /";
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "a path has a control character";
	return NULL;
}

/* A log's name and path are its own: a place in a file is kept by its path. */
static int log_wrong(const struct config *c, size_t n, const char **ret_wrong)
{
	struct signals_log_spec l = {0};
	size_t name = signals_name_length(c->signals_logs[n]);
	int r = signals_log_spec(c->signals_logs[n], &l, ret_wrong);

	if (!r && (*ret_wrong = path_wrong(l.path)))
		r = -EINVAL;
	if (!r && !strcmp(l.path, c->signals_eve)) {
		*ret_wrong = "its file is signals.eve too";
		r = -EINVAL;
	}
	for (size_t i = 0; !r && i < n; i++) {
		size_t len = strlen(l.path);
		const char *other = strchr(c->signals_logs[i], '=') + 1;

		*ret_wrong = !strncmp(c->signals_logs[i], c->signals_logs[n], name + 1) ? "its name is taken by one before it" :
			     !strncmp(other, l.path, len) && other + len == strrchr(other, ':') ? "its file is followed by one before it" : NULL;
		r = *ret_wrong ? -EINVAL : 0;
	}
	signals_log_spec_fini(&l);
	return r;
}

int signals_check(const struct config *c, const char *path, struct weir_err *err)
{
	const char *wrong = path_wrong(c->signals_eve);
	int r = signals_check_prometheus(c, path, err);

	if (r)
		return r;
	if (wrong)
		return weir_err_set(err, -EINVAL, "%s: signals.eve: %s", path, wrong);
	for (size_t n = 0; c->signals_logs[n]; n++) {
		if (n == SIGNALS_LOGS_MAX)
			return weir_err_set(err, -EINVAL, "%s: signals.logs: at most %d are followed", path, SIGNALS_LOGS_MAX);
		r = log_wrong(c, n, &wrong);
		if (r)
			return r == -ENOMEM ? r : weir_err_set(err, r, "%s: signals.logs: entry %zu: %s", path, n + 1, wrong);
	}
	return 0;
}
