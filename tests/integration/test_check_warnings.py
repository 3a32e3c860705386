"""What `weir check` finds suspicious: each warning has a name, and a comment with it switches it off."""

import os
import shutil
import tempfile

from harness import Authority, Case, rows, weir

BASE = """\
listeners: [{name: http, bind: "127.0.0.1:8080"}]
routes:
  - {name: r, match: {path_prefix: /a}, upstream: app}
upstreams:
  app: {endpoints: [{address: "10.0.0.1:80"}]}
  other: {endpoints: [{address: "10.0.0.2:80"}]} # weir: allow unused-upstream
"""


class WarningsTest(Case):
    def check(self, text):
        folder = tempfile.mkdtemp(prefix="weir-warnings-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "weir.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = weir("check", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line for line in done.stderr.splitlines() if line.startswith("warning: ")]

    def test_nothing_to_say(self):
        self.assertEqual(self.check(BASE), [])

    @rows([
        ("a route that another hides", "dead-route", "  - {name: r,",
         "  - {name: first, match: {path_prefix: /a}, upstream: app}\n  - {name: r,"),
        ("a share of 0", "zero-weight", "upstream: app}",
         "split: [{upstream: app}, {upstream: other, weight: 0}]}"),
        ("an endpoint of 0", "zero-weight", '{address: "10.0.0.1:80"}',
         '{address: "10.0.0.1:80"}, {address: "10.0.0.3:80", weight: 0}'),
        ("no time limit", "no-time-limit", "upstream: app}", "timeout: 0, upstream: app}"),
        ("no limit of silence", "no-time-limit", "upstream: app}", "stream_idle_timeout: 0, upstream: app}"),
        ("an open admin address", "admin-without-token", "upstreams:", 'admin: {bind: "0.0.0.0:9901"}\nupstreams:'),
        ("a key that a client chooses", "client-chosen-key", "upstream: app}",
         "middleware: [{concurrency_limit: {limit: 5, key: {header: x-tenant}}}], upstream: app}"),
        ("an expression for a prefix", "plain-regex", "path_prefix: /a", "path_regex: '/a/.*'"),
    ])
    def test_warning(self, name, old, new):
        text = BASE.replace(old, new, 1)
        if "other, weight" in new:
            text = text.replace(" # weir: allow unused-upstream", "")
        else:
            self.assertIn("unused-upstream", text)
        told = self.check(text)
        self.assertEqual(len(told), 1, told)
        self.assertTrue(told[0].endswith(f" [{name}]"), told)
        # Its line and column count from 1.
        at = int(told[0].split("weir.yaml:")[1].split(":")[0])
        lines = text.splitlines()
        lines[at - 1] += f" # weir: allow {name}"
        self.assertEqual(self.check("\n".join(lines) + "\n"), [])

    @rows([("soon", 13, ["certificate-ends-soon"]), ("later", 20, [])])
    def test_a_certificate_near_its_end(self, days, names):
        authority = Authority()
        self.addCleanup(authority.close)
        cert, key = authority.issue("x", ["x.example"], days=days)
        told = self.check(BASE.replace('"127.0.0.1:8080"}',
                                       f'"127.0.0.1:8080", tls: {{certificates: [{{cert: "{cert}", key: "{key}"}}]}}}}'))
        self.assertEqual([line.rsplit("[", 1)[1].rstrip("]") for line in told], names)
