/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <time.h>

#include "lib/ds/lpm.h"

TEST(addr_text_round_trip)
{
	static const char *const good[] = {"10.0.0.1", "0.0.0.0", "255.255.255.255", "2001:db8::1",
					   "::", "::1", "fe80::ff:fe00:1"};
	struct weir_addr a;
	char s[46];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(good); i++) {
		CHECK(weir_addr_parse(good[i], &a) == 0, "%s", good[i]);
		CHECK(strcmp(weir_addr_text(&a, s), good[i]) == 0, "%s for %s", s, good[i]);
	}
	CHECK(weir_addr_parse("::ffff:10.0.0.1", &a) == 0);
	CHECK(weir_addr_is_v4(&a), "a mapped address is the IPv4 address");
	CHECK(strcmp(weir_addr_text(&a, s), "10.0.0.1") == 0, "%s", s);
}

TEST(addr_refuses)
{
	static const char *const bad[] = {"", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1 ",
					  " 10.0.0.1", "::1%lo", "1::2::3", "host", "10.0.0.0/8"};
	struct weir_addr a = {{42}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		CHECK(weir_addr_parse(bad[i], &a) == -EINVAL, "%s", bad[i]);
	CHECK(a.b[0] == 42, "a failure leaves the result alone");
}

TEST(prefix_text_round_trip)
{
	static const struct {
		const char *text;
		int len;
		const char *out;
	} good[] = {
		{"10.0.0.0/8", 104, "10.0.0.0/8"},
		{"0.0.0.0/0", 96, "0.0.0.0/0"},
		{"10.1.2.3", 128, "10.1.2.3/32"},
		{"10.1.2.2/31", 127, "10.1.2.2/31"},
		{"2001:db8::/32", 32, "2001:db8::/32"},
		{"::/0", 0, "::/0"},
		{"::1", 128, "::1/128"},
		{"::ffff:10.0.0.0/104", 104, "10.0.0.0/8"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 128,
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
	};
	struct weir_prefix p;
	char s[50];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(good); i++) {
		CHECK(weir_prefix_parse(good[i].text, &p) == 0, "%s", good[i].text);
		CHECK(p.len == good[i].len, "%s: %d", good[i].text, p.len);
		CHECK(strcmp(weir_prefix_text(&p, s), good[i].out) == 0, "%s", s);
	}
}

TEST(prefix_refuses)
{
	static const char *const bad[] = {
		"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/08",
		"10.0.0.0/8/8", "/8", "10.0.0.0/8 ", "10.0.0.0/ 8", "10.0.0.0/99999999999999999999",
		"2001:db8::1/64", "::/129", "::ffff:10.0.0.1/104", "2001:db8::/x",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/8", "",
	};
	struct weir_prefix p = {.len = 42};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		CHECK(weir_prefix_parse(bad[i], &p) == -EINVAL, "%s", bad[i]);
	CHECK(p.len == 42, "a failure leaves the result alone");
}

TEST(prefix_covers)
{
	struct weir_prefix p;
	struct weir_addr a;

	weir_prefix_parse("10.128.0.0/9", &p);
	weir_addr_parse("10.255.0.1", &a);
	CHECK(weir_prefix_covers(&p, &a));
	weir_addr_parse("10.127.255.255", &a);
	CHECK(!weir_prefix_covers(&p, &a));
	weir_prefix_parse("::/0", &p);
	CHECK(weir_prefix_covers(&p, &a), "all of IPv6 contains mapped IPv4");
}

#define RANDOM_PREFIXES 400
#define RANDOM_LOOKUPS 4000

struct linear {
	struct weir_prefix p[RANDOM_PREFIXES];
	uint32_t value[RANDOM_PREFIXES];
	size_t n;
};

/* Few distinct bits per byte, so that prefixes nest and share stems. */
static void random_addr(struct weir_addr *a, unsigned int *seed)
{
	for (size_t i = 0; i < sizeof(a->b); i++)
		a->b[i] = rand_r(seed) % 4 ? 0 : (uint8_t)(0x11 << (rand_r(seed) % 4));
}

static void random_prefix(struct weir_prefix *p, unsigned int *seed)
{
	random_addr(&p->addr, seed);
	p->len = (uint8_t)(rand_r(seed) % 129);
	for (unsigned int bit = p->len; bit < 128; bit++)
		p->addr.b[bit / 8] &= (uint8_t)~(0x80u >> (bit % 8));
}

static void linear_put(struct linear *l, const struct weir_prefix *p, uint32_t value)
{
	size_t i = 0;

	while (i < l->n && weir_prefix_cmp(&l->p[i], p) != 0)
		i++;
	l->p[i] = *p;
	l->value[i] = value;
	l->n = WEIR_MAX(l->n, i + 1);
}

static uint32_t linear_find(const struct linear *l, const struct weir_prefix *p)
{
	uint32_t best = WEIR_LPM_NONE;
	int len = -1;

	for (size_t i = 0; i < l->n; i++) {
		if (l->p[i].len <= p->len && l->p[i].len > len &&
		    weir_prefix_covers(&l->p[i], &p->addr)) {
			len = l->p[i].len;
			best = l->value[i];
		}
	}
	return best;
}

struct visit {
	struct weir_prefix last;
	size_t n, stop_at;
	int bad;
};

static int visit_one(const struct weir_prefix *p, uint32_t value, void *arg)
{
	struct visit *v = arg;

	(void)value;
	v->bad += v->n && weir_prefix_cmp(&v->last, p) >= 0;
	v->last = *p;
	v->n++;
	return v->n == v->stop_at ? 7 : 0;
}

TEST(lpm_matches_linear_scan)
{
	static struct linear linear;
	unsigned int seed = (unsigned int)time(NULL);
	struct weir_lpm *t = NULL;
	struct visit all = {0}, some = {.stop_at = 3};

	printf("# seed %u\n", seed);
	CHECK(weir_lpm_new(&t) == 0);
	for (uint32_t i = 0; i < RANDOM_PREFIXES; i++) {
		struct weir_prefix p;

		random_prefix(&p, &seed);
		CHECK(weir_lpm_put(t, &p, i) == 0);
		linear_put(&linear, &p, i);
	}
	for (int i = 0; i < RANDOM_LOOKUPS; i++) {
		struct weir_prefix p;

		random_prefix(&p, &seed);
		CHECK(weir_lpm_find_prefix(t, &p) == linear_find(&linear, &p), "lookup %d", i);
		p.len = 128;
		CHECK(weir_lpm_find(t, &p.addr) == linear_find(&linear, &p), "lookup %d", i);
	}
	CHECK(weir_lpm_each(t, visit_one, &all) == 0);
	CHECK(all.n == linear.n, "%zu of %zu visited", all.n, linear.n);
	CHECK(all.bad == 0, "%d out of order", all.bad);
	CHECK(weir_lpm_each(t, visit_one, &some) == 7);
	CHECK(some.n == 3, "%zu", some.n);
	weir_lpm_free(t);
}

TEST(lpm_put_refuses_and_replaces)
{
	struct weir_prefix p = {.len = 129};
	struct weir_lpm *t = NULL;
	struct weir_addr a;

	CHECK(weir_lpm_new(&t) == 0);
	CHECK(weir_lpm_put(t, &p, 1) == -EINVAL, "129 bits");
	weir_prefix_parse("10.0.0.0/8", &p);
	weir_addr_parse("10.9.9.9", &a);
	CHECK(weir_lpm_put(t, &p, WEIR_LPM_NONE) == -EINVAL, "the reserved value");
	CHECK(weir_lpm_find(t, &a) == WEIR_LPM_NONE);
	CHECK(weir_lpm_put(t, &p, 1) == 0);
	CHECK(weir_lpm_put(t, &p, 2) == 0);
	CHECK(weir_lpm_find(t, &a) == 2, "%u", weir_lpm_find(t, &a));
	p.addr.b[15] = 1;
	CHECK(weir_lpm_put(t, &p, 3) == -EINVAL, "host bits");
	weir_lpm_free(t);
}

TEST_MAIN(T(addr_text_round_trip), T(addr_refuses), T(prefix_text_round_trip), T(prefix_refuses),
	  T(prefix_covers), T(lpm_matches_linear_scan), T(lpm_put_refuses_and_replaces))
