"""Keys for those who must live with old peers: off by default, each loosens one thing and nothing
else, and is counted and told."""

import unittest

from harness import Case, Truncated, basic_config, rows
from harness.h2 import H2Client, request_fields


class RawTargetCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        listeners = {"protocols": ["http1", "h2c"]}
        config = basic_config([
            {"name": "coffee", "match": {"path": "/caf%C3%A9/{kind}"}, "upstream": "u",
             "request_headers": {"set": {"X-Kind": "{kind}"}}},
            {"name": "all", "match": {"path_prefix": "/"}, "upstream": "u"}],
            {"u": cls.upstream.address}, listener=listeners, limits={"uri_size": "64B"})
        config["listeners"].append({**config["listeners"][0], "name": "loose", "limits": {
            "uri_size": "64B", "raw_target_bytes": "encode"}})
        cls.weir = cls.shared_gateway(config)

    def setUp(self):
        self.upstream.clear()

    def ask(self, listener, target):
        peer = self.client(self.weir, listener=listener)
        peer.send(b"GET " + target + b" HTTP/1.1\r\nHost: a.test\r\n\r\n")
        return peer.read_response()

    def ask_h2(self, listener, target):
        peer = H2Client(self.weir.address(listener))
        self.addCleanup(peer.close)
        return peer.answer(peer.request_raw(request_fields(path=target)))


class RawTargetTest(RawTargetCase):
    @rows([("raw UTF-8", b"/caf\xc3\xa9/x", "/caf%C3%A9/x"),
           ("in the query", b"/a?q=\xe2\x82\xac", "/a?q=%E2%82%AC"),
           ("no UTF-8", b"/\xff\xfe", "/%FF%FE"),
           ("beside an escape", b"/%20\xc3\xa9%41", "/%20%C3%A9A"),
           ("an absolute target", b"http://a.test/\xc3\xa9", "/%C3%A9"),
           ("nothing raw", b"/plain", "/plain")])
    def test_is_encoded_before_anything_looks_at_it(self, sent, forwarded):
        for ask in (self.ask, self.ask_h2)[:1 + sent.startswith(b"/")]:
            answer = ask("loose", sent)
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(self.upstream.requests[-1].target, forwarded)

    def test_a_route_matches_what_it_became(self):
        self.assertEqual(self.ask("loose", b"/caf\xc3\xa9/crema").status, 200)
        self.assertEqual(self.upstream.requests[-1].header("x-kind"), "crema")

    @rows([("raw UTF-8", b"/caf\xc3\xa9"), ("in the query", b"/?\xff")])
    def test_is_refused_by_default(self, target):
        for ask in (self.ask, self.ask_h2):
            self.assertEqual(ask("http", target).status, 400)
        self.assertEqual(self.upstream.requests, [])

    @rows([("a control", b"/\x01\xc3\xa9", 400), ("DEL", b"/\xc3\x7f", 400),
           ("a fragment", b"/\xc3\xa9#x", 400), ("a space", b"/\xc3\xa9 x", 400),
           ("in the host", b"http://\xc3\xa9.test/", 400),
           ("longer than uri_size once encoded", b"/" + b"\xc3" * 22, 414)])
    def test_nothing_else_is_let_through(self, target, status):
        self.assertEqual(self.ask("loose", target).status, status)
        self.assertEqual(self.upstream.requests, [])

    def test_other_places_stay_strict(self):
        peer = self.client(self.weir, listener="loose")
        peer.send(b"GET / HTTP/1.1\r\nHost: \xc3\xa9.test\r\n\r\n")
        self.assertEqual(peer.read_response().status, 400)

    def test_is_counted_and_told(self):
        def count():
            return self.weir.metrics().value("weir_lenient_total", key="raw_target_bytes",
                                             listener="loose") or 0
        before = count()
        self.ask("loose", b"/\xc3\xa9")
        self.ask("loose", b"/plain")
        self.ask_h2("loose", b"/\xc3\xa9")
        self.assertEqual(count(), before + 2)
        self.weir.wait_log("the line", lambda lines: any(
            "accepted" in line and "raw_target_bytes" in line and "loose" in line
            for line in lines))


class LenientCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        names = {"strict": [], "bare_lf": ["bare_lf"], "padded": ["padded_chunk_size"],
                 "both": ["bare_lf", "padded_chunk_size"]}
        routes = [{"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": name}
                  for name in names]
        cls.weir = cls.shared_gateway(basic_config(routes, {
            name: {"endpoints": [{"address": cls.upstream.address}], "lenient": faults}
            for name, faults in names.items()}, workers=1))

    def setUp(self):
        self.upstream.clear()

    def serve(self, raw):
        def handler(connection, request):
            connection.read_body(request)
            connection.send(raw)
            connection.close()
        self.upstream.handler = handler

    def ask(self, name):
        peer = self.client(self.weir)
        peer.request("GET", f"/{name}/")
        return peer.read_response()


CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class LenientTest(LenientCase):
    @rows([
        ("a head", "bare_lf", "HTTP/1.1 200 OK\nContent-Length: 2\nX-A: b\n\nok", b"ok"),
        ("a head without a phrase", "bare_lf", "HTTP/1.1 200\nContent-Length: 2\n\nok", b"ok"),
        ("mixed line ends", "bare_lf", "HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 2\r\n\nok",
         b"ok"),
        ("an interim head", "bare_lf",
         "HTTP/1.1 103 Early\nX: y\n\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        ("chunk sizes", "bare_lf", CHUNKED + "2\nok\n3\n123\n0\n\n", b"ok123"),
        ("chunk extension", "bare_lf", CHUNKED + "2;a=b\nok\r\n0\r\n\r\n", b"ok"),
        ("trailers", "bare_lf", CHUNKED + "2\r\nok\r\n0\r\nX-T: u\n\n", b"ok"),
        ("spaces behind a size", "padded", CHUNKED + "2   \r\nok\r\n0  \r\n\r\n", b"ok"),
        ("spaces before an extension", "padded", CHUNKED + "2  ;a=b\r\nok\r\n0\r\n\r\n", b"ok"),
        ("both", "both", CHUNKED + "2 \nok\n0 \n\n", b"ok"),
    ])
    def test_what_the_key_names_is_understood(self, name, raw, body):
        self.serve(raw)
        answer = self.ask(name)
        self.assertEqual((answer.status, answer.body), (200, body))
        for other in {"strict", "bare_lf", "padded"} - {name}:
            if name == "both" and other != "strict":
                continue
            self.assert_not_understood(other)

    def assert_not_understood(self, name):
        try:
            answer = self.ask(name)
        except Truncated:
            return
        self.assert_problem(answer, "upstream_bad_response")

    @rows([
        ("a bare CR", "HTTP/1.1 200 OK\r\nX: a\rX-Evil: 1\r\nContent-Length: 0\r\n\r\n"),
        ("CR CR LF", "HTTP/1.1 200 OK\r\nX: a\r\r\nContent-Length: 0\r\n\r\n"),
        ("a folded line", "HTTP/1.1 200 OK\nX: a\n b\nContent-Length: 0\n\n"),
        ("NUL", "HTTP/1.1 200 OK\nX: \x00\nContent-Length: 0\n\n"),
        ("LF in a name", "HTTP/1.1 200 OK\nX\nContent-Length: 0\n\n"),
        ("two lengths", "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nab"),
        ("length and chunked", "HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding: chunked\n\n"),
        ("a tab behind a chunk size", CHUNKED + "2\t\r\nok\r\n0\r\n\r\n"),
        ("a space before a chunk size", CHUNKED + " 2\r\nok\r\n0\r\n\r\n"),
        ("a space within a chunk size", CHUNKED + "1 0\r\n0123456789abcdef\r\n0\r\n\r\n"),
        ("too many spaces", CHUNKED + "2" + " " * 65 + "\r\nok\r\n0\r\n\r\n"),
        ("a chunk that is longer", CHUNKED + "2\r\nokay\r\n0\r\n\r\n"),
        ("CR alone behind a chunk", CHUNKED + "2\r\nok\r3\r\nabc\r\n0\r\n\r\n"),
    ])
    def test_nothing_else_loosens(self, raw):
        self.serve(raw)
        self.assert_not_understood("both")

    def test_answers_are_written_anew(self):
        self.serve("HTTP/1.1 200 OK\nX-A: b\nTransfer-Encoding: chunked\n\n2 \nok\n0\n\n")
        peer = self.client(self.weir)
        peer.request("GET", "/both/")
        answer = peer.read_response()  # strict: a bare LF would not be read
        self.assertEqual((answer.status, answer.header("x-a"), answer.body), (200, "b", b"ok"))

    def test_are_counted_and_told(self):
        def count(key):
            return self.weir.metrics().value("weir_lenient_total", key=key, upstream="both") or 0
        lf, padded = count("bare_lf"), count("padded_chunk_size")
        self.serve("HTTP/1.1 200 OK\nX: a\nContent-Length: 2\n\nok")
        self.ask("both")
        self.serve(CHUNKED + "2 \r\nok\r\n0\r\n\r\n")
        self.ask("both")
        self.serve(CHUNKED + "2\r\nok\r\n0\r\n\r\n")
        self.ask("both")
        self.weir.settled_metrics()
        self.assertEqual((count("bare_lf"), count("padded_chunk_size")), (lf + 1, padded + 1))
        self.weir.wait_log("a line for each", lambda lines: all(
            any("accepted" in line and key in line and "both" in line for line in lines)
            for key in ("bare_lf", "padded_chunk_size")))


if __name__ == "__main__":
    unittest.main()
