"""Node programs of tests/node as peers. `npm ci` in that folder brings what they need; a test that
finds it missing is skipped and says so."""

import os
import pathlib
import shutil
import subprocess
import threading
import unittest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "node"


def need(*packages):
    """Skips the test where Node or one of its packages is missing."""
    if shutil.which("node") is None:
        raise unittest.SkipTest("node is not installed")
    for package in packages:
        if not (FOLDER / "node_modules" / package).is_dir():
            raise unittest.SkipTest(f"{package} is missing: npm ci --prefix tests/node")


class NodeOrigin:
    """A program that prints its port and serves until it is killed."""

    def __init__(self, script, *arguments):
        self.process = subprocess.Popen(["node", str(FOLDER / script), *arguments],
                                        stdout=subprocess.PIPE, text=True)
        timer = threading.Timer(60, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line.strip().isdigit():
            self.close()
            raise AssertionError(f"{script} did not start: {line!r}")
        self.address = f"127.0.0.1:{line.strip()}"

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def run(script, *arguments, timeout=120):
    done = subprocess.run(["node", str(FOLDER / script), *map(str, arguments)],
                          capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, "NO_COLOR": "1"})
    if done.returncode != 0:
        raise AssertionError(f"{script}: {done.stdout}{done.stderr}")
    return done.stdout
