/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FOCUS requirements model: the official JSON file of rules that a data set of a FOCUS version must keep, each an
 * expression of check functions over columns with the condition under which it holds. Rules refer to rules
 * (CheckModelRule), which makes a tree; who is referred to applies where who refers does.
 *
 * A loaded model is immutable. Where a rule of the published file plainly says something else than its own text, what
 * the text says is in force (lib/money/focus_defect.c) and the published form is kept beside it.
 */
#ifndef WEIR_FOCUS_MODEL_H
#define WEIR_FOCUS_MODEL_H

#include "lib/money/decimal.h"

#define WEIR_FOCUS_FILE_MAX ((size_t)16 << 20)
#define WEIR_FOCUS_RULES_MAX 4096
#define WEIR_FOCUS_NODES_MAX 65536 /* of all expressions */
#define WEIR_FOCUS_DEPTH_MAX 16	   /* of one expression */
#define WEIR_FOCUS_COLUMNS_MAX 1024
#define WEIR_FOCUS_CRITERIA_MAX 64
#define WEIR_FOCUS_NAME_MAX 128 /* ids, columns, criteria */
#define WEIR_FOCUS_TEXT_MAX 2048

enum weir_focus_fn {
	WEIR_FOCUS_AND,
	WEIR_FOCUS_OR,
	WEIR_FOCUS_COLUMN_PRESENT,
	WEIR_FOCUS_MODEL_RULE,
	WEIR_FOCUS_VALUE,
	WEIR_FOCUS_NOT_VALUE,
	WEIR_FOCUS_SAME_VALUE,
	WEIR_FOCUS_NOT_SAME_VALUE,
	WEIR_FOCUS_DECIMAL_VALUE,
	WEIR_FOCUS_AT_LEAST,
	WEIR_FOCUS_PRODUCT,
	WEIR_FOCUS_DISTINCT_COUNT,
	WEIR_FOCUS_NATIONAL_CURRENCY,
	WEIR_FOCUS_TYPE_DECIMAL,
	WEIR_FOCUS_TYPE_STRING,
	WEIR_FOCUS_TYPE_DATETIME,
	WEIR_FOCUS_FORMAT_DATETIME,
	WEIR_FOCUS_FORMAT_NUMERIC,
	WEIR_FOCUS_FORMAT_STRING,
	WEIR_FOCUS_FORMAT_UNIT,
	WEIR_FOCUS_FORMAT_CURRENCY,
	WEIR_FOCUS_FORMAT_KEY_VALUE,
	WEIR_FOCUS_UNKNOWN, /* not known here: name says which */
};

struct weir_focus_expr {
	enum weir_focus_fn fn;
	char *name;	  /* of an unknown function */
	size_t column[3]; /* ColumnName or ColumnAName, ColumnBName, ResultColumnName */
	size_t columns;
	struct weir_focus_expr *items; /* of AND and OR */
	size_t item_count;
	size_t rule;	/* of MODEL_RULE */
	char *value;	/* NULL: null */
	bool is_number; /* the value is one: number */
	struct weir_decimal number;
	uint64_t count; /* of DISTINCT_COUNT */
};

/* What a rule's keyword makes of a failure. */
enum weir_focus_level { WEIR_FOCUS_MUST, WEIR_FOCUS_SHOULD, WEIR_FOCUS_MAY };

struct weir_focus_defect;

struct weir_focus_rule {
	char *id, *keyword, *reference;
	char *text; /* MustSatisfy: what it demands, for people */
	enum weir_focus_level level;
	bool dynamic;				/* cannot be told from a data set alone */
	uint64_t criteria;			/* all of which must be given; bits of the model's criteria */
	struct weir_focus_expr *requirement;	/* NULL when dynamic */
	struct weir_focus_expr *condition;	/* NULL: always */
	const struct weir_focus_defect *defect; /* of the published rule; NULL: none known */
	struct weir_focus_expr *published_requirement, *published_condition; /* meant with a defect only */
	size_t *parents;						     /* who refer to this rule */
	size_t parent_count;
	size_t *depends; /* declared dependencies */
	size_t depend_count;
};

struct weir_focus_model {
	char *version; /* of FOCUS */
	char *dataset;
	struct weir_focus_rule *rules;
	size_t rule_count;
	size_t *order; /* of rules, who refers before who is referred to */
	char **columns;
	size_t column_count;
	char **criteria;
	size_t criterion_count;
};

/* name is used in messages: one line "name: RULE: what is wrong". */
int weir_focus_model_parse(const char *text, size_t len, const char *name, struct weir_focus_model **ret,
			   struct weir_err *err);
int weir_focus_model_load(const char *path, struct weir_focus_model **ret, struct weir_err *err);
void weir_focus_model_free(struct weir_focus_model *m);
static inline void weir_focus_model_freep(struct weir_focus_model **m)
{
	weir_focus_model_free(*m);
}
#define weir_auto_focus_model weir_cleanup(weir_focus_model_freep)

/* "A,B" or "all" into bits; NULL or "" is none. -EINVAL names what the model does not know. */
int weir_focus_criteria(const struct weir_focus_model *m, const char *list, uint64_t *ret, struct weir_err *err);
/* NULL for UNKNOWN. */
const char *weir_focus_fn_name(enum weir_focus_fn fn);
/* A rule that is made of other rules and nothing else. */
bool weir_focus_is_composite(const struct weir_focus_rule *r);

/*
 * Defects of the published model or of the official validator, and what is done instead. Rows with a rule are of that
 * FOCUS version's model and replace what is not NULL, if anything; the others say how the validator errs.
 */
struct weir_focus_defect {
	const char *version, *rule; /* rule NULL: of the validator */
	const char *what;	    /* function or rule, for people */
	const char *reason, *instead;
	const char *condition, *requirement; /* JSON that takes the place of the published one */
};

/* The i-th row, NULL behind the last. */
const struct weir_focus_defect *weir_focus_defect_at(size_t i);
const struct weir_focus_defect *weir_focus_defect_find(const char *version, const char *rule);

#endif
