"""weir.yaml(5), of the configuration's schema and of the reference's first lines."""

import json
import re

from troff import bold, entry, escape, heading, literal

# What a pattern of the schema asks for, by a part of it.
KINDS = [("us|ms", "duration"), ("KiB", "size"), ("%", "share"), ("/[", "rate"), ("/(", "rate"),
         ("s|m|h", "rate")]


class Page:
    def __init__(self, schema):
        self.shared = {f"#/$defs/{name}": one for name, one in schema.get("$defs", {}).items()}
        self.out = []

    def resolved(self, schema):
        return self.shared.get(schema.get("$ref"), schema)

    def kind(self, schema):
        """What may be written, in words."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return "" if name == "variable" else name  # ${NAME} may stand for any value
        if "anyOf" in schema or "oneOf" in schema:
            words = [self.kind(one) for one in schema.get("anyOf", schema.get("oneOf"))]
            return " | ".join(dict.fromkeys(word for word in words if word))
        if "enum" in schema:
            return " | ".join(word(one) for one in schema["enum"] if one not in (False, True))
        if "const" in schema:
            return word(schema["const"])
        type_ = schema.get("type", "")
        if isinstance(type_, list):
            return " | ".join(self.kind({**schema, "type": one}) for one in type_)
        if type_ == "integer" or type_ == "number":
            low, high = schema.get("minimum"), schema.get("maximum")
            return f"{low} to {high}" if low is not None and high is not None else "number"
        if type_ == "array":
            items = self.kind(schema.get("items", {}))
            return f"list of ({items})" if " | " in items else f"list of {items or 'values'}"
        if type_ == "string":
            pattern = schema.get("pattern", "")
            return next((name for part, name in KINDS if part in pattern), "text")
        return {"object": "mapping", "null": "null", "boolean": "on | off"}.get(type_, type_)

    def inside(self, schema, path):
        """The mappings that stand in a value: (path, schema) of each."""
        if "$ref" in schema:
            return  # a section of its own
        for one in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
            yield from self.inside(one, path)
        if schema.get("type") == "array":
            yield from self.inside(schema.get("items", {}), path + "[]")
        if "properties" in schema:
            yield path, schema
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            yield from self.inside(more, f"{path}.NAME" if path else "NAME")

    def key(self, path, schema, required):
        about = [escape(schema["description"]) + "."] if schema.get("description") else []
        told = "Required." if required else ""
        default = schema.get("default")
        if not required and "default" in schema and default not in ({}, ""):
            told = f"Default: {word(default)}."
        if told:
            about.append(escape(told))
        kind = self.kind(schema)
        self.out += entry(f"{bold(path)}: {escape(kind)}", about)

    def keys(self, schema, path):
        """Every key of a mapping, and those inside its values."""
        for name, one in schema.get("properties", {}).items():
            below = f"{path}.{name}" if path else name
            self.key(below, one, name in schema.get("required", []))
            for deeper, inner in self.inside(one, below):
                self.keys(inner, deeper)

    def section(self, name, schema):
        self.out += [f".SH {escape(name.upper())}", escape(schema.get("description", name)) + "."]
        found = list(self.inside(schema, ""))
        if not found:
            default = schema.get("default")
            self.out.append(escape(f"Written as: {self.kind(schema)}."))
            if default not in (None, {}, []):
                self.out.append(escape(f"Default: {word(default)}."))
        for path, inner in found:
            self.keys(inner, path.removeprefix("[]").strip("."))


def word(value):
    """A value as it stands in YAML."""
    if value is None:
        return "null"
    if value is False or value is True:
        return "on" if value else "off"
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value)


def introduction(reference):
    """The comment at the beginning of the reference, without its first paragraph, which is about that
    file: what values look like."""
    lines = []
    for line in reference.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    return lines[lines.index("") + 1:] if "" in lines else lines


def page(schema, reference, example, version, date):
    made = Page(schema)
    made.out = heading("WEIR.YAML", date, 5, f"weir {version}", "File Formats")
    made.out += [".SH NAME", "weir.yaml \\- configuration of the HTTP API gateway weir",
                 ".SH DESCRIPTION"]
    for line in introduction(reference):
        made.out.append(escape(line) if line else ".PP")
    made.out += [".PP", escape("Sections below are the keys of the file. In names of keys, [] is each "
                               "item of a list and NAME is a name of your own.")]
    for name, one in schema["properties"].items():
        made.section(name, one)
    for name, one in schema.get("$defs", {}).items():
        if "properties" not in one:
            continue
        made.out += [f".SH THE MAPPING {escape(name.upper())}"]
        for path, inner in made.inside({key: value for key, value in one.items() if key != "$ref"},
                                       ""):
            made.keys(inner, path)
    made.out += [".SH EXAMPLE", escape("What the package installs:"),
                 *literal(re.sub(r"(?m)^#.*\n", "", example).strip().splitlines()),
                 ".SH FILES",
                 *entry("\\fI/etc/weir/weir.yaml\\fR", [escape("The file that weir reads.")]),
                 *entry("\\fI/usr/share/doc/weir/examples/reference.yaml\\fR",
                        [escape("Every key with its default, as one file.")]),
                 ".SH SEE ALSO", bold("weir") + "(1)"]
    return "\n".join(made.out) + "\n"
