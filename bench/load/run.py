#!/usr/bin/env python3
"""Weir against nginx and HAProxy on this machine: the proxies on one CPU, origin and load on another, in
interleaved rounds. bench/README.md says how each figure is taken.

    python3 bench/load/run.py --weir build/release/weir            the whole table, about ten minutes
    python3 bench/load/run.py --weir build/release/weir --quick    a look, about two
"""

import argparse
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
from pathlib import Path

import idle
import instructions
import load
import machine
import measure
import report
from proxies import BenchError, Workspace, start_origin, start_proxy

PATHS = {"small": "/small", "large": "/large"}
CALL_COUNTS = (6_400, 38_400)


class Bench:
    """One run: its options, the CPUs, the origin, and what has been measured so far (`result`)."""

    def __init__(self, options):
        self.options = options
        self.names = [name for name in ("weir", *report.PEERS) if name in options.proxies]
        self.proxy_cpu, self.load_cpu = machine.divide()
        self.workspace = Workspace()
        self.servers = []
        self.result = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "machine": machine.describe(),
            "versions": machine.versions(self.names, options.weir),
            "options": {key: str(value) for key, value in vars(options).items()},
        }

    def run(self):
        try:
            self.origin = start_origin(self.workspace, self.load_cpu)
            self.servers.append(self.origin)
            self.origin.wait_ready().wait_ready("/large")
            self._print_head()
            self._rounds()
            self._system_calls()
            if not self.options.skip_idle:
                self._idle()
        finally:
            self._stop_all()
            self.workspace.close()
        if not self.options.skip_instructions:
            self._instructions()

    def _print_head(self):
        about = self.result["machine"]
        print(f"{about['cpu']}, {about['cpus']} CPUs{' (virtual)' if about['virtual'] else ''}, {about['system']}, "
              f"kernel {about['kernel']}; proxy on CPU {self.proxy_cpu}, origin and load on CPU {self.load_cpu}")
        for name, version in self.result["versions"].items():
            print(f"  {name}: {version}")

    def _start(self, name):
        proxy = start_proxy(name, self.workspace, self.origin.port, self.proxy_cpu, self.options.weir)
        self.servers.append(proxy)
        return proxy.wait_ready().wait_ready("/large")

    def _stop(self, servers):
        for server in servers:
            server.stop()
            self.servers.remove(server)
        for log in self.workspace.path.glob("*.log"):
            log.unlink()

    def _stop_all(self):
        for server in reversed(self.servers):
            server.stop()
        self.servers.clear()

    def _rounds(self):
        rates = self._half_of_slowest_peak()
        self.result["rates"] = rates
        samples = {(workload, regime): [] for workload in PATHS for regime in ("fixed", "saturation")}
        for number in range(self.options.rounds):
            turn = number % len(self.names)
            order = self.names[turn:] + self.names[:turn]
            print(f"round {number + 1} of {self.options.rounds}: {', '.join(order)}", file=sys.stderr, flush=True)
            proxies = {name: self._start(name) for name in order}
            for (workload, regime), rounds in samples.items():
                rate = rates[workload] if regime == "fixed" else None
                taken = {name: self._sample(proxies[name], PATHS[workload], rate) for name in order}
                rounds.append({name: taken[name] for name in self.names})
            self._stop(list(proxies.values()))
        self.result["samples"] = {f"{workload} {regime}": rounds for (workload, regime), rounds in samples.items()}
        self.result["summary"] = {}
        for (workload, regime), rounds in samples.items():
            summary = report.summarise(rounds, regime)
            self.result["summary"][f"{workload} {regime}"] = summary
            headline = f"fixed rate of {rates[workload]:,}/s" if regime == "fixed" else "saturation"
            report.print_section(workload, regime, summary, self.names, headline)

    def _half_of_slowest_peak(self):
        """Requests a second for the fixed rate, by workload."""
        peaks = {workload: [] for workload in PATHS}
        for name in self.names:
            proxy = self._start(name)
            for workload, path in PATHS.items():
                taken = load.saturate(proxy.port, path, 2)
                peaks[workload].append(taken.requests / taken.seconds)
            self._stop([proxy])
        return {workload: int(min(found) / 2) for workload, found in peaks.items()}

    def _sample(self, proxy, path, rate):
        """One proxy under one load; the first half second warms it up and is not measured."""
        load.saturate(proxy.port, path, 1) if rate is None else self._paced(proxy, path, rate, 0.5)
        pids = proxy.pids()
        own = measure.cpu_time(pids)
        clocks = [measure.cpu_clock(cpu) for cpu in (self.proxy_cpu, self.load_cpu)]
        began = time.monotonic()
        if rate is None:
            taken = load.saturate(proxy.port, path, self.options.seconds)
        else:
            taken = self._paced(proxy, path, rate, self.options.seconds)
        wall = time.monotonic() - began
        own = measure.cpu_time(pids) - own
        busy = [measure.busy_share(before, measure.cpu_clock(cpu))
                for cpu, before in zip((self.proxy_cpu, self.load_cpu), clocks)]
        return {
            "cpu_us": own.total / taken.requests * 1e6, "user_us": own.user / taken.requests * 1e6,
            "system_us": own.system / taken.requests * 1e6, "throughput": taken.requests / taken.seconds,
            "p50_ms": taken.p50_ms, "p99_ms": taken.p99_ms, "pss_mib": measure.pss_bytes(pids) / 2**20,
            # The proxy's own share: had something else kept its CPU busy, the sample would not count.
            "proxy_busy": own.total / wall * 100, "others_busy": max(0.0, busy[0] - own.total / wall) * 100,
            "load_busy": busy[1] * 100,
            "requests": taken.requests,
        }

    def _paced(self, proxy, path, rate, seconds):
        return load.fixed_rate(proxy.port, path, rate, seconds, self.workspace.files / "latencies")

    def _system_calls(self):
        few, many = CALL_COUNTS
        calls = {}
        for name in self.names:
            proxy = self._start(name)
            counts = [measure.count_system_calls(proxy.pids(), load.counted_command(proxy.port, "/small", count))
                      for count in (few, few, many)][1:]  # the first opens the pool upstream
            problem = next((count for count in counts if isinstance(count, str)), None)
            calls[name] = problem or report.calls_per_request(*counts, many - few)
            self._stop([proxy])
        self.result["system_calls"] = calls
        report.print_calls(calls)

    def _idle(self):
        options = self.options
        print(f"idle connections: {options.idle_wait:g} s", file=sys.stderr, flush=True)
        proxies = [self._start(name) for name in self.names]
        found = idle.idle_bytes(proxies, options.idle_connections, options.idle_wait)
        self._stop(proxies)
        self.result["idle_bytes"] = found
        report.print_idle(found, options.idle_connections, options.idle_wait)

    def _instructions(self):
        print("\nUser-space instructions a request (callgrind, one connection)")
        found = self.result["instructions"] = {}
        for name in self.names:
            found[name] = instructions.instructions_per_request(name, self.options.weir)
            print(f"  {name:10}{found[name]:>10,.0f}   {instructions.goal_text(name, found[name])}".rstrip(), flush=True)


def parse_options():
    parser = argparse.ArgumentParser(description="Weir against nginx and HAProxy on this machine.")
    parser.add_argument("--weir", type=Path, default=Path("build/release/weir"), help="the program to measure")
    parser.add_argument("--proxies", nargs="+", default=["weir", *report.PEERS], choices=["weir", *report.PEERS])
    parser.add_argument("--skip-weir", action="store_true", help="only the peers")
    parser.add_argument("--quick", action="store_true", help="three short rounds, idle connections for 5 s")
    parser.add_argument("--rounds", type=int, help="7, or 3 with --quick")
    parser.add_argument("--seconds", type=int, help="of each measurement: 4, or 1 with --quick")
    parser.add_argument("--idle-connections", type=int, help="10,000, or what the file limit leaves a proxy")
    parser.add_argument("--idle-wait", type=float, help="seconds: 60, or 5 with --quick")
    parser.add_argument("--skip-idle", action="store_true")
    parser.add_argument("--skip-instructions", action="store_true")
    parser.add_argument("--json", type=Path, help="where the result goes (default: bench/results/TIME.json)")
    options = parser.parse_args()
    rounds, seconds, wait = (3, 1, 5.0) if options.quick else (7, 4, 60.0)
    options.rounds = options.rounds or rounds
    options.seconds = options.seconds or seconds
    if options.idle_connections is None:
        # A proxy keeps two descriptors free for each connection that it accepts, and some for itself.
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        options.idle_connections = 10_000 if limit == resource.RLIM_INFINITY else min(10_000, limit * 47 // 100)
    options.idle_wait = wait if options.idle_wait is None else options.idle_wait
    if options.skip_weir:
        options.proxies = [name for name in options.proxies if name != "weir"]
    options.weir = options.weir.resolve()
    if "weir" in options.proxies and not os.access(options.weir, os.X_OK):
        parser.error(f"{options.weir} is not a program: build it, name it with --weir, or --skip-weir")
    if options.json is None:
        folder = Path(__file__).resolve().parent.parent / "results"
        options.json = folder / time.strftime("%Y%m%d-%H%M%S.json")
    return options


def main():
    options = parse_options()
    # A forked client must not wait for a thread, and a SIGTERM must still stop the children.
    multiprocessing.set_start_method("fork")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    problem = None
    try:
        bench = Bench(options)
    except BenchError as error:
        sys.exit(f"run.py: {error}")
    try:
        bench.run()
    except (BenchError, OSError) as error:
        problem = f"run.py: {error}"
    # Also after a failure: what was measured until then took minutes.
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(bench.result, indent=1) + "\n")
    print(f"\n{options.json}")
    sys.exit(problem)


if __name__ == "__main__":
    main()
