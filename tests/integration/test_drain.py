"""The end, step by step: readiness first, then the listeners, then what is in flight, then the rest;
and what the exit code says about it. interface.md sections 1, 3 and 5."""

import signal
import socket
import tempfile
import threading
import time

from harness import Case, Client, Gateway, basic_config, rows, wait_until, weir
from harness.waiting import bound


class DrainCase(Case):
    def serve(self, handler=None, workers=1, **server):
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        self.upstream = self.origin(handler)
        self.weir = self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
              "upgrades": ["websocket"]}],
            {"main": self.upstream.address}, server={"workers": workers, **server}))

    def hold(self, connection, request):
        connection.read_body(request)
        self.release.wait(15)
        connection.reply(200, [], "in full")

    def ready(self):
        return self.weir.admin("GET", "/readyz").status

    def accepts(self):
        try:
            self.weir.connect(timeout=1).close()
            return True
        except OSError:
            return False


class TerminateTest(DrainCase):
    @rows([("SIGTERM", signal.SIGTERM), ("SIGINT", signal.SIGINT)])
    def test_nothing_in_flight_ends_at_once(self, number):
        self.serve(drain_timeout="10s")
        self.fetch(self.weir, "/")
        start = time.monotonic()
        self.weir.signal(number)
        self.assertEqual(self.weir.wait_exit(), 0)
        self.assertLess(time.monotonic() - start, bound(9))

    @rows([("SIGTERM", signal.SIGTERM), ("SIGINT", signal.SIGINT)])
    def test_signals_until_it_is_gone(self, number):
        """None of them comes where it would kill: the code is that of the drain."""
        self.serve()
        deadline = time.monotonic() + bound(20)
        while self.weir.process.poll() is None and time.monotonic() < deadline:
            self.weir.signal(number)
        self.assertEqual(self.weir.wait_exit(), 0)

    def test_idle_connections_do_not_hold_it_up(self):
        self.serve(drain_timeout="10s")
        used, fresh = self.client(self.weir), self.client(self.weir)
        used.request("GET", "/")
        used.read_response()
        start = time.monotonic()
        self.assertEqual(self.weir.terminate(), 0)
        self.assertLess(time.monotonic() - start, bound(9))
        used.expect_gone()
        fresh.expect_gone()

    def test_connections_that_were_not_yet_accepted_are_answered(self):
        """Of a unix: address, where one worker accepts for all and hands on."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        upstream = self.origin()
        gateway = self.gateway(basic_config(
            upstreams={"main": upstream.address}, server={"drain_timeout": "10s"},
            listener={"bind": f"unix:{folder.name}/http.sock"}))
        gateway.stop()
        peers = [self.client(gateway) for _ in range(9)]
        for peer in peers:
            peer.request("GET", "/")
        gateway.signal(signal.SIGTERM)
        gateway.signal(signal.SIGCONT)
        for peer in peers:
            self.assertEqual(peer.read_response().status, 200)
        self.assertEqual(gateway.wait_exit(), 0)

    def test_requests_in_flight_are_answered_in_full(self):
        self.serve(self.hold, drain_timeout="10s")
        peers = [self.client(self.weir) for _ in range(3)]
        for peer in peers[:2]:
            peer.request("GET", "/")
        peers[2].send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
        self.upstream.wait_for_head(3)
        self.weir.signal(signal.SIGTERM)
        wait_until("the listener to close", lambda: not self.accepts())
        peers[2].send("llo")
        self.upstream.wait_for_request(3)
        self.release.set()
        for peer in peers:
            response = peer.read_response()
            self.assertEqual((response.status, response.body), (200, b"in full"))
            self.assert_closing(peer, response)
        self.assertEqual(self.weir.wait_exit(), 0)

    def test_a_stream_is_let_to_its_end(self):
        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.chunk(b"one")
            self.release.wait(15)
            connection.chunk(b"two")
            connection.send("0\r\n\r\n")
        self.serve(handler, drain_timeout="10s")
        peer = self.client(self.weir)
        peer.request("GET", "/")
        peer.read_head()
        self.assertEqual(peer.read_chunk(), b"one")
        self.weir.signal(signal.SIGTERM)
        wait_until("the listener to close", lambda: not self.accepts())
        self.release.set()
        self.assertEqual((peer.read_chunk(), peer.read_chunk()), (b"two", b""))
        self.assertEqual(self.weir.wait_exit(), 0)

    def test_what_is_left_is_cut_and_the_exit_says_so(self):
        self.serve(lambda c, r: c.wait_ended(10), drain_timeout="500ms")
        peer = self.client(self.weir)
        peer.request("GET", "/")
        self.upstream.wait_for_head()
        start = time.monotonic()
        self.assertEqual(self.weir.terminate(), 2)
        self.assertGreaterEqual(time.monotonic() - start, 0.45)
        peer.expect_gone()

    def test_a_second_signal_ends_at_once(self):
        self.serve(lambda c, r: c.wait_ended(10), drain_timeout="30s")
        peer = self.client(self.weir)
        peer.request("GET", "/")
        self.upstream.wait_for_head()
        self.weir.signal(signal.SIGTERM)
        wait_until("the listener to close", lambda: not self.accepts())
        start = time.monotonic()
        self.weir.signal(signal.SIGTERM)
        self.assertEqual(self.weir.wait_exit(), 2)
        self.assertLess(time.monotonic() - start, bound(9))

    def test_tunnels_are_cut_at_the_end(self):
        def tunnel(connection, request):
            connection.send("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
            while True:
                connection.send(connection.read_some())
        self.serve(tunnel, drain_timeout="3s")
        peer = self.client(self.weir)
        peer.request("GET", "/", [("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                  ("Sec-WebSocket-Version", "13"),
                                  ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        self.assertEqual(peer.read_head().status, 101)
        self.weir.signal(signal.SIGTERM)
        wait_until("the listener to close", lambda: not self.accepts())
        peer.send("still")
        self.assertEqual(peer.read_exact(5), b"still")
        self.assertEqual(self.weir.wait_exit(), 2)
        peer.expect_gone()


class DelayTest(DrainCase):
    def test_steps(self):
        """Not ready, but accepting and answering with Connection: close; then the listener goes."""
        self.serve(drain_delay="4s", drain_timeout="5s")
        kept = self.client(self.weir)
        kept.request("GET", "/")
        self.assertIsNone(kept.read_response().header("connection"))
        self.assertEqual(self.ready(), 200)
        start = time.monotonic()
        self.weir.signal(signal.SIGTERM)
        wait_until("readiness to end", lambda: self.ready() == 503)
        self.assertEqual(self.weir.admin("GET", "/healthz").status, 200)
        fresh = self.client(self.weir)
        for peer in (kept, fresh):
            peer.request("GET", "/")
            response = peer.read_response()
            self.assertEqual(response.status, 200)
            self.assert_closing(peer, response)
        self.assertEqual(self.weir.wait_exit(), 0)
        self.assertGreaterEqual(time.monotonic() - start, 3.9)

    def test_second_signal_inside_the_delay(self):
        self.serve(drain_delay="30s")
        self.weir.signal(signal.SIGTERM)
        wait_until("readiness to end", lambda: self.ready() == 503)
        start = time.monotonic()
        self.weir.signal(signal.SIGTERM)
        self.assertIn(self.weir.wait_exit(), (0, 2))
        self.assertLess(time.monotonic() - start, bound(9))


class UnderLoadTest(DrainCase):
    @rows([("no delay", "0s"), ("delay", "400ms")])
    def test_every_request_that_was_sent_is_answered_in_full(self, delay):
        """Clients that honour Connection: close lose nothing; the exit is clean."""
        self.serve(workers=2, drain_delay=delay, drain_timeout="10s")
        stop = threading.Event()
        lost, served = [], []
        warm = threading.Barrier(9)

        def client_loop():
            count = 0
            first = True
            try:
                while not stop.is_set():
                    try:
                        peer = Client(self.weir.address())
                    except OSError:
                        return  # the listener is gone
                    with peer:
                        while not stop.is_set():
                            try:
                                peer.request("POST", "/", body=b"x" * 50)
                                response = peer.read_response()
                            except BaseException as error:
                                lost.append((count, first, repr(error)))
                                return
                            if response.body != b"x" * 50:
                                lost.append(response)
                            count += 1
                            if count == 20 and first:
                                first = False
                                warm.wait(10)
                            if response.header("connection"):
                                break
            finally:
                served.append(count)
        threads = [threading.Thread(target=client_loop, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        warm.wait(10)
        self.weir.signal(signal.SIGTERM)
        code = self.weir.wait_exit(15)
        stop.set()
        for thread in threads:
            thread.join(10)
        self.assertEqual(lost, [])
        self.assertEqual(code, 0)

    def test_connections_waiting_to_be_accepted_are_served(self):
        """Whoever was in the queue when the listener closed gets an answer."""
        self.serve(drain_delay="0s", drain_timeout="10s")
        peers = []
        for _ in range(40):
            peers.append(self.client(self.weir))
            peers[-1].request("GET", "/")
        self.weir.signal(signal.SIGTERM)
        for peer in peers:
            self.assertEqual(peer.read_response().status, 200)
        self.assertEqual(self.weir.wait_exit(), 0)


class AdminDrainTest(DrainCase):
    def test_drain_and_undrain(self):
        self.serve()
        self.assertIn(self.weir.admin("POST", "/drain").status, (200, 204))
        self.assertEqual(self.ready(), 503)
        self.assertEqual(self.weir.admin("GET", "/healthz").status, 200)
        for _ in range(2):
            peer = self.client(self.weir)
            peer.request("GET", "/")
            response = peer.read_response()
            self.assertEqual(response.status, 200)
            self.assert_closing(peer, response)
        self.assertIn(self.weir.admin("POST", "/undrain").status, (200, 204))
        self.assertEqual(self.ready(), 200)
        peer = self.client(self.weir)
        for _ in range(2):
            peer.request("GET", "/")
            self.assertIsNone(peer.read_response().header("connection"))

    def test_it_does_not_end_the_process(self):
        self.serve(drain_timeout="200ms", drain_delay="0s")
        self.weir.admin("POST", "/drain")
        self.assertIsNone(self.weir.process.poll())
        threading.Event().wait(0.6)
        self.assertEqual(self.fetch(self.weir, "/").status, 200)

    def test_health_command(self):
        self.serve()
        address = "%s:%d" % self.weir.addresses["admin"]
        self.assertEqual(weir("health", "--admin", address).returncode, 0)
        self.weir.admin("POST", "/drain")
        self.assertEqual(weir("health", "--admin", address).returncode, 1)


class StartTest(Case):
    def test_address_in_use(self):
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        config = basic_config([{"name": "r", "match": {"path": "/"}, "respond": {"status": 200}}])
        config["listeners"][0]["bind"] = "127.0.0.1:%d" % taken.getsockname()[1]
        gateway = Gateway(config)
        self.addCleanup(gateway.close)
        with self.assertRaises(AssertionError):
            gateway.start()
        self.assertEqual(gateway.process.returncode, 1)
