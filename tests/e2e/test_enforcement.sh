#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A verdict is the kernel's: it goes on when the agent is killed, and the restarted agent adopts it.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service
REPORTS=analytics.slice/reports.service
lab_up && fleet_new && fleet_sign && fleet_up enforce n1 n2 || broken "the fleet comes up"
lab_serve web inet main.service 5001
backup() { lab_traffic n1 $BACKUP tcp --to $INET4 --port 5001 --bytes 100000 --timeout "${1:-10}"; }
backup6() { lab_traffic n1 $BACKUP tcp --to $INET6 --port 5001 --bytes 100000 --timeout "${1:-10}"; }
denied() { ! "$1" 2 2>&1 | grep -q '^bytes='; }
reports() { lab_traffic n2 $REPORTS tcp --to $INET4 --port 5001 --seconds 4 | sed -n 's/.*mbit=//p'; }

expect "before the commit backup reaches the internet" backup
steadily "before the commit reports runs free, Mbit/s" 100 100000 reports
fleet_commit
fleet_sign || broken "the commit is signed"
serial=$(fleet_serial)
expect "n1 applies the commit" lab_wait 15 fleet_applied n1 "$serial"
expect "n2 applies the commit" lab_wait 15 fleet_applied n2 "$serial"
expect "backup is denied the internet over IPv4" denied backup
expect "backup is denied the internet over IPv6" denied backup6
mkdir -p "$LAB_CGROUPS/$LAB_NAME/n1/late/payments.slice/backup.service"
late() { lab_traffic n1 late/payments.slice/backup.service tcp --to $INET4 --port 5001 --bytes 1000 --timeout "$1"; }
expect "a workload that comes later is denied from its first packet" denied late
expect "another workload of the node is not" lab_traffic n1 payments.slice/checkout.service tcp --to $INET4 --port 5001 --bytes 100000
steadily "reports is limited to 50 Mbit/s" 35 52.5 reports
lab_kill agent-n1 KILL
lab_kill agent-n2 KILL
expect "agents dead: backup is still denied" denied backup
steadily "agents dead: reports is still limited" 35 52.5 reports
fleet_agent_start n1 && fleet_agent_start n2 || broken "the agents start again"
expect "agents back: backup is still denied" denied backup
expect "agents back: the serial is still reported" lab_wait 15 fleet_applied n1 "$serial"
steadily "agents back: reports is still limited" 35 52.5 reports
fleet_revert
fleet_sign || broken "the undo is signed"
expect "the undo is applied" lab_wait 15 fleet_applied n1 "$(fleet_serial)"
expect "after the undo backup reaches the internet" backup

# Shadow: the same commit, counted and not enforced.
lab_kill agent-n1
fleet_agent_conf n1 shadow
fleet_agent_start n1 || broken "the agent starts in shadow mode"
expect "n1 says that it is in shadow mode" lab_wait 10 fleet_mode n1 shadow
fleet_commit
fleet_sign || broken "the commit is signed again"
expect "shadow: the commit is applied" lab_wait 15 fleet_applied n1 "$(fleet_serial)"
expect "shadow: backup still reaches the internet" backup
would() { api "/api/v1/flows?since=60&limit=1000" \
	"any(f['verdict'] == 'would-deny' and 'backup' in f['workload'] and f['bytes'] > 100000 for f in d['items'])"; }
expect "shadow: what would be denied is counted" lab_wait 10 would
finish
