"""The metrics of interface.md section 4: names, types, labels and values after known traffic."""

import shutil
import subprocess
import threading
import unittest

from harness import Case, Refusing, basic_config, rows

BUCKETS = ["0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1",
           "2.5", "5", "10", "+Inf"]


class MetricsTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.refusing = Refusing()
        cls.addClassCleanup(cls.refusing.close)
        cls.config = basic_config([
            {"name": "main", "match": {"path_prefix": "/"}, "upstream": "main"},
            {"name": "split", "match": {"path_prefix": "/split"}, "split": [
                {"upstream": "main", "weight": 1}, {"upstream": "other", "weight": 1}]},
            {"name": "dead", "match": {"path": "/dead"}, "upstream": "dead"},
            {"name": "own", "match": {"path": "/own", "methods": ["GET"]},
             "respond": {"status": 200, "body": "1234567890"}},
        ], {"main": cls.upstream.address, "other": cls.upstream.address,
            "dead": cls.refusing.address})
        cls.weir = cls.shared_gateway(cls.config)

    def setUp(self):
        self.before = self.weir.settled_metrics()

    def risen(self, by, name, **labels):
        self.weir.wait_metric((self.before.value(name, **labels) or 0) + by, name, **labels)

    def test_requests_total(self):
        for _ in range(3):
            self.fetch(self.weir, "/x")
        self.fetch(self.weir, "/x", "POST", body=b"abc")
        self.risen(3, "weir_http_requests_total", route="main", method="GET", status="200")
        self.risen(1, "weir_http_requests_total", route="main", method="POST", status="200")
        self.risen(4, "weir_http_request_duration_seconds_count", route="main")
        self.risen(4, "weir_http_response_head_seconds_count", route="main")

    def test_an_answer_that_was_read_is_counted(self):
        def count():
            return self.weir.metrics().value("weir_http_requests_total", route="own",
                                             method="GET", status="200") or 0
        before = count()
        for number in range(1, 101):
            self.fetch(self.weir, "/own")
            self.assertEqual(count(), before + number)

    @rows([("invented", "BREW"), ("lower case", "get"), ("very long", "X" * 200)])
    def test_unknown_methods_share_a_label(self, method):
        self.fetch(self.weir, "/x", method)
        self.risen(1, "weir_http_requests_total", route="main", method="_OTHER")
        self.assertNotIn(method, self.weir.metrics().label_values("weir_http_requests_total",
                                                                  "method"))

    def test_no_route(self):
        gateway = self.gateway(basic_config(
            [{"name": "r", "match": {"path": "/r"}, "respond": {"status": 200}}]))
        self.fetch(gateway, "/nothing")
        gateway.wait_metric(1, "weir_http_requests_total", route="-", method="GET", status="404")
        gateway.wait_metric(1, "weir_http_rejected_total", route="-", reason="no_route")

    def test_what_never_was_a_request(self):
        peer = self.client(self.weir)
        peer.send("\x00\x01\r\n\r\n")
        self.assertEqual(peer.read_response().status, 400)
        self.risen(1, "weir_http_rejected_total", route="-", reason="bad_request")

    def test_rejected(self):
        self.assertEqual(self.fetch(self.weir, "/dead").status, 502)
        self.risen(1, "weir_http_rejected_total", route="dead", reason="connect_failed")
        self.risen(1, "weir_http_requests_total", route="dead", status="502")
        # The only endpoint is tried once more.
        self.risen(2, "weir_upstream_requests_total", upstream="dead", result="connect_failed")

    @rows([
        ("closed", "", "reset", "-"), ("no HTTP", "SSH-2.0\r\n\r\n", "bad_response", "-"),
        ("cut", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "reset", "2xx"),
        ("switched unasked", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
         "bad_response", "1xx"),
    ])
    def test_failed_tries(self, answer, result, status_class):
        def fail(connection, _):
            connection.send(answer)
            connection.close()
        self.addCleanup(setattr, self.upstream, "handler", self.upstream.handler)
        self.upstream.handler = fail
        peer = self.client(self.weir)
        peer.request("POST", "/x", body=b"")  # nothing that would be sent once more
        peer.expect_gone() if status_class == "2xx" else peer.read_response()
        self.risen(1, "weir_upstream_requests_total", upstream="main", result=result,
                   status_class=status_class)

    def test_bytes(self):
        self.fetch(self.weir, "/x", "POST", body=b"x" * 1000)
        self.risen(1000, "weir_http_request_bytes_total", route="main")
        self.risen(1000, "weir_http_response_bytes_total", route="main")
        self.fetch(self.weir, "/own")
        self.risen(10, "weir_http_response_bytes_total", route="own")

    def test_split(self):
        for _ in range(4):
            self.fetch(self.weir, "/split")
        self.risen(4, "weir_split_requests_total", route="split")
        self.assertEqual(self.weir.metrics().label_values("weir_split_requests_total", "upstream"),
                         {"main", "other"})

    def test_connections(self):
        active = "weir_connections_active"
        peer = self.client(self.weir)
        peer.request("GET", "/x")
        peer.read_response()
        metrics = self.weir.metrics()
        self.assertGreaterEqual(metrics.value(active, listener="http", protocol="http1"), 1)
        self.assertGreaterEqual(metrics.value("weir_connections_total", listener="http",
                                              protocol="http1"), 1)
        peer.close()
        self.weir.wait_metric(0, active, listener="http")

    def test_upstream(self):
        self.fetch(self.weir, "/x")
        self.risen(1, "weir_upstream_requests_total", upstream="main",
                   endpoint=self.upstream.address, result="ok", status_class="2xx")
        self.risen(1, "weir_upstream_request_duration_seconds_count", upstream="main")
        metrics = self.weir.metrics()
        self.assertGreaterEqual(metrics.value("weir_upstream_connections", upstream="main",
                                              endpoint=self.upstream.address, state="idle"), 1)
        self.assertEqual(metrics.value("weir_upstream_endpoint_healthy", upstream="main",
                                       endpoint=self.upstream.address), 1)
        self.assertGreaterEqual(metrics.value("weir_upstream_connect_seconds_count",
                                              upstream="main"), 1)
        self.assertIsNotNone(metrics.value("weir_upstream_saturation_ratio", upstream="main"))

    def test_in_flight(self):
        gauge = "weir_http_requests_in_flight"
        go = threading.Event()
        self.addCleanup(go.set)
        origin = self.origin(lambda c, r: (go.wait(10), c.reply(200)))
        gateway = self.gateway(basic_config(upstreams={"main": origin.address}))
        peer = self.client(gateway)
        peer.request("GET", "/")
        origin.wait_for_head()
        self.assertEqual(gateway.metrics().value(gauge, route="all"), 1)
        self.assertEqual(gateway.metrics().value("weir_upstream_connections", upstream="main",
                                                 state="active"), 1)
        go.set()
        peer.read_response()
        gateway.wait_metric(0, gauge, route="all")

    @rows([(name, name) for name in (
        "weir_http_request_duration_seconds", "weir_http_response_head_seconds")])
    def test_buckets(self, name):
        self.fetch(self.weir, "/x")
        self.risen(1, f"{name}_count", route="main")
        series = self.weir.metrics().series(f"{name}_bucket", route="main")
        self.assertEqual([float(labels["le"]) for labels, _ in series],
                         [float(b) for b in BUCKETS])
        values = [value for _, value in series]
        self.assertEqual(values, sorted(values))

    def test_of_the_process(self):
        metrics = self.weir.metrics()
        self.assertEqual(metrics.value("weir_build_info"), 1)
        (labels, _), = metrics.series("weir_build_info")
        self.assertEqual(set(labels), {"version", "io_backend"})
        self.assertEqual(labels["io_backend"], "epoll")
        self.assertEqual(metrics.label_values("weir_worker_utilization_ratio", "worker"),
                         {"0", "1"})
        for name in ("weir_saturation_ratio", "weir_worker_utilization_ratio"):
            for _, value in metrics.series(name):
                self.assertTrue(0 <= value <= 1, (name, value))
        for name in ("process_cpu_seconds_total", "process_resident_memory_bytes",
                     "process_open_fds", "process_max_fds", "process_start_time_seconds",
                     "weir_config_generation", "weir_config_last_reload_successful",
                     "weir_config_snapshots",
                     "weir_access_log_dropped_total", "weir_saturation_ratio"):
            self.assertIsNotNone(metrics.value(name), name)

    TYPES = {
        "weir_http_requests_total": "counter", "weir_http_request_duration_seconds": "histogram",
        "weir_http_response_head_seconds": "histogram", "weir_http_requests_in_flight": "gauge",
        "weir_http_rejected_total": "counter", "weir_http_request_bytes_total": "counter",
        "weir_http_response_bytes_total": "counter", "weir_split_requests_total": "counter",
        "weir_connections_active": "gauge", "weir_connections_total": "counter",
        "weir_upstream_requests_total": "counter",
        "weir_upstream_request_duration_seconds": "histogram",
        "weir_upstream_connect_seconds": "histogram", "weir_upstream_connections": "gauge",
        "weir_upstream_endpoint_healthy": "gauge", "weir_upstream_saturation_ratio": "gauge",
        "weir_worker_utilization_ratio": "gauge", "weir_saturation_ratio": "gauge",
        "weir_access_log_dropped_total": "counter", "weir_config_generation": "gauge",
        "weir_config_last_reload_successful": "gauge", "weir_config_snapshots": "gauge",
        "weir_upgrades_total": "counter", "weir_build_info": "gauge",
    }

    @rows([(name, name, kind) for name, kind in TYPES.items()])
    def test_type(self, name, kind):
        for target in ("/x", "/split", "/dead"):
            self.fetch(self.weir, target)
        self.assertEqual(self.weir.metrics().types.get(name), kind)

    def test_label_names(self):
        for target in ("/x", "/split", "/dead"):
            self.fetch(self.weir, target)
        metrics = self.weir.metrics()
        for name, labels in {
                "weir_http_requests_total": {"route", "method", "status"},
                "weir_http_rejected_total": {"route", "reason"},
                "weir_http_request_bytes_total": {"route"},
                "weir_split_requests_total": {"route", "upstream"},
                "weir_connections_active": {"listener", "protocol"},
                "weir_upstream_requests_total": {"upstream", "endpoint", "result", "status_class"},
                "weir_upstream_connections": {"upstream", "endpoint", "state"}}.items():
            for have, _ in metrics.series(name):
                self.assertEqual(set(have), labels, name)

    def test_a_client_cannot_make_series(self):
        def count():
            return len(self.weir.metrics().samples)
        for _ in range(2):
            self.fetch(self.weir, "/x", "MADE-UP", headers=[("Host", "h0")])
            self.fetch(self.weir, "/path-0")
        before = count()
        for number in range(20):
            self.fetch(self.weir, f"/path-{number}?q={number}", f"M{number}",
                       headers=[("Host", f"h{number}"), ("User-Agent", f"u{number}")])
        self.assertLessEqual(count(), before + 2)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_is_silent(self):
        for target in ("/x", "/split", "/dead", "/own"):
            self.fetch(self.weir, target)
        self.weir.reload_by_post()
        done = subprocess.run(["promtool", "check", "metrics"], input=self.weir.metrics().text,
                              capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_counters_survive_a_reload(self):
        self.fetch(self.weir, "/x")
        self.risen(1, "weir_http_requests_total", route="main")
        self.weir.reload_by_post()
        self.fetch(self.weir, "/x")
        self.risen(2, "weir_http_requests_total", route="main")
