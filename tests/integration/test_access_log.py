"""The access log: one line a request, nothing in it that a client can forge. interface.md section 3."""

import datetime
import json
import os
import re
import signal

from harness import Case, Refusing, basic_config, rows, wait_until


class LogCase(Case):
    def serve(self, routes=None, upstreams=None, limits=None, **log):
        self.upstream = self.origin()
        self.weir = self.gateway(basic_config(
            routes, upstreams or {"main": self.upstream.address}, limits=limits,
            access_log={"path": "access.log", **log}))
        self.path = self.weir.file("access.log")

    def lines(self, count, path=None):
        """That many complete lines; the log is written a little later."""
        def read():
            try:
                with open(path or self.path, "rb") as file:
                    data = file.read()
            except FileNotFoundError:
                return None
            lines = data.split(b"\n")
            return lines[:-1] if len(lines) > count else None
        return wait_until(f"{count} lines of the access log", read)

    def entries(self, count):
        return [json.loads(line) for line in self.lines(count)]


class JsonTest(LogCase):
    def test_fields(self):
        self.serve()
        peer = self.client(self.weir)
        peer.request("POST", "/a/b?x=y&z", [("User-Agent", "agent/1"), ("Referer", "http://r/")],
                     body=b"12345", host="Shop.Test:81")
        response = peer.read_response()
        entry, = self.entries(1)
        time = datetime.datetime.fromisoformat(entry["time"].replace("Z", "+00:00"))
        now = datetime.datetime.now(datetime.timezone.utc)
        self.assertLess(abs((now - time).total_seconds()), 60)
        self.assertRegex(entry["time"], r"\.\d{6}(Z|\+00:00)$")
        self.assertEqual(entry["request_id"], response.header("x-request-id"))
        for key, value in {
                "listener": "http", "client_ip": "127.0.0.1", "method": "POST", "path": "/a/b",
                "status": 200, "route": "all", "upstream": "main", "attempts": 1,
                "endpoint": self.upstream.address, "bytes_in": 5, "bytes_out": 5,
                "user_agent": "agent/1", "referer": "http://r/"}.items():
            self.assertEqual(entry.get(key), value, key)
        self.assertEqual(entry["query"].lstrip("?"), "x=y&z")
        self.assertEqual(entry["host"].lower().split(":")[0], "shop.test")
        self.assertTrue(entry["peer"].startswith("127.0.0.1"))
        self.assertIn("1.1", entry["protocol"].replace("http1", "HTTP/1.1"))
        for key in ("duration_ms", "head_ms", "connect_ms"):
            self.assertGreaterEqual(entry[key], 0, key)
        self.assertNotIn("reason", entry)
        self.assertNotIn("tls_version", entry)

    def test_absent_fields_are_omitted(self):
        self.serve([{"name": "r", "match": {"path": "/"}, "respond": {"status": 200}}])
        self.fetch(self.weir, "/")
        entry, = self.entries(1)
        for key in ("reason", "upstream", "endpoint", "user_agent", "referer", "query", "sni",
                    "trace_id"):
            self.assertNotIn(key, entry)

    def test_trace_id(self):
        self.serve()
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        self.fetch(self.weir, "/", headers=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")])
        self.assertEqual(self.entries(1)[0]["trace_id"], trace)

    def test_reason_of_our_own_answers(self):
        place = Refusing()
        self.addCleanup(place.close)
        self.serve([{"name": "dead", "match": {"path": "/dead"}, "upstream": "main"}],
                   {"main": place.address})
        self.fetch(self.weir, "/dead")
        self.fetch(self.weir, "/none")
        found = {(e["status"], e["reason"], e.get("route", "-"), e.get("endpoint", "-"))
                 for e in self.entries(2)}
        self.assertEqual(found, {(502, "connect_failed", "dead", place.address),
                                 (404, "no_route", "-", "-")})

    @rows([("a beginning", "GET / HT"), ("a line", "GET /a HTTP/1.1\r\n"),
           ("all but its end", "GET /a HTTP/1.1\r\nHost: a\r\nX-A: b\r\n")])
    def test_what_never_had_a_head(self, beginning):
        self.serve(limits={"header_timeout": "200ms"})
        peer = self.client(self.weir)
        peer.send(beginning)
        self.assertEqual(peer.read_response().status, 408)
        entry, = self.entries(1)
        self.assertEqual((entry["method"], entry["status"], entry["reason"]),
                         ("-", 408, "client_timeout"))
        self.assertFalse({"path", "host", "query"} & set(entry))

    def test_client_that_left(self):
        self.serve()
        self.upstream.handler = lambda c, r: c.wait_ended()
        peer = self.client(self.weir)
        peer.request("GET", "/gone")
        self.upstream.wait_for_head()
        peer.reset()
        entry, = self.entries(1)
        self.assertEqual((entry["status"], entry["reason"]), (499, "client_closed"))

    def test_upstream_that_stopped_in_the_middle(self):
        self.serve()

        def handler(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            connection.close()
        self.upstream.handler = handler
        peer = self.client(self.weir)
        peer.request("GET", "/")
        peer.expect_gone()
        entry, = self.entries(1)
        self.assertEqual(entry["reason"], "upstream_incomplete")
        self.assertIn("head_ms", entry)

    FORGERIES = [
        ("quote", "User-Agent", 'a","status":599,"x":"'), ("backslash", "User-Agent", "a\\"),
        ("high bytes", "User-Agent", "\xff\xfe\xe9"), ("tab", "User-Agent", "a\tb"),
        ("quote in referer", "Referer", '"}\\n{"time":"x"'), ("huge", "User-Agent", "x" * 20000),
    ]

    @rows(FORGERIES)
    def test_forging(self, name, value):
        self.serve()
        self.fetch(self.weir, "/", headers=[(name, value)])
        self.fetch(self.weir, "/second")
        lines = self.lines(2)
        self.assertEqual(len(lines), 2)
        entry = json.loads(lines[0].decode("utf-8"))
        self.assertEqual(entry["status"], 200)
        self.assertLess(len(lines[0]), 16384)
        self.assertFalse(any(byte < 0x20 for byte in lines[0]))

    @rows([("line break in path", "/a%0a%7b%22b%22"), ("quote in path", '/a"b'),
           ("quote in query", '/?a="x"'), ("escape in query", "/?a=%1b[31m")])
    def test_forging_by_target(self, target):
        self.serve()
        self.fetch(self.weir, target)
        line, = self.lines(1)
        self.assertEqual(json.loads(line)["status"], 200)
        self.assertNotIn(b"\x1b", line)

    def test_forging_by_a_bad_request(self):
        self.serve()
        peer = self.client(self.weir)
        peer.send(b'GET /"\x1b[31m\xff HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertEqual(peer.read_response().status, 400)
        line, = self.lines(1)
        self.assertEqual(json.loads(line.decode("utf-8"))["status"], 400)
        self.assertNotIn(b"\x1b", line)

    @rows([
        ("keep", "keep", "a=1&token=secret&key=k"), ("drop", "drop", None),
        ("redact", "redact", "a=1&token=REDACTED&key=REDACTED"),
    ])
    def test_query(self, policy, expected):
        self.serve(query=policy)
        self.fetch(self.weir, "/?a=1&token=secret&key=k")
        entry, = self.entries(1)
        self.assertEqual((entry.get("query") or "").lstrip("?") or None, expected)

    @rows([(name, name) for name in ("access_token", "token", "key", "password", "sig")])
    def test_redacted_names(self, name):
        self.serve(query="redact")
        self.fetch(self.weir, f"/?x=1&{name}=hush&y={name}&{name}=hush")
        self.assertEqual(self.entries(1)[0]["query"].lstrip("?"),
                         f"x=1&{name}=REDACTED&y={name}&{name}=REDACTED")
        with open(self.path, "rb") as file:
            self.assertNotIn(b"hush", file.read())


class SampleTest(LogCase):
    def test_errors_and_reasons_are_written_whatever_the_sample(self):
        self.serve([{"name": "all", "match": {"path_prefix": "/", "methods": ["GET"]},
                     "upstream": "main"}], sample="0%", slow="300ms")

        def handler(connection, request):
            if request.target == "/slow":
                connection.ended.wait(0.4)
            connection.reply(500 if request.target == "/500" else 200)
        self.upstream.handler = handler
        for target in ("/ok", "/500", "/ok", "/slow", "/ok"):
            self.fetch(self.weir, target)
        self.fetch(self.weir, "/", "POST")
        paths = [(e["path"], e["status"]) for e in self.entries(3)]
        self.assertEqual(sorted(paths), [("/", 405), ("/500", 500), ("/slow", 200)])

    def test_share(self):
        self.serve(sample="50%")
        peer = self.client(self.weir)
        for number in range(200):
            peer.request("GET", f"/{number}")
            peer.read_response()
        self.fetch(self.weir, "/%00")  # always written, so it marks the end on its worker
        self.lines(1)
        wait_until("about half of the lines", lambda: 60 <= len(self.lines(1)) <= 140)


class FormatTest(LogCase):
    def test_combined(self):
        self.serve(format="combined")
        self.fetch(self.weir, "/a?b=c", headers=[("User-Agent", 'quo"te'), ("Referer", "http://r")])
        line = self.lines(1)[0].decode()
        self.assertRegex(line, re.compile(
            r'^127\.0\.0\.1 - \S+ \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
            r'"GET /a\?b=c HTTP/1\.1" 200 \d+ "http://r" "quo(\\"|\\x22)te"'))

    def test_reopen(self):
        """SIGUSR1 after a rename, as logrotate does: not a line is lost or torn."""
        self.serve()
        self.fetch(self.weir, "/first")
        self.lines(1)
        os.rename(self.path, self.path + ".1")
        self.fetch(self.weir, "/second")
        self.lines(2, self.path + ".1")
        self.weir.signal(signal.SIGUSR1)
        wait_until("the new file", lambda: os.path.exists(self.path))
        self.fetch(self.weir, "/third")
        self.assertEqual(json.loads(self.lines(1)[0])["path"], "/third")
        self.assertEqual(len(self.lines(2, self.path + ".1")), 2)

    @rows([("stdout", "stdout")])
    def test_standard_output(self, path):
        self.serve(path=path)
        self.fetch(self.weir, "/x")
        self.assertEqual(json.loads(self.lines(1, self.weir.file("stdout"))[0])["path"], "/x")

    def test_standard_error(self):
        self.serve(path="stderr")
        self.fetch(self.weir, "/on-stderr")
        self.weir.wait_log("the access line", '"/on-stderr"')

    def test_everything_is_written_before_the_end(self):
        self.serve()
        peer = self.client(self.weir)
        for number in range(500):
            peer.request("GET", f"/{number}")
            peer.read_response()
        peer.close()
        self.assertEqual(self.weir.terminate(), 0)
        self.assertEqual({e["path"] for e in self.entries(500)}, {f"/{n}" for n in range(500)})
