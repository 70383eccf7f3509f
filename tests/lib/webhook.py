#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that takes webhooks: webhook.py OUT PORT [CERT KEY]. Each body is a line of OUT; with a certificate it speaks TLS."""
import http.server
import ssl
import sys


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[1], "ab") as out:
            out.write(body + b"\n")
        self.send_response(204)
        self.end_headers()


server = http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[2])), Hook)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening", flush=True)
server.serve_forever()
