#!/usr/bin/env python3
"""What an idle HTTP/2 connection over TLS costs: PSS of a program before and a while after many connections were
opened that made one request each and then fell silent, over their number.

    python3 bench/load/idle_tls.py --weir build/release/weir
"""

import argparse
import socket
import ssl
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import scenes
from measure import pss_bytes
from proxies import BenchError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
ACK = END_STREAM = 1
END_HEADERS = 4


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def request():
    """GET https://bench.test/small: two indexed fields, two with a name out of the static table."""
    path, host = b"/small", b"bench.test"
    block = b"\x82\x87\x04" + bytes([len(path)]) + path + b"\x01" + bytes([len(host)]) + host
    return frame(HEADERS, END_STREAM | END_HEADERS, 1, block)


def connect(port, context):
    """A connection whose one answer has come whole."""
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10))
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + request())
    received = b""
    while True:
        while len(received) >= 9 and len(received) >= 9 + int.from_bytes(received[:3], "big"):
            size, kind, flags = int.from_bytes(received[:3], "big"), received[3], received[4]
            received = received[9 + size:]
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK, 0))
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                return connection
        piece = connection.recv(65536)
        if not piece:
            raise BenchError("a connection ended before its answer did")
        received += piece


def idle_bytes(scenery, row, context):
    options = scenery.options
    server = scenery.start(row)
    try:
        scenes.wait_ready(server, scenery.load_command(scenes.SCENES["tls_small"], server.port))
        before = pss_bytes(server.pids())
        with ExitStack() as held:
            for _ in range(options.connections):
                held.enter_context(connect(server.port, context))
            time.sleep(options.wait)
            return (pss_bytes(server.pids()) - before) / options.connections
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description="Memory of idle HTTP/2 connections over TLS.")
    parser.add_argument("--weir", type=Path, default=Path("build/release/weir"))
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument("--wait", type=float, default=60, help="seconds of silence")
    options = parser.parse_args()
    scenery = scenes.Scenery(options)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        rows = scenes.SCENES["tls_small"].rows
        found = {row.name: idle_bytes(scenery, row, context) / 1024 for row in rows}
        for name, kib in found.items():
            print(f"{name:8} {kib:6.1f} KiB a connection")
        best = min(kib for name, kib in found.items() if name != "weir")
        print(f"weir / best peer {found['weir'] / best:.2f}  <= 1 {'met' if found['weir'] <= best else 'NOT MET'}")
    finally:
        scenery.close()


if __name__ == "__main__":
    try:
        main()
    except (BenchError, OSError) as error:
        sys.exit(f"idle_tls.py: {error}")
