"""Where a message ends: whoever ended it with a frame of its own behind the head is forwarded with one.
gRPC servers of Go wait for that frame (the official interop case `empty_stream`)."""

import threading

from harness import Case, basic_config, rows
from harness.h2 import DATA, END_STREAM, HEADERS, H2Client
from harness.h2_frames import data, headers
from harness.h2_origin import H2Origin

HEAD = ("HEADERS", 0, False)
HEAD_END = ("HEADERS", 0, True)
DATA_END = ("DATA", 0, True)
TRAILERS = HEAD_END
FIELDS = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]
LENGTH0 = [*FIELDS, ("content-length", "0")]
EXPECT = [*FIELDS, ("expect", "100-continue")]
LENGTH2 = [*FIELDS, ("content-length", "2")]
GET = [(":method", "GET"), *FIELDS[1:]]
SUM = [("x-sum", "1")]


def whole(frames):
    """DATA with content joined, as windows and blocks may cut it anywhere."""
    out = []
    for kind, size, end in frames:
        if kind == "DATA" and out and out[-1][0] == "DATA":
            out[-1] = ("DATA", out[-1][1] + size, end)
        else:
            out.append((kind, size, end))
    return out


def both_ways(table):
    """Each row with all frames in one segment, and each frame in a segment of its own."""
    return [(f"{name} {'apart' if apart else 'together'}", steps, want, apart)
            for name, steps, want in table for apart in (False, True)]


class Ends(Case):
    protocol = "h2"

    @classmethod
    def setUpClass(cls):
        cls.upstream = H2Origin(lambda request: cls.handle(request))
        cls.addClassCleanup(cls.upstream.close)
        cls.weir = cls.shared_gateway(basic_config(upstreams={"main": {
            "endpoints": [{"address": cls.upstream.address}], "protocol": "h2"}}, workers=1,
            listener={"protocols": ["http1", "h2c"]}))

    @classmethod
    def handle(cls, request):
        request.read_body()
        request.reply(200, b"ok")

    def last_request(self):
        return self.upstream.wait_requests(self.before + 1)[self.before]

    def setUp(self):
        self.before = len(self.upstream.requests)

    def send(self, peer, steps, apart):
        if not apart:
            peer.send(b"".join(steps))
            return
        for i, step in enumerate(steps):
            peer.send(step)
            if i == 0 and len(steps) > 1:
                self.last_request()  # the head has gone on before more comes
            elif i + 1 < len(steps) and isinstance(peer, H2Client):
                opaque = b"step%04d" % i
                peer.ping(opaque)
                peer.pong(opaque)

    @rows(both_ways([
        ("the head", [headers(1, GET, True)], [HEAD_END]),
        ("the head of a POST", [headers(1, FIELDS, True)], [HEAD_END]),
        ("empty DATA", [headers(1, FIELDS), data(1, b"", True)], [HEAD, DATA_END]),
        ("empty DATA of one that asked for 100", [headers(1, EXPECT), data(1, b"", True)],
         [HEAD, DATA_END]),
        ("empty DATA of a GET", [headers(1, GET), data(1, b"", True)], [HEAD, DATA_END]),
        ("empty DATA and a length of 0", [headers(1, LENGTH0), data(1, b"", True)],
         [HEAD, DATA_END]),
        ("empty DATA twice", [headers(1, FIELDS), data(1, b""), data(1, b"", True)],
         [HEAD, DATA_END]),
        ("DATA", [headers(1, FIELDS), data(1, b"hi", True)], [HEAD, ("DATA", 2, True)]),
        ("DATA and a length", [headers(1, LENGTH2), data(1, b"hi", True)],
         [HEAD, ("DATA", 2, True)]),
        ("DATA, then empty DATA", [headers(1, FIELDS), data(1, b"hi"), data(1, b"", True)],
         [HEAD, ("DATA", 2, True)]),
        ("trailers", [headers(1, FIELDS), headers(1, SUM, True)], [HEAD, TRAILERS]),
        ("empty DATA, then trailers", [headers(1, FIELDS), data(1, b""), headers(1, SUM, True)],
         [HEAD, TRAILERS]),
        ("DATA and trailers", [headers(1, FIELDS), data(1, b"hi"), headers(1, SUM, True)],
         [HEAD, ("DATA", 2, False), TRAILERS]),
        ("trailers that may not go on", [headers(1, FIELDS), headers(1, [("host", "x")], True)],
         [HEAD, DATA_END]),
        ("trailers without fields", [headers(1, FIELDS), headers(1, [], True)], [HEAD, DATA_END]),
    ]))
    def test_of_http2_requests(self, steps, want, apart):
        peer = H2Client(self.weir.address())
        self.addCleanup(peer.close)
        self.send(peer, steps, apart)
        answer = peer.answer(1)
        self.assertEqual((answer.status, answer.body), (200, b"ok"), answer)
        request = self.last_request()
        self.assertEqual(whole(request.frames), want, request.frames)
        self.assertEqual(request.header("x-sum"), None)
        if TRAILERS in want[1:]:
            self.assertEqual(request.trailers, SUM)

    CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    ASKS = CHUNKED.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")

    @rows(both_ways([
        ("no content", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], [HEAD_END]),
        ("a POST without content", [b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"], [HEAD_END]),
        ("a length of 0", [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"], [HEAD_END]),
        ("a length", [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", b"hi"],
         [HEAD, ("DATA", 2, True)]),
        ("no chunk", [CHUNKED, b"0\r\n\r\n"], [HEAD, DATA_END]),
        ("no chunk of one that asked for 100", [ASKS, b"0\r\n\r\n"], [HEAD, DATA_END]),
        ("a chunk", [CHUNKED, b"2\r\nhi\r\n", b"0\r\n\r\n"], [HEAD, ("DATA", 2, True)]),
        ("no chunk and trailers", [CHUNKED, b"0\r\nX-Sum: 1\r\n\r\n"], [HEAD, TRAILERS]),
        ("a chunk and trailers", [CHUNKED, b"2\r\nhi\r\n", b"0\r\nX-Sum: 1\r\n\r\n"],
         [HEAD, ("DATA", 2, False), TRAILERS]),
        ("trailers that may not go on", [CHUNKED, b"0\r\nHost: x\r\n\r\n"], [HEAD, DATA_END]),
    ]))
    def test_of_http1_requests(self, steps, want, apart):
        peer = self.client(self.weir)
        self.send(peer, steps, apart)
        self.assertEqual(peer.read_response().body, b"ok")
        request = self.last_request()
        self.assertEqual(whole(request.frames), want, request.frames)
        # The upload's end was noticed: the connection serves on.
        peer.request()
        self.assertEqual(peer.read_response().body, b"ok")


class AnswerEnds(Case):
    """The same for answers: an upstream's empty DATA is one for an HTTP/2 client."""

    @classmethod
    def setUpClass(cls):
        cls.upstream = H2Origin(lambda request: cls.handle(request))
        cls.addClassCleanup(cls.upstream.close)
        cls.http1 = cls.shared_origin(lambda connection, request: cls.handle_http1(connection))
        cls.weir = cls.shared_gateway(basic_config(
            [{"name": "http1", "match": {"path": "/http1"}, "upstream": "http1"},
             {"name": "h2", "match": {"path": "/"}, "upstream": "h2"}],
            {"h2": {"endpoints": [{"address": cls.upstream.address}], "protocol": "h2"},
             "http1": cls.http1.address}, workers=1, listener={"protocols": ["h2c"]}))

    @classmethod
    def handle(cls, request):
        request.read_body()
        steps = [step(request.stream) for step in cls.steps]
        if not cls.apart:
            request.connection.send(b"".join(steps))
            return
        request.connection.send(steps[0])
        cls.head_came.wait(10)
        request.connection.send(b"".join(steps[1:]))

    @classmethod
    def handle_http1(cls, connection):
        connection.send(cls.answer)

    def frames(self, path, head_came=lambda: None):
        peer = H2Client(self.weir.address())
        self.addCleanup(peer.close)
        stream = peer.request(path=path)
        out = []
        while not out or not out[-1][2]:
            got = peer.next(lambda f: f.stream == stream and f.kind in (HEADERS, DATA), "a frame")
            out.append(("DATA" if got.kind == DATA else "HEADERS",
                        len(got.payload) if got.kind == DATA else 0,
                        bool(got.flags & END_STREAM)))
            head_came()
        return whole(out)

    @rows(both_ways([
        ("the head", [lambda s: headers(s, [(":status", "200")], True)], [HEAD_END]),
        ("empty DATA", [lambda s: headers(s, [(":status", "200")]), lambda s: data(s, b"", True)],
         [HEAD, DATA_END]),
        ("DATA", [lambda s: headers(s, [(":status", "200")]), lambda s: data(s, b"hi", True)],
         [HEAD, ("DATA", 2, True)]),
        ("trailers", [lambda s: headers(s, [(":status", "200")]),
                      lambda s: headers(s, SUM, True)], [HEAD, TRAILERS]),
        ("DATA and trailers", [lambda s: headers(s, [(":status", "200")]),
                               lambda s: data(s, b"hi"), lambda s: headers(s, SUM, True)],
         [HEAD, ("DATA", 2, False), TRAILERS]),
        ("trailers that may not go on", [lambda s: headers(s, [(":status", "200")]),
                                         lambda s: headers(s, [("date", "x")], True)],
         [HEAD, DATA_END]),
        ("a 204", [lambda s: headers(s, [(":status", "204")]), lambda s: data(s, b"", True)],
         [HEAD_END]),
    ]))
    def test_of_http2_answers(self, steps, want, apart):
        cls = type(self)
        cls.steps, cls.apart, cls.head_came = steps, apart, threading.Event()
        self.assertEqual(self.frames("/", cls.head_came.set), want)

    @rows([
        ("a length of 0", b"Content-Length: 0\r\n\r\n", [HEAD_END]),
        ("no chunk", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [HEAD, DATA_END]),
        ("no chunk and trailers", b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n",
         [HEAD, TRAILERS]),
    ])
    def test_of_http1_answers(self, rest, want):
        type(self).answer = b"HTTP/1.1 200 OK\r\n" + rest
        self.assertEqual(self.frames("/http1"), want)
