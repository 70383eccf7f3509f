/* SPDX-License-Identifier: Apache-2.0 */
/* All benchmarks, in the order in which they run; docs/benchmarks.md says what each is. */
#include "tests/bench/bench.h"

#define NFT "nft, the same rules and a counter a flow"
#define TWO_WAY "two-way bucket counter"

const struct bench_case bench_cases[] = {
	{"cgroup_tcp_established_1", "ns", 25, TWO_WAY, bench_cgroup_tcp, .flows = 1},
	{"cgroup_tcp_established_16k", "ns", 80, TWO_WAY, bench_live_tcp, .flows = 16384},
	{"cgroup_udp_1", "ns", 35, TWO_WAY, bench_cgroup_udp, .flows = 1},
	{"cgroup_udp_16k", "ns", 90, TWO_WAY, bench_live_udp, .flows = 16384},
	{"tc_observer", "ns", 12, TWO_WAY, bench_tc_observer, .flows = 1},
	{"tc_tcp_established_1", "ns", 35, TWO_WAY, bench_tc_gateway, .flows = 1},
	{"tc_tcp_established_16k", "ns", 85, TWO_WAY, bench_tc_gateway, .flows = 16384},
	{"tc_tcp_established_1m", "ns", 260, TWO_WAY, bench_tc_gateway, .flows = 1u << 20},
	{"tc_tcp_zipf10_1m", "ns", 130, TWO_WAY, bench_tc_gateway, .flows = 1u << 20, .zipf = 1.0},
	{"tc_tcp_zipf12_1m", "ns", 70, TWO_WAY, bench_tc_gateway, .flows = 1u << 20, .zipf = 1.2},
	{"xdp_deny_address", "ns", 25, "xdp-filter, or a hash of addresses", bench_xdp_deny, .flows = 1},
	{"xdp_pass_1m_prefixes", "ns", 160, "LPM trie", bench_xdp_pass, .flows = 1},
	{"first_packet_10k_rules_1m_prefixes", "ns", 1500, NULL, bench_first_packet, .flows = 1},
	{"load_1m_prefixes_ms", "ms", 300, "LPM trie", bench_load_prefixes, .flows = 1},
	{"update_one_prefix_ms", "ms", 1, "LPM trie", bench_update_prefix, .flows = 1},
	{"shadow_overhead_percent", "percent", 5, NULL, bench_shadow, .flows = 1},
	{"bytes_per_flow_v4", "bytes", 96, NULL, bench_bytes_per_flow, .flows = 1u << 20},
	{"drain_1m_flows_ms", "ms", 50, "a hash map, key by key", bench_drain, .flows = 1u << 20},
	{"agent_cpu_percent_100k_active_flows", "percent", 3, NULL, bench_agent_cpu, .flows = 100000},
	{"agent_rss_mb_100k_active_flows", "MiB", 48, NULL, bench_agent_rss, .flows = 100000},
	{"rate_error_percent", "percent", 1, "nft limit rate, at input", bench_rate_error, .flows = 1},
	{"tcp_throughput_loss_percent", "percent", 2, NFT, bench_tcp_loss, .flows = 1},
	{"udp64_pps_loss_percent", "percent", 5, NFT, bench_udp_loss, .flows = 1},
	{"study_packet_steps", "", NAN, NULL, bench_steps, .flows = 1},
	{"study_first_packet", "", NAN, NULL, bench_first_steps, .flows = 1},
	{"study_memory", "", NAN, NULL, bench_memory, .flows = 1},
	{"study_veth_steps", "", NAN, NULL, bench_through_steps, .flows = 1},
};
const size_t bench_case_count = WEIR_ARRAY_SIZE(bench_cases);
