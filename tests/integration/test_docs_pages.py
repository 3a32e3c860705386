"""What the pages for operators show is run: the site of tls-site.md, the hook of certificates.md, and
each kind of trouble that troubleshooting.md names an answer for."""

import os
import re
import shutil
import subprocess
import tempfile

from harness import Authority, Case, TlsClient, basic_config, client_context, wait_until, weir
from harness.documents import blocks


def whole(document):
    return [block.text for block in blocks(document) if block.about == "weir"]


class TlsSiteTest(Case):
    NAMES = ["example.com", "www.example.com"]

    def setUp(self):
        super().setUp()
        self.authority = Authority()
        self.addCleanup(self.authority.close)

    def lineage(self, folder, name="example.com"):
        """What certbot leaves: a folder with the name of the site."""
        cert, key = self.authority.issue(name, self.NAMES)
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        shutil.copy(cert, os.path.join(folder, name, "fullchain.pem"))
        shutil.copy(key, os.path.join(folder, name, "privkey.pem"))
        return os.path.join(folder, name)

    def files(self, lineage):
        out = {}
        for name, theirs in (("crt", "fullchain.pem"), ("key", "privkey.pem")):
            with open(os.path.join(lineage, theirs), "rb") as file:
                out[f"tls/example.com.{name}"] = file.read()
        return out

    def site(self, number, **more):
        self.certbot = self.origin(lambda c, r: c.reply(200, [], "challenge"))
        self.app = self.origin(lambda c, r: c.reply(200, [], "app"))
        text = whole("docs/tls-site.md")[number]
        for old, new in (('"*:80"', '"127.0.0.1:0"'), ('"*:443"', '"127.0.0.1:0"'),
                         ("127.0.0.1:8402", self.certbot.address),
                         ("127.0.0.1:3000", self.app.address), ("/var/log/weir/", "")):
            text = text.replace(old, new)
        names = re.findall(r"\{name: (http)\b|- name: (https)\b", text)
        return self.gateway(text + 'admin: {bind: "127.0.0.1:0"}\n',
                            names=[a or b for a, b in names] + ["admin"], **more)

    def test_the_challenge_passes_before_there_is_a_certificate(self):
        gateway = self.site(0)
        answer = self.fetch(gateway, "/.well-known/acme-challenge/x", headers={"Host": "example.com"})
        self.assertEqual(answer.body, b"challenge")

    def test_the_whole_site(self):
        folder = tempfile.mkdtemp(prefix="weir-site-")
        self.addCleanup(shutil.rmtree, folder)
        gateway = self.site(1, files=self.files(self.lineage(folder)))
        for path in ("/a?b=1", "/.well-known/acme-challenge/x"):
            answer = self.fetch(gateway, path, headers={"Host": "example.com"})
            self.assertEqual((answer.status, answer.header("location")),
                             (308, f"https://example.com{path}"))
        for host, path, status, told in (
                ("example.com", "/", 200, b"app"), ("www.example.com", "/a", 308, b""),
                ("example.com", "/.well-known/acme-challenge/x", 200, b"challenge")):
            with TlsClient(gateway.address("https"), client_context(self.authority.ca),
                           name=host) as client:
                client.request("GET", path, host=host)
                answer = client.read_response()
            self.assertEqual(answer.status, status)
            self.assertIsNotNone(answer.header("strict-transport-security"))
            if status == 200:
                self.assertEqual(answer.body, told)
            else:
                self.assertEqual(answer.header("location"), "https://example.com/a")

    def test_the_hook_renews_the_certificate(self):
        folder = tempfile.mkdtemp(prefix="weir-site-")
        self.addCleanup(shutil.rmtree, folder)
        lineage = self.lineage(folder)
        gateway = self.site(1, files=self.files(lineage))

        def served():
            with TlsClient(gateway.address("https"), client_context(self.authority.ca),
                           name="example.com") as client:
                return client.socket.getpeercert()["serialNumber"]
        before = served()
        self.lineage(folder)
        (hook,) = [b.text for b in blocks("docs/certificates.md") if b.about == "hook"]
        self.assertIn("to=/etc/weir/tls\n", hook)
        hook = hook.replace("to=/etc/weir/tls\n", f"to={gateway.file('tls')}\n")
        hook = hook.replace(" -g weir-tls", "")  # a group of the host
        subprocess.run(["sh", "-c", hook], check=True, timeout=20,
                       env={**os.environ, "RENEWED_LINEAGE": lineage})
        gateway.wait_log("the new certificate", "certificates read again")
        wait_until("it is served", lambda: served() != before)
        self.assertEqual(oct(os.stat(gateway.file("tls/example.com.key")).st_mode)[-3:], "640")
        self.assertEqual(sorted(os.listdir(gateway.file("tls"))),
                         ["example.com.crt", "example.com.key"])


class TroubleTest(Case):
    def test_the_details_of_400(self):
        """Each in the table is what a client is told, apart from what stands for more of it."""
        gateway = self.gateway(basic_config([{"name": "r", "match": {"path_prefix": "/"},
                                              "respond": {"status": 200}}]))
        told = []
        for head in ("GET / HTTP/1.1\r\nHost: a\r\nx_y: z\r\n\r\n", "GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n",
                     "GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x02\x00\x01",
                     "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"):
            client = self.client(gateway)
            client.send(head.encode("latin-1"))
            answer = client.read_response()
            self.assertEqual(answer.status, 400, head)
            told.append(answer.body.decode())
        with open(os.path.join(os.path.dirname(__file__), "../../docs/troubleshooting.md"),
                  encoding="utf-8") as file:
            section = file.read().split("## All answers are 400")[1].split("\n## ")[0]
        rows = [row for row in section.splitlines() if row.startswith("| `") and "what helps" not in row]
        quoted = [one for row in rows for one in re.findall(r"`([^`]+)`", row.split("|")[1])]
        self.assertEqual(len(quoted), len(told))
        for one, answer in zip(quoted, told):
            self.assertIn(one.removesuffix("..."), answer)

    def test_what_a_start_says_that_fails(self):
        taken = self.gateway(basic_config([{"name": "r", "match": {}, "respond": {"status": 200}}]))
        host, port = taken.address()
        admin = "%s:%d" % taken.address("admin")
        for bind, its_admin, words in (
                (f"{host}:{port}", "127.0.0.1:0", f"listener http: {host}:{port}: address already in use"),
                ("127.0.0.1:0", admin, f"admin: {admin}: another process listens there")):
            done = weir("run", "-c", self.written(bind, its_admin))
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)

    def written(self, bind, admin):
        folder = tempfile.mkdtemp(prefix="weir-trouble-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "weir.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'version: 1\nlisteners: [{{name: http, bind: "{bind}"}}]\n'
                       f'admin: {{bind: "{admin}"}}\n'
                       "routes: [{name: r, match: {}, respond: {status: 200}}]\n")
        return path
