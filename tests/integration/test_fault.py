"""fault: requests that wait, requests that fail, and who may ask for it. interface.md section 2."""

import json
import time
import unittest

from harness import Case, basic_config, rows, weir


def route(name, fault, **more):
    return {"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": "main",
            "fault": fault, **more}


class FaultTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        routes = [
            route("abort", {"abort": {"share": "100%", "status": 418}}),
            route("gone", {"abort": {"share": "100%", "status": 204}}),
            route("half", {"abort": {"share": "25%"}}),
            route("delay", {"delay": {"share": "100%", "time": "300ms"}}),
            route("both", {"delay": {"share": "100%", "time": "100ms"},
                           "abort": {"share": "100%", "status": 502}}),
            route("late", {"delay": {"share": "100%", "time": "1h"}}, timeout="300ms"),
            route("long", {"delay": {"share": "100%", "time": "1h"}}, timeout="0s"),
            route("asked", {"delay": {"share": "0%"}, "abort": {"share": "0%"}}),
            route("guarded", {"abort": {"share": "100%"}},
                  middleware=[{"ip_filter": {"deny": ["127.0.0.0/8"]}}]),
            {"name": "fixed", "match": {"path": "/fixed"}, "respond": {"status": 200},
             "fault": {"abort": {"share": "100%", "status": 500}}},
            {"name": "none", "match": {"path_prefix": "/none"}, "upstream": "main"},
        ]
        cls.weir = cls.shared_gateway(basic_config(routes, {"main": cls.upstream.address}))
        cls.trusting = cls.shared_gateway(basic_config(
            routes, {"main": cls.upstream.address}, trusted_proxies=["127.0.0.0/8"]))

    def setUp(self):
        self.upstream.clear()

    def assert_fault(self, response, status):
        self.assertEqual(response.status, status)
        self.assertEqual(response.header("proxy-status"), 'weir; details="fault"')
        self.assertEqual(response.header("content-type"), "application/problem+json")
        problem = json.loads(response.body)
        self.assertEqual(problem["status"], status)
        self.assertEqual(problem["request_id"], response.header("x-request-id"))
        self.assertNotIn("reason", problem)

    def test_abort(self):
        client = self.client(self.weir)
        for _ in range(3):
            client.request(target="/abort")
            self.assert_fault(client.read_response(), 418)
        client.request("POST", "/abort", body=b"abc")
        self.assert_fault(client.read_response(), 418)
        self.assertEqual(self.upstream.heads, [])

    def test_abort_without_content(self):
        response = self.fetch(self.weir, "/gone")
        self.assertEqual((response.status, response.body), (204, b""))

    def test_abort_of_a_fixed_answer(self):
        self.assert_fault(self.fetch(self.weir, "/fixed"), 500)

    def test_share(self):
        """Exact to two for each of the two workers."""
        statuses = []
        for _ in range(8):
            client = self.client(self.weir)
            for _ in range(50):
                client.request(target="/half")
                statuses.append(client.read_response().status)
            client.close()
        self.assertEqual(set(statuses), {200, 503})
        self.assertAlmostEqual(statuses.count(503), 100, delta=4)

    def test_delay(self):
        began = time.monotonic()
        response = self.fetch(self.weir, "/delay", "POST", body=b"kept")
        self.assertEqual((response.status, response.body), (200, b"kept"))
        self.assertGreaterEqual(time.monotonic() - began, 0.3)

    def test_delay_and_abort(self):
        began = time.monotonic()
        self.assert_fault(self.fetch(self.weir, "/both"), 502)
        self.assertGreaterEqual(time.monotonic() - began, 0.1)

    def test_delay_counts_towards_the_timeout(self):
        self.assert_problem(self.fetch(self.weir, "/late"), "request_timeout")
        self.assertEqual(self.upstream.heads, [])

    def test_delay_ends_with_the_client(self):
        client = self.client(self.weir)
        client.request(target="/long")
        self.weir.wait_metric(1, "weir_http_requests_in_flight", route="long")
        client.close()
        self.weir.wait_metric(0, "weir_http_requests_in_flight", route="long")
        self.weir.wait_metric(1, "weir_http_requests_total", route="long", status="499")
        self.assertEqual(self.upstream.heads, [])

    def test_who_was_refused_meets_no_fault(self):
        self.assert_problem(self.fetch(self.weir, "/guarded"), "ip_denied")

    def test_a_stranger_asks_in_vain(self):
        response = self.fetch(self.weir, "/asked", headers=[
            ("x-weir-fault-abort", "500"), ("X-Weir-Fault-Delay", "60s")])
        self.assertEqual(response.status, 200)
        names = [name.lower() for name in self.upstream.heads[0].names()]
        self.assertEqual([name for name in names if "fault" in name], [])
        self.fetch(self.weir, "/none", headers=[("x-weir-fault-abort", "500")])
        self.assertIsNone(self.upstream.heads[1].header("x-weir-fault-abort"))

    def test_a_trusted_caller_asks(self):
        response = self.fetch(self.trusting, "/asked", headers=[("x-weir-fault-abort", "429")])
        self.assert_fault(response, 429)
        began = time.monotonic()
        response = self.fetch(self.trusting, "/asked", headers=[("X-Weir-Fault-Delay", "250ms")])
        self.assertEqual(response.status, 200)
        self.assertGreaterEqual(time.monotonic() - began, 0.25)
        self.assertIsNone(self.upstream.heads[0].header("x-weir-fault-delay"))

    def test_a_trusted_caller_asks_where_there_is_no_fault(self):
        response = self.fetch(self.trusting, "/none", headers=[("x-weir-fault-abort", "429")])
        self.assertEqual(response.status, 200)

    @rows([
        ("delay", "x-weir-fault-delay", "soon"),
        ("long delay", "x-weir-fault-delay", "2h"),
        ("status", "x-weir-fault-abort", "99"),
    ])
    def test_a_trusted_caller_asks_nonsense(self, name, value):
        response = self.fetch(self.trusting, "/asked", headers=[(name, value)])
        self.assert_problem(response, "bad_request", name)

    def test_it_is_explained(self):
        explained = weir("explain", "-c", self.weir.path, "GET", "/both").stdout
        self.assertIn("100% wait 0.1s, 100% are answered with 502", explained)


if __name__ == "__main__":
    unittest.main()
