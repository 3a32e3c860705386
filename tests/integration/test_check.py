"""What `weir check` says of wrong configurations: docs/check.md shows the whole output for each file of
wrong_configs. WEIR_WRITE_CHECK_PAGE=1 writes the outputs into the page instead of comparing them."""

import json
import os
import pty
import re
import select
import subprocess
import tempfile
import time

from harness import Case, rows, weir
from harness.documents import ROOT, read
from harness.gateway import binary

FOLDER = os.path.join(ROOT, "tests", "integration", "wrong_configs")
PAGE = "docs/check.md"
BLOCK = re.compile(r"(?ms)^```text check (\S+)\n(.*?)^```$")
LINE = re.compile(r"(?m)^(?:warning: )?[\w.-]+\.yaml:\d+:\d+: ")
GOOD = """\
listeners: [{name: http, bind: "127.0.0.1:8080"}]
routes: [{name: r, match: {path_prefix: /}, upstream: app}]
upstreams:
  app: {endpoints: [{address: "10.0.0.1:80"}]}
"""


def names():
    return sorted(name.removesuffix(".yaml") for name in os.listdir(FOLDER))


def output(name):
    done = weir("check", "-c", f"{name}.yaml", cwd=FOLDER)
    assert done.returncode in (0, 1), done
    return done.stdout + done.stderr if done.returncode else done.stderr


class PageTest(Case):
    @classmethod
    def setUpClass(cls):
        if os.environ.get("WEIR_WRITE_CHECK_PAGE"):
            text = BLOCK.sub(lambda found: f"```text check {found[1]}\n{output(found[1])}```",
                             read(PAGE))
            with open(os.path.join(ROOT, PAGE), "w", encoding="utf-8") as file:
                file.write(text)

    def test_the_page_shows_each_file_once(self):
        shown = [name for name, _ in BLOCK.findall(read(PAGE))]
        self.assertEqual(sorted(shown), names())
        self.assertGreaterEqual(len(shown), 30)

    @rows([(name, name) for name in names()])
    def test_output(self, name):
        shown = dict(BLOCK.findall(read(PAGE)))
        self.assertEqual(output(name), shown.get(name))

    def test_each_mistake_is_one_message(self):
        for name, text in BLOCK.findall(read(PAGE)):
            with self.subTest(name=name):
                self.assertEqual(len(LINE.findall(text)), 1, text)

    def test_no_words_of_the_yaml_library(self):
        for words in ("map value", "end of map", "illegal", "unknown token", "not found"):
            self.assertNotIn(words, "".join(text for _, text in BLOCK.findall(read(PAGE))))

    # With a remedy for each: that is what a program reads beside the message.
    @rows([(name, name) for name in names()])
    def test_json(self, name):
        done = weir("check", "-c", f"{name}.yaml", "--json", cwd=FOLDER)
        self.assertEqual(done.stderr, "")
        told = json.loads(done.stdout)
        self.assertEqual(told["file"], f"{name}.yaml")
        self.assertEqual(told["valid"], done.returncode == 0)
        problem, = told["problems"]
        place = f"{problem['file']}:{problem['line']}:{problem['column']}: "
        key = f"{problem['key']}: " if problem["key"] else ""
        start = "warning: " if problem["severity"] == "warning" else ""
        end = f" [{problem['name']}]" if problem["name"] else ""
        line = output(name).splitlines()[0]
        self.assertEqual(line, start + place + key + problem["message"] + end)
        if name in ("unknown-key", "allowed"):
            self.assertIsNone(problem["remedy"])
        else:
            self.assertIn(problem["remedy"], problem["message"])


class CheckCase(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-check-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def check(self, text, *options):
        with open(os.path.join(self.folder, "weir.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        return weir("check", "-c", "weir.yaml", *options, cwd=self.folder)

    def told(self, text):
        done = self.check(text)
        return [line for line in done.stderr.splitlines() if re.match(r"(warning: )?weir\.yaml:", line)]


class ExcerptTest(CheckCase):
    def excerpt(self, text):
        lines = self.check(text).stderr.splitlines()
        self.assertEqual(len(lines), 3, lines)
        at = lines[1].index("| ") + 2
        self.assertEqual(lines[2][:at].strip(), "|")
        self.assertTrue(lines[2].rstrip().endswith("^"), lines)
        return lines[0], lines[1][at:], lines[2][at:].rstrip().index("^")

    def test_under_the_place(self):
        _, line, caret = self.excerpt(GOOD.replace("upstream: app", "upstream: ap"))
        self.assertEqual(line[caret:], "ap}]")

    def test_a_tab_before_it(self):
        _, line, caret = self.excerpt(GOOD.replace("upstream: app", "upstream:\t\tap"))
        self.assertEqual(line[caret:], "ap}]")
        self.assertNotIn("\t", line)

    def test_wide_characters_before_it(self):
        first, line, caret = self.excerpt(GOOD.replace("upstream: app}]", """upstream: app},
  {name: s, match: {path: /s}, respond: {body: "東京é", statu: 200}}]"""))
        before = line[:line.rindex("statu")]
        self.assertEqual(caret, len(before) + 2)  # two columns each for the two wide ones
        self.assertEqual(int(first.split(":")[2]), len(before) + 1)  # counted in characters

    def test_a_long_line_is_cut(self):
        for pad in (10, 5000):
            long = "x" * pad
            _, line, caret = self.excerpt(GOOD.replace(
                "upstream: app}", f"request_headers: {{set: {{a: {long}}}}}, upstream: ap, "
                                  f"response_headers: {{set: {{b: {long}}}}}}}"))
            self.assertLess(len(line), 120)
            self.assertTrue(line[caret:].startswith("ap,"), line)

    def test_no_secret_is_shown(self):
        done = self.check(GOOD + """middleware:
  login:
    jwt:
      issuers:
        - {issuer: a, algorithms: [HS256], keys: {secret: "hunter2 and more"}}
""")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("****", done.stderr)
        self.assertNotIn("hunter2", done.stderr)

    def test_no_control_character_is_shown(self):
        done = self.check(GOOD.replace("upstream: app", 'timeout: "1\x1b[31m"'))
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("\x1b", done.stderr)

    def terminal(self, **more):
        self.check(GOOD.replace("upstream: app", "upstream: ap"))
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", **more}
        if "NO_COLOR" not in more:
            environment.pop("NO_COLOR", None)
        process = subprocess.Popen([binary(), "check", "-c", "weir.yaml"], cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
        os.close(theirs)
        text, deadline = b"", time.monotonic() + 20
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            text += piece
        os.close(ours)
        self.assertEqual(process.wait(20), 1)
        return text.decode()

    def test_colour_on_a_terminal(self):
        self.assertIn("\x1b[", self.terminal())
        self.assertNotIn("\x1b[", self.terminal(NO_COLOR="1"))
        self.assertNotIn("\x1b[", self.check(GOOD.replace("upstream: app", "upstream: ap")).stderr)


class AllowTest(CheckCase):
    SPARE = '  spare: {endpoints: [{address: "10.0.0.2:80"}]}'

    @rows([
        ("at the line", SPARE + "  # weir: allow unused-upstream\n", []),
        ("alone above it", "  # weir: allow unused-upstream\n" + SPARE + "\n", []),
        ("above other comments",
         "  # weir: allow unused-upstream\n  # of last year\n\n" + SPARE + "\n", []),
        ("among others", SPARE + "  # weir: allow dead-route, unused-upstream\n", ["unused-allow"]),
        ("another name", SPARE + "  # weir: allow dead-route\n",
         ["unused-upstream", "unused-allow"]),
        ("another line", "# weir: allow unused-upstream\n" + "  # x\n  used: {endpoints: [{address: "
         "\"10.0.0.3:80\"}]}\n" + SPARE + "\n", ["unused-upstream"]),
        ("a name that is none", SPARE + "  # weir: allow unused-upstreams\n",
         ["unused-upstream", "unknown-allow"]),
        ("no name", SPARE + "  # weir: allow\n", ["unused-upstream", "unknown-allow"]),
        ("within quotes", SPARE.replace("10.0.0.2:80", "unix:a # weir: allow unused-upstream") + "\n",
         ["unused-upstream"]),
        ("another comment", SPARE + "  # weir: allowed is unused-upstream\n", ["unused-upstream"]),
    ])
    def test_allow(self, text, left):
        found = [re.search(r"\[([\w-]+)\]$", line)[1] for line in self.told(GOOD + text)]
        self.assertEqual(found, left)

    def test_an_error_is_not_allowed(self):
        done = self.check(GOOD.replace("upstream: app", "upstream: ap").replace(
            "routes:", "# weir: allow unused-upstream\nroutes:"))
        self.assertEqual(done.returncode, 1)

    def test_in_run_and_in_a_reload(self):
        text = (GOOD.replace("8080", "0") + self.SPARE
                + '%s\nadmin: {bind: "127.0.0.1:0"}\n')
        gateway = self.gateway(text % "", names=["http", "admin"])
        self.assertTrue(any("[unused-upstream]" in line for line in gateway.lines), gateway.lines)
        start = len(gateway.lines)
        gateway.reload_by_signal(text % "  # weir: allow unused-upstream")
        gateway.wait_log("the reload", lambda lines: any("reloaded" in line for line in lines),
                         start=start)
        self.assertFalse(any("unused" in line for line in gateway.lines[start:]), gateway.lines)

    def test_in_json(self):
        told = json.loads(self.check(GOOD + self.SPARE + "\n", "--json").stdout)
        self.assertEqual((told["valid"], [each["name"] for each in told["problems"]]),
                         (True, ["unused-upstream"]))
        told = json.loads(self.check(GOOD + self.SPARE + "  # weir: allow unused-upstream\n",
                                     "--json").stdout)
        self.assertEqual(told["problems"], [])


class ScalarTest(CheckCase):
    # One value is a list of it.
    @rows([(part, part) for part in (
        "match: {methods: GET}", "match: {listeners: http}", "match: {}, middleware: office",
        "match: {}, upgrades: websocket", "match: {}, middleware: [{cors: {origins: '*'}}]",
        "match: {}, request_headers: {remove: x-debug}",
    )])
    def test_a_route(self, part):
        done = self.check(GOOD.replace("match: {path_prefix: /}", part)
                          + "middleware: {office: {ip_filter: {allow: 10.0.0.0/8}}}\n"
                          + "trusted_proxies: 10.0.0.1\n")
        self.assertEqual(done.returncode, 0, done)

    def test_they_are_in_force(self):
        text = GOOD.replace("match: {path_prefix: /}", "match: {path_prefix: /, methods: GET}")
        self.check(text)
        done = weir("routes", "-c", "weir.yaml", cwd=self.folder)
        self.assertIn("GET", done.stdout)


class PlacesTest(CheckCase):
    @rows([
        ("htpasswd", "users.htpasswd", "ann:{SHA}x\n\nbob\n", "basic_auth: {users_file: F}",
         ["line 1, column 5", "line 3, column 1"]),
        ("keys_file", "partners.keys", "# ours\nacme: a b\n", "api_key: {keys_file: F}",
         ["line 2, column 7"]),
    ])
    def test_embedded_files(self, name, content, middleware, places):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(content)
        found = self.told(GOOD.replace("upstream: app", "middleware: [{%s}], upstream: app"
                                       % middleware.replace("F", name)))
        self.assertEqual(len(found), len(places), found)
        for line, place in zip(found, places):
            self.assertIn(f"'{name}' {place}: ", line)
