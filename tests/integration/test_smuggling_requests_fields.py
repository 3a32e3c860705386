"""What a request asks of the hop, not of the origin: Connection, Upgrade, Expect, TE, and paths that
mean different things to different readers. peers.md section 5, rows 4, 11, 12, 17, 31 and 45."""

from harness import Case, basic_config, rows
from harness.refusal import RefusalCase


def get(*fields, target="/first", method="GET"):
    return f"{method} {target} HTTP/1.1\r\nHost: a\r\n" + "".join(
        f"{field}\r\n" for field in fields) + "\r\n"


KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = "Sec-WebSocket-Version: 13"


class HopByHopTest(RefusalCase):
    @rows([
        ("nominated", ["Connection: X-Secret", "X-Secret: 1"], "x-secret"),
        ("nominated with close", ["Connection: close, X-Secret", "X-Secret: 1"], "x-secret"),
        ("nominated in other case", ["Connection: x-SECRET", "X-Secret: 1"], "x-secret"),
        ("nominated on a second line", ["Connection: a", "Connection: X-Secret", "X-Secret: 1"],
         "x-secret"),
        ("nominated Authorization", ["Connection: Authorization", "Authorization: Basic eDp5"],
         "authorization"),
        ("nominated Cookie", ["Connection: Cookie", "Cookie: a=b"], "cookie"),
        ("every line of it", ["Connection: X-S", "X-S: 1", "x-s: 2"], "x-s"),
        ("Keep-Alive", ["Keep-Alive: timeout=5"], "keep-alive"),
        ("Proxy-Connection", ["Proxy-Connection: keep-alive"], "proxy-connection"),
        ("Proxy-Authorization nominated", ["Connection: Proxy-Authorization",
                                           "Proxy-Authorization: Basic eDp5"],
         "proxy-authorization"),
        ("TE other than trailers", ["TE: gzip, deflate"], "te"),
        ("Upgrade", ["Upgrade: foo", "Connection: upgrade"], "upgrade"),
        ("Upgrade not nominated", ["Upgrade: websocket"], "upgrade"),
        ("Proxy, the environment variable", ["Proxy: http://evil"], "proxy"),
    ])
    def test_removed(self, fields, name):
        request = self.forwarded(get(*fields))
        self.assertEqual(request.all(name), [])
        self.assertNotIn("x-a", (request.header("connection") or "").lower())

    @rows([
        ("X-Forwarded-For", "X-Forwarded-For"), ("X-Forwarded-Proto", "X-Forwarded-Proto"),
        ("X-Forwarded-Host", "X-Forwarded-Host"), ("X-Real-IP", "X-Real-IP"),
        ("X-Request-Id", "X-Request-Id"), ("Via", "Via"),
    ])
    def test_nomination_cannot_remove_what_weir_adds(self, name):
        request = self.forwarded(get(f"Connection: close, {name}"))
        self.assertEqual(len(request.all(name)), 1, request)

    @rows([("Host", "Host"), ("Content-Length", "Content-Length"),
           ("Transfer-Encoding", "Transfer-Encoding")])
    def test_nomination_of_framing(self, name):
        """Refused, or without effect; never a request that lost its framing."""
        self.peer.send(f"POST /first HTTP/1.1\r\nHost: a\r\nConnection: {name}\r\n"
                       "Content-Length: 5\r\n\r\nhello")
        response = self.peer.read_response()
        self.assertIn(response.status, (200, 400))
        if response.status == 200:
            request = self.upstream.wait_for_request()
            self.assertEqual((request.all("host"), request.body), (["a"], b"hello"))

    def test_nomination_of_transfer_encoding_of_a_chunked_body(self):
        self.peer.send("POST /first HTTP/1.1\r\nHost: a\r\nConnection: Transfer-Encoding\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        if self.peer.read_response().status == 200:
            self.assertEqual(self.upstream.wait_for_request().body, b"hello")

    @rows([("trailers", "trailers", ["trailers"]), ("trailers among others", "gzip, trailers",
                                                     ["trailers"]), ("with weight", "gzip;q=1", [])])
    def test_te(self, value, expected):
        request = self.forwarded(get(f"TE: {value}", "Connection: TE"))
        self.assertEqual(request.all("te"), expected)

    def test_a_thousand_nominations_are_bounded(self):
        self.peer.send(get("Connection: " + ", ".join(f"x-{i}" for i in range(5000)), "X-1: 1"))
        self.assertIn(self.peer.read_response().status, (200, 400, 431))

    @rows([
        ("client's own", ["X-Request-Id: evil"]), ("two", ["X-Request-Id: a", "X-Request-Id: b"]),
        ("control by percent", ["X-Request-Id: a%0d%0ab"]),
    ])
    def test_request_id_of_a_stranger_is_replaced(self, fields):
        request = self.forwarded(get(*fields))
        self.assertRegex(request.header("x-request-id"), r"^[0-9a-f-]{36}$")

    GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @rows([
        ("one valid", [f"traceparent: {GOOD}", "tracestate: a=1"], [GOOD], ["a=1"]),
        ("two", [f"traceparent: {GOOD}", f"traceparent: {GOOD}", "tracestate: a=1"], [], []),
        ("short", ["traceparent: 00-4bf9-00f067aa0ba902b7-01", "tracestate: a=1"], [], []),
        ("zero trace", ["traceparent: 00-" + "0" * 32 + "-00f067aa0ba902b7-01"], [], []),
        ("zero parent", ["traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01"],
         [], []),
        ("upper case", ["traceparent: " + GOOD.upper()], [], []),
        ("version ff", ["traceparent: ff" + GOOD[2:]], [], []),
        ("junk", ["traceparent: ../../x"], [], []),
        ("none", [], [], []),
        ("state alone", ["tracestate: a=1"], [], []),
    ])
    def test_trace_context(self, fields, parent, state):
        request = self.forwarded(get(*fields))
        self.assertEqual((request.all("traceparent"), request.all("tracestate")), (parent, state))

    @rows([("as it comes", "X-HTTP-Method-Override"), ("other name", "X-Method-Override")])
    def test_method_override_changes_nothing(self, name):
        self.assertEqual(self.forwarded(get(f"{name}: DELETE")).method, "GET")


class ExpectTest(RefusalCase):
    @rows([
        ("200-ok", "Expect: 200-ok"), ("list", "Expect: 100-continue, x"),
        ("quoted", 'Expect: "100-continue"'), ("junk", "Expect: y"),
        ("two lines", "Expect: 100-continue\r\nExpect: x"),
    ])
    def test_other_expectations(self, field):
        self.assert_refused(f"POST /first HTTP/1.1\r\nHost: a\r\n{field}\r\n"
                            "Content-Length: 5\r\n\r\nhello", "expectation_failed", closes=False)

    def test_on_http_1_0_it_is_ignored(self):
        self.peer.send("POST /first HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n"
                       "Content-Length: 5\r\n\r\nhello")
        response = self.peer.read_response()
        self.assertEqual((response.status, response.interim), (200, []))


class UpgradeTest(RefusalCase):
    routes = [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
               "upgrades": ["websocket"]}]

    def assert_no_tunnel(self, raw):
        """Whatever the answer, the next request on the connection is still a request."""
        self.peer.send(raw)
        response = self.peer.read_response()
        self.assertIn(response.status, (200, 400, 426, 501), response)
        for head in self.upstream.heads:
            self.assertEqual(head.all("upgrade"), [], head)
            self.assertEqual(head.all("http2-settings"), [], head)
            self.assertNotIn("upgrade", (head.header("connection") or "").lower())
        if (response.header("connection") or "").lower() == "close":
            self.peer.expect_closed()
        else:
            self.peer.request("GET", "/%00")
            self.assertEqual(self.peer.read_response().status, 400)

    @rows([
        ("h2c", get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                    "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")),
        ("h2c in odd case", get("Connection: UPGRADE, http2-SETTINGS", "Upgrade: H2C",
                                "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")),
        ("h2c settings not nominated", get("Connection: Upgrade", "Upgrade: h2c",
                                           "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")),
        ("h2c beside websocket", get("Connection: Upgrade", "Upgrade: h2c, websocket", KEY,
                                     VERSION)),
        ("TLS", get("Connection: Upgrade", "Upgrade: TLS/1.2")),
        ("websocket without key", get("Connection: Upgrade", "Upgrade: websocket", VERSION)),
        ("websocket without version", get("Connection: Upgrade", "Upgrade: websocket", KEY)),
        ("websocket of version 8", get("Connection: Upgrade", "Upgrade: websocket", KEY,
                                       "Sec-WebSocket-Version: 8")),
        ("websocket of version 777", get("Connection: Upgrade", "Upgrade: websocket", KEY,
                                         "Sec-WebSocket-Version: 777")),
        ("websocket with a short key", get("Connection: Upgrade", "Upgrade: websocket", VERSION,
                                           "Sec-WebSocket-Key: eA==")),
        ("websocket with two keys", get("Connection: Upgrade", "Upgrade: websocket", VERSION, KEY,
                                        KEY)),
        ("websocket not nominated", get("Upgrade: websocket", KEY, VERSION)),
        ("websocket by POST", get("Connection: Upgrade", "Upgrade: websocket", KEY, VERSION,
                                  "Content-Length: 0", method="POST")),
        ("websocket on 1.0", get("Connection: Upgrade", "Upgrade: websocket", KEY,
                                 VERSION).replace("HTTP/1.1", "HTTP/1.0")),
    ])
    def test_not_a_tunnel(self, raw):
        self.assert_no_tunnel(raw)


class PathTest(RefusalCase):
    routes = [
        {"name": "admin", "match": {"path_prefix": "/admin"}, "respond": {"status": 403}},
        {"name": "all", "match": {"path_prefix": "/"}, "upstream": "main"},
    ]

    @rows([
        ("NUL", "/a%00b"), ("NUL at the end", "/a%00"), ("above root", "/../etc/passwd"),
        ("above root deep", "/a/../../b"), ("above root encoded", "/%2e%2e/b"),
        ("above root half encoded", "/.%2E/b"), ("dot semicolon", "/a/.;/b"),
        ("dots semicolon", "/a/..;/b"), ("dots semicolon parameter", "/a/..;x=1/b"),
        ("dots semicolon encoded", "/a/%2e%2e;/b"), ("backslash", "/a\\b"),
        ("dots backslash", "/a/..\\b"), ("encoded slash", "/a%2Fb"),
        ("encoded slash lower", "/a%2fb"), ("dots encoded slash", "/a/..%2fb"),
        ("encoded backslash", "/a%5Cb"), ("encoded backslash lower", "/a%5cb"),
        ("percent alone", "/a%"), ("percent one digit", "/a%4"), ("percent not hex", "/a%zz"),
        ("percent u", "/a%u002f"),
    ])
    def test_refused(self, target):
        self.assert_refused(get(target=target))

    @rows([
        ("unreserved", "/%61%2D%2e%5f%7Eb", "/a-._~b"), ("hex in upper case", "/%e2%82%ac",
                                                         "/%E2%82%AC"),
        ("dot", "/a/./b", "/a/b"), ("dots", "/a/b/../c", "/a/c"), ("dot encoded", "/a/%2e/b", "/a/b"),
        ("dots encoded", "/a/b/%2E%2e/c", "/a/c"), ("dot at the end", "/a/.", "/a/"),
        ("dots at the end", "/a/b/..", "/a/"), ("empty segments", "//a///b", "/a/b"),
        ("double encoding stays", "/a%252e%252e%252fb", "/a%252e%252e%252fb"),
        ("overlong UTF-8 stays", "/a%c0%af", "/a%C0%AF"), ("raw by browsers", "/a|b[c]{d}^`\"<>",
                                                          "/a|b[c]{d}^`\"<>"),
        ("parameters", "/a;v=1/b", "/a;v=1/b"), ("parameters of all kinds", "/a;/%3b/;x/b%3By=1;",
                                                 "/a;/%3B/;x/b%3By=1;"),
        ("reserved stay encoded", "/a%3Fb%23c%3b",
                                                 "/a%3Fb%23c%3B"),
        ("three dots", "/.../a", "/.../a"), ("encoded space", "/a%20b", "/a%20b"),
        ("query as it came", "/a?x=%61&y=../%2f//%00&z=a|b", "/a?x=%61&y=../%2f//%00&z=a|b"),
        ("empty query", "/a?", "/a?"), ("question marks", "/a??b?c", "/a??b?c"),
        ("root", "/", "/"), ("only slashes", "///", "/"),
    ])
    def test_forwarded_in_one_form(self, sent, target):
        self.assertEqual(self.forwarded(get(target=sent)).target, target)

    @rows([
        ("dots", "/x/../admin"), ("encoded letter", "/%61dmin"), ("two slashes", "//admin"),
        ("dot", "/./admin"), ("encoded dots", "/x/%2e%2e/admin"), ("sub path", "/admin/x"),
        ("absolute form", "http://a/admin"), ("absolute form with dots", "http://a/x/../admin"),
        ("parameter", "/admin;a=b"), ("empty parameter", "/admin;"),
        ("parameter before more", "/admin;/x"), ("encoded parameter", "/admin%3Ba=b"),
        ("encoded in lower case", "/admin%3b/x"), ("segment of parameters", "/;a/admin/x"),
        ("encoded letter and parameter", "/%61dmin;a"), ("dots and parameter", "/x;y/../admin;z"),
    ])
    def test_a_guarded_path_cannot_be_reached_around(self, target):
        self.peer.send(get(target=target))
        self.assertEqual(self.peer.read_response().status, 403)
        self.assert_origin_saw_only_the_next()


class EncodedSlashesKeptTest(Case):
    def test_forwarded_as_they_came(self):
        origin = self.origin()
        gateway = self.gateway(basic_config(
            [{"name": "keep", "match": {"path_prefix": "/k"}, "upstream": "main",
              "encoded_slashes": "keep"},
             {"name": "all", "match": {"path_prefix": "/"}, "upstream": "main"}],
            {"main": origin.address}, listener={"limits": {"empty_segments": "keep"}}))
        for sent, target in [("/k/a%2Fb%5cc", None), ("/k//b", "/k//b"), ("/k/a%2fb", "/k/a%2fb")]:
            self.assertEqual(self.fetch(gateway, sent).status, 200, sent)
            got = origin.requests[-1].target
            if target is None:
                self.assertEqual(got.lower(), sent.lower())
            else:
                self.assertIn(got, (target, target.replace("%2f", "%2F")))
        self.assertEqual(self.fetch(gateway, "/x/a%2Fb").status, 400)

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        keep = {"upstream": "main", "encoded_slashes": "keep"}
        cls.guard = cls.shared_gateway(basic_config(
            [{"name": "admin", "match": {"path_prefix": "/admin"}, "upstream": "main",
              "middleware": [{"ip_filter": {"deny": ["127.0.0.0/8"]}}]},
             {"name": "item", "match": {"path": "/items/{id}"}, **keep},
             {"name": "report", "match": {"path": "/{id}/report"}, **keep},
             {"name": "shared", "match": {"path_prefix": "/shared"}, **keep,
              "middleware": [{"cors": {"origins": ["https://a.test"]}}]},
             {"name": "inner", "match": {"path_prefix": "/shared/inner"}, **keep},
             {"name": "all", "match": {"path_prefix": "/"}, **keep}],
            {"main": cls.upstream.address}))

    @rows([(target, target) for target in (
        "/admin%2Fx", "/admin%2fx", "/admin%5Cx", "/%2Fadmin", "/x%2F..%2Fadmin", "/x/..%2Fadmin/y",
        "/x%5C..%5Cadmin", "/admin%2F;a=b/x", "/%2F%2Fadmin;x%2Fy", "/a%2F..%2F..%2Fb",
        "/admin%2Fx/report")])
    def test_none_leads_around_a_guard(self, target):
        answer = self.fetch(self.guard, target)
        self.assert_problem(answer, "bad_request")
        told = self.guard.admin("POST", "/explain", {"method": "GET", "url": "http://a" + target})
        self.assertEqual(told.json()["status"], 400, told)

    @rows([(target, target) for target in (
        "/items/a%2Fb", "/items/admin%2Fb", "/x%2Fadmin", "/a%2Fb/c", "/admins%2Fx", "/a%2Fb/report",
        "/x%252Fadmin", "/a%2F..%2Fb")])
    def test_what_is_no_other_routes_goes_on_as_it_came(self, target):
        self.assertEqual(self.fetch(self.guard, target).status, 200)
        self.assertEqual(self.upstream.requests[-1].target, target)


    def test_a_preflight_is_judged_as_one(self):
        # Only a route with cors takes a preflight: /shared/inner does not.
        answer = self.fetch(self.guard, "/shared/inner%2Fx", method="OPTIONS", headers=[
            ("Origin", "https://a.test"), ("Access-Control-Request-Method", "GET")])
        self.assertEqual(answer.status, 204, answer)
        self.assert_problem(self.fetch(self.guard, "/shared/inner%2Fx"), "bad_request")


class UnderscoresTest(Case):
    @rows([("drop", "drop", []), ("keep", "keep", ["1"])])
    def test_other_policies(self, policy, expected):
        origin = self.origin()
        gateway = self.gateway(basic_config(upstreams={"main": origin.address},
                                            limits={"underscores": policy}))
        self.assertEqual(self.fetch(gateway, "/", headers=[("my_header", "1")]).status, 200)
        self.assertEqual(origin.wait_for_request().all("my_header"), expected)
