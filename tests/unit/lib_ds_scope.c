/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes of addresses at their edges; the ranges are those of RFC 1918, 3927, 4193, 4291 and 6598. */
#include "tests/lib/test.h"

#include "bpf/abi/weir_abi.h"
#include "bpf/inc/scope.h"
#include "lib/ds/lpm.h"

TEST(edges_of_scopes)
{
	static const struct {
		const char *address;
		enum weir_scope scope;
	} cases[] = {
		{"127.0.0.1", WEIR_SCOPE_LOOPBACK}, {"127.255.255.255", WEIR_SCOPE_LOOPBACK},
		{"126.255.255.255", WEIR_SCOPE_PUBLIC}, {"128.0.0.0", WEIR_SCOPE_PUBLIC},
		{"169.254.0.0", WEIR_SCOPE_LINK}, {"169.255.0.0", WEIR_SCOPE_PUBLIC},
		{"10.0.0.0", WEIR_SCOPE_PRIVATE}, {"10.255.255.255", WEIR_SCOPE_PRIVATE},
		{"9.255.255.255", WEIR_SCOPE_PUBLIC}, {"11.0.0.0", WEIR_SCOPE_PUBLIC},
		{"172.15.255.255", WEIR_SCOPE_PUBLIC}, {"172.16.0.0", WEIR_SCOPE_PRIVATE},
		{"172.31.255.255", WEIR_SCOPE_PRIVATE}, {"172.32.0.0", WEIR_SCOPE_PUBLIC},
		{"192.168.0.0", WEIR_SCOPE_PRIVATE}, {"192.169.0.0", WEIR_SCOPE_PUBLIC},
		{"192.167.255.255", WEIR_SCOPE_PUBLIC}, {"100.63.255.255", WEIR_SCOPE_PUBLIC},
		{"100.64.0.0", WEIR_SCOPE_PRIVATE}, {"100.127.255.255", WEIR_SCOPE_PRIVATE},
		{"100.128.0.0", WEIR_SCOPE_PUBLIC}, {"::1", WEIR_SCOPE_LOOPBACK}, {"::2", WEIR_SCOPE_PUBLIC},
		{"::", WEIR_SCOPE_PUBLIC}, {"fe80::1", WEIR_SCOPE_LINK}, {"febf:ffff::", WEIR_SCOPE_LINK},
		{"fec0::", WEIR_SCOPE_PUBLIC}, {"fc00::", WEIR_SCOPE_PRIVATE}, {"fdff::1", WEIR_SCOPE_PRIVATE},
		{"fbff::", WEIR_SCOPE_PUBLIC}, {"2001:db8::1", WEIR_SCOPE_PUBLIC}, {"::1:0:0:1", WEIR_SCOPE_PUBLIC},
		{"0:0:0:1::ffff:10.0.0.1", WEIR_SCOPE_PUBLIC}, {"198.18.0.10", WEIR_SCOPE_PUBLIC},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_addr a = {{0}};

		CHECK(!weir_addr_parse(cases[i].address, &a), "%s", cases[i].address);
		CHECK(weir_scope_of(a.b) == cases[i].scope, "%s: %u", cases[i].address, weir_scope_of(a.b));
	}
}

TEST_MAIN(T(edges_of_scopes))
