"""Answers that come before the request was read whole: the client that writes on reads them, and is
not reset before it could. Weir lingers while bytes arrive, at most 10 s or 32 MiB, and for two
seconds of silence."""

import json
import socket
import ssl
import time

from harness import Authority, Case, Client, TlsClient, basic_config, client_context, node, rows
from harness.waiting import bound

MIB = 1 << 20
UPLOAD = bytes(20 * MIB)
HEAD = "POST / HTTP/1.1\r\nHost: a\r\n"


class EarlyAnswers(Case):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cert = dict(zip(("cert", "key"), cls.authority.issue("local", ["localhost"])))
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            [{"name": "small", "match": {"path_prefix": "/"},
              "middleware": [{"body_limit": {"size": "1MiB"}}], "upstream": "main"}],
            {"main": cls.upstream.address},
            listeners=[{"name": "http", "bind": "127.0.0.1:0"},
                       {"name": "https", "bind": "127.0.0.1:0",
                        "tls": {"certificates": [cert]}}]), names=["http", "https", "admin"])

    def connect(self, tls):
        if tls:
            peer = TlsClient(self.weir.address("https"), client_context(self.authority.ca),
                             "localhost", timeout=30)
        else:
            peer = Client(self.weir.address(), timeout=30)
        self.addCleanup(peer.close)
        return peer

    @rows([("length", False, "length"), ("chunked", False, "chunked"),
           ("length over TLS", True, "length"), ("chunked over TLS", True, "chunked")])
    def test_a_client_that_reads_when_all_is_written(self, tls, framing):
        for _ in range(5):
            peer = self.connect(tls)
            if framing == "length":
                peer.send(f"{HEAD}Content-Length: {len(UPLOAD)}\r\n\r\n")
                peer.send(UPLOAD)
            else:
                peer.send(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n")
                for at in range(0, len(UPLOAD), MIB):
                    peer.send(b"%x\r\n" % MIB + UPLOAD[at:at + MIB] + b"\r\n")
                peer.send(b"0\r\n\r\n")
            response = peer.read_response()
            self.assert_problem(response, "body_too_large")
            peer.expect_closed()
            peer.close()

    @rows([("not a request", "BREW\r\n\r\n", 400), ("a version", "GET / HTTP/3.0\r\n\r\n", 505),
           ("a head too large", "GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 100_000, 431)])
    def test_refused_before_the_head_was_whole(self, begin, status):
        peer = self.connect(False)
        peer.send(begin)
        peer.send(UPLOAD)
        self.assertEqual(peer.read_response().status, status)

    def test_an_alert_of_tls(self):
        """It is behind bytes that nobody reads any more."""
        with socket.create_connection(self.weir.address("https"), bound(10)) as sock:
            sock.sendall(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00" + bytes(4 * MIB))
            self.assertEqual(sock.recv(2), b"\x15\x03")

    def test_the_admin_server(self):
        host, port = self.weir.addresses["admin"]
        for _ in range(5):
            with Client((host, port), timeout=30) as peer:
                peer.send(f"POST /explain HTTP/1.1\r\nHost: localhost\r\n"
                          f"Content-Type: application/json\r\nContent-Length: {len(UPLOAD)}\r\n\r\n")
                peer.send(UPLOAD)
                self.assertEqual(peer.read_response().status, 413)

    def test_who_never_ends_is_left(self):
        """After 32 MiB and what the kernel keeps; long before the gigabyte that was announced."""
        peer = self.connect(False)
        peer.send(f"{HEAD}Content-Length: {1 << 30}\r\n\r\n")
        sent = 0
        began = time.monotonic()
        with self.assertRaises((ConnectionError, ssl.SSLError)):
            while sent < 512 * MIB:
                peer.send(UPLOAD)
                sent += len(UPLOAD)
        self.assertLess(sent, 128 * MIB)
        self.assertLess(time.monotonic() - began, bound(15))

    @rows([("plain", "http"), ("over TLS", "https")])
    def test_node(self, scheme):
        node.need()
        out = json.loads(node.run("early_answers.js",
                                  f"{scheme}://127.0.0.1:{self.weir.port(scheme)}/", 30, len(UPLOAD)))
        self.assertEqual(out, {"413": 30})
