#!/usr/bin/env python3
"""A rehearsal of the deployment without a cluster: three gateways and two origins as processes, HAProxy
as the balancer in front, which asks /readyz as deploy/k8s's readiness probe does and repeats nothing.
Shows what clients see (1) while each gateway is replaced, a new one first, then SIGTERM to the old;
(2) when one is killed; and (3) when deploy/k8s's autoscaler would have acted on metrics recorded
under a rising and falling load. Drain times, probe and autoscaler are read from the manifests.
Needs haproxy, h2load and openssl; 127.0.0.1 only; ends by itself, leaves nothing.
Usage: rehearsal.py WEIR_BINARY [--rate REQUESTS_A_SECOND]"""

import argparse
import base64
import http.client
import json
import math
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

K8S = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "k8s"
CLIENTS = 32
CROWD = 256  # connections while the autoscaler's metrics are recorded
GATEWAYS = 3
SLOTS = GATEWAYS + 1  # maxSurge 1


def manifest(path, pattern):
    found = re.search(pattern, (K8S / path).read_text(encoding="utf-8"), re.S)
    if not found:
        sys.exit(f"{path}: no {pattern}")
    return found[1]


DRAIN_DELAY = manifest("base/weir.yaml", r"drain_delay: (\S+)")
DRAIN_TIMEOUT = manifest("base/weir.yaml", r"drain_timeout: (\S+)")
PROBE = int(manifest("base/deployment.yaml", r"readinessProbe:.*?periodSeconds: (\d+)"))
FALL = int(manifest("base/deployment.yaml", r"readinessProbe:.*?failureThreshold: (\d+)"))
HPA = "overlays/production/horizontal-pod-autoscaler.yaml"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


class Token:
    """Work for the gateway alone: a key, and a token that it verifies anew for each request."""

    def __init__(self, folder):
        key, self.public = f"{folder}/key.pem", f"{folder}/public.pem"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", self.public], check=True,
                       capture_output=True)

        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")
        signed = part(b'{"alg":"RS256"}') + b"." + part(b'{"iss":"https://id.example"}')
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=signed,
                                   check=True, capture_output=True).stdout
        self.header = ["-H", "authorization: Bearer " + (signed + b"." + part(signature)).decode()]
        self.middleware = {"jwt": {
            "issuers": [{"issuer": "https://id.example", "algorithms": ["RS256"],
                         "keys": {"public_key_file": self.public}}], "cache": {"entries": 0}}}


class Weir:
    def __init__(self, stage, name, port, admin, route, **more):
        config = {"version": 1,
                  "server": {"workers": 1, "drain_delay": DRAIN_DELAY,
                             "drain_timeout": DRAIN_TIMEOUT, "max_connections": 4000},
                  "access_log": {"path": "off"}, "admin": {"bind": f"127.0.0.1:{admin}"},
                  "listeners": [{"name": "http", "bind": f"127.0.0.1:{port}"}],
                  "routes": [{"name": "all", "match": {"path_prefix": "/"}, **route}], **more}
        path = f"{stage.folder}/{name}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.port, self.admin, self.name = port, admin, name
        self.process = subprocess.Popen([stage.binary, "run", "-c", path],
                                        stderr=subprocess.DEVNULL)
        stage.processes.append(self.process)
        wait_for(f"{name} to be ready", self.ready)

    def ask(self, path):
        admin = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=30)
        try:
            admin.request("GET", path)
            answer = admin.getresponse()
            return answer.status, answer.read().decode()
        finally:
            admin.close()

    def ready(self):
        try:
            return self.ask("/readyz")[0] == 200
        except OSError:
            return False

    def metrics(self):
        """(saturation, CPU seconds, requests)"""
        text = self.ask("/metrics")[1]

        def total(name):
            return sum(float(value) for value in
                       re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)", text, re.M))
        return (total("weir_saturation_ratio"), total("process_cpu_seconds_total"),
                total("weir_http_requests_total"))


class Stage:
    """Everything that runs; gone at its end."""

    def __init__(self, binary):
        self.binary = binary
        self.processes = []
        self.temporary = tempfile.TemporaryDirectory(prefix="weir-rehearsal-")
        self.folder = self.temporary.name
        self.token = Token(self.folder)
        ports = free_ports(2 * (2 + SLOTS) + 1)
        self.front = ports.pop()
        self.origins = [Weir(self, f"origin{n}", ports.pop(), ports.pop(),
                             {"respond": {"status": 200, "body": "x" * 64},
                              # so that requests are on their way at every moment
                              "fault": {"delay": {"share": "100%", "time": "5ms"}}})
                        for n in range(2)]
        self.slots = [(ports.pop(), ports.pop()) for _ in range(SLOTS)]
        self.gateways = [self.gateway(slot) for slot in range(GATEWAYS)]
        self.balancer = None

    def gateway(self, slot):
        return Weir(self, f"gateway{slot}", *self.slots[slot],
                    {"upstream": "app", "middleware": [self.token.middleware]},
                    upstreams={"app": {"endpoints": [{"address": f"127.0.0.1:{one.port}"}
                                                     for one in self.origins]}})

    def balance(self, again):
        """HAProxy; `again`: a connect that fails is tried once more, elsewhere."""
        if self.balancer:
            self.balancer.kill()
            self.balancer.wait()
        servers = "\n".join(
            f"  server s{n} 127.0.0.1:{port} check port {admin} inter {PROBE}s fall {FALL} rise 1"
            for n, (port, admin) in enumerate(self.slots))
        repeat = "  retries 1\n  option redispatch 1" if again else "  retries 0"
        with open(f"{self.folder}/haproxy.cfg", "w", encoding="ascii") as file:
            file.write(f"""global
  stats socket {self.folder}/stats level admin
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{self.front}
  default_backend gateways
backend gateways
  balance roundrobin
  option httpchk GET /readyz
{repeat}
{servers}
""")
        self.balancer = subprocess.Popen(["haproxy", "-db", "-q", "-f",
                                          f"{self.folder}/haproxy.cfg"],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(self.balancer)
        wait_for("the balancer", lambda: self.up() == GATEWAYS)

    def up(self):
        """How many gateways the balancer has found ready."""
        try:
            with socket.socket(socket.AF_UNIX) as stats:
                stats.settimeout(10)
                stats.connect(f"{self.folder}/stats")
                stats.sendall(b"show stat\n")
                text = stats.makefile().read()
        except OSError:
            return -1
        rows = [line.split(",") for line in text.splitlines() if line.startswith("gateways,s")]
        # Slots without a process count as up until their first probe.
        return sum(row[17] == "UP" for row in rows)

    def load(self, seconds, rate=None, clients=CLIENTS):
        command = ["h2load", "--h1", "-c", str(clients), "-D", str(seconds), *self.token.header,
                   f"http://127.0.0.1:{self.front}/"]
        if rate:
            command[1:1] = [f"--rps={rate / clients:.2f}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True)
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        self.temporary.cleanup()


def result(load):
    """(requests done, failed): failed is another status than 200, or no answer at all."""
    text = load.communicate()[0]
    counts = re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, "
                       r"(\d+) failed, (\d+) errored, (\d+) timeout", text)
    statuses = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if not counts or not statuses:
        raise RuntimeError("h2load: " + text[-2000:])
    done, good = int(counts[3]), int(statuses[1])
    lost = int(counts[6]) + int(counts[7])
    return done + lost, done - good + lost


def replacement(stage, rate):
    seconds = 4 + GATEWAYS * 16
    load = stage.load(seconds, rate)
    began = time.monotonic()
    time.sleep(2)
    print(f"{'gateway':9} | {'new one ready':13} | {'drained in':10} | exit")
    free = GATEWAYS
    for n in range(GATEWAYS):
        old, start = stage.gateways[n], time.monotonic()
        new = stage.gateway(free)
        ready = time.monotonic() - start
        wait_for("the balancer to see the new one", lambda: stage.up() == GATEWAYS + 1)
        start = time.monotonic()
        old.process.send_signal(signal.SIGTERM)
        code = old.process.wait(60)
        print(f"{old.name:9} | {ready:11.2f} s | {time.monotonic() - start:8.2f} s | {code}",
              flush=True)
        stage.gateways[n], free = new, n
    over = time.monotonic() - began > seconds
    done, failed = result(load)
    holds = failed == 0 and not over
    print(f"{done} requests, {failed} failed (none may fail): {'holds' if holds else 'FAILED'}"
          + (" - the load ended too early" if over else ""))
    return holds


def kill(stage, rate, again):
    stage.balance(again)
    load = stage.load(14, rate)
    time.sleep(4)
    victim = stage.gateways[0]
    victim.process.kill()
    victim.process.wait()
    done, failed = result(load)
    # What was on its way there, and its share of what came until the probe failed; when connects are
    # tried again only what was on its way. One more second for a machine that is busy.
    bound = CLIENTS + (0 if again else rate / GATEWAYS * (PROBE * FALL + 1))
    holds = failed <= bound
    print(f"{'retries a connect' if again else 'retries nothing':17} | {done:8} | {failed:6} | "
          f"{bound:8.0f} | {'holds' if holds else 'FAILED'}", flush=True)
    stage.gateways[0] = stage.gateway(int(victim.name.removeprefix("gateway")))
    return holds


class Autoscaler:
    """HPA v2's arithmetic: the largest wish of all metrics, within a tolerance of 10 %; upwards at
    most what the policies allow, downwards the largest wish of the stabilisation window."""

    def __init__(self):
        self.targets = [
            int(manifest(HPA, r"averageUtilization: (\d+)")) / 100,
            int(manifest(HPA, r"weir_saturation_ratio}\s+target: {[^}]*averageValue: (\d+)m")) / 1000,
            float(manifest(HPA, r'requests_per_second}\s+target: {[^}]*averageValue: "(\d+)"'))]
        self.least = int(manifest(HPA, r"minReplicas: (\d+)"))
        self.most = int(manifest(HPA, r"maxReplicas: (\d+)"))
        up = manifest(HPA, r"scaleUp:(.*?)scaleDown")
        down = manifest(HPA, r"scaleDown:(.*)")
        self.up_percent = int(re.search(r"Percent, value: (\d+)", up)[1])
        self.up_pods = int(re.search(r"Pods, value: (\d+)", up)[1])
        self.window = int(re.search(r"stabilizationWindowSeconds: (\d+)", down)[1])
        found = re.search(r"Percent, value: (\d+), periodSeconds: (\d+)", down)
        self.down_percent, self.down_period = int(found[1]), int(found[2])
        self.wishes, self.changes = [], []

    def step(self, now, replicas, values):
        wishes = []
        for value, target in zip(values, self.targets):
            ratio = value / target
            wishes.append(replicas if abs(ratio - 1) <= 0.1 else math.ceil(replicas * ratio))
        wish = min(self.most, max(self.least, *wishes))
        self.wishes = [(at, w) for at, w in self.wishes if now - at < self.window] + [(now, wish)]
        if wish > replicas:
            after = min(wish, max(replicas + math.floor(replicas * self.up_percent / 100),
                                  replicas + self.up_pods))
        else:
            wish = max(w for _, w in self.wishes)
            recent = sum(-change for at, change in self.changes
                         if now - at < self.down_period and change < 0)
            base = replicas + recent
            floor = math.floor(base * (1 - self.down_percent / 100))
            after = min(replicas, max(wish, floor, self.least))
        self.changes.append((now, after - replicas))
        return wishes, after


def autoscaling(stage):
    """Records a load that rises to what the machine gives and falls again, then replays it."""
    most = result(stage.load(5, clients=CROWD))[0] / 5
    profile = [0.15] * 2 + [0.5] * 2 + [1.0] * 4 + [0.15] * 2
    recorded = []
    for share in profile:
        load = stage.load(5, None if share == 1 else most * share, CROWD)
        time.sleep(1.5)
        before, began = [one.metrics() for one in stage.gateways], time.monotonic()
        time.sleep(2.5)
        after, took = [one.metrics() for one in stage.gateways], time.monotonic() - began
        load.communicate()
        recorded.append((sum(b[1] - a[1] for a, b in zip(before, after)) / took,
                         sum(one[0] for one in after),
                         sum(b[2] - a[2] for a, b in zip(before, after)) / took))
    print(f"Recorded on {GATEWAYS} gateways, replayed: each reading stands for 15 s, the last for as long as "
          "it takes; CPU of\na request of one CPU a pod. With other replicas a pod has its share of "
          "what was recorded.")
    print(f"{'time':>6} | {'pods':>4} | CPU a pod | saturation | requests/s a pod | "
          "wishes (CPU, saturation, requests) | pods after | saturation then")
    scaler, replicas, now, quiet = Autoscaler(), GATEWAYS, 0, 0
    index = 0
    while quiet < 6 and now < 3600:
        cpu, saturation, rate = recorded[min(index, len(recorded) - 1)]
        values = (cpu / replicas, min(1.0, saturation / replicas), rate / replicas)
        wishes, after = scaler.step(now, replicas, values)
        changed = after != replicas
        if changed or index < len(recorded):
            print(f"{now:4} s | {replicas:4} | {values[0]:9.2f} | {values[1]:10.2f} | "
                  f"{values[2]:16.0f} | {str(tuple(wishes)):>34} | {after:10} | "
                  f"{min(1.0, saturation / after):.2f}", flush=True)
        quiet = 0 if changed or after > scaler.least else quiet + 1
        if index < len(recorded):
            quiet = 0
        replicas, now, index = after, now + 15, index + 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rate", type=int, default=1000)
    options = parser.parse_args()
    stage = Stage(os.path.abspath(options.binary))
    try:
        stage.balance(again=False)
        print(f"{GATEWAYS} gateways, 2 origins, {options.rate} requests/s on {CLIENTS} connections; readiness "
              f"every {PROBE} s, drain_delay {DRAIN_DELAY}, drain_timeout {DRAIN_TIMEOUT}\n")
        print("1. Each gateway replaced; the balancer repeats nothing")
        holds = replacement(stage, options.rate)
        print("\n2. A gateway killed (SIGKILL)")
        print("the balancer      | requests | failed | at most  |")
        holds &= kill(stage, options.rate, again=False)
        holds &= kill(stage, options.rate, again=True)
        print("\n3. The autoscaler on recorded metrics")
        stage.balance(again=False)
        autoscaling(stage)
        return 0 if holds else 1
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main())
