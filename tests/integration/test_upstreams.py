"""Choosing an endpoint, the pool, and everything an endpoint can do wrong before it answers.
interface.md section 2 (`upstreams`) and section 3."""

import collections
import os
import tempfile
import threading
import time

from harness import BlackHole, Case, Refusing, basic_config, rows
from harness.waiting import bound


def upstream(*endpoints, **more):
    return {"endpoints": [e if isinstance(e, dict) else {"address": e} for e in endpoints], **more}


class BalancingTest(Case):
    def serve(self, weights, workers=1, **more):
        self.origins = [self.origin(name=f"o{i}") for i in range(len(weights))]
        return self.gateway(basic_config(upstreams={"main": upstream(
            *[{"address": o.address, "weight": w} for o, w in zip(self.origins, weights)],
            **more)}, workers=workers))

    def spread(self, gateway, requests):
        peer = self.client(gateway)
        for _ in range(requests):
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 200)
        return [len(o.requests) for o in self.origins]

    @rows([("equal", [1, 1, 1], [10, 10, 10]), ("weighted", [1, 2, 3], [5, 10, 15]),
           ("one without weight", [1, 0], [30, 0])])
    def test_round_robin(self, weights, expected):
        self.assertEqual(self.spread(self.serve(weights), 30), expected)

    def test_random_two_reaches_all(self):
        counts = self.spread(self.serve([1, 1, 1], load_balancer={"policy": "random_two"}), 90)
        self.assertEqual(sum(counts), 90)
        self.assertGreater(min(counts), 5, counts)

    def test_least_requests_avoids_the_busy_one(self):
        gateway = self.serve([1, 1], load_balancer={"policy": "least_requests"})
        release = threading.Event()

        def handler(connection, request):
            if request.target == "/hold":
                release.wait(10)
            connection.reply(200)
        for origin in self.origins:
            origin.handler = handler
        holder = self.client(gateway)
        holder.request("GET", "/hold")
        busy = self.which_head()
        peer = self.client(gateway)
        for _ in range(10):
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 200)
        release.set()
        self.assertEqual(busy.targets(), ["/hold"])

    def which_head(self):
        """The origin that has a head; waits on both."""
        deadline = time.monotonic() + bound(30)
        while time.monotonic() < deadline:
            for origin in self.origins:
                with origin.changed:
                    if origin.heads or origin.changed.wait_for(lambda: origin.heads, 0.02):
                        return origin
        self.fail("no origin got the request")

    @rows([("least_requests weighted", "least_requests"), ("random_two weighted", "random_two")])
    def test_weights_are_honoured(self, policy):
        counts = self.spread(self.serve([1, 9], load_balancer={"policy": policy}), 100)
        self.assertGreater(counts[1], 60, counts)

    def test_unix_endpoint(self):
        with tempfile.TemporaryDirectory(prefix="weir-sock-") as folder:
            origin = self.origin(path=os.path.join(folder, "o.sock"))
            gateway = self.gateway(basic_config(upstreams={"main": origin.address}))
            self.assertEqual(self.fetch(gateway, "/x").header("x-target"), "/x")
            origin.close()

    def test_host_name(self):
        origin = self.origin()
        gateway = self.gateway(basic_config(upstreams={"main": f"localhost:{origin.port}"}))
        self.assertEqual(self.fetch(gateway, "/x").header("x-target"), "/x")
        self.assertEqual(origin.requests[0].all("host"), ["test.example"])

    def test_ipv6_endpoint(self):
        origin = self.origin(host="::1")
        gateway = self.gateway(basic_config(upstreams={"main": origin.address}))
        self.assertEqual(self.fetch(gateway, "/x").header("x-target"), "/x")


class ConnectTest(Case):
    def refused(self):
        place = Refusing()
        self.addCleanup(place.close)
        return place.address

    def hole(self):
        hole = BlackHole()
        self.addCleanup(hole.close)
        return hole.address

    def test_refused(self):
        address = self.refused()
        gateway = self.gateway(basic_config(upstreams={"main": address}))
        response = self.fetch(gateway, "/")
        problem = self.assert_problem(response, "connect_failed")
        self.assertNotIn(address.split(":")[1], str(problem) + str(response.headers))
        self.assert_problem(self.fetch(gateway, "/", "HEAD"), "connect_failed", head=True)
        gateway.wait_metric(2, "weir_http_rejected_total", route="all", reason="connect_failed")

    def test_the_client_connection_survives(self):
        gateway = self.gateway(basic_config(upstreams={"main": self.refused()}))
        peer = self.client(gateway)
        for _ in range(3):
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 502)

    def test_timeout(self):
        gateway = self.gateway(basic_config(upstreams={"main": upstream(
            self.hole(), connect_timeout="300ms")}))
        start = time.monotonic()
        self.assert_problem(self.fetch(gateway, "/"), "connect_timeout")
        took = time.monotonic() - start
        self.assertGreaterEqual(took, 0.29)
        self.assertLess(took, bound(9))

    def test_unix_endpoint_that_is_not_there(self):
        gateway = self.gateway(basic_config(upstreams={"main": "unix:/nonexistent/o.sock"}))
        self.assert_problem(self.fetch(gateway, "/"), "connect_failed")

    def test_it_recovers(self):
        place = Refusing()
        gateway = self.gateway(basic_config(upstreams={"main": place.address}))
        self.assertEqual(self.fetch(gateway, "/").status, 502)
        place.socket.listen(5)
        accepted = threading.Event()

        def serve():
            sock, _ = place.socket.accept()
            sock.recv(4096)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup")
            accepted.wait(5)
            sock.close()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.assertEqual(self.fetch(gateway, "/").body, b"up")
        accepted.set()
        thread.join()
        place.close()


class TimeoutTest(Case):
    def setUp(self):
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def serve(self, handler, **route):
        self.upstream = self.origin(handler)
        return self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main", **route}],
            {"main": self.upstream.address}))

    def test_head_too_late(self):
        gateway = self.serve(lambda c, r: c.wait_ended(), timeout="300ms")
        start = time.monotonic()
        self.assert_problem(self.fetch(gateway, "/"), "request_timeout")
        self.assertGreaterEqual(time.monotonic() - start, 0.29)
        self.upstream.wait_connection_ended(0)

    def test_interim_answers_do_not_extend_it(self):
        def handler(connection, request):
            connection.send("HTTP/1.1 103 Early Hints\r\n\r\n")
            connection.wait_ended()
        gateway = self.serve(handler, timeout="300ms")
        self.assertEqual(self.fetch(gateway, "/").status, 504)

    def test_stands_still_while_the_body_arrives(self):
        gateway = self.serve(None, timeout="300ms")
        peer = self.client(gateway)
        peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        pause = threading.Event()
        for byte in b"hello":
            pause.wait(0.15)
            peer.send(bytes([byte]))
        self.assertEqual(peer.read_response().body, b"hello")

    def test_does_not_count_after_the_head(self):
        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            self.release.wait(0.7)
            connection.send("lf")
        gateway = self.serve(handler, timeout="300ms")
        self.assertEqual(self.fetch(gateway, "/").body, b"half")

    def test_zero_is_none(self):
        def handler(connection, request):
            self.release.wait(0.5)
            connection.reply(200)
        self.assertEqual(self.fetch(self.serve(handler, timeout="0"), "/").status, 200)

    @rows([("body", {"stream_idle_timeout": "300ms"}), ("absolute", {"max_duration": "600ms"})])
    def test_after_the_head_the_client_sees_truncation(self, route):
        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            connection.wait_ended()
        gateway = self.serve(handler, **route)
        peer = self.client(gateway)
        peer.request("GET", "/")
        self.assertEqual(peer.read_head().status, 200)
        peer.expect_gone()
        self.upstream.wait_connection_ended(0)

    def test_absolute_end_of_a_stream_that_moves(self):
        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not self.release.wait(0.05):
                connection.chunk(b"tick")
        gateway = self.serve(handler, max_duration="500ms", stream_idle_timeout="300ms")
        peer = self.client(gateway)
        peer.request("GET", "/")
        start = time.monotonic()
        self.assertEqual(peer.read_head().status, 200)
        peer.expect_gone()
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_absolute_end_while_the_client_does_not_read(self):
        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not self.release.is_set():
                connection.chunk(bytes(100_000))
        gateway = self.serve(handler, max_duration="500ms")
        peer = self.client(gateway)
        peer.request("GET", "/")
        # Far below the 30 s in which a slow client must read something.
        self.upstream.wait_connection_ended(0, 10)


class PoolTest(Case):
    def setUp(self):
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def holding(self, connection, request):
        if request.target.startswith("/hold"):
            self.release.wait(10)
        connection.reply(200, [], request.target)

    def serve(self, workers=1, **pool):
        self.upstream = self.origin(self.holding)
        return self.gateway(basic_config(upstreams={"main": upstream(
            self.upstream.address, pool=pool)}, workers=workers))

    def hold(self, gateway, count):
        peers = [self.client(gateway) for _ in range(count)]
        for peer in peers:
            peer.request("GET", "/hold")
        return peers

    @rows([("one worker", 1), ("two workers", 2)])
    def test_past_in_flight_requests_wait_and_are_served(self, workers):
        gateway = self.serve(workers, in_flight=2, pending=10, pending_timeout="8s")
        peers = self.hold(gateway, 8)
        self.upstream.wait_for_head(2)
        self.assertEqual(len(self.upstream.heads), 2)
        self.release.set()
        for peer in peers:
            self.assertEqual(peer.read_response().status, 200)

    def test_past_pending_timeout(self):
        gateway = self.serve(in_flight=1, pending=10, pending_timeout="300ms")
        held = self.hold(gateway, 1)
        self.upstream.wait_for_head(1)
        start = time.monotonic()
        self.assert_problem(self.fetch(gateway, "/x"), "pool_full")
        self.assertGreaterEqual(time.monotonic() - start, 0.29)
        self.release.set()
        self.assertEqual(held[0].read_response().status, 200)
        self.assertEqual(self.fetch(gateway, "/x").status, 200)

    def test_past_pending(self):
        gateway = self.serve(in_flight=1, pending=1, pending_timeout="8s")
        held = self.hold(gateway, 1)
        self.upstream.wait_for_head(1)
        held += self.hold(gateway, 1)
        # The third may come while the second is not queued yet; the fourth finds the queue full.
        answers = [self.client(gateway) for _ in range(3)]
        for peer in answers:
            peer.request("GET", "/x")
        refused = [peer for peer in answers if self.status_soon(peer) == 503]
        self.assertGreaterEqual(len(refused), 2)
        self.release.set()
        self.assertEqual(held[0].read_response().status, 200)

    def status_soon(self, peer):
        peer.socket.settimeout(bound(2.5))
        try:
            return peer.read_response().status
        except AssertionError:
            return None

    def test_a_waiter_that_leaves_gives_its_place_back(self):
        gateway = self.serve(in_flight=1, pending=5, pending_timeout="8s")
        held = self.hold(gateway, 1)
        self.upstream.wait_for_head(1)
        for peer in self.hold(gateway, 3):
            peer.reset()
        gateway.wait_metric(3, "weir_http_requests_total", status="499")
        self.release.set()
        self.assertEqual(held[0].read_response().status, 200)
        self.assertEqual(self.fetch(gateway, "/x").status, 200)
        self.assertEqual(self.upstream.targets(), ["/hold", "/x"])

    def test_idle_connections_are_closed_in_time(self):
        self.upstream = self.origin()
        gateway = self.gateway(basic_config(upstreams={"main": upstream(
            self.upstream.address, idle_timeout="300ms")}))
        self.fetch(gateway, "/")
        self.assertEqual(self.upstream.wait_connection_ended(0, 3), "closed")


class KeepAliveRaceTest(Case):
    """An idle connection that dies just as it is used: nobody sees it if the request may be sent
    again, and nothing is ever sent twice that may not."""

    def serve(self, how):
        def handler(connection, request):
            body = connection.read_body(request)
            if request.index > 0:
                getattr(connection, how)()
            else:
                connection.reply(200, [], body or request.target)
        self.upstream = self.origin(handler)
        return self.gateway(basic_config(upstreams={"main": self.upstream.address}, workers=1))

    @rows([(f"{method} {how}", method, how) for how in ("close", "reset")
           for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")])
    def test_replayed(self, method, how):
        peer = self.client(self.serve(how))
        for _ in range(3):
            peer.request(method, "/x")
            self.assertEqual(peer.read_response(method).status, 200)

    @rows([
        (f"{name} {how}", send, how) for how in ("close", "reset") for name, send in {
            "whole": ["Content-Length: 5\r\n\r\nhello"],
            "behind its head": ["Content-Length: 5\r\n\r\n", "hello"],
            "in two pieces": ["Content-Length: 5\r\n\r\nhe", "llo"],
            "in a chunk": ["Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
            "in two chunks": ["Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
                              "3\r\nllo\r\n0\r\n\r\n"],
        }.items()])
    def test_replayed_with_its_content(self, pieces, how):
        peer = self.client(self.serve(how))
        for number in range(3):
            peer.send("PUT /x HTTP/1.1\r\nHost: a\r\n" + pieces[0])
            for piece in pieces[1:]:
                # What is in two pieces here is not read as one by Weir.
                self.upstream.wait_for_head(max(1, 2 * number))
                peer.send(piece)
            response = peer.read_response()
            self.assertEqual((response.status, response.body), (200, b"hello"))

    def test_not_replayed_when_its_content_is_large(self):
        peer = self.client(self.serve("close"))
        peer.request("PUT", "/x", body=b"1")
        self.assertEqual(peer.read_response().status, 200)
        peer.request("PUT", "/x", body=b"2" * 100_000)
        self.assert_problem(peer.read_response(), "upstream_reset")

    @rows([("POST close", "POST", "close"), ("POST reset", "POST", "reset"),
           ("PATCH close", "PATCH", "close")])
    def test_not_replayed(self, method, how):
        peer = self.client(self.serve(how))
        peer.request(method, "/x", body=b"1")
        self.assertEqual(peer.read_response().status, 200)
        peer.request(method, "/x", body=b"2")
        self.assert_problem(peer.read_response(), "upstream_reset")
        self.assertEqual(collections.Counter(r.body for r in self.upstream.requests),
                         {b"1": 1, b"2": 1})

    def test_never_after_a_byte_of_the_answer(self):
        def handler(connection, request):
            connection.read_body(request)
            if request.index > 0:
                connection.send("HTTP/1.1 2")
                connection.close()
            else:
                connection.reply(200)
        self.upstream = self.origin(handler)
        gateway = self.gateway(basic_config(upstreams={"main": self.upstream.address}, workers=1))
        peer = self.client(gateway)
        peer.request("GET", "/1")
        peer.read_response()
        peer.request("GET", "/2")
        self.assertEqual(peer.read_response().status, 502)
        self.assertEqual(self.upstream.targets(), ["/1", "/2"])

    def test_only_once(self):
        """A fresh connection that dies too is the upstream's answer."""
        def handler(connection, request):
            connection.read_body(request)
            if request.target == "/bad":
                connection.close()
            else:
                connection.reply(200)
        self.upstream = self.origin(handler)
        gateway = self.gateway(basic_config(upstreams={"main": self.upstream.address}, workers=1))
        peer = self.client(gateway)
        peer.request("GET", "/")
        peer.read_response()
        peer.request("GET", "/bad")
        self.assert_problem(peer.read_response(), "upstream_reset")
        self.assertEqual(self.upstream.targets(), ["/", "/bad", "/bad"])

    def test_a_connection_closed_while_idle_is_not_used(self):
        """Not even for POST: the end had been visible before."""
        def handler(connection, request):
            connection.reply(200, [], connection.read_body(request))
            connection.close()
        self.upstream = self.origin(handler)
        gateway = self.gateway(basic_config(upstreams={"main": self.upstream.address}, workers=1))
        peer = self.client(gateway)
        for number in range(5):
            peer.request("POST", "/", body=b"%d" % number)
            self.assertEqual(peer.read_response().body, b"%d" % number)
            self.upstream.wait_connection_ended(number)
