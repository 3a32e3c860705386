"""The header fields of a message that came, however it came."""


class Fields:
    """What looks into `headers`: a list of names and values, in order, names as they came."""

    headers = ()

    def all(self, name):
        return [value for have, value in self.headers if have.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        return ", ".join(values) if values else None

    def names(self):
        return [name for name, _ in self.headers]
