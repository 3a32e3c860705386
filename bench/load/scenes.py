#!/usr/bin/env python3
"""Scenes beside the plain table of run.py: governance (rate limit, JWT, breaker, canary) and TLS with HTTP/2.
Each puts several programs in front of the same origin, in interleaved rounds at a fixed rate, and compares CPU
time a request within the round.

    python3 bench/load/scenes.py --weir build/release/weir governed tls_small tls_64k tls_1m
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import load
import machine
import measure
import tokens
from proxies import BenchError, Server, Workspace, free_port, program, start_origin


@dataclass(frozen=True)
class Row:
    """One program of a scene: what it is called there, what runs, with which file of configs/."""

    name: str
    program: str
    config: str


@dataclass(frozen=True)
class Goal:
    """CPU of `row` over the least of `others` in the same round, at most."""

    row: str
    others: tuple
    most: float


@dataclass(frozen=True)
class Scene:
    title: str
    path: str
    rows: tuple
    goals: tuple
    tls: bool = False


_TLS_ROWS = (Row("weir", "weir", "weir_tls.yaml"), Row("nginx", "nginx", "nginx_tls.conf"),
             Row("haproxy", "haproxy", "haproxy_tls.cfg"), Row("nghttpx", "nghttpx", "nghttpx.conf"))
_TLS_PEERS = ("nginx", "haproxy", "nghttpx")

SCENES = {
    "governed": Scene(
        "66-byte answers, 64 connections: rate limit, JWT (RS256, cached), breaker, canary 90/10, log", "/small",
        (Row("weir", "weir", "weir.yaml"), Row("weir governed", "weir", "weir_governed.yaml"),
         Row("nginx bare", "nginx", "nginx.conf"), Row("haproxy governed", "haproxy", "haproxy_governed.cfg")),
        (Goal("weir governed", ("weir",), 1.15), Goal("weir governed", ("nginx bare",), 1.0),
         Goal("weir governed", ("haproxy governed",), 0.75))),
    "tls_small": Scene("66-byte answers over TLS and HTTP/2, 16 connections, 20 streams", "/small", _TLS_ROWS,
                       (Goal("weir", _TLS_PEERS, 0.9),), tls=True),
    "tls_64k": Scene("64 KiB answers over TLS and HTTP/2, 16 connections, 20 streams", "/large", _TLS_ROWS,
                     (Goal("weir", _TLS_PEERS, 0.85),), tls=True),
    "tls_1m": Scene("1 MiB answers over TLS and HTTP/2, 16 connections, 20 streams", "/huge", _TLS_ROWS,
                    (Goal("weir", ("haproxy",), 0.9),), tls=True),
}


class Scenery:
    """The machine's two CPUs, the origin, certificates and tokens: what all scenes share."""

    def __init__(self, options):
        self.proxy_cpu, self.load_cpu = machine.divide()
        self.options = options
        self.workspace = Workspace()
        (self.workspace.files / "huge").write_bytes(b"x" * 2**20)
        self.token = tokens.prepare(self.workspace.path)
        self.origin = start_origin(self.workspace, self.load_cpu).wait_ready()

    def close(self):
        self.origin.stop()
        self.workspace.close()

    def start(self, row):
        port = free_port()
        config = self.workspace.render(row.config, {
            "PROXY_PORT": port, "ORIGIN_PORT": self.origin.port, "ADMIN_PORT": free_port(),
            "MAX_CONNECTIONS": 10_100})
        command = {
            "weir": [str(self.options.weir), "run", "-c", str(config)],
            "nginx": lambda: [program("nginx"), "-e", "stderr", "-p", str(self.workspace.path), "-c", str(config)],
            "haproxy": lambda: [program("haproxy"), "-db", "-q", "-f", str(config)],
            "nghttpx": lambda: [program("nghttpx"), f"--conf={config}"],
        }[row.program]
        command = command() if callable(command) else command
        name = row.name.replace(" ", "_")
        return Server(name, port, command, self.proxy_cpu, self.workspace.path / f"{name}.out")

    def load_command(self, scene, port):
        if scene.tls:
            return [program("h2load"), "-t1", "-c16", "-m20", f"https://127.0.0.1:{port}{scene.path}"]
        return [program("h2load"), "--h1", "-t1", f"-c{load.CONNECTIONS}", "-H", f"Authorization: Bearer {self.token}",
                f"http://127.0.0.1:{port}{scene.path}"]


def requests_answered(command, requests, rate=None):
    """Sends `requests`, at `rate` a second when given; the seconds that took."""
    connections = int(next(word[2:] for word in command if word.startswith("-c")))
    paced = [f"--rps={rate / connections:.3f}"] if rate else []
    began = time.monotonic()
    done = subprocess.run([*command[:-1], f"-n{requests}", *paced, command[-1]], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0 or f" {requests} 2xx" not in done.stdout:
        raise BenchError(f"{' '.join(command)} did not get {requests} good answers:\n{done.stdout[-1500:]}")
    return time.monotonic() - began


def wait_ready(server, command, timeout=10.0):
    deadline = time.monotonic() + timeout
    connections = int(next(word[2:] for word in command if word.startswith("-c")))
    while True:
        try:
            requests_answered(command, connections)
            return
        except BenchError as error:
            if time.monotonic() > deadline:
                raise BenchError(f"{server.name} is not ready: {error}\n{server.diagnostics()}") from error
            time.sleep(0.05)


def run_scene(scenery, scene):
    options = scenery.options
    rate = None
    rounds = []
    for number in range(options.rounds + 1):  # the first finds the rate: half of the slowest
        servers = {}
        try:
            turn = number % len(scene.rows)
            for row in scene.rows[turn:] + scene.rows[:turn]:
                servers[row.name] = scenery.start(row)
                wait_ready(servers[row.name], scenery.load_command(scene, servers[row.name].port))
            if rate is None:
                slowest = max(requests_answered(scenery.load_command(scene, server.port), options.probe) / options.probe
                              for server in servers.values())
                rate = int(0.5 / slowest)
                continue
            count = max(64, int(rate * options.seconds) // 64 * 64)
            taken = {}
            for name, server in servers.items():
                command = scenery.load_command(scene, server.port)
                requests_answered(command, max(64, count // 8 // 64 * 64), rate)
                pids = server.pids()
                before = measure.cpu_time(pids)
                requests_answered(command, count, rate)
                spent = measure.cpu_time(pids) - before
                taken[name] = {"cpu_us": spent.total / count * 1e6, "user_us": spent.user / count * 1e6,
                               "system_us": spent.system / count * 1e6}
            rounds.append(taken)
        finally:
            for server in servers.values():
                server.stop()
    return rate, rounds


def print_scene(name, scene, rate, rounds):
    print(f"\n{name}: {scene.title}, {rate:,}/s")
    for row in scene.rows:
        cells = []
        for key in ("cpu_us", "user_us", "system_us"):
            values = [taken[row.name][key] for taken in rounds]
            cells.append(f"{median(values):.2f} [{min(values):.2f}-{max(values):.2f}]")
        print(f"  {row.name:18}" + "".join(f"{cell:>24}" for cell in cells))
    for goal in scene.goals:
        ratios = [taken[goal.row]["cpu_us"] / min(taken[other]["cpu_us"] for other in goal.others)
                  for taken in rounds]
        met = "met" if median(ratios) <= goal.most else "NOT MET"
        print(f"  {goal.row} / {' or '.join(goal.others)}: {median(ratios):.3f} "
              f"[{min(ratios):.3f}-{max(ratios):.3f}]  <= {goal.most:g} {met}")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description="Governance and TLS against the peers on this machine.")
    parser.add_argument("scenes", nargs="*", default=[], choices=[*SCENES, []], help="all, if none is named")
    parser.add_argument("--weir", type=Path, default=Path("build/release/weir"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--probe", type=int, default=6400, help="requests to find the rate with")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.scenes = options.scenes or list(SCENES)
    scenery = Scenery(options)
    found = {}
    try:
        for name in options.scenes:
            rate, rounds = run_scene(scenery, SCENES[name])
            found[name] = {"rate": rate, "rounds": rounds}
            print_scene(name, SCENES[name], rate, rounds)
    finally:
        scenery.close()
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    try:
        main()
    except BenchError as problem:
        sys.exit(f"bench: {problem}")
