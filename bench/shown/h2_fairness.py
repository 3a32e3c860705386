#!/usr/bin/env python3
"""Measures how long one HTTP/2 connection that never pauses holds up others of its worker: it sends as
many requests as it may have open in one piece, and as many again as soon as these are answered, which
waits for nobody. Another connection of the same worker asks again and again, over HTTP/1; its
latencies are printed, with the flood and without. The flood is a process of its own.
Usage: h2_fairness.py WEIR_BINARY [SECONDS]"""

import multiprocessing
import socket
import struct
import sys
import time

from gateway import Gateway

STREAMS = 100
ROUTES = 10_000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
# :method GET, :scheme http, :path and :authority as literals.
BLOCK = b"\x82\x86\x04\x08/nowhere\x01\x01a"
HEAD = struct.pack(">I", len(BLOCK))[1:] + b"\1\5"


def config(routes):
    return {"version": 1, "server": {"workers": 1}, "access_log": {"path": "off"},
            "admin": {"bind": "127.0.0.1:0"},
            "listeners": [{"name": "http", "bind": "127.0.0.1:0", "protocols": ["http1", "h2c"]}],
            "routes": [{"name": f"r{i}", "match": {"path_regex": f"/r{i}/[a-z]+(/[0-9]+)?"},
                        "respond": {"status": 200}} for i in range(routes)]
            + [{"name": "ping", "match": {"path": "/ping"}, "respond": {"status": 200, "body": "pong"}}]}


def flood(port, seconds, told):
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(PREFACE)
    stream, answered, free, buffer = 1, 0, STREAMS, b""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if free == STREAMS:
            sock.sendall(b"".join(HEAD + struct.pack(">I", s) + BLOCK
                                  for s in range(stream, stream + 2 * free, 2)))
            stream, free = stream + 2 * free, 0
        buffer += sock.recv(1 << 18)
        at = 0
        while at + 9 <= len(buffer):
            size = int.from_bytes(buffer[at:at + 3], "big")
            if at + 9 + size > len(buffer):
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            if kind == 7:
                raise SystemExit("sent away")
            if kind == 3 or (kind < 2 and flags & 1):
                free, answered = free + 1, answered + 1
            elif kind == 4 and not flags & 1:
                sock.sendall(b"\0\0\0\4\1\0\0\0\0")
            at += 9 + size
        if free == STREAMS:
            # What was used of the connection's window is given back.
            sock.sendall(b"\0\0\4\x08\0\0\0\0\0" + struct.pack(">I", 40_000))
        buffer = buffer[at:]
    told.put(answered)


def measure(binary, routes, flooded, seconds):
    gateway = Gateway(binary, config(routes))
    told = multiprocessing.Queue()
    port = gateway.ports["http"]
    peer = multiprocessing.Process(target=flood, args=(port, seconds + 1, told))
    if flooded:
        peer.start()
        time.sleep(0.5)
    times = []
    until = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < until:
            began = time.perf_counter()
            sock.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
            while b"pong" not in sock.recv(4096):
                pass
            times.append(time.perf_counter() - began)
            time.sleep(0.002)
    answered = 0
    if flooded:
        answered = told.get(timeout=30)
        peer.join()
    gateway.close()
    times.sort()
    print(f"{routes:6} routes, {answered / (seconds + 1):7.0f} requests/s of the flood; another's, ms: "
          f"median {times[len(times) // 2] * 1000:.2f}, "
          f"99% {times[int(len(times) * 0.99)] * 1000:.2f}, max {times[-1] * 1000:.2f}", flush=True)


def main():
    binary = sys.argv[1]
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    for routes in (0, ROUTES):
        for flooded in (False, True):
            measure(binary, routes, flooded, seconds)


if __name__ == "__main__":
    main()
