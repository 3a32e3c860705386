"""The programs of a measurement: the origin and the proxies, started as children on one CPU each,
from the committed configurations with their ports filled in, and stopped however the run ends."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

CONFIGS = Path(__file__).resolve().parent / "configs"
SMALL_BYTES = 66
LARGE_BYTES = 64 * 1024
BODY_BYTES = {"/small": SMALL_BYTES, "/large": LARGE_BYTES}
MAX_CONNECTIONS = 10_100  # of which the idle row opens 10,000

# Below the ephemeral range, so that no connection of the load can be sitting on a port of ours.
_ports = iter(range(18_000, 32_000))


class BenchError(Exception):
    """The bench cannot go on; the text says what to do."""


def program(name):
    """The path of an installed program; Debian keeps servers where a user's PATH may not look."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin")
    if found is None:
        raise BenchError(f"{name} is missing: `./dev bench` installs it")
    return found


def free_port():
    for port in _ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise BenchError("no free port left below the ephemeral range")


class Workspace:
    """A temporary folder for configurations, logs and pid files, and one in memory (where the machine has
    /dev/shm) for the origin's files. Removed by `close`."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="weir-bench-"))
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.files = Path(tempfile.mkdtemp(prefix="weir-bench-", dir=memory))
        (self.files / "large").write_bytes(b"x" * LARGE_BYTES)

    def render(self, template, values):
        text = (CONFIGS / template).read_text()
        # nginx gives up root for a user who may not read our folders; as anybody else it warns about the line.
        user = "user root;" if os.geteuid() == 0 else ""
        filled = {"WORK": self.path, "FILES": self.files, "USER": user, **values}
        for key, value in filled.items():
            text = text.replace(f"@{key}@", str(value))
        target = self.path / template
        target.write_text(text)
        return target

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.rmtree(self.files, ignore_errors=True)


class Server:
    """A child that listens on `port`: `name`, and the processes it consists of (`pids`)."""

    def __init__(self, name, port, command, cpu, log):
        self.name = name
        self.port = port
        self._log = log
        with open(log, "wb") as output:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                preexec_fn=(lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None)

    def wait_ready(self, path="/small", timeout=10.0):
        """Until `path` is answered with 200 and a body of the right length."""
        deadline = time.monotonic() + timeout
        problem = "it never listened"
        while time.monotonic() < deadline:
            if self._child.poll() is not None:
                break
            try:
                status, body = fetch(self.port, path)
                if status == 200 and len(body) == BODY_BYTES[path]:
                    return self
                problem = f"{path} was answered {status} with {len(body)} bytes"
            except OSError as error:
                problem = str(error)
            time.sleep(0.01)
        raise BenchError(f"{self.name} is not ready: {problem}\n{self.diagnostics()}")

    def pids(self):
        """The process and its descendants, as they are now."""
        found = []
        waiting = [self._child.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += [int(child) for child in children.read_text().split()]
        return found

    def running(self):
        return self._child.poll() is None

    def diagnostics(self):
        return Path(self._log).read_text(errors="replace")[-2000:]

    def stop(self, timeout=40.0):
        """SIGTERM, and SIGKILL to the whole group if that takes longer than `timeout`."""
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(self._child.pid, signal.SIGKILL)
                self._child.wait()
        return self._child.returncode


def fetch(port, path):
    """(status, body) of a GET on a connection of its own; OSError when there is no whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request_bytes(path))
        return read_answer(connection)


def request_bytes(path):
    return f"GET {path} HTTP/1.1\r\nHost: bench.test\r\n\r\n".encode()


def read_answer(connection):
    """(status, body) of the next answer; bodies are framed by Content-Length, as all of ours are."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, body = received.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    length = next(
        (int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
    while len(body) < length:
        body += _more(connection)
    return int(lines[0].split(" ")[1]), body


def _more(connection):
    piece = connection.recv(131072)
    if not piece:
        raise OSError("the connection ended before the answer did")
    return piece


def start_origin(workspace, cpu):
    port = free_port()
    config = workspace.render("origin.conf", {"ORIGIN_PORT": port})
    command = [program("nginx"), "-e", "stderr", "-p", str(workspace.path), "-c", str(config)]
    return Server("origin", port, command, cpu, workspace.path / "origin.out")


def proxy_command(name, workspace, origin_port, weir=None):
    """(port, command) of a proxy in front of the origin. The command stays in the foreground."""
    port = free_port()
    values = {
        "PROXY_PORT": port, "ORIGIN_PORT": origin_port, "ADMIN_PORT": free_port(),
        "MAX_CONNECTIONS": MAX_CONNECTIONS,
    }
    if name == "nginx":
        config = workspace.render("nginx.conf", values)
        return port, [program("nginx"), "-e", "stderr", "-p", str(workspace.path), "-c", str(config)]
    if name == "haproxy":
        config = workspace.render("haproxy.cfg", values)
        return port, [program("haproxy"), "-db", "-q", "-f", str(config)]
    config = workspace.render("weir.yaml", values)
    return port, [str(weir), "run", "-c", str(config)]


def start_proxy(name, workspace, origin_port, cpu, weir=None, wrapper=()):
    """`wrapper` goes before the command, for a program that runs the proxy (valgrind)."""
    port, command = proxy_command(name, workspace, origin_port, weir)
    return Server(name, port, [*wrapper, *command], cpu, workspace.path / f"{name}.out")
