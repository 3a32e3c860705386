"""HTTP/2 to upstreams by prior knowledge: what goes out, what comes back, and everything that an
upstream may do on a connection that many requests share. interface.md section 2 (`protocol`,
`pool.h2_connections`) and section 3."""

import base64
import hashlib
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

from harness import (
    Authority, Case, Origin, Truncated, basic_config, h2_frames as h2, rows, wait_until)
from harness.h2_origin import H2Connection, H2Origin
from harness.ports import free_port
from harness.tls import TlsSocket


class H2UpstreamCase(Case):
    def h2_origin(self, handler=None, **kwargs):
        origin = H2Origin(handler, **kwargs)
        self.addCleanup(self.assertEqual, origin.problems, [])
        self.addCleanup(origin.close)
        return origin

    def serve(self, *origins, pool=None, websocket=False, **more):
        upstream = {"endpoints": [{"address": o.address} for o in origins], "protocol": "h2", **more}
        if pool is not None:
            upstream["pool"] = pool
        routes = [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
                   "upgrades": ["websocket"] if websocket else []}]
        return self.gateway(basic_config(routes, {"main": upstream}, workers=1))

    def assert_truncated(self, gateway):
        client = self.client(gateway)
        client.request("GET", "/")
        with self.assertRaises(Truncated):
            client.read_response()
        gateway.wait_metric(1, "weir_http_rejected_total", route="all",
                            reason="upstream_incomplete")

    def parallel(self, gateway, count, target="/", **kwargs):
        """`count` requests at once; their threads, and their responses in order."""
        out = [None] * count

        def one(index):
            out[index] = self.fetch(gateway, f"{target}{index}", **kwargs)
        threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
        for thread in threads:
            thread.start()
        return threads, out


class MessageTest(H2UpstreamCase):
    def test_request_fields(self):
        origin = self.h2_origin()
        gateway = self.serve(origin)
        response = self.fetch(gateway, "/a/b?c=d", headers=[
            ("X-Mixed-Case", "Value"), ("Connection", "x-gone, keep-alive"), ("X-Gone", "1"),
            ("Keep-Alive", "timeout=5"), ("TE", "trailers"), ("Cookie", "a=1; b=2")])
        self.assertEqual((response.status, response.body), (200, b"ok"))
        request = origin.requests[0]
        self.assertEqual(request.headers[:4], [
            (":method", "GET"), (":scheme", "http"), (":authority", request.header(":authority")),
            (":path", "/a/b?c=d")])
        self.assertEqual(request.header("x-mixed-case"), "Value")
        self.assertEqual(request.header("te"), "trailers")
        self.assertEqual(request.header("cookie"), "a=1; b=2")
        self.assertTrue(request.ended)
        for name in ("connection", "keep-alive", "x-gone", "host", "transfer-encoding",
                     "content-length"):
            self.assertNotIn(name, request.names())
        self.assertEqual([name for name in request.names() if name != name.lower()], [])

    @rows([("a length", {"body": b"x" * 300000}, "300000"),
           ("small", {"body": b"hello"}, "5"),
           ("none", {"body": b""}, "0")])
    def test_upload_with_a_length(self, kwargs, length):
        origin = self.h2_origin()
        response = self.fetch(self.serve(origin), "/", "POST", **kwargs)
        self.assertEqual(response.status, 200, response)
        self.assertEqual(origin.requests[0].body, kwargs["body"])
        self.assertEqual(origin.requests[0].header("content-length"), length)

    def test_chunked_upload_with_trailers(self):
        origin = self.h2_origin()
        gateway = self.serve(origin)
        client = self.client(gateway)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n")
        self.assertEqual(client.read_response().status, 200)
        request = origin.requests[0]
        self.assertEqual((request.body, request.trailers), (b"hello", [("x-sum", "7")]))
        self.assertIsNone(request.header("content-length"))

    @rows([("a length", [("content-length", "400000")], b"y" * 400000, "400000"),
           ("no length", [], b"y" * 400000, None),
           ("empty", [], b"", "0")])
    def test_answers(self, fields, content, length):
        origin = self.h2_origin(lambda r: r.reply(200, content, [("x-a", "1"), *fields]))
        response = self.fetch(self.serve(origin))
        self.assertEqual((response.status, response.header("x-a")), (200, "1"))
        self.assertEqual(response.body, content)
        self.assertEqual(response.header("content-length"), length)

    def test_trailers_to_the_client(self):
        origin = self.h2_origin(lambda r: r.reply(200, b"hello", trailers=[("x-sum", "7")]))
        response = self.fetch(self.serve(origin), headers=[("TE", "trailers")])
        self.assertEqual(response.body, b"hello")
        self.assertEqual(response.trailers, [("x-sum", "7")])

    @rows([("HEAD", "HEAD", 200, [("content-length", "5")]), ("204", "GET", 204, []),
           ("304", "GET", 304, [("content-length", "5")])])
    def test_answers_without_content(self, method, status, fields):
        origin = self.h2_origin(lambda r: r.reply(status, b"", fields))
        gateway = self.serve(origin)
        client = self.client(gateway)
        for _ in range(2):
            client.request(method, "/")
            response = client.read_response(method)
            self.assertEqual((response.status, response.body), (status, b""))
        self.assertEqual(len(origin.connections), 1)

    def test_interim_answers_are_relayed(self):
        def handler(request):
            request.head(103, [("link", "</a>; rel=preload")])
            request.reply(200, b"ok")
        gateway = self.serve(self.h2_origin(handler))
        client = self.client(gateway)
        client.request("GET", "/")
        hint = client.read_head()
        self.assertEqual((hint.status, hint.header("link")), (103, "</a>; rel=preload"))
        self.assertEqual(client.read_response().status, 200)

    def test_answer_before_the_upload_ends(self):
        def handler(request):
            request.wait_body(5)
            request.head(200)
            request.content(b"early ")
            request.read_body()
            request.content(request.body, end=True)
        gateway = self.serve(self.h2_origin(handler))
        client = self.client(gateway)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        head = client.read_head()
        self.assertEqual(head.status, 200)
        client.send(b"again")
        client.read_body(head)
        self.assertEqual(head.body, b"early helloagain")


class NghttpdTest(H2UpstreamCase):
    """nghttpd, which knows nothing of these tests."""

    def test_files(self):
        if shutil.which("nghttpd") is None:
            self.skipTest("nghttpd is not installed")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        content = bytes(range(256)) * 2000
        (pathlib.Path(folder.name) / "file").write_bytes(content)
        port = free_port()
        process = subprocess.Popen(["nghttpd", "--no-tls", "-d", folder.name, "-a", "127.0.0.1",
                                    str(port)], stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_until("nghttpd", listens, timeout=10)
        gateway = self.gateway(basic_config(upstreams={"main": {
            "endpoints": [{"address": f"127.0.0.1:{port}"}], "protocol": "h2"}}))
        threads, out = self.parallel(gateway, 30, "/file?")
        for thread in threads:
            thread.join()
        self.assertEqual([r.status for r in out], [200] * 30)
        self.assertTrue(all(r.body == content for r in out))
        self.assertEqual(self.fetch(gateway, "/none").status, 404)


class MisbehaviourTest(H2UpstreamCase):
    """What an upstream sends that is no answer."""

    @rows([
        ("no status", [("x-a", "1")]),
        ("status twice", [(":status", "200"), (":status", "200")]),
        ("status behind a field", [("x-a", "1"), (":status", "200")]),
        ("a status of two digits", [(":status", "20")]),
        ("status 101", [(":status", "101")]),
        ("a request's pseudo-field", [(":status", "200"), (":path", "/")]),
        ("an upper case name", [(":status", "200"), ("X-A", "1")]),
        ("a line break", [(":status", "200"), ("x-a", "1\r\nx-b: 2")]),
        ("a NUL", [(":status", "200"), ("x-a", "1\0")]),
        ("a space in a name", [(":status", "200"), ("x a", "1")]),
        ("connection", [(":status", "200"), ("connection", "close")]),
        ("transfer-encoding", [(":status", "200"), ("transfer-encoding", "chunked")]),
        ("two lengths", [(":status", "200"), ("content-length", "1"), ("content-length", "1")]),
        ("a bad length", [(":status", "200"), ("content-length", "+1")]),
        ("a length without content", [(":status", "200"), ("content-length", "1")]),
    ])
    def test_malformed_heads(self, fields):
        origin = self.h2_origin(lambda r: r.connection.send(h2.headers(r.stream, fields, True)))
        gateway = self.serve(origin)
        for _ in range(2):
            self.assert_problem(self.fetch(gateway), "upstream_bad_response")
        self.assertEqual(len(origin.connections), 1)

    def test_too_large_a_head(self):
        origin = self.h2_origin(lambda r: r.reply(200, b"ok", [("x-a", "v" * 3000)]))
        gateway = self.serve(origin, response_header_size="2KiB")
        self.assert_problem(self.fetch(gateway), "upstream_headers_too_large")

    def test_too_many_interim_answers(self):
        def handler(request):
            for _ in range(9):
                request.head(103)
            request.reply(200)
        gateway = self.serve(self.h2_origin(handler))
        client = self.client(gateway)
        client.request("GET", "/")
        while (head := client.read_head()).status == 103:
            pass
        self.assertEqual(head.status, 502)

    @rows([("more", b"x" * 11), ("less", b"x" * 9)])
    def test_content_unlike_its_length(self, content):
        def handler(request):
            request.head(200, [("content-length", "10")])
            request.content(content, end=True)
        gateway = self.serve(self.h2_origin(handler))
        self.assert_truncated(gateway)

    def test_content_before_a_head(self):
        gateway = self.serve(self.h2_origin(lambda r: r.content(b"x", end=True)))
        self.assert_problem(self.fetch(gateway), "upstream_bad_response")

    def test_an_http1_server(self):
        def speak(connection):
            connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        gateway = self.serve(self.h2_origin(silent=True, on_connect=speak))
        self.assert_problem(self.fetch(gateway), "upstream_bad_response")

    @rows([("reset", h2.CANCEL, "upstream_reset"), ("no error", h2.NO_ERROR, "upstream_reset"),
           ("internal", h2.INTERNAL_ERROR, "upstream_reset")])
    def test_resets_before_the_head(self, error, reason):
        origin = self.h2_origin(lambda r: r.give_up(error))
        gateway = self.serve(origin)
        self.assert_problem(self.fetch(gateway, method="POST", body=b"x"), reason)
        self.assertEqual(len(origin.requests), 1)

    def test_reset_within_the_content(self):
        def handler(request):
            request.head(200)
            request.content(b"hello")
            request.give_up(h2.INTERNAL_ERROR)
        gateway = self.serve(self.h2_origin(handler))
        self.assert_truncated(gateway)

    @rows([("settings", h2.settings({})), ("pings", h2.ping()),
           ("empty data", None)])
    def test_floods_end_the_connection(self, flood):
        def handler(request):
            if request.stream != 1 or request.connection.number != 0:
                return request.reply(200, b"ok")
            request.head(200)
            for _ in range(100):
                piece = flood if flood is not None else h2.data(request.stream, b"")
                request.connection.send(piece * 100)
        origin = self.h2_origin(handler)
        gateway = self.serve(origin)
        client = self.client(gateway)
        client.request("GET", "/")
        with self.assertRaises(Truncated):
            client.read_response()
        origin.connections[0].wait("the end", lambda: origin.connections[0].closed)
        self.assertEqual(self.fetch(gateway).status, 200)

    def test_a_continuation_flood_ends_the_connection(self):
        def handler(request):
            if request.connection.number != 0:
                return request.reply(200, b"ok")
            request.connection.send(h2.frame(h2.HEADERS, 0, request.stream,
                                             h2.section([(":status", "200")])))
            for _ in range(1000):
                request.connection.send(h2.frame(h2.CONTINUATION, 0, request.stream,
                                                 h2.section([("x-a", "b" * 100)])))
        origin = self.h2_origin(handler)
        gateway = self.serve(origin)
        self.assertEqual(self.fetch(gateway).status, 502)
        self.assertEqual(self.fetch(gateway).status, 200)


class SharedConnectionTest(H2UpstreamCase):
    """Many requests on few connections."""

    def test_requests_share_a_connection(self):
        release = threading.Event()

        def handler(request):
            release.wait(20)
            request.reply(200, request.header(":path").encode())
        origin = self.h2_origin(handler)
        gateway = self.serve(origin)
        threads, out = self.parallel(gateway, 20)
        origin.wait_requests(20)
        self.assertEqual(len(origin.connections), 1)
        gateway.wait_metric(1, "weir_upstream_connections", upstream="main",
                            endpoint=origin.address, state="active")
        release.set()
        for thread in threads:
            thread.join()
        self.assertEqual([r.body for r in out], [b"/%d" % i for i in range(20)])

    def test_the_upstreams_limit_is_respected(self):
        release = threading.Event()

        def handler(request):
            release.wait(20)
            request.reply(200)
        origin = self.h2_origin(handler, settings={h2.MAX_CONCURRENT_STREAMS: 3})
        gateway = self.serve(origin, pool={"h2_connections": 2, "pending_timeout": "20s"})
        threads, out = self.parallel(gateway, 10)
        origin.wait_requests(6)
        self.assertEqual(len(origin.connections), 2)
        self.assertEqual(sorted(len(c.requests) for c in origin.connections), [3, 3])
        release.set()
        for thread in threads:
            thread.join()
        self.assertEqual([r.status for r in out], [200] * 10)
        self.assertEqual(len(origin.connections), 2)

    def test_waiting_for_a_stream_ends(self):
        release = threading.Event()
        origin = self.h2_origin(lambda r: (release.wait(20), r.reply(200)),
                                settings={h2.MAX_CONCURRENT_STREAMS: 1})
        gateway = self.serve(origin, pool={"h2_connections": 1, "pending_timeout": "50ms"})
        threads, _ = self.parallel(gateway, 1)
        origin.wait_requests(1)
        self.assert_problem(self.fetch(gateway), "pool_full")
        release.set()
        threads[0].join()
        self.assertEqual(self.fetch(gateway).status, 200)

    @rows([("GET", "GET", None), ("POST", "POST", b"content")])
    def test_refused_streams_go_elsewhere(self, method, body):
        def handler(request):
            if request.connection.number == 0:
                return request.give_up(h2.REFUSED_STREAM)
            request.read_body()
            request.reply(200, request.body or b"ok")
        origin = self.h2_origin(handler)
        gateway = self.serve(origin)
        response = self.fetch(gateway, method=method, body=body)
        self.assertEqual((response.status, response.body), (200, body or b"ok"))
        self.assertEqual([r.connection.number for r in origin.requests], [0, 1])

    @rows([("GET", "GET", None), ("POST", "POST", b"content")])
    def test_goaway_before_a_request_was_processed(self, method, body):
        def handler(request):
            if request.connection.number == 0:
                return request.connection.send(h2.goaway(0))
            request.read_body()
            request.reply(200, request.body or b"ok")
        origin = self.h2_origin(handler)
        gateway = self.serve(origin)
        response = self.fetch(gateway, method=method, body=body)
        self.assertEqual((response.status, response.body), (200, body or b"ok"))

    @rows([("with a length", "Content-Length: 7", "content", 200),
           ("chunked", "Transfer-Encoding: chunked", "7\r\ncontent\r\n0\r\n\r\n", 200),
           ("before it", "Content-Length: 7", "content", 200, True),
           ("before it, chunked", "Transfer-Encoding: chunked", "7\r\ncontent\r\n0\r\n\r\n",
            200, True),
           ("too much to keep", "Content-Length: 70000", "x" * 70000, 502),
           ("before too much to keep", "Content-Length: 70000", "x" * 70000, 502, True),
           ("content that does not come", "Content-Length: 7", "", 502, True)])
    def test_goaway_when_the_content_came_behind_its_head(self, framing, content, status,
                                                          at_once=False):
        gone = threading.Event()

        def handler(request):
            if not at_once or request.connection.number != 0:
                request.read_body()
            if request.connection.number == 0:
                request.connection.send(h2.goaway(0))
                return gone.set()
            request.reply(200, request.body)
        origin = self.h2_origin(handler)
        client = self.client(self.serve(origin))
        client.send(f"POST / HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n")
        origin.wait_requests(1)
        if at_once:
            self.assertTrue(gone.wait(20))
        client.send(content)
        response = client.read_response("POST")
        self.assertEqual(response.status, status)
        if status == 200:
            self.assertEqual(response.body, b"content")
        else:
            self.assert_problem(response, "upstream_reset")

    def test_goaway_lets_what_runs_finish(self):
        release = threading.Event()

        def handler(request):
            if request.header(":path") == "/0":
                request.connection.send(h2.goaway(request.stream))
                release.wait(20)
            request.reply(200, request.header(":path").encode())
        origin = self.h2_origin(handler)
        gateway = self.serve(origin)
        threads, out = self.parallel(gateway, 1)
        origin.wait_requests(1)
        # The first connection takes nothing new and is not cut.
        self.assertEqual(wait_until("an answer on another connection",
                                    lambda: self.fetch(gateway, "/next")).status, 200)
        release.set()
        threads[0].join()
        self.assertEqual((out[0].status, out[0].body), (200, b"/0"))
        origin.connections[0].wait("its end", lambda: origin.connections[0].closed)

    def test_a_client_that_leaves_resets_its_stream_alone(self):
        release = threading.Event()

        def handler(request):
            if request.header(":path") == "/stay":
                release.wait(20)
            elif request.header(":path") == "/leave":
                return
            request.reply(200, b"ok")
        origin = self.h2_origin(handler)
        gateway = self.serve(origin)
        threads, out = self.parallel(gateway, 1, "/stay?")
        origin.wait_requests(1)
        leaver = self.client(gateway)
        leaver.request("GET", "/leave")
        requests = origin.wait_requests(2)
        leaver.close()
        self.assertEqual(requests[1].wait_reset(), h2.CANCEL)
        release.set()
        threads[0].join()
        self.assertEqual(out[0].status, 200)
        self.assertEqual(len(origin.connections), 1)

    def test_a_stalled_client_does_not_stop_the_others(self):
        def handler(request):
            request.head(200)
            request.content(b"z" * 3_000_000, end=True)
        origin = self.h2_origin(handler)
        gateway = self.serve(origin)
        stalled = self.client(gateway)
        stalled.request("GET", "/")
        stalled.read_head()
        self.assertEqual(len(self.fetch(gateway).body), 3_000_000)

    def test_a_stalled_upload_does_not_stop_the_others(self):
        def handler(request):
            if request.header(":path") == "/stall":
                return request.wait_reset()
            request.read_body()
            request.reply(200, str(len(request.body)).encode())
        origin = self.h2_origin(handler, opens_windows=False,
                                settings={h2.INITIAL_WINDOW_SIZE: 30000})
        gateway = self.serve(origin)
        stalled = self.client(gateway)
        stalled.request("POST", "/stall", body=b"x" * 100000)
        origin.wait_requests(1)[0].wait_body(30000)
        self.assertEqual(self.fetch(gateway, "/", "POST", body=b"y" * 20000).body, b"20000")
        stalled.close()

    def test_unused_connections_are_closed(self):
        origin = self.h2_origin()
        gateway = self.serve(origin, idle_timeout="100ms")
        self.assertEqual(self.fetch(gateway).status, 200)
        connection = origin.connections[0]
        connection.wait("its end", lambda: connection.closed)
        self.assertEqual(connection.goaway[1], h2.NO_ERROR)
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(len(origin.connections), 2)

    def test_a_connection_that_dies_is_replaced(self):
        origin = self.h2_origin()
        gateway = self.serve(origin)
        self.assertEqual(self.fetch(gateway).status, 200)
        origin.connections[0].close(reset=True)
        self.assertEqual(self.fetch(gateway).status, 200)

    def test_no_settings_is_a_timeout(self):
        gateway = self.serve(self.h2_origin(silent=True), connect_timeout="100ms")
        self.assert_problem(self.fetch(gateway), "connect_timeout")

    def test_websocket_needs_extended_connect(self):
        gateway = self.serve(self.h2_origin(), websocket=True)
        response = self.fetch(gateway, headers=[
            ("Connection", "upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        self.assert_problem(response, "upstream_bad_response")

    def test_websocket_over_a_stream(self):
        def handler(request):
            request.head(200)
            request.content(b"hi ")
            request.wait_body(4)
            request.content(request.body)
            request.read_body()
            request.content(b" bye", end=True)
        origin = self.h2_origin(handler, settings={h2.ENABLE_CONNECT_PROTOCOL: 1})
        gateway = self.serve(origin, websocket=True)
        client = self.client(gateway)
        client.request("GET", "/chat", [
            ("Connection", "upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        head = client.read_head()
        self.assertEqual(head.status, 101)
        self.assertEqual(head.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        request = origin.requests[0]
        self.assertEqual((request.header(":method"), request.header(":protocol")),
                         ("CONNECT", "websocket"))
        self.assertNotIn("sec-websocket-key", request.names())
        client.send(b"ping")
        self.assertEqual(client.read_exact(7), b"hi ping")
        client.half_close()
        self.assertEqual(client.read_exact(4), b" bye")


class ByAlpn(Case):
    """`protocol: auto`: what the upstream chooses, and HTTP/1.1 for what that does not carry."""

    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.cert = cls.authority.issue("local", ["IP:127.0.0.1"])

    def start(self, settings=None, protocol="auto"):
        """An origin of both protocols at one port; requests over HTTP/2 are its `h2`'s."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.cert)
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.h2 = H2Origin(lambda request: self.answer_h2(request), settings=settings)
        self.addCleanup(self.h2.close)
        test = self

        class Both(Origin):
            def wrap(self, sock):
                secure = TlsSocket(sock, context)
                if secure.alpn != "h2":
                    return secure
                connection = H2Connection(test.h2, secure, len(test.h2.connections))
                test.h2.connections.append(connection)
                connection.run()
                return None

        self.h1 = Both(self.answer_h1)
        self.addCleanup(self.h1.close)
        return self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
              "upgrades": ["websocket"]}],
            {"main": {"endpoints": [{"address": self.h1.address}], "protocol": protocol,
                      "tls": {"ca": self.authority.ca}}}, workers=1))

    @staticmethod
    def answer_h2(request):
        if request.header(":protocol") != "websocket":
            request.read_body()
            return request.reply(200, b"over h2")
        request.head(200)
        request.content(b"over h2")
        return request.wait_reset()

    @staticmethod
    def answer_h1(connection, request):
        if request.target == "/refuse":
            return connection.reply(403, body="no")
        if request.header("upgrade") != "websocket":
            return connection.reply(200, body="over h1")
        key = request.header("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                        f"Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\nover h1")
        return connection.wait_ended(20)

    def upgrade(self, gateway, target="/ws"):
        client = self.client(gateway)
        client.request("GET", target, [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                                       ("Sec-WebSocket-Version", "13"),
                                       ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        return client

    def assert_tunnel(self, gateway, says):
        client = self.upgrade(gateway)
        response = client.read_head()
        self.assertEqual(response.status, 101)
        self.assertEqual(client.read_exact(len(says)), says)
        client.close()

    def test_requests_go_over_what_was_chosen(self):
        gateway = self.start()
        for _ in range(3):
            self.assertEqual(self.fetch(gateway).body, b"over h2")
        self.assertEqual((len(self.h2.connections), len(self.h1.heads)), (1, 0))

    def test_websocket_over_h2_where_it_is_offered(self):
        gateway = self.start({h2.ENABLE_CONNECT_PROTOCOL: 1})
        self.assert_tunnel(gateway, b"over h2")

    def test_websocket_over_h1_where_it_is_not(self):
        gateway = self.start()
        self.assert_tunnel(gateway, b"over h1")
        self.assertEqual(self.fetch(gateway).body, b"over h2")
        self.assert_tunnel(gateway, b"over h1")
        self.assertEqual(self.fetch(gateway).body, b"over h2")
        self.assertEqual(len(self.h2.connections), 1)

    def test_a_refused_handshake_is_relayed(self):
        gateway = self.start()
        client = self.upgrade(gateway, "/refuse")
        self.assertEqual(client.read_response().status, 403)
        self.assertEqual(self.fetch(gateway).body, b"over h2")

    def test_h2_alone_falls_back_to_nothing(self):
        gateway = self.start(protocol="h2")
        client = self.upgrade(gateway)
        self.assert_problem(client.read_response(), "upstream_bad_response")
