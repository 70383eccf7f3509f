# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# weir in the lab: keys, a policy repository, one aggregator, an agent per node. Needs lab.sh.

FLEET_EAST=aws/111111111111/vpc-east FLEET_WEST=aws/222222222222/vpc-west
FLEET_NODES="n1 n2 n3 r"
FLEET_USER=7470 # whom agents become: nobody has that number
PKI=$LAB/pki
REPO=$LAB/repo
HELD=$LAB/held # policies that a later commit adds
SOCKET=$LAB/run/aggregator.sock

# Its leaks are the unit tests' matter: to look for them takes half of a short command's time.
weirctl() { ASAN_OPTIONS=detect_leaks=0 "$LAB_BIN/weirctl" --socket "$SOCKET" "$@"; }
# See api.py. A question to its server costs no process.
FLEET_API=0 # its port, and the word to begin with
api() { # path [expression]
	local fd status= text=
	if ! { exec {fd}<>"/dev/tcp/127.0.0.1/${FLEET_API%% *}"; } 2>/dev/null; then
		"$LAB_PYTHON" -I -S "$LAB_ROOT/tests/lib/api.py" "$SOCKET" "$@"
		return
	fi
	printf '%s\0' "${FLEET_API#* }" $(($# + 1)) "$SOCKET" "$@" >&$fd
	read -r status <&$fd
	if [ $# = 1 ]; then cat <&$fd; else IFS= read -rd '' text <&$fd; fi
	exec {fd}>&-
	case $status in
	0 | 1) printf '%s' "$text" ;;
	*) printf '%s' "$text" >&2 ;;
	esac
	return $((${status:-2} > 0))
}
fleet_api() {
	(echo "$BASHPID" >"$LAB_CGROUPS/$LAB_NAME/agg/main.service/cgroup.procs" &&
		exec "$LAB_PYTHON" -I -S "$LAB_ROOT/tests/lib/api.py" --serve "$LAB/run/api.port" 9>&-) >>"$LAB/log/api.log" 2>&1 </dev/null &
	LAB_PID[api]=$!
	disown $!
	lab_wait 10 test -s "$LAB/run/api.port" && read -r FLEET_API <"$LAB/run/api.port"
}

fleet_class() { # node
	case $1 in
	n1 | r) echo "$FLEET_EAST/east-a" ;; n2) echo "$FLEET_EAST/east-b" ;; n3) echo "$FLEET_WEST/west-a" ;;
	esac
}

# Keys of all. Where tests run one after another, FLEET_KEYS is where the first leaves them for the others.
fleet_keys() {
	local node
	weirctl pki init --dir "$PKI" && weirctl pki server --dir "$PKI" --name aggregator --alt 192.0.2.1 &&
		weirctl pki approver --dir "$PKI" alice && weirctl pki approver --dir "$PKI" mallory || return
	for node in $FLEET_NODES; do
		weirctl pki node --dir "$PKI" "$node" && chown -R $FLEET_USER "$PKI/nodes/$node" &&
			chmod 711 "$PKI" "$PKI"/{ca,nodes,"nodes/$node"} || return
	done
	[ -z "${FLEET_KEYS:-}" ] && return
	cp -a "$PKI" "$FLEET_KEYS.$$" && mv -T "$FLEET_KEYS.$$" "$FLEET_KEYS" || rm -rf "$FLEET_KEYS.$$" # another was first
}
# Keys for all, and a first revision of the repository's own example without its flow policies.
fleet_new() {
	if [ -d "${FLEET_KEYS:-}" ]; then cp -a "$FLEET_KEYS" "$PKI"; else fleet_keys; fi || return
	mkdir -p "$HELD" && cp -r "$LAB_ROOT/policies" "$REPO" && mv "$REPO"/policies/*.yaml "$HELD"/ &&
		rm -rf "$REPO/approvals" && fleet_approvers && fleet_labels && fleet_aggregator_conf
} >>"$LAB/log/fleet.log" 2>&1

fleet_key() { cat "$PKI/approvers/$1.pub"; }

# The example trusts nobody; the lab's approver is put there.
fleet_approvers() {
	sed -i "s#approvers: \[\]#approvers: [\"$(fleet_key alice)\"]#" "$REPO/weir.yaml"
	grep -qF "$(fleet_key alice)" "$REPO/weir.yaml"
}

fleet_labels() {
	cat >"$LAB/labels.yaml" <<-YAML
		apiVersion: weir.dev/v1alpha1
		kind: Labels
		workloads:
		- match: "*payments.slice/checkout.service"
		  namespace: payments
		  labels: {team: payments, app: checkout}
		- match: "*payments.slice/backup.service"
		  namespace: payments
		  labels: {team: payments, app: backup}
		- match: "*analytics.slice/reports.service"
		  namespace: analytics
		  labels: {team: analytics, app: reports}
	YAML
}

fleet_aggregator_conf() {
	cat >"$LAB/aggregator.yaml" <<-YAML
		listen: {telemetry: "tls+tcp://192.0.2.1:7471", control: "tls+tcp://192.0.2.1:7472"}
		tls: {ca: $PKI/ca/cert.pem, cert: $PKI/server/cert.pem, key: $PKI/server/key.pem}
		nodes: {dir: $PKI/nodes}
		store: {path: $LAB/weir.db}
		policy: {dir: $REPO, poll: 200ms}
		http: {socket: $SOCKET}
		audit: {path: $LAB/audit.log}
	YAML
}

fleet_aggregator_start() {
	lab_alive api || fleet_api || return
	lab_bg aggregator agg main.service "$LAB_BIN/weir-aggregator" -c "$LAB/aggregator.yaml"
	lab_wait 10 api /api/v1/status || { tail -5 "$LAB/log/aggregator.log" >&2; return 1; }
}

fleet_agent_conf() { # node mode
	local node=$1 mode=$2 class address
	class=$(fleet_class "$node")
	case $node in n2) address=$N2_4 ;; *) address=$N1_4 ;; esac
	cat >"$LAB/$node.yaml" <<-YAML
		node: {name: $node, domain: "${class%/*}", class: "$class", address: $address}
		agent: {mode: $mode, established: ${ESTABLISHED:-cut}, state_dir: $LAB/state-$node, lease: ${LEASE:-0s},
		  user: "${AGENT_USER:-$FLEET_USER}"}
		server:
		  telemetry: "tls+tcp://192.0.2.1:7471"
		  control: "tls+tcp://192.0.2.1:7472"
		  name: aggregator
		tls:
		  ca: $PKI/ca/cert.pem
		  cert: $PKI/nodes/$node/cert.pem
		  key: $PKI/nodes/$node/key.pem
		identity: {key: $PKI/nodes/$node/node.key, labels: $LAB/labels.yaml}
		trust: {approvers: ["$(fleet_key alice)"], operators: [${OPERATORS:-}], threshold: 1, max_bundle: ${MAX_BUNDLE:-8MiB}}
		bpf:
		  cgroup_root: $LAB_CGROUPS/$LAB_NAME/$node
		  pin_dir: /sys/fs/bpf/$LAB_NAME/$node
		  interfaces: [${INTERFACES:-"eth*"}]
		  flow_rows: 4096
		  total_rows: 1024
		  workloads: 256
		  ${BPF_SIZES:-}
		window: {length: ${WINDOW:-1s}, detail: ${DETAIL:-service}, retire: ${RETIRE:-30s}}
		spool: {max: 16MiB, segment: 1MiB}
	YAML
}

# Starts, and returns when the programs are attached: from here on every byte counts.
declare -A FLEET_WRAP=() # of a node: a command that runs its agent
fleet_agent_start() { # node
	mkdir -p "$LAB/state-$1"
	# shellcheck disable=SC2086
	lab_bg "agent-$1" "$1" weir-agent.service ${FLEET_WRAP[$1]:-} "$LAB_BIN/weir-agent" -c "$LAB/$1.yaml"
	lab_wait 15 fleet_attached "$1" || { tail -5 "$LAB/log/agent-$1.log" >&2; return 1; }
}
fleet_attached() {
	lab_alive "agent-$1" && fleet_hooked "$1"
}
fleet_hooked() {
	bpftool cgroup tree "$LAB_CGROUPS/$LAB_NAME/$1" 2>/dev/null | grep -q egress
}
fleet_connected() { # node
	api /api/v1/agents "[a for a in d['items'] if a['node'] == '$1'][0]['connected']"
}
fleet_mode() { # node mode: the node says that it is in this mode
	api /api/v1/agents "[a for a in d['items'] if a['node'] == '$1'][0]['mode'] == '$2'"
}
fleet_up() { # mode node...
	local mode=$1 node
	shift
	fleet_aggregator_start || return
	for node; do
		fleet_agent_conf "$node" "$mode" && fleet_agent_start "$node" || return
	done
	for node; do
		lab_wait 15 fleet_connected "$node" || { echo "$node did not connect" >&2; return 1; }
	done
}

# What a commit and its approval are: files of the repository change, then an approver signs.
fleet_commit() { cp "$HELD"/*.yaml "$REPO/policies/"; }
fleet_revert() { rm -f "$REPO"/policies/*.yaml; }
fleet_sign() { # [approver]
	weirctl policy sign "$REPO" --key "$PKI/approvers/${1:-alice}.key" >>"$LAB/log/fleet.log" 2>&1
}
# The same for shadow alone: nodes evaluate it beside what is in force.
fleet_shadow() {
	weirctl policy sign "$REPO" --shadow --key "$PKI/approvers/alice.key" >>"$LAB/log/fleet.log" 2>&1
}
fleet_withdraw() { rm "$REPO/approvals/$1".*; } # serial
# The serial of the newest approval in the repository.
fleet_serial() { ls "$REPO/approvals" | sed -n 's/^\([0-9]*\)\.manifest$/\1/p' | sort -n | tail -1; }
fleet_applied() { # node serial
	api /api/v1/agents "[a for a in d['items'] if a['node'] == '$1'][0]['serial'] == $2"
}

# Bytes or nano-dollars charged since the lab began: fleet_cost bytes|nanos BY CONDITION-ON-c
fleet_cost() {
	api "/api/v1/cost?by=$2&from=$LAB_BEGAN&to=$(($(date +%s) + 60))" \
		"sum(c['$1'] for c in d['items'] if $3)"
}

# Waits until nothing more is charged to the teams: the same bytes for three windows of a second.
# The agents' own traffic never rests, and belongs to no team.
fleet_steady() {
	local last='' now since
	since=$(date +%s)
	for _ in $(seq 200); do
		now=$(fleet_cost bytes team "c['team']")
		[ "$now" = "$last" ] || since=$(date +%s)
		[ $(($(date +%s) - since)) -ge 3 ] && return 0
		last=$now
		sleep 0.2
	done
	return 1
}

# One term of a node's identity: fleet_term NODE IFACE ingress|egress TERM [bytes|packets]
fleet_term() {
	api /api/v1/agents "sum(t['${5:-bytes}'] for a in d['items'] if a['node'] == '$1' for t in a['identity'] \
if t['interface'] == '$2' and t['dir'] == '$3' and t['term'] == '$4')"
}

# Minutes, hours and days are made of all that is stored and over.
fleet_folded() { # store
	"$LAB_PYTHON" - "$1" <<-'PY'
		import sqlite3, sys
		db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
		for kind in ("flow", "ledger"):
		    for res, mark in (("10s", "_1m"), ("1m", "_1h"), ("1h", "")):
		        if db.execute(f"SELECT MAX(bucket)>(SELECT bucket FROM folded_{kind}{mark}) FROM {kind}_{res}").fetchone()[0]:
		            sys.exit(1)
	PY
}
