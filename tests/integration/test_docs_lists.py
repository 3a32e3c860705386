"""What the documentation lists is what the program has: reasons, metrics, admin paths, alerts, and
the tests that it names."""

import os
import re
import shutil
import subprocess
import unittest

from harness import Case, basic_config
from harness.documents import ROOT, read, table
from harness.waiting import bound

OPERATIONS = "docs/operations.md"
TROUBLE = "docs/troubleshooting.md"


# A row of the table of reasons: name, status, Proxy-Status, gRPC.
REASON_ROW = r'\{Reason::\w+,\s*"(\w+)",\s*(\d+),\s*"(\w*)",\s*(\d+),\s*(?:true|false),'


class ListsTest(Case):
    def test_reasons(self):
        reasons = re.findall(REASON_ROW, read("src/base/reason.cpp"))
        ours = {name: (status, error, grpc) for name, status, error, grpc in reasons
                if name != "none"}
        self.assertGreater(len(ours), 40)
        told = {}
        for status, names, error, grpc, *_ in table(OPERATIONS, "Reasons"):
            for name in re.findall(r"`(\w+)`", names):
                told[name] = (status, error.strip("`"), grpc)
        self.assertEqual(told, ours)

    def test_each_reason_has_its_trouble_told(self):
        ours = {name: status for name, status, *_ in re.findall(
            REASON_ROW, read("src/base/reason.cpp")) if name != "none"}
        told = {}
        for heading in ("The request", "The caller", "The upstream", "The gateway"):
            for status, names, means, *_ in table(TROUBLE, heading):
                (name,) = re.findall(r"`(\w+)`", names)
                self.assertNotIn(name, told)
                self.assertGreater(len(means), 10, name)
                told[name] = status
        self.assertEqual(told, ours)

    def test_messages_that_are_quoted_are_the_programs(self):
        source = ""
        for path, _, names in os.walk(os.path.join(ROOT, "src")):
            for name in names:
                if name.endswith((".cpp", ".hpp")):
                    with open(os.path.join(path, name), encoding="utf-8") as file:
                        source += file.read()
        source = re.sub(r'"\s*"', "", source)  # a text that goes over several lines
        for document in (TROUBLE, "docs/certificates.md"):
            text = re.sub(r"(?ms)^```.*?^```$", "", read(document)).replace("\n", " ")
            quoted = [one for one in re.findall(r"`([^`]+)`", text)
                      if re.fullmatch(r"[\w'(),-]+( [\w'(),-]+){2,}", one)]
            for one in quoted:
                if not one.startswith(("weir ", "systemctl ", "journalctl ", "openssl ", "getent ")):
                    self.assertTrue(one in source, f"{document} quotes '{one}'")

    def test_reasons_of_refused_connections(self):
        source = read("src/telemetry/names.cpp")
        names = re.search(r"refusal_count> names\{([^}]*)\}", source)[1]
        told = [row[0].strip("`") for row in table(OPERATIONS, "Refused connections")]
        self.assertEqual(told, re.findall(r'"(\w+)"', names))

    def test_names_of_warnings(self):
        source = read("src/config/warning_names.cpp")
        names = re.search(r"(?s)names\{(.*?)\};", source)[1]
        told = [row[0].strip("`") for row in table(OPERATIONS, "Warnings")]
        self.assertEqual(told, re.findall(r'"([\w-]+)"', names))
        self.assertEqual(told, sorted(told))

    def test_fields_of_the_access_log(self):
        told = {name for row in table(OPERATIONS, "Logs") for name in re.findall(r"`(\w+)`", row[0])}
        source = read("src/telemetry/access_line.cpp")
        told |= {"result", "ms"}  # within `tries`
        self.assertEqual(told, set(re.findall(r'"([a-z_]+)"', source)))

    def test_steps_of_the_debug_log(self):
        source = "".join(read(name) for name in (
            "src/server/debug_steps.cpp", "src/upstream/debug_steps.cpp", "src/upstream/health_log.cpp",
            "src/upstream/lease.cpp", "src/codec/h2/session.cpp"))
        for _, messages, *_ in table(OPERATIONS, "Debug log"):
            for message in re.findall(r"`([^`]+)`", messages):
                self.assertIn(f'"{message}"', source)

    def test_metrics(self):
        told = {}
        for name, kind, labels, _ in table(OPERATIONS, "Metrics"):
            for one in re.findall(r"`(\w+)`", name):
                told[one] = (kind, set(re.findall(r"`(\w+)`", labels)))
        source = "".join(read(f"src/telemetry/{name}") for name in (
            "exposition.cpp", "name_exposition.cpp", "policy_exposition.cpp", "provider_exposition.cpp",
            "retry_exposition.cpp", "span_exposition.cpp", "weight_exposition.cpp"))
        made = {name: kind for kind, name in re.findall(
            r'(counter|gauge|histogram)_family\(\s*"(weir_\w+)"', source)}
        self.assertGreater(len(made), 30)
        self.assertEqual({name: kind for name, (kind, _) in told.items()}, made)
        self.assert_labels(told)

    def assert_labels(self, told):
        origin = self.origin()
        config = basic_config([
            {"name": "all", "match": {"path_prefix": "/"}, "split": [
                {"upstream": "a", "weight": 1}, {"upstream": "b", "weight": 1}],
             "middleware": [{"rate_limit": {"rate": "1000/s"}},
                            {"load_shed": {"lag": "300s", "memory": "100%", "saturation": "off"}}]},
            {"name": "jwt", "match": {"path": "/jwt"}, "upstream": "a", "middleware": [
                {"jwt": {"issuers": [{"issuer": "i", "algorithms": ["HS256"],
                                      "keys": {"secret": "s" * 32}}]}}]},
        ], {"a": {"endpoints": [{"address": origin.address}], "circuit_breaker": {"shed": {"rate": "100000/s"}},
                  "health_check": {}, "outlier_detection": {}},
            "b": origin.address})
        gateway = self.gateway(config)
        for target in ("/", "/", "/jwt"):
            self.fetch(gateway, target)
        metrics = gateway.settled_metrics()
        seen = {}
        for name, labels, _ in metrics.samples:
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            name = base if metrics.types.get(base) == "histogram" else name
            seen.setdefault(name, set()).update(set(labels) - {"le"})
        for name, labels in seen.items():
            if name.startswith("weir_"):
                self.assertEqual(labels, told[name][1], name)
        self.assertGreater(len(set(seen) & set(told)), 25)

    def test_admin_paths(self):
        told = {}
        for request, does in table(OPERATIONS, "Admin address"):
            told[re.match(r"`(\w+) (\S+)`", request).groups()] = does.replace("`", "")
        source = re.sub(r'"\s*"', "", read("src/server/admin_endpoints.cpp"))
        made = {(method, path): help for method, path, help in re.findall(
            r'\{"([A-Z]+)",\s*"(/\S*)",\s*Body::\w+,\s*Access::\w+,\s*&AdminApi::\w+,\s*"([^"]+)"\}',
            source)}
        self.assertEqual(len(made), source.count("&AdminApi::"))
        self.assertEqual(list(told), list(made))
        for endpoint, help in made.items():
            self.assertTrue(told[endpoint].startswith(help), endpoint)

    def test_admin_paths_answer(self):
        origin = self.origin()
        gateway = self.gateway(basic_config(
            [{"name": "NAME", "match": {}, "split": [{"upstream": "NAME", "weight": 1}]}],
            {"NAME": origin.address}))
        for request, _ in table(OPERATIONS, "Admin address"):
            method, path = re.match(r"`(\w+) (\S+)`", request).groups()
            with self.subTest(method=method, path=path):
                real = path.replace("ADDRESS", origin.address)
                self.assertEqual(gateway.admin("PATCH", real).status, 405)
                if real == "/upgrade":  # another process would be there behind it
                    continue
                # Its answer has no end.
                asked = "HEAD" if real == "/access_log" else method
                self.assertNotIn(gateway.admin(asked, real).status, (404, 405))

    def test_status(self):
        gateway = self.gateway(basic_config([{"name": "a", "match": {}, "respond": {"status": 200}}]))
        told = {name for cells in table(OPERATIONS, "GET /status")
                for name in re.findall(r"`(\w+)`", cells[0])}
        self.assertEqual(told, set(gateway.admin("GET", "/status").json()))
        told = {name for cells in table(OPERATIONS, "Warnings in GET /status")
                for name in re.findall(r"`(\w+)`", cells[0])}
        made = re.findall(r'(?:push_back\(\s*\{|out\.add\()"(\w+)",', read("src/server/admin_status.cpp"))
        self.assertEqual(told, set(made))


class ChangelogTest(Case):
    def test_this_version_is_told(self):
        version = re.search(r"project\(weir VERSION (\S+)", read("CMakeLists.txt"))[1]
        told = re.findall(r"(?m)^## (\d+\.\d+\.\d+), ", read("CHANGELOG.md"))
        self.assertIn(version, told[:2])  # the next one may stand above it
        self.assertEqual(told, sorted(told, key=lambda one: [int(n) for n in one.split(".")],
                                      reverse=True))


class SecurityTest(Case):
    def test_tests_that_are_named_exist(self):
        text = read("docs/security.md")
        rows = table("docs/security.md", "Attacks")
        self.assertGreaterEqual(len(rows), 40)
        for row in rows:
            self.assertRegex(row[-1], r"`\w+\.\w+`|no test", row[:2])
        folder = os.path.join(ROOT, "tests")
        units = ""
        for path, _, names in os.walk(os.path.join(folder, "unit")):
            for name in names:
                if name.endswith(".cpp"):
                    with open(os.path.join(path, name), encoding="utf-8") as file:
                        units += file.read()
        for suite, test in re.findall(r"`(\w+)\.(\w+)`", text):
            if suite.startswith("test_"):
                source = read(f"tests/integration/{suite}.py")
                self.assertRegex(source, rf"\b(class|def) {test}\b", f"{suite}.{test}")
            elif suite[0].isupper():  # another is a key
                self.assertRegex(units, rf"TEST(_F|_P)?\(\s*{suite},\s*{test}\)", f"{suite}.{test}")


class AlertsTest(Case):
    RULES = os.path.join(ROOT, "deploy", "prometheus", "weir.rules.yaml")

    def promtool(self, *arguments):
        if not shutil.which("promtool"):
            raise unittest.SkipTest("promtool is not installed")
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True,
                              timeout=bound(120), check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_rules_are_valid(self):
        self.promtool("check", "rules", self.RULES)

    def test_rules_fire_when_they_should(self):
        self.promtool("test", "rules", os.path.join(ROOT, "tests", "prometheus", "weir.test.yaml"))

    def test_each_alert_is_told_of(self):
        rules = read("deploy/prometheus/weir.rules.yaml")
        names = re.findall(r"alert: (\w+)", rules)
        told = [re.search(r"`(\w+)`", row[0])[1]
                for row in table(OPERATIONS, "Alerts")]
        self.assertEqual(names, told)

    def test_each_alert_has_a_case_that_fires_and_one_that_does_not(self):
        names = set(re.findall(r"alert: (\w+)", read("deploy/prometheus/weir.rules.yaml")))
        self.assertGreater(len(names), 10)
        cases = re.findall(r"alertname: (\w+),?\s+exp_alerts:( \[\]|\n +- exp_labels)",
                           read("tests/prometheus/weir.test.yaml"))
        self.assertEqual({name for name, expected in cases if expected != " []"}, names)
        self.assertEqual({name for name, expected in cases if expected == " []"}, names)

    def test_rules_use_metrics_that_there_are(self):
        made = {row for cells in table(OPERATIONS, "Metrics")
                for row in re.findall(r"`(weir_\w+)`", cells[0])}
        for name in re.findall(r"\bweir_[a-z_]+", read("deploy/prometheus/weir.rules.yaml")):
            self.assertIn(re.sub(r"_(bucket|sum|count)$", "", name), made)
