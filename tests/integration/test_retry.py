"""Retries as clients, origins and operators see them: `retry` of a route, `retry_budget` of an
upstream, what goes on without a key, `{attempt}`, and weir_retries_total."""

import json
import threading
import time

from harness import Case, Refusing, basic_config, rows, weir, wait_until
from harness.h2 import H2Client
from harness.h2_origin import H2Origin
from harness.waiting import bound

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


class Script:
    """A handler that answers one step after the other, the last one for ever; of all origins that
    share it together. A step: a status, (status, headers, body), or "reset", "close", "silent"."""

    def __init__(self, *steps, read=True):
        self.steps = list(steps)
        self.read = read
        self.lock = threading.Lock()
        self.seen = []   # (name of the origin, request)

    def next(self, name, request):
        with self.lock:
            self.seen.append((name, request))
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def at(self, name):
        def handle(connection, request):
            step = self.next(name, request)
            if self.read:
                connection.read_body(request)
            if callable(step):
                step(connection, request)
            elif step == "reset":
                connection.reset()
            elif step == "close":
                connection.close()
            elif step == "silent":
                connection.wait_ended(60)
            elif isinstance(step, tuple):
                status, headers, body = step
                connection.reply(status, headers, body)
            else:
                connection.reply(step, body=f"{name} {step}")
        return handle

    def names(self):
        return [name for name, _ in self.seen]

    def requests(self):
        return [request for _, request in self.seen]


class RetryCase(Case):
    def serve(self, script, names="ab", retry=None, upstream=None, listener=None, workers=1,
              protocol=None, **route):
        self.script = script
        self.origins = {}
        for name in names:
            self.origins[name] = self.origin(script.at(name), name=name)
        block = {"endpoints": [{"address": o.address} for o in self.origins.values()],
                 **(upstream or {})}
        if retry is not None:
            route["retry"] = retry
        return self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main", **route}],
            {"main": block}, workers=workers, listener=listener,
            access_log={"path": "access.log"}))

    def retries(self, gateway):
        got = {labels["result"]: int(value)
               for labels, value in gateway.settled_metrics().series("weir_retries_total")}
        return got

    def entries(self, gateway, count):
        def read():
            try:
                with open(gateway.file("access.log"), "rb") as file:
                    lines = file.read().split(b"\n")[:-1]
            except FileNotFoundError:
                return None
            return lines if len(lines) >= count else None
        return [json.loads(line) for line in wait_until(f"{count} lines of the log", read)]

    def refusing(self):
        place = Refusing()
        self.addCleanup(place.close)
        return place


FAST = {"backoff": {"base": "1ms", "max": "5ms"}}


class ConditionsTest(RetryCase):
    @rows([
        ("503", 503, {}, 200, 2),
        ("502", 502, {}, 200, 2),
        ("504", 504, {}, 200, 2),
        ("500 is none", 500, {}, 500, 1),
        ("500 written", 500, {"conditions": [500]}, 200, 2),
        ("429 written", 429, {"conditions": [429]}, 200, 2),
        ("404 written", 404, {"conditions": [404]}, 200, 2),
        ("503 not written", 503, {"conditions": ["reset"]}, 503, 1),
        ("reset", "reset", {}, 200, 2),
        ("closed", "close", {}, 200, 2),
        ("reset not written", "reset", {"conditions": [503]}, 502, 1),
        ("no retries", 503, {"retries": 0}, 503, 1),
    ])
    def test_one_failure(self, step, retry, status, tries):
        gateway = self.serve(Script(step, 200), retry={**FAST, **retry})
        answer = self.fetch(gateway)
        self.assertEqual(answer.status, status, answer)
        names = self.script.names()
        self.assertEqual(len(names), tries)
        if tries == 2:
            self.assertEqual(len(set(names)), 2, "another endpoint first")
            self.assertEqual(self.retries(gateway), {"success": 1})
            entry, = self.entries(gateway, 1)
            self.assertEqual(entry["attempts"], 2)
            self.assertEqual(len(entry["tries"]), 2)
            self.assertEqual(entry["endpoint"], self.origins[names[1]].address)
        else:
            self.assertEqual(self.retries(gateway), {})

    def test_the_last_answer_is_the_clients(self):
        gateway = self.serve(Script(503, (503, [("X-Which", "last")], b"second")), retry=FAST)
        answer = self.fetch(gateway)
        self.assertEqual((answer.status, answer.header("x-which"), answer.body),
                         (503, "last", b"second"))
        self.assertEqual(self.retries(gateway), {"failure": 1})

    def test_the_last_failure_is_the_clients(self):
        gateway = self.serve(Script(503, "reset"), retry=FAST)
        self.assert_problem(self.fetch(gateway), "upstream_reset")
        self.assertEqual(self.retries(gateway), {"failure": 1})

    def test_all_endpoints_before_one_again(self):
        gateway = self.serve(Script(503), names="abc", retry={**FAST, "retries": 5},
                             upstream={"retry_budget": {"min": 10}})
        self.assertEqual(self.fetch(gateway).status, 503)
        names = self.script.names()
        self.assertEqual(len(names), 6)
        self.assertEqual(sorted(names[:3]), ["a", "b", "c"])
        self.assertEqual(sorted(names[3:]), ["a", "b", "c"])
        self.assertEqual(self.retries(gateway), {"failure": 5})

    def test_the_only_endpoint_is_tried_again(self):
        gateway = self.serve(Script("reset", 503, 200), names="a", retry={**FAST, "retries": 2})
        self.assertEqual(self.fetch(gateway).body, b"a 200")
        self.assertEqual(self.retries(gateway), {"failure": 1, "success": 1})

    def test_a_short_answer_that_is_thrown_away_keeps_its_connection(self):
        gateway = self.serve(Script((503, [], b"x" * 1000), 200), names="a", retry=FAST)
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(len(self.origins["a"].connections), 1)
        metrics = gateway.settled_metrics()
        self.assertEqual(metrics.value("weir_upstream_requests_total", result="ok",
                                       status_class="5xx"), 1)

    @rows([
        ("long", lambda c, r: c.reply(503, body=b"x" * 1000000)),
        ("slow", lambda c, r: (c.send("HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\nhalf"),
                               c.wait_ended(60))),
    ])
    def test_another_answer_that_is_thrown_away_does_not(self, step):
        gateway = self.serve(Script(step, 200), names="a", retry=FAST)
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(len(self.origins["a"].connections), 2)
        self.origins["a"].wait_connection_ended(0)
        metrics = gateway.settled_metrics()
        self.assertEqual(metrics.value("weir_upstream_requests_total", result="ok",
                                       status_class="5xx"), 1, "nothing was cut by the upstream")
        self.assertIsNone(metrics.value("weir_upstream_requests_total", result="reset"))

    def test_a_try_has_its_time(self):
        gateway = self.serve(Script("silent", 200), retry={**FAST, "try_timeout": "300ms"})
        began = time.monotonic()
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertGreaterEqual(time.monotonic() - began, 0.29)
        self.assertEqual(self.retries(gateway), {"success": 1})
        entry, = self.entries(gateway, 1)
        self.assertEqual([one["result"] for one in entry["tries"]], ["timeout", "ok"])

    def test_the_time_of_the_last_try(self):
        gateway = self.serve(Script("silent"), retry={**FAST, "try_timeout": "200ms"})
        self.assert_problem(self.fetch(gateway), "try_timeout")
        self.assertEqual(len(self.script.seen), 2)
        self.assertEqual(self.retries(gateway), {"failure": 1})

    def test_all_tries_stay_within_the_timeout(self):
        gateway = self.serve(Script("silent"), timeout="500ms",
                             retry={**FAST, "retries": 10, "try_timeout": "300ms"})
        began = time.monotonic()
        self.assert_problem(self.fetch(gateway), "request_timeout")
        self.assertLess(time.monotonic() - began, bound(2.9))
        self.assertEqual(len(self.script.seen), 2)

    def test_a_pause_that_does_not_fit_is_not_made(self):
        script = Script((503, [("Retry-After", "1")], b"wait"))
        gateway = self.serve(script, names="a", timeout="900ms",
                             retry={"backoff": {"base": "1ms", "max": "10s"}})
        answer = self.fetch(gateway)
        self.assertEqual((answer.status, answer.body), (503, b"wait"))
        self.assertEqual(self.retries(gateway), {})


class ConnectTest(RetryCase):
    """What needs no key."""

    def serve_addresses(self, *addresses, retry=None, **route):
        if retry is not None:
            route["retry"] = retry
        return self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main", **route}],
            {"main": list(addresses)}, workers=1, access_log={"path": "access.log"}))

    def test_a_post_goes_elsewhere(self):
        alive = self.origin()
        gateway = self.serve_addresses(self.refusing().address, alive.address)
        for _ in range(3):
            self.assertEqual(self.fetch(gateway, method="POST", body=b"x" * 100000).status, 200)
        self.assertEqual(self.retries(gateway), {})

    def test_three_endpoints_at_most(self):
        gateway = self.serve_addresses(*[self.refusing().address for _ in range(5)])
        self.assert_problem(self.fetch(gateway), "connect_failed")
        entry, = self.entries(gateway, 1)
        self.assertEqual(entry["attempts"], 3)
        self.assertEqual(len({one["endpoint"] for one in entry["tries"]}), 3)

    def test_the_only_endpoint_is_tried_once_more_after_a_moment(self):
        gateway = self.serve_addresses(self.refusing().address)
        began = time.monotonic()
        self.assert_problem(self.fetch(gateway, method="POST", body=b"1"), "connect_failed")
        self.assertGreaterEqual(time.monotonic() - began, 0.024)
        entry, = self.entries(gateway, 1)
        self.assertEqual(entry["attempts"], 2)

    def test_off(self):
        gateway = self.serve_addresses(self.refusing().address, self.refusing().address,
                                       retry="off")
        self.assert_problem(self.fetch(gateway), "connect_failed")
        self.assertEqual(self.entries(gateway, 1)[0]["attempts"], 1)
        self.assertNotIn("tries", self.entries(gateway, 1)[0])

    def test_off_keeps_the_replay_of_dead_connections(self):
        def once(connection, request):
            connection.read_body(request)
            connection.reset() if request.index > 0 else connection.reply(200)
        alive = self.origin(once)
        gateway = self.serve_addresses(alive.address, retry="off")
        self.assertEqual([self.fetch(gateway).status for _ in range(2)], [200, 200])

    def test_a_condition_of_a_retry(self):
        gateway = self.serve_addresses(self.refusing().address, retry=FAST)
        self.assert_problem(self.fetch(gateway, method="POST", body=b"1"), "connect_failed")
        self.assertEqual(self.retries(gateway), {"failure": 1})
        # Twice by itself, and once by the rule.
        self.assertEqual(self.entries(gateway, 1)[0]["attempts"], 3)

    def test_no_condition_of_a_retry(self):
        gateway = self.serve_addresses(self.refusing().address, retry={"conditions": [503]})
        self.assert_problem(self.fetch(gateway), "connect_failed")
        self.assertEqual(self.retries(gateway), {})
        self.assertEqual(self.entries(gateway, 1)[0]["attempts"], 2)


class MethodsTest(RetryCase):
    @rows([
        ("POST", "POST", [], {}, False),
        ("PATCH", "PATCH", [], {}, False),
        ("PUT", "PUT", [], {}, True),
        ("DELETE", "DELETE", [], {}, True),
        ("POST with all", "POST", [], {"methods": "all"}, True),
        ("POST listed", "POST", [], {"methods": ["POST"]}, True),
        ("PUT not listed", "PUT", [], {"methods": ["POST"]}, False),
        ("POST with a key", "POST", [("Idempotency-Key", "7")], {"idempotency_key": "on"}, True),
        ("POST with a key, off", "POST", [("Idempotency-Key", "7")], {}, False),
        ("POST without a key", "POST", [], {"idempotency_key": "on"}, False),
    ])
    def test_method(self, method, headers, retry, retried):
        for step in (503, "reset"):
            gateway = self.serve(Script(step, 200), retry={**FAST, **retry})
            answer = self.fetch(gateway, method=method, headers=headers, body=b"content")
            self.assertEqual(answer.status, 200 if retried else 503 if step == 503 else 502)
            self.assertEqual(self.retries(gateway), {"success": 1} if retried else {})
            bodies = [request.body for request in self.script.requests()]
            self.assertEqual(bodies, [b"content"] * (2 if retried else 1))


class BodyTest(RetryCase):
    def kept(self, gateway):
        return gateway.metrics().value("weir_retry_body_bytes", upstream="main")

    @rows([("with a length", False), ("in chunks", True)])
    def test_is_kept(self, chunked):
        body = bytes(range(256)) * 200
        gateway = self.serve(Script(503, "reset", 200), retry={**FAST, "retries": 2})
        with gateway.connect() as client:
            if chunked:
                client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
                for at in range(0, len(body), 10000):
                    piece = body[at:at + 10000]
                    client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                client.send("0\r\n\r\n")
            else:
                client.request("PUT", "/", body=body)
            self.assertEqual(client.read_response().status, 200)
        self.assertEqual([r.body for r in self.script.requests()], [body] * 3)
        self.assertEqual(self.retries(gateway), {"success": 1, "failure": 1})
        self.assertEqual(self.kept(gateway), 0)

    def test_too_long(self):
        gateway = self.serve(Script(503, 200), retry={**FAST, "max_body": "1KiB"})
        self.assertEqual(self.fetch(gateway, method="PUT", body=b"x" * 1025).status, 503)
        self.assertEqual(self.retries(gateway), {"not_replayable": 1})
        self.assertEqual(self.fetch(gateway, method="PUT", body=b"x" * 1024).status, 200)

    def test_none_is_kept(self):
        gateway = self.serve(Script(503), retry={**FAST, "max_body": 0})
        self.assertEqual(self.fetch(gateway, method="PUT", body=b"x").status, 503)
        self.assertEqual(self.retries(gateway), {"not_replayable": 1})
        self.assertEqual(self.fetch(gateway).status, 503)
        self.assertEqual(self.retries(gateway), {"not_replayable": 1, "failure": 1})

    def test_goes_on_while_it_arrives(self):
        # The first try fails in the middle of the upload; what comes afterwards is the second's.
        script = Script(503, lambda c, r: c.reply(200, body=c.read_body(r)), read=False)
        gateway = self.serve(script, retry=FAST)
        with gateway.connect() as client:
            client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nfirst")
            wait_until("the second try", lambda: len(script.seen) == 2)
            wait_until("the kept part", lambda: self.kept(gateway) == 5)
            client.send("-last")
            answer = client.read_response()
            self.assertEqual((answer.status, answer.body), (200, b"first-last"))
        self.assertEqual(self.retries(gateway), {"success": 1})
        wait_until("nothing is kept", lambda: self.kept(gateway) == 0)

    def test_expect_continue(self):
        # The first try asked for the content; the second one does not ask again.
        def first(connection, request):
            connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            connection.read_body(request)
            connection.reply(503)
        gateway = self.serve(Script(first, lambda c, r: c.reply(200, body=c.read_body(r)),
                                    read=False), retry=FAST)
        with gateway.connect() as client:
            client.send("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n"
                        "Expect: 100-continue\r\n\r\n")
            interim = client.read_head()
            self.assertEqual(interim.status, 100)
            client.send("body")
            answer = client.read_response("PUT")
            self.assertEqual((answer.status, answer.body), (200, b"body"))
        self.assertEqual([r.header("expect") for r in self.script.requests()],
                         ["100-continue", None])

    def test_a_client_that_leaves_ends_the_wait(self):
        script = Script((503, [("Retry-After", "60")], b""), read=False)
        gateway = self.serve(script, names="a", timeout="0s",
                             retry={"backoff": {"base": "1ms", "max": "5m"}})
        for body in ("", "half"):
            client = self.client(gateway)
            length = "Content-Length: 10\r\n" if body else ""
            client.send(f"PUT / HTTP/1.1\r\nHost: a.test\r\n{length}\r\n{body}")
            wait_until("the try", lambda: len(script.seen) == (2 if body else 1))
            client.reset()
        entries = self.entries(gateway, 2)
        self.assertEqual([entry["status"] for entry in entries], [499, 499])
        self.assertEqual(self.retries(gateway), {})


class RetryAfterTest(RetryCase):
    @rows([("503", 503), ("429", 429)])
    def test_binds_its_endpoint_only(self, status):
        gateway = self.serve(Script((status, [("Retry-After", "60")], b""), 200),
                             retry={**FAST, "conditions": [429, 503]})
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(len(set(self.script.names())), 2)

    def test_of_the_only_endpoint_is_the_clients(self):
        gateway = self.serve(Script((503, [("Retry-After", "1")], b"later"), 200), names="a",
                             retry={})
        answer = self.fetch(gateway)
        self.assertEqual((answer.status, answer.header("retry-after"), answer.body),
                         (503, "1", b"later"))
        self.assertEqual(self.retries(gateway), {})

    @rows([("seconds", lambda: "1"),
           ("a date", lambda: time.strftime("%a, %d %b %Y %H:%M:%S GMT",
                                            time.gmtime(time.time() + 2)))])
    def test_is_waited_for_where_it_fits(self, value):
        gateway = self.serve(Script(lambda c, r: c.reply(503, [("Retry-After", value())]), 200),
                             names="a", retry={"backoff": {"base": "1ms", "max": "3s"}})
        began = time.monotonic()
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertGreaterEqual(time.monotonic() - began, 0.95)

    def test_of_one_that_failed_and_one_that_asked(self):
        # a wants to be left alone, b is reset: b is the one that is tried again.
        script = Script((503, [("Retry-After", "60")], b""), "reset", 200)
        gateway = self.serve(script, retry={**FAST, "retries": 2})
        self.assertEqual(self.fetch(gateway).status, 200)
        names = script.names()
        self.assertNotEqual(names[0], names[1])
        self.assertEqual(names[1], names[2])


class BudgetTest(RetryCase):
    def test_spent(self):
        held = threading.Event()
        self.addCleanup(held.set)

        def hold(connection, request):
            held.wait(bound(30))
            connection.reply(200)
        script = Script(503, hold, 503)
        gateway = self.serve(script, upstream={"retry_budget": {"share": "0%", "min": 1}},
                             retry=FAST, workers=2)
        with gateway.connect() as first:
            first.request()
            wait_until("its retry", lambda: len(script.seen) == 2)
            self.assertEqual(self.fetch(gateway).status, 503)
            wait_until("the count", lambda: gateway.metrics().value(
                "weir_retries_total", upstream="main", result="budget") == 1)
            held.set()
            self.assertEqual(first.read_response().status, 200)
        self.assertEqual(self.retries(gateway), {"success": 1, "budget": 1})
        # It was given back.
        self.assertEqual(self.fetch(gateway).status, 503)
        self.assertEqual(self.retries(gateway), {"success": 1, "budget": 1, "failure": 1})

    def test_a_share_of_the_requests_in_flight(self):
        held = threading.Event()
        self.addCleanup(held.set)

        def answer(connection, request):
            connection.read_body(request)
            if request.target == "/held":
                held.wait(bound(30))
            connection.reply(503 if request.target == "/bad" else 200)
        backend = self.origin(answer)
        gateway = self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main", "retry": FAST}],
            {"main": {"endpoints": [{"address": backend.address}],
                      "retry_budget": {"share": "25%", "min": 0}}}))
        self.assertEqual(self.fetch(gateway, "/bad").status, 503)
        self.assertEqual(self.retries(gateway), {"budget": 1})
        clients = []
        for n in range(4):
            client = self.client(gateway)
            client.request("GET", "/held")
            clients.append(client)
        backend.wait("four requests", lambda: backend.targets().count("/held") == 4)
        self.assertEqual(self.fetch(gateway, "/bad").status, 503)
        wait_until("a retry", lambda: gateway.metrics().value(
            "weir_retries_total", upstream="main", result="failure") == 1)
        held.set()
        for client in clients:
            self.assertEqual(client.read_response().status, 200)


class BreakerTest(RetryCase):
    BREAKER = {"minimum_calls": 2, "open_for": "300s", "slow_call": "60s", "window": "300s"}

    def breaker(self, gateway):
        return gateway.admin("GET", "/upstreams").json()[0]["circuit_breaker"]

    def test_hears_the_call_after_all_tries(self):
        gateway = self.serve(Script(503, 200, 503, 200, 503, 200, 503), retry=FAST,
                             upstream={"circuit_breaker": {**self.BREAKER, "minimum_calls": 4}})
        self.assertEqual([self.fetch(gateway).status for _ in range(3)], [200] * 3)
        seen = self.breaker(gateway)
        self.assertEqual((seen["state"], seen["calls"], seen["failed"]), ("closed", 3, 0))
        self.assertEqual(self.fetch(gateway).status, 503)
        seen = self.breaker(gateway)
        self.assertEqual((seen["calls"], seen["failed"]), (4, 1))

    def test_no_retry_to_an_open_one(self):
        held = threading.Event()
        self.addCleanup(held.set)

        def hold(connection, request):
            held.wait(bound(30))
            connection.reply(503, body=b"held")
        script = Script(hold, 200)
        gateway = self.serve(script, retry=FAST, upstream={"circuit_breaker": self.BREAKER})
        with gateway.connect() as client:
            client.request()
            wait_until("the try", lambda: len(script.seen) == 1)
            self.assertEqual(gateway.admin("PUT", "/upstreams/main/circuit_breaker",
                                           {"force": "open"}).status, 204)
            held.set()
            answer = client.read_response()
            self.assertEqual((answer.status, answer.body), (503, b"held"))
        self.assertEqual(len(script.seen), 1)
        self.assertEqual(self.retries(gateway), {})


class FieldsTest(RetryCase):
    def test_attempt(self):
        gateway = self.serve(
            Script(503, "reset", 200), retry={**FAST, "retries": 2},
            rewrite={"path": "/inner"},
            request_headers={"set": {"x-attempt": "{attempt} of {path}", "x-plain": "{host}"},
                             "add": {"x-more": "no. {attempt}"}})
        answer = self.fetch(gateway, "/outer", headers=[("X-More", "mine"), ("X-Attempt", "9")])
        self.assertEqual(answer.status, 200)
        self.assertEqual([(r.target, r.all("x-attempt"), r.all("x-more"), r.all("x-plain"))
                          for r in self.script.requests()],
                         [("/inner", [f"{n} of /outer"], ["mine", f"no. {n}"], ["test.example"])
                          for n in (1, 2, 3)])

    def test_attempt_counts_connects_that_failed(self):
        alive = self.origin()
        gateway = self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
              "request_headers": {"set": {"x-attempt": "{attempt}"}}}],
            {"main": [self.refusing().address, alive.address]}, workers=1,
            access_log={"path": "access.log"}))
        for _ in range(2):
            self.assertEqual(self.fetch(gateway).status, 200)
        entries = self.entries(gateway, 2)
        self.assertEqual([r.header("x-attempt") for r in alive.requests],
                         [str(entry["attempts"]) for entry in entries])
        self.assertIn("2", [r.header("x-attempt") for r in alive.requests])

    def test_the_split_is_kept(self):
        # Of the upstream with one endpoint each retry goes there, too.
        one, other = Script(503), Script(200)
        places = [self.origin(one.at("one")), self.origin(other.at("other"))]
        gateway = self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "retry": FAST,
              "split": [{"upstream": "one", "weight": 1}, {"upstream": "other", "weight": 1}]}],
            {"one": places[0].address, "other": places[1].address}, workers=1))
        got = sorted(self.fetch(gateway).status for _ in range(6))
        self.assertEqual(got, [200] * 3 + [503] * 3)
        self.assertEqual((len(one.seen), len(other.seen)), (6, 3))


class Http2Test(RetryCase):
    def serve_h2(self, *steps, retry=None, count=1):
        self.script = Script(*steps)

        def handler_of(name):
            def handle(request):
                step = self.script.next(name, request)
                step(request)
            return handle
        addresses = []
        for n in range(count):
            origin = H2Origin(handler_of(str(n)))
            self.addCleanup(origin.close)
            addresses.append(origin.address)
        return self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
              "retry": {**FAST, **(retry or {})}}],
            {"main": {"endpoints": [{"address": a} for a in addresses], "protocol": "h2"}},
            workers=1, listener={"protocols": ["http1", "h2c"]}, access_log={"path": "access.log"}))

    @staticmethod
    def ok(request):
        request.read_body()
        request.reply(200, b"fine: " + request.body)

    def test_status(self):
        gateway = self.serve_h2(lambda r: r.reply(503, b"no"), self.ok)
        self.assertEqual(self.fetch(gateway, method="PUT", body=b"x").body, b"fine: x")
        self.assertEqual(self.retries(gateway), {"success": 1})

    def test_reset(self):
        gateway = self.serve_h2(lambda r: r.give_up(2), self.ok)
        self.assertEqual(self.fetch(gateway).body, b"fine: ")
        self.assertEqual(self.retries(gateway), {"success": 1})

    def test_an_answer_that_does_not_end_is_reset(self):
        resets = []

        def endless(request):
            request.head(503)
            request.content(b"begun")
            resets.append(request.wait_reset())
        gateway = self.serve_h2(endless, self.ok)
        self.assertEqual(self.fetch(gateway).body, b"fine: ")
        wait_until("the reset", lambda: resets)
        self.assertEqual(resets, [8])
        self.assertEqual(self.retries(gateway), {"success": 1})

    def call(self, gateway, more=()):
        client = H2Client(gateway.address())
        self.addCleanup(client.close)
        return client.fetch("POST", "/s/Call", [*GRPC, *more], b"\0\0\0\0\x02hi")

    @staticmethod
    def failed(code):
        def handle(request):
            request.read_body()
            request.head(200, [("content-type", "application/grpc"), ("grpc-status", str(code))],
                         end=True)
        return handle

    @staticmethod
    def called(request):
        request.reply(200, request.read_body(), [("content-type", "application/grpc")],
                      [("grpc-status", "0")])

    @rows([("unavailable", 14, ["grpc_unavailable"], True),
           ("exhausted", 8, ["grpc_resource_exhausted"], True),
           ("deadline", 4, ["grpc_deadline_exceeded"], True),
           ("cancelled", 1, ["grpc_cancelled"], True),
           ("internal", 13, ["grpc_internal"], True),
           ("another", 5, ["grpc_unavailable", "grpc_internal"], False),
           ("not written", 14, [503], False)])
    def test_grpc(self, code, conditions, retried):
        gateway = self.serve_h2(self.failed(code), self.called,
                                retry={"conditions": conditions, "methods": ["POST"]})
        answer = self.call(gateway)
        if retried:
            self.assertEqual((answer.trailer("grpc-status"), answer.body),
                             ("0", b"\0\0\0\0\x02hi"))
            self.assertEqual([r.body for r in self.script.requests()], [b"\0\0\0\0\x02hi"] * 2)
            self.assertEqual(self.retries(gateway), {"success": 1})
        else:
            self.assertEqual(answer.header("grpc-status"), str(code))
            self.assertEqual(self.retries(gateway), {})

    def test_grpc_in_trailers_is_no_condition(self):
        def late(request):
            request.read_body()
            request.reply(200, b"\0\0\0\0\x00", [("content-type", "application/grpc")],
                          [("grpc-status", "14")])
        gateway = self.serve_h2(late, self.called,
                                retry={"conditions": ["grpc_unavailable"], "methods": "all"})
        self.assertEqual(self.call(gateway).trailer("grpc-status"), "14")
        self.assertEqual(self.retries(gateway), {})

    def test_a_stream_that_goes_on(self):
        # The client waits for an answer before it sends the rest.
        def both(request):
            request.wait_body(7)
            request.head(200, [("content-type", "application/grpc")])
            request.content(b"\0\0\0\0\x02ok")
            request.read_body()
            request.trail([("grpc-status", "0")])

        def unavailable(request):
            request.wait_body(7)
            request.head(200, [("content-type", "application/grpc"), ("grpc-status", "14")],
                         end=True)
        gateway = self.serve_h2(unavailable, both,
                                retry={"conditions": ["grpc_unavailable"], "methods": "all"})
        client = H2Client(gateway.address())
        self.addCleanup(client.close)
        stream = client.request("POST", "/s/Call", GRPC, b"\0\0\0\0\x02hi", end=False)
        head = dict(client.head(stream).fields)
        self.assertEqual((head[":status"], head.get("grpc-status")), ("200", None))
        client.data(stream, b"\0\0\0\0\x02by", end=True)
        answer = client.answer(stream)
        self.assertEqual(answer.trailer("grpc-status"), "0")
        self.assertEqual(self.script.requests()[1].body, b"\0\0\0\0\x02hi\0\0\0\0\x02by")
        self.assertEqual(self.retries(gateway), {"success": 1})


class ConfigurationTest(Case):
    BASE = ("version: 1\nlisteners: [{{name: http, bind: \"127.0.0.1:0\"}}]\n{defaults}"
            "routes: [{{name: all, match: {{}}, upstream: app{route}}}]\n"
            "upstreams: {{app: {{endpoints: [{{address: \"127.0.0.1:1\"}}]}}}}\n")

    def check(self, route="", defaults=""):
        return weir("check", "-c", "-", stdin=self.BASE.format(route=route, defaults=defaults))

    def test_timeout_without_a_time(self):
        got = self.check(", retry: {conditions: [timeout]}")
        self.assertEqual(got.returncode, 0, got)
        self.assertIn("`timeout` in `conditions` does nothing without `try_timeout`",
                      got.stdout + got.stderr)
        got = self.check(", retry: {conditions: [timeout], try_timeout: 1s}")
        self.assertNotIn("try_timeout", got.stdout + got.stderr)

    def test_defaults_are_inherited_and_replaced(self):
        script = Script(503)
        backend = self.origin(script.at("a"))
        gateway = self.gateway(basic_config(
            [{"name": "inherits", "match": {"path": "/inherits"}, "upstream": "app"},
             {"name": "own", "match": {"path": "/own"}, "upstream": "app",
              "retry": {"conditions": ["reset"]}},
             {"name": "off", "match": {"path": "/off"}, "upstream": "app", "retry": "off"}],
            {"app": {"endpoints": [{"address": backend.address}], "retry_budget": {"min": 9}}},
            defaults={"retry": {**FAST, "retries": 3}}))
        for path, tries in (("/inherits", 4), ("/own", 1), ("/off", 1)):
            del script.seen[:]
            self.assertEqual(self.fetch(gateway, path).status, 503)
            self.assertEqual(len(script.seen), tries, path)
