"""api_key: who has a key of the file, and who has not. interface.md sections 2 and 3."""

import hashlib
import json
import unittest

from harness import Case, basic_config, rows, wait_until, weir

KEYS = f"""# partners
acme:plain-key
limited:sha256:{hashlib.sha256(b"hidden-key").hexdigest()}
bare-key
"""


def keyed(header=None, **more):
    spec = {"keys_file": "partners.keys", **({"header": header} if header else {})}
    return {"middleware": [{"api_key": spec}], **more}


class ApiKeyTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config([
            keyed(name="main", match={"path_prefix": "/"}, upstream="main"),
            keyed("Authorization", name="bearer", match={"path_prefix": "/bearer"},
                  upstream="main"),
        ], {"main": cls.upstream.address},
            access_log={"path": "access.log", "format": "combined"}),
            files={"partners.keys": KEYS})

    def setUp(self):
        self.upstream.clear()

    @rows([
        ("plain", "plain-key"),
        ("by digest", "hidden-key"),
        ("without a name", "bare-key"),
        ("spaces around it", "  plain-key  "),
    ])
    def test_a_known_key(self, key):
        response = self.fetch(self.weir, headers=[("X-Api-Key", key)])
        self.assertEqual(response.status, 200)
        self.assertEqual(self.upstream.heads[0].header("x-api-key"), key.strip())

    @rows([
        ("none", [], "credentials_missing"),
        ("empty", [("x-api-key", "")], "credentials_missing"),
        ("unknown", [("x-api-key", "plain-kez")], "credentials_invalid"),
        ("another case", [("x-api-key", "PLAIN-KEY")], "credentials_invalid"),
        ("its digest", [("x-api-key", hashlib.sha256(b"hidden-key").hexdigest())],
         "credentials_invalid"),
        ("two lines", [("x-api-key", "plain-key")] * 2, "credentials_invalid"),
        ("in Authorization", [("Authorization", "Bearer plain-key")], "credentials_missing"),
        ("very long", [("x-api-key", "k" * 20000)], "credentials_invalid"),
    ])
    def test_a_stranger(self, headers, reason):
        response = self.fetch(self.weir, headers=headers)
        problem = self.assert_problem(response, reason, "x-api-key")
        self.assertNotIn("plain", json.dumps(problem))
        self.assertIn("x-api-key", response.header("www-authenticate"))
        self.assertEqual(self.upstream.heads, [])

    def test_a_refused_body_does_not_cost_the_connection(self):
        client = self.client(self.weir)
        client.request("POST", "/", body=b"hello")
        self.assert_problem(client.read_response(), "credentials_missing")
        client.request("POST", "/", [("x-api-key", "plain-key")], b"hello")
        self.assertEqual(client.read_response().body, b"hello")

    def test_of_authorization_it_is_a_bearer_token(self):
        target = "/bearer/x"
        good = self.fetch(self.weir, target, headers=[("Authorization", "Bearer hidden-key")])
        self.assertEqual(good.status, 200)
        bad = self.fetch(self.weir, target, headers=[("Authorization", "Basic aGlkZGVuLWtleQ==")])
        self.assert_problem(bad, "credentials_missing")
        self.assertTrue(bad.header("www-authenticate").startswith("Bearer "))

    def test_the_caller_is_in_the_log(self):
        self.fetch(self.weir, "/who", headers=[("x-api-key", "hidden-key")])

        def line():
            with open(self.weir.file("access.log"), encoding="utf-8") as log:
                return [text for text in log if "/who" in text]
        self.assertIn(" - limited [", wait_until("the line", line)[0])


class ApiKeyFileTest(Case):
    def test_a_reload_takes_new_keys(self):
        upstream = self.origin()
        gateway = self.gateway(basic_config([
            keyed(name="main", match={"path_prefix": "/"}, upstream="main")],
            {"main": upstream.address}), files={"partners.keys": "a:first\n"})
        client = self.client(gateway)

        def status(key):
            client.request(headers=[("x-api-key", key)])
            return client.read_response().status
        self.assertEqual([status("first"), status("second")], [200, 401])
        with open(gateway.file("partners.keys"), "w", encoding="utf-8") as file:
            file.write("a:second\n")
        gateway.reload_by_post()
        self.assertEqual([status("first"), status("second")], [401, 200])
        with open(gateway.file("partners.keys"), "w", encoding="utf-8") as file:
            file.write("a:\n")
        self.assertEqual(gateway.admin("POST", "/reload").status, 422)
        self.assertEqual([status("first"), status("second")], [401, 200])

    def test_faults_are_told_by_line(self):
        upstream = self.origin()
        gateway = self.gateway(basic_config([
            keyed(name="main", match={"path_prefix": "/"}, upstream="main")],
            {"main": upstream.address}), files={"partners.keys": "a:first\n"})
        with open(gateway.file("partners.keys"), "w", encoding="utf-8") as file:
            file.write("a:x y\nb:ok\nc:sha256:12\n")
        result = weir("check", "-c", gateway.path)
        self.assertEqual(result.returncode, 1)
        self.assertIn("line 1, column ", result.stderr + result.stdout)
        self.assertIn("line 3, column ", result.stderr + result.stdout)
        self.assertNotIn("x y", result.stderr + result.stdout)

    def test_the_admin_address_shows_no_keys(self):
        upstream = self.origin()
        gateway = self.gateway(basic_config([
            keyed(name="main", match={"path_prefix": "/"}, upstream="main")],
            {"main": upstream.address}), files={"partners.keys": KEYS})
        self.assertNotIn("plain-key", gateway.admin("GET", "/config").text)
        explained = weir("explain", "-c", gateway.path, "GET", "/")
        self.assertIn("credentials_missing", explained.stdout)


if __name__ == "__main__":
    unittest.main()
