#!/usr/bin/env python3
"""Shows a gRPC stream of many messages both ways, and many WebSocket connections that echo at a time,
over HTTP/1 and over HTTP/2 (RFC 8441), all over TLS but gRPC's. Node's packages are the peers
(`npm ci --prefix tests/node`). Usage: long_streams.py WEIR_BINARY [MESSAGES] [CONNECTIONS]"""

import contextlib
import pathlib
import subprocess
import sys
import time

from gateway import Gateway

NODE = pathlib.Path(__file__).resolve().parents[2] / "tests" / "node"


def origin(script):
    process = subprocess.Popen(["node", str(NODE / script)], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def run(what, *arguments):
    began = time.monotonic()
    done = subprocess.run(["node", str(NODE / arguments[0]), *map(str, arguments[1:])],
                          capture_output=True, text=True, check=False)
    print(f"{what}: {time.monotonic() - began:.1f} s, exit {done.returncode}: "
          f"{done.stdout.strip()}{done.stderr.strip()}", flush=True)
    return done.returncode


def main():
    with contextlib.ExitStack() as stack:
        sys.exit(measure(stack))


def measure(stack):
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    connections = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000
    grpc, grpc_port = origin("grpc_origin.js")
    sockets, socket_port = origin("websocket_origin.js")
    for process in (grpc, sockets):
        stack.callback(process.wait)
        stack.callback(process.kill)
    gateway = Gateway(sys.argv[1], {
        "version": 1, "server": {"workers": 1}, "access_log": {"path": "off"},
        "admin": {"bind": "127.0.0.1:0"},
        "listeners": [{"name": "plain", "bind": "127.0.0.1:0", "protocols": ["http1", "h2c"]},
                      {"name": "https", "bind": "127.0.0.1:0",
                       "tls": {"certificates": [{"cert": "tls.crt", "key": "tls.key"}]}}],
        "routes": [{"name": "grpc", "match": {"path_prefix": "/", "listeners": ["plain"]},
                    "upstream": "grpc"},
                   {"name": "sockets", "match": {"path_prefix": "/", "listeners": ["https"]},
                    "upstream": "sockets", "upgrades": ["websocket"]}],
        "upstreams": {"grpc": {"endpoints": [{"address": f"127.0.0.1:{grpc_port}"}],
                               "protocol": "h2"},
                      "sockets": {"endpoints": [{"address": f"127.0.0.1:{socket_port}"}],
                                  "pool": {"in_flight": 2 * connections}}}})
    failed = run(f"gRPC, a bidirectional stream of {messages} messages and the other kinds",
                 "grpc_client.js", f"127.0.0.1:{gateway.ports['plain']}", messages)
    for way in ("h1", "h2"):
        failed |= run(f"{connections} WebSocket connections over {way}", "websocket_client.js",
                      f"wss://127.0.0.1:{gateway.ports['https']}/echo", way, connections, 10)
    print(f"tunnels left {gateway.metric('weir_tunnels_active'):.0f}, "
          f"rejected {gateway.metric('weir_http_rejected_total'):.0f}")
    return gateway.close() or failed


if __name__ == "__main__":
    main()
