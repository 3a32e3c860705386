"""GET /access_log on the admin address: who watches sees each request as it ends, and nobody waits
for who watches."""

import json
import signal
import threading

from harness import Case, Client, basic_config, wait_until

ANSWERED = {"name": "all", "match": {"path_prefix": "/"}, "respond": {"status": 200}}
REQUEST = b"GET /access_log HTTP/1.1\r\nHost: localhost\r\n\r\n"
MOST = 4


class Watcher:
    """Who reads the lines, one at a time."""

    def __init__(self, case, weir, **kwargs):
        self.client = Client(weir.address("admin"), **kwargs)
        case.addCleanup(self.client.close)
        self.client.send(REQUEST)
        self.head = self.client.read_head()

    def line(self):
        while b"\n" not in self.client.buffer:
            self.client._more("a line of the access log")
        line, self.client.buffer = self.client.buffer.split(b"\n", 1)
        return json.loads(line)

    def paths_until(self, path):
        paths = []
        while path not in paths:
            paths.append(self.line()["path"])
        return paths

    def count(self, requests):
        """Reads until so many requests were seen or told as lost; how many were lost."""
        seen, lost = 0, 0
        while seen + lost < requests:
            line = self.line()
            lost += line.get("lost", 0)
            seen += "path" in line
        return lost if seen + lost == requests else -1


class WatchTest(Case):
    def serve(self, routes=None, **more):
        self.weir = self.gateway(basic_config(routes or [ANSWERED], **more))

    def watch(self, **kwargs):
        watcher = Watcher(self, self.weir, **kwargs)
        self.assertEqual(watcher.head.status, 200)
        return watcher

    def test_every_request_whatever_the_log_says(self):
        self.serve(access_log={"path": "off", "sample": "0%", "format": "combined",
                               "query": "redact"})
        watcher = self.watch()
        self.assertEqual(watcher.head.header("content-type"), "application/x-ndjson")
        self.assertEqual(watcher.head.header("connection"), "close")
        self.fetch(self.weir, "/a?token=secret&x=1")
        seen = watcher.line()
        for key, value in {"path": "/a", "query": "token=REDACTED&x=1", "status": 200,
                           "route": "all", "method": "GET", "listener": "http"}.items():
            self.assertEqual(seen[key], value)
        self.fetch(self.weir, "/b")
        self.assertEqual(watcher.line()["path"], "/b")

    def test_the_fields_are_those_of_the_log(self):
        self.serve(access_log={"path": "access.log"})
        watcher = self.watch()
        self.fetch(self.weir, "/a", headers=[("User-Agent", "a"), ("Referer", "http://b/")])
        seen = watcher.line()
        with open(self.weir.file("access.log"), encoding="utf-8") as file:
            logged = wait_until("the line", file.readline)
        self.assertEqual(json.loads(logged), seen)

    def test_all_watchers_see_all(self):
        self.serve()
        watchers = [self.watch() for _ in range(MOST)]
        for path in ("/a", "/b"):
            self.fetch(self.weir, path)
        for watcher in watchers:
            # Two connections may be of two workers, whose lines come in either order.
            self.assertEqual(sorted(watcher.line()["path"] for _ in range(2)), ["/a", "/b"])

    def test_a_fifth_is_refused_until_one_leaves(self):
        self.serve()
        watchers = [self.watch() for _ in range(MOST)]
        refused = self.weir.admin("GET", "/access_log")
        self.assertEqual((refused.status, refused.json()["reason"]), (503, "too_many_watchers"))
        watchers[0].client.close()
        wait_until("a place", lambda: Watcher(self, self.weir).head.status == 200)

    def test_head_is_the_head(self):
        self.serve()
        for _ in range(2 * MOST):
            answer = self.weir.admin("HEAD", "/access_log")
            self.assertEqual((answer.status, answer.body), (200, b""))

    def test_who_says_more_has_seen_enough(self):
        self.serve()
        watcher = self.watch()
        watcher.client.send(b"x")
        watcher.client.expect_closed()

    def test_it_needs_the_token(self):
        self.weir = self.gateway(
            basic_config([ANSWERED], admin={"bind": "0.0.0.0:0", "token_file": "token"}),
            files={"token": "0123456789abcdef0123456789abcdef\n"})
        self.weir.addresses["admin"] = ("127.0.0.1", self.weir.port("admin"))
        self.assertEqual(self.weir.admin("GET", "/access_log").status, 401)

    def test_a_slow_watcher_is_told_how_many_it_lost(self):
        self.serve(limits={"uri_size": "8KiB"})
        slow = self.watch(receive_buffer=4096)
        quick = self.watch()
        path = "/" + "a" * 1900
        rounds, size = 60, 100  # 12 MB: more than its queue and what the sockets hold
        for _ in range(rounds):
            peer = self.client(self.weir)
            peer.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * size)
            for _ in range(size):
                self.assertEqual(peer.read_response().status, 200)
            peer.close()
            # Neither another watcher nor a probe waits for it.
            self.assertEqual(quick.count(size), 0)
            self.assertEqual(self.weir.admin("GET", "/healthz").status, 200)
        self.assertGreater(slow.count(rounds * size), 0)
        self.fetch(self.weir, "/after")
        self.assertEqual(slow.line()["path"], "/after")

    def test_silence_does_not_make_it_the_idlest(self):
        self.serve()
        watcher = self.watch()
        crowd = []
        for _ in range(150):
            crowd.append(Client(self.weir.address("admin")))
            self.addCleanup(crowd[-1].close)
        self.assertEqual(self.weir.admin("GET", "/healthz").status, 200)
        self.fetch(self.weir, "/a")
        self.assertEqual(watcher.line()["path"], "/a")

    def test_the_last_request_of_a_drain_is_seen(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def hold(connection, request):
            release.wait(15)
            connection.reply(200)
        origin = self.origin(hold)
        self.weir = self.gateway(basic_config(None, {"main": origin.address}))
        watcher = self.watch()
        peer = self.client(self.weir)
        peer.request("GET", "/last")
        origin.wait_for_head()
        self.weir.signal(signal.SIGTERM)
        self.weir.wait_log("the drain", "draining")
        release.set()
        self.assertEqual(peer.read_response().status, 200)
        self.assertEqual(watcher.paths_until("/last"), ["/last"])
        watcher.client.expect_closed()
        self.assertEqual(self.weir.wait_exit(), 0)

    def test_it_does_not_hold_up_the_end(self):
        self.serve()
        watcher = self.watch()
        self.assertEqual(self.weir.terminate(5), 0)
        watcher.client.expect_closed()
