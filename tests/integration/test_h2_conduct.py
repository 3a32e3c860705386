"""How much an HTTP/2 client may do before it is sent away: good clients never are, whoever is gets what
is in flight, and who goes on is cut off."""

import threading

from harness.case import Case, rows
from harness.client import Truncated
from harness.gateway import basic_config
from harness.h2 import (
    ACK, DATA, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, PING, REFUSED_STREAM, RST_STREAM,
    H2Client, frame, headers, request_fields, rst_stream, window_update)
from harness.waiting import wait_until

COOKIES = [("cookie", f"c{i}=" + "x" * 500) for i in range(20)]  # 10 KiB


class Conduct(Case):
    trusted = ()

    def start(self, **limits):
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        self.server = self.origin(self.answer)
        self.weir = self.gateway(basic_config(
            [{"name": "slow", "match": {"path_prefix": "/slow"}, "upstream": "o"},
             {"name": "fast", "match": {"path_prefix": "/"},
              "respond": {"status": 200, "body": "pong"}}],
            {"o": self.server.address}, workers=1, listener={"protocols": ["h2c"]}, limits=limits,
            trusted_proxies=list(self.trusted)))
        self.peer = H2Client(self.weir.address(), timeout=30)
        self.addCleanup(self.peer.close)
        while self.peer.server_settings is None:
            self.peer.read_frame()
        return self.peer

    def answer(self, connection, request):
        if request.target == "/slow/upload":
            connection.reply(body=b"%d" % len(connection.read_body(request)))
            return
        self.release.wait(60)
        connection.reply(body=b"slow")

    def ask(self, count, path, fields, at_once=100):
        """So many requests, at most `at_once` of them open, those refused asked again; how many were
        refused."""
        want, refused, open_ = count, 0, set()
        while want or open_:
            while want and len(open_) < at_once:
                open_.add(self.peer.request(path=path, headers=fields))
                want -= 1
            got = self.peer.read_frame("answers")
            if got.kind == GOAWAY:
                self.fail(f"sent away with {got.error}, {want + len(open_)} of {count} unanswered")
            if got.kind == RST_STREAM:
                self.assertEqual(got.error, REFUSED_STREAM)
                open_.remove(got.stream)
                want, refused = want + 1, refused + 1
            if got.kind == HEADERS:
                self.assertEqual(dict(got.fields)[":status"], "200")
            if got.kind in (HEADERS, DATA) and got.flags & END_STREAM:
                open_.remove(got.stream)
        return refused

    def test_many_cookies_on_many_streams(self):
        self.start()
        self.release.set()
        self.assertEqual(self.ask(1000, "/slow", COOKIES), 0)
        self.assertEqual(self.ask(1000, "/", COOKIES), 0)

    def test_all_announced_streams_hold_16_KiB_each(self):
        peer = self.start()
        streams = [peer.request(path="/slow", headers=COOKIES + [("x", "y" * 5000)])
                   for _ in range(peer.server_settings[3])]
        self.weir.wait_metric(len(streams), "weir_http_requests_in_flight", route="slow")
        self.release.set()
        for stream in streams:
            self.assertEqual(peer.answer(stream).status, 200)

    def test_what_has_no_room_is_refused_and_nobody_is_sent_away(self):
        peer = self.start()
        large = [("x", "y" * 15000)] * 3
        held = [peer.request(path="/slow", headers=large) for _ in range(36)]
        self.weir.wait_metric(len(held), "weir_http_requests_in_flight", route="slow")
        refused = 0
        while refused < 500:
            streams = [peer.request(path="/", headers=large) for _ in range(20)]
            for stream in streams:
                answer = peer.answer(stream)
                self.assertIsNone(answer.goaway, f"after {refused} refusals")
                refused += answer.reset == REFUSED_STREAM
        self.release.set()
        for stream in held:
            self.assertEqual(peer.answer(stream).body, b"slow")
        self.assertEqual(peer.fetch(headers=large).body, b"pong")

    @rows([("the head alone", {"h2_streams": 1, "header_size": "60KiB"}, 3)])
    def test_one_head_within_its_limit_always_has_room(self, limits, count):
        peer = self.start(**limits)
        for _ in range(count):
            self.assertEqual(peer.fetch(headers=[("x", "y" * 15000)] * 3).status, 200)

    def cancels(self, cancelled, answered, rounds):
        """Whether a client that gives up so many for so many answers is served on."""
        for _ in range(rounds):
            for _ in range(cancelled):
                stream = self.peer.request(path="/slow")
                self.peer.reset(stream)
            for stream in [self.peer.request() for _ in range(answered)]:
                answer = self.peer.answer(stream)
                if answer.goaway is not None or answer.reset == REFUSED_STREAM:
                    goaway = answer.goaway or self.peer.goaway()
                    self.assertEqual(goaway.error, ENHANCE_YOUR_CALM)
                    return False
                self.assertEqual(answer.status, 200, answer)
        return True

    def test_a_fifth_given_up_is_the_clients_right(self):
        self.start()
        self.assertTrue(self.cancels(10, 40, 60))

    def test_most_given_up_is_not(self):
        self.start()
        self.assertFalse(self.cancels(40, 10, 60))

    def test_cancels_amid_answers_are_cheaper(self):
        self.server = self.origin(lambda connection, request: (
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            connection.chunk(b"x"), connection.wait_ended(30)))
        weir = self.gateway(basic_config(upstreams={"o": self.server.address}, workers=1,
                                         listener={"protocols": ["h2c"]}))
        peer = H2Client(weir.address())
        self.addCleanup(peer.close)
        for _ in range(15):
            streams = [peer.request() for _ in range(20)]
            for stream in streams:
                peer.head(stream)
                peer.reset(stream)
        peer.ping()
        peer.pong()
        self.assertFalse([f for f in peer.frames if f.kind == GOAWAY])

    # --- sent away
    def flood_until_away(self):
        """Gives up requests until it is told to go; the GOAWAY."""
        self.peer.send(b"".join(
            headers(s, request_fields(path="/slow"), True) + rst_stream(s, 8)
            for s in (self.peer.open_stream() for _ in range(260))))
        return self.peer.next(lambda f: f.kind == GOAWAY, "GOAWAY")

    def test_who_is_sent_away_gets_what_is_in_flight(self):
        peer = self.start()
        asked = [peer.request(path="/slow") for _ in range(30)]
        upload = peer.request("POST", "/slow/upload", end=False)
        self.weir.wait_metric(len(asked) + 1, "weir_http_requests_in_flight", route="slow")
        goaway = self.flood_until_away()
        self.assertEqual(goaway.error, ENHANCE_YOUR_CALM)
        self.assertGreater(goaway.last_stream, max(*asked, upload))
        peer.data(upload, b"x" * 100000, end=True)
        self.assertEqual(self.answer_of(upload), (200, b"100000"))
        late = peer.request(path="/")
        self.release.set()
        for stream in asked:
            self.assertEqual(self.answer_of(stream), (200, b"slow"))
        peer.expect_end()
        self.assertFalse([f for f in peer.frames if f.kind == HEADERS and f.stream == late])
        self.assertEqual(self.weir.metrics().value("weir_http_requests_total", route="slow",
                                                   status="200"), len(asked) + 1)

    def answer_of(self, stream):
        """As H2Client.answer, which takes a GOAWAY with an error for the end."""
        body, status = b"", 0
        while True:
            got = self.peer.next(lambda f: f.stream == stream, f"the answer on {stream}")
            self.assertIn(got.kind, (HEADERS, DATA), got)
            if got.kind == HEADERS:
                status = int(dict(got.fields)[":status"])
            else:
                body += got.payload
            if got.flags & END_STREAM:
                return status, body

    def test_who_is_sent_away_by_idle_frames_gets_what_is_in_flight(self):
        peer = self.start()
        asked = peer.request(path="/slow")
        self.server.wait_for_head()
        peer.send(window_update(0, 1) * 1500)
        self.assertEqual(peer.goaway().error, ENHANCE_YOUR_CALM)
        self.release.set()
        self.assertEqual(self.answer_of(asked), (200, b"slow"))
        peer.expect_end()

    def test_who_goes_on_is_cut_off(self):
        peer = self.start()
        peer.request(path="/slow")
        self.server.wait_for_head()
        self.flood_until_away()
        try:
            for _ in range(100):
                if not peer.try_send(frame(PING, 0, 0, b"x" * 8) * 100):
                    break
            while True:
                peer.read_frame("the end")
        except Truncated:
            pass
        wait_until("nothing in flight", lambda: not self.weir.metrics().value(
            "weir_http_requests_in_flight", route="slow"))

    def test_a_client_without_requests_is_closed_at_once(self):
        peer = self.start()
        self.flood_until_away()
        peer.expect_end()


class ProxyConduct(Conduct):
    """A trusted proxy speaks for many clients."""

    trusted = ("127.0.0.0/8",)

    def test_most_given_up_is_not(self):
        self.start()
        self.assertTrue(self.cancels(30, 10, 60))

    def test_without_any_answers(self):
        self.start()
        self.assertFalse(self.cancels(40, 0, 100) and self.peer.fetch().status == 200)

    def flood_until_away(self):
        def give_up(count):
            self.peer.send(b"".join(
                headers(s, request_fields(path="/slow"), True) + rst_stream(s, 8)
                for s in (self.peer.open_stream() for _ in range(count))))
            self.peer.ping()
            return self.peer.next(lambda f: f.kind == GOAWAY or (f.kind == PING and f.flags & ACK),
                                  "a GOAWAY or a pong")
        # What is forgiven a proxy, then as many at a time as may be in flight when it is told.
        got = give_up(2000)
        for _ in range(100):
            if got.kind == GOAWAY:
                break
            got = give_up(100)
        self.assertEqual(got.kind, GOAWAY)
        return got


