"""How long a request is waited for, as it says itself: X-Request-Timeout of trusted peers and
grpc-timeout end it, upstreams are told what is left, and work that nobody waits for is cancelled."""

import time

from harness import Case, basic_config, rows, wait_until
from harness.h2 import H2Client
from harness.h2_origin import H2Origin
from harness.waiting import bound

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]
FIELD = "X-Request-Timeout"
TRUSTED = ["127.0.0.0/8"]


def silent(connection, request):
    connection.wait_ended(60)


def by_path(connection, request):
    if request.target == "/silent":
        silent(connection, request)
    else:
        connection.reply(200, body=b"answer")


class DeadlineCase(Case):
    def serve(self, deadline=None, handler=by_path, trusted=True, upstream=None, listener=None,
              **route):
        self.server = self.origin(handler)
        server = {} if deadline is None else {"deadline": deadline}
        return self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main", **route}],
            {"main": {"endpoints": [{"address": self.server.address}], **(upstream or {})}},
            workers=1, listener=listener, server=server,
            trusted_proxies=TRUSTED if trusted else []))

    def told(self, gateway, *values, target="/"):
        """What the upstream is told of a request that tells these."""
        self.server.clear()
        answer = self.fetch(gateway, target, headers=[(FIELD, value) for value in values])
        self.assertEqual(answer.status, 200, answer)
        return self.server.wait_for_request().all(FIELD)


class BoundsTest(DeadlineCase):
    @rows([("with ms", "300ms"), ("bare", "300"), ("the shortest of several", "300, of three")])
    def test_the_time_ends_the_request(self, text):
        values = ["20s", "300ms", "never"] if "," in text else [text]
        gateway = self.serve()
        began = time.monotonic()
        answer = self.fetch(gateway, "/silent", headers=[(FIELD, value) for value in values])
        took = time.monotonic() - began
        self.assert_problem(answer, "request_timeout")
        self.assertGreaterEqual(took, 0.29)
        self.assertLess(took, bound(10))
        self.server.wait_connection_ended()

    def test_the_time_in_seconds(self):
        gateway = self.serve()
        began = time.monotonic()
        self.assert_problem(self.fetch(gateway, "/silent", headers=[(FIELD, "1s")]),
                            "request_timeout")
        self.assertGreaterEqual(time.monotonic() - began, 0.99)

    def test_it_ends_the_content_too(self):
        def half(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            connection.wait_ended(60)
        gateway = self.serve(handler=half)
        with gateway.connect() as client:
            client.request("GET", "/", headers=[(FIELD, "300ms")])
            began = time.monotonic()
            got = b""
            try:
                while piece := client.socket.recv(65536):
                    got += piece
            except ConnectionResetError:
                pass
            self.assertLess(time.monotonic() - began, bound(10))
            self.assertTrue(got.endswith(b"half"), got)
        self.server.wait_connection_ended()

    def test_it_does_not_lengthen_the_timeout(self):
        gateway = self.serve(timeout="300ms")
        began = time.monotonic()
        self.assert_problem(self.fetch(gateway, "/silent", headers=[(FIELD, "60s")]),
                            "request_timeout")
        self.assertLess(time.monotonic() - began, bound(10))

    @rows([("0", "0"), ("0ms", "0ms"), ("0s", "0s")])
    def test_a_deadline_that_is_over_asks_nobody(self, text):
        gateway = self.serve()
        self.assert_problem(self.fetch(gateway, "/", headers=[(FIELD, text)]), "request_timeout",
                            "the request's deadline is over")
        self.assertEqual(self.server.connections, [])

    @rows([("a fraction", "0.3s"), ("another unit", "1m"), ("a sign", "-1"), ("words", "soon"),
           ("a space", "1 s"), ("too many digits", "1234567890123")])
    def test_what_is_not_valid_is_ignored(self, text):
        self.assertEqual(self.told(self.serve(), text), [text])

    def test_a_stranger_cannot_say_it(self):
        gateway = self.serve(trusted=False)
        self.assertEqual(self.told(gateway, "0"), [])

    def test_not_accepted(self):
        gateway = self.serve({"accept": ["grpc-timeout"]})
        self.assertEqual(self.told(gateway, "0"), ["0"])


class ToldTest(DeadlineCase):
    def assert_left(self, text, most, unit="ms"):
        self.assertTrue(text.endswith(unit), text)
        number = text.removesuffix("ms")
        self.assertTrue(number.isdigit(), text)
        self.assertLess(int(number), most)
        self.assertGreater(int(number), 0)

    def test_what_is_left_in_the_form_that_came(self):
        gateway = self.serve()
        one, = self.told(gateway, "9500ms")
        self.assert_left(one, 9500)
        one, = self.told(gateway, "9s")
        self.assert_left(one, 9000)
        one, = self.told(gateway, "9500")
        self.assertTrue(one.isdigit(), one)
        self.assert_left(one, 9500, "")
        self.assertEqual(self.told(gateway), [], "none came")

    def test_the_routes_limits_count(self):
        one, = self.told(self.serve(timeout="5s"), "60s")
        self.assert_left(one, 5000)
        one, = self.told(self.serve(timeout=0, max_duration="4s"), "60s")
        self.assert_left(one, 4000)

    def test_off(self):
        self.assertEqual(self.told(self.serve({"send": "off"}), "9s"), ["9s"])

    def test_always(self):
        one, = self.told(self.serve({"send": "always"}, timeout="7s"))
        self.assert_left(one, 7000)
        self.assertEqual(self.told(self.serve({"send": "always"}, timeout=0)), [], "no limit")
        gateway = self.serve({"send": "always"}, trusted=False, timeout="7s")
        one, = self.told(gateway, "1s")
        self.assert_left(one, 7000)

    def test_what_the_route_sets_stays(self):
        gateway = self.serve(request_headers={"set": {FIELD: "77ms"}})
        self.assertEqual(self.told(gateway, "9s"), ["77ms"])
        gateway = self.serve(request_headers={"remove": [FIELD]})
        self.assertEqual(self.told(gateway, "9s"), [])

    def test_each_try_is_told_anew(self):
        answers = [503, 200]

        def handle(connection, request):
            if len(answers) == 2:
                time.sleep(0.3)
            connection.reply(answers.pop(0))
        gateway = self.serve(handler=handle, retry={"backoff": {"base": "1ms", "max": "1ms"}})
        self.assertEqual(self.fetch(gateway, headers=[(FIELD, "9s")]).status, 200)
        wait_until("both requests", lambda: len(self.server.requests) == 2)
        first, second = [int(request.header(FIELD).removesuffix("ms"))
                         for request in self.server.requests]
        self.assertLessEqual(second, first - 299)

    def test_grpc_calls_are_told_by_their_own_field(self):
        def handle(request):
            request.read_body()
            request.reply(200, fields=[("content-type", "application/grpc"), ("grpc-status", "0")])
        origin = H2Origin(handle)
        self.addCleanup(origin.close)
        gateway = self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main"}],
            {"main": {"endpoints": [{"address": origin.address}], "protocol": "h2"}},
            listener={"protocols": ["http1", "h2c"]}, trusted_proxies=TRUSTED))
        client = H2Client(gateway.address(), timeout=30)
        self.addCleanup(client.close)
        client.fetch("POST", "/s/Call", [*GRPC, (FIELD.lower(), "9s"), ("grpc-timeout", "60S")],
                     b"\0\0\0\0\0")
        request = origin.wait_requests(1)[0]
        self.assertIsNone(request.header(FIELD))
        passed = request.header("grpc-timeout")
        self.assertEqual(passed[-1], "u")
        self.assertLess(int(passed[:-1]), 9_000_000)

    def test_grpc_timeout_may_be_refused_too(self):
        gateway = self.serve({"accept": []}, listener={"protocols": ["http1", "h2c"]},
                             handler=lambda connection, request: (
                                 connection.read_body(request),
                                 connection.reply(200, [("Grpc-Status", "0")])))
        client = H2Client(gateway.address(), timeout=30)
        self.addCleanup(client.close)
        client.fetch("POST", "/s/Call", [*GRPC, ("grpc-timeout", "0S")], b"")
        self.assertEqual(self.server.wait_for_request().header("grpc-timeout"), "0S")


class HopelessTest(DeadlineCase):
    def test_less_than_half_of_the_answers_take(self):
        def slow(connection, request):
            time.sleep(0.5)
            connection.reply(200)
        gateway = self.serve({"refuse_hopeless": True}, handler=slow)
        self.assert_problem(self.fetch(gateway, headers=[(FIELD, "20ms")]), "request_timeout")
        self.server.wait_for_head()
        clients = [gateway.connect() for _ in range(20)]
        for client in clients:
            self.addCleanup(client.close)
        for _ in range(6):
            for client in clients:
                client.request("GET", "/")
            for client in clients:
                self.assertEqual(client.read_response().status, 200)

        def refused():
            asked = len(self.server.heads)
            answer = self.fetch(gateway, headers=[(FIELD, "20ms")])
            if len(self.server.heads) != asked:
                return None
            return answer
        answer = wait_until("a refusal without asking", refused)
        self.assert_problem(answer, "request_timeout", "less time is left")
        self.assertEqual(self.fetch(gateway, headers=[(FIELD, "60s")]).status, 200)

    def test_no_retry_either(self):
        """Where its first try took most of the time, what that came to is the answer."""
        def handle(connection, request):
            if request.target == "/warm":
                time.sleep(2.5)
                return connection.reply(200)
            time.sleep(3)
            if request.target == "/fails":
                return connection.reply(503, body=b"of the try")
            # Of an answer that began nobody thinks that the connection was stale.
            connection.send("HTTP/1.1 2")
            connection.close()
        gateway = self.serve({"refuse_hopeless": True}, handler=handle, timeout="30s",
                             retry={"retries": 3, "backoff": {"base": "1ms", "max": "1ms"}})
        clients = [gateway.connect(timeout=30) for _ in range(120)]
        for client in clients:
            self.addCleanup(client.close)
            client.request("GET", "/warm")
        for client in clients:
            self.assertEqual(client.read_response().status, 200)

        wait_until("how long the answers take", lambda: b"less time is left" in self.fetch(
            gateway, "/warm", headers=[(FIELD, "20ms")]).body)
        answer = self.fetch(gateway, "/fails", headers=[(FIELD, "5s")])
        self.assertEqual((answer.status, answer.body), (503, b"of the try"))
        self.assert_problem(self.fetch(gateway, "/breaks", headers=[(FIELD, "5s")]), "upstream_reset")
        self.assertEqual([target for target in self.server.targets() if target != "/warm"],
                         ["/fails", "/breaks"])
        self.assertEqual(gateway.metrics().value("weir_retries_total") or 0, 0)


class AbortTest(Case):
    """A client that leaves takes the upstream's work with it."""

    def serve(self, protocol):
        if protocol == "h2":
            origin = H2Origin(lambda request: request.wait_reset())
            self.addCleanup(origin.close)
        else:
            origin = self.origin(silent)
        gateway = self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main"}],
            {"main": {"endpoints": [{"address": origin.address}], "protocol": protocol}},
            listener={"protocols": ["http1", "h2c"]}))
        return gateway, origin

    def wait_cancelled(self, origin, protocol):
        began = time.monotonic()
        if protocol == "h2":
            self.assertIsNotNone(origin.requests[0].wait_reset())
        else:
            origin.wait_connection_ended()
        self.assertLess(time.monotonic() - began, bound(10))

    @rows([("http1", "http1"), ("h2", "h2")])
    def test_an_http1_client_closes(self, protocol):
        gateway, origin = self.serve(protocol)
        client = gateway.connect()
        client.request("GET", "/")
        origin.wait_requests(1) if protocol == "h2" else origin.wait_for_head()
        client.close()
        self.wait_cancelled(origin, protocol)
        gateway.wait_metric(1, "weir_upstream_requests_total", result="client_gone")

    @rows([("http1", "http1"), ("h2", "h2")])
    def test_an_h2_client_resets(self, protocol):
        gateway, origin = self.serve(protocol)
        client = H2Client(gateway.address(), timeout=30)
        self.addCleanup(client.close)
        stream = client.request("GET", "/")
        origin.wait_requests(1) if protocol == "h2" else origin.wait_for_head()
        client.reset(stream)
        self.wait_cancelled(origin, protocol)
        gateway.wait_metric(1, "weir_upstream_requests_total", result="client_gone")
