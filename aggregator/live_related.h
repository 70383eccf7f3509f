/* SPDX-License-Identifier: Apache-2.0 */
/* What others said of a finding: events and series of signals.h that belong to it, as they stand in its body. */
#ifndef AGGREGATOR_LIVE_RELATED_H
#define AGGREGATOR_LIVE_RELATED_H

#include "aggregator/signals.h"
#include "lib/ds/buf.h"
#include "lib/model/finding.h"

#define LIVE_RELATED_MAX 8 /* the nearest; all are counted */

/* Appends ,"related":[...],"related_all":N to ret; nothing when there is nothing. */
int live_related(const struct signals *s, const struct weir_finding *f, struct weir_buf *ret);

#endif
