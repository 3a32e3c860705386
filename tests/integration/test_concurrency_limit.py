"""concurrency_limit: so many requests in flight of a caller, over all workers, tunnels included."""

import copy
import threading

from harness import Case, basic_config, wait_until
from test_http1_upgrade import FIELDS, echo_tunnel


class ConcurrencyLimitTest(Case):
    def serve(self, limit, **more):
        self.release = threading.Event()
        self.addCleanup(self.release.set)

        def hold(connection, request):
            if request.target.startswith("/ws"):
                return echo_tunnel(connection, request)
            if request.target.startswith("/body"):
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
                self.release.wait(30)
                return connection.send("llo")
            if request.target.startswith("/hold"):
                self.release.wait(30)
            return connection.reply(200, [], "ok")

        self.upstream = self.origin(hold)
        self.config = basic_config(
            [{"name": "r", "match": {"path_prefix": "/"}, "upstream": "main",
              "upgrades": ["websocket"], "middleware": [{"concurrency_limit": limit}]}],
            {"main": self.upstream.address}, **more)
        self.weir = self.gateway(self.config)

    def hold(self, count, target="/hold", headers=()):
        """Requests that are in flight, each on its connection."""
        before = len(self.upstream.heads)
        clients = [self.client(self.weir) for _ in range(count)]
        for client in clients:
            client.request("GET", target, headers)
        self.upstream.wait_for_head(before + count)
        return clients

    def status(self, target="/", headers=()):
        return self.fetch(self.weir, target, headers=headers).status

    def wait_free(self, headers=()):
        wait_until("a place", lambda: self.status(headers=headers) == 200)

    def test_over_all_workers(self):
        self.serve({"limit": 6})
        clients = self.hold(6)
        for _ in range(8):
            answer = self.fetch(self.weir)
            self.assert_problem(answer, "concurrency_limited")
            self.assertEqual(answer.header("retry-after"), "1")
        self.release.set()
        for client in clients:
            self.assertEqual(client.read_response().status, 200)
        self.wait_free()
        self.assertEqual(len(self.upstream.heads), 7)

    def test_by_key(self):
        self.serve({"limit": 1, "key": {"header": "x-tenant"}})
        self.hold(1, headers=[("x-tenant", "a")])
        self.assertEqual(self.status(headers=[("x-tenant", "a")]), 429)
        self.assertEqual(self.status(headers=[("x-tenant", "b")]), 200)
        self.assertEqual(self.status(), 200)

    def test_until_the_last_byte(self):
        self.serve({"limit": 1})
        [client] = self.hold(1, "/body")
        head = client.read_head()
        self.assertEqual((head.status, self.status()), (200, 429))
        self.release.set()
        client.read_body(head)
        self.wait_free()

    def test_a_client_that_leaves_gives_its_place_back(self):
        self.serve({"limit": 1})
        [client] = self.hold(1)
        client.reset()
        self.wait_free()

    def test_a_tunnel_counts_until_it_closes(self):
        self.serve({"limit": 1})
        peer = self.client(self.weir)
        peer.request("GET", "/ws", FIELDS)
        self.assertEqual(peer.read_head().status, 101)
        peer.read_exact(5)
        self.assertEqual(self.status(), 429)
        after = copy.deepcopy(self.config)
        after["routes"][0]["timeout"] = "9s"
        self.assertEqual(self.weir.reload_by_post(after).status, 200)
        self.assertEqual(self.status(), 429)
        peer.close()
        self.wait_free()

    def test_refused_ones_take_no_place(self):
        self.serve({"limit": 1})
        [client] = self.hold(1)
        self.assertEqual([self.status() for _ in range(5)], [429] * 5)
        self.release.set()
        self.assertEqual(client.read_response().status, 200)
        self.wait_free()
        self.assertEqual(self.weir.settled_metrics().value(
            "weir_http_rejected_total", route="r", reason="concurrency_limited") >= 5, True)
