#!/usr/bin/env python3
"""Shows that changes cost nobody anything. Requests come at a constant rate over HTTP/1 and over HTTP/2 with TLS,
WebSockets and gRPC streams are open, and meanwhile

  reloads   each changes listeners (one comes, one goes, three change), the certificate, routes and upstreams
  etcd      documents change: endpoints alone, routes, a certificate, a bad document, one that is deleted
  upgrades  SIGUSR2: a new process takes the sockets over. Streams live on in the process that they began in;
            some more are opened behind each upgrade, which belong to the process of then

For each part it prints the requests that failed and the streams that were cut, and at the end whether processes that
had handed over ended by themselves when their last stream was closed. Exit code 1 if anything failed or was cut.

h2load (nghttp2-client) makes the load, in turns of some seconds, each over new connections. But a process that hands over
ends its connections in order, and then h2load gives up: with --rps it sends no more over a connection that it has made
anew, and after a GOAWAY it counts what it has not sent as failed. So in `upgrades` weir-load makes the load, which
connects again as clients do. --load weir-load does without h2load. Needs node with `npm ci --prefix tests/node`,
and etcd (Debian: etcd-server) for `etcd`.
Usage: change.py WEIR_BINARY [--share 0.1] [--parts reloads etcd upgrades] [--reloads N] ... (see --help)"""

import argparse
import contextlib
import ctypes
import http.client
import itertools
import json
import os
import pathlib
import queue
import re
import resource
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The harness waits ten times as long: what is shown is that nothing is lost, also on a busy machine.
os.environ.setdefault("WEIR_TEST_PATIENCE", "10")
sys.path.insert(0, str(ROOT / "tests" / "integration"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.etcd import Etcd  # noqa: E402
from harness.gateway import READY, Gateway, basic_config  # noqa: E402
from harness.node import NodeOrigin  # noqa: E402
from harness.tls import Authority  # noqa: E402
from harness.waiting import wait_until  # noqa: E402
from openloop import programs  # noqa: E402

HELD = ROOT / "tests" / "node" / "held_streams.js"
HANDED_OVER = re.compile(r"handed over pid=(\d+)")
PR_SET_CHILD_SUBREAPER = 36
CONNECTIONS = 20  # of h2load
PARTS = ("reloads", "etcd", "upgrades")


# --- the load

class Load(threading.Thread):
    """One protocol's requests at a constant rate, in turns, from start() to finish()."""

    def __init__(self, name, urls, rate, seconds, program, http2):
        super().__init__(daemon=True)
        self.name, self.urls, self.rate, self.seconds = name, urls, rate, seconds
        self.program, self.http2 = program, http2
        self.requests = self.failed = self.turns = 0
        self.stories = []
        self.ending = threading.Event()
        self.start()

    def run(self):
        while not self.ending.is_set():
            try:
                self.turn()
            except Exception as error:  # pylint: disable=broad-except
                self.failed += 1
                self.stories.append(f"{self.name}: {error!r}")
                return
            self.turns += 1

    def turn(self):
        command = self.weir_load() if "weir-load" in self.program else self.h2load()
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20 * self.seconds + 120)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        requests, good, story = (self.read_weir_load if "weir-load" in self.program else self.read_h2load)(done.stdout)
        self.requests += requests
        self.failed += requests - good
        if good != requests:
            self.stories.append(f"{time.strftime('%H:%M:%S')} {self.name}: {story}")

    def h2load(self):
        each = max(1, round(self.rate * self.seconds / CONNECTIONS))
        self.count = each * CONNECTIONS
        return [self.program, *([] if self.http2 else ["--h1"]), "-t1", f"-c{CONNECTIONS}", f"-n{self.count}",
                f"--rps={self.rate / CONNECTIONS:.3f}", *self.urls]

    def read_h2load(self, text):
        good = re.search(r"status codes: (\d+) 2xx", text)
        story = " | ".join(line for line in text.splitlines() if line.startswith(("requests:", "status codes:")))
        return self.count, int(good[1]) if good else 0, story

    def weir_load(self):
        streams = [part for i, url in enumerate(self.urls)
                   for part in ("--stream", f"s{i},{self.rate / len(self.urls)},GET,/{url.split('/', 3)[3]}")]
        return [self.program, self.urls[0], *streams, "--seconds", str(self.seconds), "--connections",
                "4" if self.http2 else str(10 * CONNECTIONS), "--cpu", "any", "--timeout", "60s",
                *(["--http2", "--insecure"] if self.http2 else [])]

    @staticmethod
    def read_weir_load(text):
        figures = json.loads(text)["all"]
        story = {key: figures[key] for key in ("due", "ok", "statuses", "failures", "omissions")}
        return figures["due"], figures["ok"], json.dumps(story)

    def finish(self):
        self.ending.set()
        self.join()


class Held:
    """WebSockets and gRPC streams that are open until end()."""

    def __init__(self, gateway, sockets, streams, pause):
        self.sockets, self.streams = sockets, streams
        address = "%s:%d" % gateway.address("streams")
        self.process = subprocess.Popen(
            ["node", HELD, f"ws://{address}/echo", str(sockets), address, str(streams), str(pause * 1000)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        until = time.monotonic() + 120
        while (state := self.state())["opened"] < sockets + streams:
            if time.monotonic() > until or sum(state["cut"].values()):
                raise SystemExit(f"not all streams could be opened: {state}")
            time.sleep(0.1)
        self.last = state

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def state(self, timeout=60):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        return self.next_line(timeout)

    def next_line(self, timeout):
        try:
            line = self.lines.get(timeout=timeout)
        except queue.Empty:
            line = None
        if line is None:
            raise SystemExit(f"{HELD.name} has failed")
        return line

    def end(self):
        """Closes all; what it saw at the end."""
        self.process.stdin.close()
        out = self.next_line(60)
        self.process.wait()
        return out

    def kill(self):
        self.process.kill()
        self.process.wait()


# --- the configuration, which is another one in each generation

class Change:
    def __init__(self, options, stack):
        self.options = options
        self.failures = 0
        self.pids = []  # of processes that have handed over, oldest first
        self.codes = {}
        self.authority = Authority()
        stack.callback(self.authority.close)
        self.certificates = [self.authority.issue(f"c{i}", ["localhost", "IP:127.0.0.1"]) for i in range(3)]
        self.node = [NodeOrigin("websocket_origin.js"), NodeOrigin("grpc_origin.js")]
        for each in self.node:
            stack.callback(each.close)
        self.origins = Gateway(basic_config(
            [{"name": "all", "match": {}, "respond": {"status": 200, "body": "x" * 66}}],
            listeners=[{"name": f"o{i}", "bind": "127.0.0.1:0"} for i in range(3)], workers=1))
        stack.callback(self.origins.close)
        self.origins.start()
        self.addresses = ["%s:%d" % self.origins.address(f"o{i}") for i in range(3)]
        self.etcd = None
        if "etcd" in options.parts:
            self.etcd = Etcd()
            stack.callback(self.etcd.close)
            self.etcd.start()
            self.etcd.put("/weir/doc", self.document(0))
        self.generation = 0
        self.gateway = Gateway(self.config())
        self.access_log = self.gateway.file("access.log")
        stack.callback(self.end_all)
        self.gateway.start(timeout=60)
        self.held = []

    def config(self):
        turn = self.generation
        cert, key = self.certificates[turn % 3]
        limits = {"header_count": 100 + turn % 2}
        app, sockets, calls = (f"{name}{turn % 2}" for name in ("app", "sockets", "calls"))
        bind = {"bind": "127.0.0.1:0"}
        out = {
            "version": 1,
            "server": {"workers": self.options.workers, "state_dir": "state"},
            # Only what fails is written.
            "access_log": {"path": "access.log", "sample": "0%", "slow": 0},
            "admin": {"bind": "127.0.0.1:0"},
            "listeners": [{"name": "http", **bind, "limits": limits},
                          {"name": "https", **bind, "limits": limits,
                           "tls": {"certificates": [{"cert": cert, "key": key}]}},
                          {"name": "streams", **bind, "limits": limits, "protocols": ["http1", "h2c"]},
                          {"name": f"extra{turn}", **bind}],
            "routes": [{"name": "app", "match": {"path": "/app"}, "upstream": app,
                        "response_headers": {"set": {"x-generation": str(turn)}}},
                       {"name": "sockets", "match": {"path": "/echo"}, "upstream": sockets, "upgrades": ["websocket"],
                        "timeout": 0},
                       {"name": "calls", "match": {"path_prefix": "/weir.Echo"}, "upstream": calls, "timeout": 0},
                       {"name": f"r{turn}", "match": {"path": f"/r/{turn}"}, "respond": {"status": 204}}],
            # The machine may be busy: nothing is to fail for that.
            "upstreams": {app: {"endpoints": self.endpoints(turn), "connect_timeout": "10s"},
                          sockets: {"endpoints": [{"address": self.node[0].address}], "connect_timeout": "30s"},
                          calls: {"endpoints": [{"address": self.node[1].address}], "protocol": "h2",
                                  "connect_timeout": "30s"}}}
        if self.etcd:
            out["providers"] = {"etcd": {"endpoints": [self.etcd.url]}}
        return out

    def endpoints(self, turn):
        return [{"address": self.addresses[(turn + i) % 3]} for i in range(2)]

    def document(self, turn, header=0):
        return {"routes": [{"name": "doc", "match": {"path": "/doc"}, "upstream": "doc",
                            "response_headers": {"set": {"x-header": str(header)}}}],
                "upstreams": {"doc": {"endpoints": self.endpoints(turn)}}}

    # --- one part with its load

    def run(self, part):
        options = self.options
        paths = ["/app", "/doc"] if self.etcd else ["/app"]
        weir_load, _ = programs(options.binary, options.bench) if options.load != "h2load" or part == "upgrades" \
            else (None, None)
        loads = []
        for name, listener, http2 in (("HTTP/1", "http", False), ("HTTP/2", "https", True)):
            use_own = options.load == "weir-load" or part == "upgrades"
            scheme = "https" if http2 else "http"
            urls = [f"{scheme}://127.0.0.1:{self.gateway.port(listener)}{path}" for path in paths]
            loads.append(Load(name, urls, options.rate, options.turn, str(weir_load) if use_own else options.h2load,
                              http2))
        begun = time.monotonic()
        try:
            told = {"reloads": self.reloads, "etcd": self.etcd_part, "upgrades": self.upgrades}[part]()
        finally:
            for load in loads:
                load.finish()
        print(f"{part}: {told}, in {time.monotonic() - begun:.1f} s", flush=True)
        for load in loads:
            self.failures += load.failed
            print(f"  {load.name}: {load.requests} requests in {load.turns} turns, {load.failed} failed", flush=True)
            for story in load.stories[:10]:
                print(f"    {story}")
        self.look_at_streams()
        self.look_at_log()

    def look_at_streams(self):
        for held in self.held:
            before, held.last = held.last, held.state()
            cut = {kind: held.last["cut"][kind] - before["cut"][kind] for kind in before["cut"]}
            self.failures += sum(cut.values())
            print(f"  {held.sockets} WebSockets, {held.streams} gRPC streams: {cut['websockets']} and {cut['grpc']} cut, "
                  f"{held.last['heard'] - before['heard']} messages came back", flush=True)
            for error in held.last["errors"][len(before["errors"]):]:
                print(f"    {error}")

    def look_at_log(self):
        """What the gateway itself counted as failed, by reason."""
        with open(self.access_log, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file if '"path":"/last"' not in line]  # which etcd_part() polls
        os.truncate(self.access_log, 0)
        counts = {}
        for line in lines:
            what = f"{line.get('listener')} {line.get('status')} {line.get('reason', '-')}"
            counts[what] = counts.get(what, 0) + 1
        for what, count in sorted(counts.items()):
            print(f"    the access log: {count} of {what}")

    def hold(self, sockets, streams):
        self.held.append(Held(self.gateway, sockets, streams, self.options.say_each))

    # --- what happens

    def reloads(self):
        slowest, done = 0, {}
        for _ in range(self.options.reloads):
            self.generation += 1
            begun = time.monotonic()
            answer = self.gateway.reload_by_post(self.config())
            slowest = max(slowest, time.monotonic() - begun)
            if answer.status != 200:
                raise SystemExit(f"a reload was refused: {answer.text}")
            changes = answer.json()["changes"]
            done[changes] = done.get(changes, 0) + 1
            self.look_at_change()
            time.sleep(self.options.pause)
        return f"{self.options.reloads} reloads, the slowest {slowest:.2f} s ({done})"

    def look_at_change(self):
        """That it is in force: by the new listener, the route of this generation, and the certificate."""
        name = f"extra{self.generation}"
        wait_until("the new listener", lambda: name in self.gateway.addresses)
        self.expect(self.gateway.address(name), f"/r/{self.generation}", 204)
        presented = ssl.get_server_certificate(self.gateway.address("https"))
        with open(self.certificates[self.generation % 3][0], encoding="ascii") as file:
            if presented.strip() != file.read().strip():
                self.complain("the certificate is not the new one")

    def expect(self, address, path, status):
        connection = http.client.HTTPConnection(*address, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != status:
                self.complain(f"{path} was answered {answer.status}")
        except OSError as error:
            self.complain(f"{path}: {error}")
        finally:
            connection.close()

    def complain(self, what):
        self.failures += 1
        print(f"  FAILED {what}", flush=True)

    def etcd_changes(self):
        """Endless; each is a call that makes one change."""
        cert, key = (pathlib.Path(path).read_text(encoding="ascii")
                     for path in self.authority.issue("document", ["document.test"]))
        header = 0
        for i in itertools.count():
            yield lambda i=i, h=header: self.etcd.put("/weir/doc", self.document(i, h))  # endpoints alone
            yield lambda i=i: self.etcd.put("/weir/other", {"routes": [
                {"name": "other", "match": {"path": "/other"}, "respond": {"status": 200, "body": str(i)}}]})
            header += 1
            yield lambda i=i, h=header: self.etcd.put("/weir/doc", self.document(i, h))  # a route
            yield lambda i=i: self.etcd.put("/weir/bad", "routes: [" if i % 2 else {"routes": [
                {"name": "app", "match": {"path": "/x"}, "respond": {"status": 200}}]})
            yield lambda i=i: (self.etcd.put("/weir/cert", {"certificates": [{"cert_pem": cert, "key_pem": key}]})
                               if i % 2 else self.etcd.delete("/weir/other"))

    def etcd_part(self):
        options = self.options
        total = round(options.etcd_rate * options.etcd_seconds)
        before = self.gateway.metrics()
        begun = time.monotonic()
        for number, change in enumerate(itertools.islice(self.etcd_changes(), total)):
            time.sleep(max(0, begun + number / options.etcd_rate - time.monotonic()))
            change()
        spent = time.monotonic() - begun
        self.etcd.put("/weir/last", {"routes": [{"name": "last", "match": {"path": "/last"},
                                                 "respond": {"status": 204}}]})
        wait_until("the last change", lambda: self.status("/last") == 204, 30, 0.05)
        after = self.gateway.metrics()
        built = after.value("weir_config_generation") - before.value("weir_config_generation")
        rejected = "weir_provider_documents_rejected_total"
        refused = after.value(rejected) - before.value(rejected)
        return f"{total} changes of documents in {spent:.1f} s, {built:.0f} builds, {refused:.0f} refused documents"

    def status(self, path):
        connection = http.client.HTTPConnection(*self.gateway.address(), timeout=60)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def upgrades(self):
        took = []
        for _ in range(self.options.upgrades):
            time.sleep(self.options.turn / 2)
            start = len(self.gateway.lines)
            old = self.pid()
            begun = time.monotonic()
            os.kill(old, signal.SIGUSR2)
            self.gateway.wait_log("the hand-over", lambda lines: any(map(HANDED_OVER.search, lines)), 60, start=start)
            self.gateway.wait_log("the new one's readiness", lambda lines: any(map(READY.search, lines)), 60, start=start)
            took.append(time.monotonic() - begun)
            self.pids.append(old)
            self.hold(max(1, self.options.sockets // 10), max(1, self.options.streams // 10))
        time.sleep(self.options.turn / 2)
        times = ", ".join(f"{each:.2f}" for each in took)
        return f"{len(took)} upgrades, which took {times} s"

    # --- processes

    def pid(self):
        return self.gateway.admin("GET", "/status", timeout=60).json()["pid"]

    def ended(self, pid):
        if pid == self.gateway.process.pid:
            code = self.gateway.process.poll()
            if code is not None:
                self.codes[pid] = code
            return code is not None
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done == pid:
                self.codes[pid] = os.waitstatus_to_exitcode(status)
            return done == pid
        except ChildProcessError:  # the child of one that drains
            return not os.path.exists(f"/proc/{pid}")

    def finish(self):
        """Streams end in order; then so do the processes that had handed over."""
        for pid in self.pids:
            if self.ended(pid):
                self.complain(f"process {pid} ended while it had streams")
        for held in self.held:
            cut_before = sum(held.last["cut"].values())
            last = held.end()
            cut = sum(last["cut"].values()) - cut_before
            self.failures += cut
            print(f"the end: {last['closed']} of {held.sockets} + {held.streams} streams closed in order, {cut} cut, "
                  f"{last['unanswered']} with a message that did not come back", flush=True)
            for error in last["errors"]:
                print(f"    {error}")
        for pid in self.pids:
            try:
                wait_until(f"the end of {pid}", lambda pid=pid: self.ended(pid), 30)
                if self.codes.get(pid, 0) != 0:
                    self.complain(f"process {pid} ended with {self.codes[pid]}")
            except AssertionError:
                self.complain(f"process {pid} has no stream any more and goes on")
        if self.pids:
            print(f"{len(self.pids)} processes have handed over and ended by themselves", flush=True)

    def end_all(self):
        """Also where something went wrong."""
        for held in getattr(self, "held", []):
            held.kill()
        with contextlib.suppress(Exception):
            os.kill(self.pid(), signal.SIGKILL)
        for pid in self.pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.gateway.kill()
        shutil.rmtree(self.gateway.folder, ignore_errors=True)


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--share", type=float, default=1, help="of all numbers below; 0.1 is a look, no result")
    parser.add_argument("--sockets", type=int, default=1000, help="WebSockets [1000]")
    parser.add_argument("--streams", type=int, default=50, help="gRPC streams [50]")
    parser.add_argument("--say-each", type=float, default=2, help="seconds between two messages of a stream [2]")
    parser.add_argument("--rate", type=float, default=1000, help="requests a second of each protocol [1000]")
    parser.add_argument("--reloads", type=int, default=50)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between two reloads [0.3]")
    parser.add_argument("--etcd-rate", type=float, default=5, help="changes a second [5]")
    parser.add_argument("--etcd-seconds", type=float, default=20)
    parser.add_argument("--upgrades", type=int, default=2)
    parser.add_argument("--turn", type=float, default=10, help="seconds of a turn of the load [10]")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--load", choices=("h2load", "weir-load"), default=None, help="[h2load, where it is installed]")
    parser.add_argument("--bench", help="the folder of weir-load [beside the binary]")
    out = parser.parse_args(arguments)
    if out.share != 1:
        for name in ("sockets", "streams", "reloads"):
            setattr(out, name, max(1, round(getattr(out, name) * out.share)))
        for name in ("rate", "etcd_seconds", "turn"):
            setattr(out, name, getattr(out, name) * max(out.share, 0.2))
    out.h2load = shutil.which("h2load")
    out.load = out.load or ("h2load" if out.h2load else "weir-load")
    if out.load == "h2load" and not out.h2load:
        raise SystemExit("h2load is missing (Debian: nghttp2-client); or --load weir-load")
    return out


def main():
    options = options_of(sys.argv[1:])
    os.environ["WEIR_BINARY"] = str(pathlib.Path(options.binary).resolve())
    # A process whose old one has ended is a child of this one.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.ExitStack() as stack:
        change = Change(options, stack)
        change.hold(options.sockets, options.streams)
        print(f"load: {options.load}, {options.rate:g} requests a second of each protocol; {options.sockets} WebSockets "
              f"and {options.streams} gRPC streams are open", flush=True)
        for part in options.parts:
            change.run(part)
        change.finish()
        print("nothing failed, nothing was cut" if change.failures == 0 else f"FAILED: {change.failures}", flush=True)
    sys.exit(1 if change.failures else 0)


if __name__ == "__main__":
    main()
