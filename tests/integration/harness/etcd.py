"""A real etcd on loopback, which can be killed, stopped in its tracks and started again."""

import base64
import json
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

from .waiting import bound, wait_until


def _text(value):
    return base64.b64encode(value.encode()).decode()


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Etcd:
    """Skips the test that makes one where etcd is not installed."""

    def __init__(self):
        if not shutil.which("etcd"):
            raise unittest.SkipTest("etcd is not installed (Debian: etcd-server)")
        self.folder = tempfile.mkdtemp(prefix="weir-etcd-")
        client, peer = _free_ports(2)
        self.url = f"http://127.0.0.1:{client}"
        self.peer = f"http://127.0.0.1:{peer}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["etcd", "--data-dir", self.folder + "/data", "--listen-client-urls", self.url,
             "--advertise-client-urls", self.url, "--listen-peer-urls", self.peer,
             "--initial-advertise-peer-urls", self.peer, "--initial-cluster", "default=" + self.peer],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("etcd", self._answers, 30, 0.1)
        return self

    def _answers(self):
        try:
            self.ask("kv/range", key=_text("x"))
            return True
        except OSError:
            return False

    def ask(self, what, **question):
        request = urllib.request.Request(f"{self.url}/v3/{what}", json.dumps(question).encode())
        with urllib.request.urlopen(request, timeout=bound(5)) as answer:
            return json.load(answer)

    def put(self, key, value, lease=None):
        value = value if isinstance(value, str) else json.dumps(value)
        more = {"lease": lease} if lease else {}
        return int(self.ask("kv/put", key=_text(key), value=_text(value), **more)["header"]["revision"])

    def get(self, key):
        found = self.ask("kv/range", key=_text(key)).get("kvs", [])
        return base64.b64decode(found[0]["value"]).decode() if found else None

    def delete(self, key):
        self.ask("kv/deleterange", key=_text(key))

    def lease(self, seconds):
        return self.ask("lease/grant", TTL=str(seconds))["ID"]

    def compact(self, revision):
        self.ask("kv/compaction", revision=str(revision), physical=True)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(bound(10))
        self.process = None

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
