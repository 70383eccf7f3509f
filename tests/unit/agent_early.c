/* SPDX-License-Identifier: Apache-2.0 */
/* Which peers are denied whatever the subject: by hand, and against the lookup of every combination. */
#include "agent/early.h"

#include <time.h>

#include "tests/lib/test.h"

#define SUBJECTS 3
#define CLASSES 70 /* more than one word of bits */
#define WAYS (WEIR_DIRS * WEIR_PROTOS)

/* Ranges 0: deny all; 1, 2: deny but one port; 3: audit all; 4: accept all. */
static const struct weir_range ranges[] = {
	{0, 65535, WEIR_V_DENY, {0}, 0, 0},	  {0, 79, WEIR_V_DENY, {0}, 0, 0},
	{80, 80, WEIR_V_ACCEPT, {0}, 0, 0},	  {81, 65535, WEIR_V_DENY, {0}, 0, 0},
	{0, 65535, WEIR_V_WOULD_DENY, {0}, 0, 0}, {0, 65535, WEIR_V_ACCEPT, {0}, 0, 0},
};
static const struct weir_decision kinds[] = {{0, 1}, {1, 3}, {4, 1}, {5, 1}};
enum kind { DENY, BUT_ONE, AUDIT, ACCEPT, KINDS };

struct table {
	struct weir_tables t;
	struct weir_decision decisions[SUBJECTS * CLASSES * WAYS];
};

/* Everything is accepted. */
static struct table *new_table(void)
{
	struct table *x = calloc(1, sizeof(*x));

	if (!x)
		abort();
	x->t = (struct weir_tables){.decisions = x->decisions, .decision_count = WEIR_ARRAY_SIZE(x->decisions),
				    .peer_classes = CLASSES, .ranges = (struct weir_range *)ranges,
				    .range_count = WEIR_ARRAY_SIZE(ranges)};
	for (size_t i = 0; i < x->t.decision_count; i++)
		x->decisions[i] = kinds[ACCEPT];
	return x;
}

static struct weir_decision *at(struct table *x, uint32_t subject, uint32_t class, uint32_t dir, uint32_t proto)
{
	return &x->decisions[WEIR_DECISION_AT(subject, CLASSES, class, dir, proto)];
}

/* All ways of all subjects. */
static void set_class(struct table *x, uint32_t class, enum kind kind)
{
	for (uint32_t i = 0; i < SUBJECTS * WAYS; i++)
		*at(x, i / WAYS, class, i % WAYS / WEIR_PROTOS, i % WEIR_PROTOS) = kinds[kind];
}

static bool denied(struct table *x, uint32_t class)
{
	uint64_t bits[2] = {~0ull, ~0ull};

	if (early_denied(&x->t, bits, 2))
		abort();
	return bits[class / 64] >> (class % 64) & 1;
}

TEST(only_what_everybody_denies)
{
	struct table *x = new_table();

	set_class(x, 0, DENY);
	set_class(x, 1, DENY);
	set_class(x, 2, BUT_ONE);
	set_class(x, 3, AUDIT);
	set_class(x, 65, DENY);
	CHECK(denied(x, 1) && denied(x, 65), "denied to all, not dropped early");
	CHECK(!denied(x, 2), "one port is open");
	CHECK(!denied(x, 3), "audit never drops");
	CHECK(!denied(x, 4), "accepted");
	CHECK(!denied(x, 0), "what no prefix names is left to sockets");
	*at(x, SUBJECTS - 1, 1, WEIR_EGRESS, WEIR_P_SCTP) = kinds[ACCEPT];
	CHECK(!denied(x, 1), "one subject may reach it by one protocol");
	free(x);
}

TEST(without_a_policy_nothing_is_denied)
{
	struct weir_tables none = {0};
	uint64_t bits = ~0ull;

	CHECK(early_denied(&none, &bits, 1) == 0 && !bits, "%lx", (unsigned long)bits);
}

/* By definition: every subject, direction and protocol. */
static bool denied_by_definition(struct table *x, uint32_t class)
{
	for (uint32_t i = 0; i < SUBJECTS * WAYS; i++)
		if (at(x, i / WAYS, class, i % WAYS / WEIR_PROTOS, i % WEIR_PROTOS)->first != kinds[DENY].first)
			return false;
	return true;
}

TEST(equals_the_definition)
{
	unsigned int seed = (unsigned int)time(NULL), early = 0, wrong = 0;

	printf("# seed %u\n", seed);
	for (int round = 0; round < 20; round++) {
		struct table *x = new_table();
		unsigned int rare = 1 + (unsigned int)rand_r(&seed) % 60;

		for (size_t i = 0; i < x->t.decision_count; i++)
			x->decisions[i] = kinds[(unsigned int)rand_r(&seed) % rare ? DENY : rand_r(&seed) % KINDS];
		for (uint32_t c = 1; c < CLASSES; c++) {
			bool want = denied_by_definition(x, c);

			wrong += denied(x, c) != want;
			early += want;
		}
		free(x);
	}
	CHECK(wrong == 0, "%u of %d differ", wrong, 20 * (CLASSES - 1));
	CHECK(early > 30, "only %u were denied early: the test says little", early);
}

TEST_MAIN(T(only_what_everybody_denies), T(without_a_policy_nothing_is_denied), T(equals_the_definition))
