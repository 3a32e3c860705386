"""Node's HTTP/2 client, and the `ws` package's WebSocket on both sides of Weir: over HTTP/1 upgrades
and over HTTP/2's extended CONNECT, plain and over TLS."""

import json

from harness import Authority, Case, Origin, basic_config, node, rows

CONNECTIONS = 50  # bench/shown/websockets.py opens a thousand
ROUNDS = 5


class NodePeers(Case):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.cert = dict(zip(("cert", "key"), cls.authority.issue("local", ["localhost"])))

    def entrance(self, origin, tls, **route):
        listener = ({"tls": {"certificates": [self.cert]}} if tls
                    else {"protocols": ["http1", "h2c"]})
        return self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main", **route}],
            {"main": origin.address}, listener=listener))

    @rows([("h1", "h1", False), ("h1 over TLS", "h1", True), ("h2", "h2", False),
           ("h2 over TLS", "h2", True)])
    def test_websocket(self, way, tls):
        node.need("ws")
        origin = node.NodeOrigin("websocket_origin.js")
        self.addCleanup(origin.close)
        gateway = self.entrance(origin, tls, upgrades=["websocket"])
        url = f"{'wss' if tls else 'ws'}://127.0.0.1:{gateway.port()}/echo"
        out = json.loads(node.run("websocket_client.js", url, way, CONNECTIONS, ROUNDS))
        self.assertEqual(out, {"opened": CONNECTIONS, "echoed": CONNECTIONS * ROUNDS,
                               "pongs": CONNECTIONS, "closed": CONNECTIONS, "errors": []})
        gateway.wait_metric(0, "weir_tunnels_active", route="all")

    @rows([("plain", False), ("over TLS", True)])
    def test_http2(self, tls):
        node.need()

        def answer(connection, request):
            body = connection.read_body(request)
            if request.target.startswith("/endless"):
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                connection.chunk(b"begun")
                connection.wait_ended(20)
            elif request.target == "/trailers":
                connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
                connection.reply(200, [("Trailer", "x-sum")], b"sum", chunked=True,
                                 trailers=[("x-sum", "17")])
            else:
                connection.reply(200, [], body or b"hello")
        origin = Origin(answer)
        self.addCleanup(origin.close)
        gateway = self.entrance(origin, tls)
        out = json.loads(node.run("http2_client.js",
                                  f"{'https' if tls else 'http'}://127.0.0.1:{gateway.port()}"))
        self.assertEqual((out["many"], out["after"], out.get("error")), (100, 200, None))
        self.assertEqual((out["upload"]["status"], out["upload"]["size"]), (200, 3_000_000))
        self.assertEqual((out["trailers"]["text"], out["trailers"]["interim"]), ("sum", [103]))
        self.assertEqual(out["trailers"]["trailers"]["x-sum"], "17")
        self.assertEqual(out["left"], 8)
        self.assertEqual(out["alpn"], "h2" if tls else "h2c")
