"""The grammar of a request head: request line, field lines, Host, versions, methods. peers.md
section 5, rows 10, 15, 16, 30 and 44."""

from harness import rows
from harness.refusal import RefusalCase


def get(*fields, target="/first", host="Host: a"):
    return f"GET {target} HTTP/1.1\r\n" + "".join(
        f"{field}\r\n" for field in ((host,) if host else ()) + fields) + "\r\n"


def line(text):
    return f"{text}\r\nHost: a\r\n\r\n"


class RequestLineTest(RefusalCase):
    @rows([
        ("two spaces after method", line("GET  / HTTP/1.1")),
        ("two spaces before version", line("GET /  HTTP/1.1")),
        ("tab after method", line("GET\t/ HTTP/1.1")),
        ("tab before version", line("GET /\tHTTP/1.1")),
        ("vertical tab", line("GET\x0b/ HTTP/1.1")),
        ("leading space", line(" GET / HTTP/1.1")),
        ("trailing space", line("GET / HTTP/1.1 ")),
        ("no target", line("GET HTTP/1.1")),
        ("empty target", line("GET  HTTP/1.1")),
        ("no version", line("GET /")),
        ("version in lower case", line("GET / http/1.1")),
        ("other protocol", line("GET / HTTPS/1.1")),
        ("version without minor", line("GET / HTTP/1")),
        ("version with two digits", line("GET / HTTP/1.10")),
        ("version with letters", line("GET / HTTP/1.x")),
        ("version with plus", line("GET / HTTP/+1.1")),
        ("version with junk", line("GET / HTTP/1.1x")),
        ("two targets", line("GET / /b HTTP/1.1")),
        ("space in target", line("GET /a b HTTP/1.1")),
        ("method with at", line("G@T / HTTP/1.1")),
        ("method with colon", line("GET: / HTTP/1.1")),
        ("method with slash", line("GE/T / HTTP/1.1")),
        ("method with parentheses", line("GET() / HTTP/1.1")),
        ("method with NUL", line("GET\x00 / HTTP/1.1")),
        ("method not ASCII", line("G\xc9T / HTTP/1.1")),
        ("no method", line(" / HTTP/1.1")),
        ("fragment", line("GET /#top HTTP/1.1")),
        ("fragment after query", line("GET /?a#top HTTP/1.1")),
        ("target not ASCII", line("GET /caf\xe9 HTTP/1.1")),
        ("query not ASCII", line("GET /?q=\xe9 HTTP/1.1")),
        ("control in target", line("GET /a\x01 HTTP/1.1")),
        ("delete in target", line("GET /a\x7f HTTP/1.1")),
        ("NUL in target", line("GET /a\x00b HTTP/1.1")),
        ("NUL in query", line("GET /?a\x00b HTTP/1.1")),
        ("CR in target", line("GET /a\rb HTTP/1.1")),
        ("target without slash", line("GET first HTTP/1.1")),
        ("query without path", line("GET ?q HTTP/1.1")),
        ("asterisk for GET", line("GET * HTTP/1.1")),
        ("authority for GET", line("GET a:80 HTTP/1.1")),
        ("LF ends the line", "GET /first HTTP/1.1\nHost: a\r\n\r\n"),
        ("LF ends everything", "GET /first HTTP/1.1\nHost: a\n\n"),
        ("CR ends the line", "GET /first HTTP/1.1\rHost: a\r\n\r\n"),
        ("garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        ("an answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ])
    def test_refused(self, raw):
        self.assert_refused(raw)

    @rows([
        ("2.0", line("GET / HTTP/2.0"), ("version_not_supported",)),
        ("3.0", line("GET / HTTP/3.0"), ("version_not_supported",)),
        ("1.2", line("GET / HTTP/1.2"), ("version_not_supported",)),
        ("0.9", line("GET / HTTP/0.9"), ("version_not_supported", "bad_request")),
        ("2", line("GET / HTTP/2"), ("version_not_supported", "bad_request")),
        ("preface of HTTP 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
         ("version_not_supported", "bad_request", "not_implemented")),
    ])
    def test_version(self, raw, reasons):
        self.assert_refused(raw, reasons)

    @rows([
        ("TRACE", line("TRACE / HTTP/1.1")),
        ("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        ("CONNECT to the origin itself", None),
    ])
    def test_method_not_implemented(self, raw):
        raw = raw or (f"CONNECT {self.upstream.address} HTTP/1.1\r\n"
                      f"Host: {self.upstream.address}\r\n\r\n")
        self.assert_refused(raw, "not_implemented", closes=False)

    @rows([
        ("unknown method", "FOO", "/first"), ("token characters", "M-SEARCH!#$%&'*+.^_`|~1", "/a"),
        ("lower case is another method", "get", "/a"), ("PATCH", "PATCH", "/a"),
    ])
    def test_methods_are_tokens(self, method, target):
        request = self.forwarded(f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual((request.method, request.target), (method, target))


class FieldLineTest(RefusalCase):
    @rows([
        ("space before colon", "X-A : 1"), ("tab before colon", "X-A\t: 1"),
        ("space in name", "X A: 1"), ("no colon", "X-A"), ("empty name", ": 1"),
        ("only a space", " "), ("fold by space", "X-A: 1\r\n 2"), ("fold by tab", "X-A: 1\r\n\t2"),
        ("fold of nothing", "X-A:\r\n "), ("NUL in value", "X-A: 1\x002"),
        ("NUL at the end", "X-A: 1\x00"), ("NUL in name", "X\x00A: 1"),
        ("bare CR in value", "X-A: 1\rX-B: 2"), ("bare CR before name", "\rX-A: 1"),
        ("CR twice", "X-A: 1\r"), ("bare LF in value", "X-A: 1\nX-B: 2"),
        ("LF in name", "X\nA: 1"), ("control in value", "X-A: \x01"),
        ("backspace in value", "X-A: a\x08b"), ("escape in value", "X-A: \x1b[31m"),
        ("delete in value", "X-A: \x7f"), ("vertical tab in value", "X-A: a\x0bb"),
        ("control in name", "X\x01A: 1"), ("name not ASCII", "X\xc4: 1"),
        ("at in name", "X@A: 1"), ("parentheses in name", "X(A): 1"), ("quote in name", 'X"A: 1'),
        ("comma in name", "X,A: 1"), ("slash in name", "X/A: 1"), ("brackets in name", "X[A]: 1"),
        ("equals in name", "X=A: 1"), ("brace in name", "X{A}: 1"),
    ])
    def test_refused(self, field):
        self.assert_refused(get(field))

    @rows([
        ("space", "GET /first HTTP/1.1\r\n X-A: 1\r\nHost: a\r\n\r\n"),
        ("tab", "GET /first HTTP/1.1\r\n\tHost: a\r\n\r\n"),
    ])
    def test_first_line_begins_with_white_space(self, raw):
        self.assert_refused(raw)

    def test_lf_instead_of_the_empty_line(self):
        self.assert_refused("GET /first HTTP/1.1\r\nHost: a\r\n\nGET /smuggled HTTP/1.1\r\n"
                            "Host: a\r\n\r\n")

    @rows([
        ("X_Forwarded_For", "X_Forwarded_For: 6.6.6.6", "X_Forwarded_For"),
        ("Content_Length", "Content_Length: 0", "Content_Length"),
        ("any", "my_header: 1", "my_header"),
    ])
    def test_underscore_is_named(self, field, name):
        self.assert_refused(get(field), detail=name)

    @rows([
        ("latin-1", "X-A: caf\xe9"), ("tab inside", "X-A: a\tb"), ("empty", "X-A:"),
        ("all token characters", "!#$%&'*+-.^`|~09Az: 1"),
    ])
    def test_accepted(self, field):
        request = self.forwarded(get(field))
        name, value = field.split(":", 1)
        self.assertEqual(request.all(name), [value.strip()])

    def test_many_lines_of_a_field_stay_apart_and_in_order(self):
        request = self.forwarded(get("X-A: 1", "X-B: 2", "x-a: 3"))
        self.assertEqual([h for h in request.headers if h[0].lower() in ("x-a", "x-b")],
                         [("X-A", "1"), ("X-B", "2"), ("x-a", "3")])


class HostTest(RefusalCase):
    @rows([
        ("missing", get(host=None)),
        ("two different", get("Host: b")),
        ("two same", get("Host: a")),
        ("two in other case", get("hOsT: a")),
        ("empty", get(host="Host:")),
        ("space inside", get(host="Host: a b")),
        ("list", get(host="Host: a, b")),
        ("path", get(host="Host: a/b")),
        ("user", get(host="Host: user@a")),
        ("fragment", get(host="Host: a#b")),
        ("query", get(host="Host: a?b")),
        ("scheme", get(host="Host: http://a")),
        ("backslash", get(host="Host: a\\b")),
        ("quote", get(host='Host: a"b')),
        ("less than", get(host="Host: <script>")),
        ("not ASCII", get(host="Host: \xe4")),
        ("port not a number", get(host="Host: a:b")),
        ("two ports", get(host="Host: a:80:80")),
        ("port above 65535", get(host="Host: a:65536")),
        ("port negative", get(host="Host: a:-1")),
        ("bracket open", get(host="Host: [::1")),
        ("bracket closed", get(host="Host: ::1]")),
        ("bracket with name", get(host="Host: [a]")),
        ("NUL", get(host="Host: a\x00b")),
        ("folded", get(host="Host: a\r\n b")),
        ("space before colon", get(host="Host : a")),
        ("missing with absolute form", get(host=None, target="http://a/first")),
        ("two with absolute form", get("Host: b", target="http://a/first")),
    ])
    def test_refused(self, raw):
        self.assert_refused(raw)

    @rows([
        ("user in authority", "http://user@a/first"), ("other scheme", "ftp://a/first"),
        ("no authority", "http:///first"), ("bad authority", "http://a b/"),
        ("bad port", "http://a:x/first"), ("fragment", "http://a/first#x"),
        ("file", "file:///etc/passwd"),
    ])
    def test_absolute_form_refused(self, target):
        self.assert_refused(get(target=target))

    @rows([
        ("another name", "http://inside/first", "outside", "inside"),
        ("another port", "http://inside:81/first", "inside", "inside:81"),
        ("another case", "http://INSIDE/first", "inside", "INSIDE"),
        ("IPv6", "http://[::1]:80/first", "inside", "[::1]:80"),
    ])
    def test_absolute_form_that_disagrees_wins(self, target, host, forwarded):
        """RFC 9112 section 3.2.2: Host becomes the target's, and there is one."""
        request = self.forwarded(get(target=target, host=f"Host: {host}"))
        self.assertEqual((request.target, request.all("host")), ("/first", [forwarded]))
        self.assertEqual(request.all("x-forwarded-host"), [forwarded])

    @rows([
        ("name", "a.example"), ("upper case", "A.Example"), ("port", "a.example:8080"),
        ("IPv4", "127.0.0.1:80"), ("IPv6", "[::1]:80"), ("IPv6 alone", "[2001:db8::1]"),
        ("trailing dot", "a.example."), ("underscore in a name", "my_service"),
    ])
    def test_accepted(self, host):
        self.assertEqual(self.forwarded(get(host=f"Host: {host}")).all("host"), [host])

    def test_http_1_0_without_host_is_served(self):
        self.peer.send("GET /first HTTP/1.0\r\n\r\n")
        self.assertEqual(self.peer.read_response().status, 200)
        self.assertLessEqual(len(self.upstream.wait_for_request().all("host")), 1)
