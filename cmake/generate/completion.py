"""Completion for bash, zsh and fish, of the program's help."""

import re

HEAD = "# Made from the help of weir; changes here are lost.\n"


def is_file(value):
    return bool(re.search(r"\b(FILE|FOLDER|PATH)\b", value)) and "IP:" not in value


def words_of(value):
    """The words among which a value is chosen: `ready|drain|down`; none for a value of any form."""
    words = value.strip("[]{}").split("|")
    return words if len(words) > 1 and all(re.fullmatch(r"[a-z][a-z-]*", one) for one in words) else []


# `ready, drain or down`, and behind a colon what they mean.
CHOICE = re.compile(r"^([a-z][a-z-]*(?:, [a-z][a-z-]*)*),? or ([a-z][a-z-]*)(?::.*)?$")


def positional_words(command):
    """Words among which a positional is chosen, as the help tells of it."""
    out = []
    for name, about in command.positionals:
        choice = CHOICE.match(about)
        out += [*choice[1].split(", "), choice[2]] if choice else words_of(name)
    return out


def takes_file(command):
    return any(is_file(name) for name, _ in command.positionals)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def bash(commands):
    names = [name for name in commands if name]
    out = [HEAD, "_weir() {",
           '  local command="" current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"',
           "  local words=\"\" i",
           "  for ((i = 1; i < COMP_CWORD; ++i)); do",
           '    case "${COMP_WORDS[i]}" in -*) ;; *) command="${COMP_WORDS[i]}"; break ;; esac',
           "  done",
           "  COMPREPLY=()",
           '  case "$command:$previous" in']
    for name, command in commands.items():
        for option in command.options:
            keys = "|".join(f"{name}:{one}" for one in option.names)
            if option.value and is_file(option.value):
                out.append(f'    {keys}) compopt -o filenames 2>/dev/null; '
                           'COMPREPLY=($(compgen -f -- "$current")); return ;;')
            elif option.value:
                words = " ".join(words_of(option.value))
                out.append(f'    {keys}) COMPREPLY=($(compgen -W "{words}" -- "$current")); return ;;')
    out += ["  esac", '  case "$command" in']
    for name, command in commands.items():
        words = [one for option in command.options for one in option.names]
        words += positional_words(command) if name else names
        if name == "help":
            words += [one for one in names if one != name]
        out.append(f'    "{name}") words="{" ".join(words)}" ;;')
    out += ["  esac",
            '  COMPREPLY=($(compgen -W "$words" -- "$current"))']
    files = "|".join(name for name, command in commands.items() if takes_file(command))
    if files:
        out += [f'  case "$command" in {files})',
                '    compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$current")) ;;', "  esac"]
    out += ["}", "complete -F _weir weir"]
    return "\n".join(out) + "\n"


def zsh_option(option):
    about = re.sub(r"([\[\]:\\])", r"\\\1", option.about)
    value = ""
    if option.value:
        label = re.sub(r"[:\\']", " ", option.value)
        words = words_of(option.value)
        action = f"({' '.join(words)})" if words else "_files" if is_file(option.value) else " "
        value = f":{label}:{action}"
    names = option.names
    if len(names) == 1:
        return quoted(f"*{names[0]}[{about}]{value}")
    return f"{quoted('*')}{{{','.join(names)}}}{quoted(f'[{about}]{value}')}"


def zsh(commands):
    out = ["#compdef weir", HEAD, "_weir() {", "  local context state state_descr line",
           "  typeset -A opt_args", "  local -a commands", "  commands=("]
    for name, command in commands.items():
        if name:
            out.append("    " + quoted(f"{name}:{command.summary}"))
    out += ["  )", "  _arguments -C \\"]
    for option in commands[""].options:
        out.append(f"    {zsh_option(option)} \\")
    out += ["    '1:command:->command' '*::argument:->argument'", '  case "$state" in',
            "    command) _describe command commands ;;", "    argument)",
            '      case "${line[1]}" in']
    for name, command in commands.items():
        if not name:
            continue
        words = positional_words(command)
        if name == "help":
            words = [one for one in commands if one and one != name]
        action = f"({' '.join(words)})" if words else "_files" if takes_file(command) else " "
        parts = [zsh_option(option) for option in command.options] + [quoted(f"*:argument:{action}")]
        out.append(f"        {name}) _arguments \\\n          " + " \\\n          ".join(parts) + " ;;")
    out += ["      esac ;;", "  esac", "}", '_weir "$@"']
    return "\n".join(out) + "\n"


def fish_option(name, option):
    seen = f"__fish_seen_subcommand_from {name}" if name else "__fish_use_subcommand"
    parts = [f"complete -c weir -n {quoted(seen)}"]
    for one in option.names:
        parts.append(f"-l {one[2:]}" if one.startswith("--") else f"-s {one[1:]}")
    if option.value:
        parts.append("-r")
        words = words_of(option.value)
        if words:
            parts.append(f"-a {quoted(' '.join(words))}")
        elif is_file(option.value):
            parts.append("-F")
    return " ".join([*parts, "-d", quoted(option.about)])


def fish(commands):
    out = [HEAD, "complete -c weir -f"]
    for name, command in commands.items():
        if name:
            out.append(f"complete -c weir -n __fish_use_subcommand -a {name} -d {quoted(command.summary)}")
        for option in command.options:
            out.append(fish_option(name, option))
        words = positional_words(command) if name else []
        if name == "help":
            words = [one for one in commands if one and one != name]
        seen = quoted(f"__fish_seen_subcommand_from {name}")
        if words:
            out.append(f"complete -c weir -n {seen} -a {quoted(' '.join(words))}")
        elif name and takes_file(command):
            out.append(f"complete -c weir -n {seen} -F")
    return "\n".join(out) + "\n"
