"""WebSocket from an HTTP/2 client by extended CONNECT (RFC 8441) to an HTTP/1 upstream."""

import base64
import hashlib

from harness.case import Case, rows
from harness.gateway import basic_config
from harness.h2 import CANCEL, DATA, END_STREAM, PROTOCOL_ERROR, RST_STREAM, H2Client, request_fields


def accept(key):
    return base64.b64encode(hashlib.sha1(
        (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def serve(connection, request):
    if request.target.endswith("/refuse"):
        connection.reply(403, body="no")
        return
    if request.target.endswith("/plain"):
        connection.reply(200, body="no tunnel")
        return
    key = "wrong" if request.target.endswith("/wrong") else request.header("sec-websocket-key")
    connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept(key)}\r\n"
                    "Sec-WebSocket-Protocol: chat\r\n\r\nhello")
    if request.target.endswith("/bye"):
        connection.close()
        return
    while True:
        connection.send(connection.read_some())


class WebSocketTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.shared_origin(serve)
        cls.weir = cls.shared_gateway(basic_config(
            [{"name": "short", "match": {"path_prefix": "/short"}, "upstream": "o",
              "upgrades": ["websocket"], "stream_idle_timeout": "300ms"},
             {"name": "none", "match": {"path_prefix": "/none"}, "upstream": "o"},
             {"name": "ws", "match": {"path_prefix": "/", "methods": ["GET"]}, "upstream": "o",
              "upgrades": ["websocket"]}],
            {"o": cls.server.address}, workers=1, listener={"protocols": ["h2c"]}))

    def setUp(self):
        self.client = H2Client(self.weir.address())
        self.addCleanup(self.client.close)

    def ask(self, path="/ws", protocol="websocket", more=(("sec-websocket-version", "13"),), end=False):
        fields = [(":protocol", protocol), *request_fields("CONNECT", path, more=more)]
        return self.client.request_raw(fields, end=end)

    def hear(self, stream, size):
        got = b""
        while len(got) < size:
            piece = self.client.next(lambda f: f.kind in (DATA, RST_STREAM) and f.stream == stream,
                                     "bytes")
            self.assertEqual(piece.kind, DATA)
            got += piece.payload
            if piece.flags & END_STREAM:
                break
        return got

    def test_echo(self):
        stream = self.ask(more=[("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat"),
                                ("origin", "http://a.test")])
        head = dict(self.client.head(stream).fields)
        self.assertEqual((head[":status"], head["sec-websocket-protocol"]), ("200", "chat"))
        for name in ("sec-websocket-accept", "upgrade", "connection", "content-length"):
            self.assertNotIn(name, head)
        self.assertEqual(self.hear(stream, 5), b"hello")
        for piece in (b"one", b"two" * 5000):
            self.client.data(stream, piece)
            self.assertEqual(self.hear(stream, len(piece)), piece)
        asked = self.server.heads[-1]
        self.assertEqual((asked.method, asked.header("upgrade"), asked.header("connection")),
                         ("GET", "websocket", "Upgrade"))
        self.assertEqual(len(base64.b64decode(asked.header("sec-websocket-key"))), 16)

    def test_many_tunnels_and_requests_share_a_connection(self):
        streams = [self.ask() for _ in range(20)]
        for stream in streams:
            self.assertEqual(self.hear(stream, 5), b"hello")
        for i, stream in enumerate(streams):
            self.client.data(stream, b"%03d" % i)
        for i, stream in enumerate(streams):
            self.assertEqual(self.hear(stream, 3), b"%03d" % i)
        self.weir.wait_metric(20, "weir_tunnels_active", route="ws")

    def test_the_client_ends(self):
        stream = self.ask()
        self.hear(stream, 5)
        self.client.data(stream, b"last", end=True)
        self.assertEqual(self.hear(stream, 4), b"last")
        end = self.client.next(lambda f: f.kind in (DATA, RST_STREAM) and f.stream == stream, "the end")
        self.assertTrue(end.kind == DATA and end.flags & END_STREAM)

    def test_the_upstream_ends(self):
        stream = self.ask("/bye")
        self.assertEqual(self.hear(stream, 5), b"hello")
        end = self.client.next(lambda f: f.kind == DATA and f.stream == stream, "the end")
        self.assertTrue(end.flags & END_STREAM)

    def test_a_reset_ends_the_upstream(self):
        count = len(self.server.connections)
        stream = self.ask()
        self.hear(stream, 5)
        self.client.reset(stream, CANCEL)
        self.server.wait("its connection to end", lambda: all(
            c.ended.is_set() for c in self.server.connections[count:]))

    def test_idle(self):
        stream = self.ask("/short")
        self.hear(stream, 5)
        self.client.next(lambda f: f.kind == RST_STREAM and f.stream == stream, "a reset")

    def test_refused_by_the_upstream(self):
        answer = self.client.answer(self.ask("/refuse"))
        self.assertEqual((answer.status, answer.body), (403, b"no"))

    @rows([("no tunnel but 200", "/plain", 501), ("a wrong proof", "/wrong", 502),
           ("a route without", "/none", 501)])
    def test_no_tunnel(self, path, status):
        self.assertEqual(self.client.answer(self.ask(path)).status, status)

    def test_another_protocol(self):
        self.assertEqual(self.client.answer(self.ask(protocol="connect-udp")).status, 501)

    def test_another_version(self):
        self.assertEqual(
            self.client.answer(self.ask(more=[("sec-websocket-version", "12")])).status, 400)

    def test_protocol_without_a_path(self):
        stream = self.client.request_raw([(":method", "CONNECT"), (":protocol", "websocket"),
                                          (":authority", "a.test")])
        self.assertEqual(self.client.answer(stream).reset, PROTOCOL_ERROR)
