/* SPDX-License-Identifier: Apache-2.0 */
/* How well each meter of a month's bill is covered, as metrics: for a collector that reads files (node_exporter's textfile). */
#include "cli/residual.h"

#include "lib/ds/metrics.h"
#include "lib/os/file.h"

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static double money(const json_t *item, const char *field)
{
	return (double)json_integer_value(json_object_get(item, field)) / 1e9;
}

static void costs(struct weir_metrics *m, const json_t *root, const char *period)
{
	static const struct {
		const char *field, *part;
	} parts[] = {{"billed_nanos", "billed"}, {"measured_nanos", "measured"}, {"unattributed_nanos", "unattributed"}};
	const json_t *item;
	size_t i;

	weir_family(m, WEIR_GAUGE, "weir_bill_cost", "",
		    "What is billed for a meter, what was measured of it, and what nobody was seen to cause, in the bill's currency.");
	json_array_foreach (json_object_get(root, "items"), i, item)
		for (size_t p = 0; p < WEIR_ARRAY_SIZE(parts); p++)
			weir_sample(m, WEIR_LABELS({"period", period}, {"currency", text(root, "currency")}, {"meter", text(item, "meter")},
						   {"part", parts[p].part}),
				    money(item, parts[p].field));
}

int residual_write(const char *file, const json_t *root, const char *period, struct weir_err *err)
{
	weir_auto_buf struct weir_buf out = {.max = 4u << 20};
	struct weir_metrics m;
	const json_t *item;
	size_t i;
	int r;

	weir_metrics_begin(&m, &out, true);
	weir_family(&m, WEIR_GAUGE, "weir_bill_residual_ratio", "ratio",
		    "Part of what is billed for a meter that nobody was seen to cause: 0 = all of it was measured.");
	json_array_foreach (json_object_get(root, "items"), i, item)
		if (json_is_real(json_object_get(item, "residual")))
			weir_sample(&m, WEIR_LABELS({"period", period}, {"meter", text(item, "meter")}),
				    json_real_value(json_object_get(item, "residual")));
	costs(&m, root, period);
	r = weir_metrics_end(&m);
	if (!r)
		r = weir_file_write(file, out.data, out.len, 0644);
	return r ? weir_err_set(err, r, "%s: cannot be written: %s", file, strerror(-r)) : 0;
}
