/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random single changes of a list of prefixes, each applied to the tables of the one before: they say what
 * tables built anew say, to the span, and so does their sum. In a small world, where prefixes nest, touch
 * and cover whole families, and in a crowded one, where blocks overflow. WEIR_TEST_SEED repeats a run.
 */
#include <time.h>

#include "lib/policy/spread.h"
#include "tests/lib/random_policy.h"
#include "tests/lib/test.h"

#define SMALL_STEPS 1000
#define CROWDED_STEPS 1800
#define LIST_MAX 4096

static unsigned int seed;

static void seed_once(void)
{
	const char *s = getenv("WEIR_TEST_SEED");

	if (seed)
		return;
	seed = s ? (unsigned int)strtoul(s, NULL, 10) : (unsigned int)time(NULL) * 2654435761u;
	printf("# WEIR_TEST_SEED=%u\n", seed);
}

/* Two lists, the second of which cuts holes into the first. */
struct world {
	struct weir_prefix lists[2][LIST_MAX];
	size_t count[2];
	struct weir_topology *topology;
	struct weir_bundle *bundle;
	struct weir_tables *tables; /* changed step by step */
	struct weir_spread v4, v6;
};

static const char policy[] =
	"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\nspec:\n  tier: admin\n  egress:\n"
	"  - {action: accept, to: [{list: one}]}\n"
	"  - {action: deny, to: [{list: two}, {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}, {cidr: '2000::/3'}]}\n";

static int compile(const struct world *w, struct weir_bundle **ret, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_policy_set *s = NULL;
	int r = weir_policy_set_new(&s);

	for (int l = 0; r == 0 && l < 2; l++) {
		weir_auto_buf struct weir_buf text = {0};
		char name[64];

		r = weir_buf_add(&text, "#\n", 2);
		for (size_t i = 0; r == 0 && i < w->count[l]; i++)
			r = weir_buf_addf(&text, "%s\n", weir_prefix_text(&w->lists[l][i], name));
		if (r == 0)
			r = weir_policy_set_list(s, l ? "two" : "one", "l.txt", (char *)text.data, text.len, err);
	}
	if (r == 0)
		r = weir_ydoc_parse(policy, sizeof(policy) - 1, "p.yaml", &doc, err);
	if (r == 0)
		r = weir_policy_set_add(s, weir_ydoc_root(doc, 0), err);
	if (r == 0)
		r = weir_policy_set_seal(s, err);
	if (r == 0)
		r = weir_bundle_compile(s, w->topology, RANDOM_CLASS, NULL, 0, &bytes, err);
	if (r == 0)
		r = weir_bundle_parse(bytes.data, bytes.len, ret, err);
	weir_policy_set_free(s);
	return r;
}

/* A table with room to grow, as a half of the kernel's has. */
static int rebase(struct world *w, struct weir_err *err)
{
	size_t cap = weir_span_slots(4 * LIST_MAX);
	int r;

	weir_tables_free(w->tables);
	w->tables = NULL;
	r = weir_tables_build(w->bundle, NULL, 0, &w->tables, err);
	if (r < 0)
		return r;
	w->tables->spans4 = reallocarray(w->tables->spans4, cap, sizeof(*w->tables->spans4));
	w->tables->spans6 = reallocarray(w->tables->spans6, cap, sizeof(*w->tables->spans6));
	w->v4 = (struct weir_spread){.spans4 = w->tables->spans4, .roots = w->tables->roots,
				     .used = w->tables->span4_count, .cap = cap};
	w->v6 = (struct weir_spread){.spans6 = w->tables->spans6, .roots = w->tables->roots,
				     .used = w->tables->span6_count, .cap = cap};
	return w->tables->spans4 && w->tables->spans6 ? 0 : -ENOMEM;
}

static size_t own_spans(const struct weir_spread *s, struct weir_span *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < s->used; i++) {
		struct weir_span x = weir_spread_get(s, i);

		if (n == 0 || ret[n - 1].start != x.start)
			ret[n++] = x;
	}
	return n;
}

/* The spans themselves, gaps apart. */
static bool same_spans(const struct weir_spread *a, const struct weir_spread *b)
{
	weir_auto_free struct weir_span *x = calloc(a->used, sizeof(*x)), *y = calloc(b->used, sizeof(*y));
	size_t n = own_spans(a, x);
	bool same = n == own_spans(b, y);

	for (size_t i = 0; same && i < n; i++)
		same = x[i].start == y[i].start && x[i].class == y[i].class;
	return same;
}

static bool same_tables(struct world *w, const struct weir_tables *fresh)
{
	const struct weir_spread v4 = {.spans4 = fresh->spans4, .used = fresh->span4_count};
	const struct weir_spread v6 = {.spans6 = fresh->spans6, .used = fresh->span6_count};

	return same_spans(&w->v4, &v4) && same_spans(&w->v6, &v6);
}

struct tally {
	unsigned int steps, in_place, rebuilt, wrong_spans, wrong_sums, grown;
};

static int step(struct world *w, struct tally *t, struct weir_err *err)
{
	struct weir_bundle *now = NULL;
	struct weir_tables *fresh = NULL;
	struct weir_prefix changed[8];
	struct weir_tables_sum held;
	size_t n = 0, used = w->v4.used + w->v6.used;
	int r = compile(w, &now, err), d;

	if (r < 0)
		return r;
	d = weir_bundle_diff(w->bundle, now, changed, WEIR_ARRAY_SIZE(changed), &n);
	for (size_t i = 0; d == 0 && i < n; i++)
		d = weir_bundle_respan(now, &changed[i], &w->v4, &w->v6, &w->tables->sum);
	weir_bundle_free(w->bundle);
	w->bundle = now;
	t->steps++;
	if (d < 0) {
		t->rebuilt++;
		return rebase(w, err);
	}
	t->in_place++;
	t->grown += w->v4.used + w->v6.used > used;
	w->tables->span4_count = w->v4.used;
	w->tables->span6_count = w->v6.used;
	r = weir_tables_build(now, NULL, 0, &fresh, err);
	if (r < 0)
		return r;
	t->wrong_spans += !same_tables(w, fresh);
	t->wrong_sums += weir_tables_sum(w->tables, &held) < 0 || memcmp(&held, &fresh->sum, sizeof(held)) ||
			 memcmp(&w->tables->sum, &fresh->sum, sizeof(held));
	weir_tables_free(fresh);
	return 0;
}

/* Adds one, takes one away, or (with the other list) gives one another class. */
static void change(struct world *w, struct weir_prefix (*random)(void))
{
	unsigned int l = random_below(&seed, 2);

	if (w->count[l] && (random_below(&seed, 5) < 2 || w->count[l] == LIST_MAX)) {
		size_t at = random_below(&seed, (unsigned int)w->count[l]);

		w->lists[l][at] = w->lists[l][--w->count[l]];
		return;
	}
	w->lists[l][w->count[l]++] = w->count[!l] && !random_below(&seed, 4) ?
		w->lists[!l][random_below(&seed, (unsigned int)w->count[!l])] : random();
}

static struct weir_prefix cut(struct weir_addr a, unsigned int len)
{
	for (unsigned int bit = len; bit < 128; bit++)
		a.b[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
	return (struct weir_prefix){a, (uint8_t)len};
}

/* Few addresses and every length: nested, adjacent, the ends of both families. */
static struct weir_prefix small_prefix(void)
{
	static const char *const at[] = {"0.0.0.0", "255.255.255.255", "10.1.0.0", "10.0.255.255", "11.0.0.0",
					 "::", "ffff:ffff::ffff", "::fffe:0:0", "::1:0:0:0", "2001:db8::",
					 "::fffe:ffff:ffff", "3fff:ffff::", "4000::", "203.0.113.7"};
	const char *text = at[random_below(&seed, WEIR_ARRAY_SIZE(at))];
	struct weir_addr a;
	bool v4 = !strchr(text, ':');

	if (weir_addr_parse(text, &a) < 0)
		abort();
	if (random_below(&seed, 2))
		a.b[15 - random_below(&seed, v4 ? 4 : 16)] ^= (uint8_t)(1u << random_below(&seed, 8));
	return cut(a, v4 ? 96 + random_below(&seed, 33) : random_below(&seed, 129));
}

/* Hosts of one subnet of each family. */
static struct weir_prefix crowded_prefix(void)
{
	struct weir_addr a;

	if (weir_addr_parse(random_below(&seed, 2) ? "198.51.100.0" : "2001:db8::", &a) < 0)
		abort();
	a.b[14] = (uint8_t)random_below(&seed, 8);
	a.b[15] = (uint8_t)random_below(&seed, 256);
	return cut(a, 128);
}

static void run(struct test_state *test_st, const char *name, unsigned int steps,
		struct weir_prefix (*random)(void))
{
	weir_auto_free struct world *w = calloc(1, sizeof(*w));
	struct tally t = {0};
	struct weir_err err = {0};
	int r;

	seed_once();
	if (!getenv("WEIR_LONG"))
		steps /= 2;
	r = random_topology(&w->topology, &err);
	for (int l = 0; l < 2; l++) /* so that the rules never change */
		w->lists[l][w->count[l]++] = random();
	if (r == 0)
		r = compile(w, &w->bundle, &err);
	if (r == 0)
		r = rebase(w, &err);
	for (unsigned int i = 0; r == 0 && i < steps; i++) {
		change(w, random);
		r = step(w, &t, &err);
	}
	CHECK(r == 0, "%d: %s", r, err.text);
	printf("# %s: %u changes, %u in place, %u built anew, the table grew %u times\n", name, t.steps, t.in_place,
	       t.rebuilt, t.grown);
	CHECK(t.steps == steps);
	CHECK(t.in_place * 2 > t.steps, "%u of %u in place", t.in_place, t.steps);
	CHECK(t.wrong_spans == 0, "%u of %u tables have other spans", t.wrong_spans, t.in_place);
	CHECK(t.wrong_sums == 0, "%u of %u sums are wrong", t.wrong_sums, t.in_place);
	weir_tables_free(w->tables);
	weir_bundle_free(w->bundle);
	weir_topology_free(w->topology);
}

TEST(small_changes_say_what_a_build_says)
{
	run(test_st, "small world", SMALL_STEPS, small_prefix);
}

TEST(crowded_blocks_say_what_a_build_says)
{
	run(test_st, "crowded world", CROWDED_STEPS, crowded_prefix);
}

/* A slot, a gap, a root: whatever is wrong in the tables, their sum is another or there is none. */
TEST(a_changed_slot_changes_the_sum)
{
	weir_auto_free struct world *w = calloc(1, sizeof(*w));
	struct weir_err err = {0};
	unsigned int missed = 0;

	seed_once();
	CHECK(random_topology(&w->topology, &err) == 0, "%s", err.text);
	for (int i = 0; i < 300; i++)
		change(w, small_prefix);
	CHECK(compile(w, &w->bundle, &err) == 0 && rebase(w, &err) == 0, "%s", err.text);
	for (int i = 0; w->tables && i < 3000; i++) {
		struct weir_tables *t = w->tables;
		uint32_t bit = 1u << random_below(&seed, 32), at = random_below(&seed, (unsigned int)t->span4_count);
		uint32_t at6 = random_below(&seed, (unsigned int)t->span6_count);
		uint32_t root = random_below(&seed, WEIR_ROOTS);
		uint32_t *what[] = {&t->spans4[at].start, &t->spans4[at].class, &t->spans6[at6].class,
				    &t->roots[root].span4, &t->roots[root].span6, &t->peer_classes};
		uint32_t *hit = what[random_below(&seed, WEIR_ARRAY_SIZE(what))];
		struct weir_tables_sum sum;

		*hit ^= bit;
		missed += weir_tables_sum(t, &sum) == 0 && !memcmp(&sum, &t->sum, sizeof(sum));
		*hit ^= bit;
	}
	CHECK(missed == 0, "%u changes passed", missed);
	weir_tables_free(w->tables);
	weir_bundle_free(w->bundle);
	weir_topology_free(w->topology);
}

/* The addresses between the two parts of IPv6 belong to IPv4: what ends before them is not open behind them. */
TEST(what_ends_where_ipv4_begins_has_ended_behind_it)
{
	static const char *const around[] = {NULL, "::/1"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(around); i++) {
		uint32_t outer = around[i] ? 2 : 0;
		struct weir_b_prefix prefixes[2] = {{.class = outer}, {.class = 1}};
		struct weir_tables t = {0};
		struct weir_span own[16];
		size_t n = 0;
		int r = weir_prefix_parse("::fffe:0:0/96", &prefixes[1].prefix);

		if (r == 0 && around[i])
			r = weir_prefix_parse(around[i], &prefixes[0].prefix);
		if (r == 0)
			r = weir_spans_build(around[i] ? prefixes : prefixes + 1, around[i] ? 2 : 1, &t);
		CHECK(r == 0 && t.span6_count, "%d", r);
		if (r == 0) {
			const struct weir_spread s = {.spans6 = t.spans6, .used = WEIR_MIN(t.span6_count, WEIR_ARRAY_SIZE(own))};

			n = own_spans(&s, own);
		}
		CHECK(n >= 3 && own[1].class == 1 && own[2].start == WEIR_V4_LAST + 1 && own[2].class == outer,
		      "%zu spans, the third of class %u", n, n > 2 ? own[2].class : 0);
		free(t.spans4);
		free(t.spans6);
		free(t.roots);
	}
}

/* Neighbours, as lists of providers are: where a chunk begins must not hang on what they all share. */
static void check_chunks(struct test_state *test_st, bool v6)
{
	weir_auto_free struct world *w = calloc(1, sizeof(*w));
	struct weir_err err = {{0}};
	size_t longest = 0;
	int r = random_topology(&w->topology, &err);

	for (unsigned int i = 0; i < LIST_MAX; i++) {
		char text[64];

		snprintf(text, sizeof(text), v6 ? "2a00:1450:4000:%02x%02x::/64" : "100.%u.%u.0/24", i / 256, i % 256);
		CHECK(weir_prefix_parse(text, &w->lists[0][i]) == 0, "%s", text);
	}
	w->count[0] = LIST_MAX;
	r = r ? r : compile(w, &w->bundle, &err);
	CHECK(r == 0, "%s", err.text);
	for (size_t i = 0; !r && i < w->bundle->chunk_count; i++)
		longest = WEIR_MAX(longest, w->bundle->chunks[i + 1].first - w->bundle->chunks[i].first);
	CHECK(r || (w->bundle->chunk_count > 4 && w->bundle->chunk_count < 80 && longest < LIST_MAX / 2),
	      "%zu chunks of %zu prefixes, the longest of %zu", w->bundle->chunk_count, w->bundle->prefix_count, longest);
	weir_bundle_free(w->bundle);
	weir_topology_free(w->topology);
}

TEST(neighbours_are_in_many_chunks)
{
	check_chunks(test_st, false);
	check_chunks(test_st, true);
}

TEST_MAIN(T(neighbours_are_in_many_chunks), T(small_changes_say_what_a_build_says), T(crowded_blocks_say_what_a_build_says),
	  T(a_changed_slot_changes_the_sum), T(what_ends_where_ipv4_begins_has_ended_behind_it))
