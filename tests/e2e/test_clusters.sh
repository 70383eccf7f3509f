#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two clusters on one address range, and one address held by two teams in turn: each is charged its own.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service
REPORTS=analytics.slice/reports.service
lab_up && fleet_new || broken "keys and policy repository"
# The aggregator is in another zone than n1's address of management.
sed -i 's#^  prefixes: \[#&192.0.2.0/28, #' "$REPO/topology/vpc-east.yaml"
cat >>"$REPO/topology/vpc-east.yaml" <<-YAML
	  - {name: mgmt-a, cidrs: [192.0.2.8/29], zone: use1-az1, routes: []}
	  - {name: mgmt-b, cidrs: [192.0.2.0/29], zone: use1-az2, routes: []}
YAML
fleet_up observe n1 n3 || broken "the fleet comes up"
lab_serve web inet main.service 5001
charged() { fleet_cost bytes node,team,path "c['node'] == '$1' and c['team'] == '$2' and c['path'] in ('nat', 'internet')"; }
at_least() { [ "$(charged "$1" "$2")" -ge "$3" ]; }

lab_traffic n1 $BACKUP tcp --to $INET4 --port 5001 --bytes 10000000 >/dev/null
lab_traffic n3 $REPORTS tcp --to $INET4 --port 5001 --bytes 20000000 >/dev/null
expect "both clusters' bytes are charged" lab_wait 15 at_least n3 analytics 20000000
expect "the first cluster's too" lab_wait 15 at_least n1 payments 10000000
fleet_steady
within "10.7.1.11 of the east cluster: team payments" "$(charged n1 payments)" 10000000 11500000
within "10.7.1.11 of the west cluster: team analytics" "$(charged n3 analytics)" 20000000 22500000
equal "nothing of the west is charged to payments" "$(charged n3 payments)" 0
equal "nothing of the east is charged to analytics" "$(charged n1 analytics)" 0
# The address goes over to another team's workload.
lab_traffic n1 $REPORTS tcp --to $INET4 --port 5001 --bytes 5000000 >/dev/null
expect "the next holder is charged from then on" lab_wait 15 at_least n1 analytics 5000000
fleet_steady
within "what the first holder sent stays his" "$(charged n1 payments)" 10000000 11500000
within "the next holder pays his own only" "$(charged n1 analytics)" 5000000 5800000
# weir's own bytes are a workload like any other, named and priced: all that crosses mgmt0 is its agent's.
own() { fleet_cost "$1" node,workload,path "c['node'] == 'n1' and 'weir-agent.service' in c['workload']"; }
wire() { echo $(($(lab_counter n1 mgmt0 rx_bytes) + $(lab_counter n1 mgmt0 tx_bytes))); }
within "the agent's own bytes are charged to it: of the wire's, in percent" $((100 * $(own bytes) / $(wire))) 70 100
rate() {
	api "/api/v1/cost?by=node,workload,path&from=$LAB_BEGAN&to=$(($(date +%s) + 60))" \
		"[round(c['nanos'] * 2**30 / c['bytes']) for c in d['items'] if c['node'] == 'n1' and c['path'] == 'cross-zone' \
and 'weir-agent.service' in c['workload']][0]"
}
within "and cost what a zone boundary costs, in nano-dollars a GiB" "$(rate)" 9900000 10100000
shown() { weirctl "$@" | grep 'weir-agent.service'; }
expect "weirctl cost shows them" shown cost --by workload
expect "weirctl top shows them" shown top --by workload
finish
