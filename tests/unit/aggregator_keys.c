/* SPDX-License-Identifier: Apache-2.0 */
/* What the store keeps of a node's keys. */
#include "aggregator/store_keys.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

TEST(what_is_known_of_keys_is_kept_piece_by_piece)
{
	const uint8_t key[WEIR_KEY_LEN] = {5};
	auto_store *s = open_store();
	struct store_keys k = {.broken = true};
	int64_t id;

	CHECK(!store_keys_get(s, "n1", &k) && !k.has_key && !k.broken && !*k.refused);
	CHECK(store_keys_refused(s, "n1", "why", 7) == -ENOENT, "nothing is kept of strangers");
	CHECK(!store_node(s, "n1", &id) && !store_keys_refused(s, "n1", "why", 7));
	CHECK(!store_keys_certificate(s, "n1", 1900000000, true));
	CHECK(!store_keys_get(s, "n1", &k) && !k.has_key && k.broken && k.cert_expires_s == 1900000000 &&
	      !strcmp(k.refused, "why") && k.refused_s == 7);
	CHECK(!store_keys_identity(s, "n1", key) && !store_keys_get(s, "n1", &k));
	CHECK(k.has_key && !memcmp(k.key, key, sizeof(key)) && k.cert_expires_s == 1900000000);
	CHECK(!*k.refused && !k.refused_s, "it was let in");
	CHECK(!store_keys_certificate(s, "n1", 2000000000, false) && !store_keys_get(s, "n1", &k) && k.has_key &&
	      !k.broken && k.cert_expires_s == 2000000000);
}

TEST_MAIN(T(what_is_known_of_keys_is_kept_piece_by_piece))
