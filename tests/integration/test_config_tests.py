"""Tests that stand in the configuration: weir test, weir check, a reload and a start."""

import os
import re
import shutil
import tempfile
import xml.etree.ElementTree as ElementTree

from harness import Case, basic_config, rows, weir
from harness.documents import blocks
from harness.tls import Authority

PAGE = "docs/tests-in-the-file.md"


def page(language, about):
    found = [block.text for block in blocks(PAGE) if (block.language, block.about) == (language, about)]
    assert found, (language, about)
    return found


class Folder(Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="weir-tests-")
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, text, name="weir.yaml"):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def weir(self, *arguments):
        return weir(*arguments, cwd=self.folder)


class PageTest(Folder):
    """What docs/tests-in-the-file.md shows of `weir test`."""

    def test_passed(self):
        self.write(page("yaml", "weir")[0])
        done = self.weir("test", "-c", "weir.yaml")
        self.assertEqual((done.returncode, done.stderr, done.stdout), (0, "", page("text", "passed")[0]))

    def test_failed(self):
        text = page("yaml", "weir")[0]
        at = text.index("weight: 90"), text.index("tests:")
        self.assertLess(*at)
        routes = text[:at[1]].replace("weight: 90", "weight: 80").replace("weight: 10}", "weight: 20}")
        self.write(routes + text[at[1]:])
        done = self.weir("test", "-c", "weir.yaml")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertEqual(done.stdout, page("text", "failed")[0])

    def test_the_new_version_passes_its_own(self):
        self.write(page("yaml", "weir")[1])
        self.assertEqual(self.weir("test", "-c", "weir.yaml").returncode, 0)


GOOD = """\
listeners: [{name: http, bind: "127.0.0.1:8080"}]
routes: [{name: all, match: {path_prefix: /a}, respond: {status: 200}}]
tests:
  - {name: it is there, request: {url: /a}, expect: {status: 200}}
  - {name: nothing else, request: {url: /b}, expect: {reason: no_route}}
"""
BAD = GOOD.replace("status: 200}}\n  -", "status: 204}}\n  -")


class CommandTest(Folder):
    def test_junit(self):
        self.write(BAD)
        done = self.weir("test", "-c", "weir.yaml", "--junit", "out.xml")
        self.assertEqual(done.returncode, 1)
        suite = ElementTree.parse(os.path.join(self.folder, "out.xml")).getroot().find("testsuite")
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("errors")), ("2", "1", "0"))
        first, second = suite.findall("testcase")
        self.assertEqual((first.get("name"), first.get("line")), ("it is there", "4"))
        self.assertEqual(first.find("failure").text, "status\n- 204\n+ 200\n")
        self.assertIsNone(second.find("failure"))

    def test_junit_of_what_is_not_valid(self):
        self.write("listeners: []\n")
        done = self.weir("test", "-c", "weir.yaml", "--junit", "out.xml")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("weir.yaml:", done.stderr)
        suite = ElementTree.parse(os.path.join(self.folder, "out.xml")).getroot().find("testsuite")
        self.assertEqual(suite.get("errors"), "1")
        self.assertIn("weir.yaml:", suite.find("testcase").find("error").text)

    def test_junit_that_cannot_be_written(self):
        self.write(GOOD)
        done = self.weir("test", "-c", "weir.yaml", "--junit", "no/such/folder.xml")
        self.assertEqual(done.returncode, 1)
        self.assertIn("weir: test: --junit: no/such/folder.xml: No such file or directory", done.stderr)

    def test_none(self):
        self.write(GOOD[:GOOD.index("tests:")])
        done = self.weir("test", "-c", "weir.yaml")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("there are no tests", done.stdout)

    def test_check_runs_them(self):
        self.write(BAD)
        done = self.weir("check", "weir.yaml")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.splitlines()[0],
                         "weir.yaml:4:5: tests[0]: the test 'it is there' failed: status: expected 204, got 200")
        done = self.weir("check", "--no-tests", "weir.yaml")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_folder_joins_its_tests(self):
        self.write(GOOD, "10.yaml")
        self.write("tests: [{name: more, request: {url: /a/b}, expect: {route: all}}]\n", "20.yaml")
        done = self.weir("test", "-c", ".")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("3 tests, 0 failed", done.stdout)

    def test_a_certificate_of_the_client(self):
        authority = Authority()
        self.addCleanup(authority.close)
        cert, key = authority.issue("gateway", ["x.example"])
        client, _ = authority.issue("client", ["alice.example"], use="clientAuth")
        config = (f'listeners: [{{name: https, bind: "127.0.0.1:0", tls: {{certificates: [{{cert: "{cert}", key: "{key}"}}], '
                  f'client_auth: {{mode: optional, ca: "{authority.path("ca.crt")}"}}}}}}]\n'
                  'routes: [{name: all, match: {}, upstream: app}]\n'
                  'upstreams: {app: {endpoints: [{address: "127.0.0.1:1"}]}}\n'
                  'tests:\n'
                  f'  - {{name: with, request: {{url: "https://x.example/", tls: {{client_cert: "{client}"}}}},\n'
                  '     expect: {request_headers: {x-forwarded-client-cert: {regex: "Hash=[0-9a-f]{64};.*alice.example.*"}}}}\n'
                  '  - {name: without, request: {url: "https://x.example/"},\n'
                  '     expect: {request_headers: {x-forwarded-client-cert: {present: false}}}}\n')
        self.write(config)
        done = self.weir("test", "-c", "weir.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @rows([
        ("an unknown route", "route: al", "tests[0].expect.route: unknown route 'al' (did you mean 'all'?)"),
        ("an unknown upstream", "upstream: al", "tests[0].expect.upstream: unknown upstream 'al'"),
        ("an unknown reason", "reason: no_rout", "tests[0].expect.reason: there is no reason 'no_rout' (did you mean 'no_route'?)"),
        ("an unknown key", "statuss: 200", "tests[0].expect.statuss: unknown key 'statuss' (did you mean 'status'?)"),
        ("nothing", "", "tests[0]: expects nothing; write what is to become of the request in `expect`"),
        ("no status", "status: 99", "tests[0].expect.status: "),
    ])
    def test_a_wrong_expectation(self, expect, told):
        self.write(GOOD.replace("expect: {status: 200}", f"expect: {{{expect}}}"))
        done = self.weir("check", "weir.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertIn(told, done.stderr)

    @rows([
        ("a URL", "url: /a", "url: 'x.example/a'", "tests[0].request.url: 'x.example/a' is neither"),
        ("an address", "url: /a", "url: /a, from: here", "tests[0].request.from: 'here' is not an IP address"),
        ("a listener", "url: /a", "url: /a, listener: htp",
         "tests[0].request.listener: unknown listener 'htp' (did you mean 'http'?)"),
        ("a certificate", "url: /a", "url: /a, tls: {client_cert: none.crt}",
         "tests[0].request.tls.client_cert: cannot read 'none.crt'"),
        ("a name twice", "nothing else", "it is there", "tests[1].name: the name 'it is there' is already taken at"),
    ])
    def test_a_wrong_request(self, old, new, told):
        self.write(GOOD.replace(old, new, 1))
        done = self.weir("check", "weir.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertIn(told, done.stderr)


class RunningTest(Case):
    def config(self, status):
        return basic_config([{"name": "all", "match": {"path_prefix": "/"}, "respond": {"status": status}}],
                            tests=[{"name": "fine", "request": {"url": "/"}, "expect": {"status": 200}}])

    def test_a_reload_that_fails_one_is_refused(self):
        gateway = self.gateway(self.config(200))
        refused = gateway.reload_by_post(self.config(204))
        self.assertEqual(refused.status, 422)
        self.assertRegex(refused.text, r"weir\.yaml:\d+:\d+: tests\[0\]: the test 'fine' failed: status: "
                                       r"expected 200, got 204")
        self.assertEqual(self.fetch(gateway, "/").status, 200)
        # The next one finds everything as it was.
        changed = self.config(200)
        changed["routes"][0]["respond"]["body"] = "new"
        self.assertEqual(gateway.reload_by_post(changed).status, 200)
        self.assertEqual(self.fetch(gateway, "/").body, b"new")

    def test_a_start_only_warns(self):
        gateway = self.gateway(self.config(204))
        self.assertEqual(self.fetch(gateway, "/").status, 204)
        gateway.wait_log("the warning", lambda lines: any(
            re.search(r"tests\[0\]: the test 'fine' failed", line) and " warn " in line for line in lines))
        warnings = gateway.admin("GET", "/status").json()["warnings"]
        self.assertTrue(any("the test 'fine' failed" in one["text"] for one in warnings), warnings)
        # A reload that mends it ends the warning.
        self.assertEqual(gateway.reload_by_post(self.config(200)).status, 200)
        self.assertEqual(gateway.admin("GET", "/status").json()["warnings"], [])

    def test_the_answers_are_those_on_the_wire(self):
        origin = self.origin(lambda c, r: c.reply(200, [], "\n".join(f"{name.lower()}: {value}" for name, value in r.headers)))
        config = basic_config(
            [{"name": "app", "match": {"host": "x.example", "path_prefix": "/a"},
              "request_headers": {"set": {"x-edge": "{route} {upstream}"}}, "rewrite": {"prefix": "/b"},
              "response_headers": {"set": {"x-last": "{host}"}}, "upstream": "app"}], {"app": origin.address},
            tests=[{"name": "it", "request": {"url": "http://x.example/a/7?q=1"}, "expect": {
                "path": "/b/7", "host": "x.example", "response_headers": {"x-last": "x.example"},
                "request_headers": {"x-edge": "app app", "x-forwarded-host": "x.example", "x-real-ip": "127.0.0.1"}}}])
        gateway = self.gateway(config)
        self.assertEqual(gateway.admin("GET", "/status").json()["warnings"], [])
        answer = self.fetch(gateway, "/a/7?q=1", headers={"Host": "x.example"})
        seen = answer.body.decode().splitlines()
        for line in ("x-edge: app app", "x-forwarded-host: x.example", "x-real-ip: 127.0.0.1"):
            self.assertIn(line, seen)
        self.assertEqual(answer.header("x-last"), "x.example")
