#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a node of ten workloads does: 100 conversations in each window of 2 s, hence 200 rows.

node_traffic.py node CGROUP...     as these workloads: each answers on a port of its own, and asks peers
node_traffic.py peers ADDRESS N    as all of 10.40.0.0/16: answers, and asks the N workloads at ADDRESS

Each side begins half of the conversations: of the 50 in a window, 45 were there in the window before. How often one
asks is lognormal over conversations (median 2 a window) and Poisson in time; requests and answers are lognormal in
size (medians 600 and 3,000 bytes over conversations, with a spread within each). One in eight is UDP.
"""
import math
import random
import selectors
import socket
import struct
import sys
import time

PORT, WINDOW, ACTIVE, LEAVE, POOL = 8440, 2.0, 50, 5, 400
HEAD = struct.Struct(">II")  # bytes that follow, bytes wanted in answer
SELECTOR = selectors.DefaultSelector()


def enter(cgroup):
    """A socket belongs to the cgroup of whom makes it."""
    if cgroup:
        with open(cgroup + "/cgroup.procs", "w", encoding="ascii") as procs:
            procs.write("0")


class Talk:
    """One conversation; its socket is opened when it first asks."""

    def __init__(self, rng, number, to, source, cgroup):
        self.to, self.source, self.cgroup, self.sock = to, source, cgroup, None
        self.kind = socket.SOCK_DGRAM if number % 8 == 0 else socket.SOCK_STREAM
        self.asks = rng.lognormvariate(math.log(2), 1)
        self.sizes = rng.lognormvariate(math.log(600), 0.7), rng.lognormvariate(math.log(3000), 0.9)

    def times(self, rng):
        """When it asks within a window; at least once."""
        at, out = 0.0, []
        while True:
            at += rng.expovariate(self.asks / WINDOW)
            if at >= WINDOW:
                return out or [rng.random() * WINDOW]
            out.append(at)

    def ask(self, rng):
        if not self.sock:
            enter(self.cgroup)
            self.sock = socket.socket(socket.AF_INET, self.kind)
            if self.source:
                self.sock.bind((self.source, 0))
            self.sock.connect(self.to)
            SELECTOR.register(self.sock, selectors.EVENT_READ, drain)
        size, want = (int(s * rng.lognormvariate(0, 0.3)) for s in self.sizes)
        if self.kind == socket.SOCK_DGRAM:
            size, want = min(size, 1200), min(want, 1200)
        self.sock.send(HEAD.pack(size, want) + b"q" * size)


def drain(sock):
    if not sock.recv(1 << 18):
        SELECTOR.unregister(sock)


def accept(listener):
    sock, _ = listener.accept()
    kept = bytearray()

    def answer(conn):
        data = conn.recv(1 << 18)
        kept.extend(data)
        while len(kept) >= HEAD.size and len(kept) >= HEAD.size + HEAD.unpack_from(kept)[0]:
            size, want = HEAD.unpack_from(kept)
            del kept[:HEAD.size + size]
            conn.sendall(b"a" * want)
        if not data:
            SELECTOR.unregister(conn)
            conn.close()

    SELECTOR.register(sock, selectors.EVENT_READ, answer)


def answer_datagram(sock):
    data, peer = sock.recvfrom(65536)
    sock.sendto(b"a" * HEAD.unpack_from(data)[1], peer)


def listen(port):
    SELECTOR.register(socket.create_server(("", port), backlog=512), selectors.EVENT_READ, accept)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("", port))
    SELECTOR.register(datagrams, selectors.EVENT_READ, answer_datagram)


def address(rng):
    return f"10.40.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def run(rng, pool):
    """Windows begin where the agent's do."""
    active = pool[:ACTIVE]
    rest = pool[ACTIVE:]
    begin = math.ceil(time.time() / WINDOW) * WINDOW
    while True:
        due = sorted(((begin + at, n) for n, talk in enumerate(active) for at in talk.times(rng)), reverse=True)
        while due or time.time() < begin + WINDOW:
            wait = (due[-1][0] if due else begin + WINDOW) - time.time()
            for key, _ in SELECTOR.select(max(wait, 0)):
                key.data(key.fileobj)
            if due and due[-1][0] <= time.time():
                active[due.pop()[1]].ask(rng)
        begin += WINDOW
        for n in rng.sample(range(ACTIVE), LEAVE):
            rest.append(active[n])
            active[n] = rest.pop(rng.randrange(len(rest) - 1))


def main():
    rng = random.Random(sys.argv[1])
    if sys.argv[1] == "node":
        groups = sys.argv[2:]
        for number, group in enumerate(groups):
            enter(group)
            listen(PORT + number)
        pool = [Talk(rng, n, (address(rng), PORT), None, rng.choice(groups)) for n in range(POOL)]
    else:
        listen(PORT)
        pool = [Talk(rng, n, (sys.argv[2], PORT + rng.randrange(int(sys.argv[3]))), address(rng), None)
                for n in range(POOL)]
    print("listening", flush=True)
    run(rng, pool)


if __name__ == "__main__":
    main()
