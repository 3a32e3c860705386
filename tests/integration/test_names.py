"""Upstreams by name: at the start, at reloads, while the name server is slow, silent or wrong. The
name server is this test's own (harness/dns.py)."""

import os
import socket
import tempfile
import threading
import time

from harness import Case, Gateway, NameServer, basic_config, wait_until, weir
from harness.waiting import bound

HERE = {"name": "here", "match": {"path": "/here"}, "respond": {"status": 200, "body": "here"}}


def to(route, path, upstream):
    return {"name": route, "match": {"path_prefix": path}, "upstream": upstream}


class NamesCase(Case):
    def server(self, records=None, **more):
        server = NameServer(records, **more)
        self.addCleanup(server.close)
        return server

    def answering(self, body):
        return self.origin(lambda c, r: c.reply(200, [], body), name=body)

    def by_name(self, name, origin, **more):
        """One route to everything, one to what needs no upstream."""
        return basic_config([HERE, to("all", "/", "main")],
                            {"main": f"{name}:{origin.port}"}, **more)

    def begun(self, config, server, **more):
        """A gateway of which nothing is awaited but its listeners and its admin address."""
        gateway = Gateway(config, wrapper=server.wrapper, **more)
        self.addCleanup(gateway.close)
        self._own_gateways.append(gateway)
        return gateway.start(ready=False)

    def first_answer(self, gateway, target):
        """While the gateway may not accept yet: it does after five seconds at the latest."""
        client = self.client(gateway, timeout=12)
        client.request("GET", target)
        return client.read_response()

    def upstream(self, gateway, name="main"):
        found = [one for one in gateway.admin("GET", "/upstreams").json() if one["name"] == name]
        return {"endpoints": [one["address"] for one in found[0]["endpoints"]],
                "unresolved": found[0]["unresolved"]}

    def under_load(self, gateway, during):
        """What eight clients got while `during` ran: the answers' bodies and whatever else came."""
        stop = threading.Event()
        bodies, others = set(), []

        def client_loop():
            peer = gateway.connect()
            try:
                while not stop.is_set():
                    peer.request("GET", "/")
                    response = peer.read_response()
                    if response.status != 200:
                        others.append(response)
                        return
                    bodies.add(response.body)
            except BaseException as error:
                others.append(error)
            finally:
                peer.close()
        threads = [threading.Thread(target=client_loop, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            during()
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        return bodies, others


class ReloadTest(NamesCase):
    def setUp(self):
        self.old, self.new = self.answering("old"), self.answering("new")

    def served(self, server, name="old.test", **more):
        gateway = self.gateway(self.by_name(name, self.old, **more), wrapper=server.wrapper)
        self.assertEqual(self.fetch(gateway, "/").body, b"old")
        return gateway

    def test_new_names_are_found_before_they_are_served(self):
        """A resolver that takes its time, an address that becomes a name and one name another."""
        server = self.server({f"n{i}.test": ["127.0.0.1"] for i in range(6)}, slow={"test": 0.2})
        gateway = self.gateway(basic_config(upstreams={"main": self.old.address}),
                               wrapper=server.wrapper)

        def reloads():
            for number in range(6):
                origin = self.new if number % 2 == 0 else self.old
                config = basic_config(upstreams={"main": f"n{number}.test:{origin.port}"})
                self.assertEqual(gateway.reload_by_post(config).status, 200)
                self.assertEqual(self.fetch(gateway, "/").body,
                                 b"new" if number % 2 == 0 else b"old")
        bodies, others = self.under_load(gateway, reloads)
        self.assertEqual(others, [])
        self.assertEqual(bodies, {b"old", b"new"})

    def test_an_upstream_that_is_new_is_found_before_it_is_served(self):
        server = self.server({"old.test": ["127.0.0.1"], "new.test": ["127.0.0.1"]},
                             slow={"new.test": 0.5})
        gateway = self.served(server)
        config = basic_config([to("all", "/", "second")],
                              {"second": f"new.test:{self.new.port}"})
        bodies, others = self.under_load(
            gateway, lambda: self.assertEqual(gateway.reload_by_post(config).status, 200))
        self.assertEqual(others, [])
        self.assertEqual(self.fetch(gateway, "/").body, b"new")

    def test_the_old_addresses_serve_until_the_new_name_is_found(self):
        server = self.server({"old.test": ["127.0.0.1"]})
        gateway = self.served(server)
        config = self.by_name("new.test", self.new)
        bodies, others = self.under_load(
            gateway, lambda: self.assertEqual(gateway.reload_by_post(config).status, 200))
        self.assertEqual((bodies, others), ({b"old"}, []))
        self.assertEqual(self.upstream(gateway), {
            "endpoints": [f"127.0.0.1:{self.old.port}"],
            "unresolved": [f"new.test:{self.new.port}"]})
        gateway.wait_log("the name", f"name=new.test:{self.new.port}")
        server.records["new.test"] = ["127.0.0.1"]
        wait_until("the new address", lambda: self.fetch(gateway, "/").body == b"new", 10)
        self.assertEqual(self.upstream(gateway)["unresolved"], [])

    def test_a_name_that_is_not_found_is_waited_for_five_seconds_and_holds_nobody_up(self):
        server = self.server({"old.test": ["127.0.0.1"]}, silent=["silent.test"])
        gateway = self.served(server)
        probes, answers = [], []

        def reload():
            begun = time.monotonic()
            answers.append(gateway.reload_by_post(self.by_name("silent.test", self.new)))
            answers.append(time.monotonic() - begun)
        thread = threading.Thread(target=reload, daemon=True)
        thread.start()
        while thread.is_alive():
            begun = time.monotonic()
            self.assertEqual(gateway.admin("GET", "/healthz").status, 200)
            probes.append(time.monotonic() - begun)
            self.assertEqual(self.fetch(gateway, "/").body, b"old")
            thread.join(0.05)
        thread.join()
        self.assertEqual(answers[0].status, 200)
        self.assertGreaterEqual(answers[1], 4.9)
        self.assertLess(answers[1], bound(10))
        self.assertGreater(len(probes), 10)
        self.assertEqual(self.fetch(gateway, "/").body, b"old", "its old address")
        # Once it was not found it delays no further reload for long.
        begun = time.monotonic()
        self.assertEqual(gateway.reload_by_post().status, 200)
        self.assertLess(time.monotonic() - begun, bound(4))

    def test_reloads_that_come_meanwhile_are_one(self):
        server = self.server({"old.test": ["127.0.0.1"], "new.test": ["127.0.0.1"]},
                             slow={"new.test": 1})
        gateway = self.served(server)
        gateway.write(self.by_name("new.test", self.new))
        statuses = []

        def post():
            statuses.append(gateway.admin("POST", "/reload").status)
        first = threading.Thread(target=post, daemon=True)
        first.start()
        wait_until("its question", lambda: server.asked("new.test"))
        others = [threading.Thread(target=post, daemon=True) for _ in range(5)]
        for thread in others:
            thread.start()
        for thread in [first, *others]:
            thread.join(20)
        self.assertEqual(statuses, [200] * 6)
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_config_generation"), 3)
        self.assertEqual(metrics.value("weir_config_reloads_total", result="success"), 2)

    def test_the_end_does_not_wait_for_a_reload(self):
        server = self.server({"old.test": ["127.0.0.1"]}, silent=["silent.test"])
        gateway = self.served(server)
        gateway.write(self.by_name("silent.test", self.new))
        answers = []
        thread = threading.Thread(
            target=lambda: answers.append(gateway.admin("POST", "/reload")), daemon=True)
        thread.start()
        wait_until("its question", lambda: server.asked("silent.test"))
        begun = time.monotonic()
        self.assertEqual(gateway.terminate(), 0)
        self.assertLess(time.monotonic() - begun, bound(4.5))
        thread.join(10)
        self.assertEqual([(one.status, one.text) for one in answers],
                         [(422, "shutting down\n")])

    def test_a_reload_asks_again_for_what_has_no_address(self):
        server = self.server({"old.test": ["127.0.0.1"]})
        config = basic_config([to("old", "/old", "main"), to("late", "/late", "late")],
                              {"main": f"old.test:{self.old.port}",
                               "late": f"late.test:{self.new.port}"}, server={"ready_wait": "0s"})
        gateway = self.gateway(config, wrapper=server.wrapper)
        self.assert_problem(self.fetch(gateway, "/late"), "no_healthy_endpoint")
        # Until the pause before the next question is long enough.
        wait_until("four questions", lambda: len(server.asked("late.test")) >= 4, 15)
        server.records["late.test"] = ["127.0.0.1"]
        self.assertEqual(gateway.reload_by_post().status, 200)
        self.assertEqual(self.fetch(gateway, "/late").body, b"new")


class StartTest(NamesCase):
    def test_not_ready_until_each_upstream_of_names_was_resolved(self):
        origin = self.answering("main")
        server = self.server(silent=["main.test"])
        folder = tempfile.TemporaryDirectory(prefix="weir-notify-")
        self.addCleanup(folder.cleanup)
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(os.path.join(folder.name, "notify"))
        manager.settimeout(bound(15))
        config = self.by_name("main.test", origin)
        gateway = self.begun(config, server, env={"NOTIFY_SOCKET": manager.getsockname()})
        # Its listeners serve after five seconds: what needs no name is answered.
        begun = time.monotonic()
        self.assertEqual(self.first_answer(gateway, "/here").body, b"here")
        self.assertLess(time.monotonic() - begun, bound(10))
        self.assert_problem(self.fetch(gateway, "/"), "no_healthy_endpoint")
        self.assertEqual(gateway.admin("GET", "/healthz").status, 200)
        ready = gateway.admin("GET", "/readyz")
        name = f"main.test:{origin.port}"
        self.assertEqual((ready.status, ready.text),
                         (503, f"no address yet: upstream main ({name})\n"))
        asked = weir("health", "--admin", "%s:%d" % gateway.addresses["admin"])
        self.assertEqual(asked.returncode, 1)
        self.assertIn(f"not ready: 503 Service Unavailable: no address yet: upstream main "
                      f"({name})", asked.stderr)
        told = manager.recv(4096).decode()
        self.assertNotIn("READY=1", told)
        self.assertRegex(told, r"EXTEND_TIMEOUT_USEC=\d{8}")
        self.assertFalse([line for line in gateway.lines if line.endswith("info ready")])
        # A reload does not make it ready.
        self.assertEqual(gateway.reload_by_post().status, 200)
        self.assertEqual(gateway.admin("GET", "/readyz").status, 503)

        server.records["main.test"] = ["127.0.0.1"]
        server.silent.clear()
        wait_until("readiness", lambda: gateway.admin("GET", "/readyz").status == 200, 40)
        self.assertIn("READY=1", manager.recv(4096).decode())
        gateway.wait_log("the line", lambda lines: any(line.endswith("info ready") for line in lines))
        self.assertEqual(self.fetch(gateway, "/").body, b"main")
        self.assertEqual(weir("health", "--admin", "%s:%d" % gateway.addresses["admin"]).returncode, 0)
        # Said once, it stays so.
        server.records.clear()
        config["upstreams"]["main"]["endpoints"][0]["address"] = "gone.test:1"
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assertEqual(gateway.admin("GET", "/readyz").status, 200)

    def test_ready_wait_is_the_limit(self):
        server = self.server()
        gateway = self.begun(self.by_name("none.test", self.answering("x"),
                                          server={"ready_wait": "1500ms"}), server)
        self.assertEqual(self.first_answer(gateway, "/here").status, 200)
        self.assertEqual(gateway.admin("GET", "/readyz").status, 503)
        wait_until("readiness", lambda: gateway.admin("GET", "/readyz").status == 200, 10)
        gateway.wait_log("why", "server.ready_wait is over")
        self.assertEqual(gateway.admin("POST", "/drain").status, 204)
        drained = gateway.admin("GET", "/readyz")
        self.assertEqual((drained.status, drained.text), (503, "draining\n"))

    def test_an_upstream_with_an_address_of_its_own_is_not_waited_for(self):
        server = self.server()
        origin = self.answering("x")
        config = basic_config(upstreams={"main": [origin.address, "none.test:1"]})
        gateway = self.gateway(config, wrapper=server.wrapper)
        self.assertEqual(self.fetch(gateway, "/").body, b"x")

    def test_a_name_without_an_address_is_asked_soon_and_then_less_often(self):
        server = self.server()
        gateway = self.begun(self.by_name("none.test", self.answering("x")), server)
        wait_until("five questions", lambda: len(server.asked("none.test")) >= 5, 20)
        asked = server.asked("none.test")
        for gap, least in zip((asked[i + 1] - asked[i] for i in range(4)), (0.1, 0.2, 0.5, 1)):
            self.assertGreater(gap, least - 0.05)
            self.assertLess(gap, least + bound(2))
        lines = [line for line in gateway.lines if "name not resolved" in line]
        self.assertEqual(len(lines), 1, "told once a minute while it stays the same")
        for part in ("upstream=main", "name=none.test:", "error="):
            self.assertIn(part, lines[0])

    def test_a_dead_zone_delays_no_other_name(self):
        good = self.answering("good")
        server = self.server({"good.test": ["127.0.0.1"], "more.test": ["127.0.0.1"]},
                             silent=["dead.test"])
        upstreams = {f"d{i:02}": f"n{i:02}.dead.test:1" for i in range(40)}
        upstreams["z"] = f"good.test:{good.port}"
        routes = [HERE, to("z", "/", "z")]
        gateway = self.begun(basic_config(routes, upstreams, server={"ready_wait": "0s"}), server)
        begun = time.monotonic()
        wait_until("the good one", lambda: self.first_answer(gateway, "/").status == 200, 30)
        self.assertLess(time.monotonic() - begun, bound(16))
        # All of the dead are known for slow by now, and leave room for a name that is new.
        wait_until("what is in force", lambda: gateway.admin("GET", "/readyz").status == 200)
        upstreams["z"] = f"more.test:{good.port}"
        begun = time.monotonic()
        self.assertEqual(gateway.reload_by_post(basic_config(
            routes, upstreams, server={"ready_wait": "0s"})).status, 200)
        self.assertLess(time.monotonic() - begun, bound(5))
        self.assertEqual(self.upstream(gateway, "z")["unresolved"], [])
        self.assertLess(gateway.status("Threads"), 50)
        begun = time.monotonic()
        self.assertEqual(gateway.terminate(), 0)
        self.assertLess(time.monotonic() - begun, bound(4.5), "no look-up holds the end up")

    def test_the_end_while_names_are_looked_up_at_the_start(self):
        server = self.server(silent=["main.test"])
        gateway = self.begun(self.by_name("main.test", self.answering("x")), server)
        wait_until("its question", lambda: server.asked("main.test"))
        ready = gateway.admin("GET", "/readyz")
        self.assertEqual((ready.status, ready.text),
                         (503, "starting: the names of upstreams are being looked up\n"))
        begun = time.monotonic()
        self.assertEqual(gateway.terminate(), 0)
        self.assertLess(time.monotonic() - begun, bound(4.5))
