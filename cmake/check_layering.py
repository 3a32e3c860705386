#!/usr/bin/env python3
"""Who may name whom, which library stays in which room, and how long a file may be.

A folder includes only folders on a lower floor, or itself, and declares no type of a higher one. Two files of a room have
no function, type or constant of the same name in unnamed namespaces, and no static function: in a bundle
(cmake/Unity.cmake) the compiler refuses the second, or takes the other's function wherever the arguments fit. An alias may
be there twice if it means the same. Nor have two unit tests of one namespace such names, whatever their folders: bundles of
tests do not end with a folder. Run as a test and by ./dev lint; cmake/check_layering_test.py tests it.
"""
import pathlib
import re
import sys

FLOORS = {
    "base": 0,
    "http": 1, "config": 1, "control": 1,
    "net": 2, "names": 2, "route": 2, "telemetry": 2,
    "codec": 3, "auth": 3, "tracing": 3,
    "upstream": 4, "middleware": 4, "provider": 4,
    "proxy": 5,
    "server": 6,
    "app": 7,
}

# The rooms that may include a library, by the start of the header's name.
QUARANTINE = {
    "yaml-cpp/": {"config"},
    "re2/": {"route"},
    "zlib.h": {"base"},
    "spdlog/": {"telemetry"},
    "nghttp2/": {"codec"},
    "idn2.h": {"config"},
    "ares.h": {"names"},
    "boost/beast": {"server", "app"},
    "boost/json": {"server", "auth", "provider", "app"},
    "curl/": {"auth", "provider", "tracing"},
    "boost/asio/ip/": {"server", "upstream", "app"},
    "boost/asio/signal_set": {"server", "app"},
    "sys/epoll.h": {"net"},
    "openssl/ssl.h": {"net"},
    "CLI/": {"app"},
}

# The rooms that may call a function of a lower one, where the others are to find it const.
CALLERS = {
    "fill_context": {"http", "codec", "server"},
}

# What a folder may include beside those below it, with the reason.
ALLOWED = {
    ("config", "http"): "the loader parses templates and knows field names; http knows nothing of config",
}

# Functions that may have the same name in unnamed namespaces of a room, with the reason.
OVERLOADED = {
    ("config", "fields"): "one for each type of the configuration, which no other converts to",
}

MOST_LINES = 400
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')

# Comments, literals and directives. What is between two tokens of C++ and none of these has no brace of its own.
NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"(?P<mark>[^()\s]*)\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"
    r'|^[ \t]*#(?:\\\n|[^\n])*',
    re.S | re.M)
NAMESPACE = re.compile(r"(?:inline\s+)?namespace(?:\s+([\w:]+))?$")
FORWARD = re.compile(r"(?:template\s*<.*>\s*)?(?:class|struct|union|enum(?:\s+class|\s+struct)?)\s+(\w+)(?:\s*:\s*[\w:\s]+)?$", re.S)
TYPE = re.compile(r"(?:^|[\s>])(?:class|struct|union|enum(?:\s+class|\s+struct)?)\s+(?:alignas\s*\([^)]*\)\s*)?(\w+)(?:\s+final)?\s*(?::(?!:)|$)", re.S)
ALIAS = re.compile(r"using\s+(\w+)\s*=\s*(.+)$", re.S)
CONSTANT = re.compile(r"(?:(?:inline|static)\s+)*const(?:expr|init)?\s[^()]*?(\w+)(?:\[[^\]]*\])*$", re.S)
NOT_NAMES = {"if", "for", "while", "switch", "catch", "return", "sizeof", "alignas", "decltype", "requires", "noexcept",
             "operator", "static_assert"}


def room(path: pathlib.Path, root: pathlib.Path) -> str:
    parts = path.relative_to(root).parts
    return parts[2] if parts[0] == "include" else parts[1]


def target_room(included: str) -> str | None:
    if included.startswith("weir/"):
        return included.split("/")[1]
    first = included.split("/")[0]
    return first if "/" in included and first in FLOORS else None


def without_literals(text: str) -> str:
    """The same with nothing in comments, literals and directives; its lines stay where they are."""
    def blank(found: re.Match) -> str:
        kept = "\n" * found.group().count("\n")
        return '""' + kept if found.group()[0] in "\"'R" else " " + kept
    return NO_CODE.sub(blank, text)


def function_name(head: str) -> str | None:
    """Of the function that `head` begins; None where a `{` behind it begins something else."""
    head = re.sub(r"\[\[.*?\]\]", " ", head, flags=re.S)
    found = re.search(r"([~\w:]+)\s*\(", head)
    if not found or "=" in head[:found.start()] or found.group(1) in NOT_NAMES or "::" in found.group(1):
        return None
    return found.group(1) if head[:found.start()].strip() else None


def constant_name(head: str) -> str | None:
    """Of the constant whose declaration begins with `head`."""
    found = CONSTANT.match(head.split("=")[0].strip())
    return found.group(1) if found else None


def names_of(text: str) -> tuple[list, list, list]:
    """(namespace, name, line) of the types that are declared only and of those that are defined, and (namespace, name,
    line, meaning) of what is defined in an unnamed namespace, and of static functions. Only an alias has a meaning."""
    code = without_literals(text)
    declared, defined, hidden = [], [], []
    scopes = []  # names of namespaces, "" for an unnamed one, None for a block that is none
    begin, line = 0, 1
    for found in re.finditer(r"[{};]", code):
        mark, head = found.group(), code[begin:found.start()]
        line += head.count("\n")
        begin = found.end()
        outside = None not in scopes
        head = head.strip() if outside else ""
        where = "::".join(name for name in scopes if name) if outside else None
        if mark == "{":
            space = NAMESPACE.search(head)
            scopes.append((space.group(1) or "") if space else None)
            if space or not outside:
                continue
            head = re.sub(r"^\s*template\s*<[^{};]*?>\s*(?=class|struct|union)", "", head)
            head = re.sub(r"\[\[.*?\]\]", " ", head, flags=re.S)
            if kind := TYPE.search(head):
                defined.append((where, kind.group(1), line))
                if "" in scopes:
                    hidden.append((where, kind.group(1), line, ""))
            elif "" in scopes and (name := constant_name(head)):
                hidden.append((where, name, line, ""))
            elif ("" in scopes or head.startswith("static ")) and (name := function_name(head)):
                hidden.append((where, name, line, ""))
        elif mark == "}":
            if scopes:
                scopes.pop()
        elif outside and (kind := FORWARD.match(head)):
            declared.append((where, kind.group(1), line))
        elif outside and "" in scopes:
            if alias := ALIAS.match(head):
                hidden.append((where, alias.group(1), line, " ".join(alias.group(2).split())))
            elif name := constant_name(head):
                hidden.append((where, name, line, ""))
    return declared, defined, hidden


def check_forward(names: dict, root: pathlib.Path) -> list[str]:
    """What rooms declare of higher ones. Who defines a type counts; where nobody does, its namespace."""
    homes = {}
    for path, (_, defined, _) in names.items():
        for space, name, _ in defined:
            homes.setdefault((space, name), set()).add(room(path, root))
    problems = []
    for path, (declared, _, _) in names.items():
        here = room(path, root)
        for space, name, line in declared:
            spaces = [part for part in space.split("::") if part in FLOORS]
            rooms = homes.get((space, name)) or set(spaces[:1])
            if rooms and all(there != here and FLOORS[there] >= FLOORS[here] and (here, there) not in ALLOWED
                             for there in rooms):
                there = sorted(rooms)[0]
                problems.append(f"{path.relative_to(root)}:{line}: {here} (floor {FLOORS[here]}) declares {space}::{name}"
                                f" of {there} (floor {FLOORS[there]})")
    return problems


def check_hidden(names: dict, root: pathlib.Path, place=room) -> list[str]:
    """What two files of one `place` (a room) call the same in unnamed namespaces of the same namespace."""
    first = {}
    problems = []
    for path, (_, _, hidden) in names.items():
        here = place(path, root)
        for space, name, line, meaning in hidden:
            if (here, name) in OVERLOADED:
                continue
            other, at, there = first.setdefault((here, space, name), (path, line, meaning))
            if other != path and (meaning != there or not meaning):
                problems.append(f"{path.relative_to(root)}:{line}: {name} is also in the unnamed namespace of "
                                f"{other.relative_to(root)}:{at}; rename one, or make both one")
    return problems


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = []
    files = [p for top in ("include/weir", "src") for p in sorted((root / top).rglob("*")) if p.suffix in (".hpp", ".cpp")]
    names = {}
    for path in files:
        here = room(path, root)
        if here not in FLOORS:
            problems.append(f"{path}: unknown room '{here}'")
            continue
        text = path.read_text()
        names[path] = names_of(text)
        lines = text.splitlines()
        if len(lines) > MOST_LINES:
            problems.append(f"{path}: {len(lines)} lines; split it (at most {MOST_LINES})")
        for number, line in enumerate(lines, 1):
            for function, rooms in CALLERS.items():
                if here not in rooms and re.search(rf"\b{function}\(", line):
                    problems.append(f"{path.relative_to(root)}:{number}: {function}() is for {', '.join(sorted(rooms))} alone")
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
    problems += check_forward(names, root) + check_hidden(names, root)
    tests = [p for p in sorted((root / "tests/unit").rglob("*")) if p.suffix in (".hpp", ".cpp")]
    problems += check_hidden({path: names_of(path.read_text()) for path in tests}, root, lambda path, root: "tests")
    for problem in problems:
        print(problem)
    print(f"{len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
