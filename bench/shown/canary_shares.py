#!/usr/bin/env python3
"""Shows what becomes of a split's weights: the shares of 100,000 requests at 1, 10 and 50 %, by turn
and sticky by a header, and who moved when the weight rose. Its own backends, 127.0.0.1 only.
Usage: canary_shares.py WEIR_BINARY [REQUESTS]"""

import collections
import json
import math
import os
import re
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading

BATCH = 50  # requests on the way at the same time


class Backend(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, name):
        self.answer = (f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}").encode()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.server_address[1]


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        data = b""
        while more := self.request.recv(65536):
            data += more
            while b"\r\n\r\n" in data:
                data = data.split(b"\r\n\r\n", 1)[1]
                self.request.sendall(self.server.answer)


class Gateway:
    def __init__(self, binary, backends):
        split = [{"upstream": name, "weight": int(name == "v1")} for name in backends]
        config = {
            "version": 1, "server": {"workers": 2}, "access_log": {"path": "off"},
            "admin": {"bind": "127.0.0.1:0"},
            "listeners": [{"name": "http", "bind": "127.0.0.1:0"}],
            "routes": [{"name": "turn", "match": {"path": "/turn"}, "split": split},
                       {"name": "sticky", "match": {"path": "/sticky"}, "split": split,
                        "sticky": {"key": {"header": "x-user"}}}],
            "upstreams": {name: {"endpoints": [{"address": backend.address}]}
                          for name, backend in backends.items()}}
        self.folder = tempfile.TemporaryDirectory(prefix="weir-shares-")
        path = os.path.join(self.folder.name, "weir.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.process = subprocess.Popen([binary, "run", "-c", path], stderr=subprocess.PIPE,
                                        text=True)
        self.addresses = {}
        for line in self.process.stderr:
            found = re.search(r"listening name=(\S+) address=(\S+):(\d+)", line)
            if found:
                self.addresses[found[1]] = (found[2], int(found[3]))
            if len(self.addresses) == 2:
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def weights(self, route, **weights):
        body = json.dumps(weights)
        with socket.create_connection(self.addresses["admin"], 30) as admin:
            admin.sendall((f"PUT /routes/{route}/split HTTP/1.1\r\nHost: localhost\r\n"
                           f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                           f"Connection: close\r\n\r\n{body}").encode())
            answer = admin.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 204"), answer

    def ask(self, path, users):
        """The version that each request got; several connections, so that all workers take part."""
        out = []
        connections = [socket.create_connection(self.addresses["http"], 30) for _ in range(8)]
        files = [connection.makefile("rb") for connection in connections]
        for start in range(0, len(users), BATCH * 8):
            parts = [users[start + BATCH * n:start + BATCH * (n + 1)] for n in range(8)]
            for connection, part in zip(connections, parts):
                connection.sendall(b"".join(
                    b"GET %s HTTP/1.1\r\nHost: a\r\nx-user: %s\r\n\r\n"
                    % (path.encode(), user.encode()) for user in part))
            for file, part in zip(files, parts):
                for _ in part:
                    length = 0
                    while (line := file.readline()) != b"\r\n":
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    out.append(file.read(length).decode())
        for connection in connections:
            connection.close()
        return out

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()


def main():
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    backends = {name: Backend(name) for name in ("v1", "v2")}
    gateway = Gateway(sys.argv[1], backends)
    users = [f"user-{n}" for n in range(requests)]
    try:
        print(f"{requests} requests, 2 workers\n")
        print("weight of v2 | by turn: to v2, off by | sticky: to v2, off by, three sigma")
        before, moves = None, []
        for percent in (1, 10, 50):
            share = percent / 100
            sigma3 = 3 * math.sqrt(requests * share * (1 - share))
            for route in ("turn", "sticky"):
                gateway.weights(route, v1=100 - percent, v2=percent)
            turn = gateway.ask("/turn", users)
            sticky = gateway.ask("/sticky", users)
            off = [got.count("v2") - round(requests * share) for got in (turn, sticky)]
            print(f"{percent:10} % | {turn.count('v2'):14}, {off[0]:+6} | "
                  f"{sticky.count('v2'):13}, {off[1]:+6}, {sigma3:11.0f}", flush=True)
            if before is not None:
                moves.append((last, percent, collections.Counter(zip(before, sticky))))
            before, last = sticky, percent
        print("\nwho moved (sticky) | v1 stays | v2 stays | v1 to v2 | v2 to v1")
        for old, new, moved in moves:
            print(f"  {old:3} % to {new:3} %   | {moved['v1', 'v1']:8} | {moved['v2', 'v2']:8} | "
                  f"{moved['v1', 'v2']:8} | {moved['v2', 'v1']:8}")
    finally:
        gateway.close()


if __name__ == "__main__":
    main()
