"""Tracing: spans as a collector decodes them, what upstreams are told, and what becomes of spans when the
collector is away, slow or busy."""

import json
import os
import re
import socket
import time

from harness import Case, basic_config, node, rows, wait_until
from harness.collector import CLIENT, ERROR, INTERNAL, Collector
from test_http1_upgrade import FIELDS as UPGRADE
from test_http1_upgrade import echo_tunnel

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class TracingCase(Case):
    def setUp(self):
        self.collector = Collector()
        self.addCleanup(self.collector.close)

    def tracing(self, endpoint=None, **settings):
        return {"otlp": {"endpoint": endpoint or self.collector.endpoint}, "sample": "100%", **settings}

    def serve(self, routes=None, upstreams=None, tracing=None, handler=None, **more):
        if upstreams is None:
            self.upstream = self.origin(handler)
            upstreams = {"main": self.upstream.address}
        more.setdefault("workers", 1)
        return self.gateway(basic_config(routes, upstreams, tracing=tracing or self.tracing(), **more))

    def told(self, index=-1):
        """What the upstream was told: (trace, span, flags)."""
        request = self.upstream.requests[index]
        self.assertEqual(len(request.all("traceparent")), 1, request)
        match = PARENT.match(request.header("traceparent"))
        self.assertTrue(match, request)
        return match.groups()


class SpansTest(TracingCase):
    def test_a_request_with_a_retry(self):
        answers = [503, 200]
        weir = self.serve(
            [{"name": "orders", "match": {"path": "/orders/{id}"}, "upstream": "main",
              "retry": {"conditions": [503]}}],
            handler=lambda connection, _: connection.reply(answers.pop(0), [], b"ok"))
        response = self.fetch(weir, "/orders/7?secret=x", headers=[("User-Agent", "a test")])
        self.assertEqual(response.status, 200)
        own, tries = self.collector.one_trace(3)
        self.assertEqual((own["name"], own["parent"], own["status"]), ("GET /orders/{id}", "", 0))
        self.assertLessEqual({
            "http.request.method": "GET", "url.path": "/orders/7", "url.scheme": "http",
            "http.route": "/orders/{id}", "server.address": "test.example",
            "client.address": "127.0.0.1", "user_agent.original": "a test",
            "network.protocol.version": "1.1", "http.response.status_code": 200,
            "weir.route": "orders", "weir.upstream": "main",
            "weir.request_id": response.header("x-request-id")}.items(), own["attributes"].items())
        self.assertNotIn("secret", json.dumps(self.collector.spans))
        host, upstream_port = self.upstream.address.rsplit(":", 1)
        for number, (span, status) in enumerate(zip(tries, (503, 200))):
            self.assertEqual((span["name"], span["kind"], span["parent"]), ("GET", CLIENT, own["id"]))
            self.assertLessEqual({
                "http.request.method": "GET", "url.path": "/orders/7", "server.address": host,
                "server.port": int(upstream_port), "http.response.status_code": status,
                "network.protocol.version": "1.1", "weir.upstream": "main"}.items(),
                span["attributes"].items())
            self.assertEqual(span["attributes"].get("http.request.resend_count", 0), number)
            self.assertEqual(self.told(number), (span["trace"], span["id"], "01"))
            self.assertLessEqual(int(own["start"]), int(span["start"]))
            self.assertLessEqual(int(span["start"]), int(span["end"]))
        self.assertEqual((tries[0]["status"], tries[0]["attributes"]["error.type"]), (ERROR, "503"))
        self.assertEqual(tries[1]["status"], 0)
        self.assertAlmostEqual(int(own["end"]) / 1e9, time.time(), delta=60)
        call = self.collector.calls[0]
        self.assertEqual((call["call"], call["type"], call["coding"]),
                         ("POST /v1/traces", "application/x-protobuf", "gzip"))
        self.assertEqual(own["resource"]["service.name"], "weir")
        weir.wait_metric(3, "weir_spans_total", result="exported")

    def test_a_refusal_has_an_event_and_no_try(self):
        weir = self.serve([{"name": "closed", "match": {"path_prefix": "/"}, "upstream": "main",
                            "middleware": [{"ip_filter": {"deny": ["127.0.0.0/8"]}}]}])
        self.assertEqual(self.fetch(weir, "/x").status, 403)
        own, inner = self.collector.one_trace(1)
        self.assertEqual(inner, [])
        self.assertEqual((own["attributes"]["weir.reason"], own["attributes"]["error.type"]),
                         ("ip_denied", "ip_denied"))
        self.assertEqual(own["status"], 0)  # 4xx is no error of a server
        (event,) = own["events"]
        self.assertEqual((event["name"], event["attributes"]["weir.reason"]),
                         ("weir.refused", "ip_denied"))

    def test_what_cannot_be_forwarded_is_an_error(self):
        weir = self.serve(upstreams={"main": f"127.0.0.1:{free_port()}"})
        self.assertEqual(self.fetch(weir).status, 502)
        spans = self.collector.wait_spans(2)
        own = next(span for span in spans if span["kind"] not in (CLIENT, INTERNAL))
        tries = [span for span in spans if span["kind"] == CLIENT]
        self.assertEqual((own["status"], own["attributes"]["error.type"]), (ERROR, "connect_failed"))
        self.assertTrue(tries)
        for span in tries:
            self.assertEqual((span["status"], span["attributes"]["weir.reason"]),
                             (ERROR, "connect_failed"))

    def test_no_route(self):
        weir = self.serve([{"name": "x", "match": {"path": "/x"}, "respond": {"status": 200}}], {})
        self.assertEqual(self.fetch(weir, "/y", method="FROB").status, 404)
        own, _ = self.collector.one_trace(1)
        self.assertEqual((own["name"], own["attributes"]["http.request.method"]), ("HTTP", "_OTHER"))
        self.assertEqual(own["attributes"]["http.request.method_original"], "FROB")
        self.assertEqual(own["attributes"]["weir.reason"], "no_route")
        self.assertNotIn("http.route", own["attributes"])

    def test_a_websocket_is_one_span_to_its_end(self):
        weir = self.serve([{"name": "ws", "match": {"path_prefix": "/"}, "upstream": "main",
                            "upgrades": ["websocket"]}], handler=echo_tunnel)
        peer = self.client(weir)
        peer.request("GET", "/chat", UPGRADE)
        self.assertEqual(peer.read_head().status, 101)
        peer.read_exact(5)
        # The tunnel goes on under the settings with which it began.
        self.assertEqual(weir.reload_by_post().status, 200)
        peer.send(b"more")
        peer.read_exact(4)
        self.assertEqual(self.collector.spans, [])
        peer.close()
        own, (one,) = self.collector.one_trace(2)
        self.assertEqual((own["name"], own["attributes"]["http.response.status_code"]), ("GET /", 101))
        self.assertEqual((own["attributes"]["url.path"], own["attributes"]["server.address"]),
                         ("/chat", "test.example"))
        self.assertEqual((one["attributes"]["http.response.status_code"], one["parent"]),
                         (101, own["id"]))
        self.assertEqual(one["attributes"]["weir.upstream"], "main")

    def test_a_call_of_grpc(self):
        node.need("@grpc/grpc-js")
        origin = node.NodeOrigin("grpc_origin.js")
        self.addCleanup(origin.close)
        weir = self.serve(upstreams={"main": {"endpoints": [{"address": origin.address}],
                                              "protocol": "h2"}},
                          listener={"protocols": ["h2c"]})
        node.run("grpc_client.js", f"127.0.0.1:{weir.port()}", 10)
        spans = self.collector.wait_spans(8)
        wait_until("the calls", lambda: {"weir.Echo/Unary", "weir.Echo/Fail"} <= {
            span["attributes"].get("rpc.method") for span in self.collector.spans})
        for method, status, error in (("weir.Echo/Unary", "OK", None),
                                      ("weir.Echo/Fail", "FAILED_PRECONDITION", "FAILED_PRECONDITION")):
            both = [span for span in spans if span["attributes"].get("rpc.method") == method]
            self.assertEqual({span["kind"] for span in both}, {2, CLIENT}, both)
            for span in both:
                self.assertLessEqual({"rpc.system.name": "grpc", "rpc.response.status_code": status,
                                      "network.protocol.version": "2",
                                      "http.response.status_code": 200}.items(),
                                     span["attributes"].items())
                # What a client did wrong is an error of the client's span alone.
                expected = ERROR if error and span["kind"] == CLIENT else 0
                self.assertEqual(span["status"], expected, span)

    def test_forward_auth_is_a_span_of_its_own(self):
        judge = self.origin(lambda connection, _: connection.reply(200), name="judge")
        self.upstream = self.origin()
        weir = self.serve([{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
                            "middleware": [{"forward_auth": {"upstream": "judge", "path": "/verify"}}]}],
                          {"main": self.upstream.address, "judge": judge.address})
        self.assertEqual(self.fetch(weir, headers=[("traceparent", f"00-{TRACE}-{SPAN}-01")]).status, 200)
        own, inner = self.collector.one_trace(3)
        question, one = inner
        self.assertEqual((question["name"], question["kind"]), ("GET /verify", CLIENT))
        self.assertLessEqual({"weir.middleware": "forward_auth", "weir.upstream": "judge",
                              "http.response.status_code": 200}.items(), question["attributes"].items())
        asked = judge.requests[0]
        self.assertEqual(asked.all("traceparent"), [f"00-{TRACE}-{question['id']}-01"])
        self.assertEqual(self.told(), (TRACE, one["id"], "01"))
        self.assertEqual(own["parent"], SPAN)

    def test_a_wait_for_a_place_is_a_span(self):
        def handle(connection, request):
            if request.target == "/first":
                weir.wait_metric(2, "weir_http_requests_in_flight", route="all")
            connection.reply(200)
        self.upstream = self.origin(handle)
        weir = self.serve(upstreams={"main": {"endpoints": [{"address": self.upstream.address}],
                                              "pool": {"in_flight": 1, "pending_timeout": "20s"}}})
        first, second = self.client(weir), self.client(weir)
        first.request("GET", "/first")
        self.upstream.wait_for_head(1)
        second.request("GET", "/second")
        self.assertEqual(first.read_response().status, 200)
        self.assertEqual(second.read_response().status, 200)
        self.collector.wait_spans(5)
        (queue,) = [span for span in self.collector.spans if span["kind"] == INTERNAL]
        self.assertEqual(queue["name"], "queue")
        own = next(span for span in self.collector.spans if span["id"] == queue["parent"])
        self.assertEqual(own["attributes"]["url.path"], "/second")
        self.assertGreater(int(queue["end"]), int(queue["start"]))


class ContextTest(TracingCase):
    @rows([
        ("untrusted: continued, its flag ignored", False, "01", "0%", (TRACE, "00")),
        ("untrusted: nor can it hide", False, "00", "100%", (TRACE, "01")),
        ("trusted: asks for it", True, "01", "0%", (TRACE, "01")),
        ("trusted: forbids it", True, "00", "100%", (TRACE, "00")),
    ])
    def test_who_decides(self, trusted, flags, sample, told):
        weir = self.serve(tracing=self.tracing(sample=sample),
                          trusted_proxies=["127.0.0.1"] if trusted else [])
        self.fetch(weir, headers=[("traceparent", f"00-{TRACE}-{SPAN}-{flags}"),
                                  ("tracestate", "a=1"), ("baggage", "k=v")])
        trace, span, flag = self.told()
        self.assertEqual((trace, flag), told)
        self.assertNotEqual(span, SPAN)
        request = self.upstream.requests[0]
        self.assertEqual((request.all("tracestate"), request.all("baggage")), (["a=1"], ["k=v"]))
        if flag == "01":
            own, (one,) = self.collector.one_trace(2)
            self.assertEqual((own["parent"], own["state"], one["id"]), (SPAN, "a=1", span))

    @rows([
        ("nothing", [], None, None),
        ("two", [f"00-{TRACE}-{SPAN}-01"] * 2, None, None),
        ("junk", ["../../x"], None, None),
        ("named away", [f"00-{TRACE}-{SPAN}-01"], None, None, [("Connection", "traceparent, close")]),
        ("later version", [f"cc-{TRACE}-{SPAN}-01-more"], TRACE, SPAN),
    ])
    def test_always_one_valid_field_goes_upstream(self, sent, trace, parent, more=()):
        weir = self.serve()
        self.fetch(weir, headers=[*(("traceparent", each) for each in sent), ("tracestate", "a=1"), *more])
        told = self.told()
        own, (one,) = self.collector.one_trace(2)
        self.assertEqual(told, (own["trace"], one["id"], "01"))
        self.assertEqual(own["parent"], parent or "")
        if trace:
            self.assertEqual(own["trace"], trace)
        else:
            self.assertNotEqual(own["trace"], TRACE)
            self.assertEqual(self.upstream.requests[0].all("tracestate"), [])

    def test_b3_single_goes_on_as_it_came(self):
        weir = self.serve(trusted_proxies=["127.0.0.1"])
        self.fetch(weir, headers=[("b3", f"{TRACE}-{SPAN}-1")])
        own, (one,) = self.collector.one_trace(2)
        self.assertEqual((own["trace"], own["parent"]), (TRACE, SPAN))
        self.assertEqual(self.upstream.requests[0].all("b3"), [f"{TRACE}-{one['id']}-1"])
        self.assertEqual(self.told(), (TRACE, one["id"], "01"))

    def test_b3_in_several_fields(self):
        weir = self.serve(tracing=self.tracing(sample="0%"), trusted_proxies=["127.0.0.1"])
        self.fetch(weir, headers=[("X-B3-TraceId", TRACE[16:]), ("X-B3-SpanId", SPAN),
                                  ("X-B3-Sampled", "1"), ("X-B3-ParentSpanId", "a" * 16)])
        own, (one,) = self.collector.one_trace(2)
        self.assertEqual((own["trace"], own["parent"]), ("0" * 16 + TRACE[16:], SPAN))
        request = self.upstream.requests[0]
        self.assertEqual([request.all(f"x-b3-{name}") for name in
                          ("traceid", "spanid", "sampled", "parentspanid")],
                         [["0" * 16 + TRACE[16:]], [one["id"]], ["1"], []])

    def test_b3_that_nobody_asked_for_is_a_field_like_others(self):
        weir = self.serve(tracing=self.tracing(propagate=["w3c"]))
        self.fetch(weir, headers=[("b3", f"{TRACE}-{SPAN}-1")])
        own, _ = self.collector.one_trace(2)
        self.assertNotEqual(own["trace"], TRACE)
        self.assertEqual(self.upstream.requests[0].all("b3"), [f"{TRACE}-{SPAN}-1"])

    def test_routes_have_a_word(self):
        weir = self.serve(
            [{"name": "health", "match": {"path": "/health"}, "upstream": "main", "tracing": "off",
              "access_log": "off"},
             {"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
              "tracing": {"sample": "100%"}}],
            tracing=self.tracing(sample="0%"), access_log={"path": "access.log"})
        log = weir.file("access.log")
        sent = f"00-{TRACE}-{SPAN}-01"
        self.fetch(weir, "/health", headers=[("traceparent", sent), ("tracestate", "a=1")])
        self.fetch(weir, "/other")
        own, _ = self.collector.one_trace(2)
        self.assertEqual(own["attributes"]["url.path"], "/other")
        # As with tracing off it is untouched.
        self.assertEqual(self.upstream.requests[0].all("traceparent"), [sent])
        # Whatever it comes to: a request that fails is in no log, either.
        self.upstream.handler = lambda connection, _: connection.reset()
        self.assertEqual(self.fetch(weir, "/health", method="POST", body=b"x").status, 502)
        self.fetch(weir, "/last", method="POST", body=b"x")

        def lines():
            if not os.path.exists(log):
                return []
            with open(log, encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        wait_until("the last line", lambda: any(line["path"] == "/last" for line in lines()))
        self.assertEqual([line["path"] for line in lines()], ["/other", "/last"])
        self.assertEqual(lines()[0]["trace_id"], own["trace"])

    def test_the_line_of_a_request_that_is_not_sampled_has_the_id_that_the_upstream_got(self):
        weir = self.serve(tracing=self.tracing(sample="0%"), access_log={"path": "access.log"})
        self.fetch(weir)
        log = weir.file("access.log")
        wait_until("a line", lambda: os.path.exists(log) and os.path.getsize(log) > 0)
        with open(log, encoding="utf-8") as file:
            self.assertEqual(json.loads(file.readline())["trace_id"], self.told()[0])


class KeepTest(TracingCase):
    def test_errors(self):
        answers = [200, 500, 404]
        weir = self.serve(tracing=self.tracing(sample="0%", keep={"errors": "on"}),
                          handler=lambda connection, _: connection.reply(answers.pop(0)))
        for target in ("/fine", "/broken", "/missing"):
            self.fetch(weir, target)
        own, (one,) = self.collector.one_trace(2)
        self.assertEqual((own["attributes"]["url.path"], own["status"]), ("/broken", ERROR))
        # The upstream was told that nobody looks, and which span would ask it.
        self.assertEqual(self.told(1), (own["trace"], one["id"], "00"))
        self.assertEqual(own["flags"] & 1, 0)

    def test_slower_than(self):
        def handle(connection, request):
            if request.target == "/slow":
                time.sleep(0.4)  # its slowness is what is looked at
            connection.reply(200)
        weir = self.serve(tracing=self.tracing(sample="0%", keep={"slower_than": "300ms"}),
                          handler=handle)
        self.fetch(weir, "/quick")
        self.fetch(weir, "/slow")
        own, _ = self.collector.one_trace(2)
        self.assertEqual(own["attributes"]["url.path"], "/slow")


class ExportTest(TracingCase):
    def test_settings_of_the_export(self):
        weir = self.serve(tracing={
            **self.tracing(), "otlp": {"endpoint": self.collector.endpoint + "/",
                                       "headers": {"authorization": "Bearer hidden"}},
            "service": "edge", "attributes": {"deployment.environment.name": "test"}})
        self.fetch(weir)
        own, _ = self.collector.one_trace(2)
        self.assertLessEqual({"service.name": "edge", "deployment.environment.name": "test"}.items(),
                             own["resource"].items())
        self.assertEqual(own["scope"], "weir")
        self.assertEqual(self.collector.calls[0]["headers"]["authorization"], "Bearer hidden")
        self.assertNotIn("hidden", weir.admin("GET", "/config").text)

    def test_many_spans_go_in_batches(self):
        weir = self.serve([{"name": "x", "match": {"path": "/x"}, "respond": {"status": 200}}], {})
        client = self.client(weir)
        for _ in range(1300):
            client.request("GET", "/x")
            client.read_response()
        self.collector.wait_spans(1300)
        self.assertEqual(len(self.collector.spans), 1300)
        self.assertLessEqual(max(call["spans"] for call in self.collector.calls), 512)
        self.assertLess(len(self.collector.calls), 300)

    def test_a_busy_collector_is_asked_again_when_it_says(self):
        self.collector.answer(status=429, headers={"retry-after": "2"})
        weir = self.serve([{"name": "x", "match": {"path": "/x"}, "respond": {"status": 200}}], {})
        self.fetch(weir, "/x")
        wait_until("the first export", lambda: self.collector.calls)
        refused_at = time.monotonic()
        self.collector.answer()
        self.collector.wait_spans(1)
        self.assertGreater(time.monotonic() - refused_at, 1.0)
        self.assertEqual([call["status"] for call in self.collector.calls], [429, 200])
        weir.wait_metric(1, "weir_spans_total", result="exported")
        self.assertEqual(weir.metrics().value("weir_spans_total", result="failed"), 0)
        weir.wait_log("a warning", "spans not exported")

    @rows([("bad request", 400), ("not found", 404), ("broken", 500)])
    def test_what_will_never_be_taken_is_given_up(self, status):
        self.collector.answer(status=status)
        weir = self.serve([{"name": "x", "match": {"path": "/x"}, "respond": {"status": 200}}], {})
        self.fetch(weir, "/x")
        weir.wait_metric(1, "weir_spans_total", result="failed")
        self.assertEqual(len(self.collector.calls), 1)

    def test_what_a_collector_rejects_is_counted(self):
        self.collector.answer(rejected=1, message="too old")
        weir = self.serve()
        self.fetch(weir)
        weir.wait_metric(1, "weir_spans_total", result="rejected")
        weir.wait_metric(1, "weir_spans_total", result="exported")
        weir.wait_log("the collector's word", "too old")

    def test_requests_never_wait_for_a_collector_that_is_away(self):
        port = free_port()
        weir = self.serve([{"name": "x", "match": {"path": "/x"}, "respond": {"status": 200}}], {},
                          tracing=self.tracing(f"http://127.0.0.1:{port}"))
        began = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.fetch(weir, "/x").status, 200)
        self.assertLess(time.monotonic() - began, 10)
        weir.wait_log("a warning", "spans not exported")
        late = Collector(port)
        self.addCleanup(late.close)
        late.wait_spans(20)

    def test_a_full_queue_drops_and_counts(self):
        self.collector.answer(delay=60_000)
        weir = self.serve([{"name": "x", "match": {"path": "/x"}, "respond": {"status": 200}}], {},
                          tracing=self.tracing(queue=10))
        client = self.client(weir)
        for _ in range(30):
            client.request("GET", "/x")
            self.assertEqual(client.read_response().status, 200)
        weir.wait_metric(20, "weir_spans_total", result="queue_full")

    def test_the_end_of_the_process_exports_what_is_left(self):
        weir = self.serve([{"name": "x", "match": {"path": "/x"}, "respond": {"status": 200}}], {})
        for _ in range(5):
            self.fetch(weir, "/x")
        weir.terminate()
        self.collector.wait_spans(5)

    def test_and_waits_for_no_collector_longer_than_some_seconds(self):
        self.collector.answer(delay=60_000)
        weir = self.serve([{"name": "x", "match": {"path": "/x"}, "respond": {"status": 200}}], {})
        self.fetch(weir, "/x")
        began = time.monotonic()
        weir.terminate(timeout=30)
        self.assertLess(time.monotonic() - began, 20)

    def test_a_reload_takes_new_settings(self):
        weir = self.serve([{"name": "x", "match": {"path": "/x"}, "respond": {"status": 200}}], {})
        self.fetch(weir, "/x")
        self.collector.wait_spans(1)
        other = Collector()
        self.addCleanup(other.close)
        config = json.load(open(weir.path, encoding="utf-8"))
        config["tracing"]["otlp"]["endpoint"] = other.endpoint
        self.assertEqual(weir.reload_by_post(config).status, 200)
        self.fetch(weir, "/x")
        other.wait_spans(1)
        self.assertEqual(len(self.collector.spans), 1)
        config["tracing"] = "off"
        self.assertEqual(weir.reload_by_post(config).status, 200)
        self.fetch(weir, "/x")
        weir.wait_metric(2, "weir_spans_total", result="exported")
