"""RFC 9113 section by section, as far as it binds a server: what it must refuse, and how."""

import struct

from harness.case import Case, rows
from harness.client import Truncated
from harness.gateway import basic_config
from harness.h2 import (
    ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY, PRIORITY_FLAG,
    PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, H2Client,
    frame, request_fields, section)

GET = section(request_fields())


def number(value):
    return struct.pack(">I", value)


class Conformance(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"o": cls.server.address}, listener=cls.listener(),
            access_log={"path": "access.log"}))

    @classmethod
    def listener(cls):
        return {"protocols": ["h2c"]}

    def setUp(self):
        self.client = self.connect()

    def connect(self, **kwargs):
        client = H2Client(self.weir.address(), timeout=30, **kwargs)
        self.addCleanup(client.close)
        return client

    def assert_connection_error(self, *codes):
        """GOAWAY with one of the codes, or a close: section 5.4.1 lets a server just close."""
        try:
            while True:
                got = self.client.read_frame("GOAWAY or the end")
                if got.kind == GOAWAY and got.error:
                    self.assertIn(got.error, codes)
                    self.client.expect_end()
                    return
        except Truncated:
            return

    def assert_lives(self):
        self.assertEqual(self.client.fetch(path="/alive").status, 200)

    # 3.4
    def test_preface_invalid(self):
        client = self.connect(start=False)
        client.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        client.expect_end()

    def test_preface_without_settings(self):
        client = self.connect(start=False)
        client.send(PREFACE + frame(PING, 0, 0, b"x" * 8))
        client.expect_end()

    # 4 to 6: errors of the connection
    @rows([
        ("4_2 DATA larger than SETTINGS_MAX_FRAME_SIZE", frame(DATA, 0, 1, b"x" * 16385),
         (FRAME_SIZE_ERROR,)),
        ("4_2 HEADERS larger than SETTINGS_MAX_FRAME_SIZE", frame(HEADERS, 5, 1, b"x" * 16385),
         (FRAME_SIZE_ERROR,)),
        ("4_3 field section that does not decode", frame(HEADERS, 5, 1, b"\xff" * 20),
         (COMPRESSION_ERROR,)),
        ("4_3 index of nothing", frame(HEADERS, 5, 1, b"\xfe"), (COMPRESSION_ERROR,)),
        ("4_3 PRIORITY within a field section",
         frame(HEADERS, END_STREAM, 1, GET) + frame(PRIORITY, 0, 3, b"\0\0\0\0\x10"),
         (PROTOCOL_ERROR,)),
        ("4_3 unknown frame within a field section",
         frame(HEADERS, END_STREAM, 1, GET) + frame(0xfa, 0, 1), (PROTOCOL_ERROR,)),
        ("4_3 another stream's HEADERS within a field section",
         frame(HEADERS, END_STREAM, 1, GET) + frame(HEADERS, 5, 3, GET), (PROTOCOL_ERROR,)),
        ("5_1 DATA on an idle stream", frame(DATA, END_STREAM, 1, b"x"),
         (PROTOCOL_ERROR, STREAM_CLOSED)),
        ("5_1 RST_STREAM on an idle stream", frame(RST_STREAM, 0, 1, number(CANCEL)),
         (PROTOCOL_ERROR,)),
        ("5_1 WINDOW_UPDATE on an idle stream", frame(WINDOW_UPDATE, 0, 1, number(100)),
         (PROTOCOL_ERROR,)),
        ("5_1 CONTINUATION on an idle stream", frame(CONTINUATION, END_HEADERS, 1, GET),
         (PROTOCOL_ERROR,)),
        ("5_1_1 even stream", frame(HEADERS, 5, 2, GET), (PROTOCOL_ERROR,)),
        ("5_1_1 stream numbers that go down",
         frame(HEADERS, 5, 5, GET) + frame(HEADERS, 5, 3, GET), (PROTOCOL_ERROR, STREAM_CLOSED)),
        ("6_1 DATA on stream 0", frame(DATA, END_STREAM, 0, b"x"), (PROTOCOL_ERROR,)),
        ("6_1 padding as long as DATA", frame(HEADERS, END_HEADERS, 1, GET)
         + frame(DATA, PADDED | END_STREAM, 1, b"\x06hello"), (PROTOCOL_ERROR,)),
        ("6_2 HEADERS on stream 0", frame(HEADERS, 5, 0, GET), (PROTOCOL_ERROR,)),
        ("6_2 padding longer than HEADERS",
         frame(HEADERS, 5 | PADDED, 1, bytes([len(GET) + 1]) + GET), (PROTOCOL_ERROR,)),
        ("6_3 PRIORITY on stream 0", frame(PRIORITY, 0, 0, b"\0\0\0\x01\x10"), (PROTOCOL_ERROR,)),
        ("6_4 RST_STREAM on stream 0", frame(RST_STREAM, 0, 0, number(CANCEL)), (PROTOCOL_ERROR,)),
        ("6_4 RST_STREAM of another length",
         frame(HEADERS, END_HEADERS, 1, GET) + frame(RST_STREAM, 0, 1, b"\0\0\0"),
         (FRAME_SIZE_ERROR,)),
        ("6_5 SETTINGS on a stream", frame(SETTINGS, 0, 1), (PROTOCOL_ERROR,)),
        ("6_5 SETTINGS of an odd length", frame(SETTINGS, 0, 0, b"\0\x03\0"), (FRAME_SIZE_ERROR,)),
        ("6_5 SETTINGS ACK with content", frame(SETTINGS, ACK, 0, b"\0\x01\0\0\0\0"),
         (FRAME_SIZE_ERROR,)),
        ("6_5_2 ENABLE_PUSH of 2", H2Client.settings([(2, 2)]), (PROTOCOL_ERROR,)),
        ("6_5_2 INITIAL_WINDOW_SIZE too large", H2Client.settings([(4, 1 << 31)]),
         (FLOW_CONTROL_ERROR,)),
        ("6_5_2 MAX_FRAME_SIZE too small", H2Client.settings([(5, 16383)]), (PROTOCOL_ERROR,)),
        ("6_5_2 MAX_FRAME_SIZE too large", H2Client.settings([(5, 1 << 24)]), (PROTOCOL_ERROR,)),
        ("6_6 PUSH_PROMISE of a client", frame(HEADERS, END_HEADERS, 1, GET)
         + frame(PUSH_PROMISE, END_HEADERS, 1, number(3) + GET), (PROTOCOL_ERROR,)),
        ("6_7 PING on a stream", frame(PING, 0, 1, b"x" * 8), (PROTOCOL_ERROR,)),
        ("6_7 PING of another length", frame(PING, 0, 0, b"x" * 6), (FRAME_SIZE_ERROR,)),
        ("6_8 GOAWAY on a stream", frame(GOAWAY, 0, 1, number(0) + number(0)), (PROTOCOL_ERROR,)),
        ("6_9 WINDOW_UPDATE of nothing", frame(WINDOW_UPDATE, 0, 0, number(0)), (PROTOCOL_ERROR,)),
        ("6_9 WINDOW_UPDATE of another length", frame(WINDOW_UPDATE, 0, 0, b"\0\0\x01"),
         (FRAME_SIZE_ERROR,)),
        ("6_9_1 window beyond its end", frame(WINDOW_UPDATE, 0, 0, number(0x7fffffff)) * 2,
         (FLOW_CONTROL_ERROR,)),
        ("6_10 CONTINUATION behind the end", frame(HEADERS, END_HEADERS, 1, GET)
         + frame(CONTINUATION, END_HEADERS, 1, GET), (PROTOCOL_ERROR,)),
        ("6_10 CONTINUATION on stream 0", frame(HEADERS, END_STREAM, 1, GET)
         + frame(CONTINUATION, END_HEADERS, 0, GET), (PROTOCOL_ERROR,)),
    ])
    def test_connection_error(self, sent, codes):
        self.client.try_send(sent)
        self.assert_connection_error(*codes)

    # 5 to 6: errors of a stream
    @rows([
        ("5_1 DATA on a half-closed stream", frame(HEADERS, 5, 1, GET) + frame(DATA, 1, 1, b"x"),
         (STREAM_CLOSED,)),
        ("5_1 HEADERS on a half-closed stream", frame(HEADERS, 5, 1, GET) + frame(HEADERS, 5, 1, GET),
         (STREAM_CLOSED,)),
        ("5_3_1 PRIORITY on itself",
         frame(HEADERS, 4 | PRIORITY_FLAG, 1, b"\0\0\0\x01\x10" + GET), (PROTOCOL_ERROR,)),
        ("6_9 WINDOW_UPDATE of nothing on a stream",
         frame(HEADERS, 4, 1, GET) + frame(WINDOW_UPDATE, 0, 1, number(0)), (PROTOCOL_ERROR,)),
        ("6_9_1 a stream's window beyond its end",
         frame(HEADERS, 4, 1, GET) + frame(WINDOW_UPDATE, 0, 1, number(0x7fffffff)) * 2,
         (FLOW_CONTROL_ERROR,)),
    ])
    def test_stream_error(self, sent, codes):
        """RST_STREAM, or as section 5.4.2 allows an error of the connection."""
        self.client.send(sent)
        got = self.client.next(lambda f: (f.kind == RST_STREAM and f.stream == 1)
                               or (f.kind == GOAWAY and f.error)
                               or (f.kind in (DATA, HEADERS) and f.flags & END_STREAM), "an error")
        if got.kind in (RST_STREAM, GOAWAY):
            self.assertIn(got.error, codes)

    # 8.1 to 8.3: malformed requests
    @rows([
        ("8_1 second head without END_STREAM", None),
        ("8_2_1 upper case in a name", request_fields(more=[("X-Test", "ok")])),
        ("8_2_1 space in a name", request_fields(more=[("x test", "ok")])),
        ("8_2_1 colon in a name", request_fields(more=[("x:y", "ok")])),
        ("8_2_1 empty name", request_fields(more=[("", "ok")])),
        ("8_2_1 LF in a name", request_fields(more=[("x\ny", "ok")])),
        ("8_2_1 NUL in a name", request_fields(more=[("x\0y", "ok")])),
        ("8_2_1 LF in a value", request_fields(more=[("x", "a\nb")])),
        ("8_2_1 CR in a value", request_fields(more=[("x", "a\rb")])),
        ("8_2_1 NUL in a value", request_fields(more=[("x", "a\0b")])),
        ("8_2_1 CRLF and a field in a value", request_fields(more=[("x", "a\r\nhost: evil")])),
        ("8_2_1 space before a value", request_fields(more=[("x", " a")])),
        ("8_2_1 tab behind a value", request_fields(more=[("x", "a\t")])),
        ("8_2_2 connection", request_fields(more=[("connection", "keep-alive")])),
        ("8_2_2 keep-alive", request_fields(more=[("keep-alive", "1")])),
        ("8_2_2 proxy-connection", request_fields(more=[("proxy-connection", "close")])),
        ("8_2_2 transfer-encoding", request_fields("POST", more=[("transfer-encoding", "chunked")])),
        ("8_2_2 upgrade", request_fields(more=[("upgrade", "h2c")])),
        ("8_2_2 te other than trailers", request_fields(more=[("te", "trailers, deflate;q=0.5")])),
        ("8_3 unknown pseudo-field", [*request_fields(), (":test", "ok")]),
        ("8_3 pseudo-field of an answer", [*request_fields(), (":status", "200")]),
        ("8_3 pseudo-field behind a field", [(":method", "GET"), ("x", "y"), (":scheme", "http"),
                                             (":path", "/"), (":authority", "a")]),
        ("8_3 pseudo-field in upper case", [(":METHOD", "GET"), *request_fields()[1:]]),
        ("8_3_1 empty path", request_fields(path="")),
        ("8_3_1 path without a slash", request_fields(path="x")),
        ("8_3_1 no method", request_fields()[1:]),
        ("8_3_1 no scheme", [f for f in request_fields() if f[0] != ":scheme"]),
        ("8_3_1 no path", [f for f in request_fields() if f[0] != ":path"]),
        ("8_3_1 no authority", [f for f in request_fields() if f[0] != ":authority"]),
        ("8_3_1 two methods", [(":method", "GET"), *request_fields()]),
        ("8_3_1 two schemes", [(":scheme", "http"), *request_fields()]),
        ("8_3_1 two paths", [(":path", "/"), *request_fields()]),
        ("8_3_1 two authorities", [(":authority", "a.test"), *request_fields()]),
        ("8_3_1 user in the authority", request_fields(authority="me@a.test")),
        ("8_3_1 malformed authority", request_fields(authority="a b")),
        ("8_3_1 Host differs", request_fields(more=[("host", "other.test")])),
        ("8_3_1 two Hosts", request_fields(more=[("host", "a.test"), ("host", "a.test")])),
        ("8_3_1 LF in the method", request_fields("GET / HTTP/1.1\nx")),
        ("8_3_1 space in the method", request_fields("GET /admin")),
        ("8_3_1 CRLF in the path", request_fields(path="/ HTTP/1.1\r\nhost: evil\r\n\r\n")),
        ("8_3_1 NUL in the path", request_fields(path="/\0")),
        ("8_3_1 LF in the authority", request_fields(authority="a\nb")),
        ("8_3_1 other scheme", request_fields(scheme="ftp")),
        ("8_5 CONNECT with a path", request_fields("CONNECT")),
        ("8441 protocol without CONNECT", [*request_fields(), (":protocol", "websocket")]),
        ("8_1_1 content-length without content", request_fields("POST",
                                                                more=[("content-length", "1")])),
        ("8_1_1 content-length twice", request_fields("POST", more=[("content-length", "0"),
                                                                    ("content-length", "0")])),
        ("8_1_1 content-length of words", request_fields("POST", more=[("content-length", "+0")])),
        ("8_1_1 content-length list", request_fields("POST", more=[("content-length", "0, 0")])),
    ])
    def test_malformed(self, fields):
        before = len(self.server.heads)
        if fields is None:
            stream = self.client.request("POST", end=False)
            self.client.send(frame(HEADERS, END_HEADERS, stream, section([("x", "y")])))
        else:
            stream = self.client.request_raw(fields)
        answer = self.client.answer(stream)
        self.assertEqual((answer.reset, answer.goaway), (PROTOCOL_ERROR, None), answer)
        if fields is not None:
            self.assertEqual(len(self.server.heads), before, "it was forwarded")
        self.assert_lives()

    @rows([
        ("more than announced", b"123456", True), ("less than announced", b"1234", True),
        ("more than announced, and no end", b"123456", False)])
    def test_content_length_is_not_the_content(self, content, end):
        stream = self.client.request("POST", headers=[("content-length", "5")], body=content, end=end)
        self.assertEqual(self.client.answer(stream).reset, PROTOCOL_ERROR)
        self.assert_lives()

    @rows([("a pseudo-field", [(":path", "/")]), ("upper case", [("X", "y")]),
           ("LF", [("x", "a\nb")])])
    def test_malformed_trailers(self, fields):
        stream = self.client.request("POST", body=b"x", trailers=fields)
        self.assertEqual(self.client.answer(stream).reset, PROTOCOL_ERROR)
        self.assert_lives()

    @rows([("above the root", "/../x"), ("NUL", "/%00"), ("backslash", "/a\\b"),
           ("space", "/a b"), ("fragment", "/a#b"), ("above 7E", "/\xe4"), ("control", "/a\x01")])
    def test_bad_path_is_400(self, path):
        answer = self.client.fetch(path=path)
        self.assertEqual(answer.status, 400, answer)
        self.assertIn(b'"reason":"bad_request"', answer.body)
        self.assert_lives()

    # What must be taken.
    @rows([
        ("te trailers", [("te", "trailers")]), ("empty value", [("x", "")]),
        ("host that agrees", [("host", "A.test:80")]),
        ("h2c settings, not forwarded", [("http2-settings", "AAMAAABk")])])
    def test_taken(self, fields):
        self.assertEqual(self.client.fetch(headers=fields).status, 200)
        self.assertNotIn("http2-settings",
                         [name.lower() for name, _ in self.server.heads[-1].headers])

    def test_host_instead_of_authority(self):
        fields = [f for f in request_fields(more=[("host", "b.test")]) if f[0] != ":authority"]
        answer = self.client.answer(self.client.request_raw(fields))
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.server.heads[-1].header("host"), "b.test")

    def test_padded_and_prioritised(self):
        self.client.send(frame(HEADERS, 4 | PADDED | PRIORITY_FLAG, 1,
                               b"\x03" + b"\0\0\0\0\x10" + section(request_fields("POST")) + b"\0" * 3)
                         + frame(DATA, 1 | PADDED, 1, b"\x02hi\0\0"))
        self.assertEqual(self.client.answer(1).body, b"hi")

    def test_field_section_in_pieces(self):
        pieces = [GET[i:i + 7] for i in range(0, len(GET), 7)][:9]
        pieces[-1] = GET[7 * (len(pieces) - 1):]
        self.client.send(frame(HEADERS, END_STREAM, 1, pieces[0])
                         + b"".join(frame(CONTINUATION, END_HEADERS * (i == len(pieces) - 2), 1, p)
                                    for i, p in enumerate(pieces[1:])))
        self.assertEqual(self.client.answer(1).status, 200)

    def test_unknown_frames_and_settings_and_flags_are_ignored(self):
        self.client.send(frame(0xfb, 0xff, 0, b"x") + H2Client.settings([(0xff, 1)])
                         + frame(PING, 0xfe, 0, b"12345678"))
        self.assert_lives()

    def test_ping(self):
        self.client.ping(b"abcdefgh")
        self.client.pong(b"abcdefgh")

    def test_reserved_bit_is_ignored(self):
        self.client.send(frame(HEADERS, 5, 0x80000001, GET))
        self.assertEqual(self.client.answer(1).status, 200)

    def test_connect_is_501(self):
        answer = self.client.answer(self.client.request_raw(
            [(":method", "CONNECT"), (":authority", "a.test:443")]))
        self.assertEqual(answer.status, 501)

    def test_trace_is_501(self):
        self.assertEqual(self.client.fetch("TRACE").status, 501)

    def test_options_of_everything(self):
        self.assertEqual(self.client.fetch("OPTIONS", "*").status, 204)

    def test_frames_on_a_finished_stream_are_no_error(self):
        self.assert_lives()
        self.client.send(frame(WINDOW_UPDATE, 0, 1, number(10)) + frame(PRIORITY, 0, 1, b"\0" * 5)
                         + frame(RST_STREAM, 0, 1, number(CANCEL)))
        self.assert_lives()
