"""Health checks and outlier detection: what clients, operators and the log see of endpoints that
cannot serve. interface.md section 2 (`health_check`, `outlier_detection`), 3 and 5."""

import json
import os
import re
import struct
import tempfile
import threading

from harness import BlackHole, Case, Refusing, basic_config, rows, wait_until
from harness.gateway import weir
from harness.h2_origin import H2Origin
from harness.tls import Authority, TlsOrigin

CHECK = "/healthz"


def without_panic():
    """Settings with which health decides alone; none where the gateway has no panic rule."""
    known = "panic_threshold" in weir("schema").stdout
    return {"load_balancer": {"panic_threshold": "0%"}} if known else {}


class Switched:
    """A handler: checks get `health`, other requests `answer`; both may be changed."""

    def __init__(self, health=200, answer=200):
        self.health = health
        self.answer = answer

    def __call__(self, connection, request):
        connection.read_body(request)
        is_check = request.target.startswith(CHECK)
        connection.reply(self.health if is_check else self.answer, body=b"fine\n")


class HealthCase(Case):
    def switched(self, **how):
        handler = Switched(**how)
        origin = self.origin(handler)
        origin.switch = handler
        return origin

    def h2_origin(self, handler, **kwargs):
        origin = H2Origin(handler, **kwargs)
        self.addCleanup(origin.close)
        return origin

    def config(self, *addresses, check=None, outliers=None, workers=2, log=None, **upstream):
        upstream = {"endpoints": [{"address": a} for a in addresses], **upstream}
        if check is not None:
            upstream["health_check"] = {"interval": "60s", "timeout": "30s", **check}
        if outliers is not None:
            upstream["outlier_detection"] = outliers
        return basic_config(upstreams={"main": upstream}, workers=workers,
                            **({"log": log} if log else {}))

    def serve(self, *addresses, **how):
        return self.gateway(self.config(*addresses, **how))

    def endpoint(self, gateway, address):
        for endpoint in gateway.admin("GET", "/upstreams").json()[0]["endpoints"]:
            if endpoint["address"] == address:
                return endpoint
        raise AssertionError(f"{address} is not listed")

    def why(self, gateway, address):
        return self.endpoint(gateway, address)["why"]

    def wait_why(self, gateway, address, pattern):
        return wait_until(f"{address}: {pattern}",
                          lambda: re.fullmatch(pattern, self.why(gateway, address)), 15)

    def wait_checks(self, gateway, address, verdict):
        wait_until(f"{address} is {verdict}",
                   lambda: self.endpoint(gateway, address)["checks"] == verdict, 15)

    def ask(self, gateway, times, target="/"):
        return [self.fetch(gateway, target).status for _ in range(times)]

    def served(self, origin):
        """Requests of clients that it got."""
        return sum(not head.target.startswith(CHECK) for head in origin.heads)


class HttpCheckTest(HealthCase):
    def test_turns_to_503_and_back(self):
        good, turning = self.switched(), self.switched()
        gateway = self.serve(good.address, turning.address, check={"interval": "100ms"})
        for origin in (good, turning):
            self.wait_checks(gateway, origin.address, "healthy")
        self.ask(gateway, 8)
        self.assertGreater(self.served(turning), 0)

        turning.switch.health = 503
        self.wait_why(gateway, turning.address, r"unhealthy: \d+ checks failed: 503")
        gateway.wait_log("the end of its use",
                         f"endpoint out of use upstream=main endpoint={turning.address} "
                         'why="unhealthy: 3 checks failed: 503"')
        self.assertEqual(gateway.metrics().value("weir_upstream_endpoint_healthy",
                                                 endpoint=turning.address), 0)
        before = self.served(turning)
        self.assertEqual(self.ask(gateway, 20), [200] * 20)
        self.assertEqual(self.served(turning), before)

        turning.switch.health = 204
        self.wait_why(gateway, turning.address, "")
        gateway.wait_log("its return", f"endpoint in use again upstream=main "
                                       f'endpoint={turning.address} why="2 checks passed"')
        self.ask(gateway, 8)
        self.assertGreater(self.served(turning), before)
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_upstream_endpoint_healthy",
                                       endpoint=turning.address), 1)
        self.assertGreaterEqual(metrics.value("weir_health_checks_total", upstream="main",
                                              result="failure"), 3)
        self.assertGreaterEqual(metrics.value("weir_health_checks_total", upstream="main",
                                              result="success"), 4)
        out = [line for line in gateway.lines if "endpoint out of use" in line]
        self.assertEqual(len(out), 1, out)

    def test_a_first_failure_is_final(self):
        bad, good = self.switched(health=500), self.switched()
        gateway = self.serve(bad.address, good.address, check={"unhealthy_after": 100})
        self.wait_why(gateway, bad.address, "unhealthy: 1 check failed: 500")
        self.assertEqual(self.ask(gateway, 10), [200] * 10)
        self.assertEqual(self.served(bad), 0)

    def test_used_until_the_first_result(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def handler(connection, request):
            connection.read_body(request)
            if request.target == CHECK:
                release.wait(60)
            connection.reply(503 if request.target == CHECK else 200)
        origin = self.origin(handler)
        gateway = self.serve(origin.address, check={})
        origin.wait("the check", lambda: CHECK in origin.targets(), 15)
        self.assertEqual(self.endpoint(gateway, origin.address)["checks"], "unknown")
        self.assertEqual(self.ask(gateway, 3), [200] * 3)
        release.set()
        self.wait_why(gateway, origin.address, "unhealthy: 1 check failed: 503")

    def test_all_out_is_no_healthy_endpoint(self):
        origin = self.switched(health=503)
        gateway = self.serve(origin.address, check={}, **without_panic())
        self.wait_checks(gateway, origin.address, "unhealthy")
        self.assert_problem(self.fetch(gateway), "no_healthy_endpoint")
        self.assertEqual(self.served(origin), 0)

    def test_what_is_asked(self):
        origin = self.switched()
        aside = self.switched()
        gateway = self.serve(origin.address, check={
            "path": "/healthz?deep=1", "method": "HEAD", "host": "orders.test", "port": aside.port,
            "headers": {"X-Probe": "{yes}", "User-Agent": "mine"}})
        self.wait_checks(gateway, origin.address, "healthy")
        head = aside.heads[0]
        self.assertEqual((head.method, head.target), ("HEAD", "/healthz?deep=1"))
        self.assertEqual(head.header("host"), "orders.test")
        self.assertEqual(head.header("x-probe"), "{yes}")
        self.assertEqual(head.all("user-agent"), ["mine"])
        self.assertEqual(origin.heads, [])
        # A connection of its own for each check.
        self.assertEqual(aside.wait_connection_ended(), "closed")

    def test_what_is_asked_by_default(self):
        origin = self.switched()
        gateway = self.serve(origin.address, check={})
        self.wait_checks(gateway, origin.address, "healthy")
        head = origin.heads[0]
        self.assertEqual((head.method, head.target), ("GET", "/healthz"))
        self.assertEqual(head.header("host"), origin.address)
        self.assertEqual(head.header("user-agent"), "weir-health-check")

    @rows([("redirect passes", {}, 302, b"", ""),
           ("not expected", {"expect": [200, "204-206"]}, 207, b"", "207"),
           ("in a range", {"expect": [200, "204-206"]}, 206, b"", ""),
           ("client error", {}, 404, b"", "404"),
           ("text is there", {"body": "all is well"}, 200, b"x" * 60000 + b"all is well", ""),
           ("text is missing", {"body": "all is well"}, 200, b"all is bad",
            "200 without the text of `body`"),
           ("text comes too late", {"body": "all is well"}, 200, b"x" * 66000 + b"all is well",
            "200 without the text of `body`")])
    def test_what_passes(self, check, status, content, cause):
        def handler(connection, request):
            connection.read_body(request)
            connection.reply(status, body=content)
        origin = self.origin(handler)
        gateway = self.serve(origin.address, check=check)
        self.wait_checks(gateway, origin.address, "unhealthy" if cause else "healthy")
        self.assertEqual(self.why(gateway, origin.address),
                         f"unhealthy: 1 check failed: {cause}" if cause else "")

    @rows([("no HTTP", b"220 mail.test ESMTP\r\n\r\n", "not a valid answer: .+"),
           ("closed", b"", "the connection ended before the answer did"),
           ("cut", b"HTTP/1.1 200 OK\r\nContent-Le",
            "the connection ended before the answer did")])
    def test_bad_answers(self, sent, cause):
        def handler(connection, request):
            connection.read_body(request)
            if sent:
                connection.send(sent)
            connection.close()
        origin = self.origin(handler)
        gateway = self.serve(origin.address, check={})
        self.wait_why(gateway, origin.address, f"unhealthy: 1 check failed: {cause}")

    def test_no_answer_in_time(self):
        release = threading.Event()
        self.addCleanup(release.set)
        origin = self.origin(lambda connection, request: release.wait(60))
        gateway = self.serve(origin.address, check={"timeout": "200ms"})
        self.wait_why(gateway, origin.address, "unhealthy: 1 check failed: no answer within 200ms")

    def test_no_connection(self):
        refusing = Refusing()
        self.addCleanup(refusing.close)
        hole = BlackHole()
        self.addCleanup(hole.close)
        gateway = self.serve(refusing.address, hole.address, check={"timeout": "300ms"})
        self.wait_why(gateway, refusing.address,
                      "unhealthy: 1 check failed: connect failed: refused")
        self.wait_why(gateway, hole.address, "unhealthy: 1 check failed: connect failed: "
                                             "no connection within 300ms")

    def test_debug_log_tells_each_check(self):
        origin = self.switched(health=418)
        gateway = self.serve(origin.address, check={}, log={"level": "debug"})
        gateway.wait_log("the check", lambda lines: any(
            re.search(r"debug health check component=upstream upstream=main "
                      rf"endpoint={origin.address} result=failure cause=418 ms=", line)
            for line in lines), 15)

    def test_many_endpoints_are_all_checked(self):
        origin = self.switched()
        addresses = [f"127.0.{n // 250}.{1 + n % 250}:{origin.port}" for n in range(300)]
        refused = 299  # who listens on 127.0.0.1 alone refuses on the others
        gateway = self.serve(*addresses, check={})
        wait_until("a result of each", lambda: gateway.metrics().value(
            "weir_health_checks_total", result="failure") == refused, 30)
        self.wait_checks(gateway, addresses[0], "healthy")


class OtherChecksTest(HealthCase):
    def test_tcp(self):
        refusing = Refusing()
        self.addCleanup(refusing.close)
        origin = self.switched()
        gateway = self.serve(origin.address, refusing.address, check={"type": "tcp"})
        self.wait_checks(gateway, origin.address, "healthy")
        self.wait_why(gateway, refusing.address,
                      "unhealthy: 1 check failed: connect failed: refused")
        self.assertEqual(origin.heads, [])

    @rows([("serving", 1, "0", ""), ("not serving", 2, "0", "NOT_SERVING"),
           ("unknown service", 3, "0", "SERVICE_UNKNOWN"), ("no status", None, "0", "UNKNOWN"),
           ("not implemented", None, "12", "grpc_unimplemented")])
    def test_grpc(self, status, code, cause):
        asked = []

        def handler(request):
            asked.append((dict(request.headers), request.read_body()))
            message = b"" if status is None else bytes([8, status])
            fields = [("content-type", "application/grpc")]
            if code != "0":
                return request.reply(200, fields=[*fields, ("grpc-status", code)])
            request.reply(200, struct.pack(">BI", 0, len(message)) + message, fields,
                          trailers=[("grpc-status", code)])
        origin = self.h2_origin(handler)
        gateway = self.serve(origin.address, protocol="h2",
                             check={"type": "grpc", "service": "orders.v1.Orders"})
        self.wait_checks(gateway, origin.address, "unhealthy" if cause else "healthy")
        self.assertEqual(self.why(gateway, origin.address),
                         f"unhealthy: 1 check failed: {cause}" if cause else "")
        head, content = asked[0]
        self.assertEqual((head[":method"], head[":path"], head["te"], head["content-type"]),
                         ("POST", "/grpc.health.v1.Health/Check", "trailers", "application/grpc"))
        self.assertEqual(head[":authority"], origin.address)
        self.assertEqual(content, b"\0\0\0\0\x12\x0a\x10orders.v1.Orders")

    def test_http_over_h2(self):
        origin = self.h2_origin(lambda request: request.reply(200, b"fine"))
        gateway = self.serve(origin.address, protocol="h2", check={"body": "fine"})
        self.wait_checks(gateway, origin.address, "healthy")
        self.assertEqual(dict(origin.requests[0].headers)[":path"], "/healthz")

    def test_h2_that_says_nothing(self):
        origin = self.h2_origin(None, silent=True)
        gateway = self.serve(origin.address, protocol="h2", check={"timeout": "300ms"})
        self.wait_why(gateway, origin.address, "unhealthy: 1 check failed: no answer within 300ms")

    def test_tls(self):
        authority, stranger = Authority(), Authority("stranger")
        self.addCleanup(authority.close)
        self.addCleanup(stranger.close)
        handler = Switched()
        origins = []
        for whose in (authority, stranger):
            origins.append(TlsOrigin(handler, cert=whose.issue("orders.test", ["orders.test"])))
            self.addCleanup(origins[-1].close)
        gateway = self.serve(*(o.address for o in origins), check={},
                             tls={"server_name": "orders.test", "ca": authority.ca})
        self.wait_checks(gateway, origins[0].address, "healthy")
        self.assertEqual(origins[0].handshakes[0][0], "orders.test")
        self.assertEqual(origins[0].heads[0].target, "/healthz")
        self.wait_why(gateway, origins[1].address,
                      "unhealthy: 1 check failed: connect failed: TLS: .+")

    def test_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "origin.sock")
            origin = self.origin(Switched(), path=path)
            gateway = self.serve(origin.address, check={})
            self.wait_checks(gateway, origin.address, "healthy")
            self.assertEqual(origin.heads[0].header("host"), "localhost")


class OutlierTest(HealthCase):
    def ask_until(self, gateway, condition):
        return wait_until("an ejection", lambda: self.ask(gateway, 1) and condition(), 20)

    def ejections(self, gateway, cause="consecutive_errors"):
        return gateway.metrics().value("weir_outlier_ejections_total", upstream="main", cause=cause)

    @rows([("502", 502), ("503", 503), ("504", 504)])
    def test_five_errors_eject(self, status):
        bad, good = self.switched(answer=status), self.switched()
        gateway = self.serve(bad.address, good.address, outliers={"ejection_time": "300s"})
        self.assertEqual(self.ejections(gateway), 0)
        self.ask_until(gateway, lambda: self.why(gateway, bad.address))
        self.assertRegex(self.why(gateway, bad.address), r"ejected: 5 errors, \d+ s left")
        self.assertEqual(self.served(bad), 5)
        gateway.wait_log("the ejection", f"endpoint out of use upstream=main "
                                         f"endpoint={bad.address} "
                                         'why="ejected: 5 errors, 300 s left"')
        self.assertEqual(self.ask(gateway, 20), [200] * 20)
        self.assertEqual(self.served(bad), 5)
        self.assertEqual(self.ejections(gateway), 1)
        self.assertEqual(gateway.metrics().value("weir_upstream_endpoint_healthy",
                                                 endpoint=bad.address), 0)

    @rows([("500", 500), ("501", 501), ("429", 429)])
    def test_what_is_no_error(self, status):
        bad, good = self.switched(answer=status), self.switched()
        gateway = self.serve(bad.address, good.address, outliers={})
        self.ask(gateway, 24)
        self.assertEqual(self.why(gateway, bad.address), "")

    def test_resets_eject(self):
        bad = self.origin(lambda connection, request: connection.reset())
        good = self.switched()
        gateway = self.serve(bad.address, good.address, outliers={})
        self.ask_until(gateway, lambda: self.why(gateway, bad.address))
        self.assertRegex(self.why(gateway, bad.address), "ejected: 5 errors")

    def test_a_stale_connection_is_no_error(self):
        """An origin that closes kept connections early answers each request on a fresh one."""
        resets = []

        def once(connection, request):
            if getattr(connection, "answered", False):
                resets.append(request.target)
                connection.reset()
                return
            connection.answered = True
            connection.reply(200, body=b"fine\n")
        origins = [self.origin(once) for _ in range(2)]
        gateway = self.serve(*(o.address for o in origins), workers=1, outliers={
            "consecutive_errors": 1, "ejection_time": "300s"})
        self.assertEqual(self.ask(gateway, 20), [200] * 20)
        self.assertGreaterEqual(len(resets), 5)
        self.assertEqual([self.why(gateway, o.address) for o in origins], ["", ""])
        self.assertEqual(self.ejections(gateway), 0)

    def test_resets_of_single_requests_eject(self):
        """A connection that works is not stale, however often it was used."""
        def once(request):
            if getattr(request.connection, "answered", False):
                return request.give_up(2)  # INTERNAL_ERROR
            request.connection.answered = True
            return request.reply(200, b"fine")
        bad, good = self.h2_origin(once), self.h2_origin(None)
        gateway = self.serve(bad.address, good.address, workers=1, protocol="h2", outliers={})
        self.ask_until(gateway, lambda: self.why(gateway, bad.address))
        self.assertRegex(self.why(gateway, bad.address), "ejected: 5 errors")

    def test_returns_when_its_time_is_over(self):
        bad, good = self.switched(answer=503), self.switched()
        gateway = self.serve(bad.address, good.address, outliers={"ejection_time": "1s"})
        self.ask_until(gateway, lambda: self.ejections(gateway) == 1)
        bad.switch.answer = 200
        gateway.wait_log("its return", f"endpoint in use again upstream=main "
                                       f'endpoint={bad.address} why="its ejection is over"', 20)
        before = self.served(bad)
        self.ask(gateway, 8)
        self.assertGreater(self.served(bad), before)
        self.assertEqual(self.why(gateway, bad.address), "")

    def test_the_next_one_lasts_longer(self):
        bad, good = self.switched(answer=503), self.switched()
        gateway = self.serve(bad.address, good.address, outliers={"ejection_time": "2s"})
        for left in ("2 s left", "4 s left"):
            # Once it is back it fails again long before it was back for two seconds.
            wait_until(f"an ejection for {left}", lambda: self.ask(gateway, 1) and any(
                left in line for line in gateway.lines if "endpoint out of use" in line), 30)

    def test_the_ceiling_holds(self):
        origins = [self.switched(answer=503) for _ in range(3)]
        gateway = self.serve(*(o.address for o in origins), outliers={"ejection_time": "300s"})
        self.ask(gateway, 60)
        out = [o for o in origins if self.why(gateway, o.address)]
        self.assertEqual(len(out), 1)  # two of three were more than half
        self.assertEqual(self.ejections(gateway), 1)

    def test_the_last_one_stays(self):
        origin = self.switched(answer=503)
        gateway = self.serve(origin.address, outliers={"max_ejected": "100%"})
        self.ask(gateway, 20)
        self.assertEqual(self.served(origin), 20)
        self.assertEqual(self.why(gateway, origin.address), "")

    def test_a_share_of_failures_ejects(self):
        count = iter(range(10 ** 9))

        def every_second(connection, request):
            connection.read_body(request)
            connection.reply(503 if next(count) % 2 else 200)
        bad, good = self.origin(every_second), self.switched()
        gateway = self.serve(bad.address, good.address, outliers={
            "consecutive_errors": 0, "failure_share": "30%", "minimum_requests": 4,
            "interval": "500ms", "ejection_time": "300s"})
        self.ask_until(gateway, lambda: self.why(gateway, bad.address))
        self.assertRegex(self.why(gateway, bad.address),
                         r"ejected: \d+\.\d% of \d+ requests failed, \d+ s left")
        self.assertEqual(self.ejections(gateway, "failure_share"), 1)
        self.assertEqual(self.why(gateway, good.address), "")

    def test_a_passed_check_ends_it(self):
        bad, good = self.switched(answer=503), self.switched()
        gateway = self.serve(bad.address, good.address, check={"interval": "200ms"},
                             outliers={"ejection_time": "300s"})
        self.ask_until(gateway, lambda: self.ejections(gateway))
        gateway.wait_log("its return", f"endpoint in use again upstream=main "
                                       f'endpoint={bad.address} why="a check passed"', 15)

    def test_connects_that_fail_eject(self):
        refusing = Refusing()
        self.addCleanup(refusing.close)
        good = self.switched()
        gateway = self.serve(refusing.address, good.address, outliers={
            "consecutive_errors": 1, "ejection_time": "300s"})
        self.ask_until(gateway, lambda: self.ejections(gateway))
        self.assertRegex(self.why(gateway, refusing.address), "ejected: 1 error, ")


class ReloadTest(HealthCase):
    def reload(self, gateway, config):
        answer = gateway.reload_by_post(config)
        self.assertLess(answer.status, 300, answer)

    def test_keeps_what_checks_came_to(self):
        bad, good = self.switched(health=503), self.switched()
        gateway = self.serve(bad.address, good.address, check={})
        self.wait_checks(gateway, bad.address, "unhealthy")
        self.reload(gateway, self.config(bad.address, good.address, check={},
                                         pool={"in_flight": 7}))
        self.assertEqual(self.why(gateway, bad.address), "unhealthy: 1 check failed: 503")
        self.assertEqual(bad.targets(), [CHECK])
        # Another question: what is known of the one before is forgotten, and it is asked at once.
        self.reload(gateway, self.config(bad.address, good.address,
                                         check={"path": "/healthz2", "expect": [503]}))
        self.wait_checks(gateway, bad.address, "healthy")
        self.assertEqual(bad.targets(), [CHECK, "/healthz2"])

    def test_without_the_check_it_is_back(self):
        bad = self.switched(health=503)
        gateway = self.serve(bad.address, check={})
        self.wait_checks(gateway, bad.address, "unhealthy")
        self.reload(gateway, self.config(bad.address))
        self.wait_checks(gateway, bad.address, "unknown")
        gateway.wait_log("its return", 'why="it is not checked any more"')
        self.assertEqual(self.ask(gateway, 3), [200] * 3)

    def test_a_check_may_come_with_a_reload(self):
        bad = self.switched(health=503)
        gateway = self.serve(bad.address)
        self.assertEqual(self.endpoint(gateway, bad.address)["checks"], "unknown")
        self.reload(gateway, self.config(bad.address, check={}))
        self.wait_checks(gateway, bad.address, "unhealthy")

    def test_new_endpoints_are_checked(self):
        good, late = self.switched(), self.switched(health=503)
        gateway = self.serve(good.address, check={})
        self.wait_checks(gateway, good.address, "healthy")
        self.reload(gateway, self.config(good.address, late.address, check={}))
        self.wait_checks(gateway, late.address, "unhealthy")
        self.assertEqual(good.targets(), [CHECK])
        self.reload(gateway, self.config(late.address, check={"interval": "50ms"}))
        asked = len(good.targets())
        late.wait("more checks", lambda: len(late.heads) >= 5, 15)
        self.assertEqual(len(good.targets()), asked)

    def test_keeps_ejections_until_the_rule_goes(self):
        bad, good = self.switched(answer=503), self.switched()
        outliers = {"ejection_time": "300s"}
        gateway = self.serve(bad.address, good.address, outliers=outliers)
        wait_until("the ejection", lambda: self.ask(gateway, 1) and self.why(gateway, bad.address),
                   15)
        self.reload(gateway, self.config(bad.address, good.address, outliers=outliers,
                                         pool={"in_flight": 7}))
        self.assertRegex(self.why(gateway, bad.address), "ejected: 5 errors")
        self.reload(gateway, self.config(bad.address, good.address))
        self.wait_why(gateway, bad.address, "")


class OperatorTest(HealthCase):
    def test_what_operators_read(self):
        bad, good = self.switched(health=503), self.switched()
        gateway = self.serve(bad.address, good.address, check={}, outliers={})
        self.wait_checks(gateway, bad.address, "unhealthy")
        self.wait_checks(gateway, good.address, "healthy")
        host, port = gateway.address("admin")
        shown = weir("upstreams", "--admin", f"{host}:{port}").stdout
        self.assertRegex(shown, rf"{re.escape(bad.address)} +unhealthy")
        self.assertRegex(shown, rf"{re.escape(good.address)} +ready")
        self.assertIn(f"main {bad.address}: unhealthy: 1 check failed: 503", shown)
        steps = gateway.admin("POST", "/explain", {"method": "GET", "url": "/"}).text
        self.assertIn(f"not in use: {bad.address} (unhealthy: 1 check failed: 503)", steps)
        self.assertIn("GET /healthz every 60s; out after 3 failed, back after 2 passed", steps)
        self.assertIn("ejects for 30s after 5 errors in a row, at most 50% of the endpoints", steps)

    @rows([("tcp", "tcp", "path", "/x"), ("http", "http", "service", "a.B"),
           ("grpc", "grpc", "expect", [204])])
    def test_a_key_of_another_type(self, kind, key, value):
        config = self.config("127.0.0.1:9", check={"type": kind, key: value}, protocol="h2")
        done = weir("check", "-c", "-", stdin=json.dumps(config))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(f"upstreams.main.health_check.{key}: `{key}` does nothing with `type: {kind}`",
                      done.stdout + done.stderr)

    @rows([("drain", "drain", "draining"), ("down", "down", "down by operator")])
    def test_what_an_operator_set_comes_first(self, state, why):
        origin = self.switched(health=503)
        gateway = self.serve(origin.address, check={})
        self.wait_checks(gateway, origin.address, "unhealthy")
        path = f"/upstreams/main/endpoints/{origin.address}"
        self.assertLess(gateway.admin("PUT", path, {"state": state}).status, 300)
        self.assertEqual(self.why(gateway, origin.address), why)
        self.assert_problem(self.fetch(gateway), "no_healthy_endpoint")
