"""The documentation loads: each example by `weir check`, and each link leads somewhere."""

import json
import os
import re
import shutil
import tempfile

from harness import Authority, Case, weir
from harness.documents import ROOT, blocks, complete, documents, read

PEERS = {"kubernetes", "envoy", "traefik", "ingress-nginx", "prometheus"}
SHA512 = "$6$/cPyCzLJ7DFMq/u1$qNEmGpk7So9W/AdkGaP5.aftTOZOzb3K8VCnZwqpp72wistJIjSzWFjpI8Wj." \
         "X6COARE3ID0//MHuYhPdTRd41"
FILES = {
    "users.htpasswd": f"ann:{SHA512}\n",
    "partners.keys": "acme:0123456789abcdef\n",
    "orders.json": '["10.0.0.1:8080"]',
    "admin.token": "0123456789abcdef0123456789abcdef\n",
    "jwks.json": json.dumps({"keys": [{
        "kty": "EC", "crv": "P-256", "kid": "a",  # RFC 7515, appendix A.3
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}),
}


class ExamplesTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.authority.issue("tls", ["api.example.com", "*.example.com"])
        cls.authority.issue("c", ["weir.svc"], use="clientAuth")

    def folder(self):
        folder = tempfile.mkdtemp(prefix="weir-docs-")
        self.addCleanup(shutil.rmtree, folder)
        for name in ("ca.crt", "tls.crt", "tls.key", "c.crt", "c.key"):
            shutil.copy(self.authority.path(name), folder)
        os.mkdir(os.path.join(folder, "tls"))
        for kind in ("crt", "key"):
            shutil.copy(self.authority.path(f"tls.{kind}"),
                        os.path.join(folder, "tls", f"example.com.{kind}"))
        for name, text in FILES.items():
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(text)
        return folder

    def check(self, block):
        folder = self.folder()
        with open(os.path.join(folder, "10-example.yaml"), "w", encoding="utf-8") as file:
            file.write(block.text)
        if block.about == "weir part":
            with open(os.path.join(folder, "20-rest.yaml"), "w", encoding="utf-8") as file:
                file.write(complete(block.text))
        done = weir("check", "-c", folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""), block)

    def test_each_example_is_valid(self):
        count = 0
        for document in documents():
            for block in blocks(document):
                if block.language not in ("yaml", "yml"):
                    continue
                with self.subTest(block=repr(block)):
                    if block.about in PEERS:
                        continue
                    self.assertIn(block.about, ("weir", "weir part"))
                    self.check(block)
                    count += 1
        self.assertGreater(count, 25)

    def test_examples_are_short(self):
        for block in blocks("docs/features.md"):
            if block.about.startswith("weir"):
                self.assertLessEqual(len(block.text.splitlines()), 12, block)


class LinksTest(Case):
    @staticmethod
    def anchors(document):
        lines = re.sub(r"(?ms)^```.*?^```$", "", read(document)).splitlines()
        titles = [line.lstrip("#").strip().lower() for line in lines if line.startswith("#")]
        return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}

    def test_each_link_leads_somewhere(self):
        for document in documents():
            text = re.sub(r"(?ms)^```.*?^```$", "", read(document))
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"https?://", target):
                    continue
                path, _, anchor = target.partition("#")
                where = os.path.normpath(os.path.join(os.path.dirname(document), path)) \
                    if path else document
                self.assertTrue(os.path.exists(os.path.join(ROOT, where)), (document, target))
                if anchor:
                    self.assertIn(anchor, self.anchors(where), (document, target))

    def test_each_document_is_reached_from_the_readme(self):
        readme = read("README.md")
        for document in documents()[1:]:
            self.assertIn(f"({document})", readme)

    def test_files_that_are_named_are_there(self):
        for document in documents():
            for name in re.findall(r"`((?:bench|config|deploy|docs|src|tests)/[\w./-]+)`",
                                   read(document)):
                self.assertTrue(os.path.exists(os.path.join(ROOT, name)), (document, name))
