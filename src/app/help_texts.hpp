// What stands below the options in the help of each command: how it ends, what it listens to, an
// example. tests/integration/test_help.py holds them against the program.
#pragma once

namespace weir::app::help {

inline constexpr const char* all =
    "Try it:\n"
    "  weir demo                                    a gateway with two backends, nothing else "
    "needed\n"
    "With a file of your own:\n"
    "  weir check -c weir.yaml                      every mistake at once, with place and remedy\n"
    "  weir test -c weir.yaml                       the tests that stand in it\n"
    "  weir diff weir.yaml new.yaml                 what a change does before it is made\n"
    "  weir explain -c weir.yaml GET http://api.example.com/orders/7\n"
    "  weir run -c weir.yaml                        serve\n"
    "and while it runs:\n"
    "  weir status                                  how it is, and what to look at\n"
    "  weir upstreams                               where requests go, which endpoint is out and "
    "why\n"
    "\n"
    "weir help COMMAND tells more about each. Wrong usage is answered with one line and exit 2.\n"
    "docs/ has a quick start and a guide; config/reference.yaml has every key with its default.";

// For every command that reads a configuration.
#define WEIR_HELP_CONFIGURATION                                                                   \
  "A folder's *.yaml and *.yml files are joined, in the order of their names. ${NAME} and\n"      \
  "${NAME:-default} in values are taken from the environment. Relative file names start at the\n" \
  "configuration's folder, or with -c - at the current one.\n"

inline constexpr const char* run = WEIR_HELP_CONFIGURATION
    "\n"
    "Signals:\n"
    "  SIGTERM, SIGINT   drain and stop: readiness turns 503, server.drain_delay passes while "
    "requests\n"
    "                    are still accepted, then those in flight have server.drain_timeout.\n"
    "                    A second signal ends it at once\n"
    "  SIGHUP            read the configuration again, all or nothing; what is wrong is logged.\n"
    "                    What came from stdin cannot be read again\n"
    "  SIGUSR1           reopen the log files, after they were rotated\n"
    "  SIGUSR2           start the program anew by the path of the start and hand over to it, as "
    "weir\n"
    "                    upgrade does; the old process drains for server.handover_timeout at most\n"
    "WEIR_TAKE_OVER=1 in the environment: listens beside another weir of this user, which is "
    "stopped\n"
    "next, and takes its admin address when it gives that up (docs/restart.md).\n"
    "Output: the access log on stdout (access_log.path), diagnostics on stderr, among them the\n"
    "address of each listener: listening name=http address=127.0.0.1:8080\n"
    "Exit: 0 drained clean, 1 could not start, 2 something was cut at the end of the drain or "
    "wrong "
    "usage.\n"
    "Example: weir run -c /etc/weir/weir.yaml";

inline constexpr const char* check = WEIR_HELP_CONFIGURATION
    "\n"
    "Opens certificates, keys and other files that are named, but connects to nothing.\n"
    "Each mistake is a line on stderr, FILE:LINE:COLUMN: KEY: what is wrong, and below it\n"
    "the line of the file with a caret; lines and columns count from 1. Warnings begin with\n"
    "\"warning: \" and end with their name in brackets; a comment `# weir: allow NAME` at the\n"
    "line, or alone on the line above, switches one off. docs/check.md shows examples.\n"
    "Its tests are run, too, and one that fails is a mistake.\n"
    "Exit: 0 valid (there may be warnings), 1 not valid, 2 wrong usage.\n"
    "Example: weir check weir.yaml";

inline constexpr const char* test = WEIR_HELP_CONFIGURATION
    "\n"
    "Prints a line for each test below `tests`, and of one that failed what was expected (-) and\n"
    "what would happen (+). Nothing is sent: each request is treated as weir explain does it.\n"
    "docs/tests-in-the-file.md shows examples.\n"
    "Exit: 0 all passed, 1 one failed or the configuration is not valid, 2 wrong usage.\n"
    "Example: weir test -c weir.yaml --junit results.xml";

inline constexpr const char* diff =
    "Prints what is added (+), removed (-) and changed (~), by name. With --log it replays an\n"
    "access log: how many of its requests the new configuration would treat otherwise (another\n"
    "route, upstream, answer or path), with examples. What a line of the log does not have, such\n"
    "as most headers, may decide: such requests are counted as \"cannot tell\".\n"
    "Exit: 0 the same, 1 different, 2 one cannot be read or wrong usage.\n"
    "Example: weir diff --admin 127.0.0.1:9901 --log access.log new.yaml";

inline constexpr const char* explain = WEIR_HELP_CONFIGURATION
    "\n"
    "Prints a line for each step: listener, client, normalised path, why the nearest other routes\n"
    "did not match, the route, what each middleware would say, the upstream with its shares.\n"
    "Nothing is sent, and tokens are not verified. A path alone has no host: give an absolute\n"
    "URL, or -H 'Host: NAME'.\n"
    "Exit: 0 routed, 1 the configuration is not valid, 2 wrong usage, 3 no route or refused.\n"
    "Example: weir explain -c weir.yaml --from 192.0.2.7 -H 'x-canary: always' \\\n"
    "           GET http://api.example.com/orders/7";

inline constexpr const char* routes = WEIR_HELP_CONFIGURATION
    "\n"
    "Prints a line for each route: name, conditions, action, middleware; the first that matches\n"
    "wins.\n"
    "--live asks a running gateway, as weir status does; -c says where to ask then (weir help\n"
    "status: ADDRESS, the token).\n"
    "Exit: 0 printed, 1 the configuration is not valid or, with --live, the gateway could not be\n"
    "asked, 2 wrong usage.\n"
    "Example: weir routes -c weir.yaml";

inline constexpr const char* demo =
    "Prints commands to try, on stdout. On a terminal, a line for each request follows, and keys\n"
    "work: b breaks backend v2 or repairs it, c moves the canary, t turns the demo's own traffic\n"
    "on or off, s prints a status, h the commands again, q ends. Elsewhere the access log "
    "follows,\n"
    "in JSON. Signals are those of run.\n"
    "Exit: 0 drained clean, 1 could not start, 2 something was cut at the end of the drain or "
    "wrong "
    "usage.\n"
    "Example: weir demo --bind 127.0.0.1:8000 --admin 127.0.0.1:9000";

#define WEIR_HELP_ETCD                                                                             \
  "Each key below the prefix is a document, which holds routes, upstreams, middleware and\n"       \
  "certificates (docs/providers.md). Where etcd is says providers.etcd of the configuration, or\n" \
  "--etcd with --prefix, --ca, --cert, --key, --user and --password-file.\n"

inline constexpr const char* pull = WEIR_HELP_ETCD
    "\n"
    "Prints it on stdout, behind a line `# weir: revision N`, which weir push compares.\n"
    "Exit: 0 printed, 1 there is no such document or etcd could not be asked, 2 wrong usage.\n"
    "Example: weir pull orders > orders.yaml";

inline constexpr const char* push = WEIR_HELP_ETCD
    "\n"
    "With -c (or /etc/weir/weir.yaml) the document is checked together with the configuration and\n"
    "the other documents, as a gateway would; with --etcd alone, by itself. It is put if\n"
    "nobody has changed it since the revision of its first line, `# weir: revision N`; 0 is a\n"
    "document that is not there yet. The line itself is not put.\n"
    "Exit: 0 put, 1 it is wrong, somebody has changed it, or etcd could not be asked, 2 wrong\n"
    "usage.\n"
    "Example: weir push orders.yaml";

#undef WEIR_HELP_ETCD

inline constexpr const char* schema =
    "Exit: 0 printed, 2 wrong usage.\n"
    "Example: weir schema > weir.schema.json\n"
    "and as the first line of weir.yaml, for editors with the YAML language server:\n"
    "  # yaml-language-server: $schema=weir.schema.json";

inline constexpr const char* help = "Exit: 0 printed, 2 no such command.\nExample: weir help run";

inline constexpr const char* version = "Exit: 0 printed, 2 wrong usage.";

#undef WEIR_HELP_CONFIGURATION

}  // namespace weir::app::help
