#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the running programs still may: the agent, attached, is another user with three capabilities, the
# aggregator has none; both have a filter of system calls. Every other end-to-end test runs with it.
. "$(dirname "$0")/../lib/e2e.sh"

lab_up
fleet_new || broken "the fleet has keys and a repository"

fact() { # process key
	awk -v key="$2:" '$1 == key { print $2 }' "/proc/${LAB_PID[$1]}/status"
}
WANTED=000000c000001000 # BPF 39, PERFMON 38, NET_ADMIN 12
proves() { # process capabilities uid
	local set
	for set in CapPrm CapEff CapBnd; do equal "$1: $set" "$(fact "$1" $set)" "$2"; done
	for set in CapInh CapAmb; do equal "$1: $set" "$(fact "$1" $set)" 0000000000000000; done
	equal "$1: it can gain no privileges" "$(fact "$1" NoNewPrivs)" 1
	equal "$1: its system calls are filtered" "$(fact "$1" Seccomp)" 2
	equal "$1: its user" "$(fact "$1" Uid)" "$3"
	# Threads of libraries were started afterwards, and are like the first.
	equal "$1: all its threads are alike" \
		"$(cat "/proc/${LAB_PID[$1]}"/task/*/status | grep -E '^(Uid|Cap...|NoNewPrivs|Seccomp):' | sort -u | wc -l)" 8
}
said() { grep -c "$2" "$LAB/log/$1.log"; }

fleet_up observe n1 || broken "a node is connected"
proves agent-n1 $WANTED $FLEET_USER
proves aggregator 0000000000000000 0
equal "the agent says what it kept" \
	"$(said agent-n1 "privileges: user $FLEET_USER, capabilities BPF NET_ADMIN PERFMON, no new ones, system calls filtered")" 1
equal "nobody else reads its spool" "$(stat -c %U:%a "$LAB/state-n1/spool")" "UNKNOWN:700"

# Settings and labels are read again as that user.
sed -i 's/^agent: {mode: observe/agent: {mode: shadow/' "$LAB/n1.yaml"
kill -HUP "${LAB_PID[agent-n1]}"
expect "settings are read again as the new user" lab_wait 10 grep -q 'reload: mode' "$LAB/log/agent-n1.log"
expect "and hold" lab_wait 10 fleet_mode n1 shadow

# The next agent starts as root and finds what the last one left as another user.
lab_kill agent-n1
fleet_agent_start n1 || broken "an agent adopts the pins of one that was another user"
expect "it adopts pins and state of another user" lab_wait 15 fleet_connected n1
lab_kill agent-n1

# What the system does not give is said in one line, and the next best is taken.
AGENT_USER=nobody-of-that-name
chown -R 0 "$PKI/nodes/n1"
fleet_agent_conf n1 observe
fleet_agent_start n1 || broken "an agent without a user of its own runs"
soon "a user that does not exist: it says that it stays root" 1 \
	said agent-n1 'stays root: agent.user: there is no user nobody-of-that-name'
soon "a user that does not exist: capabilities go all the same" $WANTED fact agent-n1 CapEff
expect "a user that does not exist: it works" lab_wait 15 fleet_connected n1
lab_kill agent-n1

AGENT_USER=$FLEET_USER
fleet_agent_conf n1 observe
fleet_agent_start n1 || broken "an agent whose key its user may not read runs"
soon "a key that the user may not read: it names the file and what to do" 1 \
	said agent-n1 "stays root: user $FLEET_USER may not read $PKI/nodes/n1/key.pem: chgrp and chmod g+r it"
chown -R $FLEET_USER "$PKI/nodes/n1"
lab_kill agent-n1

# As the unit starts it: a user from the first instruction, with the way to the pins, which it gives back.
CAPS=+bpf,+net_admin,+perfmon,+dac_read_search
chown -R $FLEET_USER "$LAB/state-n1" "/sys/fs/bpf/$LAB_NAME/n1"
chmod 700 "/sys/fs/bpf/$LAB_NAME"
lab_bg agent-unit n1 weir-agent.service setpriv --reuid=$FLEET_USER --regid=$FLEET_USER --clear-groups \
	--bounding-set="-all,$CAPS" --inh-caps="-all,$CAPS" --ambient-caps="-all,$CAPS" --no-new-privs \
	"$LAB_BIN/weir-agent" -c "$LAB/n1.yaml"
expect "started as its own user it connects" \
	lab_wait 15 grep -q 'telemetry: session with the aggregator begins' "$LAB/log/agent-unit.log"
equal "started as its own user it gives the fourth capability back" "$(fact agent-unit CapEff)" $WANTED
lab_ns n1 ip link add eth7 type veth peer name far7
later=$(lab_ns n1 ip -o link show dev eth7 | cut -d: -f1)
expect "and attaches to what appears later, though the way to its pins is closed" \
	lab_wait 10 test -e "/sys/fs/bpf/$LAB_NAME/n1/links/tc${later}in"
lab_kill agent-unit
expect "root detaches what the user left" "$LAB_BIN/weir-agent" --detach -c "$LAB/n1.yaml"
expect "nothing is left" test ! -e "/sys/fs/bpf/$LAB_NAME/n1"
finish
