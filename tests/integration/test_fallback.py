"""fallback: who answers where a route's upstream fails, for which failures, and where it is told."""

import base64
import hashlib
import json
import threading

from harness import BlackHole, Case, Refusing, basic_config, rows, wait_until, weir
from harness.h2 import H2Client

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = base64.b64encode(hashlib.sha1(
    (KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
HANDSHAKE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
             ("Sec-WebSocket-Key", KEY)]

REFUSED = 'weir; error=connection_refused; details="connect_failed"'
TIMED_OUT = 'weir; error=http_response_timeout; details="request_timeout"'


def by_path(connection, request):
    """/.../slow never answers, /.../reset closes when all has come, /.../early when the head has,
    /.../503 answers that."""
    what = request.target.rsplit("/", 1)[-1]
    if what == "early":
        connection.reset()
        return
    connection.read_body(request)
    if what == "slow":
        connection.wait_ended()
    elif what == "reset":
        connection.reset()
    elif what == "garbage":
        connection.send("not HTTP at all\r\n\r\n")
        connection.close()
    elif what == "503":
        connection.reply(503, body=b"the origin's own")
    elif request.header("upgrade"):
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        f"Connection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n")
        while True:
            connection.send(connection.read_some())
    else:
        connection.reply(200, [("X-From", "spare" if connection.origin.name == "spare" else "main")],
                         request.body)


def route(name, upstream, fallback, **more):
    return {"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": upstream,
            "fallback": fallback, **more}


class FallbackCase(Case):
    def spare(self):
        return self.origin(by_path, name="spare")

    def serve(self, routes, upstreams, **more):
        more.setdefault("access_log", {"path": "access.log"})
        return self.gateway(basic_config(routes, upstreams, **more))

    def entry(self, gateway, number=-1, count=1):
        """A line of the access log, once there are so many, in the order in which the requests began: workers
        write theirs when they come to it."""
        def read():
            try:
                with open(gateway.file("access.log"), "rb") as file:
                    lines = file.read().split(b"\n")[:-1]
            except FileNotFoundError:
                return None
            return lines if len(lines) >= count else None
        lines = [json.loads(line) for line in wait_until(f"{count} lines of the log", read)]
        return sorted(lines, key=lambda line: line["time"])[number]

    def assert_spare(self, response, proxy_status=REFUSED):
        self.assertEqual((response.status, response.header("x-from")), (200, "spare"), response)
        self.assertEqual(response.all("proxy-status"), [proxy_status])


class UpstreamTest(FallbackCase):
    def dead(self):
        refusing = Refusing()
        self.addCleanup(refusing.close)
        return refusing.address

    def test_a_dead_upstream(self):
        spare = self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": self.dead(), "spare": spare.address})
        self.assert_spare(self.fetch(gateway, "/a?b=c"))
        request = spare.wait_for_request()
        self.assertEqual(request.target, "/a?b=c")
        self.assertEqual(request.all("x-forwarded-for"), ["127.0.0.1"])
        self.assertEqual(len(request.all("via")), 1)
        entry = self.entry(gateway)
        self.assertEqual((entry["status"], entry["fallback"], entry["fallback_reason"],
                          entry["upstream"], entry["endpoint"], entry.get("reason")),
                         (200, True, "connect_failed", "spare", spare.address, None))
        self.assertEqual([one["result"] for one in entry["tries"]][-1], "ok")
        self.assertGreaterEqual(entry["attempts"], 2)
        metrics = gateway.settled_metrics()
        self.assertEqual(metrics.value("weir_fallbacks_total", route="a", reason="connect_failed"), 1)
        self.assertEqual(metrics.value("weir_upstream_requests_total", upstream="spare",
                                       result="ok"), 1)
        gateway.wait_log("a line of it", "fallback answers route=a reason=connect_failed")

    def test_a_healthy_upstream_never_meets_it(self):
        main, spare = self.origin(by_path, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": main.address, "spare": spare.address})
        client = self.client(gateway)
        for body in (None, b"abc", b"x" * 300_000):
            client.request("POST" if body else "GET", "/a", body=body)
            response = client.read_response()
            self.assertEqual((response.status, response.header("x-from"), response.body,
                              response.header("proxy-status")), (200, "main", body or b"", None))
        client.request("GET", "/a/503")
        response = client.read_response()
        self.assertEqual((response.status, response.body), (503, b"the origin's own"))
        entry = self.entry(gateway, count=4)
        self.assertNotIn("fallback", entry)
        self.assertNotIn("tries", entry)
        self.assertEqual(spare.heads, [])

    def test_the_breaker_is_open(self):
        main, spare = self.origin(by_path, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": {"endpoints": [{"address": main.address}],
                                       "circuit_breaker": {"minimum_calls": 2, "window": "300s",
                                                           "open_for": "300s",
                                                           "slow_call": "60s"}},
                              "spare": spare.address})
        for _ in range(2):
            self.assertEqual(self.fetch(gateway, "/a/503").status, 503)
        self.assert_spare(self.fetch(gateway, "/a", "POST", body=b"abc"),
                          'weir; error=destination_unavailable; details="circuit_open"')
        self.assertEqual(spare.wait_for_request().body, b"abc")
        self.assertEqual(len(main.heads), 2)
        entry = self.entry(gateway, count=3)
        self.assertEqual((entry["fallback_reason"], entry["upstream"], entry["attempts"]),
                         ("circuit_open", "spare", 1))

    @rows([("no content", None), ("content", b"y" * 65536)])
    def test_slower_than_the_timeout(self, body):
        main, spare = self.origin(by_path, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"}, timeout="300ms")],
                             {"main": main.address, "spare": spare.address})
        # Not /slow for the spare one: it hears the same target.
        spare.handler = lambda connection, request: (
            connection.read_body(request),
            connection.reply(200, [("X-From", "spare")], request.body))
        response = self.fetch(gateway, "/a/slow", "POST" if body else "GET", body=body)
        self.assert_spare(response, TIMED_OUT)
        self.assertEqual(response.body, body or b"")
        self.assertEqual(spare.wait_for_request().body, body or b"")
        self.assertEqual(main.wait_for_request().body, body or b"")
        entry = self.entry(gateway)
        self.assertEqual([(one["endpoint"], one["result"]) for one in entry["tries"]],
                         [(main.address, "timeout"), (spare.address, "ok")])

    def test_it_has_a_timeout_of_its_own(self):
        main, spare = self.origin(by_path, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"}, timeout="400ms"),
                              route("b", "main", {"upstream": "spare"}, timeout="400ms",
                                    max_duration="300ms")],
                             {"main": main.address, "spare": spare.address})
        response = self.fetch(gateway, "/a/slow")
        self.assert_problem(response, "request_timeout")
        entry = self.entry(gateway)
        self.assertEqual((entry["reason"], entry["fallback"], entry["fallback_reason"],
                          entry["upstream"]), ("request_timeout", True, "request_timeout", "spare"))
        self.assertGreaterEqual(entry["duration_ms"], 790)
        self.assertEqual([one["result"] for one in entry["tries"]], ["timeout", "timeout"])
        # Nothing is left of max_duration.
        self.assert_problem(self.fetch(gateway, "/b/slow"), "request_timeout")
        self.assertNotIn("fallback", self.entry(gateway, count=2))
        self.assertEqual(len(spare.heads), 1)

    def test_the_pool_is_full(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def hold(connection, request):
            connection.read_body(request)
            if request.target == "/a/hold":
                release.wait(60)
            connection.reply(200, [("X-From", "main")])
        main, spare = self.origin(hold, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": {"endpoints": [{"address": main.address}],
                                       "pool": {"in_flight": 1, "pending": 0}},
                              "spare": spare.address}, workers=1)
        holder = self.client(gateway)
        holder.request("GET", "/a/hold")
        main.wait_for_head()
        self.assert_spare(self.fetch(gateway, "/a", "POST", body=b"abc"),
                          'weir; error=connection_limit_reached; details="pool_full"')
        self.assertEqual(spare.wait_for_request().body, b"abc")
        release.set()
        self.assertEqual(holder.read_response().header("x-from"), "main")

    def test_no_endpoint_is_left(self):
        main, spare = self.origin(by_path, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": main.address, "spare": spare.address})
        self.assertEqual(gateway.admin("PUT", f"/upstreams/main/endpoints/{main.address}",
                                       {"state": "down"}).status, 204)
        self.assert_spare(self.fetch(gateway, "/a"),
                          'weir; error=destination_unavailable; details="no_healthy_endpoint"')
        self.assertEqual(main.heads, [])

    def test_a_connect_that_nobody_answers(self):
        hole, spare = BlackHole(), self.spare()
        self.addCleanup(hole.close)
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": {"endpoints": [{"address": hole.address}],
                                       "connect_timeout": "200ms"}, "spare": spare.address})
        self.assert_spare(self.fetch(gateway, "/a"),
                          'weir; error=connection_timeout; details="connect_timeout"')

    @rows([
        ("named", ["upstream_reset"], "reset", True),
        ("not named", ["connect_failed"], "reset", False),
        ("malformed, named", ["upstream_bad_response"], "garbage", True),
        ("by default not", None, "reset", False),
    ])
    def test_conditions(self, conditions, what, answered):
        main, spare = self.origin(by_path, name="main"), self.spare()
        spare.handler = lambda connection, request: (
            connection.read_body(request),
            connection.reply(200, [("X-From", "spare")], request.body))
        fallback = {"upstream": "spare", **({"conditions": conditions} if conditions else {})}
        gateway = self.serve([route("a", "main", fallback)],
                             {"main": main.address, "spare": spare.address})
        response = self.fetch(gateway, f"/a/{what}", "POST", body=b"abc")
        if answered:
            self.assertEqual((response.status, response.header("x-from"), response.body),
                             (200, "spare", b"abc"))
        else:
            self.assert_problem(response, "upstream_reset")
            self.assertEqual(spare.heads, [])

    @rows([("said", False), ("chunked", True)])
    def test_content_that_is_gone(self, chunked):
        main, spare = self.origin(by_path, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare",
                                                  "conditions": ["upstream_reset"]})],
                             {"main": main.address, "spare": spare.address})
        client = self.client(gateway)
        body = b"z" * 65537
        if chunked:
            client.request("POST", "/a/reset", [("Transfer-Encoding", "chunked")])
            for at in range(0, len(body), 8192):
                piece = body[at:at + 8192]
                client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            client.send(b"0\r\n\r\n")
        else:
            client.request("POST", "/a/reset", body=body)
        self.assert_problem(client.read_response(), "upstream_reset")
        self.assertEqual(main.wait_for_request().body, body)
        self.assertEqual(spare.heads, [])
        entry = self.entry(gateway)
        self.assertNotIn("fallback", entry)
        self.assertIsNone(gateway.settled_metrics().value("weir_fallbacks_total") or None)

    def test_content_that_was_waited_for(self):
        main, spare = self.origin(by_path, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare",
                                                  "conditions": ["upstream_reset"]})],
                             {"main": main.address, "spare": spare.address})
        client = self.client(gateway)
        client.request("POST", "/a/early", [("Content-Length", "9")])
        client.send(b"abc")
        self.assert_problem(client.read_response(), "upstream_reset")
        self.assertEqual(spare.heads, [])

    def test_content_that_still_arrives(self):
        main, spare = self.origin(by_path, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": self.dead(), "spare": spare.address})
        client = self.client(gateway)
        client.request("POST", "/a", [("Transfer-Encoding", "chunked")])
        client.send(b"3\r\nabc\r\n")
        spare.wait_for_head()
        client.send(b"3\r\ndef\r\n0\r\n\r\n")
        response = client.read_response()
        self.assert_spare(response)
        self.assertEqual(response.body, b"abcdef")
        self.assertEqual(main.heads, [])

    def test_expect_continue(self):
        spare = self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": self.dead(), "spare": spare.address})
        client = self.client(gateway)
        client.request("POST", "/a", [("Expect", "100-continue"), ("Content-Length", "5")])
        response = client.read_head()
        self.assertEqual(response.status, 100)
        client.send(b"hello")
        response = client.read_response()
        self.assert_spare(response)
        self.assertEqual(response.body, b"hello")

    def test_it_is_dead_too(self):
        gateway = self.serve([route("a", "main", {"upstream": "spare"}, timeout="300ms")],
                             {"main": self.origin(by_path).address, "spare": self.dead()})
        self.assert_problem(self.fetch(gateway, "/a/slow"), "connect_failed")
        entry = self.entry(gateway)
        self.assertEqual((entry["status"], entry["reason"], entry["fallback"],
                          entry["fallback_reason"], entry["upstream"]),
                         (502, "connect_failed", True, "request_timeout", "spare"))

    def test_it_has_a_breaker_of_its_own(self):
        spare = self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": self.dead(),
                              "spare": {"endpoints": [{"address": spare.address}],
                                        "circuit_breaker": {"minimum_calls": 2, "window": "300s",
                                                            "open_for": "300s",
                                                            "slow_call": "60s"}}})
        for _ in range(2):
            self.assertEqual(self.fetch(gateway, "/a/503").status, 503)
        self.assert_problem(self.fetch(gateway, "/a"), "circuit_open")
        self.assertEqual(self.entry(gateway, count=3)["fallback_reason"], "connect_failed")

    def test_the_request_is_prepared_once(self):
        spare = self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"},
                                    rewrite={"prefix": "/new", "host": "inside.test"},
                                    request_headers={"add": {"x-edge": "weir"}})],
                             {"main": self.dead(), "spare": spare.address})
        self.assert_spare(self.fetch(gateway, "/a/b"))
        request = spare.wait_for_request()
        self.assertEqual((request.target, request.all("host"), request.all("x-edge")),
                         ("/new/b", ["inside.test"], ["weir"]))

    def test_a_split(self):
        spare = self.spare()
        gateway = self.serve([{"name": "a", "match": {"path_prefix": "/a"},
                               "split": [{"upstream": "main"}, {"upstream": "spare"}],
                               "fallback": {"upstream": "spare"}},
                              {"name": "b", "match": {"path_prefix": "/b"},
                               "split": [{"upstream": "main"}, {"upstream": "other"}],
                               "fallback": {"upstream": "other"}}],
                             {"main": self.dead(), "spare": spare.address, "other": self.dead()},
                             workers=1)
        client = self.client(gateway)
        answers = []
        for _ in range(4):
            client.request("GET", "/a")
            answers.append(client.read_response())
        self.assertEqual({one.status for one in answers}, {200})
        self.assertEqual(sorted(one.header("proxy-status") or "" for one in answers),
                         ["", "", REFUSED, REFUSED])
        # Who was chosen and failed is not asked again as the fallback.
        before = gateway.metrics().value("weir_fallbacks_total", route="a")
        for _ in range(4):
            client.request("GET", "/b")
            self.assert_problem(client.read_response(), "connect_failed")
        metrics = gateway.settled_metrics()
        self.assertEqual(metrics.value("weir_fallbacks_total", route="a"), before)
        self.assertEqual(metrics.value("weir_fallbacks_total", route="b"), 2)

    def test_behind_all_retries(self):
        main, spare = self.origin(by_path, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare",
                                                  "conditions": ["upstream_reset"]},
                                    retry={"retries": 2, "methods": "all",
                                           "backoff": {"base": "1ms", "max": "1ms"}})],
                             {"main": main.address, "spare": spare.address})
        spare.handler = lambda connection, request: (
            connection.read_body(request),
            connection.reply(200, [("X-From", "spare"), ("Connection", "close")], request.body))
        response = self.fetch(gateway, "/a/reset", "POST", body=b"abc" * 1000)
        self.assertEqual((response.status, response.header("x-from"), response.body),
                         (200, "spare", b"abc" * 1000), response)
        self.assertEqual([one.body for one in main.requests], [b"abc" * 1000] * 3)
        entry = self.entry(gateway)
        self.assertEqual([one["result"] for one in entry["tries"]], ["reset"] * 3 + ["ok"])
        self.assertEqual((entry["attempts"], entry["fallback_reason"]), (4, "upstream_reset"))
        # What the retries kept went to the fallback, and is counted no more.
        self.assertEqual(gateway.settled_metrics().value("weir_retry_body_bytes", upstream="main"), 0)
        # It is asked once. No connection to it is kept: a reset of one that was would be asked again
        # on a fresh one.
        spare.clear()
        spare.handler = by_path
        self.assert_problem(self.fetch(gateway, "/a/reset"), "upstream_reset")
        self.assertEqual(len(spare.heads), 1)

    def test_it_stands_in_for_panic(self):
        def sick(connection, request):
            connection.read_body(request)
            connection.reply(500 if request.target == "/healthz" else 200, [("X-From", "main")])
        main, spare = self.origin(sick, name="main"), self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"}),
                              route("b", "main", {"upstream": "spare", "conditions": "pool_full"}),
                              {"name": "c", "match": {"path_prefix": "/c"}, "upstream": "main"}],
                             {"main": {"endpoints": [{"address": main.address}],
                                       "health_check": {"path": "/healthz", "interval": "60s",
                                                        "timeout": "30s"}},
                              "spare": spare.address})
        wait_until("the endpoint is unhealthy", lambda: not gateway.admin(
            "GET", "/upstreams").json()[0]["endpoints"][0]["healthy"], 15)
        for target, name in (("/b", "main"), ("/c", "main"), ("/a", "spare")):
            response = self.fetch(gateway, target)
            self.assertEqual((response.status, response.header("x-from")), (200, name), target)
        self.assertEqual(response.header("proxy-status"),
                         'weir; error=destination_unavailable; details="no_healthy_endpoint"')

    def test_a_mirror_gets_what_the_fallback_gets(self):
        shadow, spare, main = (self.origin(by_path, name=name)
                               for name in ("shadow", "spare", "main"))
        mirror = {"upstream": "shadow", "sample": "100%"}
        gateway = self.serve([route("a", "dead", {"upstream": "spare"}, mirror=mirror,
                                    rewrite={"prefix": "/new"}),
                              route("b", "main", {"respond": {"body": "{path}"},
                                                  "conditions": ["upstream_reset"]},
                                    mirror=mirror, rewrite={"prefix": "/new"})],
                             {"dead": self.dead(), "main": main.address, "spare": spare.address,
                              "shadow": shadow.address})
        self.assertEqual(self.fetch(gateway, "/a/x", "POST", body=b"abc").body, b"abc")
        copy = shadow.wait_for_request()
        self.assertEqual((copy.target, copy.body), ("/new/x", b"abc"))
        self.assertEqual(self.fetch(gateway, "/b/reset").body, b"/b/reset")
        self.assertEqual(shadow.wait_for_head(2).target, "/new/reset")

    def test_a_websocket(self):
        spare = self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"}, upgrades=["websocket"])],
                             {"main": self.dead(), "spare": spare.address})
        client = self.client(gateway)
        client.request("GET", "/a", HANDSHAKE)
        self.assertEqual(client.read_head().status, 101)
        client.send(b"hello")
        self.assertEqual(client.read_exact(5), b"hello")
        client.close()
        entry = self.entry(gateway)
        self.assertEqual((entry["status"], entry["fallback"], entry["upstream"]),
                         (101, True, "spare"))

    @rows([("no content", None), ("content", b"abc" * 1000)])
    def test_over_http2(self, body):
        spare = self.spare()
        gateway = self.serve([route("a", "main", {"upstream": "spare"})],
                             {"main": self.dead(), "spare": spare.address},
                             listener={"protocols": ["http1", "h2c"]})
        client = H2Client(gateway.address(), timeout=30)
        self.addCleanup(client.close)
        answer = client.fetch("POST" if body else "GET", "/a", body=body)
        self.assertEqual((answer.status, answer.header("x-from"), answer.header("proxy-status"),
                          bytes(answer.body)), (200, "spare", REFUSED, body or b""))


    def test_a_grpc_call_has_what_is_left_of_its_time(self):
        main, spare = self.origin(by_path, name="main"), self.spare()
        spare.handler = lambda connection, request: (
            connection.read_body(request),
            connection.reply(200, [("Content-Type", "application/grpc"), ("Grpc-Status", "0")]))
        gateway = self.serve([route("a", "main", {"upstream": "spare"}, timeout="500ms"),
                              route("b", "main", {"upstream": "spare"}, timeout="60s")],
                             {"main": main.address, "spare": spare.address},
                             listener={"protocols": ["http1", "h2c"]})
        client = H2Client(gateway.address(), timeout=30)
        self.addCleanup(client.close)

        def call(path, time):
            return client.fetch("POST", path, [("content-type", "application/grpc"),
                                               ("te", "trailers"), ("grpc-timeout", time)],
                                body=b"\0\0\0\0\0")
        self.assertEqual(call("/a/slow", "30S").header("proxy-status"), TIMED_OUT)
        times = [self.in_seconds(origin.wait_for_head().header("grpc-timeout"))
                 for origin in (main, spare)]
        # The route's timeout and the call's run from the same head, however late the first try was sent.
        self.assertLess(times[0], 30)
        self.assertLess(times[1], times[0])
        self.assertLessEqual(times[1], 29.5)
        self.assertGreater(times[1], 0)
        # A client whose time is over asks nobody else.
        self.assertNotEqual(call("/b/slow", "300m").header("grpc-status"), "0")
        self.assertEqual(len(spare.heads), 1)

    @staticmethod
    def in_seconds(text):
        return int(text[:-1]) * {"H": 3600, "M": 60, "S": 1, "m": 1e-3, "u": 1e-6, "n": 1e-9}[text[-1]]


class RespondTest(FallbackCase):
    @classmethod
    def setUpClass(cls):
        cls.refusing = Refusing()
        cls.addClassCleanup(cls.refusing.close)
        cls.main = cls.shared_origin(by_path, name="main")
        sorry = {"respond": {"status": 200, "headers": {"x-degraded": "{route}"},
                             "body": "nothing of {id} at {path}{query} on {host}\n"}}
        cls.weir = cls.shared_gateway(basic_config([
            {"name": "carts", "match": {"path": "/carts/{id}"}, "upstream": "dead",
             "rewrite": {"path": "/inside/{id}"}, "fallback": sorry},
            route("slow", "main", {"respond": {"status": 503, "body": "later"}}, timeout="300ms"),
            route("ended", "main", {"respond": {"status": 503, "body": "later"}},
                  max_duration="300ms"),
            route("reset", "main", {"conditions": ["upstream_reset"],
                                    "respond": {"body": "later"}}),
            route("ws", "dead", {"respond": {"body": "later"}}, upgrades=["websocket"]),
            route("plain", "dead", {"respond": {"body": "later"}}),
            route("guarded", "dead", {"respond": {"body": "later"}},
                  middleware=[{"ip_filter": {"deny": ["127.0.0.0/8"]}}]),
        ], {"dead": cls.refusing.address, "main": cls.main.address},
            listener={"protocols": ["http1", "h2c"]}, access_log={"path": "access.log"}))

    def told(self, request_id):
        def read():
            with open(self.weir.file("access.log"), "rb") as file:
                lines = [json.loads(line) for line in file.read().split(b"\n")[:-1]]
            return next((one for one in lines if one["request_id"] == request_id), None)
        return wait_until("a line of the access log", read)

    def test_a_template(self):
        for method in ("GET", "HEAD", "POST"):
            response = self.fetch(self.weir, "/carts/7?a=b", method,
                                  body=b"abc" if method == "POST" else None)
            self.assertEqual((response.status, response.header("x-degraded"),
                              response.header("content-type"), response.all("proxy-status")),
                             (200, "carts", "text/plain", [REFUSED]))
            text = b"nothing of 7 at /carts/7?a=b on test.example\n"
            self.assertEqual(response.body, b"" if method == "HEAD" else text)
            entry = self.told(response.header("x-request-id"))
            self.assertEqual((entry["status"], entry["fallback"], entry["fallback_reason"],
                              entry["upstream"], entry.get("reason")),
                             (200, True, "connect_failed", "dead", None))

    @rows([("timeout", "/slow/slow"), ("max_duration", "/ended/slow")])
    def test_in_place_of_a_late_answer(self, target):
        response = self.fetch(self.weir, target)
        self.assertEqual((response.status, response.body, response.header("proxy-status")),
                         (503, b"later", TIMED_OUT))

    @rows([("all of it", "/reset/reset", b"x" * 70_000), ("none of it", "/reset/early", b"x" * 9)])
    def test_content_need_not_be_kept(self, target, body):
        response = self.fetch(self.weir, target, "POST", body=body)
        self.assertEqual((response.status, response.body), (200, b"later"))

    def test_the_connection_goes_on(self):
        client = self.client(self.weir)
        for _ in range(3):
            client.request("POST", "/plain", body=b"abc")
            self.assertEqual(client.read_response().body, b"later")

    def test_a_handshake_gets_none(self):
        self.assert_problem(self.fetch(self.weir, "/ws", headers=HANDSHAKE), "connect_failed")
        self.assertEqual(self.fetch(self.weir, "/ws").body, b"later")
        self.assertEqual(self.fetch(self.weir, "/plain", headers=HANDSHAKE).body, b"later")

    def test_what_middleware_refuses_is_no_failure(self):
        self.assert_problem(self.fetch(self.weir, "/guarded"), "ip_denied")

    def test_over_http2(self):
        client = H2Client(self.weir.address(), timeout=30)
        self.addCleanup(client.close)
        answer = client.fetch("POST", "/plain", body=b"abc")
        self.assertEqual((answer.status, bytes(answer.body), answer.header("proxy-status")),
                         (200, b"later", REFUSED))


class ToldTest(FallbackCase):
    def test_routes_explain_and_reload(self):
        origin = self.origin(by_path)
        config = basic_config([route("a", "main", {"upstream": "spare"}),
                               route("b", "main", {"conditions": ["pool_full"],
                                                   "respond": {"status": 503}})],
                              {"main": origin.address, "spare": origin.address})
        gateway = self.gateway(config)
        rows_ = {one["name"]: one for one in gateway.admin("GET", "/routes").json()}
        self.assertEqual(rows_["a"]["fallback"]["upstream"], "spare")
        self.assertIn("circuit_open", rows_["a"]["fallback"]["conditions"])
        self.assertEqual(rows_["b"]["fallback"], {"conditions": ["pool_full"], "respond": 503})
        steps = {one["step"]: one["text"] for one in gateway.admin(
            "POST", "/explain", {"method": "GET", "url": "/a"}).json()["steps"]}
        self.assertRegex(steps["fallback"], "^upstream spare for no_healthy_endpoint, circuit_open,")
        self.assertEqual(steps["endpoints spare"], origin.address)
        effective = gateway.admin("GET", "/config").json()["routes"]
        self.assertEqual(effective[0]["fallback"]["upstream"], "spare")
        self.assertEqual(effective[1]["fallback"]["respond"]["status"], 503)
        # A reload takes it away.
        gateway.admin("PUT", f"/upstreams/main/endpoints/{origin.address}", {"state": "down"})
        self.assertEqual(self.fetch(gateway, "/a").status, 200)
        del config["routes"][0]["fallback"]
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assert_problem(self.fetch(gateway, "/a"), "no_healthy_endpoint")

    def test_check(self):
        config = basic_config([route("a", "main", {"upstream": "spare", "conditions": "pol_full"})],
                              {"main": "127.0.0.1:1", "spare": "127.0.0.1:2"})
        done = weir("check", "-c", "-", stdin=json.dumps(config))
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("did you mean 'pool_full'?", done.stdout + done.stderr)
