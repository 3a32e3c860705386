"""What systemd, a container and their limits are to the process: sockets it is passed, what it tells
the service manager, how many workers a quota gives, and what it says of limits that are too low."""

import os
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest

from harness import Case, Client, Gateway, basic_config, rows, wait_until
from harness.waiting import bound

# Puts the descriptors of argv[1] at 3 and on, tells of them as a service manager does, and becomes
# the command behind.
PASS_ON = """
import os, sys
high = [os.dup2(int(fd), 100 + n) for n, fd in enumerate(sys.argv[1].split(","))]
for n, fd in enumerate(high):
    os.dup2(fd, 3 + n)
    os.close(fd)
os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), str(len(high))
os.environ["LISTEN_FDNAMES"] = sys.argv[2]
os.execv(sys.argv[3], sys.argv[3:])
"""


def answer(body="here", bind="127.0.0.1:0", **more):
    return basic_config([{"name": "r", "match": {"path_prefix": "/"},
                          "respond": {"status": 200, "body": body}}],
                        listener={"bind": bind}, **more)


class PassedCase(Case):
    def bound_socket(self, address=("127.0.0.1", 0)):
        one = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.addCleanup(one.close)
        one.bind(address)
        one.listen(64)
        return one

    def activated(self, config, sockets, names, start=True):
        fds = [one.fileno() for one in sockets]
        gateway = Gateway(config, pass_fds=fds, wrapper=[
            sys.executable, "-c", PASS_ON, ",".join(map(str, fds)), names])
        self.addCleanup(gateway.close)
        return gateway.start() if start else gateway

    def refused(self, gateway):
        with self.assertRaises(AssertionError):
            gateway.start()
        self.assertEqual(gateway.process.returncode, 1)
        return "\n".join(gateway.lines)


class PassedSocketsTest(PassedCase):
    @rows([("one worker", 1), ("three workers", 3)])
    def test_by_name(self, workers):
        """Then `bind` says nothing: this one could not even be bound."""
        one = self.bound_socket()
        gateway = self.activated(answer(bind="192.0.2.1:80", workers=workers), [one], "http")
        self.assertEqual(gateway.address(), one.getsockname())
        peers = [self.client(gateway) for _ in range(12)]
        for peer in peers:
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 200)
        self.assertEqual(gateway.metrics().value("weir_connections_active", listener="http"), 12)

    def test_by_address(self):
        one = self.bound_socket()
        host, port = one.getsockname()
        gateway = self.activated(answer(bind=f"{host}:{port}"), [one], "weir.socket")
        self.assertEqual(self.fetch(gateway, "/").body, b"here")

    def test_the_other_listeners_are_bound_as_ever(self):
        one = self.bound_socket()
        gateway = self.activated(answer(listeners=[
            {"name": "a", "bind": "127.0.0.1:0"}, {"name": "b", "bind": "127.0.0.1:0"}]),
            [one], "b")
        self.assertEqual(gateway.address("b"), one.getsockname())
        for listener in ("a", "b"):
            self.assertEqual(self.fetch(gateway, "/", listener=listener).status, 200)

    def test_a_restart_loses_no_connection(self):
        """They queue in the socket while no gateway runs."""
        one = self.bound_socket()
        first = self.activated(answer("first", workers=2), [one], "http")
        self.assertEqual(self.fetch(first, "/").body, b"first")
        self.assertEqual(first.terminate(), 0)
        waiting = [Client(one.getsockname()) for _ in range(5)]
        for peer in waiting:
            self.addCleanup(peer.close)
            peer.request("GET", "/")
        self.activated(answer("second", workers=2), [one], "http")
        for peer in waiting:
            self.assertEqual(peer.read_response().body, b"second")

    def test_a_unix_socket_stays_where_it_is(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-sock-")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "http.sock")
        gateway = self.activated(answer(bind=f"unix:{path}"), [self.bound_socket(path)], "x")
        self.assertEqual(self.fetch(gateway, "/").body, b"here")
        self.assertEqual(gateway.terminate(), 0)
        self.assertTrue(os.path.exists(path))

    def test_several_under_one_name_are_its_addresses(self):
        one, two = self.bound_socket(), self.bound_socket(("127.0.0.2", 0))
        config = answer(bind=["192.0.2.1:80", "192.0.2.2:80"])
        gateway = self.activated(config, [one, two], "http:http")
        for sock in (one, two):
            with Client(sock.getsockname()) as peer:
                peer.request("GET", "/")
                self.assertEqual(peer.read_response().body, b"here")
        rows = gateway.admin("GET", "/listeners").json()
        self.assertEqual(rows[0]["addresses"], ["%s:%d" % sock.getsockname() for sock in (one, two)])

    def test_one_of_several_addresses_may_be_passed(self):
        one = self.bound_socket()
        host, port = one.getsockname()
        gateway = self.activated(answer(bind=["127.0.0.2:0", f"{host}:{port}"]), [one], "x")
        addresses = gateway.admin("GET", "/listeners").json()[0]["addresses"]
        self.assertEqual(addresses[1], f"{host}:{port}")
        for address in addresses:
            ip, number = address.rsplit(":", 1)
            with Client((ip, int(number))) as peer:
                peer.request("GET", "/")
                self.assertEqual(peer.read_response().body, b"here")

    def test_after_the_close_newcomers_wake_nobody(self):
        """The manager holds the socket on; who comes waits in its queue for the next gateway."""
        answered = threading.Event()

        def slow(connection, request):
            answered.wait(bound(20))
            connection.reply(200, [], "late")
        self.addCleanup(answered.set)
        upstream = self.origin(slow)
        one = self.bound_socket()
        gateway = self.activated(basic_config(upstreams={"main": upstream.address}, workers=1),
                                 [one], "http")
        peer = self.client(gateway, timeout=20)
        peer.request("GET", "/")
        upstream.wait_for_head()
        gateway.signal(signal.SIGTERM)
        gateway.wait_log("the drain", "draining")
        worker = self.worker_thread(gateway)
        # From here on nothing is due on the worker but the request's own wait.
        wait_until("the drain's first steps", lambda: self.wakes_within(worker, 0.3) <= 2)
        newcomer = Client(one.getsockname())
        self.addCleanup(newcomer.close)
        self.assertLessEqual(self.wakes_within(worker, 1.0), 8)
        answered.set()
        self.assertEqual(peer.read_response().body, b"late")
        self.assertEqual(gateway.wait_exit(), 0)

    @staticmethod
    def worker_thread(gateway):
        folder = f"/proc/{gateway.process.pid}/task"
        for thread in os.listdir(folder):
            with open(f"{folder}/{thread}/comm", encoding="ascii") as name:
                if name.read().strip() == "worker-0":
                    return f"{folder}/{thread}/status"
        raise AssertionError("no worker")

    @staticmethod
    def wakes_within(status, seconds):
        """How often the thread went to sleep."""
        def count():
            with open(status, encoding="ascii") as file:
                return sum(int(line.split()[1]) for line in file
                           if line.startswith("voluntary_ctxt_switches"))
        before = count()
        time.sleep(seconds)  # the time is what is measured
        return count() - before

    def test_one_that_nobody_has_is_named(self):
        gateway = self.activated(answer(), [self.bound_socket()], "spare")
        gateway.wait_log("a warning", "spare (127.0.0.1:")
        self.assertEqual(self.fetch(gateway, "/").status, 200)

    def test_one_that_does_not_listen_is_refused(self):
        one = socket.socket()
        self.addCleanup(one.close)
        gateway = self.activated(answer(), [one], "http", start=False)
        self.assertIn("(http) was passed but is not a listening stream socket",
                      self.refused(gateway))

    def test_those_of_a_parent_are_left_alone(self):
        gateway = self.gateway(answer(), env={"LISTEN_PID": "1", "LISTEN_FDS": "3"})
        self.assertEqual(self.fetch(gateway, "/").status, 200)


class NotifyTest(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-notify-")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "notify")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(path)
        self.manager.settimeout(bound(15))
        self.env = {"NOTIFY_SOCKET": path}

    def told(self):
        return dict(line.split("=", 1) for line in self.manager.recv(4096).decode().split("\n"))

    def test_ready_reload_and_stop(self):
        gateway = self.gateway(answer(server={"drain_timeout": "7s"}), env=self.env)
        self.assertEqual(self.told(), {"READY": "1", "STATUS": "serving"})

        gateway.signal(signal.SIGHUP)
        begun = self.told()
        self.assertEqual(begun["RELOADING"], "1")
        self.assertGreater(int(begun["MONOTONIC_USEC"]), 0)
        self.assertEqual(self.told(), {"READY": "1", "STATUS": "serving"})

        gateway.write("no: configuration")
        gateway.signal(signal.SIGHUP)
        self.assertEqual(self.told()["RELOADING"], "1")
        refused = self.told()
        self.assertEqual(refused["READY"], "1")
        self.assertRegex(refused["STATUS"], r"reload refused: .*weir\.yaml:1:1: ")

        gateway.signal(signal.SIGTERM)
        end = self.told()
        self.assertEqual(end["STOPPING"], "1")
        self.assertGreaterEqual(int(end["EXTEND_TIMEOUT_USEC"]), 7_000_000)
        self.assertEqual(gateway.wait_exit(), 0)

    def test_ready_is_told_when_requests_are_served(self):
        gateway = Gateway(answer(), env=self.env)
        self.addCleanup(gateway.close)
        gateway.start()
        self.told()
        self.assertEqual(gateway.admin("GET", "/readyz").status, 200)

    def test_watchdog(self):
        self.gateway(answer(), env={**self.env, "WATCHDOG_USEC": "200000"})
        self.assertEqual(self.told()["READY"], "1")
        for _ in range(3):
            self.assertEqual(self.told(), {"WATCHDOG": "1"})


class OpenFilesTest(Case):
    def limit(self, gateway):
        with open(f"/proc/{gateway.process.pid}/limits", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("Max open files"))
        return line.split()[3:5]

    def test_the_soft_limit_is_raised_to_the_hard_one(self):
        gateway = self.gateway(answer(), wrapper=[
            "/bin/sh", "-c", 'ulimit -Sn 300; exec "$@"', "sh"])
        soft, hard = self.limit(gateway)
        self.assertEqual(soft, hard)

    def test_a_limit_that_is_too_low_is_told(self):
        gateway = self.gateway(answer(server={"max_connections": 1000}), wrapper=[
            "/bin/sh", "-c", 'ulimit -n 600; exec "$@"', "sh"])
        lines = [line for line in gateway.lines if "max_connections lowered" in line]
        self.assertEqual(len(lines), 1, gateway.lines)
        for part in ("allowed=236", "open_files=600", "needed=2128", "LimitNOFILE="):
            self.assertIn(part, lines[0])


class QuotaTest(Case):
    """Where this account may make cgroups."""

    def group(self, quota):
        period = 100_000
        for base, write in (
                ("/sys/fs/cgroup", {"cpu.max": f"{int(quota * period)} {period}"}),
                ("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": str(period),
                                        "cpu.cfs_quota_us": str(int(quota * period))})):
            folder = os.path.join(base, f"weir-test-{os.getpid()}")
            if not os.path.exists(os.path.join(base, "cgroup.procs")):
                continue  # only where the hierarchies are mounted
            try:
                os.mkdir(folder)
            except OSError:
                continue
            self.addCleanup(lambda folder=folder: wait_until(
                "the group's end", lambda: self.removed(folder), 10))
            try:
                for name, value in write.items():
                    with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                        file.write(value)
                return folder
            except OSError:
                continue
        raise unittest.SkipTest("no cgroup with a CPU quota can be made here")

    @staticmethod
    def removed(folder):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True

    @rows([("half a CPU", 0.5, 1), ("one", 1, 1), ("one and a half", 1.5, 2), ("four", 4, 4)])
    def test_workers_by_quota(self, quota, workers):
        folder = self.group(quota)
        gateway = self.gateway(answer(workers="auto"), wrapper=[
            "/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', folder])
        cpus = len(os.sched_getaffinity(0))
        self.assertEqual(
            len(gateway.metrics().label_values("weir_worker_utilization_ratio", "worker")),
            min(workers, cpus))
