// What stands below the options in the help of each command that asks a running gateway.
// tests/integration/test_help.py holds it against the program.
#pragma once

namespace weir::app::help {

#define WEIR_HELP_ADDRESS                                                                     \
  "ADDRESS is IP:PORT, NAME:PORT or unix:PATH. Without --admin it is admin.bind of the\n"     \
  "configuration (or loopback, if that is 0.0.0.0 or [::]), and 127.0.0.1:9901 if there is\n" \
  "no /etc/weir/weir.yaml that can be read.\n"

// With --admin alone no configuration is read, so that its token goes to nobody else.
#define WEIR_HELP_TOKEN                                                                         \
  "A token is needed if the admin address is not loopback. With --admin, the token_file of a\n" \
  "configuration is used only if -c names that configuration.\n"

#define WEIR_HELP_EXIT                                                                        \
  "Exit: 0 done, 1 it refused or could not be asked (one line on stderr says why), 2 wrong\n" \
  "usage"

inline constexpr const char* health = WEIR_HELP_ADDRESS
    "\n"
    "Asks /readyz and waits at most 2 s; for health checks of containers, which need no shell.\n"
    "Exit: 0 ready, 1 not (stderr says why), 2 wrong usage.\n"
    "Example: weir health --admin 127.0.0.1:9901";

inline constexpr const char* status = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "Rates are those of the last ten seconds. --json has the same as one document: GET /status in\n"
    "docs/operations.md.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir status";

inline constexpr const char* upstreams = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "FULL is how full the pool and its queue are, WAITING the requests in that queue, IDLE the\n"
    "connections that are kept. --json prints what GET /upstreams answers; with NAME, only that\n"
    "upstream.\n" WEIR_HELP_EXIT
    ", 3 no such upstream.\n"
    "Example: weir upstreams orders-v1";

inline constexpr const char* tail = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "Prints time (UTC), status, duration, method, host and path, reason, route, upstream and\n"
    "endpoint of every request, whatever access_log.path and sample say. A request is printed\n"
    "if it fits all of the options; an option that is given again adds an alternative (--slow:\n"
    "the last one counts). --json prints the access log's own lines. It ends with 1 when the\n"
    "gateway ends.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir tail --status 5xx --route shop";

inline constexpr const char* reload = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "A reload is all or nothing: if anything is wrong, the mistakes are printed as weir check\n"
    "prints them, and nothing changes.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir reload";

inline constexpr const char* upgrade = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "The gateway starts the program again by the path by which it was started, where a new "
    "version\n"
    "may stand by now, with the same arguments. The new process gets the listening sockets, reads\n"
    "the configuration and gets ready; then it accepts, and the old one finishes what it has, for\n"
    "server.handover_timeout at most. No connection is refused or lost. If the new process ends, "
    "or\n"
    "is not ready within 30 s, the mistakes are printed and the old one serves on. The same as\n"
    "SIGUSR2. docs/restart.md tells about systemd and containers.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir upgrade";

inline constexpr const char* drain = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "/readyz answers 503, so that balancers send no new clients, and answers close their\n"
    "connections. It goes on serving, and does not end.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir drain";

inline constexpr const char* undrain = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN "\n" WEIR_HELP_EXIT
                                                                         ".\n"
                                                                         "Example: weir undrain";

inline constexpr const char* split = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "The weights take effect at once, and hold until the split changes in the file or until\n"
    "--reset.\n" WEIR_HELP_EXIT
    ", 3 no such route.\n"
    "Example: weir split shop v1=50 v2=50";

inline constexpr const char* endpoint = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "With drain and down it gets no new requests, and those in flight are finished. This holds\n"
    "until --reset, or until the endpoint is removed from the file.\n" WEIR_HELP_EXIT
    ", 3 no such upstream or endpoint.\n"
    "Example: weir endpoint orders-v1 10.0.0.1:8080 drain";

inline constexpr const char* breaker = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "While it is held open, every request to the upstream is answered with 503 circuit_open;\n"
    "while it is held closed, all are sent.\n" WEIR_HELP_EXIT
    ", 3 no such upstream.\n"
    "Example: weir breaker orders-v2 open";

inline constexpr const char* log_level = WEIR_HELP_ADDRESS WEIR_HELP_TOKEN
    "\n"
    "This is the level of the diagnostics on stderr. TIME is a number and ms, s, m or h. With\n"
    "--for, every reload brings the file's level back; without it, only a reload that changes\n"
    "the file's level does.\n"
    "\n"
    "--component is for the steps of connections and tries, which are written at debug and trace:\n"
    "client (clients' connections, and what becomes of requests), http2 (resets and GOAWAYs) or\n"
    "upstream (choice of an endpoint, connects, connections kept and given up). A level without\n"
    "--component is for all of them again.\n" WEIR_HELP_EXIT
    ".\n"
    "Example: weir log-level debug --component upstream --for 30s";

#undef WEIR_HELP_EXIT
#undef WEIR_HELP_TOKEN
#undef WEIR_HELP_ADDRESS

}  // namespace weir::app::help
