/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peer classes in the making: each is a set of rules, numbered when it is first met. Class 0 is the
 * empty set, "matched by no rule that names its peers". In the end classes are numbered in the order of
 * their sets, so that a prefix more or less seldom changes any other's number.
 */
#ifndef WEIR_POLICY_CLASSES_H
#define WEIR_POLICY_CLASSES_H

#include "lib/policy/format.h"

#define WEIR_PEER_CLASSES_MAX 65536

struct weir_classes {
	uint64_t *sets; /* words a class, rule n is bit n % 64 of word n / 64 */
	uint64_t *hashes;
	uint32_t count, room;
	uint32_t *index; /* open addressing over hashes: class + 1 */
	uint32_t slots;
	size_t words;
};

void weir_classes_init(struct weir_classes *c, size_t rules);
void weir_classes_fini(struct weir_classes *c);
/* hash: any function of bits. -E2BIG beyond WEIR_PEER_CLASSES_MAX. */
int weir_classes_number(struct weir_classes *c, const uint64_t *bits, uint64_t hash, uint32_t *ret);
/* Gives b's prefixes their final classes, and each rule of b the ascending list of its classes. */
int weir_classes_renumber(const struct weir_classes *c, struct weir_bundle *b);

#endif
