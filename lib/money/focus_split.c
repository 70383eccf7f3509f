/* SPDX-License-Identifier: Apache-2.0 */
/* Split charges: which origin a row is a part of, and whether the parts make it whole. */
#include <inttypes.h>
#include <jansson.h>

#include "lib/ds/buf.h"
#include "lib/money/focus_split_impl.h"

static const enum weir_focus_col metrics[] = {
	WEIR_FOCUS_COL_BILLED_COST,	 WEIR_FOCUS_COL_EFFECTIVE_COST,	   WEIR_FOCUS_COL_LIST_COST,
	WEIR_FOCUS_COL_CONTRACTED_COST, WEIR_FOCUS_COL_PRICING_QUANTITY, WEIR_FOCUS_COL_CONSUMED_QUANTITY,
};
#define METRICS WEIR_ARRAY_SIZE(metrics)

/* What rows of one origin have in common where nothing names it. */
static const enum weir_focus_col common[] = {
	WEIR_FOCUS_COL_ALLOCATED_METHOD_ID, WEIR_FOCUS_COL_BILLING_ACCOUNT_ID, WEIR_FOCUS_COL_BILLING_PERIOD_START,
	WEIR_FOCUS_COL_CHARGE_PERIOD_START, WEIR_FOCUS_COL_CHARGE_PERIOD_END,  WEIR_FOCUS_COL_CHARGE_CATEGORY,
	WEIR_FOCUS_COL_SUB_ACCOUNT_ID,	    WEIR_FOCUS_COL_SERVICE_NAME,       WEIR_FOCUS_COL_REGION_ID,
	WEIR_FOCUS_COL_RESOURCE_ID,	    WEIR_FOCUS_COL_SKU_PRICE_ID,       WEIR_FOCUS_COL_CONTRACTED_UNIT_PRICE,
};

struct split_origin {
	uint64_t line; /* of its first row */
	char *told;    /* its x_OriginCharge, NULL: there is none */
	struct weir_decimal ratio, sum[METRICS];
	bool bad; /* something of it could not be added, which was said */
};

void split_origin_free(void *origin)
{
	struct split_origin *o = origin;

	if (o)
		free(o->told);
	free(o);
}

/* "Id" of x_OriginCharge, else the columns in common, each with its end. */
static int key_of(const struct columns_check *c, const char *told, struct weir_buf *key)
{
	json_t *o = told ? json_loads(told, 0, NULL) : NULL;
	const char *id = json_string_value(json_object_get(o, "Id"));
	int r = id ? weir_buf_add(key, id, strlen(id)) : 0;

	for (size_t i = 0; !id && !r && i < WEIR_ARRAY_SIZE(common); i++) {
		const char *text = columns_cell(c, common[i]);

		r = weir_buf_add(key, text ? text : "", text ? strlen(text) + 1 : 1);
	}
	json_decref(o);
	return r;
}

static int origin_of(struct columns_check *c, struct split_origin **ret)
{
	const char *told = columns_cell(c, WEIR_FOCUS_COL_X_ORIGIN_CHARGE);
	weir_auto_buf struct weir_buf key = {0};
	struct split_origin *o;
	int r = key_of(c, told, &key);

	if (r)
		return r;
	o = weir_map_find(c->origins, key.data, key.len);
	if (o) {
		*ret = o;
		return 0;
	}
	if (weir_map_count(c->origins) == WEIR_FOCUS_ORIGINS_MAX)
		return weir_err_set(c->err, -E2BIG, "more than %d origins of split charges", WEIR_FOCUS_ORIGINS_MAX);
	o = calloc(1, sizeof(*o));
	if (!o || (told && !(o->told = strdup(told))) || weir_map_put(c->origins, key.data, key.len, o, NULL)) {
		split_origin_free(o);
		return -ENOMEM;
	}
	o->line = weir_csv_line(c->csv);
	*ret = o;
	return 0;
}

/* Of an element. A double holds the decimal of up to 15 digits that it was read from. */
static int read_ratio(const json_t *element, struct weir_decimal *ret)
{
	const json_t *v = json_object_get(element, "AllocatedRatio");
	char text[32];

	if (!json_is_number(v))
		return -EINVAL;
	snprintf(text, sizeof(text), "%.15g", json_number_value(v));
	return weir_decimal_parse(text, strlen(text), ret);
}

static const char *add_elements(struct split_origin *o, const json_t *elements)
{
	json_t *e;
	size_t i;

	if (!json_is_array(elements) || !json_array_size(elements))
		return "has no array Elements";
	json_array_foreach (elements, i, e) {
		struct weir_decimal d, one;

		(void)weir_decimal_parse("1", 1, &one);
		if (read_ratio(e, &d))
			return "has an element without a number AllocatedRatio";
		if (d.negative || weir_decimal_cmp(&d, &one) > 0)
			return "has an AllocatedRatio that is not between 0 and 1";
		if (json_object_get(e, "UsageQuantity") && !json_is_string(json_object_get(e, "UsageUnit")))
			return "has a UsageQuantity without a UsageUnit";
		if (weir_decimal_add(&o->ratio, &d, &o->ratio))
			return "has ratios beyond all bounds";
	}
	return NULL;
}

static void add_metrics(struct columns_check *c, struct split_origin *o)
{
	for (size_t i = 0; i < METRICS; i++) {
		const char *text = columns_cell(c, metrics[i]);
		struct weir_decimal d;

		/* What is no number was said when its type was looked at. */
		if (text && (weir_decimal_parse(text, strlen(text), &d) || weir_decimal_add(&o->sum[i], &d, &o->sum[i])))
			o->bad = true;
	}
}

static void must_be_null(struct columns_check *c, enum weir_focus_col col)
{
	if (columns_cell(c, col))
		columns_finding(c, weir_csv_line(c->csv), weir_focus_column(col)->name, "must be null where AllocatedMethodId is");
}

int split_row(struct columns_check *c)
{
	const char *details = columns_cell(c, WEIR_FOCUS_COL_ALLOCATED_METHOD_DETAILS), *wrong;
	struct split_origin *o = NULL;
	json_t *root;
	int r;

	if (!columns_cell(c, WEIR_FOCUS_COL_ALLOCATED_METHOD_ID)) {
		must_be_null(c, WEIR_FOCUS_COL_ALLOCATED_METHOD_DETAILS);
		must_be_null(c, WEIR_FOCUS_COL_ALLOCATED_RESOURCE_ID);
		must_be_null(c, WEIR_FOCUS_COL_ALLOCATED_RESOURCE_NAME);
		must_be_null(c, WEIR_FOCUS_COL_ALLOCATED_TAGS);
		return 0;
	}
	c->report.split_rows++;
	r = origin_of(c, &o);
	if (r)
		return r;
	root = details ? json_loads(details, 0, NULL) : NULL;
	wrong = details ? add_elements(o, json_object_get(root, "Elements")) : "is null, so that nobody knows the ratio";
	json_decref(root);
	if (wrong)
		columns_finding(c, weir_csv_line(c->csv), "AllocatedMethodDetails", wrong);
	o->bad |= wrong != NULL;
	add_metrics(c, o);
	return 0;
}

/* What the origin says of itself, if it does. */
static void compare_origin(struct columns_check *c, const struct split_origin *o)
{
	json_t *root = o->told ? json_loads(o->told, 0, NULL) : NULL;
	char what[128];

	for (size_t i = 0; i < METRICS; i++) {
		const char *name = weir_focus_column(metrics[i])->name, *text = json_string_value(json_object_get(root, name));
		struct weir_decimal d;

		if (!text || (!weir_decimal_parse(text, strlen(text), &d) && !weir_decimal_cmp(&d, &o->sum[i])))
			continue;
		snprintf(what, sizeof(what), "of the rows of its origin does not sum to the origin's %.40s", text);
		columns_finding(c, o->line, name, what);
	}
	json_decref(root);
}

void split_end(struct columns_check *c)
{
	struct weir_decimal one;
	const void *key;
	size_t pos = 0, len;
	void *value;

	(void)weir_decimal_parse("1", 1, &one);
	c->report.origins = weir_map_count(c->origins);
	while (weir_map_next(c->origins, &pos, &key, &len, &value)) {
		const struct split_origin *o = value;

		if (o->bad)
			continue;
		if (weir_decimal_cmp(&o->ratio, &one) != 0)
			columns_finding(c, o->line, "AllocatedMethodDetails", "of the rows of its origin has ratios that do not sum to 1");
		compare_origin(c, o);
	}
}
