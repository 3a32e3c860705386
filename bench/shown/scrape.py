#!/usr/bin/env python3
"""Shows what a scrape costs: time and size of /metrics with 1,000 routes and 50 upstreams, all of them used, in both formats, plain
and compressed, with normal and fine histograms; which threads spent CPU on it; and how long requests take while scrapes follow each
other without a pause, beside the time without any. 127.0.0.1 only; ends by itself.
Usage: scrape.py WEIR_BINARY [--routes N] [--upstreams N] [--scrapes N]"""

import argparse
import gzip
import http.client
import http.server
import os
import statistics
import threading
import time

from gateway import Gateway

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
KINDS = [("text", {}), ("text, gzip", {"Accept-Encoding": "gzip"}), ("OpenMetrics", {"Accept": OPENMETRICS}),
         ("OpenMetrics, gzip", {"Accept": OPENMETRICS, "Accept-Encoding": "gzip"})]


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.send_response(404 if self.path.endswith("9") else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def configuration(routes, upstreams, origin, detail):
    return {
        "version": 1, "server": {"workers": 2}, "access_log": {"path": "off"}, "admin": {"bind": "127.0.0.1:0"},
        "metrics": {"detail": detail}, "listeners": [{"name": "http", "bind": "127.0.0.1:0"}],
        "routes": [{"name": f"route-{n}", "match": {"path_prefix": f"/r{n}"}, "upstream": f"upstream-{n % upstreams}"}
                   for n in range(routes)],
        "upstreams": {f"upstream-{n}": {"endpoints": [{"address": origin}], "circuit_breaker": {}}
                      for n in range(upstreams)}}


def use_all(gateway, routes):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["http"])
    for n in range(routes):
        for path in (f"/r{n}/0", f"/r{n}/9"):
            connection.request("GET", path)
            connection.getresponse().read()


def scrape(connection, headers):
    begun = time.perf_counter()
    connection.request("GET", "/metrics", headers=headers)
    body = connection.getresponse().read()
    return time.perf_counter() - begun, body


def cpu_of_threads(pid):
    """Seconds by thread id, and its name."""
    out = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            out[int(task)] = int(file.read().split()[0]) / 1e9
    return out


def latencies(gateway, until):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["http"])
    out = []
    while not until(out):
        begun = time.perf_counter()
        connection.request("GET", "/r0/0")
        connection.getresponse().read()
        out.append((time.perf_counter() - begun) * 1000)
    return sorted(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--routes", type=int, default=1000)
    parser.add_argument("--upstreams", type=int, default=50)
    parser.add_argument("--scrapes", type=int, default=20)
    options = parser.parse_args()
    origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{origin.server_port}"

    def config(detail):
        return configuration(options.routes, options.upstreams, address, detail)
    gateway = Gateway(options.binary, config("normal"))
    use_all(gateway, options.routes)
    print(f"{options.routes} routes, {options.upstreams} upstreams, each used; {options.scrapes} scrapes of each kind")
    print(f"{'detail':8} {'kind':18} {'series':>8} {'KiB':>8} {'median ms':>10} {'longest ms':>11}")
    for detail in ("normal", "fine"):
        gateway.write(config(detail))
        status, answer = gateway.admin("POST", "/reload")
        if status != 200:
            raise SystemExit(answer)
        for name, headers in KINDS:
            connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["admin"], timeout=60)
            scrape(connection, headers)
            got = [scrape(connection, headers) for _ in range(options.scrapes)]
            times, body = [took * 1000 for took, _ in got], got[-1][1]
            text = gzip.decompress(body) if "gzip" in name else body
            series = sum(1 for line in text.splitlines() if not line.startswith(b"#"))
            print(f"{detail:8} {name:18} {series:8} {len(body) / 1024:8.0f} {statistics.median(times):10.1f} {max(times):11.1f}")
    gateway.write(config("normal"))
    gateway.admin("POST", "/reload")

    pid = gateway.process.pid
    quiet = latencies(gateway, lambda out: len(out) >= 2000)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["admin"], timeout=60)
    before = cpu_of_threads(pid)
    for _ in range(options.scrapes):
        scrape(connection, {"Accept-Encoding": "gzip"})
    spent = {task: cpu - before.get(task, 0) for task, cpu in cpu_of_threads(pid).items()}
    print(f"\nCPU of {options.scrapes} scrapes by thread, while nobody asks for anything else (ms a scrape):")
    for task, cpu in sorted(spent.items(), key=lambda each: -each[1]):
        if cpu > 0:
            role = "main thread" if task == pid else f"thread {task - pid:+}"
            print(f"  {role:12} {cpu * 1000 / options.scrapes:8.3f}")
    done = threading.Event()

    def scrape_on():
        mine = http.client.HTTPConnection("127.0.0.1", gateway.ports["admin"], timeout=60)
        while not done.is_set():
            scrape(mine, {"Accept-Encoding": "gzip"})
    scraper = threading.Thread(target=scrape_on)
    scraper.start()
    busy = latencies(gateway, lambda out: len(out) >= 2000)
    done.set()
    scraper.join()
    print("\nrequests, ms:          p50      p99      longest")
    for name, times in (("no scrape", quiet), ("scrape after scrape", busy)):
        print(f"  {name:20} {times[len(times) // 2]:8.3f} {times[len(times) * 99 // 100]:8.3f} {times[-1]:8.3f}")
    gateway.close()
    origin.shutdown()


if __name__ == "__main__":
    main()
