#!/usr/bin/env python3
"""Shows whether the gauges of use are honest: a gateway of one worker on one CPU, its load and its
origin on another, first as much as it takes, then half of that rate. Beside what
weir_worker_utilization_ratio and weir_saturation_ratio read each second stands the time that the
worker ran or waited for the CPU, as the kernel counted it. Needs h2load and two CPUs; 127.0.0.1 only; ends by itself.
Usage: saturation.py WEIR_BINARY [--seconds N] [--rounds N]"""

import argparse
import base64
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

GATEWAY_CPU, LOAD_CPU = 0, 1
WARM_UP = 4  # seconds until what the gauges look back on is the load alone
CLIENTS = 32


def on_cpu(cpu):
    def prepare():
        os.sched_setaffinity(0, {cpu})
        try:
            os.nice(-15)  # others on the machine shall not be what is measured
        except OSError:
            pass
    return prepare


class Weir:
    def __init__(self, binary, cpu, folder, name, config):
        path = os.path.join(folder, name + ".yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.process = subprocess.Popen([binary, "run", "-c", path], stderr=subprocess.PIPE,
                                        text=True, preexec_fn=on_cpu(cpu))
        self.addresses = {}
        for line in self.process.stderr:
            found = re.search(r"listening name=(\S+) address=(\S+):(\d+)", line)
            if found:
                self.addresses[found[1]] = (found[2], int(found[3]))
            if len(self.addresses) == 2:
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def gauges(self):
        admin = http.client.HTTPConnection(*self.addresses["admin"], timeout=30)
        admin.request("GET", "/metrics")
        text = admin.getresponse().read().decode()
        admin.close()
        return [float(re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)", text, re.M)[1])
                for name in ("weir_worker_utilization_ratio", "weir_saturation_ratio")]

    def worker_seconds(self):
        """Time that the worker ran or waited for the CPU, as the kernel counts it."""
        folder = f"/proc/{self.process.pid}/task"
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/comm", encoding="ascii") as file:
                if file.read() != "worker-0\n":
                    continue
            with open(f"{folder}/{task}/schedstat", encoding="ascii") as file:
                return sum(map(int, file.read().split()[:2])) / 1e9
        raise RuntimeError("no worker")

    def close(self):
        self.process.terminate()
        self.process.wait(30)


class Token:
    """A key, and a token signed with it that the gateway verifies anew each time."""

    def __init__(self, folder):
        key, public = os.path.join(folder, "key.pem"), os.path.join(folder, "public.pem")
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True,
                       capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], check=True,
                       capture_output=True)

        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")
        signed = part(b'{"alg":"RS256"}') + b"." + part(b'{"iss":"https://id.example"}')
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=signed,
                                   check=True, capture_output=True).stdout
        self.header = ["-H", "authorization: Bearer " + (signed + b"." + part(signature)).decode()]
        self.middleware = {"jwt": {
            "issuers": [{"issuer": "https://id.example", "algorithms": ["RS256"],
                         "keys": {"public_key_file": public}}],
            "cache": {"entries": 0}}}


def config(route, **more):
    return {"version": 1, "server": {"workers": 1}, "access_log": {"path": "off"},
            "admin": {"bind": "127.0.0.1:0"},
            "listeners": [{"name": "http", "bind": "127.0.0.1:0", "protocols": ["http1", "h2c"]}],
            "routes": [{"name": "all", "match": {"path_prefix": "/"}, **route}], **more}


def drive(gateway, options, seconds, rate=None):
    """Load for WARM_UP + seconds; (requests a second, share of its time that the worker wanted the CPU, gauges by name)."""
    host, port = gateway.addresses["http"]
    command = ["h2load", "-c", str(CLIENTS), "-t", "1", "-D", str(WARM_UP + seconds), *options,
               f"http://{host}:{port}/"]
    if rate:
        command[1:1] = [f"--rps={rate / CLIENTS:.1f}"]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            preexec_fn=on_cpu(LOAD_CPU))
    time.sleep(WARM_UP)
    read, began, cpu = [], time.monotonic(), gateway.worker_seconds()
    while time.monotonic() - began < seconds - 1.5:
        time.sleep(1)
        read.append(gateway.gauges())
    share = (gateway.worker_seconds() - cpu) / (time.monotonic() - began)
    output = load.communicate()[0]
    done = re.search(r"finished in ([\d.]+)s, ([\d.]+) req/s", output)
    failed = re.search(r"(\d+) failed", output)
    if not done or (failed and int(failed[1])):
        raise RuntimeError("h2load: " + output[-2000:])
    return float(done[2]), share, list(zip(*read))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3, help="at most, while others disturb")
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two CPUs are needed, one for the gateway and one for its load")
    print(f"{'what':24} | {'load':5} | requests/s | the kernel's count | "
          "worker_utilization_ratio | saturation_ratio")
    honest = True
    with tempfile.TemporaryDirectory(prefix="weir-saturation-") as folder:
        origin = Weir(options.binary, LOAD_CPU, folder, "origin",
                      config({"respond": {"status": 200, "body": "x" * 64}}))
        address = "%s:%d" % origin.addresses["http"]
        answer = {"respond": {"status": 200, "body": "x" * 64}}
        # Work that only the gateway has, so that one CPU of load is enough to fill it.
        token = Token(folder)
        checked = {"middleware": [token.middleware]}
        scenes = [
            ("RS256, HTTP/1", ["--h1", *token.header], {**answer, **checked}, {}),
            ("RS256, HTTP/2", ["-m", "10", *token.header], {**answer, **checked}, {}),
            ("RS256, forwarded", ["-m", "10", *token.header], {"upstream": "origin", **checked},
             {"upstreams": {"origin": {"endpoints": [{"address": address}]}}})]
        try:
            for name, load, route, more in scenes:
                gateway = Weir(options.binary, GATEWAY_CPU, folder, "gateway",
                               config(route, **more))
                try:
                    for _ in range(options.rounds):
                        rows, fine = [], True
                        rate, share, read = drive(gateway, load, options.seconds)
                        full = share > 0.93
                        rows.append(("peak", rate, share, read))
                        # A client that cannot fill the gateway is told so, not counted.
                        fine &= not full or all(min(one) > 0.95 for one in read)
                        rate, share, read = drive(gateway, load, options.seconds, rate / 2)
                        rows.append(("half", rate, share, read))
                        fine &= not full or all(
                            0.35 <= sum(one) / len(one) <= 0.65 for one in read)
                        if fine and full:
                            break
                    for which, rate, share, (use, whole) in rows:
                        values = " | ".join(
                            f"{min(v):.3f} {sum(v) / len(v):.3f} {max(v):.3f}".rjust(width)
                            for v, width in ((use, 24), (whole, 16)))
                        note = "" if full else "  (the load's CPU is the limit)"
                        print(f"{name:24} | {which:5} | {rate:10.0f} | {share:18.3f} | {values}"
                              f"{note}", flush=True)
                    honest &= fine
                finally:
                    gateway.close()
        finally:
            origin.close()
    print("gauges: least, mean and most of the readings, one a second. At the peak above 0.95, "
          "at half of it 0.35 to 0.65:", "holds" if honest else "DOES NOT HOLD")
    return 0 if honest else 1


if __name__ == "__main__":
    sys.exit(main())
