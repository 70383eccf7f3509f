#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers that an aggregator would rather not have: bad_peers.py --pki DIR --to A --port P --seconds S [--seed N]

They have the certificate of node n2. HELD of each waiting kind stand at once and say nothing more: `silent` (no byte),
`half` (half a ClientHello), `known` (a whole handshake), `tail` (a byte of a long message each second) and `deaf`
(asks on, and never reads what it is answered). Meanwhile others come and leave, at each step of the way, with FIN and
with RST, and some speak nonsense. The last line is "held=N left=N": how many stood, how many came and left.
"""
import argparse
import random
import select
import socket
import ssl
import struct
import sys
import time

HELD = {"silent": 100, "half": 100, "known": 20, "tail": 20, "deaf": 4}
GREETING = b"\0SP\0\0\x30\0\0"
LEAVE = ["hello", "half", "finished", "greeting", "length"]
NONSENSE = [b"\0SP\0\0\x10\0\0", b"GET / HTTP/1.0\r\n\r\n", GREETING + struct.pack(">Q", 1 << 40), GREETING + struct.pack(">Q", 0),
            GREETING + struct.pack(">QI", 4, 0), GREETING + struct.pack(">QI", 12, 1 << 31) + b"\xff" * 8]


class Peer:
    def __init__(self, args, ctx):
        self.sock = socket.create_connection((args.to, args.port), timeout=3)
        self.inside, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = ctx.wrap_bio(self.inside, self.out, server_hostname="aggregator")

    def flush(self, part=1.0):
        data = self.out.read()
        self.sock.sendall(data[:int(len(data) * part)])

    def hello(self, part=1.0):
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.flush(part)

    def handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                self.flush()
                return
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionError("refused") from None
                self.inside.write(data)

    def say(self, data):
        self.tls.write(data)
        self.flush()

    def leave(self, reset):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def hold(args, ctx, kind):
    peer = Peer(args, ctx)
    if kind == "half":
        peer.hello(0.5)
    elif kind != "silent":
        peer.handshake()
        peer.say(GREETING)
    if kind == "tail":
        peer.say(struct.pack(">QI", 100000, 1 << 31))
    return peer


def go_on(peer, kind):
    """A word more of one that is held; False when its end has come."""
    peer.sock.setblocking(False)
    try:
        if kind == "tail":
            peer.say(b"x")
        elif kind == "deaf":
            for i in range(50):
                peer.say(struct.pack(">QI", 12, 1 << 31 | i) + b"\xff" * 8)
        elif select.select([peer.sock], [], [], 0)[0] and not peer.sock.recv(65536):
            return False
        return True
    except BlockingIOError:
        return True
    except OSError:
        return False


def come_and_leave(args, ctx, rng):
    peer = Peer(args, ctx)
    try:
        step = rng.choice(LEAVE + ["nonsense"])
        if step in ("hello", "half"):
            peer.hello(0.5 if step == "half" else 1.0)
        else:
            peer.handshake()
        if step in ("greeting", "length"):
            peer.say(GREETING)
        if step == "length":
            peer.say(struct.pack(">Q", 5000))
        if step == "nonsense":
            peer.say(rng.choice(NONSENSE))
        time.sleep(rng.choice([0, 0, 0.01]))
    except (OSError, ssl.SSLError):
        pass
    peer.leave(rng.random() < 0.5)


def main():
    p = argparse.ArgumentParser(allow_abbrev=False)
    p.add_argument("--pki", required=True)
    p.add_argument("--to", required=True)
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--seconds", type=float, required=True)
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    rng = random.Random(args.seed)
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(args.pki + "/ca/cert.pem")
    ctx.load_cert_chain(args.pki + "/nodes/n2/cert.pem", args.pki + "/nodes/n2/key.pem")
    end, spoke, left = time.monotonic() + args.seconds, 0, 0
    held = [(hold(args, ctx, kind), kind) for kind, n in HELD.items() for _ in range(n)]
    stood = len(held)
    print("standing", flush=True)
    while time.monotonic() < end:
        come_and_leave(args, ctx, rng)
        left += 1
        if time.monotonic() > spoke + 1:
            spoke = time.monotonic()
            held = [(peer, kind) for peer, kind in held if go_on(peer, kind)]
    print(f"held={stood} left={left}")


if __name__ == "__main__":
    sys.exit(main())
