#!/usr/bin/env python3
"""The guard: user-space instructions a request of six scenes, counted by callgrind, against the figures of
instruction_baseline.json. Fails where one is more than 2 % above. Nothing is timed; one request after the other
on one connection, in front of nginx.

    ./dev bench --check                     compare
    ./dev bench --check --take-baseline     write the figures of this build into the baseline, to be committed

Only the worker's thread counts, without OpenSSL's own instructions, and as the difference of two runs that differ
in their number of requests alone: start, stop and what comes by the second drop out. Bundles and single files
(WEIR_UNITY) are compiled differently, so each has figures of its own.
"""

import argparse
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import tokens
from instructions_tls import OPENSSL, by_object
from proxies import BenchError, Server, Workspace, free_port, program, read_answer, start_origin

BASELINE = Path(__file__).resolve().parent / "instruction_baseline.json"
MOST_ABOVE = 0.02
# A figure this far below the baseline hides the next one that grows: the baseline should be taken anew.
MUCH_BELOW = 0.04


@dataclass(frozen=True)
class Scene:
    title: str
    config: str
    path: str
    counts: tuple   # requests of the two runs
    content: int = 0
    token: bool = False
    tls: str = ""   # the protocol spoken within TLS


SCENES = {
    "h1_small": Scene("66 bytes over HTTP/1", "weir.yaml", "/small", (1_000, 7_000)),
    "h1_64k": Scene("64 KiB over HTTP/1", "weir.yaml", "/large", (500, 2_500)),
    "h1_post": Scene("4 KiB sent, 66 bytes back", "weir.yaml", "/small", (1_000, 5_000), content=4096),
    "governed": Scene("limit, JWT, breaker and split", "weir_governed.yaml", "/small", (1_000, 5_000), token=True),
    "tls_h2_small": Scene("66 bytes over TLS and HTTP/2", "weir_tls.yaml", "/small", (1_000, 5_000), tls="h2"),
    "tls_h2_64k": Scene("64 KiB over TLS and HTTP/2", "weir_tls.yaml", "/large", (300, 1_200), tls="h2"),
}


class Measuring:
    """What all runs share: the origin, keys, a token."""

    def __init__(self, weir):
        self._weir = weir
        self._rendering = threading.Lock()
        self._workspace = Workspace()
        self._token = tokens.prepare(self._workspace.path)
        self._origin = start_origin(self._workspace, cpu=None)
        self._origin.wait_ready()

    def close(self):
        self._origin.stop()
        self._workspace.close()

    def run(self, name, requests):
        """{number of the thread: instructions} for `requests`, OpenSSL's left out."""
        scene = SCENES[name]
        folder = self._workspace.path / f"{name}.{requests}"
        folder.mkdir()
        port = free_port()
        with self._rendering:
            rendered = self._workspace.render(scene.config, {
                "PROXY_PORT": port, "ORIGIN_PORT": self._origin.port, "ADMIN_PORT": free_port()})
            # Beside it, where the files are that it names.
            config = rendered.rename(self._workspace.path / f"{name}.{requests}.yaml")
        command = [program("valgrind"), "--tool=callgrind", "--separate-threads=yes",
                   f"--callgrind-out-file={folder}/out", str(self._weir), "run", "-c", str(config)]
        server = Server(f"weir.{name}", port, command, None, folder / "log")
        try:
            wait_listening(server)
            if scene.tls == "h2":
                load_h2(scene, port, requests)
            else:
                load_h1(scene, port, requests, self._token)
        except (BenchError, OSError) as error:
            raise BenchError(f"{name}: {error}\n{server.diagnostics()}") from error
        finally:
            server.stop(timeout=120)
        threads = {file.name: by_object(file.read_text()) for file in folder.glob("out-*")}
        if not threads:
            raise BenchError(f"callgrind left no figures for {name}\n{server.diagnostics()}")
        return {number: sum(count for key, count in each.items() if not key.startswith(OPENSSL))
                for number, each in threads.items()}

    def figures(self, names):
        """{scene: instructions a request}; as many runs at a time as there are CPUs, the long ones first."""
        runs = [(name, SCENES[name].counts[which]) for which in (1, 0) for name in names]
        with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
            counted = dict(zip(runs, pool.map(lambda run: self.run(*run), runs)))
        found = {}
        for name in names:
            few, many = SCENES[name].counts
            # The worker is the busiest of the long run; of the short one that may be the thread that started.
            worker = max(counted[name, many], key=counted[name, many].get)
            more = counted[name, many][worker] - counted[name, few].get(worker, 0)
            found[name] = more / (many - few)
        return found


def wait_listening(server, timeout=120):
    """Until the port accepts; weir listens when it can serve."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=10).close()
            return
        except OSError as error:
            if not server.running() or time.monotonic() > deadline:
                raise BenchError(f"weir never listened under callgrind: {error}") from error
            time.sleep(0.05)


def load_h1(scene, port, requests, token):
    fields = f"Authorization: Bearer {token}\r\n" if scene.token else ""
    method = "POST" if scene.content else "GET"
    length = f"Content-Length: {scene.content}\r\n" if scene.content else ""
    message = f"{method} {scene.path} HTTP/1.1\r\nHost: bench.test\r\n{fields}{length}\r\n".encode() + b"x" * scene.content
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(requests):
            connection.sendall(message)
            status, _body = read_answer(connection)
            if status != 200:
                raise BenchError(f"it answered {status}")


def load_h2(scene, port, requests):
    done = subprocess.run([program("h2load"), "-t1", "-c1", "-m1", f"-n{requests}", f"https://127.0.0.1:{port}{scene.path}"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0 or f" {requests} 2xx" not in done.stdout:
        raise BenchError(f"h2load did not get {requests} good answers:\n{done.stdout[-1000:]}")


def kind_of_build(weir):
    """bundles or files, from the cache beside the program."""
    for folder in weir.resolve().parents:
        cache = folder / "CMakeCache.txt"
        if cache.exists():
            on = re.search(r"^WEIR_UNITY:\w+=(.*)$", cache.read_text(), re.MULTILINE)
            return "bundles" if on and on.group(1).upper() in ("ON", "1", "TRUE", "YES") else "files"
    raise BenchError(f"{weir} lies in no folder of CMake: --kind bundles or --kind files")


def tools():
    """What the figures depend on beside our code."""
    compiler = subprocess.run([os.environ.get("CXX", "g++"), "-dumpfullversion"], capture_output=True, text=True, check=False)
    return {"g++": compiler.stdout.strip(), "glibc": os.confstr("CS_GNU_LIBC_VERSION").split()[-1],
            "openssl": ssl.OPENSSL_VERSION.split()[1]}


def compare(found, expected):
    """[(scene, figure, baseline or None, verdict)]; the verdict is "", or what is wrong."""
    rows = []
    for name, figure in found.items():
        base = expected.get(name)
        verdict = ""
        if base is None:
            verdict = "no baseline"
        elif figure > base * (1 + MOST_ABOVE):
            verdict = f"more than {MOST_ABOVE:.0%} above"
        rows.append((name, figure, base, verdict))
    return rows


def report(rows, baseline_tools, own_tools):
    """Prints the table and what to do; whether all is well."""
    for name, figure, base, verdict in rows:
        beside = "" if base is None else f"{base:11,.0f}  {(figure / base - 1) * 100:+6.2f} %"
        print(f"{name:14}{figure:11,.0f}{beside}  {SCENES[name].title}{'   ' + verdict.upper() if verdict else ''}")
    good = not any(verdict for *_, verdict in rows)
    if baseline_tools not in (None, own_tools):
        told = ", ".join(f"{key} {value}" for key, value in baseline_tools.items())
        print(f"The baseline was taken with {told}; these are "
              f"{', '.join(f'{key} {value}' for key, value in own_tools.items())}: differences may be theirs.")
    if any(base and figure < base * (1 - MUCH_BELOW) for _, figure, base, _ in rows):
        print("A scene is far below its baseline: take a new one, so that what was gained is kept.")
    if not good:
        print("If this is what a feature costs: ./dev bench --check --take-baseline, and commit "
              "bench/load/instruction_baseline.json with the reason.")
    return good


def main():
    parser = argparse.ArgumentParser(description="Instructions a request against the committed baseline.")
    parser.add_argument("--weir", type=Path, default=Path("build/release/weir"), help="the program to measure")
    parser.add_argument("--take-baseline", action="store_true", help="write the figures instead of comparing")
    parser.add_argument("--kind", choices=["bundles", "files"], help="how the program was compiled, if no CMakeCache tells")
    parser.add_argument("scenes", nargs="*", default=[], choices=[*SCENES, []], help="all, if none is named")
    options = parser.parse_args()
    options.scenes = options.scenes or list(SCENES)
    kind = options.kind or kind_of_build(options.weir)
    measuring = Measuring(options.weir.resolve())
    try:
        found = measuring.figures(options.scenes)
    finally:
        measuring.close()
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if options.take_baseline:
        entry = baseline.setdefault(kind, {})
        entry["taken_with"] = tools()
        entry.setdefault("instructions", {}).update({name: round(value) for name, value in found.items()})
        BASELINE.write_text(json.dumps(baseline, indent=2, sort_keys=True) + "\n")
        for name, value in found.items():
            print(f"{name:14}{value:11,.0f}  {SCENES[name].title}")
        return
    entry = baseline.get(kind, {})
    if not report(compare(found, entry.get("instructions", {})), entry.get("taken_with"), tools()):
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except (BenchError, OSError) as problem:
        sys.exit(f"instruction_check.py: {problem}")
