#!/usr/bin/env python3
"""CPU time of a TLS 1.3 handshake with a small request behind it, full and resumed, Weir over nginx in the same
run, with a P-256 and an RSA-2048 certificate.

    python3 bench/load/handshakes.py --weir build/release/weir
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import measure
import scenes
import tokens
from proxies import BenchError, program

ROWS = (scenes.Row("weir", "weir", "weir_tls.yaml"), scenes.Row("nginx", "nginx", "nginx_tls.conf"))
MOST = 1.0


def handshakes(port, seconds, resumed):
    """How many connections one client made in `seconds`, each with a handshake and one request."""
    done = subprocess.run(
        [program("openssl"), "s_time", "-connect", f"127.0.0.1:{port}", "-tls1_3", "-reuse" if resumed else "-new",
         "-time", str(seconds), "-www", "/small"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = re.search(r"(\d+) connections in \d+ real seconds", done.stdout)
    if done.returncode != 0 or found is None or int(found.group(1)) == 0:
        raise BenchError(f"openssl s_time failed:\n{done.stdout[-800:]}")
    return int(found.group(1))


def run_kind(scenery, resumed):
    rounds = []
    for number in range(scenery.options.rounds):
        taken = {}
        for row in ROWS[number % 2:] + ROWS[:number % 2]:
            server = scenery.start(row)
            try:
                scenes.wait_ready(server, scenery.load_command(scenes.SCENES["tls_small"], server.port))
                pids = server.pids()
                before = measure.cpu_time(pids)
                count = handshakes(server.port, scenery.options.seconds, resumed)
                taken[row.name] = (measure.cpu_time(pids) - before).total / count * 1e6
            finally:
                server.stop()
        rounds.append(taken)
    return rounds


def main():
    parser = argparse.ArgumentParser(description="TLS handshakes against nginx on this machine.")
    parser.add_argument("--weir", type=Path, default=Path("build/release/weir"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    scenery = scenes.Scenery(options)
    try:
        print("TLS 1.3 handshake and a 66-byte answer, CPU us a connection")
        for key in ("P-256", "RSA-2048"):
            tokens.make_certificate(scenery.workspace.path, key)
            for resumed in (False, True):
                rounds = run_kind(scenery, resumed)
                ratio = median(taken["weir"] / taken["nginx"] for taken in rounds)
                cells = "".join(f"  {row.name} {median(taken[row.name] for taken in rounds):7.1f}" for row in ROWS)
                print(f"  {key:9}{'resumed' if resumed else 'full':9}{cells}  weir / nginx {ratio:.3f}  "
                      f"<= {MOST:g} {'met' if ratio <= MOST else 'NOT MET'}", flush=True)
    finally:
        scenery.close()


if __name__ == "__main__":
    try:
        main()
    except BenchError as problem:
        sys.exit(f"bench: {problem}")
