#!/usr/bin/env python3
"""Loads an upstream of two endpoints of which one is dead (it refuses, or it answers no SYN) with
`wrk -c8`, and the same with the live one alone; Weir and nginx in turn, in front of the same origin.
Each proxy has all three as paths of one process, and a round loads each of them once, in an order
that turns, so that a round's losses compare like with like. Prints the median requests a second and
the median loss against the live one alone in the same round, with the losses' range; a request that
is not answered with 200 ends the run. Usage: dead_endpoint.py WEIR_BINARY [SECONDS] [ROUNDS]"""

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
%(upstreams)s
  server {
    listen 127.0.0.1:%(port)d;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_connect_timeout 2s;
%(locations)s
  }
}
"""

NGINX_UPSTREAM = """
  upstream %(name)s {
    %(policy)s
    %(servers)s
    keepalive 128;
    keepalive_requests 1000000000;
  }
"""


def start_weir(binary, workspace, kinds, policy, breaker):
    port = free_port()
    upstreams = {name: {"endpoints": [{"address": f"127.0.0.1:{at}"} for at in ports],
                        "load_balancer": {"policy": policy}} for name, ports in kinds.items()}
    for upstream in upstreams.values():
        if breaker:
            upstream["circuit_breaker"] = {}
    routes = [{"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": name,
               "rewrite": {"prefix": "/"}} for name in kinds]
    config = {"version": 1, "server": {"workers": 2}, "access_log": {"path": "off"},
              "admin": {"bind": "off"},
              "listeners": [{"name": "http", "bind": f"127.0.0.1:{port}"}],
              "routes": routes, "upstreams": upstreams}
    path = workspace.path / f"weir{port}.yaml"
    path.write_text(json.dumps(config))
    return Server("weir", port, [str(binary), "run", "-c", str(path)], None,
                  workspace.path / "weir.out")


def start_nginx(workspace, kinds, policy):
    port = free_port()
    path = workspace.path / f"nginx{port}.conf"
    policy = {"round_robin": "", "least_requests": "least_conn;",
              "random_two": "random two least_conn;"}[policy]
    path.write_text(NGINX % {
        "user": "user root;" if pathlib.Path("/proc/self").stat().st_uid == 0 else "",
        "work": workspace.path, "port": port,
        "upstreams": "".join(NGINX_UPSTREAM % {
            "name": name, "policy": policy,
            "servers": " ".join(f"server 127.0.0.1:{at};" for at in ports)}
            for name, ports in kinds.items()),
        "locations": "\n".join(f"    location /{name}/ {{ proxy_pass http://{name}/; }}"
                               for name in kinds)})
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


def load(server, name, seconds):
    """Requests a second from the first request on: nothing warms the proxy up."""
    out = subprocess.run([program("wrk"), "-t1", "-c8", f"-d{seconds}s", "--timeout", "10s",
                          f"http://127.0.0.1:{server.port}/{name}/small"], check=True,
                         capture_output=True, text=True, timeout=seconds + 60).stdout
    if "Non-2xx" in out:
        raise SystemExit(f"{server.name}: {out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def measure(server, names, seconds, rounds):
    """The rates of each name, a list in the order of the rounds."""
    wait_listening(server.port)
    rates = {name: [] for name in names}
    try:
        for turn in range(rounds):
            for i in range(len(names)):
                name = names[(turn + i) % len(names)]
                rates[name].append(load(server, name, seconds))
    finally:
        server.stop()
    return rates


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    workspace = Workspace()
    origin = start_origin(workspace, None).wait_ready()
    dead = {"refuses": Refusing(), "silent": BlackHole()}
    kinds = {"alone": [origin.port],
             **{name: [place.port, origin.port] for name, place in dead.items()}}
    starts = {
        "Weir": lambda policy: start_weir(binary, workspace, kinds, policy, False),
        "Weir, breaker": lambda policy: start_weir(binary, workspace, kinds, policy, True),
        "nginx": lambda policy: start_nginx(workspace, kinds, policy)}
    try:
        print(f"{'':16}{'':15}{'alive alone':>12}{'one refuses':>32}{'one is silent':>32}")
        for policy in ("round_robin", "least_requests", "random_two"):
            for name, start in starts.items():
                rates = measure(start(policy), list(kinds), seconds, rounds)
                cells = ""
                for kind in dead:
                    lost = [1 - r / a for r, a in zip(rates[kind], rates["alone"])]
                    cells += (f"{statistics.median(rates[kind]):>10.0f} ({statistics.median(lost):+6.1%}"
                              f" [{min(lost):+.0%} {max(lost):+.0%}])")
                print(f"{policy:16}{name:15}{statistics.median(rates['alone']):>12.0f}{cells}",
                      flush=True)
    finally:
        for place in dead.values():
            place.close()
        origin.stop()
        workspace.close()


if __name__ == "__main__":
    main()
