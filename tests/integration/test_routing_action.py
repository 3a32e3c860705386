"""What a route does with its request: rewrite, header changes, redirect, respond, split, and the
variables in them. interface.md section 2."""

import collections

from harness import Case, basic_config, rows


class ActionCase(Case):
    routes = []
    more = {}

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(cls.routes, {"main": cls.upstream.address},
                                                   **cls.more))

    def setUp(self):
        self.upstream.clear()

    def forwarded(self, target, headers=(), **kwargs):
        response = self.fetch(self.weir, target, headers=headers, **kwargs)
        self.assertEqual(response.status, 200, response)
        return self.upstream.wait_for_request()


class RewriteTest(ActionCase):
    routes = [
        {"name": "path", "match": {"path": "/orders/{id}"}, "upstream": "main",
         "rewrite": {"path": "/v2/orders/{id}/by-{host}"}},
        {"name": "prefix", "match": {"path_prefix": "/api"}, "upstream": "main",
         "rewrite": {"prefix": "/internal"}},
        {"name": "prefix-root", "match": {"path_prefix": "/strip"}, "upstream": "main",
         "rewrite": {"prefix": "/"}},
        {"name": "host", "match": {"path_prefix": "/host"}, "upstream": "main",
         "rewrite": {"host": "inside.test", "prefix": "/h"}},
        {"name": "regex", "match": {"path_regex": "/re/(.*)"}, "upstream": "main",
         "rewrite": {"path": "/fixed"}},
        {"name": "rest", "match": {"path_prefix": "/rest"}, "upstream": "main",
         "rewrite": {"path": "/r{rest}"}},
    ]

    @rows([
        ("parameter", "/orders/42", "/v2/orders/42/by-h.test"),
        ("query kept", "/orders/42?a=b", "/v2/orders/42/by-h.test?a=b"),
        ("parameter stays encoded", "/orders/a%20b", "/v2/orders/a%20b/by-h.test"),
        ("prefix", "/api/x/y", "/internal/x/y"), ("prefix alone", "/api", "/internal"),
        ("prefix with slash", "/api/", "/internal/"), ("prefix and query", "/api/x?q",
                                                       "/internal/x?q"),
        ("prefix to root", "/strip/x", "/x"), ("prefix to root alone", "/strip", "/"),
        ("regex", "/re/abc?q=1", "/fixed?q=1"), ("rest", "/rest/a/b", "/r/a/b"),
    ])
    def test_target(self, sent, expected):
        request = self.forwarded(sent, [("Host", "h.test:81")])
        self.assertEqual(request.target, expected)
        self.assertEqual(request.all("host"), ["h.test:81"])

    def test_host(self):
        request = self.forwarded("/host/x", [("Host", "h.test")])
        self.assertEqual((request.target, request.all("host")), ("/h/x", ["inside.test"]))
        self.assertEqual(request.all("x-forwarded-host"), ["h.test"])


class HeaderChangesTest(ActionCase):
    more = {"defaults": {"request_headers": {"set": {"x-default": "d"}},
                         "response_headers": {"set": {"x-answer-default": "d"}}}}
    routes = [
        {"name": "changes", "match": {"path": "/h/{id}"}, "upstream": "main",
         "request_headers": {"remove": ["x-debug", "x-set"], "set": {"x-set": "new",
                             "x-where": "{route} {upstream} {id} {host} {scheme} {path} {client_ip}"},
                             "add": {"x-add": "2"}},
         "response_headers": {"remove": ["server", "x-gone"], "set": {"x-target": "{request_id}",
                              "x-brace": "{{literal}"}, "add": {"x-many": "2"}}},
        {"name": "forwarding", "match": {"path": "/f"}, "upstream": "main",
         "request_headers": {"remove": ["via", "x-real-ip"],
                             "set": {"x-forwarded-proto": "https"}}},
        {"name": "plain", "match": {"path_prefix": "/"}, "upstream": "main"},
        {"name": "own", "match": {"path": "/own"}, "respond": {"status": 200, "body": "x"},
         "response_headers": {"set": {"x-own": "1"}}},
    ]

    def test_request(self):
        request = self.forwarded("/h/7?q=1", [
            ("Host", "h.test"), ("X-Debug", "1"), ("X-Set", "old"), ("X-SET", "older"),
            ("X-Add", "1")])
        self.assertEqual(request.all("x-debug"), [])
        self.assertEqual(request.all("x-set"), ["new"])
        self.assertEqual(request.all("x-add"), ["1", "2"])
        self.assertEqual(request.all("x-default"), ["d"])
        self.assertEqual(request.all("x-where"), ["changes main 7 h.test http /h/7 127.0.0.1"])

    def test_what_weir_adds_can_be_changed(self):
        request = self.forwarded("/f", [("X-Forwarded-Proto", "ftp"), ("Via", "1.1 other")])
        self.assertEqual(request.all("x-forwarded-proto"), ["https"])
        self.assertEqual((request.all("via"), request.all("x-real-ip")), ([], []))
        self.assertEqual(request.all("x-forwarded-for"), ["127.0.0.1"])

    def test_response(self):
        self.upstream.handler = lambda c, r: c.reply(200, [
            ("Server", "s"), ("X-Gone", "1"), ("X-Many", "1")])
        response = self.fetch(self.weir, "/h/7")
        self.assertEqual((response.all("server"), response.all("x-gone")), ([], []))
        self.assertEqual(response.all("x-many"), ["1", "2"])
        self.assertEqual(response.all("x-brace"), ["{literal}"])
        self.assertEqual(response.all("x-target"), response.all("x-request-id"))
        self.assertEqual(response.all("x-answer-default"), ["d"])

    def test_defaults_alone(self):
        self.upstream.handler = lambda c, r: c.reply(200)
        response = self.fetch(self.weir, "/x")
        self.assertEqual(self.upstream.wait_for_request().all("x-default"), ["d"])
        self.assertEqual(response.all("x-answer-default"), ["d"])

    def test_on_our_own_answers(self):
        response = self.fetch(self.weir, "/own")
        self.assertEqual((response.all("x-own"), response.all("x-answer-default")), (["1"], ["d"]))


class AnswerTest(ActionCase):
    routes = [
        {"name": "to-https", "match": {"path_prefix": "/"},
         "redirect": {"status": 308, "to": "https://{host}{path}{query}"}},
        {"name": "found", "match": {"path": "/old/{id}"},
         "redirect": {"status": 302, "to": "/new/{id}"}},
        {"name": "up", "match": {"path": "/ping"}, "respond": {
            "status": 200, "body": "pong\n", "headers": {"content-type": "text/plain"}}},
        {"name": "vars", "match": {"path": "/vars/{a}/{b}"}, "respond": {
            "status": 203, "body": "{a}-{b} {route} {host} {scheme} {query} {client_ip} {{x}",
            "headers": {"x-path": "{path}"}}},
        {"name": "empty", "match": {"path": "/empty"}, "respond": {"status": 204}},
        {"name": "gone", "match": {"path": "/gone"}, "respond": {"status": 410}},
        {"name": "rest", "match": {"path_prefix": "/rest"}, "respond": {
            "status": 200, "body": "[{rest}]"}},
        {"name": "json", "match": {"path": "/json"}, "respond": {
            "status": 200, "body": '{{"id":"{request_id}"}'}},
    ]

    @rows([
        ("path and query", "/a/b?c=d", "h.test:8080", 308, "https://h.test/a/b?c=d"),
        ("root", "/", "h.test", 308, "https://h.test/"),
        ("no open redirect by slashes", "//evil.test/x", "h.test", 308,
         "https://h.test/evil.test/x"),
        ("encoded stays", "/a%20b", "h.test", 308, "https://h.test/a%20b"),
        ("no line breaks", "/a%0d%0aX-Evil:%201", "h.test", 308,
         "https://h.test/a%0D%0AX-Evil:%201"),
        ("parameter", "/old/7", "h.test", 302, "/new/7"),
    ])
    def test_redirect(self, target, host, status, location):
        response = self.fetch(self.weir, target, headers=[("Host", host)])
        self.assertEqual((response.status, response.all("location")), (status, [location]))
        self.assertIsNone(response.header("x-evil"))
        self.assertIsNone(response.header("proxy-status"))

    def test_respond(self):
        response = self.fetch(self.weir, "/ping")
        self.assertEqual((response.status, response.body, response.header("content-type")),
                         (200, b"pong\n", "text/plain"))
        self.assertEqual(response.header("server"), "weir")
        self.assertIsNotNone(response.header("x-request-id"))
        self.assertIsNotNone(response.header("date"))

    def test_respond_to_head(self):
        response = self.fetch(self.weir, "/ping", "HEAD")
        self.assertEqual((response.header("content-length"), response.body), ("5", b""))

    def test_respond_with_variables(self):
        response = self.fetch(self.weir, "/vars/1/two?q=x", headers=[("Host", "H.Test:99")])
        self.assertEqual(response.status, 203)
        self.assertEqual(response.body.decode().lower(),
                         "1-two vars h.test http ?q=x 127.0.0.1 {x}")
        self.assertEqual(response.header("x-path"), "/vars/1/two")

    @rows([("204", "/empty", 204), ("410", "/gone", 410)])
    def test_respond_without_body(self, target, status):
        response = self.fetch(self.weir, target)
        self.assertEqual((response.status, response.body), (status, b""))

    @rows([("below", "/rest/a/b", "[/a/b]"), ("itself", "/rest", "[]")])
    def test_rest(self, target, body):
        self.assertEqual(self.fetch(self.weir, target).body.decode(), body)

    def test_doubled_brace(self):
        response = self.fetch(self.weir, "/json")
        self.assertEqual(response.body.decode(),
                         '{"id":"%s"}' % response.header("x-request-id"))


class SplitTest(Case):
    def realised(self, weights, requests, workers, clients):
        origins = [self.origin(name=f"v{i}") for i in range(len(weights))]
        gateway = self.gateway(basic_config(
            [{"name": "split", "match": {"path_prefix": "/"}, "split": [
                {"upstream": f"v{i}", "weight": w} for i, w in enumerate(weights)]}],
            {f"v{i}": o.address for i, o in enumerate(origins)}, workers=workers))
        peers = [self.client(gateway) for _ in range(clients)]
        for number in range(requests):
            peer = peers[number % clients]
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 200)
        for i, origin in enumerate(origins):
            gateway.wait_metric(len(origin.requests), "weir_split_requests_total",
                                route="split", upstream=f"v{i}")
        return [len(origin.requests) for origin in origins]

    @rows([
        ("90 to 10", [90, 10]), ("1 to 1", [1, 1]), ("1 to 2 to 7", [1, 2, 7]),
        ("all to one", [0, 5]), ("single", [3]),
    ])
    def test_shares_are_exact(self, weights):
        """Never further than the number of workers from n*w."""
        requests, workers = 200, 2
        realised = self.realised(weights, requests, workers, clients=8)
        self.assertEqual(sum(realised), requests)
        for weight, count in zip(weights, realised):
            expected = requests * weight / sum(weights)
            self.assertLessEqual(abs(count - expected), workers, realised)

    def test_shares_of_one_worker_are_smooth(self):
        """10 of 100 do not come in a row."""
        order = []
        origins = {}
        for name in ("a", "b"):
            origins[name] = self.origin(lambda c, r, n=name: (order.append(n), c.reply(200)))
        gateway = self.gateway(basic_config(
            [{"name": "s", "match": {"path_prefix": "/"}, "split": [
                {"upstream": "a", "weight": 3}, {"upstream": "b", "weight": 1}]}],
            {n: o.address for n, o in origins.items()}, workers=1))
        peer = self.client(gateway)
        for _ in range(40):
            peer.request("GET", "/")
            peer.read_response()
        self.assertEqual(collections.Counter(order), {"a": 30, "b": 10})
        for start in range(0, 33, 4):
            self.assertIn("b", order[start:start + 8])
