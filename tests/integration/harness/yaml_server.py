"""yaml-language-server, which editors ask about YAML: one process, spoken to by the Language Server
Protocol over its standard input and output."""

import json
import pathlib
import subprocess
import threading

from . import node
from .waiting import bound

SERVER = node.FOLDER / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


class YamlServer:
    """`schema` is a file; it is for every document whose name ends with .yaml."""

    def __init__(self, schema):
        node.need("yaml-language-server")
        self._settings = {"yaml": {
            "schemas": {pathlib.Path(schema).as_uri(): ["*.yaml"]}, "schemaStore": {"enable": False},
            "validate": True, "hover": True, "completion": True}}
        self._process = subprocess.Popen(["node", str(SERVER), "--stdio"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._news = threading.Condition()
        self._answers, self._diagnostics, self._ids, self._ended = {}, {}, 0, False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ask("initialize", {
            "processId": None, "rootUri": None, "workspaceFolders": None, "capabilities": {
                "workspace": {"configuration": True},
                "textDocument": {"completion": {"completionItem": {"snippetSupport": True}}}}})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": self._settings})

    def close(self):
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def diagnostics(self, uri, text):
        """What it says of a document, which is opened for that: (line, message), lines from 1."""
        with self._news:
            self._diagnostics.pop(uri, None)
        self.open(uri, text)
        with self._news:
            said = self._news.wait_for(lambda: self._ended or uri in self._diagnostics, bound(60))
            if not said or self._ended:
                raise AssertionError(f"{uri}: no diagnostics")
            found = self._diagnostics[uri]
        return [(each["range"]["start"]["line"] + 1, each["message"]) for each in found]

    def open(self, uri, text):
        self.tell("textDocument/didOpen", {"textDocument": {
            "uri": uri, "languageId": "yaml", "version": 1, "text": text}})

    def at(self, method, uri, line, column):
        """`method` ("hover", "completion") at a place, counted from 0."""
        return self.ask(f"textDocument/{method}", {
            "textDocument": {"uri": uri}, "position": {"line": line, "character": column}})

    def ask(self, method, params):
        self._ids += 1
        number = self._ids
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        with self._news:
            said = self._news.wait_for(lambda: self._ended or number in self._answers, bound(60))
            if not said or number not in self._answers:
                raise AssertionError(f"no answer to {method}")
            answer = self._answers.pop(number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def tell(self, method, params):
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _send(self, message):
        text = json.dumps(message).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(text) + text)
        self._process.stdin.flush()

    def _read(self):
        out = self._process.stdout
        while True:
            length = 0
            while line := out.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            if not length:
                break
            self._take(json.loads(out.read(length)))
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _take(self, message):
        method = message.get("method")
        if method is None:
            with self._news:
                self._answers[message["id"]] = message
                self._news.notify_all()
        elif method == "textDocument/publishDiagnostics":
            with self._news:
                self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
                self._news.notify_all()
        elif "id" in message:  # it asks
            result = None
            if method == "workspace/configuration":
                result = [self._settings.get(item.get("section")) for item in
                          message["params"]["items"]]
            try:
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": result})
            except (BrokenPipeError, ValueError):
                pass
