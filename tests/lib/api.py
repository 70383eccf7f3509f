#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the aggregator over its Unix socket: api.py SOCKET PATH [EXPRESSION].

The answer is `d` in the Python expression, whose value is printed; without one the JSON is printed.
Exit 1 when there is no answer, or when the expression is false or fails (a field that is missing).
"""
import http.client
import json
import socket
import sys


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(5)
        self.sock.connect(self.path)


def main():
    connection = UnixConnection(sys.argv[1])
    connection.request("GET", sys.argv[2])
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        raise ValueError(f"{answer.status}: {text.strip()}")
    if len(sys.argv) < 4:
        print(text)
        return 0
    value = eval(sys.argv[3], {"d": json.loads(text)})  # pylint: disable=eval-used
    print(value)
    return 0 if value not in (False, None) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, LookupError, TypeError, http.client.HTTPException) as error:
        print(f"api: {error!r}", file=sys.stderr)
        sys.exit(1)
