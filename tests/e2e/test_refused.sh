#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a node refuses, by name, of an aggregator and of one that lies: the running bundle stays in force, and
# does so when the node's state directory goes back in time.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service
BPF_SIZES="prefixes: 16" MAX_BUNDLE=16KiB
lab_up && fleet_new && fleet_sign && fleet_up enforce n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001
first=$(fleet_serial)
fleet_applied_first() { fleet_applied n1 "$first"; }
expect "the first revision is applied" lab_wait 15 fleet_applied_first
confirmed() { grep -q "bundle $1 is confirmed" "$LAB/log/agent-n1.log"; } # serial
expect "and confirmed" lab_wait 10 confirmed "$first"
cp -a "$LAB/state-n1" "$LAB/state-then"
fleet_commit
fleet_sign || broken "the commit is signed"
good=$(fleet_serial)
expect "the commit is applied" lab_wait 15 fleet_applied n1 "$good"
denied() { ! lab_traffic n1 $BACKUP tcp --to $INET4 --port 5001 --bytes 1000 --timeout 2 | grep -q '^bytes='; }
expect "backup is denied" denied
refused() { api /api/v1/agents "[a['refused_reason'] for a in d['items'] if a['node'] == 'n1'][0] == '$1'"; }
kept() { # claim
	expect "$1: the running bundle is kept" fleet_applied n1 "$good"
	expect "$1: it is still enforced" denied
}

# Half-written: the files of an approval appear, torn. It is signed elsewhere, as the aggregator looks
# at its repository at any time.
cp -r "$REPO" "$LAB/backup"
cp -r "$REPO" "$LAB/undo"
undo() { local REPO=$LAB/undo; fleet_revert && fleet_sign && fleet_serial; }
torn=$(undo) || broken "the undo is signed"
cp "$LAB/undo/approvals/$torn".* "$REPO/approvals/"
lab_pass 2
expect "an approval without its content is not applied" fleet_applied n1 "$good"
head -c 40 "$LAB/undo/approvals/$torn.manifest" >"$REPO/approvals/$torn.manifest"
fleet_revert
lab_pass 3
kept "half-written approval"

# Signed by someone whom the aggregator's repository trusts and the node does not.
rm -rf "$REPO/approvals/$torn".*
sed -i "s#$(fleet_key alice)#$(fleet_key mallory)#" "$REPO/weir.yaml"
fleet_sign mallory || broken "mallory signs"
expect "wrongly signed: refused by the node, by name" lab_wait 15 refused unsigned
kept "wrongly signed"

# Too large for this node's kernel tables (its configuration says 16 prefixes), validly signed.
sed -i "s#$(fleet_key mallory)#$(fleet_key alice)#" "$REPO/weir.yaml"
sed -i '/^  ranges:/r /dev/stdin' "$REPO/topology/aws-services.yaml" <<-YAML
	$(for i in $(seq 40); do printf '  - {prefix: 54.240.%d.0/24, service: aws/s3, region: us-east-1}\n' $((i * 2)); done)
YAML
fleet_commit
fleet_sign || broken "alice signs a large revision"
expect "too large: refused by the node, by name" lab_wait 15 refused tables
kept "too large"

# Oversized: more bytes than this node takes, validly signed.
sed -i '/^  ranges:/r /dev/stdin' "$REPO/topology/aws-services.yaml" <<-YAML
	$(for i in $(seq 4000); do printf '  - {prefix: 55.%d.%d.0/24, service: aws/s3, region: us-east-1}\n' $((i / 100)) $((i % 100 * 2)); done)
YAML
fleet_sign || broken "alice signs an oversized revision"
expect "oversized: refused by the node, by name" lab_wait 15 refused oversized
kept "oversized"

# Older: the whole repository goes back to the first revision, validly signed.
lab_kill aggregator
rm -rf "$REPO" && cp -r "$LAB/backup" "$REPO"
fleet_revert
for file in "$REPO"/approvals/*; do
	case $(basename "$file") in "$first".*) ;; *) rm "$file" ;; esac
done
fleet_aggregator_start || broken "the aggregator starts again"
expect "replayed: refused by the node, by name" lab_wait 15 refused replayed
kept "replayed"
equal "and the audit log has it" "$(api "/api/v1/audit?limit=1000" "sum(e['event'] == 'refused' and \
e['fields'].get('reason') == 'replayed' and e['fields'].get('serial') == '$first' for e in d['items'])")" 1
equal "and what is shown of the node" "$(weirctl agents n1 | grep -c '^refused because  *replayed$')" 1

# An aggregator that lies, with an approver's key. The agent stays the same process throughout.
lab_kill aggregator
lie() { # serial kind
	lab_in agg main.service "$LAB_BIN/tools/hostile" tls+tcp://192.0.2.1:7472 "$PKI" "$REPO" \
		"$PKI/approvers/alice.key" "$(fleet_class n1)" "$1" "$2" 2>>"$LAB/log/hostile.log"
}
lied() { # kind reason [serial]
	equal "$1: refused by the node, by name" "$(lie "${3:-$((good + 5))}" "$1")" "refused $2, $good in force"
	expect "$1: the running bundle is still enforced" denied
}
lied unsigned unsigned
lied tampered tampered
lied edited tampered
lied expired expired
lied mixed mixed
lied wrong-class wrong-class
lied key-epoch future-key-epoch
lied plain older 1

# The state directory of the time when an older revision was in force.
lab_kill agent-n1
cp -a "$LAB/state-n1" "$LAB/state-now"
rm -rf "$LAB/state-n1/bundle" && cp -a "$LAB/state-then/bundle" "$LAB/state-n1/bundle"
fleet_agent_start n1 || broken "the agent starts again"
equal "replayed after a restored state directory: refused" "$(lie 0 "stored:$LAB/state-then/bundle/current")" \
	"refused replayed, 0 in force"
expect "replayed after a restored state directory: what the kernel has is still enforced" denied
equal "the bundle that was in force comes again" "$(lie 0 "stored:$LAB/state-now/bundle/current")" taken
expect "and is enforced" denied
finish
