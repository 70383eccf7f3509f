/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudonyms beside those of the authors' sample (IPv4) and of another implementation with the same key (IPv6). */
#include "lib/money/privacy.h"
#include "tests/lib/test.h"

#include <sys/stat.h>
#include <time.h>

/* The key of the sample that comes with Crypto-PAn 1.0. */
static const uint8_t key[WEIR_PSEUDONYM_KEY] = {21, 34,	 23,  141, 51,	164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
						216, 152, 143, 131, 121, 121, 101, 39,	98, 87, 76, 45, 42, 132, 34,  2};

static void check_one(struct test_state *test_st, struct weir_pseudonym *p, const char *from, const char *to)
{
	struct weir_addr a;
	char text[46];

	CHECK(!weir_addr_parse(from, &a) && !weir_privacy_name(p, &a));
	CHECK(!strcmp(weir_addr_text(&a, text), to), "%s is %s, not %s", from, text, to);
}

TEST(published_vectors)
{
	static const char *const pairs[][2] = {
		{"128.11.68.132", "135.242.180.132"},  {"129.118.74.4", "134.136.186.123"},  {"130.132.252.244", "133.68.164.234"},
		{"141.223.7.43", "141.167.8.160"},     {"141.233.145.108", "141.129.237.235"}, {"152.163.225.39", "151.140.114.167"},
		{"156.29.3.236", "147.225.12.42"},     {"165.247.96.84", "162.9.99.234"},    {"166.107.77.190", "160.132.178.185"},
		{"192.102.249.13", "252.138.62.131"},  {"192.215.32.125", "252.43.47.189"},  {"192.233.80.103", "252.25.108.8"},
		{"192.41.57.43", "252.222.221.184"},   {"193.150.244.223", "253.169.52.216"}, {"195.205.63.100", "255.186.223.5"},
		{"198.200.171.101", "249.199.68.213"}, {"198.26.132.101", "249.36.123.202"}, {"198.36.213.5", "249.7.21.132"},
		{"2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e"}, {"2001:db8::2", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c"},
	};
	weir_cleanup(weir_pseudonym_freep) struct weir_pseudonym *p = NULL;

	CHECK(!weir_pseudonym_new(key, &p));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(pairs); i++)
		check_one(test_st, p, pairs[i][0], pairs[i][1]);
}

static uint64_t state;
static uint64_t rnd(void) /* splitmix64 */
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static unsigned int common(const struct weir_addr *a, const struct weir_addr *b)
{
	unsigned int n = 0;

	while (n < 128 && !((a->b[n / 8] ^ b->b[n / 8]) & 0x80 >> n % 8))
		n++;
	return n;
}

TEST(as_many_leading_bits_are_shared)
{
	weir_cleanup(weir_pseudonym_freep) struct weir_pseudonym *p = NULL;
	const char *seed = getenv("WEIR_TEST_SEED");
	unsigned int wrong = 0;

	state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	printf("# seed %llu (WEIR_TEST_SEED)\n", (unsigned long long)state);

	CHECK(!weir_pseudonym_new(key, &p));
	for (int i = 0; i < 20000; i++) {
		struct weir_addr a = {.b = {[10] = 0xff, [11] = 0xff}}, b, x, y;
		bool v6 = i % 2;

		for (size_t k = v6 ? 0 : 12; k < 16; k++)
			a.b[k] = (uint8_t)rnd();
		a.b[0] |= v6 ? 0x20 : 0;
		b = a;
		b.b[15 - rnd() % (v6 ? 15 : 4)] ^= (uint8_t)(1u << rnd() % 8);
		x = a;
		y = b;
		CHECK(!weir_privacy_name(p, &x) && !weir_privacy_name(p, &y));
		wrong += common(&a, &b) != common(&x, &y) || weir_addr_is_v4(&x) != weir_addr_is_v4(&a);
	}
	CHECK(!wrong, "%u of 20,000 pairs", wrong);
}

TEST(a_key_is_a_secret_file)
{
	char path[] = "/tmp/weir-pseudonym-XXXXXX";
	int fd = mkstemp(path);
	weir_cleanup(weir_pseudonym_freep) struct weir_pseudonym *p = NULL;
	struct weir_err open_err = {{0}}, short_err = {{0}}, err = {{0}};
	char hex[66];

	for (size_t i = 0; i < sizeof(key); i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	CHECK(fd >= 0 && write(fd, hex, 64) == 64 && write(fd, "\n", 1) == 1 && !fchmod(fd, 0644));
	CHECK(weir_pseudonym_load(path, &p, &open_err) == -EPERM && strstr(open_err.text, "chmod 600"), "%s", open_err.text);
	CHECK(!fchmod(fd, 0600) && !weir_pseudonym_load(path, &p, &err), "%s", err.text);
	check_one(test_st, p, "128.11.68.132", "135.242.180.132");
	CHECK(!ftruncate(fd, 40) && weir_pseudonym_load(path, &p, &short_err) == -EINVAL && strstr(short_err.text, "64 hexadecimal"), "%s",
	      short_err.text);
	close(fd);
	unlink(path);
}

TEST_MAIN(T(published_vectors), T(as_many_leading_bits_are_shared), T(a_key_is_a_secret_file))
