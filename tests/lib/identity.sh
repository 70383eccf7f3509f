# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The identity of a node against its interface counters. Needs fleet.sh; the test says which nodes and
# interfaces: ID_LEGS, words "node/interface".

declare -A ID_WIRE0=() ID_SEEN0=() ID_SEEN=() ID_OPEN=()
# Where the truth of a leg's direction stands when it is not the leg's own counter: "space dev rx|tx".
declare -A ID_TRUTH=()

# L3 bytes by the counters of an interface: 14 bytes of Ethernet a packet.
id_counter() { # space dev rx|tx
	lab_ns "$1" awk -v dev="$2:" -v way="$3" '
		{ sub(/:/, ": ") } $1 == dev { i = way == "rx" ? 2 : 10; printf "%.0f\n", $i - 14 * $(i + 1) }' /proc/net/dev
}
id_wire() { # node dev rx|tx
	# shellcheck disable=SC2086
	id_counter ${ID_TRUTH[$1/$2/$3]:-"$1" "$2" "$3"}
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
	for leg in $ID_LEGS; do
		for way in rx tx; do
			ID_WIRE0[$leg/$way]=$(id_wire "${leg%/*}" "${leg#*/}" $way)
			ID_SEEN0[$leg/$way]=${ID_SEEN[$leg/$way]:-0}
		done
	done
}
id_gap() { # leg/way: counter minus observer since id_begin
	local leg=${1%/*}
	echo $(($(id_wire "${leg%/*}" "${leg#*/}" "${1##*/}") - ID_WIRE0[$1] - (${ID_SEEN[$1]:-0} - ID_SEEN0[$1])))
}
# Observer and counters agree, nothing is unexplained.
id_closed() {
	local leg way
	id_read
	for leg in $ID_LEGS; do
		for way in rx tx; do
			[ "${ID_OPEN[$leg/$way]:-}" = 0 ] && [ "$(id_gap "$leg/$way")" = 0 ] || return 1
		done
	done
}
# Reports catch up with the counters; then each leg's two claims.
id_check() { # name
	local leg way
	lab_wait "${ID_PATIENCE:-10}" id_closed
	for leg in $ID_LEGS; do
		for way in rx tx; do
			equal "$1: $leg $way, interface counter - observer" "$(id_gap "$leg/$way")" 0
			equal "$1: $leg $way, unexplained" "${ID_OPEN[$leg/$way]:-}" 0
		done
	done
}
