"""weir(1), of the program's help."""

import re

from troff import bold, entry, escape, flow, heading

FILES = [("/etc/weir/weir.yaml", "The configuration, unless -c names another one: weir.yaml(5)."),
         ("/usr/share/doc/weir/examples/reference.yaml", "Every key of it with its default.")]


def option(one):
    value = f" {escape(one.value)}" if one.value else ""
    return entry(", ".join(bold(name) for name in one.names) + value, [escape(one.about)])


def page(commands, version, date):
    program = commands[""]
    what = program.summary.partition(", ")[2] or program.summary
    out = heading("WEIR", date, 1, f"weir {version}", "User Commands")
    out += [".SH NAME", f"weir \\- {escape(re.sub('^an? ', '', what))}", ".SH SYNOPSIS"]
    for name, command in commands.items():
        if name:
            rest = command.usage.removeprefix("weir ").removeprefix(name).strip()
            out += [f"{bold('weir ' + name)} {escape(rest)}", ".br"]
    out += [".SH DESCRIPTION", *flow(program.footer), ".SH OPTIONS"]
    for one in program.options:
        out += option(one)
    out.append(".SH COMMANDS")
    for name, command in commands.items():
        if not name:
            continue
        out += [f".SS weir {name}", escape(command.summary) + "."]
        for positional, about in command.positionals:
            out += entry(escape(positional), [escape(about)])
        for one in command.options:
            if "--help" not in one.names:
                out += option(one)
        out += flow(command.footer)
    out.append(".SH FILES")
    for name, about in FILES:
        out += entry(f"\\fI{escape(name)}\\fR", [escape(about)])
    out += [".SH SEE ALSO", bold("weir.yaml") + "(5)", escape("and /usr/share/doc/weir/.")]
    return "\n".join(out) + "\n"
