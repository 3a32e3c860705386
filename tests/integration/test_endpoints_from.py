"""`endpoints_from: {file: ...}`: endpoints that a file lists, as it changes under a running gateway."""

import json
import os
import tempfile
import threading
import time
import unittest

from harness import Case, ZoneServer, basic_config, rows, wait_until, weir
from harness.waiting import bound

NAME = "orders.test"


class FileCase(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-targets-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(self.folder, "targets.yaml")

    def answering(self, body):
        return self.origin(lambda c, r: c.reply(200, [], body), name=body)

    def put(self, text, path=None):
        """As a program does that writes such files."""
        path = path or self.path
        if not isinstance(text, str):
            text = json.dumps(text)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)

    def config(self, empty_after="30s", **upstream):
        return basic_config(upstreams={"main": {
            "endpoints_from": {"file": self.path, "empty_after": empty_after}, **upstream}})

    def serving(self, text, **more):
        self.put(text)
        return self.gateway(self.config(**more))

    def upstream(self, gateway):
        return gateway.admin("GET", "/upstreams").json()[0]

    def weights(self, gateway):
        return {one["address"]: one["weight"] for one in self.upstream(gateway)["endpoints"]}

    def wait_weights(self, gateway, weights, timeout=10):
        wait_until(f"endpoints {weights}", lambda: self.weights(gateway) == weights, timeout, 0.05)

    def error(self, gateway):
        return self.upstream(gateway)["endpoints_from"]["error"]

    def body(self, gateway):
        return self.fetch(gateway, "/").body.decode()


class ChangeTest(FileCase):
    def test_endpoints_come_and_go(self):
        first, second = self.answering("0"), self.answering("1")
        gateway = self.serving([first.address])
        self.assertEqual(self.body(gateway), "0")
        self.put([first.address, second.address])
        self.wait_weights(gateway, {first.address: 1, second.address: 1})
        self.assertEqual({self.body(gateway) for _ in range(8)}, {"0", "1"})
        self.put([second.address])
        self.wait_weights(gateway, {second.address: 1})
        self.assertEqual({self.body(gateway) for _ in range(8)}, {"1"})
        self.assertEqual(gateway.metrics().value("weir_config_generation"), 1, "no snapshot was made")
        self.assertEqual(gateway.metrics().value("weir_upstream_endpoints", upstream="main"), 1)

    def test_weights_and_priorities(self):
        first, second = self.answering("0"), self.answering("1")
        group = lambda address, **labels: {"targets": [address], "labels": labels}
        gateway = self.serving([group(first.address, weight="3", zone="west"), group(second.address)])
        self.assertEqual(self.weights(gateway), {first.address: 3, second.address: 1})
        self.put([group(first.address, weight=0), group(second.address, weight=5)])
        self.wait_weights(gateway, {first.address: 0, second.address: 5})
        self.assertEqual({self.body(gateway) for _ in range(6)}, {"1"})
        self.put([group(first.address, priority=1), group(second.address)])
        self.wait_weights(gateway, {first.address: 1, second.address: 1})
        self.assertEqual({one["address"]: one["priority"] for one in self.upstream(gateway)["endpoints"]},
                         {first.address: 1, second.address: 0})
        self.assertEqual({self.body(gateway) for _ in range(6)}, {"1"})

    def test_beside_the_endpoints_of_the_configuration(self):
        first, second = self.answering("0"), self.answering("1")
        gateway = self.serving([first.address], endpoints=[{"address": second.address}])
        self.assertEqual({self.body(gateway) for _ in range(8)}, {"0", "1"})
        sources = {one["address"]: one["sources"] for one in self.upstream(gateway)["endpoints"]}
        self.assertEqual(sources, {
            second.address: [{"source": "file"}],
            first.address: [{"source": "endpoints_from", "name": self.path, "holds_for": None}]})

    def test_a_file_that_is_written_in_place(self):
        first, second = self.answering("0"), self.answering("1")
        gateway = self.serving([first.address])
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(f"# all of them\n- {first.address}\n- address: {second.address}\n  weight: 2\n")
        self.wait_weights(gateway, {first.address: 1, second.address: 2})

    def test_a_config_map(self):
        """Kubernetes writes a folder beside the last one and turns the link `..data`."""
        first, second = self.answering("0"), self.answering("1")

        def flip(version, addresses):
            os.mkdir(os.path.join(self.folder, version))
            self.put(addresses, os.path.join(self.folder, version, "targets.yaml"))
            link = os.path.join(self.folder, "..data")
            os.symlink(version, link + "_tmp")
            os.replace(link + "_tmp", link)

        flip("..v1", [first.address])
        os.symlink(os.path.join("..data", "targets.yaml"), self.path)
        gateway = self.gateway(self.config())
        self.assertEqual(self.body(gateway), "0")
        flip("..v2", [second.address])
        self.wait_weights(gateway, {second.address: 1})
        self.assertEqual(self.body(gateway), "1")

    def test_requests_in_flight_finish(self):
        release = threading.Event()
        first = self.origin(lambda c, r: (release.wait(bound(20)), c.reply(200, [], "0")))
        second = self.answering("1")
        gateway = self.serving([first.address])
        client = self.client(gateway, timeout=30)
        client.request("GET", "/")
        wait_until("the request", lambda: self.upstream(gateway)["endpoints"][0]["in_flight"] == 1, 10)
        self.put([second.address])
        self.wait_weights(gateway, {second.address: 1})
        release.set()
        self.assertEqual(client.read_response().body, b"0")

    def test_a_name(self):
        origin = self.answering("0")
        zone = ZoneServer()
        self.addCleanup(zone.close)
        zone.set(NAME, A=["127.0.0.1"], ttl=60)
        other = self.answering("1")
        gateway = self.serving([other.address], dns={"servers": [zone.address]})
        self.assertEqual(self.body(gateway), "1")
        self.put([{"targets": [f"{NAME}:{origin.port}"], "labels": {"weight": 4}}])
        self.wait_weights(gateway, {f"127.0.0.1:{origin.port}": 4})
        self.assertEqual(self.body(gateway), "0")
        told = self.upstream(gateway)
        self.assertEqual(told["names"][0]["name"], f"{NAME}:{origin.port}")
        self.assertEqual(told["endpoints"][0]["sources"][0]["source"], "dns")
        # It is looked up as other names are.
        zone.set(NAME, A=["127.0.0.1"], ttl=1)
        self.put([other.address])
        self.wait_weights(gateway, {other.address: 1})
        self.assertEqual(self.upstream(gateway)["names"], [])

    def test_a_name_at_the_start(self):
        origin = self.answering("0")
        zone = ZoneServer()
        self.addCleanup(zone.close)
        zone.set(NAME, A=["127.0.0.1"])
        gateway = self.serving([f"{NAME}:{origin.port}"], dns={"servers": [zone.address]})
        self.assertEqual(self.body(gateway), "0")


class TroubleTest(FileCase):
    def told_failure(self, gateway):
        return gateway.metrics().value("weir_upstream_endpoints_from_failed", upstream="main")

    @rows([("no YAML", "- [", "targets.yaml:"), ("no address", "- 10.0.0.1:80\n- nonsense\n", "targets.yaml:2:3: [1]: "),
           ("no list", "{}", "targets.yaml:1:1: a file of endpoints is a list"),
           ("no weight", '[{"address": "10.0.0.1:80", "weight": 0}]', "one weight at least must be above 0")])
    def test_a_broken_file_changes_nothing(self, text, told):
        origin = self.answering("0")
        gateway = self.serving([origin.address])
        self.assertEqual(self.told_failure(gateway), 0)
        self.put(text)
        wait_until("the error", lambda: told in self.error(gateway), 10)
        self.assertEqual(self.weights(gateway), {origin.address: 1})
        self.assertEqual(self.body(gateway), "0")
        self.assertEqual(self.told_failure(gateway), 1)
        status = gateway.admin("GET", "/status").json()
        self.assertIn("endpoints_from_failed", [warning["name"] for warning in status["warnings"]])
        shown = weir("upstreams", "--admin", "%s:%d" % gateway.address("admin"))
        self.assertIn(told, shown.stdout)
        self.assertIn("the endpoints of before are used", shown.stdout)
        gateway.wait_log("the line", lambda lines: any(
            "endpoints_from not taken" in line and "upstream=main" in line for line in lines))
        self.put([origin.address])
        wait_until("no error", lambda: self.error(gateway) == "", 10)
        self.assertEqual(self.told_failure(gateway), 0)

    def test_a_file_that_is_gone_changes_nothing(self):
        first, second = self.answering("0"), self.answering("1")
        gateway = self.serving([first.address])
        os.remove(self.path)
        wait_until("the error", lambda: "No such file" in self.error(gateway), 10)
        self.assertEqual(self.body(gateway), "0")
        self.put([second.address])
        self.wait_weights(gateway, {second.address: 1})
        self.assertEqual(self.error(gateway), "")

    def test_a_file_that_is_too_large_changes_nothing(self):
        origin = self.answering("0")
        gateway = self.serving([origin.address])
        self.put("#" * (4 * 1024 * 1024 + 1))
        wait_until("the error", lambda: "larger than 4MiB" in self.error(gateway), 10)
        self.put("".join(f"- 10.{n // 60000}.{n // 250 % 240}.{n % 250}:80\n" for n in range(10001)))
        wait_until("the error", lambda: "more than 10000 endpoints" in self.error(gateway), 30)
        self.assertEqual(self.weights(gateway), {origin.address: 1})

    @rows([("no list", "# nothing\n"), ("an empty one", "[]"), ("no targets", '[{"targets": []}]')])
    def test_an_empty_file_counts_after_a_while(self, text):
        origin = self.answering("0")
        gateway = self.serving([origin.address], empty_after="6s")
        begun = time.monotonic()
        self.put(text)
        wait_until("that it is told", lambda: self.upstream(gateway)["endpoints_from"]["empty_in"] is not None)
        self.assertEqual(self.body(gateway), "0")
        source = self.upstream(gateway)["endpoints"][0]["sources"][0]
        self.assertLessEqual(source["holds_for"], 6)
        self.wait_weights(gateway, {}, 15)
        self.assertGreater(time.monotonic() - begun, 5.9)
        self.assert_problem(self.fetch(gateway, "/"), "no_healthy_endpoint")
        self.put([origin.address])
        self.wait_weights(gateway, {origin.address: 1})
        self.assertEqual(self.body(gateway), "0")

    def test_an_empty_file_that_is_filled_again(self):
        origin = self.answering("0")
        gateway = self.serving([origin.address])
        self.put("")
        wait_until("that it is told", lambda: self.upstream(gateway)["endpoints_from"]["empty_in"] is not None, 10)
        self.put([origin.address])
        wait_until("the end of it", lambda: self.upstream(gateway)["endpoints_from"]["empty_in"] is None, 10)
        self.assertEqual(self.body(gateway), "0")


class ReloadTest(FileCase):
    def test_a_reload_reads_it(self):
        first, second = self.answering("0"), self.answering("1")
        gateway = self.serving([first.address])
        self.put([second.address])
        self.assertEqual(gateway.reload_by_post().status, 200)
        self.assertEqual(self.weights(gateway), {second.address: 1})
        self.assertEqual(self.body(gateway), "1")
        self.put([first.address])
        self.wait_weights(gateway, {first.address: 1})

    def test_a_reload_with_an_empty_one_empties_nothing(self):
        origin = self.answering("0")
        gateway = self.serving([origin.address])
        self.put("[]")
        self.assertEqual(gateway.reload_by_post().status, 200)
        self.assertEqual(self.body(gateway), "0")
        self.assertIsNotNone(self.upstream(gateway)["endpoints_from"]["empty_in"])

    def test_a_reload_with_a_broken_one_is_refused(self):
        origin = self.answering("0")
        gateway = self.serving([origin.address])
        self.put("- nonsense\n")
        answer = gateway.reload_by_post()
        self.assertEqual(answer.status, 422)
        self.assertIn("targets.yaml:1:3: [0]: 'nonsense' is not IP:port", answer.text)
        os.remove(self.path)
        answer = gateway.reload_by_post()
        self.assertEqual(answer.status, 422)
        self.assertIn("upstreams.main.endpoints_from.file: cannot read", answer.text)
        self.assertEqual(self.body(gateway), "0")

    def test_another_file_and_none(self):
        first, second = self.answering("0"), self.answering("1")
        gateway = self.serving([first.address])
        other = os.path.join(self.folder, "other.yaml")
        self.put([second.address], other)
        config = self.config()
        config["upstreams"]["main"]["endpoints_from"]["file"] = other
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assertEqual(self.weights(gateway), {second.address: 1})
        self.put([first.address, second.address], other)
        self.wait_weights(gateway, {first.address: 1, second.address: 1})
        config["upstreams"]["main"] = {"endpoints": [{"address": second.address}]}
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assertEqual(self.weights(gateway), {second.address: 1})
        self.assertIsNone(self.upstream(gateway)["endpoints_from"])
        self.assertIsNone(gateway.metrics().value("weir_upstream_endpoints_from_failed", upstream="main"))


class CheckTest(FileCase):
    def check(self, upstream, targets=None):
        if targets is not None:
            self.put(targets)
        config = basic_config(upstreams={"main": upstream})
        with open(os.path.join(self.folder, "weir.yaml"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        return weir("check", "-c", "weir.yaml", cwd=self.folder)

    def test_a_good_one(self):
        done = self.check({"endpoints_from": {"file": "targets.yaml"}}, "- 10.0.0.1:80\n")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_is_wrong_has_its_place(self):
        done = self.check({"endpoints_from": {"file": "targets.yaml"}}, "- 10.0.0.1:80\n- a.test\n")
        self.assertEqual(done.returncode, 1)
        lines = done.stderr.splitlines()
        self.assertIn("targets.yaml:2:3: [1]: 'a.test' is not IP:port", lines[0])
        self.assertIn("| - a.test", lines[1], "with the line")

    @rows([("missing", {"file": "none.yaml"}, "cannot read 'none.yaml': No such file or directory"),
           ("a folder", {"file": "."}, "it is not a regular file"),
           ("no file", {}, "'file' is required"),
           ("etcd without a prefix", {"etcd": {}}, "'prefix' is required"),
           ("etcd without endpoints", {"etcd": {"prefix": "/services/"}}, "there is no `providers.etcd`")])
    def test_refusals(self, block, told):
        done = self.check({"endpoints_from": block})
        self.assertEqual(done.returncode, 1)
        self.assertIn(told, done.stderr)
        self.assertIn("weir.yaml:", done.stderr)

    def test_a_start_without_the_file_is_refused(self):
        self.check({"endpoints_from": {"file": "none.yaml"}})
        done = weir("run", "-c", "weir.yaml", cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot read 'none.yaml': No such file or directory", done.stderr)


if __name__ == "__main__":
    unittest.main()
