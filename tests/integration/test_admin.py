"""The admin address: what it answers and to whom. interface.md section 5."""

import copy
import json
import os
import socket
import tempfile

from harness import Case, basic_config, rows, wait_until
from harness.waiting import bound


class EndpointsTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.one, cls.two = cls.shared_origin(name="one"), cls.shared_origin(name="two")
        cls.config = basic_config([
            {"name": "split", "match": {"path_prefix": "/s"}, "split": [
                {"upstream": "v1", "weight": 1}, {"upstream": "v2", "weight": 0}]},
            {"name": "plain", "match": {"path": "/x/{id}", "methods": ["GET"]}, "upstream": "v1"},
        ], {"v1": cls.one.address, "v2": cls.two.address})
        cls.weir = cls.shared_gateway(cls.config)

    def setUp(self):
        self.one.clear()
        self.two.clear()

    def get(self, path):
        answer = self.weir.admin("GET", path)
        self.assertEqual(answer.status, 200, answer)
        return answer

    def test_probes(self):
        self.assertEqual(self.get("/healthz").status, 200)
        self.assertEqual(self.get("/readyz").status, 200)

    def test_metrics(self):
        answer = self.get("/metrics")
        self.assertTrue(answer.headers["content-type"].startswith("text/plain; version=0.0.4"),
                        answer.headers["content-type"])
        self.assertIn("weir_build_info{", answer.text)

    def test_config_is_the_effective_one(self):
        text = self.get("/config").text
        for word in ("listeners", "routes", "upstreams", "plain", "v2", "header_timeout"):
            self.assertIn(word, text)

    def test_config_diff(self):
        self.assertEqual(self.get("/config/diff").body, b"")

    def test_config_diff_of_a_file_that_does_not_load(self):
        self.addCleanup(self.weir.write, self.weir.config)
        self.weir.write("version: 1\n")
        answer = self.weir.admin("GET", "/config/diff")
        self.assertEqual(answer.status, 422)
        self.assertIn("weir.yaml:1:1: 'routes' is required", answer.text)

    def test_listeners(self):
        data = self.get("/listeners").json()
        self.assertIn("http", json.dumps(data))
        self.assertIn(str(self.weir.port()), json.dumps(data))
        self.assertEqual(data[0]["protocols"], ["http1"])

    def test_listeners_say_what_they_speak(self):
        gateway = self.gateway(basic_config(
            [{"name": "r", "match": {"path": "/"}, "respond": {"status": 200}}],
            listener={"protocols": ["http1", "h2c"]}))
        (listener,) = gateway.admin("GET", "/listeners").json()
        self.assertEqual(listener["protocols"], ["http1", "h2c"])

    def test_routes(self):
        text = json.dumps(self.get("/routes").json())
        for word in ("split", "plain", "/x/{id}", "v1"):
            self.assertIn(word, text)

    def test_upstreams(self):
        text = json.dumps(self.get("/upstreams").json())
        for word in ("v1", "v2", self.one.address, self.two.address):
            self.assertIn(word, text)

    def test_explain(self):
        answer = self.weir.admin("POST", "/explain", {
            "method": "GET", "url": "http://a.test/x/7", "headers": {}, "from": "1.2.3.4",
            "listener": "http"})
        self.assertEqual(answer.status, 200, answer)
        self.assertIn("plain", json.dumps(answer.json()))

    @rows([("no route", {"method": "GET", "url": "http://a.test/none"}, 200),
           ("bad url", {"method": "GET", "url": ":::"}, 422),
           ("no url", {"method": "GET"}, 422), ("not an object", [1], 422)])
    def test_explain_of(self, body, status):
        answer = self.weir.admin("POST", "/explain", body)
        self.assertIn(answer.status, {status, 422} if status == 422 else {status}, answer)

    @rows([("GET", "GET", "/nothing", 404), ("POST", "POST", "/nothing", 404),
           ("wrong method on a probe", "DELETE", "/healthz", 405),
           ("GET on reload", "GET", "/reload", 405), ("GET on drain", "GET", "/drain", 405),
           ("PUT on reload", "PUT", "/reload", 405)])
    def test_refused(self, method, path, status):
        self.assertIn(self.weir.admin(method, path).status, {status, 404} if status == 404
                      else {status})

    def shares(self, requests=20):
        for _ in range(requests):
            self.assertEqual(self.fetch(self.weir, "/s").status, 200)
        return len(self.one.requests), len(self.two.requests)

    def test_put_split(self):
        self.assertEqual(self.shares(10), (10, 0))
        answer = self.weir.admin("PUT", "/routes/split/split", {"v1": 0, "v2": 1})
        self.assertEqual(answer.status, 204, answer)
        actions = {row["name"]: row["action"] for row in self.get("/routes").json()}
        self.assertEqual(actions["split"], "split v1 0%, v2 100%")
        self.setUp()
        self.assertEqual(self.shares(10), (0, 10))
        # It holds over a reload that does not change that split.
        self.assertEqual(self.weir.reload_by_post().status, 200)
        self.setUp()
        self.assertEqual(self.shares(10), (0, 10))
        self.assertEqual(self.weir.admin("PUT", "/routes/split/split",
                                         {"v1": 1, "v2": 0}).status, 204)
        self.setUp()
        self.assertEqual(self.shares(10), (10, 0))

    @rows([
        ("weights", lambda split: split[0].update(weight=3)),
        ("upstreams", lambda split: [share.update(upstream=name)
                                     for share, name in zip(split, ("v2", "v1"))]),
        ("one share less", lambda split: split.pop()),
    ])
    def test_a_split_is_the_files_again_once_that_changed(self, change):
        def weights():
            return next(row for row in weir.admin("GET", "/routes").json()
                        if row["name"] == "split")["split"]
        weir = self.gateway(self.config)
        self.assertEqual(weir.admin("PUT", "/routes/split/split", {"v1": 5, "v2": 6}).status, 204)
        other = copy.deepcopy(self.config)
        change(other["routes"][0]["split"])
        self.assertEqual(weir.reload_by_post(other).status, 200)
        self.assertEqual(weights(), {share["upstream"]: share["weight"]
                                     for share in other["routes"][0]["split"]})
        self.assertEqual(weir.reload_by_post(self.config).status, 200)
        self.assertEqual(weights(), {"v1": 1, "v2": 0})

    def weight(self, upstream):
        return self.weir.metrics().value("weir_split_weight", route="split", upstream=upstream)

    def routes(self):
        return {row["name"]: row for row in self.get("/routes").json()}

    def test_a_split_that_was_set_is_seen_and_taken_back(self):
        self.weir.admin("DELETE", "/routes/split/split")  # what other tests have set
        self.assertEqual((self.weight("v1"), self.weight("v2")), (1, 0))
        self.assertNotIn("overrides", self.get("/config").json())
        self.assertNotIn("overridden", self.routes()["split"])
        self.assertEqual(self.weir.admin("PUT", "/routes/split/split",
                                         {"v1": 30, "v2": 70}).status, 204)
        self.assertEqual((self.weight("v1"), self.weight("v2")), (30, 70))
        row = self.routes()["split"]
        self.assertEqual(row["split"], {"v1": 30, "v2": 70})
        self.assertEqual(row["overridden"], {"split": {"v1": 1, "v2": 0}})
        self.assertNotIn("overridden", self.routes()["plain"])
        self.assertEqual(self.get("/config").json()["overrides"],
                         {"/routes/split/split": {"v1": 30, "v2": 70}})
        self.assertEqual(self.get("/config/diff").text.splitlines(), [
            '- override /routes/split/split: {"v1":30,"v2":70}',
            '+ override /routes/split/split: {"v1":1,"v2":0}'])
        for _ in range(2):
            self.assertEqual(self.weir.admin("DELETE", "/routes/split/split").status, 204)
            self.assertEqual((self.weight("v1"), self.weight("v2")), (1, 0))
        self.assertNotIn("overridden", self.routes()["split"])
        self.assertNotIn("overrides", self.get("/config").json())
        self.assertEqual(self.get("/config/diff").text, "")
        self.setUp()
        self.assertEqual(self.shares(10), (10, 0))

    def test_what_was_set_of_an_endpoint_and_a_breaker_is_seen_and_taken_back(self):
        path = f"/upstreams/v1/endpoints/{self.one.address}"

        def endpoint():
            upstreams = {row["name"]: row for row in self.get("/upstreams").json()}
            return upstreams["v1"]["endpoints"][0]
        self.assertNotIn("overridden", endpoint())
        self.weir.admin("DELETE", "/routes/split/split")  # what other tests have set
        self.assertEqual(self.weir.admin("PUT", path, {"state": "drain", "weight": 5}).status, 204)
        self.assertEqual(self.weir.admin("PUT", "/upstreams/v2/circuit_breaker",
                                         {"force": "open"}).status, 204)
        self.assertEqual(endpoint()["overridden"], {"state": "ready", "weight": 1})
        self.assertEqual(self.get("/config").json()["overrides"], {
            path: {"state": "drain", "weight": 5},
            "/upstreams/v2/circuit_breaker": {"force": "open"}})
        self.assertEqual(self.get("/config/diff").text.splitlines(), [
            f'- override {path}: {{"state":"drain","weight":5}}',
            f'+ override {path}: {{"state":"ready","weight":1}}',
            '- override /upstreams/v2/circuit_breaker: {"force":"open"}',
            '+ override /upstreams/v2/circuit_breaker: {"force":"off"}'])
        self.assertEqual(self.weir.admin("DELETE", path).status, 204)
        self.assertEqual(self.weir.admin("DELETE", "/upstreams/v2/circuit_breaker").status, 204)
        self.assertNotIn("overridden", endpoint())
        self.assertEqual((endpoint()["state"], endpoint()["weight"]), ("ready", 1))
        self.assertEqual(self.get("/config/diff").text, "")
        self.assertEqual(self.shares(4), (4, 0))

    @rows([("unknown route", "/routes/nope/split", 404),
           ("route without split", "/routes/plain/split", 422),
           ("unknown upstream", "/upstreams/no/circuit_breaker", 404),
           ("unknown endpoint", "/upstreams/v1/endpoints/1.2.3.4:5", 404),
           ("unknown upstream of an endpoint", "/upstreams/no/endpoints/1.2.3.4:5", 404)])
    def test_bad_delete(self, path, status):
        answer = self.weir.admin("DELETE", path)
        self.assertEqual(answer.status, status, answer)
        self.assertGreater(len(answer.json()["detail"].split()), 4)

    def test_a_split_that_left_has_no_weight(self):
        weir = self.gateway(self.config)
        self.assertEqual(weir.metrics().value("weir_split_weight", route="split"), 1)
        other = copy.deepcopy(self.config)
        other["routes"][0]["name"] = "renamed"
        self.assertEqual(weir.reload_by_post(other).status, 200)
        wait_until("the old one's to leave", lambda: weir.metrics().value(
            "weir_split_weight", route="split") is None)
        self.assertEqual(weir.metrics().value("weir_split_weight", route="renamed"), 1)

    @rows([("a probe", "DELETE", "/healthz", "GET, HEAD"), ("reload", "GET", "/reload", "POST"),
           ("a split", "GET", "/routes/split/split", "PUT, DELETE"),
           ("a breaker", "POST", "/upstreams/v1/circuit_breaker", "PUT, DELETE")])
    def test_another_method(self, method, path, allow):
        answer = self.weir.admin(method, path)
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, allow))
        self.assertEqual(answer.json()["detail"], f"{method} is not for {path}, which takes {allow}")

    @rows([
        ("unknown route", "/routes/nope/split", {"v1": 1, "v2": 1}, 404),
        ("route without split", "/routes/plain/split", {"v1": 1}, (404, 422)),
        ("unknown upstream", "/routes/split/split", {"v3": 1}, 422),
        ("sum of nothing", "/routes/split/split", {"v1": 0, "v2": 0}, 422),
        ("negative", "/routes/split/split", {"v1": -1, "v2": 2}, 422),
        ("a string", "/routes/split/split", {"v1": "x", "v2": 2}, 422),
        ("not an object", "/routes/split/split", [1, 2], 422),
        ("not JSON", "/routes/split/split", "{", 422),
        ("an upstream twice", "/routes/split/split", '{"v1": 1, "v1": 2}', 422),
        ("unknown level", "/log/level", {"level": "loud"}, 422),
        ("level not a string", "/log/level", {"level": 1}, 422),
        ("unknown endpoint", "/upstreams/v1/endpoints/1.2.3.4:5", {"state": "drain"}, 404),
        ("unknown endpoint, bad body", "/upstreams/v1/endpoints/1.2.3.4:5", {"state": "up"}, 404),
        ("unknown upstream of an endpoint", "/upstreams/no/endpoints/1.2.3.4:5",
         {"state": "drain"}, 404),
    ])
    def test_bad_put(self, path, body, status):
        expected = status if isinstance(status, tuple) else (status,)
        self.assertIn(self.weir.admin("PUT", path, body).status, expected)
        self.assertEqual(self.shares(4), (4, 0))

    def test_put_log_level(self):
        self.assertEqual(self.weir.admin("PUT", "/log/level", {"level": "debug"}).status, 204)
        self.assertEqual(self.weir.admin("PUT", "/log/level", {"level": "info"}).status, 204)

    def test_put_endpoint(self):
        a, b = self.origin(), self.origin()
        gateway = self.gateway(basic_config(upstreams={"main": [a.address, b.address]}, workers=1))
        path = f"/upstreams/main/endpoints/{a.address}"
        for state in ("drain", "down"):
            answer = gateway.admin("PUT", path, {"state": state})
            self.assertEqual(answer.status, 204, answer)
            for _ in range(6):
                self.assertEqual(self.fetch(gateway, "/").status, 200)
            self.assertEqual((len(a.requests), len(b.requests)), (0, 6))
            b.clear()
        self.assertEqual(gateway.admin("PUT", path, {"weight": 1001}).status, 422)
        self.assertEqual(gateway.admin("PUT", path, {"state": "ready", "weight": 1}).status, 204)
        for _ in range(6):
            self.assertEqual(self.fetch(gateway, "/").status, 200)
        self.assertEqual((len(a.requests), len(b.requests)), (3, 3))

    def test_all_endpoints_down(self):
        a = self.origin()
        gateway = self.gateway(basic_config(upstreams={"main": a.address}))
        gateway.admin("PUT", f"/upstreams/main/endpoints/{a.address}", {"state": "down"})
        self.assert_problem(self.fetch(gateway, "/"), "no_healthy_endpoint")

    def test_large_body_is_refused(self):
        answer = self.weir.admin("PUT", "/log/level", b'{"level":"' + b"x" * (4 << 20) + b'"}')
        self.assertIn(answer.status, (413, 422))


class SafetyTest(Case):
    """On loopback: any program of this host may ask, a web page may not."""

    @classmethod
    def setUpClass(cls):
        cls.weir = cls.shared_gateway(basic_config(
            [{"name": "r", "match": {"path": "/"}, "respond": {"status": 200}}],
            admin={"bind": "127.0.0.1:0", "allow_hosts": ["admin.test"]}))

    @rows([
        ("name", "evil.test", 421), ("name with port", "evil.test:9901", 421),
        ("rebinding name", "127.0.0.1.evil.test", 421), ("localhost", "localhost", 200),
        ("localhost with port", "localhost:9901", 200), ("address", "127.0.0.1:9901", 200),
        ("IPv6", "[::1]:9901", 200), ("other address", "10.1.2.3", 200),
        ("allowed", "admin.test", 200), ("allowed with port", "Admin.Test:80", 200),
        ("below allowed", "x.admin.test", 421), ("localhost suffix", "localhost.evil.test", 421),
        ("no port", "localhost:evil.test", 421), ("user", "127.0.0.1:80@evil.test", 421),
        ("behind brackets", "[::1]evil.test", 421),
    ])
    def test_host(self, host, status):
        self.assertEqual(self.weir.admin("GET", "/config", headers={"Host": host}).status, status)

    def raw(self, request):
        with socket.create_connection(self.weir.address("admin"), timeout=bound(10)) as peer:
            peer.sendall(request)
            return b"".join(iter(lambda: peer.recv(65536), b"")).decode()

    @rows([
        ("absolute form", "GET http://localhost/listeners HTTP/1.1", "Host: localhost", 200),
        ("its host counts", "GET http://evil.test/listeners HTTP/1.1", "Host: localhost", 421),
        ("absolute form of a probe", "GET http://a.test:1/healthz?x HTTP/1.1", "Host: a", 200),
        ("absolute form without path", "GET http://localhost HTTP/1.1", "Host: localhost", 404),
        ("Host twice", "GET /listeners HTTP/1.1", "Host: localhost\r\nHost: localhost", 400),
        ("no Host", "GET /listeners HTTP/1.1", "X: y", 421),
        ("no request", "nonsense", "Host: localhost", 400),
        ("too long", "GET /listeners HTTP/1.1", "Host: localhost\r\nX: " + "y" * 20000, 431),
    ])
    def test_raw(self, line, fields, status):
        answer = self.raw(f"{line}\r\n{fields}\r\nConnection: close\r\n\r\n".encode())
        self.assertRegex(answer, rf"^HTTP/1\.1 {status} ")

    def test_no_content_has_no_length(self):
        answer = self.weir.admin("PUT", "/log/level", {"level": "info"})
        self.assertEqual(answer.status, 204)
        self.assertIsNone(answer.headers["content-length"])
        self.assertIsNone(answer.headers["content-type"])

    @rows([("healthz", "/healthz"), ("readyz", "/readyz"), ("metrics", "/metrics")])
    def test_probes_may_come_by_any_name(self, path):
        self.assertEqual(self.weir.admin("GET", path, headers={"Host": "pod-7.svc"}).status, 200)

    @rows([
        ("foreign", "http://evil.test"), ("null", "null"), ("other port", "http://localhost:1"),
        ("other scheme", "https://127.0.0.1"),
    ])
    def test_foreign_origin(self, origin):
        answer = self.weir.admin("POST", "/reload", headers={
            "Origin": origin, "Content-Type": "application/json"})
        self.assertEqual(answer.status, 403, answer)
        self.assertEqual(self.weir.metrics().value("weir_config_reloads_total",
                                                   result="success") or 0, 0)

    def test_foreign_origin_of_a_put(self):
        answer = self.weir.admin("PUT", "/log/level", {"level": "debug"},
                                 {"Origin": "http://evil.test"})
        self.assertEqual(answer.status, 403)

    def test_own_origin(self):
        port = self.weir.port("admin")
        answer = self.weir.admin("PUT", "/log/level", {"level": "info"},
                                 {"Origin": f"http://127.0.0.1:{port}",
                                  "Host": f"127.0.0.1:{port}"})
        self.assertEqual(answer.status, 204, answer)

    @rows([("form", "application/x-www-form-urlencoded"), ("plain", "text/plain"),
           ("multipart", "multipart/form-data; boundary=x")])
    def test_body_of_another_type(self, content_type):
        """What a page can send without a preflight is not taken."""
        answer = self.weir.admin("PUT", "/log/level", '{"level":"debug"}',
                                 {"Content-Type": content_type})
        self.assertEqual(answer.status, 415, answer)

    def test_json_with_charset(self):
        answer = self.weir.admin("PUT", "/log/level", '{"level":"info"}',
                                 {"Content-Type": "application/json; charset=utf-8"})
        self.assertEqual(answer.status, 204, answer)

    @rows([("explain", "/explain"), ("reload", "/reload"), ("drain", "/drain")])
    def test_get_changes_nothing(self, path):
        self.assertEqual(self.weir.admin("GET", path).status, 405)
        self.assertEqual(self.weir.admin("GET", "/readyz").status, 200)

    def test_no_cors(self):
        answer = self.weir.admin("GET", "/config", headers={"Origin": "http://evil.test"})
        self.assertNotIn("access-control-allow-origin",
                         {name.lower() for name in answer.headers})


class TokenTest(Case):
    ROUTES = [{"name": "r", "match": {"path": "/"}, "respond": {"status": 200}}]

    def test_loopback_needs_none(self):
        gateway = self.gateway(basic_config(self.ROUTES))
        self.assertEqual(gateway.admin("GET", "/config").status, 200)

    @rows([("no token file", None), ("token file", "secret\n")])
    def test_other_addresses(self, token):
        admin = {"bind": "0.0.0.0:0"}
        if token:
            admin["token_file"] = "token"
        gateway = self.gateway(basic_config(self.ROUTES, admin=admin),
                               files={"token": token or ""})
        for probe in ("/healthz", "/readyz", "/metrics"):
            self.assertEqual(gateway.admin("GET", probe).status, 200)
        for method, path in [("GET", "/config"), ("GET", "/routes"), ("POST", "/reload"),
                             ("POST", "/drain"), ("PUT", "/log/level")]:
            for value in (None, "Bearer wrong", "Bearer ", "Bearer secre", "Bearer secretx",
                          "Basic secret", "secret"):
                headers = {"Authorization": value} if value else {}
                with self.subTest(path=path, value=value):
                    status = gateway.admin(method, path, headers=headers).status
                    self.assertIn(status, (401, 403) if token else (403,))
        self.assertEqual(gateway.admin("GET", "/readyz").status, 200)
        if token:
            right = {"Authorization": "Bearer secret"}
            self.assertEqual(gateway.admin("GET", "/config", headers=right).status, 200)
            self.assertEqual(gateway.admin("POST", "/reload", headers=right).status, 200)
            self.assertNotIn("secret", gateway.admin("GET", "/config", headers=right).text)

    def test_unix_socket(self):
        with tempfile.TemporaryDirectory(prefix="weir-sock-") as folder:
            gateway = self.gateway(basic_config(
                self.ROUTES, admin={"bind": f"unix:{os.path.join(folder, 'admin.sock')}"}))
            self.assertEqual(gateway.admin("GET", "/config").status, 200)
            gateway.close()

    def test_off(self):
        gateway = self.gateway({**basic_config(self.ROUTES), "admin": "off"})
        self.assertNotIn("admin", gateway.addresses)
        self.assertEqual(self.fetch(gateway, "/").status, 200)


class RedactionTest(Case):
    def test_secrets_are_not_shown(self):
        origin = self.origin()
        config = basic_config(
            [{"name": "r", "match": {"path": "/"}, "upstream": "main",
              "middleware": [{"basic_auth": {"users_file": "users"}}]}],
            {"main": origin.address})
        gateway = self.gateway(config, files={
            "users": "bob:$6$saltsalt$" + "a" * 86 + "\n"})
        self.assertNotIn("saltsalt", gateway.admin("GET", "/config").text)
