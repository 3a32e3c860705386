"""`hedge` of a route: one more try where a head takes long, over HTTP/1 and HTTP/2."""

import json
import threading
import time

from harness import Case, basic_config, rows, wait_until
from harness.h2_origin import H2Origin
from harness.waiting import bound

# Long enough for the first request to be read before the second one is sent.
LATE = {"after": f"{bound(500):g}ms"}


class HedgeCase(Case):
    """Origins that share a script: what the first request gets, wherever it goes, then the second."""

    def serve(self, *steps, protocol="http1", count=2, hedge=None, upstream=None, **route):
        self.steps = list(steps)
        self.lock = threading.Lock()
        self.seen = []     # numbers of the origins, in the order in which they were asked
        self.gone = []     # those whose request was given up
        self.changed = threading.Condition()
        self.origins = []
        for n in range(count):
            if protocol == "h2":
                origin = H2Origin(lambda request, n=n: self.serve_h2(n, request))
                self.addCleanup(origin.close)
            else:
                origin = self.origin(lambda c, r, n=n: self.serve_http1(n, c, r), name=str(n))
            self.origins.append(origin)
        return self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
              "hedge": {"after": "50ms", **(hedge or {})}, **route}],
            {"main": {"endpoints": [{"address": o.address} for o in self.origins],
                      "protocol": protocol, **(upstream or {})}},
            workers=1, access_log={"path": "access.log"}))

    def step(self, n):
        with self.lock:
            self.seen.append(n)
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def left(self, n):
        with self.changed:
            self.gone.append(n)
            self.changed.notify_all()

    def serve_http1(self, n, connection, request):
        connection.read_body(request)
        step = self.step(n)
        if step == "silent":
            connection.wait_ended(60)
            return self.left(n)
        if callable(step):
            step = step()
        connection.reply(step, body=b"from %d" % n)

    def serve_h2(self, n, request):
        request.read_body()
        step = self.step(n)
        if step == "silent":
            request.wait("the reset", lambda: request.reset is not None
                         or request.connection.closed, timeout=60)
            return self.left(n)
        if callable(step):
            step = step()
        request.reply(step, b"from %d" % n)

    def hedges(self, gateway):
        return {labels["result"]: int(value)
                for labels, value in gateway.settled_metrics().series("weir_hedges_total")}

    def entry(self, gateway):
        def read():
            try:
                with open(gateway.file("access.log"), "rb") as file:
                    return file.read().split(b"\n")[:-1]
            except FileNotFoundError:
                return None
        return json.loads(wait_until("a line of the log", read)[0])


class RaceTest(HedgeCase):
    @rows([("http1", "http1"), ("h2", "h2")])
    def test_the_first_head_wins_and_the_other_is_cancelled(self, protocol):
        gateway = self.serve("silent", 200, protocol=protocol, hedge=LATE)
        answer = self.fetch(gateway)
        first, second = self.seen
        self.assertNotEqual(first, second)
        self.assertEqual((answer.status, answer.body), (200, b"from %d" % second))
        with self.changed:
            self.assertTrue(self.changed.wait_for(lambda: self.gone == [first], bound(20)))
        self.assertEqual(self.hedges(gateway), {"won": 1})
        entry = self.entry(gateway)
        self.assertEqual((entry["attempts"], entry["endpoint"]),
                         (2, self.origins[second].address))
        self.assertEqual([(one["endpoint"], one["result"]) for one in entry["tries"]],
                         [(self.origins[first].address, "hedge_lost"),
                          (self.origins[second].address, "ok")])
        metrics = gateway.settled_metrics()
        self.assertEqual(metrics.value("weir_upstream_requests_total", result="hedge_lost"), 1)
        self.assertEqual(metrics.value("weir_upstream_requests_total", result="ok"), 1)

    @rows([("http1", "http1"), ("h2", "h2")])
    def test_the_first_one_may_win(self, protocol):
        asked = threading.Event()

        def late():
            asked.wait(bound(10))
            return 200

        gateway = self.serve(late, "silent", protocol=protocol, hedge=LATE)
        watch = threading.Thread(
            target=lambda: (wait_until("the hedge", lambda: len(self.seen) == 2), asked.set()))
        watch.start()
        self.addCleanup(watch.join)
        answer = self.fetch(gateway)
        first, second = self.seen
        self.assertEqual((answer.status, answer.body), (200, b"from %d" % first))
        with self.changed:
            self.assertTrue(self.changed.wait_for(lambda: self.gone == [second], bound(20)))
        self.assertEqual(self.hedges(gateway), {"lost": 1})
        self.assertEqual(self.entry(gateway)["endpoint"], self.origins[first].address)

    def test_several(self):
        gateway = self.serve("silent", "silent", 200, count=3, hedge={**LATE, "most": 2})
        answer = self.fetch(gateway)
        self.assertEqual(sorted(self.seen), [0, 1, 2])
        self.assertEqual(answer.body, b"from %d" % self.seen[2])
        self.assertEqual(self.hedges(gateway), {"won": 1, "lost": 1})

    def test_a_quick_answer_needs_none(self):
        gateway = self.serve(200, hedge={"after": "5s"})
        for _ in range(10):
            self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(len(self.seen), 10)
        self.assertEqual(self.hedges(gateway), {})

    @rows([("a POST", "POST", None), ("a PUT with content", "PUT", b"x")])
    def test_what_is_not_hedged(self, method, body):
        gateway = self.serve(lambda: (time.sleep(0.3), 200)[1])
        self.assertEqual(self.fetch(gateway, method=method, body=body).status, 200)
        self.assertEqual(len(self.seen), 1)
        self.assertEqual(self.hedges(gateway), {})

    def test_the_loser_is_no_result_of_its_endpoint(self):
        gateway = self.serve("silent", 200, "silent", 200, "silent", 200,
                             upstream={"outlier_detection": {"consecutive_errors": 1},
                                       "circuit_breaker": {"minimum_calls": 1}})
        for _ in range(3):
            self.assertEqual(self.fetch(gateway).status, 200)
        metrics = gateway.settled_metrics()
        self.assertEqual(sum(value for _, value in metrics.series("weir_outlier_ejections_total")), 0)
        self.assertEqual(metrics.value("weir_circuit_breaker_state", upstream="main"), 0)

    def test_the_budget_bounds_them(self):
        gateway = self.serve(lambda: (time.sleep(0.3), 200)[1],
                             upstream={"retry_budget": {"share": "0%", "min": 0}})
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(len(self.seen), 1)
        self.assertEqual(self.hedges(gateway), {"budget": 1})

    def test_a_503_does_not_win(self):
        gateway = self.serve(lambda: (time.sleep(0.5), 200)[1], 503)
        answer = self.fetch(gateway)
        self.assertEqual((answer.status, answer.body), (200, b"from %d" % self.seen[0]))
        self.assertEqual(self.hedges(gateway), {"lost": 1})

    def test_with_a_retry_the_pair_is_one_try(self):
        gateway = self.serve(lambda: (time.sleep(0.3), 503)[1], 503, 200,
                             retry={"backoff": {"base": "1ms", "max": "1ms"}})
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(len(self.seen), 3)
        retries = {labels["result"]: int(value) for labels, value
                   in gateway.settled_metrics().series("weir_retries_total")}
        self.assertEqual(retries, {"success": 1})

    def test_a_client_that_leaves_ends_both(self):
        gateway = self.serve("silent")
        client = gateway.connect()
        client.request("GET", "/")
        wait_until("both tries", lambda: len(self.seen) == 2)
        client.close()
        with self.changed:
            self.assertTrue(self.changed.wait_for(lambda: sorted(self.gone) == [0, 1], bound(20)))
        self.assertEqual(self.hedges(gateway), {"lost": 1})


class QuantileTest(HedgeCase):
    def test_off_until_enough_is_known(self):
        gateway = self.serve(200, hedge={"after": "p95"})
        with self.lock:
            self.steps[:] = [lambda: (time.sleep(0.3), 200)[1], 200]
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(len(self.seen), 1, "nothing is known yet")
        for _ in range(150):
            self.fetch(gateway)
        time.sleep(0.6)  # quantiles are found twice a second

        def hedged():
            with self.lock:
                self.steps[:] = [lambda: (time.sleep(0.5), 200)[1], 200]
            return self.fetch(gateway).status == 200 and self.hedges(gateway).get("won")
        self.assertTrue(wait_until("a hedge", hedged, 20))
