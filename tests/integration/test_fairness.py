"""One connection that is always ready does not hold up the others of its worker."""

import fcntl
import signal
import struct
import termios

from harness import Case, basic_config, rows, wait_until

REQUEST = "GET %s HTTP/1.1\r\nHost: a\r\n\r\n"
ROUTES = [{"name": "ping", "match": {"path": "/ping"}, "respond": {"status": 200, "body": "pong"}},
          {"name": "old", "match": {"path": "/old"}, "redirect": {"status": 308, "to": "/new"}},
          {"name": "post", "match": {"path": "/post"}, "upstream": "main"}]


def unacknowledged(client):
    """Bytes that the other side's kernel has not confirmed."""
    return struct.unpack("i", fcntl.ioctl(client.socket, termios.TIOCOUTQ, b"\0" * 4))[0]


class FairnessTest(Case):
    """The gateway is stopped until both clients have sent: the order in which it serves them is then
    its own, however busy the machine is."""

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config(
            ROUTES, {"main": cls.upstream.address}, workers=1,
            access_log={"path": "stdout"}))

    def lines(self):
        with open(self.weir.file("stdout"), encoding="utf-8") as log:
            return log.readlines()

    def wait_lines(self, count):
        """All lines, once there are so many."""
        def there():
            lines = self.lines()
            return lines if len(lines) >= count else None
        return wait_until(f"{count} lines of the access log", there)

    @rows([("not found", "/none"), ("redirects", "/old")])
    def test_a_pipeline(self, target):
        begun = len(self.lines())
        busy, other = self.client(self.weir, timeout=20), self.client(self.weir, timeout=20)
        for peer in (busy, other):  # both are served by now
            peer.request("GET", "/ping")
            peer.read_response()
        before = len(self.wait_lines(begun + 2))
        self.weir.stop()
        try:
            busy.send(REQUEST % target * 1000)
            other.send(REQUEST % "/ping")
            # On a busy machine what was sent last is not there when `send` returns.
            wait_until("both to be in the gateway's buffers", lambda: not unacknowledged(busy)
                       and not unacknowledged(other))
        finally:
            self.weir.signal(signal.SIGCONT)
        self.assertEqual(other.read_response().body, b"pong")
        for _ in range(1000):
            busy.read_response()
        lines = self.wait_lines(before + 1001)[before:]
        at = next(i for i, line in enumerate(lines) if "/ping" in line)
        # A turn takes 64 of one connection.
        self.assertLess(at, 100)
