#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bad input is one line that names file, line and column, exit status 2, and nothing half-applied.
. "$(dirname "$0")/../lib/e2e.sh"

lab_up && fleet_new && fleet_sign || broken "the scene is set"
fleet_agent_conf n1 observe
# bad CLAIM PATTERN COMMAND...: exit 2 and exactly one line, which matches
bad() {
	local claim=$1 pattern=$2 said status
	shift 2
	said=$("$@" 2>&1)
	status=$?
	equal "$claim: exit status" $status 2
	equal "$claim: one line" "$(grep -c . <<<"$said")" 1
	if grep -qE "$pattern" <<<"$said"; then pass "$claim: says where"; else fail "$claim: says where" "$said"; fi
}
agent() { "$LAB_BIN/weir-agent" -n -c "$1"; }
aggregator() { "$LAB_BIN/weir-aggregator" -n -c "$1"; }
expect "the good agent configuration is good" agent "$LAB/n1.yaml"
expect "the good aggregator configuration is good" aggregator "$LAB/aggregator.yaml"
broken_copy() { # file sed-expression: prints the copy's name
	sed "$2" "$1" >"$LAB/broken-$(basename "$1")" && echo "$LAB/broken-$(basename "$1")"
}
bad "agent: unknown key" 'broken-n1.yaml:[0-9]+:[0-9]+' agent "$(broken_copy "$LAB/n1.yaml" 's/flow_rows/flow_rosw/')"
bad "agent: a mode that is none" 'broken-n1.yaml:[0-9]+:[0-9]+.*agent.mode' agent "$(broken_copy "$LAB/n1.yaml" 's/mode: observe/mode: obey/')"
bad "agent: a number out of bounds" 'broken-n1.yaml:[0-9]+:[0-9]+.*flow_rows' agent "$(broken_copy "$LAB/n1.yaml" 's/flow_rows: 4096/flow_rows: 7/')"
bad "agent: not YAML" 'broken-n1.yaml:[0-9]+:[0-9]+' agent "$(broken_copy "$LAB/n1.yaml" 's/^tls:/tls: [/')"
bad "agent: no such file" 'nowhere.yaml' agent "$LAB/nowhere.yaml"
bad "aggregator: unknown section" 'broken-aggregator.yaml:[0-9]+:[0-9]+' aggregator "$(broken_copy "$LAB/aggregator.yaml" 's/^audit:/adit:/')"
bad "aggregator: a duration without unit" 'broken-aggregator.yaml:[0-9]+:[0-9]+' aggregator "$(broken_copy "$LAB/aggregator.yaml" 's/200ms/200/')"

# The policy repository: policy, topology, price book, settings.
expect "the good repository is clean" weirctl policy lint "$REPO"
spoil() { # claim file sed-expression
	rm -rf "$LAB/spoilt" && cp -r "$REPO" "$LAB/spoilt" && cp "$HELD"/*.yaml "$LAB/spoilt/policies/"
	sed -i "$3" "$LAB/spoilt/$2"
	if cmp -s "$LAB/spoilt/$2" "$LAB_ROOT/policies/$2"; then fail "$1: the test spoils something" "$2"; fi
	bad "$1" "[^ ]+\.yaml:[0-9]+:[0-9]+" weirctl policy lint "$LAB/spoilt"
}
spoil "policy: unknown field" "policies/backups-stay-off-the-internet.yaml" 's/priority:/prority:/'
spoil "policy: a rate without unit" "policies/reports-capped.yaml" 's/50Mbit/50/'
spoil "policy: a path that is none" "policies/backups-stay-off-the-internet.yaml" 's/path: *internet/path: intranet/'
spoil "weir.yaml: unknown field" weir.yaml 's/^kind:/knid:/'
spoil "topology: a prefix that is none" topology/vpc-east.yaml '/prefixes:/s/10\.7\./10.777./'
spoil "prices: a price that is none" prices/aws-us-east-1.yaml '0,/price: "0.01"/s//price: "0.0x"/'

# A bad revision does not take the good one's place.
fleet_up enforce n1 || broken "the fleet comes up"
expect "the good revision is applied" lab_wait 15 fleet_applied n1 "$(fleet_serial)"
echo 'nonsense: [' >"$REPO/policies/nonsense.yaml"
bad "a revision that does not parse" 'nonsense.yaml:[0-9]+' weirctl policy sign "$REPO" --key "$PKI/approvers/alice.key"
expect "the last good revision stays" fleet_applied n1 "$(fleet_serial)"
finish
