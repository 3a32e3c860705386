"""A gateway for the shown runs: `Gateway(binary, config)` in a folder of its own with a certificate
for 127.0.0.1, and what its admin address says."""

import http.client
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def request(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Gateway:
    def __init__(self, binary, config, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
                 wrapper=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-shown-"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "7",
                        "-keyout", "tls.key", "-out", "tls.crt", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                       cwd=self.folder, check=True, capture_output=True)
        self.ports = {}
        self.write(config)
        self.process = subprocess.Popen([*wrapper, pathlib.Path(binary).resolve(), "run", "-c",
                                         "weir.yaml"], cwd=self.folder, stderr=subprocess.PIPE, text=True)
        names = {listener["name"] for listener in config["listeners"]} | {"admin"}
        while names - set(self.ports):
            line = self.process.stderr.readline()
            if not line:
                raise SystemExit("the gateway did not start")
            found = re.search(r"listening name=(\S+) address=\S+:(\d+)", line)
            if found:
                self.ports[found[1]] = int(found[2])
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def write(self, config):
        (self.folder / "weir.yaml").write_text(json.dumps(config))

    def admin(self, method, path, body=None):
        return request(self.ports["admin"], method, path, body,
                       {"Content-Type": "application/json"} if body else {})

    def metric(self, name):
        """The sum of all series of that name."""
        lines = self.admin("GET", "/metrics")[1].splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines
                   if re.match(rf"{name}[ {{]", line))

    def close(self):
        self.process.terminate()
        code = self.process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)
        return code
