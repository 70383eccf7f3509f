#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a node refuses: half-written, wrongly signed and older bundles; the running one stays in force.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service
BPF_SIZES="prefixes: 16" MAX_BUNDLE=16KiB
lab_up && fleet_new && fleet_sign && fleet_up enforce n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001
first=$(fleet_serial)
fleet_applied_first() { fleet_applied n1 "$first"; }
expect "the first revision is applied" lab_wait 15 fleet_applied_first
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
expect "older: refused by the node, by name" lab_wait 15 refused older
kept "older"
finish
