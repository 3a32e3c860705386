#!/usr/bin/env python3
"""Shows the circuit breaker of `weir demo`: v2 is made to fail and to recover, and what /upstreams
and /metrics say on the way is printed. Usage: breaker_demo.py WEIR_BINARY"""

import http.client
import json
import re
import subprocess
import sys
import time


def get(address, path, headers=None):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


class Demo:
    def __init__(self, binary):
        self.process = subprocess.Popen(
            [binary, "demo", "--bind", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            found = re.match(r"weir demo: gateway at (\S+), admin address at (\S+), "
                             r"backends v1 at (\S+), v2 at (\S+)$", line)
            if found:
                self.gateway, self.admin, _, self.v2 = found.groups()
                break
        else:
            raise SystemExit("the demo did not start")

    def close(self):
        self.process.terminate()
        self.process.wait(30)

    def show(self, what):
        row = next(row for row in json.loads(get(self.admin, "/upstreams")[2])
                   if row["name"] == "v2")
        metrics = [line for line in get(self.admin, "/metrics")[2].splitlines()
                   if line.startswith("weir_circuit_breaker")]
        print(f"\n== {what}\n/upstreams v2: {json.dumps(row['circuit_breaker'])}")
        print("\n".join(metrics), flush=True)
        return row["circuit_breaker"]["state"]

    def ask(self, times):
        """As callers of v2; statuses in short, and a refusal in full."""
        statuses, refusal = [], None
        for _ in range(times):
            status, headers, body = get(self.gateway, "/", {"x-canary": "always"})
            statuses.append(str(status))
            if "circuit_open" in body:
                refusal = f"Retry-After: {headers['retry-after']}  {body.strip()}"
        print(f"{times} requests to v2: {' '.join(statuses)}")
        if refusal:
            print(refusal)

    def until(self, state):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            row = next(row for row in json.loads(get(self.admin, "/upstreams")[2])
                       if row["name"] == "v2")
            if row["circuit_breaker"]["state"] == state:
                return
            time.sleep(0.05)
        raise SystemExit(f"the breaker did not become {state}")


def main():
    demo = Demo(sys.argv[1])
    try:
        demo.ask(10)
        demo.show("v2 answers")
        print("\n>>", get(demo.v2, "/fail/on")[2].strip())
        demo.ask(12)
        demo.show("v2 fails")
        demo.until("half_open")
        demo.show("open_for is over, v2 still fails")
        demo.ask(4)
        demo.show("its probes failed")
        print("\n>>", get(demo.v2, "/fail/off")[2].strip())
        demo.until("half_open")
        demo.ask(10)
        demo.show("its probes succeeded")
    finally:
        demo.close()


if __name__ == "__main__":
    main()
