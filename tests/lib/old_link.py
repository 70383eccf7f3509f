#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A link over which each side sees a peer of the wire before summaries were deflated.

old_link.py LISTEN:PORT TO:PORT CA NODE-CERT NODE-KEY SERVER-CERT SERVER-KEY [WIRE]

It ends TLS on both sides. What the older protocol does not have is taken out of the aggregator's replies, as one that was
built from it would not have said it; an agent must then ask for nothing that the older protocol lacks (what a summary
says besides is passed over there). With WIRE, hellos carry that wire version. On SIGTERM it prints
"summaries=N foreign=N": requests with a summary, and those that an older aggregator does not know.
"""
import signal
import socket
import ssl
import struct
import sys
import threading

from odd_link import HANDSHAKE, address, close, exactly

REQUEST = set(range(1, 6))
HELLO_BODY, SUMMARY_BODY, WELCOME_BODY = 2, 4, 3  # of Request, Request, Reply
WELCOME_NEW = {6, 7}
DONE = {"summaries": 0, "foreign": 0}


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def as_varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def fields(data):
    """(number, the field's bytes, what a field with a length holds) of a message."""
    at = 0
    while at < len(data):
        begin, content = at, b""
        tag, at = varint(data, at)
        if tag & 7 == 0:
            _, at = varint(data, at)
        elif tag & 7 == 2:
            size, at = varint(data, at)
            content, at = data[at:at + size], at + size
        else:
            at += 8 if tag & 7 == 1 else 4
        yield tag >> 3, data[begin:at], content


def with_body(number, content):
    return as_varint(number << 3 | 2) + as_varint(len(content)) + content


def request(message, wire):
    out = b""
    for number, raw, content in fields(message):
        DONE["summaries"] += number == SUMMARY_BODY
        if number == HELLO_BODY and wire:
            raw = with_body(number, b"\x08" + as_varint(wire) + b"".join(r for n, r, _ in fields(content) if n != 1))
        DONE["foreign"] += number not in REQUEST
        out += raw
    return out


def reply(message, _):
    return b"".join(
        with_body(n, b"".join(r for k, r, _ in fields(content) if k not in WELCOME_NEW)) if n == WELCOME_BODY else raw
        for n, raw, content in fields(message))


def forward(source, to, change, wire):
    """Messages of nng: 8 bytes of length, 4 that name the request, then ours."""
    try:
        to.sendall(exactly(source, HANDSHAKE))
        while True:
            message = exactly(source, struct.unpack(">Q", exactly(source, 8))[0])
            message = message[:4] + change(message[4:], wire)
            to.sendall(struct.pack(">Q", len(message)) + message)
    except OSError:
        pass
    close(source, to)


def serve(client, to, inside, wire):
    try:
        server = inside.wrap_socket(socket.create_connection(to, timeout=10))
        server.settimeout(None)
    except OSError:
        close(client)
        return
    threading.Thread(target=forward, args=(client, server, request, wire), daemon=True).start()
    forward(server, client, reply, wire)


def stop(*_):
    print(" ".join(f"{what}={n}" for what, n in DONE.items()), flush=True)
    sys.exit(0)


def main():
    listen, to, ca, cert, key, server_cert, server_key = sys.argv[1:8]
    wire = int(sys.argv[8]) if len(sys.argv) > 8 else 0
    signal.signal(signal.SIGTERM, stop)
    outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    outside.maximum_version = ssl.TLSVersion.TLSv1_2  # as in odd_link: two threads share a connection
    outside.load_cert_chain(server_cert, server_key)
    inside = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    inside.maximum_version = ssl.TLSVersion.TLSv1_2
    inside.check_hostname = False
    inside.load_cert_chain(cert, key)
    with socket.create_server(address(listen)) as door:
        print("listening", flush=True)
        while True:
            try:
                client = outside.wrap_socket(door.accept()[0], server_side=True)
            except OSError:
                continue
            threading.Thread(target=serve, args=(client, address(to), inside, wire), daemon=True).start()


if __name__ == "__main__":
    main()
