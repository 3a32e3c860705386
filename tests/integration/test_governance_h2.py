"""What governs requests does so over HTTP/2 as over HTTP/1: limits, tokens, keys, another server's
word, copies, faults, canaries and the breaker. interface.md sections 2 and 3."""

import json
import unittest

from harness import Case, basic_config
from harness.h2 import H2Client
from harness.tokens import SECRET, guarded, hs256, issuer

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


def judge(connection, request):
    if request.header("authorization") == "Bearer good":
        return connection.reply(200, [("x-user", "ann")])
    return connection.reply(403, [("x-why", "stranger")], "no")


class GovernanceH2(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin(cls.answer)
        cls.shadow = cls.shared_origin()
        cls.judge = cls.shared_origin(judge)

        def route(name, *middleware, **more):
            return {"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": "main",
                    "middleware": list(middleware), **more}

        split = route("split", override={"header": "x-canary", "values": {"always": "v2"}},
                      sticky={"key": {"cookie": "weir_split"}},
                      split=[{"upstream": "main", "weight": 1}, {"upstream": "v2", "weight": 0}])
        del split["upstream"]
        cls.weir = cls.shared_gateway(basic_config(
            [route("limited", {"rate_limit": {"rate": "1/h", "burst": 2,
                                              "key": {"header": "x-caller"}}}),
             route("one", {"concurrency_limit": {"limit": 1, "key": "global"}}),
             route("token", "login"),
             route("key", {"api_key": {"keys_file": "keys"}}),
             route("asked", {"forward_auth": {"upstream": "judge", "path": "/verify",
                                              "copy_headers": ["x-user"]}}),
             route("copied", mirror={"upstream": "shadow", "sample": "100%"}),
             route("broken", fault={"abort": {"share": "100%", "status": 503}}),
             {**route("open"), "upstream": "v2"}, split],
            {"main": cls.upstream.address, "v2": cls.upstream.address,
             "shadow": cls.shadow.address, "judge": cls.judge.address},
            middleware=guarded([issuer({"secret": SECRET}, ["HS256"])],
                               claims_to_headers={"sub": "x-user-id"}),
            listener={"protocols": ["http1", "h2c"]}),
            files={"keys": "ann:key-1\n"})

    @classmethod
    def answer(cls, connection, request):
        connection.read_body(request)
        connection.reply(200, [], "ok")

    def setUp(self):
        self.upstream.clear()
        self.shadow.clear()
        self.h2 = H2Client(self.weir.address())
        self.addCleanup(self.h2.close)

    def get(self, path, *headers, **kwargs):
        return self.h2.fetch(kwargs.pop("method", "GET"), path, list(headers), **kwargs)

    def assert_reason(self, answer, status, reason):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(json.loads(answer.body)["reason"], reason)
        self.assertEqual(answer.header("content-type"), "application/problem+json")
        self.assertIn(f'details="{reason}"', answer.header("proxy-status"))

    def test_rate_limit(self):
        caller = ("x-caller", "h2")
        for left in (1, 0):
            answer = self.get("/limited", caller)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.header("ratelimit-policy"),
                             '"limited/rate_limit";q=2;w=7200')
            self.assertEqual(answer.header("ratelimit"),
                             f'"limited/rate_limit";r={left};t=3600')
            self.assertEqual(answer.header("x-ratelimit-remaining"), str(left))
        refused = self.get("/limited", caller)
        self.assert_reason(refused, 429, "rate_limited")
        self.assertEqual(refused.header("retry-after"), "3600")
        self.assertEqual(refused.header("x-ratelimit-limit"), "2")

    def test_rate_limit_of_grpc(self):
        caller = ("x-caller", "grpc")
        for _ in range(2):
            self.get("/limited", caller, *GRPC, method="POST", body=b"")
        refused = self.get("/limited", caller, *GRPC, method="POST", body=b"")
        self.assertEqual((refused.status, refused.header("grpc-status")), (200, "8"))
        self.assertEqual(refused.header("grpc-message"), "Too Many Requests")
        self.assertEqual(refused.header("x-ratelimit-limit"), "2")

    def test_concurrency_limit(self):
        stream = self.h2.request("POST", "/one", end=False)
        self.upstream.wait("the first", lambda: len(self.upstream.heads) == 1)
        self.assert_reason(self.get("/one"), 429, "concurrency_limited")
        self.h2.data(stream, b"x", end=True)
        self.assertEqual(self.h2.answer(stream).status, 200)
        self.assertEqual(self.get("/one").status, 200)

    def test_jwt(self):
        good = ("authorization", f"Bearer {hs256({'sub': 'u1'})}")
        self.assertEqual(self.get("/token", good, ("x-user-id", "root")).status, 200)
        self.assertEqual(self.upstream.requests[0].all("x-user-id"), ["u1"])
        missing = self.get("/token")
        self.assert_reason(missing, 401, "token_missing")
        self.assertEqual(missing.header("www-authenticate"), 'Bearer realm="weir"')
        bad = self.get("/token", ("authorization", "Bearer " + hs256(secret="x" * 64)))
        self.assert_reason(bad, 401, "token_invalid")
        self.assertIn('error="invalid_token"', bad.header("www-authenticate"))

    def test_jwt_of_grpc(self):
        refused = self.get("/token", *GRPC, method="POST", body=b"")
        self.assertEqual((refused.status, refused.header("grpc-status")), (200, "16"))
        self.assertIsNotNone(refused.header("www-authenticate"))

    def test_api_key(self):
        self.assertEqual(self.get("/key", ("x-api-key", "key-1")).status, 200)
        self.assert_reason(self.get("/key"), 401, "credentials_missing")
        self.assert_reason(self.get("/key", ("x-api-key", "key-2")), 401, "credentials_invalid")

    def test_forward_auth(self):
        answer = self.get("/asked", ("authorization", "Bearer good"), ("x-user", "root"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.upstream.requests[0].all("x-user"), ["ann"])
        refused = self.get("/asked")
        self.assertEqual((refused.status, refused.header("x-why"), refused.body),
                         (403, "stranger", b"no"))

    def test_mirror(self):
        answer = self.get("/copied/x?y=1", method="POST", body=b"content")
        self.assertEqual(answer.status, 200)
        self.shadow.wait("the copy", lambda: len(self.shadow.requests) == 1)
        copy = self.shadow.requests[0]
        self.assertEqual((copy.method, copy.target, copy.body),
                         ("POST", "/copied/x?y=1", b"content"))

    def test_fault(self):
        answer = self.get("/broken")
        self.assertEqual((answer.status, json.loads(answer.body)["status"]), (503, 503))
        self.assertEqual(self.upstream.requests, [])

    def test_circuit_breaker(self):
        self.weir.admin("PUT", "/upstreams/v2/circuit_breaker", {"force": "open"})
        self.addCleanup(self.weir.admin, "PUT", "/upstreams/v2/circuit_breaker", {"force": "off"})
        answer = self.get("/open")
        self.assert_reason(answer, 503, "circuit_open")
        self.assertRegex(answer.header("retry-after"), r"\A[1-9][0-9]*\Z")

    def test_split(self):
        first = self.get("/split")
        self.assertRegex(first.header("set-cookie"), r"\Aweir_split=[0-9a-f]{16}; Path=/")
        before = self.weir.settled_metrics()
        self.assertEqual(self.get("/split", ("x-canary", "always")).status, 200)
        # Cookies come as crumbs over HTTP/2.
        value = first.header("set-cookie").split(";")[0]
        self.assertIsNone(self.get("/split", ("cookie", "a=b"), ("cookie", value))
                          .header("set-cookie"))
        after = self.weir.settled_metrics()
        for name in ("main", "v2"):
            self.assertEqual(after.value("weir_split_requests_total", route="split", upstream=name)
                             - before.value("weir_split_requests_total", route="split",
                                            upstream=name), 1, name)


if __name__ == "__main__":
    unittest.main()
