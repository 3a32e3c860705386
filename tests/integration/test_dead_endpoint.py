"""Two endpoints, one of them dead: what its clients, its operator and its log see. interface.md
section 2 (`endpoints`, `circuit_breaker`), 3 (access log), 4 and 5 (/upstreams)."""

import json
import threading
import time

from harness import BlackHole, Case, Refusing, basic_config, rows, wait_until
from harness.h2_origin import H2Origin
from harness.waiting import bound

POLICIES = ["round_robin", "least_requests", "random_two"]


class DeadEndpointCase(Case):
    def refusing(self):
        place = Refusing()
        self.addCleanup(place.close)
        return place

    def silent(self):
        hole = BlackHole()
        self.addCleanup(hole.close)
        return hole

    def serve(self, *addresses, workers=2, **upstream):
        return self.gateway(basic_config(
            upstreams={"main": {"endpoints": [{"address": a} for a in addresses], **upstream}},
            workers=workers, access_log={"path": "access.log"}))

    def endpoint(self, gateway, address):
        for endpoint in gateway.admin("GET", "/upstreams").json()[0]["endpoints"]:
            if endpoint["address"] == address:
                return endpoint
        raise AssertionError(f"{address} is not listed")

    def entries(self, gateway, count):
        def read():
            try:
                with open(gateway.file("access.log"), "rb") as file:
                    lines = file.read().split(b"\n")[:-1]
            except FileNotFoundError:
                return None
            return lines if len(lines) >= count else None
        # Each worker has a ring of its own, so lines of two connections may change places.
        return sorted(map(json.loads, wait_until(f"{count} lines of the log", read)),
                      key=lambda one: one["time"])


class LastChoiceTest(DeadEndpointCase):
    @rows([(policy, policy) for policy in POLICIES])
    def test_few_requests_meet_who_refuses(self, policy):
        dead = self.refusing()
        alive = self.origin()
        gateway = self.serve(dead.address, alive.address, load_balancer={"policy": policy})
        start = time.monotonic()
        self.assertEqual({self.fetch(gateway, "/").status for _ in range(60)}, {200})
        took = time.monotonic() - start
        tried = gateway.metrics().value("weir_upstream_requests_total", endpoint=dead.address,
                                        result="connect_failed") or 0
        # One meets it, and then one each time when a pause of at least a second is over.
        self.assertLessEqual(tried, 1 + took)

    @rows([(policy, policy) for policy in POLICIES])
    def test_nobody_but_one_waits_for_who_is_silent(self, policy):
        alive = self.origin()
        gateway = self.serve(self.silent().address, alive.address, connect_timeout="60s",
                             load_balancer={"policy": policy})
        self.assert_all_but_one(gateway)

    def assert_all_but_one(self, gateway):
        done = []

        def client():
            with gateway.connect() as peer:
                for _ in range(10):
                    peer.request("GET", "/")
                    if peer.read_response().status != 200:
                        return
            done.append(1)
        threads = [threading.Thread(target=client, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until("all clients but one", lambda: len(done) >= 7, timeout=15)

    def test_nobody_but_one_waits_for_who_is_silent_over_http2(self):
        alive = H2Origin()
        self.addCleanup(alive.close)
        gateway = self.serve(self.silent().address, alive.address, connect_timeout="60s",
                             protocol="h2")
        self.assert_all_but_one(gateway)

    def test_it_is_told(self):
        dead = self.refusing()
        alive = self.origin()
        gateway = self.serve(dead.address, alive.address)
        for _ in range(4):
            self.assertEqual(self.fetch(gateway, "/").status, 200)
        told = self.endpoint(gateway, dead.address)
        self.assertIs(told["healthy"], False)
        self.assertRegex(told["why"], r"^connect failed: refused, next try in [01] s$")
        self.assertEqual(told["state"], "ready")
        good = self.endpoint(gateway, alive.address)
        self.assertEqual((good["healthy"], good["why"]), (True, ""))
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_upstream_endpoint_healthy", endpoint=dead.address), 0)
        self.assertEqual(metrics.value("weir_upstream_endpoint_healthy", endpoint=alive.address), 1)

    def test_the_pause_doubles_and_a_good_connect_ends_it(self):
        dead = self.refusing()
        alive = self.origin()
        gateway = self.serve(dead.address, alive.address)

        def why():
            self.assertEqual(self.fetch(gateway, "/").status, 200)
            return self.endpoint(gateway, dead.address)["why"]
        wait_until("a pause of two seconds",
                   lambda: why() == "connect failed: refused, next try in 2 s", timeout=10)
        dead.socket.listen(16)

        def serve():
            while True:
                try:
                    sock, _ = dead.socket.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(sock,), daemon=True).start()

        def answer(sock):
            while sock.recv(4096):
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup")
        threading.Thread(target=serve, daemon=True).start()
        wait_until("it serves again", lambda: self.fetch(gateway, "/").body == b"up", timeout=10)
        told = self.endpoint(gateway, dead.address)
        self.assertEqual((told["healthy"], told["why"]), (True, ""))
        self.assertEqual(gateway.metrics().value("weir_upstream_endpoint_healthy",
                                                 endpoint=dead.address), 1)

    @rows([("timed out", "silent", "timed out"), ("no such socket", None, "no such socket")])
    def test_causes(self, kind, expected):
        address = self.silent().address if kind else "unix:/nonexistent/o.sock"
        gateway = self.serve(address, connect_timeout="200ms")
        self.assertGreaterEqual(self.fetch(gateway, "/").status, 502)
        self.assertRegex(self.endpoint(gateway, address)["why"],
                         rf"^connect failed: {expected}, next try in [01] s$")

    def test_tls_that_fails(self):
        plain = self.origin()
        gateway = self.serve(plain.address, tls={"server_name": "a.test"}, connect_timeout="500ms")
        self.assertGreaterEqual(self.fetch(gateway, "/").status, 502)
        self.assertRegex(self.endpoint(gateway, plain.address)["why"],
                         r"^connect failed: (TLS failed|timed out), next try in [01] s$")


class BreakerTest(DeadEndpointCase):
    @rows([("refuses", "refusing"), ("silent", "silent")])
    def test_a_try_made_good_elsewhere_is_no_failure(self, kind):
        dead = getattr(self, kind)()
        alive = self.origin()
        gateway = self.serve(dead.address, alive.address, connect_timeout="200ms",
                             circuit_breaker={"slow_call": "60s", "minimum_calls": 1,
                                              "failure_rate": "1%"})
        self.assertEqual({self.fetch(gateway, "/").status for _ in range(80)}, {200})
        shown = gateway.admin("GET", "/upstreams").json()[0]["circuit_breaker"]
        self.assertEqual((shown["state"], shown["calls"], shown["failed"]), ("closed", 80, 0))

    def test_a_call_is_one_however_many_tries(self):
        places = [self.refusing() for _ in range(3)]
        gateway = self.serve(*[place.address for place in places],
                             circuit_breaker={"slow_call": "60s", "minimum_calls": 100})
        self.assertEqual([self.fetch(gateway, "/").status for _ in range(5)], [502] * 5)
        shown = gateway.admin("GET", "/upstreams").json()[0]["circuit_breaker"]
        self.assertEqual((shown["calls"], shown["failed"]), (5, 5))

    def test_a_probe_that_is_made_good_elsewhere_succeeds(self):
        dead = self.refusing()
        fail = threading.Event()
        fail.set()

        def handler(connection, request):
            connection.reply(503 if fail.is_set() else 200)
        alive = self.origin(handler)
        gateway = self.serve(dead.address, alive.address, circuit_breaker={
            "slow_call": "60s", "minimum_calls": 2, "half_open_calls": 2, "open_for": "1s"})

        def state():
            return gateway.admin("GET", "/upstreams").json()[0]["circuit_breaker"]["state"]
        for _ in range(3):
            self.fetch(gateway, "/")
        fail.clear()
        wait_until("the breaker is half-open", lambda: state() == "half_open")
        self.assertEqual([self.fetch(gateway, "/").status for _ in range(4)], [200] * 4)
        self.assertEqual(state(), "closed")

    def test_slow_is_what_the_client_waited_in_all(self):
        alive = self.origin()
        gateway = self.serve(self.silent().address, alive.address, connect_timeout="300ms",
                             workers=1, circuit_breaker={"slow_call": "250ms", "minimum_calls": 50})
        for _ in range(3):
            self.assertEqual(self.fetch(gateway, "/").status, 200)
        shown = gateway.admin("GET", "/upstreams").json()[0]["circuit_breaker"]
        self.assertEqual((shown["calls"], shown["failed"]), (3, 0))
        self.assertGreaterEqual(shown["slow"], 1)


class AccessLogTest(DeadEndpointCase):
    def first_with_tries(self, gateway):
        for n in range(4):
            self.assertEqual(self.fetch(gateway, f"/{n}").status, 200)
        return self.entries(gateway, 4)

    @rows([("refuses", "refusing", "connect_failed"), ("silent", "silent", "connect_timeout")])
    def test_tries(self, kind, result):
        dead = getattr(self, kind)()
        alive = self.origin()
        gateway = self.serve(dead.address, alive.address, connect_timeout="1500ms")
        entries = self.first_with_tries(gateway)
        told = [entry for entry in entries if "tries" in entry]
        self.assertEqual(len(told), 1, entries)
        entry, = told
        self.assertEqual([(t["endpoint"], t["result"]) for t in entry["tries"]],
                         [(dead.address, result), (alive.address, "ok")])
        self.assertEqual([sorted(t) for t in entry["tries"]], [["endpoint", "ms", "result"]] * 2)
        self.assertEqual((entry["attempts"], entry["endpoint"], entry["status"]),
                         (2, alive.address, 200))
        if kind == "silent":
            self.assertGreaterEqual(entry["tries"][0]["ms"], 1490)
            self.assertGreaterEqual(entry["connect_ms"], 1490)
        self.assertGreaterEqual(entry["connect_ms"], entry["tries"][0]["ms"])
        self.assertLess(abs(entry["duration_ms"] - sum(t["ms"] for t in entry["tries"])),
                        1000 * bound(1))

    def test_all_of_them_failed(self):
        dead = [self.refusing().address for _ in range(12)]
        gateway = self.serve(*dead)
        self.assertEqual(self.fetch(gateway, "/").status, 502)
        entry, = self.entries(gateway, 1)
        self.assertEqual(entry["attempts"], 3)
        tried = [t["endpoint"] for t in entry["tries"]]
        self.assertEqual(len(set(tried)), 3)
        self.assertEqual({t["result"] for t in entry["tries"]}, {"connect_failed"})
        self.assertEqual(entry["endpoint"], tried[-1])

    def test_one_try_is_no_list(self):
        gateway = self.serve(self.origin().address)
        self.fetch(gateway, "/")
        self.assertNotIn("tries", self.entries(gateway, 1)[0])

    def test_a_replayed_request_has_tries(self):
        def once(connection, request):
            if request.index > 0:
                connection.reset()
            else:
                connection.reply(200)
        alive = self.origin(once)
        gateway = self.serve(alive.address, workers=1)
        for _ in range(2):
            self.assertEqual(self.fetch(gateway, "/").status, 200)
        entry = self.entries(gateway, 2)[1]
        self.assertEqual([(t["endpoint"], t["result"]) for t in entry["tries"]],
                         [(alive.address, "reset"), (alive.address, "ok")])
