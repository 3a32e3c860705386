"""Shedding: load_shed by the priority of routes, and circuit_breaker.shed, which refuses a share of
the requests past a rate or a p95 (interface.md section 3: 503 `shed`)."""

import threading
import time

from harness import Case, basic_config, rows, wait_until

PRIORITIES = ("low", "normal", "high", "critical")
OFF = {"lag": "off", "memory": "off", "connections": "off", "saturation": "off"}


def routes(**more):
    """A route for each priority, and one that says nothing of it."""
    out = [{"name": priority, "match": {"path_prefix": f"/{priority}"}, "priority": priority,
            "upstream": "main", **more} for priority in PRIORITIES]
    return out + [{"name": "plain", "match": {"path_prefix": "/"}, "upstream": "main", **more}]


class ShedCase(Case):
    def ask(self, client, target):
        client.request("GET", target)
        return client.read_response("GET")

    def statuses(self, client):
        return [self.ask(client, f"/{priority}").status for priority in PRIORITIES]

    def lines(self, gateway, text):
        return [line for line in gateway.lines if text in line]


class LoadShedTest(ShedCase):
    def config(self, limits, **more):
        return basic_config(routes(middleware=["protect"]), {"main": self.backend.address},
                            middleware={"protect": {"load_shed": {**OFF, **limits}}}, **more)

    def serve(self, limits, **more):
        self.backend = self.origin()
        return self.gateway(self.config(limits, **more))

    def wait_level(self, gateway, level, timeout=20.0):
        gateway.wait_metric(level, "weir_load_shed_level", timeout=timeout, policy="protect")

    def shown(self, gateway):
        (one,) = gateway.admin("GET", "/status").json()["load_shed"]
        return one

    def test_by_connections(self):
        gateway = self.serve({"connections": "60%"}, server={"max_connections": 10})
        clients = []
        for count, level in ((5, 0), (6, 1), (8, 2), (9, 3), (10, 3)):
            while len(clients) < count:
                clients.append(self.client(gateway))
                self.ask(clients[-1], "/critical")  # it is open when it was served
            with self.subTest(connections=count):
                self.wait_level(gateway, level)
                self.assertEqual(self.statuses(clients[0]),
                                 [503 if i < level else 200 for i in range(4)])
        self.assert_problem(self.ask(clients[0], "/plain"), "shed")  # as normal
        refused = self.ask(clients[0], "/low")
        self.assert_problem(refused, "shed")
        self.assertEqual(refused.header("retry-after"), "1")
        self.assertIn(b"connections", refused.body)
        wait_until("all are counted", lambda: self.shown(gateway)["measured"] == "100.0%")
        self.assertEqual({key: self.shown(gateway)[key] for key in (
            "name", "level", "refused", "cause", "measured", "limit")},
            {"name": "protect", "level": 3, "refused": ["low", "normal", "high"],
             "cause": "connections", "measured": "100.0%", "limit": "60.0%"})
        warnings = gateway.admin("GET", "/status").json()["warnings"]
        self.assertIn("shedding", [warning["name"] for warning in warnings])
        gateway.wait_log("the beginning", "load shedding begins middleware=protect "
                                          "cause=connections measured=60.0% limit=60.0% refused=low")
        gateway.wait_log("the next level", 'refused="low, normal"')
        metrics = gateway.settled_metrics()
        shed = {priority: metrics.value("weir_load_shed_requests_total", policy="protect",
                                        priority=priority, cause="connections")
                for priority in PRIORITIES}
        self.assertEqual(shed, {"low": 5, "normal": 4, "high": 2, "critical": None})
        self.assertEqual(metrics.value("weir_http_rejected_total", route="low", reason="shed"), 5)
        for client in clients[1:]:
            client.close()
        self.wait_level(gateway, 0)
        self.assertEqual(self.statuses(clients[0]), [200] * 4)
        gateway.wait_log("the end", "load shedding ends middleware=protect cause=connections")
        self.assertEqual(self.shown(gateway)["refused"], [])

    @rows([("lag", {"lag": "1us"}, "weir_worker_lag_seconds"),
           ("memory", {"memory": "0.000001%"}, "weir_memory_used_ratio"),
           ("saturation", {"saturation": "0.000001%"}, "weir_worker_utilization_ratio")])
    def test_each_other_source(self, limits, measured):
        """At limits that every process reaches."""
        gateway = self.serve(limits, workers=1)
        (cause,) = limits
        client = self.client(gateway)
        wait_until("low is refused", lambda: self.ask(client, "/low").status == 503, timeout=20.0)
        self.assertEqual(self.shown(gateway)["cause"], cause)
        self.assertEqual(self.ask(client, "/critical").status, 200)
        self.assertGreater(gateway.metrics().value(measured), 0)
        self.assertGreater(gateway.metrics().value("weir_load_shed_requests_total", cause=cause), 0)

    def test_before_all_that_costs(self):
        self.backend = self.origin()
        login = {"jwt": {"issuers": [{"issuer": "i", "algorithms": ["HS256"],
                                      "keys": {"secret": "s" * 32}}]}}
        config = self.config({"lag": "1us"})
        for route in config["routes"]:
            route["middleware"] = ["protect", login]
            route["fallback"] = {"respond": {"status": 200, "body": "instead"}}
        gateway = self.gateway(config)
        client = self.client(gateway)
        wait_until("low is refused", lambda: self.ask(client, "/low").status == 503, timeout=20.0)
        self.assertEqual(self.ask(client, "/critical").status, 401)
        self.assertEqual(self.backend.heads, [])

    def test_goes_on_over_a_reload_and_ends_with_it(self):
        gateway = self.serve({"lag": "1us"})
        client = self.client(gateway)
        wait_until("low is refused", lambda: self.ask(client, "/low").status == 503, timeout=20.0)
        config = self.config({"lag": "1us"})
        config["log"] = {"format": "text"}
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assertEqual(self.ask(client, "/low").status, 503)
        self.assertEqual(len(self.lines(gateway, "load shedding begins")), 1)
        self.assertEqual(gateway.reload_by_post(self.config({"lag": "300s"})).status, 200)
        wait_until("low is served", lambda: self.ask(client, "/low").status == 200)
        plain = basic_config(routes(), {"main": self.backend.address})
        self.assertEqual(gateway.reload_by_post(plain).status, 200)
        self.assertEqual(self.statuses(client), [200] * 4)
        wait_until("nobody measures", lambda: gateway.metrics().value(
            "weir_worker_lag_seconds") is None)
        self.assertEqual(gateway.admin("GET", "/status").json()["load_shed"], [])

    def test_its_end_is_told_once_when_a_reload_takes_it_away(self):
        gateway = self.serve({"lag": "1us"})
        client = self.client(gateway)
        wait_until("low is refused", lambda: self.ask(client, "/low").status == 503)
        gateway.wait_log("the beginning", "load shedding begins middleware=protect cause=lag")
        plain = basic_config(routes(), {"main": self.backend.address})
        self.assertEqual(gateway.reload_by_post(plain).status, 200)
        self.assertEqual(self.statuses(client), [200] * 4)
        gateway.wait_log("the end", "load shedding ends middleware=protect cause=lag")
        self.assertEqual(gateway.terminate(), 0)
        self.assertEqual(len(self.lines(gateway, "load shedding ends")), 1)

    def test_explain(self):
        gateway = self.serve({"lag": "100ms", "memory": "90%"})
        told = {}
        for priority in ("low", "normal", "critical"):
            steps = gateway.admin("POST", "/explain", {
                "method": "GET", "url": f"http://a.test/{priority}"}).json()["steps"]
            told[priority] = " ".join(step["text"] for step in steps)
        self.assertIn("priority low is refused from lag 100ms, memory 90.0%", told["low"])
        self.assertIn("priority normal is refused from lag 200ms, memory 93.3%", told["normal"])
        self.assertIn("priority critical is never refused", told["critical"])


class JointShedTest(ShedCase):
    def config(self, shed, breaker=None, **more):
        main = {"endpoints": [{"address": self.backend.address}],
                "circuit_breaker": {"slow_call": "60s", **(breaker or {}), "shed": shed}}
        return basic_config(routes(**more), {"main": main})

    def serve(self, shed, breaker=None, handler=None, **more):
        self.backend = self.origin(handler) if handler else self.origin()
        return self.gateway(self.config(shed, breaker, **more))

    def shed(self, gateway):
        return gateway.admin("GET", "/upstreams").json()[0]["circuit_breaker"]["shed"]

    def until_shed(self, client, gateway, targets=("/",)):
        """Sends until it sheds; how many were refused by then."""
        refused = 0
        for i in range(5000):
            answer = self.ask(client, targets[i % len(targets)])
            refused += answer.status == 503
            if i % 10 == 9 and self.shed(gateway)["active"]:
                return refused
        self.fail("it never sheds")

    def test_exactly_the_share_past_the_rate(self):
        gateway = self.serve({"rate": "5/s", "p95": "off", "share": "15%"})
        client = self.client(gateway)
        refused = self.until_shed(client, gateway)
        answers = [self.ask(client, "/") for _ in range(400)]
        shed = [answer for answer in answers if answer.status == 503]
        # Less than two off in any number of requests, so less than four between two of them.
        self.assertAlmostEqual(len(shed), 60, delta=4)
        self.assert_problem(shed[0], "shed")
        self.assertEqual(shed[0].header("retry-after"), "1")
        gateway.wait_log("the beginning", "shedding begins upstream=main cause=rate")
        shown = self.shed(gateway)
        self.assertEqual((shown["cause"], shown["share"], shown["refused"]),
                         ("rate", 0.15, refused + len(shed)))
        self.assertGreater(shown["rate"], 5)
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_circuit_breaker_shed_requests_total", upstream="main",
                                       priority="normal", cause="rate"), refused + len(shed))
        self.assertEqual(metrics.value("weir_circuit_breaker_shedding", upstream="main"), 1)
        # Five seconds of rest.
        wait_until("it ends", lambda: not self.shed(gateway)["active"], timeout=20.0)
        gateway.wait_log("the end", "shedding ends upstream=main cause=rate")
        self.assertEqual(gateway.metrics().value("weir_circuit_breaker_shedding"), 0)
        self.assertEqual(self.ask(client, "/").status, 200)

    def test_lowest_priorities_first(self):
        gateway = self.serve({"rate": "5/s", "share": "30%"})
        client = self.client(gateway)
        targets = ("/low", "/high", "/critical", "/low")
        self.until_shed(client, gateway, targets)
        refused = dict.fromkeys(targets, 0)
        for i in range(400):
            target = targets[i % 4]
            refused[target] += self.ask(client, target).status == 503
        self.assertEqual((refused["/high"], refused["/critical"]), (0, 0))
        self.assertAlmostEqual(refused["/low"], 120, delta=5)
        # Critical alone: there is nobody to refuse.
        self.assertEqual([self.ask(client, "/critical").status for _ in range(100)], [200] * 100)

    def test_past_the_p95(self):
        def slowly(connection, request):
            time.sleep(0.01)  # a slow service
            connection.reply(200, body=b"ok")
        gateway = self.serve({"p95": "1ms", "share": "100%"}, handler=slowly)
        client = self.client(gateway)
        self.until_shed(client, gateway)
        self.assert_problem(self.ask(client, "/"), "shed")
        self.assertEqual(self.ask(client, "/critical").status, 200)
        shown = self.shed(gateway)
        self.assertEqual(shown["cause"], "p95")
        self.assertGreater(shown["p95_seconds"], 0.001)
        gateway.wait_log("the beginning", "shedding begins upstream=main cause=p95")

    def test_the_fallback_answers(self):
        gateway = self.serve({"rate": "5/s", "p95": "off", "share": "100%"},
                             fallback={"respond": {"status": 200, "body": "instead"}})
        client = self.client(gateway)
        self.until_shed(client, gateway)
        seen = len(self.backend.heads)
        answer = self.ask(client, "/")
        self.assertEqual((answer.status, answer.body), (200, b"instead"))
        self.assertEqual(len(self.backend.heads), seen)
        self.assertGreater(gateway.metrics().value("weir_fallbacks_total", reason="shed"), 0)

    def test_held_closed_it_sheds_nobody(self):
        gateway = self.serve({"rate": "5/s", "p95": "off", "share": "100%"})
        self.assertEqual(gateway.admin("PUT", "/upstreams/main/circuit_breaker",
                                       {"force": "closed"}).status, 204)
        client = self.client(gateway)
        self.until_shed(client, gateway)
        self.assertEqual([self.ask(client, "/").status for _ in range(20)], [200] * 20)

    def test_the_white_papers_rule_with_small_figures(self):
        """Past the rate 15 % go; past the error rate it opens; then ten probes decide."""
        fails = threading.Event()

        def handler(connection, request):
            connection.reply(500 if fails.is_set() else 200, body=b"x")
        gateway = self.serve({"rate": "5/s", "p95": "off", "share": "15%"},
                             {"failure_rate": "2.5%", "minimum_calls": 40, "window": "200 calls",
                              "open_for": "1s", "half_open_calls": 10}, handler)
        client = self.client(gateway)
        self.until_shed(client, gateway)
        statuses = [self.ask(client, "/").status for _ in range(200)]
        self.assertAlmostEqual(statuses.count(503), 30, delta=4)
        self.assertEqual(statuses.count(200), 200 - statuses.count(503))
        fails.set()
        # Five of 200 calls are 2.5 %.
        failed = 0
        for _ in range(50):
            failed += self.ask(client, "/").status == 500
            state = gateway.admin("GET", "/upstreams").json()[0]["circuit_breaker"]["state"]
            if state != "closed":
                break
        self.assertEqual(failed, 5)
        fails.clear()
        wait_until("it is half-open", lambda: gateway.metrics().value(
            "weir_circuit_breaker_state") == 1)
        seen = len(self.backend.heads)
        statuses = [self.ask(client, "/").status for _ in range(10)]
        self.assertEqual((statuses, len(self.backend.heads) - seen), ([200] * 10, 10))
        wait_until("it is closed", lambda: gateway.metrics().value(
            "weir_circuit_breaker_state") == 0)
