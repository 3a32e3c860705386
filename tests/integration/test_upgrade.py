"""An upgrade in place: SIGUSR2 or `weir upgrade` starts the program anew by the path of the start,
the new process takes the sockets over, and the old one drains. Nothing is refused or lost."""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from harness import Case, Client, Gateway, basic_config, rows, wait_until, weir
from harness.gateway import READY, binary
from harness.waiting import bound
from test_http1_upgrade import FIELDS, echo_tunnel
from test_service_manager import PassedCase

PR_SET_CHILD_SUBREAPER = 36
# Executes $0 in place of the program of the command line: a path of its own that a test may change.
AT_PATH = 'shift; exec "$0" "$@"'
HANDED_OVER = re.compile(r"handed over pid=(\d+)")


def answer(body="old", bind="127.0.0.1:0", **more):
    return basic_config([{"name": "r", "match": {"path_prefix": "/"},
                          "respond": {"status": 200, "body": body}}],
                        listener={"bind": bind}, **more)


def tunnels(origin, **more):
    return basic_config([{"name": "ws", "match": {"path_prefix": "/"}, "upstream": "main",
                          "upgrades": ["websocket"], "timeout": "120s"}],
                        {"main": origin.address}, **more)


class SilentNameServer:
    """Takes questions and answers none."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))

    def upstream(self):
        return {"endpoints": [{"address": "nowhere.test:80"}],
                "dns": {"servers": ["127.0.0.1:%d" % self.socket.getsockname()[1]]}}


class UpgradeCase(Case):
    @classmethod
    def setUpClass(cls):
        # A new process whose old one has ended is a child of this one.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def ended(self, pid):
        """Whether a process has ended; its exit code is kept."""
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done == pid:
                self.codes[pid] = os.waitstatus_to_exitcode(status)
                return True
            return False
        except ChildProcessError:  # the old one's child, or none any more
            return not os.path.exists(f"/proc/{pid}")

    def end(self, pid):
        """Drained, and cut by the second signal."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(pid, number)
                wait_until(f"the end of {pid}", lambda: self.ended(pid), 3)
                return
            except ProcessLookupError:
                return
            except AssertionError:
                continue

    def run(self, result=None):
        self.codes = {}
        return super().run(result)

    def handed_over(self, gateway, start):
        """The process that has taken over and says that it is ready."""
        def new_pid(lines):
            return next((int(m[1]) for m in map(HANDED_OVER.search, lines) if m), None)
        pid = gateway.wait_log("the hand-over", new_pid, 20, start=start)
        self.addCleanup(self.end, pid)
        gateway.wait_log("the new one's readiness", lambda lines: any(map(READY.search, lines)), 20,
                         start=start)
        return pid

    def upgrade(self, gateway, of=None):
        start = len(gateway.lines)
        os.kill(of or gateway.process.pid, signal.SIGUSR2)
        return self.handed_over(gateway, start)

    def refused(self, gateway, *words, timeout=20):
        """Asks for an upgrade that fails, and what it says."""
        start = len(gateway.lines)
        gateway.signal(signal.SIGUSR2)
        self.assert_refused(gateway, start, *words, timeout=timeout)

    def assert_refused(self, gateway, start, *words, timeout=20):
        gateway.wait_log("a refusal", lambda lines: any("upgrade refused" in line for line in lines),
                         timeout, start=start)
        line = next(line for line in gateway.lines[start:] if "upgrade refused" in line)
        for word in words:
            self.assertIn(word, line)

    def at_path(self, config, **more):
        """A gateway started by a path of its own, and that path."""
        folder = tempfile.TemporaryDirectory(prefix="weir-bin-")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "weir")
        os.symlink(os.path.abspath(binary()), path)
        return self.gateway(config, wrapper=["/bin/sh", "-c", AT_PATH, path], **more), path

    @staticmethod
    def put_there(path, content):
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(path + ".new", 0o755)
        os.replace(path + ".new", path)


class HandOverTest(UpgradeCase):
    def test_the_new_process_serves_and_the_old_one_ends(self):
        gateway = self.gateway(answer("old"))
        address, admin = gateway.address(), gateway.address("admin")
        gateway.write(answer("new"))  # also port 0: the sockets keep their ports
        pid = self.upgrade(gateway)
        self.assertEqual(gateway.wait_exit(), 0)
        self.assertEqual((gateway.address(), gateway.address("admin")), (address, admin))
        self.assertEqual(self.fetch(gateway).body, b"new")
        status = gateway.admin("GET", "/status").json()
        self.assertEqual(status["pid"], pid)
        wait_until("the end of the old one to be known", lambda: not gateway.admin(
            "GET", "/status").json()["upgrade"]["predecessor_drains"])
        self.assertEqual(status["upgrade"]["predecessor"], gateway.process.pid)
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_upgrades_total", result="success"), 1)
        self.assertEqual(metrics.value("weir_upgrades_total", result="failure"), 0)
        self.assertTrue(any("the process before has ended" in line for line in gateway.lines))

    @rows([("TCP", False), ("unix", True)])
    def test_no_request_is_lost(self, unix):
        """Two upgrades under load."""
        folder = tempfile.TemporaryDirectory(prefix="weir-sock-")
        self.addCleanup(folder.cleanup)
        bind = f"unix:{folder.name}/http.sock" if unix else "127.0.0.1:0"
        gateway = self.gateway(answer("0", bind=bind))
        stop, lost, counts = threading.Event(), [], {b"0": 0, b"1": 0, b"2": 0}

        def ask():
            while not stop.is_set():
                try:
                    with Client(gateway.address(), timeout=20) as peer:
                        for _ in range(20):
                            peer.request("GET", "/")
                            response = peer.read_response()
                            counts[response.body] += 1
                            if response.status != 200:
                                lost.append(response)
                            if response.header("connection") or stop.is_set():
                                break
                except Exception as error:  # pylint: disable=broad-except
                    lost.append(repr(error))
                    return
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        pid = None
        for turn in (1, 2):
            wait_until("load", lambda: counts[b"%d" % (turn - 1)] > 200, 20)
            gateway.write(answer(str(turn), bind=bind))
            pid = self.upgrade(gateway, pid)
        wait_until("load", lambda: counts[b"2"] > 200, 20)
        stop.set()
        for thread in threads:
            thread.join(bound(30))
        self.assertEqual(lost, [])
        self.assertEqual(self.fetch(gateway).body, b"2")
        self.assertEqual(gateway.wait_exit(), 0)

    def test_who_is_queued_is_served(self):
        """Whoever connects while nobody accepts is neither refused nor lost."""
        gateway = self.gateway(answer("old", workers=1))
        gateway.write(answer("new", workers=1))
        start = len(gateway.lines)
        gateway.stop()
        waiting = [Client(gateway.address(), timeout=20) for _ in range(20)]
        for peer in waiting:
            self.addCleanup(peer.close)
            peer.request("GET", "/")
        gateway.signal(signal.SIGUSR2)
        gateway.signal(signal.SIGCONT)
        self.handed_over(gateway, start)
        for peer in waiting:
            self.assertEqual(peer.read_response().status, 200)

    def test_websockets_and_requests_live_on(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def serve(connection, request):
            if request.header("upgrade"):
                echo_tunnel(connection, request)
            release.wait(bound(60))
            connection.reply(200, [], "late")
        origin = self.origin(serve)
        gateway = self.gateway(tunnels(origin))
        socket_peer = self.client(gateway, timeout=20)
        socket_peer.request("GET", "/chat", FIELDS)
        self.assertEqual(socket_peer.read_head().status, 101)
        self.assertEqual(socket_peer.read_exact(5), b"hello")
        request_peer = self.client(gateway, timeout=20)
        request_peer.request("GET", "/slow")
        origin.wait_for_head(2)
        first = self.upgrade(gateway)
        second = self.upgrade(gateway, first)
        wait_until("the end of the one between", lambda: self.ended(first), 20)
        socket_peer.send(b"still here")
        self.assertEqual(socket_peer.read_exact(10), b"still here")
        release.set()
        self.assertEqual(request_peer.read_response().body, b"late")
        self.assertIsNone(gateway.process.poll())
        socket_peer.close()
        self.assertEqual(gateway.wait_exit(), 0)
        status = gateway.admin("GET", "/status").json()
        self.assertEqual((status["pid"], status["upgrade"]["predecessor"]), (second, first))
        self.assertEqual(gateway.metrics().value("weir_upgrades_total", result="success"), 2)

    def test_the_drain_has_a_limit_of_its_own(self):
        origin = self.origin(echo_tunnel)
        gateway = self.gateway(tunnels(origin, server={"handover_timeout": "1s",
                                                       "drain_delay": "60s"}))
        peer = self.client(gateway, timeout=20)
        peer.request("GET", "/chat", FIELDS)
        self.assertEqual(peer.read_head().status, 101)
        self.upgrade(gateway)
        self.assertEqual(gateway.wait_exit(20), 2)
        self.assertTrue(any("handover_timeout is over" in line for line in gateway.lines))

    def test_an_end_in_the_drain_is_a_usual_one(self):
        """As `systemctl stop` asks for: all processes get SIGTERM."""
        origin = self.origin(echo_tunnel)
        gateway = self.gateway(tunnels(origin, server={"drain_timeout": "1s"}))
        peer = self.client(gateway, timeout=20)
        peer.request("GET", "/chat", FIELDS)
        self.assertEqual(peer.read_head().status, 101)
        pid = self.upgrade(gateway)
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(gateway.terminate(20), 2)
        self.assertTrue(any("drain_timeout is over" in line for line in gateway.lines))
        wait_until("the new one's end", lambda: self.ended(pid))

    def test_a_new_process_that_fails_later(self):
        origin = self.origin(echo_tunnel)
        gateway = self.gateway(tunnels(origin, server={"drain_timeout": "1s"}))
        peer = self.client(gateway, timeout=20)
        peer.request("GET", "/chat", FIELDS)
        self.assertEqual(peer.read_head().status, 101)
        pid = self.upgrade(gateway)
        os.kill(pid, signal.SIGKILL)
        gateway.wait_log("its end", "the process that took over has failed")
        self.assertEqual(gateway.wait_exit(20), 1)  # for its service manager to start it anew

    def test_unix_sockets_stay_where_they_are(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-sock-")
        self.addCleanup(folder.cleanup)
        http, admin = (os.path.join(folder.name, name) for name in ("http.sock", "admin.sock"))
        config = answer("old", bind=f"unix:{http}", admin={"bind": f"unix:{admin}"})
        gateway = self.gateway(config)
        gateway.write({**config, "routes": answer("new")["routes"]})
        pid = self.upgrade(gateway)
        self.assertEqual(gateway.wait_exit(), 0)
        self.assertEqual(self.fetch(gateway).body, b"new")
        self.assertEqual(gateway.admin("GET", "/readyz").status, 200)
        os.kill(pid, signal.SIGTERM)
        wait_until("the new one's end", lambda: self.ended(pid))
        self.assertEqual(os.listdir(folder.name), [])

    def test_what_the_new_configuration_changes(self):
        """Listeners that stay keep their sockets under any name, others come and go; more workers
        than sockets, and fewer."""
        def ports():
            with socket.socket() as one, socket.socket() as two:
                one.bind(("127.0.0.1", 0))
                two.bind(("127.0.0.1", 0))
                return one.getsockname()[1], two.getsockname()[1]
        stays, comes = ports()
        folder = tempfile.TemporaryDirectory(prefix="weir-sock-")
        self.addCleanup(folder.cleanup)
        goes = os.path.join(folder.name, "goes.sock")
        gateway = self.gateway(answer("old", workers=1, listeners=[
            {"name": "a", "bind": f"127.0.0.1:{stays}"}, {"name": "goes", "bind": f"unix:{goes}"}]))
        gateway.write(answer("three", workers=3, listeners=[
            {"name": "renamed", "bind": f"127.0.0.1:{stays}"},
            {"name": "comes", "bind": f"127.0.0.1:{comes}"}]))
        pid = self.upgrade(gateway)
        self.assertEqual(gateway.wait_exit(), 0)
        for port in (stays, comes):
            for _ in range(6):
                with Client(("127.0.0.1", port)) as peer:
                    peer.request("GET", "/")
                    self.assertEqual(peer.read_response().body, b"three")
        self.assertFalse(os.path.exists(goes))
        gateway.write(answer("one", workers=1, listeners=[
            {"name": "comes", "bind": f"127.0.0.1:{comes}"}]))
        self.upgrade(gateway, pid)
        wait_until("the end of the one between", lambda: self.ended(pid))
        for _ in range(12):  # of all three sockets
            with Client(("127.0.0.1", comes)) as peer:
                peer.request("GET", "/")
                self.assertEqual(peer.read_response().body, b"one")
        with self.assertRaises(OSError):
            Client(("127.0.0.1", stays)).close()

    def test_no_other_descriptor_is_handed_on(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        gateway = self.gateway(answer(), pass_fds=[writer])
        mine = os.readlink(f"/proc/self/fd/{writer}")

        def has_it(pid):
            folder = f"/proc/{pid}/fd"
            for fd in os.listdir(folder):
                try:
                    if os.readlink(f"{folder}/{fd}") == mine:
                        return True
                except FileNotFoundError:
                    pass  # closed meanwhile
            return False
        self.assertTrue(has_it(gateway.process.pid))
        pid = self.upgrade(gateway)
        self.assertFalse(has_it(pid))
        with open(f"/proc/{pid}/environ", encoding="utf-8") as file:
            self.assertNotIn("WEIR_TAKE_OVER", file.read())

    def test_the_old_one_says_so(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def hold(connection, _):
            release.wait(bound(60))
            connection.reply(200, [], "late")
        origin = self.origin(hold)
        gateway = self.gateway(basic_config(upstreams={"main": origin.address},
                                            defaults={"timeout": "120s"}))
        peer = self.client(gateway, timeout=20)
        peer.request("GET", "/")
        origin.wait_for_head(1)
        pid = self.upgrade(gateway)
        self.assertTrue(any("draining at_most=1h" in line for line in gateway.lines))
        self.assertTrue(any(f"taken over from={gateway.process.pid}" in line
                            for line in gateway.lines))
        self.refused(gateway, f"this process has handed over to process {pid}")
        self.assertTrue(gateway.admin("GET", "/status").json()["upgrade"]["predecessor_drains"])
        release.set()
        self.assertEqual(peer.read_response().body, b"late")


class RefusedTest(UpgradeCase):
    """The old process serves on as if nothing had been asked."""

    def assert_serves(self, gateway, failures=1):
        self.assertEqual(self.fetch(gateway).body, b"old")
        self.assertIsNone(gateway.process.poll())
        self.assertEqual(gateway.admin("GET", "/readyz").status, 200)
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_upgrades_total", result="failure"), failures)
        self.assertEqual(metrics.value("weir_upgrades_total", result="success"), 0)
        status = gateway.admin("GET", "/status").json()
        if failures:
            self.assertIn("upgrade_refused", [one["name"] for one in status["warnings"]])
        # No child is left, not even a dead one.
        pid = gateway.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            self.assertEqual(file.read().split(), [])

    @rows([
        ("one that ends", "#!/bin/sh\nexit 7\n", "with exit code 7 before it was ready"),
        ("one that is killed", "#!/bin/sh\nkill -9 $$\n", "by signal 9 before it was ready"),
        ("garbage", "\x7fELF no program", "Exec format error"),
    ])
    def test_a_bad_binary(self, content, words):
        gateway, path = self.at_path(answer())
        self.put_there(path, content)
        self.refused(gateway, words)
        self.assert_serves(gateway)

    def test_no_binary(self):
        gateway, path = self.at_path(answer())
        os.unlink(path)
        self.refused(gateway, "No such file or directory")
        self.assert_serves(gateway)

    def test_then_a_good_one(self):
        """It is the path of the start that counts, whatever stands there."""
        gateway, path = self.at_path(answer())
        self.put_there(path, "#!/bin/sh\nexit 7\n")
        self.refused(gateway, "exit code 7")
        self.put_there(path, f'#!/bin/sh\nWEIR_TEST_IS_NEW=1 exec "{os.path.abspath(binary())}" "$@"\n')
        pid = self.upgrade(gateway)
        with open(f"/proc/{pid}/environ", encoding="utf-8") as file:
            self.assertIn("WEIR_TEST_IS_NEW=1", file.read())
        self.assertEqual(gateway.wait_exit(), 0)
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_upgrades_total", result="failure"), 1)
        self.assertEqual(metrics.value("weir_upgrades_total", result="success"), 1)

    def test_a_program_that_never_gets_ready(self):
        gateway, path = self.at_path(answer(), env={"WEIR_UPGRADE_TIMEOUT": "500ms"})
        self.put_there(path, "#!/bin/sh\nexec sleep 600\n")
        self.refused(gateway, "was not ready within 500ms")
        wait_until("its end to be seen", lambda: not self.children(gateway))
        self.assert_serves(gateway)

    def test_a_gateway_that_never_gets_ready(self):
        server = SilentNameServer()
        self.addCleanup(server.socket.close)
        gateway = self.gateway(answer(), env={"WEIR_UPGRADE_TIMEOUT": "5s"})
        config = basic_config([{"name": "r", "match": {"path_prefix": "/"}, "upstream": "n"}],
                              {"n": server.upstream()})
        gateway.write(config)
        self.refused(gateway, "was not ready within 5s", "upstream", timeout=30)
        wait_until("its end to be seen", lambda: not self.children(gateway))
        self.assert_serves(gateway)

    @staticmethod
    def children(gateway):
        pid = gateway.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return file.read().split()

    def test_a_reload_meanwhile(self):
        """The new process may have read what was before it."""
        gateway, path = self.at_path(answer())
        self.put_there(path, f'#!/bin/sh\nwhile ! [ -e "$0.go" ]; do sleep 0.05; done\n'
                             f'exec "{os.path.abspath(binary())}" "$@"\n')
        start = len(gateway.lines)
        gateway.signal(signal.SIGUSR2)
        gateway.wait_log("the new process", "a new process gets ready", start=start)
        self.assertEqual(gateway.reload_by_post().status, 200)
        self.put_there(path + ".go", "")
        self.assert_refused(gateway, start, "reloaded meanwhile")
        wait_until("its end to be seen", lambda: not self.children(gateway))
        self.assert_serves(gateway)

    def test_a_bad_configuration(self):
        gateway = self.gateway(answer())
        gateway.write("no: configuration")
        self.refused(gateway, "weir.yaml:1:1: ")
        self.assert_serves(gateway)

    def test_an_address_that_is_taken(self):
        one = socket.socket()
        self.addCleanup(one.close)
        one.bind(("127.0.0.1", 0))
        one.listen()
        gateway = self.gateway(answer())
        gateway.write(answer("new", listeners=[
            {"name": "http", "bind": "127.0.0.1:0"},
            {"name": "more", "bind": "127.0.0.1:%d" % one.getsockname()[1]}]))
        self.refused(gateway, "address already in use")
        self.assert_serves(gateway)

    def test_a_second_one_meanwhile(self):
        gateway, path = self.at_path(answer())
        self.put_there(path, "#!/bin/sh\nexec sleep 600\n")
        start = len(gateway.lines)
        gateway.signal(signal.SIGUSR2)
        gateway.wait_log("the first", "a new process gets ready", start=start)
        self.refused(gateway, "gets ready already")
        self.assertEqual(self.fetch(gateway).body, b"old")
        # And the end of the old one is the new one's.
        (child,) = self.children(gateway)
        self.assertEqual(gateway.terminate(), 0)
        wait_until("its end", lambda: self.ended(int(child)))

    def test_a_configuration_from_stdin(self):
        file = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.addCleanup(file.close)
        file.write(json.dumps(answer()))
        file.flush()
        gateway = self.gateway("", names=["http", "admin"], command=["run", "-c", "-"],
                               stdin=file.name)
        self.refused(gateway, "stdin")
        self.assert_serves(gateway)

    def test_as_pid_1(self):
        wrapper = ["unshare", "--pid", "--fork", "--kill-child"]
        if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode != 0:
            raise unittest.SkipTest("no PID namespace can be made here")
        gateway = self.gateway(answer(), wrapper=wrapper)
        (inner,) = self.children(gateway)
        start = len(gateway.lines)
        os.kill(int(inner), signal.SIGUSR2)
        self.assert_refused(gateway, start, "PID 1 of a container")
        self.assertEqual(self.fetch(gateway).body, b"old")
        os.kill(int(inner), signal.SIGTERM)
        self.assertEqual(gateway.wait_exit(), 0)

    def test_a_variable_of_somebody_else(self):
        for value in ("1", "2 1 0 0\n", "1 1 0 0\n"):
            done = weir("run", env={"WEIR_UPGRADE": value})
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("WEIR_UPGRADE", done.stderr)

    def test_a_time_that_is_none(self):
        done = weir("run", env={"WEIR_UPGRADE_TIMEOUT": "soon"})
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("WEIR_UPGRADE_TIMEOUT must be a duration", done.stderr)


class CrashTest(UpgradeCase):
    def test_an_old_one_that_fails_meanwhile(self):
        """Then the new one has the sockets all the same, with who is queued in them."""
        server = SilentNameServer()
        self.addCleanup(server.socket.close)
        gateway = Gateway(answer("old"))
        self.addCleanup(shutil.rmtree, gateway.folder, True)
        gateway.start()
        self.addCleanup(gateway.kill)
        gateway.write(basic_config(
            [{"name": "n", "match": {"path": "/n"}, "upstream": "n"},
             {"name": "r", "match": {"path_prefix": "/"}, "respond": {"status": 200, "body": "new"}}],
            {"n": server.upstream()}, server={"ready_wait": "2s"}))
        start = len(gateway.lines)
        gateway.signal(signal.SIGUSR2)
        line = gateway.wait_log("the new one", lambda lines: next(
            (line for line in lines if "a new process gets ready" in line), None), start=start)
        pid = int(re.search(r"pid=(\d+)", line)[1])
        self.addCleanup(self.end, pid)
        gateway.wait_log("its sockets", lambda lines: any(
            "listening name=http" in line for line in lines), start=start)
        gateway.kill()
        peer = self.client(gateway, timeout=30)
        peer.request("GET", "/")
        gateway.wait_log("the take-over", "the process before has ended, this one takes its place",
                         20, start=start)
        self.assertEqual(peer.read_response().body, b"new")
        self.assertEqual(gateway.admin("GET", "/status").json()["pid"], pid)


class CommandTest(UpgradeCase):
    def admin_of(self, gateway):
        return "%s:%d" % gateway.address("admin")

    def test_it_waits_for_the_new_process(self):
        gateway = self.gateway(answer("old"))
        start = len(gateway.lines)
        gateway.write(answer("new"))
        done = weir("upgrade", "--admin", self.admin_of(gateway), timeout=40)
        pid = self.handed_over(gateway, start)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertRegex(done.stdout, rf"^handed over to process {pid} \(weir \d+\.\d+\.\d+\S*\); "
                                      r"the old one drains, for 1 ?h at most\n$")
        self.assertEqual(self.fetch(gateway).body, b"new")
        start = len(gateway.lines)
        done = weir("upgrade", "--json", "--admin", self.admin_of(gateway), timeout=40)
        pid = self.handed_over(gateway, start)
        answered = json.loads(done.stdout)
        self.assertEqual((answered["pid"], answered["drain_seconds"]), (pid, 3600))

    def test_it_prints_what_is_wrong(self):
        gateway = self.gateway(answer("old"))
        gateway.write("no: configuration")
        done = weir("upgrade", "--admin", self.admin_of(gateway), timeout=40)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertIn("refused, so the old process serves on", done.stderr)
        self.assertRegex(done.stderr, r"(?m)^\S*weir\.yaml:1:1: ")
        self.assertEqual(self.fetch(gateway).body, b"old")


class ServiceManagerTest(UpgradeCase, PassedCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-notify-")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "notify")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.manager.bind(self.path)
        self.manager.settimeout(bound(15))

    def told(self):
        """Who says what."""
        text, ancillary, *_ = self.manager.recvmsg(4096, socket.CMSG_SPACE(12))
        (_, _, credentials), = ancillary
        sender = int.from_bytes(credentials[:4], "little")
        return sender, dict(line.split("=", 1) for line in text.decode().split("\n"))

    def test_main_pid(self):
        gateway = self.gateway(answer(), env={"NOTIFY_SOCKET": self.path})
        old = gateway.process.pid
        self.assertEqual(self.told(), (old, {"READY": "1", "STATUS": "serving"}))
        for _ in range(2):
            new = self.upgrade(gateway, old)
            sender, begun = self.told()
            self.assertEqual((sender, list(begun)), (old, ["STATUS"]))
            self.assertIn(str(new), begun["STATUS"])
            self.assertEqual(self.told(), (old, {"MAINPID": str(new)}))
            self.assertEqual(self.told(), (new, {"READY": "1", "MAINPID": str(new),
                                                 "STATUS": "serving"}))
            wait_until("the old one's end", lambda: self.ended(old)
                       if old != gateway.process.pid else gateway.process.poll() == 0)
            old = new
        os.kill(old, signal.SIGTERM)
        sender, end = self.told()  # the old ones said nothing of their ends
        self.assertEqual((sender, end["STOPPING"]), (old, "1"))

    def test_a_refused_one(self):
        gateway = self.gateway(answer(), env={"NOTIFY_SOCKET": self.path})
        self.told()
        gateway.write("no: configuration")
        self.refused(gateway, "weir.yaml:1:1: ")
        self.told()
        sender, refused = self.told()
        self.assertEqual((sender, list(refused)), (gateway.process.pid, ["STATUS"]))
        self.assertIn("serving; upgrade refused: ", refused["STATUS"])

    def test_the_watchdog_hears_the_new_one(self):
        gateway = self.gateway(answer(), env={"NOTIFY_SOCKET": self.path,
                                              "WATCHDOG_USEC": "200000"}, wrapper=[
            "/bin/sh", "-c", 'export WATCHDOG_PID=$$; exec "$0" "$@"'])
        heard = []

        def listen():  # or its queue is full
            while True:
                try:
                    heard.append(self.told())
                except OSError:
                    return
        threading.Thread(target=listen, daemon=True).start()
        new = self.upgrade(gateway)
        ready = wait_until("readiness", lambda: next(
            (n for n, (sender, words) in enumerate(list(heard))
             if sender == new and "READY" in words), None))
        wait_until("the watchdog", lambda: len(heard) > ready + 4)
        self.assertEqual(heard[ready + 1:ready + 4], [(new, {"WATCHDOG": "1"})] * 3)

    def test_sockets_of_a_manager_stay_its_own(self):
        one = self.bound_socket()
        gateway = self.activated(answer("old"), [one], "http")
        gateway.write(answer("new", bind="192.0.2.1:80"))
        pid = self.upgrade(gateway)
        self.assertEqual(gateway.wait_exit(), 0)
        self.assertEqual(gateway.address(), one.getsockname())
        self.assertEqual(self.fetch(gateway).body, b"new")
        os.kill(pid, signal.SIGTERM)
        wait_until("the new one's end", lambda: self.ended(pid))
        with Client(one.getsockname()):  # still listened on by who owns it
            pass


class ProtocolsTest(UpgradeCase):
    def test_a_stream_in_flight_is_finished(self):
        """A long answer goes on over the old process while the new one serves others."""
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def stream(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            go_on.wait(bound(60))
            connection.send("6\r\nsecond\r\n0\r\n\r\n")
        origin = self.origin(stream)
        gateway = self.gateway(basic_config(upstreams={"main": origin.address}))
        peer = self.client(gateway, timeout=20)
        peer.request("GET", "/")
        self.assertEqual(peer.read_head().status, 200)
        self.assertEqual(peer.read_chunk(), b"first")
        self.upgrade(gateway)
        other = self.client(gateway, timeout=20)
        other.request("GET", "/")
        self.assertEqual(other.read_head().status, 200)
        go_on.set()
        self.assertEqual(peer.read_chunk(), b"second")
        self.assertEqual(gateway.wait_exit(), 0)
