"""GET /metrics as scrapers ask for it: formats, compression, chosen metrics, exemplars, the ceiling on series, and what a scrape
may not hold up. docs/operations.md, Metrics."""

import gzip
import json
import os
import re
import subprocess
import threading
import time
import unittest

from harness import Case, Metrics, basic_config
from harness.waiting import bound

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
PROMETHEUS = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
              "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
TRACE = "0af7651916cd43dd8448eb211c80319c"

# Debian's module belongs to Debian's Python, which may be another one than that of the tests.
PARSER = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
out = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    samples = [[s.name, s.labels, s.value, s.exemplar and [s.exemplar.labels, s.exemplar.value, float(s.exemplar.timestamp)]]
               for s in family.samples]
    out[family.name] = {"type": family.type, "unit": family.unit, "samples": samples}
json.dump(out, sys.stdout)
"""


def parsed(text):
    """The families as the reference parser of OpenMetrics reads them; it refuses what is not right."""
    if subprocess.run(["/usr/bin/python3", "-c", "import prometheus_client"], capture_output=True, check=False).returncode:
        raise unittest.SkipTest("prometheus_client is not installed (Debian: python3-prometheus-client)")
    done = subprocess.run(["/usr/bin/python3", "-c", PARSER], input=text, capture_output=True, text=True,
                          timeout=bound(60), check=False)
    if done.returncode:
        raise AssertionError(f"not OpenMetrics: {done.stderr}\n{text}")
    return json.loads(done.stdout)


class ScrapeTest(Case):
    @classmethod
    def setUpClass(cls):
        cls.origin_ = cls.shared_origin()
        cls.weir = cls.shared_gateway(basic_config([
            {"name": "main", "match": {"path_prefix": "/"}, "upstream": "main"}], {"main": cls.origin_.address},
            trusted_proxies=["127.0.0.1"]))

    def scrape(self, accept=None, encoding=None, query="", gateway=None):
        headers = {name: value for name, value in (("Accept", accept), ("Accept-Encoding", encoding)) if value}
        answer = (gateway or self.weir).admin("GET", "/metrics" + query, headers=headers)
        self.assertEqual(answer.status, 200)
        return answer

    def test_text_unless_openmetrics_is_asked_for(self):
        for accept, kind in ((None, TEXT), ("*/*", TEXT), ("text/plain", TEXT), (PROMETHEUS, OPENMETRICS),
                             ("application/openmetrics-text;q=0.2, text/plain;q=0.3", TEXT)):
            with self.subTest(accept=accept):
                answer = self.scrape(accept)
                self.assertEqual(answer.headers["content-type"], kind)
                self.assertEqual(answer.headers["vary"].replace(" ", "").split(","), ["accept", "accept-encoding"])
                self.assertEqual(answer.text.endswith("# EOF\n"), kind == OPENMETRICS)

    def test_accept_in_several_fields(self):
        peer = self.client(self.weir, "admin")
        peer.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain;q=0.1\r\n"
                  "Accept: application/openmetrics-text\r\n\r\n")
        self.assertEqual(peer.read_response().header("content-type"), OPENMETRICS)

    def test_openmetrics_is_what_its_parser_reads(self):
        self.fetch(self.weir, "/x")
        self.fetch(self.weir, "/x", "POST", body=b"abc")
        self.weir.settled_metrics()
        text = self.scrape(OPENMETRICS).text
        families = parsed(text)
        self.assertEqual(families["weir_http_requests"]["type"], "counter")
        self.assertEqual(families["weir_http_request_bytes"]["unit"], "bytes")
        self.assertEqual(families["weir_http_response_head_seconds"]["type"], "histogram")
        self.assertEqual(families["weir_saturation_ratio"]["unit"], "ratio")
        self.assertNotIn("_created", text)
        # Both formats tell the same.
        plain = Metrics(self.scrape().text)
        names = {name for name, _, _ in plain.samples}
        self.assertEqual(names, {name for family in families.values() for name, *_ in family["samples"]})
        self.assertEqual(plain.value("weir_http_requests_total", route="main"),
                         sum(value for _, _, value, _ in families["weir_http_requests"]["samples"]))

    def test_exemplars_lead_to_the_trace(self):
        def ask(flags):
            self.fetch(self.weir, "/x", headers=[("traceparent", f"00-{TRACE}-b7ad6b7169203331-{flags}")])
            self.weir.settled_metrics()
            return parsed(self.scrape(OPENMETRICS).text)["weir_http_request_duration_seconds"]["samples"]
        self.assertEqual([sample for sample in ask("00") if sample[3]], [], "nobody keeps that trace")
        before = time.time()
        found = [sample for sample in ask("01") if sample[3]]
        self.assertEqual(len(found), 1)
        (name, labels, _, (trace, value, when)), = found
        self.assertEqual((name, trace), ("weir_http_request_duration_seconds_bucket", {"trace_id": TRACE}))
        self.assertLessEqual(value, float(labels["le"]))
        self.assertLess(abs(when - before), 60)
        self.assertNotIn(TRACE, self.scrape().text)

    def test_gzip(self):
        answer = self.scrape(encoding="gzip, deflate")
        self.assertEqual(answer.headers["content-encoding"], "gzip")
        self.assertEqual(int(answer.headers["content-length"]), len(answer.body))
        text = gzip.decompress(answer.body).decode()
        self.assertEqual(set(Metrics(text).types), set(Metrics(self.scrape().text).types))
        self.assertLess(len(answer.body) * 3, len(text))
        for refusing in (None, "identity", "gzip;q=0, *;q=0.5"):
            self.assertIsNone(self.scrape(encoding=refusing).headers["content-encoding"])

    def test_head(self):
        answer = self.weir.admin("HEAD", "/metrics", headers={"Accept": OPENMETRICS})
        self.assertEqual((answer.status, answer.headers["content-type"], answer.body), (200, OPENMETRICS, b""))

    def test_chosen_metrics(self):
        self.fetch(self.weir, "/x")
        self.weir.settled_metrics()
        metrics = Metrics(self.scrape(
            query="?name[]=weir_http_requests_total&name%5B%5D=weir_http_response_head_seconds_bucket&name[]=nothing").text)
        self.assertEqual(set(metrics.types), {"weir_http_requests_total", "weir_http_response_head_seconds"})
        self.assertEqual(self.scrape(query="?name[]=nothing").text, "")
        self.assertEqual(self.scrape(OPENMETRICS, query="?name[]=nothing").text, "# EOF\n")
        self.assertIn("weir_build_info", self.scrape(query="?other=1").text)

    def test_fine_detail_by_a_reload(self):
        config = basic_config([{"name": "r", "match": {}, "respond": {"status": 200}}])
        gateway = self.gateway(config)
        self.fetch(gateway, "/")
        gateway.wait_metric(1, "weir_http_requests_total")

        def bounds():
            found = gateway.metrics().series("weir_http_request_duration_seconds_bucket", route="r")
            self.assertEqual(found[-1][1], 1)
            return [labels["le"] for labels, _ in found]
        normal = bounds()
        self.assertEqual(len(normal), 15)
        self.assertEqual(gateway.reload_by_post({**config, "metrics": {"detail": "fine"}}).status, 200)
        fine = bounds()
        self.assertEqual(len(fine), 52)
        self.assertLess(set(normal), set(fine))
        decade = [float(le) for le in fine if 0.001 <= float(le) < 0.0099]
        self.assertEqual(decade, [0.001, 0.00125, 0.0016, 0.002, 0.0025, 0.00315, 0.004, 0.005, 0.0063, 0.008])
        parsed(self.scrape(OPENMETRICS, gateway=gateway).text)

    def test_series_beyond_the_ceiling(self):
        routes = [{"name": f"r{n}", "match": {"path": f"/r{n}"}, "respond": {"status": 200 + n % 2}} for n in range(8)]
        config = basic_config(routes, metrics={"max_series": 5})
        gateway = self.gateway(config)
        name = "weir_http_requests_total"

        def total(**labels):
            return gateway.settled_metrics().value(name, **labels)
        for number in range(8):
            self.fetch(gateway, f"/r{number}")
        gateway.wait_metric(8, name)
        metrics = gateway.settled_metrics()
        self.assertEqual(len(metrics.series(name)), 7)  # and two of `_other`, by status
        self.assertEqual(metrics.label_values(name, "route"), {"r0", "r1", "r2", "r3", "r4", "_other"})
        self.assertEqual(total(route="_other", status="201"), 2)
        self.assertEqual(metrics.value("weir_metrics_folded_series", family=name), 3)
        count = "weir_http_request_duration_seconds_count"
        shown = metrics.label_values(count, "route")
        self.assertEqual(len(shown), 6)  # requests that no route takes may have one
        self.assertEqual(metrics.value(count, route="_other"), 8 - len([name for name in shown if name.startswith("r")]))
        self.fetch(gateway, "/r7")
        gateway.wait_metric(3, name, route="_other", status="201")
        parsed(self.scrape(OPENMETRICS, gateway=gateway).text)
        # With room for all of them, those that were added up have their own; their sum stays.
        self.assertEqual(gateway.reload_by_post({**config, "metrics": {"max_series": 100}}).status, 200)
        self.assertEqual(total(route="r7"), 2)
        self.assertEqual(total(route="_other", status="201"), 3)
        self.assertIsNone(gateway.metrics().value("weir_metrics_folded_series", family=name))

    def test_wrong_settings(self):
        for settings, complaint in (({"max_series": 0}, "max_series"), ({"detail": "coarse"}, "normal"), ({"serie": 1}, "serie")):
            config = basic_config([{"name": "r", "match": {}, "respond": {"status": 200}}], metrics=settings)
            answer = self.weir.reload_by_post(config)
            self.assertEqual(answer.status, 422)
            self.assertIn(complaint, answer.text)
        self.weir.write(self.weir.config)


class CrowdTest(Case):
    def test_many_scrapers_of_a_large_gateway(self):
        """Each gets a whole answer, and probes are answered between them."""
        routes = [{"name": f"route-{n}", "match": {"path": f"/r{n}"}, "respond": {"status": 200}} for n in range(400)]
        gateway = self.gateway(basic_config(routes))
        client = self.client(gateway)
        for number in range(400):
            client.request("GET", f"/r{number}")
            client.read_response()
        gateway.wait_metric(400, "weir_http_requests_total")
        wrong = []

        def scrape(accept):
            for _ in range(3):
                body = gzip.decompress(gateway.admin(
                    "GET", "/metrics", headers={"Accept": accept, "Accept-Encoding": "gzip"}, timeout=60).body).decode()
                if body.count("weir_http_requests_total{") != 400 or body.endswith("# EOF\n") != (accept == OPENMETRICS):
                    wrong.append(body[:1000])
        scrapers = [threading.Thread(target=scrape, args=(OPENMETRICS if n % 2 else TEXT,)) for n in range(6)]
        for each in scrapers:
            each.start()
        probes = 0
        while any(each.is_alive() for each in scrapers):
            self.assertEqual(gateway.admin("GET", "/readyz").status, 200)
            self.assertEqual(self.fetch(gateway, "/r0").status, 200)
            probes += 1
        self.assertEqual(wrong, [])
        self.assertGreater(probes, 3)

    def test_a_scrape_is_the_work_of_a_thread_of_its_own(self):
        gateway = self.gateway(basic_config(
            [{"name": f"route-{n}", "match": {"path": f"/r{n}"}, "respond": {"status": 200}} for n in range(300)], workers=1))
        client = self.client(gateway)
        for number in range(300):
            client.request("GET", f"/r{number}")
            client.read_response()
        gateway.wait_metric(300, "weir_http_requests_total")
        pid = gateway.process.pid

        def spent():
            """Seconds of CPU of each thread."""
            out = {}
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                    out[int(task)] = int(file.read().split()[0]) / 1e9
            return out
        before = spent()
        for _ in range(40):
            gateway.admin("GET", "/metrics")
        used = sorted(((cpu - before.get(task, 0), task) for task, cpu in spent().items()), reverse=True)
        busiest, task = used[0]
        self.assertNotEqual(task, pid, "the main thread")
        self.assertGreater(busiest, 3 * sum(cpu for cpu, other in used[1:] if other != pid), used)


class ReferenceTest(Case):
    def test_every_family_is_told_alike_in_both_formats(self):
        gateway = self.gateway(basic_config([{"name": "r", "match": {}, "respond": {"status": 200}}]))
        text = gateway.admin("GET", "/metrics").text
        open_text = gateway.admin("GET", "/metrics", headers={"Accept": OPENMETRICS}).text

        def helps(source):
            return {re.sub(r"_total$", "", name): told for name, told in re.findall(r"(?m)^# HELP (\S+) (.*)$", source)}
        self.assertEqual(helps(text), helps(open_text))
