/* SPDX-License-Identifier: Apache-2.0 */
/* What neighbours must live through unchanged: attach, upgrade, an agent that is killed, detach. */
#ifndef WEIR_TEST_NEIGHBOUR_STAGES_H
#define WEIR_TEST_NEIGHBOUR_STAGES_H

#include "tests/lib/neighbourhood.h"

static inline void hood_print_difference(const struct outcome *a, const struct outcome *b)
{
	for (size_t p = 0; p < NB_PORTS; p++) {
		if (a->delivered[p] != b->delivered[p])
			printf("# port %zu: delivered %u, now %u\n", NB_FIRST_PORT + p, a->delivered[p], b->delivered[p]);
		for (size_t s = 0; s < NB_SLOTS; s++)
			if (a->seen[s][p] != b->seen[s][p])
				printf("# port %zu, program %zu: saw %lu, now %lu\n", NB_FIRST_PORT + p, s,
				       (unsigned long)a->seen[s][p], (unsigned long)b->seen[s][p]);
	}
	if (a->tcp != b->tcp)
		printf("# connections: %u, now %u\n", a->tcp, b->tcp);
}

static inline void hood_same(struct test_state *test_st, struct hood *h, const char *stage, bool attached,
			     const struct outcome *want, const struct order *order)
{
	struct outcome got;
	struct order now;

	hood_run(h, &got);
	CHECK(!memcmp(&got, want, sizeof(got)), "%s: others decide or see differently", stage);
	hood_print_difference(want, &got);
	hood_order(h, &now);
	CHECK(!memcmp(now.ids, order->ids, sizeof(now.ids)), "%s: the order of others changed", stage);
	CHECK(attached ? hood_one_each(&now) : hood_none(&now), "%s: ours: %u %u %u %u %u", stage, now.ours[0],
	      now.ours[1], now.ours[2], now.ours[3], now.ours[4]);
}

/* What they do without us; the late ones leave again. False: the scene could not be set. */
static inline bool hood_baseline(struct test_state *test_st, struct hood *h, const struct scene *s,
				 struct outcome *want, struct order *order)
{
	size_t early;
	int r = s->early ? s->early(h) : 0;

	early = h->item_count;
	if (!r && s->late)
		r = s->late(h);
	CHECK(!r, "others cannot be attached: %s", strerror(errno));
	hood_run(h, want);
	hood_order(h, order);
	for (const struct opinion *o = s->want; o && o->port; o++)
		CHECK(!!want->delivered[o->port - NB_FIRST_PORT] == o->delivered, "without us: port %u", o->port);
	hood_leave(h, early);
	return !r;
}

static inline bool hood_start(struct test_state *test_st, struct hood *h, const struct scene *s)
{
	struct weir_err err = {{0}};
	int r = fixture_probe(&h->f, hood_interfaces(), &h->f.probe, &err);

	CHECK(!r, "%s", err.text);
	if (!r && s->late)
		CHECK(!s->late(h), "the late ones cannot be attached: %s", strerror(errno));
	return !r;
}

/* An agent in a process of its own takes over and is killed. */
static inline void hood_killed_agent(struct test_state *test_st, struct hood *h)
{
	int status, ready[2];
	char c = 0;
	pid_t pid;

	CHECK(!pipe(ready));
	pid = fork();
	if (!pid) {
		struct weir_err err = {{0}};
		struct probe *p;

		c = fixture_probe(&h->f, hood_interfaces(), &p, &err) ? 'n' : 'y';
		(void)!write(ready[1], &c, 1);
		for (;;)
			pause();
	}
	(void)!read(ready[0], &c, 1);
	CHECK(c == 'y', "the agent does not take over");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
}

static inline void hood_detach(struct test_state *test_st, struct hood *h)
{
	uint64_t deadline = weir_monotonic_ns() + 2 * WEIR_NS_PER_S;
	struct weir_err err = {{0}};
	struct order now;

	probe_close(h->f.probe);
	h->f.probe = NULL;
	CHECK(!probe_detach(h->f.pins, &err), "%s", err.text);
	do
		hood_order(h, &now); /* the kernel lets links go in the background */
	while (!hood_none(&now) && weir_monotonic_ns() < deadline);
}

static inline void hood_stages(struct test_state *test_st, struct hood *h, const struct scene *s,
			       const struct outcome *want, const struct order *order)
{
	struct weir_err err = {{0}};
	struct probe *second = NULL;

	hood_same(test_st, h, "attached", true, want, order);
	if (s->also)
		s->also(test_st, h);
	CHECK(!fixture_probe(&h->f, hood_interfaces(), &second, &err), "%s", err.text);
	hood_same(test_st, h, "upgraded, the old agent still there", true, want, order);
	probe_close(h->f.probe);
	h->f.probe = NULL;
	hood_same(test_st, h, "upgraded", true, want, order);
	probe_close(second);
	hood_killed_agent(test_st, h);
	hood_same(test_st, h, "agent killed", true, want, order);
	CHECK(!fixture_probe(&h->f, hood_interfaces(), &h->f.probe, &err), "%s", err.text);
	hood_same(test_st, h, "agent back", true, want, order);
	hood_detach(test_st, h);
	hood_same(test_st, h, "detached", false, want, order);
}

static inline void hood_live_through(struct test_state *test_st, const struct scene *s)
{
	struct hood h = {0};
	struct outcome want;
	struct order order;

	if (!hood_enter(test_st, &h))
		return;
	if (hood_baseline(test_st, &h, s, &want, &order) && hood_start(test_st, &h, s))
		hood_stages(test_st, &h, s, &want, &order);
	hood_close(&h);
}

#endif
