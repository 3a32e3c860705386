"""Limits of a listener: sizes are answered with their own status, time limits end what does not
move, and counts close politely. interface.md section 2, `limits`."""

import os
import resource
import threading
import time

from harness import Case, Truncated, basic_config, rows, wait_until
from harness.h2 import H2Client
from harness.waiting import bound


class SizesTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"main": cls.upstream.address},
            limits={"uri_size": "1KiB", "header_size": "4KiB", "header_count": 20,
                    "body_size": "10KB"}))

    def setUp(self):
        self.upstream.clear()
        self.peer = self.client(self.weir)

    def answer(self, raw):
        self.peer.send(raw)
        return self.peer.read_response()

    @staticmethod
    def head(*fields, target="/"):
        return f"GET {target} HTTP/1.1\r\nHost: a\r\n" + "".join(
            f"{field}\r\n" for field in fields) + "\r\n"

    @rows([
        ("just fits", 1024, 200), ("one more", 1025, 414), ("much more", 3000, 414),
        ("more than a head may have", 100_000, 414),
    ])
    def test_uri(self, size, status):
        response = self.answer(self.head(target="/" + "x" * (size - 1)))
        self.assertEqual(response.status, status, response)
        if status == 414:
            self.assert_problem(response, "uri_too_long")
            self.assert_closing(self.peer, response)
            self.assertEqual(self.upstream.heads, [])

    @rows([
        ("twenty fields", 19, 200), ("twenty-one fields", 20, 431), ("two hundred", 199, 431),
    ])
    def test_count(self, more, status):
        response = self.answer(self.head(*[f"X-{i}: 1" for i in range(more)]))
        self.assertEqual(response.status, status, response)
        if status == 431:
            self.assert_problem(response, "headers_too_large")
            self.assert_closing(self.peer, response)

    def size_of(self, head):
        """As counted: the request line and the fields, and 32 for each."""
        lines = head.split("\r\n")[:-2]
        return len(lines[0]) + sum(len(line) + 32 for line in lines[1:])

    @rows([
        ("well below", 3900, 200), ("well above", 4300, 431), ("far above", 60_000, 431),
    ])
    def test_size(self, size, status):
        value = "y" * (size - self.size_of(self.head("X: ")))
        response = self.answer(self.head(f"X: {value}"))
        self.assertEqual(response.status, status, response)
        if status == 431:
            self.assert_problem(response, "headers_too_large")
            self.assert_closing(self.peer, response)

    def test_the_32_of_each_field_count(self):
        """Fifteen short fields stay far below 4 KiB on the wire, as do a hundred of twenty bytes."""
        fields = [f"X-{i:02}: {'y' * 190}" for i in range(18)]
        raw = self.head(*fields)
        self.assertLess(len(raw), 4096)
        self.assertGreater(self.size_of(raw), 4096)
        self.assertEqual(self.answer(raw).status, 431)

    def test_a_head_without_end(self):
        self.peer.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + "y" * 8000)
        response = self.peer.read_response()
        self.assert_problem(response, "headers_too_large")
        self.assert_closing(self.peer, response)

    @rows([
        ("length fits", 10_000, False, 200), ("length too large", 10_001, False, 413),
        ("length far too large", 10**15, False, 413),
        ("chunks fit", 10_000, True, 200), ("chunks too large", 10_001, True, 413),
    ])
    def test_body(self, size, chunked, status):
        if chunked:
            raw = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(
                b"%x\r\n%s\r\n" % (n, b"z" * n) for n in (size // 2, size - size // 2))
            raw += b"0\r\n\r\n"
        else:
            raw = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
            if status == 200:
                raw += b"z" * size
        response = self.answer(raw)
        self.assertEqual(response.status, status, response)
        if status == 413:
            self.assert_problem(response, "body_too_large")
            self.assert_closing(self.peer, response)
            self.fetch(self.weir, "/after")
            self.assertEqual([r.target for r in self.upstream.requests], ["/after"])
        else:
            self.assertEqual(len(response.body), size)

    def test_body_with_expect_is_refused_before_it_is_sent(self):
        response = self.answer("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                               "Content-Length: 10001\r\n\r\n")
        self.assertEqual((response.status, response.interim), (413, []))


class TimesTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"main": cls.upstream.address},
            limits={"header_timeout": "700ms", "idle_timeout": "1200ms",
                    "body_idle_timeout": "700ms"}))

    def setUp(self):
        self.upstream.clear()
        self.upstream.handler = lambda connection, request: connection.reply(
            200, [], connection.read_body(request))
        self.peer = self.client(self.weir)

    def assert_between(self, start, low, high):
        """Not before its time; the upper bound only guards against a limit that does not work."""
        took = time.monotonic() - start
        self.assertGreaterEqual(took, low)
        self.assertLess(took, bound(high))

    @rows([
        ("one byte", "G"), ("a request line", "GET / HTTP/1.1\r\n"),
        ("half a head", "GET / HTTP/1.1\r\nHost: a\r\nX-"),
    ])
    def test_slow_head(self, part):
        start = time.monotonic()
        self.peer.send(part)
        response = self.peer.read_response()
        self.assert_between(start, 0.29, 9)
        self.assert_problem(response, "client_timeout")
        self.assert_closing(self.peer, response)

    def test_a_head_by_single_bytes_does_not_extend_it(self):
        """The limit counts from the first byte, whatever follows."""
        start = time.monotonic()
        stop = threading.Event()

        def drip():
            try:
                for byte in "GET / HTTP/1.1\r\nX: " + "y" * 1000:
                    self.peer.send(byte)
                    if stop.wait(0.05):
                        return
            except OSError:
                pass
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            self.assertEqual(self.peer.read_response().status, 408)
        finally:
            stop.set()
            thread.join()
        self.assert_between(start, 0.29, 9)

    def test_slow_head_of_a_second_request(self):
        self.peer.request("GET", "/")
        self.assertEqual(self.peer.read_response().status, 200)
        self.peer.send("GET / HT")
        self.assertEqual(self.peer.read_response().status, 408)

    def test_a_connection_that_never_sent_closes_silently(self):
        start = time.monotonic()
        self.peer.expect_closed()
        self.assert_between(start, 0.25, 9)

    def test_idle_after_an_answer_closes_silently(self):
        self.peer.request("GET", "/")
        self.peer.read_response()
        start = time.monotonic()
        self.peer.expect_closed()
        self.assert_between(start, 0.55, 9)

    @rows([("length", "Content-Length: 100000\r\n\r\n"),
           ("chunked", "Transfer-Encoding: chunked\r\n\r\n")])
    def test_sender_that_stops(self, framing):
        start = time.monotonic()
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\n" + framing)
        try:
            response = self.peer.read_response()
        except Truncated as end:
            self.assertTrue(end.reset)
        else:
            self.assert_problem(response, "client_timeout")
        self.assert_between(start, 0.45, 9)
        self.assertEqual(self.upstream.requests, [])

    def test_sender_below_a_kibibyte_a_period(self):
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        stop = threading.Event()

        def drip():
            try:
                while not stop.wait(0.1):
                    self.peer.send("x" * 50)
            except OSError:
                pass
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            response = self.peer.read_response()
            self.assertEqual(response.status, 408)
        except Truncated as end:
            self.assertTrue(end.reset)
        finally:
            stop.set()
            thread.join()

    def test_sender_above_a_kibibyte_a_period_is_served(self):
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 15000\r\n\r\n")
        pause = threading.Event()
        for _ in range(15):
            self.peer.send("x" * 1000)
            pause.wait(0.1)
        self.assertEqual(len(self.peer.read_response().body), 15000)

    def test_reader_that_stops_is_reset(self):
        self.upstream.handler = lambda connection, request: connection.reply(
            200, [], b"z" * (64 << 20))
        peer = self.client(self.weir, receive_buffer=4096, timeout=10)
        start = time.monotonic()
        peer.request("GET", "/")
        self.upstream.wait_for_head()
        self.assertIn(self.upstream.wait_connection_ended(
            self.upstream.heads[0].connection, 8), ("reset", "closed"))
        self.assert_between(start, 0.45, 9)
        peer.expect_reset()

    def test_an_upstream_that_is_slow_is_not_the_clients_fault(self):
        """The body limits count while the client is the one to move."""
        def handler(connection, request):
            connection.read_body(request)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            self.pause.wait(1.2)
            connection.send("lf")
        self.pause = threading.Event()
        self.upstream.handler = handler
        self.peer.request("POST", "/", body=b"x")
        self.assertEqual(self.peer.read_response().body, b"half")


class BodyRateTest(Case):
    """`limits.body_rate`: bytes a second on average, once 20 s were spent waiting for the client."""

    def setUp(self):
        self.upstream = self.origin()
        self.weir = self.gateway(basic_config(
            upstreams={"main": self.upstream.address}, listener={"protocols": ["http1", "h2c"]},
            limits={"body_rate": "1KiB", "body_idle_timeout": "60s"}))
        self.stop, self.drips = threading.Event(), []
        self.addCleanup(self.stop.set)

    def drip(self, send, size):
        """`size` bytes each half of a second, until told to end or the peer is gone."""
        def loop():
            try:
                while not self.stop.wait(0.5):
                    send(b"x" * size)
            except OSError:
                pass
        self.drips.append(threading.Thread(target=loop, daemon=True))
        self.drips[-1].start()

    def upload(self, size):
        peer = self.client(self.weir, timeout=40)
        peer.send("POST /h1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
        self.drip(peer.send, size)
        return peer

    def upload_h2(self, size):
        peer = H2Client(self.weir.address(), timeout=40)
        self.addCleanup(peer.close)
        stream = peer.request("POST", "/h2", end=False)
        self.drip(lambda piece: peer.data(stream, piece), size)
        return peer, stream

    def test_the_average_counts_after_twenty_seconds(self):
        start = time.monotonic()
        slow, fast = self.upload(300), self.upload(2000)
        slow_h2, slow_stream = self.upload_h2(300)
        fast_h2, fast_stream = self.upload_h2(2000)
        self.assert_problem(slow.read_response(), "client_timeout")
        took = time.monotonic() - start
        self.assertGreater(took, 18.5)
        self.assertLess(took, 30)
        answer = slow_h2.answer(slow_stream)
        self.assertTrue(answer.status == 408 or answer.reset is not None, answer)
        # Those that are fast enough go on.
        self.stop.set()
        for drip in self.drips:
            drip.join()
        wait_until("the fast ones are not ended", lambda: self.weir.metrics().value(
            "weir_http_requests_in_flight", route="all") == 2)
        fast_h2.data(fast_stream, b"", end=True)
        self.assertEqual(fast_h2.answer(fast_stream).status, 200)
        fast.close()


class CountsTest(Case):
    def start(self, **limits):
        self.upstream = self.origin()
        return self.gateway(basic_config(upstreams={"main": self.upstream.address}, workers=2,
                                         limits=limits))

    def test_requests_per_connection(self):
        peer = self.client(self.start(requests_per_connection=3))
        for _ in range(2):
            peer.request("GET", "/")
            self.assertIsNone(peer.read_response().header("connection"))
        peer.request("GET", "/")
        self.assert_closing(peer, peer.read_response())

    def test_connections_per_client(self):
        gateway = self.start(connections_per_client=2)
        kept = [self.client(gateway), self.client(gateway)]
        for peer in kept:
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 200)
        refused = self.client(gateway)
        refused.expect_gone()
        gateway.wait_metric(1, "weir_connections_rejected_total", listener="http")
        kept[0].close()
        gateway.wait_metric(1, "weir_connections_active", listener="http")
        self.assertEqual(self.fetch(gateway, "/").status, 200)

    def test_connections_per_client_counts_addresses_apart(self):
        gateway = self.start(connections_per_client=1)
        first = self.client(gateway)
        first.request("GET", "/")
        first.read_response()
        other = self.client(gateway, source="127.0.0.2")
        other.request("GET", "/")
        self.assertEqual(other.read_response().status, 200)

    def test_connection_age(self):
        peer = self.client(self.start(connection_age="400ms"))
        deadline = time.monotonic() + bound(20)
        pause = threading.Event()
        while True:
            peer.request("GET", "/")
            response = peer.read_response()
            self.assertEqual(response.status, 200)
            if response.header("connection"):
                break
            self.assertLess(time.monotonic(), deadline)
            pause.wait(0.05)
        self.assert_closing(peer, response)

    def test_max_connections(self):
        upstream = self.origin()
        gateway = self.gateway(basic_config(upstreams={"main": upstream.address},
                                            server={"workers": 2, "max_connections": 4}))
        kept = [self.client(gateway) for _ in range(4)]
        for peer in kept:
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 200)
        self.client(gateway).expect_gone()
        gateway.wait_metric(1, "weir_connections_rejected_total", listener="http")
        for peer in kept:
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 200)
        kept.pop().close()
        gateway.wait_metric(3, "weir_connections_active", listener="http")
        self.assertEqual(self.fetch(gateway, "/").status, 200)


class DescriptorsTest(Case):
    def test_without_one_it_is_told_and_tried_again(self):
        gateway = self.gateway(basic_config(
            [{"name": "r", "match": {"path_prefix": "/"}, "respond": {"status": 200}}], workers=1))
        if gateway.is_sanitized():
            self.skipTest("UBSan looks at an object's type through a pipe")
        pid = gateway.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        highest = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
        for number in set(range(highest)) - {int(n) for n in os.listdir(f"/proc/{pid}/fd")}:
            highest = min(highest, number - 1)  # a hole would be a descriptor to have
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))
        try:
            peer = self.client(gateway)
            peer.request("GET", "/")
            line = gateway.wait_log("what is wrong", lambda lines: next(
                (one for one in lines if "connections cannot be accepted" in one), None))
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        self.assertIn("listener=http", line)
        self.assertIn("error=EMFILE", line)
        self.assertEqual(peer.read_response().status, 200)
        self.assertGreaterEqual(gateway.metrics().value(
            "weir_connections_rejected_total", listener="http", reason="no_descriptor"), 1)
        told = [one for one in gateway.lines if "connections cannot be accepted" in one]
        self.assertEqual(len(told), 1)
