# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The identity of a node against its interface counters. Needs fleet.sh; the test says which nodes and
# interfaces: ID_LEGS, words "node/interface".

declare -A ID_WIRE=() ID_WIRE0=() ID_SEEN0=() ID_SEEN=() ID_OPEN=() ID_OPEN0=()
# Where the truth of a leg's direction stands when it is not the leg's own counter: arguments of id_counter.
declare -A ID_TRUTH=()

# L3 bytes by the counters of an interface, which count so many bytes of link header with each packet.
id_counter() { # space dev rx|tx [header]
	local dev rx rx_packets tx tx_packets
	while read -r dev rx rx_packets tx tx_packets; do
		[ "$dev" != "$2" ] || case $3 in
		rx) echo $((rx - ${4:-14} * rx_packets)) ;;
		tx) echo $((tx - ${4:-14} * tx_packets)) ;;
		esac
	done < <(lab_counters "$1")
}
# The same of all legs, into ID_WIRE.
id_wires() {
	local leg space dev rx rx_packets tx tx_packets
	local -A spaces=()
	for leg in $ID_LEGS; do spaces[${leg%%/*}]=1; done
	for space in "${!spaces[@]}"; do
		while read -r dev rx rx_packets tx tx_packets; do
			ID_WIRE[$space/$dev/rx]=$((rx - 14 * rx_packets)) ID_WIRE[$space/$dev/tx]=$((tx - 14 * tx_packets))
		done < <(lab_counters "$space")
	done
	for leg in "${!ID_TRUTH[@]}"; do
		# shellcheck disable=SC2086
		ID_WIRE[$leg]=$(id_counter ${ID_TRUTH[$leg]})
	done
}

# One question for all: what the observer saw (ARP and the like included) and what is unexplained.
id_read() {
	local node dev dir seen open way
	ID_SEEN=() ID_OPEN=()
	while read -r node dev dir seen open; do
		case $dir in ingress) way=rx ;; *) way=tx ;; esac
		ID_SEEN[$node/$dev/$way]=$seen ID_OPEN[$node/$dev/$way]=$open
	done < <(api /api/v1/agents "'\n'.join(' '.join((a['node'], i, w, str(sum(t['bytes'] for t in a['identity'] \
if (t['interface'], t['dir']) == (i, w) and t['term'] in ('interface', 'non_ip'))), str(sum(t['bytes'] for t in a['identity'] \
if (t['interface'], t['dir'], t['term']) == (i, w, 'unexplained'))))) for a in d['items'] \
for i, w in sorted({(t['interface'], t['dir']) for t in a['identity'] if t['interface']}))" 2>/dev/null)
}

id_begin() {
	local leg way
	id_read
	id_wires
	for leg in $ID_LEGS; do
		for way in rx tx; do
			ID_WIRE0[$leg/$way]=${ID_WIRE[$leg/$way]}
			ID_SEEN0[$leg/$way]=${ID_SEEN[$leg/$way]:-0}
		done
	done
}
# The same, and what is unexplained so far is nobody's fault.
id_begin_anew() {
	local leg
	id_begin
	for leg in "${!ID_OPEN[@]}"; do ID_OPEN0[$leg]=${ID_OPEN[$leg]}; done
}
id_gap() { # leg/way: counter minus observer since id_begin
	echo $((${ID_WIRE[$1]} - ID_WIRE0[$1] - (${ID_SEEN[$1]:-0} - ID_SEEN0[$1])))
}
# leg/way: what is unexplained since id_begin_anew; nothing where there is no answer.
id_open() { [ -z "${ID_OPEN[$1]:-}" ] || echo $((ID_OPEN[$1] - ${ID_OPEN0[$1]:-0})); }
# Observer and counters agree, nothing is unexplained.
id_closed() {
	local leg way
	id_read
	id_wires
	for leg in $ID_LEGS; do
		for way in rx tx; do
			[ "$(id_open "$leg/$way")" = 0 ] && [ "$(id_gap "$leg/$way")" = 0 ] || return 1
		done
	done
}
# Reports catch up with the counters; then each leg's two claims.
id_check() { # name
	local leg way
	# What did not close once will not the next time either.
	lab_wait "${ID_PATIENCE:-10}" id_closed || ID_PATIENCE=1
	for leg in $ID_LEGS; do
		for way in rx tx; do
			equal "$1: $leg $way, interface counter - observer" "$(id_gap "$leg/$way")" 0
			equal "$1: $leg $way, unexplained" "$(id_open "$leg/$way")" 0
		done
	done
}

# Where a kernel runs no BPF tracing program while a thread of PID 1 is current, packets that are freed then
# stay unexplained. How many came so, of all there are; 0 where nobody can count them.
id_unseen() { cat "$LAB/run/unseen" 2>/dev/null || echo 0; }
# Runs a command until the identity closes behind it: once, or thrice where packets came so meanwhile.
id_settle() { # command...
	local i unseen
	for i in 1 2 3; do
		lab_alive unseen || lab_bg unseen n1 weir-agent.service "$LAB_PYTHON" tests/lib/unseen.py "$LAB/run/unseen"
		unseen=$(id_unseen)
		"$@" || return
		lab_wait 1 id_closed && return
		[ "$(id_unseen)" -gt "$unseen" ] && [ $i -lt 3 ] || return 0 # then id_check has the patience
		echo "# $(($(id_unseen) - unseen)) packets were freed while PID 1 ran; once more: $*"
		id_begin_anew
	done
}
