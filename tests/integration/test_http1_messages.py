"""HTTP/1.1 as a proxy, message by message: methods, bodies, interim answers, trailers, and what is
added on the way. RFC 9110 and 9112; interface.md section 3."""

import re
import threading
import time

from harness import Case, basic_config, rows, wait_until
from harness.case import UUID


class MessageCase(Case):
    more = {}

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(upstreams={"main": cls.upstream.address},
                                                   workers=1, **cls.more))

    def setUp(self):
        self.upstream.clear()
        self.peer = self.client(self.weir)

    def origin_says(self, raw, close=False):
        def handler(connection, request):
            connection.read_body(request)
            connection.send(raw)
            if close:
                connection.close()
        self.upstream.handler = handler

    def echo(self):
        self.upstream.handler = lambda connection, request: connection.reply(
            200, [], connection.read_body(request))


class RequestsTest(MessageCase):
    def setUp(self):
        super().setUp()
        self.echo()

    @rows([(m, m) for m in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
                            "PROPFIND", "QUERY")])
    def test_method_passes(self, method):
        self.peer.request(method, "/x?y=1")
        self.assertEqual(self.peer.read_response(method).status, 200)
        request = self.upstream.wait_for_request()
        self.assertEqual((request.method, request.target, request.version),
                         (method, "/x?y=1", "1.1"))

    @rows([
        ("none", None), ("empty", b""), ("one byte", b"x"), ("64 KiB and one", b"y" * 65537),
        ("1 MiB", bytes(range(256)) * 4096),
    ])
    def test_body_of_known_length(self, body):
        self.peer.request("POST", "/", body=body)
        self.assertEqual(self.peer.read_response().body, body or b"")
        self.assertEqual(self.upstream.wait_for_request().body, body or b"")

    def test_length_zero_of_post_is_kept(self):
        self.peer.request("POST", "/", body=b"")
        self.peer.read_response()
        self.assertEqual(self.upstream.wait_for_request().all("content-length"), ["0"])

    def test_no_length_is_invented_for_get(self):
        self.peer.request("GET", "/")
        self.peer.read_response()
        request = self.upstream.wait_for_request()
        self.assertEqual((request.all("content-length"), request.all("transfer-encoding")),
                         ([], []))

    def test_chunked_body(self):
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        request = self.upstream.wait_for_head()
        for piece in (b"first", b"second" * 1000, b"third"):
            self.peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.peer.send("0\r\n\r\n")
        self.assertEqual(self.peer.read_response().body, b"first" + b"second" * 1000 + b"third")
        self.assertEqual(request.all("transfer-encoding"), ["chunked"])

    def test_a_chunk_arrives_before_the_next_is_sent(self):
        arrived = threading.Event()

        def handler(connection, request):
            connection.read_until(b"piece")
            arrived.set()
            connection.read_until(b"0\r\n\r\n")
            request.body = b""
            connection.reply(200, [], "done")
        self.upstream.handler = handler
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5\r\npiece\r\n")
        self.assertTrue(arrived.wait(30), "the first chunk did not arrive")
        self.peer.send("0\r\n\r\n")
        self.assertEqual(self.peer.read_response().body, b"done")

    def test_names_keep_their_case_and_order(self):
        self.peer.send("GET / HTTP/1.1\r\nhOST: a\r\nX-UPPER: 1\r\nx-lower: 2\r\nX-MiXeD: 3\r\n\r\n")
        self.peer.read_response()
        names = self.upstream.wait_for_request().names()
        self.assertEqual([n for n in names if n.lower() in ("x-upper", "x-lower", "x-mixed")],
                         ["X-UPPER", "x-lower", "X-MiXeD"])

    def test_what_is_added(self):
        self.peer.request("GET", "/", host="api.example:8080")
        self.peer.read_response()
        request = self.upstream.wait_for_request()
        self.assertEqual(request.all("host"), ["api.example:8080"])
        self.assertEqual(request.all("x-forwarded-for"), ["127.0.0.1"])
        self.assertEqual(request.all("x-real-ip"), ["127.0.0.1"])
        self.assertEqual(request.all("x-forwarded-proto"), ["http"])
        self.assertIn(request.header("x-forwarded-host"), ("api.example:8080", "api.example"))
        self.assertEqual(request.all("x-forwarded-port"), ["8080"])
        self.assertEqual(request.all("via"), ["1.1 weir"])
        self.assertRegex(request.header("x-request-id"), UUID)

    def test_via_is_appended(self):
        self.peer.request("GET", "/", headers=[("Via", "1.0 fred, 1.1 p.example")])
        self.peer.read_response()
        via = re.split(r", *", self.upstream.wait_for_request().header("via"))
        self.assertEqual(via, ["1.0 fred", "1.1 p.example", "1.1 weir"])

    def test_via_of_an_old_client(self):
        self.peer.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        self.peer.read_response()
        self.assertEqual(self.upstream.wait_for_request().all("via"), ["1.0 weir"])

    def test_an_old_client_without_a_host(self):
        # Many upstreams refuse an empty Host: they get their own address.
        self.peer.send("GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(self.peer.read_response().status, 200)
        request = self.upstream.wait_for_request()
        self.assertEqual(request.all("host"), [f"127.0.0.1:{self.upstream.port}"])
        self.assertEqual(request.all("x-forwarded-host"), [])

    @rows([("three times", 3, 200), ("four times", 4, 502)])
    def test_proxy_loop(self, times, status):
        self.peer.request("GET", "/", headers=[("Via", ", ".join(["1.1 weir"] * times))])
        response = self.peer.read_response()
        self.assertEqual(response.status, status)
        if status == 502:
            self.assert_problem(response, "proxy_loop")

    def test_request_id_is_the_same_both_ways(self):
        self.peer.request("GET", "/")
        response = self.peer.read_response()
        self.assertEqual(response.all("x-request-id"),
                         self.upstream.wait_for_request().all("x-request-id"))

    @rows([("origin form kept", "/a?b", "/a?b"), ("absolute form", "http://a/x?y", "/x?y"),
           ("absolute form without path", "http://a", "/"),
           ("absolute form with query alone", "http://a?q=1", "/?q=1"),
           ("absolute form in upper case", "HTTP://a/x", "/x"),
           ("absolute form with https", "https://a/x", "/x")])
    def test_target(self, sent, target):
        self.peer.request("GET", sent, host="a")
        self.assertEqual(self.peer.read_response().status, 200)
        request = self.upstream.wait_for_request()
        self.assertEqual((request.target, request.all("host"),
                          request.all("x-forwarded-proto")), (target, ["a"], ["http"]))

    def test_options_asterisk_is_answered_here(self):
        self.peer.request("OPTIONS", "*")
        response = self.peer.read_response()
        self.assertEqual((response.status, response.body), (204, b""))
        self.peer.request("GET", "/after")
        self.assertEqual(self.peer.read_response().status, 200)
        self.assertEqual(self.upstream.targets(), ["/after"])

    @rows([("one more", "1", "0"), ("many more", "10", "9"), ("no number", "x", "x")])
    def test_options_counts_forwards_down(self, sent, forwarded):
        """RFC 9110 section 7.6.2."""
        self.peer.request("OPTIONS", "/", headers=[("Max-Forwards", sent)])
        self.assertEqual(self.peer.read_response().status, 200)
        self.assertEqual(self.upstream.wait_for_request().all("max-forwards"), [forwarded])

    def test_options_for_us_is_not_forwarded(self):
        self.peer.request("OPTIONS", "/", headers=[("Max-Forwards", "0")])
        self.assertEqual(self.peer.read_response().status, 204)
        self.peer.request("GET", "/after", headers=[("Max-Forwards", "0")])
        self.assertEqual(self.peer.read_response().status, 200)
        self.assertEqual(self.upstream.targets(), ["/after"])

    def test_trailers_stay_trailers(self):
        self.peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                       "Trailer: X-Sum\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
                       "2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n")
        self.assertEqual(self.peer.read_response().body, b"hi")
        request = self.upstream.wait_for_request()
        self.assertEqual(request.all("x-sum"), [])
        self.assertIn(request.trailers, ([("X-Sum", "7")], []))


class ResponsesTest(MessageCase):
    @rows([
        ("200", 200, b"body"), ("201", 201, b""), ("206", 206, b"part"), ("404", 404, b"no"),
        ("418", 418, b"tea"), ("500", 500, b"bad"), ("503", 503, b"busy"), ("301", 301, b""),
    ])
    def test_status_and_body_pass(self, status, body):
        self.upstream.handler = lambda c, r: c.reply(status, [("X-A", "1")], body)
        self.peer.request("GET", "/")
        response = self.peer.read_response()
        self.assertEqual((response.status, response.body, response.header("x-a")),
                         (status, body, "1"))
        self.assertIsNone(response.header("proxy-status"))

    def test_head_keeps_the_length(self):
        self.origin_says("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: x\r\n\r\n")
        for _ in range(2):
            self.peer.request("HEAD", "/")
            response = self.peer.read_response("HEAD")
            self.assertEqual((response.all("content-length"), response.header("etag")),
                             (["1234"], "x"))
        self.assertEqual({r.connection for r in self.upstream.requests},
                         {self.upstream.requests[0].connection})

    def test_204_and_304_keep_the_connection(self):
        for raw, status in [("HTTP/1.1 204 No\r\nX-A: 1\r\n\r\n", 204),
                            ("HTTP/1.1 304 Not\r\nContent-Length: 99\r\nETag: x\r\n\r\n", 304)]:
            self.origin_says(raw)
            self.peer.request("GET", "/")
            response = self.peer.read_response()
            self.assertEqual((response.status, response.body), (status, b""))
        self.assertEqual(len({r.connection for r in self.upstream.requests}), 1)

    def test_chunked_passes_as_chunked(self):
        self.upstream.handler = lambda c, r: c.reply(200, [], "x" * 100000, chunked=True)
        self.peer.request("GET", "/")
        response = self.peer.read_response()
        self.assertEqual((response.framing, len(response.body)), ("chunked", 100000))

    def test_until_close_becomes_chunked(self):
        self.origin_says("HTTP/1.1 200 OK\r\n\r\nuntil close", close=True)
        self.peer.request("GET", "/")
        response = self.peer.read_response()
        self.assertEqual((response.framing, response.body), ("chunked", b"until close"))
        self.echo()
        self.peer.request("GET", "/")
        self.assertEqual(self.peer.read_response().status, 200)

    def test_events_arrive_as_they_are_sent(self):
        go = threading.Semaphore(0)

        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n")
            for number in range(5):
                go.acquire(timeout=30)
                connection.chunk(b"data: %d\n\n" % number)
            connection.send("0\r\n\r\n")
        self.upstream.handler = handler
        self.peer.request("GET", "/", headers=[("Accept", "text/event-stream")])
        self.assertEqual(self.peer.read_head().header("content-type"), "text/event-stream")
        for number in range(5):
            go.release()
            self.assertEqual(self.peer.read_chunk(), b"data: %d\n\n" % number)
        self.assertEqual(self.peer.read_chunk(), b"")

    @rows([("asked for", ("TE", "trailers"), [("X-Sum", "3")]), ("not asked for", ("X", "y"), [])])
    def test_trailers(self, field, expected):
        self.upstream.handler = lambda c, r: c.reply(
            200, [("Trailer", "X-Sum")], "abc", chunked=True, trailers=[("X-Sum", "3")])
        self.peer.request("GET", "/", headers=[field, ("Connection", "TE")])
        response = self.peer.read_response()
        self.assertEqual((response.body, response.trailers), (b"abc", expected))
        self.assertIsNone(response.header("x-sum"))

    def test_hop_by_hop_fields_are_removed(self):
        self.upstream.handler = lambda c, r: c.reply(200, [
            ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"), ("Upgrade", "h2c"), ("X-End", "1")], "ok")
        self.peer.request("GET", "/")
        names = {name.lower() for name in self.peer.read_response().names()}
        self.assertFalse(names & {"x-hop", "keep-alive", "proxy-connection", "upgrade",
                                  "connection"}, names)
        self.assertIn("x-end", names)

    def test_server_and_date(self):
        self.upstream.handler = lambda c, r: c.reply(200, [
            ("Server", "other/1"), ("Date", "Tue, 15 Nov 1994 08:12:31 GMT")])
        self.peer.request("GET", "/")
        response = self.peer.read_response()
        self.assertEqual((response.all("server"), response.all("date")),
                         (["other/1"], ["Tue, 15 Nov 1994 08:12:31 GMT"]))
        self.assertEqual(response.all("via"), [])

    def test_date_is_added(self):
        self.echo()
        self.peer.request("GET", "/")
        response = self.peer.read_response()
        self.assertRegex(response.header("date"), r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertEqual(response.all("server"), [])

    def test_names_keep_their_case(self):
        self.upstream.handler = lambda c, r: c.reply(200, [
            ("X-UPPER", "1"), ("x-lower", "2"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        self.peer.request("GET", "/")
        response = self.peer.read_response()
        self.assertTrue({"X-UPPER", "x-lower"} <= set(response.names()))
        self.assertEqual(response.all("set-cookie"), ["a=1", "b=2"])


class InterimTest(MessageCase):
    def continue_origin(self, connection, request):
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        connection.reply(200, [], connection.read_body(request))

    def test_early_hints_are_relayed(self):
        self.origin_says("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
                         "HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n"
                         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.peer.request("GET", "/")
        response = self.peer.read_response()
        self.assertEqual([(i.status, i.header("link")) for i in response.interim],
                         [(103, "</a.css>; rel=preload"), (103, "</b.css>; rel=preload")])
        self.assertEqual(response.body, b"ok")

    def test_early_hints_come_early(self):
        go = threading.Event()

        def handler(connection, request):
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            go.wait(30)
            connection.reply(200, [], "ok")
        self.upstream.handler = handler
        self.peer.request("GET", "/")
        self.assertEqual(self.peer.read_head().status, 103)
        go.set()
        self.assertEqual(self.peer.read_response().body, b"ok")

    def test_not_to_http_1_0(self):
        self.origin_says("HTTP/1.1 103 Early Hints\r\n\r\n"
                         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.peer.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        response = self.peer.read_response()
        self.assertEqual((response.interim, response.body), ([], b"ok"))

    def test_continue_of_the_upstream(self):
        self.upstream.handler = self.continue_origin
        self.peer.request("POST", "/", headers=[("Expect", "100-continue"),
                                                ("Content-Length", "5")])
        self.assertEqual(self.peer.read_head().status, 100)
        self.assertEqual(self.upstream.heads[0].header("expect"), "100-continue")
        self.peer.send("hello")
        self.assertEqual(self.peer.read_response().body, b"hello")

    def test_continue_after_a_second_if_the_upstream_is_silent(self):
        self.echo()
        self.peer.request("POST", "/", headers=[("Expect", "100-continue"),
                                                ("Content-Length", "5")])
        self.assertEqual(self.peer.read_head().status, 100)
        self.peer.send("hello")
        self.assertEqual(self.peer.read_response().body, b"hello")

    def test_client_that_does_not_wait(self):
        self.upstream.handler = self.continue_origin
        self.peer.request("POST", "/", headers=[("Expect", "100-continue")], body=b"hello")
        self.assertEqual(self.peer.read_response().body, b"hello")

    def answer_at_the_end(self, pieces):
        """An origin that never says 100; `pieces` gets what came of the content, and when."""
        def handler(connection, request):
            size = int(request.header("content-length"))
            got = 0
            while got < size:
                piece = connection.read_some()
                if not piece:
                    return
                got += len(piece)
                pieces.append((piece, time.monotonic()))
            request.body = b""
            connection.reply(200, [], f"{got}")
        self.upstream.handler = handler

    def soonest(self, exchange):
        """How long `exchange(peer)` takes at the best of five times: what waits for a second always
        does, a busy machine not always."""
        best = float("inf")
        for _ in range(5):
            with self.weir.connect() as peer:
                began = time.monotonic()
                exchange(peer)
                best = min(best, time.monotonic() - began)
            if best < 0.8:
                break
        return best

    @rows([("a little", b"hello"), ("more than a block", b"x" * 300_000)])
    def test_content_that_is_here_is_not_waited_with(self, content):
        self.answer_at_the_end([])

        def exchange(peer):
            peer.request("POST", "/", headers=[("Expect", "100-continue")], body=content)
            self.assertEqual(peer.read_response().body, str(len(content)).encode())
        self.assertLess(self.soonest(exchange), 0.8)

    def test_content_that_comes_by_and_by_is_not_waited_with(self):
        pieces = []
        self.answer_at_the_end(pieces)

        def exchange(peer):
            pieces.clear()
            peer.request("POST", "/", headers=[("Expect", "100-continue"), ("Content-Length", "10")])
            for n in range(10):
                peer.send("x")
                wait_until("the byte at the origin", lambda: sum(len(p) for p, _ in pieces) > n)
            self.assertEqual(peer.read_response().body, b"10")
        self.assertLess(self.soonest(exchange), 0.8)

    def test_first_bytes_go_on_and_the_rest_is_asked_for(self):
        pieces = []
        self.answer_at_the_end(pieces)

        def first_bytes(peer):
            pieces.clear()
            peer.request("POST", "/", headers=[("Expect", "100-continue"), ("Content-Length", "10")])
            peer.send("hello")
            wait_until("them at the origin", lambda: sum(len(p) for p, _ in pieces) == 5)
        self.assertLess(self.soonest(first_bytes), 0.8)

        pieces.clear()
        self.peer.request("POST", "/", headers=[("Expect", "100-continue"),
                                                ("Content-Length", "10")])
        began = time.monotonic()
        self.peer.send("hello")
        self.assertEqual(self.peer.read_head().status, 100)
        self.assertGreater(time.monotonic() - began, 0.7)
        self.assertEqual(b"".join(piece for piece, _ in pieces), b"hello")
        self.peer.send("world")
        self.assertEqual(self.peer.read_response().body, b"10")

    def test_refusal_instead_of_continue(self):
        self.upstream.handler = lambda c, r: (c.reply(403, [("Connection", "close")], "no"),
                                              c.close())
        self.peer.request("POST", "/", headers=[("Expect", "100-continue"),
                                                ("Content-Length", "5")])
        response = self.peer.read_response()
        self.assertEqual((response.status, response.body, response.interim), (403, b"no", []))
        self.assert_closing(self.peer, response)


class ViaResponseTest(MessageCase):
    more = {"server": {"via": {"request": False, "response": True, "name": "edge"}}}

    def test_configured(self):
        self.peer.request("GET", "/")
        self.assertEqual(self.peer.read_response().all("via"), ["1.1 edge"])
        self.assertEqual(self.upstream.wait_for_request().all("via"), [])
