#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Serves the /metrics of a Unix socket on a port of loopback, for a Prometheus, which asks no Unix sockets: exporter.py SOCKET PORT."""
import http.server
import socket
import sys


class Exporter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(5)
                sock.connect(sys.argv[1])
                sock.sendall(f"GET /metrics HTTP/1.0\r\nHost: x\r\nAccept: {self.headers.get('Accept', '*/*')}\r\n\r\n".encode())
                answer = b""
                while part := sock.recv(1 << 16):
                    answer += part
            self.wfile.write(answer)
        except OSError:
            self.send_error(503)

    def log_message(self, *args):  # pylint: disable=arguments-differ
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Exporter)
print("listening", flush=True)
server.serve_forever()
