#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A router as gateway: what it forwards is counted and enforced once, beside what it sends and receives
# itself, with address translation on; equal to the byte to the interface counters and to nftables.
. "$(dirname "$0")/../lib/e2e.sh"

LEGS="n1 n2 inet"
MB=1000000
INTERFACES='"n1", "n2", "inet"'
BPF_SIZES=$(printf 'hooks: [cgroup, observer, gateway]\n  inside: ["n?"]')
mkdir_cgroups() { mkdir -p "$LAB_CGROUPS/$LAB_NAME/r/"{weir-agent,main}.service; }
lab_up && mkdir_cgroups && lab_link r mgmt0 agg mgmt-r && lab_ns agg ip link set mgmt-r master mgmt &&
	lab_address r mgmt0 192.0.2.14/24 && lab_ns inet ip route add 10.7.0.0/16 via 198.18.0.1 ||
	broken "the router is a node too"
fleet_new || broken "the fleet gets its keys"
cat >>"$LAB/labels.yaml" <<-YAML
	- match: "gateway/*"
	  namespace: infra
	  labels: {app: gateway}
YAML
cat >"$HELD/forwarding.yaml" <<-YAML
	apiVersion: weir.dev/v1alpha1
	kind: FlowPolicy
	metadata: {name: forwarding}
	spec:
	  tier: admin
	  priority: 10
	  mode: enforce
	  subject: {labels: {app: gateway}}
	  egress:
	  - action: deny
	    to: [{cidr: 198.18.0.0/24}, {cidr: "2001:db8:99::/64"}]
	    ports: [{protocol: TCP, port: 5002}]
YAML
fleet_sign && fleet_up enforce r || broken "the gateway comes up"
# Truth: counters of the forward hook, which weir does not read.
lab_ns r nft -f - <<-NFT || broken "nftables counts"
	table inet truth {
	counter leave {}
	counter enter {}
	counter hairpin {}
	chain f { type filter hook forward priority 10;
	iifname {"n1", "n2"} oifname "inet" counter name leave
	iifname "inet" oifname {"n1", "n2"} counter name enter
	iifname {"n1", "n2"} oifname {"n1", "n2"} counter name hairpin; }; }
NFT
truth() { lab_ns r nft list counter inet truth "$1" | sed -n 's/.*bytes \([0-9]*\).*/\1/p'; }
lab_serve web inet main.service 5001
lab_serve denied inet main.service 5002
lab_serve peer n2 payments.slice/checkout.service 5001
lab_serve own r main.service 5001

wire() { echo $(($(lab_counter r "$1" "$2_bytes") - 14 * $(lab_counter r "$1" "$2_packets"))); }
dir_of() { case $1 in rx) echo ingress ;; tx) echo egress ;; esac; }
observed() { echo $(($(fleet_term r "$1" "$(dir_of "$2")" interface) + $(fleet_term r "$1" "$(dir_of "$2")" non_ip))); }
forwarded() { # direction: what the API says the gateway forwarded
	api "/api/v1/flows?since=600&limit=1000" \
		"sum(f['bytes'] for f in d['items'] if f['node'] == 'r' and f['dir'] == '$1' and 'gateway' in f['workload'] and f['verdict'] != 'deny')"
}
declare -A BASE=()
base() {
	local leg way
	for leg in $LEGS; do
		for way in rx tx; do BASE[$leg$way]=$(wire $leg $way) BASE[seen$leg$way]=$(observed $leg $way); done
	done
}
# Longer than a window: what the counters have, the observer has reported.
quiet() { local was; base && was="${BASE[*]}" && sleep 2.5 && base && [ "$was" = "${BASE[*]}" ]; }
lab_wait 20 quiet || broken "the gateway falls silent"
# What the observer and the counter say of each leg's ways since the beginning: GOT and TRUE, read anew
# until all agree, for now and then a packet passes between the one reading and the other.
declare -A GOT=() TRUE=()
all_exact() {
	local leg way same=0
	for leg in $LEGS; do
		for way in rx tx; do
			TRUE[$leg$way]=$(($(wire $leg $way) - BASE[$leg$way]))
			GOT[$leg$way]=$(($(observed $leg $way) - BASE[seen$leg$way]))
			[ "${GOT[$leg$way]}" = "${TRUE[$leg$way]}" ] || same=1
		done
	done
	return $same
}
explained() { # what is left unexplained at all legs
	local l w
	for l in $LEGS; do for w in ingress egress; do [ "$(fleet_term r "$l" $w unexplained)" = 0 ] || return 1; done; done
}
check_identity() { # claim
	local leg way
	lab_wait 15 all_exact
	lab_wait 10 explained
	for leg in $LEGS; do
		for way in rx tx; do
			equal "$1: $leg $way, observer = interface counter" "${GOT[$leg$way]}" "${TRUE[$leg$way]}"
			equal "$1: $leg $way, unexplained" "$(fleet_term r $leg "$(dir_of $way)" unexplained)" 0
		done
	done
}
equals_truth() { [ "$(forwarded egress)" = $(($(truth leave) + $(truth hairpin))) ] && [ "$(forwarded ingress)" = "$(truth enter)" ]; }
check_truth() { # claim
	lab_wait 15 equals_truth
	equal "$1: gateway egress = nftables out + hairpin" "$(forwarded egress)" $(($(truth leave) + $(truth hairpin)))
	equal "$1: gateway ingress = nftables in" "$(forwarded ingress)" "$(truth enter)"
}

# Forwarded out and in, both families, hairpin, the router's own, ICMP: all at once.
BACKUP=payments.slice/backup.service
together() {
	local job jobs=()
	lab_traffic n1 $BACKUP tcp --to $INET4 --port 5001 --bytes $((10 * MB)) & jobs+=($!)
	lab_traffic n1 $BACKUP tcp --to $INET6 --port 5001 --bytes $((10 * MB)) --down & jobs+=($!)
	lab_traffic n2 $BACKUP tcp --to $INET4 --port 5001 --bytes $((10 * MB)) --down & jobs+=($!)
	lab_traffic n2 $BACKUP udp --to $INET4 --port 5001 --size 1000 --count 2000 --pps 2000 & jobs+=($!)
	lab_traffic n1 $BACKUP tcp --to $N2_4 --port 5001 --bytes $((10 * MB)) & jobs+=($!)
	lab_traffic n1 $BACKUP tcp --to $N2_6 --port 5001 --bytes 1000 --connections 50 & jobs+=($!)
	lab_traffic r main.service tcp --to $INET4 --port 5001 --bytes $((5 * MB)) & jobs+=($!)
	lab_traffic r main.service tcp --to $N2_4 --port 5001 --bytes $((5 * MB)) --down & jobs+=($!)
	lab_traffic n1 $BACKUP tcp --to 10.7.1.1 --port 5001 --bytes $((5 * MB)) & jobs+=($!)
	lab_traffic n1 $BACKUP echo --to $INET4 --size 600 --count 50 & jobs+=($!)
	lab_traffic n1 $BACKUP echo --to $N2_6 --size 600 --count 50 & jobs+=($!)
	for job in "${jobs[@]}"; do wait "$job" || return 1; done
}
expect "forwarded, hairpin and own traffic flow at once" together
check_identity "at once"
check_truth "at once"
own() { api "/api/v1/flows?since=600&limit=1000" \
	"sum(f['bytes'] for f in d['items'] if f['node'] == 'r' and 'main.service' in f['workload'])"; }
within "the router's own traffic is its own" "$(own)" $((15 * MB)) $((18 * MB))
inside() { api "/api/v1/flows?since=600&limit=1000" \
	"sorted({f['local'] for f in d['items'] if f['node'] == 'r' and 'gateway' in f['workload'] and f['local']})"; }
equal "local is inside, before translation" "$(inside)" "['10.7.1.11', '10.7.2.11', 'fd07:1:1::11', 'fd07:1:2::11']"
expect "fragments pass the gateway" lab_traffic n1 $BACKUP udp --to $INET4 --port 5001 --size 4000 --count 500 --pps 1000
expect "fragments of IPv6 pass the gateway" lab_traffic n1 $BACKUP udp --to $N2_6 --port 5001 --size 4000 --count 500 --pps 1000
check_identity "fragments"

# Enforcement: what is forwarded is denied, the router's own is not; and it stays so without an agent.
lab_ns inet nft -f - <<-NFT
	table inet truth {
	counter denied {}
	chain i { type filter hook input priority 0; tcp dport 5002 counter name denied; }; }
NFT
arrived() { lab_ns inet nft list counter inet truth denied | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
fleet_commit && rm -f "$REPO"/policies/*reports* "$REPO"/policies/backups* && fleet_sign || broken "the commit is signed"
expect "the gateway applies the commit" lab_wait 15 fleet_applied r "$(fleet_serial)"
refused() { ! lab_traffic n1 $BACKUP tcp --to "$1" --port 5002 --bytes 1000 --timeout 1 | grep -q '^bytes='; }
expect "forwarded IPv4 is denied" refused $INET4
expect "forwarded IPv6 is denied" refused $INET6
expect "another port is forwarded" lab_traffic n1 $BACKUP tcp --to $INET4 --port 5001 --bytes 1000
lab_kill agent-r KILL
expect "agent dead: still denied" refused $INET4
equal "not one denied packet arrived" "$(arrived)" 0
expect "the router's own traffic is not the gateway's" lab_traffic r main.service tcp --to $INET4 --port 5002 --bytes 1000
fleet_agent_start r || broken "the agent starts again"
denies() { api "/api/v1/flows?since=600&limit=1000" \
	"sum(f['packets'] for f in d['items'] if f['node'] == 'r' and 'gateway' in f['workload'] and f['verdict'] == 'deny')"; }
enough() { [ "$(denies)" -ge 3 ]; }
lab_wait 10 enough
within "what was denied is counted, packets" "$(denies)" 3 100
check_identity "after denials and a killed agent"
finish
