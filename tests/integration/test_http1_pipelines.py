"""Several requests in one piece of which one is refused: those before it are answered in order, none
behind it is believed."""

from harness import Case, basic_config, rows

NEXT = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def get(*fields, target="/first", method="GET", body=""):
    return f"{method} {target} HTTP/1.1\r\nHost: a\r\n" + "".join(
        f"{field}\r\n" for field in fields) + "\r\n" + body


class Pipelines(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"main": cls.upstream.address}, listener={"protocols": ["http1", "h2c"]},
            workers=1))

    def setUp(self):
        self.upstream.clear()
        self.peer = self.client(self.weir, timeout=20)

    def answers(self, raw, pieces=False):
        """The statuses of all answers until the gateway closes."""
        if pieces:
            for byte in raw:
                self.peer.send(byte)
        else:
            self.peer.send(raw)
        out = []
        while True:
            response = self.peer.read_response()
            out.append(response.status)
            if (response.header("connection") or "").lower() == "close":
                self.peer.expect_closed()
                return out

    BAD = [
        ("two framings", get("Content-Length: 1", "Transfer-Encoding: chunked", method="POST",
                             body="0\r\n\r\n"), 400),
        ("a malformed field", get("X : y"), 400),
        ("another version", get().replace("HTTP/1.1", "HTTP/2.0"), 505),
        ("a bad path", get(target="/%00"), 400),
        ("an unknown expectation with content",
         get("Expect: x", f"Content-Length: {len(NEXT)}", method="POST", body=NEXT), 417),
        ("the preface of HTTP 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("garbage", "\x00\x01\x02\r\n\r\n", 400),
        ("a body longer than its length", "XX GET /x HTTP/1.1\r\n\r\n", 400),
    ]

    @rows(BAD)
    def test_refused_amid_others(self, bad, status):
        self.assertEqual(self.answers(get() + get(target="/second") + bad + NEXT),
                         [200, 200, status])
        self.assertEqual(self.upstream.targets(), ["/first", "/second"])

    @rows(BAD)
    def test_refused_at_once(self, bad, status):
        if bad.startswith("PRI"):  # here it is the preface
            bad = bad.replace("SM", "XX")
        self.assertEqual(self.answers(bad + NEXT), [status])
        self.assertEqual(self.upstream.targets(), [])

    def test_close_ends_the_pipeline(self):
        self.assertEqual(self.answers(get() + get("Connection: close", target="/last") + NEXT),
                         [200, 200])
        self.assertEqual(self.upstream.targets(), ["/first", "/last"])

    def test_empty_lines_between_requests(self):
        """RFC 9112 section 2.2."""
        self.assertEqual(self.answers(get() + "\r\n\r\n" + get("Connection: close", target="/last")),
                         [200, 200])

    def test_byte_by_byte(self):
        raw = (get() + get("Transfer-Encoding: chunked", target="/chunked", method="POST",
                           body='5;a="b\\"";c\r\nhello\r\n0;d=e\r\nX-Sum: 1\r\nX-More:  2 \r\n\r\n')
               + get("Connection: close", target="/last"))
        self.assertEqual(self.answers(raw, pieces=True), [200, 200, 200])
        chunked = self.upstream.requests[1]
        self.assertEqual((chunked.body, chunked.trailers),
                         (b"hello", [("X-Sum", "1"), ("X-More", "2")]))
