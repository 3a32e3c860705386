"""package_files.py WEIR FOLDER MAINTAINER: makes the files of a package that follow from the program: the
manual pages weir(1) and weir.yaml(5), completion for bash, zsh and fish, and the changelog as Debian wants it.
WEIR is the program, MAINTAINER is NAME <ADDRESS>."""

import datetime
import email.utils
import gzip
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True

import completion  # noqa: E402
import help_text  # noqa: E402
import man_command  # noqa: E402
import man_configuration  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


CHANGELOG = """weir ({}) unstable; urgency=medium

  * Version {}: see CHANGELOG.md beside this file.

 -- {}  {}
"""


def files(weir, maintainer):
    """Name to text of each."""
    commands = help_text.read(weir)
    version = help_text.ask(weir, "--version").split()[1]
    moment = int(os.environ.get("SOURCE_DATE_EPOCH", 0)) or datetime.datetime.now().timestamp()
    now = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
    date = now.strftime("%Y-%m-%d")
    reference = (ROOT / "config" / "reference.yaml").read_text(encoding="utf-8")
    example = (ROOT / "deploy" / "package" / "weir.yaml").read_text(encoding="utf-8")
    return {
        "weir.1": man_command.page(commands, version, date),
        "weir.yaml.5": man_configuration.page(json.loads(help_text.ask(weir, "schema")), reference,
                                              example, version, date),
        "changelog": CHANGELOG.format(version, version, maintainer, email.utils.format_datetime(now)),
        "weir.bash": completion.bash(commands),
        "_weir": completion.zsh(commands),
        "weir.fish": completion.fish(commands),
    }


def main():
    weir, folder, maintainer = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files(weir, maintainer).items():
        if name[-1].isdigit() or name == "changelog":
            (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        else:
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
