/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that can be dropped before anything is known of a packet but its source. Pure. */
#ifndef WEIR_AGENT_EARLY_H
#define WEIR_AGENT_EARLY_H

#include "lib/policy/bundle.h"

/*
 * Sets bit c of ret (words of 64 bits, zeroed here) for each peer class c of t that is denied to every
 * subject, the unidentified one included, whoever opens the connection, for every protocol and port.
 * Class 0, peers that no prefix names, is never set: link protocols live there. Classes beyond
 * the last word are left out: they are dropped later. -ENOMEM.
 */
int early_denied(const struct weir_tables *t, uint64_t *ret, size_t words);

#endif
