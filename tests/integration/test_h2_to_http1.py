"""What an HTTP/2 request becomes for an HTTP/1 origin, field by field and frame by frame."""

from harness.case import Case, rows
from harness.gateway import basic_config
from harness.h2 import (
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, PADDED, PROTOCOL_ERROR,
    RST_STREAM, H2Client, data, frame, request_fields, rst_stream, section)

LENGTH5 = ("content-length", "5")


def get(*more, **kwargs):
    return request_fields("GET", more=more, **kwargs)


def post(*more):
    return section(request_fields("POST", more=more))


def begin(*more):
    return frame(HEADERS, END_HEADERS, 1, post(*more))


class Translation(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"o": cls.server.address}, listener={"protocols": ["http1", "h2c"]}, workers=1))

    def setUp(self):
        self.server.clear()
        self.client = H2Client(self.weir.address(), timeout=30)
        self.addCleanup(self.client.close)

    def forwarded(self, fields):
        answer = self.client.answer(self.client.request_raw(fields))
        self.assertEqual(answer.status, 200, answer)
        return self.server.wait_for_request()

    @rows([
        ("authority", get(authority="a.test:8443"), "host", ["a.test:8443"]),
        ("authority keeps its case", get(authority="A.Test"), "host", ["A.Test"]),
        ("authority and an equal Host", get(("host", "a.test")), "host", ["a.test"]),
        ("Host alone", [f for f in get(("host", "b")) if f[0] != ":authority"], "host", ["b"]),
        ("Host amid crumbs", get(("cookie", "a=1"), ("host", "a.test"), ("cookie", "b=2")), "cookie",
         ["a=1; b=2"]),
        ("crumbs that are lists", get(("cookie", "a=1; b=2"), ("cookie", "c=3")), "cookie",
         ["a=1; b=2; c=3"]),
        ("an empty crumb alone", get(("cookie", "")), "cookie", []),
        ("scheme is the connection's", get(scheme="https"), "x-forwarded-proto", ["http"]),
        ("TE", get(("te", "trailers")), "te", ["trailers"]),
        ("TE twice", get(("te", "trailers"), ("te", "Trailers")), "te", ["trailers"]),
        ("no TE", get(), "te", []),
        ("fields of a name stay apart", get(("x", "1"), ("y", "2"), ("x", "3")), "x", ["1", "3"]),
        ("an empty value", get(("x", "")), "x", [""]),
        ("latin-1", get(("x", "caf\xe9")), "x", ["caf\xe9"]),
        ("a tab within", get(("x", "a\tb")), "x", ["a\tb"]),
        ("a stranger's X-Forwarded-For", get(("x-forwarded-for", "6.6.6.6")), "x-forwarded-for",
         ["127.0.0.1"]),
        ("Via", get(("via", "1.1 x")), "via", ["1.1 x, 2.0 weir"]),
        ("HTTP2-Settings", get(("http2-settings", "AAMAAABk")), "http2-settings", []),
        ("Proxy-Authorization", get(("proxy-authorization", "x")), "proxy-authorization", []),
        ("what only begins with Upgrade", get(("upgrade-insecure-requests", "1")),
         "upgrade-insecure-requests", ["1"]),
        ("no length of GET", get(), "content-length", []),
        ("length of an empty POST", request_fields("POST"), "content-length", ["0"]),
        ("no length of an empty DELETE", request_fields("DELETE"), "content-length", []),
        ("a length is written anew", request_fields("POST", more=[("content-length", "00")]),
         "content-length", ["0"]),
        ("an expectation of nothing", request_fields("POST", more=[("expect", "100-continue")]),
         "expect", []),
    ])
    def test_field(self, fields, name, expected):
        self.assertEqual(self.forwarded(fields).all(name), expected)

    @rows([
        ("empty DATA that ends", begin() + data(1, b"", True), b"", []),
        ("empty DATA all around", begin() + data(1, b"") + data(1, b"hi") + data(1, b"")
         + data(1, b"", True), b"hi", []),
        ("empty DATA of length 0", begin(("content-length", "0")) + data(1, b"", True), b"", []),
        ("empty DATA within a length", begin(LENGTH5) + data(1, b"hel") + data(1, b"")
         + data(1, b"lo") + data(1, b"", True), b"hello", []),
        ("padding is no content", begin(LENGTH5) + frame(DATA, PADDED, 1, b"\x04hel\0\0\0\0")
         + frame(DATA, PADDED | END_STREAM, 1, b"\0lo"), b"hello", []),
        ("DATA of padding alone", begin(("content-length", "0"))
         + frame(DATA, PADDED | END_STREAM, 1, b"\x02\0\0"), b"", []),
        ("a head in pieces", frame(HEADERS, 0, 1, post()[:9]) + frame(CONTINUATION, 0, 1, b"")
         + frame(CONTINUATION, END_HEADERS, 1, post()[9:]) + data(1, b"hi", True), b"hi", []),
        ("trailers", begin() + data(1, b"hi") + frame(HEADERS, 5, 1, section([("x-sum", "1")])),
         b"hi", [("x-sum", "1")]),
        ("trailers without content", begin() + frame(HEADERS, 5, 1, section([("x-sum", "1")])),
         b"", [("x-sum", "1")]),
        ("no fields in the trailers", begin() + data(1, b"hi") + frame(HEADERS, 5, 1), b"hi", []),
        ("trailers that may not be", begin() + data(1, b"hi") + frame(HEADERS, 5, 1, section(
            [("content-length", "5"), ("host", "b"), ("authorization", "x"), ("x-sum", "1")])),
         b"hi", [("x-sum", "1")]),
    ])
    def test_content(self, frames, body, trailers):
        self.client.send(frames)
        self.assertEqual(self.client.answer(1).body, body)
        request = self.server.wait_for_request()
        self.assertEqual((request.body, request.trailers), (body, trailers))

    @rows([("GET", "GET"), ("DELETE", "DELETE"), ("OPTIONS", "OPTIONS")])
    def test_content_of_any_method(self, method):
        answer = self.client.fetch(method, body=b"content")
        self.assertEqual((answer.status, answer.body), (200, b"content"))
        self.assertEqual(self.server.wait_for_request().all("transfer-encoding"), ["chunked"])

    @rows([("empty", get(path="")), ("an absolute URL", get(path="http://a.test/x")),
           ("asterisk of GET", get(path="*")), ("empty of OPTIONS", request_fields("OPTIONS", "")),
           ("empty authority", get(authority="")), ("2 to the 63", request_fields(
               "POST", more=[("content-length", "9223372036854775808")])),
           ("a length with a space", request_fields("POST", more=[("content-length", "0 ")])),
           ("TE with a weight", get(("te", "trailers;q=1"))), ("empty TE", get(("te", "")))])
    def test_malformed(self, fields):
        self.assertEqual(self.client.answer(self.client.request_raw(fields)).reset, PROTOCOL_ERROR)
        self.assertEqual(self.server.heads, [])

    @rows([("behind the end", frame(HEADERS, 5, 1, section(get())), CANCEL),
           ("before it", begin() + data(1, b"half"), CANCEL),
           ("without an error", begin() + data(1, b"half"), NO_ERROR)])
    def test_resets_leave_the_connection(self, frames, error):
        self.client.send(frames + rst_stream(1, error))
        self.client.next_stream = 3
        self.assertEqual(self.client.fetch(path="/next").status, 200)
        self.assertFalse([f for f in self.client.frames if f.kind == RST_STREAM])

    def test_a_connection_byte_by_byte(self):
        sent = (begin(LENGTH5) + frame(DATA, PADDED, 1, b"\x02hel\0\0") + data(1, b"lo")
                + frame(HEADERS, 5, 1, section([("x-sum", "1")])))
        for i in range(len(sent)):
            self.client.send(sent[i:i + 1])
        self.assertEqual(self.client.answer(1).body, b"hello")
