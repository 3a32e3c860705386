"""What a package holds beside the program: manual pages and completions, made from the program's help and
schema, the configuration that is installed, and the units."""

import gzip
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import Case, rows, weir
from harness.gateway import binary
from harness.waiting import bound

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "deploy" / "package"
GENERATE = ROOT / "cmake" / "generate"


def need(program):
    if shutil.which(program) is None:
        raise unittest.SkipTest(f"{program} is not installed (./dev peers)")


def run(*command, text=None, env=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=bound(120), check=False,
                          env={**os.environ, **(env or {})})


def help_text():
    spec = importlib.util.spec_from_file_location("help_text", GENERATE / "help_text.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.read(binary())


class MadeTest(Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="weir-package-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        done = run(sys.executable, str(GENERATE / "package_files.py"), binary(), folder.name,
                   "A Name <name@example.com>")
        if done.returncode:
            raise AssertionError(done.stderr)
        cls.commands = help_text()

    def made(self, name):
        path = self.folder / name
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()

    def test_the_help_was_understood(self):
        names = [name for name in self.commands if name]
        self.assertGreater(len(names), 7)
        blocks = re.findall(r"(?m)^Commands.*:\n((?:  .*\n)+)", weir("--help").stdout)
        self.assertEqual(names, re.findall(r"(?m)^  (\w[\w-]*) ", "".join(blocks)))
        for name, command in self.commands.items():
            text = weir(*([name] if name else []), "--help").stdout
            told = set(re.findall(r"(?m)^  (?:-\w,)?(--[\w-]+)", text))
            self.assertEqual({one for option in command.options for one in option.names
                              if one.startswith("--")}, told, name)
            self.assertTrue(command.summary, name)

    def plain(self, name):
        """A manual page as text: its source without fonts and escapes."""
        text = re.sub(r"\\f[BIR]|\\&", "", self.made(name))
        return text.replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", '"')

    def test_the_manual_has_each_command_and_option(self):
        text = self.plain("weir.1.gz")
        for name, command in self.commands.items():
            if name:
                self.assertIn(f"\n.SS weir {name}\n{command.summary}.\n", text)
            for option in command.options:
                if "--help" not in option.names:
                    self.assertIn(f"\n{', '.join(option.names)}", text)
        for code in re.findall(r"\d [a-z][\w ]+", self.commands["run"].footer.partition("Exit: ")[2]):
            self.assertIn(code, text.replace("\n", " "))

    def test_the_manual_has_each_key(self):
        text = self.plain("weir.yaml.5.gz")

        def keys(schema):
            for value in schema.values() if isinstance(schema, dict) else schema:
                if isinstance(value, dict) and isinstance(value.get("properties"), dict):
                    yield from value["properties"]
                if isinstance(value, (dict, list)):
                    yield from keys(value)

        schema = json.loads(weir("schema").stdout)
        found = set(keys(schema))
        self.assertGreater(len(found), 150)
        for key in found:
            self.assertRegex(text, rf"(?m)^(\S*\.)?{re.escape(key)}: ")
        for section in schema["properties"]:
            self.assertIn(f"\n.SH {section.upper()}\n", text)

    @rows([("weir", "weir.1.gz"), ("weir_yaml", "weir.yaml.5.gz")])
    def test_the_manual_renders_without_warnings(self, name):
        need("man")
        need("groff")
        path = str(self.folder / name)
        for width in ("60", "80", "120"):
            done = run("man", "--warnings", "-l", path, env={"MANWIDTH": width, "LC_ALL": "C.UTF-8"})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = run("groff", "-man", "-Tutf8", "-Kutf8", "-ww", text=self.made(name))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        # What `man -k` finds: the name with its description.
        done = run("lexgrog", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def complete_bash(self, *words):
        line = " ".join(f"'{word}'" for word in words)
        done = run("bash", "-c", f'source "{self.folder}/weir.bash"; COMP_WORDS=(weir {line}); '
                   f"COMP_CWORD={len(words)}; _weir; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return set(done.stdout.split())

    def test_bash_completes(self):
        names = {name for name in self.commands if name}
        self.assertLessEqual(names, self.complete_bash(""))
        self.assertEqual(self.complete_bash("sche"), {"schema"})
        for name in names:
            options = {one for option in self.commands[name].options for one in option.names}
            self.assertLessEqual(options, self.complete_bash(name, ""), name)
        self.assertEqual(self.complete_bash("explain", "--lis"), {"--listener"})
        self.assertIn("/etc/passwd", self.complete_bash("run", "-c", "/etc/passw"))
        self.assertEqual(self.complete_bash("explain", "--from", ""), set())

    def test_fish_completes(self):
        need("fish")
        names = {name for name in self.commands if name}
        for line, expected in [("weir ", names), *(
                (f"weir {name} --", {one for option in self.commands[name].options for one in option.names
                                     if one.startswith("--")}) for name in names)]:
            done = run("fish", "--no-config", "-c", f'source {self.folder}/weir.fish; complete -C "{line}"',
                       env={"HOME": str(self.folder)})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertLessEqual(expected, {row.partition("\t")[0] for row in done.stdout.splitlines()})

    def test_zsh_takes_it(self):
        need("zsh")
        done = run("zsh", "-f", "-n", str(self.folder / "_weir"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        text = self.made("_weir")
        for name, command in self.commands.items():
            if name:
                self.assertIn(f"\n        {name}) _arguments ", text)
            for option in command.options:
                for one in option.names:
                    self.assertIn(one, text)


class InstalledTest(Case):
    def test_the_configuration_serves_a_welcome_page_and_nothing_else(self):
        text = (PACKAGE / "weir.yaml").read_text(encoding="utf-8")
        done = weir("check", "-c", str(PACKAGE / "weir.yaml"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("bind: 127.0.0.1:8080 ", text)  # nobody else, unless told to
        gateway = self.gateway(text.replace("127.0.0.1:8080", "127.0.0.1:0") +
                               'admin: {bind: "127.0.0.1:0"}\n', names=["http", "admin"])
        page = self.fetch(gateway, "/")
        self.assertEqual((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"))
        self.assertIn(b"Welcome to Weir", page.body)
        self.assert_problem(self.fetch(gateway, "/other"), "no_route")

    def test_the_units_name_what_the_package_installs(self):
        unit = (ROOT / "deploy" / "systemd" / "weir.service").read_text(encoding="utf-8")
        for key in ("ExecStartPre", "ExecStart"):
            self.assertRegex(unit, rf"(?m)^{key}=/usr/bin/weir \w+ (--no-tests )?-c /etc/weir/weir\.yaml$")
        for key in ("StateDirectory", "LogsDirectory"):
            self.assertRegex(unit, rf"(?m)^{key}=weir$")
        installed = (PACKAGE / "weir.yaml").read_text(encoding="utf-8")
        self.assertRegex(installed, r"(?m)^  state_dir: /var/lib/weir ")  # of StateDirectory=
        rotated = (PACKAGE / "logrotate").read_text(encoding="utf-8")
        self.assertIn("/var/log/weir/*.log {", rotated)
        self.assertIn("--signal=SIGUSR1 weir.service", rotated)

    def test_the_image_has_a_folder_for_state(self):
        text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        user = re.search(r"(?m)^USER (\S+)$", text)[1]
        self.assertIn(f"\nCOPY --from=build --chown={user} /state/ /var/lib/weir/\n", text)
        self.assertRegex(text, r"&& mkdir /state\n")

    def test_the_units_are_valid(self):
        need("systemd-analyze")
        folder = tempfile.TemporaryDirectory(prefix="weir-units-")
        self.addCleanup(folder.cleanup)
        for name in ("weir.service", "weir.socket"):
            text = (ROOT / "deploy" / "systemd" / name).read_text(encoding="utf-8")
            pathlib.Path(folder.name, name).write_text(text.replace("/usr/bin/weir", binary()), encoding="utf-8")
        done = run("systemd-analyze", "verify", "--man=no", *(
            str(pathlib.Path(folder.name, name)) for name in ("weir.service", "weir.socket")))
        said = [line for line in done.stderr.splitlines() if "weir" in line]
        self.assertEqual((done.returncode, said), (0, []))

    @rows([(name, name) for name in ("postinst", "prerm", "postrm")])
    def test_script(self, name):
        done = run("sh", "-n", str(PACKAGE / name))
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
