"""WebSocket over HTTP/1.1: a tunnel after the upstream's 101 and only then."""

import base64
import hashlib
import threading

from harness import Case, basic_config, rows

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = base64.b64encode(hashlib.sha1(
    (KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
FIELDS = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
          ("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Protocol", "chat")]


def echo_tunnel(connection, request):
    connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    f"Connection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n"
                    "Sec-WebSocket-Protocol: chat\r\n\r\nhello")
    while True:
        connection.send(connection.read_some())


class UpgradeTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config([
            {"name": "plain", "match": {"path_prefix": "/plain"}, "upstream": "main"},
            {"name": "short", "match": {"path_prefix": "/short"}, "upstream": "main",
             "upgrades": ["websocket"], "stream_idle_timeout": "300ms"},
            {"name": "ws", "match": {"path_prefix": "/"}, "upstream": "main", "timeout": "400ms",
             "upgrades": ["websocket"]},
        ], {"main": cls.upstream.address}, workers=1, limits={"idle_timeout": "500ms"}))

    def setUp(self):
        self.upstream.clear()
        self.upstream.handler = echo_tunnel
        self.peer = self.client(self.weir)

    def open(self, target="/chat"):
        self.peer.request("GET", target, FIELDS)
        response = self.peer.read_head()
        self.assertEqual(response.status, 101, response)
        self.assertEqual(response.header("upgrade").lower(), "websocket")
        self.assertEqual(response.header("connection").lower(), "upgrade")
        self.assertEqual(response.header("sec-websocket-accept"), ACCEPT)
        self.assertEqual(response.header("sec-websocket-protocol"), "chat")
        self.assertEqual(self.peer.read_exact(5), b"hello")
        return response

    def test_bytes_pass_both_ways(self):
        self.open()
        request = self.upstream.heads[0]
        self.assertEqual(request.header("upgrade").lower(), "websocket")
        self.assertEqual(request.header("connection").lower(), "upgrade")
        self.assertEqual(request.header("sec-websocket-key"), KEY)
        self.assertEqual(request.all("x-forwarded-for"), ["127.0.0.1"])
        for message in (b"\x81\x05small", bytes(range(256)) * 4, b"GET / HTTP/1.1\r\n\r\n"):
            self.peer.send(message)
            self.assertEqual(self.peer.read_exact(len(message)), message)

    def test_much_data(self):
        self.open()
        data = bytes(range(256)) * 8192
        sender = threading.Thread(target=self.peer.send, args=(data,), daemon=True)
        sender.start()
        self.assertEqual(self.peer.read_exact(len(data)), data)
        sender.join()

    def test_bytes_sent_with_the_request_wait_for_the_101(self):
        self.peer.send("GET /chat HTTP/1.1\r\nHost: a\r\n"
                       + "".join(f"{n}: {v}\r\n" for n, v in FIELDS) + "\r\nearly")
        self.assertEqual(self.peer.read_head().status, 101)
        self.assertEqual(self.peer.read_exact(10), b"helloearly")

    def test_the_limits_of_requests_do_not_end_a_tunnel(self):
        """Neither the route's timeout nor the listener's idle time count once it is open."""
        self.open()
        threading.Event().wait(0.9)
        self.peer.send("still there")
        self.assertEqual(self.peer.read_exact(11), b"still there")

    def test_stream_idle_timeout_ends_a_tunnel(self):
        self.open("/short/chat")
        self.peer.expect_gone()
        self.upstream.wait_connection_ended(self.upstream.heads[0].connection)

    @rows([("closes", "close"), ("resets", "reset")])
    def test_client_goes(self, how):
        self.open()
        getattr(self.peer, how)()
        self.upstream.wait_connection_ended(self.upstream.heads[0].connection)

    def test_upstream_goes(self):
        def handler(connection, request):
            connection.send(f"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Accept: {ACCEPT}\r\n\r\nbye")
            connection.close()
        self.upstream.handler = handler
        self.peer.request("GET", "/chat", FIELDS)
        self.assertEqual(self.peer.read_head().status, 101)
        self.assertEqual(self.peer.read_exact(3), b"bye")
        self.peer.expect_closed()

    def test_half_close_passes(self):
        def handler(connection, request):
            connection.send(f"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n")
            connection.wait_ended()
            connection.send("last words")
            connection.close()
        self.upstream.handler = handler
        self.peer.request("GET", "/chat", FIELDS)
        self.assertEqual(self.peer.read_head().status, 101)
        self.peer.half_close()
        self.assertEqual(self.peer.read_exact(10), b"last words")

    @rows([("403", 403), ("200", 200), ("404", 404), ("500", 500), ("426", 426)])
    def test_refused_upgrade_keeps_the_framing(self, status):
        self.upstream.handler = lambda c, r: c.reply(
            status, [], r.target, chunked=(status == 200))
        self.peer.request("GET", "/chat", FIELDS)
        response = self.peer.read_response()
        self.assertEqual((response.status, response.body), (status, b"/chat"))
        self.peer.request("GET", "/next")
        self.assertEqual(self.peer.read_response().body, b"/next")

    @rows([
        ("other protocol", "Upgrade: h2c\r\nConnection: Upgrade\r\n"),
        ("no protocol", "Connection: Upgrade\r\n"), ("nothing", ""),
        ("not nominated", "Upgrade: websocket\r\n"),
    ])
    def test_bad_101_is_502(self, fields):
        self.upstream.handler = lambda c, r: c.send(
            f"HTTP/1.1 101 Switching Protocols\r\n{fields}\r\nraw")
        self.peer.request("GET", "/chat", FIELDS)
        self.assert_problem(self.peer.read_response(), "upstream_bad_response")

    def test_route_without_upgrades_asks_the_origin_plainly(self):
        self.upstream.handler = lambda c, r: c.reply(200, [], "plain")
        self.peer.request("GET", "/plain/chat", FIELDS)
        self.assertEqual(self.peer.read_response().body, b"plain")
        request = self.upstream.wait_for_request()
        self.assertEqual((request.all("upgrade"), request.all("connection")), ([], []))

    def test_tunnels_are_counted_apart(self):
        count = "weir_http_request_duration_seconds_count"
        before = self.weir.settled_metrics().value(count, route="ws") or 0
        self.open()
        self.weir.wait_metric(1, "weir_tunnels_active", route="ws")
        self.weir.wait_metric(0, "weir_http_requests_in_flight", route="ws")
        self.peer.close()
        self.weir.wait_metric(0, "weir_tunnels_active", route="ws")
        self.assertEqual(self.weir.metrics().value(count, route="ws") or 0, before)


class TunnelLimitTest(Case):
    def test_tunnels_leave_in_flight_and_have_a_limit_of_their_own(self):
        upstream = self.origin(echo_tunnel)
        gateway = self.gateway(basic_config(
            [{"name": "ws", "match": {"path_prefix": "/"}, "upstream": "main",
              "upgrades": ["websocket"]}],
            {"main": {"endpoints": [{"address": upstream.address}],
                      "pool": {"in_flight": 1, "pending_timeout": "200ms", "tunnels": 2}}}, workers=1))
        peers = [self.client(gateway) for _ in range(3)]
        for peer in peers[:2]:
            peer.request("GET", "/", FIELDS)
            self.assertEqual(peer.read_head().status, 101)
        peers[2].request("GET", "/", FIELDS)
        self.assert_problem(peers[2].read_response(), "pool_full")
