"""What `explain` says is what happens: each question is also asked of the gateway itself, with every
combination of what one middleware looks at, and at random for chains of several."""

import itertools
import json
import random

from harness import Case, basic_config, weir

OK = {"status": 200, "body": "ok"}
# bob with the password x1.
USERS = ("bob:$6$saltsalt$NnxFL8Y66LgeOIaCv.zfduzl4O.y5YtsWOgQ5pYZuJ30cxHS"
         "N/YiqHn8WcDVwKetP7YPARG/B3o6hRLYf6DqK1\n")
JWT = {"issuers": [{"issuer": "i", "algorithms": ["HS256"], "keys": {"secret": "s" * 32}}]}
# Route -> (middleware, the values of the fields that it looks at; None: without).
AUTHORIZATION = [None, "Basic Ym9iOngx", "basic  Ym9iOngx", "Basic !!", "Basic Ym9i", "Basic", "Basic ",
                 "Bearer k1-k1-k1-k1-k1-k1", "bearer   k1-k1-k1-k1-k1-k1", "Bearer other", "Bearer ",
                 "Bearer", "k1-k1-k1-k1-k1-k1", "Digest x"]
ROUTES = {
    "key": ({"api_key": {"header": "x-api-key", "keys_file": "partners"}},
            {"X-Api-Key": [None, "k1-k1-k1-k1-k1-k1", " k1-k1-k1-k1-k1-k1 ", "K1-k1-k1-k1-k1-k1", "",
                           "Bearer k1-k1-k1-k1-k1-k1"],
             "x-api-KEY": [None, "k1-k1-k1-k1-k1-k1"]}),
    "bearer": ({"api_key": {"header": "Authorization", "keys_file": "partners"}},
               {"Authorization": AUTHORIZATION}),
    "basic": ({"basic_auth": {"users_file": "users", "header": "x-user"}},
              {"Authorization": AUTHORIZATION}),
    "jwt": ({"jwt": JWT}, {"Authorization": AUTHORIZATION}),
    "optional": ({"jwt": {**JWT, "optional": True}}, {"Authorization": AUTHORIZATION}),
    "denied": ({"ip_filter": {"deny": ["127.0.0.0/8"]}}, {}),
    "allowed": ({"ip_filter": {"allow": ["127.0.0.0/8"]}}, {}),
    "elsewhere": ({"ip_filter": {"allow": ["10.0.0.0/8"]}},
                  {"X-Forwarded-For": [None, "10.1.2.3"]}),
    "limited": ({"body_limit": {"size": "10B"}}, {"Content-Length": [None, "0", "10", "11"]}),
    "cors": ({"cors": {"origins": ["https://a.test"]}},
             {"Origin": [None, "https://a.test", "https://b.test"],
              "Access-Control-Request-Method": [None, "GET", "DELETE"]}),
    "plain": ({"headers": {"request": {"set": {"x-a": "b"}}}},
              {"Expect": [None, "100-continue", "something"], "Max-Forwards": [None, "0", "1", "x"],
               "x_under": [None, "1"], "Via": [None, "1.1 weir", ", ".join(["1.1 weir"] * 5)]}),
    "crowd": ({"concurrency_limit": {"limit": 100}}, {"X-A": [None, "1"]}),
    # At limits that no machine reaches.
    "shed": ({"load_shed": {"lag": "300s", "memory": False, "saturation": False}},
             {"X-A": [None, "1"]}),
    "asked": ({"forward_auth": {"upstream": "judge", "path": "/", "copy_headers": ["x-judged"]}},
              {"X-Deny": [None, "1"]}),
    # Whether it is matched depends on a field that only the gateway may set.
    "identity": ({"rate_limit": {"rate": "100000/s"}}, {"X-User": [None, "root"]}),
}
# Chains are made of these and of the middleware above: what one changes, the next one sees.
CHANGES = [
    {"headers": {"request": {"remove": ["authorization"]}}},
    {"headers": {"request": {"set": {"authorization": "Bearer k1-k1-k1-k1-k1-k1"}}}},
    {"headers": {"request": {"add": {"x-api-key": "k1-k1-k1-k1-k1-k1"}}}},
    {"headers": {"request": {"set": {"origin": "https://a.test"}}}},
    {"jwt": {**JWT, "optional": True, "forward": False}},
]
FIELDS = {
    "Authorization": AUTHORIZATION,
    "X-Api-Key": [None, None, "k1-k1-k1-k1-k1-k1", "other"],
    "Origin": [None, "https://a.test", "https://b.test"],
    "Access-Control-Request-Method": [None, None, "GET"],
    "Content-Length": [None, "0", "10", "11"],
    "X-Deny": [None, None, "1"],
}
CHAINS = 60
REQUESTS_OF_A_CHAIN = 12
# What explain leaves open, and how that may refuse a request.
OPEN = {"would be checked": {401}, "would be verified": {401}, "would be asked": {403}}


def judge(connection, request):
    connection.reply(403 if request.header("x-deny") else 200, [("X-Judged", "yes")])


def types_of_middleware(schema):
    """The keys of the part of the schema that has all types."""
    if isinstance(schema, dict):
        keys = schema.get("properties", {})
        if "cors" in keys and "jwt" in keys:
            return set(keys)
        schema = list(schema.values())
    if isinstance(schema, list):
        return next(filter(None, map(types_of_middleware, schema)), None)
    return None


class ExplainTruthTest(Case):
    @classmethod
    def setUpClass(cls):
        routes = [{"name": name, "match": {"path_prefix": f"/{name}"}, "middleware": [middleware],
                   "respond": OK} for name, (middleware, _) in ROUTES.items()]
        routes.append({"name": "root", "match": {"path_prefix": "/identity",
                                                 "headers": {"x-user": "root"}},
                       "respond": {"status": 202}})
        # Not twice by chance: a failure names the chain and the request.
        cls.random = random.Random(5)
        rows = [middleware for middleware, _ in ROUTES.values()] + CHANGES
        cls.chains = {f"chain{i}": cls.random.sample(rows, cls.random.randint(2, 4))
                      for i in range(CHAINS)}
        routes += [{"name": name, "match": {"path_prefix": f"/{name}"}, "middleware": chain,
                    "respond": OK} for name, chain in cls.chains.items()]
        cls.weir = cls.shared_gateway(
            basic_config(routes, {"judge": cls.shared_origin(judge).address}),
            files={"users": USERS, "partners": "app:k1-k1-k1-k1-k1-k1\n"})

    def really(self, method, target, fields):
        client = self.client(self.weir)
        length = int(dict(fields).get("Content-Length", 0))
        lines = [f"{method} {target} HTTP/1.1", "Host: a.test", "Connection: close"]
        client.send("\r\n".join(lines + [f"{name}: {value}" for name, value in fields])
                    + "\r\n\r\n" + "x" * length)
        answer = client.read_response(method)
        client.close()
        reason = None
        if answer.header("content-type") == "application/problem+json":
            reason = json.loads(answer.body)["reason"]
        return answer.status, reason

    def assert_truth(self, name, method, fields):
        """True where explain leaves nothing open."""
        answer = self.weir.admin("POST", "/explain", {
            "method": method, "url": f"http://a.test/{name}", "headers": dict(fields)})
        self.assertEqual(answer.status, 200, answer)
        told = answer.json()
        text = "\n".join(step["text"] for step in told["steps"])
        status, reason = self.really(method, f"/{name}", fields)
        left_open = set().union(*(refusals for words, refusals in OPEN.items() if words in text))
        self.assertIn(status, {told["status"], *left_open}, f"{text}\nreally {status} {reason}")
        if status == told["status"] and reason and not left_open:
            self.assertIn(f"{status} {reason}", text)
        return not left_open

    def test_each_type_of_middleware_is_asked(self):
        asked = {name for middleware, _ in ROUTES.values() for name in middleware}
        self.assertEqual(asked, types_of_middleware(json.loads(weir("schema").stdout)))

    def test_every_combination(self):
        decided = []
        for name, (_, choices) in ROUTES.items():
            for method, *values in itertools.product(("GET", "POST", "OPTIONS"), *choices.values()):
                fields = [(field, value) for field, value in zip(choices, values)
                          if value is not None]
                with self.subTest(route=name, method=method, fields=fields):
                    decided.append(self.assert_truth(name, method, fields))
        self.assertGreater(len(decided), 300)
        # Passwords, signatures and another server's word are not looked at; nothing else is left open.
        self.assertLess(decided.count(False), 70)

    def test_chains(self):
        decided = []
        for name, chain in self.chains.items():
            for _ in range(REQUESTS_OF_A_CHAIN):
                method = self.random.choice(("GET", "POST", "OPTIONS"))
                chosen = [(field, self.random.choice(values)) for field, values in FIELDS.items()]
                fields = [(field, value) for field, value in chosen if value is not None]
                with self.subTest(chain=chain, method=method, fields=fields):
                    decided.append(self.assert_truth(name, method, fields))
        self.assertGreater(decided.count(True), len(decided) // 2)
