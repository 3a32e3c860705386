"""The admin address when it is crowded: connections that say nothing, half a request, or take nothing
of an answer, and a configuration that is large. Probes and operators always get through."""

import select
import socket
import time

from harness import Case, Client, basic_config, rows, wait_until
from harness.waiting import bound

PROBES = ("/healthz", "/readyz", "/metrics")


def large_config(routes):
    return basic_config([{"name": f"route-{i}", "match": {"path": f"/a/{i}"},
                          "respond": {"status": 200, "body": "x" * 100}} for i in range(routes)])


class CrowdTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.weir = cls.shared_gateway(large_config(6000))

    def crowd(self, count, send=b"", receive_buffer=None, weir=None):
        crowd = []
        for _ in range(count):
            peer = Client((weir or self.weir).address("admin"), receive_buffer=receive_buffer)
            self.addCleanup(peer.close)
            peer.send(send)
            crowd.append(peer)
        return crowd

    def gone(self, crowd):
        """Those whom the gateway has closed."""
        readable, _, _ = select.select([peer.socket for peer in crowd], [], [], 0)
        out = []
        for peer in (peer for peer in crowd if peer.socket in readable):
            try:
                if peer.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                    out.append(peer)
            except ConnectionResetError:
                out.append(peer)
        return out

    def assert_open(self):
        start = time.monotonic()
        for path in PROBES:
            self.assertEqual(self.weir.admin("GET", path, timeout=4.5).status, 200, path)
        self.assertEqual(self.weir.admin("GET", "/listeners", timeout=4.5).status, 200)
        # Before the first bytes of the crowd are due: it is not its end that opens the door.
        self.assertLess(time.monotonic() - start, bound(4.5))

    @rows([("64", 64), ("500", 500)])
    def test_silent_connections(self, count):
        self.crowd(count)
        self.assert_open()

    @rows([("64", 64), ("500", 500)])
    def test_half_requests(self, count):
        self.crowd(count, b"GET /config HTTP/1.1\r\nHost: local")
        self.assert_open()

    @rows([("64", 64), ("500", 500)])
    def test_half_bodies(self, count):
        self.crowd(count, b"PUT /log/level HTTP/1.1\r\nHost: localhost\r\n"
                          b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        self.assert_open()

    def test_slow_readers_of_a_large_answer(self):
        whole = self.weir.admin("GET", "/config")
        self.assertGreater(len(whole.body), 1 << 20)
        request = b"GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n"
        before = self.weir.status("VmRSS")
        self.crowd(80, request, receive_buffer=4096)
        self.assert_open()
        # The answers are made one after the other, so this one is behind all of theirs; each can
        # take a second on a busy machine.
        self.assertEqual(self.weir.admin("GET", "/config", timeout=200).body, whole.body)
        # What nobody takes does not pile up: 64 MiB of it are kept.
        everything = 80 * len(whole.body)
        self.assertGreater(everything, 100 << 20)
        if not self.weir.is_sanitized():
            self.assertLess((self.weir.status("VmRSS") - before) * 1024, 0.85 * everything)

    def test_the_idlest_goes(self):
        weir = self.gateway(large_config(1))  # where nothing of another test is left
        kept = self.client(weir, "admin")
        crowd = []
        for _ in range(150):
            kept.request("GET", "/healthz", host="localhost")
            self.assertEqual(kept.read_response().status, 200)
            crowd += self.crowd(1, weir=weir)
        wait_until("the oldest to be closed", lambda: len(self.gone(crowd)) == 150 - 63)
        self.assertEqual(self.gone(crowd), crowd[:150 - 63])

    def test_first_bytes_have_five_seconds(self):
        start = time.monotonic()
        (silent,) = self.crowd(1)
        (half,) = self.crowd(1, b"GET /healthz HTTP/1.1\r\n")
        silent.timeout = bound(10)
        silent.socket.settimeout(silent.timeout)
        silent.expect_gone()
        self.assertGreater(time.monotonic() - start, 4)
        half.send("Host: a\r\n\r\n")
        self.assertEqual(half.read_response().status, 200)


class LargeConfigTest(Case):
    def test_a_comparison_with_the_file_does_not_hold_up_probes(self):
        weir = self.gateway(large_config(6000))
        asked = Client(weir.address("admin"), timeout=60)
        self.addCleanup(asked.close)
        asked.request("GET", "/config/diff", host="localhost")
        for _ in range(3):
            self.assertEqual(weir.admin("GET", "/healthz").status, 200)
        readable, _, _ = select.select([asked.socket], [], [], 0)
        self.assertEqual(readable, [], "the probes were answered behind the comparison")
        self.assertEqual(asked.read_response().body, b"")
