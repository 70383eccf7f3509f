/* SPDX-License-Identifier: Apache-2.0 */
/* What recorded traffic says of addresses when it is exported. */
#include "lib/money/privacy.h"
#include "tests/lib/test.h"

static const uint8_t key[WEIR_PSEUDONYM_KEY] = {7};

static struct weir_traffic row(const char *domain, const char *workload, const char *peer, const char *peer_workload)
{
	struct weir_traffic t = {.hour_s = 3600, .domain = domain, .bytes = 10, .packets = 1, .node = "n", .namespace = "s",
				 .workload = workload, .kind = "", .team = "", .labels = "", .peer_namespace = "",
				 .peer_workload = peer_workload, .peer_team = ""};

	if (weir_addr_parse("10.0.0.1", &t.local) || weir_addr_parse(peer, &t.peer))
		abort();
	return t;
}

static void traffic_freep(struct weir_traffic_set **s)
{
	weir_traffic_free(*s);
}
#define auto_traffic weir_cleanup(traffic_freep) struct weir_traffic_set

/* a and b speak with 198.51.100.x, a alone with 203.0.113.9, a with our own c. */
static struct weir_traffic_set *four(void)
{
	const struct weir_traffic rows[] = {row("d1", "a", "198.51.100.7", ""), row("d1", "b", "198.51.100.200", ""),
					    row("d1", "a", "203.0.113.9", ""), row("d2", "a", "10.0.0.2", "c")};
	struct weir_traffic_set *s = NULL;

	if (weir_traffic_new(&s))
		abort();
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		if (weir_traffic_add(s, &rows[i]))
			abort();
	return s;
}

static const char *peer_of(const struct weir_traffic_set *s, size_t i, char text[46])
{
	struct weir_traffic t;

	weir_traffic_get(s, i, &t);
	return t.folded ? "folded" : weir_addr_text(&t.peer, text);
}

TEST(peers_are_cut_and_our_own_are_not)
{
	struct weir_privacy p = {.keep4 = 32, .keep6 = 128};
	auto_traffic *s = four(), *out = NULL;
	struct weir_err err = {{0}};
	char text[46];

	CHECK(!weir_privacy_truncation("24,48", &p, &err) && p.keep4 == 24 && p.keep6 == 48);
	CHECK(!weir_privacy_apply(&p, s, &out) && weir_traffic_count(out) == 4);
	CHECK(!strcmp(peer_of(out, 0, text), "198.51.100.0") && !strcmp(peer_of(out, 2, text), "203.0.113.0"), "%s", text);
	CHECK(!strcmp(peer_of(out, 3, text), "10.0.0.2"), "%s", text);
	CHECK(weir_privacy_truncation("24", &p, &err) == -EINVAL && strstr(err.text, "24,48"), "%s", err.text);
}

/* Cut to 24 bits two of ours speak with 198.51.100.0; with all bits nobody has two. */
TEST(peers_of_few_are_folded)
{
	struct weir_privacy cut = {.keep4 = 24, .keep6 = 48, .least = 2}, whole = {.keep4 = 32, .keep6 = 128, .least = 2};
	auto_traffic *s = four(), *out = NULL, *none = NULL;
	struct weir_traffic t;
	char text[46];

	CHECK(!weir_privacy_apply(&cut, s, &out) && !weir_privacy_apply(&whole, s, &none));
	CHECK(!strcmp(peer_of(out, 0, text), "198.51.100.0") && !strcmp(peer_of(out, 2, text), "folded"), "%s", text);
	CHECK(!strcmp(peer_of(none, 0, text), "folded") && !strcmp(peer_of(none, 1, text), "folded"), "%s", text);
	CHECK(!strcmp(peer_of(out, 3, text), "10.0.0.2"), "ours are not counted");
	weir_traffic_get(out, 2, &t);
	CHECK(t.bytes == 10 && !memcmp(&t.peer, &(struct weir_addr){{0}}, sizeof(t.peer)), "bytes stay");
}

TEST(pseudonyms_of_all_or_of_a_domain)
{
	static const char *const one[] = {"d1", NULL};
	weir_cleanup(weir_pseudonym_freep) struct weir_pseudonym *names = NULL;
	struct weir_privacy all = {.keep4 = 32, .keep6 = 128}, d1 = {.keep4 = 32, .keep6 = 128, .domains = one};
	auto_traffic *s = four(), *out = NULL, *some = NULL;
	struct weir_traffic t, other;
	struct weir_addr want;
	char text[46];

	CHECK(!weir_pseudonym_new(key, &names));
	all.pseudonyms = d1.pseudonyms = names;
	CHECK(!weir_privacy_apply(&all, s, &out) && !weir_privacy_apply(&d1, s, &some));
	CHECK(!weir_addr_parse("10.0.0.2", &want) && !weir_privacy_name(names, &want));
	weir_traffic_get(out, 3, &t);
	CHECK(!memcmp(&t.peer, &want, sizeof(want)) && strcmp(peer_of(out, 3, text), "10.0.0.2") != 0, "%s", text);
	CHECK(!strcmp(peer_of(some, 3, text), "10.0.0.2"), "another domain's: %s", text);
	weir_traffic_get(out, 0, &t);
	weir_traffic_get(some, 0, &other);
	CHECK(!memcmp(&t.peer, &other.peer, sizeof(t.peer)) && !memcmp(&t.local, &other.local, sizeof(t.local)));
	CHECK(strcmp(weir_addr_text(&t.local, text), "10.0.0.1") != 0, "ours too: %s", text);
}

TEST_MAIN(T(peers_are_cut_and_our_own_are_not), T(peers_of_few_are_folded), T(pseudonyms_of_all_or_of_a_domain))
