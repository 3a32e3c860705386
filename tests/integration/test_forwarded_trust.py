"""Who is believed: X-Forwarded-* and PROXY headers of trusted peers only; a stranger's copies are
removed in every spelling. peers.md section 5, rows 34 and 35; interface.md section 3."""

import socket
import struct
import tempfile

from harness import Case, basic_config, rows

SPOOFS = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
          "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-User", "X-Real-IP", "X-Client-IP",
          "True-Client-IP", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Client-Cert",
          "X-Request-Id", "X-Request-Timeout", "Proxy"]


class StrangerTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"main": cls.upstream.address}, limits={"underscores": "keep"},
            trusted_proxies=["10.0.0.0/8"]))

    def setUp(self):
        self.upstream.clear()

    @rows([(name, name) for name in SPOOFS])
    def test_removed_in_every_spelling(self, name):
        spellings = [name, name.lower(), name.upper(), name.swapcase(), name.replace("-", "_"),
                     name.replace("-", "_").lower(), name.replace("-", "_", 1)]
        self.fetch(self.weir, "/", headers=[(s, "spoofed-value") for s in spellings])
        request = self.upstream.wait_for_request()
        self.assertNotIn(b"spoofed-value", request.raw_head, request)

    def test_client_address_is_the_peer(self):
        self.fetch(self.weir, "/", headers=[("X-Forwarded-For", "10.0.0.1, 1.2.3.4"),
                                            ("Forwarded", "for=1.2.3.4")])
        request = self.upstream.wait_for_request()
        self.assertEqual((request.all("x-forwarded-for"), request.all("x-real-ip")),
                         (["127.0.0.1"], ["127.0.0.1"]))

    def test_proxy_header_without_the_listener_asking_is_garbage(self):
        peer = self.client(self.weir)
        peer.send("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(peer.read_response().status, 400)
        self.assertEqual(self.upstream.heads, [])


class TrustedTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"main": cls.upstream.address},
            trusted_proxies=["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"]))

    def setUp(self):
        self.upstream.clear()

    def forwarded(self, *fields):
        response = self.fetch(self.weir, "/", headers=list(fields))
        self.assertEqual(response.status, 200)
        return self.upstream.wait_for_request()

    @rows([
        ("one", ["1.2.3.4"], "1.2.3.4"),
        ("right-most not trusted", ["6.6.6.6, 1.2.3.4, 10.0.0.1"], "1.2.3.4"),
        ("two trusted on the right", ["1.2.3.4, 10.0.0.2, 10.0.0.1"], "1.2.3.4"),
        ("many lines", ["6.6.6.6", "1.2.3.4", "10.0.0.1"], "1.2.3.4"),
        ("port", ["1.2.3.4:5678"], "1.2.3.4"), ("IPv6", ["2001:1::5"], "2001:1::5"),
        ("IPv6 in brackets with port", ["[2001:1::5]:443"], "2001:1::5"),
        ("IPv6 trusted", ["1.2.3.4, 2001:db8::1"], "1.2.3.4"),
        ("junk on the left", ["unknown, 1.2.3.4"], "1.2.3.4"),
        ("no spaces", ["6.6.6.6,1.2.3.4,10.0.0.1"], "1.2.3.4"),
        ("none", [], "127.0.0.1"),
    ])
    def test_client_address(self, values, expected):
        request = self.forwarded(*[("X-Forwarded-For", v) for v in values])
        self.assertEqual(request.all("x-real-ip"), [expected])
        chain = ", ".join([*values, "127.0.0.1"])
        self.assertEqual(request.header("x-forwarded-for").replace(" ", ""),
                         chain.replace(" ", ""))

    @rows([
        ("junk before any stranger", ["1.2.3.4, junk, 10.0.0.1"]), ("only junk", ["unknown"]),
        ("obfuscated", ["1.2.3.4, _hidden"]), ("name", ["evil.test"]), ("empty", [""]),
    ])
    def test_junk_ends_the_walk(self, values):
        """An entry that cannot be read is not looked behind: nothing to its left is believed."""
        request = self.forwarded(*[("X-Forwarded-For", v) for v in values])
        self.assertIn(request.header("x-real-ip"), ("127.0.0.1", "10.0.0.1"))

    def test_its_scheme_is_the_requests(self):
        gateway = self.gateway(basic_config([
            {"name": "secure", "match": {"scheme": "https", "path_prefix": "/"},
             "respond": {"status": 200, "body": "{scheme}"}},
            {"name": "plain", "match": {"path_prefix": "/"},
             "redirect": {"to": "https://{host}{path}{query}"}},
        ], trusted_proxies=["127.0.0.1"]))
        plain = self.fetch(gateway, "/a?b", headers=[("X-Forwarded-Proto", "http")])
        self.assertEqual((plain.status, plain.header("location")),
                         (308, "https://test.example/a?b"))
        secure = self.fetch(gateway, "/a?b", headers=[("X-Forwarded-Proto", "https")])
        self.assertEqual((secure.status, secure.body), (200, b"https"))

    def test_what_the_proxy_says_is_kept(self):
        request = self.forwarded(("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.test"),
                                 ("X-Forwarded-Port", "443"), ("X-Request-Id", "abc-123"))
        self.assertEqual(request.all("x-forwarded-proto"), ["https"])
        self.assertEqual(request.all("x-forwarded-host"), ["shop.test"])
        self.assertEqual(request.all("x-forwarded-port"), ["443"])
        self.assertEqual(request.all("x-request-id"), ["abc-123"])

    @rows([
        ("two", [("X-Request-Id", "a"), ("X-Request-Id", "b")]),
        ("too long", [("X-Request-Id", "x" * 5000)]), ("empty", [("X-Request-Id", "")]),
        ("quote and backslash", [("X-Request-Id", 'a"\\b')]),
    ])
    def test_an_unusable_request_id_is_replaced(self, fields):
        request = self.forwarded(*fields)
        self.assertRegex(request.header("x-request-id"), r"^[0-9a-f-]{36}$")


V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(source="1.2.3.4", command=1, family=0x11, payload=None, length=None, tail=b""):
    if payload is None:
        kind = socket.AF_INET6 if ":" in source else socket.AF_INET
        target = "::1" if ":" in source else "5.6.7.8"
        payload = (socket.inet_pton(kind, source) + socket.inet_pton(kind, target)
                   + struct.pack("!HH", 1111, 80))
    payload += tail
    return (V2_SIGNATURE + bytes([0x20 | command, family])
            + struct.pack("!H", len(payload) if length is None else length) + payload)


class ProxyProtocolTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"main": cls.upstream.address}, trusted_proxies=["127.0.0.1"],
            listener={"proxy_protocol": "required", "limits": {"handshake_timeout": "400ms"}}))

    def setUp(self):
        self.upstream.clear()
        self.peer = self.client(self.weir)

    @rows([
        ("v1 IPv4", b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n", "1.2.3.4"),
        ("v1 IPv6", b"PROXY TCP6 2001:1::5 ::1 1111 80\r\n", "2001:1::5"),
        ("v1 UNKNOWN", b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        ("v1 UNKNOWN with more", b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n", "127.0.0.1"),
        ("v2 IPv4", v2(), "1.2.3.4"), ("v2 IPv6", v2("2001:1::5", family=0x21), "2001:1::5"),
        ("v2 LOCAL", v2(command=0), "127.0.0.1"),
        ("v2 LOCAL unspecified", v2(command=0, family=0, payload=b""), "127.0.0.1"),
        ("v2 with extensions", v2(tail=b"\x04\x00\x03abc"), "1.2.3.4"),
        ("v2 with much padding", v2(tail=b"\x04\x02\x00" + b"\0" * 512), "1.2.3.4"),
    ])
    def test_valid(self, header, client):
        self.peer.send(header + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.peer.read_response().status, 200)
        request = self.upstream.wait_for_request()
        self.assertEqual(request.all("x-real-ip"), [client])

    def test_in_pieces(self):
        for byte in v2():
            self.peer.send(bytes([byte]))
        self.peer.request("GET", "/")
        self.assertEqual(self.peer.read_response().status, 200)
        self.assertEqual(self.upstream.wait_for_request().all("x-real-ip"), ["1.2.3.4"])

    def test_one_header_serves_the_whole_connection(self):
        self.peer.send(b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n")
        for _ in range(2):
            self.peer.request("GET", "/")
            self.assertEqual(self.peer.read_response().status, 200)
        self.assertEqual([r.header("x-real-ip") for r in self.upstream.requests], ["1.2.3.4"] * 2)

    @rows([
        ("none", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("v1 lower case", b"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n"),
        ("v1 bad address", b"PROXY TCP4 1.2.3.400 5.6.7.8 1 2\r\n"),
        ("v1 name", b"PROXY TCP4 evil.test 5.6.7.8 1 2\r\n"),
        ("v1 wrong family", b"PROXY TCP4 ::1 ::1 1 2\r\n"),
        ("v1 bad port", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n"),
        ("v1 port with sign", b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n"),
        ("v1 missing port", b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"),
        ("v1 two spaces", b"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n"),
        ("v1 bare LF", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"),
        ("v1 too long", b"PROXY UNKNOWN " + b"x" * 120 + b"\r\n"),
        ("v1 without end", b"PROXY TCP4 " + b"1" * 5000),
        ("v2 bad version", V2_SIGNATURE + b"\x11\x11\x00\x0c" + b"\0" * 12),
        ("v2 bad command", v2(command=2)), ("v2 short payload", v2(payload=b"\x01\x02\x03\x04")),
        ("v2 bad family", v2(family=0x41)), ("v2 bad signature", b"\r\n\r\n\0\r\nQUIT\r" + b"\0" * 20),
        ("v2 huge", v2(length=65535, tail=b"")),
    ])
    def test_invalid_closes_without_a_word(self, header):
        self.peer.send(header)
        try:
            self.peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        except OSError:
            pass
        self.peer.socket.settimeout(self.peer.timeout)
        try:
            self.assertEqual(self.peer.socket.recv(100), b"")
        except ConnectionResetError:
            pass
        self.assertEqual(self.upstream.heads, [])

    def test_none_in_time_closes(self):
        self.peer.send(b"PROXY TC")
        self.peer.expect_gone()

    def test_from_others_the_connection_is_closed(self):
        stranger = self.client(self.weir, source="127.0.0.2")
        try:
            stranger.send(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        except OSError:
            pass
        stranger.expect_gone()
        self.assertEqual(self.upstream.heads, [])


class UnixListenerTest(Case):
    def test_peers_of_a_unix_socket_are_trusted(self):
        upstream = self.origin()
        folder = tempfile.TemporaryDirectory(prefix="weir-sock-")
        self.addCleanup(folder.cleanup)
        gateway = self.gateway(basic_config(
            upstreams={"main": upstream.address},
            listener={"bind": f"unix:{folder.name}/http.sock"}))
        peers = [self.client(gateway) for _ in range(6)]
        for peer in peers:
            peer.request("GET", "/", [("X-Forwarded-For", "1.2.3.4")])
        for peer in peers:
            self.assertEqual(peer.read_response().status, 200)
        self.assertEqual({r.header("x-real-ip") for r in upstream.requests}, {"1.2.3.4"})
        self.assertEqual({r.header("x-forwarded-port") for r in upstream.requests}, {"80"})
