"""mirror: a share of the requests is sent once more, and no client notices. interface.md section
2."""

import threading
import unittest

from harness import BlackHole, Case, Refusing, basic_config, rows, weir


def mirrored(name="main", sample="100%", shadow="shadow", **more):
    return {"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": "main",
            "mirror": {"upstream": shadow, "sample": sample}, **more}


class MirrorTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.shadow = cls.shared_origin(cls.answer, name="shadow")
        cls.hole, cls.refusing = BlackHole(), Refusing()
        cls.addClassCleanup(cls.hole.close)
        cls.addClassCleanup(cls.refusing.close)
        cls.upstreams = {"main": cls.upstream.address, "shadow": cls.shadow.address,
                         "refusing": cls.refusing.address, "hole": cls.hole.address}
        cls.weir = cls.shared_gateway(basic_config([
            mirrored(),
            mirrored("some", "25%"),
            mirrored("never", "0%"),
            mirrored("rewritten", rewrite={"path": "/new{rest}", "host": "inside.test"},
                     request_headers={"set": {"x-edge": "weir"}, "remove": ["x-drop"]}),
            mirrored("refusing", shadow="refusing"),
            mirrored("hole", shadow="hole"),
            mirrored("limited", middleware=[{"body_limit": {"size": "10B"}}]),
        ], cls.upstreams))

    @staticmethod
    def answer(connection, request):
        connection.read_body(request)
        connection.reply(500, [("X-From", "shadow")], b"s" * 100_000)

    def setUp(self):
        # Copies of the test before may still be on their way.
        self.weir.wait_metric(0, "weir_upstream_connections", upstream="shadow", state="active")
        self.upstream.clear()
        self.shadow.clear()

    def post(self, client, target, body=None, headers=()):
        client.request("POST" if body is not None else "GET", target, headers, body)
        return client.read_response()

    def test_a_request_without_content(self):
        client = self.client(self.weir)
        for number in range(5):
            response = self.post(client, f"/main/{number}?q={number}", headers=[("Cookie", "a=b")])
            self.assertEqual((response.status, response.header("x-from")), (200, None))
        self.shadow.wait("copies", lambda: len(self.shadow.requests) == 5)
        mine = {r.target: r for r in self.upstream.requests}
        for copy in self.shadow.requests:
            self.assertEqual(sorted(copy.headers), sorted(mine[copy.target].headers))

    def test_as_it_was_forwarded(self):
        self.fetch(self.weir, "/rewritten/a?b=c", headers=[("x-drop", "1"), ("X-Request-Timeout", "60s")])
        copy = self.shadow.wait_for_request()
        self.assertEqual(copy.target, "/new/a?b=c")
        self.assertEqual(copy.all("host"), ["inside.test"])
        self.assertEqual(copy.all("x-edge"), ["weir"])
        self.assertEqual(copy.all("x-drop"), [])
        self.assertEqual(copy.all("x-request-timeout"), [], "a stranger's")
        self.assertEqual(copy.all("x-forwarded-for"), ["127.0.0.1"])

    @rows([
        ("small", b"hello"),
        ("empty", b""),
        ("as long as may be", b"x" * 65536),
    ])
    def test_content(self, body):
        response = self.fetch(self.weir, "/main", "POST", body=body)
        self.assertEqual((response.status, response.body), (200, body))
        copy = self.shadow.wait_for_request()
        self.assertEqual((copy.method, copy.body), ("POST", body))
        self.assertEqual(copy.all("content-length"), [str(len(body))])

    def test_chunked_content(self):
        client = self.client(self.weir)
        client.request("PUT", "/main", [("Transfer-Encoding", "chunked")])
        self.upstream.wait_for_head()
        client.send(b"3\r\nabc\r\n")
        client.send(b"2\r\nde\r\n0\r\n\r\n")
        self.assertEqual(client.read_response().body, b"abcde")
        self.assertEqual(self.shadow.wait_for_request().body, b"abcde")

    def test_expect_continue(self):
        client = self.client(self.weir)
        client.request("POST", "/main", [("Expect", "100-continue"), ("Content-Length", "5")])
        while client.read_head().status == 100:
            client.send(b"hello")
            break
        self.assertEqual(client.read_response().body, b"hello")
        copy = self.shadow.wait_for_request()
        self.assertEqual((copy.body, copy.all("expect")), (b"hello", []))

    @rows([("said", False), ("chunked", True)])
    def test_long_content_is_not_copied(self, chunked):
        body = b"y" * 65537
        client = self.client(self.weir)
        if chunked:
            client.request("POST", "/main", [("Transfer-Encoding", "chunked")])
            for at in range(0, len(body), 4096):
                piece = body[at:at + 4096]
                client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            client.send(b"0\r\n\r\n")
        else:
            client.request("POST", "/main", body=body)
        self.assertEqual(client.read_response().body, body)
        client.request(target="/main/after")
        self.assertEqual(client.read_response().status, 200)
        self.assertEqual(self.shadow.wait_for_head().target, "/main/after")

    def test_what_is_not_forwarded_is_not_copied(self):
        response = self.fetch(self.weir, "/limited", "POST", body=b"z" * 100)
        self.assert_problem(response, "body_too_large")
        self.fetch(self.weir, "/limited/after")
        self.assertEqual(self.shadow.wait_for_head().target, "/limited/after")

    def test_a_client_that_leaves_its_content_unfinished(self):
        client = self.client(self.weir)
        client.request("POST", "/main", [("Content-Length", "10")])
        client.send(b"abc")
        self.upstream.wait_for_head()
        client.close()
        self.weir.wait_metric(0, "weir_http_requests_in_flight", route="main")
        self.fetch(self.weir, "/main/after")
        self.assertEqual(self.shadow.wait_for_head().target, "/main/after")

    def test_share(self):
        for _ in range(4):
            client = self.client(self.weir)
            for number in range(50):
                self.assertEqual(self.post(client, f"/some/{number}").status, 200)
            client.close()
        self.shadow.wait("a quarter of them", lambda: len(self.shadow.requests) >= 46)
        self.fetch(self.weir, "/never")
        self.assertLessEqual(len(self.shadow.heads), 54)
        self.assertNotIn("/never", self.shadow.targets())

    @rows([("refusing", "/refusing"), ("hole", "/hole")])
    def test_a_dead_shadow_hurts_nobody(self, target):
        statuses = []

        def send():
            client = self.client(self.weir, timeout=20)
            for number in range(100):
                body = b"b" * 1000 if number % 2 else None
                statuses.append(self.post(client, target, body).status)
        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses, [200] * 400)
        rejected = self.weir.metrics().series("weir_http_rejected_total", route=target[1:])
        self.assertEqual(list(rejected), [])

    def test_it_is_explained(self):
        explained = weir("explain", "-c", self.weir.path, "GET", "/some").stdout
        self.assertIn("25% are copied to shadow", explained)


class MirrorEndTest(Case):
    def stalled(self, **more):
        """A shadow that takes requests and never answers."""
        upstream = self.origin()
        shadow = self.origin(lambda c, r: c.wait_ended(30), name="shadow")
        gateway = self.gateway(basic_config(
            [mirrored()], {"main": upstream.address, "shadow": shadow.address}, workers=1, **more))
        return gateway, shadow

    def test_copies_in_flight_are_bounded(self):
        gateway, shadow = self.stalled()
        client = self.client(gateway)
        for _ in range(200):
            client.request(target="/main")
            self.assertEqual(client.read_response().status, 200)
        shadow.wait("the bound", lambda: len(shadow.heads) == 64)
        self.assertEqual(gateway.metrics().value("weir_upstream_connections", upstream="shadow",
                                                 state="active"), 64)

    def test_a_drain_does_not_wait_for_copies(self):
        gateway, shadow = self.stalled(server={"drain_timeout": "10m"})
        self.assertEqual(self.fetch(gateway, "/main").status, 200)
        shadow.wait_for_head()
        self.assertEqual(gateway.terminate(), 0)

    def test_a_reload_ends_no_copy(self):
        go = threading.Event()
        upstream = self.origin()

        def later(connection, request):
            go.wait(30)
            connection.reply(200)
        shadow = self.origin(later, name="shadow")
        config = basic_config([mirrored()],
                              {"main": upstream.address, "shadow": shadow.address}, workers=1)
        gateway = self.gateway(config)
        self.assertEqual(self.fetch(gateway, "/main").status, 200)
        shadow.wait_for_head()
        gateway.reload_by_post(basic_config(
            [{"name": "main", "match": {}, "upstream": "main"}], {"main": upstream.address},
            workers=1))
        self.assertEqual(self.fetch(gateway, "/main").status, 200)
        go.set()
        self.assertEqual(shadow.wait_connection_ended(0), "closed")
        self.assertEqual(self.fetch(gateway, "/main").status, 200)


if __name__ == "__main__":
    unittest.main()
