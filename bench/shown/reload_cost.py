#!/usr/bin/env python3
"""Shows what a reload of 10,000 routes with a regular expression each costs: how long the probe
/healthz, a request and one on a kept connection wait meanwhile, asked by processes of their own; and
the resident memory over 20 reloads of 3,000 such routes with a WebSocket opened under each.
Usage: reload_cost.py WEIR_BINARY"""

import base64
import hashlib
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway  # noqa: E402

ROUTES, RELOADS = 10_000, 8
TUNNEL_ROUTES, TUNNEL_RELOADS = 3_000, 20

PROBE = """
import socket, sys, time
port, path, pause, kept = int(sys.argv[1]), sys.argv[2].encode(), float(sys.argv[3]), len(sys.argv) > 4
end = b"" if kept else b"Connection: close\\r\\n"
peer = None
print("on", flush=True)
while True:
    begun = time.monotonic()
    if peer is None or not kept:
        peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(b"GET " + path + b" HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n" + end + b"\\r\\n")
    assert peer.recv(65536).startswith(b"HTTP/1.1 20"), "not answered"
    print(time.time(), time.monotonic() - begun, flush=True)
    time.sleep(pause)
"""


class Probe:
    def __init__(self, port, path, *kept):
        self.process = subprocess.Popen([sys.executable, "-c", PROBE, str(port), path, "0.002", *kept],
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.lines = []
        self.thread = threading.Thread(target=lambda: self.lines.extend(self.process.stdout))
        self.thread.start()

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.thread.join()
        waits = sorted(float(line.split()[1]) * 1000 for line in self.lines if line.count(" ") == 1)
        return (f"{len(waits)} asked, median {statistics.median(waits):.1f} ms, 99 % within "
                f"{waits[len(waits) * 99 // 100]:.1f} ms, worst {waits[-1]:.0f} ms")


def config(routes, upstreams=None):
    out = {"version": 1, "server": {"workers": 1}, "access_log": {"path": "off"},
           "admin": {"bind": "127.0.0.1:0"},
           "listeners": [{"name": "http", "bind": "127.0.0.1:0"}], "routes": routes}
    return {**out, "upstreams": upstreams} if upstreams else out


def regex_routes(count):
    return [{"name": f"r{i}", "match": {"path_regex": f"/svc{i}/(orders|items)/[0-9]+/v{i}"},
             "respond": {"status": 204}} for i in range(count)]


def changed(routes, number):
    return [*routes[:-1], {**routes[-1], "name": f"last{number}"}]


def waits(binary):
    routes = regex_routes(ROUTES)
    gateway = Gateway(binary, config(routes))
    asked = "/svc7/orders/1/v7"
    probes = {"/healthz": Probe(gateway.ports["admin"], "/healthz"),
              "a request": Probe(gateway.ports["http"], asked),
              "a request on a kept connection": Probe(gateway.ports["http"], asked, "kept")}
    took = []
    for number in range(RELOADS):
        gateway.write(config(changed(routes, number)))
        begun = time.monotonic()
        assert gateway.admin("POST", "/reload")[0] == 200
        took.append(time.monotonic() - begun)
        time.sleep(1)
    for name, probe in probes.items():
        print(f"  {name}: {probe.end()}")
    gateway.close()
    print(f"  a reload of {ROUTES} takes {statistics.median(took):.2f} s")


class Echo(threading.Thread):
    """An upstream that answers each WebSocket handshake and then says nothing."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.peers = []
        self.start()

    def run(self):
        while True:
            peer = self.listening.accept()[0]
            self.peers.append(peer)
            key = re.search(rb"(?i)sec-websocket-key: (\S+)", peer.recv(65536))[1]
            accept = base64.b64encode(hashlib.sha1(
                key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                         b"Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")


def websocket(port):
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    assert peer.recv(65536).startswith(b"HTTP/1.1 101"), "no tunnel"
    return peer


def memory(binary, tunnels):
    upstream = Echo()
    routes = [{"name": "ws", "match": {"path": "/ws"}, "upstream": "ws", "upgrades": ["websocket"]},
              *regex_routes(TUNNEL_ROUTES)]
    upstreams = {"ws": {"endpoints": [{"address": f"127.0.0.1:{upstream.port}"}]}}
    gateway = Gateway(binary, config(routes, upstreams))
    open_ones, seen = [], []
    for number in range(TUNNEL_RELOADS):
        if tunnels:
            open_ones.append(websocket(gateway.ports["http"]))
        gateway.write(config(changed(routes, number), upstreams))
        assert gateway.admin("POST", "/reload")[0] == 200
        time.sleep(0.3)
        seen.append(gateway.metric("process_resident_memory_bytes") / 1e6)
    print(f"  {'with' if tunnels else 'without'} WebSockets, MB:",
          " ".join(f"{value:.0f}" for value in seen),
          f"; snapshots {gateway.metric('weir_config_snapshots'):.0f}")
    gateway.close()


def main():
    binary = sys.argv[1]
    print(f"waits while {ROUTES} routes are loaded again, {RELOADS} times:", flush=True)
    waits(binary)
    print(f"memory over {TUNNEL_RELOADS} reloads of {TUNNEL_ROUTES} routes:", flush=True)
    memory(binary, False)
    memory(binary, True)


if __name__ == "__main__":
    main()
