/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of Terraform, for the import. */
#ifndef WEIR_MONEY_IMPORT_PLAN_H
#define WEIR_MONEY_IMPORT_PLAN_H

#include "lib/money/import_facts.h"

/* Gives what planned_values of a plan makes ids of its own, and puts them where the configuration refers to it; what
 * is made has a value weir_new. What cannot be resolved stays unknown, and is a note. -ENOMEM. */
int import_plan_resolve(struct weir_import *m, json_t *root);

#endif
