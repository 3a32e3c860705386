"""As test_chaos, over HTTP/2 and TLS: clients that reset streams, shut windows, cut uploads and
connections, behind them origins of both protocols that reset, refuse, say GOAWAY and answer early,
with a copy of each request to a shadow, a server asked about each, and reloads in between.
Afterwards nothing may be left, the gateway is at rest, and every whole answer was the right one."""

import random
import socket
import struct
import threading
import time

from harness import Authority, Case, Truncated, basic_config, client_context, rows, wait_until
from harness import h2_frames as h2
from harness.h2 import H2Client
from harness.h2_origin import H2Origin
from harness.waiting import bound

SECONDS = 4.0
CLIENTS = 6
STREAMS = 8


class Http2Origin:
    """What it does is asked for in the path: /ACTION/TOKEN."""

    def __init__(self, seed):
        self.dice = random.Random(seed)

    def __call__(self, request):
        action, token = request.header(":path").strip("/").split("/")[:2]
        getattr(self, action)(request, token)

    def plain(self, request, token):
        if request.wait_end():
            request.reply(200, token.encode() + bytes(request.body), [("x-token", token)])

    def large(self, request, token):
        if request.wait_end():
            request.reply(200, token.encode() * 20000, [("x-token", token)])

    def early(self, request, token):
        request.reply(413, token.encode(), [("x-token", token)])
        request.give_up(h2.NO_ERROR)

    def reset(self, request, token):
        request.give_up(h2.INTERNAL_ERROR)

    def refuse(self, request, token):
        if self.dice.random() < 0.5:
            return request.give_up(h2.REFUSED_STREAM)
        return self.plain(request, token)

    def close(self, request, token):
        request.connection.close(reset=self.dice.random() < 0.5)

    def goaway(self, request, token):
        request.connection.send(h2.goaway(request.stream))
        self.plain(request, token)

    def truncate(self, request, token):
        request.head(200, [("content-length", "9999"), ("x-token", token)])
        request.content(b"half")
        request.give_up(h2.INTERNAL_ERROR)

    def garbage(self, request, token):
        request.head(200, [("Upper", "case")], end=True)

    def stall(self, request, token):
        time.sleep(bound(0.2))
        self.plain(request, token)


ACTIONS = ["plain"] * 8 + ["large"] * 3 + ["early", "reset", "refuse", "close", "goaway", "truncate",
                                         "garbage", "stall"]


class PatientH2Origin(H2Origin):
    """Its requests wait for their end without complaint when they are given up."""

    def started(self, request):
        request.wait_end = lambda: self.wait_end(request)
        super().started(request)

    @staticmethod
    def wait_end(request):
        connection = request.connection
        with connection.changed:
            connection.changed.wait_for(
                lambda: request.ended or request.reset is not None or connection.closed, bound(10))
        return request.ended


class Visitor(threading.Thread):
    """One client's life until the deadline: connections, each with streams at a time."""

    def __init__(self, connect, seed, deadline):
        super().__init__(daemon=True)
        self.connect, self.dice, self.deadline = connect, random.Random(seed), deadline
        self.prefix = f"c{seed}"
        self.count = self.whole = 0
        self.wrong = []

    def run(self):
        while time.monotonic() < self.deadline:
            client = None
            try:
                client = self.connect()
                self.visit(client)
            except ConnectionRefusedError:
                return  # drained
            except (Truncated, OSError):
                pass  # what this client's own manners come to
            except AssertionError as error:
                self.wrong.append(error)
            finally:
                if client is not None:
                    client.close()

    def visit(self, client):
        client.giving = False  # windows are given below
        for _ in range(self.dice.randint(1, 5)):
            asked = {}
            for _ in range(self.dice.randint(1, STREAMS)):
                self.ask(client, asked)
            manner = self.dice.random()
            if manner < 0.1:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
                return
            if manner < 0.2:
                return
            if manner < 0.3:
                client.send(h2.goaway(0))
            if manner < 0.4:
                half_close(client.socket)
            if not self.take(client, asked):
                return

    def ask(self, client, asked):
        self.count += 1
        token = f"{self.prefix}-{self.count}"
        action = self.dice.choice(ACTIONS)
        body = b"b" * self.dice.choice([0, 0, 10, 30_000])
        manner = self.dice.random()
        if manner < 0.1:  # an upload that stops
            stream = client.request("POST", f"/{action}/{token}", body=body, end=False)
            if manner < 0.08:
                client.reset(stream)
            return
        stream = client.request("POST" if body else "GET", f"/{action}/{token}", body=body or None)
        if manner < 0.25:
            client.reset(stream)
        elif manner < 0.3:
            asked[stream] = None  # never read: its window shuts
        else:
            asked[stream] = (action, token, body, bytearray(), {})

    def take(self, client, asked):
        """Reads until all that is asked for has ended; false when the connection has."""
        left = {stream for stream, what in asked.items() if what is not None}
        while left:
            got = client.read_frame("answers")
            if got.kind == h2.GOAWAY and got.error:
                self.wrong.append(f"GOAWAY {got.error} {got.payload!r}")
                return False
            if got.kind == h2.DATA and got.payload:
                client.give(0, len(got.payload))
            what = asked.get(got.stream)
            if what is None:
                continue
            action, token, body, content, head = what
            if got.kind == h2.HEADERS:
                head.update(got.fields)
            elif got.kind == h2.DATA:
                content += got.payload
                if got.payload and not got.flags & h2.END_STREAM:
                    client.give(got.stream, len(got.payload))
                if self.dice.random() < 0.01:
                    client.reset(got.stream)
                    left.discard(got.stream)
                    asked[got.stream] = None
                    continue
            if got.kind == h2.RST_STREAM:
                left.discard(got.stream)
            elif got.kind in (h2.HEADERS, h2.DATA) and got.flags & h2.END_STREAM:
                left.discard(got.stream)
                self.judge(action, token, body, bytes(content), head)
        return True

    def judge(self, action, token, body, content, head):
        status = head.get(":status")
        if status in ("200", "413"):
            self.whole += 1
            expected = {"large": token.encode() * 20000, "early": token.encode()}
            if head.get("x-token") != token or \
                    content != expected.get(action, token.encode() + body):
                self.wrong.append(f"{action} for {token}: {head} {content[:100]!r}")
        elif status not in ("502", "503", "504"):
            self.wrong.append(f"{action} for {token}: {head} {content[:100]!r}")


def half_close(connection):
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class SecureH2Client(H2Client):
    def __init__(self, address, context):
        super().__init__(address, start=False)
        self.socket = context.wrap_socket(self.socket, server_hostname="a.test",
                                          suppress_ragged_eofs=False)
        self.send(h2.PREFACE + self.settings())


class ChaosOverHttp2(Case):
    @rows([
        ("prior knowledge", False, "abort", 21, False),
        ("half-closed clients", False, "finish", 22, False),
        ("TLS with reloads", True, "abort", 23, True),
    ])
    def test_nothing_is_left(self, tls, half_close_means, seed, reloads):
        origins = [PatientH2Origin(Http2Origin(seed + n)) for n in range(2)]
        for each in origins:
            self.addCleanup(each.close)
        shadow = self.origin(lambda c, r: (c.read_body(r), c.reset() if "reset" in r.target
                                           else c.reply()))
        guard = self.origin(lambda c, r: c.close() if r.header("x-forwarded-uri").endswith("7")
                            else c.reply())
        listener, context = {"protocols": ["h2c"]}, None
        if tls:
            authority = Authority()
            self.addCleanup(authority.close)
            cert, key = authority.issue("a", ["a.test"])
            listener = {"tls": {"certificates": [{"cert": cert, "key": key}]}}
            context = client_context(authority.ca, alpn=["h2"])
        config = basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
              "mirror": {"upstream": "shadow", "sample": "50%"},
              "middleware": [{"forward_auth": {"upstream": "guard", "path": "/"}}]}],
            {"main": {"endpoints": [{"address": each.address} for each in origins],
                      "protocol": "h2", "pool": {"in_flight": 64, "pending_timeout": "2s"}},
             "shadow": [shadow.address], "guard": [guard.address]},
            limits={"client_half_close": half_close_means, "body_idle_timeout": "5s"},
            listener=listener, workers=2, server={"drain_timeout": "2s"})
        gateway = self.gateway(config)
        address = gateway.address()
        def connect():
            return SecureH2Client(address, context) if tls else H2Client(address)

        def visit(seconds):
            deadline = time.monotonic() + seconds
            out = [Visitor(connect, seed * 1000 + n, deadline) for n in range(CLIENTS)]
            for visitor in out:
                visitor.start()
            return out, deadline

        visitors, deadline = visit(SECONDS)
        while reloads and time.monotonic() < deadline:
            self.assertEqual(gateway.reload_by_post().status, 200)
        self.assert_all_right(visitors)
        self.assertGreater(sum(v.whole for v in visitors), 20)

        def left():
            metrics = gateway.metrics()
            counts = (metrics.value("weir_http_requests_in_flight"),
                      metrics.value("weir_upstream_connections", state="active"),
                      metrics.value("weir_connections_active"))
            return not any(counts) and counts
        wait_until("everything to be given back", left, timeout=10)
        for upstream in gateway.admin("GET", "/upstreams").json():
            self.assertEqual([e["in_flight"] for e in upstream["endpoints"] if e["in_flight"]], [])
        self.assert_rests(gateway)

        visitors, _ = visit(1.5)
        wait_until("another one served", lambda: sum(v.whole for v in visitors) > 5)
        self.assertIn(gateway.terminate(), (0, 2))
        self.assert_all_right(visitors)

    def assert_all_right(self, visitors):
        for visitor in visitors:
            visitor.join(bound(30))
        self.assertEqual([v.prefix for v in visitors if v.is_alive()], [])
        self.assertEqual([wrong for v in visitors for wrong in v.wrong], [])

    def assert_rests(self, gateway):
        """Nobody spins: the process needs no time while nothing happens."""
        seen = []

        def is_still():
            with open(f"/proc/{gateway.process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            seen.append(int(fields[11]) + int(fields[12]))
            return len(seen) > 1 and seen[-1] == seen[-2]
        wait_until("the workers to rest", is_still, interval=0.2)
