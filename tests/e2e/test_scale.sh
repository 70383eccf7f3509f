#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From a commit with a long list of prefixes to verdicts on a node, and a change of one prefix after it.
# 100,000 prefixes of both families and 1,000 rules; WEIR_LONG: 1,000,000 and 10,000.
. "$(dirname "$0")/../lib/e2e.sh"

BACKUP=payments.slice/backup.service
COUNT=${WEIR_LONG:+1000000} RULES=${WEIR_LONG:+10000}
COUNT=${COUNT:-100000} RULES=${RULES:-1000}
BPF_SIZES="$(printf 'prefixes: 1048576\n  decisions: 524288')" MAX_BUNDLE=32MiB
# The sanitized programs are for what can go wrong; how fast and how large is the real ones' to say.
[ -z "${WEIR_LONG:-}" ] || LAB_BIN=$PWD/build

# Two thirds IPv4 /28s below 20.0.0.0/6, the others IPv6 /52s.
prefixes() {
	awk -v n="$COUNT" 'BEGIN {
		for (i = 0; i < n; i++) {
			x = i * 16 * 3
			if (i % 3)
				printf "%d.%d.%d.%d/28\n", 20 + int(x / 16777216), int(x / 65536) % 256, int(x / 256) % 256, x % 256
			else
				printf "2001:db%x:%x:%x000::/52\n", int(i / 1048576), int(i / 16) % 65536, i % 16
		}
	}'
}
rules() {
	local p
	for p in $(seq 0 $((RULES / 100 - 1))); do
		awk -v p="$p" 'BEGIN {
			printf "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: many-%d}\nspec:\n", p
			printf "  tier: admin\n  priority: %d\n  subject: {labels: {app: backup}}\n  egress:\n", 1000 + p
			for (i = 0; i < 100; i++)
				printf "  - {action: %s, to: [{cidr: 100.%d.%d.0/24}], ports: [{protocol: UDP, port: %d}]}\n", \
					i % 2 ? "deny" : "accept", p, i, 1000 + i
		}' >"$REPO/policies/many-$p.yaml"
	done
}

lab_up && fleet_new && fleet_sign && fleet_up enforce n1 || broken "the fleet comes up"
lab_serve web inet main.service 5001
backup() { lab_traffic n1 $BACKUP tcp --to "$1" --port 5001 --bytes 1000 --timeout 2; }
denied() { ! backup "$1" 2>&1 | grep -q '^bytes='; }
expect "before the commit backup reaches the internet" backup "$INET4"
mkdir -p "$REPO/lists"
{ echo "# who is not to be spoken to" && prefixes && echo "$INET4" && echo "$INET6"; } >"$REPO/lists/blocked.txt"
rules
cat >"$REPO/policies/blocked.yaml" <<-YAML
	apiVersion: weir.dev/v1alpha1
	kind: FlowPolicy
	metadata: {name: blocked}
	spec:
	  tier: admin
	  priority: 10
	  subject: {labels: {app: backup}}
	  egress:
	  - action: deny
	    to: [{list: blocked}]
YAML
began=$(date +%s%N)
fleet_sign || broken "the commit is signed"
echo "# compiled and signed in $((($(date +%s%N) - began) / 1000000)) ms"
expect "n1 applies $COUNT prefixes under $RULES rules" lab_wait 120 fleet_applied n1 "$(fleet_serial)"
echo "# applied $((($(date +%s%N) - began) / 1000000)) ms after the commit, agent of $(ps -o rss= -p "${LAB_PID[agent-n1]}") KiB, aggregator of $(ps -o rss= -p "${LAB_PID[aggregator]}") KiB"
expect "a listed peer is denied over IPv4" denied "$INET4"
expect "a listed peer is denied over IPv6" denied "$INET6"
expect "another workload reaches it" lab_traffic n1 payments.slice/checkout.service tcp --to "$INET4" --port 5001 --bytes 1000

# One prefix less.
sed -i "/^$INET4\$/d" "$REPO/lists/blocked.txt"
fleet_sign || broken "the change is signed"
expect "n1 applies the change" lab_wait 120 fleet_applied n1 "$(fleet_serial)"
expect "the peer that left the list is reached" backup "$INET4"
expect "the other one is still denied" denied "$INET6"

# A restarted agent takes it up from its disk and from the kernel.
lab_kill agent-n1 KILL
fleet_agent_start n1 || broken "the agent starts again"
expect "agent back: the serial is still reported" lab_wait 60 fleet_applied n1 "$(fleet_serial)"
expect "agent back: still denied" denied "$INET6"
echo 10.0.0.1/8 >>"$REPO/lists/blocked.txt"
said=$(weirctl policy lint "$REPO" 2>&1)
equal "a line that is no prefix: exit status" $? 2
equal "it is named" "$(grep -c "lists/blocked.txt:$((COUNT + 3)):1 '10.0.0.1/8'" <<<"$said")" 1
finish
