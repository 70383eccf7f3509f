/* SPDX-License-Identifier: Apache-2.0 */
/* A bill line by line: who has which part of it, by hand, and that nothing is lost, whatever the bill is. */
#include "lib/money/settlement.h"
#include "tests/lib/test.h"

#include <time.h>

#define DAY 86400
#define LINES 24
#define CLAIMS 16

static uint64_t state;

static uint64_t rnd(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* What was told of lines, by their id; 0 is what was of no line. */
struct told {
	struct weir_parts parts[LINES + 1];
	int64_t billed[LINES + 1], share[LINES + 1][CLAIMS + 1]; /* of claims whose team is "1", "2", ... */
	uint64_t bytes[LINES + 1][CLAIMS + 1];
	int64_t measured_of[CLAIMS + 1], adjusted_of[CLAIMS + 1];
	size_t count;
	bool broken;
};

static int hear(const struct weir_settled *s, void *arg)
{
	struct told *t = arg;
	size_t at = s->line ? (size_t)s->line->id : 0;
	int64_t measured = 0, adjusted = 0, reasons = 0, billed = s->line ? s->line->billed : 0;

	for (size_t i = 0; i < s->share_count; i++) {
		int who = atoi(s->shares[i].claim->team);

		measured += s->shares[i].measured;
		adjusted += s->shares[i].adjusted;
		t->measured_of[who] += s->shares[i].measured;
		t->adjusted_of[who] += s->shares[i].adjusted;
		t->share[at][who] += s->shares[i].measured + s->shares[i].adjusted;
		t->bytes[at][who] += s->shares[i].bytes;
	}
	for (int i = 0; i < WEIR_ADJUSTMENTS; i++)
		reasons += s->parts.reasons[i];
	t->broken |= measured != s->parts.measured || adjusted != s->parts.adjusted || reasons != adjusted ||
		     s->parts.measured + s->parts.adjusted + s->parts.unattributed != billed;
	t->parts[at] = s->parts;
	t->billed[at] = billed;
	t->count++;
	return 0;
}

static struct weir_settlement_line line(int64_t id, const char *account, const char *region, int64_t quantity, int64_t billed)
{
	return (struct weir_settlement_line){.id = id, .meter = "m", .account = account, .region = region, .service = "EC2",
					     .kind = quantity > 0 ? WEIR_CHARGE_USAGE : WEIR_CHARGE_FOLLOWER, .to_s = 30 * DAY,
					     .quantity = quantity, .billed = billed};
}

static struct weir_settlement_claim claim(const char *team, const char *account, const char *region, uint64_t bytes, int64_t nanos)
{
	return (struct weir_settlement_claim){.meter = "m", .name = "m", .account = account, .region = region, .team = team,
					      .path = "nat", .to_s = 30 * DAY, .bytes = bytes, .measured = nanos};
}

/* The claims as they came out, by their team. */
static int settle(const struct weir_settlement_line *lines, size_t n, const struct weir_settlement_claim *claims, size_t m,
		  struct told *t)
{
	weir_cleanup(weir_settlement_freep) struct weir_settlement *s = NULL;
	const struct weir_settlement_claim *out;
	struct weir_err err = {{0}};
	size_t count;
	int r = weir_settlement_new(hear, t, &s);

	memset(t, 0, sizeof(*t));
	for (size_t i = 0; !r && i < n; i++)
		r = weir_settlement_line(s, &lines[i], &err);
	for (size_t i = 0; !r && i < m; i++)
		r = weir_settlement_claim(s, &claims[i], &err);
	if (!r)
		r = weir_settlement_run(s, &err);
	if (r)
		return r;
	out = weir_settlement_claims(s, &count);
	for (size_t i = 0; i < count; i++)
		t->broken |= out[i].measured != t->measured_of[atoi(out[i].team)] || out[i].adjusted != t->adjusted_of[atoi(out[i].team)];
	return 0;
}

/*
 * By hand: of 100 and 300 bytes, 40 and 160 were seen, half of each line: 50 of the first, of which 10 and 40 are theirs,
 * and 150. Of the 1,000 that the first costs, 500 are nobody's, 100 and 400 theirs; of the second's 6,000 it is 600 and 2,400.
 */
TEST(what_was_measured_is_dealt_by_quantity)
{
	const struct weir_settlement_line l[] = {line(1, "a", "r", 100, 1000), line(2, "a", "r", 300, 6000)};
	const struct weir_settlement_claim c[] = {claim("1", "a", "r", 40, 400), claim("2", "a", "r", 160, 1600)};
	struct told t;

	CHECK(!settle(l, 2, c, 2, &t) && !t.broken && t.count == 2);
	CHECK(t.bytes[1][1] == 10 && t.bytes[1][2] == 40 && t.bytes[2][1] == 30 && t.bytes[2][2] == 120);
	CHECK(t.share[1][1] == 100 && t.share[1][2] == 400 && t.parts[1].unattributed == 500);
	CHECK(t.share[2][1] == 600 && t.share[2][2] == 2400 && t.parts[2].unattributed == 3000);
}

TEST(a_byte_that_is_over_is_the_largest_remainders)
{
	const struct weir_settlement_line l[] = {line(1, "a", "r", 300, 3), line(2, "a", "r", 400, 4), line(3, "a", "r", 300, 3)};
	const struct weir_settlement_claim c = claim("1", "a", "r", 101, 9); /* 30.3, 40.4, 30.3 */
	struct told t;

	CHECK(!settle(l, 3, &c, 1, &t) && !t.broken);
	CHECK(t.bytes[1][1] == 30 && t.bytes[2][1] == 41 && t.bytes[3][1] == 30);
}

TEST(an_account_and_a_region_that_are_known_keep_apart)
{
	const struct weir_settlement_line l[] = {line(1, "a", "r", 100, 1000), line(2, "b", "r", 100, 1000), line(3, "a", "q", 100, 1000)};
	const struct weir_settlement_claim c[] = {claim("1", "a", "r", 50, 500), claim("2", "b", "r", 80, 800), claim("3", "a", "q", 10, 100)};
	struct told t;

	CHECK(!settle(l, 3, c, 3, &t) && !t.broken);
	CHECK(t.share[1][1] == 500 && t.share[2][2] == 800 && t.share[3][3] == 100);
	CHECK(!t.share[1][2] && !t.share[2][1] && !t.share[1][3] && !t.share[3][1]);
}

/* 50 of the first line are of the known one: 50 and 100 are left, which 30 are dealt by: 10 and 20. */
TEST(what_is_not_known_takes_what_is_left)
{
	const struct weir_settlement_line l[] = {line(1, "a", "r", 100, 1000), line(2, "b", "r", 100, 1000)};
	const struct weir_settlement_claim c[] = {claim("2", "", "", 30, 300), claim("1", "a", "r", 50, 500)};
	struct told t;

	CHECK(!settle(l, 2, c, 2, &t) && !t.broken);
	CHECK(t.bytes[1][1] == 50 && t.bytes[1][2] == 10 && t.bytes[2][2] == 20);
}

TEST(each_day_has_its_own)
{
	struct weir_settlement_line l[] = {line(1, "a", "r", 100, 1000), line(2, "a", "r", 100, 3000)};
	struct weir_settlement_claim c[] = {claim("1", "a", "r", 100, 900), claim("2", "a", "r", 50, 450)};
	struct told t;

	l[0].to_s = c[0].to_s = l[1].from_s = c[1].from_s = DAY;
	l[1].to_s = c[1].to_s = 2 * DAY;
	CHECK(!settle(l, 2, c, 2, &t) && !t.broken);
	CHECK(t.share[1][1] == 1000 && !t.share[1][2] && !t.share[2][1] && t.share[2][2] == 1500 && t.parts[2].unattributed == 1500);
}

TEST(what_no_line_has_is_over_measured)
{
	const struct weir_settlement_line l = line(1, "a", "r", 100, 1000);
	const struct weir_settlement_claim c = claim("1", "b", "r", 50, 500);
	struct told t;

	CHECK(!settle(&l, 1, &c, 1, &t) && !t.broken && t.count == 2);
	CHECK(t.parts[1].unattributed == 1000 && t.parts[0].measured == 500 && t.parts[0].reasons[WEIR_ADJUST_OVER] == -500);
	CHECK(t.measured_of[1] == 500 && t.adjusted_of[1] == -500);
}

/*
 * 100 bytes at 1,000, 20 of which are taken back at 200: of 80 bytes, 40 were seen: half of the line, half of what was
 * taken back, half of a credit of 100.
 */
TEST(corrections_and_credits_follow)
{
	const struct weir_settlement_line l[] = {line(1, "a", "r", 100, 1000), line(2, "a", "r", -20, -200), line(3, "a", "r", 0, -100)};
	const struct weir_settlement_claim c[] = {claim("1", "a", "r", 30, 300), claim("2", "a", "r", 10, 100)};
	struct told t;

	CHECK(!settle(l, 3, c, 2, &t) && !t.broken);
	CHECK(t.parts[1].unattributed == 500 && t.parts[2].unattributed == -100 && t.parts[3].unattributed == -50);
	CHECK(t.share[2][1] == -75 && t.share[2][2] == -25 && t.parts[2].reasons[WEIR_ADJUST_DISCOUNT] == -100);
	CHECK(t.share[3][1] == -38 && t.share[3][2] == -12, "-37.5 and -12.5, the nano to the first: %lld %lld", (long long)t.share[3][1], (long long)t.share[3][2]);
}

TEST(how_fine_claims_should_be)
{
	static const struct {
		int64_t span, step;
	} cases[] = {{3600, 3600}, {DAY, DAY}, {7 * DAY, DAY}, {30 * DAY, 0}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_cleanup(weir_settlement_freep) struct weir_settlement *s = NULL;
		struct weir_settlement_line l = line(1, "a", "r", 1, 1);

		l.to_s = cases[i].span;
		CHECK(!weir_settlement_new(hear, NULL, &s) && !weir_settlement_line(s, &l, NULL));
		CHECK(weir_settlement_step(s) == cases[i].step, "a line of %lld s", (long long)cases[i].span);
	}
}

static void random_bill(struct weir_settlement_line *l, size_t n, struct weir_settlement_claim *c, size_t m)
{
	static const char *const accounts[] = {"a", "b", ""}, *const regions[] = {"r", "q", ""}, *const meters[] = {"m", "n", "o"};
	static const char *const teams[] = {"", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};

	for (size_t i = 0; i < n; i++) {
		l[i] = line((int64_t)i + 1, accounts[rnd() % 3], regions[rnd() % 3], (int64_t)((rnd() % (1ull << 50)) >> (rnd() % 50)) + 1,
			    (int64_t)((rnd() % (1ull << 50)) >> (rnd() % 50)));
		l[i].meter = meters[rnd() % 3];
		l[i].from_s = (int64_t)(rnd() % 30) * DAY;
		l[i].to_s = l[i].from_s + DAY * (1 + (int64_t)(rnd() % 30));
		l[i].has_list = rnd() % 2;
		l[i].list = l[i].has_list ? l[i].billed + (int64_t)(rnd() % 1000) : 0;
		if (rnd() % 5 == 0) {
			l[i].kind = rnd() % 4 ? WEIR_CHARGE_FOLLOWER : WEIR_CHARGE_ALONE;
			l[i].quantity = rnd() % 2 ? -l[i].quantity : 0;
			l[i].billed = -l[i].billed;
		}
	}
	for (size_t i = 0; i < m; i++) {
		c[i] = claim(teams[i + 1], accounts[rnd() % 3], regions[rnd() % 3], (rnd() % (1ull << 48)) >> (rnd() % 48),
			     (int64_t)((rnd() % (1ull << 48)) >> (rnd() % 48)));
		c[i].meter = meters[rnd() % 3];
		c[i].from_s = (int64_t)(rnd() % 30) * DAY;
		c[i].to_s = c[i].from_s + DAY * (1 + (int64_t)(rnd() % 5));
	}
}

static bool sums_hold(const struct weir_settlement_line *l, size_t n, const struct weir_settlement_claim *c, size_t m,
		      const struct told *t)
{
	__int128 billed = 0, shares = 0, rest = 0;

	for (size_t i = 0; i < n; i++)
		billed += l[i].billed;
	for (size_t i = 0; i <= LINES; i++)
		rest += t->parts[i].unattributed;
	for (size_t i = 0; i < m; i++) {
		shares += t->measured_of[i + 1] + t->adjusted_of[i + 1];
		if (t->measured_of[i + 1] != c[i].measured)
			return false;
	}
	return !t->broken && shares + rest == billed;
}

TEST(nothing_is_lost)
{
	const char *seed = getenv("WEIR_TEST_SEED");
	int rounds = getenv("WEIR_LONG") ? 1000000 : 5000, bad = 0;
	struct weir_settlement_line l[LINES];
	struct weir_settlement_claim c[CLAIMS];

	state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	printf("# seed %llu (WEIR_TEST_SEED)\n", (unsigned long long)state);
	for (int i = 0; i < rounds && bad < 5; i++) {
		struct told t, turned;
		size_t n = rnd() % (LINES + 1), m = rnd() % (CLAIMS + 1);

		random_bill(l, n, c, m);
		if (settle(l, n, c, m, &t) || !sums_hold(l, n, c, m, &t)) {
			CHECK(false, "bill %d of %zu lines, %zu claims", i, n, m);
			bad++;
		}
		for (size_t k = 0; k < n / 2; k++) {
			struct weir_settlement_line swap = l[k];

			l[k] = l[n - 1 - k];
			l[n - 1 - k] = swap;
		}
		if (settle(l, n, c, m, &turned) || memcmp(t.share + 1, turned.share + 1, sizeof(t.share) - sizeof(t.share[0])) != 0) {
			CHECK(false, "bill %d in another order is another one", i);
			bad++;
		}
	}
}

TEST_MAIN(T(what_was_measured_is_dealt_by_quantity), T(a_byte_that_is_over_is_the_largest_remainders),
	  T(an_account_and_a_region_that_are_known_keep_apart), T(what_is_not_known_takes_what_is_left), T(each_day_has_its_own),
	  T(what_no_line_has_is_over_measured), T(corrections_and_credits_follow), T(how_fine_claims_should_be), T(nothing_is_lost))
