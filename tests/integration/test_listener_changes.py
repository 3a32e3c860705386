"""Reloads that add, remove and change listeners and the admin address: all new sockets are bound
first, nobody who is connected is cut, and no request under load fails."""

import copy
import os
import socket
import sys
import threading

from harness import (Authority, Case, Client, TlsClient, basic_config, client_context, rows,
                     wait_until)
from harness.waiting import bound
from test_service_manager import PASS_ON

ROUTES = [
    {"name": "by-name", "match": {"path": "/on", "listeners": ["http"]},
     "respond": {"status": 200, "body": "http"}},
    {"name": "all", "match": {"path_prefix": "/"}, "respond": {"status": 200, "body": "{path}"}},
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def text(address):
    return address if isinstance(address, str) else f"{address[0]}:{address[1]}"


class ListenerCase(Case):
    def serve(self, routes=None, **more):
        self.config = basic_config(copy.deepcopy(routes or ROUTES), **more)
        self.weir = self.gateway(self.config)

    def change(self, edit, status=200):
        """Reloads what `edit(config)` makes of the configuration; the answer."""
        config = copy.deepcopy(self.config)
        edit(config)
        answer = self.weir.reload_by_post(config)
        self.assertEqual(answer.status, status, answer)
        if status == 200:
            self.config = config
        return answer

    def other(self, name="more", bind="127.0.0.1:0", **more):
        return {"name": name, "bind": bind, **more}

    def wait_address(self, name):
        wait_until(f"the address of {name}", lambda: name in self.weir.addresses)
        return self.weir.address(name)

    def ask(self, client, target="/", headers=()):
        client.request("GET", target, headers)
        return client.read_response()

    def last_answer(self, client, target="/"):
        """Asks until an answer is the connection's last; all are good."""
        while True:
            answered = self.ask(client, target)
            self.assertEqual(answered.status, 200)
            if answered.header("connection"):
                self.assertEqual(answered.header("connection").lower(), "close")
                return answered

    def refused(self, address):
        try:
            Client(address).close()
            return False
        except ConnectionRefusedError:
            return True


class AddedAndRemoved(ListenerCase):
    def test_one_more(self):
        self.serve()
        before = self.client(self.weir)
        self.assertEqual(self.ask(before).status, 200)
        answer = self.change(lambda c: c["listeners"].append(self.other()))
        self.assertEqual(answer.json()["changes"], "listeners +1")
        self.weir.wait_log("what it did", "info reloaded, listeners +1")
        self.wait_address("more")
        self.assertEqual(self.fetch(self.weir, "/a", listener="more").body, b"/a")
        self.assertEqual(self.ask(before).status, 200)
        told = [row["name"] for row in self.weir.admin("GET", "/listeners").json()]
        self.assertEqual(told, ["http", "more"])
        # A route of one listener is not for the other, in whatever order they stand.
        self.assertEqual(self.fetch(self.weir, "/on").body, b"http")
        self.assertEqual(self.fetch(self.weir, "/on", listener="more").body, b"/on")
        answer = self.change(lambda c: c["listeners"].reverse())
        self.assertEqual(answer.json()["changes"], "")
        self.assertEqual(self.fetch(self.weir, "/on").body, b"http")
        self.assertEqual(self.ask(before, "/on").body, b"http")
        self.assertEqual(self.fetch(self.weir, "/on", listener="more").body, b"/on")

    def test_one_that_goes_drains_alone(self):
        self.serve(listener={"bind": "127.0.0.1:0"})
        self.change(lambda c: c["listeners"].append(self.other()))
        self.wait_address("more")
        stays = self.client(self.weir, "more")
        leaves = self.client(self.weir)
        self.assertEqual(self.ask(stays).status, 200)
        self.assertEqual(self.ask(leaves, "/on").body, b"http")

        def remove(config):
            del config["listeners"][0]
            del config["routes"][0]
        answer = self.change(remove)
        self.assertEqual(answer.json()["changes"], "listeners -1")
        # Requests on a connection that is open are served as before, to the last.
        self.assertEqual(self.last_answer(leaves, "/on").body, b"http")
        leaves.expect_closed()
        wait_until("nobody to listen there", lambda: self.refused(self.weir.address()))
        self.weir.wait_log("its end", "listener drained name=http requests_cut=0")
        for _ in range(3):
            answered = self.ask(stays)
            self.assertEqual((answered.status, answered.header("connection")), (200, None))
        self.assertEqual(self.weir.admin("GET", "/readyz").status, 200)

    def test_who_is_silent_on_one_that_goes_is_sent_away(self):
        self.serve(ROUTES[1:])
        self.change(lambda c: c["listeners"].append(self.other()))
        idle = self.client(self.weir)
        self.assertEqual(self.ask(idle).status, 200)
        new = self.client(self.weir)  # never says anything
        self.change(lambda c: c["listeners"].pop(0))
        idle.expect_closed(10)
        new.expect_closed(15)
        self.weir.wait_log("its end", "listener drained name=http", timeout=15)

    def test_drain_timeout_ends_what_is_left(self):
        self.go = threading.Event()
        self.addCleanup(self.go.set)

        def slow(connection, request):
            connection.read_body(request)
            self.go.wait(20)
            connection.reply(200, [], "late")
        origin = self.origin(slow)
        self.serve([{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main"}],
                   upstreams={"main": origin.address}, server={"drain_timeout": "1s"})
        self.change(lambda c: c["listeners"].append(self.other()))
        waiting = self.client(self.weir)
        waiting.request("GET", "/")
        origin.wait_for_head()
        self.change(lambda c: c["listeners"].pop(0))
        verbose = self.weir.admin("GET", "/readyz?verbose")
        self.assertEqual(verbose.status, 200)
        self.assertIn("listener http is gone and drains 1 connection\n", verbose.text)
        waiting.expect_gone(10)
        self.weir.wait_log("its end", "listener drained name=http requests_cut=1", timeout=10)
        self.assertNotIn("drains", self.weir.admin("GET", "/readyz?verbose").text)

    def test_it_goes_and_comes_back_at_once(self):
        port = free_port()
        self.serve(ROUTES[1:], listener={"bind": f"127.0.0.1:{port}"})
        self.change(lambda c: c["listeners"].append(self.other()))
        first = self.config["listeners"][0]
        for _ in range(3):
            held = self.client(self.weir)
            self.assertEqual(self.ask(held).status, 200)
            self.change(lambda c: c["listeners"].pop(0))
            self.assertEqual(self.last_answer(held, "/a").body, b"/a")
            self.change(lambda c: c["listeners"].insert(0, first))
            with Client(("127.0.0.1", port), timeout=10) as peer:
                self.assertEqual(self.ask(peer, "/b").body, b"/b")

    def test_another_name_keeps_the_socket(self):
        self.serve()
        held = self.client(self.weir)
        self.assertEqual(self.ask(held, "/on").body, b"http")
        port = self.weir.port()
        bind = f"127.0.0.1:{port}"
        self.change(lambda c: c["listeners"][0].update(bind=bind))  # a listener's own port 0 stays
        self.assertEqual(self.weir.port(), port)

        def rename(config):
            config["listeners"][0]["name"] = "web"
            config["routes"][0]["match"]["listeners"] = ["web"]
        answer = self.change(rename)
        self.assertEqual(answer.json()["changes"], "listeners +1 -1")
        self.assertEqual(self.wait_address("web"), ("127.0.0.1", port))
        self.assertEqual(self.fetch(self.weir, "/on", listener="web").body, b"http")
        self.assertEqual(self.last_answer(held, "/on").body, b"http")
        held.expect_closed()

    def test_unix_sockets(self):
        self.serve()
        path = self.weir.file("w.sock")
        for _ in range(2):
            self.change(lambda c: c["listeners"].append(self.other(bind=f"unix:{path}")))
            wait_until("the file", lambda: os.path.exists(path))
            self.weir.addresses["more"] = path
            for _ in range(4):  # dealt out to the workers
                self.assertEqual(self.fetch(self.weir, "/a", listener="more").body, b"/a")
            held = self.client(self.weir, "more")
            self.assertEqual(self.ask(held).status, 200)
            self.change(lambda c: c["listeners"].pop())
            self.assertFalse(os.path.exists(path))
            self.last_answer(held)


class Changed(ListenerCase):
    def header(self, size):
        return [("X-Long", "a" * size)]

    def test_settings_are_those_of_the_connections_beginning(self):
        self.serve()
        before = self.client(self.weir)
        self.assertEqual(self.ask(before, "/", self.header(6000)).status, 200)
        address = self.weir.address()
        answer = self.change(
            lambda c: c["listeners"][0].update(limits={"header_size": "4KiB"}))
        self.assertEqual(answer.json()["changes"], "listeners ~1")
        self.weir.wait_log("what it did", "info reloaded, listeners ~1")
        self.assertEqual(self.weir.address(), address)
        after = self.client(self.weir)
        self.assertEqual(self.ask(after, "/", self.header(6000)).status, 431)
        answered = self.ask(before, "/", self.header(6000))
        self.assertEqual((answered.status, answered.header("connection")), (200, None))

    def test_another_address(self):
        self.serve()
        before = self.client(self.weir)
        self.assertEqual(self.ask(before).status, 200)
        old = self.weir.address()
        answer = self.change(lambda c: c["listeners"][0].update(bind="127.0.0.2:0"))
        self.assertEqual(answer.json()["changes"], "listeners ~1")
        wait_until("the new address", lambda: self.weir.address() != old)
        self.assertEqual(self.weir.address()[0], "127.0.0.2")
        self.assertEqual(self.fetch(self.weir, "/on").body, b"http")
        wait_until("nobody to listen there", lambda: self.refused(old))
        # It is the same listener: its connections live on.
        for _ in range(2):
            answered = self.ask(before, "/on")
            self.assertEqual((answered.body, answered.header("connection")), (b"http", None))

    def test_one_address_more_and_one_less(self):
        self.serve()
        one, two = free_port(), free_port()
        self.change(lambda c: c["listeners"][0].update(
            bind=[f"127.0.0.1:{one}", f"127.0.0.1:{two}"]))
        for port in (one, two):
            with Client(("127.0.0.1", port)) as peer:
                self.assertEqual(self.ask(peer, "/on").body, b"http")
        self.change(lambda c: c["listeners"][0].update(bind=f"127.0.0.1:{two}"))
        wait_until("nobody to listen there", lambda: self.refused(("127.0.0.1", one)))
        with Client(("127.0.0.1", two)) as peer:
            self.assertEqual(self.ask(peer, "/on").body, b"http")

    def test_all_addresses_in_place_of_one(self):
        port = free_port()
        self.serve(listener={"bind": f"127.0.0.1:{port}"})
        held = self.client(self.weir)
        for bind in (f"0.0.0.0:{port}", f"127.0.0.1:{port}"):
            self.change(lambda c, bind=bind: c["listeners"][0].update(bind=bind))
            with Client(("127.0.0.1", port), timeout=10) as peer:
                self.assertEqual(self.ask(peer, "/on").body, b"http")
        self.assertEqual(self.ask(held, "/on").body, b"http")

    def test_two_listeners_exchange_their_addresses(self):
        one, two = free_port(), free_port()
        self.serve(listener={"bind": f"127.0.0.1:{one}"})
        self.change(lambda c: c["listeners"].append(self.other(bind=f"127.0.0.1:{two}")))

        def exchange(config):
            config["listeners"][0]["bind"] = f"127.0.0.1:{two}"
            config["listeners"][1]["bind"] = f"127.0.0.1:{one}"
        self.assertEqual(self.change(exchange).json()["changes"], "listeners ~2")
        for port, body in ((two, b"http"), (one, b"/on")):
            with Client(("127.0.0.1", port)) as peer:
                self.assertEqual(self.ask(peer, "/on").body, body)

    def test_tls_comes_and_goes(self):
        authority = Authority()
        self.addCleanup(authority.close)
        cert, key = authority.issue("one", ["one.example"])
        other, other_key = authority.issue("two", ["two.example"])
        self.serve()
        plain = self.client(self.weir)
        self.assertEqual(self.ask(plain).status, 200)

        def sealed(name, sni):
            peer = TlsClient(self.weir.address(), client_context(authority.ca), sni, timeout=10)
            self.addCleanup(peer.close)
            self.assertEqual(self.ask(peer).status, 200, name)
            return peer
        tls = {"certificates": [{"cert": cert, "key": key}]}
        self.change(lambda c: c["listeners"][0].update(tls=tls))
        first = sealed("first", "one.example")
        answered = self.ask(plain)
        self.assertEqual((answered.status, answered.header("connection")), (200, None))
        self.assertRegex(self.weir.admin("GET", "/metrics").text,
                         r"weir_tls_certificate_expiry_timestamp_seconds\{[^}]*one\.example")
        self.change(lambda c: c["listeners"][0].update(
            tls={"certificates": [{"cert": other, "key": other_key}]}))
        sealed("second", "two.example")
        self.assertEqual(self.ask(first).status, 200)
        # What is wrong with a certificate refuses all of it.
        answer = self.change(lambda c: c["listeners"][0].update(
            tls={"certificates": [{"cert": other, "key": key}]}), status=422)
        self.assertIn("listeners[0].tls.certificates[0]", answer.text)
        sealed("still", "two.example")
        self.change(lambda c: c["listeners"][0].pop("tls"))
        self.assertEqual(self.fetch(self.weir).status, 200)
        self.assertEqual(self.ask(first).status, 200)

    def test_h2c_is_spoken_from_now_on(self):
        self.serve()
        self.change(lambda c: c["listeners"][0].update(protocols=["http1", "h2c"]))
        with Client(self.weir.address()) as peer:
            peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            self.assertEqual(peer.read_available()[3:4], b"\4")  # its SETTINGS
        self.assertEqual(self.fetch(self.weir).status, 200)


class Refused(ListenerCase):
    def test_an_address_that_is_taken_changes_nothing(self):
        self.serve()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            free = free_port()

            def edit(config):
                config["listeners"][0]["limits"] = {"header_size": "4KiB"}
                config["listeners"].append(self.other("free", f"127.0.0.1:{free}"))
                config["listeners"].append(self.other("taken", text(taken.getsockname())))
                config["routes"][1]["respond"]["body"] = "new"
            answer = self.change(edit, status=422)
        self.assertRegex(answer.text, r"listener taken: 127\.0\.0\.1:\d+: address already in use")
        self.assertEqual(self.fetch(self.weir, "/a").body, b"/a")
        self.assertEqual(self.ask(self.client(self.weir), "/", [("X", "a" * 6000)]).status, 200)
        wait_until("what was bound to be given up", lambda: self.refused(("127.0.0.1", free)))
        metrics = self.weir.metrics()
        self.assertEqual(metrics.value("weir_config_reloads_total", result="failure"), 1)
        self.assertEqual(metrics.value("weir_config_generation"), 1)

    def test_a_unix_socket_of_a_refused_reload_leaves_no_file(self):
        self.serve()
        path = self.weir.file("w.sock")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.change(lambda c: c["listeners"].extend(
                [self.other("a", f"unix:{path}"), self.other("b", text(taken.getsockname()))]),
                status=422)
        wait_until("its end", lambda: not os.path.exists(path))


class PassedSocket(ListenerCase):
    def test_it_is_given_up_and_taken_again(self):
        one = socket.socket()
        self.addCleanup(one.close)
        one.bind(("127.0.0.1", 0))
        one.listen(64)
        self.config = basic_config(copy.deepcopy(ROUTES[1:]))
        self.weir = self.gateway(self.config, pass_fds=[one.fileno()],
                                 wrapper=[sys.executable, "-c", PASS_ON, str(one.fileno()), "http"])
        address = one.getsockname()
        self.assertEqual(self.weir.address(), address)
        # A passed socket counts, whatever `bind` says, as at the start.
        self.change(lambda c: c["listeners"][0].update(bind=f"127.0.0.1:{free_port()}"))
        with Client(address) as peer:
            self.assertEqual(self.ask(peer, "/a").body, b"/a")
        self.change(lambda c: c["listeners"].append(self.other()))
        first = self.config["listeners"][0]
        self.change(lambda c: c["listeners"].pop(0))
        self.weir.wait_log("its end", "listener drained name=http")
        waiting = Client(address, timeout=10)  # in the socket's queue, which is the manager's
        self.addCleanup(waiting.close)
        waiting.request("GET", "/w")
        self.change(lambda c: c["listeners"].insert(0, first))
        self.assertEqual(waiting.read_response().body, b"/w")


class AdminAddress(ListenerCase):
    def test_it_moves(self):
        self.serve()
        old = self.weir.address("admin")
        answer = self.change(lambda c: c["admin"].update(bind="127.0.0.2:0"))
        self.assertEqual(answer.json()["generation"], 2)
        wait_until("the new address", lambda: self.weir.address("admin") != old)
        self.assertEqual(self.weir.address("admin")[0], "127.0.0.2")
        self.assertEqual(self.weir.admin("GET", "/status").status, 200)
        self.assertTrue(self.refused(old))

    def test_its_port_on_all_addresses_and_a_token(self):
        self.serve()
        port = self.weir.port("admin")
        with open(self.weir.file("token"), "w", encoding="ascii") as file:
            file.write("abc\n")
        self.change(lambda c: c["admin"].update(bind=f"127.0.0.1:{port}"))
        self.change(lambda c: c["admin"].update(bind=f"0.0.0.0:{port}", token_file="token"))
        self.weir.addresses["admin"] = ("127.0.0.1", port)
        self.assertEqual(self.weir.admin("GET", "/status").status, 401)
        self.assertEqual(self.weir.admin("GET", "/readyz").status, 200)
        said = {"Authorization": "Bearer abc"}
        self.assertEqual(self.weir.admin("GET", "/status", headers=said).status, 200)
        with open(self.weir.file("token"), "w", encoding="ascii") as file:
            file.write("def\n")
        self.assertEqual(self.weir.admin("POST", "/reload", headers=said).status, 200)
        self.assertEqual(self.weir.admin("GET", "/status", headers=said).status, 401)
        said = {"Authorization": "Bearer def"}
        self.assertEqual(self.weir.admin("GET", "/status", headers=said).status, 200)

    def test_one_that_is_taken_refuses_the_reload(self):
        self.serve()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            answer = self.change(lambda c: c["admin"].update(bind=text(taken.getsockname())),
                                 status=422)
        self.assertRegex(answer.text, r"admin: 127\.0\.0\.1:\d+: address already in use")
        self.assertEqual(self.weir.admin("GET", "/readyz").status, 200)

    def test_a_unix_path_and_off(self):
        self.serve()
        old = self.weir.address("admin")
        path = self.weir.file("admin.sock")
        self.change(lambda c: c["admin"].update(bind=f"unix:{path}"))
        wait_until("the file", lambda: os.path.exists(path))
        self.weir.addresses["admin"] = path
        self.assertEqual(self.weir.admin("GET", "/status").status, 200)
        self.assertTrue(self.refused(old))
        self.change(lambda c: c["admin"].update(bind="off"))
        wait_until("it to be gone", lambda: not os.path.exists(path))
        self.assertEqual(self.fetch(self.weir, "/on").body, b"http")


class UnderLoad(ListenerCase):
    def load(self, address, stop, lost, counts):
        """Requests one after the other on connections that are kept while they may be."""
        while not stop.is_set():
            try:
                with Client(address, timeout=10) as peer:
                    for _ in range(20):
                        peer.request("GET", "/")
                        answer = peer.read_response()
                        counts[0] += 1
                        if answer.status != 200:
                            lost.append(answer)
                        if answer.header("connection") or stop.is_set():
                            break
            except Exception as error:  # pylint: disable=broad-except
                lost.append(repr(error))
                return

    @rows([("one worker", 1), ("three workers", 3)])
    def test_no_request_is_lost(self, workers):
        origin = self.origin(lambda c, r: c.reply(200, [], "ok"))
        port = free_port()
        self.serve([{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main"}],
                   upstreams={"main": origin.address}, workers=workers,
                   listener={"bind": f"127.0.0.1:{port}"})
        held = self.client(self.weir)
        stop, lost, counts = threading.Event(), [], [0]
        threads = [threading.Thread(target=self.load, daemon=True,
                                    args=(self.weir.address(), stop, lost, counts))
                   for _ in range(6)]
        for thread in threads:
            thread.start()
        wait_until("load", lambda: counts[0] > 100)
        first = self.config["listeners"][0]
        edits = [
            lambda c: c["listeners"][0].update(limits={"idle_timeout": "33s"}),
            lambda c: c["listeners"].append(self.other()),
            lambda c: c["listeners"][0].update(name="renamed"),
            lambda c: c["listeners"].pop(),
            lambda c: c["listeners"][0].update(name="http", protocols=["http1", "h2c"]),
            lambda c: c["listeners"].__setitem__(0, dict(first)),
        ]
        done = set()
        for turn in range(12):
            answer = self.change(edits[turn % len(edits)])
            done.add(answer.json()["changes"])
            before = counts[0]
            wait_until("more load", lambda: counts[0] > before + 50 or lost, timeout=20)
            self.assertEqual(lost, [])
        stop.set()
        for thread in threads:
            thread.join(bound(15))
        self.assertEqual(lost, [])
        self.assertEqual(done, {"listeners ~1", "listeners +1", "listeners +1 -1", "listeners -1"})
        self.assertEqual(self.fetch(self.weir).body, b"ok")
        held.close()

    def test_tunnels_of_a_listener_that_changes_live_on(self):
        def echo(connection, request):
            connection.send("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
            while True:
                connection.send(connection.read_some())
        origin = self.origin(echo)
        self.serve([{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
                     "upgrades": ["websocket"]}], upstreams={"main": origin.address})
        peer = self.client(self.weir)
        peer.request("GET", "/", [("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                  ("Sec-WebSocket-Version", "13"),
                                  ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        self.assertEqual(peer.read_head().status, 101)
        for turn in range(6):
            self.change(lambda c, turn=turn: c["listeners"][0].update(
                limits={"idle_timeout": f"{60 + turn}s"},
                bind="127.0.0.2:0" if turn % 2 else "127.0.0.1:0"))
            peer.send("ping")
            self.assertEqual(peer.read_available(), b"ping")
        # Older configurations are not kept for it.
        self.weir.wait_metric(1, "weir_config_snapshots")
