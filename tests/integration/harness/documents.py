"""The documentation as the tests see it: fenced blocks by heading, and configurations made of them.

A block that opens with ```yaml weir is a whole file. One that opens with ```yaml weir part shows
the part that matters: `complete` adds a version, a listener, a route and the upstreams it names.
Every other ```yaml block must say whose it is, e.g. ```yaml traefik."""

import os
import re

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
FENCE = re.compile(r"^```(\S*)[ ]*(.*)$")
HEADING = re.compile(r"^#{1,4} (.*)$")


class Block:
    def __init__(self, document, line, heading, language, about):
        self.document, self.line, self.heading = document, line, heading
        self.language, self.about = language, about
        self.text = ""

    def __repr__(self):
        return f"{self.document}:{self.line}"


def documents():
    """Names of all documents for people, relative to the tree."""
    names = [f"docs/{name}" for name in sorted(os.listdir(os.path.join(ROOT, "docs")))
             if name.endswith(".md")]
    return ["README.md", *names, "CHANGELOG.md", "SECURITY.md", ".github/CONTRIBUTING.md"]


def read(document):
    with open(os.path.join(ROOT, document), encoding="utf-8") as file:
        return file.read()


def blocks(document):
    found, heading, block = [], "", None
    for number, line in enumerate(read(document).splitlines(), 1):
        fence = FENCE.match(line)
        if block is not None:
            if line == "```":
                found.append(block)
                block = None
            else:
                block.text += line + "\n"
        elif fence:
            block = Block(document, number, heading, fence[1], fence[2].strip())
        elif HEADING.match(line):
            heading = HEADING.match(line)[1]
    if block is not None:
        raise AssertionError(f"{block}: the block does not end")
    return found


def example(document, heading, number=0):
    """The text of a Weir example below a heading."""
    below = [block for block in blocks(document)
             if block.heading == heading and block.about.startswith("weir")]
    if len(below) <= number:
        raise AssertionError(f"{document}: no example {number} below '{heading}'")
    return below[number].text


def upstreams_defined(text):
    body = re.search(r"(?m)^upstreams:.*\n((?:[ ]+.*\n|\n)*)", text)
    return set(re.findall(r"(?m)^  ([\w.-]+):", body[1])) if body else set()


def upstreams_named(text):
    return set(re.findall(r"\bupstream: ([\w.-]+)", text))


def complete(text, addresses=None):
    """Text of a file that holds what `text` leaves out. `addresses`: of upstreams, by name."""
    there = set(re.findall(r"(?m)^(\w+):", text))
    lines = []
    if "version" not in there:
        lines.append("version: 1")
    if "listeners" not in there:
        lines.append('listeners: [{name: http, bind: "0.0.0.0:8080"}]')
    if "routes" not in there:
        lines.append("routes: [{name: rest, match: {}, respond: {status: 200}}]")
    missing = sorted(upstreams_named(text) - upstreams_defined(text))
    if missing:
        lines.append("upstreams:")
    for name in missing:
        address = (addresses or {}).get(name, "127.0.0.1:9")
        lines.append(f'  {name}: {{endpoints: [{{address: "{address}"}}]}}')
    return "\n".join(lines) + "\n"


def table(document, heading):
    """The cells of the table below a heading, without its head."""
    text = read(document)
    at = re.search(rf"(?m)^#+ {re.escape(heading)}$", text)
    if not at:
        raise AssertionError(f"{document}: no heading '{heading}'")
    below = text[at.end():]
    end = re.search(r"(?m)^#+ ", below)
    lines = [line for line in below[:end.start() if end else None].splitlines()
             if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
