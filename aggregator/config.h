/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of weir-aggregator: one table, from which parsing, checks and the shipped file follow. */
#ifndef AGGREGATOR_CONFIG_H
#define AGGREGATOR_CONFIG_H

#include "lib/conf/settings.h"

struct config {
	char *telemetry_url, *control_url;
	char *tls_ca, *tls_cert, *tls_key, *tls_crl;
	uint64_t tls_warn_ns;
	char *nodes_dir, *nodes_revoked;
	char *store_path;
	uint64_t retain_ns[4]; /* by store_res */
	char *models_dir;
	char *policy_dir;
	uint64_t policy_poll_ns;
	char *http_socket;
	char *audit_path, *audit_key;
	char **notify_webhooks; /* "name=URL"; NULL-terminated */
	char *notify_ca;
	char **notify_findings; /* names of webhooks; NULL-terminated */
	char *notify_least, *notify_wake, *notify_quiet;
	uint32_t models_series;
	uint64_t models_retain_ns, models_train_ns;
	char **models_holidays; /* "2026-12-25"; NULL-terminated */
	char *signals_prometheus;
	char **signals_queries; /* "name=PromQL"; NULL-terminated */
	uint64_t signals_step_ns;
	char *signals_token_file, *signals_ca;
	char *signals_eve;
	char **signals_logs; /* "name=path:field=..."; NULL-terminated */
	char *signals_state;
};

int config_load(const char *path, struct config *ret, struct weir_err *err);
void config_fini(struct config *c);
int config_print(FILE *f);

#endif
