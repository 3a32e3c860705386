#!/usr/bin/env python3
"""Measures how long handshakes hold up a worker's other connections: one worker takes full TLS
handshakes from several clients that begin the next at once, while a plain connection of the same
worker asks again and again. Prints its latencies for each kind of key, and without handshakes.
Usage: handshake_stall.py WEIR_BINARY [SECONDS]"""

import socket
import ssl
import sys
import threading
import time

from gateway import Gateway

KEYS = {"none": None, "P-256": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        "RSA-2048": ("rsa:2048",), "RSA-3072": ("rsa:3072",), "RSA-4096": ("rsa:4096",)}
CLIENTS = 4
CONFIG = {"version": 1, "server": {"workers": 1}, "access_log": {"path": "off"},
          "admin": {"bind": "127.0.0.1:0"},
          "listeners": [{"name": "http", "bind": "127.0.0.1:0"},
                        {"name": "https", "bind": "127.0.0.1:0",
                         "tls": {"certificates": [{"cert": "tls.crt", "key": "tls.key"}]}}],
          "routes": [{"name": "ping", "match": {"path_prefix": "/"},
                      "respond": {"status": 200, "body": "pong"}}]}


def shake_hands(port, until, counts):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while time.monotonic() < until:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            with context.wrap_socket(sock):
                counts.append(1)


def measure(binary, name, seconds):
    gateway = Gateway(binary, CONFIG, KEYS[name] or KEYS["P-256"])
    until = time.monotonic() + seconds
    handshakes, times = [], []
    clients = [threading.Thread(target=shake_hands, args=(gateway.ports["https"], until, handshakes))
               for _ in range(CLIENTS if KEYS[name] else 0)]
    for client in clients:
        client.start()
    with socket.create_connection(("127.0.0.1", gateway.ports["http"])) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < until:
            began = time.perf_counter()
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while b"pong" not in sock.recv(4096):
                pass
            times.append(time.perf_counter() - began)
            time.sleep(0.001)
    for client in clients:
        client.join()
    gateway.close()
    times.sort()
    at = [times[int(len(times) * share)] * 1000 for share in (0.5, 0.9, 0.99)]
    print(f"{name:9} {len(handshakes) / seconds:6.0f} handshakes/s; another's request, ms: "
          f"median {at[0]:.2f}, 90% {at[1]:.2f}, 99% {at[2]:.2f}", flush=True)


def main():
    for name in KEYS:
        measure(sys.argv[1], name, float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)


if __name__ == "__main__":
    main()
