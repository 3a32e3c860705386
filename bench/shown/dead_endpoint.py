#!/usr/bin/env python3
"""Loads an upstream of two endpoints of which one is dead (it refuses, or it answers no SYN) with
`wrk -c8`, and the same with the live one alone; Weir and nginx in turn, in front of the same origin.
Prints requests a second and what is lost against the live one alone; a request that is not answered
with 200 ends the run. Usage: dead_endpoint.py WEIR_BINARY [SECONDS] [ROUNDS]"""

import json
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "load"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "integration"))

from harness.origin import BlackHole, Refusing  # noqa: E402
from proxies import Server, Workspace, free_port, program, start_origin  # noqa: E402

NGINX = """%(user)s
worker_processes 2;
daemon off;
pid %(work)s/dead.pid;
error_log /dev/null crit;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path %(work)s/dead_body;
  proxy_temp_path %(work)s/dead_proxy;
  fastcgi_temp_path %(work)s/dead_fastcgi;
  uwsgi_temp_path %(work)s/dead_uwsgi;
  scgi_temp_path %(work)s/dead_scgi;
  upstream two {
    %(policy)s
    %(servers)s
    keepalive 128;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:%(port)d;
    location / {
      proxy_pass http://two;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 2s;
    }
  }
}
"""


def start_weir(binary, workspace, ports, policy, breaker):
    port = free_port()
    upstream = {"endpoints": [{"address": f"127.0.0.1:{at}"} for at in ports],
                "load_balancer": {"policy": policy}}
    if breaker:
        upstream["circuit_breaker"] = {}
    config = {"version": 1, "server": {"workers": 2}, "access_log": {"path": "off"},
              "admin": {"bind": "off"},
              "listeners": [{"name": "http", "bind": f"127.0.0.1:{port}"}],
              "routes": [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "two"}],
              "upstreams": {"two": upstream}}
    path = workspace.path / f"weir{port}.yaml"
    path.write_text(json.dumps(config))
    return Server("weir", port, [str(binary), "run", "-c", str(path)], None,
                  workspace.path / "weir.out")


def start_nginx(workspace, ports, policy):
    port = free_port()
    path = workspace.path / f"nginx{port}.conf"
    path.write_text(NGINX % {
        "user": "user root;" if pathlib.Path("/proc/self").stat().st_uid == 0 else "",
        "work": workspace.path, "port": port,
        "policy": {"round_robin": "", "least_requests": "least_conn;",
                   "random_two": "random two least_conn;"}[policy],
        "servers": " ".join(f"server 127.0.0.1:{at};" for at in ports)})
    return Server("nginx", port, [program("nginx"), "-e", "stderr", "-p", str(workspace.path), "-c",
                                  str(path)], None, workspace.path / "nginx.out")


def wait_listening(port):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise SystemExit(f"nothing listens on {port}")


def load(server, seconds):
    """Requests a second from the first request on: nothing warms the proxy up."""
    wait_listening(server.port)
    try:
        out = subprocess.run([program("wrk"), "-t1", "-c8", f"-d{seconds}s", "--timeout", "10s",
                              f"http://127.0.0.1:{server.port}/small"], check=True,
                             capture_output=True, text=True, timeout=seconds + 60).stdout
    finally:
        server.stop()
    if "Non-2xx" in out:
        raise SystemExit(f"{server.name}: {out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    workspace = Workspace()
    origin = start_origin(workspace, None).wait_ready()
    dead = {"refuses": Refusing(), "is silent": BlackHole()}
    starts = {
        "Weir": lambda ports, policy: start_weir(binary, workspace, ports, policy, False),
        "Weir, breaker": lambda ports, policy: start_weir(binary, workspace, ports, policy, True),
        "nginx": lambda ports, policy: start_nginx(workspace, ports, policy)}
    try:
        print(f"{'':15}{'':16}{'alive alone':>12}" + "".join(f"{'one ' + kind:>22}" for kind in dead))
        for policy in ("round_robin", "least_requests", "random_two"):
            for name, start in starts.items():
                rates = {kind: [] for kind in ["alone", *dead]}
                for _ in range(rounds):
                    rates["alone"].append(load(start([origin.port], policy), seconds))
                    for kind, place in dead.items():
                        rates[kind].append(load(start([place.port, origin.port], policy), seconds))
                alone = statistics.median(rates["alone"])
                cells = ""
                for kind in dead:
                    lost = statistics.median(1 - r / a for r, a in zip(rates[kind], rates["alone"]))
                    cells += f"{statistics.median(rates[kind]):>12.0f} ({lost:+6.1%})"
                print(f"{policy:15}{name:16}{alone:>12.0f}{cells}", flush=True)
    finally:
        for place in dead.values():
            place.close()
        origin.stop()
        workspace.close()


if __name__ == "__main__":
    main()
