"""Bodies of any size stream through: memory does not grow with them, and who does not read is not
written to."""

import socket
import threading

from harness import Case, basic_config, rows, wait_until

GIB = 1 << 30
TOTAL = 2 * GIB
BLOCK = bytes(1 << 20)
GROWTH_KIB = 16 * 1024


class LargeBodiesTest(Case):
    def setUp(self):
        self.upstream = self.origin(self.handle)
        self.weir = self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main", "timeout": "0"}],
            {"main": self.upstream.address}))
        self.received = 0

    def handle(self, connection, request):
        if request.method == "GET":
            size = int(request.target[1:])
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
            for _ in range(size // len(BLOCK)):
                connection.send(BLOCK)
            request.body = b""
            return
        left = int(request.header("content-length"))
        left -= len(connection.buffer)
        connection.buffer = b""
        while left:
            data = connection.socket.recv(min(left, 1 << 20))
            if not data:
                return
            left -= len(data)
        request.body = b""
        connection.reply(200, [], "taken")

    def download(self, size):
        peer = self.client(self.weir, timeout=60)
        peer.request("GET", f"/{size}")
        response = peer.read_head()
        self.assertEqual(response.all("content-length"), [str(size)])
        left = size - len(peer.buffer)
        while left:
            data = peer.socket.recv(min(left, 1 << 20))
            self.assertTrue(data, f"{left} bytes short")
            left -= len(data)
        peer.close()

    def upload(self, size):
        peer = self.client(self.weir, timeout=60)
        peer.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n")
        for _ in range(size // len(BLOCK)):
            peer.send(BLOCK)
        self.assertEqual(peer.read_response().body, b"taken")
        peer.close()

    def assert_flat(self, transfer):
        transfer(32 << 20)
        before = self.weir.status("VmHWM")
        transfer(TOTAL)
        self.assertLess(self.weir.status("VmHWM") - before, GROWTH_KIB)

    def test_2_gib_down(self):
        self.assert_flat(self.download)

    def test_2_gib_up(self):
        self.assert_flat(self.upload)


class BackPressureTest(Case):
    """What the gateway takes of a stream that nobody reads is bounded: its own buffers and the
    kernel's on the way."""

    MOST = 16 << 20

    def serve(self, handler):
        self.upstream = self.origin(handler)
        return self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main", "timeout": "0"}],
            {"main": self.upstream.address}))

    @staticmethod
    def settled(read):
        """Until two looks a while apart agree: nothing moves any more."""
        pause = threading.Event()

        def same():
            before = read()
            pause.wait(0.3)
            return before if before == read() and before > 0 else None
        return wait_until("the stream to stand still", same, timeout=10)

    @rows([("length", False), ("chunked", True)])
    def test_slow_reader_stalls_the_origin(self, chunked):
        sent = [0]

        def handler(connection, request):
            if chunked:
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            else:
                connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {64 << 20}\r\n\r\n")
            for _ in range(1024):
                (connection.chunk if chunked else connection.send)(bytes(65536))
                sent[0] += 65536
            if chunked:
                connection.send("0\r\n\r\n")
        gateway = self.serve(handler)
        peer = self.client(gateway, receive_buffer=65536, timeout=20)
        peer.request("GET", "/")
        peer.read_head()
        stalled = self.settled(lambda: sent[0])
        self.assertLess(stalled, self.MOST)
        if chunked:
            size = 0
            while piece := peer.read_chunk():
                size += len(piece)
            self.assertEqual(size, 64 << 20)
        else:
            left = (64 << 20) - len(peer.buffer)
            while left:
                data = peer.socket.recv(1 << 20)
                self.assertTrue(data)
                left -= len(data)

    def test_origin_that_does_not_read_stalls_the_client(self):
        go = threading.Event()
        self.addCleanup(go.set)

        def handler(connection, request):
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            go.wait(15)
            size = int(request.header("content-length")) - len(connection.buffer)
            connection.buffer = b""
            while size:
                size -= len(connection.socket.recv(1 << 20))
            request.body = b""
            connection.reply(200, [], "taken")
        gateway = self.serve(handler)
        peer = self.client(gateway, timeout=20)
        peer.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {32 << 20}\r\n\r\n")
        sent = [0]

        def send():
            for _ in range(512):
                peer.send(bytes(65536))
                sent[0] += 65536
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        stalled = self.settled(lambda: sent[0])
        self.assertLess(stalled, self.MOST)
        go.set()
        self.assertEqual(peer.read_response().body, b"taken")
        thread.join()
