#!/usr/bin/env python3
"""Shows that memory stays flat under what clients do all day and what they should not do: HTTP/1,
HTTP/2 over TLS, WebSockets, aborted uploads, reset streams, unfinished heads, and reloads that change
limits. Prints what the kernel counts as resident at each tenth of the time, and fails when the last
tenths lie above the first ones. Everything is on 127.0.0.1 and ends by itself.
Usage: soak.py WEIR_BINARY [--minutes 10] [--clients 2]"""

import argparse
import base64
import contextlib
import hashlib
import os
import pathlib
import random
import socket
import socketserver
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "integration"))

from gateway import Gateway  # noqa: E402
from harness.h2 import PREFACE, H2Client  # noqa: E402
from harness.tls import client_context  # noqa: E402

TENTHS = 10
# What the last tenths may lie above the first ones: a share, and MiB of noise.
MORE_SHARE, MORE_MIB = 0.10, 4
PATIENCE = 10  # seconds that one client waits for one thing


class Origin(socketserver.BaseRequestHandler):
    """Answers with the length of the content; what follows a WebSocket handshake comes back."""

    def handle(self):
        reader = self.request.makefile("rb")
        with contextlib.suppress(OSError, ValueError):
            while self.answer(reader):
                pass

    def answer(self, reader):
        line = reader.readline(65536)
        fields = {}
        while True:
            field = reader.readline(65536)
            if not field.strip():
                break
            name, value = field.split(b":", 1)
            fields[name.strip().lower()] = value.strip()
        if not line:
            return False
        if fields.get(b"upgrade") == b"websocket":
            self.request.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
                                 + accept_key(fields[b"sec-websocket-key"]) + b"\r\n\r\n")
            while piece := reader.read1(65536):
                self.request.sendall(piece)
            return False
        length = int(fields.get(b"content-length", 0))
        if b"transfer-encoding" in fields:
            while size := int(reader.readline(100), 16):  # ValueError at an end too early
                length += len(reader.read(size + 2)) - 2
            reader.readline(100)
        elif len(reader.read(length)) < length:
            return False
        size = random.choice((20, 2000, 60000)) if line.startswith(b"GET") else 20
        body = (b"%d " % length).ljust(size, b".")
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return True


def accept_key(key):
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest)


class Origins(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass


def config(origin, turn):
    """The `turn`th: rates, sizes and times go round."""
    return {
        "version": 1, "access_log": {"path": "off"},
        "server": {"workers": 2, "max_connections": 2000 + 10 * (turn % 5),
                   "head_memory": ("auto", "8MiB", "16MiB")[turn % 3]},
        "admin": {"bind": "127.0.0.1:0"},
        "listeners": [
            {"name": "plain", "bind": "127.0.0.1:0", "limits": {"header_timeout": "2s"}},
            {"name": "https", "bind": "127.0.0.1:0",
             "tls": {"certificates": [{"cert": "tls.crt", "key": "tls.key"}]}}],
        "middleware": {
            "callers": {"rate_limit": {"rate": f"{100000 + turn % 7}/s", "key": "client_ip"}},
            "paths": {"rate_limit": {"rate": f"{5000 + turn % 3}/s", "burst": 5000,
                                     "key": {"header": "x-caller"}}},
            "at-once": {"concurrency_limit": {"limit": 500 + turn % 4, "key": "client_ip"}}},
        "routes": [
            {"name": "socket", "match": {"path_prefix": "/socket"}, "upstream": "origin",
             "upgrades": ["websocket"]},
            {"name": "all", "match": {"path_prefix": "/"}, "upstream": "origin",
             "middleware": ["callers", "paths", "at-once"]}],
        "upstreams": {"origin": {"endpoints": [{"address": origin}],
                                 "pool": {"in_flight": 256 + turn % 8}}}}


class Load:
    """Threads that each do one kind of thing until the end; how often each was done."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.ended = threading.Event()
        self.done, self.failed = {}, {}
        self.lock = threading.Lock()
        self.threads = []

    def start(self, name, turn):
        def loop():
            while not self.ended.is_set():
                try:
                    times = turn() or 1
                    book = self.done
                except (OSError, AssertionError):
                    times, book = 1, self.failed
                with self.lock:
                    book[name] = book.get(name, 0) + times
        self.threads.append(threading.Thread(target=loop, daemon=True))
        self.threads[-1].start()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE)
        left = [thread for thread in self.threads if thread.is_alive()]
        if left:
            raise SystemExit(f"{len(left)} clients did not end")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.gateway.ports["plain"]), PATIENCE)

    # --- what clients do

    def http1(self):
        with self.connect() as sock:
            reader = sock.makefile("rb")
            for n in range(100):
                content = b"" if n % 4 else os.urandom(random.choice((10, 1000, 30000)))
                sock.sendall(b"%s /%d HTTP/1.1\r\nHost: a.test\r\nX-Caller: %d\r\n"
                             b"Content-Length: %d\r\n\r\n" % (
                                 b"POST" if content else b"GET", n, random.randrange(1 << 30),
                                 len(content)) + content)
                read_answer(reader)
        return 100

    def h2(self, resets):
        peer = H2Client(("127.0.0.1", self.gateway.ports["https"]), timeout=PATIENCE, start=False)
        try:
            peer.socket = client_context(alpn=["h2"]).wrap_socket(peer.socket)
            peer.send(PREFACE + peer.settings())
            for n in range(60):
                stream = peer.request("POST" if n % 5 == 0 else "GET", f"/{n}",
                                      [("x-caller", str(random.randrange(1 << 30)))],
                                      body=b"c" * 5000 if n % 5 == 0 else None)
                if resets and n % 3 == 0:
                    peer.reset(stream)
                    time.sleep(0.05)  # a client whose resets are too many is sent away
                else:
                    peer.answer(stream)
                peer.frames.clear()
        finally:
            peer.close()
        return 60

    def web_socket(self):
        with self.connect() as sock:
            sock.sendall(b"GET /socket HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n"
                         b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
            reader = sock.makefile("rb")
            if b"101" not in reader.readline():
                raise OSError("no tunnel")
            while reader.readline().strip():
                pass
            for _ in range(20):
                piece = os.urandom(random.choice((10, 1000, 20000)))
                sock.sendall(piece)
                reader.read(len(piece))
            if random.random() < 0.5:
                reset_on_close(sock)

    def aborted_upload(self):
        with self.connect() as sock:
            framing = random.choice((b"Content-Length: 1000000", b"Transfer-Encoding: chunked"))
            sock.sendall(b"POST /upload HTTP/1.1\r\nHost: a.test\r\n" + framing + b"\r\n\r\n")
            sock.sendall(b"8000\r\n" + b"u" * 32768)
            time.sleep(random.random() / 50)
            if random.random() < 0.7:
                reset_on_close(sock)

    def unfinished_head(self):
        with self.connect() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X-Filler: y\r\n" * 90
                         + b"X-Long: " + b"z" * random.randrange(50000))
            time.sleep(random.random() / 10)


def read_answer(reader):
    if b" 200 " not in reader.readline():
        raise OSError("not served")
    length = 0
    while line := reader.readline().strip():
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    reader.read(length)


def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def resident(process):
    """MiB, as the kernel counts."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    raise SystemExit("the gateway has ended")


def grows(tenths):
    """The first tenth warms up; then the last three stand against the three before the middle."""
    first, last = sum(tenths[1:4]) / 3, sum(tenths[-3:]) / 3
    return last > first * (1 + MORE_SHARE) + MORE_MIB


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=2, help="of each kind")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        sys.exit(soak(arguments, stack))


def soak(arguments, stack):
    origins = Origins(("127.0.0.1", 0), Origin)
    stack.callback(origins.server_close)
    threading.Thread(target=origins.serve_forever, daemon=True).start()
    stack.callback(origins.shutdown)
    origin = "127.0.0.1:%d" % origins.server_address[1]
    gateway = Gateway(arguments.binary, config(origin, 0))
    load = Load(gateway)
    began = resident(gateway.process)
    for _ in range(arguments.clients):
        load.start("HTTP/1 requests", load.http1)
        load.start("HTTP/2 requests over TLS", lambda: load.h2(False))
        load.start("HTTP/2 requests, a third reset", lambda: load.h2(True))
        load.start("WebSockets", load.web_socket)
        load.start("aborted uploads", load.aborted_upload)
        load.start("unfinished heads", load.unfinished_head)
    print(f"at the start {began:.1f} MiB resident", flush=True)
    tenths, turn = [], 0
    start = time.monotonic()
    length = arguments.minutes * 60 / TENTHS
    while len(tenths) < TENTHS:
        turn += 1
        gateway.write(config(origin, turn))
        status, said = gateway.admin("POST", "/reload")
        if status != 200:
            raise SystemExit(f"a reload was refused: {said}")
        time.sleep(min(2.0, length / 4))
        if time.monotonic() - start >= length * (len(tenths) + 1):
            tenths.append(resident(gateway.process))
            with load.lock:
                total = sum(load.done.values())
            print(f"tenth {len(tenths)}: {tenths[-1]:.1f} MiB resident, {total} done, "
                  f"{turn} reloads", flush=True)
    load.stop()
    for name in sorted({*load.done, *load.failed}):
        print(f"{name}: {load.done.get(name, 0)}, failed {load.failed.get(name, 0)}")
    kinds = 6
    code = gateway.close()
    if code != 0:
        print(f"the gateway ended with {code}")
    if len(load.done) < kinds:
        print("not all kinds of clients were served")
    if grows(tenths):
        print("memory grows")
    return int(code != 0 or len(load.done) < kinds or grows(tenths))


if __name__ == "__main__":
    main()
