"""`redirect_https` of a listener and `hsts` of its TLS: what is sent to https, and what browsers are
told of it."""

import json
import os
import tempfile

from harness import Authority, Case, TlsClient, basic_config, client_context, rows, weir
from harness.h2 import H2Client, request_fields

ROUTES = [
    {"name": "hosted", "match": {"host": "api.example.com", "path_prefix": "/"}, "upstream": "main"},
    {"name": "exact", "match": {"path": "/exact"}, "respond": {"status": 200}},
    {"name": "all", "match": {"path_prefix": "/"}, "upstream": "main"},
]
HANDSHAKE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
             ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]


def redirecting(value="on", **more):
    return {"name": "http", "bind": "127.0.0.1:0", "redirect_https": value, **more}


class RedirectTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.origin = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            ROUTES, {"main": cls.origin.address}, trusted_proxies=["10.0.0.0/8"], listeners=[
                redirecting(protocols=["http1", "h2c"]),
                redirecting({"port": 8443, "status": 301}, name="other"),
                redirecting({}, name="block"),
                redirecting("off", name="plain")]), names=["http", "other", "block", "plain", "admin"])

    def tearDown(self):
        self.assertEqual(self.origin.heads, [])

    @rows([
        ("a host of a route", "/a", "api.example.com", "https://api.example.com/a"),
        ("a path of a route", "/exact", "any.test", "https://any.test/exact"),
        ("the query", "/a?b=1&c=%2f", "any.test", "https://any.test/a?b=1&c=%2f"),
        ("an empty query", "/a?", "any.test", "https://any.test/a?"),
        ("the path as it came", "//a/../b%7e;x/%2F", "any.test", "https://any.test//a/../b%7e;x/%2F"),
        ("a port", "/", "any.test:8080", "https://any.test/"),
        ("an address", "/", "[::1]:80", "https://[::1]/"),
        ("a host in the target", "http://in.test/x?y", "any.test", "https://in.test/x?y"),
        ("ACME", "/.well-known/acme-challenge/x", "any.test",
         "https://any.test/.well-known/acme-challenge/x"),
    ])
    def test_location(self, target, host, location):
        answer = self.fetch(self.weir, target, headers={"Host": host})
        self.assertEqual((answer.status, answer.header("location"), answer.body),
                         (308, location, b""))
        self.assertIsNone(answer.header("strict-transport-security"))

    @rows([
        ("POST", "POST", [("Content-Length", "3")], b"abc"),
        ("PUT in chunks", "PUT", [("Transfer-Encoding", "chunked")], b"3\r\nabc\r\n0\r\n\r\n"),
        ("DELETE", "DELETE", [], b""), ("HEAD", "HEAD", [], b""), ("a WebSocket", "GET", HANDSHAKE, b""),
        ("OPTIONS", "OPTIONS", [], b""),
        ("a preflight", "OPTIONS", [("Origin", "https://a.test"),
                                    ("Access-Control-Request-Method", "PUT")], b""),
    ])
    def test_every_method(self, method, headers, content):
        with self.client(self.weir) as client:
            client.send(f"{method} /x HTTP/1.1\r\nHost: a.test\r\n".encode()
                        + b"".join(f"{n}: {v}\r\n".encode() for n, v in headers) + b"\r\n" + content)
            answer = client.read_response(method)
            self.assertEqual((answer.status, answer.header("location")), (308, "https://a.test/x"))
            if not content:  # with content it may be closed, as behind any early answer
                client.request("GET", "/y", host="a.test")
                self.assertEqual(client.read_response().header("location"), "https://a.test/y")

    def test_port_and_status(self):
        answer = self.fetch(self.weir, "/x", headers={"Host": "a.test:80"}, listener="other")
        self.assertEqual((answer.status, answer.header("location")), (301, "https://a.test:8443/x"))
        answer = self.fetch(self.weir, "/x", headers={"Host": "a.test"}, listener="block")
        self.assertEqual((answer.status, answer.header("location")), (308, "https://a.test/x"))

    def test_without_a_host(self):
        with self.client(self.weir) as client:
            client.send("GET / HTTP/1.0\r\n\r\n")
            answer = client.read_response()
        self.assert_problem(answer, "bad_request")

    def test_over_http2(self):
        client = H2Client(self.weir.address())
        self.addCleanup(client.close)
        answer = client.fetch("POST", "/a?b", body=b"x", authority="api.example.com")
        self.assertEqual((answer.status, answer.header("location")),
                         (308, "https://api.example.com/a?b"))
        tunnel = client.request_raw([(":protocol", "websocket"), *request_fields(
            "CONNECT", "/ws", more=[("sec-websocket-version", "13")])], end=False)
        self.assertEqual(dict(client.head(tunnel).fields)[":status"], "308")

    def test_a_stranger_cannot_say_that_it_came_by_https(self):
        answer = self.fetch(self.weir, "/x", headers=[("X-Forwarded-Proto", "https")])
        self.assertEqual(answer.status, 308)

    def test_the_admin_address_tells(self):
        told = {one["name"]: one["redirect_https"] for one in self.weir.admin("GET", "/listeners").json()}
        self.assertEqual(told, {"http": {"port": 443, "status": 308}, "plain": None,
                                "other": {"port": 8443, "status": 301},
                                "block": {"port": 443, "status": 308}})
        for route in self.weir.admin("GET", "/routes").json():
            self.assertEqual(route["redirect_https"], ["http", "other", "block"])
        told = self.weir.admin("POST", "/explain", json.dumps(
            {"method": "GET", "url": "http://api.example.com/a?b"})).json()
        self.assertEqual((told["status"], told["routed"]), (308, True))
        self.assertIn({"step": "redirect_https",
                       "text": "308 https://api.example.com/a?b (before routes)"}, told["steps"])


class TrustedProxyTest(Case):
    @rows([("https", "https", 200), ("a WebSocket's", "wss", 200), ("a list", "http, https", 200),
           ("http", "http", 308), ("plain WebSocket", "ws", 308), ("a list that ends plain",
                                                                   "https, http", 308),
           ("something else", "ftp", 308)])
    def test_says_how_the_client_came(self, proto, status):
        origin = self.origin()
        gateway = self.gateway(basic_config(
            ROUTES, {"main": origin.address}, trusted_proxies=["127.0.0.1"],
            listeners=[redirecting()]))
        answer = self.fetch(gateway, "/x", headers=[("X-Forwarded-Proto", proto)])
        self.assertEqual(answer.status, status)
        if status == 200:
            request = origin.wait_for_request()
            self.assertEqual((request.all("x-forwarded-proto"), request.all("x-forwarded-port")),
                             (["https"], ["443"]))


class HstsTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cert, key = cls.authority.issue("one", ["one.example"])
        certificates = [{"cert": cert, "key": key}]

        def serve(connection, request):
            connection.reply(200, [("Strict-Transport-Security", "max-age=1"),
                                   ("strict-transport-security", "max-age=2")])
        cls.origin = cls.shared_origin(serve)
        cls.weir = cls.shared_gateway(basic_config(
            [{"name": "up", "match": {"path_prefix": "/up"}, "upstream": "main"},
             {"name": "own", "match": {"path_prefix": "/own"}, "respond": {"status": 200}},
             {"name": "limited", "match": {"path_prefix": "/limited"}, "upstream": "main",
              "middleware": [{"ip_filter": {"deny": ["127.0.0.0/8"]}}]}],
            {"main": cls.origin.address}, listeners=[
                {"name": "http", "bind": "127.0.0.1:0"},
                {"name": "whole", "bind": "127.0.0.1:0", "tls": {
                    "certificates": certificates,
                    "hsts": {"max_age": "730d", "subdomains": "on", "preload": "on"}}},
                {"name": "usual", "bind": "127.0.0.1:0",
                 "tls": {"certificates": certificates, "hsts": {}}},
                {"name": "none", "bind": "127.0.0.1:0", "tls": {"certificates": certificates,
                                                               "hsts": None}}]),
            names=["http", "whole", "usual", "none", "admin"])

    def told(self, listener, target, head=None):
        with TlsClient(self.weir.address(listener), client_context(self.authority.ca),
                       "one.example") as client:
            client.send(head or f"GET {target} HTTP/1.1\r\nHost: one.example\r\n\r\n")
            return client.read_response().all("strict-transport-security")

    @rows([("an upstream's", "/up"), ("our own", "/own"), ("a refusal", "/limited"),
           ("no route", "/nothing"), ("a bad path", "/%00")])
    def test_every_answer(self, target):
        self.assertEqual(self.told("whole", target),
                         ["max-age=63072000; includeSubDomains; preload"])
        self.assertEqual(self.told("usual", target), ["max-age=31536000"])

    def test_a_malformed_request(self):
        self.assertEqual(self.told("usual", "", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
                         ["max-age=31536000"])

    def test_without(self):
        self.assertEqual(self.told("none", "/own"), [])
        self.assertEqual(self.told("none", "/up"), ["max-age=1", "max-age=2"])

    def test_never_in_plain_text(self):
        self.assertEqual(self.fetch(self.weir, "/own").all("strict-transport-security"), [])

    def test_the_admin_address_tells(self):
        told = {one["name"]: one["hsts"] for one in self.weir.admin("GET", "/listeners").json()}
        self.assertEqual(told, {"http": None, "none": None, "usual": "max-age=31536000",
                                "whole": "max-age=63072000; includeSubDomains; preload"})


class CommandsTest(Case):
    def write(self, listener, routes):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as file:
            json.dump(basic_config(routes, {"main": "127.0.0.1:9"}, listeners=[listener]), file)
        self.addCleanup(os.unlink, file.name)
        return file.name

    def test_explain_and_routes(self):
        file = self.write(redirecting(), ROUTES)
        done = weir("explain", "-c", file, "GET", "http://api.example.com/a;b?c")
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout, r"redirect_https +308 https://api\.example\.com/a;b\?c")
        done = weir("explain", "-c", file, "GET", "/a")
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("400 bad_request: no Host, so the redirect has no target", done.stdout)
        self.assertIn("listener http: every request in plain text is sent to https (308)",
                      weir("routes", "-c", file).stdout)

    def test_check_warns_of_what_passes_in_plain_text(self):
        to_https = {"name": "to-https", "match": {"scheme": "http", "path_prefix": "/"},
                    "redirect": {"to": "https://{host}{path}{query}"}}
        file = self.write({"name": "http", "bind": "0.0.0.0:0"}, [to_https, ROUTES[0]])
        done = weir("check", "-c", file)
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stderr, r"warning: .*: routes\[1\]\.match: takes requests in plain text "
                                      r"on listener 'http'.*'to-https'.*redirect_https: on")

    def test_not_beside_tls(self):
        file = self.write(redirecting(tls={"certificates": [{"cert": "c", "key": "k"}]}), ROUTES)
        done = weir("check", "-c", file)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("listeners[0].redirect_https: is for a listener without tls", done.stderr)
