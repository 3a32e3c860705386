"""How long a configuration stays in memory: as long as it is in use or a request that began under it
lasts, and no tunnel keeps one."""

import base64
import hashlib
import json
import threading

from harness import Case, basic_config, rows, wait_until
from harness.h2 import DATA, H2Client, request_fields

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def accept(key):
    return base64.b64encode(hashlib.sha1(
        (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def echo(connection, request):
    connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Accept: {accept(request.header('sec-websocket-key'))}\r\n\r\n")
    while True:
        connection.send(connection.read_some())


class Tunnel1:
    def __init__(self, case):
        self.peer = case.client(case.weir)
        self.peer.request("GET", "/chat?room=1", [
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY), ("X-Api-Key", "plain-key")])
        head = self.peer.read_head()
        case.assertEqual(head.status, 101, head)
        case.assertEqual(head.header("x-set"), "by the route")

    def echoes(self):
        self.peer.send("ping")
        return self.peer.read_exact(4) == b"ping"

    def close(self):
        self.peer.close()


class Tunnel2:
    def __init__(self, case):
        self.client = H2Client(case.weir.address())
        self.stream = self.client.request_raw([
            (":protocol", "websocket"),
            *request_fields("CONNECT", "/chat?room=1", more=[("sec-websocket-version", "13"),
                                                            ("x-api-key", "plain-key")])], end=False)
        head = self.client.head(self.stream)
        case.assertEqual(dict(head.fields)[":status"], "200", head)
        case.assertEqual(dict(head.fields)["x-set"], "by the route")

    def echoes(self):
        self.client.data(self.stream, b"ping")
        return self.client.next(lambda f: f.kind == DATA and f.stream == self.stream,
                                "its bytes").payload == b"ping"

    def close(self):
        self.client.close()


class SnapshotTest(Case):
    def serve(self, number):
        """The configuration of that number: route, upstream and constants have its name."""
        return basic_config(
            [{"name": f"ws{number}", "match": {"path_prefix": "/"}, "upstream": f"u{number}",
              "upgrades": ["websocket"], "middleware": ["who", "marked"],
              "response_headers": {"set": {"x-set": "by the route"}}}],
            {f"u{number}": self.upstream.address}, workers=1,
            listener={"protocols": ["http1", "h2c"]},
            access_log={"path": "access.log"},
            middleware={"who": {"api_key": {"keys_file": "keys"}},
                        "marked": {"headers": {"request": {"set": {"user-agent": f"agent{number}"}}}}})

    def start(self):
        self.upstream = self.origin(echo)
        self.weir = self.gateway(self.serve(0), files={"keys": "acme:plain-key\n"})

    def entries(self, count):
        def read():
            with open(self.weir.file("access.log"), encoding="utf-8") as file:
                lines = file.read().split("\n")[:-1]
            return [json.loads(line) for line in lines] if len(lines) >= count else None
        return wait_until(f"{count} lines of the access log", read)

    @rows([("HTTP/1", Tunnel1), ("HTTP/2", Tunnel2)])
    def test_a_tunnel_keeps_none(self, tunnel):
        self.start()
        tunnels = []
        for number in range(5):
            tunnels.append(tunnel(self))
            self.assertEqual(self.weir.reload_by_post(self.serve(number + 1)).status, 200)
            self.weir.wait_metric(1, "weir_config_snapshots")
        # They go on, and their ends are told by what they began under.
        metrics = self.weir.metrics()
        for number, one in enumerate(tunnels):
            self.assertTrue(one.echoes())
            self.assertEqual(metrics.value("weir_tunnels_active", route=f"ws{number}"), 1)
            one.close()
            entry = self.entries(number + 1)[number]
            self.assertEqual(
                [entry.get(key) for key in ("route", "upstream", "endpoint", "user", "user_agent",
                                            "path", "query", "method")],
                [f"ws{number}", f"u{number}", self.upstream.address, "acme", f"agent{number}",
                 "/chat", "room=1", entry["method"]])
            # Nothing has that route any more: its gauges end, and its counters are told for a while.
            self.weir.wait_metric(None, "weir_tunnels_active", route=f"ws{number}")
            self.weir.wait_metric(1, "weir_upstream_requests_total", upstream=f"u{number}")

    def test_a_request_keeps_its_own(self):
        go = threading.Event()

        def slow(connection, request):
            go.wait(10)
            connection.reply(200, [], "slowly")
        self.start()
        self.upstream.handler = slow
        self.addCleanup(go.set)
        peer = self.client(self.weir)
        peer.request("GET", "/", [("X-Api-Key", "plain-key")])
        self.upstream.wait_for_head()
        for number in range(1, 4):
            self.assertEqual(self.weir.reload_by_post(self.serve(number)).status, 200)
        self.weir.wait_metric(2, "weir_config_snapshots")
        go.set()
        self.assertEqual(peer.read_response().body, b"slowly")
        self.weir.wait_metric(1, "weir_config_snapshots")
        self.assertEqual(self.entries(1)[0]["user_agent"], "agent0")

    def test_a_refused_reload_leaves_none(self):
        self.start()
        config = self.serve(1)
        config["routes"][0]["match"] = {"path_regex": "("}
        self.assertEqual(self.weir.reload_by_post(config).status, 422)
        self.weir.wait_metric(1, "weir_config_snapshots")
