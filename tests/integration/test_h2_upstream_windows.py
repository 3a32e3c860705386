"""Windows of an upstream's HTTP/2 connection: who does not read holds up nobody else, and holds little."""

from harness import Case, basic_config
from harness.h2_origin import H2Origin
from harness.waiting import wait_until

SLOW = 80
LARGE = 4 << 20


class Windows(Case):
    def setUp(self):
        self.upstream = H2Origin(self.answer)
        self.addCleanup(self.upstream.close)
        self.weir = self.gateway(basic_config(upstreams={"main": {
            "endpoints": [{"address": self.upstream.address}], "protocol": "h2",
            "pool": {"h2_connections": 1}}}, workers=1))

    def answer(self, request):
        request.read_body()
        if request.header(":path") == "/small":
            request.reply(200, b"small")
            return
        request.head(200)
        sent = 0
        while sent < LARGE and request.reset is None and not request.connection.closed:
            piece = request.connection.take_window(request, min(16384, LARGE - sent))
            request.connection.send(self.data(request.stream, piece, sent + piece == LARGE))
            sent += piece

    @staticmethod
    def data(stream, size, end):
        return (size.to_bytes(3, "big") + b"\0" + bytes([end]) + stream.to_bytes(4, "big")
                + b"x" * size)

    def test_slow_clients_stop_nobody(self):
        before = self.weir.status("VmRSS")
        slow = []
        for _ in range(SLOW):
            client = self.client(self.weir, receive_buffer=4096)
            client.request(target="/large")
            slow.append(client)
        self.upstream.wait_requests(SLOW)
        # Each has been sent what its stream may hold, and none can go on.
        wait_until("all windows of streams to be shut",
                   lambda: all(request.window <= 0 for request in self.upstream.requests), timeout=20)
        connection = self.upstream.connections[0]
        self.assertEqual(len(self.upstream.connections), 1)
        self.assertGreater(connection.window, 0)
        for _ in range(3):
            self.assertEqual(self.fetch(self.weir, "/small").body, b"small")
        if not self.weir.is_sanitized():
            self.assertLess(self.weir.status("VmRSS") - before, 64 * 1024)

    def test_who_reads_gets_a_larger_window(self):
        client = self.client(self.weir, timeout=20)
        client.request(target="/large")
        self.assertEqual(len(client.read_response().body), LARGE)
        request = self.upstream.requests[0]
        self.assertEqual(request.connection.initial_window, 64 * 1024)
        self.assertGreater(request.largest_window, 128 * 1024)
