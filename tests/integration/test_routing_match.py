"""Which route wins: every kind of condition, and the precedence of interface.md section 2. Each route
answers with its own name, so a row is a request and the name that must come back."""

from harness import Case, basic_config, rows


def route(name, match, **more):
    return {"name": name, "match": match, "respond": {
        "status": 200, "body": "{route}", "headers": {"content-type": "text/plain"}}, **more}


class MatchCase(Case):
    routes = []
    listeners = None

    @classmethod
    def setUpClass(cls):
        more = {"listeners": cls.listeners} if cls.listeners else {}
        cls.weir = cls.shared_gateway(basic_config(cls.routes, **more))

    def route_of(self, target="/", method="GET", headers=(), listener="http"):
        response = self.fetch(self.weir, target, method, headers, listener=listener)
        if response.status == 200:
            return response.body.decode()
        return response.status


class PathTest(MatchCase):
    # Worst first, so that file order alone would give the wrong answer.
    routes = [
        route("root", {"path_prefix": "/"}),
        route("prefix", {"path_prefix": "/a"}),
        route("long-prefix", {"path_prefix": "/a/b/c"}),
        route("slash-prefix", {"path_prefix": "/sl/"}),
        route("regex-1", {"path_regex": "/re/[0-9]+"}),
        route("regex-2", {"path_regex": "/re/.*"}),
        route("regex-over-prefix", {"path_regex": "/a/b/c/[xyz]"}),
        route("two-parameters", {"path": "/p/{x}/{y}"}),
        route("parameter", {"path": "/p/{x}/lit"}),
        route("literal-first", {"path": "/p/lit/{y}"}),
        route("exact", {"path": "/p/lit/lit"}),
        route("exact-over-regex", {"path": "/re/1"}),
        route("encoded", {"path": "/caf%C3%A9"}),
    ]

    @rows([
        ("root", "/", "root"), ("anything", "/zzz", "root"),
        ("prefix itself", "/a", "prefix"), ("prefix with slash", "/a/", "prefix"),
        ("prefix below", "/a/x", "prefix"), ("prefix by segment", "/ab", "root"),
        ("longest prefix", "/a/b/c", "long-prefix"), ("longest prefix below", "/a/b/c/d",
                                                      "long-prefix"),
        ("regex over prefix", "/a/b/c/x", "regex-over-prefix"),
        ("below slash prefix", "/sl/x", "slash-prefix"),
        ("regex in file order", "/re/12", "regex-1"), ("second regex", "/re/ab", "regex-2"),
        ("regex is the whole path", "/re/12x", "regex-2"), ("regex not a part", "/x/re/1", "root"),
        ("exact over regex", "/re/1", "exact-over-regex"),
        ("parameters", "/p/1/2", "two-parameters"), ("literal after parameter", "/p/1/lit",
                                                     "parameter"),
        ("literal before parameter", "/p/lit/2", "literal-first"), ("exact", "/p/lit/lit", "exact"),
        ("parameter is one segment", "/p/1/2/3", "root"), ("parameter is not empty", "/p/1/", "root"),
        ("case counts", "/A", "root"), ("query does not count", "/p/lit/lit?x", "exact"),
        ("normalised before matching", "/x/../%70/lit/./lit", "exact"),
        ("encoded as normalised", "/caf%c3%a9", "encoded"),
        ("slashes merged", "//a//b//c", "long-prefix"),
    ])
    def test_path(self, target, expected):
        self.assertEqual(self.route_of(target), expected)


class HostTest(MatchCase):
    routes = [
        route("any-exact-path", {"path": "/x"}),
        route("any", {"path_prefix": "/"}),
        route("wild", {"host": "*.example.com", "path_prefix": "/"}),
        route("wild-long", {"host": "*.b.example.com", "path_prefix": "/"}),
        route("exact", {"host": "api.example.com", "path_prefix": "/"}),
        route("list", {"host": ["one.test", "*.two.test"], "path_prefix": "/"}),
        route("fall-back", {"host": "half.example.com", "path_prefix": "/only"}),
    ]

    @rows([
        ("none", "other.org", "/", "any"), ("exact", "api.example.com", "/", "exact"),
        ("exact wins over exact path", "api.example.com", "/x", "exact"),
        ("upper case", "API.Example.COM", "/", "exact"), ("port", "api.example.com:8443", "/",
                                                          "exact"),
        ("trailing dot", "api.example.com.", "/", "exact"),
        ("trailing dot and port", "api.example.com.:80", "/", "exact"),
        ("wildcard", "www.example.com", "/", "wild"), ("wildcard of many labels",
                                                       "a.b.c.example.com", "/", "wild"),
        ("longest wildcard", "a.b.example.com", "/", "wild-long"),
        ("longest wildcard of many", "x.a.b.example.com", "/", "wild-long"),
        ("wildcard not itself", "example.com", "/", "any"), ("wildcard by label",
                                                             "badexample.com", "/", "any"),
        ("list exact", "one.test", "/", "list"), ("list wildcard", "a.two.test", "/", "list"),
        ("list not itself", "two.test", "/", "any"),
        ("less specific host is the fall-back", "half.example.com", "/other", "wild"),
        ("more specific host first", "half.example.com", "/only/x", "fall-back"),
        ("address", "127.0.0.1", "/", "any"), ("IPv6", "[::1]:80", "/", "any"),
    ])
    def test_host(self, host, target, expected):
        self.assertEqual(self.route_of(target, headers=[("Host", host)]), expected)


class ConditionsTest(MatchCase):
    routes = [
        route("plain", {"path": "/c"}),
        route("methods", {"path": "/c", "methods": ["GET", "DELETE"]}),
        route("one-header", {"path": "/c", "headers": {"x-version": "2"}}),
        route("two-headers", {"path": "/c", "headers": {"x-version": "2", "x-beta": {
            "present": True}}}),
        route("regex-header", {"path": "/h", "headers": {"x-id": {"regex": "[0-9]+"}}}),
        route("present", {"path": "/h", "headers": {"x-any": {"present": True}}}),
        route("upgrade", {"path": "/u", "headers": {"upgrade": "websocket"}}),
        route("no-upgrade", {"path": "/u"}),
        route("query", {"path": "/q", "query": {"beta": "1"}}),
        route("two-queries", {"path": "/q", "query": {"beta": "1", "x": "a b"}}),
        route("query-regex", {"path": "/q", "query": {"n": {"regex": "[0-9]+"}}}),
        route("query-present", {"path": "/q", "query": {"flag": {"present": True}}}),
        route("no-query", {"path": "/q"}),
        route("scheme", {"path": "/s", "scheme": "https"}),
        route("scheme-http", {"path": "/s2", "scheme": "http"}),
        route("first", {"path": "/tie", "headers": {"x-a": "1"}}),
        route("second", {"path": "/tie", "headers": {"x-b": "1"}}),
        route("header-over-query", {"path": "/hq", "headers": {"x-a": "1"}}),
        route("query-under-header", {"path": "/hq", "query": {"a": "1", "b": "1"}}),
    ]

    @rows([
        ("methods given win", "/c", "GET", [], "methods"), ("method not listed", "/c", "POST", [],
                                                            "plain"),
        ("GET includes HEAD in methods", "/c", "DELETE", [], "methods"),
        ("header, other method", "/c", "POST", [("X-Version", "2")], "one-header"),
        ("methods come before headers", "/c", "GET", [("X-Version", "2")], "methods"),
        ("more headers win", "/c", "POST", [("x-version", "2"), ("x-beta", "")], "two-headers"),
        ("other value", "/c", "POST", [("X-Version", "3")], "plain"),
        ("value is not a prefix", "/c", "POST", [("X-Version", "22")], "plain"),
        ("any line of a repeated field", "/c", "POST", [("X-Version", "1"), ("X-Version", "2")],
         "one-header"),
        ("regex", "/h", "GET", [("X-Id", "42")], "regex-header"),
        ("regex is the whole value", "/h", "GET", [("X-Id", "42x")], 404),
        ("present", "/h", "GET", [("X-Any", "")], "present"),
        ("none", "/h", "GET", [], 404),
        ("a field of the connection", "/u", "GET", [("Connection", "Upgrade"),
                                                    ("Upgrade", "websocket")], "upgrade"),
        ("without it", "/u", "GET", [], "no-upgrade"),
        ("query", "/q?beta=1", "GET", [], "query"), ("query other", "/q?beta=2", "GET", [],
                                                     "no-query"),
        ("query in the middle", "/q?a=b&beta=1&c", "GET", [], "query"),
        ("query first occurrence", "/q?beta=2&beta=1", "GET", [], "no-query"),
        ("query first of two", "/q?beta=1&beta=2", "GET", [], "query"),
        ("query decoded", "/q?beta=%31", "GET", [], "query"), ("query name decoded",
                                                               "/q?%62eta=1", "GET", [], "query"),
        ("more queries win", "/q?x=a%20b&beta=1", "GET", [], "two-queries"),
        ("semicolon is no separator", "/q?a;beta=1", "GET", [], "no-query"),
        ("query regex", "/q?n=12", "GET", [], "query-regex"), ("query regex whole", "/q?n=12x",
                                                               "GET", [], "no-query"),
        ("query present", "/q?flag", "GET", [], "query-present"),
        ("scheme of TLS", "/s", "GET", [], 404), ("scheme from the transport", "/s", "GET",
                                                  [("X-Forwarded-Proto", "https")], 404),
        ("scheme http", "/s2", "GET", [], "scheme-http"),
        ("file order at last", "/tie", "GET", [("x-a", "1"), ("x-b", "1")], "first"),
        ("headers before queries", "/hq?a=1&b=1", "GET", [("x-a", "1")], "header-over-query"),
    ])
    def test_condition(self, target, method, headers, expected):
        self.assertEqual(self.route_of(target, method, headers), expected)

    def test_head_is_included_in_get(self):
        response = self.fetch(self.weir, "/c", "HEAD")
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertEqual(response.header("content-length"), str(len("methods")))

    def test_not_found(self):
        self.assert_problem(self.fetch(self.weir, "/nothing"), "no_route")

    def test_not_found_by_head(self):
        self.assert_problem(self.fetch(self.weir, "/nothing", "HEAD"), "no_route", head=True)


class MethodNotAllowedTest(MatchCase):
    routes = [
        route("get", {"path": "/m", "methods": ["GET"]}),
        route("put", {"path_prefix": "/m", "methods": ["PUT"]}),
        route("delete-elsewhere", {"path": "/n", "methods": ["DELETE"]}),
        route("header", {"path": "/m", "methods": ["PATCH"], "headers": {"x-a": "1"}}),
        route("cors", {"path": "/cors", "methods": ["POST"]},
              middleware=[{"cors": {"origins": ["https://app.test"]}}]),
    ]

    @rows([
        ("union", "/m", [], {"GET", "HEAD", "PUT"}),
        ("with the header", "/m", [("x-a", "1")], {"GET", "HEAD", "PUT", "PATCH"}),
        ("one", "/n", [], {"DELETE"}), ("prefix alone", "/m/x", [], {"PUT"}),
        ("cors adds OPTIONS", "/cors", [], {"POST", "OPTIONS"}),
    ])
    def test_allow(self, target, headers, allowed):
        response = self.fetch(self.weir, target, "REPORT", headers)
        self.assert_problem(response, "method_not_allowed")
        self.assertEqual({m.strip() for m in response.header("allow").split(",")}, allowed)

    def test_other_path_is_not_found(self):
        self.assertEqual(self.route_of("/x", "REPORT"), 404)


class ListenersTest(MatchCase):
    listeners = [{"name": "http", "bind": "127.0.0.1:0"}, {"name": "inside", "bind": "127.0.0.1:0"},
                 {"name": "six", "bind": "[::1]:0"}]
    routes = [
        route("everywhere", {"path_prefix": "/"}),
        route("inside-only", {"path": "/admin", "listeners": ["inside"]}),
        route("two", {"path": "/two", "listeners": ["http", "six"]}),
    ]

    @rows([
        ("not here", "/admin", "http", "everywhere"), ("here", "/admin", "inside", "inside-only"),
        ("first of two", "/two", "http", "two"), ("second of two", "/two", "six", "two"),
        ("not of two", "/two", "inside", "everywhere"), ("IPv6", "/", "six", "everywhere"),
    ])
    def test_listener(self, target, listener, expected):
        self.assertEqual(self.route_of(target, listener=listener), expected)
