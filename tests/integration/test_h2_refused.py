"""An HTTP/2 upstream that refuses some streams: who was refused goes again, and nobody else waits for
it (RFC 9113 section 8.7)."""

import threading

from harness import Case, basic_config, h2_frames as h2, rows, wait_until
from harness.h2_origin import H2Origin


class RefusedTest(Case):
    def serve(self, refuses, settings=None, **pool):
        count = iter(range(1, 1 << 30))
        lock = threading.Lock()

        def handler(request):
            with lock:
                number = next(count)
            if refuses(number, request):
                return request.give_up(h2.REFUSED_STREAM)
            request.read_body()
            request.reply(200, request.body or b"ok")
        self.origin_h2 = H2Origin(handler, settings=settings)
        self.addCleanup(self.assertEqual, self.origin_h2.problems, [])
        self.addCleanup(self.origin_h2.close)
        return self.gateway(basic_config(upstreams={"main": {
            "endpoints": [{"address": self.origin_h2.address}], "protocol": "h2",
            # Longer than the test: who waits does not come back.
            "pool": {"pending_timeout": "60s", **pool}}}, workers=1))

    def crowd(self, gateway, clients, requests, method="GET", body=None):
        statuses = []

        def client():
            with gateway.connect() as peer:
                for _ in range(requests):
                    peer.request(method, "/", body=body)
                    statuses.append(peer.read_response(method).status)
        threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
        for thread in threads:
            thread.start()
        wait_until("all answers", lambda: len(statuses) == clients * requests, timeout=20)
        return set(statuses)

    @rows([("GET", "GET", None), ("POST", "POST", b"content")])
    def test_a_few_refusals_hold_nobody_up(self, method, body):
        gateway = self.serve(lambda number, request: number % 20 == 0)
        self.assertEqual(self.crowd(gateway, 8, 50, method, body), {200})
        # Two, and the one beyond for who was refused.
        self.assertLessEqual(len(self.origin_h2.connections), 3)

    def test_with_a_single_connection(self):
        gateway = self.serve(lambda number, request: number % 10 == 0, h2_connections=1)
        self.assertEqual(self.crowd(gateway, 8, 30), {200})

    def test_refused_twice_in_a_row(self):
        gateway = self.serve(lambda number, request: number % 10 in (0, 1))
        self.assertEqual(self.crowd(gateway, 1, 40), {200})

    def test_who_is_always_refused_gets_an_answer(self):
        gateway = self.serve(lambda number, request: request.header(":path") == "/never")
        response = self.fetch(gateway, "/never")
        self.assert_problem(response, "upstream_reset")
        self.assertLessEqual(len(self.origin_h2.requests), 4)
        self.assertEqual(self.fetch(gateway, "/").status, 200)
