"""The TestCase of this suite: rows that become tests of their own, gateways and origins that end
with the test, and the assertions that every answer of Weir has in common."""

import json
import re
import sys
import unittest

from .client import Client
from .documents import table
from .gateway import Gateway
from .origin import Origin

# Reason -> (status, registered Proxy-Status type), as the documentation tells operators. A test
# compares that with the program's own table.
REASONS = {name: (int(status), error.strip("`"))
           for status, names, error, *_ in table("docs/operations.md", "Reasons")
           for name in re.findall(r"`(\w+)`", names)}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


def rows(table):
    """Makes one test of each row: `(name, arguments...)`. The name appears in the verbose output."""
    def mark(method):
        method.table = table
        return method
    return mark


def _row_test(method, arguments):
    def test(self):
        method(self, *arguments)
    test.__doc__ = None
    return test


class Case(unittest.TestCase):
    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, method in list(vars(cls).items()):
            table = getattr(method, "table", None)
            if table is None:
                continue
            delattr(cls, name)
            for row_name, *arguments in table:
                full = f"{name}__{re.sub(r'[^0-9a-zA-Z]+', '_', row_name)}"
                if full in vars(cls):
                    raise ValueError(f"two rows are called {full}")
                setattr(cls, full, _row_test(method, arguments))

    @classmethod
    def shared_origin(cls, handler=None, **kwargs):
        """An origin for all tests of the class; call it in setUpClass."""
        origin = Origin(handler, **kwargs)
        cls.addClassCleanup(origin.close)
        return origin

    @classmethod
    def shared_gateway(cls, config, **kwargs):
        gateway = Gateway(config, **kwargs)
        cls.addClassCleanup(gateway.close)
        gateway.start()
        cls._gateways = [*getattr(cls, "_gateways", []), gateway]
        return gateway

    def origin(self, handler=None, **kwargs):
        origin = Origin(handler, **kwargs)
        self.addCleanup(origin.close)
        return origin

    def gateway(self, config, **kwargs):
        gateway = Gateway(config, **kwargs)
        self.addCleanup(gateway.close)
        self._own_gateways.append(gateway)
        return gateway.start()

    def client(self, gateway, listener="http", **kwargs) -> Client:
        client = Client(gateway.address(listener), **kwargs)
        self.addCleanup(client.close)
        return client

    def fetch(self, gateway, target="/", method="GET", headers=(), body=None, listener="http"):
        """One request on a connection of its own."""
        client = self.client(gateway, listener)
        client.request(method, target, headers, body)
        response = client.read_response(method)
        client.close()
        return response

    def run(self, result=None):
        self._own_gateways = []
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for gateway in [*self._own_gateways, *getattr(type(self), "_gateways", [])]:
                sys.stderr.write(gateway.story(self.id()))
        return result

    # What every answer of Weir's own has: section 3.
    def assert_problem(self, response, reason, detail=None, head=False):
        status, error = REASONS[reason]
        self.assertEqual(response.status, status, response)
        self.assertEqual(response.header("content-type"), "application/problem+json", response)
        self.assertIsNotNone(response.header("date"), response)
        self.assertEqual(response.header("server"), "weir", response)
        self.assertEqual(response.header("proxy-status"),
                         f'weir; error={error}; details="{reason}"', response)
        self.assertNotIn("next-hop", response.header("proxy-status"))
        request_id = response.header("x-request-id")
        self.assertRegex(request_id or "", UUID)
        if status == 503:
            self.assertRegex(response.header("retry-after") or "", r"^[1-9][0-9]*$")
        if head:
            self.assertEqual(response.body, b"")
            return None
        problem = json.loads(response.body)
        self.assertEqual(set(problem) | {"detail"}, {"type", "title", "status", "reason", "detail",
                                                     "request_id"}, problem)
        if status in (502, 503, 504):  # a sentence that names nothing behind Weir
            self.assertRegex(problem["detail"], r"^\w.* .*\w$")
            self.assertNotRegex(problem["detail"], r"127\.0\.0\.1|:\d")
        self.assertEqual(problem["type"], "about:blank")
        self.assertEqual(problem["status"], status)
        self.assertEqual(problem["title"], response.phrase)
        self.assertEqual(problem["reason"], reason)
        self.assertEqual(problem["request_id"], request_id)
        if detail is not None:
            self.assertIn(detail, problem["detail"])
        return problem

    def assert_closing(self, client, response):
        self.assertEqual((response.header("connection") or "").lower(), "close", response)
        client.expect_closed()
