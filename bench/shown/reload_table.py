#!/usr/bin/env python3
"""Shows what a reload costs by the size of the configuration: how long it takes, how much memory the process has at
most meanwhile, and what requests notice, at 20 % of what the gateway serves: the 99th percentile of those that were
under way during a reload beside that of a run without reloads.

The file has one route for each service, by host and path, and one upstream for each two of them; each reload changes a
route and an upstream. Load and gateway share a machine: the gateway has one worker, and the reload's own thread has
what CPU is left, so this needs two CPUs that do nothing else. Ratios of one run only. Needs h2load (nghttp2-client).
Usage: reload_table.py WEIR_BINARY [--routes 100 1000 10000] [--seconds N] [--load-share 0.2] [--json FILE]"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "integration"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from fronts import installed, percentile  # noqa: E402
from harness.gateway import Gateway, basic_config  # noqa: E402

CONNECTIONS = 20


def config(routes, origin, generation):
    """Block style, as people write files."""
    lines = ["version: 1", "server: {workers: 1}", "access_log: {path: off}", 'admin: {bind: "127.0.0.1:0"}',
             'listeners: [{name: http, bind: "127.0.0.1:0"}]', "routes:"]
    for i in range(routes):
        lines += [f"  - name: service-{i}", "    match:", "      host: [api.example.com, 127.0.0.1]",
                  f"      path_prefix: /services/{i}", f"    upstream: upstream-{i // 2}", "    timeout: 5s"]
    lines[-1] = f"    timeout: {5 + generation % 5}s"
    lines.append("upstreams:")
    count = max(1, routes // 2)
    for i in range(count):
        lines += [f"  upstream-{i}:", "    endpoints:", f'      - address: "{origin}"']
    lines += [f"    connect_timeout: {1 + generation % 5}s", ""]
    return "\n".join(lines)


def h2load(url, *options):
    done = subprocess.run(["h2load", "--h1", "-t1", f"-c{CONNECTIONS}", *options, url], capture_output=True, text=True,
                          check=False)
    good = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    if done.returncode or not good or any(int(count) for count in good.groups()[1:]):
        raise SystemExit(f"h2load did not get good answers:\n{done.stdout}{done.stderr}")
    return done.stdout


def capacity(url, seconds):
    """Requests a second, as fast as it goes."""
    return float(re.search(r"([\d.]+) req/s", h2load(url, f"-D{seconds}"))[1])


class Requests:
    """Requests at a constant rate: (begin, end) of each, in seconds of the wall clock."""

    def __init__(self, url, rate, seconds):
        with tempfile.NamedTemporaryFile(prefix="weir-h2load-") as log:
            count = max(1, round(rate * seconds / CONNECTIONS)) * CONNECTIONS
            h2load(url, f"-n{count}", f"--rps={rate / CONNECTIONS:.3f}", f"--log-file={log.name}")
            self.all = []
            for line in log.read().decode().splitlines():
                begin, _status, took = line.split("\t")
                self.all.append((int(begin) / 1e6, int(took) / 1e6))
        if len(self.all) != count:
            raise SystemExit(f"h2load sent {len(self.all)} of {count} requests")

    def p99(self, windows=None):
        """In milliseconds; of those that were under way in one of the windows (begin, end)."""
        def counts(begin, took):
            return windows is None or any(begin < end and begin + took > start for start, end in windows)
        took = [took for begin, took in self.all if counts(begin, took)]
        return percentile(took, 0.99) * 1000, len(took)


class Reloading(threading.Thread):
    """Reloads one after the other, with a pause, while it runs."""

    def __init__(self, gateway, routes, origin, pause):
        super().__init__(daemon=True)
        self.gateway, self.routes, self.origin, self.pause = gateway, routes, origin, pause
        self.windows, self.peaks, self.error = [], [], None
        self.ending = threading.Event()
        self.start()

    def run(self):
        generation = 0
        while not self.ending.wait(self.pause):
            generation += 1
            self.gateway.write(config(self.routes, self.origin, generation))
            self.gateway.reset_peak()
            begin = time.time()
            answer = self.gateway.admin("POST", "/reload", timeout=120)
            self.windows.append((begin, time.time()))
            self.peaks.append(self.gateway.status("VmHWM") / 1024)
            if answer.status != 200:
                self.error = answer.text
                return

    def finish(self):
        self.ending.set()
        self.join()
        if self.error or not self.windows:
            raise SystemExit(f"reload refused: {self.error}")


def row(routes, origin, options):
    gateway = Gateway(config(routes, origin, 0), names=["http", "admin"])
    try:
        gateway.start(timeout=120)
        url = gateway.url(f"/services/{routes // 2}/x")
        rate = capacity(url, options.capacity_seconds) * options.load_share
        Requests(url, rate, 2)
        memory = gateway.status("VmRSS") / 1024
        # Without, with, without: what a machine does beside this is in all three.
        without = [Requests(url, rate, options.seconds).p99()[0]]
        reloading = Reloading(gateway, routes, origin, options.pause)
        requests = Requests(url, rate, options.seconds)
        reloading.finish()
        without.append(Requests(url, rate, options.seconds).p99()[0])
    finally:
        gateway.close()
    took = [end - begin for begin, end in reloading.windows]
    p99, count = requests.p99(reloading.windows)
    return {"routes": routes, "upstreams": max(1, routes // 2), "rate": round(rate), "reloads": len(took),
            "reload_s": statistics.median(took), "reload_worst_s": max(took), "memory_mib": memory,
            "peak_mib": max(reloading.peaks), "p99_without_ms": without, "p99_meanwhile_ms": p99,
            "requests_meanwhile": count, "ratio": p99 / statistics.mean(without)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--routes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--seconds", type=float, default=20, help="of each of the three runs of a row [20]")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two reloads [0.5]")
    parser.add_argument("--load-share", type=float, default=0.2, help="of what the gateway can serve [0.2]")
    parser.add_argument("--capacity-seconds", type=int, default=3, help="for finding that out [3]")
    parser.add_argument("--json", help="also as JSON, to this file")
    options = parser.parse_args()
    if not installed("h2load"):
        raise SystemExit("h2load is missing (Debian: nghttp2-client)")
    os.environ["WEIR_BINARY"] = str(pathlib.Path(options.binary).resolve())
    rows = []
    with Gateway(basic_config([{"name": "all", "match": {}, "respond": {"status": 200, "body": "x" * 66}}],
                              workers=1)) as origin:
        address = "%s:%d" % origin.address()
        print("| routes | upstreams | reload, median and worst | memory, and peak in a reload | p99 without | p99 meanwhile "
              "| ratio |\n|---|---|---|---|---|---|---|", flush=True)
        for routes in options.routes:
            out = row(routes, address, options)
            rows.append(out)
            print(f"| {routes} | {out['upstreams']} | {out['reload_s'] * 1000:.0f} ms, {out['reload_worst_s'] * 1000:.0f} ms "
                  f"| {out['memory_mib']:.0f} MiB, {out['peak_mib']:.0f} MiB "
                  f"| {' and '.join(f'{each:.2f}' for each in out['p99_without_ms'])} ms "
                  f"| {out['p99_meanwhile_ms']:.2f} ms ({out['requests_meanwhile']} requests, {out['rate']} a second, "
                  f"{out['reloads']} reloads) | {out['ratio']:.2f} |", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
