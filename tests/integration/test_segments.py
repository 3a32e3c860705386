"""However a message is cut into segments, it is the same message."""

import socket
import threading

from harness import Case, basic_config, rows


class SegmentsTest(Case):
    @staticmethod
    def drip(send, data):
        for byte in data:
            send(bytes([byte]))

    PAUSE = 0.004  # long enough that the pieces are read one by one, mostly

    def setUp(self):
        self.answer = b""

        def handler(connection, request):
            connection.read_body(request)
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.drip(connection.send, self.answer)
        self.upstream = self.origin(handler)
        self.weir = self.gateway(basic_config(upstreams={"main": self.upstream.address}, workers=1))

    @rows([
        ("length", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello", []),
        ("chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n"
                    b"0\r\nX-T: 1\r\n\r\n", [("X-T", "1")]),
        ("hints", b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
                  b"Content-Length: 5\r\n\r\nhello", []),
    ])
    def test_answer_in_single_bytes(self, answer, trailers):
        self.answer = answer
        peer = self.client(self.weir)
        for _ in range(3):
            peer.request("GET", "/", [("TE", "trailers"), ("Connection", "TE")])
            response = peer.read_response()
            self.assertEqual((response.body, response.trailers), (b"hello", trailers))
        self.assertEqual(len(self.upstream.connections), 1)

    def test_request_in_single_bytes(self):
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        peer = self.client(self.weir)
        for _ in range(3):
            self.drip(peer.send, b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 b"3;a=\"b\"\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n")
            self.assertEqual(peer.read_response().status, 200)
        self.assertEqual([r.body for r in self.upstream.requests], [b"hello"] * 3)

    def test_request_cut_at_every_place(self):
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        message = (b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"5;e\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")
        peer = self.client(self.weir)
        for cut in range(1, len(message)):
            # The end of one message and the start of the next in one segment.
            peer.send(message[:cut])
            peer.send(message[cut:] + message[:cut])
            peer.send(message[cut:])
            for _ in range(2):
                self.assertEqual(peer.read_response().status, 200, cut)
        self.assertEqual({r.body for r in self.upstream.requests}, {b"hello"})
        self.assertEqual(len(self.upstream.requests), 2 * (len(message) - 1))

    def pieces(self, send, data, cut):
        send(data[:cut])
        self.pause.wait(self.PAUSE)
        send(data[cut:])

    pause = threading.Event()

    @rows([
        ("length", b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\nX-B: c\r\n\r\nhello"),
        ("chunked", b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\nX-B: c\r\n\r\n"
                    b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"),
        ("hints", b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\n"
                  b"X-B: c\r\nContent-Length: 5\r\n\r\nhello"),
    ])
    def test_answer_cut_at_every_place(self, answer):
        cut = [0]

        def handler(connection, request):
            self.pieces(connection.send, answer, cut[0])
        self.upstream.handler = handler
        peer = self.client(self.weir)
        for place in range(1, len(answer)):
            cut[0] = place
            peer.request("GET", "/")
            response = peer.read_response()
            self.assertEqual((response.status, response.body, response.header("x-a"),
                              response.header("x-b")), (200, b"hello", "b", "c"), answer[:place])
        self.assertEqual(len(self.upstream.connections), 1)

    def test_request_head_cut_at_every_place(self):
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        message = (b"POST /x?y HTTP/1.1\r\nHost: a\r\nX-A: b\r\nContent-Length: 5\r\nX-B: c\r\n"
                   b"\r\nhello")
        peer = self.client(self.weir)
        for place in range(1, len(message)):
            self.upstream.clear()
            self.pieces(peer.send, message, place)
            self.assertEqual(peer.read_response().status, 200, message[:place])
            request = self.upstream.wait_for_request()
            self.assertEqual((request.target, request.body, request.header("x-a"),
                              request.header("x-b")), ("/x?y", b"hello", "b", "c"))
