"""Upstreams over HTTP/2, frame by frame (RFC 9113 sections 5, 6 and 8): what an answer may be made of,
and what is none. Whatever came, the next request gets its own answer."""

import struct

from harness import Case, Truncated, basic_config, rows
from harness import h2_frames as h2
from harness.h2_frames import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PUSH_PROMISE, data, frame, section)
from harness.h2_origin import H2Origin

OK = [(":status", "200")]
PROMISED = section([(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")])


def head(fields=(), end=False, status="200"):
    return lambda s: h2.headers(s, [(":status", status), *fields], end)


def content(piece, end=False):
    return lambda s: data(s, piece, end)


def trailers(*fields, end=True):
    return lambda s: h2.headers(s, fields, end)


def raw(kind, flags, payload, stream=None):
    return lambda s: frame(kind, flags, s if stream is None else stream(s), payload)


ANSWER = (head(), content(b"hi", True))


class UpstreamFrames(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = H2Origin(lambda request: cls.handle(request))
        cls.addClassCleanup(cls.upstream.close)
        cls.weir = cls.shared_gateway(basic_config(upstreams={"main": {
            "endpoints": [{"address": cls.upstream.address}], "protocol": "h2"}}, workers=1))

    @classmethod
    def handle(cls, request):
        request.read_body()
        if request.header(":path") != "/odd":
            request.reply(200, b"good")
            return
        request.connection.send(b"".join(step(request.stream) for step in cls.steps))

    def ask(self, steps, method="GET"):
        type(self).steps = steps
        peer = self.client(self.weir, timeout=20)
        peer.request(method, "/odd", headers=[("TE", "trailers"), ("Connection", "TE")])
        return peer

    def tearDown(self):
        self.assertEqual(self.fetch(self.weir, "/next").body, b"good")

    @rows([
        ("unknown frames", raw(0x42, 0xff, b"x"), *ANSWER),
        ("ALTSVC", raw(0xa, 0, b"\0\x01a", lambda s: 0), *ANSWER),
        ("padding", head(), raw(DATA, PADDED | END_STREAM, b"\x03hi\0\0\0")),
        ("empty DATA", head(), content(b""), content(b"h"), content(b""), content(b"i"),
         content(b"", True)),
        ("a head in pieces", raw(HEADERS, 0, section(OK)[:3]), raw(CONTINUATION, 0, b""),
         raw(CONTINUATION, END_HEADERS, section(OK)[3:]), content(b"hi", True)),
        ("no fields in the trailers", head(), content(b"hi"), trailers()),
        ("GOAWAY within it", head(), lambda s: h2.goaway(s), content(b"hi", True)),
        ("DATA behind its end", *ANSWER, content(b"more", True)),
        ("a head behind its end", *ANSWER, head(end=True)),
        ("a reset behind its end", *ANSWER, lambda s: h2.rst_stream(s, h2.NO_ERROR)),
        ("an interim answer", head(status="103"), *ANSWER),
    ])
    def test_whole(self, *steps):
        response = self.ask(steps).read_response()
        self.assertEqual((response.status, response.body), (200, b"hi"))

    @rows([
        ("DATA behind the end", *ANSWER, content(b"more", True)),
        ("a head behind the end", *ANSWER, head(end=True)),
        ("trailers behind the end", *ANSWER, trailers(("x-sum", "1"))),
        ("DATA behind the head's end", head(end=True), content(b"", True)),
        ("DATA behind trailers", head(), trailers(("x-sum", "1")), content(b"x")),
        ("DATA behind a reset", head(), lambda s: h2.rst_stream(s, h2.CANCEL), content(b"x", True)),
        ("a head behind a reset", lambda s: h2.rst_stream(s, h2.CANCEL), head(end=True)),
    ])
    def test_behind_the_end(self, *steps):
        """The connection is at its end (RFC 9113 section 5.1); an answer that was whole is one."""
        try:
            self.ask(steps).read_response()
        except Truncated:
            pass
        connection = self.upstream.requests[-1].connection
        connection.wait("GOAWAY", lambda: connection.goaway is not None)
        self.assertEqual(connection.goaway[1], h2.STREAM_CLOSED)
        connection.wait("the end", lambda: connection.closed)

    @rows([
        ("a reset behind the end", *ANSWER, lambda s: h2.rst_stream(s, h2.NO_ERROR)),
        ("two resets", head(), lambda s: 2 * h2.rst_stream(s, h2.CANCEL)),
        ("a window behind the end", *ANSWER, lambda s: h2.window_update(s, 1)),
    ])
    def test_allowed_behind_the_end(self, *steps):
        try:
            self.ask(steps).read_response()
        except Truncated:
            pass
        connection = self.upstream.requests[-1].connection
        self.assertEqual(self.fetch(self.weir, "/next").body, b"good")
        self.assertIs(self.upstream.requests[-1].connection, connection)

    def test_frames_that_crossed_our_reset_are_harmless(self):
        type(self).steps = (head(),)
        peer = self.client(self.weir)
        peer.request("GET", "/odd")
        peer.read_head()
        peer.close()
        request = self.upstream.requests[-1]
        request.wait_reset()
        request.connection.send(data(request.stream, b"late") + data(request.stream, b"", True))
        self.assertEqual(self.fetch(self.weir, "/next").body, b"good")
        self.assertIs(self.upstream.requests[-1].connection, request.connection)

    def test_hpack_bomb_in_trailers(self):
        bomb = h2.literal("x", "y" * 3900, 0x40) + b"\xbe" * 12000
        with self.assertRaises(Truncated):
            self.ask((head(), content(b"hi"), raw(HEADERS, 5, bomb))).read_response()
        connection = self.upstream.requests[-1].connection
        connection.wait("GOAWAY", lambda: connection.goaway is not None)
        self.assertEqual(connection.goaway[1], h2.ENHANCE_YOUR_CALM)

    def test_trailers_a_little_too_large(self):
        much = h2.literal("x", "y" * 3900, 0x40) + b"\xbe" * 20
        with self.assertRaises(Truncated):
            self.ask((head(), content(b"hi"), raw(HEADERS, 5, much))).read_response()
        connection = self.upstream.requests[-1].connection
        self.assertEqual(self.fetch(self.weir, "/next").body, b"good")
        self.assertIs(self.upstream.requests[-1].connection, connection)

    @rows([
        ("a promise", raw(PUSH_PROMISE, END_HEADERS, struct.pack(">I", 2) + PROMISED), *ANSWER),
        ("a stream of its own", raw(HEADERS, 5, section(OK), lambda s: 2), *ANSWER),
        ("a stream that nobody asked for", raw(HEADERS, 5, section(OK), lambda s: s + 2), *ANSWER),
        ("DATA of no stream", raw(DATA, 0, b"x", lambda s: 0), *ANSWER),
        ("ENABLE_PUSH", lambda s: h2.settings({h2.ENABLE_PUSH: 1}), *ANSWER),
        ("a frame size too small", lambda s: h2.settings({h2.MAX_FRAME_SIZE: 1}), *ANSWER),
        ("a window that grows by nothing", lambda s: h2.window_update(s, 0), *ANSWER),
        ("a window beyond its end", lambda s: 2 * h2.window_update(s, 0x7fffffff), *ANSWER),
        ("fields that do not decode", raw(HEADERS, 5, b"\xff\xff\xff")),
        ("an interim answer that ends", head(end=True, status="100")),
        ("an upgrade", head([("upgrade", "x")], True)),
        ("content behind an interim answer", head(status="103"), content(b"x", True)),
        ("a status of 600", head(end=True, status="600")),
        ("a status of 099", head(end=True, status="099")),
        ("a length of 2 to the 63", head([("content-length", "9223372036854775808")], True)),
    ])
    def test_none(self, *steps):
        response = self.ask(steps).read_response()
        self.assert_problem(response, "upstream_bad_response")

    @rows([
        ("a second head", head(), content(b"h"), head(), content(b"i", True)),
        ("a second head at once", head(), head(status="404"), content(b"i", True)),
        ("a pseudo-field in trailers", head(), content(b"h"), trailers((":status", "200"))),
        ("upper case in trailers", head(), content(b"h"), trailers(("X-Sum", "1"))),
        ("trailers that do not end", head(), content(b"h"), trailers(("x-sum", "1"), end=False),
         content(b"i", True)),
        ("padding too long", head(), raw(DATA, PADDED | END_STREAM, b"\x09hi")),
        ("a frame too large", head(), raw(DATA, END_STREAM, b"x" * 16385)),
        ("more than its length", head([("content-length", "1")]), content(b"hi", True)),
        ("less than its length", head([("content-length", "5")]), content(b"hi", True)),
        ("less, and trailers", head([("content-length", "5")]), content(b"hi"),
         trailers(("x-sum", "1"))),
        ("a reset without an error", head(), content(b"hi"),
         lambda s: h2.rst_stream(s, h2.NO_ERROR)),
    ])
    def test_cut(self, *steps):
        with self.assertRaises(Truncated):
            self.ask(steps).read_response()

    @rows([("204", "GET", "204"), ("304", "GET", "304"), ("HEAD", "HEAD", "200"),
           ("HEAD of a 204", "HEAD", "204")])
    def test_content_where_there_is_none(self, method, status):
        peer = self.ask((head(status=status), content(b"hi", True)), method)
        response = peer.read_response(method)
        self.assertEqual((response.status, response.body), (int(status), b""))
        peer.request("GET", "/own")
        self.assertEqual(peer.read_response().body, b"good")
