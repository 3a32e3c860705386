"""Upstreams that lie: a malformed head is a 502 and never reaches the client, a body that does not
end as announced is seen as truncated, and what is left over never answers somebody else's request.
peers.md section 5, rows 18 to 20."""

from harness import Case, Truncated, basic_config, rows

OK = "HTTP/1.1 200 OK\r\n"
EVIL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Evil: 1\r\n\r\nevil"


def ok(*fields, body=""):
    return OK + "".join(f"{field}\r\n" for field in fields) + "\r\n" + body


class ResponseCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.gateway_process = cls.shared_gateway(
            basic_config(upstreams={"main": cls.upstream.address}, workers=1))

    def setUp(self):
        self.upstream.clear()
        self.peer = self.client(self.gateway_process)

    def serve(self, raw, then_close=False):
        """The origin answers /lie with `raw` and everything else well."""
        raw = raw.encode("latin-1") if isinstance(raw, str) else raw

        def handler(connection, request):
            connection.read_body(request)
            if request.target != "/lie":
                connection.reply(200, [], "good")
                return
            connection.send(raw)
            if then_close:
                connection.close()
        self.upstream.handler = handler

    def assert_next_is_good(self):
        """The next request gets its own answer, over another connection."""
        lied = self.upstream.heads[-1].connection
        response = self.fetch(self.gateway_process, "/next")
        self.assertEqual((response.status, response.body, response.header("x-evil")),
                         (200, b"good", None))
        self.assertNotEqual(self.upstream.heads[-1].connection, lied)
        self.assertIn(self.upstream.wait_connection_ended(lied), ("closed", "reset", "ours"))


class BadHeadTest(ResponseCase):
    @rows([
        ("length and chunked", ok("Content-Length: 5", "Transfer-Encoding: chunked",
                                  body="0\r\n\r\n")),
        ("chunked and length", ok("Transfer-Encoding: chunked", "Content-Length: 5",
                                  body="0\r\n\r\n")),
        ("two different lengths", ok("Content-Length: 5", "Content-Length: 6", body="hello")),
        ("length list", ok("Content-Length: 5, 6", body="hello")),
        ("length plus", ok("Content-Length: +5", body="hello")),
        ("length minus", ok("Content-Length: -5", body="hello")),
        ("length hexadecimal", ok("Content-Length: 0x5", body="hello")),
        ("length empty", ok("Content-Length: ", body="hello")),
        ("length overflow", ok("Content-Length: 18446744073709551621", body="hello")),
        ("length of 2 to the 63", ok("Content-Length: 9223372036854775808", body="hello")),
        ("length letters", ok("Content-Length: five", body="hello")),
        ("unknown coding", ok("Transfer-Encoding: xchunked", body="0\r\n\r\n")),
        ("gzip then chunked", ok("Transfer-Encoding: gzip, chunked", body="0\r\n\r\n")),
        ("chunked then gzip", ok("Transfer-Encoding: chunked, gzip", body="0\r\n\r\n")),
        ("chunked twice", ok("Transfer-Encoding: chunked", "Transfer-Encoding: chunked",
                             body="0\r\n\r\n")),
        ("chunked on 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("fold", ok("X: 1\r\n 2", "Content-Length: 0")),
        ("space before colon", ok("X : 1", "Content-Length: 0")),
        ("no colon", ok("X", "Content-Length: 0")),
        ("empty name", ok(": x", "Content-Length: 0")),
        ("space in name", ok("X Y: 1", "Content-Length: 0")),
        ("NUL in value", ok("X: \x00", "Content-Length: 0")),
        ("NUL in name", ok("X\x00: 1", "Content-Length: 0")),
        ("bare CR in value", ok("X: a\rX-Evil: 1", "Content-Length: 0")),
        ("bare LF in value", ok("X: a\nX-Evil: 1", "Content-Length: 0")),
        ("control in value", ok("X: \x01", "Content-Length: 0")),
        ("LF line ends", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        ("leading white space", " HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("field line begins with a space", "HTTP/1.1 200 OK\r\n X: 1\r\nContent-Length: 0\r\n\r\n"),
        ("status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
        ("status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
        ("status of letters", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"),
        ("status 099", "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n"),
        ("status 000", "HTTP/1.1 000 Low\r\nContent-Length: 0\r\n\r\n"),
        ("status with sign", "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n"),
        ("no status", "HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
        ("tab after version", "HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("NUL in phrase", "HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n"),
        ("version 2", "HTTP/2 200\r\nContent-Length: 0\r\n\r\n"),
        ("version 2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("other protocol", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("only a body", "hello, world\r\n\r\n"),
        ("a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        ("TLS alert", "\x15\x03\x01\x00\x02\x02\x46"),
        ("unsolicited 101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\n\r\nraw bytes"),
        ("101 without upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    ])
    def test_502(self, raw):
        # A reader without a grammar may wait for more; the end of the connection decides.
        self.serve(raw, then_close=True)
        self.peer.request("GET", "/lie")
        response = self.peer.read_response()
        self.assert_problem(response, "upstream_bad_response")
        self.assertIsNone(response.header("x-evil"))
        self.peer.request("GET", "/next")
        self.assertEqual(self.peer.read_response().body, b"good")

    @rows([("same", ok("Content-Length: 5", "Content-Length: 5", body="hello")),
           ("same in a list", ok("Content-Length: 5, 5", body="hello"))])
    def test_the_same_length_twice(self, raw):
        """Refused, or collapsed to one; never forwarded twice."""
        self.serve(raw)
        self.peer.request("GET", "/lie")
        response = self.peer.read_response()
        self.assertIn(response.status, (200, 502))
        if response.status == 200:
            self.assertEqual(response.all("content-length"), ["5"])

    @rows([
        ("one huge field", ok("X: " + "y" * 70000, "Content-Length: 0")),
        ("many fields", ok(*[f"X-{i}: {'y' * 40}" for i in range(2000)], "Content-Length: 0")),
        ("a head without end", OK + "X: " + "y" * 200000),
        ("status line without end", "HTTP/1.1 200 " + "y" * 200000),
        ("huge interim", "HTTP/1.1 103 Early\r\nX: " + "y" * 70000 + "\r\n\r\n"
         + ok("Content-Length: 0")),
    ])
    def test_too_large(self, raw):
        self.serve(raw)
        self.peer.request("GET", "/lie")
        self.assert_problem(self.peer.read_response(), "upstream_headers_too_large")

    @rows([
        ("no phrase", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        ("odd phrase", "HTTP/1.1 200 caf\xe9, all's well!\r\nContent-Length: 2\r\n\r\nok", 200,
         b"ok"),
        ("unknown status", "HTTP/1.1 599 Odd\r\nContent-Length: 2\r\n\r\nok", 599, b"ok"),
        ("version 1.0 until close", "HTTP/1.0 200 OK\r\n\r\nok", 200, b"ok"),
        ("version 1.0 with length", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        ("until close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", 200, b"ok"),
        ("until close unannounced", "HTTP/1.1 200 OK\r\n\r\nok", 200, b"ok"),
        ("underscore in a name", "HTTP/1.1 200 OK\r\nX_A: 1\r\nContent-Length: 2\r\n\r\nok", 200,
         b"ok"),
        ("chunked in odd case", "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n"
                                "2;x=y\r\nok\r\n0\r\n\r\n", 200, b"ok"),
    ])
    def test_accepted(self, raw, status, body):
        self.serve(raw, then_close=True)
        self.peer.request("GET", "/lie")
        response = self.peer.read_response()
        self.assertEqual((response.status, response.body), (status, body))
        self.peer.request("GET", "/next")
        self.assertEqual(self.peer.read_response().body, b"good")


class BadBodyTest(ResponseCase):
    """The head went out already: the client must see that the body is not whole."""

    CHUNKED = ok("Transfer-Encoding: chunked")

    @rows([
        ("short length", ok("Content-Length: 10", body="half")),
        ("chunk cut", CHUNKED + "a\r\nhalf"),
        ("no last chunk", CHUNKED + "4\r\nhalf\r\n"),
        ("last chunk cut", CHUNKED + "4\r\nhalf\r\n0\r\n"),
        ("last chunk cut in the middle", CHUNKED + "4\r\nhalf\r\n0"),
        ("size not hexadecimal", CHUNKED + "4\r\nhalf\r\nxyz\r\n"),
        ("size with 0x", CHUNKED + "4\r\nhalf\r\n0x4\r\nhalf\r\n0\r\n\r\n"),
        ("size negative", CHUNKED + "4\r\nhalf\r\n-1\r\n"),
        ("size overflow", CHUNKED + "4\r\nhalf\r\n10000000000000004\r\nhalf\r\n0\r\n\r\n"),
        ("size of 2 to the 63", CHUNKED + "4\r\nhalf\r\n8000000000000000\r\nhalf\r\n0\r\n\r\n"),
        ("extension with open quotes", CHUNKED + '4\r\nhalf\r\n4;x="\r\nhalf\r\n0\r\n\r\n'),
        ("size ends in LF", CHUNKED + "4\r\nhalf\r\n4\nhalf\r\n0\r\n\r\n"),
        ("data longer", CHUNKED + "4\r\nhalf\r\n2\r\nabcd\r\n0\r\n\r\n"),
        ("trailer malformed", CHUNKED + "4\r\nhalf\r\n0\r\nX : 1\r\n\r\n"),
        ("trailer folded", CHUNKED + "4\r\nhalf\r\n0\r\nX: 1\r\n 2\r\n\r\n"),
        ("trailers without end", CHUNKED + "4\r\nhalf\r\n0\r\n" + "X: yyyyyyyyyyyy\r\n" * 8000),
        ("extension without end", CHUNKED + "4\r\nhalf\r\n4;" + "x" * 100000),
    ])
    def test_truncated(self, raw):
        self.serve(raw, then_close=True)
        self.peer.request("GET", "/lie")
        try:
            response = self.peer.read_response()
        except Truncated as end:
            self.assertNotIn(b"\r\n0\r\n", end.partial)
        else:
            # A gateway that had not sent the head yet may say so instead.
            self.assert_problem(response, "upstream_bad_response")
        self.assertEqual(self.fetch(self.gateway_process, "/next").body, b"good")

    def test_reset_inside_a_body_until_close_is_not_its_end(self):
        def handler(connection, request):
            if request.target == "/lie":
                connection.send("HTTP/1.1 200 OK\r\n\r\nhalf")
                self.got_half.wait(5)
                connection.reset()
            else:
                connection.reply(200, [], "good")
        import threading
        self.got_half = threading.Event()
        self.upstream.handler = handler
        self.peer.request("GET", "/lie")
        head = self.peer.read_head()
        self.peer.read_available()
        self.got_half.set()
        chunked = head.header("transfer-encoding") == "chunked"
        if chunked:
            with self.assertRaises(Truncated):
                while True:
                    self.peer._more("the end")
            self.assertNotIn(b"0\r\n\r\n", self.peer.buffer)
        else:
            self.peer.expect_reset()


class LeftOverTest(ResponseCase):
    @rows([
        ("after a length", ok("Content-Length: 2", body="ok" + EVIL), "GET", 200, b"ok"),
        ("after chunks", ok("Transfer-Encoding: chunked", body="2\r\nok\r\n0\r\n\r\n" + EVIL),
         "GET", 200, b"ok"),
        ("after no body", ok("Content-Length: 0", body=EVIL), "GET", 200, b""),
        ("one byte", ok("Content-Length: 2", body="ok!"), "GET", 200, b"ok"),
        ("after 204", "HTTP/1.1 204 No\r\n\r\n" + EVIL, "GET", 204, b""),
        ("204 with a length", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", "GET", 204, b""),
        ("204 with chunks", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                            "\r\n", "GET", 204, b""),
        ("after 304", "HTTP/1.1 304 Not\r\nContent-Length: 4\r\n\r\nevil", "GET", 304, b""),
        ("HEAD with a body", ok("Content-Length: 4", body="evil"), "HEAD", 200, b""),
        ("HEAD with chunks", ok("Transfer-Encoding: chunked", body="4\r\nevil\r\n0\r\n\r\n"),
         "HEAD", 200, b""),
        ("HEAD with an answer behind", ok("Content-Length: 0", body=EVIL), "HEAD", 200, b""),
    ])
    def test_never_pooled(self, raw, method, status, body):
        self.serve(raw)
        self.peer.request(method, "/lie")
        response = self.peer.read_response(method)
        if response.status != 502:  # refusing the whole is as safe
            self.assertEqual((response.status, response.body), (status, body))
        self.assert_next_is_good()
        self.peer.request("GET", "/own")
        self.assertEqual(self.peer.read_response().body, b"good")

    def test_unasked_answer_on_an_idle_connection(self):
        self.serve("")
        self.assertEqual(self.fetch(self.gateway_process, "/first").body, b"good")
        idle = self.upstream.heads[-1].connection
        self.upstream.connections[idle].send(EVIL)
        self.upstream.wait_connection_ended(idle)
        for target in ("/next", "/own"):
            response = self.fetch(self.gateway_process, target)
            self.assertEqual((response.body, response.header("x-evil")), (b"good", None))


class InterimTest(ResponseCase):
    def test_many_are_bounded(self):
        """At most eight are relayed; more are an upstream's fault, or are swallowed."""
        self.serve("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 20
                   + ok("Content-Length: 4", body="done"))
        self.peer.request("GET", "/lie")
        response = self.peer.read_response()
        self.assertLessEqual(len(response.interim), 8)
        self.assertIn(response.status, (200, 502))

    def test_a_flood_ends(self):
        self.serve("HTTP/1.1 103 Early Hints\r\n\r\n" * 20000, then_close=True)
        self.peer.request("GET", "/lie")
        self.assertEqual(self.peer.read_response().status, 502)

    @rows([
        ("framing in it", "HTTP/1.1 103 Early\r\nContent-Length: 4\r\n\r\nevil"
         + ok("Content-Length: 4", body="done")),
        ("chunked in it", "HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
         + ok("Content-Length: 4", body="done")),
        ("malformed", "HTTP/1.1 103 Early\r\nX : 1\r\n\r\n" + ok("Content-Length: 4", body="done")),
    ])
    def test_bad_interim(self, raw):
        self.serve(raw, then_close=True)
        self.peer.request("GET", "/lie")
        response = self.peer.read_response()
        self.assertEqual(response.status, 502, response)
        for interim in response.interim:
            self.assertIsNone(interim.header("content-length"))
            self.assertIsNone(interim.header("transfer-encoding"))


class NoAnswerTest(ResponseCase):
    @rows([
        ("closed at once", "", ("upstream_reset",)),
        ("closed in the status line", "HTTP/1.1 20", ("upstream_reset", "upstream_bad_response")),
        ("closed in the head", "HTTP/1.1 200 OK\r\nContent-", ("upstream_reset",
                                                               "upstream_bad_response")),
        ("closed after an interim", "HTTP/1.1 103 Early\r\n\r\n", ("upstream_reset",)),
    ])
    def test_502(self, raw, reasons):
        self.serve(raw, then_close=True)
        self.peer.request("POST", "/lie", body=b"x")
        response = self.peer.read_response()
        self.assertIn(response.header("proxy-status").split('"')[1], reasons)
        self.assertEqual(response.status, 502)

    def test_reset(self):
        self.upstream.handler = lambda connection, request: connection.reset()
        self.peer.request("POST", "/lie", body=b"x")
        self.assert_problem(self.peer.read_response(), "upstream_reset")
