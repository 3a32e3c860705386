"""The command line: exits, error lines with place and remedy, and the commands that only look.
interface.md sections 1 and 2."""

import json
import os
import re
import signal
import tempfile

from harness import Case, Gateway, rows, weir

GOOD = """\
version: 1
listeners:
  - {name: http, bind: "127.0.0.1:0"}
  - {name: inside, bind: "127.0.0.1:0"}
middleware:
  office: {ip_filter: {allow: [10.0.0.0/8]}}
routes:
  - name: orders
    match: {host: api.test, path: "/orders/{id}", methods: [GET]}
    split:
      - {upstream: orders-v1, weight: 90}
      - {upstream: orders-v2, weight: 10}
  - name: office
    match: {path: /office}
    middleware: [office]
    upstream: orders-v1
  - {name: ping, match: {path: /ping}, middleware: [{body_limit: {size: 10B}}], respond: {status: 200, body: pong}}
  - {name: page, match: {path: /page}, middleware: [{cors: {origins: ["https://a.test"]}}], respond: {status: 200}}
  - {name: inner, match: {path: /inner, listeners: [inside]}, respond: {status: 200}}
upstreams:
  orders-v1: {endpoints: [{address: "127.0.0.1:1"}]}
  orders-v2: {endpoints: [{address: "127.0.0.1:2"}]}
"""


ROUTES = "; write `routes: [{name: NAME, match: {path_prefix: /}, upstream: NAME}]`"


class CliCase(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = self.write("weir.yaml", GOOD)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def edited(self, old, new):
        self.assertIn(old, GOOD)
        return self.write("weir.yaml", GOOD.replace(old, new, 1))

    def check(self, path=None, **kwargs):
        return weir("check", "-c", path or self.file, **kwargs)


class UsageTest(CliCase):
    @rows([
        ("unknown command", ["fly"]), ("unknown option", ["run", "--fly"]),
        ("explain without url", ["explain", "GET"]), ("explain without anything", ["explain"]),
        ("extra argument", ["version", "extra"]), ("option without value", ["check", "-c"]),
    ])
    def test_wrong_usage(self, arguments):
        done = weir(*arguments)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)

    @rows([("all", ["--help"]), *[(c, [c, "--help"]) for c in (
        "run", "check", "explain", "routes", "demo", "health", "schema", "help", "version")]])
    def test_help(self, arguments):
        done = weir(*arguments)
        self.assertEqual(done.returncode, 0)
        self.assertGreater(len(done.stdout), 50)

    def test_version(self):
        done = weir("version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"\d+\.\d+")
        for word in ("epoll", "yaml", "OpenSSL"):
            self.assertIn(word.lower(), done.stdout.lower())

    def test_schema(self):
        done = weir("schema")
        self.assertEqual(done.returncode, 0)
        schema = json.loads(done.stdout)
        self.assertIn("$schema", schema)
        self.assertLessEqual({"listeners", "routes", "upstreams", "server", "admin"},
                             set(schema["properties"]))

    def test_health_of_nothing(self):
        self.assertEqual(weir("health", "--admin", "127.0.0.1:1").returncode, 1)

    def test_run_with_a_bad_file(self):
        done = weir("run", "-c", self.edited("upstream: orders-v1\n", "upstream: nope\n"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("routes[1].upstream", done.stderr)

    def test_run_without_a_file(self):
        done = weir("run", "-c", os.path.join(self.folder, "none.yaml"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.yaml", done.stderr)


class StdinTest(CliCase):
    """`-c -`: the configuration comes from standard input."""

    @rows([("with -c", ["check", "-c", "-"]), ("as FILE", ["check", "-"]),
           ("routes", ["routes", "-c", "-"]), ("explain", ["explain", "-c", "-", "GET", "/ping"])])
    def test_commands_read_it(self, arguments):
        done = weir(*arguments, stdin=GOOD)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = weir(*arguments, stdin=GOOD.replace("upstream: orders-v1\n", "upstream: nope\n"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^<stdin>:\d+:\d+: routes\[1\]\.upstream: ")

    def test_files_start_at_the_current_folder(self):
        self.write("users", "demo:x\n")
        text = GOOD.replace("{ip_filter: {allow: [10.0.0.0/8]}}", "{basic_auth: {users_file: users}}")
        found = weir("check", "-", stdin=text, cwd=self.folder).stderr
        self.assertNotIn("cannot read", found)
        self.assertIn("cannot read", weir("check", "-", stdin=text, cwd="/").stderr)

    def test_valid_is_told_of_stdin(self):
        self.assertEqual(weir("check", "-", stdin=GOOD).stdout, "<stdin>: valid\n")

    def test_too_much(self):
        done = weir("check", "-", stdin="# " + "x" * (17 << 20))
        self.assertEqual(done.returncode, 1)
        self.assertIn("<stdin>:1:1: the file is larger than 16 MiB", done.stderr)

    def test_run_serves_it_and_cannot_reload(self):
        file = self.write("served.yaml", GOOD.replace(
            "listeners:", 'access_log: {path: off}\nadmin: {bind: "127.0.0.1:0"}\nlisteners:', 1))
        gateway = self.gateway("", names=["http", "inside", "admin"], command=["run", "-c", "-"],
                               stdin=file)
        self.assertEqual(self.fetch(gateway, "/ping").body, b"pong")
        answer = gateway.admin("POST", "/reload")
        self.assertEqual(answer.status, 422)
        words = ("the configuration came from standard input, which cannot be read again; start "
                 "weir with -c FILE to reload")
        self.assertEqual(answer.text, words + "\n")
        gateway.signal(signal.SIGHUP)
        gateway.wait_log("the refusal", lambda lines: sum(
            "reload refused" in line and words in line for line in lines) == 2)
        self.assertEqual(gateway.admin("GET", "/config/diff").status, 422)
        self.assertEqual(self.fetch(gateway, "/ping").body, b"pong")


class CheckTest(CliCase):
    def test_valid(self):
        self.assertEqual(self.check().returncode, 0, self.check())

    def test_file_without_an_option(self):
        done = weir("check", self.file)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, f"{self.file}: valid\n", ""))
        self.assertEqual(weir("check", self.edited("upstream: orders-v1\n", "upstream: x\n")).stderr,
                         self.check().stderr)

    LINE = re.compile(r"^(?:\S*/)?weir\.yaml:(\d+):(\d+): (\S+): (.*)$")

    def errors(self, path):
        done = self.check(path)
        self.assertEqual(done.returncode, 1, done)
        found = []
        for line in (done.stdout + done.stderr).strip().splitlines():
            if line.startswith(" "):  # an excerpt
                continue
            match = self.LINE.match(line)
            self.assertTrue(match, line)
            # Told as editors count, from 1; compared as Python does.
            found.append((int(match[1]) - 1, int(match[2]) - 1, match[3], match[4]))
        return found

    # What is edited, then the key and a word of the message; the place is that of the edited line.
    @rows([
        ("unknown upstream with a suggestion", "upstream: orders-v1, w", "upstream: order-v1, w",
         "routes[0].split[0].upstream", "did you mean 'orders-v1'?"),
        ("unknown key with a suggestion", "middleware: [office]", "midleware: [office]",
         "routes[1].midleware", "did you mean 'middleware'?"),
        ("unknown middleware", "middleware: [office]", "middleware: [ofice]",
         "routes[1].middleware[0]", "did you mean 'office'?"),
        ("unknown listener", "listeners: [inside]", "listeners: [insid]",
         "routes[4].match.listeners[0]", "did you mean 'inside'?"),
        ("bad duration", "path: /office}", "path: /office}\n    timeout: 5 apples",
         "routes[1].timeout", "apples"),
        ("duration without unit", "path: /office}", "path: /office}\n    timeout: 15",
         "routes[1].timeout", "15"),
        ("bad status", "status: 200, body", "status: 99, body", "routes[2].respond.status", "99"),
        ("two actions", "upstream: orders-v1\n", "upstream: orders-v1\n    redirect: {to: /}\n",
         "routes[1]", "exactly one"),
        ("no action", "    upstream: orders-v1\n", "", "routes[1]", "one of upstream"),
        ("bad address", 'address: "127.0.0.1:1"', 'address: "127.0.0.1:99999"',
         "upstreams.orders-v1.endpoints[0].address", "99999"),
        ("no port", 'address: "127.0.0.1:1"', 'address: "127.0.0.1"',
         "upstreams.orders-v1.endpoints[0].address", "port"),
        ("bad CIDR", "[10.0.0.0/8]", "[10.0.0.0/33]", "middleware.office.ip_filter.allow[0]",
         "10.0.0.0/33"),
        ("bad name", "name: ping", "name: 'pi ng'", "routes[2].name", "pi ng"),
        ("name twice", "name: ping", "name: office", "routes[2].name", "office"),
        ("weights of nothing", "weight: 90}\n      - {upstream: orders-v2, weight: 10}",
         "weight: 0}\n      - {upstream: orders-v2, weight: 0}", "routes[0].split", "0"),
        ("unknown variable", "body: pong", "body: '{clent_ip}'", "routes[2].respond.body",
         "client_ip"),
        ("bad regex", "path: /office}", "path_regex: '/(x'}", "routes[1].match.path_regex", ""),
        ("two kinds of path", "path: /office}", "path: /office, path_prefix: /}",
         "routes[1].match.path_prefix", "path"),
        ("future key", "version: 1\n", "version: 1\nproviders: {consul: {}}\n", "providers.consul",
         "not supported by this version"),
        ("a collector of gRPC", "version: 1\n",
         'version: 1\ntracing: {otlp: {endpoint: "http://127.0.0.1:4317"}}\n',
         "tracing.otlp.endpoint", "4318"),
        ("a collector without a scheme", "version: 1\n",
         'version: 1\ntracing: {otlp: {endpoint: "127.0.0.1:4318"}}\n',
         "tracing.otlp.endpoint", "http://HOST:PORT"),
        ("the path of traces", "version: 1\n",
         'version: 1\ntracing: {otlp: {endpoint: "http://a:4318/v1/traces"}}\n',
         "tracing.otlp.endpoint", "leave out /v1/traces"),
        ("a header of ours", "version: 1\n",
         'version: 1\ntracing: {otlp: {headers: {content-type: a}}}\n',
         "tracing.otlp.headers.content-type", "set by the gateway"),
        ("the name as an attribute", "version: 1\n",
         'version: 1\ntracing: {attributes: {service.name: a}}\n',
         "tracing.attributes.service.name", "service"),
        ("a share of a route", "name: ping", "tracing: {sample: 5}, name: ping",
         "routes[2].tracing.sample", "5"),
        ("future middleware", "{ip_filter: {allow: [10.0.0.0/8]}}", "{compress: {}}",
         "middleware.office.compress", "not supported by this version"),
        ("future http3", 'name: http, bind: "127.0.0.1:0"',
         'name: http, bind: "127.0.0.1:0", http3: {}', "listeners[0].http3",
         "not supported by this version"),
        ("unset variable", "body: pong", "body: '${WEIR_TEST_UNSET}'", "routes[2].respond.body",
         "WEIR_TEST_UNSET"),
        ("camel case", "listeners: [inside]", "listeners: [inside], pathPrefix: /",
         "routes[4].match.pathPrefix", "path_prefix"),
        ("wrong version", "version: 1", "version: 2", "version", "1"),
        ("a list where a value belongs", "name: ping", "name: [ping]", "routes[2].name", ""),
        ("a mapping where a list belongs", "middleware: [office]", "middleware: {office: {}}",
         "routes[1].middleware", "list"),
    ])
    def test_error(self, old, new, key, words):
        path = self.edited(old, new)
        with open(path, encoding="utf-8") as file:
            text = file.read().splitlines()
        found = self.errors(path)
        self.assertEqual(len(found), 1, found)
        line, column, where, message = found[0]
        self.assertEqual(where, key)
        self.assertIn(words, message)
        changed = {number for number, (a, b) in enumerate(
            zip(text + [""], GOOD.splitlines() + [""])) if a != b} or {len(text)}
        self.assertGreaterEqual(line, min(changed) - 4, (line, changed))
        self.assertLess(line, len(text))
        self.assertLess(column, len(text[line]) + 1)

    def test_exact_place(self):
        path = self.edited("upstream: orders-v1\n", "upstream: order-v1\n")
        lines = open(path, encoding="utf-8").read().splitlines()
        number = next(i for i, line in enumerate(lines) if "order-v1" in line and "{" not in line)
        self.assertEqual(self.errors(path), [
            (number, lines[number].index("order-v1"), "routes[1].upstream",
             "unknown upstream 'order-v1' (did you mean 'orders-v1'?)")])

    def test_all_errors_at_once(self):
        path = self.write("weir.yaml", GOOD.replace("name: ping", "nam: ping").replace(
            "upstream: orders-v1\n", "upstream: nope\n").replace("10.0.0.0/8", "10/8"))
        self.assertGreaterEqual(len(self.errors(path)), 3)

    def lines(self, text):
        done = self.check(self.write("weir.yaml", text))
        self.assertEqual(done.returncode, 1, done)
        return [line[line.index("weir.yaml"):] for line in done.stderr.splitlines()
                if not line.startswith(" ")]

    def test_expressions_and_certificates_beside_other_errors(self):
        self.assertEqual([line.split(": ")[:2] for line in self.lines("""\
listeners:
  - {name: http, bind: "127.0.0.1:0", tls: {certificates: [{cert: no.crt, key: no.key}]}}
  - {name: half, bind: "127.0.0.1:0", tls: {certificates: [{cert: no.crt}]}}
routes:
  - name: a
    match: {path_regex: "(", headers: {x: {regex: "["}}, query: {y: {regex: "*"}}}
    timeout: 5
    upstream: u
upstreams:
  u: {endpoints: [{address: "127.0.0.1:1"}], tls: {ca: no.ca}}
""")], [["weir.yaml:2:67", "listeners[0].tls.certificates[0].cert"],
        ["weir.yaml:2:80", "listeners[0].tls.certificates[0].key"],
        ["weir.yaml:3:60", "listeners[1].tls.certificates[0]"],
        ["weir.yaml:6:25", "routes[0].match.path_regex"],
        ["weir.yaml:6:51", "routes[0].match.headers.x.regex"],
        ["weir.yaml:6:77", "routes[0].match.query.y.regex"],
        ["weir.yaml:7:14", "routes[0].timeout"],
        ["weir.yaml:10:56", "upstreams.u.tls.ca"]])

    def test_keys_beside_other_errors(self):
        self.write("keys.json", '{"keys": []}')
        self.assertEqual([line.split(": ")[1] for line in self.lines("""\
listeners: [{name: http, bind: "127.0.0.1:0"}]
middleware: {m: {jwt: {issuers: [{issuer: a, algorithms: [ES256], keys: {jwks_file: keys.json}}]}}}
routes: [{name: a, match: {}, middleware: [m], timeout: 5, respond: {}}]
""")], ["middleware.m.jwt.issuers[0].keys", "routes[0].timeout"])

    def test_the_place_of_a_log_that_cannot_be_opened(self):
        path = self.write("weir.yaml", GOOD + "access_log: {path: none/access.log}\nadmin: off\n")
        done = weir("run", "-c", path)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, rf"(?m)weir\.yaml:{GOOD.count(chr(10)) + 1}:20: access_log\.path: "
                                      r"cannot open")

    # One mistake is one line.
    @rows([
        ("routes: nothing", "routes:", "weir.yaml:2:1: routes: expected a list, got nothing" + ROUTES),
        ("routes: a mapping", "routes: {}", "weir.yaml:2:9: routes: expected a list, got a mapping" + ROUTES),
        ("a route that is text", "routes: [x]",
         "weir.yaml:2:10: routes[0]: expected a mapping, got text; write `{name: NAME, match: "
         "{path_prefix: /}, upstream: NAME}`"),
        ("an unsigned algorithm", "routes: [{name: a, match: {}, respond: {}, middleware: [{jwt: "
         "{issuers: [{issuer: a, algorithms: [none], keys: {jwks_url: 'https://a/'}}]}}]}]",
         "weir.yaml:2:99: routes[0].middleware[0].jwt.issuers[0].algorithms[0]: 'none' is not an "
         "algorithm: unsigned tokens are never accepted"),
    ])
    def test_one_line(self, text, line):
        found = self.lines('listeners: [{name: http, bind: "127.0.0.1:0"}]\n' + text + "\n")
        self.assertEqual(found, [line])

    def test_listeners_that_are_no_list(self):
        self.assertEqual(self.lines(re.sub(r"listeners:\n(  - .*\n)+", "listeners: {}\n",
                                           GOOD.replace(", listeners: [inside]", ""))),
                         ["weir.yaml:2:12: listeners: expected a list, got a mapping; write "
                          '`listeners: [{name: http, bind: "0.0.0.0:8080"}]`'])

    @rows([(key, key) for key in ("etcd", "consul", "kubernetes")])
    def test_not_yet(self, key):
        found = self.lines(GOOD.replace('"127.0.0.1:2"}]', f'"127.0.0.1:2"}}], {key}: {{}}'))
        self.assertEqual(len(found), 1, found)
        self.assertIn(f"'{key}' is not supported by this version", found[0])

    @rows([("duplicate key", "version: 1", "version: 1\nversion: 1"),
           ("merge key", "{ip_filter: {allow: [10.0.0.0/8]}}", "{<<: {ip_filter: {}}}"),
           ("not YAML", "routes:", "routes: ]["), ("tab", "  - name: orders", "\t- name: orders")])
    def test_yaml(self, old, new):
        done = self.check(self.edited(old, new))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout + done.stderr, r"weir\.yaml:\d+:\d+: ")

    def test_a_value_with_braces_in_a_flow_mapping(self):
        done = self.check(self.edited('path: "/orders/{id}"', "path: /orders/{id}"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs quotes", done.stderr)

    @rows([("listeners", "listeners"), ("routes", "routes")])
    def test_required(self, key):
        text = re.sub(rf"(?m)^{key}:\n(  .*\n)+", "", GOOD)
        done = self.check(self.write("weir.yaml", text))
        self.assertEqual(done.returncode, 1)
        self.assertIn(key, done.stdout + done.stderr)

    def test_environment(self):
        path = self.edited("body: pong", "body: '${WEIR_TEST_BODY}-${WEIR_TEST_NONE:-else}$x'")
        self.assertEqual(self.check(path, env={"WEIR_TEST_BODY": "a: [b"}).returncode, 0)

    def test_anchors(self):
        path = self.edited("allow: [10.0.0.0/8]", "allow: &nets [10.0.0.0/8], deny: *nets")
        self.assertEqual(self.check(path).returncode, 0)

    def test_folder(self):
        os.unlink(self.file)
        head, upstreams = GOOD.split("upstreams:\n")
        self.write("10-main.yaml", head)
        self.write("20-more.yaml", "upstreams:\n" + upstreams
                   + "routes:\n  - {name: more, match: {path: /more}, respond: {status: 200}}\n")
        self.write("notes.txt", "not: [yaml")
        self.assertEqual(self.check(self.folder).returncode, 0, self.check(self.folder))
        self.assertIn("more", weir("routes", "-c", self.folder).stdout)
        self.write("30-again.yaml",
                   "routes:\n  - {name: more, match: {path: /x}, respond: {status: 200}}\n")
        done = self.check(self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout + done.stderr, r"30-again\.yaml:\d+:\d+: ")


class LookingTest(CliCase):
    def test_routes(self):
        done = weir("routes", "-c", self.file)
        self.assertEqual(done.returncode, 0)
        for word in ("orders", "office", "ping", "inner", "/orders/{id}", "api.test"):
            self.assertIn(word, done.stdout)
        self.assertLess(done.stdout.index("api.test"), done.stdout.index("/ping"))

    @rows([
        ("routed", ["GET", "http://api.test/orders/7"], 0, ["orders", "orders-v1", "90"]),
        ("path alone", ["GET", "/ping"], 0, ["ping"]),
        ("no route", ["GET", "http://api.test/nothing"], 3, ["no_route"]),
        ("method", ["DELETE", "http://api.test/orders/7"], 3, ["method_not_allowed"]),
        ("other listener", ["GET", "/inner"], 3, []),
        ("its listener", ["GET", "/inner", "--listener", "inside"], 0, ["inner"]),
        ("refused by a middleware", ["GET", "/office", "--from", "1.2.3.4"], 3, ["ip_denied"]),
        ("let through", ["GET", "/office", "--from", "10.2.3.4"], 0, ["office"]),
        ("content too long", ["POST", "/ping", "-H", "Content-Length: 11"], 3, ["body_too_large"]),
        ("content that fits", ["POST", "/ping", "-H", "Content-Length: 10"], 0, ["10 bytes"]),
        ("host by header", ["GET", "/orders/7", "-H", "Host: api.test"], 0, ["orders"]),
        ("bad path", ["GET", "/%00"], 3, ["bad_request"]),
        ("a preflight", ["OPTIONS", "/page", "-H", "Origin: https://a.test", "-H",
                         "Access-Control-Request-Method: GET"], 0, ["preflight, answered here"]),
        ("a preflight of a stranger", ["OPTIONS", "/page", "-H", "Origin: https://b.test", "-H",
                                       "Access-Control-Request-Method: GET"], 0, ["not allowed"]),
        ("a path has no host", ["GET", "/orders/7"], 3, ["no_route", "it has no host"]),
        ("path parameters", ["GET", "http://api.test/orders;a/7%3Bb"], 0,
         ["/orders;a/7%3Bb", "/orders/7 (path parameters do not count"]),
        ("a handshake", ["GET", "http://api.test/orders/7", "-H", "Upgrade: websocket"], 0,
         ["the route has no `upgrades: [websocket]`"]),
    ])
    def test_explain(self, arguments, code, words):
        done = weir("explain", "-c", self.file, *arguments)
        self.assertEqual(done.returncode, code, done)
        for word in words:
            self.assertIn(word, done.stdout)

    def test_explain_as_json(self):
        done = weir("explain", "-c", self.file, "--json", "GET", "http://api.test/orders/7")
        self.assertEqual(done.returncode, 0)
        self.assertIn("orders-v1", json.dumps(json.loads(done.stdout)))


class SignalTest(Case):
    def test_the_demo_is_not_upgraded(self):
        gateway = Gateway("", names=["http", "admin"], command=[
            "demo", "--bind", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        self.addCleanup(gateway.close)
        gateway.start()
        start = len(gateway.lines)
        gateway.signal(signal.SIGUSR2)
        gateway.wait_log("a refusal", lambda lines: any(
            "upgrade refused" in line and "weir demo" in line for line in lines), start=start)
        self.assertEqual(gateway.admin("GET", "/readyz").status, 200)
