"""Connections on both sides: how long they live, who ends them, and what the other side then sees.
RFC 9112 section 9; interface.md section 3."""

import threading

from harness import Case, Truncated, basic_config, rows, wait_until


class ConnectionCase(Case):
    limits = None

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(upstreams={"main": cls.upstream.address},
                                                   workers=1, limits=cls.limits))

    def setUp(self):
        self.upstream.clear()
        self.upstream.handler = lambda connection, request: connection.reply(
            200, [("X-Target", request.target)], connection.read_body(request))
        self.peer = self.client(self.weir)


class PersistenceTest(ConnectionCase):
    def test_both_sides_are_kept(self):
        for number in range(20):
            self.peer.request("GET", f"/{number}")
            self.assertEqual(self.peer.read_response().header("x-target"), f"/{number}")
        self.assertEqual({r.connection for r in self.upstream.requests},
                         {self.upstream.requests[0].connection})

    def test_upstream_connection_outlives_the_clients(self):
        for _ in range(5):
            self.fetch(self.weir, "/")
        self.assertEqual(len({r.connection for r in self.upstream.requests}), 1)

    @rows([
        ("1.1", "HTTP/1.1", "", True), ("1.1 close", "HTTP/1.1", "Connection: close\r\n", False),
        ("1.1 close in odd case", "HTTP/1.1", "Connection: ClOsE\r\n", False),
        ("1.1 close in a list", "HTTP/1.1", "Connection: x, close\r\n", False),
        ("1.0", "HTTP/1.0", "", False),
        ("1.0 keep-alive", "HTTP/1.0", "Connection: keep-alive\r\n", True),
        ("1.0 keep-alive and close", "HTTP/1.0", "Connection: keep-alive, close\r\n", False),
    ])
    def test_client_says(self, version, field, kept):
        self.peer.send(f"GET / {version}\r\nHost: a\r\n{field}\r\n")
        response = self.peer.read_response()
        self.assertEqual(response.status, 200)
        if kept:
            if version == "HTTP/1.0":
                self.assertEqual(response.header("connection").lower(), "keep-alive")
            self.peer.request("GET", "/again")
            self.assertEqual(self.peer.read_response().header("x-target"), "/again")
        else:
            self.peer.expect_closed()

    def test_http_1_0_gets_no_chunks(self):
        self.upstream.handler = lambda c, r: c.reply(200, [], "x" * 5000, chunked=True)
        self.peer.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        response = self.peer.read_response()
        self.assertEqual((response.framing, len(response.body)), ("close", 5000))

    def test_http_1_0_post(self):
        self.peer.send("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        self.assertEqual(self.peer.read_response().body, b"hello")

    def test_pipelining_in_order(self):
        self.peer.send("".join(f"GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n in range(50)))
        for number in range(50):
            self.assertEqual(self.peer.read_response().header("x-target"), f"/{number}")

    def test_pipelining_with_bodies(self):
        self.peer.send("".join(
            f"POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nbody{n}" for n in range(5))
            + "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
            + "GET /end HTTP/1.1\r\nHost: a\r\n\r\n")
        for number in range(5):
            self.assertEqual(self.peer.read_response().body, b"body%d" % number)
        self.assertEqual(self.peer.read_response().body, b"hi")
        self.assertEqual(self.peer.read_response().header("x-target"), "/end")

    def test_pipelined_after_close_is_not_served(self):
        self.peer.send("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                       "GET /more HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.peer.read_response().header("x-target"), "/last")
        self.peer.expect_closed()
        self.assertEqual(self.upstream.targets(), ["/last"])

    def test_a_head_in_single_bytes(self):
        for byte in "GET /slow HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n":
            self.peer.send(byte)
        self.assertEqual(self.peer.read_response().header("x-target"), "/slow")

    def test_empty_lines_before_a_request_are_ignored(self):
        self.peer.send("\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.peer.read_response().header("x-target"), "/a")

    def test_upstream_close_is_not_the_clients(self):
        self.upstream.handler = lambda c, r: (c.reply(200, [("Connection", "close")], "x"),
                                              c.close())
        for _ in range(3):
            self.peer.request("GET", "/")
            response = self.peer.read_response()
            self.assertEqual((response.status, response.header("connection")), (200, None))
        self.assertEqual(len({h.connection for h in self.upstream.heads}), 3)

    def test_upstream_1_0_is_not_reused(self):
        self.upstream.handler = lambda c, r: c.send("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
        for _ in range(2):
            self.peer.request("GET", "/")
            self.assertEqual(self.peer.read_response().status, 200)
        self.assertEqual(len({h.connection for h in self.upstream.heads}), 2)


class ClientGoneTest(ConnectionCase):
    def stall(self):
        self.how = []
        self.upstream.handler = lambda c, r: self.how.append(c.wait_ended())

    @rows([("closes", "close"), ("resets", "reset"), ("half-closes", "half_close")])
    def test_waiting_for_the_head(self, how):
        """The origin's connection ends at once, not at the route's 15 s."""
        self.stall()
        self.peer.request("GET", "/")
        number = self.upstream.wait_for_head().connection
        getattr(self.peer, how)()
        self.upstream.wait_connection_ended(number)

    def test_inside_the_answer(self):
        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nstart")
            connection.wait_ended()
        self.upstream.handler = handler
        self.peer.request("GET", "/")
        self.peer.read_head()
        number = self.upstream.heads[0].connection
        self.peer.reset()
        self.upstream.wait_connection_ended(number)

    def test_inside_the_upload(self):
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nstart")
        number = self.upstream.wait_for_head().connection
        self.peer.reset()
        self.upstream.wait_connection_ended(number)
        self.assertEqual(self.upstream.requests, [])

    def test_is_counted_as_499(self):
        self.stall()
        before = self.weir.settled_metrics().value("weir_http_requests_total", status="499") or 0
        self.peer.request("GET", "/")
        self.upstream.wait_for_head()
        self.peer.reset()
        self.weir.wait_metric(before + 1, "weir_http_requests_total", status="499")

    def test_between_requests_nothing_happens(self):
        self.peer.request("GET", "/")
        self.peer.read_response()
        self.peer.half_close()
        self.peer.expect_closed()

    def test_pipelined_requests_of_a_client_that_left_stop(self):
        self.stall()
        self.peer.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        number = self.upstream.wait_for_head().connection
        self.peer.reset()
        self.upstream.wait_connection_ended(number)
        self.fetch_other()
        self.assertEqual(self.upstream.targets(), ["/1", "/other"])

    def fetch_other(self):
        self.upstream.handler = lambda c, r: c.reply(200)
        self.assertEqual(self.fetch(self.weir, "/other").status, 200)


class HalfCloseFinishTest(ConnectionCase):
    limits = {"client_half_close": "finish"}

    def test_request_then_fin_is_answered(self):
        go = threading.Event()

        def handler(connection, request):
            go.wait(30)
            connection.reply(200, [], "answer")
        self.upstream.handler = handler
        self.peer.request("GET", "/").half_close()
        self.upstream.wait_for_head()
        go.set()
        self.assertEqual(self.peer.read_response().body, b"answer")
        self.peer.expect_closed()

    @rows([
        ("of known length", "Content-Length: 30\r\n\r\nabc"),
        ("in chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
        ("between chunks", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
    ])
    def test_half_a_request_gets_no_answer(self, rest):
        """499 is for the log alone."""
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\n" + rest).half_close()
        try:
            data = self.peer.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.assertEqual(data, b"")
        self.fetch(self.weir, "/after")
        self.assertEqual([r.target for r in self.upstream.requests], ["/after"])

    def test_reset_is_still_gone(self):
        self.upstream.handler = lambda c, r: c.wait_ended()
        self.peer.request("GET", "/").half_close()
        number = self.upstream.wait_for_head().connection
        self.peer.reset()
        self.upstream.wait_connection_ended(number)


class UpstreamGoneTest(ConnectionCase):
    @rows([
        ("length by close", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "close"),
        ("length by reset", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "reset"),
        ("chunked by close", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
         "close"),
        ("chunked by reset", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
         "reset"),
        ("inside a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
         "close"),
    ])
    def test_mid_answer_is_seen_as_truncation(self, raw, how):
        seen = threading.Event()

        def handler(connection, request):
            connection.send(raw)
            seen.wait(30)
            getattr(connection, how)()
        self.upstream.handler = handler
        self.peer.request("GET", "/")
        head = self.peer.read_head()
        if head.header("transfer-encoding"):
            self.assertTrue(self.peer.read_chunk())
        else:
            self.assertEqual(self.peer.read_exact(4), b"half")
        seen.set()
        with self.assertRaises(Truncated):
            if head.header("transfer-encoding"):
                self.peer.read_chunk()
            else:
                self.peer.read_exact(96)

    def test_mid_answer_is_logged_as_incomplete(self):
        before = self.weir.settled_metrics().value("weir_http_rejected_total",
                                           reason="upstream_incomplete") or 0

        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            connection.close()
        self.upstream.handler = handler
        self.peer.request("GET", "/")
        self.peer.read_head()
        self.peer.expect_gone()
        self.weir.wait_metric(before + 1, "weir_http_rejected_total", reason="upstream_incomplete")


class EarlyAnswerTest(ConnectionCase):
    """An answer before the upload is complete: it arrives whole, and the connection ends after it."""

    def early(self, close):
        def handler(connection, request):
            connection.reply(413, [("Connection", "close")] if close else [], "too much")
            if close:
                connection.close()
            else:
                connection.wait_ended()
        self.upstream.handler = handler

    @rows([("origin closes", True), ("origin waits", False)])
    def test_upload_that_waits(self, close):
        self.early(close)
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart")
        response = self.peer.read_response()
        self.assertEqual((response.status, response.body), (413, b"too much"))
        self.assert_closing(self.peer, response)

    @rows([("origin closes", True), ("origin waits", False)])
    def test_upload_that_goes_on_is_lingered_for(self, close):
        """The client that writes on is not reset before it could read its answer."""
        self.early(close)
        # One byte is kept back: with a complete upload there would be nothing to close for.
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200001\r\n\r\n")
        self.upstream.wait_for_head()
        self.peer.send(b"x" * 200000)
        response = self.peer.read_response()
        self.assertEqual((response.status, response.body), (413, b"too much"))
        self.assert_closing(self.peer, response)

    def test_a_refusal_of_weirs_own_lingers_too(self):
        self.peer.send(b"POST /%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"
                       + b"x" * 200000)
        response = self.peer.read_response()
        self.assertEqual(response.status, 400)

    def test_lingering_ends(self):
        self.early(True)
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
        self.assertEqual(self.peer.read_response().status, 413)
        wait_until("the connection to be closed", lambda: self.weir.metrics().value(
            "weir_connections_active", listener="http") in (0, None), timeout=20)

    def test_answer_complete_while_the_upload_still_runs_does_not_mix(self):
        """The rest of the upload is never read as a request."""
        self.early(False)
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        self.assertEqual(self.peer.read_response().status, 413)
        try:
            self.peer.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        except OSError:
            pass
        self.peer.expect_gone()
        self.assertEqual(self.upstream.targets(), ["/"])
