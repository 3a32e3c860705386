#!/usr/bin/env python3
"""Measures how long one client's pipeline holds up the others of a worker: one connection sends
requests without a pause, all answered without waiting for anybody, while others of the same worker
ask again and again, and new ones come. Prints their latencies: without a pipeline, with one of 404s
and of redirects, and with 10,000 routes by regular expression; and nginx's, where it is installed.
Usage: pipeline_fairness.py WEIR_BINARY [SECONDS]"""

import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from gateway import Gateway, free_port

REQUEST = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
NGINX = """worker_processes 1; daemon off; error_log stderr; pid nginx.pid;
events { worker_connections 512; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path t; proxy_temp_path t;
  fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server { listen 127.0.0.1:%d; location / { return 404; } location /ping { return 200 pong; }
    location /old { return 308 /new; } } }
"""


def config(regex_routes=0):
    routes = [{"name": "ping", "match": {"path": "/ping"}, "respond": {"status": 200, "body": "pong"}},
              {"name": "old", "match": {"path": "/old"},
               "redirect": {"status": 308, "to": "/new"}}]
    routes += [{"name": f"r{i}", "match": {"path_regex": f"/r{i}/[0-9]+"},
                "respond": {"status": 200, "body": "x"}} for i in range(regex_routes)]
    return {"version": 1, "server": {"workers": 1}, "access_log": {"path": "off"},
            "admin": {"bind": "127.0.0.1:0"},
            "listeners": [{"name": "http", "bind": "127.0.0.1:0"}], "routes": routes}


def pipeline(port, target, until, counts):
    """Sends without a pause, and takes what is answered beside it."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        blob = REQUEST % target * 1500

        def take():
            scrap = bytearray(1 << 20)
            try:
                while got := sock.recv_into(scrap):
                    counts[0] += scrap.count(b"HTTP/1.1 ", 0, got)
            except OSError:
                pass

        reader = threading.Thread(target=take)
        reader.start()
        sock.settimeout(1)
        while time.monotonic() < until:
            try:
                sock.send(blob)
            except TimeoutError:
                pass
        sock.shutdown(socket.SHUT_RDWR)
        reader.join()


def ask(sock):
    began = time.perf_counter()
    sock.sendall(REQUEST % b"ping")
    while b"pong" not in sock.recv(4096):
        pass
    return (time.perf_counter() - began) * 1000


def measure(name, port, target, seconds):
    until = time.monotonic() + seconds
    counts = [0]
    busy = threading.Thread(target=pipeline, args=(port, target, until, counts)) if target else None
    if busy:
        busy.start()
    kept, fresh = [], []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(0.3)
        while time.monotonic() < until - 0.1:
            kept.append(ask(sock))
            if len(kept) % 10 == 0:
                began = time.perf_counter()
                with socket.create_connection(("127.0.0.1", port)) as other:
                    ask(other)
                fresh.append((time.perf_counter() - began) * 1000)
            time.sleep(0.001)
    if busy:
        busy.join()
    kept.sort()
    fresh.sort()
    print(f"{name:34} {counts[0] / seconds:8.0f} pipelined/s; others, ms: "
          f"p50 {kept[len(kept) // 2]:7.2f}  p99 {kept[int(len(kept) * 0.99)]:7.2f}  "
          f"max {kept[-1]:7.2f}; on a new connection p50 {fresh[len(fresh) // 2] if fresh else -1:7.2f}",
          flush=True)


def nginx(seconds):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-nginx-"))
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX % port)
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", "nginx.conf"],
                               stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        measure("nginx, alone", port, None, seconds)
        measure("nginx, a pipeline of 404s", port, b"none", seconds)
        measure("nginx, a pipeline of redirects", port, b"old", seconds)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def main():
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    gateway = Gateway(sys.argv[1], config())
    measure("alone", gateway.ports["http"], None, seconds)
    measure("a pipeline of 404s", gateway.ports["http"], b"none", seconds)
    measure("a pipeline of redirects", gateway.ports["http"], b"old", seconds)
    gateway.close()
    gateway = Gateway(sys.argv[1], config(10_000))
    measure("404s past 10,000 regex routes", gateway.ports["http"], b"r77/none", seconds)
    gateway.close()
    if shutil.which("nginx"):
        nginx(seconds)


if __name__ == "__main__":
    main()
