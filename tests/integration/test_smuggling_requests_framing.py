"""Where a request ends: everything that two parsers could read differently is refused before a byte
of it is forwarded. peers.md section 5, rows 1 to 5, 13 and 14."""

from harness import rows
from harness.refusal import RefusalCase

SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = "0\r\n\r\n"


def post(*fields, body="", version="1.1", target="/first"):
    return f"POST {target} HTTP/{version}\r\nHost: a\r\n" + "".join(
        f"{field}\r\n" for field in fields) + "\r\n" + body


def te(value, body=CHUNKED):
    return post(f"Transfer-Encoding: {value}", body=body)


def cl(value, body="hello"):
    return post(f"Content-Length: {value}", body=body)


class FramingFieldsTest(RefusalCase):
    @rows([
        ("length then chunked", post("Content-Length: 5", "Transfer-Encoding: chunked",
                                     body=CHUNKED + SMUGGLED)),
        ("chunked then length", post("Transfer-Encoding: chunked", "Content-Length: 5",
                                     body=CHUNKED + SMUGGLED)),
        ("length 0 and chunked", post("Content-Length: 0", "Transfer-Encoding: chunked",
                                      body=CHUNKED + SMUGGLED)),
        ("length and chunked in odd case", post("cOnTeNt-LeNgTh: 5", "tRaNsFeR-eNcOdInG: cHuNkEd",
                                                body=CHUNKED)),
        ("length and unknown coding", post("Content-Length: 5", "Transfer-Encoding: xchunked",
                                           body="hello")),
        ("length and empty coding", post("Content-Length: 5", "Transfer-Encoding:", body="hello")),
        ("GET with both", "GET /first HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n" + CHUNKED),
    ])
    def test_cl_te(self, raw):
        self.assert_refused(raw)

    @rows([
        ("xchunked", te("xchunked")),
        ("chunkedx", te("chunkedx")),
        ("identity", te("identity")),
        ("gzip alone", te("gzip")),
        ("chunked then identity", te("chunked, identity")),
        ("chunked then gzip", te("chunked, gzip")),
        ("parameter", te("chunked;x")),
        ("quoted", te('"chunked"')),
        ("vertical tab before", te("\x0bchunked")),
        ("vertical tab after", te("chunked\x0b")),
        ("form feed", te("\x0cchunked")),
        ("NUL after", te("chunked\x00")),
        ("high byte after", te("chunked\xff")),
        ("no-break space before", te("\xa0chunked")),
        ("two words", te("chunked chunked")),
        ("empty", te("")),
        ("only a comma", te(",")),
        ("space before colon", post("Transfer-Encoding : chunked", body=CHUNKED)),
        ("folded value", post("Transfer-Encoding:\r\n chunked", body=CHUNKED)),
        ("folded name", post("X: y\r\n Transfer-Encoding: chunked", body=CHUNKED)),
        ("hidden by bare LF", post("X: y\nTransfer-Encoding: chunked", body=CHUNKED)),
        ("hidden by bare CR", post("X: y\rTransfer-Encoding: chunked", body=CHUNKED)),
        ("underscore", post("Transfer_Encoding: chunked", body=CHUNKED)),
        ("line before ends in LF", "POST /first HTTP/1.1\nTransfer-Encoding: chunked\r\n"
                                   "Host: a\r\n\r\n" + CHUNKED),
    ])
    def test_te_obfuscated(self, raw):
        self.assert_refused(raw)

    # A coding that ends in chunked can be framed, but is not implemented: 501. The same coding
    # twice, or lists with holes, may be either.
    @rows([
        ("gzip then chunked", te("gzip, chunked"), ("not_implemented",)),
        ("deflate then chunked on two lines",
         post("Transfer-Encoding: deflate", "Transfer-Encoding: chunked", body=CHUNKED),
         ("not_implemented", "bad_request")),
        ("identity then chunked", te("identity, chunked"), ("not_implemented", "bad_request")),
        ("chunked twice", te("chunked, chunked"), ("not_implemented", "bad_request")),
        ("chunked on two lines",
         post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKED),
         ("not_implemented", "bad_request")),
        ("chunked then xchunked on two lines",
         post("Transfer-Encoding: chunked", "Transfer-Encoding: xchunked", body=CHUNKED),
         ("not_implemented", "bad_request")),
        ("comma after", te("chunked,"), ("bad_request", "not_implemented")),
        ("comma before", te(",chunked"), ("bad_request", "not_implemented")),
    ])
    def test_te_list(self, raw, reasons):
        self.assert_refused(raw, reasons)

    @rows([
        ("plus", cl("+5")), ("minus", cl("-5")), ("minus zero", cl("-0", "")),
        ("hexadecimal", cl("0x5")), ("exponent", cl("5e0")), ("fraction", cl("5.0")),
        ("trailing letter", cl("5a")), ("semicolon", cl("5;")), ("underscore digits", cl("1_0")),
        ("inner space", cl("5 5")), ("list of different", cl("5, 6")), ("list of same", cl("5, 5")),
        ("comma after", cl("5,")), ("comma before", cl(",5")), ("empty", cl("")),
        ("only spaces", cl("   ")), ("quoted", cl('"5"')), ("NUL after", cl("5\x00")),
        ("vertical tab", cl("\x0b5")), ("superscript", cl("\xb2")),
        ("2 to the 63", cl("9223372036854775808")),
        ("all of 64 bits", cl("18446744073709551615")),
        ("2 to the 64", cl("18446744073709551616")),
        ("2 to the 64 plus five", cl("18446744073709551621")),
        ("thirty digits", cl("9" * 30)),
        ("folded", cl("\r\n 5")), ("space before colon", post("Content-Length : 5", body="hello")),
        ("two different", post("Content-Length: 5", "Content-Length: 6", body="hello")),
        ("two different in case", post("Content-Length: 5", "content-length: 0", body="hello")),
        ("two same", post("Content-Length: 5", "Content-Length: 5", body="hello")),
        ("underscore", post("Content_Length: 5", body="hello")),
    ])
    def test_content_length(self, raw):
        self.assert_refused(raw)

    @rows([
        ("chunked on 1.0", post("Transfer-Encoding: chunked", body=CHUNKED, version="1.0")),
        ("chunked on 1.0 with keep-alive",
         post("Connection: keep-alive", "Transfer-Encoding: chunked", body=CHUNKED, version="1.0")),
        ("gzip on 1.0", post("Transfer-Encoding: gzip", body="hello", version="1.0")),
    ])
    def test_http_1_0(self, raw):
        self.assert_refused(raw)

    def test_a_request_is_never_delimited_by_close(self):
        self.peer.send("POST /first HTTP/1.0\r\nHost: a\r\n\r\n" + SMUGGLED)
        self.assertEqual(self.peer.read_response().status, 200)
        self.peer.expect_gone()
        self.fetch(self.gateway_process, "/after")
        self.upstream.wait_for_request(2)
        self.assertEqual([(r.target, r.body) for r in self.upstream.requests],
                         [("/first", b""), ("/after", b"")])

    @rows([("GET", "GET"), ("POST", "POST"), ("DELETE", "DELETE")])
    def test_no_length_means_no_body(self, method):
        self.peer.send(f"{method} /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\n"
                       "Host: a\r\n\r\n")
        self.assertEqual(self.peer.read_response().status, 200)
        self.assertEqual(self.peer.read_response().status, 200)
        self.assertEqual([(r.target, r.body) for r in self.upstream.requests],
                         [("/first", b""), ("/second", b"")])

    def test_a_body_of_get_is_a_body(self):
        body = SMUGGLED.encode()
        request = self.forwarded(b"GET /first HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
                                 % (len(body), body))
        self.assertEqual(request.body, body)

    def test_framing_is_made_anew(self):
        request = self.forwarded(post("tRaNsFeR-EnCoDiNg: ChUnKeD",
                                      body="00000005;x=1\r\nhello\r\n0\r\n\r\n"))
        self.assertEqual(request.body, b"hello")
        self.assertIn(request.all("transfer-encoding") or request.all("content-length"),
                      (["chunked"], ["5"]))


class ChunkParsingTest(RefusalCase):
    """The head may be on its way already; the origin never gets a complete request."""

    @rows([
        ("LF after size", "5\nhello\r\n0\r\n\r\n"),
        ("LF after data", "5\r\nhello\n0\r\n\r\n"),
        ("LF after last", "5\r\nhello\r\n0\n\r\n"),
        ("LF at the end", "5\r\nhello\r\n0\r\n\n"),
        ("CR after size", "5\rhello\r\n0\r\n\r\n"),
        ("CR LF missing after data", "5\r\nhello0\r\n\r\n"),
        ("data longer", "5\r\nhello!\r\n0\r\n\r\n"),
        ("data shorter", "6\r\nhello\r\n0\r\n\r\n"),
        ("seventeen digits", "00000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("overflow", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("2 to the 63", "8000000000000000\r\nhello\r\n0\r\n\r\n"),
        ("all of 64 bits", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        ("a sum of 2 to the 64", "5\r\nhello\r\nfffffffffffffffb\r\nx\r\n0\r\n\r\n"),
        ("0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("plus", "+5\r\nhello\r\n0\r\n\r\n"),
        ("minus", "-5\r\nhello\r\n0\r\n\r\n"),
        ("minus zero as last", "5\r\nhello\r\n-0\r\n\r\n"),
        ("leading space", " 5\r\nhello\r\n0\r\n\r\n"),
        ("leading tab", "\t5\r\nhello\r\n0\r\n\r\n"),
        ("empty size", "\r\nhello\r\n0\r\n\r\n"),
        ("not hexadecimal", "g\r\nhello\r\n0\r\n\r\n"),
        ("only an extension", ";x\r\nhello\r\n0\r\n\r\n"),
        ("underscore", "0_5\r\nhello\r\n0\r\n\r\n"),
        ("NUL", "5\x00\r\nhello\r\n0\r\n\r\n"),
        ("comma", "5,5\r\nhello\r\n0\r\n\r\n"),
        ("LF in extension", "5;x\ny\r\nhello\r\n0\r\n\r\n"),
        ("LF in quoted extension", '5;x="\n"\r\nhello\r\n0\r\n\r\n'),
        ("CR in extension", "5;x\ry\r\nhello\r\n0\r\n\r\n"),
        ("NUL in extension", "5;x\x00\r\nhello\r\n0\r\n\r\n"),
        ("extension without a name", "5;\r\nhello\r\n0\r\n\r\n"),
        ("extension of a value alone", "5;=x\r\nhello\r\n0\r\n\r\n"),
        ("extension without a value", "5;x=\r\nhello\r\n0\r\n\r\n"),
        ("quotes without end", '5;x="\r\nhello\r\n0\r\n\r\n'),
        ("quotes over two lines", '5;x="\r\n"\r\nhello\r\n0\r\n\r\n'),
        ("quotes that end escaped", '5;x="y\\"\r\nhello\r\n0\r\n\r\n'),
        ("not ASCII in extension", "5;x\xff\r\nhello\r\n0\r\n\r\n"),
        ("white space behind the size", "5 \r\nhello\r\n0\r\n\r\n"),
        ("twenty zeros as last", "5\r\nhello\r\n00000000000000000000\r\n\r\n"),
        ("extension of 20 KiB", "5;" + "x" * 20480 + "\r\nhello\r\n0\r\n\r\n"),
        ("extensions without end", "".join(f"1;{'x' * 2000}\r\na\r\n" for _ in range(40))
         + "0\r\n\r\n"),
    ])
    def test_refused(self, body):
        self.assert_refused(post("Transfer-Encoding: chunked", body=body))

    @rows([
        ("upper and lower hexadecimal", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
         b"01234567890123456789"),
        ("leading zeros", "0005\r\nhello\r\n000\r\n\r\n", b"hello"),
        ("extension is dropped", '5;name=value;q="quoted \\" ; text"\r\nhello\r\n0\r\n\r\n',
         b"hello"),
        ("white space within extensions", "5; name = value ;\tx\r\nhello\r\n0\r\n\r\n", b"hello"),
        ("extension on the last", "5\r\nhello\r\n0;done\r\n\r\n", b"hello"),
        ("one byte chunks", "".join(f"1\r\n{c}\r\n" for c in "hello") + "0\r\n\r\n", b"hello"),
        ("nothing", "0\r\n\r\n", b""),
    ])
    def test_accepted(self, body, content):
        request = self.forwarded(post("Transfer-Encoding: chunked", body=body))
        self.assertEqual(request.body, content)
        self.assertNotIn(b"name=value", request.raw_head)

    def test_end_of_connection_inside_a_chunk(self):
        self.peer.send(post("Transfer-Encoding: chunked", body="5\r\nhel"))
        self.upstream.wait_for_head()
        self.peer.half_close()
        self.peer.expect_gone()
        self.assert_origin_saw_only_the_next()

    def test_end_of_connection_inside_a_known_length(self):
        self.peer.send(post("Content-Length: 10", body="hello"))
        self.upstream.wait_for_head()
        self.peer.half_close()
        self.peer.expect_gone()
        self.assert_origin_saw_only_the_next()


class TrailersTest(RefusalCase):
    @rows([
        ("space before colon", "X : 1"), ("fold", "X: 1\r\n  2"), ("no colon", "X"),
        ("empty name", ": 1"), ("NUL", "X: \x00"), ("bare LF", "X: 1\nY: 2"),
        ("bare CR", "X: 1\rY: 2"), ("space in name", "X Y: 1"), ("leading space", " X: 1"),
        ("underscore", "X_Y: 1"),
    ])
    def test_malformed(self, trailer):
        self.assert_refused(post("Transfer-Encoding: chunked",
                                 body=f"5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"))

    @rows([
        ("too many", "".join(f"X-{i}: 1\r\n" for i in range(2000))),
        ("too large", "X: " + "y" * 100000 + "\r\n"),
    ])
    def test_bounded(self, trailers):
        self.assert_refused(post("Transfer-Encoding: chunked", body=f"0\r\n{trailers}\r\n"),
                            ("headers_too_large", "bad_request"))

    @rows([
        ("Content-Length", "Content-Length: 100"), ("Transfer-Encoding", "Transfer-Encoding: gzip"),
        ("Host", "Host: evil"), ("Authorization", "Authorization: Basic x"),
        ("X-Forwarded-For", "X-Forwarded-For: 6.6.6.6"), ("Connection", "Connection: close"),
        ("Content-Type", "Content-Type: text/evil"), ("Cookie", "Cookie: a=b"),
    ])
    def test_never_become_headers(self, trailer):
        """Framing, routing and credentials in trailers are dropped, or the request is refused."""
        self.peer.send(post("Transfer-Encoding: chunked", body=f"5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"
                            + "GET /second HTTP/1.1\r\nHost: a\r\n\r\n"))
        response = self.peer.read_response()
        self.assertIn(response.status, (200, 400))
        if response.status == 400:
            return
        self.assertEqual(self.peer.read_response().status, 200)
        name, value = trailer.split(": ")
        request = self.upstream.requests[0]
        self.assertNotIn(value, request.all(name))
        self.assertEqual(request.trailers, [])
        self.assertEqual(self.upstream.requests[1].target, "/second")


class UnreadBodyTest(RefusalCase):
    """An answer of our own that comes before the body was read: the body never becomes a request."""

    routes = [
        {"name": "ping", "match": {"path": "/ping"}, "respond": {"status": 200, "body": "pong\n"}},
        {"name": "all", "match": {"path_prefix": "/"}, "upstream": "main"},
    ]

    @rows([
        ("respond", "/ping", 200), ("bad path", "/%00", 400),
    ])
    def test_cl_0(self, target, status):
        self.peer.send(post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED, target=target))
        self.assertEqual(self.peer.read_response().status, status)
        self.assertIn(self.rest(), (b"",))

    def test_body_in_chunks(self):
        self.peer.send(post("Transfer-Encoding: chunked", target="/ping",
                            body=f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n"))
        self.assertEqual(self.peer.read_response().status, 200)
        self.assertIn(self.rest(), (b"",))

    def test_body_that_comes_after_the_answer(self):
        self.peer.send(post(f"Content-Length: {len(SMUGGLED)}", target="/ping"))
        self.assertEqual(self.peer.read_response().status, 200)
        self.peer.send(SMUGGLED)
        self.assertEqual(self.rest(), b"")

    def test_expect_then_a_body_that_looks_like_a_request(self):
        self.peer.send(post("Expect: 100-continue", f"Content-Length: {len(SMUGGLED)}",
                            target="/ping", body=SMUGGLED))
        self.assertEqual(self.peer.read_response().status, 200)
        self.assertEqual(self.rest(), b"")

    def rest(self):
        """What else comes before our half-close makes the gateway end the connection."""
        self.peer.half_close()
        data = self.peer.buffer
        try:
            while more := self.peer.socket.recv(65536):
                data += more
        except ConnectionError:
            pass
        self.assert_origin_saw_only_the_next()
        return data
