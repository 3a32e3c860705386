"""Limits of an upstream's requests in flight that follow its latency, the order in which those who
wait are served, and what an upstream that does not answer costs others: interface.md section 2
(`concurrency`, `pool.order`, `pool.fair`)."""

import threading
import time

from harness import BlackHole, Case, basic_config, rows, wait_until
from harness.h2 import H2Client

LIMIT = "weir_upstream_concurrency_limit"


class ConcurrencyCase(Case):
    def setUp(self):
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def holding(self, connection, request):
        if request.target.startswith("/hold"):
            self.release.wait(30)
        connection.reply(200, [], request.target)

    def serve(self, handler=None, workers=1, pool=None, **upstream):
        self.upstream = self.origin(handler or self.holding)
        return self.gateway(basic_config(
            upstreams={"main": {"endpoints": [{"address": self.upstream.address}],
                                "pool": {"pending_timeout": "20s", **(pool or {})}, **upstream}},
            workers=workers))

    def send(self, gateway, target, headers=()):
        peer = self.client(gateway, timeout=30)
        peer.request("GET", target, headers)
        return peer

    def seen(self, gateway):
        return gateway.admin("GET", "/upstreams").json()[0]

    def waiting(self, gateway, count):
        wait_until(f"{count} waiting",
                   lambda: self.seen(gateway)["queue"]["waiting"] == count, 10)

    def limit(self, gateway):
        return gateway.metrics().value(LIMIT, upstream="main", endpoint=self.upstream.address)


class LimitTest(ConcurrencyCase):
    @rows([("fixed", {"policy": "fixed", "limit": 2}, 2),
           ("gradient begins with its least", {"policy": "gradient", "min": 3, "max": 50}, 3),
           ("heuristic begins with its floor", {"policy": "heuristic", "base": 50, "floor": 2}, 2)])
    def test_what_is_beyond_waits(self, concurrency, limit):
        gateway = self.serve(concurrency=concurrency)
        peers = [self.send(gateway, "/hold") for _ in range(limit)]
        self.upstream.wait_for_head(limit)
        peers += [self.send(gateway, "/hold/waits") for _ in range(2)]
        self.waiting(gateway, 2)
        self.assertEqual(self.limit(gateway), limit)
        seen = self.seen(gateway)
        self.assertEqual(seen["concurrency"], concurrency["policy"])
        endpoint, = seen["endpoints"]
        self.assertEqual((endpoint["in_flight"], endpoint["limit"]), (limit, limit))
        self.assertEqual(len(self.upstream.heads), limit)
        self.release.set()
        for peer in peers:
            self.assertEqual(peer.read_response().status, 200)

    def test_off_by_default(self):
        gateway = self.serve(pool={"in_flight": 7})
        self.assertEqual(self.fetch(gateway, "/x").status, 200)
        self.assertIsNone(gateway.metrics().value(LIMIT))
        seen = self.seen(gateway)
        self.assertEqual(seen["concurrency"], "off")
        self.assertEqual(seen["endpoints"][0]["limit"], 7)
        self.assertEqual(seen["queue"], {"waiting": 0, "most": 1024, "order": "fifo",
                                         "newest_first": False, "fair": None})

    def test_a_reload_changes_the_policy(self):
        gateway = self.serve(concurrency={"policy": "fixed", "limit": 1})
        held = self.send(gateway, "/hold")
        self.upstream.wait_for_head(1)
        second = self.send(gateway, "/hold/2")
        self.waiting(gateway, 1)
        config = gateway.config
        config["upstreams"]["main"]["concurrency"] = {"policy": "heuristic", "base": 9, "floor": 4}
        gateway.reload_by_post(config)
        self.upstream.wait_for_head(2)
        self.assertEqual(self.limit(gateway), 4)
        config["upstreams"]["main"]["concurrency"] = "off"
        gateway.reload_by_post(config)
        self.assertIsNone(self.limit(gateway))
        self.release.set()
        for peer in (held, second):
            self.assertEqual(peer.read_response().status, 200)


class MeasuredTest(ConcurrencyCase):
    """The origin's work is a pause of 40 ms: side by side, or one after the other."""

    def working(self, connection, request):
        if self.serial:
            with self.one:
                time.sleep(0.04)
        else:
            time.sleep(0.04)
        connection.reply(200)

    def load(self, gateway, clients):
        self.serial = False
        self.one = threading.Lock()
        self.over = threading.Event()
        self.failures = []

        def run():
            try:
                peer = self.client(gateway, timeout=30)
                while not self.over.is_set():
                    peer.request("GET", "/")
                    status = peer.read_response().status
                    if status != 200:
                        self.failures.append(status)
            except Exception as error:  # reaches the test
                self.failures.append(error)
        threads = [threading.Thread(target=run) for _ in range(clients)]

        def end():
            self.over.set()
            for thread in threads:
                thread.join(30)
        self.addCleanup(end)
        for thread in threads:
            thread.start()
        return end

    @rows([("gradient", {"policy": "gradient", "min": 3, "max": 64}),
           ("heuristic", {"policy": "heuristic", "base": 24, "floor": 3})])
    def test_it_grows_with_what_the_endpoint_can_do_and_falls_with_it(self, concurrency):
        self.serial = False
        gateway = self.serve(self.working, workers=2, concurrency=concurrency,
                             pool={"pending": 100})
        end = self.load(gateway, 24)
        wait_until("a limit of 12", lambda: self.limit(gateway) >= 12, 30, 0.05)
        self.serial = True
        wait_until("a limit below 12", lambda: self.limit(gateway) < 12, 60, 0.05)
        end()
        self.assertEqual(self.failures, [])
        wait_until("nobody in flight", lambda: self.seen(gateway)["endpoints"][0]["in_flight"] == 0)
        self.assertEqual(self.seen(gateway)["queue"]["waiting"], 0)


class OrderTest(ConcurrencyCase):
    def test_fifo(self):
        gateway = self.serve(pool={"in_flight": 1})
        peers = [self.send(gateway, "/hold")]
        self.upstream.wait_for_head(1)
        for number in range(3):
            peers.append(self.send(gateway, f"/{number}"))
            self.waiting(gateway, number + 1)
        self.release.set()
        for peer in peers:
            self.assertEqual(peer.read_response().status, 200)
        self.assertEqual(self.upstream.targets(), ["/hold", "/0", "/1", "/2"])

    def test_adaptive_serves_the_newest_first_once_the_oldest_waits_long(self):
        gateway = self.serve(pool={"in_flight": 1, "order": "adaptive", "pending_timeout": "10s"})
        peers = [self.send(gateway, "/hold")]
        self.upstream.wait_for_head(1)

        def newest_first():
            peers.append(self.send(gateway, f"/{len(peers)}"))
            self.waiting(gateway, len(peers) - 1)
            return self.seen(gateway)["queue"]["newest_first"]
        self.assertFalse(newest_first())
        wait_until("the newest go first", newest_first, 8, 0.25)
        self.release.set()
        for peer in peers:
            self.assertEqual(peer.read_response().status, 200)
        last = len(peers) - 1
        self.assertEqual(self.upstream.targets(),
                         ["/hold", *[f"/{n}" for n in range(last, 0, -1)]])
        wait_until("the order of before",
                   lambda: not self.seen(gateway)["queue"]["newest_first"])


class FairTest(ConcurrencyCase):
    fair = {"header": "x-tenant"}

    def ask(self, gateway, tenant, target="/"):
        return self.send(gateway, f"{target}{tenant}", [("X-Tenant", tenant)])

    def test_callers_take_turns(self):
        gateway = self.serve(pool={"in_flight": 1, "fair": self.fair})
        peers = [self.send(gateway, "/hold")]
        self.upstream.wait_for_head(1)
        for number, tenant in enumerate("aaaabc"):
            peers.append(self.ask(gateway, tenant))
            self.waiting(gateway, number + 1)
        self.assertEqual(self.seen(gateway)["queue"]["fair"], "header x-tenant")
        self.release.set()
        for peer in peers:
            self.assertEqual(peer.read_response().status, 200)
        self.assertEqual(self.upstream.targets(), ["/hold", "/a", "/b", "/c", "/a", "/a", "/a"])

    @rows([("one worker", 1), ("two workers", 2)])
    def test_nobody_fills_the_queue_alone(self, workers):
        gateway = self.serve(workers=workers,
                             pool={"in_flight": 1, "pending": 3, "fair": self.fair})
        held = self.send(gateway, "/hold")
        self.upstream.wait_for_head(1)
        many = []
        for number in range(3):
            many.append(self.ask(gateway, "a"))
            self.waiting(gateway, number + 1)
        refused = 0
        if workers == 1:  # with two, this one may have a turn at the other
            self.assert_problem(self.ask(gateway, "a").read_response(), "pool_full")
            refused = 1
        other = self.ask(gateway, "b")
        # One of theirs has gone for it.
        gateway.wait_metric(refused + 1, "weir_http_rejected_total", route="all", reason="pool_full")
        self.waiting(gateway, 3)
        self.release.set()
        self.assertEqual(held.read_response().status, 200)
        self.assertEqual(other.read_response().status, 200)
        self.assertEqual(sorted(peer.read_response().status for peer in many), [200, 200, 503])
        self.assertEqual(sorted(self.upstream.targets()), ["/a", "/a", "/b", "/hold"])

    def test_who_leaves_gives_up_its_place_and_its_turn(self):
        gateway = self.serve(pool={"in_flight": 1, "fair": self.fair, "order": "adaptive"})
        held = self.send(gateway, "/hold")
        self.upstream.wait_for_head(1)
        leaving = [self.ask(gateway, tenant) for tenant in "abab"]
        self.waiting(gateway, 4)
        staying = self.ask(gateway, "c")
        self.waiting(gateway, 5)
        for peer in leaving:
            peer.close()
        self.waiting(gateway, 1)
        self.release.set()
        self.assertEqual(held.read_response().status, 200)
        self.assertEqual(staying.read_response().status, 200)
        self.assertEqual(self.upstream.targets(), ["/hold", "/c"])
        endpoint, = self.seen(gateway)["endpoints"]
        self.assertEqual(endpoint["in_flight"], 0)


class BulkheadTest(ConcurrencyCase):
    """Ten thousand requests wait for an upstream that does not answer, on the only worker. The bound
    is shown by counts: what the other upstream needs is there each time it is asked for."""

    connections, streams = 10, 1000
    places = 8

    @rows([("it accepts and is silent", "silent", {}),
           ("it answers no connect", "black hole", {}),
           ("with a limit that is measured", "silent",
            {"concurrency": {"policy": "gradient", "min": 8, "max": 1000}}),
           ("with turns", "silent", {"fair": "client_ip", "order": "adaptive"})])
    def test_it_takes_its_own_places_and_nobody_elses(self, kind, more):
        if kind == "silent":
            address = self.origin(self.holding, name="slow").address
        else:
            hole = BlackHole()
            self.addCleanup(hole.close)
            address = hole.address
        other = self.origin(name="other")
        waiting = self.connections * self.streams - self.places
        concurrency = {"concurrency": more["concurrency"]} if "concurrency" in more else {}
        pool = {key: value for key, value in more.items() if key != "concurrency"}
        gateway = self.gateway(basic_config(
            [{"name": "slow", "match": {"path_prefix": "/hold"}, "upstream": "slow",
              "timeout": "300s"},
             {"name": "other", "match": {"path_prefix": "/"}, "upstream": "other"}],
            {"slow": {"endpoints": [{"address": address}], "connect_timeout": "300s", **concurrency,
                      "pool": {"in_flight": self.places, "pending": waiting,
                               "pending_timeout": "300s", **pool}},
             # None may wait: a place that is not free at once is a refusal.
             "other": {"endpoints": [{"address": other.address}],
                       "pool": {"in_flight": 2, "pending": 0}}},
            workers=1, limits={"h2_streams": self.streams},
            listener={"protocols": ["http1", "h2c"]}))

        def slow():
            seen, = [one for one in gateway.admin("GET", "/upstreams").json()
                     if one["name"] == "slow"]
            endpoint, = seen["endpoints"]
            return endpoint["in_flight"], seen["queue"]["waiting"]

        peers = [H2Client(gateway.address(), timeout=60) for _ in range(self.connections)]
        for peer in peers:
            self.addCleanup(peer.close)
            for _ in range(self.streams):
                peer.request(path="/hold")
        full = (self.places, waiting)
        wait_until("all to be there", lambda: slow() == full, 60, 0.1)
        client = self.client(gateway, timeout=30)
        for _ in range(300):
            client.request("GET", "/")
            self.assertEqual(client.read_response().status, 200)
        self.assertEqual(len(other.requests), 300)
        self.assertEqual(len(other.connections), 1)
        self.assertEqual(slow(), full)
        # What goes beyond is refused at once and moves nobody.
        self.assert_problem(self.fetch(gateway, "/hold"), "pool_full")
        self.assertEqual(slow(), full)
        for peer in peers:
            peer.close()
        wait_until("all to have left", lambda: slow() == (0, 0), 60, 0.1)
        client.request("GET", "/")
        self.assertEqual(client.read_response().status, 200)
