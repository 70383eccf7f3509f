#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the aggregator over its Unix socket: api.py SOCKET PATH [EXPRESSION], or api.py --serve FILE.

The answer is `d` in the Python expression, whose value is printed; without one the JSON is printed.
Exit 1 when there is no answer, or when the expression is false or fails (a field that is missing).
Tests ask all the time, so it imports little: HTTP/1.0 over a plain socket is enough. --serve answers those who
ask without a process of their own, on a port of loopback; FILE, which only its owner may read, gets the port and
a word that each must begin with. A question is the word, the number of arguments and the arguments, each with a
NUL behind it; an answer "STATUS\\n", and what it would have printed.
"""
import json
import os
import socket
import sys
import threading


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


def answer(args):
    """(exit status, what to print)"""
    status, text = ask(args[0], args[1])
    if status != [b"200"]:
        raise ValueError(f"{status}: {text.strip()}")
    if len(args) < 3:
        return 0, text
    value = eval(args[2], {"d": json.loads(text)})  # pylint: disable=eval-used
    return 0 if value not in (False, None) else 1, value


def attempt(args):
    try:
        return answer(args)
    except (OSError, ValueError, LookupError, TypeError) as error:
        return 2, f"api: {error!r}"


def reply(peer, word):
    with peer:
        fields = [b""]
        while len(fields) < 3 or len(fields) < int(fields[1]) + 3:
            part = peer.recv(1 << 16)
            if not part or (len(fields) > 1 and fields[0] != word):
                return
            fields = (b"\0".join(fields) + part).split(b"\0")
        if fields[0] != word:  # the expression runs as the tests' user
            return
        status, text = attempt([f.decode() for f in fields[2:-1]])
        peer.sendall(f"{status}\n{text}\n".encode())


def serve(out):
    listener = socket.create_server(("127.0.0.1", 0))
    word = os.urandom(16).hex()
    with open(os.open(out + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        print(listener.getsockname()[1], word, file=f)
    os.rename(out + ".new", out)
    while True:
        threading.Thread(target=reply, args=(listener.accept()[0], word.encode()), daemon=True).start()


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
    code, said = attempt(sys.argv[1:])
    print(said, file=sys.stderr if code == 2 else sys.stdout)
    sys.exit(min(code, 1))
