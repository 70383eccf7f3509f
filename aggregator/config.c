/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/config.h"

#include "aggregator/alerts.h"
#include "aggregator/live_holidays.h"
#include "aggregator/live_notify.h"
#include "aggregator/signals.h"

#define NS_S 1000000000ull
#define NS_DAY (86400 * NS_S)
#define ROW_STR(k, field, d, text) \
	{.key = k, .type = WEIR_SET_STR, .offset = offsetof(struct config, field), .def = d, .doc = text}
#define ROW_TIME(k, field, d, lo, hi, text)                                                      \
	{.key = k, .type = WEIR_SET_DURATION, .offset = offsetof(struct config, field), .def = d, \
	 .min = lo, .max = hi, .doc = text}

static const struct weir_setting table[] = {
	ROW_STR("listen.telemetry", telemetry_url, "tls+tcp://0.0.0.0:7471",
		"Where agents send their summaries."),
	ROW_STR("listen.control", control_url, "tls+tcp://0.0.0.0:7472",
		"Where agents poll for policy."),
	ROW_STR("tls.ca", tls_ca, "/etc/weir/tls/ca.pem",
		"CA that signed the certificates of the agents (PEM)."),
	ROW_STR("tls.cert", tls_cert, "/etc/weir/tls/cert.pem", "Certificate of this server (PEM)."),
	ROW_STR("tls.key", tls_key, "/etc/weir/tls/key.pem", "Private key of this server (PEM)."),
	ROW_STR("tls.crl", tls_crl, "",
		"Revocation lists of the authorities (PEM): agents whose certificate is in one are refused; empty = none."),
	ROW_TIME("tls.warn", tls_warn_ns, "30d", 0, 3660 * NS_DAY,
		 "Before tls.cert or its authority ends, that is said once a day for this long."),
	ROW_STR("nodes.dir", nodes_dir, "/etc/weir/nodes",
		"Directory of <node>.pub files: the public key of each node that may connect, and in the next line the one "
		"before, while keys are exchanged."),
	ROW_STR("nodes.revoked", nodes_revoked, "",
		"File of revoked keys, one \"ed25519:...\" a line: no session begins or goes on with them; empty = none."),
	ROW_STR("store.path", store_path, "/var/lib/weir-aggregator/weir.db",
		"SQLite database with flows, ledger and agents."),
	ROW_TIME("store.retain_10s", retain_ns[0], "24h", 60 * NS_S, 3660 * NS_DAY,
		 "How long rows of 10 seconds are kept."),
	ROW_TIME("store.retain_1m", retain_ns[1], "7d", 60 * NS_S, 3660 * NS_DAY,
		 "How long rows of one minute are kept."),
	ROW_TIME("store.retain_1h", retain_ns[2], "400d", 3600 * NS_S, 3660 * NS_DAY,
		 "How long rows of one hour are kept."),
	ROW_TIME("store.retain_1d", retain_ns[3], "1830d", 86400 * NS_S, 36600 * NS_DAY,
		 "How long rows of one day, and with them the names and addresses of who moved bytes, are kept."),
	ROW_STR("models.dir", models_dir, "",
		"Directory of fitted models, their cards and what was decided of them; empty = models beside store.path."),
	ROW_STR("policy.dir", policy_dir, "/etc/weir/policies",
		"Policy repository: topology, prices, policies and approvals."),
	ROW_TIME("policy.poll", policy_poll_ns, "2s", NS_S / 10, 3600 * NS_S,
		 "How often the policy repository is looked at."),
	ROW_STR("http.socket", http_socket, "/run/weir/aggregator.sock",
		"Unix socket of the HTTP API that weirctl uses."),
	ROW_STR("audit.path", audit_path, "/var/lib/weir-aggregator/audit.log",
		"Hash-chained audit log, JSON lines."),
	ROW_STR("audit.key", audit_key, "",
		"Ed25519 key that signs the audit log's head, made when it is missing, its public key beside it in .pub; "
		"empty = audit.path with .key."),
	{.key = "notify.webhooks", .type = WEIR_SET_STRS, .offset = offsetof(struct config, notify_webhooks), .def = "",
	 .doc = "Where alerts of budgets go: \"NAME=URL\", the names as budgets have them in notify; what is in a URL stays here."},
	ROW_STR("notify.ca", notify_ca, "", "Authorities that the certificates of webhooks are checked by (PEM); empty = the system's."),
	{.key = "notify.findings", .type = WEIR_SET_STRS, .offset = offsetof(struct config, notify_findings), .def = "",
	 .doc = "Webhooks, by their names, that are told what models find; empty = none."},
	ROW_STR("notify.least", notify_least, "0.10",
		"Money an hour from which on waste and odd series are told; threats are told whatever they cost."),
	ROW_STR("notify.quiet", notify_quiet, "", "Quiet hours as HH:MM-HH:MM in UTC, at whose end webhooks hear of findings; empty = none."),
	ROW_STR("notify.wake", notify_wake, "", "Money an hour from which on a finding does not wait for that; empty = all wait."),
	{.key = "models.series", .type = WEIR_SET_U32, .offset = offsetof(struct config, models_series), .def = "10000", .min = 0, .max = 100000,
	 .doc = "Series of workloads that models watch at most, some 50 kB each; 0 = models are off."},
	ROW_TIME("models.retain", models_retain_ns, "90d", 3600 * NS_S, 3660 * NS_DAY, "How long findings are kept."),
	ROW_TIME("models.train", models_train_ns, "24h", 0, 3660 * NS_DAY,
		 "How often models compete for who forecasts; 0 = when none has won yet, and on drift."),
	{.key = "models.holidays", .type = WEIR_SET_STRS, .offset = offsetof(struct config, models_holidays), .def = "",
	 .doc = "Days, in UTC, on which usual traffic does not happen, as public holidays (\"2026-12-25\"), the earliest first, at most 1024; "
		"past ones too: from those of the last eight weeks is learnt how a holiday differs."},
	ROW_STR("signals.prometheus", signals_prometheus, "",
		"A Prometheus, or what speaks its API, whose series are set beside what is found: \"http://127.0.0.1:9090\"; empty = none."),
	{.key = "signals.queries", .type = WEIR_SET_STRS, .offset = offsetof(struct config, signals_queries), .def = "",
	 .doc = "What it is asked for, \"NAME=PROMQL\", at most 64; the newest 1440 steps of 1000 series in all are kept."},
	ROW_TIME("signals.step", signals_step_ns, "60s", NS_S, 3600 * NS_S, "How far apart the values of those series are."),
	ROW_STR("signals.token_file", signals_token_file, "", "File of the token that is sent to it (Bearer), read each time; empty = none."),
	ROW_STR("signals.ca", signals_ca, "", "Authorities that its certificate is checked by (PEM); empty = the system's."),
	ROW_STR("signals.eve", signals_eve, "",
		"File that Suricata writes its events to (EVE JSON), which the user of weir-aggregator can read; it is followed. Empty = none."),
	{.key = "signals.logs", .type = WEIR_SET_STRS, .offset = offsetof(struct config, signals_logs), .def = "",
	 .doc = "Logs of JSON lines that are followed, at most 32: \"NAME=PATH:time=FIELD,text=FIELD\", and any of level, address, peer, "
		"namespace, workload, pod; a FIELD is a key, or keys joined by dots."},
	ROW_STR("signals.state", signals_state, "",
		"File that keeps how far files were read; empty = store.path with .signals."),
};

int config_load(const char *path, struct config *ret, struct weir_err *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = weir_settings_load(table, WEIR_ARRAY_SIZE(table), path, ret, err);
	for (size_t i = 0; !r && ret->notify_webhooks && ret->notify_webhooks[i]; i++) {
		const char *wrong = alerts_check_webhook(ret->notify_webhooks[i]);

		/* By its number: what is no name may be a URL, which may have a secret in it. */
		if (wrong)
			r = weir_err_set(err, -EINVAL, "%s: notify.webhooks: entry %zu: %s", path, i + 1, wrong);
	}
	if (!r)
		r = signals_check(ret, path, err);
	if (!r)
		r = live_notify_check(ret, path, err);
	if (!r)
		r = live_holidays_check(ret, path, err);
	if (r)
		config_fini(ret);
	return r;
}

void config_fini(struct config *c)
{
	weir_settings_fini(table, WEIR_ARRAY_SIZE(table), c);
}

int config_print(FILE *f)
{
	return weir_settings_print(table, WEIR_ARRAY_SIZE(table), f);
}
