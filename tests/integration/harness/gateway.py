"""The real `weir` binary as a process: configuration into a folder of its own, ports 0, readiness
by what it logs, an end that is always reached."""

import copy
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from .client import Client
from .metrics import Metrics
from .waiting import bound, wait_until

LISTENING = re.compile(r'listening name=(\S+) address=(\S+)'                   # log.format text
                       r'|"listening","name":"([^"]+)","address":"([^"]+)"')  # and json
READY = re.compile(r' info ready( |$)|"message":"ready"')
ALARMS = ("AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "runtime error:",
          "UndefinedBehaviorSanitizer", "terminate called", "Assertion")
PR_SET_PDEATHSIG = 1


def binary():
    path = os.environ.get("WEIR_BINARY")
    if not path:
        raise RuntimeError("WEIR_BINARY must name the weir binary")
    return path


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def weir(*arguments, cwd=None, stdin=None, timeout=20.0, env=None):
    """One command that ends by itself; its CompletedProcess with text output."""
    return subprocess.run([binary(), *arguments], cwd=cwd, input=stdin, capture_output=True,
                          text=True, timeout=bound(timeout), check=False,
                          env={**os.environ, **(env or {})})


def basic_config(routes=None, upstreams=None, *, workers=2, limits=None, listener=None, **more):
    """A configuration with one listener `http` on port 0 and, unless told otherwise, one route to
    everything. `upstreams` maps names to endpoint addresses or whole upstream blocks."""
    blocks = {}
    for name, value in (upstreams or {}).items():
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list):
            value = {"endpoints": [{"address": v} if isinstance(v, str) else v for v in value]}
        blocks[name] = value
    if routes is None:
        routes = [{"name": "all", "match": {"path_prefix": "/"}, "upstream": next(iter(blocks))}]
    http = {"name": "http", "bind": "127.0.0.1:0"}
    if limits:
        http["limits"] = limits
    http.update(listener or {})
    config = {"version": 1, "server": {"workers": workers}, "access_log": {"path": "off"},
              "admin": {"bind": "127.0.0.1:0"}, "listeners": [http], "routes": routes}
    if blocks:
        config["upstreams"] = blocks
    for key, value in more.items():
        config[key] = {**config[key], **value} if isinstance(config.get(key), dict) else value
    return config


class AdminAnswer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:500]!r}>"


class Gateway:
    """`config`: a dictionary (written as JSON, which is YAML) or text. `files`: more files of the
    folder, by name. `links`: symbolic links in it and where they lead. `names`: the listeners to
    wait for, where the text does not tell. `wrapper`: a command line that executes the one behind
    it. `pass_fds`: descriptors it inherits. `stdin`: a file it reads there."""

    def __init__(self, config, files=None, names=None, command=None, env=None, links=None,
                 wrapper=(), pass_fds=(), stdin=os.devnull):
        self.folder = tempfile.mkdtemp(prefix="weir-test-")
        self.path = os.path.join(self.folder, "weir.yaml")
        for name, content in (files or {}).items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
        for name, to in (links or {}).items():
            os.symlink(to, os.path.join(self.folder, name))
        self.names = names
        self.write(config)
        self.command = command or ["run", "-c", self.path]
        self.env = env or {}
        self.wrapper = list(wrapper)
        self.pass_fds = pass_fds
        self.stdin = stdin
        self.process = None
        self.addresses = {}
        self.lines = []
        self.closed = False
        self.killed = False  # by the test
        self._news = threading.Condition()
        self._stderr_done = False

    def file(self, name):
        return os.path.join(self.folder, name)

    def write(self, config):
        if isinstance(config, dict):
            if self.names is None:
                self.names = [listener["name"] for listener in config["listeners"]]
                admin = config.get("admin", {})
                if admin != "off" and admin.get("bind") != "off":
                    self.names.append("admin")
            self.config = copy.deepcopy(config)
            config = json.dumps(config, indent=1)
        scratch = self.path + ".new"
        with open(scratch, "w", encoding="utf-8") as file:
            file.write(config)
        os.replace(scratch, self.path)

    def start(self, timeout=30.0, ready=True):
        """Returns when it is ready, or without `ready` when its addresses are known."""
        self.stdout = open(self.file("stdout"), "wb")
        with open(self.stdin, "rb") as stdin:
            self.process = subprocess.Popen(
                [*self.wrapper, binary(), *self.command], stdout=self.stdout,
                stderr=subprocess.PIPE, stdin=stdin, cwd=self.folder, preexec_fn=_die_with_parent,
                env={**os.environ, **self.env}, pass_fds=self.pass_fds)
        threading.Thread(target=self._read_stderr, daemon=True).start()
        try:
            self.wait_log("its listeners " + " ".join(self.names or ["http", "admin"]),
                          lambda _: self._all_listening(), timeout)
            if ready and "admin" in self.addresses:
                wait_until("readiness", lambda: self._ready_or_dead(), timeout)
            if ready:
                # The last line of a start: who looks at the log from here on sees none of it.
                self.wait_log("its last line of the start",
                              lambda lines: any(map(READY.search, lines)), timeout)
        except BaseException:
            story = self.story("start")
            self.kill()
            raise AssertionError(story) from None
        return self

    def _ready_or_dead(self):
        if self.process.poll() is not None:
            raise AssertionError("it ended")
        return self.admin("GET", "/readyz").status == 200

    def _all_listening(self):
        return all(name in self.addresses for name in (self.names or ["http", "admin"]))

    def _read_stderr(self):
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip("\n")
            match = LISTENING.search(line)
            with self._news:
                self.lines.append(line)
                if match:
                    name, address = (group for group in match.groups() if group)
                    self.addresses[name] = self._parse(address)
                self._news.notify_all()
        with self._news:
            self._stderr_done = True
            self._news.notify_all()

    @staticmethod
    def _parse(text):
        if text.startswith("unix:"):
            return text[5:]
        host, port = text.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def wait_log(self, what, condition, timeout=30.0, start=0):
        """Waits until `condition(lines from start)` is true; fails at once when the log ended."""
        if isinstance(condition, str):
            text = condition
            condition = lambda lines: any(text in line for line in lines)
        with self._news:
            self._news.wait_for(lambda: condition(self.lines[start:]) or self._stderr_done,
                                bound(timeout))
            result = condition(self.lines[start:])
            if not result:
                raise AssertionError(f"waited {bound(timeout):.1f} s for {what} in the log:\n"
                                     + "\n".join(self.lines[start:]))
            return result

    def address(self, listener="http"):
        return self.addresses[listener]

    def port(self, listener="http"):
        return self.addresses[listener][1]

    def url(self, path="/", listener="http"):
        host, port = self.addresses[listener]
        return f"http://{host}:{port}{path}"

    def connect(self, listener="http", **kwargs):
        return Client(self.address(listener), **kwargs)

    def admin(self, method, path, body=None, headers=None, timeout=10.0):
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        address = self.addresses["admin"]
        if isinstance(address, str):
            connection = http.client.HTTPConnection("localhost", timeout=bound(timeout))
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(bound(timeout))
            connection.sock.connect(address)
        else:
            connection = http.client.HTTPConnection(*address, timeout=bound(timeout))
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return AdminAnswer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def metrics(self):
        answer = self.admin("GET", "/metrics")
        if answer.status != 200:
            raise AssertionError(f"/metrics: {answer}")
        return Metrics(answer.text)

    def settled_metrics(self):
        """A scrape while nothing is in flight: a request is counted a little after its answer, so
        only this is a ground to count up from."""
        def read():
            metrics = self.metrics()
            return None if metrics.value("weir_http_requests_in_flight") else metrics
        return wait_until("no request in flight", read)

    def wait_metric(self, expected, name, timeout=30.0, **labels):
        """Waits until the metric has that value (the gateway counts at the end of an exchange)."""
        return wait_until(f"{name}{labels} == {expected}",
                          lambda: self.metrics().value(name, **labels) == expected, timeout)

    def reload_by_post(self, config=None):
        if config is not None:
            self.write(config)
        return self.admin("POST", "/reload")

    def reload_by_signal(self, config=None, result="success"):
        """SIGHUP, and waits until the outcome is counted."""
        if config is not None:
            self.write(config)
        before = self.metrics().value("weir_config_reloads_total", result=result) or 0
        self.signal(signal.SIGHUP)
        wait_until(f"a reload with {result}", lambda: (self.metrics().value(
            "weir_config_reloads_total", result=result) or 0) > before)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """SIGSTOP, which a thread may hear some time later, until none of them runs; SIGCONT ends it."""
        def stopped():
            for task in os.listdir(f"/proc/{self.process.pid}/task"):
                with open(f"/proc/{self.process.pid}/task/{task}/stat", encoding="ascii") as file:
                    if file.read().rpartition(")")[2].split()[0] != "T":
                        return False
            return True
        self.signal(signal.SIGSTOP)
        wait_until("all threads to stop", stopped)

    def wait_exit(self, timeout=10.0):
        try:
            return self.process.wait(bound(timeout))
        except subprocess.TimeoutExpired:
            raise AssertionError(self.story(f"did not exit in {bound(timeout):.1f} s")) from None

    def terminate(self, timeout=10.0):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_exit(timeout)

    def status(self, field):
        """A line of /proc/PID/status in KiB or as a number, e.g. VmHWM, Threads."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise AssertionError(f"no {field} in /proc/PID/status")

    def is_sanitized(self):
        """Sanitizers keep what is freed, shadow what is mapped, and need descriptors of their own."""
        with open(f"/proc/{self.process.pid}/maps", encoding="ascii") as file:
            return any(name in line for line in file for name in ("libasan", "libtsan"))

    def reset_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def story(self, title):
        code = self.process.poll() if self.process else "never started"
        tail = "\n  ".join(self.lines[-60:])
        return f"\n--- weir ({title}), exit code {code}, its stderr:\n  {tail}\n---\n"

    def kill(self):
        if self.process and self.process.poll() is None:
            self.killed = True
            self.process.kill()
            self.process.wait()

    def close(self):
        """Ends the process (a second SIGTERM ends at once) and complains if it had crashed, would
        not end, or a sanitizer spoke."""
        if self.closed:
            return
        self.closed = True
        complaint = None
        if self.process:
            early = self.process.poll()
            if early is not None and early not in (0, 1, 2) and not self.killed:
                complaint = f"ended by itself with {early}"
            deadline = time.monotonic() + bound(20)
            while self.process.poll() is None and time.monotonic() < deadline:
                self.signal(signal.SIGTERM)
                try:
                    self.process.wait(bound(0.25))
                except subprocess.TimeoutExpired:
                    pass
            if self.process.poll() is None:
                complaint = "did not end on repeated SIGTERM"
                self.kill()
            elif early is None and self.process.returncode not in (0, 2):
                complaint = f"ended on SIGTERM with {self.process.returncode}"
            with self._news:
                self._news.wait_for(lambda: self._stderr_done, bound(10))
            self.process.stderr.close()
            self.stdout.close()
            if any(alarm in line for line in self.lines for alarm in ALARMS):
                complaint = "a sanitizer or the run time complained"
        shutil.rmtree(self.folder, ignore_errors=True)
        if complaint:
            raise AssertionError(self.story(complaint))

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.story("failure"))
        self.close()
