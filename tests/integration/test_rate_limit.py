"""rate_limit: exact over all workers, told on every answer, kept over a reload. interface.md
sections 2, 3 and 4."""

import copy
import json
import re
import threading
import time

from harness import Case, basic_config, rows, weir

ITEM = re.compile(r'"([A-Za-z0-9_.#/-]+)"((?:;[a-z]+=[0-9]+)+)')


def items(value):
    """[(name, {parameter: number})] of a RateLimit or RateLimit-Policy field."""
    out = []
    for part in value.split(", "):
        match = ITEM.fullmatch(part)
        assert match, f"not an item: {part!r} of {value!r}"
        out.append((match[1], {name: int(number) for name, number in
                               (each.split("=") for each in match[2][1:].split(";"))}))
    return out


class RateLimitCase(Case):
    def serve(self, middleware, chain=None, **more):
        """One route /, whose chain is all of `middleware`, unless told otherwise."""
        self.upstream = self.origin()
        route = {"name": "r", "match": {"path_prefix": "/"}, "upstream": "main",
                 "middleware": list(middleware) if chain is None else chain}
        self.config = basic_config([route], {"main": self.upstream.address},
                                   middleware=middleware, **more)
        self.weir = self.gateway(self.config)

    def get(self, headers=(), target="/"):
        return self.fetch(self.weir, target, headers=headers)

    def statuses(self, count, headers=()):
        return [self.get(headers).status for _ in range(count)]


class HeadersTest(RateLimitCase):
    def test_on_every_answer(self):
        self.serve({"per_client": {"rate_limit": {"rate": "1/m", "burst": 2, "key": "client_ip"}}})
        for status, left in ((200, 1), (200, 0), (429, 0)):
            answer = self.get()
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.all("ratelimit-policy"), ['"per_client";q=2;w=120'])
            [(name, numbers)] = items(answer.header("ratelimit"))
            self.assertEqual((name, numbers["r"]), ("per_client", left))
            self.assertTrue(1 <= numbers["t"] <= 60, numbers)
            self.assertEqual(answer.all("x-ratelimit-limit"), ["2"])
            self.assertEqual(answer.all("x-ratelimit-remaining"), [str(left)])
            self.assertTrue(1 <= int(answer.header("x-ratelimit-reset")) <= 120)
        self.assert_problem(answer, "rate_limited", "per_client")
        self.assertEqual(answer.header("retry-after"), str(numbers["t"]))
        self.assertEqual(len(self.upstream.heads), 2)

    def test_burst_is_a_second_of_the_rate(self):
        self.serve({"fast": {"rate_limit": {"rate": "50/s"}}})
        self.assertEqual(self.get().header("ratelimit-policy"), '"fast";q=50;w=1')

    def test_inline_is_named_after_its_route(self):
        self.serve({}, [{"rate_limit": {"rate": "1/h"}}, {"rate_limit": {"rate": "7/h", "burst": 9}}])
        self.assertEqual(items(self.get().header("ratelimit-policy")),
                         [("r/rate_limit", {"q": 1, "w": 3600}),
                          ("r/rate_limit#2", {"q": 9, "w": 4629})])

    def test_the_tightest_of_several(self):
        self.serve({"wide": {"rate_limit": {"rate": "10/m", "burst": 10}},
                    "narrow": {"rate_limit": {"rate": "2/h", "burst": 2}}})
        answer = self.get()
        self.assertEqual([(n, p["r"]) for n, p in items(answer.header("ratelimit"))],
                         [("wide", 9), ("narrow", 1)])
        self.assertEqual((answer.header("x-ratelimit-limit"),
                          answer.header("x-ratelimit-remaining")), ("2", "1"))
        self.assertEqual(len(answer.all("ratelimit")), 1)

    def test_the_upstreams_own_follow(self):
        self.serve({"ours": {"rate_limit": {"rate": "1/h"}}})
        self.upstream.handler = lambda c, r: c.reply(200, [
            ("RateLimit-Policy", '"theirs";q=5;w=1'), ("RateLimit", '"theirs";r=4;t=1'),
            ("X-RateLimit-Remaining", "4")], "")
        answer = self.get()
        self.assertEqual([n for n, _ in items(answer.header("ratelimit-policy"))],
                         ["ours", "theirs"])
        self.assertEqual([n for n, _ in items(answer.header("ratelimit"))], ["ours", "theirs"])
        self.assertEqual(answer.all("x-ratelimit-remaining"), ["0"])

    def test_on_answers_of_others(self):
        self.serve({"inside": {"ip_filter": {"deny": ["127.0.0.0/8"]}},
                    "ours": {"rate_limit": {"rate": "1/h", "burst": 3}}})
        answer = self.get()
        self.assert_problem(answer, "ip_denied")
        self.assertEqual(items(answer.header("ratelimit")), [("ours", {"r": 3, "t": 1})])

    def test_on_a_failure_of_the_upstream(self):
        self.serve({"ours": {"rate_limit": {"rate": "1/h", "burst": 3}}})
        self.upstream.close()
        answer = self.get()
        self.assert_problem(answer, "connect_failed")
        self.assertEqual(answer.header("x-ratelimit-remaining"), "2")


class ExactTest(RateLimitCase):
    def hammer(self, requests, threads=8):
        """Statuses of so many requests over connections of their own, all at the same time."""
        found = []
        lock = threading.Lock()
        start = threading.Barrier(threads)

        def work():
            client = self.client(self.weir)
            start.wait(10)
            own = []
            for _ in range(requests // threads):
                client.request()
                own.append(client.read_response().status)
            client.close()
            with lock:
                found.extend(own)

        workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
        for each in workers:
            each.start()
        for each in workers:
            each.join(60)
        self.assertEqual(len(found), requests // threads * threads)
        return found

    def test_a_burst_over_all_workers(self):
        self.serve({"slow": {"rate_limit": {"rate": "1/h", "burst": 100}}})
        found = self.hammer(400, threads=16)
        self.assertEqual((found.count(200), found.count(429)), (100, 300))
        metrics = self.weir.settled_metrics()
        self.assertEqual(metrics.value("weir_rate_limit_total", policy="slow", decision="allowed"),
                         100)
        self.assertEqual(metrics.value("weir_rate_limit_total", policy="slow", decision="limited"),
                         300)
        self.assertEqual(metrics.value("weir_http_rejected_total", route="r",
                                       reason="rate_limited"), 300)

    def test_a_rate_over_all_workers(self):
        self.serve({"steady": {"rate_limit": {"rate": "50/s", "burst": 200}}})
        before = time.monotonic()
        self.get()
        first = time.monotonic()
        passed, last = 1, None
        while time.monotonic() < first + 2 or last != 429:
            asked = time.monotonic()
            found = self.hammer(160)
            passed += found.count(200)
            last = found[-1]
        after = time.monotonic()
        self.assertLessEqual(passed, 200 + 50 * (after - before))
        # What came since the last round began may still be there.
        self.assertGreaterEqual(passed, 200 + 50 * (asked - first) - 50 * (after - asked) - 1)


class KeysTest(RateLimitCase):
    def test_header(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h", "key": {"header": "x-tenant"}}}})
        self.assertEqual(self.statuses(2, [("X-Tenant", "a")]), [200, 429])
        self.assertEqual(self.statuses(2, [("x-tenant", "b")]), [200, 429])
        self.assertEqual(self.statuses(2), [200, 429])
        self.assertEqual(self.statuses(1, [("x-tenant", "127.0.0.1")]), [200])

    def test_cookie(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h", "key": {"cookie": "id"}}}})
        self.assertEqual(self.statuses(2, [("Cookie", "a=1; id=x")]), [200, 429])
        self.assertEqual(self.statuses(1, [("Cookie", "id=y; a=1")]), [200])
        self.assertEqual(self.statuses(1, [("Cookie", "id=x")]), [429])

    def test_list(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h", "key": [{"header": "a"}, {"header": "b"}]}}})
        self.assertEqual(self.statuses(2, [("a", "1"), ("b", "2")]), [200, 429])
        self.assertEqual(self.statuses(1, [("a", "1"), ("b", "3")]), [200])
        self.assertEqual(self.statuses(1, [("b", "2"), ("a", "1")]), [429])

    def test_global(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h", "key": "global"}}},
                   trusted_proxies=["127.0.0.0/8"])
        self.assertEqual(self.statuses(1, [("X-Forwarded-For", "192.0.2.1")]), [200])
        self.assertEqual(self.statuses(1, [("X-Forwarded-For", "192.0.2.2")]), [429])

    def test_path_parameter(self):
        self.upstream = self.origin()
        self.weir = self.gateway(basic_config(
            [{"name": "r", "match": {"path": "/users/{id}/{what}"}, "upstream": "main",
              "middleware": [{"rate_limit": {"rate": "1/h", "key": {"path_param": "id"}}}]}],
            {"main": self.upstream.address}))
        found = [self.get(target=t).status for t in ("/users/1/a", "/users/2/a", "/users/1/b")]
        self.assertEqual(found, [200, 200, 429])

    @rows([
        ("one address", ["192.0.2.1", "192.0.2.1"], [200, 429]),
        ("two addresses", ["192.0.2.1", "192.0.2.2"], [200, 200]),
        ("IPv4 in IPv6", ["192.0.2.1", "::ffff:192.0.2.1"], [200, 429]),
        ("a /64", ["2001:db8::1", "2001:db8:0:0:ffff::9"], [200, 429]),
        ("two /64", ["2001:db8::1", "2001:db8:0:1::1"], [200, 200]),
    ])
    def test_client_address(self, addresses, expected):
        self.serve({"m": {"rate_limit": {"rate": "1/h"}}}, trusted_proxies=["127.0.0.0/8"])
        found = [self.get([("X-Forwarded-For", each)]).status for each in addresses]
        self.assertEqual(found, expected)

    def test_client_address_of_a_stranger_is_the_peers(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h"}}})
        found = [self.get([("X-Forwarded-For", each)]).status for each in ("192.0.2.1", "192.0.2.2")]
        self.assertEqual(found, [200, 429])


class PolicyTest(RateLimitCase):
    def test_dry_run(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h", "dry_run": True}}})
        self.assertEqual(self.statuses(3), [200] * 3)
        metrics = self.weir.settled_metrics()
        self.assertEqual([metrics.value("weir_rate_limit_total", policy="m", decision=d)
                          for d in ("allowed", "limited", "dry_run")], [1, 0, 2])

    def test_cost(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h", "burst": 5, "cost": 2}}})
        self.assertEqual(self.statuses(3), [200, 200, 429])

    def test_a_full_table_forgives_nobody(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h", "max_keys": 5, "key": {"header": "k"}}}})
        self.assertEqual(self.statuses(2, [("k", "offender")]), [200, 429])
        client = self.client(self.weir)
        for n in range(500):
            client.request(headers=[("k", f"flood-{n}")])
            client.read_response()
        self.assertEqual(self.statuses(1, [("k", "offender")]), [429])

    def test_one_named_is_one_state_and_an_inline_one_is_its_routes(self):
        self.upstream = self.origin()
        limit = {"rate_limit": {"rate": "1/h"}}
        self.weir = self.gateway(basic_config(
            [{"name": n, "match": {"path": "/" + n}, "upstream": "main", "middleware": [m]}
             for n, m in (("a", "shared"), ("b", "shared"), ("c", limit), ("d", limit))],
            {"main": self.upstream.address}, middleware={"shared": limit}))
        found = [self.get(target=t).status for t in ("/a", "/b", "/c", "/d", "/c")]
        self.assertEqual(found, [200, 429, 200, 200, 429])

    def test_access_log_has_the_reason(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h"}}},
                   access_log={"path": "access.log", "sample": "0%"})
        self.statuses(2)
        self.weir.terminate()
        with open(self.weir.file("access.log"), encoding="utf-8") as file:
            [line] = [json.loads(each) for each in file]
        self.assertEqual((line["status"], line["reason"]), (429, "rate_limited"))


class ReloadTest(RateLimitCase):
    def test_state_is_kept_while_the_policy_is_unchanged(self):
        self.serve({"m": {"rate_limit": {"rate": "1/h", "burst": 2}}})
        self.assertEqual(self.get().header("x-ratelimit-remaining"), "1")
        after = copy.deepcopy(self.config)
        after["routes"][0]["timeout"] = "9s"
        self.assertEqual(self.weir.reload_by_post(after).status, 200)
        self.assertEqual(self.statuses(2), [200, 429])
        after["middleware"]["m"]["rate_limit"]["burst"] = 3
        self.assertEqual(self.weir.reload_by_post(after).status, 200)
        self.assertEqual(self.statuses(4), [200, 200, 200, 429])


class ConfigTest(RateLimitCase):
    def test_explain_and_config_show_the_policy(self):
        self.serve({"m": {"rate_limit": {"rate": "1000/m", "key": [{"header": "x-tenant"}, "host"]}}})
        answer = weir("explain", "-c", self.weir.path, "GET", "/")
        self.assertIn("rate_limit: 1000/m, burst 16, cost 1, by header x-tenant + host",
                      answer.stdout)
        shown = self.weir.admin("GET", "/config").text
        for each in ("rate_limit", "1000/m", "x-tenant"):
            self.assertIn(each, shown)

    @rows([
        ("no rate", {"burst": 1}, "rate"),
        ("zero", {"rate": "0/s"}, "must be above 0"),
        ("no unit", {"rate": "5"}, "write one like 50/s"),
        ("cost above burst", {"rate": "1/s", "cost": 2}, "nothing would ever pass"),
        ("burst of years", {"rate": "1/h", "burst": 9000}, "365 days"),
        ("key", {"rate": "1/s", "key": "ip"}, "'ip' is not a key"),
        ("claim without jwt", {"rate": "1/s", "key": {"jwt_claim": "sub"}},
         "needs a jwt middleware before it"),
        ("unknown parameter", {"rate": "1/s", "key": {"path_param": "id"}},
         "not a parameter of the path"),
    ])
    def test_what_check_refuses(self, spec, message):
        self.serve({})
        config = copy.deepcopy(self.config)
        config["routes"][0]["middleware"] = [{"rate_limit": spec}]
        self.weir.write(config)
        answer = weir("check", "-c", self.weir.path)
        self.assertEqual(answer.returncode, 1)
        self.assertRegex(answer.stdout + answer.stderr, r"weir\.yaml:\d+:\d+: routes\[0\]")
        self.assertIn(message, answer.stdout + answer.stderr)
