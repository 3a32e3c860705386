"""Every client's protocol with every upstream's: bodies, trailers, interim answers, resets and clients
that leave. curl is the client."""

import subprocess
import tempfile
import threading

from harness import Case, Origin, basic_config, curl, h2_frames as h2, rows, wait_until
from harness.h2_origin import H2Origin

PAIRS = [(f"{client} to {upstream}", client, upstream)
         for client in ("h1", "h2") for upstream in ("h1", "h2")]


class Http1Talk:
    """One request at an HTTP/1 origin, in the words of both."""

    def __init__(self, connection, request):
        self.connection, self.request = connection, request
        self.path = request.target

    def read_body(self):
        return self.connection.read_body(self.request)

    def trailers(self):
        return self.request.trailers

    def interim(self, status, fields):
        self.connection.send(f"HTTP/1.1 {status} Interim\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in fields) + "\r\n")

    def head(self, status, fields=()):
        self.connection.send(f"HTTP/1.1 {status} Status\r\nTransfer-Encoding: chunked\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in fields) + "\r\n")

    def content(self, piece):
        self.connection.chunk(piece)

    def end(self, trailers=()):
        self.connection.send("0\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in trailers) + "\r\n")

    def die(self):
        self.connection.reset()

    def wait_gone(self):
        self.connection.wait_ended(10)


class Http2Talk:
    def __init__(self, request):
        self.request = request
        self.path = request.header(":path")

    def read_body(self):
        return self.request.read_body()

    def trailers(self):
        return self.request.trailers

    def interim(self, status, fields):
        self.request.head(status, fields)

    def head(self, status, fields=()):
        self.request.head(status, fields)

    def content(self, piece):
        self.request.content(piece)

    def end(self, trailers=()):
        if trailers:
            self.request.trail(trailers)
        else:
            self.request.content(b"", end=True)

    def die(self):
        self.request.give_up(h2.INTERNAL_ERROR)

    def wait_gone(self):
        self.request.wait_reset()


class PairTest(Case):
    def serve(self, client, upstream, handler):
        if upstream == "h2":
            origin = H2Origin(lambda request: handler(Http2Talk(request)))
            self.addCleanup(self.assertEqual, origin.problems, [])
        else:
            origin = Origin(lambda connection, request: handler(Http1Talk(connection, request)))
        self.addCleanup(origin.close)
        self.flag = "--http2-prior-knowledge" if client == "h2" else "--http1.1"
        return self.gateway(basic_config(
            upstreams={"main": {"endpoints": [{"address": origin.address}],
                                "protocol": "h2" if upstream == "h2" else "http1"}},
            listener={"protocols": ["http1", "h2c"]}))

    def fetch_by_curl(self, gateway, *arguments, **kwargs):
        return curl(self.flag, *arguments, gateway.url("/a?b=c"), **kwargs)

    @rows(PAIRS)
    def test_bodies_both_ways(self, client, upstream):
        def handler(talk):
            body = talk.read_body()
            talk.head(200, [("x-path", talk.path)])
            for at in range(0, len(body), 50000):
                talk.content(body[at:at + 50000])
            talk.end()
        gateway = self.serve(client, upstream, handler)
        content = bytes(range(256)) * 4000
        for extra in ([], ["-H", "Transfer-Encoding: chunked"] if client == "h1" else []):
            with tempfile.NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                self.assertEqual(self.fetch_by_curl(gateway, "-T", file.name, *extra), content)

    @rows(PAIRS)
    def test_answers_of_every_size(self, client, upstream):
        def handler(talk):
            talk.read_body()
            talk.head(200)
            size = int(talk.path[1:])
            while size:
                piece = b"x" * min(size, 30000)
                talk.content(piece)
                size -= len(piece)
            talk.end()
        gateway = self.serve(client, upstream, handler)
        for size in (0, 1, 16384, 65535, 65536, 2_000_000):
            got = curl(self.flag, gateway.url(f"/{size}"))
            self.assertEqual(len(got), size)

    @rows(PAIRS)
    def test_trailers_and_interim_answers(self, client, upstream):
        def handler(talk):
            talk.read_body()
            talk.interim(103, [("link", "</style>")])
            talk.head(200)
            talk.content(b"hello")
            talk.end([("x-sum", "17")])
        gateway = self.serve(client, upstream, handler)
        out = self.fetch_by_curl(gateway, "-D", "-", "-H", "TE: trailers").decode().lower()
        self.assertIn(" 103", out)
        self.assertIn("link: </style>", out)
        self.assertIn("hello", out)
        self.assertIn("x-sum: 17", out)

    @rows(PAIRS)
    def test_an_upstream_that_breaks_off(self, client, upstream):
        def handler(talk):
            talk.read_body()
            talk.head(200)
            talk.content(b"hello")
            talk.die()
        gateway = self.serve(client, upstream, handler)
        with self.assertRaises(AssertionError):
            self.fetch_by_curl(gateway)
        gateway.wait_metric(1, "weir_http_rejected_total", route="all",
                            reason="upstream_incomplete")

    @rows(PAIRS)
    def test_a_client_that_leaves(self, client, upstream):
        began, gone = threading.Event(), threading.Event()

        def handler(talk):
            talk.read_body()
            began.set()
            talk.wait_gone()
            gone.set()
        gateway = self.serve(client, upstream, handler)
        process = subprocess.Popen(["curl", "-sS", "--max-time", "60", self.flag, gateway.url("/")],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertTrue(began.wait(20))
        process.kill()
        process.wait()
        self.assertTrue(gone.wait(20))
        wait_until("the request's end", lambda: gateway.metrics().value(
            "weir_http_requests_total", route="all", method="GET", status="499") == 1)
