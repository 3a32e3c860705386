"""Requests over HTTP/2 whose answer is out before their end: what is malformed is reset all the same
(RFC 9113 section 8.1.1), what is not ends in peace."""

from harness.case import Case, rows
from harness.gateway import basic_config
from harness.h2 import (
    DATA, END_HEADERS, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, PADDED, PROTOCOL_ERROR, RST_STREAM,
    H2Client, data, frame, section)

LENGTH = [("content-length", "5")]
TRAILERS = section([("x-sum", "1")])


def trailers(*fields):
    return lambda s: data(s, b"hello") + frame(HEADERS, 5, s, section(fields))


class EarlyAnswers(Case):
    @classmethod
    def setUpClass(cls):
        cls.weir = cls.shared_gateway(basic_config(
            [{"name": "r", "match": {"path_prefix": "/"}, "respond": {"status": 200, "body": "hi"}}],
            listener={"protocols": ["h2c"]}))

    def setUp(self):
        self.client = H2Client(self.weir.address(), timeout=30)
        self.addCleanup(self.client.close)

    def begin(self, fields=()):
        stream = self.client.request("POST", headers=fields, end=False)
        self.assertEqual(self.client.answer(stream).body, b"hi")
        return stream

    @rows([
        ("less content than its length", LENGTH, lambda s: data(s, b"hell", True)),
        ("no content of its length", LENGTH, lambda s: data(s, b"", True)),
        ("more content than its length", LENGTH, lambda s: data(s, b"hello!", True)),
        ("more content in pieces", LENGTH, lambda s: data(s, b"hel") + data(s, b"lo!", True)),
        ("more content without an end", LENGTH, lambda s: data(s, b"hello!")),
        ("padding is no content", LENGTH,
         lambda s: frame(DATA, 1 | PADDED, s, b"\x01hell\0")),
        ("less content and trailers", LENGTH, lambda s: data(s, b"hell") + frame(
            HEADERS, 5, s, TRAILERS)),
        ("a pseudo-field in trailers", [], trailers((":method", "POST"))),
        ("upper case in trailers", [], trailers(("X-Sum", "1"))),
        ("a connection's field in trailers", [], trailers(("connection", "close"))),
        ("a second head", [], lambda s: frame(HEADERS, END_HEADERS, s, TRAILERS)),
    ])
    def test_malformed(self, fields, rest):
        stream = self.begin(fields)
        self.client.send(rest(stream))
        got = self.client.next(lambda f: f.kind == RST_STREAM or f.kind == GOAWAY, "a reset")
        self.assertEqual((got.kind, got.stream, got.error), (RST_STREAM, stream, PROTOCOL_ERROR))
        self.assertEqual(self.client.fetch().status, 200)
        self.client.ping()
        self.client.pong()
        self.assertFalse([f for f in self.client.frames if f.kind == RST_STREAM])

    @rows([
        ("content", LENGTH, lambda s: data(s, b"hello", True)),
        ("content in pieces", LENGTH, lambda s: data(s, b"hel") + data(s, b"") + data(s, b"lo", True)),
        ("padded", LENGTH, lambda s: frame(DATA, 1 | PADDED, s, b"\x02hello\0\0")),
        ("trailers", LENGTH, lambda s: data(s, b"hello") + frame(HEADERS, 5, s, TRAILERS)),
        ("no length", [], lambda s: data(s, b"", True)),
    ])
    def test_well_formed(self, fields, rest):
        stream = self.begin(fields)
        self.client.send(rest(stream))
        self.assertEqual(self.client.fetch().status, 200)
        self.client.ping()
        self.client.pong()
        self.assertFalse([f for f in self.client.frames if f.kind == RST_STREAM])

    def test_such_resets_are_counted(self):
        """As any that a client makes us send."""
        for _ in range(400):
            stream = self.client.request("POST", headers=LENGTH, end=False)
            got = self.client.next(lambda f: (f.stream == stream and f.flags & 1) or f.kind == GOAWAY,
                                   "an answer")
            if got.kind == GOAWAY or not self.client.try_send(data(stream, b"", True)):
                break
        else:
            got = self.client.goaway()
        self.assertEqual((got.kind, got.error), (GOAWAY, ENHANCE_YOUR_CALM))
