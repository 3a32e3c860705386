"""What `explain` says is what happens: each question is also asked of the gateway itself, with every
combination of what its middleware looks at."""

import itertools
import json

from harness import Case, basic_config

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
    # Whether it is matched depends on a field that only the gateway may set.
    "identity": ({"rate_limit": {"rate": "100000/s"}}, {"X-User": [None, "root"]}),
}


class ExplainTruthTest(Case):
    @classmethod
    def setUpClass(cls):
        routes = [{"name": name, "match": {"path_prefix": f"/{name}"}, "middleware": [middleware],
                   "respond": OK} for name, (middleware, _) in ROUTES.items()]
        routes.append({"name": "root", "match": {"path_prefix": "/identity",
                                                 "headers": {"x-user": "root"}},
                       "respond": {"status": 202}})
        cls.weir = cls.shared_gateway(basic_config(routes), files={
            "users": USERS, "partners": "app:k1-k1-k1-k1-k1-k1\n"})

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

    def test_every_combination(self):
        asked = undecided = 0
        for name, (_, choices) in ROUTES.items():
            for method, *values in itertools.product(("GET", "POST", "OPTIONS"), *choices.values()):
                fields = [(field, value) for field, value in zip(choices, values)
                          if value is not None]
                with self.subTest(route=name, method=method, fields=fields):
                    answer = self.weir.admin("POST", "/explain", {
                        "method": method, "url": f"http://a.test/{name}", "headers": dict(fields)})
                    self.assertEqual(answer.status, 200, answer)
                    told = answer.json()
                    text = "\n".join(step["text"] for step in told["steps"])
                    status, reason = self.really(method, f"/{name}", fields)
                    asked += 1
                    if "would be checked" in text or "would be verified" in text:
                        undecided += 1
                        self.assertIn(status, (200, 401), text)
                        continue
                    self.assertEqual(told["status"], status, f"{text}\nreally {status} {reason}")
                    if reason:
                        self.assertIn(f"{status} {reason}", text)
        self.assertGreater(asked, 300)
        # Passwords and signatures are not looked at; nothing else is left open.
        self.assertLess(undecided, 60)
