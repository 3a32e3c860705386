"""`weir tail`: the requests of a running gateway, as they end, for people and for programs."""

import json
import re
import select
import subprocess

from harness import Case, basic_config, rows, wait_until, weir
from harness.gateway import binary
from harness.terminal import Terminal
from harness.waiting import bound

ROUTES = [
    {"name": "ping", "match": {"path_prefix": "/ping"}, "respond": {"status": 200}},
    {"name": "office", "match": {"path": "/office"}, "respond": {"status": 200},
     "middleware": [{"ip_filter": {"allow": ["192.0.2.0/24"]}}]},
    {"name": "broken", "match": {"path": "/broken"}, "respond": {"status": 500}},
]
LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3}  (\d{3}) +[\d.]+ m?s  ([A-Z]+) +(\S+) *(.*)")


class TailCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.weir = cls.shared_gateway(basic_config(ROUTES))

    def admin(self):
        return "%s:%d" % self.weir.address("admin")

    def start(self, *arguments, admin=None):
        tail = subprocess.Popen(
            [binary(), "tail", "--admin", admin or self.admin(), *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(tail.stderr.close)
        self.addCleanup(tail.stdout.close)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        return tail

    @staticmethod
    def ask_until(condition, *asks):
        """Asks again and again, as nothing tells when the watcher is there."""
        def ask_all():
            for ask in asks:
                ask()
            return condition()
        wait_until("the tail to see it", ask_all, timeout=20)

    def seen(self, tail, *paths):
        """What it has printed at its end, while each of the paths was asked for."""
        self.ask_until(lambda: tail.poll() is not None, *[
            lambda path=path: self.fetch(self.weir, path) for path in paths])
        out, err = tail.communicate(timeout=bound(20))
        self.assertEqual((tail.returncode, err), (0, ""))
        return out


class LinesTest(TailCase):
    def test_a_line_for_people(self):
        out = self.seen(self.start("-n", "1"), "/ping/a?x=1")
        status, method, target, rest = LINE.fullmatch(out.rstrip("\n")).groups()
        self.assertEqual((status, method, target, rest),
                         ("200", "GET", "test.example/ping/a?x=1", "ping"))

    def test_the_logs_own_line_for_programs(self):
        out = self.seen(self.start("-n", "2", "--json"), "/office")
        first, second = (json.loads(line) for line in out.splitlines())
        self.assertEqual((first["path"], first["reason"], first["status"]),
                         ("/office", "ip_denied", 403))
        self.assertLess(first["time"], second["time"])

    # The others are asked first each time, so a filter that lets them pass is found out.
    @rows([
        ("status", ["--status", "403"], "/office"), ("class", ["--status", "5xx"], "/broken"),
        ("statuses", ["--status", "418", "--status", "500"], "/broken"),
        ("route", ["--route", "office"], "/office"), ("no route", ["--route", "-"], "/nothing"),
        ("reason", ["--reason", "ip_denied"], "/office"),
        ("path", ["--path", "/ping/b"], "/ping/bc"), ("all", ["--status", "2xx", "--path", "/ping/b"],
                                                      "/ping/b"),
    ])
    def test_filter(self, arguments, path):
        others = [one for one in ("/ping/a", "/office", "/broken", "/nothing") if one != path]
        out = self.seen(self.start("--json", "-n", "1", *arguments), *others, path)
        self.assertEqual(json.loads(out)["path"], path)

    def test_method(self):
        tail = self.start("--json", "-n", "1", "--method", "post")
        self.ask_until(lambda: tail.poll() is not None, lambda: self.fetch(self.weir, "/ping"),
                       lambda: self.fetch(self.weir, "/ping", method="POST", body=b""))
        self.assertEqual(json.loads(tail.stdout.read())["method"], "POST")

    def test_slow(self):
        quick = self.start("--slow", "1h", "-n", "1")
        self.seen(self.start("-n", "3"), "/ping")
        self.seen(self.start("-n", "3"), "/ping")
        self.assertIsNone(quick.poll())


class TerminalTest(TailCase):
    def see(self, columns=100, env=None):
        terminal = Terminal([binary(), "tail", "--admin", self.admin(), "-n", "1"], columns, env)
        self.addCleanup(terminal.close)
        terminal.wait(r"^requests at 127\.0\.0\.1:\d+ \(--admin\); stop with Ctrl-C$")
        self.ask_until(lambda: terminal.process.poll() is not None,
                       lambda: self.fetch(self.weir, "/office?" + "a" * 100))
        terminal.wait("ip_denied")
        return terminal

    def test_colours_and_width(self):
        terminal = self.see(columns=90)
        self.assertIn("\x1b[33m403\x1b[0m", terminal.text)
        line = terminal.wait(r"^\d.*$")[0]
        self.assertEqual(len(line), 90)
        self.assertTrue(line.endswith("...  ip_denied  office"), line)

    def test_no_colour(self):
        self.assertNotIn("\x1b", self.see(env={"NO_COLOR": "1"}).text)


class FailureTest(TailCase):
    @rows([
        ("status", ["--status", "9xx"], "--status: '9xx'"),
        ("reason", ["--reason", "rate_limted"], "did you mean 'rate_limited'?"),
        ("time", ["--slow", "soon"], "--slow: "), ("count", ["-n", "-1"], ""),
    ])
    def test_wrong_usage(self, arguments, words):
        done = weir("tail", "--admin", self.admin(), *arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(words, done.stderr)

    def test_nobody_there(self):
        done = weir("tail", "--admin", "127.0.0.1:1")
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertIn("127.0.0.1:1", done.stderr)

    def test_the_gateway_ends(self):
        weir_that_ends = self.gateway(basic_config(ROUTES))
        tail = self.start("--json", admin="%s:%d" % weir_that_ends.address("admin"))
        self.ask_until(lambda: select.select([tail.stdout], [], [], 0)[0],
                       lambda: self.fetch(weir_that_ends, "/ping"))
        self.assertEqual(weir_that_ends.terminate(), 0)
        _, err = tail.communicate(timeout=bound(20))
        self.assertEqual(tail.returncode, 1)
        self.assertIn("the gateway has ended", err)

    def test_too_many_watchers(self):
        crowded = self.gateway(basic_config(ROUTES))
        for _ in range(4):
            watcher = self.client(crowded, "admin")
            watcher.request("GET", "/access_log", host="localhost")
            self.assertEqual(watcher.read_head().status, 200)
        done = weir("tail", "--admin", "%s:%d" % crowded.address("admin"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("4 clients read the access log already", done.stderr)

    def test_a_token(self):
        guarded = self.gateway(
            basic_config(ROUTES, admin={"bind": "0.0.0.0:0", "token_file": "token"}),
            files={"token": "0123456789abcdef0123456789abcdef\n"})
        guarded.addresses["admin"] = ("127.0.0.1", guarded.port("admin"))
        admin = "%s:%d" % guarded.address("admin")
        done = weir("tail", "--admin", admin)
        self.assertEqual(done.returncode, 1)
        self.assertIn("401", done.stderr)
        tail = self.start("-n", "1", "--json", "--token-file", guarded.file("token"), admin=admin)
        self.ask_until(lambda: tail.poll() is not None, lambda: self.fetch(guarded, "/ping"))
        self.assertEqual(json.loads(tail.stdout.read())["path"], "/ping")
