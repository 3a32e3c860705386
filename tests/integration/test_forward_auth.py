"""forward_auth: another server is asked about each request. interface.md section 2."""

import threading
import time
import unittest

from harness import BlackHole, Case, Refusing, basic_config, rows, weir


class Judge:
    """What the authorization server answers, by its path."""

    def __init__(self, connection_handler=None):
        self.extra = connection_handler

    def __call__(self, connection, request):
        path = request.target.split("?")[0]
        if path == "/allow":
            connection.reply(200, [("X-User", "ana"), ("X-Group", "a"), ("X-Group", "b"),
                                   ("X-Secret", "s")], "fine")
        elif path == "/redirect":
            connection.reply(302, [("Location", "https://login.test/?a=b"), ("Set-Cookie", "s=1"),
                                   ("Set-Cookie", "t=2")], "go there")
        elif path == "/deny":
            connection.reply(401, [("WWW-Authenticate", 'Bearer realm="judge"'),
                                   ("Content-Type", "text/html"), ("X-Request-Id", "its")],
                             b"<p>who?</p>", chunked=True)
        elif path == "/long":
            connection.reply(403, [("Content-Type", "text/html"), ("X-Why", "long")],
                             b"x" * 300_000)
        elif path == "/broken":
            connection.reply(500, [], "oops")
        elif path == "/reset":
            connection.reset()
        elif path == "/garbage":
            connection.send(b"HTTP/1.1 2OO fine\r\n\r\n")
            connection.close()
        elif path == "/slow":
            connection.wait_ended(30)
        elif path == "/stuck":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
            connection.wait_ended(30)
        else:
            connection.reply(404)


def guarded(name, path=None, upstream="judge", **spec):
    return {"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": "main",
            "middleware": [{"forward_auth": {"upstream": upstream, "path": path or f"/{name}",
                                             **spec}}]}


class ForwardAuthTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.judge = cls.shared_origin(Judge(), name="judge")
        cls.hole, cls.refusing = BlackHole(), Refusing()
        cls.addClassCleanup(cls.hole.close)
        cls.addClassCleanup(cls.refusing.close)
        copies = {"copy_headers": ["x-user", "X-Group"]}
        cls.routes = [
            guarded("allow", "/allow?deep=1", timeout="10s", **copies),
            guarded("redirect", timeout="10s"),
            guarded("deny", timeout="10s", on_error="allow"),
            guarded("long", timeout="10s"),
            guarded("broken", timeout="10s"), guarded("reset", timeout="10s"),
            guarded("garbage", timeout="10s"),
            guarded("slow", timeout="200ms"), guarded("stuck", timeout="200ms"),
            guarded("forever", "/slow", timeout="10m"),
            guarded("refused", upstream="refusing"), guarded("hole", upstream="hole"),
            guarded("open-broken", "/broken", timeout="10s", on_error="allow", **copies),
            guarded("open-refused", upstream="refusing", on_error="allow", **copies),
            guarded("open-slow", "/slow", timeout="200ms", on_error="allow", **copies),
            {"name": "free", "match": {"path_prefix": "/free"}, "upstream": "main"},
        ]
        cls.routes[0]["rewrite"] = {"path": "/rewritten"}
        cls.upstreams = {"main": cls.upstream.address, "judge": cls.judge.address,
                         "refusing": cls.refusing.address, "hole": cls.hole.address}
        cls.weir = cls.shared_gateway(basic_config(cls.routes, cls.upstreams))

    def setUp(self):
        self.upstream.clear()
        self.judge.clear()

    def test_what_is_asked(self):
        client = self.client(self.weir)
        client.request("POST", "/allow/./a%62?x=1&y=%20", [
            ("Cookie", "s=1"), ("X-Forwarded-Uri", "/free"), ("X-Forwarded-Method", "GET"),
            ("If-None-Match", '"x"'), ("X-Request-Id", "mine")], b"content")
        response = client.read_response()
        self.assertEqual((response.status, response.body), (200, b"content"))
        asked = self.judge.wait_for_request()
        self.assertEqual((asked.method, asked.target), ("GET", "/allow?deep=1"))
        self.assertEqual(asked.body, b"")
        self.assertEqual(asked.all("content-length"), [])
        self.assertEqual(asked.all("transfer-encoding"), [])
        self.assertEqual(asked.all("if-none-match"), [])
        self.assertEqual(asked.all("cookie"), ["s=1"])
        self.assertEqual(asked.all("host"), ["test.example"])
        self.assertEqual(asked.all("x-forwarded-method"), ["POST"])
        self.assertEqual(asked.all("x-forwarded-uri"), ["/allow/ab?x=1&y=%20"])
        self.assertEqual(asked.all("x-forwarded-host"), ["test.example"])
        self.assertEqual(asked.all("x-forwarded-proto"), ["http"])
        self.assertEqual(asked.all("x-forwarded-for"), ["127.0.0.1"])
        self.assertEqual(asked.all("x-request-id"), [response.header("x-request-id")])

    def test_what_goes_on(self):
        response = self.fetch(self.weir, "/allow", headers=[
            ("X-User", "root"), ("x-group", "wheel"), ("Accept", "text/plain")])
        self.assertEqual(response.status, 200)
        request = self.upstream.wait_for_request()
        self.assertEqual(request.target, "/rewritten")
        self.assertEqual(request.all("x-user"), ["ana"])
        self.assertEqual(request.all("x-group"), ["a", "b"])
        self.assertEqual(request.all("x-secret"), [])
        self.assertEqual(request.all("x-forwarded-uri"), [])
        self.assertEqual(request.all("accept"), ["text/plain"])
        self.assertEqual(self.judge.heads[0].all("x-user"), [])

    def test_a_client_has_no_copies_of_its_own_anywhere(self):
        self.fetch(self.weir, "/free", headers=[("X-User", "root"), ("X-USER", "root")])
        self.assertEqual(self.upstream.wait_for_request().all("x-user"), [])

    def test_a_stranger_sets_nobody_a_deadline(self):
        self.fetch(self.weir, "/allow", headers=[("X-Request-Timeout", "60s")])
        for server in (self.judge, self.upstream):
            self.assertEqual(server.wait_for_request().all("x-request-timeout"), [])

    @rows([("its own comes first", "60s", 9_999), ("that of the request comes first", "8s", 7_999)])
    def test_it_is_told_what_is_left_of_its_time(self, told, most):
        weir = self.gateway(basic_config(self.routes, self.upstreams,
                                         trusted_proxies=["127.0.0.0/8"]))
        self.assertEqual(self.fetch(weir, "/allow", headers=[("X-Request-Timeout", told)]).status, 200)
        left, = self.judge.wait_for_request().all("x-request-timeout")
        self.assertRegex(left, r"^\d+ms$")
        self.assertLessEqual(int(left.removesuffix("ms")), most)
        self.assertEqual(len(self.upstream.wait_for_request().all("x-request-timeout")), 1)

    def test_a_redirect_is_the_clients(self):
        response = self.fetch(self.weir, "/redirect")
        self.assertEqual((response.status, response.body), (302, b"go there"))
        self.assertEqual(response.all("location"), ["https://login.test/?a=b"])
        self.assertEqual(response.all("set-cookie"), ["s=1", "t=2"])
        self.assertEqual(self.upstream.heads, [])

    def test_a_refusal_is_the_clients(self):
        client = self.client(self.weir)
        for _ in range(2):
            client.request(target="/deny")
            response = client.read_response()
            self.assertEqual((response.status, response.body), (401, b"<p>who?</p>"))
            self.assertEqual(response.all("www-authenticate"), ['Bearer realm="judge"'])
            self.assertEqual(response.all("content-type"), ["text/html"])
            self.assertNotIn("its", response.all("x-request-id"))
        client.request("HEAD", "/deny")
        self.assertEqual(client.read_response("HEAD").status, 401)
        self.assertEqual(self.upstream.heads, [])
        self.weir.wait_metric(3, "weir_http_rejected_total", route="deny", reason="auth_denied")

    def test_a_long_refusal_loses_its_content(self):
        response = self.fetch(self.weir, "/long")
        self.assertEqual((response.status, response.body), (403, b""))
        self.assertEqual(response.all("x-why"), ["long"])
        self.assertEqual(response.all("content-type"), [])

    @rows([(name, name) for name in
           ("broken", "reset", "garbage", "slow", "stuck", "refused", "hole")])
    def test_nobody_answers(self, name):
        client = self.client(self.weir, timeout=20)
        client.request("POST", f"/{name}", body=b"content")
        self.assert_problem(client.read_response(), "auth_unavailable")
        self.assertEqual(self.upstream.heads, [])
        client.request(target="/free")
        self.assertEqual(client.read_response().status, 200)

    @rows([(name, name) for name in ("open-broken", "open-refused", "open-slow")])
    def test_nobody_answers_and_that_is_fine(self, name):
        response = self.fetch(self.weir, f"/{name}", "POST", [("x-user", "root")], b"content")
        self.assertEqual((response.status, response.body), (200, b"content"))
        self.assertEqual(self.upstream.wait_for_request().all("x-user"), [])

    def test_connections_are_used_again(self):
        gateway = self.gateway(basic_config([guarded("allow", timeout="10s")], self.upstreams,
                                            workers=1))
        before = len(self.judge.connections)
        client = self.client(gateway)
        for _ in range(20):
            client.request(target="/allow")
            self.assertEqual(client.read_response().status, 200)
        self.assertEqual(len(self.judge.connections), before + 1)
        self.assertEqual(gateway.metrics().value("weir_upstream_requests_total", upstream="judge",
                                                 result="ok", status_class="2xx"), 20)

    def test_the_question_ends_with_the_client(self):
        client = self.client(self.weir)
        client.request(target="/forever")
        number = self.judge.wait_for_head().connection
        client.close()
        self.judge.wait_connection_ended(number)
        self.weir.wait_metric(1, "weir_http_requests_total", route="forever", status="499")
        self.weir.wait_metric(0, "weir_http_requests_in_flight", route="forever")
        self.assertEqual(self.upstream.heads, [])

    def test_many_at_once(self):
        results = []

        def ask():
            client = self.client(self.weir)
            for name, status in [("allow", 200), ("deny", 401), ("broken", 503)] * 10:
                client.request("POST", f"/{name}", body=b"x" * 1000)
                results.append(client.read_response().status == status)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(results), all(results)), (240, True))

    def test_a_reload_in_the_middle(self):
        go = threading.Event()

        def wait_then_allow(connection, _):
            go.wait(30)
            connection.reply(200)
        judge = self.origin(wait_then_allow, name="slow judge")
        routes = [guarded("allow", timeout="30s")]
        gateway = self.gateway(basic_config(routes, {**self.upstreams, "judge": judge.address}))
        client = self.client(gateway, timeout=20)
        client.request(target="/allow")
        judge.wait_for_head()
        gateway.reload_by_post(basic_config(
            [{"name": "allow", "match": {"path_prefix": "/"}, "upstream": "main"}],
            {"main": self.upstream.address}))
        go.set()
        self.assertEqual(client.read_response().status, 200)

    def test_a_stranger_for_a_judge(self):
        gateway = self.gateway(basic_config(None, self.upstreams))
        gateway.write(basic_config([guarded("allow", upstream="jude")], self.upstreams))
        checked = weir("check", "-c", gateway.path)
        self.assertEqual(checked.returncode, 1)
        self.assertIn("routes[0].middleware[0].forward_auth.upstream: unknown upstream 'jude' "
                      "(did you mean 'judge'?)", checked.stderr + checked.stdout)

    def test_a_field_that_clients_need(self):
        gateway = self.gateway(basic_config(None, self.upstreams))
        gateway.write(basic_config([guarded("allow", copy_headers=["Authorization"])],
                                   self.upstreams))
        checked = weir("check", "-c", gateway.path)
        self.assertEqual(checked.returncode, 0)
        self.assertIn("clients' own 'Authorization' is removed from every request",
                      checked.stderr + checked.stdout)

    def test_it_is_explained(self):
        explained = weir("explain", "-c", self.weir.path, "GET", "/allow").stdout
        self.assertIn("judge would be asked for /allow?deep=1", explained)


if __name__ == "__main__":
    unittest.main()
