"""Splits by weight, sticky callers and the override header: interface.md section 2 (`split`,
`sticky`, `override`), 4 (`weir_split_requests_total`) and 5 (PUT /routes/NAME/split)."""

import json
import math
import re

from harness import Authority, Case, TlsClient, basic_config, client_context, rows, weir


def named(name):
    def handler(connection, request):
        connection.read_body(request)
        connection.reply(200, [("X-Version", name)])
    return handler


class CanaryCase(Case):
    def serve(self, weights, workers=2, **route):
        self.names = [f"v{n + 1}" for n in range(len(weights))]
        self.origins = [self.origin(named(name), name=name) for name in self.names]
        return self.gateway(self.config(weights, workers, **route))

    def config(self, weights, workers=2, listener=None, **route):
        split = [{"upstream": name, "weight": weight} for name, weight in zip(self.names, weights)]
        return basic_config(
            [{"name": "shop", "match": {"path_prefix": "/"}, "split": split, **route}],
            {name: origin.address for name, origin in zip(self.names, self.origins)},
            workers=workers, listener=listener, trusted_proxies=["127.0.0.1"])

    def ask(self, client, headers=()):
        client.request("GET", "/", headers)
        response = client.read_response()
        self.assertEqual(response.status, 200)
        return response

    def versions(self, gateway, callers, header="x-user"):
        """The version that each caller gets."""
        client = self.client(gateway)
        return [self.ask(client, {header: caller}).header("x-version") for caller in callers]

    def put(self, gateway, **weights):
        self.assertEqual(gateway.admin("PUT", "/routes/shop/split", weights).status, 204)

    def assert_share(self, got, share):
        """Within three sigma, as one key says nothing of another."""
        n = len(got)
        sigma = math.sqrt(n * share * (1 - share))
        self.assertLessEqual(abs(got.count("v2") - n * share), 3 * sigma)


USERS = [f"user-{n}" for n in range(2000)]
STICKY = {"sticky": {"key": {"header": "x-user"}}}


class UnkeyedTest(CanaryCase):
    @rows([("1 %", 1), ("10 %", 10), ("50 %", 50)])
    def test_shares_are_exact(self, percent):
        gateway = self.serve([100 - percent, percent])
        clients = [self.client(gateway) for _ in range(6)]
        total = 1200
        got = [self.ask(clients[n % 6]).header("x-version") for n in range(total)]
        self.assertLessEqual(abs(got.count("v2") - total * percent / 100), 2)
        self.assertEqual(gateway.settled_metrics().value(
            "weir_split_requests_total", route="shop", upstream="v2"), got.count("v2"))


class StickyTest(CanaryCase):
    def test_raising_moves_users_from_v1_to_v2_only(self):
        gateway = self.serve([99, 1], **STICKY)
        before = self.versions(gateway, USERS)
        self.assert_share(before, 0.01)
        for percent in (10, 20, 50, 100):
            self.put(gateway, v1=100 - percent, v2=percent)
            after = self.versions(gateway, USERS)
            self.assert_share(after, percent / 100)
            self.assertFalse([user for user, was, now in zip(USERS, before, after)
                              if was == "v2" and now == "v1"])
            before = after
        self.put(gateway, v1=99, v2=1)
        self.assert_share(self.versions(gateway, USERS), 0.01)

    def test_the_same_after_a_reload_a_restart_and_elsewhere(self):
        gateway = self.serve([70, 30], workers=2, **STICKY)
        users = USERS[:300]
        before = self.versions(gateway, users)
        self.assertEqual(gateway.reload_by_post(self.config([70, 30], **STICKY)).status, 200)
        self.assertEqual(self.versions(gateway, users), before)
        other = self.gateway(self.config([7, 3], workers=1, **STICKY))
        self.assertEqual(self.versions(other, users), before)

    def test_a_third_version_takes_from_the_first_only(self):
        gateway = self.serve([90, 10, 0], **STICKY)
        users = USERS[:1000]
        before = self.versions(gateway, users)
        self.put(gateway, v1=70, v2=10, v3=20)
        for was, now in zip(before, self.versions(gateway, users)):
            self.assertIn((was, now), [("v1", "v1"), ("v1", "v3"), ("v2", "v2")])

    def test_a_missing_header_falls_back_to_the_client(self):
        gateway = self.serve([50, 50], **STICKY)
        clients = [self.client(gateway) for _ in range(8)]
        self.assertEqual(len({self.ask(client).header("x-version") for client in clients}), 1)
        got = {self.ask(clients[0], {"x-forwarded-for": f"192.0.2.{n}"}).header("x-version")
               for n in range(100)}
        self.assertEqual(got, {"v1", "v2"})

    def test_by_client_address(self):
        gateway = self.serve([50, 50], sticky={"key": "client_ip"})
        addresses = [f"2001:db8:{n}::" for n in range(60)]
        first = self.versions(gateway, [a + "1" for a in addresses], "x-forwarded-for")
        second = self.versions(gateway, [a + "abcd" for a in addresses], "x-forwarded-for")
        self.assertEqual(first, second)  # IPv6 counts by its /64
        self.assertEqual(set(first), {"v1", "v2"})


class CookieTest(CanaryCase):
    STICKY = {"sticky": {"key": {"cookie": "weir_split"}}}

    @rows([("as written", STICKY), ("by default", {"sticky": {}})])
    def test_a_missing_cookie_is_set(self, sticky):
        gateway = self.serve([50, 50], **sticky)
        client = self.client(gateway)
        got = []
        for _ in range(400):
            response = self.ask(client)
            cookie = response.header("set-cookie")
            self.assertRegex(cookie, r"\Aweir_split=[0-9a-f]{16}; Path=/; HttpOnly; "
                                     r"SameSite=Lax\Z")
            value = re.match("[^;]*", cookie)[0]
            version = response.header("x-version")
            got.append((value, version))
        self.assertEqual(len(dict(got)), 400)
        self.assert_share([version for _, version in got], 0.5)
        other = self.client(gateway)
        for value, version in got[:50]:
            again = self.ask(other, {"cookie": f"a=b; {value}; c=d"})
            self.assertEqual(again.header("x-version"), version)
            self.assertIsNone(again.header("set-cookie"))

    def test_over_tls_it_is_for_tls_only(self):
        authority = Authority()
        self.addCleanup(authority.close)
        cert, key = authority.issue("shop", ["shop.example"])
        gateway = self.serve([1, 1], **self.STICKY, listener={
            "tls": {"certificates": [{"cert": cert, "key": key}]}})
        client = TlsClient(gateway.address(), client_context(authority.ca), "shop.example")
        self.addCleanup(client.close)
        self.assertRegex(self.ask(client).header("set-cookie"),
                         r"\Aweir_split=[0-9a-f]{16}; Path=/; HttpOnly; SameSite=Lax; Secure\Z")

    def test_the_upstreams_own_cookies_stay(self):
        gateway = self.serve([1, 1], **self.STICKY)
        for origin in self.origins:
            origin.handler = lambda connection, request: connection.reply(
                200, [("Set-Cookie", "own=1"), ("Set-Cookie", "two=2")])
        response = self.fetch(gateway)
        self.assertEqual(response.all("set-cookie")[:2], ["own=1", "two=2"])
        self.assertEqual(len(response.all("set-cookie")), 3)

    def test_refusals_set_it_too(self):
        gateway = self.serve([1, 1], **self.STICKY)
        for name in ("v1", "v2"):
            gateway.admin("PUT", f"/upstreams/{name}/circuit_breaker", {"force": "open"})
        response = self.fetch(gateway)
        self.assert_problem(response, "circuit_open")
        self.assertIn("weir_split=", response.header("set-cookie"))


class OverrideTest(CanaryCase):
    OVERRIDE = {"override": {"header": "x-canary", "values": {"always": "v2", "never": "v1"}}}

    @rows([("by turn", {}), ("sticky", STICKY), ("by cookie", CookieTest.STICKY)])
    def test_it_works_at_weight_0(self, more):
        gateway = self.serve([1, 0], **self.OVERRIDE, **more)
        client = self.client(gateway)
        for value, version in (("always", "v2"), ("never", "v1"), ("perhaps", "v1"),
                               ("Always", "v1"), ("", "v1")):
            response = self.ask(client, {"X-Canary": value})
            self.assertEqual(response.header("x-version"), version, value)
            if value in ("always", "never"):
                self.assertIsNone(response.header("set-cookie"))
        self.assertEqual(self.ask(client).header("x-version"), "v1")
        self.put(gateway, v1=0, v2=1)
        self.assertEqual(self.ask(client, {"X-Canary": "never"}).header("x-version"), "v1")
        self.assertEqual(self.ask(client).header("x-version"), "v2")

    def test_any_line_counts(self):
        gateway = self.serve([1, 0], **self.OVERRIDE)
        response = self.ask(self.client(gateway), [("x-canary", "maybe"), ("x-canary", "always")])
        self.assertEqual(response.header("x-version"), "v2")


class OperatorTest(CanaryCase):
    def test_what_the_admin_set_holds_until_the_file_changes(self):
        gateway = self.serve([1, 0], **STICKY)
        users = USERS[:50]
        self.put(gateway, v1=0, v2=1)
        self.assertEqual(set(self.versions(gateway, users)), {"v2"})
        self.assertEqual(gateway.reload_by_post(self.config([1, 0], **STICKY)).status, 200)
        self.assertEqual(set(self.versions(gateway, users)), {"v2"})
        self.assertEqual(gateway.reload_by_post(self.config([2, 0], **STICKY)).status, 200)
        self.assertEqual(set(self.versions(gateway, users)), {"v1"})

    def test_explain(self):
        gateway = self.serve([90, 10], **STICKY, **OverrideTest.OVERRIDE)
        self.put(gateway, v1=50, v2=50)
        version = self.versions(gateway, ["user-7"])[0]

        def steps(**headers):
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = gateway.admin("POST", "/explain", {"url": "/", "headers": names}).json()
            return {step["step"]: step["text"] for step in answer["steps"]}
        told = steps(x_user="user-7")
        self.assertEqual(told["upstream"], "split v1 50%, v2 50%")
        self.assertRegex(told["sticky"], rf"\Aheader x-user: its hash, 0\.[0-9]+ of 1, belongs to {version}\Z")
        self.assertEqual(steps(x_canary="always")["override"], "x-canary names v2")
        told = weir("explain", "-c", gateway.path, "GET", "/", "-H", "x-user: user-7", "--json")
        self.assertIn("split v1 90%, v2 10%", told.stdout)
        json.loads(told.stdout)
