#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A link between agents and aggregator that treats replies badly.

odd_link.py LISTEN:PORT TO:PORT CA NODE-CERT NODE-KEY SERVER-CERT SERVER-KEY

It ends TLS on both sides, so that it sees nng's messages (8 bytes of length, then the message). Of what the
aggregator answers, in turn: one passes, one comes twice, one comes late, one comes again after the next one, and
one is lost with its connection. After each it prints "pass=N twice=N late=N again=N lost=N".
"""
import itertools
import socket
import ssl
import struct
import sys
import threading
import time

DONE = dict.fromkeys(("pass", "twice", "late", "again", "lost"), 0)
TURN = itertools.cycle(DONE)
LOCK = threading.Lock()
HANDSHAKE = 8  # bytes that each side says first


def exactly(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def close(*socks):
    for sock in socks:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        sock.close()


def forward(source, to):
    """Requests pass as they are."""
    try:
        while data := source.recv(65536):
            to.sendall(data)
    except OSError:
        pass
    close(source, to)


def answer(source, to):
    """Replies do not. The first ones open the session."""
    kept = b""
    try:
        to.sendall(exactly(source, HANDSHAKE))
        for number in itertools.count():
            head = exactly(source, 8)
            message = head + exactly(source, struct.unpack(">Q", head)[0])
            with LOCK:
                what = next(TURN) if number > 1 else "pass"
                DONE[what] += 1
                print(" ".join(f"{kind}={n}" for kind, n in DONE.items()), flush=True)
            if what == "lost":
                break
            if what == "late":
                time.sleep(1)
            to.sendall(kept + message if what != "twice" else message + message)
            kept = message if what == "again" else b""
    except OSError:
        pass
    close(source, to)


def serve(client, to, ca, cert, key):
    inside = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    inside.check_hostname = False
    inside.maximum_version = ssl.TLSVersion.TLSv1_2  # two threads share a connection here: 1.3 does not bear it
    inside.load_cert_chain(cert, key)
    try:
        server = inside.wrap_socket(socket.create_connection(to, timeout=10))
        server.settimeout(None)
        threading.Thread(target=forward, args=(client, server), daemon=True).start()
        answer(server, client)
    except OSError:
        close(client)


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def main():
    listen, to, ca, cert, key, server_cert, server_key = sys.argv[1:]
    outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    outside.maximum_version = ssl.TLSVersion.TLSv1_2
    outside.load_cert_chain(server_cert, server_key)
    with socket.create_server(address(listen)) as door:
        print("listening", flush=True)
        while True:
            try:
                client = outside.wrap_socket(door.accept()[0], server_side=True)
            except OSError:
                continue
            threading.Thread(target=serve, args=(client, address(to), ca, cert, key), daemon=True).start()


if __name__ == "__main__":
    main()
