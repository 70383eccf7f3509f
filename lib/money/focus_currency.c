/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/focus_check.h"
#include "lib/money/focus_check_impl.h"

#define CODES_MAX 10000

/* The official list has a head, a running number before each code, and no order. */
static int load(struct weir_csv *csv, struct weir_map *m, struct weir_err *err)
{
	const struct weir_csv_field *f;
	size_t count, at = 0;
	int r;

	while ((r = weir_csv_next(csv, &f, &count, err)) == 1) {
		bool head = false;

		for (size_t i = 0; i < count && weir_csv_line(csv) == 1; i++) {
			if (strcmp(f[i].text, "currency_codes") != 0)
				continue;
			at = i;
			head = true;
		}
		if (head)
			continue;
		if (at >= count || !focus_format_currency(f[at].text, f[at].len))
			return weir_err_set(err, -EINVAL, "%s:%llu: no currency code of three capital letters",
					    weir_csv_name(csv), (unsigned long long)weir_csv_line(csv));
		if (weir_map_count(m) == CODES_MAX)
			return weir_err_set(err, -E2BIG, "%s: more than %d currency codes", weir_csv_name(csv),
					    CODES_MAX);
		r = weir_map_put(m, f[at].text, f[at].len, m, NULL);
		if (r)
			return r;
	}
	return r;
}

int weir_focus_currencies_load(const char *path, struct weir_map **ret, struct weir_err *err)
{
	weir_auto_csv struct weir_csv *csv = NULL;
	struct weir_map *m = NULL;
	int r = weir_csv_open(path, &csv, err);

	if (!r)
		r = weir_map_new(&m);
	if (!r)
		r = load(csv, m, err);
	if (!r && !weir_map_count(m))
		r = weir_err_set(err, -EINVAL, "%s: no currency codes", path);
	if (r) {
		weir_map_free(m, NULL);
		return r;
	}
	*ret = m;
	return 0;
}
