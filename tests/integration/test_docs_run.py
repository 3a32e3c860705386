"""The documentation is run: the quick start line by line, and what features.md says of an example
is seen on the wire."""

import json
import os
import re
import shutil
import subprocess
import tempfile

from harness import Authority, Case, TlsClient, TlsOrigin, client_context, wait_until
from harness.documents import blocks, complete, example
from harness.gateway import _die_with_parent, binary
from harness.h2 import H2Client
from harness.ports import free_port
from harness.waiting import bound

QUICK_START = "docs/quick-start.md"


class QuickStartTest(Case):
    def test_line_by_line(self):
        folder = tempfile.mkdtemp(prefix="weir-quick-start-")
        self.addCleanup(shutil.rmtree, folder)
        os.symlink(os.path.abspath(binary()), os.path.join(folder, "weir"))
        ports = dict(zip(("8080", "9901", "9001", "9002"), (str(free_port()) for _ in range(4))))

        def local(text):
            for theirs, ours in ports.items():
                text = re.sub(rf"\b{theirs}\b", ours, text)
            return text

        (file,) = [b for b in blocks(QUICK_START) if b.language == "yaml"]
        with open(os.path.join(folder, "weir.yaml"), "w", encoding="utf-8") as out:
            out.write(local(file.text) + f'admin: {{bind: "127.0.0.1:{ports["9901"]}"}}\n')
        lines = [b.text for b in blocks(QUICK_START) if b.about == "run"]
        self.assertGreater(len(lines), 6)
        script = "set -m\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n" + local("".join(lines))
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
            timeout=bound(60), preexec_fn=_die_with_parent,
            env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
        said = done.stdout
        for word in ("weir.yaml: valid", "split v1 90%, v2 10%", "this is v1", "this is v2",
                     '"reason":"no_route"', "200 200 ", " 429 ", "reloaded: generation 2",
                     "shop: v1=50 v2=50, until", "warning: /routes/shop/split was set to",
                     "shop: the file's weights are in force again",
                     'weir_http_rejected_total{route="shop",reason="rate_limited"}',
                     'weir_config_reloads_total{result="success"} 1', "stopped requests_cut=0"):
            self.assertIn(word, said, said + done.stderr)
        told = [b.text for b in blocks(QUICK_START) if b.language == "text"][0]
        self.assertIn(local(told), said)


class FeatureCase(Case):
    """Runs an example of features.md: `upstreams` are origins by name, everything else as it is
    written, on free ports."""

    def run_example(self, heading, names=(), files=None, number=0, replace=(), more=""):
        self.seen = {}
        text = example("docs/features.md", heading, number)
        for name in names:
            self.seen[name] = self.origin(name=name)
        for name in names:
            text = re.sub(rf'(?m)(^  {name}:[^\n]*(?:\n    [^\n]*)*?address: )"[^"]+"',
                          rf'\1"{self.seen[name].address}"', text)
        for old, new in replace:
            self.assertIn(old, text)
            text = text.replace(old, new)
        text += complete(text, {name: one.address for name, one in self.seen.items()})
        text = re.sub(r'0\.0\.0\.0:\d+', "127.0.0.1:0", text) + more
        if not re.search(r"(?m)^admin:", text):
            text += 'admin: {bind: "127.0.0.1:0"}\n'
        listeners = re.findall(r"name: (\w+)", re.search(
            r"(?m)^listeners:.*\n?((?:[ ]+.*\n)*)", text)[0])[:1]
        return self.gateway(text, files=files, names=[*listeners, "admin"])

    def count(self, name):
        return len(self.seen[name].heads)


class RoutingTest(FeatureCase):
    def test_match(self):
        gateway = self.run_example("match", ("orders", "legacy", "beta"))
        api = {"Host": "api.example.com"}
        self.fetch(gateway, "/orders/7", headers=api)
        self.fetch(gateway, "/orders/7", "HEAD", headers=api)
        self.fetch(gateway, "/orders/7", "POST", headers=api)
        self.assertEqual(self.count("orders"), 3)
        self.fetch(gateway, "/v2/x", headers={"Host": "old.example.com"})
        self.assertEqual(self.count("legacy"), 1)
        self.fetch(gateway, "/?beta", headers={"x-version": "2"})
        self.assertEqual(self.count("beta"), 1)
        for target in ("/orders2", "/"):
            self.assertEqual(self.fetch(gateway, target, headers=api).body, b"nothing here\n")

    def test_rewrite(self):
        gateway = self.run_example("rewrite", ("orders", "shop"))
        self.fetch(gateway, "/orders/7?a=1")
        self.fetch(gateway, "/shop/cart")
        self.assertEqual(self.seen["orders"].targets(), ["/v2/order/7/full?a=1"])
        self.assertEqual(self.seen["orders"].heads[0].header("host"), "orders.internal")
        self.assertEqual(self.seen["shop"].targets(), ["/cart"])

    def test_redirect_and_respond(self):
        gateway = self.run_example("redirect and respond")
        answer = self.fetch(gateway, "/a?b=1", headers={"Host": "old.example.com:8080"})
        self.assertEqual((answer.status, answer.header("location")),
                         (308, "https://www.example.com/a?b=1"))
        self.assertIn(b"Disallow", self.fetch(gateway, "/robots.txt").body)

    def test_redirect_https(self):
        authority = Authority()
        self.addCleanup(authority.close)
        files = {}
        for name, made in (("tls.crt", authority.issue("tls", ["test.example"])[0]),
                           ("tls.key", authority.path("tls.key"))):
            with open(made, encoding="ascii") as file:
                files[name] = file.read()
        gateway = self.run_example("redirect_https and hsts", files=files)
        answer = self.fetch(gateway, "/a?b=1", headers={"Host": "api.example.com:8080"})
        self.assertEqual((answer.status, answer.header("location")),
                         (308, "https://api.example.com/a?b=1"))

    def test_split(self):
        names = ("orders-v1", "orders-v2")
        gateway = self.run_example("split, sticky and override", names)
        first = self.fetch(gateway, "/orders")
        cookie = first.header("set-cookie").split(";")[0]
        self.assertTrue(cookie.startswith("weir_split="))
        chosen = next(name for name in names if self.count(name))
        for _ in range(20):
            self.fetch(gateway, "/orders", headers={"Cookie": cookie})
        self.assertEqual(self.count(chosen), 21)
        self.seen["orders-v2"].clear()
        self.fetch(gateway, "/orders", headers={"Cookie": cookie, "x-canary": "always"})
        self.assertEqual(self.count("orders-v2"), 1)
        self.assertEqual(gateway.admin("PUT", "/routes/orders/split",
                                       {"orders-v1": 0, "orders-v2": 1}).status, 204)
        self.fetch(gateway, "/orders", headers={"Cookie": cookie})
        self.assertEqual(self.count("orders-v2"), 2)

    def test_mirror(self):
        gateway = self.run_example("mirror", ("orders", "shadow"),
                                   replace=[("sample: 30%", "sample: 100%")])
        self.assertEqual(self.fetch(gateway, "/orders").status, 200)
        self.seen["shadow"].wait_for_request()


class UpstreamsTest(FeatureCase):
    def test_endpoints_and_load_balancer(self):
        one, two = self.origin(), self.origin()
        gateway = self.run_example("endpoints and load_balancer", replace=[
            ("10.0.0.1:8080", one.address), ("10.0.0.2:8080", two.address)])
        for _ in range(8):
            self.assertEqual(self.fetch(gateway, "/orders").status, 200)
        self.assertGreater(len(one.heads), len(two.heads))

    def test_tls_to_an_upstream(self):
        authority = Authority()
        self.addCleanup(authority.close)
        authority.issue("c", ["weir.svc"], use="clientAuth")
        files = {}
        for name in ("ca.crt", "c.crt", "c.key"):
            with open(authority.path(name), encoding="ascii") as file:
                files[name] = file.read()
        origin = TlsOrigin(cert=authority.issue("orders", ["orders.svc"]))
        self.addCleanup(origin.close)
        gateway = self.run_example("TLS to an upstream", files=files,
                                   replace=[("10.0.0.1:8443", origin.address)])
        self.assertEqual(self.fetch(gateway, "/orders").status, 200)


class LimitsTest(FeatureCase):
    def test_rate_limit(self):
        gateway = self.run_example("rate_limit", ("search",))
        statuses = [self.fetch(gateway, "/search") for _ in range(20)]
        self.assertEqual(statuses[0].status, 200)
        self.assertIn('"per_client"', statuses[0].header("ratelimit-policy"))
        refused = [answer for answer in statuses if answer.status == 429]
        self.assertTrue(refused)
        self.assert_problem(refused[0], "rate_limited")
        self.assertIsNotNone(refused[0].header("retry-after"))

    def test_concurrency_limit(self):
        gateway = self.run_example("concurrency_limit", ("export",))
        self.seen["export"].handler = lambda connection, request: connection.wait_ended(20)
        clients = [self.client(gateway) for _ in range(2)]
        for client in clients:
            client.request("GET", "/export")
        self.seen["export"].wait_for_head(2)
        self.assert_problem(self.fetch(gateway, "/export"), "concurrency_limited")
        for client in clients:
            client.close()

    def test_body_limit(self):
        gateway = self.run_example("body_limit and the listener's limits", ("api", "upload"),
                                   replace=[("10MiB", "10B"), ("1GiB", "20B")])
        self.assert_problem(self.fetch(gateway, "/x", "POST", body=b"x" * 15), "body_too_large")
        self.assertEqual(self.fetch(gateway, "/upload", "POST", body=b"x" * 15).status, 200)
        self.assert_problem(self.fetch(gateway, "/upload", "POST", body=b"x" * 25),
                            "body_too_large")

    def test_ip_filter(self):
        gateway = self.run_example("ip_filter", ("office",))
        self.assert_problem(self.fetch(gateway, "/office"), "ip_denied")


class CallersTest(FeatureCase):
    HTPASSWD = ("demo:$6$/cPyCzLJ7DFMq/u1$qNEmGpk7So9W/AdkGaP5.aftTOZOzb3K8VCnZwqpp72wistJIjSzWFjpI8Wj."
                "X6COARE3ID0//MHuYhPdTRd41\n")

    def test_jwt(self):
        # The example's key is in a file; here it is the example of RFC 7515, whose token has no sub.
        gateway = self.run_example("jwt", ("orders",), files={"jwks.json": json.dumps({"keys": [
            {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
             "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})})
        answer = self.fetch(gateway, "/orders")
        self.assertEqual(answer.status, 401)
        self.assertEqual(json.loads(answer.body)["reason"], "token_missing")
        self.assertTrue(answer.header("www-authenticate").startswith("Bearer"))
        answer = self.fetch(gateway, "/orders", headers={"Authorization": "Bearer a.b.c"})
        self.assertEqual(json.loads(answer.body)["reason"], "token_invalid")

    def test_api_key(self):
        gateway = self.run_example("api_key", ("partners",),
                                   files={"partners.keys": "acme:0123456789abcdef\n"})
        self.assertEqual(self.fetch(gateway, "/partners").status, 401)
        good = {"x-api-key": "0123456789abcdef"}
        self.assertEqual(self.fetch(gateway, "/partners", headers=good).status, 200)

    def test_basic_auth(self):
        gateway = self.run_example("basic_auth", ("staff",), files={"users.htpasswd": self.HTPASSWD})
        self.assert_problem(self.fetch(gateway, "/staff"), "credentials_missing")
        demo = {"Authorization": "Basic ZGVtbzpkZW1v", "x-user": "root"}
        self.assertEqual(self.fetch(gateway, "/staff", headers=demo).status, 200)
        self.assertEqual(self.seen["staff"].heads[0].all("x-user"), ["demo"])

    def test_forward_auth(self):
        gateway = self.run_example("forward_auth", ("sessions", "account"))
        self.seen["sessions"].handler = lambda c, r: c.reply(
            200 if r.header("cookie") == "good" else 403, [("x-user", "ann")])
        self.assertEqual(self.fetch(gateway, "/account").status, 403)
        self.assertEqual(self.fetch(gateway, "/account", headers={"Cookie": "good"}).status, 200)
        self.assertEqual(self.seen["account"].heads[0].header("x-user"), "ann")
        self.assertEqual(self.seen["sessions"].heads[0].header("x-forwarded-uri"), "/account")

    def test_cors(self):
        gateway = self.run_example("cors", ("api",))
        answer = self.fetch(gateway, "/api", "OPTIONS", headers={
            "Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"})
        self.assertEqual(answer.header("access-control-allow-origin"), "https://app.example.com")
        self.assertEqual(self.count("api"), 0)

    def test_trusted_proxies(self):
        gateway = self.run_example("trusted_proxies")
        answer = self.fetch(gateway, "/whoami",
                            headers={"X-Forwarded-For": "198.51.100.1, 192.0.2.7, 10.0.0.9"})
        self.assertEqual(answer.body, b"192.0.2.7\n")


class FailuresTest(FeatureCase):
    def test_circuit_breaker(self):
        gateway = self.run_example("circuit_breaker", ("orders",))
        self.seen["orders"].handler = lambda c, r: c.reply(500)
        statuses = [self.fetch(gateway, "/orders").status for _ in range(20)]
        self.assertEqual(set(statuses), {500})
        answer = self.fetch(gateway, "/orders")
        self.assert_problem(answer, "circuit_open")
        self.assertIsNotNone(answer.header("retry-after"))
        self.seen["orders"].handler = lambda c, r: c.reply(200)
        path = "/upstreams/orders/circuit_breaker"
        self.assertEqual(gateway.admin("PUT", path, {"force": "closed"}).status, 204)
        self.assertEqual(self.fetch(gateway, "/orders").status, 200)

    def test_health_check(self):
        one, two = self.origin(), self.origin()
        one.handler = lambda c, r: c.reply(503 if r.target == "/healthz" else 200)
        gateway = self.run_example("health_check", replace=[
            ("10.0.0.1:8080", one.address), ("10.0.0.2:8080", two.address)])
        wait_until("the first checks", lambda: [
            endpoint["checks"] for endpoint in gateway.admin("GET", "/upstreams").json()[0][
                "endpoints"]] == ["unhealthy", "healthy"])
        self.assertEqual({self.fetch(gateway, "/orders").status for _ in range(6)}, {200})
        self.assertNotIn("/orders", one.targets())

    def test_outlier_detection(self):
        origins = [self.origin() for _ in range(3)]
        origins[0].handler = lambda c, r: c.reply(503)
        gateway = self.run_example("outlier_detection", replace=[
            (f"10.0.0.{n + 1}:8080", origin.address) for n, origin in enumerate(origins)])
        statuses = [self.fetch(gateway, "/orders").status for _ in range(40)]
        self.assertEqual(statuses.count(503), 5)
        self.assertEqual(statuses[-10:], [200] * 10)

    def test_fault(self):
        gateway = self.run_example("fault", ("orders",), more="trusted_proxies: [127.0.0.0/8]\n",
                                   replace=[("share: 10%", "share: 0"), ("share: 1%", "share: 0")])
        self.assertEqual(self.fetch(gateway, "/orders").status, 200)
        answer = self.fetch(gateway, "/orders", headers={"x-weir-fault-abort": "503"})
        self.assertEqual(answer.status, 503)
        self.assertEqual(self.count("orders"), 1)

    def test_pool(self):
        gateway = self.run_example("pool", ("orders",), replace=[
            ("in_flight: 200, pending: 100, pending_timeout: 500ms", "in_flight: 1, pending: 0")])
        self.seen["orders"].handler = lambda connection, request: connection.wait_ended(20)
        busy = self.client(gateway)
        busy.request("GET", "/orders")
        self.seen["orders"].wait_for_head()
        self.assert_problem(self.fetch(gateway, "/orders"), "pool_full")
        busy.close()


class FieldsTest(FeatureCase):
    def test_headers(self):
        gateway = self.run_example("headers, request_headers and response_headers", ("orders",))
        self.seen["orders"].handler = lambda c, r: c.reply(200, [("X-Powered-By", "php")])
        answer = self.fetch(gateway, "/orders", headers={"x-debug": "1"})
        self.assertIsNone(answer.header("x-powered-by"))
        self.assertEqual(answer.header("x-content-type-options"), "nosniff")
        request = self.seen["orders"].heads[0]
        self.assertEqual((request.header("x-edge"), request.header("x-client"),
                          request.header("x-debug")), ("weir", "127.0.0.1", None))

    def test_variables(self):
        gateway = self.run_example("variables, folders and anchors", ("shop", "cart"), replace=[
            ("${PORT:-8080}", "${PORT:-0}"), ("${RUN:-.}", "${WEIR_TEST_FOLDER:-.}")])
        self.fetch(gateway, "/cart")
        self.assertEqual(self.seen["cart"].heads[0].header("x-edge"), "weir")

    def test_defaults(self):
        gateway = self.run_example("defaults", ("api",))
        self.assertIsNotNone(self.fetch(gateway, "/api").header("ratelimit"))
        self.assertIsNone(self.fetch(gateway, "/up").header("ratelimit"))

    def test_access_log(self):
        gateway = self.run_example("access_log", ("api",), replace=[("sample: 10%", "sample: 100%")])
        self.fetch(gateway, "/a?token=secret&b=1")

        def line():
            with open(gateway.file("stdout"), encoding="utf-8") as file:
                return file.read().splitlines()
        record = json.loads(wait_until("a line of the access log", line)[0])
        self.assertEqual((record["path"], record["query"]), ("/a", "token=REDACTED&b=1"))

    def test_admin_token(self):
        gateway = self.run_example("admin", files={"admin.token": "0123456789abcdef\n"},
                                   replace=[("0.0.0.0:9901", "0.0.0.0:0")])
        self.assertEqual(gateway.admin("GET", "/readyz").status, 200)


class ProtocolsTest(FeatureCase):
    def test_tls(self):
        authority = Authority()
        self.addCleanup(authority.close)
        files = {}
        for name, made in (("tls.crt", authority.issue("tls", ["test.example"])[0]),
                           ("tls.key", authority.path("tls.key")), ("ca.crt", authority.ca)):
            with open(made, encoding="ascii") as file:
                files[name] = file.read()
        gateway = self.run_example("TLS", files=files)
        client = TlsClient(gateway.address("https"), client_context(authority.ca))
        self.addCleanup(client.close)
        client.request("GET", "/")
        self.assertEqual(client.read_response().status, 200)

    def test_grpc(self):
        gateway = self.run_example("gRPC", ("greeter",))
        client = H2Client(gateway.address("grpc"))
        self.addCleanup(client.close)
        answer = client.fetch("POST", "/nothing", [("content-type", "application/grpc")])
        self.assertEqual((answer.status, answer.header("grpc-status")), (200, "12"))

    def test_http2(self):
        gateway = self.run_example("HTTP/2", replace=[("upstream: orders}", "respond: {status: 200}}")])
        client = H2Client(gateway.address("http"))
        self.addCleanup(client.close)
        self.assertEqual(client.fetch("GET", "/orders").status, 200)

    def test_websocket(self):
        gateway = self.run_example("WebSocket", ("chat",))
        self.seen["chat"].handler = lambda c, r: c.reply(101, [
            ("Upgrade", "websocket"), ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")])
        client = self.client(gateway)
        client.request("GET", "/chat", {
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        self.assertEqual(client.read_head().status, 101)

    def test_proxy_protocol(self):
        gateway = self.run_example("PROXY protocol", replace=[
            ("listeners:", "access_log: {path: log}\nlisteners:")])
        client = self.client(gateway)
        client.send("PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\n")
        client.request("GET", "/")
        self.assertEqual(client.read_response().status, 200)

        def told():
            with open(gateway.file("log"), encoding="utf-8") as file:
                return "192.0.2.7" in file.read()
        wait_until("the client's address in the log", told)

