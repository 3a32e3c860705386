"""The second container of deploy/k8s/components/edit-in-place: its script beside a gateway whose
configuration lies in a folder as a ConfigMap's volume does, behind a link that is turned over."""

import os
import pathlib
import re
import subprocess
import tempfile
import textwrap
import unittest

from harness import Case, wait_until, weir
from harness.gateway import binary

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """version: 1
server: {{workers: 1}}
access_log: {{path: "off"}}
admin: {{bind: "unix:{folder}/admin.sock"}}
listeners: [{{name: http, bind: "127.0.0.1:0"}}]
routes: [{{name: all, match: {{}}, {action}}}]
"""


def script():
    text = (ROOT / "deploy/k8s/components/edit-in-place/deployment.yaml").read_text(encoding="utf-8")
    block = re.search(r"(?m)^( +)- \|\n((?:\1  .*\n)+)", text)
    return textwrap.dedent(block[2])


class EditInPlaceTest(Case):
    def setUp(self):
        if "\n  reload " not in weir("--help").stdout:
            self.skipTest("this weir has no command reload")
        folder = tempfile.TemporaryDirectory(prefix="weir-volume-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        self.times = 0

    def volume(self, action):
        """A new text, as a node brings it: a folder of its own, then the link is turned over."""
        self.times += 1
        data = self.folder / f"..data_{self.times}"
        data.mkdir()
        (data / "weir.yaml").write_text(CONFIG.format(folder=self.folder, action=action), encoding="utf-8")
        link = self.folder / "..data_tmp"
        link.symlink_to(data.name)
        link.rename(self.folder / "..data")

    def sidecar(self):
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "weir").symlink_to(os.path.abspath(binary()))
        process = subprocess.Popen(
            ["/bin/sh", "-c", script()], stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "WEIR_CONFIG_FOLDER": str(self.folder),
                 "PATH": f"{programs}:{os.environ['PATH']}"})
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def test_a_new_text_is_reloaded_and_a_bad_one_is_not(self):
        self.volume('respond: {status: 200, body: "one"}')
        path = self.folder / "weir.yaml"
        path.symlink_to("..data/weir.yaml")
        gateway = self.gateway("", command=["run", "-c", str(path)], names=["http"])
        sidecar = self.sidecar()
        body = lambda: self.fetch(gateway).body
        self.assertEqual(body(), b"one")
        self.volume('respond: {status: 200, body: "two"}')
        wait_until("the new text is in force", lambda: body() == b"two", timeout=30)
        self.volume("upstream: nobody")
        refused = sidecar.stderr.readline() + sidecar.stderr.readline()
        self.assertIn("nobody", refused)
        self.assertEqual(body(), b"two")
        self.volume('respond: {status: 200, body: "three"}')
        wait_until("the mended text is in force", lambda: body() == b"three", timeout=30)
        sidecar.terminate()
        self.assertEqual(sidecar.wait(timeout=30), 0)


if __name__ == "__main__":
    unittest.main()
