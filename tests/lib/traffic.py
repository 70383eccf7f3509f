#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traffic for the lab: a server, and clients that say what they moved.

traffic.py serve --port P                     TCP and UDP, IPv4 and IPv6
traffic.py tcp --to A --port P [--bytes N | --seconds S] [--down] [--close client|server]
               [--late S] [--connections N] [--parallel N] [--rate MBIT] [--timeout S]
traffic.py hold --to A --port P --bytes N --seconds S: sends, says "held", and closes S seconds later
traffic.py udp --to A --port P --size N --count N [--pps N] [--segment N]
traffic.py echo --to A --size N --count N     ICMP echo, one after the other; fails when an answer is missing
traffic.py bulk --to A --port P --connections N --seconds S [--congestion NAME] [--skip S]
traffic.py meter --dev D --seconds S [--skip S]

bulk keeps N connections busy and after S seconds prints "bytes=N segments=N retransmitted=N jain=J": what
TCP_INFO says of all from second `skip` on; then it resets them, so that nothing is left to send. SIGTERM
ends it sooner. meter prints "bytes=N seconds=S mbit=R": L3 bytes that an Ethernet interface received in the same time.

A TCP connection starts with one line: "<up|down> <bytes, 0 = until the client ends> <closer> <late>".
The one who does not close first waits `late` seconds before it closes too. The last line printed is
"bytes=N seconds=S mbit=R", payload as the receiver (TCP) or the sender (UDP) counted it.
"""
import argparse
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

BLOCK = b"w" * (256 << 10)


def read_line(sock):
    line = b""
    while not line.endswith(b"\n"):
        byte = sock.recv(1)
        if not byte:
            raise ConnectionError("closed inside the first line")
        line += byte
        if len(line) > 100:
            raise ConnectionError("the first line is too long")
    return line.decode()


def send_some(sock, total, seconds=0.0, mbit=0.0):
    """Sends total bytes, or for some seconds when total is 0; returns what was sent."""
    sent, began = 0, time.monotonic()
    while (sent < total) if total else (time.monotonic() - began < seconds):
        if mbit:
            ahead = sent * 8 / (mbit * 1e6) - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(min(ahead, 0.05))
                continue
        room = min(total - sent if total else len(BLOCK), len(BLOCK) if not mbit else 16384)
        sent += sock.send(BLOCK[:room])
    return sent


def recv_some(sock, total):
    """Receives total bytes, or until the end of the stream when total is 0."""
    got = 0
    while not total or got < total:
        data = sock.recv(min(total - got, 1 << 20) if total else 1 << 20)
        if not data:
            break
        got += len(data)
    return got


def part(sock, first, late):
    """Closes: at once, or `late` seconds after the other side did."""
    if not first:
        try:
            while sock.recv(65536):
                pass
        except OSError:
            pass
        time.sleep(late)
    sock.close()


def answer(sock):
    try:
        way, total, closer, late = read_line(sock).split()
        if way == "up":
            got = recv_some(sock, int(total))
            sock.sendall(b"%d\n" % got)
        else:
            send_some(sock, int(total))
        part(sock, closer == "server", float(late))
    except (OSError, ValueError) as error:
        print(f"server: {error}", file=sys.stderr, flush=True)
        sock.close()


def swallow(sock):
    while True:
        sock.recv(65536)


def serve(args):
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    udp.bind(("::", args.port))
    threading.Thread(target=swallow, args=(udp,), daemon=True).start()
    listener = socket.create_server(("::", args.port), family=socket.AF_INET6, dualstack_ipv6=True,
                                    backlog=1024)
    print("listening", flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=answer, args=(sock,), daemon=True).start()


def one_connection(args):
    sock = socket.create_connection((args.to, args.port), timeout=args.timeout)
    head = f"{'down' if args.down else 'up'} {args.bytes} {args.close} {args.late}\n"
    sock.sendall(head.encode())
    if args.down:
        moved = recv_some(sock, args.bytes)
        if moved != args.bytes:
            raise ConnectionError(f"{moved} of {args.bytes} bytes came")
    else:
        send_some(sock, args.bytes, args.seconds, args.rate)
        if not args.bytes:
            sock.shutdown(socket.SHUT_WR)
        moved = int(read_line(sock))
    part(sock, args.close == "client", args.late)
    return moved


def tcp(args):
    if args.parallel == 1:
        moved = 0
        for number in range(args.connections):
            if number:
                time.sleep(args.pause)
            moved += one_connection(args)
        return moved
    from concurrent.futures import ThreadPoolExecutor  # here: most have no use for it, and it is long to load
    with ThreadPoolExecutor(args.parallel) as pool:
        return sum(pool.map(one_connection, [args] * args.connections))


def hold(args):
    sock = socket.create_connection((args.to, args.port), timeout=args.timeout)
    sock.settimeout(None)
    sock.sendall(b"up 0 client 0\n")
    send_some(sock, args.bytes)
    print("held", flush=True)
    time.sleep(args.seconds)
    if args.reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        return args.bytes
    sock.shutdown(socket.SHUT_WR)
    moved = int(read_line(sock))
    sock.close()
    return moved


def udp(args):
    family = socket.AF_INET6 if ":" in args.to else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.connect((args.to, args.port))
    if args.segment:  # each datagram given to the kernel leaves as several of this payload
        sock.setsockopt(socket.SOL_UDP, 103, args.segment)
    data, began = b"w" * args.size, time.monotonic()
    for number in range(args.count):
        ahead = number / args.pps - (time.monotonic() - began) if args.pps else 0
        if ahead > 0:
            time.sleep(ahead)
        sock.send(data)
    return args.size * args.count


def tcp_info(sock):
    """Bytes acknowledged, segments sent, segments sent again (struct tcp_info of linux/tcp.h)."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return (struct.unpack_from("Q", info, 120)[0], struct.unpack_from("I", info, 136)[0],
            struct.unpack_from("I", info, 100)[0])


def jain(shares):
    return sum(shares) ** 2 / (len(shares) * sum(s * s for s in shares) or 1)


def busy(socks, until):
    """Keeps every socket's send buffer full."""
    poll = select.poll()
    by_fd = {s.fileno(): s for s in socks}
    for fd in by_fd:
        poll.register(fd, select.POLLOUT)
    while (left := until - time.monotonic()) > 0:
        for fd, _ in poll.poll(left * 1000):
            try:
                by_fd[fd].send(BLOCK)
            except BlockingIOError:
                pass


class Enough(Exception):
    """SIGTERM came."""


def enough(*_):
    raise Enough


def bulk(args):
    began, socks = time.monotonic(), []
    for _ in range(args.connections):
        sock = socket.create_connection((args.to, args.port), timeout=args.timeout)
        if args.congestion:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, args.congestion.encode())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(b"up 0 client 0\n")
        sock.setblocking(False)
        socks.append(sock)
    busy(socks, began + args.skip)
    before = [tcp_info(s) for s in socks]
    signal.signal(signal.SIGTERM, enough)
    try:
        busy(socks, began + args.skip + args.seconds)
    except Enough:
        pass
    moved = [[b - a for a, b in zip(x, tcp_info(s))] for x, s in zip(before, socks)]
    total = [sum(column) for column in zip(*moved)]
    print(f"bytes={total[0]} segments={total[1]} retransmitted={total[2]} "
          f"jain={jain([m[0] for m in moved]):.3f}", flush=True)


def received(dev):
    """L3 bytes: a link header of 14 bytes is not counted."""
    with open("/proc/net/dev", encoding="ascii") as table:
        for line in table:
            name, _, numbers = line.partition(":")
            if name.strip() == dev:
                fields = numbers.split()
                return int(fields[0]) - 14 * int(fields[1])
    raise OSError(f"no interface {dev}")


def meter(args):
    time.sleep(args.skip)
    first, began = received(args.dev), time.monotonic()
    time.sleep(args.seconds)
    last, seconds = received(args.dev), time.monotonic() - began
    print(f"bytes={last - first} seconds={seconds:.3f} mbit={(last - first) * 8 / seconds / 1e6:.3f}",
          flush=True)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data[:len(data) // 2 * 2])) + (data[-1] << 8 if len(data) % 2 else 0)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def echo(args):
    v6 = ":" in args.to
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW,
                         socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP)
    sock.settimeout(args.timeout)
    sock.connect((args.to, 0))
    for number in range(args.count):
        body = struct.pack(">HH", os.getpid() & 0xffff, number) + b"w" * args.size
        head = bytes([128 if v6 else 8, 0])
        sock.send(head + (b"\0\0" if v6 else struct.pack(">H", checksum(head + b"\0\0" + body))) + body)
        while True:
            got = sock.recv(65536)
            got = got if v6 else got[(got[0] & 15) * 4:]
            if got[0] == (129 if v6 else 0) and got[4:8] == body[:4]:
                break
    return args.size * args.count


def main():
    parser = argparse.ArgumentParser()
    modes = parser.add_subparsers(dest="mode", required=True)
    server = modes.add_parser("serve")
    server.add_argument("--port", type=int, required=True)
    pinger = modes.add_parser("echo")
    pinger.add_argument("--to", required=True)
    pinger.add_argument("--size", type=int, default=56)
    pinger.add_argument("--count", type=int, default=10)
    pinger.add_argument("--timeout", type=float, default=5)
    gauge = modes.add_parser("meter")
    gauge.add_argument("--dev", required=True)
    gauge.add_argument("--seconds", type=float, required=True)
    gauge.add_argument("--skip", type=float, default=0)
    for name in ("tcp", "hold", "udp", "bulk"):
        client = modes.add_parser(name)
        client.add_argument("--to", required=True)
        client.add_argument("--port", type=int, required=True)
        client.add_argument("--timeout", type=float, default=10)
        if name == "udp":
            client.add_argument("--size", type=int, default=1000)
            client.add_argument("--count", type=int, default=1000)
            client.add_argument("--pps", type=float, default=0)
            client.add_argument("--segment", type=int, default=0)
            continue
        if name == "bulk":
            client.add_argument("--connections", type=int, default=1)
            client.add_argument("--seconds", type=float, required=True)
            client.add_argument("--congestion")
            client.add_argument("--skip", type=float, default=0)
            continue
        client.add_argument("--bytes", type=int, default=0)
        client.add_argument("--seconds", type=float, default=0)
        if name == "hold":
            client.add_argument("--reset", action="store_true")
            continue
        client.add_argument("--rate", type=float, default=0)
        client.add_argument("--down", action="store_true")
        client.add_argument("--close", choices=("client", "server"), default="client")
        client.add_argument("--late", type=float, default=0)
        client.add_argument("--connections", type=int, default=1)
        client.add_argument("--pause", type=float, default=0)  # seconds between one connection and the next
        client.add_argument("--parallel", type=int, default=1)
    args = parser.parse_args()
    if args.mode == "serve":
        serve(args)
        return
    if args.mode == "meter":
        meter(args)
        return
    began = time.monotonic()
    try:
        if args.mode == "bulk":
            bulk(args)
            return
        moved = {"tcp": tcp, "hold": hold, "udp": udp, "echo": echo}[args.mode](args)
    except OSError as error:
        print(f"failed: {error}", flush=True)
        sys.exit(1)
    seconds = max(time.monotonic() - began, 1e-6)
    print(f"bytes={moved} seconds={seconds:.3f} mbit={moved * 8 / seconds / 1e6:.1f}", flush=True)


if __name__ == "__main__":
    main()
