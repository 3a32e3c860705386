"""Requests and answers over HTTP/2 by prior knowledge, to an HTTP/1 origin."""

import subprocess
import threading

from harness.case import Case, rows
from harness.gateway import basic_config
from harness.h2 import ACK, CANCEL, NO_ERROR, PING, RST_STREAM, H2Client
from harness.waiting import bound, wait_until

BIG = bytes(range(256)) * 8192  # 2 MiB


def echo(connection, request):
    body = connection.read_body(request)
    fields = "".join(f"{name}: {value}\n" for name, value in request.headers)
    connection.reply(200, [("X-Seen", f"{request.method} {request.target}")],
                       fields.encode() if request.target == "/fields" else body)


class Messages(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.shared_origin(echo)
        cls.weir = cls.shared_gateway(basic_config(
            upstreams={"o": cls.server.address}, listener={"protocols": ["http1", "h2c"]},
            access_log={"path": "access.log"}))

    def h2(self, **kwargs):
        client = H2Client(self.weir.address(), **kwargs)
        self.addCleanup(client.close)
        return client

    def test_get(self):
        answer = self.h2().fetch(path="/x?y=1")
        self.assertEqual((answer.status, answer.header("x-seen")), (200, "GET /x?y=1"))
        self.assertIsNotNone(answer.header("date"))
        self.assertIsNotNone(answer.header("x-request-id"))
        for name in ("connection", "transfer-encoding", "keep-alive"):
            self.assertIsNone(answer.header(name))

    def test_settings(self):
        client = self.h2()
        client.fetch()
        self.assertEqual(client.server_settings[3], 100)
        self.assertEqual(client.server_settings[8], 1)

    @rows([("with its length", [("content-length", "5")], "Content-Length: 5"),
           ("without", [], "Transfer-Encoding: chunked")])
    def test_content(self, fields, framing):
        client = self.h2()
        self.assertEqual(client.fetch("POST", "/", fields, b"hello").body, b"hello")
        self.assertIn(framing, client.fetch("POST", "/fields", fields, b"hello").body.decode())

    def test_post_without_content_says_so(self):
        self.assertIn("Content-Length: 0", self.h2().fetch("POST", "/fields").body.decode())

    def test_much_content_both_ways(self):
        client = self.h2()
        stream = client.request("POST", "/", end=False)
        # As the windows allow: gathered by a thread of its own, as the answer comes meanwhile.
        sender = threading.Thread(target=self.send_in_windows, args=(client, stream, BIG))
        sender.start()
        sender.join()
        answer = client.answer(stream)
        self.assertEqual(answer.body, BIG)

    def send_in_windows(self, client, stream, body):
        room = {0: 65535, stream: None}
        while client.server_settings is None:
            client.frames.append(client.read_frame())
        room[stream] = client.server_settings[4]
        while body:
            count = min(room[0], room[stream], len(body), 16384)
            if count == 0:
                got = client.next(lambda f: f.kind == 8 and f.stream in room, "WINDOW_UPDATE")
                room[got.stream] += int.from_bytes(got.payload, "big")
                continue
            client.data(stream, body[:count], end=count == len(body))
            room[0] -= count
            room[stream] -= count
            body = body[count:]

    def test_many_streams_at_once(self):
        client = self.h2()
        streams = [client.request("POST", f"/{i}", body=b"%d" % i) for i in range(50)]
        for i, stream in enumerate(streams):
            self.assertEqual(client.answer(stream).body, b"%d" % i)

    def test_head(self):
        answer = self.h2().fetch("HEAD")
        self.assertEqual((answer.status, answer.body, answer.ended), (200, b"", True))

    def test_cookie_crumbs_are_joined(self):
        answer = self.h2().fetch(path="/fields", headers=[("cookie", "a=1"), ("cookie", "b=2"),
                                                          ("x", "y"), ("cookie", "c=3")])
        self.assertIn("cookie: a=1; b=2; c=3\n", answer.body.decode())

    def test_empty_crumbs_leave_nothing(self):
        answer = self.h2().fetch(path="/fields", headers=[("cookie", ""), ("cookie", "a=1"),
                                                          ("cookie", "")])
        self.assertIn("cookie: a=1\n", answer.body.decode())

    def test_trailers_of_a_request_reach_the_origin(self):
        stream_answer = self.h2().fetch("POST", "/", [("te", "trailers")], b"x",
                                        trailers=[("x-sum", "1"), ("host", "evil")])
        self.assertEqual(stream_answer.body, b"x")
        request = self.server.requests[-1]
        self.assertIn(("x-sum", "1"), [(n.lower(), v) for n, v in request.trailers])
        self.assertNotIn("host", [n.lower() for n, _ in request.trailers])

    def test_http1_on_the_same_port(self):
        self.assertEqual(self.fetch(self.weir, "/x").header("x-seen"), "GET /x")

    def log(self):
        with open(self.weir.file("access.log"), encoding="ascii") as file:
            return file.readlines()

    def test_log_and_metrics(self):
        client = self.h2()
        client.fetch(path="/logged-as-h2")
        wait_until("its line", lambda: any('"protocol":"HTTP/2"' in line and "/logged-as-h2" in line
                                           for line in self.log()))
        self.assertGreaterEqual(self.weir.metrics().value("weir_connections_active",
                                                          listener="http", protocol="h2"), 1)

    def test_curl(self):
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-w", "%{http_version}",
                               "--data-binary", "@-", "-H", "Expect:", self.weir.url("/")],
                              input=BIG, capture_output=True, timeout=bound(30), check=True)
        self.assertEqual(done.stdout, BIG + b"2")

    def test_h2load(self):
        done = subprocess.run(["h2load", "-n", "2000", "-c", "4", "-m", "20", self.weir.url("/")],
                              capture_output=True, text=True, timeout=bound(60), check=True)
        self.assertIn("2000 succeeded, 0 failed, 0 errored", done.stdout)


class Answers(Case):
    def start(self, handler, **more):
        origin = self.origin(handler)
        gateway = self.gateway(basic_config(upstreams={"o": origin.address},
                                            listener={"protocols": ["h2c"]}, **more))
        client = H2Client(gateway.address())
        self.addCleanup(client.close)
        return origin, gateway, client

    def test_trailers_of_an_answer(self):
        def handler(connection, request):
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
                            b"2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n")
        _, _, client = self.start(handler)
        answer = client.fetch()
        self.assertEqual((answer.body, answer.trailer("x-sum")), (b"hi", "7"))

    @rows([
        ("HEAD", "HEAD", "200 OK", "5"), ("204", "GET", "204 No", None),
        ("HEAD of a 204", "HEAD", "204 No", None), ("304", "GET", "304 Not", "5"),
        ("HEAD of a 304", "HEAD", "304 Not", "5"),
    ])
    def test_content_length_without_content(self, method, status, length):
        """RFC 9110 section 8.6: what it would be, but never of a 204."""
        def handler(connection, request):
            connection.send(f"HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n")
        _, _, client = self.start(handler)
        answer = client.fetch(method)
        self.assertEqual((answer.status, answer.header("content-length"), answer.body),
                         (int(status[:3]), length, b""))

    def test_interim_answers_are_relayed(self):
        def handler(connection, request):
            connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        _, _, client = self.start(handler)
        answer = client.fetch()
        self.assertEqual([status for status, _ in answer.interim], [103])
        self.assertEqual(answer.body, b"ok")

    def test_an_early_answer_resets_the_upload_without_an_error(self):
        def handler(connection, request):
            connection.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            connection.wait_ended()
        _, _, client = self.start(handler)
        stream = client.request("POST", body=b"x" * 1000, end=False)
        answer = client.answer(stream)
        self.assertEqual((answer.status, answer.body, answer.reset), (403, b"no", None))
        reset = client.next(lambda f: f.kind == 3 and f.stream == stream, "RST_STREAM")
        self.assertEqual(reset.error, NO_ERROR)

    def test_an_upload_that_ends_behind_its_answer_meets_no_reset(self):
        # curl and others that still send drop the answer with a reset that comes right behind it.
        gateway = self.gateway(basic_config(
            [{"name": "r", "match": {"path_prefix": "/"},
              "middleware": [{"body_limit": {"size": "10B"}}], "respond": {"status": 200}}],
            listener={"protocols": ["h2c"]}))
        client = H2Client(gateway.address())
        self.addCleanup(client.close)
        stream = client.request("POST", headers=[("content-length", "100000")], end=False)
        self.assertEqual(client.answer(stream).status, 413)
        client.data(stream, b"x" * 50000)
        client.ping()
        client.next(lambda f: f.kind == PING and f.flags & ACK, "the PING's answer")
        client.data(stream, b"x" * 50000, end=True)
        self.assertEqual(client.fetch().status, 200)
        self.assertFalse([f for f in client.frames if f.kind == RST_STREAM])

    def test_a_reset_ends_the_request_to_the_origin(self):
        def handler(connection, request):
            connection.wait_ended()
        origin, gateway, client = self.start(handler)
        stream = client.request()
        origin.wait_for_head()
        client.reset(stream, CANCEL)
        origin.wait_connection_ended()
        gateway.wait_metric(1, "weir_http_requests_total", status="499")
        client.ping()
        client.pong()

    def test_a_client_that_leaves_ends_its_requests(self):
        def handler(connection, request):
            connection.wait_ended()
        origin, gateway, client = self.start(handler)
        client.request()
        client.request()
        origin.wait_for_head(2)
        client.close()
        origin.wait_connection_ended(0)
        origin.wait_connection_ended(1)

    def test_an_answer_cut_short_is_reset(self):
        def handler(connection, request):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            connection.close()
        _, _, client = self.start(handler)
        answer = client.fetch()
        self.assertEqual((answer.status, answer.ended), (200, False))
        self.assertNotIn(answer.reset, (None, NO_ERROR))
