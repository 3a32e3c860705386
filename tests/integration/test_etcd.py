"""`providers: {etcd: ...}` and `endpoints_from: {etcd: ...}` against a real etcd."""

import json
import os
import tempfile
import unittest

from harness import Authority, Case, Etcd, Gateway, TlsClient, basic_config, wait_until, weir

OWN = [{"name": "own", "match": {"path": "/own"}, "respond": {"status": 200, "body": "own"}}]


def answering(path, body, **more):
    """A document with one route of a fixed answer, which is called like its path."""
    return {"routes": [{"name": path.strip("/"), "match": {"path": path}, "respond": {"status": 200, "body": body}}], **more}


class EtcdCase(Case):
    def setUp(self):
        self.etcd = Etcd()
        self.addCleanup(self.etcd.close)
        self.etcd.start()
        folder = tempfile.TemporaryDirectory(prefix="weir-state-")
        self.addCleanup(folder.cleanup)
        self.state = folder.name

    def config(self, routes=None, upstreams=None, endpoints=None, **more):
        return basic_config(OWN if routes is None else routes, upstreams,
                            providers={"etcd": {"endpoints": endpoints or [self.etcd.url]}}, **more)

    def unready(self, config):
        gateway = Gateway(config)
        self.addCleanup(gateway.close)
        return gateway.start(ready=False)

    def body(self, gateway, path):
        answer = self.fetch(gateway, path)
        return answer.body.decode() if answer.status == 200 else answer.status

    def wait_body(self, gateway, path, body, timeout=15):
        wait_until(f"{body!r} at {path}", lambda: self.body(gateway, path) == body, timeout, 0.05)

    def provided(self, gateway):
        return {one["name"]: one for one in gateway.admin("GET", "/config").json()["provided"]}

    def document(self, gateway, name):
        found = [one for one in self.provided(gateway)["etcd"]["documents"] if one["name"] == name]
        return found[0] if found else None

    def wait_state(self, gateway, name, state):
        wait_until(f"{name} {state}", lambda: (self.document(gateway, name) or {}).get("state") == state, 15, 0.05)
        return self.document(gateway, name)


class DocumentsTest(EtcdCase):
    def test_documents_come_change_and_go(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        gateway = self.gateway(self.config())
        self.assertEqual(self.body(gateway, "/a"), "one", "it is ready when the first list is in force")
        self.assertEqual(self.body(gateway, "/own"), "own")
        self.etcd.put("/weir/a", answering("/a", "two"))
        self.wait_body(gateway, "/a", "two")
        self.etcd.put("/weir/b", answering("/b", "three"))
        self.wait_body(gateway, "/b", "three")
        self.etcd.delete("/weir/a")
        self.wait_body(gateway, "/a", 404)
        self.assertEqual(self.body(gateway, "/b"), "three")
        metrics = gateway.metrics()
        self.assertEqual(metrics.value("weir_provider_up", provider="etcd"), 1)
        self.assertGreater(metrics.value("weir_provider_last_success_timestamp_seconds", provider="etcd"), 0)
        self.assertEqual(metrics.value("weir_provider_documents_rejected_total", provider="etcd"), 0)

    def test_a_file_without_routes(self):
        config = self.config()
        del config["routes"]
        self.etcd.put("/weir/a", answering("/a", "one"))
        self.assertEqual(self.body(self.gateway(config), "/a"), "one")

    def test_a_bad_document_leaves_its_last_good_version(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        self.etcd.put("/weir/b", answering("/b", "two"))
        gateway = self.gateway(self.config())
        for text in ("]", "listeners: []", json.dumps(answering("/a", "{nobody}")),
                     "routes: [{name: a, match: {path: /a}, upstream: nowhere}]"):
            self.etcd.put("/weir/a", text)
            document = self.wait_state(gateway, "a", "last_good")
            self.assertTrue(document["problems"], text)
            self.assertEqual(self.body(gateway, "/a"), "one", text)
            self.etcd.put("/weir/a", answering("/a", "one"))
            self.wait_state(gateway, "a", "in_force")
        self.assertEqual(self.body(gateway, "/b"), "two")
        self.assertGreaterEqual(gateway.metrics().value("weir_provider_documents_rejected_total", provider="etcd"), 4)
        self.etcd.put("/weir/c", "nonsense: 1")
        self.assertIn("etcd:c:1:1", self.wait_state(gateway, "c", "refused")["problems"][0])

    def test_names_that_are_taken(self):
        self.etcd.put("/weir/a", answering("/own", "mine"))
        gateway = self.gateway(self.config())
        self.assertIn("already taken by the gateway's own file", self.wait_state(gateway, "a", "refused")["problems"][0])
        self.assertEqual(self.body(gateway, "/own"), "own")

    def test_what_others_use_is_held(self):
        origin = self.origin(lambda c, r: c.reply(200, [], "origin"))
        self.etcd.put("/weir/upstreams", {"upstreams": {"x": {"endpoints": [{"address": origin.address}]}}})
        self.etcd.put("/weir/routes", {"routes": [{"name": "a", "match": {"path": "/a"}, "upstream": "x"}]})
        gateway = self.gateway(self.config())
        self.assertEqual(self.body(gateway, "/a"), "origin")
        self.etcd.delete("/weir/upstreams")
        self.wait_state(gateway, "upstreams", "held")
        self.assertIn("what it was stays in force", self.document(gateway, "routes")["problems"][0])
        self.assertEqual(self.body(gateway, "/a"), "origin")
        self.etcd.delete("/weir/routes")
        self.wait_body(gateway, "/a", 404)

    def test_endpoints_alone_make_no_snapshot(self):
        first, second = (self.origin(lambda c, r, b=b: c.reply(200, [], b)) for b in ("0", "1"))
        document = lambda origin: {"upstreams": {"x": {"endpoints": [{"address": origin.address}]}},
                                   "routes": [{"name": "a", "match": {"path": "/a"}, "upstream": "x"}]}
        self.etcd.put("/weir/a", document(first))
        gateway = self.gateway(self.config())
        self.assertEqual(self.body(gateway, "/a"), "0")
        generation = gateway.metrics().value("weir_config_generation")
        self.etcd.put("/weir/a", document(second))
        self.wait_body(gateway, "/a", "1")
        self.assertEqual(gateway.metrics().value("weir_config_generation"), generation)
        shown = gateway.admin("GET", "/config").json()
        self.assertEqual(shown["upstreams"]["x"]["endpoints"][0]["address"], second.address)
        self.assertEqual(gateway.admin("POST", "/reload").status, 200)
        self.assertEqual(self.body(gateway, "/a"), "1", "a reload does not bring the older ones back")

    def test_a_change_does_not_read_the_file(self):
        gateway = self.gateway(self.config())
        gateway.write(self.config(routes=[]))
        self.etcd.put("/weir/a", answering("/a", "one"))
        self.wait_body(gateway, "/a", "one")
        self.assertEqual(self.body(gateway, "/own"), "own")

    def test_a_thousand_puts(self):
        gateway = self.gateway(self.config())
        for i in range(1000):
            self.etcd.put(f"/weir/d{i % 50:02}", answering(f"/d{i % 50:02}", str(i)))
        for i in (0, 25, 49):
            self.wait_body(gateway, f"/d{i:02}", str(950 + i), 60)
        self.assertLess(gateway.metrics().value("weir_config_generation"), 500, "changes are gathered")

    def test_two_gateways_follow_one_etcd(self):
        gateways = [self.gateway(self.config()) for _ in range(2)]
        self.etcd.put("/weir/a", answering("/a", "one"))
        for gateway in gateways:
            self.wait_body(gateway, "/a", "one")

    def test_certificates(self):
        authority = Authority()
        default = authority.issue("default", ["default.test"])
        other = authority.issue("other", ["other.test"])
        config = self.config(listener={"tls": {"certificates": [dict(zip(("cert", "key"), default))]}})
        gateway = self.gateway(config)

        def names():
            with TlsClient(gateway.address(), name="other.test") as client:
                return client.socket.getpeercert(True)

        before = names()
        read = lambda path: open(path, encoding="utf-8").read()
        self.etcd.put("/weir/cert", {"certificates": [{"cert_pem": read(other[0]), "key_pem": read(other[1])}]})
        wait_until("the certificate", lambda: names() != before, 15, 0.1)
        shown = json.dumps(gateway.admin("GET", "/config").json())
        self.assertNotIn("PRIVATE KEY", shown)
        self.etcd.delete("/weir/cert")
        wait_until("the listener's own", lambda: names() == before, 15, 0.1)


class AwayTest(EtcdCase):
    def test_etcd_is_restarted(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        gateway = self.gateway(self.config())
        self.etcd.kill()
        gateway.wait_metric(0, "weir_provider_up", 30, provider="etcd")
        self.assertEqual(self.body(gateway, "/a"), "one")
        self.etcd.start()
        self.etcd.put("/weir/a", answering("/a", "two"))
        self.wait_body(gateway, "/a", "two", 30)

    def test_a_silent_peer_is_noticed(self):
        gateway = self.gateway(self.config())
        self.etcd.freeze()
        gateway.wait_metric(0, "weir_provider_up", 60, provider="etcd")
        self.etcd.thaw()
        self.etcd.put("/weir/a", answering("/a", "one"))
        self.wait_body(gateway, "/a", "one", 60)

    def test_a_compaction(self):
        gateway = self.gateway(self.config())
        revision = 0
        for i in range(20):
            revision = self.etcd.put("/weir/a", answering("/a", str(i)))
        self.etcd.compact(revision)
        self.wait_body(gateway, "/a", "19")
        self.etcd.put("/weir/a", answering("/a", "after"))
        self.wait_body(gateway, "/a", "after", 30)

    def test_another_endpoint_serves(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        gateway = self.gateway(self.config(endpoints=["http://127.0.0.1:1", self.etcd.url]))
        self.assertEqual(self.body(gateway, "/a"), "one")
        self.assertEqual(self.provided(gateway)["etcd"]["from"], self.etcd.url)

    def test_away_at_the_start(self):
        self.etcd.kill()
        gateway = self.unready(self.config())
        self.assertEqual(self.body(gateway, "/own"), "own", "the file's part is served")
        answer = gateway.admin("GET", "/readyz")
        self.assertEqual((answer.status, answer.text), (503, "waiting for the first list of provider etcd\n"))
        self.etcd.start()
        self.etcd.put("/weir/a", answering("/a", "one"))
        self.wait_body(gateway, "/a", "one", 30)
        wait_until("ready", lambda: gateway.admin("GET", "/readyz").status == 200, 30, 0.1)

    def test_state_dir_is_served(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        config = self.config(server={"state_dir": self.state})
        gateway = self.gateway(config)
        self.wait_body(gateway, "/a", "one")
        path = os.path.join(self.state, "provider-etcd.json")
        wait_until("the state", lambda: os.path.exists(path), 10)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        gateway.terminate()
        self.etcd.kill()
        gateway = self.unready(config)
        self.assertEqual(self.body(gateway, "/a"), "one")
        self.etcd.start()
        self.etcd.delete("/weir/a")
        self.wait_body(gateway, "/a", 404, 30)


class EndpointsTest(EtcdCase):
    def test_endpoints_with_a_lease(self):
        first, second = (self.origin(lambda c, r, b=b: c.reply(200, [], b)) for b in ("0", "1"))
        self.etcd.put("/services/x/1", first.address)
        gateway = self.gateway(basic_config(upstreams={"x": {"endpoints_from": {
            "etcd": {"prefix": "/services/x/", "endpoints": [self.etcd.url]}, "empty_after": "0s"}}}))
        weights = lambda: {one["address"]: one["weight"] for one in gateway.admin("GET", "/upstreams").json()[0]["endpoints"]}
        self.assertEqual(self.body(gateway, "/"), "0")
        self.etcd.put("/services/x/2", {"address": second.address, "weight": 3}, lease=self.etcd.lease(2))
        wait_until("both", lambda: weights() == {first.address: 1, second.address: 3}, 10, 0.05)
        wait_until("the end of the lease", lambda: weights() == {first.address: 1}, 30, 0.1)
        self.etcd.put("/services/x/1", "nonsense")
        wait_until("that it is told", lambda: gateway.admin("GET", "/upstreams").json()[0]["endpoints_from"]["error"], 10)
        self.assertEqual(self.body(gateway, "/"), "0")
        self.assertEqual(gateway.metrics().value("weir_config_generation"), 1)


class CommandsTest(EtcdCase):
    def test_pull_and_push(self):
        path = os.path.join(self.state, "a.yaml")
        access = ("--etcd", self.etcd.url)

        def write(text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        write("# weir: revision 0\n" + json.dumps(answering("/a", "one")))
        done = weir("push", *access, path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(self.etcd.get("/weir/a")), answering("/a", "one"), "without the first line")
        done = weir("push", *access, path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("pull it again", done.stderr)
        pulled = weir("pull", *access, "a")
        self.assertEqual(pulled.returncode, 0)
        self.assertRegex(pulled.stdout, r"^# weir: revision \d+\n\{")
        write(pulled.stdout.replace("one", "two"))
        self.assertEqual(weir("push", *access, path).returncode, 0)
        write(json.dumps(answering("/a", "three")))
        self.assertEqual(weir("push", *access, path).returncode, 1, "there is no revision")
        self.assertEqual(weir("push", *access, "--force", path).returncode, 0)
        write("# weir: revision 0\nlisteners: []")
        done = weir("push", *access, "--name", "b", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a document from elsewhere", done.stderr)
        self.assertIsNone(self.etcd.get("/weir/b"))

    def test_push_checks_the_whole(self):
        config = os.path.join(self.state, "weir.yaml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump(self.config(), file)
        path = os.path.join(self.state, "a.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("# weir: revision 0\n" + json.dumps(answering("/own", "one")))
        done = weir("push", "-c", config, path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("already taken by the gateway's own file", done.stderr)

    def test_pull_of_nothing(self):
        self.etcd.put("/weir/a", answering("/a", "one"))
        done = weir("pull", "--etcd", self.etcd.url, "b")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no document 'b' below /weir/; there are: a", done.stderr)


if __name__ == "__main__":
    unittest.main()
