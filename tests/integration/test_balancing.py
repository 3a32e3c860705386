"""Which endpoint gets a request: by hash, by latency, by priority, with a weight that grows; and
connections that end for their age. interface.md section 2 (`load_balancer`, `endpoints`, `pool`)
and 5 (GET /upstreams)."""

import collections
import re
import threading
import time

from harness import Case, basic_config, rows, wait_until
from harness.h2_origin import H2Origin

USERS = [f"user-{n}" for n in range(120)]
BY_USER = {"policy": "hash", "key": {"header": "x-user"}}


class BalancingCase(Case):
    def origins(self, count):
        out = []
        for n in range(count):
            def handler(connection, request, name=f"o{n}"):
                connection.read_body(request)
                connection.reply(200, [("X-Origin", name)])
            out.append(self.origin(handler, name=f"o{n}"))
        return out

    def config(self, origins, endpoints=None, workers=2, **upstream):
        endpoints = endpoints or [{} for _ in origins]
        return basic_config(upstreams={"main": {
            "endpoints": [{"address": o.address, **e} for o, e in zip(origins, endpoints)],
            **upstream}}, workers=workers, trusted_proxies=["127.0.0.1"])

    def ask(self, client, headers=()):
        client.request("GET", "/", headers)
        response = client.read_response()
        self.assertEqual(response.status, 200)
        return response

    def spread(self, gateway, count, headers=()):
        client = self.client(gateway)
        return collections.Counter(self.ask(client, headers).header("x-origin")
                                   for _ in range(count))

    def places(self, gateway, users=USERS):
        """The origin of each user, over connections of several workers."""
        clients = [self.client(gateway) for _ in range(6)]
        return {user: self.ask(clients[n % 6], {"x-user": user}).header("x-origin")
                for n, user in enumerate(users)}

    def upstream(self, gateway):
        return gateway.admin("GET", "/upstreams").json()[0]

    def endpoint(self, gateway, origin):
        return next(e for e in self.upstream(gateway)["endpoints"]
                    if e["address"] == origin.address)

    def set_state(self, gateway, origin, state):
        path = f"/upstreams/main/endpoints/{origin.address}"
        self.assertEqual(gateway.admin("PUT", path, {"state": state}).status, 204)


class HashTest(BalancingCase):
    def test_a_caller_keeps_its_endpoint(self):
        origins = self.origins(3)
        gateway = self.gateway(self.config(origins, load_balancer=BY_USER))
        first = self.places(gateway)
        self.assertEqual(set(first.values()), {"o0", "o1", "o2"})
        self.assertEqual(self.places(gateway, USERS[::-1]), first)
        # Another gateway, and one after a restart.
        other = self.gateway(self.config(origins[::-1], workers=1, load_balancer=BY_USER))
        self.assertEqual(self.places(other), first)
        self.assertEqual(self.upstream(gateway)["policy"], "hash")

    @rows([("drained", False), ("no longer listed", True)])
    def test_one_that_goes_moves_its_own_callers_alone(self, by_reload):
        origins = self.origins(4)
        gateway = self.gateway(self.config(origins, load_balancer=BY_USER))
        first = self.places(gateway)
        if by_reload:
            config = self.config(origins[:3], load_balancer=BY_USER)
            self.assertEqual(gateway.reload_by_post(config).status, 200)
        else:
            self.set_state(gateway, origins[3], "drain")
        second = self.places(gateway)
        self.assertNotIn("o3", second.values())
        moved = {user for user in USERS if first[user] != second[user]}
        self.assertEqual(moved, {user for user in USERS if first[user] == "o3"})
        # And they come back.
        if by_reload:
            config = self.config(origins, load_balancer=BY_USER)
            self.assertEqual(gateway.reload_by_post(config).status, 200)
        else:
            self.set_state(gateway, origins[3], "ready")
        self.assertEqual(self.places(gateway), first)

    def test_a_dead_endpoints_callers_go_to_their_next_one(self):
        origins = self.origins(3)
        gateway = self.gateway(self.config(origins, load_balancer=BY_USER))
        first = self.places(gateway)
        origins[1].close()
        second = self.places(gateway)
        self.assertEqual({u: p for u, p in second.items() if first[u] != "o1"},
                         {u: p for u, p in first.items() if p != "o1"})

    @rows([("plain", {}, False), ("said to be https", {"X-Forwarded-Proto": "https"}, True)])
    def test_a_missing_cookie_is_set(self, headers, secure):
        gateway = self.gateway(self.config(
            self.origins(3), load_balancer={"policy": "hash", "key": {"cookie": "place"}}))
        seen = set()
        for _ in range(30):
            answer = self.ask(self.client(gateway), headers)
            cookie = answer.header("set-cookie")
            self.assertRegex(cookie, r"^place=[0-9a-f]{16}; Path=/; HttpOnly; SameSite=Lax"
                             + ("; Secure$" if secure else "$"))
            where = answer.header("x-origin")
            seen.add(where)
            for _ in range(3):
                again = self.ask(self.client(gateway), {"Cookie": cookie.split(";")[0]})
                self.assertEqual(again.header("x-origin"), where)
                self.assertIsNone(again.header("set-cookie"))
        self.assertEqual(seen, {"o0", "o1", "o2"})

    def test_one_cookie_may_be_for_split_and_endpoint(self):
        origins = self.origins(4)
        balancer = {"policy": "hash", "key": {"cookie": "place"}}
        upstreams = {name: {"endpoints": [{"address": o.address} for o in some],
                            "load_balancer": balancer}
                     for name, some in (("a", origins[:2]), ("b", origins[2:]))}
        gateway = self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"},
              "split": [{"upstream": "a", "weight": 1}, {"upstream": "b", "weight": 1}],
              "sticky": {"key": {"cookie": "place"}}}], upstreams))
        seen = set()
        for _ in range(40):
            answer = self.ask(self.client(gateway))
            cookies = answer.all("set-cookie")
            self.assertEqual(len(cookies), 1)
            again = self.ask(self.client(gateway), {"Cookie": cookies[0].split(";")[0]})
            self.assertEqual(again.header("x-origin"), answer.header("x-origin"))
            seen.add(answer.header("x-origin"))
        self.assertEqual(seen, {"o0", "o1", "o2", "o3"})

    @rows([("bounded", "125%", 13), ("not bounded", "off", 40)])
    def test_one_caller_at_many_endpoints(self, bounded_load, most):
        origins = self.origins(4)
        release = threading.Event()
        self.addCleanup(release.set)
        for origin in origins:
            def handler(connection, request):
                release.wait(30)
                connection.reply(200)
            origin.handler = handler
        gateway = self.gateway(self.config(origins, load_balancer={
            "policy": "hash", "key": "global", "bounded_load": bounded_load}))
        clients = [self.client(gateway) for _ in range(40)]
        for n, client in enumerate(clients):
            client.request("GET", "/")
            wait_until(f"{n + 1} requests", lambda: sum(len(o.heads) for o in origins) > n)
        self.assertEqual(max(len(o.heads) for o in origins), most)
        release.set()
        for client in clients:
            self.assertEqual(client.read_response().status, 200)


class PriorityTest(BalancingCase):
    TIERS = [{"priority": 0}, {"priority": 0}, {"priority": 7}]

    def test_what_a_tier_cannot_take_spills(self):
        origins = self.origins(3)
        gateway = self.gateway(self.config(origins, self.TIERS, workers=1))
        self.assertEqual(self.spread(gateway, 20), {"o0": 10, "o1": 10})
        self.set_state(gateway, origins[0], "drain")
        counts = self.spread(gateway, 100)
        self.assertEqual(sum(counts.values()), 100)
        self.assertAlmostEqual(counts["o1"], 70, delta=2)
        self.assertAlmostEqual(counts["o2"], 30, delta=2)
        self.set_state(gateway, origins[1], "down")
        self.assertEqual(self.spread(gateway, 10), {"o2": 10})
        self.set_state(gateway, origins[2], "drain")
        self.assert_problem(self.fetch(gateway, "/"), "no_healthy_endpoint")
        self.set_state(gateway, origins[0], "ready")
        self.set_state(gateway, origins[1], "ready")
        self.assertEqual(self.spread(gateway, 20), {"o0": 10, "o1": 10})

    def test_a_tier_that_refuses_spills(self):
        origins = self.origins(2)
        gateway = self.gateway(self.config(origins, [{"priority": 1}, {"priority": 2}]))
        self.assertEqual(self.spread(gateway, 10), {"o0": 10})
        origins[0].close()
        self.assertEqual(self.spread(gateway, 10), {"o1": 10})

    def test_it_is_told(self):
        origins = self.origins(3)
        gateway = self.gateway(self.config(origins, self.TIERS))
        self.set_state(gateway, origins[1], "drain")
        told = self.upstream(gateway)
        self.assertEqual((told["policy"], told["panic"]), ("round_robin", False))
        self.assertEqual([(e["priority"], e["weight"], e["effective_weight"])
                          for e in told["endpoints"]], [(0, 1, 1), (0, 1, 0), (7, 1, 1)])
        self.assertEqual(gateway.metrics().value("weir_upstream_panic", upstream="main"), 0)

    def test_a_reload_changes_priorities(self):
        origins = self.origins(2)
        gateway = self.gateway(self.config(origins, [{"priority": 0}, {"priority": 1}]))
        self.assertEqual(self.spread(gateway, 10), {"o0": 10})
        config = self.config(origins, [{"priority": 1}, {"priority": 0}])
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assertEqual(self.spread(gateway, 10), {"o1": 10})


class PanicTest(BalancingCase):
    """Health by active checks: an origin is well until `sick` is set."""

    def serve(self, count, endpoints=None, **balancer):
        self.sick = set()
        origins = []
        for n in range(count):
            def handler(connection, request, n=n):
                connection.read_body(request)
                check = request.target == "/healthz"
                connection.reply(503 if check and n in self.sick else 200, [("X-Origin", f"o{n}")])
            origins.append(self.origin(handler, name=f"o{n}"))
        gateway = self.gateway(self.config(
            origins, endpoints, workers=1, load_balancer=balancer,
            health_check={"interval": "100ms", "timeout": "5s", "unhealthy_after": 1,
                          "healthy_after": 1}))
        return origins, gateway

    def wait_checks(self, gateway, *verdicts):
        wait_until(str(verdicts), lambda: [
            e["checks"] for e in self.upstream(gateway)["endpoints"]] == list(verdicts), timeout=15)

    def test_too_few_healthy_ones(self):
        _, gateway = self.serve(3)
        self.wait_checks(gateway, *["healthy"] * 3)
        self.sick = {0}
        self.wait_checks(gateway, "unhealthy", "healthy", "healthy")
        self.assertEqual(set(self.spread(gateway, 20)), {"o1", "o2"})
        self.assertFalse(self.upstream(gateway)["panic"])
        self.sick = {0, 1}
        gateway.wait_metric(1, "weir_upstream_panic", upstream="main", timeout=15)
        self.assertEqual(set(self.spread(gateway, 30)), {"o0", "o1", "o2"})
        self.assertTrue(self.upstream(gateway)["panic"])
        warnings = gateway.admin("GET", "/status").json()["warnings"]
        self.assertIn("panic", [w["name"] for w in warnings])
        self.sick = set()
        gateway.wait_metric(0, "weir_upstream_panic", upstream="main", timeout=15)
        gateway.wait_log("the end", "enough endpoints are healthy again", timeout=15)
        told = [line for line in gateway.lines if "health is ignored" in line]
        self.assertEqual(len(told), 1, told)
        self.assertIn("1 of 3", told[0])

    def test_without_panic(self):
        _, gateway = self.serve(2, panic_threshold="0%")
        self.sick = {0}
        self.wait_checks(gateway, "unhealthy", "healthy")
        self.assertEqual(self.spread(gateway, 10), {"o1": 10})
        self.sick = {0, 1}
        self.wait_checks(gateway, "unhealthy", "unhealthy")
        self.assert_problem(self.fetch(gateway, "/"), "no_healthy_endpoint")
        self.assertEqual(gateway.metrics().value("weir_upstream_panic", upstream="main"), 0)

    def test_another_priority_is_better(self):
        _, gateway = self.serve(3, [{}, {}, {"priority": 1}])
        self.sick = {0, 1}
        self.wait_checks(gateway, "unhealthy", "unhealthy", "healthy")
        self.assertEqual(self.spread(gateway, 10), {"o2": 10})
        self.sick = {0}
        self.wait_checks(gateway, "unhealthy", "healthy", "healthy")
        counts = self.spread(gateway, 100)
        self.assertAlmostEqual(counts["o1"], 70, delta=2)
        self.assertAlmostEqual(counts["o2"], 30, delta=2)

    def test_a_recovered_one_starts_slowly(self):
        origins, gateway = self.serve(3, slow_start="10m")
        self.sick = {0}
        self.wait_checks(gateway, "unhealthy", "healthy", "healthy")
        self.assertEqual(self.endpoint(gateway, origins[0])["effective_weight"], 0)
        self.sick = set()
        self.wait_checks(gateway, *["healthy"] * 3)
        self.assertAlmostEqual(self.endpoint(gateway, origins[0])["effective_weight"], 0.1)
        self.assertAlmostEqual(self.spread(gateway, 210)["o0"], 10, delta=3)


class SlowStartTest(BalancingCase):
    BALANCER = {"slow_start": "10m"}

    def test_a_new_endpoint_gets_a_tenth_at_first(self):
        origins = self.origins(3)
        gateway = self.gateway(self.config(origins[:2], workers=1, load_balancer=self.BALANCER))
        self.assertEqual(self.spread(gateway, 20), {"o0": 10, "o1": 10})
        self.assertEqual(self.endpoint(gateway, origins[0])["effective_weight"], 1)
        config = self.config(origins, workers=1, load_balancer=self.BALANCER)
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assertAlmostEqual(self.endpoint(gateway, origins[2])["effective_weight"], 0.1)
        counts = self.spread(gateway, 210)
        self.assertAlmostEqual(counts["o0"], 100, delta=3)
        self.assertAlmostEqual(counts["o2"], 10, delta=3)

    def test_it_grows_to_its_own_weight(self):
        origins = self.origins(2)
        gateway = self.gateway(self.config(origins, workers=1,
                                           load_balancer={"slow_start": "1s"}))
        self.spread(gateway, 2)
        self.set_state(gateway, origins[1], "down")
        self.set_state(gateway, origins[1], "ready")
        seen = set()

        def whole():
            seen.add(self.endpoint(gateway, origins[1])["effective_weight"])
            return 1 in seen
        wait_until("its own weight", whole)
        self.assertGreater(len(seen), 2, seen)
        # The worker's timer may be a moment late.
        self.assertAlmostEqual(self.spread(gateway, 20)["o1"], 10, delta=1)


class PeakEwmaTest(BalancingCase):
    def test_a_slow_endpoint_gets_few_requests(self):
        origins = self.origins(3)

        def slow(connection, request):
            connection.origin.released.wait(0.3)
            connection.reply(200, [("X-Origin", "o2")])
        origins[2].released = threading.Event()
        origins[2].handler = slow
        gateway = self.gateway(self.config(origins, workers=1,
                                           load_balancer={"policy": "peak_ewma"}))
        counts = self.spread(gateway, 100)
        self.assertLessEqual(counts["o2"], 2)
        self.assertGreater(counts["o0"], 0)
        self.assertGreater(counts["o1"], 0)

    def test_one_that_fails_fast_gets_few_requests(self):
        origins = self.origins(2)
        origins[1].handler = lambda connection, request: connection.reply(503)
        gateway = self.gateway(self.config(origins, workers=1,
                                           load_balancer={"policy": "peak_ewma"}))
        client = self.client(gateway)
        statuses = collections.Counter()
        for _ in range(100):
            client.request("GET", "/")
            statuses[client.read_response().status] += 1
        self.assertLessEqual(statuses[503], 2)


class ConnectionAgeTest(BalancingCase):
    def test_what_is_behind_an_address_gets_its_share_after_a_scale_up(self):
        # A load balancer deals out connections, as a Service does.
        backends = [0]
        counts = collections.Counter()
        lock = threading.Lock()
        dealt = {}

        def handler(connection, request):
            with lock:
                backend = dealt.setdefault(connection.number,
                                           backends[connection.number % len(backends)])
                counts[backend] += 1
            connection.reply(200)
        origin = self.origin(handler)
        gateway = self.gateway(self.config([origin], pool={"connection_age": "300ms"}))
        stop = threading.Event()
        failed = []

        def ask():
            with gateway.connect() as client:
                while not stop.is_set():
                    client.request("GET", "/")
                    status = client.read_response().status
                    if status != 200:
                        failed.append(status)
                    stop.wait(0.005)
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until("requests", lambda: sum(counts.values()) > 100)
        self.assertEqual(set(counts), {0})
        with lock:
            backends[:] = [0, 1, 2, 3]
            made = max(dealt)

        def all_new():
            with lock:
                return max(dealt) > made + 16
        wait_until("all connections to be new ones", all_new, timeout=20)
        with lock:
            counts.clear()
        wait_until("requests", lambda: sum(counts.values()) > 1000, timeout=30)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        for backend in range(4):
            self.assertGreater(counts[backend], sum(counts.values()) * 0.1, counts)

    def test_without_it_a_connection_lasts(self):
        origin, = self.origins(1)
        gateway = self.gateway(self.config([origin], workers=1))
        client = self.client(gateway)
        for _ in range(20):
            self.ask(client)
            time.sleep(0.03)
        self.assertEqual({r.connection for r in origin.requests}, {0})

    def test_over_http2(self):
        origin = H2Origin()
        self.addCleanup(origin.close)
        gateway = self.gateway(self.config([origin], workers=1, protocol="h2",
                                           pool={"connection_age": "300ms"}))
        client = self.client(gateway)

        def third():
            self.ask(client)
            return len(origin.connections) >= 3
        wait_until("a third connection", third, timeout=20)

    def test_an_answer_is_not_cut(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            release.wait(20)
            connection.send("cd")
        origin = self.origin(handler)
        gateway = self.gateway(self.config([origin], pool={"connection_age": "100ms"}))
        client = self.client(gateway)
        client.request("GET", "/")
        wait_until("the request", lambda: origin.heads)
        time.sleep(0.3)
        release.set()
        self.assertEqual(client.read_response().body, b"abcd")
        self.assertTrue(origin.connections[0].ended.wait(10))
        self.assertEqual(origin.connections[0].how, "closed")


class ConfigurationTest(BalancingCase):
    def test_explained_by_check(self):
        origin, = self.origins(1)
        config = self.config([origin], load_balancer={"policy": "hash"})
        gateway = self.gateway(self.config([origin]))
        answer = gateway.reload_by_post(config)
        self.assertEqual(answer.status, 422)
        self.assertTrue(re.search(r"'hash' needs `key`", answer.text), answer.text)
