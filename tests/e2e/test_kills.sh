#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 in every phase of a drain, and upgrades to another build, under traffic: what is stored is in
# the end what the sockets counted and what the wire carried, and no packet of a denied peer ever left.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh

KILLS=10 UPGRADES=4 LEAST=2
[ "${WEIR_LONG:-}" = 1 ] && KILLS=100 UPGRADES=20 LEAST=12
CHECKOUT=payments.slice/checkout.service
BACKUP=payments.slice/backup.service
ID_LEGS=n1/eth0
PINS=/sys/fs/bpf/$LAB_NAME/n1
WINDOW=200ms

lab_up && fleet_new && fleet_commit && fleet_sign || broken "keys and a policy"
# A disk whose syncs take 10 ms, whatever the lab lies on: in memory nothing would be between a record and its commit.
cc -shared -fPIC -O1 -D_GNU_SOURCE -o "$LAB/run/slow.so" tests/e2e/slow_sync.c || broken "a slow disk"
DISK=(env "LD_PRELOAD=$LAB/run/slow.so" SLOW_SYNC_MS=10 ASAN_OPTIONS=verify_asan_link_order=0)
FLEET_WRAP[n1]=${DISK[*]}
fleet_up enforce n1 || broken "the fleet comes up"
lab_wait 15 fleet_applied n1 "$(fleet_serial)" || broken "n1 applies the policy"
lab_serve peer n2 $CHECKOUT 5001
lab_ns r nft -f - <<-NFT
	table inet kills { counter denied {}
	counter allowed {}
	chain pass { type filter hook forward priority 0
	iifname "n1" udp dport 5999 counter name denied
	iifname "n1" udp dport 5998 counter name allowed; }; }
NFT
passed() { lab_ns r nft list counter inet kills "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }

stored() { fleet_cost bytes workload,node "c['node'] == 'n1' and 'checkout' in c['workload']"; }
at_sockets() { echo $(($(fleet_term n1 eth0 ingress sockets) + $(fleet_term n1 eth0 egress sockets))); }
all_stored() { [ "$(stored)" = "$(at_sockets)" ]; }

# Denied datagrams, each of a new socket, hence a first packet: only the policy keeps them back. The same
# to an address that is allowed says that they would have come.
cat >"$LAB/run/knock" <<-'SH'
	exec 3<> <(:)
	while :; do
		{ echo knock >/dev/udp/$1/$2; echo knock >/dev/udp/$3/$2; } 2>/dev/null
		printf . >>"$4"
		read -rt 0.02 <&3
	done
SH
knock() { lab_bg "knock-$2" n1 "$1" bash "$LAB/run/knock" "$3" "$2" "$4" "$LAB/run/knocks-$2"; }

id_begin
knock $BACKUP 5999 $INET4 $INET6
knock $CHECKOUT 5998 $N2_4 $N2_6
lab_bg stream n1 $CHECKOUT "$LAB_PYTHON" tests/lib/traffic.py tcp --to $N2_4 --port 5001 --seconds 3000 --rate 30
lab_bg short n1 $CHECKOUT "$LAB_PYTHON" tests/lib/traffic.py tcp --to $N2_6 --port 5001 --bytes 3000 --connections 1000000 --pause 0.005
agent_again() { # program
	lab_bg agent-n1 n1 weir-agent.service "${DISK[@]}" "$1" -c "$LAB/n1.yaml"
}
strike() { "$LAB_BIN/tools/killer" "${LAB_PID[agent-n1]}" $PINS "$LAB/state-n1/spool" "$1" 2>&1; }

# While it drains, by its phases, and while it starts, at offsets that sweep the first 1.5 seconds. Other
# processes may come between the sign and the kill: then it is tried again, for what was missed.
declare -A HITS=([read]=0 [appended]=0 [between]=0)
missed() { # the first phase that is not yet hit often enough
	if [ ${HITS[read]} -lt $LEAST ]; then echo read
	elif [ ${HITS[appended]} -lt $LEAST ]; then echo append
	elif [ ${HITS[between]} -lt $LEAST ]; then echo commit
	else return 1; fi
}
lost=none
moved=$(id_counter n1 eth0 tx)
for ((i = 0; i < 3 * KILLS; i++)); do
	[ $i -lt $KILLS ] || when=$(missed) || break
	[ $i -ge $KILLS ] || case $((i % 5)) in
	0) when=read ;; 1 | 2) when=append ;; 3) when=commit ;; 4) when=$((i * 1500 / KILLS)) ;; esac
	said=$(strike $when) || lost+=" [$when: $said]"
	echo "$i $when: $said" >>"$LAB/log/kills.log"
	hit=${said%% *}
	[ -n "${HITS[$hit]:-}" ] && HITS[$hit]=$((HITS[$hit] + 1))
	agent_again "$LAB_BIN/weir-agent"
done
said="$i kills: ${HITS[read]} when rows were read, ${HITS[appended]} when a record was not committed, ${HITS[between]} between drains"
equal "$said: each left spool and kernel as one drain or none" "$lost" none
for phase in read appended between; do
	within "kills in phase $phase" "${HITS[$phase]}" $LEAST $((3 * KILLS))
done
within "traffic went on meanwhile, bytes" $(($(id_counter n1 eth0 tx) - moved)) 1000000 1000000000000

# Upgrades: to and fro between two builds, killed or ended.
link() { bpftool -j link show pinned "$PINS/links/$1" | sed -n 's/.*"id":\([0-9]*\),.*"prog_id":\([0-9]*\).*/\1 \2/p'; }
# Tracing links cannot change their program, and see no packet.
hooks() { ls $PINS/links | grep -xE 'sockops|ingress|egress|tc.*'; }
count_programs() { lab_ns n1 "$LAB_BIN/tools/hooks" "$LAB_CGROUPS/$LAB_NAME/n1" eth0 2>&1 | tr '\n' ' '; }
version() { api /api/v1/agents "[a for a in d['items'] if a['node'] == 'n1'][0]['version'] == '$1'"; }
wrong=none replaced=0
for ((i = 0; i < UPGRADES; i++)); do
	[ $((i % 2)) = 0 ] && program=$LAB_BIN/next/weir-agent || program=$LAB_BIN/weir-agent
	declare -A BEFORE=()
	for hook in $(hooks); do BEFORE[$hook]=$(link "$hook"); done
	lab_kill agent-n1 "$([ $((i % 4)) -lt 2 ] && echo KILL || echo TERM)"
	agent_again "$program"
	lab_wait 15 version "$("$program" --version | sed 's/.* //')" || wrong+=" [round $i: not the version that was started]"
	for hook in $(hooks); do
		now=$(link "$hook")
		[ "${now% *}" = "${BEFORE[$hook]% *}" ] || wrong+=" [round $i: $hook: link ${BEFORE[$hook]}, now $now]"
		[ "${now#* }" != "${BEFORE[$hook]#* }" ] && replaced=$((replaced + 1))
	done
	now=$(count_programs)
	[ "$now" = "ingress 1 egress 1 sockops 1 tcx_ingress 1 tcx_egress 1 " ] || wrong+=" [round $i: programs at hooks: $now]"
done
equal "$UPGRADES upgrades: links stay, one program per hook" "$wrong" none
equal "each link got the new build's program, by an update in place" $replaced $((UPGRADES * $(hooks | wc -l)))

# One clean drain.
for name in stream short knock-5999 knock-5998; do lab_kill $name; done
within "denied datagrams tried meanwhile" "$(stat -c %s "$LAB/run/knocks-5999")" 100 100000000
within "the same, allowed, arrived" "$(passed allowed)" 100 100000000
equal "packets of the denied flow that left" "$(passed denied)" 0
id_check "after all kills and upgrades"
lab_wait 20 all_stored
equal "stored bytes = bytes at the sockets, none lost, none twice" "$(stored)" "$(at_sockets)"

finish
