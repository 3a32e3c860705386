"""Start the new, stop the old, on one host: docs/restart.md. The admin address is given up by a
gateway that ends, and taken by the one that comes; no request is lost in between."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from harness import Case, Client, Gateway, basic_config, rows, wait_until, weir
from harness.documents import blocks
from harness.gateway import _die_with_parent, binary
from harness.waiting import bound
from test_service_manager import PASS_ON

TAKE_OVER = {"WEIR_TAKE_OVER": "1"}


def config(body, bind="127.0.0.1:0", admin="127.0.0.1:0", **server):
    return basic_config([{"name": "r", "match": {"path_prefix": "/"},
                          "respond": {"status": 200, "body": body}}],
                        listener={"bind": bind}, admin={"bind": admin}, server=server)


def text(address):
    return f"unix:{address}" if isinstance(address, str) else "%s:%d" % address


class TakeOverTest(Case):
    def old(self, **more):
        return self.gateway(config("old", **more))

    def new(self, old, wait_for=("http", "admin"), env=None, **more):
        gateway = Gateway(config("new", bind=text(old.address()), admin=text(old.address("admin")),
                                 **more), names=list(wait_for), env=env)
        self.addCleanup(gateway.close)
        self._own_gateways.append(gateway)
        return gateway

    def held(self, **more):
        """A gateway that ends, but not before its client has read its answer."""
        def hold(connection, request):
            self.release.wait(20)
            connection.reply(200, [], "in full")
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        origin = self.origin(hold)
        gateway = self.gateway(basic_config(
            upstreams={"main": origin.address}, server={"drain_timeout": "30s"}, **more))
        client = self.client(gateway, timeout=20)
        client.request("GET", "/")
        origin.wait_for_head(1)
        return gateway, client

    @rows([("TCP", False), ("unix", True)])
    def test_a_gateway_that_ends_gives_its_admin_address_up_at_once(self, unix):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        bind = f"unix:{folder.name}/admin.sock" if unix else "127.0.0.1:0"
        old, client = self.held(admin={"bind": bind})
        scraper = None if unix else self.client(old, "admin")
        old.signal(signal.SIGTERM)
        old.wait_log("draining", "draining")
        # Without waiting: the start waits for the address.
        new = self.gateway(config("new", admin=text(old.address("admin"))))
        self.assertEqual(new.admin("GET", "/readyz").status, 200)
        self.assertIsNone(old.process.poll())
        if scraper:  # who was connected is served by whom it was connected to
            scraper.request("GET", "/readyz", host="localhost")
            answer = scraper.read_response()
            self.assertEqual((answer.status, answer.body), (503, b"draining\n"))
        self.release.set()
        self.assertEqual(client.read_response().body, b"in full")
        self.assertEqual(old.wait_exit(), 0)
        # The end of the old one took nothing away from the new one.
        self.assertEqual(new.admin("GET", "/readyz").status, 200)

    def test_its_health_is_not_ready(self):
        old, _ = self.held()
        admin = text(old.address("admin"))
        self.assertEqual(weir("health", "--admin", admin).returncode, 0)
        old.signal(signal.SIGTERM)
        wait_until("no health", lambda: weir("health", "--admin", admin).returncode == 1)
        self.assertIsNone(old.process.poll())

    def test_a_delay_keeps_readiness_visible(self):
        """Load balancers read 503 there while connections are still accepted."""
        old = self.old(drain_delay="30s")
        old.signal(signal.SIGTERM)
        wait_until("readiness to end", lambda: old.admin("GET", "/readyz").status == 503)
        self.assertEqual(old.admin("GET", "/readyz").text, "draining\n")
        self.assertEqual(self.fetch(old, "/").body, b"old")

    def test_a_drain_by_post_keeps_it(self):
        old = self.old()
        self.assertEqual(old.admin("POST", "/drain").status, 204)
        self.assertEqual(old.admin("GET", "/readyz").status, 503)
        self.assertEqual(old.admin("POST", "/undrain").status, 204)
        self.assertEqual(old.admin("GET", "/readyz").status, 200)

    def test_nobody_shares_a_port_unasked(self):
        old = self.old()
        new = self.new(old)
        with self.assertRaises(AssertionError):
            new.start()
        self.assertEqual(new.process.returncode, 1)
        self.assertIn("address already in use", "\n".join(new.lines))

    def test_an_admin_address_that_stays_taken(self):
        old = self.old()
        new = Gateway(config("new", admin=text(old.address("admin"))))
        self.addCleanup(new.close)
        with self.assertRaises(AssertionError):
            new.start()
        self.assertEqual(new.process.returncode, 1)
        self.assertRegex("\n".join(new.lines), r"admin: .*: another process listens there; .*"
                                               r"WEIR_TAKE_OVER=1")
        self.assertEqual(old.admin("GET", "/readyz").status, 200)

    def test_what_else_the_variable_says(self):
        done = weir("run", env={"WEIR_TAKE_OVER": "yes"})
        self.assertEqual(done.returncode, 2)
        self.assertIn("WEIR_TAKE_OVER must be 1", done.stderr)

    def test_the_recipe_of_the_documentation(self):
        old = self.old()
        admin = text(old.address("admin"))
        with open(old.file("new.yaml"), "w", encoding="utf-8") as file:
            json.dump(config("new", bind=text(old.address()), admin=admin), file)
        os.symlink(os.path.abspath(binary()), old.file("weir"))
        (recipe,) = [b.text for b in blocks("docs/restart.md") if b.about == "take over"]
        recipe = recipe.replace("weir health", f"weir health --admin {admin}")
        script = f"trap 'kill -9 $(jobs -p); wait' EXIT\n{recipe}curl -s http://{text(old.address())}/\n"
        done = subprocess.run(
            ["bash", "-ec", script], cwd=old.folder, capture_output=True, text=True, check=False,
            timeout=bound(60), preexec_fn=_die_with_parent,
            env={**os.environ, "PATH": f"{old.folder}:{os.environ['PATH']}",
                 "OLD": str(old.process.pid)})
        self.assertEqual((done.returncode, done.stdout), (0, "new"), done)
        self.assertEqual(old.wait_exit(), 0)

    def test_with_a_socket_that_is_passed_to_both(self):
        one = socket.socket()
        self.addCleanup(one.close)
        one.bind(("127.0.0.1", 0))
        one.listen(64)

        def activated(text, env=None, names=None, **more):
            gateway = Gateway(config(text, **more), env=env, names=names, pass_fds=[one.fileno()],
                              wrapper=[sys.executable, "-c", PASS_ON, str(one.fileno()), "http"])
            self.addCleanup(gateway.close)
            self._own_gateways.append(gateway)
            return gateway.start()
        old = activated("old")
        new = activated("new", env=TAKE_OVER, names=["http"], admin=text(old.address("admin")))
        self.assertEqual(old.terminate(), 0)
        new.wait_log("its admin address", "listening name=admin")
        self.assertEqual(new.admin("GET", "/readyz").status, 200)
        self.assertEqual(self.fetch(new, "/").body, b"new")

    def test_no_request_is_lost(self):
        """A change under load that a reload refuses: two processes do it."""
        old = self.old(drain_timeout="20s")
        changed = config("new", bind=text(old.address()), admin=text(old.address("admin")),
                         drain_timeout="20s")
        changed["listeners"][0]["limits"] = {"header_size": "32KiB"}
        before = old.config
        refused = old.reload_by_post({**before, "server": {**before["server"], "workers": 5}})
        self.assertEqual(refused.status, 422)
        self.assertRegex(refused.text, r"^\S+weir\.yaml:\d+:\d+: server\.workers: "
                                       r"a change of this needs a restart; only")
        stop, lost, counts = threading.Event(), [], {b"old": 0, b"new": 0}

        def ask():
            while not stop.is_set():
                try:
                    with Client(old.address(), timeout=10) as peer:
                        for _ in range(20):
                            peer.request("GET", "/")
                            answer = peer.read_response()
                            counts[answer.body] += 1
                            if answer.status != 200:
                                lost.append(answer)
                            if answer.header("connection") or stop.is_set():
                                break
                except Exception as error:  # pylint: disable=broad-except
                    lost.append(repr(error))
                    return
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until("load", lambda: counts[b"old"] > 200)
        new = Gateway(changed, names=["http"], env=TAKE_OVER)
        self.addCleanup(new.close)
        self._own_gateways.append(new)
        new.start()
        new.wait_log("the new one's readiness", lambda lines: any(
            line.endswith(" ready") for line in lines))
        new.wait_log("its waiting", "another process has the admin address")
        self.assertEqual(old.admin("GET", "/readyz").status, 200)
        wait_until("both to answer", lambda: counts[b"new"] > 200)
        self.assertEqual(old.terminate(30), 0)
        new.wait_log("its admin address", "listening name=admin")
        self.assertEqual(new.admin("GET", "/readyz").status, 200)
        limits = json.loads(new.admin("GET", "/config").text)["listeners"][0]["limits"]
        self.assertEqual(limits["header_size"], "32KiB")
        last = counts[b"new"]
        wait_until("more load", lambda: counts[b"new"] > last + 200)
        stop.set()
        for thread in threads:
            thread.join(bound(15))
        self.assertEqual(lost, [])
        self.assertEqual(self.fetch(new, "/").body, b"new")
