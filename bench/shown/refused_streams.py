#!/usr/bin/env python3
"""Loads an HTTP/2 upstream that refuses one stream of a hundred (RST_STREAM with REFUSED_STREAM) with
`wrk -c8` through Weir, and the same upstream when it refuses none. Prints answers a second, and how
many were no 200. Usage: refused_streams.py WEIR_BINARY [SECONDS] [WORKERS]"""

import asyncio
import json
import multiprocessing
import pathlib
import re
import struct
import subprocess
import sys

from gateway import Gateway

ACK, END_STREAM, END_HEADERS = 1, 1, 4
DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
REFUSED_STREAM = 7
STATUS_200 = b"\x88"  # of HPACK's static table


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Upstream(asyncio.Protocol):
    """Answers a request as soon as its head has come; looks at nothing in it."""
    every = 0  # refuses each stream that this divides; 0: none
    streams = 0

    def connection_made(self, transport):
        self.transport = transport
        self.received = b""
        self.greeted = False
        transport.write(frame(SETTINGS, 0, 0))

    def data_received(self, data):
        received = self.received + data
        at = 0
        out = []
        if not self.greeted:
            if len(received) < 24:
                self.received = received
                return
            at, self.greeted = 24, True
        while len(received) - at >= 9:
            size = int.from_bytes(received[at:at + 3])
            if len(received) - at < 9 + size:
                break
            kind, flags, stream = struct.unpack_from(">BBI", received, at + 3)
            if kind == HEADERS:
                out.append(self.answer(stream))
            elif kind == SETTINGS and not flags & ACK:
                out.append(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                out.append(frame(PING, ACK, 0, received[at + 9:at + 9 + size]))
            at += 9 + size
        self.received = received[at:]
        if out:
            self.transport.write(b"".join(out))

    def answer(self, stream):
        Upstream.streams += 1
        if Upstream.every and Upstream.streams % Upstream.every == 0:
            return frame(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM))
        return frame(HEADERS, END_HEADERS, stream, STATUS_200) + frame(DATA, END_STREAM, stream, b"ok")


def serve(every, port):
    async def run():
        Upstream.every = every
        server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()
    asyncio.run(run())


def measure(binary, every, seconds, workers):
    mine, theirs = multiprocessing.Pipe()
    upstream = multiprocessing.Process(target=serve, args=(every, theirs), daemon=True)
    upstream.start()
    gateway = Gateway(binary, {
        "version": 1, "server": {"workers": workers}, "access_log": {"path": "off"},
        "admin": {"bind": "127.0.0.1:0"}, "listeners": [{"name": "http", "bind": "127.0.0.1:0"}],
        "routes": [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "h2"}],
        "upstreams": {"h2": {"endpoints": [{"address": f"127.0.0.1:{mine.recv()}"}],
                             "protocol": "h2"}}})
    try:
        out = subprocess.run(["wrk", "-t1", "-c8", f"-d{seconds}s", "--timeout", "10s",
                              f"http://127.0.0.1:{gateway.ports['http']}/"], check=True,
                             capture_output=True, text=True, timeout=seconds + 60).stdout
    finally:
        gateway.close()
        upstream.terminate()
        upstream.join()
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), int(bad[1]) if bad else 0


def main():
    binary = pathlib.Path(sys.argv[1])
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    workers = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    for name, every in (("refuses none", 0), ("refuses 1 %", 100)):
        rate, bad = measure(binary, every, seconds, workers)
        print(f"{name:14} {rate:9.0f} answers/s, {bad} of them no 200", flush=True)


if __name__ == "__main__":
    main()
