"""Reload: all or nothing, no connection touched, requests in flight finish on what they started
with. interface.md sections 1 and 5."""

import copy
import subprocess
import threading

from harness import Case, basic_config, rows
from harness.gateway import binary


class ReloadCase(Case):
    def serve(self, **more):
        self.old = self.origin(lambda c, r: c.reply(200, [], "old"), name="old")
        self.new = self.origin(lambda c, r: c.reply(200, [], "new"), name="new")
        self.before = basic_config(upstreams={"main": self.old.address}, **more)
        self.after = basic_config(upstreams={"main": self.new.address}, **more)
        self.weir = self.gateway(self.before)

    def body(self):
        return self.fetch(self.weir, "/").body


class ReloadTest(ReloadCase):
    def test_by_post(self):
        self.serve()
        self.assertEqual(self.body(), b"old")
        self.assertEqual(self.weir.reload_by_post(self.after).status, 200)
        self.assertEqual([self.body() for _ in range(10)], [b"new"] * 10)
        metrics = self.weir.metrics()
        self.assertEqual(metrics.value("weir_config_reloads_total", result="success"), 1)
        self.assertEqual(metrics.value("weir_config_last_reload_successful"), 1)
        self.weir.wait_log("what became of it", "info reloaded")

    def test_by_signal(self):
        self.serve()
        self.assertEqual(self.body(), b"old")
        self.weir.reload_by_signal(self.after)
        self.assertEqual([self.body() for _ in range(10)], [b"new"] * 10)

    def test_generation_counts_up(self):
        self.serve()
        first = self.weir.metrics().value("weir_config_generation")
        self.weir.reload_by_post(self.after)
        self.assertEqual(self.weir.metrics().value("weir_config_generation"), first + 1)

    def broken(self):
        config = copy.deepcopy(self.after)
        config["routes"][0]["upstream"] = "mian"
        config["routes"][0]["timeout"] = "soon"
        return config

    def test_refused_by_post_with_the_lines_of_check(self):
        self.serve()
        answer = self.weir.reload_by_post(self.broken())
        self.assertEqual(answer.status, 422)
        self.assertRegex(answer.text, r"weir\.yaml:\d+:\d+: ")
        self.assertIn("routes[0].upstream", answer.text)
        self.assertIn("did you mean", answer.text)
        self.assertIn("routes[0].timeout", answer.text)
        self.weir.wait_log("its lines", lambda lines: any(
            "reload refused" in line and "routes[0].timeout" in line for line in lines))
        self.assertEqual(self.body(), b"old")
        metrics = self.weir.metrics()
        self.assertEqual(metrics.value("weir_config_last_reload_successful"), 0)
        self.assertEqual(metrics.value("weir_config_reloads_total", result="failure"), 1)

    def test_refused_by_signal_is_logged(self):
        self.serve()
        self.weir.reload_by_signal(self.broken(), result="failure")
        self.weir.wait_log("the error", "routes[0].upstream")
        self.assertEqual(self.body(), b"old")

    def test_a_file_that_is_not_yaml(self):
        self.serve()
        self.weir.write("listeners: [\n")
        self.assertEqual(self.weir.admin("POST", "/reload").status, 422)
        self.assertEqual(self.body(), b"old")

    def test_a_good_one_after_a_bad_one(self):
        self.serve()
        self.assertEqual(self.weir.reload_by_post(self.broken()).status, 422)
        self.assertEqual(self.weir.reload_by_post(self.after).status, 200)
        self.assertEqual(self.body(), b"new")
        self.assertEqual(self.weir.metrics().value("weir_config_last_reload_successful"), 1)

    @rows([
        ("workers", lambda c: c["server"].update(workers=1)),
        ("io_backend", lambda c: c["server"].update(io_backend="epoll")),
    ])
    def test_needs_a_restart(self, change):
        self.serve()
        config = copy.deepcopy(self.after)
        change(config)
        answer = self.weir.reload_by_post(config)
        self.assertEqual(answer.status, 422, answer)
        self.assertIn("needs a restart; only server.workers and server.io_backend do", answer.text)
        self.assertEqual(self.body(), b"old")

    def test_places_of_what_is_refused(self):
        self.serve()
        folder = self.weir.folder
        answer = self.weir.reload_by_post("""\
server:
  io_backend: epoll
  workers: 7
admin: off
listeners:
  - {name: http, bind: "127.0.0.1:0"}
  - {name: more, bind: "127.0.0.1:0"}
routes: [{name: a, match: {}, respond: {}}]
""")
        self.assertEqual(answer.status, 422, answer)
        places = [line.removeprefix(folder + "/").split(": ")[:2]
                  for line in answer.text.splitlines()]
        self.assertEqual(places, [["weir.yaml:3:12", "server.workers"],
                                  ["weir.yaml:2:15", "server.io_backend"]])
        config = copy.deepcopy(self.after)
        config["access_log"] = {"path": "none/access.log"}
        answer = self.weir.reload_by_post(config)
        self.assertEqual(answer.status, 422, answer)
        self.assertRegex(answer.text, r"weir\.yaml:[1-9]\d*:[1-9]\d*: access_log\.path: cannot open")
        self.assertEqual(self.body(), b"old")

    def test_routes_come_and_go(self):
        self.serve()
        config = copy.deepcopy(self.before)
        config["routes"] = [{"name": "only", "match": {"path": "/only"}, "upstream": "main"}]
        self.weir.reload_by_post(config)
        self.assertEqual(self.fetch(self.weir, "/").status, 404)
        self.assertEqual(self.fetch(self.weir, "/only").status, 200)

    def test_connections_and_pool_are_kept(self):
        self.serve(workers=1)
        peer = self.client(self.weir)
        for _ in range(5):
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().body, b"old")
            self.weir.reload_by_post(self.before)
        self.assertEqual(len(self.old.connections), 1)

    def test_requests_in_flight_finish_on_the_old(self):
        self.serve(workers=1)
        go = threading.Event()

        def slow(connection, request):
            connection.read_body(request)
            go.wait(10)
            connection.reply(200, [], "old, slowly")
        self.old.handler = slow
        waiting = self.client(self.weir)
        waiting.request("GET", "/")
        self.old.wait_for_head()
        uploading = self.client(self.weir)
        uploading.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
        self.old.wait_for_head(2)
        self.assertEqual(self.weir.reload_by_post(self.after).status, 200)
        self.assertEqual(self.body(), b"new")
        go.set()
        uploading.send("llo")
        for peer in (waiting, uploading):
            self.assertEqual(peer.read_response().body, b"old, slowly")
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().body, b"new")

    def test_tunnels_survive(self):
        def echo(connection, request):
            connection.send("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
            while True:
                connection.send(connection.read_some())
        self.serve()
        self.before["routes"][0]["upgrades"] = ["websocket"]
        self.assertEqual(self.weir.reload_by_post(self.before).status, 200)
        self.old.handler = echo
        peer = self.client(self.weir)
        peer.request("GET", "/", [("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                  ("Sec-WebSocket-Version", "13"),
                                  ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        self.assertEqual(peer.read_head().status, 101)
        for _ in range(3):
            self.assertEqual(self.weir.reload_by_post(self.after).status, 200)
            peer.send("ping")
            self.assertEqual(peer.read_exact(4), b"ping")


class ReloadMemoryTest(ReloadCase):
    LIMITED = ["/bin/sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh"]

    def test_a_lack_of_memory_is_refused(self):
        """Two tables of callers of 3.2 GB each, where there are 4 GB of addresses."""
        if subprocess.run([*self.LIMITED, binary(), "version"], capture_output=True,
                          timeout=60).returncode != 0:
            self.skipTest("this build needs more addresses for itself")
        config = basic_config([{"name": "r", "match": {"path_prefix": "/"},
                                "respond": {"status": 200, "body": "old"}}], workers=1)
        self.weir = self.gateway(config, wrapper=self.LIMITED)
        large = copy.deepcopy(config)
        large["middleware"] = {
            name: {"rate_limit": {"rate": rate, "key": "client_ip", "max_keys": 100_000_000}}
            for name, rate in (("a", "5/s"), ("b", "6/s"))}
        large["routes"][0]["middleware"] = ["a", "b"]
        answer = self.weir.reload_by_post(large)
        self.assertEqual((answer.status, answer.text), (
            422, "there is not enough memory for this configuration\n"))
        self.weir.reload_by_signal(result="failure")
        self.weir.wait_log("why", lambda lines: sum(
            "error reload refused" in line and "not enough memory" in line for line in lines) == 2)
        self.assertEqual(self.body(), b"old")
        self.assertEqual(self.weir.reload_by_post(config).status, 200)
        self.assertEqual(self.weir.metrics().value("weir_config_generation"), 2)


class ReloadUnderLoadTest(ReloadCase):
    @rows([("by post", "post"), ("by signal", "signal")])
    def test_no_request_notices(self, how):
        """Eight clients on kept connections, ten reloads: every answer whole, no connection lost."""
        self.serve()
        stop = threading.Event()
        failures, answers = [], []

        def client_loop():
            peer = self.weir.connect()
            count = 0
            try:
                while not stop.is_set():
                    peer.request("POST", "/", body=b"x" * 100)
                    response = peer.read_response()
                    if response.status != 200 or response.header("connection"):
                        raise AssertionError(response)
                    count += 1
            except BaseException as error:
                failures.append(error)
            finally:
                answers.append(count)
                peer.close()
        threads = [threading.Thread(target=client_loop, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for number in range(10):
                config = self.after if number % 2 == 0 else self.before
                if how == "post":
                    self.assertEqual(self.weir.reload_by_post(config).status, 200)
                else:
                    self.weir.reload_by_signal(config)
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        self.assertEqual(failures, [])
        self.assertGreater(min(answers), 0)
