/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, maps, error texts and bounded strings. */
#include "tests/lib/test.h"

#include <time.h>

#include "lib/base/base.h"
#include "lib/base/clock.h"
#include "lib/ds/buf.h"
#include "lib/ds/map.h"

TEST(err_keeps_first)
{
	struct weir_err err = {{0}};

	CHECK(weir_err_set(&err, -EINVAL, "first %d", 1) == -EINVAL);
	CHECK(weir_err_set(&err, -EIO, "second") == -EIO);
	CHECK(strcmp(err.text, "first 1") == 0, "%s", err.text);
	CHECK(weir_err_set(NULL, -EPERM, "nobody listens") == -EPERM);
}

TEST(strcpy_cuts)
{
	char s[4] = "zzz";

	CHECK(weir_strcpy(s, sizeof(s), "abc") == 0);
	CHECK(weir_strcpy(s, sizeof(s), "wxyz") == -ENAMETOOLONG);
	CHECK(strcmp(s, "wxy") == 0, "%s", s);
}

TEST(time_text)
{
	char s[21];

	/* date -u -d @1763943833 */
	CHECK(strcmp(weir_time_text(1763943833999999999ull, s), "2025-11-24T00:23:53Z") == 0, "%s", s);
	CHECK(strcmp(weir_time_text(0, s), "1970-01-01T00:00:00Z") == 0, "%s", s);
}

TEST(buf_grows_to_max)
{
	weir_auto_buf struct weir_buf b = {.max = 1000};
	char block[300] = {0};

	CHECK(weir_buf_add(&b, NULL, 0) == 0);
	CHECK(weir_buf_add(&b, block, sizeof(block)) == 0);
	CHECK(weir_buf_add(&b, block, sizeof(block)) == 0);
	CHECK(weir_buf_add(&b, block, sizeof(block)) == 0);
	CHECK(weir_buf_add(&b, block, sizeof(block)) == -EFBIG);
	CHECK(b.len == 900, "%zu", b.len);
	CHECK(weir_buf_add(&b, block, 100) == 0, "the last byte below max must fit");
	CHECK(weir_buf_addf(&b, "x") == -EFBIG);
}

TEST(buf_formats)
{
	weir_auto_buf struct weir_buf b = {0};

	for (int i = 0; i < 100; i++)
		CHECK(weir_buf_addf(&b, "%02d,", i) == 0);
	CHECK(b.len == 300, "%zu", b.len);
	CHECK(memcmp(b.data, "00,01,02,", 9) == 0);
	CHECK(strcmp((char *)b.data + 294, "98,99,") == 0, "must end in a NUL");
}

TEST(map_put_find_take)
{
	struct weir_map *m = NULL;
	void *old = &m;
	int a, b;

	CHECK(weir_map_new(&m) == 0);
	CHECK(!weir_map_find(m, "k", 1), "an empty map finds nothing");
	CHECK(weir_map_put(m, "k", 1, &a, &old) == 0);
	CHECK(old == NULL);
	CHECK(weir_map_put(m, "k", 1, &b, &old) == 0);
	CHECK(old == &a, "a replaced value comes back");
	CHECK(weir_map_count(m) == 1);
	CHECK(weir_map_put(m, "", 0, &a, NULL) == 0);
	CHECK(weir_map_find(m, "", 0) == &a, "the empty key is a key");
	CHECK(!weir_map_find(m, "k\0", 2), "length belongs to the key");
	CHECK(weir_map_take(m, "k", 1) == &b);
	CHECK(!weir_map_take(m, "k", 1));
	CHECK(weir_map_count(m) == 1);
	weir_map_free(m, NULL);
}

#define MODEL_KEYS 700

/* Against an array indexed by key. */
TEST(map_matches_model)
{
	static int present[MODEL_KEYS];
	unsigned int seed = (unsigned int)time(NULL);
	struct weir_map *m = NULL;
	size_t live = 0;

	printf("# seed %u\n", seed);
	CHECK(weir_map_new(&m) == 0);
	for (int i = 0; i < 20000; i++) {
		int k = rand_r(&seed) % MODEL_KEYS;
		uint8_t key[11] = {(uint8_t)k, (uint8_t)(k >> 8), [10] = 1};
		size_t len = 3 + (size_t)k % 9;
		void *want = present[k] ? (void *)(intptr_t)present[k] : NULL;

		CHECK(weir_map_find(m, key, len) == want, "key %d", k);
		if (rand_r(&seed) % 2) {
			CHECK(weir_map_take(m, key, len) == want, "key %d", k);
			live -= want != NULL;
			present[k] = 0;
		} else {
			CHECK(weir_map_put(m, key, len, (void *)(intptr_t)(i + 1), NULL) == 0);
			live += want == NULL;
			present[k] = i + 1;
		}
		CHECK(weir_map_count(m) == live, "%zu %zu", weir_map_count(m), live);
	}
	weir_map_free(m, NULL);
}

TEST(map_iterates_in_insertion_order)
{
	struct weir_map *m = NULL;
	const void *key;
	size_t pos = 0, len;
	void *value;
	int next = 1;

	CHECK(weir_map_new(&m) == 0);
	for (int i = 0; i < 1000; i++)
		CHECK(weir_map_put(m, &i, sizeof(i), malloc(1), NULL) == 0);
	for (int i = 0; i < 1000; i += 2)
		free(weir_map_take(m, &i, sizeof(i)));
	while (weir_map_next(m, &pos, &key, &len, &value)) {
		int k;

		CHECK(len == sizeof(k));
		memcpy(&k, key, sizeof(k));
		CHECK(k == next, "%d for %d", k, next);
		next += 2;
	}
	CHECK(next == 1001, "%d", next);
	weir_map_free(m, free);
}

TEST_MAIN(T(err_keeps_first), T(strcpy_cuts), T(time_text), T(buf_grows_to_max), T(buf_formats),
	  T(map_put_find_take), T(map_matches_model), T(map_iterates_in_insertion_order))
