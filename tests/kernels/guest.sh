#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs inside the test machine, on a kernel that weir supports: the programs load, attach, count to the
# byte, enforce, outlive the agent and go away. No claim about time: the machine is emulated.
# Usage: guest.sh TC TIMEWAIT   what this kernel offers: tcx or clsact; named or unexplained
. "$(dirname "$0")/../lib/e2e.sh"
LAB_PATIENCE=5
E2E=linux-$(uname -r | cut -d . -f 1,2)
TC=$1 TIMEWAIT=$2
BACKUP=payments.slice/backup.service CHECKOUT=payments.slice/checkout.service
REPORTS=analytics.slice/reports.service

probe=$("$LAB_BIN/weir-agent" --probe)
equal "weir-agent --probe ends well" $? 0
sed 's/^/# /' <<<"$probe"
case $TC in
tcx) expect "--probe finds tcx" grep -q '^yes      tcx: ' <<<"$probe" ;;
*) expect "--probe names clsact instead of tcx" grep -qE '^refused  tcx: errno [0-9]+ .*; instead: clsact' <<<"$probe" ;;
esac

without_btf() { (mount -t tmpfs none /sys/kernel/btf; timeout 60 "$LAB_BIN/weir-agent" --probe 2>&1 >/dev/null; umount /sys/kernel/btf); }
said=$(without_btf)
expect "without BTF there is one sentence" grep -qxE 'weir-agent: error: this kernel .* lacks BTF .* is needed; nothing was loaded' <<<"$said"

# A kernel that has neither TCX nor clsact counts at its sockets all the same.
if [ "$TC" = clsact ]; then
	/busybox rmmod cls_bpf && /busybox rmmod sch_ingress || broken "clsact goes away"
	/busybox ip link set lo up
	cat >/tmp/agent.yaml <<-YAML
		node: {name: bare}
		agent: {mode: observe, state_dir: /tmp/state}
		bpf: {cgroup_root: /sys/fs/cgroup, pin_dir: /sys/fs/bpf/bare, interfaces: ["lo"]}
	YAML
	"$LAB_BIN/weir-agent" -c /tmp/agent.yaml >/tmp/bare.log 2>&1 &
	bare=$!
	hooks_said() { grep -q 'hooks in use: cgroup_skb' /tmp/bare.log; }
	expect "without clsact the agent starts" lab_wait 10 hooks_said
	lab_wait 2 grep -q 'not in this kernel: tc program' /tmp/bare.log
	expect "it says that there is no identity" grep -qE 'not in this kernel: tc program: errno [0-9]+ .*no identity' /tmp/bare.log
	sed 's/^/# /' /tmp/bare.log
	kill $bare && wait $bare
	sed 's/^bpf: {/&flow_rows: 1024, /' /tmp/agent.yaml >/tmp/other.yaml
	"$LAB_BIN/weir-agent" -c /tmp/other.yaml >/tmp/other.log 2>&1
	expect "what cannot be loaded is named in the one line" \
		grep -qE "^weir-agent: error: loading BPF: .*pinned map at '/sys/fs/bpf/bare/weir_rows4'" /tmp/other.log
	"$LAB_BIN/weir-agent" -c /tmp/agent.yaml --detach
	/busybox insmod /modules/sch_ingress.ko && /busybox insmod /modules/cls_bpf.ko || broken "clsact comes back"
fi

# Every program passes this kernel's verifier, those of gateways and of early drop too.
cat >/tmp/all.yaml <<-YAML
	node: {name: all}
	agent: {mode: observe, state_dir: /tmp/state-all}
	bpf: {cgroup_root: /sys/fs/cgroup, pin_dir: /sys/fs/bpf/all, interfaces: ["lo"], hooks: [cgroup, observer, gateway, xdp]}
YAML
"$LAB_BIN/weir-agent" -c /tmp/all.yaml >/tmp/all.log 2>&1 &
all=$!
all_said() { grep -q 'hooks in use: .*gateway' /tmp/all.log; }
expect "gateway and XDP load beside the others" lab_wait 10 all_said
sed 's/^/# /' /tmp/all.log
kill $all && wait $all
"$LAB_BIN/weir-agent" -c /tmp/all.yaml --detach

/busybox ip link set lo up # where questions to the aggregator pass
lab_up && fleet_new && fleet_sign && fleet_up enforce n1 n2 || { tail -n 4 "$LAB"/log/*.log | sed "s/^/# /"; broken "the fleet comes up"; }
lab_serve web inet main.service 5001
lab_serve peer n2 $CHECKOUT 5001
hooks=$(api /api/v1/agents "[a for a in d['items'] if a['node'] == 'n1'][0]['hooks']")
expect "the observer uses $TC, in: $hooks" grep -qw "$TC" <<<"$hooks"
expect "packets that no socket got are named" grep -qw kfree_skb <<<"$hooks"
grep 'not in this kernel' "$LAB/log/agent-n1.log" | sed 's/^/# /'
if [ "$TC" = clsact ]; then
	expect "the log names what is used instead of tcx" grep -qE 'not in this kernel: tcx: errno [0-9]+ .*; instead: clsact' "$LAB/log/agent-n1.log"
fi

# Identity: L3 bytes of eth0 by its own counters against what the observer saw, and against the sockets.
wire() { echo $(($(lab_counter n1 eth0 "$1_bytes") - 14 * $(lab_counter n1 eth0 "$1_packets"))); }
# One question, as a question takes the emulated machine half a second.
report() {
	read -r seen_tx seen_rx un_tx un_rx < <(api /api/v1/agents "' '.join(str(sum(t['bytes']
for a in d['items'] if a['node'] == 'n1' for t in a['identity']
if t['interface'] == 'eth0' and t['dir'] == way and t['term'] in terms.split()))
for terms in ('interface non_ip', 'unexplained') for way in ('egress', 'ingress'))")
}
caught_up() { report && [ $(($(wire tx) - wire_tx)) = $((seen_tx - base_tx)) ] && [ $(($(wire rx) - wire_rx)) = $((seen_rx - base_rx)) ]; }
explained() { report && [ "$un_tx $un_rx" = "0 0" ]; }
# Nothing moves for longer than two windows: what is reported is all that there is.
settled() {
	local before
	report && before="$(wire tx) $(wire rx) $seen_tx $seen_rx" && sleep 2.5 && report &&
		[ "$before" = "$(wire tx) $(wire rx) $seen_tx $seen_rx" ]
}
traffic() { # name least-bytes traffic-arguments...
	local name=$1 least=$2 before said
	shift 2
	before=$(wire tx)
	said=$(lab_traffic n1 $BACKUP "$@" --timeout 60) || { fail "$name: traffic flows" "$said"; return; }
	lab_wait 20 caught_up
	within "$name: bytes that left" $(($(wire tx) - before)) "$least" $((2 * least + 100000))
	equal "$name: observer = interface counter, egress" $((seen_tx - base_tx)) $(($(wire tx) - wire_tx))
	equal "$name: observer = interface counter, ingress" $((seen_rx - base_rx)) $(($(wire rx) - wire_rx))
}
exact() { # name least-bytes traffic-arguments...
	traffic "$@"
	lab_wait 10 explained
	equal "$1: unexplained, egress" "$un_tx" 0
	equal "$1: unexplained, ingress" "$un_rx" 0
}
lab_wait 30 settled
wire_tx=$(wire tx) wire_rx=$(wire rx) base_tx=$seen_tx base_rx=$seen_rx
exact "TCP IPv4" 4000000 tcp --to $N2_4 --port 5001 --bytes 4000000
exact "TCP IPv6" 4000000 tcp --to $N2_6 --port 5001 --bytes 4000000
exact "UDP IPv4" 200000 udp --to $N2_4 --port 5001 --size 1000 --count 200 --pps 500
exact "UDP IPv4 fragmented" 800000 udp --to $N2_4 --port 5001 --size 8000 --count 100 --pps 200
exact "UDP IPv6 fragmented" 800000 udp --to $N2_6 --port 5001 --size 8000 --count 100 --pps 200
if [ "$TIMEWAIT" = named ]; then
	exact "late FIN" 4000 tcp --to $N2_4 --port 5001 --bytes 100 --connections 20 --late 0.1
else
	traffic "late FIN" 4000 tcp --to $N2_4 --port 5001 --bytes 100 --connections 20 --late 0.1
	lab_wait 10 explained
	# 20 FINs came and 20 answers left, 52 bytes each: TIME_WAIT handles them, and this kernel names none.
	within "late FIN: unexplained is no more than TIME_WAIT handled, egress" "$un_tx" 0 1040
	within "late FIN: unexplained is no more than TIME_WAIT handled, ingress" "$un_rx" 0 1040
	echo "# identity on this kernel: unexplained $un_rx ingress, $un_tx egress"
fi

# TCP health: two connections and the 20 of the late FINs, each seen from its handshake to its end.
health() { api "/api/v1/health?by=workload" "' '.join(str(sum(h[k] for h in d['items']
if h['node'] == 'n1' and 'backup' in h['workload'])) for k in ('connections', 'closed', 'failed', 'rtt_samples'))"; }
healthy() { health | grep -q "^22 22 0 "; }
expect "TCP health uses tracepoints and iterators, in: $hooks" grep -q "tcp_trace tcp_iter" <<<"$hooks"
lab_wait 20 healthy
read -r connections closed failed samples < <(health)
equal "TCP health: connections, closed, failed" "$connections $closed $failed" "22 22 0"
within "TCP health: a round-trip sample each at least" "$samples" 22 1000

# The gate: signed, verified, compiled into tables, decided in the kernel.
backup() { lab_traffic n1 $BACKUP tcp --to "$1" --port 5001 --bytes 20000 --timeout 4; }
denied() { ! backup "$1" 2>&1 | grep -q '^bytes='; }
checkout() { lab_traffic n1 $CHECKOUT tcp --to $INET4 --port 5001 --bytes 20000 --timeout 20; }
expect "before the commit backup reaches the internet" backup $INET4
fleet_commit
fleet_sign || broken "the commit is signed"
expect "the commit is applied" lab_wait 30 fleet_applied n1 "$(fleet_serial)"
expect "backup is denied the internet over IPv4" denied $INET4
expect "backup is denied the internet over IPv6" denied $INET6
expect "another workload is not" checkout
expect "the commit is applied on n2" lab_wait 30 fleet_applied n2 "$(fleet_serial)"
lab_traffic n2 $REPORTS udp --to $INET4 --port 5001 --size 60000 --count 400 >/dev/null
limited() { api "/api/v1/flows?since=600&limit=1000" \
	"any(f['verdict'] == 'limited' and 'reports' in f['workload'] for f in d['items'])"; }
expect "what passes a limit is dropped and counted" lab_wait 20 limited
lab_kill agent-n1 KILL
expect "agent dead: backup is still denied" denied $INET4
fleet_agent_start n1 || broken "the agent starts again"
expect "agent back: the tables are adopted" lab_wait 30 fleet_applied n1 "$(fleet_serial)"
expect "agent back: backup is still denied" denied $INET4

# Removal.
lab_kill agent-n1
expect "detach succeeds" lab_in n1 weir-agent.service "$LAB_BIN/weir-agent" -c "$LAB/n1.yaml" --detach
equal "no program is left at the cgroup" \
	"$(bpftool cgroup tree "$LAB_CGROUPS/$LAB_NAME/n1" 2>/dev/null | grep -cE 'cgroup_inet|sock_ops')" 0
equal "no observer is left at eth0" "$(lab_ns n1 bpftool net show 2>/dev/null | grep -c 'weir_tc')" 0
equal "no pin is left" "$(find /sys/fs/bpf/$LAB_NAME/n1 -type f 2>/dev/null | wc -l)" 0
expect "after the removal backup reaches the internet" backup $INET4
finish
