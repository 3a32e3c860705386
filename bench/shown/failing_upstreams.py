#!/usr/bin/env python3
"""What clients notice when an upstream fails, four scenes, each Weir beside nginx and HAProxy (where they are
installed and have the like):

  storm    every second answer is a 503 and the route retries three times: requests to the upstream for one
           of the clients, in each window of ten seconds; the budget bounds it to 1 + its share
  rolling  three origins are restarted one after the other, again and again, each finishes what it has: every
           request must be answered with 200, with everything at its defaults
  kill     one of three origins is killed (SIGKILL): at most the requests in flight to it may fail
  slow     one of three origins takes 300 ms longer: the clients' 99th percentile by policy

Each writes FOLDER/SCENE.svg and one line of JSON. Nothing here is a pass or a fail: read the figures.
Usage: failing_upstreams.py WEIR_BINARY [--scenes storm rolling kill slow] [--seconds N] [--out FOLDER]"""

import argparse
import asyncio
import json
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "load"))

from fronts import haproxy, installed, nginx, percentile, tell, wait_listening, weir  # noqa: E402
from proxies import Workspace, free_port  # noqa: E402

# An origin over HTTP/1.1: PORT DELAY_SECONDS FAIL_EACH (0: never) HOST,HOST,... SIGTERM: takes nothing more, answers what
# it has, closes what is idle. Prints what it was asked each second, and at its end how many were open.
ORIGIN = r"""
import asyncio, signal, sys, time
port, delay, fail_each = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
asked, active, idle, ending = 0, 0, set(), False
async def serve(reader, writer):
    global asked, active
    try:
        while not ending:
            idle.add(writer)
            head = await reader.readuntil(b"\r\n\r\n")
            idle.discard(writer)
            asked += 1
            active += 1
            fails = fail_each and asked % fail_each == 0
            try:
                if delay:
                    await asyncio.sleep(delay)
                writer.write((b"HTTP/1.1 503 Service Unavailable\r\n" if fails else b"HTTP/1.1 200 OK\r\n") +
                             (b"Connection: close\r\n" if ending else b"") + b"Content-Length: 2\r\n\r\nok")
                await writer.drain()
            finally:
                active -= 1
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass
    finally:
        idle.discard(writer)
        writer.close()
async def main():
    global ending
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    server = await asyncio.start_server(serve, sys.argv[4].split(","), port, backlog=1024)
    print("ready", flush=True)
    while not over.is_set():
        try:
            await asyncio.wait_for(over.wait(), 1)
        except asyncio.TimeoutError:
            pass
        print(time.time(), asked, active, flush=True)
    ending = True
    server.close()
    for writer in list(idle):
        writer.close()
    while active:
        await asyncio.sleep(0.005)
asyncio.run(main())
"""


class Origin:
    def __init__(self, port, delay=0.0, fail_each=0, hosts=("127.0.0.1",)):
        self.port, self.settings = port, (str(delay), str(fail_each), ",".join(hosts))
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, "-c", ORIGIN, str(self.port), *self.settings],
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def restart(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()
        self.start()

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def end(self):
        """[(time, requests until then)]."""
        self.process.send_signal(signal.SIGTERM)
        lines = self.process.communicate()[0].splitlines()
        return [(float(line.split()[0]), int(line.split()[1])) for line in lines]


async def client(port, until, answers):
    """One request after the other on a kept connection: (time of its end, status or 0, seconds) each."""
    reader = writer = None
    while time.time() < until:
        began = time.monotonic()
        status = 0
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            status = int(head[9:12])
            lines = head.lower().split(b"\r\n")
            length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            if b"connection: close" in lines:
                writer.close()
                writer = None
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, StopIteration):
            if writer is not None:
                writer.close()
            writer = None
        answers.append((time.time(), status, time.monotonic() - began))


def load(port, clients, seconds, meanwhile=None):
    """All answers of `clients` clients; `meanwhile` runs in a thread beside them."""
    answers = []

    async def run():
        until = time.time() + seconds
        tasks = [client(port, until, answers) for _ in range(clients)]
        if meanwhile is not None:
            tasks.append(asyncio.to_thread(meanwhile, until))
        await asyncio.gather(*tasks)

    asyncio.run(run())
    return sorted(answers)


# --- figures

def failures(answers):
    return sum(1 for _at, status, _took in answers if status != 200)


def each_second(answers, value):
    """[(second, value(answers of that second))]."""
    begin = answers[0][0]
    by_second = {}
    for answer in answers:
        by_second.setdefault(int(answer[0] - begin), []).append(answer)
    return [(second, value(of)) for second, of in sorted(by_second.items())]


# --- scenes

def storm(binary, workspace, folder, seconds):
    seconds = max(seconds, 20)
    retry = {"retries": 3, "backoff": {"base": "25ms", "max": "250ms"}}
    makers = {
        "weir, budget 20 %": lambda ports: weir(binary, workspace, ports, {}, {"retry": retry}),
        "weir, no retry": lambda ports: weir(binary, workspace, ports, {}, {})}
    if installed("nginx"):
        makers["nginx"] = lambda ports: nginx(
            workspace, ports, location="proxy_next_upstream error timeout http_503; proxy_next_upstream_tries 4;")
    if installed("haproxy"):
        makers["haproxy"] = lambda ports: haproxy(
            workspace, ports, defaults="  retries 3\n  retry-on 503\n  option redispatch")
    series, rows = {}, {}
    for name, make in makers.items():
        origins = [Origin(free_port(), 0.02, 2) for _ in range(2)]
        proxy = wait_listening(make([origin.port for origin in origins]))
        answers = load(proxy.port, 64, seconds)
        proxy.stop()
        asked = [origin.end() for origin in origins]
        window = 10
        ratios = []
        begin = answers[0][0]
        for second in range(window, seconds + 1):
            sent = sum(1 for at, _s, _t in answers if begin + second - window <= at < begin + second)
            tried = sum(until(times, begin + second) - until(times, begin + second - window) for times in asked)
            ratios.append((second, tried / max(sent, 1)))
        series[name] = ratios
        rows[name] = {"worst ratio in 10 s": round(max(ratio for _s, ratio in ratios), 3),
                      "answered 200": round(1 - failures(answers) / len(answers), 3), "requests": len(answers)}
    tell("storm", folder, "Half of the answers fail: requests to the upstream for one of the clients",
         "ratio in ten seconds", series, rows, bound=1.2)


def until(times, at):
    """How much was counted until then, between the seconds in a straight line."""
    before = (times[0][0] - 1, 0)
    for point in times:
        if point[0] >= at:
            return before[1] + (point[1] - before[1]) * (at - before[0]) / max(point[0] - before[0], 1e-9)
        before = point
    return before[1]


def plain(binary, workspace):
    makers = {"weir": lambda ports: weir(binary, workspace, ports, {}, {})}
    if installed("nginx"):
        makers["nginx"] = lambda ports: nginx(workspace, ports)
    if installed("haproxy"):
        makers["haproxy"] = lambda ports: haproxy(workspace, ports)
    return makers


def rolling(binary, workspace, folder, seconds):
    series, rows = {}, {}
    for name, make in plain(binary, workspace).items():
        origins = [Origin(free_port(), 0.005) for _ in range(3)]
        proxy = wait_listening(make([origin.port for origin in origins]))
        restarts = 0

        def roll(end):
            nonlocal restarts
            while time.time() < end:
                origins[restarts % 3].restart()
                restarts += 1
                time.sleep(0.3)  # the pace of the restarts

        answers = load(proxy.port, 32, seconds, roll)
        proxy.stop()
        for origin in origins:
            origin.end()
        series[name] = each_second(answers, failures)
        rows[name] = {"failed": failures(answers), "requests": len(answers), "restarts": restarts,
                      "p99 ms": round(percentile([took for _a, _s, took in answers], 0.99) * 1000, 1)}
    tell("rolling", folder, "Three origins, restarted one after the other", "failed requests a second", series, rows)


def kill(binary, workspace, folder, seconds):
    series, rows = {}, {}
    clients = 32
    for name, make in plain(binary, workspace).items():
        origins = [Origin(free_port(), 0.02) for _ in range(3)]
        proxy = wait_listening(make([origin.port for origin in origins]))

        def murder(end):
            time.sleep((end - time.time()) / 3)  # the load runs evenly by then
            origins[0].kill()

        answers = load(proxy.port, clients, seconds, murder)
        proxy.stop()
        for origin in origins[1:]:
            origin.end()
        series[name] = each_second(answers, failures)
        rows[name] = {"failed": failures(answers), "requests": len(answers), "clients": clients,
                      "longest ms": round(max(took for _a, _s, took in answers) * 1000, 1)}
    tell("kill", folder, "One of three origins is killed", "failed requests a second", series, rows)


def slow(binary, workspace, folder, seconds):
    policies = ["round_robin", "least_requests", "peak_ewma"]
    makers = {f"weir {policy}": lambda ports, policy=policy: weir(
        binary, workspace, ports, {"load_balancer": {"policy": policy}}, {}) for policy in policies}
    if installed("nginx"):
        makers["nginx least_conn"] = lambda ports: nginx(workspace, ports, policy="least_conn;")
    if installed("haproxy"):
        makers["haproxy leastconn"] = lambda ports: haproxy(workspace, ports, policy="leastconn")
    series, rows = {}, {}
    for name, make in makers.items():
        origins = [Origin(free_port(), 0.005 + (0.3 if number == 0 else 0)) for number in range(3)]
        proxy = wait_listening(make([origin.port for origin in origins]))
        answers = load(proxy.port, 32, seconds)
        proxy.stop()
        asked = [origin.end()[-1][1] for origin in origins]
        took = [took * 1000 for _a, _s, took in answers]
        series[name] = each_second(answers, lambda of: percentile([took * 1000 for _a, _s, took in of], 0.99))
        rows[name] = {"p50 ms": round(percentile(took, 0.5), 1), "p99 ms": round(percentile(took, 0.99), 1),
                      "share of the slow one": round(asked[0] / max(sum(asked), 1), 4), "requests": len(answers)}
    tell("slow", folder, "One of three origins takes 300 ms longer", "99th percentile, ms", series, rows)


SCENES = {"storm": storm, "rolling": rolling, "kill": kill, "slow": slow}


def main():
    parser = argparse.ArgumentParser(description="What clients notice when an upstream fails.")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--seconds", type=int, default=20, help="of load for each proxy [20]")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."), help="where the plots go [.]")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    workspace = Workspace()
    try:
        for scene in options.scenes:
            SCENES[scene](options.binary.resolve(), workspace, options.out, options.seconds)
    finally:
        workspace.close()


if __name__ == "__main__":
    main()
