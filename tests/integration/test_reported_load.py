"""Weights by the load that servers report: the field endpoint-load-metrics of answers (ORCA), in a head
or in trailers. interface.md section 2 (`load_balancer.weights`) and 5 (GET /upstreams)."""

import collections

from harness import Case, basic_config, rows, wait_until
from harness.h2 import H2Client
from harness.h2_origin import H2Origin

FIELD = "endpoint-load-metrics"
TE = {"TE": "trailers", "Connection": "TE"}


class ReportCase(Case):
    def config(self, origins, weights="reported", **more):
        return basic_config(upstreams={"main": {
            "endpoints": [{"address": o.address} for o in origins],
            "load_balancer": {"weights": weights}, **more}}, workers=1,
            listener={"protocols": ["http1", "h2c"]})

    def reports(self, gateway, result):
        return gateway.metrics().value("weir_upstream_load_reports_total", upstream="main",
                                       result=result) or 0

    def assert_without_report(self, fields):
        names = {name.lower() for name, _ in fields}
        self.assertEqual({name for name in names if name.startswith(FIELD)}, set())


class WeightsTest(ReportCase):
    # Weight 600 in a head, 200 in JSON, 400 in a trailer, and one that says nothing: the mean, 400.
    REPORTS = [("TEXT cpu_utilization=0.5,rps_fractional=300", False),
               ('JSON {"application_utilization": 0.3, "cpu_utilization": 9, "rps_fractional": 100,'
                ' "eps": 20}', False),
               ("TEXT cpu_utilization:0.25, rps_fractional:100", True),
               (None, False)]

    def serve(self):
        self.origins = []
        for n, (report, behind) in enumerate(self.REPORTS):
            def handler(connection, request, n=n, report=report, behind=behind):
                connection.read_body(request)
                told = [(FIELD, report)] if report else []
                fields = [("X-Origin", f"o{n}"), *(told if not behind else [])]
                connection.reply(200, fields, b"hi", chunked=behind,
                                 trailers=told if behind else ())
            self.origins.append(self.origin(handler, name=f"o{n}"))
        return self.gateway(self.config(self.origins))

    def spread(self, client, count):
        out = collections.Counter()
        for _ in range(count):
            client.request("GET", "/", TE)
            answer = client.read_response()
            self.assertEqual((answer.status, answer.body), (200, b"hi"))
            self.assert_without_report([*answer.headers, *answer.trailers])
            out[answer.header("x-origin")] += 1
        return out

    def endpoints(self, gateway):
        return gateway.admin("GET", "/upstreams").json()[0]["endpoints"]

    def test_they_are_in_force_after_ten_seconds(self):
        gateway = self.serve()
        client = self.client(gateway)
        self.assertEqual(self.spread(client, 40), {f"o{n}": 10 for n in range(4)})
        first = self.endpoints(gateway)
        self.assertEqual({e["weight_source"] for e in first}, {"configured"})
        self.assertRegex(first[0]["weight_why"], r"^reports for \d s, they count after 10 s$")
        self.assertEqual(first[3]["weight_why"], "no report yet")

        def in_force():
            self.spread(client, 4)
            told = self.endpoints(gateway)
            return told if [e["weight_source"] for e in told] == ["reported"] * 3 + ["mean"] else None
        told = wait_until("reported weights", in_force, timeout=25, interval=0.2)
        for endpoint, weight in zip(told, (600, 200, 400, 400)):
            self.assertAlmostEqual(endpoint["effective_weight"], weight, places=6)
        self.assertRegex(told[0]["weight_why"], r"^reported \d+ s ago$")
        self.assertEqual(told[3]["weight_why"], "no report yet")

        # The worker looks once a second.
        def moved():
            counts = self.spread(client, 16)
            return counts["o0"] >= 5 and counts["o1"] <= 3
        wait_until("weights at the worker", moved, timeout=10)
        counts = self.spread(client, 160)
        for name, expected in (("o0", 60), ("o1", 20), ("o2", 40), ("o3", 40)):
            self.assertAlmostEqual(counts[name], expected, delta=4, msg=counts)
        metrics = gateway.metrics()
        self.assertAlmostEqual(metrics.value("weir_upstream_endpoint_weight",
                                             endpoint=self.origins[1].address), 200, places=6)
        self.assertGreater(self.reports(gateway, "used"), 100)
        # A reload keeps what was reported, and the file's weights are back without the key.
        self.assertEqual(gateway.reload_by_post(self.config(self.origins)).status, 200)
        self.assertEqual(self.endpoints(gateway)[0]["weight_source"], "reported")
        self.assertEqual(gateway.reload_by_post(self.config(self.origins, "configured")).status, 200)
        told = gateway.admin("GET", "/upstreams").json()[0]
        self.assertEqual([(e["effective_weight"], e["weight_why"]) for e in told["endpoints"]],
                         [(1, "")] * 4)


class FieldTest(ReportCase):
    def ask(self, gateway, path="/"):
        """The fields of a head and of trailers, over HTTP/1 and HTTP/2."""
        client = self.client(gateway)
        client.request("GET", path, TE)
        answer = client.read_response()
        self.assertEqual((answer.status, answer.body), (200, b"hi"))
        yield answer.headers, answer.trailers
        peer = H2Client(gateway.address())
        self.addCleanup(peer.close)
        answer = peer.fetch(path=path, headers=[("te", "trailers")])
        self.assertTrue(answer.ended)
        yield answer.headers, answer.trailers

    @rows([("used", [(FIELD, "TEXT cpu_utilization=0.5,rps_fractional=3")], "used"),
           ("in another case", [("Endpoint-Load-Metrics", 'JSON {"cpuUtilization":1,"rpsFractional":1}')],
            "used"),
           ("incomplete", [(FIELD, "TEXT cpu_utilization=0.5")], "incomplete"),
           ("malformed", [(FIELD, 'JSON {"eps":')], "malformed"),
           ("empty", [(FIELD, "")], "malformed"),
           ("twice", [(FIELD, "TEXT eps=1"), (FIELD, "TEXT eps=1")], "malformed"),
           ("binary", [(FIELD, "BIN CZqZmZmZmek/")], "binary"),
           ("the field of gRPC", [(FIELD + "-bin", "CZqZmZmZmek/")], "binary"),
           ("very long", [(FIELD, "TEXT a=1" + ",a=1" * 3000)], "malformed")])
    def test_clients_do_not_get_it(self, fields, result):
        def handler(connection, request):
            connection.read_body(request)
            behind = request.target == "/behind"
            connection.reply(200, [("X-Kept", "1"), *([] if behind else fields)], b"hi", chunked=True,
                             trailers=[("X-Sum", "1"), *(fields if behind else [])])
        gateway = self.gateway(self.config([self.origin(handler)]))
        asked = 0
        # So long a trailer section is refused as such.
        paths = ("/head", "/behind") if sum(len(value) for _, value in fields) < 8192 else ("/head",)
        for path in paths:
            for head, trailers in self.ask(gateway, path):
                asked += 1
                self.assert_without_report([*head, *trailers])
                self.assertIn("x-kept", {name.lower() for name, _ in head})
                self.assertEqual([name.lower() for name, _ in trailers], ["x-sum"])
        self.assertEqual(self.reports(gateway, result), asked)

    def test_trailers_of_http2(self):
        def handler(request):
            request.read_body()
            request.reply(200, b"hi", trailers=[(FIELD, "TEXT cpu_utilization=1,rps_fractional=5"),
                                                ("x-sum", "1")])
        origin = H2Origin(handler)
        self.addCleanup(origin.close)
        gateway = self.gateway(self.config([origin], protocol="h2"))
        for _, trailers in self.ask(gateway):
            self.assertEqual([name.lower() for name, _ in trailers], ["x-sum"])
        self.assertEqual(self.reports(gateway, "used"), 2)

    @rows([("http1", "http1"), ("h2", "h2")])
    def test_interim_heads(self, protocol):
        """They pass without it, and report nothing."""
        early = [("link", "</a>"), (FIELD, "TEXT cpu_utilization=1,rps_fractional=5"),
                 (FIELD + "-bin", "CZqZmZmZmek/")]

        def handle(connection, request):
            lines = "".join(f"{name}: {value}\r\n" for name, value in early)
            connection.send(f"HTTP/1.1 103 Early Hints\r\n{lines}\r\n")
            connection.reply(200, body=b"hi")

        def handle_h2(request):
            request.head(103, early)
            request.reply(200, b"hi")
        if protocol == "h2":
            origin = H2Origin(handle_h2)
            self.addCleanup(origin.close)
        else:
            origin = self.origin(handle)
        gateway = self.gateway(self.config([origin], protocol=protocol))
        client = self.client(gateway)
        client.request("GET", "/")
        hint, = client.read_response().interim
        self.assertEqual((hint.status, hint.header("link")), (103, "</a>"))
        self.assert_without_report(hint.headers)
        peer = H2Client(gateway.address())
        self.addCleanup(peer.close)
        (status, fields), = peer.fetch().interim
        self.assertEqual((status, dict(fields).get("link")), (103, "</a>"))
        self.assert_without_report(fields)
        self.assertEqual([self.reports(gateway, result) for result in (
            "used", "incomplete", "malformed", "binary")], [0] * 4)

    def test_it_passes_where_nobody_looks_at_it(self):
        report = "TEXT cpu_utilization=1,rps_fractional=5"

        def handler(connection, request):
            connection.read_body(request)
            connection.reply(200, [(FIELD, report)], b"hi", chunked=True, trailers=[(FIELD, report)])
        gateway = self.gateway(self.config([self.origin(handler)], "configured"))
        for head, trailers in self.ask(gateway):
            self.assertEqual([v for n, v in head if n.lower() == FIELD], [report])
            self.assertEqual([v for n, v in trailers if n.lower() == FIELD], [report])
        self.assertEqual(self.reports(gateway, "used"), 0)
