"""Documents from etcd where something else changes, too: the way back to a configuration of before, and a new
binary that takes over."""

import json
import os
import signal
import threading
import time
import unittest

from harness import Client, basic_config, rows, wait_until, weir
from harness.waiting import bound
from test_etcd import OWN, EtcdCase, answering
from test_upgrade import UpgradeCase


def own(body, name="own"):
    return [{"name": name, "match": {"path": f"/{name}"}, "respond": {"status": 200, "body": body}}]


class RollbackTest(EtcdCase):
    def back(self, gateway, generation, status=200):
        answer = gateway.admin("POST", "/config/rollback", {"generation": generation})
        self.assertEqual(answer.status, status, answer)
        return answer

    def forward(self, gateway):
        self.assertEqual(gateway.admin("DELETE", "/config/rollback").status, 204)

    def reload(self, gateway, config):
        answer = gateway.reload_by_post(config)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["generation"]

    @staticmethod
    def generation(gateway):
        return int(gateway.metrics().value("weir_config_generation"))

    def test_the_file_goes_back_and_documents_stay(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        gateway = self.gateway(self.config(own("first")))
        first = self.generation(gateway)
        self.reload(gateway, self.config(own("second")))
        self.etcd.put("/weir/a", answering("/a", "two"))
        self.wait_body(gateway, "/a", "two")
        self.back(gateway, first)
        self.assertEqual((self.body(gateway, "/own"), self.body(gateway, "/a")), ("first", "two"))
        # A change of documents builds on what was rolled back to, and ends nothing.
        self.etcd.put("/weir/a", answering("/a", "three"))
        self.wait_body(gateway, "/a", "three")
        self.assertEqual(self.body(gateway, "/own"), "first")
        self.assertIn(f"rolled back to generation {first};", gateway.admin("GET", "/readyz?verbose").text)
        gateway.wait_metric(1, "weir_config_rolled_back")
        # Nor does a reload of the same file.
        self.assertEqual(gateway.admin("POST", "/reload").json()["rolled_back_to"], first)
        self.assertEqual((self.body(gateway, "/own"), self.body(gateway, "/a")), ("first", "three"))
        self.reload(gateway, self.config(own("third")))
        self.assertEqual((self.body(gateway, "/own"), self.body(gateway, "/a")), ("third", "three"))
        gateway.wait_metric(0, "weir_config_rolled_back")
        history = gateway.admin("GET", "/config/history").json()
        self.assertIn("providers", [row["source"] for row in history])

    def test_to_a_generation_that_documents_made(self):
        gateway = self.gateway(self.config(own("first")))
        self.etcd.put("/weir/a", answering("/a", "one"))
        self.wait_body(gateway, "/a", "one")
        # In force for requests a moment before it is remembered.
        row = wait_until("that it is remembered", lambda: next(
            (row for row in gateway.admin("GET", "/config/history").json() if row["source"] == "providers"), None))
        self.assertEqual(row["changes"]["routes"]["added"], ["a"])
        self.reload(gateway, self.config(own("second")))
        self.back(gateway, row["generation"])
        self.assertEqual((self.body(gateway, "/own"), self.body(gateway, "/a")), ("first", "one"))
        self.forward(gateway)
        self.assertEqual((self.body(gateway, "/own"), self.body(gateway, "/a")), ("second", "one"))

    def test_a_document_that_has_a_name_of_then(self):
        gateway = self.gateway(self.config([*OWN, *own("the file's", "x")]))
        first = self.generation(gateway)
        self.reload(gateway, self.config())
        self.etcd.put("/weir/x", answering("/x", "the document's"))
        self.wait_body(gateway, "/x", "the document's")
        self.back(gateway, first)
        self.assertEqual(self.body(gateway, "/x"), "the file's")
        self.assertIn("already taken by the gateway's own file",
                      self.wait_state(gateway, "x", "refused")["problems"][0])
        self.forward(gateway)
        self.wait_body(gateway, "/x", "the document's")
        self.wait_state(gateway, "x", "in_force")

    def test_to_a_generation_without_a_provider(self):
        plain = basic_config(OWN)
        gateway = self.gateway(plain)
        first = self.generation(gateway)
        self.etcd.put("/weir/a", answering("/a", "one"))
        self.reload(gateway, self.config())
        self.wait_body(gateway, "/a", "one")
        self.back(gateway, first)
        self.assertEqual((self.body(gateway, "/own"), self.body(gateway, "/a")), ("own", 404))
        self.forward(gateway)
        self.wait_body(gateway, "/a", "one")

    def test_one_that_is_refused_leaves_all(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        keys = {"middleware": [{"api_key": {"keys_file": "keys"}}]}
        config = self.config([{**own("first")[0], **keys}])
        gateway = self.gateway(config, files={"keys": "ann:first-key\n"})
        first = self.generation(gateway)
        self.reload(gateway, self.config(own("second")))
        with open(gateway.file("keys"), "w", encoding="ascii") as file:
            file.write("spoilt\x01")
        self.assertIn("keys_file", self.back(gateway, first, 422).text)
        self.assertEqual((self.body(gateway, "/own"), self.body(gateway, "/a")), ("second", "one"))
        self.etcd.put("/weir/a", answering("/a", "two"))
        self.wait_body(gateway, "/a", "two")


class EtcdUpgradeTest(UpgradeCase, EtcdCase):
    def kept(self):
        try:
            with open(os.path.join(self.state, "provider-etcd.json"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def watched_body(self, gateway, path, wanted):
        """Asks for it again and again until what it returns is called, which gives what was not wanted."""
        stop, wrong = threading.Event(), []

        def ask():
            while not stop.is_set():
                try:
                    with Client(gateway.address(), timeout=20) as peer:
                        peer.request("GET", path)
                        response = peer.read_response()
                        if response.status != 200 or response.body not in wanted:
                            wrong.append(response)
                except Exception as error:  # pylint: disable=broad-except
                    wrong.append(repr(error))
                    return

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()

        def end():
            stop.set()
            thread.join(bound(30))
            return wrong

        return end

    @rows([("from_the_first_list", False), ("with_state_dir", True)])
    def test_documents_are_served_at_once(self, keeps):
        more = {"server": {"state_dir": self.state}} if keeps else {}
        self.etcd.put("/weir/a", answering("/a", "one"))
        gateway = self.gateway(self.config(**more))
        end = self.watched_body(gateway, "/a", [b"one"])
        first = self.upgrade(gateway)
        self.upgrade(gateway, first)
        self.assertEqual(end(), [])
        self.assertEqual(gateway.wait_exit(), 0)
        wait_until("the end of the one between", lambda: self.ended(first), 20)
        self.etcd.put("/weir/a", answering("/a", "two"))
        self.wait_body(gateway, "/a", "two")

    def test_endpoints_that_changed_without_a_build(self):
        origins = [self.origin(lambda c, r, b=b: c.reply(200, [], b)) for b in ("0", "1")]
        document = lambda origin: {"upstreams": {"x": {"endpoints": [{"address": origin.address}]}},
                                   "routes": [{"name": "a", "match": {"path": "/a"}, "upstream": "x"}]}
        self.etcd.put("/weir/a", document(origins[0]))
        gateway = self.gateway(self.config(server={"state_dir": self.state}))
        self.etcd.put("/weir/a", document(origins[1]))
        self.wait_body(gateway, "/a", "1")
        end = self.watched_body(gateway, "/a", [b"1"])
        self.upgrade(gateway)
        self.assertEqual(end(), [])

    def test_endpoints_from_etcd(self):
        origin = self.origin(lambda c, r: c.reply(200, [], "here"))
        self.etcd.put("/services/x/1", origin.address)
        gateway = self.gateway(basic_config(upstreams={"x": {"endpoints_from": {
            "etcd": {"prefix": "/services/x/", "endpoints": [self.etcd.url]}}}}))
        end = self.watched_body(gateway, "/", [b"here"])
        self.upgrade(gateway)
        self.assertEqual(end(), [])

    def test_etcd_is_away_and_state_dir_has_documents(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        gateway = self.gateway(self.config(server={"state_dir": self.state}))
        wait_until("the state", lambda: "one" in self.kept(), 15)
        self.etcd.kill()
        end = self.watched_body(gateway, "/a", [b"one"])
        self.upgrade(gateway)
        self.assertEqual(end(), [])
        self.etcd.start()
        self.etcd.put("/weir/a", answering("/a", "two"))
        self.wait_body(gateway, "/a", "two", 30)

    def test_etcd_is_away_and_nothing_has_documents(self):
        """The old process still serves what the new one could not."""
        self.etcd.put("/weir/a", answering("/a", "one"))
        gateway = self.gateway(self.config(), env={"WEIR_UPGRADE_TIMEOUT": "3s"})
        self.etcd.kill()
        end = self.watched_body(gateway, "/a", [b"one"])
        self.refused(gateway, "was not ready within 3s", "the first list of provider etcd", timeout=30)
        self.assertEqual(end(), [])
        self.etcd.start()
        self.upgrade(gateway)
        self.assertEqual(self.body(gateway, "/own"), "own")

    def test_the_old_one_fails_while_the_new_one_waits(self):
        """Then nobody serves, and the new one waits no longer than at any start."""
        self.etcd.put("/weir/a", answering("/a", "one"))
        gateway = self.gateway(self.config(), env={"WEIR_UPGRADE_TIMEOUT": "10m"})
        self.etcd.kill()
        start = len(gateway.lines)
        gateway.signal(signal.SIGUSR2)
        gateway.wait_log("the new one's wait", "listening name=http", start=start)
        pid = int(next(line for line in gateway.lines[start:] if "a new process gets ready" in line)
                  .split("pid=")[1].split()[0])
        self.addCleanup(self.end, pid)
        gateway.kill()
        gateway.wait_log("that it takes over", "the process before has ended, this one takes its place", 60, start=start)
        self.assertEqual(self.body(gateway, "/own"), "own")

    def test_only_the_new_one_writes_state_dir(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        origin = self.origin(lambda c, r: (self.release.wait(bound(60)), c.reply(200, [], "late")))
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        gateway = self.gateway(self.config([{"name": "slow", "match": {"path": "/slow"}, "upstream": "main"}],
                                           {"main": origin.address}, server={"state_dir": self.state}))
        wait_until("the state", lambda: "one" in self.kept(), 15)
        held = self.client(gateway, timeout=60)  # so that the old one lives
        held.request("GET", "/slow")
        origin.wait_for_head(1)
        pid = self.upgrade(gateway)
        os.kill(pid, signal.SIGSTOP)
        try:
            self.etcd.put("/weir/a", answering("/a", "two"))
            os.unlink(os.path.join(self.state, "provider-etcd.json"))
            time.sleep(1)  # many times as long as changes are gathered
            self.assertEqual(os.listdir(self.state), [], "the old one writes nothing")
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until("the new one's state", lambda: "two" in self.kept(), 15)
        self.assertIsNone(gateway.process.poll())
        self.release.set()
        self.assertEqual(held.read_response().body, b"late")
        self.assertEqual(gateway.wait_exit(), 0)

    def test_documents_change_while_the_new_one_gets_ready(self):
        """They do not refuse the upgrade, as a reload of the file does."""
        self.etcd.put("/weir/a", answering("/a", "0"))
        gateway = self.gateway(self.config())
        stop = threading.Event()
        count = [0]

        def change():
            while not stop.wait(0.05):
                count[0] += 1
                self.etcd.put("/weir/a", answering("/a", str(count[0])))

        thread = threading.Thread(target=change, daemon=True)
        thread.start()
        try:
            wait_until("changes", lambda: count[0] > 3)
            pid = self.upgrade(gateway)
            self.upgrade(gateway, pid)
        finally:
            stop.set()
            thread.join(bound(30))
        self.wait_body(gateway, "/a", str(count[0]))

    def test_the_command_tells_of_it(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        gateway = self.gateway(self.config(), env={"WEIR_UPGRADE_TIMEOUT": "3s"})
        self.etcd.kill()
        done = weir("upgrade", "--admin", "%s:%d" % gateway.address("admin"), timeout=60)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("waiting for the first list of provider etcd", done.stderr)
        self.assertEqual(json.loads(gateway.admin("GET", "/status").text)["upgrade"]["predecessor_drains"], False)


if __name__ == "__main__":
    unittest.main()
