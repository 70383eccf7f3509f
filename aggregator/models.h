/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf of models that the aggregator keeps: sv->shelf. */
#ifndef AGGREGATOR_MODELS_H
#define AGGREGATOR_MODELS_H

#include "aggregator/service.h"

/* Opens models.dir; what is passed over there goes to the log. */
int models_open(struct service *sv, struct weir_err *err);

#endif
