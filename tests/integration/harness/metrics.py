"""The Prometheus text format, as far as a scrape of Weir uses it."""

import re

SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?')


class Metrics:
    """One scrape. `value` adds up all series whose labels include the given ones."""

    def __init__(self, text):
        self.text = text
        self.samples = []  # (name, labels, value)
        self.types = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ", 3)
                self.types[name] = kind
            elif line and not line.startswith("#"):
                match = SAMPLE.match(line)
                if not match:
                    raise AssertionError(f"not a sample line: {line!r}")
                labels = dict(LABEL.findall(match[2] or ""))
                self.samples.append((match[1], labels, float(match[3])))

    def series(self, name, **labels):
        return [(have, value) for sample, have, value in self.samples
                if sample == name and all(have.get(k) == str(v) for k, v in labels.items())]

    def value(self, name, **labels):
        """The sum of the matching series, None where there is none."""
        found = self.series(name, **labels)
        return sum(value for _, value in found) if found else None

    def label_values(self, name, label):
        return {labels.get(label) for labels, _ in self.series(name)}
