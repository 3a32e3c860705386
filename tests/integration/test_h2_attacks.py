"""What an HTTP/2 client may do to wear a server out. Each ends with the offender sent away, memory
in bounds, and others served meanwhile."""

import struct
import threading

from harness.case import Case, rows
from harness.client import Truncated
from harness.gateway import basic_config
from harness.h2 import (
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS,
    PADDED, PING, PRIORITY, PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, H2Client, frame, literal,
    request_fields, section)
from harness.waiting import wait_until

GET = section(request_fields())
MOST_MEMORY = 96 * 1024  # KiB a gateway may grow by


class Attacks(Case):
    def setUp(self):
        self.weir = self.gateway(basic_config(
            [{"name": "slow", "match": {"path_prefix": "/slow"}, "upstream": "o"},
             {"name": "big", "match": {"path": "/big"},
              "respond": {"status": 200, "body": "x" * 60000}},
             {"name": "ping", "match": {"path_prefix": "/"},
              "respond": {"status": 200, "body": "pong"}}],
            {"o": self.origin(lambda connection, request: connection.wait_ended(60)).address},
            workers=1, listener={"protocols": ["h2c"]},
            limits={"body_idle_timeout": "1s", "header_timeout": "1s"}))
        self.memory = self.weir.status("VmRSS")
        self.peer = H2Client(self.weir.address())
        self.addCleanup(self.peer.close)
        # What came while an attack was sent. The SETTINGS are answered before: not amidst it.
        self.came = []
        while self.peer.server_settings is None:
            self.came.append(self.peer.read_frame())

    def flood(self, frames, most):
        """Sends it until the server ends the connection, at most so many times; the GOAWAY."""
        def read():
            try:
                while True:
                    self.came.append(self.peer.read_frame())
            except (Truncated, AssertionError):
                pass
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        for i in range(most):
            if not reader.is_alive() or not self.peer.try_send(frames(i)):
                break
        reader.join()
        goaway = [f for f in self.came if f.kind == GOAWAY and f.error]
        self.assertTrue(goaway, f"no GOAWAY after {i} times: {self.came[-3:]}")
        return goaway[0]

    def assert_calm(self, frames, most):
        self.assertEqual(self.flood(frames, most).error, ENHANCE_YOUR_CALM)
        self.assert_fine()

    def assert_fine(self):
        other = H2Client(self.weir.address())
        self.addCleanup(other.close)
        self.assertEqual(other.fetch().body, b"pong")
        self.assertLess(self.weir.status("VmRSS") - self.memory, MOST_MEMORY)

    def assert_nothing_in_flight(self, route):
        wait_until("no request in flight", lambda: not self.weir.metrics().value(
            "weir_http_requests_in_flight", route=route), timeout=20)

    def test_rapid_reset(self):
        def opened(i):
            stream = 2 * i + 1
            return (frame(HEADERS, END_STREAM | END_HEADERS, stream,
                          section(request_fields(path="/slow")))
                    + frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        self.assert_calm(opened, 20000)
        self.assert_nothing_in_flight("slow")

    @rows([
        ("WINDOW_UPDATE of nothing", lambda s: frame(WINDOW_UPDATE, 0, s, b"\0\0\0\0")),
        ("window beyond its end", lambda s: frame(WINDOW_UPDATE, 0, s, b"\x7f\xff\xff\xff")),
        ("DATA behind the end", lambda s: frame(DATA, 0, s, b"x")),
        ("malformed trailers", lambda s: frame(HEADERS, 5, s, literal(":path", "/")))])
    def test_made_you_reset(self, provocation):
        def opened(i):
            stream = 2 * i + 1
            end = END_STREAM if provocation(1)[3] == DATA else 0
            return (frame(HEADERS, end | END_HEADERS, stream, section(request_fields(path="/slow")))
                    + provocation(stream))
        self.assertIn(self.flood(opened, 20000).error, (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, 5))
        self.assert_fine()
        self.assert_nothing_in_flight("slow")

    @rows([
        ("cancels", lambda s: frame(RST_STREAM, 0, s, struct.pack(">I", CANCEL))),
        ("provoked", lambda s: frame(WINDOW_UPDATE, 0, s, b"\0\0\0\0")),
        ("malformed", lambda s: frame(HEADERS, 5, s, literal(":path", "/"))),
    ])
    def test_resets_amid_good_requests(self, reset):
        """Three requests that are given up for each that is answered."""
        def opened(i):
            out = b""
            for stream in range(8 * i + 1, 8 * i + 7, 2):
                out += frame(HEADERS, END_HEADERS, stream, section(request_fields(path="/slow")))
                out += reset(stream)
            return out + frame(HEADERS, 5, 8 * i + 7, section(request_fields(path="/")))
        self.assertIn(self.flood(opened, 5000).error, (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, 5))
        self.assert_fine()
        self.assert_nothing_in_flight("slow")

    def test_malformed_requests_without_end(self):
        block = section(request_fields(more=[("X-Bad", "1")]))
        # Or what is said of more streams at a time than are allowed.
        goaway = self.flood(lambda i: frame(HEADERS, 5, 2 * i + 1, block), 20000)
        self.assertIn(goaway.error, (ENHANCE_YOUR_CALM, PROTOCOL_ERROR))
        self.assert_fine()

    def test_continuation_flood(self):
        self.peer.send(frame(HEADERS, END_STREAM, 1, GET))
        self.assert_calm(lambda i: frame(CONTINUATION, 0, 1, literal("x", "y" * 1000)), 20000)

    def test_empty_continuation_flood(self):
        self.peer.send(frame(HEADERS, END_STREAM, 1, GET))
        self.assert_calm(lambda i: frame(CONTINUATION, 0, 1), 20000)

    def test_hpack_bomb(self):
        # A large field into the table once, then by its index of one byte each.
        block = section(request_fields()) + literal("x", "y" * 3900, 0x40) + b"\xbe" * 12000
        self.assert_calm(lambda i: frame(HEADERS, 5, 2 * i + 1, block), 50)

    def test_hpack_bomb_in_trailers(self):
        self.peer.send(frame(HEADERS, END_HEADERS, 1, section(request_fields("POST", "/slow"))))
        block = literal("x", "y" * 3900, 0x40) + b"\xbe" * 12000
        self.assert_calm(lambda i: frame(HEADERS, 5, 1, block), 2)
        self.assert_nothing_in_flight("slow")

    def test_hpack_bomb_on_a_stream_too_many(self):
        for _ in range(100):
            self.peer.request(path="/slow")
        block = section(request_fields()) + literal("x", "y" * 3900, 0x40) + b"\xbe" * 12000
        self.assert_calm(lambda i: frame(HEADERS, 5, 2 * i + 1001, block), 3)

    def test_trailers_a_little_too_large(self):
        stream = self.peer.request("POST", "/slow", end=False)
        self.peer.send(frame(HEADERS, 5, stream, literal("x", "y" * 3900, 0x40) + b"\xbe" * 20))
        self.assertEqual(self.peer.answer(stream).status, 431)
        self.assertEqual(self.peer.fetch().body, b"pong")

    def test_hpack_bomb_within_the_limits_of_a_head(self):
        # Each head is just allowed, and so many of them are not: what they hold is bounded.
        block = section(request_fields(path="/slow")) + literal("x", "y" * 3900, 0x40) + b"\xbe" * 13
        next_ = section(request_fields(path="/slow")) + b"\xbe" * 13
        for i in range(90):
            self.peer.send(frame(HEADERS, 5, 2 * i + 1, next_ if i else block))
        refused = self.peer.next(lambda f: f.kind == RST_STREAM, "a refused stream")
        self.assertEqual(refused.error, 7)
        # 100 heads of 16 KiB are 29 of these; what a refused one gave back may serve two more.
        in_flight = lambda: self.weir.metrics().value("weir_http_requests_in_flight", route="slow")
        wait_until("those that have room are served", lambda: 29 <= in_flight() <= 31)
        self.assert_fine()
        self.assertLessEqual(in_flight(), 31)

    def test_cookie_crumb_bomb(self):
        crumbs = section(request_fields()) + literal("cookie", "a=" + "y" * 20, 0x40)
        self.assertEqual(self.peer.fetch(headers=[("cookie", "a")] * 200).status, 200)
        self.assertEqual(self.peer.fetch(headers=[("cookie", "a")] * 201).status, 431)
        self.peer.next_stream = 1001
        self.assert_calm(lambda i: frame(HEADERS, 5, 2 * i + 1001, crumbs + b"\xbe" * 16000), 50)

    def test_settings_flood(self):
        self.assert_calm(lambda i: frame(SETTINGS) * 10, 20000)

    def test_ping_flood(self):
        self.assert_calm(lambda i: frame(PING, 0, 0, b"x" * 8) * 10, 20000)

    def test_ping_ack_flood(self):
        self.assert_calm(lambda i: frame(PING, ACK, 0, b"x" * 8) * 10, 20000)

    def test_settings_flood_of_a_client_that_does_not_read(self):
        for _ in range(3000):
            if not self.peer.try_send(frame(SETTINGS) * 100):
                break
        self.assertLess(self.weir.status("VmRSS") - self.memory, MOST_MEMORY)
        self.assert_fine()

    def test_priority_flood(self):
        self.assert_calm(
            lambda i: frame(PRIORITY, 0, 2 * i + 1, struct.pack(">IB", 0, 16)) * 10, 20000)

    def test_empty_data_flood(self):
        self.peer.send(frame(HEADERS, END_HEADERS, 1, section(request_fields("POST", "/slow"))))
        self.assert_calm(lambda i: frame(DATA, 0, 1) * 10, 20000)

    def test_padding_flood(self):
        self.peer.send(frame(HEADERS, END_HEADERS, 1, section(request_fields("POST", "/slow"))))
        self.assert_calm(lambda i: frame(DATA, PADDED, 1, b"\x02\0\0") * 10, 20000)

    def test_window_update_flood(self):
        self.assert_calm(lambda i: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 10, 20000)

    def test_unknown_frame_flood(self):
        self.assert_calm(lambda i: frame(0xf0, 0, 0, b"x") * 10, 20000)

    def test_many_settings_in_a_frame(self):
        goaway = self.flood(lambda i: H2Client.settings([(0xf0f0, 1)] * 1000), 100)
        self.assertEqual(goaway.error, ENHANCE_YOUR_CALM)
        self.assert_fine()

    def test_zero_window_stall(self):
        client = H2Client(self.weir.address(), window=0)
        self.addCleanup(client.close)
        for _ in range(50):
            client.request(path="/big")
        resets = 0
        while resets < 50:
            got = client.read_frame("a reset")
            resets += got.kind == RST_STREAM
            self.assertNotEqual(got.kind, DATA)
        self.assert_fine()

    def test_connection_window_stall(self):
        streams = [self.peer.request(path="/big") for _ in range(4)]
        self.peer.giving = False
        for stream in streams[-1:]:
            self.assertIsNotNone(self.peer.answer(stream).reset)
        self.assert_fine()

    def test_a_client_that_reads_nothing(self):
        client = H2Client(self.weir.address(), settings=[(4, 0x7fffffff)])
        self.addCleanup(client.close)
        client.give(0, 0x7fffffff - 65535)
        for i in range(90):
            client.request(path="/big")
        self.assert_nothing_in_flight("big")
        self.assert_fine()

    def test_a_head_that_does_not_end(self):
        self.peer.send(frame(HEADERS, END_STREAM, 1, GET))
        self.peer.expect_end()
        self.assert_fine()

    def test_a_frame_that_does_not_end(self):
        self.peer.fetch()
        self.peer.send(frame(HEADERS, 5, 3, GET)[:20])
        self.peer.expect_end()

    def test_a_slow_upload(self):
        stream = self.peer.request("POST", "/slow", end=False, body=b"x")
        answer = self.peer.answer(stream)
        self.assertEqual(answer.status, 408)

    def test_more_streams_than_allowed(self):
        for _ in range(150):
            self.peer.request(path="/slow")
        self.peer.next(lambda f: f.kind == RST_STREAM and f.error == 7, "a refusal")
        self.assertLessEqual(
            self.weir.metrics().value("weir_http_requests_in_flight", route="slow") or 0, 100)
        self.assert_fine()

    def test_h2c_upgrade_is_never_forwarded(self):
        origin = self.origin()
        gateway = self.gateway(basic_config(upstreams={"o": origin.address},
                                            listener={"protocols": ["http1", "h2c"]}))
        response = self.fetch(gateway, headers=[
            ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
            ("HTTP2-Settings", "AAMAAABkAAQAAP__")])
        self.assertEqual(response.status, 200)
        names = [name.lower() for name, _ in origin.heads[0].headers]
        self.assertFalse({"upgrade", "http2-settings"} & set(names), names)
