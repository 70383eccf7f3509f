/* SPDX-License-Identifier: Apache-2.0 */
/* A finding as text: what the store keeps of it and the API shows, and what a webhook is told. */
#ifndef AGGREGATOR_LIVE_TEXT_H
#define AGGREGATOR_LIVE_TEXT_H

#include "lib/ds/buf.h"
#include "lib/model/finding.h"

/* A JSON object appended to ret; extra: members appended to it, "" or ",\"related\":[...]". */
int live_text_body(const struct weir_finding *f, const char *currency, const char *extra, struct weir_buf *ret);
/* The body of a notice; ended: it is over. */
int live_text_notice(const struct weir_finding *f, int64_t id, uint64_t now_s, const char *currency, bool ended, struct weir_buf *ret);

#endif
