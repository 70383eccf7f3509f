/* SPDX-License-Identifier: Apache-2.0 */
/* How far files were read is kept across restarts, some minutes back. */
#include "aggregator/signals_tail.h"
#include "lib/os/file.h"
#include "tests/lib/signals_fixture.h"
#include "tests/lib/test.h"

struct box {
	char dir[64], path[96], store[96], state[112];
};

static void box_new(struct box *b)
{
	*b = (struct box){.dir = "/tmp/weir-places-XXXXXX"};
	if (!mkdtemp(b->dir))
		abort();
	snprintf(b->path, sizeof(b->path), "%s/eve.json", b->dir);
	snprintf(b->store, sizeof(b->store), "%s/weir.db", b->dir);
	snprintf(b->state, sizeof(b->state), "%s.signals", b->store);
}

static void box_free(struct box *b)
{
	unlink(b->state);
	rmdir(b->dir);
}

static uint64_t state_offset(const struct box *b)
{
	weir_auto_free char *text = NULL;
	unsigned long long time_s = 0, offset = 0;
	size_t len;

	if (weir_file_read(b->state, 4096, &text, &len) || sscanf(text, "weir-signals 1\n%llu %llu ", &time_s, &offset) != 2)
		return UINT64_MAX;
	return offset;
}

TEST(places_are_kept_some_minutes_back)
{
	struct signals_places *p;
	struct tail_place at = {.offset = 0};
	struct config c;
	struct box b;
	size_t n;

	box_new(&b);
	c = (struct config){.store_path = b.store};
	CHECK(!signals_places_open(&c, &p) && (signals_places_of(p, b.path, &n), !n), "nothing is known");
	for (uint64_t t = 0; t <= 1800; t++) {
		at.offset = 10 * t;
		signals_places_note(p, b.path, &at, NOW_S + t);
	}
	signals_places_save(p, (NOW_S + 1800) * WEIR_NS_PER_S, false);
	CHECK(state_offset(&b) == 12000, "that of 600 s ago: %llu", (unsigned long long)state_offset(&b));
	/* A clock that went back an hour: what it noted in its future is no place to begin at for ever. */
	at.offset = 18010;
	signals_places_note(p, b.path, &at, NOW_S - 1800);
	signals_places_save(p, (NOW_S + 1800) * WEIR_NS_PER_S, true);
	CHECK(state_offset(&b) == 18010, "%llu", (unsigned long long)state_offset(&b));
	signals_places_free(p);
	CHECK(!signals_places_open(&c, &p) && signals_places_of(p, b.path, &n)->offset == 18010 && n == 1, "it is read again");
	CHECK((signals_places_of(p, "/another", &n), !n), "of each file its own");
	signals_places_free(p);
	box_free(&b);
}

TEST(an_exchanged_file_is_noted_at_once)
{
	struct tail_place at = {.offset = 100, .head_len = 100, .head = 7, .file = 1};
	struct signals_places *p;
	struct config c;
	struct box b;
	size_t n;

	box_new(&b);
	c = (struct config){.store_path = b.store};
	CHECK(!signals_places_open(&c, &p) && (signals_places_of(p, b.path, &n), !n), "nothing is known");
	for (uint32_t i = 0; i < 3; i++) {
		for (uint64_t k = 0; k < 2; k++, at.offset++) {
			signals_places_note(p, b.path, &at, NOW_S + i);
			signals_places_save(p, (NOW_S + i) * WEIR_NS_PER_S, false);
		}
		at.file++;
	}
	signals_places_free(p); /* as a kill -9 leaves it */
	CHECK(!signals_places_open(&c, &p) && signals_places_of(p, b.path, &n)[0].offset == 100, "the oldest");
	CHECK(n == 4 && signals_places_of(p, b.path, &n)[1].offset == 101 && signals_places_of(p, b.path, &n)[3].offset == 104, "of each file one: %zu", n);
	signals_places_free(p);
	box_free(&b);
}

TEST(a_state_that_makes_no_sense_is_left)
{
	static const char *const texts[] = {"", "weir-signals 2\n", "weir-signals 1\n1 2 3\n", "weir-signals 1\n1 5 9 0000000000000000 /eve\n",
					    "weir-signals 1\n1 99999999999999999999999 9 00 /eve\n", "weir-signals 1\n\xff\xfe\n\n\n"};
	struct box b;

	box_new(&b);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		struct signals_places *p;
		struct config c = {.signals_state = b.state};
		size_t n;

		CHECK(!weir_file_write(b.state, texts[i], strlen(texts[i]), 0600) && !signals_places_open(&c, &p) && (signals_places_of(p, "/eve", &n), !n), "%s", texts[i]);
		signals_places_free(p);
	}
	box_free(&b);
}

TEST_MAIN(T(places_are_kept_some_minutes_back), T(an_exchanged_file_is_noted_at_once), T(a_state_that_makes_no_sense_is_left))
