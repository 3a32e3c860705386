#!/usr/bin/env python3
"""User-space instructions a request of Weir behind TLS and HTTP/2, counted by callgrind: the difference between two
runs of h2load (16 connections, 20 streams) that differ only in their number of requests. What OpenSSL takes stands
beside it. Streams share records and writes as they happen to come together, so a figure repeats to a few percent.

    python3 bench/load/instructions_tls.py --weir build/release/weir [tls_small] [tls_64k] [tls_1m]
"""

import argparse
import re
import sys
from pathlib import Path

import scenes
from proxies import BenchError, program

COUNTS = {"tls_small": (1_920, 7_680), "tls_64k": (640, 1_920), "tls_1m": (320, 640)}
OPENSSL = ("libcrypto", "libssl")


def by_object(text):
    """{shared object: instructions} of a callgrind file, each object's own."""
    names, found = {}, {}
    current, inclusive = "", False
    for line in text.splitlines():
        if line.startswith(("ob=", "cob=")):
            # A name is told once, here or where it is called from; from then on its number stands for it.
            whose, number, name = re.match(r"(c?ob)=\((\d+)\)\s*(.*)", line).groups()
            if name:
                names[number] = Path(name).name
            if whose == "ob":
                current = names[number]
        elif line.startswith("calls="):
            inclusive = True  # of the next line: what the call cost in all
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not inclusive:
                found[current] = found.get(current, 0) + int(line.split()[1])
            inclusive = False
    return found


def run_once(scenery, scene, requests):
    output = scenery.workspace.path / f"callgrind.{requests}"
    row = scene.rows[0]
    command = scenery.options.weir
    wrapper = scenery.workspace.path / "under_callgrind"
    wrapper.write_text(f'#!/bin/sh\nexec {program("valgrind")} --tool=callgrind --callgrind-out-file={output} '
                       f'{command} "$@"\n')
    wrapper.chmod(0o755)
    scenery.options.weir = wrapper
    try:
        server = scenery.start(row)
    finally:
        scenery.options.weir = command
    try:
        load = scenery.load_command(scene, server.port)
        scenes.wait_ready(server, load, timeout=120)
        scenes.requests_answered(load, requests)
    finally:
        server.stop()
    return by_object(output.read_text())


def main():
    parser = argparse.ArgumentParser(description="User-space instructions a request over TLS, by callgrind.")
    parser.add_argument("scenes", nargs="*", default=[], choices=[*COUNTS, []])
    parser.add_argument("--weir", type=Path, default=Path("build/release/weir"), help="the program to measure")
    options = parser.parse_args()
    options.scenes = options.scenes or ["tls_small", "tls_64k"]
    options.weir = options.weir.resolve()
    scenery = scenes.Scenery(options)
    try:
        for name in options.scenes:
            few, many = COUNTS[name]
            before = run_once(scenery, scenes.SCENES[name], few)
            after = run_once(scenery, scenes.SCENES[name], many)
            each = {key: (after[key] - before.get(key, 0)) / (many - few) for key in after}
            openssl = sum(value for key, value in each.items() if key.startswith(OPENSSL))
            rest = sum(each.values()) - openssl
            print(f"{name:10} {rest:11,.0f} instructions a request, and {openssl:,.0f} of OpenSSL's", flush=True)
    finally:
        scenery.close()


if __name__ == "__main__":
    try:
        main()
    except (BenchError, OSError) as error:
        sys.exit(f"instructions_tls.py: {error}")
