/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, and all that is derived from it: dispatch, help, man page. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/prices.h"

static const struct command commands[] = {
	{"status", cmd_status, "",
	 "Say whether all is well, and if not: what is wrong, since when, on which nodes, and what to do. Exit "
	 "status 0 when all is well, 1 when it is not."},
	{"agents", cmd_agents, "[NODE] [--identity | --drops]",
	 "List the nodes: for how long connected, how far behind, mode, bundle, bytes unexplained, lost and "
	 "stored without detail, how far the clock is off, how full spool and flow table are, and what a packet "
	 "costs. With NODE all that is known of it. --identity prints, per interface and direction, the terms that "
	 "interface bytes are made of; --drops, by reason, the packets that could not be accounted fully."},
	{"top", cmd_top, "[--by workload|peer|path] [--since 5m] [--limit 20]",
	 "Rank workloads, peers or paths by bytes."},
	{"flows", cmd_flows, "[--since 5m] [--limit 50]",
	 "List recent flows with path and verdict."},
	{"health", cmd_health, "[--by workload|peer|path|workload,peer|workload,path] [--since 5m] [--limit 1000]",
	 "Show TCP health: connections, failed connects, resets, retransmits, round-trip times and how "
	 "long connections were open. A peer class is where the peer's address lies (loopback, link, "
	 "private, public) and, behind a colon, the class that the policy in force gives it. By path there are round trips and "
	 "retransmits, of flows that the node told one by one."},
	{"signals", cmd_signals, "[--limit 20]",
	 "Show what is read of others, to be set beside what is found: queries of a Prometheus, Suricata's events and "
	 "logs (signals.* of the aggregator), whether that works, what was left out and why, and the newest events."},
	{"forecast", cmd_forecast,
	 "[--measure cost|bytes|denies|rtt|retransmits] [--by series|workload|namespace|team] [--namespace N] [--workload [N/]W] [--team T] "
	 "[--path P] [--limit 20]",
	 "Show how each series of traffic (a workload on a path) went in the last 48 hours and what the next 24 come to, with a 95 % "
	 "interval and the model that says so; then, of cost, where each budget is at its period's end. Bounds of hours and of series are "
	 "summed, which is wider than 95 % unless all err alike. With less than a day behind it a series is still learning."},
	{"anomalies", cmd_anomalies,
	 "[ID [--proposal]] | [--all [--since 7d]] [--kind K] [--namespace N] [--workload [N/]W] [--team T] [--limit 20]",
	 "Show what is odd in the traffic and goes on: since when, what, who, how much where what was usual, what it costs an hour, what "
	 "could be done, and why. --all shows what ended, too. With ID one of them whole, with what others saw at the time and what "
	 "would stop it; --proposal prints that alone, as YAML: nothing is in force by it."},
	{"cost", cmd_cost, "[--by team,path] [--payer P] [--since 1h | --from TIME [--to TIME]] [--compare] [--trend]",
	 "Show what bytes cost. --by takes a comma list of workload, namespace, team, path, meter, "
	 "node, class (a node's domain and subnet). TIME is 2026-11-01, 2026-11-01T00:00:00Z or Unix seconds. --compare adds "
	 "what the range of the same length before it cost, and the change; --trend how the cost went within the range, in at most 24 steps (with --json "
	 "numbers, the nanos of each step). With --payer (sender, receiver or initiator of bytes between two workloads), or by cost-centre or "
	 "label:KEY, each amount is given to one owner, by whole hours: --by is then one of team, namespace, workload, cost-centre, "
	 "label:KEY; what a proxy sends is of those behind it, by measured bytes; hours of gateways are split as the repository's Allocation "
	 "says, what nobody used is idle."},
	{"cost coverage", cmd_cost_coverage, "[--labels A|B,C] [--where workload|namespace|node] [--since 1d | --from TIME [--to TIME]] [--limit 50]",
	 "Say how much of cost and bytes is of workloads with a label, and where it is missing. A bar stands between labels of "
	 "which each will do. Without --labels: those by which the repository's Allocation finds teams and cost centres."},
	{"cost explain", cmd_cost_explain, "--workload NAMESPACE/NAME [--path P] [--meter M] [--since 1h | --from TIME [--to TIME]] [--flows 5] [--payer P]",
	 "Say why a workload paid what it paid, by whole hours: who it was (node, cgroup, labels, since when it held its addresses), and of "
	 "each amount the price entry with its source, what the pool had used before and after, and the flows with what decided "
	 "their way. Amounts of flows sum to their line, lines to what weirctl cost shows. Prices and ways are of today's repository "
	 "for that time. --payer says what of all costs is the workload's in the end: its own, its part of a proxy's by measured bytes, of "
	 "hours of gateways."},
	{"cost why", cmd_cost_why,
	 "[--by workload,path] [--since 1d] [--against 1d] [--limit 20] | --bills DB --since MONTH --against MONTH [--by workload,path] "
	 "[--account A] [--dir REPO] [--measured FILE | --traffic FILE]... [--rate R]",
	 "Say why the cost of the last --since is another than that of as long a time, --against before: volume (all bytes "
	 "grew alike), price (a byte costs another amount), mix (bytes moved between cheap and dear ways), new and "
	 "ended. The parts of each line sum to its change, and the lines to the total. With --bills it is the invoice of a month "
	 "(2026-10) against that of another: both are settled as weirctl bill reconcile does, each workload or team (--by team,path) has "
	 "its share, and what nobody was seen to cause changes as unmeasured."},
	{"budget", cmd_budget, "",
	 "List the budgets of the policy repository: what is spent in the period that is on, where a straight line from its "
	 "begin leads, what the period is forecast to cost, and when the amount is passed, with an interval of 80 %. State is the highest threshold that is reached; over is 100 %."},
	{"budget show", cmd_budget_show, "NAME [--proposal]",
	 "Show all of a budget: its forecast with intervals, its thresholds, what was said of them, and which webhook took it. --proposal prints, of a budget "
	 "with at_limit: propose, the policy that would hold its cost; it is in force when it is committed and approved, not before."},
	{"budget check", cmd_budget_check, "[DIR]",
	 "Check budgets without an aggregator: DIR, . unless said otherwise, is a policy repository, or a directory of budgets "
	 "alone, whose currency is then not compared with the price books. Each error is one line with file, line and column."},
	{"prices show", cmd_prices_show, "[--provider P] [--region R] [--meter M] [--dir DIR]",
	 "List the prices of the policy repository's price books, with contracts and calibrated rates over them. Like the "
	 "next two it needs no aggregator; DIR is a policy repository or a directory of books, " PRICES_REPOSITORY
	 " unless said otherwise."},
	{"prices explain", cmd_prices_explain,
	 "--provider P --region R --meter M (--bytes N | --hours N) [--used N] [--free-used N] [--account A] [--at TIME] "
	 "[--dir DIR]",
	 "Say to the nano-unit what bytes or hours cost, tier by tier: by the list, by the contract, by the calibrated "
	 "rate, and which of them applies; with source and confidence. --used is what the month's pool had before, "
	 "--free-used what the pool of the free allowance had, the same unless said otherwise."},
	{"prices check", cmd_prices_check, "[DIR]",
	 "Check price books: each error is one line with file and line. Exit status 2 when there are errors, 1 when a "
	 "meter has no price between two others, else 0."},
	{"plan-cost", cmd_plan_cost,
	 "--plan FILE [--state FILE]... [--traffic FILE | --since 30d] [--prices DIR] [--topology DIR] [--budget AMOUNT] [--markdown]",
	 "Say what a Terraform plan (terraform show -json) changes of a month's network cost: recorded traffic through the network "
	 "before and after, tiers and hourly resources included, by path and team, with an interval. With --traffic, a file of "
	 "export traffic, no aggregator is asked. --state names what else the network is made of, other states or what aws describe-* "
	 "prints. --topology names a policy repository or Topology documents for networks and "
	 "services that the plan does not have, --markdown prints a table for a pull request. Exit status 1 when the increase is "
	 "over --budget."},
	{"export traffic", cmd_export_traffic,
	 "[--since 30d | --from TIME] [--to TIME] [--truncate 24,48] [--least K] [--pseudonyms KEY] [--domain D]... [--output FILE[.gz]]",
	 "Write recorded traffic, a row for each hour and flow, as CSV: what weirctl plan-cost replays. Whole hours, "
	 "the present one only with a --to behind its beginning. --truncate keeps so many leading bits of peers that are none of our "
	 "workloads; --least folds those with whom fewer than K of ours spoke; --pseudonyms gives all addresses others that keep "
	 "prefixes (Crypto-PAn), by a KEY file of 64 hexadecimal digits. With --domain that is for these domains' rows alone."},
	{"prices calibrate", cmd_prices_calibrate,
	 "--period YYYY-MM [--account A] [--by-account] [--dir DIR] [--out FILE] [--bills DB]",
	 "Print what a unit of each meter and region cost in a month by its bill, tiers, allowance, credits and discounts in it, as a "
	 "PriceCalibration document for DIR/prices; FILE must not exist. --by-account makes a rate for each account. Which "
	 "rates a bill cannot teach is said on standard error."},
	{"model anomaly", cmd_model_anomaly,
	 "[--explain]",
	 "Score each value of a series on standard input, CSV of timestamp,value as in the Numenta benchmark, 0 to 1 by what came before "
	 "it: prints timestamp,value,anomaly_score. --explain adds a column: one sentence for each finding and each drift. Needs no aggregator."},
	{"model forecast", cmd_model_forecast,
	 "--train FILE --horizon N [--season 24,168] [--interval 95] [--model NAME] [--seed N] [--start TIME --step 1h [--holidays DATE,DATE]]",
	 "Forecast each series of FILE (- is standard input): a line is an id and its values, as in the M4 competition; an empty value "
	 "is a missing one. Prints, per series, its id, N values and, with --interval, N lower and N upper bounds. Seasons are in "
	 "steps. --json adds what each value is made of: trend, day, week, holiday, remainder, which sum to it. Needs no aggregator."},
	{"model iforest", cmd_model_iforest, "--train FILE --score FILE [--extended] [--seed N] [--explain N [--audit]]",
	 "Learn the rows of a file by an isolation forest and score those of another, a score for each line, near 1 for the strangest; "
	 "- is standard input. A line is numbers, as many in each, without a header; an empty one is a missing value. "
	 "--extended cuts across columns. --explain says instead, for the N strangest rows, what is strange in them, by their "
	 "paths or, with --audit, by exact Shapley values."},
	{"model total", cmd_model_total,
	 "--train FILE --hours N [--elapsed H] [--amount A] [--start TIME]",
	 "Say what a period costs in the end: each line of FILE (- is standard input) is an id and costs by the hour, the newest last; N hours "
	 "are left, the last H values are of the period. Prints id, what it rests on, days of history, mean, 80 % and 95 % interval and, with "
	 "--amount, hours until the sum passes it, by the mean and as the 80 % interval; empty: not in this period. --start, the time of the "
	 "first value, tells month ends. Needs no aggregator."},
	{"models list", cmd_models_list, "",
	 "List the models that the aggregator keeps, by what they are used for: champion, the one before, former ones, and the last "
	 "challenger; until when their data reach, and their error on what was held back."},
	{"models show", cmd_models_show, "USE",
	 "Show a use's models and what was decided of them, the newest first: which challenger was compared with the champion, by "
	 "which numbers, and what came of it."},
	{"models card", cmd_models_card, "USE [--model HASH]",
	 "Print the card of a use's champion, or of the model whose hash begins so (8 digits or more): purpose, data, scores on held-back data, error by slice "
	 "(team, zone, size), and what it gets wrong."},
	{"models rollback", cmd_models_rollback, "USE",
	 "Go back to the champion before. The present one, and whatever was learnt from no newer data, is not taken again. It is audited."},
	{"model patterns", cmd_model_patterns, "[--health FILE] [--currency C] [--proposals] | --table",
	 "Find patterns of threat and waste in buckets of flows on standard input: scans, floods, exfiltration, beacons, retry storms, "
	 "runaway egress, cross-zone chatter; print each when it begins and when it has ended. A line is "
	 "time,node,domain,namespace,workload,team,labels,peer,peer_domain,peer_workload,opened,protocol,port,path,direction,verdict,bytes,"
	 "packets,nanos: Unix seconds, labels as app=web;tier=front, no peer where rows were folded, no domain where it is public, opened 1 by the "
	 "workload or 0, egress or ingress, nano-units. Lines of --health are time to labels, then "
	 "scope,connections,refused,timeouts,failed of ten seconds. --proposals prints instead the policies and changes that would "
	 "stop what began, --table by which numbers patterns are told. Needs no aggregator."},
	{"export focus", cmd_export_focus,
	 "--period MONTH | --from DATE [--to DATE] [--version 1.2|1.3] [--by day|hour] [--traffic FILE]... [--account-prefix TEXT] "
	 "[--share-hours sender|receiver|initiator] [--dir REPO] [--output FILE.csv[.gz]]",
	 "Write what was measured as rows of FOCUS 1.2, or 1.3 with split charges: of the aggregator's ledger, or of recorded "
	 "traffic that is replayed through topology and price books of the policy repository REPO. Usage is cut at tiers and free "
	 "allowances; BilledCost is what the ledger has and sums to it. --account-prefix stands before account numbers, for "
	 "readers of CSV that take them for integers. --share-hours gives what costs by the hour to the teams whose bytes went "
	 "through it, as weirctl cost --payer does."},
	{"export check", cmd_export_check,
	 "--model FILE [--currency-codes FILE] [--criteria A,B | all] CSV | --version 1.2|1.3 CSV | --defects",
	 "Check a FOCUS file, CSV or CSV.GZ, by the official requirements model, FILE as JSON: first each rule that is "
	 "broken, MUST before SHOULD, with how many rows and the first of them, then how many rules passed, failed and "
	 "were skipped. --criteria names what the provider supports, as the model does (ApplicabilityCriteria); rules "
	 "that need another are skipped. --defects lists where model or official validator err, and what is done "
	 "instead. --version checks without a model: names, types and nulls of the documented columns, price times quantity, "
	 "and of split charges (1.3) that ratios sum to 1 and rows to their origin. Exit status 1 when a MUST is broken or "
	 "something is found."},
	{"export allocation", cmd_export_allocation,
	 "[--by team|namespace|workload|cost-centre|label:KEY] [--payer sender|receiver|initiator] [--since 30d | --from TIME [--to TIME]] [--output FILE]",
	 "Write what weirctl cost --payer shows as CSV: a row for each owner and way in which a cost came to it (direct, by a proxy, by an hour "
	 "of a gateway). The rows sum to the ledger of those hours."},
	{"import bill", cmd_import_bill, "FILE... [--parts] [--bills DB] [--strict] [--dry-run]",
	 "Import bills into a file of their own (weir-bills.db): FOCUS 1.0 to 1.4, AWS CUR 2.0 and legacy CUR, Azure cost "
	 "exports, GCP's BigQuery export; CSV or JSON lines, plain or gzip, told apart by their content. A file comes in whole or "
	 "not at all, as a new version of the account's billing period; the same bytes come in once. With --parts all FILEs are "
	 "one delivery, and one version. Bad rows are named by file, line and column, counted and left out; with --strict "
	 "the first one ends it with exit status 1. --dry-run only reads and sums."},
	{"bill list", cmd_bill_list, "[--bills DB]", "List the versions of each account's bills."},
	{"bill show", cmd_bill_show,
	 "[--period YYYY-MM] [--account A] [--version N] [--by service] [--limit 100] [--bills DB]",
	 "Sum the newest version of each bill, or version N, by service, sku, region, resource, account, network (the kind "
	 "of transfer), category or usage. Amounts are exact; in JSON they are texts."},
	{"bill reconcile", cmd_bill_reconcile,
	 "--period YYYY-MM [--lines] [--limit 100] [--metrics FILE] [--account A] [--payer P] [--dir REPO] [--measured FILE | --traffic FILE]... [--rate R] [--bills DB]",
	 "Set a month's bill beside what was measured of it, line by line: what was measured of a meter (sku of the price books), "
	 "account, region and hour or day is dealt to its lines by quantity, and each line is what was measured, plus what "
	 "adjusts it (discount, tier, over-measured, rounding), plus what nobody was seen to cause and why; to the nano-unit. "
	 "--lines lists the first of them, each with teams' shares in --json; then sums by meter with their residual, by "
	 "reason, and by team. Measured is what the aggregator has; or, with --traffic, recorded traffic from the month's beginning "
	 "on, replayed; or, with --measured, FILEs that weirctl cost --by class,team,path,meter --json has written, each of the "
	 "time in it. --rate is what one unit of the prices' currency is in the bill's. "
	 "With --payer teams are those who pay, as in weirctl cost --payer. --metrics writes each meter's residual and sums to FILE in Prometheus' text format, for a collector of files."},
	{"assess", cmd_assess,
	 "[--bill FILE]... --topology FILE|DIR --flowlogs DIR [--prices DIR] [--ranges FILE]... [--traffic FILE] [--period YYYY-MM] "
	 "[--account A] [--rate R] [--limit 20] [--strict] [--show ID]",
	 "Say what a network costs and why, from files alone; it needs no agent, no aggregator and no privilege. --bill is any bill "
	 "that import bill takes (several: the parts of one delivery), --topology what terraform show -json, aws describe-* or "
	 "az network ... list printed, or documents of our own, --flowlogs the flow logs of AWS, Azure or GCP, --traffic what agents "
	 "recorded, where some run. Prints the costs by path, owner and resource, and what of the bill's network lines "
	 "is explained by the logs, and what could be saved, a month, by replay of the same traffic with the changes that go together; "
	 "--show ID prints the change of one. Bad rows and what cannot be placed are told on standard error; with --strict the first "
	 "bad row ends it with exit status 1."},
	{"statement close", cmd_statement_close,
	 "MONTH [--account A] [--payer P] [--dir REPO] [--measured FILE | --traffic FILE]... [--remeasure] [--rate R] [--bills DB]",
	 "Freeze a month (2026-10) that is over: its newest bills, settled with what was measured of them as weirctl bill reconcile "
	 "does, become a statement for each team and one for what is nobody's, which sum to the invoice and never change. When a "
	 "newer version of a bill has been imported, closing again makes lines of what it corrects, booked in the open month; "
	 "what was measured is taken as it was frozen, with --remeasure anew. What was booked over 13 months ago is removed."},
	{"statement list", cmd_statement_list, "[--bills DB]",
	 "List what is closed: statements and corrections, in which month they are booked, and their sums."},
	{"statement", cmd_statement, "TEAM MONTH | unattributed MONTH [--format text|csv|json] [--account A] [--bills DB]",
	 "Print the statement of a team for a closed month, by account, service, meter and path: measured, adjusted and total, in "
	 "the currency of the bill, to the nano-unit; then what is booked in that month of corrections of earlier ones, and where "
	 "the month was corrected later. unattributed is what is no team's, with the reason. A team called close or list stands "
	 "behind --."},
	{"recommend", cmd_recommend,
	 "[--traffic FILE]... [--since 30d] [--dir REPO | --topology FILE|DIR [--ranges FILE]... [--prices DIR]] [--window 14d] "
	 "[--min 1] [--all] [--show ID [--save FILE] | --realised FILE --landed DATE]",
	 "Say what could be saved, a month, by replay of recorded traffic through the network with each change made: what the "
	 "aggregator has of the last --since, or FILEs of weirctl export traffic, without it. What is listed goes together, and "
	 "its sum is one replay of all of it. --window asks that much evidence of each rule in place of 14 days, --min leaves "
	 "out what saves less a month, --all lists what is held back too, and why. --show prints one whole: saving, formula, risk, "
	 "the change as Terraform JSON, Kubernetes patch or FlowPolicy, and how to undo it; --save keeps what it promises. "
	 "--realised, with the day it landed, says what such a change saved since: the traffic as it would cost without, minus as "
	 "it does, beside the promise."},
	{"policy status", cmd_policy_status, "",
	 "Show the policy serial, its state, and what each node has applied."},
	{"policy shadow", cmd_policy_shadow, "[--serial N] [--limit 1000]",
	 "Show the candidate, which is approved for shadow alone: which nodes evaluate it, and by its rules how "
	 "many flows it would deny, accept or limit otherwise than the policy in force. A flow counts once each "
	 "time nodes decide anew. Without a candidate the last one is shown; --serial chooses another."},
	{"policy lint", cmd_policy_lint, "DIR",
	 "Check a policy repository; each error is one line with file, line and column."},
	{"policy show", cmd_policy_show, "DIR CLASS",
	 "Print the rules that nodes of a class would get. CLASS is <domain>/<subnet>."},
	{"policy sign", cmd_policy_sign, "DIR --key FILE [--shadow] [--serial N]",
	 "Compile a policy repository and approve the result with an approver's key, into "
	 "DIR/approvals. With --shadow nodes only evaluate it beside the policy in force and count where "
	 "it would decide otherwise (weirctl policy shadow); nothing is enforced until it is signed "
	 "without."},
	{"policy rollback", cmd_policy_rollback, "--emergency --key FILE [--serial N]",
	 "Order every node that has serial N in force, the one that the aggregator serves unless said otherwise, "
	 "back to the bundle that it had confirmed before. One operator's key is enough; the order holds for a day, "
	 "is audited, and shows as an alarm until a higher serial is in force. Serial N never comes in force again."},
	{"topology explain", cmd_topology_explain, "--from ADDR --to ADDR [--domain D] [--at DATE] [--dir REPO]",
	 "Print the path of a byte between a workload's address and a peer's, the meters that it passes in their order "
	 "with their prices, both ways, and why: which subnet, route, gateway or load balancer was matched. It reads "
	 "a policy repository, . unless said otherwise, at DATE the versions that held then."},
	{"import topology", cmd_import_topology, "--from terraform|aws|azure FILE... [--ranges FILE]... [--out FILE]",
	 "Build a topology from what providers' tools print: terraform show -json, aws ec2 and elbv2 describe-*, "
	 "az network ... list. Files are told apart by their content; the same files give the same bytes. What cannot "
	 "be placed is said on standard error, one line each. --ranges names a provider's file of public prefixes (AWS "
	 "ip-ranges.json, GCP cloud.json, Azure ServiceTags, also gzip), which stays where it is in the repository."},
	{"pki init", cmd_pki_init, "--dir D [--days 3650]",
	 "Make a certificate authority in D/ca, and empty lists of what is revoked, D/crl.pem and D/revoked.keys."},
	{"pki server", cmd_pki_server, "--dir D --name NAME [--alt NAME_OR_IP]... [--days 825]",
	 "Make the aggregator's certificate in D/server."},
	{"pki node", cmd_pki_node, "--dir D [--days 825] NAME",
	 "Make a node's certificate and identity key in D/nodes/NAME, its public key in "
	 "D/nodes/NAME.pub."},
	{"pki approver", cmd_pki_approver, "--dir D NAME",
	 "Make an approver's key D/approvers/NAME.key and public key NAME.pub."},
	{"pki rotate", cmd_pki_rotate, "--dir D [--days N] [--finish] ca | server | NAME",
	 "Make the successor of the authority, of the aggregator's certificate, or of a node's certificate and keys; "
	 "what was before counts too, for an authority and a node's key, until --finish."},
	{"pki revoke", cmd_pki_revoke, "--dir D [--approver | --old] NAME",
	 "Revoke a node's certificates and keys (with --old those before its present ones), or an approver's key."},
	{"pki expiry", cmd_pki_expiry, "--dir D [--within DAYS]",
	 "List certificates and how many days are left; with --within fail when one that is not revoked ends so soon."},
	{"store info", cmd_store_info, "[--store PATH]",
	 "Show the aggregator's store: schema, size, and of each rollup rows, bytes and how far it reaches. Like the "
	 "next two it works on the file, PATH or what the aggregator names, as root or the aggregator's user."},
	{"store backup", cmd_store_backup, "FILE [--store PATH] [--force]",
	 "Copy the store as of one moment into FILE while the aggregator goes on. The copy is checked, and takes its "
	 "name when it is whole; an existing FILE is replaced only with --force."},
	{"store restore", cmd_store_restore, "FILE [--store PATH]",
	 "Put a backup in the store's place, after checking it, while the aggregator is stopped; what was there is "
	 "kept beside it. Agents send again what they still have; what nobody has any more is the column lost of "
	 "weirctl agents."},
	{"pki operator", cmd_pki_operator, "--dir D NAME",
	 "Make an operator's key D/operators/NAME.key, for policy rollback --emergency, and public key NAME.pub."},
	{"audit", cmd_audit, "[--limit 50]", "List the audit log."},
	{"audit verify", cmd_audit_verify, "[--head FILE]... [--witnessed] [--key FILE] FILE",
	 "Check the hash chain of an audit log file, and that it holds the heads which nodes have kept (their "
	 "<state_dir>/witness) or have told the aggregator; --key is the public key that signed them."},
	{"help", cmd_help, "[COMMAND] | --man",
	 "Print this list, one command, or the man page source."},
};

static int words_of(const char *name)
{
	return strchr(name, ' ') ? 2 : 1;
}

static bool words_match(const char *name, int argc, char **argv)
{
	const char *space = strchr(name, ' ');
	size_t first = space ? (size_t)(space - name) : strlen(name);

	if (argc < words_of(name) || strlen(argv[0]) != first || strncmp(argv[0], name, first))
		return false;
	return !space || !strcmp(argv[1], space + 1);
}

const struct command *cli_find(int argc, char **argv, int *ret_words)
{
	const struct command *best = NULL;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];

		if (!words_match(c->name, argc, argv))
			continue;
		if (!best || words_of(c->name) > words_of(best->name))
			best = c;
	}
	if (best)
		*ret_words = words_of(best->name);
	return best;
}

int cli_globals(struct cli *c, int *argc, char **argv, struct weir_err *err)
{
	static const char socket[] = "--socket";
	int kept = 0;

	for (int i = 0; i < *argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			c->json = true;
		} else if (!strcmp(argv[i], socket)) {
			if (++i == *argc)
				return weir_err_set(err, -EINVAL, "--socket needs a value");
			c->socket = argv[i];
		} else if (!strncmp(argv[i], "--socket=", sizeof(socket))) {
			c->socket = argv[i] + sizeof(socket);
		} else {
			argv[kept++] = argv[i];
		}
	}
	*argc = kept;
	return 0;
}

/* "policy foo", "policy": names what would have been understood. */
static int unknown_command(int argc, char **argv, struct weir_err *err)
{
	char known[256] = "";
	size_t len = strlen(argv[0]);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++) {
		const char *name = commands[i].name;
		size_t used = strlen(known);

		if (!strncmp(name, argv[0], len) && name[len] == ' ')
			snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
				 name + len + 1);
	}
	if (*known && argc > 1)
		return weir_err_set(err, -EINVAL, "unknown command '%s %s'; known: %s", argv[0],
				    argv[1], known);
	if (*known)
		return weir_err_set(err, -EINVAL, "%s needs one of: %s", argv[0], known);
	return weir_err_set(err, -EINVAL, "unknown command '%s'; see weirctl help", argv[0]);
}

int cli_run(struct cli *c, int argc, char **argv, struct weir_err *err)
{
	const struct command *command;
	int words = 0, r;

	r = cli_globals(c, &argc, argv, err);
	if (r)
		return r;
	if (!argc)
		return weir_err_set(err, -EINVAL, "no command; see weirctl help");
	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
		cli_usage(c->out);
		return 0;
	}
	if (!strcmp(argv[0], "--version")) {
		fprintf(c->out, "weirctl %s\n", WEIR_VERSION);
		return 0;
	}
	if (!strcmp(argv[0], "--man")) {
		cli_man(c->out);
		return 0;
	}
	command = cli_find(argc, argv, &words);
	if (!command)
		return unknown_command(argc, argv, err);
	return command->fn(c, argc - words, argv + words, err);
}

static void print_synopsis(const struct command *c, FILE *f)
{
	fprintf(f, "weirctl %s%s%s", c->name, *c->args ? " " : "", c->args);
}

void cli_usage(FILE *f)
{
	fputs("usage: weirctl [--json] [--socket PATH] COMMAND ...\n\n", f);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++) {
		fputs("  ", f);
		print_synopsis(&commands[i], f);
		fprintf(f, "\n      %s\n", commands[i].help);
	}
	fputs("\n  --json         print the data as JSON\n"
	      "  --socket PATH  of the aggregator; default " CLI_SOCKET "\n\n"
	      "Exit status: 0 done, 1 failed, 2 usage or invalid input.\n",
	      f);
}

/* roff takes '-' for a hyphen and a leading '.' or ''' for a request. */
static void roff_text(const char *s, FILE *f)
{
	for (const char *p = s; *p; p++) {
		if (*p == '-')
			fputs("\\-", f);
		else if (*p == '\\')
			fputs("\\e", f);
		else if (p == s && (*p == '.' || *p == '\''))
			fprintf(f, "\\&%c", *p);
		else
			fputc(*p, f);
	}
}

void cli_man(FILE *f)
{
	fputs(".TH WEIRCTL 1 \"\" \"weir " WEIR_VERSION "\" \"User Commands\"\n"
	      ".SH NAME\nweirctl \\- see and govern what network traffic costs\n"
	      ".SH SYNOPSIS\n.B weirctl\n[\\-\\-json] [\\-\\-socket \\fIPATH\\fR] \\fICOMMAND\\fR "
	      "...\n"
	      ".SH DESCRIPTION\n"
	      "weirctl asks the aggregator over its Unix socket, checks and approves policy\n"
	      "repositories, and makes the certificates and keys of a fleet.\n"
	      ".SH COMMANDS\n",
	      f);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++) {
		fputs(".TP\n\\fB", f);
		roff_text(commands[i].name, f);
		fputs("\\fR ", f);
		roff_text(commands[i].args, f);
		fputc('\n', f);
		roff_text(commands[i].help, f);
		fputc('\n', f);
	}
	fputs(".SH OPTIONS\n"
	      ".TP\n\\fB\\-\\-json\\fR\nPrint the data as JSON; field names are stable.\n"
	      ".TP\n\\fB\\-\\-socket\\fR \\fIPATH\\fR\nSocket of the aggregator; default "
	      "\\fI" CLI_SOCKET "\\fR.\n"
	      ".SH EXIT STATUS\n0 done, 1 failed, 2 usage or invalid input.\n"
	      ".SH SEE ALSO\nweir\\-agent(8), weir\\-aggregator(8)\n",
	      f);
}

int cmd_help(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	const struct command *command;
	int words = 0;

	if (argc == 1 && !strcmp(argv[0], "--man")) {
		cli_man(c->out);
		return 0;
	}
	if (!argc) {
		cli_usage(c->out);
		return 0;
	}
	command = cli_find(argc, argv, &words);
	if (!command)
		return unknown_command(argc, argv, err);
	if (words != argc)
		return weir_err_set(err, -EINVAL, "unexpected argument '%s'", argv[words]);
	print_synopsis(command, c->out);
	fprintf(c->out, "\n    %s\n", command->help);
	return 0;
}
