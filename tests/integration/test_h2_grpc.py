"""gRPC over HTTP/2: our own answers as trailers, deadlines passed on."""

import json

from harness.case import Case, rows
from harness.gateway import basic_config
from harness.h2 import H2Client
from harness.origin import Refusing
from harness.waiting import wait_until

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


class Grpc(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.shared_origin(cls.serve)
        refusing = Refusing()
        cls.addClassCleanup(refusing.close)
        cls.weir = cls.shared_gateway(basic_config(
            [{"name": "down", "match": {"path_prefix": "/down"}, "upstream": "down"},
             {"name": "denied", "match": {"path_prefix": "/denied"}, "upstream": "o",
              "middleware": [{"ip_filter": {"deny": ["127.0.0.0/8"]}}]},
             {"name": "broken", "match": {"path_prefix": "/broken"}, "upstream": "o",
              "fault": {"abort": {"share": "100%", "status": 503}}},
             {"name": "odd", "match": {"path_prefix": "/odd"}, "upstream": "o",
              "fault": {"abort": {"share": "100%", "status": 418}}},
             {"name": "s", "match": {"path_prefix": "/s"}, "upstream": "o"}],
            {"o": cls.server.address, "down": refusing.address},
            listener={"protocols": ["h2c"]}, access_log={"path": "access.log"},
            limits={"body_size": "1KiB"}))

    @staticmethod
    def serve(connection, request):
        if request.target == "/s/never":
            connection.wait_ended(60)
            return
        body = connection.read_body(request)
        connection.reply(200, [("Content-Type", "application/grpc")], body, chunked=True,
                         trailers=[("grpc-status", "0"), ("grpc-message", "fine")])

    def setUp(self):
        self.client = H2Client(self.weir.address())
        self.addCleanup(self.client.close)

    def test_a_call(self):
        answer = self.client.fetch("POST", "/s/Call", GRPC, b"\0\0\0\0\x02hi")
        self.assertEqual((answer.status, answer.body), (200, b"\0\0\0\0\x02hi"))
        self.assertEqual((answer.trailer("grpc-status"), answer.trailer("grpc-message")),
                         ("0", "fine"))
        self.assertEqual(self.server.heads[-1].header("te"), "trailers")

    @rows([
        ("no route", "/none", GRPC, "12", "Not Found", 404),
        ("refused by a middleware", "/denied", GRPC, "7", "Forbidden", 403),
        ("no upstream", "/down", GRPC, "14", "Bad Gateway", 502),
        ("a fault on purpose", "/broken", GRPC, "14", "Service Unavailable", 503),
        ("a fault of a status without a reason", "/odd", GRPC, "2", "I'm a teapot", 418),
        ("with a suffix", "/none", [("content-type", "application/grpc+proto")], "12", "Not Found", 404),
        ("with a parameter", "/none", [("content-type", "application/grpc;x=y")], "12", "Not Found", 404),
        ("a path too long", "/" + "x" * 20000, GRPC, "13", "URI Too Long", 414),
        ("a bad path", "/..", GRPC, "13", "Bad Request", 400),
        ("too many headers", "/s", [*GRPC, *[("x", "y")] * 120], "13",
         "Request Header Fields Too Large", 431),
    ])
    def test_our_answer(self, path, fields, status, message, logged):
        answer = self.client.fetch("POST", path, fields, b"")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer.body, answer.trailers), (b"", []), "trailers only")
        self.assertEqual(answer.header("content-type"), "application/grpc")
        self.assertEqual(answer.header("grpc-status"), status)
        self.assertEqual(answer.header("grpc-message"), message)
        self.assertIsNone(answer.header("content-length"))
        request_id = answer.header("x-request-id")

        def line():
            with open(self.weir.file("access.log"), encoding="ascii") as file:
                return [each for each in map(json.loads, file) if each["request_id"] == request_id]

        self.assertEqual(wait_until("its line", line)[0]["status"], logged)

    def test_not_grpc(self):
        answer = self.client.fetch("POST", "/none", [("content-type", "application/grpc-web")], b"")
        self.assertEqual(answer.status, 404)

    def test_a_body_too_large(self):
        answer = self.client.fetch("POST", "/s/Call", GRPC, b"x" * 5000)
        self.assertEqual((answer.status, answer.header("grpc-status")), (200, "8"))

    def test_the_deadline_bounds_and_is_passed_on(self):
        answer = self.client.fetch("POST", "/s/never", [*GRPC, ("grpc-timeout", "300m")], b"")
        self.assertEqual((answer.status, answer.header("grpc-status")), (200, "4"))
        passed = self.server.heads[-1].header("grpc-timeout")
        units = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "S": 1}
        self.assertLessEqual(float(passed[:-1]) * units[passed[-1]], 0.3)
        self.assertGreater(float(passed[:-1]), 0)

    def test_what_is_passed_on_is_less(self):
        self.client.fetch("POST", "/s/Call", [*GRPC, ("grpc-timeout", "60S")], b"")
        passed = self.server.heads[-1].header("grpc-timeout")
        self.assertEqual(passed[-1], "u")
        self.assertLess(int(passed[:-1]), 60_000_000)

    def test_a_deadline_that_is_over_asks_nobody(self):
        self.client.fetch("POST", "/s/Call", GRPC, b"")
        asked = len(self.server.heads)
        answer = self.client.fetch("POST", "/s/Call", [*GRPC, ("grpc-timeout", "0S")], b"")
        self.assertEqual((answer.status, answer.header("grpc-status")), (200, "4"))
        self.assertEqual(len(self.server.heads), asked)

    @rows([("no unit", "300"), ("another unit", "3x"), ("too long", "123456789S")])
    def test_a_deadline_that_is_none_goes_on_as_it_came(self, text):
        self.assertEqual(self.client.fetch("POST", "/s/Call", [*GRPC, ("grpc-timeout", text)],
                                           b"").status, 200)
        self.assertEqual(self.server.heads[-1].header("grpc-timeout"), text)


class Streams(Case):
    def test_both_sides_may_be_silent_after_the_head(self):
        def serve(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n")
            while True:
                size = int(connection.read_until(b"\r\n"), 16)
                piece = connection.read_exact(size + 2)[:-2]
                if not piece:
                    request.body = b""  # to its end
                    connection.send("0\r\ngrpc-status: 0\r\n\r\n")
                    return
                connection.chunk(piece)

        gateway = self.gateway(basic_config(
            [{"name": "s", "match": {"path": "/s"}, "upstream": "o"},
             {"name": "slow", "match": {"path": "/slow"}, "upstream": "silent"}],
            {"o": self.origin(serve).address,
             "silent": self.origin(lambda c, r: c.wait_ended(60)).address},
            listener={"protocols": ["h2c"]}, limits={"body_idle_timeout": "300ms"}))
        client, other = H2Client(gateway.address()), H2Client(gateway.address())
        self.addCleanup(client.close)
        self.addCleanup(other.close)
        call = client.request("POST", "/s", GRPC, end=False)
        client.data(call, b"one")
        client.head(call)
        for _ in range(3):  # each takes as long as a slow sender has
            slow = other.request("POST", "/slow", end=False)
            self.assertEqual(other.answer(slow).status, 408)
        client.data(call, b"two", end=True)
        answer = client.answer(call)
        self.assertEqual((answer.body, answer.trailer("grpc-status")), (b"onetwo", "0"))
