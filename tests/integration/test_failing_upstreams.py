"""One of three endpoints misbehaves in each way that upstreams do, over HTTP/1.1 and HTTP/2, with a
route that retries and rules that judge endpoints: what clients see is whole and right, whatever can
be sent again is answered with 200, the tries stay within the budget, and nothing is left behind."""

import random
import threading

from harness import Case, ProtocolError, Truncated, basic_config, rows, wait_until
from harness.h2_origin import H2Origin
from harness.origin import BlackHole, Refusing
from harness.waiting import bound

CLIENTS = 4
REQUESTS = 25  # of each client
# A good endpoint of a machine with other work answers within this time as well. It passes only where
# the bad one never answers.
TRY = f"{bound(2):g}s"


def token_of(target):
    return target.strip("/").encode()


class Behaviour:
    """What one endpoint does with a request: `plain` answers it, the others do not."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.over = threading.Event()
        self.count = 0

    # --- HTTP/1.1
    def plain(self, connection, request):
        connection.reply(200, [], token_of(request.target))

    def slow(self, connection, request):
        self.over.wait(bound(20))
        connection.close()

    def failing(self, connection, request):
        connection.reply(503, [], "not now")

    def retry_after(self, connection, request):
        connection.reply(503, [("Retry-After", "30")], "not now")

    def resetting(self, connection, request):
        connection.reset()

    def closing(self, connection, request):
        connection.close()

    def flapping(self, connection, request):
        self.count += 1
        (self.plain if self.count % 2 else self.failing)(connection, request)

    def ends_at_random(self, connection, request):
        if self.dice.random() < 0.5:
            return self.plain(connection, request)
        connection.reply(200, [("Connection", "close")], token_of(request.target))
        return connection.close()

    def truncating(self, connection, request):
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nhalf")
        connection.close()

    # --- the same over HTTP/2
    def h2_plain(self, request):
        request.reply(200, token_of(request.headers_of(":path")))

    def h2_slow(self, request):
        self.over.wait(bound(20))

    def h2_failing(self, request):
        request.reply(503, b"not now")

    def h2_retry_after(self, request):
        request.reply(503, b"not now", [("retry-after", "30")])

    def h2_resetting(self, request):
        request.give_up(2)  # INTERNAL_ERROR

    def h2_closing(self, request):
        request.connection.close(reset=True)

    def h2_flapping(self, request):
        self.count += 1
        (self.h2_plain if self.count % 2 else self.h2_failing)(request)

    def h2_ends_at_random(self, request):
        if self.dice.random() < 0.7:
            return self.h2_plain(request)
        return request.connection.close()

    def h2_truncating(self, request):
        request.head(200, [("content-length", "9999")])
        request.content(b"half")
        request.give_up(2)


# Failed answers that the rule for errors counts, in a row: the endpoint is ejected.
EJECTED = {"slow", "failing", "retry_after", "resetting", "closing"}
KINDS = ["slow", "failing", "retry_after", "resetting", "closing", "flapping", "ends_at_random",
         "truncating", "refusing", "black_holed"]


class FailingUpstreamsTest(Case):
    def address_of(self, kind, protocol, behaviour):
        if kind in ("refusing", "black_holed"):
            place = Refusing() if kind == "refusing" else BlackHole()
            self.addCleanup(place.close)
            return place.address
        if protocol == "h2":
            handler = getattr(behaviour, "h2_" + kind)

            def serve(request):
                request.headers_of = lambda name: dict(request.headers)[name]
                handler(request)
            origin = H2Origin(serve)
            self.addCleanup(origin.close)
            return origin.address
        return self.origin(getattr(behaviour, kind)).address

    def visit(self, gateway, number, seen):
        for count in range(REQUESTS):
            token = f"c{number}-{count}"
            try:
                with gateway.connect(timeout=20.0) as peer:
                    peer.request("GET", f"/{token}")
                    answer = peer.read_response()
                    right = answer.status != 200 or answer.body == token.encode()
                    seen.append((answer.status if right else f"wrong answer to {token}", token))
            except (Truncated, ProtocolError, OSError) as error:
                seen.append((type(error).__name__, token))

    @rows([(f"{kind} over {protocol}", kind, protocol)
           for protocol in ("http1", "h2") for kind in KINDS])
    def test_one_of_three(self, kind, protocol):
        behaviour = Behaviour(7)
        self.addCleanup(behaviour.over.set)
        bad = self.address_of(kind, protocol, behaviour)
        good = [self.address_of("plain", protocol, Behaviour(8 + n)) for n in range(2)]
        gateway = self.gateway(basic_config(
            routes=[{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
                     "timeout": "20s",
                     "retry": {"retries": 2, "try_timeout": TRY, "backoff": {"base": "5ms"}}}],
            upstreams={"main": {
                "endpoints": [{"address": address} for address in [bad, *good]],
                "protocol": protocol, "connect_timeout": TRY,
                "retry_budget": {"share": "100%", "min": 20},
                "outlier_detection": {"consecutive_errors": 3, "ejection_time": "60s"}}}))
        seen = []
        clients = [threading.Thread(target=self.visit, args=(gateway, n, seen), daemon=True)
                   for n in range(CLIENTS)]
        for each in clients:
            each.start()
        for each in clients:
            each.join(bound(60))
        self.assertEqual(len(seen), CLIENTS * REQUESTS)
        not_right = [what for what in seen if what[0] != 200]
        if kind == "truncating":
            # Its head had come: nothing can be sent again, and the client sees that it was cut.
            self.assertEqual({what[0] for what in not_right} - {"Truncated", "ProtocolError"}, set())
            self.assertLess(len(not_right), len(seen) / 2)
        elif (kind, protocol) == ("ends_at_random", "h2"):
            # Answers whose head had come on a connection that another request's answer closed.
            self.assertEqual({what[0] for what in not_right} - {"Truncated", "ProtocolError"}, set())
            self.assertLess(len(not_right), len(seen) / 10)
        else:
            self.assertEqual(not_right, [])
        metrics = gateway.settled_metrics()
        if kind in EJECTED:
            self.assertEqual(metrics.value("weir_outlier_ejections_total", upstream="main"), 1)
        failed = metrics.value("weir_retries_total", upstream="main", result="failure")
        self.assertIn(failed, (None, 0))
        self.assert_nothing_is_left(gateway)

    def assert_nothing_is_left(self, gateway):
        def left():
            metrics = gateway.metrics()
            return not any((metrics.value("weir_http_requests_in_flight"),
                            metrics.value("weir_upstream_requests_in_flight") or 0))
        wait_until("everything to be given back", left)
        self.assertEqual(gateway.terminate(), 0)
