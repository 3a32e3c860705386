"""The open-loop driver of bench/ (weir-load): what it counts is what its target saw, it sends when
requests are due however slow the answers are, and it says what it could not send."""

import collections
import json
import os
import signal
import subprocess
import threading
import time
import unittest

from harness import Authority, BlackHole, Case, Origin, Refusing, TlsOrigin, rows
from harness import h2_frames as h2
from harness.h2_origin import H2Origin
from harness.waiting import bound

LOAD = os.environ.get("WEIR_LOAD")
ORIGIN = os.environ.get("WEIR_ORIGIN")


def ok(connection, request):
    connection.read_body(request)
    connection.reply(200, [], b"ok")


@unittest.skipUnless(LOAD, "WEIR_LOAD names no driver: it is built with WEIR_BENCH")
class LoadDriverTest(Case):
    def load(self, *arguments, code=0):
        """The report of a run, whose sums are right; with another exit code what it complained of."""
        done = subprocess.run([LOAD, "--cpu", "any", *map(str, arguments)], capture_output=True, text=True,
                              timeout=bound(60), check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        if code:
            self.assertEqual(done.stdout, "")
            return done.stderr
        return self.checked(json.loads(done.stdout))

    def checked(self, report):
        for part in (report["all"], *report["steps"], *report["streams"].values()):
            self.assertEqual(part["due"], part["answered"] + part["failed"] + part["omitted"], report)
            self.assertEqual(part["answered"], sum(part["statuses"].values()))
            self.assertEqual(part["failed"], sum(part["failures"].values()))
            self.assertEqual(part["omitted"], sum(part["omissions"].values()))
            self.assertEqual(part["answered"], part["latency_ms"]["count"])
            self.assertEqual(part["sent"], part["lateness_ms"]["count"])
        for name in ("due", "sent", "answered", "failed", "omitted"):
            self.assertEqual(report["all"][name], sum(step[name] for step in report["steps"]))
            self.assertEqual(report["all"][name], sum(of[name] for of in report["streams"].values()))
        for part in (report["all"], *report["streams"].values()):
            for name in ("due", "answered", "failed", "omitted"):
                self.assertEqual(part[name], sum(second[name] for second in part["seconds"]))
        return report

    def test_who_was_not_looked_at_is_sent_again(self):
        """REFUSED_STREAM, and streams above the last one of a GOAWAY: a second time elsewhere, three times at most."""
        refused = collections.Counter()
        lock = threading.Lock()

        def serve(request):
            with lock:
                number = len(refused)
                times = refused[number] = 1 if number % 10 == 0 else 0
            if number == 0:
                request.connection.send(h2.goaway(0, h2.NO_ERROR))
            elif times:
                request.give_up(h2.REFUSED_STREAM)
            else:
                request.reply(200, b"ok")

        origin = H2Origin(serve)
        self.addCleanup(origin.close)
        report = self.load(f"http://{origin.address}/", "--http2", "--rates", 100, "--seconds", 1)
        self.assertEqual((report["all"]["statuses"], report["all"]["failed"]), ({"200": 100}, 0))
        self.assertGreaterEqual(report["all"]["sent_again"], 10)
        self.assertEqual(report["all"]["sent"], 100)
        self.assertEqual(len(refused), 100 + report["all"]["sent_again"])

        origin = H2Origin(lambda request: request.give_up(h2.REFUSED_STREAM))
        self.addCleanup(origin.close)
        report = self.load(f"http://{origin.address}/", "--http2", "--rates", 20, "--seconds", 1)
        self.assertEqual(report["all"]["failures"], {"reset": 20})
        self.assertEqual((report["all"]["sent"], report["all"]["sent_again"], len(origin.requests)), (20, 60, 80))

    @rows([("http1", False, False), ("http1_tls", False, True), ("h2", True, False)])
    def test_counts_are_those_of_the_origin(self, http2, tls):
        more = []
        if http2:
            origin = H2Origin(lambda request: request.reply(200, b"ok"))
        elif tls:
            authority = Authority()
            self.addCleanup(authority.close)
            origin = TlsOrigin(ok, cert=authority.issue("origin", ["IP:127.0.0.1"]))
            more = ["--ca", authority.ca]
        else:
            origin = Origin(ok)
        self.addCleanup(origin.close)
        url = f"{'https' if tls else 'http'}://{origin.address}/a?b=c"
        report = self.load(url, "--rates", "100,200", "--seconds", 1, *more, *(["--http2"] if http2 else []))
        self.assertEqual([step["due"] for step in report["steps"]], [100, 200])
        self.assertEqual([second["due"] for second in report["all"]["seconds"]], [100, 200])
        self.assertEqual(report["all"]["statuses"], {"200": 300})
        self.assertEqual(report["all"]["ok"], 300)
        self.assertEqual(report["all"]["content_bytes"], 600)
        self.assertEqual(report["protocol"], "h2" if http2 else "http/1.1")
        if http2:
            self.assertEqual(len(origin.requests), 300)
            self.assertEqual(report["connections"]["opened"], 4)
        else:
            self.assertEqual(len(origin.requests), 300)
            self.assertEqual(len(origin.connections), report["connections"]["opened"])
            self.assertEqual({request.target for request in origin.requests}, {"/a?b=c"})

    def test_latency_counts_from_when_a_request_was_due(self):
        """The origin stops for 600 ms, with one connection: whoever was due meanwhile waited, too. A
        driver that waits for each answer would have one long latency among the short ones."""
        asked = []

        def stall_once(connection, request):
            asked.append(request)
            if len(asked) == 20:
                time.sleep(0.6)
            ok(connection, request)
        origin = self.origin(stall_once)
        report = self.load(f"http://{origin.address}/", "--rates", 100, "--seconds", 2, "--connections", 1)
        self.assertEqual(report["all"]["answered"], 200)
        self.assertEqual(len(origin.connections), 1)
        # 60 of 200 were due in the stall, evenly: 40 of them waited for more than 200 ms.
        self.assertGreater(report["all"]["latency_ms"]["p90"], 200)
        self.assertGreater(report["all"]["sent_after_ms"]["p90"], 200)
        self.assertGreaterEqual(report["all"]["latency_ms"]["max"], 600)

    def test_it_tells_what_it_could_not_send(self):
        """Nobody is answered: one request is under way, three wait, all others are omitted."""
        over = threading.Event()
        self.addCleanup(over.set)
        origin = self.origin(lambda connection, request: over.wait(bound(60)))
        report = self.load(f"http://{origin.address}/", "--rates", 50, "--seconds", 1, "--connections", 1,
                           "--waiting", 3, "--timeout", "3s")
        self.assertFalse(report["kept_up"])
        self.assertEqual(report["all"]["due"], 50)
        self.assertEqual(report["all"]["omissions"]["no_room"], 46)
        timed_out = report["all"]["failures"]["timeout"]
        self.assertGreaterEqual(timed_out, 1)
        self.assertEqual(timed_out + report["all"]["omissions"].get("waited_out", 0), 4)
        self.assertTrue(any("never sent" in warning for warning in report["warnings"]), report["warnings"])

    @rows([("refused", Refusing, "connect_failed"), ("black_hole", BlackHole, "connect_timeout")])
    def test_connects_that_fail(self, place, cause):
        place = place()
        self.addCleanup(place.close)
        report = self.load(f"http://{place.address}/", "--rates", 20, "--seconds", 1, "--timeout", "500ms")
        self.assertEqual(report["all"]["due"], 20)
        self.assertEqual(report["all"]["sent"], 0)
        self.assertGreater(report["all"]["failures"][cause], 0)
        self.assertEqual(set(report["all"]["failures"]), {cause})
        self.assertGreater(report["connections"]["failed"], 0)

    @rows([("statuses", "status"), ("incomplete", "cut"), ("reset", "reset"), ("bad", "lie")])
    def test_what_comes_of_answers(self, kind):
        """Every second answer is not what was hoped for."""
        lock = threading.Lock()
        count = 0

        def serve(connection, request):
            nonlocal count
            with lock:
                count += 1
                odd = count % 2
            if odd:
                return ok(connection, request)
            if kind == "status":
                return connection.reply(503, [], b"not now")
            if kind == "cut":
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                return connection.close()
            if kind == "reset":
                return connection.reset()
            connection.send("HTTP/9.9 what\r\n\r\n")
            return connection.close()
        origin = self.origin(serve)
        report = self.load(f"http://{origin.address}/", "--rates", 100, "--seconds", 1)
        self.assertEqual(len(origin.heads), 100)
        if kind == "status":
            self.assertEqual(report["all"]["statuses"], {"200": 50, "503": 50})
            self.assertEqual(report["all"]["ok"], 50)
            self.assertEqual(report["all"]["latency_ok_ms"]["count"], 50)
        else:
            cause = {"cut": "incomplete", "reset": "reset", "lie": "bad_response"}[kind]
            self.assertEqual(report["all"]["statuses"], {"200": 50})
            self.assertEqual(report["all"]["failures"], {cause: 50})

    def test_streams_have_rates_and_fields_of_their_own(self):
        origin = self.origin(ok)
        report = self.load(f"http://{origin.address}", "--seconds", 1, "--header", "X-All: yes", "--content", 5,
                           "--authority", "name.test",
                           "--stream", "few,20,GET,/few,X-Caller: a", "--stream", "many,200,POST,/many,X-Caller: b")
        self.assertEqual({name: of["due"] for name, of in report["streams"].items()}, {"few": 20, "many": 200})
        few = [request for request in origin.requests if request.target == "/few"]
        many = [request for request in origin.requests if request.target == "/many"]
        self.assertEqual((len(few), len(many)), (20, 200))
        for requests, caller, method, body in ((few, "a", "GET", b""), (many, "b", "POST", b"xxxxx")):
            for request in requests:
                self.assertEqual(request.all("x-caller"), [caller])
                self.assertEqual(request.all("x-all"), ["yes"])
                self.assertEqual(request.all("host"), ["name.test"])
                self.assertEqual((request.method, request.body), (method, body))

    def test_rates_by_step_are_divided_by_weight(self):
        origin = self.origin(ok)
        report = self.load(f"http://{origin.address}", "--seconds", 1, "--rates", "30,60",
                           "--stream", "a,1,GET,/a", "--stream", "b,2,GET,/b")
        self.assertEqual([{name: of["due"] for name, of in step["streams"].items()} for step in report["steps"]],
                         [{"a": 10, "b": 20}, {"a": 20, "b": 40}])
        self.assertEqual(sum(target == "/b" for target in origin.targets()), 60)

    def test_what_warms_up_is_not_counted(self):
        origin = self.origin(ok)
        report = self.load(f"http://{origin.address}/", "--rates", 50, "--seconds", 1, "--warmup", 1,
                           "--arrivals", "poisson", "--good-within", "1us")
        self.assertEqual(len(origin.heads), report["warmup"]["sent"] + report["all"]["sent"])
        self.assertGreater(report["warmup"]["sent"], 0)
        self.assertEqual(len(report["all"]["seconds"]), 1)
        self.assertEqual(report["all"]["good"], 0)

    def test_an_interrupted_run_reports(self):
        origin = self.origin(ok)
        driver = subprocess.Popen([LOAD, "--cpu", "any", f"http://{origin.address}/", "--rates", "50", "--seconds",
                                   "600"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            origin.wait_for_request(20, timeout=20)
            driver.send_signal(signal.SIGINT)
            out, _ = driver.communicate(timeout=bound(20))
        finally:
            driver.kill()
            driver.wait()
        self.assertEqual(driver.returncode, 0)
        report = self.checked(json.loads(out))
        self.assertTrue(report["interrupted"])
        self.assertEqual(report["all"]["sent"], len(origin.heads))
        self.assertLess(report["seconds_in_all"], 600)

    @rows([
        ("no_url", ["--rates", "1"], "URL"),
        ("no_scheme", ["127.0.0.1:80", "--rates", "1"], "is no URL"),
        ("no_port", ["http://127.0.0.1:0/", "--rates", "1"], "no host with a port"),
        ("no_rate", ["http://127.0.0.1:1/"], "--rates"),
        ("a_bad_rate", ["http://127.0.0.1:1/", "--rates", "10,x"], "\"x\" is no rate"),
        ("a_rate_below_zero", ["http://127.0.0.1:1/", "--rates", "-1"], "is no rate"),
        ("a_bad_stream", ["http://127.0.0.1:1/", "--stream", "a,1,GET"], "NAME,RATE,METHOD,PATH"),
        ("two_alike", ["http://127.0.0.1:1/", "--stream", "a,1,GET,/", "--stream", "a,1,GET,/"], "two streams"),
        ("framing", ["http://127.0.0.1:1/", "--rates", "1", "--header", "Content-Length: 1"], "Content-Length"),
        ("too_long", ["http://127.0.0.1:1/", "--rates", "1", "--seconds", "1e6"], "more than"),
        ("a_bad_duration", ["http://127.0.0.1:1/", "--rates", "1", "--timeout", "fast"], "--timeout"),
        ("tls_without", ["http://127.0.0.1:1/", "--rates", "1", "--insecure"], "https"),
    ])
    def test_a_wrong_command_line(self, arguments, said):
        self.assertIn(said, self.load(*arguments, code=2))

    @unittest.skipUnless(ORIGIN, "WEIR_ORIGIN names no origin: it is built with WEIR_BENCH")
    def test_the_origin_has_a_capacity(self):
        """Two slots of 100 ms: 20 requests a second, and no more at any load."""
        origin = subprocess.Popen([ORIGIN, "--slots", "2", "--time", "100ms", "--name", "a", "--stall-each", "10",
                                   "--stall", "200ms"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(origin.wait)
        self.addCleanup(origin.kill)
        port = int(origin.stdout.readline())
        report = self.load(f"http://127.0.0.1:{port}/", "--rates", 40, "--seconds", 1)
        origin.send_signal(signal.SIGTERM)
        account = json.loads(origin.communicate(timeout=bound(20))[0])
        self.assertEqual(report["all"]["statuses"], {"200": 40})
        self.assertEqual((account["asked"], account["answered"], account["stalled"]), (40, 40, 4))
        # 44 slots of 100 ms, two at a time, beginning with the first: the last one ends 2.2 s later.
        self.assertGreaterEqual(report["all"]["latency_ms"]["max"], 1000)
        self.assertGreaterEqual(account["most_waiting"], 10)


if __name__ == "__main__":
    unittest.main()
