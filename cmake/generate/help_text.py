"""The command line as the program's own help tells it: commands, options, and the text below them."""

import re
import subprocess

# `  -c,--config FILE|FOLDER         what it is`; what it is may stand in the next line.
ENTRY = re.compile(r"^  (\S.*?)(?:\s{2,}(\S.*))?$")
# Commands stand in groups: `Commands:`, `Commands for a running gateway:`.
GROUP = re.compile(r"^Commands\b.*:$")
OPTION = re.compile(r"^(?:(-\w),)?(--[\w-]+|-\w)(?:,--[\w-]+(?:\{\w+\})?)*(?:\s+(.+))?$")


class Option:
    def __init__(self, name, about):
        short, long, value = OPTION.match(name).groups()
        self.names = [one for one in (short, long) if one]
        self.value = (value or "").strip()
        self.about = about

    def __repr__(self):
        return f"{self.names} {self.value}"


class Command:
    """`name` is empty for the program itself."""

    def __init__(self, name, text):
        self.name = name
        head, _, rest = text.partition("\n")
        self.summary = head.strip()
        lines = rest.splitlines()
        self.usage = next(line.removeprefix("Usage: ").strip() for line in lines
                          if line.startswith("Usage: "))
        self.positionals, self.options, self.commands = [], [], []
        last = 0
        blocks = {"Positionals:": self.positionals, "Options:": self.options}
        for at, line in enumerate(lines):
            block = self.commands if GROUP.match(line) else blocks.get(line)
            if block is not None:
                entries, last = read_entries(lines, at + 1)
                block.extend(entries)
        self.options = [Option(*entry) for entry in self.options]
        # What the program says below the lists, as it is laid out there.
        self.footer = "\n".join(lines[last:]).strip("\n")


def read_entries(lines, at):
    """(name, about) of each line of a list, and where it ends."""
    entries = []
    while at < len(lines) and lines[at].startswith("  "):
        if lines[at].startswith("   ") and entries:  # goes on
            name, about = entries[-1]
            entries[-1] = (name, f"{about} {lines[at].strip()}".strip())
        else:
            name, about = ENTRY.match(lines[at]).groups()
            entries.append((name.strip(), about or ""))
        at += 1
    return entries, at


def ask(weir, *arguments):
    return subprocess.run([weir, *arguments], check=True, capture_output=True, text=True,
                          timeout=60).stdout


def read(weir):
    """The program and its commands, by name; the program's own name is ''."""
    program = Command("", ask(weir, "--help"))
    out = {"": program}
    for name, _ in program.commands:
        out[name] = Command(name, ask(weir, name, "--help"))
    return out
