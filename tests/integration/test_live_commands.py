"""The commands that ask a running gateway: each against the real one, its table, its JSON, its exit
code, and what it says when it cannot be done."""

import json
import os
import pty
import re
import subprocess
import tempfile

from harness import Case, basic_config, rows, wait_until, weir
from harness.gateway import binary
from harness.waiting import bound

ROUTES = [
    {"name": "shop", "match": {"path_prefix": "/shop"},
     "split": [{"upstream": "v1", "weight": 90}, {"upstream": "v2", "weight": 10}]},
    {"name": "ping", "match": {"path": "/ping"}, "respond": {"status": 200, "body": "pong"}},
    {"name": "broken", "match": {"path": "/broken"}, "respond": {"status": 503}},
]


class LiveCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.v1 = cls.shared_origin(lambda connection, _: connection.reply(200, body=b"v1"))
        cls.v2 = cls.shared_origin(lambda connection, _: connection.reply(200, body=b"v2"))
        cls.weir = cls.shared_gateway(cls.config())

    @classmethod
    def config(cls, **more):
        return basic_config(ROUTES, {"v1": cls.v1.address, "v2": {
            "endpoints": [{"address": cls.v2.address}], "circuit_breaker": {}}}, **more)

    def place(self, gateway=None):
        address = (gateway or self.weir).addresses["admin"]
        return "unix:" + address if isinstance(address, str) else "%s:%d" % address

    def ask(self, *arguments, gateway=None, **kwargs):
        return weir(*arguments, "--admin", self.place(gateway), **kwargs)

    def done(self, *arguments, **kwargs):
        """What a command that succeeds prints."""
        done = self.ask(*arguments, **kwargs)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        if "--json" not in arguments:
            for line in done.stdout.splitlines():
                self.assertLessEqual(len(line), 100, line)
        return done.stdout

    def failed(self, code, *arguments, **kwargs):
        """The line of one that does not."""
        done = self.ask(*arguments, **kwargs)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr

    @staticmethod
    def table(text):
        """Rows as dictionaries: columns begin, or end, where their headings do."""
        lines = text.split("\n\n")[0].splitlines()
        names = re.split(r" {2,}", lines[0].strip())
        return [dict(zip(names, re.split(r" {2,}", line.strip()))) for line in lines[1:]]


class StatusTest(LiveCase):
    def test_people(self):
        text = self.done("status")
        self.assertRegex(text.splitlines()[0],
                         r"^weir \d+\.\d+\.\d+ at \S+ \(--admin\): ready, up \d+ \w+")
        for name in ("configuration", "requests", "connections", "saturation", "log level"):
            self.assertRegex(text, rf"(?m)^{name} +\S")
        self.assertIn("generation 1, not reloaded since the start", text)
        self.assertRegex(text, rf"(?m)^http +127\.0\.0\.1:{self.weir.port()} +\d+$")
        self.assertNotIn("\x1b", text)

    def test_json_is_the_answer(self):
        status = json.loads(self.done("status", "--json"))
        answer = self.weir.admin("GET", "/status").json()
        self.assertEqual(set(status), set(answer))
        self.assertEqual(set(status), {
            "version", "pid", "state", "why_not_ready", "started", "uptime_seconds", "generation",
            "last_reload", "rolled_back_to", "upgrade", "listeners", "connections", "requests",
            "saturation",
            "load_shed", "log", "warnings"})
        self.assertEqual(status["pid"], self.weir.process.pid)
        self.assertEqual((status["state"], status["why_not_ready"]), ("ready", ""))
        self.assertRegex(status["started"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(len(status["saturation"]["workers"]), 2)
        self.assertEqual(status["log"],
                         {"level": "info", "file_level": "info", "seconds_left": None,
                          "components": {}})

    def test_requests_and_connections_are_counted(self):
        gateway = self.gateway(self.config())
        client = self.client(gateway)
        for _ in range(20):
            client.request("GET", "/ping")
            self.assertEqual(client.read_response().status, 200)
        self.assertEqual(self.fetch(gateway, "/broken").status, 503)
        self.assertEqual(self.fetch(gateway, "/nothing").status, 404)

        def counted():
            status = gateway.admin("GET", "/status").json()
            return status if status["requests"]["total"] == 22 else None
        status = wait_until("22 requests", counted)
        rates = status["requests"]["per_second"]
        self.assertGreater(rates["all"], 0)
        self.assertAlmostEqual(rates["server_errors"] / rates["all"], 1 / 22, 2)
        self.assertAlmostEqual(rates["refused"] / rates["all"], 1 / 22, 2)
        listener, = status["listeners"]
        self.assertEqual(listener["addresses"], [f"127.0.0.1:{gateway.port()}"])
        wait_until("one connection", lambda: gateway.admin(
            "GET", "/status").json()["listeners"][0]["connections"] == 1)
        self.assertRegex(self.done("status", gateway=gateway), r"(?m)^requests +\d.* 22 in all$")

    def test_draining(self):
        gateway = self.gateway(self.config())
        self.assertIn("draining", self.done("drain", gateway=gateway))
        self.assertEqual(gateway.admin("GET", "/readyz").status, 503)
        self.assertIn("): draining, up", self.done("status", gateway=gateway))
        self.assertEqual(json.loads(self.done("status", "--json", gateway=gateway))["state"],
                         "draining")
        self.assertIn("not draining", self.done("undrain", gateway=gateway))
        self.assertEqual(gateway.admin("GET", "/readyz").status, 200)

    def test_warnings(self):
        gateway = self.gateway(self.config())
        self.assertEqual(gateway.admin("GET", "/status").json()["warnings"], [])
        self.done("split", "shop", "v1=1", "v2=1", gateway=gateway)
        self.done("endpoint", "v1", self.v1.address, "drain", gateway=gateway)
        self.done("breaker", "v2", "open", gateway=gateway)
        self.done("log-level", "error", "--for", "1h", gateway=gateway)
        gateway.write("version: 1\nlisteners: []\n")
        self.assertEqual(gateway.admin("POST", "/reload").status, 422)
        status = gateway.admin("GET", "/status").json()
        names = {warning["name"] for warning in status["warnings"]}
        self.assertEqual(names, {"set_by_hand", "endpoint_out", "circuit_open", "log_level",
                                 "reload_refused"})
        self.assertFalse(status["last_reload"]["successful"])
        self.assertTrue(status["last_reload"]["problems"])
        text = self.ask("status", gateway=gateway).stdout
        self.assertEqual(text.count("warning: "), len(status["warnings"]))
        self.assertIn("a reload was refused at", text)
        self.assertRegex(text, r"(?m)^log level +error for \d.* more, the file has info$")


class UpstreamsTest(LiveCase):
    def test_people(self):
        table = self.table(self.done("upstreams"))
        self.assertEqual(table[0]["UPSTREAM"], "v1")
        text = self.done("upstreams", "v2")
        row, = self.table(text)
        self.assertEqual((row["UPSTREAM"], row["BREAKER"], row["ENDPOINT"], row["STATE"],
                          row["WEIGHT"]), ("v2", "closed", self.v2.address, "ready", "1"))

    def test_json_is_the_answer(self):
        every = json.loads(self.done("upstreams", "--json"))
        self.assertEqual([one["name"] for one in every], ["v1", "v2"])
        self.assertEqual(every, self.weir.admin("GET", "/upstreams").json())
        self.assertEqual(json.loads(self.done("upstreams", "v2", "--json")), every[1])

    def test_why_one_is_out(self):
        gateway = self.gateway(basic_config(upstreams={"main": ["127.0.0.1:1", self.v1.address]}))
        self.assertEqual(self.fetch(gateway, "/").status, 200)
        self.assertEqual(self.fetch(gateway, "/").status, 200)
        text = self.done("upstreams", gateway=gateway)
        self.assertIn("failing", text)
        self.assertRegex(text, r"(?m)^main 127\.0\.0\.1:1: connect failed: \S+, next try in \d+ s$")
        self.done("endpoint", "main", self.v1.address, "down", "--weight", "7", gateway=gateway)
        text = self.done("upstreams", gateway=gateway)
        self.assertIn(f"main {self.v1.address}: weight 7 by hand, the file has 1", text)
        self.assertRegex(text, r"down +7 ")

    def test_unknown(self):
        self.assertIn("no upstream 'v3' (did you mean 'v", self.failed(3, "upstreams", "v3"))
        self.assertIn("no upstream 'other-name' (known: v1, v2)",
                      self.failed(3, "upstreams", "other-name"))


class RoutesTest(LiveCase):
    def test_people_and_json(self):
        gateway = self.gateway(self.config())
        self.done("split", "shop", "v1=1", "v2=3", gateway=gateway)
        text = self.done("routes", "--live", gateway=gateway)
        self.assertEqual([row["ROUTE"] for row in self.table(text)],
                         [route["name"] for route in gateway.admin("GET", "/routes").json()])
        self.assertRegex(text, r"(?m)^shop +\S+.* +split v1 25%, v2 75%$")
        self.assertIn("shop: the split was set by hand, the file has v1=90 v2=10", text)
        self.assertEqual(json.loads(self.done("routes", "--live", "--json", gateway=gateway)),
                         gateway.admin("GET", "/routes").json())

    def test_without_live_the_file_is_read(self):
        done = weir("routes", "-c", self.weir.path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("split v1 90%, v2 10%", done.stdout)

    @rows([("json", "--json"), ("admin", "--admin", "127.0.0.1:1"), ("token", "--token-file", "x")])
    def test_options_of_live(self, *options):
        done = weir("routes", *options)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--live", done.stderr)


class ReloadTest(LiveCase):
    def test_done_and_refused(self):
        gateway = self.gateway(self.config())
        self.assertEqual(self.done("reload", gateway=gateway), "reloaded: generation 2\n")
        self.assertEqual(json.loads(self.done("reload", "--json", gateway=gateway)),
                         {"generation": 3, "changes": ""})
        text = json.dumps(self.config(), indent=1)
        gateway.write(text.replace('"v1"', '"v9"').replace('"respond"', '"reply"'))
        done = self.ask("reload", gateway=gateway)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        first, *lines = done.stderr.splitlines()
        self.assertIn("refused, so nothing has changed:", first)
        self.assertEqual(lines, gateway.admin("POST", "/reload").text.splitlines())
        self.assertGreater(len(lines), 1)
        self.assertEqual(gateway.metrics().value("weir_config_generation"), 3)


class SplitTest(LiveCase):
    def shares(self, gateway):
        return next(route for route in gateway.admin("GET", "/routes").json()
                    if route["name"] == "shop")["split"]

    def test_set_and_reset(self):
        gateway = self.gateway(self.config())
        self.assertEqual(
            self.done("split", "shop", "v2=1", gateway=gateway),
            "shop: v2=1, until the split changes in the file or weir split shop --reset\n")
        self.assertEqual(self.shares(gateway), {"v1": 0, "v2": 1})
        self.assertEqual(self.fetch(gateway, "/shop").body, b"v2")
        self.assertEqual(self.done("split", "shop", "--reset", gateway=gateway),
                         "shop: the file's weights are in force again\n")
        self.assertEqual(self.shares(gateway), {"v1": 90, "v2": 10})

    @rows([
        ("no weight", 2, ["shop", "v1"], "'v1' is not UPSTREAM=WEIGHT"),
        ("no number", 2, ["shop", "v1=x"], "'v1=x' is not UPSTREAM=WEIGHT"),
        ("negative", 2, ["shop", "v1=-1"], "'v1=-1' is not UPSTREAM=WEIGHT"),
        ("twice", 2, ["shop", "v1=1", "v1=2"], "'v1' is given twice"),
        ("nothing", 2, ["shop"], "give UPSTREAM=WEIGHT for each, or --reset"),
        ("both", 2, ["shop", "v1=1", "--reset"], "--reset"),
        ("no route", 3, ["shpo", "v1=1"], "no route 'shpo' (did you mean 'shop'?)"),
        ("no split", 1, ["ping", "v1=1"], "422 Unprocessable Content: the route has no split"),
        ("no upstream", 1, ["shop", "v3=1"], "'v3' is not an upstream of this split"),
        ("nothing left", 1, ["shop", "v1=0"], "above 0"),
        ("a name with a slash", 3, ["a/b", "v1=1"], "no route 'a/b'"),
    ])
    def test_wrong(self, code, arguments, words):
        self.assertIn(words, self.failed(code, "split", *arguments))


class EndpointTest(LiveCase):
    def info(self, gateway, upstream="v1"):
        return next(one for one in gateway.admin("GET", "/upstreams").json()
                    if one["name"] == upstream)["endpoints"][0]

    def test_set_and_reset(self):
        gateway = self.gateway(self.config())
        address = self.v1.address
        self.assertEqual(self.done("endpoint", "v1", address, "drain", gateway=gateway),
                         f"v1 {address}: drain, until weir endpoint v1 {address} --reset\n")
        self.assertEqual(self.info(gateway)["state"], "drain")
        self.assertEqual(
            self.done("endpoint", "v1", address, "ready", "--weight", "3", gateway=gateway),
            f"v1 {address}: ready, weight 3, until weir endpoint v1 {address} --reset\n")
        self.assertEqual(self.info(gateway)["weight"], 3)
        self.assertIn(f"v1 {address}: weight 0,",
                      self.done("endpoint", "v1", address, "--weight", "0", gateway=gateway))
        self.assertIn("with the file's weight",
                      self.done("endpoint", "v1", address, "--reset", gateway=gateway))
        self.assertEqual((self.info(gateway)["state"], self.info(gateway)["weight"]), ("ready", 1))

    def test_of_a_unix_socket(self):
        gateway = self.gateway(basic_config(upstreams={"main": "unix:/nowhere/app.sock"}))
        self.done("endpoint", "main", "unix:/nowhere/app.sock", "down", gateway=gateway)
        self.assertEqual(self.info(gateway, "main")["state"], "down")

    @rows([
        ("no state", 2, ["v1", "1.2.3.4:5"], "give a STATE, --weight or --reset"),
        ("unknown state", 2, ["v1", "1.2.3.4:5", "off"], "off not in"),
        ("weight out of range", 2, ["v1", "1.2.3.4:5", "--weight", "1001"], "1001"),
        ("both", 2, ["v1", "1.2.3.4:5", "down", "--reset"], "--reset"),
        ("no upstream", 3, ["v3", "1.2.3.4:5", "down"], "no upstream 'v3' (did you mean 'v"),
        ("no endpoint", 3, ["v1", "1.2.3.4:5", "down"], "no endpoint '1.2.3.4:5' (known: 127.0.0.1:"),
    ])
    def test_wrong(self, code, arguments, words):
        self.assertIn(words, self.failed(code, "endpoint", *arguments))


class BreakerTest(LiveCase):
    def test_held_and_let_go(self):
        gateway = self.gateway(basic_config(upstreams={"main": self.v1.address}))
        self.assertEqual(self.done("breaker", "main", "open", gateway=gateway),
                         "main: the circuit breaker is held open, until weir breaker main off\n")
        self.assert_problem(self.fetch(gateway, "/"), "circuit_open")
        self.assertIn("open by hand", self.done("upstreams", gateway=gateway))
        self.done("breaker", "main", "closed", gateway=gateway)
        self.assertEqual(self.fetch(gateway, "/").status, 200)
        self.assertIn("decides by itself again", self.done("breaker", "main", "off", gateway=gateway))

    @rows([
        ("no word", 2, ["v1"], "STATE is required"), ("another word", 2, ["v1", "half"], "half"),
        ("no upstream", 3, ["v3", "open"], "no upstream 'v3'"),
    ])
    def test_wrong(self, code, arguments, words):
        self.assertIn(words, self.failed(code, "breaker", *arguments))


class LogLevelTest(LiveCase):
    def level(self, gateway):
        return gateway.admin("GET", "/status").json()["log"]

    def test_for_a_time(self):
        gateway = self.gateway(self.config())
        start = len(gateway.lines)
        self.assertEqual(self.done("log-level", "debug", "--for", "300ms", gateway=gateway),
                         "log level debug for 300ms, then the file's\n")
        gateway.wait_log("its end", "log level reset to that of the file level=info", start=start)
        self.assertEqual(self.level(gateway)["level"], "info")

    def test_a_later_word_and_a_reload_end_the_time(self):
        gateway = self.gateway(self.config())
        self.done("log-level", "debug", "--for", "1h", gateway=gateway)
        left = self.level(gateway)["seconds_left"]
        self.assertTrue(3500 < left <= 3600, left)
        self.done("log-level", "warn", gateway=gateway)
        self.assertEqual(self.level(gateway),
                         {"level": "warn", "file_level": "info", "seconds_left": None,
                          "components": {}})
        self.done("reload", gateway=gateway)  # the file says the same as before: the word stays
        self.assertEqual(self.level(gateway)["level"], "warn")
        self.done("log-level", "debug", "--for", "1h", gateway=gateway)
        self.done("reload", gateway=gateway)
        self.assertEqual(self.level(gateway),
                         {"level": "info", "file_level": "info", "seconds_left": None,
                          "components": {}})

    @rows([
        ("no level", 2, ["log-level"], "LEVEL is required"),
        ("unknown level", 2, ["log-level", "loud"], "loud"),
        ("no duration", 2, ["log-level", "info", "--for", "30"], "'30' is not a duration"),
        ("no component", 2, ["log-level", "info", "--component", "net"], "net"),
        ("too long", 1, ["log-level", "info", "--for", "2d"], "for must be above 0 and at most 24h"),
    ])
    def test_wrong(self, code, arguments, words):
        self.assertIn(words, self.failed(code, *arguments))

    def test_the_steps_of_one_component(self):
        gateway = self.gateway(self.config())
        self.assertEqual(
            self.done("log-level", "debug", "--component", "upstream", gateway=gateway),
            "log level of upstream debug, until a reload changes the file's level\n")
        self.assertEqual(
            self.level(gateway),
            {"level": "info", "file_level": "info", "seconds_left": None,
             "components": {"upstream": {"level": "debug", "seconds_left": None}}})
        self.assertEqual(self.fetch(gateway, "/shop").status, 200)
        gateway.wait_log("a step of the upstream", "endpoint chosen component=upstream")
        self.assertEqual([line for line in gateway.lines if " debug " in line
                          and "component=upstream" not in line], [])
        self.assertIn("log level      info; upstream debug", self.done("status", gateway=gateway))

    def test_one_component_for_a_time(self):
        gateway = self.gateway(self.config())
        start = len(gateway.lines)
        self.assertEqual(
            self.done("log-level", "trace", "--component", "client", "--for", "300ms",
                      gateway=gateway),
            "log level of client trace for 300ms, then that of the others\n")
        gateway.wait_log("its end", "log level of a component reset component=client level=info",
                         start=start)
        self.assertEqual(self.level(gateway)["components"], {})
        self.done("log-level", "debug", "--component", "http2", "--for", "1h", gateway=gateway)
        left = self.level(gateway)["components"]["http2"]["seconds_left"]
        self.assertTrue(3500 < left <= 3600, left)
        self.done("log-level", "info", gateway=gateway)  # for all, this component among them
        self.assertEqual(self.level(gateway)["components"], {})

    @rows([("another word", "network"), ("not a string", 1)])
    def test_an_unknown_component(self, component):
        answer = self.weir.admin("PUT", "/log/level", {"level": "debug", "component": component})
        self.assertEqual(answer.status, 422)
        self.assertIn("component must be client, http2 or upstream", answer.json()["detail"])


COMMANDS = [
    ["status"], ["upstreams"], ["routes", "--live"], ["reload"], ["upgrade"], ["drain"],
    ["undrain"],
    ["split", "shop", "v1=1"], ["endpoint", "v1", "1.2.3.4:5", "down"], ["breaker", "v1", "off"],
    ["log-level", "info"],
]


class PlacesTest(Case):
    """Where a command asks, with which token, and what it says when nobody answers."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-live-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def line(self, code, *arguments, **kwargs):
        done = weir(*arguments, **kwargs)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr

    @rows([(command[0], command) for command in COMMANDS])
    def test_nobody_there(self, command):
        self.assertEqual(
            self.line(1, *command, "--admin", "127.0.0.1:1"),
            f"weir: {command[0]}: 127.0.0.1:1 (--admin): Connection refused; is weir running? "
            "--admin ADDRESS asks another address\n")

    @rows([(command[0], command) for command in COMMANDS])
    def test_wrong_address(self, command):
        self.assertIn("'9901' is not IP:port, NAME:port or unix:PATH",
                      self.line(2, *command, "--admin", "9901"))

    def serve(self, bind="127.0.0.1:0", files=None, **admin):
        gateway = self.gateway(basic_config(
            [{"name": "ping", "match": {"path": "/ping"}, "respond": {"status": 200}}],
            admin={"bind": bind, **admin}), files=files)
        return gateway

    def test_unix_socket(self):
        path = os.path.join(self.folder, "admin.sock")
        gateway = self.serve(f"unix:{path}")
        self.assertEqual(weir("status", "-c", gateway.path).returncode, 0)
        self.assertIn(f"unix:{path} (--admin): ready",
                      weir("status", "--admin", f"unix:{path}").stdout)
        self.assertEqual(weir("health", "-c", gateway.path).returncode, 0)
        self.assertIn("No such file or directory; is weir running?",
                      self.line(1, "status", "--admin", f"unix:{path}.gone"))

    def test_name(self):
        gateway = self.serve()
        port = gateway.addresses["admin"][1]
        self.assertEqual(weir("status", "--admin", f"localhost:{port}").returncode, 0)
        self.assertIn("'no.such.host.invalid' has no address",
                      self.line(1, "status", "--admin", "no.such.host.invalid:9901"))

    def everywhere(self, **kwargs):
        """A gateway whose admin address is not loopback, and a configuration that says where."""
        gateway = self.serve("0.0.0.0:0", **kwargs)
        port = gateway.addresses["admin"][1]
        token = "token_file: gateway.token" if kwargs else "allow_hosts: []"
        config = f'admin: {{bind: "0.0.0.0:{port}", {token}}}\n'
        return f"127.0.0.1:{port}", self.write("found.yaml", config)

    def test_token(self):
        place, config = self.everywhere(files={"gateway.token": "0123456789abcdef\n"},
                                        token_file="gateway.token")
        right = self.write("right", "0123456789abcdef\n")
        wrong = self.write("wrong", "0123456789abcdeF\n")
        self.assertEqual(weir("status", "--admin", place, "--token-file", right).returncode, 0)
        environment = {"WEIR_ADMIN_TOKEN": "0123456789abcdef"}
        self.assertEqual(weir("status", "--admin", place, env=environment).returncode, 0)
        # The option goes before the environment.
        line = self.line(1, "status", "--admin", place, "--token-file", wrong, env=environment)
        self.assertIn("401 Unauthorized", line)
        self.assertIn("the token of --token-file is not the gateway's", line)
        line = self.line(1, "drain", "--admin", place)
        self.assertIn("give its token with --token-file FILE or WEIR_ADMIN_TOKEN", line)
        # A configuration that is found has its own, unless it cannot be read.
        line = self.line(1, "status", "-c", config)
        self.assertIn(f"{place} ({config}): 401", line)
        self.assertIn("admin.token_file: cannot read 'gateway.token'", line)
        self.write("gateway.token", "0123456789abcdef\n")
        self.assertEqual(weir("status", "-c", config).returncode, 0)
        self.assertEqual(weir("status", "-c", config, "--admin", place).returncode, 0)
        self.assertIn("--token-file: ", self.line(1, "status", "--token-file", "gone"))

    def test_no_token_is_configured(self):
        place, config = self.everywhere()
        line = self.line(1, "status", "-c", config)
        self.assertIn("403 Forbidden: this address is not loopback: set admin.token_file", line)
        self.assertEqual(weir("health", "-c", config).returncode, 0)
        self.assertEqual(weir("health", "--admin", place).returncode, 0)

    def test_what_the_configuration_says(self):
        for text, words in (
                ("admin: off\n", "admin is off, so there is nothing to ask; --admin ADDRESS says"),
                ('admin: {bind: "127.0.0.1:0"}\n', "admin.bind has port 0"),
                ("admin: {bind: here}\n", ":1:15: admin.bind: 'here' is not IP:port"),
                ("admin: [\n", "write it where the list ends"),
                ("admin: {bind: \"${WEIR_TEST_UNSET}\"}\n", "WEIR_TEST_UNSET")):
            path = self.write("weir.yaml", text)
            for command in ("status", "health"):
                self.assertIn(words, self.line(1, command, "-c", path), text)
        self.assertIn("gone.yaml:1:1: cannot be read",
                      self.line(1, "status", "-c", os.path.join(self.folder, "gone.yaml")))

    def test_the_rest_of_the_configuration_need_not_be_right(self):
        gateway = self.serve()
        place = "%s:%d" % gateway.addresses["admin"]
        path = self.write("weir.yaml", f'admin: {{bind: "{place}"}}\nroutes: nonsense\nfoo: 1\n')
        self.assertIn(f"at {place} ({path}): ready", weir("status", "-c", path).stdout)

    def test_somebody_else_answers(self):
        origin = self.origin(lambda connection, _: connection.reply(200, body=b"hello"))
        self.assertIn("the answer is not JSON",
                      self.line(1, "status", "--admin", origin.address))
        lost = self.origin(lambda connection, _: connection.reply(404, body=b"what?"))
        self.assertIn("404 Not Found: what?; is it another version of weir, or not an admin address?",
                      self.line(1, "status", "--admin", lost.address))
        other = self.origin(lambda connection, _: connection.send(b"SSH-2.0-x\r\n\r\n"))
        self.assertIn("what answers there is not HTTP",
                      self.line(1, "status", "--admin", other.address))

    def test_health_waits_two_seconds(self):
        silent = self.origin(lambda connection, _: connection.wait_ended(20))
        self.assertIn("no answer within 2 s", self.line(1, "health", "--admin", silent.address))


class TerminalTest(LiveCase):
    """Colours on a terminal, and nowhere else."""

    def on_a_terminal(self, **env):
        master, slave = pty.openpty()
        try:
            done = subprocess.run(
                [binary(), "status", "--admin", self.place()], stdout=slave, timeout=bound(20),
                env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"},
                     "TERM": "xterm", **env}, check=False)
            os.close(slave)
            slave = None
            self.assertEqual(done.returncode, 0)
            out = b""
            while True:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # how the end of a terminal is told
                    break
                if not piece:
                    break
                out += piece
            return out.decode()
        finally:
            if slave is not None:
                os.close(slave)
            os.close(master)

    def test_colours(self):
        self.assertIn("\x1b[32mready\x1b[0m", self.on_a_terminal())
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            text = self.on_a_terminal(**env)
            self.assertIn("ready", text)
            self.assertNotIn("\x1b", text)
        self.assertIn("\x1b", self.on_a_terminal(NO_COLOR=""))
