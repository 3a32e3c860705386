"""TLS with clients: handshakes, certificates by name, what is refused, bodies, ends, limits."""

import base64
import hashlib
import json
import os
import socket
import ssl
import tempfile
import threading

from harness import (Authority, Case, TlsClient, basic_config, client_context, curl, openssl, rows,
                     s_client, wait_until, weir)
from harness import h2_frames as h2


def tls_config(upstreams, certificates, *, tls=None, listener=None, **more):
    """basic_config whose one listener `http` speaks TLS with these (cert, key) pairs."""
    block = {"certificates": [pair if isinstance(pair, dict) else
                              {"cert": pair[0], "key": pair[1]} for pair in certificates],
             **(tls or {})}
    return basic_config(upstreams=upstreams, listener={"tls": block, **(listener or {})}, **more)


class TlsCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)

    def tls(self, gateway, name="one.example", **kwargs):
        context = kwargs.pop("context", None) or client_context(self.authority.ca)
        client = TlsClient(gateway.address(), context, name, **kwargs)
        self.addCleanup(client.close)
        return client

    def get(self, gateway, name="one.example", target="/", host=None, **kwargs):
        client = self.tls(gateway, name, **kwargs)
        client.request("GET", target, host=host or name)
        return client.read_response()


class Handshakes(TlsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        a = cls.authority
        cls.server = cls.shared_origin()
        cls.gw = cls.shared_gateway(tls_config(
            {"app": cls.server.address},
            [a.issue("first", ["first.example"]), a.issue("one", ["one.example", "two.example"]),
             a.issue("wild", ["*.wild.example"]), a.issue("both-rsa", ["both.example"], kind="rsa"),
             a.issue("both-ec", ["both.example"])],
            access_log={"path": "stdout"}))

    def test_a_request_and_what_the_upstream_is_told(self):
        response = self.get(self.gw)
        self.assertEqual(response.status, 200)
        request = self.server.wait_for_request(len(self.server.requests))
        self.assertEqual(request.header("x-forwarded-proto"), "https")
        self.assertIsNone(request.header("x-forwarded-client-cert"))

    @rows([
        ("exact", "one.example", {"one.example", "two.example"}),
        ("second name", "two.example", {"one.example", "two.example"}),
        ("another case", "ONE.Example", {"one.example", "two.example"}),
        ("wildcard", "x.wild.example", {"*.wild.example"}),
        ("wildcard is one label", "x.y.wild.example", {"first.example"}),
        ("wildcard is not its parent", "wild.example", {"first.example"}),
        ("unknown", "unknown.example", {"first.example"}),
        ("none", None, {"first.example"}),
    ])
    def test_certificate_by_name(self, name, expected):
        client = TlsClient(self.gw.address(), client_context(), name)
        self.addCleanup(client.close)
        self.assertEqual(client.names(), expected)

    @rows([("ecdsa", "ECDHE-ECDSA-AES128-GCM-SHA256", "id-ecPublicKey"),
           ("rsa", "ECDHE-RSA-AES128-GCM-SHA256", "rsaEncryption")])
    def test_both_kinds_of_key_for_a_name(self, cipher, kind):
        out = s_client(self.gw.address(), "-servername", "both.example", "-tls1_2", "-cipher", cipher)
        self.assertIn(f"Cipher    : {cipher}", out)
        self.assertIn("ECDSA" if kind == "id-ecPublicKey" else "RSA", out)

    @rows([("1.2", ssl.TLSVersion.TLSv1_2, "TLSv1.2"), ("1.3", ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
    def test_versions(self, version, name):
        client = self.tls(self.gw, context=client_context(self.authority.ca, version=version))
        self.assertEqual(client.socket.version(), name)
        client.request("GET", f"/version/{name}", host="one.example")
        self.assertEqual(client.read_response().status, 200)
        line = wait_until("the log's line", lambda: self._line(f"/version/{name}"))
        self.assertIn(f'"tls_version":"{name}"', line)
        self.assertIn('"sni":"one.example"', line)

    def _line(self, path):
        with open(self.gw.file("stdout"), encoding="utf-8") as file:
            return next((line for line in file if path in line), None)

    @rows([("tls 1.1", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]),
           ("cbc", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"]),
           ("no forward secrecy", ["-tls1_2", "-cipher", "AES128-GCM-SHA256"])])
    def test_what_is_out_of_date_is_refused(self, arguments):
        failed = self.gw.metrics().value("weir_tls_handshakes_total", result="failed") or 0
        out = s_client(self.gw.address(), "-servername", "one.example", *arguments)
        self.assertIn("alert", out)
        self.gw.wait_metric(failed + 1, "weir_tls_handshakes_total", result="failed")

    def test_x25519_is_the_group(self):
        out = s_client(self.gw.address(), "-servername", "one.example")
        self.assertIn("Server Temp Key: X25519", out)

    def test_renegotiation_is_refused(self):
        out = s_client(self.gw.address(), "-tls1_2", "-servername", "one.example", stdin=b"R\n")
        self.assertRegex(out, "no renegotiation|unexpected message|RENEGOTIATING")
        self.assertEqual(self.get(self.gw).status, 200)

    @rows([("http/1.1", ["http/1.1"], "http/1.1"), ("several", ["x", "http/1.1"], "http/1.1"),
           ("none offered", None, None)])
    def test_alpn(self, offered, agreed):
        client = self.tls(self.gw, context=client_context(self.authority.ca, alpn=offered))
        self.assertEqual(client.socket.selected_alpn_protocol(), agreed)

    def test_alpn_without_a_common_protocol_ends_the_handshake(self):
        with self.assertRaises(ssl.SSLError):
            self.tls(self.gw, context=client_context(self.authority.ca, alpn=["spdy/3"]))

    def test_plain_http_to_a_tls_port_is_no_request(self):
        client = self.client(self.gw)
        client.send("GET / HTTP/1.1\r\nHost: one.example\r\n\r\n")
        client.expect_gone()

    def test_curl(self):
        host, port = self.gw.address()
        out = curl("--cacert", self.authority.ca, "--resolve", f"one.example:{port}:{host}",
                   "-d", "hello", f"https://one.example:{port}/curl")
        self.assertEqual(out, b"hello")

    @rows([("http/2", "--http2", "2"), ("http/1.1", "--http1.1", "1.1")])
    def test_protocol_by_alpn(self, option, version):
        host, port = self.gw.address()
        body = "b" * 300_000
        with open(self.authority.path("body"), "w", encoding="ascii") as file:
            file.write(body)
        out = curl("--cacert", self.authority.ca, "--resolve", f"one.example:{port}:{host}", option,
                   "-w", "\n%{http_version}", "--data-binary", "@" + self.authority.path("body"),
                   f"https://one.example:{port}/v")
        self.assertEqual(out.decode().rsplit("\n", 1), [body, version])

    def test_handshakes_are_counted_and_certificates_watched(self):
        before = self.gw.metrics().value("weir_tls_handshakes_total", result="ok") or 0
        self.get(self.gw)
        self.gw.wait_metric(before + 1, "weir_tls_handshakes_total", result="ok")
        ends = {labels["name"]: value for labels, value in self.gw.metrics().series(
            "weir_tls_certificate_expiry_timestamp_seconds", listener="http")}
        self.assertGreater(ends["two.example"], 1.7e9)

    def test_a_certificate_for_an_address_is_watched_too(self):
        pair = self.authority.issue("by-address", ["IP:127.0.0.1"])
        gateway = self.gateway(tls_config({"app": self.server.address}, [pair]))
        ends = dict((labels["name"], value) for labels, value in gateway.metrics().series(
            "weir_tls_certificate_expiry_timestamp_seconds", listener="http"))
        self.assertGreater(ends["by-address"], 1.7e9)

    def test_without_alpn_an_http2_listener_speaks_http2(self):
        gateway = self.gateway(tls_config({"app": self.server.address},
                                          [self.authority.issue("only", ["one.example"])],
                                          listener={"protocols": ["h2"]}))
        client = self.tls(gateway)
        client.send(h2.PREFACE + h2.settings() + h2.headers(1, [
            (":method", "GET"), (":scheme", "https"), (":authority", "one.example"),
            (":path", "/")], True))
        self.assertEqual(client.read_exact(9)[3], h2.SETTINGS)
        client = self.tls(gateway)
        client.request("GET", "/", host="one.example")
        self.assertNotIn(b"HTTP/1", client.read_available())

    def test_every_orderly_end_says_close_notify(self):
        client = self.tls(self.gw)
        client.request("GET", "/", [("Connection", "close")], host="one.example")
        self.assertEqual(client.read_response().status, 200)
        client.expect_closed()  # a FIN alone would raise SSLEOFError

    def test_pipelined_requests_in_one_record(self):
        client = self.tls(self.gw)
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: one.example\r\n\r\n" % i
                             for i in range(20)))
        for i in range(20):
            self.assertEqual(client.read_response().header("x-target"), f"/{i}")


class PlainHttpTest(TlsCase):
    """On a port of TLS it is told what is wrong, as a browser's user or curl can read it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.shared_origin()
        cls.gw = cls.shared_gateway(tls_config(
            {"app": cls.server.address}, [cls.authority.issue("one", ["one.example"])],
            limits={"handshake_timeout": "2s"}))

    @rows([("whole", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
           ("with content", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n"
            + "x" * 400000, True),
           ("a method of its own", "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n", True),
           ("head", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", False)])
    def test_request(self, request, content):
        before = self.gw.metrics().value("weir_tls_handshakes_total", result="failed") or 0
        peer = self.client(self.gw)
        peer.send(request)
        head = peer.read_head()
        self.assertEqual((head.status, head.header("content-type"), head.header("connection")),
                         (400, "text/plain; charset=utf-8", "close"))
        if content:
            text = peer.read_exact(int(head.header("content-length"))).decode()
            self.assertIn("plain HTTP", text)
            self.assertIn("HTTPS", text)
        peer.expect_closed()
        self.gw.wait_metric(before + 1, "weir_tls_handshakes_total", result="failed")
        self.assertGreaterEqual(self.gw.metrics().value("weir_tls_handshake_failures_total",
                                                        cause="plain_http"), 1)
        self.assertEqual(self.server.requests, [])

    def test_by_single_bytes(self):
        peer = self.client(self.gw)
        for byte in "OPTIONS ":
            peer.send(byte)
        self.assertEqual(peer.read_response().status, 400)

    @rows([("the preface of HTTP 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
           ("no method", "GARBAGE" * 10), ("lower case", "get / HTTP/1.1\r\n\r\n")])
    def test_others_get_no_answer_of_http(self, text):
        peer = self.client(self.gw)
        peer.send(text)
        got = b""
        try:
            while piece := peer.socket.recv(65536):
                got += piece
        except ConnectionError:
            pass
        self.assertNotIn(b"HTTP/", got)

    def test_tls_goes_on(self):
        self.assertEqual(self.get(self.gw).status, 200)


class Bodies(TlsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.shared_origin()
        cls.gw = cls.shared_gateway(tls_config({"app": cls.server.address},
                                               [cls.authority.issue("one", ["one.example"])]))

    @rows([("chunk of a record", 16384), ("large", 5_000_000), ("odd", 1_234_567)])
    def test_echo(self, size):
        body = bytes(i * 7 % 251 for i in range(1000)) * (size // 1000 + 1)
        body = body[:size]
        client = self.tls(self.gw, timeout=30)
        sender = threading.Thread(target=client.request, args=("POST", "/", (), body, "one.example"))
        # Python's socket is for one thread: the origin echoes when it has all.
        sender.start()
        sender.join()
        self.assertTrue(client.read_response("POST").body == body)

    def test_a_slow_reader_gets_all_of_it(self):
        size = 8_000_000
        def handler(connection, request):
            connection.read_body(request)
            connection.reply(200, body=b"z" * size)
        origin = self.origin(handler)
        gateway = self.gateway(tls_config({"app": origin.address},
                                          [self.authority.issue("slow", ["one.example"])]))
        client = self.tls(gateway, timeout=30, receive_buffer=4096)
        client.request("GET", "/", host="one.example")
        self.assertEqual(len(client.read_response().body), size)

    def test_bytes_that_come_one_by_one(self):
        client = self.tls(self.gw)
        for byte in b"POST /slow HTTP/1.1\r\nHost: one.example\r\nContent-Length: 5\r\n\r\nhello":
            client.send(bytes([byte]))
        self.assertEqual(client.read_response().body, b"hello")

    def test_an_answer_that_ends_with_its_connection(self):
        def handler(connection, request):
            connection.read_body(request)
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
            connection.close()
        origin = self.origin(handler)
        gateway = self.gateway(tls_config({"app": origin.address},
                                          [self.authority.issue("close", ["one.example"])]))
        client = self.tls(gateway)
        client.send("GET / HTTP/1.0\r\nHost: one.example\r\n\r\n")
        data = b""
        while piece := client.socket.recv(65536):
            data += piece
        self.assertTrue(data.endswith(b"until the end"), data)

    def test_a_request_cut_without_close_notify_is_no_request(self):
        client = self.tls(self.gw)
        client.send("POST /cut HTTP/1.1\r\nHost: one.example\r\nContent-Length: 100\r\n\r\nshort")
        client.socket.shutdown(socket.SHUT_RDWR)  # a FIN without the protocol's own end
        client.socket.close()
        self.assertEqual(self.get(self.gw).status, 200)


class Ends(TlsCase):
    def test_a_handshake_that_never_comes_is_closed_silently(self):
        gateway = self.gateway(tls_config({"app": "127.0.0.1:9"},
                                          [self.authority.issue("one", ["one.example"])],
                                          limits={"handshake_timeout": "300ms"}))
        client = self.client(gateway, timeout=15)
        client.expect_closed()
        slow = self.client(gateway, timeout=15)
        slow.send(b"\x16\x03\x01\x02")
        slow.expect_closed()
        gateway.wait_metric(2, "weir_connections_rejected_total", reason="handshake_timeout")

    def test_websocket(self):
        def handler(connection, request):
            key = request.header("sec-websocket-key")
            accept = base64.b64encode(hashlib.sha1(
                (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
            while True:
                connection.send(connection.read_some())
        origin = self.origin(handler)
        routes = [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "app",
                   "upgrades": ["websocket"]}]
        config = tls_config({"app": origin.address}, [self.authority.issue("ws", ["one.example"])],
                            routes=routes)
        client = self.tls(self.gateway(config))
        client.request("GET", "/", [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                                    ("Sec-WebSocket-Version", "13"),
                                    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")],
                       host="one.example")
        self.assertEqual(client.read_head().status, 101)
        for size in (1, 100, 70_000):
            client.send(b"m" * size)
            self.assertEqual(client.read_exact(size), b"m" * size)

    def test_drain_serves_what_was_begun(self):
        release = threading.Event()
        def handler(connection, request):
            connection.read_body(request)
            if request.target == "/held":
                release.wait(20)
            connection.reply(200, body=b"done")
        origin = self.origin(handler)
        gateway = self.gateway(tls_config({"app": origin.address},
                                          [self.authority.issue("drain", ["one.example"])],
                                          workers=1))
        client = self.tls(gateway, timeout=20)
        client.request("GET", "/held", host="one.example")
        origin.wait_for_head()
        probe = self.tls(gateway, timeout=20)

        def last_answer():
            probe.request("GET", "/", host="one.example")
            return probe.read_response().header("connection") == "close"
        last_answer()
        gateway.signal(15)
        wait_until("the worker to be told", last_answer)
        release.set()
        response = client.read_response()
        self.assertEqual(response.body, b"done")
        self.assertEqual(response.header("connection"), "close")
        client.expect_closed()
        self.assertEqual(gateway.wait_exit(20), 0)

    def test_drain_does_not_wait_for_handshakes_for_ever(self):
        gateway = self.gateway(tls_config({"app": "127.0.0.1:9"},
                                          [self.authority.issue("hs", ["one.example"])],
                                          limits={"handshake_timeout": "60s"},
                                          server={"drain_timeout": "500ms"}))
        client = self.client(gateway)
        client.send(b"\x16")
        gateway.signal(15)
        gateway.wait_exit(20)


class Checked(TlsCase):
    """`weir check` opens the files and says what is wrong, and where."""

    def check(self, certificate):
        config = tls_config({"app": "127.0.0.1:9"}, [certificate])
        folder = tempfile.mkdtemp(dir=self.authority.folder)
        path = os.path.join(folder, "weir.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        return weir("check", "-c", path)

    def test_right(self):
        done = self.check(self.authority.issue("right", ["one.example"]))
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_wrong(self, certificate, *texts):
        done = self.check(certificate)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, r"weir\.yaml:\d+:\d+: listeners\[0\]\.tls\.certificates\[0\]")
        for text in texts:
            self.assertIn(text, done.stderr)

    def test_missing_file(self):
        self.assert_wrong(("none.crt", "none.key"), "'none.crt': cannot be read: No such file",
                          "'none.key': cannot be read: No such file")

    def test_key_of_another(self):
        a = self.authority
        cert, _ = a.issue("x", ["x.example"])
        _, key = a.issue("y", ["y.example"])
        self.assert_wrong((cert, key), "the key does not belong to the certificate")

    def test_encrypted_key(self):
        a = self.authority
        cert, key = a.issue("locked", ["x.example"])
        openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", "locked.enc",
                cwd=a.folder)
        self.assert_wrong((cert, a.path("locked.enc")), "the key is encrypted")

    def test_not_a_certificate(self):
        cert, key = self.authority.issue("swap", ["x.example"])
        self.assert_wrong((key, cert), "there is no certificate in PEM format",
                          "there is no private key in PEM format")

    def test_expired_is_a_warning(self):
        done = self.check(self.authority.issue("old", ["x.example"], expired=True))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the certificate has expired", done.stderr)

    def test_run_refuses_what_check_refuses(self):
        config = tls_config({"app": "127.0.0.1:9"}, [("none.crt", "none.key")])
        path = os.path.join(self.authority.folder, "run.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        done = weir("run", "-c", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be read", done.stderr)
