"""The jwt middleware from outside: tokens made with the openssl command and the standard library,
keys from files, secrets and an issuer that rotates, stalls, lies and goes down. interface.md
sections 2 to 4."""

import base64
import collections
import json
import os
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import Case, basic_config, rows
from harness.tokens import ISSUER, SECRET, Key, b64, bearer, guarded, hs256, issuer, jwks
from harness.waiting import bound, wait_until


class KeyServer:
    """An issuer's JWKS endpoint: counts, rotates, stalls, goes down."""

    def __init__(self, body):
        self.body, self.status, self.headers = body, 200, {}
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.count += 1
                outer.arrived.release()
                outer.gate.wait(30)
                data = outer.body.encode()
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


class JwtCase(Case):
    def make(self, middleware, files=None, links=None, route=None, upstreams=None, **more):
        self.upstream = self.origin(lambda c, r: c.reply(200, [], "ok"))
        action = {} if "split" in (route or {}) else {"upstream": "main"}
        routes = [{"name": "api", "match": {"path_prefix": "/"}, "middleware": ["login"],
                   **action, **(route or {})}]
        upstreams = upstreams or {"main": self.upstream.address}
        return self.gateway(basic_config(routes, upstreams, middleware=middleware, **more),
                            files=files, links=links)

    def assert_refused(self, response, reason, error="invalid_token"):
        self.assert_problem(response, reason)
        challenge = response.header("www-authenticate")
        self.assertTrue(challenge.startswith('Bearer realm="'), challenge)
        if reason == "token_missing":
            self.assertNotIn("error", challenge)
        else:
            self.assertIn(f'error="{error}"', challenge)


class AlgorithmTest(JwtCase):
    @rows([(name, name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
                                     "ES384", "ES512", "EdDSA")])
    def test_jwks_file(self, algorithm):
        key = Key(algorithm, "k")
        weir = self.make(guarded([issuer({"jwks_file": "jwks.json"}, [algorithm])],
                                 claims_to_headers={"sub": "x-user-id"}),
                         files={"jwks.json": jwks(key)})
        token = key.token()
        for _ in range(2):  # the second time it is remembered
            self.assertEqual(self.fetch(weir, headers=bearer(token)).status, 200)
        self.assertEqual([r.header("x-user-id") for r in self.upstream.heads], ["u1", "u1"])
        spoilt = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
        self.assert_refused(self.fetch(weir, headers=bearer(spoilt)), "token_invalid")
        metrics = weir.metrics()
        name = "weir_jwt_verifications_total"
        self.assertEqual(metrics.value(name, policy="login", result="ok", cached="false"), 1)
        self.assertEqual(metrics.value(name, policy="login", result="ok", cached="true"), 1)
        self.assertEqual(metrics.value(name, policy="login", result="token_invalid"), 1)

    def test_public_key_file(self):
        key = Key("ES256", "k")
        weir = self.make(guarded([issuer({"public_key_file": "key.pem"}, ["ES256"])]),
                         files={"key.pem": key.pem()})
        self.assertEqual(self.fetch(weir, headers=bearer(key.token())).status, 200)

    def test_secret_file_loses_one_newline(self):
        weir = self.make(guarded([issuer({"secret_file": "secret"}, ["HS256"])]),
                         files={"secret": SECRET + "\n"})
        self.assertEqual(self.fetch(weir, headers=bearer(hs256())).status, 200)
        self.assert_refused(self.fetch(weir, headers=bearer(hs256(secret=SECRET + "\n"))),
                            "token_invalid")


class PolicyTest(JwtCase):
    def secret(self, **policy):
        audiences = policy.pop("audiences", [])
        return self.make(guarded([issuer({"secret": SECRET}, ["HS256"], audiences=audiences)],
                                 **policy))

    def test_what_is_refused_and_how(self):
        weir = self.secret(audiences=["orders"],
                           require={"scope": "orders:read", "tier": ["gold", "silver"]})
        now = int(time.time())
        good = {"aud": ["orders"], "scope": "a orders:read", "tier": "gold"}
        self.assert_refused(self.fetch(weir), "token_missing")
        self.assertEqual(self.fetch(weir, headers=bearer(hs256(good))).status, 200)
        for row, claims, reason in [
                ("expired", {**good, "exp": now - 61}, "token_expired"),
                ("not yet valid", {**good, "nbf": now + 120}, "token_invalid"),
                ("issued in the future", {**good, "iat": now + 120}, "token_invalid"),
                ("another audience", {**good, "aud": "other"}, "token_invalid"),
                ("another issuer", {**good, "iss": "https://evil.test"}, "token_invalid"),
                ("exp as text", {**good, "exp": str(now + 60)}, "token_invalid"),
                ("exp beyond all bounds", {**good, "exp": 10 ** 30}, "token_invalid")]:
            with self.subTest(row):
                self.assert_refused(self.fetch(weir, headers=bearer(hs256(claims))), reason)
        with self.subTest("within the skew"):
            claims = {**good, "exp": now - 20, "nbf": now + 20, "iat": now + 20.5}
            self.assertEqual(self.fetch(weir, headers=bearer(hs256(claims))).status, 200)
        response = self.fetch(weir, headers=bearer(hs256({**good, "scope": "orders:write"})))
        self.assert_refused(response, "insufficient_scope", "insufficient_scope")
        self.assertIn('scope="orders:read"', response.header("www-authenticate"))
        response = self.fetch(weir, headers=bearer(hs256({**good, "tier": "tin"})))
        self.assert_problem(response, "claim_mismatch")
        # No part of a token comes back.
        response = self.fetch(weir, headers=bearer("eyJhbGciOiJub25lIn0.e30."))
        self.assert_refused(response, "token_invalid")
        self.assertNotIn(b"eyJ", response.body)

    def test_a_remembered_token_ends_with_its_exp(self):
        weir = self.secret(clock_skew=0)
        ends = int(time.time()) + 3
        token = hs256(exp=ends)
        self.assertEqual(self.fetch(weir, headers=bearer(token)).status, 200)
        wait_until("the token's end", lambda: time.time() >= ends, 10)
        self.assert_refused(self.fetch(weir, headers=bearer(token)), "token_expired")

    def test_optional(self):
        weir = self.secret(optional=True, claims_to_headers={"sub": "x-user-id"})
        self.assertEqual(self.fetch(weir, headers=[("X-User-Id", "admin")]).status, 200)
        self.assertIsNone(self.upstream.heads[0].header("x-user-id"))
        self.assertEqual(self.fetch(weir, headers=[("Authorization", "Basic eDp5")]).status, 200)
        self.assert_refused(self.fetch(weir, headers=bearer("x.y.z")), "token_invalid")

    @rows([
        ("the header", [("Authorization", "bearer {t}")], "/", {}),
        ("a field without scheme", [("X-Token", "{t}")], "/", {}),
        ("a cookie", [("Cookie", "a=b; jwt={t}; c=d")], "/", {"cookie": "a=b; c=d"}),
        ("a query", [], "/?a=b&access_token={t}&c=d", {"target": "/?a=b&c=d"}),
        ("a query alone", [], "/?%61ccess_token={t}", {"target": "/"}),
    ])
    def test_places_and_forward_off(self, headers, target, left):
        weir = self.secret(forward=False, **{"from": [
            {"header": "authorization"}, {"header": "x-token"}, {"cookie": "jwt"},
            {"query": "access_token"}]})
        token = hs256()
        filled = [(name, value.format(t=token)) for name, value in headers]
        response = self.fetch(weir, target.format(t=token), headers=filled)
        self.assertEqual(response.status, 200)
        seen = self.upstream.heads[0]
        self.assertNotIn(token, str(seen))
        self.assertEqual(seen.header("cookie"), left.get("cookie"))
        self.assertEqual(seen.target, left.get("target", "/"))
        # A second line of Authorization would be no request at all, so the other token is elsewhere.
        two = self.fetch(weir, target.format(t=token), headers=[
            *filled, ("X-Token", token), ("Cookie", f"jwt={token}")])
        self.assert_refused(two, "token_invalid")

    def test_forward_on(self):
        weir = self.secret()
        token = hs256()
        self.fetch(weir, headers=bearer(token))
        self.assertEqual(self.upstream.heads[0].header("authorization"), f"Bearer {token}")

    def test_claims_to_headers_cannot_be_forged(self):
        weir = self.make(guarded([issuer({"secret": SECRET}, ["HS256"])], claims_to_headers={
            "sub": "x-user-id", "n": "x-n", "groups": "x-groups", "realm.tier": "x-tier",
            "gone": "x-gone"}), listener={"limits": {"underscores": "keep"}})
        token = hs256({"sub": "u1", "n": 7, "groups": ["a", "b"], "realm": {"tier": "gold"}})
        forged = [(name, "admin") for name in ("X-User-Id", "x_user_id", "x-user_id", "X-Gone",
                                               "X_GONE", "X-N", "X-Groups", "X-Tier")]
        self.assertEqual(self.fetch(weir, headers=[*forged, *bearer(token)]).status, 200)
        seen = self.upstream.heads[0]
        self.assertEqual([seen.all(name) for name in ("x-user-id", "x-n", "x-groups", "x-tier",
                                                      "x-gone", "x_user_id", "x-user_id")],
                         [["u1"], ["7"], ["a,b"], ["gold"], [], [], []])

    def test_a_claims_field_cannot_come_behind_the_content(self):
        weir = self.make(guarded([issuer({"secret": SECRET}, ["HS256"])],
                                 claims_to_headers={"sub": "x-user-id"}))
        self.upstream.handler = lambda c, r: (c.read_body(r), c.reply(200, [], "ok"))
        client = self.client(weir)
        for forged in ("X-User-Id: admin\r\n", ""):
            client.request("POST", "/", [*bearer(hs256()), ("Transfer-Encoding", "chunked"),
                                         ("TE", "trailers"), ("Connection", "TE"),
                                         ("Trailer", "X-User-Id, X-Sum")])
            client.send(f"2\r\nhi\r\n0\r\n{forged}X-Sum: 5\r\n\r\n")
            self.assertEqual(client.read_response().status, 200)
        self.assertEqual([request.trailers for request in self.upstream.requests],
                         [[("X-Sum", "5")]] * 2)

    def test_numbers_are_written_plainly(self):
        weir = self.secret(claims_to_headers={"n": "x-n"}, require={"level": ["1.5", "7"]})
        for level, number, text in ((7, 1700000000.5, "1700000000.5"), (1.5, 0.1, "0.1"),
                                    (7.0, 2.0, "2"), ("7", 2 ** 63, str(2 ** 63))):
            token = hs256({"n": number, "level": level})
            self.assertEqual(self.fetch(weir, headers=bearer(token)).status, 200, level)
            self.assertEqual(self.upstream.heads[-1].header("x-n"), text)

    def test_keys_in_a_header_are_not_looked_at(self):
        weir = self.secret()
        key = {"kty": "oct", "k": b64("t" * 64)}
        header = {"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/", "jwk": key,
                  "x5c": ["A" * 3000] * 3}
        self.assertEqual(self.fetch(weir, headers=bearer(hs256(header=header))).status, 200)
        forged = hs256(header=header, secret="t" * 64)
        self.assert_refused(self.fetch(weir, headers=bearer(forged)), "token_invalid")

    def test_a_line_end_in_a_claim_makes_no_field(self):
        weir = self.secret(claims_to_headers={"sub": "x-user-id"})
        token = hs256({"sub": "u1\r\nx-admin: 1"})
        self.assert_refused(self.fetch(weir, headers=bearer(token)), "token_invalid")
        self.assertEqual(self.upstream.heads, [])


class RefusedConfigTest(JwtCase):
    @rows([
        ("no algorithm", {"secret": SECRET}, [], "algorithms"),
        ("none", {"secret": SECRET}, ["none"], "none"),
        ("a short secret", {"secret": "s" * 31}, ["HS256"], "32 bytes"),
        ("a secret for RS256", {"secret": SECRET}, ["RS256"], "public key"),
        ("two places", {"secret": SECRET, "jwks_file": "jwks.json"}, ["HS256"], "one place"),
        ("no place", {}, ["HS256"], "jwks_file"),
        ("a file that is not there", {"jwks_file": "none.json"}, ["RS256"], "cannot read"),
        ("a file with no key", {"jwks_file": "empty.json"}, ["RS256"], "no usable key"),
        ("a URL of another scheme", {"jwks_url": "file:///etc/passwd"}, ["RS256"], "http"),
    ])
    def test_check(self, keys, algorithms, words):
        from harness.gateway import weir
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "empty.json"), "w", encoding="utf-8") as file:
                file.write('{"keys":[]}')
            path = os.path.join(folder, "weir.yaml")
            config = basic_config([{"name": "a", "match": {}, "respond": {},
                                    "middleware": ["login"]}],
                                  middleware=guarded([issuer(keys, algorithms)]))
            with open(path, "w", encoding="utf-8") as file:
                json.dump(config, file)
            done = weir("check", "-c", path)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(words, done.stderr)
            self.assertNotIn(SECRET, done.stderr)

    def test_a_secret_is_not_shown(self):
        weir = self.make(guarded([issuer({"secret": SECRET}, ["HS256"])]))
        shown = weir.admin("GET", "/config").text
        self.assertIn("jwt", shown)
        self.assertNotIn(SECRET, shown)


class IssuerTest(JwtCase):
    """Keys from a URL."""

    @classmethod
    def setUpClass(cls):
        cls.old, cls.new = Key("ES256", "old"), Key("ES256", "new")

    def serve(self, *keys):
        server = KeyServer(jwks(*keys))
        self.addCleanup(server.close)
        return server

    def remote(self, keys, **more):
        return self.make(guarded([issuer({"jwks_url": keys.url}, ["ES256"])]), **more)

    def test_fetched_at_the_start_and_once_for_an_unknown_kid(self):
        server = self.serve(self.old)
        weir = self.remote(server)
        self.assertEqual(self.fetch(weir, headers=bearer(self.old.token())).status, 200)
        self.assertEqual(server.count, 1)
        server.body = jwks(self.new)
        token = self.new.token()
        clients = [self.client(weir) for _ in range(8)]
        server.gate.clear()
        for client in clients:
            client.request("GET", "/", bearer(token))
        self.assertTrue(server.arrived.acquire(timeout=30))
        self.assertTrue(server.arrived.acquire(timeout=30))  # the prefetch was the first
        server.gate.set()
        self.assertEqual({client.read_response("GET").status for client in clients}, {200})
        self.assertEqual(server.count, 2)
        # The key set is another: what was found good with the old one is not any more.
        self.assert_refused(self.fetch(weir, headers=bearer(self.old.token())), "token_invalid")
        for number in range(20):  # made-up kids cause no further fetch
            token = self.new.token(header={"kid": f"made-up-{number}"})
            self.assert_refused(self.fetch(weir, headers=bearer(token)), "token_invalid")
        self.assertEqual(server.count, 2)

    def test_old_keys_serve_while_the_issuer_is_down(self):
        server = self.serve(self.old)
        weir = self.remote(server)
        self.assertEqual(self.fetch(weir, headers=bearer(self.old.token())).status, 200)
        server.status = 500
        self.assert_refused(self.fetch(weir, headers=bearer(self.new.token())), "token_invalid")
        self.assertEqual(self.fetch(weir, headers=bearer(self.old.token(jti="2"))).status, 200)
        weir.wait_log("a complaint", "keys not fetched")

    @rows([
        ("status 500", {"status": 500}),
        ("no JSON", {"body": "<html>"}),
        ("no usable key", {"body": '{"keys":[{"kty":"oct","k":"AAAA"}]}'}),
        ("too large", {"body": '{"keys":[],"x":"' + "x" * (1 << 20) + '"}'}),
        ("a redirect to a file", {"status": 302, "headers": {"Location": "file:///etc/passwd"}}),
        ("a redirect in a circle", {"status": 302, "headers": {"Location": "/jwks.json"}}),
    ])
    def test_never_any_keys(self, answer):
        server = self.serve(self.old)
        right = server.body
        for name, value in answer.items():
            setattr(server, name, value)
        weir = self.remote(server)
        self.assert_problem(self.fetch(weir, headers=bearer(self.old.token())), "keys_unavailable")
        self.assert_refused(self.fetch(weir), "token_missing")
        server.status, server.body, server.headers = 200, right, {}
        token = self.old.token()
        wait_until("the keys", lambda: self.fetch(weir, headers=bearer(token)).status == 200, 30)

    def test_nobody_listens(self):
        server = KeyServer("")
        server.close()
        weir = self.remote(server)
        self.assert_problem(self.fetch(weir, headers=bearer(self.old.token())), "keys_unavailable")

    def test_a_slow_issuer_holds_up_only_who_needs_it(self):
        server = self.serve(self.old)
        server.gate.clear()
        weir = self.remote(server, server={"workers": 1})
        waiting = self.client(weir)
        waiting.request("GET", "/", bearer(self.old.token()))
        self.assert_refused(self.fetch(weir), "token_missing")
        server.gate.set()
        self.assertEqual(waiting.read_response("GET").status, 200)

    def test_a_client_that_leaves_while_keys_are_fetched(self):
        server = self.serve(self.old)
        server.gate.clear()
        weir = self.remote(server)
        for _ in range(4):
            client = self.client(weir)
            client.request("GET", "/", bearer(self.old.token()))
            client.close()
        server.gate.set()
        self.assertEqual(self.fetch(weir, headers=bearer(self.old.token())).status, 200)

    def wait_for_keys(self, **server):
        """A request that waits for keys which do not come."""
        keys = self.serve(self.old)
        keys.gate.clear()
        weir = self.remote(keys, access_log={"path": "access.log"}, server=server)
        client = self.client(weir)
        client.request("GET", "/", bearer(self.old.token()))
        weir.wait_metric(1, "weir_http_requests_in_flight", route="api")
        return weir, client

    def test_a_client_that_leaves_ends_its_wait_at_once(self):
        weir, client = self.wait_for_keys()
        client.close()
        with open(weir.file("access.log"), encoding="utf-8") as file:
            line = json.loads(wait_until("the access line", file.readline, timeout=15))
        self.assertEqual((line["status"], line["reason"]), (499, "client_closed"))
        self.assertLess(line["duration_ms"], 4000)

    def test_the_end_of_a_drain_ends_the_wait(self):
        weir, _ = self.wait_for_keys(drain_timeout="1s", drain_delay="0s")
        begin = time.monotonic()
        self.assertEqual(weir.terminate(), 2)
        self.assertLess(time.monotonic() - begin, bound(3.5))

    def test_a_reload_keeps_keys_and_verified_tokens(self):
        server = self.serve(self.old)
        weir = self.remote(server)
        token = self.old.token()
        self.assertEqual(self.fetch(weir, headers=bearer(token)).status, 200)
        server.status = 500
        self.assertEqual(weir.admin("POST", "/reload").status, 200)
        self.assertEqual(self.fetch(weir, headers=bearer(token)).status, 200)
        self.assertEqual(weir.metrics().value("weir_jwt_verifications_total", result="ok",
                                              cached="true"), 1)
        self.assertEqual(server.count, 1)


class FileTest(JwtCase):
    def test_a_changed_file_is_taken_over(self):
        old, new = Key("ES256", "old"), Key("ES256", "new")
        weir = self.make(guarded([issuer({"jwks_file": "jwks.json"}, ["ES256"])]),
                         files={"jwks.json": jwks(old)})
        before = old.token()
        self.assertEqual(self.fetch(weir, headers=bearer(before)).status, 200)

        def put(text):
            path = weir.file("jwks.json")
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(path + ".new", path)

        put("no keys at all")
        weir.wait_log("a complaint", "keys not read", 30)
        self.assertEqual(self.fetch(weir, headers=bearer(before)).status, 200)
        put(jwks(new))
        token = new.token()
        wait_until("the new key", lambda: self.fetch(weir, headers=bearer(token)).status == 200, 30)
        self.assert_refused(self.fetch(weir, headers=bearer(before)), "token_invalid")
        put(jwks(old))
        self.assertEqual(weir.admin("POST", "/reload").status, 200)
        self.assertEqual(self.fetch(weir, headers=bearer(before)).status, 200)

    def test_a_changed_link_is_followed(self):
        """As a mounted secret is changed: the folder that a link leads to becomes another."""
        old, new = Key("ES256", "k"), Key("ES256", "k")
        weir = self.make(guarded([issuer({"jwks_file": "keys/jwks.json"}, ["ES256"])]),
                         files={"v1/jwks.json": jwks(old), "v2/jwks.json": jwks(new)},
                         links={"keys": "v1"})
        before, after = old.token(), new.token()
        self.assertEqual(self.fetch(weir, headers=bearer(before)).status, 200)
        self.assert_refused(self.fetch(weir, headers=bearer(after)), "token_invalid")
        os.symlink("v2", weir.file("next"))
        os.replace(weir.file("next"), weir.file("keys"))
        wait_until("the new key", lambda: self.fetch(weir, headers=bearer(after)).status == 200, 30)
        self.assert_refused(self.fetch(weir, headers=bearer(before)), "token_invalid")


class ClaimKeyTest(JwtCase):
    """{jwt_claim: N} tells callers apart: in a limit, and in a split."""

    def token(self, sub):
        return bearer(hs256({"sub": sub, "org": {"id": 7}}))

    def test_a_limit(self):
        weir = self.make({**guarded([issuer({"secret": SECRET}, ["HS256"])], optional=True),
                          "per_user": {"rate_limit": {"rate": "1/h", "burst": 2,
                                                      "key": {"jwt_claim": "sub"}}}},
                         route={"middleware": ["login", "per_user"]})
        for sub in ("ann", "bob"):
            for number in range(3):
                # Another token of the same caller each time.
                answer = self.fetch(weir, headers=bearer(hs256({"sub": sub, "n": number})))
                self.assertEqual(answer.status, 200 if number < 2 else 429, (sub, number))
        # Without the claim the address counts, for all of them together.
        self.assertEqual([self.fetch(weir, headers=h).status for h in (
            (), bearer(hs256({"n": 1})), ())], [200, 200, 429])

    def test_a_split(self):
        names = [f"user-{number}" for number in range(40)]
        origins = {name: self.origin(lambda c, r, name=name: c.reply(200, [("x-version", name)]))
                   for name in ("v1", "v2")}
        weir = self.make(guarded([issuer({"secret": SECRET}, ["HS256"])]), route={
            "split": [{"upstream": "v1", "weight": 1},
                                        {"upstream": "v2", "weight": 1}],
            "sticky": {"key": {"jwt_claim": "sub"}}},
            upstreams={name: origin.address for name, origin in origins.items()})

        def versions():
            return [self.fetch(weir, headers=self.token(name)).header("x-version")
                    for name in names]

        first = versions()
        self.assertEqual(set(first), {"v1", "v2"})
        self.assertEqual(versions(), first)


class SlowChecksTest(JwtCase):
    """Passwords (bcrypt) and slow signatures (ES384) are checked off the loop, each in a queue."""

    BCRYPT = "$2y$10$abcdefghijklmnopqrstuu1VS0P7v3ZJmd2gzBFIzgfN7OOl6Rl52"  # some 50 ms

    def test_wrong_passwords_stop_no_tokens(self):
        key = Key("ES384", "k")
        origin = self.origin(lambda c, r: c.reply(200, [], "ok"))
        gateway = self.gateway(basic_config(
            [{"name": "tokens", "match": {"path_prefix": "/tokens"}, "middleware": ["login"],
              "upstream": "main"},
             {"name": "passwords", "match": {"path_prefix": "/passwords"}, "upstream": "main",
              "middleware": [{"basic_auth": {"users_file": "users"}}]}],
            {"main": origin.address}, access_log={"path": "access.log"},
            middleware=guarded([issuer({"jwks_file": "jwks.json"}, ["ES384"])])),
            files={"jwks.json": jwks(key), "users": f"ann:{self.BCRYPT}\n"})
        tokens = [key.token(jti=str(i)) for i in range(10)]
        wrong = "Basic " + base64.b64encode(b"ann:wrong").decode()
        # As many at once as would fill a queue of 256 and more.
        guessing = [self.client(gateway) for _ in range(320)]
        for client in guessing:
            client.request("GET", "/passwords", [("Authorization", wrong)])
        for token in tokens:
            self.assertEqual(self.fetch(gateway, "/tokens", headers=bearer(token)).status, 200)
        answers = [client.read_response() for client in guessing]
        statuses = collections.Counter(answer.status for answer in answers)
        self.assertEqual(set(statuses), {401, 503})
        # One address has a quarter of the queue, and what runs meanwhile.
        self.assertLess(statuses[401], 200)
        # On a busy machine some wait in vain, too: that is another sentence.
        details = {self.assert_problem(answer, "overloaded")["detail"]
                   for answer in answers if answer.status == 503}
        self.assertIn("too many passwords or signatures wait to be checked", details)


if __name__ == "__main__":
    unittest.main()
