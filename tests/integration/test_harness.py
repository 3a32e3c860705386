"""The harness against itself: the client reads what the origin writes, strictly, and both notice
how the other side ended."""

from harness import BlackHole, Case, Client, ProtocolError, Truncated, curl, rows


def handle_by_path(connection, request):
    if request.target == "/stall":
        connection.wait_ended()
    elif request.target == "/truncate":
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        connection.close()
    elif request.target == "/truncate-chunk":
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        connection.close()
    elif request.target == "/reset":
        connection.reset()
    elif request.target == "/interim":
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        connection.reply(200, [], "done")
    elif request.target == "/trailers":
        connection.reply(200, [("Trailer", "X-Sum")], "abc", chunked=True, trailers=[("X-Sum", "3")])
    elif request.target.startswith("/raw/"):
        connection.send(bytes.fromhex(request.target[5:]))
        connection.close()
    else:
        body = connection.read_body(request)
        connection.reply(200, [("X-Count", str(request.index))], body)


class HarnessTest(Case):
    def setUp(self):
        self.server = self.origin(handle_by_path)
        self.peer = Client(("127.0.0.1", self.server.port))
        self.addCleanup(self.peer.close)

    def test_keep_alive_and_pipelining_are_recorded(self):
        self.peer.request("GET", "/one").request("POST", "/two", body=b"hello")
        self.assertEqual(self.peer.read_response().header("x-count"), "0")
        self.assertEqual(self.peer.read_response().body, b"hello")
        second = self.server.wait_for_request(2)
        self.assertEqual((second.target, second.body, second.connection, second.index),
                         ("/two", b"hello", 0, 1))
        self.assertTrue(second.raw_head.startswith(b"POST /two HTTP/1.1\r\nHost: test.example\r\n"))

    def test_chunked_request_with_trailers(self):
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")
        self.assertEqual(self.peer.read_response().body, b"abc")
        self.assertEqual(self.server.wait_for_request().trailers, [("X-T", "1")])

    def test_interim_and_trailers(self):
        self.peer.request("GET", "/interim").request("GET", "/trailers")
        self.assertEqual([r.status for r in self.peer.read_response().interim], [103])
        answer = self.peer.read_response()
        self.assertEqual((answer.body, answer.trailers), (b"abc", [("X-Sum", "3")]))

    @rows([("length", "/truncate"), ("chunked", "/truncate-chunk")])
    def test_truncation_is_seen(self, target):
        self.peer.request("GET", target)
        with self.assertRaises(Truncated) as caught:
            self.peer.read_response()
        self.assertEqual(caught.exception.partial, b"half")
        self.assertFalse(caught.exception.reset)

    def test_reset_is_seen(self):
        self.peer.request("GET", "/reset")
        self.peer.expect_reset()

    def test_client_leaving_is_seen_by_the_origin(self):
        self.peer.request("GET", "/stall")
        self.server.wait_for_head()
        self.peer.close()
        self.assertEqual(self.server.wait_connection_ended(), "closed")

    def test_client_reset_is_seen_by_the_origin(self):
        self.peer.request("GET", "/stall")
        self.server.wait_for_head()
        self.peer.reset()
        self.assertEqual(self.server.wait_connection_ended(), "reset")

    @rows([
        ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"),
        ("length and chunked",
         b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("space before colon", b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"),
        ("obs-fold", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"),
        ("chunk size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n"),
        ("length on 204", b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n"),
    ])
    def test_client_is_strict(self, raw):
        self.peer.request("GET", "/raw/" + raw.hex())
        with self.assertRaises(ProtocolError):
            self.peer.read_response()

    def test_curl(self):
        self.assertEqual(curl("-d", "body", f"http://127.0.0.1:{self.server.port}/"), b"body")

    def test_black_hole_takes_no_connection(self):
        hole = BlackHole()
        self.addCleanup(hole.close)
        with self.assertRaises(TimeoutError):
            Client(("127.0.0.1", hole.port), timeout=0.3)
