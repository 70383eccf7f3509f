/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live.h"

#include "cli/alloc.h"

#include <math.h>

const char *live_text(const json_t *o, const char *field)
{
	const char *s = json_string_value(json_object_get(o, field));

	return s ? s : "";
}

char *live_value(double v, const char *unit, char buf[HUMAN_MAX])
{
	size_t n = strlen(unit);
	char human[HUMAN_MAX];

	if (!isfinite(v))
		snprintf(buf, HUMAN_MAX, "-");
	else if (!strcmp(unit, "nanos"))
		human_money(fabs(v) < 9e18 ? (int64_t)llround(v) : 0, "", buf);
	else if (!strncmp(unit, "bytes", 5) && n < HUMAN_MAX / 2 && v >= 0 && v < 1.8e19)
		snprintf(buf, HUMAN_MAX, "%.20s%.20s", human_bytes((uint64_t)llround(v), human), unit + 5);
	else if (!strcmp(unit, "us"))
		snprintf(buf, HUMAN_MAX, "%.3f ms", v / 1e3);
	else
		snprintf(buf, HUMAN_MAX, "%.4g%s%.20s", v, *unit ? " " : "", unit);
	return buf;
}

int live_filters(const struct live_filter *f, char **ret)
{
	const char *slash = f->workload ? strchr(f->workload, '/') : NULL;
	weir_auto_free char *before = slash ? strndup(f->workload, (size_t)(slash - f->workload)) : NULL;
	const struct {
		const char *name, *value;
	} of[] = {{"namespace", slash ? before : f->namespace}, {"workload", slash ? slash + 1 : f->workload}, {"team", f->team}};
	weir_auto_free char *all = strdup("");

	if (!all || (slash && !before))
		return -ENOMEM;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(of); i++) {
		weir_auto_free char *escaped = of[i].value ? alloc_escaped(of[i].value) : NULL;
		char *more;

		if (!of[i].value)
			continue;
		more = escaped ? weir_strf("%s&%s=%s", all, of[i].name, escaped) : NULL;
		if (!more)
			return -ENOMEM;
		free(all);
		all = more;
	}
	*ret = weir_take_ptr(all);
	return 0;
}

int live_check_limit(uint64_t limit, struct weir_err *err)
{
	return limit >= 1 && limit <= LIVE_LIMIT_MAX ? 0 : weir_err_set(err, -EINVAL, "--limit must be 1 to %d", LIVE_LIMIT_MAX);
}
