#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the aggregator over its Unix socket: api.py SOCKET PATH [EXPRESSION].

The answer is `d` in the Python expression, whose value is printed; without one the JSON is printed.
Exit 1 when there is no answer, or when the expression is false or fails (a field that is missing).
Tests ask all the time, so it imports little: HTTP/1.0 over a plain socket is enough.
"""
import json
import socket
import sys


def ask(path, what):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        sock.connect(path)
        sock.sendall(f"GET {what.replace(' ', '%20')} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        parts = []
        while part := sock.recv(1 << 16):
            parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    return head.split(b" ", 2)[1:2], body.decode()


def main():
    status, text = ask(sys.argv[1], sys.argv[2])
    if status != [b"200"]:
        raise ValueError(f"{status}: {text.strip()}")
    if len(sys.argv) < 4:
        print(text)
        return 0
    value = eval(sys.argv[3], {"d": json.loads(text)})  # pylint: disable=eval-used
    print(value)
    return 0 if value not in (False, None) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, LookupError, TypeError) as error:
        print(f"api: {error!r}", file=sys.stderr)
        sys.exit(1)
