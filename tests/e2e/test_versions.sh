#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Mixed versions: a node whose aggregator is older, an aggregator whose node is older, and one that speaks another
# wire version. The older peer is the wire as it was (tests/lib/old_link.py); with WEIR_LONG=1 also the programs that
# the commit before the last change of proto/weir.proto builds.
. "$(dirname "$0")/../lib/e2e.sh"
. tests/lib/identity.sh
. tests/lib/faults.sh

OLD=build/old/build
old_build() {
	local was
	was=$(git log -1 --format=%H -- proto/weir.proto 2>/dev/null) && was=$(git rev-parse -q --verify "$was^") || return
	git worktree remove --force build/old 2>/dev/null
	rm -rf build/old && git worktree prune && git worktree add --detach build/old "$was" &&
		make -s -C build/old -j2 build/weir-agent build/weir-aggregator
}
old_link() { # name port [wire]
	lab_bg "$1" agg main.service "$LAB_PYTHON" tests/lib/old_link.py "192.0.2.1:$2" 192.0.2.1:7471 "$PKI/ca/cert.pem" \
		"$PKI/nodes/n1/cert.pem" "$PKI/nodes/n1/key.pem" "$PKI/server/cert.pem" "$PKI/server/key.pem" ${3:-}
	lab_wait 10 grep -q listening "$LAB/log/$1.log"
}
agent_by() { # node port: its telemetry goes there
	lab_kill "agent-$1" && fleet_agent_conf "$1" observe && sed -i "s,192.0.2.1:7471,192.0.2.1:$2," "$LAB/$1.yaml" &&
		fleet_agent_start "$1"
}

# The same agent talks to an older aggregator, and the same aggregator hears an older agent, for a while.
fault_older_peer() {
	old_link older 7481 && agent_by n1 7481 && f_flows && f_flows && lab_kill agent-n1 && lab_kill older || return
	STRUCK=$(tail -n 1 "$LAB/log/older.log" | grep -E 'summaries=[1-9][0-9]* foreign=0$')
	fleet_agent_conf n1 observe && fleet_agent_start n1
}
fault_older_aggregator() { # n1 is new already, n2 and the aggregator are old
	lab_kill agent-n1 && fleet_agent_start n1 && f_flows && f_flows && STRUCK="$(readlink "/proc/${LAB_PID[aggregator]}/exe")"
	case $STRUCK in *build/old/*) ;; *) STRUCK= ;; esac
}
fault_older_agent() { # the aggregator is new, with the old one's store; n2 is old
	lab_kill agent-n2 && LAB_BIN=$OLD fleet_agent_start n2 || return
	lab_kill aggregator && fleet_aggregator_start && f_flows && f_flows || return
	STRUCK="$(readlink "/proc/${LAB_PID[agent-n2]}/exe")"
	case $STRUCK in *build/old/*) ;; *) STRUCK= ;; esac
}

if [ -n "${WEIR_LONG:-}" ] && old_build >build/log/old.log 2>&1; then
	OLD=$PWD/$OLD
	LAB_BIN=$OLD
	weirctl() { "$WEIR_BIN/weirctl" --socket "$SOCKET" "$@"; }
	faults_up || broken "the older fleet comes up"
	LAB_BIN=$WEIR_BIN
	scene older_aggregator
	scene older_agent
	git worktree remove --force build/old
else
	echo "skip $E2E older_build: $([ -z "${WEIR_LONG:-}" ] && echo "WEIR_LONG=1 builds it" || tail -n 1 build/log/old.log)"
	faults_up || broken "the fleet comes up"
fi
scene older_peer

# Another wire version: refused in one line on both sides that names both and says what to do.
old_link other 7482 9 && agent_by n2 7482 || broken "n2 speaks another version"
refused='n2 (weir [0-9.]*) speaks wire version 9, this aggregator (weir [0-9.]*) speaks 1: upgrade weir-aggregator'
said() { grep -c "no session: refused: $refused" "$LAB/log/agent-n2.log"; }
is_refused() { [ "$(f_agent n2 refused_reason)" = version ] && f_agent n2 refused_text | grep -q "$refused"; }
shown() { weirctl agents n2 | grep -q '^refused because  *version$'; }
expect "another wire version: the aggregator says so of the node" lab_wait 15 is_refused
expect "weirctl agents shows it" shown
lab_pass 2 # it tries again meanwhile
equal "the node says it in one line, once" "$(said)" 1
lab_kill other
agent_by n2 7471 || broken "n2 speaks the same version again"
not_refused() { [ -z "$(f_agent n2 refused_reason)" ]; }
expect "the same version again: all is well" lab_wait 15 not_refused
finish
