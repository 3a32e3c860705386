"""One table of what may be a field, over all places where fields come: heads and trailers, of HTTP/1 and
of HTTP/2, for upstreams of both; and trailers of answers both ways."""

from harness import Case, Truncated, basic_config
from harness.fields import Fields
from harness.h2 import PROTOCOL_ERROR, H2Client
from harness.h2_frames import data, headers
from harness.h2_origin import H2Origin

GOES_ON, GOES, REFUSED, RESET = "goes on", "dropped", "400", "reset"
UNDERSCORE = "field name has an underscore: x_user_id (limits.underscores)"

# What becomes of a field: name, its lines, `limits.underscores`; in a head of HTTP/1, in its
# trailers, in a head of HTTP/2, in its trailers; and what the detail of a 400 says.
REQUESTS = [
    ("a field", [("x-a", "1")], "reject", GOES_ON, GOES_ON, GOES_ON, GOES_ON),
    ("no value", [("x-a", "")], "reject", GOES_ON, GOES_ON, GOES_ON, GOES_ON),
    ("latin-1", [("x-a", "caf\xe9")], "reject", GOES_ON, GOES_ON, GOES_ON, GOES_ON),
    ("a tab within", [("x-a", "a\tb")], "reject", GOES_ON, GOES_ON, GOES_ON, GOES_ON),
    ("an underscore", [("x_user_id", "1")], "reject", REFUSED, REFUSED, REFUSED, REFUSED, UNDERSCORE),
    ("an underscore dropped", [("x_user_id", "1")], "drop", GOES, GOES, GOES, GOES),
    ("an underscore kept", [("x_user_id", "1")], "keep", GOES_ON, GOES, GOES_ON, GOES),
    ("ours in disguise", [("x_forwarded_for", "6.6.6.6")], "reject", REFUSED, REFUSED, REFUSED, REFUSED,
     "x_forwarded_for (limits.underscores)"),
    ("ours in disguise, kept", [("x_forwarded_for", "6.6.6.6")], "keep", GOES, GOES, GOES, GOES),
    ("a framing field in disguise", [("content_length", "6")], "reject", REFUSED, REFUSED, REFUSED,
     REFUSED, "content_length (limits.underscores)"),
    ("Authorization", [("authorization", "Basic YTpi")], "reject", GOES_ON, GOES, GOES_ON, GOES),
    ("two Authorizations", [("authorization", "Basic YTpi"), ("authorization", "Basic YTpi")], "reject",
     REFUSED, GOES, REFUSED, GOES, "more than one Authorization"),
    ("Cookie", [("cookie", "a=b")], "reject", GOES_ON, GOES, GOES_ON, GOES),
    ("a second Host", [("host", "a.test"), ("host", "evil.test")], "reject", REFUSED, GOES, RESET, GOES),
    ("X-Forwarded-For", [("x-forwarded-for", "6.6.6.6")], "reject", GOES, GOES, GOES, GOES),
    ("Connection", [("connection", "x-b")], "reject", GOES, GOES, RESET, RESET),
    ("Keep-Alive", [("keep-alive", "5")], "reject", GOES, GOES, RESET, RESET),
    ("Transfer-Encoding", [("transfer-encoding", "gzip")], "reject", REFUSED, GOES, RESET, RESET),
    ("upper case", [("X-A", "1")], "reject", GOES_ON, GOES_ON, RESET, RESET),
    ("a space in the name", [("x a", "1")], "reject", REFUSED, REFUSED, RESET, RESET),
    ("no name", [("", "1")], "reject", REFUSED, REFUSED, RESET, RESET),
    ("a pseudo-field", [(":path", "/")], "reject", REFUSED, REFUSED, RESET, RESET),
    ("a control character", [("x-a", "a\x01b")], "reject", REFUSED, REFUSED, RESET, RESET),
    ("NUL", [("x-a", "a\0b")], "reject", REFUSED, REFUSED, RESET, RESET),
    ("LF", [("x-a", "a\nb")], "reject", REFUSED, REFUSED, RESET, RESET),
    ("CR", [("x-a", "a\rb")], "reject", REFUSED, REFUSED, RESET, RESET),
    ("white space around", [("x-a", " 1 ")], "reject", GOES_ON, GOES_ON, RESET, RESET),
]

# The same for an upstream's trailers: from HTTP/1, from HTTP/2.
CUT = "cut"
ANSWERS = [
    ("a field", ("x-a", "1"), GOES_ON, GOES_ON),
    ("an underscore", ("x_a", "1"), GOES_ON, GOES_ON),
    ("gRPC", ("grpc-status", "0"), GOES_ON, GOES_ON),
    ("Set-Cookie", ("set-cookie", "a=b"), GOES, GOES),
    ("set_cookie", ("set_cookie", "a=b"), GOES, GOES),
    ("Content-Length", ("content-length", "1"), GOES, GOES),
    ("Connection", ("connection", "close"), GOES, CUT),
    ("upper case", ("X-A", "1"), GOES_ON, CUT),
    ("a pseudo-field", (":status", "200"), CUT, CUT),
    ("a control character", ("x-a", "a\x01b"), CUT, CUT),
    ("NUL", ("x-a", "a\0b"), CUT, CUT),
    ("LF", ("x-a", "a\nb"), CUT, CUT),
    ("a space in the name", ("x a", "1"), CUT, CUT),
]


class Message(Fields):
    def __init__(self, fields):
        self.headers = fields


class FieldRules(Case):
    @classmethod
    def setUpClass(cls):
        cls.http1 = cls.shared_origin()
        cls.h2 = H2Origin(lambda request: (request.read_body(), request.reply(200, b"ok")))
        cls.addClassCleanup(cls.h2.close)
        cls.weirs = {policy: cls.shared_gateway(basic_config(
            [{"name": "h2", "match": {"path": "/h2"}, "upstream": "h2"},
             {"name": "http1", "match": {"path": "/http1"}, "upstream": "http1"}],
            {"http1": cls.http1.address,
             "h2": {"endpoints": [{"address": cls.h2.address}], "protocol": "h2"}}, workers=1,
            limits={"underscores": policy}, listener={"protocols": ["http1", "h2c"]}))
            for policy in ("reject", "drop", "keep")}

    def ask_http1(self, weir, path, head, trailers):
        peer = self.client(weir)
        if not any(name == "host" for name, _ in head):
            head = [("host", "a.test"), *head]
        lines = [("te", "trailers"), ("connection", "te"), *head]
        if not any(name == "transfer-encoding" for name, _ in head):
            lines.append(("transfer-encoding", "chunked"))
        else:
            lines.append(("content-length", "2"))

        def text(fields):
            return "".join(f"{name}: {value}\r\n" for name, value in fields)
        peer.send((f"POST {path} HTTP/1.1\r\n{text(lines)}\r\n2\r\nhi\r\n0\r\n{text(trailers)}\r\n")
                  .encode("latin-1"))
        answer = peer.read_response()
        peer.close()
        return answer.status, answer.body

    def ask_h2(self, weir, path, head, trailers):
        peer = H2Client(weir.address())
        self.addCleanup(peer.close)
        fields = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", path),
                  *head]
        out = headers(1, fields) + data(1, b"hi", not trailers)
        if trailers:
            out += headers(1, trailers, True)
        peer.send(out)
        answer = peer.answer(1)
        peer.close()
        if answer.reset is not None:
            self.assertEqual(answer.reset, PROTOCOL_ERROR)
            return RESET, b""
        return answer.status, answer.body

    def outcome(self, asked, lines, in_trailers, before, upstream):
        status, body = asked
        if status == RESET:
            return RESET, ""
        if status == 400:
            return REFUSED, body.decode()
        self.assertEqual(status, 200, body)
        request = upstream.requests[before]
        got = Message(request.trailers) if in_trailers else request
        name, value = lines[0][0].lower(), lines[0][1].strip()
        values = [v for n, v in got.headers if n.lower() == name]
        return (GOES_ON if value in values else GOES), ""

    def test_requests(self):
        for name, lines, policy, *want in REQUESTS:
            detail = want[4] if len(want) > 4 else ""
            places = [(ask, in_trailers) for ask in (self.ask_http1, self.ask_h2)
                      for in_trailers in (False, True)]
            for (ask, in_trailers), expected in zip(places, want):
                for path, upstream in (("/http1", self.http1), ("/h2", self.h2)):
                    with self.subTest(f"{name}, {ask.__name__}{', trailers' * in_trailers}, to {path}"):
                        before = len(upstream.requests)
                        head, trailers = ([], lines) if in_trailers else (lines, [])
                        asked = ask(self.weirs[policy], path, head, trailers)
                        got, said = self.outcome(asked, lines, in_trailers, before, upstream)
                        self.assertEqual(got, expected, said)
                        if got == REFUSED:
                            self.assertIn(detail, said)

    # A request that has been refused leaves nothing behind it.
    def tearDown(self):
        for path in ("/http1", "/h2"):
            self.assertEqual(self.fetch(self.weirs["reject"], path).status, 200)


class AnswerTrailers(Case):
    @classmethod
    def setUpClass(cls):
        cls.http1 = cls.shared_origin(lambda connection, request: cls.answer_http1(connection))
        cls.h2 = H2Origin(lambda request: cls.answer_h2(request))
        cls.addClassCleanup(cls.h2.close)
        cls.weir = cls.shared_gateway(basic_config(
            [{"name": "h2", "match": {"path": "/h2"}, "upstream": "h2"},
             {"name": "http1", "match": {"path": "/http1"}, "upstream": "http1"}],
            {"http1": cls.http1.address,
             "h2": {"endpoints": [{"address": cls.h2.address}], "protocol": "h2"}}, workers=1,
            listener={"protocols": ["http1", "h2c"]}))

    @classmethod
    def answer_http1(cls, connection):
        name, value = cls.field
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
                        f"{name}: {value}\r\n\r\n")

    @classmethod
    def answer_h2(cls, request):
        request.read_body()
        s = request.stream
        request.connection.send(headers(s, [(":status", "200")]) + data(s, b"hi")
                                + headers(s, [cls.field], True))

    def trailers_over_http1(self, path):
        peer = self.client(self.weir)
        peer.request(target=path, headers=[("TE", "trailers"), ("Connection", "TE")])
        try:
            return peer.read_response().trailers
        except Truncated:
            return CUT

    def trailers_over_h2(self, path):
        peer = H2Client(self.weir.address())
        self.addCleanup(peer.close)
        answer = peer.fetch(path=path, headers=[("te", "trailers")])
        return answer.trailers if answer.ended else CUT

    def test_answers(self):
        for name, field, *want in ANSWERS:
            for path, expected in zip(("/http1", "/h2"), want):
                for read in (self.trailers_over_http1, self.trailers_over_h2):
                    with self.subTest(f"{name} from {path}, {read.__name__}"):
                        type(self).field = field
                        trailers = read(path)
                        if trailers == CUT:
                            self.assertEqual(CUT, expected)
                            continue
                        values = [v for n, v in trailers if n.lower() == field[0].lower()]
                        self.assertEqual(values, [field[1]] if expected == GOES_ON else [], expected)
