"""Everybody misbehaves at once, by a seeded dice: clients that leave, stall and pipeline, an origin
that resets, truncates and answers early, reloads in between. Afterwards nothing may be left: no
request in flight, no permit taken, no connection open; and every answer that claimed to be whole
was the right one."""

import random
import threading
import time

from harness import Case, ProtocolError, Truncated, basic_config, rows, wait_until
from harness.waiting import bound

SECONDS = 4.0
CLIENTS = 16


class Origin:
    """What the origin does is asked for in the path: /ACTION/TOKEN. Answers carry the token, so an
    answer given to the wrong client is seen."""

    def __init__(self):
        self.release = threading.Event()

    def __call__(self, connection, request):
        action, token = request.target.strip("/").split("/")[:2]
        getattr(self, action)(connection, request, token)

    def plain(self, connection, request, token):
        body = connection.read_body(request)
        connection.reply(200, [("X-Token", token)], token.encode() + body)

    def chunked(self, connection, request, token):
        connection.read_body(request)
        connection.reply(200, [("X-Token", token)], token * 3000, chunked=True)

    def large(self, connection, request, token):
        connection.read_body(request)
        connection.reply(200, [("X-Token", token)], token * 30000)

    def early(self, connection, request, token):
        connection.reply(413, [("X-Token", token), ("Connection", "close")], token)
        connection.close()

    def reset(self, connection, request, token):
        connection.reset()

    def close(self, connection, request, token):
        connection.close()

    def truncate(self, connection, request, token):
        connection.read_body(request)
        connection.send(f"HTTP/1.1 200 OK\r\nX-Token: {token}\r\nContent-Length: 9999\r\n\r\nhalf")
        connection.close()

    def garbage(self, connection, request, token):
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
        connection.close()

    def surplus(self, connection, request, token):
        connection.read_body(request)
        connection.send(f"HTTP/1.1 200 OK\r\nX-Token: {token}\r\nContent-Length: {len(token)}"
                        f"\r\n\r\n{token}HTTP/1.1 200 OK\r\nX-Token: stray\r\n\r\n")

    def stall(self, connection, request, token):
        self.release.wait(bound(0.4))
        connection.reply(200, [("X-Token", token)], token)

    def hints(self, connection, request, token):
        connection.read_body(request)
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        connection.reply(200, [("X-Token", token)], token)


ACTIONS = ["plain"] * 6 + ["chunked", "large", "early", "reset", "close", "truncate", "garbage",
                           "surplus", "stall", "hints"]


class Visitor(threading.Thread):
    """One client's life until the deadline."""

    def __init__(self, gateway, seed, deadline):
        super().__init__(daemon=True)
        self.gateway, self.dice, self.deadline = gateway, random.Random(seed), deadline
        self.name_of_client = f"c{seed}"
        self.count = self.whole = 0
        self.wrong = []

    def run(self):
        while time.monotonic() < self.deadline:
            try:
                with self.gateway.connect() as peer:
                    self.visit(peer)
            except ProtocolError as error:
                self.wrong.append(error)
            except (Truncated, OSError):
                pass  # what the origin's misbehaviour comes to
            except AssertionError as error:
                self.wrong.append(error)

    def visit(self, peer):
        for _ in range(self.dice.randint(1, 12)):
            self.count += 1
            token = f"{self.name_of_client}-{self.count}"
            action = self.dice.choice(ACTIONS)
            body = b"b" * self.dice.choice([0, 10, 100_000])
            manner = self.dice.random()
            head = f"POST /{action}/{token} HTTP/1.1\r\nHost: a\r\n".encode()
            if manner < 0.06:  # leaves inside its upload
                peer.send(head + b"Content-Length: 100000\r\n\r\n" + body[:1000])
                return peer.reset() if manner < 0.03 else None
            if manner < 0.12:  # leaves before its answer
                peer.send(head + b"Content-Length: 0\r\n\r\n")
                return peer.reset() if manner < 0.09 else None
            if manner < 0.5:
                peer.send(head + b"Transfer-Encoding: chunked\r\n\r\n"
                          + (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n")
            else:
                peer.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            if manner > 0.95:  # reads a little and leaves
                peer.socket.recv(50)
                return None
            response = peer.read_response()
            self.judge(response, token, body, action)
            if response.header("connection"):
                return None
        return None

    def judge(self, response, token, body, action):
        if response.status in (200, 413):
            self.whole += 1
            expected = {"plain": token.encode() + body, "chunked": token.encode() * 3000,
                        "large": token.encode() * 30000}.get(action, token.encode())
            if response.header("x-token") != token or response.body != expected:
                self.wrong.append(f"{action} for {token}: {response}")
        elif response.status not in (502, 503, 504):
            self.wrong.append(f"{action} for {token}: {response}")


class ChaosCase(Case):
    def visit(self, gateway, seed, reloads, visitor=Visitor):
        """CLIENTS of them for SECONDS, and reloads one after the other: no answer is wrong."""
        deadline = time.monotonic() + SECONDS
        visitors = [visitor(gateway, seed * 1000 + n, deadline) for n in range(CLIENTS)]
        for each in visitors:
            each.start()
        while reloads and time.monotonic() < deadline:
            self.assertEqual(gateway.reload_by_post().status, 200)
        for each in visitors:
            each.join(bound(30))
        self.assertEqual([v.name for v in visitors if v.is_alive()], [])
        self.assertEqual([wrong for v in visitors for wrong in v.wrong], [])
        self.assertGreater(sum(v.whole for v in visitors), 20)

    def wait_given_back(self, gateway):
        def left():
            metrics = gateway.metrics()
            counts = (metrics.value("weir_http_requests_in_flight"),
                      metrics.value("weir_upstream_requests_in_flight") or 0,
                      metrics.value("weir_upstream_connections", state="active"),
                      metrics.value("weir_connections_active"))
            return not any(counts) and counts
        wait_until("everything to be given back", left)


class ChaosTest(ChaosCase):
    @rows([("one worker", 1, 11, False), ("two workers", 2, 12, False),
           ("two workers with reloads", 2, 13, True)])
    def test_nothing_is_left(self, workers, seed, reloads):
        origin = self.origin(Origin())
        config = basic_config(upstreams={"main": {
            "endpoints": [{"address": origin.address}],
            "pool": {"in_flight": 8, "pending_timeout": "2s"}}}, workers=workers)
        gateway = self.gateway(config)
        self.visit(gateway, seed, reloads)
        self.wait_given_back(gateway)
        self.assert_all_permits_are_back(gateway, origin)
        self.assertEqual(gateway.terminate(), 0)

    def assert_all_permits_are_back(self, gateway, origin):
        """As many at once as the pool allows, not one more or less."""
        go = threading.Event()
        self.addCleanup(go.set)
        origin.clear()
        origin.handler = lambda c, r: (go.wait(10), c.reply(200))
        peers = [self.client(gateway) for _ in range(8)]
        for peer in peers:
            peer.request("GET", "/hold")
        origin.wait_for_head(8)
        go.set()
        for peer in peers:
            self.assertEqual(peer.read_response().status, 200)
