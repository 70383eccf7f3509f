/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the bill is measured + adjusted + unattributed, to the nano-unit, whatever the numbers are. */
#include "lib/money/reconcile.h"
#include "tests/lib/test.h"

#include <time.h>

#define CLAIMS 12

static uint64_t state;

static uint64_t rnd(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t bound) /* of all sizes */
{
	return (rnd() % bound) >> (rnd() % 40);
}

/*
 * By hand. 100 bytes billed at 1,000, of which 30 and 20 were seen: half of it, 500, is theirs, 300 and 200. Said was 330
 * and 210 (540). The bill's list cost is 1,200: 600 for the half, so the discount is -100; said was 540 at list price
 * where the bill says 600: the tier's +60. 540 + (60 - 100) + 500 = 1,000.
 */
TEST(a_line_by_hand)
{
	const struct weir_billed l = {.billed = 1000, .list = 1200, .bytes = 100, .has_list = true};
	struct weir_claim c[] = {{.bytes = 30, .measured = 330}, {.bytes = 20, .measured = 210}};
	struct weir_parts p;

	CHECK(!weir_reconcile(&l, c, 2, &p));
	CHECK(p.measured == 540 && p.adjusted == -40 && p.unattributed == 500, "%lld %lld %lld", (long long)p.measured,
	      (long long)p.adjusted, (long long)p.unattributed);
	CHECK(c[0].adjusted == -30 && c[1].adjusted == -10, "%lld %lld", (long long)c[0].adjusted, (long long)c[1].adjusted);
	CHECK(p.reasons[WEIR_ADJUST_DISCOUNT] == -100 && p.reasons[WEIR_ADJUST_TIER] == 60 && !p.reasons[WEIR_ADJUST_OVER] &&
	      !p.reasons[WEIR_ADJUST_ROUNDING]);
}

/* 80 bytes billed, 100 seen, which is said to have cost 100: 20 of it is of bytes that this line does not have. */
TEST(more_measured_than_billed_is_said)
{
	const struct weir_billed l = {.billed = 80, .bytes = 80};
	struct weir_claim c[] = {{.bytes = 60, .measured = 60}, {.bytes = 40, .measured = 40}};
	struct weir_parts p;

	CHECK(!weir_reconcile(&l, c, 2, &p));
	CHECK(p.unattributed == 0 && p.adjusted == -20 && p.reasons[WEIR_ADJUST_OVER] == -20);
	CHECK(c[0].adjusted == -12 && c[1].adjusted == -8);
}

TEST(a_line_without_bytes_is_nobodys)
{
	const struct weir_billed hourly = {.billed = 7000, .list = 7000, .has_list = true}, unseen = {.billed = 500, .bytes = 9};
	struct weir_claim c[] = {{.bytes = 5, .measured = 3}};
	struct weir_parts p;

	CHECK(!weir_reconcile(&hourly, c, 1, &p));
	CHECK(p.unattributed == 7000 && p.measured + p.adjusted == 0);
	CHECK(!weir_reconcile(&unseen, NULL, 0, &p));
	CHECK(p.unattributed == 500 && !p.measured && !p.adjusted);
}

/* A third of 100 among three: 33 bytes each of 99 are 33.33 nanos each of 100, and one nano is the largest remainder's. */
TEST(rounding_has_its_name)
{
	const struct weir_billed l = {.billed = 100, .list = 100, .bytes = 99, .has_list = true};
	struct weir_claim c[] = {{.bytes = 33, .measured = 33}, {.bytes = 33, .measured = 33}, {.bytes = 33, .measured = 33}};
	struct weir_parts p;

	CHECK(!weir_reconcile(&l, c, 3, &p));
	CHECK(p.adjusted == 1 && p.reasons[WEIR_ADJUST_ROUNDING] == 1 && !p.unattributed);
	CHECK(c[0].adjusted + c[1].adjusted + c[2].adjusted == 1);
}

static bool holds(const struct weir_billed *l, const struct weir_claim *c, size_t n, const struct weir_parts *p)
{
	int64_t measured = 0, adjusted = 0, reasons = 0;
	uint64_t bytes = 0;
	__int128 attributed = (__int128)l->billed - p->unattributed;

	for (size_t i = 0; i < n; i++) {
		measured += c[i].measured;
		adjusted += c[i].adjusted;
		bytes += c[i].bytes;
	}
	for (int i = 0; i < WEIR_ADJUSTMENTS; i++)
		reasons += p->reasons[i];
	if (measured != p->measured || adjusted != p->adjusted || reasons != p->adjusted ||
	    p->measured + p->adjusted + p->unattributed != l->billed)
		return false;
	if (l->bytes && bytes >= l->bytes && p->unattributed)
		return false;
	if ((l->billed < 0) != (p->unattributed < 0) && p->unattributed)
		return false;
	for (size_t i = 0; i < n && bytes && l->bytes; i++) { /* each within a nano of its part by bytes */
		__int128 share = (__int128)(c[i].measured + c[i].adjusted) * bytes, want = attributed * c[i].bytes;
		__int128 off = share > want ? share - want : want - share;

		if (off >= bytes)
			return false;
	}
	return true;
}

TEST(every_line_is_its_parts)
{
	const char *seed = getenv("WEIR_TEST_SEED");
	int rounds = getenv("WEIR_LONG") ? 1000000 : 50000, bad = 0;

	state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	printf("# seed %llu (WEIR_TEST_SEED)\n", (unsigned long long)state);
	for (int i = 0; i < rounds && bad < 5; i++) {
		struct weir_billed l = {.billed = (int64_t)below(1ull << 56) * (rnd() % 10 ? 1 : -1), .has_list = rnd() % 3,
				      .bytes = rnd() % 20 ? below(1ull << 56) : 0};
		struct weir_claim c[CLAIMS];
		struct weir_parts p;
		size_t n = rnd() % (CLAIMS + 1);

		l.list = l.has_list ? l.billed + (int64_t)below(1ull << 50) : 0;
		for (size_t k = 0; k < n; k++)
			c[k] = (struct weir_claim){.bytes = rnd() % 9 ? below(1ull << 55) : 0, .measured = (int64_t)below(1ull << 52)};
		if (weir_reconcile(&l, c, n, &p) || !holds(&l, c, n, &p)) {
			CHECK(false, "line %d: billed %lld of %llu bytes, %zu claims", i, (long long)l.billed,
			      (unsigned long long)l.bytes, n);
			bad++;
		}
	}
}

TEST(a_price_books_sku_is_patterns)
{
	CHECK(weir_sku_matches("*DataTransfer-Out-Bytes", "USW2-DataTransfer-Out-Bytes"));
	CHECK(weir_sku_matches("US-X|EU-X*", "EU-X-1") && weir_sku_matches("US-X|EU-X*", "US-X"));
	CHECK(!weir_sku_matches("US-X|EU-X", "US-X|EU-X") && !weir_sku_matches("", "US-X") && !weir_sku_matches("*-In-Bytes", "A-Out-Bytes"));
}

TEST_MAIN(T(a_price_books_sku_is_patterns), T(a_line_by_hand), T(more_measured_than_billed_is_said), T(a_line_without_bytes_is_nobodys), T(rounding_has_its_name),
	  T(every_line_is_its_parts))
