"""The circuit breaker of an upstream, as its clients and its operator see it: interface.md section 2
(`circuit_breaker`), section 3 (`circuit_open`), 4 and 5."""

import threading

from harness import BlackHole, Case, Refusing, Truncated, basic_config, rows, wait_until
from harness.h2 import H2Client


def breaker(**more):
    """What a machine that stalls for seconds does not change: no call is slow, none is forgotten."""
    return {"minimum_calls": 4, "half_open_calls": 2, "open_for": "300s", "slow_call": "60s",
            "window": "300s", **more}


def by_path(connection, request):
    """/503 answers that, /reset resets, /cut ends within the content, else 200."""
    connection.read_body(request)
    what = request.target.strip("/")
    if what == "reset":
        connection.reset()
    elif what == "cut":
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        connection.close()
    elif what == "garbage":
        connection.send("not HTTP at all\r\n\r\n")
        connection.close()
    else:
        connection.reply(int(what) if what.isdigit() else 200, body=b"ok")


class BreakerCase(Case):
    def serve(self, settings, handler=by_path, workers=2, address=None, **more):
        self.backend = self.origin(handler)
        self.address = address or self.backend.address
        return self.gateway(self.config(settings, workers, **more))

    def config(self, settings, workers=2, **more):
        return basic_config(upstreams={"main": {"endpoints": [{"address": self.address}],
                                                "circuit_breaker": settings, **more}},
                            workers=workers)

    def state(self, gateway):
        return gateway.admin("GET", "/upstreams").json()[0]["circuit_breaker"]

    def wait_state(self, gateway, state):
        wait_until(f"the breaker is {state}", lambda: self.state(gateway)["state"] == state)

    def force(self, gateway, body, upstream="main"):
        return gateway.admin("PUT", f"/upstreams/{upstream}/circuit_breaker", body).status

    def ask(self, gateway, target="/", times=1):
        return [self.fetch(gateway, target).status for _ in range(times)]


class CircuitBreakerTest(BreakerCase):
    def test_opens_half_opens_and_closes(self):
        gateway = self.serve(breaker(open_for="1s"))
        self.assertEqual(self.ask(gateway, "/503", 4), [503] * 4)
        refused = self.fetch(gateway)
        if self.state(gateway)["state"] == "open":  # a slow machine may have spent the second
            self.assert_problem(refused, "circuit_open")
            self.assertEqual(refused.header("retry-after"), "1")
        gateway.wait_log("the opening", "circuit breaker upstream=main from=closed to=open "
                                        'why="100.0% of 4 calls failed"')
        self.wait_state(gateway, "half_open")
        self.assertEqual(gateway.metrics().value("weir_circuit_breaker_state"), 1)
        self.assertEqual(self.ask(gateway, "/", 10), [200] * 10)
        self.assertEqual(self.state(gateway)["state"], "closed")
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_circuit_breaker_state", upstream="main"), 0)
        for to in ("open", "half_open", "closed"):
            self.assertEqual(metrics.value("weir_circuit_breaker_transitions_total",
                                           upstream="main", to=to), 1, to)
        gateway.wait_log("the closing", "from=half_open to=closed")

    def test_open_nothing_reaches_the_upstream(self):
        gateway = self.serve(breaker())
        self.ask(gateway, "/503", 4)
        for method in ("GET", "HEAD", "POST"):
            refused = self.fetch(gateway, method=method, body=b"x" if method == "POST" else None)
            self.assert_problem(refused, "circuit_open", head=method == "HEAD")
            self.assertTrue(250 < int(refused.header("retry-after")) <= 300, refused)
        self.assertEqual(len(self.backend.heads), 4)
        shown = self.state(gateway)
        self.assertEqual((shown["state"], shown["why"], shown["forced"]),
                         ("open", "100.0% of 4 calls failed", "off"))
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_circuit_breaker_state"), 2)
        self.assertEqual(metrics.value("weir_http_rejected_total", reason="circuit_open"), 3)

    @rows([("single status", [503], "/503", "/500"), ("5xx", ["5xx"], "/599", "/reset"),
           ("reset", ["reset"], "/reset", "/503"), ("cut", ["reset"], "/cut", "/503"),
           ("no HTTP", ["reset"], "/garbage", "/503")])
    def test_what_counts(self, failures, counts, does_not):
        gateway = self.serve(breaker(failures=failures))
        for _ in range(6):
            client = self.client(gateway)
            client.request("GET", does_not)
            client.read_head()
        self.assertEqual(self.state(gateway)["state"], "closed")
        for _ in range(6):
            client = self.client(gateway)
            client.request("GET", counts)
            client.read_head()
        self.wait_state(gateway, "open")

    def test_a_refused_connection_counts(self):
        refusing = Refusing()
        self.addCleanup(refusing.close)
        gateway = self.serve(breaker(failures=["connect"]), address=refusing.address)
        self.assertEqual(self.ask(gateway, "/", 4), [502] * 4)
        self.assert_problem(self.fetch(gateway), "circuit_open")

    def test_no_answer_in_time_counts(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def handler(connection, request):
            release.wait(30)
        self.backend = self.origin(handler)
        self.address = self.backend.address
        config = self.config(breaker(failures=["timeout"], minimum_calls=2))
        config["routes"][0]["timeout"] = "100ms"
        gateway = self.gateway(config)
        self.assertEqual(self.ask(gateway, "/", 2), [504] * 2)
        self.assert_problem(self.fetch(gateway), "circuit_open")

    def test_the_clients_own_failures_do_not_count(self):
        gateway = self.serve(breaker(minimum_calls=1, failure_rate="1%"))
        self.assertEqual(self.ask(gateway, "/404", 5), [404] * 5)
        release = threading.Event()
        self.addCleanup(release.set)
        self.backend.handler = lambda connection, request: (release.wait(30),
                                                            connection.reply(200))
        for n in range(3):
            client = self.client(gateway)
            client.request("GET", "/left")
            self.backend.wait_for_head(6 + n)
            client.close()
        gateway.wait_metric(3, "weir_upstream_requests_total", result="client_gone")
        shown = self.state(gateway)
        self.assertEqual((shown["state"], shown["calls"], shown["failed"]), ("closed", 5, 0))

    @rows([("no answer", False), ("no connection", True)])
    def test_the_clients_own_deadline_does_not_count(self, hole):
        release = threading.Event()
        self.addCleanup(release.set)
        self.backend = self.origin(lambda connection, request: (release.wait(30),
                                                                connection.reply(200)))
        self.address = self.backend.address
        if hole:
            nobody = BlackHole()
            self.addCleanup(nobody.close)
            self.address = nobody.address
        config = self.config(breaker(minimum_calls=1, failure_rate="1%"), connect_timeout="60s")
        config["listeners"][0]["protocols"] = ["h2c"]
        gateway = self.gateway(config)
        client = H2Client(gateway.address())
        self.addCleanup(client.socket.close)
        for _ in range(3):
            answer = client.answer(client.request("POST", "/", [
                ("content-type", "application/grpc"), ("te", "trailers"),
                ("grpc-timeout", "20m")], b""))
            self.assertEqual(answer.header("grpc-status"), "4", answer)
        gateway.wait_metric(3, "weir_upstream_requests_total", result="client_gone")
        shown = self.state(gateway)
        self.assertEqual((shown["state"], shown["calls"], shown["failed"]), ("closed", 0, 0))

    def test_a_stream_that_lasts_until_its_end_is_no_failure(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def stream(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.chunk(b"first")
            release.wait(30)

        self.backend = self.origin(stream)
        self.address = self.backend.address
        config = self.config(breaker(minimum_calls=1, failure_rate="1%"))
        config["routes"][0]["max_duration"] = "300ms"
        gateway = self.gateway(config)
        for _ in range(3):
            with self.assertRaises(Truncated):
                self.fetch(gateway)
        gateway.wait_metric(3, "weir_upstream_requests_total", result="timeout")
        shown = self.state(gateway)
        self.assertEqual((shown["state"], shown["calls"], shown["failed"]), ("closed", 3, 0))

    @rows([("timeout", "timeout", 1), ("reset", "reset", 0)])
    def test_silence_in_an_answer_is_a_timeout(self, failures, failed):
        release = threading.Event()
        self.addCleanup(release.set)

        def stall(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.chunk(b"first")
            release.wait(30)

        self.backend = self.origin(stall)
        self.address = self.backend.address
        config = self.config(breaker(minimum_calls=3, failures=[failures]))
        config["routes"][0]["stream_idle_timeout"] = "300ms"
        gateway = self.gateway(config)
        with self.assertRaises(Truncated):
            self.fetch(gateway)
        gateway.wait_metric(1, "weir_upstream_requests_total", result="timeout")
        shown = self.state(gateway)
        self.assertEqual((shown["calls"], shown["failed"]), (1, failed))

    def test_slow_calls(self):
        def slow(connection, request):
            release.wait(30)
            connection.reply(200)
        release = threading.Event()
        gateway = self.serve(breaker(slow_call="50ms", minimum_calls=1), slow)
        client = self.client(gateway)
        client.request("GET", "/")
        self.backend.wait_for_head()
        threading.Timer(0.2, release.set).start()
        self.assertEqual(client.read_response().status, 200)
        self.wait_state(gateway, "open")
        self.assertEqual(self.state(gateway)["why"], "100.0% of 1 calls were slow")

    def test_window_of_calls(self):
        gateway = self.serve(breaker(window="5 calls", minimum_calls=20))
        self.ask(gateway, "/", 20)
        self.ask(gateway, "/503", 2)
        self.assertEqual(self.state(gateway)["state"], "closed")
        wait_until("five calls in the window", lambda: self.state(gateway)["calls"] == 5)
        self.ask(gateway, "/503", 1)
        self.assertEqual(self.state(gateway)["why"], "60.0% of 5 calls failed")

    def test_a_probe_that_the_client_gave_up_is_free_again(self):
        gateway = self.serve(breaker(open_for="1s", half_open_calls=1))
        self.ask(gateway, "/503", 4)
        release = threading.Event()
        self.addCleanup(release.set)

        def hold(connection, request):
            if request.target == "/hold":
                release.wait(30)
            connection.reply(200)
        self.backend.handler = hold
        self.wait_state(gateway, "half_open")
        for n in range(3):
            client = self.client(gateway)
            client.request("GET", "/hold")
            self.backend.wait_for_head(5 + n)
            client.close()
            gateway.wait_metric(n + 1, "weir_upstream_requests_total", result="client_gone")
        self.assertEqual(self.state(gateway)["state"], "half_open")
        self.assertEqual(self.ask(gateway, "/", 3), [200] * 3)
        self.assertEqual(self.state(gateway)["state"], "closed")

    def test_a_failed_probe_opens_it_again(self):
        gateway = self.serve(breaker(open_for="1s", half_open_calls=1))
        self.ask(gateway, "/503", 4)
        self.wait_state(gateway, "half_open")
        self.ask(gateway, "/503")
        gateway.wait_log("it opened again", "from=half_open to=open")
        self.wait_state(gateway, "half_open")
        gateway.wait_metric(2, "weir_circuit_breaker_transitions_total", to="open")

    def test_a_reused_connection_that_died_is_no_failure(self):
        def once(connection, request):
            connection.reply(200)
            connection.close()
        gateway = self.serve(breaker(minimum_calls=1, failure_rate="1%"), once)
        self.assertEqual(self.ask(gateway, "/", 20), [200] * 20)
        self.assertEqual(self.state(gateway)["failed"], 0)

    def test_absent_it_is_off(self):
        self.backend = self.origin(by_path)
        gateway = self.gateway(basic_config(upstreams={"main": self.backend.address}))
        self.ask(gateway, "/503", 30)
        self.assertEqual(self.ask(gateway), [200])
        self.assertIsNone(self.state(gateway))
        self.assertEqual(gateway.metrics().series("weir_circuit_breaker_state"), [])

    def test_a_crowd_of_two_workers_opens_it_once(self):
        gateway = self.serve(breaker(minimum_calls=20))
        clients = [self.client(gateway) for _ in range(16)]
        for _ in range(5):
            for client in clients:
                client.request("GET", "/503")
            for client in clients:
                client.read_response()
        self.wait_state(gateway, "open")
        self.assertEqual(gateway.metrics().value("weir_circuit_breaker_transitions_total",
                                                 to="open"), 1)
        # Those that were on their way when it opened, and no more.
        self.assertLess(len(self.backend.heads), 20 + 16)


class ForcedTest(BreakerCase):
    def test_force(self):
        gateway = self.serve(breaker())
        self.assertEqual(self.force(gateway, {"force": "open"}), 204)
        refused = self.fetch(gateway)
        self.assert_problem(refused, "circuit_open")
        self.assertEqual(self.state(gateway)["forced"], "open")
        self.assertEqual(gateway.metrics().value("weir_circuit_breaker_state"), 2)
        self.assertEqual(gateway.reload_by_post().status, 200)
        self.assertEqual(self.fetch(gateway).status, 503)
        self.assertEqual(self.force(gateway, {"force": "closed"}), 204)
        self.assertEqual(self.ask(gateway, "/503", 10), [503] * 10)
        self.assertEqual(self.ask(gateway), [200])
        self.assertEqual(gateway.metrics().value("weir_circuit_breaker_state"), 0)
        self.assertEqual(self.force(gateway, {"force": "off"}), 204)
        self.ask(gateway, "/503", 4)
        self.assert_problem(self.fetch(gateway), "circuit_open")
        self.assertEqual(self.state(gateway)["forced"], "off")

    def test_force_without_a_breaker_in_the_file(self):
        self.backend = self.origin(by_path)
        gateway = self.gateway(basic_config(upstreams={"main": self.backend.address}))
        self.assertEqual(self.force(gateway, {"force": "open"}), 204)
        self.assert_problem(self.fetch(gateway), "circuit_open")
        self.assertEqual(self.force(gateway, {"force": "off"}), 204)
        self.assertEqual(self.ask(gateway), [200])

    @rows([("nothing", {}), ("unknown word", {"force": "shut"}), ("not a word", {"force": True}),
           ("one key too many", {"force": "open", "for": "10s"}), ("no object", [1]),
           ("no JSON", "open")])
    def test_bad_bodies(self, body):
        gateway = self.serve(breaker())
        self.assertEqual(self.force(gateway, body), 422)
        self.assertEqual(self.force(gateway, {"force": "open"}, "other"), 404)
        self.assertEqual(self.ask(gateway), [200])


class ReloadTest(BreakerCase):
    def test_it_outlives_a_reload_that_leaves_it_alone(self):
        gateway = self.serve(breaker())
        self.ask(gateway, "/503", 4)
        config = self.config(breaker(), pool={"in_flight": 10})
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assert_problem(self.fetch(gateway), "circuit_open")
        self.assertEqual(gateway.reload_by_post(self.config(breaker(minimum_calls=5))).status, 200)
        self.assertEqual(self.ask(gateway), [200])
        self.assertEqual(self.state(gateway)["why"], "new settings")
