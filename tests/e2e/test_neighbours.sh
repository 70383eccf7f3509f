#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs and rules of others at the same hooks decide the same under the real agent, whatever becomes
# of it: started, replaced by another build, killed, back, removed. (tests/unit/agent_neighbours.c has
# each hook in detail.)
. "$(dirname "$0")/../lib/e2e.sh"

WORK=payments.slice/checkout.service
NB=/sys/fs/bpf/$LAB_NAME/nb
GROUP=$LAB_CGROUPS/$LAB_NAME/n1
lab_up && fleet_new || broken "the lab comes up"
bpftool prog loadall build/gen/neighbours.bpf.o $NB &&
	bpftool cgroup attach "$GROUP" egress pinned $NB/nb_out_a multi &&
	lab_ns n1 tc qdisc add dev eth0 clsact &&
	lab_ns n1 tc filter add dev eth0 egress bpf direct-action object-pinned $NB/nb_tc_act &&
	lab_ns n1 nft 'table inet others { chain out { type filter hook output priority 0; udp dport 7010 drop; }; }' ||
	broken "others come first"
lab_bg echo inet main.service "$LAB_PYTHON" -uc '
import selectors, socket
ports = selectors.DefaultSelector()
for port in range(7000, 7016):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    ports.register(s, selectors.EVENT_READ)
print("listening")
while True:
    for key, _ in ports.select():
        data, who = key.fileobj.recvfrom(100)
        key.fileobj.sendto(data, who)'
lab_wait 10 grep -q listening "$LAB/log/echo.log" || broken "the echo server listens"
# The ports that answer; an answer to the free port 7000 comes last and after all others.
answering() {
	lab_in n1 $WORK "$LAB_PYTHON" -c '
import socket, sys
answers = []
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
for port in list(range(7001, 7016)) + [7000]:
    try:
        s.sendto(b"%d" % port, (sys.argv[1], port))
    except PermissionError:
        pass
while 7000 not in answers:
    answers.append(int(s.recv(100)))
print(*sorted(answers))' $INET4
}
order() { bpftool -j cgroup show "$GROUP" | "$LAB_PYTHON" -c '
import json, sys
print(*[p["name"] for p in json.load(sys.stdin) if p["name"].startswith("nb_")])'; }
ours() { bpftool -j cgroup show "$GROUP" | "$LAB_PYTHON" -c '
import json, sys
print(sum(p["name"] == "weir_egress" for p in json.load(sys.stdin)))'; }
stage() { # name number-of-ours
	equal "$1: the same ports answer" "$(answering)" "$want"
	equal "$1: others stand in their order" "$(order)" "$stand"
	equal "$1: programs of ours at the hook" "$(ours)" "$2"
}
want="7000 7001 7003 7004 7005 7006 7007 7011 7012 7013 7014 7015"
bpftool cgroup attach "$GROUP" egress pinned $NB/nb_out_b multi || broken "the late one can be attached"
bpftool cgroup detach "$GROUP" egress pinned $NB/nb_out_a
equal "one of them alone decides so" "$(answering)" "$want"
bpftool cgroup detach "$GROUP" egress pinned $NB/nb_out_b
bpftool cgroup attach "$GROUP" egress pinned $NB/nb_out_a multi

fleet_up enforce n1 || broken "the fleet comes up"
bpftool cgroup attach "$GROUP" egress pinned $NB/nb_out_b multi || broken "one that comes later can be attached"
want="7000 7003 7004 7005 7006 7007 7011 7012 7013 7014 7015" stand="nb_out_a nb_out_b"
stage "agent started" 1
lab_kill agent-n1
# Another build: the same but for its version.
"$LAB_PYTHON" -c 'import sys
sys.stdout.buffer.write(sys.stdin.buffer.read().replace(b"\0000.1.0\0", b"\0000.1.1\0"))' <"$LAB_BIN/weir-agent" >"$LAB/weir-agent"
chmod +x "$LAB/weir-agent"
LAB_BIN=$LAB fleet_agent_start n1 || broken "the other build starts"
version() { weirctl agents n1 | grep -q '^version  *0\.1\.1$'; }
expect "another build runs" lab_wait 10 version
stage "upgraded" 1
lab_kill agent-n1 KILL
stage "agent killed" 1
fleet_agent_start n1 || broken "the agent starts again"
stage "agent back" 1
lab_kill agent-n1
expect "detach succeeds" lab_in n1 weir-agent.service "$LAB_BIN/weir-agent" -c "$LAB/n1.yaml" --detach
alone() { [ "$(ours)" = 0 ]; }
lab_wait 5 alone
stage "detached" 0
equal "the filter of others is left" "$(lab_ns n1 tc filter show dev eth0 egress | grep -c nb_tc_act)" 1
finish
