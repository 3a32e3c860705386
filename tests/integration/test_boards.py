"""deploy/grafana and deploy/prometheus: the boards are what their table makes, every query is valid, and every metric that a board or
a rule names exists in a scrape of a gateway that has done all it can do; a real Prometheus finds something for every query."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse
import urllib.request

from harness import Case, wait_until
from harness.documents import ROOT, read, table
from harness.everything import Everything
from harness.ports import free_port
from harness.waiting import bound

GRAFANA = os.path.join(ROOT, "deploy", "grafana")
RULES = "deploy/prometheus/weir.rules.yaml"
NAME = re.compile(r"\b(?:weir|process)_[a-z_]+")


def boards():
    return {name: json.loads(read(f"deploy/grafana/{name}")) for name in sorted(os.listdir(GRAFANA)) if name.endswith(".json")}


def queries(board):
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def filled(query, window="1m", **chosen):
    """A query as Grafana sends it, with everything chosen unless told otherwise."""
    query = query.replace("$__rate_interval", window)
    return re.sub(r"\$(\w+)", lambda found: chosen.get(found[1], ".*"), query)


def all_queries():
    for name, board in boards().items():
        yield from ((f"{name}: {title}", query) for title, query in queries(board))


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=bound(300), check=False)


class TableTest(Case):
    def test_the_boards_are_what_the_table_makes(self):
        spec = importlib.util.spec_from_file_location("make_boards", os.path.join(GRAFANA, "make.py"))
        make = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(make)
        made = make.texts()
        self.assertEqual(set(made), set(boards()))
        for name, text in made.items():
            self.assertEqual(read(f"deploy/grafana/{name}"), text, f"{name}: run deploy/grafana/make.py")

    def test_each_is_told_of(self):
        told = {re.search(r"`(\S+)`", row[0])[1] for row in table("docs/operations.md", "Boards")}
        self.assertEqual(told, set(boards()))

    def test_they_can_be_imported(self):
        """What Grafana asks of a file: identities that are unique, panels that do not overlap, and only names that are defined."""
        seen = set()
        for name, board in boards().items():
            with self.subTest(board=name):
                self.assertNotIn("id", board)
                self.assertNotIn(board["uid"], seen)
                seen.add(board["uid"])
                self.assertLessEqual(len(board["uid"]), 40)
                variables = {each["name"] for each in board["templating"]["list"]}
                self.assertIn("datasource", variables)
                used = set(re.findall(r"\$\{?(\w+)", json.dumps([board["panels"], board["templating"], board["annotations"]])))
                self.assertEqual(used - variables, {"__rate_interval", "__all"} & used)
                ids = [panel["id"] for panel in board["panels"]]
                self.assertEqual(len(ids), len(set(ids)))
                taken = set()
                for panel in board["panels"]:
                    place = panel["gridPos"]
                    self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
                    cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                             for y in range(place["y"], place["y"] + place["h"])}
                    self.assertFalse(taken & cells, panel["title"])
                    taken |= cells
                    if panel["type"] == "row":
                        continue
                    self.assertTrue(panel["targets"], panel["title"])
                    self.assertEqual(len({target["refId"] for target in panel["targets"]}), len(panel["targets"]))
                    for target in [panel, *panel["targets"]]:
                        self.assertEqual(target["datasource"], {"type": "prometheus", "uid": "${datasource}"})

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_every_query_is_valid(self):
        rules = [{"record": f"q{number}", "expr": filled(query)} for number, (_, query) in enumerate(all_queries())]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump({"groups": [{"name": "boards", "rules": rules}]}, file)
            file.flush()
            done = run("promtool", "check", "rules", file.name)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreater(len(rules), 80)


class MetricsExistTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.all = Everything()
        cls.addClassCleanup(cls.all.close)
        cls.all.start()

    def test_each_that_a_board_or_a_rule_names(self):
        named = {}
        for where, query in all_queries():
            for name in NAME.findall(query):
                named.setdefault(name, where)
        for name in NAME.findall(re.sub(r"(?m)#.*$", "", read(RULES))):
            named.setdefault(name, RULES)
        for board in boards().values():
            for name in NAME.findall(json.dumps([board["templating"], board["annotations"]])):
                named.setdefault(name, "a variable")
        self.assertGreater(len(named), 60)
        missing = self.all.until(named)
        self.assertEqual({name: named[name] for name in missing}, {})


@unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
class DrawnTest(Case):
    """What Grafana would draw: a real Prometheus scrapes the gateway and loads the rules."""

    @classmethod
    def setUpClass(cls):
        cls.all = Everything()
        cls.addClassCleanup(cls.all.close)
        cls.all.start()
        folder = tempfile.TemporaryDirectory(prefix="weir-prometheus-")
        cls.addClassCleanup(folder.cleanup)
        host, port = cls.all.gateway.address("admin")
        path = os.path.join(folder.name, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"},
                       "rule_files": [os.path.join(ROOT, RULES)],
                       "scrape_configs": [{"job_name": "weir", "static_configs": [{"targets": [f"{host}:{port}"]}]}]}, file)
        cls.url = f"http://127.0.0.1:{free_port()}"
        process = subprocess.Popen(
            ["prometheus", "--config.file", path, "--storage.tsdb.path", os.path.join(folder.name, "data"),
             "--web.listen-address", cls.url.removeprefix("http://")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(process.wait, 30)
        cls.addClassCleanup(process.terminate)

    def ask(self, path, **question):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(question)}"
        with urllib.request.urlopen(url, timeout=bound(30)) as answer:
            return json.load(answer)["data"]

    def scraped(self):
        try:
            return [one["health"] for one in self.ask("targets")["activeTargets"]] == ["up"]
        except OSError:
            return False

    def test_every_query_finds_something(self):
        wait_until("a scrape by Prometheus", self.scraped, 60, 0.2)
        chosen = {"route": "split", "stable": "stable", "canary": "canary"}
        # What is only drawn when it is above 0 is there otherwise.
        pending = {f"{name}: {title}: {query}": filled(query, "30s", **(chosen if name == "canary.json" else {})).removesuffix(" > 0")
                   for name, board in boards().items() for title, query in queries(board)}

        def all_found():
            self.all.drive()
            for where, query in list(pending.items()):
                if self.ask("query", query=query)["result"]:
                    del pending[where]
            return not pending
        try:
            wait_until("every panel", all_found, 120, 0.5)
        except AssertionError:
            self.fail(f"nothing is drawn for {json.dumps(pending, indent=1)}")

    def test_the_rules_are_evaluated(self):
        wait_until("a scrape by Prometheus", self.scraped, 60, 0.2)

        def evaluated():
            rules = [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
            self.assertGreater(len(rules), 30)
            self.assertEqual([rule["name"] for rule in rules if rule["health"] == "err"], [])
            return all(rule["health"] == "ok" for rule in rules)
        wait_until("the rules", evaluated, 60, 0.2)
