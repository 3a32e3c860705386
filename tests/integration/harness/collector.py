"""A collector of spans: tests/node/otlp_receiver.js, which decodes OTLP by OpenTelemetry's own code."""

import json
import subprocess
import threading

from . import node
from .waiting import wait_until

SERVER, CLIENT, INTERNAL = 2, 3, 1
ERROR = 2


class Collector:
    def __init__(self, port=0):
        node.need("@opentelemetry/otlp-transformer")
        self.calls, self.spans, self.errors, self.told = [], [], [], []
        self.process = subprocess.Popen(["node", str(node.FOLDER / "otlp_receiver.js"), str(port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.strip().isdigit():
            self.close()
            raise AssertionError(f"the collector did not start: {line!r}")
        self.port = int(line)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "span" in said:
                self.spans.append(said["span"])
            elif "call" in said:
                self.calls.append(said)
            elif "answers" in said:
                self.told.append(said)
            else:
                self.errors.append(said)

    def answer(self, **how):
        """How it answers from now on; nothing: 200."""
        before = len(self.told)
        self.process.stdin.write(json.dumps(how) + "\n")
        self.process.stdin.flush()
        wait_until("the collector to know", lambda: len(self.told) > before)

    def wait_spans(self, count, what="spans"):
        wait_until(f"{count} {what}", lambda: self.errors or len(self.spans) >= count)
        if self.errors:
            raise AssertionError(self.errors)
        return self.spans

    def one_trace(self, count):
        """Waits for that many spans, all of one request: (its own, those below it in their order)."""
        spans = self.wait_spans(count)
        if len(spans) != count or len({span["trace"] for span in spans}) != 1:
            raise AssertionError(spans)
        own = [span for span in spans if span["kind"] == SERVER]
        if len(own) != 1:
            raise AssertionError(spans)
        inner = sorted((span for span in spans if span["kind"] != SERVER),
                       key=lambda span: int(span["start"]))
        return own[0], inner

    def clear(self):
        del self.calls[:], self.spans[:], self.errors[:]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
