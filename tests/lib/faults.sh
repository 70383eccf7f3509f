# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Faults between a counted byte and the stored one, and the books that must balance after each: of every node,
# what is stored + what is declared lost = what its sockets counted, and with the named terms that is what its
# interfaces counted. Needs e2e.sh and identity.sh. A fault strikes while traffic runs, says in STRUCK what shows
# that it did, and puts everything back.

F_WORK=payments.slice/checkout.service
F_NODES="n1 n2"
ID_LEGS="n1/eth0 n2/eth0"
WINDOW=200ms
STRUCK=

# A node's state and the aggregator's store on file systems of their own, small enough to be filled.
faults_disk() { # directory
	mkdir -p "$1" && mount -t tmpfs -o size=24m,mode=755 weir-lab "$1"
}
faults_up() {
	local node
	lab_up && fleet_new && faults_disk "$LAB/store" || return
	sed -i "s,store: {path: .*},store: {path: $LAB/store/weir.db}," "$LAB/aggregator.yaml"
	for node in $F_NODES; do faults_disk "$LAB/state-$node" || return; done
	# shellcheck disable=SC2086
	fleet_up observe $F_NODES && lab_serve peer n2 $F_WORK 5001 && lab_serve back n1 $F_WORK 5001
}

# Traffic in both directions and families for as long as a scene lasts, long connections and short ones.
faults_traffic() {
	lab_bg long n1 $F_WORK "$LAB_PYTHON" tests/lib/traffic.py tcp --to $N2_4 --port 5001 --seconds 3000 --rate 16
	lab_bg short n1 $F_WORK "$LAB_PYTHON" tests/lib/traffic.py tcp --to $N2_6 --port 5001 --bytes 3000 --connections 1000000 --pause 0.01
	lab_bg other n2 $F_WORK "$LAB_PYTHON" tests/lib/traffic.py udp --to $N1_4 --port 5001 --size 900 --count 1000000 --pps 300
}
faults_rest() {
	local name
	for name in long short other; do lab_kill $name; done
}

f_agent() { # of which node NAME=value: one field
	api /api/v1/agents "[a for a in d['items'] if a['node'] == '$1'][0]['$2']"
}
f_log() { wc -l <"$LAB/log/$1.log"; }
f_said() { tail -n +"$(($2 + 1))" "$LAB/log/$1.log" | grep -c "$3"; } # log since-line pattern
f_later() { [ "$(f_agent "$1" sequence)" -ge "$2" ] && [ "$(f_agent "$1" epoch)" -ge "$3" ]; }
# New windows of each node are stored.
f_flows() {
	local node s e
	for node in $F_NODES; do
		s=$(f_agent "$node" sequence) e=$(f_agent "$node" epoch)
		f_advances() { local n; n=$(f_agent "$1" sequence); [ "$(f_agent "$1" epoch)" -gt "$3" ] || [ "$n" -ge $(($2 + 3)) ]; }
		lab_wait 20 f_advances "$node" "${s:-0}" "${e:-0}" || return 1
	done
}

# --- the faults ---
fault_agent_killed() {
	lab_kill agent-n1 KILL && lab_pass 1 && fleet_agent_start n1 && STRUCK="n1 killed"
}
fault_aggregator_killed() {
	lab_kill aggregator KILL && lab_pass 2 && fleet_aggregator_start && STRUCK="aggregator killed"
}
fault_both_killed() {
	lab_kill aggregator KILL && lab_kill agent-n1 KILL && lab_kill agent-n2 KILL && lab_pass 1 &&
		fleet_aggregator_start && fleet_agent_start n1 && fleet_agent_start n2 && STRUCK="all killed"
}
f_cut() { # verdict: the link of n1 to the aggregator for some seconds
	lab_ns agg nft -f - <<-NFT || return
		table inet cut { counter cut {}
		chain c { type filter hook input priority 0
		ip saddr 192.0.2.11 tcp dport {7471, 7472} counter name cut $1; }; }
	NFT
	f_hit() { lab_ns agg nft list counter inet cut cut | grep -q 'packets [1-9]'; }
	lab_wait 15 f_hit # an agent that was just cut off waits before it tries again
	lab_pass 3
	STRUCK=$(lab_ns agg nft list counter inet cut cut | sed -n 's/.*packets \([1-9][0-9]*\).*/\1 packets cut/p')
	lab_ns agg nft delete table inet cut
}
fault_link_silent() { f_cut drop; }
fault_link_reset() { f_cut "reject with tcp reset"; }
f_fill() { dd if=/dev/zero of="$1/filler" bs=64k status=none 2>/dev/null; [ -s "$1/filler" ]; }
fault_agent_disk_full() {
	local at
	at=$(f_log agent-n1)
	f_fill "$LAB/state-n1" || return
	f_full() { [ "$(f_said agent-n1 "$at" 'No space left')" -gt 0 ]; }
	lab_wait 10 f_full && STRUCK="$(f_said agent-n1 "$at" 'No space left') lines of n1: No space left"
	lab_pass 1
	rm -f "$LAB/state-n1/filler"
}
fault_store_disk_full() {
	local at
	at=$(f_log aggregator)
	f_fill "$LAB/store" || return
	f_full() { [ "$(f_said aggregator "$at" 'cannot commit summaries')" -gt 0 ]; }
	lab_wait 20 f_full && STRUCK="the store refused $(f_said aggregator "$at" 'cannot commit summaries') times"
	rm -f "$LAB/store/filler"
}
f_slow() { # start-command: with a disk that takes 300 ms to sync
	local saved=("$LD_PRELOAD" "$ASAN_OPTIONS") r
	export LD_PRELOAD=$LAB/run/slow.so SLOW_SYNC_MS=300 ASAN_OPTIONS=verify_asan_link_order=0
	"$@"
	r=$?
	export LD_PRELOAD=${saved[0]} ASAN_OPTIONS=${saved[1]}
	return $r
}
fault_slow_disk() {
	local a g
	a=$(f_log agent-n1) g=$(f_log aggregator)
	[ -e "$LAB/run/slow.so" ] || cc -shared -fPIC -O1 -D_GNU_SOURCE -o "$LAB/run/slow.so" tests/e2e/slow_sync.c || return
	lab_kill agent-n1 && lab_kill aggregator || return
	LD_PRELOAD=${LD_PRELOAD:-} ASAN_OPTIONS=${ASAN_OPTIONS:-}
	f_slow fleet_aggregator_start && f_slow fleet_agent_start n1 && f_flows || return
	[ "$(f_said agent-n1 "$a" slow_sync)" -gt 0 ] && [ "$(f_said aggregator "$g" slow_sync)" -gt 0 ] &&
		STRUCK="fdatasync takes 300 ms on both sides"
	lab_kill agent-n1 && lab_kill aggregator && fleet_aggregator_start && fleet_agent_start n1
}
fault_odd_replies() {
	lab_bg odd agg main.service "$LAB_PYTHON" tests/lib/odd_link.py 192.0.2.1:7481 192.0.2.1:7471 "$PKI/ca/cert.pem" \
		"$PKI/nodes/n1/cert.pem" "$PKI/nodes/n1/key.pem" "$PKI/server/cert.pem" "$PKI/server/key.pem"
	lab_wait 10 grep -q listening "$LAB/log/odd.log" && lab_kill agent-n1 || return
	sed -i 's,192.0.2.1:7471,192.0.2.1:7481,' "$LAB/n1.yaml"
	f_odd() { STRUCK=$(tail -n 1 "$LAB/log/odd.log" | grep -E 'twice=[1-9].* late=[1-9].* again=[1-9].* lost=[1-9]'); }
	fleet_agent_start n1 && f_flows && lab_wait 30 f_odd
	lab_kill agent-n1 && lab_kill odd
	rm -f "$LAB/log/odd.log"
	fleet_agent_conf n1 observe && fleet_agent_start n1
}
# Not in a sanitized program: both want to be first at the C library.
FAKETIME_LIB=$(find /usr/lib /usr/lib64 -name libfaketime.so.1 2>/dev/null | head -n 1)
fault_clock_steps() { # of the agent on n1: an hour ahead, an hour behind, and right again
	local at step clock=$LAB/run/clock seen=
	at=$(f_log agent-n1)
	echo +0 >"$clock"
	lab_kill agent-n1 || return
	(
		export LD_PRELOAD=$FAKETIME_LIB FAKETIME_TIMESTAMP_FILE=$clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
		LAB_BIN=$PWD/build
		fleet_agent_start n1 && echo "${LAB_PID[agent-n1]}" >"$LAB/run/clock.pid"
	)
	LAB_PID[agent-n1]=$(cat "$LAB/run/clock.pid") && f_flows || return
	f_ahead() { api /api/v1/agents "abs([a for a in d['items'] if a['node'] == 'n1'][0]['window_end_s'] - $(date +%s) - ($1)) < 60"; }
	for step in 3600 -3600 0; do
		echo "$(printf '%+d' $step)" >"$clock"
		lab_wait 15 f_ahead $step && seen+=" $step"
		f_flows || return
	done
	[ "$seen" = " 3600 -3600 0" ] && STRUCK="windows end$seen seconds from now"
	lab_kill agent-n1 && fleet_agent_start n1
}
# The node's state directory comes back as it was a while ago: what was spooled since and not yet sent is lost.
fault_state_of_yesterday() {
	local copy=$LAB/run/yesterday at
	rm -rf "$copy" && lab_kill agent-n1 && cp -a "$LAB/state-n1" "$copy" && fleet_agent_start n1 && f_flows || return
	# Windows that the aggregator does not get.
	lab_ns agg nft add table inet away && lab_ns agg nft add chain inet away c '{ type filter hook input priority 0; }' &&
		lab_ns agg nft add rule inet away c ip saddr 192.0.2.11 drop || return
	lab_pass 2
	lab_kill agent-n1 KILL
	lab_ns agg nft delete table inet away
	at=$(f_log agent-n1)
	rm -rf "$LAB/state-n1/"* && cp -a "$copy/." "$LAB/state-n1/" && fleet_agent_start n1 && f_flows || return
	[ "$(f_said agent-n1 "$at" 'does not fit the kernel')" -gt 0 ] && STRUCK="n1: its spool does not fit the kernel's counters"
	LOSS_OF=n1
}
# The aggregator's store comes back as it was a while ago, and agents have let go of a part of what it had since: that
# is lost. Segments are small, so that acknowledged ones are removed.
fault_store_of_yesterday() {
	local copy=$LAB/run/store.backup after back
	sed -i 's/segment: .*}/segment: 64KiB}/' "$LAB/n1.yaml" && lab_kill agent-n1 && fleet_agent_start n1 && f_flows || return
	weirctl store backup "$copy" --force || return
	# All that the copy does not have and that stood in files of then.
	find "$LAB/state-n1" -name '*.seg' >"$copy.had" && [ -s "$copy.had" ] || return
	f_gone() { f_flows && ! xargs ls <"$copy.had" 2>/dev/null | grep -q .; }
	lab_wait 60 f_gone && after=$(f_agent n1 sequence) || return
	lab_kill aggregator && weirctl store restore "$copy" --store "$LAB/store/weir.db" || return
	back=$("$LAB_PYTHON" -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT last_sequence FROM agent a JOIN node n ON n.id=a.node WHERE n.name=?", ("n1",)).fetchone()[0])' \
		"$LAB/store/weir.db") && fleet_aggregator_start || return
	rm -f "$LAB/store/weir.db.replaced-"*
	[ "$back" -lt "$after" ] && STRUCK="the store went back from $after of n1 to $back"
	f_flows
	LOSS_OF=n1
}
# The host goes down without warning while the aggregator cannot be reached: the kernel's counters and programs are
# gone, the boot has another id, and the state directory has windows that nobody has seen. Its interfaces' counters,
# which here go on, are the truth of the old boot up to then and of the new one from then.
fault_host_reboot() {
	local way still windows
	f_cut_off() {
		lab_ns "$1" nft "add table inet away; add chain inet away c { type filter hook output priority 0; }
			add rule inet away c ip daddr $2 drop"
	}
	f_cut_off n1 192.0.2.1 && f_cut_off agg 192.0.2.11 && lab_pass 2 && faults_rest || return
	f_still() { id_wires; still="${ID_WIRE[n1/eth0/rx]} ${ID_WIRE[n1/eth0/tx]}"; lab_pass 1; id_wires; [ "$still" = "${ID_WIRE[n1/eth0/rx]} ${ID_WIRE[n1/eth0/tx]}" ]; }
	lab_wait 20 f_still && lab_kill agent-n1 KILL && rm -rf /sys/fs/bpf/$LAB_NAME/n1 || return
	f_bare() { ! fleet_hooked n1; }
	lab_wait 10 f_bare && cat /proc/sys/kernel/random/uuid >"$LAB/run/boot-n1" || return
	# Windows of an hour: the old boot's last word stands until it was looked at.
	FLEET_WRAP[n1]="unshare -m sh tests/lib/booted.sh $LAB/run/boot-n1"
	WINDOW=3600s fleet_agent_conf n1 observe && fleet_agent_start n1 && windows=$(f_agent n1 sequence) || return
	still="${ID_WIRE[n1/eth0/rx]} ${ID_WIRE[n1/eth0/tx]}"
	id_wires
	equal "host_reboot: nothing passed unseen meanwhile" "${ID_WIRE[n1/eth0/rx]} ${ID_WIRE[n1/eth0/tx]}" "$still"
	lab_ns n1 nft delete table inet away && lab_ns agg nft delete table inet away || return
	f_told() { id_read; [ "$(id_gap n1/eth0/rx) $(id_gap n1/eth0/tx)" = "0 0" ]; }
	lab_wait 30 f_told
	for way in rx tx; do
		equal "host_reboot: the old boot, n1/eth0 $way, interface counter - observer" "$(id_gap n1/eth0/$way)" 0
		equal "host_reboot: the old boot, n1/eth0 $way, unexplained" "${ID_OPEN[n1/eth0/$way]}" 0
		ID_WIRE0[n1/eth0/$way]=${ID_WIRE[n1/eth0/$way]} ID_SEEN0[n1/eth0/$way]=0
	done
	BOOTS[n1]=$((BOOTS[n1] + $(f_sockets n1)))
	STRUCK="another boot of n1, $(($(f_agent n1 sequence) - windows)) windows of the old one sent after it"
	lab_kill agent-n1 && fleet_agent_conf n1 observe && fleet_agent_start n1 && faults_traffic
}

# --- the books ---
f_stored() { # node: bytes in the ledger, all workloads, windows of a wrong clock included
	api "/api/v1/cost?by=node&from=$((LAB_BEGAN - 7200))&to=$(($(date +%s) + 7200))" \
		"sum(c['bytes'] for c in d['items'] if c['node'] == '$1')"
}
declare -A BOOTS=([n1]=0 [n2]=0) # what a node's earlier boots counted in rows
f_sockets() { # node: what this boot of it counted in rows, all interfaces
	api /api/v1/agents "sum(t['bytes'] for a in d['items'] if a['node'] == '$1' for t in a['identity'] if t['term'] == 'sockets')"
}
# With agents at rest nothing changes between one question and the next.
f_balance() { # claim
	local node
	for node in $F_NODES; do lab_kill "agent-$node"; done
	for node in $F_NODES; do
		equal "$1: $node: stored + lost = counted at its sockets" $(($(f_stored "$node") + $(f_agent "$node" lost_bytes))) $(($(f_sockets "$node") + BOOTS[$node]))
		case " $LOSS_OF " in
		*" $node "*) within "$1: $node: lost, declared" "$(f_agent "$node" lost_bytes)" $((DECLARED[$node] + 1)) 100000000 ;;
		*) equal "$1: $node: declared lost by this fault" "$(($(f_agent "$node" lost_bytes) - DECLARED[$node]))" 0 ;;
		esac
		DECLARED[$node]=$(f_agent "$node" lost_bytes)
	done
	for node in $F_NODES; do fleet_agent_start "$node" || broken "$1: $node starts again"; done
}
declare -A DECLARED=([n1]=0 [n2]=0)
scene() { # fault
	STRUCK='' LOSS_OF=''
	id_begin
	faults_traffic
	f_flows || broken "$1: windows arrive before"
	"fault_$1" || STRUCK=
	if [ -n "$STRUCK" ]; then pass "$1 struck: $STRUCK"; else fail "$1 struck" "nothing shows it"; fi
	f_flows || fail "$1: windows arrive again" "n1 $(f_agent n1 sequence), n2 $(f_agent n2 sequence)"
	faults_rest
	id_check "$1"
	f_balance "$1"
}
