"""RFC 9113's streams and flow control and RFC 7541's field sections, case by case: what a server must
take, what it must answer, and which error is whose."""

import struct

from harness.case import Case, rows
from harness.client import Truncated
from harness.gateway import basic_config
from harness.h2 import (
    ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR, GOAWAY, HEADERS, PADDED, PING, PRIORITY, PRIORITY_FLAG, PROTOCOL_ERROR,
    REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, H2Client, frame, literal,
    request_fields, section)

GET = section(request_fields())
POST = section(request_fields("POST"))
PRIORITY_OF = {"16": b"\0\0\0\0\x0f", "1": b"\0\0\0\0\0", "256": b"\0\0\0\0\xff",
               "a stream": b"\0\0\0\x03\x0f", "a stream alone": b"\x80\0\0\x03\x0f"}
HUFFMAN = bytes.fromhex("8cf1e3c2e5f23a6ba0ab90f4ff")  # www.example.com


def number(value):
    return struct.pack(">I", value)


ENDS = [("an answer", frame(HEADERS, 5, 1, GET), 0),
        ("an answer to content", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(DATA, END_STREAM, 1, b"x"), 0),
        ("its reset", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(RST_STREAM, 0, 1, number(CANCEL)), 1)]
LATE = [("DATA", frame(DATA, END_STREAM, 1, b"test"), (STREAM_CLOSED,)),
        ("HEADERS", frame(HEADERS, 5, 1, GET), (STREAM_CLOSED,)),
        ("CONTINUATION", frame(CONTINUATION, END_HEADERS, 1, GET),
         (STREAM_CLOSED, PROTOCOL_ERROR))]


class StreamCase(Case):
    limits = {}

    @classmethod
    def setUpClass(cls):
        cls.server = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"o": cls.server.address}, listener=cls.listener(),
            limits=cls.limits, workers=1))

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
        """GOAWAY with one of the codes, and the end; or just the end."""
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


class Taken(StreamCase):
    """Nothing of this is an error."""

    @rows([
        ("2 PRIORITY on an idle stream", frame(PRIORITY, 0, 1, b"\0\0\0\0\xff")
         + frame(HEADERS, 5, 1, GET)),
        ("2 WINDOW_UPDATE on a half-closed stream", frame(HEADERS, 5, 1, GET)
         + frame(WINDOW_UPDATE, 0, 1, number(100))),
        ("2 PRIORITY on a half-closed stream", frame(HEADERS, 5, 1, GET)
         + frame(PRIORITY, 0, 1, b"\0\0\0\0\xff")),
        ("3_1 DATA", frame(HEADERS, END_HEADERS, 1, POST) + frame(DATA, END_STREAM, 1, b"test")),
        ("3_1 several DATA", frame(HEADERS, END_HEADERS, 1, POST) + frame(DATA, 0, 1, b"test")
         + frame(DATA, END_STREAM, 1, b"test")),
        ("3_1 padded DATA", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(DATA, END_STREAM | PADDED, 1, b"\x06test" + b"\0" * 6)),
        ("3_1 DATA of padding alone", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(DATA, END_STREAM | PADDED, 1, b"\x06" + b"\0" * 6)),
        ("3_2 padded HEADERS", frame(HEADERS, 5 | PADDED, 1, b"\x06" + GET + b"\0" * 6)),
        *[(f"3_2 HEADERS with priority {name}",
           frame(HEADERS, 5 | PRIORITY_FLAG, 1, priority + GET))
          for name, priority in PRIORITY_OF.items()],
        *[(f"3_3 PRIORITY {name}",
           frame(PRIORITY, 0, 1, priority) + frame(HEADERS, 5, 1, GET))
          for name, priority in PRIORITY_OF.items()],
        ("3_10 CONTINUATION", frame(HEADERS, END_STREAM, 1, GET[:10])
         + frame(CONTINUATION, END_HEADERS, 1, GET[10:])),
        ("3_10 CONTINUATIONs", frame(HEADERS, END_STREAM, 1, GET[:10])
         + frame(CONTINUATION, 0, 1, GET[10:20]) + frame(CONTINUATION, END_HEADERS, 1, GET[20:])),
        ("3_10 empty CONTINUATION", frame(HEADERS, END_STREAM, 1, GET)
         + frame(CONTINUATION, END_HEADERS, 1)),
        ("4 trailers", frame(HEADERS, END_HEADERS, 1, POST) + frame(DATA, 0, 1, b"test")
         + frame(HEADERS, 5, 1, section([("x-sum", "1")]))),
        ("4 trailers in pieces", frame(HEADERS, END_HEADERS, 1, POST) + frame(DATA, 0, 1, b"test")
         + frame(HEADERS, END_STREAM, 1, section([("x-sum", "1")])[:3])
         + frame(CONTINUATION, END_HEADERS, 1, section([("x-sum", "1")])[3:])),
        ("4 HEAD", frame(HEADERS, 5, 1, section(request_fields("HEAD")))),
        ("4_1 unknown frame on the stream", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(0x16, 0, 1, b"x" * 8) + frame(DATA, END_STREAM, 1, b"test")),
        ("4_1 undefined flags", frame(HEADERS, 0x05 | 0x42, 1, GET)),
        ("4_2 DATA as large as a frame may be", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(DATA, END_STREAM, 1, b"x" * 16384)),
        ("4_2 HEADERS as large as a frame may be", frame(HEADERS, 5, 1, GET + literal(
            "x", "y" * (16384 - len(GET) - len(literal("x", "y" * 16000)) + 16000)))),
        ("6_5 no settings at all", frame(SETTINGS) + frame(HEADERS, 5, 1, GET)),
        ("6_5_2 unknown setting", H2Client.settings([(0xff, 0xffffffff)])
         + frame(HEADERS, 5, 1, GET)),
        ("6_5_2 a setting twice", H2Client.settings([(4, 1), (4, 65535)])
         + frame(HEADERS, 5, 1, GET)),
        ("6_5_2 no table", H2Client.settings([(1, 0)]) + frame(HEADERS, 5, 1, GET)),
        ("6_5_2 a large table", H2Client.settings([(1, 0xffffffff)]) + frame(HEADERS, 5, 1, GET)),
        ("6_5_2 smallest header list", H2Client.settings([(6, 0)]) + frame(HEADERS, 5, 1, GET)),
        ("6_5_2 largest frame", H2Client.settings([(5, (1 << 24) - 1)])
         + frame(HEADERS, 5, 1, GET)),
        ("6_7 an answer that nobody asked for", frame(PING, ACK, 0, b"nobodyed")
         + frame(HEADERS, 5, 1, GET)),
        ("6_9 WINDOW_UPDATE of the connection", frame(WINDOW_UPDATE, 0, 0, number(1))
         + frame(HEADERS, 5, 1, GET)),
    ])
    def test_taken(self, sent):
        self.client.send(sent)
        self.assertEqual(self.client.answer(1).status, 200)

    @rows([("3_4 RST_STREAM", CANCEL), ("7 RST_STREAM with an unknown error", 0xff)])
    def test_a_stream_that_the_client_resets(self, error):
        self.client.send(frame(HEADERS, END_HEADERS, 1, POST) + frame(RST_STREAM, 0, 1,
                                                                      number(error)))
        self.client.next_stream = 3
        self.assert_lives()

    @rows([("3_8 GOAWAY", 0), ("7 GOAWAY with an unknown error", 0xff)])
    def test_goaway(self, error):
        """Requests that came before it are answered (section 6.8)."""
        self.client.send(frame(HEADERS, 5, 1, GET) + frame(GOAWAY, 0, 0, number(0) + number(error)))
        self.assertEqual(self.client.answer(1).status, 200)

    # RFC 7541, section by section.
    @rows([
        ("6_1 indexed", b""),
        ("6_2_1 literal that is kept, indexed name", b"\x58\x01x"),
        ("6_2_1 literal that is kept, new name", b"\x40\x03x-a\x01x"),
        ("6_2_2 literal, indexed name", b"\x0f\x09\x01x"),
        ("6_2_2 literal, new name", b"\x00\x03x-a\x01x"),
        ("6_2_3 literal never kept, indexed name", b"\x1f\x09\x01x"),
        ("6_2_3 literal never kept, new name", b"\x10\x03x-a\x01x"),
        ("5_2 Huffman's code", b"\x58" + HUFFMAN),
        ("2_3_3 from the dynamic table", b"\x40\x03x-a\x01x\xbe"),
    ])
    def test_field(self, field):
        self.client.send(frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x06a.test" + field))
        self.assertEqual(self.client.answer(1).status, 200)

    @rows([("6_3 a size", b"\x20"), ("6_3 the largest", b"\x3f\xe1\x1f"),
           ("6_3 two sizes", b"\x20\x3f\xe1\x1f")])
    def test_table_size(self, update):
        self.client.send(frame(HEADERS, 5, 1, update + GET))
        self.assertEqual(self.client.answer(1).status, 200)


class Errors(StreamCase):
    @rows([
        ("2_3_3 index beyond the tables", b"\xc6"),
        ("2_3_3 name beyond the tables", b"\x7f\x07\x01x"),
        ("4_2 size of the table behind a field", b"\x20"),
        ("5_1 integer that overflows", b"\x7f" + b"\xff" * 10 + b"\x01\x01x"),
        ("5_2 Huffman padding of eight bits", b"\x00\x01x\x82\x1f\xff"),
        ("5_2 Huffman padding of zeroes", b"\x00\x01x\x81\x18"),
        ("5_2 Huffman end of string", b"\x00\x01x\x84\xff\xff\xff\xff"),
        ("6_1 index zero", b"\x80"),
        ("a field that does not end", b"\x00\x01x\x05y"),
    ])
    def test_compression(self, field):
        self.client.try_send(frame(HEADERS, 5, 1, GET + field))
        self.assert_connection_error(COMPRESSION_ERROR)

    def test_compression_size_beyond_ours(self):
        """RFC 7541 section 6.3."""
        self.client.try_send(frame(HEADERS, 5, 1, b"\x3f\xe2\x1f" + GET))
        self.assert_connection_error(COMPRESSION_ERROR)

    def test_compression_in_trailers(self):
        self.client.try_send(frame(HEADERS, END_HEADERS, 1, POST) + frame(HEADERS, 5, 1, b"\x80"))
        self.assert_connection_error(COMPRESSION_ERROR)

    @rows([
        ("4_2 PRIORITY of another length", frame(PRIORITY, 0, 1, b"\0\0\0\x01"),
         (FRAME_SIZE_ERROR,)),
        ("4_2 padding without a length", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(DATA, PADDED, 1), (FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
        ("4_2 GOAWAY too short", frame(GOAWAY, 0, 0, b"\0" * 7), (FRAME_SIZE_ERROR,)),
        ("4_3 DATA within a field section", frame(HEADERS, END_STREAM, 1, GET)
         + frame(DATA, 0, 1, b"x"), (PROTOCOL_ERROR,)),
        ("4_3 SETTINGS within a field section", frame(HEADERS, END_STREAM, 1, GET)
         + frame(SETTINGS), (PROTOCOL_ERROR,)),
        ("5_3_1 PRIORITY on itself", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(PRIORITY, 0, 1, b"\0\0\0\x01\xff"), (PROTOCOL_ERROR,)),
        ("5_5 unknown frame within a field section", frame(HEADERS, END_STREAM, 1, GET[:10])
         + frame(0x16, 0, 0) + frame(CONTINUATION, END_HEADERS, 1, GET[10:]), (PROTOCOL_ERROR,)),
        ("6_5_3 SETTINGS ACK that nobody is owed", frame(SETTINGS, ACK) * 2, (PROTOCOL_ERROR,)),
        ("6_9_2 a window made too large by SETTINGS", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(WINDOW_UPDATE, 0, 1, number(0x7fffffff - 65535))
         + H2Client.settings([(4, 65536)]), (FLOW_CONTROL_ERROR,)),
        ("6_10 CONTINUATION behind CONTINUATION", frame(HEADERS, END_STREAM, 1, GET[:10])
         + frame(CONTINUATION, END_HEADERS, 1, GET[10:])
         + frame(CONTINUATION, END_HEADERS, 1, GET), (PROTOCOL_ERROR,)),
        ("6_10 CONTINUATION behind DATA", frame(HEADERS, END_HEADERS, 1, POST)
         + frame(DATA, 0, 1, b"x") + frame(CONTINUATION, END_HEADERS, 1, GET), (PROTOCOL_ERROR,)),
        ("6_10 CONTINUATION of another stream", frame(HEADERS, END_STREAM, 1, GET[:10])
         + frame(CONTINUATION, END_HEADERS, 3, GET[10:]), (PROTOCOL_ERROR,)),
    ])
    def test_of_the_connection(self, sent, codes):
        self.client.try_send(sent)
        self.assert_connection_error(*codes)

    def test_goaway_names_the_last_stream(self):
        """Sections 5.4.1 and 6.8: and then the connection is closed."""
        self.assertEqual(self.client.fetch().status, 200)
        self.assertEqual(self.client.fetch().status, 200)
        self.client.send(frame(PING, 0, 0, b"short"))
        goaway = self.client.goaway()
        self.assertEqual((goaway.error, goaway.last_stream), (FRAME_SIZE_ERROR, 3))
        self.client.expect_end()

    @rows([(f"5_1 {late} behind {end}", begin, reset, sent, codes)
           for end, begin, reset in ENDS for late, sent, codes in LATE])
    def test_on_a_closed_stream(self, begin, reset, sent, codes):
        self.client.send(begin)
        if not reset:
            self.assertEqual(self.client.answer(1).status, 200)
        self.client.try_send(sent)
        self.assert_connection_error(*codes)

    @rows([("DATA", frame(DATA, END_STREAM, 1, b"x"), (STREAM_CLOSED,)),
           ("HEADERS", frame(HEADERS, 5, 1, GET), (STREAM_CLOSED,))])
    def test_on_a_half_closed_stream(self, sent, codes):
        self.client.try_send(frame(HEADERS, 5, 1, GET) + sent)
        got = self.client.next(lambda f: (f.kind == RST_STREAM and f.stream == 1 and f.error)
                               or (f.kind == GOAWAY and f.error), "an error")
        self.assertIn(got.error, codes)

    @rows([("content", frame(DATA, END_STREAM, 1, b"x" * 100)),
           ("trailers", frame(HEADERS, 5, 1, section([("x-sum", "1")])))])
    def test_what_was_on_its_way_to_a_stream_that_we_reset(self, sent):
        """Section 5.1: it is taken and ignored, and its fields are decoded."""
        self.client.send(frame(HEADERS, END_HEADERS, 1, section(
            request_fields("POST", more=[("connection", "close")]))))
        self.assertEqual(self.client.answer(1).reset, PROTOCOL_ERROR)
        self.client.send(sent)
        self.client.next_stream = 3
        self.assert_lives()

    def test_ping_answers_are_not_answered(self):
        """Section 6.7."""
        self.client.send(frame(PING, ACK, 0, b"nobodyed") + frame(PING, 0, 0, b"somebody"))
        got = self.client.next(lambda f: f.kind == PING, "a pong")
        self.assertEqual((got.flags & ACK, got.payload), (ACK, b"somebody"))

    def test_settings_are_acknowledged_in_order(self):
        """Section 6.5.3."""
        self.client.send(frame(SETTINGS) + frame(PING, 0, 0, b"behindit"))
        acks = 0
        while True:
            got = self.client.read_frame("an acknowledgement")
            acks += got.kind == SETTINGS and bool(got.flags & ACK)
            if got.kind == PING and got.flags & ACK:
                break
        self.assertEqual(acks, 2)  # with that of the preface


class Windows(StreamCase):
    """Section 6.9: what the client's windows allow, and not a byte more."""

    def setUp(self):
        pass

    def begin(self, window, body=b"hello"):
        self.client = self.connect(window=window)
        return self.client.request("POST", body=body)

    def piece(self, stream):
        return self.client.next(lambda f: f.kind == DATA and f.stream == stream, "DATA").payload

    def assert_silent(self):
        """What is answered behind it shows that nothing more came."""
        self.client.ping(b"anything")
        got = self.client.next(lambda f: f.kind == DATA or (f.kind == PING and f.flags & ACK), "")
        self.assertEqual(got.kind, PING, got)

    def test_6_9_1_a_window_of_one_byte(self):
        stream = self.begin(1)
        for letter in b"hello":
            self.assertEqual(self.piece(stream), bytes([letter]))
            self.assert_silent()
            self.client.give(stream, 1)

    def test_6_9_2_a_window_that_settings_open(self):
        stream = self.begin(0)
        self.assertEqual(self.client.head(stream).fields[0], (":status", "200"))
        self.assert_silent()
        self.client.send(H2Client.settings([(4, 1)]))
        self.assertEqual(self.piece(stream), b"h")
        self.client.send(H2Client.settings([(4, 5)]))
        self.assertEqual(self.piece(stream), b"ello")

    def test_6_9_2_a_window_below_zero(self):
        stream = self.begin(3)
        self.assertEqual(self.piece(stream), b"hel")
        self.client.send(H2Client.settings([(4, 2)]))
        self.client.give(stream, 1)
        self.assert_silent()
        self.client.give(stream, 1)
        self.assertEqual(self.piece(stream), b"l")

    def test_6_5_3_the_last_of_two_values(self):
        self.client = self.connect(start=False)
        self.client.giving = False
        self.client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + H2Client.settings([(4, 100), (4, 1)]))
        self.assertEqual(self.piece(self.client.request("POST", body=b"hello")), b"h")

    def test_6_9_a_stream_without_a_window_stops_no_other(self):
        stuck = self.begin(0)
        self.client.head(stuck)
        other = self.client.request("POST", body=b"world")
        self.client.head(other)
        self.client.give(other, 100)
        self.assertEqual(self.piece(other), b"world")


class Concurrency(StreamCase):
    """Section 5.1.2: one too many costs that stream alone."""
    limits = {"h2_streams": 3}

    def test_5_1_2_what_is_too_much_is_refused(self):
        self.client.ping()
        self.client.pong()  # behind it our SETTINGS are acknowledged
        self.assertEqual(self.client.server_settings[3], 3)
        open_ = [self.client.request("POST", end=False) for _ in range(3)]
        for _ in range(5):
            self.assertEqual(self.client.answer(self.client.request()).reset, REFUSED_STREAM)
        with_content = self.client.request("POST", body=b"x" * 10000)
        self.assertEqual(self.client.answer(with_content).reset, REFUSED_STREAM)
        for stream in open_:
            self.client.data(stream, b"still here", end=True)
            self.assertEqual(self.client.answer(stream).body, b"still here")
        self.assert_lives()

    def test_5_1_2_also_before_our_settings_are_known(self):
        open_ = [self.client.request("POST", end=False) for _ in range(4)]
        self.assertEqual(self.client.answer(open_[3]).reset, REFUSED_STREAM)
        self.client.data(open_[0], b"x", end=True)
        self.assertEqual(self.client.answer(open_[0]).body, b"x")
        self.assert_lives()

    def test_5_1_2_a_field_section_of_a_refused_stream_is_decoded(self):
        """Section 4.3: what it puts into the table is there for the next."""
        open_ = [self.client.request("POST", end=False) for _ in range(3)]
        self.client.send(frame(HEADERS, 5, 7, GET + b"\x40\x03x-a\x05value"))
        self.assertEqual(self.client.answer(7).reset, REFUSED_STREAM)
        self.client.reset(open_[0])
        self.client.send(frame(HEADERS, 5, 9, GET + b"\xbe"))
        self.assertEqual(self.client.answer(9).status, 200)
        self.assertEqual(self.server.heads[-1].header("x-a"), "value")
