#!/usr/bin/env python3
"""User-space instructions a request, counted by callgrind: the difference between two runs that differ only in
their number of requests, so that start-up and stop drop out. One client, one kept-alive connection, one request
after the other; nothing is timed, so any machine gives the same figure to a percent.

    python3 bench/load/instructions.py --weir build/release/weir
    python3 bench/load/instructions.py --proxies nginx haproxy
"""

import argparse
import re
import socket
import sys
from pathlib import Path

from proxies import BenchError, Workspace, program, read_answer, request_bytes, start_origin, start_proxy

COUNTS = (2_000, 12_000)
GOAL = 9_000


def instructions_per_request(name, weir=None, counts=COUNTS):
    """Of one proxy in front of nginx, which runs outside of callgrind."""
    few, many = counts
    return (_instructions(name, weir, many) - _instructions(name, weir, few)) / (many - few)


def _instructions(name, weir, requests):
    workspace = Workspace()
    servers = []
    try:
        origin = start_origin(workspace, cpu=None)
        servers.append(origin)
        origin.wait_ready()
        # %p: a program of several processes leaves a file for each.
        output = workspace.path / "callgrind.%p"
        wrapper = [program("valgrind"), "--tool=callgrind", f"--callgrind-out-file={output}"]
        proxy = start_proxy(name, workspace, origin.port, None, weir, wrapper)
        servers.append(proxy)
        proxy.wait_ready(timeout=120)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(requests):
                connection.sendall(request_bytes("/small"))
                status, _body = read_answer(connection)
                if status != 200:
                    raise BenchError(f"{name} answered {status} under callgrind")
        proxy.stop()
        totals = [re.search(r"^(?:totals|summary): (\d+)", file.read_text(), re.MULTILINE)
                  for file in workspace.path.glob("callgrind.*")]
        if not totals or None in totals:
            raise BenchError(f"callgrind left no total for {name}\n{proxy.diagnostics()}")
        return sum(int(total.group(1)) for total in totals)
    finally:
        for server in reversed(servers):
            server.stop()
        workspace.close()


def goal_text(name, value):
    if name != "weir":
        return ""
    return f"goal at most {GOAL:,}: {'met' if value <= GOAL else 'NOT MET'}"


def main():
    parser = argparse.ArgumentParser(description="User-space instructions a request, by callgrind.")
    parser.add_argument("--weir", type=Path, default=Path("build/release/weir"), help="the program to measure")
    parser.add_argument("--proxies", nargs="+", default=["weir"], choices=["weir", "nginx", "haproxy"])
    parser.add_argument("--counts", nargs=2, type=int, default=COUNTS, metavar=("FEW", "MANY"))
    options = parser.parse_args()
    try:
        for name in options.proxies:
            value = instructions_per_request(name, options.weir.resolve(), options.counts)
            print(f"{name:8} {value:9,.0f} instructions a request   {goal_text(name, value)}", flush=True)
    except (BenchError, OSError) as error:
        sys.exit(f"instructions.py: {error}")


if __name__ == "__main__":
    main()
