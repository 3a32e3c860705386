"""What the process takes of memory, as the kernel counts it, and that it gives it back."""

import contextlib
import resource
import threading
import unittest

from harness import Case, Gateway, basic_config, rows, wait_until, weir
from harness.h2 import (CONTINUATION, ENHANCE_YOUR_CALM, HEADERS, H2Client, frame, literal,
                        request_fields, section)

MIB = 1024  # of /proc/PID/status, in KiB


def unfinished_head(size):
    """The beginning of a head of about `size` bytes: its empty line is missing."""
    head = b"GET / HTTP/1.1\r\nHost: a.test\r\n"
    number = 0
    while len(head) < size:
        head += b"X-Filler-%d: %s\r\n" % (number, b"f" * 1000)
        number += 1
    return head


class MemoryCase(Case):
    @classmethod
    def setUpClass(cls):
        # Clients of one test that hold a connection each.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def start(self, config):
        gateway = Gateway(config)
        self.addCleanup(gateway.close)
        return gateway.start()

    def resident(self, gateway):
        return gateway.status("VmRSS")


class TablesOfCallersTest(MemoryCase):
    @staticmethod
    def config(first_rate):
        limiters = {f"limit{n}": {"rate_limit": {"rate": f"{first_rate + n if n < 10 else 5}/s"}}
                    for n in range(30)}
        return basic_config([{"name": "all", "match": {"path_prefix": "/"},
                              "middleware": list(limiters), "respond": {"status": 204}}],
                            middleware=limiters)

    def test_reloads_that_change_rates_cost_nothing(self):
        gateway = self.start(self.config(10))
        if gateway.is_sanitized():
            self.skipTest("a sanitizer keeps freed memory")
        before = self.resident(gateway)
        for reload in range(6):
            answer = gateway.reload_by_post(self.config(20 + reload))
            self.assertEqual(answer.status, 200, answer)
        self.assertLess(self.resident(gateway), before + 16 * MIB)


class BurstTest(MemoryCase):
    def test_what_unfinished_heads_took_goes_back(self):
        count, size = 2500, 50_000
        origin = self.origin()
        gateway = self.start(basic_config(upstreams={"u": origin.address}, limits={
            "header_timeout": "60s"}))
        if gateway.is_sanitized():
            self.skipTest("a sanitizer keeps freed memory")
        before = self.resident(gateway)
        head = unfinished_head(size)
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(gateway.connect()).send(head)
            wait_until("heads are held", lambda: self.resident(gateway) >
                       before + count * size // 1024)
            during = self.resident(gateway)
        wait_until("no connection is left", lambda: not gateway.metrics().value(
            "weir_connections_active", listener="http"))
        wait_until(f"much of the {during - before} KiB went back", lambda: self.resident(gateway) <
                   before + 32 * MIB, timeout=30)


class HeadMemoryTest(MemoryCase):
    """`server.head_memory`: what heads that did not come at once may take together."""

    def start_with(self, budget, **server):
        self.upstream = self.origin()
        return self.start(basic_config(upstreams={"u": self.upstream.address}, server={
            "head_memory": budget, **server}, limits={"header_timeout": "60s", "header_size": "128KiB", "header_count": 1000}))

    def let_it_read(self, gateway):
        """The one worker has read what was sent before, once it has served what comes then."""
        self.assertEqual(self.fetch(gateway, "/then").status, 200)

    @staticmethod
    def gave_way(gateway):
        return gateway.metrics().value("weir_connections_rejected_total", listener="http",
                                       reason="head_memory")

    def test_many_unfinished_heads_take_no_more_than_the_budget(self):
        count, size = 1500, 50_000
        gateway = self.start_with("8MiB", workers=1)
        before = self.resident(gateway)
        head = unfinished_head(size)
        peers = []
        for _ in range(count):
            peer = self.client(gateway)
            peers.append(peer)
            with contextlib.suppress(ConnectionError):
                peer.send(head)
        # 8 MiB hold less than 170 of them.
        wait_until("most gave way", lambda: self.gave_way(gateway) > count - 170)
        if not gateway.is_sanitized():
            self.assertLess(self.resident(gateway), before + 40 * MIB)
        # Who it was that gave way is in the log: the first at once, then a count.
        gateway.wait_log("who gave way", lambda lines: any(
            "connection refused" in line and "reason=head_memory" in line
            and "peer=127.0.0.1:" in line for line in lines))
        # The oldest are answered; the newest are served when they go on.
        self.assert_problem(peers[0].read_response(), "headers_too_large")
        peers[0].expect_closed()
        peers[-1].send("\r\n")
        self.assertEqual(peers[-1].read_response().status, 200)

    def test_others_are_served_meanwhile(self):
        gateway = self.start_with("1MiB", workers=1)
        for _ in range(40):
            self.client(gateway).send(unfinished_head(50_000))
        wait_until("the budget is spent", lambda: self.gave_way(gateway) > 0)
        whole = self.fetch(gateway, "/whole")
        self.assertEqual(whole.status, 200)
        peer = self.client(gateway)
        peer.send("GET /halves HTTP/1.1\r\nHost: a.test\r\nX-Long: " + "y" * 8000)
        self.let_it_read(gateway)
        peer.send("z\r\n\r\n")
        self.assertEqual(peer.read_response().status, 200)
        self.assertEqual(self.upstream.requests[-1].target, "/halves")

    @rows([("of many fields", b"".join(literal(f"x-{n}", "f" * 500) for n in range(90))),
           ("of one long field", literal("x-long", "f" * 60_000)[:45_000])])
    def test_unfinished_heads_of_http2_share_it(self, more):
        """Whether the fields are decoded or still in parts: what came of them is held."""
        self.upstream = self.origin()
        gateway = self.start(basic_config(
            upstreams={"u": self.upstream.address}, listener={"protocols": ["http1", "h2c"]},
            server={"head_memory": "1MiB", "workers": 1}, limits={"header_timeout": "60s"}))
        block = section(request_fields()) + more
        pieces = [block[at:at + 16384] for at in range(0, len(block), 16384)]
        peers = []
        for _ in range(60):
            peer = H2Client(gateway.address())
            self.addCleanup(peer.close)
            peers.append(peer)
            stream = peer.open_stream()
            for index, piece in enumerate(pieces):
                peer.try_send(frame(CONTINUATION if index else HEADERS, 0, stream, piece))
        # 1 MiB holds at most 23 of them.
        wait_until("most gave way", lambda: self.gave_way(gateway) >= 60 - 23)
        self.assertEqual(peers[0].goaway().error, ENHANCE_YOUR_CALM)
        fresh = H2Client(gateway.address())
        self.addCleanup(fresh.close)
        self.assertEqual(fresh.fetch().status, 200)
        self.assertEqual(self.fetch(gateway).status, 200)

    def test_a_request_keeps_its_head_until_its_answer(self):
        """A head that was waited for is charged as long as its request takes, and given back then."""
        release = threading.Event()
        self.addCleanup(release.set)

        def handler(connection, request):
            connection.read_body(request)
            if request.target == "/slow":
                release.wait(30)
            connection.reply(200, [], "ok")
        gateway = self.start_with("128KiB", workers=1)
        self.upstream.handler = handler
        self.assertEqual(self.gave_way(gateway), 0)
        slow = self.client(gateway, timeout=30)
        head = b"GET /slow" + unfinished_head(50_000)[5:]
        slow.send(head[:40_000])
        self.let_it_read(gateway)
        slow.send(head[40_000:] + b"\r\n")
        wait_until("it is being served", lambda: any(
            head.target == "/slow" for head in self.upstream.heads))
        other = self.client(gateway)
        other.send(unfinished_head(100_000))
        self.assert_problem(other.read_response(), "headers_too_large")
        self.assertEqual(self.gave_way(gateway), 1)
        release.set()
        self.assertEqual(slow.read_response().status, 200)
        gateway.settled_metrics()
        again = self.client(gateway)
        again.send(unfinished_head(50_000) + b"\r\n")
        self.assertEqual(again.read_response().status, 200)

    def test_a_reload_changes_it(self):
        gateway = self.start_with("64MiB", workers=1)
        peers = [self.client(gateway) for _ in range(8)]
        for peer in peers:
            peer.send(unfinished_head(50_000))
        self.let_it_read(gateway)
        config = gateway.config
        config["server"]["head_memory"] = "128KiB"
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        late = self.client(gateway)
        late.send(unfinished_head(50_000))
        self.assert_problem(peers[0].read_response(), "headers_too_large")
        late.send("\r\n")
        self.assertEqual(late.read_response().status, 200)

    @rows([("nothing", "0", "must be above 0"), ("no size", "much", "is not a size")])
    def test_refused(self, value, problem):
        config = basic_config([{"name": "all", "match": {"path_prefix": "/"},
                                "respond": {"status": 204}}], server={"head_memory": value})
        gateway = Gateway(config)
        self.addCleanup(gateway.close)
        done = weir("check", "-c", gateway.path)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("server.head_memory: ", done.stderr + done.stdout)
        self.assertIn(problem, done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main()
