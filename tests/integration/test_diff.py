"""weir diff: what a new configuration changes, by name, and for which requests of an access log."""

import json
import os
import shutil
import tempfile

from harness import Case, basic_config, rows, wait_until, weir
from harness.documents import blocks

PAGE = "docs/tests-in-the-file.md"


class Folder(Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="weir-diff-")
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, content):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return name

    def diff(self, *arguments, **more):
        return weir("diff", *arguments, cwd=self.folder, **more)


class PageTest(Folder):
    def test_what_the_page_shows(self):
        pages = blocks(PAGE)
        old, new = [one.text for one in pages if one.about == "weir"]
        (log,) = [one.text for one in pages if one.about == "log"]
        (told,) = [one.text for one in pages if one.about == "diff"]
        self.write("old.yaml", old)
        self.write("new.yaml", new)
        self.write("access.log", log)
        done = self.diff("--log", "access.log", "old.yaml", "new.yaml")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertEqual(done.stdout, told)


def line(path, route, **more):
    return json.dumps({"time": "2026-11-29T18:52:03.123456Z", "listener": "http", "client_ip": "192.0.2.7",
                       "method": "GET", "host": "x.example", "path": path, "status": 200, "route": route,
                       **more}) + "\n"


class DiffTest(Folder):
    def config(self, upstream="127.0.0.1:1", **more):
        return basic_config([{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main", **more}],
                            {"main": upstream})

    def test_the_same(self):
        self.write("a.yaml", self.config())
        self.write("log", line("/a", "all"))
        done = self.diff("a.yaml", "a.yaml", "--log", "log")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "the configurations are the same\n"
                                      "1 request: 1 the same, 0 different, 0 cannot tell\n")

    def test_a_document_for_programs(self):
        self.write("a.yaml", self.config())
        self.write("b.yaml", self.config(timeout="3s", match={"path_prefix": "/b"}))
        self.write("log", line("/a", "all") + line("/b", "all") + "no line\n")
        done = self.diff("a.yaml", "b.yaml", "--log", "log", "--json", "--examples", "1")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        told = json.loads(done.stdout)
        (change,) = told["changes"]
        self.assertEqual((change["change"], change["of"], change["name"]), ("changed", "route", "all"))
        self.assertEqual({one["key"]: (one["before"], one["after"]) for one in change["keys"]},
                         {"match.path_prefix": ('"/"', '"/b"'), "timeout": ('"15s"', '"3s"')})
        requests = told["requests"]
        self.assertEqual([requests[key] for key in ("read", "same", "different", "cannot_tell", "other_lines")],
                         [2, 1, 1, 0, 1])
        self.assertEqual(requests["differences"], [{
            "what": "route", "before": "all", "after": "none (404 no_route)", "requests": 1,
            "examples": ["GET x.example/a"]}])

    def test_a_log_from_standard_input(self):
        self.write("a.yaml", self.config())
        done = self.diff("a.yaml", "a.yaml", "--log", "-", stdin=line("/a", "all") * 3)
        self.assertEqual(done.returncode, 0)
        self.assertIn("3 requests: 3 the same", done.stdout)

    def test_requests_of_another_configuration_are_told(self):
        self.write("a.yaml", self.config())
        self.write("log", line("/a", "gone"))
        done = self.diff("a.yaml", "a.yaml", "--log", "log")
        self.assertIn("1 request took a route that the old configuration does not choose", done.stdout)

    @rows([
        ("one file", ["a.yaml"], "give two configurations"),
        ("three files", ["a.yaml", "a.yaml", "a.yaml"], "give two configurations"),
        ("two with --admin", ["--admin", "127.0.0.1:1", "a.yaml", "a.yaml"], "give one configuration with --admin"),
        ("no such file", ["a.yaml", "none.yaml"], "none.yaml"),
        ("one that is not valid", ["bad.yaml", "a.yaml"], "bad.yaml:1:"),
        ("nobody there", ["--admin", "127.0.0.1:1", "a.yaml"], "weir: diff: 127.0.0.1:1 (--admin): Connection refused"),
        ("no such log", ["a.yaml", "a.yaml", "--log", "none"], "--log: none: No such file or directory"),
        ("no log", ["a.yaml", "a.yaml", "--log", "a.yaml"], "no line is one of an access log in JSON"),
        ("standard input twice", ["-", "a.yaml", "--log", "-"], "standard input can be read once"),
    ])
    def test_what_cannot_be_read(self, arguments, told):
        self.write("a.yaml", self.config())
        self.write("bad.yaml", "listeners: {}\n")
        done = self.diff(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(told, done.stderr)


class RunningTest(Folder):
    def test_what_runs_against_a_file(self):
        origin = self.origin(lambda c, r: c.reply(200, [], "x"))
        keys = "acme:0123456789abcdef\n"
        config = basic_config(
            [{"name": "keyed", "match": {"path_prefix": "/keyed"}, "upstream": "main", "middleware": [
                {"api_key": {"header": "x-api-key", "keys_file": "partners.keys"}},
                {"jwt": {"issuers": [{"issuer": "i", "algorithms": ["HS256"], "keys": {"secret": "s" * 40}}]}}]},
             {"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
              "response_headers": {"set": {"x-a": "$ {{x}}"}}}], {"main": origin.address})
        config["access_log"] = {"path": "access.log"}
        gateway = self.gateway(config, files={"partners.keys": keys})
        admin = "%s:%d" % gateway.addresses["admin"]
        self.write("partners.keys", keys)
        self.write("same.yaml", config)
        done = self.diff("--admin", admin, "same.yaml")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "the configurations are the same\n", ""))

        for target in ("/a", "/a", "/b"):
            self.assertEqual(self.fetch(gateway, target).status, 200)
        self.assertEqual(self.fetch(gateway, "/keyed/1").status, 401)
        log = gateway.file("access.log")

        def written():
            with open(log, encoding="utf-8") as file:
                return file.read().count("\n") == 4
        wait_until("the log has the requests", written)

        changed = json.loads(json.dumps(config))
        changed["routes"].append({"name": "b", "match": {"path": "/b"}, "respond": {"status": 410}})
        self.write("new.yaml", changed)
        done = self.diff("--admin", admin, "--log", log, "new.yaml")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertEqual(done.stdout.splitlines()[:2],
                         ["+ route b", "4 requests: 3 the same, 1 different, 0 cannot tell"])
        self.assertIn("route: all -> b", done.stdout)

    def test_what_was_set_by_hand_is_told(self):
        origin = self.origin(lambda c, r: c.reply(200, [], "x"))
        config = basic_config([{"name": "parted", "match": {}, "split": [
            {"upstream": "a", "weight": 1}, {"upstream": "b", "weight": 1}]}],
            {"a": origin.address, "b": [origin.address]})
        gateway = self.gateway(config)
        self.assertEqual(gateway.admin("PUT", "/routes/parted/split", {"a": 90, "b": 10}).status, 204)
        self.write("same.yaml", config)
        done = self.diff("--admin", "%s:%d" % gateway.addresses["admin"], "same.yaml")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("set by hand: /routes/parted/split: ", done.stdout)
