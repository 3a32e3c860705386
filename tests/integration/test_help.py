"""--help is enough to use a command: it names each option with its default, the signals, and each
exit code with its meaning."""

import re

from harness import Case, rows, weir

CONFIG = {"-c,--config": "/etc/weir/weir.yaml"}
ADMIN = {**CONFIG, "--admin": "127.0.0.1:9901"}
LIVE = {**ADMIN, "--token-file": "WEIR_ADMIN_TOKEN"}
ETCD = {**CONFIG, "--etcd": "", "--prefix": "/weir/", "--ca": "the system's", "--cert": "", "--key": "", "--user": "",
        "--password-file": ""}
# Command -> (options with their defaults, exit codes): interface.md section 1.
COMMANDS = {
    "run": (CONFIG, {0, 1, 2}),
    "check": ({**CONFIG, "--json": "", "--no-tests": ""}, {0, 1, 2}),
    "test": ({**CONFIG, "--junit": ""}, {0, 1, 2}),
    "diff": ({"--admin": "OLD instead", "--token-file": "WEIR_ADMIN_TOKEN", "--log": "",
              "--examples": "3", "--json": ""}, {0, 1, 2}),
    "explain": ({**CONFIG, "-H,--header": "", "--from": "127.0.0.1", "--listener": "the first",
                 "--json": ""}, {0, 1, 2, 3}),
    "routes": ({**LIVE, "--live": "", "--json": ""}, {0, 1, 2}),
    "demo": ({"--bind": "127.0.0.1:8080", "--admin": "127.0.0.1:9901",
              "--traffic": "where stdout is a terminal", "--no-traffic": ""}, {0, 1, 2}),
    "health": (ADMIN, {0, 1, 2}),
    "status": ({**LIVE, "--json": ""}, {0, 1, 2}),
    "upstreams": ({**LIVE, "--json": ""}, {0, 1, 2, 3}),
    "tail": ({**LIVE, "--json": "", "--status": "5xx", "--route": "", "--reason": "any", "--path": "",
              "--method": "", "--slow": "500ms", "-n,--count": "goes on"}, {0, 1, 2}),
    "reload": ({**LIVE, "--json": ""}, {0, 1, 2}),
    "upgrade": ({**LIVE, "--json": ""}, {0, 1, 2}),
    "drain": (LIVE, {0, 1, 2}),
    "undrain": (LIVE, {0, 1, 2}),
    "split": ({**LIVE, "--reset": ""}, {0, 1, 2, 3}),
    "endpoint": ({**LIVE, "--weight": "0 to 1000", "--reset": ""}, {0, 1, 2, 3}),
    "breaker": (LIVE, {0, 1, 2, 3}),
    "log-level": ({**LIVE, "--component": "all", "--for": "until a reload"}, {0, 1, 2}),
    "pull": (ETCD, {0, 1, 2}),
    "push": ({**ETCD, "--name": "without .yaml", "--force": ""}, {0, 1, 2}),
    "schema": ({}, {0, 2}),
    "help": ({}, {0, 2}),
    "version": ({}, {0, 2}),
}


class HelpTest(Case):
    def help(self, *command):
        done = weir(*command, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in done.stdout.splitlines():
            self.assertLessEqual(len(line), 104, line)
        return done.stdout

    def test_all_commands_are_named(self):
        text = self.help()
        named = []
        for group in ("Commands:", "Commands for a running gateway:", "Commands for documents in etcd:"):
            begin = text.index(f"\n{group}\n")
            named += re.findall(r"(?m)^  ([\w-]+) ", text[begin:text.index("\n\n", begin + 1)])
        self.assertEqual(sorted(named), sorted(COMMANDS))

    @rows([(name, name, *row) for name, row in COMMANDS.items()])
    def test_command(self, command, options, codes):
        text = self.help(command)
        told = dict(re.findall(r"(?m)^  (-[\w,-]+)(.*(?:\n {20,}.*)*)", text))
        told.pop("-h,--help")
        self.assertEqual(set(told), set(options))
        for option, default in options.items():
            self.assertIn(default, told[option])
        ends = re.search(r"(?m)^Exit: ((?:.+\n?)+?)(?=Example|\Z)", text)[1]
        self.assertEqual({int(code) for code in re.findall(r"(?:^|, )(\d) ", ends)}, codes, ends)

    def test_signals_of_run(self):
        text = self.help("run")
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"):
            self.assertIn(name, text)

    def test_environment(self):
        for command in ("run", "check", "test", "explain", "routes"):
            self.assertIn("${NAME:-default}", self.help(command))

    def test_help_command(self):
        self.assertEqual(weir("help").stdout, self.help())
        for command in COMMANDS:
            done = weir("help", command)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, self.help(command))
        done = weir("help", "chek")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("unknown command 'chek' (did you mean 'check'?)", done.stderr)

    def test_nothing_shows_the_help(self):
        done = weir()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (2, self.help(), ""))

    @rows([("long", "--version"), ("short", "-V")])
    def test_version_option(self, option):
        done = weir(option)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.split()[0], "weir")
        self.assertTrue(weir("version").stdout.startswith(done.stdout.strip()))

    @rows([
        ("a misspelt command", ["chek"], "unknown command 'chek' (did you mean 'check'?)"),
        ("another word", ["fly"], "unknown command 'fly' (see weir help)"),
        ("an option first", ["-c", "x"], "a command is required, not '-c'"),
        ("a configuration twice", ["check", "-c", "a", "b"], "give the configuration once"),
        ("an unknown option", ["check", "--fly"], "--fly (see weir check --help)"),
        ("no URL", ["explain", "GET"], "URL is required (see weir explain --help)"),
    ])
    def test_wrong_usage_says_what_and_where_to_look(self, arguments, words):
        done = weir(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(words, done.stderr)
