"""Text as man's macros want it."""

import re


def escape(text):
    """A line of text that man shows as it is."""
    out = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    out = out.replace("^", "\\(ha").replace("~", "\\(ti").replace('"', "\\(dq")
    return "\\&" + out if out.startswith(".") else out


def bold(text):
    return f"\\fB{escape(text)}\\fR"


def literal(lines):
    """Lines as they are laid out."""
    return [".RS 4", ".EX", *map(escape, lines), ".EE", ".RE"]


def entry(name, about):
    """A term with what it means."""
    return [".TP", name, *(about or ["\\&"])]


def heading(title, date, section, source, manual):
    return [f'.TH "{title}" {section} "{date}" "{source}" "{manual}"', ".nh", ".ad l"]


LABEL = re.compile(r"^([A-Z]\w+)(:)(?: (.*))?$")
TERM = re.compile(r"^ {2,}(\S+(?: \S+)*?) {2,}(\S.*)$")


def flow(text):
    """Text that was laid out for a terminal: paragraphs, terms with their meaning, and examples."""
    out, lines, at = [], text.splitlines(), 0
    fresh = True  # a paragraph begins
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip():
            fresh = True
            continue
        label = LABEL.match(line)
        if label and label[1] == "Example":
            example = [label[3] or ""]
            while at < len(lines) and (example[-1].endswith("\\") or lines[at].startswith("  ")):
                example.append(re.sub(r"^ +", "    ", lines[at]))
                at += 1
            out += [".PP", bold("Example:"), *literal([one for one in example if one])]
            fresh = True
            continue
        if line.startswith("  "):
            term = TERM.match(line)
            if term is None:
                rows = [line.strip()]
                while at < len(lines) and lines[at].startswith("  ") and not TERM.match(lines[at]):
                    rows.append(lines[at].strip())
                    at += 1
                out += [".PP", *literal(rows)]
            else:
                meaning = [escape(term[2])]
                while at < len(lines) and re.match(r"^ {5,}\S", lines[at]):
                    meaning.append(escape(lines[at].strip()))
                    at += 1
                out += entry(bold(term[1]), meaning)
            fresh = True
            continue
        if fresh or label:
            out.append(".PP")
        fresh = False
        if label:
            out.append(bold(label[1] + label[2]))
            line = label[3] or ""
        if line:
            out.append(escape(line.strip()))
    return out
