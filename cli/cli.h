/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl: what every command shares. A command returns 0 or -errno with one line in err; main()
 * prints the line and turns -EINVAL into exit status 2 and every other failure into 1. A command
 * that has printed all that is wrong itself, one line each, returns CLI_INVALID (status 2) or
 * CLI_NOT_WELL (status 1).
 */
#ifndef WEIR_CLI_H
#define WEIR_CLI_H

#include "lib/base/base.h"

#define CLI_SOCKET "/run/weir/aggregator.sock"

#define CLI_INVALID 1
#define CLI_NOT_WELL 2 /* done, and what was found is not well: status 1 */

struct cli {
	bool json;	    /* raw JSON instead of tables */
	bool colour;	    /* out is a terminal and NO_COLOR is not set */
	bool blocks;	    /* out is a terminal that shows UTF-8 */
	size_t width;	    /* of the terminal that out is, in characters; 0 = it is none */
	const char *socket; /* of the aggregator */
	FILE *out;
	uint64_t now_s; /* Unix time at the start; commands ask no clock but for the rate of a progress line */
};

/* argv[0] is the first argument behind the command's name. */
typedef int (*cmd_fn)(const struct cli *c, int argc, char **argv, struct weir_err *err);

struct command {
	const char *name; /* one or two words: "status", "policy lint" */
	cmd_fn fn;
	const char *args; /* synopsis, "" = none */
	const char *help; /* one sentence */
};

/* Longest match of the first words; *ret_words says how many it took. NULL: no such command. */
const struct command *cli_find(int argc, char **argv, int *ret_words);
/* Takes --json and --socket out of argv wherever they stand; *argc shrinks. */
int cli_globals(struct cli *c, int *argc, char **argv, struct weir_err *err);
/* Finds and runs the command of argv (program name not included). */
int cli_run(struct cli *c, int argc, char **argv, struct weir_err *err);
void cli_usage(FILE *f);
/* man(7) page of weirctl, from the table of commands. */
void cli_man(FILE *f);

int cmd_help(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_status(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_agents(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_top(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_flows(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_forecast(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_anomalies(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_signals(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_health(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_cost(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_cost_explain(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_cost_coverage(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_cost_why(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_budget(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_budget_show(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_budget_check(const struct cli *c, int argc, char **argv, struct weir_err *err);
/* A comma list of known dimensions, none twice; it also goes into a URL as it is. */
int query_dimensions(const char *by, struct weir_err *err);
int cmd_plan_cost(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_export_allocation(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_export_traffic(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_export_focus(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_export_check(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_import_bill(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_bill_list(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_bill_reconcile(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_statement(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_statement_close(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_statement_list(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_bill_show(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_assess(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_recommend(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_store_info(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_store_backup(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_store_restore(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_audit(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_audit_verify(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_policy_status(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_policy_shadow(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_policy_lint(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_policy_show(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_policy_sign(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_policy_rollback(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_model_anomaly(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_model_forecast(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_model_total(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_model_iforest(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_models_list(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_models_show(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_models_card(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_models_rollback(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_model_patterns(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_prices_show(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_prices_calibrate(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_prices_explain(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_prices_check(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_topology_explain(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_import_topology(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_pki_init(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_pki_server(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_pki_node(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_pki_rotate(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_pki_revoke(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_pki_expiry(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_pki_approver(const struct cli *c, int argc, char **argv, struct weir_err *err);
int cmd_pki_operator(const struct cli *c, int argc, char **argv, struct weir_err *err);

#endif
