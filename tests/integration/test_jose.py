"""Tokens made with Node's jose are good, and one of another key is not."""

import json
import unittest

from harness import Case, basic_config, node
from harness.tokens import ISSUER, bearer, guarded, issuer

HMACS = ["HS256", "HS384", "HS512"]
PAIRS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
         "EdDSA/Ed25519"]


class JoseTest(Case):
    @classmethod
    def setUpClass(cls):
        node.need("jose")
        made = json.loads(node.run("jose_tokens.mjs", ISSUER, *HMACS, *PAIRS))
        other = json.loads(node.run("jose_tokens.mjs", ISSUER, *HMACS, *PAIRS))
        cls.tokens, cls.others = made["tokens"], other["tokens"]
        upstream = cls.shared_origin()
        settings = {"audiences": ["orders"]}
        policy = {"require": {"scope": "orders:read"},
                  "claims_to_headers": {"sub": "x-user-id", "roles": "x-roles"}}
        algorithms = [name.split("/")[0] for name in PAIRS]
        middleware = {
            "pairs": guarded([issuer({"jwks_file": "jwks.json"}, algorithms, **settings)],
                             **policy)["login"],
            "hmacs": guarded([issuer({"secret": made["secret"]}, HMACS, **settings)],
                             **policy)["login"]}
        routes = [{"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": "main",
                   "middleware": [name]} for name in middleware]
        cls.weir = cls.shared_gateway(
            basic_config(routes, {"main": upstream.address}, middleware=middleware),
            files={"jwks.json": json.dumps(made["jwks"])})
        cls.upstream = upstream

    def check(self, path, names):
        for name in names:
            with self.subTest(name):
                self.upstream.clear()
                good = self.fetch(self.weir, path, headers=bearer(self.tokens[name]))
                self.assertEqual(good.status, 200, good)
                seen = self.upstream.requests[0]
                self.assertEqual(seen.header("x-user-id"), f"of {name}")
                self.assertEqual(seen.header("x-roles"), "a,b")
                bad = self.fetch(self.weir, path, headers=bearer(self.others[name]))
                self.assert_problem(bad, "token_invalid")

    def test_key_pairs(self):
        self.check("/pairs", PAIRS)

    def test_secrets(self):
        self.check("/hmacs", HMACS)


if __name__ == "__main__":
    unittest.main()
