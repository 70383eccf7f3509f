#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Removal: --detach takes every link, pin and limit away, and connections live on.
. "$(dirname "$0")/../lib/e2e.sh"

REPORTS=analytics.slice/reports.service
lab_up && fleet_new && fleet_commit && fleet_sign && fleet_up enforce n2 || broken "the fleet comes up"
lab_serve web inet main.service 5001
expect "the limit is applied" lab_wait 15 fleet_applied n2 "$(fleet_serial)"
lab_traffic n2 $REPORTS tcp --to $INET4 --port 5001 --seconds 8 --rate 300 >"$LAB/log/client.log" 2>&1 &
client=$!
lab_pass 3
lab_kill agent-n2
detach() { lab_in n2 weir-agent.service "$LAB_BIN/weir-agent" -c "$LAB/n2.yaml" --detach; }
expect "detach succeeds" detach
equal "no program is left at the cgroup" "$(bpftool cgroup tree "$LAB_CGROUPS/$LAB_NAME/n2" 2>/dev/null | grep -cE 'cgroup_inet|sock_ops')" 0
equal "no pin is left" "$(find /sys/fs/bpf/$LAB_NAME/n2 -type f 2>/dev/null | wc -l)" 0
equal "no observer is left at eth0" "$(lab_ns n2 bpftool net show 2>/dev/null | grep -c 'eth0.*tc')" 0
wait $client
equal "the connection lives" $? 0
# The limit was 50.
free() { lab_traffic n2 $REPORTS tcp --to $INET4 --port 5001 --seconds 2 --rate 300 | sed -n 's/.*mbit=//p'; }
steadily "after the removal nothing is limited, Mbit/s" 100 400 free
said=$(detach 2>&1)
if [ "$(wc -l <<<"$said")" = 1 ] && grep -q "nothing is pinned" <<<"$said"; then
	pass "a second detach says in one line that nothing is there"
else
	fail "a second detach says in one line that nothing is there" "$said"
fi
finish
