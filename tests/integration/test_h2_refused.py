"""An HTTP/2 upstream that refuses some streams: who was refused goes again, and nobody else waits for
it (RFC 9113 section 8.7)."""

import collections
import threading

from harness import Case, basic_config, h2_frames as h2, rows, wait_until
from harness.h2_origin import H2Origin


def one_of(step, times):
    """Every `step`th request is refused at its first `times` tries. By the request and not by the
    order of arrival: there, what goes again may meet a refusal any number of times."""
    return lambda request, before: int(request.header(":path")[1:]) % step == 0 and before < times


class RefusedTest(Case):
    def serve(self, refuses, settings=None, **pool):
        """`refuses` is asked of each try: with the request, and how often it was refused before."""
        refusals = collections.Counter()
        lock = threading.Lock()

        def handler(request):
            path = request.header(":path")
            with lock:
                refused = refuses(request, refusals[path])
                refusals[path] += refused
            if refused:
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
        """Each request has a number as its path."""
        statuses = []

        def client(first):
            with gateway.connect() as peer:
                for number in range(first, first + requests):
                    peer.request(method, f"/{number}", body=body)
                    statuses.append(peer.read_response(method).status)
        threads = [threading.Thread(target=client, args=(number * requests,), daemon=True)
                   for number in range(clients)]
        for thread in threads:
            thread.start()
        wait_until("all answers", lambda: len(statuses) == clients * requests, timeout=20)
        return set(statuses)

    @rows([("GET", "GET", None), ("POST", "POST", b"content")])
    def test_a_few_refusals_hold_nobody_up(self, method, body):
        gateway = self.serve(one_of(20, times=1))
        self.assertEqual(self.crowd(gateway, 8, 50, method, body), {200})
        # Two, and the one beyond for who was refused.
        self.assertLessEqual(len(self.origin_h2.connections), 3)

    def test_with_a_single_connection(self):
        gateway = self.serve(one_of(10, times=1), h2_connections=1)
        self.assertEqual(self.crowd(gateway, 8, 30), {200})

    def test_refused_twice_in_a_row(self):
        gateway = self.serve(one_of(10, times=2))
        self.assertEqual(self.crowd(gateway, 1, 40), {200})

    def test_who_is_always_refused_gets_an_answer(self):
        gateway = self.serve(lambda request, before: request.header(":path") == "/never")
        response = self.fetch(gateway, "/never")
        self.assert_problem(response, "upstream_reset")
        self.assertLessEqual(len(self.origin_h2.requests), 4)
        self.assertEqual(self.fetch(gateway, "/").status, 200)
