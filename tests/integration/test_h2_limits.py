"""Limits of an HTTP/2 connection and its requests, and how it is closed so that nothing is lost."""

import socket
import struct
import threading
import time

from harness.case import Case, rows
from harness.client import Truncated
from harness.gateway import basic_config
from harness.h2 import DATA, GOAWAY, PING, H2Client, frame
from harness.h2_frames import HEADER_TABLE_SIZE
from harness.waiting import bound, wait_until


class Limits(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"o": cls.server.address}, listener={"protocols": ["h2c"]},
            limits={"uri_size": "1KiB", "header_size": "4KiB", "header_count": 20,
                    "body_size": "2KiB"}))

    def setUp(self):
        self.client = H2Client(self.weir.address())
        self.addCleanup(self.client.close)

    @rows([
        ("a path too long", "/" + "x" * 1024, [], 414),
        ("a path just short enough", "/" + "x" * 1023, [], 200),
        ("fields too large", "/", [("x", "y" * 4096)], 431),
        ("fields too large together", "/", [(f"x{i}", "y" * 250) for i in range(16)], 431),
        ("32 bytes a field", "/", [("x", "y" * 3700)], 200),
        ("too many headers", "/", [("x", "y")] * 21, 431),
        ("as many as allowed", "/", [("x", "y")] * 20, 200),
        ("crumbs count apart", "/", [("x", "y")] * 20 + [("cookie", "a")] * 50, 200),
        ("an underscore", "/", [("x_y", "z")], 400),
        ("another expectation", "/", [("expect", "more")], 417),
    ])
    def test_head(self, path, fields, status):
        answer = self.client.fetch(path=path, headers=fields)
        self.assertEqual(answer.status, status, answer)
        if status == 400:
            self.assertIn(b"x_y", answer.body)
        self.assertEqual(self.client.fetch().status, 200)

    @rows([("announced", [("content-length", "3000")]), ("not announced", [])])
    def test_content_too_large(self, fields):
        answer = self.client.fetch("POST", "/", fields, b"x" * 3000)
        self.assertEqual(answer.status, 413, answer)
        self.assertEqual(self.client.fetch().status, 200)

    def test_expect_continue(self):
        stream = self.client.request("POST", headers=[("expect", "100-continue")], end=False)
        interim = self.client.head(stream)
        self.assertEqual(dict(interim.fields)[":status"], "100")
        self.client.data(stream, b"hello", end=True)
        self.assertEqual(self.client.answer(stream).body, b"hello")

    def test_content_that_is_here_is_not_waited_with(self):
        """The origin never says 100. At the best of five times: what waits for a second always
        does, a busy machine not always."""
        best = float("inf")
        for _ in range(5):
            began = time.monotonic()
            answer = self.client.fetch("POST", "/", [("expect", "100-continue")], b"x" * 1000)
            self.assertEqual(answer.body, b"x" * 1000)
            stream = self.client.request("POST", headers=[("expect", "100-continue")], end=False)
            self.client.data(stream, b"hel")
            self.client.data(stream, b"lo", end=True)
            self.assertEqual(self.client.answer(stream).body, b"hello")
            best = min(best, time.monotonic() - began)
        self.assertLess(best, 0.9)


class Underscores(Case):
    @rows([("drop", "drop", False), ("keep", "keep", True)])
    def test_underscores(self, policy, kept):
        server = self.origin()
        weir = self.gateway(basic_config(upstreams={"o": server.address}, workers=1,
                                         listener={"protocols": ["h2c"]},
                                         limits={"underscores": policy}))
        client = H2Client(weir.address())
        self.addCleanup(client.close)
        self.assertEqual(client.fetch(headers=[("x_y", "z")]).status, 200)
        self.assertEqual("x_y" in server.heads[-1].names(), kept)


class Closing(Case):
    def start(self, handler=None, **limits):
        self.server = self.origin(handler)
        self.weir = self.gateway(basic_config(upstreams={"o": self.server.address}, workers=1,
                                              listener={"protocols": ["http1", "h2c"]},
                                              limits=limits))
        return self.connect_h2()

    def connect_h2(self):
        client = H2Client(self.weir.address())
        self.addCleanup(client.close)
        return client

    def assert_two_goaways(self, client, last):
        first = client.goaway()
        self.assertEqual((first.last_stream, first.error), (0x7fffffff, 0))
        second = client.goaway()
        self.assertEqual((second.last_stream, second.error), (last, 0))

    def test_requests_per_connection(self):
        client = self.start(requests_per_connection=3)
        for _ in range(3):
            self.assertEqual(client.fetch().status, 200)
        self.assert_two_goaways(client, 5)
        client.expect_end()

    def test_connection_age(self):
        client = self.start(connection_age="300ms")
        self.assertEqual(client.fetch().status, 200)
        self.assert_two_goaways(client, 1)
        client.expect_end()

    def test_requests_between_the_goaways_are_served(self):
        client = self.start(requests_per_connection=1)
        client.request()
        # The harness answers PINGs as it reads them: none may have come before the notice.
        frames = []
        while not frames or frames[-1].kind != GOAWAY:
            frames.append(client.read_frame())
        self.assertNotIn(PING, [each.kind for each in frames])
        self.assertEqual(frames[-1].last_stream, 0x7fffffff)
        stream = client.request(path="/between")
        self.assertEqual(client.answer(stream).status, 200)
        self.assertEqual(client.goaway().last_stream, stream)

    def test_idle(self):
        client = self.start(idle_timeout="300ms")
        client.fetch()
        self.assertEqual(client.goaway().error, 0)
        client.expect_end()

    def test_a_connection_that_says_nothing(self):
        self.start(header_timeout="300ms")
        client = H2Client(self.weir.address(), start=False)
        self.addCleanup(client.close)
        client.expect_end()

    def test_drain_serves_what_is_in_flight(self):
        release = threading.Event()

        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            release.wait(60)
            connection.send("lf")
        client = self.start(handler)
        stream = client.request()
        client.head(stream)
        self.weir.signal(15)
        self.assert_two_goaways(client, stream)
        release.set()
        answer = client.answer(stream)
        self.assertTrue(answer.ended)
        client.expect_end()
        self.assertEqual(self.weir.wait_exit(), 0)

    def test_drain_ends_an_idle_connection(self):
        client = self.start()
        client.fetch()
        self.weir.signal(15)
        self.assert_two_goaways(client, 1)
        client.expect_end()
        self.assertEqual(self.weir.wait_exit(), 0)

    @rows([("that asked before", 1), ("that never asked", 0)])
    def test_drain_does_not_wait_for_a_client_that_pings(self, requests):
        """One with streams is waited for; one that has none and goes on pinging is not, and does
        not close either."""
        client = self.start()
        for _ in range(requests):
            client.fetch()
        stop = threading.Event()
        self.addCleanup(stop.set)

        def ping():
            while not stop.wait(0.02) and client.try_send(frame(PING, 0, 0, b"keepaliv")):
                pass
        pinging = threading.Thread(target=ping)
        pinging.start()
        try:
            client.pong(b"keepaliv")
            self.weir.signal(15)
            begun = time.monotonic()
            while True:
                client.read_frame("the end")
        except Truncated:
            self.assertEqual(self.weir.wait_exit(), 0)
            self.assertLess(time.monotonic() - begun, bound(9))
        finally:
            stop.set()
            pinging.join()

    def test_a_connection_that_begins_while_draining_is_served(self):
        self.start()
        self.assertIn(self.weir.admin("POST", "/drain").status, (200, 204))
        client = self.connect_h2()
        self.assertEqual(client.fetch().status, 200)
        self.assert_two_goaways(client, 1)
        self.assertIn(self.weir.admin("POST", "/undrain").status, (200, 204))
        client = self.connect_h2()
        for _ in range(3):
            self.assertEqual(client.fetch().status, 200)
        client.ping()
        client.pong()
        self.assertFalse([f for f in client.frames if f.kind == GOAWAY])

    def test_the_end_of_the_drain_cuts(self):
        self.server = self.origin(lambda connection, request: connection.wait_ended(60))
        self.weir = self.gateway(basic_config(upstreams={"o": self.server.address}, workers=1,
                                              server={"drain_timeout": "300ms"},
                                              listener={"protocols": ["h2c"]}))
        client = self.connect_h2()
        client.request()
        self.server.wait_for_head()
        self.weir.signal(15)
        client.expect_end()
        self.assertEqual(self.weir.wait_exit(), 2)

    def test_a_client_that_dies_behind_its_half_close_is_let_go(self):
        stop = threading.Event()
        self.addCleanup(stop.set)

        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not stop.wait(0.02):
                connection.chunk(b"x")
        client = self.start(handler, client_half_close="finish")
        stream = client.request()
        client.head(stream)
        client.socket.shutdown(socket.SHUT_WR)
        client.next(lambda f: f.kind == DATA, "content")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.socket.close()
        self.weir.wait_metric(0, "weir_http_requests_in_flight")

    def test_content_that_ends_with_the_connection_is_not_waited_for(self):
        client = self.start(client_half_close="finish", body_idle_timeout="60s")
        client.request("POST", "/", [("content-length", "10")], b"half", end=False)
        self.server.wait_for_head()
        client.socket.shutdown(socket.SHUT_WR)
        self.server.wait_connection_ended()
        self.weir.wait_metric(0, "weir_http_requests_in_flight")

    def test_answers_queued_within_a_settings_frame_are_no_fault_of_it(self):
        release, stop = threading.Event(), threading.Event()
        self.addCleanup(stop.set)
        self.addCleanup(release.set)

        def handler(connection, request):
            if request.target == "/large":
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while not stop.is_set():
                    connection.chunk(b"x" * 65536)
                    chunks.append(1)
            else:
                release.wait(60)
                connection.reply()
        chunks = []
        self.start(handler)
        client = H2Client(self.weir.address(), window=2**31 - 1)
        self.addCleanup(client.close)
        client.give(0, 2**31 - 1 - 65535)
        held = [client.request(path="/held") for _ in range(5)]
        self.server.wait_for_head(5)
        large = client.request(path="/large")
        client.head(large)
        whole = client.settings([(HEADER_TABLE_SIZE, 4096)])
        client.send(whole[:9])
        # Nothing is read here: once the output is full, the answers stay in the queue.
        looks = []

        def is_stuck():
            looks.append(sum(chunks))
            return len(looks) > 1 and looks[-1] == looks[-2]
        wait_until("the output to be full", is_stuck, timeout=10, interval=0.3)
        release.set()
        self.weir.wait_metric(5, "weir_upstream_connections", state="idle")
        client.send(whole[9:])
        client.ping(b"answered")
        stop.set()
        client.pong(b"answered")
        for stream in held:
            self.assertEqual(client.answer(stream).status, 200)

    def test_a_client_that_reads_slowly_gets_all(self):
        body = bytes(range(256)) * 4096
        client = self.start(lambda connection, request: connection.reply(body=body))
        client.giving = False
        stream = client.request()
        got = b""
        while len(got) < len(body):
            piece = client.next(lambda f: f.kind == DATA and f.stream == stream, "content")
            got += piece.payload
            client.give(0, len(piece.payload))
            client.give(stream, len(piece.payload))
        self.assertEqual(got, body)

    def test_reload_under_load(self):
        self.start()
        failures = []
        stop = threading.Event()

        def ask():
            client = H2Client(self.weir.address())
            while not stop.is_set():
                if client.fetch().status != 200:
                    failures.append(client)
            client.close()
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            self.assertEqual(self.weir.reload_by_post().status, 200)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        wait_until("no request in flight",
                   lambda: not self.weir.metrics().value("weir_http_requests_in_flight"))
