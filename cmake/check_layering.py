#!/usr/bin/env python3
"""Who may include whom, which library stays in which room, and how long a file may be.

A folder includes only folders on a lower floor, or itself. Run as a test and by ./dev lint.
"""
import pathlib
import re
import sys

FLOORS = {
    "base": 0,
    "http": 1, "config": 1, "control": 1,
    "net": 2, "route": 2, "telemetry": 2,
    "codec": 3, "auth": 3,
    "upstream": 4, "middleware": 4,
    "proxy": 5,
    "server": 6,
    "app": 7,
}

# The rooms that may include a library, by the start of the header's name.
QUARANTINE = {
    "yaml-cpp/": {"config"},
    "re2/": {"route"},
    "prometheus/": {"telemetry"},
    "spdlog/": {"telemetry"},
    "nghttp2/": {"codec"},
    "idn2.h": {"config"},
    "boost/beast": {"server", "app"},
    "boost/json": {"server", "auth", "app"},
    "curl/": {"auth"},
    "boost/asio/ip/": {"server", "upstream", "app"},
    "boost/asio/signal_set": {"server", "app"},
    "sys/epoll.h": {"net"},
    "openssl/ssl.h": {"net"},
    "CLI/": {"app"},
}

# What a folder may include beside those below it, with the reason.
ALLOWED = {
    ("config", "http"): "the loader parses templates and knows field names; http knows nothing of config",
}

MOST_LINES = 400
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def room(path: pathlib.Path, root: pathlib.Path) -> str:
    parts = path.relative_to(root).parts
    return parts[2] if parts[0] == "include" else parts[1]


def target_room(included: str) -> str | None:
    if included.startswith("weir/"):
        return included.split("/")[1]
    first = included.split("/")[0]
    return first if "/" in included and first in FLOORS else None


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = []
    files = [p for top in ("include/weir", "src") for p in sorted((root / top).rglob("*")) if p.suffix in (".hpp", ".cpp")]
    for path in files:
        here = room(path, root)
        if here not in FLOORS:
            problems.append(f"{path}: unknown room '{here}'")
            continue
        lines = path.read_text().splitlines()
        if len(lines) > MOST_LINES:
            problems.append(f"{path}: {len(lines)} lines; split it (at most {MOST_LINES})")
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            included = found.group(1)
            place = f"{path.relative_to(root)}:{number}"
            there = target_room(included)
            if there is not None and there != here:
                if there not in FLOORS:
                    problems.append(f"{place}: unknown room '{there}'")
                elif FLOORS[there] >= FLOORS[here] and (here, there) not in ALLOWED:
                    problems.append(f"{place}: {here} (floor {FLOORS[here]}) includes {there} (floor {FLOORS[there]})")
            for start, rooms in QUARANTINE.items():
                if included.startswith(start) and here not in rooms:
                    problems.append(f"{place}: <{included}> belongs to {', '.join(sorted(rooms))} alone")
    for problem in problems:
        print(problem)
    print(f"{len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
