"""Every client's protocol with every upstream's, plain and over TLS: bodies, trailers, interim and
early answers, resets and clients that leave. curl is the client."""

import ssl
import subprocess
import tempfile
import threading

from harness import (
    Authority, Case, Origin, TlsOrigin, basic_config, client_context, curl, h2_frames as h2, rows,
    wait_until)
from harness.h2 import H2Client
from harness.h2_origin import H2Origin

PAIRS = [(f"{client} to {upstream}{' over TLS' if tls else ''}", client, upstream, tls)
         for tls in (False, True) for client in ("h1", "h2") for upstream in ("h1", "h2")]


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

    def linger(self):
        """An answer that came early: what is still sent is read, so that nothing is reset."""
        self.connection.wait_ended(20)


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

    def linger(self):
        pass


class PairTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.cert = cls.authority.issue("local", ["localhost", "IP:127.0.0.1"])

    def origin_for(self, upstream, tls, handler):
        if upstream == "h1":
            talk = lambda connection, request: handler(Http1Talk(connection, request))
            return TlsOrigin(talk, cert=self.cert) if tls else Origin(talk)
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.cert)
            context.set_alpn_protocols(["h2"])
        origin = H2Origin(lambda request: handler(Http2Talk(request)), context=context)
        self.addCleanup(self.assertEqual, origin.problems, [])
        return origin

    def serve(self, client, upstream, tls, handler):
        origin = self.origin_for(upstream, tls, handler)
        self.addCleanup(origin.close)
        block = {"endpoints": [{"address": origin.address}],
                 "protocol": "h2" if upstream == "h2" else "http1"}
        if tls:
            block["tls"] = {"ca": self.authority.ca}
            listener = {"tls": {"certificates": [dict(zip(("cert", "key"), self.cert))]}}
            self.flags = ["--cacert", self.authority.ca,
                          "--http2" if client == "h2" else "--http1.1"]
        else:
            listener = {"protocols": ["http1", "h2c"]}
            self.flags = ["--http2-prior-knowledge" if client == "h2" else "--http1.1"]
        gateway = self.gateway(basic_config(upstreams={"main": block}, listener=listener))
        self.base = f"{'https' if tls else 'http'}://127.0.0.1:{gateway.port()}"
        return gateway

    def fetch_by_curl(self, *arguments, path="/a?b=c", **kwargs):
        return curl(*self.flags, *arguments, self.base + path, **kwargs)

    @rows(PAIRS)
    def test_bodies_both_ways(self, client, upstream, tls):
        def handler(talk):
            body = talk.read_body()
            talk.head(200, [("x-path", talk.path)])
            for at in range(0, len(body), 50000):
                talk.content(body[at:at + 50000])
            talk.end()
        gateway = self.serve(client, upstream, tls, handler)
        content = bytes(range(256)) * 4000
        for extra in ([], ["-H", "Transfer-Encoding: chunked"] if client == "h1" else []):
            with tempfile.NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                self.assertEqual(self.fetch_by_curl("-T", file.name, *extra), content)

    @rows(PAIRS)
    def test_answers_of_every_size(self, client, upstream, tls):
        def handler(talk):
            talk.read_body()
            talk.head(200)
            size = int(talk.path[1:])
            while size:
                piece = b"x" * min(size, 30000)
                talk.content(piece)
                size -= len(piece)
            talk.end()
        gateway = self.serve(client, upstream, tls, handler)
        for size in (0, 1, 16384, 65535, 65536, 2_000_000):
            got = self.fetch_by_curl(path=f"/{size}")
            self.assertEqual(len(got), size)

    @rows(PAIRS)
    def test_trailers_and_interim_answers(self, client, upstream, tls):
        def handler(talk):
            talk.read_body()
            talk.interim(103, [("link", "</style>")])
            talk.head(200)
            talk.content(b"hello")
            talk.end([("x-sum", "17")])
        gateway = self.serve(client, upstream, tls, handler)
        out = self.fetch_by_curl("-D", "-", "-H", "TE: trailers").decode().lower()
        self.assertIn(" 103", out)
        self.assertIn("link: </style>", out)
        self.assertIn("hello", out)
        self.assertIn("x-sum: 17", out)

    @rows(PAIRS)
    def test_an_upstream_that_breaks_off(self, client, upstream, tls):
        def handler(talk):
            talk.read_body()
            talk.head(200)
            talk.content(b"hello")
            talk.die()
        gateway = self.serve(client, upstream, tls, handler)
        with self.assertRaises(AssertionError):
            self.fetch_by_curl()
        gateway.wait_metric(1, "weir_http_rejected_total", route="all",
                            reason="upstream_incomplete")

    @rows(PAIRS)
    def test_a_client_that_leaves(self, client, upstream, tls):
        began, gone = threading.Event(), threading.Event()

        def handler(talk):
            talk.read_body()
            began.set()
            talk.wait_gone()
            gone.set()
        gateway = self.serve(client, upstream, tls, handler)
        process = subprocess.Popen(["curl", "-sS", "--max-time", "60", *self.flags, self.base],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertTrue(began.wait(20))
        process.kill()
        process.wait()
        self.assertTrue(gone.wait(20))
        wait_until("the request's end", lambda: gateway.metrics().value(
            "weir_http_requests_total", route="all", method="GET", status="499") == 1)

    @rows(PAIRS)
    def test_an_answer_before_the_content(self, client, upstream, tls):
        """413 while the client still sends: it is told at once, and whole."""
        def handler(talk):
            talk.head(413, [("x-early", "yes")])
            talk.content(b"too much")
            talk.end()
            talk.linger()
        gateway = self.serve(client, upstream, tls, handler)
        if client == "h2":  # curl 7.88 forgets an answer behind which its stream is reset
            peer = H2Client(gateway.address(), timeout=20, start=False)
            self.addCleanup(peer.close)
            if tls:
                peer.socket = client_context(alpn=["h2"]).wrap_socket(peer.socket)
            peer.send(h2.PREFACE + h2.settings())
            answer = peer.answer(peer.request("POST", body=bytes(60_000), end=False))
            self.assertEqual((answer.status, answer.header("x-early"), answer.body),
                             (413, "yes", b"too much"))
            return
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(200_000))  # what still comes is read, up to 256 KiB
            file.flush()
            out = self.fetch_by_curl("-X", "POST", "-H", "Expect:", "-T", file.name, "-D", "-",
                                     check=False).decode().lower()
        self.assertIn("x-early: yes", out)
        self.assertIn("too much", out)

    @rows(PAIRS)
    def test_an_upstream_that_breaks_off_before_its_head(self, client, upstream, tls):
        def handler(talk):
            talk.read_body()
            talk.die()
        self.serve(client, upstream, tls, handler)
        out = self.fetch_by_curl("-X", "POST", "-d", "x").decode()
        self.assertIn('"reason":"upstream_reset"', out)

    @rows(PAIRS)
    def test_a_client_that_leaves_within_the_answer(self, client, upstream, tls):
        gone = threading.Event()

        def handler(talk):
            talk.read_body()
            talk.head(200)
            talk.content(b"begun")
            talk.wait_gone()
            gone.set()
        gateway = self.serve(client, upstream, tls, handler)
        process = subprocess.Popen(["curl", "-sSN", "--max-time", "60", *self.flags, self.base],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(process.stdout.read(5), b"begun")
        process.kill()
        process.wait()
        process.stdout.close()
        self.assertTrue(gone.wait(20))
        wait_until("the request's end", lambda: gateway.metrics().value(
            "weir_http_requests_total", route="all", method="GET", status="499") == 1)

    @rows(PAIRS)
    def test_an_interim_answer_that_is_awaited(self, client, upstream, tls):
        """Expect: 100-continue goes through, and so does the 100."""
        def handler(talk):
            talk.interim(100, [])
            body = talk.read_body()
            talk.head(200)
            talk.content(b"%d" % len(body))
            talk.end()
        self.serve(client, upstream, tls, handler)
        out = self.fetch_by_curl("-H", "Expect: 100-continue", "-X", "POST", "-d", "x" * 1000,
                                 "--expect100-timeout", "20")
        self.assertEqual(out, b"1000")
