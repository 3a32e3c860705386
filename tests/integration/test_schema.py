"""`weir schema` in an editor: yaml-language-server's completion, hover and diagnostics with it. Other
validators of JSON Schema say the same of the shipped files by unit tests of the schema's shape."""

import glob
import json
import os
import re
import tempfile

from harness import Case, rows, weir
from harness.documents import ROOT, blocks, complete, documents
from harness.yaml_server import YamlServer

HEAD = 'listeners: [{name: http, bind: "0.0.0.0:8080"}]\n'
UP = 'upstreams: {app: {endpoints: [{address: "app:80"}]}}\n'


def route(text):
    return HEAD + UP + "routes: [{name: r, match: {}, " + text + "}]\n"


class SchemaTest(Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="weir-schema-")
        cls.addClassCleanup(folder.cleanup)
        schema = os.path.join(folder.name, "weir.schema.json")
        with open(schema, "w", encoding="utf-8") as file:
            file.write(weir("schema").stdout)
        cls.server = YamlServer(schema)
        cls.addClassCleanup(cls.server.close)
        cls.documents = 0

    def uri(self):
        type(self).documents += 1
        return f"file:///tests/{self.documents}.yaml"

    def said(self, text):
        return self.server.diagnostics(self.uri(), text)

    # With what `weir check` takes nothing is underlined.
    @rows([(name, text) for name, text in (
        ("a number", route("respond: {}") + "server: {workers: '${WORKERS}', max_connections: '${MAX:-100}'}\n"),
        ("a duration", route("timeout: '${TIMEOUT:-5s}', upstream: app")),
        ("a size", route("middleware: [{body_limit: {size: '${SIZE}'}}], upstream: app")),
        ("a rate", route("middleware: [{rate_limit: {rate: '${RATE:-50/s}'}}], upstream: app")),
        ("a share", route("mirror: {upstream: app, sample: '${SHARE}'}, upstream: app")),
        ("a fallback", route("upstream: app, fallback: {conditions: pool_full, upstream: app}")),
        ("a word", route("encoded_slashes: '${SLASHES}', upstream: app")),
        ("a switch", route("respond: {}") + "server: {via: {request: '${VIA:-on}'}}\n"),
        ("an address", route("respond: {}").replace("0.0.0.0:8080", "${BIND}")),
        ("a name", route("upstream: '${UPSTREAM}'")),
        ("a number and a word", route("respond: {status: '${STATUS}'}")),
        ("one method", HEAD + UP + "routes: [{name: r, match: {methods: GET}, upstream: app}]\n"),
        ("one middleware", route("middleware: office, upstream: app")),
        ("off", route("respond: {}") + "admin: off\n"),
    )])
    def test_no_red_line(self, text):
        self.assertEqual(self.said(text), [])

    @rows([(name, text) for name, text in (
        ("two actions", route("upstream: app, redirect: {to: /}")),
        ("three actions", route("upstream: app, redirect: {to: /}, respond: {}")),
        ("no action", route("timeout: 5s")),
        ("sticky without split", route("upstream: app, sticky: {}")),
        ("a mirror of an answer", route("respond: {}, mirror: {upstream: app}")),
        ("a fallback of an answer", route("respond: {}, fallback: {upstream: app}")),
        ("a fallback to nobody", route("upstream: app, fallback: {}")),
        ("two fallbacks", route("upstream: app, fallback: {upstream: app, respond: {}}")),
        ("a condition that is none", route(
            "upstream: app, fallback: {conditions: [rate_limited], upstream: app}")),
        ("two paths", HEAD + UP + "routes: [{name: r, match: {path: /a, path_prefix: /b}, "
         "upstream: app}]\n"),
        ("two rewrites", route("upstream: app, rewrite: {path: /a, prefix: /b}")),
        ("an unknown key", route("upstream: app, tiemout: 5s")),
        ("a key that is not supported", route("upstream: app") + "providers: {consul: {}}\n"),
        ("a duration without unit", route("upstream: app, timeout: 5")),
        ("a duration in words", route("upstream: app, timeout: 5sec")),
        ("a size of nginx", route("upstream: app, middleware: [{body_limit: {size: 10M}}]")),
        ("two types", route("upstream: app, middleware: [{cors: {origins: ['*']}, jwt: {}}]")),
        ("an empty filter", route("upstream: app, middleware: [{ip_filter: {}}]")),
        ("an address as upstream", route('upstream: "127.0.0.1:9000"')),
        ("a URL as endpoint", route("respond: {}").replace("app:80", "http://app")),
        ("a path without slash", HEAD + UP + "routes: [{name: r, match: {path: orders}, respond: {}}]\n"),
        ("a certificate without key", route("respond: {}").replace(
            "}]}}", "}], tls: {cert: a.crt}}}")),
        ("a name that is none", route("upstream: app").replace("name: r", "name: 'a b'")),
        ("a number too large", route("upstream: app") + "server: {workers: 5000}\n"),
        ("no listeners", UP + "routes: [{name: r, match: {}, upstream: app}]\n"),
    )])
    def test_a_red_line(self, text):
        self.assertNotEqual(self.said(text), [])

    def test_completion(self):
        text = HEAD + UP + "routes:\n  - name: r\n    match: {}\n    \n"
        uri = self.uri()
        self.server.diagnostics(uri, text)
        items = self.server.at("completion", uri, 5, 4)["items"]
        labels = {item["label"] for item in items}
        self.assertLessEqual({"upstream", "split", "redirect", "respond", "timeout", "middleware"},
                             labels)
        told = next(item for item in items if item["label"] == "timeout")["documentation"]
        self.assertIn("504", told["value"] if isinstance(told, dict) else told)

    @rows([("types", "middleware:\n  a:\n    r\n", 5, {"jwt", "cors", "rate_limit"}),
           ("types in a list", "routes:\n  - middleware:\n      - \n", 8, {"jwt", "cors"}),
           ("words", "log:\n  level: \n", 9, {"info", "debug"})])
    def test_completion_of(self, text, column, labels):
        uri = self.uri()
        self.server.diagnostics(uri, text)
        line = text.count("\n") - 1
        items = self.server.at("completion", uri, line, column)["items"]
        self.assertLessEqual(labels, {item["label"].strip() for item in items}, items)

    @rows([("a key of a route", "  - timeout: 5s", "timeout", "504"),
           ("a type", "  - middleware: [{rate_limit: {rate: 5/s}}]", "rate_limit", "429"),
           ("a key of a type", "  - middleware: [{rate_limit: {rate: 5/s}}]", "rate:", "1000/m"),
           ("a condition", "  - match: {headers: {x: {present: on}}}", "present", "is there")])
    def test_hover(self, line, word, told):
        uri = self.uri()
        text = "routes:\n" + line + "\n"
        self.server.diagnostics(uri, text)
        hover = self.server.at("hover", uri, 1, line.index(word) + 1)
        self.assertIn(told, json.dumps(hover["contents"]))

    def test_the_shipped_files(self):
        names = ["config/reference.yaml",
                 *glob.glob("deploy/**/weir.yaml", root_dir=ROOT, recursive=True)]
        self.assertGreaterEqual(len(names), 4)
        for name in names:
            with self.subTest(name=name), open(os.path.join(ROOT, name), encoding="utf-8") as file:
                self.assertEqual(self.said(file.read()), [])

    def test_the_examples_of_the_documents(self):
        count = 0
        for document in documents():
            for block in blocks(document):
                if block.language not in ("yaml", "yml") or not block.about.startswith("weir"):
                    continue
                text = block.text
                if block.about == "weir part":
                    rest = complete(text)
                    if "upstreams:" in text:  # of two mappings one is enough for the schema
                        rest = re.sub(r"(?m)^upstreams:\n(  .*\n)*", "", rest)
                    text += rest
                with self.subTest(block=repr(block)):
                    self.assertEqual(self.said(text), [])
                    count += 1
        self.assertGreater(count, 25)
