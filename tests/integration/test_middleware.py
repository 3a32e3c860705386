"""The middleware that exists: cors, ip_filter, body_limit, headers, basic_auth, and how defaults and
`without` put them together. interface.md section 2."""

import base64
import shutil
import subprocess
import unittest

from harness import Case, basic_config, rows


def respond(name, path, middleware=None, **more):
    route = {"name": name, "match": {"path": path}, "respond": {"status": 200, "body": name}, **more}
    if middleware is not None:
        route["middleware"] = middleware
    return route


class CorsTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin(lambda c, r: c.reply(
            200, [("Access-Control-Allow-Origin", "https://liar.test")], "ok"))
        origins = ["https://app.test", "https://b.test:8443"]
        cls.weir = cls.shared_gateway(basic_config([
            {"name": "api", "match": {"path": "/api", "methods": ["GET", "PUT"]}, "upstream": "main",
             "middleware": [{"cors": {"origins": origins, "headers": ["x-token"],
                                      "expose": ["x-total"], "credentials": True,
                                      "max_age": "5m"}}]},
            {"name": "conditional", "match": {"path": "/cond", "methods": ["POST"],
                                              "headers": {"x-key": {"present": True}},
                                              "query": {"q": "1"}},
             "upstream": "main", "middleware": [{"cors": {"origins": origins}}]},
            {"name": "open", "match": {"path": "/open", "methods": ["GET"]}, "upstream": "main",
             "middleware": [{"cors": {"origins": ["*"]}}]},
            {"name": "guarded", "match": {"path": "/guarded", "methods": ["GET"]},
             "upstream": "main", "middleware": [{"cors": {"origins": origins}},
                                                {"ip_filter": {"deny": ["127.0.0.0/8"]}}]},
            {"name": "none", "match": {"path_prefix": "/none"}, "upstream": "main"},
        ], {"main": cls.upstream.address}))

    def setUp(self):
        self.upstream.clear()

    def preflight(self, target, origin="https://app.test", method="PUT", headers=None):
        fields = [("Origin", origin), ("Access-Control-Request-Method", method)]
        if headers:
            fields.append(("Access-Control-Request-Headers", headers))
        return self.fetch(self.weir, target, "OPTIONS", fields)

    def test_preflight(self):
        response = self.preflight("/api", headers="x-token")
        self.assertIn(response.status, (200, 204))
        self.assertEqual(response.all("access-control-allow-origin"), ["https://app.test"])
        self.assertEqual({m.strip() for m in
                          response.header("access-control-allow-methods").split(",")} - {"HEAD"},
                         {"GET", "PUT"})
        self.assertEqual(response.header("access-control-allow-headers").lower(), "x-token")
        self.assertEqual(response.all("access-control-allow-credentials"), ["true"])
        self.assertEqual(response.all("access-control-max-age"), ["300"])
        self.assertIn("origin", response.header("vary").lower())
        self.assertEqual(self.upstream.heads, [])

    def test_preflight_ignores_header_and_query_conditions(self):
        response = self.preflight("/cond", method="POST")
        self.assertIn(response.status, (200, 204))
        self.assertEqual(response.all("access-control-allow-origin"), ["https://app.test"])

    @rows([
        ("other origin", "/api", "https://evil.test", "PUT"),
        ("origin with another port", "/api", "https://b.test", "PUT"),
        ("origin with another scheme", "/api", "http://app.test", "PUT"),
        ("origin that begins alike", "/api", "https://app.test.evil", "PUT"),
        ("null", "/api", "null", "PUT"),
    ])
    def test_preflight_of_a_stranger(self, target, origin, method):
        response = self.preflight(target, origin, method)
        self.assertEqual(response.all("access-control-allow-origin"), [])
        self.assertEqual(self.upstream.heads, [])

    def test_preflight_for_a_method_without_route(self):
        response = self.preflight("/api", method="DELETE")
        self.assertNotIn("DELETE", response.header("access-control-allow-methods") or "")
        self.assertEqual(self.upstream.heads, [])

    def test_preflight_where_no_route_has_cors_goes_on(self):
        self.assertEqual(self.preflight("/none/x").body, b"ok")
        self.assertEqual(self.upstream.heads[0].method, "OPTIONS")

    def test_options_that_is_no_preflight(self):
        response = self.fetch(self.weir, "/api", "OPTIONS")
        self.assertEqual(response.status, 405)

    def test_actual_request(self):
        response = self.fetch(self.weir, "/api", headers=[("Origin", "https://b.test:8443")])
        self.assertEqual(response.all("access-control-allow-origin"), ["https://b.test:8443"])
        self.assertEqual(response.all("access-control-allow-credentials"), ["true"])
        self.assertEqual(response.header("access-control-expose-headers").lower(), "x-total")
        self.assertIn("origin", response.header("vary").lower())

    def test_actual_request_of_a_stranger(self):
        """It is served, but the browser is told nothing, not even by the upstream."""
        response = self.fetch(self.weir, "/api", headers=[("Origin", "https://evil.test")])
        self.assertEqual((response.status, response.all("access-control-allow-origin")), (200, []))

    def test_request_without_origin(self):
        response = self.fetch(self.weir, "/api")
        self.assertEqual(response.status, 200)
        self.assertIn("origin", (response.header("vary") or "").lower())

    def test_any_origin(self):
        response = self.fetch(self.weir, "/open", headers=[("Origin", "https://who.test")])
        self.assertEqual(response.all("access-control-allow-origin"), ["*"])
        self.assertEqual(response.all("access-control-allow-credentials"), [])

    def test_our_own_refusal_carries_the_headers(self):
        """A browser must be able to read why: cors runs around what refuses."""
        response = self.fetch(self.weir, "/guarded", headers=[("Origin", "https://app.test")])
        self.assert_problem(response, "ip_denied")
        self.assertEqual(response.all("access-control-allow-origin"), ["https://app.test"])


class FiltersTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config([
            respond("allow-us", "/allow-us", [{"ip_filter": {"allow": ["127.0.0.0/8"]}}]),
            respond("allow-others", "/allow-others", [{"ip_filter": {"allow": ["10.0.0.0/8",
                                                                               "::1"]}}]),
            respond("deny-us", "/deny-us", [{"ip_filter": {"deny": ["127.0.0.1"]}}]),
            respond("deny-first", "/deny-first", [{"ip_filter": {"allow": ["127.0.0.0/8"],
                                                                 "deny": ["127.0.0.1/32"]}}]),
            respond("deny-others", "/deny-others", [{"ip_filter": {"deny": ["10.0.0.0/8"]}}]),
            {"name": "small", "match": {"path": "/small"}, "upstream": "main",
             "middleware": [{"body_limit": {"size": "100B"}}]},
            {"name": "large", "match": {"path": "/large"}, "upstream": "main",
             "middleware": ["large"]},
            {"name": "normal", "match": {"path": "/normal"}, "upstream": "main"},
            {"name": "headers", "match": {"path": "/headers"}, "upstream": "main",
             "middleware": [{"headers": {
                 "request": {"set": {"x-set": "{route} to {upstream}"}, "add": {"x-add": "2"},
                             "remove": ["x-drop"]},
                 "response": {"set": {"x-answer": "{client_ip}"}, "remove": ["x-target"]}}}]},
        ], {"main": cls.upstream.address}, limits={"body_size": "1000B"},
            middleware={"large": {"body_limit": {"size": "10KB"}}}))

    def setUp(self):
        self.upstream.clear()

    @rows([
        ("allowed", "/allow-us", None), ("not among the allowed", "/allow-others", "ip_denied"),
        ("denied", "/deny-us", "ip_denied"), ("deny comes first", "/deny-first", "ip_denied"),
        ("others denied", "/deny-others", None),
    ])
    def test_ip_filter(self, target, reason):
        response = self.fetch(self.weir, target)
        if reason:
            self.assert_problem(response, reason)
        else:
            self.assertEqual(response.status, 200)

    def test_ip_filter_by_address(self):
        peer = self.client(self.weir, source="127.0.0.9")
        peer.request("GET", "/deny-us")
        self.assertEqual(peer.read_response().status, 200)

    def test_ip_filter_ignores_what_a_stranger_claims(self):
        response = self.fetch(self.weir, "/allow-others", headers=[("X-Forwarded-For", "10.1.1.1")])
        self.assertEqual(response.status, 403)

    @rows([
        ("smaller than the listener's fits", "/small", 100, 200),
        ("smaller than the listener's", "/small", 101, 413),
        ("larger than the listener's fits", "/large", 10_000, 200),
        ("larger than the listener's", "/large", 10_001, 413),
        ("the listener's fits", "/normal", 1000, 200), ("the listener's", "/normal", 1001, 413),
    ])
    def test_body_limit(self, target, size, status):
        for chunked in (False, True):
            with self.subTest(chunked=chunked):
                peer = self.client(self.weir)
                if chunked:
                    peer.send(b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                              b"%x\r\n%s\r\n0\r\n\r\n" % (target.encode(), size, b"x" * size))
                else:
                    peer.request("POST", target, body=b"x" * size)
                response = peer.read_response()
                self.assertEqual(response.status, status)
                if status == 413:
                    self.assert_problem(response, "body_too_large")

    def test_headers(self):
        response = self.fetch(self.weir, "/headers", headers=[
            ("X-Set", "old"), ("X-Add", "1"), ("X-Drop", "1")])
        request = self.upstream.wait_for_request()
        self.assertEqual((request.all("x-set"), request.all("x-add"), request.all("x-drop")),
                         (["headers to main"], ["1", "2"], []))
        self.assertEqual((response.all("x-answer"), response.all("x-target")), (["127.0.0.1"], []))


def have(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


class BasicAuthTest(Case):
    @classmethod
    @have("openssl")
    def setUpClass(cls):
        lines = ["# comment", ""]
        cls.users = {}
        sha512 = subprocess.run(["openssl", "passwd", "-6", "sesam öffne dich"], check=True,
                                capture_output=True, text=True).stdout.strip()
        lines.append(f"sha:{sha512}")
        cls.users["sha"] = "sesam öffne dich"
        if shutil.which("htpasswd"):
            lines.append(subprocess.run(["htpasswd", "-nbBC", "5", "bob", "colon:inside"],
                                        check=True, capture_output=True, text=True).stdout.strip())
            cls.users["bob"] = "colon:inside"
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            [{"name": "private", "match": {"path_prefix": "/"}, "upstream": "main",
              "middleware": [{"basic_auth": {"users_file": "users", "realm": "inner circle"}}]}],
            {"main": cls.upstream.address}), files={"users": "\n".join(lines) + "\n"})

    def setUp(self):
        self.upstream.clear()

    def attempt(self, value, more=()):
        fields = ([("Authorization", value)] if value is not None else []) + list(more)
        return self.fetch(self.weir, "/", headers=fields)

    @staticmethod
    def basic(user, password):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    @rows([("SHA-512", "sha"), ("bcrypt", "bob")])
    def test_right(self, user):
        if user not in self.users:
            self.skipTest("htpasswd is not installed")
        for _ in range(3):  # the second is answered from the cached verdict
            response = self.attempt(self.basic(user, self.users[user]), [("X-User", "admin")])
            self.assertEqual(response.status, 200, response)
            self.assertEqual(self.upstream.requests[-1].all("x-user"), [user])

    @rows([
        ("wrong password", ("sha", "wrong")), ("password of another", ("sha", "colon:inside")),
        ("empty password", ("sha", "")), ("unknown user", ("eve", "sesam öffne dich")),
        ("empty user", ("", "")), ("hash as password", ("sha", "$6$")),
        ("longer", ("sha", "sesam öffne dich!")),
    ])
    def test_wrong(self, credentials):
        for _ in range(2):
            self.assert_refused(self.attempt(self.basic(*credentials)), "credentials_invalid")

    @rows([
        ("not base64", "Basic !!!"), ("no colon", "Basic " + base64.b64encode(b"sha").decode()),
        ("nothing", "Basic"), ("NUL", "Basic " + base64.b64encode(b"sha:\0").decode()),
    ])
    def test_malformed(self, value):
        response = self.attempt(value)
        self.assertEqual(response.status, 401)
        self.assertEqual(self.upstream.heads, [])

    @rows([("none", None), ("another scheme", "Bearer abc")])
    def test_missing(self, value):
        response = self.attempt(value, [("X-User", "admin")])
        self.assertEqual(response.status, 401)
        if value is None:
            self.assert_refused(response, "credentials_missing")

    def test_scheme_in_any_case(self):
        value = self.basic("sha", self.users["sha"])
        self.assertEqual(self.attempt("bAsIc" + value[5:]).status, 200)

    def assert_refused(self, response, reason):
        self.assert_problem(response, reason)
        self.assertIn("Basic", response.header("www-authenticate"))
        self.assertIn('realm="inner circle"', response.header("www-authenticate"))
        self.assertEqual(self.upstream.heads, [])


class DefaultsTest(Case):
    @classmethod
    def setUpClass(cls):
        header = lambda name: {"headers": {"response": {"add": {"x-ran": name}}}}
        cls.weir = cls.shared_gateway(basic_config([
            respond("both", "/both", ["c", header("inline")]),
            respond("default-only", "/default"),
            respond("one-out", "/one-out", ["c"], without=["a"]),
            respond("all-out", "/all-out", without=["a", "b"]),
        ], middleware={name: header(name) for name in "abc"}, defaults={"middleware": ["a", "b"]}))

    @rows([
        ("defaults first, then the route's", "/both", {"a", "b", "c", "inline"}),
        ("defaults alone", "/default", {"a", "b"}), ("one left out", "/one-out", {"b", "c"}),
        ("all left out", "/all-out", set()),
    ])
    def test_which_ran(self, target, expected):
        response = self.fetch(self.weir, target)
        self.assertEqual(response.status, 200)
        self.assertEqual(sorted(response.all("x-ran")), sorted(expected))

    def test_the_first_of_the_list_is_the_outermost(self):
        """Its response half runs last, so what it adds comes last."""
        self.assertEqual(self.fetch(self.weir, "/both").all("x-ran"), ["inline", "c", "b", "a"])
