#!/usr/bin/env python3
"""A retry storm: two endpoints that answer half of all requests with 503, behind a route that retries
those, loaded by clients that never stop. Counts what clients asked and what the origins got, and
tells the worst ratio of any ten seconds: at most 1 + the budget's share in Weir, and what nginx makes
of the same (`proxy_next_upstream http_503`, which has no budget). Prints a JSON line, and writes the
ratios of each second as an SVG. Usage: retry_storm.py WEIR_BINARY [SECONDS] [CLIENTS] [SVG]"""

import json
import pathlib
import random
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "load"))

from gateway import Gateway, free_port  # noqa: E402
from proxies import Server, Workspace, program  # noqa: E402

SHARE = 0.2
SERVICE = 0.1   # seconds that an answer takes
WINDOW = 10     # seconds

NGINX = """%(user)s
worker_processes 2;
daemon off;
pid %(work)s/storm.pid;
error_log /dev/null crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %(work)s/body;
  proxy_temp_path %(work)s/proxy;
  fastcgi_temp_path %(work)s/fastcgi;
  uwsgi_temp_path %(work)s/uwsgi;
  scgi_temp_path %(work)s/scgi;
  upstream main { %(servers)s keepalive 128; }
  server {
    listen 127.0.0.1:%(port)d;
    location / {
      proxy_pass http://main;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_next_upstream error timeout http_503;
      proxy_next_upstream_tries 4;
    }
  }
}
"""


class Origin:
    """Answers after SERVICE seconds, half of the time with 503; counts requests by second."""

    def __init__(self, counts):
        self.counts = counts
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        data = b""
        try:
            while piece := connection.recv(65536):
                data += piece
                while (end := data.find(b"\r\n\r\n")) >= 0:
                    data = data[end + 4:]
                    self.counts.add("upstream")
                    time.sleep(SERVICE)
                    status = b"200 OK" if random.random() < 0.5 else b"503 No"
                    connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")
        except OSError:
            pass


class Counts:
    def __init__(self):
        self.lock = threading.Lock()
        self.seconds = {}

    def add(self, what):
        second = int(time.monotonic())
        with self.lock:
            at = self.seconds.setdefault(second, {"client": 0, "upstream": 0, "ok": 0})
            at[what] += 1


def client(port, counts, until):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while time.monotonic() < until:
            counts.add("client")
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    raise SystemExit("a client's connection was closed")
                data += piece
            head, body = data.split(b"\r\n\r\n", 1)
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                          if line.lower().startswith(b"content-length:"))
            while len(body) < length:
                body += connection.recv(65536)
            if head.startswith(b"HTTP/1.1 200"):
                counts.add("ok")


def storm(port, counts, seconds, clients):
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=client, args=(port, counts, until)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Without the seconds in which it began and ended.
    whole = [counts.seconds[second] for second in sorted(counts.seconds)][1:-1]
    windows = [whole[at:at + WINDOW] for at in range(max(1, len(whole) - WINDOW + 1))]

    def ratio(part):
        return sum(s["upstream"] for s in part) / max(1, sum(s["client"] for s in part))
    total = sum(s["client"] for s in whole)
    return {"requests": total, "worst_ratio": round(max(map(ratio, windows)), 3),
            "ok_share": round(sum(s["ok"] for s in whole) / max(1, total), 3),
            "seconds": [round(ratio([s]), 3) for s in whole]}


def weir(binary, seconds, clients):
    counts = Counts()
    origins = [Origin(counts), Origin(counts)]
    gateway = Gateway(binary, {
        "version": 1, "server": {"workers": 2}, "access_log": {"path": "off"},
        "admin": {"bind": "127.0.0.1:0"},
        "listeners": [{"name": "http", "bind": "127.0.0.1:0"}],
        "routes": [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
                    "retry": {"retries": 3, "conditions": [503]}}],
        "upstreams": {"main": {"endpoints": [{"address": f"127.0.0.1:{o.port}"} for o in origins],
                               "retry_budget": {"share": f"{SHARE:.0%}", "min": 3}}}})
    try:
        return storm(gateway.ports["http"], counts, seconds, clients)
    finally:
        gateway.close()


def nginx(seconds, clients):
    counts = Counts()
    origins = [Origin(counts), Origin(counts)]
    workspace = Workspace()
    port = free_port()
    path = workspace.path / "nginx.conf"
    path.write_text(NGINX % {
        "user": "user root;" if pathlib.Path("/proc/self").stat().st_uid == 0 else "",
        "work": workspace.path, "port": port,
        "servers": " ".join(f"server 127.0.0.1:{o.port} max_fails=0;" for o in origins)})
    server = Server("nginx", port, [program("nginx"), "-e", "stderr", "-p", str(workspace.path),
                                    "-c", str(path)], None, workspace.path / "nginx.out")
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        return storm(port, counts, seconds, clients)
    finally:
        server.stop()
        workspace.close()


def plot(results, path):
    width, height, left, bottom, top = 720, 320, 50, 280, 2.0
    colours = {"weir": "#1b6ca8", "nginx": "#b04a3a"}

    def y(ratio):
        return bottom - (min(ratio, top) - 0.8) / (top - 0.8) * (bottom - 20)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for ratio in (1.0, 1 + SHARE, 1.4, 1.6, 1.8, 2.0):
        out.append(f'<path d="M{left} {y(ratio):.1f}H{width - 20}" stroke="#ccc"/>'
                   f'<text x="8" y="{y(ratio) + 4:.1f}">{ratio:.1f}</text>')
    for at, (name, result) in enumerate(results.items()):
        points = result["seconds"]
        step = (width - left - 20) / max(1, len(points) - 1)
        line = " ".join(f"{left + n * step:.1f},{y(ratio):.1f}" for n, ratio in enumerate(points))
        out.append(f'<polyline points="{line}" fill="none" stroke="{colours[name]}" '
                   'stroke-width="2"/>'
                   f'<text x="{left + 90 * at}" y="306" fill="{colours[name]}">{name}</text>')
    out.append(f'<text x="{left + 200}" y="306">requests at the origins for each of a client, by '
               'second; half of the answers fail</text></svg>')
    pathlib.Path(path).write_text("\n".join(out) + "\n")


def main():
    binary = sys.argv[1]
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    clients = int(sys.argv[3]) if len(sys.argv) > 3 else 50
    svg = sys.argv[4] if len(sys.argv) > 4 else tempfile.mktemp(suffix=".svg",
                                                                prefix="retry-storm-")
    results = {"weir": weir(binary, seconds, clients)}
    try:
        results["nginx"] = nginx(seconds, clients)
    except (FileNotFoundError, SystemExit) as missing:
        print(f"without nginx: {missing}", file=sys.stderr)
    plot(results, svg)
    print(json.dumps({"shown": "retry_storm", "share": SHARE, "clients": clients, "svg": svg,
                      **{name: {key: value for key, value in result.items() if key != "seconds"}
                         for name, result in results.items()}}))
    if results["weir"]["worst_ratio"] > 1 + SHARE:
        raise SystemExit("more retries than the budget allows")


if __name__ == "__main__":
    main()
