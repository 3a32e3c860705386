"""`weir demo`: what it prints works as it stands there; on a terminal it shows each request, obeys
keys, makes traffic of its own, and leaves the terminal as it found it."""

import json
import os
import re
import signal
import socket
import subprocess
import termios
import urllib.error
import urllib.request

from harness import Case, Gateway, wait_until
from harness.gateway import binary
from harness.metrics import Metrics
from harness.terminal import Terminal
from harness.waiting import bound

COMMAND = ["demo", "--bind", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
HEADING = (r"^weir demo: gateway at (\S+), admin address at (\S+), "
           r"backends v1 at (\S+), v2 at (\S+)$")
LINE = re.compile(r"^  (\S.*?) +# (.*)$", re.M)
# What the commands of the lines answer, by a part of each; 200 for others.
STATUSES = {"/limited": [200] * 5 + [429] * 3, "-H @": [200], "/account": [401], "/private": [200],
            "/upload": [413], "/office": [403], "/old/page": [308, 200], "/status/503": [503]}
WITHOUT_STATUS = ("-s ", "-sN ", "-so ")


def ask(address, path, headers=None):
    """Status and body."""
    request = urllib.request.Request(f"http://{address}{path}", headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=bound(20)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class PrintedTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.weir = Gateway("", names=["http", "admin"], command=COMMAND)
        cls.addClassCleanup(cls.weir.close)
        cls.weir._all_listening = lambda: {"admin"} < set(cls.weir.addresses)
        cls.weir.start()
        cls.printed = wait_until("the end of what it prints", cls.read)

    @classmethod
    def read(cls):
        with open(cls.weir.file("stdout"), encoding="utf-8") as file:
            text = file.read()
        return text if "End with Ctrl-C" in text else None

    def test_every_line_works(self):
        lines = LINE.findall(self.printed)
        self.assertGreaterEqual(len(lines), 20, self.printed)
        for command, what in lines:
            with self.subTest(command=command):
                done = self.shell(command)
                self.assertEqual(done.returncode, 0, done)
                if command.startswith("curl") and not any(
                        f"curl {options}" in command for options in WITHOUT_STATUS):
                    expected = next((statuses for part, statuses in STATUSES.items()
                                     if part in command), [200])
                    self.assertEqual([int(status) for status in re.findall(
                        r"^HTTP/1.1 (\d+)", done.stdout.replace("HTTP/1.1 100", ""), re.M)],
                        expected, done)
                elif "-so" not in command:
                    self.assertNotEqual(done.stdout, "", done)

    def shell(self, command):
        """As somebody types it, with `weir` being the binary that is tried."""
        if not command.startswith("curl"):
            # Its answer has no end: one request is enough, and there is one by then.
            command = re.sub(r"^\S+", f"'{binary()}'", command) + " -n 1 & " \
                f"until curl -s {self.address()}/ping >/dev/null && ! kill -0 $! 2>/dev/null; " \
                "do sleep 0.1; done; wait $!"
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, errors="replace",
                              timeout=bound(30), check=False)

    def address(self):
        return re.search(HEADING, self.printed, re.M)[1]

    def test_the_comments_are_true(self):
        told = dict(LINE.findall(self.printed))
        fails, = (command for command in told if command.endswith("/fail/on"))
        mends, = (command for command in told if command.endswith("/fail/off"))
        self.assertEqual(self.shell(fails).stdout, "v2 fails from now on\n")
        self.assertEqual(self.shell(mends).stdout, "v2 answers again\n")
        token, = (command for command in told if "-H @" in command)
        self.assertIn("\nx-user: ann\n", self.shell(token).stdout.replace("\r", ""))

    def test_lines_fit_into_100_columns(self):
        folder = re.search(r"@(\S+)/token", self.printed)[1]
        for line in self.printed.splitlines():
            if line.startswith("weir demo: ") or line.startswith("{"):
                continue
            # As in /tmp, wherever this test has its files.
            self.assertLessEqual(len(line.replace(folder, "/tmp/weir-demo-ABCDEF")), 100, line)

    def test_what_no_terminal_shows_is_the_access_log(self):
        ask(self.address(), "/ping?from=test")

        def logged():
            with open(self.weir.file("stdout"), encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.startswith("{")
                        and line.endswith("}\n") and "from=test" in line]
        entry, = wait_until("its line", logged)
        self.assertEqual((entry["path"], entry["status"], entry["route"]), ("/ping", 200, "ping"))
        with open(self.weir.file("stdout"), encoding="utf-8") as file:
            self.assertNotIn("\x1b", file.read())


class TerminalCase(Case):
    def demo(self, *arguments, columns=100, env=None, command=None, ready=r"^End with Ctrl-C"):
        terminal = Terminal(command or [binary(), *COMMAND, *arguments], columns, env)
        self.addCleanup(terminal.close)
        terminal.wait(ready)
        self.gateway_at, self.admin_at, _, self.v2_at = terminal.wait(HEADING).groups()
        return terminal

    def metrics(self):
        return Metrics(ask(self.admin_at, "/metrics")[1])

    def requests(self):
        return self.metrics().value("weir_http_requests_total") or 0

    def assert_put_back(self, terminal):
        self.assertEqual(terminal.modes(), terminal.before)

    def assert_taken(self, terminal):
        wait_until("keys without Enter", lambda: not terminal.modes()[3] & (
            termios.ICANON | termios.ECHO))


class ShownTest(TerminalCase):
    def test_a_line_for_each_request(self):
        terminal = self.demo("--no-traffic")
        self.assertEqual(ask(self.gateway_at, "/office?x=1")[0], 403)
        terminal.wait(r"^\d\d:\d\d:\d\d\.\d{3}  403 +\d+\.\d ms  GET   /office\?x=1 +"
                      r"ip_denied  office$")
        ask(self.gateway_at, "/echo/a", {"x-version": "2"})
        terminal.wait(rf"  200 .* GET   /echo/a +canary  v2 {re.escape(self.v2_at)}$")
        self.assertIn("\x1b[33m403\x1b[0m", terminal.text)

    def test_no_colours_where_nobody_wants_them(self):
        terminal = self.demo("--no-traffic", env={"NO_COLOR": "1"})
        ask(self.gateway_at, "/ping")
        terminal.wait(r"  200 .*ping$")
        self.assertNotIn("\x1b", terminal.text)

    def test_what_a_client_sends_does_not_reach_the_terminal(self):
        terminal = self.demo("--no-traffic", env={"NO_COLOR": "1"})
        host, port = self.gateway_at.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=bound(20)) as peer:
            peer.sendall(b"GET /\x1b[2J\x07 HTTP/1.1\r\nHost: a\r\n\r\n")
            peer.recv(1000)
        terminal.wait(r"  400 .*bad_request")
        self.assertNotIn("\x1b", terminal.text)
        self.assertNotIn("\x07", terminal.text)

    def test_a_line_is_not_wider_than_the_terminal(self):
        terminal = self.demo("--no-traffic", columns=70)
        ask(self.gateway_at, "/echo/" + "a" * 200, {"x-version": "2"})
        line = terminal.wait(r"^.*GET +/echo/a.*$")[0]
        self.assertLessEqual(len(line), 70)

    def test_traffic_moves_the_numbers(self):
        self.demo()
        wait_until("requests of its own", lambda: self.requests() >= 4, timeout=20)
        told = [labels["route"] for name, labels, _ in self.metrics().samples
                if name == "weir_http_requests_total"]
        self.assertGreaterEqual(len(set(told)), 2, told)

    def test_without_traffic_nothing_happens(self):
        terminal = self.demo("--no-traffic")
        terminal.press("s")
        terminal.wait(r", 0 requests, 0\.0 a second; traffic is off$")
        self.assertEqual(self.requests(), 0)

    def test_stdin_elsewhere(self):
        terminal = self.demo(command=["/bin/sh", "-c", 'exec "$0" "$@" </dev/null', binary(), *COMMAND])
        self.assertNotIn("Keys:", terminal.plain)
        self.assert_put_back(terminal)
        terminal.wait(r"^\d\d:\d\d:\d\d.* GET ", timeout=20)
        terminal.press("\x03")
        self.assertEqual(terminal.wait_exit(), 0)


class KeysTest(TerminalCase):
    def test_b_breaks_v2_and_mends_it(self):
        terminal = self.demo("--no-traffic")
        terminal.press("b")
        terminal.wait(r"^-- v2 fails from now on")
        opened = terminal.wait(r"^-- the circuit breaker of v2 opens \((.*)\)")
        self.assertRegex(opened[1], "% of .* calls failed")
        terminal.wait(r"  503 .* circuit_open  shop", start=opened.end())
        v2 = next(one for one in json.loads(ask(self.admin_at, "/upstreams")[1])
                  if one["name"] == "v2")
        self.assertNotEqual(v2["circuit_breaker"]["state"], "closed")
        mended = len(terminal.plain)
        terminal.press("b")
        terminal.wait(r"^-- v2 answers again", start=mended)
        closed = terminal.wait(r"^-- the circuit breaker of v2 closes", timeout=30, start=mended)
        terminal.wait(r"  200 .* shop  v2", start=closed.end())

    def test_c_moves_the_canary_and_back(self):
        terminal = self.demo("--no-traffic")
        for v1, v2 in ((50, 50), (10, 90), (0, 100), (90, 10)):
            terminal.press("c")
            terminal.wait(rf"^-- the canary moves: v1 {v1} %, v2 {v2} %$")
            shop = next(route for route in json.loads(ask(self.admin_at, "/routes")[1])
                        if route["name"] == "shop")
            self.assertEqual(shop["split"], {"v1": v1, "v2": v2})
            self.assertEqual("overridden" in shop, v1 != 90)

    def test_t_turns_traffic_on_and_off(self):
        terminal = self.demo("--no-traffic")
        terminal.press("t")
        terminal.wait(r"^-- traffic is on$")
        terminal.wait(r"^\d\d:\d\d:\d\d.* GET ", timeout=20)
        terminal.press("t")
        terminal.wait(r"^-- traffic is off$")

    def test_s_and_h_tell(self):
        terminal = self.demo("--no-traffic")
        ask(self.gateway_at, "/office")
        ask(self.gateway_at, "/", {"x-canary": "always"})
        terminal.wait(r"  200 .*shop  v2")
        terminal.press("s")
        terminal.wait(r", 2 requests, ")
        terminal.wait(r"^ +2xx 1 +3xx 0 +4xx 1 +5xx 0")
        terminal.wait(r"^ +v2 +10 % +1 +0  answers, circuit breaker closed$")
        before = len(terminal.plain)
        terminal.press("h")
        terminal.wait(r"^  curl ", start=before)
        before = len(terminal.plain)
        terminal.press("z")
        terminal.wait(r"^Keys: b breaks v2", start=before)

    def test_keys_are_not_shown(self):
        terminal = self.demo("--no-traffic")
        terminal.press("sc")
        terminal.wait(r"^-- the canary moves")
        self.assertNotRegex(terminal.plain, r"(?m)^sc?$")


class EndTest(TerminalCase):
    def test_q_ends(self):
        terminal = self.demo()
        self.assert_taken(terminal)
        terminal.press("q")
        self.assertEqual(terminal.wait_exit(), 0)
        self.assert_put_back(terminal)
        terminal.wait(r"^-- draining")
        terminal.wait(r"^-- the demo has ended$")

    def test_ctrl_c_ends(self):
        terminal = self.demo()
        self.assert_taken(terminal)
        terminal.press("\x03")
        self.assertEqual(terminal.wait_exit(), 0)
        self.assert_put_back(terminal)

    def test_a_second_one_ends_at_once(self):
        terminal = self.demo("--no-traffic")
        stream = subprocess.Popen(["curl", "-sN", f"{self.gateway_at}/stream/100"],
                                  stdout=subprocess.PIPE)
        self.addCleanup(stream.stdout.close)
        self.addCleanup(stream.wait)
        stream.stdout.readline()
        terminal.press("q")
        terminal.wait(r"^-- draining")
        terminal.press("q")
        self.assertEqual(terminal.wait_exit(), 2)
        self.assert_put_back(terminal)

    def test_sigterm_ends(self):
        terminal = self.demo()
        self.assert_taken(terminal)
        os.kill(terminal.child(), signal.SIGTERM)
        self.assertEqual(terminal.wait_exit(), 0)
        self.assert_put_back(terminal)

    def test_sigquit_kills_and_puts_the_terminal_back(self):
        terminal = self.demo(command=["/bin/sh", "-c", 'ulimit -c 0; exec "$0" "$@"', binary(),
                                      *COMMAND])
        self.assert_taken(terminal)
        terminal.press("\x1c")
        self.assertEqual(terminal.wait_exit(), 128 + signal.SIGQUIT)
        self.assert_put_back(terminal)

    def test_ctrl_z_and_fg(self):
        terminal = self.demo("--no-traffic")
        for _ in range(2):
            self.assert_taken(terminal)
            before = len(terminal.plain)
            terminal.press("\x1a")
            terminal.wait(r"^\[stopped\]$", start=before)
            self.assert_put_back(terminal)
            terminal.bring_back()
        self.assert_taken(terminal)
        terminal.press("c")
        terminal.wait(r"^-- the canary moves: v1 50 %")
        terminal.press("q")
        self.assertEqual(terminal.wait_exit(), 0)
        self.assert_put_back(terminal)

    def test_a_terminal_that_is_stopped_does_not_hold_it_up(self):
        terminal = self.demo()
        terminal.press("\x13")  # Ctrl-S
        for _ in range(20):
            self.assertEqual(ask(self.gateway_at, "/ping")[0], 200)
        self.assertGreaterEqual(self.requests(), 20)
        os.kill(terminal.child(), signal.SIGTERM)
        self.assertEqual(terminal.wait_exit(), 0)
        self.assert_put_back(terminal)

    def test_the_window_is_closed(self):
        terminal = self.demo()
        terminal.hang_up()
        self.assertEqual(terminal.wait_exit(), 0)
