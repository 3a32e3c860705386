"""Bounded waiting. `wait_until` polls, so it is for facts outside this process only (a metric, a
/proc value, a log file); whatever happens inside the harness is an event and is waited for as one.
The bounds are for machines that are busy with other work: a wait ends with what it waits for."""

import os
import time

# Sanitizer builds are slower: a factor for every bound, never a reason to wait longer when all is well.
PATIENCE = float(os.environ.get("WEIR_TEST_PATIENCE", "1"))


def bound(seconds):
    return seconds * PATIENCE


def wait_until(what, condition, timeout=30.0, interval=0.01):
    """The first true result of `condition()`; an AssertionError naming `what` after `timeout`."""
    deadline = time.monotonic() + bound(timeout)
    last = None
    while True:
        last = condition()
        if last:
            return last
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {bound(timeout):.1f} s for {what}; last seen: {last!r}")
        time.sleep(interval)
