/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's settings: one table gives parsing, defaults, checks and the shipped file. */
#ifndef WEIR_AGENT_CONFIG_H
#define WEIR_AGENT_CONFIG_H

#include "lib/base/base.h"
#include "lib/os/crypto.h"
#include "lib/os/revoked.h"

enum config_established { CONFIG_CUT, CONFIG_KEEP };
enum config_detail { CONFIG_SERVICE, CONFIG_CONNECTION, CONFIG_TOTAL };

/* One late window must not end enforcement. */
#define CONFIG_LEASE_WINDOWS 3

struct config {
	char *name, *domain, *class, *address;
	uint32_t mode; /* weir_mode */
	char *state_dir, *user, *socket;
	bool default_deny;
	uint32_t established; /* config_established */
	uint64_t lease_ns; /* 0 = enforcement never ends by itself */
	char *telemetry, *control, *server_name;
	char *ca, *cert, *key, *crl;
	uint64_t warn_ns; /* before a certificate ends */
	char *node_key, *labels;
	char **approvers, **operators;
	char *revoked;
	uint32_t threshold, key_epoch;
	uint64_t max_bundle;
	char *cgroup_root, *pin_dir;
	char **interfaces, **hook_names, **inside, **local;
	uint32_t flow_rows, flow_rows6, total_rows, workloads, nat_rows, prefixes, decisions, ranges,
		health_rows, flow_health_rows;
	uint64_t window_ns, retire_ns, health_pass_ns, flow_health_ns;
	uint32_t detail; /* config_detail */
	uint32_t max_rows;
	uint64_t spool_max, spool_segment;
	/* Not in the file: hook names as enum probe_hook; approvers' and operators' keys, decoded, those that count first. */
	uint32_t hooks;
	uint8_t (*keys)[WEIR_KEY_LEN];
	size_t key_count; /* that count */
	size_t approver_count;
	uint8_t (*operator_keys)[WEIR_KEY_LEN];
	size_t operator_count, operators_pinned; /* the same */
};

/* path NULL = defaults only, unchecked. *ret must be zeroed; on failure it is released. */
int config_load(const char *path, struct config *ret, struct weir_err *err);
/* From now on the signatures of the approvers in the list do not count, those of all others do. */
void config_revoke(struct config *c, const struct weir_revoked *revoked);
void config_fini(struct config *c);
#define config_auto weir_cleanup(config_fini)
int config_print(FILE *f);

#endif
